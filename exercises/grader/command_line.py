"""The command `grader`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from grader.class_grading import Order, Outcome, grade
from grader.gradebook.database import FILE as GRADEBOOK
from grader.gradebook.database import Gradebook, GradebookError, Row
from grader.gradebook.export import FORMATS
from grader.gradebook.records import Results, slug, student_slug, write_whole
from grader.gradebook.student_pages import student_report
from grader.intake.roster import Roster, RosterError, read_roster
from grader.intake.submissions import IntakeError, printable, reasons
from grader.judging.cluster import ClusterError
from grader.judging.questions import QuestionsError
from grader.judging.secret import SecretError, data_folder
from grader.sandbox.limits import Limits
from grader.sandbox.machine import MachineError, find_machine
from grader.sandbox.stage import make_stage
from grader.sandbox.workers import Grounds, nesting_works
from grader.units import GIB

_ERRORS = (
    *(ClusterError, GradebookError, IntakeError, MachineError),
    *(QuestionsError, RosterError, SecretError, OSError),
)

_ABOUT = """\
Grade a class's notebooks.

Student code runs in a sandbox (bubblewrap) without network, where nothing can be written but a
scratch folder, within limits of time, memory and processes. Points are given outside of it, for
plain data that the student's code returned for inputs that nobody knows: they are drawn from your
secret, which is made on first use and readable by you alone.

  grader grade submissions.zip --roster class.csv --jobs 4
  grader export blocks --format canvas > marks.csv
  grader report blocks --to reports/
  grader override blocks 12345 blocks.sequential 8 --reason "typo in the name"
  grader delete 12345
"""
_GRADE = """\
SUBMISSIONS is the folder or the zip archive that Canvas or Moodle export, with their file names, or
a plain folder of student.ipynb or student/anything.ipynb. Nothing in it is unpacked or changed.

An answer is found by its check, check("blocks.sequential", MySequential), wherever it stands; of
several checks of one question the last in the notebook counts, and of several submissions the last.

Grading again grades what is new: a changed submission, a changed question, what was interrupted.
Ctrl-C loses nothing that is done. A failure that is not the student's is tried again, and then
shown as "needs a person": it never becomes 0 points.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 1 (a person is needed), 2 (nothing was done)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.ERROR,
        format="%(levelname)s %(message)s",
    )
    try:
        return options.run(options)
    except _ERRORS as error:
        said = str(error)
        if isinstance(error, OSError) and error.filename:
            said = f"{error.filename}: {error.strerror}"
        print(f"error: {said}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on where this one stopped.", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in a line, and where to read more."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} ({self.prog} --help says more)\n")


def _jobs(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and int(given) > 0):
        raise argparse.ArgumentTypeError(f"it is {given}; allowed are 1 and more")
    return int(given)


def _amount(given: str) -> float:
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"it is {given}; allowed are numbers above 0")
    return found


def _address(given: str) -> str:
    if given and not re.fullmatch(r"\w+://\S+:\d+", given):
        raise argparse.ArgumentTypeError(f"it is {given}; wanted is one like tcp://host:8786")
    return given


def _time(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        message = f"it is {given}; write it like 2026-11-20T23:59"
        raise argparse.ArgumentTypeError(message) from None


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser("grader", description=_ABOUT, formatter_class=raw)
    parser.add_argument(
        "--data", type=Path, default=None, metavar="FOLDER",
        help="where the secret, the gradebook and the records are kept, outside the repository "
        "(default: D2L_GRADER_DATA, or d2l-grader in your data folder)",
    )  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[..., int], text: str, more: str = ""
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=more or text, formatter_class=raw)
        one.set_defaults(run=run)
        return one

    one = command("grade", _grade, "grade what was handed in", _GRADE)
    one.add_argument("submissions", type=Path, metavar="SUBMISSIONS")
    one.add_argument("--chapter", default="", help="whose questions (default: what most call)")
    one.add_argument("--assignment", default="", help="its name (default: the chapter)")
    one.add_argument("--roster", type=Path, metavar="CSV", help="columns ID and Name, and others")
    one.add_argument("--private", type=Path, metavar="FOLDER", help="questions of your own")
    one.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N",
                     help="submissions at a time (default: %(default)s)")  # fmt: skip
    one.add_argument("--deadline", type=_time, metavar="TIME",
                     help="later files are late, by their own times: 2026-11-20T23:59")  # fmt: skip
    one.add_argument("--scheduler", type=_address, default="", metavar="ADDRESS",
                     help="run the probes on this dask.distributed cluster, tcp://host:8786; "
                     "judge and secret stay here")  # fmt: skip
    one.add_argument("--again", action="store_true", help="grade again what is known already")
    for name, text, default in (
        ("answer", "an answer", Limits.answer_seconds),
        ("cell", "a cell", Limits.cell_seconds),
        ("submission", "a submission", Limits.submission_seconds),
    ):
        one.add_argument(f"--{name}-seconds", type=_amount, default=default, metavar="S",
                         help=f"how long {text} may take (default: %(default)g)")  # fmt: skip
    one.add_argument("--memory", type=_amount, default=Limits.memory / GIB, metavar="GB",
                     help="of a submission (default: %(default)g)")  # fmt: skip
    one.add_argument("--one-sandbox-each", action="store_true",
                     help="import the framework anew for every submission: slower")  # fmt: skip
    one.add_argument("--unsafe-no-sandbox", action="store_true",
                     help="run student code WITH ALL YOUR RIGHTS; marks every result")  # fmt: skip

    one = command("export", _export, "print marks as CSV")
    one.add_argument("assignment")
    one.add_argument("--format", choices=sorted(FORMATS), default="plain")

    one = command("report", _report, "write an HTML page for each student",
                  "Write an HTML page for each student: their marks and code, and nothing of the "
                  "secret inputs.")  # fmt: skip
    one.add_argument("assignment")
    one.add_argument("--to", type=Path, required=True, metavar="FOLDER")

    one = command("show", _show, "print the table of an assignment")
    one.add_argument("assignment", nargs="?", default="")

    one = command("override", _override, "set a mark by hand",
                  "Set a mark by hand, with a reason. It survives grading again.")  # fmt: skip
    for name in ("assignment", "student", "question"):
        one.add_argument(name)
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("points", type=float, nargs="?")
    what.add_argument("--remove", action="store_true", help="take it back")
    one.add_argument("--reason", default="")

    one = command("delete", _delete, "delete all that is kept of a student",
                  "Delete all that is kept of a student: marks, overrides, records with code. "
                  "Submissions, exports and reports that you keep elsewhere are yours to delete.",
                  )  # fmt: skip
    one.add_argument("student", help="the id, as the table shows it")

    command("machine", _machine, "say what this machine offers to run student code safely")
    return parser


def _data(options: argparse.Namespace) -> Path:
    return options.data or data_folder()


def _kept(options: argparse.Namespace) -> Gradebook:
    """The gradebook that is there; looking for one makes none."""
    file = _data(options) / GRADEBOOK
    if not file.is_file():
        raise GradebookError(
            f"{file}: there is no gradebook: nothing has been graded, or it is kept elsewhere "
            "(--data FOLDER, D2L_GRADER_DATA)"
        )
    return Gradebook(file)


def _grade(options: argparse.Namespace) -> int:
    machine = find_machine(options.unsafe_no_sandbox)
    if not machine.sandboxed:
        print(f"{machine.sentences[0]}.", file=sys.stderr)
    order = Order(
        source=options.submissions,
        data=_data(options),
        machine=machine,
        assignment=options.assignment,
        chapter=options.chapter,
        private=options.private.resolve() if options.private else None,
        roster=read_roster(options.roster) if options.roster else Roster(()),
        deadline=options.deadline.astimezone() if options.deadline else None,
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
    with _terminable(), _progress() as progress:
        outcome = grade(order, progress)
    return _say(order, outcome)


def _say(order: Order, outcome: Outcome) -> int:
    with Gradebook(order.gradebook) as book:
        rows = book.rows(outcome.assignment)
    print(table(outcome.assignment, rows))
    for line in reasons(outcome.refused):
        print(f"not taken: {line}")
    for student in outcome.absent:
        print(f"nothing handed in: {printable(student.name)} ({printable(student.id)})")
    for sentence in outcome.sentences:
        print(f"machine: {sentence}", file=sys.stderr)
    return int(any(row.points is None for row in rows))


def _show(options: argparse.Namespace) -> int:
    with _kept(options) as book:
        for assignment in [options.assignment] if options.assignment else book.assignments():
            print(table(assignment, _rows(book, assignment)))
    return 0


def _export(options: argparse.Namespace) -> int:
    with _kept(options) as book:
        rows = _rows(book, options.assignment)
    sys.stdout.write(FORMATS[options.format](options.assignment, rows).replace("\r\n", "\n"))
    return 0


def _report(options: argparse.Namespace) -> int:
    results = Results(_data(options) / "results")
    with _kept(options) as book:
        rows = _rows(book, options.assignment)
        options.to.mkdir(parents=True, exist_ok=True)
        for row in rows:
            key = book.record_of(row.student.id, options.assignment)
            record = results.load(row.student.id, options.assignment, key) if key else None
            page = student_report(options.assignment, row, record)
            name = f"{slug(options.assignment)}-{student_slug(row.student.id)}.html"
            write_whole(options.to / name, page)
    print(f"{len(rows)} reports in {options.to}")
    return 0


def _override(options: argparse.Namespace) -> int:
    points = None if options.remove else options.points
    with _kept(options) as book:
        book.override(options.student, options.assignment, options.question, points, options.reason)
    return 0


def _delete(options: argparse.Namespace) -> int:
    entries = 0
    if (_data(options) / GRADEBOOK).is_file():  # without one there may be records
        with _kept(options) as book:
            entries = book.delete(options.student)
    records = Results(_data(options) / "results").delete(options.student)
    if not entries and not records:
        raise GradebookError(
            f"nothing is kept of {options.student}; the first column of `show` has the ids"
        )
    print(f"deleted: {entries} entries, {records} records")
    return 0


def _machine(options: argparse.Namespace) -> int:
    machine = find_machine()
    print("\n".join(machine.sentences))
    with tempfile.TemporaryDirectory(prefix="d2l-grader-") as folder:
        Path(folder).chmod(0o755)
        make_stage(Path(folder) / "stage")
        problem = nesting_works(Grounds(machine, Path(folder) / "stage"))
    print(
        f"a sandbox for every submission: {problem}" if problem else "a framework is imported once"
    )
    return 0


def _rows(book: Gradebook, assignment: str) -> list[Row]:
    rows = book.rows(assignment)
    if not rows:
        known = ", ".join(book.assignments()) or "none"
        raise GradebookError(f"no assignment {assignment!r} was graded; there are: {known}")
    return rows


def table(assignment: str, rows: list[Row]) -> str:
    """The marks of an assignment as text: a line for each student."""
    questions = list(dict.fromkeys(name for row in rows for name in row.questions))
    lines = [["id", "name", *(name.partition(".")[2] for name in questions), "points", ""]]
    for row in rows:
        found = row.questions
        marks = [_points(found[name].points) if name in found else "" for name in questions]
        marks = [
            mark + "*" if name in found and found[name].reason else mark
            for name, mark in zip(questions, marks, strict=True)
        ]
        notes = [
            *(["late"] if row.late else []),
            *(["no sandbox"] if row.unsafe else []),
            *([printable(row.problem)] if row.problem else []),
            *(["needs a person"] if row.points is None else []),
            *sorted({f"{one.status}: {name.partition('.')[2]}" for name, one in found.items()
                     if one.status not in ("answered", "needs a person", "unreadable")}),
        ]  # fmt: skip
        student = (printable(row.student.id, 24), printable(row.student.name, 32))
        total = f"{_points(row.points)} of {row.out_of:g}"
        lines.append([*student, *marks, total, ", ".join(notes)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    stars = ["* set by hand"] if any("*" in line for line in text) else []
    return "\n".join([f"{assignment}: {len(rows)} submissions", *text, *stars])


def _points(points: float | None) -> str:
    return "?" if points is None else f"{round(points, 2):g}"


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda done, all: None
        return
    with tqdm(unit="submission", disable=None, file=sys.stderr) as bar:

        def progress(done: int, all: int) -> None:
            bar.total = all
            bar.update(done - bar.n)

        yield progress


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to end be handled as Ctrl-C is."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
