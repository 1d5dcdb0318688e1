"""What every chapter has: the parts that its readers count on; and that each is missed.

Its limits stand in test_second_edition.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from editions.base.project import Project
from editions.source.chapter import Chapter, read_chapter

PROJECT = Project(Path(__file__).parents[1])
FINISHED = [path for path in PROJECT.chapters if not read_chapter(path).draft]
each_chapter = pytest.mark.parametrize("path", FINISHED, ids=[path.stem for path in FINISHED])
FRAMEWORKS = [framework.key for framework in PROJECT.frameworks]
SECTIONS = ("In the other framework", "Summary", "Check yourself", "Further reading")


def prose(chapter: Chapter) -> str:
    return "\n\n".join(cell.source for cell in chapter.cells if cell.kind == "markdown")


def has_its_head(path: Path) -> None:
    """A hook, four to six outcomes, what a reader needs, and how long it takes."""
    head = prose(read_chapter(path)).split("\n## ")[0]
    outcomes = re.search(r"(?s):class: outcomes\n(.*?)\n:::", head)
    assert outcomes
    assert 4 <= len(re.findall(r"(?m)^- ", outcomes[1])) <= 6
    assert "**You need**" in head
    assert "**Time:**" in head


def has_its_sections(path: Path) -> None:
    text = prose(read_chapter(path))
    headings = re.findall(r"(?m)^## (.+)$", text)
    comparison, *others = SECTIONS
    if len(FRAMEWORKS) == 1 and comparison not in headings:
        assert [name for name in headings if name in SECTIONS] == others
        return
    assert [name for name in headings if name in SECTIONS] == list(SECTIONS)
    table = text.split("## In the other framework")[1].split("\n## ")[0]
    assert len(re.findall(r"(?m)^\|", table)) >= 6
    assert "trap" in table


def has_claims(path: Path) -> None:
    for framework in FRAMEWORKS:
        cells = read_chapter(path).edition(framework)
        assert sum(cell.is_claim for cell in cells) >= 8, framework


def has_questions(path: Path) -> None:
    for framework in FRAMEWORKS:
        cells = read_chapter(path).edition(framework)
        asked = sum(cell.source.count("{quiz}") for cell in cells if cell.kind == "markdown")
        assert 3 <= asked <= 4, framework


def silences_nothing(path: Path) -> None:
    """No bare except, no filter that hides a warning."""
    for cell in read_chapter(path).cells:
        if cell.kind == "code":
            assert not re.search(r"(?m)^\s*except\s*:", cell.source), cell.line
            assert 'simplefilter("ignore"' not in cell.source, cell.line


# Cells whose lesson is the name of a device that may be missing; they hold on any machine.
NAMES_OF_DEVICES = {
    "gpus": {"names", "names-checked", "negative"},
    "multi-gpu": {"train-script"},  # asks how many there are first
}


def names_no_device(path: Path) -> None:
    """No code names a GPU, but where names are the lesson."""
    for cell in read_chapter(path).cells:
        lesson = cell.name in NAMES_OF_DEVICES.get(path.stem, ())
        if cell.kind == "code" and not lesson:
            assert not re.search(r"""["'](cuda|cuda:\d|/?GPU:\d)["']""", cell.source), cell.line


CHECKS = (
    has_its_head,
    has_its_sections,
    has_claims,
    has_questions,
    silences_nothing,
    names_no_device,
)


@each_chapter
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_chapter(path: Path, check: Callable[[Path], None]) -> None:
    check(path)


# What becomes of a chapter that lacks it: pattern, replacement, how often (0: everywhere).
BROKEN = [
    (has_its_head, r":class: outcomes", ":class: note", 1),
    (has_its_head, r"(?m)^- .*\n- .*\n- .*\n", "", 1),  # outcomes: of four to six, three go
    (has_its_head, r"\*\*You need\*\*", "You need", 1),
    (has_its_head, r"\*\*Time:\*\*", "Time:", 1),
    (has_its_sections, r"(?m)^## Summary$", "## Conclusion", 1),
    (has_its_sections, r"(?m)^## Further reading$", "### Further reading", 1),
    (has_its_sections, r"trap", "point", 0),
    (has_its_sections, r"(?m)^\|.*\n", "", 0),
    (has_claims, r", claim\]|\[claim\]", "]", 0),
    (has_questions, r"\{quiz\}", "{note}", 2),
    (silences_nothing, r"(?m)^(d2l\.seed\(0\))$", "try:\n    \\1\nexcept:\n    pass", 1),
    (silences_nothing, r"(?m)^(d2l\.seed\(0\))$", '\\1\nwarnings.simplefilter("ignore")', 1),
    (names_no_device, r"(?m)^(d2l\.seed\(0\))$", '\\1\nfar = "cuda:0"', 1),
]


@pytest.mark.parametrize(("check", "pattern", "new", "count"), BROKEN)
def test_what_is_missing_is_missed(
    tmp_path: Path, check: Callable[[Path], None], pattern: str, new: str, count: int
) -> None:
    chapter = PROJECT.root / "book" / "blocks.md"
    broken = tmp_path / chapter.name
    text, found = re.subn(pattern, new, chapter.read_text("utf8"), count=count)
    assert found
    broken.write_text(text.replace("\n:tags: ]", ""), "utf8")
    with pytest.raises(AssertionError):
        check(broken)


def test_a_book_of_one_framework_need_not_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (PROJECT.root / "book" / "blocks.md").read_text("utf8")
    alone = tmp_path / "alone.md"
    alone.write_text(re.sub(r"(?s)\n## In the other framework\n.*?(?=\n## )", "", text), "utf8")
    monkeypatch.setattr("test_chapters.FRAMEWORKS", ["pytorch"])
    has_its_sections(alone)
    monkeypatch.setattr("test_chapters.FRAMEWORKS", ["pytorch", "tensorflow"])
    with pytest.raises(AssertionError):
        has_its_sections(alone)


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, *_ in BROKEN} == set(CHECKS)


def not_listed(index: str, chapters: list[str]) -> bool:
    """Whether a landing page lists other chapters, or in another order; a fork leaves some out."""
    listed = re.findall(r"(?m)^- \[[^\]]+\]\((\w[\w-]*)\.md\)", index)
    left_out = {page.stem for page in (PROJECT.root / "book").glob("*.md")} - {
        page.stem for page in PROJECT.pages
    }
    return [name for name in listed if name not in left_out] != chapters


def test_the_landing_page_lists_every_chapter() -> None:
    index = (PROJECT.root / "book" / "index.md").read_text("utf8")
    chapters = [path.stem for path in FINISHED]
    assert not not_listed(index, chapters)
    assert not_listed(index, [*chapters, "new"])
    assert not_listed(index.replace(f"({chapters[0]}.md)", "(other.md)"), chapters)


def images_alone(run: nbformat.NotebookNode) -> list[str]:
    """The cells that show an image, and no drawing, which is sharp and dark on dark pages."""
    return [
        cell.id
        for cell in run.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {}) and "image/svg+xml" not in output.data
    ]


@each_chapter
def test_plots_are_drawings(path: Path) -> None:
    for framework in FRAMEWORKS:
        run = nbformat.read(PROJECT.recorded_path(path.stem, framework), as_version=4)
        assert images_alone(run) == [], framework


def test_an_image_alone_is_found() -> None:
    data = {"image/png": "iVBORw0KGgo="}
    shown = [nbformat.v4.new_output("display_data", data=data | more)
             for more in ({}, {"image/svg+xml": "<svg/>"})]  # fmt: skip
    cells = [nbformat.v4.new_code_cell("", id=name, outputs=[output])
             for name, output in zip(("alone", "drawn"), shown, strict=True)]  # fmt: skip
    assert images_alone(nbformat.v4.new_notebook(cells=cells)) == ["alone"]
