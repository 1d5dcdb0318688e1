"""Timers, on a clock that only moves when told to."""

import dataclasses
import functools

import pytest

from d2lcompute import timing
from d2lcompute.timing import Benchmark, BenchmarkResult, Timer, benchmark


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", clock)
    return clock


def test_timer_adds_up(clock):
    timer = Timer()
    clock.sleep(1)
    assert timer.stop() == 1
    clock.sleep(10)  # not counted
    timer.start()
    clock.sleep(3)
    assert timer.stop() == 3
    assert (timer.times, timer.sum(), timer.avg(), timer.cumsum()) == ([1, 3], 4, 2, [1, 4])


def test_timer_as_a_context_starts_at_the_block(clock):
    timer = Timer()
    clock.sleep(5)
    with timer:
        clock.sleep(1)
    assert timer.times == [1]


def test_timer_waits_for_the_device_before_both_readings(clock):
    timer = Timer(wait=lambda: clock.sleep(2))
    assert timer.stop() == 2  # the wait before stop counts, the one before start does not


def test_timer_misused():
    timer = Timer()
    with pytest.raises(RuntimeError, match=r"call stop\(\) before avg\(\)"):
        timer.avg()
    assert timer.sum() == 0 and timer.cumsum() == []
    timer.stop()
    with pytest.raises(RuntimeError, match=r"call start\(\) before stop\(\)"):
        timer.stop()


def test_benchmark_context_prints_unless_it_fails(clock, capsys):
    with Benchmark("Sum") as result:
        clock.sleep(0.12344)
    assert capsys.readouterr().out == "Sum: 0.1234 sec\n"
    assert result.seconds == pytest.approx(0.12344)
    with pytest.raises(KeyError), Benchmark():
        raise KeyError
    assert capsys.readouterr().out == ""


def test_benchmark_leaves_the_warm_up_out_and_fills_each_sample(clock):
    calls = []

    def slow_at_first(step):
        calls.append(step)
        clock.sleep(1.0 if len(calls) <= 2 else 1e-6)

    result = benchmark(slow_at_first, "x", repeat=4, warmup=2)
    assert result.samples == pytest.approx([1e-6] * 4)
    assert result.number * 1e-6 >= 5e-3
    assert set(calls) == {"x"}
    assert len(calls) > 2 + 4 * result.number


def test_benchmark_calls_a_slow_function_once_a_sample(clock):
    result = benchmark(clock.sleep, 2.0, repeat=3, warmup=0)
    assert (result.number, result.samples, result.spread) == (1, (2.0, 2.0, 2.0), 0)


def test_benchmark_waits_for_the_device_in_each_sample(clock):
    queue = []

    def wait():
        clock.sleep(len(queue) * 1e-3)
        queue.clear()

    result = benchmark(queue.append, 0, repeat=3, warmup=1, wait=wait)
    assert result.samples == pytest.approx([1e-3] * 3)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"fn": 3.5}, TypeError, "got float 3.5: pass the function"),
        ({"fn": abs, "repeat": 0}, ValueError, "repeat must be an integer of at least 1, got 0"),
        ({"fn": abs, "warmup": -1}, ValueError, "warmup must be an integer of at least 0, got -1"),
        ({"fn": abs, "repeat": 2.0}, TypeError, "got 2.0"),
    ],
)
def test_benchmark_misused(arguments, error, match):
    with pytest.raises(error, match=match):
        benchmark(**arguments)


def test_benchmark_refuses_what_a_call_does_not_run():
    def generator():
        yield

    async def coroutine():
        pass

    async def both():
        yield

    for fn in (generator, functools.partial(generator), both):
        with pytest.raises(TypeError, match=r"fn is a generator function, .* list\(f\(x\)\)\)"):
            benchmark(fn)
    with pytest.raises(TypeError, match=r"fn is a coroutine function, .* asyncio.run\(f\(x\)\)\)"):
        benchmark(coroutine)
    assert len(benchmark(lambda: list(generator()), repeat=2).samples) == 2


def test_result_is_plain_and_fixed():
    result = BenchmarkResult(samples=(4e-3, 1e-3, 2e-3, 3e-3), number=2)
    assert result.median == pytest.approx(2.5e-3)
    assert result.spread == pytest.approx(1.5e-3)  # numpy.percentile's quartiles
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.number = 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 ns"),
        (2.5e-10, "0.25 ns"),
        (9.996e-7, "1.00 µs"),
        (1.234e-5, "12.3 µs"),
        (0.0999951, "100 ms"),
        (0.9999, "1.00 s"),
        (1234.0, "1234 s"),
    ],
)
def test_result_reads_well_in_every_unit(seconds, text):
    assert str(BenchmarkResult((seconds,), 1)).startswith(f"{text} per call, ")


def test_framework_timers_are_these(d2l, capsys):
    assert len(d2l.benchmark(abs, -1, repeat=2).samples) == 2
    with d2l.Benchmark("Done", d2l.cpu()):
        pass
    assert capsys.readouterr().out.startswith("Done: 0.")
    with d2l.Timer(d2l.cpu()) as timer:
        pass
    assert len(timer.times) == 1
