"""Questions of the chapter *GPUs: devices and copies*.

No GPU is needed: what is asked for is a choice, a rule, or where tensors go. PyTorch's tensors
pretend to be elsewhere; in a graph of TensorFlow they have a device and no numbers. In the inputs a
device is a number: that of a GPU, or -1 for the CPU.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import pairwise, zip_longest

import numpy as np
from d2lexercises.comparer import brief
from d2lexercises.kinds import any_class, kind_of, parts_in, whole
from d2lexercises.networks import data_in_words
from d2lexercises.pretend import pretend_devices
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Number,
    Unfit,
    WrongKind,
    free_text,
    function,
    layer,
    question,
)

CPU = -1


def device_name(number, framework):
    """A device's number as the framework calls the device; None for no device."""
    if number is None:
        return None
    if framework == "pytorch":
        return "cpu" if number == CPU else f"cuda:{number}"
    return "CPU:0" if number == CPU else f"GPU:{number}"


# -- gpus.copies -------------------------------------------------------------------------------

COPIES = question(
    "gpus.copies", "How long will the copies take?", takes=function, minutes=5, difficulty=1
)


@COPIES.inputs
def draw_copies(draw):
    def run(resident):
        return {
            "rows": 1000 * draw.integer(20, 900),
            "values": draw.integer(100, 9000),
            "itemsize": draw.choice([2, 4, 8]),
            "epochs": draw.integer(3, 90),
            "rate": draw.number(2, 60, 1),
            "resident": resident,
        }

    return {"sent": [run(False) for _ in range(3)], "resident": [run(True) for _ in range(3)]}


@COPIES.shown
def shown_copies(case):
    return "seconds(" + ", ".join(str(value) for value in dict(case).values()) + ")"


class Seconds(Aspect):
    what = "Seconds"

    def run(answer, case, f):
        return answer(**case)

    def expect(case):
        size = case.rows * case.values * case.itemsize
        return Number(size * (1 if case.resident else case.epochs) / case.rate / 1e9, " s")


@COPIES.aspect("sent in every epoch", 2, over="sent")
class SentAgain(Seconds):
    "The time is bytes divided by bytes per second. Count the bytes of all epochs."

    code = "rows * values * itemsize  # bytes of the data set"

    def mistakes(case):
        right = case.rows * case.values * case.itemsize * case.epochs / case.rate / 1e9
        return {
            "Bytes, not bits: a byte of the link carries a byte of data.": right * 8,
            "1 GB is 10**9 bytes here, not 2**30.": right * 1e9 / 2**30,
        }


@COPIES.aspect("sent once", 2, over="resident")
class SentBefore(Seconds):
    "If the data set is resident, the number of epochs does not matter."


# -- gpus.choose -------------------------------------------------------------------------------

CHOOSE = question(
    "gpus.choose", "The devices that a program asks for", takes=function, minutes=15, difficulty=1
)


@CHOOSE.inputs
def draw_choose(draw):
    def case(there, absent):
        count = draw.integer(4, 7)
        wanted = draw.distinct(0, count - 1, there) + draw.distinct(count, count + 4, absent)
        return {"wanted": draw.shuffled(wanted), "count": count}

    def twice():
        """Neither number 0 nor the first number that is too large: they have cases of their own."""
        count = draw.integer(4, 7)
        wanted = draw.distinct(1, count - 1, 3)
        wanted += [*wanted[:2], count + draw.integer(1, 4)]
        return {"wanted": draw.shuffled(wanted), "count": count}

    edge = draw.integer(2, 5)
    found = [case(3, 2) for _ in range(3)]
    found.append({"wanted": [edge, edge - 1, 0], "count": edge})
    nothing = [case(0, draw.integer(1, 3)) for _ in range(3)]
    nothing += [{"wanted": [], "count": draw.integer(1, 4)} for _ in range(2)]
    nothing += [case(2, 1) for _ in range(5)]
    refused = [case(2, 1) for _ in range(3)]
    refused += [{"wanted": [0], "count": 0}, {"wanted": [], "count": 3}]
    for one in refused:
        one["wanted"].insert(draw.integer(0, len(one["wanted"])), -draw.integer(1, 99))
    return {
        "found": found,
        "twice": [twice() for _ in range(3)],
        "nothing": draw.shuffled(nothing),
        "any": [{"wanted": None, "count": n} for n in [0, *draw.distinct(1, 9, 3)]],
        "refused": refused,
    }


def name_of(device, f):
    """A device's name; anything else in words."""
    if f.key == "pytorch":
        import torch

        if not isinstance(device, torch.device):
            return f"{type(device).__name__} {device!r}"[:60]
        return "cpu" if device.type == "cpu" else str(device)
    if not isinstance(device, str):
        return kind_of(device)
    return str(device).upper().rpartition("/")[2].removeprefix("DEVICE:")[:60]


def chosen(answer, case, f):
    found = parts_in(answer(case.wanted, case.count), "Devices in a list")
    return [name_of(device, f) for device in found]


@CHOOSE.shown
def shown_choose(case):
    return f"choose({case.wanted}, {case.count})"


class Chosen(Aspect):
    what = "Devices"

    def run(answer, case, f):
        return chosen(answer, case, f)

    def expect(case, framework):
        wanted = range(case.count) if case.wanted is None else case.wanted
        there = list(dict.fromkeys(n for n in wanted if n < case.count))
        return [device_name(n, framework) for n in there or [CPU]]


THERE = "the GPUs that are there"


@CHOOSE.aspect(THERE, 2, over="found")
class Found(Chosen):
    hint = (
        "GPU i is there if i < count, whatever this machine has. The order is that of wanted, and "
        "each device has its number."
    )
    code = {"pytorch": "torch.device(f'cuda:{i}')", "tensorflow": "f'GPU:{i}'"}


@CHOOSE.aspect("asked for twice", 1, over="twice")
class Twice(Chosen):
    "Keep each number once, in the order of their first appearance. A set has no order."

    code = "dict.fromkeys(wanted)"


@CHOOSE.aspect("the CPU if no GPU is left", 1, over="nothing", after=THERE)
class Nothing(Chosen):
    "One CPU, and only if no GPU that is wanted is there. An empty list wants none."


@CHOOSE.aspect("nothing in particular", 1, over="any")
class Anything(Chosen):
    "wanted is None: all that there are, or the CPU."


@CHOOSE.aspect("a number below zero", 1, over="refused", after=THERE)
class BelowZero(Aspect):
    """-1 < count on every machine, so ask for i < 0 first, and raise a ValueError that says what
    was given."""

    form = (str, None)

    def run(answer, case, f):
        try:
            chosen(answer, case, f)
        except ValueError as error:
            return str(error)[:500]

    def judge(case, found):
        number = str(min(case.wanted))
        if found is None or number not in found:
            got = "a list of devices" if found is None else f"one that says {brief(found)}"
            return f"A ValueError whose message contains {number} is expected, got {got}."


# -- gpus.move ---------------------------------------------------------------------------------
# What is to be moved is a list of rows, [depth, key, kind, value]. The rows of a container's parts
# follow it, one deeper. The value of a tensor is its number; only dictionaries have keys.

MOVE = question(
    "gpus.move", "Move what a data loader returns", takes=function, minutes=30, difficulty=2
)
Batch = namedtuple("Batch", ["inputs", "targets", "rest"])
CONTAINERS = {dict: "a dictionary", list: "a list", tuple: "a tuple", Batch: "a Batch"}


def group(draw, kind, parts):
    """A container of parts as rows."""
    rows = [[0, "", kind, None]]
    for (_, _, *what), *inner in parts:
        rows.append([1, draw.word() if kind == "dict" else "", *what])
        rows += [[depth + 1, *row] for depth, *row in inner]
    return rows


def nested(draw, leaves, kinds):
    """A dictionary with these leaves, some of them in containers, some of those in others."""
    pool = [[[0, "", *leaf]] for leaf in leaves]
    for kind in kinds:
        pool = draw.shuffled(pool)
        size = 3 if kind == "named" else draw.integer(2, 3)
        pool = [*pool[size:], group(draw, kind, pool[:size])]
    return group(draw, "dict", draw.shuffled(pool))


@MOVE.inputs
def draw_move(draw):
    def case(away, kinds, again=0):
        """Rows with nine tensors, each of a shape of its own; so many are not there yet.

        The first `again` of them occur twice or three times.
        """
        leaves = [["tensor", n] for n in range(9)]
        leaves += [["tensor", n] for n in range(again) for _ in range(draw.integer(1, 2))]
        if "named" in kinds:
            leaves += [["thing", draw.integer(0, 99)], ["thing", draw.word()], ["thing", None]]
        return {
            "rows": nested(draw, leaves, draw.shuffled(kinds)),
            "shapes": [[draw.integer(1, 5), size] for size in draw.distinct(2, 40, 9)],
            "whole": [bool(draw.integer(0, 1)) for _ in range(9)],  # of integers
            "away": [n < away for n in range(9)],
        }

    def alike(case):
        """The same with two tensors that nothing tells apart: shape, type, numbers, place."""
        for key in ("shapes", "whole"):
            case[key][3] = case[key][0]
        return case

    usual = ["dict", "list", "tuple", "list"]
    alone = case(9, usual) | {"rows": [[0, "", "tensor", draw.integer(0, 8)]]}
    return {
        "device": draw.integer(1, 3),
        "batch": [case(6, usual), alone],
        "built": [case(6, [*usual, "named"])],
        "there": [case(4, usual), case(0, usual)],
        "again": [alike(case(7, usual, again=4))],
    }


def built(rows, tensors):
    """What rows describe, with these tensors."""
    (depth, _, kind, value), *rest = rows
    if kind in ("tensor", "thing"):
        return tensors[value] if kind == "tensor" else value
    starts = [n for n, row in enumerate(rest) if row[0] == depth + 1]
    ends = [*starts[1:], len(rest)]
    parts = [built(rest[a:b], tensors) for a, b in zip(starts, ends, strict=True)]
    if kind == "dict":
        return dict(zip([rest[n][1] for n in starts], parts, strict=True))
    return Batch(*parts) if kind == "named" else parts if kind == "list" else tuple(parts)


def is_tensor(found):
    return hasattr(found, "device") and hasattr(found, "dtype")


def lines_of(found, label=""):
    """A line for each part of what came back: 'abc': a list."""
    kind = CONTAINERS.get(type(found))
    if is_tensor(found):
        return [f"{label}a tensor"]
    if kind is None:
        plain = found is None or type(found) in (int, str)
        return [label + (repr(found)[:100] if plain else kind_of(found))]
    parts = found.items() if type(found) is dict else enumerate(found)
    inner = [line for key, part in parts for line in lines_of(part, f"{label}[{key!r}] ")]
    return [label + kind, *inner]


def tensors_in(found):
    """All tensors of what came back, in order."""
    if is_tensor(found):
        return [found]
    parts = found.values() if type(found) is dict else found
    return [one for part in parts for one in tensors_in(part)] if type(found) in CONTAINERS else []


def numbers_in(rows):
    """The numbers of the tensors in rows, in order."""
    return [value for _, _, kind, value in rows if kind == "tensor"]


def move_in_torch(answer, case, device):
    """The tensors, what was given, what came back, the shapes sent, and what says where one is."""
    import torch

    elsewhere = ["cpu", f"cuda:{device + 1}", f"cuda:{10 + device}"]
    with pretend_devices() as pretend:
        tensors = []
        flags = zip(case.shapes, case.whole, case.away, strict=True)
        for n, (shape, whole, away) in enumerate(flags):
            at = elsewhere[n % 3] if away else f"cuda:{device}"
            dtype = torch.int64 if whole else torch.float32
            tensors.append(torch.ones(shape, dtype=dtype, device=at))
        given = built(case.rows, tensors)
        back = answer(given, torch.device("cuda", device))
    sent = [shape for what, shape, _ in pretend.notes if what == "sent"]
    return tensors, given, back, sent, pretend.place


def move_in_graph(answer, case, device):
    """The same for TensorFlow: what was sent is what operations made of a tensor."""
    import tensorflow as tf

    elsewhere = ["CPU:0", f"GPU:{device}{device}", f"CPU:{device}"]
    with tf.Graph().as_default() as graph:
        tensors = []
        flags = zip(case.shapes, case.whole, case.away, strict=True)
        for n, (shape, whole, away) in enumerate(flags):
            with tf.device(elsewhere[n % 3] if away else f"GPU:{device}"):
                tensors.append(tf.ones(shape, tf.int32 if whole else tf.float32))
        given = built(case.rows, tensors)
        before = len(graph.get_operations())
        back = answer(given, f"GPU:{device}")
        new = [op for op in graph.get_operations()[before:] if op.inputs]
    sent = [[int(size) for size in op.outputs[0].shape] for op in new if op.outputs]
    return tensors, given, back, sent, lambda tensor: tensor.device.rpartition("device:")[2]


def index_in(tensors, tensor):
    """The place of this very tensor in a list; -1 if it is none of them."""
    return next((n for n, one in enumerate(tensors) if one is tensor), -1)


def moved(answer, case, device, f):
    """What an answer made of a case.

    "places", "dtypes" and "shapes" are those of the tensors that came back. "which" says for each
    which of the nine it is, or from 9 on, which of the new ones; "given" says so of the tensors in
    what was given. "sent" are shapes, "lines" says how what came back is built, "itself" whether it
    is what was given.
    """
    move = move_in_torch if f.key == "pytorch" else move_in_graph
    tensors, given, back, sent, place = move(answer, case, device)
    found, count = tensors_in(back), len(numbers_in(case.rows))
    if len(found) != count:
        raise WrongKind(f"{count} tensors are expected, got {len(found)}.")
    dtypes = [getattr(one.dtype, "name", one.dtype) for one in found]  # TensorFlow's have a name
    return {
        "places": [str(place(one)) for one in found],
        "dtypes": [str(dtype).removeprefix("torch.") for dtype in dtypes],
        "shapes": [[int(size) for size in one.shape] for one in found],
        "which": [index_in([*tensors, *found], one) for one in found],
        "given": [index_in(tensors, one) for one in tensors_in(given)],
        "sent": sorted(sent),
        "lines": lines_of(back),
        "itself": back is given,
    }


class Standin:
    """Takes the place of a tensor where a batch is put into words."""

    device = dtype = None

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return f"tensor {self.number}"


def batch_of(case):
    return built(case.rows, [Standin(n) for n in range(9)])


def in_words(cases):
    there = [[n for n in sorted(set(numbers_in(one.rows))) if not one.away[n]] for one in cases]
    pairs = zip(cases, there, strict=True)
    return "\n".join(f"{batch_of(case)}; there already: {known}" for case, known in pairs)


def sent_by_hand(case):
    """The shapes of the tensors that are away, each once."""
    return sorted(case.shapes[n] for n in set(numbers_in(case.rows)) if case.away[n])


ARRIVES = "every tensor arrives"


@MOVE.aspect(ARRIVES, 2)
class Arrives(Aspect):
    hint = {
        "pytorch": "Look into dictionaries, lists and tuples, and keep what to(device) returns: it "
        "does not work in place. Another GPU is another device: is_cuda and device.type do not "
        "tell them apart.",
        "tensorflow": "tf.identity, inside the scope of the device, copies; an assignment there "
        "does not, nor does tf.cast to the type that it has. Compare the end of tensor.device: "
        "GPU:1 is not GPU:11.",
    }
    what = "Batch"

    def run(answer, given, f):
        found = [moved(answer, case, given.device, f) for case in given.batch]
        keys = ("places", "dtypes", "shapes")
        return [list(zip(*(one[key] for key in keys), strict=True)) for one in found]

    def expect(given, framework):
        device = device_name(given.device, framework)
        whole = "int64" if framework == "pytorch" else "int32"

        def tensor(case, n):
            dtype = whole if case.whole[n] else "float32"
            return {"device": device, "dtype": dtype, "shape": case.shapes[n]}

        return [
            {f"tensor {n}": tensor(case, n) for n in numbers_in(case.rows)} for case in given.batch
        ]

    def shown(given, framework):
        return f"{in_words(given.batch)}; device {device_name(given.device, framework)}"


@MOVE.aspect("built the same way", 2)
class BuiltAlike(Aspect):
    """Return type(data)(parts), for a named tuple type(data)(*parts), and what is no tensor as it
    is. Build anew; do not write into what was given."""

    form = [{"lines": [str], "given": [int], "itself": bool}]

    def run(answer, given, f):
        found = [moved(answer, case, given.device, f) for case in given.built]
        return [{key: one[key] for key in ("lines", "given", "itself")} for one in found]

    def judge(given, found):
        if len(found) != len(given.built):
            return f"{len(given.built)} batches are expected."
        for case, one in zip(given.built, found, strict=True):
            pairs = zip_longest(lines_of(batch_of(case)), one["lines"], fillvalue="nothing more")
            wrong = next((pair for pair in pairs if pair[0] != pair[1]), None)
            if wrong:
                return f"Expected {wrong[0]}, got {brief(wrong[1])}."
            if one["given"] != numbers_in(case.rows):
                return "What was given has been changed."
            if one["itself"]:
                return "What was given came back itself, although it holds tensors to move."

    def shown(given):
        return in_words(given.built)


@MOVE.aspect("what is there stays", 1, after=ARRIVES)
class Stays(Aspect):
    hint = {
        "pytorch": "to(device) returns the tensor itself if it is there, unless copy=True.",
        "tensorflow": "tf.identity returns a new tensor every time, so first ask where the tensor "
        "is.",
    }
    what = "Batch"

    def run(answer, given, f):
        found = []
        for case in given.there:
            result = moved(answer, case, given.device, f)
            pairs = zip(numbers_in(case.rows), result["which"], strict=True)
            found.append([[n == which for n, which in pairs if not case.away[n]], result["sent"]])
        return found

    def expect(given):
        there = [[n for n in numbers_in(case.rows) if not case.away[n]] for case in given.there]
        return [
            {
                f"tensors {numbers}, which are there: each is itself": [True] * len(numbers),
                "shapes of the tensors sent": sent_by_hand(case),
            }
            for case, numbers in zip(given.there, there, strict=True)
        ]

    def shown(given):
        return in_words(given.there)


@MOVE.aspect("sent once", 2, after=ARRIVES)
class SentOnce(Aspect):
    """Remember, for one call of move, what each tensor has become. Its shape or its numbers do not
    tell tensors apart."""

    code = "A dictionary from id(tensor), passed along."
    what = "Batch"

    def run(answer, given, f):
        found = [moved(answer, case, given.device, f) for case in given.again]
        return [[one["sent"], [one["which"].index(n) for n in one["which"]]] for one in found]

    def expect(given):
        numbers = [numbers_in(case.rows) for case in given.again]
        return [
            {
                "shapes of the tensors sent": sent_by_hand(case),
                "for each tensor, the first place that has the same": [*map(places.index, places)],
            }
            for case, places in zip(given.again, numbers, strict=True)
        ]

    def shown(given):
        return in_words(given.again)


# -- gpus.portable -----------------------------------------------------------------------------

PORTABLE = question(
    "gpus.portable", "Find the hidden copies", takes=layer, minutes=25, difficulty=2
)


@PORTABLE.inputs
def draw_portable(draw):
    features = draw.integer(3, 8)
    return {
        "mean": [round(float(x), 3) for x in draw.rng.normal(0, 2, features)],
        "std": draw.numbers(0.3, 3, features),
        "x": draw.data(draw.integer(2, 9), draw.integer(3, 12), features),
        "device": draw.integer(1, 7),
    }


def need_tensor(found):
    """`found`, if it is a tensor; raises `WrongKind` otherwise."""
    if not all(hasattr(found, name) for name in ("device", "shape", "dtype")):
        raise WrongKind(f"A tensor is expected; what came is {kind_of(found)}.")
    return found


def strays_in_torch(net, x, device):
    """What was sent, or made elsewhere, in a call on a GPU, and where that ends."""
    import torch

    with pretend_devices() as pretend:
        net.to(torch.device("cuda", device))
        given = torch.tensor(x, device=f"cuda:{device}")
        before = len(pretend.notes)
        found = need_tensor(net(given))
        at = str(found.device)
    strays = [
        f"a tensor of shape {tuple(shape)} {what} {'to' if what == 'sent' else 'on'} {where}"
        for what, shape, where in pretend.notes[before:]
        if what == "sent" or (shape and str(where) != f"cuda:{device}")
    ]
    return strays[:10], at, [int(size) for size in found.shape]


def strays_in_graph(net, x, device):
    """The same for TensorFlow: the operations that are to run elsewhere, and what they read."""
    import tensorflow as tf

    ended = []

    def run(given):
        with tf.device(f"GPU:{device}"):
            found = need_tensor(net(given))
        ended.append(str(found.device))
        return found

    traced = tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec(x.shape))
    strays = [
        f"{op.type} on {place.rpartition('device:')[2]}"
        for op in traced.graph.get_operations()
        if (place := str(op.device)) and not place.endswith(f":GPU:{device}")
        if op.type not in ("Placeholder", "ReadVariableOp")  # where the variable is
    ]
    strays += [
        f"a tensor of shape {tuple(tensor.shape)} that was made elsewhere"
        for tensor, _ in traced.graph.captures
        if tensor.dtype != tf.resource
    ]
    shape = [int(size) for size in traced.outputs[0].shape]
    return strays[:10], ended[-1].rpartition("device:")[2], shape


def make_prepare(answer, given, f):
    """The layer, built where the framework builds it by its first call."""
    net = answer(given.mean, given.std)
    if f.key == "tensorflow":
        net(f.tensor(given.x))
    return net


@PORTABLE.shown
def shown_portable(given, framework):
    device = device_name(given.device, framework)
    return f"Prepare({given.mean}, {given.std}); {data_in_words(given.x)}; device {device}"


@PORTABLE.aspect("the constants belong to the model", 2)
class Constants(Aspect):
    hint = {
        "pytorch": "A list of tensors, or a plain attribute, is not part of the model; a parameter "
        "would be trained. A buffer is right.",
        "tensorflow": "Keras sees neither a tf.constant nor a tf.Variable, but weights of the "
        "layer's own. layers.Normalization keeps the mean that it is given as a constant, too.",
    }
    code = {
        "pytorch": "self.register_buffer('mean', ...) for each",
        "tensorflow": "self.add_weight(..., trainable=False) for each",
    }
    what = "What the model holds"

    def run(answer, given, f):
        net = make_prepare(answer, given, f)
        saved = net.state_dict().values() if f.key == "pytorch" else net.weights
        arrays = [one.reshape(-1) for one in f.arrays(list(saved)) if one.dtype.kind in "fiu"]
        # In any shape, and in one array or in two: only the numbers count.
        return [np.sort(np.concatenate([*arrays, []])), len(f.registered(net))]

    def expect(given):
        numbers = np.sort(given.mean + given.std)
        return {"numbers that are saved, sorted": numbers, "trained parameters": 0}


ELSEWHERE = "computed on the device that it is on"


@PORTABLE.aspect(ELSEWHERE, 3)
class Elsewhere(Aspect):
    hint = {
        "pytorch": "Create tensors with device=X.device, and take none back with cpu(). What the "
        "layer keeps must be reached by to(): a buffer.",
        "tensorflow": "No tf.device inside call. And a tf.constant made in __init__ stays where it "
        "was made.",
    }
    what = "Call"

    def run(answer, given, f):
        net = make_prepare(answer, given, f)
        strays = strays_in_torch if f.key == "pytorch" else strays_in_graph
        return strays(net, given.x, given.device)

    def expect(given, framework):
        n, steps, features = given.x.shape
        return {
            "sent, or made on another device": [],
            "device of the output": device_name(given.device, framework),
            "shape of the output": [n, steps, features + 1],
        }


@PORTABLE.aspect("the output", 2, after=ELSEWHERE)
class Output(Aspect):
    """(X - mean) / std, and behind it the time t / steps, from 0 to just below 1. What is computed
    should not change."""

    what = "Output, on the CPU, of call"

    def run(answer, given, f):
        net = answer(given.mean, given.std)
        return [net(f.tensor(given.x)) for _ in range(2)]

    def expect(given):
        n, steps, _ = given.x.shape
        time = np.broadcast_to((np.arange(steps) / steps)[None, :, None], (n, steps, 1))
        scaled = (given.x.astype(np.float64) - given.mean) / given.std
        return [np.concatenate([scaled, time], axis=2)] * 2


# -- gpus.measured -----------------------------------------------------------------------------

MEASURED = free_text("gpus.measured", "Measure a copy", 5, minutes=30, difficulty=2)


# -- gpus.stages -------------------------------------------------------------------------------

STAGES = question("gpus.stages", "A network in stages", takes=layer, minutes=45, difficulty=3)


@STAGES.inputs
def draw_stages(draw):
    """A chain of dense layers, cut into stages; two stages in a row share a device."""
    sizes = draw.shuffled([1, 2, 2, 3])
    widths = draw.distinct(3, 30, sum(sizes) + 1)
    first, second, third = draw.distinct(1, 9, 3)
    devices = [first, second, second, third]
    if draw.integer(0, 1):  # the last stage is back on the first device
        devices = [first, first, second, draw.choice([first, third])]
    return {
        "widths": widths,
        "chain": [draw.dense(a, b) for a, b in pairwise(widths)],
        "sizes": sizes,
        "devices": devices,
        "x": draw.data(draw.integer(3, 7), widths[0]),
    }


def cut(layers, sizes):
    """The layers in stages of these sizes."""
    starts = np.cumsum([0, *sizes])
    return [list(layers[a:b]) for a, b in pairwise(starts.tolist())]


def stages_in_torch(answer, given, f):
    """Devices of the parameters in order, what a call sends, and where the output is."""
    import torch

    layers = [f.dense(**one) for one in given.chain]
    with pretend_devices() as pretend:
        devices = [torch.device("cuda", n) for n in given.devices]
        net = answer(cut(layers, given.sizes), devices)
        x = torch.tensor(given.x)
        before = len(pretend.notes)
        found = need_tensor(net(x))
        notes = pretend.notes[before:]
        places = [str(one.weight.device) for one in layers]
        at = str(found.device)
    sent = [[shape, str(to)] for what, shape, to in notes if what == "sent"]
    return places, at, sent


def stages_in_graph(answer, given, f):
    """The same for TensorFlow, of the matrix products in a graph."""
    import tensorflow as tf

    layers = [f.dense(**one) for one in given.chain]
    net = answer(cut(layers, given.sizes), [f"GPU:{n}" for n in given.devices])
    net(f.tensor(given.x))  # builds it, on devices that exist
    ended = []

    def run(x):
        found = need_tensor(net(x))
        ended.append(str(found.device))
        return found

    spec = tf.TensorSpec(given.x.shape)
    graph = tf.function(run, autograph=False).get_concrete_function(spec).graph

    def place(device):
        return str(device).rpartition("device:")[2]

    places = [place(op.device) for op in graph.get_operations() if op.type == "MatMul"]
    sent = {}
    for op in graph.get_operations():
        for tensor in op.inputs:
            read = tensor.op.type in ("Placeholder", "ReadVariableOp", "Const")
            if op.device and not read and place(tensor.op.device) != place(op.device):
                shape = [int(size) for size in tensor.shape]
                sent[tensor.name, place(op.device)] = [shape, place(op.device)]
    return places, place(ended[-1]), list(sent.values())


def run_stages(answer, given, f):
    """Devices of the layers, that of the output, and what was sent."""
    return (stages_in_torch if f.key == "pytorch" else stages_in_graph)(answer, given, f)


@STAGES.shown
def shown_stages(given, framework):
    devices = [device_name(n, framework) for n in given.devices]
    widths = " -> ".join(map(str, given.widths))
    return f"dense layers {widths} in stages of {given.sizes} layers on {devices}"


PLACED = "each layer on its device"


@STAGES.aspect(PLACED, 3)
class Placed(Aspect):
    hint = {
        "pytorch": "Move the layers of each stage in __init__, and each activation in forward. The "
        "output stays on the last device.",
        "tensorflow": "An operation runs where the scope says in which call reaches it. The output "
        "stays on the last device.",
    }
    code = {
        "pytorch": "layer.to(device)",
        "tensorflow": "with tf.device(device):\n    X = layer(X)",
    }
    what = "Device of"

    def run(answer, given, f):
        layers, output, _ = run_stages(answer, given, f)
        return {"each layer": layers, "the output": output}

    def expect(given, framework):
        on = [n for n, size in zip(given.devices, given.sizes, strict=True) for _ in range(size)]
        names = [device_name(n, framework) for n in on]
        return {"each layer": names, "the output": names[-1]}


def sent_between(given, framework):
    """The shapes that must travel, each with its destination."""
    rows, ends = len(given.x), np.cumsum([0, *given.sizes]).tolist()
    before = [CPU, *given.devices]
    steps = zip(before, given.devices, ends, strict=False)
    sent = [
        [[rows, given.widths[end]], device_name(to, framework)]
        for come, to, end in steps
        if come != to
    ]
    return sent if framework == "pytorch" else sent[1:]  # a graph's input has no device


@STAGES.aspect("each activation is sent once", 2, after=PLACED)
class SentOver(Aspect):
    """Send what a stage returns to the next device, and only if that is another one. Nothing
    goes through the host."""

    what = "Shapes and destinations of what a call sends"

    def run(answer, given, f):
        return run_stages(answer, given, f)[2]

    def expect(given, framework):
        return sent_between(given, framework)


@STAGES.aspect("the framework finds all parameters", 1)
class FoundAll(Aspect):
    hint = {
        "pytorch": "A list of lists registers nothing.",
        "tensorflow": "Assign the layers to an attribute.",
    }
    code = {
        "pytorch": "nn.ModuleList, for the stages and for each stage",
        "tensorflow": "self.stages = stages",
    }

    def run(answer, given, f):
        return f.registered(on_the_cpu(answer, given, f)[0])

    def expect(given):
        return AnyOrder({f"layer {n}": one for n, one in enumerate(given.chain)})


def on_the_cpu(answer, given, f):
    """The network with all stages on the CPU, and its output."""
    layers = [f.dense(**one) for one in given.chain]
    if f.key == "pytorch":
        import torch

        devices = [torch.device("cpu")] * len(given.sizes)
    else:
        devices = ["CPU:0"] * len(given.sizes)
    net = answer(cut(layers, given.sizes), devices)
    return net, net(f.tensor(given.x))


@STAGES.aspect("the output", 1)
class StagesOutput(Aspect):
    "All layers of all stages, in order, and nothing else."

    what = "Output, on the CPU,"

    def run(answer, given, f):
        return on_the_cpu(answer, given, f)[1]

    def expect(given):
        x = given.x.astype(np.float64)
        for one in given.chain:
            x = x @ one.kernel + one.bias
        return x


# -- gpus.allocator ----------------------------------------------------------------------------
# A program is a list of lines: ["malloc", size], ["free", number of an earlier line], ["empty", 0].

ALLOCATOR = question("gpus.allocator", "An allocator", takes=any_class, minutes=150, difficulty=3)
SEGMENT, LARGE, ROOM = 20, 10, 10**6
FULL = "MemoryError"


def replay(lines, capacity, best=min, merges=True, first=False, retries=True):
    """What each line of a program returns, and the three counts after it.

    The other arguments are mistakes: another choice of the gap, gaps that stay apart, the first
    gap that fits, no second try.
    """
    segments, live, seen, peak = {}, {}, [], 0
    count = 0

    def sizes():
        return sum(size for size, _ in segments.values())

    def gap_for(size):
        gaps = [(end - a, n, a) for n, (_, free) in segments.items() for a, end in free]
        fits = [gap for gap in gaps if gap[0] >= size]
        if not fits:
            return None
        if first:
            return min(fits, key=lambda gap: gap[1:])
        wanted = best(gap[0] for gap in fits)
        return min((gap for gap in fits if gap[0] == wanted), key=lambda gap: gap[1:])

    def empty():
        for n in [n for n in segments if not any(at[0] == n for at, _ in live.values())]:
            del segments[n]

    def malloc(size):
        nonlocal count
        gap = gap_for(size)
        if gap is None:
            new = SEGMENT if size < LARGE else size
            if retries and sizes() + new > capacity:
                empty()
            if sizes() + new > capacity:
                return FULL
            segments[count] = (new, [(0, new)])
            gap, count = (new, count, 0), count + 1
        _, n, a = gap
        total, free = segments[n]
        (end,) = [end for start, end in free if start == a]
        free = [one for one in free if one[0] != a]
        segments[n] = (total, sorted(free + [(a + size, end)] if a + size < end else free))
        return [n, a]

    def release(number):
        (n, a), size = live.pop(number)
        total, free = segments[n]
        joined = []
        for start, end in sorted([*free, (a, a + size)]):
            if merges and joined and joined[-1][1] == start:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        segments[n] = (total, joined)

    for number, (what, value) in enumerate(lines):
        found = None
        if what == "malloc":
            found = malloc(value)
            if found != FULL:
                live[number] = (tuple(found), value)
        elif what == "free":
            if value in live:  # a mistake may have left it out
                release(value)
        else:
            empty()
        allocated = sum(size for _, size in live.values())
        peak = max(peak, allocated)
        seen.append([found, [allocated, sizes(), peak]])
    return seen


def program(draw, length, sizes, capacity=ROOM, frees=0.4, empties=0.0):
    """A random program, in which what is freed was there."""
    lines, live = [], []
    while len(lines) < length:
        chance = draw.rng.random()
        if live and chance < frees:
            lines.append(["free", live.pop(draw.integer(0, len(live) - 1))])
        elif chance < frees + empties:
            lines.append(["empty", 0])
        else:
            lines.append(["malloc", draw.integer(*sizes)])
            if replay(lines, capacity)[-1][0] != FULL:
                live.append(len(lines) - 1)
    return {"lines": lines, "capacity": capacity}


MISTAKES = {
    "first": {"first": True},
    "largest": {"best": max},
    "apart": {"merges": False},
    "once": {"retries": False},
}


def shows(one):
    """The mistakes that show in what a program returns."""
    right = [found for found, _ in replay(one["lines"], one["capacity"])]
    return {
        name
        for name, mistake in MISTAKES.items()
        if [found for found, _ in replay(one["lines"], one["capacity"], **mistake)] != right
    }


@ALLOCATOR.inputs
def draw_allocator(draw):
    def created():
        """Tensors that are created and never deleted, small and large, the limit among them."""
        sizes = draw.shuffled([*draw.integers(4, 9, 7), 10, draw.integer(11, 30)])
        return {"lines": [["malloc", size] for size in sizes], "capacity": ROOM}

    def first():
        return draw.until(lambda one: not shows(one), created)

    def counts():
        """Nothing is created after something was deleted, so that no gap is filled."""
        lines = first()["lines"]
        lines += [["free", n] for n in draw.shuffled(range(9))]
        lines.insert(draw.integer(11, 14), ["empty", 0])
        return {"lines": [*lines, ["empty", 0], ["malloc", 30]], "capacity": ROOM}

    def gaps():
        return draw.until(
            lambda one: shows(one) == {"first", "largest"}, lambda: program(draw, 12, (2, 9))
        )

    def merged():
        return draw.until(lambda one: shows(one) == {"apart"}, lambda: program(draw, 12, (2, 9)))

    def full():
        def fits(one):
            seen = replay(one["lines"], one["capacity"])
            return shows(one) == {"once"} and FULL in [found for found, _ in seen]

        return draw.until(fits, lambda: program(draw, 12, (5, 30), 3 * SEGMENT, 0.45, 0.05))

    return {
        "first": [first() for _ in range(3)],
        "counts": [counts() for _ in range(3)],
        "gaps": [gaps() for _ in range(3)],
        "merged": [merged() for _ in range(3)],
        "full": [full() for _ in range(3)],
    }


@ALLOCATOR.shown
def shown_allocator(case):
    words = {"malloc": "malloc({1})", "free": "free(line {1})", "empty": "empty_cache()"}
    lines = [f"{n}: {words[what].format(n, value)}" for n, (what, value) in enumerate(case.lines)]
    return f"Allocator({case.capacity}), then " + ", ".join(lines)


def replayed(answer, case):
    """What each line returns, and the three counts after it."""
    allocator, places, seen = answer(case.capacity), {}, []
    for number, (what, value) in enumerate(case.lines):
        found = None
        if what == "malloc":
            try:
                place = places[number] = allocator.malloc(value)
            except MemoryError:
                found = "MemoryError"
            else:
                pair = isinstance(place, list | tuple) and len(place) == 2
                found = [whole(one) for one in place] if pair else {"kind": kind_of(place)}
        elif what == "free":
            if value not in places:
                raise Unfit(f"malloc of line {value} raised MemoryError and should not have.")
            allocator.free(places.pop(value))
        else:
            allocator.empty_cache()
        names = ("allocated", "reserved", "peak")
        seen.append([found, [whole(getattr(allocator, name)) for name in names]])
    return seen


class Places(Aspect):
    what = "What malloc returns"

    def run(answer, case, f):
        lines = zip(case.lines, replayed(answer, case), strict=True)
        return {
            f"line {n}": found
            for n, ((what, _), (found, _)) in enumerate(lines)
            if what == "malloc"
        }

    def expect(case):
        lines = zip(case.lines, replay(case.lines, case.capacity), strict=True)
        return {
            f"line {n}": found
            for n, ((what, _), (found, _)) in enumerate(lines)
            if what == "malloc"
        }


SEGMENTS = "segments"


@ALLOCATOR.aspect(SEGMENTS, 2, over="first")
class Segments(Places):
    """A tensor goes into the smallest gap that is large enough. A request of 10 MiB or more has a
    segment of its own size if it fits nowhere."""

    code = "new = 20 if size < 10 else size"


@ALLOCATOR.aspect("the counts", 2, over="counts", after=SEGMENTS)
class Counts(Aspect):
    """Deleting lowers allocated. Only empty_cache lowers reserved, by segments in which nothing
    lies. The peak never goes down."""

    what = "allocated, reserved and peak after"

    def run(answer, case, f):
        return {f"line {n}": counts for n, (_, counts) in enumerate(replayed(answer, case))}

    def expect(case):
        seen = replay(case.lines, case.capacity)
        return {f"line {n}": counts for n, (_, counts) in enumerate(seen)}


@ALLOCATOR.aspect("the smallest gap", 3, over="gaps", after=SEGMENTS)
class SmallestGap(Places):
    "Compare all gaps of all segments, by size first, then by segment and start."

    code = "min((end - start, segment, start) for ... if end - start >= size)"


@ALLOCATOR.aspect("gaps merge", 2, over="merged", after=SEGMENTS)
class Merge(Places):
    """When a tensor is deleted, look at the gap that ends where it begins, and at the gap that
    begins where it ends."""


@ALLOCATOR.aspect("a full memory", 3, over="full", after=SEGMENTS)
class FullMemory(Places):
    """Before a segment is reserved, compare with the capacity. If it is too much, release what is
    empty and compare again. After a MemoryError the allocator goes on."""

    code = "if self.reserved + new > self.capacity:\n    self.empty_cache()"
