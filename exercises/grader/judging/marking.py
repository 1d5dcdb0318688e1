"""Points for outputs. Nothing here runs a student's code, or compares with anything but data."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from d2lcompute.checks import frameworks
from d2lcompute.checks.question import Question, give_verdict
from grader.judging import session
from grader.judging.session import Answer

log = logging.getLogger(__name__)

_SAID = {
    session.MISSING: "No check in the notebook names an answer to this question.",
    session.HUNG: "The answer did not finish in the time that it has.",
    session.DIED: "The answer ended the process that it ran in (out of memory, or an exit).",
    session.FLOODED: "The answer sent more data than it may.",
    session.LATE: "The notebook as a whole took longer than it may.",
    session.NEEDS_PERSON: "Grading failed for a reason that lies outside of the answer.",
}


@dataclass(frozen=True)
class Mark:
    """What one question earned, and why."""

    question: str
    version: str
    title: str
    status: str  # of `session`
    points: float | None  # None: needs a person
    out_of: float
    said: str = ""  # on the answer as a whole
    findings: list[dict[str, Any]] = field(default_factory=list)  # aspects, for the instructor

    def as_json(self) -> dict[str, Any]:
        """Plain data, for keeping."""
        return asdict(self)


def mark(
    question: Question, answer: Answer, draw: Callable[[], dict[str, Any]], framework: str
) -> Mark:
    """Judge an answer. `draw` gives the inputs that it was asked with."""

    def result(status: str, points: float | None, said: str = "", findings: Any = ()) -> Mark:
        return Mark(
            question.name,
            question.version,
            question.title,
            status,
            points,
            float(question.points),
            said,
            list(findings),
        )

    if answer.status not in (session.ANSWERED, session.RAISED):
        points = None if answer.status == session.NEEDS_PERSON else 0.0
        return result(answer.status, points, _SAID[answer.status])
    outputs = answer.outputs
    if answer.status == session.RAISED:
        outputs = {"error": answer.detail}
    try:
        # Where nothing was imported nothing right can come, but the judge has to know a framework.
        known = framework if framework in frameworks.KEYS else frameworks.KEYS[0]
        verdict = give_verdict(question, draw(), outputs, known)
        findings: list[dict[str, Any]] = [
            {
                "aspect": str(finding.aspect),
                "points": _within(finding.points, finding.out_of),
                "out_of": float(finding.out_of),
                "message": str(finding.message)[:4000],
                "hint": str(finding.hint)[:2000],
            }
            for finding in verdict.findings
        ]
    except Exception as error:  # a fault of the judge, maybe provoked
        log.warning("judging %s failed: %s: %s", question.name, type(error).__name__, error)
        return result(session.NEEDS_PERSON, None, f"The judge failed: {type(error).__name__}.")
    points = _within(sum(finding["points"] for finding in findings), question.points)
    return result(answer.status, points, "", findings)


def _within(points: float, most: float) -> float:
    points, most = float(points), float(most)
    if not math.isfinite(points):
        raise ValueError("points that are no number")
    return min(max(points, 0.0), most)
