"""The answers that the exercises' own source holds, ready to be judged, by chapter and question."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from d2lexercises import find_question
from d2lexercises.question import Verdict
from d2lexercises.wire import Plain
from editions.base.project import Project
from editions.exercises import judging, written_answers
from editions.exercises.exercise_files import TAGS, find_exercises
from editions.exercises.judging import failed
from editions.source.chapter import Chapter, read_chapter

__all__ = [
    "CHAPTERS",
    "FOLDER",
    "FRAMEWORKS",
    "PACKAGES",
    "ROOT",
    "exercise_file",
    "failed",
    "judge",
    "namespace",
    "right_answers",
    "right_reply",
    "wrong_answers",
]

ROOT = Path(__file__).parents[2]
PACKAGES = f"{ROOT}{os.pathsep}{ROOT / 'exercises'}"  # PYTHONPATH of a process of its own
FOLDER = ROOT / "exercises" / "chapters"
FRAMEWORKS = tuple(framework.key for framework in Project(ROOT).frameworks)
CHAPTERS = [exercises.name for exercises in find_exercises(Project(ROOT))]


def exercise_file(chapter: str) -> Chapter:
    """The exercises of a chapter as they are written, also if `_toc.yml` leaves the chapter out."""
    return read_chapter(FOLDER / chapter / "text.md", more_tags=TAGS)


@cache
def namespace(chapter: str, framework: str, kind: written_answers.Kind) -> dict[str, Any]:
    """What the code cells of an exercise file define, with its starters or its solutions."""
    return written_answers.names_of(exercise_file(chapter), framework, kind)


def right_answers(chapter: str, framework: str) -> Iterator[written_answers.Right]:
    """Right answers: the question, what is special, the answer."""
    return written_answers.right_answers(FOLDER / chapter / "right.py", framework)


def wrong_answers(chapter: str, framework: str) -> Iterator[written_answers.Wrong]:
    """Wrong answers: the question, what is wrong, the answer, and the aspects that must fail."""
    solution = namespace(chapter, framework, "solution")
    return written_answers.wrong_answers(FOLDER / chapter / "wrong.py", framework, solution)


def judge(name: str, answer: Any, framework: str, seed: int | None = None) -> Verdict:
    """Probe and judge an answer, its outputs sent over the wire as when a class is graded."""
    return judging.judge(find_question(name), answer, framework, seed)


@cache
def right_reply(name: str, framework: str) -> dict[str, Plain]:
    """What the probe returns for the solution, on the public inputs."""
    question = find_question(name)
    answer = namespace(question.chapter, framework, "solution")["answers"][name]
    return judging.reply_to(question, answer, framework)
