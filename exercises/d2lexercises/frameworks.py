"""The two frameworks behind one set of words, so that a question is written once.

A probe receives a `Framework`. It makes layers and tensors with it, and turns what comes back into
arrays. Here, as in a formula, a dense layer is ``y = x @ kernel + bias`` with a kernel of shape
(in, out), whichever way round the framework stores it.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import numpy as np

from d2lcompute._frameworks import FRAMEWORKS
from d2lexercises.kinds import kind_of
from d2lexercises.wire import DTYPES

Layer = Any
Tensor = Any

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
}


class Framework(ABC):
    """What a probe may do with a framework."""

    of_checks = True  # an attribute that it lacks is no mistake of an answer
    key: str  # "pytorch" or "tensorflow"
    title: str
    layer: type  # the class that all layers derive from
    model: type  # the class that whole networks derive from
    layer_name: str  # as students write it
    own_method: str  # what students write and never call
    # The framework's classes of layers by name, as they were before an answer could replace any.
    built_in: Mapping[str, type]
    # What makes a graph of a function, torch.compile or tf.function, as it was then.
    graph_maker: Callable[..., Any]

    @abstractmethod
    def on_cpu(self) -> AbstractContextManager[Any]:
        """In this context layers and tensors are made on the CPU, where results are exact enough.

        A GPU may round the factors of a product to ten bits, which TensorFlow allows by default.
        Settings that hold for a whole process (another default precision, gradients off) are those
        of a fresh kernel in it, whatever a cell of the notebook has set. What was set before, and
        not what an answer leaves switched over, is set again when the context ends.
        """

    @abstractmethod
    def tensor(self, array: np.ndarray) -> Tensor:
        """A float32 tensor with the array's values."""

    @abstractmethod
    def dense(self, kernel: np.ndarray, bias: np.ndarray, name: str | None = None) -> Layer:
        """A dense layer that holds these values: (in, out) and (out,)."""

    @abstractmethod
    def waiting_dense(self, units: int, name: str | None = None) -> Layer:
        """A dense layer that waits for its first input to make its parameters."""

    @abstractmethod
    def activation(self, name: str) -> Layer:
        """One of `ACTIVATIONS` as a layer."""

    @abstractmethod
    def set_dense(self, layer: Layer, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        """Write values into a dense layer of the framework's own; bias None: it has none.

        Raises:
            TypeError: it is no dense layer. ValueError: the shapes do not fit.
        """

    @abstractmethod
    def registered(self, model: Layer) -> list[Tensor]:
        """The trainable parameters that the framework finds in a model, in its order."""

    @abstractmethod
    def gradients(
        self, loss: Callable[[], Tensor], of: Sequence[Tensor]
    ) -> list[np.ndarray | None]:
        """The gradients of a loss; None where none arrives."""

    @abstractmethod
    def weighted_sum(self, values: Tensor, weights: np.ndarray) -> Tensor:
        """The sum of ``values * weights``: a loss whose gradient says all about `values`.

        Raises:
            WrongKind: `values` is no tensor of the shape of `weights`.
        """

    @abstractmethod
    def assign(self, parameter: Tensor, array: np.ndarray) -> None:
        """Write values into a parameter."""

    @abstractmethod
    def dense_gradients(
        self, loss: Callable[[], Tensor], of: Sequence[Layer]
    ) -> list[list[np.ndarray | None]]:
        """The gradients of dense layers: for each, of its kernel, and of its bias if it has one."""

    @abstractmethod
    def step(self, model: Layer, loss: Callable[[], Tensor], rate: float) -> None:
        """One step of plain gradient descent on the parameters that the framework finds."""

    @abstractmethod
    def dense_values(self, layer: Layer) -> list[np.ndarray]:
        """The kernel of a dense layer of the framework's own, and its bias if it has one."""

    @abstractmethod
    def recorded(
        self,
        kernel: np.ndarray,
        bias: np.ndarray,
        wrap: Callable[[Layer], Layer],
        xs: Sequence[Tensor],
        penalty: float,
    ) -> Any:
        """What the framework notes about a dense layer, wrapped, while `xs` go through it.

        PyTorch: the outputs that a hook on the layer saw. TensorFlow: after each call the sum of
        the losses on record, where the layer has an L2 penalty on its output.
        """

    @abstractmethod
    def everything(self, model: Layer) -> list[Tensor]:
        """All arrays of a model, trained or not, each once, in the framework's order."""

    @abstractmethod
    def named(self, blocks: Mapping[str, Layer], name: str) -> Layer:
        """The built-in Sequential of these blocks, each under its name; `name` is its own."""

    @abstractmethod
    def normalization(self, features: int) -> Layer:
        """A batch normalization: a scale and a shift that train, and statistics that do not."""

    @abstractmethod
    def embedding(self, table: np.ndarray) -> Layer:
        """An embedding that holds this table: (words, features)."""

    @abstractmethod
    def parameter(self, array: np.ndarray) -> Tensor:
        """A parameter without a model: a leaf that asks for its gradient, or a variable."""

    def arrays(self, tensors: Sequence[Tensor]) -> list[np.ndarray]:
        """Several tensors as arrays."""
        return [self.array(tensor) for tensor in tensors]

    def array(self, tensor: Tensor) -> np.ndarray:
        """A tensor as an array of a dtype that can be sent.

        Raises:
            WrongKind: it is no tensor, and no array.
        """
        from d2lcompute._arrays import to_numpy
        from d2lexercises.faults import WrongKind

        if not (isinstance(tensor, np.ndarray) or hasattr(tensor, "numpy")):
            raise WrongKind(f"A tensor or an array is expected; what came is {kind_of(tensor)}.")
        array = np.array(to_numpy(tensor))
        return array if array.dtype.name in DTYPES else array.astype(np.float64)


def _shapes(kernel: str, arrays: Sequence[Any]) -> str:
    """The arrays of a dense layer in words: a kernel of shape (2, 3) and no bias."""
    shapes = [str(tuple(array.shape)) for array in arrays]
    if not shapes:
        return "a layer without arrays"
    bias = ", ".join(shapes[1:])
    return f"a {kernel} of shape {shapes[0]} and " + (
        f"a bias of shape {bias}" if bias else "no bias"
    )


def _need_shape(values: Any, weights: np.ndarray) -> None:
    """Raise `WrongKind` unless these are values of the shape of `weights`."""
    from d2lexercises.faults import WrongKind

    wanted = f"A tensor of shape {tuple(weights.shape)} is expected"
    if not hasattr(values, "shape"):
        raise WrongKind(f"{wanted}; what came is {kind_of(values)}.")
    if tuple(values.shape) != tuple(weights.shape):
        raise WrongKind(f"{wanted}; what came has the shape {tuple(values.shape)}.")


# What NumPy does about such results unless it is told otherwise.
_FRESH_ERRORS: dict[str, Any] = {
    "divide": "warn",
    "over": "warn",
    "under": "ignore",
    "invalid": "warn",
}


class _PyTorch(Framework):
    key, title = "pytorch", "PyTorch"
    layer_name, own_method = "nn.Module", "forward"

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self.layer = self.model = torch.nn.Module
        self.built_in = _classes_in(torch.nn)
        self.graph_maker = torch.compile

    @contextmanager
    def on_cpu(self) -> Iterator[None]:
        torch = self._torch
        gradients, precision = torch.is_grad_enabled(), torch.get_default_dtype()
        try:
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
            with torch.device("cpu"), np.errstate(**_FRESH_ERRORS):
                yield
        finally:
            torch.set_grad_enabled(gradients)
            torch.set_default_dtype(precision)

    def tensor(self, array: np.ndarray) -> Tensor:
        return self._torch.tensor(np.asarray(array, np.float32))

    def dense(self, kernel: np.ndarray, bias: np.ndarray, name: str | None = None) -> Layer:
        layer = self._torch.nn.Linear(*kernel.shape)
        self.set_dense(layer, kernel, bias)
        return layer

    def waiting_dense(self, units: int, name: str | None = None) -> Layer:
        return self._torch.nn.LazyLinear(units)

    def activation(self, name: str) -> Layer:
        nn = self._torch.nn
        return {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[name]()

    def set_dense(self, layer: Layer, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        if not isinstance(layer, self._torch.nn.Linear):
            raise TypeError(f"an nn.Linear is expected, found {kind_of(layer)}")
        expected = _shapes("weight", [kernel.T] if bias is None else [kernel.T, bias])
        found = _shapes("weight", [layer.weight, *([] if layer.bias is None else [layer.bias])])
        if expected != found:
            raise ValueError(f"expected {expected}, found {found}")
        with self._torch.no_grad():
            layer.weight.copy_(self.tensor(kernel.T))
            if bias is not None:
                layer.bias.copy_(self.tensor(bias))

    def registered(self, model: Layer) -> list[Tensor]:
        return [p for p in model.parameters() if p.requires_grad]

    def gradients(
        self, loss: Callable[[], Tensor], of: Sequence[Tensor]
    ) -> list[np.ndarray | None]:
        for tensor in of:
            if tensor.is_leaf and not tensor.requires_grad:
                tensor.requires_grad_(True)
        value = loss()
        if not value.requires_grad:
            return [None] * len(of)
        found = self._torch.autograd.grad(value, list(of), allow_unused=True)
        return [None if gradient is None else self.array(gradient) for gradient in found]

    def assign(self, parameter: Tensor, array: np.ndarray) -> None:
        with self._torch.no_grad():
            parameter.copy_(self.tensor(array))

    def dense_gradients(
        self, loss: Callable[[], Tensor], of: Sequence[Layer]
    ) -> list[list[np.ndarray | None]]:
        tensors = [[layer.weight, *([] if layer.bias is None else [layer.bias])] for layer in of]
        found = iter(self.gradients(loss, [tensor for pair in tensors for tensor in pair]))
        grouped = [[next(found) for _ in pair] for pair in tensors]
        return [[None if g is None else g.T for g in group] for group in grouped]

    def dense_values(self, layer: Layer) -> list[np.ndarray]:
        bias = [] if layer.bias is None else [self.array(layer.bias)]
        return [self.array(layer.weight).T, *bias]

    def recorded(
        self,
        kernel: np.ndarray,
        bias: np.ndarray,
        wrap: Callable[[Layer], Layer],
        xs: Sequence[Tensor],
        penalty: float,
    ) -> Any:
        block = self.dense(kernel, bias)
        net = wrap(block)
        seen: list[np.ndarray] = []
        block.register_forward_hook(lambda _, __, output: seen.append(self.array(output)))
        for x in xs:
            net(x)
        return seen

    def step(self, model: Layer, loss: Callable[[], Tensor], rate: float) -> None:
        parameters = self.registered(model)
        gradients = self.gradients(loss, parameters)
        with self._torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(rate * self.tensor(gradient))

    def weighted_sum(self, values: Tensor, weights: np.ndarray) -> Tensor:
        _need_shape(values, weights)
        return (values * self.tensor(weights)).sum()

    def everything(self, model: Layer) -> list[Tensor]:
        return [*model.parameters(), *model.buffers()]

    def named(self, blocks: Mapping[str, Layer], name: str) -> Layer:
        net = self._torch.nn.Sequential()
        for key, block in blocks.items():
            net.add_module(key, block)
        return net

    def normalization(self, features: int) -> Layer:
        return self._torch.nn.BatchNorm1d(features)

    def embedding(self, table: np.ndarray) -> Layer:
        return self._torch.nn.Embedding.from_pretrained(self.tensor(table), freeze=False)

    def parameter(self, array: np.ndarray) -> Tensor:
        return self.tensor(array).requires_grad_()


class _TensorFlow(Framework):
    key, title = "tensorflow", "TensorFlow"
    layer_name, own_method = "keras.Layer", "call"

    def __init__(self) -> None:
        import keras
        import tensorflow

        self._keras, self._tf = keras, tensorflow
        self.layer, self.model = keras.Layer, keras.Model
        self.built_in = _classes_in(keras) | _classes_in(keras.layers)
        self.graph_maker = tensorflow.function

    @contextmanager
    def on_cpu(self) -> Iterator[None]:
        config, functions = self._keras.config, self._tf.config
        precision, policy = config.floatx(), config.dtype_policy()
        layout, eagerly = config.image_data_format(), functions.functions_run_eagerly()

        def set_up(precision: str, policy: Any, layout: str, eagerly: bool) -> None:
            config.set_floatx(precision)
            config.set_dtype_policy(policy)
            config.set_image_data_format(layout)
            functions.run_functions_eagerly(eagerly)

        try:
            set_up("float32", "float32", "channels_last", False)
            with self._tf.device("CPU:0"), np.errstate(**_FRESH_ERRORS):
                yield
        finally:
            set_up(precision, policy, layout, eagerly)

    def tensor(self, array: np.ndarray) -> Tensor:
        return self._tf.constant(np.asarray(array, np.float32))

    def dense(self, kernel: np.ndarray, bias: np.ndarray, name: str | None = None) -> Layer:
        layer = self._keras.layers.Dense(kernel.shape[1], name=name)
        layer.build((None, kernel.shape[0]))
        self.set_dense(layer, kernel, bias)
        return layer

    def waiting_dense(self, units: int, name: str | None = None) -> Layer:
        return self._keras.layers.Dense(units, name=name)

    def activation(self, name: str) -> Layer:
        return self._keras.layers.Activation(name)

    def set_dense(self, layer: Layer, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        if not isinstance(layer, self._keras.layers.Dense):
            raise TypeError(f"a layers.Dense is expected, found {kind_of(layer)}")
        expected = _shapes("kernel", [kernel] if bias is None else [kernel, bias])
        found = _shapes("kernel", layer.weights)
        if expected != found:
            raise ValueError(f"expected {expected}, found {found}")
        layer.set_weights([kernel] if bias is None else [kernel, bias])

    def registered(self, model: Layer) -> list[Tensor]:
        return list(model.trainable_variables)

    def gradients(
        self, loss: Callable[[], Tensor], of: Sequence[Tensor]
    ) -> list[np.ndarray | None]:
        raw = [x.value if isinstance(x, self._keras.Variable) else x for x in of]
        with self._tf.GradientTape() as tape:
            for tensor in raw:
                tape.watch(tensor)
            value = loss()
        found = tape.gradient(value, raw)
        return [None if gradient is None else self.array(gradient) for gradient in found]

    def assign(self, parameter: Tensor, array: np.ndarray) -> None:
        parameter.assign(np.asarray(array, np.float32))

    def dense_gradients(
        self, loss: Callable[[], Tensor], of: Sequence[Layer]
    ) -> list[list[np.ndarray | None]]:
        tensors = [list(layer.weights) for layer in of]
        found = iter(self.gradients(loss, [tensor for pair in tensors for tensor in pair]))
        return [[next(found) for _ in pair] for pair in tensors]

    def dense_values(self, layer: Layer) -> list[np.ndarray]:
        return self.arrays(layer.weights)

    def recorded(
        self,
        kernel: np.ndarray,
        bias: np.ndarray,
        wrap: Callable[[Layer], Layer],
        xs: Sequence[Tensor],
        penalty: float,
    ) -> Any:
        block = self.dense(kernel, bias)
        block.activity_regularizer = self._keras.regularizers.L2(penalty)
        net = wrap(block)
        sums = []
        for x in xs:
            net(x)
            sums.append(float(sum(float(loss) for loss in net.losses)))
        return np.array(sums)

    def step(self, model: Layer, loss: Callable[[], Tensor], rate: float) -> None:
        parameters = list(model.trainable_variables)
        gradients = self.gradients(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter.assign(parameter - rate * gradient)

    def weighted_sum(self, values: Tensor, weights: np.ndarray) -> Tensor:
        _need_shape(values, weights)
        return self._tf.reduce_sum(values * self.tensor(weights))

    def everything(self, model: Layer) -> list[Tensor]:
        return list(model.weights)

    def named(self, blocks: Mapping[str, Layer], name: str) -> Layer:
        for key, block in blocks.items():
            block.name = key
        return self._keras.Sequential(list(blocks.values()), name=name)

    def normalization(self, features: int) -> Layer:
        layer = self._keras.layers.BatchNormalization()
        layer.build((None, features))
        return layer

    def embedding(self, table: np.ndarray) -> Layer:
        layer = self._keras.layers.Embedding(*table.shape)
        layer.build((None,))
        layer.set_weights([table])
        return layer

    def parameter(self, array: np.ndarray) -> Tensor:
        return self._tf.Variable(array)


def _classes_in(module: Any) -> dict[str, type]:
    return {name: one for name, one in vars(module).items() if isinstance(one, type)}


_CLASSES: dict[str, type[Framework]] = {"pytorch": _PyTorch, "tensorflow": _TensorFlow}
KEYS = tuple(_CLASSES)
# What PyTorch imports with the first step of an optimizer, a compilation or an export: a second or
# two, which processes that are forked can share.
IMPORTED_LATE = ("torch._dynamo", "torch._export.serde.serialize")
_ROOTS = {root: one.key for one in FRAMEWORKS.values() for root in one.roots}


@cache
def load(key: str) -> Framework:
    """The framework called `key`; imports it.

    Raises:
        ValueError: there is no such framework.
        ImportError: it is not installed.
    """
    if key not in _CLASSES:
        raise ValueError(f"no framework {key!r}; there are {list(KEYS)}")
    return _CLASSES[key]()


def detect(answer: object) -> str | None:
    """The framework an answer is written for; None if nothing tells.

    A class or an object tells by what it derives from. For anything else it is the framework whose
    helpers have been imported, or else the framework that has been; if that is one and not both.
    """
    kind = answer if isinstance(answer, type) else type(answer)
    for parent in kind.__mro__:
        root = str(getattr(parent, "__module__", "")).partition(".")[0]
        if root in _ROOTS:
            return _ROOTS[root]
    for names in (
        {f"d2lcompute.{one.helpers}": one.key for one in FRAMEWORKS.values()},
        {one.roots[0]: one.key for one in FRAMEWORKS.values()},
    ):
        loaded = [key for name, key in names.items() if name in sys.modules]
        if len(loaded) == 1:
            return loaded[0]
    return None
