"""Questions of the chapter *Initialization*.

A random answer is judged by its statistics. The bounds are six standard errors wide, so that a
right answer is refused less than once in ten million times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, islice
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import ACTIVATIONS, Framework, Layer
from d2lcompute.checks.networks import dense, integer, word
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    error_in,
    judge_by,
    need_class,
    need_function,
    same_array,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]

ERRORS = 6.0  # standard errors that an estimate may be off


def _numbers(found: Any, shape: Sequence[int], what: str, shown: str) -> np.ndarray:
    """`found` as an array of this shape in double precision; raises `Unfit` otherwise."""
    same_array(found, np.zeros(tuple(shape)), what, shown, tolerance=np.inf)
    return np.asarray(found, np.float64)


def _drawn(rng: np.random.Generator, low: float, high: float, digits: int = 3) -> float:
    return round(float(rng.uniform(low, high)), digits)


# -- initialization.mixture --------------------------------------------------------------------


def _mixture_inputs(rng: np.random.Generator) -> Inputs:
    low = _drawn(rng, 0.5, 4)
    high = round(low + _drawn(rng, 1, 5), 3)
    zeros = low / high
    while abs(zeros - low / high) < 0.2:  # it is not what cutting out the middle gives
        zeros = _drawn(rng, 0.1, 0.8)
    return {
        "low": low,
        "high": high,
        "zeros": zeros,
        "shape": [integer(rng, 40, 60), integer(rng, 3, 5), integer(rng, 90, 120)],
        "small": [integer(rng, 30, 50), integer(rng, 30, 50)],
        "seeds": [int(seed) for seed in rng.choice(10_000, 2, replace=False)],
    }


def _mixture_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    run = _with_tensors if framework.key == "pytorch" else _with_shapes
    return run(answer, inputs, framework)


def _with_tensors(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    """PyTorch: a function that fills a tensor in place."""
    import torch

    need_function(answer)
    settings = [inputs[name] for name in ("low", "high", "zeros")]
    small = inputs["small"]

    def draw(shape: Sequence[int], dtype: Any = torch.float32, **options: Any) -> np.ndarray:
        tensor = torch.full(tuple(shape), torch.nan, dtype=dtype)
        answer(tensor, *settings, **options)
        if bool(tensor.isnan().all()):
            raise WrongKind(
                "The tensor that you were given is as it was: write the values into it."
            )
        return framework.array(tensor)

    def dtypes() -> Any:
        return {
            str(dtype).removeprefix("torch."): draw(small, dtype)
            for dtype in (torch.float64, torch.float16)
        }

    def seeds() -> Any:
        first, again, other = (
            torch.Generator().manual_seed(seed) for seed in (inputs["seeds"][0], *inputs["seeds"])
        )
        return {
            "first": draw(small, generator=first),
            "again": draw(small, generator=again),
            "other": draw(small, generator=other),
            "next": draw(small, generator=first),
            "large": draw(inputs["shape"], generator=again),
            "free": [draw(small), draw(small)],
        }

    def fits() -> Any:
        layer = torch.nn.Linear(small[1], small[0])
        weight = layer.weight
        given = answer(weight, *settings)
        plain = layer.weight is weight and weight.is_leaf and weight.requires_grad
        return {
            "values": framework.array(weight),
            "returned": framework.array(given),
            "trains": bool(plain and isinstance(weight, torch.nn.Parameter)),
        }

    return {
        "samples": attempt(lambda: draw(inputs["shape"])),
        "dtypes": attempt(dtypes),
        "seeds": attempt(seeds),
        "fits": attempt(fits),
    }


def _with_shapes(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    """Keras: a class whose objects return a tensor for a shape and a dtype."""
    need_class(answer, object, "keras.initializers.Initializer")
    settings = [inputs[name] for name in ("low", "high", "zeros")]
    small = tuple(inputs["small"])
    one, two = inputs["seeds"]

    def make(seed: int | None = None) -> Any:
        return answer(*settings) if seed is None else answer(*settings, seed=seed)

    def dtypes() -> Any:
        found = {}
        for name in ("float64", "float16"):
            tensor = make()(small, dtype=name)
            found[tensor.dtype.name] = framework.array(tensor)
        return found

    def seeds() -> Any:
        return {
            "first": framework.array(make(one)(small)),
            "again": framework.array(make(one)(small)),
            "other": framework.array(make(two)(small)),
            "large": framework.array(make(two)(tuple(inputs["shape"]))),
            "free": [framework.array(make()(small)) for _ in range(2)],
        }

    def fits() -> Any:
        kind = type(framework.waiting_dense(1))
        layer = kind(small[1], kernel_initializer=make())
        layer.build((None, small[0]))
        saved = answer.from_config(make(one).get_config())
        return {
            "values": framework.array(layer.kernel),
            "saved": framework.array(saved(small)),
            "first": framework.array(make(one)(small)),
        }

    return {
        "samples": attempt(lambda: framework.array(make()(tuple(inputs["shape"])))),
        "dtypes": attempt(dtypes),
        "seeds": attempt(seeds),
        "fits": attempt(fits),
    }


def _mixture_text(inputs: Mapping[str, Any], shape: Sequence[int]) -> str:
    settings = ", ".join(f"{name}={inputs[name]}" for name in ("low", "high", "zeros"))
    return f"{settings}, shape {tuple(shape)}"


def _share_of_zeros(values: np.ndarray, inputs: Mapping[str, Any], what: str, shown: str) -> None:
    share, zeros = float(np.mean(values == 0)), inputs["zeros"]
    if abs(share - zeros) > ERRORS * np.sqrt(zeros * (1 - zeros) / values.size):
        raise Unfit(f"{what}: expected {zeros:.1%} zeros, got {share:.1%}.\nInput: {shown}")


def _within(
    values: np.ndarray, inputs: Mapping[str, Any], what: str, shown: str, slack: float = 1e-6
) -> np.ndarray:
    """The sizes of the values that are not zero, which must lie between low and high."""
    sizes = np.abs(values[values != 0])
    low, high = inputs["low"], inputs["high"]
    if not sizes.size:
        raise Unfit(f"{what}: every value is zero.\nInput: {shown}")
    if sizes.min() < low - slack * high or sizes.max() > high + slack * high:
        raise Unfit(
            f"{what}: apart from zero, sizes between {low} and {high} are expected; they are "
            f"between {sizes.min():.4f} and {sizes.max():.4f}.\nInput: {shown}"
        )
    return sizes


def _mixture_zeros(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = _mixture_text(inputs, inputs["shape"])
    values = _numbers(found, inputs["shape"], "Values", shown)
    _share_of_zeros(values, inputs, "Values", shown)


def _mixture_ranges(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = _mixture_text(inputs, inputs["shape"])
    _two_ranges(_numbers(found, inputs["shape"], "Values", shown), inputs, shown)


def _two_ranges(values: np.ndarray, inputs: Mapping[str, Any], shown: str) -> None:
    sizes = _within(values, inputs, "Values", shown)
    positive = float(np.mean(values[values != 0] > 0))
    if abs(positive - 0.5) > ERRORS * 0.5 / np.sqrt(sizes.size):
        raise Unfit(
            "Apart from zero, half of the values are expected to be positive; got "
            f"{positive:.1%}.\nInput: {shown}"
        )
    low, high = inputs["low"], inputs["high"]
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
                f"{middle:.3f}.\nInput: {shown}"
            )


def _mixture_dtypes(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = _mixture_text(inputs, inputs["small"])
    names = ("float64", "float16")
    if not isinstance(found, dict) or sorted(found) != sorted(names):
        got = sorted(found) if isinstance(found, dict) else "nothing"
        raise Unfit(f"Values of dtype {' and '.join(names)} are expected, got {got}.")
    for name in names:
        what = f"Values of dtype {name}"
        values = _numbers(found[name], inputs["small"], what, shown)
        slack = 2e-3 if name == "float16" else 1e-6
        _within(values, inputs, what, shown, slack)
        rounded = values.astype(np.float32).astype(np.float64)
        if name == "float64" and np.mean(rounded[values != 0] == values[values != 0]) > 0.5:
            raise Unfit(
                f"{what}: they were drawn in float32, since rounding to float32 does not change "
                f"them.\nInput: {shown}"
            )


def _mixture_seeds(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    shown = f"{_mixture_text(inputs, inputs['small'])}, seeds {inputs['seeds']}"
    if not isinstance(found, dict):
        raise Unfit("Values drawn with seeds are expected.")

    def values(name: str) -> np.ndarray:
        return _numbers(found.get(name), inputs["small"], "Values with a seed", shown)

    first = values("first")
    if not np.array_equal(first, values("again")):
        raise Unfit(f"Twice the same seed: expected the same values; they differ.\nInput: {shown}")
    if np.array_equal(first, values("other")):
        raise Unfit(f"Two seeds: expected different values; they are equal.\nInput: {shown}")
    if framework == "pytorch" and np.array_equal(first, values("next")):
        raise Unfit(
            f"Two draws from one generator: expected different values; they are equal.\nInput: "
            f"{shown}"
        )
    seeded = f"{_mixture_text(inputs, inputs['shape'])}, with a seed"
    large = _numbers(found.get("large"), inputs["shape"], "Values", seeded)
    _share_of_zeros(large, inputs, "Values", seeded)
    _two_ranges(large, inputs, seeded)
    free = found.get("free")
    if not isinstance(free, list) or len(free) != 2:
        raise Unfit("Two arrays drawn without a seed are expected.")
    pair = [_numbers(one, inputs["small"], "Values without a seed", shown) for one in free]
    if np.array_equal(*pair):
        raise Unfit(f"Without a seed: expected different values; they are equal.\nInput: {shown}")


def _mixture_fits(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    shown = _mixture_text(inputs, inputs["small"])
    if not isinstance(found, dict):
        raise Unfit("The values of a layer are expected.")
    what = "Weights of a dense layer"
    values = _numbers(found.get("values"), inputs["small"], what, shown)
    _within(values, inputs, what, shown)
    if framework == "pytorch":
        if found.get("trains") is not True:
            raise Unfit("The layer's weight is expected to be the same trainable parameter.")
        same_array(found.get("returned"), values, "The tensor that was returned", shown)
        return
    same_array(found.get("saved"), _numbers(found.get("first"), inputs["small"], what, shown),
               "Values of an object made by from_config from get_config()", shown)  # fmt: skip


_ZEROS, _RANGES = "the share of zeros", "the two ranges"

MIXTURE = Question(
    name="initialization.mixture",
    title="An initializer of your own",
    points=8,
    inputs=_mixture_inputs,
    probe=_mixture_probe,
    judge=judge_by(
        Aspect(
            _ZEROS,
            1,
            "samples",
            _mixture_zeros,
            hint="A number that is uniform between 0 and 1 is below `zeros` with this probability.",
        ),
        Aspect(
            _RANGES,
            2,
            "samples",
            _mixture_ranges,
            hint="Sizes are uniform from low to high, and positive as often as negative, whatever "
            "their size. What is used up to decide on the sign cannot decide on the size too.",
        ),
        Aspect(
            "every precision",
            2,
            "dtypes",
            _mixture_dtypes,
            hints={
                "pytorch": "Fill the tensor that you were given, as it is: torch.rand without a "
                "dtype draws float32.",
                "tensorflow": "Draw in the dtype that was asked for, and use no constant of "
                "another one.",
            },
            needs=(_ZEROS, _RANGES),
        ),
        Aspect(
            "repeatable",
            2,
            "seeds",
            _mixture_seeds,
            hints={
                "pytorch": "Hand the generator on to each function that draws, and leave the seed "
                "of PyTorch's own stream alone.",
                "tensorflow": "Hand self.seed on to keras.random. But two draws with one whole "
                "number as seed are one draw, twice: draw once, or take a "
                "keras.random.SeedGenerator(self.seed) for all draws of a call.",
            },
            needs=(_ZEROS, _RANGES),
        ),
        Aspect(
            "as the framework uses it",
            1,
            "fits",
            _mixture_fits,
            hints={
                "pytorch": "Fill in place under torch.no_grad(), and return the tensor.",
                "tensorflow": "__call__(shape, dtype=None) returns a tensor, and get_config() a "
                "dictionary of everything that __init__ takes.",
            },
            needs=(_ZEROS, _RANGES),
        ),
    ),
    version="2",
)


# -- initialization.by-type --------------------------------------------------------------------


def _by_type_inputs(rng: np.random.Generator) -> Inputs:
    narrow, wide = integer(rng, 30, 40), integer(rng, 110, 130)
    return {
        "narrow": narrow,
        "wide": wide,
        "table": rng.normal(size=(integer(rng, 3, 6), narrow)).astype(np.float32),
        "scale": rng.uniform(0.5, 1.5, wide).astype(np.float32),
        "shift": rng.normal(size=wide).astype(np.float32),
        "before": [_drawn(rng, 0.2, 0.9) for _ in range(2)],  # all weights, all biases
        "names": [word(rng) for _ in range(8)],
    }


def _derived(layer: Layer, pytorch: bool) -> Layer:
    """A layer of a class derived from that of `layer`, with its shape."""
    kind = type("Derived", (type(layer),), {})
    if pytorch:
        return kind(layer.in_features, layer.out_features)
    new = kind(layer.units)
    new.build((None, int(layer.kernel.shape[0])))
    return new


def _by_type_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    narrow, wide = inputs["narrow"], inputs["wide"]
    weight, bias = inputs["before"]

    def constant(n: int, m: int) -> Layer:
        return framework.dense(np.full((n, m), weight), np.full(m, bias))

    first, inner, deep = constant(narrow, wide), constant(wide, narrow), constant(wide, narrow)
    derived = _derived(first, framework.key == "pytorch")
    framework.set_dense(derived, np.full((narrow, wide), weight), np.full(wide, bias))
    norm = framework.normalization(wide)
    for parameter, name in zip(framework.registered(norm), ("scale", "shift"), strict=True):
        framework.assign(parameter, inputs[name])
    table = framework.embedding(inputs["table"])

    a, b, c, d, e, f, g, h = inputs["names"]
    bottom = framework.named({h: deep}, g)
    blocks = {e: inner, f: framework.activation("relu"), "act": derived, g: bottom}
    net = framework.named({a: table, b: first, c: norm, d: framework.named(blocks, d)}, "net")
    if framework.key == "tensorflow":
        net(framework.tensor(np.zeros(2)))
    dense_layers = {"first": first, "inner": inner, "derived": derived, "deep": deep}
    held = {name: framework.registered(layer) for name, layer in dense_layers.items()}

    outcome = attempt(lambda: answer(net))
    if error_in(outcome) is not None:
        return outcome
    now = {name: framework.dense_values(layer) for name, layer in dense_layers.items()}
    return {
        "kernels": {name: values[0] for name, values in now.items()},
        "biases": [values[1] if len(values) > 1 else None for values in now.values()],
        "others": framework.arrays([*framework.everything(table), *framework.registered(norm)]),
        "held": {
            name: {
                "before": framework.arrays(held[name]),
                "now": framework.arrays(framework.registered(layer)),
            }
            for name, layer in dense_layers.items()
        },
    }


_PLACES = {
    "first": "a dense layer of net",
    "inner": "a dense layer inside a block",
    "deep": "a dense layer two blocks deep",
    "derived": "a layer of a class derived from the dense one",
}


def _by_type_shape(inputs: Mapping[str, Any], name: str) -> tuple[int, int]:
    narrow, wide = inputs["narrow"], inputs["wide"]
    return (narrow, wide) if name in ("first", "derived") else (wide, narrow)


def _is_he(found: Any, shape: tuple[int, int], where: str) -> None:
    shown = f"{where}, {shape[0]} inputs and {shape[1]} outputs"
    values = _numbers(found, shape, "Weights", shown)
    if np.ptp(values) == 0:
        raise Unfit(f"Weights: all are {values.flat[0]:.3f}.\nInput: {shown}")
    expected = np.sqrt(2 / shape[0])
    mean, std = float(values.mean()), float(np.sqrt(np.mean(values**2)))
    if abs(mean) > ERRORS * expected / np.sqrt(values.size):
        raise Unfit(f"Weights: expected mean 0, got {mean:.4f}.\nInput: {shown}")
    if abs(std / expected - 1) > ERRORS / np.sqrt(2 * values.size):
        raise Unfit(
            f"Weights: expected standard deviation {expected:.4f}, got {std:.4f}.\nInput: {shown}"
        )


def _by_type_kernels(*names: str) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        if not isinstance(found, dict):
            raise Unfit("The weights of four layers are expected.")
        for name in names:
            _is_he(found.get(name), _by_type_shape(inputs, name), _PLACES[name])

    return compare


def _by_type_biases(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != len(_PLACES):
        raise Unfit("The biases of four layers are expected.")
    for name, one in zip(("first", "inner", "derived", "deep"), found, strict=True):
        same_array(one, np.zeros(_by_type_shape(inputs, name)[1]), "Bias", _PLACES[name])


def _by_type_others(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != 3:
        raise Unfit("The arrays of an embedding and of a normalization are expected.")
    names = {
        "table": "Table of an embedding",
        "scale": "Scale of a batch normalization",
        "shift": "Shift of a batch normalization",
    }
    for one, (name, what) in zip(found, names.items(), strict=True):
        same_array(one, inputs[name], what, "a layer of net that is not dense")


def _by_type_twins(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The weights of four layers are expected.")
    for one, two in (("first", "derived"), ("inner", "deep")):
        shape = _by_type_shape(inputs, one)
        pair = [_numbers(found.get(name), shape, "Weights", _PLACES[name]) for name in (one, two)]
        if np.mean(pair[0] == pair[1]) > 0.01:
            raise Unfit(
                "Two layers of one shape: expected different weights; they are equal.\nInput: "
                f"{_PLACES[one]}, and {_PLACES[two]}, of shape {shape}"
            )


def _by_type_held(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The arrays that an optimizer holds are expected.")
    for name, where in _PLACES.items():
        pair = found.get(name)
        arrays = [pair.get(when) if isinstance(pair, dict) else None for when in ("before", "now")]
        if not all(isinstance(some, list) and len(some) == 2 for some in arrays):
            raise Unfit(f"A trainable weight and a bias are expected.\nInput: {where}")
        for held, used, what in zip(*arrays, ("Weights", "Bias"), strict=True):
            if not isinstance(used, np.ndarray) or used.dtype.kind != "f":
                raise Unfit(f"{what}: an array is expected; none came.\nInput: {where}")
            same_array(held, used, f"{what}, in the array that an optimizer holds", where)


_EVERY = "dense layers at every depth"

BY_TYPE = Question(
    name="initialization.by-type",
    title="He for the dense ones",
    points=8,
    inputs=_by_type_inputs,
    probe=_by_type_probe,
    judge=judge_by(
        Aspect(
            _EVERY,
            2,
            "kernels",
            _by_type_kernels("first", "inner", "deep"),
            hints={
                "pytorch": "The variance is two divided by the fan-in, the second dimension of "
                "weight. apply and modules() reach every depth, children() does not.",
                "tensorflow": "The variance is two divided by the fan-in, the first dimension of "
                "kernel. A Sequential in a Sequential has layers of its own: go down into them. "
                "An initializer handed to a layer that is built comes too late: assign.",
            },
        ),
        Aspect(
            "derived classes",
            1,
            "kernels",
            _by_type_kernels("derived"),
            hint="Ask isinstance. A comparison with type(...) misses derived classes.",
        ),
        Aspect(
            "biases",
            1,
            "biases",
            _by_type_biases,
            hint="The biases of all dense layers become zero.",
            needs=(_EVERY,),
        ),
        Aspect(
            "nothing else changes",
            2,
            "others",
            _by_type_others,
            hint="Names and shapes hit other layers too: a normalization has a scale, an embedding "
            "a matrix. Ask for the type of the layer.",
            needs=(_EVERY,),
        ),
        Aspect(
            "no twins",
            1,
            "kernels",
            _by_type_twins,
            hints={
                "pytorch": "Draw for each layer anew.",
                "tensorflow": "One initializer object without a seed repeats itself: make a new "
                "one for each layer.",
            },
            needs=(_EVERY,),
        ),
        Aspect(
            "into the same arrays",
            1,
            "held",
            _by_type_held,
            hints={
                "pytorch": "Fill the parameters that are there, as the functions of nn.init do.",
                "tensorflow": "Write into the variables that are there, with assign.",
            },
            needs=(_EVERY,),
        ),
    ),
    version="2",
)


# -- initialization.spread ---------------------------------------------------------------------


def _spread_inputs(rng: np.random.Generator) -> Inputs:
    def lines(offset: bool) -> Inputs:
        sign = float(rng.choice([-1, 1]))
        return {
            "lines": [
                _drawn(rng, 0.3, 1.5),
                _drawn(rng, 0.3, 1.5),
                sign * _drawn(rng, 0.5, 1.5) if offset else 0.0,
            ],
            "n": integer(rng, 20, 900),
        }

    def curve(kind: str) -> Inputs:
        factors = [_drawn(rng, 0.5, 3), _drawn(rng, 0.5, 3)]
        return {"kind": kind, "factors": factors, "n": integer(rng, 20, 900)}

    return {
        "lines": [lines(False) for _ in range(3)],
        "offset": [lines(True) for _ in range(3)],
        "curves": [curve(kind) for kind in ("tanh", "sigmoid", "tanh")],
    }


def _activation(case: Mapping[str, Any], bend: Any) -> Any:
    """The activation function of a case; `bend` gives the function of a name."""
    if "lines" in case:
        p, q, r = case["lines"]
        return lambda x: p * x + q * abs(x) + r
    outer, inner = case["factors"]
    curve = bend(case["kind"])
    return lambda x: outer * curve(inner * x)


def _curve(kind: str, framework: Framework) -> Any:
    """A function of tensors that keeps their dtype; a layer of Keras would return its own."""
    if framework.key == "pytorch":
        return framework.activation(kind)
    import keras

    return keras.activations.get(kind)


def _spread_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def one(case: Inputs) -> Any:
        given = answer(_activation(case, lambda kind: _curve(kind, framework)), case["n"])
        return float(framework.array(given)) if hasattr(given, "numpy") else float(given)

    return {
        name: attempt(lambda cases=cases: [one(case) for case in cases])
        for name, cases in inputs.items()
    }


def _spread_text(case: Mapping[str, Any]) -> str:
    if "lines" in case:
        p, q, r = case["lines"]
        formula = f"{p} x + {q} |x|" + (f" {'-' if r < 0 else '+'} {abs(r)}" if r else "")
    else:
        outer, inner = case["factors"]
        formula = f"{outer} {case['kind']}({inner} x)"
    return f"activation(x) = {formula}, fan_in = {case['n']}"


def _spread_right(name: str) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        cases = inputs[name]
        if not isinstance(found, list) or len(found) != len(cases):
            raise Unfit("A number for each activation function is expected.")
        z = np.linspace(-10, 10, 40_001)
        density = np.exp(-(z**2) / 2)
        for case, sigma in zip(cases, found, strict=True):
            values = _activation(case, ACTIVATIONS.__getitem__)(z)
            mean_square = float((values**2 * density).sum() / density.sum())
            expected = (case["n"] * mean_square) ** -0.5
            if not isinstance(sigma, float) or not np.isfinite(sigma):
                raise Unfit(f"A number is expected.\nInput: {_spread_text(case)}")
            if abs(sigma / expected - 1) > 0.015:
                off = sigma / expected - 1
                near = abs(off) < 0.05
                note = f", off by {off:+.1%}: too few samples, or too narrow" if near else ""
                raise Unfit(
                    f"Standard deviation of the weights: expected {expected:.5f}, got "
                    f"{sigma:.5f}{note}.\nInput: {_spread_text(case)}"
                )

    return compare


SPREAD = Question(
    name="initialization.spread",
    title="A rule for any activation",
    points=6,
    inputs=_spread_inputs,
    probe=_spread_probe,
    judge=judge_by(
        Aspect(
            "lines through zero",
            2,
            "lines",
            _spread_right("lines"),
            hint="For z from a standard normal distribution, find the mean square of "
            "activation(z). He's rule is the case in which it is one half.",
        ),
        Aspect(
            "lines beside zero",
            2,
            "offset",
            _spread_right("offset"),
            hint="What a layer multiplies is the mean square of its input, which is not the "
            "variance where the mean is not zero.",
        ),
        Aspect(
            "curves",
            2,
            "curves",
            _spread_right("curves"),
            hint="Evaluate the function at many samples of z, at all of their range, and take "
            "some hundred thousand of them.",
        ),
    ),
    version="2",
)


# -- initialization.copies ---------------------------------------------------------------------


def _copies_inputs(rng: np.random.Generator) -> Inputs:
    inputs, wide, outputs = integer(rng, 20, 40), integer(rng, 20, 40), integer(rng, 20, 40)
    return {
        "n": integer(rng, 3, 5),
        "first": dense(rng, inputs, wide),
        "scale": rng.uniform(1.5, 2.5, wide).astype(np.float32),
        "shift": rng.normal(size=wide).astype(np.float32),
        "second": dense(rng, wide, outputs),
        "mark": _drawn(rng, 3, 9),
        "names": [word(rng) for _ in range(4)],
    }


def _copies_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    x = framework.tensor(np.ones((3, inputs["first"]["kernel"].shape[0])))

    def original() -> Layer:
        one, two, three, four = inputs["names"]
        norm = framework.normalization(inputs["first"]["bias"].size)
        for parameter, name in zip(framework.registered(norm), ("scale", "shift"), strict=True):
            framework.assign(parameter, inputs[name])
        second = {"act": framework.activation("relu"), four: framework.dense(**inputs["second"])}
        first = framework.dense(**inputs["first"])
        return ready(
            framework.named({one: first, two: norm, three: framework.named(second, three)}, "block")
        )

    def ready(block: Layer) -> Layer:
        if framework.key == "tensorflow":
            block(x)  # Keras may make the arrays only now
        return block

    def made(block: Layer) -> list[Layer]:
        blocks = list(islice(answer(block, inputs["n"]), 9))
        return [ready(one) for one in blocks]

    def arrays(blocks: Sequence[Layer]) -> list[list[np.ndarray]]:
        return [framework.arrays(framework.everything(block)) for block in blocks]

    def fresh() -> Any:
        block = original()
        return arrays(made(block))

    def kept() -> Any:
        block = original()
        made(block)
        return arrays([block])[0]

    def apart() -> Any:
        block = original()
        blocks = made(block)
        before = arrays(blocks[1:])
        for array in framework.everything(blocks[0]):
            framework.assign(array, np.full(tuple(array.shape), inputs["mark"]))
        return {"before": before, "after": arrays(blocks[1:]), "block": arrays([block])[0]}

    return {"copies": attempt(fresh), "block": attempt(kept), "apart": attempt(apart)}


def _copies_layout(inputs: Mapping[str, Any], framework: str) -> dict[str, np.ndarray]:
    """The arrays of the block, by name, in the framework's order."""
    first, second = inputs["first"], inputs["second"]
    turned = framework == "pytorch"
    wide = first["bias"].size
    parts = {
        "first kernel": first["kernel"].T if turned else first["kernel"],
        "first bias": first["bias"],
        "scale": inputs["scale"],
        "shift": inputs["shift"],
    }
    statistics = {"mean": np.zeros(wide), "variance": np.ones(wide)}
    last = {
        "second kernel": second["kernel"].T if turned else second["kernel"],
        "second bias": second["bias"],
    }
    if turned:
        return {**parts, **last, **statistics, "batches": np.zeros(())}
    return {**parts, **statistics, **last}


def _copies_text(inputs: Mapping[str, Any]) -> str:
    shapes = ["→".join(map(str, inputs[name]["kernel"].shape)) for name in ("first", "second")]
    return f"dense {shapes[0]}, batch norm, (relu, dense {shapes[1]}); n = {inputs['n']}"


def _copies_arrays(
    inputs: Mapping[str, Any], found: Any, framework: str, count: int
) -> list[dict[str, np.ndarray]]:
    """The arrays of each block by name; raises `Unfit` where number or shapes are wrong."""
    layout, shown = _copies_layout(inputs, framework), _copies_text(inputs)
    if not isinstance(found, list) or len(found) != count:
        number = len(found) if isinstance(found, list) else 0
        raise Unfit(f"Blocks: expected {count}, got {number}.\nInput: {shown}")
    named = []
    for n, arrays in enumerate(found):
        if not isinstance(arrays, list) or len(arrays) != len(layout):
            number = len(arrays) if isinstance(arrays, list) else 0
            raise Unfit(f"Block {n}: expected {len(layout)} arrays, got {number}.\nInput: {shown}")
        pairs = zip(layout.items(), arrays, strict=True)
        named.append(
            {
                name: _numbers(one, array.shape, f"Block {n}, {name}", shown)
                for (name, array), one in pairs
            }
        )
    return named


def _copies_build(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    blocks = _copies_arrays(inputs, found, framework, inputs["n"])
    for n, block in enumerate(blocks):
        for name in ("first kernel", "second kernel"):
            if not block[name].any():
                raise Unfit(f"Block {n}, {name}: all numbers are zero.")


def _copies_anew(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    blocks = _copies_arrays(inputs, found, framework, inputs["n"])
    blocks = [_copies_layout(inputs, framework), *blocks]
    names = ["the one you were given", *(f"block {n}" for n in range(inputs["n"]))]
    for kernel in ("first kernel", "second kernel"):
        for (one, a), (two, b) in combinations(zip(names, blocks, strict=True), 2):
            if np.mean(np.isclose(a[kernel], b[kernel], rtol=1e-6, atol=0)) > 0.01:
                raise Unfit(
                    f"{kernel.capitalize()}: {one} and {two} have the same values.\nInput: "
                    f"{_copies_text(inputs)}"
                )


def _copies_rules(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    blocks = _copies_arrays(inputs, found, framework, inputs["n"])
    shown = _copies_text(inputs)
    for part in ("first", "second"):
        fan_in, fan_out = inputs[part]["kernel"].shape
        pytorch = framework == "pytorch"
        bound = fan_in**-0.5 if pytorch else (6 / (fan_in + fan_out)) ** 0.5
        values = np.stack([block[f"{part} kernel"] for block in blocks])
        _is_uniform(values, bound, f"{part.capitalize()} kernel", shown)
        biases = np.stack([block[f"{part} bias"] for block in blocks])
        if pytorch:
            _is_uniform(biases, bound, f"{part.capitalize()} bias", shown)
        else:
            same_array(biases, np.zeros(biases.shape), f"{part.capitalize()} bias", shown)
    starts = {"scale": 1, "shift": 0, "mean": 0, "variance": 1}
    for n, block in enumerate(blocks):
        for name, start in starts.items():
            what = f"Block {n}, {name} of the normalization"
            same_array(block[name], np.full(block[name].shape, start), what, shown)


def _is_uniform(values: np.ndarray, bound: float, what: str, shown: str) -> None:
    largest, std = float(np.abs(values).max()), float(np.sqrt(np.mean(values**2)))
    error = np.sqrt(0.2 / values.size)  # of the standard deviation, relative
    if largest > bound * (1 + 1e-5) or abs(std / (bound / 3**0.5) - 1) > ERRORS * error:
        raise Unfit(
            f"{what}: expected uniform values within {bound:.4f}, of standard deviation "
            f"{bound / 3**0.5:.4f}; got values within {largest:.4f}, of standard deviation "
            f"{std:.4f}.\nInput: {shown}"
        )


def _copies_apart(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The arrays of all blocks are expected.")
    count = inputs["n"] - 1
    before = _copies_arrays(inputs, found.get("before"), framework, count)
    after = _copies_arrays(inputs, found.get("after"), framework, count)
    block = _copies_arrays(inputs, [found.get("block")], framework, 1)[0]
    for n, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        for name in old:
            if not np.array_equal(old[name], new[name]) or np.all(
                new[name] == np.float32(inputs["mark"])
            ):
                raise Unfit(
                    f"Numbers were written into block 0, and block {n} changed too: its {name}."
                    f"\nInput: {_copies_text(inputs)}"
                )
    for name, array in block.items():
        if np.all(array == np.float32(inputs["mark"])):
            raise Unfit(
                f"Numbers were written into block 0, and the block you were given changed too: its "
                f"{name}.\nInput: {_copies_text(inputs)}"
            )


def _copies_block(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    block = _copies_arrays(inputs, [found], framework, 1)[0]
    for name, array in _copies_layout(inputs, framework).items():
        what = f"The block you were given, afterwards, {name}"
        same_array(block[name], array, what, _copies_text(inputs))


_ANEW = "values drawn anew"

COPIES = Question(
    name="initialization.copies",
    title="Many out of one",
    points=7,
    inputs=_copies_inputs,
    probe=_copies_probe,
    judge=judge_by(
        Aspect(
            "as many blocks, of the same build",
            1,
            "copies",
            _copies_build,
            hint="Return a list of n blocks with the layers of the one you were given.",
        ),
        Aspect(
            _ANEW,
            2,
            "copies",
            _copies_anew,
            hints={
                "pytorch": "copy.deepcopy copies the values too. Reset every module of the copy "
                "that has reset_parameters, at every depth.",
                "tensorflow": "A copy has the values too, as has what set_weights writes. A layer "
                "made from the configuration draws its own.",
            },
        ),
        Aspect(
            "by the layers' own rules",
            2,
            "copies",
            _copies_rules,
            hint="Each layer knows how it starts: matrices by its default rule, a normalization "
            "with scale 1 and shift 0. Do not draw all arrays from one distribution.",
            needs=(_ANEW,),
        ),
        Aspect(
            "each for itself",
            1,
            "apart",
            _copies_apart,
            hint="Blocks must not share arrays, with one another or with the first.",
            needs=(_ANEW,),
        ),
        Aspect(
            "the first stays as it is",
            1,
            "block",
            _copies_block,
            hint="The block that you were given may be trained. Reset the copies, not the block.",
            needs=("as many blocks, of the same build",),
        ),
    ),
    version="1",
)

QUESTIONS = (MIXTURE, BY_TYPE, SPREAD, COPIES)
