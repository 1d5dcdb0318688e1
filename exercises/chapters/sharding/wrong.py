"""Plausible wrong answers to the exercises of *When the model does not fit*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Wrong = tuple[str, str, Any, set[str]]

STAGES, REMAINDER = "the three stages", "a remainder"
RING, TREE, SMALLEST = "the ring", "the tree", "the smallest message"
ANY, FEW = "any number of devices", "two or three devices"
OUTPUT, UNEQUAL = "the output", "unequal shards"
OWN, OF_X = "gradients of its own weights", "the gradient of the input"
HELD, FORWARD, BACKWARD = "what a device keeps", "one all-reduce forward", "one all-reduce backward"
EQUAL, SHORT, EMPTY = "equal shards", "a short last shard", "ranks without rows"
VALID, TICKS = "an order that works", "no tick too many"
KEEPS, FEWER = "what a stage keeps", "few micro-batches"
STEP, SEVERAL, CHUNKS = "one step", "several steps", "chunks of unequal size"
NORM, SENT, STATE = "the norm of the whole gradient", "what is sent", "what a device keeps"


def _bytes() -> Iterator[Wrong]:
    def make(each=((12, 1), (2, 2), (2, 3)), share=lambda p, n: -(-p // n)):
        def zero_bytes(parameters, devices, stage):
            most = share(parameters, devices)
            return sum(n * (most if stage >= first else parameters) for n, first in each)

        return zero_bytes

    name, both = "sharding.memory", {STAGES, REMAINDER}
    yield name, "no copy in float32", make(((8, 1), (2, 2), (2, 3))), both
    yield name, "all in float32", make(((8, 1), (4, 2), (4, 3))), both
    yield name, "the weights before the gradients", make(((12, 1), (2, 3), (4, 2))), both
    yield name, "gradients in stage 1", make(((14, 1), (2, 3))), both
    yield name, "weights never divided", make(((12, 1), (2, 2), (2, 4))), both
    yield name, "rounded down", make(share=lambda p, n: p // n), {REMAINDER}
    yield name, "not rounded", make(share=lambda p, n: p / n), both


def _collectives() -> Iterator[Wrong]:
    def make(
        steps=lambda n: 2 * (n - 1),
        chunk=lambda n: 1 / n,
        levels=lambda n: math.ceil(math.log2(n)),
        trips=2,
        rounds=lambda size: math.floor(size) + 1,
    ):
        def all_reduce(n, size, latency, bandwidth):
            def ring(b):
                return steps(n) * (latency + b * chunk(n) / bandwidth)

            def tree(b):
                return trips * levels(n) * (latency + b / bandwidth)

            slopes = [one(bandwidth) - one(0) for one in (ring, tree)]
            gain = (slopes[1] - slopes[0]) / bandwidth
            crossing = (ring(0) - tree(0)) / gain if gain else 0
            return ring(size), tree(size), rounds(crossing)

        return all_reduce

    name, rest = "sharding.collectives", {SMALLEST, ANY, FEW}
    yield name, "n steps", make(steps=lambda n: 2 * n), {RING, *rest}
    yield name, "reduce-scatter only", make(steps=lambda n: n - 1), {RING, *rest}
    yield name, "whole messages in the ring", make(chunk=lambda n: 1), {RING, *rest}
    yield name, "up and not down", make(trips=1), {TREE, *rest}
    yield name, "one level more", make(levels=lambda n: n.bit_length()), {TREE, *rest}
    yield name, "levels not rounded", make(levels=math.log2), {ANY, FEW}
    yield name, "levels rounded down", make(levels=lambda n: int(math.log2(n))), {ANY, FEW}
    yield name, "the crossing rounded down", make(rounds=math.floor), rest
    yield name, "the crossing not rounded", make(rounds=float), rest
    yield name, "the crossing rounded up", make(rounds=math.ceil), {FEW}


def _parts(answer: Any) -> Iterator[Wrong]:
    name = "sharding.columns"
    forward, backward = {OUTPUT, UNEQUAL, HELD, FORWARD}, {OWN, OF_X, BACKWARD}

    class BiasOfAll(answer):
        def forward(self, X):
            self.X, self.active = X, np.maximum(X @ self.W1 + self.b1, 0)
            total = yield self.active @ self.W2 + self.b2
            return total

    yield name, "every device adds b2", BiasOfAll, forward

    class NoBias(answer):
        def forward(self, X):
            total = yield from super().forward(X)
            return total - self.b2

    yield name, "nobody adds b2", NoBias, forward

    class Late(answer):
        def forward(self, X):
            self.X, self.active = X, X @ self.W1 + self.b1
            total = yield self.active @ self.W2
            return np.maximum(total, 0) + self.b2

    yield name, "relu after the sum", Late, {*forward, OWN, BACKWARD}

    class Contiguous(answer):
        def __init__(self, rank, n, W1, b1, W2, b2):
            if len(b1) % n:
                raise ValueError("array split does not result in an equal division")
            super().__init__(rank, n, W1, b1, W2, b2)

    yield name, "np.split", Contiguous, {UNEQUAL}

    class Whole(answer):
        def __init__(self, rank, n, W1, b1, W2, b2):
            super().__init__(rank, n, W1, b1, W2, b2)
            self.all = W1, W2

    yield name, "the whole matrices kept", Whole, {HELD}

    class Other(answer):
        def __init__(self, rank, n, W1, b1, W2, b2):
            super().__init__(rank, n, W1, b1, W2[::-1], b2)

    yield name, "other rows of W2", Other, {*forward, *backward}

    class Strided(answer):
        def __init__(self, rank, n, W1, b1, W2, b2):
            self.W1, self.b1, self.W2 = W1[:, rank::n], b1[rank::n], W2[rank::n]
            self.b2 = b2

    yield name, "every n-th hidden unit", Strided, {OWN, BACKWARD}

    class Gathered(answer):
        def __init__(self, rank, n, W1, b1, W2, b2):
            super().__init__(rank, n, W1, b1, W2, b2)
            ends = np.cumsum([0, *map(len, np.array_split(b1, n))])
            self.all, self.start = W2, ends[rank]

        def forward(self, X):
            self.X, self.active = X, np.maximum(X @ self.W1 + self.b1, 0)
            hidden = np.zeros((len(X), len(self.all)))
            hidden[:, self.start : self.start + len(self.b1)] = self.active
            hidden = yield hidden
            return hidden @ self.all + self.b2

    yield name, "the hidden layer gathered", Gathered, {HELD, FORWARD}

    class Alone(answer):
        def backward(self, dY):
            back = dY @ self.W2.T * (self.active > 0)
            own = self.X.T @ back, back.sum(axis=0), self.active.T @ dY
            yield dY * 0
            return back @ self.W1.T, *own

    yield name, "the gradient of X not summed", Alone, {OF_X, BACKWARD}

    class Linear(answer):
        def backward(self, dY):
            back = dY @ self.W2.T
            dX = yield back @ self.W1.T
            return dX, self.X.T @ back, back.sum(axis=0), self.active.T @ dY

    yield name, "relu forgotten backward", Linear, backward

    class Summed(answer):
        def backward(self, dY):
            dX, *own = yield from super().backward(dY)
            dW2 = yield own[2]
            return dX, *own[:2], dW2

    yield name, "gradients of weights summed", Summed, {OWN, BACKWARD}

    class Twice(answer):
        def forward(self, X):
            Y = yield from super().forward(X)
            yield Y
            return Y

    yield name, "a second all-reduce", Twice, {FORWARD}

    class Plain(answer):
        def forward(self, X):
            return X

        backward = forward

    yield name, "no generators", Plain, {*forward, *backward}


def _reads(answer: Any) -> Iterator[Wrong]:
    name, everything = "sharding.reshard", {EQUAL, SHORT, EMPTY}

    def make(cut, counted=lambda start, edge: start - edge, empty=False):
        def reads(rows, saved, loaded):
            old, new, found = cut(rows, saved), cut(rows, loaded), []
            for rank in range(loaded):
                found.append([])
                for n in range(saved):
                    start, stop = max(new[rank], old[n]), min(new[rank + 1], old[n + 1])
                    if start < stop or empty:
                        edge = old[n]
                        found[-1].append((n, counted(start, edge), counted(stop, edge)))
            return found

        return reads

    def chunks(rows, devices):
        most = math.ceil(rows / devices)
        return [min(rows, rank * most) for rank in range(devices + 1)]

    def even(rows, devices):
        sizes = [len(part) for part in np.array_split(range(rows), devices)]
        return [sum(sizes[:rank]) for rank in range(devices + 1)]

    def last(rows, devices):
        return [rank * (rows // devices) for rank in range(devices)] + [rows]

    def beyond(rows, devices):
        return [rank * math.ceil(rows / devices) for rank in range(devices + 1)]

    yield name, "cut as np.array_split cuts", make(even), {SHORT, EMPTY}
    yield name, "the rest to the last", make(last), {SHORT, EMPTY}
    yield name, "beyond the last row", make(beyond), {SHORT, EMPTY}
    yield name, "rows of the whole", make(chunks, lambda row, edge: row), everything
    yield name, "empty reads too", make(chunks, empty=True), everything

    def included(rows, saved, loaded):
        return [[(n, a, b - 1) for n, a, b in one] for one in answer(rows, saved, loaded)]

    yield name, "the last row included", included, everything

    def by_old(rows, saved, loaded):
        return answer(rows, loaded, saved)

    yield name, "from new to old", by_old, everything

    def in_no_list(rows, saved, loaded):
        return [one for one in answer(rows, saved, loaded) if one]

    yield name, "ranks without rows left out", in_no_list, {EMPTY}

    def by_rank(rows, saved, loaded):
        return [read for one in answer(rows, saved, loaded) for read in one]

    yield name, "all reads in one list", by_rank, everything


def _schedules(answer: Any) -> Iterator[Wrong]:
    name, everything = "sharding.bubble", {VALID, TICKS, KEEPS, FEWER}

    def all_forward(stages, batches):
        table = []
        for s in range(stages):
            row = [f"F{k}" for k in range(batches)]
            wait = [""] * (2 * (stages - 1 - s))
            table.append([""] * s + row + wait + [f"B{k}" for k in range(batches)])
        return table

    yield name, "all forward passes first", all_forward, {KEEPS}

    def one_by_one(stages, batches):
        table = [[""] * (2 * stages * batches) for _ in range(stages)]
        for k in range(batches):
            for s in range(stages):
                table[s][2 * stages * k + s] = f"F{k}"
                table[s][2 * stages * (k + 1) - 1 - s] = f"B{k}"
        return table

    yield name, "one micro-batch at a time", one_by_one, {TICKS, KEEPS, FEWER}

    def at_once(stages, batches):
        return [
            [f"F{k}" for k in range(batches)] + [f"B{k}" for k in range(batches)]
            for _ in range(stages)
        ]

    yield name, "no stage waits for another", at_once, everything

    def backward_first(stages, batches):
        return [[word.replace("F", "b").replace("B", "f") for word in row] for row in
                answer(stages, batches)]  # fmt: skip

    yield name, "forward and backward exchanged", backward_first, everything

    def eager(stages, batches):
        """A piece can start in the tick of the one that it needs."""
        return [row[s:] for s, row in enumerate(answer(stages, batches))]

    yield name, "a result in the tick in which it is computed", eager, everything

    def same(stages, batches):
        """Each stage keeps at most as many as the first one."""
        table = [[] for _ in range(stages)]
        forward, backward = [0] * stages, [0] * stages
        while backward[0] < batches:
            f, b = forward[:], backward[:]
            for s in range(stages):
                if b[s] < (f[s] if s == stages - 1 else b[s + 1]) and f[s] - b[s] >= 1:
                    word = f"B{b[s]}"
                    backward[s] += 1
                elif f[s] < (batches if s == 0 else f[s - 1]) and f[s] - b[s] < stages + 1:
                    word = f"F{f[s]}"
                    forward[s] += 1
                else:
                    word = ""
                table[s].append(word)
        return table

    yield name, "as many on each stage", same, {KEEPS}

    def too_few(stages, batches):
        """Each stage keeps one less than it may."""
        table = [[] for _ in range(stages)]
        forward, backward = [0] * stages, [0] * stages
        while backward[0] < batches:
            f, b = forward[:], backward[:]
            for s in range(stages):
                most = max(1, stages - s - 1)
                if b[s] < (f[s] if s == stages - 1 else b[s + 1]):
                    word = f"B{b[s]}"
                    backward[s] += 1
                elif f[s] < (batches if s == 0 else f[s - 1]) and f[s] - b[s] < most:
                    word = f"F{f[s]}"
                    forward[s] += 1
                else:
                    word = ""
                table[s].append(word)
        return table

    yield name, "one micro-batch less", too_few, {TICKS, KEEPS, FEWER}

    def without_backward(stages, batches):
        return [[word for word in row if word[:1] != "B"] for row in answer(stages, batches)]

    yield name, "forward only", without_backward, everything

    def by_tick(stages, batches):
        table = answer(stages, batches)
        ticks = max(map(len, table))
        rows = [row + [""] * (ticks - len(row)) for row in table]
        return [list(column) for column in zip(*rows, strict=True)]

    yield name, "a list for each tick", by_tick, everything


def _optimizers(answer: Any) -> Iterator[Wrong]:
    name = "sharding.optimizer"
    everything = {STEP, SEVERAL, CHUNKS, NORM, SENT, STATE}
    clipping = {NORM, SENT}

    class Summed(answer):
        def reduce_scatter(self, vector):
            return self.n * (yield from super().reduce_scatter(vector))

    yield name, "the sum, not the mean", Summed, everything

    class Alone(answer):
        def added(self, number):
            total = yield from super().added(number)
            return number + 0 * total

    yield name, "the norm of one chunk", Alone, clipping

    class OfNorms(answer):
        def added(self, number):
            total = yield from super().added(math.sqrt(number))
            return total**2

    yield name, "norms added", OfNorms, clipping

    class Squares(answer):
        def added(self, number):
            total = yield from super().added(number)
            return total**2

    yield name, "no root", Squares, clipping

    class BeforeTheSum(answer):
        def step(self, gradient):
            size = np.linalg.norm(gradient)
            norm, self.norm = self.norm, 1e9
            yield from super().step(gradient * min(1, norm / size))
            self.norm = norm

    yield name, "each gradient clipped by itself", BeforeTheSum, clipping

    class Unclipped(answer):
        def __init__(self, rank, n, weights, rate, eps, norm):
            super().__init__(rank, n, weights, rate, eps, 1e9)

    yield name, "not clipped", Unclipped, clipping

    class Always(answer):
        def step(self, gradient):
            if self.norm > 1e8:
                yield from super().step(gradient)
                return
            norm, self.norm = self.norm, 1e-6  # scaled down to it, and then up to the norm
            yield from super().step(gradient)
            self.norm = norm

    yield name, "clipped to almost nothing", Always, clipping

    class Forgets(answer):
        def step(self, gradient):
            self.m, self.v, self.t = 0 * self.m, 0 * self.v, 0
            yield from super().step(gradient)

    yield name, "moments made anew", Forgets, {SEVERAL, CHUNKS, NORM, SENT, STATE}

    class Uncorrected(answer):
        def step(self, gradient):
            self.t = 10**6
            yield from super().step(gradient)

    yield name, "no correction of the moments", Uncorrected, everything

    class First(answer):
        def step(self, gradient):
            self.t = 0
            yield from super().step(gradient)

    yield name, "always the first correction", First, {SEVERAL, CHUNKS, NORM, SENT, STATE}

    class Contiguous(answer):
        def __init__(self, rank, n, weights, rate, eps, norm):
            weights.reshape(n, -1)
            super().__init__(rank, n, weights, rate, eps, norm)

    yield name, "reshaped", Contiguous, {CHUNKS}

    class Everything(answer):
        """All of the gradient on every device, and all moments."""

        def __init__(self, rank, n, weights, rate, eps, norm):
            super().__init__(rank, n, weights, rate, eps, norm)
            self.m, self.v = np.zeros_like(weights), np.zeros_like(weights)

        def step(self, gradient):
            mine = yield from self.reduce_scatter(gradient)
            g = (yield from self.all_gather(mine)) / self.n
            g = g * min(1, self.norm / np.linalg.norm(g))
            self.t += 1
            self.m = 0.9 * self.m + 0.1 * g
            self.v = 0.999 * self.v + 0.001 * g**2
            root = np.sqrt(self.v / (1 - 0.999**self.t)) + self.eps
            self.weights = self.weights - self.rate * self.m / (1 - 0.9**self.t) / root

    yield name, "not sharded", Everything, {STATE}

    class Gathers(answer):
        def step(self, gradient):
            mine = yield from self.reduce_scatter(gradient)
            yield from self.all_gather(mine)
            yield from super().step(gradient)

    yield name, "the gradient gathered too", Gathers, {SENT}

    class KeepsGradient(answer):
        def step(self, gradient):
            self.gradient = gradient
            yield from super().step(gradient)

    yield name, "the gradient kept", KeepsGradient, {STATE}

    class Stale(answer):
        def step(self, gradient):
            before = self.weights
            yield from super().step(gradient)
            mine = np.array_split(before, self.n)
            mine[self.own] = np.array_split(self.weights, self.n)[self.own]
            self.weights = np.concatenate(mine)

    fails = {STEP, SEVERAL, CHUNKS, NORM, SENT, STATE}
    yield name, "the other chunks stay as they were", Stale, fails

    class Returned(answer):
        def step(self, gradient):
            before = self.weights
            yield from super().step(gradient)
            after, self.weights = self.weights, before
            return after

    yield name, "returned, not assigned", Returned, everything


def wrong(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers that are the same in both frameworks."""
    yield from _bytes()
    yield from _collectives()
    yield from _parts(solution["Part"])
    yield from _reads(solution["reads"])
    yield from _schedules(solution["schedule"])
    yield from _optimizers(solution["ShardedAdam"])


WRONG = {"pytorch": wrong, "tensorflow": wrong}
