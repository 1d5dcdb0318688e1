"""Right answers to the exercises of *Hardware and performance*, unlike the worked solutions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


def _plain() -> Iterator[Right]:
    """Right answers that are the same in both frameworks."""

    def by_search(inputs, outputs, size, peak, bandwidth):
        def waits(batch):
            moved = size * (batch * (inputs + outputs) + inputs * outputs)
            return 2 * batch * inputs * outputs / peak < moved / bandwidth

        low, high = 0, 1
        while waits(high):
            low, high = high, 2 * high
            if high > 2**60:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if waits(middle) else (low, middle)
        return high

    yield "performance.ridge", "by bisection", by_search

    def by_intensity(inputs, outputs, size, peak, bandwidth):
        most = 2 / size / (1 / inputs + 1 / outputs)
        if most <= peak / bandwidth:
            return None
        per_weight = 2 / size / (peak / bandwidth)  # 1 / b + 1 / i + 1 / o at the ridge
        return np.int64(np.ceil(1 / (per_weight - 1 / inputs - 1 / outputs)))

    yield "performance.ridge", "by intensities", by_intensity

    def plan(model, room, tokens, bandwidth):
        def rounds(left, each):
            return max(int((left - left % each) // each), 0)

        weights = model["size"] * model["parameters"]
        per_layer = model["kv_heads"] * model["head"] * model["size"] * tokens
        caches = rounds(room - weights, 2 * per_layer * model["layers"])
        read = weights + sum(2 * per_layer for _ in range(model["layers"])) * caches
        states = sum(4 * model["parameters"] for _ in ("value", "slope", "mean", "square"))
        batch = rounds(room - states, model["kept"])
        return {"seconds": read / bandwidth, "users": caches, "batch": batch}

    yield "performance.memory", "layer by layer", plan

    def cost(widths, batch, size, peak, bandwidth):
        i, o = np.array(widths[:-1], float), np.array(widths[1:], float)
        often = np.full(len(i), 3)
        often[0] = 2
        flops = 2.0 * batch * i * o
        moved = size * (batch * (i + o) + i * o)
        seconds = np.where(flops / moved > peak / bandwidth, flops / peak, moved / bandwidth)
        return np.array([(often * part).sum() for part in (flops, moved, seconds)])

    yield "performance.roof", "with arrays", cost

    class FromNumPy:
        def __init__(self, W):
            W = W.numpy()
            s = np.abs(W).max(axis=1) / np.float32(127)
            s[s == 0] = 1
            self.integers = np.rint(W / s[:, None]).astype(np.int8)
            self.scales = s

        def product(self, X):
            return X.numpy() @ (self.integers * self.scales[:, None]).T

        def bound(self, X):
            return np.outer(np.abs(X.numpy()).sum(1), self.scales) / 2

    yield "performance.int8", "in NumPy", FromNumPy


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn

    yield from _plain()

    class Scaler:
        def __init__(self, scale, patience):
            self.scale, self.patience, self.left = scale, patience, patience

        def unscale(self, gradients):
            wide = [gradient.to(torch.float32) for gradient in gradients]
            total = sum(gradient.double().abs().sum() for gradient in wide)
            if not torch.isfinite(total):
                self.scale *= 0.5
                self.left = self.patience
                return None
            wide = [gradient.div_(self.scale) for gradient in wide]
            self.left -= 1
            if not self.left:
                self.scale *= 2
                self.left = self.patience
            return wide

    yield "performance.scaler", "counts down", Scaler

    class Rounded:
        def __init__(self, W):
            rows = [row.abs().max().item() / 127 or 1.0 for row in W]
            self.scales = torch.tensor(rows)
            self.integers = torch.stack(
                [torch.round(row / scale) for row, scale in zip(W, rows, strict=True)]
            ).char()

        def product(self, X):
            return nn.functional.linear(X, self.integers * self.scales.unsqueeze(1))

        def bound(self, X):
            halves = (self.scales / 2).expand(self.integers.shape[1], -1)
            return X.abs() @ halves

    yield "performance.int8", "row by row", Rounded

    class Sums:
        """Keeps the logarithm of the sum, and the output itself."""

        def __init__(self, Q):
            self.Q, self.log, self.out = Q / Q.shape[1] ** 0.5, None, None

        def add(self, K, V, visible=None):
            scores = self.Q @ K.t()
            if visible is not None:
                scores = torch.where(visible, scores, torch.tensor(-1e20))
            log = scores.logsumexp(1, keepdim=True)
            self._join(log, (scores - log).exp() @ V)

        def _join(self, log, out):
            if self.log is None:
                self.log, self.out = log, out
                return
            new = torch.logaddexp(self.log, log)
            self.out = (self.log - new).exp() * self.out + (log - new).exp() * out
            self.log = new

        def merge(self, other):
            if other.log is not None:
                self._join(other.log, other.out)

        def output(self):
            return torch.where(self.log > -1e19, self.out, torch.tensor(0.0))

    yield "performance.online", "logarithms of sums", Sums

    class ByQuery:
        """Each query for itself, with Python's numbers for what no gradient needs."""

        def __init__(self, Q):
            self.rows = list(Q)
            self.state = [(-1e30, 0.0, 0.0)] * len(Q)

        def add(self, K, V, visible=None):
            for n, q in enumerate(self.rows):
                see = slice(None) if visible is None else visible[n]
                keys, values = K[see], V[see]
                self.width = V.shape[1]
                if len(keys):
                    scores = keys @ q / len(q) ** 0.5
                    top = scores.max().item()
                    shares = torch.exp(scores - top)
                    self._put(n, (top, shares.sum(), shares @ values))

        def _put(self, n, found):
            mine, new = self.state[n], max(self.state[n][0], found[0])
            a, b = math.exp(mine[0] - new), math.exp(found[0] - new)
            self.state[n] = (new, a * mine[1] + b * found[1], a * mine[2] + b * found[2])

        def merge(self, other):
            for n, found in enumerate(other.state):
                self._put(n, found)

        def output(self):
            zero = torch.zeros(self.width)
            return torch.stack([m / t if t > 0 else zero for _, t, m in self.state])

    yield "performance.online", "query by query", ByQuery


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import tensorflow as tf
    from keras import ops

    yield from _plain()

    class Scaler:
        def __init__(self, scale, patience):
            self.scale, self.patience, self.left = scale, patience, patience

        def unscale(self, gradients):
            wide = [tf.cast(gradient, tf.float64) for gradient in gradients]
            total = tf.add_n([tf.reduce_sum(abs(gradient)) for gradient in wide])
            if not np.isfinite(total):
                self.scale *= 0.5
                self.left = self.patience
                return None
            wide = [tf.cast(gradient / self.scale, tf.float32) for gradient in wide]
            self.left -= 1
            if not self.left:
                self.scale *= 2
                self.left = self.patience
            return wide

    yield "performance.scaler", "counts down", Scaler

    class Rounded:
        def __init__(self, W):
            rows = [float(tf.reduce_max(tf.abs(row))) / 127 or 1.0 for row in W]
            self.scales = tf.constant(rows)
            rounded = [tf.round(row / scale) for row, scale in zip(W, rows, strict=True)]
            self.integers = tf.cast(tf.stack(rounded), tf.int8)

        def product(self, X):
            restored = tf.cast(self.integers, tf.float32) * self.scales[:, tf.newaxis]
            return tf.einsum("nc,rc->nr", X, restored)

        def bound(self, X):
            halves = tf.ones((X.shape[1], 1)) * self.scales / 2
            return tf.abs(X) @ halves

    yield "performance.int8", "row by row", Rounded

    class Sums:
        """Keeps the logarithm of the sum, and the output itself."""

        def __init__(self, Q):
            self.Q, self.log, self.out = Q / Q.shape[1] ** 0.5, None, None

        def add(self, K, V, visible=None):
            scores = self.Q @ tf.transpose(K)
            if visible is not None:
                scores = tf.where(visible, scores, -1e20)
            log = tf.reduce_logsumexp(scores, axis=1, keepdims=True)
            self._join(log, tf.exp(scores - log) @ V)

        def _join(self, log, out):
            if self.log is None:
                self.log, self.out = log, out
                return
            both = tf.concat([self.log, log], axis=1)
            new = tf.reduce_logsumexp(both, axis=1, keepdims=True)
            self.out = tf.exp(self.log - new) * self.out + tf.exp(log - new) * out
            self.log = new

        def merge(self, other):
            if other.log is not None:
                self._join(other.log, other.out)

        def output(self):
            return tf.where(self.log > -1e19, self.out, 0.0)

    yield "performance.online", "logarithms of sums", Sums

    class InKeras:
        """The same triple as the solution, by keras.ops."""

        def __init__(self, Q):
            self.Q = Q
            self.state = None

        def add(self, K, V, visible=None):
            scores = ops.matmul(self.Q, ops.transpose(K)) / ops.sqrt(float(K.shape[1]))
            seen = ops.ones_like(scores) if visible is None else ops.cast(visible, "float32")
            scores = scores * seen - 1e9 * (1 - seen)
            top = ops.max(scores, axis=1)
            shares = ops.exp(scores - top[:, None]) * seen
            self._join((top, ops.sum(shares, axis=1), ops.matmul(shares, V)))

        def _join(self, found):
            if self.state is None:
                self.state = found
                return
            new = ops.maximum(self.state[0], found[0])
            a, b = ops.exp(self.state[0] - new), ops.exp(found[0] - new)
            total = a * self.state[1] + b * found[1]
            self.state = (new, total, a[:, None] * self.state[2] + b[:, None] * found[2])

        def merge(self, other):
            if other.state is not None:
                self._join(other.state)

        def output(self):
            return self.state[2] / ops.maximum(self.state[1], 1e-9)[:, None]

    yield "performance.online", "in Keras' operations", InKeras


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
