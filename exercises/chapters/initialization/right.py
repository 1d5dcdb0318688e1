"""Right answers to the exercises of *Initialization* that differ from the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import copy
    import math

    import numpy as np
    import torch
    from torch import nn

    def three_draws_(tensor, low, high, zeros, generator=None):
        with torch.no_grad():
            like = {"dtype": tensor.dtype, "generator": generator}
            sign = torch.rand(tensor.shape, **like).sub(0.5).sign()
            sign[sign == 0] = 1
            kept = torch.rand(tensor.shape, **like) >= zeros
            tensor.uniform_(low, high, generator=generator)
            tensor.mul_(sign).mul_(kept)
        return tensor

    yield "initialization.mixture", "three draws", three_draws_

    def choice_(tensor, low, high, zeros, generator=None):
        with torch.no_grad():
            nn.init.uniform_(tensor, low, high, generator=generator)
            weights = torch.tensor([(1 - zeros) / 2, zeros, (1 - zeros) / 2])
            found = torch.multinomial(weights, tensor.numel(), True, generator=generator)
            return tensor.mul_(found.sub(1).reshape(tensor.shape))

    yield "initialization.mixture", "a choice of three", choice_

    def applied(net):
        @torch.no_grad()
        def he(module):
            if isinstance(module, nn.Linear):
                bound = math.sqrt(6 / module.in_features)
                module.weight.uniform_(-bound, bound)
                module.bias.fill_(0)

        net.apply(he)

    yield "initialization.by-type", "uniform, by apply", applied

    def copied(net):
        for _, layer in net.named_modules():
            if isinstance(layer, nn.Linear):
                rng = np.random.default_rng()
                weight = rng.normal(0, (2 / layer.in_features) ** 0.5, layer.weight.shape)
                layer.load_state_dict(
                    {"weight": torch.from_numpy(weight), "bias": torch.zeros(layer.out_features)}
                )

    yield "initialization.by-type", "numbers of NumPy", copied

    def integrated(activation, fan_in):
        z = torch.linspace(-8, 8, 100_001, dtype=torch.float32)
        density = torch.exp(-(z**2) / 2)
        return 1 / math.sqrt(fan_in * (activation(z) ** 2 * density).sum() / density.sum())

    yield "initialization.spread", "an integral", integrated

    def tensor(activation, fan_in):
        X = activation(torch.randn(2000, 1000))
        return torch.sqrt(1 / (X.var() + X.mean() ** 2) / fan_in)

    yield "initialization.spread", "a tensor, from variance and mean", tensor

    def doubles(activation, fan_in):
        z = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
        density = torch.exp(-(z**2) / 2)
        share = density / density.sum()
        return (fan_in * (share * activation(z) ** 2).sum()) ** -0.5

    yield "initialization.spread", "in 64 bits", doubles

    def rebuilt(block, n):
        def new(module):
            if isinstance(module, nn.Linear):
                return nn.Linear(module.in_features, module.out_features)
            if isinstance(module, nn.Sequential):
                return nn.Sequential(*map(new, module))
            made = copy.deepcopy(module)
            made.apply(lambda m: getattr(m, "reset_parameters", lambda: None)())
            return made

        return tuple(new(block) for _ in range(n))

    yield "initialization.copies", "layers made anew", rebuilt

    def by_strides(shape, gain=1.0, mode="fan_in"):
        W = torch.empty(shape, device="meta")
        fan_in, fan_out = W[0].numel(), W[:, 0].numel()
        fan = {"fan_in": fan_in, "fan_out": fan_out}.get(mode, (fan_in + fan_out) / 2)
        return torch.tensor(gain, dtype=torch.float64) / torch.tensor(fan).double().sqrt()

    yield "initialization.fans", "a tensor, by counting", by_strides

    def two_passes(net):
        count = sum(
            name == "proj" and isinstance(child, nn.Linear)
            for parent in net.modules()
            for name, child in parent.named_children()
        )
        for parent in net.modules():
            for name, child in parent.named_children():
                if isinstance(child, (nn.Linear, nn.Embedding)):
                    scale = count**-0.5 if name == "proj" else 1
                    with torch.no_grad():
                        child.weight.copy_(torch.randn(child.weight.shape) * 0.02 * scale)
                        if isinstance(child, nn.Linear):
                            child.bias.zero_()

    yield "initialization.projections", "by parents", two_passes

    def hooked(net, X):
        modes = [(module, module.training) for module in net.modules()]

        def hook(module, inputs, output):
            rows = max(module.weight.shape)
            Q, _ = torch.linalg.qr(torch.randn(rows, min(module.weight.shape)))
            Q = Q if module.weight.shape[0] == rows else Q.T
            output = inputs[0] @ Q.T
            module.weight.copy_(Q / output.std())
            module.bias.zero_()
            return output / output.std()

        dense = [module for module in net.modules() if isinstance(module, nn.Linear)]
        handles = [module.register_forward_hook(hook) for module in dense]
        net.eval()
        with torch.no_grad():
            net(X)
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training

    yield "initialization.lsuv", "hooks and QR", hooked

    def repeated(net, X):
        was = net.training
        net.eval()
        for module in net.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, gain=3)
                nn.init.zeros_(module.bias)
        for module in net.modules():
            if isinstance(module, nn.Linear):
                for _ in range(3):
                    seen = []
                    handle = module.register_forward_hook(lambda m, i, o, s=seen: s.append(o))
                    with torch.no_grad():
                        net(X)
                        module.weight.div_(seen[0].std())
                    handle.remove()
        net.train(was)

    yield "initialization.lsuv", "the whole network for each layer", repeated


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    class ThreeDraws(keras.initializers.Initializer):
        def __init__(self, low, high, zeros, seed=None):
            self.config = {"low": low, "high": high, "zeros": zeros, "seed": seed}

        def __call__(self, shape, dtype="float32"):
            c = self.config
            seed = keras.random.SeedGenerator(c["seed"])
            sizes = keras.random.uniform(shape, c["low"], c["high"], dtype, seed)
            kept = keras.random.uniform(shape, seed=seed) >= c["zeros"]
            sign = ops.where(keras.random.uniform(shape, seed=seed) < 0.5, -1.0, 1.0)
            return sizes * ops.cast(sign, dtype) * ops.cast(kept, dtype)

        def get_config(self):
            return dict(self.config)

    yield "initialization.mixture", "three draws", ThreeDraws

    class WithNumpy(keras.initializers.Initializer):
        def __init__(self, low, high, zeros, seed=None):
            self.low, self.high, self.zeros, self.seed = low, high, zeros, seed

        def __call__(self, shape, dtype=None):
            rng = np.random.default_rng(self.seed)
            sizes = rng.uniform(self.low, self.high, shape)
            level = rng.uniform(size=shape)
            sizes[level < self.zeros] = 0
            sizes[level > (1 + self.zeros) / 2] *= -1
            return tf.constant(sizes, dtype=dtype or "float32")

        def get_config(self):
            return vars(self)

    yield "initialization.mixture", "numbers of NumPy", WithNumpy

    def by_weights(net):
        todo = [net]
        while todo:
            layer = todo.pop()
            todo += getattr(layer, "layers", [])
            if isinstance(layer, layers.Dense):
                kernel, bias = layer.get_weights()
                kernel = np.random.normal(0, (2 / len(kernel)) ** 0.5, kernel.shape)
                layer.set_weights([kernel, bias * 0])

    yield "initialization.by-type", "numbers of NumPy", by_weights

    def flattened(net):
        for layer in net._flatten_layers():
            if isinstance(layer, layers.Dense):
                fill = keras.initializers.get("he_uniform")
                layer.kernel.assign(fill(layer.kernel.shape, layer.dtype))
                layer.bias.assign(keras.initializers.Zeros()(layer.bias.shape))

    yield "initialization.by-type", "uniform, all layers in a row", flattened

    def integrated(activation, fan_in):
        z = np.linspace(-8, 8, 100_001).astype("float32")
        density = np.exp(-(z**2) / 2)
        f = np.asarray(activation(tf.constant(z)))
        return 1 / np.sqrt(fan_in * (f**2 * density).sum() / density.sum())

    yield "initialization.spread", "an integral", integrated

    def tensor(activation, fan_in):
        X = activation(keras.random.normal((2000, 1000)))
        return ops.rsqrt((ops.var(X) + ops.mean(X) ** 2) * fan_in)

    yield "initialization.spread", "a tensor, from variance and mean", tensor

    def doubles(activation, fan_in):
        z = tf.constant(np.linspace(-8, 8, 20_001))
        density = tf.exp(-(z**2) / 2)
        share = density / tf.reduce_sum(density)
        return float(fan_in * tf.reduce_sum(share * activation(z) ** 2)) ** -0.5

    yield "initialization.spread", "in 64 bits", doubles

    def cloned(block, n):
        return [keras.models.clone_model(block) for _ in range(n)]

    yield "initialization.copies", "clone_model", cloned

    def rebuilt(block, n):
        def new(layer):
            if isinstance(layer, keras.Sequential):
                return keras.Sequential([new(part) for part in layer.layers])
            if isinstance(layer, layers.Dense):
                return layers.Dense(layer.units)
            return type(layer).from_config(layer.get_config())

        return [new(block) for _ in range(n)]

    yield "initialization.copies", "layers made anew", rebuilt

    def with_names(block, n):
        blocks = [keras.models.clone_model(block) for _ in range(n)]
        for number, new in enumerate(blocks):
            new.name = f"{block.name}_{number}"
        return blocks

    yield "initialization.copies", "with names of their own", with_names

    def counted(shape, gain=1.0, mode="fan_in"):
        W = np.empty(shape)
        fan_in, fan_out = W[..., 0].size, W[..., 0, :].size
        fan = {"fan_in": fan_in, "fan_out": fan_out}.get(mode, (fan_in + fan_out) / 2)
        return np.float32(gain / np.sqrt(fan))

    yield "initialization.fans", "a NumPy float, by counting", counted

    def recursive(net, count=None):
        def find(block):
            return sum(
                find(one)
                if isinstance(one, keras.Sequential)
                else isinstance(one, layers.Dense) and one.name == "proj"
                for one in block.layers
            )

        count = count or find(net)
        for one in net.layers:
            if isinstance(one, keras.Sequential):
                recursive(one, count)
            elif isinstance(one, (layers.Dense, layers.Embedding)):
                scale = 0.02 / np.sqrt(count if one.name == "proj" else 1)
                matrix, *bias = one.get_weights()
                drawn = np.random.normal(0, scale, matrix.shape)
                one.set_weights([drawn, *(0 * array for array in bias)])

    yield "initialization.projections", "get_weights and set_weights", recursive

    def with_qr(net, X):
        todo = list(net.layers)
        while todo:
            layer = todo.pop(0)
            if hasattr(layer, "layers"):
                todo = [*layer.layers, *todo]
                continue
            if isinstance(layer, layers.Dense):
                shape = tuple(layer.kernel.shape)
                Q, _ = np.linalg.qr(np.random.normal(size=(max(shape), min(shape))))
                Q = Q if shape[0] >= shape[1] else Q.T
                Z = np.asarray(X) @ Q
                layer.set_weights([Q / Z.std(), np.zeros(shape[1])])
            X = layer(X)

    yield "initialization.lsuv", "QR, from a list of layers", with_qr


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
