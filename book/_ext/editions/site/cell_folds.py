"""Folds around cells: the answer to a prediction, and asides.

No directive of MyST can hold cells, so `weaving` writes a mark before and after them, and a
transform puts what is between two marks into a fold.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from editions.base.strings import Strings
from editions.site.tabs import FOLD, class_of


class reveal(nodes.container):
    """The fold that holds the output and the explanation of a prediction."""


class aside(nodes.container):
    """The fold of an aside; its first child is its title."""


class aside_title(nodes.TextElement):
    """The title of an aside, on its fold."""


class fold_mark(nodes.Element):
    """Where a fold begins or ends."""


class RevealMark(SphinxDirective):
    """`:::{reveal-begin} name framework` and `:::{reveal-end} name`."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a mark, and before the fold of an answer, the fold to be filled."""
        mark = fold_mark(name=self.arguments[0])
        self.set_source_info(mark)
        if self.name == "reveal-begin":
            fold = reveal(classes=["reveal", FOLD], ids=[f"answer-{self.arguments[0]}"])
            fold["predict"] = self.arguments[0]
            fold["classes"] += [class_of(framework) for framework in self.arguments[1:]]
            mark["fold"] = fold
        return [mark]


class AsideMark(SphinxDirective):
    """`:::{aside-begin} name` over a title, and `:::{aside-end} name`."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Leave a mark, and before an aside, the fold to be filled."""
        mark = fold_mark(name=self.arguments[0])
        self.set_source_info(mark)
        if self.name == "aside-begin":
            text, _ = self.state.inline_text(" ".join(self.content), self.lineno)
            before, after = Strings(self.config.language)("deeper", title="\0").split("\0")
            title = aside_title("", "", nodes.Text(before), *text, nodes.Text(after))
            mark["fold"] = aside("", title, classes=["aside", FOLD], ids=[self.arguments[0]])
        return [mark]


class CellFolds(SphinxTransform):
    """Put what is between two marks into a fold."""

    default_priority = 4  # before `tabs` groups cells, inside of folds too

    def apply(self, **kwargs: Any) -> None:
        """Change the document in place."""
        for mark in list(self.document.findall(fold_mark)):
            fold, parent = mark.get("fold"), mark.parent
            if fold is None:
                continue
            start = parent.index(mark)
            end = next((at for at in range(start, len(parent)) if _ends(parent[at], mark)), None)
            if end is None:
                raise ExtensionError(
                    f"{mark.source}:{mark.line}: the fold {mark['name']!r} does not end in the "
                    "section in which it begins"
                )
            fold += parent[start + 1 : end]
            fold.source, fold.line = mark.source, mark.line
            parent[start : end + 1] = [fold]


def _ends(node: nodes.Node, mark: fold_mark) -> bool:
    return isinstance(node, fold_mark) and node is not mark and node["name"] == mark["name"]


def _open_reveal(self: Any, node: nodes.Element) -> None:
    strings = Strings(self.config.language)
    self.body.append(self.starttag(node, "div", **{"data-answers": node["predict"]}))
    self.body.append(
        '<details class="fold fold-output"><summary>'
        f'<span class="collapsed">{strings("show_answer")}</span>'
        f'<span class="expanded">{strings("hide_answer")}</span></summary>\n'
    )


def _close_reveal(self: Any, node: nodes.Element) -> None:
    self.body.append("</details></div>\n")


def _open_aside(self: Any, node: nodes.Element) -> None:
    self.body.append(self.starttag(node, "details"))


def _close_aside(self: Any, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def _open_title(self: Any, node: nodes.Element) -> None:
    self.body.append("<summary><span>")  # one box beside the mark, whatever is in it


def _close_title(self: Any, node: nodes.Element) -> None:
    self.body.append("</span></summary>\n")


def register(app: Sphinx) -> None:
    """Add the marks, the folds and the transform."""
    app.add_node(reveal, html=(_open_reveal, _close_reveal))
    app.add_node(aside, html=(_open_aside, _close_aside))
    app.add_node(aside_title, html=(_open_title, _close_title))
    app.add_node(fold_mark)
    app.add_directive("reveal-begin", RevealMark)
    app.add_directive("reveal-end", RevealMark)
    app.add_directive("aside-begin", AsideMark)
    app.add_directive("aside-end", AsideMark)
    app.add_transform(CellFolds)
