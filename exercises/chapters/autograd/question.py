"""Questions of the chapter *From NumPy to automatic differentiation*.

Every right answer is recomputed here with NumPy. Where the student goes backwards, the judge goes
forwards, or counts the places at which an entry was used: a mistake made twice does not agree with
itself.
"""

from __future__ import annotations

import numpy as np
from d2lexercises.comparer import shape_text
from d2lexercises.kinds import kind_of
from d2lexercises.vocabulary import (
    Aspect,
    Number,
    Stepped,
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


# -- autograd.broadcast ------------------------------------------------------------------------

BROADCAST = question("autograd.broadcast", "Backwards through a broadcast", takes=function)


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
        found = answer(case.x, case.y, case.z)
        return [np.array(g) if isinstance(g, int | float | np.generic) else g for g in found]

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
        return list(answer(*arrays))

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


# -- autograd.engine -----------------------------------------------------------------------------
#
# A program is plain data: numbers to begin with, and steps that each make one value more. A step
# names the values it uses by their place: ["add", 0, 1], ["mul", 0, 1], ["tanh", 2], and with a
# plain number on the right or the left: ["add number", 2, 1.5], ["number mul", 2, 1.5].

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # the names of values, in order
ENGINE = question("autograd.engine", "Automatic differentiation in thirty lines", takes=any_class)


@ENGINE.inputs
def draw_engine(draw):
    def program(count, *steps):
        numbers, signs = draw.numbers(0.3, 1.5, count), draw.rng.choice([-1.0, 1.0], count)
        begin = [float(number * sign) for number, sign in zip(numbers, signs, strict=True)]
        return {"begin": begin, "steps": list(steps)}

    def tangle():
        """A program in which each value is used at once, and again much later."""
        steps = [["mul", 0, 1], ["tanh", 2], ["add", 2, 3], ["mul", 3, 2]]
        for at in range(6, 6 + draw.integer(4, 6)):
            other = draw.integer(2, at - 2)
            pair = [at - 1, other] if draw.rng.random() < 0.5 else [other, at - 1]
            step = [draw.choice(["add", "mul"]), *pair]
            steps.append(["tanh", at - 1] if draw.rng.random() < 0.2 else step)
        last = len(steps) + 1
        return program(2, *steps, ["mul", 2, last], ["add", last + 1, 4])

    def factor():
        return round(float(draw.rng.uniform(0.4, 1.9) * draw.choice([-1.0, 1.0])), 3)

    p, q, r, s, t, u = (factor() for _ in range(6))
    forward = [["add", 0, 1], ["mul", 0, 2], ["tanh", 3], ["add number", 4, p]]
    forward += [["number add", 5, q], ["mul number", 6, r], ["number mul", 7, s]]
    path = [["mul", 0, 1], ["number mul", 4, t], ["add", 5, 2], ["tanh", 6]]
    path += [["add number", 7, u], ["mul", 3, 8]]
    return {
        "forward": program(2, *forward),
        "path": program(4, *path),
        "twice": [
            program(1, ["mul", 0, 0]),
            program(1, ["add", 0, 0], ["tanh", 1]),
            program(2, ["mul", 0, 1], ["add", 2, 0], ["mul", 3, 1], ["add", 0, 4]),
        ],
        "meet": [
            program(2, ["mul", 0, 1], ["tanh", 2], ["mul", 2, 3]),
            program(2, ["mul", 0, 1], ["tanh", 2], ["mul", 3, 2]),
            *(tangle() for _ in range(3)),
        ],
        "again": {
            **program(2, ["mul", 0, 1], ["tanh", 2], ["mul", 3, 0], ["add", 2, 3]),
            "results": [4, 5, 3],
        },
    }


def operands(step, values):
    """The two things that a step adds or multiplies, in their order."""
    name, at, other = step
    pair = values[at], other if "number" in name else values[other]
    return pair[::-1] if name.startswith("number") else pair


def values_of(answer, program):
    """All values of a program, as objects of the answer's class."""
    values = [answer(number) for number in program.begin]
    for step in program.steps:
        if step[0] == "tanh":
            values.append(values[step[1]].tanh())
            continue
        first, second = operands(step, values)
        values.append(first + second if "add" in step[0] else first * second)
    return values


def results_of(program):
    """The places of the values whose backward is called, one after the other."""
    return program.results if "results" in program else [-1]


def forwards_by_hand(program):
    """All values of a program, and how fast each changes with the numbers it began with.

    In forward mode: every value carries its derivatives along.
    """
    begin = program.begin
    values, slopes = list(begin), list(np.eye(len(begin)))
    for name, at, *other in program.steps:
        a, da = values[at], slopes[at]
        if name == "tanh":
            values.append(np.tanh(a))
            slopes.append(da / np.cosh(a) ** 2)
            continue
        b, db = (other[0], 0 * da) if "number" in name else (values[other[0]], slopes[other[0]])
        values.append(a + b if "add" in name else a * b)
        slopes.append(da + db if "add" in name else b * da + a * db)
    return np.array(values), np.array(slopes)


def program_in_words(program):
    """A program as people write it: a = Value(0.5); b = Value(-1.2); c = a * b; d = c.tanh()."""
    lines = [f"{LETTERS[n]} = Value({number})" for n, number in enumerate(program.begin)]
    for n, step in enumerate(program.steps, len(lines)):
        if step[0] == "tanh":
            lines.append(f"{LETTERS[n]} = {LETTERS[step[1]]}.tanh()")
            continue
        first, second = operands(step, LETTERS)
        lines.append(f"{LETTERS[n]} = {first} {'+' if 'add' in step[0] else '*'} {second}")
    return "; ".join(lines)


@ENGINE.aspect("numbers forwards", 1, over="forward")
class Forwards(Aspect):
    """Each operation returns a new Value. For 1 + a and 2 * a Python calls __radd__ and __rmul__ of
    a."""

    what = "Numbers of all values, in order"
    tolerance = 1e-9
    shown = program_in_words

    def run(answer, program, f):
        return np.array([float(value.number) for value in values_of(answer, program)])

    def expect(program):
        return forwards_by_hand(program)[0]


class Backwards(Aspect):
    what = "grad of the numbers at the beginning, in order"
    tolerance = 1e-9

    def run(answer, program, f):
        values = values_of(answer, program)
        for place in results_of(program):
            values[place].backward()
        return np.array([float(value.grad) for value in values[: len(program.begin)]])

    def expect(program):
        slopes = forwards_by_hand(program)[1]
        return sum(slopes[place] for place in results_of(program))

    def shown(program):
        letters = LETTERS[: len(program.begin) + len(program.steps)]
        backward = [f"{letters[place]}.backward()" for place in results_of(program)]
        return "; ".join([program_in_words(program), *backward])


@ENGINE.aspect("one path back", 1, over="path")
class OnePath(Backwards):
    """The result's own share is 1. Along each arrow, multiply by the local derivative: of a product
    the other factor, of tanh 1 - tanh²."""


@ENGINE.aspect("a number used twice", 2, over="twice")
class UsedTwice(Backwards):
    "Where several paths meet, add. In a * a both factors are the same value."

    code = "+= and not ="


@ENGINE.aspect("paths that part and meet again", 2, over="meet")
class MeetAgain(Backwards):
    """Pass a gradient on only when it is complete: a value's turn comes after that of every value
    computed from it. Sort before you walk."""


@ENGINE.aspect("a second backward", 2, over="again")
class SecondBackward(Backwards):
    """grad keeps the sum over all passes; what is passed on is the share of this pass alone. Keep
    the two apart, and reset nothing."""


# -- autograd.lost -------------------------------------------------------------------------------

LOST = question("autograd.lost", "Four gradients, and all of them None", takes=function)


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
        found = answer(given.x, given.y, given.z, given.s)
        if not isinstance(found, list | tuple):
            raise WrongKind(f"Four gradients are expected; what came is {kind_of(found)}.")
        return found

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
        "pytorch": "A tensor asks for its gradient: requires_grad is False by default. And its "
        "path to the result must not pass a detach().",
        "tensorflow": "A tape watches variables; a constant has to be watched. And what lies "
        "between x and the result has to be computed under the tape.",
    }


@LOST.aspect("the gradient of u", 2, part="gradient of u")
class OfU(FourGradients):
    hint = {
        "pytorch": "Scale first, then ask. The result of a product is no leaf, and the gradient of "
        "y is not that of u.",
        "tensorflow": "Scale first, then make the variable. The product of a variable and a number "
        "is a tensor, and the gradient of y is not that of u.",
    }


@LOST.aspect("the gradient of z", 1, part="gradient of z")
class OfZ(FourGradients):
    "What NumPy computes is in nobody's notes: use the framework's own sine."


@LOST.aspect("the gradient of h", 2, part="gradient of h")
class OfH(FourGradients):
    hint = {
        "pytorch": "An intermediate keeps its gradient only if you ask for it before backward().",
        "tensorflow": "A tape knows the intermediates that were computed while it recorded, and no "
        "others.",
    }
    code = {"pytorch": "h.retain_grad()"}


# -- autograd.pieces -----------------------------------------------------------------------------

PIECES = question("autograd.pieces", "A batch too large for memory", takes=function)


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
            "losses": [Number(loss, relative=1e-4, absolute=1e-4) for loss in losses],
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
