"""Where something stands in a Python file."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from editions.base.files import read_text


def syntax_error(code: str) -> SyntaxError | None:
    """What keeps code from being read as Python; None if nothing does."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        return error
    return None


def line_of_text(path: Path, text: str, after: int = 1) -> int | None:
    """The first line, from `after` on, that has a text between quotation marks.

    Raises:
        SyntaxError: the file is not valid Python.
    """
    return min(
        (line for line in _lines_of_texts(path).get(text, ()) if line >= after), default=None
    )


def line_of_name(path: Path, name: str) -> int | None:
    """The line of a file at whose top a name is assigned.

    Raises:
        SyntaxError: the file is not valid Python.
    """
    for node in ast.parse(read_text(path, path.as_posix())).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return node.lineno
    return None


@cache
def _lines_of_texts(path: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for node in ast.walk(ast.parse(read_text(path, path.as_posix()))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.setdefault(node.value, []).append(node.lineno)
    return found
