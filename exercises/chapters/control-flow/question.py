"""Questions of the chapter *Containers, constants and control flow*.

Weights and data are written into the student's models, and what comes out is recomputed with NumPy.
A constant that a model draws for itself is read from it, and the output must agree with it.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer, Tensor
from d2lcompute.checks.networks import (
    by_hand,
    data,
    data_in_words,
    dense,
    integer,
    need_list,
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
    kind_of,
    need_class,
    same_array,
    same_plain,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]


# -- control-flow.routes -----------------------------------------------------------------------

_METHODS = ("keys", "items", "pop", "update", "clear", "values", "call", "forward", "build")


def _names(rng: np.random.Generator, known: Sequence[str]) -> list[str]:
    """A name for each of a dozen rows: all of the known, so mixed that order shows."""
    rows = integer(rng, 9, 12)
    while True:
        names = [*known, *(str(name) for name in rng.choice(list(known), rows - len(known)))]
        names = [names[int(at)] for at in rng.permutation(rows)]
        for order in (sorted(known), list(known), list(dict.fromkeys(names))):
            places = [n for name in order for n in range(rows) if names[n] == name]
            if places == np.argsort(places).tolist():  # its own inverse: a mistake might not show
                break
        else:
            return names


def _routes_inputs(rng: np.random.Generator) -> Inputs:
    inputs, outputs = integer(rng, 2, 5), integer(rng, 2, 5)
    known = [word(rng) for _ in range(integer(rng, 4, 5))]
    busy = [known[int(at)] for at in rng.permutation(len(known))[:3]]
    odd = [f"{word(rng)}.{word(rng)}", str(rng.choice(_METHODS)), word(rng)]
    names, odd_names = _names(rng, busy), _names(rng, odd)
    return {
        "branches": [[name, dense(rng, inputs, outputs)] for name in known],
        "names": names,
        "x": data(rng, len(names), inputs),
        "v": data(rng, len(names), outputs),
        "odd_branches": [[name, dense(rng, inputs, outputs)] for name in odd],
        "odd_names": odd_names,
        "odd_x": data(rng, len(odd_names), inputs),
        "unknown": word(rng),
        "unknown_at": integer(rng, 0, len(names) - 1),
    }


def _noting(part: Inputs, framework: Framework, notes: list[int]) -> Layer:
    """A dense layer that notes the number of rows whenever data goes through it."""
    if framework.key == "pytorch":
        layer = framework.dense(**part)
        layer.register_forward_hook(lambda _, given, __: notes.append(int(given[0].shape[0])))
        return layer
    import keras
    import tensorflow as tf

    class Noting(keras.layers.Dense):
        def call(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
            if tf.executing_eagerly() and not isinstance(inputs, keras.KerasTensor):
                notes.append(int(inputs.shape[0]))
            return super().call(inputs, *arguments, **options)

    layer = Noting(part["kernel"].shape[1])
    layer.build((None, part["kernel"].shape[0]))
    framework.set_dense(layer, **part)
    return layer


def _routes_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    x = framework.tensor(inputs["x"])

    def made(kind: str = "branches") -> dict[str, Layer]:
        return {name: framework.dense(**part) for name, part in inputs[kind]}

    def output() -> Any:
        return framework.array(answer(made())(x, names=list(inputs["names"])))

    def odd() -> Any:
        net = answer(made("odd_branches"))
        return framework.array(net(framework.tensor(inputs["odd_x"]), names=inputs["odd_names"]))

    def parameters() -> Any:
        net = answer(made())
        if framework.key == "tensorflow":
            net(x, names=list(inputs["names"]))  # Keras may find them only now
        return framework.arrays(framework.registered(net))

    def runs() -> Any:
        notes: dict[str, list[int]] = {name: [] for name, _ in inputs["branches"]}
        net = answer(
            {name: _noting(part, framework, notes[name]) for name, part in inputs["branches"]}
        )
        net(x, names=list(inputs["names"]))
        for name in notes:
            notes[name].clear()
        net(x, names=list(inputs["names"]))
        return notes

    def gradients() -> Any:
        branches = made()
        net = answer(branches)
        loss = lambda: framework.weighted_sum(  # noqa: E731
            net(x, names=list(inputs["names"])), inputs["v"]
        )
        return framework.dense_gradients(loss, list(branches.values()))

    def unknown() -> Any:
        names = list(inputs["names"])
        names[inputs["unknown_at"]] = inputs["unknown"]
        net = answer(made())
        try:
            found = net(x, names=names)
        except (KeyError, ValueError) as error:
            return str(error)[:2000]
        shape = getattr(found, "shape", None)
        if shape is None:
            return f"!{kind_of(found)}"
        return f"!an output of shape {tuple(int(size) for size in shape)}"

    return {
        "output": attempt(output),
        "odd": attempt(odd),
        "parameters": attempt(parameters),
        "runs": attempt(runs),
        "gradients": attempt(gradients),
        "unknown": attempt(unknown),
    }


def _routed(branches: Sequence[Any], names: Sequence[str], x: np.ndarray) -> np.ndarray:
    parts = dict(branches)
    return np.stack([by_hand([parts[name]], row) for name, row in zip(names, x, strict=True)])


def _routes_text(inputs: Mapping[str, Any]) -> str:
    return f"branches {[name for name, _ in inputs['branches']]}, names={inputs['names']}"


def _routes_output(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = _routed(inputs["branches"], inputs["names"], inputs["x"])
    same_array(found, expected, "Output", _routes_text(inputs))


def _routes_odd(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    branches, names = inputs["odd_branches"], inputs["odd_names"]
    shown = f"branches {[name for name, _ in branches]}, names={names}"
    same_array(found, _routed(branches, names, inputs["odd_x"]), "Output", shown)


def _routes_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = []
    for name, part in inputs["branches"]:
        expected.append((f"kernel of {name}", stored(part["kernel"], framework)))
        expected.append((f"bias of {name}", part["bias"]))
    same_parameters(found, expected)


def _routes_runs(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    counts = {name: inputs["names"].count(name) for name, _ in inputs["branches"]}
    expected = {name: [count] if count else [] for name, count in counts.items()}
    if not same_plain(found, expected):
        raise Unfit(
            f"Rows in each run of each branch: expected {expected}, got {short(found)}."
            f"\nInput: {_routes_text(inputs)}"
        )


def _routes_gradients(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    pairs = need_list(found, len(inputs["branches"]), "Gradients of branches")
    shown = _routes_text(inputs)
    for (name, _part), pair in zip(inputs["branches"], pairs, strict=True):
        rows = [n for n, other in enumerate(inputs["names"]) if other == name]
        x, v = (inputs[key][rows].astype(np.float64) for key in ("x", "v"))
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unfit(f"Two gradients of branch {name} are expected.\nInput: {shown}")
        for one, array, what in zip(pair, (x.T @ v, v.sum(0)), ("kernel", "bias"), strict=True):
            if rows and one is None:
                raise Unfit(f"No gradient reaches {what} of {name}.\nInput: {shown}")
            if not rows and one is not None:
                raise Unfit(
                    f"Gradient of {what} of {name}, which no row takes: expected None, got an "
                    f"array.\nInput: {shown}"
                )
            if rows:
                same_array(one, array, f"Gradient of {what} of {name}", shown)


def _routes_unknown(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    unknown = inputs["unknown"]
    if isinstance(found, str) and unknown in found:
        return
    got = "nothing" if not isinstance(found, str) else f"an error that says {short(found)}"
    got = found[1:80] if isinstance(found, str) and found.startswith("!") else got
    raise Unfit(
        f"A KeyError or a ValueError that names {unknown!r} is expected, got {got}."
        f"\nInput: branches {[name for name, _ in inputs['branches']]}, {unknown!r} as the name of "
        f"row {inputs['unknown_at']}"
    )


_FIRST = "rows in their order"

ROUTES = Question(
    name="control-flow.routes",
    title="Every example its own way",
    points=8,
    inputs=_routes_inputs,
    probe=_routes_probe,
    judge=judge_by(
        Aspect(
            _FIRST,
            2,
            "output",
            _routes_output,
            hint="If rows 0, 2, 1 were collected in this order, argsort of [0, 2, 1, ...] puts "
            "them back. The list of places itself is the way there and not the way back.",
        ),
        Aspect(
            "any name",
            1,
            "odd",
            _routes_odd,
            hints={
                "pytorch": "An nn.ModuleDict turns keys into attributes. Keep the layers in a "
                "container that counts, and the names in a dictionary of their own.",
                "tensorflow": "A dictionary takes any key. An attribute of the layer does not.",
            },
        ),
        Aspect(
            "parameters of every branch",
            1,
            "parameters",
            _routes_parameters,
            hints={
                "pytorch": "A plain dictionary hides its layers from PyTorch.",
                "tensorflow": "Assign the dictionary of branches to self, after "
                "super().__init__().",
            },
        ),
        Aspect(
            "one run for each branch that is needed",
            2,
            "runs",
            _routes_runs,
            hint="Collect the rows of a branch first and run it once. Skip a branch that has "
            "none: a run on no rows is a run.",
            needs=(_FIRST,),
        ),
        Aspect(
            "gradients",
            1,
            "gradients",
            _routes_gradients,
            hint="Who runs every branch and picks afterwards gives the idle ones a gradient of "
            "zeros. They should have none at all.",
        ),
        Aspect(
            "an unknown name is refused",
            1,
            "unknown",
            _routes_unknown,
            hint="Look the name up, branches[name], before anything else; a loop over the "
            "branches never meets it. And say in the message which name it is.",
            needs=(_FIRST,),
        ),
    ),
    version="2",
)


# -- control-flow.shrink -------------------------------------------------------------------------


def _rows(
    rng: np.random.Generator, factor: float, divisions: Sequence[int], width: int
) -> np.ndarray:
    """Rows that need so many divisions by `factor`, none of them just so."""
    shares = rng.uniform(0.2, 1, (len(divisions), width)) * rng.choice(
        [-1.0, 1.0], (len(divisions), width)
    )
    norms = np.array([factor ** (n - rng.uniform(0.2, 0.8)) for n in divisions])
    shares *= (norms / np.abs(shares).sum(1))[:, None]
    return shares.astype(np.float32)


def _shrink_inputs(rng: np.random.Generator) -> Inputs:
    factor = round(float(rng.uniform(2.1, 3.9)), 2)
    width = integer(rng, 2, 5)

    def rows(*shape: int) -> np.ndarray:
        count = int(np.prod(shape))
        divisions = [0, 5, *(integer(rng, 0, 5) for _ in range(count - 2))]
        divisions = [divisions[int(n)] for n in rng.permutation(count)]
        return _rows(rng, factor, divisions, width).reshape(*shape, width)

    special = rows(6)
    where = rng.permutation(6)[:4]
    for row, value in zip(where, (np.inf, -np.inf, np.nan, np.inf), strict=True):
        special[row, integer(rng, 0, width - 1)] = value
    special[where[3], :2] = np.inf, np.nan
    huge = rng.uniform(2e38, 3.2e38, (2, width)) * rng.choice([-1.0, 1.0], (2, width))
    huge[1] /= 10.0 ** integer(rng, 3, 9)
    limit = integer(rng, 2, 4)
    beyond = [limit + integer(rng, 2, 6) for _ in range(2)]
    return {
        "factor": factor,
        "enough": integer(rng, 6, 8),
        "rows": [rows(integer(rng, 3, 6)), rows(2, integer(rng, 2, 3))],
        "limit": limit,
        "beyond": _rows(rng, factor, [*beyond, limit - 1], width),
        "special": special,
        "huge": huge[rng.permutation(2)].astype(np.float32),
        "v": data(rng, 4, width),
        "slope_x": rows(4),
        "traced": rows(3, 4),
    }


_PLENTY = 150  # divisions by 2 or more bring any number of 32 bits below one


def _shrink_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    factor, enough = inputs["factor"], inputs["enough"]

    def run(x: np.ndarray, limit: int) -> np.ndarray:
        return framework.array(answer(factor, limit)(framework.tensor(x)))

    def gradient() -> Any:
        net, x = answer(factor, enough), framework.tensor(inputs["slope_x"])
        return framework.gradients(lambda: framework.weighted_sum(net(x), inputs["v"]), [x])[0]

    def special() -> Any:
        if not ends:
            raise WrongKind("Not tried: without its limit the loop might not end on an infinity.")
        return run(inputs["special"], enough)

    def traced() -> Any:
        x = framework.tensor(inputs["traced"])
        if framework.key == "pytorch":
            import torch

            return [framework.array(torch.vmap(answer(factor, enough))(x))]
        import keras

        inside = keras.Sequential([answer(factor, enough)])(x)
        model = keras.Sequential([answer(factor, enough)])
        return framework.arrays([inside, np.asarray(model.predict_on_batch(x))])

    limited = attempt(lambda: run(inputs["beyond"], inputs["limit"]))
    ends = _divisions(inputs["beyond"], limited, factor) <= inputs["limit"]
    return {
        "rows": [attempt(lambda x=x: run(x, enough)) for x in inputs["rows"]],
        "limited": limited,
        "special": attempt(special),
        "huge": attempt(lambda: run(inputs["huge"], _PLENTY)),
        "gradient": attempt(gradient),
        "traced": attempt(traced),
    }


def _divisions(x: np.ndarray, y: Any, factor: float) -> float:
    """How often the first row was divided; infinity if that cannot be said."""
    if not isinstance(y, np.ndarray) or y.shape != x.shape or y.dtype.kind != "f":
        return np.inf
    if not np.isfinite(y[0, 0]):
        return np.inf
    ratio = abs(float(x[0, 0])) / max(abs(float(y[0, 0])), 1e-300)
    return round(float(np.log(max(ratio, 1e-300)) / np.log(factor)))


def _shrunk(x: np.ndarray, factor: float, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row divided, one after the other, and the number that each entry was divided by."""
    flat = x.astype(np.float64).reshape(-1, x.shape[-1])
    powers = np.ones(len(flat))
    for n, row in enumerate(flat):
        if np.isfinite(row).all() and (norm := np.abs(row).sum()) > 1:
            powers[n] = factor ** min(limit, int(np.ceil(np.log(norm) / np.log(factor))))
    by = np.broadcast_to(powers[:, None], flat.shape)
    return (flat / by).reshape(x.shape), by.reshape(x.shape)


def _shrink_text(inputs: Mapping[str, Any], x: np.ndarray, limit: int) -> str:
    with np.errstate(over="ignore"):
        norms = np.abs(x).sum(-1)
    listed = np.array2string(norms.reshape(-1), precision=3, separator=", ", max_line_width=200)
    return (
        f"Shrink({inputs['factor']}, {limit}); X of shape {tuple(x.shape)}, whose rows add up to "
        f"{listed}"
    )


def _same_shrunk(inputs: Mapping[str, Any], found: Any, x: np.ndarray, limit: int) -> None:
    expected = _shrunk(x, inputs["factor"], limit)[0]
    same_array(found, expected, "Output", _shrink_text(inputs, x, limit), 1e-5)


def _shrink_rows(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for one, x in zip(need_list(found, 2, "Outputs"), inputs["rows"], strict=True):
        _same_shrunk(inputs, one, x, inputs["enough"])


def _shrink_one(key: str, limit: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        _same_shrunk(inputs, found, inputs[key], inputs[limit] if limit else _PLENTY)

    return compare


def _shrink_special(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    x = inputs["special"]
    ordinary = np.isfinite(x).all(-1)
    text = _shrink_text(inputs, x, inputs["enough"])
    if not isinstance(found, np.ndarray) or found.shape != x.shape or found.dtype.kind != "f":
        raise Unfit(f"An output of shape {tuple(x.shape)} is expected.\nInput: {text}")
    for n, (row, given) in enumerate(zip(found, x, strict=True)):
        if not ordinary[n] and not np.array_equal(row, given, equal_nan=True):
            raise Unfit(f"Row {n} is expected as it was, {given}; got {row}.\nInput: {text}")
    expected = _shrunk(x, inputs["factor"], inputs["enough"])[0]
    same_array(found[ordinary], expected[ordinary], "The other rows", text, 1e-5)


def _shrink_gradient(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    x = inputs["slope_x"]
    text = _shrink_text(inputs, x, inputs["enough"])
    if found is None:
        raise Unfit(f"No gradient reaches the input.\nInput: {text}")
    expected = inputs["v"] / _shrunk(x, inputs["factor"], inputs["enough"])[1]
    same_array(found, expected, "Gradient of the sum of output times v", text, 1e-5)


def _shrink_traced(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    ways = {"pytorch": ["torch.vmap"], "tensorflow": ["keras.Sequential", "predict"]}[framework]
    for way, one in zip(ways, need_list(found, len(ways), "Outputs"), strict=True):
        try:
            _same_shrunk(inputs, one, inputs["traced"], inputs["enough"])
        except Unfit as problem:
            raise Unfit(f"In {way}: {problem}") from None


SHRINK = Question(
    name="control-flow.shrink",
    title="A loop that always ends",
    points=8,
    inputs=_shrink_inputs,
    probe=_shrink_probe,
    judge=judge_by(
        Aspect(
            "each row by itself",
            2,
            "rows",
            _shrink_rows,
            hint="Sum the magnitudes along the last axis and keep it, so that where() can choose "
            "row by row.",
        ),
        Aspect(
            "at most so many divisions",
            1,
            "limited",
            _shrink_one("beyond", "limit"),
            hint="limit is the largest number of divisions; the row is then as small as it gets.",
        ),
        Aspect(
            "rows with infinity or nan",
            1,
            "special",
            _shrink_special,
            hint="Find the rows that are not finite before the loop, and choose them nowhere. "
            "Dividing [inf, 1] changes the 1.",
        ),
        Aspect(
            "a sum that is infinite",
            1,
            "huge",
            _shrink_one("huge", ""),
            hint="Whether a row is finite is told by its entries. Their sum may overflow although "
            "each is finite, and mends itself after a division or two.",
        ),
        Aspect(
            "the gradient",
            1,
            "gradient",
            _shrink_gradient,
            hint="The output is the input over a number: leave the framework's operations on the "
            "record, no detach and no NumPy, and write into no tensor.",
        ),
        Aspect(
            "traced",
            2,
            "traced",
            _shrink_traced,
            hints={
                "pytorch": "A stand-in has no value, so Python's while and if cannot decide. A "
                "loop of fixed length with torch.where decides nothing in Python.",
                "tensorflow": "A stand-in has no value, so Python's while and if cannot decide. A "
                "loop of fixed length with ops.where decides nothing in Python.",
            },
        ),
    ),
    version="2",
)


# -- control-flow.constant -----------------------------------------------------------------------


def _constant_inputs(rng: np.random.Generator) -> Inputs:
    inputs, features, outputs = integer(rng, 6, 8), integer(rng, 60, 90), integer(rng, 2, 5)
    rows = integer(rng, 3, 6)
    return {
        "sizes": [inputs, features, outputs],
        "head": dense(rng, features, outputs),
        "x": data(rng, rows, inputs) / 2,
        "v": data(rng, rows, outputs),
        "rate": round(float(rng.uniform(0.05, 0.2)), 3),
    }


def _constant_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    x = framework.tensor(inputs["x"])

    def ready(x: Tensor = x, **options: Any) -> Layer:
        net = answer(*inputs["sizes"], **options)
        net(x)  # makes what waits for a first input
        framework.set_dense(net.head, **inputs["head"])
        return net

    def constant(net: Layer) -> np.ndarray:
        return np.array(framework.array(net.c))

    def outputs() -> Any:
        net = ready()
        return {"c": constant(net), "outputs": [framework.array(net(x)) for _ in range(2)]}

    def stepped() -> Any:
        net = ready()
        before = constant(net)
        found = framework.arrays(framework.registered(net))
        framework.step(net, lambda: framework.weighted_sum(net(x), inputs["v"]), inputs["rate"])
        head = framework.dense_values(net.head)
        return {"trained": found, "before": before, "after": constant(net), "head": head}

    def loaded() -> Any:
        first, second = ready(), ready()
        before = constant(first)
        _save_and_load(first, second, framework)
        return {"c": before, "outputs": [framework.array(second(x))]}

    def doubled() -> Any:
        wide = _wide_tensor(inputs["x"], framework)
        net = ready().double() if framework.key == "pytorch" else ready(wide, dtype="float64")
        return {"c": constant(net), "outputs": [framework.array(net(wide))]}

    return {
        "outputs": attempt(outputs),
        "drawn": attempt(lambda: [constant(ready()) for _ in range(2)]),
        "stepped": attempt(stepped),
        "loaded": attempt(loaded),
        "doubled": attempt(doubled),
    }


def _wide_tensor(array: np.ndarray, framework: Framework) -> Tensor:
    """A tensor of 64 bits."""
    if framework.key == "pytorch":
        return framework.tensor(array).double()
    import tensorflow as tf

    return tf.constant(array.astype(np.float64))


def _save_and_load(first: Layer, second: Layer, framework: Framework) -> None:
    """What one model would put into a file goes into another."""
    if framework.key == "pytorch":
        import torch

        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        return
    if not hasattr(first, "save_weights"):  # a Layer, which is saved as a part of models only
        second.set_weights(first.get_weights())
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.weights.h5"
        first.save_weights(path)
        second.load_weights(path)


def _constant_text(inputs: Mapping[str, Any]) -> str:
    return f"RandomFeatures{tuple(inputs['sizes'])}; {data_in_words(inputs['x'])}"


def _the_constant(inputs: Mapping[str, Any], found: Any) -> np.ndarray:
    """`found`, if it can be the constant; raises `Unfit` otherwise."""
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    shape = tuple(inputs["sizes"][:2])
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.shape != shape:
        got = f"shape {found.shape}" if isinstance(found, np.ndarray) else "none"
        raise Unfit(f"c: an array of shape {shape} is expected, got {got}.")
    if not np.isfinite(found).all():
        raise Unfit("c: it holds values that are not finite numbers.")
    return found.astype(np.float64)


def _constant_output(inputs: Mapping[str, Any], c: np.ndarray) -> np.ndarray:
    features = np.tanh(inputs["x"].astype(np.float64) @ c)
    return by_hand([inputs["head"]], features)


def _same_outputs(
    inputs: Mapping[str, Any], found: Any, count: int, note: str = "", tolerance: float = 1e-4
) -> None:
    if not isinstance(found, dict) or not isinstance(found.get("outputs"), list):
        raise Unfit("The constant and outputs are expected.")
    outputs = need_list(found["outputs"], count, "Outputs")
    expected = _constant_output(inputs, _the_constant(inputs, found.get("c")))
    for n, one in enumerate(outputs):
        what = "Output" if n == 0 else "Output of a second call"
        same_array(one, expected, what, f"{_constant_text(inputs)}{note}", tolerance)


def _constant_outputs(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    _same_outputs(inputs, found, 2)


def _constant_drawn(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    first, second = (_the_constant(inputs, c) for c in need_list(found, 2, "Constants"))
    if np.allclose(first, second):
        raise Unfit("c: two models are expected to differ; they have the same numbers.")
    for c in (first, second):
        mean, deviation = float(c.mean()), float(c.std())
        if abs(mean) > 0.3 or not 0.8 < deviation < 1.2:
            raise Unfit(
                "c: a mean near 0 and a standard deviation near 1 are expected, got "
                f"{mean:.3f} and {deviation:.3f}, over {c.size} numbers."
            )


def _constant_stepped(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The parameters before and after a step are expected.")
    head, rate, v = inputs["head"], inputs["rate"], inputs["v"].astype(np.float64)
    kernel = stored(head["kernel"], framework)
    same_parameters(found.get("trained"), [("kernel of head", kernel), ("bias", head["bias"])])
    c = _the_constant(inputs, found.get("before"))
    features = np.tanh(inputs["x"].astype(np.float64) @ c)
    shown = f"{_constant_text(inputs)}; one step of gradient descent, rate {rate}"
    pair = need_list(found.get("head"), 2, "Arrays of head")
    same_array(pair[0], head["kernel"] - rate * features.T @ v, "kernel of head afterwards", shown)
    same_array(pair[1], head["bias"] - rate * v.sum(0), "bias of head afterwards", shown)
    if not np.array_equal(c, _the_constant(inputs, found.get("after"))):
        raise Unfit(f"c: the step has changed it.\nInput: {shown}")


def _constant_loaded(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    note = "; the output is that of a second model, which loaded what the first one saved"
    _same_outputs(inputs, found, 1, note)


def _constant_doubled(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if isinstance(found, dict) and isinstance(found.get("outputs"), list):
        for what, one in (("c", found.get("c")), *(("Output", one) for one in found["outputs"])):
            if isinstance(one, np.ndarray) and one.dtype != np.float64:
                raise Unfit(f"{what}: numbers of 64 bits are expected, got {one.dtype}.")
    _same_outputs(inputs, found, 1, "; all in 64 bits", 1e-10)


_CONSTANT = "the output"

CONSTANT = Question(
    name="control-flow.constant",
    title="A constant that stays with its model",
    points=8,
    inputs=_constant_inputs,
    probe=_constant_probe,
    judge=judge_by(
        Aspect(
            _CONSTANT,
            2,
            "outputs",
            _constant_outputs,
            hint="head(tanh(X @ c)), with the c that the attribute shows. It is drawn once, in "
            "__init__.",
        ),
        Aspect(
            "drawn from the standard normal distribution",
            1,
            "drawn",
            _constant_drawn,
            hints={
                "pytorch": "torch.randn is the standard normal distribution; torch.rand is not. "
                "And a seed in __init__ makes all models alike.",
                "tensorflow": "The standard deviation of keras.initializers.RandomNormal is 0.05 "
                "unless you say otherwise. And a seed makes all models alike.",
            },
            needs=(_CONSTANT,),
        ),
        Aspect(
            "training leaves it alone",
            2,
            "stepped",
            _constant_stepped,
            hints={
                "pytorch": "An nn.Parameter is trained. A buffer is not, and head has to be.",
                "tensorflow": "add_weight makes a weight that is trained, unless trainable=False.",
            },
        ),
        Aspect(
            "saved and loaded",
            2,
            "loaded",
            _constant_loaded,
            hints={
                "pytorch": "A tensor in an attribute is not saved, nor is a buffer with "
                "persistent=False: register_buffer('c', ...).",
                "tensorflow": "Keras saves neither a tf.constant nor a tf.Variable: "
                "add_weight(..., trainable=False).",
            },
        ),
        Aspect(
            "64 bits",
            1,
            "doubled",
            _constant_doubled,
            hints={
                "pytorch": "double() reaches parameters and buffers. What is kept elsewhere stays "
                "in 32 bits.",
                "tensorflow": "Pass **kwargs on to super().__init__(), make c with add_weight, and "
                "give head dtype=self.dtype.",
            },
        ),
    ),
    version="1",
)


# -- control-flow.shared -------------------------------------------------------------------------


def _shared_inputs(rng: np.random.Generator) -> Inputs:
    inputs, width, outputs = integer(rng, 2, 5), integer(rng, 3, 6), integer(rng, 2, 4)
    times, heads, rows = integer(rng, 2, 4), integer(rng, 2, 4), integer(rng, 3, 5)
    return {
        "sizes": [inputs, width, outputs, times, heads],
        "enter": dense(rng, inputs, width),
        "again": dense(rng, width, width),
        "heads": [dense(rng, width, outputs) for _ in range(heads)],
        "x": data(rng, rows, inputs),
        "v": data(rng, rows, heads * outputs),
        "rate": round(float(rng.uniform(0.05, 0.2)), 3),
    }


def _shared_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    x = framework.tensor(inputs["x"])

    def layers_of(net: Layer) -> list[Layer]:
        return [net.parts["enter"], net.parts["again"], *net.heads]

    def ready() -> Layer:
        net = answer(*inputs["sizes"])
        net(x)  # makes what waits for a first input
        parts = [inputs["enter"], inputs["again"], *inputs["heads"]]
        for layer, part in zip(layers_of(net), parts, strict=True):
            framework.set_dense(layer, **part)
        return net

    def stepped() -> Any:
        net = ready()
        framework.step(net, lambda: framework.weighted_sum(net(x), inputs["v"]), inputs["rate"])
        return [framework.dense_values(layer) for layer in layers_of(net)]

    def outputs() -> Any:
        net = ready()
        return [framework.array(net(x)) for _ in range(2)]

    return {
        "parameters": attempt(lambda: framework.arrays(framework.registered(ready()))),
        "outputs": attempt(outputs),
        "stepped": attempt(stepped),
    }


def _shared_parts(inputs: Mapping[str, Any]) -> dict[str, Mapping[str, np.ndarray]]:
    heads = {f"heads[{n}]": head for n, head in enumerate(inputs["heads"])}
    parts = {'parts["enter"]': inputs["enter"], 'parts["again"]': inputs["again"]}
    return {**parts, **heads}


def _shared_forward(inputs: Mapping[str, Any]) -> tuple[list[np.ndarray], np.ndarray]:
    """What each tanh returns, and the output."""
    again = [inputs["again"]] * inputs["sizes"][3]
    values = [inputs["x"].astype(np.float64)]
    for part in (inputs["enter"], *again):
        values.append(np.tanh(by_hand([part], values[-1])))
    heads = [by_hand([head], values[-1]) for head in inputs["heads"]]
    return values, np.concatenate(heads, axis=1)


def _shared_text(inputs: Mapping[str, Any]) -> str:
    return f"Unrolled{tuple(inputs['sizes'])}; {data_in_words(inputs['x'])}"


def _shared_parameters(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = []
    for name, part in _shared_parts(inputs).items():
        expected.append((f"kernel of {name}", stored(part["kernel"], framework)))
        expected.append((f"bias of {name}", part["bias"]))
    try:
        same_parameters(found, expected)
    except Unfit as problem:
        raise Unfit(f"{problem}\nInput: Unrolled{tuple(inputs['sizes'])}") from None


def _shared_outputs(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    same_arrays(found, [_shared_forward(inputs)[1]] * 2, _shared_text(inputs))


def _shared_stepped(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    parts = _shared_parts(inputs)
    pairs = need_list(found, len(parts), "Layers after the step")
    values, _output = _shared_forward(inputs)
    of: dict[str, list[np.ndarray]] = {}
    back = np.zeros_like(values[-1])
    for n, v in enumerate(np.split(inputs["v"].astype(np.float64), len(inputs["heads"]), axis=1)):
        of[f"heads[{n}]"] = [values[-1].T @ v, v.sum(0)]
        back = back + v @ inputs["heads"][n]["kernel"].T
    for at in range(len(values) - 1, 0, -1):  # the use of a layer that made values[at]
        name = 'parts["enter"]' if at == 1 else 'parts["again"]'
        back = back * (1 - values[at] ** 2)
        shares = [values[at - 1].T @ back, back.sum(0)]
        of[name] = [a + b for a, b in zip(of.get(name, [0, 0]), shares, strict=True)]
        back = back @ parts[name]["kernel"].T.astype(np.float64)
    rate = inputs["rate"]
    shown = f"{_shared_text(inputs)}; one step of gradient descent, rate {rate}"
    for (name, part), pair in zip(parts.items(), pairs, strict=True):
        pair = need_list(pair, 2, f"Arrays of {name}")
        for what, one, gradient in zip(("kernel", "bias"), pair, of[name], strict=True):
            expected = part[what].astype(np.float64) - rate * gradient
            same_array(one, expected, f"{what} of {name} after the step", shown)


SHARED = Question(
    name="control-flow.shared",
    title="One that should be many, many that should be one",
    points=6,
    inputs=_shared_inputs,
    probe=_shared_probe,
    judge=judge_by(
        Aspect(
            "every parameter is found, once",
            2,
            "parameters",
            _shared_parameters,
            hints={
                "pytorch": "A plain dictionary hides its layers: nn.ModuleDict. And "
                "[layer] * n is one layer, n times over.",
                "tensorflow": "Keras looks into dictionaries and lists, and into nothing that "
                "merely behaves like one. And [layer] * n is one layer, n times over.",
            },
        ),
        Aspect(
            "the output",
            2,
            "outputs",
            _shared_outputs,
            hint="The shared layer runs where it is called: inside the loop, on what it returned "
            "the last time. Each head has parameters of its own.",
        ),
        Aspect(
            "one step moves everything",
            2,
            "stepped",
            _shared_stepped,
            hint="The gradient of a shared layer is the sum over all its calls, so it must be the "
            "same layer in all of them, found by the framework and cut off nowhere.",
        ),
    ),
    version="1",
)

QUESTIONS = (ROUTES, SHRINK, CONSTANT, SHARED)
