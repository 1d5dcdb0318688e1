"""What a person decides: deadlines, extensions, whose file it is, marks, and who decided when."""

import contextlib
import csv
import io
import json
import os
import sqlite3
import zipfile
from datetime import datetime

import pytest
from attacks import FULL, honest
from grader.gradebook import schema
from grader.gradebook.database import Gradebook
from grader.gradebook.hand_marks import plain_number
from grader.gradebook.spreadsheets import exported
from grader.intake.roster import Student
from grader.judging.marking import Mark
from grader_tools import QUESTIONS, notebook


@pytest.fixture
def grade(tmp_path, run):
    """Grade an archive of files, a dict of names and cells or bytes."""

    def grade(files, *options):
        file = tmp_path / "in.zip"
        with zipfile.ZipFile(file, "w") as archive:
            for name, cells in files.items():
                content = cells if isinstance(cells, bytes) else notebook(*cells)
                archive.writestr(zipfile.ZipInfo(name, (2027, 3, 2, 9, 0, 0)), content)
        return run("grade", file, "--private", QUESTIONS, "--chapter", "demo", *options)

    return grade


@pytest.fixture
def roster(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text(
        "ID,Name,Email\n101,Ada,ada@x.org\n102,Bo,bo@x.org\n103,Cy,cy@x.org\n104,Di,di@x.org\n"
    )
    return file


def rows(data):
    with Gradebook(data / "gradebook.sqlite") as book:
        return {one.student.id: one for one in book.student_marks("demo", all_of_them=True)}


def table(text):
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


FILES = {
    "ada_101_9001_x.ipynb": honest(),
    "bo_LATE_102_9002_x.ipynb": honest(),
    "cy_103_9003_x.docx": b"a text",
    "unknown.ipynb": honest(),
}


def test_a_class_as_it_is_graded_and_corrected(grade, run, data, roster, tmp_path):
    """One class from its first grading to its deletion, since grading takes time."""
    status, said = grade(FILES, "--roster", roster, "--deadline", "2027-03-01T23:59")
    assert status == 1  # a text needs a person
    assert "no notebook was handed in, but cy_103_9003_x.docx" in said.out
    assert "nothing handed in: Di (104)" in said.out and "Cy (103)" not in said.out
    assert "unknown.ipynb: nobody in the roster matches" in said.out and "assign FILE" in said.out
    assert "deadline: 2027-03-01 23:59 (Monday" in said.out
    found = rows(data)
    assert {one: marks.late for one, marks in found.items()} == {
        "101": False,  # the time is that of the download
        "102": True,
        "103": False,
        "104": False,
        "unknown": False,  # in what a course system exports, no file has a time of its own
    }

    # An extension counts at once, and is taken back.
    assert run("extend", "102", "2027-03-05T12:00")[0] == 0  # the download was in time for it
    assert run("extend", "unknown", "2027-03-02T08:00")[0] == 0
    assert [rows(data)[one].late for one in ("102", "unknown")] == [False, False]
    said = run("extend", "bo@x.org", "2027-03-05T12:00")[1].out
    assert "Bo has until 2027-03-05 12:00 (Friday" in said and "still marked late" not in said
    said = run("extend", "102", "2027-03-02T08:00")[1].out  # before the download
    assert "still marked late: Canvas marked bo_LATE_102_9002_x.ipynb as late and does not" in said
    assert rows(data)["102"].late
    assert run("extend", "Bo", "--remove")[0] == 0 and rows(data)["102"].late
    status, said = run("extend", "Boo", "2027-03-05T12:00")
    assert status == 2 and "near to it: Bo" in said.err

    # The deadline is remembered, and a person's word settles whose file it is.
    status, said = run("assign", "unknwon.ipynb", "Di")
    assert status == 2 and "no file is named 'unknwon.ipynb' in demo; near to it:" in said.err
    assert "unknown.ipynb" in said.err
    status, said = run("export", "demo", "--format", "canvas", "--absent", "0")
    assert status == 2 and "nobody in the roster matches: unknown.ipynb" in said.err
    assert run("assign", "./unknown.ipynb", "Di", "--by", "Prof")[0] == 0
    run("override", "demo", "unknown", "demo.scaled", "4", "--reason", "kept", "--by", "Prof")
    status, said = grade(FILES, "--roster", roster)
    assert "unknown" not in rows(data) and "nobody in the roster" not in said.out
    di = rows(data)["104"]
    assert not di.late and (di.marks["demo.scaled"].points, di.marks["demo.scaled"].by) == (
        4,
        "Prof",
    )

    # Marks for every question of every student, with who and when.
    assert run("override", "demo", "Cy", "scaled", "3", "--reason", "on paper")[0] == 0
    by_hand = run("export", "demo", "--format", "by-hand", "--all")[1].out
    lines = table(by_hand)
    assert len(lines) == 4 * 3
    for line in lines:
        if line["id"] == "103" and line["question"] != "demo.scaled":
            line["points"], line["comment"] = "2,5", "read"
    file = tmp_path / "marks.csv"
    with file.open("w", newline="", encoding="utf-16") as stream:
        writer = csv.DictWriter(stream, list(lines[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(lines)
    status, said = run("marks", "demo", file, "--by", "An assistant")
    assert status == 0 and "entered: 2 marks" in said.out
    cy = rows(data)["103"]
    assert cy.points == 8 and cy.marks["demo.sorted"].by == "An assistant"
    assert cy.marks["demo.sorted"].at[:2] == "20"
    with Gradebook(data / "gradebook.sqlite") as book:
        history = [entry[:4] for entry in book.history("103", "demo")]
    assert ("demo.sorted", 2.5, "read", "An assistant") in history and len(history) == 3
    plain = {line["id"]: line for line in table(run("export", "demo")[1].out)}
    assert "demo.sorted: read (An assistant, " in plain["103"]["overridden"]
    assert grade(FILES, "--roster", roster)[0] == 0  # all are marked by hand
    assert rows(data)["103"].points == 8

    # Deleted by another id under which a student was known.
    status, said = run("delete", "unknown")
    assert status == 0 and "104" not in {line["id"] for line in table(run("export", "demo")[1].out)}
    base = (data / "gradebook.sqlite").read_bytes()
    assert b"unknown" not in base and b"di@x.org" not in base
    kept = {path.parent.name.rpartition("-")[0] for path in data.glob("results/*/*/*.json")}
    assert kept == {"101", "102"}  # there is no record of what cannot be graded


def test_students_without_a_submission_are_exported(grade, run, data, roster):
    grade({"ada_101_9001_x.ipynb": honest()}, "--roster", roster)
    lines = {line["id"]: line for line in table(run("export", "demo")[1].out)}
    assert lines["104"]["points"] == "" and lines["104"]["to look at"] == "nothing handed in"
    canvas = run("export", "demo", "--format", "canvas", "--absent", "0")[1].out
    assert "Di,104,,,,0" in canvas and "Ada,101,,,,30" in canvas
    assert run("override", "demo", "104", "demo.scaled", "5", "--reason", "oral")[0] == 0
    assert rows(data)["104"].marks["demo.scaled"].points == 5
    assert "Di,104,,,,\n" in run("export", "demo", "--format", "canvas", "--absent", "0")[1].out


def test_a_file_of_nobody_needs_a_person(grade, run, data, roster):
    files = {"101.ipynb": honest(), "mystery.ipynb": honest(), "cy.rar": b"Rar!", "notes.md": b"x"}
    status, said = grade(files, "--roster", roster)
    assert status == 1 and "nobody in the roster matches mystery.ipynb: grader assign" in said.out
    found = rows(data)
    assert set(found) == {"101", "102", "103", "104", "mystery"}  # cy.rar is by Cy
    assert found["103"].points is None and "cy.rar" in found["103"].problem
    export = ("export", "demo", "--format", "canvas", "--absent", "0")
    status, said = run(*export)
    assert status == 2 and "mystery.ipynb" in said.err and "grader assign" in said.err
    assert run("assign", "mystery.ipynb", "mystery")[0] == 0  # by nobody of the roster
    assert run("assign", "cy.rar", "104")[0] == 0
    run("override", "demo", "104", "demo.scaled", "1", "--reason", "x")
    status, said = grade(files)
    assert status == 1 and "nobody in the roster" not in said.out
    assert rows(data)["104"].problem and not rows(data)["103"].problem
    assert run(*export)[0] == 0
    status, said = grade({"101.ipynb": honest(), "cy.rar": b"Rar!"})
    assert "mystery.ipynb: assigned by hand to mystery, but there is no such file now" in said.out


@pytest.mark.parametrize(
    ("until", "late"),
    [("2027-03-02", False), ("2027-03-01", True), ("2027-03-02T08:59", True)],
)
def test_a_date_alone_is_the_end_of_that_day(grade, data, until, late):
    _, said = grade({"ann.ipynb": honest()}, "--deadline", until)
    assert rows(data)["ann"].late == late
    assert f"deadline: {until[:10]} {until[11:] or '23:59'} (" in said.out


def test_a_table_that_a_spreadsheet_has_changed_is_entered(data, run, tmp_path):
    with Gradebook(data / "gradebook.sqlite") as book:
        students = [Student("0106", "Test, Two"), Student("201", "Lee, Kim"), Student("202", "Bo")]
        for student in students:
            book.enter(student, "demo", "x", [Mark("demo.a", "v", "A", "answered", 1.0, 4.0)])
    file = tmp_path / "marks.csv"
    head = "id,name,question,out of,points,comment,text id,text\n"
    file.write_text(head + '106,"Test, Two",demo.a,4,3,,,\n2.01E+2,"Lee, Kim",a,4,2,,,\n')
    assert run("marks", "demo", file)[0] == 0
    assert {one: marks.points for one, marks in rows(data).items()} == {
        "0106": 3, "201": 2, "202": 1,
    }  # fmt: skip
    file.write_text(head + "999,Nobody,demo.a,4,3,,,\n202,Bo,demo.b,4,3,,,\n")
    status, said = run("marks", "demo", file)
    assert status == 2 and "row 2: 999, demo.a: there is no such student in demo" in said.err
    assert "row 3: 202, demo.b: there is no such question (demo.a) in demo" in said.err


@pytest.fixture
def marked(data):
    """A gradebook of two students who have a mark of 1 of 4, and who are in the roster."""
    with Gradebook(data / "gradebook.sqlite") as book:
        for student in (Student("7", "Jane Doe"), Student("8", "John Roe")):
            book.enter(student, "demo", "x", [Mark("demo.a", "v", "A", "answered", 1.0, 4.0)])
        book.class_list.set_deadline("demo", datetime(2027, 3, 1, 23, 59).astimezone())
    return data


def enter(run, file, *lines):
    """Enter a table with these lines: id, name, question, out of, points, comment."""
    head = "id,name,question,out of,points,comment,text id,text\n"
    file.write_text(head + "".join(f"{line},,\n" for line in lines), "utf-8")
    return run("marks", "demo", file)


def test_two_rows_for_one_mark_are_refused(marked, run, tmp_path):
    file = tmp_path / "marks.csv"
    for other in ("7,Jane Doe,demo.a,4,3,b", "Jane Doe,,A,4,2,a", "7.0,,a,4,2,a"):
        status, said = enter(run, file, "7,Jane Doe,demo.a,4,2,a", "8,John Roe,demo.a,4,4,", other)
        assert status == 2 and rows(marked)["7"].points == rows(marked)["8"].points == 1
        assert "row 4: " in said.err and "row 2 has points for it too; delete one" in said.err
    assert enter(run, file, "7,Jane Doe,demo.a,4,2,a", "7,Jane Doe,demo.a,4,,")[0] == 0


def test_a_comment_is_kept_or_told(marked, run, tmp_path):
    file = tmp_path / "marks.csv"
    status, said = enter(run, file, "7,Jane Doe,demo.a,4,1,see page 3", "8,John Roe,demo.a,4,,x")
    assert status == 0 and "entered: 1 marks" in said.out
    assert said.err == "row 3: 8, demo.a: the comment is not entered without points\n"
    jane, john = rows(marked)["7"].marks["demo.a"], rows(marked)["8"].marks["demo.a"]
    assert (jane.points, jane.reason, john.points, john.reason) == (1, "see page 3", 1, "")
    (line, _) = table(run("export", "demo", "--format", "by-hand", "--all")[1].out)
    assert (line["points"], line["comment"]) == ("1", "see page 3")
    assert "entered: 0 marks" in enter(run, file, "7,Jane Doe,demo.a,4,1,see page 3")[1].out


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7), ("7.5", 7.5), (" 7,5 ", 7.5), ("07", 7), ("3.", 3), (",5", 0.5), ("-1", -1),
        *((text, None) for text in ("nan", "inf", "1_0", "1e1", "0x1", "1.000,5", "1 0", "7/10")),
        *((text, None) for text in ("٣", "７", "½", "+3", "10%", ".", "")),
    ],
)  # fmt: skip
def test_points_are_digits_with_one_comma_or_point(text, number):
    if number is not None:
        assert plain_number(text) == number
    else:
        with pytest.raises(ValueError, match="not a number"):
            plain_number(text)


def test_what_an_override_did_is_said(marked, run):
    override = ("override", "demo", "7", "a")
    said = "demo: Jane Doe (7), demo.a: "
    assert (
        run(*override, "--remove")[1].out == f"{said}there is no override to remove; it is 1 of 4\n"
    )
    assert run(*override, "3,5", "--reason", "x")[1].out == f"{said}3.5 of 4, 1 before\n"
    assert run(*override, "--remove")[1].out == (
        f"{said}the override is removed; it is 1 of 4, 3.5 before\n"
    )
    with Gradebook(marked / "gradebook.sqlite") as book:
        assert [entry[:3] for entry in book.history("7", "demo")] == [
            ("demo.a", 3.5, "x"),
            ("demo.a", None, "removed"),
        ]


def test_an_extension_to_before_the_deadline_is_told(marked, run):
    status, said = run("extend", "7", "2027-02-01")
    assert status == 0 and "Jane Doe has until 2027-02-01 23:59 (Monday" in said.out
    assert said.err.startswith(
        "this is before the deadline of the others, 2027-03-01 23:59 (Monday"
    )
    assert run("extend", "7", "2027-03-05")[1].err == run("extend", "7", "--remove")[1].err == ""


def test_an_assignment_that_was_not_graded_is_named(marked, run):
    for words in (
        "extend 7 2027-03-05 --assignment Demo", "assign x 7 --assignment Demo", "show Demo",
        "override Demo 7 a 1 --reason x", "export Demo", "stats Demo --to .", "report Demo --to .",
    ):  # fmt: skip
        status, said = run(*words.split())
        assert status == 2
        assert said.err == "error: no assignment 'Demo' was graded; graded assignments: demo\n"


def test_a_group_shares_its_mark(grade, run, data, tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("ID,Name,Group\n1,Ada,A\n2,Bo,A\n3,Cy,B\n")
    _, said = grade({"2.ipynb": honest(), "3.ipynb": honest()}, "--roster", file)
    assert "shares the mark of 2: Ada (1)" in said.out and "nothing handed in" not in said.out
    found = rows(data)
    assert found["1"].points == found["2"].points == sum(FULL.values())
    assert found["1"].handed_in.shared_by == "2"
    run("report", "demo", "--to", tmp_path / "reports")
    (page,) = (tmp_path / "reports").glob("demo-1-*.html")
    assert "The mark of your group." in page.read_text() and "np.sort" in page.read_text()
    run("delete", "1")
    assert set(rows(data)) == {"2", "3"}


# -- gradebooks of earlier versions ------------------------------------------------------------

OLD = """
CREATE TABLE students (
    student TEXT PRIMARY KEY, name TEXT, sis TEXT, login TEXT, email TEXT, section TEXT);
CREATE TABLE submissions (
    student TEXT, assignment TEXT, label TEXT, record TEXT, late INTEGER, unsafe INTEGER,
    problem TEXT, graded_at TEXT, PRIMARY KEY (student, assignment));
CREATE TABLE marks (
    student TEXT, assignment TEXT, question TEXT, points REAL, out_of REAL, status TEXT,
    version TEXT, PRIMARY KEY (student, assignment, question));
CREATE TABLE overrides (
    student TEXT, assignment TEXT, question TEXT, points REAL, reason TEXT, made_at TEXT,
    PRIMARY KEY (student, assignment, question));
INSERT INTO students VALUES ('1', 'Ada', '', '', '', '');
INSERT INTO submissions VALUES ('1', 'demo', 'x', '', 1, 0, '', '2026-01-01');
INSERT INTO marks VALUES ('1', 'demo', 'demo.a', 1.0, 4.0, 'answered', 'v');
INSERT INTO marks VALUES ('1', 'demo', 'demo.t', NULL, 4.0, 'by hand', 'v');
INSERT INTO overrides VALUES ('1', 'demo', 'demo.a', 3.0, 'why', '2026-01-01');
"""
LATER = """
CREATE TABLE texts (
    student TEXT, assignment TEXT, question TEXT, text TEXT,
    PRIMARY KEY (student, assignment, question));
CREATE TABLE hand_marks (
    student TEXT, assignment TEXT, question TEXT, points REAL, comment TEXT, text_id TEXT,
    made_at TEXT, PRIMARY KEY (student, assignment, question));
INSERT INTO texts VALUES ('1', 'demo', 'demo.t', 'words');
INSERT INTO hand_marks VALUES ('1', 'demo', 'demo.t', 2.0, 'good', 'text-ef64f00d2b', '2026-01-01');
"""


@pytest.mark.parametrize("more", ["", LATER])
def test_a_gradebook_of_an_earlier_version_keeps_everything(data, run, more):
    data.mkdir()
    with contextlib.closing(sqlite3.connect(data / "gradebook.sqlite")) as base:
        base.executescript(OLD + more)
        if more:
            from grader.gradebook.hand_marks import text_id

            base.execute("UPDATE hand_marks SET text_id = ?", (text_id("words"),))
            base.commit()
    for _ in range(2):
        marks = rows(data)["1"]
        assert marks.late and marks.student.name == "Ada"
        assert (marks.marks["demo.a"].points, marks.marks["demo.a"].reason) == (3, "why")
        assert marks.marks["demo.t"].points == (2 if more else None)
    assert run("override", "demo", "1", "demo.a", "4", "--reason", "new", "--by", "Prof")[0] == 0
    assert rows(data)["1"].marks["demo.a"].by == "Prof"


def test_a_gradebook_of_a_newer_version_is_left_alone(data, run):
    data.mkdir()
    file = data / "gradebook.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as base:
        base.executescript(OLD + f"PRAGMA user_version = {schema.VERSION + 1};")
    before = file.read_bytes()
    status, said = run("show")
    assert status == 2 and "newer version of the grader: update the grader" in said.err
    assert file.read_bytes() == before


# -- kept, and deleted -------------------------------------------------------------------------


def test_what_belongs_to_another_student_is_not_deleted(data):
    mark = Mark("demo.a", "v", "A", "answered", 1.0, 4.0)
    with Gradebook(data / "gradebook.sqlite") as book:
        # The participant 5021 of Moodle is Ada; the student whose own id is 5021 is Bo.
        ada, bo = Student("0042", "Ada"), Student("5021", "Bo")
        book.class_list.enroll("demo", [ada, bo])
        for student in (ada, bo):
            book.enter(student, "demo", "x", [mark])
        book._base.execute("INSERT INTO known_as VALUES ('0042', '5021')")
        book._base.commit()
        assert book.class_list.ids_of("0042") == ["0042"]
        assert book.class_list.ids_of("5021") == ["5021"]
        book.delete("0042")
        assert [one.student.id for one in book.student_marks("demo")] == ["5021"]


def test_records_hold_no_character_that_steers_a_terminal(tmp_path):
    from grader.gradebook.records import Record, RecordStore

    odd = "\x1b[2J\x07\x7f\x9b31m\u202e\u200b\ud83d 王 é \n\t \U000e0001"
    store = RecordStore(tmp_path)
    record = Record("key", "ann", "demo", odd, "numpy", {}, [odd], notes=[odd])
    store.save(record)
    (file,) = tmp_path.rglob("*.json")
    text = file.read_text("utf-8")
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "王 é" in text and json.loads(text)["notes"] == [odd]
    assert store.load("ann", "demo", "key") == record


def test_a_spreadsheet_runs_no_cell():
    cells = [
        "=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "x;=1+1;", "x,=1",
        "a\tb\t=c", "x\n=1", "x|@a", 'x;"=1"', "x; =1", "\u200b=1", "\x01=1", "a;-1", "\ufeff=1",
    ]  # fmt: skip
    for cell in cells:
        written = exported(cell)
        for separator in ",;\t|\r\n":
            for part in written.split(separator):
                bare = part.strip().lstrip('"\ufeff\u200b\x01')
                assert not bare.startswith(tuple("=+-@＝")), (cell, written)
    for text in ("Müller-Lüdenscheidt", "a=b", "user@example.org", "3 + 4", "", "C++"):
        assert exported(text) == text


def test_an_assignment_has_to_be_named_where_there_are_several(data, run):
    data.mkdir()
    with contextlib.closing(sqlite3.connect(data / "gradebook.sqlite")) as base:
        base.executescript(OLD)
        base.execute("INSERT INTO submissions SELECT student, 'two', label, record, late, unsafe, "
                     "problem, graded_at FROM submissions")  # fmt: skip
        base.commit()
    status, said = run("extend", "1", "2027-03-05T12:00")
    assert status == 2 and "--assignment NAME; graded assignments: demo, two" in said.err
    status, said = run("extend", "1", "2027-03-05T12:00", "--assignment", "demo")
    assert status == 0 and f"{datetime(2027, 3, 5):%Y}" in said.out
    assert os.listdir(data) == ["gradebook.sqlite"]
