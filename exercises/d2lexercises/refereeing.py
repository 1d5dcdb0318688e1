"""A referee holds what an answer has to find out, and notes what it does, in another process.

A `run` whose aspect has a ``referee(given)`` asks it through ``given.ask``: ``given.ask.read(2)``
calls the method `read` of what `referee` returned. Only plain data passes in either direction, so
nothing that an answer does to its own process reaches the referee or its notes:

    class Reads(Aspect):
        "Read as little as possible."

        class Store:                        # stands at the top of the file
            def __init__(self, given): self.numbers, self.reads = given.numbers, 0
            def read(self, place):          # may be asked
                self.reads += 1
                return self.numbers[place]
            def noted(self, came):          # may not: puts its notes to what came
                return {"result": came, "reads": self.reads}

        referee = Store

        def run(answer, given, f):
            return answer(given.ask.read)

In a notebook the referee is an object of the same process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from d2lexercises.faults import OwnError, Unfit, WrongKind, describe, error_in
from d2lexercises.given import Given

Seats = Mapping[str, Any]  # by the key of a run: its case, or its cases
_NEVER_ASKED = ("noted", "hands_over")  # methods that an answer cannot ask for
_RAISED: dict[str, type[Exception]] = {
    "ValueError": ValueError,
    "TypeError": TypeError,
    "IndexError": IndexError,
    "KeyError": KeyError,
    "ZeroDivisionError": ZeroDivisionError,
}
# What an answer can cause by what it asks or gives. Any other exception is the referee's own.
_CAUSED: tuple[type[Exception], ...] = (WrongKind, Unfit, *_RAISED.values())


class Ask:
    """What an answer's process asks a referee with: any word calls the method of that name."""

    of_checks = True

    def __init__(self, send: Callable[[str, list[Any]], Any]) -> None:
        self._send = send

    def __getattr__(self, word: str) -> Callable[..., Any]:
        if word.startswith("_"):
            raise AttributeError(word)
        return lambda *given: self._send(word, list(given))


def answered(referee: Any, word: Any, given: Any) -> dict[str, Any]:
    """What a referee answers: ``{"said": ...}``, or ``{"raised": ...}`` with type and message.

    Nothing that is asked is trusted: only methods of the referee's class that have a public name
    can be called.

    Raises:
        OwnError: it raised what no wrong call of a referee raises.
    """
    public = isinstance(word, str) and not word.startswith("_") and word not in _NEVER_ASKED
    method = getattr(type(referee), word, None) if public else None
    if not callable(method) or not isinstance(given, list):
        return {"raised": {"type": "WrongKind", "message": f"The referee cannot {word!r:.60}."}}
    try:
        return {"said": method(referee, *given)}
    except _CAUSED as error:
        return {"raised": {"type": type(error).__name__, "message": str(error)[:600]}}
    except Exception as error:
        raise OwnError(error) from error


def said_by(answer: Any) -> Any:
    """What a referee has answered.

    Raises:
        Exception: what the referee raised.
    """
    if isinstance(answer, dict) and "said" in answer:
        return answer["said"]
    raised = answer["raised"]
    raise _RAISED.get(raised["type"], WrongKind)(raised["message"])


def seats_of(
    referees: Mapping[str, Any],
    overs: Mapping[str, Any],
    inputs: Mapping[str, Any],
    counts: Mapping[str, int | None],
    send: Callable[[str, int, str, list[Any]], Any],
) -> dict[str, Any]:
    """The cases of runs that have a referee, each of which asks its own.

    Args:
        referees: by the key of a run, anything.
        overs: what a run is about, as `Given.cases` takes it.
        inputs: those that this process has; of the others a case is empty.
        counts: the number of cases, or None where it is one and no list.
        send: asks the referee of a run's case: key, number of the case, word, what is given.
    """
    seats: dict[str, Any] = {}
    for key in referees:
        over, count = overs[key], counts[key]
        names = [over] if isinstance(over, str) else list(over)
        here = all(not name or name in inputs for name in names)
        cases = Given(inputs).cases(over) if here else None
        listed = cases if isinstance(cases, list) else [cases] * (count or 1)

        def asking(number: int, key: str = key) -> Ask:
            return Ask(lambda word, given: send(key, number, word, given))

        made = [
            Given(case._parts if isinstance(case, Given) else {}, asking(number))
            for number, case in enumerate(listed)
        ]
        seats[key] = made[0] if count is None else made
    return seats


def case_counts(runs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, int | None]:
    """The number of cases of each run; None for a run that is about one, and no list."""
    found = {key: Given(inputs).cases(over) for key, (_, over) in runs.items()}
    return {key: len(one) if isinstance(one, list) else None for key, one in found.items()}


def handed_over(count: int | None, came: Any) -> Any:
    """What the second process gets, in the form that `running.repeat_runs` takes."""
    return {"cases": came} if count is not None and isinstance(came, list) else came


class Referees:
    """The referees of one answer, and what they noted."""

    def __init__(
        self,
        question: Any,
        inputs: Mapping[str, Any],
        plain: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        """Make the referee of each case; `plain` makes plain data of what they say."""
        self.made: dict[str, Any] = {}
        self.plain = plain
        for key, referee in question.referees.items():
            cases = Given(inputs).cases(question.runs[key][1])
            more = [Given(inputs)] if len(inspect.signature(referee).parameters) > 1 else []
            many = isinstance(cases, list)
            made = [referee(case, *more) for case in (cases if many else [cases])]
            self.made[key] = made if many else made[0]

    def ask(self, key: Any, number: Any, word: Any, given: Any) -> dict[str, Any]:
        """Ask the referee of a case; nothing of it is trusted."""
        made = self.made.get(key) if isinstance(key, str) else None
        listed = made if isinstance(made, list) else [made]
        if made is None or type(number) is not int or not 0 <= number < len(listed):
            return {"raised": {"type": "WrongKind", "message": "There is no such referee."}}
        answer = answered(listed[number], word, given)
        return {"said": self.plain(answer["said"])} if "said" in answer else answer

    def noted(self, key: str, came: Any) -> Any:
        """What is judged in the place of what a run, or its `again`, gave."""
        return self._each(key, "noted", came)

    def hands_over(self, key: str, came: Any) -> Any:
        """What the second process gets of what a run gave."""
        return self._each(key, "hands_over", came)

    def _each(self, key: str, word: str, came: Any) -> Any:
        def of_one(referee: Any, one: Any) -> Any:
            if error_in(one) is not None or not hasattr(referee, word):
                return one
            try:
                return self.plain(getattr(referee, word)(one))
            except _CAUSED as error:
                return {"error": describe(error)}
            except Exception as error:
                return {"error": describe(OwnError(error))}

        made = self.made.get(key)
        if not isinstance(made, list):
            return of_one(made, came)
        if not isinstance(came, list) or len(came) != len(made):
            return came  # for the judge to refuse
        return [of_one(referee, one) for referee, one in zip(made, came, strict=True)]
