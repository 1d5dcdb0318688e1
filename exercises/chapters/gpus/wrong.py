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

MADE, NAMED = "new tensors and copies", "one more name"
ONE_DEVICE, ACROSS = "sums on one device", "sums across devices"

ARRIVES, BUILT = "every tensor arrives", "built the same way"
STAYS, ONCE = "what is there stays", "sent once"

CONSTANTS = "the constants belong to the model"
ELSEWHERE, OUTPUT = "computed on the device that it is on", "the output"


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


def pytorch(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in PyTorch."""
    import torch
    from torch import nn

    choose, where, move = (solution[name] for name in ("choose", "where", "move"))
    Prepare, d2l = solution["Prepare"], solution["d2l"]

    yield from _choices(d2l.gpu, d2l.cpu)

    def texts(wanted, count):
        return [str(device) for device in choose(wanted, count)]

    fails = {THERE, TWICE, NONE_LEFT, ANY, NEGATIVE}
    yield "gpus.choose", "texts", texts, fails

    def bare(wanted, count):
        devices = choose(wanted, count)
        return [torch.device("cuda") if d.index == 0 else d for d in devices]

    yield "gpus.choose", "cuda for cuda:0", bare, {THERE, NONE_LEFT, ANY, NEGATIVE}

    def with_scope(kinds):
        def places_of(lines):
            """A result of these kinds is where the scope says."""
            places = where(lines)
            for name, what, operands, scope in lines:
                if what == "name":
                    places[name] = places[operands[0]]
                if what in kinds and scope:
                    first = places[name][1] if what == "name" else name
                    places[name] = (scope, first)
            return places

        return places_of

    yield "gpus.placement", "a scope moves a name", with_scope({"name"}), {NAMED}
    yield "gpus.placement", "a scope moves a sum", with_scope({"sum"}), {ONE_DEVICE, ACROSS}

    def always_copied(lines):
        places = where(lines)
        for name, what, operands, scope in lines:
            if what == "copy":
                places[name] = (scope, name)
            if what == "name":
                places[name] = places[operands[0]]
        return places

    yield "gpus.placement", "to() copies always", always_copied, {NAMED}

    def no_exception(lines):
        found = where(lines)
        for name, what, operands, _ in lines:
            if what == "sum":
                left, right = (found[one] for one in operands)
                if left and right and left[0] != right[0]:
                    found[name] = None
        return found

    yield "gpus.placement", "numbers refused too", no_exception, {ACROSS}

    def never_refused(lines):
        found = where(lines)
        for name, _, operands, _ in lines:
            if found[name] is None:
                found[name] = (max(found[one][0] for one in operands), name)
        return found

    yield "gpus.placement", "nothing refused", never_refused, {ACROSS}

    def any_number(lines):
        """A number goes along from anywhere, also from a GPU."""
        found, numbers = where(lines), {line[0] for line in lines if line[1] == "number"}
        for name, _, operands, _ in lines:
            if found[name] is None and numbers & set(operands):
                found[name] = (found[min(operands, key=lambda one: one in numbers)][0], name)
        return found

    yield "gpus.placement", "a number on a GPU goes along", any_number, {ACROSS}

    def gpu_default(lines):
        changed = [
            (name, what, operands, scope or ("cuda:0" if what in ("ones", "number") else None))
            for name, what, operands, scope in lines
        ]
        return where(changed)

    yield "gpus.placement", "GPU 0 by default", gpu_default, {MADE, NAMED}

    def refused_left_out(lines):
        return {name: at for name, at in where(lines).items() if at}

    yield "gpus.placement", "no entry for what is refused", refused_left_out, {ACROSS}

    def not_kept(data, device):
        for part in data.values() if isinstance(data, dict) else ():
            not_kept(part, device)
        if isinstance(data, torch.Tensor):
            data.to(device)
        return data

    fails = {ARRIVES, STAYS, ONCE}
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


def tensorflow(solution: dict[str, Any]) -> Iterator[Wrong]:
    """Wrong answers in TensorFlow."""
    import keras
    import tensorflow as tf

    where, move = solution["where"], solution["move"]
    Prepare, d2l = solution["Prepare"], solution["d2l"]

    yield from _choices(d2l.gpu, d2l.cpu)

    def bare(wanted, count):
        return [device.removesuffix(":0") for device in solution["choose"](wanted, count)]

    fails = {THERE, NONE_LEFT, ANY, NEGATIVE}
    yield "gpus.choose", "no number", bare, fails

    def contexts(wanted, count):
        return [tf.device(str(device)) for device in solution["choose"](wanted, count)]

    fails = {THERE, TWICE, NONE_LEFT, ANY, NEGATIVE}
    yield "gpus.choose", "contexts", contexts, fails

    def moving_names(lines, gpus):
        """A scope moves a name."""
        places = {}
        for name, what, operands, scope in lines:
            if what == "name":
                at, first = places[operands[0]]
                places[name] = (scope or at, first)
            else:
                places[name] = (scope or ("GPU:0" if gpus else "CPU:0"), name)
        return places

    yield "gpus.placement", "a scope moves a name", moving_names, {NAMED}

    def by_operands(lines, gpus):
        """A sum is where its first operand is, as long as no scope says otherwise."""
        places = {}
        for name, what, operands, scope in lines:
            if what == "name":
                places[name] = places[operands[0]]
            elif what == "sum" and scope is None:
                places[name] = (places[operands[0]][0], name)
            else:
                places[name] = (scope or ("GPU:0" if gpus else "CPU:0"), name)
        return places

    yield "gpus.placement", "a sum without a scope stays", by_operands, {ONE_DEVICE, ACROSS}

    def of_pytorch(lines, gpus):
        """A sum is where its operands are, and is refused across devices."""
        places = {}
        for name, what, operands, scope in lines:
            if what == "name":
                places[name] = places[operands[0]]
            elif what == "sum":
                there = {places[one][0] for one in operands if places[one]}
                places[name] = (there.pop(), name) if len(there) == 1 else None
            else:
                places[name] = (scope or ("GPU:0" if gpus else "CPU:0"), name)
        return places

    yield "gpus.placement", "as in PyTorch", of_pytorch, {ONE_DEVICE, ACROSS}

    def on_the_cpu(lines, gpus):
        return where(lines, 0)

    fails = {MADE, NAMED, ONE_DEVICE, ACROSS}
    yield "gpus.placement", "the CPU by default", on_the_cpu, fails

    def on_the_gpu(lines, gpus):
        return where(lines, 1)

    yield "gpus.placement", "a GPU that is not there", on_the_gpu, {MADE}

    def no_copy(lines, gpus):
        """A copy to where the tensor is returns the tensor."""
        places = {}
        for name, what, operands, scope in lines:
            at = scope or ("GPU:0" if gpus else "CPU:0")
            if what == "name" or (what == "copy" and places[operands[0]][0] == at):
                places[name] = places[operands[0]]
            else:
                places[name] = (at, name)
        return places

    yield "gpus.placement", "identity returns the tensor itself", no_copy, {NAMED}

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


WRONG = {"pytorch": pytorch, "tensorflow": tensorflow}
