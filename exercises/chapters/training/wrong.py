"""Plausible wrong answers to the exercises on training loops.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

ONE, SEVERAL, RATE, HEAD = "one step", "several steps", "a new rate", "a new head"
LOSSES = "the losses"

STEPS, MATRICES, CONSTANT = "the steps", "outputs that are matrices", "the best constant"

SAME_RATE, NONE = "a constant rate", "no gradient"
OUTSIDE, INSIDE = "a cut, with the rate outside", "a cut, with the rate inside"
RESUMED, RECORD = "going on from a state", "a state is a record"

ROWS, SHUFFLED, NOISE = "every row once", "shuffled anew", "noise"
AGAIN, GIVEN = "repeatable", "the arrays you were given"


def _momentum(solution: dict[str, Any], zeros: Callable[..., Any]) -> Iterator[Wrong]:
    """Wrong answers to the third question that differ little between the frameworks."""
    Momentum = solution["Momentum"]

    def stepping(
        before=lambda self: self.rate if self.inside else 1.0,
        after=lambda self: 1.0 if self.inside else self.rate,
        velocity=lambda self, v, g: self.momentum * v + g,
        missing=lambda self, i: None,
    ):
        class Stepping(Momentum):
            def step(self, gradients):
                for i, g in enumerate(gradients):
                    if g is None:
                        missing(self, i)
                        continue
                    v = velocity(self, self.velocities[i], before(self) * g)
                    self.velocities[i] = v
                    zeros(self.params[i], after(self) * v)

        return Stepping

    always_outside = stepping(before=lambda self: 1.0, after=lambda self: self.rate)
    yield "training.momentum", "always outside", always_outside, {INSIDE}
    always_inside = stepping(before=lambda self: self.rate, after=lambda self: 1.0)
    yield "training.momentum", "always inside", always_inside, {OUTSIDE}
    swapped = stepping(
        before=lambda self: 1.0 if self.inside else self.rate,
        after=lambda self: self.rate if self.inside else 1.0,
    )
    yield "training.momentum", "swapped", swapped, {OUTSIDE, INSIDE}
    averaged = stepping(velocity=lambda self, v, g: self.momentum * v + (1 - self.momentum) * g)
    every = {SAME_RATE, OUTSIDE, INSIDE, NONE, RESUMED, RECORD}
    yield "training.momentum", "an average of gradients", averaged, every

    def fade(self, i):
        self.velocities[i] = self.momentum * self.velocities[i]

    yield "training.momentum", "None fades the velocity", stepping(missing=fade), {NONE}

    def roll(self, i):
        fade(self, i)
        zeros(self.params[i], (1.0 if self.inside else self.rate) * self.velocities[i])

    yield "training.momentum", "None taken for zero", stepping(missing=roll), {NONE}

    class NoNone(Momentum):
        def step(self, gradients):
            if any(g is None for g in gradients):
                return
            super().step(gradients)

    yield "training.momentum", "no step at all where one is missing", NoNone, {NONE}

    class FirstRate(Momentum):
        def __init__(self, params, rate, momentum, inside):
            super().__init__(params, rate, momentum, inside)
            self.first = rate

        def step(self, gradients):
            now, self.rate = self.rate, self.first
            super().step(gradients)
            self.rate = now

    fails = {OUTSIDE, INSIDE, RESUMED, RECORD}
    yield "training.momentum", "the first rate for ever", FirstRate, fails

    class OneVelocity(Momentum):
        def step(self, gradients):
            last = len(self.params) - 1
            super().step(gradients)
            self.velocities[last] = self.velocities[last - 1]

    yield "training.momentum", "one velocity for two", OneVelocity, every

    class Forgetful(Momentum):
        def state(self):
            return None, self.rate

        def load(self, state):
            self.rate = state[1]

    yield "training.momentum", "the velocities forgotten", Forgetful, {RESUMED, RECORD}

    class NoRate(Momentum):
        def load(self, state):
            self.velocities = list(state[0])

    yield "training.momentum", "the rate forgotten", NoRate, {RESUMED, RECORD}

    class Handed(Momentum):
        def state(self):
            return self.velocities, self.rate

    yield "training.momentum", "the list itself handed out", Handed, {RECORD}

    class Taken(Momentum):
        def load(self, state):
            self.velocities, self.rate = state

    yield "training.momentum", "the list itself taken in", Taken, {RECORD}

    class Itself(Momentum):
        def state(self):
            return vars(self)

        def load(self, state):
            self.velocities, self.rate = list(state["velocities"]), state["rate"]

    yield "training.momentum", "vars", Itself, {RECORD}

    class Whole(Momentum):
        def state(self):
            return deepcopy(vars(self))

        def load(self, state):
            vars(self).update(deepcopy(state))

    yield "training.momentum", "the parameters saved too", Whole, {RESUMED, RECORD}


def _batches(tensor: Callable[..., Any], solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers to the fourth question, written with NumPy."""
    import numpy as np

    def feeding(
        order=lambda self, rng: rng.permutation(len(self.X)),
        noise=lambda self, rng: rng.normal(0, self.noise, self.X.shape),
        cut=lambda self, rows: [rows[i : i + self.size] for i in range(0, len(rows), self.size)],
        again=False,
        one=None,
        length=0,
        other_y=False,
        in_place=False,
        wrap=tensor,
        noisy_y=False,
        pair=lambda X, y: (X, y),
    ):
        class Feeding:
            def __init__(self, X, y, size, noise, seed):
                self.X, self.y, self.size, self.noise, self.seed = X, y, size, noise, seed
                self.rng = one or np.random.default_rng(seed)

            def __len__(self):
                return -(-len(self.X) // self.size) + length

            def __iter__(self):
                rng = np.random.default_rng(self.seed) if again else self.rng
                rows = order(self, rng)
                ys = rng.permutation(rows) if other_y else rows
                if in_place:
                    self.X += noise(self, rng)
                    noisy = self.X
                else:
                    noisy = self.X + noise(self, rng)
                for mine, theirs in zip(cut(self, rows), cut(self, ys), strict=True):
                    y = self.y[theirs]
                    if noisy_y:
                        y = y + rng.normal(0, self.noise, len(y)).astype(np.float32)
                    yield pair(wrap(noisy[mine].astype(np.float32)), wrap(y))

        return Feeding

    name = "training.batches"
    every = {ROWS, SHUFFLED, NOISE, AGAIN, GIVEN}
    yield name, "the generator anew in each epoch", feeding(again=True), {SHUFFLED, NOISE}
    everybody = feeding(one=np.random.default_rng(0))
    yield name, "everybody's generator", everybody, {AGAIN}
    in_order = feeding(order=lambda self, rng: np.arange(len(self.X)))
    yield name, "in order", in_order, {SHUFFLED, AGAIN}

    def one_order(self, rng):
        self.kept = getattr(self, "kept", rng.permutation(len(self.X)))
        return self.kept

    yield name, "shuffled once", feeding(order=one_order), {SHUFFLED}

    def buffered(self, rng):
        buffer, order = [], []
        for row in range(len(self.X)):
            buffer.append(row)
            if len(buffer) > self.size:
                order.append(buffer.pop(rng.integers(len(buffer))))
        return np.array(order + list(rng.permutation(buffer)))

    yield name, "a small buffer", feeding(order=buffered), {SHUFFLED}

    def whole_batches(self, rng):
        rows = np.arange(len(self.X))
        parts = [rows[i : i + self.size] for i in range(0, len(rows), self.size)]
        last = parts.pop()
        return np.concatenate([*(parts[i] for i in rng.permutation(len(parts))), last])

    yield name, "whole batches change places", feeding(order=whole_batches), {SHUFFLED}
    drawn = feeding(order=lambda self, rng: rng.integers(0, len(self.X), len(self.X)))
    yield name, "rows drawn with replacement", drawn, every
    parted = feeding(other_y=True)
    yield name, "X and y shuffled apart", parted, {ROWS, NOISE, GIVEN}

    def full(self, rows):
        whole = len(rows) // self.size * self.size
        return [rows[i : i + self.size] for i in range(0, whole, self.size)]

    yield name, "the short batch dropped", feeding(cut=full, length=-1), every
    counted = feeding(length=-1)
    yield name, "the short batch not counted", counted, {ROWS, GIVEN}
    point = feeding(length=0.0)
    yield name, "a number of batches with a point", point, {ROWS, GIVEN}
    yield name, "arrays of NumPy's", feeding(wrap=np.array), every
    yield name, "X alone", feeding(pair=lambda X, y: X), every
    yield name, "noise on y as well", feeding(noisy_y=True), {NOISE, AGAIN}
    for_row = feeding(noise=lambda self, rng: rng.normal(0, self.noise, (len(self.X), 1)))
    yield name, "a number for each row", for_row, {NOISE}
    for_feature = feeding(noise=lambda self, rng: rng.normal(0, self.noise, self.X.shape[1]))
    yield name, "a number for each feature", for_feature, {NOISE}
    variance = feeding(noise=lambda self, rng: rng.normal(0, self.noise**2, self.X.shape))
    yield name, "the noise squared", variance, {NOISE}
    uniform = feeding(
        noise=lambda self, rng: rng.uniform(-(3**0.5), 3**0.5, self.X.shape) * self.noise
    )
    yield name, "uniform noise", uniform, {NOISE}
    frozen = feeding(
        noise=lambda self, rng: np.random.default_rng(self.seed).normal(0, self.noise, self.X.shape)
    )
    yield name, "the same noise in each epoch", frozen, {NOISE}
    in_place = feeding(in_place=True)
    yield name, "in place", in_place, {NOISE, GIVEN}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    def trainer(order="clear backward step", rate=True, head=True, item=True, grouped=False):
        class Trainer:
            def __init__(self, body, head, rate):
                self.body, self.head, self.rate = body, head, rate
                self.optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=rate)

            def __setattr__(self, name, value):
                super().__setattr__(name, value)
                if name == "head" and head and hasattr(self, "optimizer"):
                    params = [] if head == "alone" else list(self.body.parameters())
                    params += list(value.parameters())
                    self.optimizer = torch.optim.SGD(params, lr=self.rate)

            def step(self, X, Y):
                for group in self.optimizer.param_groups if rate else ():
                    group["lr"] = self.rate
                loss = F.mse_loss(self.head(torch.tanh(self.body(X))), Y)
                for word in order.split():
                    {
                        "clear": self.optimizer.zero_grad,
                        "backward": loss.backward,
                        "step": self.optimizer.step,
                    }[word]()
                if item == "after":
                    loss = F.mse_loss(self.head(torch.tanh(self.body(X))), Y)
                return loss.item() if item else loss

        return Trainer

    every = {ONE, SEVERAL, RATE, HEAD, LOSSES}
    between = trainer(order="backward clear step")
    yield "training.stuck", "cleared between backward and step", between, every
    never = trainer(order="backward step")
    yield "training.stuck", "never cleared", never, {SEVERAL, RATE, HEAD, LOSSES}
    yield "training.stuck", "the first rate for ever", trainer(rate=False), {RATE}
    yield "training.stuck", "the old head held", trainer(head=False), {HEAD}
    alone = trainer(head="alone")
    yield "training.stuck", "the new head alone", alone, {HEAD}
    yield "training.stuck", "tensors for losses", trainer(item=False), {LOSSES}
    yield "training.stuck", "the loss after the step", trainer(item="after"), {LOSSES}
    mended = trainer(rate=False, head=False)
    yield "training.stuck", "only the order mended", mended, {RATE, HEAD}

    class OldGradients:
        """The new head is added, the old one stays, with the gradient that it had last."""

        def __init__(self, body, head, rate):
            self.body, self.head, self.rate = body, head, rate
            self.optimizer = torch.optim.SGD(body.parameters(), lr=rate)
            self.there = []

        def step(self, X, Y):
            if all(self.head is not one for one in self.there):
                self.there.append(self.head)
                self.optimizer.add_param_group({"params": [*self.head.parameters()]})
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate
            for one in (self.body, self.head):
                one.zero_grad()
            loss = F.mse_loss(self.head(torch.tanh(self.body(X))), Y)
            loss.backward()
            self.optimizer.step()
            return loss.item()

    yield "training.stuck", "the old head moves on", OldGradients, {HEAD}

    def train(
        loss_of=lambda P, Y: (P - Y).square().sum() / len(Y),
        rate_for=lambda rate, Y: rate,
        weigh=lambda X: len(X),
        number=lambda loss: loss.item(),
        constant=lambda Y: (Y - Y.mean(0)).square().sum().item() / len(Y),
        last_epoch=False,
    ):
        def loop(net, batches, rate, epochs):
            optimizer, losses = torch.optim.SGD(net.parameters(), lr=rate), []
            for _ in range(epochs):
                total = seen = 0
                for X, Y in batches:
                    optimizer.param_groups[0]["lr"] = rate_for(rate, Y)
                    optimizer.zero_grad()
                    loss = loss_of(net(X), Y)
                    loss.backward()
                    optimizer.step()
                    if last_epoch:
                        with torch.no_grad():
                            loss = loss_of(net(X), Y)
                    total, seen = total + weigh(X) * number(loss), seen + weigh(X)
                losses.append(total / seen)
            return losses, constant(torch.cat([Y for _, Y in batches]))

        return loop

    all_of_it = {STEPS, MATRICES, LOSSES}
    yield "training.recipe", "the mean left", train(F.mse_loss), all_of_it
    rate_only = train(F.mse_loss, rate_for=lambda rate, Y: rate * Y[0].numel())
    yield "training.recipe", "the rate mended, and not the losses", rate_only, {LOSSES}
    last_axis = train(lambda P, Y: (P - Y).square().sum(-1).mean())
    yield "training.recipe", "summed over the last axis", last_axis, {MATRICES, LOSSES}
    whole = train(lambda P, Y: (P - Y).square().sum())
    yield "training.recipe", "summed over the examples too", whole, all_of_it
    means = train(weigh=lambda X: 1)
    yield "training.recipe", "the mean of the means", means, {LOSSES}
    tensors = train(number=lambda loss: loss.detach())
    yield "training.recipe", "tensors for losses", tensors, {LOSSES}
    later = train(last_epoch=True)
    yield "training.recipe", "measured after the step", later, {LOSSES}
    halved = train(lambda P, Y: (P - Y).square().sum() / len(Y) / 2)
    yield "training.recipe", "half the squares", halved, all_of_it
    zero = train(constant=lambda Y: Y.square().sum().item() / len(Y))
    yield "training.recipe", "zero for the best constant", zero, {CONSTANT}
    scalar = train(constant=lambda Y: (Y - Y.mean()).square().sum().item() / len(Y))
    yield "training.recipe", "one number for all outputs", scalar, {CONSTANT}
    averaged = train(constant=lambda Y: (Y - Y.mean(0)).square().mean().item())
    yield "training.recipe", "the constant on another scale", averaged, {CONSTANT}
    as_tensor = train(constant=lambda Y: (Y - Y.mean(0)).square().sum() / len(Y))
    yield "training.recipe", "a tensor for the constant", as_tensor, {CONSTANT}

    def losses_alone(*given):
        return train()(*given)[0]

    yield "training.recipe", "the losses alone", losses_alone, {LOSSES, CONSTANT}

    def moved(param, by):
        with torch.no_grad():
            param -= by

    yield from _momentum(solution, moved)

    class InPlace(solution["Momentum"]):
        @torch.no_grad()
        def step(self, gradients):
            for p, v, g in zip(self.params, self.velocities, gradients, strict=True):
                if g is not None:
                    v.mul_(self.momentum).add_(g, alpha=self.rate if self.inside else 1)
                    p.sub_(v, alpha=1 if self.inside else self.rate)

    yield "training.momentum", "tensors changed in place", InPlace, {RECORD}

    class NewOnes(solution["Momentum"]):
        @torch.no_grad()
        def step(self, gradients):
            held = self.params
            self.params = [p.clone() for p in held]
            super().step(gradients)

    fails = {SAME_RATE, OUTSIDE, INSIDE, NONE, RESUMED, RECORD}
    yield "training.momentum", "other tensors", NewOnes, fails

    yield from _batches(torch.tensor, solution)

    class Global:
        def __init__(self, X, y, size, noise, seed):
            torch.manual_seed(seed)
            self.noise = noise
            rows = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
            self.loader = DataLoader(rows, size, shuffle=True)

        def __len__(self):
            return len(self.loader)

        def __iter__(self):
            for X, y in self.loader:
                yield X + self.noise * torch.randn_like(X), y

    yield "training.batches", "the framework's generator", Global, {AGAIN}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    class Traced:
        def __init__(self, body, head, rate):
            self.body, self.head, self.rate = body, head, rate

        @tf.function
        def graph(self, X, Y):
            weights = self.body.trainable_variables + self.head.trainable_variables
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self.head(tf.tanh(self.body(X))) - Y) ** 2)
            for w, g in zip(weights, tape.gradient(loss, weights), strict=True):
                w.assign_sub(self.rate * g)
            return loss

        def step(self, X, Y):
            return float(self.graph(X, Y))

    yield "training.stuck", "traced, with all that self held", Traced, {RATE, HEAD}

    class TensorLosses(solution["Trainer"]):
        def step(self, X, Y):
            return tf.constant(super().step(X, Y))

    yield "training.stuck", "tensors for losses", TensorLosses, {LOSSES}

    def trainer(weights=lambda self: self.body.trainable_variables + self.head.trainable_variables,
                held=False, copies=False, rate=lambda self: self.rate, after=False):  # fmt: skip
        class Trainer:
            def __init__(self, body, head, rate):
                self.body, self.head, self.rate = body, head, rate
                self.first, self.first_rate = weights(self), rate
                self.first_head = head

            def loss(self, X, Y):
                head = self.first_head if held == "head" else self.head
                return tf.reduce_mean((head(tf.tanh(self.body(X))) - Y) ** 2)

            def step(self, X, Y):
                mine = self.first if held else weights(self)
                with tf.GradientTape() as tape:
                    loss = self.loss(X, Y)
                gradients = tape.gradient(loss, mine)
                targets = [tf.Variable(w) for w in mine] if copies else mine
                for w, g in zip(targets, gradients, strict=True):
                    if g is not None:
                        w.assign_sub(rate(self) * g)
                return float(self.loss(X, Y) if after else loss)

        return Trainer

    every = {ONE, SEVERAL, RATE, HEAD, LOSSES}
    yield "training.stuck", "copies updated", trainer(copies=True), every
    held = trainer(held=True)
    yield "training.stuck", "the old head's weights held", held, {HEAD}
    old = trainer(held="head")
    yield "training.stuck", "the old head used", old, {HEAD}
    first = trainer(rate=lambda self: self.first_rate)
    yield "training.stuck", "the first rate for ever", first, {RATE}
    head_only = trainer(weights=lambda self: self.head.trainable_variables)
    yield "training.stuck", "the head alone", head_only, every
    yield "training.stuck", "the loss after the step", trainer(after=True), {LOSSES}

    class Optimizer(solution["Trainer"]):
        """One optimizer of Keras's for all time."""

        def __init__(self, body, head, rate):
            super().__init__(body, head, rate)
            self.optimizer = keras.optimizers.SGD(rate)

        def step(self, X, Y):
            weights = self.body.trainable_variables + self.head.trainable_variables
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self.head(tf.tanh(self.body(X))) - Y) ** 2)
            self.optimizer.apply(tape.gradient(loss, weights), weights)
            return float(loss)

    yield "training.stuck", "one optimizer of Keras's", Optimizer, {RATE, HEAD}

    mean = keras.losses.MeanSquaredError()

    def train(
        loss_of=lambda P, Y: tf.reduce_sum((P - Y) ** 2) / len(Y),
        rate_for=lambda rate, Y: rate,
        weigh=lambda X: len(X),
        number=float,
        constant=lambda Y: float(tf.reduce_sum((Y - tf.reduce_mean(Y, 0)) ** 2)) / len(Y),
        after=False,
    ):
        def loop(net, batches, rate, epochs):
            losses = []
            for _ in range(epochs):
                total = seen = 0
                for X, Y in batches:
                    with tf.GradientTape() as tape:
                        loss = loss_of(net(X), Y)
                    weights = net.trainable_variables
                    for w, g in zip(weights, tape.gradient(loss, weights), strict=True):
                        w.assign_sub(rate_for(rate, Y) * g)
                    loss = loss_of(net(X), Y) if after else loss
                    total, seen = total + weigh(X) * number(loss), seen + weigh(X)
                losses.append(total / seen)
            return losses, constant(tf.concat([Y for _, Y in batches], 0))

        return loop

    def mean_of(P, Y):
        return mean(Y, P)

    all_of_it = {STEPS, MATRICES, LOSSES}
    yield "training.recipe", "the mean left", train(mean_of), all_of_it
    rate_only = train(mean_of, rate_for=lambda rate, Y: rate * int(tf.size(Y[0])))
    yield "training.recipe", "the rate mended, and not the losses", rate_only, {LOSSES}
    last_axis = train(lambda P, Y: tf.reduce_mean(tf.reduce_sum((P - Y) ** 2, axis=-1)))
    yield "training.recipe", "summed over the last axis", last_axis, {MATRICES, LOSSES}
    whole = train(lambda P, Y: tf.reduce_sum((P - Y) ** 2))
    yield "training.recipe", "summed over the examples too", whole, all_of_it
    means = train(weigh=lambda X: 1)
    yield "training.recipe", "the mean of the means", means, {LOSSES}
    tensors = train(number=lambda loss: loss)
    yield "training.recipe", "tensors for losses", tensors, {LOSSES}
    yield "training.recipe", "measured after the step", train(after=True), {LOSSES}
    zero = train(constant=lambda Y: float(tf.reduce_sum(Y**2)) / len(Y))
    yield "training.recipe", "zero for the best constant", zero, {CONSTANT}
    scalar = train(constant=lambda Y: float(tf.reduce_sum((Y - tf.reduce_mean(Y)) ** 2)) / len(Y))
    yield "training.recipe", "one number for all outputs", scalar, {CONSTANT}
    averaged = train(constant=lambda Y: float(tf.reduce_mean((Y - tf.reduce_mean(Y, 0)) ** 2)))
    yield "training.recipe", "the constant on another scale", averaged, {CONSTANT}
    as_tensor = train(constant=lambda Y: tf.reduce_sum(tf.math.reduce_variance(Y, axis=0)))
    yield "training.recipe", "a tensor for the constant", as_tensor, {CONSTANT}

    def losses_alone(*given):
        return train()(*given)[0]

    yield "training.recipe", "the losses alone", losses_alone, {LOSSES, CONSTANT}

    yield from _momentum(solution, lambda param, by: param.assign_sub(by))

    class Variables(solution["Momentum"]):
        def __init__(self, params, rate, momentum, inside):
            super().__init__(params, rate, momentum, inside)
            self.velocities = [tf.Variable(v) for v in self.velocities]

        def step(self, gradients):
            for p, v, g in zip(self.params, self.velocities, gradients, strict=True):
                if g is not None:
                    v.assign(self.momentum * v + (self.rate * g if self.inside else g))
                    p.assign_sub(v if self.inside else self.rate * v)

    yield "training.momentum", "variables handed out", Variables, {RECORD}

    class Subtracted(solution["Momentum"]):
        def step(self, gradients):
            self.params = [tf.Variable(p) for p in self.params]
            super().step(gradients)

    fails = {SAME_RATE, OUTSIDE, INSIDE, NONE, RESUMED, RECORD}
    yield "training.momentum", "other variables", Subtracted, fails

    yield from _batches(tf.constant, solution)

    class Frozen:
        """NumPy's generator inside a map."""

        def __init__(self, X, y, size, noise, seed):
            rng = np.random.default_rng(seed)
            data = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(len(X), seed=seed)
            self.data = data.map(lambda x, y: (x + rng.normal(0, noise, x.shape), y)).batch(size)

        def __len__(self):
            return len(self.data)

        def __iter__(self):
            return iter(self.data)

    yield "training.batches", "NumPy's generator inside a map", Frozen, {NOISE}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
