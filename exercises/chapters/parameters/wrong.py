"""Plausible wrong answers to the exercises of *Parameters*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

TRAINS, STATISTICS, SHARED, NUMBERS = (
    "the part trains, and nothing else",
    "statistics stay statistics",
    "a layer that the part shares",
    "the two numbers",
)
BACK, STORED, TIES, AGAIN, SAME = (
    "the best comes back",
    "with the statistics",
    "a network with a tie",
    "restored again and again",
    "into the same arrays",
)
LONG, OTHERS, GRADIENTS = (
    "long units are cut to the bound",
    "the others stay as they are",
    "no gradient is falsified",
)
OUTPUT, ARRAYS, BOTH, LASTS = (
    "the output",
    "three arrays",
    "the gradient of both uses",
    "a tie that lasts",
)

NUMBERS_BOTH, ONCE, MATRICES, VECTORS = (
    "both numbers",
    "a shared layer once",
    "the matrices",
    "the others",
)
START, ADAPTED, ONLY, SLOPES, MERGED, TWICE, UNMERGED = (
    "it starts as the layer",
    "the output",
    "only A and B train",
    "the gradients of A and B",
    "merged",
    "merged twice",
    "unmerged in every bit",
)


def _adapters(LoRA: Any) -> Iterator[Wrong]:
    """Wrong answers to the question about LoRA, which are the same in each framework."""

    class NoFactor(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            self.scale = 1.0

    wrong_output = {ADAPTED, SLOPES, MERGED, TWICE, UNMERGED}
    yield "parameters.lora", "no factor", NoFactor, wrong_output

    class MergesAgain(LoRA):
        def merge(self):
            kept, self.kept = self.kept, None
            super().merge()
            self.kept = self.kept if kept is None else kept

    yield "parameters.lora", "merges again", MergesAgain, {TWICE}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    train_only, Best = solution["train_only"], solution["Best"]
    Tied = solution["TiedAutoencoder"]

    sizes, groups, LoRA = solution["sizes"], solution["groups"], solution["LoRA"]

    def entries(net):
        trained, _ = sizes(net)
        return trained, sum(t.numel() for t in net.state_dict().values()) - trained

    yield "parameters.count", "entries of state_dict", entries, {ONCE}

    def no_buffers(net):
        trained, _ = sizes(net)
        return trained, sum(p.numel() for p in net.parameters()) - trained

    yield "parameters.count", "buffers forgotten", no_buffers, {NUMBERS_BOTH, ONCE}

    def tensors(net):
        trained = [p for p in net.parameters() if p.requires_grad]
        return len(trained), len(net.state_dict()) - len(trained)

    yield "parameters.count", "tensors, not values", tensors, {NUMBERS_BOTH, ONCE}

    def frozen_too(net):
        return groups(net.requires_grad_(True))

    yield "parameters.groups", "frozen ones too", frozen_too, {MATRICES, VECTORS, ONCE}

    def by_name(net):
        named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
        first = [p for n, p in named if n.endswith("weight")]
        return first, [p for n, p in named if not n.endswith("weight")]

    yield "parameters.groups", "by name", by_name, {MATRICES, VECTORS, ONCE}

    def each_place(net):
        named = net.named_parameters(remove_duplicate=False)
        trained = [p for _, p in named if p.requires_grad]
        return [p for p in trained if p.dim() > 1], [p for p in trained if p.dim() < 2]

    yield "parameters.groups", "at each place", each_place, {ONCE}

    def two_axes(net):
        trained = [p for p in net.parameters() if p.requires_grad]
        return [p for p in trained if p.dim() == 2], [p for p in trained if p.dim() != 2]

    yield "parameters.groups", "two axes, and not three", two_axes, {MATRICES, VECTORS}

    def detached(net):
        return [[p.detach() for p in group] for group in groups(net)]

    yield "parameters.groups", "detached", detached, {MATRICES, VECTORS, ONCE}

    yield from _adapters(LoRA)

    class RandomB(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            nn.init.normal_(self.B)

    yield "parameters.lora", "B starts at random", RandomB, {START}

    class ZeroA(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            nn.init.zeros_(self.A)

    yield "parameters.lora", "both start at zero", ZeroA, {START}

    class TurnedStart(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            nn.init.zeros_(self.A)
            nn.init.normal_(self.B)

    yield "parameters.lora", "A at zero, B at random", TurnedStart, {START}

    class AllTrains(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            layer.requires_grad_(True)

    yield "parameters.lora", "everything trains", AllTrains, {ONLY}

    class Detached(LoRA):
        def forward(self, X):
            if self.kept is not None:
                return self.layer(X)
            return self.layer(X) + self.scale * (X @ self.A.detach() @ self.B)

    yield "parameters.lora", "A detached", Detached, {SLOPES}

    class AddsOn(LoRA):
        def forward(self, X):
            return self.layer(X) + self.scale * (X @ self.A @ self.B)

    yield "parameters.lora", "the product added twice", AddsOn, {MERGED, TWICE}

    class Replaces(LoRA):
        def merge(self):
            if self.kept is None:
                self.kept = self.layer.weight.detach().clone()
                weight = self.kept + self.scale * (self.A @ self.B).T.detach()
                self.layer.weight = nn.Parameter(weight, requires_grad=False)

    yield "parameters.lora", "a new parameter", Replaces, {MERGED, TWICE}

    class Subtracts(LoRA):
        @torch.no_grad()
        def unmerge(self):
            self.layer.weight -= self.scale * (self.A @ self.B).T
            self.kept = None

    yield "parameters.lora", "subtracts", Subtracts, {UNMERGED}

    def attribute(net, path):
        net.requires_grad = False
        net.get_submodule(".".join(path)).requires_grad = True
        return train_only(copy.deepcopy(net), path)

    fails = {TRAINS, STATISTICS, SHARED}
    yield "parameters.train-only", "an attribute of the module", attribute, fails

    def by_beginning(net, path):
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name.startswith(".".join(path)))
        return train_only(copy.deepcopy(net), path)

    yield "parameters.train-only", "names that begin so", by_beginning, {TRAINS, SHARED}

    def by_name(net, path):
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name.startswith(".".join(path) + "."))
        trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
        held = sum(t.numel() for t in [*net.parameters(), *net.buffers()])
        return trained, held - trained

    yield "parameters.train-only", "by name", by_name, {SHARED, NUMBERS}

    def others_frozen(net, path):
        numbers = train_only(copy.deepcopy(net), path)
        block = net
        for name in path:
            for other, child in block.named_children():
                if other != name:
                    child.requires_grad_(False)
            block = block.get_submodule(name)
        return numbers

    yield "parameters.train-only", "the other blocks frozen", others_frozen, {SHARED}

    def by_entry(net, path):
        trained, _ = train_only(net, path)
        return trained, sum(t.numel() for t in net.state_dict().values()) - trained

    yield "parameters.train-only", "entries of state_dict", by_entry, {NUMBERS}

    def no_buffers(net, path):
        trained, _ = train_only(net, path)
        return trained, sum(p.numel() for p in net.parameters()) - trained

    yield "parameters.train-only", "buffers forgotten", no_buffers, {NUMBERS}

    def whole(net, path):
        trained, rest = train_only(net, path)
        return trained, trained + rest

    yield "parameters.train-only", "all instead of the rest", whole, {NUMBERS}

    def nothing_returned(net, path):
        train_only(net, path)

    yield "parameters.train-only", "nothing returned", nothing_returned, {NUMBERS}

    class Kept(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss, self.kept = loss, self.net.state_dict()

    everything = {BACK, STORED, TIES, AGAIN, SAME}
    yield "parameters.best", "state_dict kept as it is", Kept, everything

    class Shallow(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss, self.kept = loss, copy.copy(self.net.state_dict())

    yield "parameters.best", "a shallow copy", Shallow, everything

    class Latest(Best):
        def offer(self, loss):
            self.kept = copy.deepcopy(self.net.state_dict())

    yield "parameters.best", "the latest", Latest, everything

    class Falling(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.kept = copy.deepcopy(self.net.state_dict())
            self.loss = loss

    yield "parameters.best", "lower than the last one", Falling, everything

    class ParametersOnly(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss = loss
                self.kept = [p.detach().clone() for p in self.net.parameters()]

        @torch.no_grad()
        def restore(self):
            for p, kept in zip(self.net.parameters(), self.kept, strict=True):
                p.copy_(kept)

    yield "parameters.best", "parameters only", ParametersOnly, {STORED}

    class Forgetful(Best):
        def restore(self):
            super().restore()
            self.loss = float("inf")

    yield "parameters.best", "the lowest loss forgotten", Forgetful, {AGAIN}

    class SideBySide(Best):
        @torch.no_grad()
        def restore(self):
            arrays = [*self.net.parameters(), *self.net.buffers()]
            names = [name for name, _ in self.net.named_parameters(remove_duplicate=False)]
            names += [name for name, _ in self.net.named_buffers()]
            for mine, name in zip(arrays, names, strict=False):
                mine.copy_(self.kept[name])

    yield "parameters.best", "two lists of different length", SideBySide, {TIES}

    class Assigned(Best):
        def restore(self):
            self.net.load_state_dict(self.kept, assign=True)

    yield "parameters.best", "assign=True", Assigned, {TIES, AGAIN, SAME}

    class Data(Best):
        def restore(self):
            for name, p in [*self.net.named_parameters(), *self.net.named_buffers()]:
                p.data = self.kept[name]

    yield "parameters.best", "the kept tensors through .data", Data, {AGAIN}

    class Copy(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss, self.kept = loss, copy.deepcopy(self.net)

        def restore(self):
            self.net = self.kept

    yield "parameters.best", "another network", Copy, everything

    def squares(layer):
        return layer.weight.square().sum(1) + layer.bias.square()

    def through_data(layer, bound):
        factor = (bound / squares(layer).sqrt()).clamp(max=1).detach()
        layer.weight.data *= factor[:, None]
        layer.bias.data *= factor

    yield "parameters.limit", "through .data", through_data, {GRADIENTS}

    def exchanged(layer, bound):
        factor = (bound / squares(layer).sqrt()).clamp(max=1).detach()
        layer.weight.data = layer.weight.data * factor[:, None]
        layer.bias.data = layer.bias.data * factor

    yield "parameters.limit", "new tensors in .data", exchanged, {GRADIENTS}

    def replaced(layer, bound):
        factor = (bound / squares(layer).sqrt()).clamp(max=1).detach()
        layer.weight = nn.Parameter(layer.weight.detach() * factor[:, None])
        layer.bias = nn.Parameter(layer.bias.detach() * factor)

    yield "parameters.limit", "new parameters", replaced, {SAME, GRADIENTS}

    @torch.no_grad()
    def columns(layer, bound):
        factor = (bound / layer.weight.norm(dim=0)).clamp(max=1)
        layer.weight *= factor

    fails = {LONG, OTHERS, SAME, GRADIENTS}
    yield "parameters.limit", "the other axis", columns, fails

    @torch.no_grad()
    def no_bias(layer, bound):
        factor = (bound / layer.weight.norm(dim=1)).clamp(max=1)
        layer.weight *= factor[:, None]

    yield "parameters.limit", "the bias left out", no_bias, fails

    @torch.no_grad()
    def every_unit(layer, bound):
        factor = bound / squares(layer).sqrt().clamp(min=1e-9)
        layer.weight *= factor[:, None]
        layer.bias *= factor

    yield "parameters.limit", "short ones stretched", every_unit, {OTHERS}

    @torch.no_grad()
    def zeros(layer, bound):
        lengths = squares(layer).sqrt()
        factor = lengths.clamp(max=bound) / lengths
        layer.weight *= factor[:, None]
        layer.bias *= factor

    yield "parameters.limit", "0 / 0", zeros, {OTHERS}

    def recorded(layer, bound):
        factor = (bound / squares(layer).sqrt()).clamp(max=1)
        layer.weight *= factor[:, None]
        layer.bias *= factor

    yield "parameters.limit", "without no_grad", recorded, fails

    class Untied(nn.Module):
        def __init__(self, inputs, width):
            super().__init__()
            self.encoder = nn.Linear(inputs, width)
            self.decoder = nn.Linear(width, inputs)
            self.decoder.weight.data = self.encoder.weight.data.T.clone()

        @property
        def bias(self):
            return self.decoder.bias

        def forward(self, X):
            return self.decoder(torch.tanh(self.encoder(X)))

    yield "parameters.tied", "a copy", Untied, {OUTPUT, ARRAYS, BOTH, LASTS}

    class View(Untied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.decoder.weight = nn.Parameter(self.encoder.weight.T)

    yield "parameters.tied", "a second parameter on one memory", View, {ARRAYS, BOTH, LASTS}

    class DataTie(Untied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.decoder.weight.data = self.encoder.weight.data.T

    yield "parameters.tied", "tied through .data", DataTie, {ARRAYS, BOTH, LASTS}

    class Detached(Tied):
        def forward(self, X):
            H = torch.tanh(self.encoder(X))
            return F.linear(H, self.encoder.weight.detach().T, self.bias)

    yield "parameters.tied", "a detached matrix", Detached, {BOTH}

    class Early(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.turned = self.encoder.weight.detach().T

        def forward(self, X):
            return F.linear(torch.tanh(self.encoder(X)), self.turned, self.bias)

    yield "parameters.tied", "taken in __init__", Early, {BOTH, LASTS}

    class BufferedBias(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            del self.bias
            self.register_buffer("bias", torch.zeros(inputs))

    yield "parameters.tied", "a bias that does not train", BufferedBias, {ARRAYS}

    class NoTanh(Tied):
        def forward(self, X):
            return F.linear(self.encoder(X), self.encoder.weight.T, self.bias)

    yield "parameters.tied", "no tanh", NoTanh, {OUTPUT, BOTH, LASTS}

    class RandomBias(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            nn.init.normal_(self.bias)

    yield "parameters.tied", "a bias that starts at random", RandomBias, {ARRAYS}

    class Unbiased(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.encoder = nn.Linear(inputs, width, bias=False)

    yield "parameters.tied", "an encoder without a bias", Unbiased, {OUTPUT, ARRAYS, BOTH, LASTS}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    train_only, Best = solution["train_only"], solution["Best"]
    Tied = solution["TiedAutoencoder"]

    sizes, groups, LoRA = solution["sizes"], solution["groups"], solution["LoRA"]

    def by_layer(net):
        trained, _ = sizes(net)
        return trained, sum(layer.count_params() for layer in net.layers) - trained

    yield "parameters.count", "by layer", by_layer, {ONCE}

    def no_statistics(net):
        trained, rest = sizes(net)
        moving = [w for w in net.weights if w.name.startswith("moving")]
        return trained, rest - sum(w.numpy().size for w in moving)

    yield "parameters.count", "statistics forgotten", no_statistics, {NUMBERS_BOTH, ONCE}

    def variables(net):
        return len(net.trainable_weights), len(net.non_trainable_weights)

    yield "parameters.count", "variables, not values", variables, {NUMBERS_BOTH, ONCE}

    def frozen_too(net):
        for layer in net.layers:
            layer.trainable = True
        return groups(net)

    yield "parameters.groups", "frozen ones too", frozen_too, {MATRICES, VECTORS, ONCE}

    def stored_too(net):
        first, _ = groups(net)
        frozen = [w for layer in net.layers if not layer.trainable for w in layer.weights]
        others = [w for w in net.weights if all(w is not one for one in [*first, *frozen])]
        return first, others

    yield "parameters.groups", "statistics too", stored_too, {VECTORS, ONCE}

    def each_place(net):
        trained = [w for layer in net.layers for w in layer.trainable_weights]
        first = [w for w in trained if len(w.shape) > 1]
        return first, [w for w in trained if len(w.shape) < 2]

    yield "parameters.groups", "at each place", each_place, {ONCE}

    def two_axes(net):
        trained = net.trainable_weights
        return [w for w in trained if w.ndim == 2], [w for w in trained if w.ndim != 2]

    yield "parameters.groups", "two axes, and not three", two_axes, {MATRICES, VECTORS}

    def values(net):
        return [[w.value for w in group] for group in groups(net)]

    yield "parameters.groups", "values of the variables", values, {MATRICES, VECTORS, ONCE}

    yield from _adapters(LoRA)

    class RandomB(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            self.B.assign(ops.ones(self.B.shape))

    yield "parameters.lora", "B starts at ones", RandomB, {START}

    class ZeroA(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            self.A.assign(ops.zeros_like(self.A))

    yield "parameters.lora", "both start at zero", ZeroA, {START}

    class AllTrains(LoRA):
        def __init__(self, layer, rank, alpha):
            super().__init__(layer, rank, alpha)
            self.layer.trainable = True

    yield "parameters.lora", "everything trains", AllTrains, {ONLY}

    class Detached(LoRA):
        def call(self, X):
            if self.kept is not None:
                return self.layer(X)
            A = ops.stop_gradient(self.A)
            return self.layer(X) + self.scale * ops.matmul(ops.matmul(X, A), self.B)

    yield "parameters.lora", "A detached", Detached, {SLOPES}

    class AddsOn(LoRA):
        def call(self, X):
            return self.layer(X) + self.scale * ops.matmul(ops.matmul(X, self.A), self.B)

    yield "parameters.lora", "the product added twice", AddsOn, {MERGED, TWICE}

    class Subtracts(LoRA):
        def unmerge(self):
            change = self.scale * ops.matmul(self.A, self.B)
            self.layer.kernel.assign(self.layer.kernel - change)
            self.kept = None

    yield "parameters.lora", "subtracts", Subtracts, {UNMERGED}

    def find(net, path):
        for name in path:
            net = net.get_layer(name)
        return net

    def counted(net):
        trained = sum(int(np.prod(w.shape)) for w in net.trainable_weights)
        return trained, net.count_params() - trained

    def outer(net, path):
        net.trainable = False
        find(net, path).trainable = True
        return counted(net)

    everything = {TRAINS, STATISTICS, SHARED, NUMBERS}
    yield "parameters.train-only", "the outer one left frozen", outer, everything

    def all_weights(net, path):
        chosen = find(net, path).weights
        for w in net.weights:
            w.trainable = any(w is one for one in chosen)
        return counted(net)

    fails = {STATISTICS, NUMBERS}
    yield "parameters.train-only", "statistics trained", all_weights, fails

    def others_frozen(net, path):
        block = net
        for name in path:
            for child in block.layers:
                if child.name != name:
                    child.trainable = False
            block = block.get_layer(name)
        return counted(net)

    yield "parameters.train-only", "the other blocks frozen", others_frozen, {SHARED, NUMBERS}

    def by_path(net, path):
        for w in net.trainable_weights:
            w.trainable = "/".join(path) in w.path
        return counted(net)

    yield "parameters.train-only", "by path", by_path, everything

    def only_the_part(net, path):
        find(net, path).trainable = True
        part = counted(find(net, path))[0]
        return part, net.count_params() - part

    fails = {TRAINS, STATISTICS, SHARED}
    yield "parameters.train-only", "nothing frozen", only_the_part, fails

    def by_layer(net, path):
        def places(layer):
            inner = getattr(layer, "layers", None)
            return layer.count_params() if inner is None else sum(map(places, inner))

        trained, _ = train_only(net, path)
        return trained, places(net) - trained

    yield "parameters.train-only", "layers added up", by_layer, {NUMBERS}

    def no_statistics(net, path):
        held = sum(int(np.prod(w.shape)) for w in net.trainable_weights)
        trained, _ = train_only(net, path)
        return trained, held - trained

    yield "parameters.train-only", "statistics forgotten", no_statistics, {NUMBERS}

    def arrays(net, path):
        train_only(net, path)
        return len(net.trainable_weights), len(net.non_trainable_weights)

    yield "parameters.train-only", "arrays instead of numbers", arrays, {NUMBERS}

    class Kept(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss, self.kept = loss, list(self.net.weights)

        def restore(self):
            self.net.set_weights([w.numpy() for w in self.kept])

    everything = {BACK, STORED, TIES, AGAIN, SAME}
    yield "parameters.best", "weights kept as they are", Kept, everything

    class Values(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss, self.kept = loss, [w.value for w in self.net.weights]

        def restore(self):
            self.net.set_weights([value.numpy() for value in self.kept])

    yield "parameters.best", ".value kept", Values, everything

    class Latest(Best):
        def offer(self, loss):
            self.kept = self.net.get_weights()

    yield "parameters.best", "the latest", Latest, everything

    class Falling(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.kept = self.net.get_weights()
            self.loss = loss

    yield "parameters.best", "lower than the last one", Falling, everything

    class Trained(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss = loss
                self.kept = [w.numpy() for w in self.net.trainable_weights]

        def restore(self):
            for w, value in zip(self.net.trainable_weights, self.kept, strict=True):
                w.assign(value)

    yield "parameters.best", "what trains only", Trained, {STORED}

    class ByPath(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss = loss
                self.kept = {w.path: w.numpy() for w in self.net.weights}

        def restore(self):
            for w in self.net.weights:
                w.assign(self.kept[w.path])

    yield "parameters.best", "by path", ByPath, {TIES}

    class Copy(Best):
        def offer(self, loss):
            if loss < self.loss:
                self.loss, self.kept = loss, self.net.get_weights()

        def restore(self):
            self.net = keras.models.clone_model(self.net)
            self.net.set_weights(self.kept)

    yield "parameters.best", "another network", Copy, everything

    def factors(layer, bound):
        kernel, bias = layer.get_weights()
        lengths = np.sqrt((kernel**2).sum(0) + bias**2)
        return kernel, bias, np.minimum(1, bound / np.maximum(lengths, 1e-30))

    def tensor_bias(layer, bound):
        kernel, bias, factor = factors(layer, bound)
        layer.kernel.assign(kernel * factor)
        layer.bias = tf.constant(bias * factor)

    fails = {SAME, GRADIENTS}
    yield "parameters.limit", "a tensor in place of the bias", tensor_bias, fails

    def new_variable(layer, bound):
        kernel, bias, factor = factors(layer, bound)
        layer.kernel.assign(kernel * factor)
        layer._untrack_variable(layer.bias)
        layer._tracker.unlock()
        layer.bias = keras.Variable(bias * factor)

    yield "parameters.limit", "a new variable", new_variable, {SAME}

    def rows(layer, bound):
        kernel, bias = layer.get_weights()
        lengths = np.linalg.norm(kernel, axis=1, keepdims=True)
        layer.set_weights([kernel * np.minimum(1, bound / lengths), bias])

    yield "parameters.limit", "the other axis", rows, {LONG, OTHERS, SAME, GRADIENTS}

    def no_bias(layer, bound):
        kernel = layer.kernel.numpy()
        lengths = np.maximum(np.linalg.norm(kernel, axis=0), 1e-30)
        layer.kernel.assign(kernel * np.minimum(1, bound / lengths))

    yield "parameters.limit", "the bias left out", no_bias, {LONG, OTHERS, SAME, GRADIENTS}

    def every_unit(layer, bound):
        kernel, bias = layer.get_weights()
        lengths = np.maximum(np.sqrt((kernel**2).sum(0) + bias**2), 1e-30)
        layer.set_weights([kernel * bound / lengths, bias * bound / lengths])

    yield "parameters.limit", "short ones stretched", every_unit, {OTHERS}

    def zeros(layer, bound):
        lengths = ops.sqrt(ops.sum(layer.kernel**2, axis=0) + layer.bias**2)
        factor = ops.minimum(lengths, bound) / lengths
        layer.kernel.assign(layer.kernel * factor)
        layer.bias.assign(layer.bias * factor)

    yield "parameters.limit", "0 / 0", zeros, {OTHERS}

    def not_written(layer, bound):
        kernel, bias, factor = factors(layer, bound)
        kernel *= factor
        bias *= factor

    fails = {LONG, OTHERS, SAME, GRADIENTS}
    yield "parameters.limit", "a copy changed", not_written, fails

    class Untied(keras.Model):
        def __init__(self, inputs, width):
            super().__init__()
            self.encoder = layers.Dense(width, activation="tanh")
            self.decoder = layers.Dense(inputs)
            self.encoder.build((None, inputs))
            self.decoder.build((None, width))
            self.decoder.kernel.assign(ops.transpose(self.encoder.kernel))

        @property
        def bias(self):
            return self.decoder.bias

        def call(self, X):
            return self.decoder(self.encoder(X))

    yield "parameters.tied", "a copy", Untied, {OUTPUT, ARRAYS, BOTH, LASTS}

    class Stopped(Tied):
        def call(self, X):
            H = self.encoder(X)
            W = tf.stop_gradient(self.encoder.kernel)
            return ops.matmul(H, ops.transpose(W)) + self.bias

    yield "parameters.tied", "a stopped gradient", Stopped, {BOTH}

    class Numbers(Tied):
        def build(self, shape):
            self.encoder.build(shape)

        def call(self, X):
            H = self.encoder(X)
            return ops.matmul(H, self.encoder.kernel.numpy().T) + self.bias

    yield "parameters.tied", "numpy()", Numbers, {BOTH}

    class Early(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.encoder.build((None, inputs))
            self.turned = ops.transpose(self.encoder.kernel)

        def call(self, X):
            return ops.matmul(self.encoder(X), self.turned) + self.bias

    yield "parameters.tied", "taken in __init__", Early, {OUTPUT, BOTH, LASTS}

    class FixedBias(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.bias.trainable = False

    yield "parameters.tied", "a bias that does not train", FixedBias, {ARRAYS}

    class TensorBias(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self._untrack_variable(self.bias)
            self.bias = tf.Variable(tf.zeros(inputs))

    yield "parameters.tied", "a tf.Variable", TensorBias, {ARRAYS, LASTS}

    class NoTanh(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.encoder = layers.Dense(width)

    yield "parameters.tied", "no tanh", NoTanh, {OUTPUT, BOTH, LASTS}

    class RandomBias(Tied):
        def __init__(self, inputs, width):
            super().__init__(inputs, width)
            self.bias.assign(keras.random.normal((inputs,)))

    yield "parameters.tied", "a bias that starts at random", RandomBias, {ARRAYS}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
