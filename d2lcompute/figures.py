"""The numbers of a figure that moves: a cell shows them, and the page's figure draws them.

The object that a cell ends with is shown as text in every notebook. The stored output also holds
the numbers as JSON, which the book's figure of the same name reads.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from d2lcompute._arguments import integer
from d2lcompute._arrays import to_numpy

MIME = "application/vnd.d2l.explore+json"


class FigureNumbers:
    """Numbers for a figure, rounded, so that another machine's run gives the same.

    Args:
        figure: the figure's name: lower-case letters, digits and hyphens.
        numbers: the numbers by name. A value is a text, a number, a truth value, an array or
            tensor of numbers, or a list or dictionary of such values.
        text: the most important of the numbers, in words, for notebooks.
        decimals: the digits to keep after the decimal point.

    Raises:
        TypeError: a value is of another type, or a name is not a text.
        ValueError: `figure` is not such a name, `text` is empty, `decimals` is negative, or a
            number is infinite or not a number.

    >>> FigureNumbers("halves", {"sizes": [1, 0.5, 0.123]}, "From 1 to 0.123.")
    From 1 to 0.123.
    """

    def __init__(
        self, figure: str, numbers: Mapping[str, object], text: str, decimals: int = 4
    ) -> None:
        if not isinstance(figure, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", figure):
            raise ValueError(
                f"figure must be lower-case letters, digits and hyphens, got {figure!r}"
            )
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text must say what the numbers show, got {text!r}")
        if not isinstance(numbers, Mapping):
            raise TypeError(f"numbers must be a dictionary, got {type(numbers).__name__}")
        self.figure = figure
        self.text = text
        self.numbers: dict[str, Any] = _plain(numbers, "numbers", integer("decimals", decimals, 0))

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {
            MIME: {"figure": self.figure, "numbers": self.numbers},
            "text/plain": self.text,
        }


def _plain(value: Any, where: str, decimals: int) -> Any:
    """`value` as JSON holds it; `where` names it in messages."""
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"{where}: a name must be a text, got {name!r}")
        return {name: _plain(part, f"{where}[{name!r}]", decimals) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{where}[{i}]", decimals) for i, part in enumerate(value)]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, got {value}")
        return round(float(value), decimals) + 0.0  # no -0.0
    if hasattr(value, "shape") and (array := to_numpy(value)).dtype.kind in "biuf":
        return _plain(array.tolist(), where, decimals)
    raise TypeError(f"{where} must be a text, numbers, or lists of them, got {value!r}")
