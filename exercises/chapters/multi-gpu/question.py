"""Questions of the chapter *Data parallelism*.

All devices run in one process, one after another: a program of a device is a generator, a shard is
a slice of an array. The results are compared with the calculation on the whole. No time is
measured: where seconds are asked for, they follow from the inputs.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from itertools import islice, pairwise

import numpy as np
from d2lexercises.comparer import got_text
from d2lexercises.devices import Alone, in_step, need_programs, run_alone
from d2lexercises.kinds import came_instead, kind_of, one_number, whole
from d2lexercises.running import plain
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Unfit,
    WrongKind,
    compare,
    free_text,
    function,
    question,
)

# -- multi-gpu.loss ------------------------------------------------------------------------------

LOSS = question(
    "multi-gpu.loss", "The loss of one replica", takes=function, minutes=5, difficulty=1
)


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
            number = f.array(value)
            if number.size != 1:
                came = tuple(number.shape)
                raise WrongKind(f"A loss is one number; what came has the shape {came}.")
            found.append([f.dense_gradients(loss, [made])[0], number.reshape(())])
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
        "pytorch": "DDP averages the gradients, so the replicas' losses have the mean error of the "
        "whole batch as their mean.",
        "tensorflow": "A Keras optimizer sums the gradients, so the replicas' losses have the mean "
        "error of the whole batch as their sum.",
    }
    code = {
        "pytorch": "replicas * the sum of the errors / total",
        "tensorflow": "the sum of the errors / total",
    }


@LOSS.aspect("unequal shards", 2, over="unequal")
class UnequalShards(Loss):
    """A mean of means is the mean of all rows only for equal shards. Each row of the batch has the
    same weight, whichever replica has it."""

    code = "divide by total, not by the number of rows in Y"


@LOSS.aspect("rows that do not count", 2, over="repeated")
class RowsThatDoNotCount(Loss):
    """A repetition is in another shard already, or in this one. Its error must neither add to the
    loss nor to a gradient."""

    code = "counts * errors, before the sum"


@LOSS.aspect("a shard without rows", 1, over="empty")
class ShardWithoutRows(Loss):
    """The mean of no rows is nan. The loss of an empty shard is 0 and still has gradients, all 0,
    because the other replicas wait for them. A constant 0 has none."""

    code = "a sum over no rows is 0, and depends on Y"


# -- multi-gpu.unused ----------------------------------------------------------------------------

UNUSED = question(
    "multi-gpu.unused", "Gradients that are missing", takes=function, minutes=15, difficulty=1
)


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
        number = np.generic | float | int
        found = [np.asarray(one) if isinstance(one, number) else one for one in found]
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
    """Each row has the same weight, so a replica with more rows has more. Create new tensors: +=
    changes those that you were given."""

    code = "n / sum(rows) * gradient, summed over the replicas"


@UNUSED.aspect("used by some", 2, over="some")
class UsedBySome(Unused):
    """If the loss does not depend on a parameter, what is its derivative? The rows of such a
    replica are part of the mean."""

    code = "leave out the missing gradients, and divide by sum(rows) all the same"


@UNUSED.aspect("used by none", 1, over="none", after=ALL)
class UsedByNone(Unused):
    """An optimizer with momentum moves a parameter whose gradient is zero, and leaves one alone
    whose gradient is missing."""

    code = "sum(found) if found else None"


# -- multi-gpu.rows ------------------------------------------------------------------------------

ROWS = question(
    "multi-gpu.rows", "Rows for every replica", takes=function, minutes=25, difficulty=2
)


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
        number = int(one_number(row))
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
    """The replicas' rows fit together only if all replicas deal from the same order. No row is left
    out, and a repetition is marked False."""

    code = "the seed of the order does not contain rank; place < rows counts"

    judge = need_each_once


@ROWS.aspect("as many for every replica", 1, over="usual", after=ONCE)
class AsMany(Dealt):
    """If the rows cannot be divided evenly, some replicas have one too few. They repeat a row."""

    code = "math.ceil(rows / replicas)"

    judge = need_equal_parts


@ROWS.aspect(ORDER, 2, over="usual", after=ONCE)
class AnotherOrder(Dealt):
    """The order of all rows depends on the seed and on the epoch, and the rows are dealt from that
    order. A product of both is 0 if one of them is."""

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
    """To fill up, every row may be needed several times. A slice of the missing rows is then not
    long enough."""

    code = "order[place % rows]"

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


# -- multi-gpu.overlap ---------------------------------------------------------------------------

OVERLAP = question(
    "multi-gpu.overlap",
    "What the backward pass hides",
    takes=function,
    minutes=30,
    difficulty=2,
)


def messages_of(case):
    """For each message: when it is ready, when its sending begins, and when it ends."""
    found, now, free, held = [], 0.0, 0.0, 0
    for n, (seconds, size) in enumerate(case["gradients"]):
        now, held = now + seconds, held + size
        if held >= case["bucket"] or n == len(case["gradients"]) - 1:
            begins = max(now, free)
            free = begins + case["latency"] + held / case["bandwidth"]
            found.append((now, begins, free))
            held = 0
    return found


@OVERLAP.inputs
def draw_overlap(draw):
    def case(count, bucket):
        return {
            "gradients": [[draw.number(0.5, 4, 1), draw.integer(20, 99)] for _ in range(count)],
            "bucket": bucket,
            "latency": draw.number(0.3, 1.2, 1),
            "bandwidth": draw.integer(20, 60),
        }

    def apart(case):
        """The link pauses, a message waits for it, and one is sent while the backward pass ends."""
        sent = messages_of(case)
        backward = sent[-1][0]
        return (
            any(b[1] > a[2] + 0.2 for a, b in pairwise(sent))
            and any(begins > ready + 0.2 for ready, begins, _ in sent)
            and any(begins + 0.2 < backward < ends - 0.2 for _, begins, ends in sent)
        )

    def held_after(case):
        """The bytes in the bucket after each gradient, before it is sent."""
        found, held = [], 0
        for _, size in case["gradients"]:
            held += size
            found.append(held)
            held = 0 if held >= case["bucket"] else held
        return found

    def full(case):
        """A bucket holds exactly as much as it has to, and the last one is full as well."""
        held = held_after(case)
        return case["bucket"] in held[:-1] and held[-1] >= case["bucket"] and apart(case)

    def exactly():
        """Buckets of several gradients, of which the first two fill one exactly."""
        one = case(9, draw.integer(110, 150))
        one["gradients"][1][1] = one["bucket"] - one["gradients"][0][1]
        return one

    def left():
        one = case(8, draw.integer(120, 200))
        one["gradients"][-1][1] = draw.integer(5, 15)
        return one

    def small_rest(case):
        """The last bucket holds the last gradient alone, and no bucket is filled exactly."""
        held, last = held_after(case), case["gradients"][-1][1]
        return held[-1] == last and case["bucket"] not in held and apart(case)

    single = case(draw.integer(3, 5), 10**4)
    return {
        "each": [draw.until(apart, lambda: case(draw.integer(5, 7), 1)) for _ in range(3)],
        "buckets": [draw.until(full, exactly) for _ in range(2)],
        "left": [draw.until(small_rest, left), single],
    }


@OVERLAP.shown
def shown_overlap(case):
    gradients = [tuple(one) for one in case.gradients]
    return f"overlap({gradients}, {case.bucket}, {case.latency}, {case.bandwidth})"


class Overlap(Aspect):
    what = "Seconds"

    def run(answer, case, f):
        gradients = [tuple(one) for one in case.gradients]
        found = answer(gradients, case.bucket, case.latency, case.bandwidth)
        if not isinstance(found, list | tuple):
            return found
        return [one_number(one) for one in found]

    def expect(case):
        sent = messages_of(case)
        backward, end = sent[-1][0], sent[-1][2]
        talk = sum(ends - begins for _, begins, ends in sent)
        return {
            "end": end,
            "hidden": talk - (end - backward),
            "exposed": end - backward,
        }


END, HIDDEN = "one message for each gradient", "hidden and exposed"


@OVERLAP.aspect(END, 2, over="each", part="end")
class End(Overlap):
    """Two things have to happen before a message can start: its bucket is ready, and the link has
    sent the one before. The link can be idle in between."""

    code = "free = max(now, free) + latency + size / bandwidth"

    def mistakes(case):
        sent = messages_of(case)
        talk = sum(ends - begins for _, begins, ends in sent)
        ends = {
            "This sends everything after the backward pass.": sent[-1][0] + talk,
            "This lets several messages use the link at the same time.": max(
                ready + ends - begins for ready, begins, ends in sent
            ),
            "This lets no pause occur between two messages.": sent[0][0] + talk,
        }
        rest = {"hidden": 0.0, "exposed": 0.0}  # not looked at
        return {hint: {"end": end} | rest for hint, end in ends.items()}


@OVERLAP.aspect(HIDDEN, 2, over="each", part=("hidden", "exposed"))
class Hidden(Overlap):
    """Exposed is the time from the end of the backward pass to the end of the step. All other time
    in which the link is busy is hidden, also of a message that is sent while that pass ends."""

    code = "exposed = end - now; hidden = (sum of all messages' times) - exposed"


@OVERLAP.aspect("buckets", 2, over="buckets", after=END)
class Buckets(Overlap):
    """A bucket is ready with the gradient that fills it, and that gradient belongs to it. If it
    holds exactly as many bytes as it has to, it is full."""

    code = "if held >= bucket: send it, and begin with held = 0"


@OVERLAP.aspect("a bucket that is not full", 1, over="left", after=END)
class NotFull(Overlap):
    "After the last gradient, what is left is sent, however little it is."

    code = "if held >= bucket or this is the last gradient"


# -- multi-gpu.measured --------------------------------------------------------------------------

MEASURED = free_text("multi-gpu.measured", "What an all-reduce costs", 6, minutes=40, difficulty=2)


# -- multi-gpu.ring ------------------------------------------------------------------------------

RING = question("multi-gpu.ring", "One device of a ring", takes=function, minutes=45, difficulty=3)


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


@RING.kept_inputs
def draw_pick(draw):
    return {"pick": draw.integer(0, 10**6)}


def alone(answer, came, f):
    """What a device sends and returns, given what arrives."""

    def of_one(rank, n, own, arrived):
        return run_alone([answer(rank, n, own)], arrived, lambda value: plain(value, f))

    return [of_one(**one) for one in came]


def need_numbers(found, what):
    """Raise `WrongKind` unless this is an array of numbers, which is to be what the words say."""
    if not isinstance(found, np.ndarray):
        raise WrongKind(f"An array is to be {what}; what came is {kind_of(found)}.")
    if found.dtype.kind not in "fiu":
        raise WrongKind(f"An array of numbers is to be {what}; what came has dtype {found.dtype}.")


def run_ring(answer, vectors):
    """Run the programs of all devices in step, and carry what they send."""
    n, sent = len(vectors), []
    log = [[] for _ in vectors]
    given = [vector.copy() for vector in vectors]

    def carry(parcels):
        for parcel in parcels:
            need_numbers(parcel, "sent")
        sent.append([int(parcel.size) for parcel in parcels])
        for rank, messages in enumerate(log):
            messages.append([np.array(parcels[rank]), np.array(parcels[(rank - 1) % n])])
        return [arrives.copy() for *_, (_, arrives) in log]

    programs = [answer(rank, n, vector) for rank, vector in enumerate(given)]
    ended = in_step(programs, carry, 4 * n + 3)
    for value in ended:
        need_numbers(value, "returned, at the end and with return")
    found = {"means": ended, "sent": sent, "given": given}
    return {**found, "log": log, "own": vectors, "ended": ended}


def ring_in_words(vectors):
    first = np.array2string(vectors[0][:3], precision=3, separator=", ")
    size = vectors[0].size
    return f"n = {len(vectors)}, vectors of length {size}; that of device 0 begins {first}"


class Ring(Aspect):
    referee = Alone

    def run(answer, given, f):
        return run_ring(answer, given.mean)

    def again(answer, came, f):
        return alone(answer, came, f)

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
    """If device 3 sends chunk 2 in some step, device 2 sends chunk 1: all sent chunks differ. In
    the first n - 1 steps a device adds what arrives, later it replaces."""

    code = "send chunk (rank - step) % n; what arrives belongs to chunk (rank - 1 - step) % n"


@RING.aspect("chunks of unequal size", 1)
class UnequalChunks(Aspect):
    """A vector need not be a multiple of n, and chunks may be empty. If you fill it up, you send
    more than there is. A single device sends nothing."""

    code = "np.array_split(array, n)"

    form = [{"means": [np.ndarray], "sent": [[int]]}]
    referee = Alone

    def run(answer, given, f):
        return [run_ring(answer, vectors) for vectors in given.unequal]

    def again(answer, came, f):
        return alone(answer, came, f)

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
    """A device sends one chunk in each of 2 (n - 1) steps. Whole vectors that go round give the
    same mean and n / 2 times the bytes."""

    code = "parcel = yield chunks[...]"


@RING.aspect("the vector that was given", 1, part="given", after=MEAN)
class VectorGiven(Ring):
    """The chunks are views of the vector that you were given. An operation in place changes it."""

    code = "chunks[k] = chunks[k] + parcel"


# -- multi-gpu.halving ---------------------------------------------------------------------------

HALVING = question(
    "multi-gpu.halving",
    "The bytes of a ring in fewer steps",
    takes=function,
    minutes=150,
    difficulty=3,
)


@HALVING.inputs
def draw_halving(draw):
    def vectors(n, length):
        return [draw.rng.normal(size=length) for _ in range(n)]

    powers = [(2, 2 * draw.integer(2, 4)), (4, 4 * draw.integer(2, 4)), (8, 8 * draw.integer(2, 4))]
    others = [draw.integer(5, 7), draw.choice([9, 10, 11, 12, 13, 14, 15])]
    return {
        "powers": [{"vectors": vectors(*sizes)} for sizes in powers],
        "any": [{"vectors": vectors(n, 2 * draw.integer(10, 12) * n + 1)} for n in (1, 3, *others)],
    }


HALVING.kept_inputs(draw_pick)


def deliver(parcels, running):
    """What each device receives of what was sent, by rank: `parcels` holds (from, to, array)."""
    inbox = {}
    for rank, to, array in parcels:
        if to not in running:
            raise WrongKind(f"Device {rank} sends to device {to}, which has returned.")
        if to in inbox:
            raise WrongKind(f"Two arrays are sent to device {to} in the same step.")
        inbox[to] = array
    return inbox


def parcel_of(message, rank, n):
    """The receiver and the array that a program has yielded."""
    if not isinstance(message, tuple | list) or len(message) != 2:
        raise WrongKind(f"A yield of a device and an array is expected; {came_instead(message)}.")
    to, array = whole(message[0]), message[1]
    if not isinstance(to, int) or not 0 <= to < n or to == rank:
        raise WrongKind(
            f"Device {rank} of {n} can send to the others, integers from 0 to {n - 1}; what came "
            f"is {got_text(message[0])}."
        )
    need_numbers(array, "sent")
    return to, np.array(array)  # whose copy() may be the student's


def run_exchange(answer, vectors):
    """Run the programs of all devices in step, and deliver what they send."""
    n = len(vectors)
    given = [vector.copy() for vector in vectors]
    programs = {rank: answer(rank, n, vector) for rank, vector in enumerate(given)}
    need_programs(programs.values())
    inbox, sums, sent, steps = {}, [None] * n, [0] * n, 0
    log = [[] for _ in vectors]
    while programs:
        parcels = []
        for rank, program in [*programs.items()]:
            try:
                message = program.send(inbox.get(rank))
            except StopIteration as end:
                sums[rank] = end.value
                del programs[rank]
                continue
            sends = None
            if message is not None:
                to, array = parcel_of(message, rank, n)
                sends = plain([message[0], array], None)
                sent[rank] += int(array.size)
                parcels.append((rank, to, array))
            log[rank].append([sends, None])
        steps += bool(programs)
        if steps > 4 * n + 8:
            raise Unfit(f"The programs have not ended after {steps} steps.")
        inbox = deliver(parcels, programs)
        for rank, array in inbox.items():
            log[rank][-1][1] = array.copy()
    return {
        "sum on device": sums,
        "steps": steps,
        "numbers sent by device": sent,
        "given vector of device": given,
        **{"log": log, "own": vectors, "ended": sums},
    }


@HALVING.shown
def shown_halving(case):
    return ring_in_words(case.vectors)


class Exchange(Aspect):
    what = "Result"
    referee = Alone

    def run(answer, case, f):
        return run_exchange(answer, case.vectors)

    def again(answer, came, f):
        return alone(answer, came, f)

    def expect(case):
        vectors = case.vectors
        n, size = len(vectors), vectors[0].size
        evenly = n & (n - 1) == 0 and size % n == 0
        sent = 2 * (n - 1) * size // n if evenly else Between(0, 3 * size)
        return {
            "sum on device": [np.sum(vectors, axis=0)] * n,
            "steps": Between(0, 2 * (n - 1).bit_length()),
            "numbers sent by device": [sent] * n,
            "given vector of device": vectors,
        }


SUM = "the sum, on every device"


@HALVING.aspect(SUM, 3, over="powers", part="sum on device")
class Sum(Exchange):
    """Let pairs of devices exchange halves, and each add one half. Two devices that keep the same
    half, in different pairs, have the same task again."""

    code = "partner = rank ^ distance, for the distances n / 2, ..., 2, 1, and then back"


@HALVING.aspect("few steps", 2, over="powers", part="steps", after=SUM)
class FewSteps(Exchange):
    """In each step down, the part for which a device is responsible becomes half as long. After
    how many steps is it one n-th?"""

    code = "log2(n) steps down, log2(n) steps back"


@HALVING.aspect("few numbers", 2, over="powers", part="numbers sent by device", after=SUM)
class FewNumbers(Exchange):
    """A device sends half of the part for which it is responsible, not the whole vector. On the way
    back it sends only what is complete."""

    code = "M / 2 + M / 4 + ... + M / n on the way down, and as many on the way back"


@HALVING.aspect(
    "any number of devices, any length",
    2,
    over="any",
    part=("sum on device", "steps", "numbers sent by device"),
    after=SUM,
)
class AnyNumber(Exchange):
    """Let only a power of two of the devices exchange halves. Each of the others hands its vector
    to one of them before, and gets the sum after. Halves may differ in length."""

    code = "2 ** (n.bit_length() - 1)  # devices; middle = (low + high) // 2"


@HALVING.aspect(
    "the vectors that were given", 1, over="powers", part="given vector of device", after=SUM
)
class VectorsGiven(Exchange):
    "A slice of an array is a view, and an operation in place on it changes the array."

    code = "total = array.copy()"
