"""Code as text that is the same under every version of Python, to make digests of it.

`ast.dump` and `ast.unparse` change from version to version.
"""

from __future__ import annotations

import ast


def portable_code(node: object) -> str:
    """Return the code of a syntax tree as text.

    Fields that have no value are left out: a newer Python has more of them. So are strings that
    nothing uses, such as docstrings, and the empty strings that Python 3.12.1 adds to f-strings.
    """
    if isinstance(node, list):
        return f"[{', '.join(portable_code(part) for part in node if not _is_bare_string(part))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)  # `repr` depends on the Unicode version
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.JoinedStr):
        fields["values"] = [part for part in node.values if not _is_empty_string(part)]
    parts = [
        f"{name}={portable_code(value)}"
        for name, value in sorted(fields.items())
        if value not in (None, []) or (isinstance(node, ast.Constant) and name == "value")
    ]
    return f"{type(node).__name__}({', '.join(parts)})"


def _is_bare_string(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_empty_string(node: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""
