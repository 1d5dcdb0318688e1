"""How other programs are run, and ended when the user presses Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any


def run_child(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program and wait for its end.

    The program gets its own process group, so Ctrl-C reaches this process alone. Any exception
    here, Ctrl-C included, kills the group.

    Args:
        command: the program and its arguments.
        options: further arguments of `subprocess.Popen`.

    Returns:
        The exit status, and what was printed where `stdout` is a pipe.
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


def share_of_processors(jobs: int) -> dict[str, str]:
    """Environment variables that give each of `jobs` processes its share of the processors.

    The frameworks otherwise start a thread for every processor in each process; these wait for one
    another in loops, and everything takes several times as long. What is set already, stays.
    """
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {name: os.environ.get(name, threads) for name in names}
