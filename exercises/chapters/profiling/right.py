"""Right answers to the exercises of *Timing and profiling*, unlike the worked solutions."""

from __future__ import annotations

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np

Right = tuple[str, str, Any]


def right() -> Iterator[Right]:
    """Right answers, which are the same in both frameworks."""
    from statistics import median

    def measure(job, clock, wait, warmup, repeat):
        for _ in range(warmup):
            job()
            wait()
        marks = []
        for _ in range(repeat):
            wait()
            marks.append(clock())
            job()
            wait()
            marks.append(clock())
        times = sorted(b - a for a, b in zip(marks[::2], marks[1::2], strict=True))
        spread = np.quantile(times, 0.75) - np.quantile(times, 0.25)
        return [median(times), spread]

    yield "profiling.timer", "marks on the clock", measure

    def train(step, steps, every):
        means, total, count = [], 0.0, 0
        for i in range(steps):
            total = step(i) + total
            count += 1
            if count == every or i == steps - 1:
                value = (total * (1 / count)).item()
                if value != value:
                    raise ValueError("nan")
                means.append(value)
                total, count = 0.0, 0
        return means

    yield "profiling.ahead", "a running sum", train

    def with_numpy(step, steps, every):
        means = []
        while len(means) * every < steps:
            first = len(means) * every
            losses = [step(i).detach() for i in range(first, min(first + every, steps))]
            mean = float(np.mean(losses))
            if np.isnan(mean):
                raise ValueError("nan")
            means.append(mean)
        return means

    yield "profiling.ahead", "the mean of a list", with_numpy

    def with_quotients(step, steps, every):
        means = []
        for first in range(0, steps, every):
            total, count = 0, 0
            for i in range(first, min(first + every, steps)):
                total, count = total + step(i), count + 1
            means.append(float(1 / (count / total)))
            if not means[-1] < np.inf:
                raise ValueError(means[-1])
        return means

    yield "profiling.ahead", "numbers divided by losses", with_quotients

    def with_numpy_sums(events):
        used = np.cumsum([0, *events])
        return [int(used.max()), int(used.argmax())]

    yield "profiling.peak", "with NumPy, zero first", with_numpy_sums

    def with_accumulate(events):
        used = list(accumulate(events, initial=0))
        largest = max(used)
        return {"bytes": largest, "events": used.index(largest)}

    yield "profiling.peak", "a dictionary", with_accumulate

    def from_the_end(events):
        used, best = sum(events), (0, 0)
        for n in range(len(events), 0, -1):
            if used >= best[0] and used > 0:
                best = (used, n)
            used -= events[n - 1]
        return best

    yield "profiling.peak", "backwards", from_the_end

    def by_search(trace):
        found = Counter()
        for n, (line, start, end, _) in enumerate(trace):
            before = [job for _, _, _, job in trace[:n] if job]
            if before and before[-1][1] == end:
                found[line] += end - start
        return found

    yield "profiling.wait", "a Counter", by_search

    def by_events(trace):
        launched, found = [(-1, -1)], defaultdict(float)
        for call in trace:
            if call[2] == launched[-1][1]:
                found[call[0]] += call[2] - call[1]
            launched += [call[3]] if call[3] else []
        return dict(found)

    yield "profiling.wait", "floats, and a list of jobs", by_events

    def with_largest(trace):
        free, found = 0, {}
        for line, start, end, job in trace:
            if free > start and end == free:
                found.setdefault(line, []).append(end - start)
            free = max(free, job[1] if job else 0)
        return {line: sum(times) for line, times in found.items()}

    yield "profiling.wait", "only if the device was busy", with_largest

    def with_slots(load, train, ahead):
        if ahead == 0:
            return sum(load) + sum(train), sum(load)
        slots, loader, trainer, idle = [0.0] * ahead, 0.0, 0.0, 0.0
        for seconds, work in zip(load, train, strict=True):
            loader = max(loader, heapq.heappop(slots)) + seconds
            start = max(loader, trainer)
            idle += start - trainer
            heapq.heappush(slots, start)
            trainer = start + work
        return trainer, idle

    yield "profiling.pipeline", "a heap of free places", with_slots

    def with_arrays(load, train, ahead):
        count = len(load)
        began, ended, loaded = (np.zeros(count + 1) for _ in range(3))
        for i in range(1, count + 1):
            free = ended[i - 1] if ahead == 0 else began[max(i - ahead, 0)]
            loaded[i] = max(loaded[i - 1], free) + load[i - 1]
            began[i] = max(loaded[i], ended[i - 1])
            ended[i] = began[i] + train[i - 1]
        return {"seconds": ended[-1], "seconds without training": ended[-1] - np.sum(train)}

    yield "profiling.pipeline", "arrays that begin with a zero", with_arrays

    def in_steps(load, train, ahead):
        """Small steps of time."""
        scale = 10**9
        load, train = ([round(scale * t) for t in times] for times in (load, train))
        now, next_load, stock, done = 0, 0, 0, 0
        loading = training = None  # when the present one ends
        while done < len(load):
            if training is None and stock:
                stock, training = stock - 1, now + train[done]
            waiting = stock + (0 if training is None else 1) if ahead == 0 else stock
            if loading is None and next_load < len(load) and waiting < max(ahead, 1):
                loading, next_load = now + load[next_load], next_load + 1
            now = min(t for t in (loading, training) if t is not None)
            if now == loading:
                loading, stock = None, stock + 1
            if now == training:
                training, done = None, done + 1
        return now / scale, (now - sum(train)) / scale

    yield "profiling.pipeline", "a simulation by events", in_steps

    def pairwise(text):
        """Each call compared with each other one."""
        calls, stacks = [], defaultdict(list)
        events = list(enumerate(json.loads(text)["traceEvents"]))
        for n, e in sorted(events, key=lambda pair: pair[1].get("ts", 0)):
            if e["ph"] == "X":
                calls.append((e["tid"], e["ts"], e["ts"] + e["dur"], n, e["name"]))
            elif e["ph"] == "B":
                stacks[e["tid"]].append((n, e))
            elif e["ph"] == "E":
                place, b = stacks[e["tid"]].pop()
                calls.append((e["tid"], b["ts"], e["ts"], place, b["name"]))

        def around(outer, inner):
            if outer[0] != inner[0] or not outer[1] <= inner[1] < inner[2] <= outer[2]:
                return False
            return (outer[2] - outer[1], -outer[3]) > (inner[2] - inner[1], -inner[3])

        table = {}
        for call in calls:
            entry = table.setdefault(call[4], {"self": 0.0, "total": 0.0, "calls": 0})
            entry["calls"] += 1
            entry["self"] += call[2] - call[1]
            outside = [one for one in calls if around(one, call)]
            if all(one[4] != call[4] for one in outside):
                entry["total"] += call[2] - call[1]
            if outside:
                parent = min(outside, key=lambda one: (one[2] - one[1], -one[3]))
                table.setdefault(parent[4], {"self": 0.0, "total": 0.0, "calls": 0})
                table[parent[4]]["self"] -= call[2] - call[1]
        return dict(sorted(table.items(), key=lambda item: (-item[1]["self"], item[0])))

    yield "profiling.profile", "each pair of calls", pairwise

    def recursive(text):
        """A tree of calls for each thread, and walks over it."""
        threads, opened = defaultdict(list), defaultdict(list)
        events = json.loads(text)["traceEvents"]
        places = sorted(range(len(events)), key=lambda n: events[n].get("ts", -1))
        for n in places:
            e = events[n]
            if e["ph"] == "B":
                opened[e["tid"]].append([e["name"], e["ts"], n])
            if e["ph"] == "E":
                name, ts, place = opened[e["tid"]].pop()
                threads[e["tid"]].append([ts, ts - e["ts"], place, name])
            if e["ph"] == "X":
                threads[e["tid"]].append([e["ts"], -e["dur"], n, e["name"]])
        table = defaultdict(lambda: dict.fromkeys(("calls", "total", "self"), 0))

        def walk(calls, names):
            """Take the first call and those inside it, as long as there are calls."""
            while calls:
                start, minus, _, name = calls.pop(0)
                inside = []
                while calls and calls[0][0] < start - minus:
                    inside.append(calls.pop(0))
                direct, end = 0, start
                for one in inside:
                    if one[0] >= end:
                        direct, end = direct - one[1], one[0] - one[1]
                table[name]["calls"] += 1
                table[name]["self"] += -minus - direct
                table[name]["total"] += 0 if name in names else -minus
                walk(inside, {*names, name})

        for calls in threads.values():
            walk(sorted(calls), set())
        names = sorted(sorted(table), key=lambda name: table[name]["self"], reverse=True)
        return {name: table[name] for name in names}

    yield "profiling.profile", "a walk over the trees", recursive

    def by_time(text):
        """All beginnings and ends in the order of time."""
        calls, stacks = [], {}
        events = json.loads(text)["traceEvents"]
        for n in sorted(range(len(events)), key=lambda n: (events[n].get("ts", 0), n)):
            e = events[n]
            if e["ph"] == "B":
                stacks.setdefault(e["tid"], []).append((e, n))
            elif e["ph"] == "E":
                b, place = stacks[e["tid"]].pop()
                calls.append((e["tid"], b["ts"], e["ts"], place, b["name"]))
            elif e["ph"] == "X":
                calls.append((e["tid"], e["ts"], e["ts"] + e["dur"], n, e["name"]))
        moments = []
        for k, (tid, start, end, place, _) in enumerate(calls):
            moments.append((start, 1, -end, place, tid, k))
            moments.append((end, 0, -start, -place, tid, k))
        open_, last = defaultdict(list), {}
        table = {name: [0, 0, 0] for *_, name in calls}
        for moment, begins, *_, tid, k in sorted(moments):
            stack, name = open_[tid], calls[k][4]
            if stack:
                table[calls[stack[-1]][4]][2] += moment - last[tid]
            last[tid] = moment
            if begins:
                table[name][0] += 1
                if all(calls[j][4] != name for j in stack):
                    table[name][1] += calls[k][2] - calls[k][1]
                stack.append(k)
            else:
                stack.remove(k)
        order = sorted(table, key=lambda name: (-table[name][2], name))
        keys = ("calls", "total", "self")
        return {name: dict(zip(keys, table[name], strict=True)) for name in order}

    yield "profiling.profile", "time goes to the innermost open call", by_time


RIGHT = {"pytorch": right, "tensorflow": right}
