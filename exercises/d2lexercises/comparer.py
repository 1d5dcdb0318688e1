"""Compare what an answer gave with what is expected, part by part, and say how they differ.

    compare(found, expected, "Output", shown="X of shape (2, 3)")

Both are plain data. Arrays are compared by shape and value, floats to six digits, all else exactly;
lists and dicts part by part, so that the message names the part that is wrong. A few values say
more than plain data can:

- `AnyOrder` — arrays of which the order does not matter, such as a model's parameters;
- `Stepped` — parameters after a step, of which it is said if they have not moved at all;
- `Exact` — an array of which the dtype and every digit count;
- `Number` — a float with a unit, or with a tolerance of its own;
- `Between` — an integer from a lowest to a highest one;
- `Ordered` — a dict whose keys have to come in this order;
- `Keyed` — a dict in the place of which no list will do, where an answer has to return one.

What was found comes from a student's process and may be anything: it is never executed, and never
written out as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from d2lexercises.faults import Unfit, error_in
from d2lexercises.given import Given

TOLERANCE = 1e-4  # of arrays, relative to the largest expected value, which counts as at least 1
INTEGER = "An integer is expected, and this is a float. 6 / 2 makes a float, 6 // 2 an integer."
_STORED = {"pytorch": {"kernel": "weight"}}  # what a framework calls a part, where it differs


# -- values that are expected ----------------------------------------------------------------------


@dataclass(frozen=True)
class AnyOrder:
    """Arrays in any order: those of `parts`, by name; a dict of arrays is a layer.

        AnyOrder({"inner": given.inner, "scale": given.scale})

    A layer's kernel is expected as the framework stores it, since it comes from a model's list.
    """

    parts: Mapping[str, Any]


@dataclass(frozen=True)
class Stepped:
    """An array that had the values `before`, and after a step has those of `after`.

    Stepped(given.w, given.w - given.rate * gradient)
    """

    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Exact:
    """An array of this dtype and of exactly these values: ``Exact(given.labels)``."""

    array: np.ndarray


@dataclass(frozen=True)
class Number:
    """A number, with the unit that is shown behind it, right to `relative` or to `absolute`.

    Number(2.5, " s", relative=1e-6, absolute=1e-12)

    A tensor or an array that holds one number is as good, unless it has to be a `plain` one.
    """

    value: float
    unit: str = ""
    relative: float = 1e-6
    absolute: float = 1e-12
    plain: bool = False


@dataclass(frozen=True)
class Between:
    """An integer from `low` to `high`, both included: ``Between(3, 5)``."""

    low: int
    high: int


class Keyed(dict[str, Any]):
    """A dict in the place of which no list will do: ``Keyed({"mean": 1.0})``."""


class Ordered(dict[str, Any]):
    """A dict of which also the order of the keys is compared: ``Ordered({"a": 1, "b": 2})``."""


# -- comparing -------------------------------------------------------------------------------------


def compare(
    found: Any,
    expected: Any,
    what: str,
    *,
    shown: str = "",
    framework: str = "",
    tolerance: float = TOLERANCE,
    missing: str = "",
) -> None:
    """Raise `Unfit` unless `found` is what is expected.

    Args:
        found: plain data of any form.
        expected: plain data, or one of this module's values, or lists and dicts of them.
        what: what is compared, to begin the message with: "Output".
        shown: the input for which it came.
        framework: "pytorch" or "tensorflow": parts are called, and kernels laid out, as there.
        tolerance: of arrays, relative to their largest value.
        missing: what is said where None came in the place of an array.
    """
    try:
        _Comparison(framework, tolerance, missing).value(found, expected, what)
    except Unfit as problem:
        if not shown:
            raise
        raise Unfit(f"{problem}\nInput: {shown}", problem.hint) from None


@dataclass(frozen=True)
class _Comparison:
    framework: str
    tolerance: float
    missing: str

    def value(self, found: Any, expected: Any, what: str) -> None:
        if (error := error_in(found)) is not None:
            raise Unfit(error)
        if isinstance(expected, np.ndarray):
            self.array(found, expected, what)
        elif isinstance(expected, Given):
            self.by_name(found, {name: expected[name] for name in expected}, what)
        elif isinstance(expected, AnyOrder):
            self.any_order(found, expected, what)
        elif isinstance(expected, Stepped):
            self.stepped(found, expected, what)
        elif isinstance(expected, Exact):
            self.exact(found, expected.array, what)
        elif isinstance(expected, Between):
            found = _whole_in(found)
            if type(found) is not int or not expected.low <= found <= expected.high:
                limits = f"{expected.low} to {expected.high}"
                raise Unfit(f"{what}: from {limits} expected, got {got_text(found)}.")
        elif isinstance(expected, float | Number):
            self.number(found, expected, what)
        elif isinstance(expected, dict):
            self.by_name(found, expected, what)
        elif isinstance(expected, list | tuple):
            self.in_order(found, list(expected), what)
        elif not same_plain(found, expected):
            hint = INTEGER if type(expected) is int and type(found) is float else ""
            raise Unfit(f"{what}: expected {wanted(found, expected)}, got {got_text(found)}.", hint)

    def by_name(self, found: Any, expected: Mapping[str, Any], what: str) -> None:
        """Parts by name; in a list, those parts in this order."""
        names = list(expected)
        if isinstance(found, dict) and "kind" not in found:
            if set(found) != set(names):
                raise Unfit(f"{what}: expected {names}, got {brief(list(found))}.")
            if isinstance(expected, Ordered) and list(found) != names:
                raise Unfit(f"{what}: expected the order {names}, got {brief(list(found))}.")
            parts = [found[name] for name in names]
        elif isinstance(expected, Keyed):
            came = (
                f"{len(found)} values without keys" if isinstance(found, list) else got_text(found)
            )
            raise Unfit(f"{what}: a dictionary with the keys {names} is expected, got {came}.")
        else:
            parts = self.parts(found, len(names), what, f" ({', '.join(names)})")
        for name, part in zip(names, parts, strict=True):
            said, turned = self.in_framework(name)
            wanted, came = expected[name], part
            if turned:
                wanted, came = _turned(wanted), _turned(came)
            self.value(came, wanted, f"{what}, {said}" if what else said)

    def in_order(self, found: Any, expected: list[Any], what: str) -> None:
        if _is_simple(expected):  # short enough to be shown as a whole
            if not same_plain(found, expected):
                raise Unfit(f"{what}: expected {expected}, got {got_text(_listed(found))}.")
            return
        parts = self.parts(found, len(expected), what)
        for n, (part, one) in enumerate(zip(parts, expected, strict=True)):
            self.value(part, one, f"{what} {n}" if what else f"Number {n}")

    def parts(self, found: Any, count: int, what: str, names: str = "") -> list[Any]:
        if isinstance(found, np.ndarray) and found.ndim == 1 and found.size <= 1000:
            found = found.tolist()
        if not isinstance(found, list) or len(found) != count:
            came = len(found) if isinstance(found, list) else got_text(found)
            raise Unfit(f"{what}: {count} expected{names}, got {came}.")
        return found

    def number(self, found: Any, expected: float | Number, what: str) -> None:
        number = expected if isinstance(expected, Number) else Number(expected)
        if isinstance(found, np.ndarray) and found.size == 1 and not number.plain:
            found = found.item() if found.dtype.kind in "fiu" else found
        right = isinstance(found, int | float) and not isinstance(found, bool)
        if not right or not math.isclose(
            found, number.value, rel_tol=number.relative, abs_tol=number.absolute
        ):
            got = f"{found:.8g}{number.unit}" if right else got_text(found)
            kind = "the plain number " if number.plain and isinstance(found, np.ndarray) else ""
            raise Unfit(f"{what}: expected {kind}{number.value:.8g}{number.unit}, got {got}.")

    def array(self, found: Any, expected: np.ndarray, what: str) -> None:
        if found is None and self.missing:
            raise Unfit(f"{what}: {self.missing}.")
        plain = isinstance(found, int | float) and not isinstance(found, bool)
        # A sum of NumPy's comes as a number; where any value will do, more than the shape counts.
        if expected.ndim == 0 and plain and math.isfinite(self.tolerance):
            found = np.array(found)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
            wanted = f"an array of shape {shape_text(expected)}" if expected.ndim else "a number"
            raise Unfit(f"{what}: {wanted} is expected, got {got_text(found)}.")
        if found.shape != expected.shape:
            shapes = shape_text(expected), shape_text(found)
            raise Unfit(f"{what}: expected shape {shapes[0]}, got {shapes[1]}.")
        whole = found.dtype.kind in "iub" and expected.dtype.kind in "iub"
        found, expected = found.astype(np.float64), expected.astype(np.float64)
        if found.size == 0:
            return
        if not np.all(np.isfinite(found)):
            raise Unfit(f"{what}: it holds values that are not finite numbers.")
        scale = max(1.0, float(np.abs(expected).max()))
        wrong = np.abs(found - expected) > self.tolerance * scale
        if wrong.any():
            at = tuple(int(n) for n in np.argwhere(wrong)[0])
            many = f"{int(wrong.sum())} of {wrong.size} values differ; at {list(at)} "
            one, other = told_apart(expected[at], found[at], whole)
            raise Unfit(f"{what}: {many if at else ''}expected {one}, got {other}.")

    def exact(self, found: Any, expected: np.ndarray, what: str) -> None:
        if isinstance(found, np.ndarray) and found.dtype != expected.dtype:
            raise Unfit(f"{what}: expected the type {expected.dtype}, got {found.dtype}.")
        self.array(found, expected, what)
        if not np.array_equal(found, expected):
            at = tuple(int(n) for n in np.argwhere(found != expected)[0])
            raise Unfit(f"{what}: at {list(at)} expected {expected[at]}, got {found[at]}.")

    def stepped(self, found: Any, expected: Stepped, what: str) -> None:
        before, after = expected.before, expected.after.astype(np.float64)
        if has_not_moved(found, before, after):
            raise Unfit(f"{what}: the step has not moved it.")
        self.array(found, after, f"{what} after the step")

    def any_order(self, found: Any, expected: AnyOrder, what: str) -> None:
        parts = list(self._named(expected.parts))
        if not isinstance(found, list) or not all(isinstance(one, np.ndarray) for one in found):
            raise Unfit(f"{what}: {len(parts)} arrays are expected, got {got_text(found)}.")
        if len(found) > 2 * len(parts) + 8:
            raise Unfit(f"{what}: {len(parts)} arrays are expected, got {len(found)}.")
        left = [one.astype(np.float64) for one in found if one.dtype.kind in "fiub"]
        absent = []
        for name, array in parts:
            at = next((n for n, one in enumerate(left) if _is_close(one, array)), None)
            if at is None:
                absent.append(f"{name} {shape_text(array)}")
            else:
                left.pop(at)
        if absent or left:
            said = f"{what}: {len(parts)} arrays are expected, got {len(found)}."
            said += f" Not among them: {', '.join(absent)}." if absent else ""
            shapes = ", ".join(shape_text(one) for one in left)
            raise Unfit(said + (f" Not expected: arrays of shape {shapes}." if left else ""))

    def _named(self, parts: Mapping[str, Any]) -> Any:
        for name, part in parts.items():
            if isinstance(part, np.ndarray):
                yield name, part
                continue
            for key in part:
                array = part[key]
                said, turned = self.in_framework(key)
                yield f"{said} of {name}", array.T if turned else array

    def in_framework(self, name: str) -> tuple[str, bool]:
        """What the student's framework calls a part, and whether it stores it transposed."""
        said = _STORED.get(self.framework, {}).get(name)
        return (said, True) if said else (name, False)


def has_not_moved(found: Any, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether an array is as it was before a step that should have led it from there to `after`."""
    same = (
        isinstance(found, np.ndarray)
        and found.shape == before.shape
        and found.dtype.kind == "f"
        and np.array_equal(found, before)
    )
    return same and np.abs(after - before).max() > 1e-6


def _turned(value: Any) -> Any:
    if isinstance(value, Stepped):
        return Stepped(value.before.T, value.after.T)
    return value.T if isinstance(value, np.ndarray) and value.ndim == 2 else value


def _is_close(one: np.ndarray, array: np.ndarray) -> bool:
    return one.shape == array.shape and bool(np.allclose(one, array, rtol=1e-4, atol=1e-5))


def _is_simple(expected: list[Any]) -> bool:
    """Whether a list holds nothing but integers, words and lists of them."""
    return all(
        _is_simple(part) if isinstance(part, list) else isinstance(part, str | int | None)
        for part in expected
    )


def _listed(found: Any) -> Any:
    """A short array of integers or truth values as a list, or as one; anything else itself."""
    exact = isinstance(found, np.ndarray) and found.dtype.kind in "iub"
    return found.tolist() if exact and found.size <= 1000 else found


def _whole_in(found: Any) -> Any:
    """The integer that an array holds, if it holds one, whatever its axes; anything else itself."""
    one = isinstance(found, np.ndarray) and found.size == 1 and found.dtype.kind in "iu"
    return found.item() if one else found


def same_plain(found: Any, expected: Any) -> bool:
    """Whether plain data is the same: `expected` holds no arrays, `found` may hold anything.

    An array of integers or truth values is as good as a list of them, or as one of them.
    """
    found = _whole_in(found) if type(expected) is int else _listed(found)
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            same_plain(found[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same_plain, found, expected))
    return bool(found == expected)


# -- the form of what came -------------------------------------------------------------------------


def need_form(found: Any, form: Any, what: str) -> None:
    """Raise `Unfit` unless `found` is of a form, so that a judge may rely on it.

    A form is a type (`int`, `float` for any number, `str`, `bool`, `np.ndarray`, None), a list of
    one form for any number of parts, a list of several for so many, a dict of forms, or a tuple of
    forms, one of which it is.
    """
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    if isinstance(form, tuple):
        for one in form:
            try:
                return need_form(found, one, what)
            except Unfit:
                continue
        raise Unfit(
            f"{what}: {' or '.join(map(_form_text, form))} expected, got {got_text(found)}."
        )
    if isinstance(form, dict):
        if not isinstance(found, dict) or not form.keys() <= found.keys():
            named = isinstance(found, dict) and "kind" not in found
            came = ", ".join(found)[:200] if named else got_text(found)
            raise Unfit(f"{what}: {_form_text(form)} expected, got {came}.")
        for key, part in form.items():
            need_form(found[key], part, f"{what}, {key}")
        return
    if isinstance(form, list):
        if not isinstance(found, list) or len(form) not in (1, len(found)):
            raise Unfit(f"{what}: {_form_text(form)} expected, got {got_text(found)}.")
        for n, part in enumerate(found):
            need_form(part, form[0] if len(form) == 1 else form[n], f"{what} {n}")
        return
    if form is Any:
        return
    fits = found is None if form is None else type(found) is form
    if form is float:
        fits = type(found) in (int, float)
    if form is np.ndarray:
        fits = isinstance(found, np.ndarray) and found.dtype.kind in "fiub"
    if not fits:
        raise Unfit(f"{what}: {_form_text(form)} expected, got {got_text(found)}.")


_FORMS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "True or False",
}
_FORMS |= {np.ndarray: "an array", None: "None", Any: "something"}


def _form_text(form: Any) -> str:
    if isinstance(form, list):
        return "a list" if len(form) == 1 else f"a list of {len(form)}"
    if isinstance(form, dict):
        return f"the parts {', '.join(form)}"
    return _FORMS[form]


# -- plain data in words -------------------------------------------------------------------------


def wanted(found: Any, expected: Any) -> str:
    """What is expected, for a message; an integer is called one where a float of its value came."""
    if type(expected) is int and type(found) is float:
        return f"the integer {expected}"
    return brief(expected)


def got_text(found: Any) -> str:
    """Plain data for a message, cut; ``{"kind": ...}`` is in words already."""
    if isinstance(found, dict) and isinstance(found.get("kind"), str):
        return found["kind"][:200]
    return brief(found)


def brief(found: Any) -> str:
    """Plain data as Python writes it, an array by its shape, cut to 200 characters.

    The rest is never written out: a reply may hold thousands of arrays, which takes minutes.
    """
    if isinstance(found, np.ndarray):
        shape = f"an array of shape {found.shape}"
        return shape if found.ndim else "a tensor or an array without axes"
    if isinstance(found, bytes):
        return f"{len(found)} bytes"
    text = repr(_beginning(found, [200]))
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _beginning(found: Any, left: list[int]) -> Any:
    """What of plain data can show in so many characters."""
    left[0] -= 20 if isinstance(found, np.ndarray) else 1
    if isinstance(found, str | bytes):
        return found[:201]
    if isinstance(found, np.ndarray):
        return found.ravel()[:201] if found.size > 201 else found
    if isinstance(found, list | tuple):
        return type(found)([_beginning(part, left) for part in found if left[0] > 0])
    if isinstance(found, dict) and list(found) == ["kind"] and isinstance(found["kind"], str):
        return _Words(found["kind"][:201])
    if isinstance(found, dict):
        return {key[:201]: _beginning(part, left) for key, part in found.items() if left[0] > 0}
    return found


def told_apart(one: float, other: float, whole: bool = False) -> tuple[str, str]:
    """Two different numbers, with four decimals, or with as many as tell them apart."""
    if whole:
        return f"{one:.0f}", f"{other:.0f}"
    digits, form = (6, "g") if max(abs(one), abs(other)) >= 1e6 else (4, "f")
    for more in range(digits, 17):
        first, second = (f"{number:.{more}{form}}" for number in (one, other))
        if first != second:
            return first, second
    return repr(one), repr(other)


class _Words(str):
    """A text that is written out without quotes."""

    __repr__ = str.__str__


def shape_text(array: np.ndarray) -> str:
    """An array's shape as people write it: (2, 3)."""
    return str(tuple(int(size) for size in array.shape))
