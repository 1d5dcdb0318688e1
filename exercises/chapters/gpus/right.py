"""Right answers to the exercises of *GPUs: devices and copies*, unlike the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

Right = tuple[str, str, Any]


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils import _pytree as pytree

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

    def where(lines):
        """Runs the program, with tensors that have a device and no numbers."""
        tensors, first, places = {}, {}, {}
        with FakeTensorMode():
            for name, what, operands, scope in lines:
                with torch.device(scope or "cpu"):
                    given = [tensors[one] for one in operands]
                    try:
                        tensor = {
                            "ones": lambda: torch.ones(2, 3),
                            "number": lambda: torch.tensor(2.0),
                            "name": lambda given=given: given[0],
                            "copy": lambda given=given, scope=scope: given[0].to(scope),
                            "sum": lambda given=given: given[0] + given[1],
                        }[what]()
                    except RuntimeError:
                        places[name] = None
                        continue
                tensors[name] = tensor
                places[name] = (str(tensor.device), first.setdefault(id(tensor), name))
        return places

    yield "gpus.placement", "by running it", where

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


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    def choose(wanted, count):
        found = []
        for i in range(count) if wanted is None else wanted:
            if i < 0:
                raise ValueError(f"no GPU {i}")
            if i < count and f"GPU:{i}" not in found:
                found.append(f"GPU:{i}")
        return found if found else ["CPU:0"]

    yield "gpus.choose", "a loop", choose

    def where(lines, gpus):
        """Builds the program as a graph, in which a device is what was asked for."""
        tensors, first, places = {}, {}, {}
        with tf.Graph().as_default():
            for name, what, operands, scope in lines:
                with tf.device(scope or ("GPU:0" if gpus else "CPU:0")):
                    given = [tensors[one] for one in operands]
                    tensor = tensors[name] = {
                        "ones": lambda: tf.ones((2, 3)),
                        "number": lambda: tf.constant(2.0),
                        "name": lambda given=given: given[0],
                        "copy": lambda given=given: tf.identity(given[0]),
                        "sum": lambda given=given: given[0] + given[1],
                    }[what]()
                place = tensor.device.rpartition("device:")[2]
                places[name] = (place, first.setdefault(id(tensor), name))
        return places

    yield "gpus.placement", "by building it", where

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


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
