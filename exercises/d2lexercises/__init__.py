"""Checks of the exercises: ``from d2lexercises import check, score``.

    check("blocks.sequential", MySequential)

says at once what passed, what was expected and what came. `hint` shows the next step, `case` gives
the inputs that failed, `solution` shows the worked solution once the check has passed, and `score`
sums up. Importing this loads no framework.

================= ===================================================================
module            knows
================= ===================================================================
``vocabulary``    what a question is written with
``drawing``       the words that draw a question's inputs
``comparer``      how what came differs from what is expected
``networks``      small networks as plain data, and what they calculate
``devices``       programs of several devices, run in step
``question``      what a question is, and what judging an answer gives
``library``       where questions are
``feedback``      how an answer is checked and what is shown
``solutions``     the worked solutions, and when they open
``handing_out``   what the instructor set when handing out
``saved``         what `score` shows, and whether the saved notebook would be graded
``answers``       how an answer is found in a notebook
``notebook_files`` what a notebook's file holds: cells, framework, chapter
``newer_python``  which Python a cell needs that this one cannot read
``environment``   which exceptions come from the machine
``kinds``         what kind of thing an answer is
``running``       the part of a question that runs a student's code
``inspecting``    how what an answer saved is looked at in a fresh process
``refereeing``    what answers ask in another process, which holds what they must find out
``files``         files that an answer writes, as plain data
``frameworks``    the frameworks behind one set of words
``pretend``       GPUs that do not exist
``samples``       what random numbers have to look like
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
    from collections.abc import Iterable

    from d2lexercises.feedback import Case, Report

__all__ = [
    "case",
    "chapters",
    "check",
    "find_question",
    "handed_out",
    "hint",
    "questions",
    "score",
    "solution",
]


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

    `check` names the property that is missing; each hint shows how to write one of them.

    Args:
        question: the question's name, such as "blocks.sequential".
    """
    from d2lexercises.feedback import next_hint, show

    show(next_hint(question))


def case(question: str) -> Case | Report:
    """The first case that the last `check` of a question found wrong, to work with.

    It has the attributes `aspect`, `given` (the inputs), `expected` (None where a property is
    judged), `found` (what came), and `wrong` (why that is not right, in words). Where the question
    has not been checked, or its last check found nothing wrong, what comes is a line that says so.

    Args:
        question: the question's name, such as "blocks.sequential".
    """
    from d2lexercises.feedback import failed_case

    return failed_case(question)


def solution(question: str) -> None:
    """Show the worked solution of a question, once it is open.

    It opens when a check of the question has passed in this session, or from the date that the
    instructor set.

    Args:
        question: the question's name, such as "blocks.sequential".
    """
    from d2lexercises.feedback import show
    from d2lexercises.solutions import solution_of

    show(solution_of(question))


def handed_out(private: Iterable[str] = (), solutions_from: str = "") -> None:
    """State what the instructor set when handing out; `make exercises` writes a cell that calls it.

    Args:
        private: the names of the questions that are the instructor's own.
        solutions_from: the date from which `solution` opens: "2026-12-24".

    Raises:
        ValueError: the date is not written like that.
    """
    from d2lexercises.handing_out import note

    note(private, solutions_from)


def score(notebook: str | os.PathLike[str] | None = None, *, run: bool = False) -> None:
    """Show where you stand, and whether the notebook, as saved, would be graded.

    Args:
        notebook: the file; needed only where it cannot be found by itself, as on Colab.
        run: also run the saved notebook from top to bottom in a fresh kernel.
    """
    from d2lexercises.feedback import show
    from d2lexercises.saved import current_score

    show(current_score(notebook, run))
