"""Links to pages that a fork has left out of `_toc.yml`.

Such a link keeps its words and loses its address. An item of a list or a row of a table that
begins with such a link is removed, and with its last item a list's caption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from editions.base.project import Project
from editions.source.chapter import Chapter
from editions.source.inline_elements import Environment, Inline
from editions.source.link_targets import LinkTargets
from editions.source.myst_syntax import parse_inline_everywhere
from editions.source.page_definitions import definitions_of_chapter
from editions.source.text_edits import Edit, edited

FENCE = re.compile(r"(?ms)^(`{3,}|~{3,})(?!\{).*?^\1`*[ \t]*$")
ITEM = re.compile(r"^[-*|] \[[^\]\n]*\]\(([^()\s]+)\)")
LIST = re.compile(r"(?m)^(\*\*[^*\n]+\*\*\n[ \t]*\n)?((?:^[-*|] .*(?:\n|\Z))+)\n?")
# What may be the address of a link: in a whole book none is left out, and nothing needs parsing.
ADDRESS = re.compile(r"(?m)\]\(\s*<?([^()\s>]+)|<([^<>\s]+)>|^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)")


def chapter_without_left_out(project: Project, chapter: Chapter) -> Chapter:
    """The chapter without links to pages that are left out."""
    page = project.root / chapter.path
    targets = LinkTargets(project)
    texts = [cell.source for cell in chapter.cells if cell.kind == "markdown"]
    if not any(_leaves_out(targets, page, text) for text in texts):
        return chapter
    definitions = definitions_of_chapter(chapter)
    cells = tuple(
        replace(
            cell, source=_without_left_out(targets, page, cell.source, definitions.environment())
        )
        if cell.kind == "markdown"
        else cell
        for cell in chapter.cells
    )
    return replace(chapter, cells=cells)


def without_left_out(project: Project, page: Path, text: str) -> str:
    """The text of `page` without links to pages that are left out; code stays as it is."""
    targets = LinkTargets(project)
    return _without_left_out(targets, page, text, {}) if _leaves_out(targets, page, text) else text


def _leaves_out(targets: LinkTargets, page: Path, text: str) -> bool:
    """Whether a text, code included, may hold a link to a page that is left out."""
    addresses = (one for found in ADDRESS.findall(text) for one in found if one)
    return any(targets.leaves_out(page, one) for one in addresses)


def _without_left_out(targets: LinkTargets, page: Path, text: str, environment: Environment) -> str:
    pieces, at = [], 0
    for fence in FENCE.finditer(text):
        pieces += [_shortened(targets, page, text[at : fence.start()]), fence[0]]
        at = fence.end()
    text = "".join([*pieces, _shortened(targets, page, text[at:])])
    edits = [
        edit
        for element in parse_inline_everywhere(text, environment)
        for edit in _unlinked(targets, page, text, element)
    ]
    return edited(text, edits)


def _shortened(targets: LinkTargets, page: Path, text: str) -> str:
    """The text without the items of lists that begin with a link to a page that is left out."""

    def shorten(match: re.Match[str]) -> str:
        items = match[2].splitlines(keepends=True)
        links = [ITEM.match(item) for item in items]
        kept = [
            item
            for item, link in zip(items, links, strict=True)
            if not (link and targets.leaves_out(page, link[1]))
        ]
        if len(kept) == len(items):
            return match[0]
        caption, rest = match[1] or "", match[0].removeprefix((match[1] or "") + match[2])
        return caption + "".join(kept) + rest if kept else ""

    return LIST.sub(shorten, text)


def _unlinked(targets: LinkTargets, page: Path, text: str, element: Inline) -> Iterator[Edit]:
    """The edits that leave the words of a link to a page that is left out, or else its title."""
    if element.kind not in ("link", "autolink"):
        return
    address = str(element.token.attrs["href"])
    if not targets.leaves_out(page, address):
        return
    destination = targets.find(page, address)
    title = destination.title if destination else ""
    if element.kind == "autolink":
        yield element.start, element.end, title
        return
    opening, closing = element.words
    yield element.start, opening, "" if text[opening:closing].strip() else title
    yield closing, element.end, ""
