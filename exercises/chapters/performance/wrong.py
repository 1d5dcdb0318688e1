"""Plausible wrong answers to the exercises of *Hardware and performance*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

BATCH, NEVER = "the batch", "a layer that no batch helps"

TRAINING, USERS = "the batch in training", "the users"
TOKEN, NOTHING = "the seconds of a token", "when nothing fits"

ONE, FLOPS = "a single layer", "FLOPs of a step"
MOVED, SECONDS = "bytes of a step", "seconds of a step"

DIVIDED, SKIPPED = "divided in 32 bits", "an overflow is skipped"
RISES, ANEW = "the scale rises", "the count begins anew"

INTEGERS, ZERO = "integers and scales", "a row of zeros"
PRODUCT, BOUND = "the product", "the bound"

BLOCK, SEVERAL, LARGE = "one block", "several blocks", "large scores"
MASKS, KEEPS, MERGING, SLOPES = "masks", "what it keeps", "merging", "gradients"


def _ridges() -> Iterator[Wrong]:
    def make(arrays=True, never=True, rounds=math.ceil, bytes_each=lambda size: size):
        def ridge_batch(inputs, outputs, size, peak, bandwidth):
            ridge = bytes_each(size) * peak / bandwidth
            gain = 2 * inputs * outputs - arrays * ridge * (inputs + outputs)
            if gain <= 0 and never:
                return None
            return rounds(ridge * inputs * outputs / gain)

        return ridge_batch

    both = {BATCH, NEVER}
    yield "performance.ridge", "rounded down", make(rounds=int), both
    yield "performance.ridge", "not rounded", make(rounds=float), both
    yield "performance.ridge", "the weights alone", make(arrays=False), both
    yield "performance.ridge", "two bytes always", make(bytes_each=lambda size: 2), both
    yield "performance.ridge", "a negative batch", make(never=False), {NEVER}

    def one_layer(inputs, outputs, size, peak, bandwidth):
        return math.ceil(
            size * peak / bandwidth * outputs / (2 * outputs - size * peak / bandwidth)
        )

    yield "performance.ridge", "X is not moved", one_layer, both


def _plans() -> Iterator[Wrong]:
    def make(
        both=2,
        served=lambda size: size,
        states=16,
        least=0,
        divide=lambda left, each: left // each,
        read=lambda weights, users, cache: weights + users * cache,
    ):
        def plan(model, room, tokens, bandwidth):
            weights = model["parameters"] * served(model["size"])
            numbers = both * model["layers"] * model["kv_heads"] * model["head"]
            cache = numbers * model["size"] * tokens
            users = max(least, divide(room - weights, cache))
            left = room - states * model["parameters"]
            return {
                "batch": max(least, divide(left, model["kept"])),
                "users": users,
                "seconds": read(weights, users, cache) / bandwidth,
            }

        return plan

    served = {USERS, TOKEN, NOTHING}
    yield "performance.memory", "keys without values", make(both=1), served
    yield "performance.memory", "served in float32", make(served=lambda size: 4), served
    yield "performance.memory", "no averages", make(states=8), {TRAINING, NOTHING}
    yield "performance.memory", "momentum for Adam", make(states=12), {TRAINING, NOTHING}
    yield "performance.memory", "negative", make(least=-(10**6)), {NOTHING}
    rounded = make(divide=lambda left, each: -(-left // each))
    yield "performance.memory", "rounded up", rounded, {TRAINING, *served}
    quotient = make(divide=lambda left, each: left / each)
    yield "performance.memory", "not rounded", quotient, {TRAINING, *served}
    alone = make(read=lambda weights, users, cache: weights)
    yield "performance.memory", "the weights alone are read", alone, {TOKEN}
    each = make(read=lambda weights, users, cache: users * (weights + cache))
    yield "performance.memory", "weights read for each user", each, {TOKEN, NOTHING}
    single = make(read=lambda weights, users, cache: weights + cache)
    yield "performance.memory", "the cache of one user", single, {TOKEN, NOTHING}


def _costs() -> Iterator[Wrong]:
    def make(
        products=lambda n: 2 if n == 0 else 3,
        each=lambda b, i, o: 2 * b * i * o,
        arrays=lambda b, i, o: b * i + i * o + b * o,
        slower=max,
    ):
        def cost(widths, batch, size, peak, bandwidth):
            flops = moved = seconds = 0
            for n, (i, o) in enumerate(pairwise(widths)):
                f, m = each(batch, i, o), size * arrays(batch, i, o)
                flops += products(n) * f
                moved += products(n) * m
                seconds += products(n) * slower(f / peak, m / bandwidth)
            return flops, moved, seconds

        return cost

    everything = {ONE, FLOPS, MOVED, SECONDS}
    yield "performance.roof", "forward only", make(lambda n: 1), everything
    yield "performance.roof", "three times forward", make(lambda n: 3), everything
    yield "performance.roof", "two everywhere", make(lambda n: 2), {FLOPS, MOVED, SECONDS}
    single = make(each=lambda b, i, o: b * i * o)
    yield "performance.roof", "a product without its sums", single, {ONE, FLOPS, SECONDS}
    weights = make(arrays=lambda b, i, o: i * o)
    yield "performance.roof", "the weights only", weights, {ONE, MOVED, SECONDS}
    added = make(slower=lambda a, b: a + b)
    yield "performance.roof", "arithmetic and memory added", added, {ONE, SECONDS}

    def at_the_end(widths, batch, size, peak, bandwidth):
        flops, moved, _ = make()(widths, batch, size, peak, bandwidth)
        return flops, moved, max(flops / peak, moved / bandwidth)

    yield "performance.roof", "the maximum at the end", at_the_end, {SECONDS}

    def floats(widths, batch, size, peak, bandwidth):
        return make()(widths, batch, 4, peak, bandwidth)

    yield "performance.roof", "four bytes always", floats, {ONE, MOVED, SECONDS}

    def huge(widths, batch, size, peak, bandwidth):
        return 10**400, 10**400, 10**400

    yield "performance.roof", "integers without end", huge, everything

    def last(widths, batch, size, peak, bandwidth):
        return make()(widths[::-1], batch, size, peak, bandwidth)

    yield "performance.roof", "the last layer taken for the first", last, {FLOPS, MOVED, SECONDS}


def _scalers(finite: Any, wide: Any) -> Iterator[Wrong]:
    def make(
        divide=lambda g, scale: wide(g) / scale,
        fine=lambda gradients: all(map(finite, gradients)),
        new=False,
        reset=(True, True),
        down=0.5,
        skipped=None,
    ):
        class Scaler:
            def __init__(self, scale, patience):
                self.scale, self.patience, self.good = scale, patience, 0

            def unscale(self, gradients):
                before = self.scale
                if not fine(gradients):
                    self.scale = self.scale * down
                    self.good = 0 if reset[0] else self.good
                    return skipped and skipped(gradients)
                self.good += 1
                if self.good == self.patience:
                    self.scale, self.good = self.scale * 2, 0 if reset[1] else self.good
                elif not reset[1] and self.good > self.patience:
                    self.scale *= 2
                return [divide(g, self.scale if new else before) for g in gradients]

        return Scaler

    everything = {DIVIDED, SKIPPED, RISES, ANEW}
    half = make(divide=lambda g, scale: wide(g / scale))
    yield "performance.scaler", "divided in 16 bits", half, everything
    kept = make(divide=lambda g, scale: g / scale)
    yield "performance.scaler", "left in 16 bits", kept, everything
    yield "performance.scaler", "not divided", make(lambda g, scale: wide(g)), everything
    first = make(fine=lambda gradients: finite(gradients[0]))
    yield "performance.scaler", "only the first looked at", first, {SKIPPED, ANEW}
    yield "performance.scaler", "divided by the new scale", make(new=True), {RISES, ANEW}
    yield "performance.scaler", "the count goes on after a skip", make(reset=(False, True)), {ANEW}
    yield "performance.scaler", "doubled ever after", make(reset=(True, False)), {RISES, ANEW}
    yield "performance.scaler", "not lowered", make(down=1.0), {SKIPPED, ANEW}
    zeros = make(skipped=lambda gradients: [wide(g * 0) for g in gradients])
    yield "performance.scaler", "zeros for a skipped step", zeros, {SKIPPED}

    class Nameless(first):
        def __init__(self, scale, patience):
            super().__init__(None, patience)

    yield "performance.scaler", "no scale", Nameless, everything


def _matrices(answer: Any, cast: Any, mean: Any) -> Iterator[Wrong]:
    """Wrong matrices of 8 bits; `cast` gives float32 numbers another type, by its name."""
    everything = {INTEGERS, ZERO, PRODUCT, BOUND}

    class Whole(answer):
        def __init__(self, W):
            super().__init__(W)
            self.scales = self.scales * 0 + max(self.scales)
            self.integers = cast(W / self.scales[:, None], "int8")

    yield "performance.int8", "one scale for all", Whole, everything

    class Cut(answer):
        def __init__(self, W):
            super().__init__(W)
            self.integers = cast(W / self.scales[:, None], "int8")

    yield "performance.int8", "cut off, not rounded", Cut, everything

    class Wide(answer):
        def __init__(self, W):
            super().__init__(W)
            self.integers = cast(self.integers, "int32")

    yield "performance.int8", "32 bits", Wide, everything

    class Lower(answer):
        def __init__(self, W):
            super().__init__(W)
            self.scales = self.scales * (127 / 128)

    yield "performance.int8", "divided by 128", Lower, everything

    class Plain(answer):
        def product(self, X):
            return super().product(X) / self.scales

    yield "performance.int8", "a product of integers", Plain, {PRODUCT}

    class NoGuard(answer):
        def __init__(self, W):
            super().__init__(W)
            zeros = cast(self.scales == 1, "float32")
            self.scales = self.scales - zeros

    yield "performance.int8", "a scale of zero", NoGuard, {ZERO}

    class Twice(answer):
        def bound(self, X):
            return super().bound(X) * 2

    yield "performance.int8", "a whole scale", Twice, {BOUND}

    class Signed(answer):
        def bound(self, X):
            return super().bound(X) * 0 + mean(X)[:, None] * X.shape[1] * self.scales / 2

    yield "performance.int8", "signs that cancel", Signed, {BOUND}

    class OfOne(answer):
        def bound(self, X):
            return super().bound(X) / X.shape[1]

    yield "performance.int8", "the bound of one term", OfOne, {BOUND}


def _attentions(answer: Any, exp: Any, where: Any, scores_of: Any, stop: Any) -> Iterator[Wrong]:
    """Wrong attentions, by the operations of a framework."""
    name = "performance.online"
    everything = {BLOCK, SEVERAL, LARGE, MASKS, KEEPS, MERGING, SLOPES}

    class NoRoot(answer):
        def __init__(self, Q):
            super().__init__(Q * Q.shape[1] ** 0.5)

    yield name, "the root left out", NoRoot, everything

    class Uncorrected(answer):
        def _take(self, largest, total, mixed):
            self.total, self.mixed = self.total + total, self.mixed + mixed

    yield name, "exponentials of different maxima added", Uncorrected, everything - {BLOCK}

    class LastBlock(answer):
        def _take(self, largest, total, mixed):
            self.total, self.mixed = total, mixed

    yield name, "the last block alone", LastBlock, everything - {BLOCK}

    class Stored(answer):
        def __init__(self, Q):
            super().__init__(Q)
            self.parts = []

        def add(self, K, V, visible=None):
            self.parts.append((K, V, visible))

        def merge(self, other):
            self.parts.extend(other.parts)

        def output(self):
            net = answer(self.Q)
            for part in self.parts:
                net.add(*part)
            return net.output()

    yield name, "all blocks are kept", Stored, {KEEPS}

    class Unmasked(answer):
        def add(self, K, V, visible=None):
            super().add(K, V)

    yield name, "masks ignored", Unmasked, {MASKS, MERGING, SLOPES}

    class Plain(answer):
        def add(self, K, V, visible=None):
            shares = exp(scores_of(self.Q, K))
            if visible is not None:
                shares = where(visible, shares, 0.0)
            ones = V[:, :1] * 0 + 1
            self.total = self.total + shares @ ones
            self.mixed = self.mixed + shares @ V

        def merge(self, other):
            self.total, self.mixed = self.total + other.total, self.mixed + other.mixed

    yield name, "plain exponentials", Plain, {LARGE}

    class Infinite(answer):
        def __init__(self, Q):
            super().__init__(Q)
            self.largest = self.largest - math.inf

        def add(self, K, V, visible=None):
            scores = scores_of(self.Q, K)
            if visible is not None:
                scores = where(visible, scores, -math.inf)
            largest = scores
            while largest.shape[1] > 1:  # pairs, until one is left
                largest = where(largest[:, 1:] > largest[:, :-1], largest[:, 1:], largest[:, :-1])
            shares = exp(scores - largest)
            self._take(largest, shares @ (V[:, :1] * 0 + 1), shares @ V)

    yield name, "infinite maxima", Infinite, {MASKS, MERGING, SLOPES}

    class Detached(answer):
        def output(self):
            return stop(super().output())

    yield name, "cut from the graph", Detached, {SLOPES}

    class Added(answer):
        def merge(self, other):
            self.total, self.mixed = self.total + other.total, self.mixed + other.mixed

    yield name, "merged without correction", Added, {MERGING}

    class Drained(answer):
        def merge(self, other):
            super().merge(other)
            other.total, other.mixed = other.total * 0, other.mixed * 0

    yield name, "the other one is emptied", Drained, {MERGING}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch

    yield from _ridges()
    yield from _plans()
    yield from _costs()
    yield from _matrices(
        solution["Int8"], lambda x, name: x.to(getattr(torch, name)), lambda x: x.mean(dim=1)
    )
    yield from _attentions(
        solution["OnlineAttention"],
        torch.exp,
        lambda mask, a, b: torch.where(mask, a, torch.as_tensor(b)),
        lambda q, k: q @ k.T / q.shape[1] ** 0.5,
        lambda x: x.detach(),
    )
    yield from _scalers(lambda g: bool(g.isfinite().all()), lambda g: g.float())

    class OnlyInf(solution["LossScaler"]):
        def unscale(self, gradients):
            if any(g.isinf().any() for g in gradients):
                self.scale, self.good = self.scale / 2, 0
                return None
            self.good += 1
            found = [g.float() / self.scale for g in gradients]
            if self.good == self.patience:
                self.scale, self.good = self.scale * 2, 0
            return found

    yield "performance.scaler", "nan not looked for", OnlyInf, {SKIPPED}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import tensorflow as tf

    yield from _ridges()
    yield from _plans()
    yield from _costs()
    yield from _matrices(
        solution["Int8"], lambda x, name: tf.cast(x, name), lambda x: tf.reduce_mean(x, axis=1)
    )
    yield from _attentions(
        solution["OnlineAttention"],
        tf.exp,
        tf.where,
        lambda q, k: tf.matmul(q, k, transpose_b=True) / q.shape[1] ** 0.5,
        tf.stop_gradient,
    )
    yield from _scalers(
        lambda g: bool(tf.reduce_all(tf.math.is_finite(g))), lambda g: tf.cast(g, tf.float32)
    )

    class OnlyInf(solution["LossScaler"]):
        def unscale(self, gradients):
            if any(tf.reduce_any(tf.math.is_inf(g)) for g in gradients):
                self.scale, self.good = self.scale / 2, 0
                return None
            self.good += 1
            found = [tf.cast(g, tf.float32) / self.scale for g in gradients]
            if self.good == self.patience:
                self.scale, self.good = self.scale * 2, 0
            return found

    yield "performance.scaler", "nan not looked for", OnlyInf, {SKIPPED}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
