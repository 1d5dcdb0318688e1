"""Read the code of a notebook that was handed in. The file may be anything at all."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from grader.sandbox.limits import MIB

MOST_BYTES = 16 * MIB  # with outputs and pictures; checked before anything is read from it
MOST_CELLS = 2000
MOST_CODE = MIB  # characters of all code cells

_IMPORT = re.compile(
    r"^[ \t]*(?:from|import)[ \t]+(?:d2lcompute[ \t]+import[ \t]+|d2lcompute\.)?"
    r"(torch|tensorflow|keras)\b",
    re.MULTILINE,
)
_FRAMEWORKS = {"torch": "pytorch", "tensorflow": "tensorflow", "keras": "tensorflow"}
_CHECK = re.compile(r"\bcheck\(\s*(?:question\s*=\s*)?[\"']([a-z][\w-]*)\.[\w-]+[\"']")


class NotebookError(ValueError):
    """The file is no notebook that can be graded; says why."""


@dataclass(frozen=True)
class Notebook:
    """What of a notebook is graded."""

    cells: tuple[str, ...]  # the code cells, in order

    @property
    def framework(self) -> str:
        """The framework that the code imports: "pytorch", "tensorflow", or "numpy" if none."""
        found = Counter(_FRAMEWORKS[name] for name in _IMPORT.findall("\n".join(self.cells)))
        return found.most_common(1)[0][0] if found else "numpy"

    @property
    def chapters(self) -> set[str]:
        """The chapters whose checks are called."""
        return set(_CHECK.findall("\n".join(self.cells)))


def read_notebook(data: bytes) -> Notebook:
    """The notebook that `data` holds. Outputs, tags, ids and other cells do not matter.

    Raises:
        NotebookError: it is too large, or no notebook; says why.
    """
    if len(data) > MOST_BYTES:
        size = f"{len(data) / MIB:.0f} MB; at most {MOST_BYTES // MIB} MB are read"
        raise NotebookError(f"the file has {size}")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotebookError("the file is no text, so it is no notebook") from None
    except (ValueError, RecursionError, MemoryError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise NotebookError(f"the file is not JSON, so it is no notebook: {said}") from None
    cells = tuple(_code_cells(content))
    if len(cells) > MOST_CELLS:
        raise NotebookError(f"{len(cells)} code cells; at most {MOST_CELLS} are run")
    if (code := sum(map(len, cells))) > MOST_CODE:
        raise NotebookError(f"{code:,} characters of code; at most {MOST_CODE:,} are run")
    return Notebook(cells)


def _code_cells(content: Any) -> list[str]:
    if not isinstance(content, dict):
        raise NotebookError("the file is JSON, but no notebook")
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):  # nbformat 3
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(cells, list):
        raise NotebookError("the file is JSON, but it has no cells, so it is no notebook")
    return [
        _source(cell)
        for cell in cells
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    # What cannot be sent (half of a surrogate pair) is replaced; Windows' line ends are Python's.
    return source.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
