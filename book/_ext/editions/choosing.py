"""What becomes of links to pages that a fork has left out of `_toc.yml`.

A link to such a page keeps its words and loses its target; an item of a list that begins with one
goes altogether, as on the landing page, and the caption of a list with its last item.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from editions.project import Project
from editions.source import Chapter

FENCE = re.compile(r"(?ms)^(`{3,}|~{3,})(?!\{).*?^\1`*[ \t]*$")
LINK = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)|(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
CAPTION = re.compile(r"(?m)^\*\*[^*\n]+\*\*\n\s*\n(?=\*\*|#|\Z)")  # of a list that is gone
ITEM = re.compile(r"(?m)^[-*] \[[^\]\n]*\]\(([^()\s]+)\).*\n?")


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
    shorter = ITEM.sub(lambda m: "" if project.leaves_out(page, m[1]) else m[0], text)
    if shorter != text:
        text = CAPTION.sub("", re.sub(r"\n{3,}", "\n\n", shorter))
    return LINK.sub(lambda m: m[2] if m[3] and project.leaves_out(page, m[3]) else m[0], text)
