"""Texts that code puts together of constants, and which of them only name parts of a model."""

from __future__ import annotations

import ast
import re
from itertools import islice

from .scopes import Scope, last

_MOST = 2000  # characters of a text that is put together
_UNKNOWN, _PLAIN = "\0", "name\0"
_PART = "part\0"  # the name of a part of a model, or what the grader gives
_NAMED_PARTS = {"named_parameters", "named_children", "named_modules", "named_buffers", "fields"}
_PARTED = {"split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix", "replace"}


class Texts:
    """Reads expressions that give texts; `checked` are the names of answers that are checked."""

    def __init__(self, checked: set[str]) -> None:
        self.checked = checked
        self.known: dict[ast.AST | None, str] = {None: _UNKNOWN}

    def fold(self, node: ast.AST | None, scope: Scope) -> str:
        """Return the text that an expression gives, with a null where the code does not show it."""
        if node not in self.known:
            self.known[node] = _UNKNOWN  # also of a name that is bound to what it is part of
            self.known[node] = self._fold(node, scope)[:_MOST]
        return self.known[node]

    def _fold(self, node: ast.AST | None, scope: Scope) -> str:
        def texts(parts: list[ast.expr]) -> list[str]:
            return [self.fold(one, scope) for one in parts[:_MOST]]

        match node:
            case ast.Constant():
                return str(node.value)
            case ast.Name():
                where, values = scope.resolve(node), scope.bound(node)
                if where is None:
                    return _UNKNOWN
                if len(values) == 1 and values[0] is not None:
                    return self.fold(values[0], where)
                if values != [None]:
                    return _all([self.fold(one, where) for one in values])
                given = where.name in self.checked and where.arguments.get(node.id, node) is None
                return _PART if given else _UNKNOWN
            case ast.FormattedValue(format_spec=None):
                return self.fold(node.value, scope)
            case ast.JoinedStr():
                return "".join(texts(node.values))
            case ast.BinOp(op=ast.Add()):
                return "".join(texts([node.left, node.right]))
            case ast.BinOp(op=ast.Mod(), right=right):
                form, filled = self.fold(node.left, scope), texts(getattr(right, "elts", [right]))
                plain = not re.search("%[^s]|%$", form) and form.count("%s") == len(filled)
                return form % tuple(filled) if plain else _UNKNOWN
            case ast.List() | ast.Tuple():
                return _all(texts(node.elts))
            case ast.Starred():
                calls = [one for one in islice(ast.walk(node), 99) if isinstance(one, ast.Call)]
                named = any(last(one) in _NAMED_PARTS for one in calls)
                return _PART if named else self.fold(node.value, scope)
            case ast.Call(
                func=ast.Attribute(value=value, attr="join"), args=[ast.List(elts=parts)]
            ):
                return self.fold(value, scope).join(texts(parts))
            case ast.Attribute(value=one) | ast.Subscript(value=one, slice=ast.Slice(step=None)):
                return _all([self.fold(one, scope)], of_parts=True)
            case ast.Call(func=ast.Attribute(attr="join"), args=[one]):
                return _all([self.fold(one, scope)], of_parts=True)
            case ast.Call(func=ast.Attribute(value=one, attr=name)) if name in _PARTED:
                return _all([self.fold(one, scope)], of_parts=True)
        return _UNKNOWN


def is_harmless(text: str) -> bool:
    """Return whether the beginning of a text is known, and is not an underscore."""
    return text[:1] not in "_" + _UNKNOWN


def _all(texts: list[str], of_parts: bool = False) -> str:
    if texts and all(one == _PART for one in texts):
        return _PART
    return _PLAIN if texts and not of_parts and all(map(is_harmless, texts)) else _UNKNOWN
