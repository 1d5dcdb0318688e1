"""An equal value of another type earns the same, unless the text of the question forbids it."""

from __future__ import annotations

import collections
import functools
import importlib
import os
from pathlib import Path

import numpy as np
import pytest
from d2lexercises import find_question, questions
from d2lexercises.kinds import anything, function, function_of_functions
from exercise_answers import CHAPTERS, judge, namespace
from test_second_edition_exercises import asked

COMPILED = {"graphs.whole", "graphs.steady", "graphs.ship"}  # what wraps them breaks their graph
TRAINING = {"training.overfit", "training.train"}  # minutes, because each variation trains
FUNCTIONS = [
    pytest.param(name, marks=pytest.mark.full) if name in TRAINING else name
    for chapter in CHAPTERS
    for name in questions(chapter)
    if find_question(name).takes in (function, function_of_functions, anything)
    and name not in COMPILED
]


def tensor(value, framework):
    library = importlib.import_module({"pytorch": "torch"}.get(framework, framework))
    return (library.tensor if framework == "pytorch" else library.constant)(value)


def are_numbers(value):
    return isinstance(value, list | tuple) and {type(one) for one in value} in ({int}, {float})


def is_number(value):
    return type(value) in (int, float)


# Each with what it changes, and the same value in the other type.
VARIATIONS = {
    "a tuple": (lambda v: type(v) is list, lambda v, _: tuple(v)),
    "a list": (lambda v: type(v) is tuple, lambda v, _: list(v)),
    "an ordered dictionary": (
        lambda v: type(v) is dict,
        lambda v, _: collections.OrderedDict(v),
    ),
    "NumPy's integer": (lambda v: type(v) is int, lambda v, _: np.int64(v)),
    "a tensor of an integer": (lambda v: type(v) is int, tensor),
    "a float for an integer": (lambda v: type(v) is int, lambda v, _: float(v)),
    "NumPy's truth value": (lambda v: type(v) is bool, lambda v, _: np.bool_(v)),
    "NumPy's float": (lambda v: type(v) is float, lambda v, _: np.float64(v)),
    "a tensor of a float": (lambda v: type(v) is float, tensor),
    "an integer for a float": (
        lambda v: type(v) is float and v.is_integer(),
        lambda v, _: int(v),
    ),
    "an array that holds one number": (is_number, lambda v, _: np.array([v])),
    "a tensor that holds one number": (is_number, lambda v, framework: tensor([[v]], framework)),
    "an array of numbers": (are_numbers, lambda v, _: np.array(v)),
    "a tensor of numbers": (are_numbers, tensor),
    "a path": (lambda v: type(v) is str and os.path.isabs(v), lambda v, _: Path(v)),
    "a string for a path": (lambda v: isinstance(v, Path), lambda v, _: str(v)),
}
INTEGER, FLOAT = "a float for an integer", "a tensor of a float"
ARRAY, TENSOR = "an array that holds one number", "a tensor that holds one number"
FORBIDDEN = {  # with what the text says
    ("autograd.pieces", FLOAT): "as plain numbers",
    ("autograd.pieces", ARRAY): "as plain numbers",
    ("autograd.pieces", TENSOR): "as plain numbers",
    ("blocks.count", INTEGER): "an integer",
    ("deferred-initialization.head", INTEGER): "an integer",
    ("deferred-initialization.shapes", INTEGER): "all as integers",
    ("deferred-initialization.load", INTEGER): "an integer",
    ("deferred-initialization.picture", INTEGER): "integers",
    ("gpus.move", "a tuple"): "has the same structure and types",
    ("gpus.move", "a list"): "has the same structure and types",
    ("gpus.move", ARRAY): "has the same structure and types",
    ("gpus.move", TENSOR): "has the same structure and types",
    ("gpus.move", "an ordered dictionary"): "has the same structure and types",
    ("graphs.optimize", FLOAT): "names of earlier nodes or numbers",
    ("graphs.tracer", FLOAT): "a name and a float",
    ("graphs.tracer", ARRAY): "a name and a float",
    ("graphs.tracer", TENSOR): "a name and a float",
    ("graphs.optimize", ARRAY): "names of earlier nodes or numbers",
    ("graphs.optimize", TENSOR): "names of earlier nodes or numbers",
    ("parameters.count", INTEGER): "integers",
    ("parameters.train-only", INTEGER): "two integers",
    ("performance.ridge", INTEGER): "an integer",
    ("performance.memory", INTEGER): "the integers",
    ("profiling.peak", INTEGER): "two integers",
    ("profiling.profile", INTEGER): "*calls*: an integer",
    ("sharding.collectives", INTEGER): "in whole bytes",
    ("sharding.memory", INTEGER): "as an integer",
    ("sharding.reshard", INTEGER): "three integers",
    ("training.overfit", FLOAT): "as plain numbers",
    ("training.overfit", "a tensor of numbers"): "as plain numbers",
    ("training.overfit", ARRAY): "as plain numbers",
    ("training.overfit", TENSOR): "as plain numbers",
    ("training.train", FLOAT): "plain numbers",
    ("training.train", ARRAY): "plain numbers",
    ("training.train", TENSOR): "plain numbers",
}


def altered(value, change):
    """What an answer returned, changed at every depth, from the inside."""
    if type(value) in (list, tuple):
        value = type(value)([altered(part, change) for part in value])
    elif type(value) is dict:
        value = {key: altered(part, change) for key, part in value.items()}
    return change(value)


def altering(answer, change):
    """The answer with its result changed."""
    if not callable(answer):
        return altered(answer, change)

    @functools.wraps(answer)
    def wrapped(*given, **named):
        return altered(answer(*given, **named), change)

    return wrapped


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_equal_value_of_another_type_earns_the_same(name, framework):
    chapter = name.partition(".")[0]
    answer = namespace(chapter, framework, "solution")["answers"][name]
    text = "\n".join(cell.source for cell in asked(chapter)[name].cells if cell.kind != "code")
    came = []
    noting = altering(answer, lambda value: came.append(value) or value)
    assert judge(name, noting, framework, 1).points == find_question(name).points
    for what, (fits, other) in VARIATIONS.items():
        if not any(map(fits, came)):
            continue
        changed = altering(answer, lambda v, f=fits, o=other: o(v, framework) if f(v) else v)
        wrong = [one for one in judge(name, changed, framework, 1).findings if not one.passed]
        if words := FORBIDDEN.get((name, what)):
            assert wrong, f"{what} is accepted now"
            assert words in text
        else:
            assert not wrong, f"{what}: {wrong[0].message}"
