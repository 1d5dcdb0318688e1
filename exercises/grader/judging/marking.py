"""Points for outputs. Nothing here runs a student's code; it compares plain data only."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from d2lexercises import frameworks
from d2lexercises.faults import error_in, other_causes_in
from d2lexercises.question import Question, give_verdict

from grader.intake.names import printable
from grader.judging import session
from grader.judging.session import Answer

log = logging.getLogger(__name__)

BY_HAND = "by hand"  # the status of a text that a person marks
UNREADABLE = "unreadable"  # the status in earlier gradebooks if the file is not a notebook

_MESSAGES = {
    session.MISSING: "No check in the notebook names an answer to this question.",
    session.HUNG: "The answer did not finish within its time limit.",
    session.DIED: "The answer ended its process (out of memory, or an exit).",
    session.FLOODED: "The answer sent more data than allowed.",
    session.LATE: "The notebook as a whole took longer than allowed.",
    session.NEEDS_PERSON: "Grading failed for a reason that is not in the answer.",
}


@dataclass(frozen=True)
class Mark:
    """What one question earned, and why. Records store it under these names."""

    question: str
    version: str
    title: str
    status: str  # one of those in `session`, BY_HAND or UNREADABLE
    points: float | None  # None: a person gives them
    out_of: float
    said: str = ""  # a message about the answer as a whole
    findings: list[dict[str, Any]] = field(default_factory=list)  # for each aspect
    text: str = ""  # which a person marks
    final: bool = False  # of one that needs a person: grading it again here gives the same

    @property
    def is_known(self) -> bool:
        """Whether grading the submission again, with the same question, need not ask for it."""
        return self.status != session.NEEDS_PERSON or self.final

    def as_json(self) -> dict[str, Any]:
        """Return the mark as plain data, to be stored."""
        return asdict(self)


def mark_answer(
    question: Question, answer: Answer, draw: Callable[[], dict[str, Any]], framework: str
) -> Mark:
    """Judge an answer. `draw` returns the inputs that the answer was given."""

    def mark(
        status: str,
        points: float | None,
        message: str = "",
        findings: Any = (),
        text: str = "",
        final: bool = False,
    ) -> Mark:
        return Mark(
            question.name,
            question.version,
            question.title,
            status,
            points,
            float(question.points),
            message,
            list(findings),
            text,
            final or (status == session.NEEDS_PERSON and answer.final),
        )

    if answer.status not in (session.ANSWERED, session.RAISED):
        points = None if answer.status == session.NEEDS_PERSON else 0.0
        said = printable(answer.reason, session.REASON_LENGTH)
        return mark(answer.status, points, said or _MESSAGES[answer.status])
    outputs = answer.outputs
    if isinstance(outputs, dict):  # what a worker says of its own is no inspection
        elsewhere = {*question.inspections, *question.repeats, *question.referees}
        own = {key: value for key, value in outputs.items() if key not in elsewhere}
        outputs = own | answer.inspected
    if answer.status == session.RAISED:
        outputs = {"error": answer.detail}
    if question.is_text:
        text = outputs.get("text") if isinstance(outputs, dict) else None
        if isinstance(text, str):
            written = bool(text.strip())
            return (
                mark(BY_HAND, None, "", (), text)
                if written
                else mark(session.MISSING, 0.0, "Nothing is written.")
            )
        said = error_in(outputs) or error_in(text) or "No text came."
        return mark(BY_HAND, None, said)  # not for the grader to decide
    try:
        # A judge needs a framework, also for a submission that imports none and cannot be right.
        known = framework if framework in frameworks.KEYS else frameworks.KEYS[0]
        verdict = give_verdict(question, draw(), outputs, known)
        findings: list[dict[str, Any]] = [
            {
                "aspect": str(finding.aspect),
                "points": _within(finding.points, finding.out_of),
                "out_of": float(finding.out_of),
                "message": str(finding.shown)[:4000],
                "hint": str(finding.hint)[:2000],
            }
            for finding in verdict.findings
        ]
    except Exception as error:  # a fault of the judge, perhaps provoked by the outputs
        log.warning("judging %s failed: %s: %s", question.name, type(error).__name__, error)
        return mark(session.NEEDS_PERSON, None, f"The judge failed: {type(error).__name__}.")
    points = _within(sum(finding["points"] for finding in findings), question.points)
    if points < question.points and (causes := other_causes_in(outputs)):
        return mark(session.NEEDS_PERSON, None, causes[0], findings, final=True)
    return mark(answer.status, points, "", findings)


def _within(points: float, most: float) -> float:
    """Return the points, limited to the range from 0 to `most`.

    Raises:
        ValueError: the points are infinite or not a number.
    """
    points, most = float(points), float(most)
    if not math.isfinite(points):
        raise ValueError(f"points must be finite, got {points}")
    return min(max(points, 0.0), most)
