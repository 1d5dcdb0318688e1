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
from grader.gradebook.class_list import HandedIn
from grader.gradebook.database import NOTHING, CountedMark, Gradebook, StudentMarks
from grader.gradebook.export import FORMATS, Choices
from grader.gradebook.keeping import remembered_roster
from grader.gradebook.records import Record, RecordStore
from grader.gradebook.statistics import general
from grader.intake.roster import Student, read_roster
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
    said = run("export", "demo", "--format", "moodle")[1]
    headings, *lines = table(said.out)
    assert {"Identifier", "Grade", "Last modified (grade)", "Feedback comments"} <= set(headings)
    assert [line[0] for line in lines] == [
        *("Participant 5022", "Participant 5023", "", "Participant 5021"),
    ]
    assert said.err == (  # the id in the roster may be any number
        "no number of Moodle is known of Di (5024), so the identifier is empty: fill in the "
        "worksheet from Moodle with --worksheet\n"
    )


def test_moodle_gets_its_own_worksheet_back_in_its_language(graded, run, tmp_path):
    graded("moodle", MOODLE, "Teilnehmer/in")
    lines = table(run("export", "demo", "--format", "moodle")[1].out)
    assert lines[1][0] == "Teilnehmer/in5022"
    worksheet = tmp_path / "worksheet.csv"
    headings = ["ID", "Vollständiger Name", "Status", "Bewertung", "Zuletzt geändert (Bewertung)",
                "Feedback als Kommentar"]  # fmt: skip
    names = {5021: "Zoë Müller", 5022: "=1", 5024: "Di", 5099: "Someone Else"}
    rows = [[f"Teilnehmer/in{user}", name, "", "", "-", ""] for user, name in names.items()]
    with worksheet.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([headings, *rows])
    run("override", "demo", "5021", "demo.t", "1.5", "--reason", "good")
    out = tmp_path / "back.csv"
    command = ("export", "demo", "--format", "moodle", "--worksheet", worksheet, "--to", out)
    status, said = run(*command)
    assert status == 0 and said.err == "no row in the worksheet is that of Cy (5023)\n"
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


def marked(student, points=30.0, system="", user="", **further):
    """A student's marks: of a file, or of none if there are no points."""
    status = NOTHING if points is None else "answered"
    marks = {"demo.a": CountedMark(points, 30.0, status)}
    handed_in = HandedIn(system, user, path=further.pop("path", ""))
    label = "" if points is None else "x.ipynb"
    return StudentMarks(student, label, False, False, "", marks, handed_in, **further)


JANE = Student("5022", "Jane Doe", sis="5022", email="j@x")
JOHN = Student("5023", "John Roe", sis="5023", email="r@x")
HEAD = "Identifier,Full name,Email address,Grade,Maximum Grade,Last modified (grade)\n"
# By what is tried: the rows of a worksheet (number, name, email), those who handed in, the grades.
ROWS = {
    "an id that is another's number": (
        ["5022,Al Fa,a@x", "7001,Jane Doe,j@x", "7002,John Roe,r@x"], [marked(JANE)], ",30,",
    ),
    "an id that is another's number, and no other row": (["5022,Al Fa,a@x"], [marked(JANE)], ""),
    "the email, whatever the name's spelling": (
        ["7001,Doe J.,J@X", "7002,J. Doe,k@x"], [marked(JANE)], "30,",
    ),
    "the name": (
        ['7001,"Doe, Jane",', "7002,John Roe,"], [marked(JANE), marked(JOHN, 9.0)], "30,9",
    ),
    "two rows of one name": (["1,Jane Doe,", "2,Jane Doe,"], [marked(JANE)], ","),
    "two students of one name": (
        ["1,Jane Doe,"], [marked(JANE), marked(Student("8", "Jane Doe"), 9.0)], "",
    ),
    "two of one name, of whom one is known": (
        ["1,Jane Doe,j@x", "2,Jane Doe,k@x"],
        [marked(JANE), marked(Student("8", "Jane Doe"), 9.0)], "30,9",
    ),
    "the email of a student of another name": (["1,Al Fa,j@x"], [marked(JANE)], ""),
    "a number from the file's name": (
        ["7001,Jane M. Doe,", "5022,Al Fa,"], [marked(JANE, 30.0, "moodle", "7001")], "30,",
    ),
    "a number of another assignment": (
        ["7001,John Roe,", "9,Jane Doe,"], [marked(JANE, 30.0, "moodle", "7001"), marked(JOHN)],
        "30,30",
    ),
    "a name that only the file has": (
        ["7001,王伟,"],
        [marked(Student("8", "Wang Wei"), 30.0, "moodle", "7001",
                path="王伟_7001_assignsubmission_file/x.ipynb")], "30",
    ),
    "anonymous": (["7001,Participant 7001,"], [marked(JANE, 30.0, "moodle", "7001")], "30"),
    "the roster is such a worksheet": (
        ["5022,Jane Doe,"], [marked(Student("5022", "J", identifier="Participant 5022"))], "",
    ),
    "nobody in the roster": (["7001,Jane Doe,j@x"], [marked(JANE, is_unmatched=True)], ""),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_a_row_of_a_worksheet_is_the_students_or_nobodys(tmp_path, case):
    rows, students, grades = ROWS[case]
    file = tmp_path / "worksheet.csv"
    file.write_text(HEAD + "".join(f"Participant {row},,30.00,-\n" for row in rows), "utf-8")
    found = FORMATS["moodle"]("demo", students, Choices(worksheet=file))
    assert [line[3] for line in table(found.text)[1:]] == grades.split(",")
    missing = len(students) - len(grades.replace(",", " ").split())
    assert len(found.remarks) == missing
    kinds = ("no row in the worksheet is that of Jane Doe", "left out, since nobody in the roster")
    assert all(line.startswith((*kinds, "no row in the worksheet is")) for line in found.remarks)


# By what is tried: the numbers in the roster, in the names of files, and in the export.
NUMBERS = {
    "in files": (["", ""], ["1", "2"], ["1", "2"]),
    "in the roster": (["1", "2"], ["", ""], ["1", "2"]),
    "in both": (["1", "2"], ["1", ""], ["1", "2"]),
    "a roster of another assignment": (["1", "2"], ["11", ""], ["11", ""]),
    "a file that a person gave to another": (["1", "2", "3"], ["1", "3", ""], ["1", "2", "3"]),
    "in none": (["", ""], ["", ""], ["", ""]),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_the_numbers_for_moodle_are_moodles(case):
    listed, named, expected = NUMBERS[case]
    students = [
        marked(
            Student(
                one or f"50{place}", f"S{place}", identifier=f"Teilnehmer/in{one}" if one else ""
            ),
            *(30.0, "moodle" if file else "plain", file),
        )
        for place, (one, file) in enumerate(zip(listed, named, strict=True))
    ]
    found = FORMATS["moodle"]("demo", students)
    prefix = "Teilnehmer/in" if any(listed) else "Participant "
    identifiers = [f"{prefix}{number}" if number else "" for number in expected]
    assert [line[0] for line in table(found.text)[1:]] == identifiers
    assert len(found.remarks) == expected.count("")


@pytest.mark.parametrize(
    ("headings", "maximum", "said"),
    [
        (HEAD, "100.00", ["Moodle's maximum is 100, here 30: set it there to 30"]),
        (HEAD, "100,00", ["Moodle's maximum is 100, here 30: set it there to 30"]),
        (HEAD, "30.00", []),
        (HEAD, "", []),
        ("ID,Name,Mail,Karakter,Høyeste,Endret\n", "12.5",
         ["Moodle's maximum is 12.5, here 30: set it there to 30"]),
    ],
)  # fmt: skip
def test_another_maximum_in_moodle_is_told(tmp_path, headings, maximum, said):
    file = tmp_path / "worksheet.csv"
    file.write_text(f'{headings}Participant 1,Jane Doe,j@x,,"{maximum}",-\n', "utf-8")
    found = FORMATS["moodle"]("demo", [marked(JANE)], Choices(worksheet=file))
    assert found.remarks == said and table(found.text)[1][3] == "30"


# By what is tried: the students, the system of the roster, and the IDs for Canvas.
SEVEN, EIGHT = Student("7", "Jane Doe"), Student("8", "John Roe")
IDS = {
    "numbers in the files, ids of the university": (
        [marked(SEVEN, 30.0, "canvas", "4711"), marked(EIGHT, None)], "", ["4711", ""],
    ),
    "the roster from Canvas": (
        [marked(SEVEN, 30.0, "plain", "jane"), marked(EIGHT, None)], "canvas", ["7", "8"],
    ),
    "the roster from Canvas, and a file that a person gave to another": (
        [marked(SEVEN, 30.0, "canvas", "8"), marked(EIGHT, None)], "canvas", ["7", "8"],
    ),
    "all files have the ids of the roster": (
        [marked(SEVEN, 30.0, "canvas", "7"), marked(EIGHT, None)], "", ["7", "8"],
    ),
    "one id is a number by chance": (
        [marked(SEVEN, 30.0, "canvas", "7"), marked(EIGHT, 9.0, "canvas", "99")], "", ["7", "99"],
    ),
    "a roster with headings like those of Canvas, and ids of the university": (
        [marked(SEVEN, 30.0, "canvas", "101"), marked(EIGHT, 9.0, "canvas", "102")], "canvas",
        ["101", "102"],
    ),
    "no system": ([marked(SEVEN, 30.0, "plain", "jane")], "", [""]),
    "anonymous": ([marked(SEVEN, 30.0, "canvas", "anon_x1")], "", [""]),
    "of the group": (
        [marked(SEVEN, 30.0, "canvas", "4711"), marked(EIGHT)], "", ["4711", ""],
    ),
    "one number for two": (
        [marked(SEVEN, 30.0, "canvas", "99"), marked(EIGHT, 9.0, "canvas", "99")], "", ["", ""],
    ),
    "nobody in the roster": (
        [marked(SEVEN, 30.0, "canvas", "4711", is_unmatched=True)], "", [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IDS)
def test_canvas_gets_its_own_numbers_or_none(case):
    students, system, ids = IDS[case]
    found = FORMATS["canvas"]("demo", students, Choices(roster_of=system))
    assert [line[1] for line in table(found.text)[2:]] == ids
    empty = [line for line in found.remarks if line.startswith("no ID of Canvas is known of J")]
    assert len(empty) == ids.count("")
    assert len(found.remarks) - len(empty) == len(students) - len(ids)


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("Student,ID,SIS User ID,SIS Login ID,Section,B (7)\nJane,7,,,A,\n", "canvas"),
        ("Student,ID,Section,B (7)\nJane,7,A,\n", "canvas"),
        ("Canvas User ID,Name\n7,Jane\n", "canvas"),
        ("ID,Name\n7,Jane\n", ""),
        ("Name,Student ID,Section\nJane,7,A\n", ""),
        ("Identifier,Full name\nParticipant 7,Jane\n", ""),
    ],
)
def test_a_roster_from_canvas_is_known_by_its_headings(tmp_path, text, system):
    file = tmp_path / "class.csv"
    file.write_text(text)
    assert read_roster(file).system == system
    with Gradebook(tmp_path / "gradebook.sqlite") as book:
        book.enter(Student("7", "Jane"), "demo", "x", [])
        book.class_list.enroll("demo", read_roster(file).students, system)
        assert book.class_list.roster_of("demo") == system and not book.class_list.roster_of("x")
    assert remembered_roster(tmp_path / "gradebook.sqlite", "").system == system


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--absent 99", "--absent: must be from 0 to 6, the points that can be earned, got 99"),
        ("--format canvas --absent 6,5", "--absent: must be from 0 to 6"),
        (
            "--format canvas --worksheet w.csv",
            "--worksheet changes nothing with --format canvas",
        ),
        ("--format moodle --all", "it is for --format by-hand"),
        (
            "--assignment x",
            "nothing with --format plain; it is for --format canvas",
        ),
        ("--format by-hand --absent 0", "for --format canvas or --format moodle or --format plain"),
    ],
)
def test_what_changes_nothing_in_an_export_is_refused(graded, run, words, said):
    graded("canvas", CANVAS)
    status, printed = run("export", "demo", *words.split())
    assert status == 2 and printed.out == "" and said in printed.err


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
