"""Right answers to the exercises of *Layers and blocks* that differ from the worked solutions."""

from __future__ import annotations

import collections
import copy
import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


def _counts() -> Iterator[Right]:
    """Right answers to *Count without building*, which are the same in each framework."""

    def listed(inputs, width, hidden, blocks, outputs):
        block = [(width, hidden), (hidden, width)]
        return sum((m + 1) * n for m, n in [(inputs, width), *(block * blocks), (width, outputs)])

    yield "blocks.count", "a list of all matrices", listed

    def vectors(inputs, width, hidden, blocks, outputs):
        rows = np.array([inputs, width, hidden, width]) + 1
        columns = np.array([width, hidden, width, outputs])
        return (rows * columns) @ np.array([1, blocks, blocks, 1])

    yield "blocks.count", "an integer of NumPy", vectors

    def accumulated(**sizes):
        inputs, width, hidden = sizes["inputs"], sizes["width"], sizes["hidden"]
        weights = inputs * width + width * sizes["outputs"] + 2 * sizes["blocks"] * width * hidden
        return weights + width + sizes["outputs"] + sizes["blocks"] * (width + hidden)

    def parameters(inputs, width, hidden, blocks, outputs):
        return accumulated(**locals())

    yield "blocks.count", "weights, then biases", parameters

    class Counter:
        def __call__(self, inputs, width, hidden, blocks, outputs):
            return listed(inputs, width, hidden, blocks, outputs)

    yield "blocks.count", "an object that is called", Counter()


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    yield from _counts()

    def on_meta(inputs, width, hidden, blocks, outputs):
        def layers():
            yield nn.Linear(inputs, width)
            for _ in range(blocks):
                yield from (nn.Linear(width, hidden), nn.Linear(hidden, width))
            yield nn.Linear(width, outputs)

        with torch.device("meta"):
            return sum(p.numel() for layer in layers() for p in layer.parameters())

    yield "blocks.count", "layers without memory, on the meta device", on_meta

    class WithModules(nn.Module):
        def __init__(self, inputs, hidden, outputs):
            super().__init__()
            self.relu = nn.ReLU()
            self.down = nn.Linear(hidden, outputs)
            self.up = nn.Linear(inputs, hidden)
            if inputs != outputs:
                self.projection = nn.Linear(inputs, outputs, bias=False)
            else:
                self.projection = nn.Identity()

        def forward(self, X):
            Y = self.relu(self.up(X))
            Y = self.down(Y)
            Y += self.projection(X)
            return Y

    yield "blocks.residual", "an Identity, and += on a new tensor", WithModules

    class OfTheChapter(nn.Module):
        def __init__(self, width, hidden):
            super().__init__()
            self.up = nn.Linear(width, hidden)
            self.down = nn.Linear(hidden, width)

        def change(self, X):
            return self.down(F.relu(self.up(X)))

        def forward(self, X):
            return X + self.change(X)

    class Wider(OfTheChapter):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden)
            self.same = inputs == outputs
            if not self.same:
                self.down = nn.Linear(hidden, outputs)
                self.projection = nn.Linear(inputs, outputs, bias=False)

        def forward(self, X):
            return super().forward(X) if self.same else self.change(X) + self.projection(X)

    yield "blocks.residual", "derived from the chapter's block", Wider

    class Branches(nn.ModuleDict):
        def __init__(self, inputs, hidden, outputs):
            super().__init__({"up": nn.Linear(inputs, hidden), "down": nn.Linear(hidden, outputs)})
            if inputs != outputs:
                self["projection"] = nn.Linear(inputs, outputs, bias=False)

        def forward(self, X):
            hidden = self["up"](X).clamp(min=0)
            shortcut = self["projection"](X) if "projection" in self else X
            return torch.stack([self["down"](hidden), shortcut]).sum(0)

    yield "blocks.residual", "an nn.ModuleDict", Branches

    class Attributes(nn.Module):
        def __init__(self, *blocks):
            super().__init__()
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
            super().__init__(blocks)

        def __getitem__(self, index):
            blocks = list(self._modules.values())[index]
            return ModuleList(*blocks) if isinstance(index, slice) else blocks

        def forward(self, X):
            for block in self:
                X = block(X)
            return X

    yield "blocks.sequential", "an nn.ModuleList", ModuleList

    class Reduced(nn.Module):
        def __init__(self, *blocks):
            super().__init__()
            self.order = blocks  # a tuple, which registers nothing
            for place, block in enumerate(blocks):
                self.register_module(f"{place}", block)

        def __len__(self):
            return len(self.order)

        def __getitem__(self, index):
            found = self.order[index]
            return Reduced(*found) if isinstance(found, tuple) else found

        def forward(self, X):
            return functools.reduce(lambda Y, block: block(Y), self.order, X)

    yield "blocks.sequential", "a tuple beside the registered blocks", Reduced

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

    class LazyHead(nn.Module):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__()
            self.hidden = nn.ModuleList([nn.Linear(inputs, width)])
            self.hidden.extend(nn.LazyLinear(width) for _ in range(depth - 1))
            self.scale = nn.Parameter(torch.full((width,), 1.0))
            self.head = nn.LazyLinear(outputs)

        def forward(self, X):
            for layer in self.hidden:
                X = layer(X).relu()
            return self.head(torch.einsum("nw,w->nw", X, self.scale))

    yield "blocks.lost-layer", "lazy layers, and einsum", LazyHead

    class Numbered(nn.Module):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__()
            self.depth, self.scale = depth, nn.Parameter(torch.ones(width))
            for i in range(depth):
                setattr(self, f"hidden{i}", nn.Linear(width if i else inputs, width))
            self.head = nn.Linear(width, outputs)

        @property
        def hidden(self):
            return [getattr(self, f"hidden{i}") for i in range(self.depth)]

        def forward(self, X):
            for layer in self.hidden:
                X = F.relu(layer(X))
            return F.linear(X, self.head.weight * self.scale, self.head.bias)

    yield "blocks.lost-layer", "a property, and the scale in the head's matrix", Numbered

    class Einsum(nn.Module):
        def __init__(self, gate, experts):
            super().__init__()
            self.router = nn.Sequential(gate, nn.Softmax(dim=-1))
            self.experts = nn.Sequential(*experts)

        def forward(self, X):
            outputs = torch.stack([expert(X) for expert in self.experts])
            return torch.einsum("...e,e...o->...o", self.router(X), outputs)

    yield "blocks.parallel", "einsum, and an nn.Sequential as a list", Einsum

    class Looped(nn.ModuleList):
        def __init__(self, gate, experts):
            super().__init__([*experts, gate])

        def forward(self, X):
            *experts, gate = self
            shares = torch.exp(F.log_softmax(gate(X), -1))
            Y = 0
            for n, expert in enumerate(experts):
                Y = Y + shares[..., n : n + 1] * expert(X)
            return Y

    yield "blocks.parallel", "a sum in a loop, in an nn.ModuleList", Looped

    class Named(nn.Module):
        def __init__(self, gate, experts):
            super().__init__()
            self.count = len(experts)
            for n, expert in enumerate(experts):
                self.add_module(f"expert{n}", expert)
            self.gate = gate

        def forward(self, X):
            scores = self.gate(X).exp()
            shares = (scores / scores.sum(-1, keepdim=True)).split(1, dim=-1)
            experts = (getattr(self, f"expert{n}") for n in range(self.count))
            return sum(share * expert(X) for share, expert in zip(shares, experts, strict=True))

    yield "blocks.parallel", "attributes, and the softmax by hand", Named

    def of_a_copy(net, names, X):
        net, found = copy.deepcopy(net), {}
        for name, module in net.named_modules():
            if name in names:
                module.register_forward_hook(
                    lambda _, __, output, name=name: found.update({name: output.tolist()})
                )
        with torch.no_grad():
            net(X)
        return {name: torch.tensor(values) for name, values in found.items()}

    yield "blocks.features", "hooks on a copy of the network", of_a_copy

    def wrapped(net, names, X):
        modules, found = dict(net.named_modules()), {}

        def wrap(name):
            forward = modules[name].forward

            def recording(*inputs):
                output = forward(*inputs)
                found[name] = output.clone()
                return output

            modules[name].forward = recording

        try:
            for name in names:
                wrap(name)
            net(X)
        finally:
            for name in names:
                del modules[name].forward
        return collections.UserDict(found)

    yield "blocks.features", "forward wrapped for one call", wrapped

    def everywhere(net, names, X):
        called = {module: name for name, module in net.named_modules()}
        found = {}

        def hook(module, inputs, output):
            if called.get(module) in names:
                found[called[module]] = output.detach().numpy().copy()

        handle = nn.modules.module.register_module_forward_hook(hook)
        try:
            net(X)
        finally:
            handle.remove()
        return {name: found[name] for name in names}

    yield "blocks.features", "one hook for all modules, and NumPy", everywhere

    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.out_proj = nn.Linear(width, width)
            self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
            self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) / width)
            self.heads = heads

        def forward(self, Z, causal):
            weight = self.in_proj_weight.unflatten(0, (3, self.heads, -1))
            bias = self.in_proj_bias.unflatten(0, (3, 1, self.heads, 1, -1))
            QKV = torch.einsum("nsw,phdw->pnhsd", Z, weight) + bias.squeeze(1)[:, None]
            mixed = F.scaled_dot_product_attention(*QKV, is_causal=causal)
            return self.out_proj(mixed.transpose(1, 2).flatten(2))

    class Fused(nn.Module):
        def __init__(self, width, heads, hidden):
            super().__init__()
            self.norm2, self.norm1 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.linear2, self.linear1 = nn.Linear(hidden, width), nn.Linear(width, hidden)
            self.self_attn = Attention(width, heads)

        def forward(self, X, causal=False):
            X = self.self_attn(self.norm1(X), causal) + X
            return self.linear2(self.linear1(self.norm2(X)).relu()) + X

    yield "blocks.transformer", "einsum and fused attention, in another order", Fused

    class OtherNames(nn.Module):
        def __init__(self, width, heads, hidden):
            super().__init__()
            self.heads, self.size = heads, width // heads
            self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
            self.before = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
            self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))

        def load_state_dict(self, state, strict=True, assign=False):
            mine = {}
            for kind in ("weight", "bias"):
                parts = state[f"self_attn.in_proj_{kind}"].chunk(3)
                for name, part in zip(("query", "key", "value"), parts, strict=True):
                    mine[f"{name}.{kind}"] = part
                for theirs, ours in {
                    "self_attn.out_proj": "out", "linear1": "mlp.0", "linear2": "mlp.2",
                    "norm1": "before.0", "norm2": "before.1",
                }.items():  # fmt: skip
                    mine[f"{ours}.{kind}"] = state[f"{theirs}.{kind}"]
            return super().load_state_dict(mine, strict, assign)

        def attend(self, Z, causal):
            mixed = []
            for head in range(self.heads):
                own = slice(head * self.size, (head + 1) * self.size)
                Q, K, V = (part(Z)[..., own] for part in (self.query, self.key, self.value))
                scores = torch.bmm(Q, K.mT) * self.size**-0.5
                if causal:
                    past = torch.ones_like(scores).tril()
                    scores = torch.where(past == 1, scores, torch.finfo(scores.dtype).min)
                mixed.append(scores.softmax(-1) @ V)
            return self.out(torch.cat(mixed, -1))

        def forward(self, X, causal=False):
            X = X + self.attend(self.before[0](X), causal)
            return X + self.mlp(self.before[1](X))

    yield "blocks.transformer", "other names, and a loop over the heads", OtherNames

    class Norm(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))
            self.bias = nn.Parameter(torch.zeros(width))

        def forward(self, X):
            centred = X - X.mean(-1, keepdim=True)
            variance = centred.square().mean(-1, keepdim=True)
            return centred * torch.rsqrt(variance + 1e-5) * self.weight + self.bias

    class FromScratch(nn.Module):
        def __init__(self, width, heads, hidden):
            super().__init__()
            self.norm1, self.norm2 = Norm(width), Norm(width)
            self.self_attn = nn.Module()
            self.self_attn.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
            self.self_attn.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
            self.self_attn.out_proj = nn.Linear(width, width)
            self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
            self.heads = heads

        def forward(self, X, causal=False):
            n, steps, width = X.shape
            attention = self.self_attn
            QKV = self.norm1(X) @ attention.in_proj_weight.T + attention.in_proj_bias
            Q, K, V = QKV.reshape(n, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            scores = torch.matmul(Q, K.transpose(2, 3)) / math.sqrt(width / self.heads)
            if causal:
                scores = scores + torch.full((steps, steps), -math.inf).triu(1)
            scores = (scores - scores.amax(-1, keepdim=True)).exp()
            mixed = torch.einsum("nhqk,nkhd->nqhd", scores, V.transpose(1, 2))
            mixed = mixed / scores.sum(-1).transpose(1, 2).unsqueeze(-1)
            X = X + attention.out_proj(mixed.flatten(2))
            return X + self.linear2(torch.relu(self.linear1(self.norm2(X))))

    yield "blocks.transformer", "norm and softmax by hand, one class", FromScratch


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import tensorflow as tf
    from keras import layers, ops

    yield from _counts()

    class Activated(keras.Model):
        def __init__(self, inputs, hidden, outputs):
            super().__init__()
            self.up = layers.Dense(hidden)
            self.relu = layers.ReLU()
            self.down = layers.Dense(outputs)
            self.differ = inputs != outputs
            if self.differ:
                self.projection = layers.Dense(outputs, use_bias=False)

        def call(self, X):
            Y = self.down(self.relu(self.up(X)))
            return layers.add([Y, self.projection(X) if self.differ else X])

    yield "blocks.residual", "a Model with an activation as a layer", Activated

    class Built(keras.Layer):
        def __init__(self, inputs, hidden, outputs):
            super().__init__()
            self.up, self.down = layers.Dense(hidden), layers.Dense(outputs)
            self.projection = None
            if inputs != outputs:
                self.projection = layers.Dense(outputs, use_bias=False)

        def build(self, shape):
            self.up.build(shape)
            self.down.build((*shape[:-1], self.up.units))
            if self.projection is not None:
                self.projection.build(shape)

        def call(self, X):
            shortcut = X if self.projection is None else self.projection(X)
            return tf.add(self.down(tf.nn.relu(self.up(X))), shortcut)

    yield "blocks.residual", "with a build", Built

    class OfTheChapter(keras.Layer):
        def __init__(self, width, hidden, **kwargs):
            super().__init__(**kwargs)
            self.up = layers.Dense(hidden, activation="relu", name="up")
            self.down = layers.Dense(width, name="down")

        def call(self, X):
            return X + self.down(self.up(X))

    class Wider(OfTheChapter):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(outputs, hidden)
            self.projection = layers.Identity()
            if inputs != outputs:
                self.projection = layers.Dense(outputs, use_bias=False)

        def call(self, X):
            return ops.add(self.projection(X), self.down(self.up(X)))

    yield "blocks.residual", "derived from the chapter's block, with an Identity", Wider

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

    class ByNumber(keras.Model):
        def __init__(self, blocks, **kwargs):
            super().__init__(**kwargs)
            self.by_number = {str(n): block for n, block in enumerate(blocks)}

        def call(self, X):
            return functools.reduce(lambda Y, block: block(Y), self.by_number.values(), X)

        def __len__(self):
            return len(self.by_number)

        def __getitem__(self, index):
            numbers = range(len(self))[index]
            if isinstance(numbers, range):
                return ByNumber([self.by_number[str(n)] for n in numbers])
            return self.by_number[str(numbers)]

    yield "blocks.sequential", "a dictionary of numbers", ByNumber

    class Linked(keras.Model):
        def __init__(self, blocks, **kwargs):
            super().__init__(**kwargs)
            self.first, self.size = blocks[0] if blocks else None, len(blocks)
            self.rest = Linked(blocks[1:]) if blocks else None

        def call(self, X):
            return self.rest(self.first(X)) if self.size else X

        def __len__(self):
            return self.size

        def __getitem__(self, index):
            blocks, node = [], self
            while node.size:
                blocks.append(node.first)
                node = node.rest
            found = blocks[index]
            return Linked(found) if isinstance(found, list) else found

    yield "blocks.sequential", "a first block and the rest", Linked

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

    class InBuild(keras.Layer):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__()
            self.hidden = tuple(layers.Dense(width) for _ in range(depth))
            self.head = layers.Dense(outputs)
            self.sizes = inputs, width

        def build(self, shape):
            inputs, width = self.sizes
            self.scale = self.add_weight(shape=(width,), initializer="ones")
            for number, layer in enumerate(self.hidden):
                layer.build((None, width if number else inputs))
            self.head.build((None, width))

        def call(self, X):
            for layer in self.hidden:
                X = tf.nn.relu(layer(X))
            return self.head(tf.einsum("nw,w->nw", X, self.scale))

    yield "blocks.lost-layer", "weights in build, and einsum", InBuild

    class Numbered(keras.Model):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__()
            for number in range(depth):
                setattr(self, f"hidden{number}", layers.Dense(width))
            self.depth, self.head = depth, layers.Dense(outputs)
            self.scale = self.add_weight(shape=(width,), initializer=keras.initializers.Ones())

        @property
        def hidden(self):
            return [getattr(self, f"hidden{number}") for number in range(self.depth)]

        def call(self, X):
            for layer in self.hidden:
                X = layers.ReLU()(layer(X))
            return self.head(X * self.scale)

    yield "blocks.lost-layer", "a property, and activations made in call", Numbered

    class Einsum(keras.Model):
        def __init__(self, gate, experts):
            super().__init__()
            self.experts = {f"expert{n}": expert for n, expert in enumerate(experts)}
            self.gate = gate

        def call(self, X):
            outputs = tf.stack([expert(X) for expert in self.experts.values()])
            shares = tf.nn.softmax(self.gate(X))
            return tf.einsum("...e,e...o->...o", shares, outputs)

    yield "blocks.parallel", "a dictionary, and functions of TensorFlow", Einsum

    class Looped(keras.Layer):
        def __init__(self, gate, experts):
            super().__init__()
            self.router = keras.Sequential([gate, layers.Softmax()])
            self.parts = tuple(experts)

        def call(self, X):
            shares, Y = self.router(X), 0.0
            for n, expert in enumerate(self.parts):
                Y += shares[..., n : n + 1] * expert(X)
            return Y

    yield "blocks.parallel", "a tuple, and a sum in a loop", Looped

    class Attributes(keras.Layer):
        def __init__(self, gate, experts):
            super().__init__()
            for n, expert in enumerate(experts):
                setattr(self, f"expert{n}", expert)
            self.count, self.gate = len(experts), gate

        def call(self, X):
            scores = ops.exp(self.gate(X))
            shares = scores / ops.sum(scores, axis=-1, keepdims=True)
            experts = [getattr(self, f"expert{n}") for n in range(self.count)]
            outputs = ops.stack([expert(X) for expert in experts], axis=-2)
            return ops.squeeze(ops.matmul(shares[..., None, :], outputs), -2)

    yield "blocks.parallel", "attributes, a matrix product, the softmax by hand", Attributes

    def predicted(net, names, X):
        probe = keras.Model(net.inputs, [net.get_layer(name).output for name in names])
        return dict(zip(names, probe.predict(X, verbose=0), strict=True))

    yield "blocks.features", "predict, and a list of outputs", predicted

    def by_function(net, names, X):
        symbolic = {layer.name: layer.output for layer in net.layers}
        outputs = keras.Function(net.inputs, [symbolic[name] for name in names])([X])
        return {name: output.numpy() for name, output in zip(names, outputs, strict=True)}

    yield "blocks.features", "a keras.Function", by_function

    def every_layer(net, names, X):
        known = [layer for layer in net.layers if not isinstance(layer, layers.InputLayer)]
        probe = keras.Model(net.inputs[0], [layer.output for layer in known])
        outputs = {layer.name: Y for layer, Y in zip(known, probe(X), strict=True)}
        return {name: outputs[name] for name in reversed(names)}

    yield "blocks.features", "all layers, and then those named", every_layer

    def of_a_clone(net, names, X):
        clone = keras.models.clone_model(net)
        clone.set_weights(net.get_weights())
        return keras.Model(clone.inputs, {n: clone.get_layer(n).output for n in names})(X)

    yield "blocks.features", "a clone with the same weights", of_a_clone

    class Einsums(keras.Layer):
        def __init__(self, width, heads):
            super().__init__()
            shape, self.size = (width, heads, width // heads), width // heads
            self.projections = [
                [self.add_weight(shape=shape), self.add_weight(shape=shape[1:])] for _ in range(3)
            ]
            self.back = self.add_weight(shape=(*shape[1:], width))
            self.bias = self.add_weight(shape=(width,))

        def call(self, Z, causal=False):
            Q, K, V = (tf.einsum("nsw,whd->nhsd", Z, w) + b[:, None] for w, b in self.projections)
            scores = tf.matmul(Q, K, transpose_b=True) * self.size**-0.5
            if causal:
                scores += tf.linalg.band_part(tf.ones_like(scores), -1, 0) * 1e9 - 1e9
            mixed = tf.nn.softmax(scores) @ V
            return tf.einsum("nhsd,hdw->nsw", mixed, self.back) + self.bias

    class FunctionsOfTensorFlow(keras.Model):
        def __init__(self, width, heads, hidden):
            super().__init__()
            self.down, self.up = layers.Dense(width), layers.Dense(hidden)
            self.norm2, self.norm1 = layers.LayerNormalization(), layers.LayerNormalization()
            self.attention = Einsums(width, heads)

        def call(self, X, causal=False):
            X += self.attention(self.norm1(X), causal=causal)
            return X + self.down(tf.nn.relu(self.up(self.norm2(X))))

    yield "blocks.transformer", "functions of TensorFlow, in another order", FunctionsOfTensorFlow

    class Fused(keras.Layer):
        def __init__(self, width, heads):
            super().__init__()
            split = (None, heads, width // heads)
            self.parts = [
                layers.EinsumDense("abc,cde->abde", split, bias_axes="de") for _ in range(3)
            ]
            self.joined = layers.EinsumDense("abde,dec->abc", (None, width), bias_axes="c")

        def call(self, Z, causal=False):
            Q, K, V = (part(Z) for part in self.parts)
            return self.joined(ops.dot_product_attention(Q, K, V, is_causal=causal))

    class Subclassed(keras.Layer):
        def __init__(self, width, heads, hidden, **kwargs):
            super().__init__(**kwargs)
            self.norm1 = layers.LayerNormalization(epsilon=0.001)
            self.norm2 = layers.LayerNormalization(axis=-1)
            self.attention = Fused(width, heads)
            self.up = layers.EinsumDense("abc,cd->abd", (None, hidden), "relu", "d")
            self.down = layers.EinsumDense("abc,cd->abd", (None, width), bias_axes="d")

        def call(self, X, causal=False):
            Z = layers.add([X, self.attention(self.norm1(X), causal=causal)])
            return layers.add([Z, self.down(self.up(self.norm2(Z)))])

    yield "blocks.transformer", "fused attention, and EinsumDense everywhere", Subclassed

    class Norm(keras.Layer):
        def build(self, shape):
            self.gamma = self.add_weight(shape=shape[-1:], initializer="ones")
            self.beta = self.add_weight(shape=shape[-1:], initializer="zeros")

        def call(self, X):
            mean, variance = ops.moments(X, axes=-1, keepdims=True)
            return (X - mean) / ops.sqrt(variance + 1e-3) * self.gamma + self.beta

    class OneByOne(keras.Layer):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.size = heads, width // heads
            for name in ("query", "key", "value"):
                shape = (width, heads, self.size)
                setattr(self, f"{name}_kernel", self.add_weight(shape=shape))
                setattr(self, f"{name}_bias", self.add_weight(shape=shape[1:]))
            self.output_kernel = self.add_weight(shape=(heads, self.size, width))
            self.output_bias = self.add_weight(shape=(width,))

        def projected(self, Z, name, head):
            kernel, bias = getattr(self, f"{name}_kernel"), getattr(self, f"{name}_bias")
            return ops.matmul(Z, kernel[:, head]) + bias[head]

        def call(self, Z, causal=False):
            Y = self.output_bias
            for head in range(self.heads):
                Q, K, V = (self.projected(Z, name, head) for name in ("query", "key", "value"))
                scores = ops.matmul(Q, ops.transpose(K, (0, 2, 1))) / np.sqrt(self.size)
                scores = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
                if causal:
                    scores = scores * ops.tril(ops.ones_like(scores))
                shares = scores / ops.sum(scores, axis=-1, keepdims=True)
                Y = Y + ops.matmul(ops.matmul(shares, V), self.output_kernel[head])
            return Y

    class FromScratch(keras.Layer):
        def __init__(self, width, heads, hidden):
            super().__init__()
            self.attention = OneByOne(width, heads)
            self.norm1, self.norm2 = Norm(), Norm()
            self.up, self.down = layers.Dense(hidden, "relu"), layers.Dense(width)

        def call(self, X, causal=False):
            X = X + self.attention(self.norm1(X), causal=causal)
            return X + self.down(self.up(self.norm2(X)))

    yield "blocks.transformer", "a loop over the heads, norm and softmax by hand", FromScratch

    class Matrices(keras.Layer):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.parts = heads, [layers.Dense(width) for _ in range(4)]

        def set_weights(self, weights):
            width = weights[-1].size
            shapes = [(width, width), (width,)] * 4
            pairs = zip(weights, shapes, strict=True)
            super().set_weights([weight.reshape(shape) for weight, shape in pairs])

        def call(self, Z, causal=False):
            shape = (-1, Z.shape[1], self.heads, Z.shape[2] // self.heads)
            Q, K, V = (ops.reshape(part(Z), shape) for part in self.parts[:3])
            mixed = ops.dot_product_attention(Q, K, V, is_causal=causal)
            return self.parts[3](ops.reshape(mixed, (-1, *Z.shape[1:])))

    class OfMatrices(FromScratch):
        def __init__(self, width, heads, hidden):
            keras.Layer.__init__(self)
            self.attention = Matrices(width, heads)
            self.norm1, self.norm2 = Norm(), Norm()
            self.up, self.down = layers.Dense(hidden, "relu"), layers.Dense(width)

    yield "blocks.transformer", "matrices, and a set_weights of its own", OfMatrices


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
