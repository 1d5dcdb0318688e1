"""Judges that find nothing wrong with anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from d2lexercises import frameworks
from d2lexercises.faults import error_in
from d2lexercises.given import Given
from d2lexercises.question import Question, give_verdict
from d2lexercises.vocabulary import WrittenQuestion

from editions.exercises.altered_replies import ODD

PLAUSIBLE = [odd for odd in ODD if error_in(odd) is None]  # an error fails wherever it is


class _Everywhere(dict[str, Any]):
    """A reply that has the same value under every key."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def __contains__(self, key: object) -> bool:
        return key != "error"

    def __getitem__(self, key: str) -> Any:
        return self.value

    def get(self, key: str, default: Any = None) -> Any:
        return default if key == "error" else self.value


def never_failing(question: Question, inputs: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """The aspects that earn their points whatever came.

    Raises:
        Exception: what a judge raises; it may raise no more than `Unfit`.
    """
    if isinstance(question, WrittenQuestion):
        return [name for name in question.aspects if _always_passes(question, name, inputs)]
    always: set[str] | None = None
    for odd in (*PLAUSIBLE, *([one] * count for one in PLAUSIBLE for count in (1, 2, 3))):
        for framework in keys:
            verdict = give_verdict(question, inputs, _Everywhere(odd), framework)
            passed = {finding.aspect for finding in verdict.findings if finding.passed}
            always = passed if always is None else always & passed
    return sorted(always or ())


def _always_passes(question: WrittenQuestion, name: str, inputs: dict[str, Any]) -> bool:
    aspect = question.aspects[name]
    cases = Given(inputs).cases(aspect.over)
    for odd in PLAUSIBLE:
        found = [odd] * len(cases) if isinstance(cases, list) else odd
        for framework in frameworks.KEYS:
            if not aspect.finding(inputs, {aspect.key: found}, framework).passed:
                return False
    return True
