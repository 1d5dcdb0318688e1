"""Questions of the chapter *Static and dynamic graphs*.

Graphs are counted while the student's functions are traced; what comes out of them is recomputed
with NumPy. Where the student optimizes a graph, the judge runs both, before and after.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Tensor
from d2lcompute.checks.networks import (
    by_hand,
    data,
    data_in_words,
    dense,
    integer,
    need_list,
    need_normal,
)
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    came_instead,
    error_in,
    got_text,
    judge_by,
    kind_of,
    need_function,
    same_array,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]

Counter = Callable[[], int]


def _number(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _counting(graphs: list[Any]) -> Callable[[Any, Any], Any]:
    """A backend of torch.compile that runs each graph as it is, and keeps it in a list."""

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    return backend


def _traced(f: Callable[..., Any], framework: Framework) -> tuple[Callable[..., Any], Counter]:
    """A function as a graph that is whole, and a counter of the graphs made."""
    if framework.key == "pytorch":
        import torch

        graphs: list[Any] = []
        torch.compiler.reset()
        compiled = torch.compile(f, backend=_counting(graphs), fullgraph=True)
        return compiled, lambda: len(graphs)
    import tensorflow as tf

    traced = tf.function(f)
    return traced, traced.experimental_get_tracing_count


def _same_count(found: Any, expected: int, shown: str, none: str = "") -> None:
    """`none` says what it means that none was made."""
    if type(found) is not int or found != expected:
        said = found if type(found) is int else "no number"
        why = none if type(found) is int and found == 0 else ""
        raise Unfit(f"Graphs made: expected {expected}, got {said}.{why}\nInput: {shown}")


# -- graphs.whole ------------------------------------------------------------------------------


def _whole_inputs(rng: np.random.Generator) -> Inputs:
    shape = integer(rng, 8, 11), integer(rng, 9, 12)
    limit = _number(rng, 2, 5)
    unit = rng.normal(size=(3, *shape))
    unit = unit / np.sqrt(np.square(unit).sum(axis=(1, 2), keepdims=True))
    norms = [limit * _number(rng, low, high) for low, high in ((0.3, 0.8), (2, 4), (1.2, 3))]
    gradients = [(one * norm).astype(np.float32) for one, norm in zip(unit, norms, strict=True)]
    return {
        "gradients": [*gradients, np.zeros(shape, np.float32)],
        "limit": limit,
        "noise": round(_number(rng, 0.3, 0.7) * int(rng.choice([1, 5])), 3),
        "first": integer(rng, 0, 2),
    }


def _whole_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def pair(function: Callable[..., Any], gradient: np.ndarray, noise: float) -> list[np.ndarray]:
        # A tensor of its own for each call: whoever changes it in place changes no other.
        found = function(framework.tensor(gradient), inputs["limit"], noise)
        if not isinstance(found, list | tuple) or len(found) != 2:
            raise WrongKind(
                f"Two things are expected, the new gradient and the norm; {came_instead(found)}."
            )
        for what, one in zip(("new gradient", "norm"), found, strict=True):
            if not hasattr(one, "numpy"):
                raise WrongKind(f"The {what}: a tensor is expected; what came is {kind_of(one)}.")
        return framework.arrays(found)

    def plain() -> Any:
        return [pair(answer, gradient, 0.0)[0] for gradient in inputs["gradients"]]

    def graph() -> Any:
        f, count = _traced(answer, framework)
        # Whichever is traced first must not decide for the others.
        pairs = [pair(f, gradient, 0.0) for gradient in _whole_order(inputs)]
        return {
            "values": [value for value, _ in pairs],
            "norms": [norm for _, norm in pairs],
            "count": int(count()),
        }

    def noisy() -> Any:
        f, count = _traced(answer, framework)
        values = [pair(f, inputs["gradients"][0], inputs["noise"])[0] for _ in range(3)]
        return {"values": values, "count": int(count())}

    eager = attempt(plain)  # first: a variable that is made while tracing costs a second trace
    whole = attempt(graph)
    return {
        "plain": eager,
        "graph": whole,
        "norms": whole.get("norms", whole),
        "noise": attempt(noisy),
    }


def _whole_order(inputs: Mapping[str, Any]) -> list[np.ndarray]:
    first = inputs["first"]
    return [*inputs["gradients"][first:], *inputs["gradients"][:first]]


def _norm(gradient: np.ndarray) -> float:
    return float(np.sqrt(np.square(gradient.astype(np.float64)).sum()))


def _clipped(gradient: np.ndarray, limit: float) -> np.ndarray:
    norm = _norm(gradient)
    return gradient.astype(np.float64) * (limit / norm if norm > limit else 1.0)


def _whole_text(inputs: Mapping[str, Any], gradient: np.ndarray, noise: float = 0.0) -> str:
    return (
        f"G of shape {tuple(gradient.shape)} with norm {_norm(gradient):.3f}, limit "
        f"{inputs['limit']}, noise {noise}"
    )


def _same_clipped(inputs: Mapping[str, Any], found: Any, gradients: Sequence[np.ndarray]) -> None:
    for one, gradient in zip(need_list(found, len(gradients), "Gradients"), gradients, strict=True):
        expected = _clipped(gradient, inputs["limit"])
        same_array(one, expected, "New gradient", _whole_text(inputs, gradient))


def _whole_plain(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    _same_clipped(inputs, found, inputs["gradients"])


def _whole_graph(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("Gradients are expected.")
    _same_clipped(inputs, found.get("values"), _whole_order(inputs))
    shape = tuple(inputs["gradients"][0].shape)
    shown = f"{len(inputs['gradients'])} gradients of shape {shape}, one after the other"
    _same_count(found.get("count"), 1, shown)


def _whole_norms(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    order = _whole_order(inputs)
    for one, gradient in zip(need_list(found, len(order), "Norms"), order, strict=True):
        same_array(one, np.array(_norm(gradient)), "Norm", _whole_text(inputs, gradient))


def _whole_noise(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    gradient, size = inputs["gradients"][0], inputs["noise"]
    shown = f"{_whole_text(inputs, gradient, size)}; three calls of the graph"
    if not isinstance(found, dict):
        raise Unfit("Gradients are expected.")
    drawn = []
    for one in need_list(found.get("values"), 3, "Gradients"):
        if (
            not isinstance(one, np.ndarray)
            or one.shape != gradient.shape
            or one.dtype.kind != "f"
            or not np.all(np.isfinite(one))
        ):
            raise Unfit(f"A gradient of the same shape is expected.\nInput: {shown}")
        drawn.append((one.astype(np.float64) - _clipped(gradient, inputs["limit"])) / size)
    z = np.array(drawn)
    need_normal(z, size, shown, mean=0.35, deviation=0.25, beyond=(0.005, 0.15))
    _same_count(found.get("count"), 1, shown)


WHOLE = Question(
    name="graphs.whole",
    title="One graph, without a break",
    points=7,
    inputs=_whole_inputs,
    probe=_whole_probe,
    judge=judge_by(
        Aspect(
            "as plain Python",
            1,
            "plain",
            _whole_plain,
            hint="Return a pair of tensors. A norm of at most the limit leaves the gradient as it "
            "is, and so does a norm of zero.",
        ),
        Aspect(
            "one graph for all gradients",
            3,
            "graph",
            _whole_graph,
            hints={
                "pytorch": "An if on a tensor breaks the graph; clamp, minimum and torch.where "
                "choose without asking. A list that grows costs a new graph at each call.",
                "tensorflow": "numpy() has no place in a graph. An if on a tensor has one, if "
                "AutoGraph can see it.",
            },
        ),
        Aspect(
            "the norm",
            1,
            "norms",
            _whole_norms,
            hint="It is that of the gradient as it came, and a tensor without axes.",
        ),
        Aspect(
            "new noise at every run",
            2,
            "noise",
            _whole_noise,
            hint="What NumPy draws, it draws while the function is traced. Use the framework's own "
            "normal distribution, in the shape of G.",
        ),
    ),
    version="2",
)


# -- graphs.steady -----------------------------------------------------------------------------


def _steady_inputs(rng: np.random.Generator) -> Inputs:
    features = integer(rng, 2, 5)
    # Not as many rows as features: PyTorch takes two equal sizes for one.
    lengths = [int(n) for n in rng.choice(np.arange(6, 15), 4, replace=False)]
    rates: list[Any] = [integer(rng, 2, 5), 1, 0, _number(rng, 0.2, 2)]
    rates = [_number(rng, 0.2, 2), *(rates[int(at)] for at in rng.permutation(len(rates)))]
    flags = [True, False, False, True, True, False]
    return {
        "weights": data(rng, features),
        "batches": [data(rng, n, features) for n in lengths],
        "rates": rates,
        "flags": [flags[int(at)] for at in rng.permutation(len(flags))],
        "v": data(rng, lengths[0]),
    }


_NO_GRAPH = {
    "pytorch": " f ran as plain Python, or its graph was made with another backend than came.",
    "tensorflow": " f ran as plain Python.",
}


def _steady_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    weights = framework.tensor(inputs["weights"])
    batches = [framework.tensor(x) for x in inputs["batches"]]
    if framework.key == "pytorch":  # where one asks for its gradient, all must, or graphs differ
        batches = [x.requires_grad_() for x in batches]

    def made() -> tuple[Callable[..., Tensor], Counter]:
        """The student's function for one of ours, and how many graphs there are."""
        if framework.key == "pytorch":
            import torch

            def f(X: Tensor, rate: Any, training: bool) -> Tensor:
                if training is not True and training is not False:
                    raise TypeError("training is no plain True or False")
                return ((torch.tanh(X * rate) if training else X * rate) * weights).sum(dim=1)

            torch.compiler.reset()
            graphs: list[Any] = []
            return answer(f, _counting(graphs)), lambda: len(graphs)
        import tensorflow as tf

        traces: list[bool] = []  # of each run of f: whether it made a graph

        @tf.autograph.experimental.do_not_convert
        def g(X: Tensor, rate: Any, training: bool) -> Tensor:
            if training is not True and training is not False:
                raise TypeError("training is no plain True or False")
            traces.append(bool(tf.inside_function()))
            Y = tf.tanh(X * rate) if training else X * rate
            return tf.reduce_sum(Y * weights, axis=1)

        return answer(g), lambda: len(traces) if any(traces) else 0

    g, count = made()  # once: compiling takes its time

    def run(key: str) -> Any:
        calls = [(batches[n], rate, flag) for n, rate, flag in _steady_plan(inputs, key)]
        values = [framework.array(g(*calls[0]))]
        first = int(count())  # one of them, or the only one, is for this call
        values += [framework.array(g(*call)) for call in calls[1:]]
        return {"values": values, "count": min(first, 1) + int(count()) - first}

    def gradient() -> Any:
        def loss() -> Tensor:
            return framework.weighted_sum(g(batches[0], inputs["rates"][0], True), inputs["v"])

        return from_a_graph(framework.gradients(loss, batches[:1])[0])

    def from_a_graph(value: Any) -> Any:
        if not count():
            raise WrongKind(f"It comes from no graph.{_NO_GRAPH[framework.key]}")
        return value

    found = {key: attempt(lambda key=key: run(key)) for key in ("lengths", "rates", "flags")}
    values = found["flags"].pop("values", found["flags"])
    return {
        "values": values if error_in(values) else attempt(lambda: from_a_graph(values)),
        "lengths": found["lengths"],
        "rates": found["rates"],
        "flags": {"values": values, "count": int(count())},
        "gradient": attempt(gradient),
    }


def _steady_plan(inputs: Mapping[str, Any], key: str) -> list[tuple[int, float, bool]]:
    """The calls of a run: the number of the batch, the rate, the flag."""
    batches, rates = inputs["batches"], inputs["rates"]
    if key == "lengths":
        return [(n, rates[0], True) for n in range(len(batches))]
    if key == "rates":
        return [(0, rate, False) for rate in rates]
    return [
        (n % len(batches), rates[n % len(rates)], flag) for n, flag in enumerate(inputs["flags"])
    ]


def _steady_calls(inputs: Mapping[str, Any], key: str) -> list[tuple[np.ndarray, float, bool]]:
    return [(inputs["batches"][n], rate, flag) for n, rate, flag in _steady_plan(inputs, key)]


def _steady_text(calls: Sequence[tuple[np.ndarray, float, bool]]) -> str:
    parts = [f"({len(x)} rows, {rate}, {flag})" for x, rate, flag in calls]
    return f"{len(calls)} calls: {', '.join(parts)}"


def _steady_values(inputs: Mapping[str, Any], found: Any, _: str, key: str = "flags") -> None:
    calls = _steady_calls(inputs, key)
    values = need_list(found, len(calls), "Outputs")
    for n, (one, (x, rate, flag)) in enumerate(zip(values, calls, strict=True)):
        scaled = x.astype(np.float64) * rate
        expected = (np.tanh(scaled) if flag else scaled) @ inputs["weights"].astype(np.float64)
        same_array(one, expected, f"Output of call {n}", _steady_text(calls))


def _steady_graphs(key: str, expected: int) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        if not isinstance(found, dict):
            raise Unfit("Outputs are expected.")
        _steady_values(inputs, found.get("values"), framework, key)
        shown = _steady_text(_steady_calls(inputs, key))
        if key == "flags":  # nothing is to be forgotten in between
            shown += "; before them, other lengths and rates with both flags"
        _same_count(found.get("count"), expected, shown, _NO_GRAPH[framework])

    return compare


def _steady_gradient(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    x, rate = inputs["batches"][0].astype(np.float64), inputs["rates"][0]
    slope = inputs["weights"] * rate / np.cosh(x * rate) ** 2
    shown = _steady_text([(x, rate, True)])
    if found is None:
        raise Unfit(f"No gradient arrives at X.\nInput: {shown}")
    same_array(found, inputs["v"].astype(np.float64)[:, None] * slope, "Gradient of X", shown)


STEADY = Question(
    name="graphs.steady",
    title="Traced once, and no more",
    points=8,
    inputs=_steady_inputs,
    probe=_steady_probe,
    judge=judge_by(
        Aspect(
            "the outputs",
            1,
            "values",
            _steady_values,
            hints={
                "pytorch": "g returns what f returns, from a graph: backend=backend has to be "
                "passed on. The flag is f's own affair: pass it on as it is.",
                "tensorflow": "g returns what f returns, from a graph. The flag is f's own "
                "affair: pass it on as it is. The rate is a tensor of 32 bits.",
            },
        ),
        Aspect(
            "one graph for all lengths",
            2,
            "lengths",
            _steady_graphs("lengths", 1),
            hints={
                "pytorch": "dynamic=True leaves sizes open from the first graph on. Compile once, "
                "outside g.",
                "tensorflow": "An input_signature with a None leaves a size open. Make the traced "
                "function once, outside g.",
            },
        ),
        Aspect(
            "one graph for all rates",
            2,
            "rates",
            _steady_graphs("rates", 1),
            hint="A plain number is part of what a graph was made for; a tensor is not. Make one "
            "of the rate before the call, of the same type for 1 and for 0.5.",
        ),
        Aspect(
            "two graphs for two flags",
            2,
            "flags",
            _steady_graphs("flags", 2),
            hint="Each flag has a graph of its own, and keeps it when the other had its turn.",
        ),
        Aspect(
            "the gradient",
            1,
            "gradient",
            _steady_gradient,
            hint="Pass X on as it is: a copy through NumPy has no past.",
        ),
    ),
    version="2",
)


# -- graphs.optimize ---------------------------------------------------------------------------

_ARGUMENTS = {"input": "", "random": "", "print": "n", "tanh": "n", "scale": "nf", "add": "nn",
              "mul": "nn"}  # fmt: skip
_ALWAYS = ("input", "print")  # kept, used or not
_ALONE = (*_ALWAYS, "random")  # the same as no other


class _Grown:
    """A graph that grows node by node; knows which of its nodes give the same."""

    def __init__(self, rng: np.random.Generator, inputs: int) -> None:
        self.rng = rng
        self.nodes: list[list[Any]] = []
        self.classes: dict[str, Any] = {}
        self.first: dict[Any, str] = {}
        self.names = iter(
            "".join(letters)
            for letters in rng.permutation(
                [[a, b] for a in "abcdefghkmnpqrstuvwxyz" for b in "aeiou"]
            )
        )
        for _ in range(inputs):
            self.add("input")

    def add(self, operation: str, *arguments: Any) -> str:
        """A new node; returns its name."""
        name = str(next(self.names))
        key = name if operation in _ALONE else self.key(operation, arguments)
        self.classes[name] = key
        self.first.setdefault(key, name)
        self.nodes.append([name, operation, *arguments])
        return name

    def key(self, operation: str, arguments: Sequence[Any]) -> Any:
        """What a node is, whatever its name: the same for nodes that give the same."""
        return (operation, *(self.classes.get(a, a) for a in arguments))

    def values(self) -> list[str]:
        """The names that may be arguments."""
        return [name for name, operation, *_ in self.nodes if operation != "print"]

    def new(self) -> str:
        """A node that gives what no other gives."""
        while True:
            operation = str(self.rng.choice(["add", "mul", "tanh", "scale"]))
            names = self.values()
            picked = [names[int(at)] for at in self.rng.integers(0, len(names), 2)]
            arguments = {
                "tanh": picked[:1],
                "scale": [picked[0], _number(self.rng, 0.5, 2)],
            }.get(operation, picked)
            swapped = self.key(operation, arguments[::-1])
            if not {self.key(operation, arguments), swapped} & set(self.first):
                return self.add(operation, *arguments)

    def again(self, name: str) -> str:
        """A node that gives what `name` gives, from arguments that do, the newest there are."""
        _, operation, *arguments = next(node for node in self.nodes if node[0] == name)
        newest = {self.classes[other]: other for other in self.values()}
        renamed = [newest.get(self.classes.get(a), a) for a in arguments]
        return self.add(operation, *renamed)

    def unused(self) -> list[str]:
        """The values that no node uses, inputs left out."""
        used = {a for _, _, *arguments in self.nodes for a in arguments}
        return [
            name for name, operation, *_ in self.nodes
            if name not in used and operation not in _ALWAYS
        ]  # fmt: skip

    def plain(self, outputs: Sequence[str]) -> Inputs:
        """The graph as plain data, with numbers for its inputs and for what it draws."""
        drawn = [name for name, operation, *_ in self.nodes if operation in ("input", "random")]
        return {
            "nodes": self.nodes,
            "outputs": list(outputs),
            "numbers": {name: _number(self.rng, 0.3, 1.5) for name in drawn},
        }


def _with_doubles(rng: np.random.Generator) -> Inputs:
    graph = _Grown(rng, 2)
    graph.add("add", *graph.values())
    first = graph.new()
    second = graph.add("tanh", first)
    third = graph.add("mul", second, first)
    for _ in range(integer(rng, 1, 2)):
        graph.new()
    doubles = [graph.again(name) for name in (first, second, third)]
    graph.add("add", third, doubles[-1])
    # Two outputs that become one node are two outputs all the same.
    return graph.plain([second, doubles[1], *graph.unused()])


def _with_unused(rng: np.random.Generator) -> Inputs:
    graph = _Grown(rng, 2)
    kept = [graph.add("add", *graph.values())]
    kept += [graph.new() for _ in range(integer(rng, 1, 2))]
    lost = graph.add("tanh", kept[0])
    lost = graph.add("scale", lost, _number(rng, 0.5, 2))
    last = graph.add("mul", kept[-1], kept[0])
    graph.add("add", lost, last)
    return graph.plain([last, *(name for name in kept if name in graph.unused())])


def _with_exceptions(rng: np.random.Generator) -> Inputs:
    graph = _Grown(rng, 3)
    first = graph.values()[0]  # the other inputs are not used, nor is the last draw
    value = graph.add("add", graph.add("random"), graph.add("random"))
    shown = graph.add("tanh", value)
    graph.add("print", shown)
    graph.add("print", graph.add("scale", first, _number(rng, 0.5, 2)))
    graph.add("random")
    for _ in range(2):
        graph.add("print", shown)
    return graph.plain([value])


def _with_everything(rng: np.random.Generator) -> Inputs:
    graph = _Grown(rng, 2)
    base = graph.add("add", *graph.values())
    draw = graph.add("random")
    graph.new()
    begin = graph.add("mul", draw, base)
    one = graph.add("scale", begin, _number(rng, 0.5, 2))
    two = graph.add("tanh", one)
    again = [graph.again(name) for name in (begin, one, two)]
    graph.add("print", again[2])
    graph.add("random")
    lost = graph.again(begin)
    graph.add("add", lost, again[1])
    total = graph.add("add", two, again[2])
    return graph.plain([total, again[0], again[2]])


_KINDS = {
    "twice": _with_doubles,
    "unused": _with_unused,
    "stay": _with_exceptions,
    "all": _with_everything,
}


def _optimize_inputs(rng: np.random.Generator) -> Inputs:
    return {key: [make(rng) for _ in range(2)] for key, make in _KINDS.items()}


def _in_order(found: Any, expected: str) -> list[Any]:
    """What a student gave in some order, as a list, cut where nothing right is as long."""
    if isinstance(found, str) or not isinstance(found, Sequence | Iterator | ValuesView):
        raise WrongKind(f"{expected} is expected; what came is {kind_of(found)}.")
    return list(islice(found, 1000))


def _part(found: Any) -> Any:
    """A name or a number of a student's node; what it is in words if it is neither."""
    return found if type(found) in (str, float) else {"kind": kind_of(found)}


def _optimize_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)

    def one(graph: Inputs) -> Any:
        found = answer([tuple(node) for node in graph["nodes"]], list(graph["outputs"]))
        if not isinstance(found, list | tuple) or len(found) != 2:
            raise WrongKind(
                f"Two things are expected, the new nodes and the new outputs; "
                f"{came_instead(found)}."
            )
        nodes, outputs = (
            _in_order(value, f"The new {what}: a list")
            for value, what in zip(found, ("nodes", "outputs"), strict=True)
        )
        return {
            "nodes": [
                [_part(part) for part in _in_order(node, "A node: a tuple")] for node in nodes
            ],
            "outputs": [_part(name) for name in outputs],
        }

    return {
        key: [attempt(lambda graph=graph: one(graph)) for graph in graphs]
        for key, graphs in inputs.items()
    }


def _graph_text(graph: Mapping[str, Any]) -> str:
    lines = [
        f"{name} = {operation}({', '.join(map(str, arguments))})"
        for name, operation, *arguments in graph["nodes"]
    ]
    return f"{'; '.join(lines)}; outputs {', '.join(graph['outputs'])}"


def _least(graph: Mapping[str, Any]) -> int:
    """With how few nodes a graph can say what it says."""
    key_of: dict[str, Any] = {}
    parts: dict[Any, list[Any]] = {}
    for name, operation, *arguments in graph["nodes"]:
        inner = [key_of.get(a, a) for a in arguments]
        key_of[name] = name if operation in _ALONE else (operation, *inner)
        parts[key_of[name]] = inner
    waiting = [key_of[name] for name in graph["outputs"]]
    waiting += [key_of[name] for name, operation, *_ in graph["nodes"] if operation in _ALWAYS]
    needed = set()
    while waiting:
        key = waiting.pop()
        if key in parts and key not in needed:
            needed.add(key)
            waiting += parts[key]
    return len(needed)


def _run_graph(
    graph: Mapping[str, Any], numbers: Mapping[str, float]
) -> tuple[list[float], list[float]]:
    """What a well-formed graph prints, and its outputs."""
    values: dict[str, float] = {}
    printed: list[float] = []
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


def _well_formed(found: Any, before: Mapping[str, Any]) -> None:
    """Raise `Unfit` unless `found` is a graph made of the nodes of another."""
    nodes, outputs = (found.get(key) for key in ("nodes", "outputs"))
    if not isinstance(nodes, list) or not isinstance(outputs, list):
        raise Unfit("A list of nodes and one of outputs are expected.")
    known = {name: operation for name, operation, *_ in before["nodes"]}
    there: set[str] = set()
    for node in nodes:
        if not isinstance(node, list) or len(node) < 2 or type(node[0]) is not str:
            raise Unfit("A node is a name, an operation and arguments.")
        name, operation, *arguments = node
        if name not in known or name in there:
            raise Unfit(
                f"Each node is one of those that were there, and comes once; {name[:20]!r} is not."
            )
        kinds = _ARGUMENTS[known[name]]
        if type(operation) is not str or operation != known[name] or len(arguments) != len(kinds):
            raise Unfit(f"{name} keeps its operation and the number of its arguments.")
        for argument, kind in zip(arguments, kinds, strict=True):
            if type(argument) is not (str if kind == "n" else float):
                expected = "the name of a node" if kind == "n" else "a plain number"
                raise Unfit(
                    f"{name}, an argument: {expected} is expected, got {got_text(argument)[:80]}."
                )
            if kind == "n" and (argument not in there or known[argument] == "print"):
                raise Unfit(f"{name} uses {argument[:20]!r}, which is not there before it.")
        there.add(name)
    if len(outputs) != len(before["outputs"]) or not all(
        type(name) is str and name in there and known[name] != "print" for name in outputs
    ):
        number = len(before["outputs"])
        raise Unfit(f"Outputs: {number} are expected, each the name of a node that is there.")


def _optimize_case(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        graphs = inputs[key]
        for graph, one in zip(graphs, need_list(found, len(graphs), "Graphs"), strict=True):
            if (error := error_in(one)) is not None:
                kind = one["error"].get("type") == WrongKind.__name__
                raise Unfit(error if kind else f"{error}\nInput: {_graph_text(graph)}")
            if not isinstance(one, dict):
                raise Unfit("Nodes and outputs are expected.")
            try:
                _well_formed(one, graph)
            except Unfit as problem:
                raise Unfit(f"{problem}\nInput: {_graph_text(graph)}") from None
            try:
                _same_graph(one, graph)
            except Unfit as problem:
                texts = f"Input: {_graph_text(graph)}\nGot: {_graph_text(one)}"
                raise Unfit(f"{problem}\n{texts}") from None

    return compare


def _same_graph(found: Mapping[str, Any], graph: Mapping[str, Any]) -> None:
    """Raise `Unfit` unless a well-formed graph says the same as another, with the fewest nodes."""
    inputs, kept = (
        [name for name, operation, *_ in one["nodes"] if operation == "input"]
        for one in (graph, found)
    )
    if inputs != kept:
        raise Unfit(f"Inputs: expected {inputs}, got {kept}.")
    expected, got = (_run_graph(one, graph["numbers"]) for one in (graph, found))
    for what, before, after in zip(("prints", "returns"), expected, got, strict=True):
        if len(before) != len(after) or not all(map(_close, before, after)):
            raise Unfit(f"It no longer {what} what it did.")
    if (count := len(found["nodes"])) != (least := _least(graph)):
        raise Unfit(f"Nodes: expected {least}, got {count}.")


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


OPTIMIZE = Question(
    name="graphs.optimize",
    title="An optimizer of graphs",
    points=8,
    inputs=_optimize_inputs,
    probe=_optimize_probe,
    judge=judge_by(
        Aspect(
            "nothing twice",
            2,
            "twice",
            _optimize_case("twice"),
            hint="Walk forwards. Replace the arguments first, then look whether the same operation "
            "on the same arguments has been there. Outputs may have to be replaced too.",
        ),
        Aspect(
            "nothing unused",
            2,
            "unused",
            _optimize_case("unused"),
            hint="Walk backwards from the outputs. A node that only an unused node uses is unused.",
        ),
        Aspect(
            "what must stay",
            2,
            "stay",
            _optimize_case("stay"),
            hint="Inputs and prints stay, and what a print shows is used. Two inputs look the "
            "same, two draws as well, and are not.",
        ),
        Aspect(
            "all at once",
            2,
            "all",
            _optimize_case("all"),
            hint="Make the doubles one, and drop what nobody uses, whatever the reason.",
        ),
    ),
    version="2",
)


# -- graphs.ship ---------------------------------------------------------------------------------


def _ship_inputs(rng: np.random.Generator) -> Inputs:
    inputs, outputs = integer(rng, 3, 5), integer(rng, 2, 4)
    part = dense(rng, inputs, outputs)
    slope = part["kernel"].sum(axis=1)  # of an output's sum, by the input
    while np.square(slope).sum() < 0.3:
        part = dense(rng, inputs, outputs)
        slope = part["kernel"].sum(axis=1)

    def batch(rows: int, sign: int) -> np.ndarray:
        """Rows whose outputs add up to a number of that sign, though not each of them does."""
        x = data(rng, rows, inputs)
        other = -sign * _number(rng, 0.5, 1.5)  # of the first row
        wanted = np.full(rows, (sign * _number(rng, 1, 3) - other) / (rows - 1))
        wanted[0] = other
        missing = wanted - by_hand([part], x).sum(axis=1)
        return (x + np.outer(missing, slope / np.square(slope).sum())).astype(np.float32)

    lengths = [int(n) for n in rng.choice(np.arange(3, 12), 3, replace=False)]
    return {
        "dense": part,
        "up": _number(rng, 3, 9),
        "down": _number(rng, 2, 6),
        "example": batch(2, 1),
        "positive": batch(2, 1),
        "negative": batch(2, -1),
        "lengths": [batch(n, 1) for n in lengths],
    }


def _ship_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    part = framework.dense(**inputs["dense"])
    x = framework.tensor(inputs["example"])

    def loaded(load: Callable[[], Any], module: str) -> Any:
        try:
            return load()
        except Exception as error:
            raise WrongKind(
                f"{module}.load cannot read what was saved, and says {type(error).__name__}: "
                f"{str(error)[:200]} Save it with {module}.save."
            ) from None

    def runs(path: str) -> Outputs:
        answer(part, inputs["up"], inputs["down"], x, path)
        if not Path(path).exists():
            raise WrongKind("Nothing was saved under the path that came.")
        if framework.key == "pytorch":
            import torch

            program = loaded(lambda: torch.export.load(path), "torch.export").module()
        else:
            import tensorflow as tf

            # To be held: it owns the weights.
            model = loaded(lambda: tf.saved_model.load(path), "tf.saved_model")
            if not hasattr(model, "serve"):
                raise WrongKind(
                    "What was saved has no serve. Give the object that is saved an attribute "
                    "serve, a tf.function."
                )
            program = model.serve

        def run(batch: np.ndarray) -> Any:
            return attempt(lambda: framework.array(program(framework.tensor(batch))))

        return {
            "positive": [run(inputs["positive"])],
            "negative": [run(inputs["negative"])],
            "lengths": [run(batch) for batch in inputs["lengths"]],
        }

    with tempfile.TemporaryDirectory() as folder:
        name = "program.pt2" if framework.key == "pytorch" else "program"
        return runs(str(Path(folder, name)))


def _same_gate(inputs: Mapping[str, Any], x: np.ndarray, found: Any) -> None:
    y = by_hand([inputs["dense"]], x)
    total = float(y.sum())
    expected = y * inputs["up"] if total > 0 else y / inputs["down"]
    shown = f"up {inputs['up']}, down {inputs['down']}, a sum of {total:.3f}; {data_in_words(x)}"
    if (error := error_in(found)) is not None:
        raise Unfit(f"{error}\nInput: {shown}")
    same_array(found, expected, "Output of the program", shown)


def _ship_side(key: str) -> Callable[[Mapping[str, Any], Any, str], None]:
    def compare(inputs: Mapping[str, Any], found: Any, _: str) -> None:
        _same_gate(inputs, inputs[key], need_list(found, 1, "Outputs")[0])

    return compare


def _ship_lengths(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    batches = inputs["lengths"]
    for x, one in zip(batches, need_list(found, len(batches), "Outputs"), strict=True):
        _same_gate(inputs, x, one)


SHIP = Question(
    name="graphs.ship",
    title="Shipped, with both branches and any batch",
    points=6,
    inputs=_ship_inputs,
    probe=_ship_probe,
    judge=judge_by(
        Aspect(
            "a batch like the example",
            2,
            "positive",
            _ship_side("positive"),
            hints={
                "pytorch": "The program holds the layer's weights and both numbers, and returns "
                "all rows.",
                "tensorflow": "The program holds the layer's weights and both numbers, and returns "
                "all rows. A tf.function is saved with the graphs that it has: with none, if it "
                "has no input_signature and was never called.",
            },
        ),
        Aspect(
            "the other branch",
            2,
            "negative",
            _ship_side("negative"),
            hints={
                "pytorch": "What Python decided during the export is decided for good. torch.cond "
                "and torch.where put both sides into the graph.",
                "tensorflow": "What Python decided during the trace is decided for good. tf.cond, "
                "tf.where, or an if that AutoGraph sees put both sides into the graph.",
            },
        ),
        Aspect(
            "any number of rows",
            2,
            "lengths",
            _ship_lengths,
            hints={
                "pytorch": "Declare the first axis to be free: dynamic_shapes, with a Dim.",
                "tensorflow": "Declare the first axis to be free: None in an input_signature.",
            },
        ),
    ),
    version="2",
)

QUESTIONS = (WHOLE, STEADY, OPTIMIZE, SHIP)
