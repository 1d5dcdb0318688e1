"""What the helper package costs: import time, timer overhead, a live Animator.

    python bench/package.py [--repeat 7]

Imports are timed in fresh processes, with and without d2lcompute in turns, and the medians are
compared. The import of a framework varies by more than d2lcompute adds, so what it adds to a
process that has the framework already is shown as well. A framework that is not installed is
left out.
"""

import argparse
import functools
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parent.parent
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}

TIMER = """
import time
from d2lcompute import torch as d2l

def best(statement, rounds=7, number=100_000):
    results = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(number):
            statement()
        results.append((time.perf_counter() - began) / number)
    return min(results)

timer = d2l.Timer()

def timed():
    timer.start()
    timer.stop()

def bare():
    time.perf_counter()
    time.perf_counter()

print(best(timed), best(bare), d2l.num_gpus())
"""

ANIMATOR = """
import time
from d2lcompute import plotting as d2l
animator = d2l.Animator("step", "value", legend=["a", "b"])
began = time.perf_counter()
for i in range(1000):
    animator.add(i, (i, -i))
spent = time.perf_counter() - began
print(spent, len(animator.X[0]), len(animator.Y[1]))
"""


CLOCKED = """
import gc, time
gc.disable()
{first}
began = time.perf_counter()
{code}
print(time.perf_counter() - began)
"""


def process(code: str) -> float:
    """Return how many seconds a Python process takes that runs `code`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True)
    return time.perf_counter() - began


def clocked(code: str, first: str = "") -> float:
    """Return how many seconds `code` takes in a fresh Python, after `first`.

    Without the garbage collector: one pass over TensorFlow's objects takes longer than all of our
    modules, and one object more or less decides in which of the two imports it falls.
    """
    done = subprocess.run(
        [sys.executable, "-c", CLOCKED.format(code=code, first=first)],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
    )
    return float(done.stdout)


def medians(repeat: int, *measures: Callable[[], float]) -> list[float]:
    """Take each measure in turn, `repeat` times, and return its median."""
    for measure in measures:  # fill the caches
        measure()
    rounds = [[measure() for measure in measures] for _ in range(repeat)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def animate(live: bool) -> tuple[float, int, int]:
    """Return the seconds, the points and the displays of 1,000 additions in a real kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ANIMATOR)])
    environment = ENVIRONMENT | {"D2L_UNATTENDED": "0" if live else "1", "CI": ""}
    client = nbclient.NotebookClient(notebook, timeout=120)
    client.create_kernel_manager()
    with client.setup_kernel(env=environment):
        client.execute_cell(notebook.cells[0], 0)
    outputs = notebook.cells[0].outputs
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    spent, points, _ = text.split()
    return float(spent), int(points), sum("data" in output for output in outputs)


def main() -> None:
    """Measure, and print what came out beside what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7, help="processes for each import (7)")
    repeat = parser.parse_args().repeat

    def row(what: str, measured: str, target: str) -> None:
        print(f"{what:<36}{measured:<42}{target}", flush=True)

    row("what", "measured", "target")
    bare, ours = medians(3 * repeat, lambda: process("pass"), lambda: process("import d2lcompute"))
    measured = f"+{(ours - bare) * 1e3:.1f} ms (Python {bare * 1e3:.0f} ms)"
    row("import d2lcompute", measured, "<= 20 ms")
    for framework in ("torch", "tensorflow"):
        theirs, mine = f"import {framework}", f"import d2lcompute.{framework}"
        if importlib.util.find_spec(framework) is None:
            row(mine, "not installed", "<= 100 ms")
            continue
        alone, both, after = medians(
            repeat,
            functools.partial(clocked, theirs),
            functools.partial(clocked, mine),
            functools.partial(clocked, mine, theirs),
        )
        more = f"{both / alone:.3f} x {framework}'s {alone:.2f} s, {(both - alone) * 1e3:+.0f} ms"
        row(mine, more, "<= +100 ms")
        row("  after its framework", f"{after * 1e3:.1f} ms", "<= 100 ms")
    if importlib.util.find_spec("torch") is not None:
        done = subprocess.run(
            [sys.executable, "-c", TIMER], env=ENVIRONMENT, check=True, capture_output=True
        )
        pair, bare, gpus = done.stdout.split()
        measured = f"{float(pair) * 1e9:.0f} ns (two clock readings {float(bare) * 1e9:.0f} ns)"
        target = "<= 1000 ns" if gpus == b"0" else "(waits for the device)"
        row("Timer start and stop", measured, target)
    for live, target in ((True, "<= 2 s, 1000 points, 1 display"), (False, "far less")):
        spent, points, displays = animate(live)
        measured = f"{spent:.3f} s, {points} points, {displays} display"
        row(f"Animator, 1,000 points, {'live' if live else 'unattended'}", measured, target)


if __name__ == "__main__":
    main()
