"""Programs that are started for a person, who may press Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any


def run_child(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Ctrl-C is ours: the program, in a group of its own, hears nothing.

    Whatever stops us ends the whole group.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, text=True, process_group=0, **options
    ) as process:
        try:
            printed, _ = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, printed)
