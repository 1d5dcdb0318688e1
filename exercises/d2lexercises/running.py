"""The part of a question that runs a student's code: all of it that the sandbox holds.

For each `run` of a question, and each case that it is about, the answer is called, and what it gave
is made plain: numbers, strings, arrays, and lists and dicts of them. What stops it is kept in the
place of the result, so that it costs the other cases nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from d2lexercises.faults import WrongKind, attempt, error_in
from d2lexercises.given import Given
from d2lexercises.kinds import kind_of
from d2lexercises.question import Probe
from d2lexercises.refereeing import Seats
from d2lexercises.wire import DTYPES

Run = Callable[[Any, Any, Any], Any]
Inspect = Callable[[Any, Any, Any], Any]
LONGEST = 20_000  # parts of a list or dict that are sent
DEEPEST = 12


class Running(Probe):
    """A question in the sandbox: what its answers are, and what is run."""

    def __init__(
        self,
        name: str,
        takes: Callable[[Any, Any], None],
        runs: Mapping[str, tuple[Run, str | tuple[str, ...]]],
        inspections: Mapping[str, tuple[Inspect, str]],
        referees: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
        repeats: Mapping[str, tuple[Run, str]] = MappingProxyType({}),
    ) -> None:
        self.name, self.takes = name, takes
        self.runs, self.inspections = runs, inspections
        self.referees, self.repeats = referees, repeats
        self.seats: Seats = {}  # set by the worker: what asks the referees

    def probe(self, answer: Any, inputs: dict[str, Any], framework: Any) -> dict[str, Any]:
        """Run the answer on the inputs: for each run, what it gave."""
        return probe_runs(self.takes, self.runs, answer, inputs, framework, self.seats)


class Probing(Probe):
    """A question of the first edition in the sandbox: its probe."""

    def __init__(
        self, name: str, probe: Callable[[Any, dict[str, Any], Any], dict[str, Any]]
    ) -> None:
        self.name, self._probe = name, probe

    def probe(self, answer: Any, inputs: dict[str, Any], framework: Any) -> dict[str, Any]:
        """Run the answer on the inputs."""
        return self._probe(answer, inputs, framework)


def probe_runs(
    takes: Callable[[Any, Any], None],
    runs: Mapping[str, tuple[Run, str | tuple[str, ...]]],
    answer: Any,
    inputs: dict[str, Any],
    framework: Any,
    seats: Seats = MappingProxyType({}),
) -> dict[str, Any]:
    """For each run, what it gave, or a list with what it gave for each case.

    `seats` has the cases of the runs that have a referee.

    Raises:
        WrongKind: the answer is not what the question takes.
    """
    takes(answer, framework)
    reply: dict[str, Any] = {}
    for key, (run, over) in runs.items():

        def of_case(case: Any, run: Run = run) -> Any:
            return attempt(lambda: plain(run(answer, case, framework), framework))

        cases = seats[key] if key in seats else Given(inputs).cases(over)
        many = isinstance(cases, list)
        reply[key] = [of_case(case) for case in cases] if many else of_case(cases)
    return reply


def repeat_runs(question: Probe, answer: Any, came: dict[str, Any], framework: Any) -> Any:
    """What the `again` of a question gives for what its runs hand over, by its key.

    To be called in a process in which the answer has not run before. A list stands for a case each
    where `came` has ``{"cases": [...]}``.

    Raises:
        WrongKind: the answer is not what the question takes.
    """
    question.takes(answer, framework)  # type: ignore[attr-defined]
    reply = {}
    for key, handed in came.items():
        again, _ = question.repeats[key]

        def of_case(one: Any, again: Run = again) -> Any:
            if error_in(one) is not None:
                return one
            return attempt(lambda: plain(again(answer, one, framework), framework))

        many = isinstance(handed, dict) and list(handed) == ["cases"]
        reply[key] = [of_case(one) for one in handed["cases"]] if many else of_case(handed)
    return reply


def inspect_found(
    question: Probe, key: str, inputs: dict[str, Any], came: Any, framework: Any
) -> Any:
    """What an `inspect` of a question gives for what came from its `run`, case by case.

    To be called in a process that never ran a student's code. `came` may be any plain data: an
    error stays what it is, and what is not a result for each case is returned as it came, for the
    judge to refuse.
    """
    inspect, of = question.inspections[key]
    cases = Given(inputs).cases(question.runs[of][1])

    def of_case(case: Any, found: Any) -> Any:
        if error_in(found) is not None:
            return found
        return attempt(lambda: plain(inspect(case, found, framework), framework))

    with framework.on_cpu():
        if not isinstance(cases, list):
            return of_case(cases, came)
        if not isinstance(came, list) or len(came) != len(cases):
            return came
        return [of_case(case, found) for case, found in zip(cases, came, strict=True)]


def plain(value: Any, f: Any, depth: int = 0) -> Any:
    """What an answer gave, as plain data; what is none is sent in words, as ``{"kind": ...}``."""
    if value is None or type(value) in (bool, float):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        fits = -(2**63) <= value < 2**63
        return int(value) if fits else {"kind": "an integer of more than 64 bits"}
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, list | tuple):
        if len(value) > LONGEST or depth > DEEPEST:
            return {"kind": f"a list of {len(value)} parts, which is too large"}
        return [plain(part, f, depth + 1) for part in value]
    if isinstance(value, Mapping):
        names = [str(key) for key in value]
        if len(value) > LONGEST or depth > DEEPEST or any(one[:1] == "$" for one in names):
            return {"kind": f"a dict of {len(value)} parts that cannot be sent"}
        parts = [plain(part, f, depth + 1) for part in value.values()]
        return dict(zip([plain(name, f) for name in names], parts, strict=True))
    if isinstance(value, np.ndarray) or hasattr(value, "numpy"):
        return f.array(value) if hasattr(f, "array") else _array(value)
    return {"kind": kind_of(value)}


def _array(value: Any) -> np.ndarray:
    array = np.array(value)
    if array.dtype.kind not in "fiub":
        raise WrongKind(f"An array of numbers is expected; what came has dtype {array.dtype}.")
    return array if array.dtype.name in DTYPES else array.astype(np.float64)
