"""Programs of several devices, run in one process, one after another.

The program of a device is a generator. It yields what the device sends in a step, and gets what has
arrived there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import numpy as np

from d2lexercises.faults import WrongKind
from d2lexercises.given import Given
from d2lexercises.kinds import kind_of

Program = Generator[Any, Any, Any]


def need_programs(programs: Iterable[Any]) -> None:
    """Raise `WrongKind` unless each of these is a generator."""
    for program in programs:
        if not inspect.isgenerator(program):
            came = kind_of(program)
            raise WrongKind(
                f"A generator is expected, a function with a yield; what came is {came}."
            )


def in_step(
    programs: Sequence[Program], carry: Callable[[list[Any]], list[Any]], most: int
) -> list[Any]:
    """Run the programs of all devices in step, and return what each returns.

    Args:
        programs: one for each device.
        carry: gets what all devices send in a step, and returns what arrives at each.
        most: how many steps they may take.

    Raises:
        WrongKind: one is no generator, they end after different steps, or they do not end.
    """
    need_programs(programs)
    n = len(programs)
    arrived, ended = [None] * n, [None] * n
    for step in range(most + 1):
        parcels, done = [], []
        for rank, program in enumerate(programs):
            try:
                parcels.append(program.send(arrived[rank]))
            except StopIteration as end:
                ended[rank] = end.value
                done.append(rank)
        if len(done) == n:
            return ended
        if done:
            raise WrongKind(
                f"Of {n} devices number {done[0]} ends after {step} steps and others do not."
            )
        arrived = carry(parcels)
    raise WrongKind(f"The programs have not ended after {most + 1} steps.")


_OF_RUN = ("log", "own", "ended")


class Alone:
    """A referee that has devices run again, one after another, in a process where none has run.

    What a device sends and returns depends on what it has of its own and on what arrives. So it has
    to be the same there: a device that needs what others wrote into a variable cannot do that, as
    long as others have still to run. Which comes first is drawn, as the input `pick`. A run
    returns, beside what is judged, for each device: "log", a pair for each of its messages, of what
    it sent and what arrived in that step; "own", what it has of its own; "ended", what it returned.
    An `again` gets a list with "rank", "n", "own" and "arrived", and returns for each what
    `run_alone` does.
    """

    def __init__(self, case: Given, given: Given) -> None:
        self.pick, self.many = given.pick, False
        self.came: list[Any] = []
        self.devices: list[tuple[Any, int]] = []

    def hands_over(self, came: Any) -> Any:
        """What the second process gets: of each run all devices, and what arrived there."""
        self.many, self.came = isinstance(came, list), came if isinstance(came, list) else [came]
        for one in self.came:
            n = len(one["log"])
            self.devices += [(one, (self.pick + number) % n) for number in range(n)]
        return [
            {
                "rank": rank,
                "n": len(one["log"]),
                "own": one["own"][rank],
                "arrived": [arrives for _, arrives in one["log"][rank]],
            }
            for one, rank in self.devices
        ]

    def noted(self, came: Any) -> Any:
        """What is judged: what the run gave, if each device did the same alone.

        Raises:
            WrongKind: one did something else.
        """
        for (one, rank), (sent, ended) in zip(self.devices, came, strict=True):
            before = [message for message, _ in one["log"][rank]]
            if not _is_same([*before, one["ended"][rank]], [*sent, ended]):
                raise WrongKind(
                    f"Device {rank} ran again in a process of its own, and got what had arrived "
                    "before. It sent, or returned, something else. What a device does may depend "
                    "on what it has and on what arrives, and on no variable that devices share."
                )
        found = [{key: one[key] for key in one if key not in _OF_RUN} for one in self.came]
        return found if self.many else found[0]


def run_alone(
    programs: Iterable[Program], arrived: Sequence[Any], plain: Callable[[Any], Any]
) -> list[Any]:
    """What the programs of one device, one after another, send, and what the last one returns.

    `arrived` has what arrives for each message. `plain` makes plain data of what is sent or
    returned, and at once: devices that run later could change it.
    """
    sent: list[Any] = []
    ended, waiting = None, iter(arrived)
    for program in programs:
        need_programs([program])
        arrives = None
        try:
            while len(sent) <= len(arrived):
                message = program.send(arrives)
                sent.append(plain(message))
                arrives = _like(message, next(waiting, None))
        except StopIteration as end:
            ended = plain(end.value)
    return [sent, ended]


def _like(message: Any, arrives: Any) -> Any:
    """What arrives, as an array, a tensor or a number, like what was sent."""
    if not isinstance(arrives, np.ndarray) or isinstance(message, np.ndarray | tuple | list | None):
        return arrives
    fraction = arrives.dtype.kind == "f"  # of which no integer is made
    if hasattr(message, "detach"):
        like = message.double() if fraction and not message.is_floating_point() else message
        return like.new_tensor(arrives)
    if hasattr(message, "numpy"):
        import tensorflow

        whole = fraction and not message.dtype.is_floating
        return tensorflow.constant(arrives, None if whole else message.dtype)
    if arrives.ndim:
        return arrives
    return arrives[()] if isinstance(message, np.generic) else arrives.item()


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        paired = isinstance(other, list) and len(one) == len(other)
        return paired and all(map(_is_same, one, other))
    if isinstance(one, np.ndarray):
        fits = isinstance(other, np.ndarray) and one.shape == other.shape
        return fits and bool(np.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True))
    return type(one) is type(other) and bool(one == other)
