"""Right answers to the exercises on automatic differentiation that differ from the worked ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def _by_hand() -> Iterator[Right]:
    """Answers that need no framework."""
    import math

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

    class Closures:
        """Notes are functions, sorted by when they were written."""

        written = 0

        def __init__(self, number, parts=(), back=lambda share: ()):
            self.number, self.grad, self.parts, self.back = number, 0, parts, back
            Closures.written += 1
            self.when = Closures.written

        @staticmethod
        def of(number):
            return number if isinstance(number, Closures) else Closures(number)

        def __add__(self, other):
            other = self.of(other)
            return Closures(self.number + other.number, (self, other), lambda share: (share, share))

        def __mul__(self, other):
            other = self.of(other)
            return Closures(
                self.number * other.number,
                (self, other),
                lambda share: (share * other.number, share * self.number),
            )

        __radd__ = __add__

        def __rmul__(self, other):
            return self.of(other) * self

        def tanh(self):
            return Closures(
                math.tanh(self.number),
                (self,),
                lambda share: (share * (1 - math.tanh(self.number) ** 2),),
            )

        def backward(self):
            shares, waiting = {self: 1.0}, {self}
            while waiting:
                value = max(waiting, key=lambda one: one.when)
                waiting.remove(value)
                value.grad += shares[value]
                for part, share in zip(value.parts, value.back(shares[value]), strict=True):
                    shares[part] = shares.get(part, 0) + share
                    waiting.add(part)

    yield "autograd.engine", "the newest value first", Closures

    class Paths:
        """Each path by itself: slow, and right."""

        def __init__(self, number, used=()):
            self.number, self.used, self.grad = float(number), used, 0.0

        def __add__(self, other):
            if not isinstance(other, Paths):
                return Paths(self.number + other, [(self, 1)])
            return Paths(self.number + other.number, [(self, 1), (other, 1)])

        def __mul__(self, other):
            if not isinstance(other, Paths):
                return Paths(self.number * other, [(self, other)])
            return Paths(self.number * other.number, [(self, other.number), (other, self.number)])

        def __radd__(self, other):
            return self + other

        def __rmul__(self, other):
            return self * other

        def tanh(self):
            return Paths(math.tanh(self.number), [(self, math.cosh(self.number) ** -2)])

        def backward(self, share=1.0):
            self.grad += share
            for part, local in self.used:
                part.backward(share * local)

    yield "autograd.engine", "path by path", Paths


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch

    yield from _by_hand()

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
