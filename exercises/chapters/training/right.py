"""Right answers to the exercises on training loops that differ from the worked solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


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

    def rescaled(net, batches, rate, epochs):
        outputs = batches[0][1][0].numel()
        optimizer, losses = torch.optim.SGD(net.parameters(), lr=rate * outputs), []
        for _ in range(epochs):
            seen = total = 0
            for X, Y in batches:
                loss = F.mse_loss(net(X), Y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                seen, total = seen + len(X), total + outputs * len(X) * loss.item()
            losses.append(total / seen)
        Y = torch.cat([Y for _, Y in batches])
        return losses, outputs * F.mse_loss(Y.mean(0, keepdim=True).expand_as(Y), Y).item()

    yield "training.recipe", "the mean, and a larger rate", rescaled

    def flattened(net, batches, rate, epochs):
        losses = []
        for _ in range(epochs):
            found = []
            for X, Y in batches:
                each = (net(X) - Y).flatten(1).pow(2).sum(1)
                weights = list(net.parameters())
                gradients = torch.autograd.grad(each.mean(), weights)
                with torch.no_grad():
                    for w, g in zip(weights, gradients, strict=True):
                        w -= rate * g
                found += each.tolist()
            losses.append(sum(found) / len(found))
        return losses, torch.cat([Y for _, Y in batches]).var(0, correction=0).sum().item()

    yield "training.recipe", "example by example, and a variance", flattened

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

    def rescaled(net, batches, rate, epochs):
        mean, losses = keras.losses.MeanSquaredError(), []
        Y = tf.concat([Y for _, Y in batches], 0)
        outputs = int(tf.size(Y[0]))
        optimizer = keras.optimizers.SGD(rate * outputs)
        for _ in range(epochs):
            seen = total = 0
            for X, Y in batches:
                with tf.GradientTape() as tape:
                    loss = mean(Y, net(X))
                weights = net.trainable_variables
                optimizer.apply(tape.gradient(loss, weights), weights)
                seen, total = seen + len(X), total + outputs * len(X) * loss.numpy()
            losses.append(total / seen)
        Y = tf.concat([Y for _, Y in batches], 0)
        return losses, tf.reduce_sum(tf.math.reduce_variance(Y, 0)).numpy()

    yield "training.recipe", "the mean, and a larger rate", rescaled

    def fitted(net, batches, rate, epochs):
        model = keras.Sequential([net])
        outputs = int(tf.size(batches[0][1][0]))

        def summed(Y, P):
            squares = tf.reshape((P - Y) ** 2, (-1, outputs))
            return tf.reduce_sum(squares, axis=1)

        model.compile(keras.optimizers.SGD(rate), loss=summed, run_eagerly=True)
        history = []
        for _ in range(epochs):
            found = []
            for X, Y in batches:
                model.reset_metrics()
                found += [float(model.train_on_batch(X, Y))] * len(X)
            history.append(sum(found) / len(found))
        Y = tf.concat([Y for _, Y in batches], 0)
        return history, float(tf.reduce_mean(summed(Y, tf.reduce_mean(Y, 0, keepdims=True))))

    yield "training.recipe", "Keras's own step", fitted

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
