"""When a stored notebook is stale: the code that it ran is not the code of today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from editions.base.files import digest
from editions.base.frameworks import Framework
from editions.base.project import DEVICES, Project
from editions.notebooks.dependencies import PACKAGE, package_digest
from editions.notebooks.notebook import KEY
from editions.source.chapter import Cell, Chapter

REASONS = {
    "code": "its code cells changed",
    "package": f"code that it uses in the helper package {PACKAGE} changed",
    "pins": "the pinned versions changed",
}


def fingerprint(chapter: Chapter, framework: Framework, project: Project) -> dict[str, Any]:
    """Return what the outputs of an edition depend on: its cells, the helper package, the pins.

    Raises:
        EditionsError: the helper package or `requirements.txt` is missing or cannot be read.
    """
    cells = _code_cells(chapter, framework)
    pins = {name: project.pins.get(name, "not pinned") for name in framework.packages}
    return {
        "code": digest(json.dumps([[cell.source, sorted(cell.tags)] for cell in cells]).encode()),
        "package": package_digest(project.root / PACKAGE, [cell.source for cell in cells]),
        "pins": pins,
    }


def staleness(path: Path, chapter: Chapter, framework: Framework, project: Project) -> str | None:
    """Return why the notebook at `path` must be run again; None if it is up to date.

    Raises:
        EditionsError: as `fingerprint`.
    """
    if not path.is_file():
        return "it has never been run"
    try:
        stored = nbformat.v4.reads(path.read_text("utf8"))
        code = [cell for cell in stored.cells if cell.cell_type == "code"]
    except Exception as error:  # nbformat raises many types
        return f"it cannot be read ({type(error).__name__})"
    about = stored.metadata.get(KEY)
    if not isinstance(about, dict) or not all(
        isinstance(about.get(part), dict) for part in ("fingerprint", "versions")
    ):
        return "it does not say what it was run with"
    then, now = about["fingerprint"], fingerprint(chapter, framework, project)
    for part, reason in REASONS.items():
        if then.get(part) != now[part]:
            return reason
    if any(cell.execution_count is None for cell in code):
        return "some of its cells have not been run"
    if _was_edited(code, _code_cells(chapter, framework)):
        return "its code was edited in the notebook; move the edit into the chapter's source"
    return None


def devices_of(chapter: Chapter, framework: Framework, project: Project) -> list[str]:
    """Return the devices whose notebooks a page shows: the CPU, and a GPU if its run is current.

    A stale notebook of a GPU does not stop the build: most authors have no GPU to run it on.

    Raises:
        EditionsError: as `fingerprint`.
    """

    def is_current(device: str) -> bool:
        path = project.recorded_path(chapter.name, framework.key, device)
        return staleness(path, chapter, framework, project) is None

    return [device for device in DEVICES if device == "cpu" or is_current(device)]


def _code_cells(chapter: Chapter, framework: Framework) -> list[Cell]:
    return [cell for cell in chapter.edition(framework.key) if cell.kind == "code"]


def _was_edited(stored: list[NotebookNode], written: list[Cell]) -> bool:
    """Whether a notebook's code, without its set-up cell, differs from the chapter's."""
    kept = [cell.source for cell in stored if "setup" not in cell.metadata.get("tags", [])]
    if len(stored) != len(written) + 1 or len(kept) != len(written):
        return True
    return any(
        _body(source, cell) != _body(cell.source, cell)
        for source, cell in zip(kept, written, strict=True)
    )


def _body(source: str, cell: Cell) -> str:
    """Return code without the title line of a claim, which has another form in a notebook."""
    return source.partition("\n")[2] if cell.is_claim else source
