"""Run a notebook with GPUs that do not exist: `python tests/pretended.py NOTEBOOK NUMBER`.

In PyTorch they lie in the memory of the host, and tensors on two of them do not mix
(`d2lcompute.checks.pretend`). In TensorFlow they are further logical CPUs, and the helpers hand
them out as GPUs. Prints the cells that raise, a claim's among them, and then how many ran.
"""

from __future__ import annotations

import contextlib
import io
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell


def torch_with(number: int) -> AbstractContextManager[Any]:
    """PyTorch on a machine with so many GPUs, as long as the context lasts."""
    from d2lcompute import torch as d2l
    from d2lcompute.checks.pretend import pretend_devices

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


def main(notebook: Path, number: int) -> None:
    """Run the notebook's cells in this process."""
    shell = InteractiveShell.instance()
    ran = 0
    with torch_with(number) if notebook.parent.name == "pytorch" else tensorflow_with(number):
        for cell in nbformat.read(notebook, 4).cells:
            if cell.cell_type != "code" or "setup" in cell.metadata.get("tags", []):
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                done = shell.run_cell(cell.source)
            ran += 1
            if error := done.error_before_exec or done.error_in_exec:
                print(f"{cell.id}: {type(error).__name__}: {error}")
    print(f"{ran} cells ran")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
