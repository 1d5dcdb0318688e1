"""Hidden aspects: nothing of them is handed out, and `check` says what it cannot tell."""

from __future__ import annotations

import ast
import io
import re
import zipfile

import nbformat
import numpy as np
import pytest
from d2lexercises import feedback, handing_out, library
from d2lexercises.question import give_verdict, run_probe
from d2lexercises.saved import current_score
from editions.base.errors import EditionsError
from editions.exercises.handouts import write_student_notebooks
from editions.exercises.public_questions import public_part
from grader.judging.questions import QuestionsError, load_questions
from small_project import write as write_text

QUESTION = '''
"""Text of the file: SECRET."""
from __future__ import annotations

import math
from functools import cache

import numpy as np
from d2lexercises.comparer import brief
from d2lexercises.vocabulary import Aspect, compare, function, question

POINTS = 2
SECRET_TABLE = {"SECRET": 1.0}
SECRET_TABLE["SECRET"] += math.pi
SHARED = 1.0

ONE = question("small.one", "Squares", takes=function)

@ONE.inputs
def draw_one(draw):
    return {"x": draw.data(3)}

@ONE.hidden_inputs
def draw_SECRET(draw):
    return {"SECRET": draw.data(4) * SHARED}

@ONE.shown
def shown_one(given):
    # SECRET: a comment inside
    "Not a SECRET."
    return f"x = {brief(given.x)}"

# SECRET: a comment between
class Squares(Aspect):
    "Multiply."

    def run(answer, given, f):
        return answer(given.x)

@ONE.aspect("each number", POINTS)
class Each(Squares):
    "Each number is multiplied by itself."

    def expect(given: np.ndarray) -> np.ndarray:
        return given.x**2 * SHARED

def SECRET_helper(x):
    return x**2 + 0 * SECRET_TABLE["SECRET"]

@cache
def SECRET_deeper():
    return SECRET_helper

@ONE.aspect("larger ones", 3, hidden=True, after="each number")
class SECRETLarger(Squares):
    "A SECRET hint."

    def run(answer, given, f):
        return answer(given.SECRET)

    def expect(given):
        return SECRET_deeper()(given.SECRET)

def kind(answer, f):
    function(answer, f)

TWO = question("small.two", "All of it later", takes=kind, hidden=True)

@TWO.inputs
def draw_two(draw):
    return {"SECRET": draw.number(1, 2)}

@TWO.aspect("half", 1)
class SECRETHalf(Aspect):
    "SECRET"

    def run(answer, given, f):
        return answer(given.SECRET)

    def judge(given, found):
        if found != SECRET_half(given):
            return "SECRET"

@TWO.aspect("twice", 2, after="half")
class SECRETTwice(SECRETHalf):
    "SECRET"

def SECRET_half(given):
    return given.SECRET / 2
'''


def write(tmp_path, text=QUESTION, chapter="small"):
    """A private folder with a file of questions; returns the file."""
    file = tmp_path / "private" / chapter / "question.py"
    file.parent.mkdir(parents=True)
    file.write_text(text, "utf8")
    return file


@pytest.fixture
def file(tmp_path):
    return write(tmp_path)


@pytest.fixture
def handed_out(file, tmp_path, monkeypatch):
    """The questions as they are handed out, found by `check`."""
    copy = tmp_path / library.HANDED_OUT / "small" / "question.py"
    copy.parent.mkdir(parents=True)
    copy.write_text(public_part(file), "utf8")
    monkeypatch.setenv(library.PRIVATE, str(tmp_path / library.HANDED_OUT))
    for name, empty in (("earned", {}), ("_last", {}), ("passed", set())):
        monkeypatch.setattr(feedback, name, empty)
    return {question.name: question for question in library.questions_in(copy)}


def right(x):
    return x * x


def test_nothing_of_a_hidden_aspect_is_handed_out(file):
    text = public_part(file)
    assert "SECRET" not in text and "math" not in text and "cache" not in text
    for name in ("Each number is multiplied by itself.", "def draw_one", "SHARED", "def kind"):
        assert name in text, name
    assert "ONE.hidden_aspect('larger ones', 3)" in text
    assert "TWO.hidden_aspect('half', 1)\nTWO.hidden_aspect('twice', 2)" in text
    for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)):
        assert function.name in ("Squares", "Each")


def test_what_is_shared_shows_in_what_is_handed_out(tmp_path):
    """So the test above would see a leak: what a public aspect uses is in the text."""
    text = QUESTION.replace("given.x**2 * SHARED", "SECRET_helper(given.x)")
    found = public_part(write(tmp_path, text))
    assert "def SECRET_helper" in found and "SECRET_TABLE = " in found
    assert "SECRETLarger" not in found and "SECRET_deeper" not in found


def test_names_points_and_public_inputs_are_those_of_the_whole_question(file, handed_out):
    whole = {question.name: question for question in library.questions_in(file)}
    for name, question in whole.items():
        found = handed_out[name]
        assert (found.points, found.hidden) == (question.points, question.hidden)
        assert found.left_out and not question.left_out
    assert (whole["small.one"].points, whole["small.two"].points) == (5, 3)
    for seed in range(5):
        inputs = handed_out["small.one"].draw(seed)
        assert list(inputs) == ["x"]
        np.testing.assert_array_equal(inputs["x"], whole["small.one"].draw(seed)["x"])


def test_a_grader_judges_the_whole_question(file):
    (one, _) = library.questions_in(file)
    inputs = one.draw(3)

    def points(answer):
        verdict = give_verdict(one, inputs, run_probe(one, answer, inputs, None), "pytorch")
        return {finding.aspect: finding.points for finding in verdict.findings}

    assert points(right) == {"each number": 2, "larger ones": 3}
    assert points(lambda x: x * x if len(x) < 4 else x) == {"each number": 2, "larger ones": 0}


def test_a_grader_refuses_what_was_handed_out(handed_out, tmp_path):
    with pytest.raises(QuestionsError, match=r"small\.one: .*what was handed out"):
        load_questions("small", tmp_path / library.HANDED_OUT)


@pytest.mark.frameworks("pytorch")
def test_check_says_what_is_judged_when_graded(handed_out):
    text = str(feedback.evaluate("small.one", right, "pytorch"))
    assert "small.one: 2 of 2 points, and 3 more when graded" in text
    assert "· later       3  larger ones (judged when graded)" in text
    assert "What is judged when graded is not among what was handed out." in text
    html = feedback.evaluate("small.one", lambda x: x, "pytorch")._repr_html_()
    assert "larger ones (judged when graded)" in html and "0 of 2 points, and 3 more" in html


@pytest.mark.frameworks("pytorch")
def test_check_of_a_hidden_question_tells_the_kind_alone(handed_out):
    text = str(feedback.evaluate("small.two", right, "pytorch"))
    assert "small.two: 3 points, judged when graded" in text and "it is accepted" in text
    assert "half (judged when graded)" in text and "right  " not in text
    refused = str(feedback.evaluate("small.two", 5, "pytorch"))
    assert "small.two: not accepted" in refused and "A function is expected" in refused


def test_the_score_knows_which_questions_are_elsewhere(monkeypatch, tmp_path):
    monkeypatch.delenv(library.PRIVATE, raising=False)
    notebook = nbformat.v4.new_notebook()
    cells = ["one = 1", 'check("small.one", one)', 'check("small.three", one)']
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(notebook, tmp_path / "small.ipynb")
    monkeypatch.setattr(handing_out, "private", {"small.one", "small.three"})
    assert current_score(tmp_path / "small.ipynb").problems == ()
    monkeypatch.setattr(handing_out, "private", {"small.one"})
    assert current_score(tmp_path / "small.ipynb").problems == (
        'There is no question "small.three".',
    )


@pytest.mark.frameworks("pytorch")
def test_check_without_the_folder_says_that_it_cannot_tell(tmp_path, monkeypatch):
    monkeypatch.delenv(library.PRIVATE, raising=False)
    monkeypatch.setattr(handing_out, "private", {"small.one", "blocks.sequential"})
    for name in ("small.one", "blocks.sequential"):  # the second is ours too, and was replaced
        text = str(feedback.evaluate(name, right, "pytorch"))
        assert f"{name}: not checked" in text and "nothing is said about your answer" in text
        assert "graded all the same: keep the line" in " ".join(text.split())
    monkeypatch.setattr(handing_out, "private", set())
    text = str(feedback.evaluate("small.one", right, "pytorch"))
    assert 'There is no question "small.one"' in text and "If it is your instructor's own" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def SECRET_half", "@ONE.aspect('late', 1)\nclass Late(SECRETLarger): pass\n\n"
         "def SECRET_half", "uses the class SECRETLarger"),
        ("return answer(given.x)", "return SECRETLarger.run", "uses the class SECRETLarger"),
        ("ONE = question(", "ONE = [question(", "has no name at the top"),
        ("POINTS = 2", "POINTS = 2\nfor n in (1,):\n    @ONE.aspect(str(n), 1)\n"
         "    class Loop(Aspect):\n        run = expect = right", "Loop|failed|NameError"),
        ("class Squares(Aspect):", "ONE.aspect('late', 1, hidden=True)(Aspect)\nclass Squares:",
         "it has no run"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_from_what_is_hidden_is_refused(tmp_path, old, new, message):
    assert old in QUESTION
    text = QUESTION.replace(old, new, 1)
    if "[question(" in new:
        text = text.replace('"Squares", takes=function)', '"Squares", takes=function)]', 1)
        text = re.sub(r"@ONE\.", "@ONE[0].", text).replace("TWO = ", "TWO = ONE[0:0] or ")
        text += "\nQUESTIONS = (ONE[0], TWO)\n"
    with pytest.raises(EditionsError, match=message):
        public_part(write(tmp_path, text))


@pytest.mark.parametrize(
    "more",
    [
        # However it is put together: another call, a loop, a class inside a block, a table.
        "ONE.aspect('called', 1, hidden=True)(SECRETLarger)",
        "for n in (1, 2):\n    SECRET_TABLE[n] = n\n",
        "if SECRET_TABLE:\n    SECRET_TABLE['more'] = 'SECRET'\n",
        "SECRET_lambda = lambda x: SECRET_helper(x)\n",
        "class SECRETBase:\n    VALUES = [1, 2, 3]\n",
    ],
)
def test_what_only_a_hidden_aspect_uses_is_left_out_or_refused(tmp_path, more):
    try:
        text = public_part(write(tmp_path, f"{QUESTION}\n{more}\n"))
    except EditionsError as error:
        assert "declared by decorators" in str(error) or "uses the class" in str(error)
        assert more.startswith("ONE.aspect")
    else:
        assert "SECRET" not in text and not more.startswith("ONE.aspect")


def test_a_file_without_hidden_aspects_is_handed_out_as_it_is(tmp_path):
    path = library.question_files(library.CHAPTERS)["blocks"]
    assert public_part(path) == path.read_text("utf8")


def test_no_question_of_the_book_has_a_hidden_aspect():
    for path in library.question_files(library.CHAPTERS).values():
        assert not [one.name for one in library.questions_in(path) if one.hidden], path


TEXT = """
# Mine

## 1. One

```{code-cell} ipython3
:name: one
:tags: [starter]
def one(x): ...
```

```{code-cell} ipython3
:name: one-solution
:tags: [solution]
def one(x):
    return x * x  # SECRET solution
```

```{code-cell} ipython3
:name: one-check
check("small.one", one)
```

## 2. Two

```{code-cell} ipython3
:name: two
:tags: [starter]
def two(x): ...
```

```{code-cell} ipython3
:name: two-solution
:tags: [solution]
two = lambda x: x / 2  # SECRET solution
```

```{code-cell} ipython3
:name: two-check
check("small.two", two)
```
"""


def test_the_archive_that_is_handed_out_holds_nothing_of_it(file, project):
    write_text(file.parent / "text.md", TEXT)
    write_student_notebooks(project, private=file.parents[1])
    for framework in ("pytorch", "tensorflow"):
        data = (project.root / f"_build/exercises/exercises-{framework}.zip").read_bytes()
        assert b"SECRET" not in data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            stored = archive.read(f"exercises-{framework}/d2l_checks/small/question.py").decode()
            notebook = archive.read(f"exercises-{framework}/small.ipynb").decode()
        assert names == [
            f"exercises-{framework}/{name}"
            for name in ("d2l_checks/small/question.py", "small.ipynb")
        ]
        assert stored == public_part(file)
        assert r"handed_out(private=[\"small.one\", \"small.two\"])" in notebook
