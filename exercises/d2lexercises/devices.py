"""Programs of several devices, run in one process, one after another.

The program of a device is a generator. It yields what the device sends in a step, and gets what has
arrived there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from d2lexercises.faults import WrongKind
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
