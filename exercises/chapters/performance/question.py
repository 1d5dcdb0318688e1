"""Questions of the chapter *Hardware and performance*.

Every expected result is calculated here with NumPy from the inputs. No time is measured: where
time is asked for, it follows from the ceilings that the inputs state.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from d2lexercises.kinds import kind_of, one_number, whole
from d2lexercises.networks import tensor_of
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Exact,
    Number,
    WrongKind,
    any_class,
    compare,
    free_text,
    function,
    question,
)

# -- performance.ridge ---------------------------------------------------------------------------

RIDGE = question(
    "performance.ridge", "The batch at the ridge", takes=function, minutes=5, difficulty=1
)


def batch_by_hand(case):
    """The batch, not rounded, at which arithmetic takes as long as memory; infinite if none."""
    ridge = case["peak"] / case["bandwidth"]
    i, o, size = case["inputs"], case["outputs"], case["size"]
    room = 2 * i * o - ridge * size * (i + o)
    return ridge * size * i * o / room if room > 0 else math.inf


@RIDGE.inputs
def draw_ridge(draw):
    def case(low, high, size, ridges):
        def one():
            bandwidth = draw.number(1e11, 4e12, digits=-9)
            return {
                "inputs": draw.integer(low, high),
                "outputs": draw.integer(low, high),
                "size": size,
                "peak": round(bandwidth * draw.number(*ridges)),
                "bandwidth": bandwidth,
            }

        def fits(case):  # no batch within rounding of a whole number, and none at the naive ridge
            batch = batch_by_hand(case)
            if math.isinf(batch):
                return low < 500
            naive = case["peak"] / case["bandwidth"] * size / 2
            return low > 500 and 0.05 < batch % 1 < 0.95 and batch > naive + 3

        return draw.until(fits, one)

    return {
        "wide": [case(3000, 9000, size, (60, 300)) for size in (2, 4, 1, 2)],
        "narrow": [case(20, 200, size, (500, 900)) for size in (4, 2)],
    }


@RIDGE.shown
def shown_ridge(case):
    return (
        f"ridge_batch({case.inputs}, {case.outputs}, size={case.size}, "
        f"peak={case.peak:g}, bandwidth={case.bandwidth:g})"
    )


class Ridge(Aspect):
    what = "Batch"

    def run(answer, case, f):
        found = answer(case.inputs, case.outputs, case.size, case.peak, case.bandwidth)
        return "None" if found is None else whole(found)

    def expect(case):
        batch = batch_by_hand(case)
        return "None" if math.isinf(batch) else math.ceil(batch)


@RIDGE.aspect("the batch", 3, over="wide")
class RidgeBatch(Ridge):
    """The intensity grows with the batch, but more slowly: X and Y are moved too. Find the batch at
    which it equals peak / bandwidth, and round up."""

    code = "2 * b * i * o * bandwidth >= peak * size * (b * i + i * o + b * o)  # solve for b"

    def mistakes(case):
        ridge, right = case.peak / case.bandwidth, math.ceil(batch_by_hand(case))
        return {
            "At this batch the arithmetic still takes less time than the bytes.": right - 1,
            "This leaves X and Y out of the bytes.": math.ceil(ridge * case["size"] / 2),
        }


@RIDGE.aspect("a layer that no batch helps", 1, over="narrow", after="the batch")
class NoBatch(Ridge):
    """For a very large batch the weights hardly count, and the intensity approaches a limit that
    depends on the widths alone."""

    code = "2 * i * o / (size * (i + o)) <= peak / bandwidth  # then None"


# -- performance.memory --------------------------------------------------------------------------

MEMORY = question("performance.memory", "Will it fit?", takes=function, minutes=15, difficulty=1)


def need_of(case):
    """Bytes: of training without a batch, of the weights to serve, and of a token's cache."""
    model = case["model"]
    token = 2 * model["layers"] * model["kv_heads"] * model["head"] * model["size"]
    return 16 * model["parameters"], model["parameters"] * model["size"], token


@MEMORY.inputs
def draw_memory(draw):
    def case(users, batch):
        """A machine on which so many users fit, and so large a batch if it is not None."""
        model = {
            "parameters": draw.integer(10**8, 9 * 10**9),
            "layers": draw.integer(12, 80),
            "kv_heads": draw.choice([4, 8, 16]),
            "head": draw.choice([64, 96, 128]),
            "size": draw.choice([1, 2]),
            "kept": draw.integer(10**7, 9 * 10**7),
        }
        case = {
            "model": model,
            "tokens": draw.integer(1000, 9000),
            "bandwidth": draw.number(1e11, 4e12, digits=-9),
        }
        train, serve, token = need_of(case)
        if batch is None:
            room = serve + users * token * case["tokens"]
            return {**case, "room": room + draw.integer(100, 900)}
        return {**case, "room": train + batch * model["kept"] + draw.integer(100, 900)}

    return {
        "serve": [case(draw.integer(2, 60), None) for _ in range(3)],
        "train": [case(None, draw.integer(2, 90)) for _ in range(3)],
        "none": draw.shuffled([case(0, None), case(-draw.integer(1, 3), None)]),
    }


@MEMORY.shown
def shown_memory(case):
    model = ", ".join(f"{name!r}: {case.model[name]}" for name in case.model)
    return f"plan({{{model}}}, {case.room}, {case.tokens}, {case.bandwidth:g})"


class Plan(Aspect):
    what = "Plan"

    def run(answer, case, f):
        model = {name: case.model[name] for name in case.model}
        found = answer(model, case.room, case.tokens, case.bandwidth)
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        return {key: whole(one) if key != "seconds" else one for key, one in found.items()}

    def expect(case):
        train, serve, token = need_of(case)
        users = max(0, (case.room - serve) // (token * case.tokens))
        moved = serve + users * token * case.tokens
        return {
            "batch": max(0, (case.room - train) // case.model.kept),
            "users": users,
            "seconds": Number(moved / case.bandwidth, " s"),
        }


@MEMORY.aspect("the batch in training", 2, over="train", part="batch")
class Batch(Plan):
    """Adam needs the value, the gradient and two averages of each parameter, four bytes each. The
    examples share what is left."""

    code = 'left = room - 16 * model["parameters"]'


@MEMORY.aspect("the users", 3, over="serve", part="users")
class Users(Plan):
    """A token's cache holds a key and a value for each layer and each of its heads. Serving needs
    neither gradients nor averages."""

    code = "token = 2 * layers * kv_heads * head * size  # weights: parameters * size"

    def mistakes(case):
        _, serve, token = need_of(case)
        return {
            "This counts the keys, and not the values.": {
                "users": (case.room - serve) // (token // 2 * case.tokens)
            }
        }


@MEMORY.aspect("the seconds of a token", 1, over="serve", part="seconds", after="the users")
class TokenSeconds(Plan):
    """For one token of each user the weights are read once, for all users together, and each user's
    cache once."""

    code = "(weights + users * tokens * token) / bandwidth"


@MEMORY.aspect("when nothing fits", 1, over="none", after=("the batch in training", "the users"))
class Nothing(Plan):
    "// rounds down, below zero too. For no users, the weights are still read."

    code = "max(0, left // kept)"


# -- performance.roof ----------------------------------------------------------------------------

ROOF = question(
    "performance.roof", "A step under the roof", takes=function, minutes=20, difficulty=2
)


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
    takes as long as the slower of its arithmetic and its bytes."""

    code = "max(2 * batch * i * o / peak, size * (batch * i + i * o + batch * o) / bandwidth)"


@ROOF.aspect("FLOPs of a step", 2, over="deep", part="FLOPs")
class Flops(Cost):
    """A layer needs the gradient of its input only if another layer comes before it."""

    code = "products = 2 if n == 0 else 3"


@ROOF.aspect("bytes of a step", 1, over="deep", part="Bytes")
class Bytes(Cost):
    """Each product reads two arrays and writes one. Their three shapes are those of X, W and Y."""

    code = "size * (batch * i + i * o + batch * o)  # for each product"


@ROOF.aspect("seconds of a step", 2, over="deep", part="Seconds")
class Seconds(Cost):
    """The products run one after another, so one cannot compute while another waits for memory."""

    code = "seconds += products * max(flops / peak, moved / bandwidth)"


# -- performance.measured ------------------------------------------------------------------------

MEASURED = free_text(
    "performance.measured", "Where the time begins to grow", 6, minutes=30, difficulty=2
)


# -- performance.scaler --------------------------------------------------------------------------

SCALER = question("performance.scaler", "Loss scaling", takes=any_class, minutes=30, difficulty=2)


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
        return tensor_of(array.astype(np.float16), f)


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
        return float(one_number(found))
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
    """A small number divided in float16 becomes zero or loses digits."""

    code = {"pytorch": "g.float() / scale", "tensorflow": "tf.cast(g, tf.float32) / scale"}


@SCALER.aspect("an overflow is skipped", 2, over="skipped", after="divided in 32 bits")
class Overflow(StepsAndGradients):
    """Look at every number of every gradient, for infinities of both signs and for nan."""

    code = {
        "pytorch": "all(g.isfinite().all() for g in gradients)",
        "tensorflow": "all(tf.reduce_all(tf.math.is_finite(g)) for g in gradients)",
    }


@SCALER.aspect("the scale rises", 1, over="raised")
class Rises(StepsAndGradients):
    """The gradients of a step are divided by the scale with which they were computed. The new scale
    is for the next step."""

    code = "if self.good == self.patience: self.scale, self.good = 2 * self.scale, 0"


@SCALER.aspect("the count begins anew", 1, over="again", after="the scale rises", part="scale")
class CountAnew(Steps):
    "The good steps must be in a row, so a skipped step ends the row."

    code = "self.scale, self.good = self.scale / 2, 0  # a skipped step"


# -- performance.int8 ----------------------------------------------------------------------------

INT8 = question(
    "performance.int8", "Eight bits, with a bound", takes=any_class, minutes=45, difficulty=3
)


def quantized(w):
    """The integers and the scales of an array's rows."""
    largest = np.abs(w.astype(np.float64)).max(axis=1)
    scales = np.where(largest > 0, largest / 127, 1.0)
    return np.round(w / scales[:, None]), scales


@INT8.inputs
def draw_int8(draw):
    def rows(count, columns):
        """Rows of very different sizes, in which no weight lies half-way between two integers."""
        sizes = np.float32(draw.shuffled([0.01 * 30.0**n for n in range(count)]))

        def fits(w):
            parts = np.abs(w / quantized(w)[1][:, None]) % 1
            return np.abs(parts - 0.5).min() > 2e-3 and (w.min(1) < -np.abs(w).max(1) * 0.99).any()

        return draw.until(fits, lambda: draw.data(count, columns) * sizes[:, None])

    w = rows(3, draw.integer(5, 8))
    zero = rows(3, draw.integer(5, 8))
    zero[draw.integer(0, 2)] = 0
    return {
        "w": w,
        "x": draw.data(draw.integer(2, 4), w.shape[1]),
        "zero": zero,
    }


def columns_in_words(array):
    return f"rows whose largest weights are {np.abs(array).max(axis=1).round(4).tolist()}"


class Quantized(Aspect):
    def run(answer, w, f):
        net = answer(f.tensor(w))
        return [f.array(net.integers), f.array(net.scales)]

    def expect(w):
        integers, scales = quantized(w)
        return {"integers": Exact(integers.astype(np.int8)), "scales": scales}

    def shown(w):
        return columns_in_words(w)


@INT8.aspect("integers and scales", 2, over="w")
class Integers(Quantized):
    """Each row has the scale with which its largest weight becomes 127 or -127. Round to the
    nearest integer: a conversion to int8 cuts the digits off."""

    code = {
        "pytorch": "(W / scales[:, None]).round().to(torch.int8)",
        "tensorflow": "tf.cast(tf.round(W / scales[:, None]), tf.int8)",
    }
    what = "Of the matrix"
    tolerance = 1e-5


@INT8.aspect("a row of zeros", 1, over="zero", after="integers and scales")
class ZeroRow(Quantized):
    "A row of zeros would divide by zero. Its scale is 1."

    code = {
        "pytorch": "torch.where(largest > 0, largest / 127, 1.0)",
        "tensorflow": "tf.where(largest > 0, largest / 127, 1.0)",
    }
    what = "Of a matrix with a row of zeros"


class OfData(Aspect):
    def shown(given):
        return f"{columns_in_words(given.w)}; {given.x.shape[0]} rows of X"


def relative(found, expected):
    """Each column over its largest expected value, so that small rows of W count as much."""
    return np.asarray(found, np.float64) / np.abs(expected).max(axis=0)


@INT8.aspect("the product", 1, after="integers and scales")
class Product(OfData):
    """Entry (n, r) of the product is the dot product of row n of X and row r of the restored
    matrix."""

    code = "X @ the transpose of (integers * scales[:, None]), all in float32"
    form = np.ndarray

    def run(answer, given, f):
        return f.array(answer(f.tensor(given.w)).product(f.tensor(given.x)))

    def judge(given, found):
        integers, scales = quantized(given.w)
        expected = given.x @ (integers * scales[:, None]).T
        if found.shape != expected.shape:
            return f"Product: expected shape {expected.shape}, got {found.shape}."
        compare(relative(found, expected), relative(expected, expected), "Product, relative")


@INT8.aspect("the bound", 2, after="integers and scales")
class Bound(OfData):
    """Rounding changes a weight by half a scale at most, up or down. Allow this for every weight.
    The product sums these changes, each times a number of X. In the worst case all terms have
    the same sign."""

    code = "sum of |x| over the row of X, times scale / 2"
    form = np.ndarray

    def run(answer, given, f):
        return f.array(answer(f.tensor(given.w)).bound(f.tensor(given.x)))

    def judge(given, found):
        _, scales = quantized(given.w)
        expected = np.abs(given.x).sum(axis=1, keepdims=True) * scales / 2
        if found.shape != expected.shape:
            return f"Bound: expected shape {expected.shape}, got {found.shape}."
        compare(relative(found, expected), relative(expected, expected), "Bound, relative")


# -- performance.online --------------------------------------------------------------------------

ONLINE = question(
    "performance.online",
    "Attention that never sees its matrix",
    takes=any_class,
    minutes=150,
    difficulty=3,
)


@ONLINE.inputs
def draw_online(draw):
    def case(blocks, scale=1.0, masked=False):
        """Queries and blocks of keys and values; with masks, one query sees nothing at all."""
        queries, d, e = draw.integer(3, 5), draw.integer(3, 5), draw.integer(2, 4)
        sizes = draw.integers(3, 6, blocks)
        case = {
            "q": draw.data(queries, d) * np.float32(scale),
            "k": [draw.data(size, d) for size in sizes],
            "v": [draw.data(size, e) for size in sizes],
            "visible": [],
            "weights": draw.data(queries, e),
        }
        if masked:
            blind, late = draw.shuffled(range(queries))[:2]
            for n, size in enumerate(sizes):
                visible = draw.uniform(0, 1, queries, size) < 0.5
                visible[:, 0] = True
                visible[blind] = False  # sees nothing in any block
                visible[late] &= n > 0  # sees nothing in the first
                case["visible"].append(visible)
        return case

    def grows(case):  # later blocks hold larger scores, and the first ones do too
        tops = [(case["q"] @ k.T).max(axis=1) for k in case["k"]]
        steps = np.diff(tops, axis=0)
        return steps.max() > 0.5 and steps.min() < -0.5

    def large(case):  # in each query, scores that have no exponential in float32
        scores = np.concatenate([case["q"] @ k.T for k in case["k"]], axis=1)
        scores = scores / np.sqrt(case["q"].shape[1])
        return scores.max(axis=1).min() > 95 and scores.max() < 300

    several = [draw.until(grows, lambda: case(draw.integer(3, 5))) for _ in range(2)]
    return {
        "one": case(1),
        "several": several,
        "large": draw.until(large, lambda: case(6, scale=150.0)),
        "masked": draw.until(grows, lambda: case(4, masked=True)),
        "many": case(40),
    }


def attention_by_hand(case):
    """The output, all at once."""
    keys, values = (np.concatenate(list(part)).astype(np.float64) for part in (case.k, case.v))
    scores = case.q.astype(np.float64) @ keys.T / np.sqrt(case.q.shape[1])
    seen = np.concatenate(list(case.visible), axis=1) if len(case.visible) else scores < np.inf
    top = np.where(seen, scores, -np.inf).max(axis=1, keepdims=True)
    shares = np.where(seen, np.exp(np.where(seen, scores - np.maximum(top, -1e30), 0)), 0)
    return shares @ values / np.maximum(shares.sum(axis=1, keepdims=True), 1e-30)


def gradients_by_hand(case):
    """The gradients of the weighted sum of the output: of the queries, first key block, values."""
    q, w = case.q.astype(np.float64), case.weights.astype(np.float64)
    keys, values = (np.concatenate(list(part)).astype(np.float64) for part in (case.k, case.v))
    root = np.sqrt(q.shape[1])
    scores = q @ keys.T / root
    seen = np.concatenate(list(case.visible), axis=1) if len(case.visible) else scores < np.inf
    exps = np.where(seen, np.exp(scores), 0)
    shares = exps / np.maximum(exps.sum(axis=1, keepdims=True), 1e-30)
    of_shares = w @ values.T
    of_scores = shares * (of_shares - (shares * of_shares).sum(axis=1, keepdims=True)) / root
    first = len(case.k[0])
    return of_scores @ keys, (of_scores.T @ q)[:first], (shares.T @ w)[:first]


def fill(net, case, f, which=None):
    """Add blocks of the case, all of them or those that `which` lists."""
    for n in range(len(case.k)) if which is None else which:
        k, v = f.tensor(case.k[n]), f.tensor(case.v[n])
        if len(case.visible):
            net.add(k, v, tensor_of(np.array(case.visible[n], bool), f))
        else:
            net.add(k, v)
    return net


@ONLINE.shown
def shown_online(case):
    sizes = [len(k) for k in case.k]
    masks = ", with masks; one query sees no key at all" if len(case.visible) else ""
    return f"Q of shape {case.q.shape}, blocks of {sizes} keys{masks}"


class Online(Aspect):
    what = "Output"

    def run(answer, case, f):
        return fill(answer(f.tensor(case.q)), case, f).output()

    def expect(case):
        return attention_by_hand(case)


@ONLINE.aspect("one block", 1, over="one")
class OneBlock(Online):
    """With a single block this is softmax attention, with scores divided by the square root of the
    width of Q."""

    code = "softmax(Q @ K.T / d ** 0.5) @ V"


@ONLINE.aspect("several blocks", 3, over="several", after="one block")
class SeveralBlocks(Online):
    """Exponentials relative to different maxima cannot be added. Correct the sum and the mixture of
    values for the new maximum, each query for itself, before you add the block's."""

    code = "correct = exp(old - new); total = correct * total + shares.sum(1)"


@ONLINE.aspect("large scores", 1, over="large", after="one block")
class LargeScores(Online):
    """The exponential of 100 is no float32. Exponentials of scores minus the largest score so far
    are at most 1."""

    code = "shares = exp(scores - new)"
    tolerance = 2e-3


@ONLINE.aspect("masks", 2, over="masked", after="several blocks")
class Masks(Online):
    """A query may see no key of a block, or none at all; then the output is 0. With minus infinity
    as its maximum, a difference of maxima is not a number."""

    code = "Begin with a finite maximum such as -1e30, and multiply the shares by the mask."


@ONLINE.aspect("what it keeps", 1, over="many", after="several blocks")
class Keeps(Aspect):
    """Between two calls, a few values for each query are enough. Keep no keys and no values."""

    code = "Keep the maximum, the sum, and the mixture of values."
    what = "Numbers"

    def run(answer, case, f):
        net = answer(f.tensor(case.q))
        fill(net, case, f)
        return {"kept": numbers_in(net, set())}

    def expect(case):
        queries, width = case.q.shape
        return {"kept": Between(0, queries * (width + 2 * case.v[0].shape[1] + 8))}

    def shown(case):
        return f"Q of shape {case.q.shape}, 40 blocks"


def numbers_in(thing, seen):
    """How many numbers the tensors hold that an object can reach."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    shape = getattr(thing, "shape", None)
    if shape is not None:
        return math.prod(int(side) for side in shape)
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple | set):
        return sum(numbers_in(one, seen) for one in thing)
    return sum(numbers_in(one, seen) for one in getattr(thing, "__dict__", {}).values())


@ONLINE.aspect("merging", 2, over="masked", after="masks")
class Merging(Aspect):
    """Both objects have a maximum, a sum and a mixture for each query. It is the same step as for a
    block. The other object does not change."""

    code = "new = maximum(mine, theirs); correct both sums"
    what = "Output"

    def run(answer, case, f):
        first, second = (answer(f.tensor(case.q)) for _ in range(2))
        fill(first, case, f, range(2))
        fill(second, case, f, range(2, len(case.k)))
        alone = f.array(second.output())
        first.merge(second)
        moved = np.abs(f.array(second.output()) - alone).max()
        return [first.output(), bool(moved < 1e-6)]

    def expect(case):
        return {"after merging": attention_by_hand(case), "the other object unchanged": True}


@ONLINE.aspect("gradients", 2, over=("several", "masked"), after="masks")
class Gradients(Aspect):
    """Automatic differentiation goes through all steps. A mask that is applied to an infinity or to
    a division by zero gives gradients that are not numbers."""

    code = "Divide by where(total > 0, total, 1), and let no infinity occur."
    what = "Gradient"
    missing = "no gradient arrives"

    def run(answer, case, f):
        q, k, v = f.tensor(case.q), f.tensor(case.k[0]), f.tensor(case.v[0])

        def loss():
            net = answer(q)
            if len(case.visible):
                net.add(k, v, tensor_of(np.array(case.visible[0], bool), f))
            else:
                net.add(k, v)
            fill(net, case, f, range(1, len(case.k)))
            return f.weighted_sum(net.output(), case.weights)

        return f.gradients(loss, [q, k, v])

    def expect(case):
        of_q, of_k, of_v = gradients_by_hand(case)
        return {"of Q": of_q, "of the first K": of_k, "of the first V": of_v}
