"""Turn what callers give to be drawn into arrays that Matplotlib takes, or say why it cannot."""

import datetime
from collections.abc import Iterator, KeysView, ValuesView
from typing import Any

import numpy as np

from d2lcompute._arrays import to_numpy

NUMBERS, NAMES, DATES = "numbers", "names", "dates"
_LAZY = (Iterator, KeysView, ValuesView)  # NumPy takes each for a single object


def curves(X: Any, Y: Any) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Return x and y of each curve, and whether x holds numbers, names or dates.

    Args:
        X, Y: as for `plot`.

    Raises:
        TypeError: y is not numbers, or x is not numbers, names or dates alike for all curves.
        ValueError: an array has the wrong shape, or the curves of X and Y do not match.
    """
    ys = [numbers(y) for y in _split(X if Y is None else Y)]
    xs = [np.arange(len(y)) for y in ys] if Y is None else [_positions(x) for x in _split(X)]
    kinds = [_kind(x) for x in xs if x.size]
    if len(set(kinds)) > 1:
        given = ", ".join(kinds)
        raise TypeError(f"the curves of X must all be numbers, names, or dates, got {given}")
    if len(xs) == 1:
        xs = xs * len(ys)
    if len(xs) != len(ys):
        raise ValueError(
            f"X must hold one curve, or as many as Y: got {len(xs)} in X and {len(ys)} in Y"
        )
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if len(x) != len(y):
            raise ValueError(f"curve {i}: x holds {len(x)} values and y holds {len(y)}")
    return list(zip(xs, ys, strict=True)), kinds[0] if kinds else NUMBERS


def numbers(value: Any) -> np.ndarray:
    """Return `value` as an array of real numbers, with NaN for None.

    Raises:
        TypeError: it holds anything but real numbers.
    """
    array = to_numpy(value)
    if array.dtype.kind == "O":
        try:
            array = array.astype(float)
        except (TypeError, ValueError):
            raise TypeError(f"only numbers can be drawn, got {value!r:.60}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"only real numbers can be drawn, got {array.dtype}: {value!r:.60}")
    return array


def point(name: str, value: Any) -> list[float | None]:
    """Return one number for each curve, as floats, with None for a curve that has none.

    Args:
        name: the argument's name, for messages.
        value: a number, an array or tensor of numbers, or a list whose items may be None.

    Raises:
        TypeError: it holds anything but real numbers.
        ValueError: it has more than one dimension.
    """
    if value is None or isinstance(value, (int, float)):
        return [value if value is None else float(value)]
    if isinstance(value, (list, tuple, *_LAZY)):
        parts = [(v if v is None else numbers(v)) for v in value]
    else:
        array = numbers(value)
        if array.ndim > 1:
            raise ValueError(f"{name} must be a number or one-dimensional, got {array.shape}")
        parts = list(array.reshape(-1))
    for part in parts:
        if part is not None and part.size != 1:
            raise ValueError(f"each value of {name} must be one number, got shape {part.shape}")
    return [part if part is None else float(part.item()) for part in parts]


def position(value: Any) -> tuple[list[Any], str]:
    """Return where a point is, for all curves or for each, and whether it is a number or a date.

    Raises:
        TypeError: it is neither real numbers nor dates.
        ValueError: it has more than one dimension.
    """
    if isinstance(value, _LAZY):
        value = list(value)
    several = isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 1
    values = list(value) if several else [value]
    if values and all(isinstance(v, (datetime.date, np.datetime64)) for v in values):
        return [_as_date(v) for v in values], DATES
    return list(point("x", value)), NUMBERS


def limits(name: str, value: Any) -> tuple[Any, Any] | None:
    """Return the two ends of an axis, with None for an end that the caller leaves to Matplotlib.

    Args:
        name: the argument's name, for messages.
        value: two numbers or dates, either of which may be None; or None.

    Raises:
        TypeError, ValueError: it is anything else.
    """
    if value is None:
        return None
    message = f"{name} must be (smallest, largest), got {value!r:.60}"
    try:
        ends = [to_numpy(end) for end in value]
    except TypeError:
        raise TypeError(message) from None
    if any(end.dtype.kind in "cSU" for end in ends):
        raise TypeError(message)
    if [end.size for end in ends] != [1, 1]:
        raise ValueError(message)
    low, high = (_as_date(end) if end.dtype.kind == "M" else end.item() for end in ends)
    return low, high


def size(figsize: Any) -> tuple[float, float]:
    """Return the width and height of a figure.

    Raises:
        TypeError, ValueError: `figsize` is not two positive numbers.
    """
    message = f"figsize must be (width, height) in inches, both positive, got {figsize!r}"
    try:
        width, height = (float(side) for side in figsize)
    except TypeError:
        raise TypeError(message) from None
    except ValueError:
        raise ValueError(message) from None
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        raise ValueError(message)
    return width, height


def names(value: Any, argument: str = "legend") -> list[str]:
    """Return a legend or titles as a list; a string is one name.

    Raises:
        TypeError: it is neither a string nor a list.
    """
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(name) for name in listed(argument, value)]


def listed(name: str, values: Any) -> list[Any]:
    """Return an argument that holds several values as a list.

    Raises:
        TypeError: it cannot be iterated over.
    """
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{name} must be a list, got {values!r:.60}") from None


# -- curves ----------------------------------------------------------------------------------------


def _split(value: Any) -> list[np.ndarray]:
    """Return a list of curves, each of shape (n,); a single curve makes a list of one."""
    if isinstance(value, _LAZY):
        value = list(value)
    if isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float)) for v in value):
        parts = [to_numpy(part) for part in value]
        if all(part.ndim == 0 for part in parts):
            return [_joined(parts)]
        return [_vector(part) for part in parts]
    array = to_numpy(value)
    if array.dtype.kind == "O" and array.ndim == 1 and any(_is_curve(v) for v in array):
        return _split(list(array))  # curves that differ in length
    if array.ndim < 2 or array.shape[1:] == (1,):
        return [array.reshape(-1)]
    if array.ndim > 2:
        raise ValueError(f"curves must have the shape (n,) or (curves, n), got {array.shape}")
    return list(array)


def _is_curve(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _joined(values: list[np.ndarray]) -> np.ndarray:
    """Return single values as one curve; values of different types keep them."""
    kinds = {value.dtype.kind for value in values}
    if "O" in kinds or (kinds & set("MSU") and len(kinds) > 1):
        return _filled([_as_date(v) if v.dtype.kind == "M" else v.item() for v in values])
    return np.array(values)


def _filled(values: list[Any]) -> np.ndarray:
    """Return values as an array of objects, whatever they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _vector(part: np.ndarray) -> np.ndarray:
    """Return one of several curves, of shape (n,), (n, 1) or (1, n), as shape (n,)."""
    if part.ndim == 0:
        raise ValueError(
            f"a list must hold either numbers or curves, not both: got {part.item()!r:.60}"
        )
    if part.ndim > 2 or (part.ndim == 2 and 1 not in part.shape):
        raise ValueError(f"each curve in a list must have the shape (n,), got {part.shape}")
    return part.reshape(-1)


def _positions(x: np.ndarray) -> np.ndarray:
    """Return the x of one curve if Matplotlib can place it: numbers, names or dates."""
    if x.dtype.kind == "T":  # NumPy's type for strings of any length
        return _filled(x.tolist())
    if x.dtype.kind != "O":
        return x if x.dtype.kind in "biufmMSU" else numbers(x)
    values = [None if value != value else value for value in x]  # NaN and NaT
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, (datetime.date, np.datetime64)) for value in known):
        return _dates(values)
    if all(isinstance(value, (str, bytes)) for value in x):
        return x
    try:
        return numbers(x)
    except TypeError:
        types = ", ".join(dict.fromkeys(type(value).__name__ for value in x))
        raise TypeError(
            f"x must be numbers only, names only, or dates only, got {types}: {x.tolist()!r:.60}"
        ) from None


def _dates(values: list[Any]) -> np.ndarray:
    """Return dates, None among them, as an array that Matplotlib takes."""
    dates = [_as_date(value) for value in values]
    if None not in dates:
        return _filled(dates)  # these may be in a time zone, which the axis then shows
    for i, date in enumerate(dates):
        if isinstance(date, datetime.datetime) and date.tzinfo is not None:
            dates[i] = date.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.array(dates, dtype="datetime64[us]")


def _kind(x: np.ndarray) -> str:
    """Return what `_positions` returned: numbers, names or dates."""
    if x.dtype.kind == "M" or isinstance(x[0], datetime.date):
        return DATES
    return NAMES if x.dtype.kind in "OSU" else NUMBERS


def _as_date(value: Any) -> Any:
    """Return a date of NumPy as one of Python, which Matplotlib can mix with others."""
    if isinstance(value, (np.datetime64, np.ndarray)):
        return value.astype("datetime64[us]").item()
    return value
