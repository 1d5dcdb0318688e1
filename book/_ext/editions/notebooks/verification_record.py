"""The verification record: what the last test run found of each notebook.

Written by the run itself. It speaks of one notebook, by its digest: once the notebook changes, the
record no longer applies to it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from editions.base.files import digest, write_atomically


@dataclass(frozen=True)
class Record:
    """One verified run of one notebook."""

    notebook: str  # SHA-256 of the notebook's file
    device: str  # "cpu", or the name of the accelerator
    versions: dict[str, str]  # what it ran with
    python: str
    date: str  # ISO 8601, UTC
    seconds: float  # how long the cells took
    cells: int  # code cells run
    outputs: int  # cells whose stored output was to be met
    compared: int  # of them, compared to the letter
    claims: int  # claim cells that held
    passed: bool

    def save(self, path: Path) -> None:
        """Replace the record at `path`."""
        data = json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"
        write_atomically(path, data.encode("utf8"))


def load(path: Path) -> Record | None:
    """The record at `path`; None where there is none that can be read."""
    try:
        return Record(**json.loads(path.read_text("utf8")))
    except (OSError, ValueError, TypeError):
        return None


def verified(path: Path, notebook: Path) -> Record | None:
    """The record at `path`, if it speaks of this very notebook and the run passed."""
    record = load(path)
    if record is None or not record.passed or not notebook.is_file():
        return None
    return record if record.notebook == digest(notebook.read_bytes()) else None
