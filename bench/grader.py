"""Submissions a minute: our grader against `otter run`, start-up included.

    python bench/grader.py [--ours 100] [--otter 8]

Both grade the same questions (*Layers and blocks*) of the same honest class, with the same number
of submissions at a time. otter starts anew for each submission, so a few show how long one takes.
Our grader imports the framework once, so it gets the whole class.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
for _folder in ("tests/grader", "tests/exercises"):
    sys.path.insert(0, str(ROOT / _folder))

from otter_tools import honest_class, run_otter, write_autograder  # noqa: E402

TARGETS = {"pytorch": 20, "tensorflow": 5}


def write_class(folder: Path, framework: str, number: int) -> list[Path]:
    """Write the honest class into `folder`."""
    folder.mkdir(parents=True)
    made = []
    for student, content in enumerate(honest_class(framework, number)):
        made.append(folder / f"student{student:03}.ipynb")
        made[-1].write_bytes(content)
    return made


def ours(folder: Path, data: Path, jobs: int) -> float:
    """Seconds that our grader takes for the class."""
    command = [sys.executable, "-m", "grader", "--data", str(data), "grade", str(folder)]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--chapter", "blocks", "--jobs", str(jobs)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"error: the grader failed:\n{done.stdout}\n{done.stderr}"[-3000:])
    return time.perf_counter() - began


def otters(archive: Path, files: list[Path], output: Path, jobs: int) -> float:
    """Seconds that otter takes for these submissions, `jobs` at a time."""
    began = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda path: run_otter(archive, path, output / path.stem), files))
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=int, default=100, help="submissions for ours (100)")
    parser.add_argument("--otter", type=int, default=8, help="submissions for otter (8)")
    options = parser.parse_args()
    for framework, target in TARGETS.items():
        for jobs in (1, 2):
            with tempfile.TemporaryDirectory(prefix="d2l-bench-") as scratch:
                folder = Path(scratch)
                files = write_class(folder / "class", framework, options.ours)
                archive = write_autograder(folder / "otter", framework)
                theirs = otters(archive, files[: options.otter], folder / "out", jobs)
                mine = ours(folder / "class", folder / "data", jobs)
            rates = 60 * len(files) / mine, 60 * min(options.otter, len(files)) / theirs
            what = f"submissions a minute, {framework}, {jobs} at a time"
            measured = f"{rates[0] / rates[1]:.1f} x otter ({rates[0]:.0f} : {rates[1]:.1f})"
            print(f"{what:<56}{measured:<40}>= {target} x", flush=True)


if __name__ == "__main__":
    main()
