"""Questions of the chapter *GPUs: devices and copies*.

No GPU is needed: what is asked for is a choice, a rule, or where tensors go. PyTorch's tensors
pretend to be elsewhere; in a graph of TensorFlow they have a device and no numbers. In the inputs a
device is a number: that of a GPU, or -1 for the CPU.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Tensor
from d2lcompute.checks.networks import (
    data,
    data_in_words,
    integer,
    need_list,
    short,
    word,
)
from d2lcompute.checks.pretend import pretend_devices
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    judge_by,
    kind_of,
    need_class,
    need_function,
    same_array,
    same_plain,
    shape_text,
    shapes_of,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]
CPU = -1


def _device(number: int | None, framework: str) -> str | None:
    """A device's number as the framework calls the device."""
    if number is None:
        return None
    if framework == "pytorch":
        return "cpu" if number == CPU else f"cuda:{number}"
    return "CPU:0" if number == CPU else f"GPU:{number}"


# -- gpus.choose -------------------------------------------------------------------------------


def _some(rng: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    """So many different integers from `low` to `high`, in any order."""
    return [low + int(n) for n in rng.permutation(high - low + 1)[:count]]


def _choose_case(rng: np.random.Generator, there: int, absent: int) -> Inputs:
    count = integer(rng, 4, 7)
    wanted = _some(rng, 0, count - 1, there) + _some(rng, count, count + 4, absent)
    return {"wanted": [wanted[int(n)] for n in rng.permutation(len(wanted))], "count": count}


def _twice_case(rng: np.random.Generator) -> Inputs:
    """Neither number 0 nor the first number that is too large: they have cases of their own."""
    count = integer(rng, 4, 7)
    wanted = _some(rng, 1, count - 1, 3)
    wanted += [*wanted[:2], count + integer(rng, 1, 4)]
    return {"wanted": [wanted[int(n)] for n in rng.permutation(len(wanted))], "count": count}


def _choose_inputs(rng: np.random.Generator) -> Inputs:
    edge = integer(rng, 2, 5)
    found = [_choose_case(rng, 3, 2) for _ in range(3)]
    found.append({"wanted": [edge, edge - 1, 0], "count": edge})
    nothing = [_choose_case(rng, 0, integer(rng, 1, 3)) for _ in range(3)]
    nothing += [{"wanted": [], "count": integer(rng, 1, 4)} for _ in range(2)]
    nothing += [_choose_case(rng, 2, 1) for _ in range(5)]
    refused = [_choose_case(rng, 2, 1) for _ in range(3)]
    refused += [{"wanted": [0], "count": 0}, {"wanted": [], "count": 3}]
    for case in refused:
        case["wanted"].insert(integer(rng, 0, len(case["wanted"])), -integer(rng, 1, 99))
    return {
        "found": found,
        "twice": [_twice_case(rng) for _ in range(3)],
        "nothing": [nothing[int(n)] for n in rng.permutation(len(nothing))],
        "any": [{"wanted": None, "count": n} for n in [0, *_some(rng, 1, 9, 3)]],
        "refused": refused,
    }


def _number_of(device: Any, framework: Framework) -> Any:
    """A device as its number; anything else in words."""
    if framework.key == "pytorch":
        import torch

        if not isinstance(device, torch.device):
            return f"{type(device).__name__} {device!r}"[:60]
        return CPU if device.type == "cpu" else device.index if device.index is not None else (
            f"{device}, without a number"
        )  # fmt: skip
    if not isinstance(device, str):
        return f"an object of type {type(device).__name__}"
    kind, _, number = str(device).upper().rpartition("/")[2].removeprefix("DEVICE:").partition(":")
    if kind not in ("CPU", "GPU") or not number.isdigit() or (kind == "CPU" and int(number)):
        return str(device)[:60]
    return CPU if kind == "CPU" else int(number)


def _choose_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def chosen(case: Inputs) -> Any:
        wanted = None if case["wanted"] is None else list(case["wanted"])
        found = answer(wanted, case["count"])
        if not isinstance(found, list):
            raise WrongKind(f"A list of devices is expected; what came is {kind_of(found)}.")
        return [_number_of(device, framework) for device in found]

    def refused(case: Inputs) -> Any:
        try:
            return f"!{chosen(case)}"
        except ValueError as error:
            return str(error)[:500]

    found: Outputs = {
        key: attempt(lambda key=key: [chosen(case) for case in inputs[key]])
        for key in ("found", "twice", "nothing", "any")
    }
    found["refused"] = attempt(lambda: [refused(case) for case in inputs["refused"]])
    return found


def _choose_text(case: Mapping[str, Any]) -> str:
    return f"choose({case['wanted']}, {case['count']})"


def _in_names(numbers: Any, framework: str) -> str:
    if not isinstance(numbers, list):
        return short(numbers)
    known = [
        str(_device(n, framework)) if type(n) is int and -1 <= n < 1000 else short(n)
        for n in numbers[:20]
    ]
    return f"[{', '.join(known)}]"


def _choose_each(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        cases = inputs[key]
        for case, one in zip(cases, need_list(found, len(cases), "Lists of devices"), strict=True):
            wanted, count = case["wanted"], case["count"]
            expected = [n for n in (range(count) if wanted is None else wanted) if n < count]
            expected = list(dict.fromkeys(expected)) or [CPU]
            if not same_plain(one, expected):
                raise Unfit(
                    f"Devices: expected {_in_names(expected, framework)}, got "
                    f"{_in_names(one, framework)}.\nInput: {_choose_text(case)}"
                )

    return compare


def _choose_refused(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    cases = inputs["refused"]
    for case, one in zip(cases, need_list(found, len(cases), "Errors"), strict=True):
        number = str(min(case["wanted"]))
        if isinstance(one, str) and not one.startswith("!") and number in one:
            continue
        got = f"a ValueError that says {short(one)}" if isinstance(one, str) else "nothing"
        if isinstance(one, str) and one.startswith("!"):
            got = "a list of devices"
        raise Unfit(
            f"A ValueError whose message contains {number} is expected, got {got}."
            f"\nInput: {_choose_text(case)}"
        )


_CHOSEN = "the GPUs that are there"

CHOOSE = Question(
    name="gpus.choose",
    title="The devices that a program asks for",
    points=6,
    inputs=_choose_inputs,
    probe=_choose_probe,
    judge=judge_by(
        Aspect(
            _CHOSEN,
            2,
            "found",
            _choose_each("found"),
            hints={
                "pytorch": "GPU i is there if i < count, whatever this machine has. It is "
                "torch.device(f'cuda:{i}'), with its number, and no text. The order is that of "
                "wanted.",
                "tensorflow": "GPU i is there if i < count, whatever this machine has. It is the "
                "text f'GPU:{i}'. The order is that of wanted.",
            },
        ),
        Aspect(
            "asked for twice",
            1,
            "twice",
            _choose_each("twice"),
            hint="dict.fromkeys(wanted) keeps each number once, in the order of their first "
            "appearance. A set has no order.",
        ),
        Aspect(
            "the CPU if no GPU is left",
            1,
            "nothing",
            _choose_each("nothing"),
            hint="One CPU, and only if no GPU that is wanted is there. An empty list wants none.",
            needs=(_CHOSEN,),
        ),
        Aspect(
            "nothing in particular",
            1,
            "any",
            _choose_each("any"),
            hint="wanted is None: all that there are, or the CPU.",
        ),
        Aspect(
            "a number below zero",
            1,
            "refused",
            _choose_refused,
            hint="-1 < count on every machine, so ask for i < 0 first, and raise a ValueError that "
            "says what was given.",
            needs=(_CHOSEN,),
        ),
    ),
    version="2",
)


# -- gpus.placement --------------------------------------------------------------------------------

_MAKE, _NUMBER, _NAME, _COPY, _SUM = "ones", "number", "name", "copy", "sum"


class _Program:
    """Lines of a program, as they are drawn, and where PyTorch would have the results."""

    def __init__(self, rng: np.random.Generator, gpus: int) -> None:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        self.rng, self.gpus = rng, gpus
        self.names = [letters[int(n)] for n in rng.permutation(len(letters))]
        self.lines: list[list[Any]] = []

    def add(self, what: str, operands: Sequence[str], scope: int | None) -> str:
        name = self.names.pop()
        self.lines.append([name, what, list(operands), scope])
        return name

    def somewhere(self, but: int | None = None) -> int:
        """A device: the CPU or a GPU, other than `but`."""
        return int(self.rng.choice([n for n in range(-1, self.gpus) if n != but]))

    def places(self) -> dict[str, tuple[int, str] | None]:
        return _placed_by_operands(self.lines)

    def pick(self, wanted: Callable[[int], bool] = lambda _: True) -> str:
        """The name of a tensor on a device that is wanted."""
        places = self.places()
        return str(self.rng.choice([n for n, at in places.items() if at and wanted(at[0])]))


def _scope(rng: np.random.Generator, program: _Program) -> int | None:
    return None if rng.random() < 0.4 else program.somewhere()


def _made(rng: np.random.Generator, gpus: int) -> _Program:
    """A program that creates and copies."""
    program = _Program(rng, gpus)
    for _ in range(3):
        program.add(str(rng.choice([_MAKE, _NUMBER])), [], _scope(rng, program))
    program.add(_MAKE, [], None)
    for _ in range(3):
        program.add(_COPY, [program.pick()], program.somewhere())
    program.add(_NUMBER, [], _scope(rng, program))
    return program


def _named(rng: np.random.Generator, gpus: int) -> _Program:
    """A program with names given in scopes of other devices, and copies to where things are."""
    program = _made(rng, gpus)
    for _ in range(3):
        at = program.pick()
        program.add(_NAME, [at], program.somewhere(program.places()[at][0]))
        at = program.pick()
        stays = rng.random() < 0.6
        program.add(_COPY, [at], program.places()[at][0] if stays else program.somewhere())
        program.add(_NAME, [program.lines[-1][0]], _scope(rng, program))
    return program


def _summed(rng: np.random.Generator, gpus: int) -> _Program:
    """A program with sums of tensors that share a device, in scopes of others or in none."""
    program = _Program(rng, gpus)
    devices = [CPU, *_some(rng, 0, gpus - 1, 2)]
    for device in devices:
        program.add(_MAKE, [], device)
    for _ in range(5):
        at = devices[integer(rng, 0, 2)]
        operands = [program.pick(lambda device, at=at: device == at) for _ in range(2)]
        program.add(_SUM, operands, None if rng.random() < 0.5 else program.somewhere(at))
    return program


def _mixed(rng: np.random.Generator, gpus: int) -> _Program:
    """A program with sums across devices, of matrices and of single numbers."""
    program = _Program(rng, gpus)
    here, there = _some(rng, 0, gpus - 1, 2)
    on_cpu, on_here, on_there = (program.add(_MAKE, [], device) for device in (CPU, here, there))
    one_cpu, one_here = (program.add(_NUMBER, [], device) for device in (CPU, here))
    pairs = [
        (on_cpu, on_here), (on_here, on_there), (on_here, one_cpu), (on_cpu, one_here),
        (one_cpu, one_here), (one_here, on_there), (on_cpu, one_cpu),
    ]  # fmt: skip
    for n in rng.permutation(len(pairs)):
        pair = [pairs[n][int(side)] for side in rng.permutation(2)]
        program.add(_SUM, pair, _scope(rng, program))
    once = program.add(_SUM, [one_cpu, one_cpu], None)  # again a number, again on the CPU
    program.add(_SUM, [once, str(rng.choice([on_here, on_there]))], _scope(rng, program))
    return program


def _where_inputs(rng: np.random.Generator) -> Inputs:
    def several(draw: Callable[[np.random.Generator, int], _Program]) -> list[Inputs]:
        found = []
        for _ in range(3):
            gpus = integer(rng, 3, 6)
            found.append({"lines": draw(rng, gpus).lines, "gpus": gpus})
        return found

    alone = {"lines": _made(rng, 0).lines, "gpus": 0}
    return {
        "made": [*several(_made), alone],
        "named": several(_named),
        "summed": several(_summed),
        "mixed": several(_mixed),
    }


def _where_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def entry(found: Any) -> Any:
        if found is None or not isinstance(found, tuple | list):
            return None if found is None else f"an object of type {type(found).__name__}"
        return [str(part) for part in found]

    def run(program: Inputs) -> Any:
        lines = [
            (name, what, tuple(operands), _device(scope, framework.key))
            for name, what, operands, scope in program["lines"]
        ]
        more = () if framework.key == "pytorch" else (program["gpus"],)
        found = answer(lines, *more)
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        return {str(name): entry(at) for name, at in found.items()}

    return {
        key: attempt(lambda key=key: [run(program) for program in inputs[key]])
        for key in ("made", "named", "summed", "mixed")
    }


def _placed_by_operands(lines: Sequence[Sequence[Any]]) -> dict[str, tuple[int, str] | None]:
    """PyTorch's rule: results are where the operands are."""
    places: dict[str, tuple[int, str] | None] = {}
    axes: dict[str, bool] = {}  # whether a tensor has any
    for name, what, operands, scope in lines:
        axes[name] = what == _MAKE or any(axes[one] for one in operands)
        at = [places[one] for one in operands]
        if what in (_MAKE, _NUMBER):
            places[name] = (CPU if scope is None else scope, name)
        elif what == _NAME or (what == _COPY and at[0][0] == scope):
            places[name] = at[0]
        elif what == _COPY:
            places[name] = (scope, name)
        else:
            (left, _), (right, _) = at
            if left != right:  # a number on the CPU follows the other
                if left == CPU and not axes[operands[0]]:
                    left = right
                elif right == CPU and not axes[operands[1]]:
                    right = left
            places[name] = (left, name) if left == right else None
    return places


def _placed_by_scope(lines: Sequence[Sequence[Any]], gpus: int) -> dict[str, tuple[int, str]]:
    """TensorFlow's rule: operations run in their scope, or on the default device."""
    places: dict[str, tuple[int, str]] = {}
    for name, what, operands, scope in lines:
        at = (0 if gpus else CPU) if scope is None else scope
        places[name] = places[operands[0]] if what == _NAME else (at, name)
    return places


def _line_text(line: Sequence[Any], framework: str) -> str:
    name, what, operands, scope = line
    return repr((name, what, tuple(operands), _device(scope, framework)))


def _where_each(key: str, with_names: bool) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        programs = inputs[key]
        results = need_list(found, len(programs), "Dictionaries")
        for program, one in zip(programs, results, strict=True):
            lines, gpus = program["lines"], program["gpus"]
            names = [line[0] for line in lines]
            if not isinstance(one, dict) or set(one) != set(names):
                got = one if isinstance(one, dict) else {}
                missing = ", ".join(name for name in names if name not in got) or "none"
                more = short([name for name in got if name not in names])
                raise Unfit(
                    "A dictionary with an entry for every name is expected, also where it is None; "
                    f"missing: {missing}, not expected: {more}."
                    f"\nInput: a program with the lines {_line_text(lines[0], framework)}, ..."
                )
            torch = framework == "pytorch"
            places = _placed_by_operands(lines) if torch else _placed_by_scope(lines, gpus)
            for line in lines:
                at, got = places[line[0]], one[line[0]]
                expected = at and [_device(at[0], framework), at[1]]
                right = same_plain(got, expected)
                if not with_names and isinstance(got, list) and len(got) == 2 and expected:
                    right = same_plain(got[0], expected[0])
                if right:
                    continue
                before = [_line_text(other, framework) for other in lines if other[0] in line[2]]
                text = ", ".join([*before, _line_text(line, framework)])
                machine = "" if torch else f"; a machine with {gpus} GPUs"
                raise Unfit(
                    f"{line[0]}: expected {expected and tuple(expected)}, got "
                    f"{short(tuple(got) if isinstance(got, list) else got)}."
                    f"\nInput: a program with the lines {text}{machine}"
                )

    return compare


WHERE = Question(
    name="gpus.placement",
    title="Where will it be?",
    points=7,
    inputs=_where_inputs,
    probe=_where_probe,
    judge=judge_by(
        Aspect(
            "new tensors and copies",
            1,
            "made",
            _where_each("made", with_names=False),
            hints={
                "pytorch": "A new tensor is in the scope, or on the CPU if there is none. A copy "
                "is where it was sent.",
                "tensorflow": "A new tensor is in the scope. Without one it is on GPU 0, and on "
                "the CPU only where there is no GPU. A copy is an operation like any other.",
            },
        ),
        Aspect(
            "one more name",
            2,
            "named",
            _where_each("named", with_names=True),
            hints={
                "pytorch": "An assignment gives one more name to the same tensor, in any scope. So "
                "does A.to(device), if A is there already. Write down the first of its names.",
                "tensorflow": "An assignment gives one more name to the same tensor, in any scope; "
                "write down the first of its names. tf.identity returns a new tensor always.",
            },
        ),
        Aspect(
            "sums on one device",
            2,
            "summed",
            _where_each("summed", with_names=False),
            hints={
                "pytorch": "A sum is where its operands are, whatever the scope says.",
                "tensorflow": "A sum is where its scope says, or on the default device, wherever "
                "its operands are.",
            },
        ),
        Aspect(
            "sums across devices",
            2,
            "mixed",
            _where_each("mixed", with_names=False),
            hints={
                "pytorch": "Refused, but for one case: a tensor without axes on the CPU goes along "
                "with anything. One on a GPU does not. The sum of two tensors without axes has "
                "none.",
                "tensorflow": "Operands are copied to where the sum runs: its scope, or the "
                "default device. That no operand is there makes no difference.",
            },
        ),
    ),
    version="2",
)


# -- gpus.move ---------------------------------------------------------------------------------
# What is to be moved is a list of rows, [depth, key, kind, value]. The rows of a container's parts
# follow it, one deeper. The value of a tensor is its number; only dictionaries have keys.

Batch = namedtuple("Batch", ["inputs", "targets", "rest"])
_KINDS = {dict: "dict", list: "list", tuple: "tuple", Batch: "named"}


def _group(rng: np.random.Generator, kind: str, parts: Sequence[list[Any]]) -> list[Any]:
    """A container of parts as rows."""
    rows: list[Any] = [[0, "", kind, None]]
    for (_, _, *what), *inner in parts:
        rows.append([1, word(rng) if kind == "dict" else "", *what])
        rows += [[depth + 1, *row] for depth, *row in inner]
    return rows


def _nested(rng: np.random.Generator, leaves: Sequence[Any], kinds: Sequence[str]) -> list[Any]:
    """A dictionary with these leaves, some of them in containers, some of those in others."""
    pool = [[[0, "", *leaf]] for leaf in leaves]
    for kind in kinds:
        pool = [pool[int(n)] for n in rng.permutation(len(pool))]
        size = 3 if kind == "named" else integer(rng, 2, 3)
        pool = [*pool[size:], _group(rng, kind, pool[:size])]
    return _group(rng, "dict", [pool[int(n)] for n in rng.permutation(len(pool))])


def _move_case(rng: np.random.Generator, away: int, kinds: Sequence[str], again: int = 0) -> Inputs:
    """Rows with nine tensors, each of a shape of its own; so many are not there yet.

    The first `again` of them occur twice or three times.
    """
    leaves: list[Any] = [["tensor", n] for n in range(9)]
    leaves += [["tensor", n] for n in range(again) for _ in range(integer(rng, 1, 2))]
    if "named" in kinds:
        leaves += [["thing", integer(rng, 0, 99)], ["thing", word(rng)], ["thing", None]]
    kinds = [kinds[int(n)] for n in rng.permutation(len(kinds))]
    return {
        "rows": _nested(rng, leaves, kinds),
        "shapes": [[integer(rng, 1, 5), size] for size in _some(rng, 2, 40, 9)],
        "whole": [bool(rng.integers(2)) for _ in range(9)],  # of integers
        "away": [n < away for n in range(9)],
    }


def _move_inputs(rng: np.random.Generator) -> Inputs:
    usual = ["dict", "list", "tuple", "list"]
    alone = _move_case(rng, 9, usual) | {"rows": [[0, "", "tensor", integer(rng, 0, 8)]]}
    return {
        "device": integer(rng, 1, 3),
        "batch": [_move_case(rng, 6, usual), alone],
        "built": [_move_case(rng, 6, [*usual, "named"])],
        "there": [_move_case(rng, 4, usual), _move_case(rng, 0, usual)],
        "again": [_alike(_move_case(rng, 7, usual, again=4))],
    }


def _alike(case: Inputs) -> Inputs:
    """The same with two tensors that nothing tells apart: shape, type, numbers, where they are."""
    for key in ("shapes", "whole"):
        case[key][3] = case[key][0]
    return case


def _built(rows: Sequence[Any], tensors: Sequence[Tensor]) -> Any:
    (depth, _, kind, value), *rest = rows
    if kind in ("tensor", "thing"):
        return tensors[value] if kind == "tensor" else value
    starts = [n for n, row in enumerate(rest) if row[0] == depth + 1]
    ends = [*starts[1:], len(rest)]
    parts = [_built(rest[a:b], tensors) for a, b in zip(starts, ends, strict=True)]
    if kind == "dict":
        return dict(zip([rest[n][1] for n in starts], parts, strict=True))
    return Batch(*parts) if kind == "named" else parts if kind == "list" else tuple(parts)


def _rows_of(
    found: Any, describe: Callable[[Tensor], Any], depth: int = 0, key: str = ""
) -> list[Any]:
    """What came back, as rows."""
    if hasattr(found, "device") and hasattr(found, "dtype"):
        return [[depth, key, "tensor", describe(found)]]
    kind = _KINDS.get(type(found))
    if kind is None:
        plain = found is None or type(found) in (int, str)
        return [[depth, key, "thing" if plain else type(found).__name__, found if plain else None]]
    rows: list[Any] = [[depth, key, kind, None]]
    parts = found.items() if kind == "dict" else (("", part) for part in found)
    for name, part in parts:
        rows += _rows_of(part, describe, depth + 1, str(name))
    return rows


def _move_in_torch(
    answer: Any, case: Inputs, device: int
) -> tuple[Any, Any, list[Tensor], list[list[int]], Callable[[Tensor], str]]:
    """What was given, what came back, the tensors, the shapes sent, and where a tensor is."""
    import torch

    elsewhere = ["cpu", f"cuda:{device + 1}", f"cuda:{10 + device}"]
    with pretend_devices() as pretend:
        tensors = []
        flags = zip(case["shapes"], case["whole"], case["away"], strict=True)
        for n, (shape, whole, away) in enumerate(flags):
            at = elsewhere[n % 3] if away else f"cuda:{device}"
            dtype = torch.int64 if whole else torch.float32
            tensors.append(torch.ones(shape, dtype=dtype, device=at))
        given = _built(case["rows"], tensors)
        back = answer(given, torch.device("cuda", device))
    sent = [shape for what, shape, _ in pretend.notes if what == "sent"]
    return given, back, tensors, sent, lambda tensor: str(pretend.place(tensor))


def _move_in_graph(
    answer: Any, case: Inputs, device: int
) -> tuple[Any, Any, list[Tensor], list[list[int]], Callable[[Tensor], str]]:
    """The same for TensorFlow: what was sent is what operations made of a tensor."""
    import tensorflow as tf

    elsewhere = ["CPU:0", f"GPU:{device}{device}", f"CPU:{device}"]
    with tf.Graph().as_default() as graph:
        tensors = []
        flags = zip(case["shapes"], case["whole"], case["away"], strict=True)
        for n, (shape, whole, away) in enumerate(flags):
            with tf.device(elsewhere[n % 3] if away else f"GPU:{device}"):
                tensors.append(tf.ones(shape, tf.int32 if whole else tf.float32))
        given = _built(case["rows"], tensors)
        before = len(graph.get_operations())
        back = answer(given, f"GPU:{device}")
        new = [op for op in graph.get_operations()[before:] if op.inputs]
    sent = [[int(size) for size in op.outputs[0].shape] for op in new if op.outputs]
    return given, back, tensors, sent, lambda tensor: tensor.device.rpartition("device:")[2]


def _move_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    device = inputs["device"]
    run = _move_in_torch if framework.key == "pytorch" else _move_in_graph

    def moved(case: Inputs) -> Any:
        given, back, tensors, sent, place = run(answer, case, device)
        seen = list(tensors)  # then the new ones, in the order in which they are met

        def describe(found: Tensor) -> Any:
            if not any(one is found for one in seen):
                seen.append(found)
            dtype = found.dtype
            return {
                "shape": [int(size) for size in found.shape],
                "dtype": str(getattr(dtype, "name", dtype)).removeprefix("torch."),
                "place": place(found),
                "which": next(n for n, one in enumerate(seen) if one is found),
            }

        return {
            "back": _rows_of(back, describe),
            "given": _rows_of(given, describe),
            "sent": sent,
        }

    return {
        key: attempt(lambda key=key: [moved(case) for case in inputs[key]])
        for key in ("batch", "built", "there", "again")
    }


def _tensors(rows: Any) -> list[Any]:
    """The values of all tensors in rows; of rows in any form."""
    if not isinstance(rows, list):
        return []
    rows = [row for row in rows if isinstance(row, list) and len(row) == 4]
    return [row[3] for row in rows if same_plain(row[2], "tensor")]


def _row_text(row: Any) -> str:
    """A row in words: 'abc': tensor 3."""
    if not isinstance(row, list) or len(row) != 4:
        return "nothing"
    _, key, kind, value = row
    names = {"named": "a Batch", "dict": "a dictionary", "list": "a list", "tuple": "a tuple"}
    if same_plain(kind, "tensor"):
        what = f"tensor {value}" if type(value) is int else "a tensor"
    elif same_plain(kind, "thing"):
        what = short(value)
    else:
        kind = kind if isinstance(kind, str) else "none"
        what = names.get(kind, f"an object of type {kind[:30]}")
    return what if same_plain(key, "") else f"{short(key)}: {what}"


def _move_text(case: Mapping[str, Any]) -> str:
    """What was given, as Python writes it."""
    rows, text, marks = case["rows"], "", []
    ends = {"dict": "{}", "list": "[]", "tuple": "()", "named": "()"}
    for depth, key, kind, value in rows:
        while len(marks) > depth:
            text = f"{text.removesuffix(', ')}{marks.pop()}, "
        text += f"{key!r}: " if key else ""
        if kind in ends:
            text += ("Batch" if kind == "named" else "") + ends[kind][0]
            marks.append(ends[kind][1])
        else:
            text += f"tensor {value}, " if kind == "tensor" else f"{value!r}, "
    text = text.removesuffix(", ") + "".join(reversed(marks))
    there = [str(n) for n in sorted(set(_tensors(rows))) if not case["away"][n]]
    return f"{text}; there already: {', '.join(there) or 'none'}"


def _move_results(inputs: Mapping[str, Any], key: str, found: Any) -> list[tuple[Any, Any, Any]]:
    """For each case: the case, what came, and its tensors in order, which are of the right form."""
    results = []
    cases = inputs[key]
    for case, one in zip(cases, need_list(found, len(cases), "Results"), strict=True):
        tensors = _tensors(one.get("back") if isinstance(one, dict) else None)
        expected = len(_tensors(case["rows"]))
        if len(tensors) != expected or not all(map(_is_described, tensors)):
            raise Unfit(
                f"{expected} tensors are expected, got {len(tensors)}.\nInput: {_move_text(case)}"
            )
        results.append((case, one, tensors))
    return results


def _is_described(tensor: Any) -> bool:
    keys = {"shape", "dtype", "place", "which"}
    return isinstance(tensor, dict) and tensor.keys() == keys and type(tensor["which"]) is int


def _move_arrives(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    torch = framework == "pytorch"
    device = _device(inputs["device"], framework)
    for case, _, tensors in _move_results(inputs, "batch", found):
        text = f"{_move_text(case)}; device {device}"
        for n, one in zip(_tensors(case["rows"]), tensors, strict=True):
            shape, whole = case["shapes"][n], case["whole"][n]
            kind = ("int64" if torch else "int32") if whole else "float32"
            if not same_plain(one["place"], device):
                got = short(one["place"])
                raise Unfit(f"Tensor {n}: expected on {device}, got {got}.\nInput: {text}")
            if not same_plain([one["shape"], one["dtype"]], [shape, kind]):
                raise Unfit(
                    f"Tensor {n}: expected {tuple(shape)} of {kind}, got {short(one['shape'])} of "
                    f"{short(one['dtype'])}.\nInput: {text}"
                )


def _move_built(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one, _tensors_found in _move_results(inputs, "built", found):
        back, text = one["back"], _move_text(case)
        for n, row in enumerate(case["rows"]):
            got = back[n] if n < len(back) else None
            same = isinstance(got, list) and len(got) == 4 and same_plain(got[:3], row[:3])
            if not same or (row[2] != "tensor" and not same_plain(got[3], row[3])):
                raise Unfit(f"Expected {_row_text(row)}, got {_row_text(got)}.\nInput: {text}")
        if len(back) != len(case["rows"]):
            raise Unfit(f"More came back than was given.\nInput: {text}")
        given = [one for one in _tensors(one.get("given")) if _is_described(one)]
        if [one["which"] for one in given] != _tensors(case["rows"]):
            raise Unfit(f"What was given has been changed.\nInput: {text}")


def _same_sent(case: Mapping[str, Any], one: Any) -> None:
    """Raise `Unfit` unless each tensor that was away has been sent once, and no other."""
    used = set(_tensors(case["rows"]))
    expected = sorted(tuple(case["shapes"][n]) for n in used if case["away"][n])
    sent = sorted(shapes_of(one.get("sent")))
    if sent != expected:
        raise Unfit(
            f"Sent: tensors of the shapes {expected} are expected, got {str(sent)[:300]}."
            f"\nInput: {_move_text(case)}"
        )


def _move_there(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one, tensors in _move_results(inputs, "there", found):
        for n, tensor in zip(_tensors(case["rows"]), tensors, strict=True):
            if not case["away"][n] and tensor["which"] != n:
                raise Unfit(
                    f"Tensor {n}, which is there already: itself is expected, got another tensor."
                    f"\nInput: {_move_text(case)}"
                )
        _same_sent(case, one)


def _move_again(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    for case, one, tensors in _move_results(inputs, "again", found):
        _same_sent(case, one)
        places: dict[int, int] = {}
        for n, tensor in zip(_tensors(case["rows"]), tensors, strict=True):
            if places.setdefault(n, tensor["which"]) != tensor["which"]:
                raise Unfit(
                    f"Tensor {n}, which occurs several times: one tensor is expected in all of its "
                    f"places, got different ones.\nInput: {_move_text(case)}"
                )
        if len(set(places.values())) != len(places):
            raise Unfit(f"Different tensors have become one.\nInput: {_move_text(case)}")


_ARRIVES = "every tensor arrives"

MOVE = Question(
    name="gpus.move",
    title="Move what a data loader returns",
    points=7,
    inputs=_move_inputs,
    probe=_move_probe,
    judge=judge_by(
        Aspect(
            _ARRIVES,
            2,
            "batch",
            _move_arrives,
            hints={
                "pytorch": "Look into dictionaries, lists and tuples, and keep what to(device) "
                "returns: it does not work in place. Another GPU is another device: is_cuda and "
                "device.type do not tell them apart.",
                "tensorflow": "tf.identity, inside the scope of the device, copies; an assignment "
                "there does not, nor does tf.cast to the type that it has. Compare the end of "
                "tensor.device: GPU:1 is not GPU:11.",
            },
        ),
        Aspect(
            "built the same way",
            2,
            "built",
            _move_built,
            hint="Return type(data)(parts), for a named tuple type(data)(*parts), and what is no "
            "tensor as it is. Build anew; do not write into what was given.",
        ),
        Aspect(
            "what is there stays",
            1,
            "there",
            _move_there,
            hints={
                "pytorch": "to(device) returns the tensor itself if it is there, unless copy=True.",
                "tensorflow": "tf.identity returns a new tensor every time, so first ask where the "
                "tensor is.",
            },
            needs=(_ARRIVES,),
        ),
        Aspect(
            "sent once",
            2,
            "again",
            _move_again,
            hint="Remember, for one call of move, what each tensor has become: a dictionary from "
            "id(tensor), passed along. Its shape or its numbers do not tell tensors apart.",
            needs=(_ARRIVES,),
        ),
    ),
    version="2",
)


# -- gpus.portable -----------------------------------------------------------------------------


def _anywhere_inputs(rng: np.random.Generator) -> Inputs:
    features = integer(rng, 3, 8)
    return {
        "mean": [round(float(x), 3) for x in rng.normal(0, 2, features)],
        "std": [round(float(x), 3) for x in rng.uniform(0.3, 3, features)],
        "x": data(rng, integer(rng, 2, 9), integer(rng, 3, 12), features),
        "device": integer(rng, 1, 7),
    }


def _need_tensor(found: Any) -> Any:
    """`found`, if it is a tensor; raises `WrongKind` otherwise."""
    if not all(hasattr(found, name) for name in ("device", "shape", "dtype")):
        raise WrongKind(f"A tensor is expected; what came is {kind_of(found)}.")
    return found


def _strays_in_torch(net: Any, x: np.ndarray, device: int) -> Any:
    """Where a call on a GPU ends, and what was sent, or made elsewhere, on the way."""
    import torch

    with pretend_devices() as pretend:
        net.to(torch.device("cuda", device))
        given = torch.tensor(x, device=f"cuda:{device}")
        before = len(pretend.notes)
        found = _need_tensor(net(given))
        at = str(found.device)
    strays = [
        f"a tensor of shape {tuple(shape)} {what} {'to' if what == 'sent' else 'on'} {where}"
        for what, shape, where in pretend.notes[before:]
        if what == "sent" or (shape and str(where) != f"cuda:{device}")
    ]
    return {"device": at, "shape": [int(size) for size in found.shape], "strays": strays[:10]}


def _strays_in_graph(net: Any, x: np.ndarray, device: int) -> Any:
    """The same for TensorFlow: the operations that are to run elsewhere, and what they read."""
    import tensorflow as tf

    ended: list[str] = []

    def run(given: Tensor) -> Tensor:
        with tf.device(f"GPU:{device}"):
            found = _need_tensor(net(given))
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
    return {
        "device": ended[-1].rpartition("device:")[2],
        "shape": [int(size) for size in traced.outputs[0].shape],
        "strays": strays[:10],
    }


def _anywhere_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, framework.layer, framework.layer_name)
    x = inputs["x"]

    def made() -> Any:
        return answer(list(inputs["mean"]), list(inputs["std"]))

    def called() -> Any:
        net = made()
        return net, [framework.array(net(framework.tensor(x))) for _ in range(2)]

    def kept() -> Any:
        torch = framework.key == "pytorch"
        net = made() if torch else called()[0]  # the first call of a Keras layer builds it
        saved = net.state_dict().values() if torch else net.weights
        return {
            "saved": framework.arrays(list(saved)),
            "trained": framework.arrays(framework.registered(net)),
        }

    def elsewhere() -> Any:
        if framework.key == "pytorch":
            return _strays_in_torch(made(), x, inputs["device"])
        net, _ = called()
        return _strays_in_graph(net, x, inputs["device"])

    return {
        "kept": attempt(kept),
        "elsewhere": attempt(elsewhere),
        "outputs": attempt(lambda: called()[1]),
    }


def _anywhere_text(inputs: Mapping[str, Any]) -> str:
    return f"Prepare({inputs['mean']}, {inputs['std']}); {data_in_words(inputs['x'])}"


def _anywhere_kept(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("What the layer saves is expected.")
    text = f"Prepare({inputs['mean']}, {inputs['std']})"
    saved = found.get("saved")
    if not isinstance(saved, list) or not all(isinstance(one, np.ndarray) for one in saved):
        raise Unfit(f"A list of saved arrays is expected.\nInput: {text}")
    # In any shape, and in one array or in two: only the numbers count.
    numbers = np.concatenate([*(one.reshape(-1) for one in saved if one.dtype.kind in "fiu"), []])
    expected = np.sort(inputs["mean"] + inputs["std"])
    if numbers.shape != expected.shape or not np.allclose(np.sort(numbers), expected, atol=1e-5):
        shapes = ", ".join(map(shape_text, saved))
        got = f"arrays of the shapes {shapes} with others" if saved else "nothing"
        raise Unfit(
            f"Saved: the {len(expected)} numbers of mean and std are expected and no others, got "
            f"{got}.\nInput: {text}"
        )
    if not same_plain(found.get("trained"), []):
        raise Unfit(f"No trained parameter is expected, got some.\nInput: {text}")


def _anywhere_elsewhere(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    device = _device(inputs["device"], framework)
    text = f"{_anywhere_text(inputs)}, on {device}"
    if not isinstance(found, dict):
        raise Unfit(f"An output on {device} is expected.\nInput: {text}")
    strays = found.get("strays")
    if not same_plain(strays, []):
        listed = (
            "; ".join(one if isinstance(one, str) else short(one) for one in strays[:4])
            if isinstance(strays, list)
            else "something"
        )
        raise Unfit(
            f"Sent, or made on another device: nothing is expected, got {listed[:400]}."
            f"\nInput: {text}"
        )
    n, steps, features = inputs["x"].shape
    expected = {"device": device, "shape": [n, steps, features + 1]}
    got = {key: found.get(key) for key in expected}
    if not same_plain(got, expected):
        raise Unfit(f"Output: expected {expected}, got {short(got)}.\nInput: {text}")


def _anywhere_outputs(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    x = inputs["x"].astype(np.float64)
    n, steps, _features = x.shape
    time = np.broadcast_to((np.arange(steps) / steps)[None, :, None], (n, steps, 1))
    scaled = (x - np.array(inputs["mean"])) / np.array(inputs["std"])
    expected = np.concatenate([scaled, time], axis=2)
    for one in need_list(found, 2, "Outputs of two calls"):
        same_array(one, expected, "Output, on the CPU", _anywhere_text(inputs))


_ELSEWHERE = "computed on the device that it is on"

ANYWHERE = Question(
    name="gpus.portable",
    title="A layer that runs anywhere",
    points=7,
    inputs=_anywhere_inputs,
    probe=_anywhere_probe,
    judge=judge_by(
        Aspect(
            "the constants belong to the model",
            2,
            "kept",
            _anywhere_kept,
            hints={
                "pytorch": "self.register_buffer('mean', ...) for each. A list of tensors, or a "
                "plain attribute, is not part of the model; a parameter would be trained.",
                "tensorflow": "self.add_weight(..., trainable=False) for each. Keras sees neither "
                "a tf.constant nor a tf.Variable.",
            },
        ),
        Aspect(
            _ELSEWHERE,
            3,
            "elsewhere",
            _anywhere_elsewhere,
            hints={
                "pytorch": "Create tensors with device=X.device, and take none back with cpu(). "
                "What the layer keeps must be reached by to(): a buffer.",
                "tensorflow": "No tf.device inside call. And a tf.constant made in __init__ stays "
                "where it was made.",
            },
        ),
        Aspect(
            "the output",
            2,
            "outputs",
            _anywhere_outputs,
            hint="(X - mean) / std, and behind it the time t / steps, from 0 to just below 1. What "
            "is computed should not change.",
            needs=(_ELSEWHERE,),
        ),
    ),
    version="2",
)

QUESTIONS = (CHOOSE, WHERE, MOVE, ANYWHERE)
