"""Questions of the chapter *Training loops and data loading*.

Where the student takes steps, the judge takes them with NumPy in double precision, or adds up in
one formula what the steps come to. What is random is judged by its properties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer
from d2lcompute.checks.networks import (
    data,
    data_in_words,
    dense,
    integer,
    need_list,
    need_normal,
    plain_numbers,
    same_after_steps,
)
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    came_instead,
    describe,
    error_in,
    judge_by,
    kind_of,
    need_class,
    need_function,
    same_array,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]


def _rate(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _same_numbers(found: Any, expected: np.ndarray, what: str, shown: str) -> None:
    """Raise `Unfit` unless `plain_numbers` found these."""
    if isinstance(found, str):
        wanted = "plain numbers are" if expected.size > 1 else "a plain number is"
        raise Unfit(f"{what}: {wanted} expected, got {found[:80]}.\nInput: {shown}")
    same_array(found, expected, what, shown)


# -- training.stuck ----------------------------------------------------------------------------

_WEIGHTS = [f"{layer}, {what}" for layer in ("body", "head") for what in ("kernel", "bias")]


def _stuck_inputs(rng: np.random.Generator) -> Inputs:
    rows, inputs, width, outputs = (integer(rng, low, 6) for low in (4, 2, 3, 2))
    first = _rate(rng, 0.1, 0.3)
    return {
        "body": dense(rng, inputs, width),
        "head": dense(rng, width, outputs),
        "new": dense(rng, width, outputs),
        "x": data(rng, rows, inputs),
        "y": data(rng, rows, outputs) + rng.normal(0, 2, outputs).astype(np.float32),
        "rates": [first, round(first * _rate(rng, 0.2, 0.6), 4)],
        "steps": integer(rng, 3, 5),
    }


def _stuck_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")
    x, y = framework.tensor(inputs["x"]), framework.tensor(inputs["y"])

    def layer(name: str) -> Layer:
        return framework.dense(**inputs[name])

    def values(*layers: Layer) -> list[np.ndarray]:
        return [array for one in layers for array in framework.dense_values(one)]

    def run(steps: int) -> Any:
        body, head = layer("body"), layer("head")
        trainer = answer(body, head, inputs["rates"][0])
        losses = [trainer.step(x, y) for _ in range(steps)]
        return {"weights": values(body, head), "losses": plain_numbers(losses)}

    def new_rate() -> Any:
        body, head = layer("body"), layer("head")
        trainer = answer(body, head, inputs["rates"][0])
        for rate in inputs["rates"]:
            trainer.rate = rate
            for _ in range(2):
                trainer.step(x, y)
        return values(body, head)

    def new_head() -> Any:
        body, head, new = layer("body"), layer("head"), layer("new")
        trainer = answer(body, head, inputs["rates"][0])
        for one in (head, new):
            trainer.head = one
            for _ in range(2):
                trainer.step(x, y)
        return values(body, head, new)

    several = attempt(lambda: run(inputs["steps"]))
    return {
        "one": attempt(lambda: run(1)["weights"]),
        "several": several.get("weights", several),
        "rate": attempt(new_rate),
        "head": attempt(new_head),
        "losses": several.get("losses", several),
    }


def _stuck_steps(
    inputs: Mapping[str, Any], steps: Sequence[tuple[float, str]]
) -> tuple[dict[str, np.ndarray], list[float]]:
    """All weights after steps, each with its rate and its head; and the losses before each."""
    w = {
        f"{layer}, {what}": inputs[layer][what].astype(np.float64)
        for layer in ("body", "head", "new")
        for what in ("kernel", "bias")
    }
    x, y = inputs["x"].astype(np.float64), inputs["y"].astype(np.float64)
    losses = []
    for rate, head in steps:
        hidden = np.tanh(x @ w["body, kernel"] + w["body, bias"])
        errors = hidden @ w[f"{head}, kernel"] + w[f"{head}, bias"] - y
        losses.append(float(np.square(errors).mean()))
        back = 2 * errors / errors.size
        below = (back @ w[f"{head}, kernel"].T) * (1 - hidden**2)
        for layer, came, went in ((head, hidden, back), ("body", x, below)):
            w[f"{layer}, kernel"] = w[f"{layer}, kernel"] - rate * (came.T @ went)
            w[f"{layer}, bias"] = w[f"{layer}, bias"] - rate * went.sum(0)
    return w, losses


def _stuck_plan(inputs: Mapping[str, Any], key: str) -> tuple[list[tuple[float, str]], str]:
    """The steps of a case, and the case in words."""
    first, second = inputs["rates"]
    plans = {
        "one": ([(first, "head")], f"one step, rate {first}"),
        "several": ([(first, "head")] * inputs["steps"], f"{inputs['steps']} steps, rate {first}"),
        "rate": (
            [(first, "head")] * 2 + [(second, "head")] * 2,
            f"two steps with rate {first}, then trainer.rate = {second} and two more",
        ),
        "head": (
            [(first, "head")] * 2 + [(first, "new")] * 2,
            f"two steps with rate {first}, then trainer.head = new and two more",
        ),
    }
    steps, words = plans[key]
    return steps, f"{words}; {data_in_words(inputs['x'])}"


def _stuck_case(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        steps, shown = _stuck_plan(inputs, key)
        names = [*_WEIGHTS, *(("new, kernel", "new, bias") if key == "head" else ())]
        said = [f"old {name}" if key == "head" and name in _WEIGHTS[2:] else name for name in names]
        said = [name.replace("new,", "new head,") for name in said]
        after, _losses = _stuck_steps(inputs, steps)
        before, _losses = _stuck_steps(inputs, [])
        same_after_steps(
            found, [before[name] for name in names], [after[name] for name in names], shown, said
        )

    return compare


def _stuck_losses(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    steps, shown = _stuck_plan(inputs, "several")
    _same_numbers(found, np.array(_stuck_steps(inputs, steps)[1]), "Losses", shown)


STUCK = Question(
    name="training.stuck",
    title="A loss that repeats to the last digit",
    points=7,
    inputs=_stuck_inputs,
    probe=_stuck_probe,
    judge=judge_by(
        Aspect(
            "one step",
            1,
            "one",
            _stuck_case("one"),
            hints={
                "pytorch": "Clear, backward, step: in this order, and once per step.",
                "tensorflow": "tf.Variable(w) is a copy. Assign to the weights of the layers.",
            },
        ),
        Aspect(
            "several steps",
            1,
            "several",
            _stuck_case("several"),
            hint="Each step follows the gradient of its own moment, and nothing is left of the one "
            "before.",
        ),
        Aspect(
            "a new rate",
            2,
            "rate",
            _stuck_case("rate"),
            hints={
                "pytorch": "An optimizer keeps the rate that it was made with, until somebody "
                'changes optimizer.param_groups[0]["lr"].',
                "tensorflow": "A Python number that a traced function reads from self is a "
                "constant of its graph. Pass it as an argument, or do without tf.function. A "
                "Keras optimizer keeps the rate that it was made with: its learning_rate.",
            },
        ),
        Aspect(
            "a new head",
            2,
            "head",
            _stuck_case("head"),
            hints={
                "pytorch": "An optimizer steps with the weights that it was made with. Those of "
                "the body have to stay in, those of the old head to leave: a gradient that is "
                "left on them moves them on.",
                "tensorflow": "A traced function goes on with the layer that self held when it was "
                "traced. Pass it as an argument, or do without tf.function. A Keras optimizer, or "
                "a model made once, knows the weights that it began with and no others.",
            },
        ),
        Aspect(
            "the losses",
            1,
            "losses",
            _stuck_losses,
            hints={
                "pytorch": "item() makes a number of a tensor. The loss is that from before the "
                "step.",
                "tensorflow": "float() makes a number of a tensor, outside of tf.function; inside "
                "there are only tensors. The loss is that from before the step.",
            },
        ),
    ),
    version="2",
)


# -- training.recipe -----------------------------------------------------------------------------


def _recipe_case(rng: np.random.Generator, *middle: int) -> Inputs:
    inputs, outputs = integer(rng, 2, 4), integer(rng, 3, 5)
    long = integer(rng, 5, 7)
    sizes = [long, long, integer(rng, 1, 3)]  # the last one is short
    ends = rng.normal(0, 3, (3, outputs)).astype(np.float32)  # and of another kind
    batches = [
        [data(rng, size, *middle, inputs), data(rng, size, *middle, outputs) + end]
        for size, end in zip(sizes, ends, strict=True)
    ]
    per_example = outputs * int(np.prod(middle))
    return {
        "net": dense(rng, inputs, outputs),
        "batches": batches,
        "rate": round(_rate(rng, 0.1, 0.3) / per_example, 5),
        "epochs": integer(rng, 3, 5),  # not two: their losses would look like a pair
    }


def _recipe_inputs(rng: np.random.Generator) -> Inputs:
    return {"vectors": _recipe_case(rng), "matrices": _recipe_case(rng, integer(rng, 2, 4))}


def _no_pair(found: Any) -> Outputs:
    problem = WrongKind(
        "Two things are expected, the list of the epochs' losses and the loss of the best "
        f"constant; {came_instead(found)}."
    )
    return {"error": describe(problem)}


def _recipe_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def run(name: str) -> Any:
        case = inputs[name]
        net = framework.dense(**case["net"])
        batches = [tuple(framework.tensor(array) for array in pair) for pair in case["batches"]]
        found = answer(net, batches, case["rate"], case["epochs"])
        weights = {"weights": framework.dense_values(net)}  # right or wrong, whatever came
        if not isinstance(found, list | tuple) or len(found) != 2:
            return {**weights, "losses": _no_pair(found), "constant": _no_pair(found)}
        constant = plain_numbers([found[1]])
        if isinstance(constant, str):
            constant = kind_of(found[1])
        return {**weights, "losses": plain_numbers(found[0]), "constant": constant}

    runs = {name: attempt(lambda name=name: run(name)) for name in ("vectors", "matrices")}
    return {
        "vectors": runs["vectors"].get("weights", runs["vectors"]),
        "matrices": runs["matrices"].get("weights", runs["matrices"]),
        **{key: [one.get(key, one) for one in runs.values()] for key in ("losses", "constant")},
    }


def _recipe_steps(case: Mapping[str, Any]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """The weights after all steps, the losses of the epochs, the loss of the best constant."""
    w, b = (case["net"][key].astype(np.float64) for key in ("kernel", "bias"))
    pairs = [[array.astype(np.float64) for array in pair] for pair in case["batches"]]
    losses = []
    for _ in range(case["epochs"]):
        squares = []
        for x, y in pairs:
            errors = x @ w + b - y
            squares += [float(np.square(one).sum()) for one in errors]
            back = 2 * errors / len(y)
            w = w - case["rate"] * x.reshape(-1, len(w)).T @ back.reshape(-1, len(b))
            b = b - case["rate"] * back.reshape(-1, len(b)).sum(0)
        losses.append(np.mean(squares))
    targets = np.concatenate([y for _, y in pairs])
    return [w, b], np.array(losses), np.array([targets.var(axis=0).sum()])


def _recipe_text(case: Mapping[str, Any]) -> str:
    sizes = [len(y) for _, y in case["batches"]]
    shape = case["batches"][0][1].shape[1:]
    shape = f"{shape[0]} outputs" if len(shape) == 1 else f"{shape[0]} × {shape[1]} outputs"
    return (
        f"batches of {', '.join(map(str, sizes))} examples with {shape} each, rate "
        f"{case['rate']}, {case['epochs']} epochs"
    )


def _recipe_weights(name: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        case = inputs[name]
        before = [case["net"][key] for key in ("kernel", "bias")]
        after = _recipe_steps(case)[0]
        same_after_steps(found, before, after, _recipe_text(case), ("kernel", "bias"))

    return compare


def _recipe_numbers(at: int, what: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        for name, one in zip(inputs, need_list(found, len(inputs), "Numbers"), strict=True):
            case = inputs[name]
            _same_numbers(one, _recipe_steps(case)[at], what, _recipe_text(case))

    return compare


RECIPE = Question(
    name="training.recipe",
    title="The same recipe, another loss",
    points=6,
    inputs=_recipe_inputs,
    probe=_recipe_probe,
    judge=judge_by(
        Aspect(
            "the steps",
            2,
            "vectors",
            _recipe_weights("vectors"),
            hint="The framework's mean squared error divides by the number of outputs too. Sum "
            "over the outputs and take the mean over the examples, or let the rate make up for it.",
        ),
        Aspect(
            "outputs that are matrices",
            1,
            "matrices",
            _recipe_weights("matrices"),
            hint="With three axes an example has as many outputs as the last two axes together.",
        ),
        Aspect(
            "the losses",
            2,
            "losses",
            _recipe_numbers(1, "Losses of the epochs"),
            hint="Weigh the loss of each batch by its number of examples, keep the recipe's scale, "
            "and measure before the step. A plain number is made by item() or float().",
        ),
        Aspect(
            "the best constant",
            1,
            "constant",
            _recipe_numbers(2, "Loss of the best constant"),
            hint="The best constant answers each output with the mean of its targets, over the "
            "examples of all batches. It is measured like the losses: a sum over the outputs, a "
            "mean over the examples, a plain number.",
        ),
    ),
    version="2",
)


# -- training.momentum ---------------------------------------------------------------------------
#
# A run is plain data: the parameters to begin with, and steps, each a rate and the gradients.


def _run(rng: np.random.Generator, shapes: Sequence[tuple[int, ...]], *rates: float) -> Inputs:
    return {
        "params": [data(rng, *shape) for shape in shapes],
        "momentum": _rate(rng, 0.6, 0.95),
        "steps": [
            {"rate": rate, "gradients": [data(rng, *shape) for shape in shapes]} for rate in rates
        ],
    }


def _momentum_inputs(rng: np.random.Generator) -> Inputs:
    n, m = integer(rng, 2, 4), integer(rng, 5, 6)
    shapes = [(n, m), (m,), (m,)]
    rate = _rate(rng, 0.1, 0.5)
    cut = round(rate * _rate(rng, 0.05, 0.4), 5)
    without = _run(rng, shapes, *[rate] * 6)
    for at in (0, integer(rng, 2, 3), 4):
        without["steps"][at]["gradients"][integer(rng, 0, 2)] = None
    return {
        "constant": _run(rng, shapes, *[rate] * integer(rng, 4, 6)),
        "cut": _run(rng, shapes, *[rate] * integer(rng, 2, 4), *[cut] * integer(rng, 2, 3)),
        "without": without,
        "saved": _run(rng, shapes, *[cut] * 7),
        "after": integer(rng, 3, 5),  # so many steps before the state is taken
        "others": _run(rng, shapes, *[rate] * 2),
    }


def _momentum_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")

    def make(params: Sequence[np.ndarray], run: Inputs, rate: float, inside: bool) -> Any:
        made = [framework.parameter(np.array(array)) for array in params]
        return made, answer(list(made), rate, run["momentum"], inside)

    def go(optimizer: Any, steps: Sequence[Inputs]) -> None:
        for step in steps:
            optimizer.rate = step["rate"]
            follow(optimizer, [step])

    def follow(optimizer: Any, steps: Sequence[Inputs]) -> None:
        for step in steps:
            optimizer.step([None if g is None else framework.tensor(g) for g in step["gradients"]])

    def whole(name: str, inside: bool) -> Any:
        run = inputs[name]
        params, optimizer = make(run["params"], run, run["steps"][0]["rate"], inside)
        if name == "constant":
            follow(optimizer, run["steps"])
        else:
            go(optimizer, run["steps"])
        return framework.arrays(params)

    def resumed(inside: bool, disturbed: bool) -> Any:
        run, at = inputs["saved"], inputs["after"]
        other_rate = inputs["others"]["steps"][0]["rate"]
        params, first = make(run["params"], run, other_rate, inside)
        go(first, run["steps"][:at])
        values, state = framework.arrays(params), first.state()
        if disturbed:
            go(first, inputs["others"]["steps"])
            _, other = make(values, run, other_rate, inside)
            other.load(state)
            go(other, inputs["others"]["steps"])
        params, second = make(values, run, other_rate, inside)
        second.load(state)
        follow(second, run["steps"][at:])  # the rate came with the state
        return framework.arrays(params)

    def both(action: Callable[[bool], Any]) -> list[Any]:
        return [attempt(lambda inside=inside: action(inside)) for inside in (False, True)]

    return {
        "constant": both(lambda inside: whole("constant", inside)),
        "outside": attempt(lambda: whole("cut", False)),
        "inside": attempt(lambda: whole("cut", True)),
        "without": both(lambda inside: whole("without", inside)),
        "resumed": both(lambda inside: resumed(inside, disturbed=False)),
        "record": both(lambda inside: resumed(inside, disturbed=True)),
    }


def _momentum_ends(run: Mapping[str, Any], inside: bool) -> list[np.ndarray]:
    """Where a run ends: every gradient's share in every later step, added up."""
    ends = []
    for n, begin in enumerate(run["params"]):
        steps = [step for step in run["steps"] if step["gradients"][n] is not None]
        end = begin.astype(np.float64)
        for s, step in enumerate(steps):
            weights = [
                (step if inside else later)["rate"] * run["momentum"] ** t
                for t, later in enumerate(steps[s:])
            ]
            end = end - sum(weights) * step["gradients"][n].astype(np.float64)
        ends.append(end)
    return ends


def _same_ends(run: Mapping[str, Any], inside: bool, found: Any, note: str = "") -> None:
    rates = [step["rate"] for step in run["steps"]]
    missing = [
        f"step {s} has no gradient for params[{n}]"
        for s, step in enumerate(run["steps"])
        for n, gradient in enumerate(step["gradients"])
        if gradient is None
    ]
    about = [f"inside={inside}, momentum {run['momentum']}, rates {rates}", *missing]
    shown = "; ".join([*about, note] if note else about)
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    same_after_steps(found, run["params"], _momentum_ends(run, inside), shown)


def _momentum_both(name: str, note: str = "") -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        for inside, one in enumerate(need_list(found, 2, "Runs")):
            taken = f"the state was taken after {inputs['after']} steps" if note else ""
            _same_ends(inputs[name], bool(inside), one, f"{taken}{note}")

    return compare


def _momentum_cut(inside: bool) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        _same_ends(inputs["cut"], inside, found)

    return compare


MOMENTUM = Question(
    name="training.momentum",
    title="Momentum, with a memory",
    points=8,
    inputs=_momentum_inputs,
    probe=_momentum_probe,
    judge=judge_by(
        Aspect(
            "a constant rate",
            2,
            "constant",
            _momentum_both("constant"),
            hints={
                "pytorch": "One velocity for each parameter, zero at first. The parameters are "
                "changed in place and off the record: under torch.no_grad().",
                "tensorflow": "One velocity for each parameter, zero at first. assign_sub changes "
                "a variable; w - ... is another tensor.",
            },
        ),
        Aspect(
            "a cut, with the rate outside",
            1,
            "outside",
            _momentum_cut(False),
            hint="With inside=False the velocity is made of gradients alone, and the rate of the "
            "moment multiplies all of it.",
        ),
        Aspect(
            "a cut, with the rate inside",
            1,
            "inside",
            _momentum_cut(True),
            hint="With inside=True each gradient enters with the rate of its own step, and is "
            "multiplied by no other later.",
        ),
        Aspect(
            "no gradient",
            1,
            "without",
            _momentum_both("without"),
            hint="None is not zero: neither the parameter moves nor does its velocity fade.",
        ),
        Aspect(
            "going on from a state",
            2,
            "resumed",
            _momentum_both("saved", " and loaded into a new optimizer, made with another rate"),
            hint="A state holds the velocity of each parameter, and the rate. The parameters are "
            "no part of it: load leaves the optimizer those that it was made with.",
        ),
        Aspect(
            "a state is a record",
            1,
            "record",
            _momentum_both("saved", "; then both went on, the old one and one that had loaded it"),
            hint="A list that is handed out is the list itself, and a tensor that is changed in "
            "place changes wherever it is known. Copy when you save, and when you load.",
        ),
    ),
    version="2",
)


# -- training.batches ----------------------------------------------------------------------------

_EPOCHS = 4


def _batches_inputs(rng: np.random.Generator) -> Inputs:
    size = integer(rng, 7, 9)
    rows = size * integer(rng, 6, 7) + integer(rng, 1, size - 1)
    seeds = rng.choice(2**20, 3, replace=False)
    return {
        "x": data(rng, rows, integer(rng, 3, 5)),
        "y": (np.arange(rows) + integer(rng, 0, 1000)).astype(np.float32),
        "size": size,
        "noise": round(_rate(rng, 0.3, 0.7) * int(rng.choice([1, 5])), 4),  # and not its square
        "seeds": [int(seed) for seed in seeds],
    }


def _batches_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")
    first, second, third = inputs["seeds"]

    def make(noise: float, seed: int) -> tuple[list[np.ndarray], Any]:
        given = [np.array(inputs["x"]), np.array(inputs["y"])]
        return given, answer(*given, inputs["size"], noise, seed)

    def array(part: Any) -> np.ndarray:
        if not hasattr(part, "numpy"):
            raise WrongKind(f"Pairs of tensors are expected; a batch holds {kind_of(part)}.")
        return framework.array(part)

    def pair(batch: Any) -> list[np.ndarray]:
        if not isinstance(batch, list | tuple) or len(batch) != 2:  # a tensor can be unpacked too
            raise WrongKind(f"A batch: a pair X, y is expected; {came_instead(batch)}.")
        return [array(part) for part in batch]

    def epoch(batches: Any) -> list[Any]:
        return [pair(batch) for batch in islice(batches, len(inputs["x"]) + 1)]

    def plain() -> Any:
        _, batches = make(0.0, first)
        epochs = [epoch(batches) for _ in range(_EPOCHS)]
        return {"length": attempt(lambda: len(batches)), "epochs": epochs}

    def noisy() -> Any:
        given, batches = make(inputs["noise"], second)
        return {"epochs": [epoch(batches) for _ in range(_EPOCHS)], "given": given}

    def again() -> Any:
        pair = [make(inputs["noise"], second)[1] for _ in range(2)]
        turns = [[epoch(batches) for batches in pair] for _ in range(2)]
        other = make(inputs["noise"], third)[1]
        return {"turns": turns, "other": epoch(other)}

    found = attempt(noisy)
    return {
        "plain": attempt(plain),
        "noise": found.get("epochs", found),
        "given": found.get("given", found),
        "again": attempt(again),
    }


def _batches_text(inputs: Mapping[str, Any], noise: bool = True) -> str:
    rows, features = inputs["x"].shape
    return (
        f"{rows} rows of {features} features, size {inputs['size']}, noise "
        f"{inputs['noise'] if noise else 0.0}"
    )


def _order_of(
    inputs: Mapping[str, Any], epoch: Any, shown: str
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The rows of an epoch in order, what X came with them, and how many were in each batch."""
    if not isinstance(epoch, list) or not all(isinstance(b, list) and len(b) == 2 for b in epoch):
        raise Unfit(f"An epoch is expected, of batches that are pairs X, y.\nInput: {shown}")
    features = inputs["x"].shape[1]
    sizes, rows, parts = [], [], []
    for x, y in epoch:
        arrays = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        if not arrays or y.ndim != 1 or x.shape != (len(y), features) or x.dtype.kind != "f":
            got = f"{x.shape} and {y.shape}" if arrays else "something else"
            raise Unfit(
                f"A batch: X of shape (n, {features}) and y of shape (n,) are expected, got {got}."
                f"\nInput: {shown}"
            )
        sizes.append(len(y))
        rows += y.astype(np.float64).tolist()
        parts.append(x.astype(np.float64))
    order = np.array(rows) - float(inputs["y"][0])
    strange = ~np.isin(order, np.arange(len(inputs["y"])))
    if strange.any():
        raise Unfit(
            f"y, as it came with X: {rows[int(np.argmax(strange))]:.4f} is none of the numbers "
            f"that were given.\nInput: {shown}"
        )
    if not np.array_equal(np.sort(order), np.arange(len(inputs["y"]))):
        raise Unfit(
            f"Rows in an epoch: each of the {len(inputs['y'])} is expected once; {len(order)} "
            f"came, {len(np.unique(order))} of them different.\nInput: {shown}"
        )
    x = np.concatenate(parts)
    if not np.all(np.isfinite(x)):
        raise Unfit(f"X holds values that are not finite numbers.\nInput: {shown}")
    return order.astype(np.int64), x, sizes


def _noise_by_row(inputs: Mapping[str, Any], order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What was added to each row of X, as a multiple of the noise that was asked for."""
    noise = np.empty_like(x)
    noise[order] = x - inputs["x"][order]
    return noise / inputs["noise"]


def _plain_epochs(inputs: Mapping[str, Any], found: Any) -> list[Any]:
    if not isinstance(found, dict):
        raise Unfit("Epochs are expected.")
    return need_list(found.get("epochs"), _EPOCHS, "Epochs")


def _batches_rows(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown, size, rows = _batches_text(inputs, noise=False), inputs["size"], len(inputs["y"])
    expected = [size] * (rows // size) + [rows % size]
    for epoch in _plain_epochs(inputs, found):
        order, x, sizes = _order_of(inputs, epoch, shown)
        if sizes != expected:
            raise Unfit(f"Rows in each batch: expected {expected}, got {sizes}.\nInput: {shown}")
        same_array(x, inputs["x"][order], "X, beside the rows that y names", shown)
    length = found.get("length")
    if (error := error_in(length)) is not None:
        raise Unfit(f"len(batches): {len(expected)} is expected. {error}\nInput: {shown}")
    if type(length) is not int or length != len(expected):
        said = length if type(length) is int else "something else"
        raise Unfit(f"len(batches): expected {len(expected)}, got {said}.\nInput: {shown}")


def _batches_shuffled(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown, rows = _batches_text(inputs, noise=False), len(inputs["y"])
    orders = [_order_of(inputs, epoch, shown)[0] for epoch in _plain_epochs(inputs, found)]
    far = np.mean([np.abs(order - np.arange(rows)).mean() for order in orders])
    together = np.mean([(np.abs(np.diff(order)) == 1).mean() for order in orders])
    same = max(float((a == b).mean()) for n, a in enumerate(orders) for b in orders[n + 1 :])
    if same > 0.4:
        raise Unfit(f"Two epochs have the same order, or nearly.\nInput: {shown}")
    if far < rows / 5:  # a third is to be expected
        raise Unfit(
            f"A row is {far:.1f} places from where it was, on average over {_EPOCHS} epochs; about "
            f"{rows / 3:.0f} are to be expected.\nInput: {shown}"
        )
    if together > 0.3:
        raise Unfit(
            f"Of the rows that come one after another {together:.0%} were neighbors before; few "
            f"are to be expected.\nInput: {shown}"
        )


def _batches_again(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = _batches_text(inputs)
    if not isinstance(found, dict):
        raise Unfit("Epochs are expected.")
    turns = []
    for pair in need_list(found.get("turns"), 2, "Turns"):
        turns.append(
            [_order_of(inputs, epoch, shown) for epoch in need_list(pair, 2, "Epochs of a turn")]
        )
    for number, (one, two) in enumerate(turns):
        what = f"Epoch {number} of a second object with the same seed"
        if not np.array_equal(one[0], two[0]):
            raise Unfit(f"{what}: it has another order.\nInput: {shown}")
        same_array(two[1], one[1], f"{what}, X", shown, 1e-6)
    first = turns[0][0][:2]
    other = _order_of(inputs, found.get("other"), shown)[:2]
    between = _noise_by_row(inputs, *first) - _noise_by_row(inputs, *other)
    if (first[0] == other[0]).mean() > 0.4 or (np.abs(between) < 1e-4).mean() > 0.1:
        raise Unfit(f"With another seed the same order came, or the same noise.\nInput: {shown}")


def _batches_noise(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown, size = _batches_text(inputs), inputs["noise"]
    epochs = need_list(found, _EPOCHS, "Epochs")
    orders = [_order_of(inputs, epoch, shown)[:2] for epoch in epochs]
    z = np.array([_noise_by_row(inputs, *one) for one in orders])  # (epochs, rows, features)
    need_normal(z, size, shown, mean=0.25, deviation=0.2, beyond=(0.01, 0.12))


def _batches_given(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = f"{_batches_text(inputs)}; {_EPOCHS} epochs"
    for name, one in zip("xy", need_list(found, 2, "Arrays"), strict=True):
        same_array(one, inputs[name], f"The array {name.upper()} afterwards", shown, 1e-6)


BATCHES = Question(
    name="training.batches",
    title="Batches in a new order, with noise",
    points=8,
    inputs=_batches_inputs,
    probe=_batches_probe,
    judge=judge_by(
        Aspect(
            "every row once",
            2,
            "plain",
            _batches_rows,
            hint="Shuffle the numbers of the rows, and take X and y by them. What is left over at "
            "the end is a batch too. Each loop asks __iter__ for an epoch, which begins and ends.",
        ),
        Aspect(
            "shuffled anew",
            2,
            "plain",
            _batches_shuffled,
            hint="All row numbers are shuffled, again at the beginning of each epoch, before they "
            "are cut into batches. A generator that is made in __iter__ starts over each time.",
        ),
        Aspect(
            "noise",
            2,
            "noise",
            _batches_noise,
            hints={
                "pytorch": "Draw an array of the shape of X in each epoch, from a generator that "
                "moves on, and add it to the X that was given.",
                "tensorflow": "Draw an array of the shape of X in each epoch, from a generator "
                "that moves on, and add it to the X that was given. What NumPy draws inside a map "
                "is drawn once, while the map is traced.",
            },
        ),
        Aspect(
            "repeatable",
            1,
            "again",
            _batches_again,
            hint="All that is random comes from the seed, through a generator that belongs to the "
            "object. The framework's own generator is everybody's.",
        ),
        Aspect(
            "the arrays you were given",
            1,
            "given",
            _batches_given,
            hint="+= changes the array, or the tensor that shares its memory; + makes a new one.",
            needs=("every row once",),
        ),
    ),
    version="2",
)

QUESTIONS = (STUCK, RECIPE, MOMENTUM, BATCHES)
