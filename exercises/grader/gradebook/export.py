"""Marks as CSV: for Canvas, for Moodle, and plain with every question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grader.gradebook.database import NOTHING, CountedMark, StudentMarks
from grader.gradebook.hand_ins import ASSIGN
from grader.gradebook.hand_marks import COLUMNS, text_id
from grader.gradebook.spreadsheets import csv_text, exported, number
from grader.intake.csv_files import CsvError, read_rows
from grader.intake.headings import columns_of, plain_heading
from grader.intake.roster import most_common_prefix, participant_number
from grader.judging.marking import BY_HAND

# What Moodle's importer of a worksheet looks for, in the language of the site: the grade, and when
# it was last changed. In the languages of rosters.
_GRADE = (
    *("grade", "bewertung", "calificación", "note", "valutazione", "cijfer", "nota", "betyg"),
    *("karakter", "оценка", "評点", "成绩"),
)
_COMMENTS = (
    *("feedback comments", "feedback als kommentar", "comentarios de retroalimentación"),
    *("commentaires de feedback", "feedback commenti", "feedback", "feedbackopmerkingen"),
    *("comentários de feedback", "comentarios de la retroalimentación"),
)


class ExportError(ValueError):
    """The marks cannot be written in that form; the message gives the reason."""


@dataclass(frozen=True)
class Choices:
    """What a person chose about an export."""

    heading: str = ""  # of Canvas' column; "": the name of the assignment
    absent: float | None = None  # the points of students who handed in nothing; None: left empty
    worksheet: Path | None = None  # the file from Moodle that is filled in
    everything: bool = False  # every question of every student, for marks by hand


@dataclass(frozen=True)
class _Marks:
    """The marks of an assignment, and how they are to be written."""

    assignment: str
    students: list[StudentMarks]
    choices: Choices = field(default_factory=Choices)

    def points(self, marks: StudentMarks) -> str:
        """Return the points of a student as they are exported."""
        return number(self.choices.absent if self.is_absent(marks) else marks.points)

    def is_absent(self, marks: StudentMarks) -> bool:
        return marks.absent and all(mark.points is None for mark in marks.marks.values())


def canvas(marks: _Marks) -> str:
    """Return a file that Canvas' gradebook imports. A mark that is not known is left empty.

    Canvas finds the assignment by the heading of its column, "Blocks (4711)" with its number, and
    makes a new assignment of any other heading.
    """
    out_of = max((one.out_of for one in marks.students), default=0.0)
    heading = exported(marks.choices.heading or marks.assignment)
    table: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", heading],
        ["    Points Possible", "", "", "", "", number(out_of)],
    ]
    for one in marks.students:
        student = one.student
        texts = (student.name, student.id, student.sis, student.login, student.section)
        table.append([*map(exported, texts), marks.points(one)])
    return csv_text(table)


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
    prefix = most_common_prefix(one.student for one in marks.students) or "Participant "
    for one in marks.students:
        student = one.student
        number_there = one.handed_in.moodle_number or student.id
        identifier = student.identifier or f"{prefix}{number_there}"
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


def _filled_in(marks: _Marks, worksheet: Path) -> str:
    """Return a worksheet from Moodle with the grades and comments filled in.

    Raises:
        ExportError: the file is no such worksheet.
    """
    try:
        rows = read_rows(worksheet, lambda row: len(columns_of(row)))
    except CsvError as error:
        raise ExportError(str(error)) from None
    headings = rows[0] if rows else []
    columns = columns_of(headings)
    plain = [plain_heading(heading) for heading in headings]
    grade = next((plain.index(name) for name in _GRADE if name in plain), None)
    comments = next((plain.index(name) for name in _COMMENTS if name in plain), None)
    if "id" not in columns or grade is None:
        raise ExportError(
            f"{worksheet}: not a grading worksheet of Moodle: it needs the columns Identifier and "
            "Grade, or their names in your language"
        )
    by_number: dict[str, StudentMarks] = {}
    for one in marks.students:
        for text in filter(None, (one.handed_in.moodle_number, one.student.id)):
            by_number.setdefault(text, one)
    table = [headings]
    for row in rows[1:]:
        cells = [*row, *[""] * (len(headings) - len(row))]
        found = by_number.get(participant_number(cells[columns["id"]]))
        if found is not None:
            cells[grade] = marks.points(found) or cells[grade]
            if comments is not None and not found.absent:
                cells[comments] = _summary(found)
        ours = (grade,)  # a number; a lone hyphen is Moodle's, and no formula
        table.append(
            [
                cell if place in ours or cell == "-" else exported(cell)
                for place, cell in enumerate(cells)
            ]
        )
    return csv_text(table)


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


def _writer(form: Callable[[_Marks], str]) -> Callable[..., str]:
    def write(assignment: str, students: list[StudentMarks], choices: Choices | None = None) -> str:
        marks = _Marks(assignment, students, choices or Choices())
        _check_that_absence_is_known(marks)
        return form(marks)

    return write


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
