"""Run the cells of notebooks as a worker does, without a sandbox: one process for each notebook.

    python cells_apart.py < cases.json > results.json

A case is a list of cells, or a dict with "cells" and "skip". Its result has, for each question that
was answered, the answers in order, as JSON or by name; what prevented others; which cells stopped.
"""

import builtins
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "exercises"), str(ROOT / "exercises" / "grader" / "sandbox")]
sys.path = [path for path in sys.path if path not in ("", str(Path(__file__).parent))]

import d2lexercises  # noqa: E402
from d2lexercises import environment  # noqa: E402
from inside import cells  # noqa: E402


def plain(value):
    """A value as JSON, or its name."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return getattr(value, "__name__", type(value).__name__)
    return value


def run(case):
    """The result of a case."""
    case = case if isinstance(case, dict) else {"cells": case}
    found, stopped, steps = {}, {}, []

    class Answering:
        def check(self, question, answer, *, framework=None):
            found.setdefault(question, []).append(plain(answer))

    notebook = cells.Run(
        case["cells"],
        set(case.get("skip", ())),
        steps.append,
        lambda index, error: stopped.update({index + 1: f"{type(error).__name__}: {error}"}),
    )
    check = Answering().check  # a method, and set when there is a run, as in a worker
    d2lexercises.check = builtins.check = check
    importlib.import_module("d2lcompute.checks").check = check
    environment.watching = True
    notebook.run(lambda: False)
    asked = set().union(*(cell.asked for cell in notebook.cells)) - set(found)
    prevented = notebook.prevented(asked)
    for what in prevented.values():
        if "error" in what:
            what["error"] = f"{type(what['error']).__name__}: {what['error']}"
    return {
        "found": found,
        "stopped": stopped,
        "prevented": prevented,
        "steps": steps,
        "lost": sorted(environment.lost),
    }


def apart(case):
    """The result of a case, from a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as out:
        if (child := os.fork()) == 0:
            try:
                os.chdir(folder)
                quiet = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(quiet, descriptor)
                json.dump(run(case), out)
                out.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        out.seek(0)
        return json.loads(out.read() or "null")


def main():
    """Run the cases of the input."""
    os.environ["HOME"] = tempfile.mkdtemp()
    os.environ["MPLBACKEND"] = "Agg"
    cells.shell()
    json.dump([apart(case) for case in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
