"""What in a submission's code a person should look at: it could give other marks than are earned.

Code is read, never run. Each find is a line for the instructor: where it is, and what it may do. To
be found is no proof of anything, and not to be found is none either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator

from d2lexercises.answers import python_of

from d2lcompute._frameworks import FRAMEWORKS

MOST = 20  # finds of one submission
_MOST_TEXT = 100_000  # characters of a text that are searched
_OURS = ("d2lexercises", "inside", "grader")
_FOR_STUDENTS = {"check", "score", "hint", "case", "solution", "handed_out"}
_LIBRARIES = {
    *(root for framework in FRAMEWORKS.values() for root in framework.roots),
    *("numpy", "builtins", "sys", "json", "d2lcompute", "math", "random"),
}
_FRAMES = "reads frames or closures, where inputs can be found"
_OBJECTS = "goes through all objects of the process"
_MODULES = "reaches into modules by another way than an import"
_TEXT = "runs text as code, which cannot be read here"
_OPEN = "speaks through files or sockets that are open already"
_WHOLE = {"sys.modules": _MODULES, "inspect.stack": _FRAMES, "inspect.trace": _FRAMES}
_NAMES = {
    **dict.fromkeys(("_getframe", "_current_frames", "currentframe", "getouterframes"), _FRAMES),
    **dict.fromkeys(("f_back", "f_locals", "f_globals", "f_builtins", "tb_frame"), _FRAMES),
    **dict.fromkeys(("gi_frame", "cr_frame", "ag_frame", "getinnerframes", "settrace"), _FRAMES),
    **dict.fromkeys(("getargvalues", "walk_stack", "walk_tb", "capture_locals"), _FRAMES),
    **dict.fromkeys(("setprofile", "__closure__", "cell_contents", "__globals__"), _FRAMES),
    **dict.fromkeys(("__code__", "__defaults__", "__kwdefaults__", "getclosurevars"), _FRAMES),
    **dict.fromkeys(("get_objects", "get_referrers", "get_referents"), _OBJECTS),
    **dict.fromkeys(("__subclasses__", "addaudithook"), _OBJECTS),
    **dict.fromkeys(("__import__", "import_module", "__loader__", "__spec__"), _MODULES),
    **dict.fromkeys(("__builtins__", "find_spec", "module_from_spec"), _MODULES),
    **dict.fromkeys(("run_probe", "run_cell", "ex", "user_ns", "user_global_ns"), _MODULES),
    **dict.fromkeys(("DisableTorchFunction", "DisableTorchFunctionSubclass"), "reads past a mode"),
    **dict.fromkeys(("__torch_function__", "__torch_dispatch__"), "changes what operations do"),
    **dict.fromkeys(("_forward_hooks", "_forward_pre_hooks"), "reaches into hooks"),
}
_CALLED = {
    **dict.fromkeys(("exec", "eval", "compile", "execfile", "run_path", "run_module"), _TEXT),
    **dict.fromkeys(("globals", "breakpoint"), _MODULES),
}
_IMPORTED = {
    **dict.fromkeys(("ctypes", "cffi", "_ctypes"), "reaches into the memory of the process"),
    **dict.fromkeys(("gc",), _OBJECTS),
    **dict.fromkeys(("marshal", "dis", "codeop", "code", "runpy", "pickle", "dill"), _TEXT),
    **dict.fromkeys(("socket", "fcntl", "mmap", "_socket"), _OPEN),
    **dict.fromkeys(("importlib", "imp", "zipimport", "pkgutil"), _MODULES),
    **dict.fromkeys(("mock",), "replaces parts of libraries"),
}
_OF_OS = {"write": _OPEN, "dup": _OPEN, "dup2": _OPEN, "fdopen": _OPEN, "read": _OPEN}
_TELLING = "|".join(name for name in _NAMES if len(name) > 4)
_WORDS = re.compile(rf"\b(?:{_TELLING})\b|d2lexercises|\binside\.\w")
_KEEPS = "keeps data from one call to another, and in no object or file"
_CONTAINERS = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
_MAKE_CONTAINERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict"} | {
    "WeakKeyDictionary", "WeakValueDictionary", "SimpleNamespace", "count", "bytearray"
}  # fmt: skip
_CHANGE = {"append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem"} | {
    "remove", "discard", "clear", "appendleft", "extendleft", "__setitem__"
}  # fmt: skip
# Parts of PyTorch that are for users, though their names do not say so.
_INNER_FOR_USERS = {"_dynamo", "_inductor", "_logging", "_pytree", "_subclasses"} | {
    "_higher_order_ops"
}
# Of Python's own names, those that an answer may use.
_USUAL = re.compile(
    "__(?:"
    "init|name|class|len|call|getitem|setitem|delitem|iter|next|contains|version|setattr"
    "|getattr|delattr|getattribute|doc|new|file|main|repr|str|eq|enter|exit|module"
    "|post_init|annotations|wrapped|add|mul|sub|matmul|all|mro|bool|float|int|index|array"
    "|qualname|future|reversed|hash|slots"
    ")__"
)


def looks(
    cells: list[str],
    skip: Collection[str] = (),
    begin: Callable[[int], None] = lambda index: None,
) -> list[str]:
    """Return a line for each place that a person should look at.

    `begin` is called with the index of each cell before it is parsed; those whose step, such as
    "look 3", is in `skip` are left out.
    """
    found: list[str] = []
    aliases: dict[str, str] = {}
    shared: set[str] = set()
    for number, cell in enumerate(cells, 1):
        if f"look {number - 1}" in skip:
            found.append(f"cell {number} could not be read for what to look at")
            continue
        begin(number - 1)
        places = set()
        try:
            python = python_of(cell)
            tree = ast.parse(python)
            places = {*_Finder(aliases).find(tree), *_kept_in(tree, shared)}
        except (SyntaxError, ValueError):
            python = ""
        except (RecursionError, MemoryError):
            found.append(f"cell {number} could not be read for what to look at")
            continue
        if python != cell:  # it may write a file that another cell runs
            text = cell[:_MOST_TEXT]
            places |= {(1, f"a text names {word}") for word in _WORDS.findall(text)}
        found += [f"cell {number}, line {line}: {what}" for line, what in sorted(places)]
    return [*found[:MOST], *([f"{len(found) - MOST} places more"] if len(found) > MOST else [])]


def _is_inner(name: str) -> bool:
    return name[:1] == "_" and name[:2] != "__" and name not in _INNER_FOR_USERS


def _kept_in(tree: ast.Module, shared: set[str]) -> Iterator[tuple[int, str]]:
    """Yield where functions keep data outside of themselves; `shared` has the names of containers.

    That is in a variable of the notebook, an attribute of a class or of a function, or a default.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            if any(_is_container(one) for one in defaults if one is not None):
                yield node.lineno, f"a default that can be changed {_KEEPS}"
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            shared |= _named_containers(statement)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            shared.add(statement.name)  # whose attributes last
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _kept_in_class(node)
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.Lambda)]
    for function in functions:
        own = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
        own |= {
            one.id
            for one in ast.walk(function)
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield node.lineno, f"{node.names[0]} {_KEEPS}"
            elif (name := _changed(node)) in shared - own:
                yield node.lineno, f"{name} {_KEEPS}"  # type: ignore[attr-defined]


def _named_containers(node: ast.Assign) -> set[str]:
    pairs = [(target, node.value) for target in node.targets]
    for target, value in list(pairs):
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs += zip(target.elts, value.elts, strict=False)
    return {one.id for one, value in pairs if isinstance(one, ast.Name) and _is_container(value)}


def _kept_in_class(node: ast.ClassDef) -> Iterator[tuple[int, str]]:
    assigned = [_named_containers(one) for one in node.body if isinstance(one, ast.Assign)]
    held = set[str]().union(*assigned)
    attributes = [one for one in ast.walk(node) if isinstance(one, ast.Attribute)]
    held -= {one.attr for one in attributes if isinstance(one.ctx, ast.Store)}
    for part in ast.walk(node):
        if isinstance(part, ast.Call | ast.Subscript):
            inner = part.func if isinstance(part, ast.Call) else part
            changes = not isinstance(getattr(part, "ctx", None), ast.Load)
            called = isinstance(inner, ast.Attribute) and inner.attr in _CHANGE
            held_in = getattr(inner, "value", None)
            of_class = isinstance(held_in, ast.Attribute) and held_in.attr in held
            if changes and of_class and (called or inner is part):
                yield part.lineno, f"{ast.unparse(held_in)} {_KEEPS}"  # type: ignore[arg-type]


def _is_container(node: ast.expr | None) -> bool:
    if not isinstance(node, ast.Call):
        return isinstance(node, _CONTAINERS)
    called = node.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return name in _MAKE_CONTAINERS


def _changed(node: ast.AST) -> str:
    """Return the name of the variable whose content this changes; "" if it changes none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        inner: ast.AST = node.func.value if node.func.attr in _CHANGE else node
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        inner = node.args[0] if node.func.id in ("setattr", "next") and node.args else node
    elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        inner = node.value
    else:
        return ""
    while isinstance(inner, ast.Subscript | ast.Attribute):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else ""


class _Finder:
    """Finds what to look at in a cell; `aliases` says what names of cells above stand for."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases

    def find(self, tree: ast.AST) -> Iterator[tuple[int, str]]:
        """Yield the line and the text of each find."""
        for node in ast.walk(tree):
            for what in self._of(node):
                yield getattr(node, "lineno", 0), what

    def _of(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from self._of_import(node)
        elif isinstance(node, ast.Attribute):
            yield from self._of_attribute(node)
        elif isinstance(node, ast.Name) and node.id in _NAMES:
            yield f"{node.id} {_NAMES[node.id]}"
        elif isinstance(node, ast.keyword) and node.arg in _NAMES:
            yield f"{node.arg} {_NAMES[node.arg]}"
        elif isinstance(node, ast.Call):
            yield from self._of_call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for word in sorted(set(_WORDS.findall(node.value[:_MOST_TEXT])))[:3]:
                yield f"a text names {word}"
            if len(node.value) > 2000 and " " not in node.value.strip():
                yield "a long text that is no sentence"

    def _of_import(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        module = getattr(node, "module", None) or ""
        for alias in node.names:
            whole = f"{module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
            name = alias.asname or alias.name
            kept = whole if alias.asname or module else whole.partition(".")[0]
            self.aliases[name if alias.asname or module else name.partition(".")[0]] = kept
            parts = whole.split(".")
            if whole in _WHOLE:
                yield f"{whole} {_WHOLE[whole]}"
            for part in parts:
                if part in _IMPORTED and part in (parts[0], parts[-1]):
                    yield f"{part} {_IMPORTED[part]}"
                elif part in _NAMES:
                    yield f"{part} {_NAMES[part]}"
            if parts[0] in _OURS or parts[:2] == ["d2lcompute", "checks"]:
                package = whole in ("d2lexercises", "d2lcompute.checks")
                word = isinstance(node, ast.ImportFrom) and parts[-1] in _FOR_STUDENTS
                if not package and not word:
                    yield f"imports {whole}, which checks and grades"
            if parts[0] in _LIBRARIES and any(_is_inner(part) for part in parts[1:]):
                yield f"imports {whole}, a part that is not for users"

    def _of_attribute(self, node: ast.Attribute) -> Iterator[str]:
        name, whole = node.attr, self._whole(node)
        root, _, rest = whole.partition(".")
        if name in _NAMES:
            yield f"{name} {_NAMES[name]}"
        elif name[:2] == name[-2:] == "__" and not _USUAL.fullmatch(name):
            yield f"{name} is not for users"
        elif whole in _WHOLE:
            yield f"{whole} {_WHOLE[whole]}"
        elif root == "os" and rest in _OF_OS:
            yield f"os.{rest} {_OF_OS[rest]}"
        elif root in _OURS and rest and rest.split(".")[0] not in _FOR_STUDENTS:
            yield f"uses {whole}, which checks and grades"
        elif root in _LIBRARIES and _is_inner(name):
            yield f"uses {whole}, a part that is not for users"
        changed = isinstance(node.ctx, ast.Store | ast.Del) and root in _LIBRARIES | set(_OURS)
        if changed and not {"config", "backends"} & set(whole.split(".")):
            yield f"changes {whole}"

    def _of_call(self, node: ast.Call) -> Iterator[str]:
        called = node.func
        if isinstance(called, ast.Name) and called.id in _CALLED:
            yield f"{called.id} {_CALLED[called.id]}"
        if not isinstance(called, ast.Name) or not node.args:
            return
        if called.id in ("setattr", "delattr"):
            whole = self._whole(node.args[0])
            if whole.partition(".")[0] in _LIBRARIES | set(_OURS):
                yield f"changes {whole}"
        if called.id in ("setattr", "getattr", "delattr") and len(node.args) > 1:
            name = node.args[1]
            own = isinstance(node.args[0], ast.Name) and node.args[0].id == "self"
            if not own and isinstance(name, ast.BinOp | ast.Call | ast.JoinedStr | ast.Subscript):
                yield f"{called.id} with a name that is put together"
        if called.id == "vars" and self._whole(node.args[0]).partition(".")[0] in (
            _LIBRARIES | set(_OURS)
        ):
            yield f"vars {_MODULES}"

    def _whole(self, node: ast.AST) -> str:
        """Return an expression such as nn.Module.forward, written out; "" if it is none."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        if node.id not in self.aliases:
            return ""
        return ".".join([self.aliases[node.id], *reversed(parts)])
