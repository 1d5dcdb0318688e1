"""Right answers to the exercises on containers, constants and control flow that differ."""

from __future__ import annotations

from collections.abc import Iterator

Right = tuple[str, str, type]


def searches() -> Iterator[Right]:
    """Right answers to the question on beam search, the same in each framework."""
    import heapq

    import numpy as np

    def by_heap(scores, prompt, end, width, limit):
        growing, finished = [(0.0, tuple(prompt))], []
        for _ in range(limit):
            if not growing:
                break
            rows = scores([list(text) for _, text in growing])
            grown = [
                (score + row[token], (*text, token))
                for (score, text), row in zip(growing, rows, strict=True)
                for token in range(len(row))
            ]
            best = heapq.nlargest(width, grown + finished)
            growing = [one for one in best if one[1][-1] != end]
            finished = [one for one in best if one[1][-1] == end]
        best = sorted(growing + finished, reverse=True)
        return [(list(text), score) for score, text in best]

    yield "control-flow.beam", "a heap, and two lists", by_heap

    def in_arrays(scores, prompt, end, width, limit):
        texts, totals = [list(prompt)], np.zeros(1)
        for step in range(limit):
            done = np.array([step > 0 and text[-1] == end for text in texts])
            if done.all():
                break
            rows = np.asarray(scores([t for t, over in zip(texts, done, strict=True) if not over]))
            table = np.full((len(texts), rows.shape[1]), -np.inf)
            table[~done] = rows + totals[~done][:, None]
            table[done, end] = totals[done]  # stays as it is
            order = np.argsort(-table, axis=None)[:width]
            kept = [divmod(int(at), rows.shape[1]) for at in order]
            totals = np.array([table[at] for at in kept])
            texts = [texts[n] if done[n] else [*texts[n], token] for n, token in kept]
        return list(zip(texts, totals, strict=True))

    yield "control-flow.beam", "arrays", in_arrays


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import math

    import torch
    from torch import nn

    yield from searches()

    def row_by_row(text, end):
        rows = []
        for row in text.tolist():
            at = row.index(end) if end in row else len(row)
            rows.append(row[:at] + [end] * (len(row) - at))
        return torch.tensor(rows, dtype=text.dtype)

    yield "control-flow.finished", "row by row", row_by_row

    def cumulative_maximum(text, end):
        finished = (text == end).int().cummax(1).values.bool()
        return text.masked_fill(finished, end)

    yield "control-flow.finished", "a cumulative maximum", cumulative_maximum

    class Masked(nn.Module):
        def __init__(self, branches):
            super().__init__()
            self.names = list(branches)
            for i, branch in enumerate(branches.values()):
                self.add_module(f"branch{i}", branch)

        def forward(self, X, names):
            places = torch.tensor([self.names.index(name) for name in names])
            Y = None
            for i, branch in enumerate(self.children()):
                mask = places == i
                if mask.any():
                    part = branch(X[mask])
                    Y = part.new_empty(len(names), part.shape[-1]) if Y is None else Y
                    Y[mask] = part
            return Y

    yield "control-flow.routes", "masks, and rows written in place", Masked

    class Escaped(nn.Module):
        def __init__(self, branches):
            super().__init__()
            escaped = {f"to {key}".replace(".", "|"): layer for key, layer in branches.items()}
            self.branches = nn.ModuleDict(escaped)

        def forward(self, X, names):
            rows = {}
            for row, name in enumerate(names):
                rows.setdefault(name, []).append(row)
            found = [None] * len(names)
            for name, mine in rows.items():
                outputs = self.branches["to " + name.replace(".", "|")](X[torch.tensor(mine)])
                for row, output in zip(mine, outputs, strict=True):
                    found[row] = output
            return torch.stack(found)

    yield "control-flow.routes", "names without dots", Escaped

    class Logarithm(nn.Module):
        def __init__(self, factor, limit):
            super().__init__()
            self.factor, self.limit = factor, limit

        def forward(self, X):
            norm = X.detach().double().abs().sum(dim=-1, keepdim=True)
            times = torch.ceil(torch.log(norm) / math.log(self.factor)).clamp(0, self.limit)
            divided = X / torch.nan_to_num(self.factor**times).to(X.dtype)
            divided = torch.where(times > 60, (X.double() / self.factor**times).float(), divided)
            return torch.where(torch.isfinite(norm), divided, X)

    yield "control-flow.shrink", "a logarithm for the loop", Logarithm

    class Scaled(nn.Module):
        def __init__(self, factor, limit):
            super().__init__()
            self.factor, self.limit = factor, limit

        def forward(self, X):
            strange = (X.isinf() | X.isnan()).any(dim=-1, keepdim=True)
            Y = X
            for _ in range(self.limit):
                again = Y.abs().sum(dim=-1, keepdim=True) > 1
                Y = Y * torch.where(again, 1 / self.factor, 1.0)
            return torch.where(strange, X, Y)

    yield "control-flow.shrink", "factors, and infinities chosen at the end", Scaled

    class Frozen(nn.Module):
        def __init__(self, inputs, features, outputs):
            super().__init__()
            self.c = nn.Parameter(torch.empty(inputs, features).normal_(), requires_grad=False)
            self.head = nn.Linear(features, outputs)

        def forward(self, X):
            return self.head((X @ self.c).tanh())

    yield "control-flow.constant", "a frozen parameter", Frozen

    class Late(nn.Module):
        def __init__(self, inputs, features, outputs):
            super().__init__()
            self.head = nn.LazyLinear(outputs)
            self.c = nn.Buffer(torch.normal(0.0, 1.0, (inputs, features)))

        def forward(self, X):
            return self.head(torch.tanh(torch.matmul(X, self.c)))

    yield "control-flow.constant", "an nn.Buffer, and a lazy head", Late

    class Appended(nn.Module):
        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__()
            self.heads = nn.ModuleList()
            for _ in range(heads):
                self.heads.append(nn.Linear(width, outputs))
            self.parts = nn.ModuleDict()
            self.parts["again"] = nn.Linear(width, width)
            self.parts["enter"] = nn.Linear(inputs, width)
            self.steps = [self.parts["enter"], *[self.parts["again"]] * times]

        def forward(self, X):
            for layer in self.steps:
                X = torch.tanh(layer(X))
            return torch.stack([head(X) for head in self.heads], dim=1).flatten(1)

    yield "control-flow.shared", "a list of the steps beside", Appended

    class HeadsByName(Appended):
        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__(inputs, width, outputs, times, heads)
            self.heads = nn.ModuleDict({f"head{n}": head for n, head in enumerate(self.heads)})

        def forward(self, X):
            for layer in self.steps:
                X = torch.tanh(layer(X))
            return torch.cat([head(X) for head in self.heads.values()], dim=-1)

    yield "control-flow.shared", "the heads in an nn.ModuleDict", HeadsByName


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers, ops

    yield from searches()

    def row_by_row(text, end):
        rows = []
        for row in text.numpy().tolist():
            at = row.index(end) if end in row else len(row)
            rows.append(row[:at] + [end] * (len(row) - at))
        return tf.constant(rows, text.dtype)

    yield "control-flow.finished", "row by row", row_by_row

    def loop(text, end):
        finished, columns = tf.zeros(text.shape[0], tf.bool), []
        for column in tf.unstack(text, axis=1):
            finished = finished | (column == end)
            columns.append(tf.where(finished, tf.cast(end, text.dtype), column))
        return tf.stack(columns, axis=1)

    yield "control-flow.finished", "column by column", loop

    class Stitched(keras.Layer):
        def __init__(self, branches):
            super().__init__()
            self.names = list(branches)
            self.branches = list(branches.values())

        def call(self, X, names):
            numbers = np.array([self.names.index(name) for name in names])
            rows = [np.flatnonzero(numbers == i) for i in np.unique(numbers)]
            parts = [
                self.branches[i](tf.gather(X, mine))
                for i, mine in zip(np.unique(numbers), rows, strict=True)
            ]
            return tf.dynamic_stitch(rows, parts)

    yield "control-flow.routes", "stitched together", Stitched

    class Rows(keras.Model):
        def __init__(self, branches):
            super().__init__()
            self.branches = branches

        def call(self, X, names):
            found = {}
            for name in set(names):
                mine = [row for row, other in enumerate(names) if other == name]
                outputs = self.branches[name](tf.stack([X[row] for row in mine]))
                found.update(zip(mine, tf.unstack(outputs), strict=True))
            return tf.stack([found[row] for row in range(len(names))])

    yield "control-flow.routes", "row by row after the run", Rows

    class Rewritten(keras.Layer):
        def __init__(self, factor, limit):
            super().__init__()
            self.factor, self.limit = factor, limit

        @tf.function
        def call(self, X):
            ordinary = tf.reduce_all(tf.math.is_finite(X), -1, keepdims=True)
            n, Y = tf.constant(0), X
            while n < self.limit and tf.reduce_any(tf.reduce_sum(tf.abs(Y), -1) > 1):
                again = ordinary & (tf.reduce_sum(tf.abs(Y), -1, keepdims=True) > 1)
                Y = tf.where(again, Y / self.factor, Y)
                n += 1
            return Y

    yield "control-flow.shrink", "rewritten by AutoGraph", Rewritten

    class Looping(keras.Layer):
        def __init__(self, factor, limit):
            super().__init__()
            self.factor, self.limit = factor, limit

        def call(self, X):
            strange = ops.any(ops.isinf(X) | ops.isnan(X), axis=-1, keepdims=True)

            def divided(Y):
                again = ops.sum(ops.abs(Y), axis=-1, keepdims=True) > 1
                return (ops.where(again, Y / self.factor, Y),)

            Y = ops.while_loop(
                lambda Y: ops.any(ops.sum(ops.abs(Y), axis=-1) > 1),
                divided,
                (X,),
                maximum_iterations=self.limit,
            )[0]
            return ops.where(strange, X, Y)

    yield "control-flow.shrink", "a loop that is an operation", Looping

    class OwnVariable(keras.Model):
        def __init__(self, inputs, features, outputs, **kwargs):
            super().__init__(**kwargs)
            numbers = keras.random.normal((inputs, features), dtype=self.dtype)
            self.c = keras.Variable(numbers, trainable=False, dtype=self.dtype)
            self.head = layers.Dense(outputs, dtype=self.dtype_policy)

        def call(self, X):
            return self.head(tf.tanh(tf.matmul(X, self.c)))

    yield "control-flow.constant", "a keras.Variable", OwnVariable

    class Built(keras.Layer):
        def __init__(self, inputs, features, outputs, dtype="float32"):
            super().__init__(dtype=dtype)
            self.features = features
            self.head = layers.Dense(outputs, dtype=dtype)

        def build(self, shape):
            normal = keras.initializers.RandomNormal(stddev=1.0)
            shape = (shape[-1], self.features)
            self.c = self.add_weight(shape, normal, trainable=False, name="c")
            self.head.build((None, self.features))

        def call(self, X):
            return self.head(ops.tanh(X @ self.c))

    yield "control-flow.constant", "a Layer with a build", Built

    class Steps(keras.Model):
        def __init__(self, inputs, width, outputs, times, heads):
            super().__init__()
            enter, again = (layers.Dense(width, activation="tanh") for _ in range(2))
            self.heads = []
            for _ in range(heads):
                self.heads.append(layers.Dense(outputs))
            self.parts = {"enter": enter, "again": again}
            self.steps = [enter] + [again] * times

        def call(self, X):
            for layer in self.steps:
                X = layer(X)
            return tf.concat([head(X) for head in self.heads], -1)

    yield "control-flow.shared", "a list of the steps beside", Steps


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
