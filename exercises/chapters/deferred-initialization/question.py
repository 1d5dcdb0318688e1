"""Questions of the chapter *Deferred initialization*.

Widths, names and the order in which layers are used are drawn anew for each student; what a right
answer gives is recomputed here from them.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer, Tensor
from d2lcompute.checks.networks import (
    by_hand,
    data,
    dense,
    in_words,
    integer,
    routed,
    stored,
    word,
)
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    attempt,
    error_in,
    got_text,
    judge_by,
    kind_of,
    need_class,
    need_function,
    same_array,
    same_plain,
    shapes_of,
    whole,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]


def _made(layer: Layer, framework: Framework) -> list[Tensor]:
    """The parameters of a layer that have values, frozen ones too."""
    if framework.key == "tensorflow":
        return [w for w in layer.weights if "moving" not in w.name]
    return [p for p in layer.parameters() if type(p).__name__ != "UninitializedParameter"]


# -- deferred-initialization.build -------------------------------------------------------------

_ROLES = ("first", "norm", "relu", "block", "half", "last", "spare", "spare_block")
_ROUTE = ("first", "norm", "relu", "block", "half", "last")
_OPEN = ("half", "spare", "spare_block")  # of "half", only one layer of two is reached


def _build_inputs(rng: np.random.Generator) -> Inputs:
    flags = dict.fromkeys(_ROLES, True)
    for role in rng.choice(["first", "block", "last", "spare"], 2, replace=False):
        flags[str(role)] = False
    return {
        "features": integer(rng, 3, 7),
        "units": {role: integer(rng, 2, 6) for role in _ROLES},
        "names": {role: word(rng) for role in _ROLES},
        "inner": [word(rng), word(rng)],  # the layers of "half": used, not used
        "order": [_ROLES[n] for n in rng.permutation(len(_ROLES))],
        "flags": flags,
        "done": [dense(rng, 3, 4), dense(rng, 4, 2), dense(rng, 5, 2)],
    }


def _build_model(inputs: Inputs, framework: Framework) -> tuple[Layer, dict[str, Layer]]:
    """An open model, and its children by role."""
    units, names = inputs["units"], inputs["names"]
    parts: dict[str, Layer] = {}
    for role in _ROLES:
        if role == "half":
            inner = {name: framework.waiting_dense(units[role], name) for name in inputs["inner"]}
            parts[role] = routed(inner, inputs["inner"][:1], framework)
            if framework.key == "tensorflow":
                parts[role].name = names[role]
        elif framework.key == "pytorch":
            from torch import nn

            kinds = {"norm": nn.LazyBatchNorm1d, "relu": nn.ReLU}
            layer = kinds[role]() if role in kinds else nn.LazyLinear(units[role])
            parts[role] = nn.Sequential(layer) if "block" in role else layer
        else:
            from keras import Sequential, layers

            kinds = {"norm": layers.BatchNormalization, "relu": layers.ReLU}
            if role in kinds:
                parts[role] = kinds[role](name=names[role])
            elif "block" in role:
                parts[role] = Sequential([layers.Dense(units[role])], name=names[role])
            else:
                parts[role] = layers.Dense(units[role], name=names[role])
    children = {names[role]: parts[role] for role in inputs["order"]}
    return routed(children, [names[role] for role in _ROUTE], framework), parts


def _build_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def switch(part: Layer, flag: bool) -> None:
        if framework.key == "pytorch":
            part.train(flag)
        else:
            part.trainable = flag

    def switched(part: Layer) -> list[bool]:
        if framework.key == "pytorch":
            return [bool(module.training) for module in part.modules()]
        return [bool(part.trainable)]

    def averages(norm: Layer) -> Any:
        if framework.key == "pytorch":
            batches = int(norm.num_batches_tracked)
            return {"values": framework.arrays([norm.running_mean, norm.running_var]), "n": batches}
        return {"values": framework.arrays([norm.moving_mean, norm.moving_variance]), "n": 0}

    def names(found: Any) -> Any:
        if isinstance(found, list | tuple) and all(isinstance(name, str) for name in found):
            return [str(name) for name in found]
        return {"kind": kind_of(found)}

    def build(model: Layer, features: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras speaks of layers that nothing reaches
            return names(answer(model, features))

    def opened() -> Outputs:
        model, parts = _build_model(inputs, framework)
        for role in _ROLES:
            switch(parts[role], inputs["flags"][role])
        found = build(model, inputs["features"])
        shapes = {
            role: [[int(size) for size in p.shape] for p in _made(part, framework)]
            for role, part in parts.items()
        }
        return {
            "shapes": shapes,
            "open": found,
            "averages": attempt(lambda: averages(parts["norm"])),
            "switches": [switched(model)[0], {role: switched(parts[role]) for role in _ROLES}],
        }

    def done() -> Any:
        layers = [framework.dense(part["kernel"], part["bias"]) for part in inputs["done"]]
        model = routed(dict(zip(["a", "b", "c"], layers, strict=True)), ["a", "b"], framework)
        found = build(model, inputs["done"][0]["kernel"].shape[0])
        return {"open": found, "values": [framework.dense_values(layer) for layer in layers]}

    outputs: Outputs = {}
    found = attempt(opened)
    for key in ("shapes", "open", "averages", "switches"):
        outputs[key] = found if "error" in found else found[key]
    return {**outputs, "done": attempt(done)}


def _build_text(inputs: Mapping[str, Any]) -> str:
    names = inputs["names"]
    return (
        f"build(model, {inputs['features']}); children in order of definition: "
        f"{', '.join(names[role] for role in inputs['order'])}; in order of use: "
        f"{', '.join(names[role] for role in _ROUTE)}; of the two layers inside {names['half']} "
        "only the first is used"
    )


def _build_widths(inputs: Mapping[str, Any]) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of each child's parameters, kernels as (in, out)."""
    found: dict[str, list[tuple[int, ...]]] = {role: [] for role in _ROLES}
    width = inputs["features"]
    for role in _ROUTE:
        if role == "norm":
            found[role] = [(width,), (width,)]
        elif role != "relu":
            units = inputs["units"][role]
            found[role] = [(width, units), (units,)]
            width = units
    return found


def _build_shapes(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The shapes of the parameters are expected.")
    for role, shapes in _build_widths(inputs).items():
        expected = [shape[::-1] if framework == "pytorch" else shape for shape in shapes]
        got = shapes_of(found.get(role))
        if got != expected:
            reached = "reached by the forward pass" if role in _ROUTE else "reached by nothing"
            reached += ", one layer inside of two" if role == "half" else ""
            raise Unfit(
                f"{inputs['names'][role]}, {reached}: parameters of shape {expected} are expected, "
                f"got {got_text(got)}.\nInput: {_build_text(inputs)}"
            )


def _build_open(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = [inputs["names"][role] for role in inputs["order"] if role in _OPEN]
    if not same_plain(found, expected):
        raise Unfit(
            f"Returned: {expected} is expected, got {got_text(found)}.\n"
            f"Input: {_build_text(inputs)}"
        )


def _build_averages(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict) or not isinstance(found.get("values"), list):
        raise Unfit("The running averages are expected.")
    values, width = found["values"], inputs["units"]["first"]
    shown = f"{inputs['names']['norm']} in {_build_text(inputs)}"
    if len(values) != 2:
        raise Unfit("Two running averages are expected.")
    same_array(values[0], np.zeros(width), "Running mean", shown)
    same_array(values[1], np.ones(width), "Running variance", shown)
    if not same_plain(found.get("n"), 0):
        raise Unfit(f"Batches seen: 0 is expected, got {got_text(found.get('n'))}.\nInput: {shown}")


def _build_switches(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, list) or len(found) != 2 or not isinstance(found[1], dict):
        raise Unfit("The switches of all parts are expected.")
    name = "training" if framework == "pytorch" else "trainable"
    whole, parts = found
    for role, flag in inputs["flags"].items():
        inside = {"block": 1, "spare_block": 1, "half": 2}.get(role, 0)
        count = 1 + inside if framework == "pytorch" else 1
        if not same_plain(parts.get(role), [flag] * count):
            raise Unfit(
                f"{inputs['names'][role]}.{name}: {flag} before, and not after.\n"
                f"Input: {_build_text(inputs)}"
            )
    if whole is not True:
        raise Unfit(f"model.{name}: True before, and not after.\nInput: {_build_text(inputs)}")


def _build_done(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    parts = inputs["done"]
    shown = f"{in_words(parts)}; all built before, the last reached by nothing"
    if not isinstance(found, dict) or not isinstance(found.get("values"), list):
        raise Unfit(f"A model with its values is expected.\nInput: {shown}")
    values = found["values"]
    if len(values) != len(parts):
        raise Unfit(f"{len(parts)} layers are expected.\nInput: {shown}")
    for n, (part, pair) in enumerate(zip(parts, values, strict=True)):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unfit(f"A kernel and a bias are expected.\nInput: {shown}")
        for what, one in zip(("kernel", "bias"), pair, strict=True):
            same_array(one, part[what], f"Layer {n}, {what}", shown, 1e-6)
    if not same_plain(found.get("open"), []):
        raise Unfit(f"Returned: [] is expected, got {got_text(found.get('open'))}.\nInput: {shown}")


_REACHED = "parameters where the data comes by"

BUILD = Question(
    name="deferred-initialization.build",
    title="Build it and leave no trace",
    points=6,
    inputs=_build_inputs,
    probe=_build_probe,
    judge=judge_by(
        Aspect(
            _REACHED,
            2,
            "shapes",
            _build_shapes,
            hints={
                "pytorch": "Call the model, not its layers one by one: only its forward knows "
                "which layer follows which.",
                "tensorflow": "build((None, features)) on a class without a build of its own "
                "builds nothing. Call the model; only its call knows which layer follows which.",
            },
        ),
        Aspect(
            "the names of what stays open",
            1,
            "open",
            _build_open,
            hints={
                "pytorch": "Ask after the call. named_children() has the names; a child is open "
                "if nn.parameter.is_lazy(p) is true for any of its parameters, at any depth.",
                "tensorflow": "Ask after the call, and ask for built, of the layers inside a "
                "container too: what has been called counts as built, whatever is inside. A layer "
                "that is built may have no weights at all, as an activation does.",
            },
            needs=(_REACHED,),
        ),
        Aspect(
            "running averages that have seen nothing",
            1,
            "averages",
            _build_averages,
            hints={
                "pytorch": "In training mode even a batch of zeros moves the averages, and an "
                "empty one is counted. Switch to model.eval() for the call.",
                "tensorflow": "With training=True even a batch of zeros moves the averages.",
            },
            needs=(_REACHED,),
        ),
        Aspect(
            "switches as they were",
            1,
            "switches",
            _build_switches,
            hints={
                "pytorch": "model.train() switches every part on, those too that were off. Note "
                "module.training for all of model.modules(), and write it back.",
                "tensorflow": "model.trainable = ... reaches every layer of the model, and what "
                "was set for one of them is lost.",
            },
            needs=(_REACHED,),
        ),
        Aspect(
            "a model that is built already",
            1,
            "done",
            _build_done,
            hint="A call gives values to what has none and leaves the rest alone. Do not set "
            "anything back to its beginning; and what has its parameters is not open, reached or "
            "not.",
            needs=(_REACHED,),
        ),
    ),
    version="2",
)


# -- deferred-initialization.load --------------------------------------------------------------


def _load_inputs(rng: np.random.Generator) -> Inputs:
    features, units, out = integer(rng, 3, 7), integer(rng, 3, 7), integer(rng, 2, 5)
    wider, more = features + integer(rng, 1, 3), units + integer(rng, 1, 3)
    return {
        "saved": [dense(rng, features, units), dense(rng, units, out)],
        "wider": [dense(rng, wider, units), dense(rng, units, out)],
        "more": [dense(rng, features, more), dense(rng, more, out)],
        "names": [word(rng) for _ in range(2)],
        "x": data(rng, integer(rng, 3, 5), features),
        "v": data(rng, 5, out),
    }


def _load_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    names = inputs["names"]
    saved = inputs["saved"]
    features = int(saved[0]["kernel"].shape[0])

    def model(parts: Sequence[Layer]) -> Layer:
        return routed(dict(zip(names, parts, strict=False)), names[: len(parts)], framework)

    def opened() -> Layer:
        return model(
            [
                framework.waiting_dense(part["bias"].size, name)
                for part, name in zip(saved, names, strict=True)
            ]
        )

    def restore(fresh: Layer, parts: Sequence[Mapping[str, Any]], folder: str) -> Any:
        layers = [
            framework.dense(part["kernel"], part["bias"], name)
            for part, name in zip(parts, names, strict=False)
        ]
        trained = model(layers)
        if framework.key == "pytorch":
            state = {key: value.double() for key, value in trained.state_dict().items()}
            return answer(fresh, state, features)
        trained(framework.tensor(np.zeros((1, parts[0]["kernel"].shape[0]))))
        file = str(Path(folder, f"{names[0]}.weights.h5"))
        trained.save_weights(file)
        return answer(fresh, file, features)

    def loaded(folder: str) -> Outputs:
        fresh = opened()
        # PyTorch: what an optimizer that was made early holds. Keras: nothing yet.
        held = framework.registered(fresh)
        count = restore(fresh, saved, folder)
        x = framework.tensor(inputs["x"])
        v = inputs["v"][: len(inputs["x"])]
        values = attempt(lambda: framework.arrays(_made(fresh, framework)))

        def gradients() -> Any:
            fresh(x)
            of = held or framework.registered(fresh)
            return framework.gradients(lambda: framework.weighted_sum(fresh(x), v), of)

        return {
            "values": values,
            "count": whole(count),
            "gradients": attempt(gradients),
        }

    def refusals(folder: str) -> list[str]:
        said = []
        for parts in (inputs["wider"], inputs["more"], saved[:1]):
            try:
                restore(opened(), parts, folder)
                said.append("nothing was raised")
            except (ValueError, RuntimeError, KeyError, AssertionError):
                said.append("refused")
        return said

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = attempt(lambda: loaded(folder))
        refused = attempt(lambda: refusals(folder))
    keys = ("values", "count", "gradients")
    return {**{key: found if "error" in found else found[key] for key in keys}, "refused": refused}


def _load_expected(inputs: Mapping[str, Any], framework: str) -> list[tuple[str, np.ndarray]]:
    expected = []
    for name, part in zip(inputs["names"], inputs["saved"], strict=True):
        expected.append((f"{name}, kernel", stored(part["kernel"], framework)))
        expected.append((f"{name}, bias", part["bias"]))
    return expected


def _load_text(inputs: Mapping[str, Any], framework: str) -> str:
    kind = "an open model" + (", a state in float64" if framework == "pytorch" else "")
    return f"{kind}, {in_words(inputs['saved'])}"


def _load_values(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected, shown = _load_expected(inputs, framework), _load_text(inputs, framework)
    if not isinstance(found, list) or len(found) != len(expected):
        number = len(found) if isinstance(found, list) else 0
        raise Unfit(
            f"Parameters of the model after loading: {len(expected)} arrays are expected, got "
            f"{number}.\nInput: {shown}"
        )
    for (name, array), one in zip(expected, found, strict=True):
        same_array(one, array, name, shown, 1e-6)
        if one.dtype != np.float32:
            raise Unfit(f"{name}: float32 is expected, got {one.dtype}.\nInput: {shown}")


def _load_count(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = sum(array.size for _, array in _load_expected(inputs, framework))
    if not same_plain(found, expected):
        raise Unfit(
            f"Returned: {expected} is expected, got {got_text(found)}.\n"
            f"Input: {_load_text(inputs, framework)}"
        )


def _load_refused(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    saved = inputs["saved"]
    cases = {
        f"features = {saved[0]['kernel'].shape[0]}, saved: {in_words(inputs['wider'])}": 0,
        f"open model with {in_words(saved)}, saved: {in_words(inputs['more'])}": 1,
        f"open model with {in_words(saved)}, saved: its first layer alone": 2,
    }
    if not isinstance(found, list) or len(found) != len(cases):
        raise Unfit("Three attempts to load what does not fit are expected.")
    for shown, number in cases.items():
        if not same_plain(found[number], "refused"):
            raise Unfit(
                "What is saved does not fit: an error is expected, and none was raised.\n"
                f"Input: {shown}"
            )


def _load_gradients(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    (first, second), x = inputs["saved"], inputs["x"].astype(np.float64)
    v = inputs["v"][: len(x)].astype(np.float64)
    hidden, back = by_hand([first], x), v @ second["kernel"].T
    expected = [
        stored(x.T @ back, framework),
        back.sum(0),
        stored(hidden.T @ v, framework),
        v.sum(0),
    ]
    shown = f"{_load_text(inputs, framework)}; parameters asked for before loading"
    if not isinstance(found, list) or len(found) != len(expected):
        raise Unfit(f"Gradients of {len(expected)} parameters are expected.\nInput: {shown}")
    for (name, _), array, one in zip(
        _load_expected(inputs, framework), expected, found, strict=True
    ):
        if one is None:
            raise Unfit(f"No gradient reaches {name}.\nInput: {shown}")
        same_array(one, array, f"Gradient of {name}", shown)


_LOADED = "the saved values"

LOAD = Question(
    name="deferred-initialization.load",
    title="Load, and know that it has loaded",
    points=6,
    inputs=_load_inputs,
    probe=_load_probe,
    judge=judge_by(
        Aspect(
            _LOADED,
            2,
            "values",
            _load_values,
            hints={
                "pytorch": "load_state_dict copies the values into the model's own parameters, "
                "and keeps their number type; with assign=True it takes over the file's.",
                "tensorflow": "An unbuilt model has nothing to load into, and after build() on a "
                "class without a build of its own nothing is loaded and nothing said. Call the "
                "model first.",
            },
        ),
        Aspect(
            "how many numbers",
            1,
            "count",
            _load_count,
            hint="Count after loading: the numbers in all arrays of the model, not the arrays.",
            needs=(_LOADED,),
        ),
        Aspect(
            "what does not fit is refused",
            2,
            "refused",
            _load_refused,
            hints={
                "pytorch": "An open layer takes its shape from the state, whatever it is. One that "
                "has its shape objects, as does a strict load to what is missing.",
                "tensorflow": "Do not skip what does not match: a layer that is built objects.",
            },
            needs=(_LOADED,),
        ),
        Aspect(
            "the parameters that the optimizer knows",
            1,
            "gradients",
            _load_gradients,
            hints={
                "pytorch": "An optimizer may hold the stand-ins of the open model already. A call "
                "turns them into parameters; assign=True puts others in their place.",
                "tensorflow": "Load into the model that you were given, not into a copy.",
            },
            needs=(_LOADED,),
        ),
    ),
    version="2",
)


# -- deferred-initialization.picture ------------------------------------------------------------


def _picture_case(rng: np.random.Generator, end: str, spare: int | None = None) -> Inputs:
    convolutions = [
        [integer(rng, 2, 9), integer(rng, 2, 5), integer(rng, 1, 3)]
        for _ in range(integer(rng, 2, 3))
    ]
    # From 53 on, any three windows of 5 with stride 3 leave at least one place.
    sides = [int(side) for side in rng.choice(np.arange(60, 200), 5, replace=False)]
    case = {
        "convolutions": convolutions,  # filters, window, stride
        "channels": integer(rng, 1, 4),
        "units": integer(rng, 5, 40),
        "sides": sides,
        "end": end,
        "budget": 0,
    }
    counts = sorted(_picture_count(case, side) for side in sides)
    if end == "average":
        case["budget"] = counts[0] + integer(rng, 0, 9)
    elif spare is None:  # not enough for any
        case["budget"] = counts[0] - 1
    else:  # for some; `spare` -1: one number less than would do for one more
        case["budget"] = counts[integer(rng, 1 if spare < 0 else 0, 4)] + spare
    return case


def _picture_count(case: Mapping[str, Any], side: int) -> int:
    """The numbers in the dense layer, for pictures of this side."""
    for _, window, stride in case["convolutions"]:
        side = (side - window) // stride + 1
    places = 1 if case["end"] == "average" else side**2
    return (case["convolutions"][-1][0] * places + 1) * case["units"]


def _picture_inputs(rng: np.random.Generator) -> Inputs:
    flattened = [_picture_case(rng, "flatten", spare) for spare in (0, -1, integer(rng, 0, 9))]
    rest = [_picture_case(rng, "average"), _picture_case(rng, "flatten")]
    return {"cases": [*flattened, *rest]}


def _picture_make(case: Mapping[str, Any], framework: Framework) -> Layer:
    if framework.key == "pytorch":
        from torch import nn

        found = [nn.LazyConv2d(n, window, step) for n, window, step in case["convolutions"]]
        if case["end"] == "average":
            found.append(nn.AdaptiveAvgPool2d(1))
        return nn.Sequential(*found, nn.Flatten())
    from keras import Sequential, layers

    found = [layers.Conv2D(n, window, step) for n, window, step in case["convolutions"]]
    end = layers.GlobalAveragePooling2D if case["end"] == "average" else layers.Flatten
    return Sequential([*found, end()])


def _picture_held(model: Layer, framework: Framework) -> int:
    """The bytes that a model's parameters take in memory."""
    if framework.key == "tensorflow":  # what has no memory is drawn anew at each reading
        return sum(4 * int(np.prod(w.shape)) for w in model.weights if w.value is w.value)
    held = 0
    for p in _made(model, framework):
        held += int(p.nbytes) if p.untyped_storage().device.type != "meta" else 0
    return held


def _picture_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    made: list[Layer] = []

    def ask(case: Mapping[str, Any]) -> Any:
        def make() -> Layer:
            made.append(_picture_make(case, framework))
            return made[-1]

        found = answer(make, case["channels"], list(case["sides"]), case["units"], case["budget"])
        return None if found is None else whole(found)

    found = [attempt(lambda case=case: ask(case)) for case in inputs["cases"]]
    return {
        "flattened": found[:3],
        "averaged": found[3:4],
        "nothing": found[4:],
        "memory": attempt(
            lambda: {"models": len(made), "bytes": [_picture_held(m, framework) for m in made]}
        ),
    }


def _picture_compare(first: int, last: int) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        cases = inputs["cases"][first:last]
        if not isinstance(found, list) or len(found) != len(cases):
            raise Unfit(f"{len(cases)} answers are expected.")
        for case, one in zip(cases, found, strict=True):
            if (error := error_in(one)) is not None:
                raise Unfit(error)
            counts = {side: _picture_count(case, side) for side in case["sides"]}
            fitting = [side for side, count in counts.items() if count <= case["budget"]]
            expected = max(fitting, default=None)
            if not same_plain(one, expected):
                stack = ", ".join(
                    f"{n} filters {window}×{window} with stride {stride}"
                    for n, window, stride in case["convolutions"]
                )
                raise Unfit(
                    f"Returned: {expected} is expected, got {got_text(one)}.\nInput: {stack}, then "
                    f"{case['end']}; {case['channels']} channels, sides {case['sides']}, "
                    f"{case['units']} units, budget {case['budget']}"
                )

    return compare


def _picture_memory(_: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict) or not isinstance(found.get("bytes"), list):
        raise Unfit("The memory of the models is expected.")
    if type(found.get("models")) is not int or found["models"] < 1:
        raise Unfit("No model was made; make() is expected to be called.")
    held = [number for number in found["bytes"] if not same_plain(number, 0)]
    if held or len(found["bytes"]) != found["models"]:
        raise Unfit(
            f"Memory for parameters: none is expected; {len(held)} of the {found['models']} models "
            "that make() returned hold some."
        )


_SIDE = "the largest side that fits"

PICTURE = Question(
    name="deferred-initialization.picture",
    title="The largest picture that fits",
    points=5,
    inputs=_picture_inputs,
    probe=_picture_probe,
    judge=judge_by(
        Aspect(
            _SIDE,
            2,
            "flattened",
            _picture_compare(0, 3),
            hint="The dense layer has a weight for each number that reaches it and each unit, and "
            "a bias for each unit. A budget that is met exactly is met. Sides come in any order.",
        ),
        Aspect(
            "an end that averages",
            1,
            "averaged",
            _picture_compare(3, 4),
            hint="Let the framework say what comes out, rather than a formula for the flattening.",
            needs=(_SIDE,),
        ),
        Aspect(
            "None where nothing fits",
            1,
            "nothing",
            _picture_compare(4, 5),
            hint="The largest of no sides is None: max(..., default=None).",
            needs=(_SIDE,),
        ),
        Aspect(
            "no memory for any parameter",
            1,
            "memory",
            _picture_memory,
            hints={
                "pytorch": "Make the model inside with torch.device('meta'), and show it a tensor "
                "that is on that device as well.",
                "tensorflow": "compute_output_shape says what comes out of a model that is not "
                "built, and leaves it so. build and a call take memory.",
            },
            needs=(_SIDE,),
        ),
    ),
    version="2",
)


# -- deferred-initialization.average ---------------------------------------------------------------


def _average_inputs(rng: np.random.Generator) -> Inputs:
    inputs, width, out = integer(rng, 2, 5), integer(rng, 2, 5), integer(rng, 2, 4)

    def rounds(number: int) -> list[dict[str, Any]]:
        return [
            {
                "trunk": dense(rng, inputs, width),
                "rare": dense(rng, width, width),
                "head": dense(rng, width, out),
            }
            for _ in range(number)
        ]

    return {
        "decay": round(float(rng.uniform(0.5, 0.95)), 3),
        "rounds": rounds(integer(rng, 3, 4)),
        "late": integer(rng, 1, 2),  # the round before which the rare layer is first used
        "after": rounds(1)[0],
        "names": {part: word(rng) for part in ("trunk", "rare", "head")},
        "x": data(rng, 2, inputs),
    }


_PARTS = ("trunk", "rare", "head")


def _average_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")
    names, x = inputs["names"], framework.tensor(inputs["x"])

    def network() -> tuple[Layer, dict[str, Layer], list[str]]:
        units = {part: inputs["after"][part]["bias"].size for part in _PARTS}
        parts = {part: framework.waiting_dense(units[part], names[part]) for part in _PARTS}
        route: list[str] = []
        return routed({names[part]: parts[part] for part in _PARTS}, route, framework), parts, route

    def visit(net: Layer, route: list[str], *parts: str) -> None:
        route[:] = [names[part] for part in parts]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras speaks of the layer that is not reached
            net(x)

    def write(parts: Mapping[str, Layer], values: Mapping[str, Any], which: Sequence[str]) -> None:
        for part in which:
            kernel, bias = _made(parts[part], framework)
            framework.assign(kernel, stored(values[part]["kernel"], framework.key))
            framework.assign(bias, values[part]["bias"])

    def values(average: Any) -> Any:
        found = average.values()
        if not isinstance(found, list | tuple):
            return {"kind": kind_of(found)}
        return framework.arrays(found)

    def run(early: bool, rare: bool) -> Any:
        net, parts, route = network()
        average = answer(net, inputs["decay"]) if early else None
        if early:
            average.update()  # there is nothing yet
        visit(net, route, *(_PARTS if rare else ("trunk", "head")))
        average = average if early else answer(net, inputs["decay"])
        for number, written in enumerate(inputs["rounds"]):
            which = _PARTS
            if not rare and number == inputs["late"]:
                visit(net, route, *_PARTS)
            if not rare and number < inputs["late"]:
                which = ("trunk", "head")
            write(parts, written, which)
            average.update()
        return average, net, parts

    def apart() -> Any:
        average, net, parts = run(False, True)
        before = values(average)
        write(parts, inputs["after"], _PARTS)  # the network moves on
        held = framework.arrays(_made(net, framework))
        return {"before": before, "after": values(average), "net": held}

    return {
        "built": attempt(lambda: values(run(False, True)[0])),
        "open": attempt(lambda: values(run(True, True)[0])),
        "late": attempt(lambda: values(run(True, False)[0])),
        "apart": attempt(apart),
    }


def _average_expected(inputs: Mapping[str, Any], late: int) -> list[tuple[str, np.ndarray]]:
    """The averages of all parameters; the rare layer takes part from round `late` on."""
    decay, found = inputs["decay"], []
    for part in _PARTS:
        for what in ("kernel", "bias"):
            rounds = [written[part][what].astype(np.float64) for written in inputs["rounds"]]
            value, *rest = rounds[late:] if part == "rare" else rounds
            for one in rest:
                value = decay * value + (1 - decay) * one
            found.append((f"{inputs['names'][part]}, {what}", value))
    return found


def _same_averages(
    found: Any, inputs: Mapping[str, Any], late: int, shown: str, framework: str
) -> None:
    expected = _average_expected(inputs, late)
    if not isinstance(found, list) or len(found) != len(expected):
        got = f"{len(found)} arrays" if isinstance(found, list) else got_text(found)
        raise Unfit(
            f"values(): a list of {len(expected)} arrays is expected, got {got}.\nInput: {shown}"
        )
    for (name, value), one in zip(expected, found, strict=True):
        value = value if value.ndim == 1 else stored(value, framework)
        same_array(one, value, f"Average of {name}", shown)


def _average_text(inputs: Mapping[str, Any]) -> str:
    names, rounds = inputs["names"], inputs["rounds"]
    chain = ", ".join(f"{names[part]} {in_words([rounds[0][part]])}" for part in _PARTS)
    return f"decay {inputs['decay']}, {chain}, {len(rounds)} updates"


def _average_built(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    _same_averages(found, inputs, 0, f"a built net, {_average_text(inputs)}", framework)


def _average_open(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    shown = "a net that is open at first, with an update before its first call, then: "
    _same_averages(found, inputs, 0, shown + _average_text(inputs), framework)


def _average_late(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    late, name = inputs["late"], inputs["names"]["rare"]
    shown = f"{_average_text(inputs)}; {name} first reached after update {late}"
    _same_averages(found, inputs, late, shown, framework)


def _average_apart(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The averages before and after a change are expected.")
    text = _average_text(inputs)
    _same_averages(found.get("before"), inputs, 0, text, framework)
    shown = f"{text}; the net's parameters were overwritten after that"
    _same_averages(found.get("after"), inputs, 0, shown, framework)
    net = found.get("net")
    expected = [inputs["after"][part][what] for part in _PARTS for what in ("kernel", "bias")]
    if not isinstance(net, list) or len(net) != len(expected):
        raise Unfit(f"{len(expected)} parameters of the net are expected.")
    for one, value in zip(net, expected, strict=True):
        value = value if value.ndim == 1 else stored(value, framework)
        same_array(one, value, "Parameter of the net itself", shown)


_AVERAGED = "the average of a built model"

AVERAGE = Question(
    name="deferred-initialization.average",
    title="An average of parameters that are yet to come",
    points=6,
    inputs=_average_inputs,
    probe=_average_probe,
    judge=judge_by(
        Aspect(
            _AVERAGED,
            2,
            "built",
            _average_built,
            hint="decay * average + (1 - decay) * value; the first time, the value as it is. One "
            "array for each parameter, in the framework's order.",
        ),
        Aspect(
            "a model that was open at first",
            1,
            "open",
            _average_open,
            hints={
                "pytorch": "A stand-in has no value to copy. Leave out what is_lazy, and look "
                "again at each update.",
                "tensorflow": "Before the first call the list of weights is empty, and zip over an "
                "empty list does nothing. Look at the weights anew at each update.",
            },
            needs=(_AVERAGED,),
        ),
        Aspect(
            "a layer that comes late",
            2,
            "late",
            _average_late,
            hint="When a layer is reached late, its parameters appear in the middle of the list. "
            "Keep the averages under a name, or under the parameter itself, not by position.",
            needs=(_AVERAGED,),
        ),
        Aspect(
            "values of its own",
            1,
            "apart",
            _average_apart,
            hint="Keep a copy. What shares memory with a parameter follows it wherever it goes.",
            needs=(_AVERAGED,),
        ),
    ),
    version="1",
)

QUESTIONS = (BUILD, LOAD, PICTURE, AVERAGE)
