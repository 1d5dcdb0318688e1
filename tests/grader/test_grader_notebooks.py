"""Answers survive what editors do to a notebook, and nothing that is handed in stops the grader."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from attacks import CHECKS, FULL, HONEST, OTHERS, honest
from grader.intake.notebooks import MOST_BYTES, NotebookError, read_notebook
from grader_tools import notebook, run_apart

ROOT = Path(__file__).parents[2]


def _marks(ground, data):
    return ground.marks(read_notebook(data).cells)[0]


def _saved(cells_, **metadata):
    return json.dumps({"nbformat": 4, "nbformat_minor": 0, "metadata": metadata, "cells": cells_})


# -- what editors do ---------------------------------------------------------------------------


def test_saved_by_colab(ground):
    saved = [
        {
            "cell_type": "code",
            "source": cell.splitlines(True),
            "metadata": {"id": f"aB{n}", "colab": {"base_uri": "https://localhost:8080/"}},
            "execution_count": None,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["ok\n"]}],
        }
        for n, cell in enumerate(honest())
    ]
    saved.insert(1, {"cell_type": "markdown", "source": ["# Text\n"], "metadata": {}})
    data = _saved(saved, colab={"provenance": []}, accelerator="GPU").encode()
    assert _marks(ground, data) == FULL


def test_saved_by_jupyterlab_with_other_line_ends_and_a_mark(ground):
    saved = [
        {
            "cell_type": "code",
            "id": f"id-{n}",
            "source": cell.replace("\n", "\r\n"),
            "metadata": {"tags": [], "trusted": True},
        }
        for n, cell in enumerate(honest())
    ]
    assert _marks(ground, b"\xef\xbb\xbf" + _saved(saved).encode()) == FULL


def test_cells_in_another_order(ground):
    pairs = [[HONEST[name], CHECKS[name]] for name in HONEST]
    random.Random(0).shuffle(pairs)
    assert _marks(ground, notebook(*[cell for pair in pairs for cell in pair])) == FULL


def test_cells_added_split_and_joined(ground):
    lines = "\n".join([*HONEST.values(), *CHECKS.values(), "print('done')"])
    split = ["import numpy as np", "", "# a remark", *honest(), "scratch = 1 / 0", "x = ("]
    assert _marks(ground, notebook(lines)) == FULL
    assert _marks(ground, notebook(*split)) == FULL


def test_magics_and_shell_lines(ground):
    first = "%matplotlib inline\n!pip install x \\\n  y\nfiles = !ls\nnp?\n"
    first += "if True:\n    %time 1\nready = 1"
    timed = "%%time\n" + HONEST["scaled"]
    shell = "%%bash\nexit 1"
    rest = [HONEST["sorted"], HONEST["columns"], "assert ready == 1", *CHECKS.values()]
    marks, transcript = ground.marks([first, timed, shell, *rest])
    assert marks == FULL
    assert transcript.notes == []


def test_worksheets_of_old_notebooks():
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1\n", "b = 2"]}]}]}
    assert read_notebook(json.dumps(old).encode()).cells == ("a = 1\nb = 2",)


def test_empty_lines_do_not_stall_the_grader():
    code = "from grader.intake.notebooks import Notebook\n"
    code += "print(Notebook(('\\n' * 500_000 + 'x = 1', 'import torch')).framework)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "pytorch"


def test_framework_and_chapter_come_from_the_code():
    cells_ = ["from d2lcompute import torch as d2l\nimport torch", "check('blocks.one', x)"]
    read = read_notebook(notebook(*cells_))
    assert (read.framework, read.chapters) == ("pytorch", {"blocks"})
    assert read_notebook(notebook("import keras")).framework == "tensorflow"
    assert read_notebook(notebook("import numpy")).framework == "numpy"


# -- which answer counts -----------------------------------------------------------------------


UNASKED = {  # notebooks in which checks do not run, the questions that need a person, and why
    "nothing": (["x = 1"], FULL, "It defines: x."),
    "no code": ([""], FULL, "It defines: nothing."),
    "no check": (
        ["import math", *HONEST.values()],
        FULL,
        "No check of this chapter runs in the notebook. It defines: ",
    ),
    "a check of another chapter": (["check('other.thing', 1)"], FULL, "No check of this chapter"),
    "checks in comments": (
        [*HONEST.values(), *(f"# {one}" for one in CHECKS.values())],
        FULL,
        "No check of this chapter runs",
    ),
    "a check of its own": (
        ["def check(a, b):\n    return a == b", *honest()],
        FULL,
        "Cell 1 gives the name check to something else",
    ),
    "a check of its own, below others": (
        [*honest()[:-1], "def check(a, b):\n    return a == b", honest()[-1]],
        None,
        "gives the name check to something else",
    ),
    "one check in a comment": (
        [*honest()[:-1], f"# {honest()[-1]}"],
        None,
        "is in the notebook, but it does not run",
    ),
    "one check in a function": (
        [*honest()[:-1], f"def test():\n    {honest()[-1]}"],
        None,
        "is in the notebook, but it does not run",
    ),
}


@pytest.mark.parametrize("what", UNASKED)
def test_what_no_check_hands_in_needs_a_person(ground, what):
    cells, questions, reason = UNASKED[what]
    marks, transcript = ground.marks(cells)
    last = honest()[-1].partition(".")[2].partition('"')[0].partition("'")[0]
    assert marks == {**FULL, **dict.fromkeys(questions or [last])}
    answer = transcript.answers[f"demo.{last}"]
    assert answer.final and reason in answer.reason


@pytest.mark.parametrize("right", [True, False])
def test_an_answer_that_a_missing_file_would_have_changed(ground, right):
    cells = [
        "class Scaled:\n    by = 1\n    def load(self, file):\n        self.by = int(file.read())\n"
        "    def __call__(self, values, factor):\n        return values * factor * self.by",
        "answer = Scaled()" + ("" if right else "\nanswer.by = 2"),
        "answer.load(open('by.txt'))",
        "check('demo.scaled', answer)",
    ]
    marks, transcript = ground.marks(cells)
    assert marks["scaled"] == (FULL["scaled"] if right else None)
    if not right:
        mark = ground.mark("demo.scaled", transcript)
        assert mark.final and "this may be what changes answer" in mark.said


def test_no_answer_beside_others(ground):
    marks, transcript = ground.marks([HONEST["scaled"], CHECKS["scaled"]])
    assert marks == {**dict.fromkeys(FULL, 0.0), "scaled": FULL["scaled"]}
    assert transcript.answers["demo.sorted"].status == "missing"


def test_of_two_answers_the_last_counts(ground):
    wrong = "def scaled(values, factor):\n    return values"
    again = [wrong, CHECKS["scaled"]]
    assert ground.marks([*again, *honest()])[0] == FULL
    assert ground.marks([*honest(), *again])[0] == OTHERS


def test_a_check_may_be_anywhere_outside_of_functions(ground):
    code = [
        *HONEST.values(),
        "result = check(answer=scaled, question='demo.scaled')",
        "if True:\n    for _ in range(2):\n        (check('demo.sorted', in_order))",
        "def later():\n    check('demo.columns', nothing)",
        "from d2lcompute import checks\nchecks.check('demo.columns', columns)",
    ]
    assert ground.marks(code)[0] == FULL


def test_an_answer_that_does_not_exist(ground):
    marks, transcript = ground.marks(["check('demo.scaled', nowhere)", *honest()[1:]])
    assert marks == {**FULL, "scaled": 0.0}  # its last check fails too
    assert transcript.answers["demo.scaled"].status == "raised"
    assert transcript.answers["demo.scaled"].detail["type"] == "NameError"


def test_checks_of_other_chapters_are_left_alone(ground):
    assert ground.marks(["check('other.thing', 1)", *honest()])[0] == FULL


# -- cells -------------------------------------------------------------------------------------


def test_hostile_source_is_an_error_of_its_cell():
    sources = ["(" * 5000, "-" * 100_000 + "1", "x = 1\0", "a\udcff", "check('demo.scaled', 1)"]
    [result] = run_apart([sources])
    assert list(result["found"]) == ["demo.scaled"]
    assert {"1", "3"} <= set(result["stopped"])


def test_code_that_crashes_the_parser_costs_its_own_cell(ground):
    deep = "x = " + "(" * 150 + ")" * 150 + "\n" + "[" * 90_000
    assert ground.marks([deep, *honest()])[0] == FULL


# -- files that are no notebooks ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"no notebook", "not JSON"),
        (b"\x80\x04\x95", "not text"),
        (b"[1, 2]", "but not a notebook"),
        (b"{}", "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b"[" * 200_000, "not JSON"),
        (b'{"cells":' * 200_000, "not JSON"),
        (b'{"x": ' + b"9" * 100_000 + b"}", "not JSON"),
        (b'{"cells": [' + b'{"cell_type": "code"},' * 3000 + b"{}]}", "code cells"),
        (notebook("x" * 1_100_000), "characters"),
    ],
)
def test_a_file_that_is_not_a_notebook_is_refused(data, said):
    with pytest.raises(NotebookError, match=said):
        read_notebook(data)


def test_too_large_is_refused_before_it_is_read():
    class Unread(bytes):
        def decode(self, *arguments):
            raise AssertionError("read")

    with pytest.raises(NotebookError, match="at most 16 MB"):
        read_notebook(Unread(MOST_BYTES + 1))


def test_odd_cells_are_taken_as_far_as_they_go():
    odd = {"cells": [3, None, {"cell_type": "code", "source": 5}, {"cell_type": "code"},
                     {"cell_type": "code", "source": ["a = 1", 7, None]}]}  # fmt: skip
    assert read_notebook(json.dumps(odd).encode()).cells == ("", "", "a = 1")


def test_half_a_character_can_be_graded(ground):
    data = notebook("x = 1  # REPLACE", *honest()).replace(b"REPLACE", b"\\ud800")
    assert _marks(ground, data) == FULL


def test_chapters_whose_names_have_hyphens_are_found():
    cells = ["check('control-flow.halving', A)", 'd2l.check("blocks.residual", B)']
    assert read_notebook(notebook(*cells)).chapters == {"control-flow", "blocks"}
