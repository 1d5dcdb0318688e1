"""Questions of the chapter *Initialization*.

A random answer is judged by its statistics. The bounds are six standard errors wide, so that a
right answer is refused less than once in ten million times.
"""

from __future__ import annotations

import math
from itertools import combinations, islice
from typing import Any

import numpy as np
from d2lexercises.frameworks import ACTIVATIONS
from d2lexercises.kinds import need_class, one_number
from d2lexercises.networks import convolution, normalization, stored
from d2lexercises.vocabulary import (
    Aspect,
    Number,
    Unfit,
    WrongKind,
    compare,
    function,
    question,
)

ERRORS = 6.0  # standard errors that an estimate may be off


def numbers_of(found, shape, what):
    """`found` in double precision, if it is an array of finite numbers of this shape."""
    compare(found, np.zeros(shape), what, tolerance=np.inf)
    return found.astype(np.float64)


# -- initialization.fans -----------------------------------------------------------------------

FANS = question(
    "initialization.fans", "One rule for every shape", takes=function, minutes=5, difficulty=1
)


@FANS.inputs
def draw_fans(draw):
    def case(axes, mode=None, gain=True):
        inputs, outputs, *kernel = draw.distinct(2, 39, 2 + axes)
        found = {"inputs": inputs, "outputs": outputs, "kernel": kernel}
        if mode:
            found["mode"] = mode
        return found | ({"gain": draw.number(0.5, 2.5)} if gain else {})

    return {
        "dense": [case(0), case(0, "fan_in")],
        "convolutions": [case(axes, "fan_in") for axes in (1, 2, 3)],
        "modes": [case(axes, mode) for axes in (0, 2) for mode in ("fan_out", "fan_avg")],
        "defaults": [case(0, gain=False), case(2, gain=False)],
    }


def stored_shape(case, framework):
    ends = [case.outputs, case.inputs]
    return [*ends, *case.kernel] if framework == "pytorch" else [*case.kernel, *ends[::-1]]


class Fans(Aspect):
    what = "Standard deviation"

    def run(answer, case, f):
        options = {name: case[name] for name in ("gain", "mode") if name in case}
        return float(one_number(answer(tuple(stored_shape(case, f.key)), **options)))

    def expect(case):
        area = math.prod(case.kernel)
        fans = {"fan_in": case.inputs * area, "fan_out": case.outputs * area}
        fans["fan_avg"] = (case.inputs + case.outputs) * area / 2
        gain = case.gain if "gain" in case else 1.0
        mode = case.mode if "mode" in case else "fan_in"
        return Number(gain / math.sqrt(fans[mode]), relative=1e-5)

    def shown(case, framework):
        options = "".join(f", {name}={case[name]!r}" for name in ("gain", "mode") if name in case)
        return f"std({tuple(stored_shape(case, framework))}{options})"


@FANS.aspect("dense layers", 1, over="dense")
class DenseFans(Fans):
    hint = {
        "pytorch": "The fan-in counts the inputs of one output. Which axis of weight is it?",
        "tensorflow": "The fan-in counts the inputs of one output. Which axis of kernel is it?",
    }
    code = {"pytorch": "outputs, inputs = shape", "tensorflow": "inputs, outputs = shape"}


@FANS.aspect("convolutions", 1, over="convolutions")
class ConvolutionFans(Fans):
    "One output pixel adds up a product for each input channel and each position in the kernel."

    code = {
        "pytorch": "shape[1] * math.prod(shape[2:])",
        "tensorflow": "math.prod(shape[:-2]) * shape[-2]",
    }


@FANS.aspect("modes", 1, over="modes")
class ModesOfFans(Fans):
    "The fan-out is counted like the fan-in, from the side of the outputs."

    code = "fan = (fan_in + fan_out) / 2"


@FANS.aspect("defaults", 1, over="defaults")
class DefaultsOfFans(Fans):
    "Without options, the gain is 1 and the mode is the fan-in."


# -- initialization.spread ---------------------------------------------------------------------

SPREAD = question(
    "initialization.spread", "A rule for any activation", takes=function, minutes=15, difficulty=1
)


@SPREAD.inputs
def draw_spread(draw):
    def lines(sign):
        """With an offset of this sign. Below zero it can take the mean of the outputs to zero."""
        slopes = draw.number(0.3, 1.5), draw.number(0.3, 1.5)
        offset = sign * draw.number(0.5, 1.5) if sign else 0.0
        return {"lines": [*slopes, offset], "n": draw.integer(20, 900)}

    def curve(kind, inner=(0.5, 3)):
        factors = [draw.number(0.5, 3), draw.number(*inner)]
        return {"kind": kind, "factors": factors, "n": draw.integer(20, 900)}

    return {
        "lines": [lines(0) for _ in range(3)],
        "offset": [lines(sign) for sign in (1, -1, 1)],
        # The last one is nearly a line: what it makes of the rare, large z counts.
        "curves": [curve("tanh"), curve("sigmoid"), curve("tanh", inner=(0.1, 0.25))],
    }


def activation_of(case, bend):
    """The activation function of a case; `bend` gives the function of a name."""
    if "lines" in case:
        p, q, r = case.lines
        return lambda x: p * x + q * abs(x) + r
    outer, inner = case.factors
    curve = bend(case.kind)
    return lambda x: outer * curve(inner * x)


class Spread(Aspect):
    what = "Standard deviation of the weights"

    def run(answer, case, f):
        def bend(kind):
            """A function of tensors that keeps their dtype; a layer of Keras returns its own."""
            if f.key == "pytorch":
                return f.activation(kind)
            import keras

            return keras.activations.get(kind)

        found = answer(activation_of(case, bend), case.n)
        return float(one_number(found))

    def expect(case):
        z = np.linspace(-10, 10, 40_001)
        density = np.exp(-(z**2) / 2)
        values = activation_of(case, ACTIVATIONS.__getitem__)(z)
        sigma = float(case.n * (values**2 * density).sum() / density.sum()) ** -0.5
        return Number(sigma, relative=0.0, absolute=0.015 * sigma)

    def shown(case):
        if "lines" in case:
            p, q, r = case.lines
            formula = f"{p} x + {q} |x|" + (f" {'-' if r < 0 else '+'} {abs(r)}" if r else "")
        else:
            outer, inner = case.factors
            formula = f"{outer} {case.kind}({inner} x)"
        return f"activation(x) = {formula}, fan_in = {case.n}"


@SPREAD.aspect("lines through zero", 2, over="lines")
class LinesThroughZero(Spread):
    """Which statistic of its inputs does a layer multiply? For ReLU it is half of that of z."""

    code = {
        "pytorch": "activation(torch.randn(300_000)).square().mean()",
        "tensorflow": "tf.reduce_mean(activation(tf.random.normal((300_000,))) ** 2)",
    }


@SPREAD.aspect("lines beside zero", 2, over="offset")
class LinesBesideZero(Spread):
    """What a layer multiplies is the mean square of its input, which is not the variance where the
    mean is not zero."""


@SPREAD.aspect("curves", 2, over="curves")
class Curves(Spread):
    """Evaluate the function at many samples of z, at all of their range, and take some hundred
    thousand of them."""


# -- initialization.by-type --------------------------------------------------------------------

BY_TYPE = question(
    "initialization.by-type",
    "The He rule for dense layers",
    takes=function,
    minutes=20,
    difficulty=2,
)


@BY_TYPE.inputs
def draw_by_type(draw):
    narrow, wide = draw.integer(30, 40), draw.integer(110, 130)
    return {
        "narrow": narrow,
        "wide": wide,
        "table": draw.data(draw.integer(3, 6), narrow),
        "scale": draw.uniform(0.5, 1.5, wide),
        "shift": draw.data(wide),
        "before": [draw.number(0.2, 0.9) for _ in range(2)],  # all weights, all biases
        "names": draw.words(8),
    }


def derived_from(made, f):
    """A layer of a class derived from that of a dense layer, with its shape."""
    kind = type("Derived", (type(made),), {})
    if f.key == "pytorch":
        return kind(made.in_features, made.out_features)
    new = kind(made.units)
    new.build((None, int(made.kernel.shape[0])))
    return new


PLACES = {
    "first": "a dense layer of net",
    "inner": "a dense layer inside a block",
    "derived": "a layer of a class derived from the dense one",
    "deep": "a dense layer two blocks deep",
}


class ByType(Aspect):
    def run(answer, given, f):
        narrow, wide = given.narrow, given.wide
        weight, bias = given.before

        def constant(inputs, outputs):
            return {"kernel": np.full((inputs, outputs), weight), "bias": np.full(outputs, bias)}

        first = f.dense(**constant(narrow, wide))
        inner, deep = (f.dense(**constant(wide, narrow)) for _ in range(2))
        derived = derived_from(first, f)
        f.set_dense(derived, **constant(narrow, wide))
        norm, table = normalization(given.scale, given.shift, f), f.embedding(given.table)
        deep_kernel = np.full((1, wide, wide), weight)
        convolved = convolution(deep_kernel, np.full(wide, bias), f)

        a, b, c, d, e, act, g, h = given.names
        blocks = {e: inner, act: f.activation("relu"), "act": derived, g: f.named({h: deep}, g)}
        rest = {"convolution": convolved, d: f.named(blocks, d)}
        net = f.named({a: table, b: first, c: norm, **rest}, "net")
        if f.key == "tensorflow":
            net(f.tensor(np.zeros(2)))
        layers = {"first": first, "inner": inner, "derived": derived, "deep": deep}
        held = {name: f.registered(one) for name, one in layers.items()}
        answer(net)
        now = {name: f.dense_values(one) for name, one in layers.items()}
        return {
            "weights": {name: values[0] for name, values in now.items()},
            "biases": [[*values, None][1] for values in now.values()],
            "other layers": [*f.everything(table), *f.registered(norm), *f.registered(convolved)],
            "held": held,
            "found": {name: f.registered(one) for name, one in layers.items()},
        }

    def expect(given, framework):
        narrow, wide = given.narrow, given.wide
        weight, bias = given.before
        kernel = stored(np.full((1, wide, wide), weight), framework)
        biases = {"first": wide, "inner": narrow, "derived": wide, "deep": narrow}
        return {
            "biases": {PLACES[name]: np.zeros(size) for name, size in biases.items()},
            "other layers": {
                "table of an embedding": given.table,
                "scale of a batch normalization": given.scale,
                "shift of a batch normalization": given.shift,
                "kernel of a convolution": kernel,
                "bias of a convolution": np.full(wide, bias),
            },
        }


class Weights(ByType):
    expect = None
    form = {"weights": dict.fromkeys(PLACES, np.ndarray)}


def weights_of(given, found, name):
    shape = given.narrow, given.wide
    shape = shape if name in ("first", "derived") else shape[::-1]
    return numbers_of(found["weights"][name], shape, f"Weights of {PLACES[name]}")


def need_he(given, found, name):
    values, what = weights_of(given, found, name), f"Weights of {PLACES[name]}"
    if np.ptp(values) == 0:
        raise Unfit(f"{what}: all are {values.flat[0]:.3f}.")
    inputs, outputs = values.shape
    what += f", {inputs} inputs and {outputs} outputs"
    expected = np.sqrt(2 / inputs)
    mean, std = float(values.mean()), float(np.sqrt(np.mean(values**2)))
    if abs(mean) > ERRORS * expected / np.sqrt(values.size):
        raise Unfit(f"{what}: expected mean 0, got {mean:.4f}.")
    if abs(std / expected - 1) > ERRORS / np.sqrt(2 * values.size):
        raise Unfit(f"{what}: expected standard deviation {expected:.4f}, got {std:.4f}.")


EVERY = "dense layers at every depth"


@BY_TYPE.aspect(EVERY, 2)
class EveryDepth(Weights):
    hint = {
        "pytorch": "The variance is two divided by the fan-in. A dense layer can be inside a block "
        "that is inside a block.",
        "tensorflow": "The variance is two divided by the fan-in. A dense layer can be inside a "
        "block that is inside a block. A built layer does not call its initializer again.",
    }
    code = {
        "pytorch": "net.modules()",
        "tensorflow": "if isinstance(layer, keras.Sequential): start(layer)",
    }

    def judge(given, found):
        for name in ("first", "inner", "deep"):
            need_he(given, found, name)


@BY_TYPE.aspect("derived classes", 1)
class DerivedClasses(Weights):
    "A class derived from the dense layer is another type, and still a dense layer."

    code = {
        "pytorch": "isinstance(module, nn.Linear)",
        "tensorflow": "isinstance(layer, layers.Dense)",
    }

    def judge(given, found):
        need_he(given, found, "derived")


@BY_TYPE.aspect("biases", 1, part="biases", after=EVERY)
class Biases(ByType):
    "The biases of all dense layers become zero."


@BY_TYPE.aspect("nothing else changes", 2, part="other layers", after=EVERY)
class NothingElse(ByType):
    """Names and shapes hit other layers too: a normalization has a scale, an embedding a matrix, a
    convolution a kernel. Ask for the type of the layer."""


@BY_TYPE.aspect("no twins", 1, after=EVERY)
class NoTwins(Weights):
    hint = {
        "pytorch": "Draw for each layer anew.",
        "tensorflow": "One initializer object without a seed repeats itself: make a new one for "
        "each layer.",
    }

    def judge(given, found):
        for one, two in (("first", "derived"), ("inner", "deep")):
            pair = [weights_of(given, found, name) for name in (one, two)]
            if np.mean(pair[0] == pair[1]) > 0.01:
                where = f"{PLACES[one]}, and {PLACES[two]}, of shape {pair[0].shape}"
                return f"Two layers of one shape have equal weights: {where}."


PAIRS = {name: [np.ndarray, np.ndarray] for name in PLACES}


@BY_TYPE.aspect("into the same arrays", 1, after=EVERY)
class SameArrays(ByType):
    hint = {
        "pytorch": "Fill the parameters that are there, as the functions of nn.init do.",
        "tensorflow": "Write into the variables that are there, with assign.",
    }
    expect = None
    form = {"held": PAIRS, "found": PAIRS}

    def judge(given, found):
        for name, where in PLACES.items():
            what = f"In the arrays that an optimizer holds, {where}"
            compare(found["held"][name], found["found"][name], what)


# -- initialization.copies ---------------------------------------------------------------------

COPIES = question(
    "initialization.copies", "Many out of one", takes=function, minutes=20, difficulty=2
)


@COPIES.inputs
def draw_copies(draw):
    inputs, wide, outputs = draw.integers(20, 40, 3)
    return {
        "n": draw.integer(3, 5),
        "first": draw.dense(inputs, wide),
        "scale": draw.uniform(1.5, 2.5, wide),
        "shift": draw.data(wide),
        "second": draw.dense(wide, outputs),
        "mark": draw.number(3, 9),
        "names": draw.words(4),
    }


def built(block, given, f):
    """The block, with all of its arrays."""
    if f.key == "tensorflow":
        block(f.tensor(np.ones((3, len(given.first.kernel)))))  # Keras may make them only now
    return block


def make_block(given, f):
    one, two, three, four = given.names
    norm = normalization(given.scale, given.shift, f)
    second = {"act": f.activation("relu"), four: f.dense(**given.second)}
    parts = {one: f.dense(**given.first), two: norm, three: f.named(second, three)}
    return built(f.named(parts, "block"), given, f)


def copies_of(answer, block, given, f):
    return [built(one, given, f) for one in islice(answer(block, given.n), 9)]


def arrays_of(blocks, f):
    return [f.arrays(f.everything(block)) for block in blocks]


def block_by_hand(given, framework):
    """The arrays of the block, by name, in the framework's order."""
    wide = given.scale.size
    first = {
        "first kernel": stored(given.first.kernel, framework),
        "first bias": given.first.bias,
        "scale": given.scale,
        "shift": given.shift,
    }
    statistics = {"mean": np.zeros(wide), "variance": np.ones(wide)}
    last = {
        "second kernel": stored(given.second.kernel, framework),
        "second bias": given.second.bias,
    }
    if framework == "pytorch":
        return {**first, **last, **statistics, "batches": np.zeros(())}
    return {**first, **statistics, **last}


def named_arrays(found, given, framework, count):
    """The arrays of so many blocks by name; raises `Unfit` where number or shapes are wrong."""
    layout = block_by_hand(given, framework)
    compare(found, [layout] * count, "Block", tolerance=np.inf)
    return [
        {name: one.astype(np.float64) for name, one in zip(layout, block, strict=True)}
        for block in found
    ]


def need_uniform(values, bound, what):
    largest, std = float(np.abs(values).max()), float(np.sqrt(np.mean(values**2)))
    error = np.sqrt(0.2 / values.size)  # of the standard deviation, relative
    if largest > bound * (1 + 1e-5) or abs(std / (bound / 3**0.5) - 1) > ERRORS * error:
        raise Unfit(
            f"{what}: expected uniform values within {bound:.4f}, of standard deviation "
            f"{bound / 3**0.5:.4f}; got values within {largest:.4f}, of standard deviation "
            f"{std:.4f}."
        )


@COPIES.shown
def shown_copies(given):
    shapes = ["→".join(map(str, part.kernel.shape)) for part in (given.first, given.second)]
    return f"dense {shapes[0]}, batch norm, (relu, dense {shapes[1]}); n = {given.n}"


class Copies(Aspect):
    def run(answer, given, f):
        return arrays_of(copies_of(answer, make_block(given, f), given, f), f)


ANEW, BUILD = "values drawn anew", "as many blocks, of the same build"


@COPIES.aspect(BUILD, 1)
class Build(Copies):
    "Return a list of n blocks with the layers of the one you were given."

    def judge(given, found, framework):
        for n, block in enumerate(named_arrays(found, given, framework, given.n)):
            for name in ("first kernel", "second kernel"):
                if not block[name].any():
                    return f"Block {n}, {name}: all numbers are zero."


@COPIES.aspect(ANEW, 2)
class DrawnAnew(Copies):
    hint = {
        "pytorch": "copy.deepcopy copies the values too. Reset every module of the copy that has "
        "reset_parameters, at every depth.",
        "tensorflow": "A copy has the values too, as has what set_weights writes. A layer made "
        "from the configuration draws its own.",
    }

    def judge(given, found, framework):
        blocks = {"the one you were given": block_by_hand(given, framework)}
        for n, block in enumerate(named_arrays(found, given, framework, given.n)):
            blocks[f"block {n}"] = block
        for kernel in ("first kernel", "second kernel"):
            for (one, a), (two, b) in combinations(blocks.items(), 2):
                if np.mean(np.isclose(a[kernel], b[kernel], rtol=1e-6, atol=0)) > 0.01:
                    return f"{kernel.capitalize()}: {one} and {two} have the same values."


@COPIES.aspect("by the layers' own rules", 2, after=ANEW)
class OwnRules(Copies):
    """Each layer knows how it starts: matrices by its default rule, a normalization with scale 1
    and shift 0. Do not draw all arrays from one distribution."""

    def judge(given, found, framework):
        blocks = named_arrays(found, given, framework, given.n)
        for part in ("first", "second"):
            inputs, outputs = given[part].kernel.shape
            pytorch = framework == "pytorch"
            bound = inputs**-0.5 if pytorch else (6 / (inputs + outputs)) ** 0.5
            kernels, biases = (
                np.stack([block[f"{part} {kind}"] for block in blocks])
                for kind in ("kernel", "bias")
            )
            need_uniform(kernels, bound, f"{part.capitalize()} kernel")
            if pytorch:
                need_uniform(biases, bound, f"{part.capitalize()} bias")
            else:
                compare(biases, np.zeros(biases.shape), f"{part.capitalize()} bias")
        for n, block in enumerate(blocks):
            for name, start in {"scale": 1, "shift": 0, "mean": 0, "variance": 1}.items():
                what = f"Block {n}, {name} of the normalization"
                compare(block[name], np.full(block[name].shape, start), what)


@COPIES.aspect("each for itself", 1, after=ANEW)
class EachForItself(Aspect):
    "Blocks must not share arrays, with one another or with the first."

    form = {"before": Any, "after": Any}

    def run(answer, given, f):
        block = make_block(given, f)
        first, *others = copies_of(answer, block, given, f)
        before = arrays_of(others, f)
        for array in f.everything(first):
            f.assign(array, np.full(tuple(array.shape), given.mark))
        return {"before": before, "after": arrays_of([*others, block], f)}

    def judge(given, found, framework):
        before = named_arrays(found["before"], given, framework, given.n - 1)
        *after, block = named_arrays(found["after"], given, framework, given.n)
        mark, said = np.float32(given.mark), "Numbers were written into block 0, and"
        for n, (old, new) in enumerate(zip(before, after, strict=True), start=1):
            for name, array in new.items():
                if not np.array_equal(old[name], array) or np.all(array == mark):
                    return f"{said} block {n} changed too: its {name}."
        for name, array in block.items():
            if np.all(array == mark):
                return f"{said} the block you were given changed too: its {name}."


@COPIES.aspect("the first stays as it is", 1, after=BUILD)
class FirstStays(Aspect):
    "The block that you were given may be trained. Reset the copies, not the block."

    what = "The block you were given, afterwards"

    def run(answer, given, f):
        block = make_block(given, f)
        copies_of(answer, block, given, f)
        return f.everything(block)

    expect = block_by_hand


# -- initialization.mixture --------------------------------------------------------------------


def initializer(answer, f):
    """In PyTorch a function that fills a tensor, in Keras a class of initializers."""
    if f.key == "pytorch":
        function(answer, f)
    else:
        need_class(answer, object, "keras.initializers.Initializer")


MIXTURE = question(
    "initialization.mixture",
    "An initializer of your own",
    takes=initializer,
    minutes=30,
    difficulty=2,
)


@MIXTURE.inputs
def draw_mixture(draw):
    low = draw.number(0.5, 4)
    high = round(low + draw.number(1, 5), 3)
    zeros = low / high
    while abs(zeros - low / high) < 0.2:  # it is not what cutting out the middle gives
        zeros = draw.number(0.1, 0.8)
    return {
        "low": low,
        "high": high,
        "zeros": zeros,
        "shape": [draw.integer(40, 60), draw.integer(3, 5), draw.integer(90, 120)],
        "small": draw.integers(30, 50, 2),
        "seeds": [int(seed) for seed in draw.rng.choice(10_000, 2, replace=False)],
    }


def mixture_of(given):
    return given.low, given.high, given.zeros


def drawn_by(answer, given, shape, f, dtype=None, **options):
    """A tensor of this shape that the answer drew; `options` say from which stream."""
    if f.key == "tensorflow":
        draw = answer(*mixture_of(given), **options)
        return draw(tuple(shape), **({"dtype": dtype} if dtype else {}))
    import torch

    tensor = torch.full(tuple(shape), torch.nan, dtype=getattr(torch, dtype or "float32"))
    answer(tensor, *mixture_of(given), **options)
    if bool(tensor.isnan().all()):
        raise WrongKind("The tensor that you were given is as it was: write the values into it.")
    return tensor


def stream(seed, f):
    """The option with which one draws from a stream that begins with this seed."""
    if f.key == "tensorflow":
        return {"seed": seed}
    import torch

    return {"generator": torch.Generator().manual_seed(seed)}


def need_share_of_zeros(values, given):
    share, zeros = float(np.mean(values == 0)), given.zeros
    if abs(share - zeros) > ERRORS * np.sqrt(zeros * (1 - zeros) / values.size):
        raise Unfit(f"Values: expected {zeros:.1%} zeros, got {share:.1%}.")
    need_independent(values, np.isfinite, zeros, zero)


def need_independent(values, among, share, what):
    """Whether neighbours along an axis that are both `among` these are alike by chance alone."""
    both = share**2
    variance = both * (1 - both) + 2 * share**3 * (1 - share)
    for axis in range(values.ndim):
        pair = [np.delete(values, end, axis) for end in (-1, 0)]
        first, second = (one[among(pair[0]) & among(pair[1])] for one in pair)
        found = float(np.mean(what(first) & what(second)))
        if abs(found - both) > ERRORS * np.sqrt(variance / first.size):
            raise Unfit(
                f"Each value is expected to be drawn by itself. Of neighbours along axis {axis}, "
                f"{both:.1%} are expected to be both {what.__name__}; got {found:.1%}."
            )


def zero(values):
    return values == 0


def positive(values):
    return values > 0


def need_sizes(values, given, what, slack=1e-6):
    """The sizes of the values that are not zero, which must lie between low and high."""
    sizes = np.abs(values[values != 0])
    low, high = given.low, given.high
    if not sizes.size:
        raise Unfit(f"{what}: every value is zero.")
    if sizes.min() < low - slack * high or sizes.max() > high + slack * high:
        raise Unfit(
            f"{what}: apart from zero, sizes between {low} and {high} are expected; they are "
            f"between {sizes.min():.4f} and {sizes.max():.4f}."
        )
    return sizes


def need_two_ranges(values, given):
    sizes, (low, high, _) = need_sizes(values, given, "Values"), mixture_of(given)
    share = float(np.mean(values[values != 0] > 0))
    if abs(share - 0.5) > ERRORS * 0.5 / np.sqrt(sizes.size):
        raise Unfit(
            f"Apart from zero, half of the values are expected to be positive; got {share:.1%}."
        )
    need_independent(values, lambda part: part != 0, 0.5, positive)
    for sign, name in ((1, "positive"), (-1, "negative")):
        part = np.sort(np.abs(values[values * sign > 0]))
        level = (part - low) / (high - low)  # uniform between 0 and 1
        off = np.abs(level - (np.arange(part.size) + 0.5) / part.size).max()
        if off * np.sqrt(part.size) > 3:  # Kolmogorov and Smirnov: beyond by chance 3e-8
            middle, quarter = float(np.median(part)), float(np.quantile(part, 0.25))
            raise Unfit(
                f"The sizes of the {name} values are not uniform between {low} and {high}: "
                f"expected a quarter below {low + (high - low) / 4:.3f} and half below "
                f"{(low + high) / 2:.3f}; got a quarter below {quarter:.3f} and half below "
                f"{middle:.3f}."
            )


def mixture_in_words(given, shape):
    return f"low={given.low}, high={given.high}, zeros={given.zeros}, shape {tuple(shape)}"


@MIXTURE.shown
def shown_small(given):
    return mixture_in_words(given, given.small)


class Samples(Aspect):
    form = np.ndarray

    def run(answer, given, f):
        return drawn_by(answer, given, given.shape, f)

    def shown(given):
        return mixture_in_words(given, given.shape)


ZEROS, RANGES = "the share of zeros", "the two ranges"


@MIXTURE.aspect(ZEROS, 1)
class ShareOfZeros(Samples):
    """A number that is uniform between 0 and 1 is below `zeros` with this probability. Draw such a
    number for each value."""

    def judge(given, found):
        need_share_of_zeros(numbers_of(found, given.shape, "Values"), given)


@MIXTURE.aspect(RANGES, 2)
class TwoRanges(Samples):
    """Sizes are uniform from low to high, and positive as often as negative, whatever their size.
    What is used up to decide on the sign cannot decide on the size too."""

    def judge(given, found):
        need_two_ranges(numbers_of(found, given.shape, "Values"), given)


@MIXTURE.aspect("every precision", 2, after=(ZEROS, RANGES))
class EveryPrecision(Aspect):
    hint = {
        "pytorch": "Fill the tensor that you were given, as it is: torch.rand without a dtype "
        "draws float32.",
        "tensorflow": "Draw in the dtype that was asked for, and use no constant of another one.",
    }
    form = {"float64": np.ndarray, "float16": np.ndarray}

    def run(answer, given, f):
        drawn = [drawn_by(answer, given, given.small, f, one) for one in ("float64", "float16")]
        names = [getattr(one.dtype, "name", str(one.dtype)) for one in drawn]
        return {name.removeprefix("torch."): one for name, one in zip(names, drawn, strict=True)}

    def judge(given, found):
        for name, slack in (("float64", 1e-6), ("float16", 2e-3)):
            what = f"Values of dtype {name}"
            values = numbers_of(found[name], given.small, what)
            need_sizes(values, given, what, slack)
        values = found["float64"][found["float64"] != 0]
        if np.mean(values.astype(np.float32) == values) > 0.5:
            return (
                "Values of dtype float64: they were drawn in float32, since rounding to float32 "
                "does not change them."
            )


@MIXTURE.aspect("repeatable", 2, after=(ZEROS, RANGES))
class RepeatableMixture(Aspect):
    hint = {
        "pytorch": "Hand the generator on to each function that draws, and leave the seed of "
        "PyTorch's own stream alone.",
        "tensorflow": "Hand self.seed on to keras.random. But two draws with one whole number as "
        "seed are one draw, twice: draw once, or take a keras.random.SeedGenerator(self.seed) for "
        "all draws of a call.",
    }

    def run(answer, given, f):
        one, other = given.seeds
        first, again, other = stream(one, f), stream(one, f), stream(other, f)
        small, options = given.small, {"first": first, "again": again, "other": other}
        found = {key: drawn_by(answer, given, small, f, **one) for key, one in options.items()}
        if f.key == "pytorch":
            found["next"] = drawn_by(answer, given, small, f, **first)
        found["large"] = drawn_by(answer, given, given.shape, f, **other)
        return {**found, "free": [drawn_by(answer, given, small, f) for _ in range(2)]}

    form = {"free": [np.ndarray, np.ndarray]}

    def judge(given, found, framework):
        def values(name):
            return numbers_of(found.get(name), given.small, "Values with a seed")

        first = values("first")
        if not np.array_equal(first, values("again")):
            return "Twice the same seed: expected the same values; they differ."
        if np.array_equal(first, values("other")):
            return "Two seeds: expected different values; they are equal."
        if framework == "pytorch" and np.array_equal(first, values("next")):
            return "Two draws from one generator: expected different values; they are equal."
        large = numbers_of(found.get("large"), given.shape, "Values with a seed")
        need_share_of_zeros(large, given)
        need_two_ranges(large, given)
        free = [numbers_of(one, given.small, "Values without a seed") for one in found["free"]]
        if np.array_equal(*free):
            return "Without a seed: expected different values; they are equal."

    def shown(given):
        return f"{shown_small(given)}, seeds {given.seeds}"


@MIXTURE.aspect("as the framework uses it", 1, after=(ZEROS, RANGES))
class Fits(Aspect):
    hint = {
        "pytorch": "Fill in place under torch.no_grad(), and return the tensor.",
        "tensorflow": "__call__(shape, dtype=None) returns a tensor, and get_config() a dictionary "
        "of everything that __init__ takes.",
    }
    form = {"values": np.ndarray, "same": [np.ndarray, np.ndarray]}

    def run(answer, given, f):
        settings, (rows, columns) = mixture_of(given), given.small
        if f.key == "tensorflow":
            made = type(f.waiting_dense(1))(columns, kernel_initializer=answer(*settings))
            made.build((None, rows))
            seed = given.seeds[0]
            saved = answer.from_config(answer(*settings, seed=seed).get_config())
            first = answer(*settings, seed=seed)((rows, columns))
            return {"values": made.kernel, "same": [saved((rows, columns)), first]}
        import torch

        made = torch.nn.Linear(columns, rows)
        weight = made.weight
        returned = answer(weight, *settings)
        plain = made.weight is weight and weight.is_leaf and weight.requires_grad
        trains = bool(plain and isinstance(weight, torch.nn.Parameter))
        return {"values": weight, "same": [returned, weight], "trains": trains}

    def judge(given, found, framework):
        values = numbers_of(found["values"], given.small, "Weights of a dense layer")
        need_sizes(values, given, "Weights of a dense layer")
        if framework == "pytorch" and found.get("trains") is not True:
            return "The layer's weight is expected to be the same trainable parameter."
        what = {
            "pytorch": "The tensor that was returned",
            "tensorflow": "Values of an object made by from_config from get_config()",
        }
        expected = numbers_of(found["same"][1], given.small, "Values")
        compare(found["same"][0], expected, what[framework])


# -- initialization.projections ----------------------------------------------------------------

PROJECTIONS = question(
    "initialization.projections", "The start of GPT-2", takes=function, minutes=30, difficulty=2
)
BEGIN = 0.02  # the standard deviation of GPT-2


@PROJECTIONS.inputs
def draw_projections(draw):
    def case(blocks, deep):
        narrow, wide = draw.integer(30, 40), draw.integer(110, 130)
        return {
            "narrow": narrow,
            "wide": wide,
            "words": draw.integer(80, 120),
            "scale": draw.uniform(0.5, 1.5, narrow),
            "shift": draw.data(narrow),
            "before": [draw.number(0.2, 0.9) for _ in range(2)],  # all weights, all biases
            "names": draw.words(blocks + 3),
            "deep": [one < deep for one in draw.shuffled(range(blocks))],
        }

    few, many = draw.integer(2, 3), draw.integer(5, 7)
    return {"nets": [case(few, 1), case(many, draw.integer(1, 2))]}


def residual_net(case, f):
    """The network, and its dense layers: others, and those that end a branch."""
    narrow, wide = case.narrow, case.wide
    weight, bias = case.before
    others, ends = [], []

    def dense(inputs, outputs, among):
        made = f.dense(np.full((inputs, outputs), weight), np.full(outputs, bias))
        among.append(made)
        return made

    def branch(deep):
        parts = {"up": dense(narrow, wide, others), "act": f.activation("relu")}
        parts["proj"] = dense(wide, narrow, ends)
        if deep:
            parts["inner"] = f.named(branch(False), "inner")
        return parts

    table, head, *names = case.names
    embedding = f.embedding(np.full((case.words, narrow), weight))
    normed = normalization(case.scale, case.shift, f)
    blocks = {
        name: f.named(branch(deep), name) for name, deep in zip(names, case.deep, strict=False)
    }
    last = {f"{head}_proj": dense(narrow, wide, others)}
    net = f.named({table: embedding, "proj": normed, **blocks, **last}, "net")
    if f.key == "tensorflow":
        net(f.tensor(np.zeros(2)))
    return net, embedding, normed, others, ends


def ends_of(case):
    return len(case.deep) + sum(case.deep)


def same_objects(held, found):
    """Whether the trainable parameters are the objects that they were before."""
    return [len(one) for one in held] == [len(one) for one in found] and all(
        a is b for one, two in zip(held, found, strict=True) for a, b in zip(one, two, strict=True)
    )


OTHERS_HELD = (
    "The dense layers are expected to have the trainable parameters that they had: an optimizer "
    "holds those objects."
)


class Projections(Aspect):
    form = {"others": [np.ndarray], "ends": [np.ndarray], "table": np.ndarray}

    def run(answer, case, f):
        net, embedding, normed, others, ends = residual_net(case, f)
        held = [f.registered(one) for one in (*others, *ends)]
        answer(net)
        kernels = [[f.dense_values(one)[0] for one in group] for group in (others, ends)]
        return {
            "others": kernels[0],
            "ends": kernels[1],
            "table": f.everything(embedding)[0],
            "biases": [f.dense_values(one)[1] for one in (*others, *ends)],
            "normalization": f.registered(normed),
            "same": same_objects(held, [f.registered(one) for one in (*others, *ends)]),
        }

    def shown(case):
        return (
            f"a network of {len(case.deep)} blocks with {ends_of(case)} dense layers named proj, a "
            f"normalization named proj, and a head named {case.names[1]}_proj"
        )


def need_start(values, shape, std, what):
    values = numbers_of(values, shape, what)
    if np.ptp(values) == 0:
        raise Unfit(f"{what}: all are {values.flat[0]:.3f}.")
    found = float(np.sqrt(np.mean(values**2)))
    if abs(float(values.mean())) > ERRORS * std / np.sqrt(values.size):
        raise Unfit(f"{what}: expected mean 0, got {values.mean():.4f}.")
    if abs(found / std - 1) > ERRORS / np.sqrt(2 * values.size):
        raise Unfit(f"{what}: expected standard deviation {std:.4f}, got {found:.4f}.")
    if np.abs(values).max() < 2 * std:
        raise Unfit(
            f"{what}: normally distributed values are expected, some of them beyond {2 * std:.4f}; "
            f"got none beyond {np.abs(values).max():.4f}."
        )


def kernel_groups(case, found):
    """The kernels of other layers and of projections, if there are as many as made."""
    others, ends = found["others"], found["ends"]
    if len(others) != ends_of(case) + 1 or len(ends) != ends_of(case):
        raise Unfit("The network has other dense layers than before.")
    return others, ends


@PROJECTIONS.aspect("layers and table", 2, over="nets")
class LayersAndTable(Projections):
    """Which layers have a matrix that is drawn? The embedding is one of them. A name that only
    contains proj is another name."""

    def judge(case, found):
        up, head = (case.narrow, case.wide), "Weights of the head"
        others, _ = kernel_groups(case, found)
        for kernel in others[:-1]:
            need_start(kernel, up, BEGIN, "Weights of a layer named up")
        need_start(others[-1], up, BEGIN, head)
        need_start(found["table"], (case.words, case.narrow), BEGIN, "Table of the embedding")


PROJECTED = "residual projections"


@PROJECTIONS.aspect(PROJECTED, 2, over="nets")
class ResidualProjections(Projections):
    """Each projection adds a variance to the sum. How many are there in this network, at every
    depth?"""

    code = {
        "pytorch": 'name.split(".")[-1] == "proj"',
        "tensorflow": 'layer.name == "proj"',
    }

    def judge(case, found):
        _, ends = kernel_groups(case, found)
        for kernel in ends:
            std = BEGIN / math.sqrt(ends_of(case))
            need_start(kernel, (case.wide, case.narrow), std, "Weights of a layer named proj")
        for one, two in combinations(ends, 2):
            if np.mean(one == two) > 0.01:
                return "Two layers named proj start with the same weights."


@PROJECTIONS.aspect("biases", 1, over="nets", part="biases", after=PROJECTED)
class BiasesOfAll(Projections):
    "The biases of all dense layers become zero."

    def expect(case):
        narrow, wide = np.zeros(case.narrow), np.zeros(case.wide)
        return {"biases": [wide] * (ends_of(case) + 1) + [narrow] * ends_of(case)}


@PROJECTIONS.aspect("the normalization", 1, over="nets", part="normalization", after=PROJECTED)
class NormalizationStays(Projections):
    "Select layers by their type. The normalization keeps its scale and its shift."

    def expect(case):
        return {"normalization": [case.scale, case.shift]}


@PROJECTIONS.aspect("into the same arrays", 1, over="nets", after=PROJECTED)
class SameArraysHeld(Projections):
    "An optimizer may hold the parameters already, so write into them."

    form = {"same": bool}

    def judge(case, found):
        if not found["same"]:
            return OTHERS_HELD


# -- initialization.lsuv -----------------------------------------------------------------------

LSUV = question(
    "initialization.lsuv", "Scaled by the data", takes=function, minutes=120, difficulty=3
)


@LSUV.inputs
def draw_lsuv(draw):
    def case(activations, training):
        inputs, wide = draw.distinct(12, 29, 2)
        scale, shift = draw.uniform(0.5, 1.5, wide), draw.data(wide)
        mean, variance = draw.data(wide), draw.uniform(0.5, 4, wide)
        return {
            "first": draw.dense(inputs, wide),
            "square": [draw.dense(wide, wide) for _ in range(2)],
            # The mean of many outputs is near 0, where a mean square passes for a variance.
            "last": draw.dense(wide, 1),
            "scale": scale,
            "shift": shift,
            "mean": mean,
            "variance": variance,
            "activations": activations,
            "training": training,
            "x": draw.number(3, 8) * draw.data(draw.integer(150, 200), inputs) + draw.number(1, 3),
            "names": draw.words(11),
        }

    return {
        "nets": [
            case(draw.shuffled(["relu", "tanh", "sigmoid"]), True),
            case(draw.shuffled(["tanh", "relu", "relu"]), False),
        ]
    }


def net_for_lsuv(case, f):
    """dense, norm, act, (dense, act, (dense, act)), dropout, dense: the network, its dense layers,
    and its normalization."""
    dense = [f.dense(**case.first), *(f.dense(**one) for one in case.square), f.dense(**case.last)]
    norm = normalization(case.scale, case.shift, f)
    for array, values in zip(f.everything(norm)[2:4], (case.mean, case.variance), strict=True):
        f.assign(array, values)
    acts = [f.activation(name) for name in case.activations]
    names = case.names
    if f.key == "pytorch":
        from torch import nn

        dropout = nn.Dropout(0.5)
    else:
        import keras

        dropout = keras.layers.Dropout(0.5)
    inner = f.named({names[0]: dense[2], names[1]: acts[2]}, names[2])
    block = f.named({names[3]: dense[1], names[4]: acts[1], names[2]: inner}, names[5])
    parts = {names[6]: dense[0], names[7]: norm, names[8]: acts[0], names[5]: block}
    net = f.named({**parts, names[9]: dropout, names[10]: dense[3]}, "net")
    if f.key == "pytorch":
        net.train(case.training)
    else:
        net(f.tensor(case.x[:2]))
    return net, dense, norm


DENSE = [np.ndarray, np.ndarray]


class Lsuv(Aspect):
    form = {"dense": [DENSE, DENSE, DENSE, DENSE]}

    def run(answer, case, f):
        net, dense, norm = net_for_lsuv(case, f)
        held = [f.registered(one) for one in dense]
        x = f.tensor(case.x)
        answer(net, x)
        return {
            "dense": [f.dense_values(one) for one in dense],
            "norm": f.everything(norm)[:4],
            "x": x,
            "same": same_objects(held, [f.registered(one) for one in dense]),
            "training": [bool(one.training) for one in net.modules()] if f.key == "pytorch" else [],
        }

    def shown(case):
        acts = ", ".join(case.activations)
        mode = "training" if case.training else "evaluation"
        return f"activations {acts}; X of shape {case.x.shape}; PyTorch: {mode} mode"


def dense_of(case, found):
    """Kernels and biases in double precision, if their shapes are right."""
    shapes = [one.kernel.shape for one in (case.first, *case.square, case.last)]
    return [
        (
            numbers_of(kernel, shape, f"Weights of dense layer {n}"),
            numbers_of(bias, shape[1:], f"Bias of dense layer {n}"),
        )
        for n, ((kernel, bias), shape) in enumerate(zip(found["dense"], shapes, strict=True))
    ]


UNIT, ORTHOGONAL = "standard deviation 1", "orthogonal weights"


@LSUV.aspect(UNIT, 3, over="nets")
class UnitVariance(Lsuv):
    """A layer must see what the layers before it give with their new weights and no biases, in
    evaluation mode: dropout is off, and the normalization uses its stored statistics."""

    code = {"pytorch": "layer.weight /= layer(X).std()", "tensorflow": "X = layer(X)"}

    def judge(case, found, framework):
        epsilon = 1e-5 if framework == "pytorch" else 1e-3
        x = case.x
        for n, (kernel, bias) in enumerate(dense_of(case, found)):
            x = x @ kernel + bias
            if not abs(x.std() - 1) < 0.01:
                return (
                    f"Dense layer {n}: expected outputs of standard deviation 1 for X, got "
                    f"{x.std():.3f}."
                )
            if n == 0:
                x = (x - case.mean) / np.sqrt(case.variance + epsilon) * case.scale + case.shift
            if n < 3:
                x = ACTIVATIONS[case.activations[n]](x)


@LSUV.aspect(ORTHOGONAL, 2, over="nets")
class OrthogonalWeights(Lsuv):
    """Rows or columns, whichever are fewer, are orthogonal to each other and of equal length. The
    product of the matrix with its transpose, in one order, is then a multiple of the identity."""

    code = {
        "pytorch": "nn.init.orthogonal_(layer.weight)",
        "tensorflow": "keras.initializers.Orthogonal()(layer.kernel.shape)",
    }

    def judge(case, found):
        kernels = [kernel for kernel, _ in dense_of(case, found)]
        for n, kernel in enumerate(kernels):
            tall = kernel if kernel.shape[0] >= kernel.shape[1] else kernel.T
            product = tall.T @ tall
            size = float(np.trace(product)) / len(product)
            if not size > 0 or abs(product - size * np.eye(len(product))).max() > 1e-3 * size:
                return f"Dense layer {n}: rows and columns of its weights are not orthogonal."
            if np.mean(kernel == 0) > 0.5:
                return f"Dense layer {n}: most weights are zero; draw a random orthogonal matrix."
        one, two = (kernel / np.linalg.norm(kernel) for kernel in kernels[1:3])
        if np.mean(np.isclose(one, two, rtol=1e-3, atol=0)) > 0.05:
            return "Dense layers 1 and 2 have the same shape and start with the same weights."


@LSUV.aspect("biases and the rest", 1, over="nets", after=(UNIT, ORTHOGONAL))
class RestOfLsuv(Lsuv):
    "Biases become zero. The normalization, its statistics included, and X stay as they are."

    expect = None
    form = {**Lsuv.form, "norm": [np.ndarray] * 4, "x": np.ndarray}

    def judge(case, found):
        for n, (_, bias) in enumerate(dense_of(case, found)):
            compare(bias, np.zeros(bias.shape), f"Bias of dense layer {n}")
        names = ("scale", "shift", "mean", "variance")
        for name, array in zip(names, found["norm"], strict=True):
            compare(array, case[name], f"The {name} of the normalization")
        compare(found["x"], case.x, "X, afterwards")


@LSUV.aspect("drawn anew", 1, over="nets", after=(UNIT, ORTHOGONAL))
class DrawnAnewEachTime(Aspect):
    "Two networks of one build start with different weights."

    form = {"one": np.ndarray, "two": np.ndarray}

    def run(answer, case, f):
        found = {}
        for name in ("one", "two"):
            net, dense, _ = net_for_lsuv(case, f)
            answer(net, f.tensor(case.x))
            found[name] = f.dense_values(dense[1])[0]
        return found

    def judge(case, found):
        one, two = (numbers_of(found[n], case.square[0].kernel.shape, "Weights") for n in found)
        if np.mean(np.isclose(one, two, rtol=1e-3, atol=0)) > 0.05:
            return "Two networks start with the same weights."

    def shown(case):
        return f"two networks of one build; X of shape {case.x.shape}"


@LSUV.aspect("as it was handed over", 1, over="nets", after=(UNIT, ORTHOGONAL))
class AsHandedOver(Lsuv):
    hint = {
        "pytorch": "Write into the parameters that are there, leave them trainable, and give every "
        "module its mode back.",
        "tensorflow": "Write into the variables that are there, and leave them trainable.",
    }
    form = {"same": bool, "training": [bool]}

    def judge(case, found, framework):
        if not found["same"]:
            return OTHERS_HELD
        if framework == "pytorch" and set(found["training"]) != {case.training}:
            return f"Every module is expected to have training = {case.training} again."
