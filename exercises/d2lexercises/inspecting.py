"""Run the `inspect` of a question's aspects in a fresh process, which never ran an answer.

In a notebook the student's code has changed the process that it runs in: it may have replaced
functions of a framework, on purpose or not. What an answer saved is therefore looked at in another
one, which gets the question's file and plain data. The grader does the same in a sandbox of its
own; see `grader.judging.session`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from d2lexercises import frameworks, library, wire
from d2lexercises.faults import error_in, stopped
from d2lexercises.question import Question
from d2lexercises.running import inspect_found

TIME_LIMIT = 60.0  # seconds, the import of a framework included
_LIMITS = wire.Limits(bytes=64 * 2**20, items=1_000_000, elements=8_000_000)
_PACKAGES = ("d2lcompute", "d2lexercises")
QUIET = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


def with_inspections(
    question: Question,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
    framework: str,
    run: Callable[[str], str | bytes] | None = None,
) -> dict[str, Any]:
    """Return `outputs`, and what each `inspect` of the question gives for them.

    Starts a process, which takes as long as importing the framework; none for a question without
    an `inspect`, or where nothing came.

    Args:
        question: the question.
        inputs: those that the answer was given.
        outputs: what the probe returned.
        framework: "pytorch" or "tensorflow".
        run: another way of calling `inspect_task` in a process that never ran an answer.
    """
    came = {key: outputs[of] for key, (_, of) in question.inspections.items() if of in outputs}
    if not came or error_in(outputs) is not None:
        return outputs
    own = {key: value for key, value in outputs.items() if key not in question.inspections}
    try:
        task = _task(question, inputs, came, framework)
        return own | wire.decode((run or _in_fresh_process)(task), _LIMITS)
    except (subprocess.TimeoutExpired, TimeoutError):
        said = f"Inspecting what your answer gave did not end within {TIME_LIMIT:.0f} seconds."
    except (OSError, subprocess.CalledProcessError, wire.WireError) as problem:
        said = f"What your answer gave cannot be inspected: {str(problem)[:600]}"
    return own | dict.fromkeys(came, stopped(said))


def _task(question: Question, inputs: dict[str, Any], came: dict[str, Any], framework: str) -> str:
    """What `inspect_task` takes."""
    inspect, _ = next(iter(question.inspections.values()))
    return wire.encode(
        {
            "file": sys.modules[inspect.__module__].__file__,
            "question": question.name,
            "framework": framework,
            "inputs": inputs,
            "came": came,
        }
    )


def _in_fresh_process(task: str) -> bytes:
    """What `inspect_task` returns in a Python that is started for it.

    Raises:
        OSError, subprocess.SubprocessError: it could not be run to its end.
    """
    packages = {str(Path(sys.modules[name].__path__[0]).parent) for name in _PACKAGES}
    path = os.pathsep.join([*sorted(packages), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(prefix="d2l-") as folder:
        Path(folder, "task").write_text(task)
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, "task", "result"],
            cwd=folder,
            env={**os.environ, **QUIET, "PYTHONPATH": path.rstrip(os.pathsep)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
        )
        result = Path(folder, "result")
        if not result.is_file():
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise OSError(f"the process ended: {last}")
        return result.read_bytes()


def inspect_task(text: str | bytes) -> str:
    """In a process that never ran an answer: what each `inspect` gives, by its key."""
    task = wire.decode(text, _LIMITS)
    named = {one.name: one for one in library.questions_in(Path(task["file"]))}
    question, framework = named[task["question"]], frameworks.load(task["framework"])
    found = {
        key: inspect_found(question, key, task["inputs"], came, framework)
        for key, came in task["came"].items()
    }
    return wire.encode(found)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(inspect_task(Path(sys.argv[1]).read_bytes()))
