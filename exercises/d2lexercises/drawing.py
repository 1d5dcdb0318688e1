"""The words with which a question draws its inputs.

    @SQUARE.inputs
    def _(draw):
        return {"x": draw.data(3, 2), "factor": draw.number(2, 5)}

What is drawn is plain data: numbers, strings, arrays, and lists and dicts of them. It depends on
the seed alone, so the order of the words in a question matters: to swap two of them changes what
every student gets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from d2lexercises.frameworks import ACTIVATIONS

T = TypeVar("T")
TRIES = 1000


class Draw:
    """A random generator that speaks of numbers, words, data and layers.

    `rng` is NumPy's own generator, for what no word says.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """So many integers from `low` to `high`, drawn one by one."""
        return [self.integer(low, high) for _ in range(count)]

    def distinct(self, low: int, high: int, count: int) -> list[int]:
        """`count` different integers from `low` to `high`, both included, in any order."""
        return self.shuffled(range(low, high + 1))[:count]

    def number(self, low: float, high: float, digits: int = 3) -> float:
        """A number between `low` and `high` with so many digits after the point."""
        return round(float(self.rng.uniform(low, high)), digits)

    def numbers(self, low: float, high: float, count: int, digits: int = 3) -> list[float]:
        """So many numbers between `low` and `high`, rounded."""
        return [round(float(x), digits) for x in self.rng.uniform(low, high, count)]

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        return [items[int(n)] for n in self.rng.permutation(len(items))]

    def until(self, fits: Callable[[T], bool], draw: Callable[[], T]) -> T:
        """What `draw` returns, called again until it `fits`: inputs that tell answers apart.

            weight = draw.until(lambda array: array.min() < 0 < array.max(), lambda: draw.data(3))

        Raises:
            RuntimeError: none of the first `TRIES` fits.
        """
        for _ in range(TRIES):
            if fits(drawn := draw()):
                return drawn
        raise RuntimeError(f"None of {TRIES} draws fits; ask for less, or draw from more.")

    def word(self, length: int = 6) -> str:
        """A random name of lower-case letters."""
        return "".join(self.rng.choice(list("abcdefghijklmnopqrstuvwxyz"), length))

    def words(self, count: int) -> list[str]:
        """A list of `count` such names."""
        return [self.word() for _ in range(count)]

    def data(self, *shape: int) -> np.ndarray:
        """A float32 array of this shape: normally distributed, around 0, about 1 in size."""
        return self.rng.normal(size=shape).astype(np.float32)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """A float32 array of this shape: numbers between `low` and `high`."""
        return self.rng.uniform(low, high, shape).astype(np.float32)

    def kernel(self, inputs: int, outputs: int) -> np.ndarray:
        """The kernel (inputs, outputs) of a dense layer, float32: its output is about 1 in size."""
        return self.rng.normal(0, inputs**-0.5, (inputs, outputs)).astype(np.float32)

    def dense(self, inputs: int, outputs: int) -> dict[str, np.ndarray]:
        """A dense layer ``{"kernel": (inputs, outputs), "bias": (outputs,)}``."""
        kernel = self.kernel(inputs, outputs)
        return {"kernel": kernel, "bias": self.rng.normal(0, 0.5, outputs).astype(np.float32)}

    def chain(self, widths: Sequence[int]) -> list[dict[str, Any]]:
        """Dense layers of these widths, and an activation between any two."""
        chain: list[dict[str, Any]] = []
        for inputs, outputs in pairwise(widths):
            if chain:
                chain.append({"activation": self.choice(sorted(ACTIVATIONS))})
            chain.append(self.dense(inputs, outputs))
        return chain
