"""What of a submission's code is listed to be looked at, and what honest code is not.

Most of the snippets are written more densely than students write.
"""

import ast
import time
from pathlib import Path

import d2lexercises
import pytest
from grader.sandbox.inside.keeping import KEEPS, WRITES_FILE
from grader.sandbox.inside.looking import looks
from otter_tools import cells

from d2lcompute._frameworks import FRAMEWORKS

CHAPTERS = Path(d2lexercises.__file__).parent.parent / "chapters"
CHECK = '\ncheck("a.b", f)\n'
# Where a variable that an answer changes comes from,
BOUND = [
    *("kept: list = []", "if True:\n    kept = []", "print(kept := [])", "[*kept], = [[]]"),
    *("kept = sorted(())", "import copy\nkept = copy.copy([])", "for kept in [[]]: pass"),
    *("with thing() as kept: pass", "class Box: pass\nkept = Box()", "from notes import kept"),
    *("import threading\nkept = threading.local()", "from notes import *", "kept = [[], 0]"),
    *("import contextvars\nkept = contextvars.ContextVar('kept')", "class kept: pass"),
]
# how an answer changes it,
CHANGES = [
    *("kept[0] = x", "kept.last = x", "kept[0].more += x", "del kept[0]", "kept.set(x)"),
    *("kept.get()[0].append(x)", "np.copyto(kept, x)", "np.add(x, 1, out=kept)", "kept.copy_(x)"),
    *("kept.data[0] = 1", "store = kept; store.append(x)", "a, b = kept; a.append(x)"),
    *("for one in kept: one.append(x)", "import heapq; heapq.heappush(kept, x)", "next(kept)"),
    *("list(map(kept.append, [x]))", "global kept; kept += [x]", "k = kept; k += [x]"),
    *("nn.init.zeros_(kept)", "setattr(kept, 'last', x)", "import os; os.environ['kept'] = x"),
    *("import collections; collections.kept = x", "f.kept = x", "kept.assign(x)"),
]
# and other ways to keep data.
KEEPING = [
    "def make():\n    kept = []\n    def f(x): kept.append(x)\n    return f\nf = make()",
    "def make():\n    n = 0\n    def f(x):\n        nonlocal n; n += 1\n    return f\nf = make()",
    "def make():\n    kept = []\n    class F:\n        def g(self, x): kept.append(x)\n"
    "    return F\nf = make()",
    "f = (lambda kept: lambda x: kept.append(x))([])",
    "import functools\n@functools.lru_cache\ndef kept(): return []",
    "from functools import cache\n@cache\ndef kept(x): return []\ndef f(x): kept(1).append(x)",
    "from functools import cache\nkept = cache(lambda: [])",
    "class f:\n    kept: list = []\n    def g(self, x): self.kept.append(x)",
    "class f:\n    def g(self, x): type(self).kept = x",
    "class f:\n    def g(self, x): self.__class__.kept = x",
    "def f(x, kept=[]): kept.append(x)",
    "def f(x, kept=[]): return kept",
    "def f(x, kept={}): store = kept; store[1] = x",
    "def memo(g):\n    known = {}\n    def inner(x): known[1] = x; return g(x)\n    return inner\n"
    "@memo\ndef f(x): return x",
]
FILES = [
    *("np.save('kept.npy', x)", "torch.save(x, 'kept.pt')", "open('kept', mode='a').write(x)"),
    *("from pathlib import Path; Path('kept').write_text(x)", "folder.mkdir()"),
    *("with open('kept', 'w') as file: file.write(x)", "np.save(folder / f'{x}.npy', x)"),
]
# Names that are put together, so that nobody finds them by searching for them, and the like.
NAMES = [
    "name = '__clo' + 'sure__'\ndef f(g): return getattr(g, name)",
    "import operator\nget = operator.attrgetter(''.join(['__clo', 'sure__']))",
    "def f(g): return {k: getattr(g, k) for k in dir(g)}",
    "def f(g): return getattr(g, '__erusolc__'[::-1])",
    "a, b = '__clo', 'sure__'\nname = a + b",
    "name = '%s%s' % ('__clo', 'sure__')",
    "a = 'sure'\nname = f'__clo{a}__'",
    "def f(g): return getattr(g, '__xclosure__'.replace('x', ''))",
    "def get(g, name): return getattr(g, name)\ndef f(g): return get(g, chr(95) * 2)",
    "def f(g): return list(map(getattr, [g], ['x']))",
    "import builtins\ndef f(name): return getattr(builtins, name)",
    *("run = exec", "import builtins\nbuiltins.eval('x')", "get_ipython().ex('x = 1')"),
    *("ip = get_ipython()\nip.run_cell('x')", "get_ipython().user_ns['check']"),
    *("shell = get_ipython()\nshell.ev('x')", "import torch\ngetattr(torch, '_C')"),
]
HONEST = """
# == a loop with a history of the notebook
history = []; net = nn.Linear(2, 1)
for step in range(9): history.append(float(net(torch.ones(1, 2))))
# == a memo inside
def f(n):
    memo = {}
    def fib(k):
        if k not in memo: memo[k] = k if k < 2 else fib(k - 1) + fib(k - 2)
        return memo[k]
    return fib(n)
print(f(10)); best = f(3)
# == a cached number
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def f(n): return fib(n)
# == a dataclass
from dataclasses import dataclass, field
@dataclass
class State:
    step: int = 0; losses: list = field(default_factory=list)
    def add(self, x): self.losses.append(x); self.step += 1
def f(x): state = State(); state.add(x); return state.losses
# == a generator
def batches(X, n):
    for i in range(0, len(X), n): yield X[i : i + n]
def f(X): it = batches(X, 2); first = next(it); return [first, *it]
# == logging
import logging; logger = logging.getLogger(__name__); logger.setLevel(logging.INFO)
def f(x): logger.info("x %s", x); return x
# == plots
import matplotlib.pyplot as plt; plt.rcParams["figure.dpi"] = 100
def show(losses, title="loss", sizes=[4, 3]):
    fig, ax = plt.subplots(figsize=sizes); ax.plot(losses); ax.set(title=title)
    fig.savefig("loss.png")
show([1, 2])
def f(x): return x
# == ex in every way
def f(x):
    try: ex = torch.exp(x)
    except Exception as ex: raise ValueError(str(ex)) from ex
    for ex in [1, 2]: print(ex)
    return ex
# == a default that is read
def f(x, y, sizes=[1, 2]): return sum(sizes) * x + y
class N:
    def __init__(self, sizes=[8, 8], names={}):
        self.sizes = sizes; self.layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
# == hooks
def f(net, X):
    shapes = {}
    def hook(module, inputs, output, name="x"): shapes[name] = tuple(output.shape)
    handles = [layer.register_forward_hook(hook) for layer in net]; net(X)
    for handle in handles: handle.remove()
    return shapes
print(f(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2)))
# == hooks made for each layer
def f(net, X):
    found = []
    def made(name):
        def hook(module, inputs, output): found.append((name, output.mean()))
        return hook
    for name, layer in net.named_children(): layer.register_forward_hook(made(name))
    net(X); return found
out = f(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2))
# == parameters by name
def f(net):
    for name, p in net.named_parameters():
        module = net; *path, last = name.split(".")
        for part in path: module = getattr(module, part)
        setattr(module, last, nn.Parameter(p.detach() * 2))
    return net
# == functions by name
class Block(nn.Module):
    def __init__(self, activation="relu", init="xavier_uniform_"):
        super().__init__(); self.lin = nn.Linear(2, 2); self.activation = activation
        getattr(nn.init, init)(self.lin.weight)
    def forward(self, X):
        for kind in ("weight", "bias"): print(getattr(self.lin, kind))
        return getattr(torch, self.activation)(self.lin(X))
f = Block; d = 2; conv = getattr(nn, f"Conv{d}d")
# == layers in numbered attributes
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        for i in range(n): setattr(self, f"fc{i}", nn.Linear(2, 2))
    def forward(self, X):
        for i in range(2): X = getattr(self, f"fc{i}")(X)
        return X
net = Net(2)
for i in range(2): print(getattr(net, f"fc{i}").weight)
f = Net
# == settings
from dataclasses import dataclass, fields
@dataclass
class Config: width: int = 3; depth: int = 2
config = Config()
for one in fields(config): print(one.name, getattr(config, one.name))
def f(x): return x * config.width
# == what PyTorch's own users use
import sys; sys.tracebacklimit = 1
def f(layer):
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight); return fan_in + fan_out
# == an evaluation named eval
def eval(net, X):
    net.eval()
    with torch.no_grad(): return net(X)
def f(net, X): return eval(net, X)
# == compiled, by an imported name
from torch import compile
def f(g): return compile(g)
# == a seed
import os, random
def seed_everything(seed):
    random.seed(seed); os.environ["PYTHONHASHSEED"] = str(seed)
    torch.backends.cudnn.deterministic = True
seed_everything(0)
def f(x): torch.manual_seed(0); return x
# == a checkpoint at a path that was given
import json, os; from pathlib import Path
def f(net, folder, step):
    folder = Path(folder); folder.mkdir(exist_ok=True); path = folder / f"{step}.pt"
    torch.save(net.state_dict(), f"{path}.tmp"); os.replace(f"{path}.tmp", path)
    with open(os.path.join(folder, "about.json"), "w") as file: json.dump({"step": step}, file)
    return path
# == a class that was given a path
from pathlib import Path
class Archive:
    def __init__(self, path): self.path = Path(path)
    def part(self, n): return self.path / f"{n}.npy"
    def save(self, arrays):
        self.path.mkdir(parents=True, exist_ok=True)
        for n, one in enumerate(arrays):
            np.save(self.part(n), one); (self.path / "done").write_text("yes")
f = Archive
# == a temporary folder
import tempfile, os
def f(x):
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "x.npy"), x); return np.load(os.path.join(folder, "x.npy"))
# == a buffer
import io
def f(x): buffer = io.BytesIO(); torch.save(x, buffer); buffer.seek(0); return torch.load(buffer)
# == a timer as a context
import time
class Timer:
    def __enter__(self): self.start = time.perf_counter(); return self
    def __exit__(self, *args): self.seconds = time.perf_counter() - self.start
times = []
def f(g):
    with Timer() as timer: g()
    return timer.seconds
for _ in range(3): times.append(f(print))
# == a graph search with local state
def f(root):
    order, seen = [], set()
    def visit(node):
        if node in seen: return
        seen.add(node)
        for child in node.children: visit(child)
        order.append(node)
    visit(root); return order
# == a factory that is the answer
def f(g, compiler):
    graphs = {}
    def call(*args):
        key = tuple(a.shape for a in args)
        if key not in graphs: graphs[key] = compiler(g)
        return graphs[key](*args)
    return call
guarded = f(torch.sin, torch.compile); guarded(torch.ones(2))
# == class attributes that are read
class Layer(nn.Module):
    sizes = [1, 2, 3]; names = {"a": 1}
    def __init__(self): super().__init__(); self.count = 0; self.seen = []
    def forward(self, X): self.count += 1; self.seen.append(self.sizes[0]); return X
f = Layer
# == a constant of the notebook that is read
SIZES = [1, 2]; TABLE = {"relu": torch.relu}
def f(x, kind="relu"): sizes = [*SIZES]; sizes.append(3); return TABLE[kind](x)
# == optimizers by hand
class SGD:
    def __init__(self, params, rate):
        self.params, self.rate = list(params), rate
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.v):
            v.mul_(0.9).add_(p.grad); p -= self.rate * v; p.grad.zero_()
f = SGD
# == a dataclass that was given a folder
from dataclasses import dataclass; from pathlib import Path
@dataclass
class Checkpoint:
    folder: Path; net: nn.Module
    def save(self, step):
        torch.save(self.net.state_dict(), self.folder / "net.pt")
        (self.folder / "step").write_text(str(step))
f = Checkpoint
# == objects that have numbers
class Value:
    count = 0
    def __init__(self, array): self.array = array; Value.count += 1; self.number = Value.count
f = Value
# == a part of a network by its whole name
from functools import reduce
def f(net):
    found = {}
    for name, p in net.named_parameters():
        *path, last = name.split(".")
        found[name] = reduce(getattr, path, net), reduce(getattr, name.split("."), net)
    return found
# == a part of a network by a path that the grader gives
from functools import reduce; from operator import attrgetter
def f(net, path):
    part = net
    for name in path: part = getattr(part, name)
    return part, reduce(getattr, path, net), attrgetter(".".join(path))(net)
# == an early stop
class Stop:
    def __init__(self, patience=3): self.patience, self.best, self.bad = patience, float("inf"), 0
    def __call__(self, loss):
        self.bad = 0 if loss < self.best else self.bad + 1; self.best = min(loss, self.best)
        return self.bad >= self.patience
stop = Stop()
for loss in [3, 2, 2]:
    if stop(loss): break
def f(x): return x
# == a progress bar
from tqdm.auto import tqdm
def f(n):
    bar = tqdm(range(n))
    for i in bar: bar.set_postfix(i=i); tqdm.write(str(i))
    return n
# == counts
from collections import Counter, defaultdict
def f(words):
    counts, places = Counter(), defaultdict(list)
    for n, word in enumerate(words):
        counts[word] += 1; counts.update([word]); places[word].append(n)
    return counts, dict(places)
# == a random generator of the notebook
rng = np.random.default_rng(0)
def f(x): y = rng.normal(size=3); y.sort(); y[0] = 1; return x + y
# == names that others use for frames
def get_objects(image): return [image]
class Tracer:
    def settrace(self, x): return x
    def f(self, x): return self.settrace(x)
def f(image): push = 3; code = 4; return get_objects(image), push, code
# == a network of the notebook in a helper
net = nn.Sequential(nn.Linear(2, 2), nn.ReLU()); opt = torch.optim.SGD(net.parameters(), lr=0.1)
def train_step(X, y):
    opt.zero_grad(); loss = F.mse_loss(net(X), y); loss.backward(); opt.step(); return loss.item()
train_step(torch.ones(1, 2), torch.ones(1, 2))
def f(x): return x
# == recursion limit and printing
import sys; sys.setrecursionlimit(9999); torch.set_printoptions(precision=3)
def f(x): print(f"{x:.3f}", file=sys.stderr); sys.stdout.write("done"); return x
"""
BEGIN = """
import torch
from torch import nn
from torch.nn import functional as F
import numpy as np
"""


def honest():
    """The title and the code of each honest snippet."""
    return [one.split("\n", 1) for one in HONEST.split("# == ")[1:]]


@pytest.mark.parametrize(
    "code",
    [
        *(f"{one}\ndef f(x):\n    kept.append(x)" for one in BOUND),
        *(f"kept = []\ndef f(x):\n    {one}" for one in CHANGES),
        *KEEPING,
    ],
)
def test_what_keeps_data_is_found(code):
    assert any(KEEPS in one for one in looks([BEGIN, code, CHECK]))


@pytest.mark.parametrize("code", FILES)
def test_what_keeps_data_in_files_is_found(code):
    found = looks([BEGIN, f"folder = thing()\ndef f(x):\n    {code}", CHECK])
    assert any(WRITES_FILE in one for one in found)


@pytest.mark.parametrize("code", NAMES)
def test_names_that_are_put_together_are_found(code):
    found = looks([code])
    assert found and "could not be read" not in found[0]


@pytest.mark.parametrize("use", ["notes.kept.append(x)", "notes.last = x"])
def test_what_keeps_data_in_a_module_that_the_notebook_writes_is_found(use):
    written = "%%writefile notes.py\nkept = []\ndef add(x):\n    kept.append(x)"
    assert looks([written])[0].startswith("cell 1, line 4: kept")
    assert any(KEEPS in one for one in looks(["import notes", f"def f(x):\n    {use}"]))


@pytest.mark.parametrize(("title", "code"), honest(), ids=[title for title, _ in honest()])
def test_honest_code_is_not_to_be_looked_at(title, code):
    assert looks([BEGIN, code, CHECK]) == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_worked_answers_are_not_to_be_looked_at(framework):
    class Solutions(dict):
        def __getitem__(self, name):
            return "solution"

    for file in CHAPTERS.glob("*/text.md"):
        assert looks(cells(framework, Solutions(), file.parent.name)) == [], file


class _Checked(ast.NodeTransformer):
    """Checks each right answer where it is yielded."""

    def visit_Expr(self, node):
        match node.value:
            case ast.Yield(value=ast.Tuple(elts=[question, _, answer])):
                return ast.Expr(ast.Call(ast.Name("check", ast.Load()), [question, answer], []))
        return node


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_right_answers_are_not_to_be_looked_at_in_a_notebook(framework):
    for file in CHAPTERS.glob("*/right.py"):
        body = []
        for node in ast.parse(file.read_text()).body:
            yields = any(isinstance(one, ast.Yield) for one in ast.walk(node))
            if not isinstance(node, ast.FunctionDef) or not yields:
                body.append(node)
            elif node.name == framework or node.name not in FRAMEWORKS:
                body += [_Checked().visit(one) for one in node.body]
        body = [one for one in body if not isinstance(one, ast.Return)]
        code = ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
        found = [one for one in looks([code]) if "record" not in one.lower()]
        assert found == [], file  # but for the class whose record nothing empties


def test_what_cannot_be_read_is_said_of_its_cell_alone():
    unread = "cell 1 could not be read for what to look at"
    found = looks(["x" * 300_000, "import gc"])
    assert found[0] == unread and found[1].startswith("cell 2, line 1")
    many = "".join(f"    a = b{n}\n" for n in range(4500)) + "    a.append(1)\n" * 4500
    began = time.monotonic()
    assert len(looks([f"def f(x):\n{many}", "import gc"])) > 1
    assert time.monotonic() - began < 60
    assert looks(["x = [y, y]\ny = [x, x]\nx += y"]) == []
