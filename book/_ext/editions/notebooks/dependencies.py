"""Which modules of the helper package a notebook reaches, and a digest of their code.

A notebook reaches the modules that its cells import, the modules that those import, and so on. An
import counts wherever it is written: at the top of a module, in a function, or as the name of a
module in a string. If the name is complete only at run time, every module that it may name counts.
What imports the exercises' package reaches all of it and all questions, which are found by path.

Comments, docstrings and formatting are not part of the code. The digest is the same under every
version of Python, so a notebook that one version ran is up to date for the others.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from d2lexercises.answers import python_of
from d2lexercises.portable_code import portable_code

from editions.base.errors import EditionsError, SourceError
from editions.base.files import digest, read_text

PACKAGE = "d2lcompute"
# The helper modules pass on `check` and `score`, which chapters do not use. A notebook reaches the
# code behind these names only if its own cells use one of them.
OPTIONAL = f"{PACKAGE}.checks"
EXERCISES = "d2lexercises"
MODULE = rf"({PACKAGE}|{EXERCISES})(\.\w+)*\.?"
IMPORTERS = ("import_module", "__import__", "run_module")


@dataclass(frozen=True)
class Import:
    """An import of one module, or of any module below a prefix that ends with a dot."""

    module: str
    passed_on: frozenset[str] = frozenset()  # the names it binds, if its own module uses none


@dataclass(frozen=True)
class Source:
    """The code of a module, in a form without comments, docstrings and formatting."""

    code: str
    imports: tuple[Import, ...]


def package_digest(package: Path, cells: Iterable[str]) -> str:
    """Return a digest of the code of the modules that `cells` reach.

    Args:
        package: the folder of the helper package.
        cells: the sources of a notebook's code cells, magics included.

    Raises:
        EditionsError: the package is missing, or a module that is reached is not valid Python.
    """
    files = _files(package)
    modules = reached_modules(package, cells)
    return digest(json.dumps([[name, _source(name, files).code] for name in modules]).encode())


def reached_modules(package: Path, cells: Iterable[str]) -> list[str]:
    """Return the names of the modules that `cells` reach, in alphabetical order.

    Raises:
        EditionsError: as `package_digest`.
    """
    files = _files(package)
    trees = [tree for cell in cells for tree in _programs(cell)]
    used = {word for tree in trees for word in _words(tree)}
    reached: set[str] = set()
    pending = [Import(PACKAGE)]  # in the set-up cell of every notebook
    pending += [found for tree in trees for found in _imports(tree)]
    while pending:
        for name in _executed(pending.pop().module, files) - reached:
            reached.add(name)
            for found in _source(name, files).imports:
                optional = found.module == OPTIONAL and found.passed_on
                if not optional or used & {*found.passed_on, "*"}:
                    pending.append(found)
    return sorted(reached)


# -- modules of the package ------------------------------------------------------------------------


def _files(package: Path) -> dict[str, Path]:
    """Return the file of each module."""
    files = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        files[".".join([PACKAGE, *(part for part in parts if part != "__init__")])] = path
    exercises = package.parent / "exercises"
    for path in exercises.glob(f"{EXERCISES}/*.py"):
        files[EXERCISES if path.stem == "__init__" else f"{EXERCISES}.{path.stem}"] = path
    for path in exercises.glob("chapters/*/question.py"):
        files[f"{EXERCISES}.chapters.{path.parent.name}"] = path
    if PACKAGE not in files:
        raise EditionsError(f"{package.name}/: the helper package is missing")
    return files


def _executed(module: str, files: dict[str, Path]) -> set[str]:
    """Return the modules that Python executes to import `module`: itself and its parents."""
    if module.partition(".")[0] == EXERCISES:
        return {name for name in files if name.partition(".")[0] == EXERCISES}
    if module.endswith("."):
        named = {name for name in files if name.startswith(module)}
    else:
        named = {module} & files.keys()
    parents = {name[:at] for name in named for at, letter in enumerate(name) if letter == "."}
    return named | parents


def _source(name: str, files: dict[str, Path]) -> Source:
    path = files[name]
    shown = path.relative_to(files[PACKAGE].parents[1]).as_posix()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return _read(read_text(path, shown), package, shown)


@lru_cache(maxsize=256)  # most notebooks reach the same modules
def _read(text: str, package: str, shown: str) -> Source:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise SourceError(shown, error.lineno or 1, f"invalid Python: {error.msg}") from error
    return Source(portable_code(tree), tuple(dict.fromkeys(_imports(tree, package))))


# -- what code imports -----------------------------------------------------------------------------


def _imports(tree: ast.AST, package: str = "") -> Iterator[Import]:
    """Find every import; a relative one starts at `package`."""
    loaded = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = {alias.name: alias.asname or alias.name for alias in node.names}
            passed_on = not loaded & {*names.values()}
            yield Import(module, frozenset(names) if passed_on else frozenset())
            yield from (Import(f"{module}.{'' if name == '*' else name}") for name in names)
        elif isinstance(node, ast.Constant) and re.fullmatch(MODULE, str(node.value)):
            yield Import(str(node.value))
        elif isinstance(node, ast.Call) and node.args and _called(node) in IMPORTERS:
            yield Import(_argument(node.args[0]))


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def _argument(name: ast.expr) -> str:
    """Return the module that the argument of an importer names, or the prefix that it begins with.

    Where nothing is written out, or the name is relative, it may be any module of the package.
    """
    complete = isinstance(name, ast.Constant)
    while isinstance(name, ast.BinOp | ast.JoinedStr):
        name = name.left if isinstance(name, ast.BinOp) else name.values[0]
    text = str(name.value) if isinstance(name, ast.Constant) else ""
    parent, dot, _ = text.rpartition(".")
    if not parent and (dot or not complete):
        return f"{PACKAGE}."
    return text if complete else f"{parent}."


# -- what cells hold -------------------------------------------------------------------------------


def _programs(cell: str) -> Iterator[ast.Module]:
    """Parse a cell, and the programs that it holds as strings.

    A text about the package that is not Python, such as a shell command, may reach every module.
    """
    python = python_of(cell)
    if cell.count(PACKAGE) > python.count(PACKAGE):  # in magics and shell commands
        yield _parse_text(PACKAGE)
    try:
        tree = ast.parse(python)
    except SyntaxError:  # a run reports it
        return
    yield tree
    for node in ast.walk(tree):
        text = str(node.value) if isinstance(node, ast.Constant) else ""
        if PACKAGE in text and not re.fullmatch(MODULE, text):
            yield _parse_text(text)


def _parse_text(text: str) -> ast.Module:
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:
        tree = ast.parse("")
    if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree)):
        return tree
    return ast.parse(f"from {PACKAGE} import *")


def _words(tree: ast.AST) -> Iterator[str]:
    """Yield the attributes, imported names and strings of a program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
