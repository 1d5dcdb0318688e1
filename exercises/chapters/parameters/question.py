"""Questions of the chapter *Parameters*.

Networks are drawn as plain data, with names, widths and numbers of their own. Which arrays must
train, which numbers must be back, and what a gradient is follow from that data alone.
"""

from __future__ import annotations

import copy
import math

import numpy as np
from d2lexercises.kinds import kind_of, parts_in, whole
from d2lexercises.networks import (
    attribute,
    convolution,
    data_in_words,
    normalization,
    stored,
    write_dense,
    write_parameter,
)
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Unfit,
    any_class,
    compare,
    function,
    layer,
    question,
)


def integers_in(found):
    """The integers that a function returned; what is no list of them is put into words."""
    if isinstance(found, tuple | list) or getattr(found, "ndim", 0):
        return [whole(one) for one in found]
    return {"kind": kind_of(found)}


# -- parameters.count -------------------------------------------------------------------------

COUNT = question("parameters.count", "Count a model", takes=function, minutes=5, difficulty=1)


def draw_mixed(draw, shared, convolution=False):
    """A network with a frozen layer and a normalization.

    It may have a layer in two places, and a convolution, whose kernel has three axes.
    """
    a, b, c, d = draw.distinct(2, 19, 4)

    def dense(ident, *widths, frozen=False):
        return {"name": draw.word(), "id": ident, "frozen": frozen, **draw.dense(*widths)}

    scale, shift = draw.uniform(0.5, 1.5, 2, c)
    norm = {"name": draw.word(), "features": c, "scale": scale, "shift": shift}
    square = dense(0, a, a)
    twice = [square, {"name": draw.word(), "activation": "tanh"}, {**square, "name": draw.word()}]
    first = twice if shared else [square]
    deep = dense(4, c, c)
    deep["kernel"] = deep["kernel"][None]
    last = [deep, dense(3, c, d)] if convolution else [dense(3, c, d)]
    blocks = [*first, dense(1, a, b, frozen=True), dense(2, b, c), norm, *last]
    return {"net": {"name": draw.word(), "blocks": blocks}, "features": a}


def grow_mixed(case, f):
    """The network, built; its frozen layers are frozen."""
    made = {}
    net = grow(case.net, f, made)
    net(f.tensor(np.ones((2, case.features))))
    for leaf in leaves(case.net):
        if is_frozen(leaf):
            if f.key == "pytorch":
                made[leaf.id].requires_grad_(False)
            else:
                made[leaf.id].trainable = False
    return net


def is_frozen(leaf):
    return "frozen" in leaf and leaf.frozen


def distinct(tree, frozen):
    """The leaves with parameters, a shared one once, that are frozen or not."""
    own = [leaf for leaf in leaves(tree) if "activation" not in leaf]
    found = {leaf.id if "id" in leaf else leaf.name: leaf for leaf in own}
    return [leaf for leaf in found.values() if is_frozen(leaf) == frozen]


def parameters_of(leaf):
    kinds = ("kernel", "bias", "scale", "shift")
    return {kind: leaf[kind] for kind in kinds if kind in leaf}


def values_of(leaves_):
    return sum(array.size for leaf in leaves_ for array in parameters_of(leaf).values())


@COUNT.inputs
def draw_count(draw):
    return {"plain": draw_mixed(draw, shared=False), "shared": draw_mixed(draw, shared=True)}


class Sizes(Aspect):
    hint = "Each parameter has a number of values, and each says whether it trains."
    code = {
        "pytorch": "sum(p.numel() for p in net.parameters() if p.requires_grad)",
        "tensorflow": "sum(math.prod(w.shape) for w in net.trainable_weights)",
    }

    def run(answer, case, f):
        return integers_in(answer(grow_mixed(case, f)))

    def expect(case, framework):
        (norm,) = (leaf for leaf in leaves(case.net) if "features" in leaf)
        stored_ = 2 * norm.features + (framework == "pytorch")  # PyTorch also counts its batches
        return {
            "trained": values_of(distinct(case.net, frozen=False)),
            "rest": values_of(distinct(case.net, frozen=True)) + stored_,
        }

    def shown(case):
        return f"net = {tree_in_words(case.net)}; one dense layer is frozen"


@COUNT.aspect("both numbers", 1, over="plain")
class BothNumbers(Sizes):
    pass


@COUNT.aspect("a shared layer once", 1, over="shared")
class SharedOnce(Sizes):
    hint = {
        "pytorch": "state_dict() lists a shared parameter under each of its paths.",
        "tensorflow": "A sum over layers meets a shared layer at each of its places.",
    }
    code = {"pytorch": "net.parameters()", "tensorflow": "net.trainable_weights"}


# -- parameters.best ---------------------------------------------------------------------------

BEST = question("parameters.best", "Keep the best", takes=any_class, minutes=15, difficulty=1)
NUMBERS = 400  # of one state: more than the largest network below holds
OTHERS = 3  # states that are not offered


@BEST.inputs
def draw_best(draw):
    offers = draw.integer(6, 8)
    best = draw.integer(2, offers - 4)
    losses = draw.numbers(1, 2, offers)
    losses[0], losses[best] = 2.5, draw.number(0.1, 0.9)
    losses[-2:] = [2.2, draw.number(1, 2)]  # better than before, yet not the best
    return {
        "widths": draw.integers(3, 7, 3),
        "side": draw.integer(3, 7),
        "losses": losses,
        # Whole numbers, which every dtype holds.
        "states": draw.rng.integers(-99, 100, (offers + OTHERS, NUMBERS)).astype(np.int32),
    }


def zero_dense(inputs, outputs, f):
    return f.dense(np.zeros((inputs, outputs)), np.zeros(outputs))


def make_normalized(given, f):
    a, b, c = given.widths
    first, norm = zero_dense(a, b, f), f.normalization(b)
    return f.named({"first": first, "norm": norm, "second": zero_dense(b, c, f)}, "net")


def make_with_tie(given, f):
    side = given.side
    first, last = zero_dense(side, side, f), zero_dense(side, side + 1, f)
    if f.key == "pytorch":  # they share the matrix alone
        again = zero_dense(side, side, f)
        again.weight = first.weight
        blocks = {"first": first, "act": f.activation("tanh"), "again": again}
    else:
        blocks = {"first": first, "labels": two_of_one_path(side, f), "again": first}
    return f.named({**blocks, "last": last}, "net")


def two_of_one_path(features, f):
    """A Keras layer with two weights that have one path."""

    class Labels(f.layer):
        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(shape=(features,), name="v")
            self.shift = self.add_weight(shape=(features,), name="v")

        def call(self, X):
            return X * self.scale + self.shift

    return Labels()


def cut(numbers, shapes):
    """Arrays of these shapes, filled with the numbers one after another."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(numbers, ends)[:-1]
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


class Watched:
    """A network for which all states were offered; `mine` are the arrays that it had at first."""

    def __init__(self, answer, net, features, given, f):
        self.net, self.states, self.f = net, given.states, f
        net(f.tensor(np.ones((2, features))))
        self.mine = self.arrays()
        self.fill(self.mine, -1)
        self.best = answer(net)
        for offer, loss in enumerate(given.losses):
            self.fill(self.mine, offer)
            self.best.offer(loss)

    def arrays(self):
        """What trains, and then the statistics."""
        trained = self.f.registered(self.net)
        rest = [one for one in self.f.everything(self.net) if all(one is not t for t in trained)]
        return {"what trains": trained, "statistics": rest}

    def fill(self, arrays, state):
        arrays = [array for group in arrays.values() for array in group]
        shapes = [tuple(array.shape) for array in arrays]
        for array, numbers in zip(arrays, cut(self.states[state], shapes), strict=True):
            self.f.assign(array, numbers)

    def restored(self, *others):
        """What the network holds after it was given other states, each time restored."""
        for other in others:
            self.fill(self.arrays(), other)
            self.best.restore()
        return self.arrays()


def normalized_shapes(given, framework):
    a, b, c = given.widths
    matrices = [(a, b), (b, c)] if framework == "tensorflow" else [(b, a), (c, b)]
    batches = {"batches of norm": ()} if framework == "pytorch" else {}
    return {
        "what trains": {
            "matrix of first": matrices[0],
            "bias of first": (b,),
            "scale of norm": (b,),
            "shift of norm": (b,),
            "matrix of second": matrices[1],
            "bias of second": (c,),
        },
        "statistics": {"mean of norm": (b,), "variance of norm": (b,), **batches},
    }


def shapes_with_tie(given, framework):
    s = given.side
    shapes = {"the matrix used twice": (s, s), "bias of first": (s,)}
    if framework == "pytorch":
        shapes |= {"bias of again": (s,), "matrix of last": (s + 1, s)}
    else:
        shapes |= {"first v": (s,), "second v": (s,), "matrix of last": (s, s + 1)}
    return {"what trains": {**shapes, "bias of last": (s + 1,)}, "statistics": {}}


def state_by_hand(shapes, numbers):
    """What a network with arrays of these shapes holds, by name."""
    arrays = iter(cut(numbers, [shape for group in shapes.values() for shape in group.values()]))
    return {group: {name: next(arrays) for name in names} for group, names in shapes.items()}


@BEST.shown
def shown_best(given):
    return f"losses {given.losses}, so offer {np.argmin(given.losses)} is the best"


class Restored(Aspect):
    what = "After restore()"

    def run(answer, given, f):
        net = make_normalized(given, f)
        return Watched(answer, net, given.widths[0], given, f).restored(-1)

    def expect(given, framework):
        numbers = given.states[np.argmin(given.losses)]
        return state_by_hand(normalized_shapes(given, framework), numbers)


@BEST.aspect("the best comes back", 2, part="what trains")
class BestComesBack(Restored):
    hint = {
        "pytorch": "The tensors in state_dict() share memory with the parameters: keep a clone of "
        "each. And compare with the lowest loss so far, not with the last one.",
        "tensorflow": "weights is a list of the living variables: keep get_weights(), or numpy() "
        "of each. And compare with the lowest loss so far, not with the last one.",
    }

    def mistakes(given, framework):
        shapes, states = normalized_shapes(given, framework), given.states
        nothing = "restore() has changed nothing: the living arrays were kept. Keep copies."
        last = "These are the numbers of the last offer: compare with the lowest loss so far."
        offers = {nothing: -1, last: len(given.losses) - 1}
        return {said: state_by_hand(shapes, states[n]) for said, n in offers.items()}


@BEST.aspect("with the statistics", 1, part="statistics")
class WithStatistics(Restored):
    hint = {
        "pytorch": "Batch normalization keeps numbers in buffers, which parameters() does not give "
        "and state_dict() does.",
        "tensorflow": "Batch normalization keeps numbers that trainable_weights does not give and "
        "weights does.",
    }


@BEST.aspect("a network with a tie", 1)
class WithTie(Restored):
    hint = {
        "pytorch": "parameters() gives a shared array once, state_dict() under each of its names: "
        "the two do not go side by side.",
        "tensorflow": "Paths are labels and may repeat: a dictionary by path loses arrays. Keep "
        "them by position.",
    }

    def run(answer, given, f):
        return Watched(answer, make_with_tie(given, f), given.side, given, f).restored(-1)

    def expect(given, framework):
        numbers = given.states[np.argmin(given.losses)]
        return state_by_hand(shapes_with_tie(given, framework), numbers)


@BEST.aspect("restored again and again", 1, part="what trains", after="the best comes back")
class Again(Restored):
    """Copy on the way back too. If the network gets the very arrays that you kept, further training
    changes them. And restore() does not change which loss is the lowest so far."""

    def run(answer, given, f):
        watched = Watched(answer, make_normalized(given, f), given.widths[0], given, f)
        watched.fill(watched.restored(-1), -2)
        watched.best.offer(given.losses[-1])
        return watched.restored(-2, -3)

    def shown(given):
        more = f"the network trained on, with a loss of {given.losses[-1]}"
        return f"{shown_best(given)}; after restore(), {more}, and again"


BOTH_KINDS = {"what trains": [np.ndarray], "statistics": [np.ndarray]}


@BEST.aspect("into the same arrays", 2, after="the best comes back")
class SameArrays(Aspect):
    hint = {
        "pytorch": "Write into the parameters that are there (load_state_dict does, or copy_ under "
        "no_grad). A new nn.Parameter is unknown to the optimizer.",
        "tensorflow": "Write into the variables that are there (set_weights does, or assign). A "
        "new one is unknown to the optimizer.",
    }
    form = {"before": BOTH_KINDS, "now": BOTH_KINDS}

    def run(answer, given, f):
        watched = Watched(answer, make_normalized(given, f), given.widths[0], given, f)
        now = watched.restored(-1)
        return {"before": watched.mine, "now": now}

    def judge(given, found):
        what = "Beside the arrays that the network uses now, those that an optimizer holds"
        compare(found["before"], found["now"], what)


# -- parameters.groups ------------------------------------------------------------------------

GROUPS = question(
    "parameters.groups", "Two groups for weight decay", takes=function, minutes=20, difficulty=2
)


@GROUPS.inputs
def draw_groups(draw):
    return {
        "plain": draw_mixed(draw, shared=False, convolution=True),
        "shared": draw_mixed(draw, shared=True),
    }


def listed(found):
    """What can be gone through as a list; a dictionary stays one."""
    return found if isinstance(found, dict) or not hasattr(found, "__iter__") else list(found)


class Groups(Aspect):
    form = {"first": [np.ndarray], "second": [np.ndarray]}

    def run(answer, case, f):
        net = grow_mixed(case, f)
        own = {id(one) for one in f.everything(net)}
        pair = parts_in(listed(answer(net)), "Two lists of parameters", 2)
        groups = dict(zip(("first", "second"), map(listed, pair), strict=True))
        for name, group in groups.items():
            others = [one for one in parts_in(group, f"{name}: parameters") if id(one) not in own]
            if others:
                came = "a copy" if hasattr(others[0], "shape") else kind_of(others[0])
                raise Unfit(f"{name}: the parameters of net themselves are expected, got {came}.")
        return groups

    def expect(case):
        first, second = {}, {}
        for leaf in distinct(case.net, frozen=False):
            for kind, array in parameters_of(leaf).items():
                group = first if kind == "kernel" else second
                group[leaf.name] = {**group.get(leaf.name, {}), kind: array}
        return {"first": AnyOrder(first), "second": AnyOrder(second)}

    def shown(case):
        return f"net = {tree_in_words(case.net)}; one dense layer is frozen"


@GROUPS.aspect("the matrices", 1, over="plain", part="first")
class Matrices(Groups):
    hint = "A matrix has two axes, and a bias or a scale has one. A frozen matrix is in no list."
    code = {"pytorch": "p.dim() >= 2", "tensorflow": "len(w.shape) >= 2"}


@GROUPS.aspect("the others", 1, over="plain", part="second")
class Others(Groups):
    hint = "The biases and what normalization trains. What it stores does not train."
    code = {
        "pytorch": "[p for p in net.parameters() if p.requires_grad and p.dim() < 2]",
        "tensorflow": "[w for w in net.trainable_variables if len(w.shape) < 2]",
    }


@GROUPS.aspect("a shared layer once", 1, over="shared")
class GroupedOnce(Groups):
    hint = "An optimizer refuses a parameter that it gets twice. The model lists each once."
    code = {"pytorch": "net.parameters()", "tensorflow": "net.trainable_variables"}


# -- parameters.limit --------------------------------------------------------------------------

LIMIT = question(
    "parameters.limit", "Write so that everyone notices", takes=function, minutes=20, difficulty=2
)


@LIMIT.inputs
def draw_limit(draw):
    inputs, units = draw.integer(3, 5), draw.integer(6, 9)
    bound = draw.number(0.5, 3.0)
    vectors = draw.rng.normal(size=(inputs + 1, units))
    lengths = bound * draw.rng.uniform(1.2, 3.0, units)
    lengths[draw.rng.permutation(units)[: units // 2]] *= 0.2  # these stay as they are
    vectors *= lengths / np.linalg.norm(vectors, axis=0)
    vectors[:, draw.integer(0, units - 1)] = 0
    rows = draw.integer(2, 4)
    return {
        "kernel": vectors[:-1].astype(np.float32),
        "bias": vectors[-1].astype(np.float32),
        "bound": bound,
        "x": draw.data(rows, inputs),
        "v": draw.data(rows, units),
    }


def lengths_of(given):
    return np.linalg.norm(np.vstack([given.kernel, given.bias]).astype(np.float64), axis=0)


@LIMIT.shown
def shown_limit(given):
    lengths = [round(float(length), 2) for length in lengths_of(given)]
    shape = "→".join(map(str, given.kernel.shape))
    return f"dense {shape}, bound {given.bound}, lengths of the units {lengths}"


def need_shapes(found, expected):
    shapes = [[list(array.shape) for array in arrays] for arrays in (found, expected)]
    compare(*shapes, "Shapes of weights and bias")


class Units(Aspect):
    form = [np.ndarray, np.ndarray]

    def run(answer, given, f):
        made = f.dense(given.kernel, given.bias)
        answer(made, given.bound)
        # The arrays that are used, whether the framework finds them or not.
        return [made.weight if f.key == "pytorch" else made.kernel, made.bias]


def compare_units(given, found, framework, are_long):
    lengths = lengths_of(given)
    factors = np.minimum(1, given.bound / np.maximum(lengths, 1e-30))
    expected = [stored(given.kernel * factors, framework), given.bias * factors]
    need_shapes(found, expected)
    for unit in np.flatnonzero((lengths > given.bound) == are_long):
        at = (unit, ...) if framework == "pytorch" else (..., unit)
        parts = {"weights": expected[0][at], "bias": expected[1][at]}
        compare([array[at] for array in found], parts, f"Unit {unit}")


@LIMIT.aspect("long units are cut to the bound", 2)
class LongUnits(Units):
    hint = {
        "pytorch": "A unit is a row of weight, (out, in), together with its entry of bias. The "
        "length is the root of the sum of squares of both.",
        "tensorflow": "A unit is a column of kernel, (in, out), together with its entry of bias. "
        "The length is the root of the sum of squares of both.",
    }

    def judge(given, found, framework):
        compare_units(given, found, framework, are_long=True)


@LIMIT.aspect("the others stay as they are", 1, after="long units are cut to the bound")
class OtherUnits(Units):
    """Units that are short enough keep their numbers, and a unit of zeros has no length to divide
    by."""

    def judge(given, found, framework):
        compare_units(given, found, framework, are_long=False)


@LIMIT.aspect("into the same arrays", 2, after="long units are cut to the bound")
class IntoTheSame(Aspect):
    hint = {
        "pytorch": "Write into the parameters, under torch.no_grad(). A new nn.Parameter is "
        "unknown to the optimizer.",
        "tensorflow": "Write with assign. A tensor that is assigned to layer.bias takes the place "
        "of the variable, and never trains.",
    }
    form = {"before": [np.ndarray, np.ndarray], "after": [np.ndarray, np.ndarray]}

    def run(answer, given, f):
        made = f.dense(given.kernel, given.bias)
        before = f.registered(made)
        answer(made, given.bound)
        output = made(f.tensor(given.x))
        return {"before": before, "after": f.registered(made), "output": output}

    def judge(given, found, framework):
        expected = [stored(given.kernel, framework), given.bias]
        need_shapes(found["before"], expected)
        need_shapes(found["after"], expected)
        for before, after in zip(found["before"], found["after"], strict=True):
            if not np.array_equal(before, after, equal_nan=True):
                return (
                    f"Array of shape {before.shape}: the one that the layer had before, which an "
                    "optimizer holds, and the one that the framework finds now hold different "
                    "numbers."
                )
        weights, bias = (array.astype(np.float64) for array in found["after"])
        if np.isfinite(weights).all() and np.isfinite(bias).all():
            output = given.x.astype(np.float64) @ stored(weights, framework) + bias
            what = "Output of the layer after the write, from the arrays that the framework finds"
            compare(found.get("output"), output, what)


@LIMIT.aspect("no gradient is falsified", 2, after="long units are cut to the bound")
class NotFalsified(Aspect):
    hint = {
        "pytorch": "A write under torch.no_grad() raises the version counter, and the backward "
        "pass refuses. A write through .data does not.",
        "tensorflow": "A write with assign leaves the variables in their place, so that gradients "
        "arrive.",
    }
    form = {"between": (str, np.ndarray, None), "after": [(np.ndarray, None)]}

    def run(answer, given, f):
        made, x = f.dense(given.kernel, given.bias), f.tensor(given.x)

        def interrupted():
            value = f.weighted_sum(made(x), given.v)
            answer(made, given.bound)
            return value

        try:
            between = f.gradients(interrupted, [x])[0]
        except Exception as error:  # PyTorch's, or whatever else stops it
            between = str(error)[:600]
        made, x = f.dense(given.kernel, given.bias), f.tensor(given.x)
        answer(made, given.bound)
        loss = lambda: f.weighted_sum(made(x), given.v)  # noqa: E731
        return {"between": between, "after": f.gradients(loss, f.registered(made))}

    def judge(given, found, framework):
        v, x = given.v.astype(np.float64), given.x.astype(np.float64)
        expected = {"weights": stored(x.T @ v, framework), "bias": v.sum(0)}
        missing = "no gradient arrives"
        compare(found["after"], expected, "After the write, gradient", missing=missing)
        between = found["between"]
        if framework == "tensorflow":
            old = v @ given.kernel.astype(np.float64).T
            compare(between, old, "Gradient of X, for the forward pass that was run")
        elif not isinstance(between, str):
            return "The backward pass must refuse, but it gave a gradient: it noticed no write."
        elif "modified by an inplace operation" not in between:
            return f"The backward pass must refuse, but something else was raised: {between[:200]}."

    def shown(given):
        return f"forward pass, limit(layer, {given.bound}), backward pass; {shown_limit(given)}"


# -- parameters.train-only ---------------------------------------------------------------------

# A tree: {"name", "blocks": [trees]}, or a leaf, which is one of {"name", "id", "kernel", "bias"},
# {"name", "features", "scale", "shift"} for a batch normalization, and {"name", "activation"}.
# Two leaves with the same id are one layer in two places.

TRAIN_ONLY = question(
    "parameters.train-only", "Train a part, and count it", takes=function, minutes=25, difficulty=2
)


@TRAIN_ONLY.inputs
def draw_train_only(draw):
    def dense(ident, *widths):
        return {"name": draw.word(), "id": ident, **draw.dense(*widths)}

    def activation():
        return {"name": draw.word(), "activation": draw.choice(["relu", "tanh", "sigmoid"])}

    def norm(features):
        scale, shift = draw.uniform(0.5, 1.5, 2, features)
        return {"name": draw.word(), "features": features, "scale": scale, "shift": shift}

    def tree(name, *blocks):
        return {"name": name, "blocks": list(blocks)}

    def plain(deep):
        a, b, c, d, e = draw.integers(2, 20, 5)
        stack, name = draw.words(2)
        block = tree(name, dense(0, a, b), activation(), dense(1, b, c))
        # Its name begins with the other's.
        longer = tree(name + draw.word()[0], dense(2, c, d), activation())
        head, path = dense(3, d, e), [stack, name]
        if deep:
            path.append(block["blocks"][draw.integer(0, 1) * 2]["name"])
        net = tree(draw.word(), tree(stack, block, longer), head)
        return {"net": net, "path": path, "features": a}

    def statistics():
        a, b, c, d = draw.integers(2, 20, 4)
        body = tree(draw.word(), dense(0, a, b), norm(b), activation(), dense(1, b, c))
        net = tree(draw.word(), body, norm(c), dense(2, c, d))
        return {"net": net, "path": [body["name"]], "features": a}

    def shared():
        a, b, c = draw.integers(2, 20, 3)
        both = dense(0, a, a)
        first = tree(draw.word(), both, activation())
        body = tree(draw.word(), both, activation(), dense(1, a, b))
        last = tree(draw.word(), dense(2, b, c))
        net = tree(draw.word(), first, body, last)
        return {"net": net, "path": [body["name"]], "features": a}

    return {
        "plain": [plain(deep) for deep in (False, True)],
        "statistics": [statistics()],
        "shared": [shared()],
    }


def grow(tree, f, made):
    """A tree as a network of the framework; `made` are the dense layers so far, by id."""
    if "blocks" in tree:
        return f.named({part.name: grow(part, f, made) for part in tree.blocks}, tree.name)
    if "activation" in tree:
        return f.activation(tree.activation)
    if "features" in tree:
        return normalization(tree.scale, tree.shift, f)
    if tree.id not in made:
        if tree.kernel.ndim > 2:
            return convolution(tree.kernel, tree.bias, f)
        made[tree.id] = f.dense(tree.kernel, tree.bias)
    return made[tree.id]


def leaves(tree):
    return [leaf for part in tree.blocks for leaf in leaves(part)] if "blocks" in tree else [tree]


def trainable(tree):
    """The arrays of a tree that can be trained, by leaf: a layer in two places is there once."""
    kinds = ("kernel", "bias", "scale", "shift")
    every = [leaf for leaf in leaves(tree) if "activation" not in leaf]
    return {leaf.name: {kind: leaf[kind] for kind in kinds if kind in leaf} for leaf in every}


def count(arrays):
    return sum(array.size for part in arrays.values() for array in part.values())


def tree_in_words(tree):
    if "blocks" in tree:
        return f"{tree.name}({', '.join(tree_in_words(part) for part in tree.blocks)})"
    if "activation" in tree:
        return tree.activation
    if "features" in tree:
        return f"{tree.name}: batch norm {tree.features}"
    kind = "dense" if tree.kernel.ndim == 2 else "convolution"
    return f"{tree.name}: {kind} {'→'.join(map(str, tree.kernel.shape[-2:]))}"


@TRAIN_ONLY.shown
def shown_train_only(case):
    ids = [leaf.id for leaf in leaves(case.net) if "id" in leaf]
    twice = " (one dense layer stands in two places)" if len(set(ids)) < len(ids) else ""
    return f"net = {tree_in_words(case.net)}{twice}; path = {case.path}"


class TrainOnly(Aspect):
    def run(answer, case, f):
        net = grow(case.net, f, {})
        net(f.tensor(np.ones((2, case.features))))
        found = answer(net, case.path)
        return {"what trains": f.registered(net), "numbers": integers_in(found)}

    def expect(case, framework):
        part = case.net
        for name in case.path:
            part = next(block for block in part.blocks if block.name == name)
        trained, held = count(trainable(part)), count(trainable(case.net))
        for leaf in leaves(case.net):
            if "features" in leaf:  # mean and variance; PyTorch also counts its batches
                held += 2 * leaf.features + (framework == "pytorch")
        return {
            "what trains": AnyOrder(trainable(part)),
            "numbers": {"trained": trained, "not trained": held - trained},
        }


@TRAIN_ONLY.aspect("the part trains, and nothing else", 2, over="plain", part="what trains")
class PartTrains(TrainOnly):
    hint = {
        "pytorch": "A parameter has requires_grad; a module has requires_grad_(...), and an "
        "attribute requires_grad set on a module does nothing. Find the part by get_submodule: a "
        "name may be the beginning of another.",
        "tensorflow": "Where net.trainable is False, net trains nothing, whatever its inner layers "
        "say. Leave it True, and set trainable on what lies inside.",
    }


@TRAIN_ONLY.aspect("statistics stay statistics", 1, over="statistics", part="what trains")
class StatisticsStay(TrainOnly):
    """What batch normalization stores about the data was never trained. Choose among the parameters
    that train now."""


@TRAIN_ONLY.aspect("a layer that the part shares", 2, over="shared", part="what trains")
class SharedLayer(TrainOnly):
    """A layer that is in the part and elsewhere belongs to the part too. Compare parameters as
    objects: a path names only one of the places, and who freezes the other blocks freezes the
    part's own layer."""


@TRAIN_ONLY.aspect("the two numbers", 2, over=("plain", "statistics", "shared"), part="numbers")
class TwoNumbers(TrainOnly):
    hint = {
        "pytorch": "Return (trained, rest). Count numbers, not arrays, and each parameter once: "
        "state_dict lists a shared one twice. The rest includes the buffers.",
        "tensorflow": "Return (trained, rest). Count numbers, not arrays, and each weight once: a "
        "sum over layers meets a shared one twice. The rest includes statistics.",
    }


# -- parameters.tied ---------------------------------------------------------------------------

TIED = question(
    "parameters.tied", "One matrix, there and back", takes=layer, minutes=30, difficulty=2
)


@TIED.inputs
def draw_tied(draw):
    inputs, width = draw.integer(4, 8), draw.integer(2, 3)
    rows = draw.integer(3, 5)
    return {
        "sizes": [inputs, width],
        "encoder": draw.dense(inputs, width),
        "bias": draw.rng.normal(0, 0.5, inputs).astype(np.float32),
        "anew": draw.dense(inputs, width),
        "x": draw.data(rows, inputs),
        "v": draw.data(rows, inputs),
    }


def make_tied(answer, given, f):
    net = answer(*given.sizes)
    net(f.tensor(given.x))  # makes what waits for a first input
    write_dense(attribute(net, "encoder"), "encoder", **given.encoder, framework=f)
    write_parameter(attribute(net, "bias"), "bias", given.bias, f)
    return net


def tied_by_hand(encoder, given):
    """The code and the output."""
    kernel = encoder.kernel.astype(np.float64)
    hidden = np.tanh(given.x.astype(np.float64) @ kernel + encoder.bias)
    return hidden, hidden @ kernel.T + given.bias


@TIED.shown
def shown_tied(given):
    return f"TiedAutoencoder{tuple(given.sizes)}; {data_in_words(given.x)}"


@TIED.aspect("the output", 1)
class TiedOutput(Aspect):
    """tanh of the encoder's output; times the encoder's matrix, the other way round; plus the bias
    of the decoder."""

    what = "Output"

    def run(answer, given, f):
        return make_tied(answer, given, f)(f.tensor(given.x))

    def expect(given):
        return tied_by_hand(given.encoder, given)[1]


@TIED.aspect("three arrays", 2)
class ThreeArrays(Aspect):
    """One matrix and two biases, all made in __init__ or by the layers there. A second matrix is a
    copy, or a second parameter on the same memory, and no tie. The decoder's bias begins with
    zeros."""

    what = "The model"

    def run(answer, given, f):
        fresh = answer(*given.sizes)
        fresh(f.tensor(given.x))
        start = np.array(f.array(attribute(fresh, "bias")))
        return {"parameters": f.registered(make_tied(answer, given, f)), "bias at first": start}

    def expect(given):
        parameters = AnyOrder({"encoder": given.encoder, "bias": given.bias})
        return {"parameters": parameters, "bias at first": np.zeros(given.sizes[0])}


@TIED.aspect("the gradient of both uses", 2)
class BothUses(Aspect):
    hint = {
        "pytorch": "Use self.encoder.weight itself in forward: no detach(), no .data, no second "
        "nn.Parameter.",
        "tensorflow": "Use self.encoder.kernel itself in call: no numpy(), no tf.stop_gradient, no "
        "second variable.",
    }
    what = "Gradient"
    missing = "no gradient arrives"

    def run(answer, given, f):
        net, x = make_tied(answer, given, f), f.tensor(given.x)
        loss = lambda: f.weighted_sum(net(x), given.v)  # noqa: E731
        return [*f.dense_gradients(loss, [net.encoder])[0], *f.gradients(loss, [net.bias])]

    def expect(given):
        encoder, decoder, others = tied_gradients_by_hand(given)
        return {"kernel": encoder + decoder, **others}

    def mistakes(given):
        encoder, decoder, others = tied_gradients_by_hand(given)
        said = "The gradient has the part from the matrix's use in the {}, and lacks the other."
        return {
            said.format("encoder"): {"kernel": encoder, **others},
            said.format("decoder"): {"kernel": decoder, **others},
        }


def tied_gradients_by_hand(given):
    """The matrix's gradients from its two uses, and those of the biases."""
    v, kernel = given.v.astype(np.float64), given.encoder.kernel.astype(np.float64)
    hidden, _ = tied_by_hand(given.encoder, given)
    back = (v @ kernel) * (1 - hidden**2)
    biases = {"encoder's bias": back.sum(0), "bias": v.sum(0)}
    return given.x.astype(np.float64).T @ back, v.T @ hidden, biases


def deep_copy(net):
    """A deep copy of a model; PyTorch refuses one of a tensor that was computed from another."""
    try:
        return copy.deepcopy(net)
    except RuntimeError:
        raise Unfit(
            "copy.deepcopy(net) fails: an attribute holds a tensor that was computed from a "
            "parameter."
        ) from None


@TIED.aspect("a tie that lasts", 2)
class TieLasts(Aspect):
    """The decoder must look at the encoder's matrix each time it runs. What __init__ or an earlier
    call took from it stays behind."""

    what = "Output"

    def run(answer, given, f):
        net, other, x = make_tied(answer, given, f), answer(*given.sizes), f.tensor(given.x)
        other(x)
        if f.key == "pytorch":
            other.load_state_dict(net.state_dict())
            other, x = deep_copy(other).double(), x.double()
        else:
            other.set_weights(net.get_weights())
        loaded = f.array(other(x))
        write_dense(other.encoder, "encoder", **given.anew, framework=f)
        return [loaded, other(x)]

    def expect(given):
        return {
            "loaded": tied_by_hand(given.encoder, given)[1],
            "with new numbers for its encoder": tied_by_hand(given.anew, given)[1],
        }

    def shown(given, framework):
        how = {"pytorch": "load_state_dict, deepcopy, double()", "tensorflow": "set_weights"}
        return f"a second network; {how[framework]}; {shown_tied(given)}"


# -- parameters.lora --------------------------------------------------------------------------

LORA = question("parameters.lora", "An adapter that merges", takes=layer, minutes=120, difficulty=3)


@LORA.inputs
def draw_lora(draw):
    inputs, outputs = draw.distinct(4, 9, 2)
    rank, rows = draw.integer(2, 3), draw.integer(3, 5)
    return {
        "rank": rank,
        "alpha": draw.number(1.5, 5.0),
        "dense": draw.dense(inputs, outputs),
        "a": draw.kernel(inputs, rank),
        "b": draw.kernel(rank, outputs),
        "x": draw.data(rows, inputs),
        "v": draw.data(rows, outputs),
    }


def adapt(answer, given, f, filled=True):
    """The layer, and its adapter, which has the given A and B if `filled`."""
    dense = f.dense(given.dense.kernel, given.dense.bias)
    adapter = answer(dense, given.rank, given.alpha)
    adapter(f.tensor(given.x))
    if filled:
        write_parameter(attribute(adapter, "A"), "A", given.a, f)
        write_parameter(attribute(adapter, "B"), "B", given.b, f)
    return dense, adapter


def adapted_by_hand(given):
    """The output, and the matrix after a merge."""
    x, change = given.x.astype(np.float64), given.a.astype(np.float64) @ given.b
    matrix = given.dense.kernel + given.alpha / given.rank * change
    return x @ matrix + given.dense.bias, matrix


def plain_by_hand(given):
    return given.x.astype(np.float64) @ given.dense.kernel + given.dense.bias


@LORA.shown
def shown_lora(given):
    shape = "→".join(map(str, given.dense.kernel.shape))
    return f"LoRA(dense {shape}, rank {given.rank}, alpha {given.alpha}); {data_in_words(given.x)}"


@LORA.aspect("it starts as the layer", 1)
class StartsAsTheLayer(Aspect):
    hint = "With B at zero, the product A B is zero. With A at zero too, neither gets a gradient."
    form = {"output": np.ndarray, "A": np.ndarray, "B": np.ndarray}

    def run(answer, given, f):
        adapter = adapt(answer, given, f, filled=False)[1]
        start = {name: np.array(f.array(attribute(adapter, name))) for name in "AB"}
        return {"output": adapter(f.tensor(given.x)), **start}

    def judge(given, found):
        compare(found["output"], plain_by_hand(given), "Output at the start")
        compare(found["B"], np.zeros(given.b.shape), "B at the start")
        compare(found["A"], np.zeros(given.a.shape), "A at the start", tolerance=np.inf)
        if np.ptp(start := found["A"].astype(np.float64)) == 0:
            return f"A at the start: random values are expected; all are {start.flat[0]:g}."


@LORA.aspect("the output", 2)
class LoraOutput(Aspect):
    """The output of the layer, plus alpha over rank times X A B."""

    what = "Output"

    def run(answer, given, f):
        return adapt(answer, given, f)[1](f.tensor(given.x))

    def expect(given):
        return adapted_by_hand(given)[0]

    def mistakes(given):
        x, change = given.x.astype(np.float64), given.a.astype(np.float64) @ given.b
        plain = plain_by_hand(given)
        return {
            "The factor alpha / rank is missing.": plain + x @ change,
            "The factor is alpha divided by the rank.": plain + given.alpha * (x @ change),
        }


@LORA.aspect("only A and B train", 1)
class OnlyTheAdapter(Aspect):
    hint = "The layer is part of the adapter, so its parameters would train with it."
    code = {"pytorch": "layer.requires_grad_(False)", "tensorflow": "layer.trainable = False"}
    what = "What trains"

    def run(answer, given, f):
        return f.registered(adapt(answer, given, f)[1])

    def expect(given):
        return AnyOrder({"A": given.a, "B": given.b})


@LORA.aspect("the gradients of A and B", 1)
class LoraGradients(Aspect):
    """A and B themselves take part in the computation."""

    what = "Gradient"
    missing = "no gradient arrives"

    def run(answer, given, f):
        _, adapter = adapt(answer, given, f)
        x = f.tensor(given.x)
        loss = lambda: f.weighted_sum(adapter(x), given.v)  # noqa: E731
        return f.gradients(loss, [adapter.A, adapter.B])

    def expect(given):
        x, v = given.x.astype(np.float64), given.v.astype(np.float64)
        scale = given.alpha / given.rank
        return {"A": scale * x.T @ v @ given.b.T, "B": scale * (x @ given.a).T @ v}


def merged(answer, given, f, times):
    dense, adapter = adapt(answer, given, f)
    matrix = dense.weight if f.key == "pytorch" else dense.kernel
    for _ in range(times):
        adapter.merge()
    x = f.tensor(given.x)
    outputs = {"output of the adapter": adapter(x), "output of the layer alone": dense(x)}
    return {**outputs, "matrix that the layer had": matrix}


class Merged(Aspect):
    what = "After merge()"

    def run(answer, given, f):
        return merged(answer, given, f, times=1)

    def expect(given, framework):
        output, matrix = adapted_by_hand(given)
        outputs = {"output of the adapter": output, "output of the layer alone": output}
        return {**outputs, "matrix that the layer had": stored(matrix, framework)}


@LORA.aspect("merged", 2, after="the output")
class MergedOnce(Merged):
    hint = (
        "Add alpha over rank times A B to the matrix, in place. Once the matrix contains the "
        "product, the adapter must not add it a second time."
    )
    code = {
        "pytorch": "layer.weight is (outputs, inputs); write into it under torch.no_grad()",
        "tensorflow": "layer.kernel.assign(...)",
    }


@LORA.aspect("merged twice", 1, after="merged")
class MergedTwice(Merged):
    hint = "The object has to remember that it is merged."

    def run(answer, given, f):
        return merged(answer, given, f, times=2)


@LORA.aspect("unmerged in every bit", 2, after="the output")
class Unmerged(Aspect):
    hint = (
        "Adding a product and subtracting it again leaves rounding errors. Values that are kept "
        "have to be a copy, which the merge does not change."
    )
    code = "Keep a copy of the old values when you merge."
    form = {"matrix": np.ndarray, "output": np.ndarray, "between": np.ndarray}

    def run(answer, given, f):
        dense, adapter = adapt(answer, given, f)
        adapter.merge()
        matrix = dense.weight if f.key == "pytorch" else dense.kernel
        between = f.array(matrix).copy()
        adapter.unmerge()
        return {"matrix": matrix, "output": adapter(f.tensor(given.x)), "between": between}

    def judge(given, found, framework):
        before = stored(given.dense.kernel, framework)
        compare(found["matrix"], before, "Matrix of the layer after unmerge()")
        if not np.array_equal(found["matrix"], before):
            return "The matrix is nearly the old one. Some of its bits differ."
        if np.array_equal(found["between"], before):
            return "merge() did not change the matrix, so there was nothing to bring back."
        compare(found["output"], adapted_by_hand(given)[0], "Output after unmerge()")
