"""Where the contents of blocks come from in the text of a page or cell.

The parser strips indentation and markers such as ``>`` from each line, and the backslash from
``\\|`` in tables.
"""

from __future__ import annotations

from markdown_it.token import Token


class Origins:
    """Finds the origin, an offset in the text, of each character of a content."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def of_text(self, text: str, first: int) -> list[int]:
        """The origin of each character of lines that begin on line `first`.

        They may begin later: the parser drops a line of blanks that are not ASCII.
        """
        places: list[int] = []
        begin = text.partition("\n")[0].strip()
        while begin not in self._lines[first]:
            first += 1
        for number, content in enumerate(text.split("\n"), start=first):
            stripped = content.strip()
            indent = len(content) - len(content.lstrip())
            at = self._lines[number].rindex(stripped) - indent
            start = self._starts[number]
            places += [start + max(0, at + i) for i in range(len(content))]
            places.append(self._starts[number + 1] - 1)
        return places

    def of_cells(self, row: list[Token]) -> list[list[int]]:
        """The origins of the characters of each cell in a row of a table."""
        number = row[0].map[0] if row and row[0].map else 0
        cells = [_stripped(cell) for cell in _split_cells(self._lines[number])]
        contents = [token.content for token in row]
        begin = next(n for n in range(len(cells)) if _begins_with(_texts(cells[n:]), contents))
        cells = cells[begin : begin + len(row)] + [[]] * len(row)  # a row may lack cells
        cells[0] = cells[0][len(cells[0]) - len(contents[0]) :]
        start = self._starts[number]
        places = [[start + at for at, _ in cell] for cell in cells[: len(row)]]
        return [[*one, one[-1] + 1 if one else start] for one in places]


def _split_cells(line: str) -> list[list[tuple[int, str]]]:
    """The characters of each cell, with their places in the line."""
    cells: list[list[tuple[int, str]]] = [[]]
    for at, char in enumerate(line):
        if char != "|":
            cells[-1].append((at, char))
        elif line[at - 1 : at] == "\\":
            cells[-1][-1] = (at, char)
        else:
            cells.append([])
    return cells


def _stripped(cell: list[tuple[int, str]]) -> list[tuple[int, str]]:
    (text,) = _texts([cell])
    return cell[len(text) - len(text.lstrip()) : len(text.rstrip())] if text.strip() else []


def _texts(cells: list[list[tuple[int, str]]]) -> list[str]:
    return ["".join(char for _, char in cell) for cell in cells]


def _begins_with(texts: list[str], contents: list[str]) -> bool:
    """Whether a line's cells are those of a row, which is padded with empty cells or cut.

    The first cell may be behind the marker of a list or a quotation.
    """
    padded = [*texts, *[""] * len(contents)]
    return texts[0].endswith(contents[0]) and padded[1 : len(contents)] == contents[1:]
