"""What students get: their notebooks, and an archive for each framework."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from d2lexercises import library, solutions
from nbformat import NotebookNode

from editions.base.files import write_atomically
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.exercises.exercise_files import (
    Exercises,
    dropped_chapters,
    find_exercises,
    sections,
)
from editions.exercises.public_questions import public_part
from editions.notebooks import notebook as notebooks
from editions.source.chapter import Cell

CHECKS = "d2l_checks"  # folder beside a handed-out notebook, with the private questions


@dataclass(frozen=True)
class HandingOut:
    """What an instructor sets when handing out."""

    private: Path | None = None  # the folder of their own questions
    solutions_from: date | None = None  # the day from which every solution opens

    @property
    def is_own(self) -> bool:
        """Whether something differs from what the repository keeps for everyone."""
        return self.private is not None or self.solutions_from is not None


def write_student_notebooks(
    project: Project,
    names: list[str] | None = None,
    private: Path | None = None,
    solutions_from: date | None = None,
) -> list[Path]:
    """Write the student notebooks, and one archive for each framework; return what changed.

    Public notebooks go to ``exercises/notebooks``, and solutions beside the public questions, where
    the repository keeps them. With a private folder or a date, notebooks and archives go to
    ``_build/exercises`` alone.

    Args:
        project: the book.
        names: the chapters, of which alone anything is handed out; by default all that have
            exercises.
        private: the instructor's folder of questions.
        solutions_from: the day from which solutions open, whether or not a check has passed. Those
            of private questions are handed out only with it.

    Raises:
        EditionsError: there are no such exercises, the private folder has none, or one of its
            questions cannot be handed out.
        SourceError: an exercise file breaks a rule of the format; says on which line.
    """
    handing_out = HandingOut(private, solutions_from)
    chosen = find_exercises(project, names, private)
    built = project.root / "_build" / "exercises"
    kept = project.root / "exercises" / "notebooks"
    folder = built / "notebooks" if handing_out.is_own else kept
    own = _handed_out_files(project, chosen, handing_out, names)
    changed = []
    if not handing_out.is_own:
        for exercises in chosen:
            path = solutions_path(exercises)
            if write_atomically(path, packed_solutions(exercises)):
                changed.append(path)
    for framework in project.frameworks:
        contents = dict(own)
        for exercises in chosen:
            data = notebooks.dumps(student_notebook(exercises, framework, handing_out))
            contents[f"{exercises.name}.ipynb"] = data
            path = student_path(exercises, framework, folder)
            if write_atomically(path, data):
                changed.append(path)
        archive = built / f"exercises-{framework.key}.zip"
        if write_atomically(archive, archive_of(contents, f"exercises-{framework.key}")):
            changed.append(archive)
    return changed


def student_notebook(
    exercises: Exercises, framework: Framework, handing_out: HandingOut = HandingOut()
) -> NotebookNode:
    """The notebook that students get: no solutions, no outputs."""
    source = exercises.without("solution")
    if said := _said_when_handing_out(exercises, handing_out):
        start = len(sections(source)[0].cells)
        cell = Cell("code", said, 1, name="handed-out")
        source = replace(source, cells=(*source.cells[:start], cell, *source.cells[start:]))
    node = notebooks.build(source, framework, exercises.project)
    node.metadata[notebooks.KEY] = {"exercises": exercises.name, "framework": framework.key}
    return node


def student_path(exercises: Exercises, framework: Framework, folder: Path) -> Path:
    """Where the student notebook is kept in `folder`."""
    return folder / framework.key / f"{exercises.name}.ipynb"


def solutions_path(exercises: Exercises) -> Path:
    """Where the solutions of public exercises are kept: beside the questions, for the package."""
    return exercises.project.root / "exercises" / "chapters" / exercises.name / solutions.FILE


def packed_solutions(exercises: Exercises, only: Collection[str] | None = None) -> bytes:
    """The file of solutions of a chapter; `only` names the questions, by default all."""
    worked: dict[str, dict[str, str]] = {}
    for section in sections(exercises.chapter):
        name = section.question
        if name is None or (only is not None and name not in only):
            continue
        cells = tuple(cell for cell in section.cells if "solution" in cell.tags)
        part = replace(exercises.without("starter"), cells=cells)
        for framework in exercises.project.frameworks:
            built = notebooks.build(part, framework, exercises.project).cells
            texts = [_markdown(cell) for cell in built if cell.id != notebooks.SETUP_ID]
            worked.setdefault(name, {})[framework.key] = "\n\n".join(texts)
    return solutions.pack(worked).encode("ascii")


def _markdown(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        return cell.source
    longest = max(map(len, re.findall("`+", cell.source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{cell.source}\n{fence}"


def _said_when_handing_out(exercises: Exercises, handing_out: HandingOut) -> str:
    """The code of the cell that says so in the notebook; "" where nothing differs."""
    said = []
    if names := sorted(_own_questions(exercises, handing_out)):
        said.append(f"private={names!r}".replace("'", '"'))
    if handing_out.solutions_from is not None:
        said.append(f'solutions_from="{handing_out.solutions_from}"')
    if not said:
        return ""
    return f"from d2lexercises import handed_out\n\nhanded_out({', '.join(said)})"


def _own_questions(exercises: Exercises, handing_out: HandingOut) -> set[str]:
    """The names of a notebook's questions whose text or checks are the instructor's."""
    if handing_out.private is None:
        return set()
    own = {section.question for section in exercises.private_sections}
    file = library.question_files(handing_out.private).get(exercises.name)
    own |= {question.name for question in library.questions_in(file)} if file else set()
    asked = {section.question for section in sections(exercises.chapter)}
    return {name for name in own & asked if name}


def _handed_out_files(
    project: Project,
    chosen: list[Exercises],
    handing_out: HandingOut,
    names: Collection[str] | None,
) -> dict[str, bytes]:
    """Return the checks and solutions of the private folder that are handed out.

    Those of dropped chapters are left out, and of all but `names` if there are any.
    """
    private = handing_out.private
    if private is None:
        return {}
    dropped = dropped_chapters(project)
    found, hidden = {}, set()
    for chapter, path in sorted(library.question_files(private).items()):
        if chapter in dropped or (names and chapter not in names):
            continue
        name = f"{CHECKS}/{path.relative_to(private).as_posix()}"
        found[name] = public_part(path).encode("utf-8")
        hidden |= {one.name for one in library.questions_in(path) if one.hidden}
    for exercises in chosen if handing_out.solutions_from else []:
        if own := _own_questions(exercises, handing_out) - hidden:
            data = packed_solutions(exercises, own)
            found[f"{CHECKS}/{exercises.name}/{solutions.FILE}"] = data
    return found


def archive_of(contents: dict[str, bytes], top: str) -> bytes:
    """A zip archive of these files in the folder `top`: the same bytes for the same contents."""
    buffer = io.BytesIO()
    # Stored, not deflated: another version of zlib would give other bytes.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(f"{top}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
