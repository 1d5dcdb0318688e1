"""Plausible wrong answers to the exercises of *Data parallelism*.

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


END, HIDDEN = "one message for each gradient", "hidden and exposed"
BUCKETS, LEFT = "buckets", "a bucket that is not full"

SUM, STEPS, NUMBERS = "the sum, on every device", "few steps", "few numbers"
ANY, KEPT = "any number of devices, any length", "the vectors that were given"


def _overlaps() -> Iterator[Wrong]:
    everything = {END, HIDDEN, BUCKETS, LEFT}

    def make(
        full=lambda held, size, bucket: held >= bucket,
        begins=max,
        takes=lambda size, latency, bandwidth: latency + size / bandwidth,
        left=True,
        times=lambda sent, backward, end: (
            end,
            sum(b - a for a, b in sent) - (end - backward),
            end - backward,
        ),
    ):
        def overlap(gradients, bucket, latency, bandwidth):
            now = free = held = 0
            sent = []
            for n, (seconds, size) in enumerate(gradients):
                now += seconds
                held += size
                if full(held, size, bucket) or (left and n == len(gradients) - 1):
                    start = begins(now, free)
                    free = start + takes(held, latency, bandwidth)
                    sent.append((start, free))
                    held = 0
            return times(sent, now, max([now, *[end for _, end in sent]]))

        return overlap

    def name(what):
        return "multi-gpu.overlap", what

    crowd = make(begins=lambda now, free: now)
    yield *name("all messages at the same time"), crowd, everything
    no_pause = make(begins=lambda now, free: free or now)
    yield *name("a link without a pause"), no_pause, everything
    yield *name("the latency left out"), make(takes=lambda n, a, b: n / b), everything
    free_bytes = make(takes=lambda n, a, b: a + n * b)
    yield *name("multiplied by the bandwidth"), free_bytes, everything

    def after(gradients, bucket, latency, bandwidth):
        backward = sum(seconds for seconds, _ in gradients)
        right = make()(gradients, bucket, latency, bandwidth)
        return backward + right[1] + right[2], 0, right[1] + right[2]

    yield *name("everything after the backward pass"), after, everything

    def ended(sent, backward, end):
        return end, sum(b - a for a, b in sent if b <= backward), end - backward

    fails = {HIDDEN, BUCKETS, LEFT}
    yield *name("only messages that have ended are hidden"), make(times=ended), fails

    def begun(sent, backward, end):
        exposed = sum(b - a for a, b in sent if b > backward)
        return end, sum(b - a for a, b in sent) - exposed, exposed

    yield *name("a message is exposed as a whole"), make(times=begun), fails

    def swapped(sent, backward, end):
        return end, end - backward, sum(b - a for a, b in sent) - (end - backward)

    yield *name("exposed, then hidden"), make(times=swapped), fails

    def all_of_it(sent, backward, end):
        return end, sum(b - a for a, b in sent), end - backward

    yield *name("all messages are hidden"), make(times=all_of_it), fails

    def idle(sent, backward, end):
        return end, backward - sent[0][0], end - backward

    yield *name("hidden with the pauses"), make(times=idle), fails
    above = make(full=lambda held, size, bucket: held > bucket)
    yield *name("more than the bucket holds"), above, {BUCKETS}
    single = make(full=lambda held, size, bucket: True)
    yield *name("no buckets"), single, {BUCKETS, LEFT}
    by_size = make(full=lambda held, size, bucket: size >= bucket)
    yield *name("only large gradients fill a bucket"), by_size, {BUCKETS, LEFT}
    yield *name("the rest is not sent"), make(left=False), {LEFT}

    def capped(gradients, bucket, latency, bandwidth):
        now = free = held = talk = 0
        for seconds, size in gradients:
            if held and held + size > bucket:
                takes = latency + held / bandwidth
                free, talk, held = max(now, free) + takes, talk + takes, 0
            now, held = now + seconds, held + size
        takes = latency + held / bandwidth
        end, talk = max(now, free) + takes, talk + takes
        return end, talk - (end - now), end - now

    yield *name("a bucket holds at most so much"), capped, {BUCKETS, LEFT}

    def one_more(gradients, bucket, latency, bandwidth):
        now = free = held = talk = 0
        for seconds, size in gradients:
            now, held = now + seconds, held + size
            if held >= bucket:
                takes = latency + held / bandwidth
                free, talk, held = max(now, free) + takes, talk + takes, 0
        takes = latency + held / bandwidth
        end, talk = max(now, free) + takes, talk + takes
        return end, talk - (end - now), end - now

    yield *name("an empty message at the end"), one_more, {END, HIDDEN, BUCKETS, LEFT}


def _exchanges(solution: Any) -> Iterator[Wrong]:
    everything = {SUM, STEPS, NUMBERS, ANY, KEPT}
    right = solution["exchange"]

    def name(what):
        return "multi-gpu.halving", what

    def mean(rank, n, array):
        return (yield from right(rank, n, array)) / n

    yield *name("the mean"), mean, everything

    def of_powers(rank, n, array):
        if n & (n - 1):
            raise ValueError("a power of two is needed")
        return (yield from right(rank, n, array))

    yield *name("powers of two alone"), of_powers, {ANY}

    def in_place(rank, n, array):
        total = yield from right(rank, n, array)
        array[:] = total
        return array

    yield *name("written into the vector"), in_place, {KEPT}

    def ring(rank, n, array):
        chunks = np.array_split(array, n)
        for step in range(2 * (n - 1)):
            parcel = yield (rank + 1) % n, chunks[(rank - step) % n]
            k = (rank - 1 - step) % n
            chunks[k] = chunks[k] + parcel if step < n - 1 else parcel
        return np.concatenate(chunks)

    yield *name("a ring"), ring, {STEPS, ANY}

    def doubling(rank, n, array):
        power = 2 ** (n.bit_length() - 1)
        total, distance = array, 1
        if rank >= power:
            yield rank - power, array
            for _ in range(power.bit_length()):
                parcel = yield
            return parcel
        if n > power:
            parcel = yield
            total = total if parcel is None else total + parcel
        while distance < power:
            total = total + (yield rank ^ distance, total)
            distance *= 2
        if rank < n - power:
            yield rank + power, total
        return total

    yield *name("whole vectors exchanged"), doubling, {NUMBERS, ANY}

    def tree(rank, n, array):
        total, distance, parent = array, 1, None
        while distance < n:
            if rank & distance:
                parent = distance
                yield rank - distance, total
                break
            parcel = yield
            total = total if parcel is None else total + parcel
            distance *= 2
        far = 1 << (n - 1).bit_length()
        for _ in range((far // max(distance, 1)).bit_length() - 2 if parent else 0):
            yield  # the others go on adding
        while far > 1:
            far //= 2
            if parent == far:
                total = yield
            elif rank % (2 * far) == 0 and rank + far < n:
                yield rank + far, total
            else:
                yield
        return total

    yield *name("a tree"), tree, {NUMBERS, ANY}

    def hub(rank, n, array):
        if rank:
            for step in range(1, 2 * n - 1):
                parcel = yield (0, array) if step == rank else None
                if step == n - 1 + rank:
                    return parcel
        total = array
        for _ in range(1, n):
            total = total + (yield)
        for other in range(1, n):
            yield other, total
        return total

    yield *name("a hub"), hub, {STEPS, NUMBERS, ANY}

    def crowded(rank, n, array):
        if rank:
            yield 0, array
            return (yield)
        total = array
        for _ in range(1, n):
            total = total + (yield)
        return total

    yield *name("all send to device 0 at once"), crowded, everything

    def half_way(rank, n, array):
        total, low, high, distance = array.copy(), 0, len(array), n // 2
        while distance:
            middle = (low + high) // 2
            mine, theirs = slice(low, middle), slice(middle, high)
            if rank & distance:
                mine, theirs = theirs, mine
            parcel = yield rank ^ distance, total[theirs]
            total[mine] = total[mine] + parcel
            low, high, distance = mine.start, mine.stop, distance // 2
        return total

    yield *name("without the way back"), half_way, everything

    def even(rank, n, array):
        if len(array) % n:
            raise ValueError("the vector cannot be divided")
        return (yield from right(rank, n, array))

    yield *name("vectors that can be divided"), even, {ANY}

    def cut_off(rank, n, array):
        size = len(array) // n * n
        return (yield from right(rank, n, array[:size]))

    yield *name("the rest cut off"), cut_off, {ANY}

    def sends(rank, n, array):
        yield rank, array
        return array * n

    yield *name("to itself"), sends, everything

    def chunk_alone(rank, n, array):
        yield array
        return array * n

    yield *name("a chunk without a device"), chunk_alone, everything

    def endless(rank, n, array):
        while True:
            yield

    yield *name("without end"), endless, everything
    yield *name("no generator"), lambda rank, n, array: array * n, everything

    def twice(rank, n, array):
        yield from right(rank, n, array)
        return (yield from right(rank, n, array))

    yield *name("done twice"), twice, {STEPS, NUMBERS, ANY}


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
    yield from _exchanges(solution)
    yield from _overlaps()
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
    yield from _exchanges(solution)
    yield from _overlaps()
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
