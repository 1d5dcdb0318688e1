"""`make new-question` writes a question that passes; the page on questions has one that does."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from d2lexercises.question import give_verdict, run_probe
from d2lexercises.vocabulary import WrittenQuestion
from d2lexercises.wire import encode
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.command_line import main
from editions.exercises.chapter_files import files_in
from editions.exercises.exercise_files import find_exercises, sections
from editions.exercises.new_question import new_question
from editions.exercises.question_faults import private_faults, require_sound
from editions.exercises.trials import ChapterTrials, Trial
from editions.exercises.written_answers import load_answers
from editions.source.page_template import fill_in
from exercise_answers import FRAMEWORKS, ROOT
from left_out import EXAMPLE

PROJECT = Project(ROOT)
OURS = ROOT / "exercises" / "chapters"
PAGE = ROOT / "book" / "writing-questions.md"


def faults(folder: Path, name: str, framework: str) -> list[str]:
    """What is wrong with one question of a private folder: in its files, and when it is tried."""
    chapter = name.partition(".")[0]
    found = list(map(str, private_faults(PROJECT, [], folder, answers=True)))
    (exercises,) = find_exercises(PROJECT, [chapter], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)[chapter], framework)
    tried = [trial for trial in trials.all([None, 1, 2]) if trial.subject.startswith(name)]
    assert len(tried) > 20
    return found + [f"{one.place}: {one.subject}: {said}" for one in tried for said in one.run()]


# -- the command -----------------------------------------------------------------------------------


def test_a_question_is_added_to_a_chapter_that_has_some(tmp_path, framework):
    new_question(PROJECT, "mine.first-step", "The first step", tmp_path)
    before = {path.name: path.read_text("utf8") for path in (tmp_path / "mine").iterdir()}
    new_question(PROJECT, "mine.lambda", 'One more "step"', tmp_path)
    assert faults(tmp_path, "mine.lambda", framework) == []
    (exercises,) = find_exercises(PROJECT, ["mine"], tmp_path)
    asked = [section.question for section in sections(exercises.chapter)]
    assert [name for name in asked if name] == ["mine.first-step", "mine.lambda"]
    assert asked[-1] is None  # the score stays at the end
    text = (tmp_path / "mine" / "text.md").read_text("utf8")
    assert "## 1. The first step" in text and '## 2. One more "step"' in text
    assert "def lambda_(X, W, b):" in text
    for name, old in before.items():
        kept = (tmp_path / "mine" / name).read_text("utf8").splitlines()
        assert [line for line in old.splitlines() if line not in kept] == []


def test_what_is_written_keeps_the_style_of_the_book(tmp_path):
    for name in ("mine.first", "mine.second-step"):
        new_question(PROJECT, name, None, tmp_path)
    settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", str(tmp_path)]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ruff")), *command, *settings],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_the_words_of_the_vocabulary_are_imported_once(tmp_path):
    new_question(PROJECT, "mine.first", None, tmp_path)
    path = tmp_path / "mine" / "question.py"
    text = path.read_text("utf8")
    some = "from d2lexercises.vocabulary import AnyOrder, Aspect, layer, function, question"
    path.write_text(
        re.sub(r"from d2lexercises.vocabulary import .*", some.replace("Aspect, ", ""), text),
        "utf8",
    )
    new_question(PROJECT, "mine.second", None, tmp_path)
    imports = [line for line in path.read_text("utf8").splitlines() if "vocabulary" in line]
    assert imports == [
        "from d2lexercises.vocabulary import AnyOrder, Aspect, function, layer, question"
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blocks", "the name of a question is 'blocks'; it is a chapter, a dot, and up to 60"),
        ("", "give the name of the question: make new-question NAME=blocks.two-steps"),
        ("blocks.", "such as blocks.two-steps"),
        ("blocks.4", "each part beginning with a letter, such as blocks.two-steps"),
        ("blocks.Two", "such as blocks.two-steps"),
        (f"blocks.{'a' * 61}", "such as blocks.two-steps"),
        ("../mine.step", "such as blocks.two-steps"),
        ("gone.step", "_toc.yml lists no chapter called gone; it lists "),
    ],
)
def test_a_name_that_is_none_is_refused(name, said):
    with pytest.raises(EditionsError, match=re.escape(said)):
        new_question(PROJECT, name)


@pytest.mark.parametrize("command", ["new-question mine.step", "check-questions", "exercises"])
@pytest.mark.parametrize(
    ("private", "said"),
    [
        ("a.txt", "a.txt: it is a file; name a folder for your private questions, such as"),
        ("a.txt/new", "a.txt: it is a file; name a folder for"),
        ("own/mine", "own/mine: it is the folder of one chapter; name the one around it: PRIVATE="),
    ],
)
def test_where_no_private_questions_can_be_is_told(tmp_path, capsys, command, private, said):
    (tmp_path / "a.txt").touch()
    (tmp_path / "own" / "mine").mkdir(parents=True)
    (tmp_path / "own" / "mine" / "question.py").touch()
    words = [*command.split(), "--private", str(tmp_path / private), "--project", str(ROOT)]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert said in error and (private != "own/mine" or error.endswith(f"={tmp_path}/own\n"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("a.txt", "mine", "own", "question.py"),
    ]


def test_what_is_there_is_not_written_over(tmp_path):
    new_question(PROJECT, "mine.step", None, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    with pytest.raises(EditionsError, match=r"mine/text.md asks mine.step already"):
        new_question(PROJECT, "mine.step", None, tmp_path)
    right = tmp_path / "mine" / "right.py"
    right.write_text(right.read_text("utf8").replace("RIGHT = {", "RIGHT = dict() or {"), "utf8")
    with pytest.raises(EditionsError, match=r"right.py: RIGHT has no function of this file for"):
        new_question(PROJECT, "mine.other", None, tmp_path)
    question = tmp_path / "mine" / "question.py"
    question.write_text(
        question.read_text("utf8") + "\n\ndef draw_third(draw):\n    pass\n", "utf8"
    )
    with pytest.raises(EditionsError, match=r"question.py defines draw_third already"):
        new_question(PROJECT, "mine.third", None, tmp_path)
    for path in (tmp_path / "mine" / "text.md", tmp_path / "mine" / "wrong.py"):
        assert path.read_bytes() == before[path]


def test_questions_of_the_first_edition_are_to_be_moved_first(tmp_path):
    (tmp_path / "mine.py").write_text("QUESTIONS = ()\n", "utf8")
    with pytest.raises(EditionsError, match=r"form of the first edition; move them first"):
        new_question(PROJECT, "mine.step", None, tmp_path)


def test_a_public_question_is_written_for_a_chapter_of_the_book(tmp_path, capsys):
    for name in ("_config.yml", "_toc.yml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "d2lcompute").mkdir()
    shutil.copy(ROOT / "d2lcompute" / "__init__.py", tmp_path / "d2lcompute")
    pages = ("_ext", "notebooks", "recorded", "theme")
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns(*pages))
    assert main(["new-question", f"{EXAMPLE}.step", "--project", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for name in ("question.py", "text.md", "right.py", "wrong.py"):
        assert f"wrote exercises/chapters/{EXAMPLE}/{name}\n" in said
    assert said.endswith(f"Next: make check-questions CHAPTER={EXAMPLE}\n")
    assert main(["exercises", EXAMPLE, "--project", str(tmp_path)]) == 0


def test_answers_in_a_function_that_the_frameworks_share_get_functions_of_their_own(
    tmp_path, framework
):
    new_question(PROJECT, "mine.first", None, tmp_path)
    wrong = (
        "def wrong(solution):\n    def doubled(X, W, b):\n        return 2 * (X @ W + b)\n\n"
        '    yield "mine.first", "twice", doubled, {"the output", "the gradients"}\n\n\n'
    )
    right = (
        "def right():\n    def bias_first(X, W, b):\n        return b + X @ W\n\n"
        '    yield "mine.first", "first", bias_first\n\n\n'
    )
    for kind, code in (("wrong", wrong), ("right", right)):
        table = ", ".join(f'"{key}": {kind}' for key in FRAMEWORKS)
        path = tmp_path / "mine" / f"{kind}.py"
        path.write_text(f"{code}{kind.upper()} = {{{table}}}\n", "utf8")
    new_question(PROJECT, "mine.second", None, tmp_path)
    assert [said for one in tried_in(tmp_path, framework) for said in one.run()] == []
    new_question(PROJECT, "mine.third", None, tmp_path)  # they have their own by now
    text = (tmp_path / "mine" / "wrong.py").read_text("utf8")
    assert text.count("yield from wrong(solution)") == len(FRAMEWORKS)


def test_a_chapter_that_is_no_page_is_told(tmp_path, capsys):
    for chapter, said in (
        (EXAMPLE, ""),
        (f"{EXAMPLE}s", f"called {EXAMPLE}s; did you mean {EXAMPLE}?\n"),
        ("quite-another", "note: no page of the book is called quite-another; it has "),
    ):
        command = ["new-question", f"{chapter}.step", "--private", str(tmp_path)]
        assert main([*command, "--project", str(ROOT)]) == 0
        out = capsys.readouterr().out
        assert said in out and ("note: " in out) == bool(said)


# -- words, which a person marks -----------------------------------------------------------------


def made_for_words(folder: Path) -> Path:
    """A private folder with a free-text question alone."""
    command = ["new-question", "mine.why", "--title", "Why", "--text", "--private", str(folder)]
    assert main([*command, "--project", str(ROOT)]) == 0
    return folder / "mine"


def test_a_question_that_asks_for_words_is_written_alone(tmp_path, framework):
    mine = made_for_words(tmp_path)
    assert {path.name for path in mine.iterdir()} == {"text.md", "question.py"}
    assert private_faults(PROJECT, [], tmp_path, answers=True) == []
    require_sound(PROJECT, ["mine"], tmp_path)
    trials = tried_in(tmp_path, framework)
    assert [one.subject for one in trials] == ["mine.why, the solution", "mine.why, the starter"]
    assert [trial.run() for trial in trials] == [[], []]


def test_words_that_are_not_kept_or_always_there_are_told(tmp_path, framework):
    text = made_for_words(tmp_path) / "text.md"
    good = text.read_text("utf8")
    text.write_text(good.replace('why = """\n\n', 'why = """Write here.\n\n'), "utf8")
    _, starter = tried_in(tmp_path, framework)
    assert starter.run() == ["it counts as an answer; begin with an empty text"]
    text.write_text(good.replace('check("mine.why", why)', 'check("mine.why", len(why))'), "utf8")
    solution, starter = tried_in(tmp_path, framework)
    assert solution.run() == [
        "it is not kept: A text is expected, in quotes; what came is an object of type int."
    ]


def test_words_and_what_is_judged_go_together(tmp_path, framework):
    made_for_words(tmp_path)
    new_question(PROJECT, "mine.step", None, tmp_path)
    new_question(PROJECT, "mine.why-not", None, tmp_path, text=True)
    assert faults(tmp_path, "mine.step", framework) == []
    right = tmp_path / "mine" / "right.py"
    right.write_text(right.read_text("utf8").replace('"mine.step"', '"mine.why"'), "utf8")
    load_answers.cache_clear()
    said = [one for trial in tried_in(tmp_path, framework) for one in trial.run()]
    assert "it is not tried: a person marks the answers to this question" in said


def tried_in(folder: Path, framework: str) -> list[Trial]:
    """The trials of the chapter "mine"."""
    (exercises,) = find_exercises(PROJECT, ["mine"], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)["mine"], framework)
    return list(trials.all([1]))


# -- the page --------------------------------------------------------------------------------------

HEAD = (OURS / "blocks" / "text.md").read_text("utf8").split("\n## ")[0]
RIGHT = """
def pytorch():
    from torch import nn

    class InSequential(nn.Sequential):
        def __init__(self, inner, factor):
            super().__init__(inner)
            self.factor = factor

        def forward(self, X):
            return super().forward(X) * self.factor

    yield "blocks.scaled", "a Sequential", InSequential


def tensorflow():
    import keras

    class AsModel(keras.Model):
        def __init__(self, inner, factor):
            super().__init__()
            self.parts = [inner]
            self.factor = factor

        def call(self, X):
            return keras.ops.multiply(self.parts[0](X), self.factor)

    yield "blocks.scaled", "a Model with a list", AsModel


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
"""


def blocks_of(page: str, language: str) -> list[str]:
    """The code that a page shows in a language."""
    fence = "````" if language == "md" else "```"
    return re.findall(rf"(?ms)^{fence}{language}\n(.*?)^{fence}$", page)


@pytest.fixture
def example(tmp_path):
    """A private folder with the example of the page."""
    page = fill_in(PROJECT, PAGE.read_text("utf8"), PAGE)
    question, wrong, *_ = blocks_of(page, "python")
    section, _ = blocks_of(page, "md")
    folder = tmp_path / "blocks"
    folder.mkdir()
    for name, text in (
        ("question.py", question),
        ("text.md", f"{HEAD}\n{section}"),
        ("right.py", RIGHT),
        ("wrong.py", wrong),
    ):
        (folder / name).write_text(text, "utf8")
    return tmp_path


@pytest.mark.chapters("blocks")
def test_the_example_of_the_page_is_judged(example, framework):
    assert faults(example, "blocks.scaled", framework) == []


MOST_LINES = 35  # of a simple question of two aspects, without blank ones


def alone(name: str) -> str:
    """A question of ours as a file of its own: its section, and what it imports."""
    text = (OURS / name.partition(".")[0] / "question.py").read_text("utf8")
    section = re.search(rf"(?ms)^# -- {name} -*\n(.*?)(?=^# -- |\Z)", text)[1]
    used = {node.id for node in ast.walk(ast.parse(section)) if isinstance(node, ast.Name)}
    imports = [one for one in ast.parse(text).body if isinstance(one, ast.Import | ast.ImportFrom)]
    for one in imports:
        one.names = [name for name in one.names if (name.asname or name.name) in used]
    return "\n".join([*(ast.unparse(one) for one in imports if one.names), section])


def formatted(code: str) -> list[str]:
    """The lines of code as the formatter leaves them, without blank ones."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ruff")), "format", "--no-cache", "-"],
        cwd=ROOT, input=code, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if line.strip()]


@pytest.mark.chapters("autograd", "blocks")
@pytest.mark.parametrize("name", ["blocks.scaled", "autograd.paths"])
def test_a_simple_question_of_two_aspects_is_short(name):
    page = blocks_of(fill_in(PROJECT, PAGE.read_text("utf8"), PAGE), "python")[0]
    code = page if name == "blocks.scaled" else alone(name)
    names = {}
    exec(code, names)
    (question,) = [one for one in names.values() if isinstance(one, WrittenQuestion)]
    assert question.name == name and len(question.aspects) == 2
    encode(question.draw(1))
    assert 20 <= len(formatted(code)) <= MOST_LINES


@pytest.mark.chapters("blocks")
def test_the_question_for_words_of_the_page_has_no_fault(tmp_path):
    (tmp_path / "blocks").mkdir()
    _, section = blocks_of(PAGE.read_text("utf8"), "md")
    (tmp_path / "blocks" / "text.md").write_text(f"{HEAD}\n{section}", "utf8")
    line = re.search(r'WHY = free_text\("blocks.why", .*?\)', PAGE.read_text("utf8"))[0]
    code = f"from d2lexercises.vocabulary import free_text\n\n{line}\n"
    (tmp_path / "blocks" / "question.py").write_text(code, "utf8")
    assert private_faults(PROJECT, [], tmp_path, answers=True) == []


@pytest.mark.chapters("blocks")
@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("question.py", "given.factor * (", "(", "the solution: it fails on “the output”"),
        ("wrong.py", '{"the parameters"}', '{"the output"}', "it does not fail on “the output”"),
    ],
)
def test_a_mistake_in_the_example_is_told(example, file, old, new, said, framework):
    path = example / "blocks" / file
    text = path.read_text("utf8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf8")
    assert any(said in fault for fault in faults(example, "blocks.scaled", framework))


def test_the_inspecting_aspect_of_the_page_is_an_aspect():
    from d2lexercises import vocabulary

    text = blocks_of(PAGE.read_text("utf8"), "python")[-2]
    names = {name: getattr(vocabulary, name) for name in vocabulary.__all__}
    exec(text, names)
    question = vocabulary.question("demo.saved", "Saved", takes=vocabulary.function)
    question.inputs(lambda draw: {"x": draw.data(3)})
    loads = type("Complete", (names["Loads"],), {"expect": lambda given: [given.x]})
    question.aspect("loads", 1)(loads)
    assert [one.__name__ for one, _ in question.inspections.values()] == ["inspect"]


def test_the_referee_of_the_page_is_one():
    from d2lexercises import vocabulary

    names = {name: getattr(vocabulary, name) for name in vocabulary.__all__}
    names["COUNT"] = question = vocabulary.question(
        "demo.count", "Count", takes=vocabulary.function
    )
    exec(blocks_of(PAGE.read_text("utf8"), "python")[-1], names)
    question.inputs(lambda draw: {})
    inputs = question.draw(1)
    for answer, points in ((lambda read: read(0), 2), (lambda read: min(read(1), read(0)), 0)):
        reply = run_probe(question, answer, inputs, None)
        assert give_verdict(question, inputs, reply, "pytorch").points == points


def test_the_page_names_every_word_that_a_question_is_written_with():
    from d2lexercises import vocabulary

    page = PAGE.read_text("utf8")
    listed = set(re.findall(r"(?m)^\.\. autoapi\w+:: [\w.]+\.(\w+)$", page))
    given = {"Draw", "Given"}  # what functions get, and nobody imports
    words = {name for name in vocabulary.__all__ if name not in given}
    assert words - listed == set()
    assert given <= listed
    shorter = page.replace(".. autoapiclass:: d2lexercises.comparer.Between\n", "")
    named = set(re.findall(r"(?m)^\.\. autoapi\w+:: [\w.]+\.(\w+)$", shorter))
    assert words - named == {"Between"}
