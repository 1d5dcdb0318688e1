"""Questions of the chapter *When the model does not fit*.

All devices are played in one process, one after another: the program of a device is a generator
that gives away what it sends. Every expected result is calculated from the whole arrays.
"""

from __future__ import annotations

import copy
import math
from itertools import islice

import numpy as np
from d2lexercises.devices import Alone, in_step, run_alone
from d2lexercises.kinds import came_instead, kind_of, one_number, parts_in, whole
from d2lexercises.networks import attribute
from d2lexercises.running import plain
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Number,
    Unfit,
    WrongKind,
    any_class,
    free_text,
    function,
    question,
)

# -- sharding.memory -----------------------------------------------------------------------------

MEMORY = question("sharding.memory", "Bytes a device", takes=function, minutes=5, difficulty=1)


@MEMORY.inputs
def draw_memory(draw):
    def cases(remainder):
        found = []
        for stage in draw.shuffled([0, 1, 2, 3]):
            devices = draw.integer(3, 600)
            parameters = devices * draw.integer(10**6, 10**8)
            parameters += draw.integer(1, devices // 2) if remainder else 0
            found.append({"parameters": parameters, "devices": devices, "stage": stage})
        return found

    return {"even": cases(remainder=False), "uneven": cases(remainder=True)}


@MEMORY.shown
def shown_memory(case):
    return f"zero_bytes({case.parameters}, {case.devices}, stage={case.stage})"


class ZeroBytes(Aspect):
    what = "Bytes"

    def run(answer, case, f):
        return whole(answer(case.parameters, case.devices, case.stage))

    def expect(case):
        share = -(-case.parameters // case.devices)
        each = zip((2, 2, 12), (3, 2, 1), strict=True)  # bytes, and the stage that divides them
        return sum(n * (share if case.stage >= stage else case.parameters) for n, stage in each)


@MEMORY.aspect("the three stages", 3, over="even")
class Stages(ZeroBytes):
    """Stage 1 divides the 12 bytes of the optimizer. Stage 2 divides the gradients too, and stage 3
    the weights."""

    code = "(share if stage >= 3 else parameters) * 2  # the weights"

    def mistakes(case):
        p, share = case.parameters, case.parameters // case.devices
        return {
            "Of the 12 bytes, 4 are for the float32 copy of the weights; Adam divides it too.": [
                12 * p,
                4 * p + 8 * share,
                2 * p + 10 * share,
                12 * share,
            ][case.stage]
        }


@MEMORY.aspect("a remainder", 1, over="uneven", after="the three stages")
class Remainder(ZeroBytes):
    "Some device gets one parameter more than others if the division leaves a remainder."

    code = "share = math.ceil(parameters / devices)"


# -- sharding.collectives ------------------------------------------------------------------------

COLLECTIVES = question(
    "sharding.collectives", "Ring or tree?", takes=function, minutes=15, difficulty=1
)


def crossing(case):
    """The size, not rounded, from which the ring takes less time than the tree."""
    n, levels = case["n"], math.ceil(math.log2(case["n"]))
    more = max(0, n - 1 - levels)
    return more * case["latency"] * case["bandwidth"] / (levels - (n - 1) / n)


@COLLECTIVES.inputs
def draw_collectives(draw):
    def case(n):
        def one():
            return {
                "n": n,
                "size": draw.integer(10**3, 10**8),
                "latency": draw.number(2e-6, 4e-5, digits=8),
                "bandwidth": draw.number(1e9, 4e11, digits=-8),
            }

        return draw.until(lambda case: n < 4 or 0.05 < crossing(case) % 1 < 0.95, one)

    between = [n for n in range(5, 60) if 0.2 < math.log2(n) % 1 < 0.8]
    return {
        "powers": [case(2**k) for k in draw.shuffled([3, 5, 7])],
        "others": [case(draw.choice(between)) for _ in range(3)],
        "few": draw.shuffled([case(2), case(3)]),
    }


@COLLECTIVES.shown
def shown_collectives(case):
    sizes = f"{case.n}, size={case.size}"
    return f"all_reduce({sizes}, latency={case.latency:g}, bandwidth={case.bandwidth:g})"


class AllReduce(Aspect):
    what = "All-reduce"

    def run(answer, case, f):
        found = answer(case.n, case.size, case.latency, case.bandwidth)
        if not isinstance(found, tuple | list | np.ndarray) or len(found) != 3:
            raise WrongKind(f"Three values are expected; {came_instead(found)}.")
        ring, tree, smallest = found
        return [one_number(ring), one_number(tree), whole(smallest)]

    def expect(case):
        n, levels = case.n, math.ceil(math.log2(case.n))
        moved = case.size / case.bandwidth
        return {
            "ring": Number(2 * (n - 1) * (case.latency + moved / n), " s"),
            "tree": Number(2 * levels * (case.latency + moved), " s"),
            "smallest": math.floor(crossing(case)) + 1,
        }


RING, TREE, SMALLEST = "the ring", "the tree", "the smallest message"


@COLLECTIVES.aspect(RING, 1, over="powers", part="ring")
class Ring(AllReduce):
    """The ring makes n - 1 steps of reduce-scatter and n - 1 of all-gather, each with an n-th of
    the message."""

    code = "2 * (n - 1) * (latency + size / n / bandwidth)"


@COLLECTIVES.aspect(TREE, 1, over="powers", part="tree")
class Tree(AllReduce):
    """The sum takes one step for each level of the tree on its way up, and one on its way down.
    Each step carries the whole message."""

    code = "2 * levels * (latency + size / bandwidth)"


@COLLECTIVES.aspect(SMALLEST, 2, over="powers", part="smallest", after=(RING, TREE))
class Smallest(AllReduce):
    """Both times grow with the size in a straight line. The ring begins higher and grows more
    slowly. Find where the lines cross, and take the next integer."""

    code = "(n - 1 - levels) * latency * bandwidth / (levels - (n - 1) / n)"

    def mistakes(case):
        return {
            "At this size the ring is not yet faster. Take the next integer.": {
                "smallest": math.floor(crossing(case))
            }
        }


@COLLECTIVES.aspect(
    "any number of devices", 1, over="others", part=("ring", "tree", "smallest"), after=SMALLEST
)
class AnyNumber(AllReduce):
    "A tree of 5 devices has as many levels as one of 8."

    code = "levels = math.ceil(math.log2(n))"


@COLLECTIVES.aspect("two or three devices", 1, over="few", part="smallest", after=SMALLEST)
class TwoOrThree(AllReduce):
    """A ring of two or three devices has as many steps as the tree. For 0 bytes both take the same
    time, so the ring does not take less."""

    code = "math.floor(crossing) + 1  # 1 where the lines cross at 0"


# -- programs of several devices -----------------------------------------------------------------


def run_devices(programs, carry, most):
    """Run programs in step: what each device returns, and the shapes of what it sends."""
    sent = []

    def record(parcels):
        sent.append([list(parcel_of(one).shape) for one in parcels])
        return carry(parcels)

    return in_step(programs, record, most), sent


def items_of(found):
    """What a list holds, or whatever can be looped over; not more than any question needs."""
    if isinstance(found, str) or not hasattr(found, "__iter__"):
        raise WrongKind(f"A list is expected; what came is {kind_of(found)}.")
    return list(islice(found, 1000))


def parcel_of(sent):
    """What a device sends, as an array of numbers."""
    try:
        array = np.array(detached(sent))
    except Exception:  # whatever a student's object, or a framework's, raises
        array = np.array(None)
    if array.dtype.kind not in "fiu":
        raise WrongKind(f"An array or a number is to be sent; what came is {kind_of(sent)}.")
    return array


def detached(sent):
    return sent.detach() if hasattr(sent, "detach") else sent


def around(parcels):
    """Each device gets what its left-hand neighbour has sent."""
    return [copy.deepcopy(detached(parcels[rank - 1])) for rank in range(len(parcels))]


def added(parcels):
    """Each device gets the sum of what all have sent."""
    arrays = [parcel_of(one) for one in parcels]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise WrongKind(f"An all-reduce adds arrays of one shape; what came has {shapes}.")
    return [np.sum(arrays, axis=0) for _ in arrays]


def numbers_kept(thing):
    """How many numbers an object keeps: those of views of one array count once."""
    arrays, count = [], 0
    found = gather(thing, set())
    for one in sorted(found, key=np.size, reverse=True):
        if one.ndim == 0:
            count += 1
        elif not any(np.may_share_memory(one, other) for other in arrays):
            arrays.append(one)
            count += one.size
    return int(count)


def gather(thing, seen):
    """The arrays and numbers that can be reached from an object."""
    if isinstance(thing, int | float | np.number):
        return [np.array(thing)]
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return [thing]
    if hasattr(thing, "numpy"):  # a tensor: only its size matters
        return [np.broadcast_to(np.array(0.0), tuple(thing.shape))]
    if isinstance(thing, dict):
        thing = list(thing.values())
    if not isinstance(thing, list | tuple | set):
        thing = list(getattr(thing, "__dict__", {}).values())
    return [one for part in thing for one in gather(part, seen)]


# -- sharding.columns ----------------------------------------------------------------------------

COLUMNS = question(
    "sharding.columns",
    "By columns, then by rows",
    takes=any_class,
    minutes=30,
    difficulty=2,
)


def network_by_hand(case):
    """The output, and the gradients of its inner product with `back`: of X, W1, b1 and W2."""
    x, back = case.x.astype(np.float64), case.back.astype(np.float64)
    hidden = x @ case.up.kernel + case.up.bias
    active = np.maximum(hidden, 0)
    of_hidden = back @ case.down.kernel.T * (hidden > 0)
    gradients = {
        "X": of_hidden @ case.up.kernel.T,
        "W1": x.T @ of_hidden,
        "b1": of_hidden.sum(0),
        "W2": active.T @ back,
    }
    return active @ case.down.kernel + case.down.bias, gradients


@COLUMNS.inputs
def draw_columns(draw):
    def case(n, hidden):
        # None is that of the hidden layer, which some answers exchange in place of their parts.
        sizes = [size for size in range(2, 8) if size != hidden]
        rows, inputs, outputs = draw.shuffled(sizes)[:3]
        return {
            "n": n,
            "up": draw.dense(inputs, hidden),
            "down": draw.dense(hidden, outputs),
            "x": draw.data(rows, inputs),
            "back": draw.data(rows, outputs),
        }

    ranks = draw.integers(3, 5, 2)
    uneven = [(n, n * draw.integer(3, 5) + draw.integer(1, n - 1)) for n in (3, 4)]
    return {
        "even": [case(n, 2 * n * draw.integer(2, 4)) for n in ranks],
        "uneven": [case(*sizes) for sizes in [*uneven, (5, 3), (1, 6)]],
    }


@COLUMNS.shown
def shown_columns(case):
    w1, w2 = case.up.kernel.shape, case.down.kernel.shape
    return f"{case.n} devices, W1 of shape {w1}, W2 of shape {w2}, X of shape {case.x.shape}"


def double(array):
    return np.array(array, np.float64)


def parts_of(answer, case):
    """The objects of all devices, each made from arrays of its own."""
    up, down = case.up, case.down
    return [
        answer(rank, case.n, *map(double, (up.kernel, up.bias, down.kernel, down.bias)))
        for rank in range(case.n)
    ]


def both_ways(answer, case):
    """What the devices return forward and backward, what they send, and the sums of that."""
    parts = parts_of(answer, case)
    run_devices([one.forward(double(case.x)) for one in parts], added, 9)
    back = [one.backward(double(case.back)) for one in parts]
    sums = []
    ended, sent = run_devices(back, summing(sums), 9)
    for value in ended:
        if not isinstance(value, list | tuple) or len(value) != 4:
            raise WrongKind(f"backward returns four arrays; {came_instead(value)}.")
    return ended, sent, sums


def summing(sums):
    """An all-reduce that notes what it has added up."""

    def carry(parcels):
        sums.append(added(parcels)[0])
        return added(parcels)

    return carry


class Parts:
    """Judges whether what the devices sent adds up to what they returned, if they sent it once."""

    def __init__(self, case):
        self.case = case

    def noted(self, came):
        if not isinstance(came, dict):
            return came  # forged, for the judge to refuse
        sums, shapes = came.pop("sums"), came["all-reduces"]
        whole = came["Y on device" if "Y on device" in came else "dX on device"][0]
        if self.case.n > 1 and shapes == [[list(np.shape(whole))] * self.case.n]:
            need_parts(sums[0], whole, self.case.down.bias)
        return came


def need_parts(total, output, bias):
    """Raise `WrongKind` unless what was sent adds up to the output, with or without the bias."""
    for rest in (0.0, bias) if bias.shape == np.shape(output)[-1:] else (0.0,):
        if np.allclose(total + rest, output, 1e-3, 1e-5):
            return
    raise Unfit(
        "What the devices send does not add up to what they return: each sends its own part."
    )


class Forward(Aspect):
    what = "Forward"
    referee = Parts

    def run(answer, case, f):
        parts = parts_of(answer, case)
        kept = max(numbers_kept(one) for one in parts)
        sums = []
        programs = [one.forward(double(case.x)) for one in parts]
        outputs, sent = run_devices(programs, summing(sums), 9)
        found = {"Y on device": outputs, "numbers kept": kept, "all-reduces": sent}
        return {**found, "sums": sums}

    def expect(case):
        inputs, hidden = case.up.kernel.shape
        outputs = case.down.kernel.shape[1]
        share = -(-hidden // case.n)
        output, _ = network_by_hand(case)
        return {
            "Y on device": [output] * case.n,
            "numbers kept": Between(0, share * (inputs + 1 + outputs) + outputs + 8),
            "all-reduces": [[list(output.shape)] * case.n],
        }


class Backward(Aspect):
    what = "Backward"
    referee = Parts

    def run(answer, case, f):
        ended, sent, sums = both_ways(answer, case)
        return {
            "dX on device": [one[0] for one in ended],
            "own gradients on device": [one[1:] for one in ended],
            "all-reduces": sent,
            "sums": sums,
        }

    def expect(case):
        _, gradients = network_by_hand(case)
        cut = {
            name: np.array_split(gradients[name], case.n, axis)
            for name, axis in (("W1", 1), ("b1", 0), ("W2", 0))
        }
        return {
            "dX on device": [gradients["X"]] * case.n,
            "own gradients on device": [
                {f"of {name}": parts[rank] for name, parts in cut.items()} for rank in range(case.n)
            ],
            "all-reduces": [[list(case.x.shape)] * case.n],
        }


OUTPUT, OWN, OF_X = "the output", "gradients of its own weights", "the gradient of the input"


@COLUMNS.aspect(OUTPUT, 2, over="even", part="Y on device")
class Output(Forward):
    """A device computes its columns of the hidden layer from all of X, applies relu to them, and
    multiplies them by its rows of W2. The sum over the devices is the product; b2 is added once."""

    code = "total = yield np.maximum(X @ W1 + b1, 0) @ W2; return total + b2"

    def mistakes(case):
        output, _ = network_by_hand(case)
        return {
            "Every device has added b2, and the all-reduce has added them up.": {
                "Y on device": [output + (case.n - 1) * case.down.bias] * case.n,
                "numbers kept": 0,
                "all-reduces": [],
            }
        }


@COLUMNS.aspect("unequal shards", 1, over="uneven", part="Y on device")
class UnequalShards(Forward):
    """np.array_split deals out any number of hidden units. Some devices may get none, and one
    device alone gets all."""

    code = "np.array_split(W1, n, axis=1)[rank], np.array_split(W2, n)[rank]"


@COLUMNS.aspect(OWN, 2, over="even", part="own gradients on device")
class OwnGradients(Backward):
    """All that these gradients need is on the device: X, its hidden units and dY. No gradient
    passes a hidden unit whose output is 0."""

    code = "back = dY @ W2.T * (hidden > 0); return dX, X.T @ back, back.sum(0), active.T @ dY"


@COLUMNS.aspect(OF_X, 1, over="even", part="dX on device")
class OfInput(Backward):
    """Every device has used all of X, so the gradient of X is the sum over the devices."""

    code = "dX = yield back @ W1.T"


@COLUMNS.aspect("what a device keeps", 1, over="even", part="numbers kept", after=OUTPUT)
class Keeps(Forward):
    """Assign only this device's columns of W1, its part of b1 and its rows of W2 to self. b2 may be
    whole."""

    code = "self.W1 = np.array_split(W1, n, axis=1)[rank]"


@COLUMNS.aspect("one all-reduce forward", 1, over="even", part="all-reduces", after=OUTPUT)
class OneForward(Forward):
    """The hidden layer stays where it was computed. Only the output, of shape (rows, outputs), is
    summed."""

    code = "There is one yield in forward."


@COLUMNS.aspect("one all-reduce backward", 1, over="even", part="all-reduces", after=(OWN, OF_X))
class OneBackward(Backward):
    """Gradients of weights are not summed: no other device has these weights."""

    code = "There is one yield in backward."


# -- sharding.reshard ----------------------------------------------------------------------------

RESHARD = question(
    "sharding.reshard", "Saved by eight, loaded by six", takes=function, minutes=20, difficulty=2
)


@RESHARD.inputs
def draw_reshard(draw):
    def case(saved, loaded, rows):
        return {"saved": saved, "loaded": loaded, "rows": rows}

    def usual():
        a, b = draw.shuffled([3, 4, 5, 7])[:2]
        return case(a, b, a * b * draw.integer(2, 5))

    def fits(one):
        """The last shard is shorter, before and after, and np.array_split cuts in other places."""
        cuts = [[*map(len, chunks_by_hand(one["rows"], one[n]))] for n in ("saved", "loaded")]
        others = [len(part) for part in np.array_split(range(one["rows"]), one["saved"])]
        return all(0 < cut[-1] < cut[0] == cut[-2] for cut in cuts) and others != cuts[0]

    def short():
        return case(*draw.shuffled([3, 4, 5, 6, 7])[:2], draw.integer(20, 60))

    few = draw.integer(4, 6)
    return {
        "usual": [*(usual() for _ in range(2)), case(few, 1, few * draw.integer(2, 4))],
        "short": [draw.until(fits, short) for _ in range(3)],
        "empty": [
            case(draw.integer(2, 3), draw.integer(8, 9), draw.integer(4, 6)),
            case(draw.integer(8, 9), draw.integer(2, 3), draw.integer(4, 6)),
            case(4, 2, 9),
        ],
    }


def chunks_by_hand(rows, devices):
    """The rows of each device, as torch.chunk cuts them."""
    most = -(-rows // devices)
    return [range(rows)[rank * most : (rank + 1) * most] for rank in range(devices)]


@RESHARD.shown
def shown_reshard(case):
    return f"reads(rows={case.rows}, saved={case.saved}, loaded={case.loaded})"


class Reads(Aspect):
    what = "Reads of rank"

    def run(answer, case, f):
        found = answer(case.rows, case.saved, case.loaded)
        return [reads_of(rank) for rank in items_of(found)]

    def expect(case):
        old = chunks_by_hand(case.rows, case.saved)
        found = {}
        for rank, rows in enumerate(chunks_by_hand(case.rows, case.loaded)):
            common = [
                (n, [row - part.start for row in rows if row in part]) for n, part in enumerate(old)
            ]
            reads = [[n, inner[0], inner[-1] + 1] for n, inner in common if inner]
            found[f"{rank} of {case.loaded}"] = reads
        return found


def reads_of(rank):
    """The reads of a rank as lists of three integers."""
    expected = "Three integers", 3, ", the old rank, the start and the stop of a read"
    reads = [parts_in(read, *expected) for read in items_of(rank)]
    return [[whole(number) for number in read] for read in reads]


@RESHARD.aspect("equal shards", 3, over="usual")
class EqualShards(Reads):
    """Compare the rows of a new shard with those of each old one, both counted in the whole tensor.
    The common rows are read; their numbers are then counted from the start of the old shard."""

    code = "start, stop = max(a, c) - c, min(b, d) - c  # new rows a to b, old rows c to d"

    def mistakes(case):
        counted = Reads.expect(case)
        most = -(-case.rows // case.saved)
        return {
            "These rows are counted in the whole tensor, not in the old shard.": {
                rank: [[n, a + n * most, b + n * most] for n, a, b in reads]
                for rank, reads in counted.items()
            }
        }


@RESHARD.aspect("a short last shard", 1, over="short", after="equal shards")
class ShortShard(Reads):
    """Not as np.array_split does: every shard has ceil(rows / devices) rows until none are left."""

    code = "most = math.ceil(rows / devices); range(rows)[rank * most : (rank + 1) * most]"


@RESHARD.aspect("ranks without rows", 1, over="empty", after="equal shards")
class NoRows(Reads):
    """9 rows on 4 devices are 3, 3, 3 and 0. A rank without rows has an empty list, and no read is
    empty."""

    code = "if start < stop: reads.append((old, start, stop))"


# -- sharding.measured ---------------------------------------------------------------------------

MEASURED = free_text("sharding.measured", "How narrow may a shard be?", 6, minutes=40, difficulty=2)


# -- sharding.bubble -----------------------------------------------------------------------------

BUBBLE = question(
    "sharding.bubble",
    "A pipeline that keeps few micro-batches",
    takes=function,
    minutes=45,
    difficulty=3,
)


@BUBBLE.inputs
def draw_bubble(draw):
    def case(stages, batches):
        return {"stages": stages, "batches": batches}

    def usual(stages):
        return case(stages, stages + draw.integer(1, 6))

    few = draw.integer(4, 6)
    return {
        "usual": [usual(stages) for stages in draw.shuffled([3, 4, draw.integer(5, 7)])],
        "few": [
            case(few, draw.integer(2, few - 1)),
            case(draw.integer(2, 6), 1),
            case(1, draw.integer(2, 5)),
        ],
    }


@BUBBLE.shown
def shown_bubble(case):
    return f"schedule(stages={case.stages}, batches={case.batches})"


def entries_of(row):
    """What a stage does, tick by tick, as words; "" where it waits."""
    words = []
    for entry in items_of(row):
        if isinstance(entry, tuple | list) and len(entry) == 2:
            entry = f"{entry[0]}{entry[1]}"
        if entry is not None and not isinstance(entry, str):
            raise WrongKind(f'An entry is "F0", "B0" or "", for instance; got {kind_of(entry)}.')
        words.append(str(entry or "").strip().upper())
    while words and not words[-1]:
        words.pop()
    return words


def ticks_of(table, case):
    """When each piece of work is done: for each stage and word, the tick.

    Raises:
        Unfit: the table is no schedule.
    """
    stages, batches = case.stages, case.batches
    if len(table) != stages:
        raise Unfit(f"Schedule: {stages} stages are expected, got {len(table)}.")
    pieces = [f"{kind}{batch}" for kind in "FB" for batch in range(batches)]
    found = []
    for stage, row in enumerate(table):
        at = {}
        for tick, word in enumerate(row):
            if word and word not in pieces:
                raise Unfit(f"Stage {stage}, tick {tick}: {word[:20]!r} is no piece of work.")
            if word in at:
                raise Unfit(f"Stage {stage}: {word} in ticks {at[word]} and {tick}.")
            if word:
                at[word] = tick
        if missing := [word for word in pieces if word not in at]:
            raise Unfit(f"Stage {stage}: {missing[0]} is missing.")
        found.append(at)
    for stage, at in enumerate(found):
        for word in pieces:
            if word[0] == "F":
                before = (stage - 1, word) if stage else None
            else:
                before = (stage + 1, word) if stage + 1 < stages else (stage, f"F{word[1:]}")
            if before and found[before[0]][before[1]] >= at[word]:
                when = found[before[0]][before[1]]
                raise Unfit(
                    f"Stage {stage}: {word} in tick {at[word]}; it needs {before[1]} of stage "
                    f"{before[0]}, which is in tick {when}."
                )
    return found


class Schedule(Aspect):
    form = [[str]]

    def run(answer, case, f):
        table = answer(case.stages, case.batches)
        if isinstance(table, dict):
            table = table.values()
        return [entries_of(row) for row in items_of(table)]


VALID, TICKS = "an order that works", "no tick too many"


@BUBBLE.aspect(VALID, 2, over="usual")
class Valid(Schedule):
    """F0 of a stage comes after F0 of the stage before. B0 comes after B0 of the stage behind; on
    the last stage, it comes after F0. A stage does one thing a tick."""

    code = "A loop over ticks: each stage looks at what was done before this tick."

    def judge(case, found):
        ticks_of(found, case)


def need_ticks(found, case):
    """Raise `Unfit` unless a schedule has the fewest ticks."""
    ticks_of(found, case)
    least = 2 * (case.stages + case.batches - 1)
    if (ticks := max(map(len, found))) != least:
        raise Unfit(f"Ticks: expected {least}, got {ticks}.")


@BUBBLE.aspect(TICKS, 2, over="usual", after=VALID)
class NoTickTooMany(Schedule):
    """A stage that can work does not wait, except to keep few micro-batches. At best each stage
    waits 2 * (stages - 1) ticks."""

    code = "2 * (stages + batches - 1) ticks"

    def judge(case, found):
        need_ticks(found, case)


@BUBBLE.aspect("what a stage keeps", 3, over="usual", after=TICKS)
class StageKeeps(Schedule):
    """The last stage does B0 right after F0, so that it keeps one micro-batch. Each stage before it
    keeps one more. A stage that could go forward and backward goes backward."""

    code = "if B can be done: do B; elif forward - backward < stages - stage: do F"

    def judge(case, found):
        for stage, at in enumerate(ticks_of(found, case)):
            most = case.stages - stage
            begun = 0
            for word in sorted(at, key=at.get):
                begun += 1 if word[0] == "F" else -1
                if begun > most:
                    return (
                        f"Stage {stage} of {case.stages}: at most {most} micro-batches expected, "
                        f"got {begun} in tick {at[word]}."
                    )


@BUBBLE.aspect("few micro-batches", 1, over="few", after=VALID)
class Few(Schedule):
    """With fewer micro-batches than stages, no stage has enough forward work to fill its wait. With
    one stage, nothing waits."""

    code = "min(stages - stage, batches)"

    def judge(case, found):
        need_ticks(found, case)


# -- sharding.optimizer --------------------------------------------------------------------------

OPTIMIZER = question(
    "sharding.optimizer", "A sharded Adam", takes=any_class, minutes=150, difficulty=3
)


@OPTIMIZER.inputs
def draw_optimizer(draw):
    def case(n, length, sizes, norm=None):
        """Gradients of several steps whose means have these sizes, relative to a norm."""
        steps = []
        for size in sizes:
            gradients = [draw.rng.normal(size=length) + draw.rng.normal() for _ in range(n)]
            mean = np.linalg.norm(np.mean(gradients, axis=0))
            steps.append([gradient * (size / mean) for gradient in gradients])
        return {
            "n": n,
            "weights": draw.rng.normal(size=length),
            "gradients": steps,
            "rate": draw.number(0.2, 0.5),
            "eps": draw.number(0.1, 0.3),
            "norm": 1e9 if norm is None else norm,
        }

    def length(n):
        return n * draw.integer(20, 30)

    n, norm = draw.integer(3, 5), draw.number(1.0, 2.0)
    few = [draw.number(2, 5) for _ in range(3)]
    relative = draw.shuffled([3.1, 0.3, 1.9, 0.5])
    pairs = [(3, 3 * draw.integer(4, 6) + 1), (5, 5 * draw.integer(4, 6) + 3), (4, 3), (1, 6)]
    return {
        "one": case(n, length(n), few[:1]),
        "several": case(n, length(n), [*few, 0.5]),
        "unequal": [case(*pair, few[:2]) for pair in pairs],
        "clipped": [
            case(n, length(n), [norm * one for one in relative], norm),
            case(2, length(4), [norm * one for one in (0.4, 2.5, 0.6)], norm),
        ],
    }


@OPTIMIZER.shown
def shown_optimizer(case):
    clipped = f", norm={case.norm}" if case.norm < 1e9 else ""
    return (
        f"{case.n} devices, {case.weights.size} weights, {len(case.gradients)} steps, "
        f"rate={case.rate}, eps={case.eps}{clipped}"
    )


def adam_by_hand(case):
    """The weights after all steps."""
    weights, mean, square = case.weights.copy(), 0.0, 0.0
    for t, gradients in enumerate(case.gradients, 1):
        gradient = np.mean(gradients, axis=0)
        gradient = gradient * min(1.0, case.norm / np.linalg.norm(gradient))
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        root = np.sqrt(square / (1 - 0.999**t)) + case.eps
        weights -= case.rate * mean / (1 - 0.9**t) / root
    return weights


@OPTIMIZER.kept_inputs
def draw_pick(draw):
    return {"pick": draw.integer(0, 10**6)}


class Steps(Aspect):
    what = "Steps"
    referee = Alone

    def run(answer, case, f):
        n, sent = case.n, 0
        log = [[] for _ in range(n)]

        def carry(parcels):
            numbers = [parcel_of(one) for one in parcels]
            for rank, sends in enumerate(numbers):
                log[rank].append([sends, numbers[rank - 1]])
            return around(parcels)

        devices = [
            answer(rank, n, case.weights, case.rate, case.eps, case.norm) for rank in range(n)
        ]
        for gradients in case.gradients:
            programs = [
                one.step(gradient) for one, gradient in zip(devices, gradients, strict=True)
            ]
            _, shapes = run_devices(programs, carry, 8 * n + 8)
            sent = max(sent, sum(math.prod(shape) for step in shapes for shape in step))
        weights = [double_of(attribute(one, "weights")) for one in devices]
        settings = [case.weights, case.rate, case.eps, case.norm]
        own = [[settings, [each[rank] for each in case.gradients]] for rank in range(n)]
        return {
            "weights on device": weights,
            "numbers sent in a step": sent,
            "numbers kept": max(numbers_kept(one) for one in devices),
            **{"log": log, "own": own, "ended": weights},
        }

    def again(answer, came, f):
        found = []
        for one in came:
            settings, gradients = one["own"]
            device = answer(one["rank"], one["n"], *settings)
            programs = map(device.step, gradients)
            sent, _ = run_alone(programs, one["arrived"], lambda value: plain(value, f))
            found.append(
                [[parcel_of(one) for one in sent], double_of(attribute(device, "weights"))]
            )
        return found

    def expect(case):
        n, length = case.n, case.weights.size
        once = (n - 1) * length  # sent by all devices together
        return {
            "weights on device": [adam_by_hand(case)] * n,
            "numbers sent in a step": Between(0, 2 * once + 2 * n * (n - 1)),
            "numbers kept": Between(0, length + 3 * -(-length // n) + 16),
        }


def double_of(weights):
    try:
        return np.array(detached(weights), np.float64)
    except Exception:  # whatever a student's object, or a framework's, raises
        raise WrongKind(
            f"weights: an array is expected; what came is {kind_of(weights)}."
        ) from None


ONE_STEP, SEVERAL, NORM = "one step", "several steps", "the norm of the whole gradient"


@OPTIMIZER.aspect(ONE_STEP, 2, over="one", part="weights on device")
class OneStep(Steps):
    """Sum the gradients with n - 1 steps of the ring. Then one chunk is complete on this device:
    divide it by n, update this chunk of the weights, and send the new weights round in n - 1 more
    steps."""

    code = "k = (rank + 1) % n  # the chunk that is complete after sending (rank - step) % n"


@OPTIMIZER.aspect(SEVERAL, 2, over="several", part="weights on device", after=ONE_STEP)
class SeveralSteps(Steps):
    """The two moments and the number of steps stay in the object. Both moments are divided by 1
    minus the power of their own factor."""

    code = "self.m / (1 - 0.9 ** self.t), self.v / (1 - 0.999 ** self.t)"


@OPTIMIZER.aspect("chunks of unequal size", 1, over="unequal", part="weights on device")
class UnequalChunks(Steps):
    """The moments have the size of the chunk that this device updates. np.array_split makes n
    chunks of any vector, some of them empty if need be."""

    code = "self.m = np.zeros(len(np.array_split(weights, n)[k]))"


@OPTIMIZER.aspect(NORM, 3, over="clipped", part="weights on device", after=ONE_STEP)
class WholeNorm(Steps):
    """Each device knows the norm of one chunk of the mean gradient. Send the sums of squares round,
    add them up, and take the root once."""

    code = "total, parcel = square, square; n - 1 times: parcel = yield parcel; total += parcel"


@OPTIMIZER.aspect("what is sent", 1, over="clipped", part="numbers sent in a step", after=NORM)
class Sent(Steps):
    """In a step every device sends 2 * (n - 1) chunks, and a few single numbers for the norm. The
    gradients are not gathered; the new weights are."""

    code = "Reduce-scatter the gradient, all-gather the weights."


@OPTIMIZER.aspect("what a device keeps", 2, over="several", part="numbers kept", after=SEVERAL)
class DeviceKeeps(Steps):
    """Between two steps a device keeps the weights, and the moments of its own chunk. Keep no
    gradient, and no moments of other chunks."""

    code = "self.weights, self.m, self.v, self.t"
