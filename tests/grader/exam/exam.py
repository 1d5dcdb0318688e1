"""An instructor's private questions of the first edition, written in ordinary ways."""

import dataclasses

import numpy as np

from d2lcompute.checks.question import Aspect, Question, attempt, judge_by, same_array
from d2lcompute.checks.question import Question as Q


def _inputs(rng):
    return {"x": rng.normal(size=5)}


def _probe(answer, inputs, framework):
    return {"y": attempt(lambda: np.asarray(answer(inputs["x"])))}


def _judged(compare):
    return judge_by(Aspect("y", 5, "y", compare))


# An alias of Question.
def _key_alias(inputs, found, _):
    same_array(found, np.cumsum(inputs["x"])[::-1], "y")


ALIAS = Q("exam.alias", "Alias", 5, _inputs, _probe, _judged(_key_alias), "1")


# A function that makes questions.
def _key_made(inputs, found, _):
    same_array(found, np.sort(inputs["x"]) ** 2, "y")


def _make(name, judge):
    return Question(name, name, 5, _inputs, _probe, judge, "1")


MADE = _make("exam.made", _judged(_key_made))


# A copy of another question.
def _key_replaced(inputs, found, _):
    same_array(found, np.tanh(inputs["x"]) * 3, "y")


REPLACED = dataclasses.replace(MADE, name="exam.replaced", judge=_judged(_key_replaced))


# Its parts in a dictionary.
def _key_star(inputs, found, _):
    same_array(found, inputs["x"][::2], "y")


_PARTS = {
    "name": "exam.star",
    "title": "Star",
    "points": 5,
    "inputs": _inputs,
    "probe": _probe,
    "judge": _judged(_key_star),
    "version": "1",
}
STAR = Question(**_PARTS)


# The name of what is expected is also a local name of the probe.
def expected(inputs):
    return inputs["x"] - inputs["x"].mean()


def _probe_local(answer, inputs, framework):
    expected = attempt(lambda: np.asarray(answer(inputs["x"])))
    return {"y": expected}


def _key_local(inputs, found, _):
    same_array(found, expected(inputs), "y")


LOCAL = Question("exam.local", "L", 5, _inputs, _probe_local, _judged(_key_local), "1")


# A loop.
def _key_loop(inputs, found, _):
    same_array(found, np.exp(inputs["x"]), "y")


QUESTIONS = [ALIAS, MADE, REPLACED, STAR, LOCAL]
for _name in ("exam.loop",):
    QUESTIONS.append(Question(_name, "L", 5, _inputs, _probe, _judged(_key_loop), "1"))
