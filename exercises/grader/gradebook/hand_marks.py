"""Marks that a person gives: a table to fill in, and reading it back.

    grader export blocks --format by-hand > texts.csv
    grader marks blocks texts.csv

The table has a row for each text, or for each question of each student, and the columns of
`COLUMNS`; a person fills in `points` and `comment`. The text id tells whether a student has handed
in another text since.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from grader.intake.csv_files import CsvError, read_rows

COLUMNS = ("id", "name", "question", "out of", "points", "comment", "text id", "text")
_NEEDED = ("id", "question", "points")  # and "text id" for texts


class HandMarksError(ValueError):
    """Marks cannot be entered; the message names the file, the lines and the reasons."""


@dataclass(frozen=True)
class HandMark:
    """One row that was filled in."""

    line: int  # of the table, the headings being line 1
    student: str  # the id as it was exported
    question: str
    points: float | None  # None: there is only a comment
    comment: str
    text_id: str
    name: str = ""  # of the student, as it was exported


def text_id(text: str) -> str:
    """Return an id of a text: another one for another text."""
    return f"text-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def plain_number(text: str) -> float:
    """Return a number that people type: digits, with one comma or point at most.

    Raises:
        ValueError: it is written otherwise, such as 1e1, 1_0, nan or 1.000,5.
    """
    if not re.fullmatch(r"-?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)", text.strip()):
        raise ValueError(f"not a number: {text}")
    return float(text.replace(",", "."))


def read_hand_marks(file: Path) -> list[HandMark]:
    """Read the rows that have points or a comment.

    Raises:
        HandMarksError: the file cannot be read, lacks a column, or has points that are no number.
    """
    try:
        rows = read_rows(
            file, lambda row: len({*COLUMNS} & {cell.strip().casefold() for cell in row})
        )
    except CsvError as error:
        raise HandMarksError(str(error)) from None
    headings = [heading.strip().casefold() for heading in rows[0]] if rows else []
    if any(name not in headings for name in _NEEDED):
        missing = [name for name in (*_NEEDED, "text id") if name not in headings]
        raise HandMarksError(
            f"{file}: it lacks the columns {', '.join(missing)}; fill in the file that "
            "`grader export ASSIGNMENT --format by-hand` prints"
        )
    found, problems = [], []
    for line, row in enumerate(rows[1:], 2):
        values = dict(zip(headings, (cell.strip() for cell in row), strict=False))
        if not values.get("points") and not values.get("comment"):
            continue
        try:
            points = plain_number(values["points"]) if values.get("points") else None
        except ValueError:
            problems.append(f"row {line}: points must be a number, got {values['points']}")
            continue
        student, question = values["id"], values.get("question", "")
        comment, text = values.get("comment", ""), values.get("text id", "")
        name = values.get("name", "")
        found.append(HandMark(line, student, question, points, comment, text, name))
    if problems:
        raise HandMarksError("\n  ".join([f"{file}: nothing was entered:", *problems]))
    return found
