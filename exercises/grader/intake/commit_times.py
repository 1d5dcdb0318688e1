"""When a notebook in a clone of a repository was committed.

Nothing of the clone is trusted: its configuration and hooks are not read. Git sees an empty
repository, which borrows the objects of the clone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SECONDS = 20


@contextlib.contextmanager
def commit_reader() -> Iterator[Callable[[Path, str], datetime | None]]:
    """Give a function that returns when a file of a clone was last committed.

    It takes the folder of the clone and the path of the file in it, and returns None where that
    cannot be told: without git, in a damaged clone, or for a file that was never committed.
    """
    with tempfile.TemporaryDirectory(prefix="d2l-grader-git-") as folder:
        empty = Path(folder) / "empty.git"
        git = shutil.which("git")
        if git:
            environment = _environment(empty)
            command = [git, "init", "-q", "--bare", str(empty)]
            if subprocess.run(command, env=environment, check=False).returncode:
                git = None

        def committed(clone: Path, path: str) -> datetime | None:
            return _committed(git, empty, clone / ".git", path) if git else None

        yield committed


def _environment(empty: Path, objects: Path | None = None) -> dict[str, str]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_DIR": str(empty),
    }
    return environment | ({"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects)} if objects else {})


def _committed(git: str, empty: Path, folder: Path, path: str) -> datetime | None:
    commit, objects = _head(folder), folder / "objects"
    if not commit or objects.is_symlink() or not objects.is_dir():
        return None
    environment = _environment(empty, objects)
    shallow = folder / "shallow"  # of a clone without its history
    if shallow.is_file() and not shallow.is_symlink():
        environment["GIT_SHALLOW_FILE"] = str(shallow)
    for paths in (["--", path], []):
        command = [git, "log", "-1", "--format=%ct", commit, *paths]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_SECONDS,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        if done.returncode == 0 and (seconds := done.stdout.strip()).isdecimal():
            with contextlib.suppress(OverflowError, ValueError, OSError):
                return datetime.fromtimestamp(int(seconds), UTC).astimezone()
        if done.returncode == 0:
            return None  # the file was never committed
    return None


def _head(folder: Path) -> str:
    """Return the commit that is checked out; "" if it cannot be told."""
    name = _text(folder / "HEAD")
    if not name.startswith("ref:"):
        return name if _COMMIT.fullmatch(name) else ""
    name = name.removeprefix("ref:").strip()
    if not re.fullmatch(r"refs/[\w./@+-]+", name) or ".." in name:
        return ""
    commit = _text(folder / name)
    if _COMMIT.fullmatch(commit):
        return commit
    for line in _text(folder / "packed-refs").splitlines():
        commit, _, packed = line.partition(" ")
        if packed.strip() == name and _COMMIT.fullmatch(commit):
            return commit
    return ""


def _text(file: Path) -> str:
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > 2**20:
            return ""
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
