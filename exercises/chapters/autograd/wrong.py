"""Plausible wrong answers to the exercises on automatic differentiation.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

EQUAL, ROW, COLUMN, ANY = "equal shapes", "a row", "a column", "any shapes"

VALUES, PATH, TWICE = "values forwards", "one path back", "a value used twice"
PRODUCT, BROADCAST, LONG = "a matrix product", "broadcasting", "a long program"
MEET, AGAIN = "paths that part and meet again", "a second backward"

OF_FIRST, OF_SECOND = "the gradient of x", "the gradient of y"  # of autograd.paths
CONSTANT, CURVED, ONCE = "a constant Hessian", "any function and any shape", "one call of f"
NO_H = "no entry of H"

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

    def one_arrow_of_a(x, y):
        a = x * y
        b = a + x
        return b * y + a, b * x

    yield "autograd.paths", "one arrow of a forgotten", one_arrow_of_a, {OF_FIRST, OF_SECOND}

    def one_arrow_of_x(x, y):
        a = x * y
        grad_a = a + x + a
        return grad_a * y, grad_a * x

    yield "autograd.paths", "one arrow of x forgotten", one_arrow_of_x, {OF_FIRST}

    def swapped(x, y):
        return solution["gradients"](x, y)[::-1]

    yield "autograd.paths", "the order swapped", swapped, {OF_FIRST, OF_SECOND}

    fit = solution["fit"]

    class Base(solution["Value"]):
        """The solution, whose operations return values of the class at hand."""

        def __add__(self, other):
            return self.again(super().__add__(other))

        def __mul__(self, other):
            return self.again(super().__mul__(other))

        __radd__, __rmul__ = __add__, __mul__

        def __matmul__(self, other):
            return self.again(super().__matmul__(other))

        def relu(self):
            return self.again(super().relu())

        def sum(self):
            return self.again(super().sum())

        def again(self, result):
            return type(self)(result.array, result.used)

    def rebuilt(**methods):
        """The solution with other methods."""
        return type("Value", (Base,), methods)

    def ordered(result):
        waiting, found = [result], {result}
        while waiting:
            for part, _ in waiting.pop().used:
                if part not in found:
                    found.add(part)
                    waiting.append(part)
        return sorted(found, key=lambda one: -one.number)

    def overwriting(self):
        incoming = {self: np.array(1.0)}
        for value in ordered(self):
            grad = incoming.pop(value)
            if not value.used:
                value.grad = value.grad + grad
            for part, back in value.used:
                incoming[part] = back(grad)

    yield (
        "autograd.engine",
        "= for +=",
        rebuilt(backward=overwriting),
        {TWICE, MEET, AGAIN, LONG},
    )

    def stored(self):
        self.grad = np.array(1.0)
        for value in ordered(self):
            for part, back in value.used:
                part.grad = part.grad + back(value.grad)

    yield "autograd.engine", "grad itself is passed on", rebuilt(backward=stored), {AGAIN}

    def reset(self):
        for value in ordered(self):
            value.grad = np.zeros_like(value.array)
        stored(self)

    yield "autograd.engine", "reset at the beginning", rebuilt(backward=reset), {AGAIN}

    def recursive(self):
        order, seen = [], set()

        def visit(value):
            if value not in seen:
                seen.add(value)
                for part, _ in value.used:
                    visit(part)
                order.append(value)

        visit(self)
        incoming = {self: np.array(1.0)}
        for value in reversed(order):
            grad = incoming.pop(value)
            if not value.used:
                value.grad = value.grad + grad
            for part, back in value.used:
                incoming[part] = incoming.get(part, 0) + back(grad)

    yield "autograd.engine", "sorted by recursion", rebuilt(backward=recursive), {LONG}

    def wide(self):
        incoming, waiting, seen = {self: np.array(1.0)}, [self], {self}
        while waiting:  # level by level, each value once
            value = waiting.pop(0)
            if not value.used:
                value.grad = value.grad + incoming[value]
            for part, back in value.used:
                incoming[part] = incoming.get(part, 0) + back(incoming[value])
                if part not in seen:
                    seen.add(part)
                    waiting.append(part)

    yield "autograd.engine", "level by level", rebuilt(backward=wide), {MEET, AGAIN, LONG}

    right_only = rebuilt(__radd__=None, __rmul__=None)
    yield "autograd.engine", "no number on the left", right_only, {VALUES, PATH}

    def unsummed_add(self, other):
        other = other if isinstance(other, type(self)) else type(self)(other)
        used = [(self, lambda grad: grad), (other, lambda grad: grad)]
        return type(self)(self.array + other.array, used)

    yield "autograd.engine", "broadcasts are not undone", rebuilt(
        __add__=unsummed_add, __radd__=unsummed_add
    ), {BROADCAST}  # fmt: skip

    def averaged_add(self, other):
        a, b = self, other if isinstance(other, type(self)) else type(self)(other)

        def mean(grad, shape):
            total = fit(grad, shape)
            return total * total.size / grad.size

        used = [
            (a, lambda grad: mean(grad, a.array.shape)),
            (b, lambda grad: mean(grad, b.array.shape)),
        ]
        return type(self)(a.array + b.array, used)

    yield "autograd.engine", "a broadcast is averaged", rebuilt(
        __add__=averaged_add, __radd__=averaged_add
    ), {BROADCAST}  # fmt: skip

    def elementwise(self, other):
        a, b = self, other
        used = [
            (a, lambda grad: grad @ b.array.T),
            (b, lambda grad: np.ones_like(a.array).T @ grad),
        ]
        return type(self)(a.array @ b.array, used)

    yield "autograd.engine", "the left factor forgotten", rebuilt(__matmul__=elementwise), {PRODUCT}

    def open_relu(self):
        return type(self)(np.maximum(self.array, 0), [(self, lambda grad: grad)])

    yield "autograd.engine", "relu passes everything", rebuilt(relu=open_relu), {PATH}

    def narrow_sum(self):
        return type(self)(self.array.sum(), [(self, lambda grad: grad)])

    fails = {PRODUCT, BROADCAST}
    yield "autograd.engine", "the gradient of a sum is one number", rebuilt(sum=narrow_sum), fails

    def path_by_path(self):
        waiting = [(self, np.ones(()))]
        while waiting:
            value, grad = waiting.pop()
            if not value.used:
                value.grad = value.grad + grad
            waiting += [(part, back(grad)) for part, back in value.used]

    yield "autograd.engine", "each path by itself", rebuilt(backward=path_by_path), {MEET}

    def of_type(dtype):
        def start(self, array, used=()):
            Base.__init__(self, array, used)
            self.array = np.array(array, dtype)
            self.grad = np.zeros(self.array.shape, dtype)

        return rebuilt(__init__=start)

    every = {VALUES, PATH, TWICE, PRODUCT, BROADCAST, MEET, AGAIN}
    yield "autograd.engine", "float32", of_type("float32"), every
    yield "autograd.engine", "integers stay integers", of_type(None), {VALUES}


def _in_pieces(train: Callable[..., Any]) -> Iterator[Wrong]:
    """Wrong answers to *A batch in pieces*; `train` makes a loop with a mistake."""
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


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import numpy as np
    import torch

    yield from _by_hand(solution)

    def gradient_only(f, x, v):
        X = torch.tensor(x, requires_grad=True)
        return torch.autograd.grad(f(X), X)[0] * torch.tensor(v)

    no_curvature = {CONSTANT, CURVED, NO_H, ONCE}
    yield "autograd.curvature", "the gradient times v", gradient_only, no_curvature

    def row_sums(f, x, v):
        X = torch.tensor(x, requires_grad=True)
        (slopes,) = torch.autograd.grad(f(X), X, create_graph=True)
        return torch.autograd.grad(slopes.sum(), X)[0] * torch.tensor(v)

    yield "autograd.curvature", "sums of rows", row_sums, no_curvature

    def called_twice(f, x, v):
        f(torch.tensor(x))
        return solution["curvature"](f, x, v)

    yield "autograd.curvature", "f called twice", called_twice, {ONCE}

    def whole(f, x, v):
        H = torch.autograd.functional.hessian(f, torch.tensor(x))
        return torch.tensordot(H, torch.tensor(v), v.ndim)

    yield "autograd.curvature", "all of H", whole, {NO_H}

    def rows(f, x, v):
        X = torch.tensor(x, requires_grad=True)
        (slopes,) = torch.autograd.grad(f(X), X, create_graph=True)
        found = [
            (torch.autograd.grad(slope, X, retain_graph=True)[0].numpy() * v).sum()
            for slope in slopes.reshape(-1)
        ]
        return np.reshape(found, v.shape)

    yield "autograd.curvature", "H row by row", rows, {NO_H}

    def flat(f, x, v):
        return solution["curvature"](f, x, v).reshape(-1)

    yield "autograd.curvature", "flattened", flat, {CURVED}

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

    yield from _in_pieces(train)
    each = train(clear_each=True)
    yield "autograd.pieces", "cleared before each piece", each, {UNEQUAL, LOSSES}

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

    def gradient_only(f, x, v):
        X = tf.Variable(x)
        with tf.GradientTape() as tape:
            value = f(X)
        return tape.gradient(value, X) * v

    no_curvature = {CONSTANT, CURVED, NO_H, ONCE}
    yield "autograd.curvature", "the gradient times v", gradient_only, no_curvature

    def row_sums(f, x, v):
        return solution["curvature"](f, x, np.ones_like(v)) * v

    yield "autograd.curvature", "sums of rows", row_sums, no_curvature

    def called_twice(f, x, v):
        f(tf.constant(x))
        return solution["curvature"](f, x, v)

    yield "autograd.curvature", "f called twice", called_twice, {ONCE}

    def whole(f, x, v):
        X = tf.Variable(x)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                value = f(X)
            slopes = inner.gradient(value, X)
        return tf.tensordot(outer.jacobian(slopes, X), v, v.ndim)

    yield "autograd.curvature", "all of H", whole, {NO_H}

    def flat(f, x, v):
        return solution["curvature"](f, x, v).reshape(-1)

    yield "autograd.curvature", "flattened", flat, {CURVED}

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

    yield from _in_pieces(train)

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
