"""Which accelerators a framework sees: NVIDIA's, AMD's, Apple's, Intel's, whatever it can use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from editions.base.errors import EditionsError
from editions.base.frameworks import Framework

QUESTION = """
import importlib, json, sys
d2l = importlib.import_module("d2lcompute." + sys.argv[1])
print(json.dumps([d2l.device_name(d) for d in d2l.try_all_gpus()] if d2l.num_gpus() else []))
"""


def accelerators(framework: Framework, environment: Mapping[str, str]) -> list[str]:
    """The names of the accelerators that kernels with `environment` have; a process is asked.

    Raises:
        EditionsError: the framework cannot be imported, or sees no accelerator.
    """
    if not framework.helpers:
        raise EditionsError(
            f"{framework.title} has no helpers in d2lcompute that find a GPU. Leave it out: "
            "--framework names the ones to run"
        )
    done = subprocess.run(
        [sys.executable, "-P", "-c", QUESTION, framework.helpers],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise EditionsError(
            f"{framework.title} could not be asked for its GPUs: {said}. Try: python -m d2lcompute"
        )
    names = json.loads(done.stdout.strip().splitlines()[-1])
    if not names:
        raise EditionsError(
            f"{framework.title} sees no GPU on this machine, and a run on the CPU does not count "
            "as one on a GPU. `python -m d2lcompute` shows what it sees"
        )
    return names
