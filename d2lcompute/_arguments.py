"""Checks of arguments; each error says what was given and what is allowed."""

import operator
from collections.abc import Sequence


def absent(module: str, name: str, offered: Sequence[str]) -> AttributeError:
    """Return the error for a name that `module` does not have; it lists the names that exist.

    >>> absent("d2lcompute.torch", "plt", ["cpu", "plot"])
    AttributeError("module 'd2lcompute.torch' has no attribute 'plt'; it has cpu, plot")
    """
    return AttributeError(
        f"module {module!r} has no attribute {name!r}; it has {', '.join(offered)}"
    )


def integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return `value` as an int from `low` to `high`.

    Args:
        name: the argument's name, for the message.
        value: an int, or any integer type such as `numpy.int64`; a bool is refused.
        low: the smallest value allowed.
        high: the largest value allowed; None for no limit.

    Raises:
        TypeError: `value` is not an integer.
        ValueError: `value` is out of range.

    >>> integer("digits", 4, 0, 16)
    4
    >>> integer("digits", 40, 0, 16)
    Traceback (most recent call last):
    ...
    ValueError: digits must be an integer from 0 to 16, got 40
    """
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    message = f"{name} must be an integer {allowed}, got {value!r}"
    if isinstance(value, bool):
        raise TypeError(message)
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(message) from None
    if number < low or (high is not None and number > high):
        raise ValueError(message)
    return number
