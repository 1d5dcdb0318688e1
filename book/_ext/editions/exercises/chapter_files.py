"""The files of a chapter's exercises in one folder, and the questions in them.

`exercises/chapters` and an instructor's private folder have the same form: a folder for each
chapter with text.md, question.py, right.py and wrong.py. A private folder of the first edition has
two files for each chapter instead, blocks.md and blocks.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from d2lexercises import library
from d2lexercises.question import Question

from editions.exercises.exercise_files import text_files


@dataclass(frozen=True)
class ChapterFiles:
    """The files of one chapter's exercises in one folder; None in the place of a missing file."""

    name: str
    text: Path | None = None
    question: Path | None = None
    right: Path | None = None
    wrong: Path | None = None

    @property
    def in_folder(self) -> bool:
        """Whether they lie in a folder of the chapter's own, as since the second edition."""
        return {path.name for path in (self.text, self.question) if path} <= {
            "text.md",
            "question.py",
        }

    @property
    def folder(self) -> Path:
        """The folder that holds them."""
        return next(path for path in (self.question, self.text) if path).parent

    def questions(self) -> dict[str, Question]:
        """The questions of `question.py` by name.

        Raises:
            Exception: whatever the file raises when it is loaded.
        """
        if self.question is None:
            return {}
        return {one.name: one for one in library.questions_in(self.question)}


def files_in(folder: Path) -> dict[str, ChapterFiles]:
    """The chapters that have exercises in a folder, and their files."""
    texts, questions = text_files(folder), library.question_files(folder)
    found = {}
    for name in sorted({*texts, *questions}):
        beside = folder / name
        answers = {kind: beside / f"{kind}.py" for kind in ("right", "wrong")}
        there = {kind: path for kind, path in answers.items() if path.is_file()}
        found[name] = ChapterFiles(name, texts.get(name), questions.get(name), **there)
    return found
