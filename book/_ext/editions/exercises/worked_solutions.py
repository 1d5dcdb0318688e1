"""Worked solutions: notebooks that are run, and whose solutions must earn full marks."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from editions.base.errors import EditionsError
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.exercises.exercise_files import PRIVATE, Exercises, checks_in, find_exercises
from editions.notebooks.edition import Edition
from editions.notebooks.execution import run_all
from editions.notebooks.outputs import text_of
from editions.source.chapter import Cell


@dataclass(frozen=True)
class WorkedEdition(Edition):
    """An edition with solutions, which is run as a chapter's edition is."""

    folder: Path = Path()

    @property
    def path(self) -> Path:
        """Where its notebook is stored."""
        return self.folder / self.framework.key / f"{self.chapter.name}.ipynb"


def worked_edition(exercises: Exercises, framework: Framework, folder: Path) -> WorkedEdition:
    """The edition with the solutions, to be run and stored in `folder`."""
    source = exercises.without("starter")
    return WorkedEdition(exercises.project, source, framework, folder=folder)


def write_solutions(
    project: Project, names: list[str] | None = None, private: Path | None = None
) -> list[Path]:
    """Run the worked notebooks and write them to ``_build/solutions``; return their paths.

    Raises:
        EditionsError: there are no such exercises, a cell raised, or a solution does not earn full
            marks.
    """
    if private:  # kernels inherit the variable, and find the private questions there
        os.environ[PRIVATE] = str(private.resolve())
    folder = project.root / "_build" / "solutions"
    written = []
    for exercises in find_exercises(project, names, private):
        for framework in project.frameworks:
            worked = worked_edition(exercises, framework, folder)
            if errors := run_all([worked], 1, progress=False):
                raise errors[0]
            short = list(_short_of_full_marks(nbformat.read(worked.path, as_version=4)))
            if short:
                shutil.move(worked.path, worked.path.with_suffix(".failed.ipynb"))
                raise EditionsError(
                    f"{worked.shown}: a solution does not earn full marks:\n" + "\n".join(short)
                )
            written.append(worked.path)
    return written


def _short_of_full_marks(node: NotebookNode) -> Iterator[str]:
    for cell in node.cells:
        if cell.cell_type != "code":
            continue
        for name, _ in checks_in(Cell("code", cell.source, 1)):
            shown = "\n".join(text_of(output) for output in cell.outputs)
            marks = re.search(rf"{re.escape(name)}: (\S+) of (\S+) points", shown)
            later = re.search(rf"{re.escape(name)}: (kept, |\S+ points, judged when)", shown)
            if not later and (not marks or marks[1] != marks[2]):
                yield shown or f"{name}: its check showed nothing"
