"""What an answer saved is looked at in a fresh process when a notebook checks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from d2lexercises import frameworks, inspecting, library
from d2lexercises.faults import WrongKind
from d2lexercises.files import MOST_BYTES, contents, laid_out
from d2lexercises.question import run_probe
from d2lexercises.wire import encode
from editions.exercises.forked_inspections import in_fork
from exercise_answers import PACKAGES
from saving import BROKEN, HONEST, LIAR, QUESTION

END = """
from d2lexercises import check
check("saving.state", save, framework={framework!r})
"""


@pytest.fixture
def private(tmp_path):
    """A folder with the question on saving."""
    file = tmp_path / "private" / "saving" / "question.py"
    file.parent.mkdir(parents=True)
    file.write_text(QUESTION)
    return file


def checked(private: Path, code: str, framework: str) -> str:
    """What `check` says in a process of its own, which the answer may change."""
    where = {"PYTHONPATH": PACKAGES, library.PRIVATE: str(private.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code + END.format(framework=framework)],
        env={**os.environ, **where},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_honest_answer_passes(private, framework):
    said = checked(private, HONEST[framework], framework)
    assert "saving.state: 4 of 4 points" in said, said


@pytest.mark.slow
def test_what_an_answer_replaced_is_not_replaced_where_it_is_inspected(private, framework):
    said = checked(private, LIAR[framework], framework)
    assert "✓ right     1/1  looked at where it was saved" in said, said
    assert "✗ not yet   0/2  looked at elsewhere" in said and "values differ" in said


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_a_file_that_cannot_be_opened_is_said(private):
    said = checked(private, BROKEN, "pytorch")
    assert "saving.state: 0 of 4 points" in said and "BadZipFile" in said


@pytest.mark.frameworks("pytorch")
@pytest.mark.parametrize(
    ("inside", "seconds", "expected"),
    [
        ("while True: pass", 5.0, "did not end within 5 seconds"),
        ("import os; os._exit(3)", 60.0, "the process ended"),
    ],
)
@pytest.mark.parametrize("run", [None, in_fork])
@pytest.mark.slow
def test_an_inspection_that_fails_says_so(private, monkeypatch, inside, seconds, expected, run):
    start = "    def inspect(given, found, f):\n"
    private.write_text(QUESTION.replace(start, f"{start}        {inside}\n", 1))
    monkeypatch.setattr(inspecting, "TIME_LIMIT", seconds)
    (question,) = library.questions_in(private)
    inputs = question.draw(1)
    (of,) = {of for _, of in question.inspections.values()}
    came = {of: {"net.pt": b""}}
    outputs = inspecting.with_inspections(question, inputs, came, "pytorch", run=run)
    findings = {one.aspect: one for one in question.findings(inputs, outputs, "pytorch")}
    assert expected in findings["looked at elsewhere"].message


@pytest.mark.frameworks("pytorch")
@pytest.mark.parametrize("run", [None, in_fork])
@pytest.mark.slow
def test_what_an_inspection_cannot_do_without_is_said(private, run):
    (question,) = library.questions_in(private)
    private.write_text(f"raise RuntimeError('no data set is here')\n{QUESTION}")
    (of,) = {of for _, of in question.inspections.values()}
    came = {of: {"net.pt": b""}}
    outputs = inspecting.with_inspections(question, question.draw(1), came, "pytorch", run=run)
    assert "the process ended: RuntimeError: no data set is here" in str(outputs)


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_forks_find_what_a_fresh_process_finds(private, monkeypatch):
    torch = pytest.importorskip("torch")
    names = {"__name__": "answer"}
    exec(HONEST["pytorch"], names)
    (question,) = library.questions_in(private)
    inputs = question.draw(1)
    came = run_probe(question, names["save"], inputs, frameworks.load("pytorch"))
    monkeypatch.setattr(torch, "load", None)  # in this process alone
    found = inspecting.with_inspections(question, inputs, came, "pytorch", run=in_fork)
    assert encode(found) == encode(inspecting.with_inspections(question, inputs, came, "pytorch"))
    assert all(finding.passed for finding in question.findings(inputs, found, "pytorch"))


def test_nothing_is_started_where_nothing_came(private, monkeypatch):
    monkeypatch.setattr(inspecting.subprocess, "run", None)
    (question,) = library.questions_in(private)
    failed = {"error": {"type": "ValueError", "message": "", "line": ""}}
    assert inspecting.with_inspections(question, {}, failed, "pytorch") == failed


# -- files as plain data -----------------------------------------------------------------------


def test_files_arrive_as_they_were_written(tmp_path):
    (tmp_path / "net" / "weights").mkdir(parents=True)
    (tmp_path / "net" / "weights" / "a.bin").write_bytes(b"\0\1")
    (tmp_path / "net" / "b.json").write_bytes(b"{}")
    files = contents(tmp_path / "net")
    assert files == {"b.json": b"{}", "weights/a.bin": b"\0\1"}
    assert contents(tmp_path / "net" / "b.json") == b"{}"
    with laid_out(files) as folder:
        assert contents(folder) == files
    assert not folder.exists()


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path):
    with pytest.raises(WrongKind, match=r"A file net\.pt is expected; there is none"):
        contents(tmp_path / "net.pt")
    (tmp_path / "net.pt").write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(WrongKind, match="at most"):
        contents(tmp_path / "net.pt")


@pytest.mark.parametrize(
    "files",
    [{"../x": b""}, {"/x": b""}, {"a/../../x": b""}, {"x": "text"}, [b""], {"": b""}, {"\0": b""}],
)
def test_files_that_lead_out_of_their_folder_are_refused(files):
    with pytest.raises(WrongKind), laid_out(files):
        raise AssertionError("it was laid out")


# Saves nothing, and replaces what loads programs by what computes the result.
SHIPS_NOTHING = """
import torch
kept = {}
class Program:
    def module(self):
        def run(X):
            Y = kept["dense"](X)
            return Y * kept["up"] if Y.sum() > 0 else Y / kept["down"]
        return run
torch.export.load = lambda path: Program()
def ship(dense, up, down, X, path):
    kept.update(dense=dense, up=up, down=down)
    open(path, "wb").write(b"nothing")
"""
IN_ONE_PROCESS = """
from d2lexercises import frameworks, inspecting, running
def in_one_process(question, inputs, outputs, framework):
    f = frameworks.load(framework)
    inspected = {
        key: running.inspect_found(question, key, inputs, outputs[of], f)
        for key, (_, of) in question.inspections.items()
    }
    return outputs | inspected
inspecting.with_inspections = in_one_process
"""
# Makes a graph of nothing, and runs the function as plain Python.
REPLACED_COMPILE = """
import torch
def compile(function, backend, **options):
    backend(torch.fx.symbolic_trace(lambda x: x), None)
    return function
torch.compile = compile
def clip(G, limit, noise):
    norms = torch.linalg.norm(G, dim=1)
    for n, norm in enumerate(norms):
        if norm > limit:
            G[n] *= limit / norm
    return G.sum(0) + noise * torch.randn(G.shape[1]), norms
"""
LOOKED_UP_LATE = """
from d2lexercises import frameworks
frameworks.load("pytorch").graph_maker = torch.compile
"""


def said_of(question, answer, code):
    """What `check` says of an answer in a process of its own, in PyTorch."""
    begin = "from d2lexercises import check, frameworks\nframeworks.load('pytorch')\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{begin}{code}\ncheck({question!r}, {answer}, framework='pytorch')",
        ],
        env={**os.environ, "PYTHONPATH": PACKAGES},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_a_program_that_was_not_shipped_earns_nothing():
    assert "0 of 6 points" in said_of("graphs.ship", "ship", SHIPS_NOTHING)
    assert "6 of 6 points" in said_of("graphs.ship", "ship", SHIPS_NOTHING + IN_ONE_PROCESS)


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_what_makes_graphs_is_what_it_was_before_the_answer():
    said = said_of("graphs.whole", "clip", REPLACED_COMPILE)
    assert "7 of 7 points" not in said
    assert "7 of 7 points" in said_of("graphs.whole", "clip", REPLACED_COMPILE + LOOKED_UP_LATE)


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_a_built_in_layer_with_another_name_is_refused():
    renamed = "import torch\nfrom torch import nn\nclass Mine(nn.Sequential): pass\n"
    renamed += "nn.Sequential.__name__ = 'Other'\n"
    said = said_of("blocks.sequential", "Mine", renamed)
    assert "is not the answer" in said
    made = "from torch import nn\nMine = type('Mine', (nn.Module,), dict(vars(nn.Sequential)))\n"
    assert "is not the answer" in said_of("blocks.sequential", "Mine", made)
    by_name = """
from d2lexercises import kinds, library
import sys
for module in list(sys.modules.values()):
    if hasattr(module, "is_another_name"):
        module.is_another_name = lambda answer, known: answer.__name__ == "Sequential"
"""
    loaded = "from d2lexercises import questions\nquestions('blocks')\n"
    said = said_of("blocks.sequential", "Mine", loaded + by_name + renamed)
    assert "is not the answer" not in said
