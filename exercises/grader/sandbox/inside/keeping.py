"""Functions that keep data outside of themselves: in a variable, a class, a default or a file."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from itertools import islice

from .scopes import LIBRARIES, Scope, last

KEEPS = "keeps data from one call to another, and in no object or file"
WRITES_FILE = "writes a file that no argument names, where data can be kept"
_CHANGE = re.compile(  # methods that change what they are methods of
    "append(left)?|extend(left)?|insert|add|(difference_|intersection_)?update|setdefault|pop(item"
    "|left)?|remove|discard|clear|rotate|subtract|__([sd]et|del)(item|attr)__|__i(add|or)__|__next__"
)
_CHANGE_OBJECTS = re.compile("set|put|send|write(lines)?|fill|sort|reverse|assign.*|[^_].*_")
_CHANGE_FIRST = re.compile(  # functions that change their first argument
    "(set|del)attr|next|heap(push|pop|ify|replace|pushpop)|(set|del)item|insort(_left|_right)?"
    "|iadd|copyto|place|putmask|fill_diagonal|shuffle|[^_].*_"
)
_GIVE_PARTS = {"get", "setdefault", "values", "items", "pop"}  # methods
_SETTINGS = re.compile(r"\brcParams\b|environ\['(?:PYTHONHASHSEED|CUDA_|CUBLAS_|TF_|OMP_|MKL_)")
_CACHES = {"lru_cache", "cache", "cached"}
_FIXED = ast.Constant | ast.Tuple | ast.Lambda | ast.UnaryOp | ast.Attribute | ast.Name | None
_CODE = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_BEGINS = {"__init__", "__post_init__", "build", "setup"}
_TEMPORARY = {"TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile", "mkdtemp", "BytesIO"}
_OF_A_PATH = {"write_text", "write_bytes", "touch", "mkdir"}
_FILE_FIRST = re.compile(r"numpy\.(save(z.*|txt)?|memmap)|os\.(makedirs|mkdir)|shelve\.open")
_FILE_SECOND = re.compile(r"torch\.save|os\.(rename|replace)|shutil\.copy")


class Keeping:
    """Finds what the functions of a notebook keep, after all scopes of its cells are noted."""

    def __init__(self) -> None:
        self.checked: set[str] = set()  # answers that are given to `check` by their names
        self.called: set[str] = set()  # functions that make what a notebook's variable holds
        self.returned: dict[Scope | None, set[str]] = {}  # names in what a function returns
        self.begun: dict[Scope | None, set[str]] = {}  # attributes that each object of a class gets

    def note(self, scope: Scope) -> None:
        """Note what a scope calls, returns and checks."""
        function = scope.function
        begins = function.parent if function is not None and function.name in _BEGINS else None
        for node in scope.nodes:
            if isinstance(node, ast.Call) and last(node) == "check":
                self.checked |= {one.id for one in node.args if isinstance(one, ast.Name)}
                self.called |= {last(one) for one in node.args if isinstance(one, ast.Call)}
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                self.begun.setdefault(begins, set()).add(node.attr)
            elif isinstance(node, ast.Return) and node.value is not None:
                names = {getattr(one, "id", "") for one in ast.walk(node.value)}
                self.returned.setdefault(function, set()).update(names)
            elif function is None:
                value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
                made = [*getattr(node, "decorator_list", ()), *getattr(value, "elts", [value])]
                self.called |= {last(one) for one in made if isinstance(one, ast.Call | ast.Name)}

    def find(self, cell: Scope) -> Iterator[tuple[int, str]]:
        """Yield the line and the text of each find in a cell."""
        for scope in cell.all():
            counts = [one for one in scope.nodes if isinstance(one, ast.AugAssign)]
            counts = counts if scope.name in _BEGINS else []  # of objects, that get numbers
            numbers = {one.target for one in counts if isinstance(one.value, ast.Constant)}
            for node in scope.nodes:
                line: int = getattr(node, "lineno", 0)
                labels = ["a cache"] if _is_cache(node) else []
                if scope.function is not None and node not in numbers:
                    labels += [self._kept(one, scope) for one in _changed(node, scope)]
                    if any(not _is_given(one, scope) for one in _paths(node, scope)):
                        yield line, f"{last(node)} {WRITES_FILE}"
                yield from ((line, f"{one[:60]} {KEEPS}") for one in labels if one)

    def _kept(self, changed: ast.AST, scope: Scope) -> str:
        """Return what to call an object that is changed if it lasts; "" if it does not."""
        root, on_way = _root(changed)
        if "__class__" in on_way or last(root) == "type":
            return ast.unparse(changed)
        if isinstance(root, ast.Call):
            return last(root) if _is_cache(next(iter(scope.bound(root.func)), None), True) else ""
        where, name = scope.resolve(root), last(root)
        if where is None or where.function is not scope.function or scope.library(root):
            lasts = name and self._outlives(root, scope)
            return name if lasts and not _SETTINGS.search(ast.unparse(changed)) else ""
        if where.own == name:
            of_class = where.parent.values.get(on_way[-1], []) if where.parent and on_way else []
            fixed = all(isinstance(one, _FIXED | _CODE) or last(one) == "field" for one in of_class)
            own = fixed or on_way[-1] in self.begun.get(where.parent, ())
            return "" if own else f"{name}.{on_way[-1]}"
        if _is_default(root, scope):
            return name
        for value in where.values[name]:
            alias, _ = _root(value)
            lasts = _is_default(alias, where) or self._outlives(alias, where)
            if isinstance(alias, ast.Name) and alias.id != name and lasts:
                return alias.id
        return ""

    def _outlives(self, node: ast.AST | None, scope: Scope) -> bool:
        """Return whether a variable lasts longer than a call of the function that uses it."""
        owner, library = scope.resolve(node), scope.library(node).partition(".")[0]
        if owner is None:
            return not hasattr(builtins, last(node))
        if owner.function is not None and not library:
            return self._lasts(owner, scope)
        return library not in LIBRARIES

    def _lasts(self, owner: Scope | None, scope: Scope) -> bool:
        """Return whether the function of a variable is called once, and gives what uses it."""
        maker = owner.function if owner is not None else None
        if maker is None or maker is scope.function or maker.own:
            return False
        outer, around = set[str](), owner
        while around is not None:
            outer |= {around.name} - {""}
            around = around.parent
        given = [one for name in self.returned.get(maker, ()) for one in maker.values.get(name, ())]
        returned = self.called & outer and any(isinstance(one, _CODE) for one in given)
        return bool(isinstance(maker.node, ast.Lambda) or returned) and not self.checked & outer


def _is_default(node: ast.AST | None, scope: Scope) -> bool:
    """Return whether an expression is an argument with a default that can be changed."""
    where = scope.resolve(node)
    return where is not None and not isinstance(where.arguments.get(last(node)), _FIXED)


def _is_cache(node: ast.AST | None, any_arguments: bool = False) -> bool:
    """Return whether this gives a function that has no arguments a cache."""
    if isinstance(node, ast.FunctionDef):
        cached = any(last(one) in _CACHES for one in node.decorator_list)
        return cached and (any_arguments or not ast.unparse(node.args))
    if isinstance(node, ast.Call) and {last(node), last(node.func)} & _CACHES:
        return any(isinstance(one, ast.Lambda) and not ast.unparse(one.args) for one in node.args)
    return False


def _root(node: ast.AST | None) -> tuple[ast.AST | None, list[str]]:
    """Return the object that an expression is a part of, and the attributes on the way to it."""
    on_way = []
    while True:
        if isinstance(node, ast.Attribute):
            on_way.append(node.attr)
        elif isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Attribute) or node.func.attr not in _GIVE_PARTS:
                return node, on_way
            node = node.func
        elif not isinstance(node, ast.Subscript | ast.Starred):
            return node, on_way
        node = node.value


def _changed(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """Yield the expressions whose object a part of the syntax tree changes."""
    match node:
        case ast.Global() | ast.Nonlocal():
            yield from map(ast.Name, node.names)
        case ast.Return() if node.value and _is_default(node.value, scope):
            yield node.value
        case ast.Subscript() | ast.Attribute() if not isinstance(node.ctx, ast.Load):
            yield node
        case ast.AugAssign(target=ast.Name(), value=ast.List() | ast.ListComp()):
            yield node.target
        case ast.Attribute() if _CHANGE.fullmatch(node.attr):
            whole = scope.library(node.value)
            if not whole or "." in whole:  # no function of a module
                yield node.value
        case ast.Call():
            yield from (one.value for one in node.keywords if one.arg == "out")
            of = node.func.value if isinstance(node.func, ast.Attribute) else None
            name, first = last(node), node.args[:1]
            if of is None or scope.library(of):
                numbers = name == "next" and (scope.name in _BEGINS)  # of objects
                yield from first if _CHANGE_FIRST.fullmatch(name) and not numbers else ()
            elif _CHANGE_OBJECTS.fullmatch(name):
                yield of


def _paths(node: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    """Yield the path of the file that a call writes."""
    if not isinstance(node, ast.Call):
        return
    name, whole = last(node), scope.library(node.func)
    of = node.func.value if isinstance(node.func, ast.Attribute) and not whole else None
    if name in _OF_A_PATH and of is not None:
        yield of
    elif _FILE_FIRST.fullmatch(whole):
        yield from node.args[:1]
    elif _FILE_SECOND.fullmatch(whole):
        yield from node.args[1:2]
    elif name == "open":
        modes = node.args[of is None :][:1]
        modes += [one.value for one in node.keywords if one.arg == "mode"]
        if any(set("wax+") & set(str(getattr(one, "value", "w"))) for one in modes):
            yield from node.args[:1] if of is None else [of]


def _is_given(node: ast.AST, scope: Scope, depth: int = 0) -> bool:
    """Return whether the first variable of a path is an argument, or made of one, or temporary."""
    parts = [*islice(ast.walk(node), 99)]
    if any(last(one) in _TEMPORARY for one in parts if isinstance(one, ast.Call)):
        return True
    names = [one for one in parts if isinstance(one, ast.Name) and not scope.library(one)]
    names = [one for one in names if scope.resolve(one)]
    name = min(names, key=lambda one: (one.lineno, one.col_offset), default=None)
    where = scope.resolve(name)
    if name is None or where is None or where.function is None or depth > 3:
        return False
    values = [one for one in where.values[name.id][:4] if one is not None]
    given = name.id in where.arguments
    return given or any(_is_given(one, where, depth + 1) for one in values)
