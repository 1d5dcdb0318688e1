"""The answers that the exercises' own source holds, ready to be checked."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from d2lexercises import find_question, frameworks
from d2lexercises.question import Verdict, give_verdict, run_probe
from d2lexercises.wire import Plain, decode, encode
from editions.base.project import Project
from editions.exercises.exercise_files import TAGS, checks_in, find_exercises
from editions.source.chapter import Chapter, read_chapter

ROOT = Path(__file__).parents[2]
PACKAGES = f"{ROOT}{os.pathsep}{ROOT / 'exercises'}"  # PYTHONPATH of a process of its own
FOLDER = ROOT / "exercises" / "chapters"
FRAMEWORKS = tuple(framework.key for framework in Project(ROOT).frameworks)
CHAPTERS = [exercises.name for exercises in find_exercises(Project(ROOT))]


def exercise_file(chapter: str) -> Chapter:
    """The exercises of a chapter as they are written, also if `_toc.yml` leaves the chapter out."""
    return read_chapter(FOLDER / chapter / "text.md", more_tags=TAGS)


@cache
def namespace(chapter: str, framework: str, kind: str) -> dict[str, Any]:
    """What the code cells of an exercise file define, with its starters or its solutions."""
    other = {"starter": "solution", "solution": "starter"}[kind]
    names: dict[str, Any] = {"answers": {}}
    for cell in exercise_file(chapter).edition(framework):
        if cell.kind != "code" or other in cell.tags or cell.name == "score":
            continue
        if calls := checks_in(cell):
            for question, answer in calls:
                names["answers"][question] = eval(answer, names)
        else:
            source = "\n" * (cell.line - 1) + cell.source
            exec(compile(source, f"exercises/chapters/{chapter}/text.md", "exec"), names)
    return names


def right_answers(chapter: str) -> dict[str, Callable[[], Iterator[tuple[str, str, Any]]]]:
    """For each framework, what yields right answers: the question, what is special, the answer."""
    return answers_in(chapter, "right").RIGHT


def wrong_answers(
    chapter: str,
) -> dict[str, Callable[[dict[str, Any]], Iterator[tuple[str, str, Any, set[str]]]]]:
    """For each framework, what yields wrong answers, given what the solution cells define.

    They are: the question, what is wrong, the answer, and the aspects that must fail.
    """
    return answers_in(chapter, "wrong").WRONG


@cache
def answers_in(chapter: str, kind: str) -> ModuleType:
    """The module `right.py` or `wrong.py` of a chapter."""
    name = f"{kind}-{chapter}"
    spec = importlib.util.spec_from_file_location(name, FOLDER / chapter / f"{kind}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def judge(name: str, answer: Any, framework: str, seed: int | None = None) -> Verdict:
    """Probe and judge an answer, its outputs sent over the wire as when a class is graded."""
    question = find_question(name)
    seed = question.public_seed if seed is None else seed
    inputs = decode(encode(question.draw(seed)))
    outputs = run_probe(question, answer, inputs, frameworks.load(framework))
    return give_verdict(question, question.draw(seed), decode(encode(outputs)), framework)


@cache
def right_reply(name: str, framework: str) -> dict[str, Plain]:
    """What the probe returns for the solution, on the public inputs."""
    question = find_question(name)
    answer = namespace(question.chapter, framework, "solution")["answers"][name]
    inputs = question.draw(question.public_seed)
    return run_probe(question, answer, inputs, frameworks.load(framework))


def failed(verdict: Verdict) -> set[str]:
    """The aspects that did not earn their points."""
    return {finding.aspect for finding in verdict.findings if not finding.passed}
