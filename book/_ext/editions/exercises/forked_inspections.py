"""Inspect what many answers gave, each in a process that never ran an answer.

A process imports the frameworks once, runs nothing, and is forked for each inspection. A notebook
starts a Python for each instead: see `d2lexercises.inspecting`.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from unittest.mock import patch

from d2lexercises import inspecting
from d2lexercises.frameworks import IMPORTED_LATE

# PyTorch's build for GPUs has to load Triton before TensorFlow.
_IMPORTED = ("triton", "torch", "tensorflow", "keras", "d2lexercises.inspecting")


@cache
def _context() -> ForkServerContext:
    """Start the process that is forked."""
    installed = [name for name in _IMPORTED if find_spec(name)]
    late = IMPORTED_LATE if "torch" in installed else ()
    forkserver.set_forkserver_preload([*installed, *late])  # passes over what cannot be imported
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
        return here.recv_bytes()
    except EOFError:
        process.join()
        raise OSError(f"the process ended: exit status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        here.close()


def _send(there: Connection, task: str) -> None:
    """In the fork."""
    there.send_bytes(inspecting.inspect_task(task).encode())
