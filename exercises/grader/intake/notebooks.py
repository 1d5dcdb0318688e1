"""Read the code of a submitted notebook. The file may hold anything, an attack included."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from d2lexercises.answers import (
    MOVED,
    checks_in,
    names_in_quotes,
    present_names,
    questions_named_in,
)
from d2lexercises.notebook_files import (
    MOST_BYTES,
    NotebookFileError,
    framework_of,
    read_notebook_file,
)

__all__ = [
    "MOST_BYTES",
    "TO_FILL_IN",
    "Notebook",
    "NotebookError",
    "handed_out",
    "is_overwritten",
    "is_written",
    "kind_of_archive",
    "name_of_answer",
    "names_of_answers",
    "read_notebook",
]
# What students hand in instead of a notebook, by how it begins.
_INSTEAD = {
    re.compile(rb"\s*(?:<!doctype html|<html|<\?xml|<head|<a )", re.IGNORECASE): (
        "a web page: ask for the file that Jupyter saves, with the ending .ipynb"
    ),
    re.compile(rb"version https://git-lfs"): (
        "what Git LFS has in the place of the notebook: type git lfs pull in the clone"
    ),
    re.compile(rb"\s*\[\s*\{"): "a list: if a notebook is in it, save that as a file of its own",
    re.compile(rb'\s*\{.{0,4000}?"content"\s*:\s*\{\s*"(?:cells|metadata|nbformat)', re.DOTALL): (
        "the answer of a Jupyter server: save what its entry content has as a file of its own"
    ),
    re.compile(rb"\s*(?:#!|# (?:%%|In\[|coding|-\*-)|(?:import|from) \w|def \w)"): (
        "Python code: ask for the notebook that it was made of"
    ),
    re.compile(rb"%PDF"): "a PDF file: ask for the notebook that it was made of",
}
_FORMAT_1 = re.compile(rb'"nbformat"\s*:\s*1\b(?!\.)')
# How archives begin that are not zip, and what they are.
_OTHER_KINDS = {
    b"\x1f\x8b": "a gzip archive (.tar.gz, .gz)",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive (.7z)",
    b"Rar!": "a RAR archive (.rar)",
    b"BZh": "a bzip2 archive (.bz2)",
    b"\xfd7zXZ": "an XZ archive (.xz)",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive (.zst)",
}
_TAR = (257, b"ustar")  # where the mark of a tar archive is
TO_FILL_IN = re.compile(r"(?m)^[ \t]+\.\.\.[ \t]*(?:#.*)?$")  # a place for an answer
_HANDED_OUT = Path(__file__).parents[2] / "notebooks"  # for students, by framework


class NotebookError(ValueError):
    """The file is not a notebook that can be graded; the message gives the reason."""


@dataclass(frozen=True)
class Notebook:
    """The part of a notebook that is graded."""

    cells: tuple[str, ...]  # the code cells, in order
    written_for: str = ""  # the framework that its metadata name
    exercises: str = ""  # the chapter whose exercises its metadata name
    python: str = ""  # the version of Python that it was last run with
    texts: tuple[str, ...] = ()  # the cells that are not code

    @cached_property
    def framework(self) -> str:
        """The key of the framework that the code is written in; "numpy" if it uses none."""
        return framework_of(self.cells, self.written_for)

    @cached_property
    def named(self) -> set[str]:
        """The questions that calls of `check` name."""
        return questions_named_in("\n".join(self.cells))

    @cached_property
    def _quoted(self) -> set[str]:
        """What may be a question's name, as in a loop that calls `check`."""
        text = "\n".join(self.cells)
        return names_in_quotes(text) if re.search(r"\bcheck\b", text) else set()

    @property
    def chapters(self) -> set[str]:
        """The chapters whose checks are called."""
        return {question.partition(".")[0] for question in self.named}

    def asks(self, questions: Collection[str]) -> set[str]:
        """Return which of these questions it asks, also by the names that they had before."""
        return present_names(self.named | self._quoted, questions)

    def asks_by_old_names(self, questions: Collection[str]) -> bool:
        """Return whether it asks some of these questions, and each by a name of earlier."""
        return bool(self.asks(questions)) and not (self.named | self._quoted) & set(questions)

    def moved(self, chapter: str) -> set[str]:
        """Return what it asks of a chapter by the names of questions that moved elsewhere."""
        return {name for name in self.named & set(MOVED) if name.startswith(f"{chapter}.")}


def read_notebook(data: bytes) -> Notebook:
    """Read the code cells of a notebook file. Outputs, tags, ids and other cells are ignored.

    Raises:
        NotebookError: the file is too large, or not a notebook.
    """
    try:
        file = read_notebook_file(data)
    except NotebookFileError as error:
        raise NotebookError(_with_advice(str(error), data)) from None
    if not any(file.sources) and _FORMAT_1.search(data):
        raise NotebookError("a notebook of format 1: ask for one that Jupyter has opened and saved")
    return Notebook(file.sources, file.written_for, file.exercises, file.python, file.texts)


def _with_advice(reason: str, data: bytes) -> str:
    """Return why a file cannot be read, with what it is instead and what to do."""
    if reason.endswith("are run"):  # too many cells, or too much code
        return f"{reason}: ask for it without cells that are no part of the exercises"
    if packed := kind_of_archive(data):
        return (
            f"{packed} that is named like a notebook: unpack it, and put the notebook in its place"
        )
    for begins, what in _INSTEAD.items():
        if begins.match(data):
            return f"{reason}. It is {what}"
    return reason


def kind_of_archive(data: bytes) -> str:
    """Return the kind of an archive, zip excepted, by how it begins; "" for any other file."""
    at, mark = _TAR
    if data[at:].startswith(mark):
        return "a tar archive (.tar)"
    return next((kind for begin, kind in _OTHER_KINDS.items() if data.startswith(begin)), "")


def handed_out(chapter: str) -> Iterator[bytes]:
    """Yield the notebooks of a chapter's exercises that students get, one for each framework."""
    for file in _HANDED_OUT.glob(f"*/{chapter}.ipynb"):
        yield file.read_bytes()


def names_of_answers(chapter: str) -> dict[str, str]:
    """Return the name that the notebooks of a chapter give to each answer, by question."""
    cells = [cell for data in handed_out(chapter) for cell in read_notebook(data).cells]
    checks = [one for cell in cells if "check(" in cell for one in checks_in(cell)]
    return {one.question: name for one in checks if (name := one.answer_text).isidentifier()}


def name_of_answer(question: str, cells: Sequence[str]) -> str:
    """Return the name that the last check of a question gives as its answer; "" if it is none."""
    call = re.compile(rf"\bcheck\(\s*[\"']{re.escape(question)}[\"']\s*,\s*([^\W\d]\w*)\s*\)")
    return next(iter(call.findall("\n".join(cells))[::-1]), "")


def is_written(name: str, cells: Sequence[str]) -> bool:
    """Return whether code defines a class or a function of this name, with nothing to fill in."""
    return any(not TO_FILL_IN.search(cell) for cell in _defining(name, cells))


def is_overwritten(name: str, cells: Sequence[str]) -> bool:
    """Return whether code defines a name, and then once more with nothing filled in."""
    defining = _defining(name, cells)
    return is_written(name, defining) and bool(TO_FILL_IN.search(defining[-1]))


def _defining(name: str, cells: Sequence[str]) -> list[str]:
    definition = re.compile(rf"(?m)^[ \t]*(?:class|def)[ \t]+{re.escape(name)}\b")
    return [cell for cell in cells if definition.search(cell)]
