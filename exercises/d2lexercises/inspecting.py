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
from pathlib import Path
from typing import Any

from d2lexercises import frameworks, library, wire
from d2lexercises.faults import error_in, stopped
from d2lexercises.question import Question
from d2lexercises.running import inspect_found

TIME_LIMIT = 60.0  # seconds, the import of a framework included
_LIMITS = wire.Limits(bytes=64 * 2**20, items=1_000_000, elements=8_000_000)
_PACKAGES = ("d2lcompute", "d2lexercises")
_QUIET = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


def with_inspections(
    question: Question, inputs: dict[str, Any], outputs: dict[str, Any], framework: str
) -> dict[str, Any]:
    """Return `outputs`, and what each `inspect` of the question gives for them.

    Starts a process, which takes as long as importing the framework; none for a question without
    an `inspect`, or where nothing came.

    Args:
        question: the question.
        inputs: those that the answer was given.
        outputs: what the probe returned.
        framework: "pytorch" or "tensorflow".
    """
    came = {key: outputs[of] for key, (_, of) in question.inspections.items() if of in outputs}
    if not came or error_in(outputs) is not None:
        return outputs
    own = {key: value for key, value in outputs.items() if key not in question.inspections}
    try:
        return own | _in_fresh_process(question, inputs, came, framework)
    except subprocess.TimeoutExpired:
        said = f"Inspecting what your answer gave did not end within {TIME_LIMIT:.0f} seconds."
    except (OSError, subprocess.CalledProcessError, wire.WireError) as problem:
        said = f"What your answer gave cannot be inspected: {str(problem)[:600]}"
    return own | dict.fromkeys(came, stopped(said))


def _in_fresh_process(
    question: Question, inputs: dict[str, Any], came: dict[str, Any], framework: str
) -> dict[str, Any]:
    """What each `inspect` gives, by its key.

    Raises:
        OSError, subprocess.SubprocessError, wire.WireError: it could not be run to its end.
    """
    inspect, _ = next(iter(question.inspections.values()))
    task = {
        "file": sys.modules[inspect.__module__].__file__,
        "question": question.name,
        "framework": framework,
        "inputs": inputs,
        "came": came,
    }
    packages = {str(Path(sys.modules[name].__path__[0]).parent) for name in _PACKAGES}
    path = os.pathsep.join([*sorted(packages), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(prefix="d2l-") as folder:
        Path(folder, "task").write_text(wire.encode(task))
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, "task", "result"],
            cwd=folder,
            env={**os.environ, **_QUIET, "PYTHONPATH": path.rstrip(os.pathsep)},
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
        return wire.decode(result.read_bytes(), _LIMITS)


def main(task_file: str, result_file: str) -> None:
    """In the fresh process: read the task, and write what each `inspect` gives."""
    task = wire.decode(Path(task_file).read_bytes(), _LIMITS)
    named = {one.name: one for one in library.questions_in(Path(task["file"]))}
    question, framework = named[task["question"]], frameworks.load(task["framework"])
    found = {
        key: inspect_found(question, key, task["inputs"], came, framework)
        for key, came in task["came"].items()
    }
    Path(result_file).write_text(wire.encode(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
