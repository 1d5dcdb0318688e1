"""The points that the text of a section states: "(3 points)", or "*3 points*"."""

from __future__ import annotations

import re

from editions.exercises.exercise_files import Section

_STATED = re.compile(r"\((\d+(?:\.\d+)?) points?\)|\*(\d+(?:\.\d+)?) points?\.?\*")
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s")


def stated_points(
    section: Section,
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """The points that a section states, with their lines: of the whole, and in list items."""
    total: list[tuple[int, float]] = []
    parts: list[tuple[int, float]] = []
    for cell in section.cells:
        if cell.kind != "markdown" or "solution" in cell.tags:
            continue
        for number, row in enumerate(cell.source.splitlines()):
            for match in _STATED.finditer(row):
                stated = (cell.line + number, float(match[1] or match[2]))
                (parts if _LIST_ITEM.match(row) else total).append(stated)
    return total, parts
