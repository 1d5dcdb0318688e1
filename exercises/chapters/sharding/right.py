"""Right answers to the exercises of *When the model does not fit*, unlike the worked solutions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


def _plain() -> Iterator[Right]:
    """Right answers that are the same in both frameworks."""

    def from_a_table(parameters, devices, stage):
        each = {"weights": 2, "gradients": 2, "copy": 4, "mean": 4, "square": 4}
        cut = [[], ["copy", "mean", "square"], ["gradients"], ["weights"]]
        cut = [name for names in cut[: stage + 1] for name in names]
        most = np.int64(math.ceil(parameters / devices))
        return sum(most * n if name in cut else parameters * n for name, n in each.items())

    yield "sharding.memory", "from a table", from_a_table

    def by_search(n, size, latency, bandwidth):
        levels = (n - 1).bit_length()

        def ring(b):
            return 2 * (n - 1) * latency + 2 * (n - 1) / n * b / bandwidth

        def tree(b):
            return 2 * levels * latency + 2 * levels * b / bandwidth

        low, high = 0, 1
        while ring(high) >= tree(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if ring(middle) < tree(middle) else (middle, high)
        return [np.array(ring(size)), np.float64(tree(size)), np.int64(high)]

    yield "sharding.collectives", "by bisection", by_search

    yield from _parts()
    yield from _reads()
    yield from _schedules()
    yield from _optimizers()


def _parts() -> Iterator[Right]:
    class BiasByFirst:
        """The first device adds the bias, and the layer is kept as pairs."""

        def __init__(self, rank, n, W1, b1, W2, b2):
            mine = np.array_split(np.arange(len(b1)), n)[rank]
            self.up = W1[:, mine].copy(), b1[mine].copy()
            self.down = W2[mine].copy(), (b2 if rank == 0 else 0 * b2)

        def forward(self, X):
            (W1, b1), (W2, b2) = self.up, self.down
            Z = np.einsum("ri,ih->rh", X, W1) + b1
            self.kept = {"X": X, "Z": Z}
            Y = yield np.where(Z > 0, Z, 0) @ W2 + b2
            return Y

        def backward(self, dY):
            X, Z = self.kept["X"], self.kept["Z"]
            back = (dY @ self.down[0].T) * np.sign(np.maximum(Z, 0))
            dX = yield back @ self.up[0].T
            return [dX, X.T @ back, np.ones(len(X)) @ back, np.maximum(Z, 0).T @ dY]

    yield "sharding.columns", "the first device adds the bias", BiasByFirst

    class Delegating:
        """The all-reduce is a method, and every device adds an n-th of the bias."""

        def __init__(self, rank, n, W1, b1, W2, b2):
            most, more = divmod(len(b1), n)
            start = rank * most + min(rank, more)
            cut = slice(start, start + most + (rank < more))
            self.weights = [W1[:, cut], b1[cut], W2[cut, :], b2 / n]

        def summed(self, array):
            total = yield array
            return total

        def forward(self, X):
            W1, b1, W2, b2 = self.weights
            self.X = X
            self.on = X @ W1 + b1 > 0
            return (yield from self.summed(((X @ W1 + b1) * self.on) @ W2 + b2))

        def backward(self, dY):
            W1, b1, W2, _ = self.weights
            back = self.on * (dY @ W2.T)
            dX = yield from self.summed(back @ W1.T)
            own = [self.X.T @ back, back.sum(0), ((self.X @ W1 + b1) * self.on).T @ dY]
            return [dX, *own]

    yield "sharding.columns", "an n-th of the bias", Delegating


def _reads() -> Iterator[Right]:
    def row_by_row(rows, saved, loaded):
        before, after = -(-rows // saved), -(-rows // loaded)
        found = [[] for _ in range(loaded)]
        for row in range(rows):
            reads, (old, at) = found[row // after], divmod(row, before)
            if reads and reads[-1][0] == old:
                reads[-1][2] = at + 1
            else:
                reads.append([old, at, at + 1])
        return found

    yield "sharding.reshard", "row by row", row_by_row

    def with_arrays(rows, saved, loaded):
        def edges(devices):
            return np.minimum(np.arange(devices + 1) * math.ceil(rows / devices), rows)

        old, new, found = edges(saved), edges(loaded), {}
        for rank in range(loaded):
            starts, stops = np.maximum(new[rank], old[:-1]), np.minimum(new[rank + 1], old[1:])
            which = np.flatnonzero(stops > starts)
            reads = np.stack([which, (starts - old[:-1])[which], (stops - old[:-1])[which]], 1)
            found[rank] = reads
        return found.values()

    yield "sharding.reshard", "with arrays", with_arrays


def _schedules() -> Iterator[Right]:
    def by_formula(stages, batches):
        """Stage s does F of batch k at tick s + k at first, and then at s + 2 k."""
        ticks = 2 * (stages + batches - 1)
        table = [[None] * ticks for _ in range(stages)]
        for s in range(stages):
            for k in range(batches):
                early = k < stages - s
                table[s][s + k if early else 2 * k + s] = ("F", k)
                table[s][2 * stages - 1 - s + 2 * k] = ("B", k)
        return table

    yield "sharding.bubble", "by a formula", by_formula

    def in_order(stages, batches):
        """The order of each stage is fixed first; then each piece is done as early as it can be."""
        orders = []
        for s in range(stages):
            warm = min(stages - s, batches)
            order = [f"f{k}" for k in range(warm)]
            for k in range(batches):
                order.append(f"b{k}")
                order += [f"f{k + warm}"] * (k + warm < batches)
            orders.append(order)
        done, rows = {}, [""] * stages
        rows = [[] for _ in range(stages)]
        tick = 0
        while any(orders):
            for s, order in enumerate(orders):
                if not order:
                    continue
                word = order[0]
                needs = (s - 1, word) if word[0] == "f" else (s + 1, word)
                if done.get(needs, tick if 0 <= needs[0] < stages else -1) < tick:
                    done[s, order.pop(0)] = tick
                    rows[s].append(word)
                else:
                    rows[s].append("")
            tick += 1
        return tuple(map(tuple, rows))

    yield "sharding.bubble", "each stage's order first", in_order


def _optimizers() -> Iterator[Right]:
    class Flat:
        """One generator, the weights written in place, and the norms sent with all n at hand."""

        def __init__(self, rank, n, weights, rate, eps, norm):
            self.weights, self.settings = weights, (rank, n, rate, eps, norm)
            ends = np.cumsum([0, *map(len, np.array_split(weights, n))])
            self.cuts = [slice(*map(int, pair)) for pair in pairwise(ends)]
            size = len(weights[self.cuts[rank]])
            self.moments = [np.zeros(size), np.zeros(size)]
            self.powers = [1.0, 1.0]

        def step(self, gradient):
            rank, n, rate, eps, norm = self.settings
            for step in range(n - 1):
                gradient[self.cuts[(rank - step - 2) % n]] += yield gradient[
                    self.cuts[(rank - step - 1) % n]
                ]
            mine = gradient[self.cuts[rank]] / n
            squares, square = 0.0, float(mine @ mine)
            for _ in range(n):
                squares += square
                if _ < n - 1:
                    square = yield square
            mine *= min(1, norm / max(squares**0.5, 1e-30))
            self.powers = [self.powers[0] * 0.9, self.powers[1] * 0.999]
            first, second = self.moments
            first += 0.1 * (mine - first)
            second += 0.001 * (mine**2 - second)
            down = np.sqrt(second / (1 - self.powers[1])) + eps
            self.weights[self.cuts[rank]] -= rate / (1 - self.powers[0]) * first / down
            for step in range(n - 1):
                arrived = yield self.weights[self.cuts[(rank - step) % n]]
                self.weights[self.cuts[(rank - step - 1) % n]] = arrived

    yield "sharding.optimizer", "in place", Flat

    class Chunks:
        """The weights as a list of chunks; the square of the norm rides with an all-reduce."""

        def __init__(self, rank, n, weights, rate, eps, norm):
            self.rank, self.n, self.t = rank, n, 0
            self.rate, self.eps, self.norm = rate, eps, norm
            self.chunks = [part.copy() for part in np.array_split(weights, n)]
            self.state = None

        @property
        def weights(self):
            return [float(one) for part in self.chunks for one in part]

        def ring(self, chunks, first, rounds, adding):
            for step in range(rounds):
                arrived = yield np.array(chunks[(first - step) % self.n], np.float64)
                k = (first - step - 1) % self.n
                chunks[k] = chunks[k] + arrived if adding else arrived

        def step(self, gradient):
            n, own = self.n, (self.rank + 1) % self.n
            chunks = np.array_split(gradient / n, n)
            yield from self.ring(chunks, self.rank, n - 1, True)
            g = chunks[own]
            squares = [np.sum(g**2) if r == self.rank else 0.0 for r in range(n)]
            yield from self.ring(squares, self.rank, n - 1, False)
            total = np.linalg.norm(np.sqrt(squares))
            g = g * (self.norm / total if total > self.norm else 1.0)
            m, v = self.state or (np.zeros(len(g)), np.zeros(len(g)))
            self.t += 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            self.state = m, v
            root = (v / (1 - 0.999**self.t)) ** 0.5
            move = m / (1 - 0.9**self.t) / (root + self.eps)
            self.chunks[own] = self.chunks[own] - self.rate * move
            yield from self.ring(self.chunks, own, n - 1, False)

    yield "sharding.optimizer", "a list of chunks", Chunks


def _averaged(maker: Any) -> Any:
    """A sharded Adam whose arithmetic is that of a framework's tensors; `maker` makes one."""

    class Averaged:
        def __init__(self, rank, n, weights, rate, eps, norm):
            self.rank, self.n, self.t = rank, n, 0
            self.rate, self.eps, self.norm = rate, eps, norm
            self.parts = [maker(part) for part in np.array_split(weights, n)]
            self.m = self.v = 0 * self.parts[(rank + 1) % n]

        @property
        def weights(self):
            return np.concatenate([part.numpy() for part in self.parts])

        def step(self, gradient):
            rank, n = self.rank, self.n
            own = (rank + 1) % n
            chunks = [maker(part) / n for part in np.array_split(gradient, n)]
            for step in range(n - 1):
                arrived = yield chunks[(rank - step) % n]
                chunks[(rank - step - 1) % n] = chunks[(rank - step - 1) % n] + arrived
            g = chunks[own]
            square = total = float((g.numpy() ** 2).sum())
            for _ in range(n - 1):
                square = yield square
                total += square
            g = g * min(1.0, self.norm / max(total**0.5, 1e-30))
            self.t += 1
            self.m = self.m * 0.9 + g * 0.1
            self.v = self.v * 0.999 + g * g * 0.001
            root = (self.v / (1 - 0.999**self.t)) ** 0.5 + self.eps
            self.parts[own] = self.parts[own] - self.m / (1 - 0.9**self.t) / root * self.rate
            for step in range(n - 1):
                self.parts[(rank - step) % n] = yield self.parts[(own - step) % n]

    return Averaged


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch

    yield from _plain()
    yield "sharding.optimizer", "with tensors", _averaged(torch.tensor)

    class WithAutograd:
        def __init__(self, rank, n, W1, b1, W2, b2):
            cut = [np.array_split(W1, n, 1), np.array_split(b1, n), np.array_split(W2, n)]
            self.own = [torch.tensor(parts[rank]).requires_grad_() for parts in cut]
            self.b2 = torch.tensor(b2)

        def forward(self, X):
            W1, b1, W2 = self.own
            self.X = torch.tensor(X).requires_grad_()
            self.partial = torch.relu(self.X @ W1 + b1) @ W2
            total = yield self.partial.detach()
            return torch.as_tensor(total) + self.b2

        def backward(self, dY):
            dX, *own = torch.autograd.grad(self.partial, [self.X, *self.own], torch.as_tensor(dY))
            dX = yield dX
            return dX, *own

    yield "sharding.columns", "by autograd", WithAutograd


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import tensorflow as tf

    yield from _plain()
    yield "sharding.optimizer", "with tensors", _averaged(tf.constant)

    class WithTape:
        def __init__(self, rank, n, W1, b1, W2, b2):
            cut = [np.array_split(W1, n, 1), np.array_split(b1, n), np.array_split(W2, n)]
            self.own = [tf.Variable(parts[rank]) for parts in cut]
            self.b2 = tf.constant(b2)

        def forward(self, X):
            W1, b1, W2 = self.own
            self.X = tf.constant(X)
            with tf.GradientTape() as self.tape:
                self.tape.watch(self.X)
                self.partial = tf.nn.relu(self.X @ W1 + b1) @ W2
            total = yield self.partial
            return total + self.b2

        def backward(self, dY):
            dX, *own = self.tape.gradient(self.partial, [self.X, *self.own], tf.constant(dY))
            dX = yield dX
            return dX, *own

    yield "sharding.columns", "by a tape", WithTape


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
