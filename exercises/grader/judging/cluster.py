"""Run the probes on a `dask.distributed` cluster; the judge and the secret stay here.

A node receives a submission's cells, the inputs of its questions and the probes, runs them in a
sandbox of its own, and sends the outputs back as `wire` text. Nodes need this package, the
frameworks and bubblewrap; a node without a sandbox refuses to run anything. Everyone who can reach
the scheduler can run code on the nodes, as with any such cluster: use one that you trust.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2lexercises import wire

from grader.judging import session
from grader.judging.session import Answer, Draw, Stopped, Transcript
from grader.sandbox.bubblewrap import SandboxConfig
from grader.sandbox.guard import Guard
from grader.sandbox.limits import Limits
from grader.sandbox.machine import Machine, find_machine
from grader.sandbox.stage import give_to
from grader.sandbox.workers import (
    SandboxStarter,
    Starter,
    ZygoteStarter,
    why_zygotes_fail,
)

if TYPE_CHECKING:
    from distributed import Client

_WIDE = wire.Limits(bytes=256 * 2**20, depth=24, items=4_000_000, elements=32_000_000)
_of_thread = threading.local()  # on a node: the starters of each of its threads


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message says why."""


class Cluster:
    """A cluster, by the address of its scheduler."""

    def __init__(self, address: str, stage: Path, limits: Limits) -> None:
        """Connect to the scheduler.

        Raises:
            ClusterError: `distributed` is not installed, or no scheduler answers.
        """
        try:
            from distributed import Client
        except ImportError:
            raise ClusterError("--scheduler needs `pip install distributed`") from None
        try:
            self.client: Client = Client(address, timeout=20, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(f"no scheduler answers at {address}: {error}") from None
        self.limits = limits
        self.files = {
            str(file.relative_to(stage)): file.read_text("utf-8") for file in stage.rglob("*.py")
        }

    @property
    def threads(self) -> int:
        """The number of submissions that the cluster can run at a time."""
        return sum(self.client.nthreads().values())

    def collect_answers(
        self,
        cells: list[str],
        questions: list[str],
        framework: str,
        draw: Draw,
        stop: threading.Event,
        plans: session.Plans | None = None,
        alone: bool = False,
    ) -> Transcript:
        """Do what `session.collect_answers` does, on a node.

        Raises:
            Stopped: `stop` was set.
        """
        plans = plans or {}

        def draws(name: str) -> int:
            return session.DRAWS if plans.get(name, {}).get("referees") else 1

        task = {
            "cells": cells,
            "questions": questions,
            "framework": framework,
            "inputs": {name: [draw(name, one) for one in range(draws(name))] for name in questions},
            "plans": {name: dict(plan) for name, plan in plans.items()},
            "limits": dataclasses.asdict(self.limits),
            "alone": alone,
        }
        future = self.client.submit(
            run_on_node, wire.encode(task), json.dumps(self.files), pure=False, retries=2
        )
        while not future.done():
            if stop.wait(0.02):
                future.cancel()
                raise Stopped
        try:
            return _transcript(future.result())
        except Exception as error:  # nodes died repeatedly, or have no sandbox
            problem = f"{type(error).__name__}: {str(error)[:300]}"
            failed = {name: session.needs_person(f"The cluster failed: {problem}")
                      for name in questions}  # fmt: skip
            return Transcript(failed, [problem])
        finally:
            future.release()

    def close(self) -> None:
        """Disconnect from the cluster, which goes on running."""
        self.client.close()


def run_on_node(task: str, files: str) -> str:
    """On a node: run a submission's cells and probes in a sandbox; return the outputs as text.

    Raises:
        MachineError: this node cannot make a sandbox.
    """
    content = wire.decode(task, _WIDE)
    limits = Limits(**content["limits"])
    transcript = session.collect_answers(
        content["cells"],
        content["questions"],
        content["framework"],
        lambda name, number: content["inputs"][name][number],
        _starter(files, limits),
        limits,
        plans=content["plans"],
        alone=content["alone"],
    )
    return wire.encode(
        {
            "answers": {name: vars(answer) for name, answer in transcript.answers.items()},
            "notes": transcript.notes,
            "starts": transcript.starts,
            "seconds": transcript.seconds,
            "doubt": transcript.doubt,
            "looks": transcript.looks,
        }
    )


def _transcript(text: str) -> Transcript:
    content: dict[str, Any] = wire.decode(text, _WIDE)
    answers = {name: Answer(**answer) for name, answer in content.pop("answers").items()}
    return Transcript(answers, **content)


def _starter(files: str, limits: Limits) -> Starter:
    """Return this thread's starter: a sandbox ends with the thread that started it."""
    starters: dict[tuple[str, Limits], Starter] = _of_thread.__dict__.setdefault("starters", {})
    key = (hashlib.sha256(files.encode()).hexdigest(), limits)
    if key not in starters:
        config = SandboxConfig(_machine(), _stage(files), limits, guard=_guard())
        slow = why_zygotes_fail(config)
        starters[key] = SandboxStarter(config) if slow else ZygoteStarter(config)
    return starters[key]


@functools.cache
def _machine() -> Machine:
    return find_machine()


@functools.cache
def _guard() -> Guard:
    return Guard()  # ends with the node


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="d2l-grader-node-")  # deleted when the process ends


@functools.cache
def _stage(files: str) -> Path:
    """Write the files of the stage, and return their folder."""
    root = Path(_folder().name)
    root.chmod(0o711)
    _guard().folder(root)
    stage = root / hashlib.sha256(files.encode()).hexdigest()[:16]
    for name, text in json.loads(files).items():
        file = stage / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    give_to(stage, _machine().user)
    return stage
