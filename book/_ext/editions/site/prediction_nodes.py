"""Predictions on a page: the question in a box, and one fold for the output and the explanation.

Without scripts the fold is a plain `<details>`. `predictions.js` puts a form above it, and reads
from the box what kind of answer is expected and which answer is right.
"""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from editions.base.strings import Strings
from editions.site.tabs import FOLD, class_of
from editions.source.myst_syntax import Directive
from editions.source.predictions import read_question

LONGEST_KEY = 200  # characters; longer outputs are not compared with what the reader wrote


class prediction(nodes.container):
    """A question."""


class reveal(nodes.container):
    """The fold that holds the output and the explanation."""


class reveal_mark(nodes.Element):
    """Where a fold begins or ends."""


class QuestionDirective(SphinxDirective):
    """`:::{predict} kind`, as `weaving` writes it: its name is its only option."""

    has_content = True
    required_arguments = 1
    option_spec = {"id": str}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Build the question."""
        strings = Strings(self.config.language)
        name = self.options["id"]
        question, keys = self.env.metadata[self.env.docname]["editions"]["predictions"][name]
        box = prediction(
            classes=["predict"],
            ids=[f"predict-{name}"],
            about={
                "data-predict": name,
                "data-kind": question.kind,
                "data-tolerance": repr(question.tolerance),
                "data-keys": json.dumps(
                    {key: text for key, text in keys.items() if len(text) <= LONGEST_KEY}
                ),
            },
        )
        self.set_source_info(box)
        title = nodes.Text(strings("predict"))
        box += nodes.paragraph("", "", title, classes=["predict-title"])
        body = nodes.container(classes=["predict-question"], ids=[f"question-{name}"])
        own = read_question(Directive("predict", question.kind, {}, "\n".join(self.content), 0))
        rows = self.content[: own.choices[0].offset] if own.choices else self.content
        self.state.nested_parse(rows, self.content_offset, body)
        box += body
        if own.choices:
            choices = nodes.bullet_list(classes=["predict-choices"])
            for choice in own.choices:
                line = self.content_offset + choice.offset
                text, _ = self.state.inline_text(choice.text, line)
                item = nodes.list_item("", nodes.paragraph("", "", *text))
                item["classes"].append("predict-choice")
                choices += item
            box["about"]["data-labels"] = json.dumps([choice.label for choice in own.choices])
            box += choices
        return [box]


class WhyDirective(SphinxDirective):
    """`:::{why}`: an explanation."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the explanation."""
        block = nodes.container(classes=["why"])
        self.set_source_info(block)
        self.state.nested_parse(self.content, self.content_offset, block)
        return [block]


class MarkDirective(SphinxDirective):
    """`:::{reveal-begin} name framework` and `:::{reveal-end} name`; written by `weaving`."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a mark."""
        mark = reveal_mark(name=self.arguments[0], begins=self.name == "reveal-begin")
        mark["framework"] = self.arguments[1] if len(self.arguments) > 1 else None
        self.set_source_info(mark)
        return [mark]


class Folds(SphinxTransform):
    """Put what is between two marks into a fold."""

    default_priority = 4  # before `tabs` groups cells, inside of folds too

    def apply(self, **kwargs: Any) -> None:
        """Change the document in place."""
        for mark in list(self.document.findall(reveal_mark)):
            parent = mark.parent
            if not mark["begins"]:
                continue
            start = parent.index(mark)
            end = next(
                (
                    place
                    for place in range(start, len(parent))
                    if isinstance(parent[place], reveal_mark)
                    and not parent[place]["begins"]
                    and parent[place]["name"] == mark["name"]
                ),
                None,
            )
            if end is None:
                raise ExtensionError(
                    f"{mark.source}:{mark.line}: the answer to {mark['name']!r} does not end in "
                    "the section in which it begins"
                )
            name = mark["name"]
            fold = reveal("", *parent[start + 1 : end], classes=["fold", "reveal", FOLD])
            fold["ids"] = [f"answer-{name}"]
            fold["predict"] = name
            if mark["framework"]:
                fold["classes"].append(class_of(mark["framework"]))
            fold.source, fold.line = mark.source, mark.line
            parent[start : end + 1] = [fold]


def _open_box(self: Any, node: nodes.Element) -> None:
    labelled = {"aria-labelledby": f"question-{node['about']['data-predict']}"}
    self.body.append(self.starttag(node, "div", role="group", **labelled, **node["about"]))


def _close_box(self: Any, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def _open_fold(self: Any, node: nodes.Element) -> None:
    strings = Strings(self.config.language)
    shown, hidden = strings("show_answer"), strings("hide_answer")
    self.body.append(self.starttag(node, "details", **{"data-answers": node["predict"]}))
    self.body.append(
        f'<summary><span class="collapsed">{shown}</span>'
        f'<span class="expanded">{hidden}</span></summary>\n'
    )


def _close_fold(self: Any, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def register(app: Sphinx) -> None:
    """Add the directives, their nodes and the transform."""
    app.add_node(prediction, html=(_open_box, _close_box))
    app.add_node(reveal, html=(_open_fold, _close_fold))
    app.add_node(reveal_mark)
    app.add_directive("predict", QuestionDirective)
    app.add_directive("why", WhyDirective)
    app.add_directive("reveal-begin", MarkDirective)
    app.add_directive("reveal-end", MarkDirective)
    app.add_transform(Folds)
