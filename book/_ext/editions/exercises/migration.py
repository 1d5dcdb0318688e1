"""How to move questions that are in the form of the first edition."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from editions.base.errors import SourceError
from editions.base.files import read_text
from editions.base.project import Project
from editions.exercises.chapter_files import files_in

MOST_WORDS = 8  # that a note names


def migration_notes(project: Project, folder: Path, names: Iterable[str] = ()) -> Iterator[str]:
    """How to move what is in the form of the first edition, in a line for each file."""
    for name, files in files_in(folder).items():
        if names and name not in names:
            continue
        place = project.relative(folder / name)
        moves = [
            f"{project.relative(path)} -> {place}/{wanted}"
            for path, wanted in ((files.text, "text.md"), (files.question, "question.py"))
            if path and path.name != wanted
        ]
        if moves:
            yield f"{project.relative(files.folder)}: rename {', '.join(moves)}"
        if files.question and (old := _old_words(files.question)):
            words = ", ".join(old[:MOST_WORDS]) + (" ..." if len(old) > MOST_WORDS else "")
            yield (
                f"{project.relative(files.question)}: in the form of the first edition, which "
                f"works for one more release; exercises/MIGRATING.md has the new word for each of "
                f"{words}"
            )


def _old_words(path: Path) -> list[str]:
    """What a file imports of the first edition's package, if it can be read."""
    try:
        tree = ast.parse(read_text(path, path.as_posix()))
    except (SyntaxError, SourceError):
        return []
    return [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("d2lcompute.checks")
        for alias in node.names
    ]
