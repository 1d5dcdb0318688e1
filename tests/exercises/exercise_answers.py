"""The answers that the exercises' own source holds, ready to be checked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from editions.base.project import Project
from editions.exercises.exercise_files import TAGS, checks_in, find_exercises
from editions.source.chapter import Chapter, read_chapter

from d2lcompute.checks import find_question, frameworks
from d2lcompute.checks.question import Verdict, give_verdict, run_probe
from d2lcompute.checks.wire import Plain, decode, encode

ROOT = Path(__file__).parents[2]
FRAMEWORKS = tuple(framework.key for framework in Project(ROOT).frameworks)
CHAPTERS = [exercises.name for exercises in find_exercises(Project(ROOT))]


def exercise_file(chapter: str) -> Chapter:
    """The exercises of a chapter as they are written, also if `_toc.yml` leaves the chapter out."""
    return read_chapter(ROOT / "exercises" / f"{chapter}.md", more_tags=TAGS)


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
            exec(compile(source, f"exercises/{chapter}.md", "exec"), names)
    return names


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
