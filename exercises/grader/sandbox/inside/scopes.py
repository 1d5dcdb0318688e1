"""Which variable each name of a notebook means, and what expressions the code binds it to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from d2lcompute._frameworks import FRAMEWORKS

LIBRARIES = {root for framework in FRAMEWORKS.values() for root in framework.roots}
LIBRARIES |= {"numpy", "builtins", "sys", "json", "d2lcompute", "math", "random"}
_MOST = 99  # values of a name that are looked at
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(eq=False)
class Scope:
    """A cell, class, function or comprehension; a value that no expression gives is `None`."""

    node: ast.AST
    parent: Scope | None = None
    name: str = ""  # of a function or a class
    values: dict[str, list[ast.AST | None]] = field(default_factory=dict)
    arguments: dict[str, ast.expr | None] = field(default_factory=dict)  # with their defaults
    declared: dict[str, ast.AST] = field(default_factory=dict)  # as global or nonlocal
    nodes: list[ast.AST] = field(default_factory=list)  # those in no scope inside of it
    inner: list[Scope] = field(default_factory=list)  # directly inside of it

    @property
    def function(self) -> Scope | None:
        """The innermost function that this is, or is inside of; None outside of all functions."""
        scope: Scope | None = self
        while scope is not None and not isinstance(scope.node, _FUNCTIONS):
            scope = scope.parent
        return scope

    @property
    def own(self) -> str:
        """The name of a method's object or class, such as `self`; "" outside of methods."""
        of_class = self.parent is not None and isinstance(self.parent.node, ast.ClassDef)
        static = "staticmethod" in map(last, getattr(self.node, "decorator_list", ()))
        return next(iter(self.arguments), "") if of_class and not static else ""

    def all(self) -> Iterator[Scope]:
        """Yield this scope and all inside of it."""
        waiting = [self]
        while waiting:
            yield (scope := waiting.pop())
            waiting += scope.inner

    def resolve(self, node: ast.AST | None) -> Scope | None:
        """Return the scope whose variable a name means here; None if nothing binds it."""
        name = getattr(node, "id", "")
        scope: Scope | None = self
        is_global = False
        while scope is not None:
            is_global |= isinstance(scope.declared.get(name), ast.Global)
            seen = scope is self or not isinstance(scope.node, ast.ClassDef)
            visible = scope.parent is None if is_global else seen
            if visible and name in scope.values and name not in scope.declared:
                return scope
            scope = scope.parent
        return None

    def bound(self, node: ast.AST | None) -> list[ast.AST | None]:
        """Return all that a name is bound to."""
        where = self.resolve(node)
        return where.values[getattr(node, "id", "")] if where is not None else []

    def library(self, node: ast.AST | None, every: bool = True) -> str:
        """Return what an expression is called where it was (`every`: always) imported, or ""."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        values = self.bound(node)
        imported = [one.name for one in values if isinstance(one, ast.alias)]
        if not imported or (every and len(imported) < len(values)):
            return ""
        return ".".join([imported[-1], *parts])

    def is_own(self, node: ast.AST) -> bool:
        """Return whether an expression is the object of the method around it."""
        where = self.resolve(node)
        return where is not None and where.own == getattr(node, "id", "")


def last(node: ast.AST | None) -> str:
    """Return the last name of an expression such as functools.cache, called or not."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.id if isinstance(node, ast.Name) else str(getattr(node, "attr", ""))


def scopes_of(tree: ast.Module, values: dict[str, list[ast.AST | None]]) -> Scope:
    """Return a cell's scope; `values` are of the variables of the notebook, and grow."""
    cell = Scope(tree, values=values)
    waiting: list[tuple[ast.AST, Scope]] = [(one, cell) for one in tree.body]
    while waiting:
        node, scope = waiting.pop()
        scope.nodes.append(node)
        for name, value in _bound(node):
            bound = scope.values.setdefault(name, [])
            bound += [value] if len(bound) < _MOST else []
        inside = scope
        outside = {*getattr(node, "decorator_list", ()), *getattr(node, "bases", ())}
        if isinstance(node, (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef)):
            inside = Scope(node, scope, getattr(node, "name", ""))
            scope.inner.append(inside)
            if isinstance(node, _FUNCTIONS):
                inside.arguments = _arguments(node.args)
                inside.values = {name: [None] for name in inside.arguments}
                outside |= {one for one in inside.arguments.values() if one is not None}
        elif isinstance(node, ast.Global | ast.Nonlocal):
            scope.declared |= dict.fromkeys(node.names, node)
        waiting += [(one, scope) for one in outside]
        children = [one for one in ast.iter_child_nodes(node) if one not in outside]
        waiting += [(one, inside) for one in children if not isinstance(one, ast.arguments)]
    return cell


def _arguments(given: ast.arguments) -> dict[str, ast.expr | None]:
    names = [one.arg for one in ast.iter_child_nodes(given) if isinstance(one, ast.arg)]
    last_first = [*given.posonlyargs, *given.args][::-1]
    pairs = [*zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    pairs += zip(last_first, given.defaults[::-1], strict=False)
    return {**dict.fromkeys(names), **{one.arg: default for one, default in pairs}}


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """Yield the names that a part of a syntax tree binds, and to what; not those of its parts."""
    pairs: list[tuple[ast.expr, ast.AST | None]] = []
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, node
        case ast.Assign():
            pairs = [(target, node.value) for target in node.targets]
        case ast.AnnAssign() | ast.NamedExpr() | ast.AugAssign():
            pairs = [(node.target, None if isinstance(node, ast.AugAssign) else node.value)]
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            pairs = [(node.target, ast.Starred(node.iter))]
        case ast.withitem() if node.optional_vars is not None:
            pairs = [(node.optional_vars, node.context_expr)]
        case ast.MatchAs() | ast.MatchStar() | ast.ExceptHandler() if node.name:
            yield node.name, None
        case ast.Import():
            for one in node.names:
                top = one.name.partition(".")[0]
                yield one.asname or top, ast.alias(one.name if one.asname else top)
        case ast.ImportFrom():
            for one in node.names:
                yield one.asname or one.name, ast.alias(f"{node.module}.{one.name}")
    for target, value in pairs:
        parts = [(target, value)]
        inside, given = getattr(target, "elts", ()), getattr(value, "elts", ())
        if len(inside) == len(given) > 0:
            parts = [*zip(inside, given, strict=True)]
        for inner, part in parts:
            for leaf in ast.walk(inner):
                if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store):
                    yield leaf.id, part
