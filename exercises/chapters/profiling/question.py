"""Questions of the chapter *Timing and profiling*.

Where time is asked for, the machine is a stand-in whose clock is a number: a job takes exactly as
long as the inputs say, on any computer. The rest is arithmetic with the times of a trace, which is
recomputed here from the inputs.
"""

from __future__ import annotations

import json
import math
from operator import add, mul, sub, truediv

import numpy as np
from d2lexercises.kinds import kind_of, parts_in
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Keyed,
    Number,
    WrongKind,
    free_text,
    function,
    question,
)

# -- profiling.peak ------------------------------------------------------------------------------

PEAK = question("profiling.peak", "The peak of a step", takes=function, minutes=5, difficulty=1)


def in_use(events):
    """The bytes in use after each event."""
    return np.cumsum(events, dtype=np.int64).tolist()


@PEAK.inputs
def draw_peak(draw):
    def step():
        """Sizes of allocations that are released later, in another order."""
        events, open_ = [], []
        while len(events) < 14:
            if len(open_) > 1 and draw.integer(0, 2) == 0:
                open_ = draw.shuffled(open_)
                events.append(-open_.pop())
            else:
                open_.append(draw.integer(1, 20))
                events.append(open_[-1])
        return [*events, *[-size for size in open_]]

    def apart(events):
        """The peak is neither the sum of all allocations, nor the largest of them, nor the end."""
        used, allocated = in_use(events), sum(size for size in events if size > 0)
        at = used.index(max(used))
        return 1 < at < 12 and used.count(max(used)) == 1 and max(used) < allocated

    def twice(events):
        """The same, and then the same peak once more."""
        largest = max(in_use(events))
        return [*events, largest, -largest]

    return {
        "one": [{"events": draw.until(apart, step)} for _ in range(2)],
        "again": [{"events": twice(draw.until(apart, step))} for _ in range(2)],
        "empty": [{"events": []}],
    }


@PEAK.shown
def shown_peak(given):
    return f"events={list(given.events)}"


class Peak(Aspect):
    what = "Result"

    def run(answer, given, f):
        return answer(list(given.events))

    def expect(given):
        used = [0, *in_use(given.events)]
        return {"bytes": max(used), "events": used.index(max(used))}


@PEAK.aspect("the largest number", 1, over="one", part="bytes")
class Largest(Peak):
    """Keep a running sum of the events. It is the memory in use after each of them."""

    code = "used += size"


@PEAK.aspect("when it is reached", 1, over="again")
class When(Peak):
    """Count the events from 1, and keep the first moment if the same number is reached again."""

    code = "if used > largest: largest, reached = used, n"


@PEAK.aspect("no events", 1, over="empty", after="the largest number")
class NoEvents(Peak):
    """Without events, nothing is ever in use: both numbers are 0."""

    code = "largest = reached = 0, before the loop"


# -- profiling.timer ---------------------------------------------------------------------------

TIMER = question(
    "profiling.timer", "A clock that is not fooled", takes=function, minutes=15, difficulty=1
)


@TIMER.kept_inputs
def draw_timer(draw):
    def seconds(low, high, count):
        return draw.numbers(low, high, count, digits=4)

    def case(warmup, repeat, slow=0, ahead=0.0):
        host, busy = seconds(0.001, 0.004, 1), seconds(0.02, 0.2, 1)
        count = warmup + repeat
        return {
            "warmup": warmup,
            "repeat": repeat,
            "host": seconds(1, 2, slow) + host * (count - slow),
            "busy": busy * count,
            "ahead": ahead,
        }

    def apart(times):  # so that one of the two in the middle is not their median
        return np.diff(np.sort(times)).min() > 0.002

    slow = draw.integer(3, 5)
    varied = [case(0, 2 * draw.integer(4, 6) - odd) for odd in (0, 1)]
    for one in varied:
        one["busy"] = draw.until(apart, lambda count=one["repeat"]: seconds(0.02, 0.2, count))
        one["busy"][draw.integer(0, one["repeat"] - 1)] = seconds(3, 5, 1)[0]  # a slow run
    return {
        "work": [case(0, draw.integer(3, 6)) for _ in range(2)],
        "ahead": [case(0, 1, ahead=seconds(0.5, 1, 1)[0])],
        "warmup": [case(slow, draw.integer(2, 3), slow), case(draw.integer(0, 2), 4)],
        "varied": varied,
    }


class Machine:
    """A device with a queue, and a clock that only they move."""

    def __init__(self, case):
        self.host, self.busy = case.host, case.busy  # seconds to launch, and of work, run by run
        self.now, self.free = 0.0, case.ahead
        self.counts, self.runs = [case.warmup, case.repeat], 0

    def settings(self):
        """How often to run the job before it is timed, and then."""
        return self.counts

    def job(self):
        """Launch one run."""
        at = min(self.runs, len(self.host) - 1)
        self.now += self.host[at]
        self.free = max(self.now, self.free) + self.busy[at]
        self.runs += 1

    def wait(self):
        """Return when the queue is empty."""
        self.now = max(self.now, self.free)

    def clock(self):
        """The time in seconds."""
        return self.now

    def noted(self, came):
        return [*came, self.runs]


@TIMER.shown
def shown_timer(case):
    times = [round(a + b, 4) for a, b in zip(case.host, case.busy, strict=True)]
    first = f"; the device is busy for {case.ahead} s already" if case.ahead else ""
    return (
        f"warmup={case.warmup}, repeat={case.repeat}; runs that take {times} s, of which "
        f"the launch takes {case.host}{first}"
    )


class Timed(Aspect):
    referee = Machine

    def run(answer, case, f):
        ask = case.ask
        return parts_in(answer(ask.job, ask.clock, ask.wait, *ask.settings()), "Two numbers", 2)

    def expect(case):
        times = np.add(case.host, case.busy)[case.warmup :]
        low, high = np.percentile(times, [25, 75])
        return {
            "median": Number(float(np.median(times)), " s"),
            "interquartile range": Number(float(high - low), " s"),
            "runs of the job": case.warmup + case.repeat,
        }


TIMES = ("median", "interquartile range")


@TIMER.aspect("the work, not the launch", 2, over="work", part=TIMES)
class Work(Timed):
    """Read clock(), which you are given, before job(), since the launch counts. job() returns
    before the work is done: wait, and then read the clock again, for each run."""


@TIMER.aspect("what was launched before", 1, over="ahead", part=TIMES)
class LaunchedBefore(Timed):
    "Wait also before the clock starts: the queue may not be empty."


@TIMER.aspect("warm-up", 1, over="warmup", after="the work, not the launch")
class WarmUp(Timed):
    """Run the job warmup times, then repeat times; only the latter are timed. Their first time must
    not contain what is left of the warm-up."""


@TIMER.aspect("the median", 1, over="varied", part="median")
class Median(Timed):
    """One slow run moves the mean and leaves the median where it is. If their number is even, the
    median lies between the two times in the middle."""


@TIMER.aspect("the spread", 1, over="varied", part="interquartile range")
class Spread(Timed):
    """np.percentile(times, [25, 75]) gives both ends of the middle half: return the difference, the
    larger less the smaller."""


# -- profiling.ahead ---------------------------------------------------------------------------

AHEAD = question(
    "profiling.ahead", "Let Python run ahead", takes=function, minutes=20, difficulty=2
)


@AHEAD.kept_inputs
def draw_ahead(draw):
    def case(groups, left, nan=-1):
        """So many groups, a shorter one if `left`; a nan in group number `nan`."""
        every = draw.integer(4, 7)
        losses = draw.numbers(0.5, 5, groups * every + min(left, every - 1))
        at = nan * every + draw.integer(0, every - 2) if nan >= 0 else -1
        return {"every": every, "losses": losses, "nan": at}

    few = case(0, 3)
    return {
        "reads": [case(draw.integer(3, 6), 0) for _ in range(2)],
        "left": [case(draw.integer(2, 4), draw.integer(2, 3)), few],
        "nan": [case(5, 2, nan=draw.integer(0, 3)) for _ in range(4)],
    }


class Device:
    """Holds the losses, outside of the student's process. It notes each value that is read."""

    def __init__(self, case):
        self.case, self.values, self.launched, self.reads = case, [], [], 0

    def settings(self):
        return [len(self.case.losses), self.case.every]

    def launch(self, i):
        """Run a step; return the number of its loss."""
        self.launched.append(i)
        steps = len(self.case.losses)
        if not 0 <= i < steps or len(self.launched) > 1000:
            raise WrongKind(f"There is no step {i}: steps={steps}.")
        return self._put(math.nan if i == self.case.nan else self.case.losses[i])

    def combine(self, sign, one, other):
        """Combine two losses, or a loss and a number that comes as [number]."""
        a, b = (float(x[0]) if isinstance(x, list) else self.values[x] for x in (one, other))
        return self._put({"+": add, "-": sub, "*": mul, "/": truediv}[sign](a, b))

    def read(self, number):
        self.reads += 1
        return self.values[number]

    def noted(self, came):
        read = None if came["a ValueError"] else self.reads
        return {**came, "steps": self.launched, "values read": read}

    def _put(self, value):
        self.values.append(value)
        return len(self.values) - 1


class Loss:
    """A number on a device."""

    def __init__(self, ask, number):
        self._ask, self._number = ask, number

    def _with(self, other, sign, turned=False):
        if isinstance(other, Loss):
            pair = [self._number, other._number]
        elif isinstance(other, int | float | np.number):
            pair = [self._number, [float(other)]]
        else:
            return NotImplemented
        return Loss(self._ask, self._ask.combine(sign, *(pair[::-1] if turned else pair)))

    def __add__(self, other):
        return self._with(other, "+")

    def __sub__(self, other):
        return self._with(other, "-")

    def __rsub__(self, other):
        return self._with(other, "-", True)

    def __mul__(self, other):
        return self._with(other, "*")

    def __truediv__(self, other):
        return self._with(other, "/")

    def __rtruediv__(self, other):
        return self._with(other, "/", True)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1

    def item(self):
        """The value; Python waits for it."""
        return self._ask.read(self._number)

    __float__ = numpy = item

    def detach(self):
        """The same number: it has no history."""
        return self

    def _compared(self, other, compares):
        if isinstance(other, Loss):
            return compares((self - other).item(), 0.0)
        return compares(self.item(), float(other))

    def __eq__(self, other):
        return self._compared(other, lambda a, b: a == b)

    def __ne__(self, other):
        return self._compared(other, lambda a, b: a != b)

    def __lt__(self, other):
        return self._compared(other, lambda a, b: a < b)

    def __gt__(self, other):
        return self._compared(other, lambda a, b: a > b)

    def __le__(self, other):
        return self._compared(other, lambda a, b: a <= b)

    def __ge__(self, other):
        return self._compared(other, lambda a, b: a >= b)

    __hash__ = None

    def __bool__(self):
        return bool(self.item())

    def __format__(self, form):
        return format(self.item(), form)

    def __repr__(self):
        return repr(self.item())


@AHEAD.shown
def shown_ahead(case):
    nan = f", nan in step {case.nan}" if case.nan >= 0 else ""
    return f"steps={len(case.losses)}, every={case.every}; losses {case.losses}{nan}"


class Training(Aspect):
    what = "Training"
    referee = Device

    def run(answer, case, f):
        def step(i):
            return Loss(case.ask, case.ask.launch(int(i)))

        try:
            means = answer(step, *case.ask.settings())
        except ValueError:
            return {"a ValueError": True, "means": None}
        return {"a ValueError": False, "means": parts_in(means, "Means in a list")}

    def expect(case):
        groups = [case.losses[i : i + case.every] for i in range(0, len(case.losses), case.every)]
        return {
            "a ValueError": False,
            "steps": list(range(len(case.losses))),
            "means": [sum(group) / len(group) for group in groups],
            "values read": Between(1, len(groups)),
        }


@AHEAD.aspect("one read for each mean", 3, over="reads")
class OneRead(Training):
    """Add the losses up on the device, divide there, and take float() of the mean, once: then
    compare the number of Python's, since to compare a loss, or to test it for nan, reads it too. A
    list of losses that is read at the end is read as often."""


AS_LONG = ("a ValueError", "steps", "means")


@AHEAD.aspect(
    "a shorter group at the end", 1, over="left", part=AS_LONG, after="one read for each mean"
)
class ShorterGroup(Training):
    "The steps that are left have a mean too, over as many as there are."


@AHEAD.aspect("not a number", 2, over="nan", after="one read for each mean")
class NotANumber(Training):
    """A nan survives sums and quotients, so math.isnan(mean) finds it: raise a ValueError at the
    end of the group, before the next one is launched."""

    expect = None
    form = {"a ValueError": bool, "steps": [int]}

    def judge(case, found):
        if not found["a ValueError"]:
            return "A ValueError is expected, got none."
        last, taken = (case.nan // case.every + 1) * case.every, len(found["steps"])
        if not case.nan < taken <= last or found["steps"] != list(range(taken)):
            return f"Steps until the ValueError: at most {last} are expected, got {taken}."


# -- profiling.wait ------------------------------------------------------------------------------

WAIT = question("profiling.wait", "Find the wait", takes=function, minutes=20, difficulty=2)


def trace_of(draw, lines, steps):
    """A trace of a loop: lines of the kinds compute, launch, read and late, in each step.

    A line "read" waits for the device, if that is busy. A line "late" ends when the job before the
    last one ends. No other call ends together with a job.
    """
    trace, now, jobs = [], 0, []
    for _ in range(steps):
        for name, kind, low, high in lines:
            free = jobs[-1][1] if jobs else 0
            end = now + draw.integer(low, high)
            if kind == "read":
                end = free if free > now else now + 2
            elif kind == "late" and len(jobs) > 1 and jobs[-2][1] > now:
                end = jobs[-2][1]
            else:
                while any(end == job[1] for job in jobs):
                    end += 1
            job = []
            if kind == "launch":
                start = max(end, free)
                job = [start, start + draw.integer(60, 99)]
                jobs.append(job)
            trace.append([name, now, end, job])
            now = end
    return trace


@WAIT.inputs
def draw_wait(draw):
    def loop(kinds, steps):
        sizes = {"launch": (3, 9), "read": (2, 2), "late": (2, 9), "compute": (5, 15)}
        sizes["long"] = (300, 400)
        names = draw.words(len(kinds))
        lines = [[name, kind, *sizes[kind]] for name, kind in zip(names, kinds, strict=True)]
        return trace_of(draw, lines, steps)

    plain = ["compute", "launch", "launch", "compute", "read", "long"]
    idle = ["launch", "compute", "read", "long", "launch", "long"]
    first = loop(idle, 3)
    second = loop(["launch", "long", "read", "launch", "read", "compute"], 2)
    second = [[first[i % 6][0], *call[1:]] for i, call in enumerate(second)]
    # the lines of the first loop, called in another order: one that waited finds the device idle
    after = first[-1][2] + 7
    moved = [[name, a + after, b + after, [t + after for t in job]] for name, a, b, job in second]
    loops = {
        "plain": [loop(plain, 2), loop(["compute", *plain[1:]], 3)],
        "sometimes": [[*first, *moved]],
        "earlier": [loop(["launch", "launch", "launch", "late", "read", "long"], 2)],
    }
    return {name: [{"trace": trace} for trace in traces] for name, traces in loops.items()}


def waits_by_hand(trace):
    """The microseconds of the calls that end with the last job before them, by line."""
    found = {}
    for n, (name, start, end, _) in enumerate(trace):
        before = [job[1] for *_, job in trace[:n] if job]
        if before and max(before) == end:
            found[name] = found.get(name, 0.0) + end - start
    return found


@WAIT.shown
def shown_wait(given):
    lines = [
        f"{name}: {a}-{b}" + (f", job {job[0]}-{job[1]}" if job else "")
        for name, a, b, job in given.trace
    ]
    return "; ".join(lines)


class Waits(Aspect):
    what = "Result"

    def run(answer, given, f):
        trace = [
            (str(n), int(a), int(b), tuple(job) if len(job) else None)
            for n, a, b, job in given.trace
        ]
        found = answer(trace)
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        return {str(name): one for name, one in found.items()}

    def expect(given):
        return Keyed(waits_by_hand(given.trace))


@WAIT.aspect("a line that always waits", 2, over="plain")
class AlwaysWaits(Waits):
    """Remember when the last job launched so far ends, and compare it with the end of each call."""

    code = "if end == idle: found[line] = found.get(line, 0) + end - start"


@WAIT.aspect("a line that sometimes waits", 2, over="sometimes")
class SometimesWaits(Waits):
    """Decide for each call, not for each line: a line may find the device idle at another time."""

    code = "Add up the calls that wait, and no others."


@WAIT.aspect("the last job decides", 1, over="earlier")
class LastJob(Waits):
    """A call that ends together with an earlier job waits for nothing, since another job is still
    queued."""

    code = "Keep the end of the last job only."


# -- profiling.pipeline --------------------------------------------------------------------------

PIPELINE = question(
    "profiling.pipeline",
    "How far ahead must the loader be?",
    takes=function,
    minutes=30,
    difficulty=2,
)


def epoch_by_hand(load, train, ahead):
    """The end of an epoch, and how long nothing is trained."""
    began, ended, loaded = [], [], 0.0
    for i, (seconds, work) in enumerate(zip(load, train, strict=True)):
        if ahead:
            allowed = began[i - ahead] if i >= ahead else 0.0
        else:
            allowed = ended[-1] if ended else 0.0
        loaded = max(loaded, allowed) + seconds
        began.append(max(loaded, ended[-1] if ended else 0.0))
        ended.append(began[-1] + work)
    return ended[-1], ended[-1] - sum(train)


@PIPELINE.inputs
def draw_pipeline(draw):
    def times():
        """Some batches take long to load, so that a stock of them helps."""
        count = draw.integer(7, 9)
        load = draw.numbers(0.2, 0.8, count)
        for at in draw.shuffled(list(range(2, count)))[:2]:
            load[at] = draw.number(3, 5)
        train = draw.numbers(0.9, 1.5, count)
        train[draw.integer(0, 1)] = draw.number(2, 3)
        return {"load": load, "train": train}

    def apart(one):
        """Each way to misread the question gives another number."""
        ends = [epoch_by_hand(one["load"], one["train"], n)[0] for n in (0, 1, 2, 3, 99)]
        slower = sum(map(max, zip(one["load"], one["train"], strict=True)))
        found = [*ends, slower, slower + one["load"][0]]
        return min(abs(a - b) for n, a in enumerate(found) for b in found[:n]) > 0.05

    def case(ahead):
        return {**draw.until(apart, times), "ahead": ahead}

    return {
        "none": [case(0), case(0)],
        "one": [case(1), case(1)],
        "several": [case(2), case(3), case(2)],
    }


@PIPELINE.shown
def shown_pipeline(given):
    return f"load={list(given.load)}, train={list(given.train)}, ahead={given.ahead}"


class Epoch(Aspect):
    what = "Epoch"

    def run(answer, given, f):
        return answer(list(given.load), list(given.train), given.ahead)

    def expect(given):
        end, idle = epoch_by_hand(given.load, given.train, given.ahead)
        return {"seconds": Number(end, " s"), "seconds without training": Number(idle, " s")}


@PIPELINE.aspect("one after the other", 1, over="none", part="seconds")
class OneAfterTheOther(Epoch):
    """With ahead=0 loading and training alternate, so their times add up."""

    code = "allowed = trained"


@PIPELINE.aspect("one batch ahead", 2, over="one", part="seconds")
class OneAhead(Epoch):
    """Go through the batches in order. Note when each is loaded, when its training begins, and when
    it ends. Each of these waits for the later of two things."""

    code = "loaded = max(loaded, allowed) + load[i]"


@PIPELINE.aspect("several batches ahead", 2, over="several", part="seconds")
class SeveralAhead(Epoch):
    """The loader needs the permission of the batch that lies `ahead` places before, and has to have
    finished the batch before."""

    code = "allowed = began[i - ahead] if i >= ahead else 0"


@PIPELINE.aspect("the time without training", 1, over=("none", "one", "several"))
class Untrained(Epoch):
    """All seconds until the last training has ended, without the seconds of training."""

    code = "trained - sum(train)"


# -- profiling.cost ------------------------------------------------------------------------------

COST = free_text("profiling.cost", "What does your profiler cost?", 6, minutes=30, difficulty=2)


# -- profiling.profile ---------------------------------------------------------------------------

PROFILE = question("profiling.profile", "Read a profile", takes=function, minutes=150, difficulty=3)


def call_event(name, start, end, thread):
    return {"ph": "X", "name": name, "ts": start, "dur": end - start, "tid": thread, "pid": 1}


@PROFILE.inputs
def draw_profile(draw):
    def tree(names, start, end, depth, thread, deepest):
        """Calls from start to end, with others inside: names[depth] is the name at that depth."""
        found = [call_event(names[depth % len(names)], start, end, thread)]
        if depth < deepest and end - start > 12:
            cut = sorted(draw.shuffled(list(range(start, end)))[:4])
            for a, b in (cut[:2], cut[2:]):
                found += tree(names, a, b, depth + 1, thread, deepest)
        return found

    def forest(names, count, thread, deepest=3):
        """Calls one after another; some touch."""
        events, now = [], draw.integer(3, 9)
        for n in range(count):
            end = now + draw.integer(50, 90)
            turned = names[n % len(names) :] + names[: n % len(names)]
            events += tree(turned, now, end, 0, thread, deepest)
            now = end + draw.choice([0, 0, 7, 20])
        return events

    def marked(events):
        """The same calls, each second one as a beginning and an end."""
        found = []
        for n, e in enumerate(events):
            if n % 2:
                found.append(e)
                continue
            shared = {"name": e["name"], "tid": e["tid"], "pid": 1}
            found.append({"ph": "B", "ts": e["ts"], **shared})
            found.append({"ph": "E", "ts": e["ts"] + e["dur"], **shared})
        return found

    def distinct(events):
        """No two marks of a thread have one time, and the self times differ."""
        times = [(e["tid"], t) for e in events for t in (e["ts"], e["ts"] + e["dur"])]
        own = [one["self"] for one in profile_by_hand(events).values()]
        return len(set(times)) == len(times) and len(set(own)) == len(own)

    def apart(events):
        """Orders by self time, by total time and by name differ."""
        found = profile_by_hand(events)
        orders = {
            tuple(sorted(found, key=lambda name: (-found[name][key], name)))
            for key in ("self", "total", "calls")
        }
        own = [one["self"] for one in found.values()]
        return len(orders) == 3 and tuple(sorted(found)) not in orders and len(set(own)) == len(own)

    def inside_itself(events):
        """A name is inside itself, so that the sum of its durations is not its total time."""
        found = profile_by_hand(events)
        sums = [sum(e["dur"] for e in events if e["name"] == name) for name in found]
        return all(sum_ > one["total"] for sum_, one in zip(sums, found.values(), strict=True))

    def other():
        """Events that are no calls."""
        name = draw.word()
        return [
            {"ph": "M", "name": "process_name", "pid": 1},
            {"ph": "i", "name": name, "ts": draw.integer(1, 99), "tid": 1, "pid": 1, "s": "t"},
            {"ph": "C", "name": name, "ts": 5, "dur": 9, "tid": 1, "pid": 1},
        ]

    def flat():
        names, now, events = draw.words(3), 2, []
        for name in draw.shuffled([*names, *names, names[0]]):
            end = now + draw.integer(5, 50)
            events.append(call_event(name, now, end, 1))
            now = end + draw.choice([0, 3])
        return events

    nested = [draw.until(apart, lambda: forest(draw.words(5), 4, 1)) for _ in range(2)]
    pairs = [draw.words(2), draw.words(2)]
    pairs[1].append(pairs[1][0])  # one name directly inside itself
    recursive = [draw.until(inside_itself, lambda names=n: forest(names, 2, 1)) for n in pairs]
    twin = draw.words(2)
    start, end = draw.integer(1, 9), draw.integer(30, 60)
    twins = [call_event(name, start, end, 1) for name in twin]
    names = draw.words(4)
    # no call in these two is deep inside another one, and no name inside itself
    threads = [e for n in (1, 2, 3) for e in forest(names[n:] + names[:n], 2, n, deepest=1)]
    marks = draw.until(distinct, lambda: forest(draw.words(4), 3, 1, deepest=1))
    traces = {
        "flat": [draw.shuffled([*flat(), *other()])],
        "nested": [draw.shuffled(events) for events in nested],
        "twins": [twins, twins[::-1]],
        "recursive": [draw.shuffled(events) for events in recursive],
        "threads": [draw.shuffled(threads)],
        "marks": [draw.shuffled(marked(marks))],
    }
    return {name: [{"events": one} for one in listed] for name, listed in traces.items()}


def profile_by_hand(events):
    """Calls, total and self time of each name, from calls alone, in any order."""
    calls = [
        (e["tid"], e["ts"], e["ts"] + e["dur"], -n, e["name"])
        for n, e in enumerate(events)
        if e["ph"] == "X"
    ]

    def outside(call):
        """The calls around one, the innermost last."""
        thread, start, end, place, _ = call
        around = [
            one
            for one in calls
            if one[0] == thread
            and one[1] <= start
            and end <= one[2]
            and one is not call
            and ((one[1], one[2]) != (start, end) or one[3] > place)
        ]
        return sorted(around, key=lambda one: (one[2] - one[1], -one[3]), reverse=True)

    found = {name: {"calls": 0, "total": 0.0, "self": 0.0} for *_, name in calls}
    for call in calls:
        _, start, end, _, name = call
        around = outside(call)
        found[name]["calls"] += 1
        found[name]["self"] += end - start
        if around:
            found[around[-1][-1]]["self"] -= end - start
        if name not in [one[-1] for one in around]:
            found[name]["total"] += end - start
    return found


def calls_from(events):
    """Calls alone: beginnings and ends put together, by nesting."""
    found, opened = [], {}
    for e in events:
        if e["ph"] == "X":
            found.append(dict(e))
    marks = [e for e in events if e["ph"] in ("B", "E")]
    for e in sorted(marks, key=lambda e: e["ts"]):
        stack = opened.setdefault(e["tid"], [])
        if e["ph"] == "B":
            stack.append(e)
        else:
            begun = stack.pop()
            found.append(call_event(begun["name"], begun["ts"], e["ts"], e["tid"]))
    return found


@PROFILE.shown
def shown_profile(given):
    words = []
    for e in given.events:
        at = f"thread {e['tid']}, " if "tid" in e else ""
        time = f", {at}ts {e['ts']}" if "ts" in e else ""
        dur = f", dur {e['dur']}" if "dur" in e else ""
        words.append(f"{e['ph']} {e['name']}{time}{dur}")
    return "; ".join(words)


class Read(Aspect):
    what = "Profile"

    def run(answer, given, f):
        found = answer(json.dumps({"traceEvents": [dict(e) for e in given.events]}))
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected; what came is {kind_of(found)}.")
        parts = {"calls": {}, "total": {}, "self": {}}
        for name, one in found.items():
            if not isinstance(one, dict) or set(one) != set(parts):
                raise WrongKind(
                    f"For each name a dictionary with the keys {list(parts)} is expected; what "
                    f"came is {kind_of(one)}."
                )
            for part, values in parts.items():
                values[str(name)] = one[part]
        return {**parts, "order": [str(name) for name in found]}

    def expect(given):
        found = profile_by_hand(calls_from(given.events))
        order = sorted(found, key=lambda name: (-found[name]["self"], name))
        parts = {
            part: Keyed({name: found[name][part] for name in order})
            for part in ("calls", "total", "self")
        }
        return {**parts, "order": order}


TIMES_OF_CALLS = ("calls", "total", "self")


@PROFILE.aspect("calls one after another", 1, over="flat", part=TIMES_OF_CALLS)
class Flat(Read):
    """Only the kinds "X", "B" and "E" are calls. Where no call is inside another, total and self
    time are the sums of the durations."""

    code = 'if e["ph"] == "X": ...'


@PROFILE.aspect("self time", 3, over="nested", part="self")
class SelfTime(Read):
    """Sort the calls so that an outer call comes before those inside it, and keep a stack of the
    calls that have not ended. A call that ends when another begins is not around it."""

    code = "calls.sort(key=lambda call: (call.start, -call.end)); the top of the stack is outside"


@PROFILE.aspect("the order", 1, over="nested", part="order", after="self time")
class Order(Read):
    """The largest self time comes first; equal ones come by name."""

    code = 'sorted(found, key=lambda name: (-found[name]["self"], name))'


@PROFILE.aspect("equal intervals", 1, over="twins", part=("total", "self"))
class Twins(Read):
    """Of two calls with the same start and end, the one that is listed first is outside, and the
    other has the time for itself."""

    code = "Sort by start, by falling end, and then by the place in the list."


@PROFILE.aspect("a name inside itself", 2, over="recursive", part=TIMES_OF_CALLS)
class InsideItself(Read):
    """Add the duration to the total only if no call around it, however far outside, has the same
    name. Calls and self time count all."""

    code = "if name not in [outer.name for outer in stack]"


@PROFILE.aspect("several threads", 2, over="threads", part=TIMES_OF_CALLS)
class Threads(Read):
    """A call on one thread is never inside a call of another one, even at the same time."""

    code = "a stack for each tid"


@PROFILE.aspect("beginnings and ends", 2, over="marks", part=TIMES_OF_CALLS)
class Marks(Read):
    """Turn each "B" with its "E" into a call first. Sort them by time, since they come in any
    order."""

    code = "open calls in a stack for each tid; an E takes the last one"
