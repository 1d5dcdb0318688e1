"""Who is in the class: a CSV with names and ids, such as Canvas and Moodle export."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.intake.submissions import Submission
from grader.sandbox.limits import MIB

# Headings, as the systems and people write them.
_HEADINGS = {
    "id": ("id", "user id", "canvas id", "moodle id", "student id", "identifier", "participant"),
    "name": ("name", "student", "full name", "student name"),
    "sis": ("sis user id", "sis id", "id number"),
    "login": ("sis login id", "login", "login id", "username"),
    "email": ("email", "email address", "e-mail"),
    "section": ("section", "group"),
}


class RosterError(ValueError):
    """The file is no roster; says why."""


@dataclass(frozen=True)
class Student:
    """One student."""

    id: str  # the system's id; without a roster what the file's name says
    name: str
    sis: str = ""
    login: str = ""
    email: str = ""
    section: str = ""


class Roster:
    """The students of a class, found by what their files are called."""

    def __init__(self, students: Iterable[Student]) -> None:
        self.students = list(students)
        self._by_id = {one.id: one for one in self.students}
        self._by_other: dict[str, list[Student]] = {}
        for one in self.students:
            first_last = " ".join(reversed(one.name.split(", ")))
            others = {one.id, one.sis, one.login, one.email, one.email.partition("@")[0]}
            others |= {_letters(one.name), _letters(first_last)}
            for other in {text.casefold() for text in others} - {""}:
                self._by_other.setdefault(other, []).append(one)

    def has_id(self, submission: Submission) -> bool:
        """Whether what was handed in bears the id of a student, and no name alone."""
        return submission.user in self._by_id

    def find(self, submission: Submission) -> Student | None:
        """The student who handed this in; None if nobody fits, or several do."""
        if (found := self._by_id.get(submission.user)) is not None:
            return found
        for text in (submission.user.casefold(), _letters(submission.name)):
            if len(fitting := self._by_other.get(text, [])) == 1:
                return fitting[0]
        return None


def read_roster(file: Path) -> Roster:
    """The roster in a CSV file.

    Raises:
        RosterError: it is missing, is no CSV, has no headings for ids or names, or an id occurs
            twice.
    """
    if not file.is_file():
        raise RosterError(
            f"{file}: there is no such file; wanted is a CSV with columns ID and Name"
        )
    data = file.read_bytes()
    if len(data) > 10 * MIB:
        raise RosterError(f"{file}: {len(data) // MIB} MB are too many for a roster")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RosterError(f"{file}: not UTF-8 text") from None
    first = text.splitlines()[0] if text else ""
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise RosterError(f"{file}: no CSV that can be read ({error})") from None
    headings = [heading.strip().casefold() for heading in rows[0]] if rows else []
    columns = {
        name: next((headings.index(other) for other in others if other in headings), None)
        for name, others in _HEADINGS.items()
    }
    if columns["id"] is None or columns["name"] is None:
        raise RosterError(f"{file}: needs the columns ID and Name; it has {', '.join(headings)}")
    students: dict[str, Student] = {}
    for row in rows[1:]:
        values = {
            name: row[column].strip() if column is not None and column < len(row) else ""
            for name, column in columns.items()
        }
        values["id"] = values["id"].removeprefix("Participant ").strip()
        if not values["id"] or values["name"].casefold().startswith("points possible"):
            continue  # Canvas' second line
        if values["id"] in students:
            raise RosterError(f"{file}: the id {values['id']} occurs twice")
        students[values["id"]] = Student(**values)
    return Roster(students.values())


def _letters(name: str) -> str:
    """A name as Canvas writes it in file names: letters and digits, without accents."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
