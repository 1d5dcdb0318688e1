"""The gradebook: the marks that count for each student, manual overrides included, in SQLite."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.gradebook import schema
from grader.gradebook.class_list import ClassList, HandedIn
from grader.gradebook.hand_marks import HandMark, HandMarksError, text_id
from grader.gradebook.records import Record, RecordStore
from grader.gradebook.schema import now
from grader.gradebook.spreadsheets import exported
from grader.intake.roster import Student, is_lost
from grader.intake.submissions import Submission
from grader.judging.marking import BY_HAND, Mark
from grader.judging.session import NEEDS_PERSON

NOTHING = "nothing handed in"  # the status of every mark of a student without a submission


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
    by: str = ""  # who gave it by hand
    at: str = ""  # when
    graded: float | None = None  # what the grader gave
    is_text: bool = False  # asks for words, which a person marks
    said: str = ""  # of a mark that needs a person: why

    @property
    def given(self) -> str:
        """Who gave it by hand, and on which day; "" if nobody did."""
        return ", ".join(filter(None, (self.by, self.at[:10])))

    @property
    def awaits_reader(self) -> bool:
        """Whether a text is still to be marked by hand."""
        return self.points is None and self.status == BY_HAND

    @property
    def needs_person(self) -> bool:
        """Whether grading failed, so that a person has to look at it."""
        return self.points is None and self.status not in (BY_HAND, NOTHING)


@dataclass(frozen=True)
class StudentMarks:
    """One student's marks in one assignment."""

    student: Student
    label: str
    late: bool
    unsafe: bool  # graded without a sandbox
    problem: str  # why the file could not be graded; usually ""
    marks: dict[str, CountedMark] = field(default_factory=dict)  # by question
    handed_in: HandedIn = field(default_factory=HandedIn)
    is_unmatched: bool = False  # nobody in the roster matches the file

    @property
    def absent(self) -> bool:
        """Whether nothing was handed in."""
        return not self.label and all(mark.status == NOTHING for mark in self.marks.values())

    @property
    def points(self) -> float | None:
        """The sum of the points; None while a person still has to give some."""
        points = [mark.points for mark in self.marks.values()]
        return None if None in points else sum(filter(None, points))

    @property
    def out_of(self) -> float:
        """The points that can be earned."""
        return sum(mark.out_of for mark in self.marks.values())


@dataclass(frozen=True)
class ChangedMark:
    """A mark that a person has set, or taken back."""

    student: Student
    question: str
    before: CountedMark
    now: CountedMark


def question_named(text: str, questions: Iterable[str]) -> str:
    """Return the question that a person means: "scaled" is demo.scaled; else the text itself."""
    questions = list(questions)
    if text in questions:
        return text
    folded = text.strip().casefold()
    found = [one for one in questions if folded in (one.casefold(), one.partition(".")[2])]
    return found[0] if len(found) == 1 else text


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
            schema.bring_up_to_date(self._base)
        except sqlite3.Error as error:
            self._base.close()
            raise GradebookError(f"{path}: not a usable gradebook ({error})") from None
        except schema.OtherVersion as error:
            self._base.close()
            raise GradebookError(f"{path}: {error}") from None
        self.class_list = ClassList(self._base)

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
        file: Submission | None = None,
        shared_by: str = "",
        written: str = "",
    ) -> None:
        """Enter the marks of a student's submission, replacing earlier ones.

        Overrides stay, and so do marks for texts, which count while the text is the same. Nothing
        is written if all of it is there already: to write safely takes longer than to compare.
        """
        marks, key = list(marks), (student.id, assignment)
        rows: dict[str, list[tuple[Any, ...]]] = {
            "submissions": [(*key, label, record, late, unsafe, problem)],
            "marks": [
                (*key, one.question, one.points, one.out_of, one.status, one.version)
                for one in marks
            ],
            "texts": [(*key, one.question, one.text) for one in marks if one.status == BY_HAND],
            "reasons": [
                (*key, one.question, one.said) for one in marks if one.status == NEEDS_PERSON
            ],
        }
        if file is not None:
            row = self.class_list.handed_in_row(*key, file, shared_by, written)
            rows["handed_in"] = [row]
        if self.class_list.student(student.id) == student and self._has(key, rows):
            return
        rows["submissions"] = [(*one, now()) for one in rows["submissions"]]
        with self._base as base:
            self.class_list.put_student(student)
            for table, entries in rows.items():
                base.execute(f"DELETE FROM {table} WHERE student = ? AND assignment = ?", key)
                for entry in entries:
                    places = ", ".join("?" * len(entry))
                    base.execute(f"INSERT INTO {table} VALUES ({places})", entry)
            if file is not None and file.user != student.id and not shared_by:
                self.class_list.put_alias(student.id, file.user)

    def _has(self, key: tuple[str, str], rows: dict[str, list[tuple[Any, ...]]]) -> bool:
        """Return whether each table has these rows, in this order, and no other for the key."""
        for table, wanted in rows.items():
            found = self._base.execute(
                f"SELECT * FROM {table} WHERE student = ? AND assignment = ? ORDER BY rowid", key
            ).fetchall()
            if [one[: len(row)] for one, row in zip(found, wanted, strict=False)] != wanted:
                return False
            if len(found) != len(wanted):
                return False
        return True

    def override(
        self,
        student: str,
        assignment: str,
        question: str,
        points: float | None,
        reason: str = "",
        by: str = "",
    ) -> ChangedMark:
        """Set a mark by hand, or remove the override if `points` is None; return what changed.

        It can be set for every question of every student, also where nothing was handed in or
        the file was refused.

        Raises:
            GradebookError: there is no such student or question, the points are out of range, or
                the reason is missing.
        """
        known = {
            marks.student.id: marks for marks in self.student_marks(assignment, all_of_them=True)
        }
        found = self.class_list.find(student, among=known)
        question = question_named(question, known[found].marks) if found else question
        row = known[found].marks.get(question) if found else None
        if found is None or row is None:
            hint = f"their questions: {', '.join(sorted(known[found].marks))}" if found else (
                f"graded assignments: {', '.join(self.assignments()) or 'none'}; the first column "
                "of `grader show` has the ids of the students"
            )  # fmt: skip
            raise GradebookError(f"{student} has no mark for {question} in {assignment}; {hint}")
        key = (found, assignment, question)
        if points is None and not row.reason:  # each override has one
            return ChangedMark(known[found].student, question, row, row)
        if points is None:
            with self._base as base:
                base.execute(
                    "DELETE FROM overrides WHERE student = ? AND assignment = ? AND question = ?",
                    key,
                )
                self._remember((*key, None, "removed", by, now()))
            return self._changed(key, row)
        if not 0 <= points <= row.out_of:
            raise GradebookError(f"points must be between 0 and {row.out_of:g}, got {points:g}")
        if not reason.strip():
            raise GradebookError("a mark set by hand needs a reason: --reason TEXT")
        with self._base as base:
            base.execute(
                "REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key, points, reason, now(), by),
            )
            self._remember((*key, points, reason, by, now()))
        return self._changed(key, row)

    def _changed(self, key: tuple[str, str, str], before: CountedMark) -> ChangedMark:
        student, assignment, question = key
        for one in self.student_marks(assignment, all_of_them=True):
            if one.student.id == student:
                return ChangedMark(one.student, question, before, one.marks[question])
        raise AssertionError(f"{student} was there when the mark was set")

    def mark_by_hand(self, assignment: str, rows: Iterable[HandMark], by: str = "") -> int:
        """Enter marks given by hand: all of them or none; return the number of those that are new.

        A row about a text that was handed in marks that text. Any other row sets the mark of the
        question, whatever was handed in; a comment alone keeps the points. Rows without points
        are left out.

        Raises:
            HandMarksError: a row is about no student or question, its text has changed since, its
                points are out of range, or another row is about the same mark; names each such
                row.
        """
        known = {
            marks.student.id: marks for marks in self.student_marks(assignment, all_of_them=True)
        }
        written = {exported(student): student for student in known}
        texts: list[tuple[Any, ...]] = []
        others: list[tuple[Any, ...]] = []
        problems = []
        lines: dict[tuple[str, str], int] = {}
        for row in rows:
            if row.points is None:
                continue
            where = f"row {row.line}: {row.student}, {row.question}:"
            student = written.get(row.student) or self.class_list.find(row.student, known)
            if student is None and is_lost(row.student):  # the name was not changed
                student = self.class_list.find(row.name.removeprefix("'"), known)
            if student is None:
                problems.append(f"{where} there is no such student in {assignment}, or several are")
                continue
            question = question_named(row.question, known[student].marks)
            mark = known[student].marks.get(question)
            is_text = mark is not None and mark.status == BY_HAND
            if mark is None or (row.text_id and not is_text):
                names = ", ".join(known[student].marks)
                what = "text" if row.text_id else f"question ({names})"
                problems.append(f"{where} there is no such {what} in {assignment}")
                continue
            key = (student, assignment, question)
            earlier = lines.setdefault((student, question), row.line)
            if earlier != row.line:
                problems.append(f"{where} row {earlier} has points for it too; delete one of them")
            elif is_text and not row.text_id:
                problems.append(
                    f"{where} the column “text id” is missing or empty; fill in the file that "
                    f"`grader export {assignment} --format by-hand` prints"
                )
            elif is_text and row.text_id != text_id(mark.text):
                problems.append(f"{where} another text was handed in since; export again")
            elif not 0 <= row.points <= mark.out_of:
                said = f"points must be between 0 and {mark.out_of:g}, got {row.points:g}"
                problems.append(f"{where} {said}")
            elif (row.points, row.comment) == (mark.points, mark.comment or mark.reason):
                continue  # as it is already
            elif is_text:
                texts.append((*key, row.points, row.comment, row.text_id, now(), by))
            else:
                others.append((*key, row.points, row.comment or "marked by hand", now(), by))
        if problems:
            raise HandMarksError("\n  ".join(["nothing was entered:", *problems]))
        with self._base as base:
            base.executemany("REPLACE INTO hand_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", texts)
            base.executemany("REPLACE INTO overrides VALUES (?, ?, ?, ?, ?, ?, ?)", others)
            for key in [(*row[:5], row[7], row[6]) for row in texts]:
                self._remember(key)
            for key in [(*row[:5], row[6], row[5]) for row in others]:
                self._remember(key)
        return len(texts) + len(others)

    def _remember(self, entry: tuple[Any, ...]) -> None:
        """Keep who gave which mark by hand, and when; for good."""
        self._base.execute("INSERT INTO hand_history VALUES (?, ?, ?, ?, ?, ?, ?)", entry)

    def history(self, student: str, assignment: str) -> list[tuple[Any, ...]]:
        """Return every mark that was given by hand: question, points, reason, by whom, when."""
        return self._base.execute(
            "SELECT question, points, reason, made_by, made_at FROM hand_history "
            "WHERE student = ? AND assignment = ? ORDER BY rowid",
            (student, assignment),
        ).fetchall()

    def delete(self, student: str) -> int:
        """Delete everything about a student, under each id; return the number of entries."""
        ids = self.class_list.ids_of(student)
        with self._base as base:
            count = sum(
                base.execute(f"DELETE FROM {table} WHERE student = ?", (one,)).rowcount
                for table in schema.OF_STUDENTS
                for one in ids
            )
        self._base.execute("VACUUM")
        return count

    def assignments(self) -> list[str]:
        """Return the assignments that were graded."""
        rows = self._base.execute("SELECT DISTINCT assignment FROM submissions ORDER BY 1")
        return [row[0] for row in rows]

    def graded(self, assignment: str, before: datetime | None = None) -> set[str]:
        """Return the ids of those who handed in; with `before`, if it was graded until then."""
        until = before.isoformat() if before else ""
        rows = self._base.execute(
            "SELECT student FROM submissions WHERE assignment = ? AND (? = '' OR graded_at < ?)",
            (assignment, until, until),
        )
        return {row[0] for row in rows}

    def student_marks(self, assignment: str, all_of_them: bool = False) -> list[StudentMarks]:
        """Return the marks in an assignment, ordered by the students' names.

        Of those who handed in, or of all of them: then also of those in the roster who did not.
        """
        marks = self._student_marks(assignment, all_of_them)
        return sorted(marks, key=lambda item: item.student.name.casefold())

    def record_of(self, student: str, assignment: str, records: RecordStore) -> Record | None:
        """Return the record of the submission that counts; None if there is none."""
        row = self._base.execute(
            "SELECT record FROM submissions WHERE student = ? AND assignment = ?",
            (student, assignment),
        ).fetchone()
        return records.load(student, assignment, row[0]) if row and row[0] else None

    def _student_marks(self, assignment: str, all_of_them: bool) -> Iterator[StudentMarks]:
        def by_key(sql: str, width: int) -> dict[tuple[str, ...], tuple[Any, ...]]:
            rows = self._base.execute(f"{sql} WHERE assignment = ?", (assignment,))
            return {row[:width]: row[width:] for row in rows}

        columns = "SELECT student, question"
        overrides = by_key(f"{columns}, points, reason, made_by, made_at FROM overrides", 2)
        texts = by_key(f"{columns}, text FROM texts", 2)
        by_hand = by_key(
            f"{columns}, text_id, points, comment, made_by, made_at FROM hand_marks", 3
        )
        reasons = by_key(f"{columns}, reason FROM reasons", 2)
        questions = self.class_list.questions(assignment)
        marks: dict[str, dict[str, CountedMark]] = {}

        def add(student: str, question: str, points: Any, out_of: float, status: str) -> None:
            graded, text = points, texts.get((student, question), ("",))[0]
            reason = comment = by = at = ""
            if status == BY_HAND:
                given = by_hand.get((student, question, text_id(text)), (None, "", "", ""))
                points, comment, by, at = given
            if (student, question) in overrides:
                points, reason, by, at = overrides[student, question]
            is_text = status == BY_HAND or (question in questions and questions[question].is_text)
            said = reasons.get((student, question), ("",))[0]
            hand = by or "", at or "", graded, is_text, said
            marks.setdefault(student, {})[question] = CountedMark(
                points, out_of, status, reason, text, comment, *hand
            )

        for student, question, points, out_of, status in self._base.execute(
            "SELECT student, question, points, out_of, status FROM marks WHERE assignment = ? "
            "ORDER BY rowid",
            (assignment,),
        ):
            add(student, question, points, out_of, status)
        handed_in = self.class_list.handed_in(assignment)
        late = self.class_list.lateness(assignment, handed_in)
        unmatched = self.class_list.unmatched(assignment)
        present = set()
        for label, was_late, unsafe, problem, student in self._base.execute(
            "SELECT label, late, unsafe, problem, student FROM submissions WHERE assignment = ?",
            (assignment,),
        ).fetchall():
            present.add(student)
            yield StudentMarks(
                self.class_list.student(student),
                label,
                late.get(student, bool(was_late)),
                bool(unsafe),
                problem,
                marks.get(student, {}),
                handed_in.get(student, HandedIn()),
                student in unmatched,
            )
        if not all_of_them:
            return
        for student in self.class_list.enrolled(assignment):
            if student.id not in present:
                for question in questions.values():
                    add(student.id, question.name, None, question.out_of, NOTHING)
                yield StudentMarks(student, "", False, False, "", marks.get(student.id, {}))
