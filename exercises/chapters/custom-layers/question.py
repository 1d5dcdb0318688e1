"""Questions of the chapter *Custom layers*.

Outputs and gradients are recomputed here with NumPy, in double precision, from sizes and values
that are drawn anew for each student.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from d2lexercises.frameworks import ACTIVATIONS
from d2lexercises.kinds import came_instead
from d2lexercises.networks import (
    attribute,
    data_in_words,
    double_tensor,
    load_state,
    saved_state,
    without,
)
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Given,
    Unfit,
    WrongKind,
    compare,
    contents,
    function,
    laid_out,
    layer,
    question,
    scratch,
)


def make_layer(answer, f, width, *options, **named):
    """An object of the answer's class; PyTorch's are told the width of the input, first."""
    return answer(*([width] if f.key == "pytorch" else []), *options, **named)


def need_shape(name, parameter, values):
    if not hasattr(parameter, "shape"):
        raise WrongKind(f"{name}: a parameter is expected; {came_instead(parameter)}.")
    if (shape := tuple(parameter.shape)) != values.shape:
        raise WrongKind(f"{name}: expected shape {values.shape}, got {shape}.")


def write_values(net, given, f, *names):
    """Give parameters their values, after a look at what they are; returns them."""
    known, found = f.registered(net), [attribute(net, name) for name in names]
    for name, parameter in zip(names, found, strict=True):
        if not any(parameter is one for one in known):
            raise Unfit(f"{name}: the framework does not know it as a trainable parameter.")
        need_shape(name, parameter, given[name])
        f.assign(parameter, given[name])
    return found


def by_hand(f, *names):
    """A context in which the framework's own layer cannot be used, whatever it is called there."""
    built_in = next(f.built_in[name] for name in names if name in f.built_in)
    message = (
        f"{built_in.__name__}, the built-in layer, is not allowed, not inside of yours either."
    )
    return without(built_in, message, f.own_method)


# -- custom-layers.rms -------------------------------------------------------------------------

RMS = question("custom-layers.rms", "Divide by the size", takes=function, minutes=5, difficulty=1)


@RMS.inputs
def draw_rms(draw):
    width, eps = draw.integer(3, 6), draw.number(0.1, 0.6)
    sizes = draw.uniform(1, 20, draw.integer(7, 9), 1)
    means = draw.uniform(-9, 9, len(sizes), 1)
    small = draw.data(3, width) * np.float32(eps**0.5)
    small[1] = 0  # a row without any size
    return {
        "rows": sizes * draw.data(len(sizes), width) + means,
        "steps": 9 * draw.data(draw.integer(2, 3), width + 2, width),
        "small": small,
        "eps": eps,
    }


def divided_by_size(x, eps):
    x = x.astype(np.float64)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps)


class ByHand(Aspect):
    what = "Output"

    def run(answer, case, f):
        x = f.tensor(case)
        return {"output": answer(x, 1e-6), "X afterwards": x}

    def expect(case):
        return {"output": divided_by_size(case, 1e-6), "X afterwards": case}

    def shown(case):
        return f"eps = 1e-06; {data_in_words(case)}"


@RMS.aspect("each example by itself", 1, over="rows")
class ByExample(ByHand):
    "One mean of the squares for each row. The mean of the values is not subtracted."

    code = {
        "pytorch": "X.square().mean(dim=-1, keepdim=True)",
        "tensorflow": "ops.mean(ops.square(X), axis=-1, keepdims=True)",
    }


@RMS.aspect("three axes", 1, over="steps")
class ByStep(ByHand):
    "The features are on the last axis, however many axes there are."

    code = {"pytorch": "dim=-1", "tensorflow": "axis=-1"}


@RMS.aspect("eps", 1, after="each example by itself")
class UnderTheRoot(Aspect):
    "eps is added under the root."

    what = "Output"

    def run(answer, given, f):
        return answer(f.tensor(given.small), given.eps)

    def expect(given):
        return divided_by_size(given.small, given.eps)

    def shown(given):
        return f"eps = {given.eps}; {data_in_words(given.small)}"


# -- custom-layers.layer-norm ------------------------------------------------------------------

LAYER_NORM = question(
    "custom-layers.layer-norm",
    "Layer normalization from its description",
    takes=layer,
    minutes=20,
    difficulty=1,
)
EPS = 1e-5  # the default


@LAYER_NORM.inputs
def draw_norm(draw):
    width, rng = draw.integer(3, 7), draw.rng
    rows = rng.normal(0, 1, (draw.integer(3, 5), width))
    sizes, means = rng.uniform(20, 40, (len(rows), 1)), rng.normal(0, 9, (len(rows), 1))
    eps = draw.number(0.02, 0.5)
    small = rng.normal(0, 1, (3, width)) * eps**0.5
    small[1] = rng.normal()  # a row that does not vary at all
    return {
        "width": width,
        "x": (sizes * rows + means).astype(np.float32),
        "steps": 30 * draw.data(draw.integer(2, 3), draw.integer(4, 5), width),
        "small": small.astype(np.float32),
        "eps": eps,
        "scale": draw.uniform(0.5, 2, width),
        "shift": draw.data(width),
        "v": draw.data(len(rows), width),
        # Whole numbers, which float16 holds; the squares of their differences it does not.
        "large": (draw.rng.integers(3, 6, (3, width)) * 256 * (-1) ** np.arange(width)).astype(
            np.float32
        ),
    }


def make_learned(answer, given, f, first=None):
    """The layer with the given scale and shift, and these."""
    net = make_layer(answer, f, given.width)
    net(f.tensor(given.x if first is None else first))  # makes what waits for a first input
    return net, write_values(net, given, f, "scale", "shift")


def normalize(x, eps=EPS):
    """The normalized rows, and what they were divided by."""
    x = x.astype(np.float64)
    spread = np.sqrt(x.var(-1, keepdims=True) + eps)
    return (x - x.mean(-1, keepdims=True)) / spread, spread


@LAYER_NORM.aspect("each row by itself", 2)
class EachRow(Aspect):
    hint = {
        "pytorch": "Mean and variance over the last axis, which is kept. PyTorch's var divides by "
        "n - 1 unless you say otherwise.",
        "tensorflow": "Mean and variance over the last axis, which is kept.",
    }
    code = {
        "pytorch": "X.var(-1, correction=0, keepdim=True)",
        "tensorflow": "ops.var(X, axis=-1, keepdims=True)",
    }
    what = "Output"

    def run(answer, given, f):
        with by_hand(f, "LayerNorm", "LayerNormalization"):
            return make_layer(answer, f, given.width)(f.tensor(given.x))

    def expect(given):
        return normalize(given.x)[0]

    def shown(given):
        return data_in_words(given.x)


@LAYER_NORM.aspect("three axes", 1)
class ThreeAxes(Aspect):
    "The last axis is -1. Number 1 is the last axis of a matrix only."

    what = "Output"

    def run(answer, given, f):
        with by_hand(f, "LayerNorm", "LayerNormalization"):
            return make_layer(answer, f, given.width)(f.tensor(given.steps))

    def expect(given):
        return normalize(given.steps)[0]

    def shown(given):
        return f"sequences; {data_in_words(given.steps)}"


@LAYER_NORM.aspect("rows that hardly vary", 1, after="each row by itself")
class SmallRows(Aspect):
    "eps is added to the variance, under the root, and is an argument."

    what = "Output"

    def run(answer, given, f):
        return make_layer(answer, f, given.width, eps=given.eps)(f.tensor(given.small))

    def expect(given):
        return normalize(given.small, given.eps)[0]

    def shown(given):
        return f"rows that hardly vary, eps = {given.eps}; {data_in_words(given.small)}"


@LAYER_NORM.aspect("scale and shift", 1, after="each row by itself")
class ScaleAndShift(Aspect):
    hint = {
        "pytorch": "One parameter of shape (width,) each, made in __init__; the scale begins at 1, "
        "the shift at 0.",
        "tensorflow": "One weight of shape (width,) each, made in build; the scale begins at 1, "
        "the shift at 0.",
    }
    code = {
        "pytorch": "self.scale = nn.Parameter(torch.ones(width))",
        "tensorflow": 'self.scale = self.add_weight(input_shape[-1:], "ones")',
    }

    def run(answer, given, f):
        net, _ = make_learned(answer, given, f)
        make_learned(answer, given, f, given.steps)  # looks at the shapes
        return {"parameters": f.registered(net), "output": net(f.tensor(given.x))}

    def expect(given):
        output = normalize(given.x)[0] * given.scale + given.shift
        known = AnyOrder({"scale": given.scale, "shift": given.shift})
        return {"parameters": known, "output": output}

    def shown(given):
        return f"scale and shift were given other values; {data_in_words(given.x)}"


@contextmanager
def new_layers_in_half(f):
    """Keras layers made in this context compute in float16, also those that take no dtype."""
    if f.key == "pytorch":
        yield
        return
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@LAYER_NORM.aspect("half precision", 1, after="each row by itself")
class HalfPrecision(Aspect):
    """Squares of large values do not fit into float16. Compute mean and variance in float32, and
    return the type of the input."""

    code = {
        "pytorch": "X.to(torch.promote_types(X.dtype, torch.float32))",
        "tensorflow": 'ops.cast(X, "float32")',
    }
    what = "Output"
    tolerance = 5e-3

    def run(answer, given, f):
        with new_layers_in_half(f):
            net = make_layer(answer, f, given.width)
            if f.key == "pytorch":
                y = net.half()(f.tensor(given.large).half())
            else:
                import tensorflow as tf

                y = net(tf.cast(given.large, tf.float16))
        return {"dtype": getattr(y.dtype, "name", str(y.dtype)).rpartition(".")[2], "values": y}

    def expect(given):
        return {"dtype": "float16", "values": normalize(given.large)[0]}

    def shown(given):
        return f"float16; {data_in_words(given.large)}"


@LAYER_NORM.aspect("gradients", 1, after="each row by itself")
class NormGradients(Aspect):
    """Mean and variance depend on the input, and the gradient goes through them too. Compute with
    the parameters themselves, not with their numbers."""

    form = [(np.ndarray, None)] * 3

    def run(answer, given, f):
        net, found = make_learned(answer, given, f)
        x = f.tensor(given.x)
        return f.gradients(lambda: f.weighted_sum(net(x), given.v), [*found, x])

    def judge(given, found):
        (y, spread), v = normalize(given.x), given.v.astype(np.float64)
        back = v * given.scale
        of_x = back - back.mean(-1, keepdims=True) - y * (back * y).mean(-1, keepdims=True)
        expected = {"scale": (v * y).sum(0), "shift": v.sum(0), "the input": of_x / spread}
        for (name, array), one in zip(expected.items(), found, strict=True):
            if one is None:
                return f"No gradient reaches {name}."
            unit = max(1e-9, float(np.abs(array).max()))  # those of the input are small
            what = f"Gradient of {name}, in units of its largest value"
            compare(one / unit, array / unit, what, tolerance=1e-3)

    def shown(given):
        return data_in_words(given.x)


# -- custom-layers.dropout ---------------------------------------------------------------------

DROPOUT = question(
    "custom-layers.dropout", "Dropout by hand", takes=layer, minutes=20, difficulty=2
)
ROWS, COLUMNS = 40, 50


@DROPOUT.inputs
def draw_dropout(draw):
    return {
        "rate": draw.choice([0.2, 0.25, 0.3, 0.7, 0.75, 0.8]),
        "x": draw.uniform(1, 2, ROWS, COLUMNS)
        * draw.rng.choice([-1, 1], (ROWS, COLUMNS)).astype(np.float32),
        "v": draw.uniform(1, 2, ROWS, COLUMNS),
        "steps": draw.uniform(1, 2, 3, 4, 2),
    }


def in_mode(net, x, training, f):
    """The output in training or in evaluation mode."""
    if f.key == "pytorch":
        return net.train(training)(x)
    return net(x, training=training)


def dropped_share(found):
    return float((found == 0).mean())


DROPOUT_FORM = {"output": np.ndarray, "x": np.ndarray}


@DROPOUT.aspect("training", 2)
class DropsInTraining(Aspect):
    """In training each value becomes 0 with the probability rate. The others are divided by what is
    left, so that the mean stays."""

    code = {
        "pytorch": "(torch.rand_like(X) >= self.rate) * X / (1 - self.rate)",
        "tensorflow": "keras.random.uniform(ops.shape(X)) >= self.rate",
    }
    form = DROPOUT_FORM

    def run(answer, given, f):
        x = f.tensor(given.x)
        with by_hand(f, "Dropout"):
            return {"output": in_mode(answer(given.rate), x, True, f), "x": x}

    def judge(given, found):
        y = found["output"]
        compare(found["x"], given.x, "X afterwards")
        if y.shape != given.x.shape:
            return f"Output: expected shape {given.x.shape}, got {y.shape}."
        share = dropped_share(y)
        if abs(share - given.rate) > 0.06:
            return f"The share of zeros is {share:.2f}; expected is about {given.rate}."
        kept = y != 0
        compare(y[kept], given.x.astype(np.float64)[kept] / (1 - given.rate), "The values kept")
        for axis, name in ((0, "column"), (1, "row")):
            shares = (y == 0).mean(axis)
            if (shares.min() == 0 and given.rate > 0.5) or (shares.max() == 1 and given.rate < 0.5):
                return f"Whole {name}s are dropped or kept. Each value has its own chance."
            if len(set(shares.tolist())) == 1:
                return f"Each {name} loses the same share. Each value has its own chance."
        return None

    def shown(given):
        return f"rate {given.rate}, in training; {data_in_words(given.x)}"


@DROPOUT.aspect("evaluation", 1, after="training")
class KeepsInEvaluation(Aspect):
    hint = {
        "pytorch": "eval() sets the attribute training of each module to False.",
        "tensorflow": "Keras passes training to call if call has an argument of this name.",
    }
    code = {"pytorch": "if not self.training:", "tensorflow": "def call(self, X, training=False):"}
    what = "Output"

    def run(answer, given, f):
        net, x = answer(given.rate), f.tensor(given.x)
        first = in_mode(net, x, False, f)
        in_mode(net, x, True, f)
        return [first, in_mode(net, x, False, f), in_mode(answer(0.0), x, True, f)]

    def expect(given):
        return {
            "in evaluation": given.x,
            "in evaluation, after training": given.x,
            "in training, with the rate 0": given.x,
        }

    def shown(given):
        return f"rate {given.rate}; {data_in_words(given.x)}"


@DROPOUT.aspect("a new mask at each call", 1, after="training")
class AnotherMask(Aspect):
    hint = {
        "pytorch": "Draw the mask in forward.",
        "tensorflow": "Draw the mask in call, with a random operation of the framework. A graph "
        "would keep what NumPy draws.",
    }
    code = {"tensorflow": "keras.random.uniform(ops.shape(X), seed=self.seed_generator)"}
    form = [np.ndarray]

    def run(answer, given, f):
        net = answer(given.rate)
        first = [in_mode(net, f.tensor(given.x), True, f) for _ in range(2)]
        if f.key == "pytorch":
            return [*first, *first]

        def call(x):
            return in_mode(net, x, True, f)

        graph = f.graph_maker(call)
        return [*first, graph(f.tensor(given.x)), graph(f.tensor(given.x))]

    def judge(given, found):
        if len(found) != 4 or any(one.shape != given.x.shape for one in found):
            return "The outputs have other shapes than the input."
        for one, other, where in ((0, 1, "two calls"), (2, 3, "two calls of a graph")):
            differ = ((found[one] == 0) != (found[other] == 0)).mean()
            if differ < 0.1:
                return f"{differ:.0%} of the mask differs between {where}."
        return None


@DROPOUT.aspect("gradient, and other shapes", 1, after="training")
class DropoutGradient(Aspect):
    "The gradient passes where the value was kept, with the factor of the output."

    form = {"output": np.ndarray, "gradient": (np.ndarray, None), "steps": np.ndarray}

    def run(answer, given, f):
        net, x, seen = answer(given.rate), f.tensor(given.x), []

        def loss():
            seen.append(in_mode(net, x, True, f))
            return f.weighted_sum(seen[-1], given.v)

        (gradient,) = f.gradients(loss, [x])
        steps = in_mode(net, f.tensor(given.steps), True, f)
        return {"output": seen[-1], "gradient": gradient, "steps": steps}

    def judge(given, found):
        if found["gradient"] is None:
            return "No gradient arrives at the input."
        if found["steps"].shape != given.steps.shape:
            return f"For shape {given.steps.shape}, the output has {found['steps'].shape}."
        if found["output"].shape != given.x.shape:
            return "The output has another shape than the input."
        kept = found["output"] != 0
        compare(found["gradient"], given.v * kept / (1 - given.rate), "Gradient of the input")
        return None


# -- custom-layers.statistics --------------------------------------------------------------------

STATISTICS = question(
    "custom-layers.statistics",
    "A layer that knows its data, and can be made again",
    takes=layer,
    minutes=30,
    difficulty=2,
)


@STATISTICS.inputs
def draw_statistics(draw):
    """A layer and its data.

    No activation leaves all outputs of the layer as they are, and none hides by what a feature that
    does not vary is divided.
    """

    def tells(inputs):
        given = Given(inputs)
        y = standardize_by_hand(given, activation=False)
        bends = y.min() < -0.5 and y.max() > 0.5
        with np.errstate(over="ignore"):  # of a sigmoid that is 0
            one, other = (standardize_by_hand(given, given.flat, flat=by) for by in (1.0, 0.01))
        return bends and np.abs(one - other).max() > 0.05

    return draw.until(tells, lambda: one_layer_and_data(draw))


def one_layer_and_data(draw):
    width, units, rng = draw.integer(3, 6), draw.integer(2, 5), draw.rng
    spread, center = rng.uniform(0.5, 4, width), rng.normal(0, 3, width)
    seen = rng.normal(size=(draw.integer(5, 9), width)) * spread + center
    flat = seen.copy()
    flat[:, draw.integer(0, width - 1)] = draw.integer(-9, 9) / 2  # whose mean is exact
    return {
        "sizes": [width, units],
        "activation": draw.choice(sorted(ACTIVATIONS)),
        "weight": draw.kernel(width, units),
        "bias": draw.data(units),
        "seen": seen.astype(np.float32),
        "flat": flat.astype(np.float32),
        "x": (draw.data(4, width) * spread + center).astype(np.float32),
        "name": draw.word(),
    }


def make_statistics(answer, given, f, **options):
    return make_layer(answer, f, *given.sizes, given.activation, **options)


def with_weights(net, given, f):
    net(f.tensor(given.x))  # makes what waits for a first input
    for name in ("weight", "bias"):
        parameter = attribute(net, name)
        need_shape(name, parameter, given[name])
        f.assign(parameter, given[name])
    return net


def make_adapted(answer, given, seen, f):
    net = make_statistics(answer, given, f)
    net.adapt(f.tensor(seen))
    return with_weights(net, given, f)


def standardize_by_hand(given, seen=None, activation=True, flat=1.0):
    """The output; a feature that does not vary is divided by `flat`."""
    x = given.x.astype(np.float64)
    if seen is not None:
        seen = seen.astype(np.float64)
        x = (x - seen.mean(0)) / np.where(np.ptp(seen, axis=0) == 0, flat, seen.std(0))
    y = x @ given.weight + given.bias
    return ACTIVATIONS[given.activation](y) if activation else y


@STATISTICS.shown
def shown_statistics(given):
    sizes = f'{tuple(given.sizes)} features and units, activation "{given.activation}"'
    adapted = f"adapted to data of shape {tuple(given.seen.shape)}"
    return f"{sizes}, {adapted}; {data_in_words(given.x)}"


@STATISTICS.aspect("before and after adapting", 2)
class Adapting(Aspect):
    """One mean and one standard deviation for each feature, over the examples, dividing by their
    number n."""

    code = "activation((X - mean) / std @ weight + bias)"
    what = "Output"

    def run(answer, given, f):
        x, net = f.tensor(given.x), with_weights(make_statistics(answer, given, f), given, f)
        before = f.array(net(x))
        for data in (given.flat, given.seen):  # the second time counts
            net.adapt(f.tensor(data))
        plain = with_weights(make_layer(answer, f, *given.sizes), given, f)
        return [before, net(x), plain(x)]

    def expect(given):
        return {
            "before adapt": standardize_by_hand(given),
            "after adapt": standardize_by_hand(given, given.seen),
            "of a layer without activation": standardize_by_hand(given, activation=False),
        }


@STATISTICS.aspect("a feature that does not vary", 1, after="before and after adapting")
class FlatFeature(Aspect):
    hint = {
        "pytorch": "A standard deviation of 0 divides by 0. Put 1 in its place.",
        "tensorflow": "A standard deviation of 0 divides by 0. Put 1 in its place. And adapt may "
        "come before the first call: build the layer there if it is not built.",
    }
    what = "Output"

    def run(answer, given, f):
        return make_adapted(answer, given, given.flat, f)(f.tensor(given.x))

    def expect(given):
        return standardize_by_hand(given, given.flat)

    def shown(given):
        return f"{shown_statistics(given)}; a feature of that data is constant"


TO_MEASURE = {
    "pytorch": 'self.register_buffer("mean", ...)',
    "tensorflow": "self.add_weight(..., trainable=False)",
}


@STATISTICS.aspect("what is trained", 1, after="before and after adapting")
class Trained(Aspect):
    hint = {
        "pytorch": "weight and bias are parameters. What is measured is not: it belongs in a "
        "buffer.",
        "tensorflow": "weight and bias are trainable. What is measured is not.",
    }
    code = TO_MEASURE

    def run(answer, given, f):
        return f.registered(make_adapted(answer, given, given.seen, f))

    def expect(given):
        return AnyOrder({"weight": given.weight, "bias": given.bias})


@STATISTICS.aspect("statistics in the file", 1, after="before and after adapting")
class InTheFile(Aspect):
    hint = {
        "pytorch": "A plain attribute is in no file. A buffer is part of state_dict(); adapt then "
        "writes into the buffer.",
        "tensorflow": "A plain attribute is in no file. A weight is, trained or not; adapt then "
        "assigns to it.",
    }
    code = TO_MEASURE
    what = "Output"

    def run(answer, given, f):
        net = make_adapted(answer, given, given.seen, f)
        saved = saved_state(net, f.tensor(given.x), f)
        named = ("sizes", "activation", "x")
        return {"saved": saved, "inputs": {name: given[name] for name in named}}

    def again(answer, came, f):
        given = Given(came["inputs"])
        net, x = make_statistics(answer, given, f), f.tensor(given.x)
        load_state(net, x, came["saved"], f)
        return net(x)

    def expect(given):
        return standardize_by_hand(given, given.seen)

    def shown(given):
        return f"a new layer, into which a file was loaded; {shown_statistics(given)}"


KERAS_FILE = "net.keras"


def as_json(config):
    """A configuration as JSON."""
    if not isinstance(config, dict):
        raise WrongKind(f"get_config(): a dictionary is expected; {came_instead(config)}.")
    try:
        return json.dumps(config)
    except (TypeError, ValueError) as error:
        raise Unfit(f"get_config(): JSON cannot hold it: {error}.") from None


@STATISTICS.aspect("made again with its options", 2, after="before and after adapting")
class MadeAgain(Aspect):
    hint = {
        "pytorch": "get_config() returns a dictionary of all that __init__ was told, under the "
        "names of its arguments, in a form that JSON can hold.",
        "tensorflow": "Register the class, and let get_config() add units and activation to what "
        "super().get_config() returns. Pass **kwargs on.",
    }
    what = "Layer"

    def run(answer, given, f):
        inputs = {name: given[name] for name in ("weight", "bias", "x")}
        if f.key == "pytorch":
            net = with_weights(make_statistics(answer, given, f), given, f)
            return {"config": as_json(net.get_config()), "inputs": inputs}
        import keras

        net = keras.Sequential([make_statistics(answer, given, f, name=given.name)])
        with_weights(net.layers[0], given, f)
        net(f.tensor(given.x))
        with scratch() as folder:
            net.save(folder / KERAS_FILE)
            return {KERAS_FILE: contents(folder / KERAS_FILE), "inputs": inputs}

    def again(answer, came, f):
        given = Given(came["inputs"])
        x = f.tensor(given.x)
        if f.key == "pytorch":
            return {"output": with_weights(answer(**json.loads(came["config"])), given, f)(x)}
        import keras

        with laid_out({KERAS_FILE: came[KERAS_FILE]}) as folder:
            try:
                other = keras.models.load_model(folder / KERAS_FILE)
            except TypeError as error:  # Keras quotes the whole file first
                _, quoted, why = str(error).rpartition("Exception encountered: ")
                if not quoted:
                    raise
                why = why.partition(" Full object config")[0]
                raise Unfit(f"load_model could not make the layer again: {why}") from None
        return {"output": other(x), "name": other.layers[0].name}

    def expect(given, framework):
        name = {} if framework == "pytorch" else {"name": given.name}
        return {"output": standardize_by_hand(given), **name}

    def shown(given, framework):
        way = "made again from its get_config()"
        way = way if framework == "pytorch" else "loaded from a .keras file"
        sizes = f'{tuple(given.sizes)} features and units, activation "{given.activation}"'
        return f"a layer, {way}; {sizes}; {data_in_words(given.x)}"


# -- custom-layers.quantized ---------------------------------------------------------------------

QUANTIZED = question(
    "custom-layers.quantized", "Coarse weights that learn", takes=layer, minutes=30, difficulty=2
)


@QUANTIZED.inputs
def draw_quantized(draw):
    width, units, rows = draw.integer(3, 6), draw.integer(3, 5), draw.integer(3, 5)
    step, levels, rng = draw.choice([0.125, 0.25, 0.5]), draw.integer(2, 4), draw.rng
    # In steps: not half-way between two levels, and some of it beyond the last one.
    steps = rng.integers(-levels + 1, levels, (width, units)).astype(float)
    steps += rng.uniform(-0.4, 0.4, (width, units))
    beyond = rng.permutation(width * units)[: draw.integer(2, 4)]
    sizes = levels + rng.uniform(0.2, 2, len(beyond))
    steps.flat[beyond] = sizes * rng.choice([-1, 1], len(beyond))
    return {
        "sizes": [width, units],
        "step": step,
        "limit": step * levels,
        "weight": (steps * step).astype(np.float32),
        "bias": draw.data(units),
        "x": draw.data(rows, width),
        "v": draw.data(rows, units),
        "rate": draw.number(0.001, 0.01, digits=4),
    }


def make_quantized(answer, given, f):
    """The layer with the given weight and bias, and these."""
    net = make_layer(answer, f, *given.sizes, given.step, given.limit)
    net(f.tensor(given.x))  # makes what waits for a first input
    return net, write_values(net, given, f, "weight", "bias")


def is_within(given):
    return np.abs(given.weight) <= given.limit


def rounded_by_hand(given):
    clipped = np.clip(given.weight.astype(np.float64), -given.limit, given.limit)
    return given.step * np.round(clipped / given.step)


def gradient_by_hand(given):
    """The gradient of weight."""
    return given.x.astype(np.float64).T @ given.v.astype(np.float64) * is_within(given)


@QUANTIZED.shown
def shown_quantized(given):
    first = np.array2string(given.weight[0], precision=3, separator=", ")
    return (
        f"{tuple(given.sizes)} features and units, step {given.step}, limit {given.limit}; "
        f"first row of weight {first}; {data_in_words(given.x)}"
    )


ROUNDED, STRAIGHT = "outputs of rounded weights", "the gradient goes straight through"
WITHIN, BEYOND = (f"gradient of weight, entries {one} the limit" for one in ("within", "beyond"))
OF_BIAS, OF_INPUT = "gradient of bias", "gradient of the input"


@QUANTIZED.aspect(ROUNDED, 2)
class RoundedWeights(Aspect):
    "Clip first, then round to the nearest multiple of the step. The bias is not rounded."

    code = "step * round(clipped / step)"
    what = "Output"

    def run(answer, given, f):
        net, _ = make_quantized(answer, given, f)
        return net(f.tensor(given.x))

    def expect(given):
        return given.x.astype(np.float64) @ rounded_by_hand(given) + given.bias


class QuantizedGradients(Aspect):
    missing = "no gradient arrives"

    def run(answer, given, f):
        net, found = make_quantized(answer, given, f)
        x, within = f.tensor(given.x), is_within(given)
        of_weight, *others = f.gradients(lambda: f.weighted_sum(net(x), given.v), [*found, x])
        if of_weight is None:
            return [None, None, *others]
        return [of_weight[within], of_weight[~within], *others]

    def expect(given):
        of_weight, within = gradient_by_hand(given), is_within(given)
        v = given.v.astype(np.float64)
        return {
            WITHIN: of_weight[within],
            BEYOND: of_weight[~within],
            OF_BIAS: v.sum(0),
            OF_INPUT: v @ rounded_by_hand(given).T,
        }


@QUANTIZED.aspect(STRAIGHT, 2, part=WITHIN, after=ROUNDED)
class StraightThrough(QuantizedGradients):
    hint = {
        "pytorch": "round has slope 0. Give the rounding a backward of its own that passes the "
        "gradient on, or add the difference to W, detached.",
        "tensorflow": "round has no slope. Give the rounding a gradient of its own that passes it "
        "on, or add the difference to W, with its gradient stopped.",
    }
    code = {
        "pytorch": "W + (rounded - W).detach()",
        "tensorflow": "W + tf.stop_gradient(rounded - W)",
    }


@QUANTIZED.aspect("no gradient beyond the limit", 1, part=BEYOND, after=(ROUNDED, STRAIGHT))
class NoneBeyond(QuantizedGradients):
    """Only the rounding pretends. The clipping keeps its true slope, which is 0 beyond the limit:
    let the gradient go through the framework's own clipping."""


@QUANTIZED.aspect("gradients of bias and input", 1, part=(OF_BIAS, OF_INPUT), after=ROUNDED)
class OtherGradients(QuantizedGradients):
    """What the input is multiplied by on the way forward are the rounded weights; so they are on
    the way back."""


@QUANTIZED.aspect("fine weights underneath", 1, after=ROUNDED)
class FineWeights(Aspect):
    "Round a copy. If the parameter itself is rounded, small steps are lost."

    what = "weight after the step"
    tolerance = 1e-5

    def run(answer, given, f):
        (net, _), x = make_quantized(answer, given, f), f.tensor(given.x)
        f.step(net, lambda: f.weighted_sum(net(x), given.v), given.rate)
        net(x)
        return net.weight

    def expect(given):
        return given.weight.astype(np.float64) - given.rate * gradient_by_hand(given)

    def shown(given):
        return f"{shown_quantized(given)}; one step of gradient descent, rate {given.rate}"


# -- custom-layers.audit ----------------------------------------------------------------------

AUDIT = question(
    "custom-layers.audit",
    "Audit the parameters of a layer",
    takes=function,
    minutes=60,
    difficulty=3,
)

# How each parameter is used: some ways for certain, and as many more of them as the number says.
CASES = {
    "cut": (["sound", "cut"], 5),
    "false": (["sound", "false", "entry", "entry", "moved"], 1),
    "constant": (["sound", "unused", "rounded", "cut"], 1),
    "centered": (["sound", "cut", "false"], 2),
}
USES = {  # the verdict, and why
    "sound": ("sound", "its gradient is the slope"),
    "unused": ("sound", "the output does not depend on it"),
    "rounded": ("sound", "it is rounded, so the slope is 0"),
    "cut": ("cut", "the output depends on it, and no gradient arrives"),
    "false": ("false", "its gradient is not the slope"),
    "entry": ("false", "one entry of its gradient is not the slope"),
    "moved": ("false", "each entry of its gradient stands one place too far"),
}


@AUDIT.inputs
def draw_audit(draw):
    def mixed(uses):  # not all of one first, and then all of another
        return sum(one != other for one, other in pairwise(uses)) > 1

    def case(uses, more, centered):
        width, parts = draw.integer(2, 4), []
        drawn = [*uses, *map(str, draw.rng.choice(uses, more))]
        places = [draw.integer(0, width - 1), width - 1, 0]  # of single wrong entries; last first
        for use in draw.until(mixed, lambda: draw.shuffled(drawn)):
            factors = np.ones(width)
            if use in ("false", "entry"):
                wrong = slice(None) if use == "false" else places.pop()
                factors[wrong] = draw.choice([-1.0, 0.5, 1.5, 2.0])
            # Not half-way between integers, where rounding jumps.
            values = draw.rng.integers(-2, 3, width) + draw.rng.uniform(-0.3, 0.3, width)
            parts.append({"name": draw.word(), "mode": use, "factors": factors, "values": values})
        return {"parts": parts, "x": draw.rng.normal(size=(3, width)), "centered": centered}

    return {name: case(*uses, centered=name == "centered") for name, uses in CASES.items()}


def make_audited(case, f):
    """A layer in float64 whose parameters are used in the ways that the case says."""
    if f.key == "pytorch":
        import torch

        options = {}
        sin, rounded, cut, constant = torch.sin, torch.round, torch.Tensor.detach, torch.tensor
        moved = torch.roll

        def make(layer, part):
            return torch.nn.Parameter(torch.tensor(part.values))

        def mean(x):
            return x.mean(-1, keepdim=True)

    else:
        import tensorflow as tf

        options = {"dtype": "float64"}
        sin, rounded, cut, constant = tf.sin, tf.round, tf.stop_gradient, tf.constant

        def moved(x, places):
            return tf.roll(x, places, 0)

        def make(layer, part):
            values = part.values
            return layer.add_weight(values.shape, lambda *_, **__: values, name=part.name)

        def mean(x):
            return tf.reduce_mean(x, -1, keepdims=True)

    def start(self):
        f.layer.__init__(self, **options)
        for part in case.parts:
            setattr(self, part.name, make(self, part))

    def run(self, x):
        for part in case.parts:
            used = 1.0 * getattr(self, part.name)
            if part.mode == "unused":
                continue
            if part.mode == "rounded":
                used = rounded(used)
            elif part.mode == "cut":
                used = cut(used)
            elif part.mode in ("false", "entry"):  # the same values, other slopes
                used = cut(used) + constant(part.factors) * (used - cut(used))
            elif part.mode == "moved":
                used = cut(used) + moved(used - cut(used), -1)
            x = x + sin(used + x) / 2
        return x - mean(x) if case.centered else x

    return type("Audited", (f.layer,), {"__init__": start, f.own_method: run})()


class Audit(Aspect):
    tolerance = 1e-9

    def run(answer, case, f):
        net, x = make_audited(case, f), double_tensor(case.x, f)
        if f.key == "tensorflow":
            net(x)  # built, as every layer in use
        found = answer(net, x)
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; {came_instead(found)}.")
        left = {part.name: getattr(net, part.name) for part in case.parts}
        return {"verdicts": found, "after the audit": left}

    def expect(case):
        return {
            "verdicts": {part.name: USES[part.mode][0] for part in case.parts},
            "after the audit": {part.name: part.values for part in case.parts},
        }

    def shown(case):
        uses = "; ".join(f"{part.name}: {USES[part.mode][1]}" for part in case.parts)
        tail = ". Each row of the output adds up to 0" if case.centered else ""
        return f"a layer with parameters of shape ({case.x.shape[1]},). {uses}{tail}"


@AUDIT.aspect("sound and cut", 2, over="cut", part="verdicts")
class SoundAndCut(Audit):
    hint = {
        "pytorch": "A parameter is cut if its gradient is None and the central difference is not "
        "0.",
        "tensorflow": "A parameter is cut if the tape has None for it and the central difference "
        "is not 0.",
    }
    code = {"pytorch": "torch.autograd.grad(value, parameters, allow_unused=True)"}


@AUDIT.aspect("false gradients", 2, over="false", part="verdicts", after="sound and cut")
class FalseGradients(Audit):
    """Compare every entry with its own central difference. In float64, a step of 1e-5 leaves an
    error far below 1e-6."""


@AUDIT.aspect(
    "what the output does not depend on", 1, over="constant", part="verdicts", after="sound and cut"
)
class NoInfluence(Audit):
    """Where the difference is 0, a gradient of 0 or None is right. Compare first, and ask for None
    afterwards."""


@AUDIT.aspect(
    "outputs that add up to nothing", 1, over="centered", part="verdicts", after="sound and cut"
)
class Centered(Audit):
    """The sum of such outputs is 0 whatever the parameters are. Weight the outputs, or square them,
    before you add them up."""


@AUDIT.aspect(
    "the layer as it was", 1, over=tuple(CASES), part="after the audit", after="sound and cut"
)
class AsItWas(Audit):
    "Write the old values back when you have tried others."


# -- custom-layers.soft-maximum ------------------------------------------------------------------

SOFT = question(
    "custom-layers.soft-maximum",
    "A soft maximum with its own backward pass",
    takes=function,
    minutes=150,
    difficulty=3,
)


@SOFT.inputs
def draw_soft(draw):
    rows, width = draw.integer(3, 5), draw.integer(6, 8)
    rng = draw.rng
    large = rng.normal(size=(rows, width)) * 30 + rng.choice([-1500, 1500], (rows, 1))
    return {
        "x": rng.normal(size=(rows, width)),
        "t": draw.number(0.4, 2.5),
        "steps": rng.normal(size=(2, 3, width)),
        "large": large,
        "cold": draw.number(0.05, 0.2),
        "w": rng.normal(size=rows),
        "v": rng.normal(size=(2, 3)),
        "u": rng.normal(size=(rows, width)),
    }


def soft_by_hand(x, t):
    """The soft maximum, its gradient for x, and that for t: one for each row."""
    top = x.max(-1, keepdims=True)
    powers = np.exp((x - top) / t)
    total = powers.sum(-1, keepdims=True)
    share = powers / total
    y = (top + t * np.log(total))[..., 0]
    return y, share, (y - (share * x).sum(-1)) / t


def differentiable(array, f):
    """A float64 tensor whose gradient can be asked for."""
    tensor = double_tensor(array, f)
    return tensor.requires_grad_() if f.key == "pytorch" else tensor


def slopes(loss, of, f, again=False):
    """The gradients of a loss, recorded themselves if they are to be differentiated again."""
    if f.key == "pytorch":
        import torch

        total = loss()
        if not total.requires_grad:
            return [None] * len(of)
        return torch.autograd.grad(total, of, create_graph=again, allow_unused=True)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(of)
        total = loss()
    return tape.gradient(total, of)


def summed(tensor, f):
    """The sum of all entries."""
    if f.key == "pytorch":
        return (1.0 * tensor).sum()
    import tensorflow as tf

    return tf.reduce_sum(tensor)


@SOFT.shown
def shown_soft(given):
    return f"t = {given.t}; {data_in_words(given.x)}"


@SOFT.aspect("values", 2)
class SoftValues(Aspect):
    "The sum runs over the last axis, which is gone afterwards."

    what = "Output"

    def run(answer, given, f):
        t = double_tensor(given.t, f)
        return [answer(double_tensor(x, f), t) for x in (given.x, given.steps)]

    def expect(given):
        return {
            "two axes": soft_by_hand(given.x, given.t)[0],
            "three axes": soft_by_hand(given.steps, given.t)[0],
        }


@SOFT.aspect("large values, small t", 1, after="values")
class SoftLarge(Aspect):
    """exp overflows for 710 and more. Subtract the largest value of a row first, and add it
    again."""

    what = "Output and gradient"
    tolerance = 1e-7

    def run(answer, given, f):
        x, t = differentiable(given.large, f), double_tensor(given.cold, f)
        (of_x,) = slopes(lambda: summed(answer(x, t), f), [x], f)
        return [answer(x, t), of_x]

    def expect(given):
        y, share, _ = soft_by_hand(given.large, given.cold)
        return {"output": y, "gradient of X": share}

    def shown(given):
        return f"t = {given.cold}; {data_in_words(given.large)}"


class SoftGradients(Aspect):
    tolerance = 1e-7
    missing = "no gradient arrives"

    def run(answer, given, f):
        x, t = differentiable(given.x, f), differentiable(given.t, f)
        w = double_tensor(given.w, f)
        s, v = differentiable(given.steps, f), double_tensor(given.v, f)
        of_x, of_t = slopes(lambda: summed(w * answer(x, t), f), [x, t], f)
        (of_s,) = slopes(lambda: summed(v * answer(s, t), f), [s], f)
        return {"gradient of X": [of_x, of_s], "gradient of t": of_t}

    def expect(given):
        _, share, slope = soft_by_hand(given.x, given.t)
        of_steps = given.v[..., None] * soft_by_hand(given.steps, given.t)[1]
        of_x = {"two axes": given.w[:, None] * share, "three axes": of_steps}
        return {"gradient of X": of_x, "gradient of t": np.array((given.w * slope).sum())}


@SOFT.aspect("gradient of X", 2, part="gradient of X", after="values")
class OfX(SoftGradients):
    """The derivative for one entry is its share of the sum. Each row gets the gradient that arrives
    for its output."""


@SOFT.aspect("gradient of t", 2, part="gradient of t", after="values")
class OfT(SoftGradients):
    """t is one number for all rows, so what the rows contribute adds up. Both the factor t and the
    t under the exponential count."""


OWN, KEPT = "own", "kept"


@SOFT.aspect("a backward pass of its own", 2, after=("gradient of X", "gradient of t"))
class OwnBackward(Aspect):
    hint = {
        "pytorch": "Apply a subclass of autograd.Function. For the backward pass it keeps no more "
        "than X, t and the output.",
        "tensorflow": "Decorate a function with tf.custom_gradient. It returns the output and the "
        "backward pass.",
    }
    code = {
        "pytorch": "ctx.save_for_backward(X, t, output)",
        "tensorflow": "return Y, backward",
    }
    form = {OWN: bool, KEPT: int}

    def run(answer, given, f):
        x, t = differentiable(given.x, f), differentiable(given.t, f)
        if f.key == "tensorflow":
            graph = f.graph_maker(answer).get_concrete_function(x, t).graph.as_graph_def()
            parts = [graph.node, *(one.node_def for one in graph.library.function)]
            own = any(
                b"CustomGradient" in node.attr["_gradient_op_type"].s
                for nodes in parts  # those of a tf.function inside as well
                for node in nodes
            )
            return {OWN: own, KEPT: 0}
        import torch

        sizes = {}

        def pack(tensor):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = answer(x, t)
        nodes, own = [y.grad_fn], False
        while nodes:
            node = nodes.pop()
            if node is not None:
                if isinstance(node, torch.autograd.function.BackwardCFunction):
                    own = True
                    for kept in vars(node).values():  # attributes of ctx
                        if isinstance(kept, torch.Tensor):
                            pack(kept)
                nodes += [one for one, _ in node.next_functions]
        return {OWN: own, KEPT: sum(sizes.values())}

    def judge(given, found):
        if not found[OWN]:
            return "The gradient comes from automatic differentiation."
        most = given.x.size + 3 * len(given.x) + 2
        if found[KEPT] > most:
            return f"{found[KEPT]} values are kept for the backward pass; X has {given.x.size}."
        return None


@SOFT.aspect("second derivatives", 2, after=("gradient of X", "gradient of t"))
class SecondDerivatives(Aspect):
    hint = {
        "pytorch": "Compute in backward, from X and t, whatever depends on them. What forward or "
        "setup_context computes is a constant for the second derivative.",
        "tensorflow": "Compute in the backward pass, from X and t, whatever depends on them.",
    }
    tolerance = 1e-6
    missing = "no gradient arrives"

    def run(answer, given, f):
        x, t = differentiable(given.x, f), differentiable(given.t, f)
        w, u = double_tensor(given.w, f), double_tensor(given.u, f)

        def first():
            (of_x,) = slopes(lambda: summed(w * answer(x, t), f), [x], f, again=True)
            return summed(u * of_x, f)

        return list(slopes(first, [x, t], f))

    def expect(given):
        x, t, u = given.x, given.t, given.u
        share = soft_by_hand(x, t)[1]
        w = given.w[:, None]
        mean_u, mean_x = ((share * one).sum(-1, keepdims=True) for one in (u, x))
        of_t = (w * u * share * (mean_x - x)).sum() / t**2
        return {"for X": w * share * (u - mean_u) / t, "for t": np.array(of_t)}


@SOFT.aspect("one example at a time", 1, after="a backward pass of its own")
class OverExamples(Aspect):
    hint = {
        "pytorch": "torch.func takes a Function whose forward has no ctx, and which says how it is "
        "mapped.",
        "tensorflow": "Write the axes from the end, so that a single row will do.",
    }
    code = {"pytorch": "generate_vmap_rule = True", "tensorflow": "axis=-1"}
    tolerance = 1e-7

    def run(answer, given, f):
        x, t = double_tensor(given.x, f), double_tensor(given.t, f)
        if f.key == "pytorch":
            import torch

            each = torch.func.grad(lambda x, t: answer(x, t).sum())
            return [torch.func.vmap(one, (0, None))(x, t) for one in (answer, each)]
        import tensorflow as tf

        def gradient(row):
            return slopes(lambda: answer(row, t), [row], f)[0]

        return [tf.vectorized_map(lambda row: answer(row, t), x), tf.vectorized_map(gradient, x)]

    def expect(given):
        y, share, _ = soft_by_hand(given.x, given.t)
        return {"output": y, "gradient of X": share}
