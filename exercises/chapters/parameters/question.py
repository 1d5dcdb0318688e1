"""Questions of the chapter *Parameters: access, count, write, tie*.

Networks are drawn as plain data, with names, widths and numbers of their own. Which arrays must
train, which numbers must be back, and what a gradient is follow from that data alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer, Tensor
from d2lcompute.checks.networks import (
    data,
    data_in_words,
    dense,
    integer,
    same_parameters,
    stored,
    word,
)
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    attempt,
    brief,
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

# -- parameters.train-only ---------------------------------------------------------------------

# A tree: {"name", "blocks": [trees]}, or a leaf, which is one of {"name", "id", "kernel", "bias"},
# {"name", "features", "scale", "shift"} for a batch normalization, and {"name", "activation"}.
# Two leaves with the same id are one layer in two places.


def _leaf(rng: np.random.Generator, ident: int, *widths: int) -> Inputs:
    return {"name": word(rng), "id": ident, **dense(rng, *widths)}


def _activation(rng: np.random.Generator) -> Inputs:
    return {"name": word(rng), "activation": str(rng.choice(["relu", "tanh", "sigmoid"]))}


def _normalization(rng: np.random.Generator, features: int) -> Inputs:
    values = rng.uniform(0.5, 1.5, (2, features)).astype(np.float32)
    return {"name": word(rng), "features": features, "scale": values[0], "shift": values[1]}


def _tree(name: str, *blocks: Inputs) -> Inputs:
    return {"name": name, "blocks": list(blocks)}


def _plain_case(rng: np.random.Generator, deep: bool) -> Inputs:
    a, b, c, d, e = (integer(rng, 2, 20) for _ in range(5))
    stack, name = word(rng), word(rng)
    block = _tree(name, _leaf(rng, 0, a, b), _activation(rng), _leaf(rng, 1, b, c))
    # Its name begins with the other's.
    longer = _tree(name + word(rng)[0], _leaf(rng, 2, c, d), _activation(rng))
    head = _leaf(rng, 3, d, e)
    path = [stack, name]
    if deep:
        path.append(block["blocks"][integer(rng, 0, 1) * 2]["name"])
    return {
        "net": _tree(word(rng), _tree(stack, block, longer), head),
        "path": path,
        "features": a,
    }


def _statistics_case(rng: np.random.Generator) -> Inputs:
    a, b, c, d = (integer(rng, 2, 20) for _ in range(4))
    body = _tree(
        word(rng),
        _leaf(rng, 0, a, b),
        _normalization(rng, b),
        _activation(rng),
        _leaf(rng, 1, b, c),
    )
    net = _tree(word(rng), body, _normalization(rng, c), _leaf(rng, 2, c, d))
    return {"net": net, "path": [body["name"]], "features": a}


def _shared_case(rng: np.random.Generator) -> Inputs:
    a, b, c = (integer(rng, 2, 20) for _ in range(3))
    both = _leaf(rng, 0, a, a)
    first = _tree(word(rng), both, _activation(rng))
    body = _tree(word(rng), both, _activation(rng), _leaf(rng, 1, a, b))
    last = _tree(word(rng), _leaf(rng, 2, b, c))
    return {"net": _tree(word(rng), first, body, last), "path": [body["name"]], "features": a}


def _train_only_inputs(rng: np.random.Generator) -> Inputs:
    return {
        "plain": [_plain_case(rng, deep) for deep in (False, True)],
        "statistics": [_statistics_case(rng)],
        "shared": [_shared_case(rng)],
    }


def _grow(tree: Mapping[str, Any], framework: Framework, made: dict[int, Layer]) -> Layer:
    """A tree as a network of the framework."""
    if "blocks" in tree:
        blocks = {part["name"]: _grow(part, framework, made) for part in tree["blocks"]}
        return framework.named(blocks, tree["name"])
    if "activation" in tree:
        return framework.activation(tree["activation"])
    if "features" in tree:
        layer = framework.normalization(tree["features"])
        scale, shift = framework.registered(layer)
        framework.assign(scale, tree["scale"])
        framework.assign(shift, tree["shift"])
        return layer
    if tree["id"] not in made:
        made[tree["id"]] = framework.dense(tree["kernel"], tree["bias"])
    return made[tree["id"]]


def _train_only_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def one(case: Inputs) -> Any:
        net = _grow(case["net"], framework, {})
        net(framework.tensor(np.ones((2, case["features"]))))
        numbers = answer(net, list(case["path"]))
        pair = list(numbers)[:3] if isinstance(numbers, tuple | list) else [numbers]
        return {
            "trained": framework.arrays(framework.registered(net)),
            "numbers": [int(n) if hasattr(n, "__index__") else kind_of(n) for n in pair],
        }

    found = {
        name: [attempt(lambda case=case: one(case)) for case in cases]
        for name, cases in inputs.items()
    }
    return {**found, "numbers": [one for cases in found.values() for one in cases]}


def _leaves(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "blocks" not in tree:
        yield tree
    for part in tree.get("blocks", []):
        yield from _leaves(part)


def _below(tree: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    for name in path:
        tree = next(part for part in tree["blocks"] if part["name"] == name)
    return tree


def _arrays_of(tree: Mapping[str, Any], framework: str) -> list[tuple[str, np.ndarray]]:
    """What of a tree can be trained, each array once."""
    found: list[tuple[str, np.ndarray]] = []
    seen: set[int] = set()
    for leaf in _leaves(tree):
        name = leaf["name"]
        if "features" in leaf:
            found += [(f"scale of {name}", leaf["scale"]), (f"shift of {name}", leaf["shift"])]
        elif "id" in leaf and leaf["id"] not in seen:
            seen.add(leaf["id"])
            found += [(f"kernel of {name}", stored(leaf["kernel"], framework))]
            found += [(f"bias of {name}", leaf["bias"])]
    return found


def _tree_text(tree: Mapping[str, Any]) -> str:
    if "blocks" in tree:
        return f"{tree['name']}({', '.join(_tree_text(part) for part in tree['blocks'])})"
    if "activation" in tree:
        return str(tree["activation"])
    if "features" in tree:
        return f"{tree['name']}: batch norm {tree['features']}"
    return f"{tree['name']}: dense {'→'.join(map(str, tree['kernel'].shape))}"


def _train_only_text(case: Mapping[str, Any]) -> str:
    ids = [leaf["id"] for leaf in _leaves(case["net"]) if "id" in leaf]
    twice = " (one dense layer stands in two places)" if len(set(ids)) < len(ids) else ""
    return f"net = {_tree_text(case['net'])}{twice}; path = {case['path']}"


def _train_only_trains(name: str) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        cases = inputs[name]
        if not isinstance(found, list) or len(found) != len(cases):
            raise Unfit("The trained parameters of each network are expected.")
        for case, one in zip(cases, found, strict=True):
            if (error := error_in(one)) is not None:
                raise Unfit(error)
            expected = _arrays_of(_below(case["net"], case["path"]), framework)
            try:
                same_parameters(one.get("trained") if isinstance(one, dict) else None, expected)
            except Unfit as problem:
                text = str(problem).replace("are expected; the", "are to be trained; the")
                raise Unfit(f"{text}\nInput: {_train_only_text(case)}") from None

    return compare


def _train_only_numbers(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    cases = [case for cases in inputs.values() for case in cases]
    if not isinstance(found, list) or len(found) != len(cases):
        raise Unfit("Two numbers for each network are expected.")
    for case, one in zip(cases, found, strict=True):
        if (error := error_in(one)) is not None:
            raise Unfit(error)
        trained = sum(a.size for _, a in _arrays_of(_below(case["net"], case["path"]), framework))
        held = sum(a.size for _, a in _arrays_of(case["net"], framework))
        for leaf in _leaves(case["net"]):
            if "features" in leaf:  # mean and variance; PyTorch also counts its batches
                held += 2 * leaf["features"] + (framework == "pytorch")
        numbers = one.get("numbers") if isinstance(one, dict) else None
        if not same_plain(numbers, [trained, held - trained]):
            got = "nothing"
            if isinstance(numbers, list):
                got = ", ".join(brief(one) for one in numbers[:30])[:100]
            raise Unfit(
                f"Numbers trained, and not trained: expected {trained}, {held - trained}; got "
                f"{got}.\nInput: {_train_only_text(case)}"
            )


TRAIN_ONLY = Question(
    name="parameters.train-only",
    title="Train a part, and count it",
    points=7,
    inputs=_train_only_inputs,
    probe=_train_only_probe,
    judge=judge_by(
        Aspect(
            "the part trains, and nothing else",
            2,
            "plain",
            _train_only_trains("plain"),
            hints={
                "pytorch": "A parameter has requires_grad; a module has requires_grad_(...), and "
                "an attribute requires_grad set on a module does nothing. Find the part by "
                "get_submodule: a name may be the beginning of another.",
                "tensorflow": "Where net.trainable is False, net trains nothing, whatever its "
                "inner layers say. Leave it True, and set trainable on what lies inside.",
            },
        ),
        Aspect(
            "statistics stay statistics",
            1,
            "statistics",
            _train_only_trains("statistics"),
            hint="What batch normalization stores about the data was never trained. Choose among "
            "the parameters that train now.",
        ),
        Aspect(
            "a layer that the part shares",
            2,
            "shared",
            _train_only_trains("shared"),
            hint="A layer that stands in the part and elsewhere belongs to the part too. Compare "
            "parameters as objects: a path names only one of the places, and who freezes the "
            "other blocks freezes the part's own layer.",
        ),
        Aspect(
            "the two numbers",
            2,
            "numbers",
            _train_only_numbers,
            hints={
                "pytorch": "Return (trained, rest). Count numbers, not arrays, and each parameter "
                "once: state_dict lists a shared one twice. The rest includes the buffers.",
                "tensorflow": "Return (trained, rest). Count numbers, not arrays, and each weight "
                "once: a sum over layers meets a shared one twice. The rest includes statistics.",
            },
        ),
    ),
    version="1",
)


# -- parameters.best ---------------------------------------------------------------------------

_NUMBERS = 400  # of one state: more than the largest network below holds
_OTHERS = 3  # states that are not offered


def _best_inputs(rng: np.random.Generator) -> Inputs:
    offers = integer(rng, 6, 8)
    best = integer(rng, 2, offers - 4)
    losses = [round(float(loss), 3) for loss in rng.uniform(1, 2, offers)]
    losses[0], losses[best] = 2.5, round(float(rng.uniform(0.1, 0.9)), 3)
    losses[-2:] = [2.2, round(float(rng.uniform(1, 2)), 3)]  # better than before, yet not the best
    return {
        "widths": [integer(rng, 3, 7) for _ in range(3)],
        "side": integer(rng, 3, 7),
        "losses": losses,
        # Whole numbers, which every dtype holds.
        "states": rng.integers(-99, 100, (offers + _OTHERS, _NUMBERS)).astype(np.int32),
    }


def _best_net(inputs: Mapping[str, Any], framework: Framework) -> Layer:
    a, b, c = inputs["widths"]
    return framework.named(
        {
            "first": _empty_dense(framework, a, b),
            "norm": framework.normalization(b),
            "second": _empty_dense(framework, b, c),
        },
        "net",
    )


def _tied_net(inputs: Mapping[str, Any], framework: Framework) -> Layer:
    side = inputs["side"]
    first, again = _empty_dense(framework, side, side), _empty_dense(framework, side, side)
    if framework.key == "pytorch":  # they share the matrix alone
        again.weight = first.weight
        blocks = {"first": first, "act": framework.activation("tanh"), "again": again}
    else:
        labels = _two_of_one_label(framework, side)
        blocks = {"first": first, "labels": labels, "again": first}
    blocks["last"] = _empty_dense(framework, side, side + 1)
    return framework.named(blocks, "net")


def _empty_dense(framework: Framework, inputs: int, outputs: int) -> Layer:
    return framework.dense(np.zeros((inputs, outputs)), np.zeros(outputs))


def _two_of_one_label(framework: Framework, features: int) -> Layer:
    """A Keras layer with two weights that have one path."""

    class Labels(framework.layer):
        def __init__(self) -> None:
            super().__init__()
            self.scale = self.add_weight(shape=(features,), name="v")
            self.shift = self.add_weight(shape=(features,), name="v")

        def call(self, X: Tensor) -> Tensor:
            return X * self.scale + self.shift

    return Labels()


def _best_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")
    losses, states = inputs["losses"], inputs["states"]

    def fill(arrays: Sequence[Tensor], numbers: np.ndarray) -> None:
        at = 0
        for array in arrays:
            shape = tuple(array.shape)
            size = int(np.prod(shape))
            framework.assign(array, numbers[at : at + size].reshape(shape))
            at += size

    class Run:
        """Offers all states; `mine` are the arrays that the network had at first."""

        def __init__(self, make: Any, features: int) -> None:
            self.net = make(inputs, framework)
            self.net(framework.tensor(np.ones((2, features))))
            self.mine = framework.everything(self.net)
            fill(self.mine, states[-1])
            self.best = answer(self.net)
            for loss, numbers in zip(losses, states, strict=False):
                fill(self.mine, numbers)
                self.best.offer(loss)
            self.back(-1)

        def back(self, other: int) -> None:
            """Other numbers, and then the best again."""
            fill(framework.everything(self.net), states[other])
            self.best.restore()

        def held(self) -> list[np.ndarray]:
            return framework.arrays(framework.everything(self.net))

    def plain() -> Any:
        return Run(_best_net, inputs["widths"][0]).held()

    def tied() -> Any:
        return Run(_tied_net, inputs["side"]).held()

    def twice() -> Any:
        run = Run(_best_net, inputs["widths"][0])
        for other in (-2, -3):
            run.back(other)
        return run.held()

    def same() -> Any:
        run = Run(_best_net, inputs["widths"][0])
        return {"mine": framework.arrays(run.mine), "now": run.held()}

    return {
        "best": attempt(plain),
        "tied": attempt(tied),
        "twice": attempt(twice),
        "same": attempt(same),
    }


def _best_layout(inputs: Mapping[str, Any], framework: str) -> list[tuple[str, tuple[int, ...]]]:
    a, b, c = inputs["widths"]
    pytorch = framework == "pytorch"
    first = [("first, kernel", (b, a) if pytorch else (a, b)), ("first, bias", (b,))]
    norm = [("norm, scale", (b,)), ("norm, shift", (b,))]
    statistics = [("norm, mean (a statistic)", (b,)), ("norm, variance (a statistic)", (b,))]
    second = [("second, kernel", (c, b) if pytorch else (b, c)), ("second, bias", (c,))]
    if pytorch:
        return [*first, *norm, *second, *statistics, ("norm, batches (a statistic)", ())]
    return [*first, *norm, *statistics, *second]


def _tied_layout(inputs: Mapping[str, Any], framework: str) -> list[tuple[str, tuple[int, ...]]]:
    s = inputs["side"]
    if framework == "pytorch":
        both = [("the matrix used twice", (s, s)), ("first, bias", (s,)), ("again, bias", (s,))]
        return [*both, ("last, weight", (s + 1, s)), ("last, bias", (s + 1,))]
    both = [("the layer used twice, kernel", (s, s)), ("the layer used twice, bias", (s,))]
    labels = [("labels, first v", (s,)), ("labels, second v", (s,))]
    return [*both, *labels, ("last, kernel", (s, s + 1)), ("last, bias", (s + 1,))]


def _cut(layout: Sequence[tuple[str, tuple[int, ...]]], numbers: np.ndarray) -> list[np.ndarray]:
    found, at = [], 0
    for _, shape in layout:
        size = int(np.prod(shape))
        found.append(numbers[at : at + size].reshape(shape))
        at += size
    return found


def _best_holds(layout_of: Any, kind: str = "", after: str = "") -> Any:
    """A comparison: the network holds what it held at the lowest loss.

    `kind` is "trained" or "statistics", or "" for both.
    """

    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        layout = layout_of(inputs, framework)
        losses = inputs["losses"]
        if not isinstance(found, list) or len(found) != len(layout):
            number = len(found) if isinstance(found, list) else 0
            raise Unfit(f"The network has {len(layout)} arrays; after restore() it has {number}.")
        at = int(np.argmin(losses))
        shown = f"losses {losses}, so offer {at} is the best{after}"
        states = [_cut(layout, numbers) for numbers in inputs["states"]]
        for n, (name, _) in enumerate(layout):
            if kind and (kind == "statistics") != ("statistic" in name):
                continue
            try:
                same_array(found[n], states[at][n], f"After restore(), {name}", shown)
            except Unfit as problem:
                same = [t for t, state in enumerate(states) if _equal(found[n], state[n])]
                raise Unfit(_whose(same, len(losses), name, shown) or str(problem)) from None

    return compare


def _best_same(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    layout = _best_layout(inputs, framework)
    pair = [found.get(key) if isinstance(found, dict) else None for key in ("mine", "now")]
    if not all(isinstance(arrays, list) and len(arrays) == len(layout) for arrays in pair):
        raise Unfit(f"The network's {len(layout)} arrays are expected, before and after.")
    for (name, shape), mine, now in zip(layout, *pair, strict=True):
        for one in (mine, now):
            same_array(one, np.zeros(shape), f"After restore(), {name}", tolerance=np.inf)
        if not np.array_equal(mine, now):
            raise Unfit(
                f"After restore(), {name}: the array that the network had, which an optimizer "
                f"holds, and the one that it uses now hold different numbers.\nInput: losses "
                f"{inputs['losses']}"
            )


def _equal(found: Any, expected: np.ndarray) -> bool:
    return (
        isinstance(found, np.ndarray)
        and found.shape == expected.shape
        and found.dtype.kind in "fiu"
        and bool(np.array_equal(found, expected))
    )


def _whose(same: Sequence[int], offers: int, name: str, shown: str) -> str:
    """Which other state the numbers belong to, in words; "" if to none, or to several."""
    if len(same) != 1:
        return ""
    what = f"those of offer {same[0]}" if same[0] < offers else "those it held before restore()"
    return f"After restore(), {name}: the numbers are {what}.\nInput: {shown}"


BEST = Question(
    name="parameters.best",
    title="Keep the best",
    points=7,
    inputs=_best_inputs,
    probe=_best_probe,
    judge=judge_by(
        Aspect(
            "the best comes back",
            2,
            "best",
            _best_holds(_best_layout, "trained"),
            hints={
                "pytorch": "The tensors in state_dict() share memory with the parameters: keep a "
                "clone of each. And compare with the lowest loss so far, not with the last one.",
                "tensorflow": "weights is a list of the living variables: keep get_weights(), or "
                "numpy() of each. And compare with the lowest loss so far, not with the last one.",
            },
        ),
        Aspect(
            "with the statistics",
            1,
            "best",
            _best_holds(_best_layout, "statistics"),
            hints={
                "pytorch": "Batch normalization keeps numbers in buffers, which parameters() does "
                "not give and state_dict() does.",
                "tensorflow": "Batch normalization keeps numbers that trainable_weights does not "
                "give and weights does.",
            },
        ),
        Aspect(
            "a network with a tie",
            1,
            "tied",
            _best_holds(_tied_layout),
            hints={
                "pytorch": "parameters() gives a shared array once, state_dict() under each of "
                "its names: the two do not go side by side.",
                "tensorflow": "Paths are labels and may repeat: a dictionary by path loses arrays. "
                "Keep them by position.",
            },
        ),
        Aspect(
            "restored again and again",
            1,
            "twice",
            _best_holds(
                _best_layout, "trained", "; after restore() the network trained on, and again"
            ),
            hint="Copy on the way back too. If the network gets the very arrays that you kept, "
            "further training changes them.",
            needs=("the best comes back",),
        ),
        Aspect(
            "into the same arrays",
            2,
            "same",
            _best_same,
            hints={
                "pytorch": "Write into the parameters that are there (load_state_dict does, or "
                "copy_ under no_grad). A new nn.Parameter is unknown to the optimizer.",
                "tensorflow": "Write into the variables that are there (set_weights does, or "
                "assign). A new one is unknown to the optimizer.",
            },
            needs=("the best comes back",),
        ),
    ),
    version="2",
)


# -- parameters.limit --------------------------------------------------------------------------


def _limit_inputs(rng: np.random.Generator) -> Inputs:
    inputs, units = integer(rng, 3, 5), integer(rng, 6, 9)
    bound = round(float(rng.uniform(0.5, 3.0)), 3)
    vectors = rng.normal(size=(inputs + 1, units))
    lengths = bound * rng.uniform(1.2, 3.0, units)
    lengths[rng.permutation(units)[: units // 2]] *= 0.2  # these stay as they are
    vectors *= lengths / np.linalg.norm(vectors, axis=0)
    vectors[:, integer(rng, 0, units - 1)] = 0
    rows = integer(rng, 2, 4)
    return {
        "kernel": vectors[:-1].astype(np.float32),
        "bias": vectors[-1].astype(np.float32),
        "bound": bound,
        "x": data(rng, rows, inputs),
        "v": data(rng, rows, units),
    }


def _limit_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    x = framework.tensor(inputs["x"])

    def fresh() -> Layer:
        return framework.dense(inputs["kernel"], inputs["bias"])

    def values() -> Any:
        layer = fresh()
        answer(layer, inputs["bound"])
        pytorch = framework.key == "pytorch"  # the arrays that are used, listed or not
        return framework.arrays([layer.weight if pytorch else layer.kernel, layer.bias])

    def same() -> Any:
        layer = fresh()
        before = framework.registered(layer)
        answer(layer, inputs["bound"])
        return {
            "before": framework.arrays(before),
            "after": framework.arrays(framework.registered(layer)),
            "output": framework.array(layer(x)),
        }

    def between() -> Any:
        layer, start = fresh(), framework.tensor(inputs["x"])

        def loss() -> Tensor:
            value = framework.weighted_sum(layer(start), inputs["v"])
            answer(layer, inputs["bound"])
            return value

        return framework.gradients(loss, [start])[0]

    def after() -> Any:
        layer = fresh()
        answer(layer, inputs["bound"])
        parameters = framework.registered(layer)
        return framework.gradients(
            lambda: framework.weighted_sum(layer(x), inputs["v"]), parameters
        )

    return {
        "values": attempt(values),
        "same": attempt(same),
        "gradients": {"between": attempt(between), "after": attempt(after)},
    }


def _limited(inputs: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel and bias as they must be, and the length that each unit's vector had."""
    vectors = np.vstack([inputs["kernel"], inputs["bias"][None]]).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=0)
    vectors[:, lengths > 0] *= np.minimum(1, inputs["bound"] / lengths[lengths > 0])
    return vectors[:-1], vectors[-1], lengths


def _limit_text(inputs: Mapping[str, Any]) -> str:
    lengths = [round(float(length), 2) for length in _limited(inputs)[2]]
    shape = "→".join(map(str, inputs["kernel"].shape))
    return f"dense {shape}, bound {inputs['bound']}, lengths of the units {lengths}"


def _limit_units(long: bool) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        kernel, bias, lengths = _limited(inputs)
        shown = _limit_text(inputs)
        if not isinstance(found, list) or len(found) != 2:
            raise Unfit(f"A matrix and a bias are expected.\nInput: {shown}")
        matrix, pytorch = stored(kernel, framework), framework == "pytorch"
        for one, expected, what in zip(found, (matrix, bias), ("Weights", "Bias"), strict=True):
            if not isinstance(one, np.ndarray) or one.shape != expected.shape:
                same_array(one, expected, what, shown)
            for unit in np.flatnonzero((lengths > inputs["bound"]) == long):
                at = unit if pytorch else (..., unit)
                same_array(np.asarray(one[at]), expected[at], f"{what} of unit {unit}", shown)

    return compare


def _limit_same(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    shown = _limit_text(inputs)
    if not isinstance(found, dict):
        raise Unfit("The layer's arrays are expected.")
    shapes = [stored(inputs["kernel"], framework).shape, inputs["bias"].shape]
    for when in ("before", "after"):
        arrays = found.get(when)
        if not isinstance(arrays, list) or len(arrays) != len(shapes):
            number = len(arrays) if isinstance(arrays, list) else 0
            raise Unfit(f"Two trained arrays are expected, found {number}.\nInput: {shown}")
        for one, shape, what in zip(arrays, shapes, ("Weights", "Bias"), strict=True):
            if not isinstance(one, np.ndarray) or one.dtype.kind != "f" or one.shape != shape:
                same_array(one, np.zeros(shape), what, shown)
                raise Unfit(f"{what}: floating-point numbers are expected.\nInput: {shown}")
    pairs = zip(found["before"], found["after"], ("Weights", "Bias"), strict=True)
    for before, after, what in pairs:
        if not np.array_equal(before, after, equal_nan=True):
            raise Unfit(
                f"{what}: the array that the layer had before, which an optimizer holds, and the "
                f"one that the framework finds now hold different numbers.\nInput: {shown}"
            )
    matrix, bias = (array.astype(np.float64) for array in found["after"])
    if np.isfinite(matrix).all() and np.isfinite(bias).all():
        output = inputs["x"].astype(np.float64) @ stored(matrix, framework) + bias
        what = "Output of the layer after the write, from the arrays that the framework finds"
        same_array(found.get("output"), output, what, shown)


def _limit_gradients(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    v, x = inputs["v"].astype(np.float64), inputs["x"].astype(np.float64)
    shown = _limit_text(inputs)
    if not isinstance(found, dict) or not isinstance(found.get("after"), list):
        error = error_in(found.get("after")) if isinstance(found, dict) else None
        raise Unfit(error or "Gradients after the write are expected.")
    expected = [stored(x.T @ v, framework), v.sum(0)]
    if len(found["after"]) != len(expected):
        raise Unfit(f"Two gradients are expected, got {len(found['after'])}.\nInput: {shown}")
    for one, array, what in zip(found["after"], expected, ("weights", "bias"), strict=True):
        if one is None:
            raise Unfit(f"After the write no gradient reaches the {what}.\nInput: {shown}")
        same_array(one, array, f"After the write, gradient of the {what}", shown)
    between = found.get("between")
    shown = f"forward pass, limit(layer, {inputs['bound']}), backward pass; {shown}"
    if framework == "tensorflow":
        old = v @ inputs["kernel"].astype(np.float64).T
        same_array(between, old, "Gradient of X, for the forward pass that was run", shown)
        return
    error = between.get("error") if isinstance(between, dict) else None
    said = error.get("message") if isinstance(error, dict) else ""
    said = said if isinstance(said, str) else ""
    if "modified by an inplace operation" not in said:
        what = "PyTorch did not notice the write, and gave a gradient"
        what = f"something else was raised: {said[:200]}" if said else what
        raise Unfit(f"The backward pass must refuse, but {what}.\nInput: {shown}")


LIMIT = Question(
    name="parameters.limit",
    title="Write so that everyone notices",
    points=7,
    inputs=_limit_inputs,
    probe=_limit_probe,
    judge=judge_by(
        Aspect(
            "long units are cut to the bound",
            2,
            "values",
            _limit_units(True),
            hints={
                "pytorch": "A unit is a row of weight, (out, in), together with its entry of bias. "
                "The length is the root of the sum of squares of both.",
                "tensorflow": "A unit is a column of kernel, (in, out), together with its entry of "
                "bias. The length is the root of the sum of squares of both.",
            },
        ),
        Aspect(
            "the others stay as they are",
            1,
            "values",
            _limit_units(False),
            hint="Units that are short enough keep their numbers, and a unit of zeros has no "
            "length to divide by.",
            needs=("long units are cut to the bound",),
        ),
        Aspect(
            "into the same arrays",
            2,
            "same",
            _limit_same,
            hints={
                "pytorch": "Write into the parameters, under torch.no_grad(). A new nn.Parameter "
                "is unknown to the optimizer.",
                "tensorflow": "Write with assign. A tensor that is assigned to layer.bias takes "
                "the place of the variable, and never trains.",
            },
            needs=("long units are cut to the bound",),
        ),
        Aspect(
            "no gradient is falsified",
            2,
            "gradients",
            _limit_gradients,
            hints={
                "pytorch": "A write under torch.no_grad() raises the version counter, and the "
                "backward pass refuses. A write through .data does not.",
                "tensorflow": "A write with assign leaves the variables in their place, so that "
                "gradients arrive.",
            },
            needs=("long units are cut to the bound",),
        ),
    ),
    version="2",
)


# -- parameters.tied ---------------------------------------------------------------------------


def _tied_inputs(rng: np.random.Generator) -> Inputs:
    inputs, width = integer(rng, 4, 8), integer(rng, 2, 3)
    rows = integer(rng, 3, 5)
    return {
        "sizes": [inputs, width],
        "encoder": dense(rng, inputs, width),
        "bias": rng.normal(0, 0.5, inputs).astype(np.float32),
        "anew": dense(rng, inputs, width),
        "x": data(rng, rows, inputs),
        "v": data(rng, rows, inputs),
    }


def _tied_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    x = framework.tensor(inputs["x"])

    def ready() -> Layer:
        net = answer(*inputs["sizes"])
        net(x)  # makes what waits for a first input
        framework.set_dense(net.encoder, **inputs["encoder"])
        framework.assign(net.bias, inputs["bias"])
        return net

    def output() -> Any:
        return framework.array(ready()(x))

    def parameters() -> Any:
        return framework.arrays(framework.registered(ready()))

    def gradients() -> Any:
        net = ready()
        loss = lambda: framework.weighted_sum(net(x), inputs["v"])  # noqa: E731
        pair = framework.dense_gradients(loss, [net.encoder])[0]
        return [*pair, *framework.gradients(loss, [net.bias])]

    def lasts() -> Any:
        net, other = ready(), answer(*inputs["sizes"])
        other(x)
        if framework.key == "pytorch":
            other.load_state_dict(net.state_dict())
            other = copy.deepcopy(other).double()
            start = x.double()
        else:
            other.set_weights(net.get_weights())
            start = x
        loaded = framework.array(other(start))
        framework.set_dense(other.encoder, **inputs["anew"])
        return {"loaded": loaded, "written": framework.array(other(start))}

    return {
        "output": attempt(output),
        "parameters": attempt(parameters),
        "gradients": attempt(gradients),
        "lasts": attempt(lasts),
    }


def _tied_forward(
    encoder: Mapping[str, np.ndarray], bias: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The code and the output."""
    kernel = encoder["kernel"].astype(np.float64)
    hidden = np.tanh(x.astype(np.float64) @ kernel + encoder["bias"])
    return hidden, hidden @ kernel.T + bias


def _tied_text(inputs: Mapping[str, Any]) -> str:
    return f"TiedAutoencoder{tuple(inputs['sizes'])}; {data_in_words(inputs['x'])}"


def _tied_output(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = _tied_forward(inputs["encoder"], inputs["bias"], inputs["x"])[1]
    same_array(found, expected, "Output", _tied_text(inputs))


def _tied_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    encoder = inputs["encoder"]
    expected = [
        ("kernel of encoder", stored(encoder["kernel"], framework)),
        ("bias of encoder", encoder["bias"]),
        ("bias", inputs["bias"]),
    ]
    try:
        same_parameters(found, expected)
    except Unfit as problem:
        raise Unfit(f"{problem}\nInput: TiedAutoencoder{tuple(inputs['sizes'])}") from None


def _tied_gradients(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    encoder, v = inputs["encoder"], inputs["v"].astype(np.float64)
    x, kernel = inputs["x"].astype(np.float64), encoder["kernel"].astype(np.float64)
    hidden, _ = _tied_forward(encoder, inputs["bias"], x)
    back = (v @ kernel) * (1 - hidden**2)
    first, second = x.T @ back, v.T @ hidden  # of its two uses
    shown = _tied_text(inputs)
    if not isinstance(found, list) or len(found) != 3:
        raise Unfit("The gradients of three arrays are expected.")
    named = {"matrix": first + second, "encoder's bias": back.sum(0), "bias": v.sum(0)}
    for one, (name, expected) in zip(found, named.items(), strict=True):
        if one is None:
            raise Unfit(f"No gradient reaches the {name}.\nInput: {shown}")
        try:
            same_array(one, expected, f"Gradient of the {name}", shown)
        except Unfit:
            for part, which in ((first, "encoder"), (second, "decoder")):
                if name == "matrix" and _close(one, part):
                    raise Unfit(
                        f"Gradient of the matrix: it has the part from its use in the {which} and "
                        f"lacks the other.\nInput: {shown}"
                    ) from None
            raise


def _close(found: Any, expected: np.ndarray) -> bool:
    try:
        same_array(found, expected, "")
    except Unfit:
        return False
    return True


def _tied_lasts(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("Outputs of a second network are expected.")
    how = {
        "pytorch": "a second network; load_state_dict, deepcopy, double()",
        "tensorflow": "a second network; set_weights",
    }[framework]
    for key, encoder, what in (
        ("loaded", inputs["encoder"], how),
        ("written", inputs["anew"], f"{how}, and then new numbers for its encoder"),
    ):
        expected = _tied_forward(encoder, inputs["bias"], inputs["x"])[1]
        same_array(found.get(key), expected, "Output", f"{what}; {_tied_text(inputs)}")


TIED = Question(
    name="parameters.tied",
    title="One matrix, there and back",
    points=7,
    inputs=_tied_inputs,
    probe=_tied_probe,
    judge=judge_by(
        Aspect(
            "the output",
            1,
            "output",
            _tied_output,
            hint="tanh of the encoder's output; times the encoder's matrix, the other way round; "
            "plus the bias of the decoder.",
        ),
        Aspect(
            "three arrays",
            2,
            "parameters",
            _tied_parameters,
            hint="One matrix and two biases, all made in __init__ or by the layers there. A second "
            "matrix is a copy, or a second parameter on the same memory, and no tie.",
        ),
        Aspect(
            "the gradient of both uses",
            2,
            "gradients",
            _tied_gradients,
            hints={
                "pytorch": "Use self.encoder.weight itself in forward: no detach(), no .data, no "
                "second nn.Parameter.",
                "tensorflow": "Use self.encoder.kernel itself in call: no numpy(), no "
                "tf.stop_gradient, no second variable.",
            },
        ),
        Aspect(
            "a tie that lasts",
            2,
            "lasts",
            _tied_lasts,
            hint="The decoder must look at the encoder's matrix each time it runs. What __init__ "
            "or an earlier call took from it stays behind.",
        ),
    ),
    version="1",
)

QUESTIONS = (TRAIN_ONLY, BEST, LIMIT, TIED)
