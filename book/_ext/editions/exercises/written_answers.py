"""The answers that a chapter's own files hold, in one framework, ready to be judged.

`text.md` holds a starter and a solution for each question, `right.py` further right answers, and
`wrong.py` wrong ones with the aspects on which they fail.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from editions.exercises.exercise_files import checks_in
from editions.source.chapter import Cell, Chapter

Kind = Literal["starter", "solution"]
Names = dict[str, Any]  # what cells define, and under "answers" the answer to each question
Right = tuple[str, str, Any]  # the question, what is special, the answer
Wrong = tuple[str, str, Any, set[str]]  # and the aspects on which it fails


def names_of(
    chapter: Chapter,
    framework: str,
    kind: Kind,
    shown: Callable[[Cell], str] | None = None,
) -> Names:
    """Run the code cells of an exercise file, with its starters or with its solutions.

    Args:
        chapter: the exercise file.
        framework: the framework whose cells are run.
        kind: "starter" or "solution".
        shown: the name of the file that a cell comes from, for tracebacks.

    Returns:
        What the cells define, and under "answers" the answer that each check names.

    Raises:
        Exception: whatever a cell raises.
    """
    other = {"starter": "solution", "solution": "starter"}[kind]
    names: Names = {"answers": {}}
    for cell in chapter.edition(framework):
        if cell.kind != "code" or other in cell.tags or cell.name == "score":
            continue
        file = shown(cell) if shown else chapter.path
        if calls := checks_in(cell):
            for question, answer in calls:
                names["answers"][question] = eval(compile(answer, file, "eval"), names)
        else:
            source = "\n" * (cell.line - 1) + cell.source
            exec(compile(source, file, "exec"), names)
    return names


class AnswersError(Exception):
    """An answer of a file is not given in the form that it has to have; `line` says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def right_answers(path: Path, framework: str) -> Iterator[Right]:
    """The answers of a file `right.py`.

    Raises:
        ValueError: the file has none for the framework.
        AnswersError: an answer is not in the form of `Right`.
        Exception: whatever the file raises.
    """
    return _checked(_generator(path, "RIGHT", framework)())


def wrong_answers(path: Path, framework: str, solution: Names) -> Iterator[Wrong]:
    """The answers of a file `wrong.py`; `solution` has what the solution cells define.

    Raises:
        ValueError: the file has none for the framework.
        AnswersError: an answer is not in the form of `Wrong`.
        Exception: whatever the file raises.
    """
    return _checked(_generator(path, "WRONG", framework)(solution), aspects=True)


def _checked(answers: Iterator[Any], aspects: bool = False) -> Iterator[Any]:
    """The answers, each of which is in its form."""
    texts = ["the question", "a few words"]
    parts = [*texts, "the answer", *(["the aspects on which it fails"] if aspects else [])]
    for one in answers:
        line = _line_of_yield(answers)
        if not isinstance(one, tuple) or len(one) != len(parts):
            got = f"{len(one)} values" if isinstance(one, tuple) else type(one).__name__
            raise AnswersError(f"yield {len(parts)} values, {', '.join(parts)}; got {got}", line)
        for what, value in zip(texts, one, strict=False):
            if not isinstance(value, str):
                raise AnswersError(f"{what} must be a text in quotes, got {value!r:.80}", line)
        if aspects and not isinstance(one[3], set | frozenset | list | tuple):
            raise AnswersError(f"write the aspects as {{{one[3]!r:.80}}}, in braces", line)
        yield one


def _line_of_yield(answers: Any) -> int:
    """The line at which a generator, or the one that it yields from, waits."""
    while (inner := getattr(answers, "gi_yieldfrom", None)) is not None:
        answers = inner
    frame = getattr(answers, "gi_frame", None)
    return frame.f_lineno if frame else 1


def _generator(path: Path, table: str, framework: str) -> Callable[..., Iterator[Any]]:
    found = getattr(load_answers(path), table, None)
    if not isinstance(found, dict) or framework not in found:
        raise ValueError(f'{table} is a dict; it has no function for "{framework}"')
    return found[framework]


@cache
def load_answers(path: Path) -> ModuleType:
    """The module in a file of answers.

    Raises:
        Exception: whatever the file raises.
    """
    name = f"{path.stem}-{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
