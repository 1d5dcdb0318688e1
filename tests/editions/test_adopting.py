"""What a fork does: other chapters, one framework, a chapter of its own, another address."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from editions.base.errors import EditionsError
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from editions.command_line import main
from editions.notebooks.edition import editions
from editions.notebooks.execution import run_all
from editions.notebooks.upkeep import refresh_prose
from editions.source.chapter import TAGS, read_chapter
from editions.source.dropped_pages import without_left_out
from editions.source.new_chapter import new_chapter
from editions.source.page_template import fill_in
from left_out import CHOSEN
from small_book import ROOT, Book
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


@pytest.mark.parametrize("page", ["index.md", "setup.md"])
@pytest.mark.parametrize("only", FRAMEWORKS)
def test_a_page_names_the_frameworks_of_the_book(book: Book, page: str, only: str) -> None:
    path = ROOT / "book" / page
    text = fill_in(book.project, path.read_text("utf8"), path)
    for framework in FRAMEWORKS.values():
        assert framework.title in text
        assert f"d2lcompute[{framework.extras[0]}]" in text or page == "index.md"
    book.edit("[pytorch, tensorflow]", f"[{only}]", "_config.yml")
    text = fill_in(book.project, path.read_text("utf8"), path).lower()
    for key, framework in FRAMEWORKS.items():
        words = [framework.title.lower(), *framework.roots]
        found = [word for word in words if re.search(rf"\b{word}\b", text)]
        assert words[0] in found if key == only else found == []
    assert "side by side" not in text and "{%" not in text


TEMPLATE = """\
# A page

{% if "pytorch" in frameworks %}
- Torch
{% endif %}
{% if "tensorflow" in frameworks %}
- Flow
{% endif %}
{% for name in chapters %}
- {{ name }}
{% endfor %}

{{ framework_names }}: {{ repository }}, {{ branch }}
"""


def test_settings_are_filled_in_and_statements_leave_no_lines(book: Book) -> None:
    page = book.root / "book" / "other.md"
    assert fill_in(book.project, TEMPLATE, page) == (
        "# A page\n\n- Torch\n- Flow\n- small\n\n"
        "PyTorch and TensorFlow: https://github.com/d2lcompute/d2lcompute, main\n"
    )
    book.edit("[pytorch, tensorflow]", "[tensorflow]", "_config.yml")
    assert fill_in(book.project, TEMPLATE, page) == (
        "# A page\n\n- Flow\n- small\n\n"
        "TensorFlow: https://github.com/d2lcompute/d2lcompute, main\n"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("See {{ repositry }}.", "'repositry' is undefined; allowed are: branch, chapters, fr"),
        ("{% if frameworks %}", "Unexpected end of template. Jinja was looking for"),
        ("{% fi %}", "Encountered unknown tag 'fi'."),
    ],
)
def test_a_slip_on_a_page_is_named_with_its_line(run_book: Book, line: str, said: str) -> None:
    run_book.edit("Text.\n", f"Text.\n\n{line}\n", "book/other.md")
    status, printed = build(run_book)
    assert status != 0
    assert f"book/other.md:6: {said}" in printed


# -- a chapter of one's own ------------------------------------------------------------------------


def test_a_new_chapter_runs_and_builds(run_book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    run_book.edit("[pytorch, tensorflow]", f"[{', '.join(CHOSEN)}]", "_config.yml")
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


# A table of contents: what comes before the line of a new chapter, the line, and what follows.
LISTED = {
    "parts, as in this book": (
        "parts:\n  - caption: One\n    chapters:\n      - file: book/small  # the first\n",
        "      - file: book/mine\n",
        "      # more to come\n  - caption: Teaching\n    chapters:\n      - file: book/other\n",
    ),
    "other captions, a title, no indentation": (
        "parts:\n- caption: Eins\n  chapters:\n  - title: Klein\n    file: book/small.md\n",
        "  - file: book/mine\n",
        "- caption: Zwei\n  chapters:\n  - file: book/other\n",
    ),
    "chapters without parts": (
        "chapters:\n- file: book/small\n",
        "- file: book/mine\n",
        "- file: book/other\n- file: book/references\n",
    ),
    "sections of a page": (
        "chapters:\n- file: book/other\n  sections:\n  - file: book/small\n",
        "  - file: book/mine\n",
        "- file: book/references\n",
    ),
    "sections of a chapter": (
        "chapters:\n- file: book/small\n  sections:\n  - file: book/second\n    title: More\n",
        "- file: book/mine\n",
        "- file: book/other\n",
    ),
    "a part after which there are chapters again": (
        "parts:\n- chapters:\n  - file: book/small\n- chapters:\n  - file: book/other\n"
        "- chapters:\n  - file: book/second\n",
        "  - file: book/mine\n",
        "  - url: https://example.org\n    title: Elsewhere\n",
    ),
    "a pattern": (
        "chapters:\n- glob: book/s*\n",
        "- file: book/mine\n",
        "- file: book/other\n",
    ),
    "a pattern that lists the new chapter": (
        "chapters:\n- file: book/small\n- glob: book/m*\n",
        "",
        "- file: book/other\n",
    ),
    "no chapter yet": (
        "chapters:\n- file: book/other\n- file: book/references\n",
        "- file: book/mine\n",
        "",
    ),
}


@pytest.mark.parametrize(("before", "line", "after"), LISTED.values(), ids=LISTED)
def test_a_new_chapter_is_listed_after_the_last_one(
    run_book: Book, before: str, line: str, after: str
) -> None:
    top = "format: jb-book\nroot: book/index\n"
    toc = run_book.root / "_toc.yml"
    toc.write_text(f"{top}{before}{after}", "utf8")
    for name in ("second", "many"):
        shutil.copyfile(run_book.source, run_book.source.with_name(f"{name}.md"))
    new_chapter(run_book.project, "mine")
    assert toc.read_text("utf8") == f"{top}{before}{line}{after}"
    assert [path.stem for path in run_book.project.chapters][-1] == "mine"


def test_a_new_chapter_is_listed_where_the_last_line_does_not_end(book: Book) -> None:
    toc = book.root / "_toc.yml"
    toc.write_text(toc.read_text("utf8").partition("- file: book/other")[0].rstrip("\n"), "utf8")
    new_chapter(book.project, "mine")
    assert toc.read_text("utf8").endswith("\n- file: book/small\n- file: book/mine\n")


@pytest.mark.parametrize("only", ["pytorch", "tensorflow"])
def test_a_new_chapter_is_written_for_the_frameworks_of_the_book(book: Book, only: str) -> None:
    both = new_chapter(book.project, "both").read_text("utf8")
    assert all(f":tags: [{key}]" in both for key in FRAMEWORKS)
    assert "| | PyTorch | TensorFlow | the trap |\n|:--|:--|:--|:--|\n" in both
    book.edit("[pytorch, tensorflow]", f"[{only}]", "_config.yml")
    text = new_chapter(book.project, "one").read_text("utf8")
    for key, framework in FRAMEWORKS.items():
        assert (f":tags: [{key}]" in text) == (key == only)
        assert framework.title not in text  # but for the table that compares frameworks
    assert "other framework" not in text and "{%" not in text and "\n\n\n" not in text


def test_a_new_chapter_has_plain_cells_for_a_framework_that_the_skeleton_does_not_know(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(FRAMEWORKS["pytorch"], key="plain", title="Plain", roots=("math",), helpers="")
    monkeypatch.setitem(FRAMEWORKS, "plain", plain)
    monkeypatch.setattr("editions.source.chapter.TAGS", {*TAGS, "plain"})
    book.edit("[pytorch, tensorflow]", "[tensorflow, plain]", "_config.yml")
    page = new_chapter(book.project, "mine")
    chapter = read_chapter(page)
    names = {
        key: [cell.name for cell in chapter.edition(key) if cell.kind == "code"]
        for key in ("tensorflow", "plain")
    }
    assert names["plain"] == names["tensorflow"] == ["imports", "square", "square-checked"]
    code = [cell.source for cell in chapter.edition("plain") if cell.kind == "code"]
    assert code[0] == "import math"
    exec("\n".join(code), {})
    assert "| | TensorFlow | Plain | the trap |" in page.read_text("utf8")


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


@pytest.mark.parametrize(
    "pages",
    [
        "chapters: [{file: book/small}]\n",
        "chapters: &pages\n- file: book/small\nmeta: *pages\n",  # would be listed twice
        "",  # no list
    ],
)
def test_a_table_of_contents_in_another_form_stays_as_it_is(book: Book, pages: str) -> None:
    text = f"format: jb-book\nroot: book/index\n{pages}"
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
