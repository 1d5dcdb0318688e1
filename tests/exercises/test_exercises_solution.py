"""`solution` opens when a check has passed, or from a date, with what was handed out."""

from __future__ import annotations

import ast
from datetime import date

import nbformat
import pytest
from d2lexercises import feedback, handed_out, handing_out, library, solutions
from d2lexercises.question import Finding, Verdict
from d2lexercises.solutions import Solution, pack, solution_of, unpack
from editions.command_line import main
from editions.exercises.handouts import write_student_notebooks
from exercise_answers import CHAPTERS, ROOT, exercise_file

NAME = "blocks.sequential"


@pytest.fixture(autouse=True)
def session(monkeypatch):
    """A session in which nothing was checked."""
    monkeypatch.delenv(library.PRIVATE, raising=False)
    for name, empty in (("earned", {}), ("_last", {}), ("passed", set())):
        monkeypatch.setattr(feedback, name, empty)
    monkeypatch.setattr(handing_out, "private", set())
    monkeypatch.setattr(handing_out, "solutions_from", [])


def test_it_is_closed_until_a_check_has_passed(monkeypatch):
    closed = str(solution_of(NAME))
    assert f"{NAME}: not open yet" in closed and f'when check("{NAME}", ...) has passed' in closed
    assert "class MySequential" not in closed
    right = Verdict(NAME, (Finding("a", 1, 1, ""),))
    wrong = Verdict(NAME, (Finding("a", 0, 1, "no"),))
    for verdict, opened in ((wrong, False), (right, True), (wrong, True)):  # it stays open
        monkeypatch.setattr(feedback, "judge_here", lambda *_, verdict=verdict: verdict)
        monkeypatch.setitem(
            feedback._last, NAME, feedback.Session(feedback.find_question(NAME), {}, {}, "pytorch")
        )
        feedback.evaluate(NAME, object, "pytorch")
        assert isinstance(solution_of(NAME), Solution) is opened
    shown = solution_of(NAME)
    assert "class MySequential(nn.Module)" in str(shown) and "keras" not in str(shown)
    assert "```python" in shown._repr_markdown_()


def test_it_opens_on_the_day_that_was_set(monkeypatch):
    monkeypatch.setattr(solutions.frameworks, "detect", lambda answer: None)
    handed_out(solutions_from="2026-12-24")
    before = solution_of(NAME, date(2026, 12, 23))
    assert "or on 24 December 2026." in str(before)
    after = solution_of(NAME, date(2026, 12, 24))
    assert "class MySequential(nn.Module)" in str(after) and "keras" in str(after)


def test_a_date_that_is_none_is_refused():
    with pytest.raises(ValueError, match="2026-12-24, got 'Christmas'"):
        handed_out(solutions_from="Christmas")


def test_an_unknown_question_has_none():
    assert 'There is no question "blocks.sequentia"' in str(solution_of("blocks.sequentia"))


def test_a_question_of_the_instructor_has_the_solution_that_was_handed_out(tmp_path, monkeypatch):
    handed_out(private=[NAME, "mine.one"], solutions_from="2026-01-01")
    for name in (NAME, "mine.one"):  # the first is ours too: another question, so no solution
        assert "ask your instructor" in str(solution_of(name))
    monkeypatch.setenv(library.PRIVATE, str(tmp_path))
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / solutions.FILE
    file.write_text(pack({"mine.one": {"pytorch": "As you like it.\n\n```python\nx\n```"}}))
    assert "As you like it." in str(solution_of("mine.one"))
    file.write_text("damaged")
    assert "ask your instructor" in str(solution_of("mine.one"))


def test_solutions_are_packed_so_that_nobody_reads_them_by_accident():
    worked = {"a.b": {"pytorch": "secret_of_one ü " * 20}}
    text = pack(worked)
    assert "secret" not in text and text.isascii() and max(map(len, text.split("\n"))) <= 76
    assert unpack(text) == worked


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_public_question_has_its_solution(chapter, framework):
    found = unpack((library.CHAPTERS / chapter / solutions.FILE).read_text())
    from d2lexercises import questions

    assert set(found) == set(questions(chapter))
    code = "\n".join(
        cell.source
        for cell in exercise_file(chapter).edition(framework)
        if "solution" in cell.tags and cell.kind == "code"
    )
    shown = "\n".join(found[name][framework] for name in found)
    assert all(line in shown for line in code.split("\n"))


def test_the_date_is_in_the_notebooks_that_are_handed_out(project):
    write_student_notebooks(project)
    kept = (project.root / "exercises/notebooks/pytorch/small.ipynb").read_bytes()
    assert b"handed_out" not in kept
    write_student_notebooks(project, solutions_from=date(2026, 12, 24))
    assert (project.root / "exercises/notebooks/pytorch/small.ipynb").read_bytes() == kept
    for framework in ("pytorch", "tensorflow"):
        path = project.root / f"_build/exercises/notebooks/{framework}/small.ipynb"
        cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        (said,) = [source for source in cells if "handed_out" in source]
        assert said == (
            'from d2lexercises import handed_out\n\nhanded_out(solutions_from="2026-12-24")'
        )
        ast.parse(said)
        assert cells.index(said) < min(n for n, one in enumerate(cells) if "check(" in one)


def test_the_command_takes_a_date(capsys):
    with pytest.raises(SystemExit):
        main(["exercises", "--solutions-from", "Christmas", "--project", str(ROOT)])
    assert "must look like 2026-12-24, got Christmas" in capsys.readouterr().err
