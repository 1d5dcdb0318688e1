"""Questions of the chapter *Layers and blocks*.

Every expected result is calculated here with NumPy from the inputs. Sizes, weights and data are
drawn for each student; the sizes of one question differ, so that a swapped axis shows.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from d2lexercises.kinds import whole
from d2lexercises.networks import by_hand, data_in_words, in_words, make_layers
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Ordered,
    Stepped,
    WrongKind,
    function,
    layer,
    question,
)


def distinct(draw, low, high, count):
    """`count` different integers from `low` to `high`."""
    return draw.shuffled(range(low, high + 1))[:count]


# -- blocks.count --------------------------------------------------------------------------------

COUNT = question("blocks.count", "Count without building", takes=function, minutes=5, difficulty=1)


@COUNT.inputs
def draw_count(draw):
    def net(inputs, width, hidden, outputs, blocks):
        return {"sizes": [inputs, width, hidden, blocks, outputs]}

    small = [net(*distinct(draw, 2, 40, 4), blocks=blocks) for blocks in distinct(draw, 2, 9, 3)]
    # One matrix of it takes at least 400 terabytes.
    large = net(*draw.integers(10**7, 9 * 10**7, 4), blocks=draw.integer(20, 90))
    return {"small": small, "large": large}


class Count(Aspect):
    """A dense layer has a weight for each pair of an input and an output, and a bias for each
    output. A plus sign has no parameters."""

    code = "(inputs + 1) * width  # the first layer"
    what = "Parameters"

    def run(answer, case, f):
        return whole(answer(*case.sizes))

    def expect(case):
        inputs, width, hidden, blocks, outputs = case.sizes
        block = (width + 1) * hidden + (hidden + 1) * width
        return (inputs + 1) * width + blocks * block + (width + 1) * outputs

    def mistakes(case):
        inputs, width, hidden, blocks, outputs = case.sizes
        block = (width + 1) * hidden + (hidden + 1) * width
        ends = (inputs + 1) * width + (width + 1) * outputs
        return {
            "The biases are missing: each layer has one for each output.": (
                inputs * width + 2 * blocks * width * hidden + width * outputs
            ),
            "This counts one block, and there are several.": ends + block,
            "The layers before and after the blocks are missing.": blocks * block,
        }

    def shown(case):
        return f"parameters{tuple(case.sizes)}"


@COUNT.aspect("small networks", 1, over="small")
class Small(Count):
    pass


@COUNT.aspect("a network too large to build", 1, over="large")
class Large(Count):
    """The count follows from the sizes alone. No memory holds this network."""


# -- blocks.residual -----------------------------------------------------------------------------

RESIDUAL = question(
    "blocks.residual", "A residual block that widens", takes=layer, minutes=15, difficulty=1
)
BOTH = ("equal", "different")


@RESIDUAL.inputs
def draw_residual(draw):
    def case(inputs, hidden, outputs):
        rows, projection = draw.integer(3, 5), draw.kernel(inputs, outputs)
        return {
            "sizes": [inputs, hidden, outputs],
            "up": draw.dense(inputs, hidden),
            "down": draw.dense(hidden, outputs),
            "projection": None if inputs == outputs else projection,
            "x": draw.data(rows, inputs),
            "v": draw.data(rows, outputs),
        }

    width, inputs, outputs, *hidden = distinct(draw, 3, 9, 5)
    return {
        "equal": case(width, hidden[0], width),
        "different": case(inputs, hidden[1], outputs),
    }


def make_residual(answer, case, f):
    """The block with the case's weights, and its layers."""
    net = answer(*case.sizes)
    net(f.tensor(case.x))  # makes what waits for a first input
    f.set_dense(net.up, **case.up)
    f.set_dense(net.down, **case.down)
    if case.projection is None:
        return net, [net.up, net.down]
    f.set_dense(net.projection, case.projection, None)
    return net, [net.up, net.down, net.projection]


def residual_by_hand(case):
    """The output, the gradients of the layers, and that of the input."""
    x, v = case.x.astype(np.float64), case.v.astype(np.float64)
    up, down, projection = case.up, case.down, case.projection
    before = x @ up.kernel + up.bias
    hidden = np.maximum(before, 0)
    back = (v @ down.kernel.T) * (before > 0)
    output, of_x = hidden @ down.kernel + down.bias, back @ up.kernel.T
    layers = {
        "up": {"kernel": x.T @ back, "bias": back.sum(0)},
        "down": {"kernel": hidden.T @ v, "bias": v.sum(0)},
    }
    if projection is None:
        return output + x, layers, of_x + v
    layers["projection"] = {"kernel": x.T @ v}
    return output + x @ projection, layers, of_x + v @ projection.T


@RESIDUAL.shown
def shown_residual(case):
    return f"Residual{tuple(case.sizes)}; {data_in_words(case.x)}"


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
    """The block adds its input to the change that its layers compute. The ReLU belongs to the
    change, and the input keeps its values."""

    code = "X + self.down(relu(self.up(X)))"


@RESIDUAL.aspect("different widths", 1, over="different")
class DifferentWidths(TwoOutputs):
    """Both terms of the sum need the same shape, so here the projection takes the place of the
    input."""

    code = "self.projection(X) + self.down(relu(self.up(X)))"


@RESIDUAL.aspect("parameters", 2, over=BOTH)
class ResidualParameters(Aspect):
    """The layers up and down have a bias, the projection has none. A block of equal widths has no
    projection."""

    code = {
        "pytorch": "self.projection = nn.Linear(inputs, outputs, bias=False)",
        "tensorflow": "self.projection = layers.Dense(outputs, use_bias=False)",
    }

    def run(answer, case, f):
        net, _ = make_residual(answer, case, f)
        return f.registered(net)

    def expect(case):
        projection = {} if case.projection is None else {"projection": {"kernel": case.projection}}
        return AnyOrder({"up": case.up, "down": case.down, **projection})


class Connected(Aspect):
    hint = "The gradient passes through both terms of the sum, and nothing may stop it."
    code = {
        "pytorch": "Do not use detach(), no_grad() or .data.",
        "tensorflow": "Do not use tf.stop_gradient, keras.ops.stop_gradient or .numpy().",
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


SEQUENTIAL = question(
    "blocks.sequential",
    "A Sequential that slices",
    takes=own_sequential,
    minutes=25,
    difficulty=2,
)


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
        "items": draw.integers(-count, count - 1, 6),
        "slice": [start, start + 2],  # a layer and an activation, so their order shows
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
    "Each block gets the output of the block before it."

    code = "for block in self.blocks: X = block(X)"


@SEQUENTIAL.aspect("order of the blocks", 1)
class Order(Aspect):
    """Blocks run in the order in which they were given, also when there are more than ten."""

    code = 'As strings, "10" sorts before "2".'
    what = "Output"

    def run(answer, given, f):
        net = make_sequential(answer, make_layers(given.square, f), f)
        return net(f.tensor(given.square_x))

    def expect(given):
        return by_hand(given.square, given.square_x)

    def shown(given):
        x = given.square_x
        return f"12 dense layers of width {x.shape[1]} in a row; {data_in_words(x)}"


@SEQUENTIAL.aspect("parameters and their names", 2)
class ParameterNames(Aspect):
    hint = {
        "pytorch": "The built-in class registers each block under its index, without a container "
        "in between. A plain list registers nothing.",
        "tensorflow": "Keras finds layers in a list that you assign to self after calling "
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


@SEQUENTIAL.aspect("blocks inside blocks", 1)
class Nested(OfChain):
    "A MySequential is a block like any other."

    code = "X = block(X)"

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
    "A block that was given twice runs twice."

    code = {
        "pytorch": "children() skips a block that occurs twice; self._modules.values() does not.",
        "tensorflow": "A list keeps a block that occurs twice; self._layers does not.",
    }
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
    """The container holds the blocks themselves, so a change to a block changes the network."""

    code = "Do not copy the blocks, and do not store their weights."
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
    "The index of a block is its place in the order, and -1 is the last."

    code = "def __getitem__(self, index):"

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


@SEQUENTIAL.aspect("slices", 2)
class Slices(Aspect):
    """A slice is a MySequential of the same blocks, so it follows every change to them."""

    code = "isinstance(index, slice)  # for net[1:3], Python passes slice(1, 3)"

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


# -- blocks.lost-layer ---------------------------------------------------------------------------

LOST_LAYER = question(
    "blocks.lost-layer",
    "Find the layers that do not train",
    takes=layer,
    minutes=15,
    difficulty=2,
)


@LOST_LAYER.inputs
def draw_lost_layer(draw):
    inputs, width, outputs, rows = distinct(draw, 3, 7, 4)
    depth = draw.integer(2, 4)

    def hidden(inputs, outputs):
        """A dense layer whose ReLU stops one of the features, and lets most of the others pass."""
        bias = draw.uniform(0.5, 1.5, outputs)
        bias[0] = -5
        return draw.dense(inputs, outputs) | {"bias": bias}

    return {
        "sizes": [inputs, width, outputs, depth],
        "hidden": [hidden(*pair) for pair in pairwise([inputs, *[width] * depth])],
        "scale": draw.uniform(0.5, 1.5, width),
        "head": draw.dense(width, outputs),
        "x": draw.data(rows, inputs),
        "v": draw.data(rows, outputs),
        "rate": draw.number(0.05, 0.2),
    }


def dense_layers(hidden, f):
    """The dense layers in `hidden`, in order, also if containers pair them with a ReLU."""
    parts = hidden
    if f.key == "tensorflow" and isinstance(hidden, f.layer):
        parts = hidden.layers  # of a keras.Sequential
    if f.key == "pytorch":
        return [one for part in parts for one in part.modules() if hasattr(one, "weight")]
    return [one for part in parts for one in part._flatten_layers() if hasattr(one, "kernel")]


def make_tower(answer, given, f):
    net = answer(*given.sizes)
    net(f.tensor(given.x))  # makes what waits for a first input
    for block, part in zip(dense_layers(net.hidden, f), given.hidden, strict=True):
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
    hint = (
        "An optimizer gets only what is registered. Count the parameters that the framework finds, "
        "and compare with your own count."
    )
    code = {
        "pytorch": "PyTorch registers layers in an nn.ModuleList, and tensors that are an "
        "nn.Parameter.",
        "tensorflow": "Keras registers layers assigned to self, and variables from "
        "self.add_weight, but not a tf.Variable.",
    }

    def run(answer, given, f):
        return f.registered(make_tower(answer, given, f))

    def expect(given):
        hidden = {f"hidden[{n}]": part for n, part in enumerate(given.hidden)}
        return AnyOrder({**hidden, "head": given.head, "scale": given.scale})


@LOST_LAYER.aspect("the output", 2)
class TowerOutput(Aspect):
    """Two calls with the same input give the same output, which comes from the registered
    layers."""

    code = {
        "pytorch": "Create each layer in __init__. forward only uses it.",
        "tensorflow": "Create each layer in __init__. call only uses it.",
    }

    def run(answer, given, f):
        net, fresh, x = make_tower(answer, given, f), answer(*given.sizes), f.tensor(given.x)
        fresh(x)
        return [net(x), net(x), fresh.scale]

    def expect(given):
        output = tower_by_hand(given)[1]
        return {
            "output": output,
            "output of a second call": output,
            "scale before training": np.ones_like(given.scale),
        }


@LOST_LAYER.aspect("one step moves everything", 2)
class OneStep(Aspect):
    "The gradient has to reach the first layer."

    code = {"pytorch": "Look for a detach().", "tensorflow": "Look for a tf.stop_gradient."}

    def run(answer, given, f):
        net, x = make_tower(answer, given, f), f.tensor(given.x)
        f.step(net, lambda: f.weighted_sum(net(x), given.v), given.rate)
        return [
            net.scale,
            *(f.dense_values(one) for one in (*dense_layers(net.hidden, f), net.head)),
        ]

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


# -- blocks.parallel -----------------------------------------------------------------------------

MIXTURE = question("blocks.parallel", "A mixture of experts", takes=layer, minutes=20, difficulty=2)


@MIXTURE.inputs
def draw_mixture(draw):
    width, out, count, rows, steps = distinct(draw, 2, 7, 5)
    return {
        "gate": draw.dense(width, count),
        "experts": [draw.dense(width, out) for _ in range(count)],
        "x": draw.data(rows, steps, width),
        "v": draw.data(rows, steps, out),
    }


def make_mixture(answer, given, f):
    """The block, and its layers: the gate and the experts."""
    gate, *experts = [f.dense(**part) for part in (given.gate, *given.experts)]
    return answer(gate, list(experts)), [gate, *experts]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mixture_by_hand(given):
    """The shares of the experts (n, steps, experts), and their outputs (n, steps, out, experts)."""
    shares = softmax(by_hand([given.gate], given.x))
    return shares, np.stack([by_hand([part], given.x) for part in given.experts], -1)


@MIXTURE.shown
def shown_mixture(given):
    return f"{len(given.experts)} experts; {data_in_words(given.x)}"


@MIXTURE.aspect("the output", 2)
class MixtureOutput(Aspect):
    """Each example has its own shares, one for each expert, and its shares add up to 1. X may have
    more than two axes."""

    code = {"pytorch": "self.gate(X).softmax(-1)", "tensorflow": "keras.ops.softmax(self.gate(X))"}
    what = "Output"

    def run(answer, given, f):
        net, _ = make_mixture(answer, given, f)
        return net(f.tensor(given.x))

    def expect(given):
        shares, outputs = mixture_by_hand(given)
        return np.einsum("nse,nsoe->nso", shares, outputs)

    def mistakes(given):
        _, outputs = mixture_by_hand(given)
        raw = by_hand([given.gate], given.x)
        return {
            "The shares of an example have to add up to 1.": np.einsum(
                "nse,nsoe->nso", raw, outputs
            ),
            "The experts have different shares; this is their mean.": outputs.mean(-1),
        }


@MIXTURE.aspect("the parameters of every expert", 2)
class MixtureParameters(Aspect):
    """The framework has to find the layers of the gate and of every expert."""

    code = {
        "pytorch": "self.experts = nn.ModuleList(experts)",
        "tensorflow": "self.experts = list(experts)  # after super().__init__()",
    }
    what = "Parameters"

    def run(answer, given, f):
        net, _ = make_mixture(answer, given, f)
        if f.key == "tensorflow":
            net(f.tensor(given.x))  # Keras may find them only now
        return f.registered(net)

    def expect(given):
        experts = {f"expert {n}": part for n, part in enumerate(given.experts)}
        return AnyOrder({"the gate": given.gate, **experts})


@MIXTURE.aspect("a gradient for every expert", 2)
class MixtureGradients(Aspect):
    """Training has to reach the layers that the block was given: the gate and every expert."""

    code = {
        "pytorch": "Use the layers themselves, without copies, and no detach().",
        "tensorflow": "Use the layers themselves, without copies, and no stop_gradient.",
    }
    what = "Gradient of"
    missing = "no gradient arrives"

    def run(answer, given, f):
        net, layers = make_mixture(answer, given, f)
        x = f.tensor(given.x)
        return f.dense_gradients(lambda: f.weighted_sum(net(x), given.v), layers)

    def expect(given):
        shares, outputs = mixture_by_hand(given)
        gains = np.einsum("nso,nsoe->nse", given.v, outputs)
        of_gate = shares * (gains - (shares * gains).sum(-1, keepdims=True))
        of_experts = [given.v * share[..., None] for share in np.moveaxis(shares, -1, 0)]

        def gradients(back):
            kernel = np.einsum("nsi,nso->io", given.x.astype(np.float64), back)
            return {"kernel": kernel, "bias": back.sum((0, 1))}

        experts = {f"expert {n}": gradients(back) for n, back in enumerate(of_experts)}
        return {"the gate": gradients(of_gate), **experts}


# -- blocks.features -----------------------------------------------------------------------------

FEATURES = question(
    "blocks.features", "Features of any network", takes=function, minutes=30, difficulty=2
)


@FEATURES.inputs
def draw_features(draw):
    width, hidden, out, rows = distinct(draw, 3, 8, 4)
    chain = [draw.dense(width, hidden), {"activation": "tanh"}, draw.dense(hidden, out)]
    words = draw.words(8)
    return {
        "chain": chain,
        "chain_names": words[:3],
        "names": dict(zip(("trunk", "up", "down", "head"), words[3:7], strict=True)),
        "up": draw.dense(width, hidden),
        "down": draw.dense(hidden, width),
        "head": draw.dense(width, out),
        "x": draw.data(rows, width),
    }


def named_chain(given, f):
    """The chain, each layer under its name."""
    parts = dict(zip(given.chain_names, make_layers(given.chain, f), strict=True))
    if f.key == "pytorch":
        return f.named(parts, "net")
    import keras

    inputs = x = keras.Input(given.x.shape[1:])
    for name, part in parts.items():
        part.name = name
        x = part(x)
    return keras.Model(inputs, x)


def skipping(given, f, in_place=False):
    """A residual block with a head, and a list that grows by one each time it runs."""
    names, runs = given.names, []
    up, down, head = (f.dense(**given[part], name=names[part]) for part in ("up", "down", "head"))
    if f.key == "pytorch":

        def forward(self, x):
            runs.append(1)
            z = getattr(self, names.up)(x)
            z = z.relu_() if in_place else z.relu()
            return x + getattr(self, names.down)(z)

        trunk = type("Trunk", (f.layer,), {"forward": forward})()
        trunk.add_module(names.down, down)  # not the order in which they run
        trunk.add_module(names.up, up)
        return f.named({names.trunk: trunk, names.head: head}, "net"), runs
    import keras

    def call(self, x):
        runs.append(1)
        return x

    inputs = keras.Input(given.x.shape[1:])
    x = type("Entrance", (f.layer,), {"call": call})()(inputs)
    z = down(keras.layers.ReLU()(up(x)))
    net = keras.Model(inputs, head(keras.layers.add([x, z])))
    runs.clear()
    return net, runs


def wanted_names(given, framework):
    """The names of two layers, the later one first."""
    within = f"{given.names.trunk}." if framework == "pytorch" else ""
    return [within + given.names.down, within + given.names.up]


def skipping_by_hand(given):
    """The output of up, of down, and of the whole."""
    up = by_hand([given.up], given.x)
    down = by_hand([given.down], np.maximum(up, 0))
    return up, down, by_hand([given.head], given.x + down)


@FEATURES.shown
def shown_features(given, framework):
    return f"names {wanted_names(given, framework)}; {data_in_words(given.x)}"


@FEATURES.aspect("features of a chain", 1)
class OfAChain(Aspect):
    """Return, for each name, what the layer of that name returned."""

    what = "Features"

    def run(answer, given, f):
        net = named_chain(given, f)
        return answer(net, given.chain_names[1:], f.tensor(given.x))

    def expect(given):
        outputs = [by_hand(given.chain[:n], given.x) for n in (2, 3)]
        return dict(zip(given.chain_names[1:], outputs, strict=True))

    def shown(given):
        chain = in_words(given.chain)
        return f"{chain}; names {given.chain_names[1:]}; {data_in_words(given.x)}"


class OfASkip(Aspect):
    what = "Features"

    def expect(given, framework):
        up, down, _ = skipping_by_hand(given)
        return dict(zip(wanted_names(given, framework), (down, up), strict=True))


@FEATURES.aspect("features beside a skip connection", 2)
class BesideASkip(OfASkip):
    hint = {
        "pytorch": "Only the network knows in which order its layers run. Let it run, and have "
        "each layer report its output.",
        "tensorflow": "Only the network knows how its layers are connected. Each has a symbolic "
        "output that a second model can return.",
    }
    code = {
        "pytorch": "net.get_submodule(name).register_forward_hook(...)",
        "tensorflow": "net.get_layer(name).output",
    }

    def run(answer, given, f):
        net, _ = skipping(given, f)
        return answer(net, wanted_names(given, f.key), f.tensor(given.x))


@FEATURES.aspect("values before the activation", 1)
class BeforeActivation(OfASkip):
    hint = {
        "pytorch": "A later layer may work in place and write into the tensor that you keep.",
        "tensorflow": "The features of a layer are its own output, before the next layer changes "
        "it.",
    }
    code = {"pytorch": "output.detach().clone()", "tensorflow": "net.get_layer(name).output"}

    def run(answer, given, f):
        net, _ = skipping(given, f, in_place=True)
        return answer(net, wanted_names(given, f.key), f.tensor(given.x))

    def shown(given, framework):
        text = shown_features(given, framework)
        return f"a ReLU that works in place; {text}" if framework == "pytorch" else text


BESIDE = "features beside a skip connection"


@FEATURES.aspect("one run", 1, after=BESIDE)
class OneRun(Aspect):
    """One run of the network computes all features that you are asked for."""

    code = {
        "pytorch": "Register all hooks, then call the network.",
        "tensorflow": "One keras.Model may have a list of outputs.",
    }
    what = "Runs of the network"

    def run(answer, given, f):
        net, runs = skipping(given, f)
        answer(net, wanted_names(given, f.key), f.tensor(given.x))
        return len(runs)

    def expect(given):
        return 1


@FEATURES.aspect("the network as it was", 1, after=BESIDE)
class AsItWas(Aspect):
    hint = {
        "pytorch": "The network must not change: it keeps its mode, and no hook stays behind.",
        "tensorflow": "The network must not change: its layers, its outputs, what is trained.",
    }
    code = {
        "pytorch": "handle.remove()",
        "tensorflow": "Assign nothing to net, such as net.trainable.",
    }

    def run(answer, given, f):
        net, _ = skipping(given, f)
        x = f.tensor(given.x)
        answer(net, wanted_names(given, f.key), x)
        if f.key == "pytorch":
            every = list(net.modules())
            hooks = sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in every)
            state = {"hooks left behind": hooks, "in training mode": [m.training for m in every]}
        else:
            state = {"layers": len(net.layers), "outputs": len(net.outputs)}
        return {**state, "parameters that are trained": len(f.registered(net)), "output": net(x)}

    def expect(given, framework):
        state = {"layers": 7, "outputs": 1}  # input, entrance, up, ReLU, down, sum, head
        if framework == "pytorch":
            state = {"hooks left behind": 0, "in training mode": [True] * 5}
        return {**state, "parameters that are trained": 6, "output": skipping_by_hand(given)[2]}


# -- blocks.transformer --------------------------------------------------------------------------

NAMES = {
    "pytorch": "nn.MultiheadAttention and nn.TransformerEncoderLayer",
    "tensorflow": "keras.layers.MultiHeadAttention and what derives from it",
}


IN_PROJ = "self_attn.in_proj_"


def built_in(f):
    """The built-in classes that the exercise rebuilds."""
    if f.key == "pytorch":
        from torch import nn

        return nn.MultiheadAttention, nn.TransformerEncoderLayer
    from keras import layers

    return layers.MultiHeadAttention, layers.GroupQueryAttention


def own_layer(answer, f):
    """A class of the student's own, and not the built-in one with another name."""
    layer(answer, f)
    if issubclass(answer, built_in(f)):
        raise WrongKind(f"Build it from smaller layers, without {NAMES[f.key]}.")


TRANSFORMER = question(
    "blocks.transformer", "A transformer block", takes=own_layer, minutes=150, difficulty=3
)


@TRANSFORMER.inputs
def draw_transformer(draw):
    def case(heads, width):
        rows, steps = draw.integer(2, 3), draw.integer(4, 5)
        hidden = width + draw.integer(1, 4)

        def norm():
            return {"scale": draw.uniform(0.5, 1.5, width), "shift": draw.uniform(-1, 1, width)}

        return {
            "heads": heads,
            "hidden": hidden,
            **{part: draw.dense(width, width) for part in ("query", "key", "value", "out")},
            **{part: norm() for part in ("norm1", "norm2")},
            "up": draw.dense(width, hidden),
            "down": draw.dense(hidden, width),
            "x": draw.data(rows, steps, width),
            "v": draw.data(rows, steps, width),
        }

    heads, size = draw.choice([[2, 3], [3, 2], [2, 4], [4, 2], [3, 4], [4, 3]])
    return {"one": case(1, draw.integer(6, 9)), "several": case(heads, heads * size)}


def weights_of(case, framework):
    """The weights of the built-in layers, by name, as the framework stores them."""
    projections = [case[part] for part in ("query", "key", "value")]
    norms = [case.norm1, case.norm2]
    if framework == "pytorch":
        return {
            IN_PROJ + "weight": np.concatenate([one.kernel.T for one in projections]),
            IN_PROJ + "bias": np.concatenate([one.bias for one in projections]),
            "self_attn.out_proj.weight": case.out.kernel.T,
            "self_attn.out_proj.bias": case.out.bias,
            "linear1.weight": case.up.kernel.T,
            "linear1.bias": case.up.bias,
            "linear2.weight": case.down.kernel.T,
            "linear2.bias": case.down.bias,
            **{f"norm{n}.weight": norm.scale for n, norm in enumerate(norms, 1)},
            **{f"norm{n}.bias": norm.shift for n, norm in enumerate(norms, 1)},
        }
    width = len(case.norm1.scale)
    each = (case.heads, width // case.heads)
    named = zip(("query", "key", "value"), projections, strict=True)
    attention = {}
    for name, one in named:
        attention[f"attention, {name} kernel"] = one.kernel.reshape(width, *each)
        attention[f"attention, {name} bias"] = one.bias.reshape(each)
    attention["attention, output kernel"] = case.out.kernel.reshape(*each, width)
    attention["attention, output bias"] = case.out.bias
    layers = {"norm1": case.norm1, "norm2": case.norm2, "up": case.up, "down": case.down}
    return attention | {
        f"{name}, {key}": part[key] for name, part in layers.items() for key in part
    }


def make_transformer(answer, case, f):
    """The block, with weights that come from the built-in layers."""
    width = case.x.shape[-1]
    block = answer(width, case.heads, case.hidden)
    weights = weights_of(case, f.key)
    if f.key == "pytorch":
        from torch import nn

        inside = block.modules()
        theirs = nn.TransformerEncoderLayer(
            width, case.heads, case.hidden, dropout=0.0, batch_first=True, norm_first=True
        )
        for name, parameter in theirs.named_parameters():
            f.assign(parameter, weights[name])
        block.load_state_dict(theirs.state_dict())
    else:
        from keras import layers

        block(f.tensor(case.x))  # makes the weights
        inside = block._flatten_layers()
        theirs = layers.MultiHeadAttention(case.heads, width // case.heads)
        theirs.build(case.x.shape, case.x.shape)
        theirs.set_weights(list(weights.values())[:8])
        block.attention.set_weights(theirs.get_weights())
        for name in ("norm1", "norm2"):
            getattr(block, name).set_weights([case[name].scale, case[name].shift])
        for name in ("up", "down"):
            getattr(block, name).set_weights([case[name].kernel, case[name].bias])
    if any(isinstance(one, built_in(f)) for one in inside):
        raise WrongKind(f"Build the attention from smaller layers, without {NAMES[f.key]}.")
    return block


def normalized(x, norm, framework):
    """Layer normalization: over the features of each position."""
    epsilon = 1e-5 if framework == "pytorch" else 1e-3  # the default of each
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + epsilon) * norm.scale + norm.shift


def transformer_by_hand(case, framework, x=None, causal=False):
    """What the block makes of `x`: (n, steps, width), in double precision."""
    x = (case.x if x is None else x).astype(np.float64)
    each = (*x.shape[:2], case.heads, -1)
    z = normalized(x, case.norm1, framework)
    parts = (case.query, case.key, case.value)
    q, k, v = (by_hand([part], z).reshape(each) for part in parts)
    scores = np.einsum("nqhd,nkhd->nhqk", q, k) / np.sqrt(q.shape[-1])
    if causal:
        scores = np.where(np.tri(x.shape[1]) > 0, scores, -np.inf)
    mixed = np.einsum("nhqk,nkhd->nqhd", softmax(scores), v).reshape(x.shape)
    x = x + by_hand([case.out], mixed)
    z = normalized(x, case.norm2, framework)
    return x + by_hand([case.up, {"activation": "relu"}, case.down], z)


@TRANSFORMER.shown
def shown_transformer(case):
    sizes = case.x.shape[-1], case.heads, case.hidden
    return f"TransformerBlock{sizes}; {data_in_words(case.x)}"


@TRANSFORMER.aspect("the built-in layer's weights load", 2, over="several")
class Loads(Aspect):
    hint = {
        "pytorch": "The names and shapes in state_dict() follow from your attributes. The message "
        "above lists those that are missing.",
        "tensorflow": "attention holds the eight weights of MultiHeadAttention, with their shapes "
        "and in their order: kernel and bias of query, key, value and output.",
    }
    code = {
        "pytorch": "self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))",
        "tensorflow": 'layers.EinsumDense("nsw,whd->nshd", (None, heads, size), bias_axes="hd")',
    }
    what = "Parameters"

    def run(answer, case, f):
        found = f.registered(make_transformer(answer, case, f))
        threefold = 3 * case.x.shape[-1]  # query, key and value may be one array or three
        return [
            part for one in found for part in (one.chunk(3) if one.shape[0] == threefold else [one])
        ]

    def expect(case, framework):
        weights, parts = weights_of(case, framework), {}
        for name, array in weights.items():
            if name.startswith(IN_PROJ):
                thirds = zip("QKV", np.split(array, 3), strict=True)
                parts |= {f"{name}, part {part}": third for part, third in thirds}
            else:
                parts[name] = array
        return AnyOrder(parts)


class SameOutput(Aspect):
    what = "Output"
    tolerance = 5e-4

    def run(answer, case, f):
        return make_transformer(answer, case, f)(f.tensor(case.x))

    def expect(case, framework):
        return transformer_by_hand(case, framework)


@TRANSFORMER.aspect("one head", 2, over="one")
class OneHead(SameOutput):
    """Each of the two parts normalizes its input first, computes a change, and adds the change to
    the input as it was. In the attention, the shares of each query add up to 1."""

    code = "X = X + attention(norm1(X)), then X + down(relu(up(norm2(X))))"


@TRANSFORMER.aspect("several heads", 3, over="several")
class SeveralHeads(SameOutput):
    """Each head works on its own slice of the features, and scores are divided by the root of the
    width of a head."""

    code = "(n, steps, width) becomes (n, steps, heads, width / heads), then (n, heads, steps, ...)"


@TRANSFORMER.aspect("causal", 2, over="several")
class Causal(SameOutput):
    """A position gets no share from later positions, and its shares still add up to 1."""

    code = "Before the softmax, set the scores above the diagonal to minus infinity."
    what = "Output with causal=True"

    def run(answer, case, f):
        return make_transformer(answer, case, f)(f.tensor(case.x), causal=True)

    def expect(case, framework):
        return transformer_by_hand(case, framework, causal=True)


@TRANSFORMER.aspect("the gradient of the input", 1, over="several")
class TransformerGradient(Connected):
    hint = "The gradient passes through the skip connections and through the attention."
    what = "Gradient of the input"
    tolerance = 1e-3

    def run(answer, case, f):
        net, x = make_transformer(answer, case, f), f.tensor(case.x)
        return f.gradients(lambda: f.weighted_sum(net(x), case.v), [x])[0]

    def expect(case, framework):
        x, step = case.x.astype(np.float64), 1e-5
        gradient = np.zeros_like(x)
        for at in np.ndindex(x.shape):
            nudge = np.zeros_like(x)
            nudge[at] = step
            high, low = (transformer_by_hand(case, framework, x + s * nudge) for s in (1, -1))
            gradient[at] = ((high - low) * case.v).sum() / (2 * step)
        return gradient
