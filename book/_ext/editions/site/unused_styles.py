"""Leave out of the theme's styles what no page of the site can use: half of every page's weight.

A selector goes if it asks for a class that stands in no page and in no script. So do the rules of
icons for which the site's fonts have no glyph (see book/theme/subset_icons.py).
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

from editions.base.project import Project

STYLES = (
    "basic.css",
    "mystnb.*.css",
    "sphinx-design.min.css",
    "styles/pydata-sphinx-theme.css",
    "styles/sphinx-book-theme.css",
)
MADE_BY_SCRIPTS = ("bs-",)  # classes whose names scripts put together
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|/\*.*?\*/|[{};]', re.S)
CLASS = re.compile(r"\.((?:[\w-]|\\.)+)")
ICON = re.compile(r'content:"\\([0-9a-f]{4})"')


def slim_styles(project: Project, site: Path) -> None:
    """Rewrite the styles in the built site."""
    fonts = runpy.run_path(str(project.root / "book" / "theme" / "subset_icons.py"))["FONTS"]
    icons = {code for glyphs in fonts.values() for code in glyphs.values()}
    words = _words(site)
    static = site / "_static"
    for pattern in STYLES:
        for path in static.glob(pattern):
            styles = path.read_text("utf8")
            path.write_text("".join(_kept(styles, words, icons)), "utf8")


def _words(site: Path) -> set[str]:
    words: set[str] = set()
    for page in site.rglob("*.html"):
        for classes in re.findall(r'class="([^"]*)"', page.read_text("utf8")):
            words.update(classes.split())
    for script in [*site.rglob("*.js"), *site.rglob("*.html")]:
        if script.name != "searchindex.js":
            text = script.read_text("utf8", errors="replace")
            if script.suffix == ".html":
                text = " ".join(re.findall(r"<script[^>]*>(.*?)</script>", text, re.S))
            words.update(re.findall(r"[\w-]+", text))
    return words


def _kept(styles: str, words: set[str], icons: set[int]) -> Iterator[str]:
    """The rules that can match something, as they stand."""
    start = depth = opened = 0
    for token in TOKEN.finditer(styles):
        if token[0] == ";" and depth == 0:
            yield styles[start : token.end()]  # @import, @charset
            start = token.end()
        elif token[0] == "{":
            if depth == 0:
                opened = token.end()
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0:
                prelude, body = styles[start : opened - 1], styles[opened : token.start()]
                start = token.end()
                yield _rule(prelude, body, words, icons)


def _rule(prelude: str, body: str, words: set[str], icons: set[int]) -> str:
    prelude = re.sub(r"/\*.*?\*/", "", prelude, flags=re.S).strip()
    if prelude.startswith(("@media", "@supports")):
        inner = "".join(_kept(body, words, icons))
        return f"{prelude}{{{inner}}}" if inner else ""
    if prelude.startswith("@"):
        return f"{prelude}{{{body}}}"
    icon = ICON.fullmatch(body.strip())
    if icon and ".fa-" in prelude and int(icon[1], 16) not in icons:
        return ""
    selectors = [one for one in _selectors(prelude) if _can_match(one, words)]
    return f"{','.join(selectors)}{{{body}}}" if selectors else ""


def _selectors(prelude: str) -> Iterator[str]:
    depth = start = 0
    for index, char in enumerate(prelude):
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            yield prelude[start:index].strip()
            start = index + 1
    yield prelude[start:].strip()


def _can_match(selector: str, words: set[str]) -> bool:
    outside = re.sub(r"\[[^]]*\]", "", selector)
    while "(" in outside:  # what stands in :not(), :is() is a choice
        shorter = re.sub(r"\([^()]*\)", "", outside)
        if shorter == outside:
            return True
        outside = shorter
    names = (re.sub(r"\\(.)", r"\1", name) for name in CLASS.findall(outside))
    return all(name in words or name.startswith(MADE_BY_SCRIPTS) for name in names)
