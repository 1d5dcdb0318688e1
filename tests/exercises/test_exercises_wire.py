"""Plain data arrives as it was sent, and nothing else arrives."""

from __future__ import annotations

import base64
import json
import math
import pickle

import numpy as np
import pytest
from d2lexercises.wire import DTYPES, Limits, WireError, decode, encode

PLAIN = [
    None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 1.5, 1e308, 5e-324, 0.1 + 0.2,
    "", "text", 'quotes " and \\ and \n', "üñ\N{SNOWMAN}\N{GRINNING FACE}", "\x00\x1b[31m",
    b"", b"\x00PK\xff", {"net.pt": b"x"},
    [], {}, [[], [[]]], [1, 1.0, True, None, "1"], {"a": [1, {"b": None}], "": 0},
]  # fmt: skip

ARRAYS = [
    np.zeros(()), np.array(3, np.int8), np.zeros((0, 3)), np.arange(6).reshape(2, 3)[:, ::-1],
    np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1), np.array([True, False]),
    np.array([1.5, -2.5], ">f8"), np.array([1, 2], ">i4"), np.asfortranarray(np.ones((2, 3))),
    np.array([np.nan, np.inf, -np.inf, -0.0], np.float32), np.array([255], np.uint8),
    np.arange(10)[::3],
]  # fmt: skip


def same(one, other):
    """Equality that tells 1 from 1.0 and True, and 0.0 from -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return one == other


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_arrives_as_it_was_sent(value):
    assert same(decode(encode(value)), value)
    assert same(decode(encode(value).encode()), value)
    assert encode(value).isascii() and "\n" not in encode(value)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_arrive_as_they_were_sent(array):
    found = decode(encode({"x": [array]}))["x"][0]
    assert type(found) is np.ndarray and found.dtype.isnative and found.flags.writeable
    assert found.dtype.name == array.dtype.name and found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_listed_dtype_is_sent(dtype):
    array = np.array([[0, 1], [1, 0]], dtype)
    assert decode(encode(array)).dtype == dtype


def test_numbers_that_are_not_finite_arrive():
    for number in (math.inf, -math.inf):
        assert decode(encode([number])) == [number]
    assert math.isnan(decode(encode(math.nan)))


class Number(int):
    pass


class Text(str):
    pass


class Mapping(dict):
    pass


class Array(np.ndarray):
    pass


UNSENDABLE = {
    "tuple": (1, 2), "set": {1}, "byte array": bytearray(b"x"), "complex": 1j, "object": object(),
    "range": range(3), "type": int, "function": len, "numpy scalar": np.float64(1.0),
    "numpy integer": np.int64(1),
    "subclass of int": Number(1), "subclass of str": Text("x"), "subclass of dict": Mapping(),
    "subclass of array": np.zeros(2).view(Array), "object array": np.array([object()]),
    "text array": np.array(["x"]), "half": np.zeros(2, np.float16), "dates": np.array([0], "M8[s]"),
    "complex array": np.zeros(2, complex), "float128": np.zeros(2, np.longdouble),
    "record": np.zeros(2, [("a", "i4")]), "integer key": {1: 2}, "key with $": {"$array": 1},
    "other key with $": {"$": 1}, "huge integer": 2**63, "half of a pair": "\ud800",
    "key with half of a pair": {"\udfff": 1}, "nested": [{"a": (1,)}], "9 axes": np.zeros((1,) * 9),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSENDABLE)
def test_what_is_not_plain_is_not_sent(name):
    with pytest.raises(WireError):
        encode(UNSENDABLE[name])


def test_a_list_that_contains_itself_is_not_sent():
    endless: list = []
    endless.append(endless)
    with pytest.raises(WireError, match="contains itself"):
        encode(endless)


def test_an_error_names_the_place():
    with pytest.raises(WireError, match=r"value\['a'\]\[1\]: of type tuple"):
        encode({"a": [0, ()]})


def array_text(dtype="float32", shape=(2,), data=b"\0" * 8, **further):
    parts = {"dtype": dtype, "shape": list(shape), "data": base64.b64encode(data).decode()}
    return json.dumps({"$array": {**parts, **further}})


REFUSED = {
    "nothing": "", "no JSON": "{", "two values": "1 2", "trailing comma": "[1,]",
    "comment": "1 // a",
    "NaN": "NaN", "Infinity": "[Infinity]", "minus Infinity": "-Infinity", "overflow": "1e999",
    "65 bits": str(2**63), "many digits": "1" * 5000, "negative": str(-(2**63) - 1),
    "duplicate key": '{"a": 1, "a": 2}', "duplicate in an array":
        '{"$array": {"dtype": "int8", "dtype": "int8", "shape": [], "data": "AA=="}}',
    "bytes as a number": '{"$bytes": 1}', "bytes that are no text of bytes": '{"$bytes": "A"}',
    "bytes beside another key": '{"$bytes": "", "a": 1}',
    "unknown mark": '{"$object": 1}', "mark beside another key": '{"$float": "nan", "a": 1}',
    "marks together": '{"$float": "nan", "$array": 1}', "mark in a float": '{"$float": 1.5}',
    "unknown float": '{"$float": "infinity"}', "bare $": '{"$": 1}',
    "half of a pair": '"\\ud800"', "half of a pair in a key": '{"\\ud800": 1}',
    "byte order mark": "\ufeff1",
    "UTF-16": "[1]".encode("utf-16"), "not UTF-8": b'"\xff"',
    "pickle": pickle.dumps([1]),
    "array is a list": '{"$array": []}', "array without shape": '{"$array": {"dtype": "int8"}}',
    "array with more": array_text(order="F"), "object dtype": array_text("object", (1,)),
    "dtype with structure": array_text("f4,f4", (1,)), "big-endian dtype": array_text(">f4"),
    "dtype alias": array_text("float"), "text dtype": array_text("U2"), "dtype is a list":
        '{"$array": {"dtype": ["f4"], "shape": [1], "data": ""}}',
    "negative size": array_text(shape=(-1,)), "fractional size": array_text(shape=(2.0,)),
    "boolean size": array_text(shape=(True, 2)), "shape is a number":
        '{"$array": {"dtype": "int8", "shape": 1, "data": "AA=="}}',
    "9 axes": array_text(shape=(1,) * 9, data=b"\0" * 4), "too little data": array_text(data=b"\0"),
    "too much data": array_text(data=b"\0" * 9),
    "huge empty": array_text(shape=(0, 10**18), data=b""),
    "boolean that is 2": array_text("bool", (1,), b"\2"), "data is a list":
        '{"$array": {"dtype": "int8", "shape": [0], "data": []}}',
    "data is not base64": '{"$array": {"dtype": "int8", "shape": [1], "data": "A!=="}}',
    "data after the padding": '{"$array": {"dtype": "int8", "shape": [1], "data": "AA==AA=="}}',
    "data is not ASCII": '{"$array": {"dtype": "int8", "shape": [1], "data": "é"}}',
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_encode_does_not_write_is_refused(name):
    with pytest.raises(WireError):
        decode(REFUSED[name])


LIMITS = Limits(bytes=2000, depth=4, items=20, elements=100)


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        (json.dumps("x" * 1990), json.dumps("x" * 2000)),
        ("[[[[]]]]", "[[[[[]]]]]"),
        ('{"a":[{"b":[]}]}', '{"a":[{"b":[[]]}]}'),
        (json.dumps([0] * 19), json.dumps([0] * 20)),
        (json.dumps(dict.fromkeys("abcdefg", 0)), json.dumps(dict.fromkeys("abcdefghij", 0))),
        (encode(np.zeros(100, np.int8)), encode(np.zeros(101, np.int8))),
        (encode([np.zeros(50, np.int8)] * 2), encode([np.zeros(51, np.int8)] * 2)),
    ],
)
def test_limits(fits, does_not):
    decode(fits, LIMITS)
    with pytest.raises(WireError):
        decode(does_not, LIMITS)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 50_000 + "]" * 50_000])
def test_deep_text_is_refused_without_harm(text):
    with pytest.raises(WireError):
        decode(text)
