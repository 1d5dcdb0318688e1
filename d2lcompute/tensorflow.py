"""The book's helpers for TensorFlow: ``from d2lcompute import tensorflow as d2l``.

Import it before TensorFlow. It then keeps TensorFlow's log out of the notebook: it sets
`TF_CPP_MIN_LOG_LEVEL=3` and `TF_ENABLE_ONEDNN_OPTS=0`, and drops the log lines that TensorFlow
writes while it is imported. It also sets `KERAS_BACKEND=tensorflow`. Variables that are already
set are kept. If PyTorch is loaded, it also loads Triton, which cannot be loaded after TensorFlow.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from d2lcompute import _arrays, _quiet, timing
from d2lcompute._arguments import absent, integer
from d2lcompute.checks import check, score
from d2lcompute.errors import shown_error
from d2lcompute.plotting import (
    Animator,
    plot,
    set_axes,
    set_figsize,
    show_heatmaps,
    use_svg_display,
)
from d2lcompute.tables import ParameterTable, Row

_first = "tensorflow" not in sys.modules
if _first:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # nothing else silences its notice
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # overrides the user's keras.json
    if "torch" in sys.modules and find_spec("triton") is not None:
        # PyTorch loads Triton when it first makes an optimizer. TensorFlow 2.20 and 2.21 export
        # their LLVM to libraries that are loaded later, and Triton crashes when it finds it:
        # https://github.com/tensorflow/tensorflow/issues/124205
        import_module("triton")
try:
    with _quiet.without_log_lines() if _first else nullcontext():
        import tensorflow as tf
    if getattr(tf, "__file__", None) is None:  # only a folder of that name
        raise ModuleNotFoundError(name="tensorflow")
except ModuleNotFoundError as error:
    if error.name != "tensorflow":
        raise
    raise ImportError(
        "TensorFlow is not installed in this Python; install it with: pip install tensorflow",
        name="tensorflow",
    ) from None

if TYPE_CHECKING:  # importing Keras is slow, and `import tensorflow` does not import it
    import keras

__all__ = [
    "Animator",
    "Benchmark",
    "Timer",
    "benchmark",
    "check",
    "cpu",
    "device_name",
    "gpu",
    "num_gpus",
    "parameter_table",
    "plot",
    "score",
    "seed",
    "set_axes",
    "set_figsize",
    "set_precision",
    "show_heatmaps",
    "shown_error",
    "synchronize",
    "try_all_gpus",
    "try_gpu",
    "use_svg_display",
]

if not TYPE_CHECKING:  # a type checker would take every name as defined

    def __getattr__(name: str) -> object:
        raise absent(__name__, name, __all__)


class Device(str):
    """A device: a string that TensorFlow takes as its name, and a context that places work on it.

    TensorFlow takes it wherever it takes a device string, and `tensor.device` ends with it. As
    a context it can be reused, nested, and used from several threads.

    >>> with cpu():
    ...     x = tf.ones(2)
    >>> x.device.endswith(cpu())
    True
    """

    __slots__ = ()
    _entered = threading.local()

    def __enter__(self) -> Self:
        context = tf.device(str(self))
        context.__enter__()
        if not hasattr(Device._entered, "stack"):
            Device._entered.stack = []
        Device._entered.stack.append(context)
        return self

    def __exit__(self, *exception: Any) -> None:
        Device._entered.stack.pop().__exit__(*exception)


def cpu() -> Device:
    """Return the CPU.

    >>> print(cpu())
    CPU:0
    """
    return Device("CPU:0")


def gpu(i: int = 0) -> Device:
    """Return GPU `i`, whether it exists or not.

    TensorFlow calls any accelerator a GPU: CUDA, ROCm, Apple's Metal plugin. It places work on
    the CPU if the GPU does not exist. Use `try_gpu` for a device that exists.

    Args:
        i: the index, from 0 to 127, among the logical devices.

    Raises:
        TypeError: `i` is not an integer.
        ValueError: `i` is not from 0 to 127.

    >>> print(gpu(1))
    GPU:1
    """
    return Device(f"GPU:{integer('i', i, 0, 127)}")


def num_gpus() -> int:
    """Return the number of GPUs that TensorFlow can use.

    Logical GPUs are counted: a GPU that `tf.config.set_logical_device_configuration` split in
    two counts as two, and a GPU that `tf.config.set_visible_devices` hides does not count. The
    call does not start TensorFlow's runtime: devices can still be configured after it.
    """
    return len(_logical("GPU"))


def try_gpu(i: int = 0) -> Device:
    """Return GPU `i` if it exists, and otherwise the CPU.

    Args:
        i: the index, from 0 to 127.

    Raises:
        TypeError: `i` is not an integer.
        ValueError: `i` is not from 0 to 127.
    """
    device = gpu(i)
    return device if device in _logical("GPU") else cpu()


def try_all_gpus() -> list[Device]:
    """Return all GPUs, or the CPU in a list if there is no GPU."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]


def device_name(device: str) -> str:
    """Return the name of a device, such as 'NVIDIA H200', or 'CPU'.

    Args:
        device: a device, or any device string of TensorFlow, such as `tensor.device`.

    Raises:
        TypeError: `device` is not a string.
        ValueError: there is no such device.

    >>> device_name(cpu())
    'CPU'
    """
    found = _existing(device)
    kind = found.partition(":")[0]
    if kind == "CPU":
        return kind
    details = tf.config.experimental.get_device_details(_logical(kind)[found])
    return details.get("device_name", kind)


def synchronize(device: str | None = None) -> None:
    """Wait until all queued work is done.

    Accelerators run asynchronously: an operation returns before it is finished. The CPU queues
    no work, unless `tf.config.experimental.set_synchronous_execution(False)` was called. If
    work can be queued, the call starts TensorFlow's runtime.

    Args:
        device: the device to wait for; None for all. TensorFlow always waits for all of
            them.

    Raises:
        TypeError: `device` is neither a string nor None.
        ValueError: there is no such device.
    """
    if (wait := _waiter(device)) is not None:
        wait()


def _logical(kind: str) -> dict[Device, Any]:
    """Return the logical devices of a kind, each with its physical device.

    `tf.config.list_logical_devices` would start the runtime, and then devices could no longer
    be configured.
    """
    found: dict[Device, Any] = {}
    for physical in tf.config.get_visible_devices(kind):
        parts = tf.config.get_logical_device_configuration(physical) or [None]
        for _ in parts:
            found[Device(f"{kind}:{len(found)}")] = physical
    return found


def _existing(device: object) -> Device:
    """Return `device` in this module's form, or raise the error for one that does not exist."""
    if not isinstance(device, str):
        raise TypeError(f"device must be a string such as 'CPU:0', got {device!r}")
    available = [*_logical("CPU"), *_logical("GPU")]
    try:
        spec = tf.DeviceSpec.from_string(str(device))
        found = f"{spec.device_type}:{spec.device_index or 0}"
    except ValueError:  # not a device string
        found = ""
    if found not in available:
        names = ", ".join(available)
        raise ValueError(f"there is no device {str(device)!r}; available: {names}")
    return Device(found)


def _waiter(device: str | None) -> timing.Wait | None:
    """Return the function that a timer calls before it reads the clock; None if it need not."""
    queues = num_gpus() > 0 if device is None else not _existing(device).startswith("CPU")
    if queues or not tf.config.experimental.get_synchronous_execution():
        return tf.test.experimental.sync_devices
    return None


class Timer(timing.Timer):
    """A stopwatch that waits for the device before each reading, and adds up its times.

    It starts when it is created. As a context manager it times the block.

    Args:
        device: the device whose work is timed; None for all.

    Attributes:
        times: the seconds from each start to the next stop, oldest first.

    Raises:
        TypeError: `device` is neither a string nor None.
        ValueError: there is no such device.

    >>> timer = Timer()
    >>> elapsed = timer.stop()
    >>> timer.times == [elapsed]
    True
    """

    def __init__(self, device: str | None = None) -> None:
        super().__init__(_waiter(device))


class Benchmark(timing.Benchmark):
    """A context manager that prints how long its block took, device included.

    If the block raises an exception, nothing is printed.

    Args:
        description: the text before the time.
        device: the device whose work is timed; None for all.

    Attributes:
        seconds: the time the block took, in seconds; None before its end.

    Raises:
        TypeError: `device` is neither a string nor None.
        ValueError: there is no such device.
    """

    def __init__(self, description: str = "Done", device: str | None = None) -> None:
        super().__init__(description, _waiter(device))


def benchmark(
    fn: Callable[..., object],
    *args: Any,
    repeat: int = 10,
    warmup: int = 3,
    device: str | None = None,
) -> timing.BenchmarkResult:
    """Measure how long `fn(*args)` takes, device included.

    Each sample consists of so many calls that it lasts 5 ms or more, far above the clock's
    resolution. The calls of the warm-up, and those that find this number, are not counted.

    Args:
        fn: the function to call; its result is discarded.
        args: its arguments.
        repeat: the number of samples.
        warmup: the number of calls before the first sample.
        device: the device whose work is timed; None for all.

    Returns:
        The result, with its `median`, `spread` (interquartile range), `samples` and `number`
        (calls a sample); times are in seconds per call.

    Raises:
        TypeError: `fn` cannot be called, calling it runs none of its code, as with a
            generator function, `repeat` or `warmup` is not an integer, or `device` is
            neither a string nor None.
        ValueError: `repeat` is below 1 or `warmup` below 0, or there is no such device.

    >>> result = benchmark(tf.add, tf.ones(3), tf.ones(3), repeat=4)
    >>> len(result.samples)
    4
    """
    return timing.benchmark(fn, *args, repeat=repeat, warmup=warmup, wait=_waiter(device))


def seed(n: int) -> None:
    """Seed Python's `random`, NumPy, TensorFlow on all devices, and Keras.

    Args:
        n: from 0 to 2**32 - 1.

    Raises:
        TypeError, ValueError: `n` is not an integer in that range.

    >>> seed(0)
    >>> first = tf.random.uniform((2,))
    >>> seed(0)
    >>> bool(tf.reduce_all(first == tf.random.uniform((2,))))
    True
    """
    n = integer("n", n, 0, 2**32 - 1)
    import keras

    keras.utils.set_random_seed(n)


def set_precision(digits: int = 4) -> None:
    """Let NumPy, and so TensorFlow, print `digits` digits after the point, without exponents.

    Args:
        digits: from 0 to 16.

    Raises:
        TypeError, ValueError: `digits` is not an integer in that range.
    """
    _arrays.set_print_precision(digits)


def parameter_table(model: "keras.Layer") -> ParameterTable:
    """List a model's weights, with totals.

    Args:
        model: any Keras layer or model. A weight that it uses in several places is listed
            once. A layer whose weights do not exist yet is shown as not built yet.

    Raises:
        TypeError: `model` is not a `keras.Layer`.

    >>> dense = tf.keras.layers.Dense(2)
    >>> parameter_table(dense).total
    0
    >>> y = dense(tf.ones((1, 3)))
    >>> parameter_table(dense).total
    8
    """
    import keras

    if not isinstance(model, keras.Layer):
        raise TypeError(
            "model must be a keras.Layer or keras.Model, "
            f"got {type(model).__module__}.{type(model).__name__}"
        )
    return ParameterTable((*map(_row, model.weights), *map(_unbuilt_row, _unbuilt(model))))


def _row(weight: "keras.Variable") -> Row:
    value = weight.value
    parts = getattr(value, "values", None) or [value]  # one for each device of a MirroredStrategy
    return Row(
        name=weight.path,
        shape=tuple(weight.shape),
        dtype=weight.dtype,
        count=weight.shape.num_elements(),
        bytes=weight.shape.num_elements() * tf.as_dtype(weight.dtype).size,
        device=", ".join(part.device.rpartition("device:")[2] for part in parts),
        trainable=weight.trainable,
    )


def _unbuilt_row(layer: "keras.Layer") -> Row:
    dtype = layer.variable_dtype
    return Row(layer.name, None, dtype, None, None, "", layer.trainable)


def _unbuilt(model: "keras.Layer") -> "list[keras.Layer]":
    """Return the layers whose weights do not exist yet, without containers of layers."""
    return [
        layer
        for layer in model._flatten_layers()  # Keras has no public way to all nested layers
        if not layer.built and not layer.weights and len(list(layer._flatten_layers())) == 1
    ]
