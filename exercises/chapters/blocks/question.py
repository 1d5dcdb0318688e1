"""Questions of the chapter *Layers and blocks*.

Every expected result is calculated here with NumPy from the inputs. Sizes, weights and data are
drawn for each student; the sizes of one question differ, so that a swapped axis shows.
"""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from itertools import pairwise

import numpy as np
from d2lexercises.kinds import is_another_name, whole
from d2lexercises.networks import (
    attribute,
    by_hand,
    call_first,
    changes,
    data_in_words,
    in_words,
    make_layers,
    need_count,
    state_of,
    without,
    write_dense,
    write_parameter,
)
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Keyed,
    Ordered,
    Stepped,
    WrongKind,
    compare,
    function,
    layer,
    question,
)

# -- blocks.count --------------------------------------------------------------------------------

COUNT = question("blocks.count", "Count without building", takes=function, minutes=5, difficulty=1)


@COUNT.inputs
def draw_count(draw):
    def net(inputs, width, hidden, outputs, blocks):
        return {"sizes": [inputs, width, hidden, blocks, outputs]}

    small = [net(*draw.distinct(2, 40, 4), blocks=blocks) for blocks in draw.distinct(2, 9, 3)]
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
CHANGED = ("wider", "narrower")
EVERY = ("equal", *CHANGED)


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

    width, hidden = draw.distinct(3, 9, 2)
    wider, narrower = draw.distinct(2, 9, 3), draw.distinct(2, 9, 3)
    return {
        "equal": case(width, hidden, width),
        "wider": case(min(wider[:2]), wider[2], max(wider[:2])),
        "narrower": case(max(narrower[:2]), narrower[2], min(narrower[:2])),
    }


def make_residual(answer, case, f):
    """The block with the case's weights, and its layers."""
    net = answer(*case.sizes)
    net(f.tensor(case.x))  # makes what waits for a first input
    return net, write_residual(net, case, f)


def write_residual(net, case, f):
    """Write the case's weights into a block that was called; return its layers."""
    layers = [attribute(net, "up"), attribute(net, "down")]
    write_dense(layers[0], "up", case.up.kernel, case.up.bias, f)
    write_dense(layers[1], "down", case.down.kernel, case.down.bias, f)
    if case.projection is None:
        return layers
    projection = attribute(net, "projection")
    write_dense(projection, "projection", case.projection, None, f)
    return [*layers, projection]


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


@RESIDUAL.aspect("different widths", 1, over=CHANGED)
class DifferentWidths(TwoOutputs):
    """Both terms of the sum need the same shape, so the projection takes the place of the input
    wherever the widths differ, whether the block widens or narrows."""

    code = "self.projection(X) + self.down(relu(self.up(X)))"


def all_parameters(net, f):
    """All parameters that the framework finds, also those that are not trained."""
    return list(net.parameters() if f.key == "pytorch" else net.weights)


@RESIDUAL.aspect("parameters", 2, over=EVERY)
class ResidualParameters(Aspect):
    """The layers up and down have a bias, the projection has none. A block of equal widths has no
    projection, not even one that is not trained. All are there, and trained, from __init__ on."""

    code = {
        "pytorch": "self.projection = nn.Linear(inputs, outputs, bias=False)",
        "tensorflow": "self.projection = layers.Dense(outputs, use_bias=False)",
    }

    what = "Parameters"

    def run(answer, case, f):
        net = answer(*case.sizes)
        call_first(net, f.tensor(case.x), f)
        write_residual(net, case, f)
        return [all_parameters(net, f), f.registered(net)]

    def expect(case):
        projection = {} if case.projection is None else {"projection": {"kernel": case.projection}}
        parts = AnyOrder({"up": case.up, "down": case.down, **projection})
        return {"all": parts, "those that are trained": parts}


class Connected(Aspect):
    hint = "The gradient passes through both terms of the sum, and nothing may stop it."
    code = {
        "pytorch": "Do not use detach(), no_grad() or .data.",
        "tensorflow": "Do not use tf.stop_gradient, keras.ops.stop_gradient or .numpy().",
    }
    missing = "no gradient arrives"


@RESIDUAL.aspect("a gradient for every parameter", 1, over=EVERY)
class LayerGradients(Connected):
    what = "Gradient"

    def run(answer, case, f):
        net, layers = make_residual(answer, case, f)
        x = f.tensor(case.x)
        return f.dense_gradients(lambda: f.weighted_sum(net(x), case.v), layers)

    def expect(case):
        return residual_by_hand(case)[1]


@RESIDUAL.aspect("a gradient for the input", 1, over=EVERY)
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
    if is_another_name(answer, f.built_in["Sequential"]):
        base = "nn.Module" if f.key == "pytorch" else "keras.Model"
        raise WrongKind(
            "The built-in Sequential, or a class derived from it, is not the answer: derive from "
            f"{base}."
        )


def no_sequential(f):
    """A context in which the built-in container cannot be used."""
    return without(f.built_in["Sequential"], NO_SEQUENTIAL, f.own_method)


NO_SEQUENTIAL = "The built-in Sequential is not allowed, not inside of your class either."

SEQUENTIAL = question(
    "blocks.sequential",
    "A Sequential that slices",
    takes=own_sequential,
    minutes=25,
    difficulty=2,
)


@SEQUENTIAL.inputs
def draw_sequential(draw):
    # The last block does not take X, so the chain cannot run backwards.
    widths = draw.until(
        lambda drawn: drawn[0] != drawn[-2], lambda: draw.integers(2, 6, draw.integer(4, 5))
    )
    chain = draw.chain(widths)
    side = draw.integer(3, 5)
    # Twelve, so that sorting "0" ... "11" as words gives another order; no activation between.
    square = [draw.dense(side, side) for _ in range(12)]
    count = len(chain)

    def part(*bounds):
        layers = [draw.dense(side, side) for _ in range(draw.integer(5, 6))]
        anew = [draw.dense(side, side) for _ in layers]
        x = draw.data(draw.integer(2, 4), side)
        again = draw.integer(0, len(layers) - 1)  # this block comes once more, as the last
        return {"bounds": list(bounds), "layers": layers, "again": again, "anew": anew, "x": x}

    a, b, c = (draw.integer(1, 3) for _ in range(3))
    return {
        "chain": chain,
        "x": draw.data(draw.integer(2, 4), widths[0]),
        "square": square,
        "square_x": draw.data(draw.integer(2, 4), side),
        "twice": draw.dense(side, side),
        "anew": [draw.dense(*part["kernel"].shape) for part in chain if "kernel" in part],
        "items": draw.integers(-count, count - 1, 6),
        "repeated": draw.integer(0, count - 2),
        # Closed, open on either side, negative on either side, with a step of either sign.
        "parts": [
            part(a, a + 2, None),
            part(None, a + 1, None),
            part(b, None, None),
            part(-b - 1, None, None),
            part(None, -c, None),
            part(c - 1, None, 2),
            part(None, None, -1),
        ],
        "v": draw.data(3, side),
        "v_x": draw.data(3, side),
        "beside": draw.dense(side, side),
        "penalty": draw.number(0.1, 0.9),
    }


def make_sequential(answer, blocks, f):
    return answer(*blocks) if f.key == "pytorch" else answer(list(blocks))


def give_new_weights(blocks, anew, f):
    for block, part in zip(blocks, anew, strict=True):
        f.set_dense(block, **part)


def renewed(given):
    """The chain with its second set of weights."""
    anew = iter(given.anew)
    return [next(anew) if "kernel" in part else part for part in given.chain]


class OfChain(Aspect):
    what = "Output"

    def run(answer, given, f):
        with no_sequential(f):
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
        with no_sequential(f):
            net = make_sequential(answer, make_layers(given.square, f), f)
            return net(f.tensor(given.square_x))

    def expect(given):
        return by_hand(given.square, given.square_x)

    def shown(given):
        x = given.square_x
        return f"12 dense layers of width {x.shape[1]} in a row; {data_in_words(x)}"


@SEQUENTIAL.aspect("parameters and their names", 1)
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
        with no_sequential(f):
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
        with no_sequential(f):
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
        with no_sequential(f):
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
        with no_sequential(f):
            blocks, x = make_layers(given.chain, f), f.tensor(given.x)
            net = make_sequential(answer, blocks, f)
            net(x)
            give_new_weights(blocks[::2], given.anew, f)
            return net(x)

    def expect(given):
        return by_hand(renewed(given), given.x)

    def shown(given):
        x = data_in_words(given.x)
        return f"the layers you were given got new weights after the first call; {x}"


@SEQUENTIAL.aspect("length and items", 1)
class Items(Aspect):
    """The index of a block is its place in the order, and -1 is the last. A block that was given
    twice counts twice."""

    code = "def __getitem__(self, index):"

    def run(answer, given, f):
        with no_sequential(f):
            blocks = make_layers(given.chain, f)[:-1]
            blocks.append(blocks[given.repeated])
            net = make_sequential(answer, blocks, f)
            found = [net[index] for index in given.items]
            places = [
                next((n for n, one in enumerate(blocks) if one is item), -1) for item in found
            ]
            return [len(net), places]

    def expect(given):
        count = len(given.chain)
        blocks = f"number of the block net[i] for i in {given.items} (-1: none that you were given)"
        places = [*range(count - 1), given.repeated]
        return {"len(net)": count, blocks: [places[index] for index in given.items]}

    def shown(given):
        return f"{len(given.chain)} blocks, of which the last is block {given.repeated} once more"


def slice_in_words(bounds):
    """A slice as it is written: 1:3."""
    start, stop, step = ("" if one is None else str(one) for one in bounds)
    return f"net[{start}:{stop}:{step}]" if step else f"net[{start}:{stop}]"


@SEQUENTIAL.aspect("slices", 1, over="parts")
class Slices(Aspect):
    """A slice is a MySequential of the same blocks, so it follows every change to them. The blocks
    are those that a list would give for the same slice."""

    code = "isinstance(index, slice)  # list(blocks)[index] takes every slice"
    what = ""

    def run(answer, case, f):
        with no_sequential(f):
            blocks = [f.dense(**part) for part in case.layers]
            given = [*blocks, blocks[case.again]]
            net, x = make_sequential(answer, given, f), f.tensor(case.x)
            part = net[slice(*case.bounds)]
            items = [part[n] for n in range(len(part))]
            places = [
                next((n for n, one in enumerate(blocks) if one is item), -1) for item in items
            ]
            if not isinstance(part, answer):
                return [False, places, None, None, None]
            before = part(x)
            give_new_weights(blocks, case.anew, f)
            return [True, places, before, part(x), sum(len(f.registered(one)) for one in blocks)]

    def expect(case):
        bounds = slice(*case.bounds)
        named = slice_in_words(case.bounds)
        places = [*range(len(case.layers)), case.again][bounds]
        return {
            f"{named} is a MySequential": True,
            f"numbers of the blocks in {named}": places,
            "output": by_hand([case.layers[n] for n in places], case.x),
            "output after the layers of net got new weights": by_hand(
                [case.anew[n] for n in places], case.x
            ),
            "parameters of net that are trained": 2 * len(case.layers),
        }

    def shown(case):
        count = len(case.layers) + 1
        last = f"of which the last is block {case.again} once more"
        return f"{slice_in_words(case.bounds)} of {count} blocks, {last}"


class OfFramework(Aspect):
    """Call a block as a function, so that the framework does what belongs to a call."""

    code = {
        "pytorch": "block(X), and not block.forward(X)",
        "tensorflow": "block(X), and not block.call(X)",
    }


WHAT_IS_RECORDED = {
    "pytorch": "Output that a hook on a block saw",
    "tensorflow": "Penalty that a block has on record after the call",
}


@SEQUENTIAL.aspect("blocks are called", 1)
class BlocksAreCalled(OfFramework):
    what = WHAT_IS_RECORDED

    def run(answer, given, f):
        with no_sequential(f):

            def wrap(block):
                return make_sequential(answer, [block, f.dense(**given.beside)], f)

            x = f.tensor(given.square_x)
            return f.recorded(given.twice.kernel, given.twice.bias, wrap, [x], given.penalty)

    def expect(given, framework):
        return recorded_by_hand(given.twice, given.square_x, given.penalty, framework)


def recorded_by_hand(part, x, penalty, framework):
    """What `f.recorded` gives for one call of a dense layer with an input of two axes."""
    y = by_hand([part], x)
    if framework == "pytorch":
        return [y]
    return np.array([penalty * np.square(y).sum() / len(y)])  # the mean over the examples


@SEQUENTIAL.aspect("a gradient for every block", 1)
class SequentialGradients(Aspect):
    """Nothing may stop the gradient on its way from the output to the first block."""

    code = {
        "pytorch": "Do not use detach(), no_grad() or .data.",
        "tensorflow": "Do not use tf.stop_gradient, keras.ops.stop_gradient or .numpy().",
    }
    what = "Gradient"
    missing = "no gradient arrives"

    def run(answer, given, f):
        with no_sequential(f):
            blocks, x = [f.dense(**part) for part in given.square[:3]], f.tensor(given.v_x)
            net = make_sequential(answer, blocks, f)
            return f.dense_gradients(lambda: f.weighted_sum(net(x), given.v), blocks)

    def expect(given):
        values, back, gradients = [given.v_x.astype(np.float64)], given.v.astype(np.float64), {}
        for part in given.square[:2]:
            values.append(by_hand([part], values[-1]))
        for n in (2, 1, 0):
            gradients[f"block {n}"] = {"kernel": values[n].T @ back, "bias": back.sum(0)}
            back = back @ given.square[n].kernel.T
        return dict(sorted(gradients.items()))

    def shown(given):
        return f"3 dense layers; {data_in_words(given.v_x)}"


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
    inputs, width, outputs, rows = draw.distinct(3, 7, 4)
    depth = draw.integer(2, 4)

    def hidden(inputs, outputs):
        """A dense layer whose ReLU stops one of the features, and lets most of the others pass."""
        bias = draw.uniform(0.5, 1.5, outputs)
        bias[0] = -5
        return draw.dense(inputs, outputs) | {"bias": bias}

    scale = draw.uniform(0.5, 1.5, width)
    scale[-1] = -scale[-1]  # its place before or after a ReLU makes a difference
    return {
        "sizes": [inputs, width, outputs, depth],
        "hidden": [hidden(*pair) for pair in pairwise([inputs, *[width] * depth])],
        "scale": scale,
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
    return write_tower(net, given, f)


def write_tower(net, given, f):
    """Write the weights into a tower that was called; return it."""
    layers = dense_layers(attribute(net, "hidden"), f)
    need_count(layers, len(given.hidden), "hidden")
    for n, (block, part) in enumerate(zip(layers, given.hidden, strict=True)):
        write_dense(block, f"hidden[{n}]", part.kernel, part.bias, f)
    write_parameter(attribute(net, "scale"), "scale", given.scale, f)
    write_dense(attribute(net, "head"), "head", given.head.kernel, given.head.bias, f)
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
        "An optimizer gets only what is registered when it is made, which is before the first "
        "call. Count the parameters that the framework finds, and compare with your own count."
    )
    code = {
        "pytorch": "PyTorch registers layers in an nn.ModuleList, and tensors that are an "
        "nn.Parameter.",
        "tensorflow": "Keras registers layers assigned to self, and variables from "
        "self.add_weight, but not a tf.Variable.",
    }

    def run(answer, given, f):
        net = answer(*given.sizes)
        call_first(net, f.tensor(given.x), f)
        return f.registered(write_tower(net, given, f))

    def expect(given):
        hidden = {f"hidden[{n}]": part for n, part in enumerate(given.hidden)}
        return AnyOrder({**hidden, "head": given.head, "scale": given.scale})


@LOST_LAYER.aspect("the output", 2)
class TowerOutput(Aspect):
    """Each hidden layer is followed by a ReLU, then come scale and head. Every call uses the same
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

    def mistakes(given):
        scale, head = given.scale, [given.head]
        relu = {"activation": "relu"}
        chain = [layer for part in given.hidden for layer in (part, relu)]
        inside = given.x
        for part in given.hidden:
            inside = by_hand([part, relu], inside) * scale
        outputs = {
            "A ReLU follows each hidden layer, the last one too.": by_hand(
                head, by_hand(chain[:-1], given.x) * scale
            ),
            "No ReLU is applied. One follows each hidden layer.": by_hand(
                head, by_hand(given.hidden, given.x) * scale
            ),
            "scale does not take part in the output.": by_hand(chain + head, given.x),
            "scale multiplies what enters head, once.": by_hand(head, inside),
            "scale comes after the last ReLU.": by_hand(
                head, np.maximum(by_hand(chain[:-1], given.x) * scale, 0)
            ),
            "The output of head has no ReLU.": np.maximum(tower_by_hand(given)[1], 0),
        }
        ones = np.ones_like(scale)
        return {hint: [output, output, ones] for hint, output in outputs.items()}


@LOST_LAYER.aspect("one step moves everything", 2)
class OneStep(Aspect):
    """What has not moved takes no part in the output, or the gradient does not reach it. The
    gradient has to reach the first layer."""

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
    def case(*axes, repeated=False):
        width, out, count = draw.distinct(2, 7, 3)
        axes = axes or (draw.integer(8, 9),)
        experts = [draw.dense(width, out) for _ in range(count)]
        order = [*range(count), draw.integer(0, count - 2)] if repeated else list(range(count))
        return {
            "gate": draw.dense(width, len(order)),
            "experts": experts,
            "order": order,
            "x": draw.data(*axes, width),
            "v": draw.data(*axes, out),
        }

    sizes = draw.shuffled([1, *draw.distinct(2, 5, 2)])  # an axis of length 1 has to stay
    return {
        "plain": case(),
        "one_row": case(1),
        "twice": case(repeated=True),
        "more": [case(*draw.distinct(3, 6, 2)), case(*sizes)],
        "penalty": draw.number(0.1, 0.9),
        "called": case(),
    }


def make_mixture(answer, case, f):
    """The block, and its layers: the gate and the experts."""
    gate, *experts = [f.dense(**part) for part in (case.gate, *case.experts)]
    return answer(gate, [experts[n] for n in case.order]), [gate, *experts]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mixture_by_hand(case):
    """The shares of the experts (..., experts), and their outputs (..., out, experts)."""
    shares = softmax(by_hand([case.gate], case.x))
    return shares, np.stack([by_hand([case.experts[n]], case.x) for n in case.order], -1)


@MIXTURE.shown
def shown_mixture(case):
    again = "".join(f", expert {n} once more" for n in case.order[len(case.experts) :])
    return f"{len(case.experts)} experts{again}; {data_in_words(case.x)}"


class MixtureOutput(Aspect):
    code = {
        "pytorch": "self.gate(X).softmax(dim=-1)",
        "tensorflow": "keras.ops.softmax(self.gate(X), axis=-1)",
    }
    what = "Output"

    def run(answer, case, f):
        net, _ = make_mixture(answer, case, f)
        return net(f.tensor(case.x))

    def expect(case):
        shares, outputs = mixture_by_hand(case)
        return np.einsum("...e,...oe->...o", shares, outputs)

    def mistakes(case):
        _, outputs = mixture_by_hand(case)
        raw = by_hand([case.gate], case.x)
        return {
            "The shares of an example have to add up to 1.": np.einsum(
                "...e,...oe->...o", raw, outputs
            ),
            "The experts have different shares; this is their mean.": outputs.mean(-1),
        }


@MIXTURE.aspect("the output", 2, over=("plain", "one_row", "twice"))
class OutputOfRows(MixtureOutput):
    """Each example has its own shares, one for each expert, and its shares add up to 1."""


@MIXTURE.aspect("more than two axes", 1, over="more")
class OutputOfMore(MixtureOutput):
    """Count axes from the end: the last one holds the features, whatever comes before it, and an
    axis of length 1 stays."""

    code = {
        "pytorch": "dim=-1, and shares[..., n : n + 1]",
        "tensorflow": "axis=-1, and shares[..., n : n + 1]",
    }


@MIXTURE.aspect("the parameters of every expert", 2, over="plain")
class MixtureParameters(Aspect):
    """The framework has to find the layers of the gate and of every expert."""

    code = {
        "pytorch": "self.experts = nn.ModuleList(experts)",
        "tensorflow": "self.experts = list(experts)  # after super().__init__()",
    }
    what = "Parameters"

    def run(answer, case, f):
        net, _ = make_mixture(answer, case, f)
        if f.key == "tensorflow":
            net(f.tensor(case.x))  # Keras may find them only now
        return f.registered(net)

    def expect(case):
        experts = {f"expert {n}": part for n, part in enumerate(case.experts)}
        return AnyOrder({"the gate": case.gate, **experts})


@MIXTURE.aspect("a gradient for every expert", 2, over="plain")
class MixtureGradients(Aspect):
    """Training has to reach the layers that the block was given: the gate and every expert."""

    code = {
        "pytorch": "Use the layers themselves, without copies, and no detach().",
        "tensorflow": "Use the layers themselves, without copies, and no stop_gradient.",
    }
    what = "Gradient of"
    missing = "no gradient arrives"

    def run(answer, case, f):
        net, layers = make_mixture(answer, case, f)
        x = f.tensor(case.x)
        return f.dense_gradients(lambda: f.weighted_sum(net(x), case.v), layers)

    def expect(case):
        shares, outputs = mixture_by_hand(case)
        gains = np.einsum("no,noe->ne", case.v, outputs)
        of_gate = shares * (gains - (shares * gains).sum(-1, keepdims=True))
        of_experts = [case.v * share[..., None] for share in np.moveaxis(shares, -1, 0)]

        def gradients(back):
            return {"kernel": case.x.astype(np.float64).T @ back, "bias": back.sum(0)}

        experts = {f"expert {n}": gradients(back) for n, back in enumerate(of_experts)}
        return {"the gate": gradients(of_gate), **experts}


@MIXTURE.aspect("blocks are called", 1)
class MixtureCalls(OfFramework):
    what = WHAT_IS_RECORDED

    def run(answer, given, f):
        case, x = given.called, f.tensor(given.called.x)
        gate, *experts = [f.dense(**part) for part in (case.gate, *case.experts)]

        def as_gate(block):
            return answer(block, list(experts))

        def as_expert(block):
            return answer(gate, [*experts[:-1], block])

        return [
            f.recorded(part.kernel, part.bias, wrap, [x], given.penalty)
            for part, wrap in ((case.gate, as_gate), (case.experts[-1], as_expert))
        ]

    def expect(given, framework):
        case = given.called
        return {
            f"of the {name}": recorded_by_hand(part, case.x, given.penalty, framework)
            for name, part in (("gate", case.gate), ("last expert", case.experts[-1]))
        }

    def shown(given):
        return shown_mixture(given.called)


# -- blocks.features -----------------------------------------------------------------------------

FEATURES = question(
    "blocks.features", "Features of any network", takes=function, minutes=30, difficulty=2
)


@FEATURES.inputs
def draw_features(draw):
    width, hidden, out, rows = draw.distinct(3, 8, 4)
    chain = [draw.dense(width, hidden), {"activation": "tanh"}, draw.dense(hidden, out)]
    words = draw.words(9)
    return {
        "chain": chain,
        "chain_names": words[:3],
        "names": dict(zip(("trunk", "up", "relu", "down", "head"), words[3:8], strict=True)),
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


def counting(layer, name, runs):
    """The layer, whose class now adds its name to a list each time it runs.

    A call of Keras on a symbolic tensor, such as one that copies a model, computes no values and
    does not count.
    """
    kind = type(layer)
    method = "forward" if hasattr(kind, "forward") else "call"

    own = getattr(kind, method)

    @wraps(own)  # Keras reads from the signature what it may pass
    def run(self, *inputs, **options):
        runs.append(name)
        return own(self, *inputs, **options)

    members = {method: run}
    if method == "call":
        import keras

        def called(self, *inputs, **options):
            before = len(runs)
            outputs = kind.__call__(self, *inputs, **options)
            if isinstance(outputs, keras.KerasTensor):
                del runs[before:]
            return outputs

        members["__call__"] = called
    layer.__class__ = type(kind.__name__, (kind,), members)
    return layer


def skipping(given, f, in_place=False, fails=False):
    """A residual block with a head, and a list that grows by a name each time a part of it runs.

    With `fails` the head raises an error.
    """
    names, runs = given.names, []
    up, down, head = (f.dense(**given[part], name=names[part]) for part in ("up", "down", "head"))
    for part, name in ((up, names.up), (down, names.down), (head, names.head)):
        counting(part, name, runs)
    if f.key == "pytorch":
        from torch import nn

        def forward(self, x):
            runs.append("the network")
            z = getattr(self, names.relu)(getattr(self, names.up)(x))
            return x + getattr(self, names.down)(z)

        def fail(self, x):
            raise RuntimeError("the network stops here")

        trunk = type("Trunk", (f.layer,), {"forward": forward})()
        trunk.add_module(names.down, down)  # not the order in which they run
        trunk.add_module(names.up, up)
        trunk.add_module(names.relu, nn.ReLU(inplace=in_place))
        if fails:
            head.__class__ = type("Linear", (nn.Linear,), {"forward": fail})
        return f.named({names.trunk: trunk, names.head: head}, "net"), runs
    import keras

    def call(self, x):
        return x

    inputs = keras.Input(given.x.shape[1:])
    x = counting(type("Entrance", (f.layer,), {"call": call})(), "the network", runs)(inputs)
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
    hint = {
        "pytorch": "Return, for each name, what the layer of that name returned.",
        "tensorflow": "Return, for each name, what the layer of that name returned. net.layers "
        "begins with an InputLayer, which cannot be called.",
    }
    what = "Features"

    def run(answer, given, f):
        net = named_chain(given, f)
        return answer(net, given.chain_names[1:], f.tensor(given.x))

    def expect(given):
        outputs = [by_hand(given.chain[:n], given.x) for n in (2, 3)]
        return Keyed(zip(given.chain_names[1:], outputs, strict=True))

    def shown(given):
        chain = in_words(given.chain)
        return f"{chain}; names {given.chain_names[1:]}; {data_in_words(given.x)}"


class OfASkip(Aspect):
    what = "Features"

    def expect(given, framework):
        up, down, _ = skipping_by_hand(given)
        return Keyed(zip(wanted_names(given, framework), (down, up), strict=True))


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
    """One run of the network computes all features that you are asked for. Nothing in it runs a
    second time."""

    code = {
        "pytorch": "Register all hooks, then call the network.",
        "tensorflow": "One keras.Model may have a list of outputs.",
    }
    what = "Runs of"

    def run(answer, given, f):
        net, runs = skipping(given, f)
        names = ["the network", given.names.up, given.names.down]
        answer(net, wanted_names(given, f.key), f.tensor(given.x))
        return [runs.count(name) for name in names]

    def expect(given):
        return dict.fromkeys(["the network", given.names.up, given.names.down], 1)


class AsBefore(Aspect):
    form = {"changed": [str]}

    def judge(given, found, framework):
        if found["changed"]:
            return f"Not as before the call: {'; '.join(found['changed'][:6])}."
        if "output" in found:
            expected = skipping_by_hand(given)[2]
            compare(found["output"], expected, "Output of net", framework=framework)
        return None


@FEATURES.aspect("the network as it was", 2, after=BESIDE)
class AsItWas(AsBefore):
    hint = {
        "pytorch": "Leave net as it was given to you: modes, flags, gradients, and hooks. Only the "
        "hooks that you registered may go.",
        "tensorflow": "Leave net as it was given to you: its layers, its outputs, what is trained, "
        "and whether it is compiled.",
    }
    code = {
        "pytorch": "handle.remove() takes away one hook.",
        "tensorflow": "Assign nothing to net or its layers, and do not compile net.",
    }

    def run(answer, given, f):
        net, _ = skipping(given, f, in_place=True)
        others, names = [], wanted_names(given, f.key)
        if f.key == "pytorch":  # a part in another mode, and hooks that someone else has registered
            net.get_submodule(names[0]).eval()
            for name in ("", names[1]):
                module = net.get_submodule(name)
                module.register_forward_hook(lambda *_, n=name: others.append(f"after {n}"))
                module.register_forward_pre_hook(lambda *_, n=name: others.append(f"before {n}"))
        before = state_of(net, f)
        answer(net, names, f.tensor(given.x))
        changed = changes(before, state_of(net, f))
        if f.key == "pytorch" and len(set(others)) != 4:
            changed.append(f"hooks of others: {len(set(others))} of 4 ran")
        return {"changed": changed, "output": net(f.tensor(given.x))}


@FEATURES.aspect("the network as it was, after an error", 1, after=BESIDE)
class AfterAnError(AsBefore):
    hint = {
        "pytorch": "Also if the network raises an error, undo what you did to it: take your hooks "
        "away.",
        "tensorflow": "Also if the network raises an error, it has to be as before.",
    }
    code = "try: ... finally: ..."

    def run(answer, given, f):
        net, _ = skipping(given, f, fails=True)
        before = state_of(net, f)
        # In Keras, features of another width make an error in the first layer.
        x = f.tensor(given.x if f.key == "pytorch" else given.x[:, 1:])
        with suppress(Exception):
            answer(net, wanted_names(given, f.key), x)
        return {"changed": changes(before, state_of(net, f))}


# -- blocks.transformer --------------------------------------------------------------------------

NAMES = {
    "pytorch": "nn.MultiheadAttention and nn.TransformerEncoderLayer",
    "tensorflow": "keras.layers.MultiHeadAttention and what derives from it",
}


SMALLER = "Write the formula of the attention with dense layers, a softmax and matrix products."
IN_PROJ = "self_attn.in_proj_"


def built_in(f):
    """The built-in classes that the exercise rebuilds."""
    if f.key == "pytorch":
        return f.built_in["MultiheadAttention"], f.built_in["TransformerEncoderLayer"]
    return f.built_in["MultiHeadAttention"], f.built_in["GroupQueryAttention"]


def own_layer(answer, f):
    """A class of the student's own, and not the built-in one with another name."""
    layer(answer, f)
    if any(is_another_name(answer, one) for one in built_in(f)):
        raise WrongKind(f"Build it from smaller layers, without {NAMES[f.key]}.", SMALLER)


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
        attribute(block, "attention").set_weights(theirs.get_weights())
        for name in ("norm1", "norm2"):
            attribute(block, name).set_weights([case[name].scale, case[name].shift])
        for name in ("up", "down"):
            attribute(block, name).set_weights([case[name].kernel, case[name].bias])
    if any(isinstance(one, built_in(f)) for one in inside):
        raise WrongKind(
            f"Build the attention from smaller layers, without {NAMES[f.key]}.", SMALLER
        )
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


@TRANSFORMER.aspect("the built-in layer's weights load", 3, over="several")
class Loads(Aspect):
    hint = {
        "pytorch": "The names and shapes in state_dict() follow from your attributes. The message "
        "above lists those that are missing.",
        "tensorflow": "attention takes the eight weights of MultiHeadAttention in their order: "
        "kernel and bias of query, key, value and output.",
    }
    code = {
        "pytorch": "self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))",
        "tensorflow": 'layers.EinsumDense("nsw,whd->nshd", (None, heads, size), bias_axes="hd")',
    }
    what = "Parameters"

    def run(answer, case, f):
        found = f.registered(make_transformer(answer, case, f))
        if f.key == "tensorflow":  # a layer may keep them in other shapes and take them over
            return [one.numpy().ravel() for one in found]
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
                parts[name] = array if framework == "pytorch" else array.ravel()
        return AnyOrder(parts)


class SameOutput(Aspect):
    what = "Output"
    tolerance = 5e-4

    def run(answer, case, f):
        return make_transformer(answer, case, f)(f.tensor(case.x))

    def expect(case, framework):
        return transformer_by_hand(case, framework)


@TRANSFORMER.aspect("one head", 4, over="one")
class OneHead(SameOutput):
    """Each of the two parts normalizes its input first, computes a change, and adds the change to
    the input as it was. In the attention, the shares of each query add up to 1."""

    code = "X = X + attention(norm1(X)), then X + down(relu(up(norm2(X))))"


@TRANSFORMER.aspect("several heads", 4, over="several")
class SeveralHeads(SameOutput):
    """Each head works on its own slice of the features, and scores are divided by the root of the
    width of a head."""

    code = "(n, steps, width) becomes (n, steps, heads, width / heads), then (n, heads, steps, ...)"


@TRANSFORMER.aspect("causal", 3, over="several")
class Causal(SameOutput):
    """A position gets no share from later positions, and its shares still add up to 1."""

    code = "Before the softmax, set the scores above the diagonal to minus infinity."
    what = "Output with causal=True"

    def run(answer, case, f):
        return make_transformer(answer, case, f)(f.tensor(case.x), causal=True)

    def expect(case, framework):
        return transformer_by_hand(case, framework, causal=True)


@TRANSFORMER.aspect("the gradient of the input", 2, over="several")
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
