"""What questions of the first edition use of `networks`; new ones draw with `Draw`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from d2lexercises import samples
from d2lexercises.comparer import has_not_moved
from d2lexercises.drawing import Draw
from d2lexercises.networks import (  # noqa: F401
    by_hand,
    data_in_words,
    in_words,
    make_layers,
    routed,
    stored,
)

from d2lcompute.checks.question import Unfit, brief, error_in, same_array


def dense(rng: np.random.Generator, inputs: int, outputs: int) -> dict[str, Any]:
    """A dense layer with random values; the kernel is (in, out)."""
    return Draw(rng).dense(inputs, outputs)


def data(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normally distributed numbers."""
    return Draw(rng).data(*shape)


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included."""
    return Draw(rng).integer(low, high)


def word(rng: np.random.Generator) -> str:
    """A random name of lower-case letters."""
    return Draw(rng).word()


def chain_of(rng: np.random.Generator, widths: Sequence[int]) -> list[dict[str, Any]]:
    """Dense layers of these widths, with activations between them."""
    return Draw(rng).chain(widths)


def same_parameters(found: Any, expected: Sequence[tuple[str, np.ndarray]]) -> None:
    """Raise `Unfit` unless the arrays `found` are the expected ones, in any order."""
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    if not isinstance(found, list) or not all(isinstance(part, np.ndarray) for part in found):
        raise Unfit("A list of parameters is expected.")
    if len(found) > 2 * len(expected) + 8:
        raise Unfit(f"{len(expected)} parameter arrays are expected; {len(found)} came.")
    left = [part.astype(np.float64) for part in found if part.dtype.kind in "fiub"]
    missing = []
    for name, array in expected:
        at = next(
            (
                n
                for n, part in enumerate(left)
                if part.shape == array.shape and np.allclose(part, array, rtol=1e-4, atol=1e-5)
            ),
            None,
        )
        if at is None:
            missing.append(f"{name} {tuple(array.shape)}")
        else:
            left.pop(at)
    if missing or left:
        said = f"{len(expected)} parameter arrays are expected; the framework finds {len(found)}."
        if missing:
            said += f" Not among them: {', '.join(missing)}."
        if left:
            said += f" Not expected: arrays of shape {', '.join(str(a.shape) for a in left)}."
        raise Unfit(said)


def same_arrays(found: Any, expected: Sequence[np.ndarray], shown: str) -> None:
    """Raise `Unfit` unless `found` is a list of these arrays."""
    if not isinstance(found, list) or len(found) != len(expected):
        number = len(found) if isinstance(found, list) else 0
        raise Unfit(f"{len(expected)} outputs are expected, got {number}.\nInput: {shown}")
    for n, (one, array) in enumerate(zip(found, expected, strict=True)):
        same_array(one, array, f"Output of call {n}", shown)


def need_list(found: Any, length: int, what: str) -> list[Any]:
    """`found`, if it is a list of that length; raises `Unfit` otherwise."""
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    if not isinstance(found, list) or len(found) != length:
        number = len(found) if isinstance(found, list) else 0
        raise Unfit(f"{what}: {length} are expected, got {number}.")
    return found


def need_normal(
    z: np.ndarray,
    size: float,
    shown: str,
    *,
    mean: float,
    deviation: float,
    beyond: tuple[float, float],
) -> None:
    """What `samples.need_normal` says, with the input that is shown."""
    try:
        samples.need_normal(z, size, mean=mean, deviation=deviation, beyond=beyond)
    except Unfit as problem:
        raise Unfit(f"{problem}\nInput: {shown}") from None


def plain_numbers(found: Any) -> Any:
    """A list of plain numbers as an array, or in words what it is instead."""
    if not isinstance(found, list | tuple):
        return f"an object of type {type(found).__name__}"
    for number in found:
        if not isinstance(number, int | float | np.number):
            return f"a list with an object of type {type(number).__name__}"
    return np.array([float(number) for number in found])


def same_after_steps(
    found: Any,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    shown: str,
    names: Sequence[str] = (),
) -> None:
    """Raise `Unfit` unless parameters are where steps should have led them.

    `names` are for the message; without them it calls the parameters params[0] and so on.
    """
    if not isinstance(found, list) or len(found) != len(after):
        raise Unfit(f"{len(after)} parameters are expected.\nInput: {shown}")
    names = names or [f"params[{n}]" for n in range(len(after))]
    for name, one, old, new in zip(names, found, before, after, strict=True):
        if has_not_moved(one, old, new):
            raise Unfit(f"{name}: it is where it was before.\nInput: {shown}")
        same_array(one, new, f"{name} afterwards", shown)


def short(value: Any) -> str:
    """A plain value for a message, cut."""
    return f"an array of {value.shape}" if isinstance(value, np.ndarray) else brief(value)
