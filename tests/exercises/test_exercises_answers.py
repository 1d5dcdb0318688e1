"""Right answers earn everything, starters nothing, wrong ones fail where they are wrong."""

from __future__ import annotations

import sys
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from altered_replies import Altering, with_one_replaced
from d2lexercises import chapters, find_question, frameworks, questions
from d2lexercises.comparer import brief
from d2lexercises.question import give_verdict
from d2lexercises.wire import encode
from exercise_answers import (
    CHAPTERS,
    FRAMEWORKS,
    failed,
    judge,
    namespace,
    right_answers,
    right_reply,
    wrong_answers,
)

QUESTIONS = [name for chapter in CHAPTERS for name in questions(chapter)]


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_solution_earns_full_marks_on_any_inputs(name, framework):
    answer = namespace(name.split(".")[0], framework, "solution")["answers"][name]
    for seed in (None, 1, 2, 3):
        verdict = judge(name, answer, framework, seed)
        assert failed(verdict) == set(), [f.message for f in verdict.findings if f.message]
        assert verdict.points == verdict.out_of == find_question(name).points


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_other_right_answers_earn_full_marks(chapter, framework):
    found = list(right_answers(chapter)[framework]())
    assert {name for name, *_ in found} == set(questions(chapter))
    for name, what, answer in found:
        verdict = judge(name, answer, framework)
        assert failed(verdict) == set(), (name, what, verdict.findings)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_starter_earns_nothing(name, framework):
    answer = namespace(name.split(".")[0], framework, "starter")["answers"][name]
    verdict = judge(name, answer, framework)
    assert verdict.points == 0
    assert all(finding.message for finding in verdict.findings)


@pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning")  # Keras, rightly
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_wrong_answer_fails_where_it_is_wrong(chapter, framework):
    solution = namespace(chapter, framework, "solution")
    tried = Counter()
    surprises = []
    for name, what, answer, expected in wrong_answers(chapter)[framework](solution):
        tried[name] += 1
        verdict = judge(name, answer, framework)
        wrong = [finding for finding in verdict.findings if not finding.passed]
        assert all(finding.message for finding in wrong)
        if len({finding.message for finding in wrong}) > 1:  # else nothing could be tried
            assert all(finding.hint for finding in wrong), (name, what, wrong)
        if failed(verdict) != expected:
            messages = {f.aspect: f.message for f in verdict.findings}
            odd = failed(verdict) ^ expected
            surprises.append((name, what, {aspect: messages[aspect] for aspect in odd}))
    assert not surprises, "\n".join(map(str, surprises))
    assert set(tried) == set(questions(chapter)) and min(tried.values()) >= 3


# -- guesses -----------------------------------------------------------------------------------

SEEDS = range(100, 130)


@cache
def drawn(name: str) -> list[dict[str, Any]]:
    """A question's inputs for many students."""
    return [find_question(name).draw(seed) for seed in SEEDS]


def _like(value: Any, fill: Any) -> Any:
    """A value of the same form in which every number and text has been made up."""
    if isinstance(value, np.ndarray):
        return np.full_like(value, fill)
    if isinstance(value, dict):
        return {key: _like(part, fill) for key, part in value.items()}
    if isinstance(value, list):
        return [_like(part, fill) for part in value]
    if isinstance(value, bool):
        return True
    return type(value)(fill) if isinstance(value, int | float) else value


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_guess_earns_at_most_a_hundredth(name, framework):
    # What a right answer returns for the public inputs is public; nothing of it helps elsewhere.
    question = find_question(name)
    public = right_reply(name, framework)
    guesses = {
        "the public outputs": public,
        "nothing": {},
        "None": dict.fromkeys(public),
        "empty lists": {key: [] for key in public},
        "true": dict.fromkeys(public, True),
        **{f"{fill}": _like(public, fill) for fill in (0, 1, -1)},
    }
    for what, guess in guesses.items():
        earned = [give_verdict(question, inputs, guess, framework).points for inputs in drawn(name)]
        assert np.mean(earned) <= 0.01 * question.points, what


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_stub_earns_nothing(name, framework):
    layer = frameworks.load(framework).layer
    method = frameworks.load(framework).own_method
    zero = {"pytorch": lambda X: X * 0, "tensorflow": lambda X: X * 0}[framework]
    for run in (lambda self, X: X, lambda self, X: zero(X), lambda self, X: None):
        stub = type(
            "Stub",
            (layer,),
            {
                "__init__": lambda self, *a, **k: layer.__init__(self),
                method: run,
                "__len__": lambda self: 3,
                "__getitem__": lambda self, index: self,
                "calls": 3,
                "shapes": [(2, 3)],
                "hidden": (),
                "first": None,
            },
        )
        points = [judge(name, stub, framework, seed).points for seed in (1, 2, 3)]
        assert np.mean(points) <= 0.01 * find_question(name).points


def test_what_an_answer_leaves_switched_over_costs_no_other_answer(framework):
    name = "blocks.residual"
    right = namespace("blocks", framework, "solution")["answers"][name]
    keras = sys.modules.get("keras")

    def careless(*arguments, **named):
        if framework == "pytorch":
            torch = sys.modules["torch"]
            torch.set_grad_enabled(False)
            torch.set_default_dtype(torch.float64)
        else:
            keras.config.set_floatx("float16")
            keras.config.set_dtype_policy("mixed_float16")
            sys.modules["tensorflow"].config.run_functions_eagerly(True)

    stub = type("Careless", (frameworks.load(framework).layer,), {"__init__": careless})
    for answer, points in ((right, 6), (stub, 0), (right, 6)):
        assert judge(name, answer, framework).points == points


# -- what a hostile process may send -----------------------------------------------------------


def test_a_reply_is_never_written_out_as_a_whole():
    for value in (None, "text", "y" * 300, [1, "a", {"b": [2.5]}], list(range(500)),
                  [np.zeros(2), np.zeros((2, 2))], {"k" * 300: 1}, [[[]]] * 300):  # fmt: skip
        text = repr(value)
        assert brief(value) == (text if len(text) <= 200 else f"{text[:200]} ...")
    written = []
    with np.printoptions(formatter={"float": lambda x: written.append(x) or "0."}):
        assert len(brief([np.zeros(1000)] * 1000)) < 220
        assert len(brief(("a", [np.zeros(1000)] * 1000))) < 220
    assert len(written) < 20_000


ODD: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), "", "text", [], [[]], [None, None], {}, {"error": 3},
    {"error": {}}, {"error": {"type": 1}}, {"error": {"type": [], "message": {}, "line": 0}},
    {"length": True, "found": "x", "runs": [1, 2], "class": True}, {"layers": [], "scale": 3},
    {"calls": 10**18, "shapes": [[10**18] * 3]}, [[1, 2], [3]], [["a"]], np.zeros(()),
    np.array([True, False]), np.full((2, 3), np.nan), np.full((2, 2), np.inf), np.zeros((0, 3)),
    [np.zeros(2)] * 9, {"layers": [[np.zeros(1)] * 2] * 4, "scale": np.zeros((0,))},
    {"outputs": [np.zeros(1)] * 6, "calls": 3, "shapes": 3},
]  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_reply_makes_the_judge_raise_or_pay(name, monkeypatch):
    altering = Altering(name, monkeypatch)
    points = altering.question.points
    for right, key, value in altering.entries():
        for odd in ODD:
            assert altering.verdict(odd).points == 0
            assert 0 <= altering.verdict({**right, key: odd}).points < points
            for inner in with_one_replaced(value, odd):  # odd things in the right form
                assert 0 <= altering.verdict({**right, key: inner}).points <= points


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_judge_writes_out_a_whole_reply(name, monkeypatch):
    altering = Altering(name, monkeypatch)
    written = []
    with np.printoptions(formatter={"float": lambda x: written.append(x) or "0."}):
        for right, key, value in altering.entries():
            for odd in [[np.zeros(200)] * 500, [[np.zeros(200)] * 500] * 4]:
                for altered in [odd, *with_one_replaced(value, odd)]:
                    altering.verdict({**right, key: altered})
                    assert len(written) < 50_000
                    written.clear()


# -- the questions themselves --------------------------------------------------------------------


def test_every_exercise_asks_every_question_of_its_chapter():
    assert set(CHAPTERS) <= set(chapters())
    for chapter in CHAPTERS:
        assert len(questions(chapter)) >= 4
        for framework in FRAMEWORKS:
            asked = list(namespace(chapter, framework, "starter")["answers"])
            assert asked == list(questions(chapter))


@pytest.mark.parametrize("name", QUESTIONS)
def test_inputs_are_the_same_for_the_same_seed_and_differ_for_another(name):
    question = find_question(name)
    assert encode(question.draw(5)) == encode(question.draw(5)) != encode(question.draw(6))
