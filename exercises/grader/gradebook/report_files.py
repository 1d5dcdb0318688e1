"""Reports for a class: a page for each student, with the names that course systems take back."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from grader.gradebook.database import StudentMarks
from grader.gradebook.records import slug, student_slug
from grader.gradebook.spreadsheets import exported
from grader.intake.exports import name_in_moodle

PLAIN = "plain"


def plain_name(assignment: str, marks: StudentMarks) -> str:
    """Return the name of a student's page: readable, and different for different students."""
    return f"{slug(assignment)}-{student_slug(marks.student.id)}.html"


def canvas_name(assignment: str, marks: StudentMarks) -> str:
    """Return the name by which Canvas gives a page back to a student; "" if there is none.

    Canvas finds the student and the file by the two numbers in the name of what it gave out.
    """
    if marks.handed_in.system != "canvas" or not marks.handed_in.path:
        return ""
    if marks.handed_in.shared_by:
        return ""  # Canvas gives a page back to the group
    top = PurePosixPath(marks.handed_in.path).parts[0]
    return f"{PurePosixPath(top).stem}.html"


def moodle_name(assignment: str, marks: StudentMarks) -> str:
    """Return the name by which Moodle gives a page back to a student; "" if there is none.

    Moodle finds the student by the number after the name, which holds no underscore.
    """
    number = marks.handed_in.moodle_number
    user = number or (marks.student.id if marks.student.identifier else "")
    if not user.isdecimal():
        return ""
    path = marks.handed_in.path if number else ""
    name = (name_in_moodle(PurePosixPath(path).parts[0]) if path else "") or marks.student.name
    name = re.sub(r"[_/\\:*?\"<>|\x00-\x1f]+", " ", name).strip() or "Participant"
    return f"{name}_{user}_assignfeedback_file/{slug(assignment)}.html"


NAMES: dict[str, Callable[[str, StudentMarks], str]] = {
    "canvas": canvas_name,
    "moodle": moodle_name,
    PLAIN: plain_name,
}


def archive_of(pages: dict[str, str]) -> bytes:
    """Return a zip archive of pages, by their names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, page in pages.items():
            archive.writestr(name, page)
    return stream.getvalue()


def archive_file(folder: Path, assignment: str, system: str) -> Path:
    """Return where the archive for a system is written."""
    return folder / f"{slug(assignment)}-{system}.zip"


def left_out(assignment: str, students: list[StudentMarks], system: str) -> list[str]:
    """Return the students to whom a system cannot give a page back."""
    return [
        exported(f"{one.student.name} ({one.student.id})")
        for one in students
        if not NAMES[system](assignment, one)
    ]
