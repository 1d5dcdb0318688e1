"""Right answers to the exercises on automatic differentiation that differ from the worked ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, ClassVar

Right = tuple[str, str, Any]


def _by_hand() -> Iterator[Right]:
    """Answers that need no framework."""
    import numpy as np

    def with_indices(x, y, z):
        b = x * y + z
        found = []
        for array, back in ((x, 2 * b * y), (y, 2 * b * x), (z, 2 * b)):
            missing = b.ndim - array.ndim
            axes = tuple(
                axis
                for axis in range(b.ndim)
                if axis < missing or array.shape[axis - missing] != b.shape[axis]
            )
            found.append(back.sum(axes, keepdims=True).reshape(array.shape))
        return found

    yield "autograd.broadcast", "all axes at once", with_indices

    def numeric(x, y, z, h=1e-5):
        arrays = [x, y, z]
        found = []
        for n, array in enumerate(arrays):
            grad = np.zeros_like(array)
            for i in np.ndindex(array.shape):
                values = []
                for step in (h, -h):
                    moved = [np.array(one) for one in arrays]
                    moved[n][i] += step
                    values.append(((moved[0] * moved[1] + moved[2]) ** 2).sum())
                grad[i] = (values[0] - values[1]) / (2 * h)
            found.append(grad)
        return tuple(found)

    yield "autograd.broadcast", "finite differences", numeric

    def expanded(x, y):
        return 2 * x * y * (y + 1), x * x * (2 * y + 1)

    yield "autograd.paths", "the expanded formula", expanded

    def as_list(x, y):
        b = x * y + x
        return [(b + x * y) * y + x * y, (b + x * y) * x]

    yield "autograd.paths", "a list", as_list
    yield "autograd.paths", "an array", lambda x, y: np.array(as_list(x, y))

    def with_numbers(x, y, z):
        return [float(one) if one.ndim == 0 else one for one in map(np.array, numeric(x, y, z))]

    yield "autograd.broadcast", "a plain number for an array without axes", with_numbers

    def summed(grad, shape):
        while grad.ndim > len(shape):
            grad = grad.sum(0)
        for axis, size in enumerate(shape):
            if size == 1:
                grad = grad.sum(axis, keepdims=True)
        return grad

    class Recorded:
        """A record of all values, as in the chapter, which nothing empties."""

        record: ClassVar[list[Any]] = []

        def __init__(self, array, used=()):
            self.array, self.used = np.asarray(array, float), used
            self.grad = 0 * self.array
            self.created, self.share = not used, None
            Recorded.record.append(self)

        @staticmethod
        def of(other):
            return other if isinstance(other, Recorded) else Recorded(other)

        def __add__(self, other):
            other = self.of(other)
            return Recorded(self.array + other.array, ((self, "same"), (other, "same")))

        def __mul__(self, other):
            other = self.of(other)
            return Recorded(self.array * other.array, ((self, other.array), (other, self.array)))

        __radd__ = __add__

        def __rmul__(self, other):
            return self.of(other) * self

        def __matmul__(self, other):
            used = ((self, ("right", other.array)), (other, ("left", self.array)))
            return Recorded(self.array @ other.array, used)

        def relu(self):
            return Recorded(np.maximum(self.array, 0), ((self, np.sign(self.array).clip(0)),))

        def sum(self):
            return Recorded(np.sum(self.array), ((self, "same"),))

        def backward(self):
            for value in self.record:
                value.share = None
            self.share = np.ones(())
            for value in reversed(self.record):
                if value.share is None:
                    continue
                if value.created:
                    value.grad = value.grad + value.share
                for part, local in value.used:
                    if isinstance(local, str):
                        share = value.share + np.zeros(np.broadcast(value.share, part.array).shape)
                    elif isinstance(local, tuple) and local[0] == "right":
                        share = value.share.dot(local[1].T)
                    elif isinstance(local, tuple):
                        share = local[1].T.dot(value.share)
                    else:
                        share = value.share * local
                    share = summed(share, part.array.shape)
                    part.share = share if part.share is None else part.share + share

    yield "autograd.engine", "a record, and local derivatives as data", Recorded

    class Counted:
        """Waits for all arrows of a value, counted before the pass."""

        def __init__(self, array, parts=(), back=None):
            self.array, self.parts, self.back = np.array(array, float), parts, back
            self.grad = np.zeros(self.array.shape)

        def result(self, array, *parts_and_back):
            *parts, back = parts_and_back
            return Counted(array, parts, back)

        @staticmethod
        def of(other):
            return other if isinstance(other, Counted) else Counted(other)

        def __add__(self, other):
            other = self.of(other)
            return self.result(self.array + other.array, self, other, lambda g: (g, g))

        def __radd__(self, other):
            return self + other

        def __mul__(self, other):
            other = self.of(other)
            array = self.array * other.array
            return self.result(array, self, other, lambda g: (g * other.array, g * self.array))

        def __rmul__(self, other):
            return self * other

        def __matmul__(self, other):
            def back(g):
                return np.einsum("ik,jk->ij", g, other.array), np.einsum("ij,ik->jk", self.array, g)

            return self.result(self.array @ other.array, self, other, back)

        def relu(self):
            array = np.where(self.array > 0, self.array, 0)
            return self.result(array, self, lambda g: (np.where(self.array > 0, g, 0),))

        def sum(self):
            return self.result(self.array.sum(), self, lambda g: (np.full(self.array.shape, g),))

        def backward(self):
            arrows, waiting, seen = {}, [self], {self}
            while waiting:
                for part in waiting.pop().parts:
                    arrows[part] = arrows.get(part, 0) + 1
                    if part not in seen:
                        seen.add(part)
                        waiting.append(part)
            shares, ready = {self: np.ones(())}, [self]
            while ready:
                value = ready.pop()
                if not value.parts:
                    value.grad += shares[value]
                    continue
                for part, share in zip(value.parts, value.back(shares[value]), strict=True):
                    shares[part] = shares.get(part, 0) + summed(share, part.array.shape)
                    arrows[part] -= 1
                    if not arrows[part]:
                        ready.append(part)

    yield "autograd.engine", "arrows counted", Counted

    class Recursive(Counted):
        """Sorted by recursion, with a higher limit."""

        def result(self, array, *parts_and_back):
            *parts, back = parts_and_back
            return Recursive(array, parts, back)

        @staticmethod
        def of(other):
            return other if isinstance(other, Recursive) else Recursive(other)

        def backward(self):
            order, seen, limit = [], set(), sys.getrecursionlimit()

            def visit(value):
                if value not in seen:
                    seen.add(value)
                    for part in value.parts:
                        visit(part)
                    order.append(value)

            sys.setrecursionlimit(20_000)
            try:
                visit(self)
            finally:
                sys.setrecursionlimit(limit)
            shares = {self: np.ones(())}
            for value in reversed(order):
                share = shares.pop(value)
                value.grad = value.grad + share  # also of results, for whoever looks
                for part, one in zip(
                    value.parts, value.back(share) if value.back else (), strict=True
                ):
                    shares[part] = shares.get(part, 0) + summed(one, part.array.shape)

    yield "autograd.engine", "sorted by recursion, with a higher limit", Recursive


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch

    yield from _by_hand()

    def along(f, x, v):
        X = torch.from_numpy(x).requires_grad_()
        slope = torch.autograd.grad(f(X), X, create_graph=True)[0]
        return torch.autograd.grad(slope, X, torch.from_numpy(v))[0]

    yield "autograd.curvature", "a vector product of the gradient", along

    def hvp(f, x, v):
        return torch.autograd.functional.hvp(f, torch.tensor(x), torch.tensor(v))[1]

    yield "autograd.curvature", "the built-in function", hvp

    def forward_over_reverse(f, x, v):
        gradient = torch.func.grad(f)
        return torch.func.jvp(gradient, (torch.tensor(x),), (torch.tensor(v),))[1].numpy()

    yield "autograd.curvature", "forward mode over reverse mode", forward_over_reverse

    def asked_by_name(x, y, z, s):
        X, Y, Z = (torch.tensor(v, requires_grad=True) for v in (x, y, z))
        U = Y * s
        H = X * U
        c = (H.square() + H * Z.sin()).sum()
        return torch.autograd.grad(c, [X, U, Z, H])

    yield "autograd.lost", "torch.autograd.grad", asked_by_name

    def retained(x, y, z, s):
        X, Y, Z = (torch.from_numpy(v).requires_grad_() for v in (x, y, z))
        U = Y * s
        U.retain_grad()
        H = X * U
        H.retain_grad()
        (H**2 + H * torch.sin(Z)).sum().backward()
        return [tensor.grad.numpy() for tensor in (X, U, Z, H)]

    yield "autograd.lost", "retained, and as arrays", retained

    def by_hand(params, batches, loss_of, rate):
        losses = []
        for pieces in batches:
            examples = 0
            losses.append(0.0)
            for x, y in pieces:
                loss = loss_of(params, x, y) * x.shape[0]
                loss.backward()
                losses[-1] += float(loss)
                examples += x.shape[0]
            losses[-1] /= examples
            for p in params:
                if p.grad is not None:
                    with torch.no_grad():
                        p -= rate * p.grad / examples
                    p.grad.zero_()
        return losses

    yield "autograd.pieces", "sums, divided at the end, and cleared after the step", by_hand

    def optimized(params, batches, loss_of, rate):
        optimizer, losses = torch.optim.SGD(params, lr=rate), []
        for pieces in batches:
            examples = sum(len(x) for x, _ in pieces)
            parts = [loss_of(params, x, y) * (len(x) / examples) for x, y in pieces]
            optimizer.zero_grad()
            sum(parts).backward()
            optimizer.step()
            losses.append(sum(part.item() for part in parts))
        return losses

    yield "autograd.pieces", "an optimizer, and one graph for the batch", optimized

    def named(params, batches, loss_of, rate):
        def mean(pieces):
            share = [len(x) / sum(len(x) for x, _ in pieces) for x, _ in pieces]
            total, sums = 0.0, [torch.zeros_like(p) for p in params]
            for weight, (x, y) in zip(share, pieces, strict=True):
                loss = loss_of(params, x, y)
                found = torch.autograd.grad(loss, params, allow_unused=True)
                for one, gradient in zip(sums, found, strict=True):
                    one += 0 if gradient is None else weight * gradient
                total += weight * loss.item()
            with torch.no_grad():
                for p, gradient in zip(params, sums, strict=True):
                    p.sub_(rate * gradient)
            return total

        return [mean(pieces) for pieces in batches]

    yield "autograd.pieces", "torch.autograd.grad", named


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    yield from _by_hand()

    def along(f, x, v):
        X = tf.constant(x)
        with tf.GradientTape() as outer:
            outer.watch(X)
            with tf.GradientTape() as inner:
                inner.watch(X)
                value = f(X)
            slope = inner.gradient(value, X)
        return outer.gradient(slope, X, output_gradients=tf.constant(v))

    yield "autograd.curvature", "a vector product of the gradient", along

    def forward_over_reverse(f, x, v):
        X = tf.Variable(x)
        with tf.autodiff.ForwardAccumulator(X, tf.constant(v)) as forward:
            with tf.GradientTape() as tape:
                value = f(X)
            slope = tape.gradient(value, X)
        return forward.jvp(slope).numpy()

    yield "autograd.curvature", "forward mode over reverse mode", forward_over_reverse

    def watched(x, y, z, s):
        X, U, Z = tf.constant(x), tf.constant(y * s), tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch([X, U, Z])
            H = X * U
            c = tf.reduce_sum(tf.square(H) + H * tf.math.sin(Z))
        return [gradient.numpy() for gradient in tape.gradient(c, [X, U, Z, H])]

    yield "autograd.lost", "constants that are watched, and as arrays", watched

    def named(x, y, z, s):
        X, Y, Z = tf.Variable(x), tf.Variable(y), tf.Variable(z)
        with tf.GradientTape(persistent=True) as tape:
            U = Y * s
            H = X * U
            c = tf.reduce_sum(H**2) + tf.reduce_sum(H * tf.sin(Z))
        return tuple(tape.gradient(c, value) for value in (X, U, Z, H))

    yield "autograd.lost", "everything under the tape", named

    def zeros(params, batches, loss_of, rate):
        losses = []
        for pieces in batches:
            examples = sum(int(x.shape[0]) for x, _ in pieces)
            sums = [tf.Variable(tf.zeros_like(p)) for p in params]
            total = []
            for x, y in pieces:
                with tf.GradientTape() as tape:
                    loss = loss_of(params, x, y)
                found = tape.gradient(loss, params, unconnected_gradients="zero")
                for one, gradient in zip(sums, found, strict=True):
                    one.assign_add(gradient * x.shape[0])
                total.append(loss.numpy() * x.shape[0])
            for p, one in zip(params, sums, strict=True):
                p.assign(p - rate * one / examples)
            losses.append(np.sum(total) / examples)
        return tuple(losses)

    yield "autograd.pieces", "zeros for what is unconnected", zeros

    def one_tape(params, batches, loss_of, rate):
        optimizer, losses = keras.optimizers.SGD(rate), []
        for pieces in batches:
            examples = sum(len(x) for x, _ in pieces)
            with tf.GradientTape() as tape:
                total = tf.add_n([loss_of(params, x, y) * len(x) for x, y in pieces]) / examples
            pairs = zip(tape.gradient(total, params), params, strict=True)
            for gradient, p in pairs:
                if gradient is not None:
                    p.assign_sub(optimizer.learning_rate * gradient)
            losses.append(float(total))
        return losses

    yield "autograd.pieces", "one tape for a batch", one_tape


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
