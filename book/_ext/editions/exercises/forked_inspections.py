"""Inspect what many answers gave, each in a process that never ran an answer.

A process imports the frameworks once, runs nothing, and is forked for each inspection. A notebook
starts a Python for each instead: see `d2lexercises.inspecting`.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from unittest.mock import patch

from d2lexercises import inspecting
from d2lexercises.frameworks import IMPORTED_LATE

_FRAMEWORKS = ("torch", "tensorflow", "keras")
_RETURNED, _RAISED = b"+", b"-"  # before what is sent


@cache
def _context() -> ForkServerContext:
    """Start the process that is forked, with the frameworks that this process has imported."""
    used = [name for name in _FRAMEWORKS if name in sys.modules]
    if "torch" in used:  # whose build for GPUs has to load Triton before TensorFlow
        used = ["triton", *used, *IMPORTED_LATE]
    # This passes over what cannot be imported.
    forkserver.set_forkserver_preload([*used, "d2lexercises.inspecting"])
    with patch.dict(os.environ, inspecting.QUIET):
        forkserver.ensure_running()
    return get_context("forkserver")


def in_fork(task: str) -> bytes:
    """What `inspect_task` returns in a fork.

    Raises:
        OSError: the process ended before it returned.
        TimeoutError: it took too long.
    """
    context = _context()
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, task), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(inspecting.TIME_LIMIT):
            raise TimeoutError
        said = here.recv_bytes()
        if said[:1] == _RAISED:
            raise OSError(f"the process ended: {said[1:].decode()}")
        return said[1:]
    except EOFError:
        process.join()
        raise OSError(f"the process ended: exit status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        here.close()


def _send(there: Connection, task: str) -> None:
    """In the fork."""
    try:
        said = _RETURNED + inspecting.inspect_task(task).encode()
    except Exception as error:
        said = _RAISED + f"{type(error).__name__}: {error}".encode("utf-8", "replace")
    there.send_bytes(said)
