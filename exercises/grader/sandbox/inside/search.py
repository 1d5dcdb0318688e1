"""What can be reached from the modules of staged questions: functions and data, by digest.

``python -m inside.search PLACE ...`` prints it for files of questions; see `grader.sandbox.leaks`.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import json
import sys
import textwrap
import types
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def functions_in(value: Any) -> Iterator[types.FunctionType]:
    """The functions that can be reached from a value, but for those of libraries."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, types.FunctionType):
            yield one
            cells = [cell.cell_contents for cell in one.__closure__ or () if _is_full(cell)]
            waiting += [*cells, one.__defaults__, one.__kwdefaults__, one.__dict__]
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif isinstance(one, type):
            if "d2l" in one.__module__:
                waiting += [*vars(one).values(), *one.__bases__]
        elif isinstance(one, types.MethodType | staticmethod | classmethod):
            waiting.append(one.__func__)
        elif isinstance(one, property):
            waiting += [one.fget, one.fset]
        elif not isinstance(one, types.ModuleType | str | bytes | int | float | np.ndarray):
            waiting += [type(one), getattr(one, "__dict__", None)]
            waiting += [getattr(one, name, None) for name in ("func", "args", "keywords")]


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def digest_of_function(function: types.FunctionType) -> str:
    """A digest of a function's own code, without comments, annotations and its docstring."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return ""
    if function.__name__ == "<lambda>":  # of the statement, only the lambda with the same lines
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        text = "lambda " + ast.unparse(lambdas[0].body) if len(lambdas) == 1 else ""
    else:
        node = next((one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)), ast.Pass())
        for one in ast.walk(node):
            if isinstance(one, ast.FunctionDef):
                one.returns, one.decorator_list = None, []
                one.body = [
                    part
                    for part in one.body
                    if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                ] or [ast.Pass()]
            elif isinstance(one, ast.arg):
                one.annotation = None
            elif isinstance(one, ast.AnnAssign):
                one.annotation = ast.Name("None")
        text = ast.unparse(node)
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def values_in(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The data in a value from which something can be learnt, with digests.

    That is three numbers or more, a number that is not whole, and a text of eight characters.
    """
    if isinstance(value, bool | None):
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from values_in(f"{name}[{key!r}]", part)
        return
    if isinstance(value, str):
        if len(value) >= 8:
            yield name, hashlib.sha256(f"text {value}".encode()).hexdigest()
        return
    if isinstance(value, type):
        for part, one in vars(value).items():
            if "d2l" in value.__module__ and not part.startswith("__"):
                yield from values_in(f"{name}.{part}", one)
        return
    with contextlib.suppress(ValueError, TypeError):
        array = np.asarray(value, np.float64)
        telling = array.size >= 3 and np.ptp(array) > 0
        if telling or (array.size and (array != array.round()).any()):
            shown = [f"{float(one):.6g}" for one in array.ravel()]
            yield name, hashlib.sha256(f"{array.shape} {shown}".encode()).hexdigest()
        if array.ndim == 1:  # else its rows may tell too
            return
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        for number, part in enumerate(value):
            yield from values_in(f"{name}[{number}]", part)


def search(places: Collection[str]) -> dict[str, Any]:
    """In the fresh process: what can be reached from the modules of staged questions."""
    from d2lexercises import library

    found = {}
    for place in places:
        held = dict(vars(library.load(Path(place).absolute())))
        own = {name: one for name, one in held.items() if not name.startswith("__")}
        functions = list(functions_in(own))
        found[place] = {
            "functions": [[one.__qualname__, digest_of_function(one)] for one in functions],
            "values": [
                pair
                for name, one in own.items()
                if not isinstance(one, types.ModuleType)
                for pair in values_in(name, one)
            ],
        }
    return found


if __name__ == "__main__":
    print(json.dumps(search(sys.argv[1:])))
