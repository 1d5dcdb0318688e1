"""Run the stock build, and say in a few lines how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import shorten

from editions.base.errors import EditionsError
from editions.base.files import write_atomically
from editions.base.processes import run_child
from editions.base.project import Project
from editions.base.terminal import without_colours

NOISE = (
    *("Running Jupyter-Book", "Source Folder", "Config Path", "Output"),
    "Building your book, returns a non-zero exit code",
)
COMMAND = ("build", ".", "--warningiserror", "--nitpick", "--keep-going", "--quiet")


def build(project: Project) -> str:
    """Build the site with `jupyter-book build`; return what to tell a person.

    Raises:
        EditionsError: the build failed; holds its messages, without tracebacks.
    """
    began = time.monotonic()
    run_build(project)
    site = project.root / "_build" / "html"
    pages = len(list((site / "book").rglob("*.html")))
    seconds = time.monotonic() - began
    return f"Built {pages} pages in {seconds:.1f} s. Open {(site / 'index.html').as_uri()}"


def run_build(project: Project, *options: str) -> None:
    """Run `jupyter-book build` with further options; what it prints goes to `_build/book.log`.

    Raises:
        EditionsError: the build failed; holds its messages, without tracebacks.
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
            f"(all that was printed: {project.relative(log)})"
        )


def check_links(project: Project) -> str:
    """Ask every address outside the book whether it is there; return what to tell a person.

    Raises:
        EditionsError: an address does not answer, or none was asked; says which, and where it
            stands.
    """
    failure = None
    with tempfile.TemporaryDirectory(prefix="d2lcompute-links-") as scratch:
        where = ("--path-output", scratch)  # its own: pages are other pages for this builder
        try:
            run_build(project, *where, "--builder", "custom", "--custom-builder", "linkcheck")
        except EditionsError as error:
            failure = error
        found = Path(scratch, "_build", "linkcheck", "output.json")
        lines = found.read_text("utf8").splitlines() if found.is_file() else []
    asked = [json.loads(line) for line in lines]
    asked = [one for one in asked if one["status"] not in ("local", "unchecked", "ignored")]
    dead = [
        f"  {one['filename']}:{one['lineno']}: {one['uri']}: {shorten(one['info'], 120)}"
        for one in asked
        if one["status"] in ("broken", "timeout")
    ]
    if dead:
        raise EditionsError("these links lead nowhere:\n" + "\n".join(dead))
    if failure:
        raise failure
    if not asked:
        raise EditionsError("no link was asked: the book has none that leads outside")
    return f"{len(asked)} links answer"


def messages(printed: str) -> str:
    """What a build printed that a person needs: warnings and errors, without tracebacks."""
    said, _, trace = without_colours(printed).partition("Traceback (most recent call last)")
    kept: list[str] = []
    for line in said.splitlines():
        if line.strip("= ") and not line.startswith(NOISE) and line not in kept:
            kept.append(line)
    if not kept:  # nothing but a traceback: its last line says what it was
        kept = [line for line in trace.splitlines() if line.strip()][-1:]
    return "\n".join(kept)
