"""The questions to grade, the instructor's own folder included."""

from __future__ import annotations

import os
from pathlib import Path

from d2lcompute import checks
from d2lcompute.checks.question import Question


class QuestionsError(ValueError):
    """There are no such questions; says what there is."""


def load_questions(chapter: str, private: Path | None = None) -> dict[str, Question]:
    """A chapter's questions by name; those in `private` replace or follow the public ones.

    Raises:
        QuestionsError: there is no such chapter, or its file cannot be loaded.
    """
    before = os.environ.pop(checks.PRIVATE, None)
    if private is not None:
        os.environ[checks.PRIVATE] = str(private)
    try:
        return checks.questions(chapter)
    except KeyError:
        known = ", ".join(checks.chapters()) or "none"
        raise QuestionsError(f"no chapter {chapter!r} has questions; there are: {known}") from None
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise QuestionsError(f"the questions of {chapter}: {said}") from None
    finally:
        os.environ.pop(checks.PRIVATE, None)
        if before is not None:
            os.environ[checks.PRIVATE] = before
