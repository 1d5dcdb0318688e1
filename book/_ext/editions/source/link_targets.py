"""What a link can point to: pages, headings, labels and files, and the title of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it.token import Token

from editions.base.files import read_text
from editions.base.project import Project
from editions.source.inline_elements import inline_tokens
from editions.source.myst_syntax import Directive, directive_of, parse

ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")
BOOK_SCHEMES = ("project:", "path:")  # of MyST, for a page and for a file of the book
TITLED_BY_ARGUMENT = ("admonition", "table", "list-table", "csv-table")
SPECIAL = re.compile(r"([\\`*_\[\]<>$|~])")


@dataclass(frozen=True)
class Target:
    """A place on a page that a link can point to."""

    anchor: str
    title: str = ""  # Markdown; empty if the place has no title


@dataclass(frozen=True)
class PageTargets:
    """The places on a page that links can point to."""

    title: str = ""  # Markdown, as all titles here
    labels: dict[str, Target] = field(default_factory=dict)  # known on all pages
    headings: dict[str, Target] = field(default_factory=dict)  # by their slug


@dataclass(frozen=True)
class Destination:
    """What a link points to."""

    path: Path
    anchor: str = ""
    title: str = ""
    is_page: bool = False  # not a file that a reader downloads


@dataclass(frozen=True)
class LinkTargets:
    """The targets of links in a project, read once."""

    project: Project

    @cached_property
    def labels(self) -> dict[str, Path]:
        """The page of each label."""
        folders = {self.project.root / "book", *(page.parent for page in self.project.pages)}
        return {
            label: page
            for page in sorted(page for folder in folders for page in folder.glob("*.md"))
            for label in self._on(page).labels
        }

    def leaves_out(self, page: Path, address: str) -> bool:
        """Whether a link on `page` leads to a page of the book that `_toc.yml` does not list."""
        destination = self.find(page, address)
        if destination is None or not destination.is_page or not destination.path.is_file():
            return False
        return destination.path.resolve() not in self.project.pages

    def find(self, page: Path, address: str) -> Destination | None:
        """What a link on `page` points to; None for an address on the web.

        The file of a destination may be missing.
        """
        is_file = address.startswith("path:")
        for scheme in BOOK_SCHEMES:
            address = address.removeprefix(scheme)
        if ABSOLUTE.match(address):
            return None
        name, _, anchor = unquote(address).partition("#")
        if name:
            path = file_on(self.project, page, name)
        else:
            here = self._on(page)
            known_here = anchor in here.labels or anchor in here.headings
            path = page if known_here else self.labels.get(anchor, page)
        if is_file or path.suffix != ".md":
            return Destination(path, anchor)
        on_page = self._on(path)
        target = Target("", on_page.title)
        if anchor:
            target = on_page.labels.get(anchor) or on_page.headings.get(anchor) or Target(anchor)
        return Destination(path, target.anchor, target.title, is_page=True)

    def _on(self, page: Path) -> PageTargets:
        if not page.is_file():
            return PageTargets()
        return page_targets(read_text(page, self.project.relative(page)))


def file_on(project: Project, page: Path, name: str) -> Path:
    """The file called `name` on a page: relative to the page, or to the root after a slash."""
    return project.root / name.lstrip("/") if name.startswith("/") else page.parent / name


@lru_cache(maxsize=256)
def page_targets(text: str) -> PageTargets:
    """The targets on the page whose source is `text`."""
    if front_matter := re.match(r"---\n.*?\n---\n", text, re.DOTALL):
        text = text[front_matter.end() :]
    title = ""
    labels: dict[str, Target] = {}
    headings: dict[str, Target] = {}
    for token, following in _blocks(text):
        if token.type == "heading_open" and following:
            target = _heading(following, headings)
            title = title or target.title
    for label, target in _labels(text):
        labels.setdefault(label, target)
    return PageTargets(title, labels, headings)


def _blocks(text: str) -> Iterator[tuple[Token, Token | None]]:
    """The tokens that begin a block, each with the one after it."""
    tokens: list[Token | None] = [*parse(text).tokens, None]
    for token, following in pairwise(tokens):
        assert token is not None
        if token.nesting >= 0 and token.type not in ("inline", "myst_line_comment"):
            yield token, following


def _heading(content: Token, headings: dict[str, Target]) -> Target:
    """Add a heading, by the slug that the site gives it."""
    from docutils.nodes import make_id
    from myst_parser.mdit_to_docutils.base import default_slugify

    tokens = inline_tokens(content.content)
    in_slug = ("text", "text_special", "code_inline")
    slug = base = default_slugify("".join(t.content for t in tokens if t.type in in_slug))
    number = 0
    while slug in headings:
        number += 1
        slug = f"{base}-{number}"
    in_id = (*in_slug, "math_inline", "myst_role")
    anchor = make_id("".join(t.content for t in tokens if t.type in in_id)) if slug == base else ""
    headings[slug] = Target(anchor or slug, title_of(content.content))
    return headings[slug]


def _labels(text: str) -> Iterator[tuple[str, Target]]:
    """The labels of a text, those in directives included."""
    from docutils.nodes import make_id

    waiting: list[str] = []  # labels that name the next block
    for token, following in _blocks(text):
        if token.type == "myst_target":
            waiting.append(token.content)
            continue
        title = title_of(following.content) if token.type == "heading_open" and following else ""
        if token.type == "math_block_label":
            yield token.info, Target(make_id(f"equation-{token.info}"))
        if (directive := directive_of(token)) and directive.name != "code-cell":
            title = _caption(directive)
            if name := directive.options.get("name"):
                waiting.append(name)
            if directive.name == "math" and (label := directive.options.get("label")):
                yield label, Target(make_id(f"equation-{label}"))
            if directive.holds_markdown:
                yield from _labels(directive.body)
        yield from ((label, Target(make_id(label), title)) for label in waiting)
        waiting = []


def _caption(directive: Directive) -> str:
    """The title under which a directive is linked to; empty if it has none."""
    if directive.name in TITLED_BY_ARGUMENT:
        return title_of(directive.argument)
    if directive.name == "figure":
        return title_of(re.split(r"\n[ \t]*\n", directive.body)[0])
    return title_of(directive.options.get("caption", ""))


def title_of(content: str) -> str:
    """The words of a heading or caption, in Markdown without links and emphasis.

    Code and formulas stay as they are.
    """
    return "".join(_words(token) for token in inline_tokens(content)).strip()


def _words(token: Token) -> str:
    if token.type == "code_inline":
        blank = " " if token.content.startswith("`") or token.content.endswith("`") else ""
        return f"{token.markup}{blank}{token.content}{blank}{token.markup}"
    if token.type == "math_inline":
        return f"${token.content}$"
    if token.type == "myst_role" and token.meta["name"] in ("sub", "sup", "kbd"):
        return f"<{token.meta['name']}>{token.content}</{token.meta['name']}>"
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type in ("text", "text_special", "image", "myst_role"):
        return SPECIAL.sub(r"\\\1", token.content)
    return ""
