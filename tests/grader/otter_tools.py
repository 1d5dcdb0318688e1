"""The same questions for otter-grader, and an honest class to compare the graders on."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from d2lexercises import questions
from editions.exercises.exercise_files import checks_in
from exercise_answers import exercise_file, judge, namespace
from grader_tools import notebook

ROOT = Path(__file__).parents[2]
KINDS = ("solution", "solution", "starter", "altered")
SEED = 20_261  # of the inputs that otter's tests use
ALTERED = {  # a mistake in a solution: the text, and its replacement
    "pytorch": ("return X + self.", "return self."),
    "tensorflow": ("return X + self.", "return self."),
}

TESTS = """
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = None
_verdicts = []


def _points(env, aspect):
    from d2lexercises import find_question, frameworks
    from d2lexercises.question import give_verdict, run_probe

    if not _verdicts:
        question = find_question({name!r})
        adapter = frameworks.load({framework!r})
        outputs = run_probe(question, env[{answer!r}], question.draw({seed}), adapter)
        _verdicts.append(give_verdict(question, question.draw({seed}), outputs, {framework!r}))
    (found,) = [one for one in _verdicts[0].findings if one.aspect == aspect]
    assert found.passed, found.message

"""
CASE = """
@test_case(points={points})
def test_{number}(env):
    _points(env, {aspect!r})

"""


def cells(framework: str, kinds: dict[str, str], chapter: str = "blocks") -> list[str]:
    """The code of an exercise, each question's answer of the kind that `kinds` says.

    Kinds are "solution", "starter" and "altered": the solution with a slip where one is known.
    """
    edition = [cell for cell in exercise_file(chapter).edition(framework) if cell.kind == "code"]
    asked: dict[str, str] = {}  # the answer cell's first name -> the question
    waiting: list[str] = []
    for cell in edition:
        if {"starter", "solution"} & set(cell.tags):
            waiting.append(str(cell.name))
        for question, _ in checks_in(cell):
            asked |= dict.fromkeys(waiting, question)
            waiting = []
    code = []
    for cell in edition:
        tag = next((tag for tag in ("starter", "solution") if tag in cell.tags), None)
        kind = kinds[asked[str(cell.name)]] if tag else ""
        if tag and tag != {"altered": "solution"}.get(kind, kind):
            continue
        old, new = ALTERED[framework]
        code.append(cell.source.replace(old, new) if kind == "altered" else cell.source)
    return code


def honest_class(framework: str, number: int, chapter: str = "blocks") -> Iterator[bytes]:
    """Notebooks of an honest class: all right, nothing done, and everything between."""
    names = list(questions(chapter))
    draw = random.Random(12)  # the first five have different marks
    for student in range(number):
        if student < 2:
            kinds = dict.fromkeys(names, ("solution", "starter")[student])
        else:
            kinds = {
                name: draw.choice(["solution", "solution", "starter", "altered"]) for name in names
            }
        yield notebook(f"# student {student}", *cells(framework, kinds, chapter))


def write_autograder(folder: Path, framework: str, chapter: str = "blocks") -> Path:
    """What `otter run` needs: a test file for each question, a case for each aspect of it."""
    tests = folder / "tests"
    tests.mkdir(parents=True)
    edition = exercise_file(chapter).edition(framework)
    answers = dict(check for cell in edition for check in checks_in(cell))
    solutions = namespace(chapter, framework, "solution")["answers"]
    for name, answer in answers.items():
        findings = judge(name, solutions[name], framework, SEED).findings
        text = TESTS.format(name=name, framework=framework, answer=answer, seed=SEED)
        for number, finding in enumerate(findings):
            text += CASE.format(points=finding.out_of, number=number, aspect=finding.aspect)
        (tests / f"{name.replace('.', '_').replace('-', '_')}.py").write_text(text, "utf8")
    archive = folder / "autograder.zip"
    _otter("generate", "-t", str(tests), "-o", str(archive), "--no-environment", "--no-config")
    return archive


def run_otter(archive: Path, submission: Path, output: Path) -> dict[str, float]:
    """Points by question, as `otter run` gives them."""
    output.mkdir(parents=True, exist_ok=True)
    _otter("run", "-a", str(archive), "-o", str(output), "--no-logo", str(submission))
    found = json.loads((output / "results.json").read_text("utf8"))["tests"]
    return {test["name"]: float(test["score"]) for test in found if "score" in test}


def _otter(*arguments: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(ROOT), str(ROOT / "exercises"), os.environ.get("PYTHONPATH", "")])
        ),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "D2L_UNATTENDED": "1",
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("otter")), *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"otter {arguments[0]} failed:\n{done.stdout}\n{done.stderr}"[-3000:])
