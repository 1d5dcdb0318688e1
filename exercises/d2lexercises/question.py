"""What a question is, and what comes out of judging one answer.

Questions are written with `d2lexercises.vocabulary`. Here is what everyone else knows of one: it
draws inputs, it probes an answer with them, which runs the student's code, and it judges what came.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from d2lexercises.faults import attempt, describe
from d2lexercises.given import Given

if TYPE_CHECKING:
    from d2lexercises.frameworks import Framework
    from d2lexercises.wire import Plain


@dataclass(frozen=True)
class Finding:
    """One aspect that was judged."""

    aspect: str  # a short name: "order of the blocks"
    points: float  # earned
    out_of: float
    message: str  # what was expected, what came, with the input that showed it; "" when passed
    hint: str = ""  # the property that is asked for, or the commonest mistake
    code: str = ""  # the second stage of the hint: how it is written
    after: str = ""  # the aspect that failed, and because of which this one does
    of_kind: bool = False  # something of another kind came; the aspect's hint would not help

    @property
    def passed(self) -> bool:
        """Whether the aspect earned all of its points."""
        return self.points >= self.out_of

    @property
    def shown(self) -> str:
        """The message for a reader; of an aspect that waits, for which one."""
        return f"This counts once “{self.after}” is right." if self.after else self.message


@dataclass(frozen=True)
class Verdict:
    """What judging one answer to one question gave."""

    question: str
    findings: tuple[Finding, ...]
    hidden: tuple[tuple[str, float], ...] = ()  # aspects judged only when graded, with their points
    to_mark: float = 0  # points that a person gives
    words: int = 0  # of a text that a person marks

    @property
    def points(self) -> float:
        """The points earned."""
        return sum(finding.points for finding in self.findings)

    @property
    def out_of(self) -> float:
        """The points to be had."""
        return sum(finding.out_of for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Whether something was judged, and every aspect is right."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)


class Probe:
    """The part of a question that runs a student's code, and all of it that the sandbox holds."""

    name: str
    runs: Mapping[str, tuple[Callable[..., Any], str | tuple[str, ...]]] = MappingProxyType({})
    # By the key in the reply: what inspects, and the key of the run whose result it gets.
    inspections: Mapping[str, tuple[Callable[..., Any], str]] = MappingProxyType({})
    # By the key of a run: what makes its referee.
    referees: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    # By the key in the reply: what runs in a second process, and the key of the run before it.
    repeats: Mapping[str, tuple[Callable[..., Any], str]] = MappingProxyType({})

    def probe(self, answer: Any, inputs: dict[str, Plain], framework: Any) -> dict[str, Plain]:
        """Run the answer on the inputs; return what it gave as plain data."""
        raise NotImplementedError


class Question(Probe, ABC):
    """One exercise of a chapter.

    Attributes:
        name: chapter, dot, question: "blocks.sequential".
        title: the heading of its section.
        points: the points of all of its aspects together.
        version: another one whenever the question is to be judged again.
        minutes: about how long it takes; 0 where nobody has said.
        difficulty: from 1, a first step, to 3, a challenge; 0 where nobody has said.
        is_text: its answer is a text, which a person marks.
    """

    title: str
    points: int
    version: str
    minutes: int = 0
    difficulty: int = 0
    is_text: bool = False

    @abstractmethod
    def draw(self, seed: int) -> dict[str, Plain]:
        """The inputs that belong to a seed: the same on every machine."""

    @abstractmethod
    def findings(
        self, inputs: dict[str, Plain], outputs: dict[str, Plain], framework: str
    ) -> list[Finding]:
        """Judge what `probe` returned. Runs nothing of the student's."""

    def failed_case(
        self, aspect: str, inputs: dict[str, Plain], outputs: dict[str, Plain], framework: str
    ) -> tuple[Given, Any, Any, str]:
        """The first case that an aspect finds wrong: inputs, what is expected, what came, why."""
        return Given(inputs), None, outputs, ""

    @property
    def hidden(self) -> Mapping[str, float]:
        """The aspects that are judged only when a class is graded, with their points."""
        return {}

    @property
    def kept(self) -> Collection[str]:
        """The names of the inputs that stay outside of the student's process."""
        return ()

    @property
    def left_out(self) -> bool:
        """Whether a judge of a hidden aspect is missing, as in what is handed out."""
        return False

    @property
    def chapter(self) -> str:
        """The chapter it belongs to."""
        return self.name.partition(".")[0]

    @property
    def public_seed(self) -> int:
        """The seed of the inputs that `check` uses in a notebook."""
        return zlib.crc32(self.name.encode())


def generator(seed: int) -> np.random.Generator:
    """The random numbers that belong to a seed: the same on every machine."""
    return np.random.Generator(np.random.PCG64(seed))


def run_probe(
    question: Probe, answer: Any, inputs: dict[str, Plain], framework: Framework | None
) -> dict[str, Plain]:
    """Run the question's probe on an answer; what stops it is returned as ``{"error": ...}``.

    `framework` is None for a question that needs none.
    """
    with framework.on_cpu() if framework is not None else nullcontext():
        result = attempt(lambda: question.probe(answer, inputs, framework))
    return result if isinstance(result, dict) else {"error": describe(TypeError("no outputs"))}


def give_verdict(
    question: Question,
    inputs: dict[str, Plain],
    outputs: Plain | Mapping[str, Plain],
    framework: str,
    *,
    graded: bool = True,
) -> Verdict:
    """Judge what a probe returned. `outputs` may be any plain data at all.

    `graded` is False in a notebook: hidden aspects are then left out.
    """
    outputs = outputs if isinstance(outputs, dict) else {}
    findings = question.findings(inputs, outputs, framework)
    hidden = {} if graded else question.hidden
    kept = tuple(finding for finding in findings if finding.aspect not in hidden)
    to_mark = question.is_text and not kept
    return Verdict(
        question.name,
        kept,
        tuple(hidden.items()),
        question.points if to_mark else 0,
        len(str(outputs.get("text", "")).split()) if to_mark else 0,
    )
