"""Grade a class: take what was handed in, ask for answers, judge, and keep what was found."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import queue
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from d2lcompute.checks.question import Question
from grader.gradebook.database import FILE, Gradebook, now
from grader.gradebook.records import Record, Results, environment, record_key
from grader.intake.notebooks import Notebook, NotebookError, read_notebook
from grader.intake.roster import Roster, Student
from grader.intake.submissions import (
    DamagedError,
    IntakeError,
    Refused,
    Submission,
    collect,
    reasons,
)
from grader.judging import session
from grader.judging.cluster import Cluster
from grader.judging.marking import Mark, mark
from grader.judging.questions import QuestionsError, known_chapters, load_questions
from grader.judging.secret import Secret, load_secret
from grader.judging.session import Transcript
from grader.sandbox.limits import USUAL, Limits
from grader.sandbox.machine import Machine, MachineError, exposed
from grader.sandbox.stage import make_stage
from grader.sandbox.workers import Grounds, Sandboxes, Zygotes, nesting_works

log = logging.getLogger(__name__)

_NAME_IT = "name the chapter: --chapter blocks, or make grade CHAPTER=blocks"
_PREFIX = "d2l-grader-"  # of temporary folders
UNREADABLE = "unreadable"  # the file is no notebook


@dataclass(frozen=True)
class Order:
    """What is to be graded, and how."""

    source: Path
    data: Path  # the folder of the secret, the gradebook and the records
    machine: Machine
    assignment: str = ""  # "": the chapter's name
    chapter: str = ""  # "": the one whose checks most submissions call
    private: Path | None = None
    roster: Roster = field(default_factory=lambda: Roster(()))
    deadline: datetime | None = None
    jobs: int = 1
    limits: Limits = USUAL
    fast: bool = True  # import the framework once, where that is possible
    scheduler: str = ""  # the address of a dask.distributed scheduler: probes run there
    again: bool = False  # grade again what has been graded

    @property
    def gradebook(self) -> Path:
        """The file of the gradebook."""
        return self.data / FILE

    @property
    def results(self) -> Results:
        """The folder of records."""
        return Results(self.data / "results")


@dataclass
class Outcome:
    """What came of grading a class."""

    assignment: str
    refused: list[Refused]
    asked: Counter[str] = field(default_factory=Counter)  # answers asked for, by student
    kept: int = 0  # submissions of which every mark was known already
    fallbacks: int = 0  # workers that needed a sandbox of their own
    absent: list[Student] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)  # on the machine


@dataclass(frozen=True)
class _Work:
    submission: Submission
    student: Student
    notebook: Notebook


def grade(order: Order, progress: Callable[[int, int], None] = lambda done, all: None) -> Outcome:
    """Grade what is new in `order`. Stopping it, by whatever means, loses nothing that is done.

    Raises:
        IntakeError, QuestionsError, SecretError, MachineError: nothing could be graded; says why.
    """
    submissions, refused = collect(order.source, order.deadline)
    for path in filter(None, (order.source, order.data, order.private)):
        if order.machine.sandboxed and (folder := exposed(path)):
            raise MachineError(f"{path} lies below {folder}, which every sandbox shows: move it")
    if not submissions:
        what = "".join(f"\n  {line}" for line in reasons(refused))
        raise IntakeError(f"{order.source}: no notebook (.ipynb) was handed in{what}")
    secret = load_secret(order.data / "secret")
    students = {_key(one): _student(one, order.roster, refused) for one in submissions}
    submissions = _last_of_each(submissions, students, order.roster, refused)
    works: list[_Work] = []
    unreadable: list[tuple[Submission, str, float | None, str]] = []
    for one in submissions:
        try:
            works.append(_Work(one, students[_key(one)], read_notebook(one.read())))
        except (DamagedError, OSError) as error:
            unreadable.append((one, session.NEEDS_PERSON, None, str(error)))
        except NotebookError as error:
            unreadable.append((one, UNREADABLE, 0.0, str(error)))
    chapter = order.chapter or _common_chapter([work.notebook for work in works], order.private)
    questions = load_questions(chapter, order.private)
    outcome = Outcome(order.assignment or chapter, refused)
    present = {student.id for student in students.values()}
    outcome.absent = [one for one in order.roster.students if one.id not in present]
    outcome.sentences = list(order.machine.sentences)
    with Gradebook(order.gradebook) as book:
        for one, status, points, problem in unreadable:
            marks = [
                Mark(q.name, q.version, q.title, status, points, float(q.points), problem)
                for q in questions.values()
            ]
            student = students[_key(one)]
            book.enter(
                student, outcome.assignment, one.label, marks, late=one.late, problem=problem
            )
        done = len(unreadable)
        progress(done, len(submissions))
        with _Class(order, outcome, questions, secret) as grading:
            for work, record in grading.run(works):
                book.enter(
                    work.student,
                    outcome.assignment,
                    work.submission.label,
                    record.marks.values(),
                    record=record.key,
                    late=work.submission.late,
                    unsafe=not order.machine.sandboxed,
                )
                done += 1
                progress(done, len(submissions))
    return outcome


class _Class:
    """The threads that grade; each has workers of its own, one at a time."""

    def __init__(
        self, order: Order, outcome: Outcome, questions: dict[str, Question], secret: Secret
    ) -> None:
        self.order, self.outcome = order, outcome
        self.questions, self.secret = questions, secret
        self.stop = threading.Event()
        self._stack = contextlib.ExitStack()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> _Class:
        _remove_stale()
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
        )
        Path(folder).chmod(0o755)  # whoever the sandbox is started by
        make_stage(Path(folder) / "stage", self.order.private)
        machine = self.order.machine
        self.grounds = Grounds(machine, Path(folder) / "stage", self.order.limits)
        self.fast = False
        self.cluster: Cluster | None = None
        self.threads = self.order.jobs
        if self.order.scheduler:
            self.cluster = Cluster(self.order.scheduler, self.grounds.stage, self.order.limits)
            self._stack.callback(self.cluster.close)
            self.threads = self.cluster.threads
            self.outcome.sentences.append(f"probes on {self.order.scheduler}")
        elif self.order.fast:
            problem = nesting_works(self.grounds)
            self.fast = not problem
            if problem:
                self.outcome.sentences.append(f"a sandbox for every submission: {problem}")
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def run(self, works: list[_Work]) -> Iterator[tuple[_Work, Record]]:
        """Every submission with its record, as they become ready."""
        todo: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[_Work, Record] | BaseException] = queue.SimpleQueue()
        for work in works:
            todo.put(work)
        for number in range(min(self.threads, len(works))):
            thread = threading.Thread(target=self._serve, args=(number, todo, done), daemon=True)
            self._threads.append(thread)
            thread.start()
        for _ in works:
            result = done.get()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _serve(
        self,
        number: int,
        todo: queue.SimpleQueue[_Work],
        done: queue.SimpleQueue[tuple[_Work, Record] | BaseException],
    ) -> None:
        # A worker dies with the thread that started it, so each thread keeps its own to the end.
        # Each keeps to processors of its own, so that no submission can starve another.
        all_cpus = sorted(os.sched_getaffinity(0))
        cpus = tuple(all_cpus[number % len(all_cpus) :: self.threads])
        grounds = dataclasses.replace(self.grounds, cpus=cpus)
        starter = Zygotes(grounds) if self.fast else Sandboxes(grounds)
        ask = (
            self.cluster.ask
            if self.cluster
            else functools.partial(session.ask, starter=starter, limits=self.order.limits)
        )
        try:
            while not self.stop.is_set():
                try:
                    work = todo.get_nowait()
                except queue.Empty:
                    break
                done.put((work, self._grade(work, ask)))
        except session.Stopped:
            pass  # nothing of it is kept
        except BaseException as error:
            done.put(error)
        finally:
            self.outcome.fallbacks += getattr(starter, "fallbacks", 0)
            starter.close()

    def _grade(self, work: _Work, ask: Callable[..., Transcript]) -> Record:
        """The record of a submission; what is known already is not asked again."""
        framework, cells = work.notebook.framework, list(work.notebook.cells)
        student, assignment = work.student.id, self.outcome.assignment
        where = environment(framework, not self.order.machine.sandboxed)
        key = record_key(student, assignment, cells, where, self.secret.fingerprint)
        results = self.order.results
        record = Record(
            key, student, assignment, work.submission.label, framework, where, cells
        )  # fmt: skip
        known = results.load(student, assignment, key)
        if known is not None and not self.order.again:
            record = known
        marks = {} if self.order.again else record.standing(self.questions)
        missing = [name for name in self.questions if name not in marks]
        if not missing:
            self.outcome.kept += 1
        else:

            def draw(name: str) -> dict[str, Any]:
                return self.questions[name].draw(self.secret.seed(student, assignment, name))

            try:
                transcript = ask(cells, missing, framework, draw, stop=self.stop)
            except session.Stopped:
                raise
            except Exception as error:  # a fault of the grader: it stops no other submission
                said = f"grading failed: {type(error).__name__}: {error}"[:300]
                log.error("%s: %s", work.submission.label, said)
                failed = {name: session.Answer(session.NEEDS_PERSON) for name in missing}
                transcript = Transcript(failed, [said])
            for name, answer in transcript.answers.items():
                marks[name] = mark(
                    self.questions[name], answer, functools.partial(draw, name), framework
                )
            record.notes, record.seconds = transcript.notes, round(transcript.seconds, 3)
            self.outcome.asked[student] += len(missing)
        record.marks = {name: marks[name] for name in self.questions}
        record.label, record.graded_at = work.submission.label, record.graded_at or now()
        if missing:
            record.graded_at = now()
            results.save(record)
        return record


def _remove_stale() -> None:
    """Remove the folders of graders that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _last_of_each(
    submissions: list[Submission],
    students: dict[tuple[str, str], Student],
    roster: Roster,
    refused: list[Refused],
) -> list[Submission]:
    """One submission a student: the roster may tell that two names are one person's.

    One that bears the student's id is not superseded by one that bears a name alone.
    """
    last: dict[str, Submission] = {}
    for one in sorted(submissions, key=lambda found: (roster.has_id(found), found.order)):
        if (older := last.get(students[_key(one)].id)) is not None:
            sure = roster.has_id(one) and not roster.has_id(older)
            said = "one with the student's id counts" if sure else "a later submission counts"
            refused.append(Refused(older.label, said))
        last[students[_key(one)].id] = one
    return [one for one in submissions if last[students[_key(one)].id] is one]


def _key(submission: Submission) -> tuple[str, str]:
    """What tells submissions apart; labels are for people, and may be the same."""
    return submission.system, submission.user


def _common_chapter(notebooks: list[Notebook], private: Path | None) -> str:
    """The chapter whose checks most notebooks call, of those that there are.

    Raises:
        QuestionsError: there is none, or several are called as often.
    """
    known = known_chapters(private)
    found = Counter(chapter for notebook in notebooks for chapter in notebook.chapters & known)
    if not found:
        raise QuestionsError(f"no submission calls a check; {_NAME_IT}")
    most = max(found.values())
    often = sorted(chapter for chapter, count in found.items() if count == most)
    if len(often) > 1:
        said = " and of ".join(often)
        raise QuestionsError(f"as many call checks of {said}; {_NAME_IT}")
    return often[0]


def _student(submission: Submission, roster: Roster, refused: list[Refused]) -> Student:
    """The student who handed a file in; noted if the roster does not know them."""
    if (found := roster.find(submission)) is not None:
        return found
    if roster.students:
        said = f"nobody in the roster fits; graded as {submission.user}"
        refused.append(Refused(submission.label, said))
    return Student(submission.user, submission.name)
