"""Run every notebook again and again under other conditions: no output may differ.

    python tests/soak.py [--runs 5] [blocks autograd]

Without names of chapters, all of them run.

Each run of nbval has another hash seed, number of threads and instruction set, which stand in for
other processors. Each also compiles anew: what PyTorch keeps of code for one instruction set gives
wrong numbers under another. What differs is printed as it happens; at the end stands a table.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from editions.base.processes import share_of_processors
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "book" / "recorded" / "cpu"
CONDITIONS = (
    {},
    {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "2"},
    {"PYTHONHASHSEED": "2", "ATEN_CPU_CAPABILITY": "default"},
    {"PYTHONHASHSEED": "3", "ONEDNN_MAX_CPU_ISA": "SSE41", "OMP_NUM_THREADS": "3"},
    {"PYTHONHASHSEED": "4", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
)


def notebooks(chapters: list[str]) -> list[str]:
    """Return the recorded notebooks of the chapters, or their folder if none is named.

    Raises:
        FileNotFoundError: a chapter has no recorded notebook.
    """
    if not chapters:
        return [str(RECORDED)]
    found = {name: sorted(RECORDED.glob(f"*/{name}.ipynb")) for name in chapters}
    if missing := [name for name, files in found.items() if not files]:
        raise FileNotFoundError(f"no recorded notebook of the chapter {missing[0]!r}")
    return [str(file) for files in found.values() for file in files]


def run(conditions: dict[str, str], files: list[str]) -> tuple[int, str, float]:
    """Verify notebooks; return the exit status, what was printed, and the seconds."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "editions.notebooks.nbval_plugin",
        "--nbval",
        "-q",
    ]
    command += [
        "--nbval",
        "--nbval-current-env",
        "-n",
        "2",
        "--dist",
        "loadfile",
        *files,
    ]
    environment = {**os.environ, **share_of_processors(2), **conditions}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="d2l-soak-") as folder:
        environment["TORCHINDUCTOR_CACHE_DIR"] = folder
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
    return done.returncode, done.stdout, time.monotonic() - began


def main() -> int:
    """Run, and print the table; return 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("chapters", nargs="*")
    chosen = parser.parse_args()
    try:
        files = notebooks(chosen.chapters)
    except FileNotFoundError as error:
        parser.error(str(error))
    rows, failed = [], False
    for number in tqdm(range(chosen.runs), desc="Soaking", unit="run"):
        conditions = CONDITIONS[number % len(CONDITIONS)]
        status, printed, seconds = run(conditions, files)
        if status:
            failed = True
            tqdm.write(printed)
        passed = re.search(r"(\d+) passed", printed)
        differ = len(re.findall(r"(?m)^(?:FAILED|ERROR) ", printed))
        said = ", ".join(f"{name}={value}" for name, value in conditions.items()) or "as it is"
        rows.append((number + 1, int(passed[1]) if passed else 0, differ, seconds, said))
    print(f"{'run':>3}  {'cells passed':>12}  {'differ':>6}  {'seconds':>7}  conditions")
    for number, passed, differ, seconds, said in rows:
        print(f"{number:>3}  {passed:>12}  {differ:>6}  {seconds:>7.0f}  {said}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
