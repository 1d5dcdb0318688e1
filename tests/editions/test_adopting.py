"""What a fork does: other chapters, one framework, a chapter of its own, another address."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.command_line import main
from editions.notebooks.edition import editions
from editions.notebooks.execution import run_all
from editions.notebooks.upkeep import refresh_prose
from editions.source.dropped_pages import without_left_out
from editions.source.new_chapter import new_chapter
from small_book import Book
from test_page import build

# -- chapters left out ---------------------------------------------------------------------------

TEXT = """\
**First**

- [Another page](other.md): gone.
- [A chapter](small.md): stays.

**Second**

- [Another page](other.md#far-away): gone, with its caption.

| [Another page](other.md) | gone |
| [A chapter](small.md) | stays |

See [the *other* page](#far-away), [this](#top) and [there](https://example.org/other.md).
`[code](other.md)` stays, and

```
[so does this](other.md)
```
"""


@pytest.fixture
def smaller(run_book: Book) -> Book:
    """The executed book without its other page."""
    run_book.edit("- file: book/other\n", "", "_toc.yml")
    return run_book


def test_links_to_what_is_left_out_keep_their_words(smaller: Book) -> None:
    page = smaller.root / "book" / "index.md"
    assert (
        without_left_out(smaller.project, page, TEXT)
        == """\
**First**

- [A chapter](small.md): stays.

| [A chapter](small.md) | stays |

See the *other* page, [this](#top) and [there](https://example.org/other.md).
`[code](other.md)` stays, and

```
[so does this](other.md)
```
"""
    )


def test_nothing_changes_where_nothing_is_left_out(run_book: Book) -> None:
    page = run_book.root / "book" / "index.md"
    assert without_left_out(run_book.project, page, TEXT) == TEXT


def test_a_book_without_a_page_builds(smaller: Book) -> None:
    changed = [refresh_prose(edition) for edition in editions(smaller.project)]
    assert all(changed)  # the notebooks' links go as well
    status, printed = build(smaller)
    assert status == 0, printed
    html = (smaller.root / "_build" / "html" / "book" / "small.html").read_text("utf8")
    assert "See the other page" in BeautifulSoup(html, "html.parser").text
    cells = nbformat.read(smaller.notebook("pytorch"), as_version=4).cells
    assert any("See the other page," in cell.source for cell in cells)


# -- one framework -------------------------------------------------------------------------------


def test_one_framework_drops_the_other_everywhere(run_book: Book) -> None:
    run_book.edit("[pytorch, tensorflow]", "[tensorflow]", "_config.yml")
    assert [edition.framework.key for edition in editions(run_book.project)] == ["tensorflow"]
    status, printed = build(run_book)
    assert status == 0, printed
    site = run_book.root / "_build" / "html"
    page = BeautifulSoup((site / "book" / "small.html").read_text("utf8"), "html.parser")
    assert not page.select(".framework-switch, .side-switch, [data-framework=pytorch]")
    assert not page.select(".for-pytorch, [data-sync-id=pytorch]")
    assert "'tuple'" in page.text and "'list'" not in page.text
    assert [path.name for path in (site / "notebooks" / "cpu").iterdir()] == ["tensorflow"]


def test_an_unknown_framework_is_refused(run_book: Book) -> None:
    run_book.edit("[pytorch, tensorflow]", "[jax]", "_config.yml")
    with pytest.raises(EditionsError, match=r"is \['jax'\]; allowed are one or more of"):
        editions(run_book.project)


# -- a chapter of one's own ------------------------------------------------------------------------


def test_a_new_chapter_runs_and_builds(run_book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["new-chapter", "graph-networks", "--title", "Graphs", "--project"]
    assert main([*command, str(run_book.root)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("wrote book/graph-networks.md and listed it in _toc.yml. Next: make")
    project = run_book.project
    assert [path.stem for path in project.chapters] == ["small", "graph-networks"]
    assert run_all(editions(project, ["graph-networks"]), jobs=2, progress=False) == []
    assert main(["check", "--project", str(run_book.root)]) == 0
    status, printed = build(run_book)
    assert status == 0, printed
    html = (run_book.root / "_build/html/book/graph-networks.html").read_text("utf8")
    page = BeautifulSoup(html, "html.parser")
    assert page.h1.text.startswith("Graphs")
    assert "A draft" in page.select_one(".chapter-header").text
    html = (run_book.root / "_build/html/book/small.html").read_text("utf8")
    assert "A draft" not in html


def test_it_is_listed_before_the_reference(run_book: Book) -> None:
    toc = run_book.root / "_toc.yml"
    toc.write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - caption: One\n    chapters:\n"
        "      - file: book/small\n  - caption: Reference\n    chapters:\n"
        "      - file: book/references\n",
        "utf8",
    )
    new_chapter(run_book.project, "mine")
    assert "      - file: book/small\n      - file: book/mine\n  - caption: Ref" in toc.read_text()


@pytest.mark.parametrize(
    "name", ["", "Graph", "graph_networks", "../x", "a--b", "1st", "größe", "a b", "x" * 300]
)
def test_a_name_that_is_none_is_refused(run_book: Book, name: str) -> None:
    before = (run_book.root / "_toc.yml").read_text("utf8")
    with pytest.raises(EditionsError, match="lower-case letters, digits and single hyphens") as no:
        new_chapter(run_book.project, name)
    assert len(str(no.value)) < 300
    assert (run_book.root / "_toc.yml").read_text("utf8") == before


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ('Why "not": #5, `x` & ü?', '# Why "not": #5, `x` & ü?'),
        ("# One\n of two  lines", "# One of two lines"),
        ("", "# Mine"),
    ],
)
def test_a_title_is_one_heading(book: Book, title: str, heading: str) -> None:
    assert f"(mine)=\n{heading}\n\n" in new_chapter(book.project, "mine", title).read_text("utf8")


def test_a_name_that_is_a_label_already_is_refused(book: Book) -> None:
    with pytest.raises(EditionsError, match=r"is top, which book/small\.md has as a label"):
        new_chapter(book.project, "top")


def test_a_table_of_contents_in_another_form_stays_as_it_is(book: Book) -> None:
    text = "format: jb-book\nroot: book/index\nchapters: [{file: book/small}]\n"
    (book.root / "_toc.yml").write_text(text, "utf8")
    with pytest.raises(EditionsError, match="the place for book/mine was not found; nothing was"):
        new_chapter(book.project, "mine")
    assert (book.root / "_toc.yml").read_text("utf8") == text
    assert not (book.root / "book" / "mine.md").exists()


def test_a_chapter_is_never_overwritten(run_book: Book) -> None:
    before = run_book.source.read_text("utf8")
    with pytest.raises(EditionsError, match=r"book/small\.md is there already"):
        new_chapter(run_book.project, "small")
    assert run_book.source.read_text("utf8") == before


# -- another address -------------------------------------------------------------------------------


def test_one_line_moves_everything(run_book: Book) -> None:
    run_book.edit("github.com/d2lcompute/d2lcompute", "github.com/Some-One/course", "_config.yml")
    project = run_book.project
    assert project.site == "https://some-one.github.io/course/"
    for edition in editions(project):
        assert refresh_prose(edition)  # the set-up cell, and links
    status, printed = build(run_book)
    assert status == 0, printed
    for path in [*(run_book.root / "_build" / "html" / "book").glob("*.html")]:
        text = path.read_text("utf8")
        assert "d2lcompute.github.io" not in text
        assert "github.com/d2lcompute" not in text
    html = (run_book.root / "_build/html/book/small.html").read_text("utf8")
    assert 'rel="canonical" href="https://some-one.github.io/course/book/small.html"' in html


def test_another_host_is_set_by_its_address(run_book: Book) -> None:
    run_book.edit("html:\n", "html:\n  baseurl: https://books.example.org/dl\n", "_config.yml")
    assert run_book.project.site == "https://books.example.org/dl/"
    assert Project(Path(run_book.root)).page_address("book/small").endswith("dl/book/small.html")
