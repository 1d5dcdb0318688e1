"""Who is in the class, how the systems name them, when they handed in and when they had to."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from grader.gradebook.schema import now
from grader.intake.names import is_number, spellings, storable
from grader.intake.roster import Student, participant_number
from grader.intake.submissions import Submission

_OF_STUDENT = "student, name, sis, login, email, section, github, team, identifier"


@dataclass(frozen=True)
class HandedIn:
    """What is known of a file that was handed in, apart from its content."""

    system: str = ""  # "canvas", "moodle" and so on, or "plain"
    user: str = ""  # the id of the student in the system
    path: str = ""  # in the export
    time: datetime | None = None  # if something says it for certain
    not_after: datetime | None = None  # the time of the download
    marked_late: bool = False  # by the system
    shared_by: str = ""  # the member of the group who handed it in
    written: str = ""  # the Markdown that the student wrote

    @property
    def moodle_number(self) -> str:
        """The participant's number, as Moodle wrote it into the name of the student's own file."""
        return self.user if self.system == "moodle" and not self.shared_by else ""

    @property
    def canvas_number(self) -> str:
        """The student's number, as Canvas wrote it into the name of the student's own file."""
        own = self.system == "canvas" and not self.shared_by
        return self.user if own and is_number(self.user) else ""


@dataclass(frozen=True)
class AskedQuestion:
    """A question of an assignment."""

    name: str
    title: str
    out_of: float
    is_text: bool


class ClassList:
    """The tables of the gradebook about the class. The connection is the gradebook's."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    # -- students ------------------------------------------------------------------------------

    def put_student(self, student: Student) -> None:
        """Enter a student, or what is new about them."""
        self._base.execute(
            "REPLACE INTO students VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(vars(student).values()),
        )

    def student(self, student: str) -> Student:
        """Return a student who was entered."""
        row = self._base.execute(
            f"SELECT {_OF_STUDENT} FROM students WHERE student = ?", (student,)
        ).fetchone()
        return Student(*(value or "" for value in row)) if row else Student(student, student)

    def enroll(self, assignment: str, students: Iterable[Student], system: str = "") -> None:
        """Enter the students of a roster, in the place of those of an earlier one.

        `system` is the one that wrote the roster, if it is known.
        """
        students = list(students)
        with self._base as base:
            base.execute("REPLACE INTO rosters VALUES (?, ?)", (assignment, system))
            base.execute("DELETE FROM enrolled WHERE assignment = ?", (assignment,))
            for student in students:
                self.put_student(student)
            base.executemany(
                "INSERT INTO enrolled VALUES (?, ?)", [(one.id, assignment) for one in students]
            )

    def enrolled(self, assignment: str) -> list[Student]:
        """Return the students of the roster with which an assignment was graded."""
        rows = self._base.execute(
            f"SELECT {_OF_STUDENT} FROM enrolled JOIN students USING (student) "
            "WHERE assignment = ?",
            (assignment,),
        )
        return [Student(*(value or "" for value in row)) for row in rows]

    def roster_of(self, assignment: str) -> str:
        """Return the system that wrote the roster of an assignment; "" if it is not known."""
        row = self._base.execute(
            "SELECT system FROM rosters WHERE assignment = ?", (assignment,)
        ).fetchone()
        return row[0] if row else ""

    def find(self, text: str, among: Collection[str]) -> str | None:
        """Return the id of the student whom a text means, by any id, email or name."""
        if text in among:
            return text
        rows = self._base.execute(f"SELECT {_OF_STUDENT} FROM students").fetchall()
        aliases = self._base.execute("SELECT student, alias FROM known_as").fetchall()
        folded = text.strip().casefold()
        found = {
            row[0]
            for row in rows
            if folded in {str(row[place]).casefold() for place in (0, 2, 3, 4, 6, 8)}
        }
        found |= {student for student, alias in aliases if alias.casefold() == folded}
        bare_id = participant_number(folded)  # "7" for the "7.0" of a spreadsheet
        if not found & set(among) and bare_id != folded:
            found = {row[0] for row in rows if bare_id in {str(row[0]), str(row[2])}}
        if not found & set(among) and folded.isdecimal():  # a spreadsheet drops zeros
            bare = folded.lstrip("0")
            found = {
                row[0]
                for row in rows
                if bare
                in {str(row[place]).lstrip("0") for place in (0, 2) if str(row[place]).isdecimal()}
            }
        if not found & set(among):
            mine = spellings(text)
            found = {row[0] for row in rows if mine & spellings(row[1] or "")}
        known = found & set(among)
        return next(iter(known)) if len(known) == 1 else None

    def ids_of(self, student: str) -> list[str]:
        """Return every id under which a student was graded, whichever of their ids is given.

        An id that another student of a roster has belongs to that student alone.
        """
        rows = self._base.execute("SELECT student, sis, login, email FROM students").fetchall()
        aliases = self._base.execute("SELECT student, alias FROM known_as").fetchall()
        enrolled = {row[0] for row in self._base.execute("SELECT student FROM enrolled")}
        found = {student}
        if student not in enrolled:
            found |= {one for one, alias in aliases if alias == student}
            if student and not any(row[0] == student for row in rows):
                found |= {row[0] for row in rows if student in row[1:]}
        others = enrolled - found
        found |= {alias for one, alias in aliases if one in found} - others
        return sorted(found)

    # -- assignments ---------------------------------------------------------------------------

    def put_questions(self, assignment: str, questions: Iterable[AskedQuestion]) -> None:
        """Enter the questions of an assignment, in the place of earlier ones."""
        with self._base as base:
            base.execute("DELETE FROM questions WHERE assignment = ?", (assignment,))
            base.executemany(
                "INSERT INTO questions VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (assignment, one.name, one.title, one.out_of, one.is_text, place)
                    for place, one in enumerate(questions)
                ],
            )

    def questions(self, assignment: str) -> dict[str, AskedQuestion]:
        """Return the questions of an assignment by name."""
        rows = self._base.execute(
            "SELECT question, title, out_of, is_text FROM questions WHERE assignment = ? "
            "ORDER BY place",
            (assignment,),
        )
        return {row[0]: AskedQuestion(row[0], row[1], row[2], bool(row[3])) for row in rows}

    def put_expectations(
        self, assignment: str, framework: str, expected: Mapping[tuple[str, str], str]
    ) -> None:
        """Enter what is expected, by question and aspect, in the place of earlier texts."""
        with self._base as base:
            base.execute(
                "DELETE FROM expectations WHERE assignment = ? AND framework = ?",
                (assignment, framework),
            )
            base.executemany(
                "INSERT INTO expectations VALUES (?, ?, ?, ?, ?)",
                [(assignment, framework, *key, text) for key, text in expected.items()],
            )

    def expectations(self, assignment: str, framework: str) -> dict[tuple[str, str], str]:
        """Return what is expected, by question and aspect."""
        rows = self._base.execute(
            "SELECT question, aspect, expected FROM expectations WHERE assignment = ? "
            "AND framework = ?",
            (assignment, framework),
        )
        return {(question, aspect): text for question, aspect, text in rows}

    def set_deadline(self, assignment: str, deadline: datetime) -> None:
        """Remember the deadline of an assignment."""
        with self._base as base:
            base.execute("REPLACE INTO deadlines VALUES (?, ?)", (assignment, deadline.isoformat()))

    def deadline(self, assignment: str) -> datetime | None:
        """Return the deadline of an assignment; None if it has none."""
        row = self._base.execute(
            "SELECT deadline FROM deadlines WHERE assignment = ?", (assignment,)
        ).fetchone()
        return _time(row[0]) if row else None

    def extend(self, student: str, assignment: str, until: datetime | None, by: str) -> None:
        """Give a student until another time, or no longer if it is None."""
        with self._base as base:
            base.execute(
                "DELETE FROM extensions WHERE student = ? AND assignment = ?", (student, assignment)
            )
            if until is not None:
                base.execute(
                    "INSERT INTO extensions VALUES (?, ?, ?, ?, ?)",
                    (student, assignment, until.isoformat(), by, now()),
                )

    def extensions(self, assignment: str) -> dict[str, datetime]:
        """Return until when students have who have longer than the others."""
        rows = self._base.execute(
            "SELECT student, until FROM extensions WHERE assignment = ?", (assignment,)
        )
        return {student: until for student, text in rows if (until := _time(text))}

    # -- files ---------------------------------------------------------------------------------

    def handed_in_row(
        self, student: str, assignment: str, file: Submission, shared_by: str, written: str
    ) -> tuple[Any, ...]:
        """Return what is known of a student's file, as a row of the table `handed_in`.

        A time that is known from an earlier grading of the same file stays, such as one that only
        a worksheet of Moodle had.
        """
        known = self._base.execute(
            "SELECT time FROM handed_in WHERE student = ? AND assignment = ? AND path = ?",
            (student, assignment, storable(file.path)),
        ).fetchone()
        time = _text(file.time) or (known[0] if known else "")
        return (
            *(student, assignment, file.system, file.user, storable(file.path)),
            *(time, _text(file.not_after), file.marked_late, shared_by),
            storable(written),
        )

    def put_alias(self, student: str, alias: str) -> None:
        """Enter another id of a student, in a transaction of the caller."""
        self._base.execute("REPLACE INTO known_as VALUES (?, ?)", (student, alias))

    def handed_in(self, assignment: str) -> dict[str, HandedIn]:
        """Return what is known of the files that were handed in, by student."""
        rows = self._base.execute(
            "SELECT student, system, user, path, time, not_after, marked_late, shared_by, written "
            "FROM handed_in WHERE assignment = ?",
            (assignment,),
        )
        found = {}
        for student, system, user, path, time, bound, marked, shared_by, written in rows:
            found[student] = HandedIn(
                system, user, path, _time(time), _time(bound), bool(marked), shared_by, written
            )
        return found

    def lateness(self, assignment: str, files: dict[str, HandedIn]) -> dict[str, bool]:
        """Return who handed in late, by the deadline and the extensions that are known now.

        A time that is certain is compared. Without one the mark of the course system counts,
        unless even the download was in time.
        """
        deadline, extensions = self.deadline(assignment), self.extensions(assignment)
        late = {}
        for student, file in files.items():
            own = file.shared_by or student
            until = extensions.get(student) or extensions.get(own) or deadline
            if until is not None and file.time is not None:
                late[student] = file.time > until
            elif until is not None and file.not_after is not None and file.not_after <= until:
                late[student] = False
            else:
                late[student] = file.marked_late
        return late

    def assign(self, assignment: str, file: str, student: str, by: str) -> None:
        """Say whose file it is."""
        with self._base as base:
            base.execute(
                "REPLACE INTO assigned VALUES (?, ?, ?, ?, ?)",
                (student, assignment, file, by, now()),
            )

    def assigned(self, assignment: str) -> dict[str, str]:
        """Return the students to whom a person assigned files, by the label of the file.

        In one assignment, or in all if its name is "".
        """
        rows = self._base.execute(
            "SELECT file, student FROM assigned WHERE assignment = ? OR ? = ''",
            (assignment, assignment),
        )
        return dict(rows.fetchall())

    def put_files(self, assignment: str, files: Iterable[tuple[str, str, str]]) -> None:
        """Enter the files that were handed in: whose each is, its name as printed, its path."""
        with self._base as base:
            base.executemany(
                "REPLACE INTO files VALUES (?, ?, ?, ?)",
                [(student, assignment, label, path) for student, label, path in files],
            )

    def files(self, assignment: str) -> list[tuple[str, str]]:
        """Return the files that were handed in: names as they are printed, and paths."""
        rows = self._base.execute(
            "SELECT label, path FROM files WHERE assignment = ?", (assignment,)
        )
        return rows.fetchall()

    def put_matched(self, assignment: str, matched: Mapping[str, bool]) -> None:
        """Enter which students are in the roster, or were named by a person."""
        with self._base as base:
            for student, known in matched.items():
                base.execute(
                    "DELETE FROM unmatched WHERE student = ? AND assignment = ?",
                    (student, assignment),
                )
                if not known:
                    base.execute("INSERT INTO unmatched VALUES (?, ?)", (student, assignment))

    def unmatched(self, assignment: str) -> set[str]:
        """Return the ids under which files were graded that nobody in the roster matches."""
        rows = self._base.execute(
            "SELECT student FROM unmatched WHERE assignment = ?", (assignment,)
        )
        return {row[0] for row in rows}

    def move(self, old: str, student: Student, assignment: str) -> None:
        """Give a student what was kept under another id of theirs, in one assignment.

        Marks given by hand go along; what was graded under the old id is forgotten.
        """
        with self._base as base:
            for table in ("overrides", "hand_marks", "extensions", "assigned"):
                base.execute(
                    f"UPDATE OR IGNORE {table} SET student = ? "
                    "WHERE student = ? AND assignment = ?",
                    (student.id, old, assignment),
                )
            base.execute(
                "UPDATE hand_history SET student = ? WHERE student = ? AND assignment = ?",
                (student.id, old, assignment),
            )
            self._forget(old, assignment)
            base.execute("REPLACE INTO known_as VALUES (?, ?)", (student.id, old))

    def forget(self, student: str, assignment: str) -> None:
        """Forget what was graded for a student. Marks given by hand stay."""
        with self._base:
            self._forget(student, assignment)

    def _forget(self, student: str, assignment: str) -> None:
        for table in ("submissions", "marks", "texts", "reasons", "handed_in", "unmatched"):
            self._base.execute(
                f"DELETE FROM {table} WHERE student = ? AND assignment = ?", (student, assignment)
            )


def _text(time: datetime | None) -> str:
    return time.isoformat() if time else ""


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None
