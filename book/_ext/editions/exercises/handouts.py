"""What students get: their notebooks, and an archive for each framework."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from d2lexercises import library
from nbformat import NotebookNode

from editions.base.files import write_atomically
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.exercises.exercise_files import Exercises, dropped_chapters, find_exercises
from editions.notebooks import notebook as notebooks

CHECKS = "d2l_checks"  # folder beside a handed-out notebook, with the private questions


def write_student_notebooks(
    project: Project, names: list[str] | None = None, private: Path | None = None
) -> list[Path]:
    """Write the student notebooks, and one archive for each framework; return what changed.

    Public notebooks go to ``exercises/notebooks``, where the repository keeps them. With a private
    folder, notebooks and archives go to ``_build/exercises`` alone.

    Raises:
        EditionsError: there are no such exercises, or the private folder has none.
        SourceError: an exercise file breaks a rule of the format; says on which line.
    """
    chosen = find_exercises(project, names, private)
    everything = find_exercises(project, None, private) if names else chosen
    chosen_names = {exercises.name for exercises in chosen}
    built = project.root / "_build" / "exercises"
    folder = project.root / "exercises" / "notebooks" if private is None else built / "notebooks"
    questions = _private_questions(project, private) if private else {}
    changed = []
    for framework in project.frameworks:
        contents = dict(questions)
        for exercises in everything:
            data = notebooks.dumps(student_notebook(exercises, framework))
            contents[f"{exercises.name}.ipynb"] = data
            path = student_path(exercises, framework, folder)
            if exercises.name in chosen_names and write_atomically(path, data):
                changed.append(path)
        archive = built / f"exercises-{framework.key}.zip"
        if write_atomically(archive, archive_of(contents, f"exercises-{framework.key}")):
            changed.append(archive)
    return changed


def student_notebook(exercises: Exercises, framework: Framework) -> NotebookNode:
    """The notebook that students get: no solutions, no outputs."""
    node = notebooks.build(exercises.without("solution"), framework, exercises.project)
    node.metadata[notebooks.KEY] = {"exercises": exercises.name, "framework": framework.key}
    return node


def student_path(exercises: Exercises, framework: Framework, folder: Path) -> Path:
    """Where the student notebook is kept in `folder`."""
    return folder / framework.key / f"{exercises.name}.ipynb"


def _private_questions(project: Project, private: Path) -> dict[str, bytes]:
    """The private folder's Python files, but for those that belong to dropped chapters."""
    dropped = dropped_chapters(project)
    return {
        f"{CHECKS}/{path.relative_to(private).as_posix()}": path.read_bytes()
        for chapter, path in sorted(library.question_files(private).items())
        if chapter not in dropped
    }


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
