"""The cost of building, opening and verifying the book.

    python bench/book.py [--repeat 3]

The build is timed cold, in turns with a stock `jupyter-book build` of the same pages (see
`stock.py`). Then a chapter of both is opened in the same browser, in turns, each time by a new
reader. Both books are built in a temporary folder; the site in `_build` stays as it is.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stock import BIN, ROOT, build, copy_book, stock_book

sys.path.insert(0, str(ROOT / "tests" / "site"))

from editions.site.browser import FLAGS, browser_path
from site_tools import Visit, serve

CHAPTER = "book/blocks.html"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def verify() -> float:
    """Verify all notebooks; return the seconds."""
    began = time.perf_counter()
    command = [str(BIN / "editions"), "verify", "--jobs", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit("error: the notebooks differ. Type: make verify")
    return time.perf_counter() - began


def alternately(repeat: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each measure, taken in turns."""
    rounds = [[measure() for measure in measures] for _ in range(repeat)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def open_page(browser: Any, folder: Path) -> tuple[float, float, int, int, int]:
    """Open the chapter as a new reader.

    Returns:
        First contentful paint and the end of the scripts, those of the tabs among them, in
        milliseconds; bytes on the wire without pictures; requests; requests to other hosts.
    """
    with serve(folder) as site:
        visit = Visit(browser, site)
        visit.page.route(lambda url: not url.startswith(site.address), lambda route: route.abort())
        visit.page.goto(site.address + CHAPTER, wait_until="load")
        visit.page.wait_for_function(f"() => {PAINTED}")
        painted, ready = visit.evaluate(f"() => [{PAINTED}, {READY}]")
        weight = sum(size for path, size in site.sent.items() if not path.startswith("_images/"))
        elsewhere = sum(not url.startswith(site.address) for url in visit.requests)
        requests = len(visit.requests)
        visit.close()
    return painted, ready, weight, requests, elsewhere


def open_both(repeat: int, ours: Path, stock: Path) -> list[tuple[str, str, str]]:
    """Rows of the table: the cost of opening the chapter, ours and stock in turns."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        rounds = [
            [open_page(browser, folder / "_build" / "html") for folder in (ours, stock)]
            for _ in range(repeat)
        ]
        browser.close()
    mine, theirs = (
        [statistics.median(column) for column in zip(*side, strict=True)]
        for side in zip(*rounds, strict=True)
    )
    kib = [side[2] / 1024 for side in (mine, theirs)]
    return [
        ("first contentful paint", _ratio(mine[0], theirs[0], "ms"), ""),
        ("tabs ready", _ratio(mine[1], theirs[1], "ms"), ""),
        ("weight before figures, gzipped", _ratio(*kib, "KiB"), "<= 250 KiB"),
        ("requests", _ratio(mine[3], theirs[3], ""), ""),
        ("of them to other hosts", f"{mine[4]:.0f} : {theirs[4]:.0f}", "0"),
    ]


def _ratio(ours: float, stock: float, unit: str) -> str:
    return f"{ours / stock:.2f} x stock ({ours:.0f} : {stock:.0f} {unit})".replace(" )", ")")


def main() -> None:
    """Measure, and print the results beside the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="builds of each kind (3)")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as scratch:
        ours, stock = Path(scratch, "ours"), Path(scratch, "stock")
        ours.mkdir()
        (stock / "book").mkdir(parents=True)
        copy_book(ours)
        stock_book(stock)
        mine, theirs = alternately(repeat, lambda: build(ours), lambda: build(stock))
        opened = open_both(3 * repeat, ours, stock)
    pages = len(list((ROOT / "book").glob("*.md")))
    measured = f"{mine / theirs:.2f} x stock ({mine:.1f} s : {theirs:.1f} s)"
    rows = [
        ("what", "measured", "target"),
        (f"build of the book, {pages} pages, cold", measured, "<= 1.3 x, 30 s"),
        *((f"{CHAPTER}: {what}", value, target) for what, value, target in opened),
        ("all notebooks under nbval", f"{verify():.0f} s", "<= 15 min"),
    ]
    for row in rows:
        print("{:<52}{:<40}{}".format(*row))


if __name__ == "__main__":
    main()
