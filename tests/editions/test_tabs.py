"""Tab sets: one tab for each framework, in the order of the settings, and cells face to face."""

from __future__ import annotations

import random

import pytest
from docutils import nodes
from editions.base.frameworks import Framework
from editions.site.tabs import aligned, tab_set

from d2lcompute._frameworks import FRAMEWORKS


def cell(kind: str, framework: str = "") -> nodes.Element:
    """A cell of a panel: `claim`, `cell`, or `edition` for text."""
    classes = {"claim": ["cell", "tag_claim"], "cell": ["cell"], "edition": ["edition"]}[kind]
    return nodes.container(classes=[*classes, *([f"tag_{framework}"] if framework else [])])


def shown(panels: list[list[nodes.Element]]) -> list[str]:
    """The rows of aligned panels: a letter for each cell, a dot for a gap."""
    letters = {"tag_claim": "C", "edition": "t", "gap": "."}

    def letter(node: nodes.Element) -> str:
        return next((letters[name] for name in letters if name in node["classes"]), "c")

    return ["".join(map(letter, row)) for row in zip(*panels, strict=True)]


@pytest.mark.parametrize(
    ("panels", "rows"),
    [
        (["c"], ["c"]),
        (["cCc", "cc"], ["cc", "C.", "cc"]),
        (["cc", "cCc"], ["cc", ".C", "cc"]),
        (["c", "t"], ["ct"]),
        (["cCc", "cc", "cCc"], ["ccc", "C.C", "ccc"]),
        (["cc", "cc", "cCc"], ["ccc", "..C", "ccc"]),
        (["cc", "cCc", "cct"], ["ccc", ".C.", "ccc", "..t"]),
    ],
)
def test_cells_face_their_like(panels: list[str], rows: list[str]) -> None:
    kinds = {"c": "cell", "C": "claim", "t": "edition"}
    assert shown(aligned([[cell(kinds[one]) for one in panel] for panel in panels])) == rows


def test_no_cell_is_lost_or_moved() -> None:
    draw = random.Random(0)
    for _ in range(200):
        panels = [
            [cell(draw.choice(["claim", "cell", "edition"])) for _ in range(draw.randint(1, 8))]
            for _ in range(draw.randint(1, 4))
        ]
        columns = aligned(panels)
        assert len({len(column) for column in columns}) == 1
        for panel, column in zip(panels, columns, strict=True):
            kept = [node for node in column if "gap" not in node["classes"]]
            assert [id(node) for node in kept] == [id(node) for node in panel]
        assert all(set(row) != {"."} for row in shown(columns))


def framework(key: str) -> Framework:
    return FRAMEWORKS.get(key) or Framework(key, key.title(), {key: key.title()}, (key,))


@pytest.mark.parametrize(
    ("settings", "cells", "tabs", "classes"),
    [
        (["pytorch", "tensorflow"], ["tensorflow", "pytorch"], ["PyTorch", "TensorFlow"], []),
        (["tensorflow", "pytorch"], ["tensorflow", "pytorch"], ["TensorFlow", "PyTorch"], []),
        (["pytorch", "tensorflow"], ["tensorflow"], ["TensorFlow"], ["alone"]),
        (["pytorch"], ["pytorch"], ["PyTorch"], ["alone"]),
        (
            ["numpy", "pytorch", "tensorflow"],
            ["pytorch", "tensorflow"],
            ["PyTorch", "TensorFlow"],
            ["without-numpy"],
        ),
    ],
)
def test_a_tab_for_each_framework_that_has_cells(
    settings: list[str], cells: list[str], tabs: list[str], classes: list[str]
) -> None:
    run = [cell("cell", key) for key in cells]
    made = tab_set(run, [framework(key) for key in settings])
    assert [item[0].astext() for item in made.children] == tabs
    assert [name for name in made["classes"] if name not in ("sd-tab-set", "editions")] == classes


def test_readers_of_a_framework_without_cells_may_be_spared_the_others() -> None:
    pair = [framework("pytorch"), framework("tensorflow")]
    run = [cell("cell", "tensorflow")]
    assert "not-for-pytorch" in tab_set(run, pair, apart=True)["classes"]
    assert "not-for-pytorch" not in tab_set(run, pair)["classes"]
    run = [cell("cell", key) for key in ("pytorch", "tensorflow")]
    assert not any(name.startswith("not-") for name in tab_set(run, pair, apart=True)["classes"])
