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
    folder = group.folders[-1]
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
from d2lcompute.checks.question import Question
from d2lcompute.checks.shared import right, drawn as draw
LIMIT: int = 3
SECRET = math.pi
def inputs(rng): return draw(rng)
def probe(answer, inputs, framework): return helper(answer)
def helper(answer): return {"x": right(answer), "limit": LIMIT}
def judge(inputs, outputs, framework): return SECRET
ONE = Question("a.b", "T", 1, inputs, probe, judge, "1")
QUESTIONS = (ONE,)
'''
SHARED = "def right(x): return other(x)\ndef other(x): return x\ndef drawn(rng): return 1\n"


def test_only_probes_and_what_they_use():
    left = stage.probes_of({"a": CHAPTER, "shared": SHARED, "question": "kept = 1"})
    assert left["question"] == "kept = 1"
    for name in ("judge", "SECRET", "math", "inputs(rng)", "draw"):
        assert name not in left["a"].replace("def probe(answer, inputs,", "")
    for name in ("def probe", "def helper", "LIMIT", "QUESTIONS", "right"):
        assert name in left["a"]
    assert "other" in left["shared"] and "drawn" not in left["shared"]


def test_no_judge_of_a_real_chapter_is_left(tmp_path):
    from d2lcompute import checks

    stage.make_stage(tmp_path / "stage")
    for chapter in checks.chapters():
        name = f"{checks.module_of(chapter)}.py"
        text = (tmp_path / "stage" / "d2lcompute" / "checks" / name).read_text()
        assert "judge_by(" not in text and "same_array(" not in text, chapter
        for question in checks.questions(chapter).values():
            assert f"def {question.inputs.__name__}(" not in text, question.name
        assert "QUESTIONS" in text
