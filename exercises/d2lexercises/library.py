"""Where questions are: ours, the instructor's, and what of the latter was handed out.

A chapter has a folder with a file `question.py`, which is loaded by its path, so a chapter may have
any name. Private questions of the first edition are single files, `control_flow.py`.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from d2lexercises.answers import MOVED

if TYPE_CHECKING:
    from types import ModuleType

    from d2lexercises.question import Question

PRIVATE = "D2L_PRIVATE_EXERCISES"  # names the instructor's folder of further or changed questions
HANDED_OUT = "d2l_checks"  # the folder in which they are handed out beside a notebook
_HERE = Path(__file__).resolve().parent
# In a wheel the chapters lie in the package; in a checkout, and in the sandbox, beside it.
CHAPTERS = next(
    (folder for folder in (_HERE / "chapters", _HERE.parent / "chapters") if folder.is_dir()),
    _HERE / "chapters",
)


def chapters() -> list[str]:
    """The chapters that have questions."""
    return sorted({name for folder in _folders() for name in question_files(folder)})


def question_files(folder: Path) -> dict[str, Path]:
    """The files of questions in a folder, by chapter.

    A `question.py` in the folder itself is of no chapter: the folder is that of a chapter then.
    """
    alone = [path for path in folder.glob("[a-z]*.py") if path.name != "question.py"]
    first_edition = {path.stem.replace("_", "-"): path for path in alone}
    return first_edition | {path.parent.name: path for path in folder.glob("*/question.py")}


def questions(chapter: str) -> dict[str, Question]:
    """A chapter's questions by name; those of the private folder replace or follow the others.

    Raises:
        KeyError: there is no such chapter.
    """
    if chapter not in chapters():
        raise KeyError(f"no chapter {chapter!r}; there are {chapters()}")
    files = [question_files(folder).get(chapter) for folder in _folders()]
    found: dict[str, Question] = {}
    for path in filter(None, files):
        found |= {question.name: question for question in questions_in(path)}
    return found


def questions_in(path: Path) -> tuple[Question, ...]:
    """The questions of a file, in their order: those that `QUESTIONS` lists, or else all of them.

    Raises:
        ImportError: the file cannot be loaded.
    """
    from d2lexercises.question import Probe

    module = load(path)
    listed = getattr(module, "QUESTIONS", None)
    if listed is None:
        listed = [one for one in vars(module).values() if isinstance(one, Probe)]
    return tuple(listed)


def find_question(name: str) -> Question:
    """The question called `name`, such as "blocks.sequential", or that had this name before.

    Raises:
        KeyError: there is none; the message names those that are nearest.
    """
    chapter = str(name).partition(".")[0]
    found = questions(chapter) if chapter in chapters() else {}
    if name in found:
        return found[name]
    if name in MOVED:
        return find_question(MOVED[name])
    known = [question for one in chapters() for question in questions(one)]
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    near = near or [other for other in known if other.partition(".")[0] == chapter] or known
    listed = ", ".join(f'"{other}"' for other in near)
    raise KeyError(f'There is no question "{name}". Did you mean {listed}?')


@cache
def load(path: Path) -> ModuleType:
    """The module in a file; loaded once.

    Raises:
        ImportError: the file cannot be loaded.
    """
    from d2lexercises.faults import is_ours

    chapter = path.parent.name if path.stem == "question" else path.stem
    name = f"d2lexercises.{chapter}-{zlib.crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    is_ours(path)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _folders() -> list[Path]:
    private = private_folder()
    return [CHAPTERS, *([private] if private else [])]


def private_folder() -> Path | None:
    """The instructor's folder; in a notebook, what of it was handed out beside the notebook.

    A grader is no notebook: it must not load what lies in the folder that it is started from.
    """
    if folder := os.environ.get(PRIVATE, ""):
        return Path(folder).expanduser().resolve()
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    handed_out = Path.cwd() / HANDED_OUT
    return handed_out if shell is not None and handed_out.is_dir() else None
