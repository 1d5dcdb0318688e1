"""Right answers to the exercises on training loops that differ from the worked solutions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def _schedules() -> Iterator[Right]:
    """Schedules written in other ways."""
    import numpy as np

    def squared(step, peak, warmup, steps):
        rise = (step + 1) / warmup if warmup else 1.0
        if rise <= 1 and step < warmup:
            return peak * rise
        if step >= steps:
            return 0.0
        return peak * math.cos(math.pi / 2 * (step - warmup) / (steps - warmup)) ** 2

    yield "training.schedule", "the square of a cosine", squared

    def interpolated(step, peak, warmup, steps):
        down = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, steps - warmup + 1))
        up = np.arange(1, warmup + 1) / max(warmup, 1)
        return peak * np.concatenate([up, down])[min(step, steps)]

    yield "training.schedule", "a table of NumPy's", interpolated


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    class Groups:
        """One optimizer throughout; the old head leaves it, the new one comes in."""

        def __init__(self, body, head, rate):
            self.body = body
            self.optimizer = torch.optim.SGD(body.parameters(), lr=rate)
            self.head, self.rate = head, rate

        @property
        def head(self):
            return self._head

        @head.setter
        def head(self, head):
            self._head = head
            del self.optimizer.param_groups[1:]
            self.optimizer.add_param_group({"params": list(head.parameters())})

        def step(self, X, Y):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate
            loss = (self.head(self.body(X).tanh()) - Y).square().mean()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            return float(loss)

    yield "training.stuck", "parameter groups", Groups

    class ByHand:
        def __init__(self, body, head, rate):
            self.body, self.head, self.rate = body, head, rate

        def step(self, X, Y):
            weights = [*self.body.parameters(), *self.head.parameters()]
            loss = F.mse_loss(self.head(torch.tanh(self.body(X))), Y)
            with torch.no_grad():
                for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                    w -= self.rate * g
            return loss.detach().numpy()[()]

    yield "training.stuck", "by hand, and a NumPy number", ByHand

    yield from _schedules()

    def shuffled(net, X, y, steps, rate):
        optimizer, losses = torch.optim.Adam(net.parameters(), lr=rate), []
        net.train()
        for _ in range(steps):
            order = torch.randperm(len(y))
            loss = torch.nn.CrossEntropyLoss()(net(X[order]), y[order])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(float(loss.detach()))
        return losses

    yield "training.overfit", "rows shuffled with their labels", shuffled

    def read_at_the_end(net, X, y, steps, rate):
        optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-4)
        losses = torch.zeros(steps)
        for n in range(steps):
            optimizer.zero_grad()
            loss = F.nll_loss(net(X).log_softmax(1), y)
            loss.backward()
            optimizer.step()
            losses[n] = loss.detach()
        return losses.tolist()

    yield "training.overfit", "losses read at the end, a little decay", read_at_the_end

    def scheduled(net, batches, epochs, peak, warmup, decay, clip):
        steps = epochs * len(batches)

        def share(step):
            if step < warmup:
                return (step + 1) / warmup
            done = min((step - warmup) / (steps - warmup), 1)
            return 0.5 + 0.5 * math.cos(math.pi * done)

        decayed = [p for p in net.parameters() if p.ndim == 2]
        others = [p for p in net.parameters() if p.ndim != 2]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0}],
            lr=peak,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        record = []
        for batch in batches * epochs:
            X, Y = (torch.cat(part) for part in zip(*batch, strict=True))
            optimizer.zero_grad()
            loss = F.mse_loss(net(X), Y)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            schedule.step()
            record.append([loss.item(), norm.item()])
        return record

    yield "training.train", "a scheduler, pieces put together", scheduled

    def by_hand(net, batches, epochs, peak, warmup, decay, clip):
        parameters = list(net.parameters())
        m, v = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        steps, record = epochs * len(batches), []
        for _ in range(epochs):
            for batch in batches:
                rows = sum(len(X) for X, _ in batch)
                gradients, total = [0] * len(parameters), 0.0
                for X, Y in batch:
                    loss = (net(X) - Y).square().sum() / (rows * Y.shape[1])
                    total += loss.item()
                    found = torch.autograd.grad(loss, parameters)
                    gradients = [g + new for g, new in zip(gradients, found, strict=True)]
                norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
                step = len(record)
                if step < warmup:
                    rate = peak * (step + 1) / warmup
                else:
                    done = (step - warmup) / (steps - warmup)
                    rate = peak * (1 + math.cos(math.pi * done)) / 2
                t = step + 1
                with torch.no_grad():
                    for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
                        g = g * min(1, clip / norm)
                        m[i] = 0.9 * m[i] + 0.1 * g
                        v[i] = 0.999 * v[i] + 0.001 * g * g
                        if p.ndim > 1:
                            p *= 1 - rate * decay
                        size = (v[i] / (1 - 0.999**t)).sqrt() + 1e-8
                        p -= rate * m[i] / (1 - 0.9**t) / size
                record.append((total, norm))
        return record

    yield "training.train", "Adam by hand", by_hand

    class InPlace:
        """Velocities are changed in place, and copied wherever they pass."""

        def __init__(self, params, rate, momentum, inside):
            self.params, self.rate = params, rate
            self.momentum, self.inside = momentum, inside
            self.v = {}

        def step(self, gradients):
            with torch.no_grad():
                for i, (p, g) in enumerate(zip(self.params, gradients, strict=True)):
                    if g is None:
                        continue
                    v = self.v.setdefault(i, torch.zeros_like(p))
                    v.mul_(self.momentum).add_(g, alpha=self.rate if self.inside else 1)
                    p.sub_(v, alpha=1 if self.inside else self.rate)

        def state(self):
            return {"rate": self.rate, "v": {i: v.clone() for i, v in self.v.items()}}

        def load(self, state):
            self.rate = state["rate"]
            self.v = {i: v.clone() for i, v in state["v"].items()}

    yield "training.momentum", "in place, with copies", InPlace

    class Loader:
        def __init__(self, X, y, size, noise, seed):
            self.rows = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
            self.generator = torch.Generator()
            self.generator.manual_seed(seed)
            self.noise = noise
            self.loader = DataLoader(self.rows, size, shuffle=True, generator=self.generator)

        def __len__(self):
            return len(self.loader)

        def __iter__(self):
            for X, y in self.loader:
                yield X + self.noise * torch.randn(X.shape, generator=self.generator), y

    yield "training.batches", "a DataLoader", Loader
    yield "training.batches", "NumPy", _numbered(torch.tensor)


def _numbered(tensor: Any) -> type:
    """Batches from a NumPy generator for each epoch, seeded with its number."""
    import numpy as np

    class Numbered:
        def __init__(self, X, y, size, noise, seed):
            self.X, self.y, self.size, self.noise, self.seed = X, y, size, noise, seed
            self.epoch = 0

        def __len__(self):
            return -(-len(self.X) // self.size)

        def __iter__(self):
            rng = np.random.default_rng([self.seed, self.epoch])
            self.epoch += 1
            order = rng.permutation(len(self.X))
            return iter([self.batch(rng, order[i * self.size :][: self.size])
                         for i in range(len(self))])  # fmt: skip

        def batch(self, rng, rows):
            X = self.X[rows] + rng.normal(0, self.noise, (len(rows), self.X.shape[1]))
            return tensor(X.astype(np.float32)), tensor(self.y[rows])

    return Numbered


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import tensorflow as tf

    class Eager:
        def __init__(self, body, head, rate):
            self.body, self.head, self.rate = body, head, rate

        def step(self, X, Y):
            weights = [*self.body.trainable_variables, *self.head.trainable_variables]
            with tf.GradientTape() as tape:
                P = self.head(keras.ops.tanh(self.body(X)))
                loss = keras.losses.MeanSquaredError()(Y, P)
            optimizer = keras.optimizers.SGD(self.rate)
            optimizer.apply(tape.gradient(loss, weights), weights)
            return loss.numpy()

    yield "training.stuck", "no graph, a new optimizer, a NumPy number", Eager

    class Retraced:
        """A graph for each head; the rate is a variable."""

        def __init__(self, body, head, rate):
            self.body, self._rate = body, tf.Variable(rate)
            self.head = head

        @property
        def rate(self):
            return self._rate

        @rate.setter
        def rate(self, rate):
            self._rate.assign(rate)

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "head":
                self.graph = tf.function(self.one)

        def one(self, X, Y):
            weights = self.body.trainable_variables + self.head.trainable_variables
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self.head(tf.tanh(self.body(X))) - Y) ** 2)
            for w, g in zip(weights, tape.gradient(loss, weights), strict=True):
                w.assign(w - self.rate * g)
            return loss

        def step(self, X, Y):
            return float(self.graph(X, Y))

    yield "training.stuck", "a graph for each head", Retraced

    yield from _schedules()

    def shuffled(net, X, y, steps, rate):
        optimizer, losses = keras.optimizers.Adam(rate), []
        for _ in range(steps):
            order = tf.random.shuffle(tf.range(len(y)))
            with tf.GradientTape() as tape:
                P = tf.nn.log_softmax(net(tf.gather(X, order)))
                chosen = tf.gather(P, tf.gather(y, order), batch_dims=1)
                loss = -tf.reduce_mean(chosen)
            weights = net.trainable_weights
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            losses.append(loss.numpy().item())
        return losses

    yield "training.overfit", "rows shuffled with their labels", shuffled

    def fitted(net, X, y, steps, rate):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        net.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4), loss)
        history = net.fit(X, y, batch_size=len(X), epochs=steps, verbose=0)
        return history.history["loss"]

    yield "training.overfit", "fit", fitted

    def schedule_of(peak, warmup, steps):
        class Scheduled(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                step = tf.cast(step, tf.float32)
                done = (step - warmup) / (steps - warmup)
                fall = peak * (1 + tf.cos(math.pi * done)) / 2
                return tf.where(step < warmup, peak * (step + 1) / max(warmup, 1), fall)

        return Scheduled()

    def whole_batches(net, batches, epochs, peak, warmup, decay, clip):
        steps = epochs * len(batches)
        optimizer = keras.optimizers.AdamW(
            schedule_of(peak, warmup, steps), weight_decay=decay, global_clipnorm=clip
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        record, weights = [], net.trainable_variables
        for batch in batches * epochs:
            X, Y = (tf.concat(part, axis=0) for part in zip(*batch, strict=True))
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((net(X) - Y) ** 2)
            gradients = tape.gradient(loss, weights)
            optimizer.apply(gradients, weights)
            record.append([loss.numpy().item(), float(tf.linalg.global_norm(gradients))])
        return record

    yield "training.train", "the optimizer's clipping, pieces put together", whole_batches

    def by_hand(net, batches, epochs, peak, warmup, decay, clip):
        weights = net.trainable_variables
        m, v = ([tf.zeros_like(w) for w in weights] for _ in range(2))
        steps, record = epochs * len(batches), []
        for _ in range(epochs):
            for batch in batches:
                rows = sum(len(X) for X, _ in batch)
                with tf.GradientTape() as tape:
                    loss = sum(
                        tf.reduce_sum((net(X) - Y) ** 2) / (rows * Y.shape[1]) for X, Y in batch
                    )
                gradients = tape.gradient(loss, weights)
                norm = math.sqrt(sum(float(tf.reduce_sum(g**2)) for g in gradients))
                step = len(record)
                if step < warmup:
                    rate = peak * (step + 1) / warmup
                else:
                    done = (step - warmup) / (steps - warmup)
                    rate = peak * (1 + math.cos(math.pi * done)) / 2
                t = step + 1
                for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
                    g = g * min(1, clip / norm)
                    m[i] = 0.9 * m[i] + 0.1 * g
                    v[i] = 0.999 * v[i] + 0.001 * g * g
                    kept = 1 - rate * decay if len(w.shape) > 1 else 1.0
                    size = tf.sqrt(v[i] / (1 - 0.999**t)) + 1e-8
                    w.assign(kept * w - rate * m[i] / (1 - 0.9**t) / size)
                record.append((float(loss), norm))
        return record

    yield "training.train", "Adam by hand", by_hand

    class Variables:
        """Velocities are variables, and copied wherever they pass."""

        def __init__(self, params, rate, momentum, inside):
            self.params, self.rate = params, rate
            self.momentum, self.inside = momentum, inside
            self.v = [tf.Variable(tf.zeros_like(p)) for p in params]

        def step(self, gradients):
            for p, v, g in zip(self.params, self.v, gradients, strict=True):
                if g is None:
                    continue
                v.assign(self.momentum * v + (self.rate * g if self.inside else g))
                p.assign_sub(v if self.inside else self.rate * v)

        def state(self):
            return {"rate": self.rate, "v": [v.numpy() for v in self.v]}

        def load(self, state):
            self.rate = state["rate"]
            for v, value in zip(self.v, state["v"], strict=True):
                v.assign(value)

    yield "training.momentum", "variables", Variables

    class Numbers:
        def __init__(self, params, rate, momentum, inside):
            self.params, self.rate = params, rate
            self.inside, self.momentum = inside, momentum
            self.v = [0.0] * len(params)

        def step(self, gradients):
            for i, g in enumerate(gradients):
                if g is not None:
                    self.v[i] = self.v[i] * self.momentum + g * (self.rate if self.inside else 1)
                    move = self.v[i] * (1 if self.inside else self.rate)
                    self.params[i].assign(self.params[i] - move)

        def state(self):
            return [self.rate, *self.v]

        def load(self, state):
            self.rate, *self.v = state

    yield "training.momentum", "velocities that begin as numbers", Numbers

    class Pipeline:
        def __init__(self, X, y, size, noise, seed):
            self.n, self.size, self.epoch, self.seed = len(X), size, 0, seed
            self.noise = noise
            self.data = tf.data.Dataset.from_tensor_slices((X, y)).enumerate()

        def __len__(self):
            return (self.n + self.size - 1) // self.size

        def __iter__(self):
            self.epoch += 1
            epoch = self.seed * 1000 + self.epoch

            def noisy(number, pair):
                seed = tf.stack([tf.constant(epoch, tf.int64), number])
                X, y = pair
                return X + self.noise * tf.random.stateless_normal(X.shape, seed), y

            data = self.data.map(noisy).shuffle(self.n, seed=epoch)
            return iter(data.batch(self.size))

    yield "training.batches", "tf.data", Pipeline
    yield "training.batches", "NumPy", _numbered(tf.constant)


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
