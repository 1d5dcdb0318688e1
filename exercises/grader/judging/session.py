"""Get the answers of one submission out of workers: outputs, or why there are none.

A cell or an answer that hangs or kills its worker is left out when the worker is started again, so
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

from grader.sandbox.channel import ChannelClosed, ChannelFlooded, ChannelSilent
from grader.sandbox.limits import ALL_DEFENCES, Defences, Limits
from grader.sandbox.workers import SandboxError, Starter, Worker

log = logging.getLogger(__name__)

ANSWERED = "answered"  # outputs came
MISSING = "missing"  # no check names an answer
RAISED = "raised"  # the expression in the check raised
HUNG, DIED, FLOODED = "hung", "died", "flooded"
LATE = "out of time"  # the submission as a whole took too long
NEEDS_PERSON = "needs a person"  # nothing that the submission did

_PLACE = re.compile(r"parse (\d{1,6})|(\d{1,6})\.(\d{1,6})", re.ASCII)
_MORE_STARTS = 10  # of workers, besides two for each question
_GLANCE = 0.5  # seconds between looks at whether to stop

Draw = Callable[[str], dict[str, Any]]  # a question's inputs


class Stopped(Exception):
    """The grader is to stop; what was asked for stays unknown."""


@dataclass(frozen=True)
class Answer:
    """What came of asking for one answer."""

    status: str
    outputs: Any = None  # plain data
    detail: dict[str, str] = field(default_factory=dict)  # of an exception: type, message, line


@dataclass
class Transcript:
    """What came of one submission. Notes come from the worker, so they are not to be trusted."""

    answers: dict[str, Answer]
    notes: list[str] = field(default_factory=list)
    starts: int = 0
    seconds: float = 0.0


def ask(
    cells: list[str],
    questions: list[str],
    framework: str,
    draw: Draw,
    starter: Starter,
    limits: Limits,
    defences: Defences = ALL_DEFENCES,
    stop: threading.Event | None = None,
) -> Transcript:
    """Run the cells and get the outputs of every question; `draw` gives a question's inputs.

    Raises:
        Stopped: `stop` was set before all was known.
    """
    stop = stop or threading.Event()
    return _Session(cells, questions, framework, draw, starter, limits, defences, stop).run()


class _Session:
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
        self.skip: set[str] = set()
        self.deaths: dict[str, int] = {}
        self.slack = 1.0  # by which times are stretched, once the machine proved overloaded
        self.troubles = 0  # that were not the submission's
        self.result = Transcript({})
        self.until = 0.0

    def run(self) -> Transcript:
        begin = time.monotonic()
        self.until = begin + self.limits.submission_seconds
        most = 2 * len(self.pending) + _MORE_STARTS
        while self.pending:
            if self.stop.is_set():
                raise Stopped
            if time.monotonic() >= self.until or self.result.starts >= most:
                self._give_up(LATE)
                break
            if not self._once():
                break
        self.result.seconds = time.monotonic() - begin
        return self.result

    def _once(self) -> bool:
        """One worker, until it ends; whether to go on with another."""
        self.result.starts += 1
        began = time.monotonic()
        try:
            worker = self.starter.start(self.framework)
        except SandboxError as error:
            log.warning("a worker could not be started: %s", error)
            return self._trouble(str(error))
        self.until += time.monotonic() - began  # starting is no time of the submission's
        exchange = _Exchange(self, worker)
        try:
            exchange.run()
        except ChannelSilent:
            return self._blame(exchange.place, HUNG)
        except ChannelFlooded:
            return self._blame(exchange.place, FLOODED)
        except ChannelClosed:
            return self._blame(exchange.place, DIED)
        finally:
            worker.end()
        for name in self.pending:
            self.result.answers[name] = Answer(MISSING)
        self.pending = []
        return False

    def _blame(self, place: str, status: str) -> bool:
        """A worker ended at `place`; whether to start another."""
        self.note(f"{status} at {place}")
        if place == "start":
            return self._trouble(f"a worker {status} before it began")
        if not self.defences.restart:
            self._give_up(status)
            return False
        self.deaths[place] = self.deaths.get(place, 0) + 1
        if status == DIED and self.deaths[place] == 1:
            return True  # once more: it may have been the machine's doing
        if status == HUNG and self.deaths[place] == 1 and _overloaded():
            if self.slack == 1.0:  # once: what overloads the machine may be the submission
                self.until += self.limits.submission_seconds
            self.slack = 3.0
            return True
        if place in self.pending:
            self.settle(place, Answer(status))
        self.skip.add(place)
        return True

    def _trouble(self, what: str) -> bool:
        self.troubles += 1
        if self.troubles < 3:
            return True
        self.note(what)
        self._give_up(NEEDS_PERSON)
        return False

    def _give_up(self, status: str) -> None:
        for name in self.pending:
            self.result.answers[name] = Answer(status)
        self.pending = []

    def note(self, text: str) -> None:
        """Keep a line for the instructor; a submission can make only so many."""
        if len(self.result.notes) < 100:
            self.result.notes.append(text)

    def settle(self, name: str, answer: Answer) -> None:
        """Note what came of a question; the first time counts."""
        self.pending.remove(name)
        self.result.answers[name] = answer


class _Exchange:
    """The conversation with one worker."""

    def __init__(self, session: _Session, worker: Worker) -> None:
        self.session = session
        self.channel = worker.channel
        self.place = "start"  # what runs: "parse 3", "3.1", or a question
        self._last = ""
        self.nonce: str | None = None
        self.until = 0.0

    def run(self) -> None:
        """Until the worker is done, or nothing is pending.

        Raises:
            ChannelSilent, ChannelClosed, ChannelFlooded: the worker ended; `place` says where.
        """
        session = self.session
        task = {
            "cells": session.cells,
            "questions": session.pending,
            "skip": sorted(session.skip),
        }
        self.channel.send(task, session.limits.cell_seconds)
        self._wait(session.limits.cell_seconds)
        while session.pending:
            message = self._receive()
            if message is None:
                continue
            if message.get("done") is True and self.nonce is None:
                return
            self._take(message)

    def _receive(self) -> dict[str, Any] | None:
        while True:
            try:
                return self.channel.receive(min(self.until - time.monotonic(), _GLANCE))
            except ChannelSilent:
                if self.session.stop.is_set():
                    raise Stopped from None
                if time.monotonic() >= self.until:
                    raise

    def _wait(self, seconds: float) -> None:
        if self.session.defences.time_limit:
            self.until = min(time.monotonic() + seconds * self.session.slack, self.session.until)
        else:
            self.until = time.monotonic() + 3600

    def _take(self, message: Mapping[str, Any]) -> None:
        session = self.session
        if isinstance(place := message.get("at"), str) and self.nonce is None:
            # In order, each once: a submission that sends these itself wins no time.
            if _order(place) > _order(self._last):
                self._last = self.place = place
                self._wait(session.limits.cell_seconds)
        elif isinstance(name := message.get("ready"), str) and self.nonce is None:
            if name in session.pending:
                self._ready(name, message)
        elif "outputs" in message and self.place in session.pending:
            # Anything may stand there, also what is neither equal nor unequal, such as an array.
            named = message.get("nonce")
            if (type(named) is str and named == self.nonce) or not session.defences.nonce:
                self.nonce = None
                session.settle(self.place, Answer(ANSWERED, message["outputs"]))
                self.place = self._last
                self._wait(session.limits.cell_seconds)
        elif isinstance(place := message.get("raised"), str):
            session.note(f"raised at {place[:20]}: {_text(message.get('error'))}")
        elif isinstance(broken := message.get("broken"), dict):
            for number, error in list(broken.items())[:20]:
                session.note(f"cell {number[:6]}: {_text(error)}")

    def _ready(self, name: str, message: Mapping[str, Any]) -> None:
        session = self.session
        if "error" in message:
            session.settle(name, Answer(RAISED, detail=_detail(message["error"])))
            return
        self.place = name
        self._wait(session.limits.answer_seconds)
        self.nonce = secrets.token_hex(16)
        request = {"nonce": self.nonce, "question": name, "inputs": session.draw(name)}
        self.channel.send(request, session.limits.answer_seconds)


def _overloaded() -> bool:
    """Whether much more is to be done here than the processors can do."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


def _order(place: str) -> tuple[int, ...]:
    """Where a place stands: parsing comes before running. A text that is no place stands first."""
    if (found := _PLACE.fullmatch(place)) is None:
        return ()
    parsed, cell, part = found.groups()
    return (0, int(parsed)) if parsed else (1, int(cell), int(part))


def _detail(error: Any) -> dict[str, str]:
    error = error if isinstance(error, dict) else {}
    return {key: str(error.get(key, ""))[:700] for key in ("type", "message", "line")}


def _text(error: Any) -> str:
    detail = _detail(error)
    return f"{detail['type']}: {detail['message']} {detail['line']}"[:300]
