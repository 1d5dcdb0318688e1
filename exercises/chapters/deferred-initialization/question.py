"""Questions of the chapter *Deferred initialization*.

Widths, names and the order in which layers are used are drawn anew for each student; what a right
answer gives is recomputed here from them.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
from d2lexercises.faults import attempt
from d2lexercises.kinds import kind_of, whole
from d2lexercises.networks import by_hand, in_words, make_layers, routed, stored
from d2lexercises.vocabulary import Aspect, Between, WrongKind, any_class, function, question


def made(layer, f):
    """The parameters of a layer that have values, frozen ones too."""
    if f.key == "tensorflow":
        return [w for w in layer.weights if "moving" not in w.name]
    return [p for p in layer.parameters() if type(p).__name__ != "UninitializedParameter"]


def quietly(function, *arguments):
    """Call a function while Keras's warnings of layers that nothing reaches are off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


def stored_arrays(layers, framework):
    """The arrays of dense layers, by name, as the framework orders and stores them."""
    kernel, found = "weight" if framework == "pytorch" else "kernel", {}
    for name, part in layers.items():
        found[f"{name}, {kernel}"] = stored(part["kernel"], framework)
        found[f"{name}, bias"] = part["bias"]
    return found


# -- deferred-initialization.build -------------------------------------------------------------

BUILD = question("deferred-initialization.build", "Build it and leave no trace", takes=function)
ROLES = ("first", "norm", "relu", "block", "half", "last", "spare", "spare_block")
ROUTE = ("first", "norm", "relu", "block", "half", "last")
OPEN = ("half", "spare", "spare_block")  # of "half", only one layer of two is reached


@BUILD.inputs
def draw_build(draw):
    flags = dict.fromkeys(ROLES, True)
    for role in draw.rng.choice(["first", "block", "last", "spare"], 2, replace=False):
        flags[str(role)] = False
    return {
        "features": draw.integer(3, 7),
        "units": {role: draw.integer(2, 6) for role in ROLES},
        "names": {role: draw.word() for role in ROLES},
        "inner": draw.words(2),  # the layers of "half": used, not used
        "order": draw.shuffled(ROLES),
        "flags": flags,
        "done": [draw.dense(3, 4), draw.dense(4, 2), draw.dense(5, 2)],
    }


def make_open_model(given, f):
    """An open model, and its children by role."""
    units, names, parts = given.units, given.names, {}
    for role in ROLES:
        if role == "half":
            inner = {name: f.waiting_dense(units[role], name) for name in given.inner}
            parts[role] = routed(inner, given.inner[:1], f)
            if f.key == "tensorflow":
                parts[role].name = names[role]
        elif f.key == "pytorch":
            from torch import nn

            kinds = {"norm": nn.LazyBatchNorm1d, "relu": nn.ReLU}
            layer = kinds[role]() if role in kinds else nn.LazyLinear(units[role])
            parts[role] = nn.Sequential(layer) if "block" in role else layer
        else:
            from keras import Sequential, layers

            kinds = {"norm": layers.BatchNormalization, "relu": layers.ReLU}
            if role in kinds:
                parts[role] = kinds[role](name=names[role])
            elif "block" in role:
                parts[role] = Sequential([layers.Dense(units[role])], name=names[role])
            else:
                parts[role] = layers.Dense(units[role], name=names[role])
    children = {names[role]: parts[role] for role in given.order}
    return routed(children, [names[role] for role in ROUTE], f), parts


def switch(part, flag, f):
    if f.key == "pytorch":
        part.train(flag)
    else:
        part.trainable = flag


def switches_of(part, f):
    """Whether a part trains: in PyTorch a list, with what is inside of it."""
    if f.key == "pytorch":
        return [bool(module.training) for module in part.modules()]
    return [bool(part.trainable)]


def averages_of(norm, f):
    """Running mean and variance, and how many batches they have seen."""
    if f.key == "pytorch":
        return [*f.arrays([norm.running_mean, norm.running_var]), int(norm.num_batches_tracked)]
    return [*f.arrays([norm.moving_mean, norm.moving_variance]), 0]


SHAPES, RETURNED = "shapes of the parameters", "returned"
AVERAGES, SWITCHES = "running averages", "switches"


class Built(Aspect):
    def run(answer, given, f):
        model, parts = make_open_model(given, f)
        for role in ROLES:
            switch(parts[role], given.flags[role], f)
        returned = quietly(answer, model, given.features)
        shapes = [[list(map(int, p.shape)) for p in made(parts[role], f)] for role in ROLES]
        return {
            SHAPES: shapes,
            RETURNED: returned,
            AVERAGES: attempt(lambda: averages_of(parts["norm"], f)),
            SWITCHES: [switches_of(model, f)[0], *(switches_of(parts[r], f) for r in ROLES)],
        }

    def expect(given, framework):
        names, pytorch = given.names, framework == "pytorch"
        shapes, width = {names[role]: [] for role in ROLES}, given.features
        for role in ROUTE:
            if role == "norm":
                shapes[names[role]] = [[width], [width]]
            elif role != "relu":
                units = given.units[role]
                shapes[names[role]] = [[units, width] if pytorch else [width, units], [units]]
                width = units
        inside = {"block": 1, "spare_block": 1, "half": 2} if pytorch else {}
        switches = {names[r]: [given.flags[r]] * (1 + inside.get(r, 0)) for r in ROLES}
        first = given.units["first"]
        return {
            SHAPES: shapes,
            RETURNED: [names[role] for role in given.order if role in OPEN],
            AVERAGES: {"mean": np.zeros(first), "variance": np.ones(first), "batches seen": 0},
            SWITCHES: {"model": True, **switches},
        }

    def shown(given):
        names = given.names
        return (
            f"build(model, {given.features}); children in order of definition: "
            f"{', '.join(names[role] for role in given.order)}; in order of use: "
            f"{', '.join(names[role] for role in ROUTE)}; of the two layers inside {names.half} "
            f"only the first is used; {names.norm} is a batch normalization"
        )


REACHED = "parameters where the data comes by"


@BUILD.aspect(REACHED, 2, part=SHAPES)
class Reached(Built):
    hint = {
        "pytorch": "Call the model, not its layers one by one: only its forward knows which layer "
        "follows which.",
        "tensorflow": "build((None, features)) on a class without a build of its own builds "
        "nothing. Call the model; only its call knows which layer follows which.",
    }


@BUILD.aspect("the names of what stays open", 1, part=RETURNED, after=REACHED)
class StaysOpen(Built):
    hint = {
        "pytorch": "Ask after the call. A child is open if any of its parameters is, at any depth.",
        "tensorflow": "Ask after the call, and ask for built, of the layers inside a container "
        "too: what has been called counts as built, whatever is inside. A layer that is built may "
        "have no weights at all, as an activation does.",
    }
    code = {"pytorch": "any(nn.parameter.is_lazy(p) for p in child.parameters())"}


@BUILD.aspect("running averages that have seen nothing", 1, part=AVERAGES, after=REACHED)
class UnseenAverages(Built):
    hint = {
        "pytorch": "In training mode even a batch of zeros moves the averages, and an empty one is "
        "counted.",
        "tensorflow": "With training=True even a batch of zeros moves the averages.",
    }
    code = {"pytorch": "model.eval()"}


@BUILD.aspect("switches as they were", 1, part=SWITCHES, after=REACHED)
class Switches(Built):
    hint = {
        "pytorch": "model.train() switches every part on, those too that were off. Note "
        "module.training for all of model.modules(), and write it back.",
        "tensorflow": "model.trainable = ... reaches every layer of the model, and what was set "
        "for one of them is lost.",
    }


@BUILD.aspect("a model that is built already", 1, after=REACHED)
class BuiltBefore(Aspect):
    """A call gives values to what has none and leaves the rest alone. Do not set anything back to
    its beginning; and what has its parameters is not open, reached or not."""

    what = "Model"
    tolerance = 1e-6

    def run(answer, given, f):
        layers = make_layers(given.done, f)
        model = routed(dict(zip("abc", layers, strict=True)), ["a", "b"], f)
        returned = quietly(answer, model, len(given.done[0].kernel))
        return {"values of layer": [f.dense_values(one) for one in layers], RETURNED: returned}

    def expect(given):
        return {"values of layer": given.done, RETURNED: []}

    def shown(given):
        return f"{in_words(given.done)}; all built before, the last reached by nothing"


# -- deferred-initialization.load --------------------------------------------------------------

LOAD = question("deferred-initialization.load", "Load, and know that it has loaded", takes=function)


@LOAD.inputs
def draw_load(draw):
    features, units, out = draw.integer(3, 7), draw.integer(3, 7), draw.integer(2, 5)
    wider, more = features + draw.integer(1, 3), units + draw.integer(1, 3)
    return {
        "saved": [draw.dense(features, units), draw.dense(units, out)],
        "wider": [draw.dense(wider, units), draw.dense(units, out)],
        "more": [draw.dense(features, more), draw.dense(more, out)],
        "names": draw.words(2),
        "x": draw.data(draw.integer(3, 5), features),
        "v": draw.data(5, out),
    }


def make_chain(layers, given, f):
    names = given.names[: len(layers)]
    return routed(dict(zip(names, layers, strict=True)), names, f)


def make_fresh(given, f):
    pairs = zip(given.saved, given.names, strict=True)
    return make_chain([f.waiting_dense(part.bias.size, name) for part, name in pairs], given, f)


def restore(answer, fresh, parts, given, f):
    """Let the answer load what a model with these parts saved; returns what it returns."""
    pairs = zip(parts, given.names, strict=False)
    trained = make_chain([f.dense(**part, name=name) for part, name in pairs], given, f)
    features = len(given.saved[0].kernel)
    if f.key == "pytorch":
        state = {key: value.double() for key, value in trained.state_dict().items()}
        return answer(fresh, state, features)
    trained(f.tensor(np.zeros((1, len(parts[0].kernel)))))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, f"{given.names[0]}.weights.h5"))
        trained.save_weights(file)
        return quietly(answer, fresh, file, features)


VALUES, GRADIENTS = "after loading", "gradient"


class Loaded(Aspect):
    missing = "no gradient arrives"

    def run(answer, given, f):
        fresh = make_fresh(given, f)
        # PyTorch: what an optimizer that was made early holds. Keras: nothing yet.
        held = f.registered(fresh)
        count = restore(answer, fresh, given.saved, given, f)

        def values():
            arrays = f.arrays(made(fresh, f))
            return [arrays, [array.dtype.name for array in arrays]]

        def gradients():
            x, v = f.tensor(given.x), given.v[: len(given.x)]
            fresh(x)
            of = held or f.registered(fresh)
            return f.gradients(lambda: f.weighted_sum(fresh(x), v), of)

        return {VALUES: attempt(values), RETURNED: whole(count), GRADIENTS: attempt(gradients)}

    def expect(given, framework):
        saved = dict(zip(given.names, given.saved, strict=True))
        (first, second), x = given.saved, given.x.astype(np.float64)
        v = given.v[: len(x)].astype(np.float64)
        hidden, back = by_hand([first], x), v @ second.kernel.T
        of_layers = [
            {"kernel": x.T @ back, "bias": back.sum(0)},
            {"kernel": hidden.T @ v, "bias": v.sum(0)},
        ]
        values = stored_arrays(saved, framework)
        gradients = stored_arrays(dict(zip(saved, of_layers, strict=True)), framework)
        return {
            VALUES: {"values": values, "types": ["float32"] * len(values)},
            RETURNED: sum(array.size for array in values.values()),
            GRADIENTS: gradients,
        }

    def shown(given, framework):
        state = ", a state in float64" if framework == "pytorch" else ""
        return f"an open model{state}, {in_words(given.saved)}"


LOADED = "the saved values"


@LOAD.aspect(LOADED, 2, part=VALUES)
class SavedValues(Loaded):
    hint = {
        "pytorch": "load_state_dict copies the values into the model's own parameters, and keeps "
        "their number type; with assign=True it takes over the file's.",
        "tensorflow": "An unbuilt model has nothing to load into, and after build() on a class "
        "without a build of its own nothing is loaded and nothing said. Call the model first.",
    }
    tolerance = 1e-6


@LOAD.aspect("how many numbers", 1, part=RETURNED, after=LOADED)
class HowMany(Loaded):
    "Count after loading: the numbers in all arrays of the model, not the arrays."


@LOAD.aspect("what does not fit is refused", 2, after=LOADED)
class Refused(Aspect):
    hint = {
        "pytorch": "An open layer takes its shape from the state, whatever it is. One that has its "
        "shape objects, as does a strict load to what is missing.",
        "tensorflow": "Do not skip what does not match: a layer that is built objects.",
    }
    what = "What is saved does not fit"

    def run(answer, given, f):
        said = []
        for parts in (given.wider, given.more, given.saved[:1]):
            try:
                restore(answer, make_fresh(given, f), parts, given, f)
                said.append("nothing")
            except (ValueError, RuntimeError, KeyError, AssertionError):
                said.append("an error")
        return said

    def expect(given):
        saved = in_words(given.saved)
        cases = [
            f"features = {len(given.saved[0].kernel)}, saved: {in_words(given.wider)}",
            f"open model with {saved}, saved: {in_words(given.more)}",
            f"open model with {saved}, saved: its first layer alone",
        ]
        return dict.fromkeys(cases, "an error")


@LOAD.aspect("the parameters that the optimizer knows", 1, part=GRADIENTS, after=LOADED)
class KnownToOptimizer(Loaded):
    hint = {
        "pytorch": "An optimizer may hold the stand-ins of the open model already. A call turns "
        "them into parameters; assign=True puts others in their place.",
        "tensorflow": "Load into the model that you were given, not into a copy.",
    }


# -- deferred-initialization.picture ------------------------------------------------------------

PICTURE = question(
    "deferred-initialization.picture", "The largest picture that fits", takes=function
)


def numbers_in_dense(case, side):
    """The numbers in the dense layer, for pictures of this side."""
    for _, window, stride in case["convolutions"]:
        side = (side - window) // stride + 1
    places = 1 if case["end"] == "average" else side**2
    return (case["convolutions"][-1][0] * places + 1) * case["units"]


@PICTURE.inputs
def draw_picture(draw):
    def convolution():
        return [draw.integer(2, 9), draw.integer(2, 5), draw.integer(1, 3)]

    def case(end, spare=None):
        convolutions = [convolution() for _ in range(draw.integer(2, 3))]
        # From 53 on, any three windows of 5 with stride 3 leave at least one place.
        sides = draw.rng.choice(np.arange(60, 200), 5, replace=False)
        case = {
            "convolutions": convolutions,  # filters, window, stride
            "channels": draw.integer(1, 4),
            "units": draw.integer(5, 40),
            "sides": sides.tolist(),
            "end": end,
        }
        counts = sorted(numbers_in_dense(case, side) for side in case["sides"])
        if end == "average":
            budget = counts[0] + draw.integer(0, 9)
        elif spare is None:  # not enough for any
            budget = counts[0] - 1
        else:  # for some; `spare` -1: one number less than would do for one more
            budget = counts[draw.integer(1 if spare < 0 else 0, 4)] + spare
        return {**case, "budget": budget}

    flattened = [case("flatten", spare) for spare in (0, -1, draw.integer(0, 9))]
    return {"cases": [*flattened, case("average"), case("flatten")]}


def make_stack(case, f):
    if f.key == "pytorch":
        from torch import nn

        found = [nn.LazyConv2d(n, window, step) for n, window, step in case.convolutions]
        end = [nn.AdaptiveAvgPool2d(1)] if case.end == "average" else []
        return nn.Sequential(*found, *end, nn.Flatten())
    from keras import Sequential, layers

    found = [layers.Conv2D(n, window, step) for n, window, step in case.convolutions]
    end = layers.GlobalAveragePooling2D if case.end == "average" else layers.Flatten
    return Sequential([*found, end()])


def holds_memory(model, f):
    """Whether any of a model's parameters takes memory."""
    if f.key == "tensorflow":  # what has no memory is drawn anew at each reading
        return any(w.value is w.value for w in model.weights if np.prod(w.shape))
    held = [p for p in made(model, f) if p.untyped_storage().device.type != "meta"]
    return any(p.nbytes for p in held)


def case_in_words(case):
    stack = ", ".join(
        f"{n} filters {window}×{window} with stride {stride}"
        for n, window, stride in case.convolutions
    )
    return (
        f"returned for {stack}, then {case.end}; {case.channels} channels, sides {case.sides}, "
        f"{case.units} units, budget {case.budget}"
    )


def largest_side(case):
    counts = {side: numbers_in_dense(case, side) for side in case.sides}
    return max((side for side, count in counts.items() if count <= case.budget), default=None)


FLATTENED, AVERAGED, NOTHING = "flattened end", "averaged end", "nothing fits"
MEMORY = "models that make() returned"


class Pictures(Aspect):
    def run(answer, given, f):
        models = []

        def ask(case):
            def make():
                models.append(make_stack(case, f))
                return models[-1]

            found = answer(make, case.channels, case.sides, case.units, case.budget)
            return None if found is None else whole(found)

        found = [attempt(lambda case=case: ask(case)) for case in given["cases"]]
        held = attempt(lambda: [len(models), sum(holds_memory(model, f) for model in models)])
        return {FLATTENED: found[:3], AVERAGED: found[3:4], NOTHING: found[4:], MEMORY: held}

    def expect(given):
        sides = [(case_in_words(case), largest_side(case)) for case in given["cases"]]
        return {
            FLATTENED: dict(sides[:3]),
            AVERAGED: dict(sides[3:4]),
            NOTHING: dict(sides[4:]),
            MEMORY: {"in all": Between(1, 10**6), "with memory for parameters": 0},
        }


SIDE = "the largest side that fits"


@PICTURE.aspect(SIDE, 2, part=FLATTENED)
class LargestSide(Pictures):
    """The dense layer has a weight for each number that reaches it and each unit, and a bias for
    each unit. A budget that is met exactly is met. Sides come in any order."""


@PICTURE.aspect("an end that averages", 1, part=AVERAGED, after=SIDE)
class AverageEnd(Pictures):
    "Let the framework say what comes out, rather than a formula for the flattening."


@PICTURE.aspect("None where nothing fits", 1, part=NOTHING, after=SIDE)
class NothingFits(Pictures):
    "The largest of no sides is None."

    code = "max(..., default=None)"


@PICTURE.aspect("no memory for any parameter", 1, part=MEMORY, after=SIDE)
class NoMemory(Pictures):
    hint = {
        "pytorch": "Make the model where tensors have no memory, and show it a tensor that is on "
        "that device as well.",
        "tensorflow": "A model can say what comes out of it without being built. build and a call "
        "take memory.",
    }
    code = {
        "pytorch": 'with torch.device("meta"): ...',
        "tensorflow": "model.compute_output_shape((None, side, side, channels))",
    }


# -- deferred-initialization.average ---------------------------------------------------------------

AVERAGE = question(
    "deferred-initialization.average",
    "An average of parameters that are yet to come",
    takes=any_class,
)
PARTS, COMMON = ("trunk", "rare", "head"), ("trunk", "head")


@AVERAGE.inputs
def draw_average(draw):
    inputs, width, out = draw.integer(2, 5), draw.integer(2, 5), draw.integer(2, 4)

    def values():
        dense = draw.dense(inputs, width), draw.dense(width, width), draw.dense(width, out)
        return dict(zip(PARTS, dense, strict=True))

    return {
        "decay": draw.number(0.5, 0.95),
        "rounds": [values() for _ in range(draw.integer(3, 4))],
        "late": draw.integer(1, 2),  # the round before which the rare layer is first used
        "after": values(),
        "names": {part: draw.word() for part in PARTS},
        "x": draw.data(2, inputs),
    }


def write(parts, values, which, f):
    for part in which:
        kernel, bias = made(parts[part], f)
        f.assign(kernel, stored(values[part].kernel, f.key))
        f.assign(bias, values[part].bias)


def average_rounds(answer, given, f, early=False, late=0):
    """An average after all rounds, the network, and its layers.

    It is made, and updated once, before the network has parameters, if `early`. The rare layer is
    reached from round `late` on.
    """
    names = given.names
    parts = {part: f.waiting_dense(given.after[part].bias.size, names[part]) for part in PARTS}
    route = []
    net = routed({names[part]: parts[part] for part in PARTS}, route, f)

    def visit(which):
        route[:] = [names[part] for part in which]
        quietly(net, f.tensor(given.x))

    average = answer(net, given.decay) if early else None
    if early:
        average.update()  # there is nothing yet
    visit(COMMON if late else PARTS)
    average = average if early else answer(net, given.decay)
    for number, written in enumerate(given.rounds):
        if 0 < number == late:
            visit(PARTS)
        write(parts, written, PARTS if number >= late else COMMON, f)
        average.update()
    return average, net, parts


def values_of(average, f):
    found = average.values()
    if not isinstance(found, list | tuple):
        raise WrongKind(f"values(): a list is expected; what came is {kind_of(found)}.")
    return f.arrays(found)


def averages_by_hand(given, framework, late=0):
    """The averages of all parameters; the rare layer takes part from round `late` on."""
    averages = {}
    for part in PARTS:
        first, *rest = given.rounds[late if part == "rare" else 0 :]
        found = {key: first[part][key].astype(np.float64) for key in first[part]}
        for one in rest:
            for key in found:
                found[key] = given.decay * found[key] + (1 - given.decay) * one[part][key]
        averages[given.names[part]] = found
    return stored_arrays(averages, framework)


@AVERAGE.shown
def shown_average(given):
    first = given.rounds[0]
    chain = ", ".join(f"{given.names[part]} {in_words([first[part]])}" for part in PARTS)
    return f"decay {given.decay}, {chain}, {len(given.rounds)} updates"


class Averages(Aspect):
    what = "Average"

    def expect(given, framework):
        return averages_by_hand(given, framework)


OF_BUILT = "the average of a built model"


@AVERAGE.aspect(OF_BUILT, 2)
class OfBuilt(Averages):
    """The first time, the average is the value as it is. One array for each parameter, in the
    framework's order."""

    code = "decay * average + (1 - decay) * value"

    def run(answer, given, f):
        return values_of(average_rounds(answer, given, f)[0], f)


@AVERAGE.aspect("a model that was open at first", 1, after=OF_BUILT)
class OpenAtFirst(Averages):
    hint = {
        "pytorch": "A stand-in has no value to copy. Leave out what is_lazy, and look again at "
        "each update.",
        "tensorflow": "Before the first call the list of weights is empty, and zip over an empty "
        "list does nothing. Look at the weights anew at each update.",
    }

    def run(answer, given, f):
        return values_of(average_rounds(answer, given, f, early=True)[0], f)

    def shown(given):
        early = "a net that is open at first, with an update before its first call, then"
        return f"{early}: {shown_average(given)}"


@AVERAGE.aspect("a layer that comes late", 2, after=OF_BUILT)
class LateLayer(Averages):
    """When a layer is reached late, its parameters appear in the middle of the list. Keep the
    averages under a name, or under the parameter itself, not by position."""

    def run(answer, given, f):
        return values_of(average_rounds(answer, given, f, early=True, late=given.late)[0], f)

    def expect(given, framework):
        return averages_by_hand(given, framework, given.late)

    def shown(given):
        late = f"{given.names.rare} first reached after update {given.late}"
        return f"{shown_average(given)}; {late}"


@AVERAGE.aspect("values of its own", 1, after=OF_BUILT)
class ValuesOfItsOwn(Aspect):
    "Keep a copy. What shares memory with a parameter follows it wherever it goes."

    what = "Average"

    def run(answer, given, f):
        average, net, parts = average_rounds(answer, given, f)
        before = values_of(average, f)
        write(parts, given.after, PARTS, f)  # the network moves on
        return [before, values_of(average, f), made(net, f)]

    def expect(given, framework):
        averages = averages_by_hand(given, framework)
        layers = {given.names[part]: given.after[part] for part in PARTS}
        return {
            "before a change of the net": averages,
            "after it": averages,
            "the net's own parameters": stored_arrays(layers, framework),
        }
