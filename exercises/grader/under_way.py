"""Which submissions are being graded, on disk: what a grader that was killed was doing.

A note is written before a submission is graded, and deleted afterwards, unless the grader dies.
What was being graded then is graded last the next time, while nothing else runs; what ended the
grader twice in that way is left to a person.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

MOST_DEATHS = 2  # of graders, while a submission was graded alone


@dataclass(frozen=True)
class Death:
    """A grader died while it graded a submission."""

    alone: int  # how often it graded nothing else


class UnderWay:
    """The folder of notes, one for each submission that is being graded, by its record's key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deaths(self, key: str) -> Death | None:
        """Return how often graders died while they graded a submission; None if none did."""
        note = self._read(key)
        if note is None or _lives(note.get("pid"), note.get("began")):
            return None
        alone = note.get("alone")
        return Death(alone if isinstance(alone, int) else 0)

    def begin(self, key: str, alone: bool) -> None:
        """Note that a submission is being graded from now on."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        earlier = (self._read(key) or {}).get("alone")
        count = (earlier if isinstance(earlier, int) else 0) + alone
        note = {"pid": os.getpid(), "began": _began(os.getpid()), "alone": count}
        file = self._file(key)
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(note))
        new.replace(file)

    def end(self, key: str) -> None:
        """Note that the grader lives on."""
        with contextlib.suppress(OSError):
            self._file(key).unlink()

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _read(self, key: str) -> dict[str, object] | None:
        try:
            note = json.loads(self._file(key).read_text())
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else {}


def _lives(pid: object, began: object) -> bool:
    return isinstance(pid, int) and bool(_began(pid)) and _began(pid) == began


def _began(pid: int) -> str:
    """Return when a process began, so that a later one with the same id is another; or ""."""
    with contextlib.suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text()
        return text.rpartition(")")[2].split()[19]
    return ""
