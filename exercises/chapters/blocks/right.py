"""Right answers to the exercises of *Layers and blocks* that differ from the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator

Right = tuple[str, str, type]


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    from collections import OrderedDict

    import torch
    from torch import nn

    class Attributes(nn.Module):
        def __init__(self, *blocks):
            super().__init__()
            if len(blocks) == 1 and isinstance(blocks[0], OrderedDict):
                self.names = list(blocks[0])
                blocks = blocks[0].values()
            else:
                self.names = [str(i) for i in range(len(blocks))]
            for name, block in zip(self.names, blocks, strict=True):
                setattr(self, name, block)

        def __len__(self):
            return len(self.names)

        def __getitem__(self, index):
            if isinstance(index, slice):
                return Attributes(*[getattr(self, name) for name in self.names[index]])
            return getattr(self, self.names[index])

        def forward(self, X):
            for i in range(len(self)):
                X = self[i](X)
            return X

    yield "blocks.sequential", "names as attributes", Attributes

    class ModuleList(nn.ModuleList):
        def __init__(self, *blocks):
            named = len(blocks) == 1 and isinstance(blocks[0], dict)
            super().__init__([] if named else blocks)
            for name, block in blocks[0].items() if named else ():
                self.add_module(name, block)

        def __getitem__(self, index):
            blocks = list(self._modules.values())[index]
            return ModuleList(*blocks) if isinstance(index, slice) else blocks

        def forward(self, X):
            for block in self:
                X = block(X)
            return X

    yield "blocks.sequential", "an nn.ModuleList", ModuleList

    class WithModules(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.relu = nn.ReLU()
            self.second = nn.Linear(outputs, outputs)
            self.first = nn.Linear(inputs, outputs)
            if inputs != outputs:
                self.projection = nn.Linear(inputs, outputs, bias=False)
            else:
                self.projection = nn.Identity()

        def forward(self, X):
            Y = self.relu(self.first(X))
            Y = self.second(Y)
            Y += self.projection(X)
            return Y

    yield "blocks.residual", "an Identity, and += on a new tensor", WithModules

    class Stacked(nn.Module):
        def __init__(self, make, n, merge):
            super().__init__()
            if merge not in {"sum", "concat"}:
                raise ValueError(f"unknown merge: {merge}")
            for i in range(n):
                self.add_module(f"branch{i}", make())
            self.merge = merge

        def forward(self, X):
            outputs = [branch(X) for branch in self.children()]
            if self.merge == "concat":
                return torch.concatenate(outputs, axis=X.ndim - 1)
            return torch.stack(outputs).sum(0)

    yield "blocks.parallel", "stacked, and summed", Stacked

    class Hooked(nn.Module):
        def __init__(self, block):
            super().__init__()
            self.block, self.shapes = block, []
            block.register_forward_hook(lambda _, __, Y: self.shapes.append(Y.shape))

        @property
        def calls(self):
            return len(self.shapes)

        def forward(self, X):
            return self.block(X)

    yield "blocks.calls", "with a hook", Hooked

    class Buffer(nn.Module):
        def __init__(self, block):
            super().__init__()
            self.block, self.shapes = block, []
            self.register_buffer("calls", torch.tensor(0))

        def forward(self, X):
            Y = self.block(X)
            self.calls += 1
            self.shapes.append(list(Y.size()))
            return Y

    yield "blocks.calls", "the count as a buffer", Buffer

    class InSequential(nn.Module):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__()
            self.head = nn.Linear(width, outputs)
            self.register_parameter("scale", nn.Parameter(torch.ones(1, width)[0]))
            self.hidden = nn.Sequential(nn.Linear(inputs, width))
            for _ in range(depth - 1):
                self.hidden.append(nn.Linear(width, width))

        def forward(self, X):
            for layer in self.hidden:
                X = torch.clamp(layer(X), min=0)
            return self.head(torch.mul(X, self.scale))

    yield "blocks.lost-layer", "in another order", InSequential


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import tensorflow as tf
    from keras import layers, ops

    class AsLayer(keras.Layer):
        def __init__(self, blocks=(), name=None):
            super().__init__(name=name)
            self.parts = tuple(blocks)

        def call(self, X):
            for block in self.parts:
                X = block(X)
            return X

        def __len__(self):
            return len(self.parts)

        def __getitem__(self, index):
            part = self.parts[index]
            return AsLayer(part) if isinstance(index, slice) else part

    yield "blocks.sequential", "a Layer and a tuple", AsLayer

    class Activated(keras.Model):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.first = layers.Dense(outputs, activation="relu")
            self.second = layers.Dense(outputs)
            self.differ = inputs != outputs
            if self.differ:
                self.projection = layers.Dense(outputs, use_bias=False)

        def call(self, X):
            Y = self.second(self.first(X))
            return layers.add([Y, self.projection(X) if self.differ else X])

    yield "blocks.residual", "a Model with an activation in Dense", Activated

    class Built(keras.Layer):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.first, self.second = layers.Dense(outputs), layers.Dense(outputs)
            self.projection = None
            if inputs != outputs:
                self.projection = layers.Dense(outputs, use_bias=False)

        def build(self, shape):
            self.first.build(shape)
            self.second.build((*shape[:-1], self.first.units))
            if self.projection is not None:
                self.projection.build(shape)

        def call(self, X):
            shortcut = X if self.projection is None else self.projection(X)
            return tf.add(self.second(tf.nn.relu(self.first(X))), shortcut)

    yield "blocks.residual", "with a build", Built

    class Merging(keras.Model):
        def __init__(self, make, n, merge):
            super().__init__()
            kinds = {"sum": tf.add_n, "concat": lambda parts: tf.concat(parts, -1)}
            if merge not in kinds:
                raise ValueError(f"{merge} is unknown")
            self.branches = {str(i): make() for i in range(n)}
            self.merge = kinds[merge]

        def call(self, X):
            return self.merge([branch(X) for branch in self.branches.values()])

    yield "blocks.parallel", "a dictionary, and functions of TensorFlow", Merging

    class InCall(keras.Layer):
        def __init__(self, block):
            super().__init__()
            self.block, self.calls, self.shapes = block, 0, []

        def __call__(self, X):
            Y = super().__call__(X)
            self.calls += 1
            self.shapes.append(tuple(Y.shape))
            return Y

        def call(self, X):
            return self.block(X)

    yield "blocks.calls", "counted in __call__", InCall

    class NotSymbolic(keras.Layer):
        def __init__(self, block):
            super().__init__()
            self.block, self.calls, self.shapes = block, 0, []

        def call(self, X):
            Y = self.block(X)
            if not isinstance(X, keras.KerasTensor) and tf.executing_eagerly():
                self.calls += 1
                self.shapes.append(Y.shape)
            return Y

    yield "blocks.calls", "placeholders left out", NotSymbolic

    class Variable(keras.Model):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__()
            self.head = layers.Dense(outputs)
            self.scale = keras.Variable(ops.ones(width))
            self.hidden = [layers.Dense(width, activation="relu") for _ in range(depth)]

        def call(self, X):
            for layer in self.hidden:
                X = layer(X)
            return self.head(ops.multiply(X, self.scale))

    yield "blocks.lost-layer", "a keras.Variable", Variable


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
