"""The command `grader`: its words, options and messages."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import math
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, time
from pathlib import Path

from d2lexercises.answers import MOVED

from grader import class_commands
from grader.arguments import Parser, parse
from grader.class_grading import GradingJob, GradingSummary, grade_class
from grader.data_folder import VARIABLE, DataFolder, default_data_folder
from grader.gradebook.database import Gradebook, GradebookError, StudentMarks
from grader.gradebook.export import FORMATS, ExportError
from grader.gradebook.hand_marks import HandMarksError, plain_number, read_hand_marks
from grader.gradebook.records import RecordStore
from grader.gradebook.report_files import NAMES, PLAIN
from grader.gradebook.spreadsheets import number
from grader.gradebook.text_table import marks_table
from grader.gradebook.to_look_at import lines_to_look_at
from grader.intake.roster import Roster, RosterError, read_roster
from grader.intake.submissions import IntakeError, printable, reasons
from grader.judging.cluster import ClusterError
from grader.judging.questions import QuestionsError
from grader.judging.secret import SecretError
from grader.sandbox.bubblewrap import SandboxConfig
from grader.sandbox.limits import Limits
from grader.sandbox.machine import MachineError, find_machine
from grader.sandbox.processes import processors
from grader.sandbox.stage import make_stage
from grader.sandbox.workers import why_zygotes_fail
from grader.units import GIB

_ERRORS = (
    *(ClusterError, ExportError, GradebookError, HandMarksError, IntakeError, MachineError),
    *(QuestionsError, RosterError, SecretError, OSError),
)

_ABOUT = f"""\
Grade a class's notebooks.

Student code runs in a sandbox (bubblewrap): without network, with one scratch
folder to write to, and within limits of time, memory and processes. Points are
given outside of the sandbox, for the plain data that the code returned. The
inputs are derived from your secret, which is created on first use and readable
by you alone, so students cannot know them.

  grader grade submissions.zip --roster class.csv
  grader show blocks
  grader export blocks --format canvas > marks.csv
  grader report blocks --to reports/
  grader override blocks 12345 blocks.sequential 8 --reason "typo in the name"
  grader marks blocks texts.csv
  grader extend 12345 2026-11-27T23:59
  grader assign "final version.ipynb" 12345
  grader stats blocks --to statistics/
  grader delete 12345

The secret, the gradebook and the records are kept in one folder outside of the
repository: the one given with --data, before or after the command, else the one
that the environment variable {VARIABLE} names, else d2l-grader in your
data folder (~/.local/share). Keep each class in a folder of its own. `grader
COMMAND --help` explains a command.
"""
_GRADE = """\
Grade what was handed in, and print the table of marks.

SUBMISSIONS is a folder or a zip archive as Canvas, Moodle, Gradescope,
Blackboard or Brightspace export it, a folder of clones from GitHub, or a plain
folder of student.ipynb or student/anything.ipynb. Archives that students handed
in are read. Nothing is unpacked or changed.

An answer is found by its check, check("blocks.sequential", MySequential), in
any cell. If a question has several checks, the last one in the notebook counts.
If a student has several submissions, the latest that asks this chapter's checks
counts. `grader assign` says whose file it is where no rule can tell.

The roster and the deadline are remembered. `grader extend` gives more time. Times
that are certain count: those that the course system writes, the time of a commit,
and of plain files their own. A file from a course system has the time of the
download, so there the system's mark LATE counts.

The same command again grades only what is new: changed submissions, changed
questions, and what an interruption left undone. Ctrl-C loses no finished marks.
If grading fails for a reason that is not in the submission, it is tried again;
if it still fails, the mark "needs a person", and is not 0. While a mark needs a
person, or nobody in the roster matches a file, the exit status is 1. Texts are
marked by hand: see `grader marks`.

  grader grade submissions.zip --roster class.csv --deadline 2026-11-20T23:59
  grader grade submissions.zip --chapter blocks --private my-questions/
"""
_SHOW = """\
Print the table of marks of an assignment, or of all assignments. A star means
that the mark was set by hand.

  grader show blocks
"""
_EXPORT = """\
Print the marks of an assignment as CSV: for Canvas, for Moodle (an offline
grading worksheet), plain with every question, or by-hand with the texts that
are to be marked. Students of the roster who handed in nothing are in it. A mark
that is not known is left empty.

Canvas finds its assignment by the heading of the column: give it as Canvas'
own export has it, with the number. Moodle's importer wants the headings of the
site's language: fill in the worksheet that the site gives out.

  grader export blocks --format canvas --assignment "Blocks (4711)" > marks.csv
  grader export blocks --format moodle --worksheet Grades.csv --to marks.csv
  grader export blocks --format by-hand --all --to marks.csv
"""
_REPORT = """\
Write an HTML page for each student, with their marks, what was expected, and
their words and code. It shows nothing of the secret inputs. For Canvas and
Moodle, one archive with the file names that they take back in bulk.

  grader report blocks --to reports/
  grader report blocks --to reports/ --format canvas
"""
_OVERRIDE = """\
Set a mark by hand, with a reason: for any question of any student, also where
nothing was handed in or the file was refused. The mark stays when the submission
is graded again. Who set it and when is kept.

  grader override blocks 12345 blocks.sequential 8 --reason "typo in the name"
  grader override blocks 12345 blocks.sequential --remove
"""
_MARKS = """\
Enter marks that you gave by hand: for texts, which you have read, or with --all
for every question of every student. First export the table, then fill in the
columns points and comment, in any spreadsheet, and enter the file:

  grader export blocks --format by-hand > texts.csv
  grader marks blocks texts.csv

Rows without points are left as they are, and still shown as to be marked by
hand. A mark counts for the text that you have read: if the student hands in
another one, it is to be marked again. The comment is shown to the student.
"""
_DELETE = """\
Delete everything that is kept about a student, under every id that they were
graded under: marks, overrides, and records with their code. Submissions, exports
and reports that you keep elsewhere are yours to delete.

  grader delete 12345
"""
_MACHINE = """\
Print which means of isolation this machine offers, or what to do if it offers
no sandbox.

  grader machine
"""


# A day, or a day and a time, perhaps with a zone: what ISO 8601 allows besides is easily mistyped.
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status: 0, 1 (a mark needs a person) or 2 (an error)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal lacks stops nothing
            stream.reconfigure(errors="replace")
    options = parse(_parser(), arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.ERROR,
        format="%(levelname)s %(message)s",
    )
    try:
        return options.run(options)
    except _ERRORS as error:
        message = str(error)
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: {error.strerror}"
        print(f"error: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command continues where this one stopped.", file=sys.stderr)
        return 130


# -- arguments ---------------------------------------------------------------------------------


def _submissions(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError(
            "give the folder or the zip archive to grade: make grade SUBMISSIONS=folder-or-zip, "
            "or grader grade FOLDER-OR-ZIP"
        )
    return Path(text)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got an empty text")
    return Path(text)


def _file(text: str) -> Path:
    path = _path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file, got the folder {text}")
    return path


def _folder(text: str) -> Path:
    path = _path(text)
    if path.is_file():
        raise argparse.ArgumentTypeError(f"must be a folder, got the file {text}")
    return path


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return int(text)


def _amount(text: str) -> float:
    try:
        amount = plain_number(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text}")
    return amount


def _points(text: str) -> float:
    try:
        points = plain_number(text)
    except ValueError:
        points = -1.0
    if not 0 <= points < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text}")
    return points


def _address(text: str) -> str:
    if text and not re.fullmatch(r"\w+://\S+:\d+", text):
        raise argparse.ArgumentTypeError(f"must look like tcp://host:8786, got {text}")
    return text


def _time(text: str) -> datetime:
    """Return a time; of a date alone, the end of that day."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(text)
        given = datetime.fromisoformat(text)
        if len(text) == len("2026-11-20"):
            given = datetime.combine(given, time(23, 59, 59))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must look like 2026-11-20T23:59, or 2026-11-20 for the end of that day, got {text}"
        ) from None
    if not 2000 <= given.year <= 2100:
        raise argparse.ArgumentTypeError(f"must be in the years 2000 to 2100, got {text}")
    return given.astimezone()


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser("grader", description=_ABOUT, formatter_class=raw)
    parser.add_argument(
        "--data",
        type=_folder,
        metavar="FOLDER",
        help=f"the folder of the secret, the gradebook and the records (default: ${VARIABLE}, "
        "or d2l-grader in your data folder)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is being done")
    also_after = Parser(add_help=False)  # the same options, where most people type them
    unset = argparse.SUPPRESS
    also_after.add_argument("--data", type=_folder, default=unset, help=unset)
    also_after.add_argument("-v", "--verbose", action="store_true", default=unset, help=unset)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    def command(
        name: str, run: Callable[[argparse.Namespace], int] | None, summary: str, about: str
    ) -> argparse.ArgumentParser:
        subparser = commands.add_parser(
            name, help=summary, description=about, formatter_class=raw, parents=[also_after]
        )
        subparser.set_defaults(run=run or _CLASS_COMMANDS[name], parser=subparser)
        return subparser

    grade = command("grade", _grade, "grade what was handed in", _GRADE)
    grade.usage = "grader grade [options] SUBMISSIONS"
    grade.add_argument(
        "submissions",
        type=_submissions,
        metavar="SUBMISSIONS",
        nargs="?",
        default="",
        help="the folder or the zip archive to grade",
    )
    grade.add_argument(
        "--chapter",
        default="",
        help="the chapter whose questions are graded (default: the one that most "
        "submissions call checks of)",
    )
    grade.add_argument(
        "--assignment",
        default="",
        help="the assignment's name in the gradebook (default: the chapter)",
    )
    grade.add_argument(
        "--roster",
        type=_file,
        metavar="CSV",
        help="the students of the class: a file with the columns ID and Name, as "
        "Canvas and Moodle export it",
    )
    grade.add_argument(
        "--private",
        type=_folder,
        metavar="FOLDER",
        help="your private questions: a folder with files such as blocks/question.py",
    )
    grade.add_argument(
        "--jobs",
        type=_jobs,
        default=processors(),
        metavar="N",
        help="submissions that are graded at a time, at most one for each processor that this "
        "process may use (default: %(default)s)",
    )
    grade.add_argument(
        "--deadline",
        type=_time,
        metavar="TIME",
        help="mark later files as late: 2026-11-20T23:59, or 2026-11-20 for the end of that day; "
        "it is remembered",
    )
    grade.add_argument(
        "--scheduler",
        type=_address,
        default="",
        metavar="ADDRESS",
        help="run student code on the dask.distributed cluster with this scheduler, "
        "tcp://host:8786; the judge and the secret stay here",
    )
    grade.add_argument(
        "--again", action="store_true", help="grade again what has been graded already"
    )
    for name, limited, default in (
        ("answer", "an answer", Limits.answer_seconds),
        ("cell", "a cell", Limits.cell_seconds),
        ("submission", "a submission", Limits.submission_seconds),
    ):
        grade.add_argument(
            f"--{name}-seconds",
            type=_amount,
            default=default,
            metavar="S",
            help=f"the time limit of {limited} (default: %(default)g)",
        )
    grade.add_argument(
        "--memory",
        type=_amount,
        default=Limits.memory / GIB,
        metavar="GB",
        help="the memory limit of a submission (default: %(default)g)",
    )
    grade.add_argument(
        "--one-sandbox-each",
        action="store_true",
        help="import the framework anew for each submission, which is slower",
    )
    grade.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run student code WITH ALL YOUR RIGHTS, and mark every result",
    )

    show = command("show", _show, "print the table of marks", _SHOW)
    show.add_argument(
        "assignment", metavar="ASSIGNMENT", nargs="?", default="", help="(default: all of them)"
    )

    export = command("export", _export, "print the marks as CSV", _EXPORT)
    export.add_argument("assignment", metavar="ASSIGNMENT", help="as `grader show` lists it")
    export.add_argument(
        "--format",
        choices=sorted(FORMATS),
        default="plain",
        help="the system that imports the file (default: %(default)s)",
    )
    export.add_argument(
        "--assignment",
        default="",
        dest="assignment_heading",
        metavar="HEADING",
        help='the heading of Canvas\' column, "Blocks (4711)" (default: the name)',
    )
    export.add_argument(
        "--worksheet",
        type=_file,
        metavar="CSV",
        help="the grading worksheet from Moodle that is filled in",
    )
    export.add_argument(
        "--absent",
        type=_points,
        metavar="POINTS",
        help="the points of students who handed in nothing (default: left empty)",
    )
    export.add_argument(
        "--all", action="store_true", help="by-hand: every question of every student"
    )
    export.add_argument("--to", type=_file, metavar="FILE", help="(default: print it)")

    report = command("report", _report, "write an HTML page for each student", _REPORT)
    report.add_argument("assignment", metavar="ASSIGNMENT", help="as `grader show` lists it")
    report.add_argument(
        "--to",
        type=_folder,
        required=True,
        metavar="FOLDER",
        help="the folder to write to; it is created if it is missing",
    )
    report.add_argument(
        "--format",
        choices=sorted(NAMES),
        default=PLAIN,
        help="whose file names the reports have (default: %(default)s)",
    )

    override = command("override", _override, "set a mark by hand", _OVERRIDE)
    for name, explanation in (
        ("assignment", "as `grader show` lists it"),
        ("student", "an id in the first column of `grader show`"),
        ("question", "with its chapter, such as blocks.sequential"),
    ):
        override.add_argument(name, metavar=name.upper(), help=explanation)
    change = override.add_mutually_exclusive_group(required=True)
    change.add_argument(
        "points", type=_points, metavar="POINTS", nargs="?", help="from 0 to the question's points"
    )
    change.add_argument("--remove", action="store_true", help="remove the override")
    override.add_argument("--reason", default="", help="why; it is shown to the student")
    class_commands.add_by(override)

    marks = command("marks", _marks, "enter marks given by hand", _MARKS)
    marks.add_argument("assignment", metavar="ASSIGNMENT", help="as `grader show` lists it")
    marks.add_argument(
        "file", type=_file, metavar="CSV", help="what `export --format by-hand` printed, filled in"
    )
    class_commands.add_by(marks)

    class_commands.add_commands(command, _time, _folder)

    delete = command("delete", _delete, "delete everything about a student", _DELETE)
    delete.add_argument(
        "student", metavar="STUDENT", help="an id in the first column of `grader show`"
    )

    command("machine", _machine, "print what this machine offers for isolation", _MACHINE)
    return parser


# -- commands ----------------------------------------------------------------------------------


def _grade(options: argparse.Namespace) -> int:
    machine = find_machine(options.unsafe_no_sandbox)
    if not machine.sandboxed:
        print(f"{machine.summary[0]}.", file=sys.stderr)
    job = GradingJob(
        source=options.submissions,
        data=_data(options),
        machine=machine,
        assignment=options.assignment,
        chapter=options.chapter,
        private=options.private.resolve() if options.private else None,
        roster=read_roster(options.roster) if options.roster else Roster(()),
        deadline=options.deadline,
        jobs=options.jobs,
        limits=Limits(
            answer_seconds=options.answer_seconds,
            cell_seconds=options.cell_seconds,
            submission_seconds=options.submission_seconds,
            memory=int(options.memory * GIB),
        ),
        scheduler=options.scheduler,
        fast=not options.one_sandbox_each,
        again=options.again,
    )
    with _terminable(), _progress_bar() as progress:
        summary = grade_class(job, progress)
    return _print_summary(job, summary)


def _print_summary(job: GradingJob, summary: GradingSummary) -> int:
    with Gradebook(job.data.gradebook) as book:
        students = book.student_marks(summary.assignment)
        records = RecordStore(job.data.records)
        looks = list(lines_to_look_at(book, records, summary.assignment, students))
        deadline = book.class_list.deadline(summary.assignment)
        strangers = class_commands.of_another_class(summary, job.roster)
    print(marks_table(summary.assignment, students))
    if deadline is not None:
        remembered = "" if job.deadline else ", remembered"
        print(f"deadline: {class_commands.shown_time(deadline)}{remembered}")
    if strangers:
        print(strangers)
    for line in job.roster.remarks:
        print(f"roster: {printable(line, 500)}")
    for line in looks:
        print(line)
    for label, why in summary.alone.items():
        print(f"graded alone: {label}: {printable(why, 200)}")
    for line in reasons(summary.refused):
        print(f"not taken: {line}")
    for name, count in summary.moved.items():
        chapter = MOVED[name].partition(".")[0]
        some = f"{count} submission{'s' * (count > 1)}"
        print(f"not taken: {name} of {some}: it is {MOVED[name]} now; grade --chapter {chapter}")
    for line in class_commands.shared_marks(summary):
        print(line)
    for student in summary.absent:
        print(f"nothing handed in: {printable(student.name)} ({printable(student.id)})")
    for sentence in summary.machine:
        print(f"machine: {sentence}", file=sys.stderr)
    return int(
        any(
            marks.is_unmatched or any(one.needs_person for one in marks.marks.values())
            for marks in students
        )
    )


def _show(options: argparse.Namespace) -> int:
    with _existing_gradebook(options) as book:
        for assignment in [options.assignment] if options.assignment else book.assignments():
            students = _student_marks(book, assignment)
            print(marks_table(assignment, students))
            records = RecordStore(_data(options).records)
            for line in lines_to_look_at(book, records, assignment, students):
                print(line)
    return 0


def _export(options: argparse.Namespace) -> int:
    with _existing_gradebook(options) as book:
        students = class_commands.whole_class(book, options.assignment)
        chosen = class_commands.choices(options, book)
    found = FORMATS[options.format](options.assignment, students, chosen)
    class_commands.write_csv(found.text, options.to, sys.stdout)
    for line in found.remarks:
        print(printable(line, 500), file=sys.stderr)
    return 0


def _report(options: argparse.Namespace) -> int:
    records = RecordStore(_data(options).records)
    with _existing_gradebook(options) as book:
        return class_commands.report(options, book, records)


def _extend(options: argparse.Namespace) -> int:
    with _existing_gradebook(options) as book:
        return class_commands.extend(options, book)


def _assign(options: argparse.Namespace) -> int:
    with _existing_gradebook(options) as book:
        return class_commands.assign(options, book)


def _stats(options: argparse.Namespace) -> int:
    records = RecordStore(_data(options).records)
    with _existing_gradebook(options) as book:
        return class_commands.stats(options, book, records)


_CLASS_COMMANDS = {"extend": _extend, "assign": _assign, "stats": _stats}


def _override(options: argparse.Namespace) -> int:
    points = None if options.remove else options.points
    with _existing_gradebook(options) as book:
        class_commands.check_assignment(options.assignment, book)
        change = book.override(
            *(options.student, options.assignment, options.question, points, options.reason),
            by=options.by,
        )
    before, now = (number(one.points) or "open" for one in (change.before, change.now))
    who = printable(f"{change.student.name} ({change.student.id})")
    said = f"{now} of {number(change.now.out_of)}"
    if not options.remove:
        said += f", {before} before"
    elif change.before.reason:
        said = f"the override is removed; it is {said}, {before} before"
    else:
        said = f"there is no override to remove; it is {said}"
    print(f"{options.assignment}: {who}, {change.question}: {said}")
    return 0


def _marks(options: argparse.Namespace) -> int:
    rows = read_hand_marks(options.file)
    with _existing_gradebook(options) as book:
        _student_marks(book, options.assignment)  # there is such an assignment
        count = book.mark_by_hand(options.assignment, rows, options.by)
        students = book.student_marks(options.assignment)
    print(f"entered: {count} marks")
    for row in rows:
        if row.points is None:
            where = printable(f"row {row.line}: {row.student}, {row.question}")
            print(f"{where}: the comment is not entered without points", file=sys.stderr)
    print(marks_table(options.assignment, students))
    return 0


def _delete(options: argparse.Namespace) -> int:
    data, entries, ids = _data(options), 0, [options.student]
    if data.gradebook.is_file():  # records may exist without it
        with Gradebook(data.gradebook) as book:
            ids = book.class_list.ids_of(options.student)
            entries = book.delete(options.student)
    store = RecordStore(data.records)
    records = sum(store.delete(one) for one in ids)
    if not entries and not records:
        raise GradebookError(
            f"nothing is kept about {options.student}; the first column of `grader show` has the "
            "ids of the students"
        )
    print(f"deleted: {entries} entries, {records} records")
    return 0


def _machine(options: argparse.Namespace) -> int:
    machine = find_machine()
    print("\n".join(machine.summary))
    with tempfile.TemporaryDirectory(prefix="d2l-grader-") as folder:
        Path(folder).chmod(0o711)
        make_stage(Path(folder) / "stage", chapters=(), user=machine.user)
        problem = why_zygotes_fail(SandboxConfig(machine, Path(folder) / "stage"))
    print(
        f"each submission gets a sandbox of its own: {problem}"
        if problem
        else "a framework is imported once for all submissions"
    )
    return 0


def _data(options: argparse.Namespace) -> DataFolder:
    return DataFolder(options.data or default_data_folder())


def _existing_gradebook(options: argparse.Namespace) -> Gradebook:
    """Open the gradebook without creating one."""
    file = _data(options).gradebook
    if not file.is_file():
        raise GradebookError(
            f"{file}: there is no gradebook: nothing has been graded, or it is in another folder "
            f"(--data FOLDER, {VARIABLE})"
        )
    return Gradebook(file)


def _student_marks(book: Gradebook, assignment: str) -> list[StudentMarks]:
    class_commands.check_assignment(assignment, book)
    return book.student_marks(assignment)


@contextlib.contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda done, total: None
        return
    with tqdm(unit="submission", disable=None, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Treat a request to terminate (SIGTERM) like Ctrl-C."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
