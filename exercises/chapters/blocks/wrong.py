"""Plausible wrong answers to the exercises of *Layers and blocks*.

Each entry: the question, what is wrong, the class, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, type, set[str]]

OUTPUT, ORDER, NAMES = "output of a chain", "order of the blocks", "names of your own"
ADDRESSES, NESTED = "parameters and their addresses", "blocks inside blocks"
TWICE, KEPT = "a block used twice", "the layers you were given"
ITEMS, SLICES = "length and items", "slices"

EQUAL, DIFFERENT, PARAMETERS = "equal widths", "different widths", "parameters"
GRADIENTS, INPUT = "a gradient for every parameter", "a gradient for the input"

SUM, CONCAT, MADE = (
    "the sum of the branches",
    "the branches joined",
    "branches made once, in __init__",
)
BRANCHES, EVERY, REFUSED = (
    "parameters of every branch",
    "a gradient for every branch",
    "an unknown merge is refused",
)

VALUE, COUNT, APART = "the block's output", "calls and shapes", "each object for itself"
STEPS, WAITING, OWNED = (
    "the framework's own steps",
    "a block that waits for its first input",
    "the block's parameters",
)

REGISTERED, TOWER, STEP = (
    "every parameter is registered",
    "the output",
    "one step moves everything",
)


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    MySequential, Residual = solution["MySequential"], solution["Residual"]
    Parallel, Counted, Tower = solution["Parallel"], solution["Counted"], solution["Tower"]
    everything = {
        OUTPUT, ORDER, ADDRESSES, NAMES, NESTED, TWICE, KEPT, ITEMS, SLICES
    }  # fmt: skip

    class Listed(nn.Module):
        def __init__(self, *blocks):
            super().__init__()
            if len(blocks) == 1 and isinstance(blocks[0], dict):
                blocks = blocks[0].values()
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

    yield "blocks.sequential", "a plain list", Listed, {ADDRESSES, NAMES}

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

    yield "blocks.sequential", "last block first", Reversed, {OUTPUT, ORDER, NESTED, KEPT, SLICES}

    class Children(MySequential):
        def forward(self, X):
            for block in self.children():
                X = block(X)
            return X

    yield "blocks.sequential", "children() skips a repeated block", Children, {TWICE}

    class Copied(MySequential):
        def __init__(self, *blocks):
            super().__init__(*copy.deepcopy(blocks))

    yield "blocks.sequential", "deep copies", Copied, {KEPT, ITEMS, SLICES}

    class Remade(MySequential):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            return copy.deepcopy(found) if isinstance(index, slice) else found

    yield "blocks.sequential", "a slice of copies", Remade, {SLICES}

    class Wrapped(MySequential):
        def __init__(self, *blocks):
            super().__init__()
            self.net = nn.Sequential(*blocks)

    yield "blocks.sequential", "the built-in inside", Wrapped, {ADDRESSES, NAMES, ITEMS, SLICES}

    class Forgetful(MySequential):
        def __init__(self, *blocks):
            self.blocks = nn.ModuleList(blocks)

    yield "blocks.sequential", "super().__init__() missing", Forgetful, everything
    yield "blocks.sequential", "the built-in itself", nn.Sequential, everything
    yield "blocks.sequential", "a subclass of it", type("Mine", (nn.Sequential,), {}), everything

    class ReluLast(Residual):
        def forward(self, X):
            return F.relu(super().forward(X))

    yield "blocks.residual", "a ReLU after the sum", ReluLast, {EQUAL, DIFFERENT, GRADIENTS, INPUT}

    class Detached(Residual):
        def forward(self, X):
            shortcut = X if self.projection is None else self.projection(X)
            return self.second(F.relu(self.first(X))) + shortcut.detach()

    yield "blocks.residual", "a detached shortcut", Detached, {GRADIENTS, INPUT}

    class InPlace(Residual):
        def forward(self, X):
            Y = self.second(F.relu(self.first(X)))
            if self.projection is not None:
                return Y + self.projection(X)
            with torch.no_grad():
                X += Y
            return X

    yield "blocks.residual", "the input changed in place", InPlace, {EQUAL, GRADIENTS, INPUT}

    class Biased(Residual):
        def __init__(self, inputs, outputs):
            super().__init__(inputs, outputs)
            if self.projection is not None:
                self.projection = nn.Linear(inputs, outputs)

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "a projection with a bias", Biased, fails

    class Always(Residual):
        def __init__(self, inputs, outputs):
            super().__init__(inputs, outputs)
            self.projection = nn.Linear(inputs, outputs, bias=False)

    yield "blocks.residual", "always a projection", Always, {EQUAL, PARAMETERS, INPUT}

    class NoShortcut(Residual):
        def forward(self, X):
            return self.second(F.relu(self.first(X)))

    yield "blocks.residual", "no shortcut", NoShortcut, {EQUAL, DIFFERENT, GRADIENTS, INPUT}

    class Frozen(Residual):
        def forward(self, X):
            with torch.no_grad():
                hidden = F.relu(self.first(X))
            shortcut = X if self.projection is None else self.projection(X)
            return self.second(hidden) + shortcut

    yield "blocks.residual", "a layer without gradient", Frozen, {GRADIENTS, INPUT}

    class Shared(nn.Module):
        forward = Parallel.forward

        def __init__(self, make, n, merge):
            super().__init__()
            if merge not in ("sum", "concat"):
                raise ValueError(merge)
            self.branches = nn.ModuleList([make()] * n)
            self.merge = merge

    yield "blocks.parallel", "[make()] * n", Shared, {SUM, CONCAT, MADE, BRANCHES, EVERY, REFUSED}

    class FirstAxis(Parallel):
        def forward(self, X):
            outputs = [branch(X) for branch in self.branches]
            return sum(outputs) if self.merge == "sum" else torch.cat(outputs, dim=1)

    yield "blocks.parallel", "joined along axis 1", FirstAxis, {CONCAT, EVERY}

    class Hidden(Parallel):
        def __init__(self, make, n, merge):
            super().__init__(make, 0, merge)
            del self.branches
            self.branches = [make() for _ in range(n)]

    yield "blocks.parallel", "a plain list", Hidden, {BRANCHES}

    class Late(Parallel):
        def __init__(self, make, n, merge):
            super().__init__(make, 0, merge)
            self.make, self.n = make, n

        def forward(self, X):
            self.branches = nn.ModuleList(self.make() for _ in range(self.n))
            return super().forward(X)

    yield "blocks.parallel", "made in forward", Late, {MADE, BRANCHES, EVERY}

    class Silent(nn.Module):
        forward = Parallel.forward

        def __init__(self, make, n, merge):
            super().__init__()
            self.branches = nn.ModuleList(make() for _ in range(n))
            self.merge = merge

    yield "blocks.parallel", "any merge accepted", Silent, {REFUSED}

    class FirstOnly(Parallel):
        def forward(self, X):
            outputs = [self.branches[0](X)]
            with torch.no_grad():
                outputs += [branch(X) for branch in self.branches[1:]]
            return sum(outputs) if self.merge == "sum" else torch.cat(outputs, dim=-1)

    yield "blocks.parallel", "branches cut off", FirstOnly, {EVERY}

    class Method(Counted):
        def forward(self, X):
            Y = self.block.forward(X)
            self.calls += 1
            self.shapes.append(tuple(Y.shape))
            return Y

    yield "blocks.calls", "forward called", Method, {STEPS, WAITING}

    class OneList(Counted):
        shared = []  # noqa: RUF012

        def __init__(self, block):
            super().__init__(block)
            self.shapes = OneList.shared

    yield "blocks.calls", "one list for all objects", OneList, {COUNT, APART, WAITING}

    class Inputs(Counted):
        def forward(self, X):
            self.calls += 1
            self.shapes.append(tuple(X.shape))
            return self.block(X)

    yield "blocks.calls", "the inputs' shapes", Inputs, {COUNT, APART, WAITING}

    class Twice(Counted):
        def forward(self, X):
            self.shapes.append(tuple(self.block(X).shape))
            self.calls += 1
            return self.block(X)

    yield "blocks.calls", "run once more for the shape", Twice, {STEPS}

    class Unregistered(Counted):
        def __init__(self, block):
            super().__init__(nn.Identity())
            del self.block
            self.__dict__["block"] = block

    yield "blocks.calls", "not registered", Unregistered, {OWNED}

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

    yield "blocks.lost-layer", "the late head left", HeadLate, {TOWER, STEP}

    class DetachLeft(Tower):
        def forward(self, X):
            for layer in self.hidden:
                X = F.relu(layer(X))
            return self.head(X.detach() * self.scale)

    yield "blocks.lost-layer", "the detach left", DetachLeft, {STEP}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import tensorflow as tf
    from keras import layers, ops

    MySequential, Residual = solution["MySequential"], solution["Residual"]
    Parallel, Counted, Tower = solution["Parallel"], solution["Counted"], solution["Tower"]
    everything = {
        OUTPUT, ORDER, ADDRESSES, NAMES, NESTED, TWICE, KEPT, ITEMS, SLICES
    }  # fmt: skip

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

    fails = {OUTPUT, ORDER, ADDRESSES, NESTED, KEPT, SLICES}
    yield "blocks.sequential", "last block first", Reversed, fails

    class Once(MySequential):
        def call(self, X):
            for block in dict.fromkeys(self.blocks):
                X = block(X)
            return X

    yield "blocks.sequential", "each block once", Once, {TWICE}

    class Copied(MySequential):
        def __init__(self, blocks=(), **kwargs):
            blocks = [block.__class__.from_config(block.get_config()) for block in blocks]
            super().__init__(blocks, **kwargs)

    yield "blocks.sequential", "layers made anew", Copied, everything - {NAMES}

    class Remade(MySequential):
        def __getitem__(self, index):
            found = self.blocks[index]
            if not isinstance(index, slice):
                return found
            return MySequential([copy.deepcopy(block) for block in found])

    yield "blocks.sequential", "a slice of copies", Remade, {SLICES}

    class Deaf(MySequential):
        def __init__(self, blocks=()):
            super().__init__(blocks)

    yield "blocks.sequential", "no **kwargs", Deaf, {NAMES}

    class Listed(MySequential):
        def __getitem__(self, index):
            return self.blocks[index]

    yield "blocks.sequential", "a slice that is a list", Listed, {SLICES}

    class Forgetful(MySequential):
        def __init__(self, blocks=(), **kwargs):
            self.blocks = list(blocks)

    yield "blocks.sequential", "super().__init__() missing", Forgetful, everything - {ITEMS}
    yield "blocks.sequential", "the built-in itself", keras.Sequential, everything

    class ReluLast(Residual):
        def call(self, X):
            return ops.relu(super().call(X))

    yield "blocks.residual", "a ReLU after the sum", ReluLast, {EQUAL, DIFFERENT, GRADIENTS, INPUT}

    class Detached(Residual):
        def call(self, X):
            shortcut = X if self.projection is None else self.projection(X)
            return self.second(ops.relu(self.first(X))) + tf.stop_gradient(shortcut)

    yield "blocks.residual", "a detached shortcut", Detached, {GRADIENTS, INPUT}

    class Biased(Residual):
        def __init__(self, inputs, outputs):
            super().__init__(inputs, outputs)
            if self.projection is not None:
                self.projection = layers.Dense(outputs)

    fails = {DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "a projection with a bias", Biased, fails

    class Always(Residual):
        def __init__(self, inputs, outputs):
            super().__init__(inputs, outputs)
            self.projection = layers.Dense(outputs, use_bias=False)

    yield "blocks.residual", "always a projection", Always, {EQUAL, PARAMETERS, INPUT}

    class NoShortcut(Residual):
        def call(self, X):
            return self.second(ops.relu(self.first(X)))

    fails = {EQUAL, DIFFERENT, PARAMETERS, GRADIENTS, INPUT}
    yield "blocks.residual", "no shortcut", NoShortcut, fails

    class Frozen(Residual):
        def call(self, X):
            hidden = tf.stop_gradient(ops.relu(self.first(X)))
            shortcut = X if self.projection is None else self.projection(X)
            return self.second(hidden) + shortcut

    yield "blocks.residual", "a layer without gradient", Frozen, {GRADIENTS, INPUT}

    class Shared(keras.Layer):
        call = Parallel.call

        def __init__(self, make, n, merge):
            super().__init__()
            if merge not in ("sum", "concat"):
                raise ValueError(merge)
            self.branches = [make()] * n
            self.merge = merge

    yield "blocks.parallel", "[make()] * n", Shared, {SUM, CONCAT, MADE, BRANCHES, EVERY, REFUSED}

    class FirstAxis(Parallel):
        def call(self, X):
            outputs = [branch(X) for branch in self.branches]
            return sum(outputs) if self.merge == "sum" else ops.concatenate(outputs, axis=1)

    yield "blocks.parallel", "joined along axis 1", FirstAxis, {CONCAT, BRANCHES, EVERY}

    class Hidden(Parallel):
        def __init__(self, make, n, merge):
            super().__init__(make, 0, merge)
            branches = [make() for _ in range(n)]
            self.get = lambda: branches

        def call(self, X):
            outputs = [branch(X) for branch in self.get()]
            return sum(outputs) if self.merge == "sum" else ops.concatenate(outputs, axis=-1)

    yield "blocks.parallel", "hidden in a function", Hidden, {BRANCHES}

    class Silent(keras.Layer):
        call = Parallel.call

        def __init__(self, make, n, merge):
            super().__init__()
            self.branches = [make() for _ in range(n)]
            self.merge = merge

    yield "blocks.parallel", "any merge accepted", Silent, {REFUSED}

    class FirstOnly(Parallel):
        def call(self, X):
            outputs = [self.branches[0](X)]
            outputs += [tf.stop_gradient(branch(X)) for branch in self.branches[1:]]
            return sum(outputs) if self.merge == "sum" else ops.concatenate(outputs, axis=-1)

    yield "blocks.parallel", "branches cut off", FirstOnly, {EVERY}

    class Late(Parallel):
        def __init__(self, make, n, merge):
            super().__init__(make, 0, merge)
            self.make, self.n = make, n

        def call(self, X):
            outputs = [self.make()(X) for _ in range(self.n)]
            return sum(outputs) if self.merge == "sum" else ops.concatenate(outputs, axis=-1)

    yield "blocks.parallel", "made in call", Late, {MADE, BRANCHES, EVERY}

    class Method(Counted):
        def call(self, X):
            Y = self.block.call(X)
            self.calls += 1
            self.shapes.append(tuple(Y.shape))
            return Y

    yield "blocks.calls", "call called", Method, {STEPS}

    class Traced(keras.Layer):
        def __init__(self, block):
            super().__init__()
            self.block, self.calls, self.shapes = block, 0, []

        call = Counted.call

    yield "blocks.calls", "the placeholder counted", Traced, {WAITING}

    class OneList(Counted):
        shared = []  # noqa: RUF012

        def call(self, X):
            Y = self.block(X)
            self.calls += 1
            OneList.shared.append(tuple(Y.shape))
            return Y

        def __init__(self, block):
            super().__init__(block)
            self.calls = 0

        @property
        def shapes(self):
            return OneList.shared

        @shapes.setter
        def shapes(self, value):
            pass

    yield "blocks.calls", "one list for all objects", OneList, {COUNT, APART, WAITING}

    class Inputs(Counted):
        def call(self, X):
            self.calls += 1
            self.shapes.append(tuple(X.shape))
            return self.block(X)

    yield "blocks.calls", "the inputs' shapes", Inputs, {COUNT, APART, WAITING}

    class Twice(Counted):
        def call(self, X):
            self.shapes.append(tuple(self.block(X).shape))
            self.calls += 1
            return self.block(X)

    yield "blocks.calls", "run once more for the shape", Twice, {STEPS}

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

    yield "blocks.lost-layer", "the late head left", HeadLate, {REGISTERED, TOWER, STEP}

    class StopLeft(Tower):
        def call(self, X):
            for layer in self.hidden:
                X = ops.relu(layer(X))
            return self.head(tf.stop_gradient(X) * self.scale)

    yield "blocks.lost-layer", "the stop_gradient left", StopLeft, {STEP}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
