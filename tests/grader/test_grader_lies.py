"""What answers earn that lie about what they did, on one process and on several.

In one process, as in a notebook, each lie pays. A grader has the referees, and what runs again, in
processes of their own, where the lies find nothing. What stays in the process of the answer still
pays: it is marked to be looked at.
"""

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
from grader_tools import Ground, notebook

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
@pytest.mark.parametrize("draws", [1, session.DRAWS])
def test_what_a_referee_said_in_an_earlier_check_does_not_pay(public, monkeypatch, draws):
    name, code, between = lies.REPLAYS
    public.demo = {name: find_question(name)}
    cells = [code, f"check({name!r}, answer)", f"{between}\ncheck({name!r}, answer)"]
    monkeypatch.setattr(session, "DRAWS", draws)  # with one draw, inputs are the same each time
    marks, transcript = public.marks(cells, framework="pytorch", sizes=USUAL)
    full = public.demo[name].points
    assert (marks[name] == full) if draws == 1 else (marks[name] == 0), transcript.notes


BREAKS = """
from d2lexercises.vocabulary import Aspect, function, question

ONE = question("broken.one", "One", takes=function)

class Breaks:
    def __init__(self, given):
        self.given = self.missing if WHERE == "begin" else given
    def read(self):
        if WHERE == "divide":
            return 1 / 0
        return self.missing if WHERE == "read" else self.given.number
    def noted(self, came):
        return self.missing if WHERE == "noted" else came

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


def breaking(where, public, folder):
    """A `Ground` for a question whose referee fails there."""
    (folder / "broken").mkdir()
    (folder / "broken" / "question.py").write_text(f"WHERE = {where!r}\n{BREAKS}")
    stage.make_stage(folder / "stages" / "pruned", folder, user=public.machine.user)
    demo = questions.load_questions("broken", folder)
    return Ground(public.kind, public.machine, folder / "stages", demo)


@pytest.mark.parametrize("where", ["begin", "read", "noted", "divide", ""])
def test_an_error_of_a_questions_own_referee_costs_no_points(public, tmp_path, where):
    ground = breaking(where, public, tmp_path)
    try:
        cells = ["import numpy", "check('broken.one', lambda read: read())"]
        transcript = ground.transcript(cells, sizes=USUAL)
        mark = ground.mark("broken.one", transcript)
    finally:
        ground.close()
    said = "its referee raised AttributeError: 'Breaks' object has no attribute 'missing'"
    if where in ("begin", "read", "noted"):
        assert (mark.status, mark.points) == ("needs a person", None), mark
        assert said in mark.said
    else:  # what a wrong call of a referee may raise is the answer's
        assert (mark.status, mark.points) == ("answered", 0 if where else 2), mark


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
