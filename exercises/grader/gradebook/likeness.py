"""Submissions that are the same but for names and layout, found by copydetect.

copydetect replaces names in the code, drops comments and layout, and compares what is left by its
fingerprints (Schleimer, Wilkerson and Aiken: Winnowing, 2003). What was handed out does not count,
nor what most of the class has: there is often one way only to write a right answer.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from grader.intake.notebooks import handed_out, read_notebook

SAME = 0.8  # of the code of both
_GRAM = 25  # characters of a fingerprint, as copydetect advises
_LEAST = 12  # fingerprints of one's own; a shorter answer says nothing
_MOST_IN = 200  # submissions with one fingerprint that are compared because of it
_MOST_PAIRS = 300


@dataclass(frozen=True)
class Alike:
    """Two submissions that are alike."""

    one: str  # ids of students
    other: str
    share: float  # of the code of the one who has less in common

    @property
    def percent(self) -> str:
        """The share in words."""
        return f"{self.share:.0%}"


def alike(codes: Mapping[str, Iterable[str]], handed_out: Iterable[str] = ()) -> list[Alike]:
    """Return the pairs of submissions that are alike, those most alike first.

    Args:
        codes: the code cells of each submission, by student.
        handed_out: code that was handed out.
    """
    from copydetect.utils import filter_code, get_document_fingerprints

    logging.getLogger("copydetect").setLevel(logging.ERROR)

    def fingerprints(code: str) -> set[Any]:
        filtered, _ = filter_code(code, "answer.py", "python")
        hashes, _ = get_document_fingerprints(filtered, _GRAM, 1, [])
        return set(hashes)

    marks = {student: fingerprints("\n\n".join(cells)) for student, cells in sorted(codes.items())}
    counts = Counter(mark for found in marks.values() for mark in found)
    common = {mark for mark, count in counts.items() if count > max(3, len(marks) / 2)}
    for code in handed_out:
        common |= fingerprints(code)
    own = {student: found - common for student, found in marks.items()}
    own = {student: found for student, found in own.items() if len(found) >= _LEAST}
    holders: dict[Any, list[str]] = defaultdict(list)
    for student, found in own.items():
        for mark in found:
            holders[mark].append(student)
    shared: Counter[tuple[str, str]] = Counter()
    for students in holders.values():
        if len(students) <= _MOST_IN:
            shared.update(combinations(students, 2))
    pairs = [
        Alike(one, other, count / max(len(own[one]), len(own[other])))
        for (one, other), count in shared.items()
    ]
    pairs = [pair for pair in pairs if pair.share >= SAME]
    return sorted(pairs, key=lambda pair: (-pair.share, pair.one, pair.other))[:_MOST_PAIRS]


def handed_out_code(questions: Iterable[str]) -> list[str]:
    """Return the code of the notebooks that students get for these questions' chapters."""
    chapters = {name.partition(".")[0] for name in questions}
    found: list[str] = []
    for chapter in chapters:
        for data in handed_out(chapter):
            found += read_notebook(data).cells
    return ["\n\n".join(found)] if found else []
