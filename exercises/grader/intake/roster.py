"""The students of a class: a CSV file with names and ids, such as Canvas and Moodle export."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.intake.csv_files import CsvError, read_rows
from grader.intake.submissions import Submission

# Column headings, in lower case, as course systems and people write them.
_HEADINGS = {
    "id": ("id", "user id", "canvas id", "moodle id", "student id", "identifier", "participant"),
    "name": ("name", "student", "full name", "student name"),
    "sis": ("sis user id", "sis id", "id number"),
    "login": ("sis login id", "login", "login id", "username"),
    "email": ("email", "email address", "e-mail"),
    "section": ("section", "group"),
}


class RosterError(ValueError):
    """The file is not a roster; the message gives the reason."""


@dataclass(frozen=True)
class Student:
    """One student."""

    id: str  # the course system's id; without a roster, what the file name contains
    name: str
    sis: str = ""
    login: str = ""
    email: str = ""
    section: str = ""


class Roster:
    """The students of a class, found by the names of their files."""

    def __init__(self, students: Iterable[Student]) -> None:
        self.students = list(students)
        self._by_id = {student.id: student for student in self.students}
        self._by_name: dict[str, list[Student]] = {}  # and by login and the like, in lower case
        for student in self.students:
            first_last = " ".join(reversed(student.name.split(", ")))
            names = {student.id, student.sis, student.login}
            names |= {student.email, student.email.partition("@")[0]}
            names |= {_letters(student.name), _letters(first_last)}
            for name in {text.casefold() for text in names} - {""}:
                self._by_name.setdefault(name, []).append(student)

    def has_id(self, submission: Submission) -> bool:
        """Return whether the submission's file name contains a student's id, not only a name."""
        return submission.user in self._by_id

    def find(self, submission: Submission) -> Student | None:
        """Return the student of a submission; None if no student matches, or more than one."""
        if (student := self._by_id.get(submission.user)) is not None:
            return student
        for name in (submission.user.casefold(), _letters(submission.name)):
            if len(matching := self._by_name.get(name, [])) == 1:
                return matching[0]
        return None


def read_roster(file: Path) -> Roster:
    """Read a roster from a CSV file, separated by commas, semicolons or tabs.

    Raises:
        RosterError: the file is missing, is not CSV, lacks a column for ids or names, or an id
            occurs twice.
    """
    if not file.is_file():
        raise RosterError(
            f"{file}: there is no such file; give a CSV file with the columns ID and Name"
        )
    try:
        rows = read_rows(file)
    except CsvError as error:
        raise RosterError(str(error)) from None
    headings = [heading.strip().casefold() for heading in rows[0]] if rows else []
    columns = {
        name: next((headings.index(heading) for heading in known if heading in headings), None)
        for name, known in _HEADINGS.items()
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
            continue  # the second line of Canvas' export is not a student
        if values["id"] in students:
            raise RosterError(f"{file}: the id {values['id']} occurs twice")
        students[values["id"]] = Student(**values)
    return Roster(students.values())


def _letters(name: str) -> str:
    """Return the letters and digits of a name, without accents, as Canvas writes file names."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
