"""Questions of the chapter *Deferred initialization*.

Widths, names and the order in which layers are used are drawn anew for each student; what a right
answer gives is recomputed here from them.
"""

from __future__ import annotations

import tempfile
import warnings
from itertools import compress
from pathlib import Path

import numpy as np
from d2lexercises.faults import attempt
from d2lexercises.kinds import came_instead, kind_of, parts_in, whole
from d2lexercises.networks import by_hand, in_words, make_layers, routed, stored
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Between,
    Unfit,
    WrongKind,
    any_class,
    function,
    question,
)


def made(layer, f):
    """The parameters of a layer that have values, frozen ones too."""
    if f.key == "tensorflow":
        return [w for w in layer.weights if "moving" not in w.name]
    waiting = f.built_in["UninitializedParameter"]
    return [p for p in layer.parameters() if not isinstance(p, waiting)]


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


# -- deferred-initialization.head --------------------------------------------------------------

HEAD = question(
    "deferred-initialization.head", "The size of a head", takes=function, minutes=5, difficulty=1
)


@HEAD.inputs
def draw_head(draw):
    def case():
        return {
            "convolutions": [
                [draw.integer(2, 6), draw.integer(2, 4), draw.integer(1, 2)]
                for _ in range(draw.integer(1, 2))
            ],
            "channels": draw.integer(1, 4),
            "sides": draw.distinct(14, 39, 2),  # height and width
        }

    return {"cases": [case() for _ in range(3)]}


def places(side, convolutions):
    for _, window, stride in convolutions:
        side = (side - window) // stride + 1
    return side


def make_head_stack(case, f):
    """Convolutions, a batch normalization, and a flattening; in PyTorch with their parameters."""
    if f.key == "pytorch":
        from torch import nn

        parts, channels = [], case.channels
        for filters, window, stride in case.convolutions:
            parts.append(nn.Conv2d(channels, filters, window, stride))
            channels = filters
        return nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.Flatten())
    from keras import Sequential, layers

    parts = [layers.Conv2D(n, window, stride) for n, window, stride in case.convolutions]
    return Sequential([*parts, layers.BatchNormalization(), layers.Flatten()])


def trace_on(stack, f):
    """What a question about shapes must leave as it was, as plain data."""
    if f.key == "tensorflow":
        return [bool(stack.built), len(stack.weights)]
    norm = stack[-2]
    if norm.running_mean.is_meta:
        raise Unfit("The stack afterwards: it is on the meta device, and its values are lost.")
    modes = [bool(module.training) for module in stack.modules()]
    return [modes, *f.arrays([norm.running_mean, norm.running_var])]


def size_in_words(case, framework):
    (height, width), channels = case.sides, case.channels
    shape = (channels, height, width) if framework == "pytorch" else (height, width, channels)
    stack = ", ".join(f"{n} filters {w}×{w} with stride {s}" for n, w, s in case.convolutions)
    return f"{stack}; shape {shape}"


FEATURES, TRACES = "features", "the stack afterwards"


class Head(Aspect):
    def run(answer, given, f):
        found, traces = [], []
        for case in given["cases"]:
            stack = make_head_stack(case, f)
            (height, width), channels = case.sides, case.channels
            torch_like = f.key == "pytorch"
            shape = (channels, height, width) if torch_like else (height, width, channels)
            found.append(attempt(lambda stack=stack, shape=shape: whole(answer(stack, shape))))
            traces.append(attempt(lambda stack=stack: trace_on(stack, f)))
        return {FEATURES: found, TRACES: traces}

    def expect(given, framework):
        names = [size_in_words(case, framework) for case in given["cases"]]
        sizes, traces = [], []
        for case in given["cases"]:
            height, width = (places(side, case.convolutions) for side in case.sides)
            filters = case.convolutions[-1][0]
            sizes.append(filters * height * width)
            if framework == "pytorch":
                modes = [True] * (len(case.convolutions) + 3)
                averages = {"mean": np.zeros(filters), "variance": np.ones(filters)}
                traces.append({"training": modes, **averages})
            else:
                traces.append({"built": False, "weights": 0})
        return {
            FEATURES: dict(zip(names, sizes, strict=True)),
            TRACES: dict(zip(names, traces, strict=True)),
        }


@HEAD.aspect("the number of features", 1, part=FEATURES)
class HeadFeatures(Head):
    hint = {
        "pytorch": "Let a batch of one example pass through, and look at what comes out.",
        "tensorflow": "A Sequential can compute the shape of its output from that of its input.",
    }
    code = {
        "pytorch": "torch.zeros(1, *shape)",
        "tensorflow": "stack.compute_output_shape((None, *shape))",
    }


@HEAD.aspect("the stack is as it was", 1, part=TRACES, after="the number of features")
class HeadTrace(Head):
    hint = {
        "pytorch": "In training mode a batch changes the running averages. Ask a copy, or switch "
        "the mode and switch it back.",
        "tensorflow": "A call builds the stack. The shape is known without one.",
    }
    code = {"pytorch": "copy.deepcopy(stack).eval()"}


# -- deferred-initialization.shapes ------------------------------------------------------------

SHAPES_BY_HAND = question(
    "deferred-initialization.shapes",
    "Shapes on paper",
    takes=function,
    minutes=15,
    difficulty=1,
)


@SHAPES_BY_HAND.inputs
def draw_shapes(draw):
    def case():
        window, stride = draw.integer(3, 5), draw.integer(2, 3)
        plan = [["conv", draw.integer(2, 9), window, stride]]
        plan.append(["pool", draw.integer(2, 3)])
        plan.append(["conv", draw.integer(2, 9), 2, 1])
        if draw.integer(0, 1):
            plan.insert(1, ["conv", draw.integer(2, 9), 3, 1])
        plan += [["flatten"], ["dense", draw.integer(5, 40)], ["dense", draw.integer(2, 9)]]
        return {"shape": [draw.integer(1, 4), *draw.distinct(40, 89, 2)], "plan": plan}

    return {"cases": [draw.until(drops_an_edge, case) for _ in range(3)]}


def drops_an_edge(case):
    """Whether convolutions and pooling leave something at the edge, and the picture oblong."""
    sides, dropped = case["shape"][1:], set()
    for kind, *numbers in case["plan"]:
        if kind in ("conv", "pool"):
            window, stride = numbers[1:] if kind == "conv" else 2 * numbers
            if any((side - window) % stride for side in sides):
                dropped.add(kind)
            sides = [(side - window) // stride + 1 for side in sides]
    return len(dropped) == 2 and sides[0] != sides[1]


def shapes_by_hand(shape, plan):
    """The shape after each layer, and the number of values."""
    shapes, values, shape = [], 0, list(shape)
    for kind, *numbers in plan:
        if kind == "conv":
            filters, window, stride = numbers
            values += (shape[0] * window**2 + 1) * filters
            shape = [filters, *((side - window) // stride + 1 for side in shape[1:])]
        elif kind == "pool":
            shape = [shape[0], *(side // numbers[0] for side in shape[1:])]
        elif kind == "flatten":
            shape = [shape[0] * shape[1] * shape[2]]
        else:
            values += (shape[0] + 1) * numbers[0]
            shape = [numbers[0]]
        shapes.append(list(shape))
    return shapes, values


ALL_SHAPES, ALL_VALUES = "shapes", "values"


class OnPaper(Aspect):
    def run(answer, case, f):
        found = answer(list(case.shape), [list(one) for one in case.plan])
        shapes, values = parts_in(found, "Two things", 2, ", the shapes and the number of values")

        def listed():
            parts = parts_in(shapes, "Shapes, in a list,")
            return [[whole(n) for n in parts_in(one, "The sizes of a shape")] for one in parts]

        return {ALL_SHAPES: attempt(listed), ALL_VALUES: [whole(values)]}

    def expect(case):
        shapes, values = shapes_by_hand(case.shape, case.plan)
        steps = [f"{i + 1}. {' '.join(map(str, one))}" for i, one in enumerate(case.plan)]
        return {
            ALL_SHAPES: dict(zip(steps, shapes, strict=True)),
            ALL_VALUES: {"in all": values},
        }

    def shown(case):
        return f"shape {list(case.shape)}, plan {[list(one) for one in case.plan]}"


@SHAPES_BY_HAND.aspect("the shapes", 2, over="cases", part=ALL_SHAPES)
class PaperShapes(OnPaper):
    hint = "A window must lie inside the picture, so what is left at the edge is dropped."
    code = "(side - window) // stride + 1"


@SHAPES_BY_HAND.aspect("the number of values", 1, over="cases", part=ALL_VALUES)
class PaperValues(OnPaper):
    hint = "Each filter sees all channels of its input, and each filter and each unit has a bias."
    code = "(channels * window**2 + 1) * filters"


# -- deferred-initialization.build -------------------------------------------------------------

BUILD = question(
    "deferred-initialization.build",
    "Build it and leave no trace",
    takes=function,
    minutes=20,
    difficulty=2,
)
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

LOAD = question(
    "deferred-initialization.load",
    "Load, and know that it has loaded",
    takes=function,
    minutes=25,
    difficulty=2,
)


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
    "deferred-initialization.picture",
    "The largest picture that fits",
    takes=function,
    minutes=20,
    difficulty=2,
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
            # Sides may have the same number; the smallest fits in any case.
            several = [count for count in counts if count + spare >= counts[0]] or [counts[0] + 1]
            budget = several[draw.integer(0, len(several) - 1)] + spare
        return {**case, "budget": budget}

    def flattened():
        return [case("flatten", spare) for spare in (0, -1, draw.integer(0, 9))]

    return {"cases": [*draw.until(in_any_order, flattened), case("average"), case("flatten")]}


def in_any_order(cases):
    """Whether a search that does not compare sides fails: one that takes the first side that fits,
    the last, or the last before one that does not fit.
    """
    right = []
    for case in cases:
        fit = [fits(case, side) for side in case["sides"]]
        fitting = list(compress(case["sides"], fit))
        leading = case["sides"][: [*fit, False].index(False)]
        found = (fitting[0], fitting[-1], leading[-1] if leading else None)
        right.append([side == max(fitting) for side in found])
    return not any(map(all, zip(*right, strict=True)))


def fits(case, side):
    return numbers_in_dense(case, side) <= case["budget"]


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
    return max((side for side in case.sides if fits(case, side)), default=None)


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
    minutes=30,
    difficulty=2,
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
    """Keep a copy. What shares memory with a parameter follows it wherever it goes. And write
    nothing into the net."""

    what = "Average"

    def run(answer, given, f):
        average, net, parts = average_rounds(answer, given, f)
        before, read = values_of(average, f), f.arrays(made(net, f))
        write(parts, given.after, PARTS, f)  # the network moves on
        return [before, read, values_of(average, f), made(net, f)]

    def expect(given, framework):
        averages = averages_by_hand(given, framework)

        def of_net(values):
            return stored_arrays({given.names[part]: values[part] for part in PARTS}, framework)

        return {
            "before a change of the net": averages,
            "the net's own parameters after the updates": of_net(given.rounds[-1]),
            "after a change of the net": averages,
            "the net's own parameters after that change": of_net(given.after),
        }


# -- deferred-initialization.shards ----------------------------------------------------------------

SHARDS = question(
    "deferred-initialization.shards",
    "One copy, shard by shard",
    takes=function,
    minutes=120,
    difficulty=3,
)


@SHARDS.inputs
def draw_shards(draw):
    width, out = draw.distinct(3, 8, 2)
    square, again, last = (draw.dense(width, n) for n in (width, width, out))
    scale, shift, mean, variance = draw.uniform(0.5, 1.5, 4, width)
    names = {role: draw.word() for role in ("first", "again", "norm", "last")}
    return {
        "names": names,
        "first": square,
        "again": again["bias"],
        "norm": {"scale": scale, "shift": shift, "mean": mean, "variance": variance},
        "batches": draw.integer(3, 99),
        "last": last,
        "order": draw.shuffled(range(24)),
        "rows": draw.integer(3, 4),  # values in a shard
        "victim": draw.integer(0, 5),
    }


def saved_parts(given, framework):
    """What the shards hold: arrays by name, in the order in which a shard after the other has them.

    In PyTorch `again` shares the matrix of `first`, which is saved once.
    """
    n, norm = given.names, given.norm
    if framework == "pytorch":
        found = {
            f"{n.first}.weight": given.first.kernel.T,
            f"{n.first}.bias": given.first.bias,
            f"{n.again}.bias": given.again,
            f"{n.norm}.weight": norm.scale,
            f"{n.norm}.bias": norm.shift,
            f"{n.norm}.running_mean": norm.mean,
            f"{n.norm}.running_var": norm.variance,
            f"{n.norm}.num_batches_tracked": np.array(given.batches),
            f"{n.last}.weight": given.last.kernel.T,
            f"{n.last}.bias": given.last.bias,
        }
    else:
        found = {
            f"{n.first}/kernel": given.first.kernel,
            f"{n.first}/bias": given.first.bias,
            f"{n.norm}/gamma": norm.scale,
            f"{n.norm}/beta": norm.shift,
            f"{n.norm}/moving_mean": norm.mean,
            f"{n.norm}/moving_variance": norm.variance,
            f"{n.last}/kernel": given.last.kernel,
            f"{n.last}/bias": given.last.bias,
        }
    names = list(found)
    return {names[i]: found[names[i]] for i in given.order if i < len(names)}


def trained_parts(given, framework):
    """The names of those that train."""
    stays = ("running", "num_batches", "moving")
    return [name for name in saved_parts(given, framework) if not any(w in name for w in stays)]


def make_large(given, f):
    """The model: two layers that share a matrix, a normalization, and a last layer."""
    n, width, out = given.names, given.again.size, given.last.bias.size
    if f.key == "pytorch":
        from torch import nn

        class Large(nn.Module):
            def __init__(self):
                super().__init__()
                self.add_module(n.first, nn.Linear(width, width))
                self.add_module(n.again, nn.Linear(width, width))
                self.add_module(n.norm, nn.BatchNorm1d(width))
                self.add_module(n.last, nn.Linear(width, out))
                self.tie()

            def tie(self):
                getattr(self, n.again).weight = getattr(self, n.first).weight

            def forward(self, X):
                for name in (n.first, n.again, n.norm, n.last):
                    X = getattr(self, name)(X)
                return X

        return Large()
    from keras import layers

    parts = {
        n.first: f.waiting_dense(width, n.first),
        n.norm: layers.BatchNormalization(name=n.norm),
        n.last: f.waiting_dense(out, n.last),
    }
    return routed(parts, [n.first, n.first, n.norm, n.last], f)


def present_values(model, f):
    """The arrays of a model by the names of the shards; what has no memory is left out."""
    if f.key == "pytorch":
        return {name: t for name, t in model.state_dict().items() if not t.is_meta}
    layers = [layer for layer in model.layers if layer.built]
    return {f"{layer.name}/{w.name}": w for layer in layers for w in layer.weights}


class Reading:
    """Shards that an answer reads, and the model that it loads them into."""

    def __init__(self, given, parts, f):
        self.given, self.f, self.models, self.log, self.free = given, f, [], [], []
        names, rows = list(parts), given.rows
        groups = [names[i : i + rows] for i in range(0, len(names), rows)]
        self.shards = [{name: parts[name] for name in group} for group in groups]

    def make(self):
        model = make_large(self.given, self.f)
        self.models.append(model)
        tensors = model.parameters() if self.f.key == "pytorch" else []
        self.free.append(all(p.is_meta for p in tensors))
        return model

    def reader(self, number):
        def read():
            self.log.append([number, self.loaded_before(number)])
            shard = self.shards[number]
            if self.f.key == "tensorflow":
                return {name: array.copy() for name, array in shard.items()}
            import torch

            return {name: torch.tensor(array, device="cpu") for name, array in shard.items()}

        return read

    def loaded_before(self, number):
        """Whether the values of all earlier shards are in the model."""
        if number == 0:
            return True
        earlier = {name: a for shard in self.shards[:number] for name, a in shard.items()}

        def has_them(model):
            present = present_values(model, self.f)
            return all(
                name in present
                and tuple(present[name].shape) == array.shape
                and np.allclose(self.f.array(present[name]), array)
                for name, array in earlier.items()
            )

        return any(map(has_them, self.models))

    def load(self, answer):
        readers = [self.reader(number) for number in range(len(self.shards))]
        if self.f.key == "pytorch":
            return answer(self.make, readers)
        model = self.make()
        quietly(answer, model, self.given.again.size, readers)
        return model


STATE, COPIES, TIE = "values", "memory", "trained"


class Sharded(Aspect):
    def run(answer, given, f):
        parts = saved_parts(given, f.key)
        reading = Reading(given, parts, f)
        model = reading.load(answer)

        if f.key == "pytorch" and not isinstance(model, f.layer):
            raise WrongKind(f"The loaded model is expected; {came_instead(model)}.")

        def state():
            present = present_values(model, f)
            if absent := [name for name in parts if name not in present]:
                raise Unfit(f"After loading, these have no values: {', '.join(absent)}.")
            return [f.array(present[name]) for name in parts]

        def trained():
            found = f.registered(model)
            if f.key == "pytorch" and any(one.is_meta for one in found):
                raise Unfit("After loading, a parameter is still on the meta device.")
            return f.arrays(found)

        def memory():
            return [all(reading.free), reading.log]

        return {
            STATE: attempt(state),
            COPIES: attempt(memory),
            TIE: attempt(trained),
        }

    def expect(given, framework):
        parts = saved_parts(given, framework)
        shards = -(-len(parts) // given.rows)
        reads = {f"shard {i}": [i, True] for i in range(shards)}
        trained = {name: parts[name] for name in trained_parts(given, framework)}
        return {
            STATE: parts,
            COPIES: {"models created without memory": True, "reads": reads},
            TIE: AnyOrder(trained),
        }

    def shown(given, framework):
        parts = saved_parts(given, framework)
        return f"{-(-len(parts) // given.rows)} shards with {', '.join(parts)}"


IN_THE_MODEL = "the values"


@SHARDS.aspect(IN_THE_MODEL, 2, part=STATE)
class InTheModel(Sharded):
    hint = {
        "pytorch": "A copy into a parameter on the meta device does nothing. And a shard names a "
        "part of the model only.",
        "tensorflow": "Build the model, then find the variable that belongs to each name. Names "
        "consist of the layer and the variable.",
    }
    code = {
        "pytorch": "model.load_state_dict(read(), strict=False, assign=True)",
        "tensorflow": '{f"{layer.name}/{w.name}": w for layer in model.layers for w in ...}',
    }


@SHARDS.aspect("memory for one copy", 2, part=COPIES, after=IN_THE_MODEL)
class OneCopy(Sharded):
    hint = {
        "pytorch": "Create the model where parameters have no memory. Load each shard before you "
        "read the next one.",
        "tensorflow": "Write the values of each shard into the model before you read the next one.",
    }
    code = {"pytorch": 'with torch.device("meta"): ...'}


@SHARDS.aspect("what trains", 2, part=TIE, after=IN_THE_MODEL)
class StillTied(Sharded):
    hint = {
        "pytorch": "The two layers shared one parameter before loading. Loading with assign=True "
        "gives the first layer a new one.",
        "tensorflow": "Write into the variables of the model. What trains is what it lists.",
    }
    code = {"pytorch": "model.tie()"}


@SHARDS.aspect("what does not fit is refused", 2, after=IN_THE_MODEL)
class ShardsRefused(Aspect):
    hint = {
        "pytorch": "load_state_dict returns the names that it did not expect. After all shards, a "
        "tensor that is still on the meta device was never loaded; buffers are tensors too.",
        "tensorflow": "Keep a set of the names that no shard has brought yet.",
    }
    what = "With these shards"

    def run(answer, given, f):
        said = []
        parts = saved_parts(given, f.key)
        names = list(parts)
        victim = trained_parts(given, f.key)[given.victim]
        average = next(name for name in names if name.endswith("_mean"))
        other = "other.weight" if f.key == "pytorch" else "other/kernel"
        for changed in (
            {name: array for name, array in parts.items() if name != victim},
            {name: array for name, array in parts.items() if name != average},
            {**parts, other: parts[victim]},
            {**parts, victim: np.concatenate([parts[victim], parts[victim]])},
            {**parts, victim: parts[victim][:1]},
        ):
            try:
                Reading(given, changed, f).load(answer)
                said.append("nothing")
            except (ValueError, RuntimeError, KeyError, AssertionError):
                said.append("an error")
        return said

    def expect(given, framework):
        victim = trained_parts(given, framework)[given.victim]
        cases = [f"{victim} is missing", "an average is missing", "a name that the model lacks"]
        cases += [f"{victim} with twice the rows", f"{victim} with one row"]
        return dict.fromkeys(cases, "an error")
