"""Questions of the chapter *Training loops and data loading*.

Where the student takes steps, the judge takes them with NumPy in double precision, or adds up in
one formula what the steps come to. What is random is judged by its properties.
"""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np
from d2lexercises.faults import attempt, error_in
from d2lexercises.kinds import came_instead, kind_of, one_number
from d2lexercises.networks import data_in_words, tensor_of
from d2lexercises.samples import need_normal
from d2lexercises.vocabulary import (
    Aspect,
    Number,
    Stepped,
    Unfit,
    WrongKind,
    any_class,
    compare,
    free_text,
    function,
    question,
)


def losses_by_hand(values):
    """Plain numbers, as near as calculation in float32 allows."""
    absolute = 1e-4 * max(1.0, *np.abs(values))
    return [Number(float(value), absolute=absolute, plain=True) for value in values]


def rate_by_hand(step, peak, warmup, steps):
    """The learning rate of a step: linear up to the peak, then half a cosine down to zero."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = min((step - warmup) / (steps - warmup), 1)
    return peak * (1 + np.cos(np.pi * done)) / 2


# -- training.schedule -------------------------------------------------------------------------

SCHEDULE = question(
    "training.schedule", "Warm-up and a cosine", takes=function, minutes=5, difficulty=1
)


@SCHEDULE.inputs
def draw_schedule(draw):
    warmup = draw.integer(4, 9)
    return {
        "peak": draw.number(0.01, 0.5, digits=4),
        "warmup": warmup,
        "steps": warmup + draw.integer(20, 40),
        "beyond": draw.integer(2, 9),
    }


def rates_of(answer, given, warmup, steps):
    return [float(one_number(answer(step, given.peak, warmup, given.steps))) for step in steps]


class Rates(Aspect):
    what = "Rate"

    def shown(given):
        return f"peak = {given.peak}, warmup = {given.warmup}, steps = {given.steps}"


def rates_by_hand(given, warmup, steps):
    return [
        Number(float(rate_by_hand(step, given.peak, warmup, given.steps)), absolute=1e-9)
        for step in steps
    ]


@SCHEDULE.aspect("the warm-up", 1)
class WarmUp(Rates):
    """The first of the warm-up steps is number 0, and its rate is not zero. The last of them has
    the peak."""

    code = "peak * (step + 1) / warmup"

    def run(answer, given, f):
        return rates_of(answer, given, given.warmup, range(given.warmup))

    def expect(given):
        return rates_by_hand(given, given.warmup, range(given.warmup))


@SCHEDULE.aspect("the cosine", 2)
class Cosine(Rates):
    """The cosine begins after the warm-up, with the peak, and covers the steps that are left."""

    code = "done = (step - warmup) / (steps - warmup); half of 1 + cos(pi * done), times the peak"

    def run(answer, given, f):
        return rates_of(answer, given, given.warmup, range(given.warmup, given.steps))

    def shown(given):
        return f"{Rates.shown(given)}; Rate 0 is that of step {given.warmup}"

    def expect(given):
        return rates_by_hand(given, given.warmup, range(given.warmup, given.steps))


@SCHEDULE.aspect("no warm-up", 1)
class NoWarmUp(Rates):
    """With a warm-up of 0 steps, step 0 belongs to the cosine, and nothing is divided by zero."""

    def run(answer, given, f):
        return rates_of(answer, given, 0, range(given.steps))

    def expect(given):
        return rates_by_hand(given, 0, range(given.steps))

    def shown(given):
        return f"peak = {given.peak}, warmup = 0, steps = {given.steps}"


@SCHEDULE.aspect("beyond the end", 1, after="the cosine")
class BeyondTheEnd(Rates):
    """A cosine that goes on after the last step rises again."""

    code = "min(done, 1)"

    def run(answer, given, f):
        later = range(given.steps, given.steps + given.beyond)
        return rates_of(answer, given, given.warmup, later)

    def expect(given):
        later = range(given.steps, given.steps + given.beyond)
        return rates_by_hand(given, given.warmup, later)

    def shown(given):
        return f"{Rates.shown(given)}; Rate 0 is that of step {given.steps}"


# -- training.batches ----------------------------------------------------------------------------

BATCHES = question(
    "training.batches",
    "Batches in a new order, with noise",
    takes=any_class,
    minutes=25,
    difficulty=1,
)
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


# -- training.stuck ----------------------------------------------------------------------------

STUCK = question(
    "training.stuck",
    "A loss that repeats to the last digit",
    takes=any_class,
    minutes=20,
    difficulty=2,
)


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


# -- training.momentum ---------------------------------------------------------------------------

MOMENTUM = question(
    "training.momentum",
    "Momentum, with a memory",
    takes=any_class,
    minutes=30,
    difficulty=2,
)


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


class CutRates(ConstantRate):
    def run(answer, case, f):
        return ends_of(answer, case, step_at_their_rates, f)


@MOMENTUM.aspect("a cut, with the rate outside", 1, over="cut", part="inside=False")
class RateOutside(CutRates):
    hint = (
        "With inside=False the velocity is made of gradients alone, and the rate of the moment "
        "multiplies all of it."
    )


@MOMENTUM.aspect("a cut, with the rate inside", 1, over="cut", part="inside=True")
class RateInside(CutRates):
    hint = (
        "With inside=True each gradient enters with the rate of its own step, and is multiplied by "
        "no other later."
    )


@MOMENTUM.aspect("no gradient", 1, over="without")
class NoGradient(CutRates):
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


# -- training.overfit --------------------------------------------------------------------------

OVERFIT = question(
    "training.overfit", "A loop that cannot overfit", takes=function, minutes=25, difficulty=2
)
FITS = 0.05  # the last loss; chance costs about 1.1 or more


@OVERFIT.inputs
def draw_overfit(draw):
    rows, inputs, classes = draw.integer(8, 12), draw.integer(6, 8), draw.integer(3, 5)
    labels = draw.until(
        lambda found: len(set(found)) == classes,
        lambda: draw.integers(0, classes - 1, rows),
    )
    return {
        "first": draw.dense(inputs, 32),
        "second": draw.dense(32, classes),
        "x": draw.data(rows, inputs),
        "y": np.array(labels, np.int64),
        "steps": draw.integer(45, 55),
        "rate": draw.number(0.04, 0.06, digits=4),
    }


def logits_by_hand(given):
    hidden = np.tanh(given.x.astype(float) @ given.first.kernel + given.first.bias)
    return hidden @ given.second.kernel + given.second.bias


def cross_entropy_by_hand(logits, labels):
    logits = logits - logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean())


class Overfitted(Aspect):
    def run(answer, given, f):
        parts = {
            "first": f.dense(**given.first),
            "tanh": f.activation("tanh"),
            "second": f.dense(**given.second),
        }
        net, x = f.named(parts, "net"), f.tensor(given.x)
        net(x)
        losses = answer(net, x, tensor_of(given.y, f), given.steps, given.rate)
        losses = list(losses) if isinstance(losses, list | tuple | np.ndarray) else losses
        return {"losses": losses, "outputs": f.array(net(x))}

    def shown(given):
        rows, inputs = given.x.shape
        return (
            f"{rows} rows of {inputs} inputs, {given.second.bias.size} classes, "
            f"{given.steps} steps, rate {given.rate}"
        )


def need_losses(given, found):
    """Raise `Unfit` unless there is one loss a step, the first one right and the last one low."""
    losses = found["losses"]
    if len(losses) != given.steps:
        raise Unfit(f"Losses: {given.steps} are expected, got {len(losses)}.")
    first = cross_entropy_by_hand(logits_by_hand(given), given.y)
    compare(losses[0], Number(first, absolute=5e-5), "Loss 0, before the first step")
    if not losses[-1] < FITS:
        raise Unfit(f"Last loss: below {FITS} is expected, got {losses[-1]:.3f}.")


@OVERFIT.aspect("the losses", 3)
class OverfitLosses(Overfitted):
    """Compare the first loss with the cross-entropy of the untrained network, and the last one with
    zero. Then ask of each line what the batch, the weights and the loss are after it."""

    code = {
        "pytorch": "F.cross_entropy takes logits. A row keeps its label. Print the largest weight.",
        "tensorflow": "from_logits=True takes logits. A row keeps its label. Print the largest "
        "weight.",
    }
    form = {"losses": [float]}

    def judge(given, found):
        need_losses(given, found)


@OVERFIT.aspect("the network", 3, after="the losses")
class OverfitNetwork(Overfitted):
    "The network that was given is the one that fits the batch: each row gets its own label."

    form = {"outputs": np.ndarray}

    def judge(given, found):
        outputs = found["outputs"]
        if outputs.shape != (len(given.y), given.second.bias.size):
            raise Unfit(f"Outputs of net afterwards: shape {outputs.shape}.")
        right = int((outputs.argmax(axis=1) == given.y).sum())
        if right < len(given.y):
            return f"{right} of {len(given.y)} rows get their label from net afterwards."


# -- training.workers --------------------------------------------------------------------------

WORKERS = free_text("training.workers", "Two kinds of slow loaders", 4, minutes=25, difficulty=2)


# -- training.train ----------------------------------------------------------------------------

TRAIN = question("training.train", "The whole loop", takes=function, minutes=150, difficulty=3)
LARGE = 1e6  # no norm reaches it


@TRAIN.inputs
def draw_train(draw):
    def case(sizes, *, warmup=0, decay=0.0, epochs=2, spread=1.0):
        inputs, hidden, outputs = draw.integer(3, 4), draw.integer(4, 6), draw.integer(2, 3)

        def piece(rows, size):
            return [draw.data(rows, inputs), size * (1 + draw.data(rows, outputs))]

        scales = [spread ** ((n % 3) - 1) for n in range(len(sizes))]
        return {
            "first": draw.dense(inputs, hidden),
            "second": draw.dense(hidden, outputs),
            "batches": [
                [piece(rows, scale) for rows in batch]
                for batch, scale in zip(sizes, scales, strict=True)
            ],
            "epochs": epochs,
            "peak": draw.number(0.02, 0.06, digits=4),
            "warmup": warmup,
            "decay": decay,
            "clip": LARGE,
        }

    def clipped():
        """Norms far apart, and a limit between them."""
        found = case([[6], [5], [7], [6]], spread=4.0)
        norms = sorted(norm for _, norm in TrainByHand(found).run())
        found["clip"] = round(float(norms[len(norms) // 2 - 1] * 0.7), 4)
        return found

    def apart(found):
        norms = [norm for _, norm in TrainByHand(found).run()]
        return min(norms) < 0.7 * found["clip"] and max(norms) > 2 * found["clip"]

    def sound(found):
        """No gradient of the first step is so small that epsilon, which may differ, matters."""
        by_hand = TrainByHand(found)
        by_hand.run()
        return by_hand.smallest > 1e-3

    def drawn(*arguments, **named):
        return draw.until(sound, lambda: case(*arguments, **named))

    return {
        "plain": drawn([[6], [5], [7]]),
        "warmed": drawn([[5], [6], [5]], warmup=draw.integer(3, 4)),
        "decayed": drawn([[6], [7]], decay=draw.number(2.0, 4.0)),
        "clipped": draw.until(lambda found: apart(found) and sound(found), clipped),
        "pieces": drawn([[6, 5, 1], [7], [2, 8]], spread=2.0),
    }


class TrainByHand:
    """The training run, with NumPy in double precision."""

    def __init__(self, case):
        self.case = case
        parts = [case["first"], case["second"]]
        self.values = [part[key].astype(np.float64) for part in parts for key in ("kernel", "bias")]

    def gradients(self, x, y):
        """The loss of these rows, and its gradients."""
        kernel, bias, second, last = self.values
        hidden = np.tanh(x @ kernel + bias)
        errors = hidden @ second + last - y
        back = 2 * errors / errors.size
        below = (back @ second.T) * (1 - hidden**2)
        found = [x.T @ below, below.sum(0), hidden.T @ back, back.sum(0)]
        return float(np.square(errors).mean()), found

    def run(self):
        """The loss and the norm of each step."""
        case, record = self.case, []
        moments = [(np.zeros_like(v), np.zeros_like(v)) for v in self.values]
        batches = [batch for _ in range(case["epochs"]) for batch in case["batches"]]
        for step, batch in enumerate(batches, 1):
            x, y = (
                np.concatenate([piece[n] for piece in batch]).astype(np.float64) for n in (0, 1)
            )
            loss, gradients = self.gradients(x, y)
            norm = float(np.sqrt(sum(np.square(g).sum() for g in gradients)))
            record.append((loss, norm))
            if step == 1:
                scale = min(1.0, case["clip"] / norm)
                self.smallest = scale * min(np.abs(g).min() for g in gradients)
            rate = rate_by_hand(step - 1, case["peak"], case["warmup"], len(batches))
            for n, gradient in enumerate(gradients):
                g = gradient * min(1.0, case["clip"] / norm)
                first, square = moments[n]
                first, square = 0.9 * first + 0.1 * g, 0.999 * square + 0.001 * g**2
                moments[n] = first, square
                if self.values[n].ndim == 2:
                    self.values[n] = self.values[n] * (1 - rate * case["decay"])
                first, square = first / (1 - 0.9**step), square / (1 - 0.999**step)
                self.values[n] = self.values[n] - rate * first / (np.sqrt(square) + 1e-8)
        return record


class WholeLoop(Aspect):
    tolerance = 2e-3

    def run(answer, case, f):
        parts = {
            "first": f.dense(**case.first),
            "tanh": f.activation("tanh"),
            "second": f.dense(**case.second),
        }
        net = f.named(parts, "net")
        batches = [[tuple(f.tensor(a) for a in piece) for piece in batch] for batch in case.batches]
        net(batches[0][0][0])
        settings = (case.peak, case.warmup, case.decay, case.clip)
        record = answer(net, batches, case.epochs, *settings)
        weights = [f.dense_values(parts[name]) for name in ("first", "second")]
        return {"weights": weights, "record": record}

    def expect(case):
        by_hand = TrainByHand(case)
        before = [value.copy() for value in by_hand.values]
        record = by_hand.run()
        stepped = [Stepped(b, a) for b, a in zip(before, by_hand.values, strict=True)]
        weights = {
            "first": {"kernel": stepped[0], "bias": stepped[1]},
            "second": {"kernel": stepped[2], "bias": stepped[3]},
        }
        pairs = [
            [Number(float(value), relative=2e-3, absolute=2e-4, plain=True) for value in pair]
            for pair in record
        ]
        return {"weights": weights, "record": pairs}


@TRAIN.shown
def shown_train(case):
    sizes = [[len(y) for _, y in batch] for batch in case.batches]
    clip = "a large clip" if case.clip == LARGE else f"clip {case.clip}"
    return (
        f"pieces of {sizes} rows, {case.epochs} epochs, peak {case.peak}, warmup {case.warmup}, "
        f"decay {case.decay}, {clip}"
    )


@TRAIN.aspect("Adam under a cosine", 3, over="plain", part="weights")
class PlainTrain(WholeLoop):
    """Adam corrects both averages for their start at zero. The rate of each step comes from the
    schedule, which counts steps over all epochs."""

    code = "rate * (m / (1 - 0.9**t)) / (sqrt(v / (1 - 0.999**t)) + eps), with t from 1"


@TRAIN.aspect("warm-up", 1, over="warmed", part="weights")
class WarmedTrain(WholeLoop):
    """The rate of step 0 is peak / warmup, and the optimizer's step comes after the rate is set."""


@TRAIN.aspect("decay", 2, over="decayed", part="weights")
class DecayedTrain(WholeLoop):
    """Matrices are multiplied by 1 - rate * decay, with the rate of this step. Vectors are not, and
    the decay does not pass through Adam's averages."""

    code = {
        "pytorch": "Two parameter groups, by p.ndim, of AdamW.",
        "tensorflow": "AdamW, and exclude_from_weight_decay before it is built.",
    }


@TRAIN.aspect("clipping", 2, over="clipped", part="weights")
class ClippedTrain(WholeLoop):
    """One norm for all gradients together, one factor for all of them, and only where the norm is
    above the limit."""

    code = {
        "pytorch": "nn.utils.clip_grad_norm_(net.parameters(), clip)",
        "tensorflow": "tf.clip_by_global_norm(gradients, clip)",
    }


@TRAIN.aspect("pieces", 2, over="pieces", part="weights")
class PiecesTrain(WholeLoop):
    """The gradient of a batch is that of the mean over all its rows, so each piece counts by its
    rows."""

    code = "Weight the mean loss of a piece by len(X) / (rows of the batch)."


@TRAIN.aspect("the record", 2, over=("clipped", "pieces"), part="record")
class Recorded(WholeLoop):
    """For each step the loss of the whole batch before the step, and the norm before clipping, as
    plain numbers."""
