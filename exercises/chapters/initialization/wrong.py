"""Plausible wrong answers to the exercises of *Initialization*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

ZEROS, RANGES, PRECISION, REPEATS, FITS = (
    "the share of zeros",
    "the two ranges",
    "every precision",
    "repeatable",
    "as the framework uses it",
)
EVERY, DERIVED, BIASES, ELSE, TWINS, SAME = (
    "dense layers at every depth",
    "derived classes",
    "biases",
    "nothing else changes",
    "no twins",
    "into the same arrays",
)
LINES, BESIDE, CURVES = "lines through zero", "lines beside zero", "curves"
BUILD, ANEW, RULES, APART, FIRST = (
    "as many blocks, of the same build",
    "values drawn anew",
    "by the layers' own rules",
    "each for itself",
    "the first stays as it is",
)


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn

    mixture_, start, copies = solution["mixture_"], solution["start"], solution["copies"]
    after_ranges = {PRECISION, REPEATS, FITS}

    @torch.no_grad()
    def cut_(tensor, low, high, zeros, generator=None):
        tensor.uniform_(-high, high, generator=generator)
        return tensor.masked_fill_(tensor.abs() < low, 0)

    fails = {ZEROS, PRECISION, REPEATS, FITS}
    yield "initialization.mixture", "the middle cut out", cut_, fails

    @torch.no_grad()
    def one_sided_(tensor, low, high, zeros, generator=None):
        tensor.uniform_(generator=generator)
        level = (tensor - zeros) / (1 - zeros)
        values = low + (high - low) * level
        return tensor.copy_(values.masked_fill(level < 0, 0))

    yield "initialization.mixture", "positive only", one_sided_, {RANGES, *after_ranges}

    @torch.no_grad()
    def used_twice_(tensor, low, high, zeros, generator=None):
        tensor.uniform_(generator=generator)
        values = low + (high - low) * tensor
        values[tensor > (1 + zeros) / 2] *= -1
        return tensor.copy_(values.masked_fill(tensor < zeros, 0))

    yield "initialization.mixture", "one number for both", used_twice_, {RANGES, *after_ranges}

    @torch.no_grad()
    def single_(tensor, low, high, zeros, generator=None):
        return tensor.copy_(mixture_(torch.empty(tensor.shape), low, high, zeros, generator))

    yield "initialization.mixture", "drawn in float32", single_, {PRECISION}

    def unseeded_(tensor, low, high, zeros, generator=None):
        return mixture_(tensor, low, high, zeros)

    yield "initialization.mixture", "the generator left aside", unseeded_, {REPEATS}

    @torch.no_grad()
    def half_seeded_(tensor, low, high, zeros, generator=None):
        sign = torch.randint(0, 2, tensor.shape) * 2 - 1
        kept = torch.rand(tensor.shape) >= zeros
        return tensor.uniform_(low, high, generator=generator).mul_(sign).mul_(kept)

    yield "initialization.mixture", "the generator for one draw only", half_seeded_, {REPEATS}

    def fixed_(tensor, low, high, zeros, generator=None):
        seed = 0 if generator is None else generator.initial_seed()
        return mixture_(tensor, low, high, zeros, torch.Generator().manual_seed(seed))

    yield "initialization.mixture", "its seed instead of the generator", fixed_, {REPEATS}

    def returned(tensor, low, high, zeros, generator=None):
        return mixture_(torch.empty_like(tensor), low, high, zeros, generator)

    everything = {ZEROS, RANGES, *after_ranges}
    yield "initialization.mixture", "a new tensor", returned, everything

    def silent_(tensor, low, high, zeros, generator=None):
        mixture_(tensor, low, high, zeros, generator)

    yield "initialization.mixture", "nothing returned", silent_, {FITS}

    def recorded_(tensor, low, high, zeros, generator=None):
        tensor.uniform_(-1, 1, generator=generator)
        return mixture_(tensor, low, high, zeros, generator)

    yield "initialization.mixture", "without no_grad", recorded_, {FITS}

    def exact(net):
        for module in net.modules():
            if type(module) is nn.Linear:
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    yield "initialization.by-type", "the exact type", exact, {DERIVED, BIASES}

    def children(net):
        for module in net.children():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    fails = {EVERY, DERIVED, BIASES, ELSE, TWINS, SAME}
    yield "initialization.by-type", "children only", children, fails

    def kinds(fill, zeros=True):
        def run(net):
            for module in net.modules():
                if isinstance(module, nn.Linear):
                    fill(module.weight)
                    if zeros:
                        nn.init.zeros_(module.bias)

        return run

    def fan_out(weight):
        nn.init.kaiming_normal_(weight, mode="fan_out")

    fails = {EVERY, DERIVED, BIASES, ELSE, TWINS, SAME}
    yield "initialization.by-type", "fan-out", kinds(fan_out), fails
    yield "initialization.by-type", "Xavier", kinds(nn.init.xavier_normal_), fails
    no_biases = kinds(nn.init.kaiming_normal_, False)
    yield "initialization.by-type", "no biases", no_biases, {BIASES}

    def removed(net):
        start(net)
        for module in net.modules():
            if isinstance(module, nn.Linear):
                module.bias = None

    yield "initialization.by-type", "biases taken away", removed, {BIASES, SAME}

    def kept_seed(weight):
        nn.init.kaiming_normal_(weight, generator=torch.Generator().manual_seed(0))

    yield "initialization.by-type", "one seed for all", kinds(kept_seed), {TWINS}

    def by_name(net):
        start(net)
        for name, parameter in net.named_parameters():
            if "weight" in name:
                nn.init.normal_(parameter, std=(2 / parameter.shape[-1]) ** 0.5)

    yield "initialization.by-type", "by name", by_name, {ELSE}

    def by_dimension(net):
        start(net)
        for parameter in net.parameters():
            if parameter.dim() == 2:
                nn.init.kaiming_normal_(parameter)

    yield "initialization.by-type", "every matrix", by_dimension, {ELSE}

    def not_in_place(net):
        for module in net.modules():
            if isinstance(module, nn.Linear):
                weight = module.weight.detach().clone()
                nn.init.kaiming_normal_(weight)
                module.weight = nn.Parameter(weight)
                module.bias = nn.Parameter(torch.zeros_like(module.bias))

    yield "initialization.by-type", "new parameters", not_in_place, {SAME}

    def spread_of(statistic):
        def spread(activation, fan_in):
            return statistic(activation(torch.randn(1_000_000)), fan_in)

        return spread

    curved = {LINES, BESIDE, CURVES}
    always = spread_of(lambda x, n: (2 / n) ** 0.5)
    yield "initialization.spread", "always He", always, curved

    def narrow(activation, fan_in):
        z = torch.linspace(-2.5, 2.5, 10_001)
        share = torch.exp(-(z**2) / 2)
        return (fan_in * (share * activation(z) ** 2).sum() / share.sum()) ** -0.5

    yield "initialization.spread", "too narrow", narrow, curved
    variance = spread_of(lambda x, n: (n * x.var().item()) ** -0.5)
    yield "initialization.spread", "the variance", variance, curved
    no_root = spread_of(lambda x, n: 1 / (n * x.square().mean().item()))
    yield "initialization.spread", "the variance of the weights", no_root, curved
    absolute = spread_of(lambda x, n: n**-0.5 / x.abs().mean().item())
    yield "initialization.spread", "the mean size", absolute, curved

    def uniform(activation, fan_in):
        x = activation(torch.rand(1_000_000) * 2 - 1)
        return (fan_in * x.square().mean().item()) ** -0.5

    yield "initialization.spread", "another distribution", uniform, curved

    def slopes(activation, fan_in):  # as if it went through zero
        left, right = (float(activation(torch.tensor(x))) for x in (-1.0, 1.0))
        return (fan_in * (left**2 + right**2) / 2) ** -0.5

    yield "initialization.spread", "the values at -1 and 1", slopes, {BESIDE, CURVES}

    def repeated(block, n):
        return [block] * n

    yield "initialization.copies", "[block] * n", repeated, {ANEW, RULES, APART}

    def deep(block, n):
        return [copy.deepcopy(block) for _ in range(n)]

    yield "initialization.copies", "deep copies", deep, {ANEW, RULES, APART}

    def reset(block):
        for module in block.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        return block

    def first_reset(block, n):
        return [copy.deepcopy(reset(block)) for _ in range(n)]

    yield "initialization.copies", "the first one reset", first_reset, {FIRST}

    def once_reset(block, n):
        return [copy.deepcopy(reset(copy.deepcopy(block)))] * n

    yield "initialization.copies", "one, n times", once_reset, {ANEW, RULES, APART}

    def top_only(block, n):
        blocks = [copy.deepcopy(block) for _ in range(n)]
        for new in blocks:
            for module in new.children():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        return blocks

    yield "initialization.copies", "the upper layers only", top_only, {ANEW, RULES, APART}

    def all_normal(block, n):
        blocks = [copy.deepcopy(block) for _ in range(n)]
        for new in blocks:
            for parameter in new.parameters():
                nn.init.normal_(parameter, std=0.01)
        return blocks

    yield "initialization.copies", "all from one distribution", all_normal, {RULES}

    def linear_only(block, n):
        blocks = [copy.deepcopy(block) for _ in range(n)]
        for new in blocks:
            for module in new.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
        return blocks

    yield "initialization.copies", "the normalization kept", linear_only, {RULES}

    def too_few(block, n):
        return copies(block, n - 1)

    fails = {BUILD, ANEW, RULES, APART, FIRST}
    yield "initialization.copies", "one too few", too_few, fails

    def tied_norm(block, n):
        blocks = copies(block, n)
        for new in blocks[1:]:
            new[1] = blocks[0][1]
        return blocks

    yield "initialization.copies", "one normalization for all", tied_norm, {APART}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    Mixture, start, copies = solution["Mixture"], solution["start"], solution["copies"]
    after_ranges = {PRECISION, REPEATS, FITS}

    class Cut(Mixture):
        def __call__(self, shape, dtype=None):
            dtype = dtype or "float32"
            W = keras.random.uniform(shape, -self.high, self.high, dtype, self.seed)
            return ops.where(ops.abs(W) < self.low, 0.0, W)

    fails = {ZEROS, PRECISION, REPEATS, FITS}
    yield "initialization.mixture", "the middle cut out", Cut, fails

    class OneSided(Mixture):
        def __call__(self, shape, dtype=None):
            return ops.abs(super().__call__(shape, dtype))

    yield "initialization.mixture", "positive only", OneSided, {RANGES, *after_ranges}

    class OneSeed(Mixture):
        def __call__(self, shape, dtype=None):
            dtype = dtype or "float32"
            sizes = keras.random.uniform(shape, self.low, self.high, dtype, self.seed)
            sign = ops.sign(keras.random.uniform(shape, -1, 1, dtype, self.seed))
            level = keras.random.uniform(shape, dtype=dtype, seed=self.seed)
            return ops.where(level < self.zeros, 0.0, sizes * sign)

    yield "initialization.mixture", "one seed for three draws", OneSeed, {REPEATS}

    class Single(Mixture):
        def __call__(self, shape, dtype=None):
            return ops.cast(super().__call__(shape, "float32"), dtype or "float32")

    yield "initialization.mixture", "drawn in float32", Single, {PRECISION}

    class Deaf(Mixture):
        def __call__(self, shape, dtype=None):
            return super().__call__(shape, "float32")

    yield "initialization.mixture", "the dtype left aside", Deaf, {PRECISION}

    class Mixed(Mixture):
        def __call__(self, shape, dtype=None):
            W = super().__call__(shape, dtype)
            return W * tf.cast(tf.abs(W) > 0, tf.float32)

    yield "initialization.mixture", "a mask in float32", Mixed, {PRECISION}

    class Unseeded(Mixture):
        def __call__(self, shape, dtype=None):
            return Mixture(self.low, self.high, self.zeros)(shape, dtype)

    yield "initialization.mixture", "the seed left aside", Unseeded, {REPEATS, FITS}

    class OtherSeed(Mixture):
        def __call__(self, shape, dtype=None):
            keep = tf.random.uniform(shape) >= self.zeros
            sizes = keras.random.uniform(shape, self.low, self.high, dtype, self.seed)
            sign = tf.sign(tf.random.uniform(shape) - 0.5)
            return sizes * ops.cast(keep, sizes.dtype) * ops.cast(sign, sizes.dtype)

    yield "initialization.mixture", "tf.random for the rest", OtherSeed, {REPEATS, FITS}

    class Fixed(Mixture):
        def __init__(self, low, high, zeros, seed=0):
            super().__init__(low, high, zeros, seed)

    yield "initialization.mixture", "a seed as the default", Fixed, {REPEATS}

    class NoConfig(Mixture):
        def get_config(self):
            return {"seed": self.seed}

    yield "initialization.mixture", "a configuration of the seed only", NoConfig, {FITS}

    class SeedLost(Mixture):
        def get_config(self):
            return super().get_config() | {"seed": None}

    yield "initialization.mixture", "a configuration without the seed", SeedLost, {FITS}

    def dense_in(net):
        for layer in net.layers:
            if isinstance(layer, keras.Sequential):
                yield from dense_in(layer)
            elif isinstance(layer, layers.Dense):
                yield layer

    def fill(layer, kind=keras.initializers.HeNormal):
        layer.kernel.assign(kind()(layer.kernel.shape))
        layer.bias.assign(ops.zeros_like(layer.bias))

    def exact(net):
        for layer in dense_in(net):
            if type(layer) is layers.Dense:
                fill(layer)

    yield "initialization.by-type", "the exact type", exact, {DERIVED, BIASES}

    def top_only(net):
        for layer in net.layers:
            if isinstance(layer, layers.Dense):
                fill(layer)

    everything = {EVERY, DERIVED, BIASES, ELSE, TWINS, SAME}
    yield "initialization.by-type", "the upper layers only", top_only, everything

    def glorot(net):
        for layer in dense_in(net):
            fill(layer, keras.initializers.GlorotNormal)

    yield "initialization.by-type", "Glorot", glorot, everything

    def turned(net):
        for layer in dense_in(net):
            shape = tuple(reversed(layer.kernel.shape))
            layer.kernel.assign(ops.transpose(keras.initializers.HeNormal()(shape)))
            layer.bias.assign(ops.zeros_like(layer.bias))

    yield "initialization.by-type", "fan-out", turned, everything

    def too_late(net):
        for layer in dense_in(net):
            layer.kernel_initializer = keras.initializers.HeNormal()
            layer.bias_initializer = keras.initializers.Zeros()

    yield "initialization.by-type", "an initializer set too late", too_late, everything

    def one_object(net):
        he = keras.initializers.HeNormal()
        for layer in dense_in(net):
            fill(layer, lambda: he)

    yield "initialization.by-type", "one initializer for all", one_object, {TWINS}

    def no_biases(net):
        for layer in dense_in(net):
            layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))

    yield "initialization.by-type", "no biases", no_biases, {BIASES}

    def by_dimension(net):
        start(net)
        for weight in net.trainable_weights:
            if len(weight.shape) == 2:
                weight.assign(keras.initializers.HeNormal()(weight.shape))

    yield "initialization.by-type", "every matrix", by_dimension, {ELSE}

    def by_length(net):
        start(net)
        for weight in net.trainable_weights:
            if len(weight.shape) == 1:
                weight.assign(ops.zeros_like(weight))

    yield "initialization.by-type", "every vector zero", by_length, {ELSE}

    def built_anew(net):
        for layer in dense_in(net):
            shape = (None, layer.kernel.shape[0])
            for variable in list(layer._trainable_variables):
                layer._tracker.unlock()
                layer._untrack_variable(variable)
            layer.built = False
            layer.kernel_initializer = keras.initializers.HeNormal()
            layer.build(shape)

    yield "initialization.by-type", "built again", built_anew, {SAME}

    def spread_of(statistic):
        def spread(activation, fan_in):
            return statistic(np.asarray(activation(tf.random.normal((1_000_000,)))), fan_in)

        return spread

    curved = {LINES, BESIDE, CURVES}
    always = spread_of(lambda x, n: (2 / n) ** 0.5)
    yield "initialization.spread", "always He", always, curved

    def narrow(activation, fan_in):
        z = tf.linspace(-2.5, 2.5, 10_001)
        share = tf.exp(-(z**2) / 2)
        square = tf.reduce_sum(share * activation(z) ** 2) / tf.reduce_sum(share)
        return float(fan_in * square) ** -0.5

    yield "initialization.spread", "too narrow", narrow, curved
    yield "initialization.spread", "the variance", spread_of(
        lambda x, n: (n * x.var()) ** -0.5
    ), curved  # fmt: skip
    no_root = spread_of(lambda x, n: 1 / (n * np.mean(x**2)))
    yield "initialization.spread", "the variance of the weights", no_root, curved
    absolute = spread_of(lambda x, n: n**-0.5 / np.mean(abs(x)))
    yield "initialization.spread", "the mean size", absolute, curved

    def uniform(activation, fan_in):
        x = activation(tf.random.uniform((1_000_000,), -1, 1))
        return (fan_in * float(tf.reduce_mean(x**2))) ** -0.5

    yield "initialization.spread", "another distribution", uniform, curved

    def slopes(activation, fan_in):  # as if it went through zero
        left, right = (float(activation(tf.constant(x))) for x in (-1.0, 1.0))
        return (fan_in * (left**2 + right**2) / 2) ** -0.5

    yield "initialization.spread", "the values at -1 and 1", slopes, {BESIDE, CURVES}

    def repeated(block, n):
        return [block] * n

    yield "initialization.copies", "[block] * n", repeated, {ANEW, RULES, APART}

    def deep(block, n):
        return [copy.deepcopy(block) for _ in range(n)]

    yield "initialization.copies", "deep copies", deep, {ANEW, RULES, APART}

    def written(block, n):
        blocks = copies(block, n)
        for new in blocks:
            new.set_weights(block.get_weights())
        return blocks

    yield "initialization.copies", "the same weights", written, {ANEW, RULES, APART}

    def once(block, n):
        return copies(block, 1) * n

    yield "initialization.copies", "one, n times", once, {ANEW, RULES, APART}

    def shared_layers(block, n):
        return [keras.Sequential(block.layers) for _ in range(n)]

    yield "initialization.copies", "the same layers", shared_layers, {ANEW, RULES, APART}

    def one_initializer(block, n):
        glorot = keras.initializers.GlorotUniform()
        blocks = copies(block, n)
        for new in blocks:
            for layer in dense_in(new):
                layer.kernel.assign(glorot(layer.kernel.shape))
        return blocks

    yield "initialization.copies", "one initializer for all", one_initializer, {ANEW, RULES, APART}

    def all_normal(block, n):
        blocks = copies(block, n)
        for new in blocks:
            for weight in new.trainable_weights:
                weight.assign(keras.random.normal(weight.shape, stddev=0.01))
        return blocks

    yield "initialization.copies", "all from one distribution", all_normal, {RULES}

    def reset_first(block, n):
        blocks = copies(block, n)
        block.set_weights(blocks[0].get_weights())
        return blocks

    yield "initialization.copies", "the first one reset", reset_first, {FIRST}

    def too_few(block, n):
        return copies(block, n - 1)

    fails = {BUILD, ANEW, RULES, APART, FIRST}
    yield "initialization.copies", "one too few", too_few, fails


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
