"""A copy of the checkout as it is now, without what tools have made in it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
MADE = (".git", ".venv*", "_build", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")


def copy_of_the_project(folder: Path) -> Path:
    """Copy the checkout to `folder`; return the folder."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*MADE))
    return folder


def leave_out_chapters(root: Path, dropped: Collection[str]) -> None:
    """Delete chapters, named without folder, from the `_toc.yml` of a project."""
    path = root / "_toc.yml"
    toc = _without(yaml.safe_load(path.read_text("utf8")), dropped)
    path.write_text(yaml.safe_dump(toc, sort_keys=False), "utf8")


def _without(node: Any, dropped: Collection[str]) -> Any:
    """A table of contents without some chapters, and without parts that have no page left."""
    if isinstance(node, dict):
        return {key: _without(value, dropped) for key, value in node.items()}
    if isinstance(node, list):
        kept = [_without(one, dropped) for one in node if not _lists(one, dropped)]
        return [one for one in kept if not (isinstance(one, dict) and one.get("chapters") == [])]
    return node


def _lists(entry: Any, names: Collection[str]) -> bool:
    return isinstance(entry, dict) and entry.get("file") in [f"book/{name}" for name in names]
