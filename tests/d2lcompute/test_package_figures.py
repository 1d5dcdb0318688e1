"""Numbers of figures: what is refused, and that the rest becomes JSON that repeats."""

import importlib
import json

import numpy as np
import pytest

from d2lcompute.figures import MIME, FigureNumbers


def numbers(**given):
    return FigureNumbers("a-figure", given, "words", decimals=2).numbers


def test_a_notebook_shows_the_words_and_keeps_the_numbers():
    shown = FigureNumbers("a-figure", {"sizes": np.array([1.23456, -0.00001])}, "It shrinks.")
    assert repr(shown) == "It shrinks."
    assert shown._repr_mimebundle_() == {
        MIME: {"figure": "a-figure", "numbers": {"sizes": [1.2346, 0.0]}},
        "text/plain": "It shrinks.",
    }


def test_numbers_become_plain_and_are_rounded():
    found = numbers(
        a=np.float32(0.126), b=np.arange(3), c=[True, None, "x"], d={"e": (np.int64(4), 2.345678)}
    )
    assert found == {"a": 0.13, "b": [0, 1, 2], "c": [True, None, "x"], "d": {"e": [4, 2.35]}}
    assert json.loads(json.dumps(found)) == found
    assert str(numbers(zero=-0.001)["zero"]) == "0.0"


def test_tensors_are_numbers(d2l):
    module = importlib.import_module(d2l.__name__.rpartition(".")[2])
    make = getattr(module, "tensor", None) or module.constant
    assert numbers(x=make([[0.123, 2.0]]))["x"] == [[0.12, 2.0]]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x": [1.0, float("nan")]}, ValueError, r"numbers\['x'\]\[1\] must be a finite number"),
        ({"x": np.array([np.inf])}, ValueError, r"numbers\['x'\]\[0\] must be a finite number"),
        ({"x": object()}, TypeError, r"numbers\['x'\] must be a text, numbers, or lists"),
        ({"x": {1: 2}}, TypeError, r"numbers\['x'\]: a name must be a text, got 1"),
    ],
)
def test_what_json_lacks_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        FigureNumbers("a-figure", given, "words")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("A figure", {}, "words"), ValueError, "figure must be lower-case letters"),
        (("a", {}, " "), ValueError, "text must say what the numbers show"),
        (("a", [1], "words"), TypeError, "numbers must be a dictionary, got list"),
        (("a", {}, "words", -1), ValueError, "decimals must be an integer of at least 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FigureNumbers(*arguments)
