"""What in a submission's code a person should look at: it could give other marks than are earned.

Code is read, never run. Each find is a line for the instructor: where it is, and what it may do. To
be found is no proof of anything, and not to be found is none either.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Collection, Iterator

from d2lexercises.answers import python_of

from .keeping import Keeping
from .scopes import LIBRARIES, Scope, last, scopes_of
from .texts import Texts, is_harmless

MOST = 20  # finds of one submission
_MOST_TEXT = 200_000  # characters of a cell
_OURS = ("d2lexercises", "inside", "grader")
_FOR_STUDENTS = {"check", "score", "hint", "case", "solution", "handed_out"}
_FRAMES = "reads frames or closures, where inputs can be found"
_OBJECTS = "goes through all objects of the process"
_MODULES = "reaches into modules by another way than an import"
_TEXT = "runs text as code, which cannot be read here"
_OPEN = "speaks through files or sockets that are open already"
_NAMES = {  # by what they do, as patterns
    _FRAMES: "_getframe|_current_frames|currentframe|get(outer|inner)frames|(tb|gi|cr|ag)_frame"
    "|f_(back|locals|globals|builtins)|set(trace|profile)|get(argvalues|closurevars)|cell_contents"
    "|walk_(stack|tb)|capture_locals|__(closure|globals|code|defaults|kwdefaults)__",
    _OBJECTS: "get_(objects|referrers|referents)|__subclasses__|addaudithook",
    _MODULES: "__(import|loader|spec|builtins)__|(import_|run_)(module|probe)|find_spec"
    "|module_from_spec",
    "reads past a mode": "DisableTorchFunction(Subclass)?",
    "changes what operations do": "__torch_(function|dispatch)__",
    "reaches into hooks": "_forward_(pre_)?hooks",
}
_WHOLE = {
    **{_MODULES: r"sys\.modules", _FRAMES: r"inspect\.(stack|trace)"},
    **{_OPEN: r"os\.(write|dup2?|fdopen|read)"},
}
_OF_SHELL = {"run_cell", "run_cell_async", "run_code", "user_ns", "user_global_ns", "user_module"}
_SHORT_OF_SHELL = {"ex", "ev", "push", "safe_execfile"}  # of what is known to be the shell
_CALLED = {_TEXT: "exec|eval|compile|execfile|run_path", _MODULES: "globals|breakpoint"}
_IMPORTED = {
    "reaches into the memory of the process": "_?ctypes|cffi",
    "replaces parts of libraries": "mock",
    _OBJECTS: "gc",
    _TEXT: "marshal|dis|codeop|code|runpy|pickle|dill",
    _OPEN: "_?socket|fcntl|mmap",
    _MODULES: "importlib|imp|zipimport|pkgutil",
}
_WORDS = re.compile(rf"\b(?:{'|'.join(_NAMES.values())})\b|d2lexercises|\binside\.\w")
_UNREAD = (0, "could not be read for what to look at")
_PUT_TOGETHER = "with a name that is put together"
_WRITTEN = re.compile(r"\A\s*%%(?:writefile|file)\b[^\n]*\.py\s*\n")
_INNER_FOR_USERS = re.compile(  # of PyTorch, though their names do not say so
    "_(dynamo|inductor|logging|pytree|subclasses|higher_order_ops|calculate_(fan_in_and_fan_out"
    "|correct_fan)|LRScheduler|BatchNorm|ConvNd|(Weighted)?Loss|single|pair|triple|foreach_.*)"
)
_SETTINGS = {"sys.tracebacklimit", "sys.dont_write_bytecode"}  # that anyone may change
_USUAL = re.compile(  # of Python's own names, those that an answer may use
    "__(init|name|class|len|call|([gs]et|del)(item|attr)|getattribute|iter|next|contains|version|doc"
    "|new|file|main|repr|str|eq|enter|exit|module|post_init|annotations|wrapped|add|mul|sub|matmul"
    "|all|mro|bool|float|int|index|array|qualname|future|reversed|hash|slots)__"
)


def looks(
    cells: list[str],
    skip: Collection[str] = (),
    begin: Callable[[int], None] = lambda index: None,
) -> list[str]:
    """Return a line for each place that a person should look at.

    `begin` is called with the index of each cell before it is parsed, and again before it is
    searched; those whose step, such as "look 3", is in `skip` are left out.
    """
    notebook = _Notebook()
    found: dict[int, set[tuple[int, str]]] = {}
    for number, cell in enumerate(cells, 1):
        if f"look {number - 1}" in skip or len(cell) > _MOST_TEXT:
            found[number] = {_UNREAD}
            continue
        begin(number - 1)
        found[number] = set()
        try:
            found[number] |= notebook.read(number, cell)
        except Exception:  # hostile code may be more than this can read; marks do not wait for it
            found[number].add(_UNREAD)
    for number, scope in notebook.scopes:
        begin(number - 1)
        try:
            found[number] |= {*notebook.find(scope), *notebook.keeping.find(scope)}
        except Exception:
            found[number].add(_UNREAD)
    places = [(number, *place) for number in found for place in sorted(found[number])]
    lines = [f"cell {n}{f', line {line}:' if line else ''} {what}" for n, line, what in places]
    return [*lines[:MOST], *([f"{len(lines) - MOST} places more"] if len(lines) > MOST else [])]


def _is_inner(name: str) -> bool:
    return name[:1] == "_" and name[:2] != "__" and not _INNER_FOR_USERS.fullmatch(name)


def _is_pythons(name: str) -> bool:
    return name[:2] == name[-2:] == "__" and not _USUAL.fullmatch(name)


def _of(table: dict[str, str], name: str) -> str:
    """Return what a name does according to a table; "" if it is not in it."""
    return next((what for what, names in table.items() if re.fullmatch(names, name)), "")


def _words(text: str) -> Iterator[str]:
    words = sorted({one[0] for one in _WORDS.finditer(text)})
    yield from (f"a text names {word}" for word in words[:3])


class _Notebook:
    """The cells that could be read, and the Python files that others write."""

    def __init__(self) -> None:
        self.scopes: list[tuple[int, Scope]] = []
        self.values: dict[str, list[ast.AST | None]] = {}  # of the notebook's variables
        self.keeping = Keeping()
        self.texts = Texts(self.keeping.checked)

    def read(self, number: int, cell: str) -> set[tuple[int, str]]:
        """Add a cell; return what is found in its text, if that is not Python."""
        python = ""
        with contextlib.suppress(SyntaxError, ValueError):
            python = python_of(cell)
            self._add(number, ast.parse(python))
        if python == cell:
            return set()
        if match := _WRITTEN.match(cell):  # another cell may import or run it
            with contextlib.suppress(SyntaxError, ValueError):
                before = "\n" * match[0].count("\n")
                self._add(number, ast.parse(before + cell[match.end() :]))
        return {(1, what) for what in _words(cell)}

    def _add(self, number: int, tree: ast.Module) -> None:
        cell = scopes_of(tree, self.values)
        self.scopes.append((number, cell))
        for scope in cell.all():
            self.keeping.note(scope)

    def find(self, cell: Scope) -> Iterator[tuple[int, str]]:
        """Yield the line and the text of each find in a cell, but for what functions keep."""
        for scope in cell.all():
            for node in scope.nodes:
                for what in self._find(node, scope):
                    yield getattr(node, "lineno", 0), what

    def _find(self, node: ast.AST, scope: Scope) -> Iterator[str]:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from self._of_import(node)
            case ast.Attribute():
                yield from self._of_attribute(node, scope)
            case ast.Name():
                yield from self._of_name(node, scope)
            case ast.keyword(arg=str(name)) if what := _of(_NAMES, name):
                yield f"{name} {what}"
            case ast.Call():
                yield from self._of_call(node, scope)
        folded = isinstance(node, ast.BinOp | ast.JoinedStr | ast.Call)
        text = self.texts.fold(node, scope) if folded else getattr(node, "value", "")
        if isinstance(text, str):
            yield from _words(text)
            if len(text) > 2000 and " " not in text.strip():
                yield "a long text that is no sentence"

    def _of_import(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        for alias in node.names:
            module = getattr(node, "module", None)
            whole = f"{module}.{alias.name}" if module else alias.name
            parts = whole.split(".")
            if what := _of(_WHOLE, whole):
                yield f"{whole} {what}"
            for part in parts:
                imported = _of(_IMPORTED, part) if part in (parts[0], parts[-1]) else ""
                if what := imported or _of(_NAMES, part):
                    yield f"{part} {what}"
            if parts[0] in _OURS or parts[:2] == ["d2lcompute", "checks"]:
                word = isinstance(node, ast.ImportFrom) and parts[-1] in _FOR_STUDENTS
                if not word and whole not in ("d2lexercises", "d2lcompute.checks"):
                    yield f"imports {whole}, which checks and grades"
            if parts[0] in LIBRARIES and any(_is_inner(part) for part in parts[1:]):
                yield f"imports {whole}, a part that is not for users"

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> Iterator[str]:
        name, whole = node.attr, scope.library(node, every=False)
        root, _, rest = whole.partition(".")
        shell = "get_ipython" in map(last, [node.value, *scope.bound(node.value)])
        what = _of(_NAMES, name)
        if what and (name[0] == "_" or not scope.is_own(node.value)):
            yield f"{name} {what}"
        elif name in _OF_SHELL or (name in _SHORT_OF_SHELL and shell):
            yield f"{name} {_MODULES}"
        elif _is_pythons(name):
            yield f"{name} is not for users"
        elif what := _of(_WHOLE, whole) or (_of(_CALLED, name) if root == "builtins" else ""):
            yield f"{whole} {what}"
        elif root in _OURS and rest and rest.split(".")[0] not in _FOR_STUDENTS:
            yield f"uses {whole}, which checks and grades"
        elif root in LIBRARIES and _is_inner(name):
            yield f"uses {whole}, a part that is not for users"
        changed = isinstance(node.ctx, ast.Store | ast.Del) and root in LIBRARIES | set(_OURS)
        usual = {"config", "backends"} & set(whole.split(".")) or whole in _SETTINGS
        if changed and not usual:
            yield f"changes {whole}"

    def _of_name(self, node: ast.Name, scope: Scope) -> Iterator[str]:
        name, code = node.id, ast.FunctionDef | ast.ClassDef | None
        own = any(isinstance(one, code) for one in scope.bound(node))  # def eval(net, X)
        own = own or scope.library(node).partition(".")[0] in LIBRARIES - {"builtins"}
        what = _of(_NAMES, name) if name[0] == "_" or not own else ""
        if what := what or ("" if own else _of(_CALLED, name)):
            yield f"{name} {what}"

    def _of_call(self, node: ast.Call, scope: Scope) -> Iterator[str]:
        name, given, texts = last(node), node.args, self.texts
        whole = scope.library(given[0], every=False) if given else ""
        root = whole.partition(".")[0]
        for one in given:  # getattr that another function calls
            reduced = name == "reduce" and is_harmless(texts.fold(given[-2], scope))
            if last(one) in ("getattr", "attrgetter") and isinstance(one, ast.Name) and not reduced:
                yield f"{one.id} {_PUT_TOGETHER}"
        called = isinstance(node.func, ast.Name) and root in LIBRARIES | {*_OURS}
        if called and name in ("setattr", "delattr", "vars"):
            yield f"vars {_MODULES}" if name == "vars" else f"changes {whole}"
        by_name = {"attrgetter": given, "methodcaller": given[:1]}
        names = given[1:2] if name in ("getattr", "setattr", "delattr") else by_name.get(name, [])
        for text in [texts.fold(one, scope) for one in names]:
            if _is_pythons(text) or _of(_NAMES, text) or (root in LIBRARIES and _is_inner(text)):
                yield f"{name} of {text}"
            inner = root in ("builtins", "sys")
            of_users = not inner and (root in LIBRARIES or scope.is_own(given[0]))
            if "\0" in text and not of_users and (inner or not is_harmless(text)):
                yield f"{name} {_PUT_TOGETHER}"
