"""Of all that a student handed in, the latest notebook that asks the chapter is graded."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from attacks import FULL, honest
from grader.command_line import main
from grader.gradebook.database import Gradebook
from grader.gradebook.hand_ins import sort_out
from grader.intake import notebooks
from grader.intake.choosing import Candidate, candidates_of, choose
from grader.intake.roster import Roster, Student
from grader.intake.submissions import Submission, collect
from grader.judging.questions import load_questions
from grader_tools import QUESTIONS, notebook

BLOCKS = notebook('check("blocks.count", x)')
TRAINING = notebook('check("training.loop", x)')
BLANK = notebook(
    *(f'def f():\n    ...\ncheck("demo.{name}", f)' for name in ("scaled", "sorted", "columns"))
)
RIGHT = notebook(*honest())
HALF = notebook(
    honest()[0], *(f"def {name}(v):\n    ..." for name in ("in_order", "columns")), *honest()[3:]
)
WRONG = notebook(*(f'check("demo.{name}", abs)' for name in ("scaled", "sorted", "columns")))
MOODLE = "Jane Doe_5021_assignsubmission_file"


def packed(**files):
    """The bytes of a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


# What one student handed in, by path; and what is said of what is not graded.
HANDED_IN = {
    "another chapter, later by its name": (
        {f"{MOODLE}/blocks.ipynb": RIGHT, f"{MOODLE}/training.ipynb": TRAINING},
        ["training.ipynb: a notebook of training; it asks nothing of demo"],
    ),
    "another chapter, in an archive": (
        {f"{MOODLE}/work.zip": packed(**{"a.ipynb": RIGHT, "b.ipynb": BLOCKS})},
        ["b.ipynb: a notebook of blocks"],
    ),
    "the archive as it is handed out": (
        {
            f"{MOODLE}/exercises.zip": packed(
                **{
                    "exercises-pytorch/blocks.ipynb": BLOCKS,
                    "exercises-pytorch/demo.ipynb": RIGHT,
                    "exercises-pytorch/training.ipynb": TRAINING,
                }
            )
        },
        ["blocks.ipynb: a notebook of blocks", "training.ipynb: a notebook of training"],
    ),
    "beside what was handed out": (
        {f"{MOODLE}/a/demo.ipynb": RIGHT, f"{MOODLE}/b/demo.ipynb": BLANK},
        ["b/demo.ipynb: nothing is filled in"],
    ),
    "beside what was handed out, in another order": (
        {f"{MOODLE}/a/demo.ipynb": BLANK, f"{MOODLE}/b/demo.ipynb": RIGHT},
        ["a/demo.ipynb: nothing is filled in"],
    ),
    "one with less filled in, and a name that comes later": (
        {f"{MOODLE}/demo.ipynb": RIGHT, f"{MOODLE}/demo2.ipynb": HALF},
        [f"demo2.ipynb: nothing tells which is later; {MOODLE}/demo.ipynb has more filled in"],
    ),
    "numbers of versions": (
        {f"{MOODLE}/demo_v9.ipynb": WRONG, f"{MOODLE}/demo_v10.ipynb": RIGHT},
        [f"v9.ipynb: nothing tells which is later; {MOODLE}/demo_v10.ipynb counts by its name"],
    ),
    "numbers of folders": (
        {f"{MOODLE}/attempt{n}/demo.ipynb": RIGHT if n == 10 else WRONG for n in (1, 9, 10)},
        [f"attempt{n}/demo.ipynb: nothing tells which is later" for n in (1, 9)],
    ),
    "copies and old versions": (
        {
            f"{MOODLE}/demo{name}.ipynb": WRONG if name else RIGHT
            for name in ("", " - Copy", "_old", ".bak", " Kopie 2")
        },
        [f"{name}.ipynb: nothing tells" for name in (" - Copy", "_old", ".bak", " Kopie 2")],
    ),
    "a second download": (
        {f"{MOODLE}/demo.ipynb": WRONG, f"{MOODLE}/demo (1).ipynb": RIGHT},
        [f"demo.ipynb: nothing tells which is later; {MOODLE}/demo (1).ipynb counts by its name"],
    ),
    "notes beside it": (
        {f"{MOODLE}/demo.ipynb": RIGHT, f"{MOODLE}/notes.ipynb": notebook("x = 1")},
        ["notes.ipynb: no notebook of exercises"],
    ),
    "a damaged one beside it": (
        {f"{MOODLE}/demo.ipynb": RIGHT, f"{MOODLE}/z.ipynb": b'{"cells": ['},
        ["z.ipynb: the file is not JSON"],
    ),
    "several of Canvas": (
        {
            "doejane_5021_900_demo.ipynb": RIGHT,
            "doejane_5021_901_training.ipynb": TRAINING,
            "doejane_5021_899_demo.ipynb": BLANK,
        },
        ["901_training.ipynb: a notebook of training", "899_demo.ipynb: a later submission counts"],
    ),
    "an archive that is named like a notebook": (
        {f"{MOODLE}/demo.ipynb": packed(**{"a/demo.ipynb": RIGHT, "b.ipynb": BLOCKS})},
        ["demo.ipynb/b.ipynb: a notebook of blocks"],
    ),
    "a notebook that is named like an archive": ({f"{MOODLE}/demo.zip": RIGHT}, []),
    "a notebook without its ending": ({f"{MOODLE}/demo": RIGHT}, []),
    "a notebook with another ending": ({f"{MOODLE}/demo.json": RIGHT}, []),
    "zeros at its end": ({f"{MOODLE}/demo.ipynb": b"\n" + RIGHT + bytes(2)}, []),
    "a check in a loop": (
        {
            f"{MOODLE}/a.ipynb": notebook(
                *honest()[:3],
                'for name, one in {"demo.scaled": scaled, "demo.sorted": in_order, '
                '"demo.columns": columns}.items():\n    check(name, one)',
            ),
            f"{MOODLE}/b.ipynb": BLOCKS,
        },
        ["b.ipynb: a notebook of blocks"],
    ),
}


@pytest.fixture
def grade(tmp_path, capsys):
    """Grade files in an archive; the status, what was printed, and the marks by student."""

    def grade(files):
        source, data = tmp_path / "in.zip", tmp_path / "data"
        source.write_bytes(packed(**files))
        options = ["--private", str(QUESTIONS), "--chapter", "demo"]
        status = main(["--data", str(data), "grade", str(source), *options])
        with Gradebook(data / "gradebook.sqlite") as book:
            marks = {
                one.student.id: {
                    name.removeprefix("demo."): mark.points for name, mark in one.marks.items()
                }
                for one in book.student_marks("demo")
            }
        return status, capsys.readouterr().out, marks

    return grade


@pytest.mark.parametrize("what", HANDED_IN)
def test_the_latest_notebook_that_asks_the_checks_is_graded(grade, what):
    files, said = HANDED_IN[what]
    status, printed, marks = grade(files)
    assert (status, marks) == (0, {"5021": FULL})
    for text in said:
        assert text in printed
    assert printed.count("not taken") == len(said)


def test_of_two_worked_ones_the_later_counts(grade):
    other = notebook(*honest()[:2], *honest()[3:5])  # without an answer to the third question
    files = {"doejane_5021_900_demo.ipynb": other, "doejane_5021_901_demo.ipynb": RIGHT}
    assert grade(files)[2] == {"5021": FULL}
    files = {"doejane_5021_900_demo.ipynb": RIGHT, "doejane_5021_901_demo.ipynb": other}
    _, printed, marks = grade(files)
    assert marks == {"5021": {**FULL, "columns": 0.0}}
    assert "900_demo.ipynb: a later submission counts" in printed


@pytest.mark.parametrize(
    ("one", "other", "counts", "said"),
    [
        (HALF, RIGHT, "101.ipynb", "one with the student's id counts"),
        (TRAINING, RIGHT, "Jane Doe.ipynb", "a notebook of training; it asks nothing of demo"),
    ],
)
def test_one_line_says_why_a_file_does_not_count(tmp_path, one, other, counts, said):
    roster = Roster([Student("101", "Jane Doe")])
    names = {"101.ipynb": one, "Jane Doe.ipynb": other}
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    found, refused = collect(tmp_path)
    (entry,) = sort_out(found, refused, roster, {})
    questions = {f"demo.{name}" for name in FULL}
    read = candidates_of(entry.submission)
    choice = choose(read, questions, "demo", {"demo", "training"}, refused)
    assert choice.candidate.submission.label == counts
    (label,) = names.keys() - {counts}
    assert [(one.label, one.reason) for one in refused] == [(label, said)]


def test_only_a_notebook_of_another_chapter_needs_a_person(grade):
    files = {f"{MOODLE}/training.ipynb": TRAINING, "Ann Lee_7_assignsubmission_file/a.ipynb": RIGHT}
    status, printed, marks = grade(files)
    assert status == 1
    assert marks == {"5021": dict.fromkeys(FULL), "7": FULL}
    assert "5021, everything: it is a notebook of training, and asks nothing of demo" in printed


def test_archives_named_like_notebooks_are_opened_once(grade):
    files = {"ann.ipynb": packed(**{"x.ipynb": packed(**{"y.ipynb": RIGHT})})}
    status, printed, marks = grade(files)
    assert (status, marks) == (1, {"ann": dict.fromkeys(FULL)})
    assert "needs a person: ann, everything: " in printed and "to settle: ask for a file" in printed


def test_a_refused_file_is_a_students_without_a_roster_too(grade):
    files = {"ann.ipynb": RIGHT, "ben.zip": b"PK\3\4broken", "cy.rar": b"Rar!", "di.pages": b"x",
             "eve.ipynb": RIGHT[:-40], "class.csv": b"x"}  # fmt: skip
    status, printed, marks = grade(files)
    unknown = dict.fromkeys(("ben", "cy", "di", "eve"), dict.fromkeys(FULL))
    assert (status, marks) == (1, {"ann": FULL, **unknown})
    assert "cy.rar: an archive that is not zip: unpack it" in printed
    assert "it is cut off, so save it again" in printed


def test_a_blank_notebook_alone_is_graded(grade):
    status, _, marks = grade({f"{MOODLE}/demo.ipynb": BLANK})
    assert (status, marks) == (0, {"5021": dict.fromkeys(FULL, 0.0)})


@pytest.mark.parametrize("written", [True, False])
def test_an_answer_whose_check_is_deleted_needs_a_person(grade, monkeypatch, written):
    blank = notebook('def columns(v):\n    ...\ncheck("demo.columns", columns)')
    monkeypatch.setattr(notebooks, "handed_out", lambda chapter: iter([blank]))
    cells = honest() if written else [*honest()[:2], "def columns(v):\n    ...", *honest()[3:]]
    files = {f"{MOODLE}/a.ipynb": notebook(*cells[:-1])}
    status, printed, marks = grade(files)
    assert (status, marks) == (int(written), {"5021": {**FULL, "columns": None if written else 0}})
    assert ("The notebook defines columns, and no check of this question" in printed) == written


def test_metadata_tell_what_a_notebook_without_checks_is_about(grade):
    metadata = {"d2lcompute": {"exercises": "training", "framework": "pytorch"}}
    other = json.loads(notebook("x = 1"))
    other["metadata"] = metadata
    files = {f"{MOODLE}/a.ipynb": json.dumps(other).encode(), f"{MOODLE}/b.ipynb": RIGHT}
    status, printed, marks = grade(files)
    assert (status, marks) == (0, {"5021": FULL})
    assert "a.ipynb: a notebook of training" in printed


HANDED_OUT = sorted((Path(__file__).parents[2] / "exercises/notebooks").glob("*/*.ipynb"))


@pytest.mark.parametrize("file", HANDED_OUT, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_one_answer_is_more_than_the_notebook_that_was_handed_out(file):
    blank = json.loads(file.read_text("utf-8"))
    code = [n for n, cell in enumerate(blank["cells"]) if cell["cell_type"] == "code"]
    asking = [n for n in code if "check(" in "".join(blank["cells"][n]["source"])]
    for number in asking:  # each question in turn: changed in the cell above its check
        place = code[code.index(number) - 1]
        cells = [dict(cell) for cell in blank["cells"]]
        cells[place]["source"] = ["answer = 7"]
        worked = json.dumps({**blank, "cells": cells}).encode()
        files = [("later.ipynb", file.read_bytes()), ("earlier.ipynb", worked)]
        candidates = [
            Candidate(Submission("plain", "a", "a", False, (0, 0.0, ""), label, bytes),
                      notebooks.read_notebook(data))
            for label, data in files
        ]  # fmt: skip
        questions = load_questions(file.stem)
        refused = []
        choice = choose(candidates, questions, file.stem, {file.stem}, refused)
        assert choice.candidate.submission.label == "earlier.ipynb"
        assert [one.reason for one in refused] == ["nothing is filled in; earlier.ipynb counts"]
