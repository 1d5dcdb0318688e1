"""Questions of the chapter *Initialization*.

A random answer is judged by its statistics. The bounds are six standard errors wide, so that a
right answer is refused less than once in ten million times.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import Any

import numpy as np
from d2lexercises.frameworks import ACTIVATIONS
from d2lexercises.kinds import need_class
from d2lexercises.networks import normalization, stored
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


# -- initialization.mixture --------------------------------------------------------------------


def initializer(answer, f):
    """In PyTorch a function that fills a tensor, in Keras a class of initializers."""
    if f.key == "pytorch":
        function(answer, f)
    else:
        need_class(answer, object, "keras.initializers.Initializer")


MIXTURE = question("initialization.mixture", "An initializer of your own", takes=initializer)


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
    positive = float(np.mean(values[values != 0] > 0))
    if abs(positive - 0.5) > ERRORS * 0.5 / np.sqrt(sizes.size):
        raise Unfit(
            f"Apart from zero, half of the values are expected to be positive; got {positive:.1%}."
        )
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
    "A number that is uniform between 0 and 1 is below `zeros` with this probability."

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


# -- initialization.by-type --------------------------------------------------------------------

BY_TYPE = question("initialization.by-type", "He for the dense ones", takes=function)


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

        a, b, c, d, e, act, g, h = given.names
        blocks = {e: inner, act: f.activation("relu"), "act": derived, g: f.named({h: deep}, g)}
        net = f.named({a: table, b: first, c: norm, d: f.named(blocks, d)}, "net")
        if f.key == "tensorflow":
            net(f.tensor(np.zeros(2)))
        layers = {"first": first, "inner": inner, "derived": derived, "deep": deep}
        held = {name: f.registered(one) for name, one in layers.items()}
        answer(net)
        now = {name: f.dense_values(one) for name, one in layers.items()}
        return {
            "weights": {name: values[0] for name, values in now.items()},
            "biases": [[*values, None][1] for values in now.values()],
            "other layers": [*f.everything(table), *f.registered(norm)],
            "held": held,
            "found": {name: f.registered(one) for name, one in layers.items()},
        }

    def expect(given):
        narrow, wide = given.narrow, given.wide
        biases = {"first": wide, "inner": narrow, "derived": wide, "deep": narrow}
        return {
            "biases": {PLACES[name]: np.zeros(size) for name, size in biases.items()},
            "other layers": {
                "table of an embedding": given.table,
                "scale of a batch normalization": given.scale,
                "shift of a batch normalization": given.shift,
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
        "pytorch": "The variance is two divided by the fan-in, the second dimension of weight. "
        "apply and modules() reach every depth, children() does not.",
        "tensorflow": "The variance is two divided by the fan-in, the first dimension of kernel. A "
        "Sequential in a Sequential has layers of its own: go down into them. An initializer "
        "handed to a layer that is built comes too late: assign.",
    }

    def judge(given, found):
        for name in ("first", "inner", "deep"):
            need_he(given, found, name)


@BY_TYPE.aspect("derived classes", 1)
class DerivedClasses(Weights):
    "Ask isinstance. A comparison with type(...) misses derived classes."

    def judge(given, found):
        need_he(given, found, "derived")


@BY_TYPE.aspect("biases", 1, part="biases", after=EVERY)
class Biases(ByType):
    "The biases of all dense layers become zero."


@BY_TYPE.aspect("nothing else changes", 2, part="other layers", after=EVERY)
class NothingElse(ByType):
    """Names and shapes hit other layers too: a normalization has a scale, an embedding a matrix.
    Ask for the type of the layer."""


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


# -- initialization.spread ---------------------------------------------------------------------

SPREAD = question("initialization.spread", "A rule for any activation", takes=function)


@SPREAD.inputs
def draw_spread(draw):
    def lines(beside_zero):
        sign = float(draw.choice([-1, 1]))
        slopes = draw.number(0.3, 1.5), draw.number(0.3, 1.5)
        offset = sign * draw.number(0.5, 1.5) if beside_zero else 0.0
        return {"lines": [*slopes, offset], "n": draw.integer(20, 900)}

    def curve(kind, inner=(0.5, 3)):
        factors = [draw.number(0.5, 3), draw.number(*inner)]
        return {"kind": kind, "factors": factors, "n": draw.integer(20, 900)}

    return {
        "lines": [lines(False) for _ in range(3)],
        "offset": [lines(True) for _ in range(3)],
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
        return float(f.array(found)) if hasattr(found, "numpy") else float(found)

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
    """For z from a standard normal distribution, find the mean square of activation(z). He's rule
    is the case in which it is one half."""


@SPREAD.aspect("lines beside zero", 2, over="offset")
class LinesBesideZero(Spread):
    """What a layer multiplies is the mean square of its input, which is not the variance where the
    mean is not zero."""


@SPREAD.aspect("curves", 2, over="curves")
class Curves(Spread):
    """Evaluate the function at many samples of z, at all of their range, and take some hundred
    thousand of them."""


# -- initialization.copies ---------------------------------------------------------------------

COPIES = question("initialization.copies", "Many out of one", takes=function)


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
