"""Plausible wrong answers to the exercises on graphs.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

PLAIN, GRAPH, NORM = "as plain Python", "one graph for all gradients", "the norms"
NOISE = "new noise at every run"

OUTPUTS, LENGTHS, RATES = "the outputs", "one graph for all lengths", "one graph for all rates"
FLAGS, GRADIENT = "two graphs for two flags", "the gradient"

ARRAYS, VALUES, LIMIT = "shapes and dtypes", "values, and their types", "a limit"

OPERATORS, NUMBERS = "operators and tanh", "a number on either side"
SEVERAL, TRUTH = "several outputs", "no truth value"

TWICE, UNUSED, STAY, ALL = "nothing twice", "nothing unused", "what must stay", "all at once"

EXAMPLE, BRANCH, ROWS = "a batch like the example", "the other branch", "any number of rows"


def _optimizers() -> Iterator[Wrong]:
    """Wrong optimizers."""

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


def _caches() -> Iterator[Wrong]:
    """Wrong caches."""
    import numpy as np

    def cache(guard, evict=False, limited=True, anew=False, late=False):
        def guarded(f, compiler, limit=8):
            graphs = {}

            def g(*arguments):
                key = tuple(guard(a) for a in arguments)
                if key in graphs:
                    return graphs[key](*arguments)
                if late and key not in graphs:
                    graphs[key] = compiler(f)
                    return f(*arguments)
                if limited and len(graphs) >= limit:
                    if not evict:
                        return f(*arguments)
                    del graphs[next(iter(graphs))]
                graph = compiler(f)
                if not anew:
                    graphs[key] = graph
                return graph(*arguments)

            return g

        return guarded

    def right(a):
        return (a.shape, a.dtype) if isinstance(a, np.ndarray) else (type(a), a)

    def part(array=lambda a: (a.shape, a.dtype), value=lambda a: (type(a), a)):
        return lambda a: array(a) if isinstance(a, np.ndarray) else value(a)

    name = "graphs.cache"
    yield name, "the shape alone", cache(part(lambda a: a.shape)), {ARRAYS}
    yield name, "the dtype alone", cache(part(lambda a: a.dtype)), {ARRAYS, LIMIT}
    yield name, "the number of axes", cache(part(lambda a: (a.ndim, a.dtype))), {ARRAYS, LIMIT}
    by_value = cache(part(lambda a: (a.shape, a.dtype, a.tobytes())))
    yield name, "the array's values too", by_value, {ARRAYS, VALUES}
    yield name, "values without types", cache(part(value=lambda a: a)), {VALUES}
    yield name, "types without values", cache(part(value=type)), {VALUES}
    yield name, "evicted", cache(right, evict=True), {LIMIT}
    yield name, "no limit", cache(right, limited=False), {LIMIT}
    every = {ARRAYS, VALUES, LIMIT}
    yield name, "compiled at each call", cache(right, anew=True), every
    yield name, "the first call is f's", cache(right, late=True), every
    yield name, "no cache", lambda f, compiler, limit=8: f, every


def _tracers(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong tracers."""
    Symbol, trace = solution["Symbol"], solution["trace"]

    def tracing(changes, convert=lambda nodes, outputs: (nodes, outputs), listed=None):
        Changed = type("Changed", (Symbol,), changes)

        def answer(f, inputs):
            nodes = []
            found = f(*[Changed(nodes, "input") for _ in range(inputs)])
            outputs = found if isinstance(found, tuple) else (found,)
            return convert(nodes, [output.name for output in outputs])

        return answer

    def operations(**without):
        """Methods that return objects of the changed class."""

        def add(self, other):
            return type(self)(self.nodes, "add", self, other)

        def mul(self, other):
            if isinstance(other, Symbol):
                return type(self)(self.nodes, "mul", self, other)
            return type(self)(self.nodes, "scale", self, float(other))

        def tanh(self):
            return type(self)(self.nodes, "tanh", self)

        methods = {"__add__": add, "__mul__": mul, "__rmul__": mul, "tanh": tanh}
        return {**methods, **without}

    name = "graphs.tracer"
    every = {OPERATORS, NUMBERS, SEVERAL, TRUTH}
    truth = operations(__bool__=lambda self: True)
    yield name, "true", tracing(truth), {TRUTH}
    yield name, "false", tracing(operations(__bool__=lambda self: False)), {TRUTH}
    yield name, "no number on the left", tracing(operations(__rmul__=None)), {NUMBERS}

    def integers(self, other):
        if isinstance(other, Symbol):
            return type(self)(self.nodes, "mul", self, other)
        return type(self)(self.nodes, "scale", self, str(other))

    texts = tracing(operations(__mul__=integers, __rmul__=integers))
    yield name, "numbers as texts", texts, {NUMBERS}

    def twice_as_mul(self, other):
        return type(self)(self.nodes, "mul", self, other)

    products = tracing(operations(__mul__=twice_as_mul, __rmul__=twice_as_mul))
    yield name, "every product a mul", products, {NUMBERS}

    def alone(f, inputs):
        nodes, outputs = trace(f, inputs)
        return nodes, outputs[-1:]

    yield name, "the last output alone", alone, {SEVERAL}

    def unique(f, inputs):
        nodes, outputs = trace(f, inputs)
        return nodes, list(dict.fromkeys(outputs))

    yield name, "each output once", unique, {SEVERAL}

    def one_only(f, inputs):
        nodes = []
        return nodes, [f(*[Symbol(nodes, "input") for _ in range(inputs)]).name]

    yield name, "no tuple", one_only, {SEVERAL}

    def backwards(f, inputs):
        nodes, outputs = trace(f, inputs)
        return nodes[::-1], outputs

    yield name, "backwards", backwards, every

    def without_inputs(f, inputs):
        nodes, outputs = trace(f, inputs)
        return nodes[inputs:], outputs

    yield name, "without the inputs", without_inputs, every
    swapped = lambda f, inputs: trace(f, inputs)[::-1]  # noqa: E731
    yield name, "outputs first", swapped, every

    def as_objects(f, inputs):
        nodes, outputs = trace(f, inputs)
        return nodes, [Symbol([], "input") for _ in outputs]

    yield name, "outputs as objects", as_objects, every

    def numbered(f, inputs):
        nodes, outputs = trace(f, inputs)
        number = {node[0]: n for n, node in enumerate(nodes)}
        nodes = [tuple(number.get(part, part) for part in node) for node in nodes]
        return nodes, [number[one] for one in outputs]

    yield name, "numbers for names", numbered, every


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import numpy as np
    import torch
    from torch import nn

    private = solution["private"]

    def noisy(noise):
        def answer(G, limit, size):
            total, norms = private(G, limit, 0.0)
            return total + size * noise(total), norms

        return answer

    def summed(rows, norms=lambda G: G.square().sum(1).sqrt(), back=lambda norms: norms):
        def answer(G, limit, noise):
            sizes = norms(G)
            total = rows(G, limit, sizes).sum(0)
            return total + noise * torch.randn_like(total), back(sizes)

        return answer

    rng = np.random.default_rng(0)
    drawn = noisy(lambda total: torch.tensor(rng.normal(size=total.shape)).float())
    yield "graphs.whole", "NumPy's noise", drawn, {GRAPH, NORM, NOISE}
    fixed = torch.randn(200)
    yield "graphs.whole", "one noise", noisy(lambda total: fixed[: len(total)]), {NOISE}
    yield "graphs.whole", "one number", noisy(lambda total: torch.randn(())), {NOISE}
    yield "graphs.whole", "uniform noise", noisy(torch.rand_like), {NOISE}

    def of_each_row(G, limit, noise):
        return private(G + noise * torch.randn_like(G), limit, 0.0)[0], G.norm(dim=1)

    yield "graphs.whole", "noise before the clipping", of_each_row, {NOISE}

    def deciding(G, limit, noise):
        rows = [g * (limit / g.norm()) if g.norm() > limit else g for g in G]
        return sum(rows) + noise * torch.randn(G.shape[1]), G.norm(dim=1)

    yield "graphs.whole", "the if left", deciding, {GRAPH, NORM, NOISE}

    def rounded(G, limit, noise):
        total, norms = private(G, limit, noise)
        return total, torch.tensor([float(f"{norm.item():.9f}") for norm in norms])

    yield "graphs.whole", "through a text", rounded, {GRAPH, NORM, NOISE}
    always = summed(lambda G, limit, sizes: G * (limit / sizes)[:, None])
    yield "graphs.whole", "always scaled", always, {PLAIN, GRAPH}

    def of_the_batch(G, limit, noise):
        total = G.sum(0)
        total = total * (limit / total.norm()).clamp(max=1)
        return total + noise * torch.randn_like(total), G.norm(dim=1)

    yield "graphs.whole", "the sum clipped", of_the_batch, {PLAIN, GRAPH}
    zeros = summed(lambda G, limit, n: G / n[:, None] * n.clamp(max=limit)[:, None])
    yield "graphs.whole", "zero divided by zero", zeros, {PLAIN, GRAPH}
    after = summed(
        lambda G, limit, n: G * (limit / n).clamp(max=1)[:, None], back=lambda n: n[:, None]
    )
    yield "graphs.whole", "norms with an axis more", after, {NORM}

    def mean(G, limit, noise):
        total, norms = private(G, limit, 0.0)
        return total / len(G) + noise * torch.randn_like(total), norms

    yield "graphs.whole", "the mean", mean, {PLAIN, GRAPH}

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
    yield from _caches()
    yield from _tracers(solution)

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

    def forked(Y, up, down):
        return Y * up if Y.sum() > 0 else Y / down

    shipped = {EXAMPLE, BRANCH, ROWS}
    yield "graphs.ship", "the rows of the example", ship(whole, rows=False), {ROWS}
    yield "graphs.ship", "decided before", ship(whole, decided=True), {BRANCH}
    yield "graphs.ship", "the if left", ship(forked), shipped
    yield "graphs.ship", "row by row", ship(by_row), shipped

    def weights(dense, up, down, X, path):
        torch.save(dense.state_dict(), path)

    yield "graphs.ship", "the weights alone", weights, shipped
    yield "graphs.ship", "nothing saved", lambda dense, up, down, X, path: None, shipped


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import numpy as np
    import tensorflow as tf

    private = solution["private"]

    def noisy(noise):
        def answer(G, limit, size):
            total, norms = private(G, limit, 0.0)
            return total + size * noise(total), norms

        return answer

    rng = np.random.default_rng(0)
    drawn = noisy(lambda total: rng.normal(size=total.shape).astype(np.float32))
    yield "graphs.whole", "NumPy's noise", drawn, {NOISE}
    yield "graphs.whole", "one number", noisy(lambda total: tf.random.normal([])), {NOISE}
    uniform = noisy(lambda total: tf.random.uniform(total.shape))
    yield "graphs.whole", "uniform noise", uniform, {NOISE}

    def of_each_row(G, limit, noise):
        return private(G + noise * tf.random.normal(tf.shape(G)), limit, 0.0)[0], tf.norm(G, axis=1)

    yield "graphs.whole", "noise before the clipping", of_each_row, {NOISE}
    seeded = noisy(lambda total: tf.random.stateless_normal(total.shape, [0, 0]))
    yield "graphs.whole", "stateless, with one seed", seeded, {NOISE}

    def numbered(G, limit, noise):
        norms = tf.norm(G, axis=1)
        factors = np.minimum(1.0, limit / np.maximum(norms.numpy(), 1e-9))
        total = tf.reduce_sum(G * factors[:, None].astype(np.float32), 0)
        return total + noise * tf.random.normal(total.shape), norms

    yield "graphs.whole", "numpy()", numbered, {GRAPH, NORM, NOISE}

    def as_numbers(G, limit, noise):
        total, norms = private(G, limit, noise)
        return total, [float(norm) for norm in norms] if tf.executing_eagerly() else norms

    yield "graphs.whole", "the norms as numbers", as_numbers, {PLAIN}

    def always(G, limit, noise):
        norms = tf.norm(G, axis=1)
        total = tf.reduce_sum(G * (limit / norms)[:, None], 0)
        return total + noise * tf.random.normal(total.shape), norms

    yield "graphs.whole", "always scaled", always, {PLAIN, GRAPH}

    def of_the_batch(G, limit, noise):
        total = tf.clip_by_norm(tf.reduce_sum(G, 0), limit)
        return total + noise * tf.random.normal(total.shape), tf.norm(G, axis=1)

    yield "graphs.whole", "the sum clipped", of_the_batch, {PLAIN, GRAPH}

    def after(G, limit, noise):
        total, _ = private(G, limit, noise)
        return total, tf.norm(tf.clip_by_norm(G, limit, axes=[1]), axis=1)

    yield "graphs.whole", "the norms of what comes out", after, {NORM}

    @tf.autograph.experimental.do_not_convert
    def unseen(G, limit, noise):
        norms = tf.norm(G, axis=1)
        total = tf.zeros(G.shape[1])
        for n in range(G.shape[0]):
            total += G[n] * (limit / norms[n]) if norms[n] > limit else G[n]
        return total + noise * tf.random.normal(total.shape), norms

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
    yield from _caches()
    yield from _tracers(solution)

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
