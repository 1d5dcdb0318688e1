"""Predictions: a question, the cells that answer it, and the explanation.

In the source, in this order::

    :::{predict} choices
    What is the gradient of `row`?

    - ones: An array of ones.
    - threes: An array of threes.
    :::

    (one or more code cells tagged `predict`, of which the first has a name)

    (a claim, which names the answer: `answer = "threes" if ... else "ones"`)

    :::{why}
    Each entry of the row is used three times.
    :::

The kinds of question:

=========== ==================================================================================
``choices`` one of the labelled items; a claim assigns the right label to `answer`
``number``  the last number that the predict cells print, within `:tolerance:` (default 0)
``words``   the text that the predict cells print: one line, at most 40 characters, no bracket
            at its start; readers compare a figure, and an output that is not compared
=========== ==================================================================================

For a number or words, `:which: 2` takes the second number or line that is printed, and `:which: -2`
the last but one. A question that is tagged with a framework belongs to that edition alone;
otherwise each edition has its own cells and its own answer.

A claim is required for choices only. The code of such a question may call `shown_error` only if the
question says that an error comes, because readers see the call before they answer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from d2lexercises.answers import python_of

from editions.base.errors import SourceError
from editions.base.frameworks import FRAMEWORKS
from editions.source.chapter import Cell, Chapter
from editions.source.myst_syntax import Directive, directive_of, parse

KINDS = ("choices", "number", "words")
OPTIONS = {"choices": set(), "number": {"tolerance", "which"}, "words": {"which"}}
ANSWER = "answer"  # the variable in which a claim names the right label
AN_ERROR = re.compile(r"(?i)\b(errors?|exceptions?|raise[sd]?|fail(s|ed)?|refuse[sd]?)\b")
ITEM = re.compile(r"- ([\w][\w -]*): +(\S.*)$")


@dataclass(frozen=True)
class Choice:
    """One of the answers that a question offers."""

    label: str  # by which a claim names it
    text: str  # Markdown, in one line
    offset: int  # its line in the body of the directive, counted from 0


@dataclass(frozen=True)
class Question:
    """What a reader is asked."""

    kind: str
    text: str  # Markdown, without the choices
    choices: tuple[Choice, ...] = ()
    tolerance: float = 0.0  # absolute
    which: int | None = None  # of the printed numbers or lines; from 1, or from the end below 0


@dataclass
class Answer:
    """The cells of one edition that answer a question."""

    predict: list[Cell] = field(default_factory=list)  # the code whose output is to be predicted
    claims: list[Cell] = field(default_factory=list)
    why: list[Cell] = field(default_factory=list)


@dataclass(frozen=True)
class Prediction:
    """A question with its answers in each edition."""

    name: str  # unique in the chapter
    cell: Cell  # the directive
    question: Question
    answers: Mapping[str, Answer]  # by framework

    @property
    def framework(self) -> str | None:
        """Key of the framework whose readers are asked; None if all are."""
        return self.cell.framework

    def cells(self, framework: str) -> list[Cell]:
        """What answers the question in an edition, in order."""
        answer = self.answers[framework]
        return [*answer.predict, *answer.claims, *answer.why]


def read_question(directive: Directive) -> Question:
    """Read the directive of a question.

    Raises:
        ValueError: its kind or an option is wrong, or it offers no choices.
    """
    kind = directive.argument
    if kind not in KINDS:
        raise ValueError(f"{{predict}} needs a kind of answer, {_listed(KINDS)}; it has {kind!r}")
    if unknown := set(directive.options) - OPTIONS[kind]:
        allowed = _listed(sorted(OPTIONS[kind])) if OPTIONS[kind] else "none"
        raise ValueError(f"{{predict}} {kind} has no option {sorted(unknown)}; allowed: {allowed}")
    tolerance = _number(directive.options.get("tolerance", "0"), "tolerance")
    if not 0 <= tolerance < float("inf"):
        raise ValueError(f":tolerance: must be at least 0, got {tolerance}")
    which = directive.options.get("which")
    if which is not None and (not re.fullmatch(r"-?\d+", which) or int(which) == 0):
        raise ValueError(f":which: must be a whole number other than 0, got {which!r}")
    rows = directive.body.split("\n")
    text, choices = (rows, ()) if kind != "choices" else _choices(rows)
    question = "\n".join(text).strip()
    if not question:
        raise ValueError("{predict} holds no question")
    return Question(kind, question, choices, tolerance, int(which) if which else None)


@lru_cache(maxsize=64)
def predictions(chapter: Chapter) -> tuple[Prediction, ...]:
    """Return the predictions of a chapter in the order of its source.

    Raises:
        SourceError: a part is missing, out of order or malformed; names the line.
    """
    found: dict[Cell, dict[str, Answer]] = {
        cell: {} for cell in chapter.cells if cell.part == "predict"
    }
    for framework in FRAMEWORKS:
        for cell, answer in _answers(chapter, framework):
            found[cell][framework] = answer
    result: list[Prediction] = []
    taken: dict[str, int] = {}
    for cell, answers in found.items():
        one = _prediction(chapter, cell, answers)
        if one.name in taken:
            _fail(chapter, cell, f"{one.name!r} names the answer of line {taken[one.name]} too")
        taken[one.name] = cell.line
        result.append(one)
    return tuple(result)


def _answers(chapter: Chapter, framework: str) -> list[tuple[Cell, Answer]]:
    """Each question of an edition, with the cells that answer it."""
    found: list[tuple[Cell, Answer]] = []
    asked: Cell | None = None  # the question that has no explanation yet
    before: Cell | None = None

    def fail(cell: Cell, message: str) -> NoReturn:
        _fail(chapter, cell, f"{message} (in the {framework} edition)")

    for cell in chapter.edition(framework):
        if cell.kind == "markdown" and not cell.source.strip():
            continue
        if cell.part == "predict":
            if asked:
                fail(asked, "the question has no {why} before the next question")
            asked = cell
            found.append((cell, Answer()))
        elif cell.part == "why":
            if asked:
                if not found[-1][1].predict:
                    fail(asked, "no cell tagged predict comes between the question and its {why}")
            elif before is None or before.part != "why":
                fail(cell, "{why} explains no answer: no {predict} is above it")
            found[-1][1].why.append(cell)
            asked = None
        elif asked and cell.is_claim:
            if not found[-1][1].predict:
                fail(cell, "the claim comes before the cell whose output is to be predicted")
            found[-1][1].claims.append(cell)
        elif asked and "predict" in cell.tags:
            if found[-1][1].claims:
                fail(cell, "cells tagged predict come before the claims that check them")
            found[-1][1].predict.append(cell)
        elif asked:
            fail(
                cell,
                "between {predict} and {why} come cells tagged predict, then claims, and nothing "
                "else: readers see the rest before they answer",
            )
        elif "predict" in cell.tags:
            fail(cell, "no {predict} above asks for the output of this cell")
        before = cell
    if asked:
        fail(asked, "the question has no {why}")
    return found


def _prediction(chapter: Chapter, cell: Cell, answers: dict[str, Answer]) -> Prediction:
    directive = directive_of(parse(cell.source).blocks[0].token)
    assert directive is not None
    try:
        question = read_question(directive)
    except ValueError as error:
        _fail(chapter, cell, str(error))
    names = {answer.predict[0].name for answer in answers.values()}
    name = names.pop()
    if name is None or names:
        _fail(
            chapter,
            cell,
            "the first cell tagged predict needs a name, the same in each edition: answers are "
            "kept under it",
        )
    for answer in answers.values():
        for one in (*answer.predict, *answer.claims, *answer.why):
            if one.aside != cell.aside:
                _fail(chapter, one, "an aside begins or ends between a question and its {why}")
    for framework, answer in answers.items():
        if question.kind != "choices":
            continue
        telling = next((one for one in answer.predict if "shown_error(" in one.source), None)
        if telling and not AN_ERROR.search(question.text):
            _fail(
                chapter,
                telling,
                f"`shown_error` says in the {framework} edition that an error comes: say so in the "
                "question, or catch the error with try",
            )
        if not any(_names_answer(one) for one in answer.claims):
            _fail(
                chapter,
                cell,
                f"no claim names the right choice in the {framework} edition: assign one of the "
                f"labels to `{ANSWER}`, as in {ANSWER} = {question.choices[0].label!r}",
            )
    unique = f"{name}-{cell.framework}" if cell.framework else name
    return Prediction(unique, cell, question, answers)


def _names_answer(claim: Cell) -> bool:
    """Whether a claim assigns the variable that names the right choice."""
    try:
        tree = ast.parse(python_of(claim.source))
    except SyntaxError:  # a run reports it with its line
        return False
    return any(
        isinstance(node, ast.Name) and node.id == ANSWER and isinstance(node.ctx, ast.Store)
        for node in ast.walk(tree)
    )


def naming_claim(answer: Answer) -> Cell | None:
    """The claim after which the right label is read: the last one that assigns it."""
    return next((claim for claim in reversed(answer.claims) if _names_answer(claim)), None)


def _choices(rows: list[str]) -> tuple[list[str], tuple[Choice, ...]]:
    """The text before the choices, and the choices."""
    first = next((n for n, row in enumerate(rows) if ITEM.match(row)), len(rows))
    choices: list[Choice] = []
    for number, row in enumerate(rows[first:], first):
        if match := ITEM.match(row):
            choices.append(Choice(match[1].strip(), match[2].strip(), number))
        elif row.strip() and not row.startswith("  "):
            raise ValueError(f"the choices end the question; after them comes {row.strip()!r}")
        elif row.strip():
            last = choices.pop()
            choices.append(Choice(last.label, f"{last.text} {row.strip()}", last.offset))
    labels = [choice.label for choice in choices]
    if len(labels) < 2:
        raise ValueError("{predict} choices needs two or more choices, '- label: text'")
    if len(set(labels)) < len(labels):
        raise ValueError(f"two choices have the same label: {labels}")
    return rows[:first], tuple(choices)


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f":{name}: must be a number, got {text!r}") from None


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)


def _fail(chapter: Chapter, cell: Cell, message: str) -> NoReturn:
    raise SourceError(chapter.path, cell.line, message)
