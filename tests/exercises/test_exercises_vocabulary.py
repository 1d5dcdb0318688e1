"""What the vocabulary's words do: hints in stages, cases, hidden aspects, mistakes, versions."""

from __future__ import annotations

import functools
import hashlib
import importlib
import itertools
import operator
import re
from pathlib import Path

import d2lexercises
import numpy as np
import pytest
from d2lexercises import (
    case,
    feedback,
    find_question,
    frameworks,
    hint,
    kinds,
    library,
    notebook_files,
    reach,
)
from d2lexercises.comparer import Between, Exact, Number, compare
from d2lexercises.faults import Unfit, WrongKind
from d2lexercises.feedback import evaluate
from d2lexercises.networks import normalization
from d2lexercises.question import Question, give_verdict, run_probe
from d2lexercises.running import plain
from d2lexercises.samples import need_normal

SQUARES = """
from d2lexercises.comparer import brief
from d2lexercises.vocabulary import Aspect, function, question

SQUARES = question("squares.each", "Squares", takes=function, minutes=5, difficulty=1)
EDGE = 0.0

def number_of(value):
    return value * 1.0

@SQUARES.inputs
def draw_squares(draw):
    return {"several": [{"x": draw.data(2)}, {"x": draw.data(3)}], "zero": {"x": EDGE}}

@SQUARES.shown
def shown_squares(given):
    return f"x = {brief(given.x)}"

@SQUARES.aspect("each number", 2, over="several")
class Each(Aspect):
    "Each number is multiplied by itself."
    code = {"pytorch": "X * X", "tensorflow": "tf.square(X)"}

    def run(answer, given, f):
        return answer(number_of(given.x))

    def expect(given):
        return given.x**2

    def mistakes(given):
        return {"This is the double.": 2 * given.x}

@SQUARES.aspect("zero", 1, over="zero", after="each number", hidden=True)
class Zero(Each):
    "Zero stays zero."

    def expect(given):
        return 0.0

@SQUARES.aspect("type", 1, over="zero")
class Kind(Aspect):
    "A number is returned."

    def run(answer, given, f):
        return answer(given.x)

    def judge(given, found):
        if not isinstance(found, float):
            return f"A float is expected; what came is {found!r}."
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file of private questions; returns its only question."""
    monkeypatch.setattr(feedback, "earned", {})
    monkeypatch.setattr(feedback, "_last", {})
    count = itertools.count()

    def write_questions(text: str = SQUARES, old: str = "", new: str = "") -> Question:
        assert old in text
        folder = tmp_path / f"private-{next(count)}"
        path = folder / "squares" / "question.py"
        path.parent.mkdir(parents=True)
        path.write_text(text.replace(old, new, 1) if old else text, "utf8")
        monkeypatch.setenv(library.PRIVATE, str(folder))
        return find_question("squares.each")

    return write_questions


def judged(question, answer, **options):
    """The findings on an answer that needs no framework, by aspect."""
    inputs = question.draw(question.public_seed)
    outputs = run_probe(question, answer, inputs, None)
    verdict = give_verdict(question, inputs, outputs, "pytorch", **options)
    return {finding.aspect: finding for finding in verdict.findings}


def right(x):
    return x * x


def double(x):
    return 2 * x


# -- hints and cases -------------------------------------------------------------------------------


@pytest.mark.frameworks("pytorch")
def test_the_first_hint_says_the_property_and_the_second_how_it_is_written(write):
    write()
    assert 'Check your answer first: check("squares.each", ...).' in str(shown_by_hint())
    wrong = evaluate("squares.each", lambda x: x + 1, "pytorch")
    assert "Hint: Each number is multiplied by itself." in str(wrong)
    assert "X * X" not in str(wrong) and "tf.square" not in str(wrong)
    said = shown_by_hint()
    assert "each number: X * X" in said and "tf.square" not in said
    evaluate("squares.each", right, "pytorch")
    assert "The last check found nothing wrong." in shown_by_hint()


@pytest.mark.frameworks("pytorch")
def test_an_aspect_without_code_has_no_second_hint(write):
    write()
    evaluate("squares.each", lambda x: x * x if np.ndim(x) else "zero", "pytorch")
    assert "There is no further hint." in shown_by_hint()


def shown_by_hint() -> str:
    return str(feedback.next_hint("squares.each"))


@pytest.mark.frameworks("pytorch")
def test_the_hint_is_shown(write, capsys):
    write()
    evaluate("squares.each", double, "pytorch")
    hint("squares.each")
    assert capsys.readouterr().out == "squares.each: hint\n  each number: X * X\n"


@pytest.mark.frameworks("pytorch")
def test_the_case_is_the_first_that_failed_with_what_was_expected_and_found(write):
    write()
    assert 'Check your answer first: check("squares.each", ...).' in str(case("squares.each"))
    evaluate("squares.each", lambda x: x * x if len(np.atleast_1d(x)) != 3 else x, "pytorch")
    failed = case("squares.each")
    assert failed.aspect == "each number" and failed.given.x.shape == (3,)
    np.testing.assert_array_equal(failed.expected, failed.given.x**2)
    np.testing.assert_array_equal(failed.found, failed.given.x)
    evaluate("squares.each", right, "pytorch")
    said = str(case("squares.each"))
    assert said.endswith("The last check found nothing wrong, so there is no failing case.")


@pytest.mark.frameworks("pytorch")
def test_the_case_of_a_property_says_what_is_wrong(write):
    write()
    evaluate("squares.each", lambda x: x * x if np.ndim(x) else 0, "pytorch")
    failed = case("squares.each")
    assert (failed.aspect, failed.expected, failed.found) == ("type", None, 0)
    assert failed.wrong.startswith("A float is expected; what came is 0.")
    shown = repr(failed)
    assert "x = 0.0" in shown and "found: 0" in shown and "wrong: A float is" in shown
    assert "expected: None" not in shown


@pytest.mark.frameworks("pytorch")
def test_the_case_shows_inputs_and_the_parts_of_what_is_expected(write):
    write()
    evaluate("squares.each", double, "pytorch")
    shown = repr(case("squares.each"))
    assert "x = an array of shape (2,)" in shown and "expected: an array" in shown
    assert "2 of 2 values differ" in shown


# -- hidden aspects --------------------------------------------------------------------------------


@pytest.mark.frameworks("pytorch")
def test_a_hidden_aspect_is_judged_only_when_graded(write):
    question = write()

    def wrong_at_zero(x):
        return x * x if np.ndim(x) else 7.0

    assert judged(question, wrong_at_zero)["zero"].points == 0
    assert judged(question, right)["zero"].points == 1
    assert "zero" not in judged(question, wrong_at_zero, graded=False)
    text = str(evaluate("squares.each", wrong_at_zero, "pytorch"))
    assert "squares.each: 3 of 3 points" in text and "Zero stays zero" not in text
    assert "3 of 3 points, and 1 more when graded" in text and question.points == 4
    assert "  · later       1  zero (judged when graded)" in text
    assert "there is no failing case" in str(case("squares.each"))


# -- mistakes, rows that wait, cases ---------------------------------------------------------------


def test_a_known_mistake_has_a_hint_of_its_own(write):
    question = write()
    assert judged(question, double)["each number"].hint == "This is the double."
    other = judged(question, lambda x: x + 1)["each number"]
    assert other.hint == "Each number is multiplied by itself."
    assert "Input: " in other.message and judged(question, right)["each number"].passed


def test_a_row_waits_for_the_one_that_it_comes_after(write):
    question = write()
    found = judged(question, double)
    assert (found["zero"].points, found["zero"].after) == (0, "each number")
    alone = judged(write(SQUARES, ', after="each number"', ""), double)
    assert (alone["zero"].points, alone["zero"].after) == (1, "")


def test_an_exception_costs_only_the_case_in_which_it_is_raised(write):
    def fails_at_zero(x):
        if not np.ndim(x):
            raise ValueError("no zero")
        return x * x

    found = judged(write(), fails_at_zero)
    assert found["each number"].passed and "ValueError: no zero" in found["type"].message


WORDS = SQUARES.replace("import Aspect,", "import Aspect, Unfit, WrongKind,")


def test_what_is_of_another_kind_gets_no_hint_about_something_else(write):
    for raised, shown in (
        ('WrongKind("A dictionary is expected.")', ""),
        ('WrongKind("A dictionary is expected.", "Use braces.")', "Use braces."),
        ('Unfit("Nothing was saved.")', "Each number is multiplied by itself."),
        ('Unfit("Nothing was saved.", "Call save.")', "Call save."),
    ):
        question = write(WORDS, "return answer(number_of(given.x))", f"raise {raised}")
        found = judged(question, right)["each number"]
        assert found.message.startswith(("A dictionary is expected.", "Nothing was saved."))
        assert found.hint == shown
        said = shown_by_hint_after(right)
        assert ("X * X" in said) == raised.startswith("Unfit")


def shown_by_hint_after(answer) -> str:
    feedback.evaluate("squares.each", answer, "pytorch")
    return shown_by_hint()


def test_whatever_can_be_called_is_a_function():
    import math

    class Called:
        def __call__(self, x):
            return x

    for answer in (
        lambda x: x,
        functools.partial(max, 1),
        functools.lru_cache(lambda x: x),
        np.vectorize(lambda x: x),
        np.frompyfunc(lambda x: x, 1, 1),
        operator.itemgetter(0),  # its __call__ is written in C
        math.gcd,
        Called(),
        Called().__call__,
    ):
        kinds.function(answer, None)
    for answer in (None, ..., 5, "text", print, max, Called, int, [len]):
        with pytest.raises(WrongKind, match="A function"):
            kinds.function(answer, None)
        if answer is not Called:
            with pytest.raises(WrongKind, match="A function"):
                kinds.function_of_functions(answer, None)
    kinds.function_of_functions(Called, None)


def test_a_layer_is_no_function(framework):
    f = frameworks.load(framework)
    made = f.dense(np.ones((2, 2)), np.ones(2))
    for answer in (made, f.layer, type(made)):
        for takes in (kinds.function, kinds.function_of_functions):
            with pytest.raises(WrongKind, match="A function is expected"):
                takes(answer, f)


def test_an_aspect_over_several_inputs_runs_each_case_of_each(write):
    question = write(SQUARES, 'over="several"', 'over=("several", "zero")')
    seen = []

    def keeps_what_it_was_given(x):
        seen.append(np.shape(x))
        return x * x if np.ndim(x) else 1.0

    assert not judged(question, keeps_what_it_was_given)["each number"].passed
    assert seen[:3] == [(2,), (3,), ()]
    assert judged(question, right)["each number"].passed


def test_what_is_no_function_is_refused_before_anything_is_run(write):
    found = judged(write(), 5)
    assert {finding.points for finding in found.values()} == {0}
    assert {finding.message for finding in found.values()} == {
        "A function is expected; what came is an object of type int."
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"zero", 1', '"each number", 1', "there is one of this name already"),
        ('after="each number"', 'after="each"', "after='each' is no aspect above it"),
        ("def judge(given, found)", "def other(given, found)", "it needs either expect"),
        ("def run(answer, given, f):\n        return answer(given.x)", "what = ''", "has no run"),
        ("class Kind(Aspect)", "class Kind", "its class derives from Aspect"),
        ('"type", 1, over="zero"', '"type", 1, over="zero", after="zero"', "so this has to be too"),
    ],
)
def test_an_aspect_that_says_too_little_is_refused(write, old, new, message):
    with pytest.raises(ValueError, match=message):
        write(SQUARES, old, new)


# -- versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return given.x**2", "return given.x**3"),
        ("return value * 1.0", "return value * 2.0"),  # what `run` uses
        ("EDGE = 0.0", "EDGE = 1.0"),  # what the inputs use
        ('"zero", 1', '"zero", 2'),
        ('"This is the double."', '"This is twice the number."'),
        ("Each number is multiplied by itself", "Each number times itself"),
        ('f"x = {brief(given.x)}"', 'f"{brief(given.x)}"'),
        ("if not isinstance(found, float)", "if not isinstance(found, int)"),
    ],
)
def test_a_change_of_what_a_question_reaches_is_another_version(write, old, new):
    assert write(SQUARES, old, new).version != write().version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def number_of(value):", "# a comment\ndef number_of(value):"),
        ("EDGE = 0.0", "EDGE = 0.0\nUNUSED = 1\ndef unused(): return UNUSED\n"),
        ("    return value * 1.0", "    return (\n        value * 1.0\n    )"),
    ],
)
def test_what_a_question_does_not_reach_is_the_same_version(write, old, new):
    assert write(SQUARES, old, new).version == write().version


PORTABLE = '''
"""Text."""
def run(answer, given, f):
    """Words."""
    name = f"{given['a']!r:>{given.width}}" + f'{"x"} {answer}' f"{given}"
    return {"k": [name, "don't", b"1", 1e-3, ...], **{n: n for n in (1, 2)}}
'''


def test_the_code_of_a_version_is_the_same_under_every_python():
    """The expected value was computed under 3.11, 3.12 and 3.13."""
    modules = reach.Modules({"question": PORTABLE})
    modules.add("question", "run")
    code = repr(modules.portable_code())
    assert hashlib.sha256(code.encode()).hexdigest()[:12] == "e42cb7675010"


def test_how_every_answer_is_judged_is_part_of_the_version(write, monkeypatch):
    from d2lexercises import reach

    before = write().version
    texts = reach.package_texts()
    for module, old, new in [
        ("comparer", "TOLERANCE = ", "TOLERANCE = 1 + "),
        ("drawing", "high + 1", "high + 2"),
        ("frameworks", "KEYS = ", "KEYS = () + "),
        ("feedback", "TIME_LIMIT = ", "TIME_LIMIT = 1 + "),
        ("reach", "[:12]", "[:12] "),
    ]:
        name = f"d2lexercises.{module}"
        assert old in texts[name]
        changed = texts | {name: texts[name].replace(old, new)}
        monkeypatch.setattr(reach, "package_texts", lambda changed=changed: dict(changed))
        same = module in ("feedback", "reach")
        assert (write().version == before) is same, module


# -- the first edition's names ---------------------------------------------------------------------


def test_every_name_of_the_first_edition_is_that_of_the_package():
    import d2lcompute.checks as old

    assert (old.check, old.score) == (d2lexercises.check, d2lexercises.score)
    assert old.questions("blocks") == d2lexercises.questions("blocks")
    folder = Path(old.__file__).parent
    moved = {"report": "feedback"}
    for path in sorted(folder.glob("[a-z]*.py")):
        module = importlib.import_module(f"d2lcompute.checks.{path.stem}")
        if path.stem in ("networks", "question"):  # they hold what only the first edition had
            continue
        new = importlib.import_module(f"d2lexercises.{moved.get(path.stem, path.stem)}")
        for name in module.__all__:
            named = {"CELL_TIMEOUT": "CELL_SECONDS", "LARGEST": "MOST_BYTES"}.get(name, name)
            where = new if hasattr(new, named) else notebook_files
            assert getattr(module, name) is getattr(where, named), (path.stem, name)


FIRST = """
from d2lcompute.checks.networks import data, need_list, same_arrays
from d2lcompute.checks.question import Aspect, Question, attempt, judge_by, need_function

def inputs(rng):
    return {"x": [data(rng, 2), data(rng, 3)]}

def probe(answer, inputs, framework):
    need_function(answer)
    return {"all": attempt(lambda: [answer(x) for x in inputs["x"]])}

def compare(inputs, found, framework):
    same_arrays(need_list(found, 2, "Outputs"), [x**2 for x in inputs["x"]], "x")

QUESTIONS = (
    Question("squares.each", "Squares", 2, inputs, probe,
             judge_by(Aspect("each", 2, "all", compare, hints={"pytorch": "X * X"})), "3"),
)
"""


def test_a_question_of_the_first_edition_is_judged_as_before(tmp_path, monkeypatch):
    (tmp_path / "squares.py").write_text(FIRST, "utf8")
    monkeypatch.setenv(library.PRIVATE, str(tmp_path))
    question = find_question("squares.each")
    assert (question.version, question.points, question.chapter) == ("3", 2, "squares")
    assert judged(question, right)["each"].passed
    wrong = judged(question, double)["each"]
    assert (wrong.points, wrong.hint) == (0, "X * X") and "Output of call 0" in wrong.message
    assert "function is expected" in judged(question, 5)["each"].message


def test_wrong_kind_of_both_editions_is_one_class():
    from d2lcompute.checks.question import WrongKind as first

    assert first is WrongKind


def test_the_first_edition_compares_an_array_without_axes_with_a_number():
    from d2lcompute.checks.question import same_array

    same_array(np.array(0.5, np.float32), np.float32(0.5), "Bias")
    with pytest.raises(Unfit, match="Bias"):
        same_array(np.array(0.5, np.float32), np.float32(0.25), "Bias")


# -- values that are expected ----------------------------------------------------------------------


def test_integers_may_come_as_a_list_or_as_an_array():
    for found in ([2, 0, 1], np.array([2, 0, 1]), np.array([2, 0, 1], "uint8")):
        compare(found, [2, 0, 1], "Order")
        compare({"rows": [found, []]}, {"rows": [[2, 0, 1], []]}, "Order")
    compare(np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]], "Table")
    compare([np.array([1]), np.array([True, False])], [[1], [True, False]], "Table")
    for found, got in (
        (np.array([2.0, 0.0, 1.0]), "an array of shape (3,)"),
        (np.array([2, 1, 0]), "[2, 1, 0]"),
        (np.array([True, False, True]), "[True, False, True]"),
        (np.zeros(2000, int), "an array of shape (2000,)"),
    ):
        with pytest.raises(Unfit, match=re.escape(f"expected [2, 0, 1], got {got}.")):
            compare(found, [2, 0, 1], "Order")


def test_a_number_may_come_as_an_array_without_axes_and_the_reverse():
    for found in (2.5, np.array(2.5), np.array(2.5, "float32")):
        compare(found, 2.5, "Seconds")
        compare([found], [Number(2.5, " s")], "Seconds")
        compare(found, np.array(2.5), "Seconds")
    for found in (np.array([2.5]), np.array([[2.5]], "float32")):
        compare(found, 2.5, "Seconds")
        compare([found], [Number(2.5, " s")], "Seconds")
    for found in (np.array(3), np.array([3]), np.array([[3]])):
        compare(found, 3, "Count")
        compare(found, Between(2, 4), "Count")
        compare([found, 4], [3, 4], "Counts")
    compare({"done": np.array(True)}, {"done": True}, "Count")
    for found, expected, got in (
        (np.array(2.5), Number(2.5, plain=True), "a tensor or an array without axes"),
        (np.array([2.5]), Number(2.5, plain=True), "an array of shape (1,)"),
        (np.array([2.5, 2.5]), 2.5, "an array of shape (2,)"),
        (np.array("2.5"), 2.5, "a tensor or an array without axes"),
        (np.array(2.4), 2.5, "2.4"),
        (np.array(3.0), 3, "a tensor or an array without axes"),
        (True, 1.0, "True"),
    ):
        with pytest.raises(Unfit, match=re.escape(f"got {got}.")):
            compare(found, expected, "Number")


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        ([1.0, 2.25], [1.0, 2.5], "1 of 2 values differ; at [1] expected 2.5000, got 2.2500."),
        ([3, 4], [3, 9], "1 of 2 values differ; at [1] expected 9, got 4."),
        ([0.25], [0.2500123], "at [0] expected 0.25001, got 0.25000."),
        ([3.4e38], [0.5], "at [0] expected 0.5, got 3.4e+38."),
        (2.25, 2.5, "x: expected 2.5000, got 2.2500."),
    ],
)
def test_numbers_that_differ_are_shown_with_digits_that_tell_them_apart(found, expected, said):
    with pytest.raises(Unfit, match=re.escape(said)):
        compare(np.array(found), np.array(expected), "x", tolerance=1e-6)


def test_truth_values_of_numpy_are_those_of_python(framework):
    f = frameworks.load(framework)
    assert plain([np.bool_(True), {"a": np.False_}], f) == [True, {"a": False}]
    assert type(plain(np.True_, f)) is bool


def test_an_exact_array_is_compared_by_type_and_to_the_last_digit():
    odd = np.array([3, 2**53 + 1])
    compare(odd.copy(), Exact(odd), "x")
    for found, said in [
        (odd.astype(np.float64), "x: expected the type int64, got float64"),
        (odd - [0, 1], f"x: at [1] expected {2**53 + 1}, got {2**53}"),
        (odd[:1], r"x: expected shape (2,), got (1,)"),
        ([3, 2**53 + 1], "an array of shape (2,) is expected"),
    ]:
        with pytest.raises(Unfit, match=re.escape(said)):
            compare(found, Exact(odd), "x")


def test_noise_has_to_look_normally_distributed_and_each_number_drawn_by_itself():
    limits = {"mean": 0.2, "deviation": 0.2, "beyond": (0.01, 0.1)}
    z = np.random.default_rng(0).normal(size=(3, 100))
    need_normal(z, 0.5, **limits)
    uniform = np.random.default_rng(0).uniform(-(3**0.5), 3**0.5, (3, 100))
    for noise, said in [
        (np.where(z > 2, np.nan, z), "not finite"),
        (np.tile(z[:, :10], 10), "10% of them are different"),
        (z + 1, "mean 0 and standard deviation 0.500 are expected, got mean 0.4"),
        (2 * z, "got mean -0.0.* and standard deviation 1.0"),
        (uniform, "of yours 0.0%"),
    ]:
        with pytest.raises(Unfit, match=said):
            need_normal(noise, 0.5, **limits)


# -- helpers that several chapters use -----------------------------------------------------------


def test_a_normalization_has_the_scale_and_the_shift_that_are_given(framework):
    f = frameworks.load(framework)
    scale, shift = np.array([0.5, 2.0, 3.0], np.float32), np.array([1.0, 0.0, -1.0], np.float32)
    found = f.arrays(f.registered(normalization(scale, shift, f)))
    assert [array.tolist() for array in found] == [scale.tolist(), shift.tolist()]
