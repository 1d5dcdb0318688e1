"""Right answers to the exercises of *Data parallelism* that differ from the worked solutions."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


def _loss_to_script(Y, T, counts, total: int, replicas: int):  # type: ignore[no-untyped-def]
    errors = ((Y - T) ** 2).sum(1)
    return (counts * errors).sum() * replicas / total


def _plain() -> Iterator[Right]:
    """Right answers that are the same in both frameworks."""

    def all_reduce(rank, n, array):
        chunks = [chunk / n for chunk in np.array_split(array, n)]
        at = rank
        for _ in range(n - 1):
            parcel = yield chunks[at]
            at = (at - 1) % n
            chunks[at] += parcel
        for _ in range(n - 1):
            parcel = yield chunks[at]
            at = (at - 1) % n
            chunks[at] = parcel
        return np.hstack(chunks)

    yield "multi-gpu.ring", "divided first, in two loops", all_reduce

    def other_way(rank, n, array):
        """The owner of a chunk is the device of its number."""
        cuts = [len(part) for part in np.array_split(array, n)]
        ends = np.cumsum(cuts)
        total = array.copy()

        def part(k):
            return slice(ends[k % n] - cuts[k % n], ends[k % n])

        for step in range(2 * n - 2):
            parcel = yield total[part(rank - step - 1)]
            place = part(rank - step - 2)
            total[place] = parcel + (total[place] if step < n - 1 else 0)
        return total / n

    yield "multi-gpu.ring", "one copy, and another first chunk", other_way

    def deal(rows, replicas, rank, epoch, seed):
        order = list(range(rows))
        random.Random(f"{seed} {epoch}").shuffle(order)
        each = -(-rows // replicas)
        filled = [(row, True) for row in order]
        while len(filled) < each * replicas:
            filled.append((order[len(filled) % rows], False))
        mine = filled[rank * each : (rank + 1) * each]
        return tuple(zip(*mine, strict=True))

    yield "multi-gpu.rows", "in blocks, with a generator of Python's", deal

    @cache
    def kept(rows, replicas, rank, epoch, seed):
        order = np.random.default_rng([epoch, seed]).permutation(rows)
        mine = np.array_split(np.resize(order, replicas * -(-rows // replicas)), replicas)[rank]
        each = len(mine)
        return mine, np.arange(rank * each, rank * each + each) < rows

    yield "multi-gpu.rows", "arrays, cached", kept

    def by_numpy(gradients, rows):
        combined = []
        for entries in zip(*gradients, strict=True):
            users = [
                n * one.numpy() for n, one in zip(rows, entries, strict=True) if one is not None
            ]
            combined.append(sum(users) / sum(rows) if users else None)
        return combined

    yield "multi-gpu.unused", "by way of NumPy", by_numpy

    def in_a_tuple(gradients, rows):
        def mean(entries):
            total = None
            for n, one in zip(rows, entries, strict=True):
                if one is not None:
                    part = one * n
                    total = part if total is None else total + part
            return None if total is None else total / sum(rows)

        return tuple(map(mean, zip(*gradients, strict=True)))

    yield "multi-gpu.unused", "a running sum, in a tuple", in_a_tuple

    yield from _overlaps()
    yield from _exchanges()


def _overlaps() -> Iterator[Right]:
    def in_two_passes(gradients, bucket, latency, bandwidth):
        ready = np.cumsum([seconds for seconds, _ in gradients])
        messages, held = [], 0
        for when, (_, size) in zip(ready, gradients, strict=True):
            held += size
            if held >= bucket:
                messages.append((when, held))
                held = 0
        if held:
            messages.append((ready[-1], held))
        free = hidden = exposed = 0.0
        for when, size in messages:
            begins = max(when, free)
            free = begins + latency + size / bandwidth
            before = max(0.0, min(free, ready[-1]) - begins)
            hidden += before
            exposed += free - begins - before
        return np.array([free, hidden, exposed])

    yield "multi-gpu.overlap", "in two passes, an array", in_two_passes

    def by_slices(gradients, bucket, latency, bandwidth):
        end = backward = sum(seconds for seconds, _ in gradients)
        free = busy = start = 0
        for stop in range(1, len(gradients) + 1):
            size = sum(size for _, size in gradients[start:stop])
            if size < bucket and stop < len(gradients):
                continue
            ready = sum(seconds for seconds, _ in gradients[:stop])
            free = (ready if ready > free else free) + (latency + size / bandwidth)
            busy, start, end = busy + latency + size / bandwidth, stop, free
        return [end, busy - end + backward, end - backward]

    yield "multi-gpu.overlap", "by slices, a list", by_slices


def _exchanges() -> Iterator[Right]:
    def near_first(rank, n, array):
        """The nearest partner first, so that a device keeps chunks that are far apart."""
        power = 1 << (n.bit_length() - 1)
        extra = n - power
        if rank >= power:
            yield [rank - power, array]
            total = None
            while total is None:
                total = yield None
            return total
        mine = array
        if extra:
            parcel = yield
            mine = mine if parcel is None else mine + parcel
        chunks = dict(enumerate(np.array_split(mine, power)))
        distance = 1
        while distance < power:
            partner = rank ^ distance
            away = [k for k in chunks if k & distance != rank & distance]
            parcel = yield partner, np.concatenate([chunks.pop(k) for k in away])
            cuts = np.cumsum([chunks[k].size for k in chunks])[:-1]
            for k, part in zip(list(chunks), np.split(parcel, cuts), strict=True):
                chunks[k] = chunks[k] + part
            distance *= 2
        sizes = [part.size for part in np.array_split(array, power)]
        while distance > 1:
            distance //= 2
            partner = rank ^ distance
            theirs = [k ^ distance for k in sorted(chunks)]
            parcel = yield partner, np.concatenate([chunks[k ^ distance] for k in theirs])
            cuts = np.cumsum([sizes[k] for k in theirs])[:-1]
            chunks |= dict(zip(theirs, np.split(parcel, cuts), strict=True))
        total = np.concatenate([chunks[k] for k in range(power)])
        if rank < extra:
            yield [np.int64(rank + power), total]
        return total

    yield "multi-gpu.halving", "near partners first, with chunks", near_first

    def neighbours_pair(rank, n, array):
        """Of the first devices, each even one stands aside; vectors are filled up."""
        power = 2 ** int(np.log2(n))
        aside = n - power
        if rank < 2 * aside:
            if rank % 2 == 0:
                yield rank + 1, array
                for _ in range(2 * int(np.log2(power))):
                    yield
                return (yield)
            array = array + (yield)
            mine = rank // 2
        else:
            if aside:
                yield
            mine = rank - aside

        def device(one):
            return 2 * one + 1 if one < aside else one + aside

        def reduced(part, one, size):
            if size == 1:
                return part
            half, first = size // 2, np.split(part, 2)
            upper = one % size >= half
            other = device(one - half if upper else one + half)
            part = first[upper] + (yield other, first[not upper])
            part = yield from reduced(part, one, half)
            pair = [part, (yield other, part)]
            return np.concatenate(pair[::-1] if upper else pair)

        filled = np.pad(array, (0, -len(array) % power))
        total = (yield from reduced(filled, mine, power))[: len(array)]
        if rank < 2 * aside:
            yield rank - 1, total
        return total

    yield "multi-gpu.halving", "recursive, filled up, neighbours in pairs", neighbours_pair


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DistributedSampler

    yield from _plain()

    def replica_loss(Y, T, counts, total, replicas):
        kept = counts.bool()
        return F.mse_loss(Y[kept], T[kept], reduction="sum").mul(replicas / total)

    yield "multi-gpu.loss", "rows picked", replica_loss

    def by_loss_class(Y, T, counts, total, replicas):
        errors = torch.nn.MSELoss(reduction="none")(Y, T).sum(dim=-1)
        return torch.dot(errors, counts) / (total / replicas)

    yield "multi-gpu.loss", "a loss class, a dot product", by_loss_class

    def with_axes(Y, T, counts, total, replicas):
        errors = ((Y - T) ** 2).sum(dim=1, keepdim=True)
        return replicas / total * counts[None, :] @ errors

    yield "multi-gpu.loss", "one number, of shape (1, 1)", with_axes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scripts are to go, one day
        scripted = torch.jit.script(_loss_to_script)
    yield "multi-gpu.loss", "scripted", scripted

    def sampled(rows, replicas, rank, epoch, seed):
        sampler = DistributedSampler(range(rows), replicas, rank, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler), [place < rows for place in range(rank, sampler.total_size, replicas)]

    yield "multi-gpu.rows", "PyTorch's sampler", sampled

    def combine(gradients, rows):
        total, combined = sum(rows), []
        for n in range(len(gradients[0])):
            entries = [replica[n] for replica in gradients]
            known = next((one for one in entries if one is not None), None)
            if known is None:
                combined.append(None)
                continue
            filled = [torch.zeros_like(known) if one is None else one for one in entries]
            share = torch.tensor(rows) / total
            combined.append(torch.tensordot(share, torch.stack(filled), dims=1))
        return combined

    yield "multi-gpu.unused", "zeros for the missing", combine


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import tensorflow as tf

    yield from _plain()

    @tf.function
    def traced(Y, T, counts, total, replicas):
        errors = tf.einsum("ro,ro->r", Y - T, Y - T)
        return tf.nn.compute_average_loss(errors, counts, global_batch_size=total)

    yield "multi-gpu.loss", "traced", traced

    def stateless(rows, replicas, rank, epoch, seed):
        order = tf.random.experimental.stateless_shuffle(tf.range(rows), seed=[seed, epoch])
        places = tf.range(rank, replicas * -(-rows // replicas), replicas)
        return tf.gather(order, places % rows), places < rows

    yield "multi-gpu.rows", "with a seed and no generator", stateless

    def replica_loss(Y, T, counts, total, replicas):
        kept = counts > 0
        squares = tf.math.squared_difference(tf.boolean_mask(Y, kept), tf.boolean_mask(T, kept))
        return tf.reduce_sum(squares) / total

    yield "multi-gpu.loss", "rows picked", replica_loss

    def by_loss_class(Y, T, counts, total, replicas):
        errors = keras.losses.mean_squared_error(T, Y) * Y.shape[-1]
        return keras.ops.sum(keras.ops.multiply(counts, errors)) / keras.ops.cast(total, "float32")

    yield "multi-gpu.loss", "a loss of Keras", by_loss_class

    def with_an_axis(Y, T, counts, total, replicas):
        errors = tf.reduce_sum((Y - T) ** 2, axis=1)
        return tf.reduce_sum(counts * errors, axis=0, keepdims=True) / total

    yield "multi-gpu.loss", "one number, of shape (1,)", with_an_axis

    def combine(gradients, rows):
        total, combined = sum(rows), []
        for n in range(len(gradients[0])):
            entries = [replica[n] for replica in gradients]
            known = next((one for one in entries if one is not None), None)
            if known is None:
                combined.append(None)
                continue
            filled = [tf.zeros_like(known) if one is None else one for one in entries]
            share = tf.constant(rows, tf.float32) / total
            combined.append(tf.tensordot(share, tf.stack(filled), axes=1))
        return combined

    yield "multi-gpu.unused", "zeros for the missing", combine


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
