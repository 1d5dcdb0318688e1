"""How answers are found in a notebook: IPython's syntax becomes Python, with checks in it."""

import ast
import json
import subprocess
import sys

import pytest
from d2lexercises import questions
from d2lexercises.answers import checks_in, python_of, questions_named_in
from d2lexercises.saved import current_score
from editions.exercises.exercise_files import checks_in as checks_of_source
from editions.source.chapter import Cell
from editions.source.claims import claim_problems
from grader.intake.notebooks import Notebook
from grader_tools import run_apart

# -- IPython's syntax --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("%matplotlib inline", "pass"),
        ("!pip install x \\\n  y\nz = 1", "pass\nz = 1"),
        ("files = !ls", "files = None"),
        ("a, b = %env", "a, b = None"),
        ("np?", "pass"),
        ("?np", "pass"),
        ("!!ls", "pass"),
        ("if True:\n    %pip list\nready = 1", "if True:\n    pass\nready = 1"),
        ("%time x = make('é')  # slow", "x = make('é')  # slow"),
        ("if True:\n    %time x = make()\n", "if True:\n    x = make()\n"),
        ("x = %time make('é')", "x = make('é')"),
        ("%time", "pass"),
        ("%time !ls", "pass"),
        ("x = %timeit -o make()", "x = None"),
        ("%%time\n!ls\nx = 1", "\npass\nx = 1"),
        ("\n%%capture out\n%%time\nx = 1\n", "\n\n\nx = 1\n"),
        ("%%bash\nexit 1", ""),
        ("%%writefile net.py\nx = 1", ""),
        ("%%html?", "pass"),
        ("  x = 1\n  y = 2", "x = 1\ny = 2"),
        (">>> x = 1\n>>> x", "x = 1\nx"),
        ("\n\n%pip list\nx = 1", "\n\npass\nx = 1"),
        ("a = 1\r%pip list\rb = 2", "a = 1\npass\nb = 2"),
    ],
)
def test_ipython_becomes_python(cell, python):
    assert python_of(cell) == python
    ast.parse(python)


@pytest.mark.parametrize(
    "cell",
    [
        'text = """\n%matplotlib\n"""\nx = (7\n% 4)\n',
        "",
        "\n\nx = 1",
        "get_ipython().run_line_magic('time', 'x = 1')",
        "# %time x = 1",
        "x = (",
        "x = 1\0",
    ],
)
def test_python_stays_as_it_is_and_so_does_what_is_neither(cell):
    assert python_of(cell) == cell


def test_a_mistake_below_a_magic_keeps_its_line():
    with pytest.raises(SyntaxError, match="never closed") as error:
        ast.parse(python_of("\n%matplotlib inline\nx = ("))
    assert error.value.lineno == 3


def test_strings_that_look_like_magics_stay():
    mixed = 'text = """\n%a\n"""\n%matplotlib inline'
    assert python_of(mixed) == 'text = """\n%a\n"""\npass'


CELLS = [
    "%time a = 1",
    "%%time\nb = 2",
    "%%capture\n%%time\nc = 3",
    "d = %time 4",
    "%lsmagic\ne = 5",
    ">>> f = 6",
    "import math\nmath?\ng = 7",
    "  h = 8",
    "if True:\n    %time i = 9\n    pass",
    "%%writefile /dev/null\nj = 10",
]


def test_jupyter_binds_the_same_names():
    run = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
with contextlib.redirect_stdout(io.StringIO()):
    for cell in json.loads(sys.argv[1]):
        shell.run_cell(cell).raise_error()
print(json.dumps({name: shell.user_ns[name] for name in "abcdefghij" if name in shell.user_ns}))
"""
    done = subprocess.run(
        [sys.executable, "-c", run, json.dumps(CELLS)], capture_output=True, text=True, check=True
    )
    names: dict[str, object] = {}
    for cell in CELLS:
        exec(python_of(cell), names)
    assert json.loads(done.stdout) == {name: names[name] for name in "abcdefghi"}
    assert "j" not in names


def test_reading_plain_python_loads_no_ipython():
    code = "import sys; from d2lexercises.answers import checks_in\n"
    code += "checks_in('check(\"a.b\", x)'); print('IPython' in sys.modules)\n"
    code += "checks_in('%time check(\"a.b\", x)'); print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_without_ipython_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.core.inputtransformer2", None)
    assert python_of("x = 1") == "x = 1"
    with pytest.raises(ImportError, match="needs IPython: pip install ipython"):
        python_of("%time x = 1")


# -- checks ------------------------------------------------------------------------------------


def found(source, **options):
    return [(check.question, check.answer_text) for check in checks_in(source, **options)]


def test_checks_are_found_as_students_write_them():
    source = """
%pip install something
!ls
d2l.check("a.b", Net)
check('c.d', make(3),)
check(name, Net); check("e.f")
"""
    assert found(source) == [("a.b", "Net"), ("c.d", "make(3)")]
    assert found('%%bash\ncheck("a.b", Net)') == []
    assert found('%%time\ncheck("a.b", Net)') == [("a.b", "Net")]
    assert found("check(answer=Net, question='a.b', framework='pytorch')") == [("a.b", "Net")]
    assert found("check(*both); check(5, Net); recheck('a.b', Net); check['a.b', Net]") == []
    with pytest.raises(SyntaxError):
        checks_in("def f(:")


def test_checks_come_in_source_order_with_their_scopes():
    source = """
def f():
    class C:
        check("a.first", 1)
if True:
    x = [check("a.second", 2)]
later = lambda: check("a.third", 3)
check("a.fourth", check("a.inner", 4))
"""
    checks = checks_in(source)
    assert [check.question for check in checks] == ["a.first", "a.second", "a.third", "a.fourth"]
    assert [check.scope for check in checks] == [("f", "C"), (), ("<lambda>",), ()]
    assert [check.call.lineno for check in checks] == [4, 6, 7, 8]
    assert found(source, questions={"a.inner", "a.second"}) == [("a.second", "2"), ("a.inner", "4")]


def test_an_expression_of_many_terms_is_searched():
    assert found("x = " + "1 + " * 900 + "check('a.b', 1)") == [("a.b", "1")]


def test_questions_are_named_in_text_that_is_not_parsed():
    text = "((((\ncheck('control-flow.halving', A)\n d2l.check(question = \"blocks.residual\", x"
    assert questions_named_in(text) == {"control-flow.halving", "blocks.residual"}
    assert questions_named_in("recheck('a.b', x) check(name, x)") == set()


def test_every_reader_of_notebooks_finds_the_same_answer(tmp_path):
    cell = '!ls\nfiles = !ls\n%time check("blocks.residual", Net)'
    assert checks_of_source(Cell("code", cell, 1)) == [("blocks.residual", "Net")]
    [result] = run_apart([["class Net: pass", cell]])
    assert result["found"] == {"blocks.residual": ["Net"]} and result["stopped"] == {}
    assert Notebook((cell,)).chapters == {"blocks"}
    path = tmp_path / "blocks.ipynb"
    code = {"cell_type": "code", "execution_count": 1}
    path.write_text(json.dumps({"cells": [{**code, "source": f"class Net: pass\n{cell}"}]}))
    problems = current_score(path).problems
    assert len(problems) == len(questions("blocks")) - 1 and not any(
        "blocks.residual" in text for text in problems
    )
    cells = [
        Cell("code", "files = !ls\n%time x = len('abc')", 1),
        Cell("code", "!ls\nassert x == 3 and files", 4, tags=("claim",)),
    ]
    assert list(claim_problems(cells)) == []
