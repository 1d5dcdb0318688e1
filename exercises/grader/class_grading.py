"""Grade a class: collect the submissions, ask for answers, judge them, and keep the marks."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import queue
import shutil
import sqlite3
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from d2lexercises.answers import questions_named_in
from d2lexercises.faults import undefined_in
from d2lexercises.question import Question

from grader.data_folder import DataFolder
from grader.gradebook.database import Gradebook
from grader.gradebook.hand_ins import files_of, sort_out, without_a_file
from grader.gradebook.keeping import MarkKeeper, assigned_files, remembered_roster
from grader.gradebook.records import Record, RecordStore, environment_of, record_key
from grader.gradebook.schema import now
from grader.intake.choosing import Candidate, candidates_of, choose
from grader.intake.notebooks import (
    Notebook,
    is_overwritten,
    is_written,
    name_of_answer,
    names_of_answers,
)
from grader.intake.roster import Roster, Student
from grader.intake.submissions import (
    IntakeError,
    Refused,
    Submission,
    collect,
    reasons,
)
from grader.intake.written import markdown_of_students
from grader.judging import session
from grader.judging.cluster import Cluster
from grader.judging.marking import Mark, mark_answer
from grader.judging.questions import (
    QuestionsError,
    known_chapters,
    load_questions,
    plans_of,
)
from grader.judging.secret import Secret, load_secret
from grader.judging.session import Answer, Transcript
from grader.sandbox.bubblewrap import SandboxConfig
from grader.sandbox.guard import Guard
from grader.sandbox.limits import USUAL, Limits
from grader.sandbox.machine import Machine, MachineError, exposing_folder
from grader.sandbox.processes import processors
from grader.sandbox.stage import make_stage
from grader.sandbox.workers import (
    SandboxStarter,
    Starter,
    ZygoteStarter,
    why_zygotes_fail,
)
from grader.under_way import MOST_DEATHS, UnderWay

log = logging.getLogger(__name__)

A_TERM = timedelta(days=100)  # what was graded longer ago may be another class's
_NAME_IT = "name the chapter: --chapter blocks, or make grade CHAPTER=blocks"
_PREFIX = "d2l-grader-"  # of temporary folders
_DIED = "a grader died while it was graded"
_ENDS_THE_GRADER = (
    f"The grader died {MOST_DEATHS} times while it graded this submission alone: look at its code; "
    "--again tries once more."
)


@dataclass(frozen=True)
class GradingJob:
    """What to grade, and how."""

    source: Path
    data: DataFolder
    machine: Machine
    assignment: str = ""  # "": the chapter's name
    chapter: str = ""  # "": the chapter whose checks most submissions call
    private: Path | None = None  # the folder of private questions
    roster: Roster = field(default_factory=lambda: Roster(()))
    deadline: datetime | None = None
    jobs: int = 1  # submissions at a time
    limits: Limits = USUAL
    fast: bool = True  # import the framework once, if that is possible
    scheduler: str = ""  # the address of a dask.distributed scheduler that runs the probes
    again: bool = False  # grade again what has been graded


@dataclass
class GradingSummary:
    """What grading a class resulted in, apart from the marks."""

    assignment: str
    refused: list[Refused]
    asked: Counter[str] = field(default_factory=Counter)  # answers asked for, by student
    alone: dict[str, str] = field(default_factory=dict)  # why some were graded last, by label
    moved: dict[str, int] = field(default_factory=dict)  # submissions by a question's earlier name
    unchanged: int = 0  # submissions whose marks were all known already
    fallbacks: int = 0  # workers that needed a sandbox of their own
    present: set[str] = field(default_factory=set)  # ids of those who handed in, groups included
    absent: list[Student] = field(default_factory=list)
    earlier: set[str] = field(default_factory=set)  # ids of those graded more than a term ago
    shared: dict[str, list[Student]] = field(default_factory=dict)  # who has the mark of a student
    machine: list[str] = field(default_factory=list)  # sentences about where the code ran


@dataclass(frozen=True)
class _Task:
    """A submission to grade."""

    submission: Submission
    student: Student
    notebook: Notebook
    unasked: str = ""  # why questions that it does not ask need a person


@dataclass(frozen=True)
class _UnreadableFile:
    """A submission that cannot be graded here, so that a person has to look at it."""

    submission: Submission
    student: Student
    problem: str

    def marks(self, questions: dict[str, Question]) -> list[Mark]:
        return [
            Mark(
                question.name,
                question.version,
                question.title,
                session.NEEDS_PERSON,
                None,
                float(question.points),
                self.problem,
            )
            for question in questions.values()
        ]


def grade_class(
    job: GradingJob, progress: Callable[[int, int], None] = lambda done, total: None
) -> GradingSummary:
    """Grade everything new in `job`. It can be interrupted at any time; finished marks are kept.

    Raises:
        IntakeError, QuestionsError, SecretError, MachineError: nothing could be graded; the
            message says why.
    """
    if not job.roster.students:
        name = job.assignment or job.chapter
        job = dataclasses.replace(job, roster=remembered_roster(job.data.gradebook, name))
    submissions, refused = collect(job.source, job.deadline, job.roster.knows)
    ungradable = [one for one in refused if one.submission is not None]
    for path in filter(None, (job.source, job.data.path, job.private)):
        if job.machine.sandboxed and (folder := exposing_folder(path)):
            raise MachineError(f"{path} is below {folder}, which every sandbox shows: move it")
    if not submissions and not ungradable:
        lines = "".join(f"\n  {line}" for line in reasons(refused))
        raise IntakeError(f"{job.source}: no notebook (.ipynb) was handed in{lines}")
    secret = load_secret(job.data.secret)
    assigned = assigned_files(job.data.gradebook, job.assignment or job.chapter)
    given = list(refused)
    entries = sort_out(submissions, refused, job.roster, assigned)
    files_there = files_of(submissions, given, entries, job.roster)
    refused += without_a_file(assigned, files_there)
    candidates = [candidates_of(entry.submission) for entry in entries]
    known = known_chapters(job.private)
    chapter = job.chapter or _common_chapter(candidates, known)
    questions = load_questions(chapter, job.private)
    tasks: list[_Task] = []
    unreadable: list[_UnreadableFile] = []
    for entry, files in zip(entries, candidates, strict=True):
        choice = choose(files, questions, chapter, known, refused)
        entry.submission = submission = choice.candidate.submission
        if choice.problem or choice.candidate.notebook is None:
            unreadable.append(_UnreadableFile(submission, entry.student, choice.problem))
        else:
            notebook = choice.candidate.notebook
            tasks.append(_Task(submission, entry.student, notebook, choice.unasked))
    summary = GradingSummary(job.assignment or chapter, refused)
    named = Counter(name for task in tasks for name in task.notebook.moved(chapter))
    summary.moved = {name: count for name, count in named.items() if name not in questions}
    summary.present = {one.id for entry in entries for one in (entry.student, *entry.partners)}
    summary.absent = [one for one in job.roster.students if one.id not in summary.present]
    summary.shared = {entry.student.id: entry.partners for entry in entries if entry.partners}
    summary.machine = list(job.machine.summary)
    with Gradebook(job.data.gradebook) as book:
        summary.earlier = book.graded(summary.assignment, before=datetime.now(UTC) - A_TERM)
        keeper = MarkKeeper(
            book,
            RecordStore(job.data.records),
            summary.assignment,
            {entry.student.id: entry for entry in entries},
            not job.machine.sandboxed,
        )
        # What is entered, in order; it waits while another program keeps the gradebook from it.
        waiting: list[Callable[[], None]] = [
            functools.partial(keeper.begin, questions, job.roster, job.deadline, files_there)
        ]
        for file in unreadable:
            marks = file.marks(questions)
            whose = file.student.id, marks, file.problem
            waiting.append(functools.partial(keeper.enter_unreadable, *whose))
        _enter(waiting)
        done = len(unreadable)
        progress(done, len(entries))
        written = markdown_of_students(
            {task.student.id: task.submission for task in tasks}, questions, chapter
        )
        with _ClassGrader(job, summary, questions, secret) as grader:
            for task, record in grader.run(tasks):
                words = written.get(task.student.id, "")
                waiting.append(functools.partial(keeper.enter, task.student.id, record, words))
                _enter(waiting)
                done += 1
                progress(done, len(entries))
        while waiting:
            log.error("%s: another program reads it; waiting for it to end", job.data.gradebook)
            _enter(waiting)
    return summary


def _enter(waiting: list[Callable[[], None]]) -> None:
    """Make the entries that wait, up to one for which the gradebook is locked by its readers."""
    while waiting:
        try:
            waiting[0]()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return
        del waiting[0]


_NOT_HANDED_IN = "The notebook defines {}, and no check of this question."
_NOT_CODE = "{} is in a cell that is not code, perhaps by a wrong key."
_OVERWRITTEN = "The notebook defines {}, and then once more with nothing filled in."


class _ClassGrader:
    """The threads that grade. Each starts its own workers, one at a time."""

    def __init__(
        self,
        job: GradingJob,
        summary: GradingSummary,
        questions: dict[str, Question],
        secret: Secret,
    ) -> None:
        self.job, self.summary = job, summary
        self.questions, self.secret = questions, secret
        self.names: dict[str, str] = {}  # of answers, by question
        self.keys: dict[str, str] = {}  # of records, by student
        for chapter in {question.chapter for question in questions.values()}:
            self.names |= names_of_answers(chapter)
        self.records = RecordStore(job.data.records)
        self.under_way = UnderWay(job.data.under_way)
        self.stop = threading.Event()
        self._stack = contextlib.ExitStack()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> _ClassGrader:
        return self

    def _prepare(self) -> None:
        """Stage the questions and find out how code can be run; takes seconds.

        Raises:
            QuestionsError: a question cannot be staged.
            ClusterError: the cluster cannot be used.
        """
        _remove_stale_folders()
        guard = Guard()
        self._stack.callback(guard.close)
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
        )
        guard.folder(Path(folder))
        Path(folder).chmod(0o711)  # the sandbox may be started by another user
        try:
            make_stage(
                Path(folder) / "stage",
                self.job.private,
                chapters={question.chapter for question in self.questions.values()},
                user=self.job.machine.user,
            )
        except ValueError as error:
            self._stack.close()
            raise QuestionsError(str(error)) from None
        stage = Path(folder) / "stage"
        self.config = SandboxConfig(self.job.machine, stage, self.job.limits, guard=guard)
        self.fast = False
        self.cluster: Cluster | None = None
        self.threads = min(self.job.jobs, processors())
        if self.threads < self.job.jobs and not self.job.scheduler:
            some = f"{self.threads} at a time: this process may use no more processors"
            self.summary.machine.append(some)
        if self.job.scheduler:
            self.cluster = Cluster(self.job.scheduler, self.config.stage, self.job.limits)
            self._stack.callback(self.cluster.close)
            self.threads = self.cluster.threads
            self.summary.machine.append(f"probes on {self.job.scheduler}")
        elif self.job.fast:
            problem = why_zygotes_fail(self.config)
            self.fast = not problem
            if problem:
                self.summary.machine.append(f"a sandbox for every submission: {problem}")

    def __exit__(self, *exception: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def run(self, tasks: list[_Task]) -> Iterator[tuple[_Task, Record]]:
        """Yield every submission with its record, in the order in which they are finished.

        Those that are graded already come first; if there are no others, nothing is run. What was
        being graded when a grader died, and what failed but perhaps because of others, comes last,
        one at a time while nothing else runs.
        """
        new = []
        for task in tasks:
            known = None if self.job.again else self._known(task)
            if known is None:
                new.append(task)
            else:
                yield task, known
        if not new:
            return
        self._prepare()
        last = []
        for task in new:
            if self.under_way.deaths(self._key(task)) is not None:
                self.summary.alone[task.submission.label] = _DIED
                last.append(task)
        for task, record in self._run([task for task in new if task not in last], self.threads):
            if isinstance(record, str):
                self.summary.alone[task.submission.label] = record
                last.append(task)
            else:
                yield task, record
        for task, record in self._run(last, 1, alone=True):
            if not isinstance(record, str):
                yield task, record

    def _run(
        self, tasks: list[_Task], threads: int, alone: bool = False
    ) -> Iterator[tuple[_Task, Record | str]]:
        """Yield every submission with its record, or with the reason to grade it alone."""
        todo: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[_Task, Record | str] | BaseException] = queue.SimpleQueue()
        for task in tasks:
            todo.put(task)
        started = []
        for number in range(min(threads, len(tasks))):
            arguments = (number, threads, todo, done, alone)
            thread = threading.Thread(target=self._serve, args=arguments, daemon=True)
            self._threads.append(thread)
            started.append(thread)
            thread.start()
        for _ in tasks:
            result = done.get()
            if isinstance(result, BaseException):
                raise result
            yield result
        for thread in started:
            thread.join()  # its sandboxes have ended then

    def _serve(
        self,
        number: int,
        threads: int,
        todo: queue.SimpleQueue[_Task],
        done: queue.SimpleQueue[tuple[_Task, Record | str] | BaseException],
        alone: bool,
    ) -> None:
        """Grade submissions until there are no more, in the thread with this number."""
        # A worker ends with the thread that started it, so each thread has its own starter. Each
        # uses its own processors, so that no submission can take time from another.
        all_cpus = sorted(os.sched_getaffinity(0))
        cpus = tuple(all_cpus[number % len(all_cpus) :: threads])
        config = dataclasses.replace(self.config, cpus=cpus)
        starter: Starter = ZygoteStarter(config) if self.fast else SandboxStarter(config)
        collect_answers = (
            self.cluster.collect_answers
            if self.cluster
            else functools.partial(session.collect_answers, starter=starter, limits=self.job.limits)
        )
        try:
            while not self.stop.is_set():
                try:
                    task = todo.get_nowait()
                except queue.Empty:
                    break
                done.put((task, self._grade(task, collect_answers, alone)))
        except session.Stopped:
            pass  # the unfinished submission leaves no record
        except BaseException as error:
            done.put(error)
        finally:
            self.summary.fallbacks += starter.fallbacks
            starter.close()

    def _environment(self, task: _Task) -> dict[str, str]:
        return environment_of(task.notebook.framework, not self.job.machine.sandboxed)

    def _key(self, task: _Task) -> str:
        """Return the key of a submission's record."""
        whose = task.student.id, self.summary.assignment
        if whose[0] not in self.keys:
            what = list(task.notebook.cells), self._environment(task)
            self.keys[whose[0]] = record_key(*whose, *what, self.secret.fingerprint)
        return self.keys[whose[0]]

    def _why_a_person(self, name: str, answer: Answer, task: _Task) -> str:
        """Return why a right answer may be in the notebook, though this one lost points; or ""."""
        cells, texts = task.notebook.cells, task.notebook.texts
        word = self.names.get(name) or name_of_answer(name, cells)
        if answer.status == session.MISSING:
            if word and is_written(word, cells):
                return _NOT_HANDED_IN.format(word)
            if name in questions_named_in("\n".join(texts)):
                return _NOT_CODE.format("The check of this question")
            if task.unasked:
                return task.unasked
        raised = {"error": answer.detail} if answer.status == session.RAISED else answer.outputs
        for missing in sorted(undefined_in(raised)):
            if is_written(missing, texts):
                return _NOT_CODE.format(missing)
        return _OVERWRITTEN.format(word) if word and is_overwritten(word, cells) else ""

    def _known(self, task: _Task) -> Record | None:
        """Return the record of a submission whose marks are all known; None for any other."""
        key = self._key(task)
        record = self.records.load(task.student.id, self.summary.assignment, key)
        if record is None:
            return None
        marks = record.valid_marks(self.questions)
        if any(name not in marks for name in self.questions):
            return None
        self.under_way.end(key)
        self.summary.unchanged += 1
        record.label, record.graded_at = task.submission.label, record.graded_at or now()
        record.marks = {name: marks[name] for name in self.questions}
        return record

    def _grade(
        self, task: _Task, collect_answers: Callable[..., Transcript], alone: bool
    ) -> Record | str:
        """Return the record of a submission, or the reason to grade it once more, alone.

        Only questions without a valid mark are asked.
        """
        framework, cells = task.notebook.framework, list(task.notebook.cells)
        student, assignment = task.student.id, self.summary.assignment
        environment, key = self._environment(task), self._key(task)
        label = task.submission.label
        record = Record(key, student, assignment, label, framework, environment, cells)
        known = self.records.load(student, assignment, key)
        if known is not None and not self.job.again:
            record = known
        marks = {} if self.job.again else record.valid_marks(self.questions)
        missing = [name for name in self.questions if name not in marks]

        def draw(name: str, number: int) -> dict[str, Any]:
            return self.questions[name].draw(self.secret.seed(student, assignment, name, number))

        plans = plans_of({name: self.questions[name] for name in missing})
        died = self.under_way.deaths(key)
        given_up = died is not None and died.alone >= MOST_DEATHS and not self.job.again
        try:
            if given_up:
                failed = dict.fromkeys(missing, session.needs_person(_ENDS_THE_GRADER))
                transcript = Transcript(failed, [_ENDS_THE_GRADER])
            else:
                self.under_way.begin(key, alone)
                transcript = collect_answers(
                    *(cells, missing, framework, draw),
                    stop=self.stop,
                    plans=plans,
                    alone=alone,
                )
        except session.Stopped:
            self.under_way.end(key)
            raise
        except Exception as error:  # a fault of the grader: the others are graded all the same
            self.under_way.end(key)
            problem = f"grading failed: {type(error).__name__}: {error}"[:300]
            log.error("%s: %s", label, problem)
            failed = dict.fromkeys(missing, session.needs_person(problem))
            transcript = Transcript(failed, [problem])
        if transcript.doubt and not alone:
            self.under_way.end(key)
            return transcript.doubt
        for name, answer in transcript.answers.items():
            question, inputs = self.questions[name], functools.partial(draw, name, answer.drawn)
            mark = mark_answer(question, answer, inputs, framework)
            lost = mark.points is not None and mark.points < mark.out_of
            if lost and (said := self._why_a_person(name, answer, task)):
                answer = session.needs_person(said, final=True)
                mark = mark_answer(question, answer, inputs, framework)
            marks[name] = mark
        record.looks = transcript.looks
        record.notes, record.seconds = transcript.notes, round(transcript.seconds, 3)
        self.summary.asked[student] += len(missing)
        record.marks = {name: marks[name] for name in self.questions}
        record.label, record.graded_at = label, now()
        self.records.save(record)
        if not given_up:
            self.under_way.end(key)  # not before: judging may end the grader too
        return record


def _remove_stale_folders() -> None:
    """Delete the temporary folders that killed graders left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _common_chapter(candidates: list[list[Candidate]], known: set[str]) -> str:
    """Return the chapter that most students handed in, of the chapters that exist.

    Raises:
        QuestionsError: no notebook calls a check, or several chapters are equally frequent.
    """
    counts = Counter(
        chapter
        for files in candidates
        for chapter in set().union(*(one.chapters(known) for one in files))
    )
    if not counts:
        raise QuestionsError(f"no submission calls a check; {_NAME_IT}")
    most = max(counts.values())
    frequent = sorted(chapter for chapter, count in counts.items() if count == most)
    if len(frequent) > 1:
        raise QuestionsError(
            f"equally many submissions call checks of {' and of '.join(frequent)}; {_NAME_IT}"
        )
    return frequent[0]
