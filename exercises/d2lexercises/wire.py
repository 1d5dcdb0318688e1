"""Plain data as JSON text and back: all that passes between a student's answer and its judge.

`decode` is written for text from an untrusted process. It accepts what `encode` writes and next to
nothing else, and what it returns holds only the types of `Plain`, each of exactly that type, so
that comparing two values never runs code that came with them.

Beyond JSON there are three forms:

- an array: ``{"$array": {"dtype": "float32", "shape": [2, 3], "data": "<base64, little endian>"}}``
- a number that JSON has no word for: ``{"$float": "nan"}``, ``"inf"`` or ``"-inf"``
- bytes, such as the content of a file: ``{"$bytes": "<base64>"}``
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Plain = None | bool | int | float | str | bytes | list["Plain"] | dict[str, "Plain"] | np.ndarray

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64"),
)
DIMENSIONS = 8  # at most, of an array
_INTEGERS = range(-(2**63), 2**63)
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class WireError(ValueError):
    """The value cannot be sent, or the text is not what `encode` writes; says why."""


@dataclass(frozen=True)
class Limits:
    """How large a decoded value may be."""

    bytes: int = 8 * 2**20  # of the text
    depth: int = 16  # of lists and dicts inside one another
    items: int = 100_000  # values, keys and list entries in all
    elements: int = 1_000_000  # of all arrays together


DEFAULT_LIMITS = Limits()


def encode(value: object) -> str:
    """Return `value` as one line of ASCII.

    Raises:
        WireError: `value` holds something that is not `Plain`, by exact type; names the place.
    """
    try:
        return json.dumps(_outgoing(value, "value", 1), allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise WireError("the value is nested too deeply, or contains itself") from None


def decode(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the value that `text` stands for.

    Raises:
        WireError: `text` is malformed, too large or too deep; says what is wrong.
    """
    if len(text) > limits.bytes:
        raise WireError(f"{len(text):,} bytes; at most {limits.bytes:,} are allowed")
    if not isinstance(text, str):
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            raise WireError(f"not UTF-8 text: {error.reason}") from None
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except RecursionError:
        raise WireError(f"nested more than {limits.depth} deep") from None
    except WireError:
        raise
    except ValueError as error:
        raise WireError(f"not JSON: {error}") from None
    return _Incoming(limits).value(parsed, 1)


# -- out ---------------------------------------------------------------------------------------


def _outgoing(value: Any, place: str, depth: int) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        if value not in _INTEGERS:
            raise WireError(f"{place}: an integer of more than 64 bits")
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if kind is str:
        _check_text(value, place)
        return value
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if kind is list:
        return [_outgoing(part, f"{place}[{n}]", depth + 1) for n, part in enumerate(value)]
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise WireError(f"{place}: a key is of type {type(key).__name__}, not str")
            if key.startswith("$"):
                raise WireError(f"{place}: the key {key!r} begins with '$'")
            _check_text(key, place)
        return {key: _outgoing(part, f"{place}[{key!r}]", depth + 1) for key, part in value.items()}
    if kind is np.ndarray:
        return {"$array": _outgoing_array(value, place)}
    raise WireError(
        f"{place}: of type {kind.__name__}; only None, bool, int, float, str, bytes, list, dict "
        "and numpy.ndarray can be sent"
    )


def _outgoing_array(array: np.ndarray, place: str) -> dict[str, Any]:
    if array.dtype.name not in DTYPES:
        raise WireError(f"{place}: an array of dtype {array.dtype}; allowed: {', '.join(DTYPES)}")
    if array.ndim > DIMENSIONS:
        raise WireError(f"{place}: an array of {array.ndim} dimensions; at most {DIMENSIONS}")
    data = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes()
    return {
        "dtype": array.dtype.name,
        "shape": [int(size) for size in array.shape],
        "data": base64.b64encode(data).decode("ascii"),
    }


# -- in ----------------------------------------------------------------------------------------


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise WireError("a key occurs twice in one object")
    return result


def _integer(digits: str) -> int:
    if len(digits) > 20 or int(digits) not in _INTEGERS:
        raise WireError("an integer of more than 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise WireError("a number too large for a float")
    return number


def _no_constant(name: str) -> None:
    raise WireError(f"{name} is not JSON")


def _check_text(text: str, place: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise WireError(f"{place}: text with half of a surrogate pair") from None


class _Incoming:
    """Turns parsed JSON into plain data, counting what it has met."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.items = 0
        self.elements = 0

    def value(self, parsed: Any, depth: int) -> Any:
        self.items += 1
        if self.items > self.limits.items:
            raise WireError(f"more than {self.limits.items:,} items")
        if isinstance(parsed, str):
            _check_text(parsed, "value")
        if not isinstance(parsed, list | dict):
            return parsed
        if isinstance(parsed, dict) and (marked := [key for key in parsed if key[:1] == "$"]):
            return self._marked(parsed, marked)
        if depth > self.limits.depth:
            raise WireError(f"nested more than {self.limits.depth} deep")
        if isinstance(parsed, list):
            return [self.value(part, depth + 1) for part in parsed]
        self.items += len(parsed)
        for key in parsed:
            _check_text(key, "key")
        return {key: self.value(part, depth + 1) for key, part in parsed.items()}

    def _marked(self, parsed: dict[str, Any], marked: list[str]) -> Any:
        if list(parsed) == ["$array"]:
            return self._array(parsed["$array"])
        if list(parsed) == ["$float"]:
            name = parsed["$float"]
            if not isinstance(name, str) or name not in _FLOATS:
                raise WireError("a '$float' is 'nan', 'inf' or '-inf'")
            return _FLOATS[name]
        if list(parsed) == ["$bytes"]:
            return _bytes_of(parsed["$bytes"], "bytes are")
        raise WireError(f"the key {marked[0][:40]!a} is not known, or does not stand alone")

    def _array(self, parts: Any) -> np.ndarray:
        if not isinstance(parts, dict) or set(parts) != {"dtype", "shape", "data"}:
            raise WireError("an array has a dtype, a shape and data, and nothing else")
        dtype, shape, data = parts["dtype"], parts["shape"], parts["data"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise WireError(f"an array's dtype is one of {', '.join(DTYPES)}")
        if not isinstance(shape, list) or len(shape) > DIMENSIONS:
            raise WireError(f"an array's shape is a list of at most {DIMENSIONS} sizes")
        for size in shape:
            if type(size) is not int or not 0 <= size <= self.limits.elements:
                raise WireError("an array's sizes are integers within the limits")
        self.elements += math.prod(shape)
        if self.elements > self.limits.elements:
            raise WireError(f"arrays of more than {self.limits.elements:,} elements in all")
        raw = _bytes_of(data, "an array's data is")
        little = np.dtype(dtype).newbyteorder("<")
        if len(raw) != math.prod(shape) * little.itemsize:
            raise WireError("an array's data does not fit its shape")
        if dtype == "bool" and raw.strip(b"\0\1"):
            raise WireError("an array of bool holds a byte that is neither 0 nor 1")
        return np.frombuffer(raw, little).astype(dtype).reshape(shape)


def _bytes_of(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise WireError(f"{what} base64 text")
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True) if text else b""
    except (binascii.Error, UnicodeEncodeError):
        raise WireError(f"{what} not base64 text") from None
