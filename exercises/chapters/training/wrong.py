"""Plausible wrong answers to the exercises on training loops.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

ONE, SEVERAL, RATE, HEAD = "one step", "several steps", "a new rate", "a new head"
LOSSES = "the losses"

RISE, FALL, NO_RISE, END = "the warm-up", "the cosine", "no warm-up", "beyond the end"

NETWORK = "the network"

PLAIN, WARMED, DECAYED = "Adam under a cosine", "warm-up", "decay"
CLIPPED, PIECES, RECORDED = "clipping", "pieces", "the record"

SAME_RATE, NONE = "a constant rate", "no gradient"
OUTSIDE, INSIDE = "a cut, with the rate outside", "a cut, with the rate inside"
RESUMED, RECORD = "going on from a state", "a state is a record"

ROWS, SHUFFLED, NOISE = "every row once", "shuffled anew", "noise"
AGAIN, GIVEN = "repeatable", "the arrays you were given"


def _schedules() -> Iterator[Wrong]:
    """Wrong schedules, in plain Python."""

    def scheduled(
        rise=lambda step, peak, warmup: peak * (step + 1) / warmup,
        fall=lambda share: (1 + math.cos(math.pi * share)) / 2,
        share=lambda step, warmup, steps: (step - warmup) / (steps - warmup),
        limit=lambda share: min(share, 1),
        first=lambda step, warmup: step < warmup,
    ):
        def rate(step, peak, warmup, steps):
            if first(step, warmup):
                return rise(step, peak, warmup)
            return peak * fall(limit(share(step, warmup, steps)))

        return rate

    name = "training.schedule"
    zero = scheduled(rise=lambda step, peak, warmup: peak * step / warmup)
    yield name, "the first rate is zero", zero, {RISE}
    late = scheduled(first=lambda step, warmup: step <= warmup)
    yield name, "a step of warm-up too many", late, {FALL, NO_RISE, END}
    from_zero = scheduled(share=lambda step, warmup, steps: step / steps)
    yield name, "a cosine from step 0", from_zero, {FALL, END}
    longer = scheduled(share=lambda step, warmup, steps: (step - warmup) / steps)
    yield name, "the warm-up not taken off", longer, {FALL, END}
    linear = scheduled(fall=lambda share: 1 - share)
    yield name, "a straight line", linear, {FALL, NO_RISE, END}
    quarter = scheduled(fall=lambda share: math.cos(math.pi * share / 2))
    yield name, "a quarter of a cosine", quarter, {FALL, NO_RISE, END}
    rising = scheduled(limit=lambda share: share)
    yield name, "it rises again", rising, {END}
    last = scheduled(share=lambda step, warmup, steps: (step - warmup) / (steps - warmup - 1))
    yield name, "zero one step early", last, {FALL, NO_RISE, END}
    factor = scheduled()

    def without_peak(step, peak, warmup, steps):
        return factor(step, 1.0, warmup, steps)

    yield name, "a factor without the peak", without_peak, {RISE, FALL, NO_RISE, END}

    def divided(step, peak, warmup, steps):
        rise = min((step + 1) / warmup, 1)
        return factor(step, peak, warmup, steps) if rise == 1 else peak * rise

    yield name, "a division by no warm-up", divided, {NO_RISE}


def _momentum(solution: dict[str, Any], zeros: Callable[..., Any]) -> Iterator[Wrong]:
    """Wrong answers on momentum that differ little between the frameworks."""
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
    """Wrong batches, written with NumPy."""
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


def _overfitting(
    overfit: Callable[..., Any], softmax: Callable[..., Any], tensor: Callable[..., Any]
) -> Iterator[Wrong]:
    """Loops that do not overfit one batch; `tensor` leaves a loss what it is."""
    name, both = "training.overfit", {LOSSES, NETWORK}
    yield name, "the decay left", overfit(decay=10.0), both
    yield name, "rows without their labels", overfit(shuffle=True), both
    yield name, "softmax twice", overfit(logits=softmax), both
    yield name, "the list of tensors left", overfit(number=tensor), both
    yield name, "a copy of the network", overfit(copied=True), {NETWORK}
    yield name, "a rate of nothing", overfit(rate_of=lambda rate: rate / 1000), both
    yield name, "the losses after the steps", overfit(after=True), both
    yield name, "the last bias alone", overfit(last=True), both
    yield name, "the last loss alone", lambda *given: overfit()(*given)[-1:], both
    yield name, "nothing returned", lambda *given: overfit()(*given) and None, both


def _loops(
    train: Callable[..., Any], rate_of: Callable[..., float], tensor: Callable[[float], Any]
) -> Iterator[Wrong]:
    """Whole loops with one thing wrong that both frameworks write alike."""
    name, whole = "training.train", {PLAIN, WARMED, DECAYED, CLIPPED, PIECES, RECORDED}
    yield name, "biases decay", train(decay=lambda p: True), {DECAYED}
    yield name, "no decay", train(decay=lambda p: False), {DECAYED}
    mean = train(weight=lambda Y, rows, pieces: 1 / pieces)
    yield name, "a mean of means", mean, {PIECES, RECORDED}
    total = train(weight=lambda Y, rows, pieces: 1.0)
    yield name, "a sum of means", total, {PIECES, RECORDED}
    yield name, "cleared before each piece", train(clear_pieces=True), {PIECES, RECORDED}
    per_epoch = train(step_of=lambda step, batches: step // batches)
    yield name, "a schedule of epochs", per_epoch, whole
    yield name, "the rate set after the step", train(late=True), whole
    constant = train(rate=lambda step, peak, warmup, steps: peak)
    yield name, "a constant rate", constant, whole
    cold = train(rate=lambda step, peak, warmup, steps: rate_of(step, peak, 0, steps))
    yield name, "no warm-up", cold, {WARMED}
    last_loss = train(loss_of=lambda losses, batch: losses[-1])
    yield name, "the loss of the last piece", last_loss, {RECORDED}
    tensors = train(loss_of=lambda losses, batch: tensor(sum(losses)))
    yield name, "tensors in the record", tensors, {RECORDED}


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

    yield from _schedules()

    def overfit(
        decay=0.0,
        shuffle=False,
        logits=lambda P: P,
        number=lambda loss: loss.item(),
        order="clear backward step",
        copied=False,
        rate_of=lambda rate: rate,
        after=False,
        last=False,
    ):
        def loop(net, X, y, steps, rate):
            net = deepcopy(net) if copied else net
            parameters = list(net.parameters())[-1:] if last else net.parameters()
            optimizer = torch.optim.AdamW(parameters, lr=rate_of(rate), weight_decay=decay)
            losses = []
            for _ in range(steps):
                rows = X[torch.randperm(len(X))] if shuffle else X
                loss = F.cross_entropy(logits(net(rows)), y)
                for word in order.split():
                    {
                        "clear": optimizer.zero_grad,
                        "backward": loss.backward,
                        "step": optimizer.step,
                    }[word]()
                if after:
                    loss = F.cross_entropy(net(X), y)
                losses.append(number(loss))
            return losses

        return loop

    yield from _overfitting(overfit, lambda P: P.softmax(1), lambda loss: loss.detach())
    both = {LOSSES, NETWORK}
    cleared = overfit(order="backward clear step")
    yield "training.overfit", "cleared before the step", cleared, both

    rate_of = solution["rate"]

    def train(
        decay=lambda p: p.ndim >= 2,
        kind=torch.optim.AdamW,
        clip=lambda net, limit: torch.nn.utils.clip_grad_norm_(net.parameters(), limit).item(),
        weight=lambda Y, rows, pieces: len(Y) / rows,
        step_of=lambda step, batches: step,
        rate=rate_of,
        clear_pieces=False,
        loss_of=lambda losses, batch: sum(losses),
        late=False,
    ):
        def loop(net, batches, epochs, peak, warmup, amount, limit):
            parameters = list(net.parameters())
            groups = [
                {"params": [p], "weight_decay": amount if decay(p) else 0.0} for p in parameters
            ]
            optimizer = kind(groups, lr=peak)
            steps, record = epochs * len(batches), []
            for _ in range(epochs):
                for batch in batches:
                    rows, losses = sum(len(Y) for _, Y in batch), []
                    optimizer.zero_grad()
                    for X, Y in batch:
                        if clear_pieces:
                            optimizer.zero_grad()
                        loss = F.mse_loss(net(X), Y) * weight(Y, rows, len(batch))
                        loss.backward()
                        losses.append(loss.item())
                    norm = clip(net, limit)
                    now = rate(step_of(len(record), len(batches)), peak, warmup, steps)
                    if not late:
                        for group in optimizer.param_groups:
                            group["lr"] = now
                    optimizer.step()
                    for group in optimizer.param_groups:
                        group["lr"] = now
                    record.append((loss_of(losses, batch), norm))
            return record

        return loop

    def each(net, limit):
        norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()]).item()
        for p in net.parameters():
            torch.nn.utils.clip_grad_norm_([p], limit)
        return norm

    def by_value(net, limit):
        norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()]).item()
        torch.nn.utils.clip_grad_value_(net.parameters(), limit)
        return norm

    def unclipped(net, limit):
        return torch.nn.utils.get_total_norm([p.grad for p in net.parameters()]).item()

    def norm_after(net, limit):
        torch.nn.utils.clip_grad_norm_(net.parameters(), limit)
        return unclipped(net, limit)

    yield "training.train", "an L2 penalty", train(kind=torch.optim.Adam), {DECAYED}
    for what, clip in (
        ("each parameter clipped apart", each),
        ("clipped by value", by_value),
        ("not clipped", unclipped),
    ):
        yield "training.train", what, train(clip=clip), {CLIPPED, RECORDED}
    yield "training.train", "the norm after clipping", train(clip=norm_after), {RECORDED}
    yield from _loops(train, rate_of, torch.tensor)

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

    yield from _schedules()

    def overfit(
        decay=None,
        shuffle=False,
        logits=lambda P: P,
        number=float,
        copied=False,
        rate_of=lambda rate: rate,
        after=False,
        last=False,
    ):
        def loop(net, X, y, steps, rate):
            if copied:
                twin = keras.models.clone_model(net)
                twin.set_weights(net.get_weights())
                net = twin
            weights = net.trainable_variables[-1:] if last else net.trainable_variables
            optimizer = keras.optimizers.AdamW(rate_of(rate), weight_decay=decay or 0.0)
            loss_of, losses = keras.losses.SparseCategoricalCrossentropy(from_logits=True), []

            @tf.function
            def step(rows):
                with tf.GradientTape() as tape:
                    loss = loss_of(y, logits(net(rows)))
                optimizer.apply(tape.gradient(loss, weights), weights)
                return loss_of(y, net(X)) if after else loss

            optimizer.build(weights)
            for _ in range(steps):
                losses.append(number(step(tf.random.shuffle(X) if shuffle else X)))
            return losses

        return loop

    softmax = lambda P: tf.identity(tf.nn.softmax(P))  # noqa: E731
    yield from _overfitting(overfit, softmax, lambda loss: loss)

    rate_of = solution["rate"]

    def train(
        decay=lambda w: len(w.shape) >= 2,
        penalty=False,
        clip=lambda gradients, limit: tf.clip_by_global_norm(gradients, limit),
        weight=lambda Y, rows, pieces: len(Y) / rows,
        step_of=lambda step, batches: step,
        rate=rate_of,
        clear_pieces=False,
        loss_of=lambda losses, batch: sum(losses),
        late=False,
    ):
        def loop(net, batches, epochs, peak, warmup, amount, limit):
            weights = net.trainable_variables
            optimizer = keras.optimizers.AdamW(peak, weight_decay=0.0 if penalty else amount)
            free = [w for w in weights if not decay(w)]
            optimizer.exclude_from_weight_decay(var_list=free)
            mean = keras.losses.MeanSquaredError()
            steps, record = epochs * len(batches), []
            for _ in range(epochs):
                for batch in batches:
                    rows, losses = sum(len(Y) for _, Y in batch), []
                    sums = [tf.zeros_like(w) for w in weights]
                    for X, Y in batch:
                        with tf.GradientTape() as tape:
                            loss = mean(Y, net(X)) * weight(Y, rows, len(batch))
                        found = tape.gradient(loss, weights)
                        if clear_pieces:
                            sums = [tf.zeros_like(w) for w in weights]
                        sums = [s + g for s, g in zip(sums, found, strict=True)]
                        losses.append(float(loss))
                    gradients, norm = clip(sums, limit)
                    if penalty:
                        gradients = [
                            g + amount * w if decay(w) else g
                            for w, g in zip(weights, gradients, strict=True)
                        ]
                    now = rate(step_of(len(record), len(batches)), peak, warmup, steps)
                    if not late:
                        optimizer.learning_rate = now
                    optimizer.apply(gradients, weights)
                    optimizer.learning_rate = now
                    record.append((loss_of(losses, batch), float(norm)))
            return record

        return loop

    def each(gradients, limit):
        clipped = [tf.clip_by_norm(g, limit) for g in gradients]
        return clipped, tf.linalg.global_norm(gradients)

    def by_value(gradients, limit):
        clipped = [tf.clip_by_value(g, -limit, limit) for g in gradients]
        return clipped, tf.linalg.global_norm(gradients)

    def norm_after(gradients, limit):
        clipped, _ = tf.clip_by_global_norm(gradients, limit)
        return clipped, tf.linalg.global_norm(clipped)

    def unclipped(gradients, limit):
        return gradients, tf.linalg.global_norm(gradients)

    yield "training.train", "an L2 penalty", train(penalty=True), {DECAYED}
    for what, clip in (
        ("each parameter clipped apart", each),
        ("clipped by value", by_value),
        ("not clipped", unclipped),
    ):
        yield "training.train", what, train(clip=clip), {CLIPPED, RECORDED}
    yield "training.train", "the norm after clipping", train(clip=norm_after), {RECORDED}
    yield from _loops(train, rate_of, tf.constant)

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
