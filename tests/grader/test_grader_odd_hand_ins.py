"""Odd hand-ins, graded as one class: right work has full marks, or a person is told why not."""

import gzip
import io
import zipfile

import pytest
from attacks import FULL, honest
from grader.command_line import main
from grader.gradebook.database import Gradebook
from grader.intake.submissions import collect
from grader_tools import QUESTIONS, notebook
from odd_hand_ins import FOR_A_PERSON, RIGHT, WRONG

pytestmark = pytest.mark.slow


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


ARCHIVES = {  # of one student each; whether it is graded, or what is said of it
    "a copy that Jupyter keeps": ({".ipynb_checkpoints/x-checkpoint.ipynb": RIGHT["plain"]}, ""),
    "nothing": ({}, "a zip archive without a notebook: ask for it again"),
    "what Finder adds": (
        {"__MACOSX/._demo.ipynb": b"x", ".DS_Store": b"x"},
        "a zip archive without a notebook: ask for it again",
    ),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The marks of each odd hand-in, by what is odd about it."""
    folder = tmp_path_factory.mktemp("odd")
    notebooks = {**RIGHT, **{what: one[0] for what, one in (FOR_A_PERSON | WRONG).items()}}
    files = {f"{what}.ipynb": data for what, data in notebooks.items()}
    files |= {f"{what}.zip": zipped(one[0]) for what, one in ARCHIVES.items()}
    (folder / "in.zip").write_bytes(zipped(files))
    known = "\n".join(["ID,Name", *(f'"{what}","{what}"' for what in [*notebooks, *ARCHIVES])])
    (folder / "class.csv").write_text(known, "utf-8")
    command = ["--data", folder / "data", "grade", folder / "in.zip", "--private", QUESTIONS]
    command += ["--roster", folder / "class.csv", "--chapter", "demo", "--jobs", "2"]
    assert main([str(part) for part in command]) == 1
    with Gradebook(folder / "data" / "gradebook.sqlite") as book:
        return {one.student.id: one for one in book.student_marks("demo", all_of_them=True)}


def marks_of(one):
    return {name.removeprefix("demo."): mark for name, mark in one.marks.items()}


@pytest.mark.parametrize("what", RIGHT)
def test_right_answers_earn_everything(graded, what):
    assert {name: mark.points for name, mark in marks_of(graded[what]).items()} == FULL


@pytest.mark.parametrize("what", FOR_A_PERSON)
def test_what_cannot_be_told_needs_a_person(graded, what):
    _, asked, reason = FOR_A_PERSON[what]
    marks = marks_of(graded[what])
    assert {name for name, mark in marks.items() if mark.points is None} == asked
    assert {mark.points for name, mark in marks.items() if name not in asked} <= {10.0}
    said = [graded[what].problem, *(marks[name].said for name in asked)]
    assert any(reason in one for one in said), said


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_loses_its_points_all_the_same(graded, what):
    _, lost = WRONG[what]
    points = {name: mark.points for name, mark in marks_of(graded[what]).items()}
    assert points == {**FULL, **dict.fromkeys(lost, 0.0)}


@pytest.mark.parametrize("what", ARCHIVES)
def test_no_archive_that_was_handed_in_is_forgotten(graded, what):
    _, said = ARCHIVES[what]
    assert not graded[what].absent
    assert said in graded[what].problem and bool(said) == bool(graded[what].problem)


def test_copies_that_jupyter_keeps_count_only_where_there_is_nothing_else(tmp_path):
    for path in ("ann/.ipynb_checkpoints/a-checkpoint.ipynb", "ann/a.ipynb", "cy/y/b.ipynb",
                 "ben/.ipynb_checkpoints/b-checkpoint.ipynb", ".ipynb_checkpoints/x.ipynb",
                 "cy/.ipynb_checkpoints/b-checkpoint.ipynb"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(notebook(*honest()))
    found, refused = collect(tmp_path)
    assert [one.label for one in found] == [
        "ann/a.ipynb", "ben/.ipynb_checkpoints/b-checkpoint.ipynb", "cy/y/b.ipynb"
    ]  # fmt: skip
    assert refused == []


@pytest.mark.parametrize("name", ["demo.py", "demo.html", "demo.pdf", "demo.ipynb.gz"])
def test_other_files_of_a_student_are_not_forgotten(tmp_path, name):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / name).write_bytes(gzip.compress(RIGHT["plain"]))
    _, (refused,) = collect(tmp_path)
    assert refused.submission is not None and "notebook" in refused.reason
