"""Checks of the exercises: ``from d2lcompute.checks import check, score``.

    check("blocks.sequential", MySequential)

says at once what passed, what was expected and what came. `score` sums up. Importing this loads no
framework.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from d2lcompute.checks.question import Question

__all__ = ["chapters", "check", "find_question", "module_of", "questions", "score"]

PRIVATE = "D2L_PRIVATE_EXERCISES"  # names the instructor's folder of further or changed questions
HANDED_OUT = "d2l_checks"  # the folder in which they are handed out beside a notebook
_OUR_PARTS = {
    *("answers", "frameworks", "networks", "pretend"),
    *("question", "report", "saved", "wire"),
}


def chapters() -> list[str]:
    """The chapters that have questions."""
    private = _private()
    folders = [Path(__file__).parent, *([private] if private else [])]
    modules = {path.stem for folder in folders for path in folder.glob("[a-z]*.py")}
    return sorted(name.replace("_", "-") for name in modules - _OUR_PARTS)


def module_of(chapter: str) -> str:
    """The module that holds a chapter's questions: `control_flow` for "control-flow"."""
    return chapter.replace("-", "_")


def questions(chapter: str) -> dict[str, Question]:
    """A chapter's questions by name; those of the private folder replace or follow the others.

    Raises:
        KeyError: there is no such chapter.
    """
    if chapter not in chapters():
        raise KeyError(f"no chapter {chapter!r}; there are {chapters()}")
    found: dict[str, Question] = {}
    name = module_of(chapter)
    if (Path(__file__).parent / f"{name}.py").is_file():
        module = importlib.import_module(f"d2lcompute.checks.{name}")
        found |= {question.name: question for question in module.QUESTIONS}
    if (private := _private()) and (private / f"{name}.py").is_file():
        module = _load_private(private / f"{name}.py")
        found |= {question.name: question for question in module.QUESTIONS}
    return found


def find_question(name: str) -> Question:
    """The question called `name`, such as "blocks.sequential".

    Raises:
        KeyError: there is none; the message names those that are nearest.
    """
    chapter = str(name).partition(".")[0]
    found = questions(chapter) if chapter in chapters() else {}
    if name in found:
        return found[name]
    known = [question for one in chapters() for question in questions(one)]
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    near = near or [other for other in known if other.partition(".")[0] == chapter] or known
    listed = ", ".join(f'"{other}"' for other in near)
    raise KeyError(f'There is no question "{name}". Did you mean {listed}?')


def check(question: str, answer: object, *, framework: str | None = None) -> None:
    """Check an answer and show what came out: as a table in a notebook, as text elsewhere.

    Nothing that the answer does is raised: an exception is shown with the line it came from.

    Args:
        question: the question's name, such as "blocks.sequential".
        answer: what the question asks for, most often a class.
        framework: "pytorch" or "tensorflow"; needed only where both are loaded and the answer is
            a function.
    """
    from d2lcompute.checks.report import evaluate, show

    show(evaluate(question, answer, framework))


def score(notebook: str | os.PathLike[str] | None = None, *, run: bool = False) -> None:
    """Show where you stand, and whether the notebook, as saved, would be graded.

    Args:
        notebook: the file; needed only where it cannot be found by itself, as on Colab.
        run: also run the saved notebook from top to bottom in a fresh kernel.
    """
    from d2lcompute.checks.report import show
    from d2lcompute.checks.saved import current_score

    show(current_score(notebook, run))


def _private() -> Path | None:
    """The instructor's folder; in a notebook, what of it was handed out beside the notebook.

    A grader is no notebook: it must not load what lies in the folder that it is started from.
    """
    if folder := os.environ.get(PRIVATE, ""):
        return Path(folder).expanduser().resolve()
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    handed_out = Path.cwd() / HANDED_OUT
    return handed_out if shell is not None and handed_out.is_dir() else None


@cache
def _load_private(path: Path) -> ModuleType:
    name = f"_private_exercises_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
