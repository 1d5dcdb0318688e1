"""Plausible wrong answers to the exercises on automatic differentiation.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

EQUAL, ROW, COLUMN, ANY = "equal shapes", "a row", "a column", "any shapes"

NUMBERS, PATH, TWICE = "numbers forwards", "one path back", "a number used twice"
MEET, AGAIN = "paths that part and meet again", "a second backward"

OF_X, OF_U, OF_Z, OF_H = (f"the gradient of {name}" for name in "xuzh")

ONE, SEVERAL, UNEQUAL = "one step", "several steps", "pieces of different sizes"
CALLS, IDLE, LOSSES = "one call for each piece", "a parameter without a gradient", "the losses"
EVERYTHING = {ONE, SEVERAL, UNEQUAL, CALLS, IDLE, LOSSES}


def _by_hand(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers to the questions that need no framework."""
    import numpy as np

    def unsummed(x, y, z):
        b = x * y + z
        return 2 * b * y, 2 * b * x, 2 * b

    yield "autograd.broadcast", "nothing is summed", unsummed, {ROW, COLUMN, ANY}

    def undone_by(undo):
        def backward(x, y, z):
            back = unsummed(x, y, z)
            return [undo(grad, array.shape) for grad, array in zip(back, (x, y, z), strict=True)]

        return backward

    def leading(grad, shape):
        return grad.sum(axis=tuple(range(grad.ndim - len(shape))))

    yield "autograd.broadcast", "leading axes only", undone_by(leading), {COLUMN, ANY}

    def lost_axis(grad, shape):
        grad = leading(grad, shape)
        return grad.sum(axis=tuple(n for n, size in enumerate(shape) if size == 1))

    yield "autograd.broadcast", "keepdims forgotten", undone_by(lost_axis), {COLUMN, ANY}

    def averaged(grad, shape):
        total = solution["undo_broadcast"](grad, shape)
        return total * total.size / grad.size

    yield "autograd.broadcast", "averaged", undone_by(averaged), {ROW, COLUMN, ANY}

    def of_sum(x, y, z):
        undo = solution["undo_broadcast"]
        ones = np.ones_like(x * y + z)
        return undo(ones * y, x.shape), undo(ones * x, y.shape), undo(ones, z.shape)

    yield "autograd.broadcast", "the square forgotten", of_sum, {EQUAL, ROW, COLUMN, ANY}

    def in_place(x, y, z):
        found = solution["backward"](x, y, z)
        z *= 2
        return found

    yield "autograd.broadcast", "an argument changed", in_place, {EQUAL}

    def two_axes(x, y, z):
        def undo(grad, shape):
            if grad.shape == shape:
                return grad
            if len(shape) == 1:
                return grad.sum(axis=0)
            return grad.sum(axis=1, keepdims=True)

        return [undo(g, a.shape) for g, a in zip(unsummed(x, y, z), (x, y, z), strict=True)]

    yield "autograd.broadcast", "rows and columns only", two_axes, {ANY}

    Value = solution["Value"]

    def rebuilt(**methods):
        """`Value` with other methods; its operations make values of the new class."""
        names = dict(vars(Value))
        changed = {name: methods.pop(name) for name in list(methods)}
        made = type("Value", (), {**names, **changed, "__dict__": None, "__weakref__": None})

        def add(self, other):
            other = other if isinstance(other, made) else made(other)
            return made(self.number + other.number, [(self, 1), (other, 1)])

        def mul(self, other):
            other = other if isinstance(other, made) else made(other)
            return made(self.number * other.number, [(self, other.number), (other, self.number)])

        operations = {"__add__": add, "__radd__": add, "__mul__": mul, "__rmul__": mul}
        operations["tanh"] = lambda self: made(
            np.tanh(self.number), [(self, 1 - np.tanh(self.number) ** 2)]
        )
        for name, function in operations.items():
            if name not in changed:
                setattr(made, name, function)
        return made

    def ordered(result):
        order, seen = [], set()

        def visit(value):
            if value not in seen:
                seen.add(value)
                for part, _ in value.used:
                    visit(part)
                order.append(value)

        visit(result)
        return reversed(order)

    def overwriting(self):
        self.grad = 1.0
        for value in ordered(self):
            for part, local in value.used:
                part.grad = local * value.grad

    yield (
        "autograd.engine",
        "= for +=",
        rebuilt(backward=overwriting),
        {TWICE, MEET, AGAIN},
    )

    def stored(self):
        self.grad = 1.0
        for value in ordered(self):
            for part, local in value.used:
                part.grad += local * value.grad

    yield "autograd.engine", "grad itself is passed on", rebuilt(backward=stored), {AGAIN}

    def reset(self):
        for value in ordered(self):
            value.grad = 0.0
        stored(self)

    yield "autograd.engine", "reset at the beginning", rebuilt(backward=reset), {AGAIN}

    def wide(self):
        shares, waiting, seen = {self: 1.0}, [self], {self}
        while waiting:  # level by level, each value once
            value = waiting.pop(0)
            value.grad += shares[value]
            for part, local in value.used:
                shares[part] = shares.get(part, 0.0) + local * shares[value]
                if part not in seen:
                    seen.add(part)
                    waiting.append(part)

    yield "autograd.engine", "level by level", rebuilt(backward=wide), {TWICE, MEET, AGAIN}

    def deep(self, first=True):
        if first:
            self.grad = 1.0
        for part, local in self.used:
            part.grad += local * self.grad
            deep(part, first=False)

    yield "autograd.engine", "passed on before it is complete", rebuilt(backward=deep), {
        MEET, AGAIN
    }  # fmt: skip

    right_only = rebuilt(__radd__=None, __rmul__=None)
    yield "autograd.engine", "no number on the left", right_only, {NUMBERS, PATH}

    def slope(self):
        return type(self)(np.tanh(self.number), [(self, 1 - self.number**2)])

    yield "autograd.engine", "tanh's derivative at the wrong place", rebuilt(tanh=slope), {
        PATH, TWICE, MEET, AGAIN
    }  # fmt: skip


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import numpy as np
    import torch

    yield from _by_hand(solution)

    def unasked(x, y, z, s):
        X, (U, Z) = torch.tensor(x), (torch.tensor(v, requires_grad=True) for v in (s * y, z))
        H = X * U
        H.retain_grad()
        (H * H + H * torch.sin(Z)).sum().backward()
        return X.grad, U.grad, Z.grad, H.grad

    yield "autograd.lost", "x never asks", unasked, {OF_X}

    def unscaled(x, y, z, s):
        X, Y, Z = (torch.tensor(v, requires_grad=True) for v in (x, y, z))
        H = X * (Y * s)
        H.retain_grad()
        (H * H + H * torch.sin(Z)).sum().backward()
        return X.grad, Y.grad, Z.grad, H.grad

    yield "autograd.lost", "the gradient of y", unscaled, {OF_U}

    def in_numpy(x, y, z, s):
        X, U, Z = (torch.tensor(v, requires_grad=True) for v in (x, s * y, z))
        H = X * U
        H.retain_grad()
        (H * H + H * torch.tensor(np.sin(z))).sum().backward()
        return X.grad, U.grad, Z.grad, H.grad

    yield "autograd.lost", "the sine is NumPy's", in_numpy, {OF_Z}

    def leaf(x, y, z, s):
        X, U, Z = (torch.tensor(v, requires_grad=True) for v in (x, s * y, z))
        H = (X * U).detach().requires_grad_()
        (H * H + H * torch.sin(Z)).sum().backward()
        return X.grad, U.grad, Z.grad, H.grad

    yield "autograd.lost", "h made a leaf", leaf, {OF_X, OF_U}

    def doubled(x, y, z, s):
        X, U, Z = (torch.tensor(v, requires_grad=True) for v in (x, s * y, z))
        H = X * U
        H.retain_grad()
        c = (H * H + H * torch.sin(Z)).sum()
        c.backward(retain_graph=True)
        c.backward()
        return X.grad, U.grad, Z.grad, H.grad

    yield "autograd.lost", "backward twice", doubled, {OF_X, OF_U, OF_Z, OF_H}

    def train(
        weigh=lambda x, pieces: len(x) / sum(len(x) for x, _ in pieces),
        clear=True,
        clear_each=False,
        step_each=False,
        report=lambda loss: loss.item(),
    ):
        def loop(params, batches, loss_of, rate):
            optimizer, losses = torch.optim.SGD(params, lr=rate), []
            for pieces in batches:
                if clear:
                    optimizer.zero_grad()
                total = 0.0
                for x, y in pieces:
                    if clear_each:
                        optimizer.zero_grad()
                    loss = loss_of(params, x, y) * weigh(x, pieces)
                    loss.backward()
                    total = total + report(loss)
                    if step_each:
                        optimizer.step()
                        optimizer.zero_grad()
                if not step_each:
                    optimizer.step()
                losses.append(total)
            return losses

        return loop

    plain = train(weigh=lambda x, pieces: 1)
    yield "autograd.pieces", "the sum of the means", plain, {UNEQUAL, LOSSES}
    means = train(weigh=lambda x, pieces: 1 / len(pieces))
    yield "autograd.pieces", "the mean of the means", means, {UNEQUAL, LOSSES}
    total = train(weigh=lambda x, pieces: len(x))
    yield "autograd.pieces", "not divided", total, EVERYTHING
    yield "autograd.pieces", "never cleared", train(clear=False), {SEVERAL, LOSSES}
    each = train(clear_each=True)
    yield "autograd.pieces", "cleared before each piece", each, {UNEQUAL, LOSSES}
    yield "autograd.pieces", "a step for each piece", train(step_each=True), {UNEQUAL, LOSSES}
    tensors = train(report=lambda loss: loss)
    yield "autograd.pieces", "tensors for losses", tensors, {LOSSES}

    def joined(params, batches, loss_of, rate):
        whole = [[tuple(map(torch.cat, zip(*pieces, strict=True)))] for pieces in batches]
        return solution["train"](params, whole, loss_of, rate)

    yield "autograd.pieces", "the pieces put together", joined, {CALLS}

    def between(params, batches, loss_of, rate):
        optimizer, losses = torch.optim.SGD(params, lr=rate), []
        for pieces in batches:
            examples = sum(len(x) for x, _ in pieces)
            parts = [loss_of(params, x, y) * len(x) / examples for x, y in pieces]
            sum(parts).backward()
            optimizer.zero_grad()
            optimizer.step()
            losses.append(float(sum(parts)))
        return losses

    yield "autograd.pieces", "cleared between backward and step", between, EVERYTHING

    def no_none(params, batches, loss_of, rate):
        losses = []
        for pieces in batches:
            examples = sum(len(x) for x, _ in pieces)
            losses.append(0.0)
            for x, y in pieces:
                loss = loss_of(params, x, y) * len(x) / examples
                loss.backward()
                losses[-1] += loss.item()
            with torch.no_grad():
                for p in params:
                    p -= rate * p.grad
                    p.grad = None
        return losses

    yield "autograd.pieces", "None multiplied", no_none, {IDLE}

    def recorded(params, batches, loss_of, rate):
        for pieces in batches:
            for x, y in pieces:
                loss_of(params, x, y).backward()
            for p in params:
                p -= rate * p.grad
        return []

    yield "autograd.pieces", "updated on the record", recorded, EVERYTHING


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import numpy as np
    import tensorflow as tf

    yield from _by_hand(solution)

    def unwatched(x, y, z, s):
        X, U, Z = tf.constant(x), tf.Variable(s * y), tf.Variable(z)
        with tf.GradientTape() as tape:
            H = X * U
            c = tf.reduce_sum(H * H + H * tf.sin(Z))
        return tape.gradient(c, [X, U, Z, H])

    yield "autograd.lost", "x is not watched", unwatched, {OF_X}

    def unscaled(x, y, z, s):
        X, Y, Z = (tf.Variable(v) for v in (x, y, z))
        with tf.GradientTape() as tape:
            H = X * (Y * s)
            c = tf.reduce_sum(H * H + H * tf.sin(Z))
        return tape.gradient(c, [X, Y, Z, H])

    yield "autograd.lost", "the gradient of y", unscaled, {OF_U}

    def in_numpy(x, y, z, s):
        X, U, Z = (tf.Variable(v) for v in (x, s * y, z))
        with tf.GradientTape() as tape:
            H = X * U
            c = tf.reduce_sum(H * H + H * np.sin(Z))
        return tape.gradient(c, [X, U, Z, H])

    yield "autograd.lost", "the sine is NumPy's", in_numpy, {OF_Z}

    def before(x, y, z, s):
        X, U, Z = (tf.Variable(v) for v in (x, s * y, z))
        H = X * U
        with tf.GradientTape() as tape:
            tape.watch(H)
            c = tf.reduce_sum(H * H + H * tf.sin(Z))
        return tape.gradient(c, [X, U, Z, H])

    yield "autograd.lost", "h watched, and not computed, under the tape", before, {OF_X, OF_U}

    def tensor(x, y, z, s):
        X, U, Z = tf.Variable(x), tf.Variable(y) * s, tf.Variable(z)
        with tf.GradientTape() as tape:
            H = X * U
            c = tf.reduce_sum(H * H + H * tf.sin(Z))
        return tape.gradient(c, [X, U, Z, H])

    yield "autograd.lost", "u is the result of a product", tensor, {OF_U}

    def train(
        weigh=lambda x, pieces: len(x) / sum(len(x) for x, _ in pieces),
        clear=True,
        step_each=False,
        report=float,
    ):
        def loop(params, batches, loss_of, rate):
            losses, sums = [], {}
            for pieces in batches:
                sums = {} if clear else sums
                total = 0.0
                for x, y in pieces:
                    sums = {} if step_each else sums
                    with tf.GradientTape() as tape:
                        loss = loss_of(params, x, y) * weigh(x, pieces)
                    for n, gradient in enumerate(tape.gradient(loss, params)):
                        if gradient is not None:
                            sums[n] = sums.get(n, 0) + gradient
                    total = total + report(loss)
                    if step_each:
                        for n, gradient in sums.items():
                            params[n].assign_sub(rate * gradient)
                if not step_each:
                    for n, gradient in sums.items():
                        params[n].assign_sub(rate * gradient)
                losses.append(total)
            return losses

        return loop

    plain = train(weigh=lambda x, pieces: 1)
    yield "autograd.pieces", "the sum of the means", plain, {UNEQUAL, LOSSES}
    means = train(weigh=lambda x, pieces: 1 / len(pieces))
    yield "autograd.pieces", "the mean of the means", means, {UNEQUAL, LOSSES}
    total = train(weigh=lambda x, pieces: len(x))
    yield "autograd.pieces", "not divided", total, EVERYTHING
    yield "autograd.pieces", "never cleared", train(clear=False), {SEVERAL, LOSSES}
    yield "autograd.pieces", "a step for each piece", train(step_each=True), {UNEQUAL, LOSSES}
    tensors = train(report=lambda loss: loss)
    yield "autograd.pieces", "tensors for losses", tensors, {LOSSES}

    def joined(params, batches, loss_of, rate):
        whole = [
            [tuple(tf.concat(part, 0) for part in zip(*pieces, strict=True))] for pieces in batches
        ]
        return solution["train"](params, whole, loss_of, rate)

    yield "autograd.pieces", "the pieces put together", joined, {CALLS}

    def last_only(params, batches, loss_of, rate):
        losses = []
        for pieces in batches:
            for x, y in pieces:
                with tf.GradientTape() as tape:
                    loss = loss_of(params, x, y)
                found = tape.gradient(loss, params)
            for p, gradient in zip(params, found, strict=True):
                if gradient is not None:
                    p.assign_sub(rate * gradient)
            losses.append(float(loss))
        return losses

    yield "autograd.pieces", "the last piece only", last_only, {UNEQUAL, LOSSES}

    def no_none(params, batches, loss_of, rate):
        losses = []
        for pieces in batches:
            examples = sum(len(x) for x, _ in pieces)
            with tf.GradientTape() as tape:
                parts = [loss_of(params, x, y) * len(x) / examples for x, y in pieces]
                loss = tf.add_n(parts)
            for p, gradient in zip(params, tape.gradient(loss, params), strict=True):
                p.assign_sub(rate * gradient)
            losses.append(float(loss))
        return losses

    yield "autograd.pieces", "None multiplied", no_none, {IDLE}

    def renamed(params, batches, loss_of, rate):
        losses = []
        for pieces in batches:
            with tf.GradientTape() as tape:
                tape.watch(params)
                loss = tf.add_n([loss_of(params, x, y) for x, y in pieces])
            found = tape.gradient(loss, params, unconnected_gradients="zero")
            params = [p - rate * gradient for p, gradient in zip(params, found, strict=True)]
            losses.append(float(loss))
        return losses

    yield "autograd.pieces", "new tensors for variables", renamed, EVERYTHING


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
