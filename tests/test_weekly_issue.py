"""The weekly report: one issue, with what moved; `gh` is one that writes down what it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GH = """#!{python}
import pathlib, sys
here = pathlib.Path({here!r})
given = sys.stdin.read() if "--body-file" in sys.argv else ""
with (here / "calls").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if given:
    (here / "body").write_text(given)
if sys.argv[1:3] == ["issue", "list"]:
    print((here / "open").read_text() if (here / "open").exists() else "[]")
if "fail" in [path.name for path in here.iterdir()]:
    sys.exit(1)
"""


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """What the weekly run found: a dead link, and a notebook that differs."""
    folder = tmp_path / "moved"
    (folder / "moved-links").mkdir(parents=True)
    (folder / "moved-links" / "weekly.log").write_text("error: these links lead nowhere:\n  x\n")
    newest = folder / "moved-newest"
    given = newest / "differences" / "cpu" / "pytorch"
    given.mkdir(parents=True)
    (given / "blocks.txt").write_text("== total\n- 3\n+ 4\n```\nfence\n")
    (newest / "installed.txt").write_text("torch==99.1.0+cpu\nPyYAML==6.0.3\nnew-thing==1\n")
    (newest / "weekly.log").write_text("\x1b[31mFAILED\x1b[0m\n" * 500)
    return folder


def report(tmp_path: Path, moved: Path) -> subprocess.CompletedProcess:
    command = tmp_path / "bin" / "gh"
    command.parent.mkdir(exist_ok=True)
    command.write_text(GH.format(python=sys.executable, here=str(tmp_path)))
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", "--no-print-directory", "report", f"MOVED={moved}"],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "WEEKLY_RUN": "https://example.org/run/7"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    return [" ".join(line.split()[:2]) for line in lines]


def test_it_opens_one_issue(tmp_path: Path, moved: Path) -> None:
    done = report(tmp_path, moved)
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path) == ["label create", "issue list", "issue create"]
    body = (tmp_path / "body").read_text()
    assert "[the weekly run](https://example.org/run/7)" in body
    assert "## links" in body and "these links lead nowhere" in body
    assert "| torch | 2." in body and " | 99.1.0 |" in body
    assert "pyyaml" not in body.lower()  # it is the pinned version
    assert "# cpu/pytorch/blocks\n== total\n- 3\n+ 4\n```\nfence\n````" in body
    assert "\x1b" not in body
    assert body.count("FAILED") == 80


def test_an_open_issue_is_brought_up_to_date(tmp_path: Path, moved: Path) -> None:
    (tmp_path / "open").write_text('[{"number": 9}, {"number": 4}]')
    assert report(tmp_path, moved).returncode == 0
    assert calls(tmp_path) == ["label create", "issue list", "issue edit", "issue comment"]
    assert "issue edit 4 " in (tmp_path / "calls").read_text()
    assert "+ 4" in (tmp_path / "body").read_text()


def test_a_long_report_fits_in_an_issue(tmp_path: Path, moved: Path) -> None:
    for number in range(9):
        given = moved / f"moved-{number}" / "differences"
        given.mkdir(parents=True)
        (given / "a.txt").write_text("long line\n" * 30_000)
    assert report(tmp_path, moved).returncode == 0
    assert len((tmp_path / "body").read_text()) < 65_536


def test_nothing_to_report_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path / "empty", tmp_path / "gone"):
        folder.name == "gone" or folder.mkdir()
        done = report(tmp_path, folder)
        assert done.returncode != 0
        assert "nothing to report" in done.stderr
    assert calls(tmp_path) == []


def test_a_report_that_fails_is_not_lost(tmp_path: Path, moved: Path) -> None:
    (tmp_path / "fail").touch()
    assert report(tmp_path, moved).returncode != 0
