"""Worked solutions, as `solution` shows them: from a file beside the questions, once they are open.

A chapter's file `solutions.txt` is base64 text, so that nobody reads it by accident. It is no
secret: whoever wants to decodes it, or reads the book's repository.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from d2lexercises import feedback, frameworks, handing_out, library

FILE = "solutions.txt"
_WIDTH = 76  # of the lines of the file

Worked = Mapping[str, Mapping[str, str]]  # by question and framework, as Markdown


@dataclass(frozen=True, repr=False)
class Solution:
    """A worked solution, to be shown."""

    question: str
    markdown: str

    def _repr_markdown_(self) -> str:
        return f"**Solution of {self.question}**\n\n{self.markdown}"

    def __str__(self) -> str:
        return f"Solution of {self.question}\n\n{self.markdown}"

    __repr__ = __str__


def pack(worked: Worked) -> str:
    """The text of a file of solutions: the same for the same solutions, on every machine."""
    data = json.dumps(worked, ensure_ascii=False, sort_keys=True).encode()
    text = base64.b64encode(data).decode("ascii")
    return "".join(f"{text[n : n + _WIDTH]}\n" for n in range(0, len(text), _WIDTH))


def unpack(text: str) -> dict[str, dict[str, str]]:
    """The solutions in such a file.

    Raises:
        ValueError: it is damaged.
    """
    worked: dict[str, dict[str, str]] = json.loads(base64.b64decode(text))
    return worked


def solution_of(name: str, today: date | None = None) -> Solution | feedback.Report:
    """The worked solution of a question, or why it is not shown.

    It opens once a check of the question has passed in this session, or from the date that the
    instructor set when handing out.
    """
    try:
        question = library.find_question(name)
    except KeyError as error:
        if name not in handing_out.private:
            return feedback.Report(str(name), None, str(error.args[0]), "no solution")
    else:
        name = question.name
    if not _is_open(name, today or date.today()):
        return feedback.Report(name, None, _when(name), "not open yet")
    worked = _find(name)
    key = feedback.framework_of(name) or frameworks.detect(None)
    chosen = [worked[key]] if key in worked else list(dict.fromkeys(worked.values()))
    if not chosen:
        said = "Its solution is not among what was handed out: ask your instructor."
        return feedback.Report(name, None, said, "no solution")
    return Solution(name, "\n\n".join(chosen))


def _is_open(name: str, today: date) -> bool:
    return name in feedback.passed or any(day <= today for day in handing_out.solutions_from)


def _when(name: str) -> str:
    said = f'It opens when check("{name}", ...) has passed in this session'
    dates = [f"{day:%d %B %Y}".lstrip("0") for day in handing_out.solutions_from]
    return f"{said}, or on {dates[0]}." if dates else f"{said}."


def _find(name: str) -> dict[str, str]:
    """The solution by framework; of the instructor's question, if there is one of this name."""
    chapter = name.partition(".")[0]
    ours = [] if name in handing_out.private else [library.CHAPTERS]
    for folder in [*filter(None, [library.private_folder()]), *ours]:
        file = Path(folder, chapter, FILE)
        if file.is_file() and name in (found := _read(file)):
            return dict(found[name])
    return {}


def _read(file: Path) -> dict[str, Any]:
    try:
        return unpack(file.read_text("ascii"))
    except ValueError:
        return {}
