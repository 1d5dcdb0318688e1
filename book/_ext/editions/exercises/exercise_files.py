"""Exercises: from one source, what students get and what their teachers get.

An exercise file is written in the format of a chapter, with two tags more:

- ``starter``: code that students begin with; replaced by the solution in the worked notebook;
- ``solution``: code or Markdown that only the worked notebook holds.

A section, from one second-level heading to the next, that calls ``check("chapter.question", ...)``
is a *question*. A private folder may hold a file of the same name: its questions replace those
of the same name, and its others follow them.
"""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from editions.base.errors import EditionsError, SourceError
from editions.base.files import write_atomically
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.notebooks import notebook as notebooks
from editions.notebooks.edition import Edition
from editions.notebooks.execution import run_all
from editions.notebooks.outputs import text_of
from editions.source.chapter import Cell, Chapter, read_chapter

TAGS = frozenset({"starter", "solution"})
PRIVATE = "D2L_PRIVATE_EXERCISES"  # the variable that names the private folder
CHECKS = "d2l_checks"  # folder beside a handed-out notebook that holds private questions
_HEADING = re.compile(r"(?m)^(?=## )")


@dataclass(frozen=True)
class Section:
    """A part of an exercise file."""

    cells: tuple[Cell, ...]

    @property
    def question(self) -> str | None:
        """The question it asks, such as "blocks.sequential"; None if it asks none."""
        names = [name for cell in self.cells for name, _ in checks_in(cell)]
        return names[0] if names else None


@dataclass(frozen=True)
class Exercises:
    """The exercises to one chapter."""

    project: Project
    chapter: Chapter
    private: Path | None = None  # the file in the private folder that had a part in it

    @property
    def name(self) -> str:
        """The chapter's name."""
        return self.chapter.name

    def student(self, framework: Framework) -> NotebookNode:
        """The notebook that students get: no solutions, no outputs."""
        node = notebooks.build(self._without("solution"), framework, self.project)
        node.metadata[notebooks.KEY] = {"exercises": self.name, "framework": framework.key}
        return node

    def worked(self, framework: Framework, folder: Path) -> Worked:
        """The notebook with the solutions, to be run and kept in `folder`."""
        return Worked(self.project, self._without("starter"), framework, folder=folder)

    def student_path(self, framework: Framework, folder: Path) -> Path:
        """Where the student notebook is kept in `folder`."""
        return folder / framework.key / f"{self.name}.ipynb"

    def _without(self, tag: str) -> Chapter:
        cells = tuple(cell for cell in self.chapter.cells if tag not in cell.tags)
        # Links are relative to the public file, in whichever folder a section was written.
        return replace(self.chapter, path=f"exercises/{self.name}.md", cells=cells)


@dataclass(frozen=True)
class Worked(Edition):
    """An edition that holds solutions; it is run as a chapter's edition is."""

    folder: Path = Path()

    @property
    def path(self) -> Path:
        """Where its notebook is stored."""
        return self.folder / self.framework.key / f"{self.chapter.name}.ipynb"


def find_exercises(
    project: Project, names: list[str] | None = None, private: Path | None = None
) -> list[Exercises]:
    """The exercises of the chapters called `names`, or all there are."""
    public = {path.stem: path for path in sorted((project.root / "exercises").glob("*.md"))}
    secret: dict[str, Path] = {}
    if private is not None:
        if not private.is_dir():
            raise EditionsError(f"{private}: there is no such folder of private exercises")
        if not any(path.suffix in (".md", ".py") for path in private.iterdir()):
            raise EditionsError(
                f"{private}: it holds no private exercises, such as blocks.md and blocks.py"
            )
        secret = {path.stem: path for path in sorted(private.glob("*.md"))}
    known = sorted({*public, *secret})
    if unknown := [name for name in names or [] if name not in known]:
        raise EditionsError(
            f"there are no exercises called {', '.join(unknown)}; there are: {', '.join(known)}"
        )
    return [
        _read(project, public.get(name), secret.get(name))
        for name in known
        if not names or name in names
    ]


def _read(project: Project, public: Path | None, secret: Path | None) -> Exercises:
    chapters = [
        read_chapter(path, project.relative(path), TAGS) for path in (public, secret) if path
    ]
    for chapter in chapters:
        for framework in project.frameworks:
            _check(chapter, framework)
    merged = chapters[0]
    if len(chapters) == 2:
        cells = _merge(sections(chapters[0]), sections(chapters[1]))
        merged = replace(chapters[0], cells=tuple(cells))
    return Exercises(project, merged, secret)


def sections(chapter: Chapter) -> list[Section]:
    """A file's sections; what stands before the first second-level heading is the first."""
    found: list[list[Cell]] = [[]]
    for cell in chapter.cells:
        if cell.kind == "code" or cell.tags:
            found[-1].append(cell)
            continue
        line = cell.line
        for number, text in enumerate(_HEADING.split(cell.source)):
            if number:
                found.append([])
            if text.strip():
                found[-1].append(replace(cell, source=text.rstrip(), line=line))
            line += text.count("\n")
    return [Section(tuple(cells)) for cells in found if cells]


def _merge(public: list[Section], secret: list[Section]) -> Iterator[Cell]:
    """The public sections with the private ones in their places."""
    changed = {section.question: section for section in secret if section.question}
    last = max((n for n, section in enumerate(public) if section.question), default=-1)
    known = {section.question for section in public}
    for number, section in enumerate(public):
        yield from changed.get(section.question or "", section).cells
        if number == last:
            for question, further in changed.items():
                if question not in known:
                    yield from further.cells


def checks_in(cell: Cell) -> list[tuple[str, str]]:
    """The calls of `check` in a cell: the question, and the answer as written."""
    if cell.kind != "code":
        return []
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        return []
    return [
        (str(node.args[0].value), ast.unparse(node.args[1]))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "check"
        and len(node.args) == 2
        and isinstance(node.args[0], ast.Constant)
    ]


def _check(chapter: Chapter, framework: Framework) -> None:
    """Every question has a starter, a solution and one check cell, in that order."""
    asked: dict[str, int] = {}
    for section in sections(chapter):
        cells = [cell for cell in section.cells if cell.framework in (None, framework.key)]
        code = [cell for cell in cells if cell.kind == "code"]
        calls = [(cell, name) for cell in code for name, _ in checks_in(cell)]
        tagged = [cell for cell in code if set(cell.tags) & TAGS]
        if not calls:
            if tagged:
                raise SourceError(
                    chapter.path,
                    tagged[0].line,
                    f"a starter or solution without a check in its section ({framework.title})",
                )
            continue
        cell, name = calls[0]
        if len(calls) > 1:
            message = f"one check a section; this one has {[name for _, name in calls]}"
            raise SourceError(chapter.path, calls[1][0].line, message)
        if name in asked:
            message = f"{name} is asked already, on line {asked[name]}"
            raise SourceError(chapter.path, cell.line, message)
        asked[name] = cell.line
        before = code[: code.index(cell)]
        for tag in sorted(TAGS):
            if not any(tag in one.tags for one in before):
                message = f"{name} has no cell tagged {tag} above its check ({framework.title})"
                raise SourceError(chapter.path, cell.line, message)


# -- what is handed out --------------------------------------------------------------------------


def write_student_notebooks(
    project: Project, names: list[str] | None = None, private: Path | None = None
) -> list[Path]:
    """Write the student notebooks, and one archive for each framework; return what changed.

    Public notebooks go to ``exercises/notebooks``, where the repository keeps them. With a private
    folder nothing goes there: what is handed out lies in ``_build/exercises`` alone.
    """
    chosen = find_exercises(project, names, private)
    everything = find_exercises(project, None, private) if names else chosen
    built = project.root / "_build" / "exercises"
    folder = project.root / "exercises" / "notebooks" if private is None else built / "notebooks"
    changed = []
    for framework in project.frameworks:
        contents: dict[str, bytes] = {}
        for exercises in everything:
            data = notebooks.dumps(exercises.student(framework))
            contents[f"{exercises.name}.ipynb"] = data
            path = exercises.student_path(framework, folder)
            if exercises in chosen and write_atomically(path, data):
                changed.append(path)
        for path in sorted(private.glob("*.py")) if private else []:
            contents[f"{CHECKS}/{path.name}"] = path.read_bytes()
        archive = built / f"exercises-{framework.key}.zip"
        if write_atomically(archive, archive_of(contents, f"exercises-{framework.key}")):
            changed.append(archive)
    return changed


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


# -- worked solutions ----------------------------------------------------------------------------


def write_solutions(
    project: Project, names: list[str] | None = None, private: Path | None = None
) -> list[Path]:
    """Run the worked notebooks and write them to ``_build/solutions``; return their paths.

    Raises:
        EditionsError: a cell raised, or a solution does not earn full marks.
    """
    if private:  # the kernels look their questions up there, too
        os.environ[PRIVATE] = str(private.resolve())
    folder = project.root / "_build" / "solutions"
    written = []
    for exercises in find_exercises(project, names, private):
        for framework in project.frameworks:
            worked = exercises.worked(framework, folder)
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
            if not marks or marks[1] != marks[2]:
                yield shown or f"{name}: its check showed nothing"
