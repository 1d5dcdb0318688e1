"""A JSON file for each graded submission: for resuming, grading again, and auditing.

A file's name is the hash of everything that its marks depend on, except for the questions'
versions. Those are stored with each mark, so that only changed questions are graded again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from d2lexercises.question import Question

from d2lcompute._files import replace_file
from d2lcompute._frameworks import FRAMEWORKS
from grader.judging.marking import Mark

FORMAT = 1  # of the files; if it changes, every submission is graded again


@dataclass
class Record:
    """One graded submission. The names of the attributes are the keys of the file."""

    key: str
    student: str
    assignment: str
    label: str
    framework: str
    environment: dict[str, str]
    cells: list[str]
    marks: dict[str, Mark] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # from the worker, so they may be forged
    looks: list[str] = field(default_factory=list)  # what in the code a person should look at
    seconds: float = 0.0
    graded_at: str = ""

    def valid_marks(self, questions: dict[str, Question]) -> dict[str, Mark]:
        """Return the marks that are final: of the question's present version, and known."""
        return {
            name: mark
            for name, mark in self.marks.items()
            if name in questions and mark.version == questions[name].version and mark.is_known
        }


def environment_of(framework: str, unsafe: bool) -> dict[str, str]:
    """Return the properties of this machine that marks may depend on."""
    versions = {"format": str(FORMAT), "python": ".".join(map(str, sys.version_info[:2]))}
    products = FRAMEWORKS[framework].products if framework in FRAMEWORKS else ()
    for name in ["numpy", *products]:
        versions[name] = _version_of(name)
    return versions | ({"sandbox": "none"} if unsafe else {})


@functools.cache
def _version_of(name: str) -> str:
    """Return the version of an installed package; "" if there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def record_key(
    student: str, assignment: str, cells: list[str], environment: dict[str, str], secret: str
) -> str:
    """Return the key of a submission's record; `secret` is the secret's fingerprint."""
    text = json.dumps([student, assignment, cells, environment, secret], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class RecordStore:
    """The folder of records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, student: str, assignment: str, key: str) -> Record | None:
        """Return the record with this key; None if it is missing or damaged."""
        try:
            content = json.loads(self._file(student, assignment, key).read_text("utf-8"))
            content["marks"] = {name: Mark(**mark) for name, mark in content["marks"].items()}
            return Record(**content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def save(self, record: Record) -> None:
        """Write a record completely or not at all, even if the machine fails."""
        file = self._file(record.student, record.assignment, record.key)
        for folder in (self.folder, file.parent.parent, file.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        content: dict[str, Any] = {
            **vars(record),
            "marks": {name: mark.as_json() for name, mark in record.marks.items()},
        }
        write_private(file, _printable_json(content))

    def delete(self, student: str) -> int:
        """Delete all records of a student; return their number."""
        count = 0
        for folder in self.folder.glob(f"*/{student_slug(student)}"):
            count += len(list(folder.glob("*.json")))
            shutil.rmtree(folder)
        return count

    def _file(self, student: str, assignment: str, key: str) -> Path:
        return self.folder / slug(assignment) / student_slug(student) / f"{key}.json"


def _printable_json(content: Any) -> str:
    """Return JSON in which characters that steer a terminal, or are half of one, are escaped."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else "".join(f"\\u{unit:04x}" for unit in _units(letter))
        for letter in text
    )


def _units(letter: str) -> list[int]:
    data = letter.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def slug(text: str) -> str:
    """Return `text` as part of a file name."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
    return kept.strip("-")[:60] or "-"


def student_slug(student: str) -> str:
    """Return a student's id as a file name: readable, and different for different ids."""
    return f"{slug(student)}-{hashlib.sha256(student.encode()).hexdigest()[:10]}"


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    replace_private(file, text.encode("utf-8"))


def replace_private(file: Path, data: bytes) -> None:
    """Write a file that only its owner can read, completely or not at all.

    Raises:
        OSError: it cannot be written; names the file itself, not the one written before.
    """
    try:
        replace_file(file, data, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from None
