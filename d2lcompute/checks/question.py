"""What questions of the first edition are written with; new ones use `d2lexercises.vocabulary`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from d2lexercises import question as questions
from d2lexercises.comparer import brief, compare, got_text, same_plain, shape_text
from d2lexercises.faults import MESSAGE_LENGTH, Unfit, WrongKind, attempt, describe, error_in
from d2lexercises.kinds import came_instead, kind_of, need_class, need_function, whole
from d2lexercises.question import Finding, Verdict, generator, give_verdict, run_probe

__all__ = [
    "MESSAGE_LENGTH",
    "Aspect",
    "Finding",
    "Question",
    "Unfit",
    "Verdict",
    "WrongKind",
    "attempt",
    "brief",
    "came_instead",
    "describe",
    "error_in",
    "give_verdict",
    "got_text",
    "judge_by",
    "kind_of",
    "need_class",
    "need_function",
    "run_probe",
    "same_array",
    "same_plain",
    "shape_text",
    "shapes_of",
    "whole",
]


@dataclass(frozen=True)
class Question(questions.Question):
    """One exercise of a chapter: inputs, a probe that runs student code, a judge that runs none."""

    name: str
    title: str
    points: int
    inputs: Callable[[np.random.Generator], dict[str, Any]]
    probe: Callable[[Any, dict[str, Any], Any], dict[str, Any]] = field()  # type: ignore[assignment]
    judge: Callable[[dict[str, Any], dict[str, Any], str], list[Finding]]
    version: str

    def draw(self, seed: int) -> dict[str, Any]:
        """The inputs that belong to a seed: the same on every machine."""
        return self.inputs(generator(seed))

    def findings(
        self, inputs: dict[str, Any], outputs: dict[str, Any], framework: str
    ) -> list[Finding]:
        """Judge what the probe returned."""
        return self.judge(inputs, outputs, framework)


@dataclass(frozen=True)
class Aspect:
    """One thing that is judged.

    `compare(inputs, output, framework)` looks at the entry `key` of what the probe returned. It
    raises `Unfit` if that is not what a right answer gives.
    """

    name: str
    points: float
    key: str
    compare: Callable[[Mapping[str, Any], Any, str], None]
    hint: str = ""
    hints: Mapping[str, str] | None = None  # by framework, where they differ
    needs: tuple[str, ...] = ()  # aspects that must be right for this one to count

    def judge(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], framework: str) -> str:
        """What is wrong, in words; "" if nothing is."""
        found = outputs.get(self.key)
        if (error := error_in(found)) is not None:
            return error
        if self.key not in outputs:
            return "Nothing came."
        try:
            self.compare(inputs, found, framework)
        except Unfit as problem:
            return str(problem)
        return ""


def judge_by(
    *aspects: Aspect,
) -> Callable[[dict[str, Any], dict[str, Any], str], list[Finding]]:
    """A judge that gives each aspect its points or none."""

    def judge(inputs: dict[str, Any], outputs: dict[str, Any], framework: str) -> list[Finding]:
        if (error := error_in(outputs)) is not None:  # nothing could be tried
            return [Finding(aspect.name, 0.0, aspect.points, error) for aspect in aspects]
        findings: dict[str, Finding] = {}
        for aspect in aspects:
            message = aspect.judge(inputs, outputs, framework)
            missing = [name for name in aspect.needs if not findings[name].passed]
            if not message and missing:
                message = f"This counts once “{missing[0]}” is right."
            hint = (aspect.hints or {}).get(framework, aspect.hint) if message else ""
            points = 0.0 if message else aspect.points
            findings[aspect.name] = Finding(aspect.name, points, aspect.points, message, hint)
        return list(findings.values())

    return judge


def same_array(
    found: Any, expected: np.ndarray, what: str, shown_for: str = "", tolerance: float = 1e-4
) -> None:
    """Raise `Unfit` unless `found` is an array of `expected`'s shape and values.

    `what` names it in the message; `shown_for` is the input that shows the difference.
    """
    compare(found, np.asarray(expected), what, shown=shown_for, tolerance=tolerance)


def shapes_of(found: Any) -> list[tuple[int, ...]]:
    """A list of lists of integers as shapes; raises `Unfit` if it is something else."""
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    ok = isinstance(found, list) and all(
        isinstance(shape, list) and all(type(size) is int for size in shape) for shape in found
    )
    if not ok:
        raise Unfit("A list of shapes is expected.")
    return [tuple(shape) for shape in found]
