"""Make one synced tab set of each run of cells that belong to frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_design.shared import create_component

from editions.frameworks import FRAMEWORKS

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
    start, run = 0, []
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
    for key, framework in FRAMEWORKS.items():
        mine = [node for node in run if framework_of(node) == key]
        if not mine:
            continue
        label = nodes.rubric("", "", nodes.Text(framework.title), classes=["sd-tab-label"])
        label["sync_id"], label["sync_group"] = key, GROUP
        content = create_component("tab-content", classes=["sd-tab-content"], children=mine)
        tab_set += create_component("tab-item", classes=["sd-tab-item"], children=[label, content])
    return tab_set
