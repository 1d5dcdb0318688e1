"""Questions of the chapter *From NumPy to automatic differentiation*.

Every right answer is recomputed here with NumPy. Where the student goes backwards, the judge goes
forwards, or counts the places at which an entry was used: a mistake made twice does not agree with
itself.
"""

from __future__ import annotations

import itertools
import sys
from contextlib import contextmanager

import numpy as np
from d2lexercises.comparer import shape_text
from d2lexercises.kinds import kind_of, one_number, parts_in
from d2lexercises.vocabulary import (
    Aspect,
    Number,
    Stepped,
    Unfit,
    WrongKind,
    any_class,
    function,
    question,
)

NAMES = ("x", "y", "z")


def draw_doubles(draw, *shape):
    """A float64 array of this shape, normally distributed."""
    return np.array(draw.rng.normal(size=shape))


def draw_sizes(draw, count):
    """So many different sizes, of rows and the like."""
    return [int(size) for size in draw.rng.choice(np.arange(2, 8), count, replace=False)]


def shapes_in_words(given):
    return ", ".join(f"{name} of shape {shape_text(given[name])}" for name in NAMES)


# -- autograd.paths ----------------------------------------------------------------------------

PATHS = question("autograd.paths", "Two paths by hand", takes=function, minutes=5, difficulty=1)


@PATHS.inputs
def draw_paths(draw):
    def signed():
        return round(draw.number(0.6, 2.5) * draw.choice([-1, 1]), 3)

    return {"pairs": [{"x": signed(), "y": signed()} for _ in range(4)]}


class ByHand(Aspect):
    def run(answer, case, f):
        return [one_number(one) for one in parts_in(answer(case.x, case.y), "Two numbers", 2)]

    def expect(case):
        x, y = case.x, case.y
        of_x, of_y = 2 * x * y**2 + 2 * x * y, 2 * x**2 * y + x**2
        return {"gradient of x": np.array(of_x), "gradient of y": np.array(of_y)}

    def shown(case):
        return f"gradients({case.x}, {case.y})"


@PATHS.aspect("the gradient of y", 1, over="pairs", part="gradient of y")
class OfSecond(ByHand):
    """One arrow leaves y, to a. How many arrows leave a? Add what comes back along them before you
    go on to y."""

    code = "grad_a = grad_c * b + grad_b * 1"


@PATHS.aspect("the gradient of x", 1, over="pairs", part="gradient of x")
class OfFirst(ByHand):
    "Two arrows leave x, one to a and one to b."

    code = "grad_x = grad_a * y + grad_b * 1"


# -- autograd.lost -------------------------------------------------------------------------------

LOST = question(
    "autograd.lost",
    "Four gradients, and all of them None",
    takes=function,
    minutes=15,
    difficulty=1,
)


@LOST.inputs
def draw_lost(draw):
    n, m = draw_sizes(draw, 2)
    return {
        "x": draw_doubles(draw, n, m),
        "y": draw_doubles(draw, m),
        "z": draw_doubles(draw, n, 1),
        "s": draw.number(0.1, 0.6),
    }


class FourGradients(Aspect):
    tolerance = 1e-6

    def run(answer, given, f):
        return parts_in(answer(given.x, given.y, given.z, given.s), "Four gradients", 4)

    def expect(given):
        x, z, u = given.x, given.z, given.s * given.y
        h = x * u
        back = 2 * h + np.sin(z)  # of h, (n, m)
        return {
            "gradient of x": np.einsum("ij,j->ij", back, u),
            "gradient of u": np.einsum("ij,ij->j", back, x),
            "gradient of z": np.einsum("ij,ik->ik", h, np.cos(z)),
            "gradient of h": back,
        }

    def shown(given):
        return f"{shapes_in_words(given)}, s = {given.s}"


@LOST.aspect("the gradient of x", 1, part="gradient of x")
class OfX(FourGradients):
    hint = {
        "pytorch": "Ask for the gradient of a tensor, because requires_grad is False by default. "
        "No detach() may be on its path to the result.",
        "tensorflow": "A tape watches variables, and a constant only if you ask. Compute "
        "everything between x and the result under the tape.",
    }


@LOST.aspect("the gradient of u", 2, part="gradient of u")
class OfU(FourGradients):
    hint = {
        "pytorch": "Scale first, then ask. The result of a product is not a leaf, and the gradient "
        "of y is not the gradient of u.",
        "tensorflow": "Scale first, then make the variable. The product of a variable and a number "
        "is a tensor, and the gradient of y is not the gradient of u.",
    }


@LOST.aspect("the gradient of z", 1, part="gradient of z")
class OfZ(FourGradients):
    "An operation of NumPy is not recorded. Which sine function is recorded?"


@LOST.aspect("the gradient of h", 2, part="gradient of h")
class OfH(FourGradients):
    hint = {
        "pytorch": "The result of an operation keeps its gradient only if you ask before the "
        "backward pass.",
        "tensorflow": "A tape contains the operations inside its block, and no others.",
    }
    code = {"pytorch": "h.retain_grad()"}


# -- autograd.broadcast ------------------------------------------------------------------------

BROADCAST = question(
    "autograd.broadcast",
    "Backwards through a broadcast",
    takes=function,
    minutes=25,
    difficulty=2,
)


@BROADCAST.inputs
def draw_broadcast(draw):
    def case(*shapes):
        return {name: draw_doubles(draw, *shape) for name, shape in zip(NAMES, shapes, strict=True)}

    def fitting(full):
        """A shape that broadcasts to `full`: axes missing in front, and axes of size one."""
        kept = full[draw.integer(0, len(full)) :]
        return tuple(1 if draw.rng.random() < 0.4 else size for size in kept)

    n, m = draw_sizes(draw, 2)
    several = []
    for _ in range(4):
        full = draw.integers(2, 4, 3)
        several.append(case(*(fitting(full) for _ in NAMES)))
    a, b, c = draw.integers(2, 4, 3)
    several += [case((a, 1, c), (b, 1), (a, b, c)), case((b, c), (), (1, a, 1, 1))]
    return {
        "equal": case((n, m), (n, m), (n, m)),
        "row": case((n, m), (n, m), (m,)),
        "column": case((n, m), (n, 1), (n, m)),
        "several": several,
    }


class Backward(Aspect):
    what = "Gradient"
    tolerance = 1e-6
    shown = shapes_in_words

    def run(answer, case, f):
        return parts_in(answer(case.x, case.y, case.z), "Three gradients", 3)

    def expect(case):
        x, y, z = case.x, case.y, case.z
        b = x * y + z
        found = {}
        for name, array, factor in (("x", x, y), ("y", y, x), ("z", z, 1.0)):
            # For each place of b, the entry that was used there.
            places = np.broadcast_to(np.arange(array.size).reshape(array.shape), b.shape)
            shares = np.broadcast_to(2 * b * factor, b.shape)
            sums = np.bincount(places.ravel(), shares.ravel(), minlength=array.size)
            found[name] = sums.reshape(array.shape)
        return found


@BROADCAST.aspect("equal shapes", 2, over="equal")
class EqualShapes(Backward):
    """Multiply along the path: 2 * b comes back from the square, then y on the arrow from x, x on
    the arrow from y, and 1 on the arrow from z. Write into none of the arrays that you were
    given."""

    def run(answer, case, f):
        arrays = case.x, case.y, case.z  # the same, both times
        answer(*arrays)
        return parts_in(answer(*arrays), "Three gradients", 3)

    def shown(case):
        return f"{shapes_in_words(case)}; the function was called twice on the same arrays"


@BROADCAST.aspect("a row", 1, over="row")
class Row(Backward):
    """Each entry of the row was used once in every row of the batch: add up what comes back from
    them."""


@BROADCAST.aspect("a column", 1, over="column")
class Column(Backward):
    "Sum over the axis that was stretched, and keep it."

    code = "keepdims=True"


@BROADCAST.aspect("any shapes", 2, over="several")
class AnyShapes(Backward):
    """Two things happen to a smaller array: axes are put in front of its own, and axes of size one
    are stretched. Undo both, for each of the three, whatever the number of axes."""


# -- autograd.pieces -----------------------------------------------------------------------------

PIECES = question(
    "autograd.pieces", "A batch too large for memory", takes=function, minutes=25, difficulty=2
)


@PIECES.inputs
def draw_pieces(draw):
    inputs, outputs = draw.integer(2, 4), draw.integer(2, 3)
    model = {"W": draw.data(inputs, outputs), "b": draw.data(outputs)}

    def piece(size):
        """Examples from a place of their own, so that no piece stands for another."""
        return [
            draw.data(size, inputs) + draw.rng.normal(0, 1, inputs).astype(np.float32),
            draw.data(size, outputs) + draw.rng.normal(0, 2, outputs).astype(np.float32),
        ]

    def batches(all_sizes):
        return [[piece(size) for size in sizes] for sizes in list(all_sizes)]

    return {
        "model": model,
        "rate": draw.number(0.04, 0.1, digits=4),
        "one": batches([draw_sizes(draw, 1)]),
        "several": batches(draw_sizes(draw, 1) for _ in range(draw.integer(4, 6))),
        "unequal": batches([draw_sizes(draw, draw.integer(3, 4))]),
        "both": batches(draw_sizes(draw, draw.integer(2, 3)) for _ in range(3)),
        "idle": draw.data(draw.integer(2, 4)),
        "idle_at": draw.integer(0, 2),
    }


def train(answer, given, batches, f, idle_at=None):
    """The parameters after training, the examples in each call of loss_of, and the losses.

    The loss does not use the parameter in place `idle_at`.
    """
    params = [f.parameter(given.model.W), f.parameter(given.model.b)]
    if idle_at is not None:
        params.insert(idle_at, f.parameter(given.idle))
    sizes = []

    def loss_of(params, x, y):
        sizes.append(int(x.shape[0]))
        W, b = (param for n, param in enumerate(params) if n != idle_at)
        errors = x @ W + b - y
        shape = tuple(int(size) for size in errors.shape)
        return f.weighted_sum(errors * errors, np.full(shape, 1 / np.prod(shape)))

    tensors = [[[f.tensor(a) for a in piece] for piece in pieces] for pieces in batches]
    losses = answer(list(params), tensors, loss_of, given.rate)
    return params, sizes, losses


def train_by_hand(given, batches):
    """The parameters after a step for each whole batch, and the losses before each."""
    W, b = (given.model[key].astype(np.float64) for key in ("W", "b"))
    losses = []
    for pieces in batches:
        x, y = (np.concatenate(parts).astype(np.float64) for parts in zip(*pieces, strict=True))
        errors = x @ W + b - y
        losses.append(float(np.square(errors).mean()))
        back = 2 * errors / errors.size
        W, b = W - given.rate * (x.T @ back), b - given.rate * back.sum(0)
    return [Stepped(given.model.W, W), Stepped(given.model.b, b)], losses


def numbered(params):
    return {f"params[{n}]": one for n, one in enumerate(params)}


def batches_in_words(given, batches):
    sizes = [[len(x) for x, _ in pieces] for pieces in batches]
    count = f"{len(sizes)} batches" if len(sizes) > 1 else "one batch"
    return f"{count} with pieces of {', '.join(map(str, sizes))} examples, rate {given.rate}"


@PIECES.aspect("one step", 1)
class OneStep(Aspect):
    hint = {
        "pytorch": "Clear, backward, step, in this order. The update changes the tensors you were "
        "given, in place: p = p - ... makes another one.",
        "tensorflow": "The update changes the variable you were given; p - ... is another tensor.",
    }
    code = {"tensorflow": "p.assign_sub(rate * g)"}

    def run(answer, given, f):
        return train(answer, given, given.one, f)[0]

    def expect(given):
        return numbered(train_by_hand(given, given.one)[0])

    def shown(given):
        return batches_in_words(given, given.one)


@PIECES.aspect("several steps", 2)
class SeveralSteps(Aspect):
    """Nothing of one batch's gradient may be left when the next batch begins, and the parameters
    have to stay what they are: ones that get a gradient."""

    def run(answer, given, f):
        return train(answer, given, given.several, f)[0]

    def expect(given):
        return numbered(train_by_hand(given, given.several)[0])

    def shown(given):
        return batches_in_words(given, given.several)


@PIECES.aspect("pieces of different sizes", 2)
class UnequalPieces(Aspect):
    """Add up the gradients of all pieces, and weigh each by its share of the examples: the mean of
    means is not the mean of all. One step, after the last piece."""

    def run(answer, given, f):
        return train(answer, given, given.unequal, f)[0]

    def expect(given):
        return numbered(train_by_hand(given, given.unequal)[0])

    def shown(given):
        return batches_in_words(given, given.unequal)


EXAMPLES = "examples in each call of loss_of"


class SizesAndLosses(Aspect):
    def run(answer, given, f):
        return train(answer, given, given.both, f)[1:]

    def expect(given):
        losses = train_by_hand(given, given.both)[1]
        return {
            EXAMPLES: [len(x) for pieces in given.both for x, _ in pieces],
            "losses": [Number(loss, relative=1e-4, absolute=1e-4, plain=True) for loss in losses],
        }

    def shown(given):
        return batches_in_words(given, given.both)


@PIECES.aspect("one call for each piece", 1, part=EXAMPLES, after="one step")
class OneCall(SizesAndLosses):
    """Call loss_of once for each piece, in order; the value it returns serves for the gradient and
    for the report."""


@PIECES.aspect("a parameter without a gradient", 1)
class IdleParameter(Aspect):
    """A gradient of None is not zero, and it cannot be multiplied: leave out what has none."""

    def run(answer, given, f):
        return train(answer, given, given.one, f, given.idle_at)[0]

    def expect(given):
        params, _ = train_by_hand(given, given.one)
        params.insert(given.idle_at, given.idle)
        return numbered(params)

    def shown(given):
        batches = batches_in_words(given, given.one)
        return f"{batches}; the loss does not use params[{given.idle_at}]"


@PIECES.aspect("the losses", 1, part="losses")
class Losses(SizesAndLosses):
    """The losses are plain numbers; a tensor would keep its graph. A piece's loss counts by its
    share of the examples."""

    code = {"pytorch": "loss.item()", "tensorflow": "float(loss)"}


# -- autograd.curvature ------------------------------------------------------------------------

CURVATURE = question(
    "autograd.curvature", "Curvature in one direction", takes=function, minutes=25, difficulty=2
)


@CURVATURE.inputs
def draw_curvature(draw):
    def case(*shape, cubic):
        return {
            "x": draw.data(*shape),
            "v": draw.data(*shape),
            "weights": draw.data(*shape),
            "cubic": draw.data(*shape) * np.float32(cubic),
        }

    n, m = draw_sizes(draw, 2)
    large = case(n, cubic=0)
    for name, size in (("x", 1e-20), ("v", 1e-20), ("weights", 1e20)):
        signs = draw.rng.choice([-1.0, 1.0], n)
        large[name] = (draw.rng.uniform(1, 2, n) * signs * size).astype(np.float32)
    return {
        "large": large,  # each entry of H is beyond float32, and Hv is not
        "quadratic": case(n, cubic=0),
        "curved": [case(n, cubic=1), case(n, m, cubic=1), case(2, m, 3, cubic=1)],
    }


def curvature_of(answer, case, f):
    """The answer for f(x) = (sum of weights * x)**2 + sum of cubic * x**3, and the calls of f."""
    calls = []

    def function(x):
        calls.append(1)
        total = f.weighted_sum(x, case.weights)
        return total * total + f.weighted_sum(x * x * x, case.cubic)

    product = f.array(answer(function, np.array(case.x), np.array(case.v)))
    return {"Hv": product, "calls of f": len(calls)}


class Curvature(Aspect):
    def run(answer, case, f):
        return curvature_of(answer, case, f)

    def expect(case):
        x, v, weights, cubic = (
            array.astype(np.float64) for array in (case.x, case.v, case.weights, case.cubic)
        )
        product = 2 * weights * (weights * v).sum() + 6 * cubic * x * v
        return {"Hv": product, "calls of f": 1}

    def shown(case):
        return f"x and v of shape {shape_text(case.x)}"


@CURVATURE.aspect("a constant Hessian", 1, over="quadratic", part="Hv")
class Quadratic(Curvature):
    """The gradient is a result like any other. Which number, computed from the gradient and v, has
    the gradient Hv?"""

    code = {
        "pytorch": "torch.autograd.grad(f(X), X, create_graph=True)",
        "tensorflow": "The outer tape must contain the call of inner.gradient and the product.",
    }


@CURVATURE.aspect("any function and any shape", 1, over="curved", part="Hv")
class Curved(Curvature):
    """Sum over all axes of the gradient times v, and differentiate that number."""


@CURVATURE.aspect("no entry of H", 1, over="large", part="Hv", after="a constant Hessian")
class WithoutH(Curvature):
    """Multiply the gradient by v before the second backward pass. Rows of H, all of them or one at
    a time, are not needed."""

    def shown(case):
        shape = shape_text(case.x)
        return f"x and v of shape {shape}; float32 can hold Hv, and no entry of H"


@CURVATURE.aspect(
    "one call of f", 1, over="quadratic", part="calls of f", after="a constant Hessian"
)
class OneCallOfF(Curvature):
    """Two backward passes suffice. The second one goes through the record of the first."""


# -- autograd.engine ---------------------------------------------------------------------------
#
# A program is plain data: arrays to begin with, and steps that each make one value more. A step
# names the values it uses by their place: ["add", 0, 1], ["mul", 0, 1], ["matmul", 0, 1],
# ["relu", 2], ["sum", 3], and with a plain number on the right or the left: ["add number", 2, 1.5],
# ["number mul", 2, 1.5].

LETTERS = [*"abcdefghijklmnopqrstuvwxyz"]  # the names of values, in order
LETTERS += [one + two for one in LETTERS for two in LETTERS]
LADDER = 36  # steps, every other one of which uses a value twice: 2**18 paths
MOST_CALLS = 100_000  # of functions in a pass backwards through at most as many values
ENGINE = question(
    "autograd.engine", "An engine for arrays", takes=any_class, minutes=150, difficulty=3
)


@ENGINE.inputs
def draw_engine(draw):
    def program(shapes, *steps):
        return {"begin": [draw_doubles(draw, *shape) for shape in shapes], "steps": list(steps)}

    def factor():
        return round(float(draw.rng.uniform(0.4, 1.9) * draw.choice([-1.0, 1.0])), 3)

    def fitting(full):
        """A shape that broadcasts to `full`: axes missing in front, and axes of size one."""
        kept = full[draw.integer(0, len(full)) :]
        return [1 if draw.rng.random() < 0.4 else size for size in kept]

    n, m, k = draw_sizes(draw, 3)
    p, q, r, s, t, u = (factor() for _ in range(6))
    forward = [["matmul", 0, 1], ["add", 4, 2], ["mul", 5, 3], ["add number", 6, p]]
    forward += [["number add", 7, q], ["mul number", 8, r], ["number mul", 9, s]]
    forward += [["relu", 10], ["sum", 11]]
    path = [["mul", 0, 1], ["number mul", 4, t], ["add", 5, 2], ["relu", 6]]
    path += [["add number", 7, u], ["mul", 8, 3], ["sum", 9]]
    on_path = program([[n, m]] * 4, *path)
    signs = np.where(np.arange(n * m) % 2, 9.0, -9.0).reshape(n, m)
    on_path["begin"][2] += signs  # so that the relu stops some and lets others pass

    def stretched():
        full = draw.integers(2, 4, 3)
        shapes = [fitting(full) for _ in range(3)]
        return program([*shapes, full], ["mul", 0, 1], ["add", 4, 2], ["mul", 5, 3], ["sum", 6])

    def tangle():
        """A program in which each value is used at once, and again much later."""
        steps = [["mul", 0, 1], ["add", 2, 0]]
        for at in range(4, 4 + draw.integer(4, 6)):
            other = draw.integer(2, at - 2)
            pair = [at - 1, other] if draw.rng.random() < 0.5 else [other, at - 1]
            steps.append([draw.choice(["add", "mul"]), *pair])
        last = len(steps) + 1
        return program([[n], [n]], *steps, ["mul", 2, last], ["sum", last + 1])

    return {
        "forward": [
            program([[n, m], [m, k], [k], [n, 1]], *forward),
            {"begin": [np.array(draw.integers(-9, 9, n))], "steps": [["mul number", 0, p]]},
        ],
        "path": on_path,
        "matmul": [
            program([[n, m], [m, k], [n, k]], ["matmul", 0, 1], ["mul", 3, 2], ["sum", 4]),
            program([[n, m], [m, k]], ["matmul", 0, 1], ["sum", 2]),
        ],
        "broadcast": [
            program([[n, m], [m]], ["add", 0, 1], ["sum", 2]),
            program([[n, m], [m], [n, 1], [n, m]],
                    ["add", 0, 1], ["mul", 4, 2], ["mul", 5, 3], ["sum", 6]),
            *(stretched() for _ in range(4)),
        ],
        "twice": [
            program([[n]], ["mul", 0, 0], ["sum", 1]),
            program([[n, m], [n, m]], ["add", 0, 0], ["mul", 2, 1], ["sum", 3]),
        ],
        "meet": [
            program([[n], [n]], ["mul", 0, 1], ["add", 2, 1], ["mul", 2, 3], ["sum", 4]),
            program([[n], [n]], ["mul", 0, 1], ["add", 2, 1], ["mul", 3, 2], ["sum", 4]),
            *(tangle() for _ in range(3)),
            program([[n]], *(["mul number", at, 0.5] if at % 2 else ["add", at, at]
                             for at in range(LADDER)), ["sum", LADDER]),
        ],
        "again": {
            **program([[n], [n]], ["mul", 0, 1], ["add", 2, 1], ["mul", 3, 0], ["sum", 4],
                      ["mul", 2, 3], ["sum", 6]),
            "results": [5, 7],
        },
        "long": {
            "begin": [draw_doubles(draw, n), draw_doubles(draw, n)],
            "factor": draw.number(0.9, 0.99),
            "repeats": draw.integer(3000, 3500),
        },
    }  # fmt: skip


def operands(step, values):
    """The two things that a step adds or multiplies, in their order."""
    name, at, other = step
    pair = values[at], other if "number" in name else values[other]
    return pair[::-1] if name.startswith("number") else pair


def values_of(answer, program):
    """All values of a program, as objects of the answer's class."""
    values = [answer(np.array(array)) for array in program.begin]
    for step in program.steps:
        if not hasattr(values[-1], "array"):
            line = program_in_words(program).split("; ")[len(values) - 1]
            raise WrongKind(f"{line}: a Value is expected; what came is {kind_of(values[-1])}.")
        if step[0] == "relu":
            values.append(values[step[1]].relu())
        elif step[0] == "sum":
            values.append(values[step[1]].sum())
        else:
            first, second = operands(step, values)
            if step[0] == "matmul":
                values.append(first @ second)
            else:
                values.append(first + second if "add" in step[0] else first * second)
    return values


def results_of(program):
    """The places of the values whose backward is called, one after the other."""
    return program.results if "results" in program else [-1]


def forwards_by_hand(program):
    """All values of a program, and how fast each changes with each entry that it began with.

    In forward mode: every value carries its derivatives along, on a first axis.
    """
    sizes = [array.size for array in program.begin]
    values, slopes = [], []
    for place, array in enumerate(program.begin):
        slope = np.zeros((sum(sizes), array.size))
        slope[sum(sizes[:place]) :][: array.size] = np.eye(array.size)
        values.append(np.array(array))
        slopes.append(slope.reshape(sum(sizes), *array.shape))

    def wide(slope, shape):
        """A slope with axes of size one before those of its value."""
        ones = [1] * (len(shape) + 1 - slope.ndim)
        return slope.reshape(slope.shape[0], *ones, *slope.shape[1:])

    for name, at, *other in program.steps:
        a, da = values[at], slopes[at]
        if name == "relu":
            values.append(np.maximum(a, 0))
            slopes.append(da * (a > 0))
            continue
        if name == "sum":
            values.append(a.sum())
            slopes.append(da.reshape(da.shape[0], -1).sum(1))
            continue
        b, db = (
            (other[0], np.zeros(1)) if "number" in name else (values[other[0]], slopes[other[0]])
        )
        if name == "matmul":
            values.append(a @ b)
            slopes.append(da @ b + a @ db)
            continue
        values.append(a + b if "add" in name else a * b)
        shape = values[-1].shape
        da = wide(da, shape)
        db = 0.0 * da if "number" in name else wide(db, shape)
        slope = da + db if "add" in name else da * b + a * db
        slopes.append(np.broadcast_to(slope, (sum(sizes), *shape)))
    return values, slopes


def gradients_by_hand(program):
    """The gradients of the arrays at the beginning, summed over the results."""
    slopes = forwards_by_hand(program)[1]
    total = sum(slopes[place] for place in results_of(program))
    ends = np.cumsum([array.size for array in program.begin])
    parts = np.split(total, ends[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, program.begin, strict=True)]


def program_in_words(program):
    """A program as people write it: a = Value(shape (3,)); b = Value(shape (3,)); c = a * b."""
    lines = [
        f"{LETTERS[n]} = Value({'integers, ' * (array.dtype.kind == 'i')}shape {shape_text(array)})"
        for n, array in enumerate(program.begin)
    ]
    signs = {"add": "+", "mul": "*", "matmul": "@"}
    for n, step in enumerate(program.steps, len(lines)):
        if step[0] in ("relu", "sum"):
            lines.append(f"{LETTERS[n]} = {LETTERS[step[1]]}.{step[0]}()")
            continue
        first, second = operands(step, LETTERS)
        sign = next(sign for word, sign in signs.items() if word in step[0].split())
        lines.append(f"{LETTERS[n]} = {first} {sign} {second}")
    return "; ".join(lines)


def doubles(values, attribute):
    """An attribute of all values, which has to be an array of float64."""
    arrays = [getattr(value, attribute) for value in values]
    for letter, array in zip(LETTERS, arrays, strict=False):
        if getattr(array, "dtype", None) != np.float64:
            came = getattr(array, "dtype", None) or kind_of(array)
            raise WrongKind(f"{letter}.{attribute}: float64 is expected; what came is {came}.")
    return [np.array(array) for array in arrays]


def lettered(attribute, arrays):
    return {f"{letter}.{attribute}": one for letter, one in zip(LETTERS, arrays, strict=False)}


@contextmanager
def limited_calls():
    """In this context `WrongKind` is raised once more than `MOST_CALLS` functions were called."""
    made = itertools.count()

    def note(frame, event, _):
        if event in ("call", "c_call") and next(made) == MOST_CALLS:
            raise Unfit(
                f"backward: stopped after {MOST_CALLS} calls of functions. Each value should have "
                "its turn once, not once for each path."
            )

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


@ENGINE.aspect("values forwards", 2, over="forward")
class Forwards(Aspect):
    """Each operation returns a new Value. For 1 + a and 2 * a, Python calls __radd__ and __rmul__
    of a. A plain number can become a Value too."""

    tolerance = 1e-9
    shown = program_in_words

    def run(answer, program, f):
        return doubles(values_of(answer, program), "array")

    def expect(program):
        return lettered("array", (np.array(value) for value in forwards_by_hand(program)[0]))


class Backwards(Aspect):
    tolerance = 1e-9

    def run(answer, program, f):
        values = values_of(answer, program)
        for place in results_of(program):
            values[place].backward()
        return doubles(values[: len(program.begin)], "grad")

    def expect(program):
        return lettered("grad", gradients_by_hand(program))

    def shown(program):
        letters = LETTERS[: len(program.begin) + len(program.steps)]
        backward = [f"{letters[place]}.backward()" for place in results_of(program)]
        return "; ".join([program_in_words(program), *backward])


@ENGINE.aspect("one path back", 1, over="path")
class OnePath(Backwards):
    """The result's own share is 1. Along each arrow, multiply by the local derivative. That of the
    relu is 1 where the input was positive and 0 elsewhere. A sum passes its share to every entry
    of its input."""


@ENGINE.aspect("a matrix product", 2, over="matmul")
class MatrixProduct(Backwards):
    """The gradient of each factor has the shape of the factor. Which product of the incoming
    gradient and the other factor, transposed, has this shape?"""

    code = "(a, lambda grad: grad @ b.array.T)"


@ENGINE.aspect("broadcasting", 2, over="broadcast")
class Broadcasting(Backwards):
    """The forward pass stretched an array to a larger shape. Sum its gradient back to its own
    shape, as in question 3."""


@ENGINE.aspect("a value used twice", 1, over="twice")
class UsedTwice(Backwards):
    "Where several arrows leave a value, add. In a * a both factors are the same value."

    code = "+= and not ="


@ENGINE.aspect("paths that part and meet again", 2, over="meet")
class MeetAgain(Backwards):
    """Pass a gradient on only when it is complete: the turn of a value comes after that of every
    value computed from it. In which order were the values created?"""

    def run(answer, program, f):
        values = values_of(answer, program)
        with limited_calls():
            values[-1].backward()
        return doubles(values[: len(program.begin)], "grad")


@ENGINE.aspect("a second backward", 2, over="again")
class SecondBackward(Backwards):
    """grad keeps the sum over all passes, and a pass hands on only its own share. Keep the two in
    different places, and reset nothing."""


@ENGINE.aspect("a long program", 1, over="long")
class LongProgram(Aspect):
    """Python stops after about a thousand nested calls. Collect the values in a loop, with a list
    of those that are waiting."""

    tolerance = 1e-6

    def run(answer, program, f):
        begin = [answer(np.array(array)) for array in program.begin]
        value = begin[0]
        for _ in range(program.repeats):
            value = value * program.factor + begin[1]
        value.sum().backward()
        return doubles(begin, "grad")

    def expect(program):
        powers = program.factor ** np.arange(program.repeats + 1)
        ones = np.ones(program.begin[0].shape)
        return lettered("grad", [ones * powers[-1], ones * powers[:-1].sum()])

    def shown(program):
        steps = f"a = a * {program.factor} + b, {program.repeats} times; c = a.sum(); c.backward()"
        return f"a and b of shape {shape_text(program.begin[0])}; {steps}"
