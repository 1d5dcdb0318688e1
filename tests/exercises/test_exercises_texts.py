"""Answers in words in a notebook: kept, counted apart, and refused where they are no text."""

from __future__ import annotations

import pytest
from d2lexercises import feedback, library, score
from d2lexercises.kinds import LONGEST_TEXT
from d2lexercises.question import give_verdict, run_probe
from d2lexercises.saved import current_score
from d2lexercises.solutions import solution_of

QUESTIONS = """
from d2lexercises.vocabulary import Aspect, free_text, function, question

WHY = free_text("essay.why", "Why blocks?", 4, minutes=10)
TWICE = question("essay.twice", "Twice", takes=function)

@TWICE.inputs
def draw_twice(draw):
    return {"x": draw.number(1, 2)}

class Twice(Aspect):
    "Double it."
    def run(answer, given, f):
        return answer(given.x)
    def expect(given):
        return 2 * given.x

TWICE.aspect("twice", 2)(Twice)
TWICE.aspect("once more", 1, hidden=True)(Twice)
"""


@pytest.fixture
def essay(tmp_path, monkeypatch):
    """The question that is answered in words."""
    (tmp_path / "essay").mkdir()
    (tmp_path / "essay" / "question.py").write_text(QUESTIONS)
    monkeypatch.setenv(library.PRIVATE, str(tmp_path))
    for name, empty in (("earned", {}), ("_last", {}), ("passed", set())):
        monkeypatch.setattr(feedback, name, empty)
    return library.find_question("essay.why")


def test_a_text_is_kept_and_nothing_of_it_is_judged(essay):
    assert (essay.is_text, essay.points, essay.minutes, essay.draw(1)) == (True, 4, 10, {})
    said = feedback.evaluate("essay.why", "Because blocks nest.", "pytorch")
    assert str(said) == (
        "essay.why: kept, 3 words\n  Its 4 points are given by hand, when it is graded."
    )
    assert "kept, 3 words" in said._repr_html_() and "0 of" not in str(said)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("", "Nothing is written yet."),
        (" \n", "Nothing is written yet."),
        (5, "A text is expected, in quotes; what came is an object of type int."),
        ("x" * (LONGEST_TEXT + 1), "at most 20,000 characters is expected; this one has 20,001"),
    ],
)
def test_what_is_no_text_is_refused(essay, answer, message):
    said = str(feedback.evaluate("essay.why", answer, "pytorch"))
    assert message in said and "kept" not in said and "not yet" in said


def test_a_text_opens_no_solution(essay):
    feedback.evaluate("essay.why", "Because.", "pytorch")
    assert "not open yet" in str(solution_of("essay.why"))


def test_the_score_counts_apart_what_is_given_later(essay, capsys):
    feedback.evaluate("essay.why", "Because blocks nest.", "pytorch")
    feedback.evaluate("essay.twice", lambda x: 2 * x, "pytorch")
    found = current_score()
    assert found.total == "2 of 2 points, on the public inputs; 5 more are given when it is graded"
    assert [(name, points) for name, _, points in found.rows] == [
        ("essay.why", "3 words, for 4 points by hand"),
        ("essay.twice", "2 of 2, 1 when graded"),
    ]
    score()
    assert "3 words, for 4 points by hand" in capsys.readouterr().out


def test_another_text_is_another_version_only_of_the_question(essay):
    verdict = give_verdict(essay, {}, run_probe(essay, "Because.", {}, None), "pytorch")
    assert (verdict.to_mark, verdict.words, verdict.passed, verdict.out_of) == (4, 1, False, 0)
    assert essay.version != library.find_question("essay.twice").version
