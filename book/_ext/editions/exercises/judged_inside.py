"""Notes on aspects whose `run` compares: what is right would be where the student's code runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from editions.base.errors import SourceError
from editions.base.files import read_text
from editions.base.project import Project
from editions.exercises.chapter_files import files_in

_COMPARE = {
    *("allclose", "isclose", "array_equal", "array_equiv", "assert_allclose", "assert_equal"),
    *("assert_array_equal", "assert_array_almost_equal", "assert_almost_equal"),
}
_INSIDE = ("run", "inspect", "again")  # of an aspect: what runs in a sandbox


def judging_notes(project: Project, folder: Path, names: Iterable[str] = ()) -> Iterator[str]:
    """Say which aspects compare in `run`, in a line for each."""
    for name, files in files_in(folder).items():
        if files.question and (not names or name in names):
            for line, aspect, call in _comparisons(files.question):
                yield (
                    f"{project.relative(files.question)}: line {line}: run of {aspect} uses "
                    f"{call}, so what is right is in the process of the student's code: let run "
                    "return what the answer returned, and compare it in expect or judge"
                )


def _comparisons(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the aspect and the call for each comparison in what `run` uses."""
    try:
        tree = ast.parse(read_text(path, path.as_posix()))
    except (SyntaxError, SourceError):
        return
    helpers = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for aspect in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
        for node in aspect.body:
            if isinstance(node, ast.FunctionDef) and node.name in _INSIDE:
                yield from (
                    (line, aspect.name, call) for line, call in sorted(_calls(node, helpers))
                )


def _calls(node: ast.AST, helpers: dict[str, ast.FunctionDef]) -> set[tuple[int, str]]:
    """Return the lines and names of comparing calls in code and in the helpers that it uses."""
    found, waiting, seen = set[tuple[int, str]](), [node], set[str]()
    while waiting:
        for inner in ast.walk(waiting.pop()):
            if isinstance(inner, ast.Call):
                called = inner.func
                name = called.attr if isinstance(called, ast.Attribute) else ""
                name = called.id if isinstance(called, ast.Name) else name
                if name in _COMPARE:
                    found.add((inner.lineno, name))
            if isinstance(inner, ast.Name) and inner.id in helpers and inner.id not in seen:
                seen.add(inner.id)
                waiting.append(helpers[inner.id])
    return found
