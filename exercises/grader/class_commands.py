"""The commands about the class: whose file it is, until when, and what the class did."""

from __future__ import annotations

import argparse
import difflib
import getpass
import io
import sys
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TextIO

from grader.class_grading import A_TERM, GradingSummary
from grader.gradebook.database import Gradebook, GradebookError, StudentMarks
from grader.gradebook.export import Choices, ExportError
from grader.gradebook.records import RecordStore, replace_private, write_private
from grader.gradebook.report_files import NAMES, PLAIN, archive_file, archive_of, left_out
from grader.gradebook.spreadsheets import BYTE_ORDER_MARK, for_excel
from grader.gradebook.student_pages import student_page
from grader.intake.names import printable
from grader.intake.roster import Roster

EXTEND = """\
Give a student until another time. The same command again changes it, --remove
takes it back. Whether a submission is late follows at once; nothing has to be
graded again.

  grader extend 12345 2026-11-27T23:59
  grader extend 12345 --remove --assignment blocks
"""
ASSIGN = """\
Say whose file it is, where no rule can tell: a file that nobody in the roster
matches, or one of several that a student handed in. FILE is the name that
`grader grade` printed. Then type the same `grader grade` again.

  grader assign "final version.ipynb" 12345
"""
STATS = """\
Write what the class did: a page with plots (statistics.html), and the same as
CSV. For each question and aspect the share that passed, the commonest messages,
when work came in, and submissions that are the same but for names and layout.
These are a reason to talk with the students, and never a verdict.

  grader stats blocks --to statistics/
"""
_OpenBook = Callable[[argparse.Namespace], Gradebook]
_Command = Callable[..., argparse.ArgumentParser]


def user_name() -> str:
    """Return the name of who types; "" if the machine knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def add_by(parser: argparse.ArgumentParser) -> None:
    """Add the option of who gives a mark."""
    parser.add_argument(
        "--by", default=user_name(), metavar="NAME", help="who decides this (default: %(default)s)"
    )


def add_commands(
    command: _Command, time: Callable[[str], datetime], folder: Callable[[str], Path]
) -> None:
    """Add the parsers of `extend`, `assign` and `stats`, without what they run."""
    extend = command("extend", None, "give a student more time", EXTEND)
    extend.add_argument("student", metavar="STUDENT", help="an id, an email or a name")
    until = extend.add_mutually_exclusive_group(required=True)
    until.add_argument(
        "until",
        type=time,
        metavar="DATE",
        nargs="?",
        help="2026-11-27T23:59, or 2026-11-27 for the end of that day",
    )
    until.add_argument("--remove", action="store_true", help="take the extension back")
    assign = command("assign", None, "say whose file it is", ASSIGN)
    assign.add_argument("file", metavar="FILE", help="its name, as `grader grade` prints it")
    assign.add_argument("student", metavar="STUDENT", help="an id, an email or a name")
    for parser in (extend, assign):
        parser.add_argument(
            "--assignment",
            default="",
            help="as `grader show` lists it (default: the only one that was graded)",
        )
        add_by(parser)
    stats = command("stats", None, "write what the class did", STATS)
    stats.add_argument("assignment", metavar="ASSIGNMENT", help="as `grader show` lists it")
    stats.add_argument(
        "--to", type=folder, required=True, metavar="FOLDER", help="the folder to write to"
    )


def extend(options: argparse.Namespace, book: Gradebook) -> int:
    """Run `extend`."""
    assignment = _assignment(options.assignment, book)
    student = _student(options.student, assignment, book)
    until = None if options.remove else options.until
    book.class_list.extend(student, assignment, until, options.by)
    name = printable(book.class_list.student(student).name)
    print(
        f"{assignment}: {name} has until {shown_time(until)}"
        if until
        else f"{assignment}: {name} has the same deadline as the others"
    )
    deadline = book.class_list.deadline(assignment)
    if until and deadline and until < deadline:
        print(
            f"this is before the deadline of the others, {shown_time(deadline)}: {name} has less "
            "time than they have",
            file=sys.stderr,
        )
    for line in _still_late(student, assignment, book):
        print(line)
    return 0


def shown_time(time: datetime) -> str:
    """Return a time with its day of the week and zone, so that a slip shows."""
    return f"{time:%Y-%m-%d %H:%M} ({time:%A}, {time.tzname()})"


def _still_late(student: str, assignment: str, book: Gradebook) -> Iterator[str]:
    """Say why a student to whom a time was given is marked late, or not, whatever it is."""
    marks = {one.student.id: one for one in book.student_marks(assignment)}.get(student)
    if marks is None or marks.handed_in.time is not None or not marks.late:
        return
    system = marks.handed_in.system.title()
    yield (
        f"still marked late: {system} marked {printable(marks.label)} as late and does not say "
        "when it came in. Look there; if it was in time, ignore the mark late"
    )


def assign(options: argparse.Namespace, book: Gradebook) -> int:
    """Run `assign`."""
    assignment = _assignment(options.assignment, book)
    student = _student(options.student, assignment, book)
    file = _file(options.file, assignment, book)
    book.class_list.assign(assignment, file, student, options.by)
    name = printable(book.class_list.student(student).name)
    print(f"{assignment}: {printable(file)} is by {name}; grade again to have it counted")
    return 0


def _assignment(name: str, book: Gradebook) -> str:
    if name:
        check_assignment(name, book)
        return name
    known = book.assignments()
    if len(known) != 1:
        listed = ", ".join(known) or "none"
        raise GradebookError(f"which assignment? --assignment NAME; graded assignments: {listed}")
    return known[0]


def check_assignment(name: str, book: Gradebook) -> None:
    """Check that an assignment was graded.

    Raises:
        GradebookError: it was not.
    """
    if name not in (graded := book.assignments()):
        known = ", ".join(graded) or "none"
        raise GradebookError(f"no assignment {name!r} was graded; graded assignments: {known}")


def _student(text: str, assignment: str, book: Gradebook) -> str:
    students = book.student_marks(assignment, all_of_them=True)
    ids = {marks.student.id: marks.student for marks in students}
    if (found := book.class_list.find(text, ids)) is not None:
        return found
    names = [name for one in ids.values() for name in (one.id, one.name)]
    near = difflib.get_close_matches(text, names, 3)
    hint = f"; near to it: {', '.join(near)}" if near else ""
    raise GradebookError(
        f"nobody in {assignment} is {text!r}, or more than one{hint}. Grade with --roster, so that "
        "students are known who handed in nothing"
    )


def _file(text: str, assignment: str, book: Gradebook) -> str:
    """Return the path of the file that a person means, by its name or the end of its path.

    Raises:
        GradebookError: there is no such file, or more than one.
    """
    files = book.class_list.files(assignment)
    if not files:  # graded by an earlier version
        return text
    for same in (_exactly, _loosely):
        if found := {path for label, path in files if same(text, label) or same(text, path)}:
            break
    if len(found) == 1:
        return found.pop()
    labels = [label for label, path in files if path in found] or difflib.get_close_matches(
        text, [label for label, _ in files], 3, 0.4
    )
    which = "several files are" if found else "no file is"
    hint = f"; near to it: {', '.join(map(repr, labels))}" if labels else ""
    raise GradebookError(
        f"{which} named {printable(text)!r} in {assignment}{hint}. FILE is the name that "
        "`grader grade` printed"
    )


def _exactly(text: str, name: str) -> bool:
    return text == name


def _loosely(text: str, name: str) -> bool:
    """Return whether one is the end of the other's path, however it is written."""
    one, other = (
        PurePosixPath(unicodedata.normalize("NFC", path.strip().replace("\\", "/").casefold()))
        for path in (text, name)
    )
    length = min(len(one.parts), len(other.parts))
    return length > 0 and one.parts[-length:] == other.parts[-length:]


def shared_marks(summary: GradingSummary) -> Iterator[str]:
    """Yield a line for each student who has the mark of another."""
    for student, partners in summary.shared.items():
        for one in partners:
            who = f"{printable(one.name)} ({printable(one.id)})"
            yield f"shares the mark of {printable(student)}: {who}"


def of_another_class(summary: GradingSummary, roster: Roster) -> str:
    """Return a line, or "", if a class of an earlier term seems to be in the gradebook too.

    It is another class where more of its students are gone than are here now.

    Args:
        summary: what grading the class gave.
        roster: the roster that was given now.
    """
    here = summary.present | {one.id for one in roster.students}
    count = len(summary.earlier - here)
    if count <= len(summary.earlier & here):
        return ""
    return (
        f"another class? {count} student{'s were' if count > 1 else ' was'} graded in "
        f"{summary.assignment} more than {A_TERM.days} days ago, of whom none handed in now or is "
        "in the roster given now. If the class is another one, grade it with a folder of its own: "
        "--data FOLDER"
    )


def write_csv(text: str, to: Path | None, stream: TextIO) -> None:
    """Write a CSV file, or print it.

    Excel takes the file for UTF-8 only with a mark at its beginning, so a file gets the mark if it
    has letters like é: also where the shell writes the file.
    """
    if to is not None:
        write_private(to, for_excel(text))
        return
    if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
        stream.reconfigure(encoding="utf-8")  # whatever the terminal's is
    if not text.isascii() and _is_file(stream):
        stream.write(BYTE_ORDER_MARK)
    stream.write(text.replace("\r\n", "\n"))


def _is_file(stream: TextIO) -> bool:
    try:
        return Path(f"/dev/fd/{stream.fileno()}").is_file()
    except (OSError, ValueError):
        return False


# Options of `export`: what they are stored as, and the formats in which they change something.
_OF_FORMATS = {
    "--assignment": ("assignment_heading", ("canvas",)),
    "--worksheet": ("worksheet", ("moodle",)),
    "--all": ("all", ("by-hand",)),
    "--absent": ("absent", ("canvas", "moodle", "plain")),
}


def choices(options: argparse.Namespace, book: Gradebook) -> Choices:
    """Return what a person chose about an export.

    Raises:
        ExportError: an option changes nothing in the chosen format.
    """
    for option, (name, formats) in _OF_FORMATS.items():
        given = getattr(options, name)  # 0 points are given
        is_given = given is not None and given is not False and given != ""
        if is_given and options.format not in formats:
            wanted = " or ".join(f"--format {one}" for one in formats)
            raise ExportError(
                f"{option} changes nothing with --format {options.format}; it is for {wanted}"
            )
    return Choices(
        *(options.assignment_heading, options.absent, options.worksheet, options.all),
        book.class_list.roster_of(options.assignment),
    )


def whole_class(book: Gradebook, assignment: str) -> list[StudentMarks]:
    """Return the marks of all students, also of those who handed in nothing.

    Raises:
        GradebookError: there is no such assignment.
    """
    check_assignment(assignment, book)
    return book.student_marks(assignment, all_of_them=True)


def report(options: argparse.Namespace, book: Gradebook, records: RecordStore) -> int:
    """Run `report`."""
    assignment, system = options.assignment, options.format
    students = whole_class(book, assignment)
    options.to.mkdir(parents=True, exist_ok=True)
    pages = {}
    for marks in students:
        if marks.absent and all(one.points is None for one in marks.marks.values()):
            continue
        record = book.record_of(marks.student.id, assignment, records)
        framework = record.framework if record else ""
        expected = book.class_list.expectations(assignment, framework)
        if name := NAMES[system](assignment, marks):
            pages[name] = student_page(assignment, marks, record, expected)
    if system == PLAIN:
        for name, page in pages.items():
            write_private(options.to / name, page)
        print(f"{len(pages)} reports in {options.to}")
        return 0
    file = archive_file(options.to, assignment, system)
    replace_private(file, archive_of(pages))
    print(f"{len(pages)} reports in {file}")
    handed_in = [marks for marks in students if not marks.absent]
    for who in left_out(assignment, handed_in, system):
        print(f"no report, since the file is not from {system.title()}: {who}", file=sys.stderr)
    return 0


def stats(options: argparse.Namespace, book: Gradebook, records: RecordStore) -> int:
    """Run `stats`."""
    from grader.gradebook.likeness import alike, handed_out_code
    from grader.gradebook.statistics import csv_files, numbers_of
    from grader.gradebook.statistics_page import statistics_page

    assignment = options.assignment
    students = whole_class(book, assignment)
    found, codes = {}, {}
    for marks in students:
        record = book.record_of(marks.student.id, assignment, records)
        if record is not None:
            found[marks.student.id] = record
            if not marks.handed_in.shared_by:
                codes[marks.student.id] = record.cells
    questions = book.class_list.questions(assignment)
    pairs = alike(codes, handed_out_code(questions))
    numbers = numbers_of(assignment, students, found, book.class_list.deadline(assignment), pairs)
    options.to.mkdir(parents=True, exist_ok=True)
    write_private(options.to / "statistics.html", statistics_page(numbers))
    for name, text in csv_files(numbers).items():
        write_private(options.to / name, for_excel(text))
    print(f"{numbers.submissions} submissions: {options.to / 'statistics.html'}")
    return 0
