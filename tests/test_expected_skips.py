"""A skip that is not expected fails the run, in one process and in several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from expected_skips import EXPECTED, Expected, unexpected
from test_must_fail import missing

TESTS = Path(__file__).parent
TEXT = """
import pytest

def test_passes(): pass

def test_skips(): pytest.skip("no reason")

@pytest.mark.xfail(reason="known")
def test_known(): assert 0

@pytest.fixture
def absent(): pytest.skip("not here")

def test_without_its_fixture(absent): pass
"""
MODULE = 'import pytest\npytest.importorskip("no_such_module")\n\ndef test_it(): pass\n'


def run(folder: Path, *options: str) -> tuple[int, str]:
    """Run the tests of a folder as this project's are run; exit status and what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "expected_skips", "-p", "no:cacheprovider"]
        + ["--rootdir", str(folder), *options, str(folder)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skip_that_is_not_expected_fails_the_run(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(TEXT)
    status, said = run(tmp_path, "-n", workers)
    assert status == 1
    unlisted = "was skipped, which is not listed in tests/expected_skips.py"
    assert f"test_it.py::test_skips {unlisted}: no reason" in said
    assert f"test_it.py::test_without_its_fixture {unlisted}: not here" in said
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in said
    (tmp_path / "test_it.py").write_text(MODULE)
    status, said = run(tmp_path, "-n", workers)
    assert status != 0
    assert f"test_it.py {unlisted}: could not import 'no_such_module'" in said


def test_test_reason_and_machine_must_be_as_listed() -> None:
    here = Expected("a.py::test_a", r"no \d+", lambda: True)
    elsewhere = Expected("a.py::test_b", "none", lambda: False)
    listed = (here, elsewhere)
    assert unexpected("tests/a.py::test_a[x]@group", "Skipped: no 12", listed) is None
    assert "is not listed" in unexpected("tests/a.py::test_a", "Skipped: no 12 more", listed)
    assert "is not listed" in unexpected("tests/a.py::test_c", "Skipped: no 12", listed)
    assert "where it should run" in unexpected("tests/a.py::test_b", "Skipped: none", listed)


def test_every_listed_test_exists() -> None:
    assert [one.test for one in EXPECTED if missing(one.test)] == []
