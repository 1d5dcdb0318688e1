"""Turn each run of neighbouring cells that belong to frameworks into one synced tab set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_design.shared import create_component

from editions.base.frameworks import FRAMEWORKS, Framework
from editions.site.sphinx_project import current_project

Cells = list[nodes.Element]
FOLD = "cells-fold"  # the class of folds around cells
GROUP = "framework"  # the sync group, and so the name in the page's address


def register(app: Sphinx) -> None:
    """Add the directive and the transform."""
    app.add_directive("edition", EditionDirective)
    app.add_transform(EditionTabs)


class EditionDirective(SphinxDirective):
    """Markdown that belongs to one framework; written by `weaving`, not by authors."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the content into a container that carries the framework's class."""
        block = nodes.container(classes=["edition", class_of(self.arguments[0])])
        self.set_source_info(block)
        self.state.nested_parse(self.content, self.content_offset, block)
        return [block]


class EditionTabs(SphinxTransform):
    """Group neighbouring cells of frameworks, in every section of the page, into tab sets."""

    default_priority = 5  # before targets are propagated and images collected

    def apply(self, **kwargs: Any) -> None:
        """Change the document in place."""
        frameworks = current_project(self.app).frameworks
        apart = "editions" in self.app.env.metadata[self.app.env.docname]  # a chapter
        parents = [self.document, *self.document.findall(_holds_cells)]
        for parent in parents:
            for start, run in reversed(list(_runs(parent))):
                parent[start : start + len(run)] = [tab_set(run, frameworks, apart)]


def _holds_cells(node: nodes.Node) -> bool:
    """Whether a node is a section, or a fold around cells."""
    return isinstance(node, nodes.section) or (
        isinstance(node, nodes.container) and FOLD in node["classes"]
    )


def class_of(framework: str) -> str:
    """The class of nodes that belong to a framework."""
    return f"tag_{framework}"


def framework_of(node: nodes.Node) -> str | None:
    """The framework that a node belongs to, by its class; None if it belongs to all."""
    classes = node.get("classes", []) if isinstance(node, nodes.container) else []
    return next((key for key in FRAMEWORKS if class_of(key) in classes), None)


def _runs(parent: nodes.Element) -> Iterator[tuple[int, Cells]]:
    start = 0
    run: Cells = []
    for index, child in enumerate(parent.children):
        if framework_of(child):
            if not run:
                start = index
            run.append(child)
        elif run:
            yield start, run
            run = []
    if run:
        yield start, run


def tab_set(run: Cells, frameworks: Sequence[Framework], apart: bool = False) -> nodes.Element:
    """A tab for each framework that has cells in the run, in the order of `frameworks`.

    Args:
        run: the cells.
        frameworks: those of the book.
        apart: whether readers of a framework that has no cell in the run see none of it.
    """
    tabs = create_component("tab-set", classes=["sd-tab-set", "editions"])
    tabs.source, tabs.line = run[0].source, run[0].line
    panels = {one: [node for node in run if framework_of(node) == one.key] for one in frameworks}
    panels = {one: cells for one, cells in panels.items() if cells}
    lacking = [one.key for one in frameworks if one not in panels]
    if apart:
        tabs["classes"] += [f"not-for-{key}" for key in lacking]
    if len(panels) == 1:
        tabs["classes"].append("alone")
    else:
        tabs["classes"] += [f"without-{key}" for key in lacking]
    for framework, cells in zip(panels, aligned(list(panels.values())), strict=True):
        label = nodes.rubric("", "", nodes.Text(framework.title), classes=["sd-tab-label"])
        label["sync_id"], label["sync_group"] = framework.key, GROUP
        classes = ["sd-tab-content", f"for-{framework.key}"]
        content = create_component("tab-content", classes=classes, children=cells)
        tabs += create_component("tab-item", classes=["sd-tab-item"], children=[label, content])
    return tabs


def aligned(panels: list[Cells]) -> list[Cells]:
    """The panels, each with as many children, so that side by side every cell faces its like.

    Where one framework has a claim or a remark that another one lacks, the other one gets a gap.
    """
    first, *others = panels
    rows = [[node] for node in first]
    for width, cells in enumerate(others, start=1):
        rows = list(_with_column(rows, cells, width))
    return [list(column) for column in zip(*rows, strict=True)]


def _with_column(rows: list[Cells], cells: Cells, width: int) -> Iterator[Cells]:
    """The rows, of `width` cells each, with one more cell from a further panel, or with a gap."""
    row_kinds = [next(kind for node in row if (kind := _kind(node))) for row in rows]
    matcher = SequenceMatcher(None, row_kinds, [_kind(node) for node in cells], autojunk=False)
    for _, row, last_row, cell, last_cell in matcher.get_opcodes():
        for offset in range(max(last_row - row, last_cell - cell)):
            known = row + offset < last_row
            left = rows[row + offset] if known else [_gap() for _ in range(width)]
            yield [*left, cells[cell + offset] if cell + offset < last_cell else _gap()]


def _kind(node: nodes.Element) -> str:
    """What a cell is compared by; an empty string for a gap."""
    if "gap" in node["classes"]:
        return ""
    kinds = ("tag_claim", "cell", "edition")
    return next((kind for kind in kinds if kind in node["classes"]), "other")


def _gap() -> nodes.Element:
    return nodes.container(classes=["gap"])
