"""The chapters run on machines with one GPU and with two: pretended ones, where none is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from editions.base.project import Project

ROOT = Path(__file__).parent.parent
PROJECT = Project.find(ROOT)
CHAPTERS = [page.stem for page in PROJECT.chapters]
# What pretends to be PyTorch's GPUs cannot be compiled, exported or mixed with the meta device.
REAL_ONLY = {
    "pytorch": {
        "control-flow": "compiles",
        "deferred-initialization": "mixes the meta device with numbers",
        "file-io": "exports",
        "graphs": "compiles",
        "gpus": "asks the driver",
        "performance": "compiles",
        "multi-gpu": "exports",
    },
    "tensorflow": {"gpus": "makes logical devices of its own"},
}
RUNS = [
    (framework.key, chapter, number)
    for framework in PROJECT.frameworks
    for chapter in CHAPTERS
    if chapter not in REAL_ONLY[framework.key]
    for number in ((1, 2) if chapter == "autograd" else (2,))
]


def run(notebook: Path, number: int) -> str:
    """What `pretended.py` says of a notebook."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "pretended.py", notebook, str(number)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout if done.returncode == 0 else done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "chapter", "number"), RUNS)
def test_a_chapter_runs_where_there_are_gpus(framework: str, chapter: str, number: int) -> None:
    said = run(PROJECT.notebook_path(chapter, framework), number)
    assert re.fullmatch(r"\d\d+ cells ran\n", said), said


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_a_tensor_left_behind_is_found_out(tmp_path: Path) -> None:
    """The same run, of a cell that forgets to move one of two factors, and of one that is right."""
    import nbformat

    source = "from d2lcompute import torch as d2l\nimport torch\nX = torch.ones(2, 2)\n"
    folder = tmp_path / "pytorch"
    folder.mkdir()
    for line, found in (("X @ X.to(d2l.try_gpu(1))", "same device"), ("X @ X", "1 cells ran")):
        cells = [nbformat.v4.new_code_cell(source + line)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "one.ipynb")
        assert found in run(folder / "one.ipynb", 2).splitlines()[0]
