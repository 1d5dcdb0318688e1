"""Replies of which one entry is altered: each is judged once, and nothing is judged twice.

An aspect judges one entry of a reply. What it says of an entry that was left as the solution gave
it is therefore remembered; and an entry that has the same form in two frameworks is altered for one
of them alone, unless a judge of that entry looks at which framework it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from d2lexercises import find_question
from d2lexercises.question import Verdict, give_verdict
from d2lexercises.vocabulary import Judged, WrittenQuestion
from exercise_answers import FRAMEWORKS, right_reply

from d2lcompute.checks.question import Aspect

LOOKS = ("__getattribute__", "__eq__", "__ne__", "__hash__", "__str__", "__format__")
LOOKS += ("__len__", "__iter__", "__contains__", "__getitem__", "__add__", "__lt__", "__gt__")


def noting(key: str, note: Callable[[], None]) -> str:
    """A framework's key that calls `note` whenever something looks at it."""

    def looking(method: str) -> Callable[..., Any]:
        def look(self: str, *arguments: Any) -> Any:
            note()
            return getattr(str, method)(self, *arguments)

        return look

    return type("Key", (str,), {method: looking(method) for method in LOOKS})(key)


def form(value: Any) -> Any:
    """The form of plain data: everything but its numbers and texts."""
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape)
    if isinstance(value, list):
        return [form(part) for part in value]
    if isinstance(value, dict):
        return {key: form(part) for key, part in value.items()}
    return type(value).__name__


def with_one_replaced(value: Any, odd: Any) -> Iterator[Any]:
    """The list or dict `value` with something odd in one place, for every place in it."""
    if isinstance(value, list):
        for at, part in enumerate(value):
            for inner in [odd, *with_one_replaced(part, odd)]:
                yield [*value[:at], inner, *value[at + 1 :]]
    elif isinstance(value, dict):
        for key, part in value.items():
            for inner in [odd, *with_one_replaced(part, odd)]:
                yield {**value, key: inner}


class Altering:
    """The judge of one question, and the entries of the solution's reply that are to be altered."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.question = find_question(name)
        self.inputs = self.question.draw(self.question.public_seed)
        self.looked_at: set[str] = set()  # the entries whose judges look at the framework
        self._framework, self._right = "", dict[str, Any]()
        self._known: dict[str, Any] = {}  # what is said of entries that are as they were
        self._tried: list[tuple[str, Any]] = []  # entries and their forms
        written = isinstance(self.question, WrittenQuestion)
        owner, method = (Judged, "finding") if written else (Aspect, "judge")
        real = getattr(owner, method)

        def judge(aspect: Any, inputs: Any, reply: Any, framework: str) -> Any:
            found = reply.get(aspect.key)
            if found is not None and found is self._right.get(aspect.key):
                if aspect.name not in self._known:
                    self._known[aspect.name] = real(aspect, inputs, reply, framework)
                return self._known[aspect.name]
            key = noting(self._framework, lambda: self.looked_at.add(aspect.key))
            return real(aspect, inputs, reply, key)

        monkeypatch.setattr(owner, method, judge)

    def entries(self) -> Iterator[tuple[dict[str, Any], str, Any]]:
        """The solution's reply, and the name and value of each entry to be altered in it."""
        for framework in FRAMEWORKS:
            self._framework, self._right = framework, right_reply(self.question.name, framework)
            self._known.clear()
            for key, value in self._right.items():
                tried = (key, form(value))
                if key in self.looked_at or tried not in self._tried:
                    yield self._right, key, value
                    self._tried.append(tried)

    def verdict(self, reply: Any) -> Verdict:
        """The judge's verdict on a reply."""
        return give_verdict(self.question, self.inputs, reply, self._framework)
