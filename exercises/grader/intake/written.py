"""The Markdown that a student wrote into a notebook, apart from the text of the exercises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from d2lexercises.notebook_files import NotebookFileError, markdown_of

from grader.intake.notebooks import NotebookError, handed_out
from grader.intake.submissions import Submission

_MOST = 100_000  # characters that are kept of one student


def markdown_of_students(
    submissions: Mapping[str, Submission], questions: Mapping[str, Any], chapter: str
) -> dict[str, str]:
    """Return what each student wrote as Markdown, if a question asks for words.

    Cells that were handed out are left out: those of the exercises' own notebooks, and those
    that most of the class has.
    """
    if not any(question.is_text for question in questions.values()):
        return {}
    found = {}
    for student, submission in submissions.items():
        try:
            found[student] = markdown_of(submission.read())
        except (OSError, NotebookError, NotebookFileError):
            continue
    counts = Counter(cell for cells in found.values() for cell in set(cells))
    common = {cell for cell, count in counts.items() if count > 2 and 2 * count > len(found)}
    ours = common.union(*map(markdown_of, handed_out(chapter)))
    return {
        student: "\n\n".join(cell for cell in cells if cell not in ours)[:_MOST]
        for student, cells in found.items()
    }
