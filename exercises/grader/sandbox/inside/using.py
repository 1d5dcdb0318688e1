"""Which names of the notebook an answer uses, and which of them a cell further down defines anew.

Cells that were run in another order than they are in leave a right answer with a wrong helper: the
notebook defines it above the check and once more below it.
"""

from __future__ import annotations

import dis
import functools
import re
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MethodType
from typing import Any

from d2lexercises import answers

_MOST_OBJECTS = 200
# A function, a class or a variable, with the indented lines and closing brackets below it.
_DEFINES = re.compile(
    r"^(?:(?:async[ \t]+)?def[ \t]+(\w+)|class[ \t]+(\w+)|(\w+)[ \t]*=(?!=))"
    r".*(?:\n(?:[ \t)\]}].*)?)*",
    re.MULTILINE,
)
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")

_sources: list[str] = []
_texts: dict[str, list[tuple[int, str]]] = {}  # by name, the cells that define it, and how


def read(sources: list[str]) -> None:
    """Note what the cells define, by how it is written. No code is parsed."""
    _sources[:] = sources
    _texts.clear()
    for number, source in enumerate(sources, 1):
        if answers.is_other_cell(source):  # as below %%writefile, which binds nothing
            continue
        for match in _DEFINES.finditer(answers.with_plain_line_ends(source)):
            name = match[1] or match[2] or match[3]
            _texts.setdefault(name, []).append((number, _without_comments(match[0])))


def _without_comments(text: str) -> str:
    lines = (line.partition(" #")[0].rstrip() for line in text.splitlines())
    return "\n".join(filter(None, lines))


def reason_of_order(value: object, used: set[str], names: Mapping[str, Any], cell: int) -> str:
    """Return why an answer may be wrong that was checked in this cell, in words; "" if it is.

    Cells up to this one define a name that the answer uses, and cells below it otherwise. The
    answer's own name does not count if a check below takes it: it then names another answer. Nor
    does a name that other functions or classes below use: it is then a part of another answer.
    """
    for name in sorted(used):
        above = {text for number, text in _texts.get(name, ()) if number <= cell}
        below = [
            number for number, text in _texts.get(name, ()) if number > cell if text not in above
        ]
        if not above or not below:
            continue
        again = rf"\bcheck\b.*\b{re.escape(name)}\b"
        if names.get(name) is value and re.search(again, "\n".join(_sources[cell:])):
            continue
        if any(_is_used_in(source, name) for source in _sources[below[0] - 1 :]):
            continue
        return (
            f"Cell {below[0]} defines {name} once more, below the check of an answer that uses it"
        )
    return ""


def _is_used_in(source: str, name: str) -> bool:
    """Return whether functions or classes of a cell use a name, but for what has that name."""
    others = (
        match[0]
        for match in _DEFINES.finditer(answers.with_plain_line_ends(source))
        if name not in match.groups()
    )
    used = re.compile(rf"^[ \t]+.*\b{re.escape(name)}\b", re.MULTILINE)
    return any(used.search(text) for text in others)


def names_used(value: object, names: Mapping[str, Any]) -> set[str]:
    """Return the names of the notebook that an answer uses, also by way of what they mean."""
    used = {one for one in (getattr(value, "__name__", ""),) if names.get(one) is value}
    seen: set[int] = set()
    waiting = [value]
    while waiting and len(seen) < _MOST_OBJECTS:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for name in _names_of(one):
            if name in names and name not in used:
                used.add(name)
                waiting.append(names[name])
        waiting += _parts(one)
    return used


def _parts(value: object) -> Iterator[object]:
    """Yield the functions and classes that a value consists of, or is an instance of."""
    if isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args)
    elif isinstance(value, FunctionType):
        yield vars(value).get("__wrapped__")
    elif isinstance(value, type):
        if value.__module__ == "__main__":
            yield from value.__mro__
            for part in list(vars(value).values()):
                yield part.__func__ if isinstance(part, staticmethod | classmethod) else part
    elif isinstance(value, property):
        yield from (value.fget, value.fset)
    elif type(value).__module__ == "__main__":
        yield type(value)


def _names_of(value: object) -> Iterator[str]:
    if isinstance(value, type):
        yield value.__name__
    if not isinstance(value, FunctionType) or value.__module__ != "__main__":
        return
    waiting = [value.__code__]
    while waiting:
        code = waiting.pop()
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
        for step in dis.get_instructions(code):
            if step.opname in _GLOBAL:
                yield step.argval
