"""What a class did: how many passed what, the commonest messages, when work came in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from grader.gradebook.database import StudentMarks
from grader.gradebook.likeness import Alike
from grader.gradebook.records import Record
from grader.gradebook.spreadsheets import csv_text, exported

_MOST_MESSAGES = 30
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?")


@dataclass
class QuestionNumbers:
    """How a class did on one question."""

    name: str
    title: str
    out_of: float = 0.0
    marked: int = 0  # submissions with points
    full: int = 0  # with all points
    points: float = 0.0  # of all together
    waiting: int = 0  # for a person
    aspects: dict[str, list[int]] = field(default_factory=dict)  # passed, and judged

    @property
    def share_full(self) -> float:
        """The share of submissions with all points."""
        return self.full / self.marked if self.marked else 0.0

    @property
    def mean(self) -> float:
        """The mean share of the points."""
        return self.points / (self.marked * self.out_of) if self.marked and self.out_of else 0.0


@dataclass
class ClassNumbers:
    """What a class did on one assignment."""

    assignment: str
    submissions: int
    absent: int
    late: int
    totals: list[float]  # the points of those who have all of them
    out_of: float
    questions: list[QuestionNumbers]
    messages: list[tuple[int, str, str, str]]  # how many, question, aspect, what was said
    times: list[tuple[datetime, str, bool]]  # when, who, whether late
    deadline: datetime | None
    alike: list[Alike]
    names: dict[str, str]  # of students, by id


def numbers_of(
    assignment: str,
    students: list[StudentMarks],
    records: Mapping[str, Record],
    deadline: datetime | None,
    alike: list[Alike],
) -> ClassNumbers:
    """Count. `records` are those of the submissions that count, by student."""
    questions: dict[str, QuestionNumbers] = {}
    said: Counter[tuple[str, str, str]] = Counter()
    present = [marks for marks in students if not marks.absent]
    for marks in present:
        record = records.get(marks.student.id)
        for name, counted in marks.marks.items():
            mark = record.marks.get(name) if record else None
            numbers = questions.setdefault(name, QuestionNumbers(name, name))
            numbers.out_of = counted.out_of
            if counted.points is None:
                numbers.waiting += 1
            else:
                numbers.marked += 1
                numbers.full += counted.points >= counted.out_of
                numbers.points += counted.points
            if mark is None:
                continue
            numbers.title = mark.title
            if mark.said:
                said[name, "", general(mark.said)] += 1
            for finding in mark.findings:
                passed = finding["points"] >= finding["out_of"]
                found = numbers.aspects.setdefault(finding["aspect"], [0, 0])
                found[0] += passed
                found[1] += 1
                if not passed:
                    said[name, finding["aspect"], general(finding["message"])] += 1
    common = [(count, *key) for key, count in said.most_common(_MOST_MESSAGES)]
    times = [
        (marks.handed_in.time, marks.student.id, marks.late)
        for marks in present
        if marks.handed_in.time is not None
    ]
    totals = [marks.points for marks in present if marks.points is not None]
    return ClassNumbers(
        assignment,
        len(present),
        len(students) - len(present),
        sum(marks.late for marks in present),
        totals,
        max((marks.out_of for marks in students), default=0.0),
        list(questions.values()),
        common,
        sorted(times),
        deadline,
        alike,
        {marks.student.id: marks.student.name for marks in students},
    )


def general(message: str) -> str:
    """Return a message without the numbers in it, and without the input: the same for many."""
    text = message.partition("\nInput:")[0].strip()
    first = text.partition("\n")[0]
    return _NUMBER.sub("…", first)[:200]


def csv_files(numbers: ClassNumbers) -> dict[str, str]:
    """Return the numbers as CSV files, by name."""
    questions = [["question", "title", "out of", "submissions", "all points", "mean", "to look at"]]
    aspects = [["question", "aspect", "judged", "passed", "share passed"]]
    for one in numbers.questions:
        counts = (str(one.marked), f"{one.share_full:.3f}", f"{one.mean:.3f}", str(one.waiting))
        questions.append([one.name, exported(one.title), f"{one.out_of:g}", *counts])
        for aspect, (passed, judged) in one.aspects.items():
            share = f"{passed / judged:.3f}"
            aspects.append([one.name, exported(aspect), str(judged), str(passed), share])
    messages = [["submissions", "question", "aspect", "message"]]
    for count, question, aspect, text in numbers.messages:
        messages.append([str(count), question, exported(aspect), exported(text)])
    times = [["time", "id", "name", "late"]]
    for time, student, late in numbers.times:
        name = exported(numbers.names[student])
        times.append([f"{time:%Y-%m-%d %H:%M:%S}", exported(student), name, "late" if late else ""])
    pairs = [["id", "name", "other id", "other name", "the same"]]
    for pair in numbers.alike:
        people = (pair.one, numbers.names[pair.one], pair.other, numbers.names[pair.other])
        pairs.append([*map(exported, people), f"{pair.share:.3f}"])
    return {
        "questions.csv": csv_text(questions),
        "aspects.csv": csv_text(aspects),
        "messages.csv": csv_text(messages),
        "times.csv": csv_text(times),
        "alike.csv": csv_text(pairs),
    }
