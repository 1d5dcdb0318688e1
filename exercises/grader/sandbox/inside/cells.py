"""A submission's code cells as parts to run in order, and the answers that are named in them.

An answer is found by its check: ``check("blocks.sequential", MySequential)``, anywhere in the
notebook but inside a function or a class. The first argument is a string, the second is any
expression; it is evaluated where the call stands. Of several checks of one question the last in the
notebook counts, as it does when the notebook is run from top to bottom.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import CodeType

# Cell magics whose cell is Python all the same.
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "python", "python3", "py", "pypy"}
_MAGIC = re.compile(r"(?P<indent>\s*)(?:[%!?]|[\w.]+\?{1,2}\s*$)")
_ASSIGNED_MAGIC = re.compile(r"(?P<before>\s*[\w.,\s\[\]]+=\s*)[%!]")
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True)
class Part:
    """Code to run, or an answer to evaluate."""

    place: str  # "3.1": the second part of the cell with index 3
    code: CodeType
    question: str | None = None  # set: `code` is the expression that gives the answer


def plan(
    cells: list[str],
    questions: Collection[str],
    skip: Collection[str] = (),
    begin: Callable[[str], None] = lambda place: None,
) -> tuple[list[Part], dict[int, BaseException]]:
    """The parts of `cells`, and what was wrong with cells that are no Python.

    `begin` is called with "parse 3" before the cell with index 3 is parsed; a place in `skip` is
    left out. A question that is answered more than once keeps its last answer.
    """
    parts: list[Part] = []
    errors: dict[int, BaseException] = {}
    for index, source in enumerate(cells):
        if f"parse {index}" in skip:
            continue
        begin(f"parse {index}")
        try:
            parts += _parts(index, without_magics(source), questions)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            errors[index] = error
    last = {part.question: part for part in parts if part.question}
    return [part for part in parts if not part.question or last[part.question] is part], errors


def without_magics(source: str) -> str:
    """Python from an IPython cell: lines that only IPython understands become ``pass``.

    Lines are changed only where Python finds a syntax error, so a line of a long expression or of
    a string that begins with ``%`` stays.
    """
    if source.startswith("%%"):
        first, _, rest = source.partition("\n")
        words = first[2:].split()
        return f"\n{rest}" if words and words[0] in _PYTHON_MAGICS else ""
    lines = source.split("\n")
    for _ in range(len(lines)):
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            number = (error.lineno or 0) - 1
            if not 0 <= number < len(lines) or not _drop(lines, number):
                break
        except (ValueError, RecursionError, MemoryError):
            break
        else:
            break
    return "\n".join(lines)


def _drop(lines: list[str], number: int) -> bool:
    """Replace the magic on a line, and the lines that continue it; whether there was one."""
    line = lines[number]
    if assigned := _ASSIGNED_MAGIC.match(line):
        replacement = f"{assigned['before']}None"
    elif magic := _MAGIC.match(line):
        replacement = f"{magic['indent']}pass"
    else:
        return False
    while lines[number].endswith("\\") and number + 1 < len(lines):
        lines[number] = replacement
        number, replacement = number + 1, ""
    lines[number] = replacement
    return True


def _parts(index: int, source: str, questions: Collection[str]) -> Iterator[Part]:
    filename = f"<cell {index + 1}>"
    text = source if source.endswith("\n") else f"{source}\n"
    # AutoGraph, torch.jit.script, inspect and tracebacks look here for source.
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    found: list[tuple[list[ast.stmt] | ast.expr, str | None]] = []
    block: list[ast.stmt] = []
    for statement in ast.parse(text, filename).body:
        answers = list(_answers(statement, questions))
        if not (answers and isinstance(statement, ast.Expr) and _is_check(statement.value)):
            block.append(statement)
        if answers:
            found += [(block, None)] if block else []
            block = []
            found += [(expression, question) for question, expression in answers]
    found += [(block, None)] if block else []
    for number, (piece, question) in enumerate(found):
        if isinstance(piece, list):
            code = compile(ast.Module(piece, []), filename, "exec", dont_inherit=True)
        else:
            code = compile(ast.Expression(piece), filename, "eval", dont_inherit=True)
        yield Part(f"{index}.{number}", code, question)


def _answers(node: ast.AST, questions: Collection[str]) -> Iterator[tuple[str, ast.expr]]:
    """The checks in a statement, in the order of the source, those in inner scopes left out."""
    if isinstance(node, _SCOPES):
        return
    if isinstance(node, ast.Call) and _is_check(node):
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        values = dict(zip(("question", "answer"), node.args, strict=False)) | named
        question, answer = values.get("question"), values.get("answer")
        name = question.value if isinstance(question, ast.Constant) else None
        if isinstance(name, str) and name in questions and answer:
            yield name, answer
            return
    for child in ast.iter_child_nodes(node):
        yield from _answers(child, questions)


def _is_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return name == "check"
