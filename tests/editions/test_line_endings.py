"""A checkout with the line endings of Windows: sources are read, and notebooks are refreshed."""

from __future__ import annotations

from pathlib import Path

import pytest
from editions.command_line import main
from editions.source.chapter import read_chapter
from editions.source.portable_markdown import Plain
from small_book import Book

SOURCES = (
    *("_config.yml", "_toc.yml", "requirements.txt"),
    *("book/small.md", "book/other.md", "book/index.md", "book/references.bib"),
)


def with_crlf(*paths: Path) -> None:
    for path in paths:
        data = path.read_bytes()
        assert b"\r\n" not in data
        path.write_bytes(data.replace(b"\n", b"\r\n"))


def test_sources_mean_the_same(book: Book) -> None:
    before = book.project
    pages = before.chapters, before.pages
    pins, settings = before.pins, before.config
    chapter = read_chapter(book.source)
    text = "{cite:t}`adder1900` and [](#far-away)"
    converted = Plain(before, book.source).convert(text)
    with_crlf(*(book.root / name for name in SOURCES))
    after = book.project
    assert (after.chapters, after.pages) == pages
    assert (after.pins, after.config) == (pins, settings)
    assert read_chapter(book.source) == chapter
    assert Plain(after, book.source).convert(text) == converted


def test_a_checkout_with_crlf_checks_and_refreshes(
    run_book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    project = ["--project", str(run_book.root)]
    package = sorted((run_book.root / "d2lcompute").glob("*.py"))
    with_crlf(*(run_book.root / name for name in SOURCES), *package)
    assert main(["check", *project]) == 0

    notebooks = [run_book.notebook(key) for key in ("pytorch", "tensorflow")]
    before = [path.read_bytes() for path in notebooks]
    with_crlf(*notebooks)
    capsys.readouterr()
    assert main(["check", *project]) == 1
    said = capsys.readouterr().err
    assert said.count("does not hold the source's prose. Type: make notebooks") == 2
    assert main(["notebooks", *project]) == 0
    assert "2 notebooks: 0 run, 2 refreshed, 0 unchanged, 0 failed" in capsys.readouterr().out
    assert [path.read_bytes() for path in notebooks] == before


def test_mistakes_name_the_same_line(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    book.edit("See [the other page]", "See [^1] [the other page]")
    with_crlf(*(book.root / name for name in SOURCES))
    (book.root / "requirements.txt").write_bytes(b"a==1\r\nb=2\r\n")
    chapter = read_chapter(book.source, "book/small.md")
    with pytest.raises(Exception, match=rf"book/small\.md:{book.line('See [^1]')}: the footnote"):
        for cell in chapter.cells:
            Plain(book.project, book.source).convert(cell.source, cell.line)
    with pytest.raises(Exception, match=r"requirements\.txt:2: 'b=2' is not a requirement"):
        _ = book.project.pins
