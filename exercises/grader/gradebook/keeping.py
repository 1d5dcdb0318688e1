"""Enters what was graded into the gradebook, for a student and for those who share the mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from d2lexercises import frameworks
from d2lexercises.question import Question

from grader.gradebook.class_list import AskedQuestion
from grader.gradebook.database import Gradebook
from grader.gradebook.hand_ins import HandIn, NamedFile
from grader.gradebook.records import Record, RecordStore
from grader.intake.names import storable
from grader.intake.roster import Roster
from grader.judging.expectations import expectations_of
from grader.judging.marking import BY_HAND, Mark
from grader.judging.session import MISSING, NEEDS_PERSON


def assigned_files(gradebook: Path, assignment: str) -> dict[str, str]:
    """Return the students to whom a person assigned files; nothing if there is no gradebook."""
    if not gradebook.is_file():
        return {}
    with Gradebook(gradebook) as book:
        return book.class_list.assigned(assignment)


def remembered_roster(gradebook: Path, assignment: str) -> Roster:
    """Return the roster with which an assignment was graded; an empty one if there is none.

    Without the name of an assignment, that of the only one.
    """
    if not gradebook.is_file():
        return Roster(())
    with Gradebook(gradebook) as book:
        names = [assignment] if assignment else book.assignments()
        if len(names) != 1:
            return Roster(())
        classes = book.class_list
        roster = Roster(classes.enrolled(names[0]))
        roster.system = classes.roster_of(names[0])
        return roster


@dataclass
class MarkKeeper:
    """Enters the marks of one assignment."""

    book: Gradebook
    records: RecordStore
    assignment: str
    entries: Mapping[str, HandIn]  # by the student's id
    unsafe: bool  # whether there is no sandbox

    def begin(
        self,
        questions: Mapping[str, Question],
        roster: Roster,
        deadline: datetime | None,
        files: Iterable[NamedFile],
    ) -> None:
        """Enter what is known before the first mark: questions, students, the deadline, files."""
        asked = (
            AskedQuestion(one.name, one.title, float(one.points), one.is_text)
            for one in questions.values()
        )
        classes = self.book.class_list
        classes.put_questions(self.assignment, asked)
        if roster.students:
            classes.enroll(self.assignment, roster.students, roster.system)
        if deadline is not None:
            classes.set_deadline(self.assignment, deadline)
        classes.put_files(self.assignment, [(one.student, one.label, one.path) for one in files])
        self._texts = {one.name for one in questions.values() if one.is_text}
        self._questions, self._explained = dict(questions), set[str]()
        known = self.book.graded(self.assignment)
        ids = {one.id for one in roster.students}
        for entry in self.entries.values():
            # What was graded without a roster, or with another one, is known under other ids.
            old = entry.submission.user
            if old in known and old not in self.entries and old not in ids:
                classes.move(old, entry.student, self.assignment)
        given = {storable(one.submission.path) for one in self.entries.values() if one.by_word}
        present = {
            one.id for entry in self.entries.values() for one in (entry.student, *entry.partners)
        }
        for student, file in classes.handed_in(self.assignment).items():
            if file.path in given and student not in present:
                classes.forget(student, self.assignment)  # it was taken for this student's before
        matched: dict[str, bool] = {}
        for entry in self.entries.values():
            matched |= {one.id: one.id in ids or not ids for one in entry.partners}
            matched[entry.student.id] = entry.is_known
        classes.put_matched(self.assignment, matched)

    def enter(self, student: str, record: Record, written: str) -> None:
        """Enter the marks of a record. `written` is the Markdown that the student wrote."""
        marks = [self._with_words(mark, written) for mark in record.marks.values()]
        self._enter(student, marks, record=record, written=written)
        if record.framework not in self._explained and any(
            one.points != one.out_of for one in marks
        ):
            self._explain(record.framework)

    def _explain(self, framework: str) -> None:
        """Enter what each question expects in a framework, for reports."""
        self._explained.add(framework)
        known = framework if framework in frameworks.KEYS else frameworks.KEYS[0]
        expected = {
            (name, aspect): text
            for name, question in self._questions.items()
            for aspect, text in expectations_of(question, known).items()
        }
        self.book.class_list.put_expectations(self.assignment, framework, expected)

    def enter_unreadable(self, student: str, marks: Iterable[Mark], problem: str) -> None:
        """Enter the marks of a file that cannot be graded."""
        self._enter(student, list(marks), problem=problem)

    def _with_words(self, mark: Mark, written: str) -> Mark:
        """Let a person look at words that a student wrote in Markdown and not in the answer."""
        missing = mark.status == MISSING or (mark.status == NEEDS_PERSON and mark.final)
        if mark.question in self._texts and missing and written:
            return replace(mark, status=BY_HAND, points=None, text=written)
        return mark

    def _enter(
        self,
        student: str,
        marks: list[Mark],
        problem: str = "",
        record: Record | None = None,
        written: str = "",
    ) -> None:
        entry = self.entries[student]
        for one in (entry.student, *entry.partners):
            shared_by = "" if one.id == student else student
            if record is not None and shared_by:
                copy = replace(record, student=one.id)
                if self.records.load(one.id, self.assignment, record.key) != copy:
                    self.records.save(copy)
            self.book.enter(
                one,
                self.assignment,
                entry.submission.label,
                marks,
                record=record.key if record else "",
                late=entry.submission.late,
                unsafe=self.unsafe,
                problem=problem,
                file=entry.submission,
                shared_by=shared_by,
                written=written,
            )
