"""Every fact that the course must teach is shown by cells whose output a reader sees."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from editions.base.project import Project
from editions.notebooks.outputs import is_compared

PROJECT = Project(Path(__file__).parents[1])
FRAMEWORKS = [framework.key for framework in PROJECT.frameworks]
ROWS: dict[str, dict[str, Any]] = yaml.safe_load(
    (PROJECT.root / "tests" / "coverage.yml").read_text("utf8")
)
# The facts that each chapter shows, by group, for the chapters that are written.
GROUPS = {
    "autograd": {"N": range(1, 7), "P": range(1, 5)},
    "control-flow": {"D": range(1, 8), "E": range(1, 12), "R": range(1, 6)},
    "parameters": {"F": range(1, 23), "G": range(12, 15), "H": range(1, 11)},
    "initialization": {"G": [*range(1, 12), 15, 16]},
    "custom-layers": {"J": range(1, 15)},
    "deferred-initialization": {"I": range(1, 12)},
    "file-io": {"K": range(1, 20)},
    "training": {"O": range(1, 16), "P": range(5, 10)},
    "graphs": {"Q": range(1, 8)},
    "multi-gpu": {"L": (27, 31)},
    "sharding": {},
    "profiling": {"L": (24, 25)},
    "performance": {"L": (23,), "M": range(1, 6)},
    "gpus": {"L": [*range(1, 23), 26, 28, 29, 30, 32]},
    "blocks": {"A": range(1, 9), "B": range(1, 7), "C": range(1, 8)},
}

# A fork may leave chapters out.
CHOSEN = [path.stem for path in PROJECT.chapters if path.stem in GROUPS]


@cache
def cells(chapter: str, framework: str) -> dict[str, nbformat.NotebookNode]:
    path = PROJECT.recorded_path(chapter, framework)
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def problems(row: dict[str, Any]) -> list[str]:
    """What is wrong with a row of the map."""
    found = []
    if not row.get("fact") or not row.get("chapter"):
        return ["it needs `fact` and `chapter`"]
    shown, excused = row.get("cells", {}), row.get("only", {})
    if not shown and not row.get("stated"):
        found.append("no cell shows it, and `stated` names no source")
    for key in FRAMEWORKS:
        if key not in shown:
            if not excused.get(key) and not row.get("stated"):
                found.append(f"{key}: no cells, and `only` gives no reason")
            continue
        edition = cells(row["chapter"], key)
        if missing := [name for name in shown[key] if name not in edition]:
            found.append(f"{key}: no cell {missing}")
            continue
        mine = [edition[name] for name in shown[key]]
        if any(cell.execution_count is None for cell in mine):
            found.append(f"{key}: a cell did not run")
        if not any(cell.outputs for cell in mine):
            found.append(f"{key}: its cells show nothing")
    return found


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name]["chapter"] in CHOSEN])
def test_row(name: str) -> None:
    assert problems(ROWS[name]) == []


def wrong_rows(rows: dict[str, dict[str, Any]]) -> set[str]:
    """Facts without a row, rows without a fact, and rows that name another chapter."""
    wanted = {
        f"{group}{number}": chapter
        for chapter, groups in GROUPS.items()
        for group, numbers in groups.items()
        for number in numbers
    }
    found = {name: row["chapter"] for name, row in rows.items()}
    return {name for name, _ in found.items() ^ wanted.items()}


def test_every_fact_has_its_chapter_and_its_row() -> None:
    assert wrong_rows(ROWS) == set()
    assert len(ROWS) == 210


def test_a_wrong_row_is_found() -> None:
    assert wrong_rows({name: row for name, row in ROWS.items() if name != "A1"}) == {"A1"}
    assert wrong_rows({**ROWS, "Z1": {"chapter": "blocks"}}) == {"Z1"}
    assert wrong_rows({**ROWS, "A1": {"chapter": "gpus"}}) == {"A1"}


FIRST = FRAMEWORKS[0]


@pytest.mark.chapters("blocks")
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"fact": "x", "chapter": "blocks"}, "no cell shows it"),
        ({"fact": "x", "chapter": "blocks", "cells": {"other": ["tree"]}}, "gives no reason"),
        ({"fact": "x", "chapter": "blocks", "cells": {FIRST: ["gone"]}}, "no cell ['gone']"),
        ({"fact": "x", "chapter": "blocks", "cells": {FIRST: ["two-nets"]}}, "show nothing"),
        ({"chapter": "blocks"}, "needs `fact`"),
    ],
)
def test_a_bad_row_is_found(row: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in problems(row))


def without_pictures(edition: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The cells whose output is not a picture, which a claim must check instead."""
    return [cell for cell in edition if "image/" not in str(cell.get("outputs"))]


def too_few_compared(edition: list[nbformat.NotebookNode]) -> bool:
    """Whether there are fewer than ten outputs, or less than 95% of them are compared."""
    shown = [cell for cell in without_pictures(edition) if cell.get("outputs")]
    return len(shown) < 10 or sum(map(is_compared, shown)) < 0.95 * len(shown)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("chapter", CHOSEN)
def test_nearly_all_outputs_are_compared(chapter: str, framework: str) -> None:
    assert not too_few_compared(list(cells(chapter, framework).values()))


@pytest.mark.chapters("blocks")
def test_too_few_comparisons_are_found() -> None:
    edition = copy.deepcopy(list(cells("blocks", FIRST).values()))
    shown = [cell for cell in edition if cell.get("outputs") and is_compared(cell)]
    assert too_few_compared(shown[:9])
    assert not too_few_compared(shown[:10])
    shown[0].metadata["tags"] = ["nbval-ignore-output"]
    assert not too_few_compared(shown[:20])
    assert too_few_compared(shown[:19])
    for cell in shown[: len(shown) // 5]:
        cell.metadata["tags"] = ["nbval-ignore-output"]
    assert too_few_compared(edition)


@pytest.mark.chapters("blocks")
def test_pictures_are_not_counted() -> None:
    edition = list(cells("blocks", FIRST).values())
    pictures = [cell for cell in edition if cell not in without_pictures(edition)]
    assert {"data", "unrolled"} <= {cell.id for cell in pictures}


def unproven(edition: list[nbformat.NotebookNode]) -> str | None:
    """The cell whose output no run compares and no claim follows; None where there is none."""
    pending = None
    for cell in edition:
        if cell.cell_type != "code":
            continue
        if "claim" in cell.metadata.get("tags", []):
            pending = None
        elif cell.outputs and not is_compared(cell):
            if pending:
                break
            pending = cell.id
    return pending


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("chapter", CHOSEN)
def test_what_is_not_compared_is_followed_by_a_claim(chapter: str, framework: str) -> None:
    assert unproven(list(cells(chapter, framework).values())) is None


@pytest.mark.chapters("autograd")
def test_an_output_without_a_claim_is_found() -> None:
    """A figure, and a text that is not compared before the last claim, or before another text."""
    edition = copy.deepcopy(list(cells("autograd", FIRST).values()))
    without = [cell for cell in edition if "claim" not in cell.metadata.get("tags", [])]
    assert unproven(without)
    texts = [cell for cell in without if cell.get("outputs") and is_compared(cell)]
    assert unproven(texts) is None
    texts[0].metadata["tags"] = texts[1].metadata["tags"] = ["nbval-ignore-output"]
    claim = next(cell for cell in edition if "claim" in cell.metadata.get("tags", []))
    assert unproven([texts[0]]) == unproven([claim, texts[0]]) == texts[0].id
    assert unproven([texts[0], texts[1], claim]) == texts[0].id
    assert unproven([texts[0], claim, texts[1], claim]) is None
