"""Collect the answers of one submission from workers: outputs, or the reason why there are none.

A cell or an answer that hangs or kills its worker is skipped when the worker is started again, so
that it costs its own question only.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from d2lexercises.faults import error_in, stopped

from grader.sandbox.bubblewrap import SandboxError
from grader.sandbox.channel import Channel, ChannelClosed, ChannelFlooded, ChannelSilent
from grader.sandbox.limits import ALL_DEFENCES, Defences, Limits
from grader.sandbox.workers import Starter, Worker

log = logging.getLogger(__name__)

# The status of an answer. It is stored in records and in the gradebook.
ANSWERED = "answered"  # outputs were received
MISSING = "missing"  # no check names an answer
RAISED = "raised"  # the expression in the check raised an exception
HUNG, DIED, FLOODED = "hung", "died", "flooded"
LATE = "out of time"  # the submission as a whole took too long
NEEDS_PERSON = "needs a person"  # grading failed, and not because of the submission

_STEP = re.compile(r"parse (\d{1,6})|(\d{1,6})\.(\d{1,6})", re.ASCII)
_MORE_STARTS = 10  # of workers, in addition to two for each question
_MOST_MACHINE_FAILURES = 3
_POLL = 0.5  # seconds between looks at `stop`

Draw = Callable[[str], dict[str, Any]]  # returns a question's inputs
# By question: the key of each inspection, and that of the output which it inspects.
Inspections = Mapping[str, Mapping[str, str]]


class Stopped(Exception):
    """Grading is being stopped; the answers of this submission are incomplete."""


@dataclass(frozen=True)
class Answer:
    """The result of asking for one answer."""

    status: str
    outputs: Any = None  # plain data
    detail: dict[str, str] = field(default_factory=dict)  # of an exception: type, message, line
    inspected: dict[str, Any] = field(default_factory=dict)  # what each inspection gave, by its key


@dataclass
class Transcript:
    """The answers of one submission. Notes come from the worker, so they may be forged."""

    answers: dict[str, Answer]
    notes: list[str] = field(default_factory=list)
    starts: int = 0  # of workers
    seconds: float = 0.0


def collect_answers(
    cells: list[str],
    questions: list[str],
    framework: str,
    draw: Draw,
    starter: Starter,
    limits: Limits,
    defences: Defences = ALL_DEFENCES,
    stop: threading.Event | None = None,
    inspections: Inspections | None = None,
) -> Transcript:
    """Run the cells and get the outputs of every question; `draw` returns a question's inputs.

    What a question inspects is sent to further workers, one for each inspection, which never run
    a cell.

    Raises:
        Stopped: `stop` was set before all answers were known.
    """
    stop = stop or threading.Event()
    session = _Session(cells, questions, framework, draw, starter, limits, defences, stop)
    transcript = session.run()
    _Inspector(session, inspections or {}).run()
    return transcript


class _Session:
    """The answers of one submission, over as many workers as it takes."""

    def __init__(
        self,
        cells: list[str],
        questions: list[str],
        framework: str,
        draw: Draw,
        starter: Starter,
        limits: Limits,
        defences: Defences,
        stop: threading.Event,
    ) -> None:
        self.stop = stop
        self.cells = cells
        self.pending = list(questions)
        self.framework = framework
        self.draw = draw
        self.starter = starter
        self.limits = limits
        self.defences = defences
        self.skip: set[str] = set()  # steps that are left out from now on
        self.failures: dict[str, int] = {}  # how often a worker ended, by step
        self.slack = 1.0  # a factor on all times, raised once the machine proves overloaded
        self.machine_failures = 0  # failures that the submission did not cause
        self.result = Transcript({})
        self.until = 0.0

    def run(self) -> Transcript:
        begin = time.monotonic()
        self.until = begin + self.limits.submission_seconds
        most_starts = 2 * len(self.pending) + _MORE_STARTS
        while self.pending:
            if self.stop.is_set():
                raise Stopped
            if time.monotonic() >= self.until or self.result.starts >= most_starts:
                self._settle_all(LATE)
                break
            if not self._run_worker():
                break
        self.result.seconds = time.monotonic() - begin
        return self.result

    def _run_worker(self) -> bool:
        """Run one worker until it ends; return whether to start another."""
        self.result.starts += 1
        began = time.monotonic()
        try:
            worker = self.starter.start(self.framework)
        except SandboxError as error:
            log.warning("a worker could not be started: %s", error)
            return self._machine_failed(str(error))
        self.until += time.monotonic() - began  # the submission does not pay for the start
        exchange = _Exchange(self, worker)
        try:
            exchange.run()
        except ChannelSilent:
            return self._blame(exchange.step, HUNG)
        except ChannelFlooded:
            return self._blame(exchange.step, FLOODED)
        except ChannelClosed:
            return self._blame(exchange.step, DIED)
        finally:
            worker.end()
        self._settle_all(MISSING)
        return False

    def _blame(self, step: str, status: str) -> bool:
        """Attribute the end of a worker to a step; return whether to start another worker."""
        self.note(f"{status} at {step}")
        if step == "start":
            return self._machine_failed(f"a worker {status} before it began")
        if not self.defences.restart:
            self._settle_all(status)
            return False
        self.failures[step] = self.failures.get(step, 0) + 1
        if status == DIED and self.failures[step] == 1:
            return True  # try once more: the machine may be the cause
        if status == HUNG and self.failures[step] == 1 and _overloaded():
            if self.slack == 1.0:  # only once: the submission itself may overload the machine
                self.until += self.limits.submission_seconds
            self.slack = 3.0
            return True
        if step in self.pending:
            self.settle(step, Answer(status))
        self.skip.add(step)
        return True

    def _machine_failed(self, reason: str) -> bool:
        """Count a failure that the submission did not cause; return whether to try again."""
        self.machine_failures += 1
        if self.machine_failures < _MOST_MACHINE_FAILURES:
            return True
        self.note(reason)
        self._settle_all(NEEDS_PERSON)
        return False

    def _settle_all(self, status: str) -> None:
        for name in self.pending:
            self.result.answers[name] = Answer(status)
        self.pending = []

    def receive(self, channel: Channel, until: float) -> dict[str, Any] | None:
        """The next message of a worker, or None for a line that is no message.

        Raises:
            Stopped: `stop` was set before it came.
            ChannelSilent: none came until then.
            ChannelClosed, ChannelFlooded: the worker ended, or sent too much.
        """
        while True:
            try:
                return channel.receive(min(until - time.monotonic(), _POLL))
            except ChannelSilent:
                if self.stop.is_set():
                    raise Stopped from None
                if time.monotonic() >= until:
                    raise

    def note(self, text: str) -> None:
        """Keep a line for the instructor, up to a limit for each submission."""
        if len(self.result.notes) < 100:
            self.result.notes.append(text)

    def settle(self, name: str, answer: Answer) -> None:
        """Record the answer to a question; it cannot be changed later."""
        self.pending.remove(name)
        self.result.answers[name] = answer


class _Exchange:
    """The messages exchanged with one worker.

    The worker announces each step: "parse 3" for a cell, "3.1" for a part of it. While a probe
    runs, the step is the name of its question.
    """

    def __init__(self, session: _Session, worker: Worker) -> None:
        self.session = session
        self.channel = worker.channel
        self.step = "start"
        self._last_announced = ""
        self.nonce: str | None = None  # of the request that the worker has to answer
        self.until = 0.0

    def run(self) -> None:
        """Exchange messages until the worker is done, or no question is pending.

        Raises:
            ChannelSilent, ChannelClosed, ChannelFlooded: the worker ended, during `self.step`.
        """
        session = self.session
        task = {
            "cells": session.cells,
            "questions": session.pending,
            "skip": sorted(session.skip),
        }
        self.channel.send(task, session.limits.cell_seconds)
        self._set_deadline(session.limits.cell_seconds)
        while session.pending:
            message = session.receive(self.channel, self.until)
            if message is None:
                continue
            if message.get("done") is True and self.nonce is None:
                return
            self._handle(message)

    def _set_deadline(self, seconds: float) -> None:
        if self.session.defences.time_limit:
            self.until = min(time.monotonic() + seconds * self.session.slack, self.session.until)
        else:
            self.until = time.monotonic() + 3600

    def _handle(self, message: Mapping[str, Any]) -> None:
        session = self.session
        if isinstance(step := message.get("at"), str) and self.nonce is None:
            # Each step once, in order: a submission that forges these messages gains no time.
            if _position(step) > _position(self._last_announced):
                self._last_announced = self.step = step
                self._set_deadline(session.limits.cell_seconds)
        elif isinstance(name := message.get("ready"), str) and self.nonce is None:
            if name in session.pending:
                self._request_outputs(name, message)
        elif "outputs" in message and self.step in session.pending:
            # The value may have any type, such as an array, which cannot be compared with ==.
            nonce = message.get("nonce")
            if (type(nonce) is str and nonce == self.nonce) or not session.defences.nonce:
                self.nonce = None
                session.settle(self.step, Answer(ANSWERED, message["outputs"]))
                self.step = self._last_announced
                self._set_deadline(session.limits.cell_seconds)
        elif isinstance(step := message.get("raised"), str):
            session.note(f"raised at {step[:20]}: {_one_line(message.get('error'))}")
        elif isinstance(broken := message.get("broken"), dict):
            for number, error in list(broken.items())[:20]:
                session.note(f"cell {number[:6]}: {_one_line(error)}")

    def _request_outputs(self, name: str, message: Mapping[str, Any]) -> None:
        """Send the inputs of a question whose answer is ready, or record why it is not."""
        session = self.session
        if "error" in message:
            session.settle(name, Answer(RAISED, detail=_detail(message["error"])))
            return
        self.step = name
        self._set_deadline(session.limits.answer_seconds)
        self.nonce = secrets.token_hex(16)
        request = {"nonce": self.nonce, "question": name, "inputs": session.draw(name)}
        self.channel.send(request, session.limits.answer_seconds)


class _Inspector:
    """Has what answers gave inspected, each by a worker that never ran a submission's code."""

    def __init__(self, session: _Session, inspections: Inspections) -> None:
        self.session = session
        self.inspections = inspections

    def run(self) -> None:
        """Add to every answer what its inspections give."""
        answers = self.session.result.answers
        for name, answer in answers.items():
            if answer.status != ANSWERED or not isinstance(answer.outputs, dict):
                continue
            try:
                for key, of in self.inspections.get(name, {}).items():
                    if of in answer.outputs:
                        answer.inspected[key] = self._inspect(name, key, answer.outputs[of])
            except SandboxError as error:
                self.session.note(str(error))
                answers[name] = Answer(NEEDS_PERSON)

    def _inspect(self, name: str, key: str, came: Any) -> Any:
        """What an inspection gives, or an error in its place.

        Raises:
            SandboxError: no worker could be started.
        """
        if error_in(came) is not None:
            return came
        session = self.session
        task = {"inspect": key, "question": name, "inputs": session.draw(name), "came": came}
        said = ""
        for _ in range(2):  # the machine may be the cause of the first failure
            if time.monotonic() >= session.until:
                return stopped("The notebook as a whole took longer than allowed.")
            began = time.monotonic()
            worker = session.starter.start(session.framework)
            session.until += time.monotonic() - began  # the submission does not pay for the start
            try:
                return self._exchange(worker, task)
            except ChannelSilent:
                return stopped("Inspecting what the answer gave did not end in time.")
            except ChannelFlooded:
                return stopped("Inspecting what the answer gave sent more data than allowed.")
            except ChannelClosed:
                said = "Inspecting what the answer gave ended its process."
            finally:
                worker.end()
        return stopped(said)

    def _exchange(self, worker: Worker, task: dict[str, Any]) -> Any:
        session = self.session
        seconds = session.limits.answer_seconds * session.slack
        until = min(time.monotonic() + seconds, session.until)
        worker.channel.send(task, seconds)
        while True:
            message = session.receive(worker.channel, until)
            if message is not None and "inspected" in message:
                return message["inspected"]


def _overloaded() -> bool:
    """Return whether far more processes want to run than there are processors."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


def _position(step: str) -> tuple[int, ...]:
    """Return a key that orders steps: parsing before running. Text that is no step comes first."""
    if (match := _STEP.fullmatch(step)) is None:
        return ()
    parsed, cell, part = match.groups()
    return (0, int(parsed)) if parsed else (1, int(cell), int(part))


def _detail(error: Any) -> dict[str, str]:
    error = error if isinstance(error, dict) else {}
    return {key: str(error.get(key, ""))[:700] for key in ("type", "message", "line")}


def _one_line(error: Any) -> str:
    detail = _detail(error)
    return f"{detail['type']}: {detail['message']} {detail['line']}"[:300]
