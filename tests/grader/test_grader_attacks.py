"""Attacks from within a submission, on both ways of running submissions.

Each fails, and succeeds if the one defence against it is taken down.
"""

import base64
import dataclasses
import json
import os
import pickle
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

import attacks
import naive
import numpy as np
import pytest
from attacks import FULL, OTHERS, answering, attacking, honest
from grader.judging import session
from grader.sandbox import limits, machine, stage
from grader_tools import QUESTIONS, QUICK, Ground


@pytest.fixture(autouse=True)
def unharmed(ground):
    """After each attack the next submission gets its marks, from the same sandbox."""
    before = dict(getattr(ground.starter(ground.config()), "_running", {}))
    yield
    assert ground.marks(honest())[0] == FULL
    after = getattr(ground.starter(ground.config()), "_running", {})
    assert all(after[name] is zygote for name, zygote in before.items())
    assert not _groups()


def _groups():
    """Control groups of workers that still exist, except for those of waiting zygotes."""
    name = f"d2l-grader-{os.getpid()}-"
    folders = (folder for folder, _, _ in os.walk("/sys/fs/cgroup"))  # others' groups come and go
    found = [Path(one, "cgroup.procs") for one in folders if Path(one).name.startswith(name)]
    return [one for one in found if _is_left_over(one)]


def _is_left_over(procs):
    commands = [Path("/proc", pid, "cmdline") for pid in procs.read_text().split()]
    return any(b"zygote" not in file.read_bytes() for file in commands if file.exists())


def _marked(marker):
    """The processes whose command line holds the marker."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if marker.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                pass
    return found


@pytest.fixture
def marker():
    return f"mark-{uuid.uuid4().hex}"


@pytest.fixture
def victim(this_machine, marker):
    """A process outside of the sandbox, of the user that student code runs as, with a secret."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"read line # {marker}"],
        stdin=subprocess.PIPE,
        env={"SECRET": marker},
        **machine.as_user(this_machine.user),
    )
    yield process
    process.kill()
    process.communicate()


# -- using too much ----------------------------------------------------------------------------


@pytest.mark.slow
def test_endless_loop_in_an_answer(ground):
    marks, transcript = ground.marks(answering(attacks.LOOP), sizes=QUICK)
    assert marks == OTHERS
    assert transcript.answers["demo.scaled"].status == "hung"
    assert ground.marks(answering(attacks.LOOP), sizes=QUICK, time_limit=False)[0] == FULL


@pytest.mark.slow
def test_on_an_overloaded_machine_what_hangs_gets_more_time(ground, monkeypatch):
    monkeypatch.setattr(session, "_overloaded", lambda: True)
    marks, transcript = ground.marks(answering(attacks.LOOP), sizes=QUICK)
    assert marks == FULL
    assert transcript.starts == 2


def test_overloading_the_machine_wins_time_once(ground, monkeypatch):
    monkeypatch.setattr(session, "_overloaded", lambda: True)
    found = session._Session(
        [], [], "numpy", dict, ground.starter(ground.config()), QUICK, limits.ALL_DEFENCES, None
    )
    for place in ("0.0", "1.0", "2.0"):
        assert found._blame(place, session.HUNG)
    assert (found.until, found.slack) == (QUICK.submission_seconds, 3.0)


@pytest.mark.slow
def test_endless_loop_in_a_cell(ground):
    marks, transcript = ground.marks(attacking("while True: pass"), sizes=QUICK)
    assert marks == OTHERS
    assert "hung at 0.0" in transcript.notes


@pytest.mark.slow
def test_memory(ground):
    assert ground.marks(answering(attacks.MEMORY))[0] == OTHERS
    assert ground.marks(answering(attacks.MEMORY), memory=False)[0] == FULL


def test_memory_of_all_processes_together(ground):
    if ground.machine.cgroups is None:
        assert "memory is limited for each process" in " ".join(ground.machine.summary)
        pytest.skip("this machine has no control groups")
    assert ground.marks(answering(attacks.MEMORY_OF_MANY))[0] == OTHERS
    assert ground.marks(answering(attacks.MEMORY_OF_MANY), memory=False)[0] == FULL


def test_fork_bomb(ground):
    assert ground.marks(answering(attacks.FORKS))[0] == OTHERS
    assert ground.marks(answering(attacks.FORKS), processes=False)[0] == FULL


@pytest.mark.slow
def test_output_flood(ground):
    assert ground.marks(answering(attacks.FLOOD))[0] == FULL  # it is discarded
    marks, transcript = ground.marks(answering(attacks.FLOOD), sizes=QUICK, quiet=False)
    assert marks["scaled"] == 0  # it fills the pipe, and the answer blocks
    assert transcript.answers["demo.scaled"].status == "hung"


def test_large_file(ground):
    assert ground.marks(answering(attacks.LARGE_FILE))[0] == OTHERS
    assert ground.marks(answering(attacks.LARGE_FILE), file_size=False)[0] == FULL


# -- ending it ---------------------------------------------------------------------------------


def test_exit_in_an_answer(ground):
    assert ground.marks(answering(attacks.EXIT))[0] == OTHERS
    assert ground.marks(answering(attacks.EXIT), restart=False)[0] == dict.fromkeys(FULL, 0.0)


@pytest.mark.parametrize("code", [attacks.EXIT, "raise SystemExit", "raise KeyboardInterrupt"])
def test_exit_in_a_cell(ground, code):
    assert ground.marks(attacking(code))[0] == OTHERS


def test_dying_again_and_again_under_false_names(ground):
    lie = attacks.SOCKETS + 'say(b\'{"at":"900000.1"}\')\nos._exit(0)'
    marks, transcript = ground.marks(attacking(lie))
    assert marks == dict.fromkeys(FULL, 0.0)  # its own
    assert transcript.starts <= 20


def test_crash_in_native_code(ground):
    assert ground.marks(answering("import ctypes\nctypes.string_at(0)"))[0] == OTHERS


def test_killing_all_that_can_be_seen(ground):
    assert ground.marks(attacking(attacks.KILL_ALL))[0] == OTHERS
    everything = attacks.KILL_ALL + "\nif os.getpid() < 50:\n    os.kill(-1, 9)"
    assert ground.marks(attacking(everything))[0] == OTHERS


def test_killing_a_process_outside(ground, victim, marker):
    attack = attacks.KILL_MARKED.format(marker=marker)
    assert ground.marks(attacking(attack))[0] == OTHERS
    assert victim.poll() is None
    ground.marks(attacking(attack), namespaces=False)
    assert victim.wait(5) == -signal.SIGKILL


# -- reading -----------------------------------------------------------------------------------


def test_reading_the_judge_from_disk(ground):
    assert ground.marks(attacking(attacks.OWN_CHECKS, "pass"))[0] == OTHERS
    assert ground.marks(attacking(attacks.OWN_CHECKS, "pass"), pruned=False)[0] == FULL


def test_reading_another_submission(ground, open_folder):
    cell = {"source": attacks.HONEST["scaled"]}
    (open_folder / "best.ipynb").write_text(json.dumps({"cells": [cell]}))
    cells = attacking(attacks.OTHER_SUBMISSION.format(folder=open_folder), "pass")
    assert ground.marks(cells, shown=open_folder)[0] == OTHERS
    assert ground.marks(cells, shown=open_folder, hidden=False)[0] == FULL


def test_reading_memory(ground, victim, marker):
    attack = answering(attacks.READ_MEMORY.format(marker=marker))
    said = str(ground.marks(attack)[1].answers["demo.scaled"])
    assert "READ" in said and "MARKER" not in said


def test_reading_memory_without_a_sandbox(this_machine, stages, demo, victim, marker):
    open_ground = Ground("none", machine.find_machine(unsafe=True), stages, demo)
    attack = answering(attacks.READ_MEMORY.format(marker=marker))
    assert "THE MARKER" in str(open_ground.marks(attack)[1].answers["demo.scaled"])


def test_the_zygote_cannot_be_read(ground):
    if ground.kind != "zygote":
        pytest.skip("a sandbox of its own has no zygote")

    def said(**down):
        cells = answering(attacks.READ_ZYGOTE)
        outputs = ground.marks(cells, **down)[1].answers["demo.scaled"].outputs
        return outputs["scaled"]["error"]["message"].split()

    assert said(namespaces=False) == ["READ"]  # nothing, although in the same namespaces
    down = {"namespaces": False, "unreadable_parent": False}
    assert said(**down) == ["READ", "environ", "maps", "fd/0", "mem", "cwd/."]


def test_system_calls_that_no_answer_needs(ground):
    assert ground.marks(answering(attacks.FORBIDDEN_CALLS))[0] == OTHERS
    assert ground.marks(answering(attacks.OWN_NAMESPACE))[0] == OTHERS
    assert ground.marks(answering(attacks.FORBIDDEN_CALLS), calls=False)[0] == FULL
    if ground.kind == "zygote":  # in the other sandbox bubblewrap refuses it too
        assert ground.marks(answering(attacks.OWN_NAMESPACE), calls=False)[0] == FULL


def test_sockets_that_lead_out_of_the_namespace(ground):
    cells = answering(attacks.OTHER_SOCKETS)
    assert ground.marks(cells)[0] == OTHERS
    try:
        exec(attacks.OTHER_SOCKETS, {})
    except OSError:
        pytest.skip("this kernel has no VSOCK sockets")
    assert ground.marks(cells, calls=False)[0] == FULL


def test_leaving_its_processors(ground):
    everywhere = f"import os\nos.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))})"
    cells = answering(f"{everywhere}\nassert len(os.sched_getaffinity(0)) > 1")
    one = {"cpus": (min(os.sched_getaffinity(0)),)}
    if os.sched_getaffinity(0) == set(one["cpus"]):
        pytest.skip("this machine has one processor")
    assert ground.marks(cells, **one)[0] == OTHERS
    assert ground.marks(cells, **one, calls=False)[0] == FULL


def test_network(ground):
    with socket.create_server(("127.0.0.1", 0)) as server:
        cells = answering(attacks.CONNECT.format(port=server.getsockname()[1]))
        assert ground.marks(cells)[0] == OTHERS
        assert ground.marks(cells, namespaces=False)[0] == FULL


# -- writing and staying -----------------------------------------------------------------------


def test_writing_outside(ground, open_folder):
    inside = ["/home", os.getcwd(), str(Path(__file__).parent), str(open_folder)]
    cells = answering(attacks.WRITE.format(folders=inside))
    assert ground.marks(cells, shown=open_folder)[0] == FULL  # it failed everywhere
    assert not list(open_folder.iterdir())
    ground.marks(cells, shown=open_folder, hidden=False)
    assert not list(open_folder.iterdir())
    ground.marks(cells, shown=open_folder, read_only=False)
    assert [path.name for path in open_folder.iterdir()] == ["written-by-attack"]
    for folder in inside[:-1]:
        assert not Path(folder, "written-by-attack").exists()


@pytest.mark.parametrize("path", ["/dev/full", "/proc/sys/kernel/core_pattern"])
def test_files_of_root_cannot_be_changed(ground, tmp_path, path):
    assert ground.machine.user != 0
    cells = answering(attacks.SETTINGS_OF_THE_SYSTEM.format(path=path))
    assert ground.marks(cells)[0] == OTHERS
    if os.getuid() != 0:
        pytest.skip("only root can take this defence down")
    if ground.kind == "zygote" and path.startswith("/proc"):
        pytest.skip("a forked worker sees no /proc")
    as_root = dataclasses.replace(ground.machine, user=None, needs_outer=False)
    stage.make_stage(tmp_path / "pruned", QUESTIONS)
    unsafe = Ground(ground.kind, as_root, tmp_path, ground.demo)
    assert unsafe.marks(cells, dies_first=False)[0] == FULL
    unsafe.close()


def test_background_processes(ground, marker):
    cells = attacking(attacks.BACKGROUND.format(marker=marker), attacks.HONEST["scaled"])
    assert ground.marks(cells)[0] == FULL
    assert not _marked(marker)
    ground.marks(cells, namespaces=False, reap=False)
    until = time.monotonic() + 10
    while not (left := _marked(marker)) and time.monotonic() < until:
        time.sleep(0.05)  # until it has a command line
    assert left
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def test_traces_for_the_next_submission(ground):
    ground.marks(attacking(attacks.LEAVE_TRACES))
    assert ground.marks(attacking(attacks.FIND_TRACES, "pass"))[0] == OTHERS
    if ground.kind == "zygote":
        ground.marks(attacking(attacks.LEAVE_TRACES), namespaces=False)
        found = ground.marks(attacking(attacks.FIND_TRACES, "pass"), namespaces=False)[0]
        assert found == FULL


# -- talking into a mark -----------------------------------------------------------------------


def test_patches(ground, stages):
    cells = attacking(attacks.PATCHES, "pass")
    marks, _ = ground.marks(cells)
    assert marks["scaled"] == 0
    assert naive.points(stages / "whole", cells, "demo.scaled") == 10


def test_always_equal(ground, stages):
    cells = attacking(attacks.ALWAYS_EQUAL, "pass")
    assert ground.marks(cells)[0] == OTHERS
    assert naive.equal(stages / "whole", cells, "demo.scaled")


@pytest.mark.parametrize("value", ["np.nan", "np.inf", "-np.inf"])
def test_not_finite(ground, value):
    cells = answering(attacks.NOT_FINITE.format(value=value))
    assert ground.marks(cells)[0] == OTHERS
    # A comparison that does not think of it finds nothing wrong with nan.
    assert not (np.abs(np.full(3, np.nan) - np.ones(3)) > 1e-4).any()


def test_prewritten_replies(ground):
    marks, transcript = ground.marks(attacking(attacks.PREWRITTEN))
    assert marks == OTHERS
    assert "forged" not in str(transcript.answers)


def test_arrays_in_place_of_text(ground):
    cells = answering(attacks.ARRAYS_EVERYWHERE, attacks.SOCKETS)
    marks, transcript = ground.marks(cells)
    assert marks == OTHERS
    assert transcript.answers["demo.scaled"].status == "answered"
    before = attacks.SOCKETS + attacks.ARRAYS_EVERYWHERE
    assert ground.marks(attacking(before))[0] == OTHERS


def test_steps_that_do_not_exist(ground):
    marks, transcript = ground.marks(attacking(attacks.SOCKETS + attacks.LONG_STEP))
    assert marks == OTHERS  # the cell that ran is blamed
    assert all(len(note) < 400 for note in transcript.notes)


def test_replies_without_the_nonce_of_the_request(ground):
    cells = answering(attacks.FORGE_WHILE_ASKED, attacks.SOCKETS)
    marks, transcript = ground.marks(cells)
    assert marks == OTHERS
    assert "forged" not in str(transcript.answers)
    transcript = ground.marks(cells, nonce=False)[1]
    assert "forged" in str(transcript.answers["demo.scaled"])


@pytest.mark.parametrize("flood", [attacks.FLOOD_REPLIES, attacks.HUGE_RAW])
def test_flooding_replies(ground, flood):
    marks, transcript = ground.marks(answering(flood, attacks.SOCKETS))
    assert marks == OTHERS
    assert transcript.answers["demo.scaled"].status == "flooded"


def test_huge_reply(ground):
    assert ground.marks(answering(attacks.HUGE_REPLY))[0] == OTHERS


def test_deep_and_strange_replies(ground):
    cells = answering(attacks.DEEP_RAW, attacks.SOCKETS)
    assert ground.marks(cells)[0] == OTHERS
    with pytest.raises(RecursionError):
        ground.marks(cells, decode=json.loads)


def test_pickle_in_a_reply(ground, tmp_path):
    made = tmp_path / "made"
    cells = answering(attacks.PICKLE.format(path=str(made)), attacks.SOCKETS)
    assert ground.marks(cells)[0] == OTHERS
    assert not made.exists()

    def trusting(line):
        try:
            return json.loads(line)
        except ValueError:
            return pickle.loads(base64.b64decode(line))

    ground.marks(cells, decode=trusting)
    assert made.exists()


def test_every_defence_is_up_by_default(ground):
    config = ground.config()
    assert all(vars(config.defences).values())
    assert config.decode is None and config.shown is None
