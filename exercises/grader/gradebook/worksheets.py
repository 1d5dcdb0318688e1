"""Moodle's offline grading worksheets: which row is whose, whatever the language of the site."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from grader.gradebook.database import StudentMarks
from grader.gradebook.hand_marks import plain_number
from grader.intake.csv_files import CsvError, read_rows
from grader.intake.exports import name_in_moodle
from grader.intake.headings import columns_of, plain_heading
from grader.intake.names import letters, spellings
from grader.intake.roster import participant_number

# The headings, in the languages of rosters: the grade, the most that can be had, the comments.
_GRADE = (
    *("grade", "bewertung", "calificación", "note", "valutazione", "cijfer", "nota", "betyg"),
    *("karakter", "оценка", "評点", "成绩"),
)
_MAXIMUM = (
    *("maximum grade", "bestwertung", "calificación máxima", "note maximale", "nota máxima"),
    *("valutazione massima", "maximumcijfer", "maximaal cijfer", "högsta betyg"),
)
_COMMENTS = (
    *("feedback comments", "feedback als kommentar", "comentarios de retroalimentación"),
    *("commentaires de feedback", "feedback commenti", "feedback", "feedbackopmerkingen"),
    *("comentários de feedback", "comentarios de la retroalimentación"),
)
_Keys = set[Hashable]
_One = TypeVar("_One", int, str)  # the place of a row, or the id of a student


class WorksheetError(ValueError):
    """The file is not a worksheet of Moodle; the message gives the reason."""


@dataclass(frozen=True)
class Worksheet:
    """A worksheet as Moodle gives it out."""

    headings: list[str]
    rows: list[list[str]]  # without the headings, each as long as these
    columns: dict[str, int]  # the places of the columns that rosters have too
    grade: int  # the place of the column
    maximum: int | None
    comments: int | None

    def match(
        self, students: list[StudentMarks], numbers: Mapping[str, str]
    ) -> dict[int, StudentMarks]:
        """Return whose each row is, by its place; rows that may be of several students lack.

        A row is found by the participant's number if Moodle wrote it, else by the ID number, the
        login or the email, else by the name. It is never that of a student of another name.

        Args:
            students: the students.
            numbers: the participants' numbers that are known, by the students' ids.
        """
        found: dict[int, StudentMarks] = {}
        spelled = _by_key({one.student.id: _written_of(one) for one in students})
        ways: tuple[tuple[Callable[[list[str]], _Keys], Callable[[StudentMarks], _Keys]], ...] = (
            (
                lambda row: {participant_number(self._cell(row, "id"))},
                lambda one: {numbers.get(one.student.id, "")},
            ),
            (self._accounts, _accounts_of),
            (lambda row: {*_written(self._cell(row, "name"))}, _written_of),
        )
        for of_row, of_student in ways:
            taken = {one.student.id for one in found.values()}
            rest = [one for one in students if one.student.id not in taken]
            free = [place for place in range(len(self.rows)) if place not in found]
            keys_of_rows = {place: of_row(self.rows[place]) - {""} for place in free}
            keys = {one.student.id: of_student(one) - {""} for one in rest}
            places_of, students_of = _by_key(keys_of_rows), _by_key(keys)
            for one in rest:
                places = set().union(*(places_of.get(key, ()) for key in keys[one.student.id]))
                if len(places) != 1:
                    continue
                (place,) = places
                named = set().union(*(students_of.get(key, ()) for key in keys_of_rows[place]))
                if len(named) == 1 and not self._is_of_another(place, one, spelled):
                    found[place] = one
        return found

    def maxima(self, places: Iterable[int]) -> set[float]:
        """Return the most that can be had in Moodle, as these rows say."""
        found = set()
        for place in places if self.maximum is not None else ():
            with contextlib.suppress(ValueError):  # a lone hyphen, or nothing
                found.add(plain_number(self.rows[place][self.maximum or 0]))
        return found

    def _cell(self, row: list[str], column: str) -> str:
        if column == "name" and "name" not in self.columns:
            return " ".join(filter(None, (self._cell(row, one) for one in ("first", "last"))))
        place = self.columns.get(column)
        return "" if place is None else row[place].strip()

    def _accounts(self, row: list[str]) -> _Keys:
        texts = {column: self._cell(row, column) for column in ("sis", "login", "email")}
        return {(column, text.casefold()) for column, text in texts.items() if text}

    def _is_of_another(
        self, place: int, one: StudentMarks, spelled: Mapping[Hashable, set[str]]
    ) -> bool:
        """Return whether the name in a row is not the student's, or is another student's.

        `spelled`: the ids of the students who have a name, by its spellings.
        """
        name = self._cell(self.rows[place], "name")
        own = _names_of(one)
        if _is_hidden(name) or not own:
            return False
        named = set[str]().union(*(spelled.get(key, ()) for key in _written(name)))
        if named:
            return one.student.id not in named
        words = _words(name)
        return not any(words & _words(text) for text in own)


def read_worksheet(file: Path) -> Worksheet:
    """Read a worksheet.

    Raises:
        WorksheetError: the file is not such a worksheet.
    """
    try:
        rows = read_rows(file, lambda row: len(columns_of(row)))
    except CsvError as error:
        raise WorksheetError(str(error)) from None
    headings = rows[0] if rows else []
    columns = columns_of(headings)
    plain = [plain_heading(heading) for heading in headings]

    def place_of(names: tuple[str, ...]) -> int | None:
        return next((plain.index(name) for name in names if name in plain), None)

    grade, maximum = place_of(_GRADE), place_of(_MAXIMUM)
    if "id" not in columns or grade is None:
        raise WorksheetError(
            f"{file}: not a grading worksheet of Moodle: it needs the columns Identifier and "
            "Grade, or their names in your language"
        )
    if maximum is None and grade + 1 < len(headings):
        maximum = grade + 1  # where Moodle writes it; other columns there hold no numbers
    whole = [[*row, *[""] * (len(headings) - len(row))] for row in rows[1:]]
    return Worksheet(headings, whole, columns, grade, maximum, place_of(_COMMENTS))


def _by_key(keys: Mapping[_One, _Keys]) -> dict[Hashable, set[_One]]:
    """Return which rows or students have a key."""
    found: dict[Hashable, set[_One]] = {}
    for one, its_keys in keys.items():
        for key in its_keys:
            found.setdefault(key, set()).add(one)
    return found


def _accounts_of(one: StudentMarks) -> _Keys:
    student = one.student
    texts = {"login": student.login, "email": student.email}
    found: _Keys = {(column, text.casefold()) for column, text in texts.items() if text}
    return found | {("sis", text.casefold()) for text in (student.sis, student.id) if text}


def _names_of(one: StudentMarks) -> list[str]:
    """Return a student's names: that in the roster, and the one that Moodle gave to the file."""
    path = PurePosixPath(one.handed_in.path) if one.handed_in.moodle_number else PurePosixPath()
    names = [one.student.name, *(name_in_moodle(part) for part in path.parts[:1])]
    return [name for name in names if not _is_hidden(name)]


def _written_of(one: StudentMarks) -> _Keys:
    return {key for name in _names_of(one) for key in _written(name)}


def _is_hidden(name: str) -> bool:
    """Return whether a name is hidden: empty, or "Participant 5021" for anonymous grading."""
    return participant_number(f"{name.rstrip('0123456789 ')} 1") == "1"


def _written(name: str) -> set[str]:
    return spellings(name) | ({letters(name)} - {""})


def _words(name: str) -> set[str]:
    return {word for part in re.split(r"[\s,-]+", name) if len(word := letters(part)) > 1}
