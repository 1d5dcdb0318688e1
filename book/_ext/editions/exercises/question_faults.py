"""What is wrong with the files of a chapter's exercises, as far as it shows without a framework.

Each fault is one line that begins with the file that was read, and the line of it where that is
known. `make exercises` hands out nothing that has one.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from d2lexercises.answers import python_of
from d2lexercises.question import Question, give_verdict
from d2lexercises.vocabulary import WrittenQuestion
from d2lexercises.wire import WireError, encode

from editions.base.errors import EditionsError, SourceError
from editions.base.files import read_text
from editions.base.project import Project
from editions.exercises.chapter_files import ChapterFiles, files_in
from editions.exercises.exercise_files import (
    Section,
    check_rules,
    checks_in,
    dropped_chapters,
    question_frameworks,
    read_exercise_text,
    sections,
)
from editions.exercises.never_failing import never_failing
from editions.exercises.python_lines import line_of_name, line_of_text, syntax_error
from editions.exercises.stated_points import stated_points
from editions.exercises.written_answers import load_answers
from editions.source.chapter import Chapter

_ADVICE = {  # for a type that cannot be sent
    "tuple": "; write a list",
    "set": "; write a list",
    "float": "; write float(...)",
    "int": "; write int(...)",
    "bool": "; write bool(...)",
}
DRAWS = range(5)  # the seeds of the inputs that are looked at


@dataclass(frozen=True)
class Fault:
    """Something that is wrong in a file."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else self._without_line

    @property
    def _without_line(self) -> str:
        return f"{self.path}: {self.message}"


def require_sound(project: Project, names: list[str], private: Path | None) -> None:
    """Look at everything that would be handed out, and refuse what has a fault.

    Raises:
        EditionsError: something is wrong; one line for each fault.
    """
    public = public_faults(project, names)
    faults = public + (private_faults(project, names, private) if private else [])
    if faults:
        raise EditionsError("\n".join(map(str, faults)))


def public_faults(
    project: Project, names: Iterable[str] = (), *, answers: bool = False
) -> list[Fault]:
    """The faults of the exercises in the repository, for the chapters that `_toc.yml` lists.

    Args:
        project: the book.
        names: the chapters to look at; by default all.
        answers: look at right.py and wrong.py too, which are not handed out.
    """
    listed = {path.stem for path in project.chapters}
    found = files_in(project.root / "exercises" / "chapters")
    chosen = [one for name, one in found.items() if name in listed and name in (names or listed)]
    return _of_all(project, chosen, {}, answers)


def private_faults(
    project: Project, names: Iterable[str], private: Path, *, answers: bool = False
) -> list[Fault]:
    """The faults of the exercises in a private folder; see `public_faults`."""
    dropped = dropped_chapters(project)
    public = files_in(project.root / "exercises" / "chapters")
    listed = {path.stem for path in project.chapters}
    found = files_in(private)
    chosen = [one for name, one in found.items() if name not in dropped]
    chosen = [one for one in chosen if not names or one.name in names]
    beside = {name: one for name, one in public.items() if name in listed}
    return _of_all(project, chosen, beside, answers)


def _of_all(
    project: Project,
    chapters: Iterable[ChapterFiles],
    public: Mapping[str, ChapterFiles],
    answers: bool,
) -> list[Fault]:
    found: list[Fault] = []
    for files in chapters:
        found += _ChapterFaults(project, files, public.get(files.name), answers).all()
    return found


class _ChapterFaults:
    """Looks at the files of one chapter in one folder."""

    def __init__(
        self, project: Project, files: ChapterFiles, public: ChapterFiles | None, answers: bool
    ) -> None:
        """`public` are our files, where the folder is a private one that extends them."""
        self.project, self.files, self.public = project, files, public
        self.answers = answers
        self.frameworks = question_frameworks(project)
        self.found: list[Fault] = []

    def all(self) -> list[Fault]:
        """Every fault."""
        chapter = self._text()
        questions = self._questions()
        if self.files.text is None:
            self._sections_of(questions or {}, set())
        elif chapter is not None and questions is not None:
            self._pairs(chapter, questions)
            for section in sections(chapter):
                self._title(section, questions)
                self._points(section, questions)
        for question in (questions or {}).values():
            self._name(question)
            try:
                self._question(question)
            except Exception as error:
                assert self.files.question is not None
                self._raised(self.files.question, error, f"reading {question.name} raised ")
        asked = list((questions or {}).values())
        if self.answers and not (asked and all(question.is_text for question in asked)):
            self._answers()
        return self.found

    # -- files -------------------------------------------------------------------------------------

    def _text(self) -> Chapter | None:
        """The exercise file, if it can be read."""
        path = self.files.text
        if path is None:
            return None
        try:
            chapter = read_exercise_text(self.project, self.files.name, path)
        except SourceError as error:
            self.found.append(Fault(error.path, error.line, error.message))
            return None
        before = len(self.found)
        for cell in chapter.cells:
            if cell.kind == "code" and (wrong := _cell_error(cell.source)):
                line = cell.line + (wrong.lineno or 1) - 1
                self.found.append(Fault(chapter.path, line, f"syntax error: {wrong.msg}"))
        if len(self.found) > before:
            return None
        try:
            for framework in self.project.frameworks:
                check_rules(chapter, framework)
        except SourceError as error:
            self.found.append(Fault(error.path, error.line, error.message))
            return None
        return chapter

    def _questions(self) -> dict[str, Question] | None:
        """The questions of `question.py`, if it can be loaded."""
        path = self.files.question
        if path is None:
            return {}
        if not self._parses(path):
            return None
        try:
            found = self.files.questions()
        except Exception as error:
            self._raised(path, error, "")
            return None
        if not found:
            self._fault(path, None, "it holds no question")
        return found

    def _parses(self, path: Path) -> bool:
        shown = self.project.relative(path)
        try:
            wrong = syntax_error(read_text(path, shown))
        except SourceError as problem:
            self.found.append(Fault(problem.path, problem.line, problem.message))
            return False
        if wrong:
            self.found.append(Fault(shown, wrong.lineno, f"syntax error: {wrong.msg}"))
        return wrong is None

    def _answers(self) -> None:
        """The files of answers, which are needed to try a question, and not to hand it out."""
        if self.files.question is None or not self.files.in_folder:
            return
        folder = self.files.folder
        for kind, path in (("right", self.files.right), ("wrong", self.files.wrong)):
            if path is None:
                what = f"there is no {kind}.py beside it, with {kind} answers to try it with"
                self._fault(self.files.question, None, what)
                continue
            if not self._parses(path):
                continue
            try:
                table = getattr(load_answers(folder / f"{kind}.py"), kind.upper(), None)
            except Exception as error:
                self._raised(path, error, "")
                continue
            missing = [one for one in self.frameworks if one not in (table or {})]
            if missing:
                what = f"{kind.upper()} has no function for {' and '.join(missing)}"
                self._fault(path, line_of_name(path, kind.upper()), what)

    # -- sections and questions --------------------------------------------------------------------

    def _pairs(self, chapter: Chapter, questions: Mapping[str, Question]) -> None:
        """Every section has its question, and every question its section."""
        asked = {one.question: _line_of(one) for one in sections(chapter) if one.question}
        known = set(questions) | self._public_questions()
        for name, line in asked.items():
            if name not in known:
                what = f"the section asks {name}, which no question.py has"
                if self.files.question is None:
                    what = f"the section asks {name}, and there is no question.py beside it"
                self.found.append(Fault(chapter.path, line, what))
            if name.partition(".")[0] != self.files.name:
                what = f"a question of this chapter begins with “{self.files.name}.”, not {name}"
                self.found.append(Fault(chapter.path, line, what))
        self._sections_of(questions, set(asked))

    def _sections_of(self, questions: Iterable[str], asked: set[str]) -> None:
        """Every question has its section, here or in the public file."""
        path = self.files.question
        asked = asked | self._public_sections()
        for name in questions:
            if path and name not in asked:
                what = f"no section of text.md asks {name}: it has no check({name!r}, ...)"
                self._fault(path, line_of_text(path, name), what)

    def _public_questions(self) -> set[str]:
        try:
            return set(self.public.questions()) if self.public else set()
        except Exception:  # a fault of ours, which is told where ours are looked at
            return set()

    def _public_sections(self) -> set[str]:
        if self.public is None or self.public.text is None:
            return set()
        chapter = read_exercise_text(self.project, self.files.name, self.public.text)
        return {one.question for one in sections(chapter) if one.question}

    def _points(self, section: Section, questions: Mapping[str, Question]) -> None:
        """The points that a section states are those of its question."""
        question = questions.get(section.question or "")
        if question is None or self.files.text is None:
            return
        points = float(question.points)
        total, parts = stated_points(section)
        for line, stated in total:
            if stated != points:
                what = f"the text states {stated:g} points for {question.name}, which gives"
                self._fault(self.files.text, line, f"{what} {points:g}")
        if parts and sum(stated for _, stated in parts) != points:
            stated = sum(stated for _, stated in parts)
            what = f"the points in the list add up to {stated:g}; {question.name} gives {points:g}"
            self._fault(self.files.text, parts[0][0], what)

    def _title(self, section: Section, questions: Mapping[str, Question]) -> None:
        """The heading of a section is the title of its question."""
        question, first = questions.get(section.question or ""), section.cells[0]
        heading = re.match(r"## (?:\d+\. )?(.*)", first.source)
        if (
            isinstance(question, WrittenQuestion)
            and heading
            and heading[1].strip() != question.title
        ):
            what = f"the heading is “{heading[1].strip()}”, and the title of {question.name} in "
            what += f"question.py is “{question.title}”; write the same in both"
            assert self.files.text is not None
            self._fault(self.files.text, first.line, what)

    # -- a question --------------------------------------------------------------------------------

    def _name(self, question: Question) -> None:
        path = self.files.question
        assert path is not None
        chapter, _, own = question.name.partition(".")
        line = line_of_text(path, question.name)
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", own):
            what = (
                f"the name {question.name!r} is not a chapter, a dot and a name such as two-steps"
            )
            self._fault(path, line, what)
        elif chapter != self.files.name:
            what = f"the name {question.name!r} begins with another chapter than its folder, "
            self._fault(path, line, what + f"“{self.files.name}.”")

    def _question(self, question: Question) -> None:
        path = self.files.question
        assert path is not None
        line = line_of_text(path, question.name)
        if isinstance(question, WrittenQuestion):
            exact = sum(one.points for one in question.aspects.values())
            if question.aspects and exact != question.points:
                what = f"the points of {question.name} add up to {exact:g}, no whole number"
                self._fault(path, line, what)
            if not question.aspects and not question.is_text:
                self._fault(path, line, f"{question.name} has no aspect, so it gives no points")
                return
            if question.aspects and question.draws is question.hidden_draws is question.kept_draws:
                what = f"nothing draws the inputs of {question.name}: decorate a function with "
                self._fault(path, line, f"{what}@QUESTION.inputs, QUESTION being its variable")
                return
        try:
            _ = question.version
        except ValueError as error:
            self._fault(path, line, str(error))
        if question.is_text:
            return
        drawn = self._inputs(question, line)
        if drawn is not None:
            self._judges(question, drawn, line)

    def _inputs(self, question: Question, line: int | None) -> dict[str, Any] | None:
        """The inputs of a seed, if they can be drawn and sent."""
        path = self.files.question
        assert path is not None
        where = _line_of_function(question, "draws", path) or line
        texts = []
        for seed in DRAWS:
            try:
                drawn = question.draw(seed)
                if not isinstance(drawn, dict):
                    what = f"the inputs of {question.name} are a dict, not {type(drawn).__name__}"
                    self._fault(path, where, what)
                    return None
                texts.append(encode(drawn))
            except WireError as error:
                what = str(error).replace("value", "inputs", 1)
                kind = re.search(r"of type ([a-z]+)\d*_?;", what)
                advice = _ADVICE.get(kind[1], "") if kind else ""
                what = f"the inputs of {question.name} cannot be sent: {what}{advice}"
                self._fault(path, where, what)
                return None
            except Exception as error:
                self._raised(path, error, f"drawing the inputs of {question.name} raised ")
                return None
        if encode(question.draw(DRAWS[0])) != texts[0]:
            what = f"the inputs of {question.name} are other ones when the same seed is drawn again"
            self._fault(path, where, what)
        elif len(set(texts)) == 1:
            self._fault(path, where, f"the inputs of {question.name} are the same for every seed")
        return drawn

    def _judges(self, question: Question, drawn: dict[str, Any], line: int | None) -> None:
        """No judge raises, and each one fails on something."""
        path = self.files.question
        assert path is not None
        try:
            never = never_failing(question, drawn, self.frameworks)
        except Exception as error:
            self._raised(path, error, f"judging {question.name} raised ")
            return
        verdict = give_verdict(question, drawn, {}, self.frameworks[0])
        if verdict.out_of != question.points:
            what = f"{question.name} gives {question.points:g} points, and its aspects"
            self._fault(path, line, f"{what} {verdict.out_of:g}")
        for aspect in never:
            where = line_of_text(path, aspect, line or 1) or line
            what = f"the judge of “{aspect}” in {question.name} finds nothing wrong with anything"
            self._fault(path, where, what)

    # -- faults ------------------------------------------------------------------------------------

    def _fault(self, path: Path, line: int | None, message: str) -> None:
        self.found.append(Fault(self.project.relative(path), line, message))

    def _raised(self, path: Path, error: Exception, what: str) -> None:
        """Note an exception, with the line of the file that led to it."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [one.lineno for one in frames if Path(one.filename) == path.absolute()]
        said = " ".join(str(error).split())
        missing = getattr(error, "name", "") if isinstance(error, ModuleNotFoundError) else ""
        if missing:
            said += "; import a framework inside of the functions that need it"
        self._fault(path, lines[-1] if lines else None, f"{what}{type(error).__name__}: {said}")


# -- lines -----------------------------------------------------------------------------------------


def _cell_error(cell: str) -> SyntaxError | None:
    """What is wrong with the code of a cell, which may use IPython's syntax."""
    return syntax_error(python_of(cell))


def _line_of(section: Section) -> int:
    """The line of a section's check."""
    checks = [cell for cell in section.cells if checks_in(cell)]
    return checks[0].line


def _line_of_function(question: Question, name: str, path: Path) -> int | None:
    """The line of one of a question's functions, if it is defined in this file."""
    code = getattr(getattr(question, name, None), "__code__", None)
    return code.co_firstlineno if code and Path(code.co_filename) == path.absolute() else None
