"""What goes back to the course systems: columns, headings, file names; and what a class did."""

import csv
import io
import os
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from grader.gradebook import likeness
from grader.gradebook.database import Gradebook
from grader.gradebook.records import Record, RecordStore
from grader.gradebook.statistics import general
from grader.intake.roster import Student
from grader.intake.submissions import Submission
from grader.judging.expectations import expectations_of
from grader.judging.marking import BY_HAND, Mark
from grader.judging.questions import load_questions

ROOT = Path(__file__).parents[2]
CODE = """
class Chain(Base):
    def __init__(self, *parts):
        super().__init__()
        for number, part in enumerate(parts):
            self.add(str(number), part)

    def forward(self, inputs):
        for part in self.parts():
            inputs = part(inputs) if callable(part) else inputs
        return [inputs * 2 + 1 for _ in range(3)]
"""
COPIED = "# mine\n" + CODE.replace("part", "piece").replace("Chain", "MyNet").replace(" * ", "*")
OTHER = "import numpy as np\n" + "".join(
    f"def f{number}(a):\n    return {'a + 1' if number % 2 else 'np.dot(a, a[0])'} / {number}\n\n"
    for number in range(9)
)


def finding(passed, message=""):
    points = 4.0 if passed else 0.0
    return {
        "aspect": "the output",
        "points": points,
        "out_of": 4.0,
        "message": message,
        "hint": "h",
    }


@pytest.fixture
def graded(tmp_path):
    """A gradebook of four students, from a course system."""

    def graded(system, paths, identifier="", name="Müller, Zoë"):
        data = tmp_path / "data"
        data.mkdir()
        store = RecordStore(data / "results")
        cells = {"5021": [CODE], "5022": [COPIED], "5023": [OTHER]}
        with Gradebook(data / "gradebook.sqlite") as book:
            names = {"5021": name, "5022": "=1+1", "5023": "Cy", "5024": "Di"}
            students = [
                Student(user, names[user], identifier=f"{identifier}{user}" if identifier else "")
                for user in names
            ]
            book.class_list.enroll("demo", students)
            book.class_list.set_deadline("demo", datetime(2027, 3, 1, 12).astimezone())
            for student, path in zip(students, paths, strict=False):
                time = datetime(2027, 2, 28, int(student.id[-1])).astimezone()
                file = Submission(
                    system, student.id, student.name, False, (0, 0.0, ""), path, bytes, path, time
                )
                passed = student.id != "5022"
                message = f"Output: expected shape (2, {student.id}), got 3.\nInput: secret 5"
                marks = [
                    Mark("demo.a", "v", "Title", "answered", 4.0 if passed else 0.0, 4.0,
                         findings=[finding(passed, "" if passed else message)]),
                    Mark("demo.t", "v", "Text", BY_HAND, None, 2.0, text="my <b>words</b>"),
                ]  # fmt: skip
                record = Record(
                    *(f"key{student.id}", student.id, "demo", path, "numpy", {}),
                    cells[student.id],
                    {one.question: one for one in marks},
                )
                store.save(record)
                book.enter(student, "demo", path, marks, record=record.key, file=file,
                           written="# My *notes*")  # fmt: skip
            book.class_list.put_expectations(
                "demo", "numpy", {("demo.a", "the output"): "Output: an array of shape (2, 3)."}
            )
            book._base.commit()
        return data

    return graded


MOODLE = [f"{name}_{user}_assignsubmission_file/x.ipynb"
          for name, user in (("Zoë", 5021), ("=1", 5022), ("Cy", 5023))]  # fmt: skip
CANVAS = ["zoe_5021_91_my-blocks-1.ipynb", "x_LATE_5022_92_b.ipynb", "cy_5023_93_c_1_2.ipynb"]


def table(text):
    return list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))


# -- marks -------------------------------------------------------------------------------------


def test_moodle_gets_the_columns_that_its_importer_requires(graded, run):
    graded("moodle", MOODLE)
    headings, *lines = table(run("export", "demo", "--format", "moodle")[1].out)
    assert {"Identifier", "Grade", "Last modified (grade)", "Feedback comments"} <= set(headings)
    assert [line[0] for line in lines] == [
        f"Participant {user}" for user in (5022, 5023, 5024, 5021)
    ]


def test_moodle_gets_its_own_worksheet_back_in_its_language(graded, run, tmp_path):
    graded("moodle", MOODLE, "Teilnehmer/in")
    lines = table(run("export", "demo", "--format", "moodle")[1].out)
    assert lines[1][0] == "Teilnehmer/in5022"
    worksheet = tmp_path / "worksheet.csv"
    headings = ["ID", "Vollständiger Name", "Status", "Bewertung", "Zuletzt geändert (Bewertung)",
                "Feedback als Kommentar"]  # fmt: skip
    rows = [[f"Teilnehmer/in{user}", "x", "", "", "-", ""] for user in (5021, 5022, 5024, 5099)]
    with worksheet.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([headings, *rows])
    run("override", "demo", "5021", "demo.t", "1.5", "--reason", "good")
    out = tmp_path / "back.csv"
    command = ("export", "demo", "--format", "moodle", "--worksheet", worksheet, "--to", out)
    assert run(*command)[0] == 0
    data = out.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and b"\r\n" in data
    found, *lines = table(data.decode("utf-8-sig"))
    assert found == headings and [line[0] for line in lines] == [row[0] for row in rows]
    assert [line[3] for line in lines] == ["5.5", "", "", ""]
    assert lines[0][5] == "demo.a: 4 of 4; demo.t: 1.5 of 2"
    bad = tmp_path / "bad.csv"
    bad.write_text("ID,Name\n1,A\n")
    status, said = run("export", "demo", "--format", "moodle", "--worksheet", bad)
    assert status == 2 and "not a grading worksheet of Moodle" in said.err


def test_canvas_gets_the_heading_of_its_assignment(graded, run):
    graded("canvas", CANVAS)
    command = ("export", "demo", "--format", "canvas")
    headings, points, *lines = table(run(*command, "--assignment", "Blocks (4711)")[1].out)
    assert headings == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Blocks (4711)"]
    assert points[0] == "    Points Possible" and points[-1] == "6"
    assert [line[0] for line in lines] == ["'=1+1", "Cy", "Di", "Müller, Zoë"]
    assert table(run(*command)[1].out)[0][-1] == "demo"


@pytest.mark.parametrize(("name", "mark"), [("Müller, Zoë", True), ("Miller", False)])
def test_a_file_has_the_mark_that_excel_needs(graded, run, tmp_path, name, mark):
    data = graded("canvas", CANVAS, name=name)
    for form in ("plain", "canvas", "moodle", "by-hand"):
        out = tmp_path / f"{form}.csv"
        command = [
            sys.executable,
            "-m",
            "grader",
            "--data",
            data,
            "export",
            "demo",
            "--format",
            form,
        ]
        with out.open("wb") as stream:  # as the shell does for `>`
            environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'exercises'}"}
            subprocess.run(command, stdout=stream, check=True, env=environment)
        assert out.read_bytes().startswith(b"\xef\xbb\xbf") == mark
        assert run("export", "demo", "--format", form)[1].out[0] != "\ufeff"  # for people and pipes
        if form == "by-hand":
            break


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_terminal_lacks_stops_no_command(graded, tmp_path, encoding):
    data = graded("canvas", CANVAS, name="Müller, 王伟")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'exercises'}",
        "PYTHONIOENCODING": encoding,
    }
    command = [sys.executable, "-m", "grader", "--data", data]
    shown = subprocess.run([*command, "show"], capture_output=True, check=True, env=environment)
    name = "M?ller, ??" if encoding == "ascii" else "Müller, ??"
    assert name in shown.stdout.decode(encoding)
    file = tmp_path / "marks.csv"
    with file.open("wb") as stream:
        subprocess.run([*command, "export", "demo"], stdout=stream, check=True, env=environment)
    assert "Müller, 王伟" in file.read_text("utf-8-sig")


# -- reports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "paths", "expected"),
    [
        (
            "canvas",
            CANVAS,
            [path.replace(".ipynb", ".html") for path in CANVAS],
        ),
        (
            "moodle",
            MOODLE,
            [f"{path.partition('_')[0]}_{user}_assignfeedback_file/demo.html"
             for path, user in zip(MOODLE, (5021, 5022, 5023), strict=True)],
        ),
    ],
)  # fmt: skip
def test_reports_have_the_names_that_the_system_takes_back(
    graded, run, tmp_path, system, paths, expected
):
    graded(system, paths)
    status, _ = run("report", "demo", "--to", tmp_path / "reports", "--format", system)
    assert status == 0
    with zipfile.ZipFile(tmp_path / "reports" / f"demo-{system}.zip") as archive:
        assert sorted(archive.namelist()) == sorted(expected)
        page = archive.read(expected[1]).decode()
    assert "Expected, with the inputs of the check: Output: an array of shape (2, 3)." in page
    assert "secret" not in page and "5022)" not in page
    assert "my &lt;b&gt;words" in page and "# My *notes*" in page
    other = "moodle" if system == "canvas" else "canvas"
    _, said = run("report", "demo", "--to", tmp_path / "reports", "--format", other)
    assert said.err.count("no report, since the file is not from") == 3


@pytest.mark.chapters("blocks")
def test_what_is_expected_is_said_with_public_inputs_alone():
    questions = load_questions("blocks", None)
    found = expectations_of(questions["blocks.sequential"], "pytorch")
    assert found["output of a chain"].startswith("Output: an array of shape (")
    assert not any("Input" in text or "nothing at all" in text for text in found.values())


def test_a_count_alone_says_nothing_of_what_is_expected():
    from d2lexercises.vocabulary import Aspect, function, question

    two = question("demo.two", "Two", takes=function)
    two.inputs(lambda draw: {"x": draw.data(3)})
    words = {"run": lambda answer, given, f: answer(given.x), "expect": lambda given: [given.x] * 2}
    two.aspect("the values", 1)(type("Values", (Aspect,), words))
    assert expectations_of(two, "pytorch") == {}


# -- what the class did ------------------------------------------------------------------------


def test_statistics_of_a_class(graded, run, tmp_path):
    graded("moodle", MOODLE)
    status, _ = run("stats", "demo", "--to", tmp_path / "stats")
    assert status == 0
    page = (tmp_path / "stats" / "statistics.html").read_text()
    assert page.count("<img ") == 2 and "<script" not in page and "no verdict" in page
    assert "3 submissions; 1 of the roster handed in nothing" in page
    assert "a person has to give marks: 3" in page  # their texts are not read yet
    for student in ("5021", "5022", "5023"):
        run("override", "demo", student, "demo.t", "1", "--reason", "read")
    run("stats", "demo", "--to", tmp_path / "read")
    assert (tmp_path / "read" / "statistics.html").read_text().count("<img ") == 3

    def rows(name):
        return table((tmp_path / "stats" / name).read_text("utf-8-sig"))

    assert rows("questions.csv")[1] == ["demo.a", "Title", "4", "3", "0.667", "0.667", "0"]
    assert rows("aspects.csv")[1] == ["demo.a", "the output", "3", "2", "0.667"]
    assert rows("messages.csv")[1] == [
        *("1", "demo.a", "the output", "Output: expected shape (…, …), got …."),
    ]
    assert [line[1] for line in rows("times.csv")[1:]] == ["5021", "5022", "5023"]
    (pair,) = rows("alike.csv")[1:]
    assert pair[0] == "5021" and pair[2] == "5022" and pair[4] == "1.000" and pair[3] == "'=1+1"
    assert run("stats", "nothing", "--to", tmp_path / "stats")[0] == 2


def test_what_was_handed_out_or_most_have_makes_nobody_alike():
    codes = {"a": [CODE], "b": [COPIED], "c": [OTHER]}
    assert [(one.one, one.other) for one in likeness.alike(codes)] == [("a", "b")]
    assert likeness.alike(codes, [CODE]) == []
    many = codes | {name: [CODE] for name in "defg"}
    assert likeness.alike(many) == []
    broken = {"a": ["def (:\n" * 50], "b": ["'''"], "c": ["\x00\ud83d" * 50], "d": [""]}
    assert likeness.alike(broken) == []


def test_messages_are_counted_without_their_numbers():
    one = general("Output: 3 of 6 values differ; at [0, 1] expected 1.2e-05, got -0.5.\nInput: 7")
    other = general("Output: 6 of 9 values differ; at [2, 0] expected 0.25, got 3.\nInput: x")
    assert one == other and "7" not in one
