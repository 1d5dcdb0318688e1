"""Programs that earn marks without an answer: what they get, and what is said of them.

On public questions they can be right, since the public judge says what is expected: such code is
marked to be looked at. On private questions with hidden aspects they get nothing.
"""

import base64
import json
import zlib
from pathlib import Path

import d2lexercises
import pytest
from attacks import FULL, attacking, honest
from grader.judging import questions
from grader.sandbox import limits, stage
from grader.sandbox.inside.looking import looks
from grader_tools import QUESTIONS, Ground

PACKAGE = Path(d2lexercises.__file__).parent
CHAPTERS = PACKAGE.parent / "chapters"

# Carries the source of this package and of public questions, and says what they expect.
BRING = """
import base64, importlib.abc, importlib.util, json, sys, zlib
TEXTS = json.loads(zlib.decompress(base64.b85decode({blob!r})))
worker = sys.modules["inside.worker"]
for name in [name for name in sys.modules if name.partition(".")[0] == "d2lexercises"]:
    del sys.modules[name]
class Carried(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name in TEXTS:
            package = name == "d2lexercises"
            return importlib.util.spec_from_loader(name, self, is_package=package)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        module.__file__ = "/carried/" + module.__name__
        exec(compile(TEXTS[module.__name__], module.__name__, "exec"), module.__dict__)
sys.meta_path.insert(0, Carried())
from d2lexercises import vocabulary
from d2lexercises.given import Given
known = {{}}
for name in [name for name in TEXTS if name.startswith("question_")]:
    for one in vars(importlib.import_module(name)).values():
        if isinstance(one, vocabulary.WrittenQuestion):
            known[one.name] = one
def plain(value):
    if isinstance(value, dict):
        return {{key: plain(part) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    inner = [part for key, part in getattr(value, "__dict__", {{}}).items()]
    return plain(inner[0]) if inner and type(value).__module__.startswith("d2l") else value
def forged(question, answer, inputs, framework):
    outputs = {{}}
    for one in known[question.name].aspects.values():
        try:
            cases = Given(inputs).cases(one.over)
            of_case = lambda case: plain(vocabulary._called(one.words.expect, "pytorch", case))
            outputs[one.key] = (
                [of_case(case) for case in cases] if isinstance(cases, list) else of_case(cases))
        except Exception:
            pass
    return outputs
worker.questions_module.run_probe = forged
"""


def bringing(*files):
    """A cell that carries these files of questions."""
    texts = {f"d2lexercises.{path.stem}": path.read_text() for path in PACKAGE.glob("[a-z]*.py")}
    texts["d2lexercises"] = (PACKAGE / "__init__.py").read_text()
    texts |= {f"question_{number}": file.read_text() for number, file in enumerate(files)}
    blob = base64.b85encode(zlib.compress(json.dumps(texts).encode(), 9)).decode()
    return BRING.format(blob=blob)


PRIVATE = """
import numpy as np
from d2lexercises.vocabulary import Aspect, function, question
SUMS = question("exam.sums", "Sums", takes=function, hidden=True)
@SUMS.inputs
def draw_sums(draw):
    return {"x": draw.data(5, 3)}
@SUMS.aspect("of each row", 3)
class Rows(Aspect):
    def run(answer, given, f):
        return answer(given.x)
    def expect(given):
        return np.tanh(given.x).sum(axis=1)
@SUMS.aspect("of nothing", 2, after="of each row")
class Nothing(Aspect):
    def run(answer, given, f):
        return answer(given.x[:0])
    def expect(given):
        return np.zeros(0)
"""
# What it asks to find out stays outside of the student's process, as do the notes of its referee.
REFEREED = """
SMALLEST = question("exam.smallest", "Smallest", takes=function, hidden=True)
class Store:
    def __init__(self, given):
        self.numbers, self.reads = np.sort(given.numbers), 0
    def size(self):
        return len(self.numbers)
    def read(self, place):
        self.reads += 1
        return float(self.numbers[place])
    def noted(self, came):
        return [came, self.reads]
@SMALLEST.kept_inputs
def draw_numbers(draw):
    return {"numbers": 10 * draw.data(9)}
@SMALLEST.aspect("read once", 5)
class ReadOnce(Aspect):
    referee = Store
    def run(answer, given, f):
        return answer(given.ask.size(), given.ask.read)
    def expect(given):
        return [float(np.sort(given.numbers)[0]), 1]
"""
RIGHT = "import numpy as np\ndef sums(x):\n    return np.tanh(x).sum(axis=1)"

# Says what can be found: in the inputs, in frames, in closures, among all objects.
ECHO = """
import sys
import numpy as np
def echo(question, answer, inputs, framework):
    values = [v for v in inputs.values() if hasattr(v, "sum")]
    sums = values[0].sum(axis=1) if values else 0.0
    return {key: sums for key in question.runs}
sys.modules["inside.worker"].questions_module.run_probe = echo
def sums(x): return x
"""
FRAMES = """
import sys
import numpy as np
def sums(x):
    frame, found = sys._getframe(), []
    while frame:
        for value in list(frame.f_locals.values()):
            if isinstance(value, np.ndarray):
                found.append(value)
            for cell in getattr(value, "__closure__", None) or ():
                found += [cell.cell_contents] if isinstance(cell.cell_contents, np.ndarray) else []
        frame = frame.f_back
    return next((one for one in found if one.shape == x.shape[:1]), found[0])
"""
OBJECTS = """
import gc
import numpy as np
def sums(x):
    arrays = [one for one in gc.get_objects() if isinstance(one, np.ndarray)]
    for one in gc.get_objects():
        if isinstance(one, dict):
            arrays += [part for part in one.values() if isinstance(part, np.ndarray)]
    return next((one for one in arrays if one.shape == x.shape[:1]), np.ones(x.shape[:1]))
"""
EQUAL = """
import numpy as np
np.allclose = np.array_equal = np.isclose = lambda *a, **k: True
class Equal(np.ndarray):
    def __eq__(self, other): return True
def sums(x): return np.ones(x.shape[:1]).view(Equal)
"""
CHECK = "check('exam.sums', sums)"
READS_ONCE = "def smallest(size, read):\n    return read(0)"
READS_ALL = "def smallest(size, read):\n    return min(map(read, range(size)))"
# Each asks the referee for more than it may: its notes, its fields, what is judged.
ASKS = """
def smallest(size, read):
    named = dict(zip(read.__code__.co_freevars, read.__closure__))
    ask, said = named["self"].cell_contents, []
    for word in ("numbers", "noted", "__init__", "hands_over", "__class__", "_asks"):
        try:
            said.append(ask._send(word, [[0.0]]))
        except Exception as error:
            said.append(type(error).__name__)
    return said
"""
FINDS = """
import gc, sys
import numpy as np
def smallest(size, read):
    arrays = [one for one in gc.get_objects() if isinstance(one, np.ndarray)]
    frame = sys._getframe()
    while frame:
        for one in list(frame.f_locals.values()):
            arrays += [one] if isinstance(one, np.ndarray) else []
            if isinstance(one, dict):
                arrays += [part for part in one.values() if isinstance(part, np.ndarray)]
        frame = frame.f_back
    fits = [one for one in arrays if one.shape == (size,)]
    read(size - 1)
    return float(min(fits[0])) if fits else 0.0
"""
CHECK_SMALLEST = "check('exam.smallest', smallest)"


@pytest.fixture(scope="module")
def exam(ground, tmp_path_factory):
    """A `Ground` for a private question of which all is hidden."""
    folder = tmp_path_factory.mktemp("exam")
    (folder / "private" / "exam").mkdir(parents=True)
    (folder / "private" / "exam" / "question.py").write_text(PRIVATE + REFEREED)
    stage.make_stage(folder / "pruned", folder / "private", True, {"exam"}, ground.machine.user)
    found = Ground(
        ground.kind, ground.machine, folder, questions.load_questions("exam", folder / "private")
    )
    yield found
    found.close()


def test_no_general_forger_earns_anything_on_hidden_private_questions(exam):
    public = sorted(CHAPTERS.glob("*/question.py"))[:2]
    leaked = exam.stages / "private" / "exam" / "question.py"
    other = {"exam.smallest": 0.0}
    assert exam.marks([RIGHT, CHECK])[0] == {"exam.sums": 5.0, **other}
    for attack in (ECHO, FRAMES, OBJECTS, EQUAL, bringing(*public) + "\nsums = None"):
        marks, transcript = exam.marks([attack, CHECK])
        assert marks == {"exam.sums": 0.0, **other} and transcript.looks, attack[:200]
    # With the private file itself it is right: that is what must not leak.
    carrying = [bringing(leaked) + "\nsums = None", CHECK]
    marks, transcript = exam.marks(carrying)
    assert marks == {"exam.sums": 5.0, **other} and transcript.looks


def test_where_there_is_a_referee_not_even_the_judge_helps(exam):
    leaked = exam.stages / "private" / "exam" / "question.py"

    def points(*cells):
        return exam.mark("exam.smallest", exam.transcript([*cells, CHECK_SMALLEST])).points

    assert points(READS_ONCE) == 5
    for attack in (READS_ALL, ASKS, FINDS, bringing(leaked) + "\nsmallest = None"):
        assert points(attack) == 0, attack[:200]
    endless = "def smallest(size, read):\n    while True:\n        read(0)"
    transcript = exam.transcript([endless, CHECK_SMALLEST])
    assert exam.mark("exam.smallest", transcript).points == 0
    # Or its time was over before, on a slow machine.
    ended = transcript.answers["exam.smallest"]
    assert ended.status == "hung" or "asked more than 10,000" in str(ended.outputs)
    assert not transcript.doubt  # it did not wait for the machine
    asked = exam.transcript([ASKS, CHECK_SMALLEST]).answers["exam.smallest"]
    assert asked.inspected == {"ReadOnce.run": [["WrongKind"] * 6, 0]}


def test_what_stays_outside_is_not_sent_and_its_drawing_is_not_staged(exam):
    text = (exam.stages / "pruned" / "private" / "exam" / "question.py").read_text()
    assert "class Store" in text and "draw_numbers" not in text and "expect" not in text
    peek = "def smallest(size, read):\n    import sys\n    frame, seen = sys._getframe(), []\n"
    peek += "    while frame:\n        seen += map(str, frame.f_locals.get('inputs', ()))\n"
    peek += "        frame = frame.f_back\n    return seen"
    answer = exam.transcript([peek, CHECK_SMALLEST]).answers["exam.smallest"]
    assert answer.outputs == {"ReadOnce.run": []}


def brought(ground, folder, name):
    """The questions of a chapter, and the marks and the transcript of a program with its judge."""
    stage.make_stage(folder / "pruned", None, True, {name}, ground.machine.user)
    chapter = questions.load_questions(name)
    found = Ground(ground.kind, ground.machine, folder, chapter)
    cells = [bringing(CHAPTERS / name / "question.py")]
    cells += [f"check({one!r}, None)" for one in chapter]
    try:
        return chapter, *found.marks(cells, sizes=limits.Limits())
    finally:
        found.close()


@pytest.mark.slow
def test_a_program_that_brings_the_public_judge_is_marked_to_be_looked_at(ground, tmp_path):
    chapter, marks, transcript = brought(ground, tmp_path, "blocks")
    # What the page on grading says of public questions.
    assert sum(marks.values()) > sum(one.points for one in chapter.values()) / 2
    assert any("inside.worker" in one or "sys.modules" in one for one in transcript.looks)


@pytest.mark.slow
def test_a_program_that_brings_the_public_judge_earns_nothing_where_there_is_a_referee(
    ground, tmp_path
):
    chapter, marks, _ = brought(ground, tmp_path, "profiling")
    assert marks["profiling.timer"] == marks["profiling.ahead"] == 0
    assert marks["profiling.wait"] == chapter["profiling.wait"].points


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys._getframe().f_back",
        "import inspect\ninspect.currentframe()",
        "from inspect import currentframe as here\nhere()",
        "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame.f_back",
        "def f(): yield\nf().gi_frame",
        "f = lambda: 0\nf.__closure__",
        "f.__globals__['x']",
        "import gc\ngc.get_objects()",
        "from gc import get_referrers",
        "object.__subclasses__()",
        "import d2lexercises.question as q\nq.run_probe = None",
        "from d2lexercises import wire",
        "from d2lcompute.checks.question import run_probe",
        "import inside.worker",
        "import sys\nsys.modules['inside.worker']",
        "from sys import modules",
        "__import__('inside.worker')",
        "import importlib\nimportlib.import_module('x')",
        "getattr(f, '__clos' + 'ure__')",
        "import torch\ngetattr(torch, ''.join(['_', 'C']))",
        "import torch\ntorch.compile = lambda f, **k: f",
        "import torch as t\nt.export.load = None",
        "from torch import nn\nnn.Sequential.__name__ = 'Other'",
        "import torch\nsetattr(torch, 'compile', None)",
        "import torch.export as e\ne.load = None",
        "import keras\ndel keras.Sequential",
        "import tensorflow as tf\ntf.function = None",
        "import numpy as np\nnp.allclose = lambda *a: True",
        "import builtins\nbuiltins.float = int",
        "from unittest import mock\nmock.patch('torch.compile')",
        "import torch\nwith torch._C.DisableTorchFunction():\n    pass",
        "import torch\ntorch.__dict__['compile'] = None",
        "import torch\nvars(torch)['compile'] = None",
        "layer._forward_hooks.clear()",
        "exec('x = 1')",
        "eval(compile('1', '', 'eval'))",
        "import inspect\ninspect.stack()",
        "from inspect import trace",
        "import inspect as i\ni.getargvalues(frame)",
        "from traceback import StackSummary\nStackSummary.extract(x, capture_locals=True)",
        "import ctypes",
        "import marshal",
        "import os\nos.write(5, b'x')",
        "import os\nos.fdopen(5)",
        "import socket",
        "class T:\n    def __torch_function__(self): pass\nx.__torch_function__",
        "%time import gc\nx = 1",
        "text = '_getframe'",
        "%%writefile helper.py\nimport sys\nsys._getframe()",
        "x = " + "-" * 400_000 + "1",
        "kept = {}\nclass A:\n    def save(self, x): kept[1] = x",
        "kept = []\ndef save(x):\n    kept.append(x)",
        "a, kept = 1, dict()\ndef save(x):\n    kept.update(x=x)",
        "class A:\n    kept = []\n    def save(self, x): self.kept.append(x)",
        "class A:\n    kept = {}\n    def save(self, x): A.kept['x'] = x",
        "def save(x):\n    save.kept = x",
        "def save(x, kept=[]):\n    return kept",
        "n = 0\ndef count():\n    global n\n    n += 1",
        "from itertools import count\nnumbers = count()\ndef f():\n    return next(numbers)",
    ],
)
def test_what_is_to_be_looked_at_is_found(code):
    assert looks([code]), code


@pytest.mark.parametrize(
    "code",
    [
        "found = []\nfor i in range(3):\n    found.append(i)",
        "def make():\n    found = []\n    def add(x):\n        found.append(x)\n    return add",
        "class A:\n    kept = []\n    def __init__(self):\n        self.kept = []\n"
        "    def save(self, x):\n        self.kept.append(x)",
        "table = {}\ndef f(x):\n    return table[x]",
        "table = {}\ndef f(table):\n    table[1] = 2",
    ],
)
def test_data_that_is_kept_where_it_is_seen_is_not_to_be_looked_at(code):
    assert looks([code]) == []


def test_right_answers_are_not_to_be_looked_at():
    for file in CHAPTERS.glob("*/right.py"):
        assert looks([file.read_text()]) == [], file


def test_it_is_said_in_the_table_and_in_the_report(ground):
    cells = attacking("import sys\nframe = sys._getframe()", honest()[0])
    marks, transcript = ground.marks(cells)
    assert marks == FULL
    assert transcript.looks == [
        "cell 1, line 2: _getframe reads frames or closures, where inputs can be found"
    ]
    assert ground.marks(honest())[1].looks == []


def test_code_that_ends_the_parser_is_to_be_looked_at_by_a_person(ground, tmp_path):
    stage.make_stage(tmp_path / "pruned", QUESTIONS)
    file = tmp_path / "pruned" / "inside" / "looking.py"
    file.chmod(0o600)
    dying = "        if 'DIES' in cell:\n            import os\n            os._exit(1)\n"
    file.write_text(file.read_text().replace("        try:\n", f"{dying}        try:\n", 1))
    stage.give_to(tmp_path / "pruned", ground.machine.user)
    found = Ground(ground.kind, ground.machine, tmp_path, ground.demo)
    try:
        marks, transcript = found.marks(["text = 'DIES'", *honest()])
    finally:
        found.close()
    assert marks == FULL
    assert transcript.looks == ["cell 1 could not be read for what to look at"]
