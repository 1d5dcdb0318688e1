"""Right answers to the exercises of *Hardware and performance*, unlike the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


def _plain() -> Iterator[Right]:
    """Right answers that are the same in both frameworks."""
    from statistics import median

    def measure(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
            wait()
        marks = []
        for _ in range(repeat):
            wait()
            marks.append(clock())
            job()
            wait()
            marks.append(clock())
        times = sorted(b - a for a, b in zip(marks[::2], marks[1::2], strict=True))
        spread = np.quantile(times, 0.75) - np.quantile(times, 0.25)
        return [median(times), spread]

    yield "performance.timer", "marks on the clock", measure

    def train(step, steps, every):
        means, total, count = [], 0.0, 0
        for i in range(steps):
            total = step(i) + total
            count += 1
            if count == every or i == steps - 1:
                value = (total * (1 / count)).item()
                if value != value:
                    raise ValueError("nan")
                means.append(value)
                total, count = 0.0, 0
        return means

    yield "performance.ahead", "a running sum", train

    def with_numpy(step, steps, every):
        means = []
        while len(means) * every < steps:
            first = len(means) * every
            losses = [step(i).detach() for i in range(first, min(first + every, steps))]
            mean = float(np.mean(losses))
            if np.isnan(mean):
                raise ValueError("nan")
            means.append(mean)
        return means

    yield "performance.ahead", "the mean of a list", with_numpy

    def with_quotients(step, steps, every):
        means = []
        for first in range(0, steps, every):
            total, count = 0, 0
            for i in range(first, min(first + every, steps)):
                total, count = total + step(i), count + 1
            means.append(float(1 / (count / total)))
            if not means[-1] < np.inf:
                raise ValueError(means[-1])
        return means

    yield "performance.ahead", "numbers divided by losses", with_quotients

    def cost(widths, batch, size, peak, bandwidth):
        i, o = np.array(widths[:-1], float), np.array(widths[1:], float)
        often = np.full(len(i), 3)
        often[0] = 2
        flops = 2.0 * batch * i * o
        moved = size * (batch * (i + o) + i * o)
        seconds = np.where(flops / moved > peak / bandwidth, flops / peak, moved / bandwidth)
        return np.array([(often * part).sum() for part in (flops, moved, seconds)])

    yield "performance.roof", "with arrays", cost


def _finished(values: int, trained: int, optimizer: str, room: int, kept: int) -> dict[str, int]:
    state = {"SGD": 0, "momentum": trained, "Adam": 2 * trained}[optimizer]
    need, batch = values + trained + state, 0
    while need + (batch + 1) * kept <= room:
        batch += 1
    return {"values": values, "gradients": trained, "state": state, "batch": batch}


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch

    yield from _plain()

    def memory(net, optimizer, room, kept):
        arrays = {tensor.data_ptr(): tensor for tensor in net.state_dict(keep_vars=True).values()}
        sizes = {key: t.numel() * t.element_size() for key, t in arrays.items()}
        trained = sum(sizes[key] for key, t in arrays.items() if t.requires_grad)
        return _finished(sum(sizes.values()), trained, optimizer, room, kept)

    yield "performance.memory", "by address", memory

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


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import tensorflow as tf

    yield from _plain()

    def memory(net, optimizer, room, kept):
        weights = {id(weight): weight for layer in net.layers for weight in layer.weights}
        sizes = {key: weight.value.numpy().nbytes for key, weight in weights.items()}
        trained = sum(sizes[key] for key, weight in weights.items() if weight.trainable)
        return _finished(sum(sizes.values()), trained, optimizer, room, kept)

    yield "performance.memory", "by identity", memory

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


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
