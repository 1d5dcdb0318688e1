"""Run code in fresh processes and in real kernels."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from editions.base.frameworks import FRAMEWORKS
from left_out import CHOSEN

os.environ.setdefault("MPLBACKEND", "Agg")
ROOT = Path(__file__).parents[2]


def _environment(**variables):
    """The environment of a reader: ours, without what CI sets, and with the package on the path."""
    hidden = ("CI", "D2L_UNATTENDED", "MPLBACKEND", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    path = [str(ROOT), str(ROOT / "exercises"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": os.pathsep.join(path)} | variables


@pytest.fixture
def python():
    """Run code in a fresh Python that must succeed; returns what it printed and its stderr."""

    def run(code, *arguments, **variables):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=_environment(**variables),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


class _Client(nbclient.NotebookClient):
    """Notes every message that displays something, including those that replace another."""

    displays = None

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "update_display_data", "clear_output"):
            self.displays.setdefault(cell_index, []).append(msg["msg_type"])
        return super().process_message(msg, cell, cell_index)


@pytest.fixture
def kernel(tmp_path):
    """Run cells in a real kernel; returns the notebook, and each cell's display messages."""

    def run(*cells, **variables):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        client = _Client(
            notebook,
            timeout=120,
            allow_errors=True,
            record_timing=False,
            resources={"metadata": {"path": str(tmp_path)}},
        )
        client.displays = {}
        client.execute(env=_environment(**variables))
        return notebook, client.displays

    return run


@pytest.fixture(params=[one.helpers for one in FRAMEWORKS.values() if one.helpers])
def d2l(request):
    """Each framework's module in turn."""
    return importlib.import_module(f"d2lcompute.{request.param}")


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that this machine has so many GPUs, or none, for the frameworks of the book."""

    def torch_has(number):
        import torch

        monkeypatch.setattr(torch.accelerator, "is_available", lambda: number > 0)
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: number)
        monkeypatch.setattr(
            torch.accelerator,
            "current_accelerator",
            lambda: torch.device("cuda") if number else None,
        )

    def tensorflow_has(number):
        import tensorflow as tf

        cpus = tf.config.list_physical_devices("CPU")
        fakes = [tf.config.PhysicalDevice(f"/fake:GPU:{i}", "GPU") for i in range(number)]
        monkeypatch.setattr(
            tf.config, "get_visible_devices", lambda kind: fakes if kind == "GPU" else cpus
        )
        monkeypatch.setattr(tf.config, "get_logical_device_configuration", lambda device: None)
        return fakes

    def pretend(number):
        """The devices that TensorFlow takes for GPUs."""
        if "pytorch" in CHOSEN:
            torch_has(number)
        return tensorflow_has(number) if "tensorflow" in CHOSEN else []

    return pretend
