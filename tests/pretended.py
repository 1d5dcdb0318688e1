"""Run notebooks with GPUs that do not exist: `python tests/pretended.py FRAMEWORK RUN...`.

A run is a number of GPUs, a colon and a notebook. It has a process of its own, forked from one that
has imported the framework. In PyTorch the GPUs lie in the memory of the host, and tensors on two of
them do not mix (`d2lexercises.pretend`). In TensorFlow they are further logical CPUs, and the
helpers hand them out as GPUs. Prints for each run a line that names it, the cells that raise, a
claim's among them, and then how many ran.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import traceback
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell

from d2lcompute._frameworks import FRAMEWORKS


def torch_with(number: int) -> AbstractContextManager[Any]:
    """PyTorch on a machine with so many GPUs, as long as the context lasts."""
    from d2lexercises.pretend import pretend_devices

    from d2lcompute import torch as d2l

    d2l.num_gpus = lambda: number
    d2l.gpu = lambda i=0: d2l.torch.device("cuda", i)
    return pretend_devices()


def tensorflow_with(number: int) -> AbstractContextManager[Any]:
    """TensorFlow on a machine with so many GPUs."""
    from d2lcompute import tensorflow as d2l

    tf = d2l.tf
    host = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration() for _ in range(number + 1)]
    tf.config.set_logical_device_configuration(host, devices)
    d2l.num_gpus = lambda: number
    d2l.gpu = lambda i=0: d2l.Device(f"CPU:{i + 1}")
    return contextlib.nullcontext()


PRETENDING = {"pytorch": torch_with, "tensorflow": tensorflow_with}


def run(framework: str, number: int, notebook: Path) -> None:
    """Run the notebook's cells in this process."""
    shell = InteractiveShell.instance()
    ran = 0
    with PRETENDING[framework](number):
        for cell in nbformat.read(notebook, 4).cells:
            if cell.cell_type != "code" or "setup" in cell.metadata.get("tags", []):
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                done = shell.run_cell(cell.source)
            ran += 1
            if error := done.error_before_exec or done.error_in_exec:
                print(f"{cell.id}: {type(error).__name__}: {error}")
    print(f"{ran} cells ran")


def main(framework: str, runs: list[str]) -> None:
    """Run the notebooks one after the other, each in a fork of this process."""
    importlib.import_module(f"d2lcompute.{FRAMEWORKS[framework].helpers}")
    for one in runs:
        print(f"== {one}", flush=True)
        number, _, notebook = one.partition(":")
        if (child := os.fork()) == 0:
            status = 1
            try:
                run(framework, int(number), Path(notebook))
                status = 0
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(status)
        if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            print(f"it ended with status {status}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
