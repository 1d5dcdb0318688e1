"""Small networks as plain data, for questions that compare with a calculation by hand.

A *chain* is a list of layers: ``{"kernel", "bias"}`` for a dense layer, with a kernel of shape
(in, out), and ``{"activation"}`` for one of `frameworks.ACTIVATIONS`.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from d2lexercises.faults import WrongKind
from d2lexercises.frameworks import ACTIVATIONS, Framework, Layer, Tensor
from d2lexercises.kinds import kind_of

MOST_SHOWN = 8  # numbers of a row that are written out


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


def convolution(kernel: np.ndarray, bias: np.ndarray, framework: Framework) -> Layer:
    """Layers that convolve (n, in) with width 1 into (n, out): a kernel of (1, in, out), a bias."""
    _, inputs, outputs = kernel.shape
    if framework.key == "pytorch":
        from torch import nn

        inner = nn.Conv1d(inputs, outputs, 1)
        parts = [nn.Unflatten(1, (inputs, 1)), inner, nn.Flatten()]
    else:
        from keras import layers

        inner = layers.Conv1D(outputs, 1)
        inner.build((None, 1, inputs))
        parts = [layers.Reshape((1, inputs)), inner, layers.Flatten()]
    arrays = stored(kernel, framework.key), bias
    for parameter, array in zip(framework.registered(inner), arrays, strict=True):
        framework.assign(parameter, array)
    return framework.named(dict(zip(("apart", "inner", "flat"), parts, strict=True)), "convolution")


def stored(kernel: np.ndarray, framework: str) -> np.ndarray:
    """A kernel the way round in which the framework stores it."""
    return kernel.T if framework == "pytorch" else kernel


def data_in_words(x: np.ndarray) -> str:
    """An input in words; of a long row, the beginning."""
    row = x.reshape(-1, x.shape[-1])[0]
    first = np.array2string(row[:MOST_SHOWN], precision=3, separator=", ", max_line_width=200)
    first = first if len(row) <= MOST_SHOWN else f"{first[:-1]}, ...]"
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
    return tensor_of(np.asarray(array, np.float64), framework)


def tensor_of(array: np.ndarray, framework: Framework) -> Tensor:
    """A tensor with the array's values and dtype; `Framework.tensor` makes one of float32."""
    if framework.key == "pytorch":
        import torch

        return torch.tensor(array)
    import tensorflow

    return tensorflow.constant(array)


def saved_state(net: Layer, x: Tensor, framework: Framework) -> bytes:
    """A file with the state of a layer, which gets `x`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _STATE)
        if framework.key == "pytorch":
            import torch

            torch.save(net.state_dict(), path)
        else:
            _alone(net, x).save_weights(path)
        return path.read_bytes()


def load_state(net: Layer, x: Tensor, saved: bytes, framework: Framework) -> None:
    """Load what `saved_state` returned into another layer, which gets `x`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _STATE)
        path.write_bytes(saved)
        if framework.key == "pytorch":
            import torch

            net.load_state_dict(torch.load(path))
        else:
            _alone(net, x).load_weights(path)


_STATE = "model.weights.h5"


def _alone(net: Layer, x: Tensor) -> Any:
    """A Keras model of one layer."""
    from keras import Sequential

    model = Sequential([net])
    model(x)
    return model


# -- the parts of a student's network ------------------------------------------------------------


def attribute(net: Layer, name: str) -> Any:
    """The attribute of a student's network that the text asks for.

    Raises:
        WrongKind: there is none of this name.
    """
    try:
        return getattr(net, name)
    except AttributeError:
        raise WrongKind(
            f"{name}: there is no attribute of this name.",
            f"Assign it to self.{name}. The check looks for it by this name.",
        ) from None


def write_dense(
    layer: Any, name: str, kernel: np.ndarray, bias: np.ndarray | None, framework: Framework
) -> None:
    """Write values into a dense layer of a student's network, which is called `name` there.

    Raises:
        WrongKind: it is no dense layer, or of other shapes; the message begins with the name.
    """
    try:
        framework.set_dense(layer, kernel, bias)
    except (TypeError, ValueError) as error:
        hint = f"Look at the line that creates {name}: its class, its sizes, and its bias."
        raise WrongKind(f"{name}: {error}.", hint) from None


def write_parameter(parameter: Any, name: str, array: np.ndarray, framework: Framework) -> None:
    """Write values into a parameter of a student's network, which is called `name` there.

    Raises:
        WrongKind: it is no tensor of this shape; the message begins with the name.
    """
    shape = getattr(parameter, "shape", None)
    if shape is None or tuple(shape) != array.shape:
        found = "no tensor" if shape is None else f"shape {tuple(shape)}"
        raise WrongKind(
            f"{name}: expected a parameter of shape {array.shape}, found {found}.",
            f"Look at the line that creates {name}.",
        )
    if framework.key == "tensorflow" and not hasattr(parameter, "assign"):
        raise WrongKind(
            f"{name}: a variable is expected, found {kind_of(parameter)}.",
            f"Look at the line that creates {name}: add_weight makes a variable that is trained.",
        )
    framework.assign(parameter, array)


def need_count(found: Sequence[Any], count: int, name: str) -> None:
    """Raise `WrongKind` unless there are so many layers in `name`."""
    if len(found) != count:
        raise WrongKind(
            f"{name}: expected {count} dense layers, found {len(found)}.",
            f"Count the layers that __init__ puts into {name}.",
        )


def call_first(net: Layer, x: Tensor, framework: Framework) -> None:
    """Call the network for the first time.

    Raises:
        WrongKind: this created parameters, which an optimizer made before the call does not get.
            In Keras layers make their weights in the first call, so there it is not raised.
    """
    before = list(net.parameters()) if framework.key == "pytorch" else []  # kept, so that ids stay
    known = {id(one) for one in before}
    net(x)
    if framework.key != "pytorch":
        return
    late = [name for name, one in net.named_parameters() if id(one) not in known]
    if late:
        raise WrongKind(
            f"{', '.join(late)}: created by the first call, too late for an optimizer that was "
            "made before it.",
            "Create every layer and every parameter in __init__.",
        )


@contextmanager
def without(built_in: type, message: str, *methods: str) -> Iterator[None]:
    """In this context `WrongKind(message)` is raised where an object of a class is made or run."""

    def refusing(method: Any) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise WrongKind(message)

        refuse.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]  # Keras reads it
        return refuse

    names = ("__init__", *methods)
    own = {name: vars(built_in).get(name) for name in names}
    try:
        for name in names:
            setattr(built_in, name, refusing(getattr(built_in, name)))
        yield
    finally:
        for name, method in own.items():
            if method is None:
                delattr(built_in, name)
            else:
                setattr(built_in, name, method)


# -- what a call must not change -----------------------------------------------------------------


def state_of(net: Layer, framework: Framework) -> dict[str, Any]:
    """All of a network that running it leaves as it is, each part by a name for people."""
    return _state_in_pytorch(net) if framework.key == "pytorch" else _state_in_keras(net)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of the parts of a state that are new, gone, or other than before."""
    return [
        name
        for name in dict.fromkeys([*before, *after])
        if name not in before or name not in after or not _is_same(before[name], after[name])
    ]


def _state_in_pytorch(net: Layer) -> dict[str, Any]:
    from torch.nn.modules import module as every

    state: dict[str, Any] = {}
    for key, value in vars(every).items():
        if key.startswith("_global_") and isinstance(value, dict):
            state[f"hooks of all modules ({key})"] = dict(value)
    for name, module in net.named_modules(remove_duplicate=False):
        called = f"net.{name}" if name else "net"
        state[f"the class of {called}"] = type(module)
        for key, value in vars(module).items():
            words = f": {key.strip('_').replace('_', ' ')}" if key[:1] == "_" else f".{key}"
            state[called + words] = _kept(value)
    for name, one in [*net.named_parameters(), *net.named_buffers()]:
        state[f"the values of net.{name}"] = one.detach().clone()
        state[f"net.{name}.requires_grad"] = one.requires_grad
        state[f"net.{name}.grad"] = None if one.grad is None else one.grad.detach().clone()
    return state


def _state_in_keras(net: Layer) -> dict[str, Any]:
    state: dict[str, Any] = {}
    layers = {id(one): one for one in [net, *net._flatten_layers()]}
    for layer in layers.values():
        called = "net" if layer is net else f"net, layer {layer.name}"
        state |= {  # a call notes much about itself under names that begin with _
            f"{called}: {key}": _kept(value)
            for key, value in vars(layer).items()
            if not key.startswith("_")
        }
        state[f"{called}: whether it is trained"] = layer.trainable
        state[f"{called}: its values"] = layer.get_weights()
    state["net: the layers"] = list(net.layers)
    state["net: the outputs"] = list(net.outputs)
    state["net: compiled"] = bool(net.compiled)
    return state


def _kept(value: Any) -> Any:
    """A list, dict or set as it is now; anything else itself."""
    return next((kind(value) for kind in (dict, list, set) if isinstance(value, kind)), value)


def _is_same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if hasattr(one, "shape"):
        return bool(np.array_equal(np.asarray(one), np.asarray(other)))
    if isinstance(one, dict):
        return list(one) == list(other) and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return isinstance(one, bool | int | float | str | set) and bool(one == other)
