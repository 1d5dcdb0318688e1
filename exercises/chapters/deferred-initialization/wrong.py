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

FEATURES, TRACE = "the number of features", "the stack is as it was"
SHAPES, PAPER_VALUES = "the shapes", "the number of values"
LOADED, ONE_COPY, TRAINS, UNFIT = (
    "the values",
    "memory for one copy",
    "what trains",
    "what does not fit is refused",
)
SHARDS = {LOADED, ONE_COPY, TRAINS, UNFIT}


def _on_paper(trace: Any) -> Iterator[Wrong]:
    """Wrong answers to the question without a framework."""

    def rounded_up(shape, plan):
        found, shape = [], list(shape)
        for kind, *numbers in plan:
            if kind == "conv":
                shape = [numbers[0], *(-(-(s - numbers[1]) // numbers[2]) + 1 for s in shape[1:])]
            else:
                ((shape,), _) = trace(shape, [[kind, *numbers]])
            found.append(shape)
        return found, trace(shape, plan)[1]

    both = {SHAPES, PAPER_VALUES}
    yield "deferred-initialization.shapes", "rounded up", rounded_up, both

    def pooled_up(shape, plan):
        found, values, shape = [], 0, list(shape)
        for kind, *numbers in plan:
            if kind == "pool":
                shape = [shape[0], *(-(-side // numbers[0]) for side in shape[1:])]
            else:
                (shape,), more = trace(shape, [[kind, *numbers]])
                values += more
            found.append(shape)
        return found, values

    yield "deferred-initialization.shapes", "pooling rounded up", pooled_up, both

    def square(shape, plan):
        return trace([shape[0], shape[1], shape[1]], plan)

    yield "deferred-initialization.shapes", "square pictures", square, both

    def no_biases(shape, plan):
        shapes, values = trace(shape, plan)
        return shapes, values - sum(one[1] for one in plan if one[0] in ("conv", "dense"))

    yield "deferred-initialization.shapes", "no biases", no_biases, {PAPER_VALUES}

    def one_channel(shape, plan):
        return trace(shape, plan)[0], trace([1, *shape[1:]], plan)[1] - 1

    yield "deferred-initialization.shapes", "one channel", one_channel, {PAPER_VALUES}

    def overlapping(shape, plan):
        shapes, values = trace(shape, plan)
        return [[*one[:1], *(side + 1 for side in one[1:])] for one in shapes], values

    yield "deferred-initialization.shapes", "one place too many", overlapping, {SHAPES}

    def the_end(shape, plan):
        shapes, values = trace(shape, plan)
        return shapes[-1:], values

    yield "deferred-initialization.shapes", "the last shape alone", the_end, {SHAPES}

    def flat_as_number(shape, plan):
        shapes, values = trace(shape, plan)
        return [one if len(one) > 1 else one[0] for one in shapes], values

    yield "deferred-initialization.shapes", "12 for [12]", flat_as_number, {SHAPES}

    def shapes_alone(shape, plan):
        return trace(shape, plan)[0]

    yield "deferred-initialization.shapes", "no number of values", shapes_alone, both


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import numpy as np
    import torch
    from torch import nn

    build, largest, Averaged = (solution[name] for name in ("build", "largest", "Averaged"))
    features, load_sharded = solution["features"], solution["load_sharded"]
    yield from _on_paper(solution["trace"])

    def seen(stack, shape):
        return stack(torch.zeros(1, *shape)).shape[1]

    yield "deferred-initialization.head", "in training mode", seen, {TRACE}

    def switched_off(stack, shape):
        return stack.eval()(torch.zeros(1, *shape)).shape[1]

    yield "deferred-initialization.head", "evaluation left on", switched_off, {TRACE}

    def square_side(stack, shape):
        return features(stack, (shape[0], shape[1], shape[1]))

    yield "deferred-initialization.head", "square pictures", square_side, {FEATURES, TRACE}

    def of_the_batch(stack, shape):
        return copy.deepcopy(stack)(torch.zeros(2, *shape)).numel()

    yield "deferred-initialization.head", "two examples", of_the_batch, {FEATURES, TRACE}

    def moved_to_meta(stack, shape):
        return stack.to("meta")(torch.empty(1, *shape, device="meta")).shape[1]

    yield "deferred-initialization.head", "the stack itself on meta", moved_to_meta, {TRACE}

    def in_memory(make, shards):
        model = make()
        for read in shards:
            result = model.load_state_dict(read(), strict=False)
            if result.unexpected_keys:
                raise KeyError
        return model

    fails = {ONE_COPY, UNFIT}
    yield "deferred-initialization.shards", "created in memory, nothing checked", in_memory, fails

    def whole(make, shards):
        state = {}
        for read in shards:
            state |= read()
        return load_sharded(make, [lambda: state])

    yield "deferred-initialization.shards", "all shards first", whole, {ONE_COPY}

    def copied(make, shards):
        with torch.device("meta"):
            model = make()
        for read in shards:
            model.load_state_dict(read(), strict=False)
        return model

    yield "deferred-initialization.shards", "copied into nothing", copied, SHARDS

    def untied(make, shards):
        model = load_sharded(make, shards)
        for child in model.children():
            if isinstance(child, nn.Linear):
                child.weight = nn.Parameter(child.weight.detach().clone())
        return model

    yield "deferred-initialization.shards", "the tie lost", untied, {TRAINS}

    def unchecked(make, shards):
        with torch.device("meta"):
            model = make()
        for read in shards:
            model.load_state_dict(read(), strict=False, assign=True)
        model.tie()
        return model

    yield "deferred-initialization.shards", "names not checked", unchecked, {UNFIT}

    def parameters_checked(make, shards):
        model = unchecked(make, shards)
        if any(p.is_meta for p in model.parameters()):
            raise ValueError
        return model

    yield "deferred-initialization.shards", "buffers not checked", parameters_checked, {UNFIT}

    def parameters_only(make, shards):
        with torch.device("meta"):
            model = make()
        model.to_empty(device="cpu")
        model.tie()
        for read in shards:
            state = read()
            with torch.no_grad():
                for name, p in model.named_parameters():
                    if name in state:
                        p.copy_(state[name])
        return model

    yield "deferred-initialization.shards", "parameters only", parameters_only, SHARDS

    def frozen(make, shards):
        return load_sharded(make, shards).requires_grad_(False)

    yield "deferred-initialization.shards", "nothing trains", frozen, {TRAINS}

    def resized(make, shards):
        with torch.device("meta"):
            shapes = {name: tuple(t.shape) for name, t in make().state_dict().items()}

        def fitted(read):
            return lambda: {
                name: torch.tensor(np.resize(array, shapes.get(name, array.shape)))
                for name, array in read().items()
            }

        return load_sharded(make, [fitted(read) for read in shards])

    yield "deferred-initialization.shards", "other shapes resized", resized, {UNFIT}

    def spread(make, shards):
        with torch.device("meta"):
            model = make()
        model.to_empty(device="cpu").tie()
        own = model.state_dict(keep_vars=True)
        left = {id(tensor) for tensor in own.values()}
        for read in shards:
            for name, array in read().items():
                own[name].data.copy_(array)
                left.discard(id(own[name]))
        if left:
            raise KeyError
        return model

    yield "deferred-initialization.shards", "one row copied into all", spread, {UNFIT}

    def forgetful(make, shards):
        load_sharded(make, shards)

    yield "deferred-initialization.shards", "nothing returned", forgetful, SHARDS

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

    def last_that_fits(make, channels, sides, units, budget):
        one_by_one = [largest(make, channels, [side], units, budget) for side in sides]
        return ([None] + [side for side in one_by_one if side])[-1]

    yield "deferred-initialization.picture", "the last that fits", last_that_fits, PICTURE

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

    class Smoothing(Averaged):
        def update(self):
            super().update()
            with torch.no_grad():
                for name, p in self.net.named_parameters():
                    if name in self.averages:
                        p.copy_(self.averages[name])

    yield "deferred-initialization.average", "averages written into the net", Smoothing, {OWN}

    class Written(Smoothing):
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
    features, load_sharded = solution["features"], solution["load_sharded"]
    yield from _on_paper(solution["trace"])

    def called_on_zeros(stack, shape):
        return stack(tf.zeros((1, *shape))).shape[1]

    yield "deferred-initialization.head", "a call", called_on_zeros, {TRACE}

    def square_side(stack, shape):
        return features(stack, (shape[0], shape[0], shape[2]))

    yield "deferred-initialization.head", "square pictures", square_side, {FEATURES, TRACE}

    def channels_first(stack, shape):
        return features(stack, (shape[2], shape[0], shape[1]))

    yield "deferred-initialization.head", "channels first", channels_first, {FEATURES, TRACE}

    def named(model):
        return {f"{one.name}/{w.name}": w for one in model.layers for w in one.weights}

    def whole(model, features, shards):
        arrays = {}
        for read in shards:
            arrays |= read()
        load_sharded(model, features, [lambda: arrays])

    yield "deferred-initialization.shards", "all shards first", whole, {ONE_COPY}

    def empty(model, features, shards):
        model.build((None, features))
        variables = named(model)
        for read in shards:
            for name, array in read().items():
                if name in variables:
                    variables[name].assign(array)

    yield "deferred-initialization.shards", "an empty build", empty, SHARDS

    def unchecked(model, features, shards):
        model(keras.Input((features,)))
        variables = named(model)
        for read in shards:
            for name, array in read().items():
                variables[name].assign(array)

    yield "deferred-initialization.shards", "missing names not checked", unchecked, {UNFIT}

    def tolerant(model, features, shards):
        model(keras.Input((features,)))
        variables = named(model)
        found = set()
        for read in shards:
            shard = read()
            found |= set(shard)
            for name in variables.keys() & shard.keys():
                variables[name].assign(shard[name])
        if not variables.keys() <= found:
            raise ValueError

    yield "deferred-initialization.shards", "unknown names passed over", tolerant, {UNFIT}

    def trainable_only(model, features, shards):
        model(keras.Input((features,)))
        variables = {
            f"{one.name}/{w.name}": w for one in model.layers for w in one.trainable_weights
        }
        for read in shards:
            for name, array in read().items():
                if name in variables:
                    variables[name].assign(array)

    yield "deferred-initialization.shards", "averages left out", trainable_only, SHARDS

    def frozen(model, features, shards):
        load_sharded(model, features, shards)
        model.layers[0].trainable = False

    yield "deferred-initialization.shards", "a layer frozen", frozen, {TRAINS}

    def resized(model, features, shards):
        model(keras.Input((features,)))
        shapes = {f"{one.name}/{w.name}": w.shape for one in model.layers for w in one.weights}

        def fitted(read):
            return lambda: {
                name: np.resize(array, shapes.get(name, array.shape))
                for name, array in read().items()
            }

        load_sharded(model, features, [fitted(read) for read in shards])

    yield "deferred-initialization.shards", "other shapes resized", resized, {UNFIT}

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

    def last_that_fits(make, channels, sides, units, budget):
        one_by_one = [largest(make, channels, [side], units, budget) for side in sides]
        return ([None] + [side for side in one_by_one if side])[-1]

    yield "deferred-initialization.picture", "the last that fits", last_that_fits, PICTURE

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

    class Smoothing(Averaged):
        def update(self):
            super().update()
            for weight, value in zip(self.net.trainable_variables, self.values(), strict=True):
                weight.assign(value)

    yield "deferred-initialization.average", "averages written into the net", Smoothing, {OWN}

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
