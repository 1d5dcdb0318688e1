"""Timers that wait for the device, for any framework.

The classes and functions here take `wait`, a function that returns when all queued work is
done. `d2lcompute.torch` and `d2lcompute.tensorflow` have the same names and pass the `wait` of
their framework.
"""

import inspect
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

from d2lcompute._arguments import integer
from d2lcompute._terminal import printable

Wait = Callable[[], object]

_SAMPLE_SECONDS = 5e-3  # a sample lasts at least 10,000 times as long as reading the clock


class Timer:
    """A stopwatch that can be started and stopped repeatedly, and adds up its times.

    It starts when it is created. As a context manager it times the block.

    Args:
        wait: called before each reading of the clock; None if no work is ever queued.

    Attributes:
        times: the seconds from each start to the next stop, oldest first.

    >>> timer = Timer()
    >>> elapsed = timer.stop()
    >>> timer.start()
    >>> timer.stop() >= 0, len(timer.times)
    (True, 2)
    """

    def __init__(self, wait: Wait | None = None) -> None:
        self.times: list[float] = []
        self._wait = wait
        self.start()

    def start(self) -> None:
        """Start the timer, or start it again from zero."""
        if self._wait is not None:
            self._wait()
        self._started: float | None = time.perf_counter()

    def stop(self) -> float:
        """Stop and return the seconds since `start`.

        Raises:
            RuntimeError: the timer is not running.
        """
        if self._wait is not None:
            self._wait()
        now = time.perf_counter()
        if self._started is None:
            raise RuntimeError("the timer is not running: call start() before stop()")
        self.times.append(now - self._started)
        self._started = None
        return self.times[-1]

    def avg(self) -> float:
        """Return the mean of `times`, in seconds.

        Raises:
            RuntimeError: nothing has been timed yet.
        """
        if not self.times:
            raise RuntimeError("nothing has been timed yet: call stop() before avg()")
        return sum(self.times) / len(self.times)

    def sum(self) -> float:
        """Return the sum of `times`, in seconds; 0.0 if nothing has been timed."""
        return math.fsum(self.times)

    def cumsum(self) -> list[float]:
        """Return the cumulative sums of `times`, in seconds."""
        return list(accumulate(self.times))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


class Benchmark:
    """A context manager that prints how long its block took.

    If the block raises an exception, nothing is printed.

    Args:
        description: the text before the time.
        wait: as for `Timer`.

    Attributes:
        seconds: the time the block took; None before its end.

    >>> with Benchmark("Sum") as benchmark:  # doctest: +ELLIPSIS
    ...     total = sum(range(1000))
    Sum: 0.0... sec
    """

    def __init__(self, description: str = "Done", wait: Wait | None = None) -> None:
        self.description = description
        self.seconds: float | None = None
        self._wait = wait

    def __enter__(self) -> Self:
        self._timer = Timer(self._wait)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is None:
            self.seconds = self._timer.stop()
            print(f"{self.description}: {self.seconds:.4f} sec")


@dataclass(frozen=True, repr=False)
class BenchmarkResult:
    """The result of `benchmark`.

    Attributes:
        samples: seconds per call, one value a sample, in the order they were taken.
        number: the number of calls that each sample averages over.

    >>> BenchmarkResult(samples=(2e-6, 1e-6, 3e-6, 9e-6), number=5000)
    2.50 µs per call, interquartile range 2.75 µs (4 samples of 5000 calls)
    """

    samples: tuple[float, ...]
    number: int

    @property
    def median(self) -> float:
        """The median of the samples, in seconds per call."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """The interquartile range of the samples, in seconds per call.

        The quartiles are type 7 of Hyndman and Fan, "Sample Quantiles in Statistical
        Packages" (1996), as in `numpy.percentile`. 0.0 for a single sample.
        """
        if len(self.samples) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return high - low

    def __repr__(self) -> str:
        calls = "1 call" if self.number == 1 else f"{self.number} calls"
        samples = "1 sample" if len(self.samples) == 1 else f"{len(self.samples)} samples"
        return (
            f"{_duration(self.median)} per call, "
            f"interquartile range {_duration(self.spread)} ({samples} of {calls})"
        )


def benchmark(
    fn: Callable[..., object],
    *args: Any,
    repeat: int = 10,
    warmup: int = 3,
    wait: Wait | None = None,
) -> BenchmarkResult:
    """Measure how long `fn(*args)` takes.

    Each sample consists of so many calls that it lasts 5 ms or more, far above the clock's
    resolution. The calls of the warm-up, and those that find this number, are not counted.

    Args:
        fn: the function to call; its result is discarded.
        args: its arguments.
        repeat: the number of samples.
        warmup: the number of calls before the first sample.
        wait: as for `Timer`; called at the beginning and the end of a sample, not per call.

    Raises:
        TypeError: `fn` cannot be called, calling it runs none of its code, as with a
            generator function, or `repeat` or `warmup` is not an integer.
        ValueError: `repeat` is below 1 or `warmup` below 0.

    >>> result = benchmark(sorted, [3, 1, 2], repeat=5)
    >>> len(result.samples), result.median > 0
    (5, True)
    """
    if not callable(fn):
        raise TypeError(
            f"fn must be a function to call, got {type(fn).__name__} {fn!r:.60}: "
            "pass the function and its arguments, as in benchmark(f, x), not benchmark(f(x))"
        )
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(
            f"fn is a generator function, and calling it runs none of its code, got {fn!r:.60}: "
            "pass a function that takes all it yields, as in benchmark(lambda: list(f(x)))"
        )
    if inspect.iscoroutinefunction(fn):
        raise TypeError(
            f"fn is a coroutine function, and calling it runs none of its code, got {fn!r:.60}: "
            "pass a function that runs it, as in benchmark(lambda: asyncio.run(f(x)))"
        )
    repeat = integer("repeat", repeat, 1)
    warmup = integer("warmup", warmup, 0)
    timer = Timer(wait)

    def seconds(number: int) -> float:
        timer.start()
        for _ in range(number):
            fn(*args)
        return timer.stop()

    if warmup:
        seconds(warmup)
    number = 1
    while (elapsed := seconds(number)) < _SAMPLE_SECONDS:
        # Aim a little above, and grow at most tenfold: one short reading may be chance.
        aim = 1.2 * _SAMPLE_SECONDS / max(elapsed, 1e-9)
        number = math.ceil(number * min(max(aim, 1.5), 10))
    return BenchmarkResult(tuple(seconds(number) / number for _ in range(repeat)), number)


def _duration(seconds: float) -> str:
    """Return a time with three digits and a unit: '12.3 µs', or '12.3 us' without a µ."""
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, scale = next((u for u in units if seconds >= 0.9995 * u[1]), units[-1])
    value = seconds / scale
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return printable(f"{value:.{decimals}f} {unit}")
