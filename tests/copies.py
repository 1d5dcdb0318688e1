"""A copy of the checkout as it is now, without what tools have made in it."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
MADE = (".git", ".venv*", "_build", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")


def copy_of_the_project(folder: Path) -> Path:
    """Copy the checkout to `folder`; return the folder."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*MADE))
    return folder
