"""Questions of the chapter *File I/O*.

Every answer works in a temporary folder that is made and removed here. What a right answer brings
back is known from the inputs alone: values, and a training run that is repeated here with NumPy.
"""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import shutil
import tarfile
from contextlib import ExitStack, contextmanager
from itertools import pairwise, product
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
from d2lexercises.faults import attempt
from d2lexercises.kinds import kind_of, one_number, parts_in, whole
from d2lexercises.networks import routed, stored, tensor_of
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Exact,
    Given,
    Keyed,
    Number,
    WrongKind,
    any_class,
    contents,
    function,
    laid_out,
    question,
)

METER = 0.1  # the part of a batch in the running mean


@contextmanager
def new_folder():
    """A folder that is gone at the end."""
    with TemporaryDirectory() as name:
        yield Path(name)


def make_meter(width, name, f):
    """A layer that subtracts a running mean of what it sees, which it keeps and does not train."""
    if f.key == "pytorch":
        import torch

        class Meter(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("mean", torch.zeros(width))

            def forward(self, x):
                with torch.no_grad():
                    self.mean.add_(METER * (x.mean(0) - self.mean))
                return x - self.mean

        return Meter()
    import keras

    class Meter(keras.Layer):
        def build(self, shape):
            self.mean = self.add_weight((width,), "zeros", name="mean", trainable=False)

        def call(self, x):
            self.mean.assign(self.mean + METER * (keras.ops.mean(x, axis=0) - self.mean))
            return x - self.mean

    meter = Meter(name=name)
    meter.build((None, width))
    return meter


# -- file-io.interval --------------------------------------------------------------------------

INTERVAL = question(
    "file-io.interval", "How often, and what it costs", takes=function, minutes=5, difficulty=1
)


@INTERVAL.inputs
def draw_interval(draw):
    return {
        "delta": draw.number(5, 90),
        "hours": draw.integer(300, 2000),
        "failures": draw.integer(40, 400),
    }


def pair_of(found):
    """The two numbers of an answer."""
    parts = parts_in(found, "Two numbers", 2)
    return dict(zip(("interval", "hours"), map(float, map(one_number, parts)), strict=True))


class Planned(Aspect):
    what = "Of the pair,"

    def run(answer, given, f):
        return pair_of(answer(given.delta, given.hours, given.failures))

    def expect(given):
        between = 3600 * given.hours / given.failures
        interval = (2 * given.delta * between) ** 0.5
        lost = given.hours * (2 * given.delta / between) ** 0.5
        return {"interval": Number(interval, " s"), "hours": Number(lost, " h")}

    def mistakes(given):
        right = (2 * given.delta * given.hours / given.failures) ** 0.5
        return {"The hours were not converted to seconds.": {"interval": right}}

    def shown(given):
        return f"delta = {given.delta}, hours = {given.hours}, failures = {given.failures}"


@INTERVAL.aspect("the interval", 1, part="interval")
class BestInterval(Planned):
    """M is the length of the run in seconds, divided by the number of failures."""

    code = "(2 * delta * M) ** 0.5"


@INTERVAL.aspect("the hours lost", 1, part="hours")
class HoursLost(Planned):
    """At the best interval both terms of the chapter's formula are equal. Their sum is a share of
    the run."""

    code = "hours * (delta / T + T / (2 * M))"

    def mistakes(given):
        lost = given.hours * (2 * given.delta * given.failures / (3600 * given.hours)) ** 0.5
        return {
            "This is the share; times the hours of the run it is the hours lost.": {
                "hours": lost / given.hours
            },
            "This is half of it: the write or the repeated steps are missing.": {"hours": lost / 2},
        }


@INTERVAL.aspect("a run without failures", 1, after="the interval")
class NoFailures(Aspect):
    """Without failures no checkpoint is needed, so the interval is infinite."""

    what = "Without failures"

    def run(answer, given, f):
        return pair_of(answer(given.delta, given.hours, 0))

    def expect(given):
        return {"interval": Number(math.inf, " s"), "hours": Number(0.0, " h")}

    def shown(given):
        return f"delta = {given.delta}, hours = {given.hours}, failures = 0"


# -- file-io.archive ---------------------------------------------------------------------------

ARCHIVE = question(
    "file-io.archive",
    "A file for tensors, and nothing but tensors",
    takes=any_class,
    minutes=20,
    difficulty=1,
)
BIG = 500  # rows of a matrix of which only two are saved


@ARCHIVE.inputs
def draw_archive(draw):
    shape, rng = (draw.integer(2, 4), draw.integer(2, 4)), draw.rng
    odd = 2**53 + 2 * rng.integers(1, 10**6, draw.integer(2, 5)) + 1  # too long for a float64
    values = [
        odd.astype(np.int64),
        draw.data(*shape),
        rng.normal(size=shape[::-1]),
        rng.integers(-99, 99, shape).astype(np.int32),
        rng.integers(0, 2, shape[0]).astype(bool),
        rng.integers(-128, 128, shape[1]).astype(np.int8),
        np.array(rng.normal(), np.float32),
        np.zeros((0, shape[1]), np.float32),
    ]
    weight, kernel, _, *names = draw.words(len(values))
    names = [f"{weight}.weight", f"{kernel}/kernel", "file", *names]
    return {
        "tensors": dict(draw.shuffled(list(zip(names, values, strict=True)))),
        "file": f"{draw.word()}.{draw.word()[:3]}",
        "part": draw.data(2, BIG),
    }


class Planted:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def plant_pickle(file, planted, f):
    file.write_bytes(pickle.dumps({"x": planted}, protocol=2))


def plant_array(file, planted, f):
    with file.open("wb") as opened:
        np.savez(opened, x=np.array([planted, 1], dtype=object))


def plant_own(file, planted, f):
    """A file as the framework's users write it."""
    if f.key == "pytorch":
        import torch

        torch.save({"x": torch.zeros(2), "y": planted}, file)
        return
    with file.open("wb") as opened:
        np.save(opened, np.array({"x": planted}, dtype=object))


def loaded(archive, f):
    """What load() returns, as arrays by name."""
    found = archive.load()
    if not isinstance(found, dict):
        raise WrongKind(f"A dictionary is expected from load(); got {kind_of(found)}.")
    found = {
        str(name): np.asarray(one) if isinstance(one, np.generic) else one
        for name, one in found.items()
    }
    return {name: f.array(one) for name, one in found.items()}


def saved_and_moved(file):
    """The files beside one that was saved, to be loaded in another process."""
    return {"file": file.name, "files": contents(file.parent)}


def loaded_there(answer, came, f):
    """What load() of a new object returns in another process, where the files are all there is."""
    with laid_out(came["files"]) as folder:
        return loaded(answer(folder / came["file"]), f)


class MovedFile(Aspect):
    what = "Folder with the file"

    def run(answer, given, f):
        with new_folder() as folder:
            (written := folder / "written").mkdir()
            tensors = {name: tensor_of(given.tensors[name], f) for name in given.tensors}
            answer(written / given.file).save(tensors)
            found = saved_and_moved(written / given.file)
            (elsewhere := folder / "elsewhere").mkdir()  # the same name, other tensors
            answer(elsewhere / given.file).save({"part": tensor_of(given.part, f)})
            return found

    def again(answer, came, f):
        return {"tensors": loaded_there(answer, came, f), "files": sorted(came["files"])}

    def expect(given):
        tensors = {name: Exact(given.tensors[name]) for name in given.tensors}
        return {"tensors": tensors, "files": [given.file]}

    def shown(given):
        tensors = [(name, given.tensors[name]) for name in given.tensors]
        listed = ", ".join(f'"{name}" {one.dtype} {one.shape}' for name, one in tensors)
        return f"{listed}; saved in {given.file}, moved to another folder, loaded by a new object"


BACK = "values, types and names"


@ARCHIVE.aspect(BACK, 2, part="tensors")
class Back(MovedFile):
    hint = {
        "pytorch": "One tensor each, under its name, as it is: whoever makes one tensor of "
        "several, or numbers of a tensor, loses types and digits.",
        "tensorflow": "One array each, under its name, as it is: np.save of a list makes one type "
        "of several. np.savez(path, **arrays) has arguments of its own, `file` among them; and it "
        "takes an open file as well as a path.",
    }


@ARCHIVE.aspect("one file, under the name given", 1, part="files", after=BACK)
class OneFile(MovedFile):
    hint = {
        "pytorch": "Write to the path that you were given, and nowhere else.",
        "tensorflow": "np.savez adds .npz to a path that ends otherwise. Give it a file that you "
        "opened.",
    }
    code = {"tensorflow": "with open(path, 'wb') as file:"}


@ARCHIVE.aspect("saved a second time", 1, after=BACK)
class SecondTime(Aspect):
    "The second save() takes the place of the first."

    what = "Loaded"

    def run(answer, given, f):
        with new_folder() as folder:
            file, name = folder / given.file, next(iter(given.tensors))
            answer(file).save({"old": tensor_of(given.part, f)})
            answer(file).save({name: tensor_of(given.tensors[name], f)})
            return saved_and_moved(file)

    def again(answer, came, f):
        return loaded_there(answer, came, f)

    def expect(given):
        name = next(iter(given.tensors))
        return {name: Exact(given.tensors[name])}

    def shown(given):
        return "saved twice under one path, load() after that"


@ARCHIVE.aspect("a part of a large tensor", 1, after=BACK)
class PartOfLarge(Aspect):
    hint = {
        "pytorch": "A slice shares the memory of the whole, and torch.save writes all of that "
        "memory. A clone owns what it shows.",
        "tensorflow": "Numbers as text take several times the room, and so does an array of "
        "objects.",
    }
    what = "File"

    def run(answer, given, f):
        with new_folder() as folder:
            file, big = folder / given.file, np.zeros((BIG, BIG), np.float32)
            big[:2] = given.part
            answer(file).save({"part": tensor_of(big, f)[:2]})
            return saved_and_moved(file)

    def again(answer, came, f):
        size = sum(map(len, came["files"].values()))
        return {"tensors": loaded_there(answer, came, f), "size in bytes": size}

    def expect(given):
        size = given.part.nbytes
        tensors = {"part": Exact(given.part)}
        return {"tensors": tensors, "size in bytes": Between(size // 2, 4 * size)}

    def shown(given):
        return f"the first two rows of a matrix of shape ({BIG}, {BIG})"


@ARCHIVE.aspect("a stranger's file runs nothing", 1, after=BACK)
class Stranger(Aspect):
    hint = "The default refuses to unpickle whatever there is."
    code = {
        "pytorch": "torch.load without weights_only=False",
        "tensorflow": "np.load without allow_pickle=True",
    }
    what = "load() has run what was planted"

    def run(answer, given, f):
        ran = []
        for plant in (plant_pickle, plant_array, plant_own):
            with new_folder() as folder:
                file, made = folder / given.file, folder / "made"
                plant(file, Planted(made), f)
                attempt(lambda file=file: answer(file).load())
                ran.append(made.exists())
        return ran

    def expect(given, framework):
        own = "torch.save" if framework == "pytorch" else "np.save"
        files = ("in a pickle", "in a file of np.savez", f"in a file of {own}")
        return dict.fromkeys(files, False)

    def shown(given):
        return "files with an object whose __reduce__ makes a folder"


# -- file-io.header ----------------------------------------------------------------------------

HEADER = question(
    "file-io.header", "One tensor of a safetensors file", takes=function, minutes=25, difficulty=2
)
WIDTHS = {"F64": 8, "F32": 4, "I64": 8, "I32": 4, "BOOL": 1, "BF16": 2}


@HEADER.inputs
def draw_header(draw):
    rng, (rows, columns) = draw.rng, draw.shuffled([draw.integer(2, 3), draw.integer(4, 6)])
    arrays = [
        draw.data(rows, columns),
        rng.normal(size=(columns, 1, rows)),
        2**53 + 2 * rng.integers(1, 10**6, columns) + 1,
        rng.integers(-99, 99, (columns, rows)).astype(np.int32),
        rng.integers(0, 2, rows + 1).astype(bool),
        np.array(int(rng.integers(10**9)), np.int64),
        np.zeros((0, columns), np.float32),
    ]
    kinds = ["F32", "F64", "I64", "I32", "BOOL", "I64", "F32"]
    names = [f"{first}.{second}" for first, second in zip(*[iter(draw.words(14))] * 2, strict=True)]
    stored = list(zip(names, kinds, arrays, strict=True))
    return {
        "tensors": [
            {"name": name, "kind": kind, "array": array}
            for name, kind, array in draw.shuffled(stored)
        ],
        "half": draw.data(rows, columns + 1),
        "half_name": f"{draw.word()}.half",
        "strange": f"{draw.word()}.none",
        "note": draw.word(),
        "pad": draw.integer(1, 8),
    }


def bits_of(array):
    """float32 cut down to bfloat16, as integers of 16 bits."""
    return (np.asarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def widened(bits):
    return (np.asarray(bits).astype(np.uint32) << 16).view(np.float32)


def stored_tensors(given):
    """Kind and array by name, in the order of the file."""
    found = {one.name: (one.kind, one.array) for one in given.tensors}
    return {**found, given.half_name: ("BF16", bits_of(given.half))}


def header_of(given):
    header, end = {"__metadata__": {"note": given.note}}, 0
    for name, (kind, array) in stored_tensors(given).items():
        where = [end, end := end + array.nbytes]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": where}
    return header


def write_tensors(path, given, header=None, length=None, cut=None):
    """Write the file, or a damaged one: with another header, length or end."""
    head = json.dumps(header or header_of(given)).encode()
    head += b" " * (given.pad + -(len(head) + given.pad) % 8)
    size = len(head) if length is None else length
    data = b"".join(array.tobytes() for _, array in stored_tensors(given).values())
    raw = size.to_bytes(8, "little") + head + data
    path.write_bytes(raw[:cut])


def read_array(answer, path, name):
    found = answer(path, name)
    if not isinstance(found, np.ndarray):
        raise WrongKind(f"A NumPy array is expected; got {kind_of(found)}.")
    return found


def plain(array):
    """A copy, whose type is that of its bytes if it is called bool and holds other bytes."""
    array = np.array(array)
    held = array.view(np.uint8) if array.dtype == bool else array
    return held if array.dtype == bool and (held > 1).any() else array


def raised_by(action, kind):
    """What an action raises, by name: `kind` also where it is a class derived from it."""
    try:
        action()
    except kind:
        return kind.__name__
    except Exception as error:
        return type(error).__name__
    return "nothing"


class ReadAll(Aspect):
    what = "Read"

    def run(answer, given, f):
        with new_folder() as folder:
            write_tensors(path := folder / "model.safetensors", given)
            return [plain(read_array(answer, path, one.name)) for one in given.tensors]

    def expect(given):
        return {f"{one.kind} {list(one.array.shape)}": Exact(one.array) for one in given.tensors}

    def shown(given):
        return f"the header is {json.dumps(header_of(given))}"


VALUES = "values, shapes and types"


@HEADER.aspect(VALUES, 2)
class HeaderValues(ReadAll):
    """The offsets count from the end of the header, in bytes. A shape of [] is one number."""

    code = 'start = 8 + int.from_bytes(raw[:8], "little")'


@HEADER.aspect("bfloat16", 1, after=VALUES)
class HeaderHalf(Aspect):
    """The 16 bits of a bfloat16 are the upper half of a float32."""

    code = "np.frombuffer(data, np.uint16).astype(np.uint32) << 16, then .view(np.float32)"
    what = "Read"

    def run(answer, given, f):
        with new_folder() as folder:
            write_tensors(path := folder / "model.safetensors", given)
            return plain(read_array(answer, path, given.half_name))

    def expect(given):
        return Exact(widened(bits_of(given.half)))

    def shown(given):
        return f"BF16 of shape {given.half.shape}"


@HEADER.aspect("an array of your own", 1, after=VALUES)
class HeaderOwn(Aspect):
    """The array can be written to, and writing leaves the file as it is."""

    code = "copy() of what np.frombuffer returns"
    what = "After writing to the array"

    def run(answer, given, f):
        with new_folder() as folder:
            write_tensors(path := folder / "model.safetensors", given)
            before = path.read_bytes()
            found = read_array(answer, path, first_matrix(given))
            second = read_array(answer, path, given.half_name)
            changed = []
            for array in (found, second):
                try:
                    array[...] = 1
                except ValueError:
                    changed.append(False)
                else:
                    changed.append(bool(np.all(array == 1)))
            return [all(changed), path.read_bytes() == before]

    def expect(given):
        return {"it has the new values": True, "the file is the same": True}


@HEADER.aspect("a name that is no tensor", 1, after=VALUES)
class HeaderNames(Aspect):
    """Both names raise KeyError: one that the header lacks, and __metadata__, which it may have."""

    what = "What is raised"

    def run(answer, given, f):
        with new_folder() as folder:
            write_tensors(path := folder / "model.safetensors", given)
            names = (given.strange, "__metadata__")
            return [raised_by(lambda name=name: answer(path, name), KeyError) for name in names]

    def expect(given):
        return dict.fromkeys(("for a name that is not there", "for __metadata__"), "KeyError")


DAMAGES = (
    "an end behind the file",
    "a begin in the header",
    "an end before the begin",
    "too few bytes for the shape",
    "too many bytes for the shape",
    "an unknown dtype",
    "a header longer than the file",
    "a file that is cut off",
    "an empty file",
)


def write_damaged(path, given, damage):
    """Write the file with one damage that concerns the first tensor of more than one byte."""
    header, name = header_of(given), first_matrix(given)
    entry = header[name]
    begin, end = entry["data_offsets"]
    size, total = end - begin, max(one["data_offsets"][1] for one in list(header.values())[1:])
    if damage == "an end behind the file":
        entry["data_offsets"] = [total - size + 8, total + 8]
    elif damage == "a begin in the header":
        entry["data_offsets"] = [-size, 0]
    elif damage == "an end before the begin":
        entry["data_offsets"] = [end, begin]
    elif damage == "too few bytes for the shape":
        entry["data_offsets"] = [begin, end - WIDTHS[entry["dtype"]]]
    elif damage == "too many bytes for the shape":
        entry["shape"][0] -= 1
    elif damage == "an unknown dtype":
        entry["dtype"] = "F7"
    lengths = {"a header longer than the file": 10**6}
    cuts = {"a file that is cut off": 8 + len(json.dumps(header)) // 2, "an empty file": 0}
    write_tensors(path, given, header, lengths.get(damage), cuts.get(damage))
    return name


def first_matrix(given):
    """The first tensor of two or more rows."""
    return next(o.name for o in given.tensors if o.array.ndim and o.array.shape[0] > 1)


@HEADER.aspect("damaged files", 2, after=VALUES)
class Damaged(Aspect):
    """Check the offsets before you read: 0 <= begin <= end <= length of the data, and end - begin
    is what shape and type need. A negative begin reads the header, and Python does not object."""

    what = "What is raised"

    def run(answer, given, f):
        raised = []
        for damage in DAMAGES:
            with new_folder() as folder:
                name = write_damaged(path := folder / "model.safetensors", given, damage)
                raised.append(raised_by(lambda p=path, n=name: answer(p, n), ValueError))
        return raised

    def expect(given):
        return dict.fromkeys([f"for {damage}" for damage in DAMAGES], "ValueError")


# -- file-io.transfer ----------------------------------------------------------------------------

TRANSFER = question(
    "file-io.transfer",
    "Load what fits, and say what does not",
    takes=function,
    minutes=25,
    difficulty=2,
)


@TRANSFER.inputs
def draw_transfer(draw):
    width, hidden, out = draw.integer(3, 5), draw.integer(3, 6), draw.integer(3, 5)
    return {
        "names": draw.words(4),  # of the meter, two layers and the head
        "layers": [draw.dense(width, hidden), draw.dense(hidden, hidden), draw.dense(hidden, out)],
        "saved": [draw.dense(width, hidden), draw.dense(hidden, hidden)],
        "mean": draw.data(width),
        "more": draw.integer(1, 4),  # columns by which the saved head is wider
        "head": draw.data(hidden, out + 4),
        "head_bias": draw.data(1),
        "prefix": draw.word(),
        "strange": draw.words(2),
        "missing": draw.integer(0, 1),  # the layer whose bias is not in the file
        "order": draw.shuffled(range(10)),
    }


def separator(framework):
    return "/" if framework == "tensorflow" else "."


def as_stored(layer, part, framework):
    """The arrays of a dense layer, by the framework's names."""
    kernel = "kernel" if framework == "tensorflow" else "weight"
    name = layer + separator(framework)
    return {f"{name}{kernel}": stored(part["kernel"], framework), f"{name}bias": part["bias"]}


def saved_arrays(given, framework):
    """The arrays of the file, in some order."""
    end = separator(framework)
    meter, *layers = given.names
    columns = len(given.layers[2].bias) + given.more
    head = {"kernel": given.head[:, :columns], "bias": given.head_bias}  # would broadcast
    own = {f"{meter}{end}mean": given.mean}
    for name, part in zip(layers, [*given.saved, head], strict=True):
        own |= as_stored(name, part, framework)
    alone = f"{layers[given.missing]}{end}bias"
    bias = own.pop(alone)
    prefix, (strange, other) = given.prefix + end, given.strange
    kinds = (np.float64, np.float32)  # of vectors, of matrices
    found = {prefix + name: array.astype(kinds[array.ndim - 1]) for name, array in own.items()}
    found[alone] = np.zeros_like(bias)  # no prefix: not this net's
    found[f"{prefix}{strange}"] = found[f"{other}{end}mean"] = given.mean.astype(np.float64)
    found[f"{strange}{end}{meter}{end}mean"] = given.mean + 1.0  # a prefix of the same length
    names = list(found)
    return {names[n]: found[names[n]] for n in given.order}


def net_to_load(given, f):
    meter, *layers = given.names
    parts = {meter: make_meter(len(given.mean), meter, f)}
    for name, part in zip(layers, given.layers, strict=True):
        parts[name] = f.dense(**part, name=name)
    return routed(parts, list(parts), f)


def tensors_of(net, f):
    """All tensors of the net, those that are not trained last."""
    if f.key == "pytorch":
        return [*net.parameters(), *net.buffers()]
    return [*net.trainable_variables, *net.non_trainable_variables]


def net_by_hand(given, framework):
    """The net's arrays by name, as they are at first, in the order of `tensors_of`."""
    meter, *layers = given.names
    own = {}
    for name, part in zip(layers, given.layers, strict=True):
        own |= as_stored(name, part, framework)
    return own | {f"{meter}{separator(framework)}mean": np.zeros_like(given.mean)}


def report_of(found):
    """The lists of a report, sorted; in words what came instead."""
    if not isinstance(found, dict):
        return {"kind": kind_of(found)}
    lists = {key: found.get(key) for key in ("loaded", "misfit", "missing", "unexpected")}
    return {
        key: sorted(map(str, names))
        if isinstance(names, list | tuple | set | frozenset)
        else {"kind": kind_of(names)}
        for key, names in lists.items()
    }


def exactly(arrays):
    """Arrays by name, as a net of 32 bits holds them."""
    return {name: Exact(array.astype(np.float32)) for name, array in arrays.items()}


class Transferred(Aspect):
    def run(answer, given, f):
        net, saved = net_to_load(given, f), saved_arrays(given, f.key)
        held = tensors_of(net, f)
        report = answer(net, saved, given.prefix + separator(f.key))
        values = f.arrays(tensors_of(net, f))
        for tensor in held:  # training goes on
            f.assign(tensor, np.full(tuple(tensor.shape), 7.0))
        return {
            "the net": values,
            "the report": report_of(report),
            "the net afterwards": tensors_of(net, f),
            "the dictionary afterwards": {name: saved[name] for name in sorted(saved)},
        }

    def expect(given, framework):
        saved, own = saved_arrays(given, framework), net_by_hand(given, framework)
        prefix = given.prefix + separator(framework)
        named = {name: saved[prefix + name] for name in own if prefix + name in saved}
        fitting = {name: one for name, one in named.items() if one.shape == own[name].shape}
        sevens = {name: np.full_like(array, 7) for name, array in own.items()}
        return {
            "the net": exactly({**own, **fitting}),
            "the report": Keyed(
                {
                    "loaded": sorted(fitting),
                    "misfit": sorted(named.keys() - fitting),
                    "missing": sorted(own.keys() - named),
                    "unexpected": sorted(saved.keys() - {prefix + name for name in named}),
                }
            ),
            "the net afterwards": exactly(sevens),
            "the dictionary afterwards": {name: Exact(saved[name]) for name in sorted(saved)},
        }

    def shown(given, framework):
        saved = saved_arrays(given, framework).items()
        listed = ", ".join(f"{name} {array.shape}" for name, array in saved)
        return f'prefix "{given.prefix}{separator(framework)}", arrays {listed}'


ARRIVED = "what fits has arrived"


@TRANSFER.aspect(ARRIVED, 2, part="the net")
class Arrived(Transferred):
    hint = {
        "pytorch": "Parameters and buffers: all of state_dict(). Compare shapes yourself; copy_ "
        "spreads a (1,) over any bias without a word.",
        "tensorflow": "All of net.weights, by path, the running mean too. Compare shapes before "
        "you assign.",
    }


@TRANSFER.aspect("the report", 2, part="the report", after=ARRIVED)
class Report(Transferred):
    """loaded, misfit and missing are names of the net, without the prefix; unexpected are names in
    the dictionary, as they stand there. Each name in exactly one list."""


@TRANSFER.aspect("nothing is not enough", 1, after=ARRIVED)
class NothingArrived(Aspect):
    "If no array has arrived, raise a ValueError: it is the case that nobody notices."

    what = "Where nothing fits"

    def run(answer, given, f):
        net, saved = net_to_load(given, f), saved_arrays(given, f.key)
        turned = {name: array[None] for name, array in saved.items()}  # an axis too many
        other, prefix = (one + separator(f.key) for one in (given.strange[1], given.prefix))
        raised = [
            raised_by(lambda: answer(net, saved, other), ValueError),
            raised_by(lambda: answer(net, turned, prefix), ValueError),
        ]
        return {"what is raised": raised, "the net": tensors_of(net, f)}

    def expect(given, framework):
        cases = dict.fromkeys(("for another prefix", "for other shapes"), "ValueError")
        return {"what is raised": cases, "the net": exactly(net_by_hand(given, framework))}

    def shown(given, framework):
        prefix = given.strange[1] + separator(framework)
        return f'prefix "{prefix}", with which none begins; then other shapes, with the right one'


AFTERWARDS = ("the net afterwards", "the dictionary afterwards")


@TRANSFER.aspect("copies, into the net's own arrays", 1, part=AFTERWARDS, after=ARRIVED)
class Copies(Transferred):
    """Copy values into the parameters that are there. New ones in their place leave an optimizer
    with the old; memory that is shared follows training."""

    def shown(given):
        return "what was held as the net's parameters before was overwritten with 7 after it"


# -- file-io.resume -----------------------------------------------------------------------------

RESUME = question("file-io.resume", "Stop and resume", takes=any_class, minutes=30, difficulty=2)


@RESUME.inputs
def draw_resume(draw):
    inputs, hidden, rows = draw.integer(2, 4), draw.integer(2, 4), 24
    return {
        "first": draw.dense(inputs, hidden),
        "second": draw.dense(hidden, 1),
        "x": draw.data(rows, inputs) + draw.data(inputs),
        "y": draw.data(rows, 1),
        "rate": draw.number(0.02, 0.1),
        "seed": draw.integer(0, 2**31),
        "batch": draw.integer(6, 9),
        "steps": [draw.integer(3, 5), draw.integer(2, 4), draw.integer(2, 4)],
        "label": draw.integer(1000, 9_000_000),
        "rows": draw.shuffled(range(rows))[: draw.integer(6, 9)],
        "other": {"first": draw.dense(inputs, hidden), "second": draw.dense(hidden, 1)},
    }


def begin(values, rate, width, f):
    """A net with a meter, two dense layers and a tanh between them, and Adam."""
    parts = {
        "meter": make_meter(width, "meter", f),
        "first": f.dense(**values.first, name="first"),
        "tanh": f.activation("tanh"),
        "second": f.dense(**values.second, name="second"),
    }
    net = routed(parts, list(parts), f)
    if f.key == "pytorch":
        import torch

        return net, torch.optim.Adam(net.parameters(), lr=rate)
    import keras

    return net, keras.optimizers.Adam(rate)


def adam_step(net, optimizer, x, y, f):
    x, y = f.tensor(x), f.tensor(y)
    if f.key == "pytorch":
        optimizer.zero_grad()
        ((net(x) - y) ** 2).mean().backward()
        optimizer.step()
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x) - y) ** 2)
    weights = net.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)


def generator_of(seed):
    return np.random.Generator(np.random.PCG64(seed))


class RunByHand:
    """The training run, with NumPy in double precision."""

    def __init__(self, given, framework):
        self.given, self.keras, self.steps = given, framework == "tensorflow", 0
        arrays = [given.first.kernel, given.first.bias, given.second.kernel, given.second.bias]
        self.values = [array.astype(np.float64) for array in arrays]
        self.moments = [(np.zeros_like(v), np.zeros_like(v)) for v in self.values]
        self.mean, self.rng = np.zeros(given.x.shape[1]), generator_of(given.seed)

    def step(self, rows):
        """One step of Adam on the mean squared error."""
        x, y = self.given.x[rows].astype(np.float64), self.given.y[rows].astype(np.float64)
        self.mean = self.mean + METER * (x.mean(0) - self.mean)
        kernel, bias, second, last = self.values
        x = x - self.mean
        hidden = np.tanh(x @ kernel + bias)
        back = 2 * (hidden @ second + last - y) / y.size
        behind = back @ second.T * (1 - hidden**2)
        gradients = [x.T @ behind, behind.sum(0), hidden.T @ back, back.sum(0)]
        self.steps += 1
        for n, gradient in enumerate(gradients):
            first, square = self.moments[n]
            first = 0.9 * first + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            self.moments[n] = first, square
            start = np.sqrt(1 - 0.999**self.steps)  # Keras adds its epsilon before dividing by it
            size = np.sqrt(square)
            size = (size + 1e-7) / start if self.keras else size / start + 1e-8
            self.values[n] -= self.given.rate * first / (1 - 0.9**self.steps) / size

    def parameters(self):
        """The layers' values, as they are now."""
        kernel, bias, second, last = (value.copy() for value in self.values)
        return {
            "first": {"kernel": kernel, "bias": bias},
            "second": {"kernel": second, "bias": last},
        }


class Resumed(Aspect):
    what = "After load()"
    tolerance = 1e-3

    def run(answer, given, f):
        def train(net, optimizer, rng, steps):
            for _ in range(steps):
                rows = rng.integers(len(given.x), size=given.batch)
                adam_step(net, optimizer, given.x[rows], given.y[rows], f)

        before, until, after = given.steps
        width = given.x.shape[1]
        with new_folder() as folder:
            (written := folder / "written").mkdir()
            net, optimizer = begin(given, given.rate, width, f)
            rng = generator_of(given.seed)
            checkpoint = answer(written, net, optimizer, rng)
            train(net, optimizer, rng, before)
            checkpoint.save(1)
            train(net, optimizer, rng, until)
            checkpoint.save(given.label)  # the one that counts
            mean = f.array(net.meter.mean).copy()
            train(net, optimizer, rng, after)  # of this nothing is left
            (folder / "another").mkdir()
            answer(folder / "another", net, optimizer, rng).save(2)  # which concerns nobody
            other = {name: dict(given.other[name]) for name in given.other}
            rows = {"x": given.x[given.rows], "y": given.y[given.rows]}
            return {"folder": packed(written), "mean": mean, "other": other, **rows}

    def again(answer, came, f):
        width, mean = came["x"].shape[1], came["mean"]
        with unpacked(came["folder"]) as found:
            net, optimizer = begin(Given(came["other"]), 1.0, width, f)
            net(f.tensor(np.ones((1, width))))
            rng = generator_of(0)
            label = answer(found, net, optimizer, rng).load()

        def layers():
            return [f.dense_values(net.first), f.dense_values(net.second)]

        def one_more():
            f.assign(net.meter.mean, mean)  # whose loss has a row of its own
            adam_step(net, optimizer, came["x"], came["y"], f)
            return layers()

        return {
            "step that load() returns": whole(label),
            "parameters": layers(),
            "running mean": f.array(net.meter.mean),
            "next draws": rng.integers(10**9, size=9).tolist(),
            "parameters after one step more": attempt(one_more),
        }

    def expect(given, framework):
        run = RunByHand(given, framework)
        for _ in range(sum(given.steps[:2])):
            run.step(run.rng.integers(len(given.x), size=given.batch))
        now = {
            "step that load() returns": given.label,
            "parameters": run.parameters(),
            "running mean": run.mean,
            "next draws": run.rng.integers(10**9, size=9).tolist(),
        }
        run.step(given.rows)
        return now | {"parameters after one step more": run.parameters()}

    def shown(given):
        before, until, after = given.steps
        return (
            f"{before} steps, save(1), {until} steps, save({given.label}), {after} steps; then "
            "load() into a new net, optimizer and generator"
        )


PARAMETERS = "the parameters"


@RESUME.aspect(PARAMETERS, 2, part="parameters")
class Parameters(Resumed):
    """What was saved last is what comes back, as it was at that moment, and it is written into the
    net that was given."""


@RESUME.aspect("what the net keeps without training it", 1, part="running mean", after=PARAMETERS)
class RunningMean(Resumed):
    hint = {
        "pytorch": "Buffers are in state_dict() and not among parameters().",
        "tensorflow": "net.trainable_variables leaves out the running mean; net.variables does "
        "not.",
    }
    tolerance = 1e-4


@RESUME.aspect("the optimizer", 2, part="parameters after one step more", after=PARAMETERS)
class Optimizer(Resumed):
    hint = {
        "pytorch": "optimizer.state_dict() holds Adam's two means, its step count and the learning "
        "rate.",
        "tensorflow": "optimizer.variables holds Adam's means, its step count and the learning "
        "rate. A new optimizer has nearly none: build it for net.trainable_variables before you "
        "assign.",
    }


@RESUME.aspect("the random numbers", 1, part="next draws", after=PARAMETERS)
class RandomNumbers(Resumed):
    """rng.bit_generator.state is a dictionary, and can be assigned to. The generator has to be the
    one that was given: whoever draws from it holds it already."""


@RESUME.aspect("the number of the step", 1, part="step that load() returns", after=PARAMETERS)
class StepNumber(Resumed):
    "save() is told the step; load() returns it."


# -- file-io.keeper -----------------------------------------------------------------------------

KEEPER = question(
    "file-io.keeper", "What belongs together", takes=any_class, minutes=60, difficulty=3
)


@KEEPER.inputs
def draw_keeper(draw):
    small = draw.integer(5, 9)
    steps = [small, small + draw.integer(5, 40), 90 + draw.integer(0, 9), 100 + draw.integer(0, 99)]
    high = draw.integer(500, 999)
    low = high - draw.integer(50, 200)
    return {
        "files": [f"{draw.word()}.{end}" for end in ("model", "optimizer")],
        "keep": draw.integer(2, 3),
        "steps": steps,
        "texts": [draw.word() * WORDS for _ in range(12)],
        "back": [high, low, high, high],  # gone back to an earlier step, and on from there
    }


# A checkpoint is known by the first word of the text that is written into its files: the word is
# repeated, so that what is cut off can be told.
WORDS = 20


def packed(root):
    """A folder as bytes, with the times of files, and what links lead to."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", dereference=True) as archive:
        archive.add(root, ".")
    return held.getvalue()


@contextmanager
def unpacked(copy, root=""):
    """The folder that was packed, at `root` if that is given."""
    with new_folder() as folder, ExitStack() as after:
        root = Path(root or folder / "root")
        after.callback(shutil.rmtree, root, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(copy)) as archive:
            archive.extraction_filter = lambda member, path: member
            archive.extractall(root)
        yield root


def newest_there(answer, came, f):
    """The words of the newest checkpoints in packed folders, for which there are only these."""

    def found(copy):
        with unpacked(copy, came["root"]) as root:
            return newest(answer, root, came["files"], came["keep"])

    return [attempt(lambda copy=copy: found(copy)) for copy in came["copies"]]


def copies_of(given, copies, keep, root=""):
    """What another process needs for the newest checkpoints; `root` is where it unpacks them."""
    return {"files": given.files, "keep": keep, "copies": copies, "root": str(root)}


def newest(answer, root, names, keep):
    """The word of the newest checkpoint, as a new object finds it; None if it finds none."""
    folder = answer(root, keep).latest()
    if folder is None:
        return None
    if not isinstance(folder, str | os.PathLike):
        return {"kind": kind_of(folder)}
    folder = Path(folder)
    if root.resolve() not in folder.resolve().parents:
        return {"kind": "a folder that is not in the one that was given"}
    return held_by(folder, names) or {"kind": INCOMPLETE}


INCOMPLETE = "files that are missing, cut off or of different saves"


def held_by(folder, names):
    """The word of the checkpoint in a folder; None if it holds none as a whole."""
    files = [folder / name for name in names]
    found = [file.read_text() if file.is_file() else "" for file in files]
    texts = {text.removeprefix(f"{name} ") for name, text in zip(names, found, strict=True)}
    if len(texts) == 1 and (text := texts.pop()) and text == text[: len(text) // WORDS] * WORDS:
        return text[:6]
    return None


def writers(given, number, during=lambda: None, fails=""):
    """What writes the files of save `number`, calling `during` before and half-way through each."""
    text = given.texts[number]

    def write(path, name):
        path = Path(path)
        during()
        path.write_text(f"{name} {text}"[: len(text) // 2])
        during()
        if name == fails:
            raise OSError("no space left on device")
        path.write_text(f"{name} {text}")

    return {name: lambda path, name=name: write(path, name) for name in given.files}


def words_of(given, *numbers):
    return [None if n is None else given.texts[n][:6] for n in numbers]


def saves_in_words(given, steps):
    words = words_of(given, *range(len(steps)))
    saves = [f"step {step}, files with {word}" for step, word in zip(steps, words, strict=True)]
    return f"keep = {given.keep}; saved: {'; '.join(saves)}"


def save_in_turn(answer, given, steps):
    """The folder before the first save, and after each."""
    with new_folder() as root:
        copies = [packed(root)]
        for number, step in enumerate(steps):
            answer(root, given.keep).save(step, writers(given, number))
            copies.append(packed(root))
        return copies_of(given, copies, given.keep, root)


NEWEST = "the newest checkpoint"


@KEEPER.aspect(NEWEST, 2)
class Newest(Aspect):
    """latest() has to be right for a new object too, so what it needs has to be on the disk. As
    words, "9" comes after "10". Before the first save it returns None."""

    what = "latest() before the first save and after each"

    def run(answer, given, f):
        return save_in_turn(answer, given, given.steps)

    def again(answer, came, f):
        return newest_there(answer, came, f)

    def expect(given):
        return words_of(given, None, 0, 1, 2, 3)

    def shown(given):
        return saves_in_words(given, given.steps)


def held_in(root, given):
    """What the files of a folder hold, beside those of checkpoints: by path, with the inode."""
    files = [one for one in root.rglob("*") if one.is_file() and one.name not in given.files]
    return {one.relative_to(root): (one.stat().st_ino, one.read_bytes()) for one in files}


def cut_short(root, given, before):
    """The folder after power failed while a file that was there `before` was written over.

    A file that took the place of another is as a whole.
    """
    copies = []
    for path, (inode, held) in held_in(root, given).items():
        if path not in before or before[path][0] != inode or before[path][1] == held:
            continue
        for part in (held[:0], held[: len(held) // 2]):
            with new_folder() as cut:
                shutil.copytree(root, cut, dirs_exist_ok=True)
                (cut / path).write_bytes(part)
                copies.append(packed(cut))
    return copies


@KEEPER.aspect("a power cut while writing", 2, after=NEWEST)
class PowerCut(Aspect):
    """Write into a folder that no latest() looks at, a new one for each save; when all files are
    there, replace a small file that names it; delete old ones after that. Keep names in it, not
    whole paths: the folder may be moved."""

    what = "Newest checkpoint during save"

    def run(answer, given, f):
        one, two = given.steps[:2]
        with new_folder() as folder:
            (root := folder / "root").mkdir()
            found = []
            for number, step in enumerate([one, two, two]):
                copies = []

                def photograph(copies=copies):
                    copies.append(packed(root))

                old, before = packed(root), held_in(root, given)
                answer(root, 1).save(step, writers(given, number, photograph))
                ends = [old, packed(root), *cut_short(root, given, before)]
                found.append([copies_of(given, one, 1) for one in (copies, ends)])
            return found

    def again(answer, came, f):
        found = []
        for copies, ends in came:
            found.append(newest_there(answer, copies, f))
            old, new, *cuts = newest_there(answer, ends, f)
            # Both are right; the old one stands for them.
            found[-1].append(next((one for one in cuts if one not in (old, new)), old))
        return found

    def expect(given):
        when = ("before", "half-way through")
        cuts = [f"power cut {at} {name}" for name in given.files for at in when]
        cuts.append("power cut half-way through a small file that is written over")
        return [dict.fromkeys(cuts, word) for word in words_of(given, None, 0, 1)]

    def shown(given):
        one, two = given.steps[:2]
        return f"{saves_in_words(given, [one, two, two])}; but keep = 1"


@contextmanager
def watched_syncs(answer, seen):
    """Call `seen` with the file that is synced; with None, if everything is."""
    names = {"fsync": False, "fdatasync": False, "sync": True}
    before = {name: getattr(os, name) for name in names if hasattr(os, name)}

    def watch(name):
        def sync(*handle):
            before[name](*handle)
            seen(None if names[name] else os.fstat(handle[0] if handle else -1).st_ino)

        def sync_file(handle):
            number = handle if isinstance(handle, int) else handle.fileno()
            before[name](number)
            seen(os.fstat(number).st_ino)

        return sync if names[name] else sync_file

    known = getattr(getattr(answer, "save", None), "__globals__", {})
    with ExitStack() as patches:
        for name in before:
            watching = watch(name)
            patches.enter_context(mock.patch.object(os, name, watching))
            if known.get(name) is before[name]:  # from os import fsync
                patches.enter_context(mock.patch.dict(known, {name: watching}))
        yield


@KEEPER.aspect("on the disk before it counts", 1, after=NEWEST)
class Synced(Aspect):
    """Call os.fsync for each file after its writer has returned, and before the small file names
    the folder."""

    code = "with open(folder / name, 'rb+') as file: os.fsync(file.fileno())"
    what = "Synced while latest() still gave the old checkpoint"

    def run(answer, given, f):
        first, second = given.steps[:2]
        written, synced = {}, dict.fromkeys(given.files, False)
        with new_folder() as folder:
            (root := folder / "root").mkdir()
            answer(root, given.keep).save(first, writers(given, 0))

            def remember(path, name, write):
                write(path)
                written[os.stat(path).st_ino] = name

            noted = {
                name: lambda path, name=name, write=write: remember(path, name, write)
                for name, write in writers(given, 1).items()
            }

            def seen(inode):
                names = list(written.values()) if inode is None else [written.get(inode)]
                now = newest(answer, root, given.files, given.keep) if any(names) else None
                if now == given.texts[0][:6]:
                    synced.update({name: True for name in names if name})

            with watched_syncs(answer, seen):
                answer(root, given.keep).save(second, noted)
            found = newest(answer, root, given.files, given.keep)
        return [*synced.values(), found]

    def expect(given):
        files = dict.fromkeys(given.files, True)
        return {**files, "latest() afterwards": given.texts[1][:6]}

    def shown(given):
        return saves_in_words(given, given.steps[:2])


@KEEPER.aspect("an error while writing", 1, after=NEWEST)
class WriterFails(Aspect):
    """Let the error pass on to the caller. What is left of a failed attempt must not stand in the
    way of the next, for the same step."""

    what = "Save"

    def run(answer, given, f):
        with new_folder() as root:
            keeper, raised, copies = answer(root, given.keep), [], []
            first, second = given.files
            steps = [given.steps[n] for n in (0, 0, 1, 1)]
            for number, (step, fails) in enumerate(
                zip(steps, (first, "", second, ""), strict=True)
            ):
                try:
                    keeper.save(step, writers(given, number, fails=fails))
                    raised.append(False)
                except OSError:
                    raised.append(True)
                copies.append(packed(root))
            return {**copies_of(given, copies, given.keep, root), "raised": raised}

    def again(answer, came, f):
        return list(zip(came["raised"], newest_there(answer, came, f), strict=True))

    def expect(given):
        words = zip((True, False) * 2, words_of(given, None, 1, 1, 3), strict=True)
        return [{"the writer's error": raised, "latest()": word} for raised, word in words]

    def shown(given):
        one, two = given.steps[:2]
        return f"{saves_in_words(given, [one, one, two, two])}; writing fails in save 0 and save 2"


@KEEPER.aspect("back to an earlier step", 1, after=NEWEST)
class EarlierStep(Newest):
    "The newest is the one that was saved last, whatever its number."

    def run(answer, given, f):
        return save_in_turn(answer, given, given.back)

    def shown(given):
        return saves_in_words(given, given.back)


@KEEPER.aspect("no more than keep", 1, after=NEWEST)
class NoMoreThanKeep(Aspect):
    """After a save, delete what is older than the last `keep`, and what failed attempts have
    left."""

    what = "Checkpoints on the disk after each save"

    def run(answer, given, f):
        with new_folder() as root:
            keeper, found = answer(root, given.keep), []
            for number, step in enumerate([*given.steps, *given.back[:2]]):
                fails = given.files[1] if number == 2 else ""
                try:
                    keeper.save(step, writers(given, number, fails=fails))
                except OSError:
                    continue
                folders = {one.parent for name in given.files for one in root.rglob(name)}
                found.append(
                    sorted(str(held_by(one, given.files) or INCOMPLETE) for one in folders)
                )
            return found

    def expect(given):
        done = words_of(given, 0, 1, 3, 4, 5)
        kept = [sorted(done[: n + 1][-given.keep :]) for n in range(len(done))]
        return dict(zip(("save 0", "save 1", "save 3", "save 4", "save 5"), kept, strict=True))

    def shown(given):
        steps = [*given.steps, *given.back[:2]]
        return f"{saves_in_words(given, steps)}; writing fails in save 2"


# -- file-io.reshard --------------------------------------------------------------------------

RESHARD = question(
    "file-io.reshard", "Other ranks than before", takes=function, minutes=120, difficulty=3
)
DTYPES = ("int64", "float32", "int16")


class Chunk:
    """A part of an array that one rank has saved. What it holds is in another process."""

    def __init__(self, number, offset, shape, dtype, ask):
        self.offset, self.shape, self.dtype = tuple(offset), tuple(shape), np.dtype(dtype)
        self._number, self._ask = number, ask

    def read(self, index):
        index = index if isinstance(index, tuple) else (index,)
        if not all(isinstance(part, slice) for part in index) or len(index) > len(self.shape):
            raise TypeError(f"read takes one slice for each of {len(self.shape)} axes")
        spans = []
        for part, size in zip(index, self.shape, strict=False):
            begin, end = part.start or 0, size if part.stop is None else part.stop
            if part.step not in (None, 1) or not 0 <= begin <= end <= size:
                raise IndexError(f"{part} lies outside of an axis of length {size}")
            spans.append([int(begin), int(end)])
        return self._ask.read(self._number, spans)


class Store:
    """Holds an array in chunks, outside of the student's process, and counts what is read.

    Each referee that counts holds another array, so that an answer cannot use what it read before.
    """

    holds = "array"

    def __init__(self, case):
        spans = [list(pairwise(axis)) for axis in case.cuts]
        places = list(product(*spans))
        self.places = [places[number] for number in case.order]
        self.places.append(self.places[case.twice % len(self.places)])  # by another rank
        self.case, self.array, self.counts = case, case[self.holds], []

    def chunks(self):
        """Of each chunk, and of the one that is there twice: the offset, the shape, the dtype."""
        ends = [list(zip(*place, strict=True)) for place in self.places]
        shapes = [np.subtract(high, low).tolist() for low, high in ends]
        dtype = self.array.dtype.name
        return [[low, shape, dtype] for (low, _), shape in zip(ends, shapes, strict=True)]

    def blocks(self):
        return self.case.blocks

    def begin(self):
        """Count anew, for another block."""
        self.counts.append(0)

    def read(self, number, spans):
        place = self.places[number]
        index = tuple(
            slice(low + begin, low + end)
            for (low, _), (begin, end) in zip(place, spans, strict=False)
        )
        whole = tuple(slice(low, high) for low, high in place)
        found = self.array[index + whole[len(index) :]]
        self.counts[-1] += found.size
        return found


class Counts(Store):
    """Says what came for each block, and how many values were read for it."""

    holds = "counted"

    def noted(self, came):
        if not isinstance(came, list) or len(came) != len(self.counts):
            raise WrongKind("The count of values was begun anew, where no block begins.")
        return [list(pair) for pair in zip(came, self.counts, strict=True)]


class CountsToo(Store):
    """Says what came for the last block, and how many values were read in all, however often the
    count was begun anew."""

    holds = "counted_twice"

    def noted(self, came):
        return [came, sum(self.counts)]


def grid_case(draw, cuts, dtype):
    """An array in chunks between the cuts along each axis, and blocks of it."""
    shape = [axis[-1] for axis in cuts]
    arrays = [draw.rng.integers(-999, 999, shape).astype(dtype) for _ in range(3)]
    if dtype == "int64":
        arrays = [array + 2**53 + 1 for array in arrays]
    blocks = [[[0] * len(shape), list(shape)]]
    while len(blocks) < 4:
        ends = [sorted(draw.shuffled(range(size + 1))[:2]) for size in shape]
        block = [[low for low, _ in ends], [high - low for low, high in ends]]
        if any(block[0]) and block not in blocks:
            blocks.insert(0, block)
    count = int(np.prod([len(axis) - 1 for axis in cuts]))
    return {
        **dict(zip(("array", "counted", "counted_twice"), arrays, strict=True)),
        "cuts": cuts,
        "order": draw.shuffled(range(count)),
        "blocks": blocks,
        "twice": draw.integer(0, 3),
    }


def cuts_of(draw, size, parts):
    return [0, *sorted(draw.shuffled(range(1, size))[: parts - 1]), size]


@RESHARD.kept_inputs
def draw_reshard(draw):
    first, second, third = draw.shuffled(DTYPES)
    size = draw.integer(7, 9)
    cut = draw.integer(2, size - 2)
    rows = grid_case(draw, [[0, cut, size], [0, draw.integer(2, 3)]], first)
    rows["order"] = [0, 1]
    rows["blocks"] = [[[cut - 1, 0], [2, rows["cuts"][1][1]]], rows["blocks"][-1]]
    return {
        "rows": rows,
        "grids": [
            grid_case(draw, [cuts_of(draw, draw.integer(8, 12), 4)], second),
            grid_case(draw, [cuts_of(draw, 7, 3), cuts_of(draw, 5, 2)], third),
            grid_case(draw, [cuts_of(draw, 4, 2), cuts_of(draw, 5, 3), cuts_of(draw, 3, 2)], first),
        ],
    }


def chunks_of(case):
    """The chunks in the order of the case; the last is the one that was saved twice."""
    return [Chunk(n, *one, case.ask) for n, one in enumerate(case.ask.chunks())]


def block_of(array, block):
    offset, shape = block
    return array[tuple(slice(a, a + n) for a, n in zip(offset, shape, strict=True))]


def read_one(answer, chunks, block, case):
    case.ask.begin()
    found = answer(chunks, tuple(block[0]), tuple(block[1]))
    if not isinstance(found, np.ndarray):
        raise WrongKind(f"A NumPy array is expected; got {kind_of(found)}.")
    return found


def case_in_words(case):
    cuts = " × ".join(str(axis) for axis in case.cuts)
    return f"{case.array.dtype} of shape {case.array.shape}, cut at {cuts}"


class Blocks(Aspect):
    what = "Block"
    referee = Store

    def run(answer, case, f):
        chunks = chunks_of(case)[:-1]
        return [read_one(answer, [*chunks], block, case) for block in case.ask.blocks()]

    def expect(case):
        return {
            f"at {block[0]} of shape {block[1]}": Exact(block_of(case.array, block))
            for block in case.blocks
        }

    def shown(case):
        return case_in_words(case)


ROWS, AXES = "rows of two ranks", "any number of axes"


@RESHARD.aspect(ROWS, 2, over="rows")
class Rows(Blocks):
    """Along an axis, a chunk and the block share what lies between the larger of the two begins and
    the smaller of the two ends. Counted from the chunk's own begin, these are the places to
    read."""

    code = "low = max(offset, chunk_offset); chunk.read(slice(low - chunk_offset, ...))"


@RESHARD.aspect(AXES, 2, over="grids", after=ROWS)
class Axes(Blocks):
    """Do the same for each axis. Where one axis has nothing in common, the chunk has nothing."""


@RESHARD.aspect("nothing more than needed", 1, over=("rows", "grids"), after=ROWS)
class NothingMore(Aspect):
    """Read from a chunk what the block needs of it, once; and read nothing from a chunk that has
    nothing for the block."""

    what = "Block"
    referee = Counts

    def run(answer, case, f):
        chunks = chunks_of(case)[:-1]
        return [read_one(answer, [*chunks], block, case) for block in case.ask.blocks()]

    def expect(case):
        return {
            f"at {block[0]} of shape {block[1]}": {
                "the block": Exact(block_of(case.counted, block)),
                "values read": int(np.prod(block[1])),
            }
            for block in case.blocks
        }

    def shown(case):
        return case_in_words(case)


@RESHARD.aspect("saved by two ranks", 1, over="grids", after=AXES)
class SavedTwice(Aspect):
    """Note which values of the block have arrived, and skip a chunk that brings no new ones."""

    what = "With a chunk that two ranks have saved"
    referee = CountsToo

    def run(answer, case, f):
        return read_one(answer, chunks_of(case), case.ask.blocks()[-1], case)

    def expect(case):
        array = case.counted_twice
        return {"the block": Exact(array), "values read": array.size}

    def shown(case):
        return case_in_words(case)


@RESHARD.aspect("a chunk that is missing", 1, over="rows", after=ROWS)
class ChunkMissing(Aspect):
    """Where no chunk has the values, what np.empty happens to hold would be returned. A block that
    does not need the missing chunk can still be read."""

    what = "Without the chunk"
    referee = Store

    def run(answer, case, f):
        first, second, _ = chunks_of(case)
        (cut, width), (rest, _), raised = first.shape, second.shape, False
        case.ask.begin()
        try:
            answer([first] * (cut + rest), (0, 0), (cut + rest, width))
        except ValueError:
            raised = True
        return [raised, read_one(answer, [second], [[cut, 0], [rest, width]], case)]

    def expect(case):
        return {
            "a ValueError for the whole": True,
            "the rows that are there": Exact(case.array[case.cuts[0][1] :]),
        }

    def shown(case):
        return case_in_words(case)
