"""Builds of small books, each in a fork of one process that has built another book before.

A build has a process of its own, as if its command had been typed. It does not spend again the time
for imports, and for what astroid finds out about Python's own modules: four fifths of the whole.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from small_book import make_book

TESTS = Path(__file__).parents[1]
# The packages come before the folder of tests, in which folders have their names.
PATH = (*(TESTS.parent / name for name in (".", "book/_ext", "exercises")), TESTS)
COMMAND = ("jupyter-book", "build", ".", "-W", "-n", "--keep-going")


class ForkedBuilds:
    """Runs commands of `jupyter-book`."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATH))},
        )
        with tempfile.TemporaryDirectory(prefix="d2lcompute-forked-") as scratch:
            book = make_book(Path(scratch, "project"))
            book.edit("- file: book/small\n", "", "_toc.yml")  # its notebooks have not been run
            book.edit("[A chapter](small.md)", "$x$ {cite:t}`adder1900`", "book/index.md")
            done = self.run(COMMAND, book.root, environment())
            assert done.returncode == 0, done.stdout

    def run(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str], **_: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; what it prints to either stream is its `stdout`."""
        assert Path(command[0]).name == COMMAND[0], command
        with tempfile.NamedTemporaryFile() as printed:
            request = [[*command], str(cwd), {**env}, printed.name]
            self._server.stdin.write(f"{json.dumps(request)}\n")
            self._server.stdin.flush()
            status = json.loads(self._server.stdout.readline())
            text = Path(printed.name).read_text("utf8")
        return subprocess.CompletedProcess([*command], status, text)

    def close(self) -> None:
        """End the process that is forked."""
        self._server.communicate()


@cache
def forked_builds() -> ForkedBuilds:
    """The one of this process."""
    made = ForkedBuilds()
    atexit.register(made.close)
    return made


def environment() -> dict[str, str]:
    """The environment in which a person types the stock command."""
    folder = Path(sys.executable).parent
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return {**os.environ, "PYTHONPATH": "", "PATH": path}


def serve() -> None:
    """Run one command after the other: the first in this process, the others in forks of it."""
    answers = os.fdopen(os.dup(1), "w")
    for number, line in enumerate(sys.stdin):
        request = json.loads(line)
        if number == 0:
            status = build(*request)
        elif (child := os.fork()) == 0:
            os._exit(build(*request))  # without the exits of what the first build has started
        else:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answers.write(f"{status}\n")
        answers.flush()


def build(command: list[str], cwd: str, env: dict[str, str], printed: str) -> int:
    """Do in this process what the command does; return its exit status."""
    from jupyter_book.cli.main import main

    with open(printed, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = command
    try:
        main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    serve()
