"""Make one synced tab set of each run of cells that belong to frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_design.shared import create_component

from editions.base.frameworks import FRAMEWORKS

Cells = tuple[list[nodes.Element], list[nodes.Element]]
GROUP = "framework"  # the sync group, and so the name in the page's address


class EditionDirective(SphinxDirective):
    """Markdown that belongs to one framework; written by `weaving`, not by authors."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the content into a container that carries the framework's class."""
        block = nodes.container(classes=["edition", _class(self.arguments[0])])
        self.set_source_info(block)
        self.state.nested_parse(self.content, self.content_offset, block)
        return [block]


class EditionTabs(SphinxTransform):
    """Group neighbouring cells of frameworks, wherever they stand, into tab sets."""

    default_priority = 5  # before targets are propagated and images collected

    def apply(self, **kwargs: Any) -> None:
        """Change the document in place."""
        for parent in [self.document, *self.document.findall(nodes.section)]:
            for start, run in reversed(list(_runs(parent))):
                parent[start : start + len(run)] = [_tab_set(run)]


def _class(framework: str) -> str:
    return f"tag_{framework}"


def framework_of(node: nodes.Node) -> str | None:
    """The framework that a node belongs to, by its class."""
    classes = node.get("classes", []) if isinstance(node, nodes.container) else []
    return next((key for key in FRAMEWORKS if _class(key) in classes), None)


def _runs(parent: nodes.Element) -> Iterator[tuple[int, list[nodes.Element]]]:
    start = 0
    run: list[nodes.Element] = []
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


def _tab_set(run: list[nodes.Element]) -> nodes.Element:
    tab_set = create_component("tab-set", classes=["sd-tab-set", "editions"])
    tab_set.source, tab_set.line = run[0].source, run[0].line
    panels = {key: [node for node in run if framework_of(node) == key] for key in FRAMEWORKS}
    panels = {key: cells for key, cells in panels.items() if cells}
    if len(panels) == 2:
        panels = dict(zip(panels, _face_to_face(*panels.values()), strict=True))
    elif len(panels) == 1:
        tab_set["classes"].append("alone")
    for key, cells in panels.items():
        label = nodes.rubric("", "", nodes.Text(FRAMEWORKS[key].title), classes=["sd-tab-label"])
        label["sync_id"], label["sync_group"] = key, GROUP
        classes = ["sd-tab-content", f"for-{key}"]
        content = create_component("tab-content", classes=classes, children=cells)
        tab_set += create_component("tab-item", classes=["sd-tab-item"], children=[label, content])
    return tab_set


def _face_to_face(left: list[nodes.Element], right: list[nodes.Element]) -> Cells:
    """Both panels with as many children, so that, side by side, cell stands against cell.

    Where one framework has a claim or a remark that the other has not, the other gets a gap.
    """
    rows: Cells = ([], [])
    mine, theirs = ([_kind(node) for node in cells] for cells in (left, right))
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    for _, left_start, left_end, right_start, right_end in matcher.get_opcodes():
        parts = left[left_start:left_end], right[right_start:right_end]
        height = max(map(len, parts))
        for side, part in zip(rows, parts, strict=True):
            side += part
            side += [_gap() for _ in range(height - len(part))]
    return rows


def _kind(node: nodes.Element) -> str:
    kinds = ("tag_claim", "cell", "edition")
    return next((kind for kind in kinds if kind in node["classes"]), "other")


def _gap() -> nodes.Element:
    return nodes.container(classes=["gap"])
