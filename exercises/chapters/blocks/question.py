"""Questions of the chapter *Layers and blocks*.

Every right answer is recomputed here with NumPy from the inputs: widths, weights and data are drawn
anew for each student, so that numbers, shapes and names known from elsewhere earn nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import numpy as np
from d2lexercises.networks import by_hand, data_in_words, in_words, make_layers
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Ordered,
    Stepped,
    WrongKind,
    layer,
    question,
)

# -- blocks.sequential -------------------------------------------------------------------------


def own_sequential(answer, f):
    """A class of the student's own, and not the built-in one with another name."""
    layer(answer, f)
    if any(one.__name__ == "Sequential" for one in (answer, *answer.__mro__[1:])):
        base = "nn.Module" if f.key == "pytorch" else "keras.Model"
        raise WrongKind(
            "The built-in Sequential, or a class derived from it, is not the answer: derive from "
            f"{base}."
        )


SEQUENTIAL = question("blocks.sequential", "A Sequential that can be indexed", takes=own_sequential)


@SEQUENTIAL.inputs
def draw_sequential(draw):
    widths = draw.integers(2, 6, draw.integer(4, 5))
    chain = draw.chain(widths)
    side = draw.integer(3, 5)
    # Twelve, so that sorting "0" ... "11" as words gives another order; no activation between.
    square = [draw.dense(side, side) for _ in range(12)]
    count = len(chain)
    start = draw.integer(1, count - 3)
    before = [part["kernel"].shape[1] for part in chain[:start] if "kernel" in part]
    return {
        "chain": chain,
        "x": draw.data(draw.integer(2, 4), widths[0]),
        "square": square,
        "square_x": draw.data(draw.integer(2, 4), side),
        "twice": draw.dense(side, side),
        "anew": [draw.dense(*part["kernel"].shape) for part in chain if "kernel" in part],
        "names": draw.words(3),
        "items": draw.integers(-count, count - 1, 6),
        "slice": [start, draw.integer(start + 2, count)],
        "inner_x": draw.data(3, before[-1]),
    }


def make_sequential(answer, blocks, f):
    return answer(*blocks) if f.key == "pytorch" else answer(list(blocks))


def give_new_weights(blocks, given, f):
    for block, part in zip(blocks[::2], given.anew, strict=True):
        f.set_dense(block, **part)


def renewed(given):
    """The chain with its second set of weights."""
    anew = iter(given.anew)
    return [next(anew) if "kernel" in part else part for part in given.chain]


class OfChain(Aspect):
    what = "Output"

    def run(answer, given, f):
        net = make_sequential(answer, make_layers(given.chain, f), f)
        return net(f.tensor(given.x))

    def expect(given):
        return by_hand(given.chain, given.x)

    def shown(given):
        return f"{in_words(given.chain)}; {data_in_words(given.x)}"


@SEQUENTIAL.aspect("output of a chain", 1)
class OutputOfChain(OfChain):
    "Pass the output of each block to the next, and return the last one."


@SEQUENTIAL.aspect("order of the blocks", 1)
class Order(Aspect):
    """Blocks run in the order in which they were given. Do not sort their names: as words, "10"
    comes before "2"."""

    what = "Output"

    def run(answer, given, f):
        net = make_sequential(answer, make_layers(given.square, f), f)
        return net(f.tensor(given.square_x))

    def expect(given):
        return by_hand(given.square, given.square_x)

    def shown(given):
        x = given.square_x
        return f"12 dense layers of width {x.shape[1]} in a row; {data_in_words(x)}"


@SEQUENTIAL.aspect("parameters and their addresses", 2)
class Addresses(Aspect):
    hint = {
        "pytorch": "PyTorch finds a layer that is registered under a name of its own. A plain list "
        "hides it, and a container inside yours adds its own name to every address.",
        "tensorflow": "Keras finds layers in a list that is assigned to self, after "
        "super().__init__().",
    }
    code = {"pytorch": 'self.add_module("0", block)', "tensorflow": "self.blocks = list(blocks)"}
    what = {"pytorch": "state_dict()", "tensorflow": "weights"}

    def run(answer, given, f):
        net = make_sequential(answer, make_layers(given.chain, f), f)
        if f.key == "pytorch":
            return dict(net.state_dict())
        net(f.tensor(given.x))  # Keras may find them only now
        return list(net.weights)

    def expect(given, framework):
        parts = [(n, part) for n, part in enumerate(given.chain) if "kernel" in part]
        if framework == "tensorflow":
            return [array for _, part in parts for array in (part.kernel, part.bias)]
        expected = Ordered()
        for n, part in parts:
            expected |= {f"{n}.weight": part.kernel.T, f"{n}.bias": part.bias}
        return expected

    def shown(given):
        return in_words(given.chain)


@SEQUENTIAL.aspect("names of your own", 1)
class Names(Aspect):
    hint = {
        "pytorch": "One argument that is an OrderedDict brings the names with it.",
        "tensorflow": "Pass **kwargs on to super().__init__().",
    }

    def run(answer, given, f):
        first, second, whole = given.names
        if f.key == "pytorch":
            blocks = make_layers(given.chain[:2], f)
            net = answer(OrderedDict(zip((first, second), blocks, strict=True)))
            return [*net.state_dict(), *(name for name, _ in net.named_children())]
        net = answer([f.waiting_dense(3, name) for name in (first, second)], name=whole)
        net(f.tensor(given.x))
        return [weight.path for weight in net.weights]

    def expect(given, framework):
        first, second, whole = given.names
        if framework == "pytorch":
            return [f"{first}.weight", f"{first}.bias", first, second]
        return [f"{whole}/{part}/{x}" for part in (first, second) for x in ("kernel", "bias")]

    def shown(given, framework):
        first, second, whole = given.names
        if framework == "pytorch":
            return f"MySequential(OrderedDict({first}=..., {second}=...))"
        return f'MySequential([...], name="{whole}"), blocks named {first} and {second}'


@SEQUENTIAL.aspect("blocks inside blocks", 1)
class Nested(OfChain):
    "A MySequential is a block like any other: call it as you call the others."

    def run(answer, given, f):
        first, second, *further, last = make_layers(given.chain, f)
        inner = [make_sequential(answer, [second], f), *further]
        net = make_sequential(answer, [first, make_sequential(answer, inner, f), last], f)
        return net(f.tensor(given.x))

    def shown(given):
        chain = in_words(given.chain)
        return f"a MySequential in a MySequential in a third: {chain}; {data_in_words(given.x)}"


@SEQUENTIAL.aspect("a block used twice", 1)
class UsedTwice(Aspect):
    "children(), a set or a dictionary keyed by the block meets each block once."

    what = "Output"

    def run(answer, given, f):
        block = f.dense(**given.twice)
        net = make_sequential(answer, [block, f.activation("tanh"), block], f)
        return net(f.tensor(given.square_x))

    def expect(given):
        return by_hand([given.twice, {"activation": "tanh"}, given.twice], given.square_x)

    def shown(given):
        return f"block, tanh, the same block again; {data_in_words(given.square_x)}"


@SEQUENTIAL.aspect("the layers you were given", 1)
class Kept(Aspect):
    """Keep the blocks themselves. A copy, or a new layer of the same shape, no longer follows the
    one that the caller holds."""

    what = "Output"

    def run(answer, given, f):
        blocks, x = make_layers(given.chain, f), f.tensor(given.x)
        net = make_sequential(answer, blocks, f)
        net(x)
        give_new_weights(blocks, given, f)
        return net(x)

    def expect(given):
        return by_hand(renewed(given), given.x)

    def shown(given):
        x = data_in_words(given.x)
        return f"the layers you were given got new weights after the first call; {x}"


@SEQUENTIAL.aspect("length and items", 1)
class Items(Aspect):
    "Write __len__ and __getitem__; a list does the counting from the end for you."

    def run(answer, given, f):
        blocks = make_layers(given.chain, f)
        net = make_sequential(answer, blocks, f)
        found = [net[index] for index in given.items]
        places = [next((n for n, one in enumerate(blocks) if one is item), -1) for item in found]
        return [len(net), places]

    def expect(given):
        count = len(given.chain)
        blocks = f"number of the block net[i] for i in {given.items} (-1: none that you were given)"
        return {"len(net)": count, blocks: [index % count for index in given.items]}


@SEQUENTIAL.aspect("slices", 1)
class Slices(Aspect):
    """For net[1:3] Python passes a slice object to __getitem__. Return a new MySequential of the
    same layers."""

    def run(answer, given, f):
        blocks = make_layers(given.chain, f)
        part = make_sequential(answer, blocks, f)[slice(*given.slice)]
        before = part(f.tensor(given.inner_x))
        give_new_weights(blocks, given, f)
        return [isinstance(part, answer), before, part(f.tensor(given.inner_x))]

    def expect(given):
        start, stop = given.slice
        return {
            "it is a MySequential": True,
            "output": by_hand(given.chain[start:stop], given.inner_x),
            "output after the layers of net got new weights": by_hand(
                renewed(given)[start:stop], given.inner_x
            ),
        }

    def shown(given):
        start, stop = given.slice
        part = in_words(given.chain[start:stop])
        return f"net[{start}:{stop}], which is {part}; {data_in_words(given.inner_x)}"


# -- blocks.residual -----------------------------------------------------------------------------

RESIDUAL = question("blocks.residual", "A residual block", takes=layer)
BOTH = ("equal", "different")


@RESIDUAL.inputs
def draw_residual(draw):
    def case(inputs, outputs):
        rows, projection = draw.integer(2, 5), draw.kernel(inputs, outputs)
        return {
            "widths": [inputs, outputs],
            "first": draw.dense(inputs, outputs),
            "second": draw.dense(outputs, outputs),
            "projection": None if inputs == outputs else projection,
            "x": draw.data(rows, inputs),
            "v": draw.data(rows, outputs),
        }

    equal, narrow = draw.integer(3, 7), draw.integer(2, 6)
    return {"equal": case(equal, equal), "different": case(narrow, narrow + draw.integer(1, 3))}


def make_residual(answer, case, f):
    """The block with the case's weights, and its layers."""
    net = answer(*case.widths)
    net(f.tensor(case.x))  # makes what waits for a first input
    f.set_dense(net.first, **case.first)
    f.set_dense(net.second, **case.second)
    if case.projection is None:
        return net, [net.first, net.second]
    f.set_dense(net.projection, case.projection, None)
    return net, [net.first, net.second, net.projection]


def residual_by_hand(case):
    """The output, the gradients of the layers, and that of the input."""
    x, v = case.x.astype(np.float64), case.v.astype(np.float64)
    first, second, projection = case.first, case.second, case.projection
    before = x @ first.kernel + first.bias
    hidden = np.maximum(before, 0)
    back = (v @ second.kernel.T) * (before > 0)
    output, of_x = hidden @ second.kernel + second.bias, back @ first.kernel.T
    layers = {
        "first": {"kernel": x.T @ back, "bias": back.sum(0)},
        "second": {"kernel": hidden.T @ v, "bias": v.sum(0)},
    }
    if projection is None:
        return output + x, layers, of_x + v
    layers["projection"] = {"kernel": x.T @ v}
    return output + x @ projection, layers, of_x + v @ projection.T


@RESIDUAL.shown
def shown_residual(case):
    return f"Residual({case.widths[0]}, {case.widths[1]}); {data_in_words(case.x)}"


class TwoOutputs(Aspect):
    def run(answer, case, f):
        net, _ = make_residual(answer, case, f)
        x = f.tensor(case.x)
        return [net(x), net(x)]

    def expect(case):
        output, *_ = residual_by_hand(case)
        return {"output": output, "output of a second call with the same tensor": output}


@RESIDUAL.aspect("equal widths", 1, over="equal")
class EqualWidths(TwoOutputs):
    """second(relu(first(X))) + X: the ReLU stands between the two layers and not after the sum, and
    X itself is not changed."""


@RESIDUAL.aspect("different widths", 1, over="different")
class DifferentWidths(TwoOutputs):
    """second(relu(first(X))) + projection(X): where the widths differ, X cannot be added as it
    is."""


@RESIDUAL.aspect("parameters", 2, over=BOTH)
class ResidualParameters(Aspect):
    """first and second with a bias; a projection without one, and only where the widths differ. All
    made in __init__."""

    def run(answer, case, f):
        net, _ = make_residual(answer, case, f)
        return f.registered(net)

    def expect(case):
        projection = {} if case.projection is None else {"projection": {"kernel": case.projection}}
        return AnyOrder({"first": case.first, "second": case.second, **projection})


class Connected(Aspect):
    hint = "The shortcut is part of the computation: nothing may cut the gradient off."
    code = {
        "pytorch": "No detach(), no no_grad(), no .data.",
        "tensorflow": "No tf.stop_gradient, no .numpy().",
    }
    missing = "no gradient arrives"


@RESIDUAL.aspect("a gradient for every parameter", 1, over=BOTH)
class LayerGradients(Connected):
    what = "Gradient"

    def run(answer, case, f):
        net, layers = make_residual(answer, case, f)
        x = f.tensor(case.x)
        return f.dense_gradients(lambda: f.weighted_sum(net(x), case.v), layers)

    def expect(case):
        return residual_by_hand(case)[1]


@RESIDUAL.aspect("a gradient for the input", 1, over=BOTH)
class InputGradient(Connected):
    what = "Gradient of the input"

    def run(answer, case, f):
        net, _ = make_residual(answer, case, f)
        x = f.tensor(case.x)
        return f.gradients(lambda: f.weighted_sum(net(x), case.v), [x])[0]

    def expect(case):
        return residual_by_hand(case)[2]


# -- blocks.parallel -----------------------------------------------------------------------------

PARALLEL = question("blocks.parallel", "Branches side by side", takes=layer)


@PARALLEL.inputs
def draw_parallel(draw):
    width, out = draw.integer(2, 5), draw.integer(2, 5)
    # (examples, steps, features)
    x = draw.data(draw.integer(2, 4), draw.integer(2, 4), width)
    concat = [draw.dense(width, draw.integer(2, 5)) for _ in range(draw.integer(3, 5))]
    total = sum(part["kernel"].shape[1] for part in concat)
    return {
        "x": x,
        "sum": [draw.dense(width, out) for _ in range(draw.integer(3, 6))],
        "concat": concat,
        "v": draw.data(x.shape[0], x.shape[1], total),
        "counts": draw.integers(1, 9, 4),
        "unknown": draw.word(),
    }


class Maker:
    """Returns a new branch each time, with the next of the given values."""

    def __init__(self, parts, f):
        self.parts, self.f, self.made = parts, f, []

    def __call__(self):
        part = self.parts[len(self.made) % len(self.parts)]
        self.made.append(self.f.dense(**part))
        return self.made[-1]


def shown_sum(given):
    return f'{len(given.sum)} branches, merge="sum"; {data_in_words(given.x)}'


def shown_concat(given):
    widths = [part.kernel.shape[1] for part in given.concat]
    return f'branches that give {widths} features, merge="concat"; {data_in_words(given.x)}'


@PARALLEL.aspect("the sum of the branches", 1)
class Sum(Aspect):
    "Every branch gets the same X. [make()] * n is one branch, n times over."

    what = "Output"
    shown = shown_sum

    def run(answer, given, f):
        net = answer(Maker(given.sum, f), len(given.sum), "sum")
        return net(f.tensor(given.x))

    def expect(given):
        return np.sum([by_hand([part], given.x) for part in given.sum], axis=0)


@PARALLEL.aspect("the branches joined", 2)
class Joined(Aspect):
    "Join along the last axis, the features. With three axes it is not number 1."

    what = "Output"
    shown = shown_concat

    def run(answer, given, f):
        net = answer(Maker(given.concat, f), len(given.concat), "concat")
        return net(f.tensor(given.x))

    def expect(given):
        return np.concatenate([by_hand([part], given.x) for part in given.concat], axis=-1)


@PARALLEL.aspect("branches made once, in __init__", 1, after="the sum of the branches")
class MadeOnce(Aspect):
    "Call make n times in __init__, and never in forward or call."

    what = "Block"

    def run(answer, given, f):
        found = []
        for count in given.counts:
            make = Maker(given.sum, f)
            net = answer(make, count, "sum")
            before = len(make.made)
            net(f.tensor(given.x))
            net(f.tensor(given.x))
            found.append([before, len(make.made)])
        return found

    def expect(given):
        return [
            {"branches made in __init__": count, "branches made after two calls": count}
            for count in given.counts
        ]

    def shown(given):
        return f"blocks with n = {given.counts}"


@PARALLEL.aspect("parameters of every branch", 1)
class BranchParameters(Aspect):
    hint = {
        "pytorch": "A plain list hides its layers from PyTorch; nn.ModuleList does not.",
        "tensorflow": "Assign the list of branches to self, after super().__init__().",
    }
    what = "Parameters"
    shown = shown_concat

    def run(answer, given, f):
        net = answer(Maker(given.concat, f), len(given.concat), "concat")
        if f.key == "tensorflow":
            net(f.tensor(given.x))  # Keras may find them only now
        return f.registered(net)

    def expect(given):
        return AnyOrder({f"branch {n}": part for n, part in enumerate(given.concat)})


@PARALLEL.aspect("a gradient for every branch", 1)
class BranchGradients(Aspect):
    "Each branch is a layer of its own, and nothing may cut it off from the output."

    what = "Gradient of branch"
    missing = "no gradient arrives"
    shown = shown_concat

    def run(answer, given, f):
        make = Maker(given.concat, f)
        net, x = answer(make, len(given.concat), "concat"), f.tensor(given.x)
        return f.dense_gradients(lambda: f.weighted_sum(net(x), given.v), make.made)

    def expect(given):
        flat = given.x.astype(np.float64).reshape(-1, given.x.shape[-1])
        ends = np.cumsum([part.kernel.shape[1] for part in given.concat])
        parts = np.split(given.v.astype(np.float64), ends[:-1], axis=-1)
        backs = [part.reshape(-1, part.shape[-1]) for part in parts]
        return [{"kernel": flat.T @ back, "bias": back.sum(0)} for back in backs]


@PARALLEL.aspect("an unknown merge is refused", 1, after="the sum of the branches")
class Refusal(Aspect):
    "Say what was given: raise ValueError(f'... {merge!r} ...') in __init__."

    form = {"said": (str, None), "instead": str}

    def run(answer, given, f):
        try:
            net = answer(Maker(given.sum, f), len(given.sum), given.unknown)
        except ValueError as error:
            return {"said": str(error)[:300], "instead": ""}
        try:
            net(f.tensor(given.x))
        except ValueError:
            return {"said": None, "instead": "one raised only when the block was called"}
        return {"said": None, "instead": "nothing"}

    def judge(given, found):
        if found["said"] is None or given.unknown not in found["said"]:
            got = found["instead"] or f"the message {found['said']!r}"
            return (
                "A ValueError that names the merge it was given is expected from __init__; got: "
                f"{got}."
            )

    def shown(given):
        return f'merge="{given.unknown}"'


# -- blocks.calls ----------------------------------------------------------------------------------

CALLS = question("blocks.calls", "A block that keeps a record", takes=layer)


@CALLS.inputs
def draw_calls(draw):
    inputs, outputs = draw.integer(2, 6), draw.integer(2, 6)
    rows = draw.integers(1, 9, draw.integer(4, 7))
    return {
        "dense": draw.dense(inputs, outputs),
        "xs": [draw.data(n, inputs) for n in rows],
        "other_rows": draw.integers(1, 9, draw.integer(2, 3)),
        "penalty": draw.number(0.1, 0.9),
    }


def record_of(net):
    shapes = [[int(size) for size in shape] for shape in net.shapes]
    return {"calls": int(net.calls), "shapes": shapes}


def record_by_hand(given, rows):
    return {"calls": len(rows), "shapes": [[n, given.dense.bias.size] for n in rows]}


def rows_of(given):
    return [len(x) for x in given.xs]


def outputs_by_hand(given):
    return [by_hand([given.dense], x) for x in given.xs]


@CALLS.shown
def shown_calls(given):
    return f"{in_words([given.dense])}, called with {rows_of(given)} examples"


@CALLS.aspect("the block's output", 1)
class BlockOutput(Aspect):
    "Return what the inner block returns, unchanged."

    what = "Output of call"

    def run(answer, given, f):
        net = answer(f.dense(**given.dense))
        return [net(f.tensor(x)) for x in given.xs]

    expect = outputs_by_hand


@CALLS.aspect("calls and shapes", 1)
class Record(Aspect):
    """After each call, add one to self.calls and the output's shape, as a tuple, to
    self.shapes."""

    what = "Attributes"

    def run(answer, given, f):
        net = answer(f.dense(**given.dense))
        for x in given.xs:
            net(f.tensor(x))
        return record_of(net)

    def expect(given):
        return record_by_hand(given, rows_of(given))


@CALLS.aspect("each object for itself", 1)
class Apart(Aspect):
    """Make the counter and the list in __init__. On the class, or as the default of an argument,
    one list serves all objects."""

    what = "Object"

    def run(answer, given, f):
        nets = [answer(f.dense(**given.dense)) for _ in range(2)]
        for x in given.xs:
            nets[0](f.tensor(x))
        for rows in given.other_rows:
            nets[1](f.tensor(np.ones((rows, len(given.dense.kernel)))))
        return [record_of(net) for net in nets]

    def expect(given):
        return [record_by_hand(given, rows) for rows in (rows_of(given), given.other_rows)]

    def shown(given):
        return f"object 0 called with {rows_of(given)}, object 1 with {given.other_rows} examples"


OBJECT = "Call the object, block(X): its method alone skips what the framework does around it."


@CALLS.aspect("the framework's own steps", 1)
class Machinery(Aspect):
    hint = OBJECT
    what = {
        "pytorch": "Output that a hook on the inner block saw in call",
        "tensorflow": "Penalties on record after each call",
    }

    def run(answer, given, f):
        xs = [f.tensor(x) for x in given.xs]
        return f.recorded(given.dense.kernel, given.dense.bias, answer, xs, given.penalty)

    def expect(given, framework):
        outputs = outputs_by_hand(given)
        if framework == "pytorch":
            return outputs
        # Keras takes the mean over the examples.
        return np.array([given.penalty * np.square(y).sum() / len(y) for y in outputs])

    def shown(given, framework):
        text = shown_calls(given)
        if framework == "pytorch":
            return text
        return f"{text}, with activity_regularizer=L2({given.penalty}) on the inner block"


@CALLS.aspect("a block that waits for its first input", 1)
class Waiting(Aspect):
    hint = {
        "pytorch": OBJECT,
        "tensorflow": "Keras runs call once with a placeholder where it has to find out how to "
        "build the inner block, and that run is no call. Give your class a build that builds "
        "self.block, or count in __call__.",
    }

    def run(answer, given, f):
        block = f.waiting_dense(given.dense.kernel.shape[1])
        net = answer(block)
        first, *further = [f.tensor(x) for x in given.xs]
        net(first)
        f.set_dense(block, **given.dense)
        return {"outputs": [net(x) for x in further], **record_of(net)}

    def expect(given):
        return {"outputs": outputs_by_hand(given)[1:], **record_by_hand(given, rows_of(given))}

    def shown(given):
        return f"{shown_calls(given)}; the block waits for its first input"


@CALLS.aspect("the block's parameters", 1, after="the block's output")
class BlockParameters(Aspect):
    "Assign the block to self, so that the framework finds its parameters."

    def run(answer, given, f):
        net = answer(f.dense(**given.dense))
        net(f.tensor(given.xs[0]))
        return f.registered(net)

    def expect(given):
        return AnyOrder({"the block": given.dense})


# -- blocks.lost-layer ---------------------------------------------------------------------------

LOST_LAYER = question("blocks.lost-layer", "Find the layers that do not train", takes=layer)


@LOST_LAYER.inputs
def draw_lost_layer(draw):
    inputs, width, outputs = draw.integer(2, 5), draw.integer(3, 6), draw.integer(2, 5)
    depth, rows = draw.integer(2, 4), draw.integer(3, 5)
    return {
        "sizes": [inputs, width, outputs, depth],
        "hidden": [draw.dense(*pair) for pair in pairwise([inputs, *[width] * depth])],
        "scale": draw.uniform(0.5, 1.5, width),
        "head": draw.dense(width, outputs),
        "x": draw.data(rows, inputs),
        "v": draw.data(rows, outputs),
        "rate": draw.number(0.05, 0.2),
    }


def make_tower(answer, given, f):
    net = answer(*given.sizes)
    net(f.tensor(given.x))  # makes what waits for a first input
    for block, part in zip(net.hidden, given.hidden, strict=True):
        f.set_dense(block, **part)
    f.assign(net.scale, given.scale)
    f.set_dense(net.head, **given.head)
    return net


def tower_by_hand(given):
    """The input and the output of every hidden layer in turn, and the output of the whole."""
    values = [given.x.astype(np.float64)]
    for part in given.hidden:
        values.append(np.maximum(values[-1] @ part.kernel + part.bias, 0))
    return values, (values[-1] * given.scale) @ given.head.kernel + given.head.bias


@LOST_LAYER.shown
def shown_tower(given):
    return f"Tower{tuple(given.sizes)}; {data_in_words(given.x)}"


@LOST_LAYER.aspect("every parameter is registered", 2)
class Registered(Aspect):
    hint = {
        "pytorch": "PyTorch finds layers assigned to self or kept in an nn.ModuleList, and tensors "
        "that are an nn.Parameter. Nothing else.",
        "tensorflow": "Keras finds layers assigned to self, and variables made by "
        "self.add_weight. It does not find a tf.Variable.",
    }

    def run(answer, given, f):
        return f.registered(make_tower(answer, given, f))

    def expect(given):
        hidden = {f"hidden[{n}]": part for n, part in enumerate(given.hidden)}
        return AnyOrder({**hidden, "head": given.head, "scale": given.scale})


@LOST_LAYER.aspect("the output", 2)
class TowerOutput(Aspect):
    """Layers are made in __init__, once. One made in forward or call is new, and random, each time.
    Do not change what is computed."""

    what = "Output of call"

    def run(answer, given, f):
        net, x = make_tower(answer, given, f), f.tensor(given.x)
        return [net(x), net(x)]

    def expect(given):
        return [tower_by_hand(given)[1]] * 2


@LOST_LAYER.aspect("one step moves everything", 2)
class OneStep(Aspect):
    "A gradient has to find its way back to the first layer."

    code = {"pytorch": "Look for a detach().", "tensorflow": "Look for a tf.stop_gradient."}

    def run(answer, given, f):
        net, x = make_tower(answer, given, f), f.tensor(given.x)
        f.step(net, lambda: f.weighted_sum(net(x), given.v), given.rate)
        return [net.scale, *(f.dense_values(one) for one in (*net.hidden, net.head))]

    def expect(given):
        values, _ = tower_by_hand(given)
        head, scale, v = given.head, given.scale.astype(np.float64), given.v.astype(np.float64)
        back = v @ head.kernel.T  # of what enters the head
        gradients = {"head": {"kernel": (values[-1] * scale).T @ v, "bias": v.sum(0)}}
        of_scale, back = (back * values[-1]).sum(0), back * scale
        for n, part in reversed(list(enumerate(given.hidden))):
            back = back * (values[n + 1] > 0)
            gradients[f"hidden[{n}]"] = {"kernel": values[n].T @ back, "bias": back.sum(0)}
            back = back @ part.kernel.T

        def stepped(before, gradient):
            return Stepped(before, before - given.rate * gradient)

        parts = {f"hidden[{n}]": part for n, part in enumerate(given.hidden)} | {"head": head}
        layers = {
            name: {key: stepped(part[key], gradients[name][key]) for key in part}
            for name, part in parts.items()
        }
        return {"scale": stepped(given.scale, of_scale), **layers}

    def shown(given):
        return f"{shown_tower(given)}; one step of gradient descent, rate {given.rate}"
