"""Real questions in each framework, in a real sandbox: the source's own answers, and blanks."""

import pytest
from exercise_answers import exercise_file
from grader.intake.notebooks import read_notebook
from grader.judging import questions
from grader.sandbox import limits, stage
from grader_tools import Ground, notebook


def _cells(framework, kind):
    """The code of an exercise file as students hand it in, with its starters or its solutions."""
    other = {"starter": "solution", "solution": "starter"}[kind]
    code = [
        cell.source
        for cell in exercise_file("blocks").edition(framework)
        if cell.kind == "code" and other not in cell.tags
    ]
    return list(read_notebook(notebook(*code)).cells)


@pytest.fixture(scope="module")
def real(ground, this_machine, tmp_path_factory):
    """A `Ground` for the questions of the chapter on blocks."""
    folder = tmp_path_factory.mktemp("real")
    stage.make_stage(folder / "pruned", user=this_machine.user)
    found = Ground(ground.kind, this_machine, folder, questions.load_questions("blocks"))
    yield found
    found.close()


USUAL = limits.Limits(answer_seconds=60, cell_seconds=60)


@pytest.mark.slow
def test_solutions_and_starters(real, framework):
    def marks(kind):
        cells = _cells(framework, kind)
        return real.marks(cells, framework=framework, sizes=USUAL)

    found, transcript = marks("solution")
    full = {name: question.points for name, question in real.demo.items()}
    assert found == full, transcript.notes
    if real.kind == "zygote":  # once is enough
        assert set(marks("starter")[0].values()) == {0.0}


SOURCE = {
    "pytorch": """
import inspect, torch
from torch import nn
class Twice(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return 2 * x
        return x
@torch.jit.script
def script(x):
    return x + 1
assert "2 * x" in inspect.getsource(Twice.forward)
assert script(torch.ones(1)).item() == 2
torch.save(Twice(), "net.pt")
net = torch.load("net.pt", weights_only=False)
assert torch.ones(1).half().float().item() == 1
assert torch.nn.Linear(300, 300)(torch.ones(64, 300)).sum().backward() is None
def scaled(values, factor):
    return net(torch.ones(1)).item() / 2 * values * factor
""",
    "tensorflow": """
import keras, numpy as np, tensorflow as tf
@tf.function
def graph(x):
    if tf.reduce_sum(x) > 0:
        return 2 * x
    return x
net = keras.Sequential([keras.layers.Dense(1)])
net.compile("sgd", "mse")
net.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
net.save("net.keras")
keras.models.load_model("net.keras")
def scaled(values, factor):
    return float(graph(tf.ones(1))[0]) / 2 * values * factor
""",
}


@pytest.mark.slow
def test_what_needs_source_files_and_threads(ground, framework):
    cells = [SOURCE[framework], "check('demo.scaled', scaled)"]
    marks, transcript = ground.marks(cells, framework=framework, sizes=USUAL)
    assert marks["scaled"] == 10, (transcript.answers, transcript.notes)
    assert transcript.notes == []


@pytest.mark.frameworks("tensorflow")
@pytest.mark.slow
def test_nothing_can_be_read_where_tensorflow_needs_proc(ground):
    from attacks import READ_MEMORY, answering

    if ground.kind != "zygote":
        pytest.skip("a sandbox of its own has no zygote")

    cells = answering(READ_MEMORY.format(marker="no-such-mark"))
    marks, transcript = ground.marks(cells, framework="tensorflow", sizes=USUAL)
    outputs = transcript.answers["demo.scaled"].outputs
    # Nothing of the zygote and of the processes in between.
    assert outputs["scaled"]["error"]["message"].split() == ["READ"]
    assert marks["sorted"] == 10
