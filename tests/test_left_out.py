"""Tests of what a fork leaves out are deselected: these and no others, and not in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest
from left_out import imported

tf = imported("tensorflow")
torch = imported("math")  # stands for a module that is there


def test_any(): pass

@pytest.mark.frameworks("pytorch", "tensorflow")
def test_both(): pass

@pytest.mark.chapters("graphs")
def test_graphs(): pass

@pytest.mark.chapters("blocks")
def test_blocks(): pass

@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_framework(framework): pass

@pytest.mark.parametrize("d2l", ["torch", "tensorflow"])
def test_module(d2l): pass

@pytest.mark.parametrize("word", ["tensorflow"])
def test_word(word): pass

@pytest.mark.parametrize("values", [[tf.constant(1.0)], (1, {"x": tf.ones}), [torch.sqrt(4.0)]])
def test_values(values): pass
"""
# The book of a fork: PyTorch alone, without the chapter on graphs.
FORK = """
import left_out
left_out.CHOSEN[:] = ["pytorch"]
left_out.CHAPTERS[:] = ["blocks"]
pytest_plugins = ["left_out"]
"""
KEPT = ["test_any", "test_blocks", "test_framework[pytorch]", "test_module[torch]"]
KEPT += ["test_word[tensorflow]", "test_values[values2]"]


def collect(folder: Path, tests: str) -> subprocess.CompletedProcess:
    (folder / "conftest.py").write_text(FORK, "utf8")
    (folder / "test_some.py").write_text(tests, "utf8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", "--collect-only"],
        cwd=folder, env={"PYTHONPATH": str(Path(__file__).parent), "PATH": ""}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip


def test_what_needs_what_is_left_out_is_deselected(tmp_path: Path) -> None:
    said = collect(tmp_path, TESTS).stdout
    assert [line.partition("::")[2] for line in said.splitlines() if "::" in line] == KEPT
    assert "6/12 tests collected (6 deselected)" in said


def test_it_is_said_whose_tests_are_deselected(monkeypatch: pytest.MonkeyPatch) -> None:
    import left_out

    monkeypatch.setattr(left_out, "CHOSEN", ["pytorch"])
    monkeypatch.setattr(left_out, "CHAPTERS", ["blocks"])
    (line,) = left_out.pytest_report_header()
    said, _, names = line.partition(": ")
    assert said == "tests deselected, because the book leaves it out"
    assert names.startswith("tensorflow, autograd, ")
    assert "graphs" in names and "blocks" not in names
    monkeypatch.setattr(left_out, "CHOSEN", list(left_out.FRAMEWORKS))
    monkeypatch.setattr(left_out, "CHAPTERS", left_out._written())
    assert left_out.pytest_report_header() == []


@pytest.mark.parametrize("mark", ['frameworks("torch")', 'chapters("block")'])
def test_a_slip_in_a_mark_deselects_nothing(mark: str, tmp_path: Path) -> None:
    done = collect(tmp_path, TESTS.replace('chapters("blocks")', mark))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_blocks needs ['" in done.stderr and "no book has it" in done.stderr
