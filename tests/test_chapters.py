"""What every chapter has: the parts that its readers count on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from editions.frameworks import FRAMEWORKS
from editions.project import Project
from editions.source import Chapter, read_chapter

PROJECT = Project(Path(__file__).parents[1])
FINISHED = [path for path in PROJECT.chapters if not read_chapter(path).draft]
each_chapter = pytest.mark.parametrize("path", FINISHED, ids=[path.stem for path in FINISHED])
SECTIONS = ("In the other framework", "Summary", "Check yourself", "Further reading")


def prose(chapter: Chapter) -> str:
    return "\n\n".join(cell.source for cell in chapter.cells if cell.kind == "markdown")


@each_chapter
def test_the_head(path: Path) -> None:
    """A hook, four to six outcomes, what a reader needs, and how long it takes."""
    head = prose(read_chapter(path)).split("\n## ")[0]
    outcomes = re.search(r"(?s):class: outcomes\n(.*?)\n:::", head)
    assert outcomes
    assert 4 <= len(re.findall(r"(?m)^- ", outcomes[1])) <= 6
    assert "**You need**" in head
    assert "**Time:**" in head


@each_chapter
def test_the_sections(path: Path) -> None:
    text = prose(read_chapter(path))
    headings = re.findall(r"(?m)^## (.+)$", text)
    assert [name for name in headings if name in SECTIONS] == list(SECTIONS)
    table = text.split("## In the other framework")[1].split("\n## ")[0]
    assert len(re.findall(r"(?m)^\|", table)) >= 6
    assert "trap" in table


@each_chapter
def test_figures(path: Path) -> None:
    """One that is drawn and one that the page computes, each with words for the blind."""
    chapter = read_chapter(path)
    drawn = re.findall(r"(?m)^:::+\{figure\} (img/\S+\.svg)\n:alt: \S", prose(chapter))
    assert drawn
    for name in drawn:
        assert name.startswith(f"img/{path.stem}-")
        svg = (path.parent / name).read_text("utf8")
        assert "<title" in svg
    for framework in FRAMEWORKS:
        assert any(cell.alt for cell in chapter.edition(framework))


@each_chapter
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_reader_is_asked_first(path: Path, framework: str) -> None:
    cells = read_chapter(path).edition(framework)
    assert sum("predict" in cell.tags for cell in cells) >= 3
    asked = sum(cell.source.count(":class: predict") for cell in cells if cell.kind == "markdown")
    assert asked >= 3


@each_chapter
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_claims(path: Path, framework: str) -> None:
    assert sum(cell.is_claim for cell in read_chapter(path).edition(framework)) >= 8


@each_chapter
def test_questions_at_the_end(path: Path) -> None:
    assert 3 <= prose(read_chapter(path)).count("{quiz}") <= 4


@each_chapter
def test_nothing_is_silenced(path: Path) -> None:
    """No bare except, no filter that hides a warning."""
    for cell in read_chapter(path).cells:
        if cell.kind == "code":
            assert not re.search(r"(?m)^\s*except\s*:", cell.source), cell.line
            assert 'simplefilter("ignore"' not in cell.source, cell.line


# Cells whose lesson is the name of a device that may be missing; they hold on any machine.
NAMES_OF_DEVICES = {"gpus": {"names", "names-checked", "negative", "mixed-checked", "memory"}}
NAMES_OF_DEVICES["gpus"] |= {"memory-checked", "scope-checked"}


@each_chapter
def test_no_device_that_not_every_machine_has(path: Path) -> None:
    """Devices have names only on stand-in tensors, and where names are the lesson."""
    for cell in read_chapter(path).cells:
        lesson = cell.name in NAMES_OF_DEVICES.get(path.stem, ()) or "with pretend" in cell.source
        if cell.kind == "code" and not lesson:
            assert not re.search(r"""["'](cuda|cuda:\d|/?GPU:\d)["']""", cell.source), cell.line


def test_the_landing_page_lists_every_chapter() -> None:
    listed = re.findall(
        r"(?m)^- \[[^\]]+\]\((\w[\w-]*)\.md\)", (PROJECT.root / "book/index.md").read_text("utf8")
    )
    chapters = [path.stem for path in FINISHED]
    assert [
        name for name in listed if PROJECT.root / f"book/{name}.md" in PROJECT.pages
    ] == chapters
