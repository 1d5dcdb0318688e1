"""The means of isolation: what the machine offers, control groups, and what is staged."""

import os
import sys

import pytest
from grader.sandbox import cgroups, machine, stage
from grader.sandbox.limits import Limits


def test_what_python_needs_is_shown_and_no_more():
    shown = machine.python_paths()
    assert any(sys.prefix == one or sys.prefix.startswith(f"{one}/") for one in shown)
    for folder in ("/", "/home", "/root", "/etc", "/tmp", "/var", os.getcwd()):
        assert folder not in shown
    assert machine.exposing_folder(stage.Path(sys.prefix) / "lib") is not None
    assert machine.exposing_folder(stage.Path("/etc/passwd")) is None


@pytest.mark.parametrize(
    ("file", "value", "said"),
    [
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "Ubuntu 24.04"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0", "max_user_namespaces"),
        ("", "", "--unsafe-no-sandbox"),
    ],
)
def test_advice_fits_the_system(monkeypatch, file, value, said):
    monkeypatch.setattr(machine, "_value", lambda path: value if str(path) == file else "")
    assert said in machine._advice("It failed.")


def test_advice_in_a_container_and_elsewhere(monkeypatch):
    monkeypatch.setattr(machine.Path, "exists", lambda path: str(path) == "/.dockerenv")
    assert "seccomp=unconfined" in machine._advice("It failed.")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux" in machine._advice("It failed.")


# -- control groups ----------------------------------------------------------------------------


def test_a_group_limits_and_goes(this_machine):
    if this_machine.cgroups is None:
        assert any("cannot be written" in one for one in this_machine.summary)
        pytest.skip("this machine has no control groups")
    group = this_machine.cgroups.make(Limits(memory=2**28, processes=17))
    folder = group.folders[min(1, len(group.folders) - 1)]
    assert (folder / "pids.max").read_text().strip() == "17"
    name = "memory.max" if this_machine.cgroups.version == 2 else "memory.limit_in_bytes"
    assert (group.folders[0] / name).read_text().strip() == str(2**28)
    assert group.pids() == []
    assert group.remove() and not folder.exists()


def _version_2(root, controllers, passed_on):
    """A folder that looks like a group of version 2."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("cgroup.controllers", controllers),
        ("cgroup.subtree_control", passed_on),
        ("cgroup.procs", ""),
    ):
        (root / name).write_text(text)
    return root


def test_version_2_where_controllers_are_passed_on(tmp_path):
    root = _version_2(tmp_path / "root", "cpu memory pids", "cpu memory pids")
    own = _version_2(root / "user" / "scope", "memory pids", "")
    (root / "user" / "cgroup.subtree_control").write_text("cpu")
    assert cgroups._delegated(own, root) == root


def test_version_2_where_the_grader_makes_room(tmp_path):
    own = _version_2(tmp_path / "own", "memory pids", "")
    (own / "cgroup.procs").write_text("")
    assert cgroups._delegated(own, own) == own
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert (own / "d2l-grader-itself").is_dir()


def test_version_2_without_controllers(tmp_path):
    own = _version_2(tmp_path / "own", "cpu", "")
    with pytest.raises(OSError, match="not available"):
        cgroups._delegated(own, own)


# -- what is put into the sandbox --------------------------------------------------------------

CHAPTER = '''
"""Text."""
from __future__ import annotations
import math
import numpy as np
from d2lexercises.networks import in_words, make_layers
from d2lexercises.vocabulary import Aspect, function, question
LIMIT: int = 3
SECRET = math.pi
ONE = question("a.b", "T", takes=function)
def right(x): return {"x": make_layers(x, None), "limit": LIMIT}
def drawn(draw): return {"x": draw.integer(1, SECRET)}
ONE.inputs(drawn)
@ONE.aspect("c", 1)
class Base(Aspect):
    "A hint."
    def run(answer, given, f): return right(answer)
    def expect(given): return SECRET
    def shown(given): return in_words(given.x)
@ONE.aspect("d", 1, over="x")
class Further(Base):
    def judge(given, found): return hidden(found)
    expect = None
def hidden(found): return SECRET
'''
FIRST_EDITION = """
from d2lcompute.checks.networks import data as drawn, make_layers
from d2lcompute.checks.question import Question, judge_by
SECRET = 3
def inputs(rng): return drawn(rng)
def probe(answer, inputs, framework): return helper(answer)
def helper(answer): return {"x": make_layers(answer, None)}
def judge(inputs, outputs, framework): return SECRET
QUESTIONS = (Question("a.b", "T", 1, inputs, probe, judge, "1"),)
"""


def staged(tmp_path, name, text):
    """The code of a file of questions, and of all other files, in the sandbox."""
    file = tmp_path / "private" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    stage.make_stage(tmp_path / "stage", tmp_path / "private")
    return (tmp_path / "stage" / "private" / name).read_text()


def test_only_what_runs_an_answer_and_what_it_uses(tmp_path):
    text = staged(tmp_path, "networks/question.py", CHAPTER)
    for name in ("def run", "def right", "LIMIT", "QUESTIONS", "make_layers", "'a.b'"):
        assert name in text
    for name in (
        "SECRET",
        "math",
        "drawn",
        "in_words",
        "expect",
        "judge",
        "hidden",
        "hint",
        "shown",
    ):
        assert name not in text, name
    whole = "".join(path.read_text() for path in (tmp_path / "stage" / "d2lexercises").glob("*.py"))
    assert "def make_layers" in whole and "def plain" in whole
    for name in ("by_hand", "in_words", "class Draw:", "same_plain", "def compare", "need_form"):
        assert name not in whole, name


def test_only_the_probe_of_a_question_of_the_first_edition(tmp_path):
    text = staged(tmp_path, "demo.py", FIRST_EDITION)
    for name in ("def probe", "def helper", "QUESTIONS", "make_layers"):
        assert name in text
    for name in ("SECRET", "judge", "def inputs", "drawn"):
        assert name not in text, name


def test_a_run_that_cannot_be_found_by_its_name_is_refused(tmp_path):
    text = CHAPTER + "ONE.aspect('e', 1)(type('Made', (Base,), {'run': lambda a, g, f: 1}))"
    with pytest.raises(ValueError, match="stand at the top of its file"):
        staged(tmp_path, "networks/question.py", text)


@pytest.mark.parametrize(
    "more",
    [
        "EXPECTED = {}\nEXPECTED['x'] = SECRET",
        "EXPECTED = {}\nEXPECTED.update(x=SECRET)",
        "if LIMIT:\n    EXPECTED = SECRET",
        "EXPECTED = SECRET\ndef plain(x): EXPECTED = x; return EXPECTED",  # a local name
        "EXPECTED = [answer for answer in (SECRET,)]",
        "class Local:\n    EXPECTED = SECRET",
        "for n in (1, 2):\n"
        "    @ONE.aspect(f'loop {n}', 1)\n"
        "    class Made(Aspect):\n"
        "        run = Base.run\n"
        "        def expect(given): return SECRET\n",
    ],
)
def test_expected_values_stay_outside_however_they_are_written(tmp_path, more):
    text = CHAPTER.replace("def right(x): return {", "def right(x): return plain(x) and {")
    text += "def plain(x): return x\n" if "def plain" not in more else ""
    code = staged(tmp_path, "networks/question.py", f"{text}{more}\n")
    assert "def plain" in code
    for name in ("SECRET", "expect", "Made", "math", "EXPECTED ="):
        assert name not in code or (name == "EXPECTED =" and "EXPECTED = x" in code), name


@pytest.mark.parametrize(
    "more", ["TABLE['x'] = 1", "TABLE.update(x=1)", "if LIMIT:\n    TABLE['x'] = 1"]
)
def test_what_fills_a_table_that_a_run_uses_comes_with_it(tmp_path, more):
    text = CHAPTER.replace('{"x": make_layers(x, None)', "{**TABLE")
    assert more in staged(tmp_path, "networks/question.py", f"{text}TABLE = {{}}\n{more}\n")


def test_a_run_that_uses_an_aspect_of_which_values_would_come_with_it_is_refused(tmp_path):
    text = CHAPTER.replace(
        "def judge(given", "def run(answer, given, f): return Base\n    def judge(given"
    )
    with pytest.raises(ValueError, match=r"uses the class Base, of which expect, shown must not"):
        staged(tmp_path, "networks/question.py", text)


def test_a_notebook_that_works_with_a_failed_case_goes_on(tmp_path):
    stage.make_stage(tmp_path)
    for package in ("d2lexercises", "d2lcompute/checks"):
        names = {}
        exec((tmp_path / package / "__init__.py").read_text(), names)
        failed = names["case"]("a.b")
        assert repr(failed.given.x[0]) == "" and repr(names["hint"]("a.b")) == ""
        assert not hasattr(failed, "__array__")


def test_no_judge_of_a_real_chapter_is_left(tmp_path):
    import d2lexercises

    stage.make_stage(tmp_path / "stage")
    for path in (tmp_path / "stage").rglob("*.py"):
        text = path.read_text()
        for name in (
            "judge_by(",
            "same_array(",
            "def expect",
            "def judge",
            "class Draw:",
            "def compare(",
        ):
            assert name not in text, path
    for chapter in d2lexercises.chapters():
        text = (tmp_path / "stage" / "chapters" / chapter / "question.py").read_text()
        assert "QUESTIONS" in text
        for question in d2lexercises.questions(chapter).values():
            draws = getattr(question, "draws", None) or question.inputs
            assert f"def {draws.__name__}(" not in text, question.name
