"""Small networks as plain data, for questions that compare with a calculation by hand.

A *chain* is a list of layers: ``{"kernel", "bias"}`` for a dense layer, with a kernel of shape
(in, out), and ``{"activation"}`` for one of `frameworks.ACTIVATIONS`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from d2lexercises.frameworks import ACTIVATIONS, Framework, Layer, Tensor


def by_hand(chain: Sequence[Mapping[str, Any]], x: np.ndarray) -> np.ndarray:
    """What the chain makes of `x`, calculated with NumPy in double precision."""
    x = x.astype(np.float64)
    for part in chain:
        if "activation" in part:
            x = ACTIVATIONS[part["activation"]](x)
        else:
            x = x @ part["kernel"] + part["bias"]
    return x


def make_layers(chain: Sequence[Mapping[str, Any]], framework: Framework) -> list[Layer]:
    """The chain as layers of the framework."""
    return [
        framework.activation(part["activation"])
        if "activation" in part
        else framework.dense(part["kernel"], part["bias"])
        for part in chain
    ]


def in_words(chain: Sequence[Mapping[str, Any]]) -> str:
    """A chain in words: dense 3→4, tanh, dense 4→2."""
    return ", ".join(
        part["activation"]
        if "activation" in part
        else f"dense {part['kernel'].shape[0]}→{part['kernel'].shape[1]}"
        for part in chain
    )


def normalization(scale: np.ndarray, shift: np.ndarray, framework: Framework) -> Layer:
    """A batch normalization of the framework with this scale and shift: (features,) each."""
    layer = framework.normalization(scale.size)
    for parameter, array in zip(framework.registered(layer), (scale, shift), strict=True):
        framework.assign(parameter, array)
    return layer


def stored(kernel: np.ndarray, framework: str) -> np.ndarray:
    """A kernel the way round in which the framework stores it."""
    return kernel.T if framework == "pytorch" else kernel


def data_in_words(x: np.ndarray) -> str:
    """An input in words."""
    first = np.array2string(x.reshape(-1, x.shape[-1])[0], precision=3, separator=", ")
    return f"X of shape {tuple(x.shape)}, first row {first}"


def routed(parts: Mapping[str, Layer], route: Sequence[str], framework: Framework) -> Layer:
    """A model that holds `parts` as attributes, and calls those that `route` names, one by one.

    `route` is read at each call, so that a list can be changed between two.
    """

    def start(self: Layer) -> None:
        framework.model.__init__(self)  # type: ignore[misc]
        for name, part in parts.items():
            setattr(self, name, part)

    def run(self: Layer, x: Any) -> Any:
        for name in route:
            x = getattr(self, name)(x)
        return x

    methods = {"__init__": start, framework.own_method: run}
    return type("Routed", (framework.model,), methods)()


def double_tensor(array: np.ndarray, framework: Framework) -> Tensor:
    """A float64 tensor with the array's values."""
    array = np.asarray(array, np.float64)
    if framework.key == "pytorch":
        import torch

        return torch.tensor(array)
    import tensorflow

    return tensorflow.constant(array)


def save_and_load(first: Layer, second: Layer, x: Tensor, framework: Framework) -> None:
    """Save the weights of one model to a file, and load them into another.

    Keras saves the weights of models alone, so each is put into one, which `x` builds.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        if framework.key == "pytorch":
            import torch

            torch.save(first.state_dict(), path)
            second.load_state_dict(torch.load(path))
            return
        from keras import Sequential

        models = [Sequential([net]) for net in (first, second)]
        for model in models:
            model(x)
        models[0].save_weights(path)
        models[1].load_weights(path)
