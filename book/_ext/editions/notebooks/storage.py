"""How an executed notebook is stored: as it was recorded, and as learners get it."""

from __future__ import annotations

import copy
from pathlib import Path

from nbformat import NotebookNode

from editions.base.files import write_atomically
from editions.notebooks.edition import Edition
from editions.notebooks.notebook import dumps


def files(edition: Edition, notebook: NotebookNode) -> dict[Path, bytes]:
    """Return the files that store an edition's executed notebook."""
    return {
        edition.path: dumps(notebook),
        edition.learners_path: dumps(without_predicted_outputs(notebook)),
    }


def store(edition: Edition, notebook: NotebookNode) -> bool:
    """Write both copies of a notebook, each atomically; return whether a file changed.

    Raises:
        EditionsError: a file cannot be written.
    """
    written = [write_atomically(path, data) for path, data in files(edition, notebook).items()]
    return any(written)


def without_predicted_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a copy whose cells tagged `predict` look as if they had not been run."""
    learners = copy.deepcopy(notebook)
    for cell in learners.cells:
        if cell.cell_type == "code" and "predict" in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = [], None
    return learners
