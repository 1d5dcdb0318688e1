"""Right answers to the exercises of *Custom layers*, not those of the worked notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Right = tuple[str, str, Any]


def pytorch() -> Iterator[Right]:
    """Right answers in PyTorch."""
    import torch
    from torch import nn
    from torch.autograd import gradcheck
    from torch.func import functional_call
    from torch.nn import functional as F

    class WithVar(nn.Module):
        def __init__(self, width, eps=1e-5):
            super().__init__()
            self.eps = eps
            self.register_parameter("shift", nn.Parameter(torch.full((width,), 0.0)))
            self.register_parameter("scale", nn.Parameter(torch.full((width,), 1.0)))

        def forward(self, X):
            variance, mean = torch.var_mean(X.float(), dim=-1, correction=0, keepdim=True)
            Y = (X - mean) * torch.rsqrt(variance + self.eps)
            return torch.addcmul(self.shift.float(), Y, self.scale.float()).to(X.dtype)

    yield "custom-layers.layer-norm", "with var_mean", WithVar

    def by_gradcheck(layer, X):
        values = {name: p.detach() for name, p in layer.named_parameters()}
        found = {}
        for name, value in values.items():
            one = value.clone().requires_grad_()

            def run(one, name=name):
                return functional_call(layer, values | {name: one}, X)

            out = run(one)
            if gradcheck(run, one, raise_exception=False):
                found[name] = "sound"
            elif out.requires_grad:
                (gradient,) = torch.autograd.grad(out.square().sum(), one, allow_unused=True)
                found[name] = "false" if gradient is not None and gradient.any() else "cut"
            else:
                found[name] = "cut"
        return found

    yield "custom-layers.audit", "gradcheck for each parameter", by_gradcheck

    class Sums(nn.Module):
        def __init__(self, in_units, units, activation=None):
            super().__init__()
            self.in_units, self.units, self.activation = in_units, units, activation
            self.register_buffer("mean", torch.zeros(1, in_units))
            self.register_buffer("scale", torch.ones(1, in_units))
            self.weight = nn.Parameter(torch.zeros(in_units, units))
            self.bias = nn.Parameter(torch.zeros(units))
            self.act = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}.get(
                activation, nn.Identity
            )()

        def adapt(self, data):
            self.mean = data.mean(0, keepdim=True)
            std = (data - self.mean).square().mean(0, keepdim=True).sqrt()
            self.scale = 1 / torch.where((data == data[0]).all(0), 1.0, std)

        def forward(self, X):
            return self.act(torch.addmm(self.bias, (X - self.mean) * self.scale, self.weight))

        def get_config(self):
            return {name: getattr(self, name) for name in ("in_units", "units", "activation")}

    yield "custom-layers.statistics", "buffers assigned, an inverse kept", Sums

    class Through(torch.autograd.Function):
        @staticmethod
        def forward(ctx, W, step, limit):
            ctx.save_for_backward(W.abs() <= limit)
            return (W.clamp(-limit, limit) / step).round() * step

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.saved_tensors[0], None, None

    class WithFunction(nn.Module):
        def __init__(self, in_units, units, step, limit):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(units))
            self.weight = nn.Parameter(torch.rand(in_units, units))
            self.options = step, limit

        def forward(self, X):
            return X @ Through.apply(self.weight, *self.options) + self.bias

    yield "custom-layers.quantized", "a Function for both", WithFunction

    yield "custom-layers.rms", "by rms_norm", lambda X, eps: F.rms_norm(X, X.shape[-1:], eps=eps)

    def by_norm(X, eps):
        size = torch.linalg.vector_norm(X, dim=-1, keepdim=True)
        return X * torch.rsqrt(size**2 / X.shape[-1] + eps)

    yield "custom-layers.rms", "by the norm", by_norm

    class Bernoulli(nn.Module):
        def __init__(self, rate):
            super().__init__()
            self.kept = 1 - rate

        def forward(self, X):
            if self.training:
                mask = torch.empty_like(X).bernoulli_(self.kept)
                return torch.where(mask > 0, X / self.kept, torch.zeros_like(X))
            return X.clone()

    yield "custom-layers.dropout", "Bernoulli, and a copy in evaluation", Bernoulli

    class Saved(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(X, t):
            return t * torch.logsumexp(X / t, -1)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs, output)

        @staticmethod
        def backward(ctx, G):
            X, t, Y = ctx.saved_tensors
            share = torch.softmax(X / t, -1)
            return torch.einsum("...,...d->...d", G, share), (
                G * (Y - (share * X).sum(-1)) / t
            ).sum()

    yield "custom-layers.soft-maximum", "the output saved", Saved.apply


def tensorflow() -> Iterator[Right]:
    """Right answers in TensorFlow."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import ops

    class WithMoments(keras.Layer):
        def __init__(self, eps=1e-5):
            super().__init__()
            self.eps = eps

        def build(self, shape):
            width = int(shape[-1])
            self.shift = self.add_weight(shape=(width,), initializer="zeros")
            self.scale = self.add_weight(shape=(width,), initializer="ones")

        def call(self, X):
            Z = ops.cast(X, "float32")
            mean, variance = ops.moments(Z, axes=[-1], keepdims=True)
            Y = ops.cast((Z - mean) * ops.rsqrt(variance + self.eps), X.dtype)
            return Y * self.scale + self.shift

    yield "custom-layers.layer-norm", "with moments", WithMoments

    def stateless(layer, X):
        values = [weight.value for weight in layer.trainable_variables]
        found = {}
        for n, weight in enumerate(layer.trainable_variables):

            def run(one, n=n):
                return layer.stateless_call([*values[:n], one, *values[n + 1 :]], [], X)[0]

            (told,), (real,) = tf.test.compute_gradient(run, [values[n]])
            if np.allclose(told, real, atol=1e-4):
                found[weight.name] = "sound"
            else:
                found[weight.name] = "false" if np.any(told) else "cut"
        return found

    yield "custom-layers.audit", "compute_gradient for each parameter", stateless

    @keras.saving.register_keras_serializable(package="right")
    class Sums(keras.Layer):
        def __init__(self, units, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units, self.activation = units, activation

        def build(self, shape):
            self.mean = self.add_weight(shape=(1, shape[-1]), initializer="zeros", trainable=False)
            self.var = self.add_weight(shape=(1, shape[-1]), initializer="ones", trainable=False)
            self.weight = self.add_weight(shape=(shape[-1], self.units))
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros")

        def adapt(self, data):
            self(data)  # builds it
            mean, var = tf.nn.moments(tf.convert_to_tensor(data), 0, keepdims=True)
            flat = tf.reduce_all(data == data[:1], 0, keepdims=True)
            self.mean.assign(mean)
            self.var.assign(tf.where(flat, tf.ones_like(var), var))

        def call(self, X):
            Y = (X - self.mean) / ops.sqrt(self.var)
            return keras.activations.get(self.activation)(ops.matmul(Y, self.weight) + self.bias)

        def get_config(self):
            config = super().get_config()
            config.update(units=self.units, activation=self.activation)
            return config

    yield "custom-layers.statistics", "the variance kept, names for activations", Sums

    @tf.custom_gradient
    def round_through(X):
        return tf.round(X), lambda gradient: gradient

    class WithFunction(keras.Layer):
        def __init__(self, units, step, limit):
            super().__init__()
            self.units, self.step, self.limit = units, step, limit

        def build(self, shape):
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros")
            self.weight = self.add_weight(shape=(shape[-1], self.units))

        def call(self, X):
            clipped = tf.minimum(tf.maximum(self.weight, -self.limit), self.limit)
            return tf.matmul(X, self.step * round_through(clipped / self.step)) + self.bias

    yield "custom-layers.quantized", "a gradient of its own", WithFunction

    def by_norm(X, eps):
        return X * tf.math.rsqrt(tf.math.reduce_mean(tf.square(X), -1, True) + eps)

    yield "custom-layers.rms", "with tf.math", by_norm

    class Where(keras.Layer):
        def __init__(self, rate):
            super().__init__()
            self.rate = rate

        def call(self, X, training=None):
            if training:
                dropped = tf.random.uniform(tf.shape(X)) < self.rate
                return tf.where(dropped, 0.0, X / (1 - self.rate))
            return tf.identity(X)

    yield "custom-layers.dropout", "where, and an identity in evaluation", Where

    def saved(X, t):
        @tf.custom_gradient
        def apply(X, t):
            Y = t * tf.reduce_logsumexp(X / t, -1)

            def backward(G):
                share = tf.nn.softmax(X / t)
                slope = tf.reduce_logsumexp(X / t, -1) - tf.reduce_sum(share * X, -1) / t
                return tf.expand_dims(G, -1) * share, tf.reduce_sum(G * slope)

            return Y, backward

        return apply(X, t)

    yield "custom-layers.soft-maximum", "decorated inside", saved
    yield "custom-layers.soft-maximum", "in a tf.function", tf.function(saved)


RIGHT = {"pytorch": pytorch, "tensorflow": tensorflow}
