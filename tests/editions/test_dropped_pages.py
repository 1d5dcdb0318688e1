"""Links to a page that a fork leaves out: their words stay, in each form and at each place."""

from __future__ import annotations

import pytest
from editions.source.chapter import read_chapter
from editions.source.dropped_pages import chapter_without_left_out, without_left_out
from editions.source.portable_markdown import Plain
from small_book import Book, make_book


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The small book without its other page."""
    book = make_book(tmp_path_factory.mktemp("smaller") / "project")
    book.edit("- file: book/other\n", "", "_toc.yml")
    return book


FORMS = [
    ("[the *other* `page`](other.md)", "the *other* `page`"),
    ("[x](other.md 'T')", "x"),
    ("[x](<other.md#far-away>)", "x"),
    ("[x](#far-away)", "x"),
    ("[x](/book/other.md)", "x"),
    ("[x](project:other.md)", "x"),
    ("[](other.md)", "Another page"),
    ("<project:other.md>", "Another page"),
    ("[a [b] c](other.md)", "a [b] c"),
    ("[![a](figures/dot.svg)](other.md)", "![a](figures/dot.svg)"),
    ("[x](small.md) [y](#top)", "[x](small.md) [y](#top)"),
    ("`[x](other.md)` $[x](other.md)$ \\[x](other.md)",) * 2,
    ("[x](path:other.md) <https://example.org/other.md>",) * 2,
]
PLACES = [
    "Text {}.",
    "> a\n> {}",
    "- a\n\n  1. {}",
    "## {}",
    "a | b\n--|--\n`x \\| y` | {}",
    ":::{{note}} {}\nText.\n:::",
    ":::{{note}}\n:class: tip\n\nText.\n\n- See {}\n:::",
    "- a\n\n  ::::{{tip}}\n  :::{{dropdown}} {}\n  > {}\n  :::\n  ::::",
]


@pytest.mark.parametrize(("link", "words"), FORMS)
@pytest.mark.parametrize("place", PLACES)
def test_words_stay(smaller: Book, link: str, words: str, place: str) -> None:
    text = place.format(link, link)
    assert without_left_out(smaller.project, smaller.source, text) == place.format(words, words)


@pytest.mark.parametrize(
    "text",
    [
        "```{math}\n[x](other.md)\n```",
        "```{code-block} python\n[x](other.md)\n```",
        "```\n[x](other.md)\n```",
        "    [x](other.md)",
        "$$\n[x](other.md)\n$$",
        "<!-- [x](other.md) -->",
    ],
)
def test_code_and_formulas_stay(smaller: Book, text: str) -> None:
    assert without_left_out(smaller.project, smaller.source, text) == text


def test_references_are_followed(smaller: Book) -> None:
    text = "See [x][o] and [o], [y][s].\n\n[o]: other.md\n[s]: small.md"
    assert without_left_out(smaller.project, smaller.source, text) == (
        "See x and o, [y][s].\n\n[o]: other.md\n[s]: small.md"
    )


CELLS = """
# Cells

See [x][o].

```{code-cell} ipython3
x = 1
```

[o]: other.md
"""


def test_the_notebook_and_the_page_have_the_same_words(smaller: Book) -> None:
    smaller.write(CELLS)
    chapter = read_chapter(smaller.source, "book/small.md")
    shortened = chapter_without_left_out(smaller.project, chapter)
    assert shortened.cells[0].source == "# Cells\n\nSee x."
    plain = Plain.of_chapter(smaller.project, chapter)
    assert plain.convert(chapter.cells[0].source) == "# Cells\n\nSee x."
    assert plain.convert(chapter.cells[2].source) == ""
    whole = Plain(smaller.project, smaller.source)
    for link, words in FORMS[:9]:
        assert whole.convert(f"See {link}.") == f"See {words}."
