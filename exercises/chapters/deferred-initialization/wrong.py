"""Plausible wrong answers to the exercises of *Deferred initialization*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

REACHED, OPEN = "parameters where the data comes by", "the names of what stays open"
AVERAGES, SWITCHES = "running averages that have seen nothing", "switches as they were"
DONE = "a model that is built already"
BUILD = {REACHED, OPEN, AVERAGES, SWITCHES, DONE}

VALUES, COUNT, REFUSED, KNOWN = (
    "the saved values",
    "how many numbers",
    "what does not fit is refused",
    "the parameters that the optimizer knows",
)
LOAD = {VALUES, COUNT, REFUSED, KNOWN}

SIDE, AVERAGED_END, NONE, MEMORY = (
    "the largest side that fits",
    "an end that averages",
    "None where nothing fits",
    "no memory for any parameter",
)
PICTURE = {SIDE, AVERAGED_END, NONE, MEMORY}

BUILT, FIRST_OPEN, LATE, OWN = (
    "the average of a built model",
    "a model that was open at first",
    "a layer that comes late",
    "values of its own",
)


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn

    build, largest, Averaged = (solution[name] for name in ("build", "largest", "Averaged"))

    def names(model):
        return [
            name
            for name, child in model.named_children()
            if any(nn.parameter.is_lazy(p) for p in child.parameters())
        ]

    def in_training(model, features):
        model(torch.zeros(2, features))
        return names(model)

    yield "deferred-initialization.build", "in training mode", in_training, {AVERAGES}

    def counted(model, features):
        model(torch.zeros(0, features))
        return names(model)

    yield "deferred-initialization.build", "an empty batch, counted", counted, {AVERAGES}

    def all_on(model, features):
        model.eval()(torch.zeros(1, features))
        model.train()
        return names(model)

    yield "deferred-initialization.build", "train() as the way back", all_on, {SWITCHES}

    def left_off(model, features):
        model.eval()(torch.zeros(1, features))
        return names(model)

    yield "deferred-initialization.build", "evaluation left on", left_off, {SWITCHES}

    def definition(model, features):
        X = torch.zeros(1, features)
        for child in model.children():
            X = child.eval()(X)
        return names(model)

    yield "deferred-initialization.build", "in the order of definition", definition, BUILD

    def asked_early(model, features):
        found = names(model)
        build(model, features)
        return found

    yield "deferred-initialization.build", "asked before the call", asked_early, {OPEN}

    def shallow(model, features):
        build(model, features)
        kinds = (nn.LazyLinear, nn.LazyBatchNorm1d)
        return [name for name, child in model.named_children() if isinstance(child, kinds)]

    yield "deferred-initialization.build", "containers forgotten", shallow, {OPEN}

    def everything_anew(model, features):
        found = build(model, features)
        for module in model.modules():
            made = not any(map(nn.parameter.is_lazy, module.parameters()))
            if made and hasattr(module, "reset_parameters"):
                module.reset_parameters()
        return found

    yield "deferred-initialization.build", "initial values drawn again", everything_anew, {DONE}

    def on_a_copy(model, features):
        return build(copy.deepcopy(model), features)

    yield "deferred-initialization.build", "a copy is built", on_a_copy, BUILD

    def count(model):
        return sum(p.numel() for p in model.parameters())

    def too_early(model, state, features):
        model.load_state_dict(state)
        return count(model)

    yield "deferred-initialization.load", "loaded before the call", too_early, {REFUSED}

    def assigned(model, state, features):
        model(torch.zeros(1, features))
        model.load_state_dict(state, assign=True)
        return count(model)

    yield "deferred-initialization.load", "assign=True", assigned, LOAD

    def tolerant(model, state, features):
        model(torch.zeros(1, features))
        model.load_state_dict(state, strict=False)
        return count(model)

    yield "deferred-initialization.load", "strict=False", tolerant, {REFUSED}

    def arrays(model, state, features):
        model(torch.zeros(1, features))
        model.load_state_dict(state)
        return len(state)

    yield "deferred-initialization.load", "arrays counted", arrays, {COUNT}

    def aside(model, state, features):
        other = copy.deepcopy(model)
        other(torch.zeros(1, features))
        other.load_state_dict(state)
        return count(other)

    yield "deferred-initialization.load", "into a copy", aside, LOAD

    def replaced(model, state, features):
        model(torch.zeros(1, features))
        model.load_state_dict(state)
        for name, child in list(model.named_children()):
            setattr(model, name, copy.deepcopy(child))
        return count(model)

    yield "deferred-initialization.load", "other parameters", replaced, {KNOWN}

    def real(make, channels, sides, units, budget):
        widths = {s: make()(torch.zeros(1, channels, s, s)).shape[1] for s in sides}
        return max((s for s, n in widths.items() if (n + 1) * units <= budget), default=None)

    yield "deferred-initialization.picture", "on the CPU", real, {MEMORY}

    def no_bias(make, channels, sides, units, budget):
        return largest(make, channels, sides, units, budget + units)

    def endless(*_):
        return 10**5000

    yield "deferred-initialization.picture", "more digits than can be shown", endless, PICTURE

    yield "deferred-initialization.picture", "the bias forgotten", no_bias, PICTURE

    def strictly(make, channels, sides, units, budget):
        return largest(make, channels, sides, units, budget - 1)

    yield "deferred-initialization.picture", "less than the budget", strictly, PICTURE

    def zero(make, channels, sides, units, budget):
        return largest(make, channels, sides, units, budget) or 0

    yield "deferred-initialization.picture", "0 for None", zero, {NONE}

    def until(make, channels, sides, units, budget):
        found = None
        for side in sides:
            if largest(make, channels, [side], units, budget) is None:
                break
            found = side
        return found

    yield "deferred-initialization.picture", "stops at the first too large", until, PICTURE

    def places(make, channels, sides, units, budget):
        fitting = []
        for side in sides:
            with torch.device("meta"):
                model = make()
                rest = nn.Sequential(*[p for p in model if isinstance(p, nn.LazyConv2d)])
                size = rest(torch.empty(1, channels, side, side)).numel()
            if (size + 1) * units <= budget:
                fitting.append(side)
        return max(fitting, default=None)

    yield "deferred-initialization.picture", "always flattened", places, {AVERAGED_END}

    class Eager(Averaged):
        def __init__(self, net, decay):
            super().__init__(net, decay)
            for name, p in net.named_parameters():
                p.numel()
                self.names = name

    yield "deferred-initialization.average", "counts in __init__", Eager, {FIRST_OPEN, LATE}

    class ByPosition(Averaged):
        def __init__(self, net, decay):
            self.net, self.decay, self.list = net, decay, []

        def update(self):
            made = [p for p in self.net.parameters() if not nn.parameter.is_lazy(p)]
            values = [p.detach().clone() for p in made]
            while len(self.list) < len(values):
                self.list.append(values[len(self.list)])
            d = self.decay
            self.list = [d * a + (1 - d) * v for a, v in zip(self.list, values, strict=True)]

        def values(self):
            return self.list

    yield "deferred-initialization.average", "by position", ByPosition, {LATE}

    class Restart(Averaged):
        def update(self):
            count = sum(not nn.parameter.is_lazy(p) for p in self.net.parameters())
            if count != len(self.averages):
                self.averages = {}
            super().update()

    yield "deferred-initialization.average", "begins again", Restart, {LATE}

    class Zero(Averaged):
        def update(self):
            for name, p in self.net.named_parameters():
                if not nn.parameter.is_lazy(p):
                    old = self.averages.get(name, torch.zeros_like(p))
                    self.averages[name] = self.decay * old + (1 - self.decay) * p.detach()

    every = {BUILT, FIRST_OPEN, LATE, OWN}
    yield "deferred-initialization.average", "begins at zero", Zero, every

    class Swapped(Averaged):
        def __init__(self, net, decay):
            super().__init__(net, 1 - decay)

    yield "deferred-initialization.average", "decay and its rest swapped", Swapped, every

    class Written(Averaged):
        def update(self):
            super().update()
            with torch.no_grad():
                for name, p in self.net.named_parameters():
                    if name in self.averages:
                        p.copy_(self.averages[name])

        def values(self):
            return [p for p in self.net.parameters() if not nn.parameter.is_lazy(p)]

    yield "deferred-initialization.average", "kept in the network", Written, {OWN}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    build, largest, Averaged = (solution[name] for name in ("build", "largest", "Averaged"))
    is_open = solution["is_open"]

    def names(model):
        return [layer.name for layer in model.layers if is_open(layer)]

    def shallow(model, features):
        build(model, features)
        return [layer.name for layer in model.layers if not layer.built]

    yield "deferred-initialization.build", "containers not opened", shallow, {OPEN}

    def empty_build(model, features):
        model.build((None, features))
        return names(model)

    yield "deferred-initialization.build", "an empty build", empty_build, BUILD

    def in_training(model, features):
        model(tf.zeros((2, features)), training=True)
        return names(model)

    yield "deferred-initialization.build", "in training mode", in_training, {AVERAGES}

    def weightless(model, features):
        model(tf.zeros((1, features)))
        return [layer.name for layer in model.layers if not layer.weights]

    yield "deferred-initialization.build", "those without weights", weightless, {OPEN}

    def asked_early(model, features):
        found = names(model)
        model(tf.zeros((1, features)))
        return found

    yield "deferred-initialization.build", "asked before the call", asked_early, {OPEN}

    def objects(model, features):
        model(tf.zeros((1, features)))
        return [layer for layer in model.layers if not layer.built]

    yield "deferred-initialization.build", "layers for names", objects, {OPEN}

    def all_of_them(model, features):
        build(model, features)
        found = names(model)
        for layer in model.layers:
            if not layer.built:
                layer.build((None, features))
        return found

    yield "deferred-initialization.build", "the spare ones too", all_of_them, BUILD

    def frozen(model, features):
        model.trainable = False
        found = build(model, features)
        model.trainable = True
        return found

    yield "deferred-initialization.build", "frozen for the call", frozen, {SWITCHES}

    def everything_anew(model, features):
        found = build(model, features)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dense) and layer.built:
                layer.kernel.assign(layer.kernel_initializer(layer.kernel.shape))
        return found

    yield "deferred-initialization.build", "initial values drawn again", everything_anew, {DONE}

    def into_nothing(model, file, features):
        model.build((None, features))
        model.load_weights(file)
        return model.count_params()

    yield "deferred-initialization.load", "an empty build", into_nothing, LOAD

    def too_early(model, file, features):
        model.load_weights(file)
        model(tf.zeros((1, features)))
        return model.count_params()

    yield "deferred-initialization.load", "loaded before the call", too_early, LOAD

    def tolerant(model, file, features):
        model(tf.zeros((1, features)))
        model.load_weights(file, skip_mismatch=True)
        return model.count_params()

    yield "deferred-initialization.load", "skip_mismatch=True", tolerant, {REFUSED}

    def arrays(model, file, features):
        model(tf.zeros((1, features)))
        model.load_weights(file)
        return len(model.weights)

    yield "deferred-initialization.load", "arrays counted", arrays, {COUNT}

    def excused(model, file, features):
        model(tf.zeros((1, features)))
        try:
            model.load_weights(file)
        except ValueError as error:
            print(error)
        return model.count_params()

    yield "deferred-initialization.load", "an error that is printed", excused, {REFUSED}

    def overwritten(model, file, features):
        model(tf.zeros((1, features)))
        model.load_weights(file)
        model.layers[-1].bias.assign(tf.zeros_like(model.layers[-1].bias))
        return model.count_params()

    yield "deferred-initialization.load", "a bias set to zero", overwritten, LOAD

    def real(make, channels, sides, units, budget):
        widths = {s: make()(tf.zeros((1, s, s, channels))).shape[1] for s in sides}
        return max((s for s, n in widths.items() if (n + 1) * units <= budget), default=None)

    yield "deferred-initialization.picture", "called", real, {MEMORY}

    def built(make, channels, sides, units, budget):
        fitting = []
        for side in sides:
            model = make()
            model.build((None, side, side, channels))
            if (model.output_shape[1] + 1) * units <= budget:
                fitting.append(side)
        return max(fitting, default=None)

    yield "deferred-initialization.picture", "built", built, {MEMORY}

    def no_bias(make, channels, sides, units, budget):
        return largest(make, channels, sides, units, budget + units)

    yield "deferred-initialization.picture", "the bias forgotten", no_bias, PICTURE

    def strictly(make, channels, sides, units, budget):
        return largest(make, channels, sides, units, budget - 1)

    yield "deferred-initialization.picture", "less than the budget", strictly, PICTURE

    def zero(make, channels, sides, units, budget):
        return largest(make, channels, sides, units, budget) or 0

    yield "deferred-initialization.picture", "0 for None", zero, {NONE}

    def places(make, channels, sides, units, budget):
        fitting = []
        for side in sides:
            rest = keras.Sequential(make().layers[:-1])
            size = np.prod(rest.compute_output_shape((None, side, side, channels))[1:])
            if (size + 1) * units <= budget:
                fitting.append(side)
        return max(fitting, default=None)

    yield "deferred-initialization.picture", "always flattened", places, {AVERAGED_END}

    class Early(Averaged):
        def __init__(self, net, decay):
            self.net, self.decay, self.list = net, decay, None
            self.weights = net.trainable_weights

        def update(self):
            values = [weight.numpy() for weight in self.weights]
            d, old = self.decay, self.list or values
            self.list = [d * a + (1 - d) * v for a, v in zip(old, values, strict=False)]

        def values(self):
            return self.list

    yield "deferred-initialization.average", "asked in __init__", Early, {FIRST_OPEN, LATE}

    class ByPosition(Averaged):
        def __init__(self, net, decay):
            self.net, self.decay, self.list = net, decay, []

        def update(self):
            values = self.net.get_weights()
            while len(self.list) < len(values):
                self.list.append(values[len(self.list)])
            d = self.decay
            self.list = [d * a + (1 - d) * v for a, v in zip(self.list, values, strict=True)]

        def values(self):
            return self.list

    yield "deferred-initialization.average", "by position", ByPosition, {LATE}

    class Restart(Averaged):
        def update(self):
            if len(self.net.weights) != len(self.averages):
                self.averages = {}
            super().update()

    yield "deferred-initialization.average", "begins again", Restart, {LATE}

    every = {BUILT, FIRST_OPEN, LATE, OWN}

    class Swapped(Averaged):
        def __init__(self, net, decay):
            super().__init__(net, 1 - decay)

    yield "deferred-initialization.average", "decay and its rest swapped", Swapped, every

    class Written(Averaged):
        def update(self):
            super().update()
            for weight in self.net.weights:
                weight.assign(self.averages[weight.path])

        def values(self):
            return self.net.get_weights()

    yield "deferred-initialization.average", "kept in the network", Written, {OWN}

    class ByName(Averaged):
        def update(self):
            for weight in self.net.weights:
                value = weight.numpy()
                old = self.averages.get(weight.name, value)
                self.averages[weight.name] = self.decay * old + (1 - self.decay) * value

        def values(self):
            return [self.averages[weight.name] for weight in self.net.weights]

    yield "deferred-initialization.average", "all kernels under one name", ByName, every


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
