"""Replies of which one entry is altered: each is judged once, and nothing is judged twice.

A hostile process may send anything in the place of what a right answer gives. The judge must
neither raise an exception nor pay for it.

An aspect judges one entry of a reply. What it says of an entry that was left as the solution gave
it is therefore remembered; and an entry that has the same form in two frameworks is altered for one
of them alone, unless a judge of that entry looks at which framework it is. What is expected depends
on the inputs alone, so it is worked out once for all replies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from d2lexercises import vocabulary
from d2lexercises.given import Given
from d2lexercises.question import Question, Verdict, give_verdict
from d2lexercises.vocabulary import Judged, WrittenQuestion

from d2lcompute.checks.question import Aspect

ODD: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), "", "text", [], [[]], [None, None], {}, {"error": 3},
    {"error": {}}, {"error": {"type": 1}}, {"error": {"type": [], "message": {}, "line": 0}},
    {"length": True, "found": "x", "runs": [1, 2], "class": True}, {"layers": [], "scale": 3},
    {"calls": 10**18, "shapes": [[10**18] * 3]}, [[1, 2], [3]], [["a"]], np.zeros(()),
    np.array([True, False]), np.full((2, 3), np.nan), np.full((2, 2), np.inf), np.zeros((0, 3)),
    [np.zeros(2)] * 9, {"layers": [[np.zeros(1)] * 2] * 4, "scale": np.zeros((0,))},
    {"outputs": [np.zeros(1)] * 6, "calls": 3, "shapes": 3},
]  # fmt: skip

_LOOKS = (
    *("__getattribute__", "__eq__", "__ne__", "__hash__", "__str__", "__format__", "__len__"),
    *("__iter__", "__contains__", "__getitem__", "__add__", "__lt__", "__gt__"),
)


def _noting(key: str, note: Callable[[], None]) -> str:
    """A framework's key that calls `note` whenever something looks at it."""

    def looking(method: str) -> Callable[..., Any]:
        def look(self: str, *arguments: Any) -> Any:
            note()
            return getattr(str, method)(self, *arguments)

        return look

    return type("Key", (str,), {method: looking(method) for method in _LOOKS})(key)


def _form(value: Any) -> Any:
    """The form of plain data: everything but its numbers and texts."""
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape)
    if isinstance(value, list):
        return [_form(part) for part in value]
    if isinstance(value, dict):
        return {key: _form(part) for key, part in value.items()}
    return type(value).__name__


def _places(parts: list[Any]) -> list[int]:
    """The first and the last position of each form."""
    by_form: dict[str, list[int]] = {}
    for at, part in enumerate(parts):
        by_form.setdefault(repr(_form(part)), []).append(at)
    return sorted({at for same in by_form.values() for at in (same[0], same[-1])})


def with_one_replaced(value: Any, odd: Any) -> Iterator[Any]:
    """The list or dict `value` with something odd in one place, for every place in it.

    Of the parts of a list that have one form, the first and the last are places.
    """
    if isinstance(value, list):
        for at in _places(value):
            part = value[at]
            for inner in [odd, *with_one_replaced(part, odd)]:
                yield [*value[:at], inner, *value[at + 1 :]]
    elif isinstance(value, dict):
        for key, part in value.items():
            for inner in [odd, *with_one_replaced(part, odd)]:
                yield {**value, key: inner}


@contextmanager
def expecting_once(judging: Callable[[], Hashable] = lambda: None) -> Iterator[None]:
    """While this lasts, an aspect works out once what it says of the inputs of a case alone.

    That is what it expects, shows, and knows of mistakes. The inputs must be kept meanwhile.

    Args:
        judging: returns what else these depend on; by default the framework's key.
    """
    real, known = vocabulary._called, dict[Hashable, Any]()

    def called(words: Callable[..., Any], framework: str, *arguments: Any) -> Any:
        if len(arguments) != 1 or not isinstance(arguments[0], Given):
            return real(words, framework, *arguments)
        takes = framework if vocabulary._count(words) > 1 else ""
        key = (words, id(arguments[0]._parts), judging() or takes)
        if key not in known:
            known[key] = real(words, framework, *arguments)
        return known[key]

    with mock.patch.object(vocabulary, "_called", called):
        yield


class Altering:
    """The judge of one question, and the entries of the solution's replies that are altered.

    `entries` and `verdict` work within `remembering`.
    """

    def __init__(self, question: Question, right: Mapping[str, Mapping[str, Any]]) -> None:
        """`right` has what the solution gives on the public inputs, by framework."""
        self.question, self.right = question, right
        self.inputs = question.draw(question.public_seed)
        self.looked_at: set[str] = set()  # the entries whose judges look at the framework
        self._framework, self._reply = "", dict[str, Any]()
        self._aspect = ""  # the one that is judged
        self._known: dict[str, Any] = {}  # what is said of entries that are as they were
        self._tried: list[tuple[str, Any]] = []  # entries and their forms

    @contextmanager
    def remembering(self) -> Iterator[Altering]:
        """While this lasts, what the judge says of an entry is remembered."""
        written = isinstance(self.question, WrittenQuestion)
        owner, method = (Judged, "finding") if written else (Aspect, "judge")
        real = getattr(owner, method)

        def judge(aspect: Any, inputs: Any, reply: Any, framework: str) -> Any:
            self._aspect = aspect.name
            found = reply.get(aspect.key)
            if found is not None and found is self._reply.get(aspect.key):
                if aspect.name not in self._known:
                    self._known[aspect.name] = real(aspect, inputs, reply, framework)
                return self._known[aspect.name]
            key = _noting(self._framework, lambda: self.looked_at.add(aspect.key))
            return real(aspect, inputs, reply, key)

        with (
            mock.patch.object(owner, method, judge),
            expecting_once(lambda: (self._aspect, self._framework)),
        ):
            yield self

    def entries(self) -> Iterator[tuple[dict[str, Any], str, Any]]:
        """The solution's reply, and the name and value of each entry to be altered in it.

        What is inspected is left out where no aspect judges it: an inspection takes its place.
        """
        aspects = getattr(self.question, "aspects", {}).values()
        judged = {one.key for one in aspects}
        further = [*self.question.inspections.values(), *self.question.repeats.values()]
        inspected = {of for _, of in further} - judged
        for framework, reply in self.right.items():
            self._framework, self._reply = framework, dict(reply)
            self._known.clear()
            for key, value in self._reply.items():
                tried = (key, _form(value))
                if key in inspected:
                    continue
                if key in self.looked_at or tried not in self._tried:
                    yield self._reply, key, value
                    self._tried.append(tried)

    def verdict(self, reply: Any) -> Verdict:
        """The judge's verdict on a reply."""
        return give_verdict(self.question, self.inputs, reply, self._framework)


def faults_of_odd_replies(
    question: Question, right: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """What the judge raises, or pays, for a reply in which something odd is in one place.

    `right` has what the solution gives on the public inputs, by framework.
    """
    with Altering(question, right).remembering() as altering:
        for reply, key, value in altering.entries():
            for odd in ODD:
                yield from _faults(altering, odd, 0, "an odd reply")
                most = question.points - 1e-9
                yield from _faults(altering, {**reply, key: odd}, most, f"an odd {key!r}")
                for inner in with_one_replaced(value, odd):  # odd things in the right form
                    altered = {**reply, key: inner}
                    yield from _faults(
                        altering, altered, question.points, f"an odd part of {key!r}"
                    )


def _faults(altering: Altering, reply: Any, most: float, what: str) -> Iterator[str]:
    try:
        points = altering.verdict(reply).points
    except Exception as error:
        yield f"for {what} the judge raises {type(error).__name__}: {error}"
    else:
        if not 0 <= points <= most:
            yield f"for {what} the judge gives {points:g} of {altering.question.points:g} points"
