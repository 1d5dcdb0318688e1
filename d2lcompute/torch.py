"""The book's helpers for PyTorch: ``from d2lcompute import torch as d2l``.

If TensorFlow is loaded first, PyTorch runs without Triton, and `torch.compile` works on the CPU
alone. Import PyTorch first to use both.
"""

import random
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    import torch

    if getattr(torch, "__file__", None) is None:  # only a folder of that name
        raise ModuleNotFoundError(name="torch")
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        "PyTorch is not installed in this Python; install it with: pip install torch", name="torch"
    ) from None

if "tensorflow" in sys.modules and "triton" not in sys.modules:
    # Loading Triton now may crash the process: see d2lcompute.tensorflow.
    sys.modules["triton"] = None  # type: ignore[assignment]

from d2lcompute import _arrays, timing
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


def cpu() -> torch.device:
    """Return the CPU.

    >>> cpu()
    device(type='cpu')
    """
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """Return accelerator `i`, whether it exists or not.

    Its type is the accelerator that PyTorch was built for: CUDA, which includes ROCm, MPS on
    Apple's chips, or XPU; CUDA if it was built for the CPU alone. Use `try_gpu` for a device
    that exists.

    Args:
        i: the index, from 0 to 127.

    Raises:
        TypeError: `i` is not an integer.
        ValueError: `i` is not from 0 to 127.

    >>> gpu(1).index
    1
    """
    accelerator = torch.accelerator.current_accelerator()
    kind = "cuda" if accelerator is None else accelerator.type
    return torch.device(kind, integer("i", i, 0, 127))  # PyTorch keeps the index in 8 bits


def num_gpus() -> int:
    """Return the number of accelerators that PyTorch can use."""
    return torch.accelerator.device_count() if torch.accelerator.is_available() else 0


def try_gpu(i: int = 0) -> torch.device:
    """Return accelerator `i` if it exists, and otherwise the CPU.

    Args:
        i: the index, from 0 to 127.

    Raises:
        TypeError: `i` is not an integer.
        ValueError: `i` is not from 0 to 127.
    """
    device = gpu(i)
    return device if device.index < num_gpus() else cpu()


def try_all_gpus() -> list[torch.device]:
    """Return all accelerators, or the CPU in a list if there is no accelerator."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]


def device_name(device: torch.device | str) -> str:
    """Return the name of a device, such as 'NVIDIA H200', or 'CPU'.

    Args:
        device: a device or its string; 'cuda' means the current CUDA device.

    Raises:
        TypeError: `device` is neither a device nor a string.
        ValueError: there is no such device.

    >>> device_name(cpu())
    'CPU'
    """
    device = _existing(device)
    module = torch.get_device_module(device) if device.type != "cpu" else None
    name_of = getattr(module, "get_device_name", None)  # MPS has none
    return name_of(device.index) if name_of else device.type.upper()


def synchronize(device: torch.device | str | None = None) -> None:
    """Wait until all queued work is done.

    Accelerators run asynchronously: an operation returns before it is finished. The CPU queues
    no work.

    Args:
        device: the device to wait for; None for all accelerators that this process uses.

    Raises:
        TypeError: `device` is neither a device, nor a string, nor None.
        ValueError: there is no such device.
    """
    if device is not None:
        _wait(_existing(device))
        return
    for accelerator in try_all_gpus():
        _wait(accelerator)


def _wait(device: torch.device) -> None:
    """Wait for one existing device; do not start one that this process has not used."""
    if device.type == "cpu":
        return
    initialized = getattr(torch.get_device_module(device), "is_initialized", None)
    if initialized is not None and not initialized():
        return
    has_context = getattr(torch._C, "_cuda_hasPrimaryContext", None)
    if device.type == "cuda" and has_context is not None and not has_context(device.index):
        return
    torch.accelerator.synchronize(device)


def _existing(device: object) -> torch.device:
    """Return `device` with its index, or raise the error for a device that does not exist."""
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device must be a torch.device or a string such as 'cpu', got {device!r}")
    available = [cpu(), *(gpu(i) for i in range(num_gpus()))]
    try:
        found = torch.device(device)
    except RuntimeError:  # not a device string
        found = None
    if found is not None and found.type == "cpu":
        return cpu()
    if found is not None and found.index is None and found.type == available[-1].type:
        current = getattr(torch.get_device_module(found), "current_device", None)  # MPS has none
        found = torch.device(found.type, current() if current else 0)
    if found not in available:
        names = ", ".join(map(str, available))
        raise ValueError(f"there is no device {str(device)!r}; available: {names}")
    return found


def _waiter(device: torch.device | str | None) -> timing.Wait | None:
    """Return the function that a timer calls before it reads the clock; None on a CPU."""
    if device is None:
        return synchronize if num_gpus() else None
    existing = _existing(device)
    return None if existing.type == "cpu" else partial(_wait, existing)


class Timer(timing.Timer):
    """A stopwatch that waits for the device before each reading, and adds up its times.

    It starts when it is created. As a context manager it times the block.

    Args:
        device: the device whose work is timed; None for all accelerators.

    Attributes:
        times: the seconds from each start to the next stop, oldest first.

    Raises:
        TypeError: `device` is neither a device, nor a string, nor None.
        ValueError: there is no such device.

    >>> timer = Timer()
    >>> elapsed = timer.stop()
    >>> timer.times == [elapsed]
    True
    """

    def __init__(self, device: torch.device | str | None = None) -> None:
        super().__init__(_waiter(device))


class Benchmark(timing.Benchmark):
    """A context manager that prints how long its block took, device included.

    If the block raises an exception, nothing is printed.

    Args:
        description: the text before the time.
        device: the device whose work is timed; None for all accelerators.

    Attributes:
        seconds: the time the block took, in seconds; None before its end.

    Raises:
        TypeError: `device` is neither a device, nor a string, nor None.
        ValueError: there is no such device.
    """

    def __init__(self, description: str = "Done", device: torch.device | str | None = None) -> None:
        super().__init__(description, _waiter(device))


def benchmark(
    fn: Callable[..., object],
    *args: Any,
    repeat: int = 10,
    warmup: int = 3,
    device: torch.device | str | None = None,
) -> timing.BenchmarkResult:
    """Measure how long `fn(*args)` takes, device included.

    Each sample consists of so many calls that it lasts 5 ms or more, far above the clock's
    resolution. The calls of the warm-up, and those that find this number, are not counted.

    Args:
        fn: the function to call; its result is discarded.
        args: its arguments.
        repeat: the number of samples.
        warmup: the number of calls before the first sample.
        device: the device whose work is timed; None for all accelerators.

    Returns:
        The result, with its `median`, `spread` (interquartile range), `samples` and `number`
        (calls a sample); times are in seconds per call.

    Raises:
        TypeError: `fn` cannot be called, calling it runs none of its code, as with a
            generator function, `repeat` or `warmup` is not an integer, or `device` is
            neither a device, nor a string, nor None.
        ValueError: `repeat` is below 1 or `warmup` below 0, or there is no such device.

    >>> result = benchmark(torch.add, torch.ones(3), torch.ones(3), repeat=4)
    >>> len(result.samples)
    4
    """
    return timing.benchmark(fn, *args, repeat=repeat, warmup=warmup, wait=_waiter(device))


def seed(n: int) -> None:
    """Seed Python's `random`, NumPy and PyTorch on all devices.

    Args:
        n: from 0 to 2**32 - 1.

    Raises:
        TypeError, ValueError: `n` is not an integer in that range.

    >>> seed(0)
    >>> first = torch.rand(2)
    >>> seed(0)
    >>> torch.equal(first, torch.rand(2))
    True
    """
    n = integer("n", n, 0, 2**32 - 1)
    random.seed(n)
    np.random.seed(n)
    torch.manual_seed(n)


def set_precision(digits: int = 4) -> None:
    """Let NumPy and PyTorch print `digits` digits after the point, without exponents.

    Args:
        digits: from 0 to 16.

    Raises:
        TypeError, ValueError: `digits` is not an integer in that range.
    """
    digits = _arrays.set_print_precision(digits)
    torch.set_printoptions(precision=digits, sci_mode=False)


def parameter_table(model: torch.nn.Module) -> ParameterTable:
    """List a model's parameters and buffers, with totals.

    Args:
        model: any module. A parameter that it uses in several places is listed once, with
            its other names. A lazy parameter is shown as not built yet.

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.

    >>> table = parameter_table(torch.nn.Linear(3, 2))
    >>> table.total, [row.name for row in table.rows]
    (8, ['weight', 'bias'])
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"model must be a torch.nn.Module, got {type(model).__module__}.{type(model).__name__}"
        )
    named: dict[int, list[str]] = {}
    tensors: dict[int, tuple[torch.Tensor, bool]] = {}
    for pairs, buffer in (
        (model.named_parameters(remove_duplicate=False), False),
        (model.named_buffers(remove_duplicate=False), True),
    ):
        for name, tensor in pairs:
            named.setdefault(id(tensor), []).append(name)
            tensors.setdefault(id(tensor), (tensor, buffer))
    return ParameterTable(
        tuple(_row(named[key], tensor, buffer) for key, (tensor, buffer) in tensors.items())
    )


def _row(names: list[str], tensor: torch.Tensor, buffer: bool) -> Row:
    built = not torch.nn.parameter.is_lazy(tensor)
    return Row(
        name=names[0],
        shape=tuple(tensor.shape) if built else None,
        dtype=str(tensor.dtype).removeprefix("torch."),
        count=tensor.numel() if built else None,
        bytes=tensor.numel() * tensor.element_size() if built else None,
        device=str(tensor.device),
        trainable=tensor.requires_grad and not buffer,
        also=tuple(names[1:]),
        buffer=buffer,
    )
