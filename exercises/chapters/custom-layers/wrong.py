"""Plausible wrong answers to the exercises of *Custom layers*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

EXAMPLES, AXES, EPS = RMS = ("each example by itself", "three axes", "eps")
ROWS, STEPS, SMALL, LEARNED, HALF, SLOPES = (
    "each row by itself",
    "three axes",
    "rows that hardly vary",
    "scale and shift",
    "half precision",
    "gradients",
)
TRAINING, EVALUATION, MASK, PASSED = DROPOUT = (
    "training",
    "evaluation",
    "a new mask at each call",
    "gradient, and other shapes",
)
VALUES, LARGE, OF_X, OF_T, OWN, SECOND, MAPPED = SOFT = (
    "values",
    "large values, small t",
    "gradient of X",
    "gradient of t",
    "a backward pass of its own",
    "second derivatives",
    "one example at a time",
)
CUT, FALSE, CONSTANT, CENTERED, LEFT = (
    "sound and cut",
    "false gradients",
    "what the output does not depend on",
    "outputs that add up to nothing",
    "the layer as it was",
)
ADAPTED, FLAT, TRAINED, NUMBERS, AGAIN = (
    "before and after adapting",
    "a feature that does not vary",
    "what is trained",
    "statistics in the file",
    "made again with its options",
)
ROUNDED, INSIDE, OUTSIDE, OTHERS, FINE = (
    "outputs of rounded weights",
    "the gradient goes straight through",
    "no gradient beyond the limit",
    "gradients of bias and input",
    "fine weights underneath",
)
NORM, STATISTICS = (
    {ROWS, STEPS, SMALL, LEARNED, HALF, SLOPES},
    {ADAPTED, FLAT, TRAINED, NUMBERS, AGAIN},
)
QUANTIZED = {ROUNDED, INSIDE, OUTSIDE, OTHERS, FINE}


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn

    LayerNorm, audit = solution["LayerNorm"], solution["audit"]
    Standardized, Quantized = solution["Standardized"], solution["Quantized"]

    class Unbiased(LayerNorm):
        def forward(self, X):
            Y = (X - X.mean(-1, keepdim=True)) / (X.var(-1, keepdim=True) + self.eps).sqrt()
            return self.scale * Y + self.shift

    yield "custom-layers.layer-norm", "divided by n - 1", Unbiased, NORM

    class Whole(LayerNorm):
        def forward(self, X):
            Y = (X - X.mean()) / (X.var(correction=0) + self.eps).sqrt()
            return self.scale * Y + self.shift

    yield "custom-layers.layer-norm", "over the batch too", Whole, NORM

    class AxisOne(LayerNorm):
        def forward(self, X):
            centered = X - X.mean(dim=1, keepdim=True)
            variance = centered.square().mean(dim=1, keepdim=True)
            return self.scale * centered / (variance + self.eps).sqrt() + self.shift

    yield "custom-layers.layer-norm", "axis 1", AxisOne, {HALF, STEPS}

    class Beside(LayerNorm):
        def forward(self, X):
            centered = X - X.mean(dim=-1, keepdim=True)
            spread = centered.square().mean(dim=-1, keepdim=True).sqrt()
            return self.scale * centered / (spread + self.eps) + self.shift

    yield "custom-layers.layer-norm", "eps beside the root", Beside, {HALF, SMALL}

    class Deaf(LayerNorm):
        def __init__(self, width, eps=1e-5):
            super().__init__(width)

    yield "custom-layers.layer-norm", "eps ignored", Deaf, {SMALL}

    class Plain(LayerNorm):
        def __init__(self, width, eps=1e-5):
            super().__init__(width, eps)
            del self.scale, self.shift
            self.scale, self.shift = torch.ones(width), torch.zeros(width)

    yield "custom-layers.layer-norm", "plain tensors", Plain, {HALF, LEARNED, SLOPES}

    class One(LayerNorm):
        def __init__(self, width, eps=1e-5):
            super().__init__(width, eps)
            self.scale = nn.Parameter(torch.ones(1))
            self.shift = nn.Parameter(torch.zeros(1))

    yield "custom-layers.layer-norm", "one scale for all", One, {LEARNED, SLOPES}

    class Data(LayerNorm):
        def forward(self, X):
            variance, mean = torch.var_mean(X, -1, correction=0, keepdim=True)
            Y = (X - mean) / (variance + self.eps).sqrt()
            return self.scale.data * Y + self.shift.data

    yield "custom-layers.layer-norm", ".data", Data, {HALF, SLOPES}

    class Detached(LayerNorm):
        def forward(self, X):
            variance, mean = torch.var_mean(X.detach(), -1, correction=0, keepdim=True)
            return self.scale * (X - mean) / (variance + self.eps).sqrt() + self.shift

    yield "custom-layers.layer-norm", "statistics detached", Detached, {HALF, SLOPES}

    def compare(total=True, tolerance=1e-4, restore=True, order="difference", entries=True):
        def found(layer, X):
            torch.manual_seed(0)
            weights = torch.ones_like(X) if total else torch.rand_like(X)
            loss = lambda: (weights * layer(X)).sum()  # noqa: E731
            names, parameters = zip(*layer.named_parameters(), strict=True)
            grads = torch.autograd.grad(loss(), parameters, allow_unused=True)
            said = {}
            for name, p, g in zip(names, parameters, grads, strict=True):
                old, slope = p.detach().clone(), torch.zeros_like(p)
                with torch.no_grad():
                    for i in range(len(p)):
                        p[i] = old[i] + 1e-5
                        above = loss()
                        p[i] = old[i] - 1e-5
                        slope[i] = (above - loss()) / 2e-5
                        p[i] = old[i]
                    if not restore:
                        p += 1e-7
                if order == "none" and g is None:
                    said[name] = "cut"
                    continue
                g = torch.zeros_like(p) if g is None else g
                if entries == "added up":
                    g, slope = g.sum(), slope.sum()
                elif entries == "first":
                    g, slope = g[:1], slope[:1]
                near = torch.isclose(g, slope, rtol=tolerance, atol=1e-6)
                if near.all() or (not entries and near.any()):
                    said[name] = "sound"
                else:
                    said[name] = "false" if g.any() else "cut"
            return said

        return found

    yield "custom-layers.audit", "outputs added up", compare(), {CENTERED}
    none_first = compare(total=False, order="none")
    yield "custom-layers.audit", "None taken for a cut", none_first, {CONSTANT}
    yield "custom-layers.audit", "not written back", compare(False, restore=False), {LEFT}
    some = compare(total=False, entries=False)
    yield "custom-layers.audit", "one entry compared", some, {FALSE}
    in_sum = compare(total=False, entries="added up")
    yield "custom-layers.audit", "the entries added up", in_sum, {FALSE}
    first = compare(total=False, entries="first")
    yield "custom-layers.audit", "the first entry alone", first, {FALSE}

    def by_grad(layer, X):
        layer(X).square().sum().backward()
        return {n: "cut" if p.grad is None else "sound" for n, p in layer.named_parameters()}

    yield "custom-layers.audit", "gradients alone", by_grad, {FALSE, CONSTANT, CENTERED}

    def only_wrong(layer, X):
        return {name: said for name, said in audit(layer, X).items() if said != "sound"}

    everything = {CUT, FALSE, CONSTANT, CENTERED, LEFT}
    yield "custom-layers.audit", "sound ones left out", only_wrong, everything

    def guessed(layer, X):
        names = [name for name, _ in layer.named_parameters()]
        half = len(names) // 2
        return dict(zip(names, ["sound"] * half + ["cut"] * (len(names) - half), strict=True))

    yield "custom-layers.audit", "guessed", guessed, everything

    class Attribute(Standardized):
        def __init__(self, in_units, units, activation=None):
            super().__init__(in_units, units, activation)
            del self.mean, self.std
            self.mean, self.std = torch.zeros(in_units), torch.ones(in_units)

    yield "custom-layers.statistics", "plain attributes", Attribute, {NUMBERS}

    class Forgotten(Standardized):
        def __init__(self, in_units, units, activation=None):
            super().__init__(in_units, units, activation)
            self.register_buffer("mean", torch.zeros(in_units), persistent=False)

    yield "custom-layers.statistics", "a buffer that is not saved", Forgotten, {NUMBERS}

    class Trained(Standardized):
        def __init__(self, in_units, units, activation=None):
            super().__init__(in_units, units, activation)
            del self.mean, self.std
            self.mean = nn.Parameter(torch.zeros(in_units))
            self.std = nn.Parameter(torch.ones(in_units))

        def adapt(self, data):
            with torch.no_grad():
                super().adapt(data)

    yield "custom-layers.statistics", "statistics as parameters", Trained, {TRAINED}

    class Sample(Standardized):
        def adapt(self, data):
            super().adapt(data)
            self.std.copy_(data.std(0).where(data.std(0) > 1e-3, torch.tensor(1.0)))

    yield "custom-layers.statistics", "divided by n - 1", Sample, STATISTICS

    class Onwards(Standardized):
        def adapt(self, data):
            super().adapt((data - self.mean) / self.std)

    yield "custom-layers.statistics", "adapted to adapted data", Onwards, STATISTICS

    class Zero(Standardized):
        def adapt(self, data):
            self.mean.copy_(data.mean(0))
            self.std.copy_(data.std(0, correction=0))

    yield "custom-layers.statistics", "divided by 0", Zero, {FLAT}

    class Epsilon(Standardized):
        def adapt(self, data):
            self.mean.copy_(data.mean(0))
            self.std.copy_(data.std(0, correction=0) + 1e-6)

    yield "custom-layers.statistics", "a small number added", Epsilon, {FLAT}

    class Whole(Standardized):
        def adapt(self, data):
            self.mean.fill_(data.mean())
            self.std.fill_(data.std(correction=0))

    yield "custom-layers.statistics", "one mean for all", Whole, STATISTICS

    class NoOption(Standardized):
        def get_config(self):
            return {"in_units": self.config["in_units"], "units": self.config["units"]}

    yield "custom-layers.statistics", "activation left out", NoOption, {AGAIN}

    class Function(Standardized):
        def get_config(self):
            name = self.config["activation"]
            return self.config | {"activation": getattr(torch, name) if name else None}

    class Turned(Standardized):
        def __init__(self, in_units, units, activation=None):
            super().__init__(in_units, units, activation)
            self.weight = nn.Parameter(self.weight.detach().T.clone())

        def forward(self, X):
            Y = (X - self.mean) / self.std @ self.weight.T + self.bias
            return getattr(torch, self.config["activation"] or "clone")(Y)

    yield "custom-layers.statistics", "the weight the other way round", Turned, STATISTICS

    yield "custom-layers.statistics", "a function in the config", Function, {AGAIN}

    class NoGradient(Quantized):
        def forward(self, X):
            clipped = self.weight.clamp(-self.limit, self.limit)
            return X @ (self.step * (clipped / self.step).round()) + self.bias

    yield "custom-layers.quantized", "round as it is", NoGradient, {INSIDE, OUTSIDE, FINE}

    class All(Quantized):
        def forward(self, X):
            rounded = (self.weight.clamp(-self.limit, self.limit) / self.step).round() * self.step
            return X @ (self.weight + (rounded - self.weight).detach()) + self.bias

    yield "custom-layers.quantized", "straight through the limit", All, {OUTSIDE, FINE}

    class Unlimited(Quantized):
        def __init__(self, in_units, units, step, limit):
            super().__init__(in_units, units, step, 1e9)

    yield "custom-layers.quantized", "no limit", Unlimited, QUANTIZED

    class InPlace(Quantized):
        def forward(self, X):
            with torch.no_grad():
                self.weight.clamp_(-self.limit, self.limit)
                self.weight.copy_((self.weight / self.step).round() * self.step)
            return X @ self.weight + self.bias

    yield "custom-layers.quantized", "the parameter rounded", InPlace, {OUTSIDE, FINE}

    class FineBack(Quantized):
        def forward(self, X):
            fine = self.weight.clamp(-self.limit, self.limit)
            rounded = (fine / self.step).round() * self.step
            out = X @ fine
            return out + (X @ rounded - out).detach() + self.bias

    yield "custom-layers.quantized", "back through the fine weights", FineBack, {OTHERS}

    class Down(Quantized):
        def forward(self, X):
            clipped = self.weight.clamp(-self.limit, self.limit)
            rounded = self.step * (clipped / self.step).trunc()
            return X @ (clipped + (rounded - clipped).detach()) + self.bias

    yield "custom-layers.quantized", "cut off instead of rounded", Down, QUANTIZED

    def rms(divide, add=True):
        def normalize(X, eps):
            return divide(X, eps if add else 1e-6)

        return normalize

    def mean_square(X, dim=-1):
        return X.square().mean(dim, keepdim=True)

    for words, divide, failed in (
        ("over the batch too", lambda X, eps: X / (X.square().mean() + eps).sqrt(), set(RMS)),
        ("axis 1", lambda X, eps: X / (mean_square(X, 1) + eps).sqrt(), {AXES}),
        (
            "the variance",
            lambda X, eps: X / (X.var(-1, False, keepdim=True) + eps).sqrt(),
            set(RMS),
        ),
        ("the sum", lambda X, eps: X / (X.square().sum(-1, True) + eps).sqrt(), set(RMS)),
        ("eps beside the root", lambda X, eps: X / (mean_square(X).sqrt() + eps), {EPS}),
        ("in place", lambda X, eps: X.div_((mean_square(X) + eps).sqrt()), set(RMS)),
    ):
        yield "custom-layers.rms", words, divide, failed
    ignored = rms(lambda X, eps: X / (mean_square(X) + eps).sqrt(), add=False)
    yield "custom-layers.rms", "eps ignored", ignored, {EPS}

    MyDropout = solution["MyDropout"]

    def dropping(make, always=False):
        class Dropping(MyDropout):
            def forward(self, X):
                return make(self, X) if self.training or always else X

        return Dropping

    def kept(self, X):
        return (torch.rand_like(X) >= self.rate).float()

    def by_row(self, X):
        return (torch.rand(X.shape[0], *[1] * (X.dim() - 1)) >= self.rate) * X / (1 - self.rate)

    def once(self, X):
        masks = self.__dict__.setdefault("masks", {})
        mask = masks.setdefault(tuple(X.shape), kept(self, X))
        return mask * X / (1 - self.rate)

    def matrix(self, X):
        rows, columns = X.shape
        return (torch.rand(rows, columns) >= self.rate) * X / (1 - self.rate)

    for words, make, failed in (
        ("not divided", lambda self, X: kept(self, X) * X, set(DROPOUT)),
        ("keeps the rate", lambda self, X: (1 - kept(self, X)) * X / self.rate, set(DROPOUT)),
        ("whole rows", by_row, set(DROPOUT)),
        ("one mask for good", once, {MASK}),
        (
            "the input detached",
            lambda self, X: kept(self, X) * X.detach() / (1 - self.rate),
            {PASSED},
        ),
        ("two axes only", matrix, {PASSED}),
    ):
        yield "custom-layers.dropout", words, dropping(make), failed
    scaled = dropping(lambda self, X: kept(self, X) * X / (1 - self.rate), always=True)
    yield "custom-layers.dropout", "in evaluation too", scaled, {EVALUATION}

    class BuiltIn(nn.Module):
        def __init__(self, rate):
            super().__init__()
            self.drop = nn.Dropout(rate)

        def forward(self, X):
            return self.drop(X)

    yield "custom-layers.dropout", "the built-in layer", BuiltIn, set(DROPOUT)

    class BuiltInNorm(nn.Module):
        def __init__(self, width, eps=1e-5):
            super().__init__()
            self.norm = nn.LayerNorm(width, eps)
            self.scale, self.shift = self.norm.weight, self.norm.bias

        def forward(self, X):
            return self.norm(X)

    yield "custom-layers.layer-norm", "the built-in layer", BuiltInNorm, NORM

    class Renamed(LayerNorm):
        def __init__(self, width, eps=1e-5):
            super().__init__(width, eps)
            self.gain, self.offset = self.scale, self.shift
            del self.scale, self.shift

        def forward(self, X):
            Z = nn.functional.layer_norm(X.float(), X.shape[-1:], eps=self.eps)
            return (self.gain * Z + self.offset).to(X.dtype)

    yield "custom-layers.layer-norm", "other names", Renamed, {LEARNED, SLOPES}

    Function, log_sum = solution["SoftMaximum"], solution["log_sum"]

    def soft(**methods):
        kind = type("Soft", (Function,), {name: staticmethod(m) for name, m in methods.items()})
        return lambda X, t: kind.apply(X, t)

    def shares(X, t, Y):
        share = ((X - Y) / t).exp()
        slope = ((Y - (share * X).sum(-1, keepdim=True)) / t).squeeze(-1)
        return share, slope

    def composed(X, t):
        return t * torch.logsumexp(X / t, -1)

    yield "custom-layers.soft-maximum", "automatic differentiation", composed, {OWN, MAPPED}

    def mean(X, t):
        return Function.apply(X, t) - t * torch.log(torch.tensor(X.shape[-1]))

    yield "custom-layers.soft-maximum", "the mean", mean, set(SOFT)

    def unshifted(X, t):
        return t * (X / t).exp().sum(-1).log()

    def backward(ctx, G):
        X, t = ctx.saved_tensors
        share, slope = shares(X, t, unshifted(X, t).unsqueeze(-1))
        return G.unsqueeze(-1) * share, (G * slope).sum()

    answer = soft(forward=unshifted, backward=backward)
    yield "custom-layers.soft-maximum", "overflow", answer, {LARGE}

    def backward(ctx, G):
        X, t = ctx.saved_tensors
        share, slope = shares(X, t, log_sum(X, t))
        return share, (G * slope).sum()

    answer = soft(backward=backward)
    everything = {OF_X, OWN, SECOND, MAPPED}
    yield "custom-layers.soft-maximum", "what arrives left out", answer, everything

    def backward(ctx, G):
        X, t = ctx.saved_tensors
        return G.unsqueeze(-1) * shares(X, t, log_sum(X, t))[0], None

    answer = soft(backward=backward)
    everything = {OF_T, OWN, SECOND, MAPPED}
    yield "custom-layers.soft-maximum", "none for t", answer, everything

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, log_sum(*inputs))

    def backward(ctx, G):
        X, t, Y = ctx.saved_tensors
        share, slope = shares(X, t, Y)
        return G.unsqueeze(-1) * share, (G * slope).sum()

    answer = soft(setup_context=setup_context, backward=backward)
    yield "custom-layers.soft-maximum", "a kept constant", answer, {SECOND}

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, *shares(*inputs, log_sum(*inputs)))

    def backward(ctx, G):
        _, _, share, slope = ctx.saved_tensors
        return G.unsqueeze(-1) * share, (G * slope).sum()

    answer = soft(setup_context=setup_context, backward=backward)
    yield "custom-layers.soft-maximum", "the shares kept", answer, {OWN, SECOND, MAPPED}

    class Old(torch.autograd.Function):
        @staticmethod
        def forward(ctx, X, t):
            ctx.save_for_backward(X, t)
            return log_sum(X, t).squeeze(-1)

        @staticmethod
        def backward(ctx, G):
            X, t = ctx.saved_tensors
            share, slope = shares(X, t, log_sum(X, t))
            return G.unsqueeze(-1) * share, (G * slope).sum()

    answer = lambda X, t: Old.apply(X, t)  # noqa: E731
    yield "custom-layers.soft-maximum", "the old form", answer, {MAPPED}

    class OnContext(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(X, t):
            return t * torch.logsumexp(X / t, -1)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.X, ctx.t = inputs
            ctx.twice = 2 * ctx.X

        @staticmethod
        def backward(ctx, G):
            X, t = ctx.twice / 2 + 0 * ctx.X, ctx.t
            share = torch.softmax(X / t, -1)
            slope = torch.logsumexp(X / t, -1) - (share * X).sum(-1) / t
            return G.unsqueeze(-1) * share, (G * slope).sum()

    answer = lambda X, t: OnContext.apply(X, t)  # noqa: E731
    yield "custom-layers.soft-maximum", "kept on ctx itself", answer, {OWN, SECOND, MAPPED}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf

    LayerNorm, audit = solution["LayerNorm"], solution["audit"]
    Standardized, Quantized = solution["Standardized"], solution["Quantized"]
    register = keras.saving.register_keras_serializable(package="wrong")

    class Whole(LayerNorm):
        def call(self, X):
            centered = X - tf.reduce_mean(X)
            variance = tf.reduce_mean(centered**2)
            return self.scale * centered / tf.sqrt(variance + self.eps) + self.shift

    yield "custom-layers.layer-norm", "over the batch too", Whole, NORM

    class AxisOne(LayerNorm):
        def call(self, X):
            mean, variance = tf.nn.moments(X, 1, keepdims=True)
            return self.scale * (X - mean) / tf.sqrt(variance + self.eps) + self.shift

    yield "custom-layers.layer-norm", "axis 1", AxisOne, {HALF, STEPS}

    class Beside(LayerNorm):
        def call(self, X):
            mean, variance = tf.nn.moments(X, -1, keepdims=True)
            return self.scale * (X - mean) / (tf.sqrt(variance) + self.eps) + self.shift

    yield "custom-layers.layer-norm", "eps beside the root", Beside, {HALF, SMALL}

    class Deaf(LayerNorm):
        def __init__(self, eps=1e-5):
            super().__init__()

    yield "custom-layers.layer-norm", "eps ignored", Deaf, {SMALL}

    class Variables(LayerNorm):
        def build(self, shape):
            self.scale = tf.Variable(tf.ones(shape[-1]))
            self.shift = tf.Variable(tf.zeros(shape[-1]))

    yield "custom-layers.layer-norm", "tf.Variable", Variables, {HALF, LEARNED, SLOPES}

    class One(LayerNorm):
        def build(self, shape):
            self.scale = self.add_weight((1,), "ones")
            self.shift = self.add_weight((1,), "zeros")

    yield "custom-layers.layer-norm", "one scale for all", One, {LEARNED, SLOPES}

    class Started(LayerNorm):
        def build(self, shape):
            self.scale = self.add_weight(shape[-1:], "zeros")
            self.shift = self.add_weight(shape[-1:], "zeros")

    yield "custom-layers.layer-norm", "begins at 0", Started, {*NORM}

    class Numbers(LayerNorm):
        def call(self, X):
            mean, variance = tf.nn.moments(X, -1, keepdims=True)
            Y = (X - mean) / tf.sqrt(variance + self.eps)
            return tf.stop_gradient(self.scale) * Y + tf.stop_gradient(self.shift)

    yield "custom-layers.layer-norm", "no gradient for scale", Numbers, {HALF, SLOPES}

    class Detached(LayerNorm):
        def call(self, X):
            mean, variance = tf.nn.moments(tf.stop_gradient(X), -1, keepdims=True)
            return self.scale * (X - mean) / tf.sqrt(variance + self.eps) + self.shift

    yield "custom-layers.layer-norm", "statistics detached", Detached, {HALF, SLOPES}

    def compare(total=True, restore=True, order="difference", entries=True):
        def found(layer, X):
            tf.random.set_seed(0)
            weights = tf.ones_like(X) if total else tf.random.uniform(X.shape, dtype=X.dtype)
            loss = lambda: tf.reduce_sum(weights * layer(X))  # noqa: E731
            with tf.GradientTape() as tape:
                value = loss()
            said = {}
            parameters = layer.trainable_weights
            for p, g in zip(parameters, tape.gradient(value, parameters), strict=True):
                old = p.numpy()
                slope = []
                for step in 1e-5 * np.eye(len(old)):
                    p.assign(old + step)
                    above = loss()
                    p.assign(old - step)
                    slope.append((above - loss()) / 2e-5)
                p.assign(old if restore else old + 1e-7)
                if order == "none" and g is None:
                    said[p.name] = "cut"
                    continue
                g = np.zeros_like(old) if g is None else g
                if entries == "added up":
                    g, slope = np.sum(g), np.sum(slope)
                near = np.isclose(g, slope, rtol=1e-4, atol=1e-6)
                if near.all() or (not entries and near.any()):
                    said[p.name] = "sound"
                else:
                    said[p.name] = "false" if np.any(g) else "cut"
            return said

        return found

    yield "custom-layers.audit", "outputs added up", compare(), {CENTERED}
    none_first = compare(total=False, order="none")
    yield "custom-layers.audit", "None taken for a cut", none_first, {CONSTANT}
    yield "custom-layers.audit", "not written back", compare(False, restore=False), {LEFT}
    some = compare(total=False, entries=False)
    yield "custom-layers.audit", "one entry compared", some, {FALSE}
    in_sum = compare(total=False, entries="added up")
    yield "custom-layers.audit", "the entries added up", in_sum, {FALSE}

    def by_tape(layer, X):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(X) ** 2)
        weights = layer.trainable_weights
        found = zip(weights, tape.gradient(loss, weights), strict=True)
        return {w.name: "cut" if g is None else "sound" for w, g in found}

    yield "custom-layers.audit", "gradients alone", by_tape, {FALSE, CONSTANT, CENTERED}

    def listed(layer, X):
        return list(audit(layer, X).values())

    everything = {CUT, FALSE, CONSTANT, CENTERED, LEFT}
    yield "custom-layers.audit", "a list", listed, everything

    def guessed(layer, X):
        half = len(layer.weights) // 2
        return {w.name: "sound" if n < half else "cut" for n, w in enumerate(layer.weights)}

    yield "custom-layers.audit", "guessed", guessed, everything

    @register
    class Attribute(Standardized):
        def build(self, shape):
            super().build(shape)
            self.center, self.spread = tf.zeros(shape[-1]), tf.ones(shape[-1])

        def adapt(self, data):
            super().adapt(data)
            self.center, self.spread = self.mean.numpy(), self.std.numpy()

        def call(self, X):
            Y = (X - self.center) / self.spread
            return self.activation(Y @ self.weight + self.bias)

    yield "custom-layers.statistics", "plain attributes", Attribute, {NUMBERS}

    @register
    class Trained(Standardized):
        def build(self, shape):
            super().build(shape)
            self.mean = self.add_weight(shape[-1:], "zeros", name="m")
            self.std = self.add_weight(shape[-1:], "ones", name="s")

    yield "custom-layers.statistics", "statistics are trained", Trained, {TRAINED}

    @register
    class Zero(Standardized):
        def adapt(self, data):
            super().adapt(data)
            self.std.assign(np.std(data, 0))

    yield "custom-layers.statistics", "divided by 0", Zero, {FLAT}

    @register
    class Sample(Standardized):
        def adapt(self, data):
            super().adapt(data)
            std = np.std(data, 0, ddof=1)
            self.std.assign(np.where(std > 1e-3, std, 1))

    yield "custom-layers.statistics", "divided by n - 1", Sample, STATISTICS

    @register
    class Unbuilt(Standardized):
        def adapt(self, data):
            self.mean.assign(np.mean(data, 0))
            flat = np.ptp(data, 0) == 0
            self.std.assign(np.where(flat, 1, np.std(data, 0)))

    late = {FLAT, TRAINED, NUMBERS}
    yield "custom-layers.statistics", "cannot adapt before a call", Unbuilt, late

    class Unregistered(Standardized):
        pass

    yield "custom-layers.statistics", "not registered", Unregistered, {AGAIN}

    @register
    class NoOption(Standardized):
        def get_config(self):
            config = super().get_config()
            del config["activation"]
            return config

    yield "custom-layers.statistics", "activation left out", NoOption, {AGAIN}

    @register
    class Nameless(Standardized):
        def __init__(self, units, activation=None, name=None):
            super().__init__(units, activation, name=name)

        def get_config(self):
            return {"units": self.units, "activation": self.activation.__name__}

    yield "custom-layers.statistics", "the name lost", Nameless, {AGAIN}

    @register
    class Deaf(Standardized):
        def __init__(self, units, activation=None):
            super().__init__(units, activation)

    yield "custom-layers.statistics", "no **kwargs", Deaf, {AGAIN}

    class NoGradient(Quantized):
        def call(self, X):
            clipped = tf.clip_by_value(self.weight, -self.limit, self.limit)
            return X @ (self.step * tf.round(clipped / self.step)) + self.bias

    yield "custom-layers.quantized", "round as it is", NoGradient, {INSIDE, OUTSIDE, FINE}

    class All(Quantized):
        def call(self, X):
            clipped = tf.clip_by_value(self.weight, -self.limit, self.limit)
            rounded = self.step * tf.round(clipped / self.step)
            Q = self.weight + tf.stop_gradient(rounded - self.weight)
            return X @ Q + self.bias

    yield "custom-layers.quantized", "straight through the limit", All, {OUTSIDE, FINE}

    class Unlimited(Quantized):
        def __init__(self, units, step, limit):
            super().__init__(units, step, 1e9)

    yield "custom-layers.quantized", "no limit", Unlimited, QUANTIZED

    class InPlace(Quantized):
        def call(self, X):
            clipped = tf.clip_by_value(self.weight, -self.limit, self.limit)
            self.weight.assign(self.step * tf.round(clipped / self.step))
            return X @ self.weight + self.bias

    yield "custom-layers.quantized", "the parameter rounded", InPlace, {OUTSIDE, FINE}

    class FineBack(Quantized):
        def call(self, X):
            fine = tf.clip_by_value(self.weight, -self.limit, self.limit)
            out = X @ fine
            rounded = X @ (self.step * tf.round(fine / self.step))
            return out + tf.stop_gradient(rounded - out) + self.bias

    yield "custom-layers.quantized", "back through the fine weights", FineBack, {OTHERS}

    class Variables(Quantized):
        def build(self, shape):
            self.weight = tf.Variable(tf.zeros((shape[-1], self.units)))
            self.bias = tf.Variable(tf.zeros(self.units))

    yield "custom-layers.quantized", "tf.Variable", Variables, QUANTIZED

    from keras import ops

    def mean_square(X, axis=-1):
        return tf.reduce_mean(X**2, axis, keepdims=True)

    def variance(X):
        return tf.math.reduce_variance(X, -1, keepdims=True)

    for words, divide, failed in (
        ("over the batch too", lambda X, eps: X / tf.sqrt(tf.reduce_mean(X**2) + eps), set(RMS)),
        ("axis 1", lambda X, eps: X / tf.sqrt(mean_square(X, 1) + eps), {AXES}),
        ("the variance", lambda X, eps: X / tf.sqrt(variance(X) + eps), set(RMS)),
        ("the sum", lambda X, eps: X / (tf.norm(X, axis=-1, keepdims=True) + eps), set(RMS)),
        ("eps beside the root", lambda X, eps: X / (tf.sqrt(mean_square(X)) + eps), {EPS}),
        ("eps ignored", lambda X, eps: X / tf.sqrt(mean_square(X) + 1e-6), {EPS}),
    ):
        yield "custom-layers.rms", words, divide, failed

    MyDropout = solution["MyDropout"]

    def dropping(make, always=False):
        class Dropping(MyDropout):
            def call(self, X, training=False):
                return make(self, X) if training or always else X

        return Dropping

    def kept(self, X):
        return tf.cast(tf.random.uniform(tf.shape(X)) >= self.rate, tf.float32)

    def by_row(self, X):
        draws = tf.random.uniform((X.shape[0], *[1] * (len(X.shape) - 1)))
        return tf.cast(draws >= self.rate, tf.float32) * X / (1 - self.rate)

    def numpy(self, X):
        mask = np.random.random(X.shape) >= self.rate
        return mask.astype("float32") * X / (1 - self.rate)

    def matrix(self, X):
        rows, columns = X.shape
        draws = tf.random.uniform((rows, columns))
        return tf.cast(draws >= self.rate, tf.float32) * X / (1 - self.rate)

    for words, make, failed in (
        ("not divided", lambda self, X: kept(self, X) * X, set(DROPOUT)),
        ("keeps the rate", lambda self, X: (1 - kept(self, X)) * X / self.rate, set(DROPOUT)),
        ("whole rows", by_row, set(DROPOUT)),
        ("drawn by NumPy", numpy, {MASK}),
        (
            "the input detached",
            lambda self, X: kept(self, X) * tf.stop_gradient(X) / (1 - self.rate),
            {PASSED},
        ),
        ("two axes only", matrix, {PASSED}),
    ):
        yield "custom-layers.dropout", words, dropping(make), failed
    scaled = dropping(lambda self, X: kept(self, X) * X / (1 - self.rate), always=True)
    yield "custom-layers.dropout", "in evaluation too", scaled, {EVALUATION}

    class BuiltIn(keras.Layer):
        def __init__(self, rate, **kwargs):
            super().__init__(**kwargs)
            self.rate = rate

        def call(self, X, training=False):
            return keras.layers.Dropout(self.rate)(X, training=training)

    yield "custom-layers.dropout", "the built-in layer", BuiltIn, set(DROPOUT)

    class BuiltInNorm(keras.Layer):
        def __init__(self, eps=1e-5, **kwargs):
            super().__init__(**kwargs)
            self.norm = keras.layers.LayerNormalization(epsilon=eps)

        def build(self, shape):
            self.norm.build(shape)
            self.scale, self.shift = self.norm.gamma, self.norm.beta

        def call(self, X):
            return self.norm(X)

    yield "custom-layers.layer-norm", "the built-in layer", BuiltInNorm, NORM

    class EachStep(LayerNorm):
        def build(self, shape):
            self.scale = self.add_weight(shape=shape[1:], initializer="ones")
            self.shift = self.add_weight(shape=shape[1:], initializer="zeros")

    yield "custom-layers.layer-norm", "a scale for each step of a sequence", EachStep, {LEARNED}

    log_sum, soft_maximum = solution["log_sum"], solution["soft_maximum"]

    def shares(X, t, Y):
        share = ops.exp((X - Y) / t)
        return share, ops.squeeze((Y - ops.sum(share * X, -1, keepdims=True)) / t, -1)

    def soft(gradients, value=log_sum):
        @tf.custom_gradient
        def answer(X, t):
            def backward(G):
                return gradients(X, t, G, *shares(X, t, value(X, t)))

            return ops.squeeze(value(X, t), -1), backward

        return answer

    def right(X, t, G, share, slope):
        return G[..., None] * share, ops.sum(G * slope)

    def composed(X, t):
        return t * ops.logsumexp(X / t, axis=-1)

    yield "custom-layers.soft-maximum", "automatic differentiation", composed, {OWN, MAPPED}

    def mean(X, t):
        return soft_maximum(X, t) - t * np.log(X.shape[-1])

    yield "custom-layers.soft-maximum", "the mean", mean, set(SOFT)

    def unshifted(X, t):
        return t * ops.log(ops.sum(ops.exp(X / t), axis=-1, keepdims=True))

    yield "custom-layers.soft-maximum", "overflow", soft(right, unshifted), {LARGE}

    answer = soft(lambda X, t, G, share, slope: (share, ops.sum(G * slope)))
    everything = {OF_X, OWN, SECOND, MAPPED}
    yield "custom-layers.soft-maximum", "what arrives left out", answer, everything

    answer = soft(lambda X, t, G, share, slope: (G[..., None] * share, None))
    everything = {OF_T, OWN, SECOND, MAPPED}
    yield "custom-layers.soft-maximum", "none for t", answer, everything

    def constant(X, t, G, share, slope):
        return G[..., None] * ops.stop_gradient(share), ops.sum(G * slope)

    yield "custom-layers.soft-maximum", "a kept constant", soft(constant), {SECOND}

    def batches(X, t):
        if len(X.shape) < 2:
            raise ValueError("a batch is expected")
        return soft_maximum(X, t)

    yield "custom-layers.soft-maximum", "batches only", batches, {MAPPED}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
