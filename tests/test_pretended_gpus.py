"""The chapters run on machines with one GPU and with two: pretended ones, where none is."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import weakref
from functools import cache
from pathlib import Path

import nbformat
import pytest
from d2lexercises.pretend import pretend_devices
from editions.base.project import Project

ROOT = Path(__file__).parent.parent
PROJECT = Project.find(ROOT)
CHAPTERS = [page.stem for page in PROJECT.chapters]
# What pretends to be PyTorch's GPUs cannot be compiled, exported or mixed with the meta device.
REAL_ONLY = {
    "pytorch": {
        "control-flow": "compiles",
        "custom-layers": "compiles",
        "deferred-initialization": "mixes the meta device with numbers",
        "file-io": "exports",
        "graphs": "compiles",
        "performance": "switches on autocast, which asks the driver",
        "profiling": "profiles and marks the queue of a device",
        "sharding": "exports",
    },
    "tensorflow": {},
}
RUNS = [
    (framework.key, chapter, number)
    for framework in PROJECT.frameworks
    for chapter in CHAPTERS
    if chapter not in REAL_ONLY[framework.key]
    for number in ((1, 2) if chapter == "autograd" else (2,))
]


def run(framework: str, runs: list[tuple[int, Path]]) -> tuple[dict[tuple[int, Path], str], str]:
    """What `pretended.py` says of each run, and what went to standard error."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "pretended.py", framework]
        + [f"{number}:{notebook}" for number, notebook in runs],
        capture_output=True,
        text=True,
        timeout=2400,  # all chapters of a framework, perhaps on a busy machine
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parts = re.split(r"(?m)^== (\d):(.*)\n", done.stdout)[1:]
    said = {
        (int(number), Path(notebook)): text
        for number, notebook, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }
    assert list(said) == runs
    return said, done.stderr


@cache
def run_all(framework: str) -> tuple[dict[tuple[int, Path], str], str]:
    """The same of all runs of a framework."""
    return run(
        framework,
        [
            (number, PROJECT.recorded_path(chapter, key))
            for key, chapter, number in RUNS
            if key == framework
        ],
    )


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "chapter", "number"), RUNS)
def test_a_chapter_runs_where_there_are_gpus(framework: str, chapter: str, number: int) -> None:
    said, errors = run_all(framework)
    text = said[number, PROJECT.recorded_path(chapter, framework)]
    assert re.fullmatch(r"\d\d+ cells ran\n", text), text + errors


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_a_tensor_left_behind_is_found_out(tmp_path: Path) -> None:
    """The same run, of a cell that forgets to move one of two factors, and of one that is right."""
    source = "from d2lcompute import torch as d2l\nimport torch\nX = torch.ones(2, 2)\n"
    runs = []
    for name, line in (("wrong", "X @ X.to(d2l.try_gpu(1))"), ("right", "X @ X")):
        cells = [nbformat.v4.new_code_cell(source + line)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
        runs.append((2, tmp_path / f"{name}.ipynb"))
    wrong, right = run("pytorch", runs)[0].values()
    assert "same device" in wrong.splitlines()[0]
    assert right == "1 cells ran\n"


@pytest.mark.slow
@pytest.mark.frameworks("pytorch")
def test_a_run_that_ends_early_is_told(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("import os\nos._exit(3)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "ends.ipynb")
    (said,) = run("pytorch", [(2, tmp_path / "ends.ipynb")])[0].values()
    assert said == "it ended with status 3\n"


@pytest.mark.frameworks("pytorch")
def test_a_copy_of_a_network_is_on_its_gpu() -> None:
    torch = pytest.importorskip("torch")
    with pretend_devices():
        net = torch.nn.Linear(2, 2).to("cuda:1")
        assert str(copy.deepcopy(net).weight.device) == "cuda:1"
        assert str(torch.nn.Parameter(torch.ones(2, device="cuda:0")).device) == "cuda:0"
        assert str(torch.nn.Parameter(torch.ones(2)).device) == "cpu"


@pytest.mark.frameworks("pytorch")
def test_a_tensor_that_is_gone_leaves_nothing_behind() -> None:
    torch = pytest.importorskip("torch")
    with pretend_devices():
        x = torch.ones(2, device="cuda:0")
        gone = weakref.ref(x)
        del x
        assert gone() is None
        for _ in range(100):  # a new tensor often has the id and the memory of one that is gone
            assert str(torch.ones(2, device="cuda:0").device) == "cuda:0"
            assert str(torch.ones(2).device) == "cpu"
            assert str(torch.nn.Parameter(torch.ones(2)).device) == "cpu"
        weight = torch.nn.Parameter(torch.ones(2, device="cuda:0"))
        assert str(weight.device) == "cuda:0"
    with pretend_devices():
        assert str(weight.device) == "cpu"
