"""Exercise files: their format and its rules, and the files that a book has.

An exercise file is written in the format of a chapter, with two more tags:

- ``starter``: code that students begin with; the worked notebook has the solution instead;
- ``solution``: code or Markdown that only the worked notebook has.

A section, from one second-level heading to the next, that calls ``check("chapter.question", ...)``
is a *question*. A private folder may have a file of the same name: its questions replace those of
the same name, and its other questions follow them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from d2lexercises import answers, frameworks, library

from editions.base.errors import EditionsError, SourceError
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.source.chapter import Cell, Chapter, read_chapter

TAGS = frozenset({"starter", "solution"})
PRIVATE = "D2L_PRIVATE_EXERCISES"  # the variable that names the private folder
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
    """The exercises of one chapter."""

    project: Project
    chapter: Chapter  # their source
    private: Path | None = None  # the private file whose questions are among them
    private_sections: tuple[Section, ...] = ()  # its sections

    @property
    def name(self) -> str:
        """The chapter's name."""
        return self.chapter.name

    def without(self, tag: str) -> Chapter:
        """The source without the cells that have a tag."""
        cells = tuple(cell for cell in self.chapter.cells if tag not in cell.tags)
        # Links are relative to the public file, whichever folder a section comes from.
        path = f"exercises/chapters/{self.name}/text.md"
        return replace(self.chapter, path=path, cells=cells)


# -- the files of a book ---------------------------------------------------------------------------


def find_exercises(
    project: Project, names: list[str] | None = None, private: Path | None = None
) -> list[Exercises]:
    """The exercises of the chapters called `names`; by default, of all that have some.

    Public exercises belong to the chapters that `_toc.yml` lists. A private file may also have a
    name that no page of the book has. Private questions without a text can be named, and have none.

    Raises:
        EditionsError: there are no such exercises, or there is nothing in the private folder.
        SourceError: a file breaks a rule of the format; says on which line.
    """
    public = text_files(project.root / "exercises" / "chapters")
    secret = _private_files(private) if private else {}
    dropped = dropped_chapters(project)
    listed = {path.stem for path in project.chapters}
    public = {name: path for name, path in public.items() if name in listed}
    secret = {name: path for name, path in secret.items() if name not in dropped}
    judged = set(library.question_files(private)) - dropped if private else set()
    known = sorted({*public, *secret, *judged})
    if unknown := [name for name in names or [] if name not in known]:
        message = f"there are no exercises called {', '.join(unknown)}; there are: "
        message += ", ".join(known) or "none"
        if left_out := [name for name in unknown if name in dropped]:
            message += f". _toc.yml does not list the chapters {', '.join(left_out)}"
        raise EditionsError(message)
    return [
        _read(project, name, public.get(name), secret.get(name))
        for name in sorted({*public, *secret})
        if not names or name in names
    ]


def dropped_chapters(project: Project) -> set[str]:
    """The names of pages that `book/` has and `_toc.yml` does not list: nothing is handed out."""
    listed = {path.stem for path in project.pages}
    return {path.stem for path in (project.root / "book").glob("*.md")} - listed


def check_private_folder(folder: Path) -> None:
    """Check that a folder, which may not exist yet, can hold private questions.

    Raises:
        EditionsError: it is a file, or the folder of one chapter.
    """
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if there.is_file():
        raise EditionsError(
            f"{there}: it is a file; name a folder for your private questions, such as PRIVATE=mine"
        )
    if (folder / "question.py").is_file() or (folder / "text.md").is_file():
        raise EditionsError(
            f"{folder}: it is the folder of one chapter; name the one around it: "
            f"PRIVATE={folder.parent}"
        )


def _private_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise EditionsError(f"{folder}: there is no such folder of private exercises")
    if not (found := text_files(folder)) and not library.question_files(folder):
        raise EditionsError(
            f"{folder}: it holds no private exercises, such as blocks/text.md and "
            "blocks/question.py"
        )
    return found


def text_files(folder: Path) -> dict[str, Path]:
    """The exercise files in a folder, by chapter: blocks/text.md, or blocks.md as in the first
    edition. A text.md in the folder itself is of no chapter: the folder is that of a chapter then.
    """
    alone = [path for path in sorted(folder.glob("*.md")) if path.name != "text.md"]
    first_edition = {path.stem: path for path in alone}
    return first_edition | {path.parent.name: path for path in sorted(folder.glob("*/text.md"))}


def _read(project: Project, name: str, public: Path | None, secret: Path | None) -> Exercises:
    """Read a chapter's public and private file, at least one of which is there."""
    chapters = [read_exercise_text(project, name, path) for path in (public, secret) if path]
    for chapter in chapters:
        for framework in project.frameworks:
            check_rules(chapter, framework)
    merged = chapters[0]
    if len(chapters) == 2:
        cells = _merge(sections(chapters[0]), sections(chapters[1]))
        merged = _numbered(replace(chapters[0], cells=tuple(cells)))
    own = tuple(sections(chapters[-1])) if secret else ()
    return Exercises(project, merged, secret, own)


def read_exercise_text(project: Project, name: str, path: Path) -> Chapter:
    """Read the exercise file of a chapter.

    Raises:
        SourceError: the file breaks a rule of a chapter's format; says on which line.
    """
    chapter = replace(read_chapter(path, project.relative(path), TAGS), name=name)
    if path.name == "text.md":
        return chapter
    cells = [  # of the first edition, which had the files one folder further up
        replace(cell, source=cell.source.replace("](../book/", "](../../../book/"))
        if cell.kind == "markdown"
        else cell
        for cell in chapter.cells
    ]
    return replace(chapter, cells=tuple(cells))


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


_COUNTS = [
    "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven",
    "Twelve",
]  # fmt: skip
_COUNT = re.compile(rf"(?m)^(?:{'|'.join(_COUNTS)}) questions?\b")


def _numbered(chapter: Chapter) -> Chapter:
    """Number the questions anew, where their headings have numbers, and count them in the text."""
    found, cells, numbers = sections(chapter), list[Cell](), itertools.count(1)
    asked = sum(section.question is not None for section in found)
    count = _COUNTS[asked] if asked < len(_COUNTS) else str(asked)
    said = f"{count} question{'s' if asked > 1 else ''}"
    for section in found:
        first, *rest = section.cells
        if section.question:
            text = re.sub(r"\A## \d+\. ", f"## {next(numbers)}. ", first.source)
            cells += [replace(first, source=text), *rest]
        elif not cells:  # what stands above the questions
            cells += [_recounted(cell, said) for cell in section.cells]
        else:
            cells += section.cells
    return replace(chapter, cells=tuple(cells))


def _recounted(cell: Cell, said: str) -> Cell:
    if cell.kind != "markdown":
        return cell
    return replace(cell, source=_COUNT.sub(said, cell.source, count=1))


# -- the format ------------------------------------------------------------------------------------


def sections(chapter: Chapter) -> list[Section]:
    """The sections of a file; the first is the part before the first second-level heading."""
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


def checks_in(cell: Cell) -> list[tuple[str, str]]:
    """The calls of `check` in a cell: the question, and the answer as written."""
    return _checks_in(cell.source) if cell.kind == "code" else []


@lru_cache(maxsize=1024)  # a build reads the same files many times
def _checks_in(source: str) -> list[tuple[str, str]]:
    try:
        checks = answers.checks_in(source)
    except SyntaxError:
        return []
    return [(check.question, check.answer_text) for check in checks]


def check_rules(chapter: Chapter, framework: Framework) -> None:
    """Every question has a starter, a solution and one check cell, in that order.

    Raises:
        SourceError: a section breaks this rule; says on which line.
    """
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


def question_frameworks(project: Project) -> list[str]:
    """The frameworks of the book for which questions can be written."""
    return [one.key for one in project.frameworks if one.key in frameworks.KEYS]
