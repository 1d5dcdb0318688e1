"""The gradebook: the marks that count for each student, manual overrides included, in SQLite."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from grader.gradebook.hand_marks import HandMark, HandMarksError, exported, text_id
from grader.intake.roster import Student
from grader.judging.marking import BY_HAND, Mark

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
CREATE TABLE IF NOT EXISTS texts (
    student TEXT, assignment TEXT, question TEXT, text TEXT,
    PRIMARY KEY (student, assignment, question));
CREATE TABLE IF NOT EXISTS hand_marks (
    student TEXT, assignment TEXT, question TEXT, points REAL, comment TEXT, text_id TEXT,
    made_at TEXT, PRIMARY KEY (student, assignment, question));
"""
_TABLES = ("students", "submissions", "marks", "overrides", "texts", "hand_marks")


class GradebookError(ValueError):
    """There is no such student, assignment, question or gradebook; the message says which exist."""


@dataclass(frozen=True)
class CountedMark:
    """The mark that counts for one question: the override if there is one, else the grader's."""

    points: float | None  # None: a person has to give them
    out_of: float
    status: str
    reason: str = ""  # for the override
    text: str = ""  # which a person marks
    comment: str = ""  # on the text

    @property
    def awaits_reader(self) -> bool:
        """Whether a text is still to be marked by hand."""
        return self.points is None and self.status == BY_HAND

    @property
    def needs_person(self) -> bool:
        """Whether grading failed, so that a person has to look at it."""
        return self.points is None and self.status != BY_HAND


@dataclass(frozen=True)
class StudentMarks:
    """One student's marks in one assignment."""

    student: Student
    label: str
    late: bool
    unsafe: bool  # graded without a sandbox
    problem: str  # why the file could not be graded; usually ""
    marks: dict[str, CountedMark] = field(default_factory=dict)  # by question

    @property
    def points(self) -> float | None:
        """The sum of the points; None while a person still has to give some."""
        points = [mark.points for mark in self.marks.values()]
        return None if None in points else sum(filter(None, points))

    @property
    def out_of(self) -> float:
        """The points that can be earned."""
        return sum(mark.out_of for mark in self.marks.values())


class Gradebook:
    """The gradebook in the file `path`, which only its owner can read.

    To be used as a context manager, in one thread.

    Raises:
        GradebookError: the file is not a gradebook, or one of another version; when the context
            ends, also: it could not be written.
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
                other_version = _columns(self._base) != _columns(new)
        except sqlite3.Error as error:
            self._base.close()
            raise GradebookError(f"{path}: not a usable gradebook ({error})") from None
        if other_version:
            self._base.close()
            raise GradebookError(
                f"{path}: a gradebook of another version. Move it away and grade again: records "
                "of graded submissions are kept, marks set by hand are not."
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
        """Enter the marks of a student's submission, replacing earlier ones.

        Overrides stay, and so do marks for texts, which count while the text is the same.
        """
        marks = list(marks)
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
                    (student.id, assignment, mark.question, mark.points, mark.out_of,
                     mark.status, mark.version)
                    for mark in marks
                ],
            )  # fmt: skip
            key = (student.id, assignment)
            base.execute("DELETE FROM texts WHERE student = ? AND assignment = ?", key)
            base.executemany(
                "INSERT INTO texts VALUES (?, ?, ?, ?)",
                [(*key, mark.question, mark.text) for mark in marks if mark.status == BY_HAND],
            )

    def override(
        self, student: str, assignment: str, question: str, points: float | None, reason: str = ""
    ) -> None:
        """Set a mark by hand, or remove the override if `points` is None.

        Raises:
            GradebookError: there is no such mark, the points are out of range, or the reason is
                missing.
        """
        row = self._base.execute(
            "SELECT out_of FROM marks WHERE student = ? AND assignment = ? AND question = ?",
            (student, assignment, question),
        ).fetchone()
        if row is None:
            known = sorted(name for marks in self.student_marks(assignment) for name in marks.marks
                           if marks.student.id == student)  # fmt: skip
            hint = f"their questions: {', '.join(known)}" if known else (
                f"graded assignments: {', '.join(self.assignments()) or 'none'}; the first column "
                "of `grader show` has the ids of the students"
            )  # fmt: skip
            raise GradebookError(f"{student} has no mark for {question} in {assignment}; {hint}")
        key = (student, assignment, question)
        if points is None:
            with self._base as base:
                base.execute(
                    "DELETE FROM overrides WHERE student = ? AND assignment = ? AND question = ?",
                    key,
                )
            return
        if not 0 <= points <= row[0]:
            raise GradebookError(f"points must be between 0 and {row[0]:g}, got {points:g}")
        if not reason.strip():
            raise GradebookError("a mark set by hand needs a reason: --reason TEXT")
        with self._base as base:
            base.execute(
                "REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?)", (*key, points, reason, now())
            )

    def mark_by_hand(self, assignment: str, rows: Iterable[HandMark]) -> int:
        """Enter the marks for texts: all of them or none; return their number.

        Raises:
            HandMarksError: a row is about no text to mark, its text has changed since, or its
                points are out of range; names each such row.
        """
        texts = {
            (exported(marks.student.id), question): (marks.student.id, mark)
            for marks in self.student_marks(assignment)
            for question, mark in marks.marks.items()
            if mark.status == BY_HAND
        }
        entries, problems = [], []
        for row in rows:
            student, mark = texts.get((row.student, row.question), ("", None))
            where = f"row {row.line}: {row.student}, {row.question}:"
            if mark is None:
                problems.append(f"{where} there is no such text in {assignment}")
            elif row.text_id != text_id(mark.text):
                problems.append(f"{where} another text was handed in since; export again")
            elif not 0 <= row.points <= mark.out_of:
                said = f"points must be between 0 and {mark.out_of:g}, got {row.points:g}"
                problems.append(f"{where} {said}")
            else:
                parts = row.question, row.points, row.comment, row.text_id
                entries.append((student, assignment, *parts, now()))
        if problems:
            raise HandMarksError("\n  ".join(["nothing was entered:", *problems]))
        with self._base as base:
            base.executemany("REPLACE INTO hand_marks VALUES (?, ?, ?, ?, ?, ?, ?)", entries)
        return len(entries)

    def delete(self, student: str) -> int:
        """Delete everything about a student; return the number of deleted entries."""
        with self._base as base:
            count = sum(
                base.execute(f"DELETE FROM {table} WHERE student = ?", (student,)).rowcount
                for table in _TABLES
            )
        self._base.execute("VACUUM")
        return count

    def assignments(self) -> list[str]:
        """Return the assignments that were graded."""
        rows = self._base.execute("SELECT DISTINCT assignment FROM submissions ORDER BY 1")
        return [row[0] for row in rows]

    def student_marks(self, assignment: str) -> list[StudentMarks]:
        """Return every student's marks in an assignment, ordered by the students' names."""
        marks = self._student_marks(assignment)
        return sorted(marks, key=lambda item: item.student.name.casefold())

    def record_of(self, student: str, assignment: str) -> str:
        """Return the key of the record that counts, or "" if there is no record."""
        row = self._base.execute(
            "SELECT record FROM submissions WHERE student = ? AND assignment = ?",
            (student, assignment),
        ).fetchone()
        return row[0] if row else ""

    def _student_marks(self, assignment: str) -> Iterator[StudentMarks]:
        overrides = {
            (student, question): (points, reason)
            for student, question, points, reason in self._base.execute(
                "SELECT student, question, points, reason FROM overrides WHERE assignment = ?",
                (assignment,),
            )
        }
        texts = {
            (student, question): text
            for student, question, text in self._base.execute(
                "SELECT student, question, text FROM texts WHERE assignment = ?", (assignment,)
            )
        }
        by_hand = {
            (student, question, text): (points, comment)
            for student, question, text, points, comment in self._base.execute(
                "SELECT student, question, text_id, points, comment FROM hand_marks "
                "WHERE assignment = ?",
                (assignment,),
            )
        }
        marks: dict[str, dict[str, CountedMark]] = {}
        for student, question, points, out_of, status in self._base.execute(
            "SELECT student, question, points, out_of, status FROM marks WHERE assignment = ? "
            "ORDER BY rowid",
            (assignment,),
        ):
            reason, comment, text = "", "", texts.get((student, question), "")
            if status == BY_HAND:
                given = by_hand.get((student, question, text_id(text)), (None, ""))
                points, comment = given
            if (student, question) in overrides:
                points, reason = overrides[student, question]
            mark = CountedMark(points, out_of, status, reason, text, comment)
            marks.setdefault(student, {})[question] = mark
        for label, late, unsafe, problem, *columns in self._base.execute(
            "SELECT label, late, unsafe, problem, student, name, sis, login, email, section "
            "FROM submissions JOIN students USING (student) WHERE assignment = ?",
            (assignment,),
        ):
            student = Student(*columns)
            yield StudentMarks(
                student, label, bool(late), bool(unsafe), problem, marks.get(student.id, {})
            )


def _columns(base: sqlite3.Connection) -> list[list[str]]:
    """Return the column names of every table."""
    return [[row[1] for row in base.execute(f"PRAGMA table_info({table})")] for table in _TABLES]


def now() -> str:
    """Return the present time as it is stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")
