"""Submissions a minute: our grader against `otter run`, start-up included.

    python bench/grader.py [--ours 100] [--otter 8]
    python bench/grader.py --large 3000 [--cluster]

Both grade the same questions (*Layers and blocks*) of the same honest class, with the same number
of submissions at a time. otter starts anew for each submission, so a few show how long one takes.
Our grader imports the framework once, so it gets the whole class. Then it says where the time of
one submission goes. The answers themselves have to run, whoever grades them: what they take sets
the highest ratio that any grader can reach.

`--large` grades a class of that size, each notebook another one, and then once more, when there is
nothing new; it prints time, memory and the size of what is kept. `--cluster` does so on two workers
of a local `dask.distributed` cluster.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Not this folder, where this file would hide the package of the same name.
sys.path[:1] = [str(ROOT / folder) for folder in ("tests/grader", "tests/exercises")]

from d2lexercises.frameworks import load  # noqa: E402
from d2lexercises.question import run_probe  # noqa: E402
from exercise_answers import exercise_file, namespace  # noqa: E402
from grader.data_folder import DataFolder  # noqa: E402
from grader.judging.questions import load_questions  # noqa: E402
from grader.sandbox.limits import Limits  # noqa: E402
from grader.sandbox.machine import find_machine  # noqa: E402
from grader.sandbox.stage import make_stage  # noqa: E402
from grader_tools import Ground  # noqa: E402
from otter_tools import honest_class, run_otter, write_autograder  # noqa: E402

TARGETS = {"pytorch": 50, "tensorflow": 15}  # 2 at a time
MOST_SECONDS = 10  # for a run that finds nothing new
MIB = 2**20


def write_class(folder: Path, framework: str, number: int) -> list[Path]:
    """Write the honest class into `folder`."""
    folder.mkdir(parents=True)
    made = []
    for student, content in enumerate(honest_class(framework, number)):
        made.append(folder / f"student{student:04}.ipynb")
        made[-1].write_bytes(content)
    return made


def ours(folder: Path, data: Path, jobs: int, *more: str) -> tuple[float, int]:
    """Seconds that our grader takes for the class, and the KiB of its largest process."""
    command = [sys.executable, "-m", "grader", "--data", str(data), "grade", str(folder)]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--chapter", "blocks", "--jobs", str(jobs), *more],
            cwd=ROOT, stdout=said, stderr=said,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"error: the grader failed:\n{said.read().decode()}"[-3000:])
    return time.perf_counter() - began, used.ru_maxrss


def otters(archive: Path, files: list[Path], output: Path, jobs: int) -> float:
    """Seconds that otter takes for these submissions, `jobs` at a time."""
    began = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda path: run_otter(archive, path, output / path.stem), files))
    return time.perf_counter() - began


def account(framework: str, folder: Path, otter: float) -> None:
    """Print where the time of one submission goes, and what its answers alone would allow.

    Args:
        framework: that of the submission, which has all answers right.
        folder: for the files of the sandbox.
        otter: submissions a minute that otter grades, 2 at a time.
    """
    found, asked = find_machine(), load_questions("blocks")
    make_stage(folder / "stages" / "pruned", user=found.user)
    answers = namespace("blocks", framework, "solution")["answers"]
    cells = [cell.source for cell in exercise_file("blocks").edition(framework)
             if cell.kind == "code" and "starter" not in cell.tags]  # fmt: skip
    ground = Ground("zygote", found, folder / "stages", asked)
    starter = ground.starter(ground.config(sizes=Limits()))
    transcript = ground.transcript(cells, framework=framework, sizes=Limits())

    def judge_all() -> None:
        for name in asked:
            ground.mark(name, transcript, framework)

    def run_all() -> None:
        for name, answer in answers.items():
            run_probe(asked[name], answer, asked[name].draw(1), load(framework))

    parts = {
        "a worker": lambda: starter.start(framework).end(),
        "answers": run_all,
        "judging": judge_all,
        "collected": lambda: ground.transcript(cells, framework=framework, sizes=Limits()),
    }
    spent = {what: 1000 * statistics.median(timed(part) for _ in range(7))
             for what, part in parts.items()}  # fmt: skip
    ground.close()
    whole = spent.pop("collected") + spent["judging"]
    spent["the rest"] = whole - sum(spent.values())
    listed = ", ".join(f"{what} {ms:.0f}" for what, ms in spent.items())
    what = f"a submission, {framework}: {whole:.0f} ms"
    print(f"{what:<56}{listed}")
    most = 2 * 60_000 / spent["answers"] / otter
    print(f"{'a grader that only runs the answers, 2 at a time':<56}{most:.1f} x otter", flush=True)


def timed(part: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    began = time.perf_counter()
    part()
    return time.perf_counter() - began


def bytes_of(folder: Path) -> float:
    """MiB of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MIB


def large(number: int, cluster: bool) -> None:
    """Grade a large class twice, and print what that takes."""
    with contextlib.ExitStack() as stack:
        more: list[str] = []
        if cluster:
            from distributed import LocalCluster

            local = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
            more = ["--scheduler", stack.enter_context(local).scheduler_address]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="d2l-bench-")))
        data = folder / "data"
        write_class(folder / "class", "pytorch", number)
        for what in ("all new", "nothing new"):
            seconds, memory = ours(folder / "class", data, 2, *more)
            limit = f"<= {MOST_SECONDS} s" if what == "nothing new" else ""
            where = "on 2 workers" if cluster else "2 at a time"
            what = f"{number} submissions, {what}, {where}"
            print(f"{what:<56}{f'{seconds:.1f} s, {memory // 1024} MiB':<40}{limit}", flush=True)
        book = DataFolder(data).gradebook.stat().st_size / MIB
        print(f"{'kept':<56}gradebook {book:.1f} MiB, in all {bytes_of(data):.1f} MiB")


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=int, default=100, help="submissions for ours (100)")
    parser.add_argument("--otter", type=int, default=8, help="submissions for otter (8)")
    parser.add_argument("--large", type=int, metavar="N", help="grade a class of N twice")
    parser.add_argument("--cluster", action="store_true", help="on a local cluster, with --large")
    options = parser.parse_args()
    if options.large:
        large(options.large, options.cluster)
        return
    for framework, target in TARGETS.items():
        for jobs in (1, 2):
            with tempfile.TemporaryDirectory(prefix="d2l-bench-") as scratch:
                folder = Path(scratch)
                files = write_class(folder / "class", framework, options.ours)
                archive = write_autograder(folder / "otter", framework)
                theirs = otters(archive, files[: options.otter], folder / "out", jobs)
                mine, _ = ours(folder / "class", folder / "data", jobs)
            rates = 60 * len(files) / mine, 60 * min(options.otter, len(files)) / theirs
            what = f"submissions a minute, {framework}, {jobs} at a time"
            measured = f"{rates[0] / rates[1]:.1f} x otter ({rates[0]:.0f} : {rates[1]:.1f})"
            print(f"{what:<56}{measured:<40}{f'>= {target} x' if jobs == 2 else ''}", flush=True)
        with tempfile.TemporaryDirectory(prefix="d2l-bench-") as scratch:
            account(framework, Path(scratch), rates[1])


if __name__ == "__main__":
    main()
