"""Questions of the chapter *File I/O*.

Every probe works in a temporary folder that it makes and removes. What a right answer brings back
is known from the inputs alone: values, and a training run that is repeated here with NumPy.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from d2lcompute.checks.frameworks import Framework, Layer, Tensor
from d2lcompute.checks.networks import data, dense, integer, routed, stored, word
from d2lcompute.checks.question import (
    Aspect,
    Question,
    Unfit,
    WrongKind,
    attempt,
    error_in,
    got_text,
    judge_by,
    kind_of,
    need_class,
    need_function,
    same_array,
    same_plain,
    whole,
)

Inputs = dict[str, Any]
Outputs = dict[str, Any]


@contextmanager
def _folder() -> Iterator[Path]:
    """A new folder, gone at the end."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _meter(width: int, name: str, framework: Framework) -> Layer:
    """A layer that subtracts a running mean of what it sees, which it keeps and does not train."""
    if framework.key == "pytorch":
        import torch

        class Meter(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("mean", torch.zeros(width))

            def forward(self, x: Tensor) -> Tensor:
                with torch.no_grad():
                    self.mean.add_(_METER * (x.mean(0) - self.mean))
                return x - self.mean

        return Meter()
    import keras

    class Meter(keras.Layer):
        def build(self, shape: Any) -> None:
            self.mean = self.add_weight((width,), "zeros", name="mean", trainable=False)

        def call(self, x: Tensor) -> Tensor:
            self.mean.assign(self.mean + _METER * (keras.ops.mean(x, axis=0) - self.mean))
            return x - self.mean

    layer = Meter(name=name)
    layer.build((None, width))
    return layer


_METER = 0.1  # the part of a batch in the running mean


# -- file-io.archive ---------------------------------------------------------------------------

_BIG = 500  # rows of a matrix of which only two are saved


def _archive_inputs(rng: np.random.Generator) -> Inputs:
    shape = (integer(rng, 2, 4), integer(rng, 2, 4))
    odd = 2**53 + 2 * rng.integers(1, 10**6, integer(rng, 2, 5)) + 1  # too long for a float64
    values: list[np.ndarray] = [
        odd.astype(np.int64),
        rng.normal(size=shape).astype(np.float32),
        rng.normal(size=shape[::-1]),
        rng.integers(-99, 99, shape).astype(np.int32),
        rng.integers(0, 2, shape[0]).astype(bool),
        rng.integers(-128, 128, shape[1]).astype(np.int8),
        np.array(rng.normal(), np.float32),
        np.zeros((0, shape[1]), np.float32),
    ]
    names = [word(rng) for _ in values]
    names[0] = f"{names[0]}.weight"
    names[1] = f"{names[1]}/kernel"
    names[2] = "file"
    order = rng.permutation(len(values))
    return {
        "tensors": {names[n]: values[n] for n in order},
        "file": f"{word(rng)}.{word(rng)[:3]}",
        "part": rng.normal(size=(2, _BIG)).astype(np.float32),
    }


class _Planted:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def _plant(kind: str, file: Path, planted: _Planted, framework: Framework) -> None:
    """A file that makes a folder if what it holds is unpickled."""
    if kind == "pickle":
        file.write_bytes(pickle.dumps({"x": planted}, protocol=2))
    elif kind == "array":
        with file.open("wb") as opened:
            np.savez(opened, x=np.array([planted, 1], dtype=object))
    elif framework.key == "pytorch":
        import torch

        torch.save({"x": torch.zeros(2), "y": planted}, file)
    else:
        with file.open("wb") as opened:
            np.save(opened, np.array({"x": planted}, dtype=object))


_PLANTS = ("pickle", "array", "own")


def _archive_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")

    def tensor(array: np.ndarray) -> Tensor:
        if framework.key == "pytorch":
            import torch

            return torch.tensor(array)
        import tensorflow as tf

        return tf.constant(array)

    def arrays(found: Any) -> Any:
        if not isinstance(found, dict):
            raise WrongKind(f"A dictionary is expected from load(); got {kind_of(found)}.")
        found = {
            str(name): np.asarray(one) if isinstance(one, np.generic) else one
            for name, one in found.items()
        }
        return {name: framework.array(one) for name, one in found.items()}

    def back() -> Any:
        with _folder() as folder:
            (written := folder / "written").mkdir()
            file = written / inputs["file"]
            answer(file).save({name: tensor(one) for name, one in inputs["tensors"].items()})
            names = sorted(path.name for path in written.iterdir())
            (elsewhere := folder / "elsewhere").mkdir()  # the same name, other tensors
            answer(elsewhere / inputs["file"]).save({"part": tensor(inputs["part"])})
            file = written.rename(folder / "moved") / file.name  # the file is all that there is
            return {"names": names, "tensors": arrays(answer(file).load())}

    def again() -> Any:
        with _folder() as folder:
            file = folder / inputs["file"]
            answer(file).save({"old": tensor(inputs["part"])})
            name, one = next(iter(inputs["tensors"].items()))
            answer(file).save({name: tensor(one)})
            return arrays(answer(file).load())

    def part() -> Any:
        with _folder() as folder:
            file = folder / inputs["file"]
            big = np.zeros((_BIG, _BIG), np.float32)
            big[:2] = inputs["part"]
            answer(file).save({"part": tensor(big)[:2]})
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            return {"size": size, "tensors": arrays(answer(file).load())}

    def planted() -> Any:
        ran = []
        for kind in _PLANTS:
            with _folder() as folder:
                file, made = folder / inputs["file"], folder / "made"
                _plant(kind, file, _Planted(made), framework)
                attempt(lambda file=file: answer(file).load())
                ran.append(made.exists())
        return {"ran": ran}

    return {
        "back": attempt(back),
        "again": attempt(again),
        "part": attempt(part),
        "planted": attempt(planted),
    }


def _same_tensors(found: Any, expected: Mapping[str, np.ndarray], shown: str) -> None:
    if not isinstance(found, dict) or sorted(found) != sorted(expected):
        names = sorted(found)[:12] if isinstance(found, dict) else "no dictionary"
        raise Unfit(f"Names: expected {sorted(expected)}, got {names}.\nInput: {shown}")
    for name, array in expected.items():
        one = found[name]
        if isinstance(one, np.ndarray) and one.dtype != array.dtype:
            raise Unfit(
                f'"{name}": expected the type {array.dtype}, got {one.dtype}.\nInput: {shown}'
            )
        same_array(one, array, f'"{name}"', shown, 0.0)
        if not np.array_equal(one, array):  # integers that are one and the same as float64
            at = tuple(int(n) for n in np.argwhere(one != array)[0])
            raise Unfit(
                f'"{name}": at {list(at)} expected {array[at]}, got {one[at]}.\nInput: {shown}'
            )


def _archive_back(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not isinstance(found, dict):
        raise Unfit("The tensors that were saved are expected.")
    shown = ", ".join(f'"{k}" {v.dtype} {v.shape}' for k, v in inputs["tensors"].items())
    shown += "; saved, moved to another folder, and loaded by a new object"
    _same_tensors(found.get("tensors"), inputs["tensors"], shown)


def _archive_named(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    expected = [inputs["file"]]
    names = found.get("names") if isinstance(found, dict) else None
    if not same_plain(names, expected):
        raise Unfit(
            f"Files in the folder: expected {expected}, got {got_text(names)}.\n"
            f"Input: a path that ends in {inputs['file']}"
        )


def _archive_again(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    name, one = next(iter(inputs["tensors"].items()))
    _same_tensors(found, {name: one}, "saved twice under one path, load() after that")


def _archive_part(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    part = inputs["part"]
    shown = f"the first two rows of a matrix of shape ({_BIG}, {_BIG})"
    if not isinstance(found, dict) or type(found.get("size")) is not int:
        raise Unfit(f"A file is expected.\nInput: {shown}")
    _same_tensors(found.get("tensors"), {"part": part}, shown)
    if not part.nbytes // 2 <= found["size"] <= 4 * part.nbytes:
        raise Unfit(
            f"Size of the file: about {part.nbytes} bytes are expected, at least half of that "
            f"and at most four times; got {found['size']}.\nInput: {shown}"
        )


def _archive_planted(_: Mapping[str, Any], found: Any, framework: str) -> None:
    own = {"pytorch": "a file of torch.save", "tensorflow": "a file of np.save"}[framework]
    kinds = {"pickle": "a pickle", "array": "a file of np.savez", "own": own}
    ran = found.get("ran") if isinstance(found, dict) else None
    if not isinstance(ran, list) or len(ran) != len(_PLANTS):
        raise Unfit("Three attempts to load a stranger's file are expected.")
    for kind, one in zip(_PLANTS, ran, strict=True):
        if one is not False:
            raise Unfit(
                "load() has run what a stranger planted.\nInput: "
                f"{kinds[kind]} with an object whose __reduce__ makes a folder"
            )


_BACK = "values, types and names"

ARCHIVE = Question(
    name="file-io.archive",
    title="A file for tensors, and nothing but tensors",
    points=6,
    inputs=_archive_inputs,
    probe=_archive_probe,
    judge=judge_by(
        Aspect(
            _BACK,
            2,
            "back",
            _archive_back,
            hints={
                "pytorch": "One tensor each, under its name, as it is: whoever makes one tensor of "
                "several, or numbers of a tensor, loses types and digits.",
                "tensorflow": "One array each, under its name, as it is: np.save of a list makes "
                "one type of several. np.savez(path, **arrays) has arguments of its own, `file` "
                "among them; and it takes an open file as well as a path.",
            },
        ),
        Aspect(
            "one file, under the name given",
            1,
            "back",
            _archive_named,
            hints={
                "pytorch": "Write to the path that you were given, and nowhere else.",
                "tensorflow": "np.savez adds .npz to a path that ends otherwise. Give it a file "
                "that you opened: with open(path, 'wb') as file.",
            },
            needs=(_BACK,),
        ),
        Aspect(
            "saved a second time",
            1,
            "again",
            _archive_again,
            hint="The second save() takes the place of the first.",
            needs=(_BACK,),
        ),
        Aspect(
            "a part of a large tensor",
            1,
            "part",
            _archive_part,
            hints={
                "pytorch": "A slice shares the memory of the whole, and torch.save writes all of "
                "that memory. A clone owns what it shows.",
                "tensorflow": "Numbers as text take several times the room, and so does an array "
                "of objects.",
            },
            needs=(_BACK,),
        ),
        Aspect(
            "a stranger's file runs nothing",
            1,
            "planted",
            _archive_planted,
            hints={
                "pytorch": "torch.load with weights_only=False unpickles whatever there is. The "
                "default refuses.",
                "tensorflow": "allow_pickle=True unpickles whatever there is. The default refuses.",
            },
            needs=(_BACK,),
        ),
    ),
    version="2",
)


# -- file-io.resume -----------------------------------------------------------------------------


def _resume_inputs(rng: np.random.Generator) -> Inputs:
    inputs, hidden, rows = integer(rng, 2, 4), integer(rng, 2, 4), 24
    return {
        "first": dense(rng, inputs, hidden),
        "second": dense(rng, hidden, 1),
        "x": data(rng, rows, inputs) + data(rng, inputs),
        "y": data(rng, rows, 1),
        "rate": round(float(rng.uniform(0.02, 0.1)), 3),
        "seed": integer(rng, 0, 2**31),
        "batch": integer(rng, 6, 9),
        "steps": [integer(rng, 3, 5), integer(rng, 2, 4), integer(rng, 2, 4)],
        "label": integer(rng, 1000, 9_000_000),
        "rows": [int(n) for n in rng.permutation(rows)[: integer(rng, 6, 9)]],
        "other": {"first": dense(rng, inputs, hidden), "second": dense(rng, hidden, 1)},
    }


def _resume_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")
    x, y = inputs["x"], inputs["y"]

    def start(values: Mapping[str, Any], rate: float) -> tuple[Layer, Any]:
        parts = {
            "meter": _meter(x.shape[1], "meter", framework),
            "first": framework.dense(**values["first"], name="first"),
            "tanh": framework.activation("tanh"),
            "second": framework.dense(**values["second"], name="second"),
        }
        net = routed(parts, list(parts), framework)
        if framework.key == "pytorch":
            import torch

            return net, torch.optim.Adam(net.parameters(), lr=rate)
        import keras

        return net, keras.optimizers.Adam(rate)

    def step(net: Layer, optimizer: Any, rows: np.ndarray) -> None:
        inputs, targets = framework.tensor(x[rows]), framework.tensor(y[rows])
        if framework.key == "pytorch":
            optimizer.zero_grad()
            ((net(inputs) - targets) ** 2).mean().backward()
            optimizer.step()
            return
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(inputs) - targets) ** 2)
        weights = net.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)

    def train(net: Layer, optimizer: Any, rng: np.random.Generator, steps: int) -> None:
        for _ in range(steps):
            step(net, optimizer, rng.integers(len(x), size=inputs["batch"]))

    def values(net: Layer) -> list[np.ndarray]:
        return [*framework.dense_values(net.first), *framework.dense_values(net.second)]

    def resumed(folder: Path) -> Outputs:
        net, optimizer = start(inputs, inputs["rate"])
        rng = np.random.Generator(np.random.PCG64(inputs["seed"]))
        before, until, after = inputs["steps"]
        written = folder / "written"
        written.mkdir()
        checkpoint = answer(written, net, optimizer, rng)
        train(net, optimizer, rng, before)
        checkpoint.save(1)
        train(net, optimizer, rng, until)
        checkpoint.save(inputs["label"])  # the one that counts
        train(net, optimizer, rng, after)  # of this nothing is left

        os.replace(written, found := folder / "found")
        net, optimizer = start(inputs["other"], 1.0)
        net(framework.tensor(np.ones((1, x.shape[1]))))
        rng = np.random.Generator(np.random.PCG64(0))
        label = answer(found, net, optimizer, rng).load()
        result: Outputs = {
            "label": whole(label),
            "parameters": values(net),
            "mean": framework.array(net.meter.mean),
            "draws": [int(n) for n in rng.integers(10**9, size=9)],
        }
        result["stepped"] = attempt(
            lambda: (step(net, optimizer, np.array(inputs["rows"])), values(net))[1]
        )
        return result

    with _folder() as folder:
        found = attempt(lambda: resumed(folder))
    keys = ("parameters", "mean", "stepped", "draws", "label")
    return {key: found if "error" in found else found[key] for key in keys}


class _Run:
    """The training run, with NumPy in double precision."""

    def __init__(self, inputs: Mapping[str, Any], framework: str) -> None:
        self.keras = framework == "tensorflow"
        first, second = inputs["first"], inputs["second"]
        arrays = [first["kernel"], first["bias"], second["kernel"], second["bias"]]
        self.values = [array.astype(np.float64) for array in arrays]
        self.moments = [(np.zeros_like(v), np.zeros_like(v)) for v in self.values]
        self.mean = np.zeros(inputs["x"].shape[1])
        self.rng = np.random.Generator(np.random.PCG64(inputs["seed"]))
        self.inputs, self.steps = inputs, 0

    def step(self, rows: np.ndarray) -> None:
        x = self.inputs["x"][rows].astype(np.float64)
        y = self.inputs["y"][rows].astype(np.float64)
        self.mean = self.mean + _METER * (x.mean(0) - self.mean)
        kernel, bias, second, last = self.values
        x = x - self.mean
        hidden = np.tanh(x @ kernel + bias)
        back = 2 * (hidden @ second + last - y) / y.size
        behind = back @ second.T * (1 - hidden**2)
        gradients = [x.T @ behind, behind.sum(0), hidden.T @ back, back.sum(0)]
        self.steps += 1
        for n, gradient in enumerate(gradients):  # Adam
            first, square = self.moments[n]
            first = 0.9 * first + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            self.moments[n] = first, square
            start = np.sqrt(1 - 0.999**self.steps)  # Keras adds its epsilon before dividing by it
            size = (
                (np.sqrt(square) + 1e-7) / start if self.keras else np.sqrt(square) / start + 1e-8
            )
            update = self.inputs["rate"] * first / (1 - 0.9**self.steps) / size
            self.values[n] = self.values[n] - update

    def train(self, steps: int) -> _Run:
        for _ in range(steps):
            self.step(self.rng.integers(len(self.inputs["x"]), size=self.inputs["batch"]))
        return self


def _saved_run(inputs: Mapping[str, Any], framework: str) -> _Run:
    before, until, _ = inputs["steps"]
    return _Run(inputs, framework).train(before + until)


def _resume_text(inputs: Mapping[str, Any]) -> str:
    before, until, after = inputs["steps"]
    return (
        f"{before} steps, save(1), {until} steps, save({inputs['label']}), {after} steps; then "
        "load() into a new net, optimizer and generator"
    )


def _resume_values(which: str) -> Any:
    def compare(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
        run, shown = _saved_run(inputs, framework), _resume_text(inputs)
        if which == "stepped":
            run.step(np.array(inputs["rows"]))
            shown += "; then one step more"
        names = ["first, kernel", "first, bias", "second, kernel", "second, bias"]
        if not isinstance(found, list) or len(found) != len(names):
            raise Unfit(f"Four parameters are expected.\nInput: {shown}")
        for name, one, value in zip(names, found, run.values, strict=True):
            same_array(one, value, name, shown, 1e-3)

    return compare


def _resume_mean(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    same_array(
        found, _saved_run(inputs, framework).mean, "Running mean of the net", _resume_text(inputs)
    )


def _resume_draws(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = [int(n) for n in _saved_run(inputs, framework).rng.integers(10**9, size=9)]
    if not same_plain(found, expected):
        raise Unfit(
            f"What the generator draws next: expected {expected[:3]} ..., got "
            f"{got_text(found[:3] if isinstance(found, list) else found)} ...\n"
            f"Input: {_resume_text(inputs)}"
        )


def _resume_label(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    if not same_plain(found, inputs["label"]):
        raise Unfit(
            f"load(): expected {inputs['label']}, got {got_text(found)}.\n"
            f"Input: {_resume_text(inputs)}"
        )


_PARAMETERS = "the parameters"

RESUME = Question(
    name="file-io.resume",
    title="Stop and go on",
    points=7,
    inputs=_resume_inputs,
    probe=_resume_probe,
    judge=judge_by(
        Aspect(
            _PARAMETERS,
            2,
            "parameters",
            _resume_values("parameters"),
            hint="What was saved last is what comes back, as it was at that moment, and it is "
            "written into the net that was given.",
        ),
        Aspect(
            "what the net keeps without training it",
            1,
            "mean",
            _resume_mean,
            hints={
                "pytorch": "Buffers are in state_dict() and not among parameters().",
                "tensorflow": "net.trainable_variables leaves out the running mean; net.variables "
                "does not.",
            },
            needs=(_PARAMETERS,),
        ),
        Aspect(
            "the optimizer",
            2,
            "stepped",
            _resume_values("stepped"),
            hints={
                "pytorch": "optimizer.state_dict() holds Adam's two means, its step count and the "
                "learning rate.",
                "tensorflow": "optimizer.variables holds Adam's means, its step count and the "
                "learning rate. A new optimizer has nearly none: build it for "
                "net.trainable_variables before you assign.",
            },
            needs=(_PARAMETERS,),
        ),
        Aspect(
            "the random numbers",
            1,
            "draws",
            _resume_draws,
            hint="rng.bit_generator.state is a dictionary, and can be assigned to. The generator "
            "has to be the one that was given: whoever draws from it holds it already.",
            needs=(_PARAMETERS,),
        ),
        Aspect(
            "the number of the step",
            1,
            "label",
            _resume_label,
            hint="save() is told the step; load() returns it.",
            needs=(_PARAMETERS,),
        ),
    ),
    version="2",
)


# -- file-io.keeper -----------------------------------------------------------------------------


def _keeper_inputs(rng: np.random.Generator) -> Inputs:
    small = integer(rng, 5, 9)
    steps = [small, small + integer(rng, 5, 40), 90 + integer(rng, 0, 9), 100 + integer(rng, 0, 99)]
    high = integer(rng, 500, 999)
    low = high - integer(rng, 50, 200)
    return {
        "files": [f"{word(rng)}.{end}" for end in ("model", "optimizer")],
        "keep": integer(rng, 2, 3),
        "steps": steps,
        "texts": [word(rng) * 20 for _ in range(12)],
        "back": [high, low, high, high],  # gone back to an earlier step, and on from there
    }


def _keeper_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_class(answer, object, "object")
    names, keep = inputs["files"], inputs["keep"]

    def contents(root: Path, keep: int = keep) -> Any:
        """What stands in the newest checkpoint, as a new object finds it."""
        folder = answer(root, keep).latest()
        if folder is None:
            return None
        if not isinstance(folder, str | os.PathLike):
            return {"kind": kind_of(folder)}
        folder = Path(folder)
        if root.resolve() not in folder.resolve().parents:
            return {"kind": "a folder that is not in the one that was given"}
        return {name: (folder / name).read_text() if (folder / name).is_file() else None
                for name in names}  # fmt: skip

    def writers(text: str, during: Callable[[], None], fails: str = "") -> dict[str, Callable]:
        def write(path: Any, name: str) -> None:
            path = Path(path)
            during()
            path.write_text(f"{name} {text}"[: len(text) // 2])
            during()
            if name == fails:
                raise OSError("no space left on device")
            path.write_text(f"{name} {text}")

        return {name: lambda path, name=name: write(path, name) for name in names}

    def save_all(steps: Sequence[int], root: Path, snapshots: Path | None = None) -> list[Any]:
        """What is found after each save; with `snapshots`, what is found before its end.

        Then one checkpoint is kept, which is gone too early if it goes before the next is whole.
        """
        keep = inputs["keep"] if snapshots is None else 1
        found = []
        for number, step in enumerate(steps):
            taken: list[Path] = []

            def photograph(number: int = number, taken: list[Path] = taken) -> None:
                if snapshots is not None:
                    taken.append(snapshots / f"{number}-{len(taken)}")
                    shutil.copytree(root, taken[-1])

            answer(root, keep).save(step, writers(inputs["texts"][number], photograph))
            if snapshots is None:
                found.append(contents(root))
            else:
                found.append([attempt(lambda one=one: contents(one, keep)) for one in taken])
        return found

    def newest() -> Any:
        with _folder() as root:
            return [contents(root), *save_all(inputs["steps"], root)]

    def cut() -> Any:
        with _folder() as folder:
            (root := folder / "root").mkdir()
            (snapshots := folder / "snapshots").mkdir()
            return save_all([*inputs["steps"][:2], inputs["steps"][1]], root, snapshots)

    def failed() -> Any:
        with _folder() as root:
            one, two = inputs["steps"][:2]
            keeper = answer(root, keep)
            texts, found = inputs["texts"], []
            for number, (step, fails) in enumerate(
                [(one, names[0]), (one, ""), (two, names[1]), (two, "")]
            ):
                raised = False
                try:
                    keeper.save(step, writers(texts[number], lambda: None, fails))
                except OSError:
                    raised = True
                found.append([raised, contents(root)])
            return found

    def back() -> Any:
        with _folder() as root:
            return save_all(inputs["back"], root)

    def kept() -> Any:
        with _folder() as root:
            keeper, counts = answer(root, keep), []
            for number, step in enumerate([*inputs["steps"], *inputs["back"][:2]]):
                fails = names[1] if number == 2 else ""
                try:
                    keeper.save(step, writers(inputs["texts"][number], lambda: None, fails))
                except OSError:
                    continue
                counts.append([sum(1 for _ in root.rglob(name)) for name in names])
            return counts

    return {
        "newest": attempt(newest),
        "cut": attempt(cut),
        "failed": attempt(failed),
        "back": attempt(back),
        "kept": attempt(kept),
    }


def _keeper_expected(inputs: Mapping[str, Any], number: int | None) -> Any:
    if number is None:
        return None
    return {name: f"{name} {inputs['texts'][number]}" for name in inputs["files"]}


def _same_checkpoint(
    found: Any, inputs: Mapping[str, Any], number: int | None, steps: Sequence[int], shown: str
) -> None:
    if (error := error_in(found)) is not None:
        raise Unfit(f"{error}\nInput: {shown}")
    expected = _keeper_expected(inputs, number)
    if same_plain(found, expected):
        return
    if found is None:
        got = "None"
    elif isinstance(found, dict) and isinstance(found.get("kind"), str):
        got = found["kind"][:200]
    else:
        got = "files that are missing, cut off or of different saves"
        for other in range(len(inputs["texts"])):
            if same_plain(found, _keeper_expected(inputs, other)):
                got = f"that of save {other + 1}"
                got += f", step {steps[other]}" if other < len(steps) else ""
    asked = "None" if number is None else f"that of save {number + 1}, step {steps[number]}"
    raise Unfit(f"Newest checkpoint: expected {asked}; got {got}.\nInput: {shown}")


def _keeper_newest(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    steps = inputs["steps"]
    if not isinstance(found, list) or len(found) != len(steps) + 1:
        raise Unfit(f"{len(steps) + 1} checkpoints are expected.")
    for n, one in enumerate(found):
        shown = f"latest() after save() for the steps {steps[:n]}, keep = {inputs['keep']}"
        _same_checkpoint(one, inputs, n - 1 if n else None, steps, shown)


def _keeper_cut(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    steps = [*inputs["steps"][:2], inputs["steps"][1]]
    if not isinstance(found, list) or len(found) != len(steps):
        raise Unfit(f"{len(steps)} saves are expected.")
    for n, snapshots in enumerate(found):
        if not isinstance(snapshots, list) or len(snapshots) != 2 * len(inputs["files"]):
            raise Unfit("Each file is expected to be written once.")
        for at, one in enumerate(snapshots):
            file = inputs["files"][at // 2]
            when = "half-way through" if at % 2 else "before"
            shown = f"saved steps {steps[:n]}; power cut {when} {file} of step {steps[n]}"
            shown += "; keep = 1"
            _same_checkpoint(one, inputs, n - 1 if n else None, steps, shown)


def _keeper_failed(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    one, two = inputs["steps"][:2]
    cases = [(one, True, None), (one, False, 1), (two, True, 1), (two, False, 3)]
    if not isinstance(found, list) or len(found) != len(cases):
        raise Unfit(f"{len(cases)} saves are expected.")
    for n, ((step, raises, number), pair) in enumerate(zip(cases, found, strict=True)):
        tries = f"save {n + 1} of 4, step {step}" + (", whose writing fails" if raises else "")
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unfit("For each save, what came of it is expected.")
        if pair[0] is not raises:
            said = ["no error, got one", "the error that a writer raised, got none"][raises]
            raise Unfit(f"Expected {said}.\nInput: {tries}")
        _same_checkpoint(pair[1], inputs, number, [one, one, two, two], tries)


def _keeper_back(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    steps = inputs["back"]
    if not isinstance(found, list) or len(found) != len(steps):
        raise Unfit(f"{len(steps)} checkpoints are expected.")
    for n, one in enumerate(found):
        shown = f"latest() after save() for the steps {steps[: n + 1]}, keep = {inputs['keep']}"
        _same_checkpoint(one, inputs, n, steps, shown)


def _keeper_kept(inputs: Mapping[str, Any], found: Any, _: str) -> None:
    count = len(inputs["steps"]) + 1  # and one that failed
    if not isinstance(found, list) or len(found) != count:
        raise Unfit(f"{count} counts are expected.")
    for n, one in enumerate(found):
        expected = min(n + 1, inputs["keep"])
        if not same_plain(one, [expected] * len(inputs["files"])):
            raise Unfit(
                f"Files on the disk after {n + 1} successful saves: {expected} of each kind are "
                f"expected, got {got_text(one)}.\nInput: keep = {inputs['keep']}; the third of the "
                "attempts failed"
            )


_NEWEST = "the newest checkpoint"

KEEPER = Question(
    name="file-io.keeper",
    title="What belongs together",
    points=7,
    inputs=_keeper_inputs,
    probe=_keeper_probe,
    judge=judge_by(
        Aspect(
            _NEWEST,
            2,
            "newest",
            _keeper_newest,
            hint="latest() has to be right for a new object too, so what it needs stands on the "
            'disk. As words, "9" comes after "10". Before the first save it returns None.',
        ),
        Aspect(
            "a power cut while writing",
            2,
            "cut",
            _keeper_cut,
            hint="Write into a folder that no latest() looks at, a new one for each save; when all "
            "files are there, replace a small file that names it; delete old ones after that. Keep "
            "names in it, not whole "
            "paths: the folder may be moved.",
            needs=(_NEWEST,),
        ),
        Aspect(
            "an error while writing",
            1,
            "failed",
            _keeper_failed,
            hint="Let the error pass on to the caller. What is left of a failed attempt must not "
            "stand in the way of the next, for the same step.",
            needs=(_NEWEST,),
        ),
        Aspect(
            "back to an earlier step",
            1,
            "back",
            _keeper_back,
            hint="The newest is the one that was saved last, whatever its number.",
            needs=(_NEWEST,),
        ),
        Aspect(
            "no more than keep",
            1,
            "kept",
            _keeper_kept,
            hint="After a save, delete what is older than the last `keep`, and what failed "
            "attempts have left.",
            needs=(_NEWEST,),
        ),
    ),
    version="2",
)


# -- file-io.transfer ----------------------------------------------------------------------------


def _transfer_inputs(rng: np.random.Generator) -> Inputs:
    width, hidden, out = integer(rng, 3, 5), integer(rng, 3, 6), integer(rng, 3, 5)
    return {
        "names": [word(rng) for _ in range(4)],  # of the meter, two layers and the head
        "layers": [dense(rng, width, hidden), dense(rng, hidden, hidden), dense(rng, hidden, out)],
        "saved": [dense(rng, width, hidden), dense(rng, hidden, hidden)],
        "mean": data(rng, width),
        "more": integer(rng, 1, 4),  # columns by which the saved head is wider
        "head": data(rng, hidden, out + 4),
        "head_bias": data(rng, 1),
        "prefix": word(rng),
        "strange": [word(rng), word(rng)],
        "missing": integer(rng, 0, 1),  # the layer whose bias is not in the file
        "order": [int(n) for n in rng.permutation(9)],
    }


def _transfer_name(framework: str, layer: str, what: str) -> str:
    if framework == "tensorflow":
        return f"{layer}/{what}"
    return f"{layer}.{'weight' if what == 'kernel' else what}"


def _transfer_saved(inputs: Mapping[str, Any], framework: str) -> dict[str, np.ndarray]:
    """The arrays of the file, in some order."""
    meter, *layers = inputs["names"]
    separator = "/" if framework == "tensorflow" else "."
    prefix = inputs["prefix"] + separator
    own = {_transfer_name(framework, meter, "mean"): inputs["mean"]}
    for n, (name, part) in enumerate(zip(layers[:2], inputs["saved"], strict=True)):
        own[_transfer_name(framework, name, "kernel")] = stored(part["kernel"], framework)
        if n != inputs["missing"]:
            own[_transfer_name(framework, name, "bias")] = part["bias"]
    columns = inputs["layers"][2]["bias"].size + inputs["more"]
    head = stored(inputs["head"][:, :columns], framework)
    own[_transfer_name(framework, layers[2], "kernel")] = head
    own[_transfer_name(framework, layers[2], "bias")] = inputs["head_bias"]  # would broadcast
    absent = inputs["missing"]
    alone = _transfer_name(framework, layers[absent], "bias")
    strange, other = inputs["strange"]
    kinds = (np.float64, np.float32)  # of vectors, of matrices
    found = {
        **{prefix + name: np.array(array, kinds[array.ndim - 1]) for name, array in own.items()},
        alone: np.zeros_like(inputs["saved"][absent]["bias"]),  # no prefix: not this net's
        f"{prefix}{strange}": inputs["mean"].astype(np.float64),
        f"{other}{separator}mean": inputs["mean"].astype(np.float64),
    }
    names = list(found)
    return {names[n]: found[names[n]] for n in inputs["order"]}


def _transfer_net(inputs: Mapping[str, Any], framework: Framework) -> tuple[Layer, list[Tensor]]:
    """The net, and its arrays in the order of `_transfer_own`."""
    meter, *layers = inputs["names"]
    parts = {meter: _meter(inputs["mean"].size, meter, framework)}
    for name, part in zip(layers, inputs["layers"], strict=True):
        parts[name] = framework.dense(**part, name=name)
    net = routed(parts, list(parts), framework)
    if framework.key == "pytorch":
        return net, list(dict(net.named_parameters()).values()) + list(net.buffers())
    return net, [*net.trainable_variables, *net.non_trainable_variables]


def _transfer_own(inputs: Mapping[str, Any], framework: str) -> dict[str, np.ndarray]:
    """The net's arrays by name, as they are at first."""
    meter, *layers = inputs["names"]
    own = {}
    for name, part in zip(layers, inputs["layers"], strict=True):
        own[_transfer_name(framework, name, "kernel")] = stored(part["kernel"], framework)
        own[_transfer_name(framework, name, "bias")] = part["bias"]
    own[_transfer_name(framework, meter, "mean")] = np.zeros(inputs["mean"].size)
    return own


def _transfer_probe(answer: Any, inputs: Inputs, framework: Framework) -> Outputs:
    need_function(answer)
    separator = "/" if framework.key == "tensorflow" else "."
    prefix = inputs["prefix"] + separator

    def found_arrays(net: Layer) -> list[np.ndarray]:
        if framework.key == "pytorch":
            return framework.arrays([*net.parameters(), *net.buffers()])
        return framework.arrays([*net.trainable_variables, *net.non_trainable_variables])

    def moved() -> Any:
        net, held = _transfer_net(inputs, framework)
        saved = _transfer_saved(inputs, framework.key)
        report = answer(net, saved, prefix)
        values = found_arrays(net)
        if isinstance(report, dict):
            report = {
                str(key): [str(name) for name in names]
                if isinstance(names, list | tuple | set | frozenset)
                else kind_of(names)
                for key, names in report.items()
            }
        else:
            report = {"error": {"type": "WrongKind", "message": (
                f"A dictionary is expected; what came is {kind_of(report)}."), "line": ""}
            }  # fmt: skip
        for tensor in held:  # training goes on
            framework.assign(tensor, np.full(tuple(tensor.shape), 7.0))
        later = [saved[name] for name in sorted(saved)]
        return {"values": values, "report": report, "apart": [found_arrays(net), later]}

    def nothing() -> Any:
        net, _ = _transfer_net(inputs, framework)
        saved = _transfer_saved(inputs, framework.key)
        refused = False
        try:
            answer(net, saved, inputs["strange"][1] + separator)
        except ValueError:
            refused = True
        return {"refused": refused, "values": found_arrays(net)}

    found = attempt(moved)
    keys = ("values", "report", "apart")
    return {
        **{key: found if "error" in found else found[key] for key in keys},
        "nothing": attempt(nothing),
    }


def _transfer_fitting(inputs: Mapping[str, Any], framework: str) -> dict[str, np.ndarray]:
    """The arrays that fit, by the net's own names."""
    separator = "/" if framework == "tensorflow" else "."
    prefix = inputs["prefix"] + separator
    saved, own = _transfer_saved(inputs, framework), _transfer_own(inputs, framework)
    named = {name: saved[prefix + name] for name in own if prefix + name in saved}
    return {name: array for name, array in named.items() if array.shape == own[name].shape}


def _transfer_text(inputs: Mapping[str, Any], framework: str) -> str:
    saved = _transfer_saved(inputs, framework)
    listed = ", ".join(f"{name} {array.shape}" for name, array in saved.items())
    separator = "/" if framework == "tensorflow" else "."
    return f'prefix "{inputs["prefix"]}{separator}", arrays {listed}'


def _same_values(found: Any, expected: Mapping[str, np.ndarray], shown: str) -> None:
    if not isinstance(found, list) or len(found) != len(expected):
        raise Unfit(f"{len(expected)} arrays of the net are expected.\nInput: {shown}")
    for (name, array), one in zip(expected.items(), found, strict=True):
        same_array(one, array, name, shown, 1e-6)
        if one.dtype != np.float32:
            raise Unfit(f"{name}: float32 is expected, got {one.dtype}.\nInput: {shown}")


def _transfer_values(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    expected = {**_transfer_own(inputs, framework), **_transfer_fitting(inputs, framework)}
    _same_values(found, expected, _transfer_text(inputs, framework))


def _transfer_report(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    separator = "/" if framework == "tensorflow" else "."
    prefix = inputs["prefix"] + separator
    saved, own = _transfer_saved(inputs, framework), _transfer_own(inputs, framework)
    loaded = set(_transfer_fitting(inputs, framework))
    named = {name for name in own if prefix + name in saved}
    expected = {
        "loaded": loaded,
        "misfit": named - loaded,
        "missing": set(own) - named,
        "unexpected": set(saved) - {prefix + name for name in named},
    }
    shown = _transfer_text(inputs, framework)
    if not isinstance(found, dict):
        raise Unfit(f"A dictionary is expected.\nInput: {shown}")
    for key, names in expected.items():
        got = found.get(key)
        ok = isinstance(got, list) and all(isinstance(name, str) for name in got)
        if not ok or sorted(got) != sorted(names):
            raise Unfit(f'"{key}": expected {sorted(names)}, got {got_text(got)}.\nInput: {shown}')


def _transfer_nothing(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    separator = "/" if framework == "tensorflow" else "."
    shown = f'prefix "{inputs["strange"][1]}{separator}", with which no array of the net begins'
    if not isinstance(found, dict) or found.get("refused") is not True:
        raise Unfit(f"A ValueError is expected, none came.\nInput: {shown}")
    _same_values(found.get("values"), _transfer_own(inputs, framework), shown)


def _transfer_apart(inputs: Mapping[str, Any], found: Any, framework: str) -> None:
    saved = _transfer_saved(inputs, framework)
    own = _transfer_own(inputs, framework)
    if not isinstance(found, list) or len(found) != 2:
        raise Unfit("The net and the arrays are expected.")
    shown = "what was held as the net's parameters before was overwritten with 7 after it"
    sevens = {name: np.full(array.shape, 7.0) for name, array in own.items()}
    _same_values(found[0], sevens, shown)
    if not isinstance(found[1], list) or len(found[1]) != len(saved):
        raise Unfit(f"{len(saved)} arrays are expected.")
    for name, one in zip(sorted(saved), found[1], strict=True):
        same_array(one, saved[name], f'"{name}" in the dictionary', shown, 0.0)


_ARRIVED = "what fits has arrived"

TRANSFER = Question(
    name="file-io.transfer",
    title="Load what fits, and say what does not",
    points=6,
    inputs=_transfer_inputs,
    probe=_transfer_probe,
    judge=judge_by(
        Aspect(
            _ARRIVED,
            2,
            "values",
            _transfer_values,
            hints={
                "pytorch": "Parameters and buffers: all of state_dict(). Compare shapes yourself; "
                "copy_ spreads a (1,) over any bias without a word.",
                "tensorflow": "All of net.weights, by path, the running mean too. Compare shapes "
                "before you assign.",
            },
        ),
        Aspect(
            "the report",
            2,
            "report",
            _transfer_report,
            hint="loaded, misfit and missing are names of the net, without the prefix; unexpected "
            "are names in the dictionary, as they stand there. Each name in exactly one list.",
            needs=(_ARRIVED,),
        ),
        Aspect(
            "nothing is not enough",
            1,
            "nothing",
            _transfer_nothing,
            hint="If no array has arrived, raise a ValueError: it is the case that nobody notices.",
            needs=(_ARRIVED,),
        ),
        Aspect(
            "copies, into the net's own arrays",
            1,
            "apart",
            _transfer_apart,
            hint="Copy values into the parameters that are there. New ones in their place leave "
            "an optimizer with the old; memory that is shared follows training.",
            needs=(_ARRIVED,),
        ),
    ),
    version="1",
)

QUESTIONS = (ARCHIVE, RESUME, KEEPER, TRANSFER)
