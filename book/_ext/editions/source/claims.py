"""What a claim cell must assert: something that cells above it computed.

A claim proves what the page says only if it looks at what the page computed. So each claim holds at
least one `assert` that is reached whenever the cell runs, and each such assertion depends on a name
that an earlier cell bound by computing, not by importing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from d2lcompute.checks.answers import python_of
from editions.source.chapter import Cell


def claim_problems(cells: Iterable[Cell]) -> Iterator[tuple[Cell, str]]:
    """Each claim of an edition that proves nothing, with the reason."""
    computed: set[str] = set()
    for cell in cells:
        if cell.kind != "code":
            continue
        try:
            tree = ast.parse(python_of(cell.source))
        except SyntaxError:
            if "raises-exception" in cell.tags:
                continue
            return  # a run reports it, with its line; what follows cannot be judged
        if cell.is_claim:
            if problem := _problem(tree, computed):
                yield cell, problem
        else:
            computed |= _bound(tree) - _imported(tree)


def _problem(tree: ast.Module, computed: set[str]) -> str | None:
    depends = set(computed)
    asserts = 0
    for statement in _reached(tree.body):
        if isinstance(statement, ast.Assert):
            asserts += 1
            if not _names(statement.test) & depends:
                return (
                    f"its assertion `{ast.unparse(statement.test)}` depends on nothing "
                    "that a cell above computed"
                )
            if _is_trivial(statement.test):
                return f"its assertion `{ast.unparse(statement.test)}` can never fail"
            continue
        # A name bound in the claim depends on the page if what it is bound from does; and it stops
        # depending on the page if it is bound anew from something that does not.
        for targets, value in _bindings(statement):
            if _names(value) & depends:
                depends |= targets
            else:
                depends -= targets
    if not asserts:
        return "it holds no assert that is reached whenever it runs"
    return None


def _reached(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run whenever the cell does, or once for each item of a loop."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.For | ast.With):
            yield from _reached(statement.body)
        elif isinstance(statement, ast.Try):
            yield from _reached([*statement.body, *statement.orelse, *statement.finalbody])


def _bindings(statement: ast.stmt) -> Iterator[tuple[set[str], ast.AST]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield _stored(target), statement.value
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign) and statement.value is not None:
        if isinstance(statement, ast.AnnAssign):
            yield _stored(statement.target), statement.value
    elif isinstance(statement, ast.For):
        yield _stored(statement.target), statement.iter
    elif isinstance(statement, ast.With):
        for item in statement.items:
            if item.optional_vars is not None:
                yield _stored(item.optional_vars), item.context_expr
    elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield {statement.name}, statement
    for node in ast.walk(statement) if isinstance(statement, ast.Assign | ast.Expr) else ():
        if isinstance(node, ast.NamedExpr):
            yield _stored(node.target), node.value


def _is_trivial(test: ast.expr) -> bool:
    """Compared with itself, or joined by `or` to something that is always true."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        same = ast.dump(test.left) == ast.dump(test.comparators[0])
        return same and isinstance(test.ops[0], ast.Eq | ast.Is | ast.LtE | ast.GtE)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(isinstance(value, ast.Constant) and value.value for value in test.values)
    return isinstance(test, ast.Tuple) and bool(test.elts)


def _names(node: ast.AST) -> set[str]:
    return {
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)
    }


def _stored(node: ast.AST) -> set[str]:
    return {
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    }


def _bound(tree: ast.Module) -> set[str]:
    definitions = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    handled = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name
    }
    return definitions | handled | _stored(tree)


def _imported(tree: ast.Module) -> set[str]:
    return {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
