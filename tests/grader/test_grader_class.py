"""A whole class: graded, interrupted, resumed, graded again, corrected by hand, deleted."""

import contextlib
import dataclasses
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import attacks
import pytest
from attacks import FULL, OTHERS, answering, attacking, honest
from grader import class_grading
from grader.command_line import main
from grader.gradebook import records as records_module
from grader.gradebook.database import Gradebook, GradebookError
from grader.intake.roster import Student
from grader.intake.submissions import Submission
from grader.judging import marking, secret, session
from grader.sandbox import bubblewrap
from grader_tools import QUESTIONS, SMALL, notebook, twice

ROOT = Path(__file__).parents[2]
UNKNOWN = dict.fromkeys(FULL)  # of a notebook in which no check runs: a person gives them
WRONG = [cell.replace("* factor", "+ factor") for cell in honest()]
KINDS = [  # cells, and the marks that they earn
    (honest(), FULL),
    ([], UNKNOWN),
    (WRONG, OTHERS),
    (answering(attacks.EXIT), OTHERS),
    (attacking(attacks.KILL_ALL), OTHERS),
    (answering(attacks.FORKS), FULL),  # bounded; within the usual limits, like the next
    (answering(attacks.FLOOD_REPLIES, attacks.SOCKETS), FULL),
    (attacking(attacks.PREWRITTEN), OTHERS),
    (answering("import ctypes\nctypes.string_at(0)"), OTHERS),
    (attacking(attacks.PATCHES, "pass"), None),
]


def hand_in(folder, number):
    """Write a class: every other submission is honest, the rest of all kinds. Marks by student."""
    folder.mkdir()
    expected = {}
    draw = random.Random(number)
    for student in range(number):
        kind = 0 if student % 2 else draw.randrange(len(KINDS))
        cells, marks = KINDS[kind]
        name = f"name{student:03}_{1000 + student}_{5000 + student}_demo.ipynb"
        (folder / name).write_bytes(notebook(f"# {student}", *cells))
        expected[str(1000 + student)] = marks
    return expected


@pytest.fixture
def grade(tmp_path, run):
    """Grade `files`, a dict of names and cells or bytes."""

    def grade(files, *options):
        folder = tmp_path / "in"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, cells in files.items():
            content = cells if isinstance(cells, bytes) else notebook(*cells)
            (folder / name).write_bytes(content)
        return run("grade", folder, "--private", QUESTIONS, "--chapter", "demo", *options)

    return grade


def marks_in(data, assignment="demo"):
    """Points by question and student."""
    with Gradebook(data / "gradebook.sqlite") as book:
        return {
            row.student.id: {
                name.removeprefix("demo."): one.points for name, one in row.marks.items()
            }
            for row in book.student_marks(assignment)
        }


def records(data):
    """When each record was written, by file."""
    return {path: path.stat().st_mtime_ns for path in data.glob("results/*/*/*.json")}


# -- interrupted and resumed -------------------------------------------------------------------


def _start(folder, data):
    command = [sys.executable, "-m", "grader", "--data", str(data), "grade", str(folder)]
    command += ["--private", str(QUESTIONS), "--jobs", "2", "--answer-seconds", "3"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _interrupt(process, data, number, how):
    until = time.monotonic() + 60 + number
    while len(records(data)) < number and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    process.communicate(timeout=30)


def _processes_of(data):
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if str(data).encode() in (folder / "cmdline").read_bytes():
                    found.append(folder.name)
            except OSError:
                pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, pytest.param(300, marks=pytest.mark.full)])
def test_a_class_interrupted_and_resumed(size, tmp_path, data):
    expected = hand_in(tmp_path / "in", size)
    seen = {}
    for number, how in ((size // 3, signal.SIGINT), (size // 2, signal.SIGKILL)):
        process = _start(tmp_path / "in", data)
        _interrupt(process, data, number, how)
        assert len(records(data)) >= number
        assert all(records(data)[path] == when for path, when in seen.items())
        seen = records(data)
    assert len(seen) < size
    process = _start(tmp_path / "in", data)
    said, problems = process.communicate(timeout=100 + 2 * size)
    assert process.returncode == (UNKNOWN in expected.values()), problems
    assert f"demo: {size} submissions" in said
    found = marks_in(data)
    for student, marks in expected.items():
        if marks is None:
            assert found[student]["scaled"] == 0
        else:
            assert found[student] == marks
    again = records(data)
    assert len(again) == size  # nothing twice, nothing lost
    assert all(again[path] == when for path, when in seen.items())
    assert not _processes_of(data)
    process = _start(tmp_path / "in", data)
    process.communicate(timeout=100)
    assert records(data) == again and marks_in(data) == found


def test_stopping_keeps_nothing_that_is_not_known(ground):
    import threading

    from grader.judging import session

    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    config = ground.config()
    began = time.monotonic()
    with pytest.raises(session.Stopped):
        session.collect_answers(
            answering("while True: pass"), ["demo.scaled"], "numpy",
            lambda name, _: ground.demo[name].draw(1), ground.starter(config),
            dataclasses.replace(SMALL, answer_seconds=30.0), stop=stop,
        )  # fmt: skip
    assert time.monotonic() - began < 5


# -- again -------------------------------------------------------------------------------------


def test_again_only_what_is_new(data, grade):
    grade({"ann.ipynb": honest(), "ben.ipynb": WRONG})
    before = records(data)
    grade({"ann.ipynb": honest(), "ben.ipynb": honest()})
    assert marks_in(data) == {"ann": FULL, "ben": FULL}
    after = records(data)
    assert len(after) == 3 and before.items() < after.items()
    grade({"ann.ipynb": honest(), "ben.ipynb": honest()}, "--again")
    assert sum(after[path] == when for path, when in records(data).items()) == 1


def test_a_mended_check_regrades_only_that_check(tmp_path, data, run):
    private = tmp_path / "private"
    shutil.copytree(QUESTIONS, private)
    folder = tmp_path / "in"
    folder.mkdir()
    counting = "import pathlib\n" + attacks.HONEST["scaled"]
    (folder / "ann.ipynb").write_bytes(notebook(counting, *honest()[1:]))

    def graded():
        command = [sys.executable, "-m", "grader", "--data", str(data), "grade"]
        command += [str(folder), "--private", str(private)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(next(iter(records(data))).read_text())["marks"]

    before = graded()
    file = private / "demo.py"
    text = file.read_text().replace("Multiply.", "Multiply them.")
    text = text.replace("(found, SECRET_FORMULA(", "(found, 0 * SECRET_FORMULA(")
    file.write_text(re.sub(r'("Scale".*?)"1",', r'\1"2",', text, count=1, flags=re.DOTALL))
    after = graded()
    assert len(records(data)) == 1
    assert after["demo.scaled"]["version"] == "2" and after["demo.scaled"]["points"] == 0
    assert after["demo.scaled"]["findings"][0]["hint"] == "Multiply them."
    assert {**after, "demo.scaled": 0} == {**before, "demo.scaled": 0}


def test_inputs_differ_between_students_and_secrets(demo):
    one, other = secret.Secret(b"one"), secret.Secret(b"other")
    seeds = {
        made.seed(student, assignment, question)
        for made in (one, other)
        for student in ("a", "b")
        for assignment in ("x", "y")
        for question in demo
    }
    assert len(seeds) == 24
    assert one.seed("a", "x", "q") == secret.Secret(b"one").seed("a", "x", "q")


# -- what is not the student's fault -----------------------------------------------------------


class Failing:
    """A starter that fails `times` times before it works."""

    fallbacks = 0

    def __init__(self, starter, times):
        self.starter, self.times = starter, times

    def start(self, framework, **how):
        self.times -= 1
        if self.times >= 0:
            raise bubblewrap.SandboxError("the disk is full")
        return self.starter.start(framework, **how)

    def close(self):
        self.starter.close()


@pytest.mark.parametrize(("times", "marks", "status"), [(2, FULL, 0), (99, None, 1)])
def test_failures_of_the_machine(data, grade, monkeypatch, times, marks, status):
    real = class_grading.ZygoteStarter
    with monkeypatch.context() as patch:
        patch.setattr(class_grading, "ZygoteStarter", lambda config: Failing(real(config), times))
        got, said = grade({"ann.ipynb": honest()})
    assert got == status
    if marks is None:
        assert set(marks_in(data)["ann"].values()) == {None}
        assert "needs a person" in said.out
        got, said = grade({"ann.ipynb": honest()})  # the failure is not remembered
        assert got == 0
    assert marks_in(data)["ann"] == FULL


def test_a_file_that_cannot_be_read_needs_a_person(data, grade, monkeypatch):
    from grader.intake import files

    def failing(path, real=files._file_reader):
        def read(most):
            raise OSError(5, "Input/output error")

        return read if path.endswith("ann.ipynb") else real(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_file_reader", failing)
        status, said = grade({"ann.ipynb": honest(), "ben.ipynb": honest()})
    assert status == 1 and "Input/output error" in said.out
    assert marks_in(data) == {"ann": dict.fromkeys(FULL), "ben": FULL}
    assert grade({"ann.ipynb": honest()})[0] == 0
    assert marks_in(data)["ann"] == FULL


def test_a_damaged_archive_needs_a_person(tmp_path, data, run):
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ann.ipynb", notebook(*honest()))
        archive.writestr("ben.ipynb", notebook(*honest()))
    file.write_bytes(file.read_bytes().replace(b"np.sort", b"np.s0rt", 1))
    assert run("grade", file, "--private", QUESTIONS)[0] == 1
    assert marks_in(data) == {"ann": dict.fromkeys(FULL), "ben": FULL}


def test_a_fault_of_the_grader_stops_no_other_submission(data, grade, monkeypatch):
    from grader.judging import session

    real = session.collect_answers

    def collect_answers(cells, *arguments, **named):
        if "fault" in cells[0]:
            raise ValueError("no such thing")
        return real(cells, *arguments, **named)

    monkeypatch.setattr(session, "collect_answers", collect_answers)
    status, said = grade({"ann.ipynb": ["# fault", *honest()], "ben.ipynb": honest()})
    assert status == 1 and "needs a person" in said.out
    assert marks_in(data) == {"ann": dict.fromkeys(FULL), "ben": FULL}


def test_a_reply_that_no_import_explains_gets_its_marks(demo):
    def judge(inputs, outputs, framework):
        return [judging_finding({"pytorch": 0.0, "tensorflow": 0.0}[framework])]

    question = dataclasses.replace(demo["demo.scaled"], judge=judge)
    mark = marking.mark_answer(question, marking.Answer("answered", {}), dict, "numpy")
    assert mark.points == 0


def test_a_worker_killed_from_outside_is_tried_again(ground):
    killed = []

    def draw(name, _):
        if not killed:
            killed.append(name)
            end, worker._end = worker._end, None
            end()  # the connection stays open on this side
        return ground.demo[name].draw(1)

    from grader.judging import session

    starter, config = ground.starter(ground.config()), ground.config()

    class Watching:
        def start(self, framework, **how):
            nonlocal worker
            worker = starter.start(framework, **how)
            return worker

    worker = None
    found = session.collect_answers(
        honest(), list(ground.demo), "numpy", draw, Watching(), config.limits
    )
    assert killed and {one.status for one in found.answers.values()} == {"answered"}


def test_a_judge_that_fails_needs_a_person(demo):
    def broken(inputs, outputs, framework):
        raise TypeError("secret input 3.14")

    question = dataclasses.replace(demo["demo.scaled"], judge=broken)
    answer = marking.Answer("answered", {})
    mark = marking.mark_answer(question, answer, lambda: question.draw(1), "numpy")
    assert (mark.status, mark.points) == ("needs a person", None)


def test_an_error_of_the_questions_own_code_costs_no_points(run, tmp_path, data):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ann.ipynb").write_bytes(notebook("check('slips.twice', lambda x: 2 * x)"))
    (folder / "bob.ipynb").write_bytes(notebook("check('slips.twice', lambda x: oh)"))

    def grade(private, text):
        (private / "slips").mkdir(parents=True)
        (private / "slips" / "question.py").write_text(text)
        return run("grade", folder, "--private", private, "--chapter", "slips")

    right = twice("slips.twice")
    status, said = grade(tmp_path / "misspelled", right.replace("(given.x)", "(given.y)"))
    assert status == 1 and "needs a person" in said.out
    assert "The check of this question raised AttributeError: there is no input" in said.out
    assert marks_in(data, "slips") == {"ann": {"slips.twice": None}, "bob": {"slips.twice": None}}
    status, _ = grade(tmp_path / "mended", right)
    assert status == 0  # its digest has changed: judged again
    assert marks_in(data, "slips") == {"ann": {"slips.twice": 2}, "bob": {"slips.twice": 0}}


def test_why_a_mark_needs_a_person_is_said_everywhere(data, grade, run, tmp_path, monkeypatch):
    real, asked = session.collect_answers, []

    def collect_answers(cells, questions, *arguments, **named):
        asked.append(list(questions))
        found = real(cells, questions, *arguments, **named)
        if "odd" in cells[0]:
            found.answers["demo.scaled"] = session.needs_person("It needs a \x1bprinter.", final)
        return found

    monkeypatch.setattr(session, "collect_answers", collect_answers)
    for final, again in ((False, ["demo.scaled"]), (True, None)):
        asked.clear()
        source = {f"{final}.ipynb": ["# odd", *honest()]}
        status, said = grade(source)
        assert status == 1 and f"needs a person: {final}, scaled: It needs a �printer." in said.out
        assert "demo.scaled: It needs a �printer." in run("export", "demo")[1].out
        run("report", "demo", "--to", tmp_path / "pages")
        page = next((tmp_path / "pages").glob(f"demo-{final}*")).read_text("utf-8")
        assert "A person will look at it: It needs a �printer." in page
        assert grade(source)[0] == 1  # still open, whether it was tried again or not
        assert asked[1:] == ([again] if again else [])
    run("override", "demo", "True", "demo.scaled", "1", "--reason", "looked at")
    assert "needs a person: True" not in run("show", "demo")[1].out


def judging_finding(points):
    from d2lexercises.question import Finding

    return Finding("a", points, 10.0, "")


@pytest.mark.parametrize("points", [99.0, -5.0, float("nan"), float("inf")])
def test_points_stay_within_bounds(demo, points):
    found = [judging_finding(points)]
    question = dataclasses.replace(demo["demo.scaled"], judge=lambda *given: found)
    mark = marking.mark_answer(question, marking.Answer("answered", {}), dict, "numpy")
    assert mark.points is None or 0 <= mark.points <= 10


# -- the instructor's hand ---------------------------------------------------------------------


def test_an_override_survives_grading_again(data, grade, run):
    grade({"ann.ipynb": WRONG})
    override = ("override", "demo", "ann", "demo.scaled")
    assert run(*override, "7")[0] == 2  # a reason is needed
    assert run(*override, "11", "--reason", "x")[0] == 2
    status, said = run("override", "demo", "ann", "demo.none", "1", "--reason", "x")
    assert status == 2 and "their questions: demo." in said.err
    status, said = run("override", "dem", "ann", "demo.scaled", "1", "--reason", "x")
    assert status == 2 and "no assignment 'dem' was graded; graded assignments: demo" in said.err
    assert run(*override, "7", "--reason", "the text was unclear")[0] == 0
    grade({"ann.ipynb": WRONG}, "--again")
    assert marks_in(data)["ann"]["scaled"] == 7
    assert "7*" in run("show")[1].out
    assert "the text was unclear" in run("export", "demo")[1].out
    assert run(*override, "--remove")[0] == 0
    assert marks_in(data)["ann"]["scaled"] == 0


def test_deleting_a_student_leaves_nothing(data, grade, run):
    grade({"ann.ipynb": honest(), "ben.ipynb": WRONG, "Zacharias Zzyzx.ipynb": honest()})
    run("override", "demo", "Zacharias Zzyzx", "demo.scaled", "3", "--reason", "why")
    assert run("delete", "Zacharias Zzyzx")[0] == 0
    assert set(marks_in(data)) == {"ann", "ben"}
    for path in data.rglob("*"):
        assert "zzyzx" not in path.name.casefold()
        if path.is_file():
            assert b"zzyzx" not in path.read_bytes().lower()
    assert run("delete", "Zacharias Zzyzx")[0] == 2


def test_files_that_are_not_notebooks_get_a_line(data, grade):
    large = b" " * 17_000_000
    status, said = grade({"ann.ipynb": b"no", "ben.ipynb": large, "cat.ipynb": honest()})
    assert status == 1  # each may be right work that was damaged on its way
    unknown = dict.fromkeys(FULL)
    assert marks_in(data) == {"ann": unknown, "ben": unknown, "cat": FULL}
    assert "needs a person: ann, everything: the file is not JSON" in said.out
    assert "at most 16 MB" in said.out


def test_roster_absent_and_unknown(tmp_path, data, grade):
    file = tmp_path / "class.csv"
    file.write_text("ID,Name\n1,Ann A\n2,Ben B\n")
    files = {"1.ipynb": honest(), "x.ipynb": honest(), "Ann A.ipynb": []}
    status, said = grade(files, "--roster", file)
    assert status == 1  # x may be by anybody
    assert "nothing handed in: Ben B (2)" in said.out
    assert "x.ipynb: nobody in the roster matches" in said.out
    assert "one with the student's id counts" in said.out  # Ann handed in twice
    assert set(marks_in(data)) == {"1", "x"}


def test_a_name_does_not_supersede_an_id(tmp_path, data, grade):
    file = tmp_path / "class.csv"
    file.write_text("ID,Name\n12345,Jane Doe\n")
    files = {"roejim_12345_1_x.ipynb": honest(), "janedoe_99999_2_x.ipynb": []}
    _, said = grade(files, "--roster", file)
    assert marks_in(data) == {"12345": FULL}
    assert "janedoe_99999_2_x.ipynb: one with the student's id counts" in said.out


def test_one_submission_cannot_choose_the_chapter(tmp_path, data, run):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ann.ipynb").write_bytes(notebook(*honest()))
    strange = [f"check('{name}.x', 1)" for name in ("nothing", "nowhere")]
    (folder / "ben.ipynb").write_bytes(notebook(*strange))
    assert run("grade", folder, "--private", QUESTIONS)[0] == 1
    assert marks_in(data) == {"ann": FULL, "ben": UNKNOWN}
    (folder / "ben.ipynb").write_bytes(notebook("check('blocks.count', 1)"))
    status, said = run("grade", folder, "--private", QUESTIONS)
    assert status == 2 and "blocks and of demo; name the chapter: --chapter" in said.err


def test_the_table_cannot_steer_the_terminal(grade):
    _, said = grade({"\x1b[2Jann.ipynb": honest()})
    assert "\x1b" not in said.out


def test_export_in_every_format(data, grade, run):
    grade({"Doe Jane_123456_assignsubmission_file_x.ipynb": honest()})
    _, said = run("export", "demo", "--format", "canvas")
    assert "Doe Jane,,,,,30" in said.out  # the number is Moodle's
    assert "no ID of Canvas is known of Doe Jane (123456), so it is empty" in said.err
    moodle = run("export", "demo", "--format", "moodle")[1].out
    assert "Participant 123456,Doe Jane,,30,30" in moodle
    assert "demo,123456,Doe Jane,10,10,10,30,30" in run("export", "demo")[1].out
    assert run("export", "nothing")[0] == 2


# -- reports -----------------------------------------------------------------------------------


def test_a_report_shows_nothing_of_the_inputs(tmp_path, data, grade, run):
    leaking = "def scaled(values, factor):\n    raise RuntimeError(repr(factor) + '</pre><script>')"
    wrong = "def in_order(values):\n    return values"
    cells = [leaking, wrong, *honest()[3:5], "# <script>alert(1)</script>"]
    grade({"<b>ann.ipynb": cells})
    made = secret.load_secret(data / "secret")
    from grader.judging.questions import load_questions

    questions = load_questions("demo", QUESTIONS)
    inputs = questions["demo.scaled"].draw(made.seed("<b>ann", "demo", "demo.scaled"))
    record = next(iter(records(data))).read_text()
    assert repr(inputs["factor"]) in record  # the instructor sees it
    assert run("report", "demo", "--to", tmp_path / "reports")[0] == 0
    (page,) = (tmp_path / "reports").iterdir()
    text = page.read_text()
    assert repr(inputs["factor"]) not in text
    assert not re.search(r"\d\.\d{3}", text)  # no value of any input or output
    assert "<script" not in text and "<b>ann" not in text
    assert "order" in text and "def in_order" in text and "Multiply." in text


# -- the secret, and what is marked unsafe -----------------------------------------------------


def test_only_its_owner_can_read_the_secret(tmp_path):
    file = tmp_path / "new" / "secret"
    made = secret.load_secret(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert secret.load_secret(file).fingerprint == made.fingerprint
    assert file.read_text().strip() not in repr(made)
    for mode in (0o640, 0o604):
        file.chmod(mode)
        with pytest.raises(secret.SecretError, match="others can read"):
            secret.load_secret(file)
    file.chmod(0o600)
    file.write_text("")
    with pytest.raises(secret.SecretError, match="damaged"):
        secret.load_secret(file)


def test_without_a_sandbox_only_when_told_to(data, grade, monkeypatch, run):
    monkeypatch.setenv("PATH", "/nowhere")
    status, said = grade({"ann.ipynb": honest()})
    assert status == 2 and "bubblewrap" in said.err and "--unsafe-no-sandbox" in said.err
    assert not (data / "gradebook.sqlite").exists()
    status, said = grade({"ann.ipynb": honest()}, "--unsafe-no-sandbox")
    assert status == 0 and "no sandbox" in said.out and "NO SANDBOX" in said.err
    assert marks_in(data)["ann"] == FULL
    line = run("export", "demo")[1].out.splitlines()[-1]
    assert ",none," in line
    (record,) = records(data)
    assert json.loads(record.read_text())["environment"]["sandbox"] == "none"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "grade {full} --private {full}/gone",
            "gone: there is no such folder of private questions",
        ),
        (
            "grade {full} --private {empty}",
            "contains no private questions, such as blocks/question.py",
        ),
        ("grade {empty}", "no notebook (.ipynb) was handed in"),
        ("grade {empty}/gone", "gone: there is no such folder or zip archive"),
        (
            "grade {full} --chapter block",
            "no chapter 'block' has questions; chapters with questions: autograd",
        ),
        ("grade {full} --roster {empty}/gone", "gone: there is no such file; give a CSV file with"),
        (
            "grade {full} --scheduler here",
            "--scheduler: must look like tcp://host:8786, got here",
        ),
        ("grade {full} --jobs 0", "--jobs: must be at least 1, got 0"),
        ("grade {full} --jobs many", "--jobs: must be at least 1, got many"),
        ("grade {full} --memory nan", "--memory: must be a number above 0, got nan"),
        ("grade {full} --cell-seconds -1", "--cell-seconds: must be a number above 0, got -1"),
        ("grade {full} --deadline soon", "for the end of that day, got soon"),
        (
            "grade",
            "SUBMISSIONS: give the folder or the zip archive to grade: "
            "make grade SUBMISSIONS=folder-or-zip, or grader grade FOLDER-OR-ZIP",
        ),
        ("override demo ann demo.scaled ten", "POINTS: must be a number of at least 0, got ten"),
        ("override demo ann demo.scaled 1,2,3", "a number of at least 0, got 1,2,3"),
        ("override demo ann demo.scaled 1e1", "a number of at least 0, got 1e1"),
        ("export demo --absent -1", "--absent: must be a number of at least 0, got -1"),
        ("grade {full} --deadline 2027-03-01T23.59", "must look like 2026-11-20T23:59, or 2026-11"),
        ("grade {full} --deadline 2027-W09", "must look like 2026-11-20T23:59, or 2026-11-20 for"),
        ("grade {full} --deadline 0027-03-01", "must be in the years 2000 to 2100, got 0027-03-01"),
        ("extend ann 2127-03-01", "DATE: must be in the years 2000 to 2100, got 2127-03-01"),
        (
            "extend ann 2027-03-05 12:00",
            "arguments: 12:00; did you mean a time without a blank, such as 2026-11-20T12:00?",
        ),
        (
            "grade {full} --rooster x.csv",
            "arguments: --rooster x.csv; did you mean --roster x.csv? (see grader grade --help)",
        ),
        ("grade {full} --agian", "--agian; did you mean --again? (see grader grade --help)"),
        ("grade {full} class.csv", "did you mean --roster class.csv? (see grader grade --help)"),
        ("show demo extra", "unrecognized arguments: extra (see grader show --help)"),
        ("grade {full} --chaptre=blocks", "--chaptre=blocks; did you mean --chapter=blocks? (see"),
        ("grade {full}/ann.ipynb", "ann.ipynb: one notebook; give the folder that it is in"),
        ("grade {full} --private {full}/ann.ipynb", "--private: must be a folder, got the file"),
        ("grade {full} --private {chapter}", "/question.py: it is the folder of one chapter; give"),
        ("grade {full} --roster {empty}", "--roster: must be a file, got the folder"),
        ("grade {full} --data {full}/ann.ipynb", "--data: must be a folder, got the file"),
        ("report demo --to {full}/ann.ipynb", "--to: must be a folder, got the file"),
        ("stats demo --to {full}/ann.ipynb", "--to: must be a folder, got the file"),
        ("export demo --to {empty}", "--to: must be a file, got the folder"),
        ("export demo --format moodle --worksheet {empty}", "--worksheet: must be a file, got the"),
        ("marks demo {empty}", "CSV: must be a file, got the folder"),
        ("graded", "invalid choice: 'graded' (choose from"),
        ("show", "there is no gradebook: nothing has been graded, or it is in another folder"),
        ("export demo", "there is no gradebook"),
        ("report demo --to {empty}/reports", "there is no gradebook"),
        ("override demo ann demo.scaled 1 --reason x", "there is no gradebook"),
        ("delete ann", "nothing is kept about ann; the first column of `grader show` has the ids"),
    ],
)
def test_a_wrong_argument_gets_one_line(data, run, capsys, tmp_path, given, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "full" / "ann.ipynb").write_bytes(notebook(*honest()))
    chapter = tmp_path / "questions" / "demo"
    chapter.mkdir(parents=True)
    shutil.copyfile(QUESTIONS / "demo.py", chapter / "question.py")
    folders = {"full": tmp_path / "full", "empty": tmp_path / "empty", "chapter": chapter}
    words = given.format(**folders).split()
    try:
        status, printed = run(*words)
        error = printed.err
    except SystemExit as end:
        status, error = end.code, capsys.readouterr().err
    (line,) = error.splitlines()
    assert status == 2
    assert line.startswith("error: ") and said in line
    assert not (data / "gradebook.sqlite").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_the_data_folder_is_named_before_or_after_the_command(data, grade, capsys):
    grade({"ann.ipynb": honest()})
    for words in (["--data", data, "show", "demo"], ["show", "demo", "--data", data, "-v"]):
        assert main([str(word) for word in words]) == 0
        assert "ann" in capsys.readouterr().out


def test_points_may_have_a_decimal_comma(data, grade, run):
    grade({"ann.ipynb": honest()})
    assert run("override", "demo", "ann", "demo.scaled", "1,5", "--reason", "typo")[0] == 0
    assert marks_in(data)["ann"]["scaled"] == 1.5


def test_a_file_that_cannot_be_written_is_named_itself(grade, run, tmp_path):
    grade({"ann.ipynb": honest()})
    status, said = run("export", "demo", "--to", tmp_path / "gone" / "marks.csv")
    assert status == 2
    assert said.err == f"error: {tmp_path}/gone/marks.csv: No such file or directory\n"


def test_the_class_of_an_earlier_term_is_noticed(data, grade, tmp_path):
    """By its students, of whom nothing comes now; not while the class itself is graded again."""
    file = tmp_path / "class.csv"
    file.write_text("ID,Name\n1,Ann A\n2,Ben B\n")
    until = ("--deadline", "2026-03-01T23:59")
    _, said = grade({"1.ipynb": honest(), "2.ipynb": honest()}, "--roster", file, *until)
    assert "another class?" not in said.out and ", remembered" not in said.out
    _, said = grade({"3.ipynb": honest()})  # work that is missing in the files is none of it
    assert "another class?" not in said.out and "), remembered" in said.out

    def after_a_year(files, *options):
        with sqlite3.connect(data / "gradebook.sqlite") as base:
            base.execute("UPDATE submissions SET graded_at = '2025-03-02T09:00:00+00:00'")
        return grade(files, *options)

    _, said = after_a_year({"1.ipynb": honest(), "2.ipynb": honest(), "3.ipynb": honest()})
    assert "another class?" not in said.out
    _, said = after_a_year({"3.ipynb": honest()}, "--roster", file)  # who is in it is of the class
    assert "another class?" not in said.out
    _, said = after_a_year({"1.ipynb": honest(), "2.ipynb": honest()})  # one has left
    assert "another class?" not in said.out
    file.write_text("ID,Name\n4,Cleo C\n")
    _, said = after_a_year({"4.ipynb": honest()}, "--roster", file)
    assert "another class? 3 students were graded in demo more than 100 days ago" in said.out
    assert "--data FOLDER" in said.out


def test_a_file_that_is_not_a_gradebook_is_named(data, run):
    data.mkdir()
    (data / "gradebook.sqlite").write_text(
        "not a database, and longer than its first hundred bytes"
    )
    status, said = run("show")
    assert status == 2 and "not a usable gradebook (file is not a database)" in said.err


def test_denied_namespaces_are_explained(grade, monkeypatch, tmp_path):
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    status, said = grade({"ann.ipynb": honest()})
    assert status == 2 and "setting up uid map" in said.err


def test_submissions_in_a_folder_that_sandboxes_show_are_refused(run, tmp_path):
    status, said = run("grade", "/usr/lib", "--private", QUESTIONS, "--chapter", "demo")
    assert status == 2 and "move it" in said.err


def test_the_gradebook_is_plain_sqlite_of_one_owner(data, grade):
    grade({"ann.ipynb": honest()})
    file = data / "gradebook.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    base = sqlite3.connect(file)
    assert base.execute("SELECT sum(points) FROM marks").fetchone() == (30.0,)
    base.close()
    for path in records(data):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_stored_names_do_not_change(data, grade):
    """Records and gradebooks of earlier versions stay readable."""
    grade({"ann.ipynb": honest(), "ben.ipynb": WRONG})
    files = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    record = r"results/demo/(ann|ben)-[0-9a-f]{10}/[0-9a-f]{40}\.json"
    assert len(files) == 4 and {"secret", "gradebook.sqlite"} < files
    assert sum(bool(re.fullmatch(record, file)) for file in files) == 2
    for path in records(data):
        content = json.loads(path.read_text())
        assert list(content) == [
            *("key", "student", "assignment", "label", "framework", "environment", "cells"),
            *("marks", "notes", "looks", "seconds", "graded_at"),
        ]
        assert set(content["environment"]) == {"format", "python", "numpy"}
        mark = content["marks"]["demo.scaled"]
        assert list(mark) == [
            *("question", "version", "title", "status", "points", "out_of", "said", "findings"),
            *("text", "final"),
        ]
        assert list(mark["findings"][0]) == ["aspect", "points", "out_of", "message", "hint"]
    with contextlib.closing(sqlite3.connect(data / "gradebook.sqlite")) as base:
        tables = base.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    columns = {name: re.findall(r"(\w+) (?:TEXT|REAL|INTEGER)", sql) for name, sql in tables}
    assert columns == {
        "students": [
            *("student", "name", "sis", "login", "email", "section", "github", "team"),
            "identifier",
        ],
        "submissions": [
            *("student", "assignment", "label", "record", "late", "unsafe"),
            *("problem", "graded_at"),
        ],
        "marks": ["student", "assignment", "question", "points", "out_of", "status", "version"],
        "overrides": [
            *("student", "assignment", "question", "points", "reason", "made_at", "made_by"),
        ],
        "texts": ["student", "assignment", "question", "text"],
        "hand_marks": [
            *("student", "assignment", "question", "points", "comment", "text_id", "made_at"),
            "made_by",
        ],
        "reasons": ["student", "assignment", "question", "reason"],
        "hand_history": [
            *("student", "assignment", "question", "points", "reason", "made_by", "made_at"),
        ],
        "handed_in": [
            *("student", "assignment", "system", "user", "path", "time", "not_after"),
            *("marked_late", "shared_by", "written"),
        ],
        "known_as": ["student", "alias"],
        "enrolled": ["student", "assignment"],
        "files": ["student", "assignment", "label", "path"],
        "unmatched": ["student", "assignment"],
        "extensions": ["student", "assignment", "until", "made_by", "made_at"],
        "assigned": ["student", "assignment", "file", "made_by", "made_at"],
        "rosters": ["assignment", "system"],
        "deadlines": ["assignment", "deadline"],
        "questions": ["assignment", "question", "title", "out_of", "is_text", "place"],
        "expectations": ["assignment", "framework", "question", "aspect", "expected"],
    }


def test_what_was_kept_before_texts_were_is_read(data, grade):
    grade({"ann.ipynb": honest()})
    with contextlib.closing(sqlite3.connect(data / "gradebook.sqlite")) as base:
        for table in ("texts", "hand_marks"):
            base.execute(f"DROP TABLE {table}")
    for path in records(data):
        content = json.loads(path.read_text())
        for mark in content["marks"].values():
            del mark["text"]
        path.write_text(json.dumps(content))
    before = records(data)
    grade({"ann.ipynb": honest()})
    assert records(data) == before  # nothing was graded again
    assert marks_in(data) == {"ann": FULL}


def test_a_gradebook_of_another_version_is_refused(data, run):
    data.mkdir()
    file = data / "gradebook.sqlite"
    file.write_bytes(b"no database" * 1000)
    status, said = run("show")
    assert status == 2 and "not a database" in said.err
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as base:
        base.execute("CREATE TABLE marks (student TEXT, points REAL)")
    status, said = run("show")
    assert status == 2 and "another version" in said.err


def test_a_gradebook_that_cannot_be_written_is_named(data):
    file = data / "gradebook.sqlite"
    mark = marking.Mark("demo.scaled", "1", "Scale", "answered", 3.0, 10.0)
    with Gradebook(file) as book:
        book.enter(Student("ann", "Ann"), "demo", "x", [mark])
    fails = "CREATE TRIGGER t BEFORE INSERT ON marks BEGIN SELECT RAISE(ABORT, 'full'); END"
    with contextlib.closing(sqlite3.connect(file)) as base:
        base.execute(fails)
    with pytest.raises(GradebookError, match="sqlite: full"), Gradebook(file) as book:
        book.enter(Student("ann", "Ann"), "demo", "y", [dataclasses.replace(mark, points=0.0)])
    with Gradebook(file) as book:
        (row,) = book.student_marks("demo")
    assert (row.label, row.points) == ("x", 3.0)  # all of it or nothing


def test_damaged_records_are_ignored(tmp_path):
    kept = records_module.RecordStore(tmp_path)
    record = records_module.Record("key", "ann", "demo", "x", "numpy", {}, [])
    kept.save(record)
    assert kept.load("ann", "demo", "key") == record
    (file,) = tmp_path.rglob("*.json")
    for text in ("", "\0", "[]", "{}", '{"marks": []}', '{"marks": {"demo.scaled": {}}}'):
        file.write_text(text)
        assert kept.load("ann", "demo", "key") is None


def test_students_with_odd_names(data):
    with Gradebook(data / "gradebook.sqlite") as book:
        for name in ("'; DROP TABLE students; --", "../../x", ""):
            book.enter(Student(name, name), "demo", "x", [])
        assert len(book.student_marks("demo")) == 3
    from grader.gradebook.records import student_slug

    assert all("/" not in student_slug(name) and os.sep for name in ("../../x", "", "a/b"))


ENTRY = {"record": "key", "late": False, "unsafe": False, "problem": "", "shared_by": "",
         "written": "words"}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"record": "x"}, {"late": True}, {"unsafe": True}, {"problem": "x"}, {"written": ""},
     {"shared_by": "bo"}, {"points": 3.0}, {"status": session.NEEDS_PERSON}, {"name": "Ann B"},
     {"path": "other.ipynb"}, {"label": "other"}, {"more": True}],
)  # fmt: skip
def test_what_is_in_the_gradebook_is_not_written_again(data, change):
    def enter(**changed):
        name, path = changed.pop("name", "Ann"), changed.pop("path", "x.ipynb")
        file = Submission("plain", "ann", name, False, (0, 0.0, ""), path, bytes, path)
        label, more = changed.pop("label", "x"), changed.pop("more", False)
        given = {key: changed.pop(key) for key in ("points", "status") if key in changed}
        marks = [
            marking.Mark(question, "v", "Title", **({"status": "answered", "points": 4.0} | given),
                 out_of=4.0, said="why")
            for question in ("demo.a", "demo.b", *["demo.c"] * more)
        ]  # fmt: skip
        before = book._base.total_changes
        book.enter(Student("ann", name), "demo", label, marks, file=file, **(ENTRY | changed))
        return book._base.total_changes > before

    with Gradebook(data / "gradebook.sqlite") as book:
        assert [enter(), enter(), enter(**change), enter(**change), enter()] == [
            True, False, True, False, True
        ]  # fmt: skip


# -- a cluster ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_cluster_of_several_processes(tmp_path, data, run):
    from distributed import LocalCluster

    expected = hand_in(tmp_path / "in", 12)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        status, said = run(
            "grade", tmp_path / "in", "--private", QUESTIONS, "--scheduler",
            cluster.scheduler_address,
        )  # fmt: skip
    assert status == (UNKNOWN in expected.values()) and "probes on tcp" in said.err
    found = marks_in(data)
    for student, marks in expected.items():
        assert found[student] == marks or (marks is None and found[student]["scaled"] == 0)


def test_a_scheduler_that_does_not_answer(grade, monkeypatch):
    import grader.judging.cluster as module

    monkeypatch.setitem(sys.modules, "distributed", None)
    status, said = grade({"ann.ipynb": honest()}, "--scheduler", "tcp://127.0.0.1:1")
    assert status == 2 and "pip install distributed" in said.err
    assert module.ClusterError
