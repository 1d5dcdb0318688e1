"""Which Python a cell needs that this Python cannot read.

The source is rewritten without the syntax that later versions of Python added. If this Python can
read the result, the cell was right, for the newest of these versions.
"""

from __future__ import annotations

import ast
import re
import sys

Version = tuple[int, int]
NEWEST: Version = (3, 13)  # that the grader runs with

_PREFIX = re.compile(r"(?i)(?<![\w.])([rbuft]{0,3})(\"\"\"|'''|\"|')")
_TYPE = re.compile(r"(?m)^([ \t]*)type[ \t]+([^\W\d]\w*)(?=[ \t]*[\[=])")
_DEFINITION = re.compile(r"\b(?:def|class)[ \t]+[^\W\d]\w*[ \t]*\[")
_EXCEPT = re.compile(r"(?m)^([ \t]*except\*?[ \t]+)([\w.]+(?:[ \t]*,[ \t]*[\w.]+)+)[ \t]*:")


def needed_python(python: str) -> Version | None:
    """Return the Python that code needs, if this one is too old for it and nothing else is wrong.

    Args:
        python: code that this Python cannot compile, with IPython's syntax already translated.
    """
    older, version = without_newer_syntax(python)
    if version <= sys.version_info[:2]:
        return None
    try:
        ast.parse(older)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return version


def advice(needed: Version) -> str:
    """Return what to do about code that needs a newer Python."""
    here, there = (".".join(map(str, one)) for one in (sys.version_info[:2], needed))
    if needed > NEWEST:
        return f"is written for Python {there}, which this grader does not support"
    return (
        f"is written for Python {there}, and this is Python {here}: "
        f"make grade VENV=.venv-{there} PYTHON=python{there}"
    )


def without_newer_syntax(python: str) -> tuple[str, Version]:
    """Return code that defines the same names without newer syntax, and which Python had all of it.

    F-strings become empty texts, and the parameters of generic classes and functions go.
    """
    version = (3, 0)
    text, found = _without_templates(python)
    version = max(version, found)
    text, count = _TYPE.subn(r"\1\2", text)
    if count:
        version = max(version, (3, 12))
        text = re.sub(r"(?m)^([ \t]*[^\W\d]\w*)[ \t]*\[[^\]\n]*\][ \t]*=", r"\1 =", text)
    text, found = _without_parameters(text)
    version = max(version, found)
    text, count = _EXCEPT.subn(r"\1(\2):", text)
    return text, max(version, (3, 14) if count else version)


def _without_parameters(text: str) -> tuple[str, Version]:
    """Remove the square brackets after the names of functions and classes."""
    version = (3, 0)
    position = 0
    while match := _DEFINITION.search(text, position):
        start = match.end() - 1
        depth, end = 0, start
        while end < len(text):
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
            if not depth:
                break
        version = max(version, (3, 13) if "=" in text[start:end] else (3, 12))
        lines = text.count("\n", start, end)
        text = text[:start] + "\\\n" * lines + text[end:]
        position = start
    return text, version


def _without_templates(text: str) -> tuple[str, Version]:
    """Replace f-strings that this Python cannot read, and t-strings, by empty texts."""
    version = (3, 0)
    parts: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "#":
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            parts.append(text[position:end])
            position = end
            continue
        match = _PREFIX.match(text, position)
        if match is None:
            parts.append(text[position])
            position += 1
            continue
        kind = match[1].casefold()
        end = _end_of_string(text, match, nested=False)
        literal = text[position:end]
        if {"f", "t"} & set(kind):
            needs = (3, 14) if "t" in kind else (3, 0) if _reads(literal) else (3, 12)
            if needs > (3, 0):
                end = _end_of_string(text, match)
                literal = text[position:end]
            if needs > (3, 0):
                version = max(version, needs)
                literal = f"(''{chr(10) * literal.count(chr(10))})"
        parts.append(literal)
        position = end
    return "".join(parts), version


def _reads(literal: str) -> bool:
    try:
        ast.parse(f"({literal})")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _end_of_string(text: str, match: re.Match[str], nested: bool = True) -> int:
    """Return where a string ends.

    If `nested`, an expression in an f-string may contain any other string.
    """
    kind, quote = match[1].casefold(), match[2]
    template = nested and bool({"f", "t"} & set(kind))
    position, depth = match.end(), 0
    while position < len(text):
        if depth:
            sign = text[position]
            if (inner := _PREFIX.match(text, position)) is not None:
                position = _end_of_string(text, inner)
            elif sign == "#" and "\n" in text[position:]:
                position = text.index("\n", position)
            else:
                depth += {"{": 1, "}": -1}.get(sign, 0)
                position += 1
            continue
        if text.startswith(quote, position):
            return position + len(quote)
        if len(quote) == 1 and text[position] == "\n":
            return position
        if text[position] == "\\" or (template and text.startswith(("{{", "}}"), position)):
            position += 2
        else:
            depth += template and text[position] == "{"
            position += 1
    return len(text)
