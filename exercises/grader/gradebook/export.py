"""Marks as CSV: for Canvas, for Moodle, and plain."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from grader.gradebook.database import Row

# Spreadsheets run what begins with these, some also when blanks stand before them or when they are
# as wide as Chinese characters.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def canvas(assignment: str, rows: list[Row]) -> str:
    """What Canvas' gradebook imports. A mark that needs a person is left blank."""
    out_of = max((row.out_of for row in rows), default=0.0)
    table: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment],
        ["    Points Possible", "", "", "", "", _number(out_of)],
    ]
    for row in rows:
        one = row.student
        names = (one.name, one.id, one.sis, one.login, one.section)
        table.append([*map(_text, names), _number(row.points)])
    return _csv(table)


def moodle(assignment: str, rows: list[Row]) -> str:
    """What Moodle's offline grading worksheet imports."""
    table = [
        ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback comments"]
    ]
    for row in rows:
        one = row.student
        said = "; ".join(
            f"{name}: {_number(found.points) or 'open'} of {_number(found.out_of)}"
            for name, found in row.questions.items()
        )
        identifier = _text(f"Participant {one.id}")
        names = (_text(one.name), _text(one.email))
        table.append([identifier, *names, _number(row.points), _number(row.out_of), said])
    return _csv(table)


def plain(assignment: str, rows: list[Row]) -> str:
    """A line for each student with every question, and all that is to be known of the grading."""
    questions = list(dict.fromkeys(name for row in rows for name in row.questions))
    table = [
        ["assignment", "id", "name", *questions, "points", "out of", "late", "sandbox", "file"]
        + ["overridden", "to look at"]
    ]
    for row in rows:
        found = row.questions
        marks = [_number(found[name].points) if name in found else "" for name in questions]
        by_hand = "; ".join(f"{name}: {one.reason}" for name, one in found.items() if one.reason)
        open_ = [name for name, one in found.items() if one.points is None]
        table.append(
            [
                assignment,
                _text(row.student.id),
                _text(row.student.name),
                *marks,
                _number(row.points),
                _number(row.out_of),
                "late" if row.late else "",
                "none" if row.unsafe else "",
                _text(row.label),
                _text(by_hand),
                _text("; ".join([*filter(None, [row.problem]), *open_])),
            ]
        )
    return _csv(table)


FORMATS: dict[str, Callable[[str, list[Row]], str]] = {
    "canvas": canvas,
    "moodle": moodle,
    "plain": plain,
}


def _number(points: float | None) -> str:
    return "" if points is None else f"{round(points, 4):g}"


def _text(text: str) -> str:
    """Text that a spreadsheet takes for text."""
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _csv(table: list[list[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(table)
    return stream.getvalue()
