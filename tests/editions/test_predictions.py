"""Predictions: how they are written, where their keys come from, and what gives them away."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from editions.base.errors import EditionsError, SourceError
from editions.base.project import Project
from editions.command_line import main
from editions.notebooks.edition import editions
from editions.notebooks.execution import run_all
from editions.notebooks.staleness import devices_of
from editions.source.chapter import parse_chapter
from editions.source.predictions import Prediction, predictions
from editions.source.spoilers import given_away
from forked_build import COMMAND, environment, forked_builds
from small_book import HEAD, Book, make_book

ROOT = Path(__file__).parents[2]

CHOICES = """
:::{predict} choices
What is `numbers`?

- a list: A *list*,
  with brackets.
- a tuple: A tuple: `()`.
:::
"""
WHY = """
:::{why}
It is made so.
:::
"""


def code(body: str, *options: str) -> str:
    return "\n".join(["\n```{code-cell} ipython3", *options, body, "```\n"])


PREDICT = code("kind = type(numbers)\nprint(kind)", ":name: kinds", ":tags: [predict]")
CLAIM = code(
    '# Checked: so\nanswer = f"a {kind.__name__}"\nassert kind in (list, tuple)', ":tags: [claim]"
)


def parsed(body: str) -> tuple[Prediction, ...]:
    return predictions(parse_chapter(HEAD + "# Title\n" + body, "small", "book/small.md"))


def test_what_belongs_to_a_question() -> None:
    (one,) = parsed("Before.\n" + CHOICES + PREDICT + CLAIM + WHY + "\nAfter.\n")
    assert one.name == "kinds"
    assert one.question.text == "What is `numbers`?"
    assert [(choice.label, choice.text) for choice in one.question.choices] == [
        ("a list", "A *list*, with brackets."),
        ("a tuple", "A tuple: `()`."),
    ]
    for framework in ("pytorch", "tensorflow"):
        answer = one.answers[framework]
        assert [len(part) for part in (answer.predict, answer.claims, answer.why)] == [1, 1, 1]


def test_each_framework_may_have_its_own_question() -> None:
    def tagged(text: str, framework: str) -> str:
        text = text.replace(":tags: [", f":tags: [{framework}, ")
        for part in (CHOICES, WHY):
            text = text.replace(part, f'\n+++ {{"tags": ["{framework}"]}}\n{part}')
        return text

    text = CHOICES + PREDICT + CLAIM + WHY
    found = parsed(tagged(text, "pytorch") + tagged(text, "tensorflow"))
    assert [(one.name, list(one.answers)) for one in found] == [
        ("kinds-pytorch", ["pytorch"]),
        ("kinds-tensorflow", ["tensorflow"]),
    ]


@pytest.mark.parametrize(
    ("body", "at", "message"),
    [
        (CHOICES + PREDICT + CLAIM, "{predict}", "the question has no {why}"),
        (CHOICES + CHOICES, "{predict}", "no {why} before the next question"),
        (WHY, "{why}", "no {predict} is above it"),
        (CHOICES + WHY, "{predict}", "no cell tagged predict comes between"),
        (CHOICES + CLAIM + WHY, "# Checked", "before the cell whose output is to be predicted"),
        (CHOICES + PREDICT + CLAIM + PREDICT.replace("kinds", "k2") + WHY, ":name: k2", "come bef"),
        (CHOICES + PREDICT + "\nIt is a list.\n" + WHY, "It is", "readers see the rest before"),
        (CHOICES + code("x = 1") + PREDICT + CLAIM + WHY, "x = 1", "readers see the rest before"),
        (CHOICES + PREDICT + CLAIM + WHY + PREDICT.replace("kinds", "k2"), ":name: k2", "no {pred"),
        (CHOICES + PREDICT + WHY, "{predict}", "no claim names the right choice in the pytorch"),
        (
            CHOICES + PREDICT + CLAIM.replace("answer", "reply") + WHY,
            "{predict}",
            "no claim names the right choice",
        ),
        (CHOICES + PREDICT.replace(":name: kinds\n", "") + CLAIM + WHY, "{predict}", "needs a nam"),
        (2 * (CHOICES + PREDICT.replace("kinds", "%s") + CLAIM + WHY) % ("k", "k"), ":name: k", ""),
        (CHOICES.replace(" choices", "") + PREDICT + CLAIM + WHY, "{predict}", "a kind of answer"),
        (
            CHOICES.replace("- a tuple", "- a list") + PREDICT + CLAIM + WHY,
            "{pre",
            "the same label",
        ),
        (
            CHOICES.replace("- a tuple: ", "") + PREDICT + CLAIM + WHY,
            "{predict}",
            "choices end the",
        ),
        (
            CHOICES.replace("choices\n", "choices\n:tolerance: 1\n") + PREDICT + CLAIM + WHY,
            "{predict}",
            "no option ['tolerance']; allowed: none",
        ),
        (
            "\n:::{predict} number\n:tolerance: -1\nHow many?\n:::\n" + PREDICT + WHY,
            "{pre",
            "least 0",
        ),
        (
            "\n:::{predict} number\n:which: 0\nHow many?\n:::\n" + PREDICT + WHY,
            "{pre",
            "other than 0",
        ),
        ("\n:::{predict} number\n:::\n" + PREDICT + WHY, "{predict}", "holds no question"),
        ("\n> :::{why}\n> So.\n> :::\n", "{why}", "outside of any other block"),
        ("\n::::{note}\n:::{why}\nSo.\n:::\n::::\n", "{why}", "outside of any other block"),
    ],
)
def test_what_is_wrong_names_its_line(body: str, at: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        parsed(body)
    assert message in str(caught.value)
    text = HEAD + "# Title\n" + body
    line = int(str(caught.value).split(":")[1])
    start = text.index(at) if at in text else 0
    assert abs(line - (text[:start].count("\n") + 1)) <= 3 or message == ""


# -- what gives an answer away --------------------------------------------------------------------


def giveaways(
    kind: str, source: str, key: str, more: str = "", before: str = "", after: str = ""
) -> list[str]:
    body = f"{before}\n:::{{predict}} {kind}\n{more}What comes?\n\n"
    if kind == "choices":
        body += "- an error: It raises an error.\n- nothing: Nothing happens.\n"
    body += ":::\n" + code(source, ":name: one", ":tags: [predict]")
    body += code('# Checked: x\nanswer = "nothing"', ":tags: [claim]") + WHY + after
    chapter = parse_chapter(HEAD + "# Title\n" + body, "small", "book/small.md")
    (one, *_) = predictions(chapter)
    lines = (HEAD + "# Title\n" + body).split("\n")
    found = list(given_away(one, "pytorch", key, chapter.edition("pytorch")))
    assert all(text in lines[line - 1] for line, text in found)
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("kind", "source", "key"),
    [
        ("number", "len(x)  # 76", "76"),
        ("number", "len(x)  # that is 1,024 in all", "1024"),
        ("number", "x.sum()  # -0.5, not 0.5", "\u22120.5"),
        ("words", "type(x)  # a tuple", "tuple"),
        ("words", "# prints  'Not  trained'\nf(x)", "not trained"),
        ("choices", "f(x)  # nothing", "nothing"),
        ("choices", "# Nothing happens.\nf(x)", "nothing"),
        ("choices", "!ls  # nothing\n%time f(x)", "nothing"),
    ],
)
def test_comments_that_give_the_answer_away(kind: str, source: str, key: str) -> None:
    assert len(giveaways(kind, source, key)) == 1


@pytest.mark.parametrize(
    ("kind", "source", "key"),
    [
        ("number", "x = 76", "76"),  # code is not a comment
        ("number", "x = f()  # (3, 4)", "4"),  # a shape
        ("number", "x = f()  # float64, 32 bits", "64"),
        ("number", "x = f()  # 4.5", "4"),
        ("words", "f(x)  # a list of tuples", "tuple"),
        ("words", "f('# tuple')", "tuple"),
        ("choices", "f(x)  # an error, or nothing", "nothing"),
        ("choices", "f(x)  # twice", "nothing"),
    ],
)
def test_comments_that_do_not(kind: str, source: str, key: str) -> None:
    assert giveaways(kind, source, key) == []


def test_a_number_within_the_tolerance_gives_it_away_too() -> None:
    assert giveaways("number", "x  # about 0.7", "0.693", ":tolerance: 0.01\n\n") == ["# about 0.7"]
    assert giveaways("number", "x  # about 0.7", "0.693") == []


TAGGED = '\n+++ {"tags": ["%s"]}\n\nThe mean is 0.42.\n\n+++\n'
NEXT = code("print(1)  # 0.42")


@pytest.mark.parametrize(
    ("kind", "key", "before", "after"),
    [
        ("number", "0.42", "The mean is 0.42.\n", ""),
        ("number", "0.42", "", "\nThat the mean is 0.42 follows from it.\n"),
        ("number", "0.42", "## Where 0.42 comes from\n", ""),
        ("number", "0.42", "", TAGGED % "pytorch"),
        ("number", "0.42", "", NEXT),
        ("number", "0.42", "", "\nThe next cell.\n" + NEXT),
        (
            "number",
            "0.42",
            "",
            '\n+++ {"deeper": "More"}\n\nIt is 0.42.\n\n+++ {"deeper": "end"}\n',
        ),
        ("number", "1,024", "In all there are 1024.\n", ""),
        ("words", "not trained", "", "\nSo this layer is *not trained*.\n"),
    ],
)
def test_prose_that_gives_the_answer_away(kind: str, key: str, before: str, after: str) -> None:
    assert len(giveaways(kind, "f(x)", key, before=before, after=after)) == 1


ANOTHER = "\n:::{predict} number\nAnd now?\n:::\n" + code("f", ":name: two", ":tags: [predict]")


@pytest.mark.parametrize(
    ("kind", "key", "before", "after"),
    [
        ("number", "1.0", "The variance is to be 1.\n", "\nA variance of 1.0 is kept.\n"),
        ("number", "-10", "Ten layers, 10 units.\n", ""),
        ("number", "0.42", "It was 0.42.\n\n## Another section\n", ""),
        ("number", "0.42", "", "\n## Another section\n\nIt is 0.42.\n" + NEXT),
        ("number", "0.42", "", TAGGED % "tensorflow"),
        ("number", "0.42", "", code("x = 1  # set") + NEXT),
        ("number", "0.42", "", ANOTHER + "\n:::{why}\nAgain 0.42.\n:::\n"),
        ("words", "list", "A tuple, and listed.\n", "\nThe lists differ.\n"),
        ("words", "no", "There is no other way.\n", ""),
        ("choices", "nothing", "An error here, nothing there.\n", ""),
    ],
)
def test_prose_that_does_not(kind: str, key: str, before: str, after: str) -> None:
    assert giveaways(kind, "f(x)", key, before=before, after=after) == []


ERROR = PREDICT.replace("print(kind)", "with d2l.shown_error():\n    int(kind)")


def test_shown_error_says_that_an_error_comes() -> None:
    with pytest.raises(SourceError, match=r"`shown_error` says in the pytorch edition"):
        parsed(CHOICES + ERROR + CLAIM + WHY)
    for said in ("Which error comes?", "`int` raises `TypeError`. What is `numbers`?"):
        assert parsed(CHOICES.replace("What is `numbers`?", said) + ERROR + CLAIM + WHY)


# -- where the keys come from ---------------------------------------------------------------------

MORE = (
    CHOICES
    + PREDICT
    + CLAIM
    + WHY
    + """
:::{predict} number
:which: -2

How many, before the last?
:::
"""
    + code("print(10 * len(numbers), len(numbers), '7th', 3.5)", ":name: many", ":tags: [predict]")
    + WHY
)
PYTORCH_ONLY = (
    '\n+++ {"tags": ["pytorch"]}\n'
    + CHOICES
    + PREDICT.replace("kinds", "own").replace("[predict", "[pytorch, predict")
    + CLAIM.replace("[claim", "[pytorch, claim")
    + '\n+++ {"tags": ["pytorch"]}\n'
    + WHY
    + "\n+++\n"
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book with more questions, run."""
    book = make_book(tmp_path_factory.mktemp("asked") / "project")
    book.edit("The mean is", MORE + PYTORCH_ONLY + "\nThe mean is")
    assert run_all(editions(book.project), jobs=2, progress=False) == []
    return book.root


@pytest.fixture
def own(asked: Path, tmp_path: Path) -> Book:
    shutil.copytree(asked, tmp_path / "project")
    return Book(tmp_path / "project")


def test_keys_are_read_from_the_run(asked: Path) -> None:
    keys = {
        edition.framework.key: edition.answer_keys(nbformat.read(edition.path, as_version=4))
        for edition in editions(Project(asked))
    }
    assert keys == {
        "pytorch": {"kind": "list", "kinds": "a list", "many": "2", "own-pytorch": "a list"},
        "tensorflow": {"kind": "tuple", "kinds": "a tuple", "many": "2"},
    }


def test_copies_differ_in_predicted_outputs_alone(asked: Path) -> None:
    for edition in editions(Project(asked)):
        check_copies(edition.path, edition.learners_path)


def check_copies(recorded: Path, learners: Path) -> None:
    """Check that one notebook is the other but for what readers are to predict."""
    one, other = (json.loads(path.read_text("utf8")) for path in (recorded, learners))
    hidden = 0
    for left, right in zip(one["cells"], other["cells"], strict=True):
        if "predict" in left["metadata"].get("tags", []):
            assert left["outputs"] and right["outputs"] == [] and right["execution_count"] is None
            left |= {"outputs": [], "execution_count": None}
            hidden += 1
    assert hidden
    assert one == other


def test_the_book_hands_out_what_it_records() -> None:
    project = Project(ROOT)
    for edition in editions(project):
        for device in devices_of(edition.chapter, edition.framework, project):
            names = (edition.chapter.name, edition.framework.key, device)
            check_copies(project.recorded_path(*names), project.notebook_path(*names))


def test_a_copy_that_shows_more_is_found(own: Book, capsys: pytest.CaptureFixture) -> None:
    recorded, learners = own.notebook("pytorch"), own.project.notebook_path("small", "pytorch")
    learners.write_bytes(recorded.read_bytes())
    with pytest.raises(AssertionError):
        check_copies(recorded, learners)
    assert main(["check", "--project", str(own.root)]) == 1
    assert "book/notebooks/cpu/pytorch/small.ipynb" in capsys.readouterr().err
    assert main(["notebooks", "--project", str(own.root)]) == 0
    check_copies(recorded, learners)


def test_nothing_in_a_learners_copy_says_the_answer(asked: Path) -> None:
    """The claim's title neither: JupyterLab and Colab show it above the folded cell."""
    notebook = nbformat.read(Project(asked).notebook_path("small", "pytorch"), as_version=4)
    claims = [cell.source for cell in notebook.cells if "claim" in cell.metadata.get("tags", [])]
    titles = [source.splitlines()[0] for source in claims]
    assert titles.count("# @title Checked: the answer to the question above") == 2
    shown = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    (why, *_) = [text for text in shown if "Brackets" in text]
    assert why.startswith("<details><summary>") and why.endswith("</details>")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('answer = f"a {kind.__name__}"', 'answer = "a set"', "names 'a set' as the right choice"),
        (
            "print(10 * len(numbers), len(numbers), '7th', 3.5)",
            "print('none')",
            "print no number",
        ),
        (":which: -2", ":which: 9", ":which: is 9, but the cells print 3"),
        ("print(kind)", "print(kind)  # a list: brackets", "gives the answer to the prediction"),
        ("- a list: A", "- a row: A", "names 'a list' as the right choice; allowed: ['a row'"),
    ],
)
def test_a_run_that_answers_nothing_is_refused(
    own: Book, capsys: pytest.CaptureFixture, old: str, new: str, message: str
) -> None:
    own.edit(old, new)
    root = ["--project", str(own.root), "--framework", "pytorch"]
    status = main(["notebooks", *root])
    assert status or main(["check", *root])
    said = capsys.readouterr().err
    assert message in said
    assert re.search(r"book/small\.md:\d+: pytorch edition", said)


@pytest.mark.parametrize(
    "printed",
    [
        "one line\nanother",
        "'one line\\nanother'",
        "a line that is much too long to be written",
        "[1, 2]",
    ],
)
def test_words_that_nobody_would_write_are_refused(asked: Path, printed: str) -> None:
    (edition, *_) = editions(Project(asked))
    run = nbformat.read(edition.path, as_version=4)
    (cell,) = [one for one in run.cells if one.id == "kind"]
    for text, allowed in ((printed, False), ("a line that is short enough", True)):
        cell.outputs = [nbformat.v4.new_output("stream", text=text)]
        if allowed:
            assert edition.answer_keys(run)["kind"] == text
        else:
            with pytest.raises(EditionsError, match="number or choices, or set :which:"):
                edition.answer_keys(run)


def verify(book: Book) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "editions.notebooks.nbval_plugin", "--nbval"]
    command += ["--nbval-current-env", "-p", "no:cacheprovider", "--color=no", "-q"]
    done = subprocess.run(
        [*command, str(book.notebook("pytorch"))],
        cwd=book.root,
        env={k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_key_that_the_run_contradicts_fails_the_verification(own: Book) -> None:
    status, printed = verify(own)
    assert status == 0, printed
    path = own.notebook("pytorch")
    notebook = json.loads(path.read_text("utf8"))
    answers = notebook["metadata"]["d2lcompute"]["answers"]
    answers[next(iter(answers))] = "a tuple"  # one of the labels, and wrong
    path.write_text(json.dumps(notebook), "utf8")
    status, printed = verify(own)
    assert status != 0
    assert "names the answer 'a list', and the stored one is 'a tuple'" in printed


@pytest.mark.slow
def test_learners_copies_are_not_compared(own: Book) -> None:
    path = own.project.notebook_path("small", "pytorch")
    path.replace(own.root / "learners.ipynb")
    own.notebook("pytorch").replace(path)
    command = [sys.executable, "-m", "pytest", "-p", "editions.notebooks.nbval_plugin", "--nbval"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-q", str(path)],
        cwd=own.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "this is the copy for learners" in done.stdout


# -- the page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(asked: Path, tmp_path_factory: pytest.TempPathFactory) -> BeautifulSoup:
    root = tmp_path_factory.mktemp("asked-site") / "project"
    shutil.copytree(asked, root)
    done = forked_builds().run(COMMAND, root, environment())
    assert done.returncode == 0, done.stdout
    text = (root / "_build" / "html" / "book" / "small.html").read_text("utf8")
    return BeautifulSoup(text, "html.parser")


def test_a_page_knows_kind_and_keys(page: BeautifulSoup) -> None:
    boxes = {box["data-predict"]: box for box in page.select(".predict")}
    assert list(boxes) == ["kind", "kinds", "many", "own-pytorch"]
    kinds = {name: box["data-kind"] for name, box in boxes.items()}
    assert list(kinds.values()) == ["words", "choices", "number", "choices"]
    assert json.loads(boxes["kinds"]["data-keys"]) == {"pytorch": "a list", "tensorflow": "a tuple"}
    assert json.loads(boxes["kinds"]["data-labels"]) == ["a list", "a tuple"]
    assert json.loads(boxes["own-pytorch"]["data-keys"]) == {"pytorch": "a list"}
    for name, box in boxes.items():
        question = page.find(id=box["aria-labelledby"]).text.strip()
        assert question and name in box["id"]


def test_output_and_explanation_are_in_one_fold(page: BeautifulSoup) -> None:
    for fold in page.select(".reveal > details"):
        assert not fold.has_attr("open")
        assert fold.select(".cell_output") and fold.select(".why")
        assert not fold.select(".cell_input") or fold.select(".fold-claim")
    outside = copy.copy(page.select_one("article"))
    assert len(outside.select(".reveal > details")) == 4
    for fold in outside.select(".reveal"):
        fold.extract()
    assert "<class" not in outside.text and "It is made so" not in outside.text
    assert "print(kind)" in outside.text  # the code that the question is about


def test_a_question_of_one_framework_is_shown_to_its_readers(page: BeautifulSoup) -> None:
    panel = page.find(id="predict-own-pytorch").find_parent(class_="sd-tab-content")
    assert "for-pytorch" in panel["class"]
    assert panel.select_one("#answer-own-pytorch .cell_output")
    assert not panel.select("#answer-own-pytorch .sd-tab-set")


def test_an_incomplete_prediction_stops_the_build(own: Book) -> None:
    own.edit(":::{why}\nBrackets", ":::{note}\nBrackets")
    done = forked_builds().run(COMMAND, own.root, environment())
    assert done.returncode != 0
    assert "readers see the rest before they answer" in done.stdout


def test_a_page_needs_a_key(own: Book) -> None:
    path = own.notebook("pytorch")
    notebook = json.loads(path.read_text("utf8"))
    del notebook["metadata"]["d2lcompute"]["answers"]
    path.write_text(json.dumps(notebook), "utf8")
    edition = next(one for one in editions(own.project) if one.framework.key == "pytorch")
    with pytest.raises(EditionsError, match="names no right choice"):
        edition.answer_keys(nbformat.read(path, as_version=4))
