"""Right answers to the exercises of *Many devices* that differ from the worked solutions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


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
