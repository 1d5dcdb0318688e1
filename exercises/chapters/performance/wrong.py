"""Plausible wrong answers to the exercises of *Hardware and performance*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

Wrong = tuple[str, str, Any, set[str]]

WORK, BEFORE, WARM = "the work, not the launch", "what was launched before", "warm-up"
MEDIAN, SPREAD = "the median", "the spread"

READS, LEFT, NAN = "one read for each mean", "a shorter group at the end", "not a number"

ONE, FLOPS = "a single layer", "FLOPs of a step"
MOVED, SECONDS = "bytes of a step", "seconds of a step"

VALUES, STATE, SHARED = "values and gradients", "the optimizer's state", "what is shared"
FROZEN, BATCH = "what is not trained", "the largest batch"

DIVIDED, SKIPPED = "divided in 32 bits", "an overflow is skipped"
RISES, ANEW = "the scale rises", "the count begins anew"


def _timers() -> Iterator[Wrong]:
    def make(first=True, last=True, warm=lambda n: n, center=np.median):
        def measure(job, clock, wait, warmup, repeat):
            for _ in range(warm(warmup)):
                job()
            times = []
            for _ in range(repeat):
                if first:
                    wait()
                began = clock()
                job()
                if last:
                    wait()
                times.append(clock() - began)
            low, high = np.percentile(times, [25, 75])
            return center(times), high - low

        return measure

    fails = {WORK, BEFORE, WARM, MEDIAN, SPREAD}
    yield "performance.timer", "no wait at all", make(False, False), fails
    yield "performance.timer", "no wait at the end", make(last=False), fails
    yield "performance.timer", "no wait at the start", make(first=False), {BEFORE, WARM}
    yield "performance.timer", "the mean", make(center=np.mean), {MEDIAN}
    yield "performance.timer", "the best", make(center=min), {MEDIAN}
    upper = make(center=lambda times: sorted(times)[len(times) // 2])
    yield "performance.timer", "the upper of two in the middle", upper, {MEDIAN}
    yield "performance.timer", "no warm-up", make(warm=lambda n: 0), {WARM}
    yield "performance.timer", "one warm-up", make(warm=lambda n: min(n, 1)), {WARM}

    def whole(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
        wait()
        began = clock()
        for _ in range(repeat):
            job()
        wait()
        return (clock() - began) / repeat, 0

    fails = {WORK, WARM, MEDIAN, SPREAD}  # launches overlap with work
    yield "performance.timer", "all runs in one go", whole, fails

    def late(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
        times = []
        for _ in range(repeat):
            began = clock()
            wait()
            job()
            wait()
            times.append(clock() - began)
        low, high = np.percentile(times, [25, 75])
        return np.median(times), high - low

    yield "performance.timer", "waits after the clock has started", late, {BEFORE, WARM}

    def spread(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
        times = []
        for _ in range(repeat):
            wait()
            began = clock()
            job()
            wait()
            times.append(clock() - began)
        return np.median(times), max(times) - min(times)

    yield "performance.timer", "the whole range", spread, {SPREAD}

    def launched(job, clock, wait, warmup, repeat):
        times = []
        for _ in range(warmup + repeat):
            wait()
            job()
            began = clock()
            wait()
            times.append(clock() - began)
        low, high = np.percentile(times[warmup:], [25, 75])
        return np.median(times[warmup:]), high - low

    fails = {WORK, BEFORE, WARM, MEDIAN}
    yield "performance.timer", "the launch left out", launched, fails


def _trainings() -> Iterator[Wrong]:
    everything = {READS, LEFT, NAN}

    def listed(step, steps, every):
        losses = [float(step(i)) for i in range(steps)]
        groups = [losses[i : i + every] for i in range(0, steps, every)]
        means = [sum(group) / len(group) for group in groups]
        if any(map(math.isnan, means)):
            raise ValueError("nan")
        return means

    yield "performance.ahead", "every loss is read", listed, everything

    def later(step, steps, every):
        losses = [step(i) for i in range(steps)]
        return listed(lambda i: losses[i], steps, every)

    yield "performance.ahead", "every loss is read at the end", later, everything

    def make(check=True, divide=lambda count, every: count, rest=True, at_end=False):
        def train(step, steps, every):
            means = []
            for first in range(0, steps, every):
                last = min(first + every, steps)
                if last - first < every and not rest:
                    break
                total = sum(step(i) for i in range(first, last))
                mean = float(total / divide(last - first, every))
                if check and math.isnan(mean):
                    raise ValueError("nan")
                means.append(mean)
            if at_end and any(map(math.isnan, means)):
                raise ValueError("nan")
            return means

        return train

    whole = make(divide=lambda count, every: every)
    yield "performance.ahead", "the rest divided by every", whole, {LEFT}
    yield "performance.ahead", "the rest left out", make(rest=False), {LEFT}
    yield "performance.ahead", "no test for nan", make(check=False), {NAN}
    yield "performance.ahead", "tested at the very end", make(check=False, at_end=True), {NAN}

    def not_reset(step, steps, every):
        means, total = [], 0
        for i in range(steps):
            total = total + step(i)
            if (i + 1) % every == 0 or i == steps - 1:
                mean = float(total / (i % every + 1))
                if math.isnan(mean):
                    raise ValueError("nan")
                means.append(mean)
        return means

    yield "performance.ahead", "the sum goes on", not_reset, everything

    def tested(step, steps, every):
        means = []
        for first in range(0, steps, every):
            losses = [step(i) for i in range(first, min(first + every, steps))]
            if any(loss != loss for loss in losses):
                raise ValueError("nan")
            means.append(float(sum(losses) / len(losses)))
        return means

    yield "performance.ahead", "each loss compared", tested, everything

    def mean_tested(step, steps, every):
        means = []
        for first in range(0, steps, every):
            losses = [step(i) for i in range(first, min(first + every, steps))]
            mean = sum(losses) / len(losses)
            if mean != mean:
                raise ValueError("nan")
            means.append(float(mean))
        return means

    yield "performance.ahead", "the mean compared and then read", mean_tested, everything

    def one_group_late(step, steps, every):
        means, waiting = [], None
        for first in range(0, steps + every, every):
            losses = [step(i) for i in range(first, min(first + every, steps))]
            if waiting is not None:
                means.append(float(waiting))
            if means and math.isnan(means[-1]):
                raise ValueError("nan")
            waiting = sum(losses) / len(losses) if losses else None
        return means

    yield "performance.ahead", "read while the next group runs", one_group_late, {NAN}

    def one_more(step, steps, every):
        means = make()(step, steps, every)
        return means if steps % every else [*means, 0.0]

    yield "performance.ahead", "a mean of no steps", one_more, everything


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


def _memories(answer: Any, **totals: Any) -> Iterator[Wrong]:
    """Wrong accounts; `totals` gives the bytes of all and of the trained values in wrong ways."""

    def make(total=None, kept_by=(0, 1, 2), gradients=1, divide=lambda left, kept: left // kept):
        def memory(net, optimizer, room, kept):
            right = answer(net, optimizer, room, kept)
            values, trained = total(net) if total else (right["values"], right["gradients"])
            state = trained * kept_by[["SGD", "momentum", "Adam"].index(optimizer)]
            left = room - values - trained * gradients - state
            return {
                "values": values,
                "gradients": trained * gradients,
                "state": state,
                "batch": divide(left, kept),
            }

        return memory

    negative = make()
    yield "performance.memory", "a negative batch", negative, {BATCH}
    rounded = make(divide=lambda left, kept: max(0, round(left / kept + 0.5)))
    yield "performance.memory", "rounded up", rounded, {BATCH}
    one = make(kept_by=(0, 1, 1))
    yield "performance.memory", "one moment in Adam", one, {STATE, BATCH}
    swapped = make(kept_by=(1, 1, 2))
    yield "performance.memory", "SGD keeps one", swapped, {STATE, BATCH}
    none = make(gradients=0)
    fails = {VALUES, SHARED, FROZEN, BATCH}
    yield "performance.memory", "no gradients", none, fails
    everything = {VALUES, STATE, SHARED, FROZEN, BATCH}
    float32 = make(totals["float32"], divide=lambda left, kept: max(0, left // kept))
    yield "performance.memory", "four bytes always", float32, {VALUES, STATE, BATCH}
    twice = make(totals["twice"], divide=lambda left, kept: max(0, left // kept))
    yield "performance.memory", "shared ones twice", twice, {SHARED}
    frozen = make(totals["frozen"], divide=lambda left, kept: max(0, left // kept))
    yield "performance.memory", "gradients for all", frozen, {FROZEN}
    trained = make(totals["trained"], divide=lambda left, kept: max(0, left // kept))
    yield "performance.memory", "only what is trained", trained, {FROZEN}
    numbers = make(totals["numbers"], divide=lambda left, kept: max(0, left // kept))
    yield "performance.memory", "numbers, not bytes", numbers, everything


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


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    yield from _timers()
    yield from _trainings()
    yield from _costs()

    def size(tensors):
        return sum(t.nbytes for t in tensors)

    def trained(net):
        return [p for p in net.parameters() if p.requires_grad]

    yield from _memories(
        solution["memory"],
        float32=lambda net: (
            4 * sum(t.numel() for t in [*net.parameters(), *net.buffers()]),
            4 * sum(t.numel() for t in trained(net)),
        ),
        twice=lambda net: (
            size(net.state_dict().values()),
            size(t for t in net.state_dict(keep_vars=True).values() if t.requires_grad),
        ),
        frozen=lambda net: (size(net.parameters()), size(net.parameters())),
        trained=lambda net: (size(trained(net)), size(trained(net))),
        numbers=lambda net: (
            sum(t.numel() for t in [*net.parameters(), *net.buffers()]),
            sum(t.numel() for t in trained(net)),
        ),
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

    yield from _timers()
    yield from _trainings()
    yield from _costs()

    def size(weights):
        return sum(math.prod(w.shape) * tf.as_dtype(w.dtype).size for w in weights)

    def numbers(weights):
        return sum(math.prod(w.shape) for w in weights)

    def by_layer(net, name):
        again = len(net.layers) > 1 and net.layers[0] is net.layers[-1]
        layers = [*dict.fromkeys(net.layers), *net.layers[:again]]
        return [weight for layer in layers for weight in getattr(layer, name)]

    yield from _memories(
        solution["memory"],
        float32=lambda net: (4 * numbers(net.weights), 4 * numbers(net.trainable_weights)),
        twice=lambda net: (
            size(by_layer(net, "weights")),
            size(by_layer(net, "trainable_weights")),
        ),
        frozen=lambda net: (size(net.weights), size(net.weights)),
        trained=lambda net: (size(net.trainable_weights),) * 2,
        numbers=lambda net: (numbers(net.weights), numbers(net.trainable_weights)),
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
