"""How long each notebook runs, and how much memory it takes at most.

    python bench/notebooks.py [--each]

One at a time, from the start of its kernel to its end. The memory is that of the kernel and of all
processes that it starts, added up ten times a second; what several share is counted several times,
so it is rather too much.
"""

import argparse
import contextlib
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "book" / "recorded" / "cpu"


def below(process: psutil.Process) -> int:
    """Bytes in memory of all processes that `process` has started, and that they have."""
    found = 0
    for one in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += one.memory_info().rss
    return found


def run(path: Path) -> tuple[float, int]:
    """Run a notebook; return the seconds, and the most bytes in memory."""
    ended, most = threading.Event(), 0

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.1):
            most = max(most, below(psutil.Process()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        resources = {"metadata": {"path": str(path.parent)}}
        NotebookClient(nbformat.read(path, 4), timeout=600, resources=resources).execute()
    finally:
        ended.set()
        watcher.join()
    return time.perf_counter() - began, most


def main() -> None:
    """Measure and print, beside what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", action="store_true", help="print every notebook")
    each = parser.parse_args().each
    paths = sorted(NOTEBOOKS.glob("*/*.ipynb"))
    found = {}
    for path in tqdm(paths, unit="notebook"):
        found[f"{path.parent.name}/{path.stem}"] = run(path)
    if each:
        for name, (seconds, most) in found.items():
            print(f"{name:<40}{seconds:6.1f} s {most / 1e9:6.2f} GB")
    slowest = max(found, key=lambda name: found[name][0])
    largest = max(found, key=lambda name: found[name][1])
    row = "{:<36}{:<52}{}".format
    print(row("slowest notebook", f"{found[slowest][0]:.0f} s ({slowest})", "<= 60 s"))
    print(row("most memory", f"{found[largest][1] / 1e9:.2f} GB ({largest})", "<= 2 GB"))


if __name__ == "__main__":
    main()
