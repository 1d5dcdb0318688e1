"""The questions to grade, the instructor's own folder included."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from d2lcompute import checks
from d2lcompute.checks.question import Question


class QuestionsError(ValueError):
    """There are no such questions; says what there is."""


def load_questions(chapter: str, private: Path | None = None) -> dict[str, Question]:
    """A chapter's questions by name; those in `private` replace or follow the public ones.

    Raises:
        QuestionsError: there is no such chapter or folder, or a file cannot be loaded.
    """
    with _looking_in(private):
        try:
            return checks.questions(chapter)
        except KeyError:
            known = ", ".join(checks.chapters()) or "none"
            said = f"no chapter {chapter!r} has questions; there are: {known}"
            raise QuestionsError(said) from None
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise QuestionsError(f"the questions of {chapter}: {said}") from None


def known_chapters(private: Path | None = None) -> set[str]:
    """The chapters that have questions, those of `private` among them.

    Raises:
        QuestionsError: there is no such folder, or nothing in it.
    """
    with _looking_in(private):
        return set(checks.chapters())


@contextlib.contextmanager
def _looking_in(private: Path | None) -> Iterator[None]:
    if private is not None and not private.is_dir():
        raise QuestionsError(f"{private}: there is no such folder of private questions")
    if private is not None and not any(private.glob("*.py")):
        raise QuestionsError(f"{private}: it holds no private questions, such as blocks.py")
    before = os.environ.pop(checks.PRIVATE, None)
    if private is not None:
        os.environ[checks.PRIVATE] = str(private)
    try:
        yield
    finally:
        os.environ.pop(checks.PRIVATE, None)
        if before is not None:
            os.environ[checks.PRIVATE] = before
