"""`_toc.yml`: each page that it lists is found, however it is listed, and no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.command_line import main
from editions.notebooks.edition import editions
from small_book import Book
from test_page import build

QUOTED = "````md\n```{code-cell} ipython3\n1\n```\n````\n"
HEAD = "format: jb-book\nroot: book/index\n"
NESTED = """\
parts:
  - caption: One
    chapters:
      - file: book/other.md
        title: A title of its own
        sections:
          - url: https://example.org
            title: Elsewhere
          - glob: book/part-*
  - caption: Two
    chapters:
      - file: book/small
        sections:
          - file: book/deep/first
"""
SUBTREES = """\
root: book/index
subtrees:
  - caption: One
    reversed: true
    entries:
      - file: book/part-b
        subtrees:
          - entries:
              - file: book/deep/first
      - glob: book/part-*
      - file: book/small
  - entries:
      - glob: book/deep/*
"""


@pytest.fixture
def larger(book: Book) -> Book:
    """The small book with further pages, of which `part-b` and `deep/first` are chapters."""
    pages = book.root / "book"
    (pages / "deep").mkdir()
    for name in ("part-b", "deep/first"):
        shutil.copyfile(book.source, pages / f"{name}.md")
    for name in ("part-a", "deep/second"):
        (pages / f"{name}.md").write_text("# A page\n", "utf8")
    return book


@pytest.mark.parametrize(
    ("table", "documents"),
    [
        (HEAD + NESTED, "index other part-a part-b small deep/first"),
        (SUBTREES, "index small part-b part-a deep/first deep/second"),
        (HEAD + "chapters:\n- glob: book/*\n", "index other part-a part-b references small"),
        (HEAD + "chapters:\n- glob: book/**\n",
         "index deep/first deep/second other part-a part-b references small"),
        (HEAD + "chapters:\n- file: book/small\n- glob: book/s*\n", "index small"),
        (HEAD, "index"),
    ],
)  # fmt: skip
def test_pages_are_found_in_the_order_of_the_table(
    larger: Book, table: str, documents: str
) -> None:
    (larger.root / "_toc.yml").write_text(table, "utf8")
    contents = larger.project.contents
    listed = [f"book/{name}" for name in documents.split()]
    assert contents.documents == listed
    assert contents.pages == {larger.root / f"{name}.md" for name in listed}
    chapters = [name for name in listed if name.split("/")[-1] in ("small", "part-b", "first")]
    assert [larger.project.relative(path) for path in contents.chapters] == [
        f"{name}.md" for name in chapters
    ]


def test_excluded_pages_match_no_pattern(larger: Book) -> None:
    (larger.root / "_toc.yml").write_text(HEAD + "chapters:\n- glob: book/*\n", "utf8")
    larger.edit('"tests",', '"tests", "book/part-*",', "_config.yml")
    assert [path.stem for path in larger.project.chapters] == ["small"]
    larger.edit("  config:\n", "  config:\n    exclude_patterns: [book/other.md]\n", "_config.yml")
    assert [path.stem for path in larger.project.chapters] == ["part-b", "small"]
    assert larger.root / "book" / "other.md" not in larger.project.pages


@pytest.mark.parametrize("setting", ["only_build_toc_files: false", "other: true"])
def test_a_chapter_that_only_the_site_would_hold_is_refused(larger: Book, setting: str) -> None:
    """Its notebooks would be neither run nor verified."""
    (larger.root / "book" / "part-b.md").unlink()
    larger.edit("only_build_toc_files: true", setting, "_config.yml")
    with pytest.raises(EditionsError, match=r"^book/deep/first\.md: the site would hold this chap"):
        _ = larger.project.chapters
    larger.edit('"tests",', '"tests", "book/deep",', "_config.yml")
    assert [path.stem for path in larger.project.chapters] == ["small"]


@pytest.mark.slow
def test_a_chapter_listed_by_a_pattern_is_a_chapter(
    run_book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    run_book.edit("- file: book/small\n- file: book/other\n", "- glob: book/[so]*\n", "_toc.yml")
    shutil.copyfile(run_book.source, run_book.root / "book" / "unlisted.md")
    assert [edition.shown for edition in editions(run_book.project)] == [
        "book/small.md (PyTorch edition, cpu)", "book/small.md (TensorFlow edition, cpu)"
    ]  # fmt: skip
    assert main(["check", "--project", str(run_book.root)]) == 0

    status, printed = build(run_book)
    assert status == 0, printed
    site = run_book.root / "_build" / "html"
    page = BeautifulSoup((site / "book" / "small.html").read_text("utf8"), "html.parser")
    assert page.select("[data-sync-id=pytorch]") and page.select("[data-sync-id=tensorflow]")
    notebooks = sorted((site / "notebooks").rglob("*.ipynb"))
    assert [path.parent.name for path in notebooks] == ["pytorch", "tensorflow"]
    assert not (site / "book" / "unlisted.html").exists()

    run_book.edit("sum(numbers)", "sum(numbers) + 0")
    capsys.readouterr()
    assert main(["check", "--project", str(run_book.root)]) == 1
    assert "book/small.md (PyTorch edition, cpu): stale" in capsys.readouterr().err
    status, printed = build(run_book)
    assert status != 0
    assert "stale notebooks:" in printed and "its code cells changed" in printed


def test_this_book_lists_its_chapters() -> None:
    project = Project(Path(__file__).parents[2])
    assert "autograd" in {path.stem for path in project.chapters}
    assert len(project.contents.documents) == len(project.pages)


def test_a_page_may_show_how_a_code_cell_is_written(book: Book) -> None:
    page = book.root / "book" / "other.md"
    page.write_text(f"# Other\n\n{QUOTED}", "utf8")
    assert page not in Project(book.root).chapters
    page.write_text(f"# Other\n\n{QUOTED}\n{QUOTED[7:]}", "utf8")
    with pytest.raises(EditionsError, match=r"book/other.md:9: a code cell on a page"):
        _ = Project(book.root).chapters
