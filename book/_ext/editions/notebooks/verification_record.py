"""The verification record: the result of the last verifying run of each notebook.

The run itself writes it. A record holds the digest of its notebook, so it no longer applies once
the notebook changes.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from editions.base.files import digest, write_atomically


@dataclass(frozen=True)
class Record:
    """The result of one verifying run of one notebook."""

    notebook: str  # SHA-256 of the notebook's file
    device: str  # "cpu", or the name of the accelerator
    versions: dict[str, str]  # of the packages that decide outputs
    python: str
    date: str  # ISO 8601, UTC
    seconds: float  # how long the cells took
    cells: int  # code cells that were run
    outputs: int  # cells with a stored output that passed
    compared: int  # cells among them whose output was compared
    claims: int  # claim cells that passed
    passed: bool

    def save(self, path: Path) -> None:
        """Replace the record at `path`.

        Raises:
            EditionsError: the file cannot be written.
        """
        data = json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"
        write_atomically(path, data.encode("utf8"))


def load(path: Path) -> Record | None:
    """Return the record at `path`; None if there is no readable record."""
    try:
        return Record(**json.loads(path.read_text("utf8")))
    except (OSError, ValueError, TypeError):
        return None


def verified(path: Path, notebook: Path) -> Record | None:
    """Return the record at `path` if its run passed and the notebook has not changed since."""
    record = load(path)
    if record is None or not record.passed or not notebook.is_file():
        return None
    return record if record.notebook == digest(notebook.read_bytes()) else None
