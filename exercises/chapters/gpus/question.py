"""Questions of the chapter *GPUs: devices and copies*.

No GPU is needed: what is asked for is a choice, a rule, or where tensors go. PyTorch's tensors
pretend to be elsewhere; in a graph of TensorFlow they have a device and no numbers. In the inputs a
device is a number: that of a GPU, or -1 for the CPU.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import zip_longest

import numpy as np
from d2lexercises.comparer import brief
from d2lexercises.kinds import kind_of
from d2lexercises.networks import data_in_words
from d2lexercises.pretend import pretend_devices
from d2lexercises.vocabulary import Aspect, WrongKind, function, layer, question

CPU = -1


def device_name(number, framework):
    """A device's number as the framework calls the device; None for no device."""
    if number is None:
        return None
    if framework == "pytorch":
        return "cpu" if number == CPU else f"cuda:{number}"
    return "CPU:0" if number == CPU else f"GPU:{number}"


def some(draw, low, high, count):
    """So many different integers from `low` to `high`, in any order."""
    return draw.shuffled(range(low, high + 1))[:count]


# -- gpus.choose -------------------------------------------------------------------------------

CHOOSE = question("gpus.choose", "The devices that a program asks for", takes=function)


@CHOOSE.inputs
def draw_choose(draw):
    def case(there, absent):
        count = draw.integer(4, 7)
        wanted = some(draw, 0, count - 1, there) + some(draw, count, count + 4, absent)
        return {"wanted": draw.shuffled(wanted), "count": count}

    def twice():
        """Neither number 0 nor the first number that is too large: they have cases of their own."""
        count = draw.integer(4, 7)
        wanted = some(draw, 1, count - 1, 3)
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
        "any": [{"wanted": None, "count": n} for n in [0, *some(draw, 1, 9, 3)]],
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
    found = answer(case.wanted, case.count)
    if not isinstance(found, list):
        raise WrongKind(f"A list of devices is expected; what came is {kind_of(found)}.")
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


# -- gpus.placement --------------------------------------------------------------------------------

PLACEMENT = question("gpus.placement", "Where will it be?", takes=function)
MAKE, NUMBER, NAME, COPY, SUM = "ones", "number", "name", "copy", "sum"


class Program:
    """Lines of a program, as they are drawn, and where PyTorch would have the results."""

    def __init__(self, draw, gpus):
        self.draw, self.gpus, self.lines = draw, gpus, []
        self.names = draw.shuffled("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

    def add(self, what, operands, scope):
        name = self.names.pop()
        self.lines.append([name, what, list(operands), scope])
        return name

    def somewhere(self, but=None):
        """A device: the CPU or a GPU, other than `but`."""
        return self.draw.choice([n for n in range(-1, self.gpus) if n != but])

    def scope(self):
        """None, or any device."""
        return None if self.draw.rng.random() < 0.4 else self.somewhere()

    def device_of(self, name):
        return placed_by_operands(self.lines)[name][0]

    def pick(self, on=None):
        """The name of a tensor, on a device if it is given."""
        places = placed_by_operands(self.lines)
        return self.draw.choice([n for n, at in places.items() if at and on in (None, at[0])])


def making(draw, gpus):
    """A program that creates and copies."""
    program = Program(draw, gpus)
    for _ in range(3):
        program.add(draw.choice([MAKE, NUMBER]), [], program.scope())
    program.add(MAKE, [], None)
    for _ in range(3):
        program.add(COPY, [program.pick()], program.somewhere())
    program.add(NUMBER, [], program.scope())
    return program


def naming(draw, gpus):
    """A program with names given in scopes of other devices, and copies to where things are."""
    program = making(draw, gpus)
    for _ in range(3):
        at = program.pick()
        program.add(NAME, [at], program.somewhere(program.device_of(at)))
        at = program.pick()
        stays = draw.rng.random() < 0.6
        program.add(COPY, [at], program.device_of(at) if stays else program.somewhere())
        program.add(NAME, [program.lines[-1][0]], program.scope())
    return program


def adding(draw, gpus):
    """A program with sums of tensors that share a device, in scopes of others or in none."""
    program = Program(draw, gpus)
    devices = [CPU, *some(draw, 0, gpus - 1, 2)]
    for device in devices:
        program.add(MAKE, [], device)
    for _ in range(5):
        at = devices[draw.integer(0, 2)]
        operands = [program.pick(on=at) for _ in range(2)]
        program.add(SUM, operands, None if draw.rng.random() < 0.5 else program.somewhere(at))
    return program


def mixing(draw, gpus):
    """A program with sums across devices, of matrices and of single numbers."""
    program = Program(draw, gpus)
    here, there = some(draw, 0, gpus - 1, 2)
    on_cpu, on_here, on_there = (program.add(MAKE, [], device) for device in (CPU, here, there))
    one_cpu, one_here = (program.add(NUMBER, [], device) for device in (CPU, here))
    pairs = [
        (on_cpu, on_here), (on_here, on_there), (on_here, one_cpu), (on_cpu, one_here),
        (one_cpu, one_here), (one_here, on_there), (on_cpu, one_cpu),
    ]  # fmt: skip
    for pair in draw.shuffled(pairs):
        program.add(SUM, draw.shuffled(pair), program.scope())
    once = program.add(SUM, [one_cpu, one_cpu], None)  # again a number, again on the CPU
    program.add(SUM, [once, draw.choice([on_here, on_there])], program.scope())
    return program


@PLACEMENT.inputs
def draw_placement(draw):
    def several(program):
        found = []
        for _ in range(3):
            gpus = draw.integer(3, 6)
            found.append({"lines": program(draw, gpus).lines, "gpus": gpus})
        return found

    alone = {"lines": making(draw, 0).lines, "gpus": 0}
    return {
        "made": [*several(making), alone],
        "named": several(naming),
        "summed": several(adding),
        "mixed": several(mixing),
    }


def placed_by_operands(lines):
    """PyTorch's rule: results are where the operands are. Of each name: device and first name."""
    places, axes = {}, {}  # the latter: whether a tensor has any
    for name, what, operands, scope in lines:
        axes[name] = what == MAKE or any(axes[one] for one in operands)
        at = [places[one] for one in operands]
        if what in (MAKE, NUMBER):
            places[name] = (CPU if scope is None else scope, name)
        elif what == NAME or (what == COPY and at[0][0] == scope):
            places[name] = at[0]
        elif what == COPY:
            places[name] = (scope, name)
        else:
            # A number on the CPU follows the other.
            bound = {
                on for (on, _), one in zip(at, operands, strict=True) if on != CPU or axes[one]
            }
            places[name] = (next(iter(bound), CPU), name) if len(bound) < 2 else None
    return places


def placed_by_scope(lines, gpus):
    """TensorFlow's rule: operations run in their scope, or on the default device."""
    places = {}
    for name, what, operands, scope in lines:
        at = (0 if gpus else CPU) if scope is None else scope
        places[name] = places[operands[0]] if what == NAME else (at, name)
    return places


def as_given(line, framework):
    name, what, operands, scope = line
    return name, what, tuple(operands), device_name(scope, framework)


@PLACEMENT.shown
def shown_placement(program, framework):
    lines = ", ".join(repr(as_given(line, framework)) for line in program.lines)
    machine = "" if framework == "pytorch" else f"; a machine with {program.gpus} GPUs"
    return f"a program with the lines {lines}{machine}"


def placed(answer, program, f):
    """What the answer says of each name: a list, None, or in words what else it is."""
    lines = [as_given(line, f.key) for line in program.lines]
    found = answer(lines, *([] if f.key == "pytorch" else [program.gpus]))
    if not isinstance(found, dict):
        raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")

    def entry(at):
        if at is None or not isinstance(at, list | tuple):
            return None if at is None else {"kind": kind_of(at)}
        return [str(part) for part in at]

    return {str(name): entry(at) for name, at in found.items()}


def places_by_hand(program, framework):
    """Of each name: the device and the first name of the tensor, or None."""
    if framework == "pytorch":
        places = placed_by_operands(program.lines)
    else:
        places = placed_by_scope(program.lines, program.gpus)
    return {name: at and [device_name(at[0], framework), at[1]] for name, at in places.items()}


class Devices(Aspect):
    what = "Place"

    def run(answer, program, f):
        pairs = placed(answer, program, f)
        right = {name: at for name, at in pairs.items() if isinstance(at, list) and len(at) == 2}
        return pairs | {name: device for name, (device, _) in right.items()}

    def expect(program, framework):
        places = places_by_hand(program, framework)
        return {name: at and at[0] for name, at in places.items()}


@PLACEMENT.aspect("new tensors and copies", 1, over="made")
class Made(Devices):
    hint = {
        "pytorch": "A new tensor is in the scope, or on the CPU if there is none. A copy is where "
        "it was sent.",
        "tensorflow": "A new tensor is in the scope. Without one it is on GPU 0, and on the CPU "
        "only where there is no GPU. A copy is an operation like any other.",
    }


@PLACEMENT.aspect("one more name", 2, over="named")
class Named(Aspect):
    hint = {
        "pytorch": "An assignment gives one more name to the same tensor, in any scope. So does "
        "A.to(device), if A is there already. Write down the first of its names.",
        "tensorflow": "An assignment gives one more name to the same tensor, in any scope; write "
        "down the first of its names. tf.identity returns a new tensor always.",
    }
    what = "Place"
    run = placed
    expect = places_by_hand


@PLACEMENT.aspect("sums on one device", 2, over="summed")
class Summed(Devices):
    hint = {
        "pytorch": "A sum is where its operands are, whatever the scope says.",
        "tensorflow": "A sum is where its scope says, or on the default device, wherever its "
        "operands are.",
    }


@PLACEMENT.aspect("sums across devices", 2, over="mixed")
class Mixed(Devices):
    hint = {
        "pytorch": "Refused, but for one case: a tensor without axes on the CPU goes along with "
        "anything. One on a GPU does not. The sum of two tensors without axes has none.",
        "tensorflow": "Operands are copied to where the sum runs: its scope, or the default "
        "device. That no operand is there makes no difference.",
    }


# -- gpus.move ---------------------------------------------------------------------------------
# What is to be moved is a list of rows, [depth, key, kind, value]. The rows of a container's parts
# follow it, one deeper. The value of a tensor is its number; only dictionaries have keys.

MOVE = question("gpus.move", "Move what a data loader returns", takes=function)
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
            "shapes": [[draw.integer(1, 5), size] for size in some(draw, 2, 40, 9)],
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
    what was given. "sent" are shapes, "lines" says how what came back is built.
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

    form = [{"lines": [str], "given": [int]}]

    def run(answer, given, f):
        found = [moved(answer, case, given.device, f) for case in given.built]
        return [{"lines": one["lines"], "given": one["given"]} for one in found]

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

PORTABLE = question("gpus.portable", "A layer that runs anywhere", takes=layer)


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
        "layer's own.",
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
