"""A process that makes trials, so that an answer that ends it ends nothing else.

The parent starts it, reads what it says line by line, and starts another one, without the trial
that it died of, until all are made. The process is started by ``python -m`` with a task as JSON on
its standard input, and writes JSON lines: how many trials are to come, the one that begins, and
what was wrong with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.exercises.chapter_files import files_in
from editions.exercises.exercise_files import PRIVATE, find_exercises
from editions.exercises.judging import QuestionError
from editions.exercises.trials import ChapterTrials, error_in_words
from editions.notebooks.kernels import kernel_environment

TRIAL_SECONDS = 120.0  # for one trial, the import of the framework included
QUIET_SECONDS = 30.0  # after which it is said what is being tried
_MOST_STARTS = 25  # of processes, for the trials of one framework


@dataclass(frozen=True)
class TrialFault:
    """What a trial found wrong."""

    place: str
    subject: str
    framework: str
    seed: int | None
    message: str


@dataclass(frozen=True)
class Work:
    """The chapters whose questions are tried in one framework, and on which seeds."""

    project: Project
    chapters: Sequence[str]
    private: Path | None
    framework: str
    seeds: Sequence[int | None]


def make_trials(
    work: Work,
    on_progress: Callable[[int, int], None] = lambda done, more: None,
    seconds: float = TRIAL_SECONDS,
    on_quiet: Callable[[str], None] = lambda said: None,
) -> list[TrialFault]:
    """Make all trials, in as many processes as it takes; return what was wrong.

    `on_progress` is called with the number of trials that are done, and of those that were added;
    `on_quiet` with a line on the trial that has been running for a while.
    """
    parent = _Parent(work, on_progress, seconds, on_quiet)
    return parent.run()


class _Parent:
    """Starts processes, and collects what they say."""

    def __init__(
        self,
        work: Work,
        on_progress: Callable[[int, int], None],
        seconds: float,
        on_quiet: Callable[[str], None],
    ) -> None:
        self.work, self.on_progress, self.seconds = work, on_progress, seconds
        self.on_quiet = on_quiet
        self.endless: set[str] = set()  # answers that are tried on no further seed
        self.faults: list[TrialFault] = []
        self.finished: set[str] = set()  # chapters
        self.done: set[str] = set()  # trials of the chapter that is at work, by key
        self.counted: set[str] = set()  # chapters whose trials were counted
        self.at: dict[str, Any] = {}  # the step that a process is in

    def run(self) -> list[TrialFault]:
        for _ in range(_MOST_STARTS):
            if self._run_process():
                return self.faults
        left = [name for name in self.work.chapters if name not in self.finished]
        message = f"given up after {_MOST_STARTS} processes; not tried to the end: {left}"
        self._add({"place": "", "subject": "all"}, message)
        return self.faults

    def _run_process(self) -> bool:
        """Run a process to its end; return whether nothing is left to be tried."""
        self.at = {}
        with tempfile.TemporaryFile("w+") as said, _started(self.work, said) as process:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                json.dump(self._task(), stdin)
            for line in _lines(process, self.seconds, self._still):
                if line is None:
                    _kill(process)
                    more = "; it is tried on no further seed" if self.at.get("key") else ""
                    self.endless.add(_answer_of(self.at.get("key", "")))
                    self._blame(f"it did not end within {self.seconds:g} seconds{more}")
                    return self._nothing_left()
                self._hear(json.loads(line))
            status = process.wait()
            if status or not self._nothing_left():  # an answer may exit with status 0
                said.seek(0)
                self._blame(f"it ended the process ({_ending(status)}){_last_line(said.read())}")
        return self._nothing_left()

    def _task(self) -> dict[str, Any]:
        work = self.work
        return {
            "project": str(work.project.root),
            "private": str(work.private) if work.private else None,
            "chapters": [name for name in work.chapters if name not in self.finished],
            "framework": work.framework,
            "seeds": list(work.seeds),
            "skip": sorted(self.done),
            "endless": sorted(self.endless),
            "parent": os.getpid(),
        }

    def _still(self, waited: float) -> None:
        subject = self.at.get("subject", "starting a process")
        self.on_quiet(
            f"{subject}, in {self.work.framework}: no result after {waited:g} seconds; it is "
            f"stopped after {self.seconds:g}"
        )

    def _hear(self, message: dict[str, Any]) -> None:
        if "trials" in message:
            if message["chapter"] not in self.counted:
                self.counted.add(message["chapter"])
                self.on_progress(0, message["trials"])
        elif "at" in message:
            self.at = message["at"]
        elif "faults" in message:
            for fault in message["faults"]:
                self._add(message.get("question") or self.at, fault)
            self.done.add(self.at["key"])
            self.on_progress(1, 0)
        elif "finished" in message:
            self.finished.add(message["finished"])
            self.done.clear()

    def _blame(self, message: str) -> None:
        """Note of what a process died; it is not tried again."""
        if not self.at:
            raise EditionsError(
                f"the questions cannot be tried in {self.work.framework}: {message}"
            )
        self._add(self.at, message)
        if self.at["key"]:
            self.done.add(self.at["key"])
            self.on_progress(1, 0)
        else:  # a chapter's own code
            self.finished.add(self.at["chapter"])
            self.done.clear()

    def _nothing_left(self) -> bool:
        return set(self.work.chapters) <= self.finished

    def _add(self, at: dict[str, Any], message: str) -> None:
        place, subject, seed = at["place"], at["subject"], at.get("seed")
        self.faults.append(TrialFault(place, subject, self.work.framework, seed, message))


@contextlib.contextmanager
def _started(work: Work, said: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for its task; it is killed with all that it started at the end."""
    environment = {**os.environ, **kernel_environment(work.project, "cpu")}
    environment |= {"KERAS_BACKEND": "tensorflow", "MPLBACKEND": "agg"}
    environment.pop(PRIVATE, None)
    if work.private:
        environment[PRIVATE] = str(work.private)
    process = subprocess.Popen(
        [sys.executable, "-m", "editions.exercises.trial_process"], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, process_group=0,
    )  # fmt: skip
    try:
        yield process
    finally:
        _kill(process)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _answer_of(key: str) -> str:
    """The answer that a trial's key names, whatever the seed."""
    return key.rpartition("|")[0]


def _lines(
    process: subprocess.Popen[str], seconds: float, still: Callable[[float], None]
) -> Iterator[str | None]:
    """The lines that a process writes; None where it writes none for so long.

    Meanwhile, `still` is called every now and then with the seconds that have passed.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError):  # closed
            for line in process.stdout:
                waiting.put(line)
        waiting.put("")

    threading.Thread(target=read, daemon=True).start()
    waited = 0.0
    while True:
        step = min(QUIET_SECONDS, seconds - waited)
        try:
            line = waiting.get(timeout=step)
        except queue.Empty:
            waited += step
            if waited >= seconds:
                yield None
                return
            still(waited)
            continue
        if not line:
            return
        waited = 0.0
        yield line


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:300]}" if lines else ""


# -- in the process --------------------------------------------------------------------------------


def _end_with(parent: int) -> None:
    """End this process, and what it started, when its parent ends."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Make the trials of a task; its answers can print and write what they like."""
    task = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=[task["parent"]], daemon=True).start()
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(**message: Any) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    project = Project(Path(task["project"]))
    private = Path(task["private"]) if task["private"] else None
    folder = private or project.root / "exercises" / "chapters"
    for exercises in find_exercises(project, task["chapters"], private):
        files = files_in(folder)[exercises.name]
        place = project.relative(files.question) if files.question else ""
        at = {"place": place, "subject": exercises.name, "key": "", "chapter": exercises.name}
        say(at=at)
        try:
            trials = ChapterTrials(project, exercises, files, task["framework"])
            chosen = list(trials.all(task["seeds"]))
        except (Exception, SystemExit) as error:
            fault = f"its answers cannot be tried: {error_in_words(error)}"
            say(faults=[fault])
            say(finished=exercises.name)
            continue
        say(trials=len(chosen), chapter=exercises.name)
        skip = set(task["skip"])
        for trial in chosen:
            if trial.key not in skip and _answer_of(trial.key) not in task["endless"]:
                say(at={"place": trial.place, "subject": trial.subject, "seed": trial.seed,
                        "key": trial.key, "chapter": exercises.name})  # fmt: skip
                try:
                    say(faults=trial.run())
                except QuestionError as error:
                    own = {"place": error.place, "subject": error.question}
                    say(faults=[str(error)], question=own)
        say(finished=exercises.name)


if __name__ == "__main__":
    main()
