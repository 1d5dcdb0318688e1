"""A process that tidies up when the grader is killed: it ends sandboxes, and deletes folders.

The kernel ends a sandbox with the grader only where the same user runs both. This process waits
for the end of a pipe that the grader alone holds open, so that it notices any death.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """\
import os, shutil, signal, sys
held, folders = {}, []
for line in sys.stdin:
    word, _, rest = line.rstrip("\\n").partition(" ")
    if word == "process":
        try:
            held[rest] = os.pidfd_open(int(rest))
        except OSError:
            pass
    elif word == "gone" and rest in held:
        os.close(held.pop(rest))
    elif word == "folder":
        folders.append(rest)
    elif word == "done":
        sys.exit()
for descriptor in held.values():
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        pass
for folder in folders:
    shutil.rmtree(folder, ignore_errors=True)
"""


class Guard:
    """The grader's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def folder(self, path: Path) -> None:
        """Have a folder deleted when the grader is killed."""
        self._say(f"folder {path}")

    def process(self, pid: int) -> None:
        """Have a process killed when the grader is."""
        self._say(f"process {pid}")

    def gone(self, pid: int) -> None:
        """Forget a process, which has ended."""
        self._say(f"gone {pid}")

    def close(self) -> None:
        """End the guard; nothing is deleted or killed."""
        self._say("done")
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # somebody ended it; grading goes on
                os.write(self._process.stdin.fileno(), f"{line}\n".encode())
