"""Questions of the chapter *Many devices*.

All devices are played in one process, one after another: a program of a ring is a generator, a
shard is a slice of an array. What comes out is compared with the calculation on the whole.
"""

from __future__ import annotations

import inspect
import math
import random
from collections import Counter
from collections.abc import Iterable
from itertools import islice

import numpy as np
from d2lexercises.comparer import got_text
from d2lexercises.kinds import came_instead, kind_of
from d2lexercises.vocabulary import Aspect, Unfit, WrongKind, compare, function, question

# -- multi-gpu.ring ------------------------------------------------------------------------------

RING = question("multi-gpu.ring", "One device of a ring", takes=function)


@RING.inputs
def draw_ring(draw):
    def vectors(n, length):
        return [draw.rng.normal(size=length) for _ in range(n)]

    n = draw.integer(3, 5)
    unequal = [(draw.integer(4, 5), draw.integer(2, 3)), (3, 3 * draw.integer(2, 4) + 1)]
    unequal += [(1, draw.integer(2, 5)), (2, 2 * draw.integer(2, 4) + 1)]
    return {
        "mean": vectors(n, n * draw.integer(2, 4)),
        "unequal": [vectors(*sizes) for sizes in unequal],
    }


def run_ring(answer, vectors):
    """Run the programs of all devices in step, and carry what they send."""
    n = len(vectors)
    given = [vector.copy() for vector in vectors]
    programs = [answer(rank, n, vector) for rank, vector in enumerate(given)]
    if not all(inspect.isgenerator(program) for program in programs):
        came = kind_of(programs[0])
        raise WrongKind(f"A generator is expected, a function with a yield; what came is {came}.")
    sent, arrived, ended = [], [None] * n, [None] * n
    for step in range(4 * n + 4):
        parcels, done = [], []
        for rank, program in enumerate(programs):
            try:
                parcels.append(program.send(arrived[rank]))
            except StopIteration as end:
                ended[rank] = end.value
                done.append(rank)
        if done:
            if len(done) < n:
                raise WrongKind(
                    f"Of {n} devices number {done[0]} ends after {step} steps and others do not."
                )
            break
        for parcel in parcels:
            if not isinstance(parcel, np.ndarray):
                raise WrongKind(f"An array is to be sent; what came is {kind_of(parcel)}.")
        sent.append([int(parcel.size) for parcel in parcels])
        arrived = [parcels[(rank - 1) % n].copy() for rank in range(n)]
    else:
        raise WrongKind(f"The programs have not ended after {step + 1} steps.")
    for value in ended:
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            raise WrongKind(
                f"An array is to be returned, at the end and with return; what came is "
                f"{kind_of(value)}."
            )
    return {"means": ended, "sent": sent, "given": given}


def ring_in_words(vectors):
    first = np.array2string(vectors[0][:3], precision=3, separator=", ")
    size = vectors[0].size
    return f"{len(vectors)} devices with vectors of length {size}; that of device 0 begins {first}"


class Ring(Aspect):
    def run(answer, given, f):
        return run_ring(answer, given.mean)

    def expect(given):
        vectors = given.mean
        n = len(vectors)
        return {
            "means": [np.mean(vectors, axis=0)] * n,
            "sent": [[vectors[0].size // n] * n] * (2 * (n - 1)),
            "given": vectors,
        }

    def shown(given):
        return ring_in_words(given.mean)


MEAN = "the mean, on every device"


@RING.aspect(MEAN, 2, part="means")
class Mean(Ring):
    """Send chunk rank - step, receive chunk rank - 1 - step, both modulo n. Add in the first n - 1
    steps, keep what arrives in the others, and divide by n once."""


@RING.aspect("chunks of unequal size", 1)
class UnequalChunks(Aspect):
    """np.array_split makes n chunks of any vector, some of them empty if need be; reshape and
    np.split do not, and to fill up sends more. One device has nothing to send."""

    form = [{"means": [np.ndarray], "sent": [[int]]}]

    def run(answer, given, f):
        return [run_ring(answer, vectors) for vectors in given.unequal]

    def judge(given, found):
        compare(len(found), len(given.unequal), "Rings")
        for vectors, one in zip(given.unequal, found, strict=True):
            n, shown = len(vectors), ring_in_words(vectors)
            means = [np.mean(vectors, axis=0)] * n
            compare(one["means"], means, "Mean on device", shown=shown)
            if len(one["sent"]) != 2 * (n - 1):
                continue  # so many steps are another matter
            sizes = sorted(part.size for part in np.array_split(vectors[0], n))
            what = "Numbers sent in a step, when all chunks are on their way"
            for parcels in one["sent"]:
                compare(sorted(parcels), sizes, what, shown=shown)


@RING.aspect("what is sent", 2, part="sent", after=MEAN)
class Sent(Ring):
    "2 (n - 1) steps, and in each one chunk of every device, an n-th of the vector."


@RING.aspect("the vector that was given", 1, part="given", after=MEAN)
class VectorGiven(Ring):
    """The chunks are views of the vector. chunks[k] = chunks[k] + parcel makes a new array; += and
    /= write into the old one."""


# -- multi-gpu.loss ------------------------------------------------------------------------------

LOSS = question("multi-gpu.loss", "The loss of one replica", takes=function)


@LOSS.inputs
def draw_loss(draw):
    def case(shards):
        """Shards with so many rows that count, and so many that do not."""
        inputs, outputs = draw.integer(2, 5), draw.integer(2, 4)
        parts = []
        for counted, repeated in shards:
            rows = counted + repeated
            x, t = draw.data(rows, inputs), draw.data(rows, outputs)
            counts = np.array([1.0] * counted + [0.0] * repeated, np.float32)
            counts = counts[draw.rng.permutation(rows)] if rows else counts
            parts.append({"x": x, "t": t, "counts": counts})
        return {"layer": draw.dense(inputs, outputs), "shards": parts}

    size, few = draw.integer(3, 6), draw.integer(1, 2)
    unequal = [(few, 0), (few + draw.integer(3, 6), 0), (few + draw.integer(3, 6), 0)]
    repeated = [(draw.integer(2, 3), 2), (draw.integer(4, 6), 0), (draw.integer(2, 4), 1)]
    empty = [(draw.integer(3, 5), 0), (0, 0), (draw.integer(2, 4), 0), (0, 2)]
    return {
        "equal": case([(size, 0)] * draw.integer(2, 4)),
        "unequal": case(draw.shuffled(unequal)),
        "repeated": case(draw.shuffled(repeated)),
        "empty": case(draw.shuffled(empty)),
    }


@LOSS.shown
def shown_loss(case):
    counted = [int(part.counts.sum()) for part in case.shards]
    rows = [len(part.counts) for part in case.shards]
    return f"{len(rows)} replicas with {rows} rows, of which {counted} count"


class Loss(Aspect):
    form = [[[(np.ndarray, None), (np.ndarray, None)], np.ndarray]]

    def run(answer, case, f):
        total, found = int(sum(part.counts.sum() for part in case.shards)), []
        for part in case.shards:
            made = f.dense(**case.layer)
            x, t, counts = f.tensor(part.x), f.tensor(part.t), f.tensor(part.counts)

            def loss(made=made, x=x, t=t, counts=counts):
                return answer(made(x), t, counts, total, len(case.shards))

            value = loss()
            if not hasattr(value, "shape") or isinstance(value, np.generic | np.ndarray):
                raise WrongKind(f"A loss is a tensor; what came is {kind_of(value)}.")
            if tuple(value.shape) != ():
                came = tuple(value.shape)
                raise WrongKind(f"A loss is one number, of shape (); what came has shape {came}.")
            found.append([f.dense_gradients(loss, [made])[0], f.array(value)])
        return found

    def judge(case, found, framework):
        gradients, losses = ([part[n] for part in found] for n in (0, 1))
        x, t, counts = (
            np.concatenate([part[name] for part in case.shards]).astype(np.float64)
            for name in ("x", "t", "counts")
        )
        errors = x @ case.layer.kernel + case.layer.bias - t
        back = 2 * errors * counts[:, None] / counts.sum()
        expected = {"kernel": x.T @ back, "bias": back.sum(0)}
        shapes = {name: np.zeros(array.shape) for name, array in expected.items()}
        missing = "no gradient arrives, so the loss does not depend on Y"
        each = [shapes] * len(case.shards)
        compare(gradients, each, "Gradient of replica", tolerance=np.inf, missing=missing)
        kernel, bias = (
            np.sum([pair[n].astype(float) for pair in gradients], axis=0) for n in (0, 1)
        )
        how, count = ("averaged", len(found)) if framework == "pytorch" else ("summed", 1)
        total = {"kernel": kernel / count, "bias": bias / count}
        compare(total, expected, f"Gradient, {how} over the replicas", framework=framework)
        compare(losses, [np.zeros(())] * len(losses), "Loss of replica", tolerance=np.inf)
        whole = np.asarray((errors**2).sum(1) @ counts / counts.sum())
        together = np.asarray(np.sum([loss.astype(float) for loss in losses]) / count)
        compare(together, whole, f"Loss, {how} over the replicas")


@LOSS.aspect("equal shards", 1, over="equal")
class EqualShards(Loss):
    hint = {
        "pytorch": "DDP takes the mean of the replicas' gradients: the sum of the errors, over "
        "total, times replicas.",
        "tensorflow": "A Keras optimizer sums the replicas' gradients: the sum of the errors, over "
        "total.",
    }


@LOSS.aspect("unequal shards", 2, over="unequal")
class UnequalShards(Loss):
    """The mean of means is the mean only for equal shards. Divide by total, not by the replica's
    own rows."""


@LOSS.aspect("rows that do not count", 2, over="repeated")
class RowsThatDoNotCount(Loss):
    "Multiply the errors of the rows by counts before you add them up."


@LOSS.aspect("a shard without rows", 1, over="empty")
class ShardWithoutRows(Loss):
    """The mean of nothing is nan, and so is every sum with it. A sum of nothing is 0, and has
    gradients, all 0, that the other replicas wait for. A 0 of your own has none."""


# -- multi-gpu.unused ----------------------------------------------------------------------------

UNUSED = question("multi-gpu.unused", "Gradients that are missing", takes=function)


@UNUSED.inputs
def draw_unused(draw):
    def case(used):
        """`used` says for each parameter which replicas have a gradient."""
        shapes = [draw.integers(1, 4, draw.integer(0, 2)) for _ in used]
        replicas = len(used[0])
        rows = draw.integers(1, 9, replicas)
        rows[draw.integer(0, replicas - 1)] += 10
        gradients = [
            [
                draw.data(*shape) if flags[replica] else None
                for shape, flags in zip(shapes, used, strict=True)
            ]
            for replica in range(replicas)
        ]
        return {"gradients": gradients, "rows": rows}

    replicas = draw.integer(3, 5)

    def some():
        flags = [True, False, *(bool(draw.integer(0, 1)) for _ in range(replicas - 2))]
        return draw.shuffled(flags)

    nobody = [[False] * replicas] * draw.integer(2, 4)
    everyone = [[True] * replicas] * draw.integer(2, 4)
    return {
        "all": case(everyone),
        "some": case([some() for _ in range(draw.integer(3, 5))]),
        "none": case(draw.shuffled([*nobody, *everyone])),
    }


@UNUSED.shown
def shown_unused(case):
    users = [
        [rank for rank, one in enumerate(entries) if one is not None]
        for entries in zip(*case.gradients, strict=True)
    ]
    return f"rows={case.rows}; the parameters are used by these replicas: {users}"


class Unused(Aspect):
    def run(answer, case, f):
        given = [
            [None if one is None else f.tensor(one) for one in replica]
            for replica in case.gradients
        ]
        found = answer(given, case.rows)
        if not isinstance(found, list | tuple):
            raise WrongKind(f"A list is expected; what came is {kind_of(found)}.")
        # 0-dim arrays of NumPy's turn into numbers as soon as one calculates with them.
        found = [np.asarray(one) if isinstance(one, np.generic) else one for one in found]
        combined = [None if one is None else f.array(one) for one in found]
        return {"gradients": combined, "those that were given": given}

    def expect(case):
        def combined(entries):
            parts = [
                n * one.astype(np.float64)
                for n, one in zip(case.rows, entries, strict=True)
                if one is not None
            ]
            return np.asarray(sum(parts) / sum(case.rows)) if parts else None

        gradients = [combined(entries) for entries in zip(*case.gradients, strict=True)]
        return {"gradients": gradients, "those that were given": case.gradients}


ALL = "used by all replicas"


@UNUSED.aspect(ALL, 2, over="all")
class UsedByAll(Unused):
    """Weight each replica's gradient by its rows and divide by all rows. Make new tensors; +=
    writes into those that you were given."""


@UNUSED.aspect("used by some", 2, over="some")
class UsedBySome(Unused):
    """A missing gradient counts as zero, and the rows of its replica count as well: divide by the
    rows of all replicas."""


@UNUSED.aspect("used by none", 1, over="none", after=ALL)
class UsedByNone(Unused):
    "If no replica has a gradient, return None for that parameter, not zeros."


# -- multi-gpu.rows ------------------------------------------------------------------------------

ROWS = question("multi-gpu.rows", "Rows for every replica", takes=function)


@ROWS.inputs
def draw_rows(draw):
    def case(rows, replicas, seed=None, epoch=None):
        seed = draw.integer(10, 10**6) if seed is None else seed
        seeds = [seed, draw.integer(10, 10**6)]
        epoch = draw.integer(1, 50) if epoch is None else epoch
        return {"rows": rows, "replicas": replicas, "seeds": seeds, "epoch": epoch}

    even, *odd = draw.integers(3, 7, 3)
    usual = [case(even * draw.integer(6, 9), even)]
    # A seed that is 0, and the first epoch, take no others' place.
    for n, zero in zip(odd, ({"seed": 0}, {"epoch": 0}), strict=True):
        usual.append(case(n * draw.integer(6, 9) + draw.integer(1, n - 1), n, **zero))
    few = [case(draw.integer(2, 3), draw.integer(8, 12)) for _ in range(2)]
    return {"usual": usual, "few": few}


def number_of(row):
    try:
        number = int(row)
    except (TypeError, ValueError, OverflowError):
        came = got_text(row)
        raise WrongKind(f"The number of a row is expected; what came is {came}.") from None
    return max(-(2**63), min(number, 2**63 - 1))


def lists_of(answer, case, rank, epoch, seed):
    """The rows of one replica: for each its number, and whether it counts."""
    pair = answer(case.rows, case.replicas, rank, epoch, seed)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise WrongKind(
            f"Two lists are expected, all numbers and then all flags; {came_instead(pair)}."
        )
    for part in pair:
        if not isinstance(part, Iterable):
            raise WrongKind(f"Two lists are expected; one of the two is {kind_of(part)}.")
    numbers, counts = ([*islice(part, 2 * case.rows)] for part in pair)  # may never end
    if len(numbers) != len(counts):
        lengths = f"{len(numbers)} and {len(counts)}"
        raise WrongKind(f"Two lists of one length are expected, got {lengths}.")
    return [[number_of(one), bool(flag)] for one, flag in zip(numbers, counts, strict=True)]


def without_a_trace(run):
    """What `run` returns; the usual generators are as before."""
    before = np.random.get_state(), random.getstate()
    try:
        return run()
    finally:
        np.random.set_state(before[0])
        random.setstate(before[1])


@ROWS.shown
def shown_rows(case):
    sizes = f"rows={case.rows}, replicas={case.replicas}"
    return f"{sizes}, epoch={case.epoch}, seed={case.seeds[0]}"


class Dealt(Aspect):
    form = [[[[int, bool]]]] * 4

    def run(answer, case, f):
        def dealt(epoch, seed):
            found = []
            for rank in range(case.replicas):
                # In a process of its own each replica has another state of the usual generators.
                np.random.seed(rank)
                random.seed(rank)
                found.append(lists_of(answer, case, rank, epoch, seed))
            return found

        (first, other), epoch = case.seeds, case.epoch
        keys = (epoch, first), (epoch + 1, first), (epoch, other), (epoch, first)
        return without_a_trace(lambda: [dealt(*key) for key in keys])


def need_each_once(case, found):
    for replicas in found:
        compare(len(replicas), case.replicas, "Replicas")
        counted = [row for one in replicas for row, counts in one if counts]
        every = list(range(case.rows))
        if sorted(counted) != every:
            lost = sorted(set(every) - set(counted))[:8]
            twice = sorted(row for row, times in Counter(counted).items() if times > 1)[:8]
            raise Unfit(
                f"Rows that count: each once is expected; lost {lost}, more than once {twice}, "
                f"{len(counted)} in all."
            )


def need_equal_parts(case, found):
    length = math.ceil(case.rows / case.replicas)
    for replicas in found:
        lengths = [len(one) for one in replicas]
        compare(lengths, [length] * case.replicas, "Rows of each replica")
        for rank, one in enumerate(replicas):
            if odd := [row for row, _ in one if not 0 <= row < case.rows]:
                raise Unfit(
                    f"Rows of replica {rank}: numbers from 0 to {case.rows - 1} are expected, got "
                    f"{odd[0]}. A repetition repeats a row that there is."
                )


ONCE, ORDER = "each row counts once", "another order in each epoch"


@ROWS.aspect(ONCE, 2, over="usual")
class CountsOnce(Dealt):
    """All replicas shuffle alike, so the seed must not depend on the rank. Rows that fill up are
    marked False, and the last few rows are not left out."""

    judge = need_each_once


@ROWS.aspect("as many for every replica", 1, over="usual", after=ONCE)
class AsMany(Dealt):
    """Each replica takes math.ceil(rows / replicas) rows; who has one too few repeats one."""

    judge = need_equal_parts


@ROWS.aspect(ORDER, 2, over="usual", after=ONCE)
class AnotherOrder(Dealt):
    """Shuffle all rows before they are dealt, with a generator made from both numbers, the seed and
    the epoch."""

    code = "np.random.default_rng([seed, epoch])"

    def judge(case, found):
        first, later, other, again = found
        if first != again:
            return "The same arguments gave other lists the second time."
        for what, replicas in (("the next epoch", later), ("another seed", other)):
            if replicas == first:
                return f"Another order is expected in {what}, got the same."
            # The same sets of rows, in another order or with another replica: not dealt anew.
            before, now = (
                {frozenset(row for row, _ in one) for one in some} for some in (first, replicas)
            )
            if before == now:
                return (
                    f"The same rows are together again in {what}, in another order or with another "
                    "replica at best."
                )


@ROWS.aspect("fewer rows than replicas", 1, over="few", after=ONCE)
class Fewer(Dealt):
    """Filling up may need every row several times: go round with place % rows. A slice
    order[:missing] is not long enough."""

    def judge(case, found):
        need_each_once(case, found)
        need_equal_parts(case, found)


@ROWS.aspect("the generators of others", 1, after=(ONCE, ORDER))
class OthersGenerators(Aspect):
    hint = {
        "pytorch": "np.random.seed, random.seed and torch.manual_seed change the generator that "
        "everyone uses. np.random.default_rng makes one of your own.",
        "tensorflow": "np.random.seed, random.seed and tf.random.set_seed change the generator "
        "that everyone uses. np.random.default_rng makes one of your own.",
    }
    what = "Global generators that are as before"

    def run(answer, given, f):
        def states():
            numpy, python = np.random.get_state()[1].tolist(), list(random.getstate()[1])
            if f.key == "pytorch":
                import torch

                return numpy, python, torch.get_rng_state().tolist()
            import tensorflow as tf

            # The global seed, which is set and cannot be asked for but in this way.
            return numpy, python, [str(one) for one in tf.compat.v1.get_seed(0)]

        def same():
            case, before = given.usual[-1], states()
            lists_of(answer, case, 0, case.epoch, case.seeds[0])
            return [a == b for a, b in zip(before, states(), strict=True)]

        return without_a_trace(same)

    def expect(given, framework):
        own = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}[framework]
        return dict.fromkeys(("NumPy", "Python", own), True)

    def shown(given):
        return shown_rows(given.usual[-1])
