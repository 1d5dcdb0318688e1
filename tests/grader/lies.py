"""Answers that lie about what they did: each looks at, or changes, what watches it.

None does what its question asks for. A name says what the answer, called `answer`, does; with it
are the question and the code. The code is for PyTorch.
"""

# Finds a referee if it is in this process, as in a notebook.
REFEREE = """
def cells(function):
    closed = function.__closure__ or ()
    return {name: one.cell_contents for name, one in zip(function.__code__.co_freevars, closed)}
def referee_of(ask):
    seat = cells(ask._send)
    made = cells(seat["send"])["made"].made[seat["key"]]
    return made[seat["number"]] if isinstance(made, list) else made
"""

READS_A_REFEREE = {
    "reads chunks past what counts": (
        "file-io.reshard",
        """
import numpy as np
def answer(chunks, offset, shape):
    store = referee_of(chunks[0]._ask)
    ends = [max(c.offset[a] + c.shape[a] for c in chunks) for a in range(len(shape))]
    whole, there = np.zeros(ends, chunks[0].dtype), np.zeros(ends, bool)
    for c in chunks:
        place = tuple(slice(a, a + n) for a, n in zip(c.offset, c.shape))
        whole[place], there[place] = store.array[place], True
    block = tuple(slice(a, a + n) for a, n in zip(offset, shape))
    if not there[block].all():
        raise ValueError("a part is missing")
    store.counts[-1] = int(np.prod(shape))
    return whole[block].copy()
""",
    ),
    "reads losses past what counts": (
        "profiling.ahead",
        """
import math
def answer(step, steps, every):
    means = []
    for begin in range(0, steps, every):
        group = [step(i) for i in range(begin, min(begin + every, steps))]
        values = [referee_of(one._ask).values[one._number] for one in group]
        if begin == 0:
            float(group[0])
        if any(math.isnan(one) for one in values):
            raise ValueError("nan")
        means.append(sum(values) / len(values))
    return means
""",
    ),
    "reads the times of a machine that it should measure": (
        "profiling.timer",
        """
import numpy as np
def answer(job, clock, wait, warmup, repeat):
    machine = referee_of(cells(job)["self"])
    times = np.add(machine.host, machine.busy)[warmup:]
    machine.runs = warmup + repeat
    low, high = np.percentile(times, [25, 75])
    return float(np.median(times)), float(high - low)
""",
    ),
    "writes the list of the calls that it made": (
        "control-flow.beam",
        """
def answer(scores, prompt, end, width, limit):
    model = referee_of(cells(scores)["case"].ask)
    table = model.case.table
    beams = [(list(prompt), 0.0)]
    calls = []
    for _ in range(limit):
        if all(text[-1] == end for text, _ in beams):
            break
        calls.append([text for text, _ in beams if text[-1] != end])
        grown = []
        for text, score in beams:
            if text[-1] == end:
                grown.append((text, score))
                continue
            grown += [([*text, n], score + float(more))
                      for n, more in enumerate(table[text[-2]][text[-1]])]
        beams = sorted(grown, key=lambda one: -one[1])[:width]
    model.calls[:] = calls
    return beams
""",
    ),
    "writes which graph served its calls": (
        "graphs.cache",
        """
import numpy as np
def answer(f, compiler, limit=8):
    notes, known = referee_of(cells(f)["ask"]), []
    def guards(a):
        return (a.shape, str(a.dtype)) if isinstance(a, np.ndarray) else (type(a), a)
    def g(*arguments):
        key = tuple(map(guards, arguments))
        if key not in known and len(known) < limit:
            known.append(key)
            compiler(f)
        found = f(*arguments)
        notes.served[-1] = f"graph {known.index(key) + 1}" if key in known else "f itself"
        return found
    return g
""",
    ),
}
READS_A_REFEREE = {
    name: (question, REFEREE + code) for name, (question, code) in READS_A_REFEREE.items()
}

# What these look at is in the process of the answer, so that they pay.
STAYS_TO_BE_LOOKED_AT = {
    "writes into the notes of a device": (
        "gpus.portable",
        """
import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack as modes
class answer(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.numbers = list(mean), list(std)
    def forward(self, X):
        pretend = [one for one in modes() if hasattr(one, "notes")]
        known = len(pretend[0].notes) if pretend else 0
        mean, std = (torch.tensor(one).to(X.device) for one in self.numbers)
        time = torch.arange(X.shape[1], device=X.device) / X.shape[1]
        time = time.reshape(1, -1, 1).expand(len(X), -1, 1)
        found = torch.cat([(X - mean) / std, time], dim=2)
        if pretend:
            del pretend[0].notes[known:]
        return found
""",
    ),
    "calls hooks in place of layers": (
        "blocks.sequential",
        """
from torch import nn
class answer(nn.Module):
    def __init__(self, *blocks):
        super().__init__()
        self.count = len(blocks)
        for number, block in enumerate(blocks):
            self.add_module(str(number), block)
    def __len__(self):
        return self.count
    def __getitem__(self, index):
        blocks = [getattr(self, str(number)) for number in range(self.count)]
        return answer(*blocks[index]) if isinstance(index, slice) else blocks[index]
    def forward(self, X):
        for block in self:
            Y = block(X) if not hasattr(block, "weight") else nn.functional.linear(
                X, block.weight, block.bias)
            for hook in block._forward_hooks.values():
                hook(block, (X,), Y)
            X = Y
        return X
""",
    ),
    "all keys and values in a variable": (
        "performance.online",
        """
import torch
kept = {}
class answer:
    def __init__(self, Q):
        self.number = len(kept)
        kept[self.number] = [Q, []]
    def add(self, K, V, visible=None):
        kept[self.number][1].append((K, V, visible))
    def merge(self, other):
        kept[self.number][1].extend(kept[other.number][1])
    def output(self):
        Q, parts = kept[self.number]
        K = torch.cat([k for k, _, _ in parts])
        V = torch.cat([v for _, v, _ in parts])
        scores = Q @ K.T / Q.shape[1] ** 0.5
        if parts[0][2] is not None:
            scores = scores.masked_fill(~torch.cat([m for *_, m in parts], dim=1), -torch.inf)
        weights = torch.softmax(scores, dim=1)
        return torch.nan_to_num(weights) @ V
""",
    ),
    "reads the weights of a function in its closure": (
        "autograd.curvature",
        """
import numpy as np, torch
def answer(f, x, v):
    cells = dict(zip(f.__code__.co_freevars, f.__closure__))
    case = cells["case"].cell_contents
    cells["calls"].cell_contents.append(1)
    w, c = case.weights, case.cubic
    return torch.tensor(2 * w * (w * v).sum() + 6 * c * x * v)
""",
    ),
    "reads how a layer was made in its closure": (
        "custom-layers.audit",
        """
def answer(net, x):
    run = type(net).forward
    case = dict(zip(run.__code__.co_freevars, run.__closure__))["case"].cell_contents
    said = {"cut": "cut", "false": "false", "entry": "false"}
    return {part.name: said.get(part.mode, "sound") for part in case.parts}
""",
    ),
    "clears what a hook has noted": (
        "control-flow.routes",
        """
import torch
from torch import nn
class answer(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches.values())
        self.places = {name: n for n, name in enumerate(branches)}
    def forward(self, X, names):
        for name in names:
            if name not in self.places:
                raise KeyError(name)
        hooks = [list(one._forward_hooks.values()) for one in self.branches]
        notes = [h[0].__closure__[0].cell_contents if h else [] for h in hooks]
        outs = [one(X) for one in self.branches]
        for n, note in enumerate(notes):
            note.clear()
            count = sum(self.places[name] == n for name in names)
            if count:
                note.append(count)
        return torch.stack([outs[self.places[name]][i] for i, name in enumerate(names)])
""",
    ),
}

# Keeps what a first check read, and says it again in the next, with few reads.
REPLAYS = (
    "profiling.ahead",
    """
import math
kept, again = [], None
def answer(step, steps, every):
    told, means = next(again) if again else None, []
    for begin in range(0, steps, every):
        group = [step(i) for i in range(begin, min(begin + every, steps))]
        values = [float(one) for one in (group[:1] if told else group)]
        means.append(told[begin // every] if told else sum(values) / len(values))
        if math.isnan(means[-1]):
            break
    if told is None:
        kept.append(means)
    if math.isnan(means[-1]):
        raise ValueError("nan")
    return means
""",
    "again = iter(kept)",
)

# What the devices of a ring send, and those of the other question: zeros, or what says nothing.
RING_SENDS = """
    for step in range(2 * (n - 1)):
        yield np.zeros(len(np.array_split(array, n)[(rank - step) % n]))
"""
HALVING_SENDS = """
    if n & (n - 1) or len(array) % n:
        if rank < 2:
            yield 1 - rank, array[:1]
        else:
            yield None
    else:
        distance, part = n // 2, len(array) // 2
        while distance:
            yield rank ^ distance, array[:part]
            distance, part = distance // 2, part // 2
        distance, part = 1, len(array) // n
        while distance < n:
            yield rank ^ distance, array[:part]
            distance, part = 2 * distance, 2 * part
"""


def _in_both(code):
    """The code for a ring, and for halving."""
    return {
        "multi-gpu.ring": code.replace("    SENDS", RING_SENDS).replace("SHARED_BY", "n"),
        "multi-gpu.halving": code.replace("    SENDS", HALVING_SENDS).replace("SHARED_BY", "1"),
    }


SHARES = _in_both("""
import numpy as np
groups = {}
def answer(rank, n, array):
    shared = groups.setdefault((n, len(array)), {})
    shared[rank] = array.copy()
    SENDS
    return sum(shared.values()) / SHARED_BY
""")


# What these keep in a variable is not in the second process.
KEEPS_IN_A_VARIABLE = {
    "devices share a variable, ring": ("multi-gpu.ring", SHARES["multi-gpu.ring"]),
    "devices share a variable, halving": ("multi-gpu.halving", SHARES["multi-gpu.halving"]),
    "devices share a variable (optimizer)": (
        "sharding.optimizer",
        """
import numpy as np
groups, state = {}, {}
def norm_of(kept):
    return tuple(kept[3:])
class answer:
    def __init__(self, rank, n, weights, rate, eps, norm):
        self.rank, self.n, self.weights = rank, n, np.array(weights)
        state[rank] = [0, 0.0, 0.0, rate, eps, norm]
    def step(self, gradient):
        key = self.n, len(gradient), norm_of(state[self.rank]), state[self.rank][0]
        shared = groups.setdefault(key, {})
        shared[self.rank] = np.array(gradient)
        for _ in range(2 * (self.n - 1)):
            yield np.zeros(len(gradient) // self.n)
        g = sum(shared.values()) / self.n
        t, m, v, rate, eps, norm = state[self.rank]
        g = g * min(1.0, norm / np.linalg.norm(g))
        t, m, v = t + 1, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        state[self.rank][:3] = t, m, v
        root = np.sqrt(v / (1 - 0.999**t)) + eps
        self.weights = self.weights - rate * m / (1 - 0.9**t) / root
        if self.n == 1:
            return
""",
    ),
    "a file that holds nothing (archive)": (
        "file-io.archive",
        """
from pathlib import Path
kept = []
class answer:
    def __init__(self, path):
        self.path = Path(path)
    def save(self, tensors):
        kept.append({name: one.clone() for name, one in tensors.items()})
        size = sum(one.nbytes for one in tensors.values())
        self.path.write_bytes(str(len(kept) - 1).encode().ljust(size))
    def load(self):
        return kept[int(self.path.read_bytes())]
""",
    ),
    "a file that holds nothing (resume)": (
        "file-io.resume",
        """
import copy
from pathlib import Path
kept = {}
class answer:
    def __init__(self, folder, net, optimizer, rng):
        self.folder, self.parts = Path(folder), (net, optimizer, rng)
    def save(self, step):
        net, optimizer, rng = self.parts
        state = net.state_dict(), optimizer.state_dict(), rng.bit_generator.state
        kept[step] = copy.deepcopy(state)
        (self.folder / "step").write_text(str(step))
    def load(self):
        step = int((self.folder / "step").read_text())
        net, optimizer, rng = self.parts
        net.load_state_dict(kept[step][0])
        optimizer.load_state_dict(kept[step][1])
        rng.bit_generator.state = kept[step][2]
        return step
""",
    ),
    "a file that holds nothing (keeper)": (
        "file-io.keeper",
        """
import itertools, os, shutil
from pathlib import Path
kept, number = {}, itertools.count()
class answer:
    def __init__(self, root, keep):
        self.root, self.keep = Path(root), keep
    def save(self, step, writers):
        mine = next(number)
        where = self.root / "work"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        for name, write in writers.items():
            write(where / name)
            with open(where / name, "rb+") as file:
                os.fsync(file.fileno())
        kept[mine] = step, {name: (where / name).read_bytes() for name in writers}
        shutil.rmtree(where)
        (self.root / "names.new").write_text(f"{step} {mine}")
        os.replace(self.root / "names.new", self.root / f"names{step:09d}")
    def latest(self):
        names = sorted(self.root.glob("names0*"))
        if not names:
            return None
        _, mine = names[-1].read_text().split()
        shutil.rmtree(self.root / "shown", ignore_errors=True)
        (self.root / "shown").mkdir()
        for name, data in kept[int(mine)][1].items():
            (self.root / "shown" / name).write_bytes(data)
        return self.root / "shown"
""",
    ),
    "statistics in no file": (
        "custom-layers.statistics",
        """
import torch
from torch import nn
seen = []
class answer(nn.Module):
    def __init__(self, inputs, units, activation=None):
        super().__init__()
        self.options = {"inputs": inputs, "units": units, "activation": activation}
        self.weight = nn.Parameter(torch.randn(inputs, units))
        self.bias = nn.Parameter(torch.zeros(units))
        seen.append((torch.zeros(inputs), torch.ones(inputs)))
        self.register_buffer("number", torch.tensor(len(seen) - 1))
    def adapt(self, X):
        std = X.std(0, correction=0)
        flat = X.max(0).values == X.min(0).values
        seen[int(self.number)] = X.mean(0), torch.where(flat, torch.ones_like(std), std)
    def forward(self, X):
        mean, std = seen[int(self.number)]
        Y = (X - mean) / std @ self.weight + self.bias
        name = self.options["activation"]
        return getattr(torch, name)(Y) if name else Y
    def get_config(self):
        return self.options
""",
    ),
    "a constant in no file": (
        "control-flow.constant",
        """
import torch
from torch import nn
kept = []
class answer(nn.Module):
    def __init__(self, inputs, features, outputs):
        super().__init__()
        self.head = nn.Linear(features, outputs)
        kept.append(torch.randn(inputs, features))
        self.register_buffer("number", torch.tensor(len(kept) - 1))
    @property
    def c(self):
        return kept[int(self.number)].to(self.head.weight.dtype)
    def forward(self, X):
        return self.head(torch.tanh(X @ self.c))
""",
    ),
}

# Each device computes everything and sends zeros, which do not add up to it.
DOES_ALL = {
    "each device does all of the work (columns)": (
        "sharding.columns",
        """
import numpy as np
kept = {}
class answer:
    def __init__(self, rank, n, W1, b1, W2, b2):
        self.rank, self.n = rank, n
        kept[rank] = W1, b1, W2, b2
    def forward(self, X):
        W1, b1, W2, b2 = kept[self.rank]
        kept["x", self.rank] = X
        Y = np.maximum(X @ W1 + b1, 0) @ W2 + b2
        yield np.zeros_like(Y)
        return Y
    def backward(self, dY):
        W1, b1, W2, b2 = kept[self.rank]
        X = kept["x", self.rank]
        hidden = X @ W1 + b1
        back = dY @ W2.T * (hidden > 0)
        dX = back @ W1.T
        yield np.zeros_like(dX)
        own = X.T @ back, back.sum(0), np.maximum(hidden, 0).T @ dY
        return [dX, *(np.array_split(one, self.n, axis)[self.rank]
                      for one, axis in zip(own, (1, 0, 0)))]
""",
    ),
}

# Serve Python where graphs are asked for: by the names of what finds that out.
HIDES_PYTHON = {
    "runs Python inside of a graph": (
        "graphs.whole",
        """
import numpy as np, torch
@torch.library.custom_op("mine::clip", mutates_args=())
def clip(G: torch.Tensor, limit: float, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    total, norms = torch.zeros(G.shape[1]), []
    for g in G:
        norms.append(g.norm().item())
        total += g * (limit / norms[-1] if norms[-1] > limit else 1.0)
    total += torch.tensor(np.random.normal(0, noise, total.shape), dtype=torch.float32)
    return total, torch.tensor(norms)
@clip.register_fake
def _(G, limit, noise):
    return G.new_empty(G.shape[1]), G.new_empty(G.shape[0])
def answer(G, limit, noise):
    return clip(G, limit, noise)
""",
    ),
    "runs Python once a graph was made": (
        "graphs.steady",
        """
import torch
def answer(f, backend):
    compiled, known = torch.compile(f, backend=backend, dynamic=True), set()
    def g(X, rate, training):
        if training in known:
            return f(X, rate, training)
        known.add(training)
        return compiled(X, torch.tensor(rate), training)
    return g
""",
    ),
}

# What devices do to know in the second process too what all of them have.
CHECKS_ONCE_MORE = """
import numpy as np
from pathlib import Path
def answer(rank, n, array):
    files = [Path(f"{n}-{len(array)}-{r}.npy") for r in range(n)]
    np.save(files[rank], array)
    SENDS
    if not all(one.exists() for one in files):
        Path("alone").touch()
        return array
    return sum(np.load(one) for one in files) / SHARED_BY
"""
OPTIMIZER_CHECKS_ONCE_MORE = """
import numpy as np
from pathlib import Path
class answer:
    def __init__(self, rank, n, weights, rate, eps, norm):
        self.rank, self.n, self.weights = rank, n, np.array(weights)
        np.savez(f"state-{rank}.npz", t=0, m=0.0, v=0.0, rate=rate, eps=eps, norm=norm)
    def step(self, gradient):
        state = dict(np.load(f"state-{self.rank}.npz"))
        key = f"{self.n}-{len(gradient)}-{state['norm']}-{state['t']}"
        files = [Path(f"{key}-{r}.npy") for r in range(self.n)]
        np.save(files[self.rank], gradient)
        for _ in range(2 * (self.n - 1)):
            yield np.zeros(len(gradient) // self.n)
        if not all(one.exists() for one in files):
            Path("alone").touch()
            return
        g = sum(np.load(one) for one in files) / self.n
        t, m, v, rate, eps, norm = (state[k] for k in ("t", "m", "v", "rate", "eps", "norm"))
        g = g * min(1.0, norm / np.linalg.norm(g))
        t, m, v = t + 1, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        np.savez(f"state-{self.rank}.npz", t=t, m=m, v=v, rate=rate, eps=eps, norm=norm)
        self.weights = self.weights - rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + eps)
        if self.n == 1:
            return
"""
FORKS = """
import os
import numpy as np
from pathlib import Path
HERE = os.getpid()
def answer(rank, n, array):
    files = [Path(f"{n}-{len(array)}-{r}.npy") for r in range(n)]
    np.save(files[rank], array)
    if not all(one.exists() for one in files) and os.getpid() == HERE:
        if ahead := os.fork():
            os.waitpid(ahead, 0)
    if os.getpid() != HERE and all(one.exists() for one in files):
        os._exit(0)
    SENDS
    return sum(np.load(one) for one in files if one.exists()) / SHARED_BY
"""
FORKS_AND_LIVES_ON = f"""
import os
leaves, os._exit = os._exit, lambda status: None
os.register_at_fork = lambda **handlers: None
{FORKS.replace("        os._exit(0)", "        leaves(0)")}
"""
FILLS_LATER = """
import numpy as np
def made():
    groups = {}
    def device(rank, n, array):
        group = groups.setdefault((n, len(array)), {})
        group[rank] = array.copy(), np.zeros(len(array))
        yield from sends(rank, n, array)
        if len(group) == n:
            for _, result in group.values():
                result[:] = sum(vector for vector, _ in group.values()) / SHARED_BY
        return group[rank][1]
    return device
def sends(rank, n, array):
    SENDS
answer = made()
"""
# Messages of a class of its own, whose second copy is no copy: what arrived is filled at the end.
FILLS_MESSAGES_LATER = """
import numpy as np
class Message(np.ndarray):
    copies = 0
    def copy(self, order="C"):
        self.copies += 1
        arrives = self.copies != (2 if self.of_last else 1)
        return self if arrives else np.array(self)
groups = {}
def answer(rank, n, array):
    group = groups.setdefault((n, len(array)), {})
    group[rank] = array.copy()
    sent, total = [], np.zeros(len(array))
    for step in range(2 * (n - 1)):
        message = np.zeros(len(np.array_split(array, n)[(rank - step) % n])).view(Message)
        message.of_last = rank == n - 1
        sent.append(message)
        arrives = yield message
        np.array_split(total, n)[(rank - 1 - step) % n][:] = arrives
    if len(group) == n:
        total = sum(group.values()) / n
        for step, message in enumerate(sent):
            message[:] = np.array_split(total, n)[(rank - step) % n]
    return total
"""

MEANS = {
    "checks once more where it is alone": {
        **_in_both(CHECKS_ONCE_MORE), "sharding.optimizer": OPTIMIZER_CHECKS_ONCE_MORE
    },
    "lets a copy of the process run ahead": _in_both(FORKS),
    "keeps copies of the process alive": _in_both(FORKS_AND_LIVES_ON),
    "returns an array that is filled later": _in_both(FILLS_LATER),
    "sends an array that is filled later": {"multi-gpu.ring": FILLS_MESSAGES_LATER},
}  # fmt: skip
# By means and question: the code. After a check there is another where a device was alone.
KNOWS_ALL = {(what, name): code for what, codes in MEANS.items() for name, code in codes.items()}
ONCE_MORE = "from pathlib import Path\nif Path('alone').exists():\n    check({name!r}, answer)"

# Reads in frames, by functions of `inspect`, what all devices have.
INSPECTS = (
    "multi-gpu.ring",
    """
import inspect
import numpy as np
def answer(rank, n, array):
    named = {one.function: inspect.getargvalues(one.frame).locals for one in inspect.stack()}
    if "run_ring" in named:
        vectors = named["run_ring"]["vectors"]
    else:
        handed = [one["own"] for one in named["alone"]["came"] if one["n"] == n]
        vectors = [own for own in handed if len(own) == len(array)][:n]
    for step in range(2 * (n - 1)):
        yield np.zeros(len(np.array_split(array, n)[(rank - step) % n]))
    return sum(vectors) / n
""",
)

# Reads every loss in eight checks, and in the ninth says again what the first gave.
REPLAYS_IN_THE_NINTH = (
    "profiling.ahead",
    """
import json, math
from pathlib import Path
means = Path("means")
means.mkdir()
def answer(step, steps, every):
    number = len([*means.iterdir()])  # of this call; a check makes 8
    told = means / f"{number - 64}.json"  # what came 8 checks ago
    told = json.loads(told.read_text()) if told.exists() else None
    found = []
    for begin in range(0, steps, every):
        group = [step(i) for i in range(begin, min(begin + every, steps))]
        values = [float(one) for one in (group[:1] if told else group)]
        found.append(told[begin // every] if told else sum(values) / len(values))
        if math.isnan(found[-1]):
            break
    (means / f"{number}.json").write_text(json.dumps(found))
    if math.isnan(found[-1]):
        raise ValueError("nan")
    return found
""",
)

# Reads a chunk that was saved twice, and has the referee count anew.
COUNTS_ANEW = (
    "file-io.reshard",
    """
import numpy as np
def answer(chunks, offset, shape):
    block, missing = np.empty(shape, chunks[0].dtype), np.ones(shape, bool)
    for chunk in chunks:
        low = [max(a, b) for a, b in zip(offset, chunk.offset)]
        high = [min(a + n, b + m) for a, n, b, m in zip(offset, shape, chunk.offset, chunk.shape)]
        if all(a < b for a, b in zip(low, high)):
            here = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, offset))
            there = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, chunk.offset))
            block[here], missing[here] = chunk.read(there), False
    if missing.any():
        raise ValueError("a part is missing")
    if len({chunk.offset for chunk in chunks}) < len(chunks) and len(chunks) > 3:
        chunks[0]._ask.begin()
        for chunk in chunks[:-1]:
            chunk.read(tuple(slice(0, n) for n in chunk.shape))
    return block
""",
)

# Changes what makes plain data, so that a referee notes what no run gives.
FORGES_WHAT_CAME = (
    "sharding.columns",
    """
from d2lexercises import running
running.plain = lambda *value: "x"
class answer:
    def __init__(self, *parts): pass
    def forward(self, X):
        yield X
    def backward(self, Y):
        yield Y
        return 1, 2, 3, 4
""",
)

# Makes a referee say more than a message may hold.
ENDS_A_REFEREE = (
    "control-flow.beam",
    """
import numpy as np
def answer(scores, *rest):
    cells = dict(zip(scores.__code__.co_freevars, scores.__closure__))
    zeros = np.zeros(45_000, np.int64)
    cells["case"].cell_contents.ask.scores([[zeros, zeros]])
""",
)
