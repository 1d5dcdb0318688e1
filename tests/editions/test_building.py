"""`make book`: one command, and a few lines that say how it went."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from editions.base.files import digest
from editions.base.frameworks import FRAMEWORKS
from editions.command_line import main
from editions.notebooks.verification_record import Record
from editions.site.build import messages
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
    # where there is nothing but a traceback, what was raised
    assert messages(printed[printed.index("Trace") :] + "\nValueError: no\n\n") == "ValueError: no"
    frame = "=====\nBuilding your book, returns a non-zero exit code (1). Look above.\n=====\n"
    assert messages(f"a.md:3: WARNING: oh\n{frame}") == "a.md:3: WARNING: oh"


def test_ctrl_c_ends_what_was_started(tmp_path: Path) -> None:
    """The program and what it has started itself, without a word of theirs."""
    inner = f"sleep 300 & echo $! > {tmp_path}/pid; wait"
    text = f"from editions.base.processes import run_child; run_child(['sh', '-c', {inner!r}])"
    process = subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    state = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.05)  # the system is still removing it


@pytest.mark.usefixtures("quick_builds")
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
