"""Plausible wrong answers to the exercises of *GPUs: devices and copies*.

Each entry: the question, what is wrong, the answer, and the aspects that must fail - those and no
others. `solution` holds what the exercise file's solution cells define.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Wrong = tuple[str, str, Any, set[str]]

THERE, TWICE, NONE_LEFT = (
    "the GPUs that are there",
    "asked for twice",
    "the CPU if no GPU is left",
)
ANY, NEGATIVE = "nothing in particular", "a number below zero"

ARRIVES, BUILT = "every tensor arrives", "built the same way"
STAYS, ONCE = "what is there stays", "sent once"

CONSTANTS = "the constants belong to the model"
ELSEWHERE, OUTPUT = "computed on the device that it is on", "the output"
EVERY, BEFORE = "sent in every epoch", "sent once"
PLACED, SENT = "each layer on its device", "each activation is sent once"
REGISTERED = "the framework finds all parameters"
SEGMENTS, COUNTS, SMALLEST = "segments", "the counts", "the smallest gap"
MERGE, FULL = "gaps merge", "a full memory"


def _choices(gpu: Any, cpu: Any) -> Iterator[Wrong]:
    """Wrong choices, which are wrong in the same ways in both frameworks."""

    def checked(wanted):
        for i in wanted or ():
            if i < 0:
                raise ValueError(f"no GPU {i}")

    def make(there, finish=lambda found: found or [cpu()], before=checked, start=None):
        def choose(wanted, count):
            before(wanted)
            wanted = (start or (lambda wanted, count: range(count)))(wanted, count)
            return finish(there(wanted, count))

        return choose

    def usual(wanted, count):
        return range(count) if wanted is None else wanted

    def there(wanted, count):
        return [gpu(i) for i in dict.fromkeys(wanted) if i < count]

    def off_by_one(wanted, count):
        return [gpu(i) for i in dict.fromkeys(wanted) if i <= count]

    fails = {THERE, NONE_LEFT, NEGATIVE}
    yield "gpus.choose", "count itself", make(off_by_one, start=usual), fails

    def silent(wanted):
        pass

    def negative(wanted, count):
        return [gpu(i) for i in dict.fromkeys(wanted) if 0 <= i < count]

    choose = make(negative, start=usual, before=silent)
    yield "gpus.choose", "negative ones left out", choose, {NEGATIVE}

    def nameless(wanted):
        for i in wanted or ():
            if i < 0:
                raise ValueError("a number of 0 or more is expected")

    choose = make(there, start=usual, before=nameless)
    yield "gpus.choose", "does not say which", choose, {NEGATIVE}

    choose = make(there, start=lambda wanted, count: wanted or range(count))
    yield "gpus.choose", "an empty list taken for None", choose, {NONE_LEFT}

    choose = make(there, start=usual, finish=lambda found: found)
    yield "gpus.choose", "no CPU", choose, {NONE_LEFT, ANY}

    def repeated(wanted, count):
        return [gpu(i) for i in wanted if i < count]

    yield "gpus.choose", "one device twice", make(repeated, start=usual), {TWICE}

    def ordered(wanted, count):
        return [gpu(i) for i in sorted(set(wanted)) if i < count]

    fails = {THERE, TWICE, NONE_LEFT, NEGATIVE}
    yield "gpus.choose", "in order of numbers", make(ordered, start=usual), fails

    def each_or_cpu(wanted, count):
        return [gpu(i) if i < count else cpu() for i in dict.fromkeys(wanted)]

    choose = make(each_or_cpu, start=usual)
    yield "gpus.choose", "a CPU for each that is missing", choose, fails


def _plain(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers without a framework."""

    def times(factor, always=False, never=False):
        def seconds(rows, values, itemsize, epochs, rate, resident):
            count = 1 if (resident or never) and not always else epochs
            return factor * rows * values * itemsize * count / (rate * 1e9)

        return seconds

    yield "gpus.copies", "bits", times(8), {EVERY, BEFORE}
    yield "gpus.copies", "GiB", times(1e9 / 2**30), {EVERY, BEFORE}
    yield "gpus.copies", "always resident", times(1, never=True), {EVERY}
    yield "gpus.copies", "never resident", times(1, always=True), {BEFORE}

    def no_itemsize(rows, values, itemsize, epochs, rate, resident):
        return rows * values * (1 if resident else epochs) / (rate * 1e9)

    yield "gpus.copies", "values for bytes", no_itemsize, {EVERY, BEFORE}

    def milliseconds(*args, **kwargs):
        return times(1000)(*args, **kwargs)

    yield "gpus.copies", "milliseconds", milliseconds, {EVERY, BEFORE}

    Allocator = solution["Allocator"]

    class FirstFit(Allocator):
        def gaps(self):
            fits = sorted(super().gaps(), key=lambda gap: gap[1:])
            return ((gap[0], *gap[1:]) for gap in fits)

        def malloc(self, size):
            every = list(self.gaps())
            first = next((gap for gap in every if gap[0] >= size), None)
            self.gaps = lambda: [first] if first else []
            try:
                return super().malloc(size)
            finally:
                del self.gaps

    yield "gpus.allocator", "the first gap", FirstFit, {SMALLEST}

    class WorstFit(Allocator):
        def malloc(self, size):
            every = list(self.gaps())
            largest = max(every, key=lambda gap: (gap[0], -gap[1], -gap[2]), default=None)
            self.gaps = lambda: [largest] if largest else []
            try:
                return super().malloc(size)
            finally:
                del self.gaps

    yield "gpus.allocator", "the largest gap", WorstFit, {SMALLEST}

    class Apart(Allocator):
        """Gaps are kept as they were freed."""

        def __init__(self, capacity):
            super().__init__(capacity)
            self.holes = []

        def gaps(self):
            return [(end - start, number, start) for number, start, end in self.holes]

        def reserve(self, size):
            number = super().reserve(size)
            self.holes.append((number, 0, size))
            return number

        def malloc(self, size):
            place = number, start = super().malloc(size)
            (hole,) = [one for one in self.holes if one[:2] == place]
            self.holes.remove(hole)
            if start + size < hole[2]:
                self.holes.append((number, start + size, hole[2]))
            return place

        def free(self, place):
            size = self.used[place]
            super().free(place)
            self.holes.append((*place, place[1] + size))

        def empty_cache(self):
            super().empty_cache()
            self.holes = [one for one in self.holes if one[0] in self.segments]

    yield "gpus.allocator", "gaps stay apart", Apart, {MERGE}

    class NoRetry(Allocator):
        def reserve(self, size):
            if self.reserved + size > self.capacity:
                raise MemoryError
            return super().reserve(size)

    yield "gpus.allocator", "no second try", NoRetry, {FULL}

    class Endless(Allocator):
        def __init__(self, capacity):
            super().__init__(10**9)

    yield "gpus.allocator", "never full", Endless, {FULL}

    class Forgets(Allocator):
        def empty_cache(self):
            super().empty_cache()
            self.peak = self.allocated

    yield "gpus.allocator", "a peak that is forgotten", Forgets, {COUNTS}

    class NoPeak(Allocator):
        def free(self, place):
            super().free(place)
            self.peak = self.allocated

    yield "gpus.allocator", "a peak that goes down", NoPeak, {COUNTS}

    class Rounded(Allocator):
        def reserve(self, size):
            return super().reserve(-(-size // 20) * 20)

    everything = {SEGMENTS, COUNTS, SMALLEST, MERGE, FULL}
    yield "gpus.allocator", "always multiples of 20", Rounded, everything

    class OwnSegment(Allocator):
        def reserve(self, size):
            return super().reserve(10 if size == 20 else size)

    yield "gpus.allocator", "segments of 10", OwnSegment, everything


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn

    choose, move = solution["choose"], solution["move"]
    Prepare, d2l = solution["Prepare"], solution["d2l"]

    yield from _choices(d2l.gpu, d2l.cpu)
    yield from _plain(solution)

    def texts(wanted, count):
        return [str(device) for device in choose(wanted, count)]

    fails = {THERE, TWICE, NONE_LEFT, ANY, NEGATIVE}
    yield "gpus.choose", "texts", texts, fails

    def bare(wanted, count):
        devices = choose(wanted, count)
        return [torch.device("cuda") if d.index == 0 else d for d in devices]

    yield "gpus.choose", "cuda for cuda:0", bare, {THERE, NONE_LEFT, ANY, NEGATIVE}

    def not_kept(data, device):
        for part in data.values() if isinstance(data, dict) else ():
            not_kept(part, device)
        if isinstance(data, torch.Tensor):
            data.to(device)
        return data

    fails = {ARRIVES, BUILT, STAYS, ONCE}
    yield "gpus.move", "to() taken as in place", not_kept, fails

    def of_the_chapter(data, device):
        if isinstance(data, dict):
            return {key: of_the_chapter(part, device) for key, part in data.items()}
        if isinstance(data, (list, tuple)):
            return type(data)(of_the_chapter(part, device) for part in data)
        return data.to(device)

    yield "gpus.move", "that of the chapter", of_the_chapter, {BUILT, ONCE}

    def copying(data, device):
        if isinstance(data, torch.Tensor):
            return data.to(device, copy=True)
        return move(data, device) if data is None else _rebuilt(data, device, copying)

    def _rebuilt(data, device, function):
        if isinstance(data, dict):
            return {key: function(part, device) for key, part in data.items()}
        if isinstance(data, (list, tuple)):
            parts = [function(part, device) for part in data]
            return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)
        return data

    yield "gpus.move", "always a copy", copying, {STAYS, ONCE}

    def listed(data, device):
        if isinstance(data, torch.Tensor):
            return move(data, device)
        if isinstance(data, tuple):
            return [listed(part, device) for part in data]
        return _rebuilt(data, device, listed)

    yield "gpus.move", "tuples become lists", listed, {BUILT, ONCE}

    def in_place(data, device, sent=None):
        sent = {} if sent is None else sent
        if isinstance(data, (dict, list)):
            for key in list(data) if isinstance(data, dict) else range(len(data)):
                data[key] = in_place(data[key], device, sent)
            return data
        if isinstance(data, tuple):
            parts = [in_place(part, device, sent) for part in data]
            return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
        if isinstance(data, torch.Tensor):
            if id(data) not in sent:
                sent[id(data)] = data.to(device)
            return sent[id(data)]
        return data

    yield "gpus.move", "writes into what was given", in_place, {BUILT}

    def by_equality(data, device, sent=None):
        sent = {} if sent is None else sent
        if isinstance(data, torch.Tensor):
            return sent.setdefault(data.dtype, data.to(device))
        return _rebuilt(data, device, lambda part, device: by_equality(part, device, sent))

    yield "gpus.move", "tensors confused", by_equality, {ARRIVES, STAYS, ONCE}

    def by_shape(data, device, sent=None):
        sent = {} if sent is None else sent
        if isinstance(data, torch.Tensor):
            key = (tuple(data.shape), data.dtype, data.device)
            sent[key] = sent[key] if key in sent else data.to(device)
            return sent[key]
        return _rebuilt(data, device, lambda part, device: by_shape(part, device, sent))

    yield "gpus.move", "known by shape and type", by_shape, {ONCE}

    def on_a_gpu(data, device):
        return data if torch.is_tensor(data) and data.is_cuda else chosen(data, device)

    def chosen(data, device):
        return move(data, device) if torch.is_tensor(data) else _rebuilt(data, device, on_a_gpu)

    yield "gpus.move", "any GPU will do", on_a_gpu, {ARRIVES, STAYS, ONCE}

    class Inverse(Prepare):
        def __init__(self, mean, std):
            super().__init__(mean, std)
            self.std = 1 / self.std

        def forward(self, X):
            kept, self.std = self.std, 1 / self.std
            Y = super().forward(X)
            self.std = kept
            return Y

    yield "gpus.portable", "the inverse saved", Inverse, {CONSTANTS}

    class Cuda(Prepare):
        def forward(self, X):
            return super().forward(X.cuda())

    yield "gpus.portable", "sent to the current GPU", Cuda, {ELSEWHERE, OUTPUT}

    class Written(Prepare):
        def forward(self, X):
            Y = super().forward(X)
            Y[..., -1].copy_(torch.arange(X.shape[1]) / X.shape[1])
            return Y

    yield "gpus.portable", "the host's numbers written into it", Written, {ELSEWHERE, OUTPUT}

    class Assigned(Prepare):
        def forward(self, X):
            Y = super().forward(X)
            Y[..., -1] = torch.arange(X.shape[1]) / X.shape[1]
            return Y

    yield "gpus.portable", "the host's numbers assigned", Assigned, {ELSEWHERE, OUTPUT}

    class Nothing(Prepare):
        def forward(self, X):
            super().forward(X)

    yield "gpus.portable", "no return", Nothing, {ELSEWHERE, OUTPUT}

    class Attributes(Prepare):
        def __init__(self, mean, std):
            nn.Module.__init__(self)
            self.mean, self.std = torch.tensor(mean), torch.tensor(std)

    yield "gpus.portable", "plain attributes", Attributes, {CONSTANTS, ELSEWHERE, OUTPUT}

    class Trained(Prepare):
        def __init__(self, mean, std):
            nn.Module.__init__(self)
            self.mean = nn.Parameter(torch.tensor(mean))
            self.std = nn.Parameter(torch.tensor(std))

    yield "gpus.portable", "trained", Trained, {CONSTANTS}

    class NotSaved(Prepare):
        def __init__(self, mean, std):
            super().__init__(mean, std)
            self.register_buffer("std", self.std, persistent=False)

    yield "gpus.portable", "a buffer that is not saved", NotSaved, {CONSTANTS}

    class Sent(Prepare):
        def forward(self, X):
            n, steps, _ = X.shape
            time = (torch.arange(steps) / steps).to(X.device)
            time = time.reshape(1, steps, 1).expand(n, steps, 1)
            return torch.cat([(X - self.mean) / self.std, time], dim=2)

    yield "gpus.portable", "made on the CPU and sent", Sent, {ELSEWHERE, OUTPUT}

    class Back(Prepare):
        def forward(self, X):
            return super().forward(X).cpu()

    yield "gpus.portable", "taken back", Back, {ELSEWHERE, OUTPUT}

    class Compared(Prepare):
        def forward(self, X):
            n, steps, _ = X.shape
            time = torch.arange(steps) / steps
            if X.device == torch.device("cuda"):
                time = time.to("cuda")
            time = time.reshape(1, steps, 1).expand(n, steps, 1)
            return torch.cat([(X - self.mean) / self.std, time], dim=2)

    yield "gpus.portable", "a comparison that is never true", Compared, {ELSEWHERE, OUTPUT}

    class FromOne(Prepare):
        def forward(self, X):
            Y = super().forward(X)
            return torch.cat([Y[..., :-1], Y[..., -1:] + 1 / X.shape[1]], dim=2)

    yield "gpus.portable", "time from one", FromOne, {OUTPUT}

    Stages = solution["Stages"]

    class Kept(Stages):
        """Layers in a list, which nothing registers and to() does not reach."""

        def __init__(self, stages, devices):
            nn.Module.__init__(self)
            self.stages = [
                nn.Sequential(*stage).to(at) for stage, at in zip(stages, devices, strict=True)
            ]
            self.devices = list(devices)

    yield "gpus.stages", "a plain list", Kept, {REGISTERED}

    class Host(Stages):
        def forward(self, X):
            for stage, device in zip(self.stages, self.devices, strict=True):
                X = stage(X.cpu().to(device))
            return X

    yield "gpus.stages", "by way of the host", Host, {SENT}

    class Home(Stages):
        def forward(self, X):
            return super().forward(X).cpu()

    yield "gpus.stages", "taken back", Home, {PLACED, SENT}

    class OneDevice(Stages):
        def __init__(self, stages, devices):
            super().__init__(stages, [devices[0]] * len(devices))

    yield "gpus.stages", "all on the first device", OneDevice, {PLACED, SENT}

    class Backwards(Stages):
        def __init__(self, stages, devices):
            super().__init__(stages, devices[::-1])

    yield "gpus.stages", "devices the wrong way round", Backwards, {PLACED, SENT}

    class Unmoved(Stages):
        def __init__(self, stages, devices):
            nn.Module.__init__(self)
            self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
            self.devices = list(devices)

    yield "gpus.stages", "layers not moved", Unmoved, {PLACED, SENT}

    class Activated(Stages):
        def forward(self, X):
            for stage, device in zip(self.stages, self.devices, strict=True):
                X = torch.relu(stage(X.to(device)))
            return X

    yield "gpus.stages", "an activation between stages", Activated, {OUTPUT}


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import tensorflow as tf

    move = solution["move"]
    Prepare, d2l = solution["Prepare"], solution["d2l"]

    yield from _choices(d2l.gpu, d2l.cpu)
    yield from _plain(solution)

    def bare(wanted, count):
        return [device.removesuffix(":0") for device in solution["choose"](wanted, count)]

    fails = {THERE, NONE_LEFT, ANY, NEGATIVE}
    yield "gpus.choose", "no number", bare, fails

    def contexts(wanted, count):
        return [tf.device(str(device)) for device in solution["choose"](wanted, count)]

    fails = {THERE, TWICE, NONE_LEFT, ANY, NEGATIVE}
    yield "gpus.choose", "contexts", contexts, fails

    def rebuilt(data, function):
        if isinstance(data, dict):
            return {key: function(part) for key, part in data.items()}
        if isinstance(data, (list, tuple)):
            parts = [function(part) for part in data]
            return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)
        return data

    def assigned(data, device):
        if tf.is_tensor(data):
            with tf.device(device):
                moved = data
            return moved
        return rebuilt(data, lambda part: assigned(part, device))

    yield "gpus.move", "an assignment in a scope", assigned, {ARRIVES, STAYS, ONCE}

    def of_the_chapter(data, device):
        if isinstance(data, dict):
            return {key: of_the_chapter(part, device) for key, part in data.items()}
        if isinstance(data, (list, tuple)):
            return type(data)(of_the_chapter(part, device) for part in data)
        if data.device.rpartition("device:")[2] == device:
            return data
        with tf.device(device):
            return tf.identity(data)

    yield "gpus.move", "that of the chapter", of_the_chapter, {BUILT, ONCE}

    def copying(data, device):
        if tf.is_tensor(data):
            with tf.device(device):
                return tf.identity(data)
        return rebuilt(data, lambda part: copying(part, device))

    yield "gpus.move", "always a copy", copying, {STAYS, ONCE}

    def whole_name(data, device):
        if tf.is_tensor(data):
            return data if data.device == device else copying(data, device)
        return rebuilt(data, lambda part: whole_name(part, device))

    yield "gpus.move", "compared with the whole name", whole_name, {STAYS, ONCE}

    def contained(data, device):
        if tf.is_tensor(data):
            return data if device in data.device else move(data, device)
        return rebuilt(data, lambda part: contained(part, device))

    yield "gpus.move", "GPU:1 in GPU:11", contained, {ARRIVES, STAYS, ONCE}

    def by_number(data, device):
        if tf.is_tensor(data):
            index = tf.DeviceSpec.from_string(data.device).device_index
            return data if device.endswith(f":{index}") else move(data, device)
        return rebuilt(data, lambda part: by_number(part, device))

    yield "gpus.move", "CPU:1 for GPU:1", by_number, {ARRIVES, STAYS, ONCE}

    def variables(data, device):
        if tf.is_tensor(data):
            with tf.device(device):
                return tf.Variable(data)
        return rebuilt(data, lambda part: variables(part, device))

    yield "gpus.move", "variables", variables, {STAYS, ONCE}

    def through_numpy(data, device):
        if tf.is_tensor(data):
            with tf.device(device):
                return tf.constant(data.numpy())
        return rebuilt(data, lambda part: through_numpy(part, device))

    yield "gpus.move", "by way of NumPy", through_numpy, {ARRIVES, BUILT, STAYS, ONCE}

    def listed(data, device):
        if tf.is_tensor(data):
            return move(data, device)
        if isinstance(data, tuple):
            return [listed(part, device) for part in data]
        return rebuilt(data, lambda part: listed(part, device))

    yield "gpus.move", "tuples become lists", listed, {BUILT, ONCE}

    def by_shape(data, device, sent=None):
        sent = {} if sent is None else sent
        if tf.is_tensor(data):
            key = (tuple(data.shape), data.dtype, data.device)
            sent[key] = sent[key] if key in sent else move(data, device)
            return sent[key]
        return rebuilt(data, lambda part: by_shape(part, device, sent))

    yield "gpus.move", "known by shape and type", by_shape, {ONCE}

    def cast(data, device):
        if tf.is_tensor(data):
            with tf.device(device):
                return tf.cast(data, data.dtype)
        return rebuilt(data, lambda part: cast(part, device))

    yield "gpus.move", "cast to the type that it has", cast, {ARRIVES, STAYS, ONCE}

    class Constant(Prepare):
        def constant(self, values):
            with tf.device("CPU:0"):
                return tf.constant(values)

    yield "gpus.portable", "constants", Constant, {CONSTANTS, ELSEWHERE, OUTPUT}

    class Untracked(Prepare):
        def constant(self, values):
            return tf.Variable(values, trainable=False)

    yield "gpus.portable", "tf.Variable", Untracked, {CONSTANTS}

    class Trained(Prepare):
        def constant(self, values):
            return self.add_weight((len(values),), keras.initializers.Constant(values))

    yield "gpus.portable", "trained", Trained, {CONSTANTS}

    class Scoped(Prepare):
        def call(self, X):
            with d2l.try_gpu():
                return super().call(X)

    yield "gpus.portable", "a scope of its own", Scoped, {ELSEWHERE, OUTPUT}

    class Normalized(keras.Layer):
        def __init__(self, mean, std):
            super().__init__()
            self.scale = keras.layers.Normalization(mean=mean, variance=[s**2 for s in std])
            self.scale.build((None, None, len(mean)))

        def call(self, X):
            time = tf.cumsum(tf.ones_like(X[..., :1]), axis=1, exclusive=True)
            return tf.concat([self.scale(X), time / X.shape[1]], -1)

    yield "gpus.portable", "Keras's Normalization", Normalized, {CONSTANTS, ELSEWHERE, OUTPUT}

    class OnHost(Prepare):
        def call(self, X):
            n, steps, _ = X.shape
            with tf.device("CPU:0"):
                time = tf.range(steps, dtype=tf.float32) / steps
            time = tf.tile(tf.reshape(time, (1, steps, 1)), (n, 1, 1))
            return tf.concat([(X - self.mean) / self.std, time], axis=2)

    yield "gpus.portable", "the time made on the host", OnHost, {ELSEWHERE, OUTPUT}

    class FromOne(Prepare):
        def call(self, X):
            Y = super().call(X)
            return tf.concat([Y[..., :-1], Y[..., -1:] + 1 / X.shape[1]], axis=2)

    yield "gpus.portable", "time from one", FromOne, {OUTPUT}

    Stages = solution["Stages"]

    class Hidden(Stages):
        def __init__(self, stages, devices, **kwargs):
            keras.Model.__init__(self, **kwargs)
            self.devices = list(devices)
            self.stages = tuple(lambda X, layers=s: run(layers, X) for s in stages)

        def call(self, X):
            for stage, device in zip(self.stages, self.devices, strict=True):
                with tf.device(device):
                    X = stage(X)
            return X

    def run(layers, X):
        for one in layers:
            X = one(X)
        return X

    yield "gpus.stages", "layers in functions", Hidden, {REGISTERED}

    class Unscoped(Stages):
        def call(self, X):
            for stage in self.stages:
                X = run(stage, X)
            return X

    yield "gpus.stages", "no scopes", Unscoped, {PLACED, SENT}

    class Host(Stages):
        def call(self, X):
            for stage, device in zip(self.stages, self.devices, strict=True):
                with tf.device("CPU:0"):
                    X = tf.identity(X)
                with tf.device(device):
                    X = run(stage, X)
            return X

    yield "gpus.stages", "by way of the host", Host, {SENT}

    class Home(Stages):
        def call(self, X):
            X = super().call(X)
            with tf.device("CPU:0"):
                return tf.identity(X)

    yield "gpus.stages", "taken back", Home, {PLACED, SENT}

    class OneDevice(Stages):
        def __init__(self, stages, devices, **kwargs):
            super().__init__(stages, [devices[0]] * len(devices), **kwargs)

    yield "gpus.stages", "all on the first device", OneDevice, {PLACED, SENT}

    class Backwards(Stages):
        def __init__(self, stages, devices, **kwargs):
            super().__init__(stages, devices[::-1], **kwargs)

    yield "gpus.stages", "devices the wrong way round", Backwards, {PLACED, SENT}

    class Activated(Stages):
        def call(self, X):
            for stage, device in zip(self.stages, self.devices, strict=True):
                with tf.device(device):
                    X = tf.nn.relu(run(stage, X))
            return X

    yield "gpus.stages", "an activation between stages", Activated, {OUTPUT}


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
