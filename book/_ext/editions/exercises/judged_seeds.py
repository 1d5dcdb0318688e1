"""The seeds on which a commit's questions are judged: few, and other ones at the next commit."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from editions.base.errors import EditionsError
from editions.base.files import digest_of_files

VARIABLE = "D2L_JUDGED_SEEDS"  # repeats a run: "17 42"
COUNT = 2  # the weekly run tries 60
FEW_SEEDS = 3  # that `make check-questions` tries besides the public one


def judged_seeds(root: Path) -> tuple[int, ...]:
    """The seeds that belong to the commit, or to the sources of the exercises where git has none.

    The environment variable `D2L_JUDGED_SEEDS` takes their place, to repeat a run.

    Raises:
        EditionsError: the variable holds something that is not a seed.
    """
    if given := os.environ.get(VARIABLE, ""):
        if not all(word.isascii() and word.isdecimal() for word in given.split()):
            raise EditionsError(f"{VARIABLE} is {given!r}; it holds seeds, such as 17 42")
        return tuple(map(int, given.split()))
    state = hashlib.sha256((_commit(root) or _digest_of_sources(root)).encode()).digest()
    return tuple(int.from_bytes(state[4 * n : 4 * n + 4], "big") for n in range(COUNT))


def _commit(root: Path) -> str:
    """The commit that is checked out in `root`; "" where that is no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--show-prefix", "HEAD"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return ""
    lines = done.stdout.splitlines()
    return lines[1] if done.returncode == 0 and len(lines) == 2 and not lines[0] else ""


def _digest_of_sources(root: Path) -> str:
    folder = root / "exercises"
    return digest_of_files(
        folder, [one for end in ("py", "md") for one in folder.rglob(f"*.{end}")]
    )
