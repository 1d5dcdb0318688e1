"""Answers in words: kept with the submission, marked by hand, and never zero in silence."""

import csv
import io
import json

import pytest
from grader_tools import notebook, twice

QUESTIONS = f"""
from d2lexercises.vocabulary import free_text

WHY = free_text("essay.why", "Why blocks?", 4)
{twice("essay.twice")}
"""
TWICE = "check('essay.twice', lambda x: 2 * x)"
TEXT = "=1+1 is no formula.\nBecause <b>blocks</b> hold \N{GREEK SMALL LETTER THETA}."


def answered(text):
    return ["import numpy", f"why = {text!r}\ncheck('essay.why', why)", TWICE]


@pytest.fixture
def grade(tmp_path, run):
    """Grade notebooks, a dict of students' ids and their cells."""
    private = tmp_path / "private" / "essay"
    private.mkdir(parents=True)
    (private / "question.py").write_text(QUESTIONS)

    def grade(files, *options):
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        for student, cells in files.items():
            (folder / f"n{student}_{student}_1_essay.ipynb").write_bytes(notebook(*cells))
        return run("grade", folder, "--private", private.parent, "--chapter", "essay", *options)

    return grade


@pytest.fixture
def table(run):
    """The texts as they are exported: a list of dicts."""

    def table():
        _, printed = run("export", "essay", "--format", "by-hand")
        return list(csv.DictReader(io.StringIO(printed.out)))

    return table


def filled_in(tmp_path, rows, delimiter=",", **cells):
    """A file with what a person filled in."""
    file = tmp_path / "texts.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({**row, **cells} for row in rows)
    return file


def row_of(printed, student):
    return next(line for line in printed.out.split("\n") if line.startswith(student))


def test_a_text_is_kept_and_shown_as_to_be_marked_by_hand(grade, table, tmp_path, run):
    status, printed = grade({"1": answered(TEXT), "2": answered("Short.")})
    assert status == 0  # nothing has failed
    assert row_of(printed, "1").split("  ")[-1] == "? of 6" and "by hand" in row_of(printed, "1")
    assert "to mark by hand: 2 texts" in printed.out and "needs a person" not in printed.out
    (record,) = (tmp_path / "data").glob("results/essay/1-*/*.json")
    assert json.loads(record.read_text())["marks"]["essay.why"]["text"] == TEXT
    first, second = table()
    assert (first["id"], first["question"], first["out of"]) == ("1", "essay.why", "4")
    assert (first["points"], first["text"], second["text"]) == ("", f"'{TEXT}", "Short.")
    plain = run("export", "essay")[1].out
    assert "essay.why: by hand" in plain
    canvas = run("export", "essay", "--format", "canvas")[1].out
    assert [line[-1] for line in canvas.splitlines()[2:]] == [",", ","]  # empty: no zero


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_marks_by_hand_count_and_stay(grade, table, tmp_path, run, delimiter):
    grade({"1": answered(TEXT), "2": answered("Short.")})
    rows = table()
    rows[0]["points"], rows[0]["comment"] = "3,5", "=Good <i>"
    status, printed = run("marks", "essay", filled_in(tmp_path, rows, delimiter))
    assert status == 0 and "entered: 1 marks" in printed.out
    assert "5.5 of 6" in row_of(printed, "1") and "by hand" in row_of(printed, "2")
    assert "to mark by hand: 1 texts" in printed.out
    status, printed = grade({"1": answered(TEXT)}, "--again")
    assert "5.5 of 6" in row_of(printed, "1")
    run("report", "essay", "--to", tmp_path / "reports")
    (page,) = (tmp_path / "reports").glob("essay-1-*.html")
    text = page.read_text()
    assert "3.5 of 4" in text and "=Good &lt;i&gt;" in text and "&lt;b&gt;blocks" in text
    assert table()[0]["points"] == "3.5"


def test_another_text_is_to_be_marked_again(grade, table, tmp_path, run):
    grade({"1": answered(TEXT)})
    file = filled_in(tmp_path, table(), points="4")
    assert run("marks", "essay", file)[0] == 0
    _, printed = grade({"1": answered("Another.")})
    assert "by hand" in row_of(printed, "1") and "? of 6" in row_of(printed, "1")
    status, printed = run("marks", "essay", file)
    assert status == 2 and "row 2: 1, essay.why: another text was handed in since" in printed.err
    _, printed = grade({"1": answered(TEXT)})
    assert "6 of 6" in row_of(printed, "1")  # the first one again: its mark was kept


def test_a_table_without_the_id_of_the_text_is_told_as_such(grade, tmp_path, run):
    grade({"1": answered(TEXT)})
    file = tmp_path / "own.csv"
    file.write_text("ID,Question,Points\n1,essay.why,2\n", "utf8")
    status, printed = run("marks", "essay", file)
    assert status == 2 and "the column “text id” is missing or empty; fill in" in printed.err
    assert "another text" not in printed.err


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"points": "5"}, "points must be between 0 and 4, got 5"),
        ({"points": "-1"}, "points must be between 0 and 4, got -1"),
        ({"points": "four"}, "row 2: points must be a number, got four"),
        ({"points": "1", "id": "7"}, "row 2: 7, essay.why: there is no such student"),
        ({"points": "1", "question": "essay.twice"}, "there is no such text in essay"),
    ],
)
def test_marks_that_cannot_be_are_refused_and_none_is_entered(
    grade, table, tmp_path, run, cells, message
):
    grade({"1": answered(TEXT), "2": answered("Short.")})
    rows = table()
    rows[1]["points"] = "2"
    rows[0] |= cells
    status, printed = run("marks", "essay", filled_in(tmp_path, rows))
    assert status == 2 and message in printed.err and "nothing was entered" in printed.err
    assert [row["points"] for row in table()] == ["", ""]


def test_a_file_that_is_no_such_table_is_refused(grade, tmp_path, run):
    grade({"1": answered(TEXT)})
    file = tmp_path / "x.csv"
    assert "there is no such file" in run("marks", "essay", file)[1].err
    file.write_text("id,question\n1,essay.why\n")
    status, printed = run("marks", "essay", file)
    assert status == 2 and "it lacks the columns points, text id" in printed.err


def test_what_is_no_text_is_left_to_a_person_and_nothing_written_is_said(grade, run):
    cells = {
        "1": ["import numpy", "check('essay.why', 5)", TWICE],
        "2": answered("  \n"),
        "3": [TWICE],
        "4": ["check('essay.why', undefined)", TWICE],
        "5": answered("x" * 30_000),
    }
    _, printed = grade(cells)
    for student in "145":
        assert "by hand" in row_of(printed, student), student
    for student in "23":
        assert "missing: why" in row_of(printed, student)
        assert "2 of 6" in row_of(printed, student)


def test_a_mark_set_by_hand_goes_before_and_everything_can_be_deleted(grade, table, tmp_path, run):
    grade({"1": answered(TEXT)})
    run("marks", "essay", filled_in(tmp_path, table(), points="1"))
    run("override", "essay", "1", "essay.why", "4", "--reason", "read again")
    assert "6* of 6" not in run("show", "essay")[1].out
    assert "6 of 6" in row_of(run("show", "essay")[1], "1")
    assert "4 records" not in run("delete", "1")[1].out
    base = (tmp_path / "data" / "gradebook.sqlite").read_bytes()
    assert b"Because" not in base
