"""What was found, one JSON file for each submission: for resuming, grading again, and audit.

A file's name is the hash of all that its marks depend on, but for the questions' versions, which
stand beside each mark: when a check is mended only that question is asked again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from d2lcompute._files import replace_file
from d2lcompute.checks.question import Question

from .judging import Mark
from .session import NEEDS_PERSON

FORMAT = 1  # of the files; a change makes all of them stale


@dataclass
class Record:
    """One graded submission."""

    key: str
    student: str
    assignment: str
    label: str
    framework: str
    environment: dict[str, str]
    cells: list[str]
    marks: dict[str, Mark] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what the worker said, not to be trusted
    seconds: float = 0.0
    graded_at: str = ""

    def standing(self, questions: dict[str, Question]) -> dict[str, Mark]:
        """The marks that hold: of this version of the question, and not left to a person."""
        return {
            name: mark
            for name, mark in self.marks.items()
            if name in questions
            and mark.version == questions[name].version
            and mark.status != NEEDS_PERSON
        }


def environment(framework: str, unsafe: bool) -> dict[str, str]:
    """What of this machine the marks may depend on."""
    found = {"format": str(FORMAT), "python": ".".join(map(str, sys.version_info[:2]))}
    names = {"pytorch": ["torch"], "tensorflow": ["tensorflow", "keras"]}.get(framework, [])
    for name in ["numpy", *names]:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found | ({"sandbox": "none"} if unsafe else {})


def record_key(
    student: str, assignment: str, cells: list[str], where: dict[str, str], secret: str
) -> str:
    """The name of the record of a submission; `secret` is the secret's fingerprint."""
    text = json.dumps([student, assignment, cells, where, secret], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Results:
    """The folder of records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, student: str, assignment: str, key: str) -> Record | None:
        """The record with this key; None if there is none that can be read."""
        try:
            content = json.loads(self._file(student, assignment, key).read_text("utf-8"))
            content["marks"] = {name: Mark(**mark) for name, mark in content["marks"].items()}
            return Record(**content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def save(self, record: Record) -> None:
        """Keep a record: all of it or nothing, also when the machine fails."""
        file = self._file(record.student, record.assignment, record.key)
        for folder in (self.folder, file.parent.parent, file.parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        content: dict[str, Any] = {
            **vars(record),
            "marks": {name: mark.as_json() for name, mark in record.marks.items()},
        }
        write_whole(file, json.dumps(content, indent=1, ensure_ascii=False))

    def delete(self, student: str) -> int:
        """Remove all records of a student; how many there were."""
        count = 0
        for folder in self.folder.glob(f"*/{student_slug(student)}"):
            count += len(list(folder.glob("*.json")))
            shutil.rmtree(folder)
        return count

    def _file(self, student: str, assignment: str, key: str) -> Path:
        return self.folder / slug(assignment) / student_slug(student) / f"{key}.json"


def slug(text: str) -> str:
    """`text` as part of a file name."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
    return kept.strip("-")[:60] or "-"


def student_slug(student: str) -> str:
    """A student's id as a file name: legible, and different for different ids."""
    return f"{slug(student)}-{hashlib.sha256(student.encode()).hexdigest()[:10]}"


def write_whole(file: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing."""
    replace_file(file, text.encode("utf-8"), 0o600)
