"""Questions of the chapter *From NumPy to automatic differentiation*.

Every right answer is recomputed here with NumPy. Where the student goes backwards, the judge goes
forwards, or counts the places at which an entry was used: a mistake made twice does not agree with
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Tensor
from d2lcompute.checks.networks import data, integer, plain_numbers, same_after_steps
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    attempt,
    error_in,
    judge_by,
    need_class,
    need_function,
    same_array,
    shape_text,
    shapes_of,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]


def _doubles(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normally distributed numbers of 64 bits."""
    return np.array(rng.normal(size=shape))


def _sizes(rng: np.random.Generator, count: int) -> list[int]:
    """Different numbers, of rows and the like."""
    return [int(size) for size in rng.choice(np.arange(2, 8), count, replace=False)]


# -- autograd.broadcast ------------------------------------------------------------------------

_NAMES = ("x", "y", "z")


def _three(rng: np.random.Generator, *shapes: tuple[int, ...]) -> Inputs:
    return {name: _doubles(rng, *shape) for name, shape in zip(_NAMES, shapes, strict=True)}


def _fitting_shape(rng: np.random.Generator, full: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts to `full`: axes missing in front, and axes of size one."""
    kept = full[integer(rng, 0, len(full)) :]
    return tuple(1 if rng.random() < 0.4 else size for size in kept)


def _broadcast_inputs(rng: np.random.Generator) -> Inputs:
    n, m = _sizes(rng, 2)
    several = []
    for _ in range(4):
        full = [integer(rng, 2, 4) for _ in range(3)]
        several.append(_three(rng, *(_fitting_shape(rng, full) for _ in _NAMES)))
    a, b, c = (integer(rng, 2, 4) for _ in range(3))
    several.append(_three(rng, (a, 1, c), (b, 1), (a, b, c)))
    several.append(_three(rng, (b, c), (), (1, a, 1, 1)))
    return {
        "equal": _three(rng, (n, m), (n, m), (n, m)),
        "row": _three(rng, (n, m), (n, m), (m,)),
        "column": _three(rng, (n, m), (n, 1), (n, m)),
        "several": several,
    }


def _broadcast_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def one(value: Any) -> np.ndarray:
        if isinstance(value, int | float | np.generic):
            return np.array(value, np.float64)
        return framework.array(value)

    def gradients(case: Inputs, times: int = 1) -> Any:
        given = [np.array(case[name]) for name in _NAMES]  # the same arrays, each time
        found = [answer(*given) for _ in range(times)][-1]
        return [one(value) for value in found]

    return {
        "equal": attempt(lambda: gradients(inputs["equal"], times=2)),
        "row": attempt(lambda: gradients(inputs["row"])),
        "column": attempt(lambda: gradients(inputs["column"])),
        "several": [
            attempt(lambda case=case: gradients(case))  # each for itself
            for case in inputs["several"]
        ],
    }


def _broadcast_gradients(case: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The gradients, summed over all places at which an entry was used."""
    x, y, z = (case[name].astype(np.float64) for name in _NAMES)
    b = x * y + z
    found = []
    for array, factor in ((x, y), (y, x), (z, 1.0)):
        places = np.broadcast_to(np.arange(array.size).reshape(array.shape), b.shape)
        shares = np.broadcast_to(2 * b * factor, b.shape)
        sums = np.bincount(places.ravel(), shares.ravel(), minlength=array.size)
        found.append(sums.reshape(array.shape))
    return found


def _same_gradients(case: Mapping[str, np.ndarray], found: Any, note: str = "") -> None:
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    if not isinstance(found, list) or len(found) != 3:
        number = len(found) if isinstance(found, list) else 0
        raise Unfit(f"Three gradients are expected, got {number}.")
    shapes = ", ".join(f"{name} of shape {shape_text(case[name])}" for name in _NAMES)
    for name, one, array in zip(_NAMES, found, _broadcast_gradients(case), strict=True):
        same_array(one, array, f"Gradient of {name}", f"{shapes}{note}", 1e-6)


def _broadcast_case(key: str, note: str = "") -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        _same_gradients(inputs[key], found, note)

    return compare


def _broadcast_several(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, list) or len(found) != len(inputs["several"]):
        raise Unfit(f"Gradients in {len(inputs['several'])} cases are expected.")
    for case, one in zip(inputs["several"], found, strict=True):
        _same_gradients(case, one)


BROADCAST = Question(
    name="autograd.broadcast",
    title="Backwards through a broadcast",
    points=6,
    inputs=_broadcast_inputs,
    probe=_broadcast_probe,
    judge=judge_by(
        Aspect(
            "equal shapes",
            2,
            "equal",
            _broadcast_case("equal", "; the function was called twice on the same arrays"),
            hint="Multiply along the path: 2 * b comes back from the square, then y on the arrow "
            "from x, x on the arrow from y, and 1 on the arrow from z. Write into none of the "
            "arrays that you were given.",
        ),
        Aspect(
            "a row",
            1,
            "row",
            _broadcast_case("row"),
            hint="Each entry of the row was used once in every row of the batch: add up what "
            "comes back from them.",
        ),
        Aspect(
            "a column",
            1,
            "column",
            _broadcast_case("column"),
            hint="Sum over the axis that was stretched, and keep it: keepdims=True.",
        ),
        Aspect(
            "any shapes",
            2,
            "several",
            _broadcast_several,
            hint="Two things happen to a smaller array: axes are put in front of its own, and "
            "axes of size one are stretched. Undo both, for each of the three, whatever the "
            "number of axes.",
        ),
    ),
    version="1",
)


# -- autograd.engine -----------------------------------------------------------------------------
#
# A program is plain data: numbers to begin with, and steps that each make one value more. A step
# names the values it uses by their place: ["add", 0, 1], ["mul", 0, 1], ["tanh", 2], and with a
# plain number on the right or the left: ["add number", 2, 1.5], ["number mul", 2, 1.5].

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "tanh": lambda a, _: a.tanh(),
    "add number": lambda a, number: a + number,
    "number add": lambda a, number: number + a,
    "mul number": lambda a, number: a * number,
    "number mul": lambda a, number: number * a,
}


def _program(rng: np.random.Generator, begin: int, *steps: list[Any]) -> Inputs:
    numbers = [round(float(number), 3) for number in rng.uniform(0.3, 1.5, begin)]
    signs = rng.choice([-1.0, 1.0], begin)
    return {
        "begin": [float(number * sign) for number, sign in zip(numbers, signs, strict=True)],
        "steps": [list(step) for step in steps],
    }


def _number(rng: np.random.Generator) -> float:
    return round(float(rng.uniform(0.4, 1.9) * rng.choice([-1.0, 1.0])), 3)


def _tangle(rng: np.random.Generator) -> Inputs:
    """A program in which each value is used at once, and again much later."""
    steps: list[list[Any]] = [["mul", 0, 1], ["tanh", 2], ["add", 2, 3], ["mul", 3, 2]]
    for at in range(6, 6 + integer(rng, 4, 6)):
        other = integer(rng, 2, at - 2)
        pair = [at - 1, other] if rng.random() < 0.5 else [other, at - 1]
        steps.append([str(rng.choice(["add", "mul"])), *pair])
        steps[-1] = ["tanh", at - 1] if rng.random() < 0.2 else steps[-1]
    last = len(steps) + 1
    return _program(rng, 2, *steps, ["mul", 2, last], ["add", last + 1, 4])


def _engine_inputs(rng: np.random.Generator) -> Inputs:
    number = [_number(rng) for _ in range(6)]
    return {
        "forward": _program(
            rng,
            2,
            ["add", 0, 1],
            ["mul", 0, 2],
            ["tanh", 3],
            ["add number", 4, number[0]],
            ["number add", 5, number[1]],
            ["mul number", 6, number[2]],
            ["number mul", 7, number[3]],
        ),
        "path": _program(
            rng,
            4,
            ["mul", 0, 1],
            ["number mul", 4, number[4]],
            ["add", 5, 2],
            ["tanh", 6],
            ["add number", 7, number[5]],
            ["mul", 3, 8],
        ),
        "twice": [
            _program(rng, 1, ["mul", 0, 0]),
            _program(rng, 1, ["add", 0, 0], ["tanh", 1]),
            _program(rng, 2, ["mul", 0, 1], ["add", 2, 0], ["mul", 3, 1], ["add", 0, 4]),
        ],
        "meet": [
            _program(rng, 2, ["mul", 0, 1], ["tanh", 2], ["mul", 2, 3]),
            _program(rng, 2, ["mul", 0, 1], ["tanh", 2], ["mul", 3, 2]),
            *(_tangle(rng) for _ in range(3)),
        ],
        "again": {
            **_program(rng, 2, ["mul", 0, 1], ["tanh", 2], ["mul", 3, 0], ["add", 2, 3]),
            "results": [4, 5, 3],
        },
    }


def _engine_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")

    def run(program: Inputs) -> list[Any]:
        values = [answer(number) for number in program["begin"]]
        for name, at, *other in program["steps"]:
            second = other[0] if other else None
            second = values[second] if name in ("add", "mul") else second
            values.append(_OPERATIONS[name](values[at], second))
        return values

    def gradients(program: Inputs) -> Any:
        values = run(program)
        for place in program.get("results", [-1]):
            values[place].backward()
        return np.array([float(value.grad) for value in values[: len(program["begin"])]])

    def numbers() -> Any:
        return np.array([float(value.number) for value in run(inputs["forward"])])

    return {
        "forward": attempt(numbers),
        "path": attempt(lambda: gradients(inputs["path"])),
        "twice": [attempt(lambda one=one: gradients(one)) for one in inputs["twice"]],
        "meet": [attempt(lambda one=one: gradients(one)) for one in inputs["meet"]],
        "again": attempt(lambda: gradients(inputs["again"])),
    }


def _forwards(program: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """All values of a program, and how fast each changes with the numbers it began with.

    In forward mode: every value carries its derivatives along.
    """
    begin = program["begin"]
    values, slopes = list(begin), list(np.eye(len(begin)))
    for name, at, *other in program["steps"]:
        a, da = values[at], slopes[at]
        if name == "tanh":
            values.append(np.tanh(a))
            slopes.append(da / np.cosh(a) ** 2)
            continue
        plain = "number" in name
        b = other[0] if plain else values[other[0]]
        db = np.zeros(len(begin)) if plain else slopes[other[0]]
        values.append(a + b if "add" in name else a * b)
        slopes.append(da + db if "add" in name else b * da + a * db)
    return np.array(values), np.array(slopes)


def _in_letters(program: Mapping[str, Any]) -> str:
    """A program as people write it: a = 0.5; b = -1.2; c = a * b; d = c.tanh()."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = [f"{letters[n]} = Value({number:g})" for n, number in enumerate(program["begin"])]
    for n, (name, at, *other) in enumerate(program["steps"], len(lines)):
        first = letters[at]
        if name == "tanh":
            lines.append(f"{letters[n]} = {first}.tanh()")
            continue
        sign = "+" if "add" in name else "*"
        second = f"{other[0]:g}" if "number" in name else letters[other[0]]
        pair = (second, first) if name.startswith("number") else (first, second)
        lines.append(f"{letters[n]} = {pair[0]} {sign} {pair[1]}")
    backward = [f"{letters[n]}.backward()" for n in program.get("results", [len(lines) - 1])]
    return "; ".join(lines + backward)


def _engine_forward(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    program = inputs["forward"]
    shown = _in_letters(program).rpartition("; ")[0]
    same_array(found, _forwards(program)[0], "Numbers of all values, in order", shown, 1e-9)


def _same_slopes(program: Mapping[str, Any], found: Any) -> None:
    slopes = _forwards(program)[1]
    expected = sum(slopes[place] for place in program.get("results", [-1]))
    names = ", ".join("abcd"[: len(program["begin"])])
    same_array(found, np.asarray(expected), f"grad of {names}", _in_letters(program), 1e-9)


def _engine_path(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    _same_slopes(inputs["path"], found)


def _engine_again(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    _same_slopes(inputs["again"], found)


def _engine_each(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        if not isinstance(found, list) or len(found) != len(inputs[key]):
            raise Unfit(f"The gradients of {len(inputs[key])} programs are expected.")
        for program, one in zip(inputs[key], found, strict=True):
            _same_slopes(program, one)

    return compare


ENGINE = Question(
    name="autograd.engine",
    title="Automatic differentiation in thirty lines",
    points=8,
    inputs=_engine_inputs,
    probe=_engine_probe,
    judge=judge_by(
        Aspect(
            "numbers forwards",
            1,
            "forward",
            _engine_forward,
            hint="Each operation returns a new Value. For 1 + a and 2 * a Python calls __radd__ "
            "and __rmul__ of a.",
        ),
        Aspect(
            "one path back",
            1,
            "path",
            _engine_path,
            hint="The result's own share is 1. Along each arrow, multiply by the local "
            "derivative: of a product the other factor, of tanh 1 - tanh².",
        ),
        Aspect(
            "a number used twice",
            2,
            "twice",
            _engine_each("twice"),
            hint="Where several paths meet, add: += and not =. In a * a both factors are the "
            "same value.",
        ),
        Aspect(
            "paths that part and meet again",
            2,
            "meet",
            _engine_each("meet"),
            hint="Pass a gradient on only when it is complete: a value's turn comes after that of "
            "every value computed from it. Sort before you walk.",
        ),
        Aspect(
            "a second backward",
            2,
            "again",
            _engine_again,
            hint="grad keeps the sum over all passes; what is passed on is the share of this pass "
            "alone. Keep the two apart, and reset nothing.",
        ),
    ),
    version="1",
)


# -- autograd.lost -------------------------------------------------------------------------------

_FOUR = ("x", "u", "z", "h")


def _lost_inputs(rng: np.random.Generator) -> Inputs:
    n, m = _sizes(rng, 2)
    return {
        "x": _doubles(rng, n, m),
        "y": _doubles(rng, m),
        "z": _doubles(rng, n, 1),
        "s": round(float(rng.uniform(0.1, 0.6)), 3),
    }


def _lost_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    found = answer(*(np.array(inputs[name]) for name in _NAMES), inputs["s"])
    if not isinstance(found, list | tuple) or len(found) != len(_FOUR):
        kind = f"{len(found)} things" if isinstance(found, list | tuple) else type(found).__name__
        raise TypeError(f"four gradients are expected, got {kind}")

    def plain(gradient: Any) -> Any:
        return None if gradient is None else framework.array(gradient)

    return {
        name: attempt(lambda gradient=gradient: plain(gradient))
        for name, gradient in zip(_FOUR, found, strict=True)
    }


def _lost_gradients(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    x, z, u = inputs["x"], inputs["z"], inputs["s"] * inputs["y"]
    h = x * u
    back = 2 * h + np.sin(z)  # of h, (n, m)
    return {
        "x": np.einsum("ij,j->ij", back, u),
        "u": np.einsum("ij,ij->j", back, x),
        "z": np.einsum("ij,ik->ik", h, np.cos(z)),
        "h": back,
    }


def _lost_gradient(name: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        expected = _lost_gradients(inputs)[name]
        shapes = ", ".join(f"{one} of shape {shape_text(inputs[one])}" for one in _NAMES)
        shown = f"{shapes}, s = {inputs['s']}"
        if found is None:
            raise Unfit(
                f"Gradient of {name}: expected shape {shape_text(expected)}, got None."
                f"\nInput: {shown}"
            )
        same_array(found, expected, f"Gradient of {name}", shown, 1e-6)

    return compare


LOST = Question(
    name="autograd.lost",
    title="Four gradients, and all of them None",
    points=6,
    inputs=_lost_inputs,
    probe=_lost_probe,
    judge=judge_by(
        Aspect(
            "the gradient of x",
            1,
            "x",
            _lost_gradient("x"),
            hints={
                "pytorch": "A tensor asks for its gradient: requires_grad is False by default. "
                "And its path to the result must not pass a detach().",
                "tensorflow": "A tape watches variables; a constant has to be watched. And what "
                "lies between x and the result has to be computed under the tape.",
            },
        ),
        Aspect(
            "the gradient of u",
            2,
            "u",
            _lost_gradient("u"),
            hints={
                "pytorch": "Scale first, then ask. The result of a product is no leaf, and the "
                "gradient of y is not that of u.",
                "tensorflow": "Scale first, then make the variable. The product of a variable and "
                "a number is a tensor, and the gradient of y is not that of u.",
            },
        ),
        Aspect(
            "the gradient of z",
            1,
            "z",
            _lost_gradient("z"),
            hint="What NumPy computes is in nobody's notes: use the framework's own sine.",
        ),
        Aspect(
            "the gradient of h",
            2,
            "h",
            _lost_gradient("h"),
            hints={
                "pytorch": "An intermediate keeps its gradient if retain_grad() is called on it "
                "before backward().",
                "tensorflow": "A tape knows the intermediates that were computed while it "
                "recorded, and no others.",
            },
        ),
    ),
    version="1",
)


# -- autograd.pieces -----------------------------------------------------------------------------


def _pieces_model(rng: np.random.Generator) -> Inputs:
    inputs, outputs = integer(rng, 2, 4), integer(rng, 2, 3)
    return {"W": data(rng, inputs, outputs), "b": data(rng, outputs)}


def _pieces_batch(
    rng: np.random.Generator, model: Inputs, sizes: Sequence[int]
) -> list[list[np.ndarray]]:
    """Pieces of these sizes, each from another place, so that no piece stands for another."""
    inputs, outputs = model["W"].shape
    return [
        [
            data(rng, size, inputs) + rng.normal(0, 1, inputs).astype(np.float32),
            data(rng, size, outputs) + rng.normal(0, 2, outputs).astype(np.float32),
        ]
        for size in sizes
    ]


def _pieces_inputs(rng: np.random.Generator) -> Inputs:
    model = _pieces_model(rng)

    def case(*batches: Sequence[int]) -> list[Any]:
        return [_pieces_batch(rng, model, sizes) for sizes in batches]

    return {
        "model": model,
        "rate": round(float(rng.uniform(0.04, 0.1)), 4),
        "one": case(_sizes(rng, 1)),
        "several": case(*(_sizes(rng, 1) for _ in range(integer(rng, 4, 6)))),
        "unequal": case(_sizes(rng, integer(rng, 3, 4))),
        "both": case(*(_sizes(rng, integer(rng, 2, 3)) for _ in range(3))),
        "idle": data(rng, integer(rng, 2, 4)),
        "idle_at": integer(rng, 0, 2),
    }


def _pieces_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def run(name: str, idle: np.ndarray | None = None) -> Outputs:
        used = [framework.parameter(inputs["model"][key]) for key in ("W", "b")]
        given = list(used)
        if idle is not None:
            given.insert(inputs["idle_at"], framework.parameter(idle))
        batches = [[[framework.tensor(a) for a in piece] for piece in one] for one in inputs[name]]
        sizes: list[int] = []

        def loss_of(params: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
            sizes.append(int(x.shape[0]))
            W, b = (param for n, param in enumerate(params) if idle is None or n != skipped)
            errors = x @ W + b - y
            shape = tuple(int(size) for size in errors.shape)
            return framework.weighted_sum(errors * errors, np.full(shape, 1 / np.prod(shape)))

        skipped = inputs["idle_at"]
        losses = answer(list(given), batches, loss_of, inputs["rate"])
        return {
            "params": framework.arrays(given),
            "sizes": [[size] for size in sizes],
            "losses": plain_numbers(losses),
        }

    cases = {name: attempt(lambda name=name: run(name)) for name in ("one", "several", "unequal")}
    both = attempt(lambda: run("both"))
    failed = both if "error" in both else None
    return {
        **{name: found.get("params", found) for name, found in cases.items()},
        "sizes": failed or both["sizes"],
        "losses": failed or both["losses"],
        "idle": attempt(lambda: run("one", inputs["idle"])["params"]),
    }


def _pieces_steps(inputs: Mapping[str, Any], name: str) -> tuple[list[np.ndarray], np.ndarray]:
    """The parameters after a step for each whole batch, and the losses before each."""
    W, b = (inputs["model"][key].astype(np.float64) for key in ("W", "b"))
    losses = []
    for pieces in inputs[name]:
        x, y = (np.concatenate(parts).astype(np.float64) for parts in zip(*pieces, strict=True))
        errors = x @ W + b - y
        losses.append(np.square(errors).mean())
        back = 2 * errors / errors.size
        W, b = W - inputs["rate"] * (x.T @ back), b - inputs["rate"] * back.sum(0)
    return [W, b], np.array(losses)


def _pieces_text(inputs: Mapping[str, Any], name: str) -> str:
    sizes = [[len(x) for x, _ in pieces] for pieces in inputs[name]]
    batches = f"{len(sizes)} batches" if len(sizes) > 1 else "one batch"
    return f"{batches} with pieces of {', '.join(map(str, sizes))} examples, rate {inputs['rate']}"


def _pieces_params(name: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        before = [inputs["model"][key] for key in ("W", "b")]
        after = _pieces_steps(inputs, name)[0]
        same_after_steps(found, before, after, _pieces_text(inputs, name))

    return compare


def _pieces_sizes(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = [(len(x),) for pieces in inputs["both"] for x, _ in pieces]
    sizes = shapes_of(found)
    if sizes != expected:
        wanted, got = ([one[0] for one in part[:20] if one] for part in (expected, sizes))
        raise Unfit(
            f"Examples in each call of loss_of: expected {wanted}, got {got}."
            f"\nInput: {_pieces_text(inputs, 'both')}"
        )


def _pieces_losses(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    shown = _pieces_text(inputs, "both")
    if isinstance(found, str):
        raise Unfit(f"A list of plain numbers is expected, got {found[:80]}.\nInput: {shown}")
    same_array(found, _pieces_steps(inputs, "both")[1], "Losses", shown)


def _pieces_idle(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    before = [inputs["model"][key] for key in ("W", "b")]
    after = _pieces_steps(inputs, "one")[0]
    for params in (before, after):
        params.insert(inputs["idle_at"], inputs["idle"])
    shown = f"{_pieces_text(inputs, 'one')}; the loss does not use params[{inputs['idle_at']}]"
    same_after_steps(found, before, after, shown)


PIECES = Question(
    name="autograd.pieces",
    title="A batch too large for memory",
    points=8,
    inputs=_pieces_inputs,
    probe=_pieces_probe,
    judge=judge_by(
        Aspect(
            "one step",
            1,
            "one",
            _pieces_params("one"),
            hints={
                "pytorch": "Clear, backward, step, in this order. The update changes the tensors "
                "you were given, in place: p = p - ... makes another one.",
                "tensorflow": "assign_sub changes the variable you were given; p - ... is another "
                "tensor.",
            },
        ),
        Aspect(
            "several steps",
            2,
            "several",
            _pieces_params("several"),
            hint="Nothing of one batch's gradient may be left when the next batch begins, and the "
            "parameters have to stay what they are: ones that get a gradient.",
        ),
        Aspect(
            "pieces of different sizes",
            2,
            "unequal",
            _pieces_params("unequal"),
            hint="Add up the gradients of all pieces, and weigh each by its share of the examples: "
            "the mean of means is not the mean of all. One step, after the last piece.",
        ),
        Aspect(
            "one call for each piece",
            1,
            "sizes",
            _pieces_sizes,
            hint="Call loss_of once for each piece, in order; the value it returns serves for the "
            "gradient and for the report.",
            needs=("one step",),
        ),
        Aspect(
            "a parameter without a gradient",
            1,
            "idle",
            _pieces_idle,
            hint="A gradient of None is not zero, and it cannot be multiplied: leave out what has "
            "none.",
        ),
        Aspect(
            "the losses",
            1,
            "losses",
            _pieces_losses,
            hints={
                "pytorch": "item() makes a number of a tensor; the tensor would keep its graph. "
                "A piece's loss counts by its share of the examples.",
                "tensorflow": "float() makes a number of a tensor. A piece's loss counts by its "
                "share of the examples.",
            },
        ),
    ),
    version="1",
)

QUESTIONS = (BROADCAST, ENGINE, LOST, PIECES)
