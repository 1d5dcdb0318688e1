"""Read the code of a submitted notebook. The file may hold anything, an attack included."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from d2lexercises.answers import questions_named_in

from d2lcompute._frameworks import FRAMEWORKS
from grader.units import MIB

MOST_BYTES = 16 * MIB  # of the file, with outputs and pictures; checked before it is parsed
MOST_CELLS = 2000
MOST_CODE = MIB  # characters of all code cells

# A module whose import tells the framework, to the framework's key. The helper modules of
# d2lcompute count too: `from d2lcompute import torch`.
_FRAMEWORK_OF = {
    name: framework.key
    for framework in FRAMEWORKS.values()
    for name in (*framework.roots, framework.helpers)
    if name
}
_IMPORT = re.compile(
    r"^[ \t]*(?:from|import)[ \t]+(?:d2lcompute[ \t]+import[ \t]+|d2lcompute\.)?"
    rf"({'|'.join(map(re.escape, _FRAMEWORK_OF))})\b",
    re.MULTILINE,
)


class NotebookError(ValueError):
    """The file is not a notebook that can be graded; the message gives the reason."""


@dataclass(frozen=True)
class Notebook:
    """The part of a notebook that is graded."""

    cells: tuple[str, ...]  # the code cells, in order

    @property
    def framework(self) -> str:
        """The key of the framework that the code imports most often; "numpy" if it imports none."""
        imports = Counter(_FRAMEWORK_OF[name] for name in _IMPORT.findall("\n".join(self.cells)))
        return imports.most_common(1)[0][0] if imports else "numpy"

    @property
    def chapters(self) -> set[str]:
        """The chapters whose checks are called."""
        questions = questions_named_in("\n".join(self.cells))
        return {question.partition(".")[0] for question in questions}


def read_notebook(data: bytes) -> Notebook:
    """Read the code cells of a notebook file. Outputs, tags, ids and other cells are ignored.

    Raises:
        NotebookError: the file is too large, or not a notebook.
    """
    if len(data) > MOST_BYTES:
        size = f"{len(data) / MIB:.0f} MB; at most {MOST_BYTES // MIB} MB are read"
        raise NotebookError(f"the file has {size}")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotebookError("the file is not text, so it is not a notebook") from None
    except (ValueError, RecursionError, MemoryError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise NotebookError(f"the file is not JSON, so it is not a notebook: {reason}") from None
    cells = tuple(_code_cells(content))
    if len(cells) > MOST_CELLS:
        raise NotebookError(f"{len(cells)} code cells; at most {MOST_CELLS} are run")
    if (code := sum(map(len, cells))) > MOST_CODE:
        raise NotebookError(f"{code:,} characters of code; at most {MOST_CODE:,} are run")
    return Notebook(cells)


def _code_cells(content: Any) -> list[str]:
    if not isinstance(content, dict):
        raise NotebookError("the file is JSON, but not a notebook")
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):  # nbformat 3
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(cells, list):
        raise NotebookError("the file is JSON, but has no cells, so it is not a notebook")
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
    # Half of a surrogate pair cannot be sent, so it is replaced. Line ends become Python's.
    return source.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
