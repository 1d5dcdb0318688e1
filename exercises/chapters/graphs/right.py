"""Right answers to the exercises on graphs that differ from the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def _by_rounds() -> Iterator[Right]:
    """Optimizers of graphs."""

    def renamed(node, instead):
        name, operation, *arguments = node
        return (name, operation, *(instead.get(a, a) for a in arguments))

    def rounds(nodes, outputs):
        """One double, or one unused node, at a time, until nothing changes."""
        nodes, outputs = list(nodes), list(outputs)
        while True:
            for i, (name, operation, *arguments) in enumerate(nodes):
                used = name in outputs or any(name in node[2:] for node in nodes)
                if not used and operation not in {"print", "input"}:
                    del nodes[i]
                    break
                if operation in {"print", "input", "random"}:
                    continue
                others = [n for n, *rest in nodes[:i] if rest == [operation, *arguments]]
                if others:
                    instead = {name: others[0]}
                    nodes = [renamed(node, instead) for node in nodes[:i] + nodes[i + 1 :]]
                    outputs = [instead.get(o, o) for o in outputs]
                    break
            else:
                return nodes, outputs

    yield "graphs.optimize", "round by round", rounds

    def recursive(nodes, outputs):
        """From the outputs; nodes that are equal as formulas are one."""
        by_name = {node[0]: node for node in nodes}
        formulas, first = {}, {}

        def formula(name):
            if name not in formulas:
                _, operation, *arguments = by_name[name]
                if operation in ("input", "random", "print"):
                    formulas[name] = name
                else:
                    parts = (formula(a) if a in by_name else a for a in arguments)
                    formulas[name] = (operation, *parts)
            return formulas[name]

        for name in by_name:
            first.setdefault(formula(name), name)
        wanted = set()

        def want(name):
            name = first[formula(name)]
            if name not in wanted:
                wanted.add(name)
                for a in by_name[name][2:]:
                    if a in by_name:
                        want(a)

        for name, operation, *_ in nodes:
            if name in outputs or operation in ("print", "input"):
                want(name)
        kept = [
            [n, o, *(first[formula(a)] if a in by_name else a for a in rest)]
            for n, o, *rest in nodes
            if n in wanted
        ]
        return kept, tuple(first[formula(o)] for o in outputs)

    yield "graphs.optimize", "formulas", recursive


def _caches() -> Iterator[Right]:
    """Guarded caches."""
    import numpy as np

    def by_search(f, compiler, limit=8):
        stored = []

        def fits(guards, arguments):
            if len(guards) != len(arguments):
                return False
            for guard, a in zip(guards, arguments, strict=True):
                if isinstance(guard, np.ndarray):
                    same = isinstance(a, np.ndarray) and a.shape == guard.shape
                    if not same or a.dtype != guard.dtype:
                        return False
                elif type(guard) is not type(a) or guard != a:
                    return False
            return True

        def g(*arguments):
            for guards, graph in stored:
                if fits(guards, arguments):
                    return graph(*arguments)
            if len(stored) == limit:
                return f(*arguments)
            stored.append((arguments, compiler(f)))
            return stored[-1][1](*arguments)

        return g

    yield "graphs.cache", "one after another", by_search

    class Guarded:
        def __init__(self, f, compiler, limit=8):
            self.f, self.compiler, self.left, self.graphs = f, compiler, limit, {}

        def __call__(self, *arguments):
            key = repr(
                [(type(a), getattr(a, "shape", a), getattr(a, "dtype", "")) for a in arguments]
            )
            try:
                return self.graphs[key](*arguments)
            except KeyError:
                if not self.left:
                    return self.f(*arguments)
                self.left -= 1
                self.graphs[key] = self.compiler(self.f)
                return self.graphs[key](*arguments)

    yield "graphs.cache", "an object, keys as texts", lambda *given: Guarded(*given)
    yield "graphs.cache", "the class of such objects", Guarded


def _tracers() -> Iterator[Right]:
    """Tracers."""
    import numpy as np

    def with_numbers(f, inputs):
        """Names are counted over all traces; nodes are lists."""
        nodes = []

        class Proxy:
            count = iter(range(1000))

            def __init__(self, *node):
                self.name = f"n{next(self.count)}"
                nodes.append([self.name, *node])

            def __mul__(self, other):
                if type(other) in (int, float):
                    return Proxy("scale", self.name, np.float64(other))
                return Proxy("mul", self.name, other.name)

            def __rmul__(self, other):
                return self * other

            def __add__(self, other):
                return Proxy("add", self.name, other.name)

            def tanh(self):
                return Proxy("tanh", self.name)

            def __bool__(self):
                raise TypeError

        inside = [Proxy("input") for _ in range(inputs)]
        found = f(*inside)
        if not isinstance(found, (tuple, list)):
            found = [found]
        return nodes, tuple(one.name for one in found)

    yield "graphs.tracer", "a class in the function", with_numbers


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn

    def chosen(G, limit, noise):
        norms = torch.linalg.vector_norm(G, dim=1)
        total = torch.where((norms > limit)[:, None], G * (limit / norms)[:, None], G).sum(0)
        return [total + torch.normal(torch.zeros_like(total), noise), norms]

    yield "graphs.whole", "torch.where", chosen

    def row_by_row(G, limit, noise):
        norms = [g.norm() for g in G]
        rows = [g * torch.clamp(limit / n, max=1.0) for g, n in zip(G, norms, strict=True)]
        return sum(rows) + noise * torch.randn(G.shape[1]), torch.stack(norms)

    yield "graphs.whole", "a loop over the rows", row_by_row

    def in_place(G, limit, noise):
        norms = G.norm(dim=1)
        G *= (limit / norms).clamp(max=1)[:, None]
        return G.sum(0) + noise * torch.randn_like(G[0]), norms

    yield "graphs.whole", "in place", in_place

    def as_product(G, limit, noise):
        norms = (G * G).sum(1) ** 0.5
        factors = limit / torch.maximum(norms, torch.tensor(limit))
        return factors @ G + noise * torch.randn_like(G[0]), norms

    yield "graphs.whole", "a product", as_product

    def marked(f, backend):
        g = torch.compile(f, backend=backend)

        def call(X, rate, training):
            torch._dynamo.mark_dynamic(X, 0)
            return g(X, torch.as_tensor(rate, dtype=torch.float32), training)

        return call

    yield "graphs.steady", "the axis marked", marked

    def two(f, backend):
        def compiled(training):
            return torch.compile(
                lambda X, rate: f(X, rate, training), backend=backend, dynamic=True
            )

        graphs = {flag: compiled(flag) for flag in (False, True)}
        return lambda X, rate, training: graphs[training](X, torch.full((), float(rate)))

    yield "graphs.steady", "a function for each flag", two

    def with_a_point(f, backend):
        g = torch.compile(f, backend=backend, dynamic=True, fullgraph=True)
        return lambda X, rate, training: g(X, float(rate), training)

    yield "graphs.steady", "plain numbers, all with a point", with_a_point

    class WithAPoint:
        def __init__(self, f, backend):
            self.call = with_a_point(f, backend)

        def __call__(self, *arguments):
            return self.call(*arguments)

    yield "graphs.steady", "a class", WithAPoint
    yield from _by_rounds()
    yield from _caches()
    yield from _tracers()

    class Where(nn.Module):
        def __init__(self, dense, up, down):
            super().__init__()
            self.dense, self.up, self.down = dense, up, down

        def forward(self, X):
            Y = self.dense(X)
            return torch.where(Y.sum() > 0, Y * self.up, Y / self.down)

    def ship(dense, up, down, X, path):
        shapes = {"X": {0: torch.export.Dim.DYNAMIC}}
        program = torch.export.export(Where(dense, up, down), (X,), dynamic_shapes=shapes)
        torch.export.save(program, path)

    yield "graphs.ship", "torch.where", ship


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import tensorflow as tf

    def chosen(G, limit, noise):
        norms = tf.norm(G, axis=1, keepdims=True)
        total = tf.reduce_sum(tf.where(norms > limit, G * (limit / norms), G), 0)
        return [total + tf.random.normal(total.shape, stddev=noise), tf.squeeze(norms, 1)]

    yield "graphs.whole", "tf.where", chosen

    def library(G, limit, noise):
        total = tf.reduce_sum(tf.clip_by_norm(G, limit, axes=[1]), 0)
        return total + noise * keras.random.normal(total.shape), tf.linalg.norm(G, axis=1)

    yield "graphs.whole", "tf.clip_by_norm", library

    def rewritten(G, limit, noise):
        total, norms = tf.zeros(G.shape[1]), []
        for n in range(len(G)):
            norm = tf.norm(G[n])
            norms.append(norm)
            if norm > limit:
                total += G[n] * (limit / norm)
            else:
                total += G[n]
        return total + noise * tf.random.normal(total.shape), tf.stack(norms)

    yield "graphs.whole", "a loop and an if that AutoGraph rewrites", rewritten

    def flagged(f):
        @tf.function
        def graph(X, rate, training):
            return f(X, rate, training)

        def g(X, rate, training):
            shape, scalar = tf.TensorSpec([None, X.shape[1]]), tf.TensorSpec([])
            rate = tf.constant(rate, tf.float32)
            return graph.get_concrete_function(shape, scalar, training)(X, rate)

        return g

    yield "graphs.steady", "concrete functions", flagged

    def two(f):
        signature = [tf.TensorSpec(None), tf.TensorSpec([])]

        @tf.function(input_signature=signature)
        def train(X, rate):
            return f(X, rate, True)

        @tf.function(input_signature=signature)
        def test(X, rate):
            return f(X, rate, False)

        return lambda X, rate, training: (train if training else test)(X, float(rate))

    yield "graphs.steady", "two functions", two
    yield from _by_rounds()
    yield from _caches()
    yield from _tracers()

    class Cond(keras.Model):
        def __init__(self, dense, up, down):
            super().__init__()
            self.dense, self.up, self.down = dense, up, down

        def call(self, X):
            Y = self.dense(X)
            return tf.cond(tf.reduce_sum(Y) > 0, lambda: Y * self.up, lambda: Y / self.down)

    def exported(dense, up, down, X, path):
        net = Cond(dense, up, down)
        net(X)
        net.export(path, verbose=False)

    yield "graphs.ship", "Keras' export, and tf.cond", exported

    class Served(tf.Module):
        def __init__(self, dense, up, down):
            super().__init__()
            self.kernel, self.bias = (tf.Variable(w) for w in dense.weights)
            self.up, self.down = up, down

        @tf.function
        def serve(self, X):
            Y = X @ self.kernel + self.bias
            return tf.where(tf.reduce_sum(Y) > 0, Y * self.up, Y / self.down)

    def module(dense, up, down, X, path):
        served = Served(dense, up, down)
        served.serve.get_concrete_function(tf.TensorSpec([None, X.shape[1]]))
        tf.saved_model.save(served, path)

    yield "graphs.ship", "a module, and tf.where", module


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
