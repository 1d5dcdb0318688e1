"""Questions of the chapter *Hardware and performance*.

Where time is asked for, the machine is a stand-in whose clock is a number: a job takes exactly as
long as the inputs say, on any computer. The rest is arithmetic, recomputed here from the inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer, Tensor
from d2lcompute.checks.networks import data, integer, need_list, short
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    error_in,
    judge_by,
    kind_of,
    need_class,
    need_function,
    same_array,
    same_plain,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]


def _number(found: Any) -> Any:
    """A number as plain data; raises `WrongKind` for anything else."""
    if isinstance(found, bool | np.bool_) or not isinstance(
        found, int | float | np.integer | np.floating
    ):
        raise WrongKind(f"A number is expected; what came is {kind_of(found)}.")
    if not isinstance(found, int | np.integer):
        return float(found)
    if not -(2**63) <= found < 2**63:
        raise WrongKind("A number is expected; what came is an integer of more than 64 bits.")
    return int(found)


def _numbers(found: Any, count: int) -> list[Any]:
    """A tuple or list of so many numbers as plain data."""
    if not isinstance(found, tuple | list | np.ndarray) or len(found) != count:
        raise WrongKind(f"{count} numbers are expected; what came is {kind_of(found)}.")
    return [_number(one) for one in found]


def _same_number(found: Any, expected: float, what: str, shown: str, unit: str = "") -> None:
    """Raise `Unfit` unless `found` is that number, to six digits."""
    right = isinstance(found, int | float) and not isinstance(found, bool)
    if not right or not math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-12):
        got = f"{found:.8g}{unit}" if right else short(found)
        raise Unfit(f"{what}: expected {expected:.8g}{unit}, got {got}.\nInput: {shown}")


# -- performance.timer ---------------------------------------------------------------------------


class Machine:
    """A device with a queue, and a clock that only they move."""

    def __init__(self, host: Sequence[float], busy: Sequence[float], ahead: float) -> None:
        self.host, self.busy = host, busy  # seconds to launch, and of work, run by run
        self.now, self.free = 0.0, ahead
        self.runs = 0

    def job(self) -> None:
        """Launch one run."""
        at = min(self.runs, len(self.host) - 1)
        self.now += self.host[at]
        self.free = max(self.now, self.free) + self.busy[at]
        self.runs += 1

    def wait(self) -> None:
        """Return when the queue is empty."""
        self.now = max(self.now, self.free)

    def clock(self) -> float:
        """The time in seconds."""
        return self.now


def _seconds(rng: np.random.Generator, low: float, high: float, count: int) -> list[float]:
    return [round(float(x), 4) for x in rng.uniform(low, high, count)]


def _timer_inputs(rng: np.random.Generator) -> Inputs:
    def case(warmup: int, repeat: int, slow: int = 0, ahead: float = 0.0) -> Inputs:
        host, busy = _seconds(rng, 0.001, 0.004, 1), _seconds(rng, 0.02, 0.2, 1)
        count = warmup + repeat
        return {
            "warmup": warmup,
            "repeat": repeat,
            "host": _seconds(rng, 1, 2, slow) + host * (count - slow),
            "busy": busy * count,
            "ahead": ahead,
        }

    slow = integer(rng, 3, 5)
    varied = [case(0, 2 * integer(rng, 4, 6) - odd) for odd in (0, 1)]
    for one in varied:
        one["busy"] = _seconds(rng, 0.02, 0.2, one["repeat"])
        one["busy"][integer(rng, 0, one["repeat"] - 1)] = _seconds(rng, 3, 5, 1)[0]  # a slow run
    return {
        "work": [case(0, integer(rng, 3, 6)) for _ in range(2)],
        "ahead": [case(0, 1, ahead=_seconds(rng, 0.5, 1, 1)[0])],
        "warmup": [case(slow, integer(rng, 2, 3), slow), case(integer(rng, 0, 2), 4)],
        "varied": varied,
    }


def _timer_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def timed(case: Inputs) -> Any:
        machine = Machine(case["host"], case["busy"], case["ahead"])
        found = answer(machine.job, machine.clock, machine.wait, case["warmup"], case["repeat"])
        return {"found": _numbers(found, 2), "runs": machine.runs}

    return {
        key: attempt(lambda key=key: [timed(case) for case in inputs[key]])
        for key in ("work", "ahead", "warmup", "varied")
    }


def _timer_text(case: Mapping[str, Any]) -> str:
    times = [round(a + b, 4) for a, b in zip(case["host"], case["busy"], strict=True)]
    first = f"; the device is busy for {case['ahead']} s already" if case["ahead"] else ""
    return (
        f"warmup={case['warmup']}, repeat={case['repeat']}; runs that take {times} s, of which "
        f"the launch takes {case['host']}{first}"
    )


def _timer_each(
    key: str, which: Sequence[int] = (0, 1), runs: bool = False
) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        cases = inputs[key]
        for case, one in zip(cases, need_list(found, len(cases), "Results"), strict=True):
            text = _timer_text(case)
            if not isinstance(one, dict):
                raise Unfit(f"Two numbers are expected.\nInput: {text}")
            count = case["warmup"] + case["repeat"]
            if runs and not same_plain(one.get("runs"), count):
                got = short(one.get("runs"))
                raise Unfit(f"Runs of the job: expected {count}, got {got}.\nInput: {text}")
            times = np.add(case["host"], case["busy"])[case["warmup"] :]
            low, high = np.percentile(times, [25, 75])
            expected = (float(np.median(times)), float(high - low))
            pair = need_list(one.get("found"), 2, "Numbers")
            for n in which:
                what = ("Median", "Interquartile range")[n]
                _same_number(pair[n], expected[n], what, text, " s")

    return compare


_WORK = "the work, not the launch"

TIMER = Question(
    name="performance.timer",
    title="A clock that is not fooled",
    points=6,
    inputs=_timer_inputs,
    probe=_timer_probe,
    judge=judge_by(
        Aspect(
            _WORK,
            2,
            "work",
            _timer_each("work"),
            hint="Read clock(), which you are given, before job(), since the launch counts. job() "
            "returns before the work is done: wait, and then read the clock again, for each run.",
        ),
        Aspect(
            "what was launched before",
            1,
            "ahead",
            _timer_each("ahead"),
            hint="Wait also before the clock starts: the queue may not be empty.",
        ),
        Aspect(
            "warm-up",
            1,
            "warmup",
            _timer_each("warmup", runs=True),
            hint="Run the job warmup times, then repeat times; only the latter are timed. Their "
            "first time must not contain what is left of the warm-up.",
            needs=(_WORK,),
        ),
        Aspect(
            "the median",
            1,
            "varied",
            _timer_each("varied", which=(0,)),
            hint="One slow run moves the mean and leaves the median where it is. If their number "
            "is even, the median lies between the two times in the middle.",
        ),
        Aspect(
            "the spread",
            1,
            "varied",
            _timer_each("varied", which=(1,)),
            hint="np.percentile(times, [25, 75]) gives both ends of the middle half: return the "
            "difference, the larger less the smaller.",
        ),
    ),
    version="2",
)


# -- performance.ahead ---------------------------------------------------------------------------


def _ahead_case(rng: np.random.Generator, groups: int, left: int, nan: int = -1) -> Inputs:
    """So many groups, a shorter one if `left`; a nan in group number `nan`."""
    every = integer(rng, 4, 7)
    losses = [
        round(float(x), 3) for x in rng.uniform(0.5, 5, groups * every + min(left, every - 1))
    ]
    at = nan * every + integer(rng, 0, every - 2) if nan >= 0 else -1
    return {"every": every, "losses": losses, "nan": at}


def _ahead_inputs(rng: np.random.Generator) -> Inputs:
    few = _ahead_case(rng, 0, 3)
    return {
        "reads": [_ahead_case(rng, integer(rng, 3, 6), 0) for _ in range(2)],
        "left": [_ahead_case(rng, integer(rng, 2, 4), integer(rng, 2, 3)), few],
        "nan": [_ahead_case(rng, 5, 2, nan=integer(rng, 0, 3)) for _ in range(4)],
    }


class Loss:
    """A number on a device. Whatever needs its value is noted in `reads`."""

    def __init__(self, value: float, reads: list[int]) -> None:
        self._value, self._reads = value, reads

    def _with(self, other: Any, combine: Callable[[float, float], float]) -> Any:
        if isinstance(other, Loss):
            return Loss(combine(self._value, other._value), self._reads)
        if isinstance(other, int | float | np.number):
            return Loss(combine(self._value, float(other)), self._reads)
        return NotImplemented

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b / a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return self * -1

    def item(self) -> float:
        """The value; Python waits for it."""
        self._reads.append(1)
        return self._value

    __float__ = numpy = item

    def detach(self) -> Any:
        """The same number: it has no history."""
        return self

    def _compared(self, other: Any, compare: Callable[[float, float], bool]) -> bool:
        value = self.item()
        return compare(value, other._value if isinstance(other, Loss) else float(other))

    def __eq__(self, other: object) -> bool:
        return self._compared(other, lambda a, b: a == b)

    def __ne__(self, other: object) -> bool:
        return self._compared(other, lambda a, b: a != b)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other, lambda a, b: a < b)

    def __gt__(self, other: Any) -> bool:
        return self._compared(other, lambda a, b: a > b)

    def __le__(self, other: Any) -> bool:
        return self._compared(other, lambda a, b: a <= b)

    def __ge__(self, other: Any) -> bool:
        return self._compared(other, lambda a, b: a >= b)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self.item())

    def __format__(self, form: str) -> str:
        return format(self.item(), form)

    def __repr__(self) -> str:
        return repr(self.item())


def _ahead_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def run(case: Inputs) -> Any:
        launched: list[int] = []
        reads: list[int] = []

        def step(i: int) -> Loss:
            launched.append(int(i))
            if not 0 <= i < len(case["losses"]) or len(launched) > 1000:
                raise WrongKind(f"There is no step {i}: steps={len(case['losses'])}.")
            return Loss(math.nan if i == case["nan"] else case["losses"][i], reads)

        try:
            found = answer(step, len(case["losses"]), case["every"])
        except ValueError:
            return {"means": "ValueError", "steps": launched, "reads": len(reads)}
        if not isinstance(found, list):
            raise WrongKind(f"A list is expected; what came is {kind_of(found)}.")
        means = [_number(one) for one in found]
        return {"means": means, "steps": launched, "reads": len(reads)}

    return {
        key: attempt(lambda key=key: [run(case) for case in inputs[key]])
        for key in ("reads", "left", "nan")
    }


def _ahead_text(case: Mapping[str, Any]) -> str:
    nan = f", nan in step {case['nan']}" if case["nan"] >= 0 else ""
    return f"steps={len(case['losses'])}, every={case['every']}; losses {case['losses']}{nan}"


def _same_run(case: Mapping[str, Any], one: Any, with_reads: bool) -> None:
    text, losses, every = _ahead_text(case), case["losses"], case["every"]
    if not isinstance(one, dict):
        raise Unfit(f"A list of means is expected.\nInput: {text}")
    if not same_plain(one.get("steps"), list(range(len(losses)))):
        raise Unfit(f"Steps: expected all, in order, got {short(one.get('steps'))}.\nInput: {text}")
    groups = [losses[i : i + every] for i in range(0, len(losses), every)]
    means = one.get("means")
    if same_plain(means, "ValueError"):
        raise Unfit(f"A ValueError was raised; no loss is nan.\nInput: {text}")
    found = means if isinstance(means, list) else []
    if len(found) != len(groups):
        raise Unfit(f"Means: {len(groups)} are expected, got {len(found)}.\nInput: {text}")
    for n, (mean, group) in enumerate(zip(found, groups, strict=True)):
        _same_number(mean, sum(group) / len(group), f"Mean number {n}", text)
    reads = one.get("reads")
    if with_reads and (type(reads) is not int or not 0 < reads <= len(groups)):
        raise Unfit(
            f"Values read: at most {len(groups)} are expected, got {short(reads)}.\nInput: {text}"
        )


def _ahead_each(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        cases = inputs[key]
        for case, one in zip(cases, need_list(found, len(cases), "Runs"), strict=True):
            _same_run(case, one, with_reads=key == "reads")

    return compare


def _ahead_nan(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    cases = inputs["nan"]
    for case, one in zip(cases, need_list(found, len(cases), "Runs"), strict=True):
        text, every = _ahead_text(case), case["every"]
        if not isinstance(one, dict) or not same_plain(one.get("means"), "ValueError"):
            raise Unfit(f"A ValueError is expected, got none.\nInput: {text}")
        last = (case["nan"] // every + 1) * every
        steps = one.get("steps")
        taken = len(steps) if isinstance(steps, list) else -1
        if not case["nan"] < taken <= last or not same_plain(steps, list(range(taken))):
            raise Unfit(
                f"Steps until the ValueError: at most {last} are expected, got {taken}."
                f"\nInput: {text}"
            )


_READS = "one read for each mean"

AHEAD = Question(
    name="performance.ahead",
    title="Let Python run ahead",
    points=6,
    inputs=_ahead_inputs,
    probe=_ahead_probe,
    judge=judge_by(
        Aspect(
            _READS,
            3,
            "reads",
            _ahead_each("reads"),
            hint="Add the losses up on the device, divide there, and take float() of the mean, "
            "once: then compare the number of Python's, since to compare a loss, or to test it for "
            "nan, reads it too. A list of losses that is read at the end is read as often.",
        ),
        Aspect(
            "a shorter group at the end",
            1,
            "left",
            _ahead_each("left"),
            hint="The steps that are left have a mean too, over as many as there are.",
            needs=(_READS,),
        ),
        Aspect(
            "not a number",
            2,
            "nan",
            _ahead_nan,
            hint="A nan survives sums and quotients, so math.isnan(mean) finds it: raise a "
            "ValueError at the end of the group, before the next one is launched.",
            needs=(_READS,),
        ),
    ),
    version="2",
)


# -- performance.roof ----------------------------------------------------------------------------


def _products(case: Mapping[str, Any]) -> list[tuple[int, int]]:
    """FLOPs and bytes of each product of a training step."""
    batch, size = case["batch"], case["size"]
    found = []
    for n, (i, o) in enumerate(pairwise(case["widths"])):
        one = (2 * batch * i * o, size * (batch * i + i * o + batch * o))
        found += [one] * (3 if n else 2)
    return found


def _roof_case(rng: np.random.Generator, layers: int, size: int) -> Inputs:
    """Wide and narrow layers, and a ceiling between them."""
    wide = integer(rng, 500, 2000)
    widths = [integer(rng, 300, 2000), *[wide, integer(rng, 4, 16)] * layers][: layers + 1]
    widths = widths if layers > 1 else [integer(rng, 300, 2000), integer(rng, 10, 300)]
    case = {
        "widths": widths,
        "batch": integer(rng, 20, 300),
        "size": size,
        "bandwidth": round(float(rng.uniform(1e10, 1e12)), -8),
    }
    intensities = [flops / moved for flops, moved in _products(case)]
    between = math.sqrt(min(intensities) * max(intensities))
    between *= 1.0 if layers > 1 else float(rng.choice([0.3, 3]))
    return {**case, "peak": round(case["bandwidth"] * between, -8)}


def _roof_inputs(rng: np.random.Generator) -> Inputs:
    deep = [_roof_case(rng, integer(rng, 3, 5), size) for size in (2, 8)]
    return {"one": [_roof_case(rng, 1, size) for size in (8, 4, 2, 4)], "deep": deep}


def _roof_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    names = ("batch", "size", "peak", "bandwidth")

    def run(case: Inputs) -> Any:
        return _numbers(answer(list(case["widths"]), *(case[name] for name in names)), 3)

    return {
        key: attempt(lambda key=key: [run(case) for case in inputs[key]]) for key in ("one", "deep")
    }


def _roof_each(key: str, which: Sequence[int]) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        cases = inputs[key]
        for case, one in zip(cases, need_list(found, len(cases), "Results"), strict=True):
            products = _products(case)
            peak, bandwidth = case["peak"], case["bandwidth"]
            expected = (
                sum(flops for flops, _ in products),
                sum(moved for _, moved in products),
                sum(max(flops / peak, moved / bandwidth) for flops, moved in products),
            )
            text = (
                f"cost({case['widths']}, batch={case['batch']}, size={case['size']}, "
                f"peak={peak:g}, bandwidth={bandwidth:g})"
            )
            triple = need_list(one, 3, "Numbers")
            for n in which:
                _same_number(triple[n], expected[n], ("FLOPs", "Bytes", "Seconds")[n], text)

    return compare


ROOF = Question(
    name="performance.roof",
    title="A step under the roof",
    points=6,
    inputs=_roof_inputs,
    probe=_roof_probe,
    judge=judge_by(
        Aspect(
            "a single layer",
            1,
            "one",
            _roof_each("one", (0, 1, 2)),
            hint="The first layer computes two products: one forward, one for the gradient of its "
            "weights. Each has 2 * batch * i * o FLOPs, moves its three arrays once, and takes as "
            "long as the slower of the two.",
        ),
        Aspect(
            "FLOPs of a step",
            2,
            "deep",
            _roof_each("deep", (0,)),
            hint="Three products for every layer but the first, which has two. Nobody asks for "
            "the gradient of the data.",
        ),
        Aspect(
            "bytes of a step",
            1,
            "deep",
            _roof_each("deep", (1,)),
            hint="Each product moves X, W and Y, or their gradients: batch * i, i * o and "
            "batch * o numbers of size bytes.",
        ),
        Aspect(
            "seconds of a step",
            2,
            "deep",
            _roof_each("deep", (2,)),
            hint="Take the slower of arithmetic and memory for each product, and then the sum. "
            "The products do not overlap.",
        ),
    ),
    version="2",
)


# -- performance.memory --------------------------------------------------------------------------

_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
_KEPT = {"SGD": 0, "momentum": 1, "Adam": 2}


def _memory_case(
    rng: np.random.Generator, dtypes: Sequence[str], optimizer: str, **more: Any
) -> Inputs:
    """Dense layers with these dtypes, each with a bias; more may freeze, tie or add a buffer."""
    side = integer(rng, 5, 40)
    widths = [side, *(integer(rng, 5, 40) for _ in dtypes)]
    if "tied" in more:
        widths = [side] * (len(dtypes) + 1)
    case = {
        "widths": widths,
        "dtypes": list(dtypes),
        "optimizer": optimizer,
        "frozen": [],
        "tied": False,
        "buffer": 0,
        "kept": integer(rng, 100, 999),
        **more,
    }
    values, trained = _memory_bytes(case)
    need = values + trained * (1 + _KEPT[optimizer])
    return {**case, "room": need + integer(rng, 3, 90) * case["kept"] + integer(rng, 10, 90)}


def _memory_bytes(case: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of all values, and of those that are trained."""
    values, trained = case["buffer"] * 4, 0
    pairs = list(zip(pairwise(case["widths"]), case["dtypes"], strict=True))
    for n, ((i, o), dtype) in enumerate(pairs):
        if case["tied"] and n == len(pairs) - 1:
            break  # it is the first layer once more
        size = (i * o + o) * _BYTES[dtype]
        values += size
        trained += 0 if n in case["frozen"] else size
    return values, trained


def _memory_inputs(rng: np.random.Generator) -> Inputs:
    kinds = list(_BYTES)
    optimizers = [list(_KEPT)[int(n)] for n in rng.permutation(3)]
    plain = [
        _memory_case(rng, [kinds[int(n)] for n in rng.permutation(4)[:3]], optimizer)
        for optimizer in optimizers
    ]
    usual = ["float32"] * 3
    dense = usual[:1]
    short_of = _memory_case(rng, dense, str(rng.choice(optimizers)))
    short_of["room"] -= 100 * short_of["kept"]
    fits = [_memory_case(rng, dense, one) for one in optimizers]
    exact = _memory_case(rng, dense, "Adam")
    exact["room"] -= (exact["room"] - 4 * _memory_bytes(exact)[0]) % exact["kept"]
    return {
        "plain": plain,
        "tied": [_memory_case(rng, ["float32"] * 4, "momentum", tied=True)],
        "frozen": [
            _memory_case(rng, usual, "momentum", frozen=[integer(rng, 0, 2)]),
            _memory_case(rng, usual, "momentum", buffer=integer(rng, 5, 90)),
        ],
        "batch": [[*fits, short_of, exact][int(n)] for n in rng.permutation(5)],
    }


def _memory_model(case: Inputs, framework: Framework) -> Layer:
    pairs = list(zip(pairwise(case["widths"]), case["dtypes"], strict=True))
    if framework.key == "pytorch":
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

        def __init__(self) -> None:
            super().__init__(dtype="float32")
            self.constant = self.add_weight((case["buffer"],), trainable=False)

        def call(self, inputs: Tensor) -> Tensor:
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


def _memory_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def run(case: Inputs) -> Any:
        net = _memory_model(case, framework)
        found = answer(net, case["optimizer"], case["room"], case["kept"])
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        return {str(key): _number(value) for key, value in found.items()}

    return {
        key: attempt(lambda key=key: [run(case) for case in inputs[key]])
        for key in ("plain", "tied", "frozen", "batch")
    }


def _memory_text(case: Mapping[str, Any]) -> str:
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


def _memory_each(key: str, which: Sequence[str]) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        cases = inputs[key]
        for case, one in zip(cases, need_list(found, len(cases), "Results"), strict=True):
            values, trained = _memory_bytes(case)
            state = trained * _KEPT[case["optimizer"]]
            expected = {
                "values": values,
                "gradients": trained,
                "state": state,
                "batch": max(0, (case["room"] - values - trained - state) // case["kept"]),
            }
            for name in which:
                got = one.get(name) if isinstance(one, dict) else None
                if not same_plain(got, expected[name]):
                    whole = "the integer " if isinstance(got, float) else ""
                    raise Unfit(
                        f'"{name}": expected {whole}{expected[name]}, got {short(got)}.'
                        f"\nInput: {_memory_text(case)}"
                    )

    return compare


_VALUES, _STATE = "values and gradients", "the optimizer's state"

MEMORY = Question(
    name="performance.memory",
    title="Will it fit?",
    points=7,
    inputs=_memory_inputs,
    probe=_memory_probe,
    judge=judge_by(
        Aspect(
            _VALUES,
            2,
            "plain",
            _memory_each("plain", ("values", "gradients")),
            hints={
                "pytorch": "p.nbytes counts bytes: numel() times element_size(), which is 4 for "
                "float32 only. No backward pass has run, so p.grad is None: count the parameters.",
                "tensorflow": "The product of a weight's shape, times tf.as_dtype(w.dtype).size, "
                "which is 4 for float32 only.",
            },
        ),
        Aspect(
            _STATE,
            1,
            "plain",
            _memory_each("plain", ("state",)),
            hint="For each trained number SGD keeps none, with momentum one, Adam two, in the type "
            "of the parameter.",
        ),
        Aspect(
            "what is shared",
            1,
            "tied",
            _memory_each("tied", ("values", "gradients", "state")),
            hints={
                "pytorch": "net.parameters() lists a shared parameter once; state_dict(), or a "
                "loop over the modules, twice.",
                "tensorflow": "net.weights lists the weights of a layer that is used twice once; a "
                "loop over the layers of your own may not.",
            },
        ),
        Aspect(
            "what is not trained",
            2,
            "frozen",
            _memory_each("frozen", ("values", "gradients", "state")),
            hints={
                "pytorch": "Frozen parameters and buffers are values. They have no gradient, and "
                "the optimizer keeps nothing for them.",
                "tensorflow": "Weights that are not trained are values. They have no gradient, and "
                "the optimizer keeps nothing for them.",
            },
        ),
        Aspect(
            "the largest batch",
            1,
            "batch",
            _memory_each("batch", ("batch",)),
            hint="The room that values, gradients and state leave, divided by kept, rounded down "
            "with //, and never below zero.",
            needs=(_VALUES, _STATE),
        ),
    ),
    version="2",
)


# -- performance.scaler --------------------------------------------------------------------------


def _scaler_case(rng: np.random.Generator, steps: Sequence[str], patience: int) -> Inputs:
    """Gradients of so many steps; their scaled values are around one."""
    power = integer(rng, 16, 18)
    shapes = [[integer(rng, 2, 4), integer(rng, 2, 4)], [integer(rng, 2, 5)]]
    gradients: list[Any] = []
    for n, kind in enumerate(steps):
        pair = [data(rng, *shape) * np.float32(2.0**-power) for shape in shapes]
        if kind != "good":  # in the first gradient and in the second in turns
            odd = pair[sum(other != "good" for other in steps[:n]) % 2].reshape(-1)
            odd[integer(rng, 0, odd.size - 1)] = np.float32(kind)
        gradients.append(pair)
    return {"scale": 2.0**power, "patience": patience, "gradients": gradients}


def _scaler_inputs(rng: np.random.Generator) -> Inputs:
    bad = ["inf", "-inf", "nan", "1e4"]  # the last overflows by being scaled
    skipped = [bad[int(n)] for n in rng.permutation(4)]
    for _ in range(3):
        skipped.insert(integer(rng, 0, len(skipped)), "good")
    patience = integer(rng, 2, 4)
    again = [["good"] * integer(rng, 1, patience - 1) + ["inf"] for _ in range(2)]
    return {
        "unscaled": _scaler_case(rng, ["good"], 99),
        "skipped": _scaler_case(rng, skipped, 99),
        "raised": _scaler_case(rng, ["good"] * (3 * patience + 1), patience),
        "again": _scaler_case(rng, [*again[0], *again[1], *["good"] * (patience + 1)], patience),
    }


def _half(array: np.ndarray, framework: Framework) -> Tensor:
    """A tensor of 16 bits; numbers that are too large become infinite."""
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if framework.key == "pytorch":
        import torch

        return torch.from_numpy(half)
    import tensorflow as tf

    return tf.constant(half)


def _scaler_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")

    def scale_of(scaler: Any) -> float:
        found = scaler.scale
        try:
            return float(found)
        except (TypeError, ValueError, OverflowError):
            raise WrongKind(
                f"The attribute scale: a number is expected; what came is {kind_of(found)}."
            ) from None

    def run(case: Inputs) -> Any:
        scaler = answer(case["scale"], case["patience"])
        steps = []
        for pair in case["gradients"]:
            scale = scale_of(scaler)
            scaled = [_half(array * np.float32(scale), framework) for array in pair]
            found = scaler.unscale(scaled)
            if found is not None and not isinstance(found, list | tuple):
                raise WrongKind(f"A list or None is expected; what came is {kind_of(found)}.")
            arrays = None if found is None else framework.arrays(list(found))
            steps.append({"scale": scale, "gradients": arrays})
        return {"steps": steps, "scale": scale_of(scaler)}

    return {
        key: attempt(lambda key=key: run(inputs[key]))
        for key in ("unscaled", "skipped", "raised", "again")
    }


def _scales(case: Mapping[str, Any]) -> list[float]:
    """The scale before each step, and after the last."""
    scales, good = [case["scale"]], 0
    for pair in case["gradients"]:
        scaled = [_scaled(array, scales[-1]) for array in pair]
        fine = all(np.isfinite(array).all() for array in scaled)
        good = good + 1 if fine else 0
        raised = good == case["patience"]
        good = 0 if raised else good
        scales.append(scales[-1] * (2.0 if raised else 1.0 if fine else 0.5))
    return scales


def _scaled(array: np.ndarray, scale: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (array * np.float32(scale)).astype(np.float16).astype(np.float64)


def _scaler_text(case: Mapping[str, Any]) -> str:
    kinds = []
    for pair, scale in zip(case["gradients"], _scales(case), strict=False):
        fine = all(np.isfinite(_scaled(array, scale)).all() for array in pair)
        kinds.append("good" if fine else "overflow")
    return f"LossScaler({case['scale']:g}, {case['patience']}); steps: {', '.join(kinds)}"


def _scaler_each(key: str, with_gradients: bool) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        case = inputs[key]
        text, scales = _scaler_text(case), _scales(case)
        if not isinstance(found, dict):
            raise Unfit(f"The scales and gradients are expected.\nInput: {text}")
        steps = need_list(found.get("steps"), len(case["gradients"]), "Steps")
        told = [one.get("scale") if isinstance(one, dict) else None for one in steps]
        told.append(found.get("scale"))
        for n, (pair, one) in enumerate(zip(case["gradients"], steps, strict=True)):
            if not same_plain(told[n], scales[n]):
                raise Unfit(
                    f"Scale before step {n}: expected {scales[n]:g}, got {short(told[n])}."
                    f"\nInput: {text}"
                )
            if with_gradients:
                _same_unscaled(pair, scales[n], one.get("gradients"), f"step {n}", text)
        if not same_plain(told[-1], scales[-1]):
            raise Unfit(
                f"Scale after the last step: expected {scales[-1]:g}, got {short(told[-1])}."
                f"\nInput: {text}"
            )

    return compare


def _same_unscaled(
    pair: Sequence[np.ndarray], scale: float, found: Any, name: str, text: str
) -> None:
    scaled = [_scaled(array, scale) for array in pair]
    if not all(np.isfinite(array).all() for array in scaled):
        if found is not None:
            raise Unfit(f"Gradients in {name}: expected None, got something.\nInput: {text}")
        return
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    arrays = need_list(found, len(pair), f"Gradients in {name}")
    for n, (array, one) in enumerate(zip(scaled, arrays, strict=True)):
        what = f"Gradient {n} in {name}, times {scale:g}"
        if isinstance(one, np.ndarray) and one.dtype != np.float32:
            raise Unfit(f"{what}: float32 is expected, got {one.dtype}.\nInput: {text}")
        times = one.astype(np.float64) * scale if isinstance(one, np.ndarray) else one
        same_array(times, array, what, text)


_UNSCALED = "divided in 32 bits"

SCALER = Question(
    name="performance.scaler",
    title="Loss scaling",
    points=6,
    inputs=_scaler_inputs,
    probe=_scaler_probe,
    judge=judge_by(
        Aspect(
            _UNSCALED,
            2,
            "unscaled",
            _scaler_each("unscaled", with_gradients=True),
            hints={
                "pytorch": "g.float() / scale. In g / scale what is small becomes zero, or loses "
                "its digits, before it has 32 bits.",
                "tensorflow": "tf.cast(g, tf.float32) / scale. In g / scale what is small becomes "
                "zero, or loses its digits, before it has 32 bits.",
            },
        ),
        Aspect(
            "an overflow is skipped",
            2,
            "skipped",
            _scaler_each("skipped", with_gradients=True),
            hint="If any number of any gradient is infinite or nan, return None and halve the "
            "scale.",
            needs=(_UNSCALED,),
        ),
        Aspect(
            "the scale rises",
            1,
            "raised",
            _scaler_each("raised", with_gradients=True),
            hint="Double it when patience good steps are done, after dividing by the one they were "
            "made with, and begin to count anew.",
        ),
        Aspect(
            "the count begins anew",
            1,
            "again",
            _scaler_each("again", with_gradients=False),
            hint="patience good steps in a row: a skipped one sets the count to zero.",
            needs=("the scale rises",),
        ),
    ),
    version="2",
)

QUESTIONS = (TIMER, AHEAD, ROOF, MEMORY, SCALER)
