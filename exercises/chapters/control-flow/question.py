"""Questions of the chapter *Containers, constants and control flow*.

Weights and data are written into the student's models, and what comes out is recomputed with NumPy.
A constant that a model draws for itself is read from it, and the output must agree with it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from d2lexercises.comparer import brief
from d2lexercises.kinds import one_number
from d2lexercises.networks import (
    attribute,
    by_hand,
    data_in_words,
    double_tensor,
    load_state,
    need_count,
    saved_state,
    tensor_of,
    write_dense,
)
from d2lexercises.vocabulary import (
    AnyOrder,
    Aspect,
    Exact,
    Given,
    Stepped,
    Unfit,
    WrongKind,
    compare,
    function,
    layer,
    question,
)

# -- control-flow.finished --------------------------------------------------------------------

FINISHED = question(
    "control-flow.finished", "Nothing after the end", takes=function, minutes=5, difficulty=1
)


@FINISHED.inputs
def draw_finished(draw):
    end = draw.integer(3, 9)
    others = [token for token in range(12) if token != end]

    def row(steps, *ends):
        tokens = [draw.choice(others) for _ in range(steps)]
        for at in ends:
            tokens[at] = end
        return tokens

    def text(kind, steps):
        first = draw.integer(1, steps - 4)
        rows = [
            row(steps, first, first + 2),  # goes on after its end, and ends again
            row(steps, 0),
            row(steps, steps - 1),
            row(steps, first + 1),
        ]
        return np.array(draw.shuffled(rows), kind)

    steps = draw.integer(6, 9)
    without = [row(steps + 2), row(steps + 2, draw.integer(1, 4)), row(steps + 2)]
    return {
        "end": end,
        "texts": [text("int64", steps), text("int32", steps + 1)],
        "without": np.array(draw.shuffled(without), "int64"),
        "alone": np.array([row(steps, 2)], "int64"),
    }


def cut_by_hand(text, end):
    ended = np.cumsum(text == end, axis=1) > 0
    return np.where(ended, end, text)


@FINISHED.aspect("each row after its own end", 2)
class AfterItsEnd(Aspect):
    """A row is finished from its first end on, whatever the other rows do."""

    code = "A cumulative sum of (text == end) along a row is above 0 from the first end on."
    what = "Output of text"

    def run(answer, given, f):
        return [answer(tensor_of(text, f), given.end) for text in given.texts]

    def expect(given):
        return [Exact(cut_by_hand(text, given.end)) for text in given.texts]

    def shown(given):
        return f"end={given.end}; texts {[text.tolist() for text in given.texts]}"


@FINISHED.aspect("rows without an end", 1)
class WithoutEnd(Aspect):
    """A row in which the end does not occur is returned as it is."""

    code = "argmax returns 0 both for an end at place 0 and for no end at all."
    what = "Output"

    def run(answer, given, f):
        return answer(tensor_of(given.without, f), given.end)

    def expect(given):
        return cut_by_hand(given.without, given.end)

    def shown(given):
        return f"end={given.end}; text {given.without.tolist()}"


@FINISHED.aspect("the text that came in", 1)
class LeftAsItWas(Aspect):
    """The caller still needs the text, so return a new tensor."""

    code = "where(finished, end, text)"
    what = "After the call"

    def run(answer, given, f):
        text = tensor_of(given.alone, f)
        found = answer(text, given.end)
        return [f.array(text), f.array(found)]

    def expect(given):
        returned = cut_by_hand(given.alone, given.end)
        return {"the given text": given.alone, "the returned text": returned}

    def shown(given):
        return f"end={given.end}; text {given.alone.tolist()}"


# -- control-flow.constant -----------------------------------------------------------------------

CONSTANT = question(
    "control-flow.constant",
    "A constant that stays with its model",
    takes=layer,
    minutes=15,
    difficulty=1,
)


@CONSTANT.inputs
def draw_constant(draw):
    inputs, features, outputs = draw.integer(6, 8), draw.integer(60, 90), draw.integer(2, 5)
    rows = draw.integer(3, 6)
    return {
        "sizes": [inputs, features, outputs],
        "head": draw.dense(features, outputs),
        "x": draw.data(rows, inputs) / 2,
        "v": draw.data(rows, outputs),
        "rate": draw.number(0.05, 0.2),
    }


def make_features(answer, given, f, x=None, **options):
    net = answer(*given.sizes, **options)
    net(f.tensor(given.x) if x is None else x)  # makes what waits for a first input
    write_dense(attribute(net, "head"), "head", **given.head, framework=f)
    return net


def constant_of(net, f):
    return np.array(f.array(net.c))  # a copy


def features_by_hand(given, c):
    """What comes out of tanh; raises `Unfit` if `c` cannot be the constant."""
    shape = tuple(given.sizes[:2])
    if c.shape != shape or not np.isfinite(c).all():
        raise Unfit(f"c: finite numbers of shape {shape} are expected, got {brief(c)}.")
    return np.tanh(given.x.astype(np.float64) @ c)


def output_by_hand(given, c):
    return by_hand([given.head], features_by_hand(given, c))


@CONSTANT.shown
def shown_constant(given):
    return f"RandomFeatures{tuple(given.sizes)}; {data_in_words(given.x)}"


@CONSTANT.aspect("the output", 2)
class Outputs(Aspect):
    """Draw c once, in __init__, and use the attribute in every call."""

    code = "self.head(tanh(X @ self.c))"
    form = {"c": np.ndarray, "outputs": Any}

    def run(answer, given, f):
        net, x = make_features(answer, given, f), f.tensor(given.x)
        return {"c": constant_of(net, f), "outputs": [net(x), net(x)]}

    def judge(given, found):
        compare(found["outputs"], [output_by_hand(given, found["c"])] * 2, "Output of call")


@CONSTANT.aspect("drawn from the standard normal distribution", 1, after="the output")
class Drawn(Aspect):
    hint = {
        "pytorch": "torch.randn is the standard normal distribution; torch.rand is not. And a seed "
        "in __init__ makes all models alike.",
        "tensorflow": "The standard deviation of keras.initializers.RandomNormal is 0.05 unless "
        "you say otherwise. And a seed makes all models alike.",
    }
    code = {"tensorflow": "keras.initializers.RandomNormal(stddev=1.0)"}
    what = "c of model"
    form = [np.ndarray, np.ndarray]

    def run(answer, given, f):
        return [constant_of(make_features(answer, given, f), f) for _ in range(2)]

    def judge(given, found):
        for c in found:
            features_by_hand(given, c)
        if np.allclose(*found):
            return "c: two models are expected to differ; they have the same numbers."
        for c in found:
            mean, deviation = c.mean(), c.std()
            if abs(mean) > 0.3 or not 0.8 < deviation < 1.2:
                return (
                    "c: a mean near 0 and a standard deviation near 1 are expected, got "
                    f"{mean:.3f} and {deviation:.3f}, over {c.size} numbers."
                )
            if np.abs(c).max() < 2:  # by chance once in ten million times
                return (
                    f"c: of {c.size} normally distributed numbers, some are expected beyond 2; "
                    f"the largest is {np.abs(c).max():.3f}."
                )


@CONSTANT.aspect("training leaves it alone", 2, after="the output")
class LeftAlone(Aspect):
    hint = {
        "pytorch": "An nn.Parameter is trained. A buffer is not, and head has to be.",
        "tensorflow": "add_weight makes a weight that is trained, unless you say otherwise.",
    }
    code = {"tensorflow": "self.add_weight(..., trainable=False)"}
    form = {"trained": Any, "before": np.ndarray, "after": np.ndarray, "head": Any}

    def run(answer, given, f):
        net, x = make_features(answer, given, f), f.tensor(given.x)
        found = {"before": constant_of(net, f), "trained": f.arrays(f.registered(net))}
        f.step(net, lambda: f.weighted_sum(net(x), given.v), given.rate)
        return {**found, "after": constant_of(net, f), "head": f.dense_values(net.head)}

    def judge(given, found, framework):
        head, v = given.head, given.v.astype(np.float64)
        compare(found["trained"], AnyOrder({"head": head}), "Parameters", framework=framework)
        gradients = features_by_hand(given, found["before"]).T @ v, v.sum(0)
        stepped = {
            name: Stepped(head[name], head[name] - given.rate * gradient)
            for name, gradient in zip(("kernel", "bias"), gradients, strict=True)
        }
        compare(found["head"], stepped, "head", framework=framework)
        if not np.array_equal(found["before"], found["after"]):
            return "c: the step has changed it."

    def shown(given):
        return f"{shown_constant(given)}; one step of gradient descent, rate {given.rate}"


class SameOutput(Aspect):
    form = {"c": np.ndarray, "output": np.ndarray}

    def judge(given, found):
        compare(found["output"], output_by_hand(given, found["c"]), "Output")


@CONSTANT.aspect("saved and loaded", 2, after="the output")
class SavedAndLoaded(SameOutput):
    hint = {
        "pytorch": "A tensor in an attribute is not saved, nor is a buffer with persistent=False.",
        "tensorflow": "Keras saves neither a tf.constant nor a tf.Variable.",
    }
    code = {
        "pytorch": 'self.register_buffer("c", ...)',
        "tensorflow": "self.add_weight(..., trainable=False)",
    }

    def run(answer, given, f):
        net = make_features(answer, given, f)
        saved = saved_state(net, f.tensor(given.x), f)
        inputs = {"sizes": given.sizes, "head": dict(given.head), "x": given.x}
        return {"c": constant_of(net, f), "saved": saved, "inputs": inputs}

    def again(answer, came, f):
        given = Given(came["inputs"])
        net, x = make_features(answer, given, f), f.tensor(given.x)
        load_state(net, x, came["saved"], f)
        return {"c": came["c"], "output": net(x)}

    def shown(given):
        return f"{shown_constant(given)}; a second model, which loaded what the first one saved"


@CONSTANT.aspect("64 bits", 1, after="the output")
class Doubled(SameOutput):
    hint = {
        "pytorch": "double() reaches parameters and buffers. What is kept elsewhere stays in 32 "
        "bits.",
        "tensorflow": "Pass **kwargs on to super().__init__(), make c with add_weight, and give "
        "head the number type of the model.",
    }
    code = {"tensorflow": "keras.layers.Dense(outputs, dtype=self.dtype)"}

    def run(answer, given, f):
        wide = double_tensor(given.x, f)
        if f.key == "pytorch":
            net = make_features(answer, given, f).double()
        else:
            net = make_features(answer, given, f, wide, dtype="float64")
        return {"c": constant_of(net, f), "output": net(wide)}

    def judge(given, found):
        for name, array in found.items():
            if array.dtype != np.float64:
                return f"{name}: numbers of 64 bits are expected, got {array.dtype}."
        compare(found["output"], output_by_hand(given, found["c"]), "Output", tolerance=1e-10)

    def shown(given):
        return f"{shown_constant(given)}; all in 64 bits"


# -- control-flow.shared -------------------------------------------------------------------------

SHARED = question(
    "control-flow.shared",
    "Shared layers and separate layers",
    takes=layer,
    minutes=20,
    difficulty=2,
)


@SHARED.inputs
def draw_shared(draw):
    inputs, width, outputs = draw.integer(2, 5), draw.integer(3, 6), draw.integer(2, 4)
    times, heads, rows = draw.integer(2, 4), draw.integer(2, 4), draw.integer(3, 5)
    return {
        "sizes": [inputs, width, outputs, times, heads],
        "enter": draw.dense(inputs, width),
        "again": draw.dense(width, width),
        "heads": [draw.dense(width, outputs) for _ in range(heads)],
        "x": draw.data(rows, inputs),
        "v": draw.data(rows, heads * outputs),
        "rate": draw.number(0.05, 0.2),
    }


def layers_of(net):
    heads = net.heads.values() if hasattr(net.heads, "values") else net.heads
    return [net.parts["enter"], net.parts["again"], *heads]


def make_unrolled(answer, given, f):
    net = answer(*given.sizes)
    net(f.tensor(given.x))  # makes what waits for a first input
    need_count(net.heads, len(given.heads), "heads")
    for one, (name, part) in zip(layers_of(net), parts_by_name(given).items(), strict=True):
        write_dense(one, name, **part, framework=f)
    return net


ENTER, AGAIN = 'parts["enter"]', 'parts["again"]'


def parts_by_name(given):
    heads = {f"heads[{n}]": head for n, head in enumerate(given.heads)}
    return {ENTER: given.enter, AGAIN: given.again, **heads}


def unrolled_by_hand(given):
    """The input and what each tanh returns, and the output."""
    values = [given.x.astype(np.float64)]
    for part in [given.enter] + [given.again] * given.sizes[3]:
        values.append(np.tanh(by_hand([part], values[-1])))
    heads = [by_hand([head], values[-1]) for head in given.heads]
    return values, np.concatenate(heads, axis=1)


@SHARED.shown
def shown_shared(given):
    return f"Unrolled{tuple(given.sizes)}; {data_in_words(given.x)}"


@SHARED.aspect("every parameter is found, once", 2)
class Found(Aspect):
    hint = {
        "pytorch": "A plain dictionary hides its layers from PyTorch. And [layer] * n is one "
        "layer, n times over.",
        "tensorflow": "Keras looks into dictionaries and lists, and into nothing that merely "
        "behaves like one. And [layer] * n is one layer, n times over.",
    }
    code = {"pytorch": "nn.ModuleDict"}

    def run(answer, given, f):
        return f.registered(make_unrolled(answer, given, f))

    def expect(given):
        return AnyOrder(parts_by_name(given))


@SHARED.aspect("the output", 2)
class UnrolledOutput(Aspect):
    """The shared layer runs where it is called: inside the loop, on what it returned the last time.
    Each head has parameters of its own."""

    what = "Output of call"

    def run(answer, given, f):
        net, x = make_unrolled(answer, given, f), f.tensor(given.x)
        return [net(x), net(x)]

    def expect(given):
        return [unrolled_by_hand(given)[1]] * 2


@SHARED.aspect("one step moves everything", 2)
class OneStep(Aspect):
    """The gradient of a shared layer is the sum over all its calls, so it must be the same layer in
    all of them, found by the framework and cut off nowhere."""

    what = "Layer"

    def run(answer, given, f):
        net, x = make_unrolled(answer, given, f), f.tensor(given.x)
        f.step(net, lambda: f.weighted_sum(net(x), given.v), given.rate)
        return [f.dense_values(one) for one in layers_of(net)]

    def expect(given):
        parts, (values, _) = parts_by_name(given), unrolled_by_hand(given)
        after = {
            name: {key: part[key].astype(np.float64) for key in part}
            for name, part in parts.items()
        }

        def move(name, entered, back):
            """Move a layer's parameters for one of its calls."""
            after[name]["kernel"] -= given.rate * entered.T @ back
            after[name]["bias"] -= given.rate * back.sum(0)

        back = np.zeros_like(values[-1])
        vs = np.split(given.v.astype(np.float64), len(given.heads), axis=1)
        for n, (head, v) in enumerate(zip(given.heads, vs, strict=True)):
            move(f"heads[{n}]", values[-1], v)
            back += v @ head.kernel.T
        for at in range(len(values) - 1, 0, -1):  # the call that made values[at]
            name = ENTER if at == 1 else AGAIN
            back = back * (1 - values[at] ** 2)
            move(name, values[at - 1], back)
            back = back @ parts[name].kernel.T
        return {
            name: {key: Stepped(part[key], after[name][key]) for key in part}
            for name, part in parts.items()
        }

    def shown(given):
        return f"{shown_shared(given)}; one step of gradient descent, rate {given.rate}"


# -- control-flow.routes -----------------------------------------------------------------------

ROUTES = question(
    "control-flow.routes", "Every example its own way", takes=layer, minutes=30, difficulty=2
)
METHODS = ("keys", "items", "pop", "update", "clear", "values")  # of a dictionary
OWN = ("call", "forward")  # methods of a layer


@ROUTES.inputs
def draw_routes(draw):
    def row_names(known):
        """A name for each of a dozen rows: all of the known, so mixed that order shows."""
        rows = draw.integer(9, 12)
        while True:
            more = draw.rng.choice(known, rows - len(known))
            names = draw.shuffled([*known, *map(str, more)])
            orders = sorted(known), known, list(dict.fromkeys(names))
            if not any(is_its_own_inverse(names, order) for order in orders):
                return names

    inputs, outputs = draw.integer(2, 5), draw.integer(2, 5)
    known = draw.words(draw.integer(4, 5))
    busy = draw.shuffled(known)[:3]
    odd = [f"{draw.word()}.{draw.word()}", draw.choice(METHODS), *OWN, draw.word()]
    names, odd_names = row_names(busy), row_names(odd)
    return {
        "branches": [[name, draw.dense(inputs, outputs)] for name in known],
        "names": names,
        "x": draw.data(len(names), inputs),
        "v": draw.data(len(names), outputs),
        "odd_branches": [[name, draw.dense(inputs, outputs)] for name in odd],
        "odd_names": odd_names,
        "odd_x": draw.data(len(odd_names), inputs),
        "unknown": draw.word(),
        "unknown_at": draw.integer(0, len(names) - 1),
    }


def is_its_own_inverse(names, order):
    """Whether rows collected name by name would come back into order by collecting them again."""
    places = [n for name in order for n in range(len(names)) if names[n] == name]
    return places == np.argsort(places).tolist()


def make_branches(branches, f):
    return {name: f.dense(**part) for name, part in branches}


def route_by_hand(branches, names, x):
    parts = dict(branches)
    return np.stack([by_hand([parts[name]], row) for name, row in zip(names, x, strict=True)])


@ROUTES.shown
def shown_routes(given):
    return f"branches {[name for name, _ in given.branches]}, names={given.names}"


@ROUTES.aspect("rows in their order", 2)
class RowsInOrder(Aspect):
    """The outputs come in the order in which you collected the rows. Undo that order: its inverse,
    and not the order itself."""

    code = "Y[argsort(rows)]"

    what = "Output"

    def run(answer, given, f):
        return answer(make_branches(given.branches, f))(f.tensor(given.x), names=given.names)

    def expect(given):
        return route_by_hand(given.branches, given.names, given.x)


@ROUTES.aspect("any name", 1)
class AnyName(Aspect):
    hint = {
        "pytorch": "An nn.ModuleDict turns keys into attributes. Keep the layers in a container "
        "that counts, and the names in a dictionary of their own.",
        "tensorflow": "A dictionary takes any key. An attribute of the layer does not.",
    }
    what = "Output"

    def run(answer, given, f):
        net = answer(make_branches(given.odd_branches, f))
        return net(f.tensor(given.odd_x), names=given.odd_names)

    def expect(given):
        return route_by_hand(given.odd_branches, given.odd_names, given.odd_x)

    def shown(given):
        return f"branches {[name for name, _ in given.odd_branches]}, names={given.odd_names}"


@ROUTES.aspect("parameters of every branch", 1)
class BranchParameters(Aspect):
    hint = {
        "pytorch": "A plain dictionary hides its layers from PyTorch.",
        "tensorflow": "Assign the dictionary of branches to self, after super().__init__().",
    }

    def run(answer, given, f):
        net = answer(make_branches(given.branches, f))
        if f.key == "tensorflow":
            net(f.tensor(given.x), names=given.names)  # Keras may find them only now
        return f.registered(net)

    def expect(given):
        return AnyOrder(dict(given.branches))


def noting_dense(part, notes, f):
    """A dense layer that notes the number of rows whenever data goes through it."""
    if f.key == "pytorch":
        layer = f.dense(**part)
        layer.register_forward_hook(lambda _, given, __: notes.append(int(given[0].shape[0])))
        return layer
    import keras
    import tensorflow as tf

    class Noting(keras.layers.Dense):
        def call(self, inputs, *arguments, **options):
            if tf.executing_eagerly() and not isinstance(inputs, keras.KerasTensor):
                notes.append(int(inputs.shape[0]))
            return super().call(inputs, *arguments, **options)

    layer = Noting(part["kernel"].shape[1])
    layer.build((None, part["kernel"].shape[0]))
    f.set_dense(layer, **part)
    return layer


@ROUTES.aspect("one run for each branch that is needed", 2, after="rows in their order")
class OneRun(Aspect):
    """Collect all rows of a branch first, and run it once on them. Skip a branch without rows: a
    run on no rows is a run."""

    code = "[i for i, other in enumerate(names) if other == name]"

    what = "Rows in each run of branch"

    def run(answer, given, f):
        notes = {name: [] for name, _ in given.branches}
        net = answer({name: noting_dense(part, notes[name], f) for name, part in given.branches})
        net(f.tensor(given.x), names=given.names)
        for name in notes:
            notes[name].clear()
        net(f.tensor(given.x), names=given.names)
        return notes

    def expect(given):
        counts = {name: given.names.count(name) for name, _ in given.branches}
        return {name: [count] if count else [] for name, count in counts.items()}


@ROUTES.aspect("gradients", 1)
class BranchGradients(Aspect):
    """If every branch runs and the outputs are chosen afterwards, an idle branch gets a gradient of
    zeros. It should get none."""

    what = "Gradient of branch"
    missing = "no gradient arrives"

    def run(answer, given, f):
        branches, x = make_branches(given.branches, f), f.tensor(given.x)
        net = answer(branches)
        loss = lambda: f.weighted_sum(net(x, names=given.names), given.v)  # noqa: E731
        return f.dense_gradients(loss, list(branches.values()))

    def expect(given):
        expected = {}
        for name, _ in given.branches:
            rows = [n for n, other in enumerate(given.names) if other == name]
            x, v = (given[key][rows].astype(np.float64) for key in ("x", "v"))
            of = (x.T @ v, v.sum(0)) if rows else (None, None)  # which no row takes
            expected[name] = dict(zip(("kernel", "bias"), of, strict=True))
        return expected


@ROUTES.aspect("an unknown name is refused", 1, after="rows in their order")
class UnknownName(Aspect):
    """A loop over the branches never meets an unknown name. Look up each name, and put it
    into the message."""

    code = "self.branches[name]"
    form = (str, None)

    def run(answer, given, f):
        names = given.names
        names[given.unknown_at] = given.unknown
        net = answer(make_branches(given.branches, f))
        try:
            net(f.tensor(given.x), names=names)
        except (KeyError, ValueError) as error:
            said, _, _ = str(error).partition("Arguments received by")  # by Keras, names and all
            return said[:2000]
        except Exception as error:
            kind = type(error).__name__
            raise Unfit(f"A KeyError or a ValueError is expected; got a {kind}.") from None
        return None

    def judge(given, found):
        if given.unknown not in (found or ""):
            got = "none" if found is None else f"one that says {brief(found)}"
            return (
                f"A KeyError or a ValueError that names {given.unknown!r} is expected; got {got}."
            )

    def shown(given):
        names = [name for name, _ in given.branches]
        return f"branches {names}, {given.unknown!r} as the name of row {given.unknown_at}"


# -- control-flow.shrink -------------------------------------------------------------------------

SHRINK = question(
    "control-flow.shrink", "A loop that always ends", takes=layer, minutes=30, difficulty=2
)
PLENTY = 150  # divisions by 2 or more bring any number of 32 bits below one


@SHRINK.inputs
def draw_shrink(draw):
    rng = draw.rng
    factor, width = draw.number(2.1, 3.9, digits=2), draw.integer(2, 5)

    def signs(rows):
        return rng.choice([-1.0, 1.0], (rows, width))

    def rows_that_need(divisions):
        """Rows that need so many divisions by `factor`, none of them just so."""
        shares = rng.uniform(0.2, 1, (len(divisions), width)) * signs(len(divisions))
        norms = np.array([factor ** (n - rng.uniform(0.2, 0.8)) for n in divisions])
        return (shares * (norms / np.abs(shares).sum(1))[:, None]).astype(np.float32)

    def rows(*shape):
        count = int(np.prod(shape))
        divisions = draw.shuffled([0, 5, *draw.integers(0, 5, count - 2)])
        return rows_that_need(divisions).reshape(*shape, width)

    special = rows_that_need(draw.integers(1, 5, 6))  # the two that stay finite are divided
    where = rng.permutation(6)[:4]
    for row, value in zip(where, (np.inf, -np.inf, np.nan, np.inf), strict=True):
        special[row, draw.integer(0, width - 1)] = value
    special[where[3], :2] = np.inf, np.nan
    huge = rng.uniform(2e38, 3.2e38, (2, width)) * signs(2)
    huge[1] /= 10.0 ** draw.integer(3, 9)
    just_one = 0.5 ** np.minimum(np.arange(1, width + 1), width - 1) * signs(1)
    limit = draw.integer(2, 4)
    beyond = [limit + draw.integer(2, 6) for _ in range(2)]
    return {
        "factor": factor,
        "enough": draw.integer(6, 8),
        "rows": [
            np.concatenate([rows(draw.integer(3, 6)), just_one.astype(np.float32)]),
            rows(2, draw.integer(2, 3)),
        ],
        "limit": limit,
        "beyond": rows_that_need([*beyond, limit - 1]),
        "special": special,
        "huge": huge[rng.permutation(2)].astype(np.float32),
        "v": draw.data(4, width),
        "slope_x": rows(4),
        "traced": rows(3, 4),
    }


def shrink(answer, given, x, limit, f):
    return answer(given.factor, limit)(f.tensor(x))


def powers_by_hand(given, x, limit):
    """The number that each entry is divided by; its row needs that many divisions."""
    flat = x.astype(np.float64).reshape(-1, x.shape[-1])
    powers = np.ones_like(flat)
    for n, row in enumerate(flat):
        if np.isfinite(row).all() and (norm := np.abs(row).sum()) > 1:
            divisions = int(np.ceil(np.log(norm) / np.log(given.factor)))
            powers[n] = given.factor ** min(limit, divisions)
    return powers.reshape(x.shape)


def shrink_by_hand(given, x, limit):
    return x / powers_by_hand(given, x, limit)


def shrink_in_words(given, x, limit):
    with np.errstate(over="ignore"):
        norms = np.abs(x).sum(-1).reshape(-1)
    listed = np.array2string(norms, precision=3, separator=", ", max_line_width=200)
    shape = tuple(x.shape)
    return f"Shrink({given.factor}, {limit}); X of shape {shape}, whose rows add up to {listed}"


class Shrunk(Aspect):
    what = "Output"
    tolerance = 1e-5


@SHRINK.aspect("each row by itself", 2)
class EachRow(Shrunk):
    """Each row needs its own condition. Add up the magnitudes along the last axis only. A row whose
    magnitudes add up to 1 is not divided."""

    code = "X.abs().sum(-1, keepdim=True), or ops.sum(ops.abs(X), axis=-1, keepdims=True)"

    what = "Output of input"

    def run(answer, given, f):
        return [shrink(answer, given, x, given.enough, f) for x in given.rows]

    def expect(given):
        return [shrink_by_hand(given, x, given.enough) for x in given.rows]

    def shown(given):
        inputs = (shrink_in_words(given, x, given.enough) for x in given.rows)
        return "; ".join(f"{n}: {text}" for n, text in enumerate(inputs))


@SHRINK.aspect("at most so many divisions", 1)
class Limited(Shrunk):
    """limit is the largest number of divisions. After it, a row stays as it is."""

    code = "for _ in range(self.limit):"

    def run(answer, given, f):
        return shrink(answer, given, given.beyond, given.limit, f)

    def expect(given):
        return shrink_by_hand(given, given.beyond, given.limit)

    def shown(given):
        return shrink_in_words(given, given.beyond, given.limit)


@SHRINK.aspect("rows with infinity or nan", 1)
class Special(Aspect):
    """In a row with an infinity or a nan, the other values must not be divided either. Find such
    rows before the loop."""

    code = "isfinite(X), then all(...) along the last axis"

    form = np.ndarray

    def run(answer, given, f):
        x, half_more = given.beyond, given.limit + 0.5
        limited = f.array(shrink(answer, given, x, given.limit, f))
        smallest = abs(x[0, 0]) / given.factor**half_more  # after limit divisions it is larger
        if limited.shape != x.shape or not abs(limited[0, 0]) > smallest:
            limit = "limit is the largest number of divisions."
            said = "Not tried: without its limit the loop might not end on an infinity."
            raise WrongKind(said, limit)
        return shrink(answer, given, given.special, given.enough, f)

    def judge(given, found):
        x, expected = given.special, shrink_by_hand(given, given.special, given.enough)
        if found.shape != x.shape:
            return f"Output: expected shape {x.shape}, got {found.shape}."
        ordinary = np.isfinite(x).all(-1)
        for n in np.flatnonzero(~ordinary):
            if not np.array_equal(found[n], x[n], equal_nan=True):
                return f"Row {n} is expected as it was, {x[n]}; got {found[n]}."
        compare(found[ordinary], expected[ordinary], "The other rows", tolerance=1e-5)

    def shown(given):
        return shrink_in_words(given, given.special, given.enough)


@SHRINK.aspect("a sum that is infinite", 1)
class Huge(Shrunk):
    """The sum of a row can overflow although every value is finite. Test the values."""

    code = "isfinite(X) and not isfinite(norm)"

    def run(answer, given, f):
        return shrink(answer, given, given.huge, PLENTY, f)

    def expect(given):
        return shrink_by_hand(given, given.huge, PLENTY)

    def mistakes(given):
        powers = powers_by_hand(given, given.huge, PLENTY)
        infinite = powers > np.finfo(np.float32).max
        return {
            "A row of zeros: factor to the power of the divisions overflows. Divide X by factor, "
            "once in each pass of the loop.": np.where(infinite, 0.0, given.huge / powers)
        }

    def shown(given):
        return shrink_in_words(given, given.huge, PLENTY)


@SHRINK.aspect("the gradient", 1)
class Gradient(Shrunk):
    """The gradient passes through the divisions. Use operations of the framework, without detach
    and without NumPy, and write into no tensor."""

    code = "where(large, X / self.factor, X)"

    what = "Gradient of the sum of output times v"
    missing = "no gradient reaches the input"

    def run(answer, given, f):
        net, x = answer(given.factor, given.enough), f.tensor(given.slope_x)
        return f.gradients(lambda: f.weighted_sum(net(x), given.v), [x])[0]

    def expect(given):
        return given.v / powers_by_hand(given, given.slope_x, given.enough)

    def shown(given):
        return shrink_in_words(given, given.slope_x, given.enough)


@SHRINK.aspect("traced", 2)
class Traced(Shrunk):
    """A symbolic tensor has no value, so an if or a while on it fails. A loop of fixed length
    decides nothing in Python."""

    code = {
        "pytorch": "torch.where(large, X / self.factor, X)",
        "tensorflow": "ops.where(large, X / self.factor, X)",
    }

    def run(answer, given, f):
        x = f.tensor(given.traced)
        if f.key == "pytorch":
            import torch

            return [torch.vmap(answer(given.factor, given.enough))(x)]
        import keras

        inside = keras.Sequential([answer(given.factor, given.enough)])(x)
        model = keras.Sequential([answer(given.factor, given.enough)])
        return [inside, model.predict_on_batch(x)]

    def expect(given, framework):
        ways = {"pytorch": ["torch.vmap"], "tensorflow": ["keras.Sequential", "predict"]}
        expected = shrink_by_hand(given, given.traced, given.enough)
        return {f"in {way}": expected for way in ways[framework]}

    def shown(given):
        return shrink_in_words(given, given.traced, given.enough)


# -- control-flow.beam ------------------------------------------------------------------------

BEAM = question(
    "control-flow.beam", "Several texts at a time", takes=function, minutes=150, difficulty=3
)
MISTAKES = ("dropped", "early", "extended", "alone")
TOKENS, STOP = 5, 4  # the tokens of a small language, of which the last is the end


def searched(table, prompt, width, limit, mistake=None):
    """Beam search, or one with a mistake that the inputs have to tell apart."""
    beams, calls = [(list(prompt), 0.0, False)], []
    for _ in range(limit):
        if all(done for *_, done in beams):
            break
        calls.append([text for text, _, done in beams if not done])
        grown = []
        for text, score, done in beams:
            if done and mistake != "extended":
                if mistake != "dropped":
                    grown.append((text, score, True))
                continue
            children = [
                ([*text, token], score + float(more), token == STOP)
                for token, more in enumerate(table[text[-2]][text[-1]])
            ]
            children.sort(key=lambda one: -one[1])
            alone = mistake == "alone" and len(calls) > 1
            grown += children[:1] if alone else children
        beams = sorted(grown, key=lambda one: -one[1])[:width]
        if mistake == "early" and any(done for *_, done in beams):
            break
    return [(text, score) for text, score, _ in beams], calls


@BEAM.kept_inputs
def draw_beam(draw):
    def table():
        logits = draw.rng.normal(0, 1.5, (TOKENS, TOKENS, TOKENS))
        logits[..., STOP] += draw.number(-0.5, 0.8)
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    def case(width, limit, ended=True, unlike=()):
        def fits(one):
            right, _ = searched(**one)
            scores, texts = [score for _, score in right], [text for text, _ in right]
            others = [[text for text, _ in searched(**one, mistake=name)[0]] for name in unlike]
            greedy = searched(**{**one, "width": 1})[0][0][0]
            return (
                len(right) == width
                and all(a - b > 1e-3 for a, b in pairwise(scores))
                and texts not in others
                and (width == 1 or greedy != texts[0])
                and all((text[-1] == STOP) == ended for text in texts)
                and (not ended or len(texts[0]) > 3)
                and (ended or searched(**one, mistake="early") == searched(**one))
            )

        return draw.until(
            fits,
            lambda: {
                "table": table(),
                "prompt": draw.integers(0, STOP - 1, 2),
                "width": width,
                "limit": limit,
            },
        )

    widths = draw.shuffled([2, 3, 4])
    return {
        "greedy": case(1, draw.integer(8, 12)),
        "short": case(3, 2, ended=False, unlike=("alone",)),
        "several": [case(width, 10 + width, unlike=MISTAKES) for width in widths],
    }


class Model:
    """The model, outside of the student's process."""

    def __init__(self, case):
        self.case, self.calls = case, []

    def settings(self):
        return [self.case.prompt, STOP, self.case.width, self.case.limit]

    def scores(self, rows):
        if len({len(row) for row in rows}) > 1:
            raise ValueError("the texts of one call have different lengths")
        self.calls.append(rows)
        return np.array([self.case.table[row[-2]][row[-1]] for row in rows])


class Calls(Model):
    """Says how often it was called, with how many texts."""

    def noted(self, came):
        return {
            "texts": [len(rows) for rows in self.calls],
            "finished": [sum(row[-1] == STOP for row in rows) for rows in self.calls],
        }


def run_beam(answer, case):
    def scores(texts):
        return case.ask.scores([[int(token) for token in text] for text in texts])

    found = list(answer(scores, *case.ask.settings()))
    try:
        return [
            [[int(one_number(token)) for token in text], float(one_number(score))]
            for text, score in found
        ]
    except (TypeError, ValueError):
        raise WrongKind(f"Pairs (text, score) are expected; got {brief(found)}.") from None


class Search(Aspect):
    form = [[[int], float]]
    referee = Model

    def run(answer, case, f):
        return run_beam(answer, case)

    def judge(case, found):
        expected, _ = searched(case.table, case.prompt, case.width, case.limit)
        if len(found) != len(expected):
            return f"{len(expected)} texts are expected, got {len(found)}."
        for n, ((text, score), (right, value)) in enumerate(zip(found, expected, strict=True)):
            if list(text) != right:
                return f"Text {n} is expected to be {right}, got {list(text)}."
            if abs(score - value) > 1e-4:
                return f"The score of text {n} is expected to be {value:.4f}, got {score:.4f}."


@BEAM.shown
def shown_beam(case):
    return f"prompt {case.prompt}, end={STOP}, width={case.width}, limit={case.limit}"


@BEAM.aspect("a width of 1", 2, over="greedy")
class Greedy(Search):
    """With a width of 1 the search takes the best token at each step, up to the first end."""

    code = "score + scores(texts)[i][token]"


@BEAM.aspect("the limit", 1, over="short")
class AtTheLimit(Search):
    """After limit new tokens the search ends. Texts without an end count too."""

    code = "for _ in range(limit):"


@BEAM.aspect("several texts", 5, over="several")
class Several(Search):
    """All candidates of a step compete: each unfinished text with each token, and each finished
    text as it is. The search ends when all texts that are kept are finished."""

    code = "sorted(candidates, key=lambda one: -one.score)[:width]"


@BEAM.aspect("one call for each step", 2, over="several", after="several texts")
class OneCall(Aspect):
    """The model is what takes time. It runs once in a step, on all unfinished texts together, and
    on no finished one."""

    code = "scores([text for text, score in candidates if text[-1] != end])"
    form = {"texts": [int], "finished": [int]}
    referee = Calls

    def run(answer, case, f):
        return run_beam(answer, case)

    def judge(case, found):
        _, calls = searched(case.table, case.prompt, case.width, case.limit)
        expected = [len(texts) for texts in calls]
        if any(found["finished"]):
            return "A finished text was given to scores."
        if found["texts"] != expected:
            return f"Texts in each call of scores: {expected} is expected, got {found['texts']}."
