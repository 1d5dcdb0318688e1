"""The book's helpers for TensorFlow: ``from d2lcompute import tensorflow as d2l``.

Import it before TensorFlow. It then keeps TensorFlow's log out of the notebook: it sets
`TF_CPP_MIN_LOG_LEVEL=3` and `TF_ENABLE_ONEDNN_OPTS=0`, and drops the log lines that TensorFlow
writes while it is imported. It also sets `KERAS_BACKEND=tensorflow`. A variable that is set
already stays. Where PyTorch is loaded before it, it loads Triton too, which cannot follow
TensorFlow.
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
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # no other way to silence its notice
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # whatever the user's keras.json says
    if "torch" in sys.modules and find_spec("triton") is not None:
        # PyTorch loads it when it first makes an optimizer. TensorFlow 2.20 and 2.21 offer their
        # LLVM to all that is loaded after them, and Triton's initialization dies of it:
        # https://github.com/tensorflow/tensorflow/issues/124205
        import_module("triton")
try:
    with _quiet.without_log_lines() if _first else nullcontext():
        import tensorflow as tf
    if getattr(tf, "__file__", None) is None:  # a mere folder of that name
        raise ModuleNotFoundError(name="tensorflow")
except ModuleNotFoundError as error:
    if error.name != "tensorflow":
        raise
    raise ImportError(
        'TensorFlow is not installed; install it with: pip install "d2lcompute[tensorflow]"',
        name="tensorflow",
    ) from None

if TYPE_CHECKING:  # Keras takes a while to import: `import tensorflow` alone does not
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
    "synchronize",
    "try_all_gpus",
    "try_gpu",
    "use_svg_display",
]

if not TYPE_CHECKING:  # for a type checker, every name would be there

    def __getattr__(name: str) -> object:
        raise absent(__name__, name, __all__)


class Device(str):
    """A device: the string TensorFlow knows it by, and a context that places work on it.

    It goes wherever TensorFlow takes a device string, and `tensor.device` ends with it. As a
    context it can be entered again, nested, and used from several threads.

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

    Any accelerator that TensorFlow calls a GPU: CUDA, ROCm, Apple's Metal plugin. TensorFlow
    itself places work on the CPU where the GPU does not exist. Use `try_gpu` for a device
    that is sure to exist.

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
    """Return how many GPUs TensorFlow can use.

    Logical ones, so one GPU that `tf.config.set_logical_device_configuration` split in two
    counts as two, and one that `tf.config.set_visible_devices` hides does not count. Asking
    does not start TensorFlow's runtime: devices can still be configured after it.
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
    """Return all GPUs, or a list of only the CPU where there is none."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]


def device_name(device: str) -> str:
    """Return what a device is called, such as 'NVIDIA H200', or 'CPU'.

    Args:
        device: a device, or any string TensorFlow takes for one, such as `tensor.device`.

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
    """Wait until all work that was queued is done.

    Accelerators run beside Python: an operation returns before its result is there. The CPU
    queues nothing, unless `tf.config.experimental.set_synchronous_execution(False)` was
    called. Where there is something to wait for, this starts TensorFlow's runtime.

    Args:
        device: the device to wait for; None for all. TensorFlow waits for all of them
            wherever it waits for one.

    Raises:
        TypeError: `device` is neither a string nor None.
        ValueError: there is no such device.
    """
    if (wait := _waiter(device)) is not None:
        wait()


def _logical(kind: str) -> dict[Device, Any]:
    """Return the logical devices of a kind, each with the physical device it is on.

    `tf.config.list_logical_devices` would start the runtime, after which devices can no
    longer be configured.
    """
    found: dict[Device, Any] = {}
    for physical in tf.config.get_visible_devices(kind):
        parts = tf.config.get_logical_device_configuration(physical) or [None]
        for _ in parts:
            found[Device(f"{kind}:{len(found)}")] = physical
    return found


def _existing(device: object) -> Device:
    """Return `device` as this module writes it, if it exists."""
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
    """Return what a timer calls before it reads the clock; None where nothing is queued."""
    queues = num_gpus() > 0 if device is None else not _existing(device).startswith("CPU")
    if queues or not tf.config.experimental.get_synchronous_execution():
        return tf.test.experimental.sync_devices
    return None


class Timer(timing.Timer):
    """A stopwatch that adds up, and waits for the device before each reading.

    It runs from the moment it is made. As a context manager it times the block.

    Args:
        device: the device whose work is timed; None for all.

    Attributes:
        times: the seconds between each start and its stop, oldest first.

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

    A block that raises prints nothing.

    Args:
        description: what stands before the time.
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

    After the warm-up, so many calls go into one sample that it lasts 5 ms or more, far above
    the clock's resolution. Neither the warm-up nor the search for that number is counted.

    Args:
        fn: what to call; its result is thrown away.
        args: what to call it with.
        repeat: how many samples to take.
        warmup: how many calls to make first.
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
        model: any Keras layer or model. A weight it uses in several places is listed once;
            a layer without weights so far is shown as not built yet.

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
    parts = getattr(value, "values", None) or [value]  # one a device under MirroredStrategy
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
    """Return the layers whose weights do not exist yet, without those that only hold layers."""
    return [
        layer
        for layer in model._flatten_layers()  # Keras has no public way to all nested layers
        if not layer.built and not layer.weights and len(list(layer._flatten_layers())) == 1
    ]
