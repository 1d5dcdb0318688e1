"""`make check-questions` tries each answer, and says what is wrong with the question."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.command_line import main
from editions.exercises import judged_seeds, trial_process
from editions.exercises.chapter_files import files_in
from editions.exercises.check_questions import in_lines
from editions.exercises.exercise_files import find_exercises
from editions.exercises.judging import QuestionError
from editions.exercises.new_question import new_question
from editions.exercises.trial_process import TrialFault, Work, make_trials
from editions.exercises.trials import ChapterTrials
from exercise_answers import FRAMEWORKS, ROOT
from test_exercises_faults import change

PROJECT = Project(ROOT)


@pytest.fixture
def folder(tmp_path):
    """A private folder with one question that is in order."""
    new_question(PROJECT, "mine.affine", "A dense layer", tmp_path / "private")
    return tmp_path / "private"


def tried(folder, framework, seeds=(None, 1)):
    """Every trial of the chapter in the folder, with what is wrong: by answer."""
    (exercises,) = find_exercises(PROJECT, ["mine"], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)["mine"], framework)
    found = {}
    for trial in trials.all(list(seeds)):
        found.setdefault(trial.subject.partition(", ")[2], []).extend(trial.run())
    return found


def test_a_new_question_passes_every_trial(folder, framework):
    found = tried(folder, framework)
    assert not any(found.values()), found
    assert {"the solution", "the starter", "right answer “the bias first”"} <= set(found)
    assert sum("wrong answer" in subject for subject in found) == 3
    assert sum(subject.endswith("as the answer") for subject in found) >= 10
    assert sum(subject.endswith("as the reply") for subject in found) >= 8


RUN = "        return answer(*affine_arguments(given, f))\n"
EXPECT = """    def expect(given):
        return given.x @ given.layer.kernel + given.layer.bias
"""
JUDGE = '    def judge(given, found):\n        return "" if {} else "It is not."\n'
HINT = '    "Multiply by W, then add b to each row."\n'
# A file, what is replaced in it by what; the answer, and what is told of it.
WRONG = {
    "a solution that is wrong": (
        "text.md", "return X @ W + b", "return X @ W",
        "the solution", "it fails on “the output”: The output: ",
    ),
    "a starter that is right": (
        "text.md", "...  # (n, outputs)", "return X @ W + b",
        "the starter", "it earns the points of “the output”",
    ),
    "a right answer that is wrong": (
        "right.py", "return b + X @ W", "return b - X @ W",
        "right answer “the bias first”", "it fails on “the output”: ",
    ),
    "a wrong answer that fails elsewhere": (
        "wrong.py", '{"the gradients"}', '{"the output"}',
        "wrong answer “the input cut off”", "it fails on “the gradients” too: ",
    ),
    "a wrong answer that does not fail": (
        "wrong.py", '{"the gradients"}', '{"the output"}',
        "wrong answer “the input cut off”", "it does not fail on “the output”",
    ),
    "an aspect that is misspelt": (
        "wrong.py", '{"the gradients"}', '{"the gradient"}',
        "wrong answer “the input cut off”", "there is no aspect “the gradient”",
    ),
    "a wrong answer that need not fail": (
        "wrong.py", '{"the gradients"}', "set()",
        "wrong answer “the input cut off”", "it names no aspect on which it fails",
    ),
    "an answer to no question": (
        "right.py", '"mine.affine"', '"mine.other"',
        "right answer “the bias first”", "question.py has no question mine.other",
    ),
    "an aspect without a hint": (
        "question.py", HINT, "",
        "wrong answer “the bias left out”", "“the output” gives no hint",
    ),
    "a run that returns what cannot be sent": (
        "question.py", RUN, "        return {float(answer(*affine_arguments(given, f))[0, 0])}\n",
        "the solution", "run of “the output” returned something that cannot be sent: a set of 1",
    ),
    "a judge that a guess satisfies": (
        "question.py", EXPECT, JUDGE.format('hasattr(found, "shape")'),
        "0 everywhere as the reply",
        "it earns 2 points of 3, more than a hundredth; an aspect can wait for another: after=",
    ),
    "a judge that a stub satisfies": (
        "question.py", EXPECT, JUDGE.format("found is None"),
        "a function that returns None as the answer", "it earns 2 points of 3, more than a ",
    ),
    "a judge that raises": (
        "question.py", EXPECT, JUDGE.format("(found == given.v).all()"),
        "replies of another form", "the judge raises ValueError",
    ),
    "an error in drawing": (
        "question.py", "draw.integer(8, 9)", "draw.integre(8, 9)",
        "the solution", "judging it raised AttributeError: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_an_answer_is_told(what, folder):
    file, old, new, answer, said = WRONG[what]
    change(folder / "mine" / file, old, new)
    found = tried(folder, FRAMEWORKS[0], [1])
    assert any(said in fault for fault in found[answer]), found[answer]


def test_a_question_without_a_wrong_answer_is_told(folder):
    path = folder / "mine" / "wrong.py"
    path.write_text(path.read_text("utf8").replace('"mine.affine"', '"mine.other"'), "utf8")
    (exercises,) = find_exercises(PROJECT, ["mine"], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)["mine"], FRAMEWORKS[0])
    told = {trial.subject: trial.run() for trial in trials.all([1])}
    assert told["mine.affine"] == ["no wrong answer is tried"]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("wrong.py", 'cut_off, {"the gradients"}', "cut_off",
         "yield 4 values, the question, a few words, the answer, the aspects on which it fails; "
         "got 3 values"),
        ("wrong.py", 'cut_off, {"the gradients"}', 'cut_off, "the gradients"',
         "write the aspects as {'the gradients'}, in braces"),
        ("wrong.py", '"the input cut off"', "3", "a few words must be a text in quotes, got 3"),
        ("right.py", '"the bias first", bias_first', "bias_first",
         "yield 3 values, the question, a few words, the answer; got 2 values"),
    ],
)  # fmt: skip
def test_an_answer_in_another_form_is_told_with_its_line(file, old, new, said, folder):
    line = (folder / "mine" / file).read_text("utf8").partition(old)[0].count("\n") + 1
    path = change(folder / "mine" / file, old, new)
    (exercises,) = find_exercises(PROJECT, ["mine"], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)["mine"], FRAMEWORKS[0])
    told = [(one.place, *one.run()) for one in trials.all([1]) if one.run()]
    assert told == [(f"{path}:{line}", said)]


def test_a_fault_names_the_file_and_the_line(folder):
    (exercises,) = find_exercises(PROJECT, ["mine"], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)["mine"], FRAMEWORKS[0])
    places = {trial.subject.partition(", ")[2]: trial.place for trial in trials.all([1])}
    for answer, file, text in (
        ("the solution", "text.md", 'check("mine.affine"'),
        ("right answer “the bias first”", "right.py", 'yield "mine.affine"'),
        ("wrong answer “twice as much”", "wrong.py", 'yield "mine.affine", "twice'),
    ):
        path = folder / "mine" / file
        line = path.read_text("utf8").partition(text)[0].count("\n") + 1
        assert places[answer] == f"{path.as_posix()}:{line}"


def test_an_exception_is_told_with_the_line_of_the_author(folder):
    path = change(folder / "mine" / "question.py", "draw.integer(8, 9)", "draw.integer([], 9)")
    line = path.read_text("utf8").partition("draw.integer([], 9)")[0].count("\n") + 1
    (fault, *_) = tried(folder, FRAMEWORKS[0], [1])["the solution"]
    assert fault.startswith("judging it raised ") and fault.endswith(f"({path}, line {line})")


def test_what_is_wrong_on_several_seeds_is_told_once():
    faults = [
        TrialFault("wrong.py:3", "a", "pytorch", seed, f"it fails: {seed}") for seed in (5, 7)
    ]
    faults += [TrialFault("wrong.py:3", "a", "pytorch", 7, "it earns nothing")]
    assert list(in_lines(faults, 4)) == [
        "wrong.py:3: a, in pytorch: it fails: 5 (seed 5, 7; 2 of 4)",
        "wrong.py:3: a, in pytorch: it earns nothing (seed 7; 1 of 4)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("f.tensor(array)", "f.tenser(array)", "object has no attribute 'tenser'"),
        ("given.x, given.layer.kernel, given.layer.bias)]", "given.y, given.x)]",
         "AttributeError: there is no input 'y'; there are: x, layer, v"),
        ("f.tensor(array)", "f.tensor(arra)", "NameError: name 'arra' is not defined"),
        ("f.tensor(array)", "f.tensor(array.shpe)", "has no attribute 'shpe'"),
    ],
)  # fmt: skip
def test_an_exception_of_run_is_told_of_the_question_and_not_of_answers(old, new, said, folder):
    path = change(folder / "mine" / "question.py", old, new)
    line = path.read_text("utf8").partition(new)[0].count("\n") + 1
    (exercises,) = find_exercises(PROJECT, ["mine"], folder)
    trials = ChapterTrials(PROJECT, exercises, files_in(folder)["mine"], FRAMEWORKS[0])
    answers = []
    for trial in trials.all([1]):
        try:
            trial.run()
        except QuestionError as error:
            answers.append(trial.subject)
            assert (error.question, error.place) == ("mine.affine", f"{path}:{line}")
            assert said in str(error) and error.place not in str(error)
    assert {"mine.affine, the solution", "mine.affine, right answer “the bias first”"} <= {*answers}


def test_an_exception_of_run_is_told_once_with_its_place(folder):
    path = change(folder / "mine" / "question.py", "f.tensor(array)", "f.tenser(array)")
    line = path.read_text("utf8").partition("f.tenser")[0].count("\n") + 1
    faults = make_trials(Work(PROJECT, ["mine"], folder, FRAMEWORKS[0], [1, 2]))
    told = [one for one in in_lines(faults, 2) if "the question's own code" in one]
    place = f"{path}:{line}: mine.affine, in {FRAMEWORKS[0]}: the question's own code raised "
    assert len(told) == 1 and told[0].startswith(place) and "(seed" not in told[0]


# -- the process -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_answer_that_ends_the_process_is_told_and_the_others_are_tried(folder, capsys):
    command = ["check-questions", "mine", "--private", str(folder), "--seeds", "1"]
    command += ["--framework", FRAMEWORKS[0]]
    assert main(command) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == "in order, on 2 seeds: mine\n"
    wrong = change(folder / "mine" / "wrong.py", "return X @ W\n", "import os; os._exit(3)\n")
    change(folder / "mine" / "right.py", "return b + X @ W", "return b - X @ W")
    assert main([*command, "--seed", "7"]) == 1
    lines = capsys.readouterr().err.splitlines()
    place = f"error: {folder.as_posix()}/mine"
    line = wrong.read_text("utf8").partition('yield "mine.affine"')[0].count("\n") + 1
    assert lines[-1] == (
        f"{place}/wrong.py:{line}: mine.affine, wrong answer “the bias left out”, in "
        f"{FRAMEWORKS[0]}: it ended the process (exit status 3) (seed 7; 1 of 1)"
    )
    assert any("right.py" in one and "it fails on “the output”" in one for one in lines)


SCRIPT = """
import json, sys, time
task = json.load(sys.stdin)
if task["skip"]:
    print(json.dumps({"finished": "mine"}), flush=True)
else:
    at = {"place": "wrong.py:3", "subject": "an answer", "key": "k", "chapter": "mine", "seed": 1}
    print(json.dumps({"at": at}), flush=True)
    {end}
"""


def work(folder):
    return Work(PROJECT, ["mine"], folder, FRAMEWORKS[0], [None])


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("time.sleep(600)", "it did not end within 5 seconds; it is tried on no further seed"),
        ("sys.exit(0)", "it ended the process (exit status 0)"),
    ],
)
def test_an_answer_that_does_not_end_or_ends_all_is_told(end, said, tmp_path, monkeypatch):
    real, script = subprocess.Popen, SCRIPT.replace("{end}", end)
    monkeypatch.setattr(
        trial_process.subprocess,
        "Popen",
        lambda command, **options: real([sys.executable, "-c", script], **options),
    )
    monkeypatch.setattr(trial_process, "QUIET_SECONDS", 2.0)
    notes = []
    (fault,) = make_trials(work(tmp_path), seconds=5, on_quiet=notes.append)
    if "within" in said:
        place = f"an answer, in {FRAMEWORKS[0]}: "
        assert f"{place}no result after 2 seconds; it is stopped after 5" in notes
    assert (fault.place, fault.subject, fault.seed) == ("wrong.py:3", "an answer", 1)
    assert fault.message == said


@pytest.mark.slow
def test_an_endless_answer_is_tried_once(folder):
    change(folder / "mine" / "wrong.py", "return X @ W\n", "while True: pass\n")
    task = Work(PROJECT, ["mine"], folder, FRAMEWORKS[0], [None, 1, 2])
    faults = make_trials(task, seconds=30)
    assert [one.subject for one in faults] == ["mine.affine, wrong answer “the bias left out”"]
    assert "it did not end within 30 seconds" in faults[0].message


PARENT = """
import subprocess, sys
from editions.exercises import trial_process
real = subprocess.Popen
def started(*given, **options):
    process = real(*given, **options)
    print(process.pid, flush=True)
    return process
trial_process.subprocess.Popen = started
sys.argv[1:] = ["check-questions", "mine", "--private", sys.argv[1], "--framework", sys.argv[2]]
from editions.command_line import main
main()
"""


def test_a_process_ends_with_its_parent(folder):
    endless = "    pass\n\n\nwhile True:\n    pass"
    change(folder / "mine" / "text.md", "    return X @ W + b", endless)
    command = [sys.executable, "-c", PARENT, str(folder), FRAMEWORKS[0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(3)
        parent.kill()
    for _ in range(100):
        if not Path(f"/proc/{pid}/stat").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("it went on")


def test_a_process_that_cannot_begin_is_an_error(tmp_path, monkeypatch):
    real = subprocess.Popen
    script = "import sys; sys.stdin.read(); sys.exit('no such framework')"
    monkeypatch.setattr(
        trial_process.subprocess,
        "Popen",
        lambda command, **options: real([sys.executable, "-c", script], **options),
    )
    with pytest.raises(EditionsError, match=r"exit status 1\): no such framework"):
        make_trials(work(tmp_path))


def test_a_command_that_is_mistyped_is_told(tmp_path, capsys):
    for typed, said in (
        (["--private", str(tmp_path / "gone")], "there is no such folder of exercises"),
        (["gone"], "there are no exercises called gone; there are: "),
        (["--private", str(tmp_path)], "it holds no exercises, such as blocks/question.py"),
    ):
        assert main(["check-questions", *typed]) == 1
        assert said in capsys.readouterr().err


# -- seeds -----------------------------------------------------------------------------------------


def git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_the_seeds_change_with_the_commit(tmp_path, monkeypatch):
    monkeypatch.delenv(judged_seeds.VARIABLE, raising=False)
    for name in ("NAME", "EMAIL"):
        for who in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{who}_{name}", "someone@example.org")
    (tmp_path / "exercises").mkdir()
    path = tmp_path / "exercises" / "question.py"
    found = []
    for text in ("x = 1\n", "x = 2\n"):  # without git, by the sources
        path.write_text(text)
        found += [judged_seeds.judged_seeds(tmp_path)] * 2
        assert judged_seeds.judged_seeds(tmp_path) == found[-1]
    git(tmp_path, "init", "--quiet")
    for message in ("one", "two"):
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", message)
        found.append(judged_seeds.judged_seeds(tmp_path))
        path.write_text(message)  # what is not committed changes nothing
        assert judged_seeds.judged_seeds(tmp_path) == found[-1]
    assert len(set(found)) == 4
    assert all(len(set(seeds)) == judged_seeds.COUNT > 0 for seeds in found)
    nested = tmp_path / "nested"  # an archive that was unpacked in a checkout of something else
    (nested / "exercises").mkdir(parents=True)
    assert judged_seeds.judged_seeds(nested) not in found


def test_the_seeds_can_be_repeated(monkeypatch):
    monkeypatch.setenv(judged_seeds.VARIABLE, "17 42")
    assert judged_seeds.judged_seeds(ROOT) == (17, 42)
    monkeypatch.setenv(judged_seeds.VARIABLE, "17, 42")
    with pytest.raises(EditionsError, match="it holds seeds, such as 17 42"):
        judged_seeds.judged_seeds(ROOT)
