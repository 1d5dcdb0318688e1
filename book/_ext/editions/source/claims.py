"""The check that each claim asserts something about values that cells above it computed.

A claim has at least one `assert` that every run of the cell reaches. Each such assertion uses a
name that an earlier cell assigned; an imported name does not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from d2lexercises.answers import python_of

from editions.source.chapter import Cell


def claim_problems(cells: Iterable[Cell]) -> Iterator[tuple[Cell, str]]:
    """Find the claims of an edition that prove nothing, each with the reason."""
    computed: set[str] = set()
    for cell in cells:
        if cell.kind != "code":
            continue
        try:
            tree = ast.parse(python_of(cell.source))
        except SyntaxError:
            if "raises-exception" in cell.tags:
                continue
            return  # a run reports the error with its line; later claims cannot be checked
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
        # A name assigned in the claim depends on the page while its latest value does.
        for targets, value in _bindings(statement):
            if _names(value) & depends:
                depends |= targets
            else:
                depends -= targets
    if not asserts:
        return "it has no assert that every run reaches"
    return None


def _reached(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that every run of the cell reaches; a loop's body counts as reached."""
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
    """Whether a test compares a value with itself, is a tuple, or is true by an operand of `or`."""
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
