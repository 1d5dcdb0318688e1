"""Questions of the chapter *Hardware and performance*.

Where time is asked for, the machine is a stand-in whose clock is a number: a job takes exactly as
long as the inputs say, on any computer. The rest is arithmetic, recomputed here from the inputs.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from d2lexercises.kinds import kind_of
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Number,
    WrongKind,
    any_class,
    compare,
    function,
    question,
)

# -- performance.timer ---------------------------------------------------------------------------

TIMER = question("performance.timer", "A clock that is not fooled", takes=function)


@TIMER.inputs
def draw_timer(draw):
    def seconds(low, high, count):
        return draw.numbers(low, high, count, digits=4)

    def case(warmup, repeat, slow=0, ahead=0.0):
        host, busy = seconds(0.001, 0.004, 1), seconds(0.02, 0.2, 1)
        count = warmup + repeat
        return {
            "warmup": warmup,
            "repeat": repeat,
            "host": seconds(1, 2, slow) + host * (count - slow),
            "busy": busy * count,
            "ahead": ahead,
        }

    def apart(times):  # so that one of the two in the middle is not their median
        return np.diff(np.sort(times)).min() > 0.002

    slow = draw.integer(3, 5)
    varied = [case(0, 2 * draw.integer(4, 6) - odd) for odd in (0, 1)]
    for one in varied:
        one["busy"] = draw.until(apart, lambda count=one["repeat"]: seconds(0.02, 0.2, count))
        one["busy"][draw.integer(0, one["repeat"] - 1)] = seconds(3, 5, 1)[0]  # a slow run
    return {
        "work": [case(0, draw.integer(3, 6)) for _ in range(2)],
        "ahead": [case(0, 1, ahead=seconds(0.5, 1, 1)[0])],
        "warmup": [case(slow, draw.integer(2, 3), slow), case(draw.integer(0, 2), 4)],
        "varied": varied,
    }


class Machine:
    """A device with a queue, and a clock that only they move."""

    def __init__(self, host, busy, ahead):
        self.host, self.busy = host, busy  # seconds to launch, and of work, run by run
        self.now, self.free = 0.0, ahead
        self.runs = 0

    def job(self):
        """Launch one run."""
        at = min(self.runs, len(self.host) - 1)
        self.now += self.host[at]
        self.free = max(self.now, self.free) + self.busy[at]
        self.runs += 1

    def wait(self):
        """Return when the queue is empty."""
        self.now = max(self.now, self.free)

    def clock(self):
        """The time in seconds."""
        return self.now


@TIMER.shown
def shown_timer(case):
    times = [round(a + b, 4) for a, b in zip(case.host, case.busy, strict=True)]
    first = f"; the device is busy for {case.ahead} s already" if case.ahead else ""
    return (
        f"warmup={case.warmup}, repeat={case.repeat}; runs that take {times} s, of which "
        f"the launch takes {case.host}{first}"
    )


class Timed(Aspect):
    def run(answer, case, f):
        machine = Machine(case.host, case.busy, case.ahead)
        found = answer(machine.job, machine.clock, machine.wait, case.warmup, case.repeat)
        if not isinstance(found, tuple | list | np.ndarray) or len(found) != 2:
            raise WrongKind(f"2 numbers are expected; what came is {kind_of(found)}.")
        return [*found, machine.runs]

    def expect(case):
        times = np.add(case.host, case.busy)[case.warmup :]
        low, high = np.percentile(times, [25, 75])
        return {
            "median": Number(float(np.median(times)), " s"),
            "interquartile range": Number(float(high - low), " s"),
            "runs of the job": case.warmup + case.repeat,
        }


TIMES = ("median", "interquartile range")


@TIMER.aspect("the work, not the launch", 2, over="work", part=TIMES)
class Work(Timed):
    """Read clock(), which you are given, before job(), since the launch counts. job() returns
    before the work is done: wait, and then read the clock again, for each run."""


@TIMER.aspect("what was launched before", 1, over="ahead", part=TIMES)
class LaunchedBefore(Timed):
    "Wait also before the clock starts: the queue may not be empty."


@TIMER.aspect("warm-up", 1, over="warmup", after="the work, not the launch")
class WarmUp(Timed):
    """Run the job warmup times, then repeat times; only the latter are timed. Their first time must
    not contain what is left of the warm-up."""


@TIMER.aspect("the median", 1, over="varied", part="median")
class Median(Timed):
    """One slow run moves the mean and leaves the median where it is. If their number is even, the
    median lies between the two times in the middle."""


@TIMER.aspect("the spread", 1, over="varied", part="interquartile range")
class Spread(Timed):
    """np.percentile(times, [25, 75]) gives both ends of the middle half: return the difference, the
    larger less the smaller."""


# -- performance.ahead ---------------------------------------------------------------------------

AHEAD = question("performance.ahead", "Let Python run ahead", takes=function)


@AHEAD.inputs
def draw_ahead(draw):
    def case(groups, left, nan=-1):
        """So many groups, a shorter one if `left`; a nan in group number `nan`."""
        every = draw.integer(4, 7)
        losses = draw.numbers(0.5, 5, groups * every + min(left, every - 1))
        at = nan * every + draw.integer(0, every - 2) if nan >= 0 else -1
        return {"every": every, "losses": losses, "nan": at}

    few = case(0, 3)
    return {
        "reads": [case(draw.integer(3, 6), 0) for _ in range(2)],
        "left": [case(draw.integer(2, 4), draw.integer(2, 3)), few],
        "nan": [case(5, 2, nan=draw.integer(0, 3)) for _ in range(4)],
    }


class Loss:
    """A number on a device. Whatever needs its value is noted in `reads`."""

    def __init__(self, value, reads):
        self._value, self._reads = value, reads

    def _with(self, other, combine):
        if isinstance(other, Loss):
            return Loss(combine(self._value, other._value), self._reads)
        if isinstance(other, int | float | np.number):
            return Loss(combine(self._value, float(other)), self._reads)
        return NotImplemented

    def __add__(self, other):
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other):
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other):
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other):
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other):
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other):
        return self._with(other, lambda a, b: b / a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1

    def item(self):
        """The value; Python waits for it."""
        self._reads.append(1)
        return self._value

    __float__ = numpy = item

    def detach(self):
        """The same number: it has no history."""
        return self

    def _compared(self, other, compares):
        value = self.item()
        return compares(value, other._value if isinstance(other, Loss) else float(other))

    def __eq__(self, other):
        return self._compared(other, lambda a, b: a == b)

    def __ne__(self, other):
        return self._compared(other, lambda a, b: a != b)

    def __lt__(self, other):
        return self._compared(other, lambda a, b: a < b)

    def __gt__(self, other):
        return self._compared(other, lambda a, b: a > b)

    def __le__(self, other):
        return self._compared(other, lambda a, b: a <= b)

    def __ge__(self, other):
        return self._compared(other, lambda a, b: a >= b)

    __hash__ = None

    def __bool__(self):
        return bool(self.item())

    def __format__(self, form):
        return format(self.item(), form)

    def __repr__(self):
        return repr(self.item())


@AHEAD.shown
def shown_ahead(case):
    nan = f", nan in step {case.nan}" if case.nan >= 0 else ""
    return f"steps={len(case.losses)}, every={case.every}; losses {case.losses}{nan}"


class Training(Aspect):
    what = "Training"

    def run(answer, case, f):
        launched, reads = [], []

        def step(i):
            launched.append(int(i))
            if not 0 <= i < len(case.losses) or len(launched) > 1000:
                raise WrongKind(f"There is no step {i}: steps={len(case.losses)}.")
            return Loss(math.nan if i == case.nan else case.losses[i], reads)

        try:
            means = answer(step, len(case.losses), case.every)
        except ValueError:
            return {"a ValueError": True, "steps": launched, "means": None, "values read": None}
        if not isinstance(means, list):
            raise WrongKind(f"A list is expected; what came is {kind_of(means)}.")
        found = {"steps": launched, "means": means, "values read": len(reads)}
        return {"a ValueError": False, **found}

    def expect(case):
        groups = [case.losses[i : i + case.every] for i in range(0, len(case.losses), case.every)]
        return {
            "a ValueError": False,
            "steps": list(range(len(case.losses))),
            "means": [sum(group) / len(group) for group in groups],
            "values read": Between(1, len(groups)),
        }


@AHEAD.aspect("one read for each mean", 3, over="reads")
class OneRead(Training):
    """Add the losses up on the device, divide there, and take float() of the mean, once: then
    compare the number of Python's, since to compare a loss, or to test it for nan, reads it too. A
    list of losses that is read at the end is read as often."""


AS_LONG = ("a ValueError", "steps", "means")


@AHEAD.aspect(
    "a shorter group at the end", 1, over="left", part=AS_LONG, after="one read for each mean"
)
class ShorterGroup(Training):
    "The steps that are left have a mean too, over as many as there are."


@AHEAD.aspect("not a number", 2, over="nan", after="one read for each mean")
class NotANumber(Training):
    """A nan survives sums and quotients, so math.isnan(mean) finds it: raise a ValueError at the
    end of the group, before the next one is launched."""

    expect = None
    form = {"a ValueError": bool, "steps": [int]}

    def judge(case, found):
        if not found["a ValueError"]:
            return "A ValueError is expected, got none."
        last, taken = (case.nan // case.every + 1) * case.every, len(found["steps"])
        if not case.nan < taken <= last or found["steps"] != list(range(taken)):
            return f"Steps until the ValueError: at most {last} are expected, got {taken}."


# -- performance.roof ----------------------------------------------------------------------------

ROOF = question("performance.roof", "A step under the roof", takes=function)


def products_of(case):
    """FLOPs and bytes of each product of a training step."""
    batch, size, found = case["batch"], case["size"], []
    for n, (i, o) in enumerate(pairwise(case["widths"])):
        one = (2 * batch * i * o, size * (batch * i + i * o + batch * o))
        found += [one] * (3 if n else 2)
    return found


@ROOF.inputs
def draw_roof(draw):
    def case(layers, size):
        """Wide and narrow layers, and a ceiling between them."""
        wide = draw.integer(500, 2000)
        widths = [draw.integer(300, 2000), *[wide, draw.integer(4, 16)] * layers][: layers + 1]
        widths = widths if layers > 1 else [draw.integer(300, 2000), draw.integer(10, 300)]
        case = {
            "widths": widths,
            "batch": draw.integer(20, 300),
            "size": size,
            "bandwidth": draw.number(1e10, 1e12, digits=-8),
        }
        intensities = [flops / moved for flops, moved in products_of(case)]
        between = math.sqrt(min(intensities) * max(intensities))
        between *= 1.0 if layers > 1 else draw.choice([0.3, 3])
        return {**case, "peak": round(case["bandwidth"] * between, -8)}

    deep = [case(draw.integer(3, 5), size) for size in (2, 8)]
    return {"one": [case(1, size) for size in (8, 4, 2, 4)], "deep": deep}


@ROOF.shown
def shown_roof(case):
    return (
        f"cost({case.widths}, batch={case.batch}, size={case.size}, "
        f"peak={case.peak:g}, bandwidth={case.bandwidth:g})"
    )


class Cost(Aspect):
    what = "Cost"

    def run(answer, case, f):
        return answer(case.widths, case.batch, case.size, case.peak, case.bandwidth)

    def expect(case):
        products = products_of(case)
        return {
            "FLOPs": float(sum(flops for flops, _ in products)),
            "Bytes": float(sum(moved for _, moved in products)),
            "Seconds": sum(max(n / case.peak, b / case.bandwidth) for n, b in products),
        }


@ROOF.aspect("a single layer", 1, over="one")
class SingleLayer(Cost):
    """The first layer computes two products: one forward, one for the gradient of its weights. Each
    has 2 * batch * i * o FLOPs, moves its three arrays once, and takes as long as the slower of the
    two."""


@ROOF.aspect("FLOPs of a step", 2, over="deep", part="FLOPs")
class Flops(Cost):
    """Three products for every layer but the first, which has two. Nobody asks for the gradient of
    the data."""


@ROOF.aspect("bytes of a step", 1, over="deep", part="Bytes")
class Bytes(Cost):
    """Each product moves X, W and Y, or their gradients: batch * i, i * o and batch * o numbers of
    size bytes."""


@ROOF.aspect("seconds of a step", 2, over="deep", part="Seconds")
class Seconds(Cost):
    """Take the slower of arithmetic and memory for each product, and then the sum. The products do
    not overlap."""


# -- performance.memory --------------------------------------------------------------------------

MEMORY = question("performance.memory", "Will it fit?", takes=function)
BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
KEPT = {"SGD": 0, "momentum": 1, "Adam": 2}


def bytes_of(case):
    """Bytes of all values, and of those that are trained."""
    values, trained = case["buffer"] * 4, 0
    pairs = list(zip(pairwise(case["widths"]), case["dtypes"], strict=True))
    for n, ((i, o), dtype) in enumerate(pairs):
        if case["tied"] and n == len(pairs) - 1:
            break  # it is the first layer once more
        size = (i * o + o) * BYTES[dtype]
        values += size
        trained += 0 if n in case["frozen"] else size
    return values, trained


@MEMORY.inputs
def draw_memory(draw):
    def case(dtypes, optimizer, **more):
        """Dense layers with these dtypes; `more` may freeze, tie or add a buffer."""
        side = draw.integer(5, 40)
        widths = [side, *draw.integers(5, 40, len(dtypes))]
        case = {
            "widths": [side] * (len(dtypes) + 1) if "tied" in more else widths,
            "dtypes": dtypes,
            "optimizer": optimizer,
            "frozen": [],
            "tied": False,
            "buffer": 0,
            "kept": draw.integer(100, 999),
            **more,
        }
        values, trained = bytes_of(case)
        need = values + trained * (1 + KEPT[optimizer])
        room = need + draw.integer(3, 90) * case["kept"] + draw.integer(10, 90)
        return {**case, "room": room}

    optimizers = draw.shuffled(list(KEPT))
    plain = [case(draw.shuffled(list(BYTES))[:3], optimizer) for optimizer in optimizers]
    usual, dense = ["float32"] * 3, ["float32"]
    short_of = case(dense, draw.choice(optimizers))
    short_of["room"] -= 100 * short_of["kept"]
    fits = [case(dense, one) for one in optimizers]
    exact = case(dense, "Adam")
    exact["room"] -= (exact["room"] - 4 * bytes_of(exact)[0]) % exact["kept"]
    return {
        "plain": plain,
        "tied": [case(["float32"] * 4, "momentum", tied=True)],
        "frozen": [
            case(usual, "momentum", frozen=[draw.integer(0, 2)]),
            case(usual, "momentum", buffer=draw.integer(5, 90)),
        ],
        "batch": draw.shuffled([*fits, short_of, exact]),
    }


def make_model(case, f):
    pairs = list(zip(pairwise(case["widths"]), case["dtypes"], strict=True))
    if f.key == "pytorch":
        import torch

        nn = torch.nn
        layers = [nn.Linear(i, o, dtype=getattr(torch, dtype)) for (i, o), dtype in pairs]
        if case["tied"]:
            layers[-1].weight, layers[-1].bias = layers[0].weight, layers[0].bias
        for n in case["frozen"]:
            layers[n].requires_grad_(False)
        net = nn.Sequential(*layers)
        if case["buffer"]:
            net[1].register_buffer("constant", torch.ones(case["buffer"]))
        return net
    import keras

    class Constant(keras.Layer):
        """Holds an array that is not trained."""

        def __init__(self):
            super().__init__(dtype="float32")
            self.constant = self.add_weight((case["buffer"],), trainable=False)

        def call(self, inputs):
            return inputs

    layers = []
    for (i, o), dtype in pairs:
        layers.append(keras.layers.Dense(o, dtype=dtype))
        layers[-1].build((None, i))
    if case["tied"]:
        layers[-1] = layers[0]
    for n in case["frozen"]:
        layers[n].trainable = False
    if case["buffer"]:
        layers.insert(1, Constant())
    return keras.Sequential(layers)


@MEMORY.shown
def shown_memory(case):
    layers = [
        f"{i}→{o} in {dtype}" + (" (frozen)" if n in case["frozen"] else "")
        for n, ((i, o), dtype) in enumerate(
            zip(pairwise(case["widths"]), case["dtypes"], strict=True)
        )
    ]
    said = f"dense layers with biases, {', '.join(layers)}"
    said += ", of which the last is the first again" if case["tied"] else ""
    said += f", and an untrained array of {case['buffer']} numbers" if case["buffer"] else ""
    return f"{said}; {case['optimizer']}, room={case['room']}, kept={case['kept']}"


class Memory(Aspect):
    what = "Memory"

    def run(answer, case, f):
        found = answer(make_model(case, f), case.optimizer, case.room, case.kept)
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        return found

    def expect(case):
        values, trained = bytes_of(case)
        state = trained * KEPT[case.optimizer]
        batch = max(0, (case.room - values - trained - state) // case.kept)
        return {"values": values, "gradients": trained, "state": state, "batch": batch}


VALUES, STATE = "values and gradients", "the optimizer's state"


@MEMORY.aspect(VALUES, 2, over="plain", part=("values", "gradients"))
class Values(Memory):
    hint = {
        "pytorch": "p.nbytes counts bytes: numel() times element_size(), which is 4 for float32 "
        "only. No backward pass has run, so p.grad is None: count the parameters.",
        "tensorflow": "The product of a weight's shape, times tf.as_dtype(w.dtype).size, which is "
        "4 for float32 only.",
    }


@MEMORY.aspect(STATE, 1, over="plain", part="state")
class State(Memory):
    """For each trained number SGD keeps none, with momentum one, Adam two, in the type of the
    parameter."""


ALL = ("values", "gradients", "state")


@MEMORY.aspect("what is shared", 1, over="tied", part=ALL)
class Shared(Memory):
    hint = {
        "pytorch": "net.parameters() lists a shared parameter once; state_dict(), or a loop over "
        "the modules, twice.",
        "tensorflow": "net.weights lists the weights of a layer that is used twice once; a loop "
        "over the layers of your own may not.",
    }


@MEMORY.aspect("what is not trained", 2, over="frozen", part=ALL)
class NotTrained(Memory):
    hint = {
        "pytorch": "Frozen parameters and buffers are values. They have no gradient, and the "
        "optimizer keeps nothing for them.",
        "tensorflow": "Weights that are not trained are values. They have no gradient, and the "
        "optimizer keeps nothing for them.",
    }


@MEMORY.aspect("the largest batch", 1, over="batch", part="batch", after=(VALUES, STATE))
class LargestBatch(Memory):
    """The room that values, gradients and state leave, divided by kept, rounded down with //, and
    never below zero."""


# -- performance.scaler --------------------------------------------------------------------------

SCALER = question("performance.scaler", "Loss scaling", takes=any_class)


@SCALER.inputs
def draw_scaler(draw):
    def case(steps, patience):
        """Gradients of so many steps; their scaled values are around one."""
        power = draw.integer(16, 18)
        shapes = [[draw.integer(2, 4), draw.integer(2, 4)], [draw.integer(2, 5)]]
        gradients, bad = [], 0
        for kind in steps:
            pair = [draw.data(*shape) * np.float32(2.0**-power) for shape in shapes]
            if kind != "good":  # in the first gradient and in the second in turns
                odd = pair[bad % 2].reshape(-1)
                odd[draw.integer(0, odd.size - 1)] = np.float32(kind)
                bad += 1
            gradients.append(pair)
        return {"scale": 2.0**power, "patience": patience, "gradients": gradients}

    skipped = draw.shuffled(["inf", "-inf", "nan", "1e4"])  # the last overflows by being scaled
    for _ in range(3):
        skipped.insert(draw.integer(0, len(skipped)), "good")
    patience = draw.integer(2, 4)
    again = [["good"] * draw.integer(1, patience - 1) + ["inf"] for _ in range(2)]
    return {
        "unscaled": case(["good"], 99),
        "skipped": case(skipped, 99),
        "raised": case(["good"] * (3 * patience + 1), patience),
        "again": case([*again[0], *again[1], *["good"] * (patience + 1)], patience),
    }


def half_tensor(array, f):
    """A tensor of 16 bits; numbers that are too large become infinite."""
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if f.key == "pytorch":
        import torch

        return torch.from_numpy(half)
    import tensorflow as tf

    return tf.constant(half)


def scaled_by_hand(array, scale):
    with np.errstate(over="ignore"):
        return (array * np.float32(scale)).astype(np.float16).astype(np.float64)


def is_good(pair, scale):
    return all(np.isfinite(scaled_by_hand(array, scale)).all() for array in pair)


def scales_by_hand(case):
    """The scale before each step, and after the last."""
    scales, good = [case.scale], 0
    for pair in case.gradients:
        fine = is_good(pair, scales[-1])
        good = good + 1 if fine else 0
        raised = good == case.patience
        good = 0 if raised else good
        scales.append(scales[-1] * (2.0 if raised else 1.0 if fine else 0.5))
    return scales


@SCALER.shown
def shown_scaler(case):
    steps = zip(case.gradients, scales_by_hand(case), strict=False)
    kinds = ["good" if is_good(pair, scale) else "overflow" for pair, scale in steps]
    return f"LossScaler({case.scale:g}, {case.patience}); steps: {', '.join(kinds)}"


def scale_of(scaler):
    found = scaler.scale
    try:
        return float(found)
    except (TypeError, ValueError, OverflowError):
        raise WrongKind(
            f"The attribute scale: a number is expected; what came is {kind_of(found)}."
        ) from None


class Steps(Aspect):
    what = "Scaler"

    def run(answer, case, f):
        scaler = answer(case.scale, case.patience)
        scales, gradients = [], []
        for pair in case.gradients:
            scales.append(scale_of(scaler))
            scaled = [half_tensor(array * np.float32(scales[-1]), f) for array in pair]
            found = scaler.unscale(scaled)
            if found is not None and not isinstance(found, list | tuple):
                raise WrongKind(f"A list or None is expected; what came is {kind_of(found)}.")
            gradients.append(None if found is None else f.arrays(list(found)))
        return {"scale": [*scales, scale_of(scaler)], "gradients": gradients}

    def expect(case):
        return {"scale": scales_by_hand(case)}


class StepsAndGradients(Steps):
    expect = None
    form = {"gradients": [(None, [np.ndarray])]}

    def judge(case, found):
        scales = scales_by_hand(case)
        compare(found["scale"], scales, "Scale in step")
        if len(found["gradients"]) != len(case.gradients):
            return f"Gradients of {len(case.gradients)} steps are expected."
        for n, (pair, came) in enumerate(zip(case.gradients, found["gradients"], strict=True)):
            if not is_good(pair, scales[n]):
                if came is not None:
                    return f"Gradients in step {n}: expected None, got something."
                continue
            what = f"Gradients in step {n}, times {scales[n]:g},"
            if any(one.dtype != np.float32 for one in came or ()):
                return f"{what} have to be float32."
            times = came and [one.astype(np.float64) * scales[n] for one in came]
            compare(times, [scaled_by_hand(array, scales[n]) for array in pair], what)


@SCALER.aspect("divided in 32 bits", 2, over="unscaled")
class In32Bits(StepsAndGradients):
    """In g / scale what is small becomes zero, or loses its digits, before it has 32 bits."""

    code = {"pytorch": "g.float() / scale", "tensorflow": "tf.cast(g, tf.float32) / scale"}


@SCALER.aspect("an overflow is skipped", 2, over="skipped", after="divided in 32 bits")
class Overflow(StepsAndGradients):
    "If any number of any gradient is infinite or nan, return None and halve the scale."


@SCALER.aspect("the scale rises", 1, over="raised")
class Rises(StepsAndGradients):
    """Double it when patience good steps are done, after dividing by the one they were made with,
    and begin to count anew."""


@SCALER.aspect("the count begins anew", 1, over="again", after="the scale rises", part="scale")
class CountAnew(Steps):
    "patience good steps in a row: a skipped one sets the count to zero."
