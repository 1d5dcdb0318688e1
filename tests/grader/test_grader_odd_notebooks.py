"""Right answers to all of a chapter, in notebooks as they come from Colab, editors and people.

Each is graded in a real sandbox and earns everything, except where this Python is too old for it.
"""

import sys

import pytest
from d2lexercises import find_question
from d2lexercises.saved import current_score
from exercise_answers import exercise_file
from grader.intake.notebooks import read_notebook
from grader.judging import questions
from grader.sandbox import limits, stage
from grader_tools import Ground, notebook

pytestmark = [pytest.mark.slow, pytest.mark.frameworks("pytorch")]
USUAL = limits.Limits(answer_seconds=60, cell_seconds=60)
CHECK = 'check("blocks.sequential", MySequential)'
CLASS = "class MySequential"
METADATA = {"d2lcompute": {"exercises": "blocks", "framework": "pytorch"}}


def solution():
    """The code of the worked exercises, as students hand it in."""
    return [
        cell.source
        for cell in exercise_file("blocks").edition("pytorch")
        if cell.kind == "code" and "starter" not in cell.tags
    ]


def above(part, code):
    """A change: code above the first line of the cell that contains `part`."""
    return lambda cells: [f"{code}\n{cell}" if part in cell else cell for cell in cells]


def instead(part, *code):
    """A change: other cells in the place of the one that contains `part`."""
    return lambda cells: [one for cell in cells for one in (code if part in cell else [cell])]


def written(cells):
    """The class is written to a file and imported."""
    place = next(n for n, cell in enumerate(cells) if CLASS in cell)
    file = f"%%writefile mine.py\nimport torch\nfrom torch import nn\n{cells[place]}"
    return [*cells[:place], file, "from mine import MySequential", *cells[place + 1 :]]


def each(change):
    """A change of every cell."""
    return lambda cells: [change(cell) for cell in cells]


ODD = {
    "Drive above the imports": above(
        "import torch", "from google.colab import drive\ndrive.mount('/content/drive')"
    ),
    "torchvision above the imports": above(
        "import torch", "import torchvision\nfrom torchvision import transforms"
    ),
    "line ends of old Macs, and a magic": lambda cells: each(lambda cell: cell.replace("\n", "\r"))(
        above("import torch", "%matplotlib inline")(cells)
    ),
    "a line magic that binds": instead(
        CHECK, '%time Mine = MySequential\ncheck("blocks.sequential", Mine)'
    ),
    "a file, then its import": written,
    "a future in the first cell": above("import torch", "from __future__ import annotations"),
    "a window": above(
        "import torch",
        "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1, 2]); plt.show()",
    ),
    "the framework last in a list": instead(
        "from d2lcompute import torch",
        "import os, sys, math, torch\nfrom torch import nn\nF = nn.functional",
    ),
    "a check in a function": instead(CHECK, f"def test():\n    {CHECK}\ntest()"),
    "more imports of the other framework": above(
        "d2lcompute import torch", "import keras.utils, keras.ops\nfrom keras import layers"
    ),
    "a GPU in the cell of the class": above(CLASS, 'X = torch.ones(2, device="cuda")'),
    "GPUs that are not there": above(
        CLASS,
        "devices = [torch.device(f'cuda:{i}') for i in range(torch.cuda.device_count())]\n"
        "X = torch.ones(3, device=devices[0])\nX = torch.ones(3).pin_memory()\n"
        "ready = torch.cuda.is_available()\nassert ready\n"
        "kind = torch.accelerator.current_accelerator().type\n"
        "if not ready:\n    raise SystemExit('Turn it on first')",
    ),
    "a check that is loaded once more": above(
        CLASS,
        "import importlib, d2lexercises\nimportlib.reload(d2lexercises)\n"
        "from d2lexercises import check",
    ),
    "checks in one loop": lambda cells: [
        *(cell for cell in cells if "check(" not in cell),
        "answers = {"
        + ", ".join(
            cell.strip().removeprefix("check(").removesuffix(")").replace('", ', '": ')
            for cell in cells
            if cell.startswith("check(")
        )
        + "}",
        "for name, answer in answers.items():\n    check(name, answer)",
    ],
    "a compiled function, in a cell and in the answer": instead(
        CHECK,
        "double = torch.compile(lambda x: x * 2 + 1)\nassert double(torch.ones(3))[0] == 3",
        "class Compiled(MySequential):\n    def forward(self, *inputs):\n"
        "        double(torch.ones(3))\n        return super().forward(*inputs)",
        'check("blocks.sequential", Compiled)',
    ),
    "an import of all that is not needed": above("import torch", "from helpers import *"),
    "cells that train and are timed": above(CLASS, "%timeit -n 1000 torch.ones(3) * 2"),
}


@pytest.fixture(scope="module")
def blocks(this_machine, tmp_path_factory):
    """Sandboxes that are forked, for the questions of the chapter on blocks."""
    folder = tmp_path_factory.mktemp("blocks")
    stage.make_stage(folder / "pruned", user=this_machine.user)
    found = Ground("zygote", this_machine, folder, questions.load_questions("blocks"))
    yield found
    found.close()


def graded(blocks, cells):
    read = read_notebook(notebook(*cells, **METADATA))
    assert read.framework == "pytorch"
    marks, transcript = blocks.marks(read.cells, framework=read.framework, sizes=USUAL)
    return marks, transcript


@pytest.mark.parametrize("what", ODD)
def test_right_answers_earn_everything(blocks, what):
    cells = solution()
    odd = ODD[what](cells)
    assert odd != cells
    marks, transcript = graded(blocks, odd)
    assert marks == {name: one.points for name, one in blocks.demo.items()}, transcript


@pytest.mark.parametrize("what", ODD)
def test_score_finds_nothing_wrong(tmp_path, what):
    file = tmp_path / "blocks.ipynb"
    file.write_bytes(notebook(*ODD[what](solution()), **METADATA))
    told = current_score(file)
    assert told.problems == ()


def test_code_for_a_newer_python_needs_a_person(blocks):
    marks, transcript = graded(blocks, above(CLASS, 'd = {"a": 1}\nprint(f"{d["a"]}")')(solution()))
    full = {name: one.points for name, one in blocks.demo.items()}
    if sys.version_info >= (3, 12):
        assert marks == full
        return
    assert marks == {**full, "blocks.sequential": None}
    mark = blocks.mark("blocks.sequential", transcript, "pytorch")
    assert mark.final and "make grade VENV=.venv-3.12 PYTHON=python3.12" in mark.said


SET_IN = {
    "a cell": "import os\nos.environ['TORCH_COMPILE_DISABLE'] = '1'\nimport torch",
    "a magic": "%env TORCH_COMPILE_DISABLE=1\nimport torch",
    "no cell": "import torch",
}
WHOLE = """
def answer(G, limit, noise):
    norms = G.norm(dim=1)
    total = (G * (limit / norms).clamp(max=1).nan_to_num(1)[:, None]).sum(0)
    return total + noise * torch.randn_like(total), norms
"""


@pytest.mark.parametrize("kind", ["sandbox", "zygote"])
@pytest.mark.parametrize("where", SET_IN)
def test_what_pytorch_reads_with_an_import_is_set_in_time(blocks, kind, where):
    """What was imported before, for all submissions, has read the environment already."""
    ground = Ground(
        kind, blocks.machine, blocks.stages, {"graphs.whole": find_question("graphs.whole")}
    )
    try:
        cells = [SET_IN[where], WHOLE, "check('graphs.whole', answer)"]
        marks, transcript = ground.marks(cells, framework="pytorch", sizes=USUAL)
    finally:
        ground.close()
    assert marks == {"graphs.whole": 7.0 if where == "no cell" else 1.0}, transcript.notes


NEEDING = {  # what an answer needs, a statement above it, and the reason for which it cannot run
    "a missing module": ("import nowhere", "nowhere.start()", "the module nowhere is not install"),
    "an import of all": ("from helpers import *", "start()", "this may be what defines start"),
    "an import of all that is tried": (
        "try:\n    from helpers import *\nexcept ImportError:\n    pass",
        "start()",
        "this may be what defines start",
    ),
    "an accelerator": (
        "pass",
        "found = torch.accelerator.current_accelerator()\n        kind = found.type",
        "torch.accelerator.current_accelerator() may give something else here",
    ),
    "a compiler": (
        "import torch._inductor.config as made\nmade.cpp.cxx = ('nowhere',)",
        "torch.compile(lambda x: x + 1)(torch.ones(2))",
        "code cannot be compiled here",
    ),
}


@pytest.mark.parametrize("what", NEEDING)
def test_an_answer_that_needs_what_is_missing_needs_a_person(blocks, what):
    statement, needed, reason = NEEDING[what]
    needs = (
        f"{statement}\nclass MySequential(nn.Module):\n    def __init__(self, *blocks):\n"
        f"        super().__init__()\n        {needed}"
    )
    marks, transcript = graded(blocks, instead(CLASS, needs)(solution()))
    full = {name: one.points for name, one in blocks.demo.items()}
    assert marks == {**full, "blocks.sequential": None}
    mark = blocks.mark("blocks.sequential", transcript, "pytorch")
    assert mark.final and reason in mark.said
