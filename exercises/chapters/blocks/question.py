"""Questions of the chapter *Layers and blocks*.

Every right answer is recomputed here with NumPy from the inputs: widths, weights and data are drawn
anew for each student, so that numbers, shapes and names known from elsewhere earn nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer
from d2lcompute.checks.networks import (
    by_hand,
    chain_of,
    data,
    data_in_words,
    dense,
    in_words,
    integer,
    make_layers,
    same_arrays,
    same_parameters,
    short,
    stored,
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
    need_class,
    same_array,
    same_plain,
    shapes_of,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]

# -- blocks.sequential -------------------------------------------------------------------------


def _sequential_inputs(rng: np.random.Generator) -> Inputs:
    widths = [integer(rng, 2, 6) for _ in range(integer(rng, 4, 5))]
    chain = chain_of(rng, widths)
    side = integer(rng, 3, 5)
    # Twelve, so that sorting "0" ... "11" as words gives another order; no activation between.
    square = [dense(rng, side, side) for _ in range(12)]
    start = integer(rng, 1, len(chain) - 3)
    count = len(chain)
    return {
        "chain": chain,
        "x": data(rng, integer(rng, 2, 4), widths[0]),
        "square": square,
        "square_x": data(rng, integer(rng, 2, 4), side),
        "twice": dense(rng, side, side),
        "anew": [dense(rng, *part["kernel"].shape) for part in chain if "kernel" in part],
        "names": [word(rng) for _ in range(3)],
        "items": [int(rng.integers(-count, count)) for _ in range(6)],
        "slice": [start, integer(rng, start + 2, count)],
        "inner_x": data(rng, 3, _width_before(chain, start)),
    }


def _width_before(chain: Sequence[Mapping[str, Any]], at: int) -> int:
    """The number of features that part `at` of a chain receives."""
    dense = [part for part in chain[:at] if "kernel" in part]
    return int(dense[-1]["kernel"].shape[1])


def _sequential_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    if any(base.__name__ == "Sequential" for base in answer.__mro__[1:]) or (
        answer.__name__ == "Sequential"
    ):
        raise WrongKind(
            "The built-in Sequential, or a class derived from it, is not the answer: derive from "
            + ("nn.Module." if framework.key == "pytorch" else "keras.Model.")
        )

    def make(blocks: Sequence[Layer]) -> Layer:
        return answer(*blocks) if framework.key == "pytorch" else answer(list(blocks))

    def run(net: Layer, x: np.ndarray) -> np.ndarray:
        return framework.array(net(framework.tensor(x)))

    chain, x = inputs["chain"], inputs["x"]

    def nested() -> Any:
        blocks = make_layers(chain, framework)
        inner = make([make(blocks[1:2]), *blocks[2:-1]])
        return run(make([blocks[0], inner, blocks[-1]]), x)

    def twice() -> Any:
        block = framework.dense(**inputs["twice"])
        return run(make([block, framework.activation("tanh"), block]), inputs["square_x"])

    def kept() -> Any:
        blocks = make_layers(chain, framework)
        net = make(blocks)
        run(net, x)
        for block, part in zip(blocks[::2], inputs["anew"], strict=True):
            framework.set_dense(block, **part)
        return run(net, x)

    def parameters() -> Any:
        net = make(make_layers(chain, framework))
        if framework.key == "pytorch":
            return {name: framework.array(value) for name, value in net.state_dict().items()}
        run(net, x)  # Keras may find them only now
        return [framework.array(weight) for weight in net.weights]

    def names() -> Any:
        first, second, whole = inputs["names"]
        if framework.key == "pytorch":
            blocks = make_layers(chain[:2], framework)
            net = answer(OrderedDict(zip((first, second), blocks, strict=True)))
            return [*net.state_dict(), *(name for name, _ in net.named_children())]
        blocks = [framework.waiting_dense(3, name) for name in (first, second)]
        net = answer(blocks, name=whole)
        run(net, x)
        return [weight.path for weight in net.weights]

    def items() -> Any:
        blocks = make_layers(chain, framework)
        net = make(blocks)
        found = [net[index] for index in inputs["items"]]
        at = [next((n for n, block in enumerate(blocks) if block is one), -1) for one in found]
        return {"length": len(net), "found": at}

    def part() -> Any:
        blocks = make_layers(chain, framework)
        sliced = make(blocks)[slice(*inputs["slice"])]
        before = run(sliced, inputs["inner_x"])
        for block, values in zip(blocks[::2], inputs["anew"], strict=True):
            framework.set_dense(block, **values)
        after = run(sliced, inputs["inner_x"])
        return {"class": isinstance(sliced, answer), "runs": [before, after]}

    return {
        "output": attempt(lambda: run(make(make_layers(chain, framework)), x)),
        "order": attempt(
            lambda: run(make(make_layers(inputs["square"], framework)), inputs["square_x"])
        ),
        "parameters": attempt(parameters),
        "names": attempt(names),
        "nested": attempt(nested),
        "twice": attempt(twice),
        "kept": attempt(kept),
        "items": attempt(items),
        "slice": attempt(part),
    }


def _renewed(inputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The chain with its second set of weights."""
    anew = iter(inputs["anew"])
    return [next(anew) if "kernel" in part else part for part in inputs["chain"]]


def _sequential_output(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    chain, x = inputs["chain"], inputs["x"]
    same_array(found, by_hand(chain, x), "Output", f"{in_words(chain)}; {data_in_words(x)}")


def _sequential_order(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    square, x = inputs["square"], inputs["square_x"]
    shown = f"12 dense layers of width {x.shape[1]} in a row; {data_in_words(x)}"
    same_array(found, by_hand(square, x), "Output", shown)


def _sequential_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    chain = inputs["chain"]
    shown = f"{in_words(chain)}"
    if framework == "pytorch":
        expected = {}
        for n, part in enumerate(chain):
            if "kernel" in part:
                expected[f"{n}.weight"] = part["kernel"].T
                expected[f"{n}.bias"] = part["bias"]
        if not isinstance(found, dict) or list(found) != list(expected):
            keys = short(list(found)) if isinstance(found, dict) else short(found)
            raise Unfit(
                f"Keys of state_dict(): expected {list(expected)}, got {keys}.\nInput: {shown}"
            )
        for key, array in expected.items():
            same_array(found[key], array, f"Parameter {key}", shown)
        return
    arrays = [part[key] for part in chain if "kernel" in part for key in ("kernel", "bias")]
    if not isinstance(found, list) or len(found) != len(arrays):
        number = len(found) if isinstance(found, list) else "no list"
        raise Unfit(f"weights: expected {len(arrays)} arrays, got {number}.\nInput: {shown}")
    for n, (one, array) in enumerate(zip(found, arrays, strict=True)):
        same_array(one, array, f"Array {n} of weights", shown)


def _sequential_names(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    first, second, whole = inputs["names"]
    if framework == "pytorch":
        expected = [f"{first}.weight", f"{first}.bias", first, second]
        made = f"MySequential(OrderedDict({first}=..., {second}=...))"
    else:
        expected = [f"{whole}/{part}/{x}" for part in (first, second) for x in ("kernel", "bias")]
        made = f'MySequential([...], name="{whole}"), blocks named {first} and {second}'
    if not same_plain(found, expected):
        raise Unfit(f"Names: expected {expected}, got {short(found)}.\nInput: {made}")


def _sequential_nested(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    chain, x = inputs["chain"], inputs["x"]
    shown = f"a MySequential in a MySequential in a third: {in_words(chain)}; {data_in_words(x)}"
    same_array(found, by_hand(chain, x), "Output", shown)


def _sequential_twice(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    block, x = inputs["twice"], inputs["square_x"]
    expected = by_hand([block, {"activation": "tanh"}, block], x)
    shown = f"block, tanh, the same block again; {data_in_words(x)}"
    same_array(found, expected, "Output", shown)


def _sequential_kept(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    x = inputs["x"]
    shown = f"the layers you were given got new weights after the first call; {data_in_words(x)}"
    same_array(found, by_hand(_renewed(inputs), x), "Output", shown)


def _sequential_items(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    count = len(inputs["chain"])
    expected = {"length": count, "found": [index % count for index in inputs["items"]]}
    if not isinstance(found, dict) or not same_plain(found.get("length"), count):
        length = found.get("length") if isinstance(found, dict) else None
        raise Unfit(f"len(net): expected {count}, got {short(length)}.")
    places = found.get("found")
    if not same_plain(places, expected["found"]):
        wrong = short(places)
        raise Unfit(
            f"net[i] for i in {inputs['items']}: expected blocks number {expected['found']}, "
            f"got {wrong} (-1: none of those you were given)."
        )


def _sequential_slice(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    start, stop = inputs["slice"]
    x = inputs["inner_x"]
    what = f"net[{start}:{stop}]"
    if not isinstance(found, dict) or not isinstance(found.get("runs"), list):
        raise Unfit(f"{what}: a MySequential is expected.")
    runs = found["runs"]
    if len(runs) != 2 or found.get("class") is not True:
        raise Unfit(f"{what}: an object of the same class is expected.")
    shown = f"{in_words(inputs['chain'][start:stop])}; {data_in_words(x)}"
    same_array(runs[0], by_hand(inputs["chain"][start:stop], x), f"Output of {what}", shown)
    new = f"the same, after net's own layers got new weights; {data_in_words(x)}"
    same_array(runs[1], by_hand(_renewed(inputs)[start:stop], x), f"Output of {what}", new)


SEQUENTIAL = Question(
    name="blocks.sequential",
    title="A Sequential that can be indexed",
    points=10,
    inputs=_sequential_inputs,
    probe=_sequential_probe,
    judge=judge_by(
        Aspect(
            "output of a chain",
            1,
            "output",
            _sequential_output,
            hint="Pass the output of each block to the next, and return the last one.",
        ),
        Aspect(
            "order of the blocks",
            1,
            "order",
            _sequential_order,
            hint="Blocks run in the order in which they were given. Do not sort their names: as "
            'words, "10" comes before "2".',
        ),
        Aspect(
            "parameters and their addresses",
            2,
            "parameters",
            _sequential_parameters,
            hints={
                "pytorch": "PyTorch finds a layer that is registered under a name of its own: "
                'self.add_module("0", block). A plain list hides it, and a container inside '
                "yours adds its own name to every address.",
                "tensorflow": "Keras finds layers in a list that is assigned to self, after "
                "super().__init__().",
            },
        ),
        Aspect(
            "names of your own",
            1,
            "names",
            _sequential_names,
            hints={
                "pytorch": "One argument that is an OrderedDict brings the names with it.",
                "tensorflow": "Pass **kwargs on to super().__init__().",
            },
        ),
        Aspect(
            "blocks inside blocks",
            1,
            "nested",
            _sequential_nested,
            hint="A MySequential is a block like any other: call it as you call the others.",
        ),
        Aspect(
            "a block used twice",
            1,
            "twice",
            _sequential_twice,
            hint="children(), a set or a dictionary keyed by the block meets each block once.",
        ),
        Aspect(
            "the layers you were given",
            1,
            "kept",
            _sequential_kept,
            hint="Keep the blocks themselves. A copy, or a new layer of the same shape, no longer "
            "follows the one that the caller holds.",
        ),
        Aspect(
            "length and items",
            1,
            "items",
            _sequential_items,
            hint="Write __len__ and __getitem__; a list does the counting from the end for you.",
        ),
        Aspect(
            "slices",
            1,
            "slice",
            _sequential_slice,
            hint="For net[1:3] Python passes a slice object to __getitem__. Return a new "
            "MySequential of the same layers.",
        ),
    ),
    version="1",
)


# -- blocks.residual -----------------------------------------------------------------------------


def _residual_case(rng: np.random.Generator, inputs: int, outputs: int) -> Inputs:
    rows = integer(rng, 2, 5)
    projection = rng.normal(0, inputs**-0.5, (inputs, outputs)).astype(np.float32)
    return {
        "widths": [inputs, outputs],
        "first": dense(rng, inputs, outputs),
        "second": dense(rng, outputs, outputs),
        "projection": None if inputs == outputs else projection,
        "x": data(rng, rows, inputs),
        "v": data(rng, rows, outputs),
    }


def _residual_inputs(rng: np.random.Generator) -> Inputs:
    equal, narrow = integer(rng, 3, 7), integer(rng, 2, 6)
    return {
        "equal": _residual_case(rng, equal, equal),
        "different": _residual_case(rng, narrow, narrow + integer(rng, 1, 3)),
    }


def _residual_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)

    def ready(case: Inputs) -> tuple[Layer, list[Layer]]:
        net = answer(*case["widths"])
        net(framework.tensor(case["x"]))  # makes what waits for a first input
        parts = [net.first, net.second]
        framework.set_dense(net.first, **case["first"])
        framework.set_dense(net.second, **case["second"])
        if case["projection"] is not None:
            parts.append(net.projection)
            framework.set_dense(net.projection, case["projection"], None)
        return net, parts

    def outputs(case: Inputs) -> Any:
        net, _ = ready(case)
        x = framework.tensor(case["x"])
        return [framework.array(net(x)) for _ in range(2)]  # the second time on the same tensor

    def parameters(case: Inputs) -> Any:
        net, _ = ready(case)
        return framework.arrays(framework.registered(net))

    def gradients(case: Inputs) -> Any:
        net, parts = ready(case)
        x = framework.tensor(case["x"])
        return framework.dense_gradients(lambda: framework.weighted_sum(net(x), case["v"]), parts)

    def input_gradient(case: Inputs) -> Any:
        net, _ = ready(case)
        x = framework.tensor(case["x"])
        return framework.gradients(lambda: framework.weighted_sum(net(x), case["v"]), [x])[0]

    found: Outputs = {}
    for name in ("equal", "different"):
        case = inputs[name]
        found[f"{name}_output"] = attempt(lambda case=case: outputs(case))
        found[f"{name}_parameters"] = attempt(lambda case=case: parameters(case))
        found[f"{name}_gradients"] = attempt(lambda case=case: gradients(case))
        found[f"{name}_input"] = attempt(lambda case=case: input_gradient(case))
    both = ("parameters", "gradients", "input")
    return {**{what: _pair(found, what) for what in both}, **found}


def _pair(found: Outputs, what: str) -> list[Any]:
    return [found.pop(f"{name}_{what}") for name in ("equal", "different")]


def _residual_forward(case: Mapping[str, Any]) -> dict[str, np.ndarray]:
    x = case["x"].astype(np.float64)
    before = x @ case["first"]["kernel"] + case["first"]["bias"]
    hidden = np.maximum(before, 0)
    shortcut = x if case["projection"] is None else x @ case["projection"]
    y = hidden @ case["second"]["kernel"] + case["second"]["bias"] + shortcut
    return {"x": x, "before": before, "hidden": hidden, "y": y}


def _residual_backward(case: Mapping[str, Any]) -> dict[str, np.ndarray]:
    at, v = _residual_forward(case), case["v"].astype(np.float64)
    back = (v @ case["second"]["kernel"].T) * (at["before"] > 0)
    shortcut = v if case["projection"] is None else v @ case["projection"].T
    gradients = {
        "first kernel": at["x"].T @ back,
        "first bias": back.sum(0),
        "second kernel": at["hidden"].T @ v,
        "second bias": v.sum(0),
    }
    if case["projection"] is not None:
        gradients["projection kernel"] = at["x"].T @ v
    gradients["input"] = back @ case["first"]["kernel"].T + shortcut
    return gradients


def _residual_text(case: Mapping[str, Any]) -> str:
    return f"Residual({case['widths'][0]}, {case['widths'][1]}); {data_in_words(case['x'])}"


def _residual_output(name: str) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        case = inputs[name]
        if not isinstance(found, list) or len(found) != 2:
            raise Unfit("Two outputs are expected.")
        expected, shown = _residual_forward(case)["y"], _residual_text(case)
        same_array(found[0], expected, "Output", shown)
        same_array(found[1], expected, "Output of a second call with the same tensor", shown)

    return compare


def _residual_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, list) or len(found) != 2:
        raise Unfit("The parameters of two blocks are expected.")
    for name, arrays in zip(("equal", "different"), found, strict=True):
        if (error := error_in(arrays)) is not None:
            raise Unfit(error)
        case = inputs[name]
        expected = []
        for part in ("first", "second"):
            kernel = stored(case[part]["kernel"], framework)
            expected += [(f"kernel of {part}", kernel), (f"bias of {part}", case[part]["bias"])]
        if case["projection"] is not None:
            expected.append(("kernel of projection", stored(case["projection"], framework)))
        try:
            same_parameters(arrays, expected)
        except Unfit as problem:
            raise Unfit(f"{problem}\nInput: Residual{tuple(case['widths'])}") from None


def _residual_gradients(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != 2:
        raise Unfit("The gradients of two blocks are expected.")
    for which, groups in zip(("equal", "different"), found, strict=True):
        if (error := error_in(groups)) is not None:
            raise Unfit(error)
        case = inputs[which]
        expected, shown = _residual_backward(case), _residual_text(case)
        names = [["first kernel", "first bias"], ["second kernel", "second bias"]]
        if case["projection"] is not None:
            names.append(["projection kernel"])
        if not isinstance(groups, list) or len(groups) != len(names):
            raise Unfit(f"Gradients of {len(names)} layers are expected.\nInput: {shown}")
        for group, arrays in zip(names, groups, strict=True):
            if not isinstance(arrays, list) or len(arrays) != len(group):
                raise Unfit(f"Gradients of {', '.join(group)} are expected.\nInput: {shown}")
            for name, array in zip(group, arrays, strict=True):
                if array is None:
                    raise Unfit(f"No gradient reaches {name}.\nInput: {shown}")
                same_array(array, expected[name], f"Gradient of {name}", shown)


def _residual_input(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != 2:
        raise Unfit("The gradients of two inputs are expected.")
    for name, array in zip(("equal", "different"), found, strict=True):
        case = inputs[name]
        if array is None:
            raise Unfit(f"No gradient reaches the input.\nInput: {_residual_text(case)}")
        expected = _residual_backward(case)["input"]
        same_array(array, expected, "Gradient of the input", _residual_text(case))


_DETACHED = {
    "pytorch": "The shortcut is part of the computation: no detach(), no no_grad(), no .data.",
    "tensorflow": "The shortcut is part of the computation: no tf.stop_gradient, no .numpy().",
}

RESIDUAL = Question(
    name="blocks.residual",
    title="A residual block",
    points=6,
    inputs=_residual_inputs,
    probe=_residual_probe,
    judge=judge_by(
        Aspect(
            "equal widths",
            1,
            "equal_output",
            _residual_output("equal"),
            hint="second(relu(first(X))) + X: the ReLU stands between the two layers and not "
            "after the sum, and X itself is not changed.",
        ),
        Aspect(
            "different widths",
            1,
            "different_output",
            _residual_output("different"),
            hint="second(relu(first(X))) + projection(X): where the widths differ, X cannot be "
            "added as it is.",
        ),
        Aspect(
            "parameters",
            2,
            "parameters",
            _residual_parameters,
            hint="first and second with a bias; a projection without one, and only where the "
            "widths differ. All made in __init__.",
        ),
        Aspect(
            "a gradient for every parameter",
            1,
            "gradients",
            _residual_gradients,
            hints=_DETACHED,
        ),
        Aspect("a gradient for the input", 1, "input", _residual_input, hints=_DETACHED),
    ),
    version="1",
)


# -- blocks.parallel -----------------------------------------------------------------------------


def _parallel_inputs(rng: np.random.Generator) -> Inputs:
    width, out = integer(rng, 2, 5), integer(rng, 2, 5)
    x = data(rng, integer(rng, 2, 4), integer(rng, 2, 4), width)  # (examples, steps, features)
    concat = [dense(rng, width, integer(rng, 2, 5)) for _ in range(integer(rng, 3, 5))]
    total = sum(part["kernel"].shape[1] for part in concat)
    return {
        "x": x,
        "sum": [dense(rng, width, out) for _ in range(integer(rng, 3, 6))],
        "concat": concat,
        "v": data(rng, x.shape[0], x.shape[1], total),
        "counts": [integer(rng, 1, 9) for _ in range(4)],
        "unknown": word(rng),
    }


def _parallel_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)

    class Maker:
        """Returns a new branch each time, with the next of the given values."""

        def __init__(self, parts: Sequence[Mapping[str, Any]]) -> None:
            self.parts, self.made = parts, []

        def __call__(self) -> Layer:
            part = self.parts[len(self.made) % len(self.parts)]
            self.made.append(framework.dense(part["kernel"], part["bias"]))
            return self.made[-1]

    def output(merge: str) -> Any:
        make = Maker(inputs[merge])
        net = answer(make, len(inputs[merge]), merge)
        return framework.array(net(framework.tensor(inputs["x"])))

    def made() -> Any:
        found = []
        for count in inputs["counts"]:
            make = Maker(inputs["sum"])
            net = answer(make, count, "sum")
            before = len(make.made)
            for _ in range(2):
                net(framework.tensor(inputs["x"]))
            found.append([before, len(make.made)])
        return found

    def parameters() -> Any:
        net = answer(Maker(inputs["concat"]), len(inputs["concat"]), "concat")
        if framework.key == "tensorflow":
            net(framework.tensor(inputs["x"]))  # Keras may find them only now
        return framework.arrays(framework.registered(net))

    def gradients() -> Any:
        make = Maker(inputs["concat"])
        net = answer(make, len(inputs["concat"]), "concat")
        x = framework.tensor(inputs["x"])
        loss = lambda: framework.weighted_sum(net(x), inputs["v"])  # noqa: E731
        return framework.dense_gradients(loss, make.made)

    def refusal() -> Any:
        try:
            net = answer(Maker(inputs["sum"]), len(inputs["sum"]), inputs["unknown"])
        except ValueError as error:
            return str(error)[:300]
        try:
            net(framework.tensor(inputs["x"]))
        except ValueError:
            return "!raised only when the block was called"
        return "!nothing was raised"

    return {
        "sum": attempt(lambda: output("sum")),
        "concat": attempt(lambda: output("concat")),
        "made": attempt(made),
        "parameters": attempt(parameters),
        "gradients": attempt(gradients),
        "refusal": attempt(refusal),
    }


def _parallel_text(inputs: Mapping[str, Any], merge: str) -> str:
    return f'{len(inputs[merge])} branches, merge="{merge}"; {data_in_words(inputs["x"])}'


def _parallel_sum(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = np.sum([by_hand([part], inputs["x"]) for part in inputs["sum"]], axis=0)
    same_array(found, expected, "Output", _parallel_text(inputs, "sum"))


def _parallel_concat(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    parts = [by_hand([part], inputs["x"]) for part in inputs["concat"]]
    widths = [part.shape[-1] for part in parts]
    shown = f"branches that give {widths} features, {_parallel_text(inputs, 'concat')}"
    same_array(found, np.concatenate(parts, axis=-1), "Output", shown)


def _parallel_made(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    made = shapes_of(found)
    counts = inputs["counts"]
    if len(made) != len(counts) or any(len(pair) != 2 for pair in made):
        raise Unfit("Two counts for each block are expected.")
    for count, (before, after) in zip(counts, made, strict=True):
        if before != count:
            raise Unfit(f"Branches made: expected {count}, got {before}.\nInput: n = {count}")
        if after != before:
            raise Unfit(
                f"Branches made: {before} in __init__, and {after - before} more during two "
                f"calls, where none is expected.\nInput: n = {count}"
            )


def _parallel_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = []
    for n, part in enumerate(inputs["concat"]):
        expected.append((f"kernel of branch {n}", stored(part["kernel"], framework)))
        expected.append((f"bias of branch {n}", part["bias"]))
    same_parameters(found, expected)


def _parallel_gradients(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    parts = inputs["concat"]
    if not isinstance(found, list) or len(found) != len(parts):
        number = len(found) if isinstance(found, list) else 0
        raise Unfit(f"Gradients of {len(parts)} branches are expected, got those of {number}.")
    flat = inputs["x"].astype(np.float64).reshape(-1, inputs["x"].shape[-1])
    at = 0
    for n, (part, pair) in enumerate(zip(parts, found, strict=True)):
        width = part["kernel"].shape[1]
        v = inputs["v"].astype(np.float64)[..., at : at + width].reshape(-1, width)
        at += width
        expected = [flat.T @ v, v.sum(0)]
        if not isinstance(pair, list) or len(pair) != 2 or any(one is None for one in pair):
            raise Unfit(
                f"No gradient reaches branch {n}.\nInput: {_parallel_text(inputs, 'concat')}"
            )
        for one, array, what in zip(pair, expected, ("kernel", "bias"), strict=True):
            text = _parallel_text(inputs, "concat")
            same_array(one, array, f"Gradient of branch {n}, {what}", text)


def _parallel_refusal(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    unknown = inputs["unknown"]
    if not isinstance(found, str) or unknown not in found:
        said = found if isinstance(found, str) else "nothing"
        got = said[1:] if said.startswith("!") else f"the message {said!r}"
        raise Unfit(
            f"A ValueError that names the merge it was given is expected from __init__; got: "
            f'{got}.\nInput: merge="{unknown}"'
        )


PARALLEL = Question(
    name="blocks.parallel",
    title="Branches side by side",
    points=7,
    inputs=_parallel_inputs,
    probe=_parallel_probe,
    judge=judge_by(
        Aspect(
            "the sum of the branches",
            1,
            "sum",
            _parallel_sum,
            hint="Every branch gets the same X. [make()] * n is one branch, n times over.",
        ),
        Aspect(
            "the branches joined",
            2,
            "concat",
            _parallel_concat,
            hint="Join along the last axis, the features. With three axes it is not number 1.",
        ),
        Aspect(
            "branches made once, in __init__",
            1,
            "made",
            _parallel_made,
            hint="Call make n times in __init__, and never in forward or call.",
            needs=("the sum of the branches",),
        ),
        Aspect(
            "parameters of every branch",
            1,
            "parameters",
            _parallel_parameters,
            hints={
                "pytorch": "A plain list hides its layers from PyTorch; nn.ModuleList does not.",
                "tensorflow": "Assign the list of branches to self, after super().__init__().",
            },
        ),
        Aspect(
            "a gradient for every branch",
            1,
            "gradients",
            _parallel_gradients,
            hint="Each branch is a layer of its own, and nothing may cut it off from the output.",
        ),
        Aspect(
            "an unknown merge is refused",
            1,
            "refusal",
            _parallel_refusal,
            hint="Say what was given: raise ValueError(f'... {merge!r} ...') in __init__.",
            needs=("the sum of the branches",),
        ),
    ),
    version="1",
)


# -- blocks.calls ----------------------------------------------------------------------------------


def _calls_inputs(rng: np.random.Generator) -> Inputs:
    inputs, outputs = integer(rng, 2, 6), integer(rng, 2, 6)
    rows = [integer(rng, 1, 9) for _ in range(integer(rng, 4, 7))]
    return {
        "dense": dense(rng, inputs, outputs),
        "xs": [data(rng, n, inputs) for n in rows],
        "other_rows": [integer(rng, 1, 9) for _ in range(integer(rng, 2, 3))],
        "penalty": round(float(rng.uniform(0.1, 0.9)), 3),
    }


def _calls_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    dense = inputs["dense"]
    xs = [framework.tensor(x) for x in inputs["xs"]]

    def record(net: Layer) -> Any:
        return {
            "calls": int(net.calls),
            "shapes": [[int(size) for size in shape] for shape in net.shapes],
        }

    def output() -> Any:
        net = answer(framework.dense(**dense))
        return [framework.array(net(x)) for x in xs]

    def counted() -> Any:
        net = answer(framework.dense(**dense))
        for x in xs:
            net(x)
        return record(net)

    def apart() -> Any:
        nets = [answer(framework.dense(**dense)) for _ in range(2)]
        for x in xs:
            nets[0](x)
        for rows in inputs["other_rows"]:
            nets[1](framework.tensor(np.ones((rows, dense["kernel"].shape[0]))))
        return [record(net) for net in nets]

    def waiting() -> Any:
        block = framework.waiting_dense(dense["kernel"].shape[1])
        net = answer(block)
        net(xs[0])
        framework.set_dense(block, **dense)
        values = [framework.array(net(x)) for x in xs[1:]]
        return {"outputs": values, **record(net)}

    def machinery() -> Any:
        return framework.recorded(dense["kernel"], dense["bias"], answer, xs, inputs["penalty"])

    def parameters() -> Any:
        net = answer(framework.dense(**dense))
        net(xs[0])
        return framework.arrays(framework.registered(net))

    return {
        "output": attempt(output),
        "counted": attempt(counted),
        "apart": attempt(apart),
        "machinery": attempt(machinery),
        "waiting": attempt(waiting),
        "parameters": attempt(parameters),
    }


def _calls_text(inputs: Mapping[str, Any]) -> str:
    rows = [x.shape[0] for x in inputs["xs"]]
    return f"{in_words([inputs['dense']])}, called with {rows} examples"


def _calls_output(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    same_arrays(found, [by_hand([inputs["dense"]], x) for x in inputs["xs"]], _calls_text(inputs))


def _same_record(found: Any, rows: Sequence[int], width: int, shown: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The attributes calls and shapes are expected.")
    expected = [(n, width) for n in rows]
    if type(found.get("calls")) is not int or found["calls"] != len(rows):
        got = short(found.get("calls"))
        raise Unfit(f"calls: expected {len(rows)}, got {got}.\nInput: {shown}")
    if shapes_of(found.get("shapes")) != expected:
        got = short([tuple(shape) for shape in found["shapes"]])
        raise Unfit(f"shapes: expected {expected}, got {got}.\nInput: {shown}")


def _calls_counted(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    rows = [x.shape[0] for x in inputs["xs"]]
    _same_record(found, rows, inputs["dense"]["bias"].size, _calls_text(inputs))


def _calls_apart(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != 2:
        raise Unfit("The records of two objects are expected.")
    width = inputs["dense"]["bias"].size
    first, second = [x.shape[0] for x in inputs["xs"]], inputs["other_rows"]
    shown = f"two objects, called with {first} and with {second} examples"
    _same_record(found[0], first, width, f"{shown}; this is the first")
    _same_record(found[1], second, width, f"{shown}; this is the second")


def _calls_machinery(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    outputs = [by_hand([inputs["dense"]], x) for x in inputs["xs"]]
    text = _calls_text(inputs)
    if framework == "pytorch":
        if not isinstance(found, list) or len(found) != len(outputs):
            number = len(found) if isinstance(found, list) else 0
            raise Unfit(
                f"A hook on the inner block: expected to run {len(outputs)} times, ran {number}."
                f"\nInput: {text}"
            )
        same_arrays(found, outputs, text)
        return
    # Keras takes the mean over the examples.
    expected = np.array([inputs["penalty"] * np.square(y).sum() / len(y) for y in outputs])
    shown = f"{text}, with activity_regularizer=L2({inputs['penalty']}) on the inner block"
    same_array(found, expected, "Penalties on record after each call", shown)


def _calls_waiting(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = f"{_calls_text(inputs)}; the block waits for its first input"
    if not isinstance(found, dict):
        raise Unfit("Outputs, calls and shapes are expected.")
    same_arrays(
        found.get("outputs"), [by_hand([inputs["dense"]], x) for x in inputs["xs"][1:]], shown
    )
    rows = [x.shape[0] for x in inputs["xs"]]
    _same_record(found, rows, inputs["dense"]["bias"].size, shown)


def _calls_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    dense = inputs["dense"]
    kernel = stored(dense["kernel"], framework)
    same_parameters(found, [("kernel of the block", kernel), ("bias of the block", dense["bias"])])


_OBJECT = "Call the object, block(X): its method alone skips what the framework does around it."

CALLS = Question(
    name="blocks.calls",
    title="A block that keeps a record",
    points=6,
    inputs=_calls_inputs,
    probe=_calls_probe,
    judge=judge_by(
        Aspect(
            "the block's output",
            1,
            "output",
            _calls_output,
            hint="Return what the inner block returns, unchanged.",
        ),
        Aspect(
            "calls and shapes",
            1,
            "counted",
            _calls_counted,
            hint="After each call, add one to self.calls and the output's shape, as a tuple, to "
            "self.shapes.",
        ),
        Aspect(
            "each object for itself",
            1,
            "apart",
            _calls_apart,
            hint="Make the counter and the list in __init__. On the class, or as the default of "
            "an argument, one list serves all objects.",
        ),
        Aspect("the framework's own steps", 1, "machinery", _calls_machinery, hint=_OBJECT),
        Aspect(
            "a block that waits for its first input",
            1,
            "waiting",
            _calls_waiting,
            hints={
                "pytorch": _OBJECT,
                "tensorflow": "Keras runs call once with a placeholder where it has to find out "
                "how to build the inner block, and that run is no call. Give your class a build "
                "that builds self.block, or count in __call__.",
            },
        ),
        Aspect(
            "the block's parameters",
            1,
            "parameters",
            _calls_parameters,
            hint="Assign the block to self, so that the framework finds its parameters.",
            needs=("the block's output",),
        ),
    ),
    version="1",
)


# -- blocks.lost-layer ---------------------------------------------------------------------------


def _lost_inputs(rng: np.random.Generator) -> Inputs:
    inputs, width, outputs = integer(rng, 2, 5), integer(rng, 3, 6), integer(rng, 2, 5)
    depth, rows = integer(rng, 2, 4), integer(rng, 3, 5)
    widths = [inputs, *[width] * depth]
    return {
        "sizes": [inputs, width, outputs, depth],
        "hidden": [dense(rng, *pair) for pair in pairwise(widths)],
        "scale": rng.uniform(0.5, 1.5, width).astype(np.float32),
        "head": dense(rng, width, outputs),
        "x": data(rng, rows, inputs),
        "v": data(rng, rows, outputs),
        "rate": round(float(rng.uniform(0.05, 0.2)), 3),
    }


def _lost_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    x = framework.tensor(inputs["x"])

    def ready() -> Layer:
        net = answer(*inputs["sizes"])
        net(x)  # makes what waits for a first input
        for layer, part in zip(net.hidden, inputs["hidden"], strict=True):
            framework.set_dense(layer, **part)
        framework.assign(net.scale, inputs["scale"])
        framework.set_dense(net.head, **inputs["head"])
        return net

    def parameters() -> Any:
        return framework.arrays(framework.registered(ready()))

    def outputs() -> Any:
        net = ready()
        return [framework.array(net(x)) for _ in range(2)]

    def stepped() -> Any:
        net = ready()
        framework.step(net, lambda: framework.weighted_sum(net(x), inputs["v"]), inputs["rate"])
        layers = [*net.hidden, net.head]
        return {
            "layers": [framework.dense_values(layer) for layer in layers],
            "scale": framework.array(net.scale),
        }

    return {
        "parameters": attempt(parameters),
        "outputs": attempt(outputs),
        "stepped": attempt(stepped),
    }


def _lost_forward(inputs: Mapping[str, Any]) -> tuple[list[np.ndarray], np.ndarray]:
    values = [inputs["x"].astype(np.float64)]
    for part in inputs["hidden"]:
        values.append(np.maximum(values[-1] @ part["kernel"] + part["bias"], 0))
    head = inputs["head"]
    return values, (values[-1] * inputs["scale"]) @ head["kernel"] + head["bias"]


def _lost_text(inputs: Mapping[str, Any]) -> str:
    return f"Tower{tuple(inputs['sizes'])}; {data_in_words(inputs['x'])}"


def _lost_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = []
    parts = [(f"hidden[{n}]", part) for n, part in enumerate(inputs["hidden"])]
    for name, part in [*parts, ("head", inputs["head"])]:
        expected.append((f"kernel of {name}", stored(part["kernel"], framework)))
        expected.append((f"bias of {name}", part["bias"]))
    expected.append(("scale", inputs["scale"]))
    try:
        same_parameters(found, expected)
    except Unfit as problem:
        raise Unfit(f"{problem}\nInput: Tower{tuple(inputs['sizes'])}") from None


def _lost_outputs(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != 2:
        raise Unfit("Two outputs are expected.")
    expected = _lost_forward(inputs)[1]
    for number, one in zip(("first", "second"), found, strict=True):
        same_array(one, expected, f"Output of the {number} of two calls", _lost_text(inputs))


def _lost_stepped(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict) or not isinstance(found.get("layers"), list):
        raise Unfit("The parameters after one step are expected.")
    values, _ = _lost_forward(inputs)
    rate, v = inputs["rate"], inputs["v"].astype(np.float64)
    head, scale = inputs["head"], inputs["scale"].astype(np.float64)
    back = v @ head["kernel"].T  # of what enters the head
    after: list[tuple[str, np.ndarray, np.ndarray]] = [
        ("head", (values[-1] * scale).T @ v, v.sum(0)),
    ]
    of_scale = (back * values[-1]).sum(0)
    back = back * scale
    for n in reversed(range(len(inputs["hidden"]))):
        back = back * (values[n + 1] > 0)
        after.insert(0, (f"hidden[{n}]", values[n].T @ back, back.sum(0)))
        back = back @ inputs["hidden"][n]["kernel"].T
    parts = [*inputs["hidden"], head]
    layers = found["layers"]
    if len(layers) != len(parts):
        raise Unfit(f"{len(parts)} layers are expected, got {len(layers)}.")
    shown = f"{_lost_text(inputs)}; one step of gradient descent, rate {rate}"
    for (name, *gradients), part, pair in zip(after, parts, layers, strict=True):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unfit(f"{name}: a kernel and a bias are expected.")
        for what, gradient, one in zip(("kernel", "bias"), gradients, pair, strict=True):
            _moved(one, part[what], gradient, rate, f"{name}, {what}", shown)
    _moved(found.get("scale"), inputs["scale"], of_scale, rate, "scale", shown)


def _moved(
    found: Any, before: np.ndarray, gradient: np.ndarray, rate: float, name: str, shown: str
) -> None:
    before = before.astype(np.float64)
    expected = before - rate * gradient
    unmoved = (
        isinstance(found, np.ndarray)
        and found.shape == before.shape
        and found.dtype.kind == "f"
        and np.array_equal(found.astype(np.float64), before)
    )
    if unmoved and np.abs(rate * gradient).max() > 1e-6:
        raise Unfit(f"{name}: the step has not moved it.\nInput: {shown}")
    same_array(found, expected, f"{name} after the step", shown)


LOST_LAYER = Question(
    name="blocks.lost-layer",
    title="Find the layers that do not train",
    points=6,
    inputs=_lost_inputs,
    probe=_lost_probe,
    judge=judge_by(
        Aspect(
            "every parameter is registered",
            2,
            "parameters",
            _lost_parameters,
            hints={
                "pytorch": "PyTorch finds layers assigned to self or kept in an nn.ModuleList, and "
                "tensors that are an nn.Parameter. Nothing else.",
                "tensorflow": "Keras finds layers assigned to self, and variables made by "
                "self.add_weight. It does not find a tf.Variable.",
            },
        ),
        Aspect(
            "the output",
            2,
            "outputs",
            _lost_outputs,
            hint="Layers are made in __init__, once. One made in forward or call is new, and "
            "random, each time. Do not change what is computed.",
        ),
        Aspect(
            "one step moves everything",
            2,
            "stepped",
            _lost_stepped,
            hints={
                "pytorch": "A gradient has to find its way back to the first layer: look for a "
                "detach().",
                "tensorflow": "A gradient has to find its way back to the first layer: look for a "
                "tf.stop_gradient.",
            },
        ),
    ),
    version="1",
)

QUESTIONS = (SEQUENTIAL, RESIDUAL, PARALLEL, CALLS, LOST_LAYER)
