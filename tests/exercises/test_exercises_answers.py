"""Right answers earn everything, starters nothing, wrong ones fail where they are wrong.

Our questions are held to the rules that `make check-questions` holds every question to, on two
seeds that change with the commit; weekly, and in `make test-full`, that command tries 60.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from d2lexercises import chapters, feedback, find_question, frameworks, questions
from d2lexercises.comparer import brief
from d2lexercises.wire import encode
from editions.exercises import judging
from editions.exercises.altered_replies import (
    Altering,
    expecting_once,
    faults_of_odd_replies,
    with_one_replaced,
)
from editions.exercises.judged_seeds import judged_seeds
from exercise_answers import (
    CHAPTERS,
    FRAMEWORKS,
    ROOT,
    judge,
    namespace,
    right_answers,
    right_reply,
    wrong_answers,
)

QUESTIONS = [name for chapter in CHAPTERS for name in questions(chapter)]
JUDGED = [name for name in QUESTIONS if not find_question(name).is_text]
TEXTS = [name for name in QUESTIONS if name not in JUDGED]  # marked by hand
SEEDS = judged_seeds(ROOT)


def on(seed: int, faults: list[str]) -> list[str]:
    """Faults, with how to repeat them."""
    return [f"{fault} (D2L_JUDGED_SEEDS={seed} repeats it)" for fault in faults]


@pytest.mark.parametrize("name", JUDGED)
def test_the_solution_earns_full_marks_on_any_inputs(name, framework):
    answer = namespace(name.split(".")[0], framework, "solution")["answers"][name]
    question = find_question(name)
    for seed in (question.public_seed, *SEEDS):
        faults = judging.faults_of_right(question, answer, framework, seed)
        assert on(seed, faults) == []


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_other_right_answers_earn_full_marks(chapter, framework):
    found = list(right_answers(chapter, framework))
    assert {name for name, *_ in found} == set(questions(chapter)) & set(JUDGED)
    for name, what, answer in found:
        for seed in SEEDS:
            faults = judging.faults_of_right(find_question(name), answer, framework, seed)
            assert on(seed, faults) == [], (name, what)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_starter_earns_nothing(name, framework):
    answer = namespace(name.split(".")[0], framework, "starter")["answers"][name]
    question = find_question(name)
    assert judging.faults_of_starter(question, answer, framework, question.public_seed) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning")  # Keras, rightly
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_wrong_answer_fails_where_it_is_wrong(chapter, framework):
    tried = Counter()
    surprises = []
    for name, what, answer, expected in wrong_answers(chapter, framework):
        tried[name] += 1
        question = find_question(name)
        for seed in SEEDS:
            faults = judging.faults_of_wrong(question, answer, framework, seed, expected)
            surprises += [(name, what, fault) for fault in on(seed, faults)]
    assert not surprises, "\n".join(map(str, surprises))
    assert set(tried) == set(questions(chapter)) & set(JUDGED) and min(tried.values()) >= 3


@pytest.mark.parametrize("name", TEXTS)
def test_a_worked_text_is_kept_and_an_empty_one_is_not(name, framework):
    for kind, said in (("solution", "kept, "), ("starter", "Nothing is written yet.")):
        answer = namespace(name.split(".")[0], framework, kind)["answers"][name]
        assert said in str(feedback.evaluate(name, answer, framework))


# -- guesses -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_guess_earns_at_most_a_hundredth(name):
    # What a right answer returns for the public inputs is public; nothing of it helps elsewhere.
    question = find_question(name)
    with expecting_once():
        for framework in FRAMEWORKS:
            for what, guess in judging.guesses(right_reply(name, framework)).items():
                faults = judging.faults_of_guess(question, guess, framework)
                assert faults == [], (framework, what)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_stub_earns_nothing(name, framework):
    for what, stub in judging.stubs(framework).items():
        faults = judging.faults_of_stub(find_question(name), stub, framework, SEEDS)
        assert faults == [], what


@contextmanager
def _careless_pytorch():
    import torch

    def settings():
        return torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()

    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_default_device("meta")
    try:
        yield settings
    finally:
        torch.set_default_device(None)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)


@contextmanager
def _careless_tensorflow():
    import keras
    import tensorflow as tf

    def settings():
        config = keras.config
        layout, eagerly = config.image_data_format(), tf.config.functions_run_eagerly()
        return config.floatx(), config.dtype_policy().name, layout, eagerly

    def set_up(precision, policy, layout, eagerly):
        keras.config.set_floatx(precision)
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(layout)
        tf.config.run_functions_eagerly(eagerly)

    before = settings()
    set_up("float64", "float64", "channels_first", True)
    try:
        yield settings
    finally:
        set_up(*before)


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


CARELESS = {"pytorch": _careless_pytorch, "tensorflow": _careless_tensorflow}


@pytest.mark.parametrize("chapter", ["blocks", "control-flow"])
def test_what_a_cell_has_switched_over_costs_nothing_and_stays(chapter, framework):
    # The settings of a whole process are those of a fresh kernel while a question runs.
    answers = namespace(chapter, framework, "solution")["answers"]
    with CARELESS[framework]() as settings, np.errstate(all="raise"):
        before = settings()
        for name, answer in answers.items():
            question = find_question(name)
            assert judge(name, answer, framework).points == question.points, name
            assert settings() == before and np.geterr()["over"] == "raise"


def test_a_power_that_overflows_is_named(framework):
    name, aspect = "control-flow.shrink", "a sum that is infinite"
    found = {what: answer for one, what, answer, _ in wrong_answers("control-flow", framework)
             if one == name}  # fmt: skip
    verdict = judge(name, found["divided by a power"], framework)
    (finding,) = [one for one in verdict.findings if one.aspect == aspect]
    assert "overflows" in finding.hint


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


@pytest.mark.slow
@pytest.mark.parametrize("name", JUDGED)
def test_no_reply_makes_the_judge_raise_or_pay(name):
    right = {framework: right_reply(name, framework) for framework in FRAMEWORKS}
    assert list(faults_of_odd_replies(find_question(name), right)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", JUDGED)
def test_no_judge_writes_out_a_whole_reply(name):
    right = {framework: right_reply(name, framework) for framework in FRAMEWORKS}
    written = []
    with (
        np.printoptions(formatter={"float": lambda x: written.append(x) or "0."}),
        Altering(find_question(name), right).remembering() as altering,
    ):
        for reply, key, value in altering.entries():
            for odd in [[np.zeros(200)] * 500, [[np.zeros(200)] * 500] * 4]:
                for altered in [odd, *with_one_replaced(value, odd)]:
                    altering.verdict({**reply, key: altered})
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


@pytest.mark.parametrize("name", JUDGED)
def test_inputs_are_the_same_for_the_same_seed_and_differ_for_another(name):
    question = find_question(name)
    assert encode(question.draw(5)) == encode(question.draw(5)) != encode(question.draw(6))
