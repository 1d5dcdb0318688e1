"""What answers earn that lie about what they did, on one process and on several.

In one process, as in a notebook, each lie pays. A grader has the referees, and what runs again, in
processes of their own, where the lies find nothing. What stays in the process of the answer still
pays: it is marked to be looked at.
"""

import contextlib
import dataclasses
import itertools
import threading

import lies
import pytest
from d2lexercises import find_question
from editions.exercises import judging
from exercise_answers import exercise_file
from grader.intake.notebooks import read_notebook
from grader.judging import cluster, questions, session
from grader.sandbox import limits, stage
from grader.sandbox.inside.looking import looks
from grader_tools import Ground, notebook, twice

pytestmark = pytest.mark.slow
of_pytorch = pytest.mark.frameworks("pytorch")
USUAL = limits.Limits(answer_seconds=60, cell_seconds=60)
CLOSED = lies.READS_A_REFEREE | lies.KEEPS_IN_A_VARIABLE
ALL = CLOSED | lies.DOES_ALL | lies.HIDES_PYTHON | lies.STAYS_TO_BE_LOOKED_AT
# Points that lies earn for what they do not lie about.
LEFT = {"a constant in no file": 6.0, "statistics in no file": 6.0}
# Points of lies that earn a part of what they lie about.
PART = {"reads how a layer was made in its closure": 5.0}
# The aspects that fail also in one process.
NOT_EVEN_HERE = {
    "reads chunks past what counts": {"a chunk that is missing"},
    "a file that holds nothing (keeper)": {"back to an earlier step", "no more than keep"},
}


@pytest.fixture(scope="module")
def public(ground, this_machine, tmp_path_factory):
    """A `Ground` for all public questions."""
    folder = tmp_path_factory.mktemp("public")
    stage.make_stage(folder / "pruned", user=this_machine.user)
    found = Ground(ground.kind, this_machine, folder, {})
    yield found
    found.close()


@pytest.fixture(scope="module")
def graded(public):
    """The mark of each lie, and what is to be looked at in its cell."""
    public.demo = {name: find_question(name) for name, _ in ALL.values()}
    assert len(public.demo) == len(ALL)
    cells = [f"{code}\ncheck({name!r}, answer)" for name, code in ALL.values()]
    transcript = public.transcript(cells, framework="pytorch", sizes=USUAL)
    found = {}
    for what, (name, code) in ALL.items():
        found[what] = (public.mark(name, transcript, "pytorch"), looks([code]))
    return found


def in_one_process(name, code):
    """The verdict on an answer where all is in the process of the answer."""
    names = {"__name__": "__main__"}
    exec(compile(code, "<answer>", "exec"), names)
    return judging.judge(find_question(name), names["answer"], "pytorch", 7)


@of_pytorch
@pytest.mark.parametrize("what", CLOSED)
def test_a_lie_pays_in_one_process_and_not_in_several(graded, what):
    name, code = CLOSED[what]
    verdict = in_one_process(name, code)
    lost = {one.aspect for one in verdict.findings if not one.passed}
    assert lost == NOT_EVEN_HERE.get(what, set()), verdict
    mark, _ = graded[what]
    assert (mark.status, mark.points) == ("answered", LEFT.get(what, 0.0)), mark.findings


@of_pytorch
def test_what_devices_send_has_to_add_up_to_what_they_return(graded, monkeypatch):
    ((what, (name, code)),) = lies.DOES_ALL.items()
    assert graded[what][0].points == 0
    parts = find_question(name).referees["Forward.run even"]
    monkeypatch.setitem(parts.noted.__globals__, "need_parts", lambda *parts: None)
    assert in_one_process(name, code).passed


# What finds out that Python runs in the place of a graph, and how to take it away.
FINDS_OUT = {
    "runs Python inside of a graph": ("need_open", lambda hidden: None, 1.0),
    "runs Python once a graph was made": ("torch.compiler.is_compiling", lambda: True, 2.0),
}


@of_pytorch
@pytest.mark.parametrize("what", lies.HIDES_PYTHON)
def test_python_in_the_place_of_a_graph_is_found_out(graded, monkeypatch, what):
    name, code = lies.HIDES_PYTHON[what]
    finder, none, points = FINDS_OUT[what]
    assert graded[what][0].points == points
    if "." in finder:
        monkeypatch.setattr(finder, none)
    else:
        run = next(iter(find_question(name).runs.values()))[0]
        monkeypatch.setitem(run.__globals__, finder, none)
    assert in_one_process(name, code).passed


@of_pytorch
@pytest.mark.parametrize("what", lies.STAYS_TO_BE_LOOKED_AT)
def test_what_stays_in_the_process_pays_and_is_to_be_looked_at(graded, what):
    mark, found = graded[what]
    assert mark.points == PART.get(what, mark.out_of) and found, mark.findings


@of_pytorch
@pytest.mark.parametrize("what", [*lies.KEEPS_IN_A_VARIABLE, *lies.DOES_ALL])
def test_data_that_is_kept_in_a_variable_is_to_be_looked_at(graded, what):
    _, found = graded[what]
    assert any("keeps data from one call to another" in one for one in found)


TWICE = """
from pathlib import Path
import torch
class Archive:
    def __init__(self, path):
        self.path = path
    def save(self, tensors):
        torch.save({name: one.clone() for name, one in tensors.items()}, self.path)
    def load(self):
        return torch.load(self.path)
"""


@of_pytorch
def test_a_question_that_is_checked_twice_runs_again_twice(public):
    public.demo = {"file-io.archive": find_question("file-io.archive")}
    cells = [TWICE, *["check('file-io.archive', Archive)"] * 2]
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    assert marks == {"file-io.archive": 6.0}, transcript.notes
    # In the second process an answer gets what it saved, and no inputs.
    peek = """
import sys
class Archive(Archive):
    def load(self):
        frame, seen = sys._getframe(), set()
        while frame:
            held = frame.f_locals.get("request")
            seen |= set(held) if isinstance(held, dict) else set()
            frame = frame.f_back
        raise RuntimeError(" ".join(sorted(seen)))
"""
    transcript = public.transcript(
        [TWICE, peek, *["check('file-io.archive', Archive)"] * 2], framework="pytorch", sizes=USUAL
    )
    said = transcript.answers["file-io.archive"].inspected
    errors = {one["error"]["message"] for one in said.values()}
    assert errors == {"handed nonce question"}


@of_pytorch
def test_an_answer_may_fork_in_the_second_process_where_no_devices_run(public):
    public.demo = {"file-io.archive": find_question("file-io.archive")}
    forks = """
import os
class Forks(Archive):
    def load(self):
        if not (copy := os.fork()):
            os._exit(0)
        if os.waitpid(copy, 0)[1]:
            raise RuntimeError("the copy was ended")
        return super().load()
"""
    cells = [TWICE, forks, "check('file-io.archive', Forks)"]
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    assert marks == {"file-io.archive": 6.0}, transcript.notes


@of_pytorch
@pytest.mark.parametrize(
    "what", ["devices share a variable, ring", "a file that holds nothing (archive)"]
)
def test_what_an_earlier_check_kept_does_not_pay_in_the_second_process(public, what):
    name, code = CLOSED[what]
    public.demo = {name: find_question(name)}
    cells = [code, *[f"check({name!r}, answer)"] * 2]
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    assert marks == {name: 0.0}, transcript.notes


@of_pytorch
@pytest.mark.parametrize("same", [True, False])
def test_what_a_referee_said_in_an_earlier_check_does_not_pay(public, monkeypatch, same):
    name, code, between = lies.REPLAYS
    public.demo = {name: find_question(name)}
    cells = [code, f"check({name!r}, answer)", f"{between}\ncheck({name!r}, answer)"]
    if same:
        draw = public.draw
        monkeypatch.setattr(public, "draw", lambda name, number=0, student="s1": draw(name))
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    assert marks[name] == (public.demo[name].points if same else 0), transcript.notes


@of_pytorch
@pytest.mark.parametrize("checks", [session.DRAWS, session.DRAWS + 1])
def test_more_checks_than_there_are_inputs_need_a_person(public, checks):
    name, code = lies.REPLAYS_IN_THE_NINTH
    public.demo = {name: find_question(name)}
    check = f"for _ in range({checks}):\n    check({name!r}, answer)"
    transcript = public.transcript([code, check], framework="pytorch", sizes=USUAL)
    mark = public.mark(name, transcript, "pytorch")
    if checks == session.DRAWS:
        assert (mark.status, mark.points) == ("answered", 0.0), mark.findings
    else:
        assert (mark.status, mark.points, mark.final) == ("needs a person", None, True)
        assert "checks this question more than 8 times" in mark.said


# -- devices that know in the second process what all have ----------------------------------------

# How to take away what defends, by means: in the sandbox, a file, and what stands there.
UNDEFENDED = {
    "lets a copy of the process run ahead": ("inside/worker.py", "if self.answers:", "if False:"),
    "keeps copies of the process alive": ("inside/worker.py", "_end_process(1)", "os._exit(1)"),
    "returns an array that is filled later": (
        "d2lexercises/devices.py",
        "ended = plain(end.value)",
        "ended = end.value",
    ),
    "sends an array that is filled later": (
        "chapters/multi-gpu/question.py",
        "[np.array(parcels[rank]), np.array(parcels[(rank - 1) % n])]",
        "[parcels[rank].copy(), parcels[(rank - 1) % n].copy()]",
    ),
}


@contextlib.contextmanager
def undefended(public, folder, file, defence, none):
    """A `Ground` in whose sandboxes `none` stands in the place of what defends."""
    stage.make_stage(folder / "pruned", user=public.machine.user)
    staged = folder / "pruned" / file
    text = staged.read_text()
    assert text.count(defence) == 1, text
    staged.write_text(text.replace(defence, none))
    ground = Ground(public.kind, public.machine, folder, {})
    try:
        yield ground
    finally:
        ground.close()


def points_of(ground, name, code, *after):
    """The points of an answer on a `Ground`, without a framework."""
    ground.demo = {name: find_question(name)}
    cells = ["import numpy", code, f"check({name!r}, answer)", *after]
    marks, transcript = ground.marks(cells, sizes=USUAL)
    return marks[name], transcript.notes


@pytest.mark.parametrize(("what", "name"), lies.KNOWS_ALL)
def test_what_all_devices_have_cannot_be_known_in_the_second_process(public, what, name):
    once_more = lies.ONCE_MORE.format(name=name)
    points, notes = points_of(public, name, lies.KNOWS_ALL[what, name], once_more)
    assert points == 0, notes


@pytest.mark.parametrize(("what", "name"), lies.KNOWS_ALL)
def test_it_would_be_known_without_the_defence(public, monkeypatch, open_folder, what, name):
    code, once_more = lies.KNOWS_ALL[what, name], lies.ONCE_MORE.format(name=name)
    full = find_question(name).points
    if what in UNDEFENDED:
        with undefended(public, open_folder, *UNDEFENDED[what]) as ground:
            assert points_of(ground, name, code)[0] == full
        return
    monkeypatch.setattr(  # each check from that on counts
        session._Exchange,
        "_counts",
        lambda self, name: self.checks[name] >= self.session.wanted.get(name, 1),
    )
    more = [once_more] * (6 if name == "sharding.optimizer" else 1)
    assert points_of(public, name, code, *more)[0] == full


RING = """
import inspect, subprocess, threading
from pathlib import Path
import numpy as np
def answer(rank, n, array):
    BEFORE
    chunks = [chunk.copy() for chunk in np.array_split(array, n)]
    for step in range(n - 1):
        arrives = yield chunks[(rank - step) % n]
        chunks[(rank - step - 1) % n] += arrives
    for step in range(n - 1):
        arrives = yield chunks[(rank + 1 - step) % n]
        chunks[(rank - step) % n] = arrives
    return np.concatenate([*chunks, np.zeros(1)])[:-1] / n
"""
THREAD = "one = threading.Thread(target=array.sum)\n    one.start()\n    one.join()"
HONEST_RINGS = {
    "one that returns a view": RING.replace("] / n", "]").replace("array, n)]", "array / n, n)]"),
    "one that starts a program": RING.replace("BEFORE", "subprocess.run(['true'], check=True)"),
    "one that starts a thread": RING.replace("BEFORE", THREAD),
}


def test_one_more_check_in_the_second_process_costs_no_points(public):
    name = "multi-gpu.ring"
    alone = "any(one.function == 'alone' for one in inspect.stack())"
    code = RING.replace("BEFORE", f"if {alone}:\n        Path('alone').touch()")
    points, notes = points_of(public, name, code, lies.ONCE_MORE.format(name=name))
    assert points == find_question(name).points, notes


@pytest.mark.parametrize("what", HONEST_RINGS)
def test_an_honest_ring_keeps_its_points(public, what):
    name, code = "multi-gpu.ring", HONEST_RINGS[what].replace("BEFORE", "pass")
    again = [f"check({name!r}, answer)"] * (session.DRAWS - 1)
    points, notes = points_of(public, name, code, *again)
    assert points == find_question(name).points, notes


def test_reading_frames_by_functions_of_inspect_pays_and_is_to_be_looked_at(public):
    name, code = lies.INSPECTS
    points, notes = points_of(public, name, code)
    assert points == find_question(name).points, notes
    assert [one for one in looks([code]) if "inspect.stack reads frames" in one]


# -- referees that are asked too much, or fail -----------------------------------------------------


def test_a_referee_counts_all_that_was_read(public, open_folder):
    name, code = lies.COUNTS_ANEW
    full = find_question(name).points
    assert points_of(public, name, code)[0] == full - 1
    counts = ("chapters/file-io/question.py", "[came, sum(self.counts)]", "[came, self.counts[-1]]")
    with undefended(public, open_folder, *counts) as ground:
        assert points_of(ground, name, code)[0] == full


def test_what_came_in_another_form_than_a_run_gives_earns_nothing(public):
    assert points_of(public, *lies.FORGES_WHAT_CAME)[0] == 0


@of_pytorch
def test_who_makes_a_referee_say_too_much_gains_nothing_elsewhere(public):
    name, code = lies.ENDS_A_REFEREE
    others = ("control-flow.routes", "control-flow.constant")
    public.demo = {one: find_question(one) for one in (name, *others)}
    cells = [code, f"check({name!r}, answer)", *(f"check({one!r}, None)" for one in others)]
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    assert marks == {name: None, **dict.fromkeys(others, 0.0)}, transcript.notes


BREAKS = """
import os, sys, time
import numpy as np
from d2lexercises.vocabulary import Aspect, function, question

ONE = question("broken.one", "One", takes=function)

class Breaks:
    def __init__(self, given):
        self.at("begin")
        self.given = given
    def at(self, place):
        if WHERE == place:
            return self.missing
        if WHERE == f"{place} hangs":
            time.sleep(10**6)
        if WHERE == f"{place} ends":
            sys.exit(1)
        if WHERE == f"{place} is killed":
            os._exit(1)
    def read(self):
        self.at("read")
        if WHERE == "read says much":
            return np.zeros(1_500_000)
        if WHERE == "divide":
            return 1 / 0
        return self.given.number
    def noted(self, came):
        self.at("noted")
        return came

@ONE.kept_inputs
def draw_one(draw):
    return {"number": draw.integer(1, 10**9)}

@ONE.aspect("a number", 2)
class Number(Aspect):
    "Say the number."
    referee = Breaks

    def run(answer, given, f):
        return answer(given.ask.read)

    def expect(given):
        return given.number
"""


def with_question(text, public, folder):
    """A `Ground` for the questions of this file."""
    (folder / "broken").mkdir()
    (folder / "broken" / "question.py").write_text(text)
    stage.make_stage(folder / "stages" / "pruned", folder, user=public.machine.user)
    demo = questions.load_questions("broken", folder)
    return Ground(public.kind, public.machine, folder / "stages", demo)


def breaking(where, public, folder):
    """A `Ground` for a question whose referee fails there, and for one without a referee."""
    text = f"WHERE = {where!r}\n{BREAKS}\n{twice('broken.two')}"
    return with_question(text, public, folder)


AGAIN_AND_AGAIN = """
def answer(read):
    while True:
        try:
            return read()
        except Exception:
            pass
"""
RAISED = "raised AttributeError: 'Breaks' object has no attribute 'missing'"
FAILS = {  # where a referee fails: what is said of it
    **dict.fromkeys(("begin", "read", "noted"), RAISED),
    **dict.fromkeys(("begin hangs", "read hangs", "noted hangs"), "its referee did not end"),
    **dict.fromkeys(
        ("begin ends", "read ends", "noted ends", "read says much"), "Its referee ended, or said"
    ),
}
SHORT = dataclasses.replace(USUAL, answer_seconds=2)


@pytest.mark.parametrize("where", [*FAILS, "divide", ""])
def test_a_question_whose_own_referee_fails_costs_no_points(public, tmp_path, where):
    ground = breaking(where, public, tmp_path)
    read = f"{AGAIN_AND_AGAIN}\ncheck('broken.one', answer)"
    if where != "read":
        read = "check('broken.one', lambda read: read())"
    try:
        cells = ["import numpy", read, "check('broken.two', lambda x: 2 * x)"]
        transcript = ground.transcript(cells, sizes=SHORT if where in FAILS else USUAL)
        one, two = (ground.mark(f"broken.{name}", transcript) for name in ("one", "two"))
    finally:
        ground.close()
    if where in FAILS:
        assert (one.status, one.points) == ("needs a person", None), one
        assert FAILS[where] in one.said
        if "hangs" in where:  # the referee is in doubt, and not the answer, which waited for it
            assert transcript.starts == 1
            assert transcript.doubt.startswith("a referee hung: in")
    else:  # what a wrong call of a referee may raise is the answer's
        assert (one.status, one.points) == ("answered", 0 if where else 2), one
    assert (two.status, two.points) == ("answered", 2), two


def test_a_referee_that_the_machine_ended_is_asked_again_later(public, tmp_path, monkeypatch):
    kills = itertools.count()
    monkeypatch.setattr(session, "kills_for_memory", lambda: next(kills))
    ground = breaking("read is killed", public, tmp_path)
    try:
        transcript = ground.transcript(["import numpy", "check('broken.one', lambda read: read())"])
    finally:
        ground.close()
    assert transcript.doubt == "a referee ended when memory ran out"


KEEPS = """
import sys, time
from d2lexercises.vocabulary import Aspect, function, question

ONE = question("broken.one", "One", takes=function)
TWO = question("broken.two", "Two", takes=function)

class Adds:
    def __init__(self, given):
        self.given = given
    def hands_over(self, came):
        return came
    def noted(self, came):
        return came + self.given.number

class Sleeps:
    def __init__(self, given):
        self.given = given
    def rest(self, seconds):
        time.sleep(seconds)
        return self.given.other

@ONE.kept_inputs
def draw_one(draw):
    return {"number": draw.integer(1, 10**9)}

@TWO.kept_inputs
def draw_two(draw):
    return {"other": draw.integer(1, 10**9)}

@ONE.aspect("a number", 2)
class Number(Aspect):
    "Say 1, and then 2."
    referee = Adds

    def run(answer, given, f):
        return answer(0)

    def again(answer, came, f):
        return answer(came)

    def expect(given):
        return given.number + 2

@TWO.aspect("another", 2)
class Other(Aspect):
    "Say it."
    referee = Sleeps

    def run(answer, given, f):
        return answer(given.ask.rest)

    def expect(given):
        return given.other
"""


@pytest.mark.parametrize("seconds", [0, 100])
def test_a_referee_that_is_ended_while_another_question_asks_costs_no_points(
    public, tmp_path, seconds
):
    ground = with_question(KEEPS, public, tmp_path)
    cells = [
        "import numpy",
        "check('broken.one', lambda n: n + 1)",
        f"check('broken.two', lambda rest: rest({seconds}))",
    ]
    try:
        transcript = ground.transcript(cells, sizes=SHORT if seconds else USUAL)
        mark = ground.mark("broken.one", transcript)
    finally:
        ground.close()
    if not seconds:
        assert mark.points == 2, mark
        return
    assert (mark.status, mark.points, mark.final) == ("needs a person", None, False), mark
    assert "while another question was asked" in mark.said


ENDS_LATER = (
    KEEPS.replace("return came + self.given.number", "sys.exit(1)")
    + """
@ONE.aspect("one more", 1, over="more")
class More(Number):
    "The same for another number."

    def expect(case):
        return case.number + 2
"""
)
ENDS_LATER = ENDS_LATER.replace(
    'return {"number": draw.integer(1, 10**9)}',
    'return {"number": draw.integer(1, 10**9), "more": {"number": draw.integer(1, 10**9)}}',
)


def test_why_a_referee_ended_is_said_though_another_has_its_turn_then(public, tmp_path):
    ground = with_question(ENDS_LATER, public, tmp_path)
    try:
        cells = ["import numpy", "check('broken.one', lambda n: n + 1)"]
        mark = ground.mark("broken.one", ground.transcript(cells, sizes=USUAL))
    finally:
        ground.close()
    assert (mark.status, mark.points, mark.final) == ("needs a person", None, True), mark
    assert "Its referee ended, or said too much" in mark.said


class Here:
    """A cluster of one node: this process."""

    def submit(self, function, *given, **_):
        self.found = function(*given)
        return self

    def done(self):
        return True

    def result(self):
        return self.found

    def release(self):
        pass


def test_a_node_of_a_cluster_gets_the_inputs_of_each_check(public, tmp_path):
    ground = breaking("", public, tmp_path)
    node = object.__new__(cluster.Cluster)
    folder = tmp_path / "stages" / "pruned"
    node.client, node.limits = Here(), USUAL
    node.files = {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*.py")}
    cells = [
        "import numpy\nread_first = []",
        "def answer(read):\n    read_first.append(read())\n    return read_first[WHICH]",
        *["check('broken.one', answer)"] * 2,
    ]
    for which, points in ((-1, 2.0), (0, 0.0)):
        said = [cell.replace("WHICH", str(which)) for cell in cells]
        plans = questions.plans_of(ground.demo)
        transcript = node.collect_answers(
            said, ["broken.one"], "numpy", ground.draw, threading.Event(), plans
        )
        assert ground.mark("broken.one", transcript).points == points, transcript.notes


IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
def read_block(chunks, offset, shape):
    parts = {}
    for chunk in chunks:
        starts = [max(a, b) for a, b in zip(offset, chunk.offset)]
        ends = [min(a + n, b + m) for a, n, b, m in zip(offset, shape, chunk.offset, chunk.shape)]
        if all(low < high for low, high in zip(starts, ends)):
            here = tuple(slice(low - a, high - a) for low, high, a in zip(starts, ends, offset))
            there = [slice(low - b, high - b) for low, high, b in zip(starts, ends, chunk.offset)]
            parts[str(here)] = chunk, here, tuple(there)
    block, missing = np.empty(shape, chunks[0].dtype), np.ones(shape, bool)
    def fill(part):
        chunk, here, there = part
        block[here], missing[here] = chunk.read(there), False
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fill, parts.values()))
    if missing.any():
        raise ValueError("a part of the block is in no chunk")
    return block
"""


@of_pytorch
def test_an_answer_may_ask_its_referee_from_several_threads(public):
    name = "file-io.reshard"
    public.demo = {name: find_question(name)}
    cells = [IN_THREADS, f"check({name!r}, read_block)"]
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    assert marks == {name: public.demo[name].points}, transcript.notes


HONEST = sorted({name for name, _ in CLOSED.values()})
CHAPTERS = sorted({name.split(".")[0] for name in HONEST} | {"sharding"})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_right_answers_earn_the_same_on_several_processes(public, framework, chapter):
    cells = [
        cell.source
        for cell in exercise_file(chapter).edition(framework)
        if cell.kind == "code" and "starter" not in cell.tags
    ]
    named = questions.load_questions(chapter)
    public.demo = {name: one for name, one in named.items() if not one.is_text}
    found = list(read_notebook(notebook(*cells)).cells)
    marks, transcript = public.marks(found, framework=framework, sizes=USUAL)
    full = {name: question.points for name, question in public.demo.items()}
    assert marks == full, transcript.notes
