"""Self-check questions on a page: each choice unfolds its explanation, without a script."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from editions.base.strings import Strings
from editions.source.quiz_choices import LETTERS, parse_choices


class quiz(nodes.container):
    """A question and its choices."""


class quiz_choice(nodes.container):
    """A choice: a fold."""


class quiz_text(nodes.TextElement):
    """The text of a choice, on its fold."""


class QuizDirective(SphinxDirective):
    """`:::{quiz} Question?` over a list of choices, as `quiz_choices` describes it."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Build the question."""
        try:
            choices = parse_choices(list(self.content))
        except ValueError as error:
            raise self.error(str(error)) from error
        strings = Strings(self.config.language)
        question, _ = self.state.inline_text(self.arguments[0], self.lineno)
        name = nodes.make_id(f"{self.env.docname} quiz {self.env.new_serialno('quiz') + 1}")
        block = quiz(classes=["quiz"], question=name)
        block += nodes.paragraph("", "", *question, classes=["quiz-question"], ids=[name])
        for letter, choice in zip(LETTERS, choices, strict=False):
            verdict = "right" if choice.right else "wrong"
            line = self.content_offset + choice.offset
            text, _ = self.state.inline_text(choice.text, line)
            answer = nodes.container(classes=["quiz-answer"])
            words = nodes.strong("", strings(verdict))
            answer += nodes.paragraph("", "", words, classes=["quiz-verdict"])
            content = StringList(choice.explanation.split("\n"), self.get_source_info()[0])
            self.state.nested_parse(content, line, answer)
            item = quiz_choice(classes=["quiz-choice", verdict])
            item += [quiz_text("", "", nodes.Text(f"{letter}. "), *text), answer]
            block += item
        return [block]


def _open(tag: str, **attributes: str) -> Any:
    def visit(self: Any, node: nodes.Element) -> None:
        self.body.append(self.starttag(node, tag, **attributes))

    return visit


def _close(tag: str) -> Any:
    def depart(self: Any, node: nodes.Element) -> None:
        self.body.append(f"</{tag}>\n")

    return depart


def _open_quiz(self: Any, node: nodes.Element) -> None:
    labelled = {"aria-labelledby": node["question"]}
    self.body.append(self.starttag(node, "div", role="group", **labelled))


def _open_summary(self: Any, node: nodes.Element) -> None:
    self.body.append("<summary><span>")  # one box beside the mark, whatever is in it


def _close_summary(self: Any, node: nodes.Element) -> None:
    self.body.append("</span></summary>\n")


def register(app: Any) -> None:
    """Add the directive and its nodes to Sphinx."""
    app.add_node(quiz, html=(_open_quiz, _close("div")))
    app.add_node(quiz_choice, html=(_open("details"), _close("details")))
    app.add_node(quiz_text, html=(_open_summary, _close_summary))
    app.add_directive("quiz", QuizDirective)
