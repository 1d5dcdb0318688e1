"""Three questions that need NumPy alone, for the grader's own tests."""

import numpy as np

from d2lcompute.checks.question import Aspect, Question, attempt, judge_by, same_array


def _inputs(rng):
    return {"values": rng.normal(size=(4, 3)), "factor": float(rng.integers(2, 1000)) / 7}


def _probe_scaled(answer, inputs, framework):
    return {"scaled": attempt(lambda: np.asarray(answer(inputs["values"], inputs["factor"])))}


def _probe_sorted(answer, inputs, framework):
    given = inputs["values"].ravel()
    return {"sorted": attempt(lambda: np.asarray(answer(given))), "given": given}


def _probe_columns(answer, inputs, framework):
    return {"columns": attempt(lambda: np.asarray(answer(inputs["values"])))}


def SECRET_FORMULA(inputs):
    return inputs["values"] * inputs["factor"]


def _judge_scaled(inputs, found, framework):
    same_array(found, SECRET_FORMULA(inputs), "the result")


def _judge_sorted(inputs, found, framework):
    same_array(found, np.sort(inputs["values"].ravel()), "the result")


def _judge_given(inputs, found, framework):
    same_array(found, inputs["values"].ravel(), "what was given, afterwards")


def _judge_columns(inputs, found, framework):
    same_array(found, inputs["values"].sum(axis=0), "the sums")


QUESTIONS = (
    Question(
        "demo.scaled",
        "Scale",
        10,
        _inputs,
        _probe_scaled,
        judge_by(Aspect("values", 10, "scaled", _judge_scaled, hint="Multiply.")),
        "1",
    ),
    Question(
        name="demo.sorted",
        title="Sort a copy",
        points=10,
        inputs=_inputs,
        probe=_probe_sorted,
        judge=judge_by(
            Aspect("order", 6, "sorted", _judge_sorted),
            Aspect("the input is left alone", 4, "given", _judge_given, needs=("order",)),
        ),
        version="1",
    ),
    Question(
        name="demo.columns",
        title="Sum the columns",
        points=10,
        inputs=_inputs,
        probe=_probe_columns,
        judge=judge_by(Aspect("sums", 10, "columns", _judge_columns)),
        version="1",
    ),
)
