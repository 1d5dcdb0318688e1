"""Pages of exercises, questions on pages that are no chapters, and old addresses of both."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from forked_build import COMMAND, environment, forked_builds
from small_book import HEAD, Book

TEXT = """
# Exercises: Small things

See [the start](../../../book/small.md#top) and [another page](../../../book/other.md).

```{code-cell} ipython3
from d2lexercises import check
```

## 1. Double

Write `double`.

```{code-cell} ipython3
:tags: [pytorch, starter]
def double(x): ...  # a tensor
```

```{code-cell} ipython3
:tags: [tensorflow, starter]
def double(x): ...  # a tensor of TensorFlow
```

```{code-cell} ipython3
:tags: [solution]
def double(x):
    return x + x  # my solution
```

+++ {"tags": ["solution"]}

My solution in words.

```{code-cell} ipython3
check("small.double", double)
```
"""
QUESTIONS = """
from types import SimpleNamespace

QUESTIONS = (
    SimpleNamespace(name="small.double", title="Double", points=3, minutes=15, difficulty=1),
)
"""
INDEX = "# All exercises\n\n```{exercises}\n```\n"
pytestmark = pytest.mark.slow


@pytest.fixture
def book(run_book: Book) -> Book:
    """The executed small book with exercises."""
    folder = run_book.root / "exercises" / "chapters" / "small"
    folder.mkdir(parents=True)
    (folder / "text.md").write_text(HEAD + TEXT, "utf8")
    (folder / "question.py").write_text(QUESTIONS, "utf8")
    (run_book.root / "book" / "exercises.md").write_text(INDEX, "utf8")
    run_book.edit(
        "- file: book/other\n", "- file: book/other\n- file: book/exercises\n", "_toc.yml"
    )
    return run_book


def built(book: Book) -> Path:
    done = forked_builds().run(COMMAND, book.root, environment())
    assert done.returncode == 0, done.stdout
    return book.root / "_build" / "html" / "book"


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


def test_a_chapter_has_a_page_of_exercises(book: Book) -> None:
    pages = built(book)
    page = soup(pages / "small-exercises.html")
    assert page.h1.text.startswith("Exercises: Small things")
    assert page.select_one(".question-facts").text.strip() == (
        "3 points · a first step · about 15 minutes"
    )
    for key in ("pytorch", "tensorflow"):
        assert "def double(x): ..." in page.select_one(f".for-{key}").text
    assert 'check("small.double", double)' in page.text
    row = [cell.text.strip() for cell in soup(pages / "exercises.html").select("tbody td")]
    assert row == ["Small things", "Double", "3", "a first step", "15"]
    held = [path for path in pages.parent.rglob("*") if path.is_file()]
    secret = [path for path in held if b"y solution" in path.read_bytes()]
    assert secret == []
    step = soup(pages / "small.html").select_one(".next-step")
    assert step.a["href"] == "small-exercises.html"
    assert "for 3 points" in step.text

    # One framework alone, and without the other page, to which the text links.
    book.edit("[pytorch, tensorflow]", "[tensorflow]", "_config.yml")
    book.edit("- file: book/other\n", "", "_toc.yml")
    page = soup(built(book) / "small-exercises.html")
    assert "a tensor of TensorFlow" in page.text and "# a tensor\n" not in page.text
    assert not page.select(".for-pytorch, [data-framework=pytorch]")
    assert "another page" in page.text and not page.select('a[href*="other.html"]')

    # Without the table there are no pages, and none of an earlier build.
    book.edit("- file: book/exercises\n", "", "_toc.yml")
    pages = built(book)
    assert not (pages / "small-exercises.html").exists()
    assert not soup(pages / "small.html").select(".next-step")


def test_a_question_that_cannot_be_loaded_is_named(book: Book) -> None:
    (book.root / "exercises" / "chapters" / "small" / "question.py").write_text("1 / 0", "utf8")
    done = forked_builds().run(COMMAND, book.root, environment())
    assert done.returncode != 0
    assert "exercises/chapters/small/question.py: ZeroDivisionError" in done.stdout


def test_a_page_asks_the_question_of_a_chapter(book: Book) -> None:
    question = "\n:::{prediction-of} small kind\n:::\n\nMore.\n"
    index = book.root / "book" / "index.md"
    index.write_text(index.read_text("utf8") + question, "utf8")
    page = soup(built(book) / "index.html")
    (asked,) = page.select("[data-predict=kind]")
    assert '"pytorch": "\'list\'"' in asked["data-keys"].replace('"list"', "\"'list'\"")
    assert "type(numbers)" in page.text and "More." in page.text
    assert page.select("[data-answers=kind] details")
    assert not page.select(".chapter-header")

    book.edit("small kind", "small kin", "book/index.md")
    done = forked_builds().run(COMMAND, book.root, environment())
    assert done.returncode != 0
    assert "small asks no question kin; there are: kind" in done.stdout


# -- what moved to another page ----------------------------------------------------------------


def moved(path: Path, lines: str) -> None:
    """Add lines to the metadata of a page's source."""
    text = path.read_text("utf8")
    path.write_text(
        text.replace("kernelspec:", f"editions: {{moved: {lines}}}\nkernelspec:"), "utf8"
    )


def test_what_moved_keeps_its_address(book: Book) -> None:
    moved(book.source, "{far-away: [old, older]}")
    exercises = book.root / "exercises" / "chapters" / "small" / "text.md"
    moved(exercises, "{small.double: [twice], top: [chapter]}")
    pages = built(book)
    found = [(line["id"], line.a["href"]) for line in soup(pages / "small.html").select(".moved")]
    assert found == [("old", "other.html#far-away"), ("older", "other.html#far-away")]
    assert soup(pages / "small.html").select_one("#old").a.text == "Another page"
    found = [line.a["href"] for line in soup(pages / "small-exercises.html").select(".moved")]
    assert found == ["#exercise-small-double", "small.html#top"]

    # A fork does without the other page.
    book.edit("- file: book/other\n", "", "_toc.yml")
    assert not soup(built(book) / "small.html").select(".moved")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("{far-away: [fig-dot]}", "the page still has fig-dot"),
        ("{nowhere: [old]}", "no other page has the label (nowhere)="),
        ("{top: [old]}", "this page itself has the label (top)="),
        ("{small.triple: [old]}", "there is no question small.triple"),
        ("{far-away: old}", "needs the form {label: [id, id]}"),
    ],
)
def test_what_did_not_move_is_refused(book: Book, lines: str, complaint: str) -> None:
    moved(book.source, lines)
    done = forked_builds().run(COMMAND, book.root, environment())
    assert done.returncode != 0 and complaint in done.stdout, done.stdout
