"""Readers of one framework do not read of the other outside tables and its own section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from editions.source.chapter import Chapter, parse_chapter, read_chapter

PROJECT = Project(Path(__file__).parents[1])
CHOSEN = [framework.key for framework in PROJECT.frameworks]
NAMES = {  # by which a framework is named
    "pytorch": re.compile(r"PyTorch|\b(?:torch|nn)\."),
    "tensorflow": re.compile(r"TensorFlow|Keras|\b(?:tf|keras)\."),
}
ABOUT_BOTH = {"In the other framework", "Further reading"}  # sections
MOST = 2  # paragraphs of an edition: some history and some contrasts are worth it
CITED = re.compile(r"\{cite:[pt]\}`[^`]*`")
OPENED, CLOSED = re.compile(r"(:{3,})\{quiz\}"), re.compile(r"(:{3,})\s*$")
CHECKED = [path for path in PROJECT.chapters if not read_chapter(path).draft]


def named(chapter: Chapter, framework: str) -> Iterator[tuple[int, bool, str]]:
    """The lines that name another framework, with their number and whether a quiz has them."""
    others = [names for key, names in NAMES.items() if key in FRAMEWORKS and key != framework]
    section, fence = "", ""
    for cell in chapter.edition(framework):
        if cell.kind != "markdown":
            continue
        for line, text in enumerate(cell.source.split("\n"), cell.line):
            if text.startswith("#"):
                section = text.strip("# ")
            if opened := OPENED.match(text):
                fence = opened[1]
            elif (closed := CLOSED.match(text)) and closed[1] == fence:
                fence = ""
            if section in ABOUT_BOTH or text.startswith(("|", ":alt:")):
                continue
            if any(names.search(CITED.sub("", text)) for names in others):
                yield line, bool(fence), text


@pytest.mark.parametrize("framework", CHOSEN)
@pytest.mark.parametrize("path", CHECKED, ids=[path.stem for path in CHECKED])
def test_prose_is_about_the_reader_s_framework(path: Path, framework: str) -> None:
    found = list(named(read_chapter(path), framework))
    assert not [text for _, in_quiz, text in found if in_quiz]
    assert len(found) <= MOST, found


TEXT = """---
kernelspec: {name: python3, display_name: Python 3}
---
# Title

Keras does it {cite:p}`pytorchcuda`.

+++ {"tags": ["pytorch"]}

Here `nn.Linear` counts.

+++

| PyTorch | Keras |

::::{quiz} What does `tf.function` do?
- [x] It traces.

  So does `torch.compile`.
::::

## In the other framework

PyTorch and Keras differ.
"""


@pytest.mark.parametrize(
    ("framework", "lines"),
    [("pytorch", [(6, False), (16, True)]), ("tensorflow", [(19, True)])],
)
def test_lines_that_name_the_other_are_found(framework: str, lines: list[tuple[int, bool]]) -> None:
    chapter = parse_chapter(TEXT, "small", "small.md")
    assert [(line, quiz) for line, quiz, _ in named(chapter, framework)] == lines
