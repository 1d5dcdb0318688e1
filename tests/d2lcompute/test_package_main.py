"""``python -m d2lcompute``, with frameworks that work, are missing, crash or hang."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from left_out import CHOSEN

from d2lcompute import __main__ as report

WORKS = {
    "pytorch": (r"PyTorch 2\.\S+: works", "  cpu (CPU): works"),
    "tensorflow": (r"TensorFlow 2\.\S+, Keras 3\.\S+: works", "  CPU:0 (CPU): works"),
}


def test_it_tries_the_frameworks_here():
    done = subprocess.run(
        [sys.executable, "-m", "d2lcompute"],
        cwd=os.path.dirname(os.path.dirname(report.__file__)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("d2lcompute 0.")
    assert f"NumPy {np.__version__}" in lines[2]
    for framework in CHOSEN:
        title, device = WORKS[framework]
        assert [line for line in lines if re.fullmatch(title, line)]
        assert device in lines
    assert os.path.expanduser("~") not in done.stdout


GOOD = """
print('{"versions": {"PyTorch": "9.9"}}')
print('{"device": "cpu", "name": "CPU", "problem": null}')
print('{"device": "cuda:0", "name": "Fake", "problem": "RuntimeError: no kernel"}')
"""


@pytest.fixture
def probe(monkeypatch):
    """Let other code take the place of the probe."""

    def replace(code):
        monkeypatch.setattr(report, "_PROBE", [sys.executable, "-c", code])

    return replace


def test_one_bad_device_is_named_and_the_rest_works(probe, capsys):
    probe(GOOD)
    assert report.main([]) == 0
    printed = capsys.readouterr().out
    assert "PyTorch 9.9: works\n  cpu (CPU): works\n" in printed
    assert "  cuda:0 (Fake): RuntimeError: no kernel\n" in printed


def test_a_wrong_answer_everywhere_is_not_working(probe, capsys):
    probe('print(\'{"device": "cpu", "name": "CPU", "problem": "a gradient"}\')')
    assert report.main([]) == 1
    assert "PyTorch: works on no device\n  cpu (CPU): a gradient\n" in capsys.readouterr().out


def test_a_crash_is_reported_with_what_came_before(probe, capsys):
    probe(GOOD + "import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 11)")
    report.main([])
    printed = capsys.readouterr().out
    assert "PyTorch 9.9: crashes with SIGSEGV\n  cpu (CPU): works\n" in printed


def test_an_exception_is_reported_without_the_home_folder(probe, capsys):
    home = os.path.expanduser("~")
    log = "I0000 00:00:1795190398.856381    5524 a.cc:31] log"
    probe(f"import sys; print({log!r}, file=sys.stderr); raise ImportError('{home}/x.so: missing')")
    assert report.main([]) == 1
    assert "PyTorch: fails: ImportError: ~/x.so: missing\n" in capsys.readouterr().out


def test_a_hang_is_reported(probe, capsys, monkeypatch):
    monkeypatch.setattr(report, "_TIMEOUT", 1.5)
    probe('import time; print(\'{"versions": {"PyTorch": "9.9"}}\', flush=True); time.sleep(60)')
    assert report.main([]) == 1
    assert "PyTorch 9.9: no answer within 1.5 s\n" in capsys.readouterr().out


def test_a_missing_framework_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(report.importlib.util, "find_spec", lambda name: None)
    assert report.main([]) == 1
    printed = capsys.readouterr().out
    assert "PyTorch: not installed in this Python; pip install torch\n" in printed
    assert "TensorFlow: not installed in this Python; pip install tensorflow\n" in printed


def test_help_and_unknown_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        report.main(["--help"])
    assert stop.value.code == 0 and "bug reports" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        report.main(["--banana"])
    assert stop.value.code == 2 and "unrecognized arguments: --banana" in capsys.readouterr().err
