"""Marks as CSV: for Canvas, for Moodle, and plain with every question."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from grader.gradebook.database import StudentMarks
from grader.gradebook.hand_marks import COLUMNS, exported, text_id
from grader.judging.marking import BY_HAND


def canvas(assignment: str, students: list[StudentMarks]) -> str:
    """Return a file that Canvas' gradebook imports. A mark that needs a person is left empty."""
    out_of = max((marks.out_of for marks in students), default=0.0)
    table: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment],
        ["    Points Possible", "", "", "", "", _number(out_of)],
    ]
    for marks in students:
        student = marks.student
        texts = (student.name, student.id, student.sis, student.login, student.section)
        table.append([*map(exported, texts), _number(marks.points)])
    return _csv(table)


def moodle(assignment: str, students: list[StudentMarks]) -> str:
    """Return a file that Moodle imports as an offline grading worksheet."""
    table = [
        ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback comments"]
    ]
    for marks in students:
        student = marks.student
        comments = "; ".join(
            f"{name}: {_number(mark.points) or 'open'} of {_number(mark.out_of)}"
            for name, mark in marks.marks.items()
        )
        identifier = exported(f"Participant {student.id}")
        names = (exported(student.name), exported(student.email))
        table.append([identifier, *names, _number(marks.points), _number(marks.out_of), comments])
    return _csv(table)


def plain(assignment: str, students: list[StudentMarks]) -> str:
    """Return a line for each student, with every question and all remarks on the grading."""
    questions = list(dict.fromkeys(name for marks in students for name in marks.marks))
    table = [
        ["assignment", "id", "name", *questions, "points", "out of", "late", "sandbox", "file"]
        + ["overridden", "to look at"]
    ]
    for marks in students:
        by_question = marks.marks
        points = [
            _number(by_question[name].points) if name in by_question else "" for name in questions
        ]
        overridden = "; ".join(
            f"{name}: {mark.reason}" for name, mark in by_question.items() if mark.reason
        )
        pending = [
            f"{name}: by hand" if mark.awaits_reader else name
            for name, mark in by_question.items()
            if mark.points is None
        ]
        table.append(
            [
                assignment,
                exported(marks.student.id),
                exported(marks.student.name),
                *points,
                _number(marks.points),
                _number(marks.out_of),
                "late" if marks.late else "",
                "none" if marks.unsafe else "",
                exported(marks.label),
                exported(overridden),
                exported("; ".join([*filter(None, [marks.problem]), *pending])),
            ]
        )
    return _csv(table)


def by_hand(assignment: str, students: list[StudentMarks]) -> str:
    """Return a line for each text, with columns to fill in; see `hand_marks`."""
    table = [list(COLUMNS)]
    for marks in students:
        student = marks.student
        for question, mark in marks.marks.items():
            if mark.status == BY_HAND:
                person = exported(student.id), exported(student.name)
                given = _number(mark.points), exported(mark.comment)
                text = text_id(mark.text), exported(mark.text)
                table.append([*person, question, _number(mark.out_of), *given, *text])
    return _csv(table)


FORMATS: dict[str, Callable[[str, list[StudentMarks]], str]] = {
    "by-hand": by_hand,
    "canvas": canvas,
    "moodle": moodle,
    "plain": plain,
}


def _number(points: float | None) -> str:
    return "" if points is None else f"{round(points, 4):g}"


def _csv(table: list[list[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(table)
    return stream.getvalue()
