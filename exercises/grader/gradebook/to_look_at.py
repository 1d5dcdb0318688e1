"""Which places in graded code a person should look at, for the table of marks."""

from __future__ import annotations

from collections.abc import Iterator

from grader.gradebook.database import Gradebook, StudentMarks
from grader.gradebook.records import RecordStore
from grader.intake.submissions import printable

_SHOWN = 3  # places of one submission; its report has all


def lines_to_look_at(
    book: Gradebook, records: RecordStore, assignment: str, students: list[StudentMarks]
) -> Iterator[str]:
    """Yield a line for each student whose code holds something to look at."""
    for marks in students:
        record = book.record_of(marks.student.id, assignment, records)
        if record is not None and record.looks:
            more = len(record.looks) - _SHOWN
            shown = [*record.looks[:_SHOWN], *([f"{more} more"] if more > 0 else [])]
            person = printable(marks.student.id, 24)
            yield f"to look at: {person}: {printable('; '.join(shown), 500)}"
