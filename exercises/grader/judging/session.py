"""Collect the answers of one submission from workers: outputs, or the reason why there are none.

A cell or an answer that hangs or kills its worker is skipped when the worker is started again, so
that it costs its own question only. Where something failed that the submission need not have
caused, because it used little processor time or because the machine's memory ran out, the
transcript says so, and the submission is graded again while nothing else runs.
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

from d2lexercises.answers import present_names, questions_named_in
from d2lexercises.faults import error_in, stopped
from d2lexercises.refereeing import case_counts, handed_over

from grader.sandbox.bubblewrap import SandboxError
from grader.sandbox.channel import ChannelClosed, ChannelFlooded, ChannelSilent
from grader.sandbox.limits import ALL_DEFENCES, Defences, Limits
from grader.sandbox.processes import kills_for_memory, processors
from grader.sandbox.workers import MemoryExceeded, Starter, Worker

log = logging.getLogger(__name__)

# The status of an answer. It is stored in records and in the gradebook.
ANSWERED = "answered"  # outputs were received
MISSING = "missing"  # no check names an answer
RAISED = "raised"  # the expression in the check raised an exception
HUNG, DIED, FLOODED = "hung", "died", "flooded"
LATE = "out of time"  # the submission as a whole took too long
NEEDS_PERSON = "needs a person"  # grading failed, and not because of the submission

_DOES_NOT_RUN = (
    "The check of this question is in the notebook, but it does not run: it is in a comment, in a "
    "text, or in code that nothing calls."
)
DRAWS = 8  # of inputs for a question that has referees, which can be checked so often
_TOO_MANY_CHECKS = (
    f"The notebook checks this question more than {DRAWS} times, and only so many checks get "
    "inputs of their own."
)
_OWN_CODE = "The question's own code failed:"
_REFEREE_ENDED = (
    "Its referee ended, or said too much; the question's code, or what the answer asked, is the "
    "cause."
)
_NO_SECOND = "In a second process that ran the notebook anew, nothing came ({})."
_NO_PLAN: Mapping[str, Any] = {"inspections": {}}
_STEP = re.compile(r"parse (\d{1,6})|(\d{1,6})\.(\d{1,6})", re.ASCII)
# What PyTorch reads from the environment with an import that other workers share.
_SETS_TORCH = re.compile(r"\bTORCH[A-Z]*_[A-Z]")
_MORE_STARTS = 10  # of workers, in addition to two for each question
_MOST_MACHINE_FAILURES = 3
REASON_LENGTH = 500  # characters
_POLL = 0.1  # seconds between looks at `stop`, and at the memory of a worker
_MANY_ASKS, _MOST_ASKS = 1000, 10_000  # of a referee, by one answer
_TOO_OFTEN = {
    "raised": {
        "type": "WrongKind",
        "message": f"The answer has asked more than {_MOST_ASKS:,} times.",
    }
}
_LITTLE = 0.5  # of the time of a step: what used less of a processor waited for something

Draw = Callable[[str, int], dict[str, Any]]  # returns a question's inputs, of this draw
# By question, what further processes do, as `questions.plans_of` makes it: "inspections" and
# "repeats" have a key, and the key of the run whose result they get; "referees" are keys of runs;
# "overs" says what a run is about; "kept" names the inputs that stay outside.
Plans = Mapping[str, Mapping[str, Any]]


class RefereeError(Exception):
    """A question's own referee failed."""


class Stopped(Exception):
    """Grading is being stopped; the answers of this submission are incomplete."""


@dataclass(frozen=True)
class Answer:
    """The result of asking for one answer."""

    status: str
    outputs: Any = None  # plain data
    detail: dict[str, str] = field(default_factory=dict)  # of an exception: type, message, line
    inspected: dict[str, Any] = field(default_factory=dict)  # what each inspection gave, by its key
    drawn: int = 0  # the draw of the inputs that it was given
    reason: str = ""  # in words, why there is none, or why a person has to look at it
    final: bool = False  # of one that needs a person: grading it again here gives the same


def needs_person(reason: str = "", final: bool = False) -> Answer:
    """Return the answer to a question that a person has to look at.

    Args:
        reason: a sentence that says why; it is shown to the instructor and to the student.
        final: whether grading again on this machine would end in the same way, as where a module
            is missing. If it is not final, the next run of the same command tries again.
    """
    return Answer(NEEDS_PERSON, reason=reason[:REASON_LENGTH], final=final)


@dataclass
class Transcript:
    """The answers of one submission. Notes come from the worker, so they may be forged."""

    answers: dict[str, Answer]
    notes: list[str] = field(default_factory=list)
    starts: int = 0  # of workers
    seconds: float = 0.0
    looks: list[str] = field(default_factory=list)  # what in the code a person should look at
    doubt: str = ""  # what need not be the submission's fault: it is to be graded again, alone


def collect_answers(
    cells: list[str],
    questions: list[str],
    framework: str,
    draw: Draw,
    starter: Starter,
    limits: Limits,
    defences: Defences = ALL_DEFENCES,
    stop: threading.Event | None = None,
    plans: Plans | None = None,
    alone: bool = False,
) -> Transcript:
    """Run the cells and get the outputs of every question; `draw` returns a question's inputs.

    A question that has referees gets other inputs at each check, so that a notebook that checks
    twice cannot repeat what a referee said before.

    What a question inspects is sent to further workers, one for each inspection, which never run
    a cell. Referees are in one that never does either. What answers hand over is sent to one that
    runs the cells anew. `alone` says that the grader runs nothing else: what hangs without using a
    processor then needs a person.

    Raises:
        Stopped: `stop` was set before all answers were known.
    """
    stop = stop or threading.Event()
    common = (framework, draw, starter, limits, defences, stop, alone)
    session = _Session(cells, questions, *common)
    session.plans, session.referee = plans or {}, _Referee(session)
    try:
        transcript = session.run()
        if session.handed:
            second = _Session(cells, list(session.handed), *common)
            second.sends, second.wanted = session.handed, session.checks
            second.no_copies = any(
                {*plan["repeats"].values()} & {*plan["referees"]}
                for name, plan in session.plans.items()
                if name in session.handed
            )
            session.take_over(second)
        _Inspector(session).run()
    finally:
        session.referee.end()
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
        alone: bool = False,
    ) -> None:
        self.stop, self.alone = stop, alone
        self.cells = cells
        self.questions = list(questions)
        self.pending = list(questions)  # those without an answer
        self.framework = framework
        self.fresh = framework == "pytorch" and any(map(_SETS_TORCH.search, cells))
        self.draw = draw
        self.starter = starter
        self.limits = limits
        self.defences = defences
        self.plans: Plans = {}
        self.referee = _Referee(self)
        self.counts: dict[str, dict[str, int | None]] = {}  # by question and run, of its cases
        self.handed: dict[str, dict[str, Any]] = {}  # by question, for the second process
        self.sends: dict[str, dict[str, Any]] = {}  # in the second process, in place of inputs
        self.broken: dict[str, str] = {}  # by question, what its referee raised
        self.checks: dict[str, int] = {}  # by question, how often a worker checked it
        self.wanted: dict[str, int] = {}  # the same of the first process, in the second
        self.no_copies = False  # in the second: devices run there, one after another
        self.asked = list(questions)  # of the present worker
        self.unasked: list[str] | None = None  # what is defined where no check was called
        self.announced = ""  # the last step that the present worker began, and that is no question
        self.last_cells: dict[str, int] = {}  # where the last check of a question is
        self.looked = False  # whether the code was read for what to look at
        self.skip: set[str] = set()  # steps that are left out from now on
        self.ended: dict[str, str] = {}  # how they ended, by step
        self.failures: dict[str, int] = {}  # how often a worker ended, by step
        self.slack = 1.0  # a factor on all times, raised once the machine proves overloaded
        self.machine_failures = 0  # failures that the submission did not cause
        self.result = Transcript({})
        self.until = 0.0
        self.used = 0.0  # seconds of processor time, by workers that have ended
        self.waited = ""  # the cell that hung without using a processor, in words
        self.kills = kills_for_memory()

    def run(self) -> Transcript:
        begin = time.monotonic()
        self.until = begin + self.limits.submission_seconds
        most_starts = 2 * len(self.pending) + _MORE_STARTS
        while self.asked:
            if self.stop.is_set():
                raise Stopped
            if time.monotonic() >= self.until or self.result.starts >= most_starts:
                self._out_of_time(time.monotonic() - begin)
                break
            if not self._run_worker():
                break
        self._forgive()
        self.result.seconds = time.monotonic() - begin
        return self.result

    def _run_worker(self) -> bool:
        """Run one worker until it ends; return whether to start another."""
        self.result.starts += 1
        began = time.monotonic()
        try:
            worker = self.starter.start(self.framework, fresh=self.fresh)
        except SandboxError as error:
            log.warning("a worker could not be started: %s", error)
            return self._machine_failed(str(error))
        self.until += time.monotonic() - began  # the submission does not pay for the start
        exchange = _Exchange(self, worker)
        try:
            exchange.run()
        except ChannelSilent:
            return self._blame(exchange.step, HUNG, exchange.idle())
        except ChannelFlooded:
            return self._blame(exchange.step, FLOODED)
        except ChannelClosed:
            return self._blame(exchange.step, DIED)
        except MemoryExceeded:
            self.note("used more memory than allowed")
            return self._blame(exchange.step, DIED)
        except SandboxError as error:  # no worker could be started for a referee
            return self._machine_failed(str(error))
        finally:
            self.used += worker.processor_seconds
            worker.end()
        self._settle_unasked()
        self._settle_all(MISSING)
        return False

    def _blame(self, step: str, status: str, idle: str = "") -> bool:
        """Attribute the end of a worker to a step; return whether to start another worker.

        `idle` says in words that a step which hung used little processor time, if it did.
        """
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
        if idle:
            self.doubt(f"hung at {step}: {idle}")
        if status == DIED and kills_for_memory() > self.kills:
            self.doubt(f"died at {step} when memory ran out")
        if step in self.asked:
            answer = Answer(status)
            if idle and self.alone:
                answer = needs_person(f"The answer did not finish: {idle}", final=True)
            self.settle(step, answer)
        elif idle and self.alone and _position(step):
            number = _position(step)[0] + 1
            self.waited = self.waited or f"Cell {number} did not finish: {idle}"
        self.skip.add(step)
        self.ended[step] = status
        # Of several answers the last counts, so those that a later cell checks again are asked for.
        cell = (_position(self.announced) or (0,))[0]
        again = {name for name, last in self.last_cells.items() if last > cell}
        self.asked = [
            name
            for name in self.questions
            if name not in self.skip and (name in self.pending or name in again)
        ]
        return True

    def _out_of_time(self, seconds: float) -> None:
        """Settle what is pending once the submission as a whole took too long."""
        if self.used < _LITTLE * seconds:
            idle = _idle(self.used, seconds)
            self.doubt(f"took too long: {idle}")
            if self.alone:
                self.waited = self.waited or f"The notebook did not finish: {idle}"
        self._settle_all(LATE)

    def _forgive(self) -> None:
        """Leave to a person what may lack only what a cell that waited would have defined."""
        for name, answer in self.result.answers.items():
            if self.waited and answer.status in (RAISED, LATE, HUNG):
                self.result.answers[name] = needs_person(self.waited, final=True)

    def _machine_failed(self, reason: str) -> bool:
        """Count a failure that the submission did not cause; return whether to try again."""
        self.machine_failures += 1
        if self.machine_failures < _MOST_MACHINE_FAILURES:
            return True
        self.note(reason)
        for name in list(self.pending):
            self.settle(name, needs_person(f"The sandbox failed: {reason}"))
        return False

    def _settle_unasked(self) -> None:
        """Leave to a person the answers that are perhaps there, though no check hands them in."""
        named = present_names(questions_named_in("\n".join(self.cells)), self.pending)
        none = all(one.status == NEEDS_PERSON for one in self.result.answers.values())
        for name in list(self.pending):
            if self.unasked is not None and none:
                listed = ", ".join(self.unasked) or "nothing"
                said = f"No check of this chapter runs in the notebook. It defines: {listed}."
                self.settle(name, needs_person(said, final=True))
            elif name in named:
                self.settle(name, needs_person(_DOES_NOT_RUN, final=True))

    def _settle_all(self, status: str) -> None:
        for name in self.pending:
            self.result.answers[name] = Answer(status)
        self.pending = []

    def receive(self, worker: Worker, until: float) -> dict[str, Any] | None:
        """The next message of a worker, or None for a line that is no message.

        Raises:
            Stopped: `stop` was set before it came.
            ChannelSilent: none came until then.
            ChannelClosed, ChannelFlooded: the worker ended, or sent too much.
            MemoryExceeded: its processes use too much.
        """
        while True:
            worker.check_memory()
            try:
                return worker.channel.receive(min(until - time.monotonic(), _POLL))
            except ChannelSilent:
                if self.stop.is_set():
                    raise Stopped from None
                if time.monotonic() >= until:
                    raise

    def note(self, text: str) -> None:
        """Keep a line for the instructor, up to a limit for each submission."""
        if len(self.result.notes) < 100:
            self.result.notes.append(text)

    def doubt(self, why: str) -> None:
        """Keep, of what need not be the submission's fault, the first."""
        self.result.doubt = self.result.doubt or why

    def settle(self, name: str, answer: Answer) -> None:
        """Record the answer to a question, in the place of an earlier one."""
        if name in self.pending:
            self.pending.remove(name)
        if name in self.broken:  # also if the answer then hung
            answer = needs_person(self.broken[name], final=True)
        if answer.status != ANSWERED:
            self.handed.pop(name, None)
        self.result.answers[name] = answer

    def begin_referees(self, name: str, inputs: dict[str, Any]) -> float:
        """Make the referees of a question; return the seconds that the answer does not pay for.

        These are what the start of a worker took, or all where a referee fails.
        """
        self.broken.pop(name, None)
        began = time.monotonic()
        try:
            return self.referee.begin(name, inputs)
        except RefereeError as error:
            self.broken.setdefault(name, str(error))
            return time.monotonic() - began

    def ask_referee(self, name: str, asked: Any, until: float) -> dict[str, Any]:
        """What a referee answers. If its code fails, the question needs a person."""
        try:
            return self.referee.ask(name, asked, until)
        except RefereeError as error:
            self.broken.setdefault(name, str(error))
            return {"raised": {"type": "WrongKind", "message": "The referee has failed."}}

    def draw_of(self, name: str) -> int:
        """The draw of the inputs for the last check of a question."""
        has_referees = self.plans.get(name, {}).get("referees")
        return (self.checks.get(name, 1) - 1) % DRAWS if has_referees else 0

    def settle_outputs(self, name: str, outputs: Any) -> None:
        """Record what an answer gave, and what the referees of the question say of it.

        What it hands over is kept for the second process.
        """
        answer = Answer(ANSWERED, outputs, drawn=self.draw_of(name))
        self.handed.pop(name, None)
        try:
            if name not in self.broken:
                self._refer(name, answer)
        except RefereeError as error:
            self.broken[name] = str(error)
        if self.plans.get(name, {}).get("referees") and self.checks.get(name, 1) > DRAWS:
            answer = needs_person(_TOO_MANY_CHECKS, final=True)
        self.settle(name, answer)

    def _refer(self, name: str, answer: Answer) -> None:
        """Add what the referees note of an answer, and keep what it hands over.

        Raises:
            RefereeError: one of them ended, hung or said too much.
        """
        plan, outputs = self.plans.get(name), answer.outputs
        if plan and plan["overs"] and isinstance(outputs, dict):
            counts = self.counts[name]
            for key, of in plan["repeats"].items():
                came = outputs.get(of)
                if of not in outputs or error_in(came) is not None:
                    answer.inspected[key] = came
                    continue
                if of in plan["referees"]:
                    came = self.referee.turn(name, "hands_over", of, came)
                self.handed.setdefault(name, {})[key] = handed_over(counts[of], came)
            for key in set(plan["referees"]) - set(plan["repeats"].values()):
                if key in outputs:
                    answer.inspected[key] = self.referee.turn(name, "noted", key, outputs[key])

    def take_over(self, second: _Session) -> None:
        """Run the second process, and record what answers give there."""
        found = second.run()
        self.result.seconds += found.seconds
        for line in found.notes:
            self.note(f"second process: {line}")
        self.doubt(found.doubt)
        for name, again in found.answers.items():
            answer = self.result.answers[name]
            if again.status == NEEDS_PERSON:
                self.result.answers[name] = again
                continue
            outputs = again.outputs if again.status == ANSWERED else None
            why = "fewer checks than before" if again.status == ANSWERED else again.status
            for key in self.handed[name]:
                of = self.plans[name]["repeats"][key]
                if not isinstance(outputs, dict) or not outputs:
                    answer.inspected[key] = stopped(_NO_SECOND.format(why))
                elif error_in(outputs) is not None or of not in self.plans[name]["referees"]:
                    answer.inspected[key] = outputs.get(key, outputs)
                else:
                    try:
                        came = self.referee.turn(name, "noted", of, outputs.get(key))
                        answer.inspected[key] = came
                    except RefereeError as error:
                        self.result.answers[name] = needs_person(str(error), final=True)
                        break
                    except SandboxError as error:
                        self.result.answers[name] = needs_person(f"The sandbox failed: {error}")
                        break

    def settle_prevented(self, prevented: Mapping[str, Any]) -> None:
        """Record why questions have no answer, as the worker tells it."""
        for name, what in prevented.items():
            if name not in self.pending or not isinstance(what, dict):
                continue
            if isinstance(step := what.get("step"), str) and step in self.ended:
                self.settle(name, Answer(self.ended[step]))
            elif isinstance(reason := what.get("reason"), str):
                sentence = f"The answer cannot run here: {reason}."
                self.settle(name, needs_person(sentence, final=True))
            elif isinstance(said := what.get("said"), str):
                self.settle(name, needs_person(said, final=True))
            elif "error" in what:
                self.settle(name, Answer(RAISED, detail=_detail(what["error"])))


class _Exchange:
    """The messages exchanged with one worker.

    The worker announces each step: "3.1" for the first statement of a cell. While a probe runs, the
    step is the name of its question.
    """

    def __init__(self, session: _Session, worker: Worker) -> None:
        self.session = session
        self.worker, self.channel = worker, worker.channel
        self._began, self._used = time.monotonic(), 0.0  # of this step
        self.step = "start"
        self.nonce: str | None = None  # of the request that the worker has to answer
        self.asks = 0  # of a referee, in this step
        self.checks: dict[str, int] = {}  # by question, how often it was checked
        self.until = 0.0

    def run(self) -> None:
        """Exchange messages until the worker is done.

        Raises:
            ChannelSilent, ChannelClosed, ChannelFlooded, MemoryExceeded: the worker ended, or has
                to, during `self.step`.
        """
        session = self.session
        session.announced = ""
        task = {
            "cells": session.cells,
            "questions": session.asked,
            "skip": sorted(session.skip),
            "look": not session.looked,
            "no copies": session.no_copies,
        }
        self.channel.send(task, session.limits.cell_seconds)
        self._set_deadline(session.limits.cell_seconds)
        while True:
            message = session.receive(self.worker, self.until)
            if message is None:
                continue
            if message.get("done") is True and self.nonce is None:
                return
            self._handle(message)

    def idle(self) -> str:
        """Return that this step used little processor time, in words; "" if it used much."""
        seconds = time.monotonic() - self._began
        used = self.worker.processor_seconds - self._used
        waited = used < _LITTLE * seconds and self.asks < _MANY_ASKS  # else for its referee
        return _idle(used, seconds) if waited else ""

    def _set_deadline(self, seconds: float) -> None:
        self._began, self._used = time.monotonic(), self.worker.processor_seconds
        if self.session.defences.time_limit:
            self.until = min(time.monotonic() + seconds * self.session.slack, self.session.until)
        else:
            self.until = time.monotonic() + 3600

    def _handle(self, message: Mapping[str, Any]) -> None:
        session = self.session
        if isinstance(step := message.get("at"), str) and self.nonce is None:
            # Each step once, in order: a submission that forges these messages gains no time.
            if _position(step) > _position(session.announced):
                session.announced = self.step = step
                self._set_deadline(session.limits.cell_seconds)
        elif isinstance(name := message.get("ready"), str) and self.nonce is None:
            if name in session.asked:
                self._request_outputs(name)
        elif "outputs" in message and self.step in session.asked:
            # The value may have any type, such as an array, which cannot be compared with ==.
            nonce = message.get("nonce")
            if (type(nonce) is str and nonce == self.nonce) or not session.defences.nonce:
                self.nonce = None
                if self._counts(self.step) or self.step in session.pending:
                    session.settle_outputs(self.step, message["outputs"])
                self.step = session.announced
                self._set_deadline(session.limits.cell_seconds)
        elif "ask" in message and self.step in session.asked and not session.sends:
            nonce = message.get("nonce")
            if type(nonce) is str and nonce == self.nonce:
                self.asks += 1
                answer = _TOO_OFTEN
                if self.asks <= _MOST_ASKS:
                    was_broken = self.step in session.broken
                    answer = session.ask_referee(self.step, message["ask"], self.until)
                    if self.step in session.broken and not was_broken:  # that took its time
                        self._set_deadline(session.limits.answer_seconds)
                self.channel.send(answer, session.limits.answer_seconds)
        elif isinstance(prevented := message.get("prevented"), dict) and self.nonce is None:
            session.settle_prevented(prevented)
        elif isinstance(names := message.get("unasked"), list) and self.nonce is None:
            session.unasked = [str(one)[:60] for one in names[:20]]
        elif isinstance(cell := message.get("stopped"), int):
            session.note(f"cell {cell} stopped: {_one_line(message.get('error'))}")
        elif type(cell := message.get("looking")) is int and not session.announced:
            self.step = f"look {cell}"  # no cell ran yet, so nobody has forged this
            self._set_deadline(session.limits.cell_seconds)
        elif isinstance(looks := message.get("looks"), list) and not session.announced:
            session.result.looks = [str(one)[:300] for one in looks[:50]]
            session.looked = True
        elif isinstance(found := message.get("found"), dict) and not session.announced:
            session.last_cells = {name: cell for name, cell in found.items() if type(cell) is int}

    def _request_outputs(self, name: str) -> None:
        """Send the inputs of a question whose answer is ready."""
        session = self.session
        self.step, self.asks = name, 0
        self.checks[name] = self.checks.get(name, 0) + 1
        self._set_deadline(session.limits.answer_seconds)
        self.nonce = secrets.token_hex(16)
        request: dict[str, Any] = {"nonce": self.nonce, "question": name}
        if name in session.sends:  # nothing before the check that counts, and nothing after it
            request["handed"] = session.sends[name] if self._counts(name) else {}
        else:
            session.checks[name] = self.checks[name]
            inputs, plan = session.draw(name, session.draw_of(name)), session.plans.get(name, {})
            kept = plan.get("kept", ())
            request["inputs"] = {key: one for key, one in inputs.items() if key not in kept}
            runs = {key: (None, over) for key, over in plan.get("overs", {}).items()}
            session.counts[name] = case_counts(runs, inputs)
            if plan.get("referees"):
                request["counts"] = session.counts[name]
                self.until += session.begin_referees(name, inputs)
        self.channel.send(request, session.limits.answer_seconds)

    def _counts(self, name: str) -> bool:
        """Whether this check counts: in the second process, only the last one of the first."""
        session = self.session
        return name not in session.sends or self.checks[name] == session.wanted.get(name, 1)


class _Referee:
    """The worker in which the referees of questions are; started when one is needed."""

    def __init__(self, session: _Session) -> None:
        self.session = session
        self.worker: Worker | None = None
        self.begun: set[str] = set()  # the questions whose referees are in it

    def begin(self, name: str, inputs: dict[str, Any]) -> float:
        """Make the referees of a question; return how many seconds the start of a worker took.

        Raises:
            RefereeError: one of them raised an exception, ended, hung or said too much.
            SandboxError: no worker could be started.
        """
        began = time.monotonic()
        if self.worker is None:
            self.worker = self.session.starter.start("numpy", beside=True)
        took = time.monotonic() - began
        self._exchange({"begin": name, "inputs": inputs})
        self.begun.add(name)
        return took

    def ask(self, name: str, asked: Any, until: float) -> dict[str, Any]:
        """Pass on what an answer asks, and return what is said."""
        return self._exchange({"question": name, "ask": asked}, until)

    def turn(self, name: str, turn: str, key: str, came: Any) -> Any:
        """What a referee notes of what came, or hands over.

        Raises:
            RefereeError: it failed.
            SandboxError: its process has ended, and with it what it noted.
        """
        if name not in self.begun:
            raise SandboxError("the process of its referee ended while another question was asked")
        request = {"question": name, "turn": turn, "key": key, "came": came}
        return self._exchange(request).get("came")

    def end(self) -> None:
        """End the worker."""
        self.begun.clear()
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def _exchange(self, message: dict[str, Any], until: float = 0.0) -> dict[str, Any]:
        """Send a message, and return the reply.

        Raises:
            ChannelSilent: there is none until then; the answer had used the time before it asked.
            RefereeError: the referee raised an exception that its answer did not cause, ended its
                process, said too much, or did not end.
        """
        if self.worker is None:
            raise RefereeError(f"{_OWN_CODE} its referee has ended.")
        session, worker = self.session, self.worker
        seconds = session.limits.answer_seconds * session.slack
        began, used = time.monotonic(), worker.processor_seconds
        try:
            worker.channel.send(message, seconds)
            most = until or time.monotonic() + seconds
            while (reply := session.receive(worker, most)) is None:
                pass
        except (ChannelClosed, ChannelFlooded, MemoryExceeded) as error:
            self.end()
            if isinstance(error, ChannelClosed) and kills_for_memory() > session.kills:
                session.doubt("a referee ended when memory ran out")
            raise RefereeError(_REFEREE_ENDED) from error
        except ChannelSilent:
            waited, used = time.monotonic() - began, worker.processor_seconds - used
            self.end()
            if until and waited < seconds / 2:  # the answer took the time
                raise
            if used < _LITTLE * waited:
                session.doubt(f"a referee hung: {_idle(used, waited)}")
            raise RefereeError(f"{_OWN_CODE} its referee did not end.") from None
        except BaseException:
            self.end()
            raise
        if isinstance(failed := reply.get("failed"), str):  # said by the parent of its process
            self.end()
            raise RefereeError(_REFEREE_ENDED)
        if isinstance(failed, dict):
            said = f"{failed.get('type')}: {failed.get('message')}"
            said = " ".join(said.split())[:200]
            raise RefereeError(f"{_OWN_CODE} its referee raised {said}")
        return reply


class _Inspector:
    """Has what answers gave inspected, each by a worker that never ran a submission's code."""

    def __init__(self, session: _Session) -> None:
        self.session = session

    def run(self) -> None:
        """Add to every answer what its inspections give."""
        answers = self.session.result.answers
        for name, answer in answers.items():
            if answer.status != ANSWERED or not isinstance(answer.outputs, dict):
                continue
            try:
                for key, of in self.session.plans.get(name, _NO_PLAN)["inspections"].items():
                    if of in answer.outputs:
                        answer.inspected[key] = self._inspect(name, key, answer.outputs[of])
            except SandboxError as error:
                self.session.note(str(error))
                answers[name] = needs_person(f"The sandbox failed: {error}")

    def _inspect(self, name: str, key: str, came: Any) -> Any:
        """What an inspection gives, or an error in its place.

        Raises:
            SandboxError: no worker could be started.
        """
        if error_in(came) is not None:
            return came
        session = self.session
        said, answers = "", session.result.answers
        inputs = session.draw(name, answers[name].drawn)
        task = {"inspect": key, "question": name, "inputs": inputs, "came": came}
        for _ in range(2):  # the machine may be the cause of the first failure
            if time.monotonic() >= session.until:
                return stopped("The notebook as a whole took longer than allowed.")
            began = time.monotonic()
            worker = session.starter.start(session.framework)
            session.until += time.monotonic() - began  # the submission does not pay for the start
            began = time.monotonic()
            try:
                return self._exchange(worker, task)
            except ChannelSilent:
                used, seconds = worker.processor_seconds, time.monotonic() - began
                if used < _LITTLE * seconds:
                    idle = _idle(used, seconds)
                    session.doubt(f"hung inspecting: {idle}")
                    if session.alone:
                        reason = f"Inspecting what the answer gave did not end: {idle}"
                        answers[name] = needs_person(reason, final=True)
                return stopped("Inspecting what the answer gave did not end in time.")
            except MemoryExceeded:
                said = "Inspecting what the answer gave used more memory than allowed."
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
            message = session.receive(worker, until)
            if message is not None and "inspected" in message:
                return message["inspected"]


def _overloaded() -> bool:
    """Return whether far more processes want to run than there are processors."""
    return os.getloadavg()[0] > 2 * processors()


def _idle(used: float, seconds: float) -> str:
    return f"in {seconds:.0f} s it used {used:.1f} s of processor time."


def _position(step: str) -> tuple[int, ...]:
    """Return a key that orders steps: reading a cell, its statements. No step comes first."""
    if (match := _STEP.fullmatch(step)) is None:
        return ()
    parsed, cell, part = match.groups()
    return (int(parsed), -1) if parsed else (int(cell), int(part))


def _detail(error: Any) -> dict[str, str]:
    error = error if isinstance(error, dict) else {}
    return {key: str(error.get(key, ""))[:700] for key in ("type", "message", "line")}


def _one_line(error: Any) -> str:
    detail = _detail(error)
    return f"{detail['type']}: {detail['message']} {detail['line']}"[:300]
