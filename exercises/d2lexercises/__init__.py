"""Checks of the exercises: ``from d2lexercises import check, score``.

    check("blocks.sequential", MySequential)

says at once what passed, what was expected and what came. `hint` shows the next step, `case` gives
the inputs that failed, and `score` sums up. Importing this loads no framework.

================= ===================================================================
module            knows
================= ===================================================================
``vocabulary``    what a question is written with
``drawing``       the words that draw a question's inputs
``comparer``      how what came differs from what is expected
``networks``      small networks as plain data, and what they calculate
``question``      what a question is, and what judging an answer gives
``library``       where questions are
``feedback``      how an answer is checked and what is shown
``saved``         what `score` shows, and whether the saved notebook would be graded
``answers``       how an answer is found in a notebook
``kinds``         what kind of thing an answer is
``running``       the part of a question that runs a student's code
``inspecting``    how what an answer saved is looked at in a fresh process
``files``         files that an answer writes, as plain data
``frameworks``    the frameworks behind one set of words
``pretend``       GPUs that do not exist
``given``         the inputs as a question's functions get them
``faults``        what may be wrong with an answer, and what is said of an exception
``reach``         which code a name reaches
``portable_code`` how code becomes the same text under every Python
``wire``          plain data as JSON text and back
================= ===================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2lexercises.library import chapters, find_question, questions

if TYPE_CHECKING:
    import os

    from d2lexercises.feedback import Case

__all__ = ["case", "chapters", "check", "find_question", "hint", "questions", "score"]


def check(question: str, answer: object, *, framework: str | None = None) -> None:
    """Check an answer and show what came out: as a table in a notebook, as text elsewhere.

    Nothing that the answer does is raised: an exception is shown with the line it came from.

    Args:
        question: the question's name, such as "blocks.sequential".
        answer: what the question asks for, most often a class.
        framework: "pytorch" or "tensorflow"; needed only where both are loaded and the answer is
            a function.
    """
    from d2lexercises.feedback import evaluate, show

    show(evaluate(question, answer, framework))


def hint(question: str) -> None:
    """Show the next hint on what the last `check` of a question found wrong.

    The first says which property is asked for, the second how it is written.

    Args:
        question: the question's name, such as "blocks.sequential".
    """
    from d2lexercises.feedback import next_hint, show

    show(next_hint(question))


def case(question: str) -> Case:
    """The first case that the last `check` of a question found wrong, to work with.

    It has the attributes `aspect`, `given` (the inputs), `expected`, and `found` (what came).

    Args:
        question: the question's name, such as "blocks.sequential".

    Raises:
        LookupError: the question has not been checked, or its last check found nothing wrong.
    """
    from d2lexercises.feedback import failed_case

    return failed_case(question)


def score(notebook: str | os.PathLike[str] | None = None, *, run: bool = False) -> None:
    """Show where you stand, and whether the notebook, as saved, would be graded.

    Args:
        notebook: the file; needed only where it cannot be found by itself, as on Colab.
        run: also run the saved notebook from top to bottom in a fresh kernel.
    """
    from d2lexercises.feedback import show
    from d2lexercises.saved import current_score

    show(current_score(notebook, run))
