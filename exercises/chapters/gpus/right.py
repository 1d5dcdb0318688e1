"""Right answers to the exercises of *GPUs: devices and copies*, unlike the worked solutions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

Right = tuple[str, str, Any]


def _both() -> Iterator[Right]:
    """Right answers without a framework."""

    def in_steps(rows, values, itemsize, epochs, rate, resident):
        times = 1 if resident else epochs
        total = 0.0
        for _ in range(times):
            total += rows * values * itemsize / rate
        return total / 10**9

    yield "gpus.copies", "added up", in_steps

    def by_keyword(**given):
        numbers = [given[key] for key in ("rows", "values", "itemsize")]
        gigabytes = math.prod(numbers) / 1e9
        return gigabytes / given["rate"] * (given["epochs"], 1)[bool(given["resident"])]

    yield "gpus.copies", "by keyword", by_keyword

    class Lists:
        """The gaps of each segment are kept in a list, and joined when one is added."""

        def __init__(self, capacity):
            self.capacity, self.peak = capacity, 0
            self.segments, self.sizes, self.next = [], {}, 0

        @property
        def allocated(self):
            return sum(self.sizes.values())

        @property
        def reserved(self):
            return sum(segment["size"] for segment in self.segments)

        def malloc(self, size):
            found = None
            for segment in self.segments:
                for gap in segment["gaps"]:
                    length = gap[1] - gap[0]
                    if length >= size and (found is None or length < found[2]):
                        found = segment, gap, length
            if found is None:
                new = size if size >= 10 else 20
                if new > self.capacity - self.reserved:
                    self.empty_cache()
                if new > self.capacity - self.reserved:
                    raise MemoryError
                segment = {"number": self.next, "size": new, "gaps": [[0, new]]}
                self.next += 1
                self.segments.append(segment)
                found = segment, segment["gaps"][0], new
            segment, gap, _ = found
            place = segment["number"], gap[0]
            gap[0] += size
            if gap[0] == gap[1]:
                segment["gaps"].remove(gap)
            self.sizes[place] = size
            self.peak = max(self.peak, self.allocated)
            return place

        def free(self, place):
            number, start = place
            size = self.sizes.pop((number, start))
            (segment,) = [one for one in self.segments if one["number"] == number]
            gaps = sorted([*segment["gaps"], [start, start + size]])
            for left, right in pairwise(gaps):
                if left[1] == right[0]:
                    right[0] = left[0]
                    left[1] = -1
            segment["gaps"] = [gap for gap in gaps if gap[1] > 0]

        def empty_cache(self):
            used = {number for number, _ in self.sizes}
            self.segments = [one for one in self.segments if one["number"] in used]

    yield "gpus.allocator", "lists of gaps", Lists

    class Bytes:
        """A segment is a string with a character for each MiB."""

        def __init__(self, capacity):
            self.capacity, self.allocated, self.reserved, self.peak = capacity, 0, 0, 0
            self.memory, self.sizes, self.number = {}, {}, -1

        def malloc(self, size):
            best = None
            for number in sorted(self.memory):
                for match in re.finditer(r"\.+", self.memory[number]):
                    length = len(match[0])
                    if length >= size and (best is None or length < best[0]):
                        best = length, number, match.start()
            if best is None:
                new = 20 if size < 10 else size
                for _ in range(2):
                    if self.reserved + new <= self.capacity:
                        break
                    self.empty_cache()
                else:
                    raise MemoryError("full")
                self.number += 1
                self.memory[self.number] = "." * new
                self.reserved += new
                best = new, self.number, 0
            _, number, start = best
            self._write(number, start, size, "x")
            self.allocated += size
            self.peak = max(self.peak, self.allocated)
            self.sizes[number, start] = size
            return [number, start]

        def _write(self, number, start, size, sign):
            row = self.memory[number]
            self.memory[number] = row[:start] + sign * size + row[start + size :]

        def free(self, place):
            size = self.sizes.pop(tuple(place))
            self._write(*place, size, ".")
            self.allocated -= size

        def empty_cache(self):
            for number in [n for n, row in self.memory.items() if "x" not in row]:
                self.reserved -= len(self.memory.pop(number))

    yield "gpus.allocator", "a string for each segment", Bytes


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn
    from torch.utils import _pytree as pytree

    yield from _both()

    def choose(wanted, count):
        found = []
        for i in range(count) if wanted is None else wanted:
            if i < 0:
                raise ValueError(f"no GPU {i}")
            device = torch.device(f"cuda:{i}")
            if i < count and device not in found:
                found.append(device)
        return found if found else [torch.device("cpu")]

    yield "gpus.choose", "a loop", choose

    def move(data, device):
        leaves, structure = pytree.tree_flatten(data)
        tensors = {id(leaf): leaf for leaf in leaves if torch.is_tensor(leaf)}
        moved = {key: tensor.to(device, non_blocking=True) for key, tensor in tensors.items()}
        return pytree.tree_unflatten([moved.get(id(leaf), leaf) for leaf in leaves], structure)

    yield "gpus.move", "with a tree of PyTorch's", move

    def written(data, device):
        """Room is made there, and then written into."""
        there = {}

        def one(leaf):
            if leaf.get_device() == device.index:
                return leaf
            if id(leaf) not in there:
                there[id(leaf)] = torch.empty_like(leaf, device=device).copy_(leaf)
            return there[id(leaf)]

        return pytree.tree_map_only(torch.Tensor, one, data)

    yield "gpus.move", "written into new memory", written

    def assigned(data, device):
        there = {}

        def one(leaf):
            if leaf.device != device and id(leaf) not in there:
                there[id(leaf)] = torch.empty(leaf.shape, dtype=leaf.dtype, device=device)
                there[id(leaf)][:] = leaf
            return there.get(id(leaf), leaf)

        return pytree.tree_map_only(torch.Tensor, one, data)

    yield "gpus.move", "assigned to a slice of new memory", assigned

    def by_number(data, device, known=True):
        return move(data, device.index) if known else data

    yield "gpus.move", "sent to a number, in a partial function", partial(by_number, known=True)

    class Parameters(nn.Module):
        def __init__(self, mean, std):
            super().__init__()
            constants = {"mean": mean, "std": std}
            self.constants = nn.ParameterDict(
                {
                    name: nn.Parameter(torch.tensor(values), requires_grad=False)
                    for name, values in constants.items()
                }
            )

        def forward(self, X):
            n, steps, _ = X.shape
            X = X.sub(self.constants["mean"]).div(self.constants["std"])
            time = X.new_ones(n, steps, 1).cumsum(1) - 1
            return torch.cat((X, time / steps), -1)

    yield "gpus.portable", "parameters that are not trained", Parameters

    class Padded(nn.Module):
        def __init__(self, mean, std):
            super().__init__()
            self.mean = nn.Buffer(torch.tensor(mean))
            self.std = nn.Buffer(torch.tensor(std))

        def forward(self, X):
            Y = torch.zeros(*X.shape[:2], X.shape[2] + 1, device=X.device)
            Y[..., :-1] = (X - self.mean) / self.std
            time = torch.linspace(0, 1, X.shape[1] + 1, device=X.device)[:-1]
            Y[..., -1] += time
            return Y

    yield "gpus.portable", "written into zeros", Padded

    class Stacked(nn.Module):
        def __init__(self, mean, std):
            super().__init__()
            self.register_buffer("constants", torch.tensor([mean, std]).reshape(2, 1, 1, -1))

        def forward(self, X):
            mean, std = self.constants
            time = torch.zeros_like(X[..., :1])
            time += torch.arange(X.shape[1], device=X.device)[:, None] / X.shape[1]
            return torch.cat([(X - mean) / std, time], dim=-1)

    yield "gpus.portable", "both in one buffer", Stacked

    class Flat(nn.Module):
        def __init__(self, stages, devices):
            super().__init__()
            self.plan = [at for stage, at in zip(stages, devices, strict=True) for _ in stage]
            self.layers = nn.ModuleList([layer for stage in stages for layer in stage])
            for layer, at in zip(self.layers, self.plan, strict=True):
                layer.to(at)

        def forward(self, X):
            for layer, at in zip(self.layers, self.plan, strict=True):
                if X.device != at:
                    X = X.to(at)
                X = layer(X)
            return X

    yield "gpus.stages", "a flat list with a plan", Flat

    class Named(nn.Module):
        def __init__(self, stages, devices):
            super().__init__()
            self.names = []
            for i, (stage, at) in enumerate(zip(stages, devices, strict=True)):
                self.add_module(f"stage{i}", nn.ModuleList(stage))
                getattr(self, f"stage{i}").to(at)
                self.names.append(f"stage{i}")

        def forward(self, X):
            for name in self.names:
                stage = getattr(self, name)
                X = X.to(next(stage.parameters()).device, non_blocking=True)
                for layer in stage:
                    X = layer(X)
            return X

    yield "gpus.stages", "the device of the parameters", Named


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    yield from _both()

    def choose(wanted, count):
        found = []
        for i in range(count) if wanted is None else wanted:
            if i < 0:
                raise ValueError(f"no GPU {i}")
            if i < count and f"GPU:{i}" not in found:
                found.append(f"GPU:{i}")
        return found if found else ["CPU:0"]

    yield "gpus.choose", "a loop", choose

    def move(data, device):
        moved = {}

        def one(leaf):
            if not tf.is_tensor(leaf) or leaf.device.split("device:")[-1] == device:
                return leaf
            if leaf.ref() not in moved:
                with tf.device(device):
                    moved[leaf.ref()] = tf.identity(leaf)
            return moved[leaf.ref()]

        return tf.nest.map_structure(one, data)

    yield "gpus.move", "with a tree of TensorFlow's", move

    class Variables(keras.Layer):
        def __init__(self, mean, std):
            super().__init__()
            self.mean = keras.Variable(mean, trainable=False)
            self.std = keras.Variable(np.float32(std), trainable=False)

        def call(self, X):
            time = tf.cumsum(tf.ones_like(X[..., :1]), axis=1, exclusive=True)
            return tf.concat([(X - self.mean) / self.std, time / X.shape[1]], -1)

    yield "gpus.portable", "Keras variables", Variables

    class Stacked(keras.Layer):
        def __init__(self, mean, std):
            super().__init__()
            self.constants = self.add_weight((2, 1, len(mean)), trainable=False)
            self.constants.assign([[mean], [std]])

        def call(self, X):
            mean, std = tf.unstack(self.constants)
            time = tf.zeros_like(X[..., :1]) + tf.range(X.shape[1], dtype=X.dtype)[:, None]
            return tf.concat([(X - mean) / std, time / X.shape[1]], -1)

    yield "gpus.portable", "both in one weight", Stacked

    class Identity(keras.Layer):
        def __init__(self, stages, devices):
            super().__init__()
            self.parts = [layer for stage in stages for layer in stage]
            self.ends = [len(stage) for stage in stages]
            self.devices = tuple(devices)

        def call(self, X):
            parts = iter(self.parts)
            for device, size in zip(self.devices, self.ends, strict=True):
                with tf.device(device):
                    X = tf.identity(X)
                    for _ in range(size):
                        X = next(parts)(X)
            return X

    yield "gpus.stages", "copies written down", Identity

    class Wrapped(keras.Model):
        def __init__(self, stages, devices):
            super().__init__()
            self.stages = [keras.Sequential(stage) for stage in stages]
            self.places = dict(enumerate(devices))

        def call(self, X):
            for i, stage in enumerate(self.stages):
                with keras.device(self.places[i].lower()):
                    X = stage(X)
            return X

    yield "gpus.stages", "Sequential in the scope of Keras", Wrapped


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
