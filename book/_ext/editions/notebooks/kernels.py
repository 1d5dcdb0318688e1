"""How the cells of a notebook are run: in a fresh kernel whose environment is always the same."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from editions.base.project import Project
from editions.base.terminal import without_colours

CELL_TIMEOUT = 600  # seconds
OUTPUT_TIMEOUT = 60  # seconds by which an output may be late on a busy machine

_running: set[NotebookClient] = set()


class CellError(Exception):
    """A cell raised an exception, took too long, or ended its kernel.

    Attributes:
        cell: the cell.
        line: the line of the cell that was running, counted from 1.
    """

    def __init__(self, cell: NotebookNode, line: int, message: str) -> None:
        super().__init__(message)
        self.cell = cell
        self.line = line


def kernel_environment(project: Project, device: str) -> dict[str, str]:
    """Return the environment variables that notebooks run with, in a first run and under nbval."""
    packages = [str(project.root), str(project.root / "exercises")]  # the project's own
    environment = {
        "D2L_UNATTENDED": "1",  # an Animator draws once, at the end
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore:Guards may run slower on Python 3.13.0",  # from PyTorch
        "PYTHONPATH": os.pathsep.join(filter(None, [*packages, os.environ.get("PYTHONPATH", "")])),
    }
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    # On a GPU nothing is overridden, TF32 and cuBLAS included: readers get what was recorded.
    return environment


def run_cells(
    notebook: NotebookNode,
    environment: dict[str, str],
    on_cell: Callable[[], None],
    expressions: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Run a notebook's cells in a fresh kernel, which stores their outputs in the notebook.

    The kernel works in an empty folder and ignores the user's IPython start-up files.

    Args:
        notebook: the notebook; it is changed.
        environment: environment variables to set for the kernel.
        on_cell: called after each cell.
        expressions: by the id of a cell, an expression to evaluate once the cell has run.

    Returns:
        The representation of each expression's value, by the id of the cell.

    Raises:
        CellError: a cell failed; the cells below it were not run.
    """
    expressions = expressions or {}
    values: dict[str, str] = {}
    started = [0]  # the index of the cell that was started last

    def start(cell: NotebookNode, cell_index: int) -> None:
        started[0] = cell_index

    async def executed(cell: NotebookNode, execute_reply: dict[str, Any], **_: Any) -> None:
        on_cell()
        if cell.id in expressions and execute_reply["content"]["status"] == "ok":
            assert client.kc is not None
            request = client.kc.execute(**evaluation(expressions[cell.id]))
            reply = await client.async_wait_for_reply(await ensure_async(request), cell)
            value = evaluated(reply or {})
            if value is not None:
                values[cell.id] = value

    with tempfile.TemporaryDirectory(prefix="d2lcompute-run-") as scratch:
        work = Path(scratch, "work")
        work.mkdir()
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            iopub_timeout=OUTPUT_TIMEOUT,
            raise_on_iopub_timeout=True,
            extra_arguments=["--IPKernelApp.log_level=40"],  # no warnings about the transport
            resources={"metadata": {"path": str(work)}},
            on_cell_execute=start,
            on_cell_executed=executed,
        )
        _running.add(client)
        try:
            client.execute(
                env={**os.environ, **environment, "IPYTHONDIR": str(Path(scratch, "ipython"))}
            )
        except (CellExecutionError, TimeoutError, DeadKernelError) as error:
            cell = notebook.cells[started[0]]
            raise CellError(cell, _line(error), _message(error)) from error
        finally:
            _running.discard(client)
    return values


def evaluation(expression: str) -> dict[str, Any]:
    """Return the arguments with which a kernel's client evaluates an expression, unnoticed."""
    return {
        "code": "",
        "silent": True,
        "store_history": False,
        "allow_stdin": False,
        "user_expressions": {"value": expression},
    }


def evaluated(reply: Mapping[str, Any]) -> str | None:
    """Return the representation of the value in the reply to an `evaluation`; None if it failed."""
    value = reply.get("content", {}).get("user_expressions", {}).get("value", {})
    return value.get("data", {}).get("text/plain") if value.get("status") == "ok" else None


def kill_kernels() -> None:
    """End all kernels that `run_cells` has started and that still run."""
    for client in list(_running):
        process = getattr(getattr(client.km, "provisioner", None), "process", None)
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()


def _message(error: Exception) -> str:
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    if isinstance(error, TimeoutError):
        return f"the cell did not end within {CELL_TIMEOUT} seconds"
    return "the kernel died while it ran this cell"


def _line(error: Exception) -> int:
    traceback = without_colours(str(getattr(error, "traceback", "")))
    found = re.search(r"Cell In\[\d+\], line (\d+)", traceback)
    return int(found[1]) if found else 1
