"""Plausible wrong answers to the exercises of *Layers and blocks*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

SMALL, LARGE = "small networks", "a network too large to build"

EQUAL, DIFFERENT, PARAMETERS = "equal widths", "different widths", "parameters"
GRADIENTS, INPUT = "a gradient for every parameter", "a gradient for the input"

OUTPUT, ORDER, NAMES = "output of a chain", "order of the blocks", "parameters and their names"
NESTED, TWICE, KEPT = "blocks inside blocks", "a block used twice", "the layers you were given"
ITEMS, SLICES = "length and items", "slices"
CALLED, TRAINS = "blocks are called", "a gradient for every block"
EVERYTHING = {OUTPUT, ORDER, NAMES, NESTED, TWICE, KEPT, ITEMS, SLICES, CALLED, TRAINS}

REGISTERED, STEP = "every parameter is registered", "one step moves everything"
VALUE, MORE = "the output", "more than two axes"  # of the tower and of the mixture; of the mixture
EXPERTS, EVERY = "the parameters of every expert", "a gradient for every expert"

CHAIN, BESIDE = "features of a chain", "features beside a skip connection"
BEFORE, ONCE, SAME = "values before the activation", "one run", "the network as it was"
ERROR = "the network as it was, after an error"
FEATURES = {CHAIN, BESIDE, BEFORE, ONCE, SAME, ERROR}

LOADS, ONE, SEVERAL = "the built-in layer's weights load", "one head", "several heads"
CAUSAL, BACK = "causal", "the gradient of the input"


def _counts(parameters: Any) -> Iterator[Wrong]:
    """Wrong answers to *Count without building*, which are the same in each framework."""

    def no_biases(inputs, width, hidden, blocks, outputs):
        return inputs * width + blocks * 2 * width * hidden + width * outputs

    yield "blocks.count", "no biases", no_biases, {SMALL, LARGE}

    def one_block(inputs, width, hidden, blocks, outputs):
        return parameters(inputs, width, hidden, 1, outputs)

    yield "blocks.count", "one block", one_block, {SMALL, LARGE}

    def only_blocks(*sizes):
        return parameters(*sizes) - parameters(*sizes[:3], 0, sizes[4])

    yield "blocks.count", "the blocks alone", only_blocks, {SMALL, LARGE}

    def swapped(inputs, width, hidden, blocks, outputs):
        block = width * hidden + width + hidden * width + hidden * width
        return (inputs + 1) * width + blocks * block + (width + 1) * outputs

    yield "blocks.count", "a bias for each hidden feature and input", swapped, {SMALL, LARGE}

    def in_floats(*sizes):
        return float(parameters(*sizes))

    yield "blocks.count", "a float", in_floats, {SMALL, LARGE}


def _classes(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers that derive from right ones in the same way in each framework."""
    Residual, MySequential = solution["Residual"], solution["MySequential"]
    Tower = solution["Tower"]

    class OnlyWider(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if inputs > outputs:
                self.projection = None

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "a projection only where it widens", OnlyWider, fails

    class NoStep(MySequential):
        def __getitem__(self, index):
            if isinstance(index, slice):
                index = slice(index.start, index.stop)
            return super().__getitem__(index)

    yield "blocks.sequential", "the step ignored", NoStep, {SLICES}

    class TooFew(Tower):
        def __init__(self, inputs, width, outputs, depth):
            super().__init__(inputs, width, outputs, depth - 1)

    yield "blocks.lost-layer", "one layer too few", TooFew, {REGISTERED, VALUE, STEP}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    yield from _counts(solution["parameters"])
    yield from _classes(solution)

    def built(inputs, width, hidden, blocks, outputs):
        sizes = [(inputs, width), *[(width, hidden), (hidden, width)] * blocks, (width, outputs)]
        net = nn.ModuleList(nn.Linear(m, n) for m, n in sizes)
        return sum(p.numel() for p in net.parameters())

    yield "blocks.count", "the network built", built, {LARGE}

    Residual, MySequential = solution["Residual"], solution["MySequential"]
    Tower, Mixture = solution["Tower"], solution["Mixture"]

    class ReluLast(Residual):
        def forward(self, X):
            return F.relu(super().forward(X))

    yield "blocks.residual", "a ReLU after the sum", ReluLast, {EQUAL, DIFFERENT, GRADIENTS, INPUT}

    class Detached(Residual):
        def forward(self, X):
            shortcut = X if self.projection is None else self.projection(X)
            return self.down(F.relu(self.up(X))) + shortcut.detach()

    yield "blocks.residual", "a detached shortcut", Detached, {GRADIENTS, INPUT}

    class InPlace(Residual):
        def forward(self, X):
            Y = self.down(F.relu(self.up(X)))
            if self.projection is not None:
                return Y + self.projection(X)
            with torch.no_grad():
                X += Y
            return X

    yield "blocks.residual", "the input changed in place", InPlace, {EQUAL, GRADIENTS, INPUT}

    class Biased(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if self.projection is not None:
                self.projection = nn.Linear(inputs, outputs)

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "a projection with a bias", Biased, fails

    class Always(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.projection = nn.Linear(inputs, outputs, bias=False)

    yield "blocks.residual", "always a projection", Always, {EQUAL, PARAMETERS, INPUT}

    class NoShortcut(Residual):
        def forward(self, X):
            return self.down(F.relu(self.up(X)))

    yield "blocks.residual", "no shortcut", NoShortcut, {EQUAL, DIFFERENT, GRADIENTS, INPUT}

    class Frozen(Residual):
        def forward(self, X):
            with torch.no_grad():
                hidden = F.relu(self.up(X))
            shortcut = X if self.projection is None else self.projection(X)
            return self.down(hidden) + shortcut

    yield "blocks.residual", "a layer without gradient", Frozen, {GRADIENTS, INPUT}

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}

    class OnlyNarrower(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if inputs < outputs:
                self.projection = None

        def forward(self, X):
            Y = self.down(F.relu(self.up(X)))
            if self.projection is not None:
                return Y + self.projection(X)
            return Y + F.pad(X, (0, Y.shape[-1] - X.shape[-1]))

    yield "blocks.residual", "zeros appended where it widens", OnlyNarrower, fails

    class FrozenIdentity(Always):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if inputs == outputs:
                nn.init.eye_(self.projection.weight)
                self.projection.requires_grad_(False)

        def forward(self, X):
            return self.projection(X) + self.down(F.relu(self.up(X)))

    yield "blocks.residual", "an identity matrix for equal widths", FrozenIdentity, {PARAMETERS}

    class FrozenUp(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.up.requires_grad_(False)

    yield "blocks.residual", "up is not trained", FrozenUp, {PARAMETERS}

    class LateProjection(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.projection = None

        def forward(self, X):
            outputs = self.down.out_features
            if self.projection is None and X.shape[-1] != outputs:
                self.projection = nn.Linear(X.shape[-1], outputs, bias=False)
            return super().forward(X)

    yield "blocks.residual", "the projection made in the first call", LateProjection, {PARAMETERS}

    class InOne(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.up = nn.Sequential(self.up, nn.ReLU())

    fails = {EQUAL, DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "up with its ReLU in one", InOne, fails

    class Listed(nn.Module):
        def __init__(self, *blocks):
            super().__init__()
            self.blocks = list(blocks)

        def forward(self, X):
            for block in self.blocks:
                X = block(X)
            return X

        def __len__(self):
            return len(self.blocks)

        def __getitem__(self, index):
            part = self.blocks[index]
            return type(self)(*part) if isinstance(index, slice) else part

    yield "blocks.sequential", "a plain list", Listed, {NAMES}

    class Sorted(MySequential):
        def forward(self, X):
            for name in sorted(self._modules):
                X = self._modules[name](X)
            return X

    yield "blocks.sequential", "names sorted as words", Sorted, {ORDER}

    class Reversed(MySequential):
        def forward(self, X):
            for block in reversed(self._modules.values()):
                X = block(X)
            return X

    yield "blocks.sequential", "last block first", Reversed, EVERYTHING - {NAMES, TWICE, ITEMS}

    class Children(MySequential):
        def forward(self, X):
            for block in self.children():
                X = block(X)
            return X

    yield "blocks.sequential", "children() skips a repeated block", Children, {TWICE, SLICES}

    class ChildrenSliced(MySequential):
        def __getitem__(self, index):
            if isinstance(index, slice):
                return type(self)(*list(self.children())[index])
            return super().__getitem__(index)

    yield "blocks.sequential", "slices of children()", ChildrenSliced, {SLICES}

    class Copied(MySequential):
        def __init__(self, *blocks):
            super().__init__(*copy.deepcopy(blocks))

    yield "blocks.sequential", "deep copies", Copied, {KEPT, ITEMS, SLICES, CALLED, TRAINS}

    class Remade(MySequential):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            return copy.deepcopy(found) if isinstance(index, slice) else found

    yield "blocks.sequential", "a slice of copies", Remade, {SLICES}

    class Wrapped(MySequential):
        def __init__(self, *blocks):
            super().__init__()
            self.net = nn.Sequential(*blocks)

    yield "blocks.sequential", "the built-in inside", Wrapped, EVERYTHING

    class InForward(MySequential):
        def forward(self, X):
            return nn.Sequential(*self._modules.values())(X)

    yield "blocks.sequential", "the built-in in forward", InForward, EVERYTHING - {NAMES, ITEMS}

    class Borrowed(MySequential):
        def __iter__(self):
            return iter(self._modules.values())

        def forward(self, X):
            return nn.Sequential.forward(self, X)

    yield "blocks.sequential", "the built-in's forward", Borrowed, EVERYTHING - {NAMES, ITEMS}

    class OwnRange(MySequential):
        def __getitem__(self, index):
            blocks = list(self._modules.values())
            if isinstance(index, slice):
                return type(self)(*[blocks[n] for n in range(index.start, index.stop)])
            return blocks[index]

    yield "blocks.sequential", "no open slices", OwnRange, {SLICES}

    class NoNegative(MySequential):
        def __getitem__(self, index):
            blocks = list(self._modules.values())
            if not isinstance(index, slice):
                return blocks[index]
            stop = len(blocks) if index.stop is None else index.stop
            return type(self)(*[blocks[n] for n in range(index.start or 0, stop)])

    yield "blocks.sequential", "no negative slices", NoNegative, {SLICES}

    class Freezing(MySequential):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            return found.requires_grad_(False) if isinstance(index, slice) else found

    yield "blocks.sequential", "a slice that freezes", Freezing, {SLICES}

    class Different(MySequential):
        def __len__(self):
            return len(set(self._modules.values()))

    yield "blocks.sequential", "the number of different blocks", Different, {ITEMS, SLICES}

    class Forward(MySequential):
        def forward(self, X):
            for block in self._modules.values():
                X = block.forward(X)
            return X

    yield "blocks.sequential", "block.forward", Forward, {CALLED}

    class DetachedOutput(MySequential):
        def forward(self, X):
            return super().forward(X).detach()

    yield "blocks.sequential", "a detached output", DetachedOutput, {TRAINS}

    class Forgetful(MySequential):
        def __init__(self, *blocks):
            self.blocks = nn.ModuleList(blocks)

    yield "blocks.sequential", "super().__init__() missing", Forgetful, EVERYTHING
    yield "blocks.sequential", "the built-in itself", nn.Sequential, EVERYTHING
    yield "blocks.sequential", "a subclass of it", type("Mine", (nn.Sequential,), {}), EVERYTHING

    class ListOnly(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            hidden = list(self.hidden)
            del self.hidden
            self.hidden = hidden

    yield "blocks.lost-layer", "the plain list left", ListOnly, {REGISTERED, STEP}

    class TensorOnly(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            del self.scale
            self.scale = torch.ones(sizes[1], requires_grad=True)

    yield "blocks.lost-layer", "the plain tensor left", TensorOnly, {REGISTERED, STEP}

    class HeadLate(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.sizes = sizes
            del self.head

        def forward(self, X):
            self.head = nn.Linear(self.sizes[1], self.sizes[2])
            return super().forward(X)

    yield "blocks.lost-layer", "the late head left", HeadLate, {REGISTERED, VALUE, STEP}

    class HeadAtFirst(HeadLate):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.head = None

        def forward(self, X):
            if self.head is None:
                self.head = nn.Linear(self.sizes[1], self.sizes[2])
            return Tower.forward(self, X)

    yield "blocks.lost-layer", "the head made in the first call", HeadAtFirst, {REGISTERED}

    class OneScale(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.scale = nn.Parameter(torch.ones(()))

    yield "blocks.lost-layer", "one scale for all", OneScale, {REGISTERED, VALUE, STEP}

    class RowScale(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.scale = nn.Parameter(torch.ones(1, sizes[1]))

    yield "blocks.lost-layer", "a scale with two axes", RowScale, {REGISTERED, VALUE, STEP}

    class NoRelu(Tower):
        def forward(self, X):
            for layer in self.hidden[:-1]:
                X = F.relu(layer(X))
            return self.head(self.hidden[-1](X) * self.scale)

    yield "blocks.lost-layer", "the last ReLU lost", NoRelu, {VALUE, STEP}

    class NoScale(Tower):
        def forward(self, X):
            for layer in self.hidden:
                X = F.relu(layer(X))
            return self.head(X)

    yield "blocks.lost-layer", "scale not used", NoScale, {VALUE, STEP}

    class ScaleEarly(Tower):
        def forward(self, X):
            for layer in self.hidden[:-1]:
                X = F.relu(layer(X))
            return self.head(F.relu(self.hidden[-1](X) * self.scale))

    yield "blocks.lost-layer", "scale before the last ReLU", ScaleEarly, {VALUE, STEP}

    class DetachLeft(Tower):
        def forward(self, X):
            for layer in self.hidden:
                X = F.relu(layer(X))
            return self.head(X.detach() * self.scale)

    yield "blocks.lost-layer", "the detach left", DetachLeft, {STEP}

    class PlainList(nn.Module):
        forward = Mixture.forward

        def __init__(self, gate, experts):
            super().__init__()
            self.gate, self.experts = gate, list(experts)

    yield "blocks.parallel", "a plain list", PlainList, {EXPERTS}

    class OverSteps(Mixture):
        def forward(self, X):
            shares = self.gate(X).softmax(dim=1)
            outputs = torch.stack([expert(X) for expert in self.experts], dim=-1)
            return (outputs * shares.unsqueeze(-2)).sum(-1)

    yield "blocks.parallel", "a softmax over axis 1", OverSteps, {MORE}

    class OverExamples(Mixture):
        def forward(self, X):
            shares = self.gate(X).softmax(dim=0)
            outputs = torch.stack([expert(X) for expert in self.experts], dim=-1)
            return (outputs * shares.unsqueeze(-2)).sum(-1)

    fails = {VALUE, MORE, EVERY}
    yield "blocks.parallel", "a softmax over the examples", OverExamples, fails

    class ThreeAxes(Mixture):
        def forward(self, X):
            shares = self.gate(X).softmax(2)
            parts = [shares[:, :, n : n + 1] * one(X) for n, one in enumerate(self.experts)]
            return sum(parts)

    fails = {VALUE, MORE, EVERY, CALLED}
    yield "blocks.parallel", "three axes and no others", ThreeAxes, fails

    class TwoAxes(Mixture):
        def forward(self, X):
            shares = self.gate(X).softmax(-1)
            return sum(shares[:, n : n + 1] * one(X) for n, one in enumerate(self.experts))

    yield "blocks.parallel", "two axes and no others", TwoAxes, {MORE}

    class Squeezed(Mixture):
        def forward(self, X):
            return super().forward(X).squeeze()

    yield "blocks.parallel", "axes of length 1 lost", Squeezed, {VALUE, MORE}

    class EachOnce(Mixture):
        def __init__(self, gate, experts):
            super().__init__(gate, dict.fromkeys(experts))

        def forward(self, X):
            shares = self.gate(X).softmax(-1)
            return sum(shares[..., n : n + 1] * one(X) for n, one in enumerate(self.experts))

    yield "blocks.parallel", "each expert once", EachOnce, {VALUE}

    class Forward(Mixture):
        def forward(self, X):
            shares = self.gate.forward(X).softmax(dim=-1)
            outputs = torch.stack([expert.forward(X) for expert in self.experts], dim=-1)
            return (outputs * shares.unsqueeze(-2)).sum(-1)

    yield "blocks.parallel", "expert.forward", Forward, {CALLED}

    class Equal(Mixture):
        def forward(self, X):
            return sum(expert(X) for expert in self.experts) / len(self.experts)

    yield "blocks.parallel", "the mean of the experts", Equal, {VALUE, MORE, EVERY, CALLED}

    class Raw(Mixture):
        def forward(self, X):
            shares = self.gate(X)
            outputs = torch.stack([expert(X) for expert in self.experts], dim=-1)
            return (outputs * shares.unsqueeze(-2)).sum(-1)

    yield "blocks.parallel", "no softmax", Raw, {VALUE, MORE, EVERY}

    class NoGateGradient(Mixture):
        def forward(self, X):
            shares = self.gate(X).softmax(dim=-1).detach()
            outputs = torch.stack([expert(X) for expert in self.experts], dim=-1)
            return (outputs * shares.unsqueeze(-2)).sum(-1)

    yield "blocks.parallel", "the gate detached", NoGateGradient, {EVERY}

    class Copies(Mixture):
        def __init__(self, gate, experts):
            super().__init__(gate, copy.deepcopy(experts))

    yield "blocks.parallel", "copies of the experts", Copies, {EVERY, CALLED}

    def in_order(net, names, X):
        found = {}
        for name, child in net.named_children():
            X = child(X)
            if name in names:
                found[name] = X
        return found

    yield "blocks.features", "a loop over the children", in_order, FEATURES - {CHAIN}

    def without_clone(net, names, X):
        found, handles = {}, []
        for name in names:
            hook = lambda _, __, output, name=name: found.update({name: output.detach()})  # noqa: E731
            handles.append(net.get_submodule(name).register_forward_hook(hook))
        try:
            net(X)
        finally:
            for handle in handles:
                handle.remove()
        return found

    yield "blocks.features", "no copy of the output", without_clone, {BEFORE}

    def no_finally(net, names, X):
        found, handles = {}, []
        for name in names:
            hook = lambda _, __, output, name=name: found.update({name: output.clone()})  # noqa: E731
            handles.append(net.get_submodule(name).register_forward_hook(hook))
        net(X)
        for handle in handles:
            handle.remove()
        return found

    yield "blocks.features", "the hooks left behind after an error", no_finally, {ERROR}

    features = solution["features"]

    def as_tuple(net, names, X):
        return tuple(features(net, names, X).values())

    yield "blocks.features", "a tuple", as_tuple, FEATURES

    def by_forward(net, names, X):
        forward, hooked = net.forward, type("Hooked", (nn.Module,), {})()
        hooked.forward = forward
        hooked.get_submodule = net.get_submodule
        return features(hooked, names, X)

    yield "blocks.features", "net.forward", by_forward, {SAME}

    def all_hooks_removed(net, names, X):
        found = features(net, names, X)
        for module in net.modules():
            module._forward_hooks.clear()
        return found

    yield "blocks.features", "the hooks of others removed", all_hooks_removed, {SAME}

    def before_the_call(net, names, X):
        found, handles = {}, []
        for name in names:
            hook = lambda module, inputs, name=name: found.update(  # noqa: E731
                {name: module.forward(*inputs).clone()}
            )
            handles.append(net.get_submodule(name).register_forward_pre_hook(hook))
        try:
            net(X)
        finally:
            for handle in handles:
                handle.remove()
        return found

    yield "blocks.features", "a module run once more in a hook", before_the_call, {ONCE}

    def not_in_place(net, names, X):
        for module in net.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        return features(net, names, X)

    yield "blocks.features", "the ReLU in place no more", not_in_place, {SAME}

    def with_gradients(net, names, X):
        found = features(net, names, X)
        net(X).sum().backward()
        return found

    yield "blocks.features", "gradients left behind", with_gradients, {ONCE, SAME}

    def with_a_probe(net, names, X):
        found = features(net, names, X)
        net.probe = nn.Identity()
        return found

    yield "blocks.features", "a module added", with_a_probe, {SAME}

    def hooks_left(net, names, X):
        found = {}
        for name in names:
            hook = lambda _, __, output, name=name: found.update({name: output.clone()})  # noqa: E731
            net.get_submodule(name).register_forward_hook(hook)
        net(X)
        return found

    yield "blocks.features", "the hooks left behind", hooks_left, {SAME, ERROR}

    def one_run_each(net, names, X):
        return {name: solution["features"](net, [name], X)[name] for name in names}

    yield "blocks.features", "one run for each name", one_run_each, {ONCE}

    def evaluated(net, names, X):
        return solution["features"](net.eval(), names, X)

    yield "blocks.features", "the mode changed", evaluated, {SAME, ERROR}

    def evaluated_for_a_while(net, names, X):
        was = net.training
        try:
            return solution["features"](net.eval(), names, X)
        finally:
            net.train(was)

    yield "blocks.features", "one mode set back for all parts", evaluated_for_a_while, {SAME}

    def frozen(net, names, X):
        return solution["features"](net.requires_grad_(False), names, X)

    yield "blocks.features", "the network frozen", frozen, {SAME, ERROR}

    def last_name(net, names, X):
        found, handles = {}, []
        for name in names:

            def hook(module, inputs, output):
                found[name] = output.clone()  # noqa: B023

            handles.append(net.get_submodule(name).register_forward_hook(hook))
        net(X)
        for handle in handles:
            handle.remove()
        return found

    yield "blocks.features", "the loop's last name in every hook", last_name, FEATURES

    def inputs_kept(net, names, X):
        found, handles = {}, []
        for name in names:
            hook = lambda _, inputs, __, name=name: found.update({name: inputs[0].clone()})  # noqa: E731
            handles.append(net.get_submodule(name).register_forward_hook(hook))
        net(X)
        for handle in handles:
            handle.remove()
        return found

    yield "blocks.features", "the inputs of the layers", inputs_kept, FEATURES

    Block, Attention = solution["TransformerBlock"], solution["SelfAttention"]
    values = {ONE, SEVERAL, CAUSAL, BACK}

    class PostNorm(Block):
        def forward(self, X, causal=False):
            X = self.norm1(X + self.self_attn(X, causal))
            return self.norm2(X + self.linear2(F.relu(self.linear1(X))))

    yield "blocks.transformer", "post-norm", PostNorm, values

    class NormOnTheSkip(Block):
        def forward(self, X, causal=False):
            X = self.norm1(X)
            X = X + self.self_attn(X, causal)
            Z = self.norm2(X)
            return Z + self.linear2(F.relu(self.linear1(Z)))

    yield "blocks.transformer", "the norm on the skip connection", NormOnTheSkip, values

    def with_attention(attend):
        """The block, with another attention."""

        class Other(Attention):
            def forward(self, Z, causal=False):
                n, steps, width = Z.shape
                parts = F.linear(Z, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
                mixed = attend(self.heads, *parts, causal)
                return self.out_proj(mixed.reshape(n, steps, width))

        class Changed(Block):
            def __init__(self, width, heads, hidden):
                super().__init__(width, heads, hidden)
                self.self_attn = Other(width, heads)

        return Changed

    def split(heads, part):
        return part.unflatten(-1, (heads, -1)).transpose(1, 2)

    def mask(scores):
        return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)

    def unscaled(heads, Q, K, V, causal):
        Q, K, V = (split(heads, part) for part in (Q, K, V))
        scores = Q @ K.mT
        return ((mask(scores) if causal else scores).softmax(-1) @ V).transpose(1, 2)

    yield "blocks.transformer", "the scores not divided", with_attention(unscaled), values

    def by_width(heads, Q, K, V, causal):
        return unscaled(heads, Q / Q.shape[-1] ** 0.5, K, V, causal)

    fails = values - {ONE}
    yield "blocks.transformer", "divided by the whole width", with_attention(by_width), fails

    def over_queries(heads, Q, K, V, causal):
        Q, K, V = (split(heads, part) for part in (Q, K, V))
        scores = Q @ K.mT / Q.shape[-1] ** 0.5
        shares = (mask(scores) if causal else scores).softmax(-2)
        return (shares @ V).transpose(1, 2)

    yield "blocks.transformer", "a softmax over the queries", with_attention(over_queries), values

    def one_head(heads, Q, K, V, causal):
        return F.scaled_dot_product_attention(Q, K, V, is_causal=causal)

    yield "blocks.transformer", "always one head", with_attention(one_head), values - {ONE}

    def interleaved(heads, Q, K, V, causal):
        parts = (part.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2) for part in (Q, K, V))
        return F.scaled_dot_product_attention(*parts, is_causal=causal).permute(0, 2, 3, 1)

    yield "blocks.transformer", "interleaved heads", with_attention(interleaved), values - {ONE}

    def merged(heads, Q, K, V, causal):
        parts = (split(heads, part) for part in (Q, K, V))
        return F.scaled_dot_product_attention(*parts, is_causal=causal)

    yield "blocks.transformer", "heads not brought back", with_attention(merged), values - {ONE}

    def masked_late(heads, Q, K, V, causal):
        Q, K, V = (split(heads, part) for part in (Q, K, V))
        shares = (Q @ K.mT / Q.shape[-1] ** 0.5).softmax(-1)
        return ((shares.tril() if causal else shares) @ V).transpose(1, 2)

    yield "blocks.transformer", "masked after the softmax", with_attention(masked_late), {CAUSAL}

    class NeverCausal(Block):
        def forward(self, X, causal=False):
            return super().forward(X)

    yield "blocks.transformer", "causal ignored", NeverCausal, {CAUSAL}

    class NoGradient(Block):
        def forward(self, X, causal=False):
            with torch.no_grad():
                change = self.self_attn(self.norm1(X), causal)
            X = X + change
            return X + self.linear2(F.relu(self.linear1(self.norm2(X))))

    yield "blocks.transformer", "no gradient through the attention", NoGradient, {BACK}

    class BuiltIn(Block):
        def __init__(self, width, heads, hidden):
            super().__init__(width, heads, hidden)
            self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)

        def forward(self, X, causal=False):
            Z = self.norm1(X)
            later = torch.ones(Z.shape[1], Z.shape[1]).triu(1).bool() if causal else None
            X = X + self.self_attn(Z, Z, Z, attn_mask=later)[0]
            return X + self.linear2(F.relu(self.linear1(self.norm2(X))))

    yield "blocks.transformer", "the built-in attention", BuiltIn, {LOADS, *values}

    class OtherNames(Block):
        def __init__(self, width, heads, hidden):
            super().__init__(width, heads, hidden)
            self.up, self.down = self.linear1, self.linear2
            del self.linear1, self.linear2

        def forward(self, X, causal=False):
            X = X + self.self_attn(self.norm1(X), causal)
            return X + self.down(F.relu(self.up(self.norm2(X))))

    yield "blocks.transformer", "names that do not load", OtherNames, {LOADS, *values}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    yield from _counts(solution["parameters"])
    yield from _classes(solution)

    def built(inputs, width, hidden, blocks, outputs):
        sizes = [(inputs, width), *[(width, hidden), (hidden, width)] * blocks, (width, outputs)]
        total = 0
        for m, n in sizes:
            layer = layers.Dense(n)
            layer.build((None, m))
            total += layer.count_params()
        return total

    yield "blocks.count", "the network built", built, {LARGE}

    Residual, MySequential = solution["Residual"], solution["MySequential"]
    Tower, Mixture = solution["Tower"], solution["Mixture"]

    class ReluLast(Residual):
        def call(self, X):
            return ops.relu(super().call(X))

    yield "blocks.residual", "a ReLU after the sum", ReluLast, {EQUAL, DIFFERENT, GRADIENTS, INPUT}

    class Detached(Residual):
        def call(self, X):
            shortcut = X if self.projection is None else self.projection(X)
            return self.down(self.up(X)) + tf.stop_gradient(shortcut)

    yield "blocks.residual", "a detached shortcut", Detached, {GRADIENTS, INPUT}

    class Biased(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if self.projection is not None:
                self.projection = layers.Dense(outputs)

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "a projection with a bias", Biased, fails

    class Always(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.projection = layers.Dense(outputs, use_bias=False)

    yield "blocks.residual", "always a projection", Always, {EQUAL, PARAMETERS, INPUT}

    class NoShortcut(Residual):
        def call(self, X):
            return self.down(self.up(X))

    fails = {EQUAL, DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "no shortcut", NoShortcut, fails

    class Frozen(Residual):
        def call(self, X):
            hidden = tf.stop_gradient(self.up(X))
            shortcut = X if self.projection is None else self.projection(X)
            return self.down(hidden) + shortcut

    yield "blocks.residual", "a layer without gradient", Frozen, {GRADIENTS, INPUT}

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}

    class OnlyNarrower(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if inputs < outputs:
                self.projection = None

        def call(self, X):
            Y = self.down(self.up(X))
            if self.projection is not None:
                return Y + self.projection(X)
            return Y + tf.pad(X, [[0, 0], [0, Y.shape[-1] - X.shape[-1]]])

    yield "blocks.residual", "zeros appended where it widens", OnlyNarrower, fails

    class FrozenIdentity(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            if inputs == outputs:
                self.projection = layers.Dense(
                    outputs, use_bias=False, kernel_initializer="identity", trainable=False
                )

    yield "blocks.residual", "an identity matrix for equal widths", FrozenIdentity, {PARAMETERS}

    class FrozenUp(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.up.trainable = False

    yield "blocks.residual", "up is not trained", FrozenUp, {PARAMETERS}

    class InOne(Residual):
        def __init__(self, inputs, hidden, outputs):
            super().__init__(inputs, hidden, outputs)
            self.up = keras.Sequential([layers.Dense(hidden), layers.ReLU()])

    fails = {EQUAL, DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "up with its ReLU in one", InOne, fails

    class Sorted(MySequential):
        def call(self, X):
            for number in sorted(str(n) for n in range(len(self.blocks))):
                X = self.blocks[int(number)](X)
            return X

    yield "blocks.sequential", "numbers sorted as words", Sorted, {ORDER}

    class Reversed(MySequential):
        def call(self, X):
            for block in reversed(self.blocks):
                X = block(X)
            return X

    yield "blocks.sequential", "last block first", Reversed, EVERYTHING - {TWICE, ITEMS}

    class Once(MySequential):
        def call(self, X):
            for block in dict.fromkeys(self.blocks):
                X = block(X)
            return X

    yield "blocks.sequential", "each block once", Once, {TWICE, SLICES}

    class Copied(MySequential):
        def __init__(self, blocks=(), **kwargs):
            blocks = [block.__class__.from_config(block.get_config()) for block in blocks]
            super().__init__(blocks, **kwargs)

    yield "blocks.sequential", "layers made anew", Copied, EVERYTHING

    class Remade(MySequential):
        def __getitem__(self, index):
            found = self.blocks[index]
            if not isinstance(index, slice):
                return found
            return MySequential([copy.deepcopy(block) for block in found])

    yield "blocks.sequential", "a slice of copies", Remade, {SLICES}

    class Listed(MySequential):
        def __getitem__(self, index):
            return self.blocks[index]

    yield "blocks.sequential", "a slice that is a list", Listed, {SLICES}

    class Hidden(MySequential):
        def __init__(self, blocks, **kwargs):
            super().__init__([], **kwargs)
            self.get = lambda: blocks

        def call(self, X):
            for block in self.get():
                X = block(X)
            return X

        def __len__(self):
            return len(self.get())

        def __getitem__(self, index):
            found = self.get()[index]
            return Hidden(found) if isinstance(index, slice) else found

    yield "blocks.sequential", "hidden in a function", Hidden, {NAMES, CALLED}

    class Inside(MySequential):
        def __init__(self, blocks, **kwargs):
            super().__init__(blocks, **kwargs)
            self.net = keras.Sequential(blocks)

        def call(self, X):
            return self.net(X)

    yield "blocks.sequential", "the built-in inside", Inside, EVERYTHING

    class InCall(MySequential):
        def call(self, X):
            return keras.Sequential(list(self.blocks))(X)

    yield "blocks.sequential", "the built-in in call", InCall, EVERYTHING - {ITEMS}

    class OwnRange(MySequential):
        def __getitem__(self, index):
            if isinstance(index, slice):
                return type(self)([self.blocks[n] for n in range(index.start, index.stop)])
            return self.blocks[index]

    yield "blocks.sequential", "no open slices", OwnRange, {SLICES}

    class Freezing(MySequential):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            if isinstance(index, slice):
                found.trainable = False
            return found

    yield "blocks.sequential", "a slice that freezes", Freezing, {SLICES}

    class Different(MySequential):
        def __len__(self):
            return len({id(block) for block in self.blocks})

    yield "blocks.sequential", "the number of different blocks", Different, {ITEMS, SLICES}

    class Call(MySequential):
        def call(self, X):
            for block in self.blocks:
                X = block.call(X)
            return X

    yield "blocks.sequential", "block.call", Call, {CALLED}

    class StoppedOutput(MySequential):
        def call(self, X):
            return tf.stop_gradient(super().call(X))

    yield "blocks.sequential", "an output without gradient", StoppedOutput, {TRAINS}

    class Forgetful(MySequential):
        def __init__(self, blocks=(), **kwargs):
            self.blocks = list(blocks)

    yield "blocks.sequential", "super().__init__() missing", Forgetful, EVERYTHING - {ITEMS}
    yield "blocks.sequential", "the built-in itself", keras.Sequential, EVERYTHING

    class VariableOnly(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            scale = tf.Variable(tf.ones(sizes[1]))
            self.__dict__["scale"] = scale
            self._untrack_variable(self._trainable_variables[0])

    yield "blocks.lost-layer", "the tf.Variable left", VariableOnly, {REGISTERED, STEP}

    class HeadLate(Tower):
        def call(self, X):
            for layer in self.hidden:
                X = ops.relu(layer(X))
            return layers.Dense(self.head.units)(X * self.scale)

    yield "blocks.lost-layer", "the late head left", HeadLate, {REGISTERED, VALUE, STEP}

    class StopLeft(Tower):
        def call(self, X):
            for layer in self.hidden:
                X = ops.relu(layer(X))
            return self.head(tf.stop_gradient(X) * self.scale)

    yield "blocks.lost-layer", "the stop_gradient left", StopLeft, {STEP}

    class NoRelu(Tower):
        def call(self, X):
            for layer in self.hidden[:-1]:
                X = ops.relu(layer(X))
            return self.head(self.hidden[-1](X) * self.scale)

    yield "blocks.lost-layer", "the last ReLU lost", NoRelu, {VALUE, STEP}

    class OneScale(Tower):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self._untrack_variable(self.scale)
            self.scale = self.add_weight(shape=(), initializer="ones")

    yield "blocks.lost-layer", "one scale for all", OneScale, {REGISTERED, VALUE, STEP}

    class NoScale(Tower):
        def call(self, X):
            for layer in self.hidden:
                X = ops.relu(layer(X))
            return self.head(X)

    yield "blocks.lost-layer", "scale not used", NoScale, {VALUE, STEP}

    class ScaleEarly(Tower):
        def call(self, X):
            for layer in self.hidden[:-1]:
                X = ops.relu(layer(X))
            return self.head(ops.relu(self.hidden[-1](X) * self.scale))

    yield "blocks.lost-layer", "scale before the last ReLU", ScaleEarly, {VALUE, STEP}

    class InAFunction(Mixture):
        def __init__(self, gate, experts):
            super().__init__(gate, [])
            self.get = lambda: experts

        def call(self, X):
            shares = ops.softmax(self.gate(X))
            outputs = ops.stack([expert(X) for expert in self.get()], axis=-1)
            return ops.sum(outputs * shares[..., None, :], axis=-1)

    yield "blocks.parallel", "the experts hidden in a function", InAFunction, {EXPERTS, CALLED}

    class OverSteps(Mixture):
        def call(self, X):
            shares = ops.softmax(self.gate(X), axis=1)
            outputs = ops.stack([expert(X) for expert in self.experts], axis=-1)
            return ops.sum(outputs * shares[..., None, :], axis=-1)

    yield "blocks.parallel", "a softmax over axis 1", OverSteps, {MORE}

    class OverExamples(Mixture):
        def call(self, X):
            shares = ops.softmax(self.gate(X), axis=0)
            outputs = ops.stack([expert(X) for expert in self.experts], axis=-1)
            return ops.sum(outputs * shares[..., None, :], axis=-1)

    fails = {VALUE, MORE, EVERY}
    yield "blocks.parallel", "a softmax over the examples", OverExamples, fails

    class ThreeAxes(Mixture):
        def call(self, X):
            shares = tf.nn.softmax(self.gate(X), 2)
            return sum(shares[:, :, n : n + 1] * one(X) for n, one in enumerate(self.experts))

    fails = {VALUE, MORE, EXPERTS, EVERY, CALLED}
    yield "blocks.parallel", "three axes and no others", ThreeAxes, fails

    class TwoAxes(Mixture):
        def call(self, X):
            shares = ops.softmax(self.gate(X))
            return sum(shares[:, n : n + 1] * one(X) for n, one in enumerate(self.experts))

    yield "blocks.parallel", "two axes and no others", TwoAxes, {MORE}

    class Squeezed(Mixture):
        def call(self, X):
            return ops.squeeze(super().call(X))

    yield "blocks.parallel", "axes of length 1 lost", Squeezed, {VALUE, MORE}

    class EachOnce(Mixture):
        def __init__(self, gate, experts):
            super().__init__(gate, list(dict.fromkeys(experts)))

        def call(self, X):
            shares = ops.softmax(self.gate(X))
            return sum(shares[..., n : n + 1] * one(X) for n, one in enumerate(self.experts))

    yield "blocks.parallel", "each expert once", EachOnce, {VALUE}

    class Call(Mixture):
        def call(self, X):
            shares = ops.softmax(self.gate.call(X))
            outputs = ops.stack([expert.call(X) for expert in self.experts], axis=-1)
            return ops.sum(outputs * shares[..., None, :], axis=-1)

    yield "blocks.parallel", "expert.call", Call, {CALLED}

    class Equal(Mixture):
        def call(self, X):
            return sum(expert(X) for expert in self.experts) / len(self.experts)

    yield "blocks.parallel", "the mean of the experts", Equal, {VALUE, MORE, EVERY, CALLED}

    class Raw(Mixture):
        def call(self, X):
            outputs = ops.stack([expert(X) for expert in self.experts], axis=-1)
            return ops.sum(outputs * self.gate(X)[..., None, :], axis=-1)

    yield "blocks.parallel", "no softmax", Raw, {VALUE, MORE, EVERY}

    class NoGateGradient(Mixture):
        def call(self, X):
            shares = tf.stop_gradient(ops.softmax(self.gate(X)))
            outputs = ops.stack([expert(X) for expert in self.experts], axis=-1)
            return ops.sum(outputs * shares[..., None, :], axis=-1)

    yield "blocks.parallel", "the gate cut off", NoGateGradient, {EVERY}

    def in_order(net, names, X):
        found = {}
        for layer in net.layers:
            if not isinstance(layer, layers.InputLayer):
                X = layer(X)
            if layer.name in names:
                found[layer.name] = X
        return found

    yield "blocks.features", "a loop over the layers", in_order, FEATURES - {CHAIN}

    def one_run_each(net, names, X):
        return {name: keras.Model(net.inputs, net.get_layer(name).output)(X) for name in names}

    yield "blocks.features", "one model for each name", one_run_each, {ONCE}

    def inputs_kept(net, names, X):
        probe = keras.Model(net.inputs, {name: net.get_layer(name).input for name in names})
        return probe(X)

    yield "blocks.features", "the inputs of the layers", inputs_kept, FEATURES

    def cloned(net, names, X):
        net = keras.models.clone_model(net)
        return solution["features"](net, names, X)

    yield "blocks.features", "a clone, with new weights", cloned, FEATURES

    def frozen(net, names, X):
        net.trainable = False
        return solution["features"](net, names, X)

    yield "blocks.features", "the network frozen", frozen, {SAME, ERROR}

    features = solution["features"]

    def as_list(net, names, X):
        return list(features(net, names, X).values())

    yield "blocks.features", "a list", as_list, FEATURES

    def compiled(net, names, X):
        net.compile("sgd", "mse")
        return features(net, names, X)

    yield "blocks.features", "the network compiled", compiled, {SAME, ERROR}

    def patched(net, names, X):
        found = {}

        def patch(layer, call):
            def recording(*inputs, **options):
                found[layer.name] = call(*inputs, **options)
                return found[layer.name]

            layer.call = recording

        for name in names:
            patch(net.get_layer(name), net.get_layer(name).call)
        net(X)
        return found

    yield "blocks.features", "call replaced and left so", patched, {SAME, ERROR}

    def layers_frozen(net, names, X):
        for name in names:
            net.get_layer(name).trainable = False
        return features(net, names, X)

    yield "blocks.features", "the layers frozen", layers_frozen, {SAME, ERROR}

    def with_an_attribute(net, names, X):
        found = features(net, names, X)
        net.probe = keras.Model(net.inputs, net.outputs)
        return found

    yield "blocks.features", "a model added", with_an_attribute, {SAME}

    Block, Attention = solution["TransformerBlock"], solution["SelfAttention"]
    values = {ONE, SEVERAL, CAUSAL, BACK}

    class PostNorm(Block):
        def call(self, X, causal=False):
            X = self.norm1(X + self.attention(X, causal=causal))
            return self.norm2(X + self.down(self.up(X)))

    yield "blocks.transformer", "post-norm", PostNorm, values

    class NormOnTheSkip(Block):
        def call(self, X, causal=False):
            X = self.norm1(X)
            X = X + self.attention(X, causal=causal)
            Z = self.norm2(X)
            return Z + self.down(self.up(Z))

    yield "blocks.transformer", "the norm on the skip connection", NormOnTheSkip, values

    def with_attention(attend):
        """The block, with another attention: from (n, steps, heads, size) to the same."""

        class Other(Attention):
            def call(self, Z, causal=False):
                return self.out(attend(self.query(Z), self.key(Z), self.value(Z), causal))

        class Changed(Block):
            def __init__(self, width, heads, hidden):
                super().__init__(width, heads, hidden)
                self.attention = Other(width, heads)

        return Changed

    def attend(Q, K, V, causal, scale=None, axis=-1):
        scale = Q.shape[-1] ** -0.5 if scale is None else scale
        scores = ops.einsum("nqhd,nkhd->nhqk", Q, K) * scale
        if causal:
            scores = ops.where(np.tri(Q.shape[1]) > 0, scores, -1e9)
        return ops.einsum("nhqk,nkhd->nqhd", ops.softmax(scores, axis=axis), V)

    def unscaled(Q, K, V, causal):
        return attend(Q, K, V, causal, scale=1.0)

    yield "blocks.transformer", "the scores not divided", with_attention(unscaled), values

    def by_width(Q, K, V, causal):
        return attend(Q, K, V, causal, scale=(Q.shape[-1] * Q.shape[-2]) ** -0.5)

    fails = values - {ONE}
    yield "blocks.transformer", "divided by the whole width", with_attention(by_width), fails

    def over_queries(Q, K, V, causal):
        return attend(Q, K, V, causal, axis=-2)

    yield "blocks.transformer", "a softmax over the queries", with_attention(over_queries), values

    def one_head(Q, K, V, causal):
        shape = ops.shape(Q)
        Q, K, V = (ops.reshape(part, (*shape[:2], 1, -1)) for part in (Q, K, V))
        return ops.reshape(attend(Q, K, V, causal), shape)

    yield "blocks.transformer", "always one head", with_attention(one_head), values - {ONE}

    def over_heads(Q, K, V, causal):
        scores = ops.einsum("nshd,nsgd->nshg", Q, K) * Q.shape[-1] ** -0.5
        return ops.einsum("nshg,nsgd->nshd", ops.softmax(scores), V)

    yield "blocks.transformer", "heads attend to heads", with_attention(over_heads), values

    def masked_late(Q, K, V, causal):
        scores = ops.einsum("nqhd,nkhd->nhqk", Q, K) * Q.shape[-1] ** -0.5
        shares = ops.softmax(scores) * (np.tri(Q.shape[1], dtype="float32") if causal else 1.0)
        return ops.einsum("nhqk,nkhd->nqhd", shares, V)

    yield "blocks.transformer", "masked after the softmax", with_attention(masked_late), {CAUSAL}

    class NeverCausal(Block):
        def call(self, X, causal=False):
            return super().call(X)

    yield "blocks.transformer", "causal ignored", NeverCausal, {CAUSAL}

    class NoGradient(Block):
        def call(self, X, causal=False):
            X = X + tf.stop_gradient(self.attention(self.norm1(X), causal=causal))
            return X + self.down(self.up(self.norm2(X)))

    yield "blocks.transformer", "no gradient through the attention", NoGradient, {BACK}

    class BuiltIn(Block):
        def __init__(self, width, heads, hidden):
            super().__init__(width, heads, hidden)
            self.attention = layers.MultiHeadAttention(heads, width // heads)

        def call(self, X, causal=False):
            Z = self.norm1(X)
            X = X + self.attention(Z, Z, use_causal_mask=causal)
            return X + self.down(self.up(self.norm2(X)))

    yield "blocks.transformer", "the built-in attention", BuiltIn, {LOADS, *values}

    class KeyFirst(Attention):
        def __init__(self, width, heads):
            super().__init__(width, heads)
            self.query, self.key = self.key, self.query

    class OtherOrder(Block):
        def __init__(self, width, heads, hidden):
            super().__init__(width, heads, hidden)
            self.attention = KeyFirst(width, heads)

    yield "blocks.transformer", "key before query", OtherOrder, values


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
