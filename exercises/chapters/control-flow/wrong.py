"""Plausible wrong answers to the exercises on containers, constants and control flow.

Each entry: the question, what is wrong, the class, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, type, set[str]]

ORDER, ANY, BRANCHES = "rows in their order", "any name", "parameters of every branch"
RUNS, GRADIENTS = "one run for each branch that is needed", "gradients"
UNKNOWN = "an unknown name is refused"
MIXED = {ORDER, ANY, RUNS, GRADIENTS, UNKNOWN}  # what rows in a wrong order fail

ROWS, LIMIT, SPECIAL = (
    "each row by itself",
    "at most so many divisions",
    "rows with infinity or nan",
)
HUGE, SLOPE, TRACED = "a sum that is infinite", "the gradient", "traced"

OUTPUT, DRAWN = "the output", "drawn from the standard normal distribution"
ALONE, SAVED, WIDE = "training leaves it alone", "saved and loaded", "64 bits"

FOUND, STEP = "every parameter is found, once", "one step moves everything"

AFTER, WITHOUT, LEFT = "each row after its own end", "rows without an end", "the text that came in"
GREEDY, LIMITED = "a width of 1", "the limit"
SEVERAL, ONE_CALL = "several texts", "one call for each step"


def searches() -> Iterator[Wrong]:
    """Wrong answers to the question on beam search, the same in each framework."""

    def search(
        dropped=False,
        early=False,
        extended=False,
        alone=False,
        last_only=False,
        endless=False,
        reverse=True,
        each=False,
        all_texts=False,
    ):
        def beam(scores, prompt, end, width, limit):
            kept, step = [(list(prompt), 0.0, False)], 0
            while step < (40 if endless else limit) and not all(done for *_, done in kept):
                grows = [one for one in kept if extended or not one[2]]
                asked = kept if all_texts else grows
                if all_texts and len({len(text) for text, *_ in kept}) > 1:
                    longest = max(len(text) for text, *_ in kept)
                    asked = [([end] * (longest - len(o[0])) + o[0], *o[1:]) for o in kept]
                if each:
                    rows = [scores([text])[0] for text, *_ in asked]
                else:
                    rows = list(scores([text for text, *_ in asked]))
                if all_texts:
                    rows = [row for row, one in zip(rows, kept, strict=True) if one in grows]
                candidates = [one for one in kept if one[2] and not extended and not dropped]
                for (text, score, _), row in zip(grows, rows, strict=True):
                    children = [
                        ([*text, k], float(more) + (0 if last_only else score), k == end)
                        for k, more in enumerate(row)
                    ]
                    children.sort(key=lambda one: -one[1])
                    candidates += children[:1] if alone and step else children
                kept = sorted(candidates, key=lambda one: -one[1])[:width]
                step += 1
                if early and any(done for *_, done in kept):
                    break
            kept.sort(key=lambda one: one[1], reverse=reverse)
            return [(text, score) for text, score, _ in kept]

        return beam

    name, both = "control-flow.beam", {SEVERAL, ONE_CALL}
    yield name, "finished texts dropped", search(dropped=True), both
    yield name, "stops at the first end", search(early=True), both
    yield name, "finished texts extended", search(extended=True), both
    yield name, "each text for itself", search(alone=True), {LIMITED, *both}
    yield name, "the last token only", search(last_only=True), {GREEDY, LIMITED, *both}
    yield name, "no limit", search(endless=True), {LIMITED}
    yield name, "the worst first", search(reverse=False), {LIMITED, *both}
    yield name, "a call for each text", search(each=True), {ONE_CALL}
    yield name, "a call with finished texts", search(all_texts=True), {ONE_CALL}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn

    yield from searches()

    def finished(mask, replace=lambda end: end):
        def cut(text, end):
            return torch.where(mask(text == end), replace(end), text)

        return cut

    def after_first(ended):
        return torch.arange(ended.shape[1]) > ended.int().argmax(1, keepdim=True)

    def up_to_last(ended):
        later = ended.flip(1).cumsum(1).flip(1)
        return (later == 0) & ended.any(1, keepdim=True)

    def in_place(text, end):
        text[(text == end).cumsum(1) > 0] = end
        return text

    own = lambda ended: ended.cumsum(1) > 0  # noqa: E731
    name, every = "control-flow.finished", {AFTER, WITHOUT, LEFT}
    yield name, "unchanged", lambda text, end: text, every
    yield name, "zeros after the end", finished(own, lambda end: 0), every
    yield name, "argmax", finished(after_first), {WITHOUT}
    shared = finished(lambda ended: ended.any(0).cumsum(0) > 0)
    yield name, "the first end of any row", shared, {AFTER, WITHOUT}
    yield name, "the last end", finished(up_to_last), {AFTER}
    yield name, "in place", in_place, {LEFT}
    yield name, "another dtype", lambda text, end: finished(own)(text, end).long(), {AFTER}

    Router, Shrink = solution["Router"], solution["Shrink"]
    RandomFeatures, Unrolled = solution["RandomFeatures"], solution["Unrolled"]

    class Hidden(Router):
        def __init__(self, branches):
            super().__init__({})
            self.plain = branches

        def forward(self, X, names):
            self.__dict__["branches"] = list(self.plain.values())
            self.places = {name: i for i, name in enumerate(self.plain)}
            return super().forward(X, names)

    yield "control-flow.routes", "a plain dictionary", Hidden, {BRANCHES}

    class ByKey(Router):
        def __init__(self, branches):
            super().__init__({})
            self.branches = nn.ModuleDict(branches)
            self.places = {name: name for name in branches}

    yield "control-flow.routes", "an nn.ModuleDict", ByKey, {ANY}

    def collected(self, X, names):
        rows, parts = [], []
        for name in dict.fromkeys(names):
            mine = [i for i, other in enumerate(names) if other == name]
            parts.append(self.branches[self.places[name]](X[mine]))
            rows += mine
        return rows, torch.cat(parts)

    class Grouped(Router):
        def forward(self, X, names):
            return collected(self, X, names)[1]

    yield "control-flow.routes", "branch by branch", Grouped, MIXED

    class ThereAgain(Router):
        def forward(self, X, names):
            rows, Y = collected(self, X, names)
            return Y[rows]

    yield "control-flow.routes", "the places, and not their inverse", ThereAgain, MIXED

    class FirstName(Router):
        def forward(self, X, names):
            return self.branches[self.places[names[0]]](X)

    yield "control-flow.routes", "one branch for the batch", FirstName, MIXED

    class EachRow(Router):
        def forward(self, X, names):
            return torch.stack(
                [self.branches[self.places[name]](x) for name, x in zip(names, X, strict=True)]
            )

    yield "control-flow.routes", "a run for each row", EachRow, {RUNS}

    class Chosen(Router):
        def forward(self, X, names):
            Y = torch.stack([branch(X) for branch in self.branches])
            return Y[[self.places[name] for name in names], range(len(names))]

    yield "control-flow.routes", "all run, and then chosen", Chosen, {RUNS, GRADIENTS}

    class Empty(Router):
        def forward(self, X, names):
            Y = 0
            for name, place in self.places.items():
                mask = torch.tensor([other == name for other in names])
                part = self.branches[place](X[mask])
                Y = Y + X.new_zeros(len(X), part.shape[-1]).index_put((mask,), part)
            return Y

    fails = {RUNS, GRADIENTS, UNKNOWN}
    yield "control-flow.routes", "runs on no rows, and zeros for others", Empty, fails

    class Speechless(Router):
        def forward(self, X, names):
            if not set(names) <= set(self.places):
                raise ValueError("There is no such branch.")
            return super().forward(X, names)

    yield "control-flow.routes", "an error without the name", Speechless, {UNKNOWN}

    class AsAttributes(Router):
        def __init__(self, branches):
            super().__init__({})
            for name, branch in branches.items():
                setattr(self, name, branch)
            self.places = {name: name for name in branches}

        def forward(self, X, names):
            self.__dict__["branches"] = {name: getattr(self, name) for name in self.places}
            return super().forward(X, names)

    yield "control-flow.routes", "attributes of the model", AsAttributes, {ANY}

    class AnotherError(Router):
        def forward(self, X, names):
            for name in names:
                if name not in self.places:
                    raise RuntimeError(name)
            return super().forward(X, names)

    yield "control-flow.routes", "an error of another type", AnotherError, {UNKNOWN}

    def shrinking(finite=None, axis=-1, limit=None, factor=None, after=lambda Y: Y, least=1.0):
        class Shrinking(Shrink):
            def forward(self, X):
                ordinary = finite(X) if finite else X.isfinite().all(-1, keepdim=True)
                for _ in range(limit or self.limit):
                    norm = X.abs().sum(axis, keepdim=True)
                    again = ordinary & (norm > least)
                    X = torch.where(again, X / (factor or self.factor), X)
                return after(X)

        return Shrinking

    every = {ROWS, LIMIT, SPECIAL, HUGE, SLOPE, TRACED}
    yield (
        "control-flow.shrink",
        "no test for infinities",
        shrinking(finite=lambda X: torch.tensor(True)),
        {SPECIAL},
    )
    yield (
        "control-flow.shrink",
        "the norm tested",
        shrinking(finite=lambda X: X.abs().sum(-1, keepdim=True).isfinite()),
        {HUGE},
    )
    yield "control-flow.shrink", "another limit", shrinking(limit=150), {LIMIT, SPECIAL}
    just_below = shrinking(least=1 - 2**-20)
    yield "control-flow.shrink", "divided at a sum of 1", just_below, {ROWS}
    yield "control-flow.shrink", "halved", shrinking(factor=2), every
    yield (
        "control-flow.shrink",
        "detached",
        shrinking(after=lambda Y: Y.detach()),
        {SLOPE},
    )
    yield "control-flow.shrink", "the whole batch", shrinking(axis=None), every

    class NotANumber(Shrink):
        def forward(self, X):
            Y = super().forward(X)
            return torch.where(Y.abs().sum(-1, keepdim=True) > 1, torch.nan, Y)

    yield "control-flow.shrink", "nan where the limit is met", NotANumber, {LIMIT, SPECIAL}

    class Deciding(Shrink):
        def row(self, x):
            for _ in range(self.limit if x.isfinite().all() else 0):
                if not x.abs().sum() > 1:
                    break
                x = x / self.factor
            return x

        def forward(self, X):
            flat = X.reshape(-1, X.shape[-1])
            return torch.stack([self.row(x) for x in flat]).reshape(X.shape)

    yield "control-flow.shrink", "if and break", Deciding, {TRACED}

    class InPlace(Shrink):
        def forward(self, X):
            ordinary = X.isfinite().all(-1)
            for _ in range(self.limit):
                X[ordinary & (X.abs().sum(-1) > 1)] /= self.factor
            return X

    yield "control-flow.shrink", "in place", InPlace, {SLOPE, TRACED}

    class Powers(Shrink):
        def forward(self, X):
            Y, divisions = X, torch.zeros_like(X[..., :1])
            for _ in range(self.limit):
                again = X.isfinite().all(-1, keepdim=True) & (Y.abs().sum(-1, keepdim=True) > 1)
                Y = torch.where(again, Y / self.factor, Y)
                divisions = divisions + again
            return X / self.factor**divisions

    yield "control-flow.shrink", "divided by a power", Powers, {HUGE}

    class Endless(Shrink):
        def forward(self, X):
            while X.abs().sum() > 1:
                X = X / self.factor
            return X

    yield "control-flow.shrink", "the chapter's loop", Endless, every

    def constant(make, call=lambda net, X: torch.tanh(X @ net.c)):
        class Constant(RandomFeatures):
            def __init__(self, inputs, features, outputs):
                super().__init__(inputs, features, outputs)
                del self.c
                make(self, inputs, features)

            def forward(self, X):
                return self.head(call(self, X))

        return Constant

    def attribute(net, *shape):
        net.c = torch.randn(shape)

    yield "control-flow.constant", "an attribute", constant(attribute), {SAVED, WIDE}
    follows = constant(attribute, lambda net, X: torch.tanh(X @ net.c.to(X.dtype)))
    yield "control-flow.constant", "an attribute that follows", follows, {SAVED, WIDE}
    temporary = constant(
        lambda net, *shape: net.register_buffer("c", torch.randn(shape), persistent=False)
    )
    yield "control-flow.constant", "a temporary buffer", temporary, {SAVED}

    def trained(net, *shape):
        net.c = nn.Parameter(torch.randn(shape))

    yield "control-flow.constant", "a parameter", constant(trained), {ALONE}
    uniform = constant(lambda net, *shape: net.register_buffer("c", torch.rand(shape)))
    yield "control-flow.constant", "uniform", uniform, {DRAWN}
    cut_off = constant(
        lambda net, *shape: net.register_buffer("c", nn.init.trunc_normal_(torch.empty(shape)))
    )
    yield "control-flow.constant", "cut off at 2", cut_off, {DRAWN}
    seeded = constant(
        lambda net, *shape: net.register_buffer(
            "c", torch.randn(shape, generator=torch.Generator().manual_seed(0))
        )
    )
    yield "control-flow.constant", "a seed", seeded, {DRAWN}

    def anew(net, X):
        net.c = torch.randn(net.c.shape, dtype=X.dtype)
        return torch.tanh(X @ net.c)

    fails = {OUTPUT, DRAWN, ALONE, SAVED, WIDE}
    late = constant(lambda net, *shape: net.register_buffer("c", torch.randn(shape)), anew)
    yield "control-flow.constant", "drawn in forward", late, fails

    class Unbiased(RandomFeatures):
        def __init__(self, inputs, features, outputs):
            super().__init__(inputs, features, outputs)
            self.head = nn.Linear(features, outputs, bias=False)

    yield "control-flow.constant", "no bias", Unbiased, fails

    class InDict(Unrolled):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            parts = dict(self.parts)
            del self.parts
            self.parts = parts

    yield "control-flow.shared", "the dictionary left", InDict, {FOUND, STEP}

    class OneHead(Unrolled):
        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__(inputs, width, outputs, times, heads)
            self.heads = nn.ModuleList([nn.Linear(width, outputs)] * heads)

    yield "control-flow.shared", "one head left", OneHead, {FOUND, OUTPUT, STEP}

    class RunOnce(Unrolled):
        def forward(self, X):
            Z = self.parts["again"](torch.tanh(self.parts["enter"](X)))
            for _ in range(self.times):
                Y = torch.tanh(Z)
            return torch.cat([head(Y) for head in self.heads], dim=1)

    yield "control-flow.shared", "the run before the loop left", RunOnce, {OUTPUT, STEP}

    class Copies(Unrolled):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            again = self.parts["again"]
            self.copies = nn.ModuleList(copy.deepcopy(again) for _ in range(self.times - 1))

        def forward(self, X):
            Y = torch.tanh(self.parts["enter"](X))
            for layer in (self.parts["again"], *self.copies):
                Y = torch.tanh(layer(Y))
            return torch.cat([head(Y) for head in self.heads], dim=1)

    yield "control-flow.shared", "a copy for each use", Copies, {FOUND, OUTPUT, STEP}

    class Cut(Unrolled):
        def forward(self, X):
            Y = torch.tanh(self.parts["enter"](X))
            for _ in range(self.times):
                Y = torch.tanh(self.parts["again"](Y.detach()))
            return torch.cat([head(Y) for head in self.heads], dim=1)

    yield "control-flow.shared", "cut off between uses", Cut, {STEP}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    from collections import UserDict

    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    yield from searches()

    def finished(mask, replace=lambda end: end):
        def cut(text, end):
            value = tf.cast(replace(end), text.dtype)
            return tf.where(mask(tf.cast(text == end, tf.int32)), value, text)

        return cut

    def after_first(ended):
        return tf.range(ended.shape[1]) > tf.argmax(ended, 1, tf.int32)[:, None]

    def up_to_last(ended):
        later = tf.cumsum(ended, 1, reverse=True)
        return (later == 0) & (tf.reduce_sum(ended, 1, keepdims=True) > 0)

    own = lambda ended: tf.cumsum(ended, 1) > 0  # noqa: E731
    name, every = "control-flow.finished", {AFTER, WITHOUT, LEFT}
    yield name, "unchanged", lambda text, end: text, every
    yield name, "zeros after the end", finished(own, lambda end: 0), every
    yield name, "argmax", finished(after_first), {WITHOUT}
    shared = finished(lambda ended: tf.cumsum(tf.reduce_sum(ended, 0)) > 0)
    yield name, "the first end of any row", shared, {AFTER, WITHOUT}
    yield name, "the last end", finished(up_to_last), {AFTER}
    wide = lambda text, end: tf.cast(finished(own)(text, end), tf.int64)  # noqa: E731
    yield name, "another dtype", wide, {AFTER}

    Router, Shrink = solution["Router"], solution["Shrink"]
    RandomFeatures, Unrolled = solution["RandomFeatures"], solution["Unrolled"]

    class Hidden(Router):
        def __init__(self, branches):
            super().__init__({})
            self.branches = UserDict(branches)

    yield "control-flow.routes", "a dictionary that is none", Hidden, {BRANCHES}

    class AsAttributes(Router):
        def __init__(self, branches):
            super().__init__({})
            for name, branch in branches.items():
                setattr(self, name, branch)
            del self.branches

        def __getattr__(self, name):
            return self if name == "branches" else super().__getattribute__(name)

        def __getitem__(self, name):
            if "." in name:
                raise KeyError("no dots, please")
            return getattr(self, name)

    yield "control-flow.routes", "attributes", AsAttributes, {ANY, UNKNOWN}

    def collected(self, X, names):
        rows, parts = [], []
        for name in dict.fromkeys(names):
            mine = [i for i, other in enumerate(names) if other == name]
            parts.append(self.branches[name](ops.take(X, mine, axis=0)))
            rows += mine
        return rows, ops.concatenate(parts)

    class Grouped(Router):
        def call(self, X, names):
            return collected(self, X, names)[1]

    yield "control-flow.routes", "branch by branch", Grouped, MIXED

    class ThereAgain(Router):
        def call(self, X, names):
            rows, Y = collected(self, X, names)
            return ops.take(Y, rows, axis=0)

    yield "control-flow.routes", "the places, and not their inverse", ThereAgain, MIXED

    class FirstName(Router):
        def call(self, X, names):
            return self.branches[names[0]](X)

    yield "control-flow.routes", "one branch for the batch", FirstName, MIXED

    class EachRow(Router):
        def call(self, X, names):
            parts = [self.branches[name](X[i : i + 1]) for i, name in enumerate(names)]
            return ops.concatenate(parts)

    yield "control-flow.routes", "a run for each row", EachRow, {RUNS}

    class Chosen(Router):
        def call(self, X, names):
            places = list(self.branches)
            Y = ops.stack([branch(X) for branch in self.branches.values()])
            which = [(places.index(name), row) for row, name in enumerate(names)]
            return tf.gather_nd(Y, which)

    yield "control-flow.routes", "all run, and then chosen", Chosen, {RUNS, GRADIENTS}

    class Masked(Router):
        def call(self, X, names):
            Y = 0
            for name, branch in self.branches.items():
                mask = np.array([[float(other == name)] for other in names], np.float32)
                Y = Y + mask * branch(X)
            return Y

    fails = {RUNS, GRADIENTS, UNKNOWN}
    yield "control-flow.routes", "all run, and zeros for others", Masked, fails

    class AsAttributes(Router):
        def __init__(self, branches):
            super().__init__({})
            for name, branch in branches.items():
                setattr(self, name, branch)
            self.names = list(branches)

        def call(self, X, names):
            rows, parts = [], []
            for name in self.names:
                mine = [i for i, other in enumerate(names) if other == name]
                rows += mine
                parts += [getattr(self, name)(tf.gather(X, mine))] if mine else []
            if not set(names) <= set(self.names):
                raise KeyError(*set(names).difference(self.names))
            return tf.gather(tf.concat(parts, 0), np.argsort(rows))

    yield "control-flow.routes", "attributes of the model", AsAttributes, {ANY}

    class Speechless(Router):
        def call(self, X, names):
            if not set(names) <= set(self.branches):
                raise ValueError("There is no such branch.")
            return super().call(X, names)

    yield "control-flow.routes", "an error without the name", Speechless, {UNKNOWN}

    def shrinking(finite=None, axis=-1, limit=None, factor=None, after=lambda Y: Y, least=1.0):
        class Shrinking(Shrink):
            def call(self, X):
                ordinary = ops.all(ops.isfinite(X), axis=-1, keepdims=True)
                ordinary = finite(X) if finite else ordinary
                for _ in range(limit or self.limit):
                    norm = ops.sum(ops.abs(X), axis=axis, keepdims=True)
                    again = ordinary & (norm > least)
                    X = ops.where(again, X / (factor or self.factor), X)
                return after(X)

        return Shrinking

    every = {ROWS, LIMIT, SPECIAL, HUGE, SLOPE, TRACED}
    yield (
        "control-flow.shrink",
        "no test for infinities",
        shrinking(finite=lambda X: tf.constant(True)),
        {SPECIAL},
    )
    yield (
        "control-flow.shrink",
        "the norm tested",
        shrinking(finite=lambda X: ops.isfinite(ops.sum(ops.abs(X), axis=-1, keepdims=True))),
        {HUGE},
    )
    yield "control-flow.shrink", "another limit", shrinking(limit=20), {LIMIT, SPECIAL, HUGE}
    just_below = shrinking(least=1 - 2**-20)
    yield "control-flow.shrink", "divided at a sum of 1", just_below, {ROWS}
    yield "control-flow.shrink", "halved", shrinking(factor=2), every
    yield "control-flow.shrink", "stopped", shrinking(after=tf.stop_gradient), {SLOPE}
    yield "control-flow.shrink", "the whole batch", shrinking(axis=None), every

    class NotANumber(Shrink):
        def call(self, X):
            Y = super().call(X)
            return ops.where(ops.sum(ops.abs(Y), axis=-1, keepdims=True) > 1, np.nan, Y)

    yield "control-flow.shrink", "nan where the limit is met", NotANumber, {LIMIT, SPECIAL}

    class Deciding(Shrink):
        def call(self, X):
            ordinary = ops.all(ops.isfinite(X), axis=-1, keepdims=True)
            for _ in range(self.limit):
                again = ordinary & (ops.sum(ops.abs(X), axis=-1, keepdims=True) > 1)
                if not ops.any(again):
                    break
                X = ops.where(again, X / self.factor, X)
            return X

    yield "control-flow.shrink", "if and break", Deciding, {TRACED}

    class Powers(Shrink):
        def call(self, X):
            finite = ops.all(ops.isfinite(X), axis=-1, keepdims=True)
            Y, divisions = X, ops.zeros_like(X[..., :1])
            for _ in range(self.limit):
                again = finite & (ops.sum(ops.abs(Y), axis=-1, keepdims=True) > 1)
                Y = ops.where(again, Y / self.factor, Y)
                divisions = divisions + ops.cast(again, X.dtype)
            return X / self.factor**divisions

    yield "control-flow.shrink", "divided by a power", Powers, {HUGE}

    class Declared(Deciding):
        def compute_output_shape(self, input_shape):
            return input_shape

    yield "control-flow.shrink", "the shape declared", Declared, {TRACED}

    class Endless(Shrink):
        def call(self, X):
            while ops.sum(ops.abs(X)) > 1:
                X = X / self.factor
            return X

    yield "control-flow.shrink", "the chapter's loop", Endless, every

    def constant(make, inner=True, call=lambda net, X: ops.tanh(ops.matmul(X, net.c))):
        class Constant(keras.Model):
            def __init__(self, inputs, features, outputs, **kwargs):
                super().__init__(**kwargs)
                self.c = make(self, (inputs, features))
                self.head = layers.Dense(outputs, dtype=self.dtype if inner else None)

            def call(self, X):
                return self.head(call(self, X))

        return Constant

    def weight(net, shape, normal=None, **options):
        normal = normal or keras.initializers.RandomNormal(0, 1)
        return net.add_weight(shape, normal, **{"trainable": False, **options})

    fixed = constant(lambda net, shape: tf.random.normal(shape))
    yield "control-flow.constant", "a tf.constant", fixed, {SAVED, WIDE}
    typed = constant(lambda net, shape: tf.random.normal(shape, dtype=net.dtype))
    yield "control-flow.constant", "a tf.constant of the right type", typed, {SAVED}
    variable = constant(
        lambda net, shape: tf.Variable(tf.random.normal(shape, dtype=net.dtype), trainable=False)
    )
    yield "control-flow.constant", "a tf.Variable", variable, {SAVED}
    trained = constant(lambda net, shape: weight(net, shape, trainable=True))
    yield "control-flow.constant", "a weight that is trained", trained, {ALONE}
    narrow = constant(lambda net, shape: weight(net, shape, "random_normal"))
    yield "control-flow.constant", "a deviation of 0.05", narrow, {DRAWN}
    cut_off = constant(
        lambda net, shape: weight(net, shape, keras.initializers.TruncatedNormal(0, 1))
    )
    yield "control-flow.constant", "cut off at 2", cut_off, {DRAWN}
    seeded = constant(
        lambda net, shape: weight(net, shape, keras.initializers.RandomNormal(0, 1, seed=0))
    )
    yield "control-flow.constant", "a seed", seeded, {DRAWN}
    yield "control-flow.constant", "a head of 32 bits", constant(weight, inner=False), {WIDE}

    def anew(net, X):
        net.c.assign(keras.random.normal(net.c.shape, dtype=net.c.dtype))
        return ops.tanh(ops.matmul(X, net.c))

    fails = {OUTPUT, DRAWN, ALONE, SAVED, WIDE}
    yield "control-flow.constant", "drawn in call", constant(weight, call=anew), fails

    class Unbiased(RandomFeatures):
        def __init__(self, inputs, features, outputs, **kwargs):
            super().__init__(inputs, features, outputs, **kwargs)
            self.head = layers.Dense(outputs, use_bias=False)

    yield "control-flow.constant", "no bias", Unbiased, fails

    class Deaf(RandomFeatures):
        def __init__(self, inputs, features, outputs):
            super().__init__(inputs, features, outputs)

    yield "control-flow.constant", "no **kwargs", Deaf, {WIDE}

    class Unseen(keras.Model):
        call = Unrolled.call

        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__()
            self.times = times
            self.parts = UserDict(enter=layers.Dense(width), again=layers.Dense(width))
            self.heads = [layers.Dense(outputs) for _ in range(heads)]

    yield "control-flow.shared", "the UserDict left", Unseen, {FOUND, STEP}

    class OneHead(Unrolled):
        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__(inputs, width, outputs, times, 0)
            self.heads = [layers.Dense(outputs)] * heads

    yield "control-flow.shared", "one head left", OneHead, {FOUND, OUTPUT, STEP}

    class RunOnce(Unrolled):
        def call(self, X):
            Z = self.parts["again"](ops.tanh(self.parts["enter"](X)))
            for _ in range(self.times):
                Y = ops.tanh(Z)
            return ops.concatenate([head(Y) for head in self.heads], axis=1)

    yield "control-flow.shared", "the run before the loop left", RunOnce, {OUTPUT, STEP}

    class Several(Unrolled):
        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__(inputs, width, outputs, times, heads)
            self.more = [layers.Dense(width) for _ in range(times - 1)]

        def call(self, X):
            Y = ops.tanh(self.parts["enter"](X))
            for layer in (self.parts["again"], *self.more):
                Y = ops.tanh(layer(Y))
            return ops.concatenate([head(Y) for head in self.heads], axis=1)

    yield "control-flow.shared", "a layer for each use", Several, {FOUND, OUTPUT, STEP}

    class Cut(Unrolled):
        def call(self, X):
            Y = ops.tanh(self.parts["enter"](X))
            for _ in range(self.times):
                Y = ops.tanh(self.parts["again"](tf.stop_gradient(Y)))
            return ops.concatenate([head(Y) for head in self.heads], axis=1)

    yield "control-flow.shared", "cut off between uses", Cut, {STEP}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
