"""Marks as CSV: for Canvas, for Moodle, and plain with every question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grader.gradebook.database import NOTHING, CountedMark, StudentMarks
from grader.gradebook.hand_ins import ASSIGN
from grader.gradebook.hand_marks import COLUMNS, text_id
from grader.gradebook.spreadsheets import csv_text, exported, number
from grader.gradebook.worksheets import WorksheetError, read_worksheet
from grader.intake.headings import CANVAS
from grader.intake.names import is_number
from grader.intake.roster import Student, most_common_prefix, participant_number
from grader.judging.marking import BY_HAND


class ExportError(ValueError):
    """The marks cannot be written in that form; the message gives the reason."""


@dataclass(frozen=True)
class Choices:
    """What a person chose about an export."""

    heading: str = ""  # of Canvas' column; "": the name of the assignment
    absent: float | None = None  # the points of students who handed in nothing; None: left empty
    worksheet: Path | None = None  # the file from Moodle that is filled in
    everything: bool = False  # every question of every student, for marks by hand
    roster_of: str = ""  # the system that wrote the roster, if it is known


@dataclass(frozen=True)
class Exported:
    """A file of marks."""

    text: str
    remarks: list[str]  # what a person should know about it, a line each


@dataclass(frozen=True)
class _Marks:
    """The marks of an assignment, and how they are to be written."""

    assignment: str
    students: list[StudentMarks]
    choices: Choices = field(default_factory=Choices)
    remarks: list[str] = field(default_factory=list)

    @property
    def out_of(self) -> float:
        """The points that can be earned."""
        return max((one.out_of for one in self.students), default=0.0)

    def points(self, marks: StudentMarks) -> str:
        """Return the points of a student as they are exported."""
        return number(self.choices.absent if self.is_absent(marks) else marks.points)

    def is_absent(self, marks: StudentMarks) -> bool:
        return marks.absent and all(mark.points is None for mark in marks.marks.values())

    def of_the_course(self) -> list[StudentMarks]:
        """Return the students of the roster; a remark names each file that matches nobody.

        In a course system, the mark of such a file could reach another student.
        """
        for one in self.students:
            if one.is_unmatched:
                file = exported(one.label or one.student.id)
                self.remarks.append(f"left out, since nobody in the roster matches it: {file}")
        return [one for one in self.students if not one.is_unmatched]


def canvas(marks: _Marks) -> str:
    """Return a file that Canvas' gradebook imports. A mark that is not known is left empty.

    Canvas finds the assignment by the heading of its column, "Blocks (4711)" with its number, and
    makes a new assignment of any other heading.
    """
    heading = exported(marks.choices.heading or marks.assignment)
    table: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", heading],
        ["    Points Possible", "", "", "", "", number(marks.out_of)],
    ]
    students = marks.of_the_course()
    numbers = _canvas_numbers(students, marks.choices.roster_of)
    for one in students:
        student = one.student
        own = (student.sis, student.login, student.section)
        texts = (student.name, numbers.get(student.id, ""), *own)
        table.append([*map(exported, texts), marks.points(one)])
        if student.id not in numbers:
            marks.remarks.append(
                f"no ID of Canvas is known of {_who(one)}, so it is empty: grade again with "
                "--roster and the gradebook that Canvas exports"
            )
    return csv_text(table)


def _canvas_numbers(students: list[StudentMarks], roster_of: str) -> dict[str, str]:
    """Return Canvas' own numbers, by the students' ids.

    They are in the names of the files that Canvas gives out. The ids of a roster are such numbers
    if Canvas seems to have written it and the files do not all say otherwise, or if the file of
    every student has the student's id.
    """
    named = {one.student.id: number for one in students if (number := one.handed_in.canvas_number)}
    agree = [one == number for one, number in named.items()]
    otherwise = len(agree) > 1 and not any(agree)  # a single file may have been assigned
    if (roster_of == CANVAS and not otherwise) or (agree and all(agree)):
        named |= {one.student.id: one.student.id for one in students if is_number(one.student.id)}
    return _without_repeated(named)


def _without_repeated(numbers: dict[str, str]) -> dict[str, str]:
    """Return numbers of students without those that several have: one of them is another's."""
    count = Counter(numbers.values())
    return {student: number for student, number in numbers.items() if count[number] == 1}


def _who(one: StudentMarks) -> str:
    return exported(f"{one.student.name} ({one.student.id})")


def moodle(marks: _Marks) -> str:
    """Return a file that Moodle imports as an offline grading worksheet.

    The importer wants the headings and the word before the participants' numbers in the language
    of the site. A worksheet from the site has them; without one they are English.
    """
    if marks.choices.worksheet is not None:
        return _filled_in(marks, marks.choices.worksheet)
    table = [
        ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade"]
        + ["Last modified (grade)", "Feedback comments"]
    ]
    students = marks.of_the_course()
    prefix = most_common_prefix(one.student for one in students) or "Participant "
    numbers = _moodle_numbers(students)
    for one in students:
        student = one.student
        number_there = numbers.get(student.id, "")
        identifier = f"{prefix}{number_there}" if number_there else ""
        if number_there and number_there == _participant(student):
            identifier = student.identifier
        if not identifier:
            marks.remarks.append(
                f"no number of Moodle is known of {_who(one)}, so the identifier is empty: fill in "
                "the worksheet from Moodle with --worksheet"
            )
        table.append(
            [
                exported(identifier),
                exported(student.name),
                exported(student.email),
                marks.points(one),
                number(one.out_of),
                "",
                exported(_summary(one)),
            ]
        )
    return csv_text(table)


def _moodle_numbers(students: list[StudentMarks]) -> dict[str, str]:
    """Return the participants' numbers that Moodle wrote, by the students' ids.

    They are in the names of the files that Moodle gives out, and in rosters with its identifiers.
    Moodle numbers the students of each assignment anew, so those of a roster count unless the files
    have others.
    """
    named = {one.student.id: one.handed_in.moodle_number for one in students}
    listed = {one.student.id: _participant(one.student) for one in students}
    both = [(named[one], listed[one]) for one in named if named[one] and listed[one]]
    if both and all(file != roster for file, roster in both):
        listed = {}
    known = {student: listed.get(student) or number for student, number in named.items()}
    return _without_repeated({student: number for student, number in known.items() if number})


def _participant(student: Student) -> str:
    """Return the participant's number in the roster, if Moodle wrote it."""
    return participant_number(student.identifier) if student.identifier else ""


def _filled_in(marks: _Marks, worksheet: Path) -> str:
    """Return a worksheet from Moodle with the grades and comments filled in.

    Raises:
        ExportError: the file is no such worksheet.
    """
    try:
        sheet = read_worksheet(worksheet)
    except WorksheetError as error:
        raise ExportError(str(error)) from None
    students = marks.of_the_course()
    found = sheet.match(students, _moodle_numbers(students))
    table = [sheet.headings]
    for place, row in enumerate(sheet.rows):
        cells = list(row)
        one = found.get(place)
        if one is not None:
            cells[sheet.grade] = marks.points(one) or cells[sheet.grade]
            if sheet.comments is not None and not one.absent:
                cells[sheet.comments] = _summary(one)
        table.append(
            [  # the grade is a number; a lone hyphen is Moodle's, and no formula
                cell if column == sheet.grade or cell == "-" else exported(cell)
                for column, cell in enumerate(cells)
            ]
        )
    there = {one.student.id for one in found.values()}
    for one in students:
        if one.student.id not in there and (marks.points(one) or not marks.is_absent(one)):
            marks.remarks.append(f"no row in the worksheet is that of {_who(one)}")
    marks.remarks.extend(_other_maximum(sheet.maxima(found), marks.out_of))
    return csv_text(table)


def _other_maximum(maxima: set[float], out_of: float) -> Iterator[str]:
    for maximum in sorted(maxima - {out_of}):
        yield (
            f"Moodle's maximum is {number(maximum)}, here {number(out_of)}: set it there to "
            f"{number(out_of)}"
        )


def _summary(one: StudentMarks) -> str:
    if one.absent:
        return ""
    return "; ".join(
        f"{name}: {number(mark.points) or 'open'} of {number(mark.out_of)}"
        for name, mark in one.marks.items()
    )


def plain(marks: _Marks) -> str:
    """Return a line for each student, with every question and all remarks on the grading."""
    questions = list(dict.fromkeys(name for one in marks.students for name in one.marks))
    table = [
        ["assignment", "id", "name", *questions, "points", "out of", "late", "sandbox", "file"]
        + ["overridden", "to look at"]
    ]
    for one in marks.students:
        by_question = one.marks
        points = [
            number(by_question[name].points) if name in by_question else "" for name in questions
        ]
        overridden = "; ".join(
            f"{name}: {mark.reason}" + (f" ({mark.given})" if mark.given else "")
            for name, mark in by_question.items()
            if mark.reason
        )
        remarks = ["nobody in the roster" * one.is_unmatched, one.problem, *_pending(one)]
        if one.absent:
            remarks = [NOTHING]
        elif one.handed_in.shared_by:
            remarks.append(f"shared with {one.handed_in.shared_by}")
        table.append(
            [
                exported(marks.assignment),
                exported(one.student.id),
                exported(one.student.name),
                *points,
                marks.points(one),
                number(one.out_of),
                "late" if one.late else "",
                "none" if one.unsafe else "",
                exported(one.label),
                exported(overridden),
                exported("; ".join(filter(None, remarks))),
            ]
        )
    return csv_text(table)


def _pending(one: StudentMarks) -> list[str]:
    return [
        f"{name}: {_why_open(mark, one.problem)}".removesuffix(": ")
        for name, mark in one.marks.items()
        if mark.points is None
    ]


def by_hand(marks: _Marks) -> str:
    """Return a line for each text, with columns to fill in; see `hand_marks`.

    If everything was asked for, a line for each question of each student, also of those whose
    file was refused or who handed in nothing.
    """
    table = [list(COLUMNS)]
    for one in marks.students:
        student = one.student
        for question, mark in one.marks.items():
            if mark.status == BY_HAND or marks.choices.everything:
                person = exported(student.id), exported(student.name)
                given = number(mark.points), exported(mark.comment or mark.reason)
                words = mark.text or (one.handed_in.written if mark.is_text else "")
                text = text_id(mark.text) if mark.status == BY_HAND else "", exported(words)
                table.append([*person, question, number(mark.out_of), *given, *text])
    return csv_text(table)


_FORMATS: dict[str, Callable[[_Marks], str]] = {
    "by-hand": by_hand,
    "canvas": canvas,
    "moodle": moodle,
    "plain": plain,
}


def _writer(form: Callable[[_Marks], str]) -> Callable[..., Exported]:
    def write(
        assignment: str, students: list[StudentMarks], choices: Choices | None = None
    ) -> Exported:
        marks = _Marks(assignment, students, choices or Choices())
        _check_points_of_the_absent(marks)
        _check_that_absence_is_known(marks)
        return Exported(form(marks), marks.remarks)

    return write


def _check_points_of_the_absent(marks: _Marks) -> None:
    absent = marks.choices.absent
    if absent is not None and not 0 <= absent <= marks.out_of:
        raise ExportError(
            f"--absent: must be from 0 to {number(marks.out_of)}, the points that can be earned, "
            f"got {number(absent)}"
        )


def _check_that_absence_is_known(marks: _Marks) -> None:
    """Check that no file may be the work of a student who would get the points of the absent.

    Raises:
        ExportError: there is such a file.
    """
    files = [one.label for one in marks.students if one.is_unmatched]
    waiting = [one for one in marks.students if marks.is_absent(one)]
    if marks.choices.absent is not None and files and waiting:
        raise ExportError(
            f"--absent: {len(waiting)} students handed in nothing, or one of the files that "
            f"nobody in the roster matches: {exported(', '.join(files[:5]))}. Type {ASSIGN} for "
            "each, grade again, then export again"
        )


def _why_open(mark: CountedMark, problem: str) -> str:
    """Return why a mark has no points, unless the problem of the whole file says so already."""
    return "by hand" if mark.awaits_reader else "" if mark.said == problem else mark.said


# By the name of a format: what writes the marks of an assignment, a list of students, in it.
FORMATS = {name: _writer(form) for name, form in _FORMATS.items()}
