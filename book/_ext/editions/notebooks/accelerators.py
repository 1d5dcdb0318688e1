"""Which accelerators a framework can use: NVIDIA, AMD, Apple, Intel or any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from editions.base.errors import EditionsError
from editions.base.frameworks import Framework

PROGRAM = """
import importlib, json, sys
d2l = importlib.import_module("d2lcompute." + sys.argv[1])
print(json.dumps([d2l.device_name(d) for d in d2l.try_all_gpus()] if d2l.num_gpus() else []))
"""


def accelerators(framework: Framework, environment: Mapping[str, str]) -> list[str]:
    """Return the names of the accelerators that a kernel can use.

    Args:
        framework: the framework, which is imported in a separate process.
        environment: the environment variables of the kernel.

    Raises:
        EditionsError: the framework cannot be imported, or finds no accelerator.
    """
    if not framework.helpers:
        raise EditionsError(
            f"{framework.title} has no helpers in d2lcompute that find a GPU. Leave it out: "
            "--framework names the ones to run"
        )
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, framework.helpers],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed no error"])[-1]
        raise EditionsError(
            f"{framework.title} could not be asked for its GPUs: {last}. Try: python -m d2lcompute"
        )
    names = json.loads(done.stdout.strip().splitlines()[-1])
    if not names:
        raise EditionsError(
            f"{framework.title} sees no GPU on this machine, and a run on the CPU does not count "
            "as one on a GPU. `python -m d2lcompute` shows what it sees"
        )
    return names
