"""What is tried on the questions of a chapter, in one framework: each answer, on each seed.

A trial is one step: it names the question, the file and the answer, and says what is wrong. So a
process that dies in it has named what it died of.
"""

from __future__ import annotations

import functools
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from d2lexercises import library
from d2lexercises.question import Question

from editions.base.project import Project
from editions.exercises import judging, written_answers
from editions.exercises.altered_replies import faults_of_odd_replies
from editions.exercises.chapter_files import ChapterFiles
from editions.exercises.exercise_files import Exercises, checks_in, read_exercise_text
from editions.exercises.python_lines import line_of_text
from editions.exercises.written_answers import Kind, Names
from editions.source.chapter import Cell


@dataclass(frozen=True)
class Trial:
    """One step: an answer, or a made-up reply, and a seed."""

    place: str  # the file of the answer, with its line where it is known
    subject: str  # the question and the answer: "blocks.residual, right answer “stacked”"
    faults: Callable[[], Iterable[str]]
    seed: int | None = None  # None: it is not about one seed

    @property
    def key(self) -> str:
        """What tells it from the other trials of a chapter."""
        return f"{self.place}|{self.subject}|{self.seed}"

    def run(self) -> list[str]:
        """What is wrong, in words; an exception is a fault of the question.

        Raises:
            QuestionError: the question's own code is wrong, and no answer is to blame.
        """
        try:
            return list(self.faults())
        except judging.QuestionError:
            raise
        except Exception as error:
            return [f"judging it raised {error_in_words(error)}"]


class ChapterTrials:
    """The trials of one chapter, in one framework."""

    def __init__(
        self, project: Project, exercises: Exercises, files: ChapterFiles, framework: str
    ) -> None:
        """`files` are those that are tried; `exercises` has their text, as it is handed out."""
        self.project, self.exercises, self.files = project, exercises, files
        self.framework = framework
        found = files.questions()
        self.texts = {name: one for name, one in found.items() if one.is_text}
        self.questions = {name: one for name, one in found.items() if name not in self.texts}

    def all(self, seeds: Sequence[int | None]) -> Iterator[Trial]:
        """Every trial. A seed of None stands for the question's public one.

        Raises:
            Exception: whatever the code cells, or the files of answers, raise.
        """
        solution, starter = self.names("solution"), self.names("starter")
        for name, question in self.questions.items():
            if name in solution["answers"]:
                yield from self._of_question(question, solution["answers"][name], seeds)
            if name in starter["answers"]:
                yield from self._of_starter(question, starter["answers"][name], seeds)
        for name, question in self.texts.items():
            for what, names in (("solution", solution), ("starter", starter)):
                if name in names["answers"]:
                    yield Trial(
                        self._place_of_section(name), f"{name}, the {what}",
                        functools.partial(
                            judging.faults_of_text, question, names["answers"][name],
                            self.framework, what == "starter",
                        ),
                    )  # fmt: skip
        for path, trials in (
            (self.files.right, self._of_right(seeds)),
            (self.files.wrong, self._of_wrong(solution, seeds)),
        ):
            try:
                yield from trials if self.questions else ()
            except written_answers.AnswersError as error:
                place = f"{self._shown(path)}:{error.line}"
                yield _fault(place, f"an answer of {self.exercises.name}", str(error))

    def names(self, kind: Kind) -> Names:
        """What the code cells define, with the starters or with the solutions."""
        chapter = self.exercises.chapter
        return written_answers.names_of(chapter, self.framework, kind, self._file_of)

    # -- of one question ---------------------------------------------------------------------------

    def _of_question(
        self, question: Question, solution: Any, seeds: Sequence[int | None]
    ) -> Iterator[Trial]:
        place = self._place_of_section(question.name)
        yield from self._on_seeds(
            place, f"{question.name}, the solution", question, seeds,
            functools.partial(judging.faults_of_right, question, solution, self.framework),
        )  # fmt: skip
        question_file = self._shown(self.files.question)
        for what, stub in judging.stubs(self.framework).items():
            faults = functools.partial(judging.faults_of_stub, question, stub, self.framework)
            yield Trial(question_file, f"{question.name}, {what} as the answer", faults)
        right = functools.cache(
            functools.partial(judging.reply_to, question, solution, self.framework)
        )
        for what in judging.guesses({}):
            yield Trial(
                question_file, f"{question.name}, {what} as the reply",
                functools.partial(self._faults_of_guess, question, right, what),
            )  # fmt: skip
        yield Trial(
            question_file, f"{question.name}, replies of another form",
            lambda: dict.fromkeys(faults_of_odd_replies(question, {self.framework: right()})),
        )  # fmt: skip

    def _faults_of_guess(
        self, question: Question, right: Callable[[], dict[str, Any]], what: str
    ) -> list[str]:
        reply = judging.guesses(right())[what]
        return judging.faults_of_guess(question, reply, self.framework)

    def _of_starter(
        self, question: Question, starter: Any, seeds: Sequence[int | None]
    ) -> Iterator[Trial]:
        faults = functools.partial(judging.faults_of_starter, question, starter, self.framework)
        place, subject = self._place_of_section(question.name), f"{question.name}, the starter"
        yield from self._on_seeds(place, subject, question, seeds, faults)

    # -- of files of answers -----------------------------------------------------------------------

    def _of_right(self, seeds: Sequence[int | None]) -> Iterator[Trial]:
        path = self.files.right
        if path is None:
            return
        for name, what, answer in written_answers.right_answers(path, self.framework):
            question = self.questions.get(name)
            place, subject = self._place_in(path, what), f"{name}, right answer “{what}”"
            if question is None:
                yield _fault(place, subject, self._unknown(name))
                continue
            faults = functools.partial(judging.faults_of_right, question, answer, self.framework)
            yield from self._on_seeds(place, subject, question, seeds, faults)

    def _unknown(self, name: str) -> str:
        if name in self.texts:
            return "it is not tried: a person marks the answers to this question"
        return f"question.py has no question {name}; it has: {', '.join(self.questions)}"

    def _of_wrong(self, solution: Names, seeds: Sequence[int | None]) -> Iterator[Trial]:
        path = self.files.wrong
        if path is None:
            return
        failing: dict[str, set[str]] = {}
        wrong = written_answers.wrong_answers(path, self.framework, solution)
        for name, what, answer, expected in wrong:
            question = self.questions.get(name)
            place, subject = self._place_in(path, what), f"{name}, wrong answer “{what}”"
            if question is None:
                yield _fault(place, subject, self._unknown(name))
                continue
            failing.setdefault(name, set()).update(expected)
            if not expected:
                yield _fault(place, subject, "it names no aspect on which it fails")
            faults = functools.partial(
                _faults_of_wrong, question, answer, self.framework, set(expected)
            )
            yield from self._on_seeds(place, subject, question, seeds, faults)
        for name in self.questions:
            if name not in failing:
                yield _fault(self._shown(path), name, "no wrong answer is tried")

    # -- where things are --------------------------------------------------------------------------

    def _on_seeds(
        self,
        place: str,
        subject: str,
        question: Question,
        seeds: Sequence[int | None],
        faults: Callable[[int], list[str]],
    ) -> Iterator[Trial]:
        for seed in seeds:
            known = question.public_seed if seed is None else seed
            yield Trial(place, subject, functools.partial(faults, known), known)

    def _place_of_section(self, name: str) -> str:
        """The file and line of the check of a question."""
        for cell in self.exercises.chapter.edition(self.framework):
            if name in [question for question, _ in checks_in(cell)]:
                return f"{self._file_of(cell)}:{cell.line}"
        return self._shown(self.files.text)

    def _file_of(self, cell: Cell) -> str:
        """The file that a cell of the handed-out text comes from."""
        private = self.exercises.private
        if private is None:
            return self.exercises.chapter.path
        own = read_exercise_text(self.project, self.exercises.name, private)
        return own.path if cell in own.cells else self.exercises.chapter.path

    def _place_in(self, path: Path, what: str) -> str:
        line = line_of_text(path, what)
        return f"{self._shown(path)}:{line}" if line else self._shown(path)

    def _shown(self, path: Path | None) -> str:
        return self.project.relative(path) if path else ""


def _faults_of_wrong(
    question: Question, answer: Any, framework: str, expected: set[str], seed: int
) -> list[str]:
    return judging.faults_of_wrong(question, answer, framework, seed, expected)


def _fault(place: str, subject: str, message: str) -> Trial:
    """A trial that cannot be made, for this reason."""
    return Trial(place, subject, lambda: [message])


_MACHINERY = (
    sysconfig.get_path("stdlib"),
    str(Path(__file__).parents[1]),
    str(Path(library.__file__).parent),
)


def error_in_words(error: BaseException) -> str:
    """An exception in words, with the line that led to it: of an author's file, if there is one."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if not _is_machinery(one.filename)] or list(frames)
    return f"{text} ({own[-1].filename}, line {own[-1].lineno})" if own else text


def _is_machinery(file: str) -> bool:
    return "site-packages" in file or file.startswith(("<frozen", *_MACHINERY))
