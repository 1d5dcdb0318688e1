"""A search of the stage for what no student may see.

The private questions that were staged are imported in a process of its own, as a worker imports
them, and all that can be reached from their modules is compared with what has to stay outside: the
functions that draw inputs, expect and judge, and values that a right answer gives.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import subprocess
import sys
import types
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from d2lexercises.given import Given
from d2lexercises.question import Question
from d2lexercises.vocabulary import WrittenQuestion

from grader.sandbox.inside.search import digest_of_function, functions_in, values_in

_SEEDS = range(4)  # for which expected values are looked for
_OUTSIDE = ("expect", "judge", "mistakes", "shown")
_TIME_LIMIT = 120.0  # seconds


def refuse_leaks(stage: Path, questions: Mapping[str, Collection[Question]]) -> None:
    """Import each staged file of questions in a fresh process, and search it.

    Args:
        stage: the folder of the stage.
        questions: the questions of each file, by its place in the stage.

    Raises:
        ValueError: something that has to stay outside is there; names it.
    """
    if not any(questions.values()):
        return
    done = subprocess.run(
        [sys.executable, "-s", "-B", "-m", "inside.search", *questions],
        cwd=stage,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(stage), "CUDA_VISIBLE_DEVICES": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it ended"])[-1]
        raise ValueError(f"what runs answers cannot be imported by itself: {last[:300]}")
    staged = json.loads(done.stdout)
    for place, found in questions.items():
        for question in found:
            if question.is_text:
                continue
            functions = {digest: name for name, digest in outside(question)}
            values = dict(expected_values(question))
            for name, digest in staged[place]["functions"]:
                if digest in functions:
                    raise ValueError(
                        f"{question.name}: {functions[digest]} would reach the sandbox, as {name}; "
                        "what runs an answer must not use what draws, expects or judges"
                    )
            for name, digest in staged[place]["values"]:
                if digest in values:
                    raise ValueError(
                        f"{question.name}: {name}, which what runs an answer uses, holds what "
                        f"{values[digest]} expects; keep the two apart"
                    )


def outside(question: Question) -> Iterator[tuple[str, str]]:
    """The functions of a question that must stay outside, each with its digest."""
    words = (question.runs, question.inspections, question.repeats)
    inside = {one for named in words for one, _ in named.values()}
    if isinstance(question, WrittenQuestion):
        inside.add(question.takes)
        starts: list[Any] = [question.draws, question.hidden_draws, question.kept_draws]
        starts.append(question.shows)
        for one in question.aspects.values():
            starts += [getattr(one.words, name, None) for name in _OUTSIDE]
        found = [one for one in starts if isinstance(one, types.FunctionType)]
    else:
        inside.add(question.probe)
        held = [value for name, value in vars(question).items() if name != "probe"]
        found = list(functions_in(held))
    for function in found:
        ours = function.__module__.startswith(("d2lexercises.", "d2lcompute."))
        if function in inside or (ours and "-" not in function.__module__):
            continue
        if digest := digest_of_function(function):
            yield function.__qualname__, digest


def expected_values(question: Question) -> Iterator[tuple[str, str]]:
    """Digests of what right answers give, for some seeds, each with the aspect that expects it."""
    if not isinstance(question, WrittenQuestion):
        return
    for seed in _SEEDS:
        inputs = question.draw(seed)
        drawn = {digest for _, digest in values_in("", inputs)}
        for one in question.aspects.values():
            if one.words.expect is None:
                continue
            cases = Given(inputs).cases(one.over)
            for case in cases if isinstance(cases, list) else [cases]:
                for framework in ("pytorch", "tensorflow"):
                    with contextlib.suppress(Exception):  # one for the other framework alone
                        wants = len(inspect.signature(one.words.expect).parameters)
                        expected = one.words.expect(case, *([framework] if wants > 1 else []))
                        for _, digest in values_in("", expected):
                            if digest not in drawn:
                                yield digest, f"the aspect {one.name!r}"
