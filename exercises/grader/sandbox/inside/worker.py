"""Run one submission's cells and the probes of its answers, and send back plain data.

Or else, in a worker that never runs a cell, inspect what an answer gave.

The worker is not trusted from the moment it runs the first cell: any later message may come from
the submission.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.util
import os
import random
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from d2lexercises import faults, library, running, wire
from d2lexercises import question as questions_module
from inside import cells, isolate, seccomp

from d2lcompute._frameworks import FRAMEWORKS

_STAGE = Path(__file__).absolute().parents[1]
_FOLDERS = (_STAGE / "private", _STAGE / "chapters")  # a private question comes before a public one
_TASK_LIMITS = wire.Limits(bytes=64 * 2**20, items=1_000_000, elements=8_000_000)


class Channel:
    """Messages to and from the grader: one line of `wire` text each."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.reader = connection.makefile("rb")

    def send(self, **message: Any) -> None:
        """Send one message.

        Raises:
            wire.WireError: the message is not plain data.
        """
        self.connection.sendall(wire.encode(message).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """Return the next message; end the process if the grader has closed the connection."""
        line = self.reader.readline()
        if not line:
            os._exit(0)
        return wire.decode(line, _TASK_LIMITS)


class NumPy:
    """Takes the place of a framework for a submission that imports none."""

    key = "numpy"

    def on_cpu(self) -> contextlib.AbstractContextManager[None]:
        """See `d2lexercises.frameworks.Framework`."""
        return contextlib.nullcontext()


def serve(connection: socket.socket, settings: dict[str, Any], greeted: bool = False) -> None:
    """Do one task, from the greeting to the last message.

    Raises:
        ImportError: the framework, or IPython, is not installed.
    """
    if settings["limited"]:
        isolate.set_limits(settings["limits"])
    if settings["cpus"]:
        os.sched_setaffinity(0, settings["cpus"])
    isolate.forbid_privileges()
    isolate.set_readable(True)
    if settings["calls"]:
        with contextlib.suppress(OSError):  # the kernel has no such filters
            seccomp.forbid_calls()
    channel = Channel(connection)
    if importlib.util.find_spec("IPython") is None:  # else only cells with magics would fail
        raise ImportError("IPython is not installed; the grader reads cells with it")
    load(settings["framework"])
    if not greeted:
        channel.send(hello=True)
    task = channel.receive()
    if settings["quiet"]:
        silence()
    if "inspect" in task:
        inspect(channel, task, settings["framework"])
        return
    run(channel, task, settings)
    channel.send(done=True)


def load(framework: str) -> Any:
    """Import a framework and what every submission needs; return its adapter for probes.

    Raises:
        ImportError: the framework is not installed.
    """
    importlib.import_module("numpy.random")  # NumPy imports it late
    if framework == "numpy":
        return NumPy()
    from d2lexercises import frameworks

    adapter = frameworks.load(framework)
    if helpers := FRAMEWORKS[framework].helpers:
        with contextlib.suppress(ImportError):
            importlib.import_module(f"d2lcompute.{helpers}")
    if framework == "pytorch":  # float16 reads /proc/cpuinfo once, and a worker cannot see it
        sys.modules["torch"].ones(1).half().float()
    return adapter


def load_in_advance() -> None:
    """Import what a worker would import only when it needs it: the probes, and IPython's parser.

    Probes that need more than what is loaded are left out.
    """
    importlib.import_module("IPython.core.inputtransformer2")
    for folder in _FOLDERS:
        for path in library.question_files(folder).values():
            with contextlib.suppress(Exception):
                library.load(path)


def silence() -> None:
    """Discard everything that is printed from now on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def run(channel: Channel, task: dict[str, Any], settings: dict[str, Any]) -> None:
    """Run the cells in order, and the probe of each answer that the task requests."""
    wanted, skip, framework = set(task["questions"]), set(task["skip"]), settings["framework"]
    parts, errors = cells.plan(
        task["cells"], wanted, skip, lambda step: channel.send(at=step)
    )  # fmt: skip
    answered = [part.question for part in parts if part.question]
    channel.send(found=answered, broken={str(n + 1): describe(e) for n, e in errors.items()})
    names = namespace()
    seed(framework)
    for part in parts:
        if part.step in skip:
            continue
        channel.send(at=part.step)
        if part.question is None:
            try:
                exec(part.code, names)
            except BaseException as error:
                channel.send(raised=part.step, error=describe(error))
        else:
            answer(channel, part, names, settings)


def answer(
    channel: Channel, part: cells.Part, names: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Evaluate an answer, request its inputs, run the probe, and send the outputs."""
    try:
        value = eval(part.code, names)
    except BaseException as error:
        channel.send(ready=part.question, error=describe(error))
        return
    channel.send(ready=part.question)
    request = channel.receive()
    nonce = request["nonce"]
    try:
        adapter = load(settings["framework"])
        seed(settings["framework"])
        question = find(request["question"])
        outputs = questions_module.run_probe(question, value, request["inputs"], adapter)
        text = wire.encode({"nonce": nonce, "outputs": outputs})
        if len(text) > settings["limits"]["reply_bytes"]:
            raise wire.WireError(f"the outputs take {len(text):,} bytes, which is too many")
    except BaseException as error:
        text = wire.encode({"nonce": nonce, "outputs": {"error": describe(error)}})
    channel.connection.sendall(text.encode() + b"\n")


def inspect(channel: Channel, task: dict[str, Any], framework: str) -> None:
    """Inspect what a run of a question gave, and send what comes of it."""
    try:
        adapter = load(framework)
        seed(framework)
        question = find(task["question"])
        found = running.inspect_found(
            question, task["inspect"], task["inputs"], task["came"], adapter
        )
        channel.send(inspected=found)
    except BaseException as error:
        channel.send(inspected={"error": describe(error)})


def find(name: str) -> questions_module.Probe:
    """Return the question called `name`; a private question comes before a public one.

    Raises:
        KeyError: there is no such question in the stage.
    """
    for folder in _FOLDERS:
        path = library.question_files(folder).get(name.partition(".")[0])
        for question in library.questions_in(path) if path else ():
            if question.name == name:
                return question
    raise KeyError(name)


def namespace() -> dict[str, Any]:
    """Return the names that cells start with: those of a new `__main__`, so that pickling works."""
    module = ModuleType("__main__")
    sys.modules["__main__"] = module

    class _IgnoringShell:
        """Takes the place of IPython's shell and of `display`: any call of it does nothing."""

        def __getattr__(self, name: str) -> _IgnoringShell:
            return self

        def __call__(self, *arguments: Any, **named: Any) -> None:
            return None

    vars(builtins).update(display=_IgnoringShell(), get_ipython=lambda: _IgnoringShell())
    import d2lexercises

    module.__dict__.update(
        __builtins__=builtins, check=d2lexercises.check, score=d2lexercises.score
    )
    return module.__dict__


def seed(framework: str) -> None:
    """Seed every source of random numbers, so that grading again gives the same marks."""
    random.seed(0)
    with contextlib.suppress(Exception):
        if framework == "tensorflow":
            sys.modules["keras"].utils.set_random_seed(0)
        else:
            import numpy

            numpy.random.seed(0)
            if framework == "pytorch":
                sys.modules["torch"].manual_seed(0)


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an exception as plain data, without this file's own frame."""
    if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
        error = error.with_traceback(error.__traceback__.tb_next)
    try:
        return faults.describe(error)
    except BaseException:
        return {"type": "Exception", "message": "", "line": ""}
