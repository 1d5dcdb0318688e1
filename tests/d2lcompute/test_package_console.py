"""What is printed on consoles whose encoding lacks signs such as a tick."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout

import pytest

from d2lcompute import __main__ as report
from d2lcompute._terminal import printable, without_colours
from d2lcompute.timing import BenchmarkResult

ANSWERS = """
from d2lcompute import torch as d2l
from torch import nn


class Mixture(nn.Module):
    def __init__(self, gate, experts):
        super().__init__()
        self.gate, self.experts = gate, nn.ModuleList(experts)

    def forward(self, X):
        return self.experts[0](X)


d2l.check("blocks.parallel", Mixture)
d2l.check("blocks.parallel", nn.Linear)
print(d2l.benchmark(sum, [1, 2], repeat=1))
print(d2l.parameter_table(nn.Linear(2, 1)))
d2l.score()
"""


class Console(io.TextIOWrapper):
    """A console with the given encoding, which raises an error for other characters."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(params=["cp1252", "cp437", "cp932", "ascii", "latin-1"])
def console(request):
    return Console(request.param)


def test_only_signs_that_the_console_lacks_are_replaced(console):
    text = "✓ µs × é → 漢 ✗ ok"
    with redirect_stdout(console):
        print(printable(text))
    printed = console.text()
    assert len(printed.split()) == 8 and printed.endswith(" x ok\n")
    assert ("é" in printed) == (console.encoding in ("cp1252", "cp437", "latin-1"))
    assert ("漢" in printed) == (console.encoding == "cp932")
    assert printed.startswith("+ us x ?" if console.encoding == "ascii" else "+ ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_where_all_signs_can_be_printed_nothing_changes(encoding):
    text = "✓ µs × é → 漢 ✗ ok"
    with redirect_stdout(Console(encoding)):
        assert printable(text) == text


def test_without_a_console_nothing_changes():
    with redirect_stdout(None):
        assert printable("✓") == "✓"


def test_what_no_encoding_has_is_replaced():
    assert printable("a\ud800b") == "a?b"


def test_colours_are_removed():
    assert without_colours("\x1b[1;31mred\x1b[0m, [31m") == "red, [31m"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_check_score_and_tables_print_on_any_console(encoding, tmp_path):
    (tmp_path / "answers.py").write_text(ANSWERS, "utf8")
    done = subprocess.run(
        [sys.executable, "answers.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode(encoding)
    assert "  + right" in printed and "  x not yet" in printed
    assert "per call, interquartile range" in printed
    assert "total: parameters 3" in printed
    assert "Where you stand: " in printed and "  ! The notebook's file was not found" in printed


def test_a_short_time_has_a_unit_that_the_console_can_print(console):
    with redirect_stdout(console):
        print(BenchmarkResult((2.5e-6,), 1))
    micro = "µ" if console.encoding in ("cp1252", "cp437", "latin-1") else "u"
    assert console.text().startswith(f"2.50 {micro}s per call")


def test_the_report_on_frameworks_prints_on_any_console(console, monkeypatch):
    code = (
        "import sys; sys.stderr.buffer.write('Fehler – \\u2717'.encode() + bytes([255])); exit(1)"
    )
    monkeypatch.setattr(report, "_PROBE", [sys.executable, "-c", code])
    with redirect_stdout(console):
        assert report.main([]) == 1
    assert "PyTorch: fails: Fehler" in console.text()
