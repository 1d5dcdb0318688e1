"""Plausible wrong answers to the exercises of *Timing and profiling*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Wrong = tuple[str, str, Any, set[str]]

LARGEST, WHEN, EMPTY = "the largest number", "when it is reached", "no events"

WORK, BEFORE, WARM = "the work, not the launch", "what was launched before", "warm-up"
MEDIAN, SPREAD = "the median", "the spread"

READS, LEFT, NAN = "one read for each mean", "a shorter group at the end", "not a number"

ALWAYS, SOMETIMES, LAST = (
    "a line that always waits",
    "a line that sometimes waits",
    ("the last job decides"),
)

NONE, ONE, SEVERAL = "one after the other", "one batch ahead", "several batches ahead"
IDLE = "the time without training"

FLAT, SELF, ORDER, TWINS = "calls one after another", "self time", "the order", "equal intervals"
RECURSIVE, THREADS, MARKS = "a name inside itself", "several threads", "beginnings and ends"
READ = {FLAT, SELF, ORDER, TWINS, RECURSIVE, THREADS, MARKS}


def _timers() -> Iterator[Wrong]:
    def make(first=True, last=True, warm=lambda n: n, center=np.median):
        def measure(job, clock, wait, warmup, repeat):
            for _ in range(warm(warmup)):
                job()
            times = []
            for _ in range(repeat):
                if first:
                    wait()
                began = clock()
                job()
                if last:
                    wait()
                times.append(clock() - began)
            low, high = np.percentile(times, [25, 75])
            return center(times), high - low

        return measure

    fails = {WORK, BEFORE, WARM, MEDIAN, SPREAD}
    yield "profiling.timer", "no wait at all", make(False, False), fails
    yield "profiling.timer", "no wait at the end", make(last=False), fails
    yield "profiling.timer", "no wait at the start", make(first=False), {BEFORE, WARM}
    yield "profiling.timer", "the mean", make(center=np.mean), {MEDIAN}
    yield "profiling.timer", "the best", make(center=min), {MEDIAN}
    upper = make(center=lambda times: sorted(times)[len(times) // 2])
    yield "profiling.timer", "the upper of two in the middle", upper, {MEDIAN}
    yield "profiling.timer", "no warm-up", make(warm=lambda n: 0), {WARM}
    yield "profiling.timer", "one warm-up", make(warm=lambda n: min(n, 1)), {WARM}

    def whole(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
        wait()
        began = clock()
        for _ in range(repeat):
            job()
        wait()
        return (clock() - began) / repeat, 0

    fails = {WORK, WARM, MEDIAN, SPREAD}  # launches overlap with work
    yield "profiling.timer", "all runs in one go", whole, fails

    def late(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
        times = []
        for _ in range(repeat):
            began = clock()
            wait()
            job()
            wait()
            times.append(clock() - began)
        low, high = np.percentile(times, [25, 75])
        return np.median(times), high - low

    yield "profiling.timer", "waits after the clock has started", late, {BEFORE, WARM}

    def spread(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
        times = []
        for _ in range(repeat):
            wait()
            began = clock()
            job()
            wait()
            times.append(clock() - began)
        return np.median(times), max(times) - min(times)

    yield "profiling.timer", "the whole range", spread, {SPREAD}

    def launched(job, clock, wait, warmup, repeat):
        times = []
        for _ in range(warmup + repeat):
            wait()
            job()
            began = clock()
            wait()
            times.append(clock() - began)
        low, high = np.percentile(times[warmup:], [25, 75])
        return np.median(times[warmup:]), high - low

    fails = {WORK, BEFORE, WARM, MEDIAN}
    yield "profiling.timer", "the launch left out", launched, fails


def _trainings() -> Iterator[Wrong]:
    everything = {READS, LEFT, NAN}

    def listed(step, steps, every):
        losses = [float(step(i)) for i in range(steps)]
        groups = [losses[i : i + every] for i in range(0, steps, every)]
        means = [sum(group) / len(group) for group in groups]
        if any(map(math.isnan, means)):
            raise ValueError("nan")
        return means

    yield "profiling.ahead", "every loss is read", listed, everything

    def later(step, steps, every):
        losses = [step(i) for i in range(steps)]
        return listed(lambda i: losses[i], steps, every)

    yield "profiling.ahead", "every loss is read at the end", later, everything

    def make(check=True, divide=lambda count, every: count, rest=True, at_end=False):
        def train(step, steps, every):
            means = []
            for first in range(0, steps, every):
                last = min(first + every, steps)
                if last - first < every and not rest:
                    break
                total = sum(step(i) for i in range(first, last))
                mean = float(total / divide(last - first, every))
                if check and math.isnan(mean):
                    raise ValueError("nan")
                means.append(mean)
            if at_end and any(map(math.isnan, means)):
                raise ValueError("nan")
            return means

        return train

    whole = make(divide=lambda count, every: every)
    yield "profiling.ahead", "the rest divided by every", whole, {LEFT}
    yield "profiling.ahead", "the rest left out", make(rest=False), {LEFT}
    yield "profiling.ahead", "no test for nan", make(check=False), {NAN}
    yield "profiling.ahead", "tested at the very end", make(check=False, at_end=True), {NAN}

    def not_reset(step, steps, every):
        means, total = [], 0
        for i in range(steps):
            total = total + step(i)
            if (i + 1) % every == 0 or i == steps - 1:
                mean = float(total / (i % every + 1))
                if math.isnan(mean):
                    raise ValueError("nan")
                means.append(mean)
        return means

    yield "profiling.ahead", "the sum goes on", not_reset, everything

    def tested(step, steps, every):
        means = []
        for first in range(0, steps, every):
            losses = [step(i) for i in range(first, min(first + every, steps))]
            if any(loss != loss for loss in losses):
                raise ValueError("nan")
            means.append(float(sum(losses) / len(losses)))
        return means

    yield "profiling.ahead", "each loss compared", tested, everything

    def mean_tested(step, steps, every):
        means = []
        for first in range(0, steps, every):
            losses = [step(i) for i in range(first, min(first + every, steps))]
            mean = sum(losses) / len(losses)
            if mean != mean:
                raise ValueError("nan")
            means.append(float(mean))
        return means

    yield "profiling.ahead", "the mean compared and then read", mean_tested, everything

    def one_group_late(step, steps, every):
        means, waiting = [], None
        for first in range(0, steps + every, every):
            losses = [step(i) for i in range(first, min(first + every, steps))]
            if waiting is not None:
                means.append(float(waiting))
            if means and math.isnan(means[-1]):
                raise ValueError("nan")
            waiting = sum(losses) / len(losses) if losses else None
        return means

    yield "profiling.ahead", "read while the next group runs", one_group_late, {NAN}

    def one_more(step, steps, every):
        means = make()(step, steps, every)
        return means if steps % every else [*means, 0.0]

    yield "profiling.ahead", "a mean of no steps", one_more, everything


def _peaks() -> Iterator[Wrong]:
    def make(start=0, first=True, count_from=1):
        def peak(events):
            largest = reached = used = start
            for n, size in enumerate(events, start=count_from):
                used += size
                if used > largest or (not first and used == largest):
                    largest, reached = used, n
            return largest, reached

        return peak

    yield "profiling.peak", "the last of equal peaks", make(first=False), {WHEN}
    yield "profiling.peak", "counted from zero", make(count_from=0), {WHEN}

    def all_allocations(events):
        return sum(size for size in events if size > 0), len(events)

    yield "profiling.peak", "the sum of all allocations", all_allocations, {LARGEST, WHEN, EMPTY}

    def largest_allocation(events):
        largest = max(events, default=0)
        return largest, events.index(largest) + 1 if events else 0

    yield "profiling.peak", "the largest allocation", largest_allocation, {LARGEST, WHEN, EMPTY}

    def not_empty(events):
        used = np.cumsum(events)
        return int(used.max()), int(used.argmax()) + 1

    yield "profiling.peak", "an exception for no events", not_empty, {EMPTY}

    def at_the_end(events):
        return sum(events), len(events)

    yield "profiling.peak", "what is left at the end", at_the_end, {LARGEST, WHEN, EMPTY}

    def as_sizes(events):
        used = np.cumsum(np.abs(events)) if events else [0]
        return int(max(used)), int(np.argmax(used)) + bool(events)

    yield "profiling.peak", "releases added", as_sizes, {LARGEST, WHEN, EMPTY}


def _waits(waits: Any) -> Iterator[Wrong]:
    everything = {ALWAYS, SOMETIMES, LAST}

    def by_line(trace):
        lines = waits(trace)
        return {
            line: sum(end - start for name, start, end, _ in trace if name == line)
            for line in lines
        }

    yield "profiling.wait", "all calls of a line that waits", by_line, {SOMETIMES}

    def any_job(trace):
        ends, found = set(), {}
        for line, start, end, job in trace:
            if end in ends:
                found[line] = found.get(line, 0) + end - start
            if job is not None:
                ends.add(job[1])
        return found

    yield "profiling.wait", "the end of any job", any_job, {LAST}

    def while_busy(trace):
        free, found = 0, {}
        for line, start, end, job in trace:
            if start < free:
                found[line] = found.get(line, 0) + min(end, free) - start
            if job is not None:
                free = job[1]
        return found

    yield "profiling.wait", "all calls while the device is busy", while_busy, everything

    def at_least(trace):
        free, found = None, {}
        for line, start, end, job in trace:
            if free is not None and end >= free:
                found[line] = found.get(line, 0) + end - start
            if job is not None:
                free = job[1]
        return found

    yield "profiling.wait", "all calls that end later", at_least, everything

    def longest(trace):
        totals = {}
        for line, start, end, _ in trace:
            totals[line] = totals.get(line, 0) + end - start
        line = max(totals, key=totals.get)
        return {line: totals[line]}

    yield "profiling.wait", "the longest line", longest, everything

    def with_zeros(trace):
        found = waits(trace)
        return {line: found.get(line, 0) for line, *_ in trace}

    yield "profiling.wait", "zeros for lines that never wait", with_zeros, everything

    def counted(trace):
        idle, found = None, {}
        for line, _, end, job in trace:
            if end == idle:
                found[line] = found.get(line, 0) + 1
            if job is not None:
                idle = job[1]
        return found

    yield "profiling.wait", "how often", counted, everything

    def overwritten(trace):
        idle, found = None, {}
        for line, start, end, job in trace:
            if end == idle:
                found[line] = end - start
            if job is not None:
                idle = job[1]
        return found

    yield "profiling.wait", "the last wait only", overwritten, everything

    def seconds(trace):
        return {line: time / 1e6 for line, time in waits(trace).items()}

    yield "profiling.wait", "in seconds", seconds, everything


def _epochs(epoch: Any) -> Iterator[Wrong]:
    beside = {ONE, SEVERAL, IDLE}

    def unlimited(load, train, ahead):
        return epoch(load, train, len(load) if ahead else 0)

    yield "profiling.pipeline", "no limit", unlimited, beside

    def one_more(load, train, ahead):
        return epoch(load, train, ahead + 1)

    yield "profiling.pipeline", "one too many", one_more, {NONE, *beside}

    def one_less(load, train, ahead):
        return epoch(load, train, max(ahead - 1, 0))

    yield "profiling.pipeline", "one too few", one_less, beside

    def always_one(load, train, ahead):
        return epoch(load, train, min(ahead, 1))

    yield "profiling.pipeline", "never more than one", always_one, {SEVERAL, IDLE}

    def slower(load, train, ahead):
        if ahead == 0:
            return epoch(load, train, 0)
        end = sum(map(max, zip(load, train, strict=True)))
        return end, end - sum(train)

    yield "profiling.pipeline", "the slower of both, batch by batch", slower, beside

    def shifted(load, train, ahead):
        if ahead == 0:
            return epoch(load, train, 0)
        pairs = zip([*load[1:], 0], train, strict=True)
        end = load[0] + sum(map(max, pairs))
        return end, end - sum(train)

    yield "profiling.pipeline", "always one ahead, in lockstep", shifted, {SEVERAL, IDLE}

    def without_first(load, train, ahead):
        end, idle = epoch(load, train, ahead)
        return end, idle - load[0]

    yield "profiling.pipeline", "idle after the first batch only", without_first, {IDLE}

    def loading(load, train, ahead):
        return epoch(load, train, ahead)[0], sum(load)

    yield "profiling.pipeline", "the time of loading for the idle time", loading, {IDLE}

    def many_loaders(load, train, ahead):
        if ahead == 0:
            return epoch(load, train, 0)
        began, trained = [], 0
        for i, seconds in enumerate(load):
            allowed = began[i - ahead] if i >= ahead else 0
            began.append(max(allowed + seconds, trained))
            trained = began[i] + train[i]
        return trained, trained - sum(train)

    yield "profiling.pipeline", "many batches loaded at a time", many_loaders, {SEVERAL, IDLE}

    def until_trained(load, train, ahead):
        ended, loaded = [], 0
        for i, seconds in enumerate(load):
            n = max(ahead, 1)
            allowed = ended[i - n] if i >= n else 0
            loaded = max(loaded, allowed) + seconds
            ended.append(max(loaded, ended[-1] if ended else 0) + train[i])
        return ended[-1], ended[-1] - sum(train)

    yield "profiling.pipeline", "a place is free when training ends", until_trained, beside


def _profiles(calls_of: Any) -> Iterator[Wrong]:
    def make(
        pairs=True,
        threads=True,
        direct=True,
        again=False,
        parent_only=False,
        touching=False,
        order=lambda found: sorted(found, key=lambda name: (-found[name]["self"], name)),
        key=lambda call: (str(call[0]), call[1], -call[2], call[3]),
    ):
        def read_profile(text):
            events = json.loads(text)["traceEvents"]
            if not pairs:
                events = [e for e in events if e["ph"] == "X"]
            calls = calls_of(events)
            if not threads:
                calls = [(0, *call[1:]) for call in calls]
            calls.sort(key=key)
            found, stack, thread = {}, [], None
            for tid, start, end, _, name in calls:
                if tid != thread:
                    thread, stack = tid, []
                while stack and (stack[-1][0] < start if touching else stack[-1][0] <= start):
                    stack.pop()
                entry = found.setdefault(name, {"calls": 0, "total": 0, "self": 0})
                entry["calls"] += 1
                entry["self"] += end - start
                for outer in stack[-1:] if direct else stack:
                    found[outer[1]]["self"] -= end - start
                around = [outer for _, outer in (stack[-1:] if parent_only else stack)]
                if again or name not in around:
                    entry["total"] += end - start
                stack.append((end, name))
            return {name: found[name] for name in order(found)}

        return read_profile

    name = "profiling.profile"
    yield name, "only complete events", make(pairs=False), {MARKS}
    yield name, "the durations added up", make(again=True), {RECURSIVE}
    yield name, "threads mixed up", make(threads=False), {THREADS}
    yield name, "everything inside subtracted", make(direct=False), {SELF, ORDER, RECURSIVE}
    yield name, "in the order of the trace", make(order=list), {ORDER}
    yield name, "by name", make(order=sorted), {ORDER}

    def by_total(found):
        return sorted(found, key=lambda name: (-found[name]["total"], name))

    yield name, "by total time", make(order=by_total), {ORDER}

    def by_calls(found):
        return sorted(found, key=lambda name: (-found[name]["calls"], name))

    yield name, "by the number of calls", make(order=by_calls), {ORDER}

    def rising(found):
        return sorted(found, key=lambda name: (found[name]["self"], name))

    yield name, "the smallest first", make(order=rising), {ORDER}

    def later(call):
        return str(call[0]), call[1], -call[2], -call[3]

    yield name, "the later of two equal calls outside", make(key=later), {TWINS}

    right = make()

    def total_for_self(text):
        found = right(text)
        found = {key: {**one, "self": one["total"]} for key, one in found.items()}
        return {key: found[key] for key in by_total(found)}

    fails = {SELF, ORDER, TWINS, RECURSIVE, THREADS, MARKS}
    yield name, "total time for self time", total_for_self, fails

    def self_for_total(text):
        found = right(text)
        return {key: {**one, "total": one["self"]} for key, one in found.items()}

    yield name, "self time for total time", self_for_total, {TWINS, RECURSIVE, THREADS, MARKS}

    def everything(text):
        """All events that have a duration."""
        events = json.loads(text)["traceEvents"]
        events = [{**e, "ph": "X"} if "dur" in e else e for e in events]
        return right(json.dumps({"traceEvents": events}))

    yield name, "counters taken for calls", everything, {FLAT}

    def in_seconds(text):
        found = right(text)
        return {
            key: {"calls": one["calls"], "total": one["total"] / 1e6, "self": one["self"] / 1e6}
            for key, one in found.items()
        }

    yield name, "in seconds", in_seconds, READ

    def means(text):
        found = right(text)
        return {key: {**one, "total": one["total"] / one["calls"]} for key, one in found.items()}

    yield name, "the mean for the total", means, {FLAT, RECURSIVE, THREADS, MARKS}


def wrong(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers, which are the same in both frameworks."""
    yield from _peaks()
    yield from _timers()
    yield from _trainings()
    yield from _waits(solution["waits"])
    yield from _epochs(solution["epoch"])
    yield from _profiles(solution["calls_of"])


WRONG = {"pytorch": wrong, "tensorflow": wrong}
