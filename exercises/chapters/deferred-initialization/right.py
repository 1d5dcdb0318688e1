"""Right answers to the exercises of *Deferred initialization*, not those of the worked notebook."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def _trace_by_sides(shape, plan):
    """Shapes and values, layer by layer, with a running list."""
    shapes, values = [tuple(shape)], 0
    for layer in plan:
        now = shapes[-1]
        if layer[0] == "conv":
            _, n, w, s = layer
            values += n * (now[0] * w * w) + n
            now = (n, len(range(0, now[1] - w + 1, s)), len(range(0, now[2] - w + 1, s)))
        elif layer[0] == "pool":
            now = (now[0], now[1] // layer[1], now[2] // layer[1])
        elif layer[0] == "flatten":
            now = (math.prod(now),)
        else:
            values += now[0] * layer[1] + layer[1]
            now = (layer[1],)
        shapes.append(now)
    return tuple(shapes[1:]), values


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn

    yield "deferred-initialization.shapes", "windows counted", _trace_by_sides

    def built_here(shape, plan):
        kinds = {
            "conv": lambda n, w, s: nn.LazyConv2d(n, w, s),
            "pool": nn.MaxPool2d,
            "flatten": nn.Flatten,
            "dense": nn.LazyLinear,
        }
        with torch.device("meta"):
            net = nn.Sequential(*[kinds[kind](*numbers) for kind, *numbers in plan])
            X, shapes = torch.empty(1, *shape), []
            for layer in net:
                X = layer(X)
                shapes.append(list(X.shape[1:]))
        return shapes, sum(p.numel() for p in net.parameters())

    yield "deferred-initialization.shapes", "a lazy network on meta", built_here

    def functional(stack, shape):
        tensors = {
            name: torch.empty_like(t, device="meta")
            for name, t in [*stack.named_parameters(), *stack.named_buffers()]
        }
        X = torch.empty(1, *shape, device="meta")
        return torch.func.functional_call(stack, tensors, (X,)).shape[-1]

    yield "deferred-initialization.head", "on meta, with other tensors", functional

    def switched(stack, shape):
        stack.eval()
        try:
            with torch.no_grad():
                return stack(torch.rand(2, *shape)).size(1)
        finally:
            stack.train()

    yield "deferred-initialization.head", "evaluation and back", switched

    def copied_in(make, shards):
        with torch.device("meta"):
            model = make()
        model = model.to_empty(device="cpu")
        model.tie()
        waiting = set(model.state_dict())
        with torch.no_grad():
            for read in shards:
                target = model.state_dict()
                for name, tensor in read().items():
                    if target[name].shape != tensor.shape:
                        raise ValueError(name)
                    target[name].copy_(tensor)
                    same = target[name].data_ptr()
                    waiting -= {n for n in waiting if target[n].data_ptr() == same}
        if waiting:
            raise ValueError(f"missing: {waiting}")
        return model

    yield "deferred-initialization.shards", "memory first, then copies", copied_in

    def tied_as_it_goes(make, shards):
        with torch.device("meta"):
            model = make()
        expected, brought = set(dict(model.named_parameters())), set()
        expected |= set(dict(model.named_buffers()))
        for read in shards:
            state = read()
            if not set(state) <= expected:
                raise RuntimeError(f"unknown: {set(state) - expected}")
            model.load_state_dict(state, strict=False, assign=True)
            model.tie()
            brought |= set(state)
        if brought != expected:
            raise RuntimeError(f"missing: {expected - brought}")
        return model

    yield "deferred-initialization.shards", "tied after each shard", tied_as_it_goes

    def from_snapshot(model, features):
        norms = [m for m in model.modules() if hasattr(m, "running_mean")]
        model(torch.rand(3, features))
        for norm in norms:
            norm.reset_running_stats()
        is_open = lambda part: any(map(nn.parameter.is_lazy, part.parameters()))  # noqa: E731
        return tuple(name for name, part in model.named_children() if is_open(part))

    yield "deferred-initialization.build", "averages set back", from_snapshot

    def compared(model, state, features):
        model.eval()(torch.empty(0, features))
        own = model.state_dict()
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in state.items()}:
            raise ValueError("the state does not fit the model")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(state[name])
        return sum(value.numel() for value in state.values())

    yield "deferred-initialization.load", "shapes compared by hand", compared

    def as_tensor(model, state, features):
        model(torch.zeros(1, features))
        model.load_state_dict(state)
        return sum(torch.tensor(p.numel()) for p in model.parameters())

    yield "deferred-initialization.load", "the count as a tensor", as_tensor

    def widths_first(model, state, features):
        if next(iter(state.values())).shape[1] != features:
            raise RuntimeError("saved for another width")
        model.load_state_dict(state, strict=True)
        model(torch.zeros(1, features))
        widths = [layer.out_features for layer in model.children()]
        if widths != [value.shape[0] for name, value in state.items() if "bias" in name]:
            raise RuntimeError("saved for other widths")
        return sum(p.numel() for p in model.parameters())

    yield "deferred-initialization.load", "loaded, then compared", widths_first

    def by_size(make, channels, sides, units, budget):
        with torch.device("meta"):
            model = make()
        for side in sorted(sides, reverse=True):
            X = torch.empty(2, channels, side, side, device="meta")
            if nn.Linear(model(X).shape[-1], units, device="meta").weight.numel() + units <= budget:
                return side
        return None

    yield "deferred-initialization.picture", "from the largest down, one model", by_size

    class ByParameter:
        def __init__(self, net, decay):
            self.net, self.decay, self.shadow = net, decay, {}

        @torch.no_grad()
        def update(self):
            for p in self.net.parameters():
                if isinstance(p, nn.parameter.UninitializedParameter):
                    continue
                if p in self.shadow:
                    self.shadow[p].lerp_(p, 1 - self.decay)
                else:
                    self.shadow[p] = p.clone()

        def values(self):
            return [self.shadow[p] for p in self.net.parameters() if p in self.shadow]

    yield "deferred-initialization.average", "by the parameter itself, in place", ByParameter


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np

    yield "deferred-initialization.shapes", "windows counted", _trace_by_sides

    def by_layers(stack, shape):
        now = (1, *shape)
        for layer in stack.layers:
            now = layer.compute_output_shape(now)
        return int(now[-1])

    yield "deferred-initialization.head", "layer by layer", by_layers

    def on_a_copy(stack, shape):
        twin = keras.Sequential.from_config(stack.get_config())
        return twin(keras.Input(tuple(shape))).shape[1]

    yield "deferred-initialization.head", "a copy that is built", on_a_copy

    def layer_by_layer(model, features, shards):
        model(np.zeros((1, features), np.float32))
        waiting = {(layer.name, w.name): w for layer in model.layers for w in layer.weights}
        for read in shards:
            for name, array in read().items():
                weight = waiting.pop(tuple(name.split("/")))
                if tuple(weight.shape) != array.shape:
                    raise ValueError(f"{name}: {array.shape}")
                weight.assign(array)
        if waiting:
            raise RuntimeError(f"missing: {list(waiting)}")

    yield "deferred-initialization.shards", "popped one by one", layer_by_layer

    def by_paths(model, features, shards):
        model(np.ones((2, features), np.float32), training=False)
        paths = {"/".join(w.path.split("/")[-2:]): w for w in model.weights}
        names = set()
        for read in shards:
            shard = read()
            for name in shard:
                keras.ops.convert_to_tensor(shard[name])
                paths[name].assign(shard[name])
            names.update(shard)
        if names != set(paths):
            raise ValueError("names are missing")
        return model

    yield "deferred-initialization.shards", "by the end of the path", by_paths

    def any_open(layer):
        return not layer.built or any(map(any_open, getattr(layer, "layers", [])))

    def with_symbol(model, features):
        model(keras.Input((features,)))
        return tuple(layer.name for layer in model.layers if any_open(layer))

    yield "deferred-initialization.build", "shown a symbol", with_symbol

    def empty_batch(model, features):
        model(np.zeros((0, features), np.float32), training=False)
        found = []
        for layer in model.layers:
            if not all(part.built for part in layer._flatten_layers()):
                found.append(layer.name)
        return found

    yield "deferred-initialization.build", "shown an empty batch", empty_batch

    def by_symbol(model, file, features):
        model(keras.Input((features,)))
        model.load_weights(file)
        if not model.weights:
            raise ValueError("nothing to load into")
        return int(sum(np.prod(weight.shape) for weight in model.weights))

    yield "deferred-initialization.load", "shown a symbol, counted by hand", by_symbol

    def by_size(make, channels, sides, units, budget):
        model = make()
        for side in sorted(sides, reverse=True):
            width = model.compute_output_shape((1, side, side, channels))[-1]
            if width * units + units <= budget:
                return side

    yield "deferred-initialization.picture", "from the largest down, one model", by_size

    def described(make, channels, sides, units, budget):
        fitting = []
        for side in sides:
            with keras.StatelessScope(initialize_variables=False):
                model = make()
                model.build((None, side, side, channels))
                dense = keras.layers.Dense(units)
                dense.build(model.output_shape)
            keras.utils.clear_session(free_memory=False)
            if dense.count_params() <= budget:
                fitting.append(side)
        return max(fitting) if fitting else None

    yield "deferred-initialization.picture", "described in a StatelessScope", described

    class ById:
        def __init__(self, net, decay):
            self.net, self.decay, self.shadow = net, decay, {}

        def update(self):
            for weight in self.net.weights:
                value, key = keras.ops.copy(weight.value), id(weight)
                old = self.shadow.get(key)
                self.shadow[key] = value if old is None else old + (1 - self.decay) * (value - old)

        def values(self):
            return tuple(self.shadow[id(w)] for w in self.net.weights if id(w) in self.shadow)

    yield "deferred-initialization.average", "tensors, by identity", ById


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
