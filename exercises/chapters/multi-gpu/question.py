"""Questions of the chapter *Many devices*.

All devices are played in one process, one after another: a program of a ring is a generator, a
shard is a slice of an array. What comes out is compared with the calculation on the whole.
"""

from __future__ import annotations

import inspect
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework
from d2lcompute.checks.networks import data, dense, integer, need_list, short
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    got_text,
    judge_by,
    kind_of,
    need_function,
    same_array,
    same_plain,
    shape_text,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]

# -- multi-gpu.ring ------------------------------------------------------------------------------


def _vectors(rng: np.random.Generator, n: int, length: int) -> list[np.ndarray]:
    return [rng.normal(size=length) for _ in range(n)]


def _ring_inputs(rng: np.random.Generator) -> Inputs:
    n = integer(rng, 3, 5)
    unequal = [(integer(rng, 4, 5), integer(rng, 2, 3)), (3, 3 * integer(rng, 2, 4) + 1)]
    unequal += [(1, integer(rng, 2, 5)), (2, 2 * integer(rng, 2, 4) + 1)]
    return {
        "mean": _vectors(rng, n, n * integer(rng, 2, 4)),
        "unequal": [_vectors(rng, *sizes) for sizes in unequal],
    }


def _ring_run(answer: Any, vectors: Sequence[np.ndarray]) -> Outputs:
    """Run the programs of all devices in step, and carry what they send."""
    n = len(vectors)
    given = [vector.copy() for vector in vectors]
    programs = [answer(rank, n, vector) for rank, vector in enumerate(given)]
    if not all(inspect.isgenerator(program) for program in programs):
        raise WrongKind(
            f"A generator is expected, a function with a yield; what came is "
            f"{kind_of(programs[0])}."
        )
    sent: list[list[int]] = []
    arrived: list[Any] = [None] * n
    ended: list[Any] = [None] * n
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
    return {"ended": [_vector(value) for value in ended], "sent": sent, "given": given}


def _vector(value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else kind_of(value)
        raise WrongKind(
            f"An array is to be returned, at the end and with return; what came is {kind}."
        )
    return value.astype(np.float64)


def _ring_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    return {
        "mean": attempt(lambda: _ring_run(answer, inputs["mean"])),
        "unequal": attempt(lambda: [_ring_run(answer, one) for one in inputs["unequal"]]),
    }


def _ring_text(vectors: Sequence[np.ndarray]) -> str:
    first = np.array2string(vectors[0][:3], precision=3, separator=", ")
    return (
        f"{len(vectors)} devices with vectors of length {vectors[0].size}; that of device 0 "
        f"begins {first}"
    )


def _same_mean(vectors: Sequence[np.ndarray], found: Any) -> None:
    if not isinstance(found, dict):
        raise Unfit("What the devices return is expected.")
    ended = need_list(found.get("ended"), len(vectors), "Vectors")
    for rank, one in enumerate(ended):
        same_array(one, np.mean(vectors, axis=0), f"Mean on device {rank}", _ring_text(vectors))


def _ring_mean(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    _same_mean(inputs["mean"], found)


def _ring_unequal(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    cases = inputs["unequal"]
    for vectors, one in zip(cases, need_list(found, len(cases), "Rings"), strict=True):
        _same_mean(vectors, one)
        n, sent = len(vectors), one.get("sent")
        if not isinstance(sent, list) or len(sent) != 2 * (n - 1):
            continue  # so many steps are another matter: see _ring_sent
        sizes = sorted(int(part.size) for part in np.array_split(vectors[0], n))
        for step, parcels in enumerate(sent):
            ok = isinstance(parcels, list) and all(type(size) is int for size in parcels)
            if not ok or sorted(parcels) != sizes:
                raise Unfit(
                    f"Numbers sent in step {step}: all chunks are on their way, so {sizes} are "
                    f"expected, in any order, got {short(parcels)}.\nInput: {_ring_text(vectors)}"
                )


def _ring_sent(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    vectors = inputs["mean"]
    n, length = len(vectors), vectors[0].size
    sent = found.get("sent") if isinstance(found, dict) else None
    expected = [[length // n] * n] * (2 * (n - 1))
    if not same_plain(sent, expected):
        raise Unfit(
            f"Numbers sent by each device, step by step: expected {expected}, got {short(sent)}."
            f"\nInput: {_ring_text(vectors)}"
        )


def _ring_given(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    vectors = inputs["mean"]
    given = found.get("given") if isinstance(found, dict) else None
    for rank, one in enumerate(need_list(given, len(vectors), "Vectors")):
        what = f"The vector that device {rank} was given, afterwards"
        same_array(one, vectors[rank], what, _ring_text(vectors))


_MEAN = "the mean, on every device"

RING = Question(
    name="multi-gpu.ring",
    title="One device of a ring",
    points=6,
    inputs=_ring_inputs,
    probe=_ring_probe,
    judge=judge_by(
        Aspect(
            _MEAN,
            2,
            "mean",
            _ring_mean,
            hint="Send chunk rank - step, receive chunk rank - 1 - step, both modulo n. Add in the "
            "first n - 1 steps, keep what arrives in the others, and divide by n once.",
        ),
        Aspect(
            "chunks of unequal size",
            1,
            "unequal",
            _ring_unequal,
            hint="np.array_split makes n chunks of any vector, some of them empty if need be; "
            "reshape and np.split do not, and to fill up sends more. One device has nothing to "
            "send.",
        ),
        Aspect(
            "what is sent",
            2,
            "mean",
            _ring_sent,
            hint="2 (n - 1) steps, and in each one chunk of every device, an n-th of the vector.",
            needs=(_MEAN,),
        ),
        Aspect(
            "the vector that was given",
            1,
            "mean",
            _ring_given,
            hint="The chunks are views of the vector. chunks[k] = chunks[k] + parcel makes a new "
            "array; += and /= write into the old one.",
            needs=(_MEAN,),
        ),
    ),
    version="2",
)


# -- multi-gpu.loss ------------------------------------------------------------------------------


def _loss_case(rng: np.random.Generator, shards: Sequence[tuple[int, int]]) -> Inputs:
    """Shards with so many rows that count, and so many that do not."""
    inputs, outputs = integer(rng, 2, 5), integer(rng, 2, 4)
    parts = []
    for counted, repeated in shards:
        rows = counted + repeated
        counts = np.array([1.0] * counted + [0.0] * repeated, np.float32)
        parts.append(
            {
                "x": data(rng, rows, inputs),
                "t": data(rng, rows, outputs),
                "counts": counts[rng.permutation(rows)] if rows else counts,
            }
        )
    return {"layer": dense(rng, inputs, outputs), "shards": parts}


def _loss_inputs(rng: np.random.Generator) -> Inputs:
    size, few = integer(rng, 3, 6), integer(rng, 1, 2)
    unequal = [(few, 0), (few + integer(rng, 3, 6), 0), (few + integer(rng, 3, 6), 0)]
    repeated = [(integer(rng, 2, 3), 2), (integer(rng, 4, 6), 0), (integer(rng, 2, 4), 1)]
    empty = [(integer(rng, 3, 5), 0), (0, 0), (integer(rng, 2, 4), 0), (0, 2)]

    def mixed(shards: list[tuple[int, int]]) -> Inputs:
        return _loss_case(rng, [shards[int(n)] for n in rng.permutation(len(shards))])

    return {
        "equal": _loss_case(rng, [(size, 0)] * integer(rng, 2, 4)),
        "unequal": mixed(unequal),
        "repeated": mixed(repeated),
        "empty": mixed(empty),
    }


def _loss_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def run(case: Inputs) -> Any:
        total = int(sum(part["counts"].sum() for part in case["shards"]))
        found = []
        for rank, part in enumerate(case["shards"]):
            layer = framework.dense(**case["layer"])
            x, t, counts = (framework.tensor(part[key]) for key in ("x", "t", "counts"))

            def loss(layer: Any = layer, x: Any = x, t: Any = t, counts: Any = counts) -> Any:
                return answer(layer(x), t, counts, total, len(case["shards"]))

            value = loss()
            where = f"\nInput: replica {rank} of {_loss_text(case)}"
            if not hasattr(value, "shape") or isinstance(value, np.generic | np.ndarray):
                raise WrongKind(f"A loss is a tensor; what came is {kind_of(value)}.{where}")
            if tuple(value.shape) != ():
                raise WrongKind(
                    f"A loss is one number, of shape (); what came has shape {tuple(value.shape)}."
                    f"{where}"
                )
            found.append(framework.dense_gradients(loss, [layer])[0])
        return found

    return {
        key: attempt(lambda key=key: run(inputs[key]))
        for key in ("equal", "unequal", "repeated", "empty")
    }


def _loss_text(case: Mapping[str, Any]) -> str:
    counted = [int(part["counts"].sum()) for part in case["shards"]]
    rows = [len(part["counts"]) for part in case["shards"]]
    return f"{len(rows)} replicas with {rows} rows, of which {counted} count"


def _loss_each(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        case = inputs[key]
        text, shards = _loss_text(case), case["shards"]
        x, t, counts = (
            np.concatenate([part[name] for part in shards]).astype(np.float64)
            for name in ("x", "t", "counts")
        )
        back = 2 * (x @ case["layer"]["kernel"] + case["layer"]["bias"] - t)
        back *= counts[:, None] / counts.sum()
        expected = [x.T @ back, back.sum(0)]
        pairs = need_list(found, len(shards), "Gradients of replicas")
        how = "averaged" if framework == "pytorch" else "summed"
        for n, what in enumerate(("kernel", "bias")):
            parts = [need_list(pair, 2, "Gradients")[n] for pair in pairs]
            for rank, part in enumerate(parts):
                if part is None:
                    raise Unfit(
                        f"Replica {rank}: the loss does not depend on Y, no gradient reaches the "
                        f"{what} of the layer that Y came from.\nInput: {text}"
                    )
                ok = isinstance(part, np.ndarray) and part.dtype.kind == "f"
                if not ok or part.shape != expected[n].shape:
                    raise Unfit(
                        f"Replica {rank}, gradient of {what}: an array of shape "
                        f"{shape_text(expected[n])} is expected.\nInput: {text}"
                    )
            total = np.sum([part.astype(np.float64) for part in parts], axis=0)
            total = total / len(parts) if framework == "pytorch" else total
            same_array(total, expected[n], f"Gradient of {what}, {how} over the replicas", text)

    return compare


LOSS = Question(
    name="multi-gpu.loss",
    title="The loss of one replica",
    points=6,
    inputs=_loss_inputs,
    probe=_loss_probe,
    judge=judge_by(
        Aspect(
            "equal shards",
            1,
            "equal",
            _loss_each("equal"),
            hints={
                "pytorch": "DDP takes the mean of the replicas' gradients: the sum of the errors, "
                "over total, times replicas.",
                "tensorflow": "A Keras optimizer sums the replicas' gradients: the sum of the "
                "errors, over total.",
            },
        ),
        Aspect(
            "unequal shards",
            2,
            "unequal",
            _loss_each("unequal"),
            hint="The mean of means is the mean only for equal shards. Divide by total, not by the "
            "replica's own rows.",
        ),
        Aspect(
            "rows that do not count",
            2,
            "repeated",
            _loss_each("repeated"),
            hint="Multiply the errors of the rows by counts before you add them up.",
        ),
        Aspect(
            "a shard without rows",
            1,
            "empty",
            _loss_each("empty"),
            hint="The mean of nothing is nan, and so is every sum with it. A sum of nothing is 0, "
            "and has gradients, all 0, that the other replicas wait for. A 0 of your own has none.",
        ),
    ),
    version="2",
)


# -- multi-gpu.unused ----------------------------------------------------------------------------


def _unused_case(rng: np.random.Generator, used: Sequence[Sequence[bool]]) -> Inputs:
    """`used` says for each parameter which replicas have a gradient."""
    shapes = [[integer(rng, 1, 4) for _ in range(integer(rng, 0, 2))] for _ in used]
    replicas = len(used[0])
    rows = [integer(rng, 1, 9) for _ in range(replicas)]
    rows[integer(rng, 0, replicas - 1)] += 10
    gradients = [
        [data(rng, *shape) if flags[r] else None for shape, flags in zip(shapes, used, strict=True)]
        for r in range(replicas)
    ]
    return {"gradients": gradients, "rows": rows}


def _unused_inputs(rng: np.random.Generator) -> Inputs:
    replicas = integer(rng, 3, 5)

    def some() -> list[bool]:
        flags = [True] + [False] + [bool(rng.integers(2)) for _ in range(replicas - 2)]
        return [flags[int(n)] for n in rng.permutation(replicas)]

    nobody: list[list[bool]] = [[False] * replicas] * integer(rng, 2, 4)
    everyone: list[list[bool]] = [[True] * replicas] * integer(rng, 2, 4)
    mixed = [*nobody, *everyone]
    return {
        "all": _unused_case(rng, everyone),
        "some": _unused_case(rng, [some() for _ in range(integer(rng, 3, 5))]),
        "none": _unused_case(rng, [mixed[int(n)] for n in rng.permutation(len(mixed))]),
    }


def _unused_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def run(case: Inputs) -> Any:
        given = [
            [None if one is None else framework.tensor(one) for one in replica]
            for replica in case["gradients"]
        ]
        found = answer(given, list(case["rows"]))
        if not isinstance(found, list | tuple):
            raise WrongKind(f"A list is expected; what came is {kind_of(found)}.")
        after = [
            [None if one is None else framework.array(one) for one in replica] for replica in given
        ]
        # 0-dim arrays of NumPy's turn into numbers as soon as one calculates with them.
        found = [np.asarray(one) if isinstance(one, np.generic) else one for one in found]
        combined = [None if one is None else framework.array(one) for one in found]
        return {"combined": combined, "given": after}

    return {key: attempt(lambda key=key: run(inputs[key])) for key in ("all", "some", "none")}


def _unused_each(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        case = inputs[key]
        gradients, rows = case["gradients"], case["rows"]
        count = len(gradients[0])
        if not isinstance(found, dict):
            raise Unfit("A list of gradients is expected.")
        combined = need_list(found.get("combined"), count, "Gradients")
        for n in range(count):
            entries = [replica[n] for replica in gradients]
            users = [r for r, one in enumerate(entries) if one is not None]
            text = f"rows={rows}; parameter {n} is used by {users or 'none'} of the replicas"
            if not users:
                if combined[n] is not None:
                    raise Unfit(f"Gradient {n}: expected None, got a tensor.\nInput: {text}")
                continue
            if combined[n] is None:
                raise Unfit(f"Gradient {n}: a tensor is expected, got None.\nInput: {text}")
            expected = sum(rows[r] * entries[r].astype(np.float64) for r in users) / sum(rows)
            same_array(combined[n], np.asarray(expected), f"Gradient {n}", text)
        given = need_list(found.get("given"), len(gradients), "Replicas")
        for r, replica in enumerate(gradients):
            for n, one in enumerate(need_list(given[r], count, "Gradients")):
                what = f"What replica {r} gave for parameter {n}, afterwards"
                if replica[n] is not None:
                    same_array(one, replica[n], what, f"rows={rows}")

    return compare


_ALL = "used by all replicas"

UNUSED = Question(
    name="multi-gpu.unused",
    title="Gradients that are missing",
    points=5,
    inputs=_unused_inputs,
    probe=_unused_probe,
    judge=judge_by(
        Aspect(
            _ALL,
            2,
            "all",
            _unused_each("all"),
            hint="Weight each replica's gradient by its rows and divide by all rows. Make new "
            "tensors; += writes into those that you were given.",
        ),
        Aspect(
            "used by some",
            2,
            "some",
            _unused_each("some"),
            hint="A missing gradient counts as zero, and the rows of its replica count as well: "
            "divide by the rows of all replicas.",
        ),
        Aspect(
            "used by none",
            1,
            "none",
            _unused_each("none"),
            hint="If no replica has a gradient, return None for that parameter, not zeros.",
            needs=(_ALL,),
        ),
    ),
    version="2",
)


# -- multi-gpu.rows ------------------------------------------------------------------------------


def _rows_inputs(rng: np.random.Generator) -> Inputs:
    def case(rows: int, replicas: int, seed: int = -1, epoch: int = -1) -> Inputs:
        seeds = [integer(rng, 10, 10**6) if seed < 0 else seed, integer(rng, 10, 10**6)]
        epoch = integer(rng, 1, 50) if epoch < 0 else epoch
        return {"rows": rows, "replicas": replicas, "seeds": seeds, "epoch": epoch}

    replicas = [integer(rng, 3, 7) for _ in range(3)]
    even = case(replicas[0] * integer(rng, 6, 9), replicas[0])
    # A seed that is 0, and the first epoch, take no others' place.
    zeros: list[dict[str, int]] = [{"seed": 0}, {"epoch": 0}]
    odd = [
        case(n * integer(rng, 6, 9) + integer(rng, 1, n - 1), n, **zero)
        for n, zero in zip(replicas[1:], zeros, strict=True)
    ]
    few = [case(integer(rng, 2, 3), integer(rng, 8, 12)) for _ in range(2)]
    return {"usual": [even, *odd], "few": few}


def _rows_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def row(found: Any) -> int:
        try:
            number = int(found)
        except (TypeError, ValueError, OverflowError):
            raise WrongKind(
                f"The number of a row is expected; what came is {got_text(found)}."
            ) from None
        return max(-(2**63), min(number, 2**63 - 1))

    def lists(case: Inputs, rank: int, epoch: int, seed: int) -> list[list[Any]]:
        pair = answer(case["rows"], case["replicas"], rank, epoch, seed)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            many = f" with {len(pair)} entries" if isinstance(pair, tuple | list) else ""
            raise WrongKind(
                f"Two lists are expected, all numbers and then all flags; what came is "
                f"{kind_of(pair)}{many}."
            )
        for part in pair:
            if not isinstance(part, Iterable):
                raise WrongKind(f"Two lists are expected; one of the two is {kind_of(part)}.")
        numbers, counts = ([*islice(part, 2 * case["rows"])] for part in pair)  # may never end
        if len(numbers) != len(counts):
            raise WrongKind(
                f"Two lists of one length are expected, got {len(numbers)} and {len(counts)}."
            )
        return [[row(one) for one in numbers], [bool(one) for one in counts]]

    def dealt(case: Inputs, epoch: int, seed: int) -> Any:
        found = []
        for rank in range(case["replicas"]):
            # In a process of its own each replica has another state of the usual generators.
            np.random.seed(rank)
            random.seed(rank)
            found.append(lists(case, rank, epoch, seed))
        return found

    def run(case: Inputs) -> Any:
        first, other = case["seeds"]
        epoch = case["epoch"]
        return [
            dealt(case, *key)
            for key in ((epoch, first), (epoch + 1, first), (epoch, other), (epoch, first))
        ]

    def untouched() -> Any:
        case = inputs["usual"][-1]
        states = []
        for _ in range(2):
            states.append([np.random.get_state()[1].tolist(), list(random.getstate()[1])])
            if framework.key == "pytorch":
                import torch

                states[-1].append(torch.get_rng_state().tolist())
            else:
                import tensorflow as tf

                # The global seed, which is set and cannot be asked for but in this way.
                states[-1].append([str(one) for one in tf.compat.v1.get_seed(0)])
            if len(states) == 1:
                lists(case, 0, case["epoch"], case["seeds"][0])
        return {"same": [a == b for a, b in zip(*states, strict=True)]}

    before = np.random.get_state(), random.getstate()
    try:
        return {
            "usual": attempt(lambda: [run(case) for case in inputs["usual"]]),
            "few": attempt(lambda: [run(case) for case in inputs["few"]]),
            "untouched": attempt(untouched),
        }
    finally:
        np.random.set_state(before[0])
        random.setstate(before[1])


def _rows_text(case: Mapping[str, Any]) -> str:
    return (
        f"rows={case['rows']}, replicas={case['replicas']}, epoch={case['epoch']}, "
        f"seed={case['seeds'][0]}"
    )


def _parts_of(case: Mapping[str, Any], found: Any) -> list[list[tuple[list[int], list[bool]]]]:
    """For each call with other arguments, the two lists of every replica."""
    calls = []
    for call in need_list(found, 4, "Calls"):
        parts = []
        for pair in need_list(call, case["replicas"], "Replicas"):
            numbers, counts = need_list(pair, 2, "Lists")
            ok = isinstance(numbers, list) and all(type(one) is int for one in numbers)
            ok = ok and isinstance(counts, list) and all(type(one) is bool for one in counts)
            if not ok or len(numbers) != len(counts):
                raise Unfit("Two lists of one length are expected, of integers and of bools.")
            parts.append((numbers, counts))
        calls.append(parts)
    return calls


def _each_once(case: Mapping[str, Any], found: Any) -> None:
    for parts in _parts_of(case, found):
        counted = [
            n for numbers, flags in parts for n, flag in zip(numbers, flags, strict=True) if flag
        ]
        expected = list(range(case["rows"]))
        if sorted(counted) != expected:
            lost = sorted(set(expected) - set(counted))
            twice = sorted(n for n, times in Counter(counted).items() if times > 1)
            raise Unfit(
                f"Rows that count: each once is expected; lost {lost[:8]}, more than once "
                f"{twice[:8]}, {len(counted)} in all.\nInput: {_rows_text(case)}"
            )


def _equal_parts(case: Mapping[str, Any], found: Any) -> None:
    length = math.ceil(case["rows"] / case["replicas"])
    for parts in _parts_of(case, found):
        lengths = [len(numbers) for numbers, _ in parts]
        if set(lengths) != {length}:
            raise Unfit(
                f"Rows of each replica: expected {length}, got {lengths}."
                f"\nInput: {_rows_text(case)}"
            )
        for rank, (numbers, _) in enumerate(parts):
            if odd := [n for n in numbers if not 0 <= n < case["rows"]]:
                raise Unfit(
                    f"Rows of replica {rank}: numbers from 0 to {case['rows'] - 1} are expected, "
                    f"got {odd[0]}. A repetition repeats a row that there is."
                    f"\nInput: {_rows_text(case)}"
                )


def _rows_once(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one in zip(inputs["usual"], need_list(found, 3, "Cases"), strict=True):
        _each_once(case, one)


def _rows_equal(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one in zip(inputs["usual"], need_list(found, 3, "Cases"), strict=True):
        _equal_parts(case, one)


def _rows_few(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one in zip(inputs["few"], need_list(found, 2, "Cases"), strict=True):
        _each_once(case, one)
        _equal_parts(case, one)


def _rows_order(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one in zip(inputs["usual"], need_list(found, 3, "Cases"), strict=True):
        text = _rows_text(case)
        first, later, other, again = _parts_of(case, one)
        if first != again:
            raise Unfit(f"The same arguments gave other lists the second time.\nInput: {text}")
        for what, parts in (("the next epoch", later), ("another seed", other)):
            if parts == first:
                raise Unfit(f"Another order is expected in {what}, got the same.\nInput: {text}")
            # The same sets of rows, in another order or with another replica: not dealt anew.
            before, now = ({frozenset(numbers) for numbers, _ in one} for one in (first, parts))
            if before == now:
                raise Unfit(
                    f"The same rows are together again in {what}, in another order or with another "
                    f"replica at best.\nInput: {text}"
                )


def _rows_untouched(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    names = ["NumPy", "Python", {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}[framework]]
    text = _rows_text(inputs["usual"][-1])
    if not isinstance(found, dict):
        raise Unfit(f"Two lists are expected.\nInput: {text}")
    same = need_list(found.get("same"), len(names), "Generators")
    touched = [name for name, one in zip(names, same, strict=True) if one is not True]
    if touched:
        raise Unfit(f"The global generator of {' and '.join(touched)} was changed.\nInput: {text}")


_ONCE, _ORDER = "each row counts once", "another order in each epoch"

ROWS = Question(
    name="multi-gpu.rows",
    title="Rows for every replica",
    points=7,
    inputs=_rows_inputs,
    probe=_rows_probe,
    judge=judge_by(
        Aspect(
            _ONCE,
            2,
            "usual",
            _rows_once,
            hint="All replicas shuffle alike, so the seed must not depend on the rank. Rows that "
            "fill up are marked False, and the last few rows are not left out.",
        ),
        Aspect(
            "as many for every replica",
            1,
            "usual",
            _rows_equal,
            hint="Each replica takes math.ceil(rows / replicas) rows; who has one too few repeats "
            "one.",
            needs=(_ONCE,),
        ),
        Aspect(
            _ORDER,
            2,
            "usual",
            _rows_order,
            hint="Shuffle all rows before they are dealt, with a generator made from both numbers: "
            "np.random.default_rng([seed, epoch]).",
            needs=(_ONCE,),
        ),
        Aspect(
            "fewer rows than replicas",
            1,
            "few",
            _rows_few,
            hint="Filling up may need every row several times: go round with place % rows. A slice "
            "order[:missing] is not long enough.",
            needs=(_ONCE,),
        ),
        Aspect(
            "the generators of others",
            1,
            "untouched",
            _rows_untouched,
            hints={
                "pytorch": "np.random.seed, random.seed and torch.manual_seed change the generator "
                "that everyone uses. np.random.default_rng makes one of your own.",
                "tensorflow": "np.random.seed, random.seed and tf.random.set_seed change the "
                "generator that everyone uses. np.random.default_rng makes one of your own.",
            },
            needs=(_ONCE, _ORDER),
        ),
    ),
    version="2",
)

QUESTIONS = (RING, LOSS, UNUSED, ROWS)
