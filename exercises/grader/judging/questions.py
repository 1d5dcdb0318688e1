"""The questions to grade, including the instructor's private ones."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from d2lexercises import library
from d2lexercises.question import Question


class QuestionsError(ValueError):
    """There are no such questions; the message says which there are."""


def load_questions(chapter: str, private: Path | None = None) -> dict[str, Question]:
    """Return a chapter's questions by name; those in `private` replace or follow the public ones.

    Raises:
        QuestionsError: there is no such chapter or folder, or a file cannot be loaded.
    """
    with _with_private(private):
        try:
            found = library.questions(chapter)
        except KeyError:
            known = ", ".join(library.chapters()) or "none"
            raise QuestionsError(
                f"no chapter {chapter!r} has questions; chapters with questions: {known}"
            ) from None
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise QuestionsError(
                f"the questions of {chapter} cannot be loaded: {problem}"
            ) from None
    for name, question in found.items():
        if question.left_out:
            raise QuestionsError(
                f"{name}: the judge of a hidden aspect is missing; this is what was handed out: "
                "give the folder that it was made from"
            )
    return found


def known_chapters(private: Path | None = None) -> set[str]:
    """Return the chapters that have questions, including those of `private`.

    Raises:
        QuestionsError: there is no such folder, or no question in it.
    """
    with _with_private(private):
        return set(library.chapters())


def plans_of(questions: Mapping[str, Question]) -> dict[str, dict[str, Any]]:
    """Return what further processes do for each question, as plain data; see `session.Plans`."""
    return {
        name: {
            "inspections": {key: of for key, (_, of) in question.inspections.items()},
            "repeats": {key: of for key, (_, of) in question.repeats.items()},
            "referees": list(question.referees),
            "overs": {
                key: over if isinstance(over, str) else list(over)
                for key, (_, over) in question.runs.items()
                if question.referees or question.repeats
            },
            "kept": sorted(question.kept),
        }
        for name, question in questions.items()
    }


@contextlib.contextmanager
def _with_private(private: Path | None) -> Iterator[None]:
    """Make `d2lexercises` read this folder of private questions, and no other."""
    if private is not None and not private.is_dir():
        raise QuestionsError(f"{private}: there is no such folder of private questions")
    if private is not None and not library.question_files(private):
        alone = (private / "question.py").is_file()
        around = f": it is the folder of one chapter; give {private.parent}" if alone else ""
        raise QuestionsError(
            f"{private}: contains no private questions, such as blocks/question.py{around}"
        )
    before = os.environ.pop(library.PRIVATE, None)
    if private is not None:
        os.environ[library.PRIVATE] = str(private)
    try:
        yield
    finally:
        os.environ.pop(library.PRIVATE, None)
        if before is not None:
            os.environ[library.PRIVATE] = before
