"""Questions of the chapter *Static and dynamic graphs*.

Graphs are counted while the student's functions are traced; what comes out of them is recomputed
with NumPy. Where the student optimizes a graph, the judge runs both, before and after.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence, ValuesView
from itertools import islice

import numpy as np
from d2lexercises.comparer import brief
from d2lexercises.faults import attempt
from d2lexercises.kinds import kind_of, one_number, parts_in, whole
from d2lexercises.networks import by_hand, data_in_words
from d2lexercises.samples import need_normal
from d2lexercises.vocabulary import (
    Aspect,
    Unfit,
    WrongKind,
    compare,
    contents,
    free_text,
    function,
    function_of_functions,
    laid_out,
    question,
    scratch,
)


def counting(graphs):
    """A backend of torch.compile that runs each graph as it is, and keeps it in a list."""

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    return backend


# -- graphs.pays -------------------------------------------------------------------------------

PAYS = free_text("graphs.pays", "When compiling pays", 4, minutes=5, difficulty=1)

# -- graphs.whole ------------------------------------------------------------------------------

WHOLE = question(
    "graphs.whole", "One graph, without a break", takes=function, minutes=20, difficulty=1
)


@WHOLE.inputs
def draw_whole(draw):
    rows, columns = draw.integer(5, 8), draw.integer(90, 120)
    limit = draw.number(1, 2)  # small: scaled by mistake, a gradient is not taken for noise

    def gradients(*norms):
        unit = draw.rng.normal(size=(rows, columns))
        unit = unit / np.sqrt(np.square(unit).sum(axis=1, keepdims=True))
        lengths = [limit * norms[n % len(norms)] for n in range(rows)]
        return (unit * np.array(draw.shuffled(lengths))[:, None]).astype(np.float32)

    mixed = gradients(draw.number(0.4, 0.8), draw.number(2, 4), 0.0)
    small, large = gradients(draw.number(0.5, 0.9)), gradients(draw.number(1.5, 3))
    return {
        "gradients": [mixed, small, large, np.zeros_like(mixed)],
        "limit": limit,
        # Far from what limits leave of the noise of single rows, and from its own square root.
        "noise": round(draw.number(0.4, 0.7) * draw.choice([0.2, 5]), 3),
        "first": draw.integer(0, 2),
    }


def whole_graph(answer, f):
    """A function as a graph that is whole, and what counts the graphs made."""
    if f.key == "pytorch":
        import torch

        graphs = []
        torch.compiler.reset()
        compiled = f.graph_maker(answer, backend=counting(graphs), fullgraph=True)

        def count(*call):
            need_open(hidden_in_torch(graphs))
            return len(graphs)

        return lambda *arguments: unbroken(compiled, arguments), count
    traced = f.graph_maker(answer)

    def count(*call):
        graph = traced.get_concrete_function(*call).graph
        need_open(hidden_in_tensorflow(graph))
        return traced.experimental_get_tracing_count()

    return traced, count


OPEN = ("aten", "prims", "torch", "_operator", "math", "builtins")


def hidden_in_torch(graphs):
    """What the nodes of graphs call that is no operation of PyTorch's."""
    found = []
    for node in (node for graph in graphs for node in graph.graph.nodes):
        if node.op == "call_function":
            name = getattr(node.target, "namespace", None) or node.target.__module__ or "torch"
            if name.split(".")[0] not in OPEN:
                found.append(f"{name}.{node.target.__name__}")
    return found


def hidden_in_tensorflow(graph):
    """The operations of a graph, and of those that it calls, that run Python."""
    whole = graph.as_graph_def()
    nodes = [*whole.node, *(one for inner in whole.library.function for one in inner.node_def)]
    return [node.op for node in nodes if "PyFunc" in node.op]


def need_open(hidden):
    """Raise `WrongKind` if a graph runs Python that it cannot see."""
    if hidden:
        raise Unfit(f"The graph holds {hidden[0]}, which runs Python that no graph can see.")


def unbroken(compiled, arguments):
    """What a compiled function returns; where its graph breaks, why and where, and no more."""
    import torch

    try:
        return compiled(*arguments)
    except torch._dynamo.exc.Unsupported as error:
        what, _, rest = str(error).partition("\n")
        place = re.findall(r'File "[^"]*", (line \d+, in \S+)\n\s*(.*)', rest)
        said = "\n(in your code: {}: {})".format(*place[-1]) if place else ""
        raise Unfit(f"The graph breaks: {what}.{said}") from None


def clip(function, gradients, limit, noise, f):
    """The sum of the gradients and their norms, as a function returns them."""
    # A tensor of its own for each call: whoever changes it in place changes no other.
    found = function(f.tensor(gradients), limit, noise)
    found = parts_in(found, "Two things", 2, ", the sum and the norms")
    for what, one in zip(("sum", "norms"), found, strict=True):
        if not hasattr(one, "numpy"):
            raise WrongKind(f"The {what}: a tensor is expected; what came is {kind_of(one)}.")
    return f.arrays(found)


def in_turn(given):
    """The gradients in the order of the calls: the first one must not decide for the others."""
    return [*given.gradients[given.first :], *given.gradients[: given.first]]


def norms_of(gradients):
    return np.sqrt(np.square(gradients.astype(np.float64)).sum(axis=1))


def clipped(gradients, limit):
    """The sum of the gradients, each of them scaled to the limit if it is longer."""
    factors = limit / np.maximum(norms_of(gradients), limit)
    return (factors[:, None] * gradients).sum(axis=0)


def clip_in_words(batches, limit, noise=0.0):
    rows = "; ".join(", ".join(f"{norm:.2f}" for norm in norms_of(one)) for one in batches)
    shape = batches[0].shape
    return f"G of shape {shape}, norms of its rows: {rows}; limit {limit}, noise {noise}"


@WHOLE.aspect("as plain Python", 1)
class PlainPython(Aspect):  # first: a variable that is made while tracing costs a second trace
    """Return a pair of tensors. Each row is scaled by its own norm, and then all are added. A row
    with a norm of at most the limit is left as it is, and so is a row of zeros."""

    code = {
        "pytorch": "The factors of all rows: (limit / norms).clamp(max=1)",
        "tensorflow": "The factors of all rows: tf.minimum(1.0, limit / norms)",
    }
    what = "Sum"

    def run(answer, given, f):
        return [clip(answer, one, given.limit, 0.0, f)[0] for one in given.gradients]

    def expect(given):
        return [clipped(one, given.limit) for one in given.gradients]

    def shown(given):
        return clip_in_words(given.gradients, given.limit)


class InOneGraph(Aspect):
    def run(answer, given, f):
        graph, count = whole_graph(answer, f)
        pairs = [clip(graph, one, given.limit, 0.0, f) for one in in_turn(given)]
        sums, norms = zip(*pairs, strict=True)
        made = count(f.tensor(given.gradients[0]), given.limit, 0.0)
        return {"Sum": sums, "Graphs made": int(made), "Norms": norms}

    def expect(given):
        return {
            "Sum": [clipped(one, given.limit) for one in in_turn(given)],
            "Graphs made": 1,
            "Norms": [norms_of(one) for one in in_turn(given)],
        }

    def shown(given):
        return f"{clip_in_words(in_turn(given), given.limit)}; one after the other"


@WHOLE.aspect("one graph for all gradients", 3, part=("Sum", "Graphs made"))
class OneGraph(InOneGraph):
    hint = {
        "pytorch": "A symbolic tensor has no value that an if or item() could use. A list that "
        "grows costs a new graph at each call.",
        "tensorflow": "A symbolic tensor has no numpy(). An if on a tensor is possible, if "
        "AutoGraph can see it; a loop over all rows is not needed.",
    }
    code = {
        "pytorch": "clamp, minimum and torch.where choose without asking.",
        "tensorflow": "tf.minimum and tf.where choose without asking.",
    }


@WHOLE.aspect("the norms", 1, part="Norms")
class Norms(InOneGraph):
    "They are those of the rows as they came: a tensor with one number for each row."


@WHOLE.aspect("new noise at every run", 2)
class NewNoise(Aspect):
    """NumPy draws while the function is traced, and only then. The framework has operations that
    draw; each value of the sum needs its own number."""

    code = {"pytorch": "torch.randn_like(total)", "tensorflow": "tf.random.normal(tf.shape(total))"}
    form = {"Sum": [np.ndarray] * 6, "Graphs made": int}

    def run(answer, given, f):
        graph, count = whole_graph(answer, f)
        calls = [clip(graph, given.gradients[1], given.limit, given.noise, f) for _ in range(6)]
        made = count(f.tensor(given.gradients[1]), given.limit, given.noise)
        return {"Sum": [value for value, _ in calls], "Graphs made": int(made)}

    def judge(given, found):
        shape = given.gradients[1].shape[1:]
        if any(one.shape != shape for one in found["Sum"]):
            return f"A sum of shape {shape} is expected."
        sums = np.array(found["Sum"], np.float64)
        z = (sums[::2] - sums[1::2]) / (given.noise * math.sqrt(2))  # whatever the sum is
        need_normal(z, given.noise, mean=0.35, deviation=0.25, beyond=(-0.01, 0.15))
        compare(found["Graphs made"], 1, "Graphs made")

    def shown(given):
        said = clip_in_words(given.gradients[1:2], given.limit, given.noise)
        return f"{said}; six calls of the graph, compared in pairs"


# -- graphs.cache ------------------------------------------------------------------------------

CACHE = question(
    "graphs.cache", "A guarded cache", takes=function_of_functions, minutes=25, difficulty=2
)


@CACHE.inputs
def draw_cache(draw):
    n = draw.integer(2, 5)
    row = draw.data(n)
    other = draw.data(n)
    shapes = [[row], [other], [draw.data(n + 1)], [draw.data(1, n)], [row], [draw.data(1, n)]]
    double = row.astype(np.float64)
    types = [[row], [double], [other], [other.astype(np.float64)], [np.round(row).astype(int)]]
    word = draw.word()
    values = [[row, 2], [other, 2], [row, 3], [row, word], [other, 3], [row, None], [row, word]]
    # Equal, and not the same: Python takes one for the other in a dictionary.
    alike = draw.shuffled([[row, 1], [row, 1.0], [row, True], [row, 0], [row, False]])
    steps = [[draw.data(k)] for k in range(2, 8)]
    return {
        "arrays": [{"calls": shapes}, {"calls": types}],
        "values": [{"calls": values}, {"calls": [*alike, *alike]}],
        "beyond": {"calls": [*steps, *steps], "limit": draw.integer(2, 4)},
    }


class Compiler:
    """Notes, outside of the student's process, which graph or f itself serves each call."""

    def __init__(self, given):
        self.served, self.made = [], 0

    def make(self):
        self.made += 1
        return self.made

    def serve(self, number, arguments):
        """Run a graph, or f itself if the number is 0."""
        if not 0 <= number <= self.made:
            raise ValueError("there is no such graph")
        self.served.append(f"graph {number}" if number else "f itself")
        sizes = [np.sum(a) if isinstance(a, np.ndarray) else len(str(a)) for a in arguments]
        return float(sum(sizes))

    def noted(self, came):
        return {"Served by": self.served, "Output of call": came, "Compiled": self.made}


def serve(answer, calls, ask, *limit):
    """What comes of the calls."""

    def graph(number):
        return lambda *arguments: ask.serve(number, list(arguments))

    g = answer(graph(0), lambda function: graph(ask.make()), *limit)
    return [float(one_number(g(*arguments))) for arguments in calls]


def guards_of(arguments):
    return tuple(
        (a.shape, str(a.dtype)) if isinstance(a, np.ndarray) else (type(a), a) for a in arguments
    )


def serve_by_hand(calls, limit=8):
    numbers, served, outputs = {}, [], []
    for arguments in calls:
        guards = guards_of(arguments)
        if guards not in numbers and len(numbers) < limit:
            numbers[guards] = len(numbers) + 1
        served.append(f"graph {numbers[guards]}" if guards in numbers else "f itself")
        sizes = [np.sum(a) if isinstance(a, np.ndarray) else len(str(a)) for a in arguments]
        outputs.append(float(sum(sizes)))
    return {"Served by": served, "Output of call": outputs, "Compiled": len(numbers)}


def calls_in_words(calls):
    def word(a):
        return f"{a.dtype} {a.shape}" if isinstance(a, np.ndarray) else repr(a)

    return "calls: " + "; ".join(", ".join(map(word, arguments)) for arguments in calls)


class Cached(Aspect):
    referee = Compiler

    def run(answer, case, f):
        return serve(answer, case.calls, case.ask)

    def expect(case):
        return serve_by_hand(case.calls)

    def shown(case):
        return calls_in_words(case.calls)


@CACHE.aspect("shapes and dtypes", 3, over="arrays")
class Arrays(Cached):
    """An array enters by its shape and its dtype, and not by its values. Compile at the first call
    that needs a graph, store the graph, and call it."""

    code = "key = a.shape, a.dtype"


@CACHE.aspect("values, and their types", 3, over="values")
class Values(Cached):
    """In Python, 1 == 1.0 == True, and a dictionary takes one for the other. To a compiler they are
    different programs."""

    code = "key = type(a), a"


@CACHE.aspect("a limit", 2)
class Limit(Aspect):
    """With `limit` graphs stored, a call that fits none of them runs f. The stored graphs go on
    serving the calls that fit them."""

    referee = Compiler

    def run(answer, given, f):
        return serve(answer, given.beyond.calls, given.ask, given.beyond.limit)

    def expect(given):
        return serve_by_hand(given.beyond.calls, given.beyond.limit)

    def shown(given):
        return f"limit {given.beyond.limit}; {calls_in_words(given.beyond.calls)}"


# -- graphs.steady -----------------------------------------------------------------------------

STEADY = question(
    "graphs.steady",
    "Two graphs, and no more",
    takes=function_of_functions,
    minutes=30,
    difficulty=2,
)


@STEADY.inputs
def draw_steady(draw):
    features = draw.integer(2, 5)
    # Not as many rows as features: PyTorch takes two equal sizes for one.
    lengths = [int(n) for n in draw.rng.choice(np.arange(6, 15), 4, replace=False)]
    rates = [draw.integer(2, 5), 1, 0, draw.number(0.2, 2)]
    rates = [draw.number(0.2, 2), *draw.shuffled(rates)]
    return {
        "weights": draw.data(features),
        "batches": [draw.data(n, features) for n in lengths],
        "rates": rates,
        "flags": draw.shuffled([True, False, False, True, True, False]),
        "v": draw.data(lengths[0]),
    }


def need_flag(training):
    if training is not True and training is not False:
        raise TypeError("training is no plain True or False")


def wrapped(answer, weights, f):
    """The student's function for one of ours, and what counts the graphs that there are."""
    if f.key == "pytorch":
        import torch

        def of_torch(X, rate, training):
            need_flag(training)
            if not torch.compiler.is_compiling():
                plain.append(1)  # as in TensorFlow, a run as Python counts like a graph
            return ((torch.tanh(X * rate) if training else X * rate) * weights).sum(dim=1)

        torch.compiler.reset()
        graphs, plain = [], []
        g = answer(of_torch, counting(graphs))
        return g, lambda: len(graphs) + len(plain) if graphs else 0
    import tensorflow as tf

    traces = []  # of each run of our function: whether it made a graph

    @tf.autograph.experimental.do_not_convert
    def of_tensorflow(X, rate, training):
        need_flag(training)
        traces.append(bool(tf.inside_function()))
        return tf.reduce_sum((tf.tanh(X * rate) if training else X * rate) * weights, axis=1)

    return answer(of_tensorflow), lambda: len(traces) if any(traces) else 0


NO_GRAPH = {
    "pytorch": "f ran as plain Python, or its graph was made with another backend than came.",
    "tensorflow": "f ran as plain Python.",
}


def plans(given):
    """The calls of each series: the number of the batch, the rate, the flag."""
    count, rates = len(given.batches), given.rates
    return {
        "lengths": [(n, rates[0], True) for n in range(count)],
        "rates": [(0, rate, False) for rate in rates],
        "flags": [(n % count, rates[n % len(rates)], flag) for n, flag in enumerate(given.flags)],
    }


def in_calls(given, series):
    calls = plans(given)[series]
    parts = [f"({len(given.batches[n])} rows, {rate}, {flag})" for n, rate, flag in calls]
    return f"{len(calls)} calls: {', '.join(parts)}"


class Steady(Aspect):
    missing = "no gradient arrives"

    def run(answer, given, f):
        batches = [f.tensor(x) for x in given.batches]
        if f.key == "pytorch":  # where one asks for its gradient, all must, or graphs differ
            batches = [x.requires_grad_() for x in batches]
        g, count = wrapped(answer, f.tensor(given.weights), f)  # once: compiling takes its time

        def from_a_graph(found):
            if not count():
                raise Unfit(f"It comes from no graph. {NO_GRAPH[f.key]}")
            return found

        def series(calls):
            outputs, made = [], []
            for n, rate, flag in calls:
                outputs.append(f.array(g(batches[n], rate, flag)))
                made.append(int(count()))
            # One of the graphs that are there after the first call is for this series.
            graphs = min(made[0], 1) + made[-1] - made[0]
            return from_a_graph({"output of call": outputs, "graphs made": graphs})

        def gradient():
            def loss():
                return f.weighted_sum(g(batches[0], given.rates[0], True), given.v)

            return from_a_graph(f.gradients(loss, batches[:1])[0])

        lengths, rates, flags = (attempt(lambda c=c: series(c)) for c in plans(given).values())
        outputs = flags.get("output of call", flags)
        if outputs is not flags:
            flags["graphs made"] = int(count())  # of all series: none is to be forgotten
        found = {"Lengths": lengths, "Rates": rates, "Flags": flags, "Output of call": outputs}
        return {**found, "Gradient of X": attempt(gradient)}

    def expect(given):
        weights, v = given.weights.astype(np.float64), given.v.astype(np.float64)

        def series(calls, graphs):
            scaled = [(given.batches[n].astype(np.float64) * rate, flag) for n, rate, flag in calls]
            outputs = [(np.tanh(x) if flag else x) @ weights for x, flag in scaled]
            return {"output of call": outputs, "graphs made": graphs}

        lengths, rates, flags = map(series, plans(given).values(), (1, 1, 2))
        x, rate = given.batches[0].astype(np.float64), given.rates[0]
        return {
            "Lengths": lengths,
            "Rates": rates,
            "Flags": flags,
            "Output of call": flags["output of call"],
            "Gradient of X": v[:, None] * weights * rate / np.cosh(x * rate) ** 2,
        }


@STEADY.aspect("the outputs", 1, part="Output of call")
class Outputs(Steady):
    hint = {
        "pytorch": "g returns what f returns, from a graph: backend=backend has to be passed on. "
        "The flag is f's own affair: pass it on as it is.",
        "tensorflow": "g returns what f returns, from a graph. The flag is f's own affair: pass it "
        "on as it is. The rate is a tensor of 32 bits.",
    }

    def shown(given):
        return in_calls(given, "flags")


@STEADY.aspect("one graph for all lengths", 2, part="Lengths")
class Lengths(Steady):
    hint = {
        "pytorch": "dynamic=True leaves sizes open from the first graph on. Compile once, outside "
        "g.",
        "tensorflow": "An input_signature with a None leaves a size open. Make the traced function "
        "once, outside g.",
    }

    def shown(given):
        return in_calls(given, "lengths")


@STEADY.aspect("one graph for all rates", 2, part="Rates")
class Rates(Steady):
    """A plain number is part of what a graph was made for; a tensor is not. Make one of the rate
    before the call, of the same type for 1 and for 0.5."""

    def shown(given):
        return in_calls(given, "rates")


@STEADY.aspect("two graphs for two flags", 2, part="Flags")
class Flags(Steady):
    "Each flag has a graph of its own, and keeps it when the other had its turn."

    def shown(given):
        return f"{in_calls(given, 'flags')}; before them, other lengths and rates with both flags"


@STEADY.aspect("the gradient", 1, part="Gradient of X")
class Gradient(Steady):
    "Pass X on as it is: a copy through NumPy has no past."

    def shown(given):
        return f"X of {len(given.batches[0])} rows, rate {given.rates[0]}, training True"


# -- graphs.ship ---------------------------------------------------------------------------------

SHIP = question(
    "graphs.ship",
    "Shipped, with both branches and any batch",
    takes=function,
    minutes=30,
    difficulty=2,
)


@SHIP.inputs
def draw_ship(draw):
    inputs, outputs = draw.integer(3, 5), draw.integer(2, 4)
    part = draw.dense(inputs, outputs)
    slope = part["kernel"].sum(axis=1)  # of an output's sum, by the input
    while np.square(slope).sum() < 0.3:
        part = draw.dense(inputs, outputs)
        slope = part["kernel"].sum(axis=1)

    def batch(rows, sign):
        """Rows whose outputs add up to a number of that sign, though not each of them does."""
        x = draw.data(rows, inputs)
        other = -sign * draw.number(0.5, 1.5)  # of the first row
        wanted = np.full(rows, (sign * draw.number(1, 3) - other) / (rows - 1))
        wanted[0] = other
        missing = wanted - by_hand([part], x).sum(axis=1)
        return (x + np.outer(missing, slope / np.square(slope).sum())).astype(np.float32)

    lengths = [int(n) for n in draw.rng.choice(np.arange(3, 12), 3, replace=False)]
    return {
        "dense": part,
        "up": draw.number(3, 9),
        "down": draw.number(2, 6),
        "example": batch(2, 1),
        "positive": batch(2, 1),
        "negative": batch(2, -1),
        "lengths": [batch(n, 1) for n in lengths],
    }


def load_saved(load, path, module):
    try:
        return load(path)
    except Exception as error:
        raise Unfit(
            f"{module}.load cannot read what was saved, and says {type(error).__name__}: "
            f"{str(error)[:200]} Save it with {module}.save."
        ) from None


def outputs_of(path, batches, f):
    """What the program that was saved gives for each batch, or what stops it there."""
    if f.key == "pytorch":
        import torch

        program = load_saved(torch.export.load, path, "torch.export").module()
    else:
        import tensorflow as tf

        # To be held: it owns the weights.
        model = load_saved(tf.saved_model.load, path, "tf.saved_model")
        if not hasattr(model, "serve"):
            raise Unfit(
                "What was saved has no serve. Give the object that is saved an attribute serve, a "
                "tf.function."
            )
        program = model.serve

    def output(x):
        try:
            return f.array(program(f.tensor(x)))
        except Exception as error:
            first = str(error).partition("\n")[0].removesuffix(" Got:")  # a list of signatures
            said = f"{type(error).__name__}: {first[:200]}"
            raise Unfit(f"What was saved refuses {len(x)} rows, and says {said}") from None

    return [attempt(lambda x=x: output(x)) for x in batches]


def saved_as(f):
    return "program.pt2" if f.key == "pytorch" else "program"


def gate_by_hand(given, x):
    y = by_hand([given.dense], x)
    return y * given.up if y.sum() > 0 else y / given.down


def gate_in_words(given, x):
    total = by_hand([given.dense], x).sum()
    return f"up {given.up}, down {given.down}, a sum of {total:.3f}; {data_in_words(x)}"


class Shipped(Aspect):
    def run(answer, given, f):
        part, x = f.dense(**given.dense), f.tensor(given.example)
        with scratch() as folder:
            path = folder / saved_as(f)
            answer(part, given.up, given.down, x, str(path))
            if not path.exists():
                raise Unfit("Nothing was saved under the path that came.")
            return contents(path)

    def inspect(given, found, f):
        name = saved_as(f)
        files = {name: found}
        if isinstance(found, dict):  # a folder
            files = {f"{name}/{inner}": data for inner, data in found.items()}
        with laid_out(files) as folder:
            batches = [given.positive, given.negative, *given.lengths]
            positive, negative, *lengths = outputs_of(str(folder / name), batches, f)
        return {"Output": positive, "Output of the other branch": negative, "Outputs": lengths}

    def expect(given):
        return {
            "Output": gate_by_hand(given, given.positive),
            "Output of the other branch": gate_by_hand(given, given.negative),
            "Outputs": [gate_by_hand(given, x) for x in given.lengths],
        }


@SHIP.aspect("a batch like the example", 2, part="Output")
class LikeExample(Shipped):
    hint = {
        "pytorch": "The program holds the layer's weights and both numbers, and returns all rows.",
        "tensorflow": "The program holds the layer's weights and both numbers, and returns all "
        "rows. A tf.function is saved with the graphs that it has: with none, if it has no "
        "input_signature and was never called.",
    }

    def shown(given):
        return gate_in_words(given, given.positive)


@SHIP.aspect("the other branch", 2, part="Output of the other branch")
class OtherBranch(Shipped):
    hint = {
        "pytorch": "What Python decided during the export is decided for good. torch.cond and "
        "torch.where put both sides into the graph.",
        "tensorflow": "What Python decided during the trace is decided for good. tf.cond, "
        "tf.where, or an if that AutoGraph sees put both sides into the graph.",
    }

    def shown(given):
        return gate_in_words(given, given.negative)


@SHIP.aspect("any number of rows", 2, part="Outputs")
class AnyRows(Shipped):
    hint = "Declare the first axis to be free."
    code = {
        "pytorch": "dynamic_shapes={...}, with a Dim for axis 0",
        "tensorflow": "input_signature=[tf.TensorSpec([None, n])]",
    }

    def shown(given):
        rows = ", ".join(str(len(x)) for x in given.lengths)
        return f"up {given.up}, down {given.down}; batches of {rows} rows, traced with 2"


# -- graphs.tracer -------------------------------------------------------------------------------

TRACER = question("graphs.tracer", "A tracer for graphs", takes=function, minutes=40, difficulty=2)
ARGUMENTS = {
    "input": (),
    "random": (),
    "print": (str,),
    "tanh": (str,),
    "scale": (str, int | float),
    "add": (str, str),
    "mul": (str, str),
}  # of each operation: the names of nodes, and numbers


def draw_function(draw, inputs, steps, numbers):
    """A function as steps: an operation, and the places of its operands or a number."""
    operations = ["add", "mul", "tanh", *(["left", "right"] if numbers else [])]
    listed, count = [], inputs
    for k in range(steps):
        operation = operations[k % len(operations)]
        one, other = draw.integers(0, count - 1, 2)
        if operation in ("left", "right"):
            other = draw.number(0.5, 2)
        elif count > 1 and other == one:
            other = (one + 1) % count
        listed.append([operation, one, other])
        count += 1
    return {"steps": listed, "inputs": inputs}


@TRACER.inputs
def draw_tracer(draw):
    def case(inputs, steps, numbers, outputs):
        made = draw_function(draw, inputs, steps, numbers)
        total = inputs + steps
        return {
            **made,
            "outputs": [total - 1 if n is None else n for n in outputs],
            "at": draw.numbers(0.2, 1.2, inputs),
        }

    several = [draw.integer(0, 1), None, draw.integer(2, 4), None]
    return {
        "operators": [case(2, draw.integer(3, 5), False, [None]) for _ in range(2)],
        "numbers": [case(1, draw.integer(5, 7), True, [None]) for _ in range(2)],
        "several": case(3, draw.integer(4, 6), False, several),
        "shape": draw.choice(["if", "while", "not"]),
    }


def as_function(case):
    """The steps as a function that students trace: it only uses operators and tanh."""

    def function(*values):
        values = list(values)
        for operation, one, other in case.steps:
            if operation == "tanh":
                values.append(values[one].tanh())
            elif operation == "left":
                values.append(other * values[one])
            elif operation == "right":
                values.append(values[one] * other)
            elif operation == "add":
                values.append(values[one] + values[other])
            else:
                values.append(values[one] * values[other])
        chosen = [values[n] for n in case.outputs]
        return chosen[0] if len(chosen) == 1 else tuple(chosen)

    return function


def function_in_words(case):
    names = ["xyz"[n] for n in range(case.inputs)]
    lines = []
    for operation, one, other in case.steps:
        name = f"v{len(names)}"
        line = {
            "tanh": f"{names[one]}.tanh()",
            "left": f"{other} * {names[one]}",
            "right": f"{names[one]} * {other}",
        }.get(operation)
        if line is None:
            line = f"{names[one]} {'+' if operation == 'add' else '*'} {names[other]}"
        lines.append(f"{name} = {line}")
        names.append(name)
    outputs = ", ".join(names[n] for n in case.outputs)
    return f"f({', '.join(names[: case.inputs])}): {'; '.join(lines)}; return {outputs}"


def list_of(found, expected):
    """What a student gave in some order, as a list, cut where nothing right is as long."""
    if isinstance(found, str) or not isinstance(found, Sequence | Iterator | ValuesView):
        raise WrongKind(f"{expected} is expected; what came is {kind_of(found)}.")
    return list(islice(found, 1000))


def part_of_node(found):
    """A name or a number, of whatever type; what it is in words if it is neither."""
    if isinstance(found, str):
        return str(found)
    if isinstance(found, float | np.floating):
        return float(found)
    number = whole(found)
    return {"kind": kind_of(found)} if isinstance(number, float) else number


def graph_of(found):
    """A graph that a student gave, as plain data."""
    nodes, outputs = parts_in(found, "Two things", 2, ", the new nodes and the new outputs")
    nodes = list_of(nodes, "The new nodes: a list")
    outputs = list_of(outputs, "The new outputs: a list")
    parts = [list_of(node, "A node: a tuple") for node in nodes]
    return {
        "nodes": [[part_of_node(part) for part in node] for node in parts],
        "outputs": [part_of_node(name) for name in outputs],
    }


def run_steps(case):
    """What the function returns for numbers."""
    values = list(case.at)
    for operation, one, other in case.steps:
        a, b = values[one], other if operation in ("left", "right") else values[other]
        if operation == "tanh":
            values.append(math.tanh(a))
        else:
            values.append(a + b if operation == "add" else a * b)
    return [values[n] for n in case.outputs]


def flaw_in_trace(found, case):
    """In words, why `found` is no graph of the function; None if it is one."""
    values, inputs = {}, list(case.at)
    for node in found["nodes"]:
        name, operation, *arguments = node if len(node) > 1 else ("", "")
        if not isinstance(name, str) or not name:
            return f"The name of a node is a string; {brief(name)} is not one."
        if name in values:
            return f"Each node has a name of its own; {brief(name)} is the name of two."
        kinds = ARGUMENTS.get(operation) if isinstance(operation, str) else None
        if kinds is None or len(arguments) != len(kinds) or operation in ("random", "print"):
            return f"{name}: {brief(operation)} with {len(arguments)} arguments is no operation."
        for argument, kind in zip(arguments, kinds, strict=True):
            if not isinstance(argument, kind) or (kind is str and argument not in values):
                expected = "the name of an earlier node" if kind is str else "a float"
                return f"{name}, an argument: {expected} is expected, got {brief(argument)}."
        a = [values.get(part, part) for part in arguments]
        if operation == "input":
            if not inputs:
                return f"{case.inputs} inputs are expected; there are more."
            values[name] = inputs.pop(0)
        elif operation == "tanh":
            values[name] = math.tanh(a[0])
        else:
            values[name] = a[0] + a[1] if operation == "add" else a[0] * a[1]
    compare(len(found["nodes"]), case.inputs + len(case.steps), "Nodes")
    expected = run_steps(case)
    if len(found["outputs"]) != len(expected) or not set(found["outputs"]) <= set(values):
        return f"Outputs: {len(expected)} are expected, each the name of a node."
    for n, (name, value) in enumerate(zip(found["outputs"], expected, strict=True)):
        if not math.isclose(values[name], value, rel_tol=1e-9, abs_tol=1e-9):
            return f"Output {n} of the graph is {values[name]:.6f}, and f returns {value:.6f}."
    return None


class Traced(Aspect):
    form = {"nodes": [[(str, float)]], "outputs": [str]}

    def run(answer, case, f):
        return graph_of(answer(as_function(case), case.inputs))

    def judge(case, found):
        if any(type(name) is not str for name in found["outputs"]):
            return "Outputs: names of nodes are expected."
        return flaw_in_trace(found, case)

    def shown(case):
        return function_in_words(case)


@TRACER.aspect("operators and tanh", 2, over="operators")
class Operators(Traced):
    """Each input is a node, and each operation adds one. An argument is the name of a node, and not
    the object that stands for it."""

    code = (
        "Methods __add__, __mul__ and tanh, each of which appends a tuple and returns a new proxy."
    )


@TRACER.aspect("a number on either side", 2, over="numbers")
class Numbers(Traced):
    """For 2 * x, Python asks the number first, and then the right operand."""

    code = "__rmul__; the number of scale is float(number)."


@TRACER.aspect("several outputs", 2, over="several")
class Several(Traced):
    """f may return one value or a tuple of them, an input among them, or the same value twice."""


@TRACER.aspect("no truth value", 2, after="operators and tanh")
class NoTruth(Aspect):
    """Python takes any object for true, unless its class has a method that is asked instead."""

    code = "__bool__"
    what = "trace(f, 1)"
    form = str

    def run(answer, given, f):
        def function(x):
            y = x * x
            if given.shape == "not":
                return y if not y else x
            while y:
                return x
            return y

        def branch(x):
            return x * 2.0 if x else x

        try:
            answer(branch if given.shape == "if" else function, 1)
        except TypeError:
            return "TypeError"
        return "no error"

    def judge(given, found):
        if found != "TypeError":
            return "A TypeError is expected, because f asks for the truth value of a proxy."

    def shown(given):
        return f"a function with `{given.shape}` on a proxy"


# -- graphs.optimize ---------------------------------------------------------------------------

OPTIMIZE = question(
    "graphs.optimize", "An optimizer of graphs", takes=function, minutes=120, difficulty=3
)
ALWAYS = ("input", "print")  # kept, used or not
ALONE = (*ALWAYS, "random")  # the same as no other


class GrowingGraph:
    """A graph that grows node by node; knows which of its nodes give the same."""

    def __init__(self, draw, inputs):
        self.draw, self.nodes = draw, []
        self.classes = {}  # of each name: what the node is, whatever its name
        self.names = iter(draw.shuffled([a + b for a in "abcdefghkmnpqrstuvwxyz" for b in "aeiou"]))
        for _ in range(inputs):
            self.add("input")

    def add(self, operation, *arguments):
        """A new node; returns its name."""
        name = next(self.names)
        self.classes[name] = name if operation in ALONE else self.key(operation, arguments)
        self.nodes.append([name, operation, *arguments])
        return name

    def key(self, operation, arguments):
        """The same for nodes that give the same."""
        return (operation, *(self.classes.get(a, a) for a in arguments))

    def values(self):
        """The names that may be arguments."""
        return [name for name, operation, *_ in self.nodes if operation != "print"]

    def new(self, operations=("add", "mul", "tanh", "scale")):
        """A node, of one of the operations, that gives what no other gives."""
        while True:
            operation = self.draw.choice(operations)
            names = self.values()
            pair = [names[at] for at in self.draw.integers(0, len(names) - 1, 2)]
            scale = [pair[0], self.draw.number(0.5, 2)]
            arguments = {"tanh": pair[:1], "scale": scale}.get(operation, pair)
            keys = self.key(operation, arguments), self.key(operation, arguments[::-1])
            if not set(keys) & set(self.classes.values()):
                return self.add(operation, *arguments)

    def again(self, name):
        """A node that gives what `name` gives, from arguments that do, the newest there are."""
        _, operation, *arguments = next(node for node in self.nodes if node[0] == name)
        newest = {self.classes[other]: other for other in self.values()}
        return self.add(operation, *(newest.get(self.classes.get(a), a) for a in arguments))

    def unused(self):
        """The values that no node uses, inputs left out."""
        used = {a for _, _, *arguments in self.nodes for a in arguments}
        nodes = [(name, operation) for name, operation, *_ in self.nodes if name not in used]
        return [name for name, operation in nodes if operation not in ALWAYS]

    def plain(self, outputs):
        """The graph as plain data, with numbers for its inputs and for what it draws."""
        drawn = [name for name, operation, *_ in self.nodes if operation in ("input", "random")]
        return {
            "nodes": self.nodes,
            "outputs": list(outputs),
            "numbers": {name: self.draw.number(0.3, 1.5) for name in drawn},
        }


def with_doubles(draw):
    graph = GrowingGraph(draw, 2)
    graph.add("add", *graph.values())
    first = graph.new()
    second = graph.add("tanh", first)
    third = graph.add("mul", second, first)
    for _ in range(draw.integer(1, 2)):
        graph.new()
    doubles = [graph.again(name) for name in (first, second, third)]
    graph.add("add", third, doubles[-1])
    # Two outputs that become one node are two outputs all the same.
    return graph.plain([second, doubles[1], *graph.unused()])


def with_unused(draw):
    graph = GrowingGraph(draw, 2)
    kept = [graph.add("add", *graph.values())]
    # What is used has each operation once: how nodes are compared is not the matter here.
    for operation in draw.shuffled(["tanh", "scale"])[: draw.integer(1, 2)]:
        kept.append(graph.new([operation]))
    lost = graph.add("tanh", kept[0])
    lost = graph.add("scale", lost, draw.number(0.5, 2))
    last = graph.add("mul", kept[-1], kept[0])
    graph.add("add", lost, last)
    return graph.plain([last, *(name for name in kept if name in graph.unused())])


def with_exceptions(draw):
    graph = GrowingGraph(draw, 3)
    first = graph.values()[0]  # the other inputs are not used, nor is the last draw
    value = graph.add("add", graph.add("random"), graph.add("random"))
    shown = graph.add("tanh", value)
    graph.add("print", shown)
    graph.add("print", graph.add("scale", first, draw.number(0.5, 2)))
    graph.add("random")
    for _ in range(2):
        graph.add("print", shown)
    return graph.plain([value])


def with_everything(draw):
    graph = GrowingGraph(draw, 2)
    base = graph.add("add", *graph.values())
    drawn = graph.add("random")
    graph.new()
    begin = graph.add("mul", drawn, base)
    one = graph.add("scale", begin, draw.number(0.5, 2))
    two = graph.add("tanh", one)
    again = [graph.again(name) for name in (begin, one, two)]
    graph.add("print", again[2])
    graph.add("random")
    lost = graph.again(begin)
    graph.add("add", lost, again[1])
    total = graph.add("add", two, again[2])
    return graph.plain([total, again[0], again[2]])


@OPTIMIZE.inputs
def draw_optimize(draw):
    return {
        "twice": [with_doubles(draw) for _ in range(2)],
        "unused": [with_unused(draw) for _ in range(2)],
        "stay": [with_exceptions(draw) for _ in range(2)],
        "all": [with_everything(draw) for _ in range(2)],
    }


@OPTIMIZE.shown
def graph_in_words(graph):
    lines = [
        f"{name} = {operation}({', '.join(map(str, arguments))})"
        for name, operation, *arguments in graph["nodes"]
    ]
    return f"{'; '.join(lines)}; outputs {', '.join(graph['outputs'])}"


def fewest_nodes(graph):
    """With how few nodes a graph can say what it says."""
    key_of, parts = {}, {}
    for name, operation, *arguments in graph["nodes"]:
        inner = [key_of.get(a, a) for a in arguments]
        key_of[name] = name if operation in ALONE else (operation, *inner)
        parts[key_of[name]] = inner
    waiting = [key_of[name] for name in graph["outputs"]]
    waiting += [key_of[name] for name, operation, *_ in graph["nodes"] if operation in ALWAYS]
    needed = set()
    while waiting:
        key = waiting.pop()
        if key in parts and key not in needed:
            needed.add(key)
            waiting += parts[key]
    return len(needed)


def run_by_hand(graph, numbers):
    """What a well-formed graph prints, and what it returns."""
    values, printed = {}, []
    for name, operation, *arguments in graph["nodes"]:
        a = [values.get(part, part) for part in arguments]
        if operation in ("input", "random"):
            values[name] = numbers[name]
        elif operation == "print":
            printed.append(a[0])
        elif operation == "tanh":
            values[name] = math.tanh(a[0])
        else:
            values[name] = a[0] + a[1] if operation == "add" else a[0] * a[1]
    return printed, [values[name] for name in graph["outputs"]]


def flaw_in_form(found, graph):
    """In words, why `found` is no graph made of the nodes of another; None if it is one."""
    known = {name: operation for name, operation, *_ in graph["nodes"]}
    there, values = set(), set()  # the nodes so far, and those of them that may be used
    for node in found["nodes"]:
        name, operation, *arguments = node if len(node) > 1 else ("", "")
        if name not in known or name in there:
            return f"Each node is one of those there were, and comes once; {brief(name)} is not."
        kinds = ARGUMENTS[known[name]]
        if operation != known[name] or len(arguments) != len(kinds):
            return f"{name} keeps its operation and the number of its arguments."
        for argument, kind in zip(arguments, kinds, strict=True):
            if not isinstance(argument, kind):
                expected = "the name of a node" if kind is str else "a plain number"
                return f"{name}, an argument: {expected} is expected, got {brief(argument)}."
            if kind is str and argument not in values:
                return f"{name} uses {brief(argument)}, which is not there before it."
        there.add(name)
        if operation != "print":
            values.add(name)
    count = len(graph["outputs"])
    if len(found["outputs"]) != count or not values.issuperset(found["outputs"]):
        return f"Outputs: {count} are expected, each the name of a node that is there."
    return None


def flaw_in_meaning(found, graph):
    """In words, why a well-formed graph is not another with the fewest nodes; None if it is."""
    inputs, kept = (
        [name for name, operation, *_ in one["nodes"] if operation == "input"]
        for one in (graph, found)
    )
    compare(kept, inputs, "Inputs")
    before, after = (run_by_hand(one, graph["numbers"]) for one in (graph, found))
    for what, one, other in zip(("prints", "returns"), before, after, strict=True):
        if len(one) != len(other) or not np.allclose(other, one, 1e-9, 1e-9):
            return f"It no longer {what} what it did."
    return compare(len(found["nodes"]), fewest_nodes(graph), "Nodes")


class Optimized(Aspect):
    form = {"nodes": [[(str, float)]], "outputs": [str]}

    def run(answer, graph, f):
        return graph_of(answer([tuple(node) for node in graph.nodes], graph.outputs))

    def judge(graph, found):
        if said := flaw_in_form(found, graph):
            return said
        try:
            said = flaw_in_meaning(found, graph)
        except Unfit as problem:
            said = str(problem)
        return said and f"{said}\nGot: {graph_in_words(found)}"


@OPTIMIZE.aspect("nothing twice", 2, over="twice")
class NothingTwice(Optimized):
    """Walk forwards. Replace the arguments first, then look whether the same operation on the same
    arguments has been there. Outputs may have to be replaced too."""


@OPTIMIZE.aspect("nothing unused", 2, over="unused")
class NothingUnused(Optimized):
    "Walk backwards from the outputs. A node that only an unused node uses is unused."


@OPTIMIZE.aspect("what must stay", 2, over="stay")
class MustStay(Optimized):
    """Inputs and prints stay, and what a print shows is used. Two inputs look the same, two draws
    as well, and are not."""


@OPTIMIZE.aspect("all at once", 2, over="all")
class AllAtOnce(Optimized):
    "Make the doubles one, and drop what nobody uses, whatever the reason."
