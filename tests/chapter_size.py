"""What a reader of one edition meets in a chapter: words, cells, predictions, and their minutes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from myst_nb.core.read import read_myst_markdown_notebook

from d2lcompute._frameworks import FRAMEWORKS

WORDS_A_MINUTE = 120  # text that is read with a pencil in hand
MINUTES_A_CELL = 1.5  # code, its output, and one look back
MINUTES_A_PREDICTION = 1.5
STEP = 5  # an estimate is given in multiples of so many minutes

WORD = re.compile(r"\w[\w'’-]*")
# What stands beside the prose: tables, captions, quizzes, lists of outcomes, labels, headings.
ASIDE_DIRECTIVE = re.compile(r"(?ms)^(:{3,})\{(?:quiz|figure|table)\}.*?^\1[ \t]*$")
OUTCOMES = re.compile(r"(?ms)^(:{3,})\{admonition\}[^\n]*\n:class: outcomes\n.*?^\1[ \t]*$")
LINES = re.compile(r"(?m)^(?:\|.*|\([\w-]+\)=|:[\w-]+:.*|:{3,}.*|#{1,6} .*)$")


@dataclass(frozen=True)
class Size:
    """The size of one edition of a chapter."""

    words: int  # of prose on the main path
    cells: int  # of code that a reader sees on the main path
    predictions: int
    aside_words: int
    aside_cells: int

    @property
    def minutes(self) -> int:
        """An estimate of the minutes that the main path takes, rounded up to `STEP`."""
        exact = (
            self.words / WORDS_A_MINUTE
            + self.cells * MINUTES_A_CELL
            + self.predictions * MINUTES_A_PREDICTION
        )
        return STEP * ceil(exact / STEP)


def words(text: str) -> int:
    """Return the number of words of prose in a chapter's Markdown."""
    for beside in (ASIDE_DIRECTIVE, OUTCOMES, LINES):
        text = beside.sub("", text)
    return len(WORD.findall(text))


def size(path: Path, framework: str) -> Size:
    """Measure one edition of a chapter.

    Args:
        path: the chapter's source.
        framework: the key of the edition.

    Raises:
        ValueError: an aside does not end, or one begins inside another.
    """
    notebook = read_myst_markdown_notebook(path.read_text("utf8"), path=str(path))
    prose: dict[bool, list[str]] = {True: [], False: []}
    code = {True: 0, False: 0}
    inside = False
    for cell in notebook.cells:
        mark = cell.metadata.get("deeper")
        if mark is not None:
            if (mark == "end") != inside:
                raise ValueError(f"{path.name}: the aside {mark!r} begins or ends out of order")
            inside = mark != "end"
        tags = cell.metadata.get("tags", [])
        if any(key in tags for key in FRAMEWORKS if key != framework):
            continue
        if cell.cell_type == "markdown":
            prose[inside].append(cell.source)
        elif "claim" not in tags:
            code[inside] += 1
    if inside:
        raise ValueError(f"{path.name}: the last aside does not end")
    main = "\n\n".join(prose[False])
    return Size(
        words=words(main),
        cells=code[False],
        predictions=len(re.findall(r"(?m)^:{3,}\{predict\}", main)),
        aside_words=words("\n\n".join(prose[True])),
        aside_cells=code[True],
    )
