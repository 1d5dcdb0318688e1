"""The numbers of figures that move: a cell of the notebook shows them, so a run compares them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat
from nbformat import NotebookNode

from d2lcompute.figures import MIME
from editions.base.errors import EditionsError
from editions.notebooks.edition import Edition
from editions.notebooks.outputs import is_compared
from editions.source.moving_figures import moving_figures


def gives_numbers(cell: NotebookNode) -> bool:
    """Whether a code cell shows the numbers of a figure."""
    return any(MIME in output.get("data", {}) for output in cell.get("outputs", []))


def without_numbers(output: NotebookNode) -> NotebookNode:
    """The output without the numbers of a figure: a page's figure loads them when it is seen."""
    if MIME not in output.get("data", {}):
        return output
    data = {mime: shown for mime, shown in output.data.items() if mime != MIME}
    return NotebookNode({**output, "data": NotebookNode(data)})


def figure_numbers(edition: Edition) -> dict[str, Any]:
    """The numbers of each figure that moves on the edition's page, by the figure's name.

    Raises:
        EditionsError: lists the figures whose numbers no cell gives, or two cells, and the cells
            whose numbers no figure draws or no run compares.
    """
    figures = {figure.name: figure for figure in moving_figures(edition.project, edition.chapter)}
    numbers: dict[str, Any] = {}
    problems = []
    for cell, name, given in _given(edition):
        source = edition.source_cell(cell.id)
        where = f"{edition.chapter.path}:{source.line if source else 1}"
        if name not in figures:
            problems.append(
                f"{where}: this cell gives numbers for the figure {name!r}, and this page has no "
                f"figure {name}.svg with {name}.js beside it"
            )
        elif name in numbers:
            problems.append(f"{where}: another cell gives numbers for the figure {name!r} already")
        elif not is_compared(cell):
            problems.append(
                f"{where}: this cell gives numbers for the figure {name!r}, and a verifying run "
                "does not compare its output: remove the tag nbval-ignore-output, or the plot"
            )
        numbers[name] = given
    problems += [
        f"{edition.chapter.path}:{figure.line}: no cell of the {edition.framework.title} edition "
        f"gives the numbers of the figure {name!r}: end a cell with FigureNumbers({name!r}, ...)"
        for name, figure in figures.items()
        if name not in numbers
    ]
    if problems:
        raise EditionsError("\n".join(problems))
    return numbers


def _given(edition: Edition) -> Iterator[tuple[NotebookNode, str, Any]]:
    """The cells of the stored notebook that give numbers: the figure's name, and the numbers."""
    if not edition.path.is_file():
        return
    text = edition.path.read_text("utf8")
    if MIME not in text:  # as in most notebooks, which are large
        return
    for cell in nbformat.v4.reads(text).cells:
        for output in cell.get("outputs", []):
            if shown := output.get("data", {}).get(MIME):
                yield cell, str(shown["figure"]), shown["numbers"]
