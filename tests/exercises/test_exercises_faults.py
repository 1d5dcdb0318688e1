"""What is wrong with the files of a question is told in a line, and nothing of it is handed out."""

from __future__ import annotations

import re
import shutil

import pytest
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.command_line import main
from editions.exercises.judged_inside import judging_notes
from editions.exercises.migration import migration_notes
from editions.exercises.new_question import new_question
from editions.exercises.question_faults import private_faults, public_faults, require_sound
from exercise_answers import CHAPTERS, ROOT

PROJECT = Project(ROOT)
NAME = "mine.affine"


@pytest.fixture
def folder(tmp_path):
    """A private folder with one question that is in order."""
    new_question(PROJECT, NAME, "A dense layer", tmp_path / "private")
    return tmp_path / "private"


def told(folder, **options):
    """The faults of a private folder, without the path of the folder."""
    faults = private_faults(PROJECT, [], folder, **options)
    return [str(fault).removeprefix(f"{folder.as_posix()}/mine/") for fault in faults]


def change(path, old, new):
    text = path.read_text("utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf8")
    return path


def test_our_questions_have_no_fault():
    assert public_faults(PROJECT, answers=True) == []
    assert {fault.path for fault in public_faults(PROJECT, CHAPTERS[:1])} == set()


def test_a_new_question_has_no_fault(folder):
    assert told(folder, answers=True) == []
    require_sound(PROJECT, ["mine"], folder)


DRAW = """        "x": draw.data(rows, inputs),
"""
RUN = """    def run(answer, given, f):
        return answer(*affine_arguments(given, f))
"""
JUDGE = """    def expect(given):
        return given.x @ given.layer.kernel + given.layer.bias
"""
# The file, what is replaced in it by what; the file that is told, a text on its line, the message.
FAULTS = {
    "points of an aspect that the text does not state": (
        "question.py", '"the output", 2', '"the output", 3',
        "text.md", "(2 points)", "the points in the list add up to 3; mine.affine gives 4",
    ),
    "points of the whole": (
        "text.md", "The check looks at", "It gives (5 points). The check looks at",
        "text.md", "(5 points)", "the text states 5 points for mine.affine, which gives 3",
    ),
    "points that are no whole number": (
        "question.py", '"the gradients", 1', '"the gradients", 1.5',
        "question.py", '"mine.affine"', "the points of mine.affine add up to 3.5, no whole number",
    ),
    "a tuple in the inputs": (
        "question.py", DRAW, DRAW + '        "sizes": (rows, inputs),\n',
        "question.py", "@AFFINE.inputs",
        "the inputs of mine.affine cannot be sent: inputs['sizes']: of type tuple",
    ),
    "inputs that do not depend on the seed": (
        "question.py", "    rows, inputs", "    return {'x': 1}\n    rows, inputs",
        "question.py", "@AFFINE.inputs", "the inputs of mine.affine are the same for every seed",
    ),
    "points in quotes": (
        "question.py", '"the output", 2', '"the output", "2"', "question.py", '"the output", "2"',
        "mine.affine, aspect 'the output': points must be a number above 0, got '2'",
    ),
    "a title that is no text": (
        "question.py", '"A dense layer"', "3", "question.py", "= question(",
        "question: the title must be a text in quotes, got 3",
    ),
    "a function with self": (
        "question.py", "def expect(given)", "def expect(self, given)",
        "question.py", '@AFFINE.aspect("the output"',
        "write expect(given) or expect(given, framework), without self; got expect(self, given)",
    ),
    "a run without the framework": (
        "question.py", "def run(answer, given, f)", "def run(answer, given)",
        "question.py", '@AFFINE.aspect("the output"',
        "write run(answer, given, f); got run(answer, given)",
    ),
    "another title in the text": (
        "text.md", "## 1. A dense layer", "## 1. Dense layers", "text.md", "## 1. Dense layers",
        "the heading is “Dense layers”, and the title of mine.affine in question.py is “A dense "
        "layer”; write the same in both",
    ),
    "a number of NumPy in the inputs": (
        "question.py", DRAW, DRAW + '        "rate": draw.rng.normal() * draw.data(1)[0],\n',
        "question.py", "@AFFINE.inputs", "numpy.ndarray can be sent; write float(...)",
    ),
    "inputs that nothing draws": (
        "question.py", "@AFFINE.inputs\n", "", "question.py", '"mine.affine"',
        "nothing draws the inputs of mine.affine: decorate a function with @QUESTION.inputs",
    ),
    "inputs that the seed does not decide": (
        "question.py", DRAW, DRAW + '        "count": next(COUNTER),\n',
        "question.py", "@AFFINE.inputs",
        "the inputs of mine.affine are other ones when the same seed is drawn again",
    ),
    "inputs that cannot be drawn": (
        "question.py", "draw.integer(8, 9)", "draw.integre(8, 9)",
        "question.py", "draw.integre", "drawing the inputs of mine.affine raised AttributeError",
    ),
    "a question without a section": (
        "question.py", "\n@AFFINE.inputs",
        '\nOTHER = question("mine.other", "Other", takes=function)\nOTHER.inputs(lambda draw: '
        '{"x": draw.number(0, 1)})\n\n@AFFINE.inputs',
        "question.py", '"mine.other"', "no section of text.md asks mine.other",
    ),
    "a section without a question": (
        "text.md", "## Where you stand",
        "## Another\n\n```{code-cell} ipython3\n:tags: [starter]\nx = 1\n```\n\n```{code-cell} "
        "ipython3\n:tags: [solution]\nx = 2\n```\n\n```{code-cell} ipython3\n"
        'check("mine.other", x)\n```\n\n## Where you stand',
        "text.md", 'check("mine.other"', "the section asks mine.other, which no question.py has",
    ),
    "a judge that never fails": (
        "question.py", JUDGE, "    def judge(given, found):\n        return None\n",
        "question.py", '"the output", 2',
        "the judge of “the output” in mine.affine finds nothing wrong with anything",
    ),
    "a judge that raises": (
        "question.py", JUDGE, "    def judge(given, found):\n        return found.shape\n",
        "question.py", "found.shape", "judging mine.affine raised AttributeError",
    ),
    "a wrong prefix": (
        "question.py", '"mine.affine"', '"mien.affine"',
        "question.py", '"mien.affine"', "'mien.affine' begins with another chapter",
    ),
    "a name that is none": (
        "question.py", '"mine.affine"', '"mine.Affine layer"',
        "question.py", '"mine.Affine layer"', "'mine.Affine layer' is not a chapter, a dot",
    ),
    "a wrong prefix in the text": (
        "text.md", 'check("mine.affine"', 'check("mien.affine"',
        "text.md", 'check("mien.affine"', "a question of this chapter begins with “mine.”",
    ),
    "a syntax error in the question": (
        "question.py", "def draw_affine(draw):", "def draw_affine(draw:",
        "question.py", "def draw_affine(draw:", "syntax error: '(' was never closed",
    ),
    "a syntax error in a cell": (
        "text.md", "return X @ W + b", "return X @ W +", "text.md", "return X @ W +",
        "syntax error: ",
    ),
    "a syntax error in a check": (
        "text.md", 'check("mine.affine", affine)', 'check("mine.affine", affine',
        "text.md", 'check("mine.affine", affine', "syntax error: ",
    ),
    "an exception when it is loaded": (
        "question.py", "\n@AFFINE.inputs", "\nTABLE = {}['key']\n\n@AFFINE.inputs",
        "question.py", "TABLE = ", "KeyError: 'key'",
    ),
    "a module that is missing": (
        "question.py", "\n@AFFINE.inputs", "\nimport no_such_framework\n\n@AFFINE.inputs",
        "question.py", "import no_such", "import a framework inside of the functions that need it",
    ),
    "an aspect without a judge": (
        "question.py", JUDGE, "", "question.py", '@AFFINE.aspect("the output"',
        "ValueError: mine.affine, aspect 'the output': it needs either expect(given) or judge",
    ),
    "no solution": (
        "text.md", ":tags: [solution]\n", "", "text.md", 'check("mine.affine"',
        "mine.affine has no cell tagged solution above its check",
    ),
    "a function that cannot be taken into the sandbox": (
        "question.py", RUN, "    run = lambda answer, given, f: answer(*given.x)\n",
        "question.py", '"mine.affine"', "a question's functions stand at the top of its file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_of_the_files_is_told_with_its_line(what, folder):
    file, old, new, named, at, said = FAULTS[what]
    change(folder / "mine" / file, old, new)
    if "COUNTER" in new:
        imports = "from __future__ import annotations\n"
        more = f"{imports}\nimport itertools\n\nCOUNTER = itertools.count()\n"
        change(folder / "mine" / file, imports, more)
    faults = told(folder)
    text = (folder / "mine" / named).read_text("utf8")
    line = text[: text.index(at)].count("\n") + 1
    assert [one for one in faults if one.startswith(f"{named}:{line}: ") and said in one], faults
    with pytest.raises(EditionsError, match=re.escape(f"mine/{named}:{line}: ")):
        require_sound(PROJECT, ["mine"], folder)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("question.py", "text.md:{check}: the section asks mine.affine, and there is no question."),
        ("text.md", "question.py:{question}: no section of text.md asks mine.affine"),
        ("right.py", "question.py: there is no right.py beside it"),
        ("wrong.py", "question.py: there is no wrong.py beside it"),
    ],
)
def test_a_file_without_its_partner_is_told(gone, said, folder):
    mine = folder / "mine"
    lines = {
        "check": _line(mine / "text.md", 'check("mine.affine"'),
        "question": _line(mine / "question.py", '"mine.affine"'),
    }
    (mine / gone).unlink()
    faults = told(folder, answers=True)
    assert len(faults) == 1 and faults[0].startswith(said.format(**lines)), faults
    # Without the files of answers a question can be handed out, and not be tried.
    assert bool(told(folder)) == (gone in ("question.py", "text.md"))


def _line(path, text):
    return path.read_text("utf8").partition(text)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("right.py", "import Any", "import Any, gone", "right.py:6: ImportError: "),
        ("wrong.py", "return 2 *", "return 2 * *", "wrong.py:{line}: syntax error: "),
        ("wrong.py", "WRONG = {", "WRONG = {} #", "wrong.py:{line}: WRONG has no function for "),
    ],
)
def test_a_fault_of_the_answers_is_told(file, old, new, said, folder):
    path = change(folder / "mine" / file, old, new)
    (fault,) = told(folder, answers=True)
    assert fault.startswith(said.format(line=_line(path, new))), fault


# -- beside a public chapter -----------------------------------------------------------------------


@pytest.mark.chapters("blocks")
def test_a_private_question_may_have_its_other_half_in_ours(tmp_path):
    ours, mine = ROOT / "exercises" / "chapters" / "blocks", tmp_path / "blocks"
    for kept in ("question.py", "text.md"):
        shutil.rmtree(mine, ignore_errors=True)
        mine.mkdir()
        shutil.copy(ours / kept, mine)
        assert private_faults(PROJECT, [], tmp_path) == []
    change(mine / "text.md", 'check("blocks.features"', 'check("blocks.calling"')
    (fault,) = private_faults(PROJECT, [], tmp_path)
    assert "the section asks blocks.calling, and there is no question.py beside it" in str(fault)


# -- the command that hands out --------------------------------------------------------------------


def test_what_has_a_fault_is_not_handed_out(tmp_path, folder, capsys):
    for name in ("_config.yml", "_toc.yml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=_without_notebooks)
    (tmp_path / "d2lcompute").mkdir()
    shutil.copy(ROOT / "d2lcompute" / "__init__.py", tmp_path / "d2lcompute")
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    at = ["exercises", "mine", "--project", str(tmp_path), "--private"]
    assert main([*at, str(folder)]) == 0, capsys.readouterr().err
    handed_out = tmp_path / "_build" / "exercises"
    assert list(handed_out.rglob("mine.ipynb"))
    shutil.rmtree(handed_out)
    change(broken / "mine" / "question.py", '"the output", 2', '"the output", 3')
    capsys.readouterr()
    assert main([*at, str(broken)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "the points in the list add up to 3" in said
    assert not handed_out.exists()


def _without_notebooks(folder, names):
    return [name for name in names if name in ("_ext", "notebooks", "recorded", "theme")]


# -- the first edition -----------------------------------------------------------------------------

FIRST_EDITION = """
from d2lcompute.checks.question import Aspect, Question, judge_by, same_array

def compare(inputs, found, framework):
    same_array(found, inputs["x"], "value")

QUESTIONS = (
    Question(
        name="mine.old", title="Old", points={points}, version="1",
        inputs=lambda rng: {{"x": rng.normal(size=3)}},
        probe=lambda answer, inputs, framework: {{"value": answer(inputs["x"])}},
        judge=judge_by(Aspect("value", 2, "value", {compare})),
    ),
)
"""


def test_a_question_of_the_first_edition_is_told_how_to_move(tmp_path):
    text = FIRST_EDITION.format(points=2, compare="compare")
    (tmp_path / "mine.py").write_text(text, "utf8")
    notes = "\n".join(migration_notes(PROJECT, tmp_path))
    assert f"rename {tmp_path}/mine.py -> {tmp_path}/mine/question.py" in notes
    assert "exercises/MIGRATING.md" in notes and "judge_by, same_array" in notes
    assert list(migration_notes(PROJECT, tmp_path, ["other"])) == []


def test_a_new_question_needs_no_moving(folder):
    assert list(migration_notes(PROJECT, folder)) == []


def test_a_judge_of_the_first_edition_that_never_fails_is_told(tmp_path):
    said = {}
    for compare in ("compare", "lambda inputs, found, framework: None"):
        (tmp_path / f"c{len(said)}").mkdir()
        path = tmp_path / f"c{len(said)}" / "mine.py"
        path.write_text(FIRST_EDITION.format(points=2, compare=compare), "utf8")
        said[compare] = " ".join(map(str, private_faults(PROJECT, [], path.parent)))
    told_of = "the judge of “value” in mine.old finds nothing wrong with anything"
    assert [told_of in text for text in said.values()] == [False, True]


def test_points_of_the_first_edition_that_do_not_add_up_are_told(tmp_path):
    (tmp_path / "mine.py").write_text(FIRST_EDITION.format(points=3, compare="compare"), "utf8")
    faults = " ".join(map(str, private_faults(PROJECT, [], tmp_path)))
    assert "mine.old gives 3 points, and its aspects 2" in faults


JUDGES_INSIDE = """
def right_answer(x):
    return 2 * x

def is_right(got, given):
    return bool(np.allclose(got, right_answer(given.x)))

class Twice(Aspect):
    def run(answer, given, f):
        return is_right(answer(given.x), given)
    def judge(given, found):
        return "" if found else "It is not."
"""


def test_a_run_that_compares_is_named(tmp_path):
    (tmp_path / "exam").mkdir()
    (tmp_path / "exam" / "question.py").write_text(JUDGES_INSIDE)
    (note,) = judging_notes(PROJECT, tmp_path)
    assert "line 6: run of Twice uses allclose" in note and "compare it in expect or judge" in note
    assert list(judging_notes(PROJECT, tmp_path, ["other"])) == []
    assert list(judging_notes(PROJECT, ROOT / "exercises" / "chapters")) == []
