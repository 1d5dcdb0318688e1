"""`make book`: one command, and a few lines that say how it went."""

from __future__ import annotations

import pytest
from editions.__main__ import main
from editions.building import messages
from editions.files import digest
from editions.frameworks import FRAMEWORKS
from editions.record import Record
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


def test_the_published_book_is_verified(run_book: Book, capsys: pytest.CaptureFixture) -> None:
    """`make site` refuses where a notebook was not verified, or is no longer what was."""
    command = ["book", "--verified", "--project", str(run_book.root)]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "not verified:\n  book/small.md (PyTorch edition)\n" in said
    assert "Type: make verify" in said
    assert not (run_book.root / "_build" / "html").exists()
    for key, framework in FRAMEWORKS.items():
        notebook = run_book.notebook(key)
        Record(
            notebook=digest(notebook.read_bytes()),
            device="cpu",
            versions=dict.fromkeys(framework.packages, "1"),
            python="3",
            date="2026-01-01T00:00:00+00:00",
            seconds=1.0,
            cells=5,
            outputs=2,
            compared=2,
            claims=1,
            passed=True,
        ).save(run_book.project.record_path("small", key))
    assert main(command) == 0
    notebook.write_bytes(notebook.read_bytes() + b"\n")
    assert main(command) == 1
    assert "book/small.md (TensorFlow edition)" in capsys.readouterr().err
