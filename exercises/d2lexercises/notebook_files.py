"""The file of a notebook: its code cells, its framework and its chapters, for all who read one.

`score` and the grader read a notebook with this module, so what one takes the other takes too, and
what is too large for one is too large for the other. The file may hold anything, an attack
included: it is read as data, and nothing of it is run or parsed as code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from d2lcompute._frameworks import FRAMEWORKS
from d2lexercises.answers import with_plain_line_ends

MOST_BYTES = 16 * 2**20  # of the file, with outputs and pictures; checked before it is parsed
MOST_CELLS = 2000
MOST_CODE = 2**20  # characters of all code cells
ANSWER_SECONDS = 20.0  # for checking one answer
CELL_SECONDS = 30.0  # for one statement of a cell
NOTEBOOK_SECONDS = 300.0  # for all of a notebook
KEY = "d2lcompute"  # the entry of a notebook's metadata that `make exercises` writes

# A module whose import tells the framework, to the framework's key.
_ROOTS = {root: one.key for one in FRAMEWORKS.values() for root in one.roots}
# The helper modules: `from d2lcompute import torch`.
_HELPERS = {one.helpers: one.key for one in FRAMEWORKS.values() if one.helpers}
_STATEMENT = re.compile(
    r"(?:^|[;:])[ \t>.]*(?:import[ \t]+([^;\n]*)|from[ \t]+([\w.]+)[ \t]+import[ \t]+([^;\n]*))",
    re.MULTILINE,
)
_DYNAMIC = re.compile(r"(?:import_module|__import__)\(\s*[\"'](\w+)")
_STRINGS = re.compile(r"(?s)\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|#[^\n]*")
_CLASS = re.compile(r"(?m)^[ \t]*class[ \t]+\w+[ \t]*\(([^()\n]*)")
_SHOWN = re.compile(r"(?ms)^```.*?(?:^```|\Z)")  # code in Markdown
_MAGIC = re.compile(r"(?m)^([ \t]*)%%?time[ \t]+")


class NotebookFileError(ValueError):
    """The file is not a notebook that can be read; the message gives the reason."""


@dataclass(frozen=True)
class CodeCell:
    """A code cell of a notebook."""

    source: str
    count: int | None = None  # of its execution


@dataclass(frozen=True)
class NotebookFile:
    """What is read of a notebook."""

    cells: tuple[CodeCell, ...]
    written_for: str = ""  # the framework that its metadata name
    exercises: str = ""  # the chapter whose exercises its metadata name
    python: str = ""  # the version of Python that it was last run with
    texts: tuple[str, ...] = ()  # the cells that are not code, without code that they show

    @property
    def sources(self) -> tuple[str, ...]:
        """The code of each cell."""
        return tuple(cell.source for cell in self.cells)


def read_notebook_file(data: bytes) -> NotebookFile:
    """Read a notebook. Outputs, tags, ids and cells of other kinds are ignored.

    Raises:
        NotebookFileError: the file is too large, or not a notebook.
    """
    if len(data) > MOST_BYTES:
        raise NotebookFileError(
            f"the file has {len(data) / 2**20:.0f} MB; at most {MOST_BYTES // 2**20} MB are read: "
            "clear its outputs"
        )
    if not data.strip():
        raise NotebookFileError("the file is empty, so it is not JSON and not a notebook")
    return notebook_from(_parsed(data))


def notebook_from(content: Any) -> NotebookFile:
    """Read a notebook from the parsed content of its file.

    Raises:
        NotebookFileError: it is not a notebook, or one that is too large.
    """
    cells = tuple(_code_cells(content))
    if len(cells) > MOST_CELLS:
        raise NotebookFileError(f"{len(cells)} code cells; at most {MOST_CELLS} are run")
    if (code := sum(len(cell.source) for cell in cells)) > MOST_CODE:
        raise NotebookFileError(f"{code:,} characters of code; at most {MOST_CODE:,} are run")
    metadata = _dict(content.get("metadata"))
    ours = _dict(metadata.get(KEY))
    key = ours.get("framework")
    version = re.match(
        r"\d{1,3}\.\d{1,3}", str(_dict(metadata.get("language_info")).get("version"))
    )
    return NotebookFile(
        cells,
        key if isinstance(key, str) and key in FRAMEWORKS else "",
        str(ours.get("exercises") or "")[:100],
        version[0] if version else "",
        tuple(_SHOWN.sub("", text) for text in _texts(content)),
    )


def framework_of(sources: Sequence[str], written_for: str = "") -> str:
    """Return the key of the framework that code is written in; "numpy" if it uses none.

    It is the only one that the code imports. Of several, it is the one that the metadata name,
    then the one whose helpers are imported, then the one whose layers are derived from, then the
    first.
    """
    text = "\n".join(sources)
    helped, imported, names = _imports(text)
    used = dict.fromkeys([*helped, *imported])
    if not used:
        return written_for or "numpy"
    if len(used) == 1:
        return next(iter(used))
    if written_for in used:
        return written_for
    if len(set(helped)) == 1:
        return helped[0]
    bases = re.findall(r"\b([A-Za-z_]\w*)[\w.]*", ",".join(_CLASS.findall(text)))
    derived = Counter(names[base] for base in bases if base in names)
    return max(derived, key=derived.__getitem__) if derived else next(iter(used))


def _imports(text: str) -> tuple[list[str], list[str], dict[str, str]]:
    """Return the frameworks of imported helpers, those imported, and the names that they bind."""
    text = _STRINGS.sub("", _without_joined_lines(_MAGIC.sub(r"\1", text)))
    helped, imported = [], []
    names: dict[str, str] = {}
    for plain, module, bound in _STATEMENT.findall(text):
        if plain:
            for part in filter(None, map(str.split, plain.split(","))):
                root, *inner = part[0].split(".")
                if root == "d2lcompute" and inner and inner[0] in _HELPERS:
                    helped.append(_HELPERS[inner[0]])
                elif root in _ROOTS:
                    imported.append(_ROOTS[root])
                    names[part[2] if len(part) > 2 else root] = _ROOTS[root]
            continue
        words = [part.split() for part in bound.strip(" \t()").split(",")]
        root, _, second = module.partition(".")
        if root == "d2lcompute":
            found = [second.partition(".")[0], *(word[0] for word in words if word)]
            helped += [_HELPERS[one] for one in found if one in _HELPERS]
        elif root in _ROOTS:
            imported.append(_ROOTS[root])
            names |= {word[-1].strip("()"): _ROOTS[root] for word in words if word}
    imported += [_ROOTS[name] for name in _DYNAMIC.findall(text) if name in _ROOTS]
    return helped, imported, names


def _without_joined_lines(text: str) -> str:
    """Return text in which an import in brackets, or over a backslash, has one line."""
    text = text.replace("\\\n", " ")
    return re.sub(r"(import[ \t]*)\(([^()]*)\)", _one_line, text)


def _one_line(match: re.Match[str]) -> str:
    names = re.sub(r"#[^\n]*", "", match[2])
    return f"{match[1]}({' '.join(names.split())})" + "\n" * match[2].count("\n")


def _parsed(data: bytes) -> Any:
    """Parse JSON in any encoding that editors and shells write.

    Raises:
        NotebookFileError: it is not JSON.
    """
    problem = ""
    for encoding in (json.detect_encoding(data), "cp1252"):
        try:
            text = data.decode(encoding, "surrogatepass" if encoding != "cp1252" else "strict")
        except UnicodeDecodeError:
            problem = problem or "the file is not text, so it is not a notebook"
            continue
        try:
            # A file that was not closed ends in zeros.
            return json.loads(text.removeprefix("\ufeff").rstrip("\0 \t\r\n"))
        except (ValueError, RecursionError, MemoryError) as error:
            deep = isinstance(error, RecursionError)
            reason = "nested too deeply" if deep else str(error)[:200]
            if not problem:
                problem = f"the file is not JSON, so it is not a notebook: {reason}"
                if isinstance(error, json.JSONDecodeError) and _ends_at(error):
                    problem += "; it is cut off, so save it again"
                if re.search(r"(?m)^<{7} |^>{7} ", text):
                    problem += "; it holds the marks of a conflict, as git leaves them"
    raise NotebookFileError(problem)


def _ends_at(error: json.JSONDecodeError) -> bool:
    """Return whether JSON is right up to its end, which comes too early."""
    return "Unterminated" in error.msg or error.pos >= len(error.doc)


def markdown_of(data: bytes) -> list[str]:
    """Return the texts of a notebook's Markdown cells, but for empty ones.

    Raises:
        NotebookFileError: the file is not a notebook.
    """
    cells = (cell for cell in _cells(_parsed(data)) if cell.get("cell_type") == "markdown")
    return [text for cell in cells if (text := _source(cell).strip())]


def _code_cells(content: Any) -> Iterator[CodeCell]:
    for cell in _cells(content):
        if cell.get("cell_type") == "code":
            count = cell.get("execution_count", cell.get("prompt_number"))
            yield CodeCell(_source(cell), count if type(count) is int else None)


def _texts(content: Any) -> Iterator[str]:
    for cell in _cells(content):
        if cell.get("cell_type") != "code":
            yield _source(cell)


def _cells(content: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(content, dict):
        raise NotebookFileError("the file is JSON, but not a notebook")
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):  # nbformat 3
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(cells, list):
        raise NotebookFileError("the file is JSON, but has no cells, so it is not a notebook")
    yield from (cell for cell in cells if isinstance(cell, dict))


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        apart = any(line.endswith(("\n", "\r")) for line in lines)  # some programs drop the ends
        source = ("" if apart else "\n").join(lines)
    if not isinstance(source, str):
        return ""
    # Two halves of a surrogate pair become their sign; one half cannot be sent, so it is replaced.
    source = source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return with_plain_line_ends(source.encode("utf-8", "replace").decode("utf-8"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
