"""Right answers to the exercises of *Parameters* that differ from the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import copy

    import torch
    from torch import nn

    def from_table(net):
        from d2lcompute import torch as d2l

        table = d2l.parameter_table(net)
        return [table.trainable, table.non_trainable + table.buffers]

    yield "parameters.count", "counted by the table", from_table

    def layer_by_layer(net):
        groups, seen = ([], []), set()
        for module in net.modules():
            for p in module.parameters(recurse=False):
                if p.requires_grad and p not in seen:
                    groups[p.dim() < 2].append(p)
                    seen.add(p)
        return groups

    yield "parameters.groups", "layer by layer", layer_by_layer

    class AsOneMatrix(nn.Module):
        def __init__(self, layer, rank, alpha):
            super().__init__()
            for p in layer.parameters():
                p.requires_grad = False
            self.inner, self.factor, self.original = layer, alpha / rank, []
            self.A = nn.Parameter(torch.rand(layer.in_features, rank))
            self.B = nn.Parameter(torch.zeros(rank, layer.out_features))

        def change(self):
            return (self.factor * self.A @ self.B).T

        def forward(self, X):
            weight = self.inner.weight
            if not self.original:
                weight = weight + self.change()
            return nn.functional.linear(X, weight, self.inner.bias)

        def merge(self):
            if not self.original:
                self.original.append(copy.deepcopy(self.inner.state_dict()))
                self.inner.weight.data = self.inner.weight.data + self.change().detach()

        def unmerge(self):
            if self.original:
                self.inner.load_state_dict(self.original.pop())

    yield "parameters.lora", "one matrix, from two", AsOneMatrix

    def by_blocks(net, path):
        net.requires_grad_(False)
        part = net
        for name in path:
            part = part._modules[name]
        part.requires_grad_(True)
        sizes = {id(t): t.numel() for t in net.state_dict(keep_vars=True).values()}
        trained = sum(sizes[id(p)] for p in net.parameters() if p.requires_grad)
        return [trained, sum(sizes.values()) - trained]

    yield "parameters.train-only", "everything frozen, then the part not", by_blocks

    def with_table(net, path):
        from d2lcompute import torch as d2l

        net.requires_grad_(False)
        net.get_submodule(".".join(path)).requires_grad_()
        table = d2l.parameter_table(net)
        return table.trainable, table.non_trainable + table.buffers

    yield "parameters.train-only", "counted by the table", with_table

    class Deep:
        def __init__(self, net):
            self.net, self.losses = net, []

        def offer(self, loss):
            if not self.losses or loss < min(self.losses):
                self.state = copy.deepcopy(self.net.state_dict())
            self.losses.append(loss)

        def restore(self):
            self.net.load_state_dict(self.state)

    yield "parameters.best", "a deep copy of state_dict", Deep

    class Whole:
        def __init__(self, net):
            self.net, self.best = net, (float("inf"), None)

        def offer(self, loss):
            if loss < self.best[0]:
                self.best = loss, copy.deepcopy(self.net)

        @torch.no_grad()
        def restore(self):
            for part in (nn.Module.parameters, nn.Module.buffers):
                for mine, kept in zip(part(self.net), part(self.best[1]), strict=True):
                    mine.copy_(kept)

    yield "parameters.best", "a copy of the network", Whole

    def detached(layer, bound):
        weight, bias = layer.weight.detach(), layer.bias.detach()
        vectors = torch.cat([weight, bias[:, None]], dim=1)
        vectors = torch.renorm(vectors, 2, 0, bound)
        weight.copy_(vectors[:, :-1])
        bias.copy_(vectors[:, -1])

    yield "parameters.limit", "detached, with renorm", detached

    def loaded(layer, bound):
        weight, bias = layer.weight.tolist(), layer.bias.tolist()
        for unit, row in enumerate(weight):
            length = sum(w * w for w in [*row, bias[unit]]) ** 0.5
            if length > bound:
                weight[unit] = [w * bound / length for w in row]
                bias[unit] *= bound / length
        layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})

    yield "parameters.limit", "loaded", loaded

    class Matmul(nn.Module):
        def __init__(self, inputs, width):
            super().__init__()
            self.register_parameter("bias", nn.Parameter(torch.zeros(inputs)))
            self.encoder = nn.Linear(inputs, width)

        def forward(self, X):
            W = self.encoder.weight
            return (X @ W.T + self.encoder.bias).tanh() @ W + self.bias

    yield "parameters.tied", "written as a product", Matmul

    class TwoNames(nn.Module):
        def __init__(self, inputs, width):
            super().__init__()
            self.encoder = nn.Linear(inputs, width)
            self.decode = nn.ModuleList([self.encoder])
            self.bias = nn.Parameter(torch.zeros(inputs))

        def forward(self, X):
            (shared,) = self.decode
            return torch.addmm(self.bias, shared(X).tanh(), shared.weight)

    yield "parameters.tied", "the encoder under two names", TwoNames


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    def from_table(net):
        from d2lcompute import tensorflow as d2l

        table = d2l.parameter_table(net)
        return [table.trainable, table.non_trainable]

    yield "parameters.count", "counted by the table", from_table

    def by_kind(net):
        matrices, others = [], []
        for w in net.weights:
            if w.trainable and any(w is one for one in net.trainable_variables):
                (matrices if w.value.shape.rank >= 2 else others).append(w)
        return matrices, others

    yield "parameters.groups", "variable by variable", by_kind

    class AsOneMatrix(keras.Model):
        def __init__(self, layer, rank, alpha):
            super().__init__()
            layer.trainable = False
            self.inner, self.factor, self.original = layer, alpha / rank, None
            inputs, outputs = layer.kernel.shape
            start = np.random.default_rng(0).normal(size=(inputs, rank))
            self.A = keras.Variable(start.astype("float32"))
            self.B = keras.Variable(np.zeros((rank, outputs), "float32"))

        def call(self, X):
            kernel = self.inner.kernel
            if self.original is None:
                kernel = kernel + self.factor * tf.matmul(self.A, self.B)
            return tf.matmul(X, kernel) + self.inner.bias

        def merge(self):
            if self.original is None:
                self.original = tf.identity(self.inner.kernel.value)
                self.inner.kernel.assign(self.original + self.factor * tf.matmul(self.A, self.B))

        def unmerge(self):
            if self.original is not None:
                self.inner.kernel.assign(self.original)
                self.original = None

    yield "parameters.lora", "one matrix, from two", AsOneMatrix

    def by_leaves(net, path):
        part = net
        for name in path:
            part = next(layer for layer in part.layers if layer.name == name)

        def leaves(layer):
            inner = getattr(layer, "layers", None)
            return [layer] if inner is None else [x for one in inner for x in leaves(one)]

        mine = {id(layer) for layer in leaves(part)}
        for layer in leaves(net):
            if id(layer) not in mine:
                layer.trainable = False
        trained = sum(w.numpy().size for w in net.trainable_weights)
        return trained, sum(w.numpy().size for w in net.non_trainable_weights)

    yield "parameters.train-only", "leaf by leaf", by_leaves

    def with_table(net, path):
        from d2lcompute import tensorflow as d2l

        part = net
        for name in path:
            part = part.get_layer(name)
        chosen = part.trainable_variables
        for variable in net.variables:
            variable.trainable = any(variable is one for one in chosen)
        table = d2l.parameter_table(net)
        return [table.trainable, table.non_trainable]

    yield "parameters.train-only", "counted by the table", with_table

    class Variables:
        def __init__(self, net):
            self.net, self.losses, self.values = net, [], None

        def offer(self, loss):
            self.losses.append(loss)
            if loss == min(self.losses):
                self.values = [w.numpy() for w in self.net.weights]

        def restore(self):
            for weight, value in zip(self.net.weights, self.values, strict=True):
                weight.assign(value)

    yield "parameters.best", "variable by variable", Variables

    class ById:
        def __init__(self, net):
            self.weights, self.loss, self.kept = list(net.weights), np.inf, {}

        def offer(self, loss):
            if loss >= self.loss:
                return
            self.loss = loss
            self.kept = {id(w): tf.identity(w.value) for w in self.weights}

        def restore(self):
            for w in self.weights:
                w.value.assign(self.kept[id(w)])

    yield "parameters.best", "by id, and tf.identity", ById

    def with_ops(layer, bound):
        vectors = ops.concatenate([layer.kernel, layer.bias[None]])
        lengths = ops.sqrt(ops.sum(vectors**2, axis=0))
        vectors = vectors * ops.minimum(1.0, bound / lengths)
        layer.kernel.assign(vectors[:-1])
        layer.bias.assign(vectors[-1])

    yield "parameters.limit", "with keras.ops", with_ops

    def set_all(layer, bound):
        kernel = layer.kernel.numpy()
        bias = layer.bias.numpy()
        for unit in range(kernel.shape[1]):
            length = np.linalg.norm([*kernel[:, unit], bias[unit]])
            if length > bound:
                kernel[:, unit] *= bound / length
                bias[unit] *= bound / length
        layer.set_weights([kernel, bias])

    yield "parameters.limit", "with set_weights", set_all

    class Built(keras.Layer):
        def __init__(self, inputs, width):
            super().__init__()
            self.encoder = layers.Dense(width)
            self.encoder.build((None, inputs))
            self.bias = keras.Variable(np.zeros(inputs, "float32"))

        def call(self, X):
            H = tf.tanh(self.encoder(X))
            return tf.matmul(H, self.encoder.kernel, transpose_b=True) + self.bias

    yield "parameters.tied", "a Layer, built by hand", Built

    class Decoder(keras.Layer):
        def __init__(self, source, inputs):
            super().__init__()
            self.source = source
            self.shift = self.add_weight(shape=(inputs,), initializer="zeros")

        def call(self, H):
            return ops.dot(H, ops.transpose(self.source.kernel)) + self.shift

    class Two(keras.Model):
        def __init__(self, inputs, width):
            super().__init__()
            self.encoder = layers.Dense(width, activation="tanh")
            self.decoder = Decoder(self.encoder, inputs)

        @property
        def bias(self):
            return self.decoder.shift

        def call(self, X):
            return self.decoder(self.encoder(X))

    yield "parameters.tied", "a layer that borrows", Two


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
