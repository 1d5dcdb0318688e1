"""What one submission can do to the class, to another's marks, and to what is private.

Each attack fails, and succeeds with the one defence against it taken down.
"""

import ctypes
import dataclasses
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import attacks
import pytest
from attacks import FULL, OTHERS, answering, honest
from grader import class_grading, data_folder
from grader.gradebook.database import Gradebook
from grader.judging import questions, session
from grader.sandbox import leaks, machine, processes, stage
from grader.sandbox.inside import seccomp
from grader_tools import QUESTIONS, QUICK, SMALL, Ground, notebook

EXAM = Path(__file__).parent / "exam"


def marks_of(book, assignment="demo"):
    """Points by student and question, and why the others are open."""
    with Gradebook(book) as gradebook:
        found = gradebook.student_marks(assignment)
    points = {
        one.student.id: {name.partition(".")[2]: mark.points for name, mark in one.marks.items()}
        for one in found
    }
    said = {one.student.id: {mark.said for mark in one.marks.values()} for one in found}
    return points, said


def graded(tmp_path, files, found=None, sizes=SMALL, **options):
    """Grade a class of notebooks; what it resulted in, and the marks."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for name, cells in files.items():
        (folder / f"{name}.ipynb").write_bytes(notebook(*cells))
    data = data_folder.DataFolder(tmp_path / "data")
    job = class_grading.GradingJob(
        *(folder, data, found or machine.find_machine()),
        chapter="demo",
        private=QUESTIONS,
        limits=sizes,
        **options,
    )
    summary = class_grading.grade_class(job)
    return summary, *marks_of(data.gradebook)


# -- others' marks -----------------------------------------------------------------------------


def test_no_more_jobs_than_processors(tmp_path, monkeypatch):
    monkeypatch.setattr(class_grading, "processors", lambda: 1)
    together = [0, 0]
    real = session.collect_answers

    def counted(*arguments, **named):
        together[0] += 1
        together[1] = max(together)
        try:
            return real(*arguments, **named)
        finally:
            together[0] -= 1

    monkeypatch.setattr(session, "collect_answers", counted)
    summary, points, _ = graded(tmp_path, {"ann": honest(), "ben": honest()}, jobs=8)
    assert points == {"ann": FULL, "ben": FULL} and together == [0, 1]
    assert any("1 at a time" in line for line in summary.machine)


def test_processors_are_those_that_may_be_used(monkeypatch):
    mine = os.sched_getaffinity(0)
    monkeypatch.setattr(processes, "_quotas", lambda: [])
    assert processes.processors() == len(mine)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert processes.processors() == 64
    monkeypatch.setattr(processes, "_quotas", lambda: [3.5, 1.2])
    assert processes.processors() == 2


def test_each_submission_has_a_share_of_its_own(this_machine):
    if this_machine.cgroups is None or len(this_machine.cgroups.parents) < 3:
        pytest.skip("control groups do not share the processors on this machine")
    group = this_machine.cgroups.make(SMALL)
    assert (group.folders[2] / "cpu.shares").read_text().strip() == "1024"
    assert group.remove()


@pytest.mark.slow
def test_what_hangs_without_using_a_processor_is_left_to_a_person(tmp_path, monkeypatch):
    files = {
        "waits": answering("import time\ntime.sleep(60)"),
        "cell": [*honest()[:3], "import time\ntime.sleep(60)\nin_order, scaled = None, scaled",
                 *honest()[3:], ],
        "loops": answering("while True: pass"),
    }  # fmt: skip
    monkeypatch.setattr(session, "_LITTLE", 0.2)  # this machine may be busy
    summary, points, said = graded(tmp_path, files, sizes=QUICK)
    assert points["waits"] == {**FULL, "scaled": None}
    assert any("of processor time" in one for one in said["waits"])
    assert points["loops"] == {**FULL, "scaled": 0.0}
    assert {"waits.ipynb", "cell.ipynb"} <= set(summary.alone)
    monkeypatch.setattr(session, "_LITTLE", 0.0)
    _, points, _ = graded(tmp_path, files, sizes=QUICK, again=True)
    assert points["waits"] == {**FULL, "scaled": 0.0}


def test_what_is_graded_again_alone_gets_its_marks(tmp_path, monkeypatch):
    real, asked = session.collect_answers, []

    def starved(cells, *arguments, alone=False, **named):
        transcript = real(cells, *arguments, alone=alone, **named)
        asked.append(alone)
        if not alone and "ann" in cells[0]:  # as if others had left it no time
            hung = dict.fromkeys(transcript.answers, session.Answer(session.HUNG))
            return dataclasses.replace(transcript, answers=hung, doubt="starved")
        return transcript

    monkeypatch.setattr(session, "collect_answers", starved)
    files = {"ann": ["# ann", *honest()], "ben": honest()}
    summary, points, _ = graded(tmp_path, files, jobs=2)
    assert points == {"ann": FULL, "ben": FULL}
    assert summary.alone == {"ann.ipynb": "starved"} and asked[-1] is True


# -- the class ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without_groups(ground, stages, demo):
    """The same machine, as if it had no control groups."""
    found = Ground(ground.kind, machine.find_machine(use_cgroups=False), stages, demo)
    yield found
    found.close()


HOLDING = attacks.MEMORY_OF_MANY.replace("time.sleep(0.5)", "time.sleep(3)")


@pytest.mark.slow
def test_memory_of_all_processes_is_watched_without_control_groups(without_groups):
    assert without_groups.marks(answering(HOLDING))[0] == OTHERS
    assert without_groups.marks(answering(HOLDING), memory=False)[0] == FULL


@pytest.mark.parametrize(
    "call",
    [
        "os.memfd_create('x')",
        "assert libc.shmget(0, 4096, 0o1600) >= 0",
        "assert libc.msgget(0, 0o1600) >= 0",
    ],
)
def test_memory_that_no_process_holds(ground, call):
    cells = answering(f"import ctypes, os, socket\nlibc = ctypes.CDLL(None)\n{call}")
    assert ground.marks(cells)[0] == OTHERS
    try:
        exec(call, {**globals(), "libc": ctypes.CDLL(None)})
    except (OSError, AssertionError):
        pytest.skip("this kernel has no such call")
    assert ground.marks(cells, calls=False)[0] == FULL


def test_pairs_of_sockets_of_other_families(ground):
    attack = """
import errno, socket
try:
    socket.socketpair(socket.AF_INET, socket.SOCK_STREAM)
except OSError as error:
    assert error.errno != errno.EAFNOSUPPORT  # the kernel itself says EOPNOTSUPP
"""
    assert ground.marks(answering(attack))[0] == OTHERS
    assert ground.marks(answering(attack), calls=False)[0] == FULL


def test_what_runs_in_the_sandbox_dies_first(ground):
    def scores(**down):
        worker = ground.starter(ground.config(**down)).start("numpy")
        try:
            pids = processes.family(worker._first)
            return {int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in pids}
        finally:
            worker.end()

    assert scores() == {1000}
    assert scores(dies_first=False) == {int(Path("/proc/self/oom_score_adj").read_text())}
    if ground.kind == "sandbox":  # a forked worker of NumPy sees no /proc
        lower = "open('/proc/self/oom_score_adj', 'w').write('0')"
        assert ground.marks(answering(lower))[0] == OTHERS
        assert ground.marks(answering(lower), dies_first=False)[0] == FULL


BUFFERS = """
import os, socket, time
children = 0
for _ in range(12):
    if os.fork() == 0:
        pairs, block = [], b"x" * 2**16
        for _ in range(120):
            try:
                pair = socket.socketpair()
            except OSError:
                break
            pairs.append(pair)
            for one in pair:
                one.setblocking(False)
                try:
                    while one.send(block): pass
                except OSError:
                    pass
        time.sleep(3)
        os._exit(0)
if any([os.wait()[1] for _ in range(12)]):
    raise MemoryError
"""


@pytest.mark.slow
def test_memory_in_the_buffers_of_sockets_is_watched(without_groups):
    assert without_groups.marks(answering(BUFFERS))[0] == OTHERS
    assert without_groups.marks(answering(BUFFERS), memory=False)[0] == FULL


def test_a_reader_of_the_gradebook_stops_nothing(tmp_path, monkeypatch):
    graded(tmp_path, {"ann": honest()})
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout=5: real(path, timeout=0.1))
    reader = real(tmp_path / "data" / "gradebook.sqlite", check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM marks").fetchall()
    ends = threading.Timer(3, reader.rollback)
    ends.start()
    _, points, _ = graded(tmp_path, {"ben": honest(), "carl": honest()})
    assert points == {"ann": FULL, "ben": FULL, "carl": FULL}
    ends.join()
    reader.close()


# A grader that a submission kills, in the way in which running out of memory does.
KILLED = """
import os, signal, sys
from pathlib import Path
from grader.judging import session
real = session.collect_answers
def collect_answers(cells, *arguments, **named):
    if "KILLS" in cells[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(cells, *arguments, **named)
session.collect_answers = collect_answers
from grader.gradebook import records
save = records.RecordStore.save
def saved(store, record):
    if "JUDGED" in record.cells[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    save(store, record)
records.RecordStore.save = saved
from grader import command_line
sys.exit(command_line.main(sys.argv[1:]))
"""


def killed_grader(tmp_path, files):
    """Grade a class of which one file may kill the grader; the exit status."""
    (tmp_path / "in").mkdir(exist_ok=True)
    for name, cells in files.items():
        (tmp_path / "in" / f"{name}.ipynb").write_bytes(notebook(*cells))
    words = ["--data", tmp_path / "data", "grade", tmp_path / "in", "--chapter", "demo"]
    words += ["--private", QUESTIONS, "--jobs", "1", "--one-sandbox-each"]
    path = os.pathsep.join(str(Path(one.__file__).parents[1]) for one in (class_grading, stage))
    path = os.pathsep.join([str(Path(__file__).parents[2]), *path.split(os.pathsep)])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, words)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_class_goes_on_past_the_file_that_stopped_it(tmp_path):
    files = {"ann": ["# KILLS", *honest()], "ben": honest(), "carl": honest()}
    assert killed_grader(tmp_path, files)[0] == -signal.SIGKILL  # ann is the first
    status, said = killed_grader(tmp_path, files)
    assert status == -signal.SIGKILL, said  # now she is the last
    points, _ = marks_of(tmp_path / "data" / "gradebook.sqlite")
    assert points == {"ben": FULL, "carl": FULL}
    assert killed_grader(tmp_path, files)[0] == -signal.SIGKILL
    status, said = killed_grader(tmp_path, files)
    assert status == 1 and "The grader died 2 times" in said
    points, _ = marks_of(tmp_path / "data" / "gradebook.sqlite")
    assert points == {"ann": dict.fromkeys(FULL), "ben": FULL, "carl": FULL}
    files["ann"] = ["# better", *honest()]
    status, said = killed_grader(tmp_path, files)
    assert status == 0, said
    assert marks_of(tmp_path / "data" / "gradebook.sqlite")[0]["ann"] == FULL


ENDLESS = """
import os, sys, time
from pathlib import Path
from grader.sandbox import bubblewrap, guard, limits, machine, workers
kind, folder, marker, guarded = sys.argv[1:]
found = guard.Guard() if guarded == "guarded" else None
if found:
    found.folder(Path(folder))
config = bubblewrap.SandboxConfig(
    machine.find_machine(), Path(folder), limits.USUAL, guard=found)
starter = (workers.ZygoteStarter if kind == "zygote" else workers.SandboxStarter)(config)
worker = starter.start("numpy")
sleep = "import time; time.sleep(60)"
program = f"import subprocess, sys\\nsubprocess.run([sys.executable, '-S', '-c', {sleep!r}, "
program += f"{marker!r}])"
worker.channel.send({"cells": [program], "questions": ["demo.scaled"], "skip": []}, 5)
print("ready", flush=True)
time.sleep(60)
"""


def _marked(marker):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if marker.encode() in words and b"-S" in words:
            found.append(int(pid))
    return found


@pytest.mark.slow
def test_a_class_goes_on_past_the_file_whose_judging_stopped_it(tmp_path):
    files = {"ann": ["# JUDGED", *honest()], "ben": honest()}
    assert killed_grader(tmp_path, files)[0] == -signal.SIGKILL
    assert killed_grader(tmp_path, files)[0] == -signal.SIGKILL
    assert marks_of(tmp_path / "data" / "gradebook.sqlite")[0] == {"ben": FULL}


@pytest.mark.slow
def test_nothing_stays_when_the_grader_is_killed(ground, tmp_path):
    def left(guarded):
        folder, marker = tmp_path / guarded, f"mark-{uuid.uuid4().hex}"
        stage.make_stage(folder, QUESTIONS, user=ground.machine.user)
        paths = [str(Path(class_grading.__file__).parents[1]), str(Path(__file__).parents[2])]
        grader = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, ground.kind, str(folder), marker, guarded],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE,
        )
        assert grader.stdout.readline() == b"ready\n"
        _until(lambda: _marked(marker))
        grader.kill()
        grader.communicate()
        _until(
            lambda: not _marked(marker) and not folder.exists(), 5 if guarded == "guarded" else 1
        )
        running = _marked(marker)
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        return bool(running), folder.exists()

    assert left("guarded") == (False, False)
    assert left("alone") == (ground.machine.needs_outer, True)


def _until(holds, seconds=20.0):
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)


def test_a_machine_without_a_filter_of_calls_says_so(monkeypatch):
    assert seccomp.why_unsupported() == ""
    monkeypatch.setattr(seccomp, "why_unsupported", lambda: "the kernel has no such filters")
    found = machine.find_machine()
    assert any("NO FILTER" in line for line in found.summary) and not found.filters


def test_a_filter_that_cannot_be_had_is_no_silent_loss(ground, monkeypatch):
    monkeypatch.setitem(seccomp._OLD, seccomp.platform.machine(), ())
    monkeypatch.delitem(seccomp._OLD, seccomp.platform.machine())
    with pytest.raises(OSError, match="are not known"):
        seccomp.forbid_calls()


def test_sockets_below_what_is_shown(ground):
    name = Path(tempfile.mkdtemp(prefix="d2l-test-", dir=sys.prefix)) / "socket"
    name.parent.chmod(0o755)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(name))
            name.chmod(0o777)
            server.listen()
            attack = f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(name)!r})"
            fresh = Ground(ground.kind, ground.machine, ground.stages, ground.demo)
            assert fresh.marks(answering(attack))[0] == OTHERS
            assert fresh.marks(answering(attack), hidden=False)[0] == FULL
            fresh.close()
    finally:
        name.unlink(missing_ok=True)
        name.parent.rmdir()


def test_sockets_below_a_link_are_hidden_at_both_paths(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "real" / "s"))
        shown = [str(tmp_path / name) for name in ("link", "real")]
        monkeypatch.setattr(machine, "python_paths", lambda: shown)
        found = [path for path in machine.sockets_shown() if path.startswith(str(tmp_path))]
        assert found == [f"{folder}/s" for folder in shown]


# -- private questions -------------------------------------------------------------------------

# Every judge that was left in the process is asked with a comparison that tells.
STEAL = """
import importlib, sys
import numpy as np
from d2lexercises import library, running
names = {}
for folder in (library.CHAPTERS.parent / "private", library.CHAPTERS):
    for chapter in ("exam", "solutions"):
        if chapter in library.question_files(folder):
            names |= vars(library.load(library.question_files(folder)[chapter]))
import inside.worker as worker
def steal(question, answer, inputs, framework):
    told = {}
    def tell(found, expected, *rest, **named):
        told["y"] = np.asarray(expected)
    for module in [names, *map(vars, list(sys.modules.values()))]:
        if "same_array" in module:
            module["same_array"] = tell
    short = question.name.partition(".")[2]
    key = names.get("_key_" + short)
    if key is None and getattr(question, "judge", None) is not None:
        question.judge(inputs, {"y": np.zeros(5)}, "pytorch")
    elif key is not None:
        key(inputs, np.zeros(5), "pytorch")
    return told
worker.questions_module.run_probe = steal
"""
KINDS = ("alias", "made", "replaced", "star", "local", "loop")


def test_judges_of_an_exam_stay_outside_however_they_are_written(ground, tmp_path):
    exam = questions.load_questions("exam", EXAM)
    for name, pruned in (("pruned", True), ("whole", False)):
        stage.make_stage(tmp_path / name, EXAM, pruned, {"exam"}, ground.machine.user)
    found = Ground(ground.kind, ground.machine, tmp_path, exam)
    cells = [STEAL, *(f'check("exam.{kind}", None)' for kind in KINDS)]
    try:
        assert set(found.marks(cells)[0].values()) == {0.0}
        stolen = found.marks(cells, pruned=False)[0]
        right = ["import numpy as np", 'check("exam.alias", lambda x: np.cumsum(x)[::-1])']
        assert found.marks(right)[0]["exam.alias"] == 5.0
    finally:
        found.close()
    assert sum(stolen.values()) >= 25, stolen
    files = sorted(path.name for path in (tmp_path / "pruned" / "private").rglob("*.py"))
    assert files == ["exam.py"]


def test_only_the_graded_chapter_is_staged_and_nobody_else_can_read_it(tmp_path):
    folder = tmp_path / "private"
    for chapter in ("first", "second"):
        (folder / chapter).mkdir(parents=True)
        text = (EXAM / "exam.py").read_text().replace("exam.", f"{chapter}.")
        (folder / chapter / "question.py").write_text(text)
    (folder / "first" / "right.py").write_text("ANSWER = 1")
    stage.make_stage(tmp_path / "stage", folder, chapters={"first"})
    staged = [path for path in (tmp_path / "stage").rglob("*") if "first" in str(path)]
    assert [path.name for path in staged] == ["first", "question.py"]
    assert not [path for path in (tmp_path / "stage").rglob("*") if "second" in str(path)]
    for path in [tmp_path / "stage", *(tmp_path / "stage").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0


WRITTEN = """
import numpy as np
from d2lexercises.vocabulary import Aspect, function, question
ONE = question("a.b", "T", takes=function)
{before}
@ONE.inputs
def drawn(draw):
    return {{"x": draw.data(3), "n": draw.integer(0, 2)}}
def expected(given):
    return given.x * 2
@ONE.aspect("c", 1)
class First(Aspect):
    def run(answer, given, f):
        {run}
    expect = expected
@ONE.aspect("d", 1)
class Second(Aspect):
    def run(answer, given, f):
        return answer(given.x)
    def expect(given):
        {expect}
"""
PLAIN = {"before": "", "run": "return answer(given.x)", "expect": "return given.x + 1"}


def written(tmp_path, **parts):
    """Stage a private question of which some parts are written in these ways."""
    (tmp_path / "private" / "a").mkdir(parents=True)
    text = WRITTEN.format(**{**PLAIN, **parts})
    (tmp_path / "private" / "a" / "question.py").write_text(text)
    stage.make_stage(tmp_path / "stage", tmp_path / "private", chapters={"a"})


def test_an_ordinary_question_is_staged(tmp_path):
    written(tmp_path)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"run": "return np.allclose(answer(given.x), expected(given))"}, "expected would reach"),
        ({"run": "return answer(drawn(None)['x'])"}, "drawn would reach"),
        (
            {
                "before": "KEY = [[3, 1, 4], [1, 5, 9], [2, 6, 5]]",
                "run": "return answer(given.x) == KEY[given.n]",
                "expect": "return KEY[given.n]",
            },
            "KEY",
        ),
        (
            {
                "before": "class Table:\n    words = {'answer': 'the chain rule'}",
                "run": "return answer(given.x), Table.words",
                "expect": "return ['the chain rule']",
            },
            "Table",
        ),
    ],
)
def test_what_judges_or_draws_is_refused_in_what_runs(tmp_path, monkeypatch, parts, said):
    with pytest.raises(ValueError, match=said):
        written(tmp_path / "one", **parts)
    monkeypatch.setattr(leaks, "refuse_leaks", lambda *arguments: None)
    written(tmp_path / "two", **parts)


def test_a_question_that_is_refused_is_named_before_anything_is_graded(tmp_path):
    (tmp_path / "private").mkdir()
    text = (
        (EXAM / "exam.py")
        .read_text()
        .replace('"L", 5, _inputs, _probe,', '"L", 5, _inputs, lambda a, i, f: {"y": 1},')
    )
    (tmp_path / "private" / "exam.py").write_text(text)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ann.ipynb").write_bytes(notebook('check("exam.alias", 1)'))
    job = class_grading.GradingJob(
        *(tmp_path / "in", data_folder.DataFolder(tmp_path / "data"), machine.find_machine()),
        chapter="exam",
        private=tmp_path / "private",
    )
    with pytest.raises(questions.QuestionsError, match=r"exam.loop, what runs an answer: "):
        class_grading.grade_class(job)
