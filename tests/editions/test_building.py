"""`make book`: one command, and a few lines that say how it went."""

from __future__ import annotations

import pytest
from editions.__main__ import main
from editions.building import messages
from small_book import Book


def test_it_says_where_to_open_the_book(run_book: Book, capsys: pytest.CaptureFixture) -> None:
    assert main(["book", "--project", str(run_book.root)]) == 0
    address = (run_book.root / "_build" / "html" / "index.html").as_uri()
    assert capsys.readouterr().out.strip().endswith(f"Open {address}")


def test_a_failure_is_told_without_a_traceback(
    run_book: Book, capsys: pytest.CaptureFixture
) -> None:
    run_book.edit("total = sum(", "total = 0 + sum(")
    assert main(["book", "--project", str(run_book.root)]) == 1
    said = capsys.readouterr().err
    assert "book/small.md (PyTorch edition, cpu): its code cells changed" in said
    assert "Type: make notebooks" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 12


def test_warnings_are_told() -> None:
    printed = "Running Jupyter-Book v1\n\x1b[91ma.md:3: WARNING: oh\x1b[0m\n"
    printed += "\nTraceback (most recent call last):\n  x"
    assert messages(printed) == "a.md:3: WARNING: oh"
