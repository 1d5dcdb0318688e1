"""Questions of the chapter *Training loops and data loading*.

Where the student takes steps, the judge takes them with NumPy in double precision, or adds up in
one formula what the steps come to. What is random is judged by its properties.
"""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np
from d2lexercises.faults import attempt, error_in
from d2lexercises.kinds import came_instead, kind_of
from d2lexercises.networks import data_in_words
from d2lexercises.samples import need_normal
from d2lexercises.vocabulary import (
    Aspect,
    Number,
    Stepped,
    Unfit,
    WrongKind,
    any_class,
    compare,
    function,
    question,
)


def losses_by_hand(values):
    """Plain numbers, as near as calculation in float32 allows."""
    absolute = 1e-4 * max(1.0, *np.abs(values))
    return [Number(float(value), absolute=absolute) for value in values]


# -- training.stuck ----------------------------------------------------------------------------

STUCK = question("training.stuck", "A loss that repeats to the last digit", takes=any_class)


@STUCK.inputs
def draw_stuck(draw):
    rows, inputs, width, outputs = (draw.integer(low, 6) for low in (4, 2, 3, 2))
    first = draw.number(0.1, 0.3, digits=4)
    return {
        "body": draw.dense(inputs, width),
        "head": draw.dense(width, outputs),
        "new": draw.dense(width, outputs),
        "x": draw.data(rows, inputs),
        "y": draw.data(rows, outputs) + draw.rng.normal(0, 2, outputs).astype(np.float32),
        "rates": [first, round(first * draw.number(0.2, 0.6, digits=4), 4)],
        "steps": draw.integer(3, 5),
    }


def plans(given):
    """What is tried, by name: lists of (number of steps, rate, head)."""
    first, second = given.rates
    return {
        "one step": [(1, first, "head")],
        "several steps": [(given.steps, first, "head")],
        "a new rate": [(2, first, "head"), (2, second, "head")],
        "a new head": [(2, first, "head"), (2, first, "new")],
    }


def train(answer, given, plan, f):
    """Let a trainer take the steps: the losses that it returned, and the weights afterwards."""
    layers = {name: f.dense(**given[name]) for name in ("body", "head", "new")}
    x, y = f.tensor(given.x), f.tensor(given.y)
    trainer, losses = answer(layers["body"], layers["head"], given.rates[0]), []
    for n, (steps, rate, head) in enumerate(plan):
        if n and rate != plan[n - 1][1]:
            trainer.rate = rate
        elif n:
            trainer.head = layers[head]
        losses += [trainer.step(x, y) for _ in range(steps)]
    return {"losses": losses, "weights": {name: f.dense_values(layers[name]) for name in layers}}


def train_by_hand(given, plan):
    """The losses before each step, and for each layer its weights before and after all of them."""
    before = {name: dict(given[name]) for name in ("body", "head", "new")}
    w = {name: {key: a.astype(float) for key, a in part.items()} for name, part in before.items()}
    x, y, losses = given.x.astype(np.float64), given.y.astype(np.float64), []
    for rate, head in [(rate, head) for steps, rate, head in plan for _ in range(steps)]:
        hidden = np.tanh(x @ w["body"]["kernel"] + w["body"]["bias"])
        errors = hidden @ w[head]["kernel"] + w[head]["bias"] - y
        losses.append(float(np.square(errors).mean()))
        back = 2 * errors / errors.size
        below = (back @ w[head]["kernel"].T) * (1 - hidden**2)
        for name, came, went in ((head, hidden, back), ("body", x, below)):
            w[name]["kernel"] = w[name]["kernel"] - rate * (came.T @ went)
            w[name]["bias"] = w[name]["bias"] - rate * went.sum(0)
    weights = {
        name: {key: Stepped(array, w[name][key]) for key, array in part.items()}
        for name, part in before.items()
    }
    return {"losses": losses_by_hand(losses), "weights": weights}


class Trained(Aspect):
    def run(answer, given, f):
        found = {
            name: attempt(lambda plan=plan: train(answer, given, plan, f))
            for name, plan in plans(given).items()
        }
        weights = {name: one.get("weights", one) for name, one in found.items()}
        several = found["several steps"]
        return {**weights, "losses": several.get("losses", several)}

    def expect(given):
        right = {name: train_by_hand(given, plan) for name, plan in plans(given).items()}
        weights = {name: one["weights"] for name, one in right.items()}
        return {**weights, "losses": right["several steps"]["losses"]}

    def shown(given):
        return f"rate {given.rates[0]}; {data_in_words(given.x)}"


@STUCK.aspect("one step", 1, part="one step")
class OneStep(Trained):
    hint = {
        "pytorch": "Clear, backward, step: in this order, and once per step.",
        "tensorflow": "tf.Variable(w) is a copy. Assign to the weights of the layers.",
    }


@STUCK.aspect("several steps", 1, part="several steps")
class SeveralSteps(Trained):
    "Each step follows the gradient of its own moment, and nothing is left of the one before."


@STUCK.aspect("a new rate", 2, part="a new rate")
class NewRate(Trained):
    hint = {
        "pytorch": "An optimizer keeps the rate that it was made with, until somebody changes "
        'optimizer.param_groups[0]["lr"].',
        "tensorflow": "A Python number that a traced function reads from self is a constant of its "
        "graph. Pass it as an argument, or do without tf.function. A Keras optimizer keeps the "
        "rate that it was made with: its learning_rate.",
    }

    def shown(given):
        first, second = given.rates
        steps = f"two steps with rate {first}, then trainer.rate = {second} and two more"
        return f"{steps}; {data_in_words(given.x)}"


@STUCK.aspect("a new head", 2, part="a new head")
class NewHead(Trained):
    hint = {
        "pytorch": "An optimizer steps with the weights that it was made with. Those of the body "
        "have to stay in, those of the old head to leave: a gradient that is left on them moves "
        "them on.",
        "tensorflow": "A traced function goes on with the layer that self held when it was traced. "
        "Pass it as an argument, or do without tf.function. A Keras optimizer, or a model made "
        "once, knows the weights that it began with and no others.",
    }

    def shown(given):
        steps = f"two steps with rate {given.rates[0]}, then trainer.head = new and two more"
        return f"{steps}; {data_in_words(given.x)}"


@STUCK.aspect("the losses", 1, part="losses")
class StuckLosses(Trained):
    "The loss is that from before the step, as a plain number."

    code = {
        "pytorch": "item() makes a number of a tensor.",
        "tensorflow": "float() makes a number of a tensor, outside of tf.function; inside there "
        "are only tensors.",
    }


# -- training.recipe -----------------------------------------------------------------------------

RECIPE = question("training.recipe", "The same recipe, another loss", takes=function)
KINDS = ("vectors", "matrices")


@RECIPE.inputs
def draw_recipe(draw):
    def case(*middle):
        inputs, outputs = draw.integer(2, 4), draw.integer(3, 5)
        long = draw.integer(5, 7)
        sizes = [long, long, draw.integer(1, 3)]  # the last one is short
        ends = draw.rng.normal(0, 3, (3, outputs)).astype(np.float32)  # and of another kind
        batches = [
            [draw.data(size, *middle, inputs), draw.data(size, *middle, outputs) + end]
            for size, end in zip(sizes, ends, strict=True)
        ]
        per_example = outputs * int(np.prod(middle))
        return {
            "net": draw.dense(inputs, outputs),
            "batches": batches,
            "rate": round(draw.number(0.1, 0.3, digits=4) / per_example, 5),
            "epochs": draw.integer(3, 5),  # not two: their losses would look like a pair
        }

    return {"vectors": case(), "matrices": case(draw.integer(2, 4))}


@RECIPE.shown
def shown_recipe(case):
    sizes = ", ".join(str(len(y)) for _, y in case.batches)
    shape = " × ".join(map(str, case.batches[0][1].shape[1:]))
    return (
        f"batches of {sizes} examples with {shape} outputs each, rate {case.rate}, "
        f"{case.epochs} epochs"
    )


class Recipe(Aspect):
    def run(answer, case, f):
        net = f.dense(**case.net)
        batches = [tuple(f.tensor(array) for array in pair) for pair in case.batches]
        found = answer(net, batches, case.rate, case.epochs)
        is_pair = isinstance(found, list | tuple) and len(found) == 2
        no_pair = f"no pair of the losses and the loss of the best constant; {came_instead(found)}"
        losses, constant = found if is_pair else [{"kind": no_pair}] * 2
        losses = {"kind": kind_of(losses)} if isinstance(losses, np.ndarray) else losses
        constant = {"kind": kind_of(constant)} if hasattr(constant, "numpy") else constant
        weights = f.dense_values(net)  # right or wrong, whatever came
        return {"weights": weights, "losses": losses, "best constant's loss": constant}

    def expect(case):
        before = {key: case.net[key].astype(np.float64) for key in ("kernel", "bias")}
        pairs = [[array.astype(np.float64) for array in pair] for pair in case.batches]
        (w, b), losses = before.values(), []
        for _ in range(case.epochs):
            squares = []
            for x, y in pairs:
                errors = x @ w + b - y
                squares += [float(np.square(one).sum()) for one in errors]
                back = (2 * errors / len(y)).reshape(-1, len(b))
                w = w - case.rate * x.reshape(-1, len(w)).T @ back
                b = b - case.rate * back.sum(0)
            losses.append(np.mean(squares))
        constant = np.concatenate([y for _, y in pairs]).var(axis=0).sum()
        return {
            "weights": {
                "kernel": Stepped(before["kernel"], w),
                "bias": Stepped(before["bias"], b),
            },
            "losses": losses_by_hand(losses),
            "best constant's loss": losses_by_hand([constant])[0],
        }


@RECIPE.aspect("the steps", 2, over="vectors", part="weights")
class RecipeSteps(Recipe):
    """The framework's mean squared error divides by the number of outputs too. Sum over the outputs
    and take the mean over the examples, or let the rate make up for it."""


@RECIPE.aspect("outputs that are matrices", 1, over="matrices", part="weights")
class Matrices(Recipe):
    "With three axes an example has as many outputs as the last two axes together."


@RECIPE.aspect("the losses", 2, over=KINDS, part="losses")
class RecipeLosses(Recipe):
    """Weigh the loss of each batch by its number of examples, keep the recipe's scale, and measure
    before the step. A plain number is made by item() or float()."""


@RECIPE.aspect("the best constant", 1, over=KINDS, part="best constant's loss")
class BestConstant(Recipe):
    """The best constant answers each output with the mean of its targets, over the examples of all
    batches. It is measured like the losses: a sum over the outputs, a mean over the examples, a
    plain number."""


# -- training.momentum ---------------------------------------------------------------------------

MOMENTUM = question("training.momentum", "Momentum, with a memory", takes=any_class)


@MOMENTUM.inputs
def draw_momentum(draw):
    n, m = draw.integer(2, 4), draw.integer(5, 6)
    shapes = [(n, m), (m,), (m,)]

    def run(*rates):
        """Parameters to begin with, and steps, each a rate and the gradients."""
        return {
            "params": [draw.data(*shape) for shape in shapes],
            "momentum": draw.number(0.6, 0.95, digits=4),
            "steps": [
                {"rate": rate, "gradients": [draw.data(*shape) for shape in shapes]}
                for rate in rates
            ],
        }

    rate = draw.number(0.1, 0.5, digits=4)
    cut = round(rate * draw.number(0.05, 0.4, digits=4), 5)
    without = run(*[rate] * 6)
    for at in (0, draw.integer(2, 3), 4):
        without["steps"][at]["gradients"][draw.integer(0, 2)] = None
    return {
        "constant": run(*[rate] * draw.integer(4, 6)),
        "cut": run(*[rate] * draw.integer(2, 4), *[cut] * draw.integer(2, 3)),
        "without": without,
        "saved": run(*[cut] * 7),
        "after": draw.integer(3, 5),  # so many steps before the state is taken
        "others": run(*[rate] * 2),
    }


def make_optimizer(answer, params, run, rate, inside, f):
    made = [f.parameter(np.array(array)) for array in params]
    return made, answer(list(made), rate, run.momentum, inside)


def step_on(optimizer, steps, f):
    for step in steps:
        optimizer.step([None if g is None else f.tensor(g) for g in step.gradients])


def step_at_their_rates(optimizer, steps, f):
    for step in steps:
        optimizer.rate = step.rate
        step_on(optimizer, [step], f)


def go_on_from_state(answer, given, inside, disturbed, f):
    """The parameters after a run whose second part is done by another optimizer.

    If it is disturbed, the first one goes on, and so does a third one, before that.
    """
    run, others = given.saved, given.others.steps
    other_rate = others[0].rate
    params, first = make_optimizer(answer, run.params, run, other_rate, inside, f)
    step_at_their_rates(first, run.steps[: given.after], f)
    values, state = f.arrays(params), first.state()
    if disturbed:
        step_at_their_rates(first, others, f)
        _, third = make_optimizer(answer, values, run, other_rate, inside, f)
        third.load(state)
        step_at_their_rates(third, others, f)
    params, second = make_optimizer(answer, values, run, other_rate, inside, f)
    second.load(state)
    step_on(second, run.steps[given.after :], f)  # the rate came with the state
    return params


INSIDE = {"inside=False": False, "inside=True": True}


def for_both(ends):
    return {name: attempt(lambda one=inside: ends(one)) for name, inside in INSIDE.items()}


def ends_of(answer, case, take, f):
    """Where a whole run ends; `take` takes the steps."""

    def ends(inside):
        rate = case.steps[0].rate
        params, optimizer = make_optimizer(answer, case.params, case, rate, inside, f)
        take(optimizer, case.steps, f)
        return params

    return for_both(ends)


def ends_by_hand(run):
    """Where a run ends: every gradient's share in every later step, added up."""

    def end(n, inside):
        steps = [step for step in run.steps if step.gradients[n] is not None]
        total = run.params[n].astype(np.float64)
        for s, step in enumerate(steps):
            shares = [
                (step if inside else later).rate * run.momentum**t
                for t, later in enumerate(steps[s:])
            ]
            total = total - sum(shares) * step.gradients[n].astype(np.float64)
        return total

    return {
        name: {f"params[{n}]": Stepped(one, end(n, inside)) for n, one in enumerate(run.params)}
        for name, inside in INSIDE.items()
    }


@MOMENTUM.shown
def shown_momentum(run):
    missing = [
        f"; step {s} has no gradient for params[{n}]"
        for s, step in enumerate(run.steps)
        for n, gradient in enumerate(step.gradients)
        if gradient is None
    ]
    rates = [step.rate for step in run.steps]
    return f"momentum {run.momentum}, rates {rates}{''.join(missing)}"


@MOMENTUM.aspect("a constant rate", 2, over="constant")
class ConstantRate(Aspect):
    hint = {
        "pytorch": "One velocity for each parameter, zero at first. The parameters are changed in "
        "place and off the record: under torch.no_grad().",
        "tensorflow": "One velocity for each parameter, zero at first. assign_sub changes a "
        "variable; w - ... is another tensor.",
    }
    what = "Parameters"
    expect = ends_by_hand

    def run(answer, case, f):
        return ends_of(answer, case, step_on, f)


class Rates(ConstantRate):
    def run(answer, case, f):
        return ends_of(answer, case, step_at_their_rates, f)


@MOMENTUM.aspect("a cut, with the rate outside", 1, over="cut", part="inside=False")
class RateOutside(Rates):
    hint = (
        "With inside=False the velocity is made of gradients alone, and the rate of the moment "
        "multiplies all of it."
    )


@MOMENTUM.aspect("a cut, with the rate inside", 1, over="cut", part="inside=True")
class RateInside(Rates):
    hint = (
        "With inside=True each gradient enters with the rate of its own step, and is multiplied by "
        "no other later."
    )


@MOMENTUM.aspect("no gradient", 1, over="without")
class NoGradient(Rates):
    hint = "None is not zero: neither the parameter moves nor does its velocity fade."


@MOMENTUM.aspect("going on from a state", 2)
class FromState(Aspect):
    """A state holds the velocity of each parameter, and the rate. The parameters are no part of it:
    load leaves the optimizer those that it was made with."""

    what = "Parameters"

    def run(answer, given, f):
        return for_both(lambda inside: go_on_from_state(answer, given, inside, False, f))

    def expect(given):
        return ends_by_hand(given.saved)

    def shown(given):
        return (
            f"{shown_momentum(given.saved)}; the state was taken after {given.after} steps and "
            "loaded into a new optimizer, made with another rate"
        )


@MOMENTUM.aspect("a state is a record", 1)
class Record(FromState):
    """A list that is handed out is the list itself, and a tensor that is changed in place changes
    wherever it is known. Copy when you save, and when you load."""

    def run(answer, given, f):
        return for_both(lambda inside: go_on_from_state(answer, given, inside, True, f))

    def shown(given):
        return (
            f"{shown_momentum(given.saved)}; the state was taken after {given.after} steps; then "
            "both went on, the old one and one that had loaded it"
        )


# -- training.batches ----------------------------------------------------------------------------

BATCHES = question("training.batches", "Batches in a new order, with noise", takes=any_class)
EPOCHS = 4


@BATCHES.inputs
def draw_batches(draw):
    size = draw.integer(4, 5)  # small: so many batches hardly keep their places by chance
    rows = size * draw.integer(14, 16) + draw.integer(1, size - 1)
    seeds = draw.rng.choice(2**20, 3, replace=False)
    return {
        "x": 10 * draw.data(rows, draw.integer(3, 5)),  # no noise hides which row it is
        "y": (np.arange(rows) + draw.integer(0, 1000)).astype(np.float32),
        "size": size,
        "noise": round(draw.number(0.3, 0.7, digits=4) * draw.choice([1, 5]), 4),  # and no square
        "seeds": [int(seed) for seed in seeds],
    }


def epoch_of(batches, given, f):
    """The batches of an epoch, which may never end."""
    found = []
    for batch in islice(batches, len(given.x) + 1):
        if not isinstance(batch, list | tuple) or len(batch) != 2:  # a tensor can be unpacked too
            raise WrongKind(f"A batch: a pair X, y is expected; {came_instead(batch)}.")
        for part in batch:
            if not hasattr(part, "numpy"):
                raise WrongKind(f"Pairs of tensors are expected; a batch holds {kind_of(part)}.")
        found.append(f.arrays(batch))
    return found


EPOCH = [[np.ndarray, np.ndarray]]


def rows_of(epoch, given):
    """The rows of an epoch in order, and what X came with them."""
    features, count = given.x.shape[1], len(given.y)
    for x, y in epoch:
        if y.ndim != 1 or x.shape != (len(y), features) or x.dtype.kind != "f":
            wanted = f"X of shape (n, {features}) and y of shape (n,) are expected"
            raise Unfit(f"A batch: {wanted}, got {x.shape} and {y.shape}.")
    x = np.concatenate([np.empty((0, features)), *(x for x, _ in epoch)])
    y = np.concatenate([np.empty(0), *(y for _, y in epoch)])
    order = y - float(given.y[0])
    strange = ~np.isin(order, np.arange(count))
    if strange.any():
        odd = y[np.argmax(strange)]
        raise Unfit(f"y, as it came with X: {odd:.4f} is none of the numbers that were given.")
    if not np.array_equal(np.sort(order), np.arange(count)):
        came = f"{len(order)} came, {len(np.unique(order))} of them different"
        raise Unfit(f"Rows in an epoch: each of the {count} is expected once; {came}.")
    if not np.all(np.isfinite(x)):
        raise Unfit("X holds values that are not finite numbers.")
    return order.astype(np.int64), x


def noise_by_row(given, order, x):
    """What was added to each row of X, as a multiple of the noise that was asked for."""
    noise = np.empty_like(x)
    noise[order] = x - given.x[order]
    return noise / given.noise


def batches_in_words(given, noise):
    rows, features = given.x.shape
    return f"{rows} rows of {features} features, size {given.size}, noise {noise}"


class PlainEpochs(Aspect):
    form = {"epochs": [EPOCH] * EPOCHS}

    def run(answer, given, f):
        batches = answer(given.x, given.y, given.size, 0.0, given.seeds[0])
        epochs = [epoch_of(batches, given, f) for _ in range(EPOCHS)]
        return {"epochs": epochs, "length": attempt(lambda: len(batches))}

    def shown(given):
        return batches_in_words(given, 0.0)


@BATCHES.aspect("every row once", 2)
class EveryRow(PlainEpochs):
    """Shuffle the numbers of the rows, and take X and y by them. What is left over at the end is a
    batch too. Each loop asks __iter__ for an epoch, which begins and ends."""

    def judge(given, found):
        size, rows = given.size, len(given.y)
        sizes = [size] * (rows // size) + [rows % size]
        for epoch in found["epochs"]:
            order, x = rows_of(epoch, given)
            compare([len(y) for _, y in epoch], sizes, "Rows in each batch")
            compare(x, given.x[order], "X, beside the rows that y names")
        if (error := error_in(found.get("length"))) is not None:
            return f"len(batches): {len(sizes)} is expected. {error}"
        compare(found.get("length"), len(sizes), "len(batches)")


@BATCHES.aspect("shuffled anew", 2)
class ShuffledAnew(PlainEpochs):
    """All row numbers are shuffled, again at the beginning of each epoch, before they are cut into
    batches. A generator that is made in __iter__ starts over each time."""

    def judge(given, found):
        rows = len(given.y)
        orders = [rows_of(epoch, given)[0] for epoch in found["epochs"]]
        far = np.mean([np.abs(order - np.arange(rows)).mean() for order in orders])
        together = np.mean([(np.abs(np.diff(order)) == 1).mean() for order in orders])
        if max((a == b).mean() for a, b in combinations(orders, 2)) > 0.4:
            return "Two epochs have the same order, or nearly."
        if far < rows / 5:  # a third is to be expected
            return (
                f"A row is {far:.1f} places from where it was, on average over {EPOCHS} epochs; "
                f"about {rows / 3:.0f} are to be expected."
            )
        if together > 0.3:
            return (
                f"Of the rows that come one after another {together:.0%} were neighbors before; "
                "few are to be expected."
            )


class NoisyEpochs(Aspect):
    def run(answer, given, f):
        arrays = [given.x, given.y]
        batches = answer(*arrays, given.size, given.noise, given.seeds[1])
        return {"epochs": [epoch_of(batches, given, f) for _ in range(EPOCHS)], "given": arrays}

    def shown(given):
        return f"{batches_in_words(given, given.noise)}; {EPOCHS} epochs"


@BATCHES.aspect("noise", 2)
class Noise(NoisyEpochs):
    """Draw an array of the shape of X in each epoch, from a generator that moves on, and add it to
    the X that was given. What NumPy draws inside a map of tf.data is drawn once, while the map is
    traced."""

    form = {"epochs": [EPOCH] * EPOCHS}

    def judge(given, found):
        z = [noise_by_row(given, *rows_of(epoch, given)) for epoch in found["epochs"]]
        need_normal(np.array(z), given.noise, mean=0.25, deviation=0.2, beyond=(0.01, 0.12))


@BATCHES.aspect("repeatable", 1)
class Repeatable(Aspect):
    """All that is random comes from the seed, through a generator that belongs to the object. The
    framework's own generator is everybody's."""

    form = {"turns": [[EPOCH, EPOCH]] * 2, "other": EPOCH}

    def run(answer, given, f):
        def make(seed):
            return answer(given.x, given.y, given.size, given.noise, seed)

        _, seed, third = given.seeds
        pair = [make(seed), make(seed)]
        turns = [[epoch_of(batches, given, f) for batches in pair] for _ in range(2)]
        return {"turns": turns, "other": epoch_of(make(third), given, f)}

    def judge(given, found):
        turns = [[rows_of(epoch, given) for epoch in pair] for pair in found["turns"]]
        for n, ((order, x), (order_again, x_again)) in enumerate(turns):
            what = f"Epoch {n} of a second object with the same seed"
            if not np.array_equal(order, order_again):
                return f"{what}: it has another order."
            compare(x_again, x, f"{what}, X", tolerance=1e-6)
        first, other = turns[0][0], rows_of(found["other"], given)
        between = noise_by_row(given, *first) - noise_by_row(given, *other)
        if (first[0] == other[0]).mean() > 0.4 or (np.abs(between) < 1e-4).mean() > 0.1:
            return "With another seed the same order came, or the same noise."

    def shown(given):
        return batches_in_words(given, given.noise)


@BATCHES.aspect("the arrays you were given", 1, part="given", after="every row once")
class ArraysGiven(NoisyEpochs):
    "+= changes the array, or the tensor that shares its memory; + makes a new one."

    tolerance = 1e-6

    def expect(given):
        return {"given": {"X afterwards": given.x, "y afterwards": given.y}}
