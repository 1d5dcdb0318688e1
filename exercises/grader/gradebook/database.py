"""The gradebook: what counts for each student, overrides included, in SQLite."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from grader.intake.roster import Student
from grader.judging.marking import Mark

_SCHEMA = """
CREATE TABLE IF NOT EXISTS students (
    student TEXT PRIMARY KEY, name TEXT, sis TEXT, login TEXT, email TEXT, section TEXT);
CREATE TABLE IF NOT EXISTS submissions (
    student TEXT, assignment TEXT, label TEXT, record TEXT, late INTEGER, unsafe INTEGER,
    problem TEXT, graded_at TEXT, PRIMARY KEY (student, assignment));
CREATE TABLE IF NOT EXISTS marks (
    student TEXT, assignment TEXT, question TEXT, points REAL, out_of REAL, status TEXT,
    version TEXT, PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS overrides (
    student TEXT, assignment TEXT, question TEXT, points REAL, reason TEXT, made_at TEXT,
    PRIMARY KEY (student, assignment, question));
"""
FILE = "gradebook.sqlite"  # in the data folder
_TABLES = ("students", "submissions", "marks", "overrides")


class GradebookError(ValueError):
    """There is no such student, assignment, question or gradebook; says what there is."""


@dataclass(frozen=True)
class Standing:
    """What counts for one question."""

    points: float | None  # None: needs a person
    out_of: float
    status: str
    reason: str = ""  # of an override


@dataclass(frozen=True)
class Row:
    """One student's standing in one assignment."""

    student: Student
    label: str
    late: bool
    unsafe: bool  # graded without a sandbox
    problem: str  # why the file could not be graded
    questions: dict[str, Standing] = field(default_factory=dict)

    @property
    def points(self) -> float | None:
        """The sum; None while a question needs a person."""
        points = [one.points for one in self.questions.values()]
        return None if None in points else sum(filter(None, points))

    @property
    def out_of(self) -> float:
        """The points to be had."""
        return sum(one.out_of for one in self.questions.values())


class Gradebook:
    """The file `path`, which only its owner reads. Use from one thread, as a context.

    Raises:
        GradebookError: it is no gradebook, or one of another version; or, later, it cannot be
            written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._path = path
        self._base = sqlite3.connect(path, timeout=30)
        try:
            self._base.execute("PRAGMA secure_delete = ON")
            self._base.executescript(_SCHEMA)
            with contextlib.closing(sqlite3.connect(":memory:")) as new:
                new.executescript(_SCHEMA)
                other = _columns(self._base) != _columns(new)
        except sqlite3.Error as error:
            self._base.close()
            raise GradebookError(f"{path}: no gradebook that can be used ({error})") from None
        if other:
            self._base.close()
            raise GradebookError(
                f"{path}: a gradebook of another version. Move it away and grade again: the "
                "records of what was graded are kept, marks set by hand are not."
            )

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._base.close()
        if isinstance(error, sqlite3.Error):
            raise GradebookError(f"{self._path}: {error}") from None

    def enter(
        self,
        student: Student,
        assignment: str,
        label: str,
        marks: Iterable[Mark],
        *,
        record: str = "",
        late: bool = False,
        unsafe: bool = False,
        problem: str = "",
    ) -> None:
        """Enter what a student's submission earned, in place of what was there. Overrides stay."""
        with self._base as base:
            base.execute(
                "REPLACE INTO students VALUES (?, ?, ?, ?, ?, ?)",
                (student.id, student.name, student.sis, student.login, student.email,
                 student.section),
            )  # fmt: skip
            base.execute(
                "REPLACE INTO submissions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (student.id, assignment, label, record, late, unsafe, problem, now()),
            )
            base.execute(
                "DELETE FROM marks WHERE student = ? AND assignment = ?", (student.id, assignment)
            )
            base.executemany(
                "INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (student.id, assignment, one.question, one.points, one.out_of, one.status,
                     one.version)
                    for one in marks
                ],
            )  # fmt: skip

    def override(
        self, student: str, assignment: str, question: str, points: float | None, reason: str = ""
    ) -> None:
        """Set a mark by hand, or with None take that back.

        Raises:
            GradebookError: there is no such mark, the points are out of bounds, or no reason is
                given.
        """
        found = self._base.execute(
            "SELECT out_of FROM marks WHERE student = ? AND assignment = ? AND question = ?",
            (student, assignment, question),
        ).fetchone()
        if found is None:
            known = sorted(q for row in self.rows(assignment) for q in row.questions
                           if row.student.id == student)  # fmt: skip
            said = f"; there are: {', '.join(known)}" if known else (
                f"; graded are {', '.join(self.assignments()) or 'no assignments'}, and the first "
                "column of `show` has the ids of the students"
            )  # fmt: skip
            raise GradebookError(f"{student} has no mark for {question} in {assignment}{said}")
        key = (student, assignment, question)
        if points is None:
            with self._base as base:
                base.execute(
                    "DELETE FROM overrides WHERE student = ? AND assignment = ? AND question = ?",
                    key,
                )
            return
        if not 0 <= points <= found[0]:
            raise GradebookError(f"{points:g} points; between 0 and {found[0]:g} are allowed")
        if not reason.strip():
            raise GradebookError("a mark set by hand needs a reason")
        with self._base as base:
            base.execute(
                "REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?)", (*key, points, reason, now())
            )

    def delete(self, student: str) -> int:
        """Remove all that is known of a student; how many entries there were."""
        with self._base as base:
            count = sum(
                base.execute(f"DELETE FROM {table} WHERE student = ?", (student,)).rowcount
                for table in _TABLES
            )
        self._base.execute("VACUUM")
        return count

    def assignments(self) -> list[str]:
        """The assignments that were graded."""
        found = self._base.execute("SELECT DISTINCT assignment FROM submissions ORDER BY 1")
        return [row[0] for row in found]

    def rows(self, assignment: str) -> list[Row]:
        """Every student's standing in an assignment, by name."""
        return sorted(self._rows(assignment), key=lambda row: row.student.name.casefold())

    def record_of(self, student: str, assignment: str) -> str:
        """The key of the record that counts; "" if there is none."""
        found = self._base.execute(
            "SELECT record FROM submissions WHERE student = ? AND assignment = ?",
            (student, assignment),
        ).fetchone()
        return found[0] if found else ""

    def _rows(self, assignment: str) -> Iterator[Row]:
        overrides = {
            (student, question): (points, reason)
            for student, question, points, reason in self._base.execute(
                "SELECT student, question, points, reason FROM overrides WHERE assignment = ?",
                (assignment,),
            )
        }
        standing: dict[str, dict[str, Standing]] = {}
        for student, question, points, out_of, status in self._base.execute(
            "SELECT student, question, points, out_of, status FROM marks WHERE assignment = ? "
            "ORDER BY rowid",
            (assignment,),
        ):
            reason = ""
            if (student, question) in overrides:
                points, reason = overrides[student, question]
            standing.setdefault(student, {})[question] = Standing(points, out_of, status, reason)
        for (
            id_,
            label,
            late,
            unsafe,
            problem,
            name,
            sis,
            login,
            email,
            section,
        ) in self._base.execute(
            "SELECT student, label, late, unsafe, problem, name, sis, login, email, section "
            "FROM submissions JOIN students USING (student) WHERE assignment = ?",
            (assignment,),
        ):
            student = Student(id_, name, sis, login, email, section)
            yield Row(student, label, bool(late), bool(unsafe), problem, standing.get(id_, {}))


def _columns(base: sqlite3.Connection) -> list[list[str]]:
    """The names of the columns of every table."""
    return [[row[1] for row in base.execute(f"PRAGMA table_info({one})")] for one in _TABLES]


def now() -> str:
    """The time, as it is kept."""
    return datetime.now(UTC).isoformat(timespec="seconds")
