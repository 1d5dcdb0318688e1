"""Which code a name reaches: the statements that define it, those that they use, and so on.

From this follow what of a question is taken into the sandbox (what its `run`s reach, and nothing
else) and its version (a digest of all that it reaches). Code is read, never executed. What is found
is statements at the top of a module; of a class only the functions that are asked for, if any are.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import symtable
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from d2lexercises.portable_code import portable_code

PACKAGE = "d2lexercises"

JUDGING = (  # what draws, runs and judges for every question
    ("drawing", "Draw"),
    ("frameworks", "load"),
    ("question", "generator"),
    ("running", "probe_runs"),
    ("running", "inspect_found"),
    ("running", "repeat_runs"),
    ("refereeing", "Referees"),
    ("vocabulary", "Judged"),
)
# Words that say what a function is.
DECORATORS = ("inputs", "hidden_inputs", "kept_inputs", "aspect", "shown")


class Modules:
    """The modules among which code is followed: those of this package, and files of questions."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` has the source of each module, by name."""
        parsed = {name: _parsed(text) for name, text in texts.items()}
        self.trees = {name: tree for name, (tree, _) in parsed.items()}
        self._defining = {name: places for name, (_, places) in parsed.items()}
        self._kept: dict[str, set[int]] = {}
        self._names: dict[str, set[str]] = {}
        self._of_class: dict[str, dict[str, set[str]]] = {}

    def add(self, module: str, name: str) -> None:
        """Follow a name at the top of a module, or a function of a class there: "Output.run".

        Raises:
            LookupError: there is no such name.
        """
        top, _, inner = name.partition(".")
        if inner:
            number = next(iter(self._defining[module].get(top, ())), None)
            statement = None if number is None else self.trees[module].body[number]
            if number is None or not isinstance(statement, ast.ClassDef):
                raise LookupError(f"{module}: there is no class {top}")
            self._kept.setdefault(module, set()).add(number)
            self._of_class.setdefault(module, {}).setdefault(top, set()).add(inner)
            for part in _functions(statement, {inner}):
                self._follow(module, part)
            return
        if not self._add(module, top):
            raise LookupError(f"{module}: there is no {top}")

    def add_imports(self, tree: ast.AST) -> None:
        """Follow what a program imports from these modules."""
        for module, name in _imported(tree):
            self._add_import(module, name, tree)

    def add_used(self, module: str, expression: ast.expr) -> None:
        """Follow the names of a module that an expression uses."""
        self._follow(module, ast.Expr(expression))

    def kept(self, module: str) -> frozenset[int]:
        """The numbers of the statements of a module that were reached."""
        return frozenset(self._kept.get(module, ()))

    def handed_out(self, module: str, number: int, decorators: list[ast.expr]) -> str:
        """The code of a statement that was reached, as it is handed out, with these decorators.

        Comments, annotations and docstrings are left out, but for those of classes: hints.
        """
        statement = self._statement(module, self.trees[module].body[number])
        tree = ast.parse(ast.unparse(ast.fix_missing_locations(ast.Module([statement], []))))
        (part,) = _BareWithHints().visit(tree).body
        if decorators:
            part.decorator_list[:0] = decorators
        return ast.unparse(ast.fix_missing_locations(part))

    def code(self) -> dict[str, str]:
        """The code that was reached, by module, without comments, docstrings and annotations."""
        return {name: "\n".join(self._texts(name)) + "\n" for name in sorted(self._kept)}

    def portable_code(self) -> dict[str, list[str]]:
        """The same in a form that does not depend on the version of Python, a text a statement."""
        return {name: [*map(_portable, self._texts(name))] for name in sorted(self._kept)}

    def _add(self, module: str, name: str) -> bool:
        if name in self._names.setdefault(module, set()):
            return True
        self._names[module].add(name)
        self._kept.setdefault(module, set())
        for number in self._defining[module].get(name, ()):
            statement = self.trees[module].body[number]
            self._kept[module].add(number)
            if isinstance(statement, ast.ImportFrom | ast.Import):
                self._follow_import(module, statement, name)
            else:
                self._follow(module, statement)
        return name in self._defining[module]

    def _follow(self, module: str, part: ast.stmt) -> None:
        """Add every name that a piece of code uses."""
        for name in _module_names(part):
            self._add(module, name)
        for node in _without_annotations(part):
            if isinstance(node, ast.ImportFrom | ast.Import):
                for source, name in _imported(node):
                    self._add_import(source, name, part)

    def _follow_import(self, module: str, statement: ast.stmt, name: str) -> None:
        for source, imported in _imported(statement, name):
            self._add_import(source, imported, self.trees[module])

    def _add_import(self, module: str, name: str, user: ast.AST) -> None:
        """Add a name of a module, or what `user` names of a module that it imports as a whole."""
        if module in self.trees and self._add(module, name):
            return
        inner = f"{module}.{name}" if name else module
        if inner in self.trees:
            self._kept.setdefault(inner, set())
            for node in ast.walk(user):
                if isinstance(node, ast.Attribute):
                    self._add(inner, node.attr)

    def _texts(self, module: str) -> Iterator[str]:
        """The statements of a module that were reached."""
        for number, statement in enumerate(self.trees[module].body):
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if future or number in self._kept[module]:
                part = self._statement(module, statement)
                yield _whole_text(statement) if part is statement else _bare_text(part)

    def _statement(self, module: str, statement: ast.stmt) -> ast.stmt:
        if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
            names = [
                alias
                for alias in statement.names
                if (alias.asname or alias.name) in self._names.get(module, ())
            ]
            return ast.ImportFrom(statement.module, names, statement.level)
        if isinstance(statement, ast.ClassDef):
            wanted = self._of_class.get(module, {}).get(statement.name)
            if wanted and statement.name not in self._names.get(module, ()):
                functions: list[ast.stmt] = list(_functions(statement, wanted))
                return ast.ClassDef(statement.name, [], [], functions, [])
        return statement


def package_texts() -> dict[str, str]:
    """The sources of this package's modules, and of the first edition's names for them."""
    here = Path(__file__).parent
    found = {f"{PACKAGE}.{path.stem}": path.read_text("utf-8") for path in here.glob("[a-z]*.py")}
    import d2lcompute

    shim = Path(d2lcompute.__file__).parent / "checks"
    for path in shim.glob("[a-z]*.py"):
        found[f"d2lcompute.checks.{path.stem}"] = path.read_text("utf-8")
    return found


def name_of(function: Callable[..., Any]) -> tuple[ModuleType, str]:
    """The module of a function, and its name there: a class and a dot come before it.

    Raises:
        ValueError: it stands neither at the top of its module nor in a class at the top.
    """
    module = sys.modules.get(function.__module__)
    name = function.__qualname__
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if module is None or found is not function or name.count(".") > 1:
        raise ValueError(
            f"{name}: a question's functions stand at the top of its file, or in a class there, "
            "each under a name of its own"
        )
    return module, name


def digest_of(functions: Iterable[Callable[..., Any]], said: object) -> str:
    """A digest of the code that functions reach, of how answers are judged, and of what is said.

    Raises:
        ValueError: a function cannot be found by its name.
    """
    texts = package_texts()
    places = [name_of(function) for function in functions]
    for module, _ in places:
        texts.setdefault(module.__name__, inspect.getsource(module))
    modules = Modules(texts)
    for module, name in places:
        modules.add(module.__name__, name)
    for module_name, name in JUDGING:
        modules.add(f"{PACKAGE}.{module_name}", name)
    code = {name.partition("-")[0]: texts for name, texts in modules.portable_code().items()}
    return hashlib.sha256(repr([said, sorted(code.items())]).encode()).hexdigest()[:12]


# -- syntax trees ----------------------------------------------------------------------------------


@lru_cache(maxsize=128)  # all questions reach the same modules
def _parsed(text: str) -> tuple[ast.Module, dict[str, list[int]]]:
    """A module, and the statements that define a name, or change what it names, by number."""
    tree = _undecorated(ast.parse(text))
    places: dict[str, list[int]] = {}
    for number, statement in enumerate(tree.body):
        for name in _defined(statement):
            places.setdefault(name, []).append(number)
    return tree, places


def _undecorated(tree: ast.Module) -> ast.Module:
    """The module without the vocabulary's decorators: they would reach all of a question."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.decorator_list = [one for one in node.decorator_list if not _is_of_vocabulary(one)]
    return tree


def _is_of_vocabulary(decorator: ast.expr) -> bool:
    word = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(word, ast.Attribute) and word.attr in DECORATORS


def _bare_text(statement: ast.stmt) -> str:
    """The code of a statement, without docstrings and annotations."""
    tree = ast.fix_missing_locations(ast.Module([statement], []))
    return ast.unparse(_Bare().visit(ast.parse(ast.unparse(tree))))


@lru_cache(maxsize=4096)
def _portable(text: str) -> str:
    return portable_code(ast.parse(text))


_whole_text = lru_cache(maxsize=4096)(_bare_text)  # statements of `_parsed` are shared


class _Bare(ast.NodeTransformer):
    """Removes docstrings and annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        for one in ast.walk(node.args):
            if isinstance(one, ast.arg):
                one.annotation = None
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        return self._without_docstring(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        node.body = [part for part in node.body if not _is_text(part)]
        return node

    def _without_docstring(self, node: Any) -> ast.AST:
        node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
        return node


class _BareWithHints(_Bare):
    """Removes annotations, and docstrings of functions."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        return node


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _functions(statement: ast.ClassDef, names: Iterable[str]) -> Iterator[ast.FunctionDef]:
    for part in statement.body:
        if isinstance(part, ast.FunctionDef) and part.name in names:
            yield part


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, but for those of annotations, and of blocks for type checkers."""
    if _is_for_types(node):
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _without_annotations(part)


@lru_cache(maxsize=4096)
def _module_names(part: ast.stmt) -> frozenset[str]:
    """The names of its module, and built-in ones, that a piece of code uses: no local ones."""
    text = ast.unparse(ast.fix_missing_locations(ast.Module([part], [])))
    found: set[str] = set()
    tables = [symtable.symtable(text, "", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        found |= {one.get_name() for one in table.get_symbols() if top or one.is_global()}
    nodes = _without_annotations(part)
    return frozenset(found & {node.id for node in nodes if isinstance(node, ast.Name)})


def _imported(tree: ast.AST, bound: str = "") -> Iterator[tuple[str, str]]:
    """The modules and names that a program imports; if `bound`, only for this name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if not bound or (alias.asname or alias.name) == bound:
                    yield node.module or "", alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if not bound or (alias.asname or alias.name.partition(".")[0]) == bound:
                    yield alias.name, ""


_SCOPES = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _defined(node: ast.AST) -> set[str]:
    """The names that code binds, and those of objects that it changes: TABLE in ``TABLE[1] = 2``.

    A statement that calls a method may change the object whose method it is.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, _SCOPES) or _is_for_types(node):
        return set()
    found = set()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        found = _base(node.value.func)
    elif isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        found = _base(node)
    return found.union(*map(_defined, ast.iter_child_nodes(node)))


def _base(node: ast.AST) -> set[str]:
    """The name that an expression such as ``TABLE["x"].add`` starts with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
