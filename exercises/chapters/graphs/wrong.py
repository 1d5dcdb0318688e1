"""Plausible wrong answers to the exercises on graphs.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

PLAIN, GRAPH, NORM = "as plain Python", "one graph for all gradients", "the norm"
NOISE = "new noise at every run"

OUTPUTS, LENGTHS, RATES = "the outputs", "one graph for all lengths", "one graph for all rates"
FLAGS, GRADIENT = "two graphs for two flags", "the gradient"

TWICE, UNUSED, STAY, ALL = "nothing twice", "nothing unused", "what must stay", "all at once"

EXAMPLE, BRANCH, ROWS = "a batch like the example", "the other branch", "any number of rows"


def _optimizers() -> Iterator[Wrong]:
    """Wrong answers to the third question."""

    def optimizer(
        alone=("input", "random", "print"),
        always=("input", "print"),
        replace=True,
        rename=True,
        merge=True,
        drop=True,
        backwards=True,
        by_arguments=True,
    ):
        def merged(nodes, outputs):
            instead, seen, single = {}, {}, []
            for name, operation, *arguments in nodes:
                found = [instead.get(a, a) for a in arguments]
                key = operation, *(found if replace else arguments)
                if not by_arguments:
                    key = (operation,)
                if operation in alone or not merge:
                    key = name
                instead[name] = seen.setdefault(key, name)
                if instead[name] == name:
                    single.append((name, operation, *found))
            return single, [instead[name] for name in outputs] if rename else outputs

        def used_only(nodes, outputs):
            used, kept = set(outputs), []
            if not backwards:
                used.update(a for node in nodes for a in node[2:])
            for name, operation, *arguments in reversed(nodes):
                if name in used or operation in always or not drop:
                    used.update(arguments)
                    kept.append((name, operation, *arguments))
            return kept[::-1], outputs

        def optimize(nodes, outputs):
            for one in (merged, used_only):
                nodes, outputs = one(nodes, outputs)
            return nodes, outputs

        return optimize

    name = "graphs.optimize"
    every = {TWICE, UNUSED, STAY, ALL}
    yield name, "nothing done", lambda nodes, outputs: (nodes, outputs), every
    yield name, "doubles left", optimizer(merge=False), {TWICE, ALL}
    yield name, "unused nodes left", optimizer(drop=False), {UNUSED, STAY, ALL}
    yield name, "doubles of doubles left", optimizer(replace=False), {TWICE, ALL}
    yield name, "outputs left", optimizer(rename=False), {TWICE, ALL}
    yield name, "unused by nobody at all", optimizer(backwards=False), {UNUSED}
    yield name, "inputs taken for one", optimizer(alone=("random", "print")), every
    yield name, "draws taken for one", optimizer(alone=("input", "print")), {STAY}
    yield name, "prints taken for one", optimizer(alone=("input", "random")), {STAY}
    yield name, "prints dropped", optimizer(always=("input",)), {STAY, ALL}
    yield name, "unused inputs dropped", optimizer(always=("print",)), {STAY}
    yield name, "draws kept", optimizer(always=("input", "print", "random")), {STAY, ALL}
    yield name, "operations alone compared", optimizer(by_arguments=False), {TWICE, ALL}

    def prints_last(nodes, outputs):
        nodes, outputs = optimizer()(nodes, outputs)
        prints = [node for node in nodes if node[1] == "print"]
        return [node for node in nodes if node not in prints] + prints[::-1], outputs

    yield name, "prints at the end, backwards", prints_last, {STAY}

    def unique(nodes, outputs):
        nodes, outputs = optimizer()(nodes, outputs)
        return nodes, list(dict.fromkeys(outputs))

    yield name, "each output once", unique, {TWICE}
    yield name, "sets", lambda *graph: tuple(map(set, optimizer()(*graph))), every
    yield name, "outputs first", lambda *graph: optimizer()(*graph)[::-1], every


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import numpy as np
    import torch
    from torch import nn

    private = solution["private"]

    def noisy(noise):
        def answer(G, limit, size):
            clipped, norm = private(G, limit, 0.0)
            return clipped + size * noise(G), norm

        return answer

    def factored(factor, norm=lambda G: G.square().sum().sqrt(), back=lambda norm: norm):
        def answer(G, limit, noise):
            size = norm(G)
            return factor(G, limit, size) + noise * torch.randn_like(G), back(size)

        return answer

    rng = np.random.default_rng(0)
    drawn = noisy(lambda G: torch.tensor(rng.normal(size=G.shape)).float())
    yield "graphs.whole", "NumPy's noise", drawn, {GRAPH, NORM, NOISE}
    fixed = torch.randn(20, 20)
    yield "graphs.whole", "one noise", noisy(lambda G: fixed[: len(G), : G.shape[1]]), {NOISE}
    yield "graphs.whole", "a number for each column", noisy(lambda G: torch.randn(G.shape[1])), {
        NOISE
    }  # fmt: skip
    yield "graphs.whole", "uniform noise", noisy(lambda G: torch.rand_like(G)), {NOISE}

    def deciding(G, limit, size):
        return G * (limit / size) if size > limit else G

    yield "graphs.whole", "the if left", factored(deciding), {GRAPH, NORM, NOISE}

    def rounded(G, limit, size):
        return G * min(1.0, limit / max(float(f"{size.item():.9f}"), 1e-9))

    yield "graphs.whole", "through a text", factored(rounded), {GRAPH, NORM, NOISE}
    always = factored(lambda G, limit, size: G * (limit / size))
    yield "graphs.whole", "always scaled", always, {PLAIN, GRAPH}
    zeros = factored(lambda G, limit, size: G / size * torch.minimum(size, torch.tensor(limit)))
    yield "graphs.whole", "zero divided by zero", zeros, {PLAIN, GRAPH}
    entries = factored(lambda G, limit, size: G.clamp(-limit, limit))
    yield "graphs.whole", "each entry cut", entries, {PLAIN, GRAPH}
    after = factored(
        lambda G, limit, size: G * (limit / size).clamp(max=1), back=lambda size: size[None]
    )
    yield "graphs.whole", "a norm with an axis", after, {NORM}

    def alone(G, limit, noise):
        return private(G, limit, noise)[0]

    yield "graphs.whole", "no norm", alone, {PLAIN, GRAPH, NORM, NOISE}

    norms = []

    def listed(G, limit, noise):
        found = private(G, limit, noise)
        norms.append(found[1])
        return found

    yield "graphs.whole", "noted in a list", listed, {GRAPH, NOISE}

    def steady(convert=lambda rate: torch.tensor(float(rate)), each=False, **options):
        def wrap(f, backend):
            compiled = torch.compile(f, backend=backend, **options)

            def g(X, rate, training):
                if each:
                    torch.compiler.reset()
                    return torch.compile(f, backend=backend, **options)(X, convert(rate), training)
                return compiled(X, convert(rate), training)

            return g

        return wrap

    yield "graphs.steady", "sizes as they come", steady(), {LENGTHS, FLAGS}
    yield "graphs.steady", "sizes fixed", steady(dynamic=False), {LENGTHS, FLAGS}
    plain = steady(lambda rate: rate, dynamic=True)
    yield "graphs.steady", "plain numbers", plain, {RATES, FLAGS}
    kinds = steady(torch.tensor, dynamic=True)
    yield "graphs.steady", "tensors of two types", kinds, {RATES, FLAGS}
    anew = steady(each=True, dynamic=True)
    yield "graphs.steady", "compiled at each call", anew, {LENGTHS, RATES, FLAGS}

    def eager(f, backend):
        return f

    def another(f, backend):
        g = torch.compile(f, backend="eager", dynamic=True)
        return lambda X, rate, training: g(X, torch.tensor(float(rate)), training)

    every = {OUTPUTS, LENGTHS, RATES, FLAGS, GRADIENT}
    yield "graphs.steady", "no graph", eager, every
    yield "graphs.steady", "another backend", another, every

    def as_tensor(f, backend):
        g = torch.compile(f, backend=backend, dynamic=True)
        return lambda X, rate, training: g(X, torch.tensor(float(rate)), torch.tensor(training))

    yield "graphs.steady", "the flag as a tensor", as_tensor, every

    def first_flag(f, backend):
        flags = []
        g = torch.compile(lambda X, rate: f(X, rate, flags[0]), backend=backend, dynamic=True)

        def call(X, rate, training):
            flags.append(training)
            return g(X, torch.tensor(float(rate)))

        return call

    yield "graphs.steady", "the first flag for ever", first_flag, {OUTPUTS, LENGTHS, RATES, FLAGS}

    def cut(f, backend):
        g = torch.compile(f, backend=backend, dynamic=True)
        return lambda X, rate, training: g(X.detach(), torch.tensor(float(rate)), training)

    yield "graphs.steady", "detached", cut, {GRADIENT}

    yield from _optimizers()

    class Gate(nn.Module):
        def __init__(self, dense, choose):
            super().__init__()
            self.dense, self.choose = dense, choose

        def forward(self, X):
            return self.choose(self.dense(X))

    def ship(choose, rows=True, decided=False):
        def answer(dense, up, down, X, path):
            positive = bool(dense(X).sum() > 0)

            def both(Y):
                if decided:
                    return Y * up if positive else Y / down
                return choose(Y, up, down)

            free = ({0: torch.export.Dim("rows")},) if rows else None
            program = torch.export.export(Gate(dense, both), (X,), dynamic_shapes=free)
            torch.export.save(program, path)

        return answer

    def whole(Y, up, down):
        return torch.where(Y.sum() > 0, Y * up, Y / down)

    def by_row(Y, up, down):
        return torch.where(Y.sum(1, keepdim=True) > 0, Y * up, Y / down)

    def by_entry(Y, up, down):
        return torch.where(Y > 0, Y * up, Y / down)

    def forked(Y, up, down):
        return Y * up if Y.sum() > 0 else Y / down

    shipped = {EXAMPLE, BRANCH, ROWS}
    yield "graphs.ship", "the rows of the example", ship(whole, rows=False), {ROWS}
    yield "graphs.ship", "decided before", ship(whole, decided=True), {BRANCH}
    yield "graphs.ship", "the if left", ship(forked), shipped
    yield "graphs.ship", "row by row", ship(by_row), shipped
    yield "graphs.ship", "entry by entry", ship(by_entry), shipped
    swapped = ship(lambda Y, up, down: whole(Y, 1 / down, 1 / up))
    yield "graphs.ship", "the sides swapped", swapped, shipped

    def weights(dense, up, down, X, path):
        torch.save(dense.state_dict(), path)

    yield "graphs.ship", "the weights alone", weights, shipped
    yield "graphs.ship", "nothing saved", lambda dense, up, down, X, path: None, shipped


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import numpy as np
    import tensorflow as tf

    private = solution["private"]

    def clipped(G, limit):
        norm = tf.sqrt(tf.reduce_sum(G**2))
        return G * tf.where(norm > limit, limit / norm, 1.0), norm

    def noisy(noise):
        def answer(G, limit, size):
            value, norm = clipped(G, limit)
            return value + size * noise(G), norm

        return answer

    rng = np.random.default_rng(0)
    drawn = noisy(lambda G: rng.normal(size=G.shape).astype(np.float32))
    yield "graphs.whole", "NumPy's noise", drawn, {NOISE}
    for_column = noisy(lambda G: tf.random.normal([G.shape[1]]))
    yield "graphs.whole", "a number for each column", for_column, {NOISE}
    yield "graphs.whole", "uniform noise", noisy(lambda G: tf.random.uniform(G.shape)), {NOISE}
    seeded = noisy(lambda G: tf.random.stateless_normal(G.shape, [0, 0]))
    yield "graphs.whole", "stateless, with one seed", seeded, {NOISE}

    def numbered(G, limit, noise):
        norm = tf.sqrt(tf.reduce_sum(G**2))
        factor = min(1.0, limit / max(norm.numpy(), 1e-9))
        return G * factor + noise * tf.random.normal(G.shape), norm

    yield "graphs.whole", "numpy()", numbered, {GRAPH, NORM, NOISE}

    def as_number(G, limit, noise):
        value, norm = clipped(G, limit)
        return value + noise * tf.random.normal(G.shape), float(norm)

    yield "graphs.whole", "the norm as a number", as_number, {PLAIN}

    def always(G, limit, noise):
        norm = tf.norm(G)
        return G * (limit / norm) + noise * tf.random.normal(G.shape), norm

    yield "graphs.whole", "always scaled", always, {PLAIN, GRAPH}

    def entries(G, limit, noise):
        value = tf.clip_by_value(G, -limit, limit)
        return value + noise * tf.random.normal(G.shape), tf.norm(G)

    yield "graphs.whole", "each entry cut", entries, {PLAIN, GRAPH}

    def after(G, limit, noise):
        value, _ = clipped(G, limit)
        value += noise * tf.random.normal(G.shape)
        return value, tf.norm(value)

    yield "graphs.whole", "the norm of what comes out", after, {NORM}

    @tf.autograph.experimental.do_not_convert
    def unseen(G, limit, noise):
        norm = tf.norm(G)
        if norm > limit:
            G = G * (limit / norm)
        return G + noise * tf.random.normal(G.shape), norm

    yield "graphs.whole", "an if that AutoGraph does not see", unseen, {GRAPH, NORM, NOISE}

    def alone(G, limit, noise):
        return private(G, limit, noise)[0]

    yield "graphs.whole", "no norm", alone, {PLAIN, GRAPH, NORM, NOISE}

    def steady(convert=lambda rate: tf.cast(rate, tf.float32), each=False, **options):
        def wrap(f):
            graph = tf.function(f, **options)

            def g(X, rate, training):
                now = tf.function(f, **options) if each else graph
                return now(X, convert(rate), training)

            return g

        return wrap

    yield "graphs.steady", "sizes as they come", steady(), {LENGTHS, FLAGS}
    reduced = steady(reduce_retracing=True)
    yield "graphs.steady", "retraces reduced", reduced, {LENGTHS, FLAGS}
    plain = steady(lambda rate: rate, reduce_retracing=True)
    yield "graphs.steady", "plain numbers", plain, {LENGTHS, RATES, FLAGS}

    def in_loop(f):
        signature, graphs = [tf.TensorSpec(None), tf.TensorSpec([])], {}
        for flag in (True, False):
            graphs[flag] = tf.function(lambda X, r: f(X, r, flag), input_signature=signature)  # noqa: B023
        return lambda X, rate, training: graphs[training](X, float(rate))

    fails = {OUTPUTS, LENGTHS, FLAGS, GRADIENT}
    yield "graphs.steady", "the loop's last flag", in_loop, fails

    def open_only(convert):
        def wrap(f):
            signature = [tf.TensorSpec(None), tf.TensorSpec([])]
            graphs = {
                flag: tf.function(
                    lambda X, rate, flag=flag: f(X, rate, flag), input_signature=signature
                )
                for flag in (True, False)
            }
            return convert(graphs)

        return wrap

    def through_numpy(graphs):
        return lambda X, rate, training: graphs[training](X.numpy(), float(rate))

    yield "graphs.steady", "through NumPy", open_only(through_numpy), {GRADIENT}

    def baked(f):
        graphs = {}

        def g(X, rate, training):
            if training not in graphs:
                graphs[training] = tf.function(
                    lambda X: f(X, rate, training), input_signature=[tf.TensorSpec(None)]
                )
            return graphs[training](X)

        return g

    yield "graphs.steady", "the first rate for ever", baked, {OUTPUTS, RATES, FLAGS}
    anew = steady(each=True)
    yield "graphs.steady", "a new tf.function at each call", anew, {LENGTHS, RATES, FLAGS}

    def as_tensor(f):
        g = tf.function(f, reduce_retracing=True)
        return lambda X, rate, training: g(X, tf.cast(rate, tf.float32), tf.constant(training))

    every = {OUTPUTS, LENGTHS, RATES, FLAGS, GRADIENT}
    yield "graphs.steady", "the flag as a tensor", as_tensor, every
    yield "graphs.steady", "no graph", lambda f: f, every

    yield from _optimizers()

    def ship(choose, rows=None, decided=False, traced=True):
        def answer(dense, up, down, X, path):
            plain = tf.Module()
            plain.dense = dense
            positive = bool(tf.reduce_sum(dense(X)) > 0)

            def serve(X):
                Y = dense(X)
                if decided:
                    return Y * up if positive else Y / down
                return choose(Y, up, down)

            options = {} if rows else {"input_signature": [tf.TensorSpec([None, X.shape[1]])]}
            plain.serve = tf.function(serve, autograph=False, **options)
            if rows and traced:
                plain.serve(X)
            tf.saved_model.save(plain, path)

        return answer

    def whole(Y, up, down):
        return tf.where(tf.reduce_sum(Y) > 0, Y * up, Y / down)

    def by_row(Y, up, down):
        return tf.where(tf.reduce_sum(Y, axis=1, keepdims=True) > 0, Y * up, Y / down)

    def forked(Y, up, down):
        return Y * up if tf.reduce_sum(Y) > 0 else Y / down

    shipped = {EXAMPLE, BRANCH, ROWS}
    yield "graphs.ship", "the rows of the example", ship(whole, rows=True), {ROWS}
    yield "graphs.ship", "decided before", ship(whole, decided=True), {BRANCH}
    yield "graphs.ship", "an if that AutoGraph does not see", ship(forked), shipped
    yield "graphs.ship", "row by row", ship(by_row), shipped
    swapped = ship(lambda Y, up, down: whole(Y, 1 / down, 1 / up))
    yield "graphs.ship", "the sides swapped", swapped, shipped
    untraced = ship(whole, rows=True, traced=False)
    yield "graphs.ship", "saved without a trace", untraced, shipped
    yield "graphs.ship", "nothing saved", lambda dense, up, down, X, path: None, shipped

    def renamed(dense, up, down, X, path):
        plain = tf.Module()
        plain.dense = dense
        plain.serving = tf.function(
            lambda X: whole(dense(X), up, down), input_signature=[tf.TensorSpec([None, X.shape[1]])]
        )
        tf.saved_model.save(plain, path)

    yield "graphs.ship", "under another name than serve", renamed, shipped


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
