"""The marks of an assignment as a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from grader.gradebook.database import StudentMarks
from grader.gradebook.hand_ins import ASSIGN
from grader.intake.submissions import printable
from grader.judging.marking import BY_HAND, UNREADABLE
from grader.judging.session import ANSWERED, NEEDS_PERSON


def marks_table(assignment: str, students: list[StudentMarks]) -> str:
    """Return a line for each student. Marks set by hand have a star."""
    questions = list(dict.fromkeys(name for marks in students for name in marks.marks))
    lines = [["id", "name", *map(_short, questions), "points", ""]]
    for marks in students:
        lines.append(
            [
                printable(marks.student.id, 24),
                printable(marks.student.name, 32),
                *(_cell(marks, name) for name in questions),
                f"{_points(marks.points)} of {marks.out_of:g}",
                ", ".join(_remarks(marks)),
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    stars = ["* set by hand"] if any("*" in line for line in text) else []
    waiting = sum(mark.awaits_reader for marks in students for mark in marks.marks.values())
    hand = [f"to mark by hand: {waiting} texts (grader marks --help)"] if waiting else []
    head = f"{assignment}: {len(students)} submissions"
    return "\n".join([head, *text, *stars, *hand, *_open_marks(students), *_unmatched(students)])


def _open_marks(students: list[StudentMarks]) -> Iterator[str]:
    """Yield a line for each reason why marks of a student need a person."""
    for marks in students:
        reasons: dict[str, list[str]] = {}
        for name, mark in marks.marks.items():
            if mark.needs_person:
                reasons.setdefault(mark.said or marks.problem, []).append(_short(name))
        everything = len(marks.marks)
        for reason, names in reasons.items():
            which = "everything" if len(names) == everything > 1 else ", ".join(names)
            person = printable(marks.student.id, 24)
            yield f"needs a person: {person}, {which}: {printable(reason, 600)}"
    if any(one.needs_person for marks in students for one in marks.marks.values()):
        yield (
            "to settle: ask for a file that can be graded and grade again, or give the marks by "
            "hand (grader override, grader marks)"
        )


def _unmatched(students: list[StudentMarks]) -> Iterator[str]:
    """Yield a line for each file that nobody in the roster matches."""
    for marks in students:
        if marks.is_unmatched:
            yield (
                f"needs a person: nobody in the roster matches {printable(marks.label)}: {ASSIGN}, "
                "then grade again; if the student is in no roster, STUDENT is "
                f"{printable(marks.student.id, 60)}"
            )


def _cell(marks: StudentMarks, question: str) -> str:
    mark = marks.marks.get(question)
    if mark is None:
        return ""
    if mark.awaits_reader:
        return "by hand"
    return _points(mark.points) + ("*" if mark.reason else "")


def _remarks(marks: StudentMarks) -> list[str]:
    """Return what the instructor should know about a submission, apart from its points."""
    ordinary = (ANSWERED, BY_HAND, NEEDS_PERSON, UNREADABLE)
    return [
        *(["late"] if marks.late else []),
        *(["no sandbox"] if marks.unsafe else []),
        *(["not in the roster"] if marks.is_unmatched else []),
        *([printable(marks.problem)] if marks.problem else []),
        *(["needs a person"] if any(one.needs_person for one in marks.marks.values()) else []),
        *sorted(
            {
                f"{mark.status}: {_short(name)}"
                for name, mark in marks.marks.items()
                if mark.status not in ordinary
            }
        ),
    ]


def _short(question: str) -> str:
    return question.partition(".")[2]


def _points(points: float | None) -> str:
    return "?" if points is None else f"{round(points, 2):g}"
