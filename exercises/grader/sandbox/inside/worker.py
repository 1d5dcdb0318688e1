"""Run one submission's cells and the probes of its answers, and send back plain data.

Or else, in a worker that never runs a cell, inspect what an answer gave, or be the referee whom an
answer in another worker asks.

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
import threading
from pathlib import Path
from typing import Any

import d2lexercises
from d2lexercises import answers, environment, faults, library, refereeing, running, wire
from d2lexercises import question as questions_module
from inside import isolate, looking, seccomp, using

from d2lcompute._frameworks import FRAMEWORKS

_STAGE = Path(__file__).absolute().parents[1]
faults.is_ours(Path(__file__).parent)  # no line of the worker is the student's
_FOLDERS = (_STAGE / "private", _STAGE / "chapters")  # a private question comes before a public one
_end_process = os._exit  # by a name that no cell replaces
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
    layer = ()  # of no class

    def on_cpu(self) -> contextlib.AbstractContextManager[None]:
        """See `d2lexercises.frameworks.Framework`."""
        return contextlib.nullcontext()


def serve(connection: socket.socket, settings: dict[str, Any], greeted: bool = False) -> None:
    """Do one task, from the greeting to the last message.

    Raises:
        ImportError: the framework, or IPython, is not installed.
        OSError: the kernel refuses what `settings` ask for.
    """
    if settings["limited"]:
        isolate.set_limits(settings["limits"])
    if settings["cpus"]:
        os.sched_setaffinity(0, settings["cpus"])
    isolate.forbid_privileges()
    isolate.set_readable(True)
    if settings["calls"]:
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
    if "begin" in task:
        referee(channel, task)
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
    """Import what a worker would import only when it needs it: the probes, IPython's shell, and
    what PyTorch imports late.

    Probes that need more than what is loaded are left out.
    """
    importlib.import_module("inside.cells").shell()
    if "torch" in sys.modules:
        from d2lexercises.frameworks import IMPORTED_LATE

        for name in IMPORTED_LATE:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
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
    from inside import cells

    if task.get("look"):  # before any cell runs, which could change what is found
        found = looking.looks(
            task["cells"], task["skip"], lambda index: channel.send(looking=index)
        )
        channel.send(looks=found)
    environment.watching = True
    wanted, skip = set(task["questions"]) - set(task["skip"]), set(task["skip"])
    notebook = cells.Run(
        task["cells"],
        skip,
        lambda step: channel.send(at=step),
        lambda index, error: channel.send(stopped=index + 1, error=describe(error)),
    )
    channel.send(found=notebook.last_cells(wanted))
    answering = Answering(channel, wanted, settings)
    if task.get("no copies"):
        os.register_at_fork(after_in_child=answering.end_copy)
    check = answering.check  # each access would make another method
    for module in (builtins, d2lexercises, importlib.import_module("d2lcompute.checks")):
        vars(module).update(check=check)
    vars(builtins).update(score=d2lexercises.score)
    seed(settings["framework"])
    notebook.run(lambda: answering.answered >= wanted)
    prevented = notebook.prevented(wanted - answering.answered)
    for what in prevented.values():
        if "error" in what:
            what["error"] = describe(what["error"])
    channel.send(prevented=prevented)
    if not answering.called:
        channel.send(unasked=notebook.defined())


class Answering:
    """Takes the place of `check` in a submission: each call of it gives an answer."""

    def __init__(self, channel: Channel, wanted: set[str], settings: dict[str, Any]) -> None:
        self.channel, self.wanted, self.settings = channel, wanted, settings
        self.chapters = {name.partition(".")[0] for name in wanted}
        self.answered: set[str] = set()
        self.called = False  # whether any question of the chapter was asked
        self.lock = threading.Lock()
        self.answers = 0  # the thread in which an answer runs

    def check(self, question: str, answer: Any, *, framework: str | None = None) -> None:
        """See `d2lexercises.check`."""
        if not isinstance(question, str):
            return
        self.called = self.called or question.partition(".")[0] in self.chapters
        for name in answers.present_names([question], self.wanted):
            self.called = True
            if self.answers == threading.get_ident():
                return  # a check in an answer that is checked does nothing
            with self.lock:  # threads may call several checks at a time
                self.answers = threading.get_ident()
                try:
                    self.answered.add(name)
                    self._answer(name, answer)
                finally:
                    self.answers = 0

    def end_copy(self) -> None:
        """End this process, if it is a copy that an answer made.

        Where devices run one after another a copy could run ahead, and tell what later ones have.
        What starts another program, such as `subprocess`, makes no copy.
        """
        if self.answers:
            _end_process(1)

    def _answer(self, name: str, value: Any) -> None:
        """Request the inputs of a question, run the probe, and send the outputs."""
        channel, settings = self.channel, self.settings
        channel.send(ready=name)
        request = channel.receive()
        nonce = request["nonce"]
        try:
            adapter = load(settings["framework"])
            seed(settings["framework"])
            question: Any = find(request["question"])
            if "handed" in request:
                outputs = self._repeat(question, value, request["handed"], adapter)
            else:
                if question.referees:
                    question.seats = self._seats(question, request)
                inputs = request["inputs"]
                outputs = questions_module.run_probe(question, value, inputs, adapter)
            outputs = _with_doubts(outputs, value)
            text = wire.encode({"nonce": nonce, "outputs": outputs})
            if len(text) > settings["limits"]["reply_bytes"]:
                raise wire.WireError(f"the outputs take {len(text):,} bytes, which is too many")
        except BaseException as error:
            outputs = _with_doubts({"error": describe(error)}, value)
            text = wire.encode({"nonce": nonce, "outputs": outputs})
        channel.connection.sendall(text.encode() + b"\n")

    def _seats(self, question: Any, request: dict[str, Any]) -> dict[str, Any]:
        """The cases of the runs whose referees are in another worker."""
        in_turn = threading.Lock()  # an answer may ask from several threads

        def ask(key: str, number: int, word: str, given: list[Any]) -> Any:
            asked = [key, number, word, running.plain(given, None)]
            with in_turn:
                self.channel.send(nonce=request["nonce"], ask=asked)
                said = self.channel.receive()
            return refereeing.said_by(said)

        overs = {key: over for key, (_, over) in question.runs.items()}
        return refereeing.seats_of(
            question.referees, overs, request["inputs"], request["counts"], ask
        )

    def _repeat(self, question: Any, value: Any, handed: Any, adapter: Any) -> Any:
        """What comes of what another worker's answer handed over."""
        with adapter.on_cpu():
            return faults.attempt(lambda: running.repeat_runs(question, value, handed, adapter))


def _with_doubts(outputs: Any, value: Any) -> Any:
    """Return outputs with why an answer may be wrong here though its author's was right."""
    from inside.cells import shell

    if not isinstance(outputs, dict):
        return outputs
    try:
        names = shell().user_ns
        used = using.names_used(value, names)
        used |= {name for name in environment.changed if names.get(name) is value}
        found = {"environment": environment.reason_of_use(used)}
        if not found["environment"]:
            found = {"doubt": using.reason_of_order(value, used, names, environment.running)}
        said = {kind: text.encode("utf-8", "replace").decode() for kind, text in found.items()}
        return {**outputs, "environment": {"error": said}} if any(said.values()) else outputs
    except Exception:  # of what the notebook has made of its names
        return outputs


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


def referee(channel: Channel, request: dict[str, Any]) -> None:
    """Be the referee of questions, until the grader closes the connection."""
    made: dict[str, refereeing.Referees] = {}
    while True:
        try:
            reply = _refereed(made, request)
        except Exception as error:  # of the question, and not of the answer
            reply = {"failed": describe(error)}
        channel.send(**reply)
        request = channel.receive()


def _refereed(made: dict[str, refereeing.Referees], request: dict[str, Any]) -> dict[str, Any]:
    """What the referees of questions, which are kept in `made`, reply."""
    if "begin" in request:
        name = request["begin"]
        made[name] = refereeing.Referees(
            find(name), request["inputs"], lambda value: running.plain(value, None)
        )
        return {"begun": name}
    if "ask" in request:
        asked = request["ask"]
        parts = asked if isinstance(asked, list) and len(asked) == 4 else [None] * 4
        return made[request["question"]].ask(*parts)
    turn = getattr(made[request["question"]], request["turn"])
    return {"came": turn(request["key"], request["came"])}


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
