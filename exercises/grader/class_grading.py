"""Grade a class: collect the submissions, ask for answers, judge them, and keep the marks."""

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

from d2lexercises.question import Question

from grader.data_folder import DataFolder
from grader.gradebook.database import Gradebook, now
from grader.gradebook.records import Record, RecordStore, environment_of, record_key
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
from grader.judging.marking import UNREADABLE, Mark, mark_answer
from grader.judging.questions import (
    QuestionsError,
    inspections_of,
    known_chapters,
    load_questions,
)
from grader.judging.secret import Secret, load_secret
from grader.judging.session import Transcript
from grader.sandbox.bubblewrap import SandboxConfig
from grader.sandbox.limits import USUAL, Limits
from grader.sandbox.machine import Machine, MachineError, exposing_folder
from grader.sandbox.stage import make_stage
from grader.sandbox.workers import (
    SandboxStarter,
    Starter,
    ZygoteStarter,
    why_zygotes_fail,
)

log = logging.getLogger(__name__)

_NAME_IT = "name the chapter: --chapter blocks, or make grade CHAPTER=blocks"
_PREFIX = "d2l-grader-"  # of temporary folders


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
    unchanged: int = 0  # submissions whose marks were all known already
    fallbacks: int = 0  # workers that needed a sandbox of their own
    absent: list[Student] = field(default_factory=list)
    machine: list[str] = field(default_factory=list)  # sentences about where the code ran


@dataclass(frozen=True)
class _Task:
    """A submission to grade."""

    submission: Submission
    student: Student
    notebook: Notebook


@dataclass(frozen=True)
class _UnreadableFile:
    """A submission that cannot be graded, and the status and points of its marks."""

    submission: Submission
    student: Student
    problem: str
    status: str
    points: float | None

    def marks(self, questions: dict[str, Question]) -> list[Mark]:
        return [
            Mark(
                question.name,
                question.version,
                question.title,
                self.status,
                self.points,
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
    submissions, refused = collect(job.source, job.deadline)
    for path in filter(None, (job.source, job.data.path, job.private)):
        if job.machine.sandboxed and (folder := exposing_folder(path)):
            raise MachineError(f"{path} is below {folder}, which every sandbox shows: move it")
    if not submissions:
        lines = "".join(f"\n  {line}" for line in reasons(refused))
        raise IntakeError(f"{job.source}: no notebook (.ipynb) was handed in{lines}")
    secret = load_secret(job.data.secret)
    students = {_key(item): _student(item, job.roster, refused) for item in submissions}
    submissions = _last_of_each(submissions, students, job.roster, refused)
    tasks, unreadable = _read(submissions, students)
    chapter = job.chapter or _common_chapter([task.notebook for task in tasks], job.private)
    questions = load_questions(chapter, job.private)
    summary = GradingSummary(job.assignment or chapter, refused)
    present = {student.id for student in students.values()}
    summary.absent = [student for student in job.roster.students if student.id not in present]
    summary.machine = list(job.machine.summary)
    with Gradebook(job.data.gradebook) as book:
        for file in unreadable:
            book.enter(
                file.student,
                summary.assignment,
                file.submission.label,
                file.marks(questions),
                late=file.submission.late,
                problem=file.problem,
            )
        done = len(unreadable)
        progress(done, len(submissions))
        with _ClassGrader(job, summary, questions, secret) as grader:
            for task, record in grader.run(tasks):
                book.enter(
                    task.student,
                    summary.assignment,
                    task.submission.label,
                    record.marks.values(),
                    record=record.key,
                    late=task.submission.late,
                    unsafe=not job.machine.sandboxed,
                )
                done += 1
                progress(done, len(submissions))
    return summary


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
        self.records = RecordStore(job.data.records)
        self.stop = threading.Event()
        self._stack = contextlib.ExitStack()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> _ClassGrader:
        _remove_stale_folders()
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
        )
        Path(folder).chmod(0o755)  # the sandbox may be started by another user
        make_stage(Path(folder) / "stage", self.job.private)
        self.config = SandboxConfig(self.job.machine, Path(folder) / "stage", self.job.limits)
        self.fast = False
        self.cluster: Cluster | None = None
        self.threads = self.job.jobs
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
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def run(self, tasks: list[_Task]) -> Iterator[tuple[_Task, Record]]:
        """Yield every submission with its record, in the order in which they are finished."""
        todo: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[_Task, Record] | BaseException] = queue.SimpleQueue()
        for task in tasks:
            todo.put(task)
        for number in range(min(self.threads, len(tasks))):
            thread = threading.Thread(target=self._serve, args=(number, todo, done), daemon=True)
            self._threads.append(thread)
            thread.start()
        for _ in tasks:
            result = done.get()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _serve(
        self,
        number: int,
        todo: queue.SimpleQueue[_Task],
        done: queue.SimpleQueue[tuple[_Task, Record] | BaseException],
    ) -> None:
        """Grade submissions until there are no more, in the thread with this number."""
        # A worker ends with the thread that started it, so each thread has its own starter. Each
        # uses its own processors, so that no submission can take time from another.
        all_cpus = sorted(os.sched_getaffinity(0))
        cpus = tuple(all_cpus[number % len(all_cpus) :: self.threads])
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
                done.put((task, self._grade(task, collect_answers)))
        except session.Stopped:
            pass  # the unfinished submission leaves no record
        except BaseException as error:
            done.put(error)
        finally:
            self.summary.fallbacks += starter.fallbacks
            starter.close()

    def _grade(self, task: _Task, collect_answers: Callable[..., Transcript]) -> Record:
        """Return the record of a submission. Only questions without a valid mark are asked."""
        framework, cells = task.notebook.framework, list(task.notebook.cells)
        student, assignment = task.student.id, self.summary.assignment
        environment = environment_of(framework, not self.job.machine.sandboxed)
        key = record_key(student, assignment, cells, environment, self.secret.fingerprint)
        label = task.submission.label
        record = Record(key, student, assignment, label, framework, environment, cells)
        known = self.records.load(student, assignment, key)
        if known is not None and not self.job.again:
            record = known
        marks = {} if self.job.again else record.valid_marks(self.questions)
        missing = [name for name in self.questions if name not in marks]
        if not missing:
            self.summary.unchanged += 1
        else:

            def draw(name: str) -> dict[str, Any]:
                return self.questions[name].draw(self.secret.seed(student, assignment, name))

            inspections = inspections_of({name: self.questions[name] for name in missing})
            try:
                transcript = collect_answers(
                    *(cells, missing, framework, draw), stop=self.stop, inspections=inspections
                )
            except session.Stopped:
                raise
            except Exception as error:  # a fault of the grader: the others are graded all the same
                problem = f"grading failed: {type(error).__name__}: {error}"[:300]
                log.error("%s: %s", label, problem)
                failed = {name: session.Answer(session.NEEDS_PERSON) for name in missing}
                transcript = Transcript(failed, [problem])
            for name, answer in transcript.answers.items():
                marks[name] = mark_answer(
                    self.questions[name], answer, functools.partial(draw, name), framework
                )
            record.notes, record.seconds = transcript.notes, round(transcript.seconds, 3)
            self.summary.asked[student] += len(missing)
        record.marks = {name: marks[name] for name in self.questions}
        record.label, record.graded_at = label, record.graded_at or now()
        if missing:
            record.graded_at = now()
            self.records.save(record)
        return record


def _remove_stale_folders() -> None:
    """Delete the temporary folders that killed graders left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _read(
    submissions: list[Submission], students: dict[tuple[str, str], Student]
) -> tuple[list[_Task], list[_UnreadableFile]]:
    """Read the notebooks. A file that is no notebook earns 0 points; damage needs a person."""
    tasks: list[_Task] = []
    unreadable: list[_UnreadableFile] = []
    for submission in submissions:
        student = students[_key(submission)]
        try:
            tasks.append(_Task(submission, student, read_notebook(submission.read())))
        except (DamagedError, OSError) as error:
            status = session.NEEDS_PERSON
            unreadable.append(_UnreadableFile(submission, student, str(error), status, None))
        except NotebookError as error:
            unreadable.append(_UnreadableFile(submission, student, str(error), UNREADABLE, 0.0))
    return tasks, unreadable


def _last_of_each(
    submissions: list[Submission],
    students: dict[tuple[str, str], Student],
    roster: Roster,
    refused: list[Refused],
) -> list[Submission]:
    """Keep one submission for each student, since several names may belong to one student.

    A submission with the student's id takes precedence over one with only a name.
    """
    last: dict[str, Submission] = {}
    for submission in sorted(submissions, key=lambda item: (roster.has_id(item), item.order)):
        student = students[_key(submission)]
        if (earlier := last.get(student.id)) is not None:
            by_id = roster.has_id(submission) and not roster.has_id(earlier)
            reason = "one with the student's id counts" if by_id else "a later submission counts"
            refused.append(Refused(earlier.label, reason))
        last[student.id] = submission
    return [item for item in submissions if last[students[_key(item)].id] is item]


def _key(submission: Submission) -> tuple[str, str]:
    """Return the identity of a submission; labels are for people, and need not be unique."""
    return submission.system, submission.user


def _common_chapter(notebooks: list[Notebook], private: Path | None) -> str:
    """Return the chapter whose checks most notebooks call, of the chapters that exist.

    Raises:
        QuestionsError: no notebook calls a check, or several chapters are equally frequent.
    """
    known = known_chapters(private)
    counts = Counter(chapter for notebook in notebooks for chapter in notebook.chapters & known)
    if not counts:
        raise QuestionsError(f"no submission calls a check; {_NAME_IT}")
    most = max(counts.values())
    frequent = sorted(chapter for chapter, count in counts.items() if count == most)
    if len(frequent) > 1:
        raise QuestionsError(
            f"equally many submissions call checks of {' and of '.join(frequent)}; {_NAME_IT}"
        )
    return frequent[0]


def _student(submission: Submission, roster: Roster, refused: list[Refused]) -> Student:
    """Return the student of a submission; if the roster lacks them, add a line to `refused`."""
    if (student := roster.find(submission)) is not None:
        return student
    if roster.students:
        reason = f"nobody in the roster matches; graded as {submission.user}"
        refused.append(Refused(submission.label, reason))
    return Student(submission.user, submission.name)
