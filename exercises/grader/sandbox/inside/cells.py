"""Split a submission's code cells into parts to run in order, and the answers that they name.

An answer is found by its check, ``check("blocks.sequential", MySequential)``, anywhere in the
notebook except inside a function or a class. The answer is any expression; it is evaluated at the
position of the check. If a question has several checks, the last one in the notebook counts, as it
does when the notebook is run from top to bottom.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import CodeType

from d2lexercises.answers import checks_in, python_of


@dataclass(frozen=True)
class Part:
    """Code to run, or an answer to evaluate."""

    step: str  # "3.1": the second part of the cell with index 3
    code: CodeType
    question: str | None = None  # if set, `code` is the expression that gives the answer


def plan(
    cells: list[str],
    questions: Collection[str],
    skip: Collection[str] = (),
    begin: Callable[[str], None] = lambda step: None,
) -> tuple[list[Part], dict[int, BaseException]]:
    """Return the parts of `cells`, and the error of each cell that is not valid Python, by index.

    `begin` is called with "parse 3" before the cell with index 3 is parsed. Cells whose parsing is
    in `skip` are left out. Of a question that is answered more than once, the last answer is kept.
    """
    parts: list[Part] = []
    errors: dict[int, BaseException] = {}
    for index, source in enumerate(cells):
        if f"parse {index}" in skip:
            continue
        begin(f"parse {index}")
        try:
            parts += _parts(index, python_of(source), questions)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            errors[index] = error
    last = {part.question: part for part in parts if part.question}
    return [part for part in parts if not part.question or last[part.question] is part], errors


def _parts(index: int, source: str, questions: Collection[str]) -> Iterator[Part]:
    filename = f"<cell {index + 1}>"
    text = source if source.endswith("\n") else f"{source}\n"
    # AutoGraph, torch.jit.script, inspect and tracebacks look up the source here.
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    pieces: list[tuple[list[ast.stmt] | ast.expr, str | None]] = []
    block: list[ast.stmt] = []
    for statement in ast.parse(text, filename).body:
        checks = [check for check in checks_in(statement, questions) if not check.scope]
        calls = [check.call for check in checks]
        if not (isinstance(statement, ast.Expr) and statement.value in calls):
            block.append(statement)
        if checks:
            pieces += [(block, None)] if block else []
            block = []
            pieces += [(check.answer, check.question) for check in checks]
    pieces += [(block, None)] if block else []
    for number, (piece, question) in enumerate(pieces):
        if isinstance(piece, list):
            code = compile(ast.Module(piece, []), filename, "exec", dont_inherit=True)
        else:
            code = compile(ast.Expression(piece), filename, "eval", dont_inherit=True)
        yield Part(f"{index}.{number}", code, question)
