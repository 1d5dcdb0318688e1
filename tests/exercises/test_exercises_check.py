"""What `check` and `score` say, in print and in a notebook."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import textwrap
import time
from html.parser import HTMLParser
from importlib import import_module

import d2lexercises
import nbformat
import pytest
from d2lexercises import check, feedback, find_question, questions, score
from d2lexercises.answers import MOVED
from d2lexercises.feedback import evaluate
from d2lexercises.saved import current_score, find_notebook
from exercise_answers import PACKAGES, ROOT, namespace
from left_out import HELPERS


@pytest.fixture(autouse=True)
def fresh_session(monkeypatch):
    """No verdicts from earlier tests, and no notebook of the person who runs them."""
    monkeypatch.setattr(feedback, "earned", {})
    monkeypatch.setattr("d2lexercises.saved.feedback.earned", feedback.earned)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


def solution(framework, name):
    return namespace("blocks", framework, "solution")[name]


class _Reader(HTMLParser):
    """Text of a fragment, and whether its tags match."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags = [], "", set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html):
    reader = _Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_a_right_answer(framework, capsys):
    check("blocks.residual", solution(framework, "Residual"))
    printed = capsys.readouterr().out
    assert printed.startswith("blocks.residual: 6 of 6 points\n")
    assert printed.count("✓ right") == 5 and "Hint" not in printed


@pytest.mark.frameworks("pytorch")
def test_a_wrong_answer_says_what_was_expected_what_came_for_which_input_and_a_hint():
    import torch

    class Residual(solution("pytorch", "Residual")):
        def forward(self, X):
            return torch.relu(super().forward(X))

    text = str(evaluate("blocks.residual", Residual))
    found = re.search(
        r"expected -?\d+\.\d+, got 0\.0000\.\n +Input: Residual\(\d, \d, \d\); X of", text
    )
    assert found, text
    assert "✗ not yet   0/1  equal widths" in text and "✓ right     2/2  parameters" in text
    assert "Hint: The block adds its input to the change" in text


def test_html_says_the_same_as_the_text_and_is_escaped(framework):
    layer = {"pytorch": "torch.nn", "tensorflow": "keras"}[framework]
    base = getattr(sys.modules[layer], {"pytorch": "Module", "tensorflow": "Layer"}[framework])

    class Broken(base):
        def __init__(self, *arguments):
            super().__init__()
            raise ValueError("<script>alert('x')</script> & more")

    shown = evaluate("blocks.residual", Broken)
    html, text = shown._repr_html_(), str(shown)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "Your code raised ValueError: <script>" in text
    reader = read(html)
    assert "Your code raised ValueError: <script>" in reader.text
    right = read(evaluate("blocks.residual", solution(framework, "Residual"))._repr_html_())
    # Not by colour alone, and in the colour of the surroundings, light or dark.
    assert "✗ not yet" in reader.text and "✓ right" in right.text
    assert "color:inherit" in html and "background:transparent" in html
    assert not re.search(r"(?<!-left:4px solid )#[0-9a-f]{3,6}", html)


@pytest.mark.frameworks("pytorch")
def test_an_exception_is_shown_with_the_line_of_the_answer_and_no_traceback(tmp_path):
    code = """
    import torch
    from torch import nn
    from d2lexercises import check

    class Residual(nn.Module):
        def __init__(self, inputs, hidden, outputs):
            super().__init__()
            self.down = nn.Linear(inputs, outputs)

        def forward(self, X):
            return self.dwon(X)

    check("blocks.residual", Residual)
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, "mine.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": PACKAGES, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and done.stderr == ""
    assert "Your code raised AttributeError: 'Residual' object has no attribute 'dwon'" in (
        done.stdout
    )
    assert "(in your code: line 12, in forward: return self.dwon(X))" in done.stdout
    assert "Traceback" not in done.stdout and "blocks.py" not in done.stdout


def test_an_exception_of_the_check_is_not_called_the_students(tmp_path, framework):
    from d2lexercises import library

    path = tmp_path / "mine" / "question.py"
    path.parent.mkdir()
    path.write_text(WITH_A_MISTAKE, "utf8")
    (question,) = library.questions_in(path)
    answers = {
        "raises": lambda x: x.tenser,  # the student's own
        "is right": lambda x: x,
    }
    for what, answer in answers.items():
        said = str(feedback.judge_here(question, answer, framework).findings)
        own = "The check of this question raised AttributeError: " in said
        assert own and "Your code" not in said and "Using your answer" not in said, what


WITH_A_MISTAKE = """
from d2lexercises.vocabulary import Aspect, function, question

ONE = question("mine.one", "One", takes=function)
ONE.inputs(lambda draw: {"x": draw.data(3)})

@ONE.aspect("all", 1)
class All(Aspect):
    def run(answer, given, f):
        return answer(f.tenser(given.x))

    def expect(given):
        return given.x
"""


def _layer(framework):
    return solution(framework, "Residual").__mro__[1]


def _failing(error, base):
    def fail(self, *arguments, **named):
        raise error

    return type("Failing", (base,), {"__init__": fail})


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "error",
    [SystemExit(1), RecursionError("deep"), Unprintable(), ExceptionGroup("g", [KeyError()])],
)
def test_nothing_that_an_answer_raises_gets_out(error, framework):
    shown = evaluate("blocks.parallel", _failing(error, _layer(framework)))
    assert f"Your code raised {type(error).__name__}" in str(shown)
    assert shown.verdict.points == 0


def test_an_interruption_gets_out(framework):
    with pytest.raises(KeyboardInterrupt):
        evaluate("blocks.parallel", _failing(KeyboardInterrupt(), _layer(framework)))


def test_an_answer_that_hangs_is_stopped(framework, monkeypatch):
    monkeypatch.setattr(feedback, "TIME_LIMIT", 0.3)

    def hang(self, *arguments):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    shown = evaluate("blocks.parallel", type("Hangs", (_layer(framework),), {"__init__": hang}))
    assert "did not end within" in str(shown) and shown.verdict.points == 0


def test_the_wrong_kind_of_answer_is_named(framework):
    made = solution(framework, "Mixture")(None, [])
    layer = {"pytorch": "nn.Module", "tensorflow": "keras.Layer"}[framework]
    for answer, expected in {
        None: "An answer is expected; what came is None.",
        ...: "`...`, which stands for an answer that is still to be written",
        made: "Give the class itself: Mixture, without parentheses.",
        len: "A class is expected",
        3: "what came is an object of type int",
        dict: f"A class derived from {layer} is expected; dict is not.",
        test_a_right_answer: "what came is the function test_a_right_answer",
    }.items():
        shown = evaluate("blocks.parallel", answer, framework)
        assert expected in str(shown) and expected in read(shown._repr_html_()).text
        assert shown.verdict is None or shown.verdict.points == 0


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("multi-gpu.unused", lambda gradients, rows: ["0.5" for _ in gradients[0]],
         "A tensor or an array is expected; what came is an object of type str."),
        ("multi-gpu.rows", lambda *given: ([1, 2], None), "one of the two is None"),
        ("multi-gpu.rows", lambda *given: ([1, 2], [True]), "got 2 and 1"),
        ("multi-gpu.rows", lambda *given: (["a"], [True]), "what came is 'a'"),
        ("multi-gpu.loss", lambda *given: None, "A loss is a tensor; what came is None."),
        ("multi-gpu.ring", lambda *given: (yield [1.0]), "An array is to be sent; what came is a"),
        ("multi-gpu.ring", lambda *given: (yield given[2] > 0),
         "An array of numbers is to be sent; what came has dtype bool."),
        ("multi-gpu.ring", lambda *given: (yield given[2].astype(object)), "has dtype object."),
        ("multi-gpu.halving", lambda rank, n, vector: (yield (rank + 1) % n, vector > 0),
         "An array of numbers is to be sent; what came has dtype bool."),
        ("performance.roof", lambda *given: (2**64, 1, 1), "an integer of more than 64 bits"),
        ("performance.scaler", type("Nameless", (), {"__init__": lambda self, *given: setattr(
            self, "scale", "large"), "unscale": lambda self, gradients: None}),
         "The attribute scale: a number is expected"),
        ("autograd.broadcast", lambda x, y, z: 1.0, "Three gradients are expected"),
        ("autograd.broadcast", lambda x, y, z: {"x": x, "y": y, "z": z}, "a dictionary of 3"),
        ("control-flow.beam", lambda *given: 3, "Several values are expected"),
        ("control-flow.beam", lambda *given: [[0, 1]], "Pairs (text, score) are expected"),
        ("initialization.fans", lambda shape, **options: [1.0], "A number is expected"),
        ("initialization.fans", lambda shape: 1.0, "has no argument of this name"),
        ("parameters.best", type("Plain", (), {"__init__": lambda self, net: None}),
         "An object of type Plain came, which has no attribute offer."),
        ("parameters.count", lambda net: None, "2 expected (trained, rest), got None"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_result_is_not_called_an_error_of_the_answer(
    question, answer, expected, framework
):
    shown = str(evaluate(question, answer, framework))
    assert expected in shown and " raised " not in shown


def test_a_function_in_a_wrapper_is_a_function(framework):
    deal = namespace("multi-gpu", framework, "solution")["deal"]
    wrapped = [functools.partial(deal), functools.cache(deal), functools.partial(deal, replicas=3)]
    assert [evaluate("multi-gpu.rows", one, framework).verdict.passed for one in wrapped] == [
        True, True, False
    ]  # fmt: skip
    called = {"__call__": lambda self, *given: deal(*given)}
    assert evaluate("multi-gpu.rows", type("Deal", (), called)(), framework).verdict.passed
    for other in (type("Deal", (), called), type("Deal", (), {})(), _layer(framework)()):
        assert "A function is expected" in str(evaluate("multi-gpu.rows", other, framework))


@pytest.mark.chapters("profiling")
@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_question_that_moved_is_found_under_its_old_name(old, new):
    assert find_question(old) is find_question(new)
    assert find_question(old).name == new
    assert old not in questions(old.partition(".")[0])
    assert evaluate(old, 7, "pytorch").title == new


def test_an_unknown_question_is_answered_with_those_that_are_near():
    shown = str(evaluate("blocks.sequental", object))
    assert 'There is no question "blocks.sequental". Did you mean "blocks.sequential"' in shown
    assert '"blocks.residual"' in str(evaluate("blocks.what", object))
    assert '"blocks.sequential"' in str(evaluate("nowhere", object))
    assert "There is no question" in str(evaluate(None, object))


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_a_framework_that_cannot_be_told_is_asked_for():
    shown = str(evaluate("blocks.features", len))  # both are loaded here
    assert 'framework="pytorch"' in shown
    assert "framework is" in str(evaluate("blocks.features", len, "jax"))


WITHOUT = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "tensorflow", "keras"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
from d2lexercises import check
check("blocks.features", 7, framework="pytorch")
check("blocks.features", 7, framework="tensorflow")
check("blocks.features", 7)
"""


@pytest.mark.chapters("blocks")
def test_what_is_missing_is_said_in_a_line():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=ROOT)
    for title, name in (("PyTorch", "torch"), ("TensorFlow", "tensorflow")):
        said = f"{title} is not installed in this Python; install it with: pip install {name}\n"
        assert said in done.stdout
    assert "Run the notebook's first cells, which import it" in done.stdout
    assert done.stderr == ""


def test_importing_the_checks_loads_no_library():
    code = "import sys; from d2lexercises import check, score, chapters; chapters();"
    code += "print({'numpy', 'torch', 'tensorflow', 'keras', 'IPython'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "exercises", capture_output=True, text=True
    )
    assert done.stdout == "set()\n"


def test_the_framework_modules_offer_check_and_score():
    for name in HELPERS:
        module = import_module(f"d2lcompute.{name}")
        assert module.check is check and module.score is score


# -- score ---------------------------------------------------------------------------------------


def notebook(tmp_path, *sources, counts=None, name="blocks.ipynb"):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell, count in zip(cells, counts or [None] * len(cells), strict=True):
        cell.execution_count = count
    path = tmp_path / name
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


NAMES = ("count", "residual", "sequential", "lost-layer", "parallel", "features", "transformer")
WHOLE = ["from d2lexercises import *", "class A: pass"] + [
    f'check("blocks.{name}", A)' for name in NAMES
]


def test_score_adds_up_what_this_session_earned(framework, capsys):
    check("blocks.residual", solution(framework, "Residual"))
    check("blocks.lost-layer", type("Empty", (_layer(framework),), {}))
    capsys.readouterr()
    score()
    printed = capsys.readouterr().out
    assert printed.startswith("Where you stand: 6 of 56 points, on the public inputs\n")
    assert re.search(r"blocks.residual +6 of 6 ", printed)
    assert re.search(r"blocks.lost-layer +0 of 6 ", printed)
    assert re.search(r"blocks.parallel +not checked yet", printed)
    assert "file was not found" in printed


def test_a_complete_notebook(tmp_path):
    found = current_score(notebook(tmp_path, *WHOLE))
    assert found.problems == found.doubts == ()
    assert found.notes == ("blocks.ipynb: 7 answers found.",)
    assert "✓ blocks.ipynb: 7 answers found." in read(found._repr_html_()).text


def without(at):
    return [source for n, source in enumerate(WHOLE) if n != at]


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (
            without(3),
            'No answer to blocks.residual: there is no call check("blocks.residual"',
        ),
        ([*WHOLE, WHOLE[3]], "blocks.residual is checked 2 times"),
        ([*WHOLE, 'check("blocks.other", A)'], 'There is no question "blocks.other"'),
        (["import x", *without(0)[1:]], "checks A, and no cell up to there defines it"),
        ([*WHOLE, "def f(:"], "Cell 10 is not valid Python (line 1"),
        (["x = 1"], "no call of check(...)"),
    ],
)
def test_what_keeps_a_notebook_from_being_graded(tmp_path, sources, problem):
    found = current_score(notebook(tmp_path, *sources))
    assert any(problem in said for said in found.problems), found.problems
    assert f"✗ {found.problems[0]}" in str(found) and not found.notes


@pytest.mark.parametrize(
    ("counts", "doubt"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], None),
        ([None] * 9, None),
        ([1, 2, 3, 5, 4, 6, 7, 8, 9], "Cell 5 was run before the cell above it"),
        ([1, None, 3, 4, 5, 6, 7, 8, 9], "Not run since the kernel was started: cell 2"),
    ],
)
def test_the_order_of_execution_counts(tmp_path, counts, doubt):
    found = current_score(notebook(tmp_path, *WHOLE, counts=counts))
    assert found.problems == ()
    assert len(found.doubts) == (doubt is not None)
    assert doubt is None or doubt in found.doubts[0]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"cells": 3}', '{"cells": [3, {}]}', "\ud800"]
)
def test_a_file_that_is_no_notebook_is_a_problem_and_no_traceback(tmp_path, content):
    path = tmp_path / "blocks.ipynb"
    path.write_bytes(content.encode("utf8", "surrogatepass"))
    assert current_score(path).problems
    assert current_score(tmp_path / "missing.ipynb").problems


def test_the_file_is_found_where_the_editor_names_it(tmp_path, monkeypatch):
    path = notebook(tmp_path, *WHOLE)
    assert find_notebook() is None
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert find_notebook() == path
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPY_SESSION_NAME", "served/elsewhere/blocks.ipynb")
    assert find_notebook() == path


def test_on_colab_the_notebook_is_asked_for(tmp_path, monkeypatch):
    import types

    content = json.loads(notebook(tmp_path, *WHOLE).read_text())
    message = types.SimpleNamespace(blocking_request=lambda *a, **k: {"ipynb": content})
    colab = types.ModuleType("google.colab")
    colab._message = message
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert current_score().notes == ("The notebook: 7 answers found.",)
    message.blocking_request = lambda *a, **k: None
    assert "not found" in current_score().doubts[0]


@pytest.mark.frameworks("pytorch")
@pytest.mark.slow
def test_in_a_real_notebook(tmp_path):
    from nbclient import NotebookClient

    path = notebook(
        tmp_path,
        "import d2lexercises as d2l\nfrom torch import nn\nclass A(nn.Module): pass",
        *(f'd2l.check("blocks.{name}", A)' for name in NAMES),
        "d2l.score(run=True)",
        "1 / 0 if d2l.__name__ == 'x' else None",
    )
    node = nbformat.read(path, as_version=4)
    client = NotebookClient(node, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    import os

    client.execute(env={**os.environ, "PYTHONPATH": PACKAGES, "JPY_SESSION_NAME": str(path)})
    checked, scored = node.cells[3].outputs, node.cells[8].outputs
    assert [output.output_type for output in checked] == ["display_data"]
    assert "blocks.sequential: 0 of 10" in checked[0].data["text/plain"]
    assert "blocks.sequential" in checked[0].data["text/html"]
    (shown,) = (output for output in scored if output.output_type == "display_data")
    assert "✓ It runs from top to bottom" in shown.data["text/plain"], scored


@pytest.mark.slow
def test_score_says_where_a_fresh_run_stops(tmp_path):
    path = notebook(tmp_path, *WHOLE, "undefined_name")
    found = current_score(path, run=True)
    assert found.problems == (
        "Run from top to bottom, it stops: NameError: name 'undefined_name' is not defined",
    )


def test_the_questions_know_no_other_module():
    assert d2lexercises.chapters() == sorted(d2lexercises.chapters())
    assert "blocks" in d2lexercises.chapters()
    assert "networks" not in d2lexercises.chapters()
