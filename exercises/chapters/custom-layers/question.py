"""Questions of the chapter *Custom layers*.

Outputs and gradients are recomputed here with NumPy, in double precision, from sizes and values
that are drawn anew for each student.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import ACTIVATIONS, Framework, Layer, Tensor
from d2lcompute.checks.networks import (
    data,
    data_in_words,
    integer,
    same_arrays,
    same_parameters,
    word,
)
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


def _make(answer: Any, framework: Framework, width: int, *options: Any, **named: Any) -> Layer:
    """An object of the answer's class; PyTorch's are told the width of the input, first."""
    if framework.key == "pytorch":
        return answer(width, *options, **named)
    return answer(*options, **named)


def _write(
    net: Layer, values: Mapping[str, Any], framework: Framework, *names: str
) -> list[Tensor]:
    """Give parameters their values, after a look at what they are; returns them."""
    known, found = framework.registered(net), [getattr(net, name) for name in names]
    for name, parameter in zip(names, found, strict=True):
        if not any(parameter is one for one in known):
            raise WrongKind(f"{name}: the framework does not know it as a trainable parameter.")
        _fit(name, parameter, values[name])
        framework.assign(parameter, values[name])
    return found


def _fit(name: str, parameter: Tensor, values: np.ndarray) -> None:
    """Raise `WrongKind` unless the parameter has the shape of the values."""
    if (shape := tuple(parameter.shape)) != values.shape:
        raise WrongKind(f"{name}: expected shape {values.shape}, got {shape}.")


def _in_double(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)


# -- custom-layers.layer-norm ------------------------------------------------------------------


def _norm_inputs(rng: np.random.Generator) -> Inputs:
    width = integer(rng, 3, 7)
    rows = rng.normal(0, 1, (integer(rng, 3, 5), width))
    sizes = rng.uniform(20, 40, (len(rows), 1))
    means = rng.normal(0, 9, (len(rows), 1))
    eps = round(float(rng.uniform(0.02, 0.5)), 3)
    small = rng.normal(0, 1, (3, width)) * eps**0.5
    small[1] = rng.normal()  # a row that does not vary at all
    return {
        "width": width,
        "x": (sizes * rows + means).astype(np.float32),
        "steps": (30 * data(rng, integer(rng, 2, 3), integer(rng, 4, 5), width)),
        "small": small.astype(np.float32),
        "eps": eps,
        "scale": rng.uniform(0.5, 2, width).astype(np.float32),
        "shift": data(rng, width),
        "v": data(rng, len(rows), width),
    }


def _norm_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)

    def run(x: np.ndarray, **options: Any) -> Any:
        net = _make(answer, framework, inputs["width"], **options)
        return framework.array(net(framework.tensor(x)))

    def learned() -> tuple[Layer, list[Tensor]]:
        net = _make(answer, framework, inputs["width"])
        net(framework.tensor(inputs["x"]))  # makes what waits for a first input
        return net, _write(net, inputs, framework, "scale", "shift")

    def parameters() -> Any:
        net, _ = learned()
        output = framework.array(net(framework.tensor(inputs["x"])))
        return {"known": framework.arrays(framework.registered(net)), "output": output}

    def gradients() -> Any:
        net, found = learned()
        x = framework.tensor(inputs["x"])
        loss = lambda: framework.weighted_sum(net(x), inputs["v"])  # noqa: E731
        return framework.gradients(loss, [*found, x])

    return {
        "rows": attempt(lambda: run(inputs["x"])),
        "steps": attempt(lambda: run(inputs["steps"])),
        "small": attempt(lambda: run(inputs["small"], eps=inputs["eps"])),
        "parameters": attempt(parameters),
        "gradients": attempt(gradients),
    }


def _normalized(x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    x = _in_double(x)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def _norm_rows(name: str, what: str) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        x, eps = inputs[name], inputs["eps"] if name == "small" else 1e-5
        shown = f"{what}, eps = {eps}; {data_in_words(x)}"
        same_array(found, _normalized(x, eps), "Output", shown)

    return compare


def _norm_parameters(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The parameters and an output are expected.")
    known = [(name, inputs[name]) for name in ("scale", "shift")]
    same_parameters(found.get("known"), known)
    expected = _normalized(inputs["x"]) * inputs["scale"] + inputs["shift"]
    shown = f"scale and shift were given other values; {data_in_words(inputs['x'])}"
    same_array(found.get("output"), expected, "Output", shown)


def _norm_gradients(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    x, v, scale = (_in_double(inputs[name]) for name in ("x", "v", "scale"))
    y, spread = _normalized(x), np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    back = v * scale
    of_x = back - back.mean(-1, keepdims=True) - y * (back * y).mean(-1, keepdims=True)
    expected = {"scale": (v * y).sum(0), "shift": v.sum(0), "the input": of_x / spread}
    if not isinstance(found, list) or len(found) != len(expected):
        raise Unfit("The gradients of scale, shift and the input are expected.")
    for (name, array), one in zip(expected.items(), found, strict=True):
        if one is None:
            raise Unfit(f"No gradient reaches {name}.\nInput: {data_in_words(inputs['x'])}")
        unit = max(1e-9, float(np.abs(array).max()))  # those of the input are small
        if isinstance(one, np.ndarray) and one.dtype.kind == "f":
            one, array = one / unit, array / unit
        same_array(one, array, f"Gradient of {name}", data_in_words(inputs["x"]), 1e-3)


_ROWS = "each row by itself"

LAYER_NORM = Question(
    name="custom-layers.layer-norm",
    title="Layer normalization from its description",
    points=6,
    inputs=_norm_inputs,
    probe=_norm_probe,
    judge=judge_by(
        Aspect(
            _ROWS,
            2,
            "rows",
            _norm_rows("x", "rows"),
            hints={
                "pytorch": "Mean and variance over the last axis, with keepdim=True. PyTorch's var "
                "divides by n - 1 unless you say correction=0.",
                "tensorflow": "Mean and variance over the last axis, with keepdims=True.",
            },
        ),
        Aspect(
            "three axes",
            1,
            "steps",
            _norm_rows("steps", "sequences"),
            hint="The last axis is -1. Number 1 is the last axis of a matrix only.",
        ),
        Aspect(
            "rows that hardly vary",
            1,
            "small",
            _norm_rows("small", "rows that hardly vary"),
            hint="eps is added to the variance, under the root, and is an argument.",
            needs=(_ROWS,),
        ),
        Aspect(
            "scale and shift",
            1,
            "parameters",
            _norm_parameters,
            hints={
                "pytorch": "One nn.Parameter of shape (width,) each, made in __init__; the scale "
                "begins at 1, the shift at 0.",
                "tensorflow": "One add_weight of shape (width,) each, made in build; the scale "
                "begins at 1, the shift at 0.",
            },
            needs=(_ROWS,),
        ),
        Aspect(
            "gradients",
            1,
            "gradients",
            _norm_gradients,
            hint="Mean and variance depend on the input, and the gradient goes through them too. "
            "Compute with the parameters themselves, not with their numbers.",
            needs=(_ROWS,),
        ),
    ),
    version="1",
)


# -- custom-layers.audit ----------------------------------------------------------------------

_VERDICTS = {
    "sound": "sound",
    "unused": "sound",
    "rounded": "sound",
    "cut": "cut",
    "false": "false",
    "entry": "false",
}
# How each parameter is used: some ways for certain, and as many more of them as the number says.
_CASES: dict[str, tuple[list[str], int]] = {
    "cut": (["sound", "cut"], 5),
    "false": (["sound", "false", "entry"], 3),
    "constant": (["sound", "unused", "rounded", "cut"], 1),
    "centered": (["sound", "cut", "false"], 2),
}


def _audit_case(
    rng: np.random.Generator, kinds: Sequence[str], more: int, centered: bool
) -> Inputs:
    width, parts = integer(rng, 2, 4), []
    modes = [*kinds, *(str(mode) for mode in rng.choice(kinds, more))]
    for n in rng.permutation(len(modes)):
        mode, factors = modes[n], np.ones(width)
        wrong = slice(None) if mode == "false" else integer(rng, 0, width - 1)
        if mode in ("false", "entry"):
            factors[wrong] = float(rng.choice([-1.0, 0.5, 1.5, 2.0]))
        # Not half-way between integers, where rounding jumps.
        values = rng.integers(-2, 3, width) + rng.uniform(-0.3, 0.3, width)
        parts.append({"name": word(rng), "mode": mode, "factors": factors, "values": values})
    return {"parts": parts, "x": rng.normal(size=(3, width)), "centered": centered}


def _audit_inputs(rng: np.random.Generator) -> Inputs:
    return {
        name: _audit_case(rng, *modes, centered=name == "centered")
        for name, modes in _CASES.items()
    }


def _audited(case: Mapping[str, Any], framework: Framework) -> Layer:
    """A layer in float64 whose parameters are used in the ways that the case says."""
    if framework.key == "pytorch":
        import torch

        options: dict[str, Any] = {}
        sin, rounded, cut, constant = torch.sin, torch.round, torch.Tensor.detach, torch.tensor

        def make(layer: Layer, part: Mapping[str, Any]) -> Tensor:
            return torch.nn.Parameter(torch.tensor(part["values"]))

        def mean(x: Tensor) -> Tensor:
            return x.mean(-1, keepdim=True)

    else:
        import tensorflow as tf

        options = {"dtype": "float64"}
        sin, rounded, cut, constant = tf.sin, tf.round, tf.stop_gradient, tf.constant

        def make(layer: Layer, part: Mapping[str, Any]) -> Tensor:
            values = part["values"]
            return layer.add_weight(values.shape, lambda *_, **__: values, name=part["name"])

        def mean(x: Tensor) -> Tensor:
            return tf.reduce_mean(x, -1, keepdims=True)

    def start(self: Layer) -> None:
        framework.layer.__init__(self, **options)
        for part in case["parts"]:
            setattr(self, part["name"], make(self, part))

    def run(self: Layer, x: Tensor) -> Tensor:
        for part in case["parts"]:
            used = 1.0 * getattr(self, part["name"])
            if part["mode"] == "unused":
                continue
            if part["mode"] == "rounded":
                used = rounded(used)
            elif part["mode"] == "cut":
                used = cut(used)
            elif part["mode"] in ("false", "entry"):  # the same values, other slopes
                used = cut(used) + constant(part["factors"]) * (used - cut(used))
            x = x + sin(used + x) / 2
        return x - mean(x) if case["centered"] else x

    methods = {"__init__": start, framework.own_method: run}
    return type("Audited", (framework.layer,), methods)()


def _audit_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def ask(name: str) -> Any:
        case = inputs[name]
        layer = _audited(case, framework)
        if framework.key == "pytorch":
            import torch

            x = torch.tensor(case["x"])
        else:
            import tensorflow as tf

            x = tf.constant(case["x"])
            layer(x)  # built, as every layer in use
        found = answer(layer, x)
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        said = {str(key): str(value) for key, value in found.items()}
        left = [framework.array(getattr(layer, part["name"])) for part in case["parts"]]
        return {"said": said, "left": left}

    found = {name: attempt(lambda name=name: ask(name)) for name in _CASES}
    left = {
        name: one if "error" in one else one.pop("left") for name, one in found.items()
    }  # fmt: skip
    said = {name: one if "error" in one else one["said"] for name, one in found.items()}
    return {**said, "left": left}


def _audit_text(case: Mapping[str, Any]) -> str:
    width = case["x"].shape[1]
    tail = "; each row of its output adds up to 0" if case["centered"] else ""
    names = ", ".join(part["name"] for part in case["parts"])
    return f"a layer with the parameters {names}, each of shape ({width},){tail}"


def _audit_said(name: str) -> Any:
    why = {
        "unused": "the output does not depend on it",
        "rounded": "it is rounded, so the slope is 0",
        "cut": "the output depends on it, and no gradient arrives",
        "false": "the gradient is not the slope",
        "entry": "one entry of the gradient is not the slope",
        "sound": "the gradient is the slope",
    }

    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        case = inputs[name]
        expected = {part["name"]: _VERDICTS[part["mode"]] for part in case["parts"]}
        shown = _audit_text(case)
        if not isinstance(found, dict) or found.keys() != expected.keys():
            keys = sorted(found)[:9] if isinstance(found, dict) else "no dictionary"
            raise Unfit(f"Names: expected {sorted(expected)}, got {keys}.\nInput: {shown}")
        for part in case["parts"]:
            got = found[part["name"]]
            if not same_plain(got, expected[part["name"]]):
                got = got[:40] if isinstance(got, str) else "something else"
                raise Unfit(
                    f'{part["name"]}: expected "{expected[part["name"]]}" '
                    f'({why[part["mode"]]}), got "{got}".\nInput: {shown}'
                )

    return compare


def _audit_left(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The parameters afterwards are expected.")
    for name in _CASES:
        parts, arrays = inputs[name]["parts"], found.get(name)
        if (error := error_in(arrays)) is not None:
            raise Unfit(error)
        if not isinstance(arrays, list) or len(arrays) != len(parts):
            raise Unfit("The parameters afterwards are expected.")
        for part, array in zip(parts, arrays, strict=True):
            shown = _audit_text(inputs[name])
            same_array(array, part["values"], f"{part['name']} after the audit", shown, 1e-9)


_CUT = "sound and cut"

AUDIT = Question(
    name="custom-layers.audit",
    title="A test for any layer",
    points=7,
    inputs=_audit_inputs,
    probe=_audit_probe,
    judge=judge_by(
        Aspect(
            _CUT,
            2,
            "cut",
            _audit_said("cut"),
            hints={
                "pytorch": "A parameter is cut if its gradient is None (ask with "
                "allow_unused=True) and the central difference is not 0.",
                "tensorflow": "A parameter is cut if the tape has None for it and the central "
                "difference is not 0.",
            },
        ),
        Aspect(
            "false gradients",
            2,
            "false",
            _audit_said("false"),
            hint="Compare every entry with its own central difference. In float64, a step of 1e-5 "
            "leaves an error far below 1e-6.",
            needs=(_CUT,),
        ),
        Aspect(
            "what the output does not depend on",
            1,
            "constant",
            _audit_said("constant"),
            hint="Where the difference is 0, a gradient of 0 or None is right. Compare first, "
            "and ask for None afterwards.",
            needs=(_CUT,),
        ),
        Aspect(
            "outputs that add up to nothing",
            1,
            "centered",
            _audit_said("centered"),
            hint="The sum of such outputs is 0 whatever the parameters are. Weight the outputs, "
            "or square them, before you add them up.",
            needs=(_CUT,),
        ),
        Aspect(
            "the layer as it was",
            1,
            "left",
            _audit_left,
            hint="Write the old values back when you have tried others.",
            needs=(_CUT,),
        ),
    ),
    version="2",
)


# -- custom-layers.statistics --------------------------------------------------------------------


def _statistics_inputs(rng: np.random.Generator) -> Inputs:
    width, units = integer(rng, 3, 6), integer(rng, 2, 5)
    spread, center = rng.uniform(0.5, 4, width), rng.normal(0, 3, width)
    seen = rng.normal(size=(integer(rng, 5, 9), width)) * spread + center
    flat = seen.copy()
    flat[:, integer(rng, 0, width - 1)] = integer(rng, -9, 9) / 2  # whose mean is exact
    return {
        "sizes": [width, units],
        "activation": str(rng.choice(sorted(ACTIVATIONS))),
        "weight": rng.normal(0, width**-0.5, (width, units)).astype(np.float32),
        "bias": data(rng, units),
        "seen": seen.astype(np.float32),
        "flat": flat.astype(np.float32),
        "x": (data(rng, 4, width) * spread + center).astype(np.float32),
        "name": word(rng),
    }


def _statistics_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    width, units = inputs["sizes"]
    x = framework.tensor(inputs["x"])

    def made(**options: Any) -> Layer:
        return _make(answer, framework, width, units, inputs["activation"], **options)

    def write(net: Layer) -> Layer:
        net(x)  # makes what waits for a first input
        for name in ("weight", "bias"):
            _fit(name, getattr(net, name), inputs[name])
            framework.assign(getattr(net, name), inputs[name])
        return net

    def run(net: Layer) -> np.ndarray:
        return framework.array(net(x))

    def output() -> Any:
        net = write(made())
        before = run(net)
        net.adapt(framework.tensor(inputs["seen"]))
        plain = write(_make(answer, framework, width, units))
        return [before, run(net), run(plain)]

    def adapted(seen: str) -> Layer:
        net = made()
        net.adapt(framework.tensor(inputs[seen]))
        return write(net)

    def trained() -> Any:
        return framework.arrays(framework.registered(adapted("seen")))

    def numbers() -> Any:
        net, other = adapted("seen"), made()
        with tempfile.TemporaryDirectory() as folder:
            if framework.key == "pytorch":
                import torch

                torch.save(net.state_dict(), Path(folder, "net.pt"))
                other.load_state_dict(torch.load(Path(folder, "net.pt")))
            else:
                from keras import Sequential

                file = str(Path(folder, "net.weights.h5"))
                nets = [Sequential([net]), Sequential([other])]
                for one in nets:
                    one(x)
                nets[0].save_weights(file)
                nets[1].load_weights(file)
        return run(other)

    def again() -> Any:
        if framework.key == "pytorch":
            net = write(made())
            other = answer(**json.loads(json.dumps(net.get_config())))
            return {"output": run(write(other)), "name": ""}
        import keras

        net = keras.Sequential([made(name=inputs["name"])])
        write(net.layers[0])
        net(x)
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder, "net.keras"))
            net.save(file)
            other = keras.models.load_model(file)
        return {"output": run(other), "name": str(other.layers[0].name)}

    return {
        "output": attempt(output),
        "flat": attempt(lambda: run(adapted("flat"))),
        "trained": attempt(trained),
        "numbers": attempt(numbers),
        "again": attempt(again),
    }


def _standardized(
    inputs: Mapping[str, Any], seen: np.ndarray | None, activation: bool = True
) -> np.ndarray:
    x = _in_double(inputs["x"])
    if seen is not None:
        seen = _in_double(seen)
        std = seen.std(0)
        x = (x - seen.mean(0)) / np.where(np.ptp(seen, axis=0) == 0, 1.0, std)
    y = x @ inputs["weight"] + inputs["bias"]
    return ACTIVATIONS[inputs["activation"]](y) if activation else y


def _statistics_text(inputs: Mapping[str, Any], what: str, seen: str = "seen") -> str:
    shown = f'{tuple(inputs["sizes"])} features and units, activation "{inputs["activation"]}"'
    if what != "made":
        shown += f", adapted to data of shape {tuple(inputs[seen].shape)}"
    return f"{shown}; {data_in_words(inputs['x'])}"


def _statistics_output(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = [
        _standardized(inputs, None),
        _standardized(inputs, inputs["seen"]),
        _standardized(inputs, None, activation=False),
    ]
    shown = "call 0 before adapt, call 1 after it, call 2 of a layer without activation: "
    same_arrays(found, expected, shown + _statistics_text(inputs, "adapted"))


def _statistics_flat(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = _standardized(inputs, inputs["flat"])
    shown = f"{_statistics_text(inputs, 'adapted', 'flat')}; a feature of that data is constant"
    same_array(found, expected, "Output", shown)


def _statistics_trained(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    same_parameters(found, [("weight", inputs["weight"]), ("bias", inputs["bias"])])


def _statistics_numbers(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = _standardized(inputs, inputs["seen"])
    shown = f"a new layer, into which a file was loaded; {_statistics_text(inputs, 'adapted')}"
    same_array(found, expected, "Output", shown)


def _statistics_again(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The output of a layer that was made again is expected.")
    way = {"pytorch": "made again from its get_config()", "tensorflow": "loaded from a .keras file"}
    shown = f"a layer, {way[framework]}; {_statistics_text(inputs, 'made')}"
    same_array(found.get("output"), _standardized(inputs, None), "Output", shown)
    if framework == "tensorflow" and not same_plain(found.get("name"), inputs["name"]):
        got = found.get("name")
        got = got[:40] if isinstance(got, str) else "none"
        raise Unfit(f'Name: expected "{inputs["name"]}", got "{got}".\nInput: {shown}')


_ADAPTED = "before and after adapting"

STATISTICS = Question(
    name="custom-layers.statistics",
    title="A layer that knows its data, and can be made again",
    points=7,
    inputs=_statistics_inputs,
    probe=_statistics_probe,
    judge=judge_by(
        Aspect(
            _ADAPTED,
            2,
            "output",
            _statistics_output,
            hint="activation((X - mean) / std @ weight + bias). One mean and one standard "
            "deviation for each feature, over the examples, dividing by their number n.",
        ),
        Aspect(
            "a feature that does not vary",
            1,
            "flat",
            _statistics_flat,
            hints={
                "pytorch": "A standard deviation of 0 divides by 0. Put 1 in its place.",
                "tensorflow": "A standard deviation of 0 divides by 0. Put 1 in its place. And "
                "adapt may come before the first call: build the layer there if it is not built.",
            },
            needs=(_ADAPTED,),
        ),
        Aspect(
            "what is trained",
            1,
            "trained",
            _statistics_trained,
            hints={
                "pytorch": "weight and bias are parameters. What is measured is not: it belongs in "
                "a buffer.",
                "tensorflow": "weight and bias are trainable. What is measured is not: it is made "
                "with add_weight(..., trainable=False).",
            },
            needs=(_ADAPTED,),
        ),
        Aspect(
            "statistics in the file",
            1,
            "numbers",
            _statistics_numbers,
            hints={
                "pytorch": "A plain attribute is in no file. register_buffer puts a tensor into "
                "state_dict(); adapt then writes into the buffer.",
                "tensorflow": "A plain attribute is in no file. add_weight(..., trainable=False) "
                "makes a weight that is; adapt then assigns to it.",
            },
            needs=(_ADAPTED,),
        ),
        Aspect(
            "made again with its options",
            2,
            "again",
            _statistics_again,
            hints={
                "pytorch": "get_config() returns a dictionary of all that __init__ was told, under "
                "the names of its arguments, in a form that JSON can hold.",
                "tensorflow": "Register the class, and let get_config() add units and activation "
                "to what super().get_config() returns. Pass **kwargs on.",
            },
            needs=(_ADAPTED,),
        ),
    ),
    version="2",
)


# -- custom-layers.quantized ---------------------------------------------------------------------


def _quantized_inputs(rng: np.random.Generator) -> Inputs:
    width, units, rows = integer(rng, 3, 6), integer(rng, 3, 5), integer(rng, 3, 5)
    step, levels = float(rng.choice([0.125, 0.25, 0.5])), integer(rng, 2, 4)
    # In steps: not half-way between two levels, and some of it beyond the last one.
    steps = rng.integers(-levels + 1, levels, (width, units)).astype(float)
    steps += rng.uniform(-0.4, 0.4, (width, units))
    beyond = rng.permutation(width * units)[: integer(rng, 2, 4)]
    steps.flat[beyond] = (levels + rng.uniform(0.2, 2, len(beyond))) * rng.choice(
        [-1, 1], len(beyond)
    )
    return {
        "sizes": [width, units],
        "step": step,
        "limit": step * levels,
        "weight": (steps * step).astype(np.float32),
        "bias": data(rng, units),
        "x": data(rng, rows, width),
        "v": data(rng, rows, units),
        "rate": round(float(rng.uniform(0.001, 0.01)), 4),
    }


def _quantized_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    width, units = inputs["sizes"]
    x = framework.tensor(inputs["x"])

    def ready() -> tuple[Layer, list[Tensor]]:
        net = _make(answer, framework, width, units, inputs["step"], inputs["limit"])
        net(x)  # makes what waits for a first input
        return net, _write(net, inputs, framework, "weight", "bias")

    def output() -> Any:
        net, _ = ready()
        return framework.array(net(x))

    def gradients() -> Any:
        net, found = ready()
        loss = lambda: framework.weighted_sum(net(x), inputs["v"])  # noqa: E731
        return dict(
            zip(("weight", "bias", "x"), framework.gradients(loss, [*found, x]), strict=True)
        )

    def stepped() -> Any:
        net, _ = ready()
        loss = lambda: framework.weighted_sum(net(x), inputs["v"])  # noqa: E731
        framework.step(net, loss, inputs["rate"])
        net(x)
        return framework.array(net.weight)

    found = attempt(gradients)
    parts = {
        key: found if "error" in found else found[key] for key in ("weight", "bias", "x")
    }  # fmt: skip
    return {
        "output": attempt(output),
        "inside": parts["weight"],
        "outside": parts["weight"],
        "others": [parts["bias"], parts["x"]],
        "stepped": attempt(stepped),
    }


def _quantized_weight(inputs: Mapping[str, Any]) -> np.ndarray:
    step, limit = inputs["step"], inputs["limit"]
    return step * np.round(np.clip(_in_double(inputs["weight"]), -limit, limit) / step)


def _quantized_gradient(inputs: Mapping[str, Any]) -> np.ndarray:
    inside = np.abs(inputs["weight"]) <= inputs["limit"]
    return (_in_double(inputs["x"]).T @ _in_double(inputs["v"])) * inside


def _quantized_text(inputs: Mapping[str, Any]) -> str:
    first = np.array2string(inputs["weight"][0], precision=3, separator=", ")
    return (
        f"{tuple(inputs['sizes'])} features and units, step {inputs['step']}, limit "
        f"{inputs['limit']}; first row of weight {first}; {data_in_words(inputs['x'])}"
    )


def _quantized_output(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = _in_double(inputs["x"]) @ _quantized_weight(inputs) + inputs["bias"]
    same_array(found, expected, "Output", _quantized_text(inputs))


def _quantized_part(inside: bool) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        shown = _quantized_text(inputs)
        if found is None:
            raise Unfit(f"No gradient reaches weight.\nInput: {shown}")
        expected = _quantized_gradient(inputs)
        if not isinstance(found, np.ndarray) or found.shape != expected.shape:
            same_array(found, expected, "Gradient of weight", shown)
        chosen = (np.abs(inputs["weight"]) <= inputs["limit"]) == inside
        where = "within the limit" if inside else "beyond the limit"
        what = f"Gradient of weight, the entries {where}"
        same_array(found[chosen], expected[chosen], what, shown)

    return compare


def _quantized_others(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    v = _in_double(inputs["v"])
    expected = {"bias": v.sum(0), "the input": v @ _quantized_weight(inputs).T}
    if not isinstance(found, list) or len(found) != len(expected):
        raise Unfit("The gradients of bias and input are expected.")
    for (name, array), one in zip(expected.items(), found, strict=True):
        if one is None:
            raise Unfit(f"No gradient reaches {name}.\nInput: {_quantized_text(inputs)}")
        same_array(one, array, f"Gradient of {name}", _quantized_text(inputs))


def _quantized_stepped(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = _in_double(inputs["weight"]) - inputs["rate"] * _quantized_gradient(inputs)
    shown = f"{_quantized_text(inputs)}; one step of gradient descent, rate {inputs['rate']}"
    same_array(found, expected, "weight after the step", shown, 1e-5)


_ROUNDED = "outputs of rounded weights"

QUANTIZED = Question(
    name="custom-layers.quantized",
    title="Coarse weights that learn",
    points=7,
    inputs=_quantized_inputs,
    probe=_quantized_probe,
    judge=judge_by(
        Aspect(
            _ROUNDED,
            2,
            "output",
            _quantized_output,
            hint="Clip first, then round to the nearest multiple: step * round(clipped / step). "
            "The bias is not rounded.",
        ),
        Aspect(
            "the gradient goes straight through",
            2,
            "inside",
            _quantized_part(inside=True),
            hints={
                "pytorch": "round has slope 0. Give the rounding a backward of its own that passes "
                "the gradient on, or add the detached difference: W + (rounded - W).detach().",
                "tensorflow": "round has no slope. Give the rounding a gradient of its own that "
                "passes it on, or add the difference: W + tf.stop_gradient(rounded - W).",
            },
            needs=(_ROUNDED,),
        ),
        Aspect(
            "no gradient beyond the limit",
            1,
            "outside",
            _quantized_part(inside=False),
            hint="Only the rounding pretends. The clipping keeps its true slope, which is 0 beyond "
            "the limit: let the gradient go through the framework's own clipping.",
            needs=(_ROUNDED, "the gradient goes straight through"),
        ),
        Aspect(
            "gradients of bias and input",
            1,
            "others",
            _quantized_others,
            hint="What the input is multiplied by on the way forward are the rounded weights; so "
            "they are on the way back.",
            needs=(_ROUNDED,),
        ),
        Aspect(
            "fine weights underneath",
            1,
            "stepped",
            _quantized_stepped,
            hint="Round a copy. If the parameter itself is rounded, small steps are lost.",
            needs=(_ROUNDED,),
        ),
    ),
    version="1",
)

QUESTIONS = (LAYER_NORM, AUDIT, STATISTICS, QUANTIZED)
