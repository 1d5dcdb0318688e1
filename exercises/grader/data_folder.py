"""Where the grader keeps the instructor's data: outside the repository and every sandbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "D2L_GRADER_DATA"  # the environment variable that names the folder


@dataclass(frozen=True)
class DataFolder:
    """The folder with the secret, the gradebook and the records."""

    path: Path

    @property
    def secret(self) -> Path:
        """The file of the instructor's secret."""
        return self.path / "secret"

    @property
    def gradebook(self) -> Path:
        """The SQLite file with the marks that count."""
        return self.path / "gradebook.sqlite"

    @property
    def records(self) -> Path:
        """The folder with a record of each graded submission."""
        return self.path / "results"

    @property
    def under_way(self) -> Path:
        """The folder that says which submissions are being graded."""
        return self.path / "under-way"


def default_data_folder() -> Path:
    """Return the folder that `D2L_GRADER_DATA` names, or d2l-grader in the user's data folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "d2l-grader"
