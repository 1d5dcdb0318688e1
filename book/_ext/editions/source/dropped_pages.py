"""What becomes of links to pages that a fork has left out of `_toc.yml`.

A link to such a page keeps its words and loses its target. An item of a list or a row of a table
that begins with one goes altogether, as on the landing page; a list's caption with its last item.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from editions.base.project import Project
from editions.source.chapter import Chapter

FENCE = re.compile(r"(?ms)^(`{3,}|~{3,})(?!\{).*?^\1`*[ \t]*$")
LINK = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)|(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
ITEM = re.compile(r"^[-*|] \[[^\]\n]*\]\(([^()\s]+)\)")
LIST = re.compile(r"(?m)^(\*\*[^*\n]+\*\*\n[ \t]*\n)?((?:^[-*|] .*(?:\n|\Z))+)\n?")


def chosen(project: Project, chapter: Chapter) -> Chapter:
    """The chapter without links to pages that are left out."""
    page = project.root / chapter.path
    cells = tuple(
        replace(cell, source=without_left_out(project, page, cell.source))
        if cell.kind == "markdown"
        else cell
        for cell in chapter.cells
    )
    return replace(chapter, cells=cells)


def without_left_out(project: Project, page: Path, text: str) -> str:
    """The text of `page` without links to pages that are left out; code stays as it is."""
    pieces, at = [], 0
    for fence in FENCE.finditer(text):
        pieces += [_unlinked(project, page, text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*pieces, _unlinked(project, page, text[at:])])


def _unlinked(project: Project, page: Path, text: str) -> str:
    def shortened(match: re.Match[str]) -> str:
        items = match[2].splitlines(keepends=True)
        links = [ITEM.match(item) for item in items]
        kept = [
            item
            for item, link in zip(items, links, strict=True)
            if not (link and project.leaves_out(page, link[1]))
        ]
        if len(kept) == len(items):
            return match[0]
        caption, rest = match[1] or "", match[0].removeprefix((match[1] or "") + match[2])
        return caption + "".join(kept) + rest if kept else ""

    text = LIST.sub(shortened, text)
    return LINK.sub(lambda m: m[2] if m[3] and project.leaves_out(page, m[3]) else m[0], text)
