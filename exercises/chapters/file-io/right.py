"""Right answers to the exercises of *File I/O* that differ from the worked solutions."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


class RawArchive:
    """The chapter's format of a header in JSON and raw numbers."""

    def __init__(self, path):
        self.path = Path(path)

    def save(self, tensors):
        header, blobs, end = {}, [], 0
        for name, tensor in tensors.items():
            array = np.asarray(tensor)
            blobs.append(array.tobytes())
            header[name] = [array.dtype.str, array.shape, end, end := end + len(blobs[-1])]
        head = json.dumps(header).encode()
        self.path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(blobs))

    def load(self):
        raw = self.path.read_bytes()
        (size,) = struct.unpack("<Q", raw[:8])
        found, data = {}, raw[8 + size :]
        for name, (kind, shape, start, end) in json.loads(raw[8 : 8 + size]).items():
            found[name] = np.frombuffer(data[start:end], kind).reshape(shape)
        return found


class Numbered:
    """Folders by number, and a file inside each that says that it is complete."""

    def __init__(self, root, keep):
        self.root, self.keep = root, keep

    def complete(self):
        done = [path.parent for path in self.root.glob("*/done")]
        return sorted(done, key=lambda folder: int(folder.name))

    def save(self, step, writers):
        done = self.complete()
        for folder in self.root.iterdir():
            if folder not in done:
                shutil.rmtree(folder)
        number = int(done[-1].name) + 1 if done else 0
        folder = self.root / str(number)
        folder.mkdir()
        for name, write in writers.items():
            write(str(folder / name))
            handle = os.open(folder / name, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        (folder / "done").write_text(str(step))
        for old in self.complete()[: -self.keep]:
            (old / "done").unlink()
            shutil.rmtree(old)

    def latest(self):
        return self.complete()[-1] if self.complete() else None


class Renamed(Numbered):
    """A folder that gets its name when it is complete."""

    def complete(self):
        return sorted(self.root.glob("[0-9]*"), key=lambda folder: int(folder.name))

    def save(self, step, writers):
        partial = self.root / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for name, write in writers.items():
            write(partial / name)
        os.sync()
        done = self.complete()
        os.rename(partial, self.root / str(int(done[-1].name) + 1 if done else 0))
        for old in self.complete()[: -self.keep]:
            shutil.rmtree(old)


class Wrapped(Numbered):
    """The writers wrapped in functions that note what is written."""

    def save(self, step, writers):
        def later(name):
            return lambda path: (writers[name](path), self.paths.append(Path(path)))

        self.paths = []
        super().save(step, {name: later(name) for name in writers})


def plan_by_share(delta, hours, failures):
    share = np.sqrt(2 * delta * failures / (3600 * hours))
    return [2 * delta / share if failures else float("inf"), hours * share]


def read_from_memory(path, name):
    raw = Path(path).read_bytes()
    head, data = raw[8:], memoryview(raw)
    if len(raw) < 8:
        raise ValueError("no length")
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(head[: start - 8].decode())
    if name == "__metadata__":
        raise KeyError(name)
    entry = header[name]
    kinds = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "BOOL": "?", "BF16": "<u2"}
    if (kind := kinds.get(entry["dtype"])) is None:
        raise ValueError("type")
    begin, end = entry["data_offsets"]
    if begin < 0 or end < begin or start + end > len(raw):
        raise ValueError("offsets")
    array = np.array(np.frombuffer(data[start + begin : start + end], kind))
    if entry["dtype"] == "BF16":
        wide = np.zeros((len(array), 2), "<u2")
        wide[:, 1] = array
        array = wide.view("<f4")[:, 0]
    return array.reshape(entry["shape"])


def read_recursively(chunks, offset, shape):
    """Halve the block until one chunk has it all, or no chunk has any of it."""
    if not all(shape):
        return np.empty(shape, chunks[0].dtype)
    ends = [a + n for a, n in zip(offset, shape, strict=True)]
    for chunk in chunks:
        first, count = chunk.offset, chunk.shape
        inside = zip(offset, ends, first, count, strict=True)
        if all(a <= low and high <= a + n for low, high, a, n in inside):
            return chunk.read(
                tuple(
                    slice(low - a, high - a)
                    for low, high, a in zip(offset, ends, first, strict=True)
                )
            )
    for axis, (low, high) in enumerate(zip(offset, ends, strict=True)):
        cuts = [b for c in chunks for b in (c.offset[axis], c.offset[axis] + c.shape[axis])]
        for cut in cuts:
            if low < cut < high:
                second = [*offset]
                second[axis] = cut
                sizes = [[*shape], [*shape]]
                sizes[0][axis], sizes[1][axis] = cut - low, high - cut
                parts = zip((offset, second), sizes, strict=True)
                return np.concatenate([read_recursively(chunks, *part) for part in parts], axis)
    raise ValueError("no chunk has this part")


def everywhere() -> Iterator[Right]:
    """Right answers that need no framework."""
    yield "file-io.interval", "by the share", plan_by_share
    yield "file-io.header", "from memory, with two columns of 16 bits", read_from_memory
    yield "file-io.reshard", "halved until it fits", read_recursively
    yield "file-io.keeper", "writers wrapped", Wrapped


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch

    yield from everywhere()
    yield "file-io.archive", "raw numbers", RawArchive
    yield "file-io.keeper", "numbers, and a file that says done", Numbered
    yield "file-io.keeper", "renamed at the end", Renamed

    class TwoFiles:
        def __init__(self, folder, net, optimizer, rng):
            self.folder, self.parts, self.rng = Path(folder), [net, optimizer], rng

        def save(self, step):
            for n, part in enumerate(self.parts):
                torch.save(part.state_dict(), self.folder / f"{n}.pt")
            about = {"step": step, "state": self.rng.bit_generator.state}
            (self.folder / "about.json").write_text(json.dumps(about))

        def load(self):
            for n, part in enumerate(self.parts):
                part.load_state_dict(torch.load(self.folder / f"{n}.pt"))
            about = json.loads((self.folder / "about.json").read_text())
            self.rng.bit_generator.state = about["state"]
            return about["step"]

    yield "file-io.resume", "in three files, the last in JSON", TwoFiles

    class AsArray(TwoFiles):
        def load(self):
            return np.array(super().load())  # what np.load gives for a number

    yield "file-io.resume", "the step as an array without axes", AsArray

    def by_array(net, arrays, prefix):
        report = {"loaded": [], "misfit": [], "missing": [], "unexpected": []}
        left = set(arrays)
        for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
            array = arrays.get(prefix + name)
            if array is None:
                report["missing"].append(name)
                continue
            left.discard(prefix + name)
            if array.shape != tuple(tensor.shape):
                report["misfit"].append(name)
                continue
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))
            report["loaded"].append(name)
        if not report["loaded"]:
            raise ValueError("nothing was loaded")
        return report | {"unexpected": tuple(left)}

    yield "file-io.transfer", "one by one", by_array


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import tensorflow as tf

    yield from everywhere()
    yield "file-io.archive", "raw numbers", RawArchive
    yield "file-io.keeper", "numbers, and a file that says done", Numbered
    yield "file-io.keeper", "renamed at the end", Renamed

    class Tracked:
        def __init__(self, folder, net, optimizer, rng):
            self.folder, self.rng, self.net, self.optimizer = folder, rng, net, optimizer

        def tracked(self):
            self.optimizer.build(self.net.trainable_variables)
            parts = [*self.net.variables, *self.optimizer.variables]
            return tf.train.Checkpoint(**{f"v{n}": part.value for n, part in enumerate(parts)})

        def save(self, step):
            self.tracked().write(str(self.folder / "run"))
            about = {"step": step, "state": self.rng.bit_generator.state}
            (self.folder / "about.json").write_text(json.dumps(about))

        def load(self):
            self.tracked().read(str(self.folder / "run")).assert_consumed()
            about = json.loads((self.folder / "about.json").read_text())
            self.rng.bit_generator.state = about["state"]
            return about["step"]

    yield "file-io.resume", "with tf.train.Checkpoint", Tracked

    def by_weight(net, arrays, prefix):
        report = {"loaded": [], "misfit": [], "missing": []}
        values = {name: array for name, array in arrays.items() if name.startswith(prefix)}
        for weight in net.weights:
            array = values.pop(prefix + weight.path, None)
            fits = array is not None and array.shape == weight.shape
            kind = "missing" if array is None else "loaded" if fits else "misfit"
            report[kind].append(weight.path)
            if fits:
                weight.assign(array)
        if not report["loaded"]:
            raise ValueError("nothing was loaded")
        rest = {name for name in arrays if not name.startswith(prefix)}
        return report | {"unexpected": rest | set(values)}

    yield "file-io.transfer", "one by one", by_weight


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
