"""Plausible wrong answers to the exercises of *File I/O*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Wrong = tuple[str, str, Any, set[str]]

BACK, NAMED, AGAIN, PART, PLANTED = (
    "values, types and names",
    "one file, under the name given",
    "saved a second time",
    "a part of a large tensor",
    "a stranger's file runs nothing",
)
ARCHIVE = {BACK, NAMED, AGAIN, PART, PLANTED}
PARAMETERS, MEAN, OPTIMIZER, RANDOM, STEP = (
    "the parameters",
    "what the net keeps without training it",
    "the optimizer",
    "the random numbers",
    "the number of the step",
)
RESUME = {PARAMETERS, MEAN, OPTIMIZER, RANDOM, STEP}
INTERVAL, LOST, NEVER = "the interval", "the hours lost", "a run without failures"
VALUES, HALF, OWN, NAMES, DAMAGED = (
    "values, shapes and types",
    "bfloat16",
    "an array of your own",
    "a name that is no tensor",
    "damaged files",
)
HEADER = {VALUES, HALF, OWN, NAMES, DAMAGED}
ROWS, AXES, MORE, TWICE, GAP = (
    "rows of two ranks",
    "any number of axes",
    "nothing more than needed",
    "saved by two ranks",
    "a chunk that is missing",
)
RESHARD = {ROWS, AXES, MORE, TWICE, GAP}
NEWEST, CUT, SYNCED, FAILED, EARLIER, KEPT = (
    "the newest checkpoint",
    "a power cut while writing",
    "on the disk before it counts",
    "an error while writing",
    "back to an earlier step",
    "no more than keep",
)
ARRIVED, REPORT, NOTHING, APART = (
    "what fits has arrived",
    "the report",
    "nothing is not enough",
    "copies, into the net's own arrays",
)


def archives() -> Iterator[Wrong]:
    """Wrong archives that need no framework."""

    class Pickled:
        def __init__(self, path):
            self.path = Path(path)

        def save(self, tensors):
            arrays = {name: np.asarray(tensor) for name, tensor in tensors.items()}
            self.path.write_bytes(pickle.dumps(arrays))

        def load(self):
            return pickle.loads(self.path.read_bytes())

    yield "file-io.archive", "a pickle", Pickled, {PLANTED}

    class Text(Pickled):
        def save(self, tensors):
            values = {name: np.asarray(tensor).tolist() for name, tensor in tensors.items()}
            self.path.write_text(json.dumps(values))

        def load(self):
            values = json.loads(self.path.read_text())
            return {name: np.array(value) for name, value in values.items()}

    yield "file-io.archive", "numbers as text", Text, ARCHIVE

    class Named(Pickled):
        def save(self, tensors):
            arrays = {f"_{name}": np.asarray(tensor) for name, tensor in tensors.items()}
            np.savez(self.path, **arrays)

        def load(self):
            with np.load(f"{self.path}.npz") as saved:
                return {name[1:]: saved[name] for name in saved}

    yield "file-io.archive", ".npz added to the name", Named, {NAMED}

    class Keywords(Pickled):
        def save(self, tensors):
            with self.path.open("wb") as file:
                np.savez(file, **{name: np.asarray(t) for name, t in tensors.items()})

        def load(self):
            with np.load(self.path) as saved:
                return dict(saved)

    yield "file-io.archive", "names as keywords", Keywords, ARCHIVE

    class Boxed(Pickled):
        def save(self, tensors):
            with self.path.open("wb") as file:
                np.save(file, {name: np.asarray(tensor) for name, tensor in tensors.items()})

        def load(self):
            return np.load(self.path, allow_pickle=True).item()

    yield "file-io.archive", "np.save of a dictionary", Boxed, {PLANTED}

    class Memory:
        known = {}  # noqa: RUF012

        def __init__(self, path):
            self.path = path

        def save(self, tensors):
            Memory.known[str(self.path)] = tensors

        def load(self):
            return Memory.known[str(self.path)]

    yield "file-io.archive", "kept in memory", Memory, ARCHIVE

    class Stub(Memory):
        def save(self, tensors):
            Memory.known[self.path.name] = dict(tensors)
            self.path.write_text("see memory")

        def load(self):
            return Memory.known[self.path.name]

    yield "file-io.archive", "kept in memory, under the file's name", Stub, ARCHIVE


def plans(plan: Any) -> Iterator[Wrong]:
    """Wrong plans."""

    def no_hours(delta, hours, failures):
        return plan(delta, hours / 3600, failures)

    yield "file-io.interval", "hours taken for seconds", no_hours, {INTERVAL, LOST, NEVER}

    def share(delta, hours, failures):
        interval, lost = plan(delta, hours, failures)
        return interval, lost / hours

    yield "file-io.interval", "the share", share, {LOST}

    def writes(delta, hours, failures):
        interval, lost = plan(delta, hours, failures)
        return interval, lost / 2

    yield "file-io.interval", "the writes alone", writes, {LOST}

    def single(delta, hours, failures):
        if not failures:
            return math.inf, 0
        between = 3600 * hours / failures
        interval = math.sqrt(delta * between)
        return interval, hours * (delta / interval + interval / between / 2)

    yield "file-io.interval", "without the two", single, {INTERVAL, LOST, NEVER}

    def always(delta, hours, failures):
        return plan(delta, hours, failures or 1)

    yield "file-io.interval", "one failure for none", always, {NEVER}

    def division(delta, hours, failures):
        between = 3600 * hours / failures
        interval = math.sqrt(2 * delta * between)
        return interval, hours * math.sqrt(2 * delta / between)

    yield "file-io.interval", "divides by zero", division, {NEVER}

    def plain(delta, hours, failures):
        if not failures:
            return math.inf, 0
        between = 3600 * hours / failures
        return between, hours * (delta / between + 0.5)

    yield "file-io.interval", "once between failures", plain, {INTERVAL, LOST, NEVER}


def headers(read_tensor: Any) -> Iterator[Wrong]:
    """Wrong readers of one tensor."""
    kinds = {"F64": "f8", "F32": "f4", "I64": "i8", "I32": "i4", "BOOL": "?", "BF16": "u2"}

    def entry_of(path, name):
        raw = Path(path).read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        return json.loads(raw[8:start])[name], raw, start

    def hopeful(path, name):
        entry, raw, start = entry_of(path, name)
        if name == "__metadata__":
            raise KeyError(name)
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(raw[start + begin : start + end], kinds[entry["dtype"]])
        if entry["dtype"] == "BF16":
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(entry["shape"]).copy()

    yield "file-io.header", "no checks", hopeful, {DAMAGED}

    def counted(path, name):
        entry, raw, start = entry_of(path, name)
        if name == "__metadata__":
            raise KeyError(name)
        if entry["dtype"] not in kinds:
            raise ValueError(entry["dtype"])
        begin, _ = entry["data_offsets"]
        count = math.prod(entry["shape"])
        flat = np.frombuffer(raw, kinds[entry["dtype"]], count, start + begin)
        if entry["dtype"] == "BF16":
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(entry["shape"]).copy()

    yield "file-io.header", "the shape decides, not the end", counted, {DAMAGED}

    def from_the_start(path, name):
        entry, raw, _ = entry_of(path, name)
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(raw[begin:end], kinds[entry["dtype"]])
        return flat.reshape(entry["shape"]).copy()

    yield "file-io.header", "offsets from the start of the file", from_the_start, HEADER

    def metadata(path, name):
        if name == "__metadata__":
            return entry_of(path, name)[0]
        return read_tensor(path, name)

    yield "file-io.header", "__metadata__ returned", metadata, {NAMES}

    def none(path, name):
        try:
            return read_tensor(path, name)
        except KeyError:
            return None

    yield "file-io.header", "None for a name that is missing", none, {NAMES}

    def raw_bits(path, name):
        found = read_tensor(path, name)
        if entry_of(path, name)[0]["dtype"] == "BF16":
            return (found.view(np.uint32) >> 16).astype(np.uint16)
        return found

    yield "file-io.header", "the bits of a bfloat16", raw_bits, {HALF}

    def as_half(path, name):
        found = read_tensor(path, name)
        if entry_of(path, name)[0]["dtype"] == "BF16":
            bits = (found.view(np.uint32) >> 16).astype(np.uint16)
            return bits.view(np.float16).astype(np.float32)
        return found

    yield "file-io.header", "bfloat16 read as float16", as_half, {HALF}

    def read_only(path, name):
        found = read_tensor(path, name)
        found.flags.writeable = False
        return found

    yield "file-io.header", "read only", read_only, {OWN}

    def mapped(path, name):
        found = read_tensor(path, name)
        entry, _, start = entry_of(path, name)
        if entry["dtype"] == "BF16" or not found.size:
            return found
        offset = start + entry["data_offsets"][0]
        return np.memmap(path, found.dtype, "r+", offset, found.shape if found.ndim else ())

    yield "file-io.header", "the file itself", mapped, {OWN}

    def flat(path, name):
        return read_tensor(path, name).ravel()

    yield "file-io.header", "without the shape", flat, HEADER

    def floats(path, name):
        return read_tensor(path, name).astype(np.float32)

    yield "file-io.header", "everything as float32", floats, HEADER

    def swallowed(path, name):
        try:
            return read_tensor(path, name)
        except ValueError as error:
            raise RuntimeError("damaged") from error

    yield "file-io.header", "another error", swallowed, {DAMAGED}


def readers(read_block: Any) -> Iterator[Wrong]:
    """Wrong readers of a block."""

    def all_of(chunk):
        return chunk.read(tuple(slice(0, size) for size in chunk.shape))

    def whole_array(chunks):
        ends = [[a + n for a, n in zip(c.offset, c.shape, strict=True)] for c in chunks]
        array = np.zeros(np.max(ends, axis=0), chunks[0].dtype)
        known = np.zeros(array.shape, bool)
        for chunk in chunks:
            place = tuple(slice(a, a + n) for a, n in zip(chunk.offset, chunk.shape, strict=True))
            array[place], known[place] = all_of(chunk), True
        return array, known

    def everything(chunks, offset, shape):
        array, known = whole_array(chunks)
        place = tuple(slice(a, a + n) for a, n in zip(offset, shape, strict=True))
        if array[place].shape != tuple(shape) or not known[place].all():
            raise ValueError("missing")
        return array[place]

    yield "file-io.reshard", "all chunks read", everything, {MORE, TWICE}

    def joined(chunks, offset, shape):
        array = np.concatenate([all_of(chunk) for chunk in chunks])
        return array[tuple(slice(a, a + n) for a, n in zip(offset, shape, strict=True))]

    yield "file-io.reshard", "joined in their order", joined, {AXES, MORE, TWICE, GAP}

    def counted(chunks, offset, shape):
        block, values = np.empty(shape, chunks[0].dtype), 0
        for chunk in chunks:
            low = np.maximum(offset, chunk.offset)
            high = np.minimum(np.add(offset, shape), np.add(chunk.offset, chunk.shape))
            if (low < high).all():
                here = tuple(map(slice, low - offset, high - offset))
                there = tuple(map(slice, low - chunk.offset, high - chunk.offset))
                block[here] = chunk.read(there)
                values += block[here].size
        if values < block.size:
            raise ValueError("missing")
        return block

    yield "file-io.reshard", "values counted, not marked", counted, {TWICE, GAP}

    def silent(chunks, offset, shape):
        try:
            return read_block(chunks, offset, shape)
        except ValueError:
            return np.zeros(shape, chunks[0].dtype)

    yield "file-io.reshard", "zeros where values are missing", silent, {GAP}

    def strict(chunks, offset, shape):
        last = np.max([np.add(c.offset, c.shape) for c in chunks], axis=0)
        read = {c.offset: math.prod(c.shape) for c in chunks}
        if sum(read.values()) != math.prod(last):
            raise ValueError("chunks are missing")
        return read_block(chunks, offset, shape)

    yield "file-io.reshard", "every chunk demanded", strict, {GAP}

    def floats(chunks, offset, shape):
        return read_block(chunks, offset, shape).astype(np.float64)

    yield "file-io.reshard", "always float64", floats, RESHARD

    def rows(chunks, offset, shape):
        if len(shape) == 1:
            return read_block(chunks, offset, shape)
        parts = []
        for chunk in sorted(chunks, key=lambda chunk: chunk.offset):
            low = max(offset[0], chunk.offset[0])
            high = min(offset[0] + shape[0], chunk.offset[0] + chunk.shape[0])
            if low < high:
                parts.append(chunk.read((slice(low - chunk.offset[0], high - chunk.offset[0]),)))
        array = np.concatenate(parts)[:, offset[1] : offset[1] + shape[1]]
        if len(array) < shape[0]:
            raise ValueError("missing")
        return array

    yield "file-io.reshard", "rows alone", rows, {AXES, MORE, TWICE, GAP}

    def from_zero(chunks, offset, shape):
        return read_block(chunks, (0,) * len(shape), shape)

    yield "file-io.reshard", "the offset forgotten", from_zero, RESHARD

    def by_value(chunks, offset, shape):
        block = read_block(chunks, offset, shape)
        for chunk in chunks:
            low = np.maximum(offset, chunk.offset)
            high = np.minimum(np.add(offset, shape), np.add(chunk.offset, chunk.shape))
            if (low < high).all():
                there = tuple(map(slice, low - chunk.offset, high - chunk.offset))
                chunk.read(there)
        return block

    yield "file-io.reshard", "everything read twice", by_value, {MORE, TWICE}

    known: dict[Any, Any] = {}

    def remembered(chunks, offset, shape):
        layout = tuple((chunk.offset, chunk.shape) for chunk in chunks)
        key = layout, tuple(offset), tuple(shape), str(chunks[0].dtype)
        if key not in known:
            known[key] = everything(chunks, offset, shape)
            return known[key].copy()
        for _ in range(math.prod(shape)):  # as many as are allowed, of whatever
            chunks[0].read(tuple(slice(0, 1) for _ in shape))
        return known[key].copy()

    yield "file-io.reshard", "blocks known from another array", remembered, {MORE, TWICE}


def keepers(Keeper: type) -> Iterator[Wrong]:
    """Wrong keepers."""

    class Unsynced(Keeper):
        def save(self, step, writers):
            fsync, os.fsync = os.fsync, lambda handle: None
            try:
                super().save(step, writers)
            finally:
                os.fsync = fsync

    yield "file-io.keeper", "nothing synced", Unsynced, {SYNCED}

    class TooLate(Keeper):
        def save(self, step, writers):
            fsync, os.fsync = os.fsync, lambda handle: None
            try:
                super().save(step, writers)
            finally:
                os.fsync = fsync
            for file in self.latest().iterdir():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())

    yield "file-io.keeper", "synced when it already counts", TooLate, {SYNCED}

    class OneOnly(Keeper):
        def save(self, step, writers):
            names, fsync = list(writers), os.fsync

            def first(handle):
                if os.readlink(f"/proc/self/fd/{handle}").endswith(names[0]):
                    fsync(handle)

            os.fsync = first
            try:
                super().save(step, writers)
            finally:
                os.fsync = fsync

    yield "file-io.keeper", "the first file synced", OneOnly, {SYNCED}

    class Highest(Keeper):
        def complete(self):
            folders = self.root.glob("step-*")
            return [f.name for f in sorted(folders, key=lambda f: int(f.name.split("-")[1]))]

    fails = {CUT, SYNCED, FAILED, EARLIER, KEPT}
    yield "file-io.keeper", "the highest number", Highest, fails

    class InPlace(Keeper):
        def save(self, step, writers):
            for name, write in writers.items():
                write(self.root / name)

        def latest(self):
            return self.root if any(self.root.iterdir()) else None

    yield "file-io.keeper", "one folder for all", InPlace, {
        NEWEST, CUT, SYNCED, FAILED, EARLIER, KEPT,
    }  # fmt: skip

    class ByStep(Keeper):
        def save(self, step, writers):
            folder = self.root / f"step-{step}"
            folder.mkdir(exist_ok=True)
            for name, write in writers.items():
                write(folder / name)
                with open(folder / name, "rb+") as file:
                    os.fsync(file.fileno())
            names = [name for name in self.complete() if name != folder.name]
            names = [*names, folder.name][-self.keep :]
            self.pointer.write_text(json.dumps(names))
            for other in self.root.glob("step-*"):
                if other.name not in names:
                    shutil.rmtree(other)

    yield "file-io.keeper", "the same folder for the same step", ByStep, {CUT}

    class Refused(Keeper):
        def save(self, step, writers):
            (self.root / f"mark-{step}").mkdir()
            super().save(step, writers)

    yield "file-io.keeper", "a step once only", Refused, {CUT, FAILED, EARLIER}

    class Absolute(Keeper):
        def save(self, step, writers):
            super().save(step, writers)
            names = [str(self.root / name) for name in self.complete()]
            (self.root / "paths").write_text(json.dumps(names))

        def latest(self):
            if not (self.root / "paths").exists():
                return None
            return Path(json.loads((self.root / "paths").read_text())[-1])

    yield "file-io.keeper", "whole paths", Absolute, {CUT}

    class WrittenOver(Keeper):
        def save(self, step, writers):
            before = self.pointer.read_bytes() if self.pointer.exists() else b""
            inode = self.root / "small"
            super().save(step, writers)
            inode.write_bytes(before)  # the same file, over and over
            inode.write_bytes(self.pointer.read_bytes())
            self.pointer.unlink()

        def complete(self):
            small = self.root / "small"
            return json.loads(small.read_text()) if small.exists() else []

    yield "file-io.keeper", "the small file written over", WrittenOver, {CUT}

    class CountsFailures(Keeper):
        def save(self, step, writers):
            folder = Path(tempfile.mkdtemp(prefix=f"step-{step}-", dir=self.root))
            for name, write in writers.items():
                write(folder / name)
                with open(folder / name, "rb+") as file:
                    os.fsync(file.fileno())
            folders = sorted(self.root.glob("step-*"), key=lambda one: one.stat().st_ctime_ns)
            for other in folders[: -self.keep]:
                shutil.rmtree(other)
            partial = self.root / "complete.partial"
            partial.write_text(json.dumps([one.name for one in folders[-self.keep :]]))
            os.replace(partial, self.pointer)

    yield "file-io.keeper", "failed attempts counted", CountsFailures, {KEPT}

    class RoomFirst(Keeper):
        def save(self, step, writers):
            names = self.complete()
            for other in self.root.glob("step-*"):
                if other.name not in names[len(names) + 1 - self.keep :]:
                    shutil.rmtree(other)
            self.pointer.write_text(json.dumps(names[len(names) + 1 - self.keep :]))
            super().save(step, writers)

    yield "file-io.keeper", "room made before the new one is written", RoomFirst, {CUT}

    class First(Keeper):
        def save(self, step, writers):
            folder = self.root / f"step-{len(self.complete())}-{step}"
            names = [*self.complete(), folder.name][-self.keep :]
            self.pointer.write_text(json.dumps(names))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name, write in writers.items():
                write(folder / name)
            for other in self.root.glob("step-*"):
                if other.name not in names:
                    shutil.rmtree(other)

    yield "file-io.keeper", "named before it is written", First, {CUT, SYNCED, FAILED, KEPT}

    class Swallows(Keeper):
        def save(self, step, writers):
            try:
                super().save(step, writers)
            except OSError as error:
                self.error = error

    yield "file-io.keeper", "the error swallowed", Swallows, {FAILED, KEPT}

    class Hoarder(Keeper):
        def __init__(self, root, keep):
            super().__init__(root, 10**6)

    yield "file-io.keeper", "nothing deleted", Hoarder, {KEPT}

    class Remembers(Keeper):
        def __init__(self, root, keep):
            super().__init__(root, keep)
            self.names = []

        def complete(self):
            return self.names

        def save(self, step, writers):
            super().save(step, writers)
            self.names = json.loads(self.pointer.read_text())

    yield "file-io.keeper", "known to the object alone", Remembers, {
        NEWEST, CUT, SYNCED, FAILED, EARLIER, KEPT,
    }  # fmt: skip


def misreported(transfer: Any, names_in: Any) -> Iterator[Wrong]:
    """Slips in what `transfer` reports; `names_in` lists the names in a network."""

    def tolerant(net, arrays, prefix):
        try:
            return transfer(net, arrays, prefix)
        except ValueError:
            return {"loaded": [], "misfit": [], "missing": names_in(net)}

    yield "file-io.transfer", "nothing is fine", tolerant, {NOTHING}

    def sliced(net, arrays, prefix):
        report, own = transfer(net, arrays, prefix), names_in(net)
        report["unexpected"] = [name for name in arrays if name[len(prefix) :] not in own]
        return report

    yield "file-io.transfer", "any prefix of this length", sliced, {REPORT}

    def names_alone(net, arrays, prefix):
        try:
            return transfer(net, arrays, prefix)
        except ValueError:
            if not any(name.startswith(prefix) for name in arrays):
                raise
            return {"loaded": [], "misfit": names_in(net), "missing": [], "unexpected": []}

    yield "file-io.transfer", "other shapes are no error", names_alone, {NOTHING}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch

    Archive, Checkpoint, transfer = (solution[n] for n in ("Archive", "Checkpoint", "transfer"))
    yield from archives()
    yield from keepers(solution["Keeper"])
    yield from plans(solution["plan"])
    yield from headers(solution["read_tensor"])
    yield from readers(solution["read_block"])

    class Shared(Archive):
        def save(self, tensors):
            torch.save(tensors, self.path)

    yield "file-io.archive", "slices with their whole", Shared, {PART}

    class Trusting(Archive):
        def load(self):
            return torch.load(self.path, weights_only=False)

    yield "file-io.archive", "weights_only=False", Trusting, {PLANTED}

    class Floats(Archive):
        def save(self, tensors):
            super().save({name: tensor.float() for name, tensor in tensors.items()})

    yield "file-io.archive", "everything as float32", Floats, ARCHIVE

    class Without(Checkpoint):
        """Leaves out some entries."""

        out: tuple[str, ...] = ()

        def save(self, step):
            net, rng = self.net, self.rng
            saved = {
                "net": net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rng": rng.bit_generator.state,
                "step": step,
            }
            torch.save({key: part for key, part in saved.items() if key not in self.out}, self.path)

        def load(self):
            saved = torch.load(self.path)
            self.net.load_state_dict(saved["net"])
            if "optimizer" in saved:
                self.optimizer.load_state_dict(saved["optimizer"])
            if "rng" in saved:
                self.rng.bit_generator.state = saved["rng"]
            return saved.get("step", 0)

    def without(*out):
        return type("Without", (Without,), {"out": out})

    yield "file-io.resume", "no optimizer", without("optimizer"), {OPTIMIZER}
    yield "file-io.resume", "no random state", without("rng"), {RANDOM}
    yield "file-io.resume", "no step", without("step"), {STEP}

    class Learnable(Checkpoint):
        def load(self):
            mean = self.net.meter.mean.clone()
            step = super().load()
            self.net.meter.mean.copy_(mean)
            return step

    yield "file-io.resume", "parameters alone", Learnable, {MEAN}

    class Moments(Checkpoint):
        def load(self):
            rate = self.optimizer.param_groups[0]["lr"]
            step = super().load()
            self.optimizer.param_groups[0]["lr"] = rate
            return step

    yield "file-io.resume", "the rate forgotten", Moments, {OPTIMIZER}

    class Once(Checkpoint):
        def save(self, step):
            if not self.path.exists():
                super().save(step)

    yield "file-io.resume", "the first save only", Once, RESUME

    class InMemory(Checkpoint):
        kept: tuple[Any, ...] = ()

        def save(self, step):
            states = self.net.state_dict(), self.optimizer.state_dict()
            InMemory.kept = copy.deepcopy((*states, self.rng.bit_generator.state, step))

        def load(self):
            net, optimizer, state, step = self.kept
            self.net.load_state_dict(net)
            self.optimizer.load_state_dict(optimizer)
            self.rng.bit_generator.state = state
            return step

    yield "file-io.resume", "kept in the class", InMemory, RESUME

    class OtherGenerator(Checkpoint):
        def load(self):
            mine = np.random.default_rng()
            self.rng, given = mine, self.rng
            step = super().load()
            assert given is not mine
            return step

    yield "file-io.resume", "another generator", OtherGenerator, {RANDOM}

    class OtherNet(Checkpoint):
        def load(self):
            self.net = copy.deepcopy(self.net)
            return super().load()

    yield "file-io.resume", "another net", OtherNet, RESUME

    def silenced(net, arrays, prefix):
        state = {name.removeprefix(prefix): torch.tensor(a) for name, a in arrays.items()}
        net.load_state_dict(state, strict=False)

    yield "file-io.transfer", "strict=False", silenced, {ARRIVED, REPORT, NOTHING, APART}

    def broadcast(net, arrays, prefix):
        report = transfer(net, arrays, prefix)
        for name, p in net.named_parameters():
            if p.ndim == 1 and name in report["misfit"]:
                p.data.copy_(torch.tensor(arrays[prefix + name]))
        return report

    everything = {ARRIVED, REPORT, NOTHING, APART}
    yield "file-io.transfer", "a bias spread", broadcast, everything

    yield from misreported(transfer, lambda net: list(net.state_dict()))

    def assigned(net, arrays, prefix):
        report = transfer(net, arrays, prefix)
        state = {n: torch.from_numpy(arrays[prefix + n].astype("f4")) for n in report["loaded"]}
        net.load_state_dict(state, strict=False, assign=True)
        return report

    yield "file-io.transfer", "assign=True", assigned, {APART}

    def memory(net, arrays, prefix):
        report = transfer(net, arrays, prefix)
        for name, p in net.named_parameters():
            if name in report["loaded"] and p.ndim == 2:
                p.data = torch.from_numpy(arrays[prefix + name])
        return report

    yield "file-io.transfer", "shared memory", memory, {APART}

    def prefixed(net, arrays, prefix):
        report = transfer(net, arrays, prefix)
        return report | {"unexpected": [n for n in arrays if not n.startswith(prefix)]}

    yield "file-io.transfer", "strange names with the prefix", prefixed, {REPORT}

    def parameters(net, arrays, prefix):
        kept = {name: b.clone() for name, b in net.named_buffers()}
        report = transfer(net, arrays, prefix)
        for name, buffer in net.named_buffers():
            buffer.copy_(kept[name])
        return report

    yield "file-io.transfer", "parameters alone", parameters, everything


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    Archive, Checkpoint, transfer = (solution[n] for n in ("Archive", "Checkpoint", "transfer"))
    yield from archives()
    yield from keepers(solution["Keeper"])
    yield from plans(solution["plan"])
    yield from headers(solution["read_tensor"])
    yield from readers(solution["read_block"])

    class Objects(Archive):
        def save(self, tensors):
            arrays = np.empty(len(tensors), object)
            arrays[:] = [tensor.numpy() for tensor in tensors.values()]
            with open(self.path, "wb") as file:
                np.savez(file, names=list(tensors), arrays=arrays)

        def load(self):
            with np.load(self.path, allow_pickle=True) as saved:
                return dict(zip(map(str, saved["names"]), saved["arrays"], strict=True))

    yield "file-io.archive", "an array of arrays", Objects, {PLANTED}

    class Compressed(Archive):
        def save(self, tensors):
            super().save(tensors)
            shutil.copy(self.path, f"{self.path}.bak")

    yield "file-io.archive", "a second file", Compressed, {NAMED}

    class Unbuilt(Checkpoint):
        def load(self):
            with np.load(self.path) as saved:
                for key, variable in self.variables().items():
                    variable.assign(saved[key])
                about = json.loads(str(saved["about"]))
            self.rng.bit_generator.state = about["rng"]
            return about["step"]

    yield "file-io.resume", "the optimizer not built", Unbuilt, {OPTIMIZER}

    class NetOnly(Checkpoint):
        def variables(self):
            return {f"v{n}": variable for n, variable in enumerate(self.net.variables)}

    yield "file-io.resume", "no optimizer", NetOnly, {OPTIMIZER}

    class Trainable(Checkpoint):
        def variables(self):
            found = [*self.net.trainable_variables, *self.optimizer.variables]
            return {f"v{n}": variable for n, variable in enumerate(found)}

    yield "file-io.resume", "trainable variables alone", Trainable, {MEAN}

    class Rate(Checkpoint):
        def load(self):
            rate = float(self.optimizer.learning_rate)
            step = super().load()
            self.optimizer.learning_rate = rate
            return step

    yield "file-io.resume", "the rate forgotten", Rate, {OPTIMIZER}

    class NoRandom(Checkpoint):
        def load(self):
            state = self.rng.bit_generator.state
            step = super().load()
            self.rng.bit_generator.state = state
            return step

    yield "file-io.resume", "no random state", NoRandom, {RANDOM}

    class Iterations(Checkpoint):
        def load(self):
            super().load()
            return int(self.optimizer.iterations.numpy())

    yield "file-io.resume", "the optimizer's count for the step", Iterations, {STEP}

    class Live(Checkpoint):
        saved = {}  # noqa: RUF012

        def save(self, step):
            Live.saved = {"step": step, "variables": self.variables()}

        def load(self):
            self.optimizer.build(self.net.trainable_variables)
            for key, variable in self.variables().items():
                variable.assign(Live.saved["variables"][key])
            return Live.saved["step"]

    yield "file-io.resume", "the live variables kept", Live, RESUME

    class Once(Checkpoint):
        def save(self, step):
            if not self.path.exists():
                super().save(step)

    yield "file-io.resume", "the first save only", Once, RESUME

    everything = {ARRIVED, REPORT, NOTHING, APART}

    yield from misreported(transfer, lambda net: [w.path for w in net.weights])

    def trainable(net, arrays, prefix):
        kept = [w.numpy() for w in net.non_trainable_weights]
        report = transfer(net, arrays, prefix)
        for weight, value in zip(net.non_trainable_weights, kept, strict=True):
            weight.assign(value)
        return report

    yield "file-io.transfer", "trainable weights alone", trainable, everything

    def by_place(net, arrays, prefix):
        for weight, array in zip(net.weights, arrays.values(), strict=False):
            if weight.shape == array.shape:
                weight.assign(array)

    yield "file-io.transfer", "by place", by_place, everything

    def prefixed(net, arrays, prefix):
        report = transfer(net, arrays, prefix)
        return report | {"unexpected": [n for n in arrays if not n.startswith(prefix)]}

    yield "file-io.transfer", "strange names with the prefix", prefixed, {REPORT}

    def untold(net, arrays, prefix):
        report = transfer(net, arrays, prefix)
        return report | {"missing": [*report["missing"], *report["misfit"]]}

    yield "file-io.transfer", "misfits called missing", untold, {REPORT}

    def by_end(net, arrays, prefix):
        own = {weight.path: weight for weight in net.weights}
        for name, array in arrays.items():
            path = name.removeprefix(prefix)
            if path in own and own[path].shape == array.shape:
                own[path].assign(array)
        return transfer(net, arrays, "") if not prefix else {}

    yield "file-io.transfer", "names without the prefix too", by_end, everything


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
