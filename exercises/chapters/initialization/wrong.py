"""Plausible wrong answers to the exercises of *Initialization*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
import math
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
DENSE, CONVOLUTIONS, MODES, DEFAULTS = "dense layers", "convolutions", "modes", "defaults"
TABLES, PROJECTED, NO_BIAS, NORM, HELD = (
    "layers and table",
    "residual projections",
    "biases",
    "the normalization",
    "into the same arrays",
)
UNIT, ORTHOGONAL, REST, DRAWN, HANDED = (
    "standard deviation 1",
    "orthogonal weights",
    "biases and the rest",
    "drawn anew",
    "as it was handed over",
)


def wrong_fans(inputs: int, outputs: int, area: slice) -> Iterator[Wrong]:
    """Wrong answers on a shape with the inputs and outputs on these axes."""

    def fan(shape, mode):
        fans = {"fan_in": shape[inputs], "fan_out": shape[outputs]}
        return (fans.get(mode) or sum(fans.values()) / 2) * math.prod(shape[area])

    def no_area(shape, gain=1.0, mode="fan_in"):
        ends = {"fan_in": shape[inputs], "fan_out": shape[outputs]}
        return gain / math.sqrt(ends.get(mode) or sum(ends.values()) / 2)

    def variance(shape, gain=1.0, mode="fan_in"):
        return gain / fan(shape, mode)

    def under_the_root(shape, gain=1.0, mode="fan_in"):
        return math.sqrt(gain / fan(shape, mode))

    def no_mode(shape, gain=1.0, mode="fan_in"):
        return gain / math.sqrt(fan(shape, "fan_in"))

    def total(shape, gain=1.0, mode="fan_in"):
        factor = 2 if mode == "fan_avg" else 1
        return gain / math.sqrt(factor * fan(shape, mode))

    def he(shape, gain=2**0.5, mode="fan_in"):
        return gain / math.sqrt(fan(shape, mode))

    everything = {DENSE, CONVOLUTIONS, MODES, DEFAULTS}
    name = "initialization.fans"
    yield name, "no area", no_area, {CONVOLUTIONS, MODES, DEFAULTS}
    yield name, "the variance", variance, everything
    yield name, "the gain under the root", under_the_root, everything - {DEFAULTS}
    yield name, "no mode", no_mode, {MODES}
    yield name, "the sum of the fans", total, {MODES}
    yield name, "He by default", he, {DEFAULTS}


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

    @torch.no_grad()
    def by_rows_(tensor, low, high, zeros, generator=None):
        mixture_(tensor, low, high, 0.0, generator)
        rows = (tensor.shape[0], *[1] * (tensor.dim() - 1))
        return tensor.mul_(torch.rand(rows, generator=generator) >= zeros)

    yield "initialization.mixture", "rows of zeros", by_rows_, {ZEROS, *after_ranges}

    @torch.no_grad()
    def counted_(tensor, low, high, zeros, generator=None):
        mixture_(tensor, low, high, 0.0, generator)
        tensor.view(-1)[: round(zeros * tensor.numel())] = 0
        return tensor

    yield "initialization.mixture", "the first values zero", counted_, {ZEROS, *after_ranges}

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

    def convolutions_too(net):
        start(net)
        for module in net.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    yield "initialization.by-type", "convolutions too", convolutions_too, {ELSE}

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

    std, start_gpt, lsuv = solution["std"], solution["start_gpt"], solution["lsuv"]

    yield from wrong_fans(1, 0, slice(2, None))

    def other_way(shape, gain=1.0, mode="fan_in"):
        return std((shape[1], shape[0], *shape[2:]), gain, mode)

    everything = {DENSE, CONVOLUTIONS, MODES, DEFAULTS}
    yield "initialization.fans", "inputs and outputs swapped", other_way, everything

    def square_kernel(shape, gain=1.0, mode="fan_in"):
        return std((*shape[:2], *shape[2:3] * len(shape[2:])), gain, mode)

    fails = {CONVOLUTIONS, MODES, DEFAULTS}
    yield "initialization.fans", "a square kernel", square_kernel, fails

    def by_gpt(count, ends=lambda name: name.split(".")[-1] == "proj", fill=nn.init.normal_):
        def run(net):
            start_gpt(net)
            names = [name for name, one in net.named_modules() if isinstance(one, nn.Linear)]
            for name in filter(ends, names):
                fill(net.get_submodule(name).weight, std=0.02 / count(net, names) ** 0.5)

        return run

    question, after = "initialization.projections", {PROJECTED, NO_BIAS, NORM, HELD}
    yield question, "no scaling", by_gpt(lambda net, names: 1), after
    twice = by_gpt(lambda net, names: 2 * sum(name.endswith("proj") for name in names))
    yield question, "twice as many, the head too", twice, after
    yield question, "the number of dense layers", by_gpt(lambda net, names: len(names)), after
    blocks = by_gpt(lambda net, names: sum(isinstance(m, nn.Sequential) for m in net))
    yield question, "the number of blocks", blocks, after
    no_root = by_gpt(lambda net, names: sum(n.endswith(".proj") for n in names) ** 2)
    yield question, "divided by the number", no_root, after

    def real(net, names):
        return sum(name.endswith(".proj") for name in names)

    yield question, "names that end alike", by_gpt(real, lambda n: n.endswith("proj")), {TABLES}

    def gpt_seed(weight, std):
        nn.init.normal_(weight, std=std, generator=torch.Generator().manual_seed(0))

    yield question, "one seed for all", by_gpt(real, fill=gpt_seed), after

    def named(net, names):
        return sum(name.split(".")[-1] == "proj" for name, _ in net.named_modules())

    yield question, "every layer of this name counted", by_gpt(named), after

    def uniform_table(net):
        start_gpt(net)
        nn.init.uniform_(net[0].weight, -0.02 * 3**0.5, 0.02 * 3**0.5)

    yield question, "a uniform table", uniform_table, {TABLES}

    def without_table(net):
        table = net[0].weight.detach().clone()
        start_gpt(net)
        with torch.no_grad():
            net[0].weight.copy_(table)

    yield question, "the table left out", without_table, {TABLES}

    def keeps_biases(net):
        kept = {name: p.detach().clone() for name, p in net.named_parameters()}
        start_gpt(net)
        with torch.no_grad():
            for name, p in net.named_parameters():
                if "bias" in name:
                    p.copy_(kept[name])

    yield question, "biases kept", keeps_biases, {NO_BIAS}

    def resets_norm(net):
        start_gpt(net)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.reset_parameters()

    yield question, "the normalization reset", resets_norm, {NORM}

    def all_biases(net):
        start_gpt(net)
        for name, p in net.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)

    yield question, "every bias", all_biases, {NORM}

    def gpt_anew(net):
        start_gpt(net)
        for module in net.modules():
            if isinstance(module, nn.Linear):
                module.weight = nn.Parameter(module.weight.detach().clone())

    yield question, "new parameters", gpt_anew, {HELD}

    def lsuv_by(begin, scale, train=False, ahead=None, restore=True):
        @torch.no_grad()
        def run(block, X):
            for layer in block:
                if isinstance(layer, nn.Sequential):
                    X = run(layer, X)
                    continue
                Z = layer(X) if ahead else None
                if isinstance(layer, nn.Linear):
                    begin(layer)
                    layer.weight /= scale(layer, X)
                X = Z if ahead else layer(X)
            return X

        def answer(net, X):
            modes = {module: module.training for module in net.modules()}
            net.train(train)
            statistics = {n: b.clone() for n, b in net.named_buffers()}
            run(net, X)
            for n, b in net.named_buffers():
                b.copy_(statistics[n])
            for module, training in modes.items():
                if restore:
                    module.training = training

        return answer

    def orthogonal(layer):
        nn.init.orthogonal_(layer.weight)
        nn.init.zeros_(layer.bias)

    def gaussian(layer):
        nn.init.normal_(layer.weight)
        nn.init.zeros_(layer.bias)

    def biased(layer):
        nn.init.orthogonal_(layer.weight)

    def unchanged(layer):
        nn.init.zeros_(layer.bias)

    def eye(layer):  # nearly: behind zeros alone there is nothing to divide by
        nn.init.normal_(layer.weight, 0, 0.3)
        layer.weight.add_(torch.eye(*layer.weight.shape))
        nn.init.zeros_(layer.bias)

    def seeded(layer):
        nn.init.orthogonal_(layer.weight, generator=torch.Generator().manual_seed(0))
        nn.init.zeros_(layer.bias)

    def of_outputs(layer, X):
        return layer(X).std(correction=0)

    def of_each_unit(layer, X):
        return layer(X).std(0).mean()

    question, last = "initialization.lsuv", {REST, DRAWN, HANDED}
    yield question, "a normal distribution", lsuv_by(gaussian, of_outputs), {ORTHOGONAL, *last}
    yield question, "the old weights", lsuv_by(unchanged, of_outputs), {ORTHOGONAL, *last}
    yield question, "the identity", lsuv_by(eye, of_outputs), {ORTHOGONAL, *last}
    yield question, "one seed", lsuv_by(seeded, of_outputs), {ORTHOGONAL, *last}
    yield question, "biases kept", lsuv_by(biased, of_outputs), {UNIT, *last}
    yield question, "each unit", lsuv_by(orthogonal, of_each_unit), {UNIT, *last}
    variance = lsuv_by(orthogonal, lambda layer, X: layer(X).var())
    yield question, "the variance", variance, {UNIT, *last}
    of_inputs = lsuv_by(orthogonal, lambda layer, X: X.std())
    yield question, "the inputs", of_inputs, {UNIT, *last}
    root = lsuv_by(orthogonal, lambda layer, X: layer(X).square().mean().sqrt())
    yield question, "the mean square", root, {UNIT, *last}
    yield question, "in training mode", lsuv_by(orthogonal, of_outputs, train=True), {UNIT, *last}
    ahead = lsuv_by(orthogonal, of_outputs, ahead=True)
    yield question, "all measured before", ahead, {UNIT, *last}
    kept_mode = lsuv_by(orthogonal, of_outputs, restore=False)
    yield question, "the mode left", kept_mode, {HANDED}

    def top_layers(net, X):
        lsuv(nn.Sequential(*(m for m in net if not isinstance(m, nn.Sequential))), X)

    yield question, "the upper layers only", top_layers, {UNIT, ORTHOGONAL, *last}

    def trained_norm(net, X):
        modes = [(m, m.training) for m in net.modules()]
        net.train()
        net(X)
        for module, training in modes:
            module.training = training
        lsuv(net, X)

    yield question, "new statistics", trained_norm, {UNIT, *last}

    def in_place(net, X):
        X.sub_(X.mean())
        lsuv(net, X)

    yield question, "X changed", in_place, {UNIT, *last}

    def frozen(net, X):
        lsuv(net, X)
        net.requires_grad_(False)

    yield question, "frozen", frozen, {HANDED}


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

    class Rows(Mixture):
        def __init__(self, low, high, zeros, seed=None):
            super().__init__(low, high, 0.0, seed)
            self.rows = zeros

        def __call__(self, shape, dtype=None):
            values = super().__call__(shape, dtype)
            draws = keras.random.uniform((shape[0], *[1] * (len(shape) - 1)), seed=self.seed)
            return values * ops.cast(draws >= self.rows, values.dtype)

        def get_config(self):
            return super().get_config() | {"zeros": self.rows}

    yield "initialization.mixture", "rows of zeros", Rows, {ZEROS, *after_ranges}

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

    def convolutions_too(net):
        start(net)
        for layer in net._flatten_layers():
            if isinstance(layer, layers.Conv1D):
                layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))

    yield "initialization.by-type", "convolutions too", convolutions_too, {ELSE}

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

    std, start_gpt, lsuv = solution["std"], solution["start_gpt"], solution["lsuv"]

    yield from wrong_fans(-2, -1, slice(0, -2))

    def other_way(shape, gain=1.0, mode="fan_in"):
        return std((*shape[:-2], shape[-1], shape[-2]), gain, mode)

    everything = {DENSE, CONVOLUTIONS, MODES, DEFAULTS}
    yield "initialization.fans", "inputs and outputs swapped", other_way, everything

    def square_kernel(shape, gain=1.0, mode="fan_in"):
        return std((*shape[:1] * len(shape[:-2]), *shape[-2:]), gain, mode)

    fails = {CONVOLUTIONS, MODES, DEFAULTS}
    yield "initialization.fans", "a square kernel", square_kernel, fails

    def gpt_normal(shape, std):
        return keras.random.normal(shape, stddev=std)

    def by_gpt(count, ends=lambda name: name == "proj", fill=gpt_normal):
        def run(net):
            start_gpt(net)
            dense = list(dense_in(net))
            for layer in dense:
                if ends(layer.name):
                    spread = 0.02 / count(net, [one.name for one in dense]) ** 0.5
                    layer.kernel.assign(fill(layer.kernel.shape, spread))

        return run

    question, after = "initialization.projections", {PROJECTED, NO_BIAS, NORM, HELD}
    yield question, "no scaling", by_gpt(lambda net, names: 1), after
    twice = by_gpt(lambda net, names: 2 * sum(name.endswith("proj") for name in names))
    yield question, "twice as many, the head too", twice, after
    yield question, "the number of dense layers", by_gpt(lambda net, names: len(names)), after
    blocks = by_gpt(lambda net, names: sum(isinstance(m, keras.Sequential) for m in net.layers))
    yield question, "the number of blocks", blocks, after
    yield question, "divided by the number", by_gpt(lambda n, all_: all_.count("proj") ** 2), after

    def real(net, names):
        return names.count("proj")

    yield question, "names that end alike", by_gpt(real, lambda n: n.endswith("proj")), {TABLES}

    def gpt_seed(shape, std):
        return keras.random.normal(shape, stddev=std, seed=0)

    yield question, "one seed for all", by_gpt(real, fill=gpt_seed), after

    def kept_after(keep):
        def run(net):
            kept = [(w, w.numpy()) for w in keep(net)]
            start_gpt(net)
            for w, value in kept:
                w.assign(value)

        return run

    def table_of(net):
        return net.layers[0].weights

    def biases_of(net):
        return [layer.bias for layer in dense_in(net)]

    yield question, "the table left out", kept_after(table_of), {TABLES}
    yield question, "biases kept", kept_after(biases_of), {NO_BIAS}

    def resets_norm(net):
        start_gpt(net)
        net.layers[1].gamma.assign(ops.ones_like(net.layers[1].gamma))

    yield question, "the normalization reset", resets_norm, {NORM}

    def all_vectors(net):
        start_gpt(net)
        for weight in net.trainable_weights:
            if weight.path.split("/")[-1] in ("bias", "beta"):
                weight.assign(ops.zeros_like(weight))

    yield question, "every shift", all_vectors, {NORM}

    def lsuv_by(begin, scale, training=False, ahead=False):
        def run(block, X):
            for layer in block.layers:
                if isinstance(layer, keras.Sequential):
                    X = run(layer, X)
                    continue
                Z = layer(X)
                if isinstance(layer, layers.Dense):
                    begin(layer)
                    layer.kernel.assign(layer.kernel / scale(layer, X))
                X = Z if ahead else layer(X, training=training)
            return X

        def answer(net, X):
            kept = [(w, w.numpy()) for w in net.non_trainable_weights if "moving" in w.path]
            run(net, X)
            for w, value in kept:
                w.assign(value)

        return answer

    def beginning(rule, bias=True):
        def begin(layer):
            layer.kernel.assign(rule()(layer.kernel.shape))
            if bias:
                layer.bias.assign(ops.zeros_like(layer.bias))

        return begin

    def unchanged(layer):
        layer.bias.assign(ops.zeros_like(layer.bias))

    def of_outputs(layer, X):
        return ops.std(layer(X))

    orthogonal = beginning(keras.initializers.Orthogonal)
    shared = keras.initializers.Orthogonal()
    question, last = "initialization.lsuv", {REST, DRAWN, HANDED}
    gaussian = lsuv_by(beginning(lambda: keras.initializers.RandomNormal(stddev=1.0)), of_outputs)
    yield question, "a normal distribution", gaussian, {ORTHOGONAL, *last}
    yield question, "the old weights", lsuv_by(unchanged, of_outputs), {ORTHOGONAL, *last}
    # Nearly: behind zeros alone there is nothing to divide by.
    nearly = beginning(lambda: lambda shape: ops.eye(*shape) + 0.3 * keras.random.normal(shape))
    eye = lsuv_by(nearly, of_outputs)
    yield question, "the identity", eye, {ORTHOGONAL, *last}
    one_object = lsuv_by(beginning(lambda: shared), of_outputs)
    yield question, "one initializer for all", one_object, {ORTHOGONAL, *last}
    biased = lsuv_by(beginning(keras.initializers.Orthogonal, bias=False), of_outputs)
    yield question, "biases kept", biased, {UNIT, *last}
    each = lsuv_by(orthogonal, lambda layer, X: ops.mean(ops.std(layer(X), axis=0)))
    yield question, "each unit", each, {UNIT, *last}
    yield question, "the variance", lsuv_by(orthogonal, lambda layer, X: ops.var(layer(X))), {
        UNIT, *last
    }  # fmt: skip
    of_inputs = lsuv_by(orthogonal, lambda layer, X: ops.std(X))
    yield question, "the inputs", of_inputs, {UNIT, *last}
    root = lsuv_by(orthogonal, lambda layer, X: ops.sqrt(ops.mean(layer(X) ** 2)))
    yield question, "the mean square", root, {UNIT, *last}
    in_training = lsuv_by(orthogonal, of_outputs, training=True)
    yield question, "in training mode", in_training, {UNIT, *last}
    yield question, "all measured before", lsuv_by(orthogonal, of_outputs, ahead=True), {
        UNIT, *last
    }  # fmt: skip

    def top_layers(net, X):
        lsuv(keras.Sequential([m for m in net.layers if not hasattr(m, "layers")]), X)

    yield question, "the upper layers only", top_layers, {UNIT, ORTHOGONAL, *last}

    def new_statistics(net, X):
        net(X, training=True)
        lsuv(net, X)

    yield question, "new statistics", new_statistics, {UNIT, *last}

    def frozen(net, X):
        lsuv(net, X)
        net.trainable = False

    yield question, "frozen", frozen, {HANDED}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
