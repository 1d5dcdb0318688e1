"""What `score` shows: the points of this session, and whether the saved notebook would be graded.

The saved file is read as data. A grader runs its code cells from top to bottom in a fresh process
and finds the answers by the calls of `check`. So a notebook is complete if it has one call for each
question, and a cell above the call defines the answer.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from d2lexercises import feedback, handing_out, library
from d2lexercises.answers import (
    BINDS_ANYTHING,
    MOVED,
    Check,
    binds_own_check,
    bound_names,
    checks_in,
    has_unnamed_check,
    names_in_quotes,
    names_of_check,
    python_of,
)
from d2lexercises.library import questions
from d2lexercises.newer_python import needed_python
from d2lexercises.notebook_files import (
    ANSWER_SECONDS,
    CELL_SECONDS,
    MOST_BYTES,
    CodeCell,
    NotebookFile,
    NotebookFileError,
    notebook_from,
    read_notebook_file,
)
from d2lexercises.question import Question, Verdict

_TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_STALE = 300.0  # seconds since the file was saved, after which `score` mentions it


@dataclass(frozen=True, repr=False)
class Score:
    """What `score` shows."""

    rows: tuple[tuple[str, str, str], ...]  # question, title, points
    total: str
    problems: tuple[str, ...]  # reasons why the saved notebook cannot be graded in full
    doubts: tuple[str, ...]  # reasons why a grader may get another result than this session
    notes: tuple[str, ...]  # what is in order

    def _listed(self) -> list[str]:
        signs = (("✗ ", self.problems), ("! ", self.doubts), ("✓ ", self.notes))
        return [sign + text for sign, texts in signs for text in texts]

    def __str__(self) -> str:
        width = max((len(name) for name, *_ in self.rows), default=0)
        most = max((len(points) for *_, points in self.rows), default=0)
        lines = [
            f"  {name:{width}}  {points:>{most}}  {title}" for name, title, points in self.rows
        ]
        lines = [f"Where you stand: {self.total}", *lines]
        lines += [f"  {text}" for text in self._listed()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cell = 'style="text-align:left;padding:0.2em 0.8em 0.2em 0"'
        rows = "".join(
            f'<tr><th scope="row" {cell}>{escape(name)}</th><td {cell}>{escape(points)}</td>'
            f"<td {cell}>{escape(title)}</td></tr>"
            for name, title, points in self.rows
        )
        listed = "".join(f"<li>{escape(text)}</li>" for text in self._listed())
        return (
            f'<div role="status"><strong>Where you stand:</strong> {escape(self.total)}</div>'
            f'<table style="border-collapse:collapse">{rows}</table>'
            f'<ul style="list-style:none;padding-left:0">{listed}</ul>'
        )


def current_score(notebook: str | os.PathLike[str] | None = None, run: bool = False) -> Score:
    """Return what this session's checks earned, and what is wrong with the saved notebook.

    Args:
        notebook: the notebook's file; by default the one that this code runs in.
        run: also run the file from top to bottom in a fresh kernel.
    """
    review = _NotebookReview()
    path = Path(notebook) if notebook is not None else find_notebook()
    if path is not None:
        review.read_file(path)
    elif (content := _from_colab()) is not None:
        review.read_content("The notebook", content)
    else:
        review.doubts.append(
            "The notebook's file was not found from here, so it was not looked at. Save it, and "
            'give its name: score("blocks.ipynb").'
        )
    if run and path is not None and review.readable:
        review.run(path)
    names = [*feedback.earned, *(check.question for check in review.checks)]
    chapters = sorted({name.partition(".")[0] for name in names})
    rows, earned, out_of, later = [], 0.0, 0.0, 0.0
    for chapter in chapters:
        try:
            known = questions(chapter)
        except KeyError:
            continue
        for name, question in known.items():
            verdict = feedback.earned.get(name)
            unseen = question.points if question.is_text else sum(question.hidden.values())
            out_of += question.points - unseen
            later += unseen
            earned += verdict.points if verdict else 0
            rows.append((name, question.title, _standing(question, unseen, verdict)))
    total = f"{earned:g} of {out_of:g} points, on the public inputs"
    total += f"; {later:g} more are given when it is graded" if later else ""
    listed = (review.problems, review.doubts, review.notes)
    return Score(tuple(rows), total if rows else "nothing checked yet", *map(tuple, listed))


def _standing(question: Question, unseen: float, verdict: Verdict | None) -> str:
    """Return the points of a question, of which `unseen` are given only when it is graded."""
    if verdict is None:
        return "not checked yet"
    if question.is_text:
        return f"{verdict.words} words, for {unseen:g} points by hand"
    here = f"{verdict.points:g} of {question.points - unseen:g}"
    return f"{here}, {unseen:g} when graded" if unseen else here


def find_notebook() -> Path | None:
    """Return the file of the notebook that this code runs in, if its editor names it."""
    name = os.environ.get("JPY_SESSION_NAME", "")  # set by Jupyter's server: a path
    candidates = [Path(name), Path.cwd() / Path(name).name] if name.endswith(".ipynb") else []
    try:
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None and (file := shell.user_ns.get("__vsc_ipynb_file__")):
            candidates.append(Path(str(file)))
    except ImportError:
        pass
    return next((path for path in candidates if path.is_file()), None)


def _from_colab() -> Any:
    """Return the notebook as Colab has it now; None outside of Colab."""
    if "google.colab" not in sys.modules:
        return None
    try:
        from google.colab import _message

        return _message.blocking_request("get_ipynb", timeout_sec=10)["ipynb"]
    except Exception:  # the interface is not documented: any failure means no notebook
        return None


class _NotebookReview:
    """What is right and wrong with a saved notebook."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self.problems: list[str] = []
        self.doubts: list[str] = []
        self.notes: list[str] = []
        self.readable = False

    def read_file(self, path: Path) -> None:
        """Read a notebook file and review its content."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise NotebookFileError(
                    f"it has more than {MOST_BYTES // 2**20} MB; clear its outputs"
                )
            age = time.time() - path.stat().st_mtime
            notebook = read_notebook_file(path.read_bytes())
        except (OSError, NotebookFileError) as error:
            self.problems.append(f"{path.name} cannot be read as a notebook: {error}")
            return
        self.review(path.name, notebook)
        if age > _STALE:
            minutes = int(age // 60)
            self.doubts.append(
                f"It was saved {minutes} minutes ago; save it before you hand it in."
            )

    def read_content(self, name: str, content: Any) -> None:
        """Review the parsed content of a notebook file."""
        try:
            self.review(name, notebook_from(content))
        except NotebookFileError as error:
            self.problems.append(f"{name} cannot be read as a notebook: {error}")

    def review(self, name: str, notebook: NotebookFile) -> None:
        """Review the cells of a notebook, as a grader runs them."""
        self.readable = True
        cells = [cell for cell in notebook.cells if cell.source.strip()]
        defined = set(dir(builtins)) | {"get_ipython", "display", "In", "Out"}
        names = {"check"}
        unnamed = False
        for number, cell in enumerate(cells, 1):
            try:
                tree = ast.parse(python_of(cell.source))
                compile(tree, f"cell {number}", "exec", _TOP_LEVEL_AWAIT, dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                self.problems.append(f"Cell {number} is not valid Python ({_where(error)}).")
                if needed := needed_python(python_of(cell.source)):
                    self.problems[-1] = (
                        f"Cell {number} needs Python {needed[0]}.{needed[1]}, and this is Python "
                        f"{sys.version_info[0]}.{sys.version_info[1]}."
                    )
                defined.add("*")  # nothing is known of what it defines
                continue
            defined |= bound_names(tree)
            if BINDS_ANYTHING.search(cell.source):
                defined.add("*")
            names |= names_of_check(tree)
            if binds_own_check(tree):
                said = (
                    f"Cell {number} gives the name check to something else. What calls of check "
                    "below it are given is not graded: choose another name."
                )
                # One that calls the check of the exercises under another name may be in order.
                (self.doubts if len(names) > 1 else self.problems).append(said)
            checks = checks_in(tree, names=names)
            unnamed = unnamed or has_unnamed_check(tree, names)
            self.checks += checks
            for check in checks:
                answer = check.answer_text
                if (
                    answer.isidentifier()
                    and not check.scope
                    and answer not in defined
                    and not re.fullmatch(r"_+|_i{0,3}\d*", answer)
                    and "*" not in defined
                ):
                    self.problems.append(
                        f"{check.question}: cell {number} checks {answer}, and no cell up to "
                        "there defines it."
                    )
        maybe = names_in_quotes("\n".join(notebook.sources)) if unnamed else set()
        self.problems += _missing(self.checks, maybe)
        self.problems += _unclear(self.checks)
        self.doubts += [
            f"{name} is a question of {chapter} now, and is graded there."
            for name in sorted({check.question for check in self.checks})
            if (chapter := _belongs_to(name))
        ]
        self.doubts += _order(cells)
        if unnamed:
            self.doubts.append(
                "A check takes the name of its question from a variable, so only running the "
                "notebook tells what it answers."
            )
        if not self.problems:
            self.notes.append(f"{name}: {len(self.checks)} answers found.")

    def run(self, path: Path) -> None:
        """Run a notebook file from top to bottom in a fresh kernel."""
        if error := _run(path):
            self.problems.append(f"Run from top to bottom, it stops: {error}")
        else:
            self.notes.append("It runs from top to bottom in a fresh kernel.")


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def _missing(checks: list[Check], maybe: set[str]) -> Iterator[str]:
    """Yield a sentence for each question without an answer.

    `maybe` are the questions that a check may name whose question is not written in it.
    """
    counts = Counter(check.question for check in checks)
    if not counts and not maybe:
        yield "There is no call of check(...) in it, so there is no answer to grade."
    elsewhere = handing_out.private if library.private_folder() is None else set()
    here = [name for name in counts if name not in elsewhere and not _belongs_to(name)]
    for chapter in sorted({name.partition(".")[0] for name in here}):
        try:
            known = questions(chapter)
        except KeyError:
            yield f'There is no question "{next(iter(here))}".'
            continue
        for name in known:
            if name not in counts and name not in maybe:
                yield f'No answer to {name}: there is no call check("{name}", ...).'
        for name in here:
            if name.partition(".")[0] == chapter and name not in known:
                yield f'There is no question "{name}".'


def _belongs_to(name: str) -> str:
    """Return the chapter to which a question moved; "" if it did not."""
    try:
        known = library.find_question(name) if name in MOVED else None
    except KeyError:  # a fork left the chapter out
        return ""
    return known.chapter if known is not None and known.name != name else ""


def _unclear(checks: list[Check]) -> Iterator[str]:
    """Yield a sentence for each question that is checked more than once."""
    for name, number in Counter(check.question for check in checks).items():
        if number > 1:
            yield f"{name} is checked {number} times; the last one that runs counts. Keep one."


def _order(cells: list[CodeCell]) -> Iterator[str]:
    """Yield a sentence for cells whose execution counts show another order, or no execution."""
    ran = [(number, cell.count) for number, cell in enumerate(cells, 1) if cell.count is not None]
    if not ran:
        return
    unrun = [
        number
        for number, cell in enumerate(cells, 1)
        # That of `score` was running while it was saved.
        if cell.count is None and not re.search(r"\bscore\(", cell.source)
    ]
    if unrun:
        listed = ", ".join(map(str, unrun))
        yield f"Not run since the kernel was started: cell {listed}."
    late = next((b for (_, m), (b, n) in pairwise(ran) if n < m), None)
    if late is not None:
        yield (
            f"Cell {late} was run before the cell above it, so what you saw may not be what comes "
            "out from top to bottom. Restart the kernel and run all, or score(run=True)."
        )


def _seconds(cell: Any) -> float:
    """Return how long a grader lets a cell run, its checks included."""
    checks = len(re.findall(r"\bcheck\(", cell.source))
    return CELL_SECONDS + ANSWER_SECONDS * checks


def _run(path: Path) -> str:
    """Run a notebook in a fresh kernel; return what stopped it, or ""."""
    data = path.read_bytes()
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError:
        return "running it needs the packages nbclient and ipykernel, which are not installed"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in read_notebook_file(data).sources]
    )
    for cell in notebook.cells:  # this cell would review and run the notebook again
        if cell.cell_type == "code" and re.search(r"\bscore\(", cell.source):
            cell.source = re.sub(r"(?:\b\w+\.)?\bscore\([^()]*\)", "None", cell.source)
    client = NotebookClient(
        notebook,
        timeout_func=_seconds,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],  # no messages about its sockets
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        return f"a cell did not end within {CELL_SECONDS:g} seconds"
    except DeadKernelError:
        return "the kernel died"
    return ""
