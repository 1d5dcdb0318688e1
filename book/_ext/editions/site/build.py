"""Run `jupyter-book build`, and report its result in a few lines."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from editions.base.errors import EditionsError
from editions.base.files import write_atomically
from editions.base.processes import run_child
from editions.base.project import Project
from editions.base.terminal import without_colours
from editions.site.outdated_files import remove_outdated_records

NOISE = (
    *("Running Jupyter-Book", "Source Folder", "Config Path", "Output"),
    "Building your book, returns a non-zero exit code",
)
COMMAND = ("build", ".", "--warningiserror", "--nitpick", "--keep-going", "--quiet")


def build(project: Project) -> str:
    """Build the site into `_build/html`; return a line that says where to open it.

    Raises:
        EditionsError: the build failed; its messages, without tracebacks.
    """
    began = time.monotonic()
    run_build(project)
    remove_outdated_records(project)
    site = project.root / "_build" / "html"
    pages = len(list((site / "book").rglob("*.html")))
    seconds = time.monotonic() - began
    return f"Built {pages} pages in {seconds:.1f} s. Open {(site / 'index.html').as_uri()}"


def run_build(project: Project, *options: str) -> None:
    """Run `jupyter-book build` with further options; its output goes to `_build/book.log`.

    Raises:
        EditionsError: the build failed; its messages, without tracebacks.
    """
    folder = Path(sys.executable).parent
    log = project.root / "_build" / "book.log"
    done = run_child(
        [str(folder / "jupyter-book"), *COMMAND, *options],
        cwd=project.root,
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    write_atomically(log, done.stdout.encode("utf8"))
    if done.returncode:
        raise EditionsError(
            f"the book was not built:\n{messages(done.stdout)}\n"
            f"(the whole output is in {project.relative(log)})"
        )


def messages(output: str) -> str:
    """The warnings and errors in the output of a build, without tracebacks."""
    before, _, traceback = without_colours(output).partition("Traceback (most recent call last)")
    kept: list[str] = []
    for line in before.splitlines():
        if line.strip("= ") and not line.startswith(NOISE) and line not in kept:
            kept.append(line)
    if not kept:  # nothing but a traceback: its last line names the error
        kept = [line for line in traceback.splitlines() if line.strip()][-1:]
    return "\n".join(kept)
