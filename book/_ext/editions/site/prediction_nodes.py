"""Predictions on a page: the question in a box, and the explanation.

`cell_folds` folds the output and the explanation; without scripts that is a plain `<details>`.
`questions.js` puts a form above the fold, and reads from the box what kind of answer is expected
and which answer is right.
"""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from editions.base.strings import Strings
from editions.source.myst_syntax import Directive
from editions.source.predictions import read_question

LONGEST_KEY = 200  # characters; longer outputs are not compared with what the reader wrote


class prediction(nodes.container):
    """A question."""


class QuestionDirective(SphinxDirective):
    """`:::{predict} kind`, as `weaving` writes it: its name is its only option."""

    has_content = True
    required_arguments = 1
    option_spec = {"id": str}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Build the question."""
        strings = Strings(self.config.language)
        name = self.options["id"]
        page = self.env.metadata[self.env.docname]
        question, keys = page["predictions"][name]
        box = prediction(
            classes=["predict"],
            ids=[f"predict-{name}"],
            about={
                "data-predict": name,
                "data-kind": question.kind,
                "data-keys": json.dumps(
                    {key: text for key, text in keys.items() if 0 < len(text) <= LONGEST_KEY}
                ),
            },
        )
        if "borrowed_from" in page:  # an answer is kept with the chapter's
            chapter, title = page["borrowed_from"]
            box["about"] |= {"data-chapter": chapter, "data-title": title}
        if question.tolerance:
            box["about"]["data-tolerance"] = repr(question.tolerance)
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


def _open_box(self: Any, node: nodes.Element) -> None:
    labelled = {"aria-labelledby": f"question-{node['about']['data-predict']}"}
    self.body.append(self.starttag(node, "div", role="group", **labelled, **node["about"]))


def _close_box(self: Any, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def register(app: Sphinx) -> None:
    """Add the directives and the node."""
    app.add_node(prediction, html=(_open_box, _close_box))
    app.add_directive("predict", QuestionDirective)
    app.add_directive("why", WhyDirective)
