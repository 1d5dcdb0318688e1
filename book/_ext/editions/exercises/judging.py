"""Judge one answer as when a class is graded, and say what is wrong with the question.

These are the rules that the tests hold our questions to, and `make check-questions` holds every
question to. Each returns what breaks the rule, in words; an empty list if the rule holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from d2lexercises import frameworks
from d2lexercises.inspecting import with_inspections
from d2lexercises.question import Finding, Question, Verdict, give_verdict, run_probe
from d2lexercises.vocabulary import WrittenQuestion
from d2lexercises.wire import Plain, WireError, decode, encode

from editions.exercises.forked_inspections import in_fork

MOST_OF_A_GUESS = 0.01  # of a question's points, on average
GUESS_SEEDS = range(100, 130)
STUB_SEEDS = (1, 2, 3)


def reply_to(
    question: Question, answer: Any, framework: str, seed: int | None = None
) -> dict[str, Plain]:
    """What the probe and the inspections of a question give for an answer.

    The inputs are sent over the wire; by default the public ones.

    Raises:
        WireError: the inputs cannot be sent.
        QuestionError: the question's own code is wrong.
    """
    seed = question.public_seed if seed is None else seed
    inputs = decode(encode(question.draw(seed)))
    outputs = run_probe(question, answer, inputs, frameworks.load(framework))
    _refuse_own_errors(question, outputs)
    return with_inspections(question, inputs, outputs, framework, run=in_fork)


class QuestionError(Exception):
    """The question's own code raised an exception.

    Attributes:
        question: its name.
        place: the file and the line.
    """

    def __init__(self, question: str, place: str, message: str) -> None:
        super().__init__(message)
        self.question, self.place = question, place


def _refuse_own_errors(
    question: Question, reply: Mapping[str, Any], is_right: bool = False
) -> None:
    """Raise `QuestionError` for what no answer can have caused, or for a right answer: no student's
    code."""
    for value in [reply, *reply.values()]:
        for one in value if isinstance(value, list) else [value]:
            error = one.get("error") if isinstance(one, dict) else None
            if isinstance(error, dict) and "place" in error and (is_right or error.get("own")):
                said = f"{error['type']}: {' '.join(error['message'].split())}"[:400]
                message = f"the question's own code raised {said}"
                raise QuestionError(question.name, error["place"], message)


def judge(question: Question, answer: Any, framework: str, seed: int | None = None) -> Verdict:
    """Probe and judge an answer, what passes between them sent over the wire.

    Raises:
        WireError: the inputs, or what the answer gave, cannot be sent.
    """
    seed = question.public_seed if seed is None else seed
    outputs = decode(encode(reply_to(question, answer, framework, seed)))
    return give_verdict(question, question.draw(seed), outputs, framework)


def failed(verdict: Verdict) -> set[str]:
    """The aspects that did not earn their points."""
    return {finding.aspect for finding in verdict.findings if not finding.passed}


# -- rules -----------------------------------------------------------------------------------------


def faults_of_right(question: Question, answer: Any, framework: str, seed: int) -> list[str]:
    """A right answer earns all points, and all that it gives can be sent."""
    reply = reply_to(question, answer, framework, seed)
    _refuse_own_errors(question, reply, is_right=True)
    if problems := [*_unsendable(question, reply)]:
        return problems
    outputs = decode(encode(reply))
    verdict = give_verdict(question, question.draw(seed), outputs, framework)
    faults = [
        f"it fails on “{finding.aspect}”: {_in_a_line(finding)}"
        for finding in verdict.findings
        if not finding.passed and not finding.after
    ]
    if not faults and verdict.points != question.points:
        faults = [f"it earns {verdict.points:g} points of {question.points:g}"]
    return faults


def faults_of_starter(question: Question, answer: Any, framework: str, seed: int) -> list[str]:
    """The starter earns nothing, and each aspect says why."""
    verdict = judge(question, answer, framework, seed)
    faults = [
        f"it earns the points of “{finding.aspect}”"
        for finding in verdict.findings
        if finding.points > 0
    ]
    return faults + _silent(verdict)


def faults_of_text(question: Question, text: Any, framework: str, empty: bool) -> list[str]:
    """Words are kept for a person to mark, and an empty text is not."""
    verdict = judge(question, text, framework)
    if empty and verdict.to_mark:
        return ["it counts as an answer; begin with an empty text"]
    if not empty and verdict.findings:
        return [f"it is not kept: {_in_a_line(verdict.findings[0])}"]
    return []


def faults_of_wrong(
    question: Question, answer: Any, framework: str, seed: int, expected: set[str]
) -> list[str]:
    """A wrong answer fails on the aspects that are meant, and on no others; each says why."""
    verdict = judge(question, answer, framework, seed)
    known = {finding.aspect for finding in verdict.findings}
    faults = [f"there is no aspect “{aspect}”" for aspect in sorted(expected - known)]
    for finding in verdict.findings:
        if not finding.passed and finding.aspect not in expected:
            faults.append(f"it fails on “{finding.aspect}” too: {_in_a_line(finding)}")
        if finding.passed and finding.aspect in expected:
            faults.append(f"it does not fail on “{finding.aspect}”")
    wrong = [finding for finding in verdict.findings if not finding.passed]
    if len({finding.message for finding in wrong}) > 1:  # else nothing could be tried
        faults += [
            f"“{one.aspect}” gives no hint" for one in wrong if not (one.hint or one.of_kind)
        ]
    return faults + _silent(verdict)


def faults_of_stub(
    question: Question, answer: Any, framework: str, seeds: Iterable[int] = STUB_SEEDS
) -> list[str]:
    """What anybody could write without a thought earns at most a hundredth."""
    points = [judge(question, answer, framework, seed).points for seed in seeds]
    return _too_many(question, points)


def faults_of_guess(question: Question, reply: Any, framework: str) -> list[str]:
    """A made-up reply earns at most a hundredth on other inputs."""
    points = [
        give_verdict(question, inputs, reply, framework).points for inputs in inputs_of(question)
    ]
    return _too_many(question, points)


def _too_many(question: Question, points: Sequence[float]) -> list[str]:
    mean = float(np.mean(points))
    if mean <= MOST_OF_A_GUESS * question.points:
        return []
    earned = f"{mean:.2g} point{'' if mean == 1 else 's'}"
    return [
        f"it earns {earned} of {question.points:g}, more than a hundredth; an aspect can wait for "
        'another: after="the name of the other"'
    ]


def _silent(verdict: Verdict) -> list[str]:
    return [
        f"“{finding.aspect}” says nothing about why it fails"
        for finding in verdict.findings
        if not finding.passed and not finding.message
    ]


def _in_a_line(finding: Finding) -> str:
    return " ".join(finding.message.split())[:300]


# -- what can be sent ------------------------------------------------------------------------------


def _unsendable(question: Question, reply: Mapping[str, Any]) -> Iterator[str]:
    """What of a right answer's reply cannot be sent, or only in words that nobody asked for."""
    try:
        encode(reply)
    except WireError as problem:
        yield f"what was run gave something that cannot be sent: {problem}"
        return
    if isinstance(question, WrittenQuestion):
        for key, value in reply.items():
            for kind in _kinds(value):
                named = [one.name for one in question.aspects.values() if one.key == key]
                where = f"run of “{named[0]}”" if named else f"run ({key})"
                yield f"{where} returned something that cannot be sent: {kind}"


def _kinds(value: Any) -> Iterator[str]:
    """The words that stand for what cannot be sent; see `d2lexercises.running.plain`."""
    if isinstance(value, dict):
        if list(value) == ["kind"] and isinstance(value["kind"], str):
            yield value["kind"]
        for part in value.values():
            yield from _kinds(part)
    elif isinstance(value, list):
        for part in value:
            yield from _kinds(part)


# -- guesses and stubs -----------------------------------------------------------------------------


@cache
def inputs_of(question: Question) -> list[dict[str, Any]]:
    """A question's inputs for many students."""
    return [question.draw(seed) for seed in GUESS_SEEDS]


def guesses(right: Mapping[str, Plain]) -> dict[str, Any]:
    """Replies that anybody can make up who knows what a right answer gives for public inputs."""
    return {
        "the public outputs": dict(right),
        "nothing": {},
        "None": dict.fromkeys(right),
        "empty lists": {key: [] for key in right},
        "True": dict.fromkeys(right, True),
        **{f"{fill} everywhere": _like(right, fill) for fill in (0, 1, -1)},
    }


def _like(value: Any, fill: Any) -> Any:
    """A value of the same form in which every number and text has been made up."""
    if isinstance(value, np.ndarray):
        return np.full_like(value, fill)
    if isinstance(value, Mapping):
        return {key: _like(part, fill) for key, part in value.items()}
    if isinstance(value, list):
        return [_like(part, fill) for part in value]
    if isinstance(value, bool):
        return True
    return type(value)(fill) if isinstance(value, int | float) else value


def stubs(framework: str) -> dict[str, Any]:
    """Answers that anybody can write without a thought, by what they are."""
    constants: dict[str, Any] = {
        "None": None,
        "0": 0,
        "1.0": 1.0,
        "an empty text": "",
        "a list": [],
    }
    functions: dict[str, Callable[..., Any]] = {
        "a function that returns None": lambda *a, **k: None,
        "a function that returns 0": lambda *a, **k: 0,
        "a function that returns its input": lambda *a, **k: a[0] if a else None,
        "a function that returns zeros": lambda *a, **k: a[0] * 0 if a else 0,
    }
    classes = {
        "a class that returns its input": _stub_class(framework, lambda self, X: X),
        "a class that returns zeros": _stub_class(framework, lambda self, X: X * 0),
        "a class that returns None": _stub_class(framework, lambda self, X: None),
    }
    return constants | functions | classes


def _stub_class(framework: str, run: Callable[[Any, Any], Any]) -> type:
    adapter = frameworks.load(framework)
    return type(
        "Stub",
        (adapter.layer,),
        {
            "__init__": lambda self, *a, **k: adapter.layer.__init__(self),  # type: ignore[misc]
            adapter.own_method: run,
            "__len__": lambda self: 3,
            "__getitem__": lambda self, index: self,
            "calls": 3,
            "shapes": [(2, 3)],
            "hidden": (),
            "first": None,
        },
    )
