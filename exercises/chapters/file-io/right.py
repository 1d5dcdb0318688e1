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
        done = self.complete()
        os.rename(partial, self.root / str(int(done[-1].name) + 1 if done else 0))
        for old in self.complete()[: -self.keep]:
            shutil.rmtree(old)


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch

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
