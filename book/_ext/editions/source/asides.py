"""*Deeper* asides: what is true and not needed on the main path, folded for readers.

In the source an aside begins with `+++ {"deeper": "Its title"}` and ends with
`+++ {"deeper": "end"}`; it holds Markdown and cells of any edition. Its cells are run and compared
like all others, and cells outside of it do without the names that it defines.
"""

from __future__ import annotations

import ast
import json
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from d2lexercises.answers import python_of

from editions.base.files import digest

END = "end"
BREAK = re.compile(r"\+\+\+[ \t]*(\{.*\})[ \t]*$")
FENCE = re.compile(r"(`{3,}|~{3,})")


@dataclass(frozen=True)
class Aside:
    """An aside: its title, and the lines of its marks, counted from 1."""

    title: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """What identifies it in its chapter."""
        return f"deeper-{digest(self.title.encode())[:8]}"

    def holds(self, line: int) -> bool:
        """Whether a line is inside."""
        return self.first < line < self.last


def read_asides(text: str) -> list[Aside]:
    """Return the asides of a chapter's text, in order.

    Raises:
        ValueError: with the line and a message: an aside is not ended, or inside another.
    """
    asides: list[Aside] = []
    opened: tuple[str, int] | None = None
    for number, title in _marks(text):
        if title == END:
            if opened is None:
                raise ValueError(number, 'nothing is to be ended: no +++ {"deeper": ...} is above')
            asides.append(Aside(*opened, number))
            opened = None
        elif opened is not None:
            raise ValueError(
                number, f"the aside of line {opened[1]} is not ended: asides hold no others"
            )
        elif any(title == one.title for one in asides):
            raise ValueError(number, f"another aside has the title {title!r}")
        else:
            opened = title, number
    if opened is not None:
        raise ValueError(opened[1], 'the aside is not ended: +++ {"deeper": "end"} is missing')
    return asides


def _marks(text: str) -> Iterator[tuple[int, str]]:
    """The lines, counted from 1, that begin or end an aside, with what they say."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if opened := FENCE.match(line):
            if not fence:
                fence = opened[1]
            elif line.startswith(fence) and not line.strip(fence[0] + " \t"):
                fence = ""
        if fence or not (match := BREAK.match(line)):
            continue
        try:
            metadata = json.loads(match[1])
        except ValueError:
            continue  # MyST-NB reports it
        if isinstance(metadata, dict) and "deeper" in metadata:
            title = metadata["deeper"]
            if not isinstance(title, str) or not title.strip():
                raise ValueError(number, f"the title of an aside is text, got {title!r}")
            yield number, title.strip()


def leaking_names(cells: Iterable[tuple[str, Aside | None]]) -> Iterator[tuple[int, str, Aside]]:
    """Find the names that code outside of an aside has from inside of it.

    A change that an aside makes to an object of the main path is not found.

    Args:
        cells: the code cells of an edition, each with its aside.

    Yields:
        The index of the cell that uses a name, the name, and the aside that gave it its value.
    """
    cells = list(cells)
    if not any(aside for _, aside in cells):
        return
    home: dict[str, Aside | None] = {}  # where each name got its value
    for index, (source, aside) in enumerate(cells):
        for used, bound in _names_of_statements(source):
            for name in sorted(used):
                defined = home.get(name)
                if defined is not None and defined != aside:
                    yield index, name, defined
            home |= dict.fromkeys(bound, aside)


@lru_cache(maxsize=1024)  # both editions have the cells without a framework
def _names_of_statements(source: str) -> list[tuple[set[str], set[str]]]:
    """The names of each statement of a cell; none if a run will report a syntax error."""
    try:
        return [_names(statement) for statement in ast.parse(python_of(source)).body]
    except SyntaxError:
        return []


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The global names that a statement uses, and those that it binds."""
    table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
    used = {one.get_name() for one in table.get_symbols() if one.is_referenced()}
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        used.add(statement.target.id)
    bound = {
        one.get_name()
        for one in table.get_symbols()
        if one.is_assigned() or one.is_imported() or one.is_namespace()
    }
    waiting = list(table.get_children())
    while waiting:
        inner = waiting.pop()
        waiting += inner.get_children()
        symbols = [one for one in inner.get_symbols() if one.is_global()]
        used |= {one.get_name() for one in symbols if one.is_referenced()}
        bound |= {one.get_name() for one in symbols if one.is_assigned()}
    return used, bound
