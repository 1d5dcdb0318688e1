"""Leave out of the styles of others the rules that no page can use: half of every page's weight.

A selector is left out if it asks for a class that occurs in no page and in no script. A rule for an
icon is left out if the site's fonts have no glyph for it (see book/theme/subset_icons.py).

Libraries that match selectors, such as cssselect2, match them against documents. Scripts add
classes that no built page has yet, so here a selector is compared with a list of words.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import tinycss2
from sphinx.application import Sphinx
from tinycss2.ast import AtRule, Node, ParseError, QualifiedRule

from editions.site import search_index
from editions.site.sphinx_project import current_project

STYLES = (
    "basic.css",
    "copybutton.css",
    "graphviz.css",
    "katex-math.css",
    "katex/katex.min.css",
    "mystnb.*.css",
    "sphinx-design.min.css",
    "styles/pydata-sphinx-theme.css",
    "styles/sphinx-book-theme.css",
)
MADE_BY_SCRIPTS = ("bs-",)  # scripts put the names of these classes together
TEXTS = (search_index.FILE,)  # which holds no classes, but all words of the book
NESTING = ("media", "supports")  # at-rules that hold rules


def register(app: Sphinx) -> None:
    """Rewrite the style sheets at the end of a build, when all pages are there."""
    app.connect("build-finished", _remove_unused_styles, priority=900)


def _remove_unused_styles(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    project, site = current_project(app), Path(app.outdir)
    fonts = runpy.run_path(str(project.root / "book" / "theme" / "subset_icons.py"))["FONTS"]
    glyphs = {code for icons in fonts.values() for code in icons.values()}
    classes = _classes(site)
    static = site / "_static"
    for pattern in STYLES:
        for path in static.glob(pattern):
            path.write_text(used_styles(path.read_text("utf8"), classes, glyphs), "utf8")


def used_styles(text: str, classes: set[str], glyphs: set[int]) -> str:
    """The style sheet `text` without rules that cannot match, and without those that are invalid.

    Args:
        text: the style sheet.
        classes: the classes that an element may have.
        glyphs: the code points that the icon fonts have.
    """
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    return "".join(_used(rules, classes, glyphs))


def _classes(site: Path) -> set[str]:
    """The classes of the pages' elements, and all words of scripts, which may be classes."""
    words: set[str] = set()
    for page in site.rglob("*.html"):
        for classes in re.findall(r'class="([^"]*)"', page.read_text("utf8")):
            words.update(classes.split())
    for script in [*site.rglob("*.js"), *site.rglob("*.html")]:
        if script.name not in TEXTS:
            text = script.read_text("utf8", errors="replace")
            if script.suffix == ".html":
                text = " ".join(re.findall(r"<script[^>]*>(.*?)</script>", text, re.S))
            words.update(re.findall(r"[\w-]+", text))
    return words


def _used(rules: Iterable[Node], classes: set[str], glyphs: set[int]) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule, AtRule) and rule.lower_at_keyword in NESTING:
            nested = tinycss2.parse_rule_list(rule.content, skip_whitespace=True)
            if inner := "".join(_used(nested, classes, glyphs)):
                condition = tinycss2.serialize(rule.prelude).strip()
                yield f"@{rule.lower_at_keyword} {condition}{{{inner}}}"
        elif isinstance(rule, QualifiedRule):
            selectors = [one for one in _selectors(rule) if _can_match(one, classes)]
            if selectors and not _draws_missing_glyph(rule, glyphs):
                matched = ",".join(tinycss2.serialize(one).strip() for one in selectors)
                yield f"{matched}{{{tinycss2.serialize(rule.content)}}}"
        elif not isinstance(rule, ParseError):
            yield rule.serialize()


def _selectors(rule: QualifiedRule) -> Iterator[list[Node]]:
    selector: list[Node] = []
    for token in rule.prelude:
        if token == ",":
            yield selector
            selector = []
        else:
            selector.append(token)
    yield selector


def _can_match(selector: list[Node], classes: set[str]) -> bool:
    """Whether every class it asks for may occur; `:not(...)` and `:is(...)` ask for none."""
    return all(
        name in classes or name.startswith(MADE_BY_SCRIPTS) for name in _classes_of(selector)
    )


def _classes_of(selector: list[Node]) -> Iterator[str]:
    for dot, name in pairwise(selector):
        if dot == "." and name.type == "ident":
            yield name.value


def _draws_missing_glyph(rule: QualifiedRule, glyphs: set[int]) -> bool:
    """Whether the rule is that of an icon, `.fa-NAME::before { content: "?" }`, without a glyph."""
    if not any(name.startswith("fa-") for name in _classes_of(rule.prelude)):
        return False
    content = tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True)
    if len(content) != 1 or content[0].type != "declaration" or content[0].name != "content":
        return False
    value = content[0].value
    drawn = value[0].value if len(value) == 1 and value[0].type == "string" else ""
    return len(drawn) == 1 and ord(drawn) not in glyphs
