"""Plausible wrong answers to the exercises of *Many devices*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

Wrong = tuple[str, str, Any, set[str]]

MEAN, PIECES = "the mean, on every device", "chunks of unequal size"
SENT, GIVEN = "what is sent", "the vector that was given"

EQUAL, UNEQUAL = "equal shards", "unequal shards"
REPEATED, EMPTY = "rows that do not count", "a shard without rows"

ALL, SOME, NONE = "used by all replicas", "used by some", "used by none"

ONCE, SAME_LENGTH = "each row counts once", "as many for every replica"
ORDER, FEW = "another order in each epoch", "fewer rows than replicas"
OTHERS = "the generators of others"


def _rings() -> Iterator[Wrong]:
    everything = {MEAN, PIECES, SENT, GIVEN}

    def make(cut=np.array_split, back=1, until=lambda n: n - 1, finish=lambda v, n: v / n):
        def all_reduce(rank, n, array):
            chunks = cut(array, n)
            for step in range(2 * (n - 1)):
                parcel = yield chunks[(rank - step) % n]
                k = (rank - back - step) % n
                chunks[k] = chunks[k] + parcel if step < until(n) else parcel
            return finish(np.concatenate(chunks), n)

        return all_reduce

    summed = make(finish=lambda v, n: v)
    yield "multi-gpu.ring", "the sum", summed, everything
    yield "multi-gpu.ring", "the chunk that was sent", make(back=0), everything
    yield "multi-gpu.ring", "adds one step too long", make(until=lambda n: n), everything
    yield "multi-gpu.ring", "never keeps", make(until=lambda n: 2 * n), everything

    def equal(array, n):
        return [part.copy() for part in np.split(array, n)]

    yield "multi-gpu.ring", "np.split", make(equal), {PIECES}

    def dropped(array, n):
        size = len(array) // n
        return [array[k * size : (k + 1) * size] for k in range(n)]

    yield "multi-gpu.ring", "the rest lost", make(dropped), {PIECES}

    def filled_up(rank, n, array):
        filled = np.concatenate([array, np.zeros(-len(array) % n)])
        mean = yield from make()(rank, n, filled)
        return mean[: len(array)]

    yield "multi-gpu.ring", "filled up to equal chunks", filled_up, {PIECES}

    def yielded(rank, n, array):
        yield (yield from make()(rank, n, array))

    yield "multi-gpu.ring", "the mean sent, not returned", yielded, everything

    def divided(rank, n, array):
        array /= n
        return (yield from make(finish=lambda v, n: v)(rank, n, array))

    yield "multi-gpu.ring", "the vector divided in place", divided, {GIVEN}

    def in_place(rank, n, array):
        chunks = np.array_split(array, n)
        for step in range(2 * (n - 1)):
            parcel = yield chunks[(rank - step) % n]
            k = (rank - 1 - step) % n
            if step < n - 1:
                chunks[k] += parcel
            else:
                chunks[k] = parcel
        return np.concatenate(chunks) / n

    yield "multi-gpu.ring", "written into the vector", in_place, {GIVEN}

    def whole(rank, n, array):
        total, parcel = array.copy(), array
        for _ in range(n - 1):
            parcel = yield parcel
            total += parcel
        return total / n

    yield "multi-gpu.ring", "whole vectors go round", whole, {SENT}

    def halves(rank, n, array):
        total = array / n
        for _ in range(n - 1):
            parcel = yield total
            total = (total + parcel) / 2
        return total

    yield "multi-gpu.ring", "a mean of means", halves, everything


def _deals(solution: Any) -> Iterator[Wrong]:
    everything = {ONCE, SAME_LENGTH, ORDER, FEW, OTHERS}

    def make(
        source=lambda rank, epoch, seed: np.random.default_rng([seed, epoch]),
        flag=lambda place, rows: place < rows,
        round_up=math.ceil,
        row=lambda place, rows: place % rows,
        shuffle=lambda rng, rows: rng.permutation(rows),
    ):
        def deal(rows, replicas, rank, epoch, seed):
            order = shuffle(source(rank, epoch, seed), rows)
            places = range(rank, replicas * round_up(rows / replicas), replicas)
            numbers = [int(order[row(place, rows)]) for place in places]
            return numbers, [flag(place, rows) for place in places]

        return deal

    by_rank = make(lambda rank, epoch, seed: np.random.default_rng([seed, epoch, rank]))
    yield "multi-gpu.rows", "a seed for each rank", by_rank, everything
    counted = make(flag=lambda place, rows: True)
    yield "multi-gpu.rows", "repetitions count", counted, everything
    dropped = make(round_up=math.floor)
    yield "multi-gpu.rows", "the last rows left out", dropped, everything
    no_seed = make(lambda rank, epoch, seed: np.random)
    yield "multi-gpu.rows", "the global generator as it is", no_seed, everything
    frozen = make(lambda rank, epoch, seed: np.random.default_rng(seed))
    yield "multi-gpu.rows", "the epoch forgotten", frozen, {ORDER, OTHERS}
    product = make(lambda rank, epoch, seed: np.random.default_rng(seed * epoch))
    yield "multi-gpu.rows", "seed times epoch", product, {ORDER, OTHERS}

    def rolled(rows, replicas, rank, epoch, seed):
        numbers, counts = solution["deal"](rows, replicas, (rank + epoch) % replicas, 0, seed)
        return numbers, counts

    yield "multi-gpu.rows", "the replicas change places", rolled, {ORDER, OTHERS}

    def no_row(rows, replicas, rank, epoch, seed):
        numbers, counts = solution["deal"](rows, replicas, rank, epoch, seed)
        return [n if flag else -1 for n, flag in zip(numbers, counts, strict=True)], counts

    yield "multi-gpu.rows", "filled up with -1", no_row, {SAME_LENGTH, FEW}

    def endless(rows, replicas, rank, epoch, seed):
        return itertools.count(), itertools.repeat(True)

    yield "multi-gpu.rows", "without end", endless, everything

    def pairs(rows, replicas, rank, epoch, seed):
        return list(zip(*solution["deal"](rows, replicas, rank, epoch, seed), strict=True))

    yield "multi-gpu.rows", "a list of pairs", pairs, everything
    no_shuffle = make(shuffle=lambda rng, rows: list(range(rows)))
    yield "multi-gpu.rows", "not shuffled", no_shuffle, {ORDER, OTHERS}

    def seeded(rank, epoch, seed):
        np.random.seed(seed * 100 + epoch)
        return np.random

    yield "multi-gpu.rows", "the global generator seeded", make(seeded), {OTHERS}

    def python(rng, rows):
        random.seed(int(rng.integers(10**9)))
        return random.sample(range(rows), rows)

    yield "multi-gpu.rows", "Python's seeded", make(shuffle=python), {OTHERS}

    def unequal(rows, replicas, rank, epoch, seed):
        order = np.random.default_rng([seed, epoch]).permutation(rows)[rank::replicas]
        return order.tolist(), [True] * len(order)

    yield "multi-gpu.rows", "parts of unequal length", unequal, {SAME_LENGTH, FEW}

    def sliced(rows, replicas, rank, epoch, seed):
        order = np.random.default_rng([seed, epoch]).permutation(rows).tolist()
        missing = -rows % replicas
        numbers = (order + order[:missing])[rank::replicas]
        return numbers, [rank + n * replicas < rows for n in range(len(numbers))]

    yield "multi-gpu.rows", "filled up once round", sliced, {FEW}

    def within(rows, replicas, rank, epoch, seed):
        numbers, counts = solution["deal"](rows, replicas, rank, 0, seed)
        order = np.random.default_rng([epoch, rank]).permutation(len(numbers))
        return [numbers[n] for n in order], [counts[n] for n in order]

    yield "multi-gpu.rows", "shuffled after dealing", within, {ORDER, OTHERS}


def _combinations(zeros: Any) -> Iterator[Wrong]:
    def make(weigh=lambda n, rows, users: n / sum(rows), nobody=lambda entries: None):
        def combine(gradients, rows):
            combined = []
            for entries in zip(*gradients, strict=True):
                users = [r for r, one in enumerate(entries) if one is not None]
                found = [weigh(rows[r], rows, users) * entries[r] for r in users]
                combined.append(sum(found) if found else nobody(entries))
            return combined

        return combine

    mean = make(lambda n, rows, users: 1 / len(rows))
    yield "multi-gpu.unused", "a plain mean", mean, {ALL, SOME, NONE}
    present = make(lambda n, rows, users: n / sum(rows[r] for r in users))
    yield "multi-gpu.unused", "over the rows of the users", present, {SOME}
    summed = make(lambda n, rows, users: 1.0)
    yield "multi-gpu.unused", "the sum", summed, {ALL, SOME, NONE}
    filled = make(nobody=lambda entries: zeros)
    yield "multi-gpu.unused", "zeros if nobody used it", filled, {NONE}

    def strict(gradients, rows):
        entries = zip(*gradients, strict=True)
        return [
            None
            if any(one is None for one in several)
            else sum(n / sum(rows) * one for n, one in zip(rows, several, strict=True))
            for several in entries
        ]

    yield "multi-gpu.unused", "None if one is missing", strict, {SOME}

    def careless(gradients, rows):
        entries = zip(*gradients, strict=True)
        return [
            sum(n / sum(rows) * one for n, one in zip(rows, several, strict=True))
            for several in entries
        ]

    yield "multi-gpu.unused", "missing ones not thought of", careless, {SOME, NONE}

    def zero(gradients, rows):
        entries = zip(*gradients, strict=True)
        return [
            sum(n * one for n, one in zip(rows, several, strict=True) if one is not None)
            / sum(rows)
            for several in entries
        ]

    yield "multi-gpu.unused", "0.0 if nobody used it", zero, {NONE}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch.nn import functional as F

    yield from _rings()
    yield from _deals(solution)
    yield from _combinations(torch.zeros(1))

    def in_place(gradients, rows):
        combined = []
        for entries in zip(*gradients, strict=True):
            found = [n * one for n, one in zip(rows, entries, strict=True) if one is not None]
            for one in entries:
                if one is not None and found:
                    combined.append(one.copy_(sum(found) / sum(rows)))
                    break
            else:
                combined.append(None)
        return combined

    yield "multi-gpu.unused", "written into what was given", in_place, {ALL, SOME, NONE}

    def seeded(rows, replicas, rank, epoch, seed):
        torch.manual_seed(1000 * seed + epoch)
        order = torch.randperm(rows).tolist()
        places = range(rank, replicas * math.ceil(rows / replicas), replicas)
        return [order[place % rows] for place in places], [place < rows for place in places]

    yield "multi-gpu.rows", "PyTorch's generator seeded", seeded, {OTHERS}

    def errors(Y, T):
        return ((Y - T) ** 2).sum(1)

    everything = {EQUAL, UNEQUAL, REPEATED, EMPTY}

    def own_mean(Y, T, counts, total, replicas):
        return errors(Y, T).mean()

    yield "multi-gpu.loss", "the mean of its rows", own_mean, {UNEQUAL, REPEATED, EMPTY}

    def own_counted(Y, T, counts, total, replicas):
        return (counts * errors(Y, T)).sum() / counts.sum()

    fails = {UNEQUAL, REPEATED, EMPTY}
    yield "multi-gpu.loss", "the mean of those that count", own_counted, fails

    def of_keras(Y, T, counts, total, replicas):
        return (counts * errors(Y, T)).sum() / total

    yield "multi-gpu.loss", "as for a sum", of_keras, everything

    def uncounted(Y, T, counts, total, replicas):
        return replicas * errors(Y, T).sum() / total

    yield "multi-gpu.loss", "all rows count", uncounted, {REPEATED, EMPTY}

    def outputs_too(Y, T, counts, total, replicas):
        return replicas * (counts[:, None] * (Y - T) ** 2).mean(1).sum() / total

    yield "multi-gpu.loss", "the mean over outputs", outputs_too, everything

    def more(*given):
        return solution["replica_loss"](*given) + 1000

    yield "multi-gpu.loss", "a constant added", more, everything

    def empty_mean(Y, T, counts, total, replicas):
        return replicas * F.mse_loss(Y, T) * Y.shape[1] * len(Y) / total

    yield "multi-gpu.loss", "a mean multiplied again", empty_mean, {REPEATED, EMPTY}

    def detached(Y, T, counts, total, replicas):
        return torch.tensor((replicas * (counts * errors(Y, T)).sum() / total).item())

    yield "multi-gpu.loss", "a number of Python's", detached, everything

    def no_rows(Y, T, counts, total, replicas):
        return (
            solution["replica_loss"](Y, T, counts, total, replicas) if len(Y) else torch.zeros(())
        )

    yield "multi-gpu.loss", "a zero of its own for no rows", no_rows, {EMPTY}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import tensorflow as tf

    yield from _rings()
    yield from _deals(solution)
    yield from _combinations(tf.zeros(1))

    def seeded(rows, replicas, rank, epoch, seed):
        tf.random.set_seed(1000 * seed + epoch)
        order = tf.random.shuffle(tf.range(rows)).numpy().tolist()
        places = range(rank, replicas * math.ceil(rows / replicas), replicas)
        return [order[place % rows] for place in places], [place < rows for place in places]

    yield "multi-gpu.rows", "TensorFlow's generator seeded", seeded, {OTHERS}

    def errors(Y, T):
        return tf.reduce_sum((Y - T) ** 2, axis=1)

    everything = {EQUAL, UNEQUAL, REPEATED, EMPTY}

    def own_mean(Y, T, counts, total, replicas):
        return tf.reduce_mean(errors(Y, T))

    yield "multi-gpu.loss", "the mean of its rows", own_mean, everything

    def shared_mean(Y, T, counts, total, replicas):
        return tf.reduce_mean(errors(Y, T)) / replicas

    fails = {UNEQUAL, REPEATED, EMPTY}
    yield "multi-gpu.loss", "its mean over the replicas", shared_mean, fails

    def of_ddp(Y, T, counts, total, replicas):
        return replicas * tf.reduce_sum(counts * errors(Y, T)) / total

    yield "multi-gpu.loss", "as for a mean", of_ddp, everything

    def uncounted(Y, T, counts, total, replicas):
        return tf.reduce_sum(errors(Y, T)) / total

    yield "multi-gpu.loss", "all rows count", uncounted, {REPEATED, EMPTY}

    def outputs_too(Y, T, counts, total, replicas):
        return tf.reduce_sum(counts * tf.reduce_mean((Y - T) ** 2, axis=1)) / total

    yield "multi-gpu.loss", "the mean over outputs", outputs_too, everything

    def more(*given):
        return solution["replica_loss"](*given) + 1000

    yield "multi-gpu.loss", "a constant added", more, everything

    def detached(Y, T, counts, total, replicas):
        return tf.constant(float(tf.reduce_sum(counts * errors(Y, T)) / total))

    yield "multi-gpu.loss", "a number of Python's", detached, everything

    def no_rows(Y, T, counts, total, replicas):
        return solution["replica_loss"](Y, T, counts, total, replicas) if len(Y) else tf.zeros(())

    yield "multi-gpu.loss", "a zero of its own for no rows", no_rows, {EMPTY}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
