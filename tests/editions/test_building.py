"""`make book`: one command, and a few lines that say how it went."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from astroid import AstroidImportError
from astroid.manager import AstroidManager
from editions.base.files import digest
from editions.base.frameworks import FRAMEWORKS
from editions.command_line import main
from editions.notebooks.verification_record import Record
from editions.site import api_reference
from editions.site.build import messages
from small_book import Book


@pytest.mark.usefixtures("quick_builds")
def test_it_says_where_to_open_the_book(run_book: Book, capsys: pytest.CaptureFixture) -> None:
    assert main(["book", "--project", str(run_book.root)]) == 0
    address = (run_book.root / "_build" / "html" / "index.html").as_uri()
    assert capsys.readouterr().out.strip().endswith(f"Open {address}")


@pytest.mark.usefixtures("quick_builds")
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


def test_the_reference_follows_imports_into_its_own_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AstroidManager, "ast_from_module_name", api_reference._follow)
    api_reference._follow_own(None, SimpleNamespace(autoapi_dirs=["d2lcompute"]))
    for name in ("d2lcompute.errors", "textwrap"):
        assert AstroidManager().ast_from_module_name(name).name == name
    with pytest.raises(AstroidImportError, match="not part of the reference"):
        AstroidManager().ast_from_module_name("numpy")


def test_ctrl_c_ends_what_was_started(tmp_path: Path) -> None:
    """The program and what it has started itself, without a word of theirs."""
    inner = f"sleep 300 & echo $! > {tmp_path}/pid; wait"
    text = f"from editions.base.processes import run_child; run_child(['sh', '-c', {inner!r}])"
    process = subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    state = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.05)  # the system is still removing it


def verify(book: Book, chapter: str) -> None:
    """Write the records of a verifying run."""
    for key, framework in FRAMEWORKS.items():
        notebook = book.project.recorded_path(chapter, key)
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
        ).save(book.project.record_path(chapter, key))


@pytest.mark.usefixtures("quick_builds")
def test_the_published_book_is_verified(run_book: Book, capsys: pytest.CaptureFixture) -> None:
    """`make site` refuses where a notebook was not verified, or is no longer what was."""
    command = ["book", "--verified", "--project", str(run_book.root)]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "not verified:\n  book/small.md (PyTorch edition)\n" in said
    assert "Type: make verify" in said
    assert not (run_book.root / "_build" / "html").exists()
    verify(run_book, "small")
    assert main(command) == 0
    notebook = run_book.notebook("tensorflow")
    notebook.write_bytes(notebook.read_bytes() + b"\n")
    assert main(command) == 1
    assert "book/small.md (TensorFlow edition)" in capsys.readouterr().err


def second_chapter(book: Book) -> None:
    """Add a copy of the chapter, run and verified; exercises; a status page; an extra file."""
    text = book.source.read_text("utf8").replace("(top)=", "(second)=").replace("#top", "#second")
    text = text.replace("# Small things", "# Second things").replace("fig-dot", "fig-second")
    text = text.replace("dot.svg", "second.svg")
    (book.root / "book" / "second.md").write_text(text, "utf8")
    figures = book.root / "book" / "figures"
    shutil.copyfile(figures / "dot.svg", figures / "second.svg")
    for key in FRAMEWORKS:
        for path in (book.notebook(key), book.project.notebook_path("small", key)):
            shutil.copyfile(path, path.with_name("second.ipynb"))
    exercises = book.root / "exercises" / "notebooks" / "pytorch"
    exercises.mkdir(parents=True)
    for chapter in ("small", "second"):
        verify(book, chapter)
        (exercises / f"{chapter}.ipynb").write_text("{}", "utf8")
    (book.root / "book" / "status.md").write_text("# Status\n\n```{status}\n```\n", "utf8")
    more = "- file: book/small\n- file: book/second\n- file: book/status\n"
    book.edit("- file: book/small\n", more, "_toc.yml")
    (book.root / "extra").mkdir()
    (book.root / "extra" / "map.html").write_text("<p>A map</p>", "utf8")
    book.edit("html_static_path:", "html_extra_path: [extra]\n    html_static_path:", "_config.yml")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_builds")
def test_a_page_that_the_book_has_no_more_leaves_the_site(run_book: Book) -> None:
    """A chapter is left out and a page renamed: the site is as a build from scratch makes it."""
    second_chapter(run_book)
    build, project = run_book.root / "_build", run_book.project
    for chapter in ("small", "second"):
        differences = project.differences_path(chapter, "pytorch")
        differences.parent.mkdir(parents=True, exist_ok=True)
        differences.write_text("-3\n+4\n", "utf8")
    assert main(["book", "--project", str(run_book.root)]) == 0
    assert "Second things" in (build / "html" / "book" / "status.html").read_text("utf8")
    found = {path.name for path in build.rglob("second*") if path.is_file()}
    assert found >= {"second.html", "second.ipynb", "second.json", "second.txt", "second.svg"}
    assert (build / "html" / "_sources" / "book" / "second.md").is_file()
    assert exercises_on(build / "html") == {"small", "second"}

    run_book.edit("- file: book/second\n", "", "_toc.yml")
    run_book.edit("book/other", "book/another", "_toc.yml")
    pages = run_book.root / "book"
    (pages / "other.md").rename(pages / "another.md")
    run_book.edit("(other.md)", "(another.md)")
    before = contents(build / "html")
    run_book.edit("numbers = [1, 2]", "numbers = [2, 1]")
    assert main(["book", "--project", str(run_book.root)]) == 1  # stale: nothing is removed
    assert contents(build / "html") == before
    run_book.edit("numbers = [2, 1]", "numbers = [1, 2]")
    assert main(["book", "--project", str(run_book.root)]) == 0
    again = contents(build / "html")
    assert not [path for path in again if "second" in path or "other.html" in path.split("/")]
    assert "book/another.html" in again and "map.html" in again and "search.html" in again
    assert "Second things" not in (build / "html" / "book" / "status.html").read_text("utf8")
    assert exercises_on(build / "html") == {"small"}
    kept = {path.stem for name in ("verification", "differences") for path in files(build / name)}
    assert kept == {"small"}

    assert main(["book", "--project", str(run_book.root)]) == 0  # nothing has changed
    assert contents(build / "html") == again
    script = run_book.root / "book" / "theme" / "editions.js"
    script.write_text(f"{script.read_text('utf8')}\nconst added = 1;\n", "utf8")
    assert main(["book", "--project", str(run_book.root)]) == 0  # the theme has, and no page
    assert "const added=1" in (build / "html" / "_static" / "editions.js").read_text("utf8")
    shutil.rmtree(build / "html")
    shutil.rmtree(build / ".doctrees")
    assert main(["book", "--project", str(run_book.root)]) == 0
    assert contents(build / "html") == again


def exercises_on(site: Path) -> set[str]:
    """The chapters whose exercises a page links to."""
    pages = "".join(path.read_text("utf8") for path in site.rglob("*.html"))
    return set(re.findall(r"/exercises/notebooks/\w+/(\w+)\.ipynb", pages))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in files(folder)}
