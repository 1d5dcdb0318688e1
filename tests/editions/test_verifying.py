"""The checks bite: what a run of nbval under our plugin must pass, and what it must fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from editions.base.strings import Strings
from editions.notebooks.verification_record import Record, load, verified
from editions.site.chapter_header import edition_links, stamp
from editions.site.status_page import notebook_statuses, page_text
from editions.source.chapter import read_chapter
from small_book import Book

pytestmark = pytest.mark.slow


def verify(book: Book, *more: str) -> tuple[int, str]:
    """Run the project's own verification on a book; exit status and what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "editions.notebooks.nbval_plugin", "--nbval"]
    command += ["--nbval-current-env", "-p", "no:cacheprovider", "--color=no", "-q", *more]
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [*command, str(book.notebook("pytorch"))],
        cwd=book.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def change(path: Path, identifier: str, **fields: object) -> None:
    """Change a cell of a stored notebook, as a careless hand would."""
    notebook = json.loads(path.read_text("utf8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == identifier)
    cell.update(fields)
    path.write_text(json.dumps(notebook), "utf8")


def record(book: Book) -> Record | None:
    return load(book.project.record_path("small", "pytorch"))


def test_a_true_notebook_passes_and_leaves_a_record(run_book: Book) -> None:
    status, printed = verify(run_book)
    assert status == 0, printed
    found = record(run_book)
    assert found is not None
    assert (found.cells, found.outputs, found.compared, found.claims) == (5, 2, 2, 1)
    assert found.passed
    assert found.device == "cpu"
    assert set(found.versions) == {"torch", "numpy", "matplotlib"}
    project = run_book.project
    path = project.record_path("small", "pytorch")
    assert verified(path, run_book.notebook("pytorch")) == found
    # and the page says so
    chapter = read_chapter(run_book.source, "book/small.md")
    versions = {
        "pytorch": {"cpu": found.versions},
        "tensorflow": {"cpu": {"tensorflow": "1", "keras": "2"}},
    }
    first, second = edition_links(project, chapter, versions, "")
    said = stamp(first.framework, first.runs[0], Strings("en"))
    assert said.startswith(f"Verified on PyTorch {found.versions['torch']}, CPU, {found.date[:10]}")
    assert "2 outputs compared, 1 claims checked" in said
    assert "not verified by this build" in stamp(second.framework, second.runs[0], Strings("en"))
    # as does the status page
    text = page_text(project, list(notebook_statuses(project)))
    (row,) = [line for line in text.splitlines() if "| CPU, PyTorch" in line]
    assert f"Python {found.python}, {found.date[:10]} | " in row
    assert row.endswith(f" | {found.seconds:.1f} | 2 | 2 (100.0%) | 1 |")
    assert text.startswith("**1 of 2 notebooks verified")
    assert "CPU, TensorFlow" in text and ": not verified |" in text
    # until the notebook changes
    change(run_book.notebook("pytorch"), "total", source=["total = 3\n", "total"])
    assert verified(path, run_book.notebook("pytorch")) is None


@pytest.mark.parametrize(
    ("cell", "fields", "message"),
    [
        (
            "total",
            {
                "outputs": [
                    {
                        "data": {"text/plain": ["4"]},
                        "execution_count": 3,
                        "metadata": {},
                        "output_type": "execute_result",
                    }
                ]
            },
            "Cell outputs differ",
        ),
        ("total", {"outputs": []}, "Cell outputs differ"),
        ("start", {"source": ["1 / 0"]}, "ZeroDivisionError"),
        ("total-checked", {"source": ["assert total == 4"]}, "AssertionError"),
        ("start", {"source": ["import os\n", "os._exit(1)"]}, "the kernel died"),
        ("total", {"execution_count": None}, "was never run"),
        ("total", {"metadata": {"tags": ["nbval-skip"]}}, "every cell must run"),
        ("start", {"source": ["numbers = [1, 2]; print('new')"]}, "Cell outputs differ"),
        (
            "start",
            {"source": ["numbers = [1, 2]\n", "import sys\n", "print('w', file=sys.stderr)"]},
            "Cell outputs differ",
        ),
    ],
    ids=[
        "a changed output",
        "a lost output",
        "a raising cell",
        "a false claim",
        "a dead kernel",
        "a cell never run",
        "a skipped cell",
        "a new output",
        "a new warning",
    ],
)
def test_what_fails_the_run(
    run_book: Book, cell: str, fields: dict[str, object], message: str
) -> None:
    change(run_book.notebook("pytorch"), cell, **fields)
    status, printed = verify(run_book)
    assert status == 1, printed
    assert message in printed
    assert re.search(rf"small.ipynb::{cell}\b", printed)
    found = record(run_book)
    assert found is None or not found.passed


def test_a_dead_kernel_does_not_wait_for_the_time_limit(run_book: Book) -> None:
    change(run_book.notebook("pytorch"), "start", source=["import os\n", "os._exit(1)"])
    _, printed = verify(run_book, "--nbval-cell-timeout=100")  # the run itself is stopped at 120 s
    assert float(re.search(r"in ([\d.]+)s", printed)[1]) < 60


def test_part_of_a_notebook_leaves_no_record(run_book: Book) -> None:
    status, _ = verify(run_book, "-k", "total")
    assert status in (0, 1)
    assert record(run_book) is None


def test_figures_are_not_compared(run_book: Book) -> None:
    run_book.edit(
        "```{code-cell} ipython3\n:name: total\n",
        "```{code-cell} ipython3\n:name: picture\n:alt: A line.\n:tags: [pytorch]\n"
        "from d2lcompute import torch as d2l\n"
        "d2l.plot(numbers)\n```\n\n```{code-cell} ipython3\n:name: total\n",
    )
    from editions.command_line import main

    assert main(["notebooks", "--project", str(run_book.root)]) == 0
    path = run_book.notebook("pytorch")
    picture = next(c for c in nbformat.read(path, as_version=4).cells if c.id == "picture")
    assert "image/svg+xml" in picture.outputs[0].data
    outputs = json.loads(json.dumps(picture.outputs))
    outputs[0]["data"]["image/svg+xml"] = "<svg xmlns='http://www.w3.org/2000/svg'/>"
    change(path, "picture", outputs=outputs)
    status, printed = verify(run_book)
    assert status == 0, printed
    found = record(run_book)
    assert (found.outputs, found.compared) == (3, 2)
