"""Questions of the chapter *File I/O*.

Every answer works in a temporary folder that is made and removed here. What a right answer brings
back is known from the inputs alone: values, and a training run that is repeated here with NumPy.
"""

from __future__ import annotations

import os
import pickle
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from d2lexercises.faults import attempt
from d2lexercises.kinds import kind_of, whole
from d2lexercises.networks import routed, stored
from d2lexercises.vocabulary import (
    Aspect,
    Between,
    Exact,
    WrongKind,
    any_class,
    function,
    question,
)

METER = 0.1  # the part of a batch in the running mean


@contextmanager
def new_folder():
    """A folder that is gone at the end."""
    with TemporaryDirectory() as name:
        yield Path(name)


def make_meter(width, name, f):
    """A layer that subtracts a running mean of what it sees, which it keeps and does not train."""
    if f.key == "pytorch":
        import torch

        class Meter(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("mean", torch.zeros(width))

            def forward(self, x):
                with torch.no_grad():
                    self.mean.add_(METER * (x.mean(0) - self.mean))
                return x - self.mean

        return Meter()
    import keras

    class Meter(keras.Layer):
        def build(self, shape):
            self.mean = self.add_weight((width,), "zeros", name="mean", trainable=False)

        def call(self, x):
            self.mean.assign(self.mean + METER * (keras.ops.mean(x, axis=0) - self.mean))
            return x - self.mean

    meter = Meter(name=name)
    meter.build((None, width))
    return meter


# -- file-io.archive ---------------------------------------------------------------------------

ARCHIVE = question(
    "file-io.archive", "A file for tensors, and nothing but tensors", takes=any_class
)
BIG = 500  # rows of a matrix of which only two are saved


@ARCHIVE.inputs
def draw_archive(draw):
    shape, rng = (draw.integer(2, 4), draw.integer(2, 4)), draw.rng
    odd = 2**53 + 2 * rng.integers(1, 10**6, draw.integer(2, 5)) + 1  # too long for a float64
    values = [
        odd.astype(np.int64),
        draw.data(*shape),
        rng.normal(size=shape[::-1]),
        rng.integers(-99, 99, shape).astype(np.int32),
        rng.integers(0, 2, shape[0]).astype(bool),
        rng.integers(-128, 128, shape[1]).astype(np.int8),
        np.array(rng.normal(), np.float32),
        np.zeros((0, shape[1]), np.float32),
    ]
    weight, kernel, _, *names = draw.words(len(values))
    names = [f"{weight}.weight", f"{kernel}/kernel", "file", *names]
    return {
        "tensors": dict(draw.shuffled(list(zip(names, values, strict=True)))),
        "file": f"{draw.word()}.{draw.word()[:3]}",
        "part": draw.data(2, BIG),
    }


class Planted:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def plant_pickle(file, planted, f):
    file.write_bytes(pickle.dumps({"x": planted}, protocol=2))


def plant_array(file, planted, f):
    with file.open("wb") as opened:
        np.savez(opened, x=np.array([planted, 1], dtype=object))


def plant_own(file, planted, f):
    """A file as the framework's users write it."""
    if f.key == "pytorch":
        import torch

        torch.save({"x": torch.zeros(2), "y": planted}, file)
        return
    with file.open("wb") as opened:
        np.save(opened, np.array({"x": planted}, dtype=object))


def tensor_of(array, f):
    """A tensor of the array's own dtype."""
    if f.key == "pytorch":
        import torch

        return torch.tensor(array)
    import tensorflow as tf

    return tf.constant(array)


def loaded(archive, f):
    """What load() returns, as arrays by name."""
    found = archive.load()
    if not isinstance(found, dict):
        raise WrongKind(f"A dictionary is expected from load(); got {kind_of(found)}.")
    found = {
        str(name): np.asarray(one) if isinstance(one, np.generic) else one
        for name, one in found.items()
    }
    return {name: f.array(one) for name, one in found.items()}


class MovedFile(Aspect):
    what = "Folder with the file"

    def run(answer, given, f):
        with new_folder() as folder:
            (written := folder / "written").mkdir()
            file = written / given.file
            tensors = {name: tensor_of(given.tensors[name], f) for name in given.tensors}
            answer(file).save(tensors)
            names = sorted(path.name for path in written.iterdir())
            (elsewhere := folder / "elsewhere").mkdir()  # the same name, other tensors
            answer(elsewhere / given.file).save({"part": tensor_of(given.part, f)})
            file = written.rename(folder / "moved") / file.name  # the file is all that there is
            return {"tensors": loaded(answer(file), f), "files": names}

    def expect(given):
        tensors = {name: Exact(given.tensors[name]) for name in given.tensors}
        return {"tensors": tensors, "files": [given.file]}

    def shown(given):
        tensors = [(name, given.tensors[name]) for name in given.tensors]
        listed = ", ".join(f'"{name}" {one.dtype} {one.shape}' for name, one in tensors)
        return f"{listed}; saved in {given.file}, moved to another folder, loaded by a new object"


BACK = "values, types and names"


@ARCHIVE.aspect(BACK, 2, part="tensors")
class Back(MovedFile):
    hint = {
        "pytorch": "One tensor each, under its name, as it is: whoever makes one tensor of "
        "several, or numbers of a tensor, loses types and digits.",
        "tensorflow": "One array each, under its name, as it is: np.save of a list makes one type "
        "of several. np.savez(path, **arrays) has arguments of its own, `file` among them; and it "
        "takes an open file as well as a path.",
    }


@ARCHIVE.aspect("one file, under the name given", 1, part="files", after=BACK)
class OneFile(MovedFile):
    hint = {
        "pytorch": "Write to the path that you were given, and nowhere else.",
        "tensorflow": "np.savez adds .npz to a path that ends otherwise. Give it a file that you "
        "opened.",
    }
    code = {"tensorflow": "with open(path, 'wb') as file:"}


@ARCHIVE.aspect("saved a second time", 1, after=BACK)
class SecondTime(Aspect):
    "The second save() takes the place of the first."

    what = "Loaded"

    def run(answer, given, f):
        with new_folder() as folder:
            file, name = folder / given.file, next(iter(given.tensors))
            answer(file).save({"old": tensor_of(given.part, f)})
            answer(file).save({name: tensor_of(given.tensors[name], f)})
            return loaded(answer(file), f)

    def expect(given):
        name = next(iter(given.tensors))
        return {name: Exact(given.tensors[name])}

    def shown(given):
        return "saved twice under one path, load() after that"


@ARCHIVE.aspect("a part of a large tensor", 1, after=BACK)
class PartOfLarge(Aspect):
    hint = {
        "pytorch": "A slice shares the memory of the whole, and torch.save writes all of that "
        "memory. A clone owns what it shows.",
        "tensorflow": "Numbers as text take several times the room, and so does an array of "
        "objects.",
    }
    what = "File"

    def run(answer, given, f):
        with new_folder() as folder:
            file, big = folder / given.file, np.zeros((BIG, BIG), np.float32)
            big[:2] = given.part
            answer(file).save({"part": tensor_of(big, f)[:2]})
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            return {"tensors": loaded(answer(file), f), "size in bytes": size}

    def expect(given):
        size = given.part.nbytes
        tensors = {"part": Exact(given.part)}
        return {"tensors": tensors, "size in bytes": Between(size // 2, 4 * size)}

    def shown(given):
        return f"the first two rows of a matrix of shape ({BIG}, {BIG})"


@ARCHIVE.aspect("a stranger's file runs nothing", 1, after=BACK)
class Stranger(Aspect):
    hint = "The default refuses to unpickle whatever there is."
    code = {
        "pytorch": "torch.load without weights_only=False",
        "tensorflow": "np.load without allow_pickle=True",
    }
    what = "load() has run what was planted in"

    def run(answer, given, f):
        ran = []
        for plant in (plant_pickle, plant_array, plant_own):
            with new_folder() as folder:
                file, made = folder / given.file, folder / "made"
                plant(file, Planted(made), f)
                attempt(lambda file=file: answer(file).load())
                ran.append(made.exists())
        return ran

    def expect(given, framework):
        own = "torch.save" if framework == "pytorch" else "np.save"
        files = ("a pickle", "a file of np.savez", f"a file of {own}")
        return dict.fromkeys(files, False)

    def shown(given):
        return "files with an object whose __reduce__ makes a folder"


# -- file-io.resume -----------------------------------------------------------------------------

RESUME = question("file-io.resume", "Stop and go on", takes=any_class)


@RESUME.inputs
def draw_resume(draw):
    inputs, hidden, rows = draw.integer(2, 4), draw.integer(2, 4), 24
    return {
        "first": draw.dense(inputs, hidden),
        "second": draw.dense(hidden, 1),
        "x": draw.data(rows, inputs) + draw.data(inputs),
        "y": draw.data(rows, 1),
        "rate": draw.number(0.02, 0.1),
        "seed": draw.integer(0, 2**31),
        "batch": draw.integer(6, 9),
        "steps": [draw.integer(3, 5), draw.integer(2, 4), draw.integer(2, 4)],
        "label": draw.integer(1000, 9_000_000),
        "rows": draw.shuffled(range(rows))[: draw.integer(6, 9)],
        "other": {"first": draw.dense(inputs, hidden), "second": draw.dense(hidden, 1)},
    }


def begin(values, rate, width, f):
    """A net with a meter, two dense layers and a tanh between them, and Adam."""
    parts = {
        "meter": make_meter(width, "meter", f),
        "first": f.dense(**values.first, name="first"),
        "tanh": f.activation("tanh"),
        "second": f.dense(**values.second, name="second"),
    }
    net = routed(parts, list(parts), f)
    if f.key == "pytorch":
        import torch

        return net, torch.optim.Adam(net.parameters(), lr=rate)
    import keras

    return net, keras.optimizers.Adam(rate)


def adam_step(net, optimizer, x, y, f):
    x, y = f.tensor(x), f.tensor(y)
    if f.key == "pytorch":
        optimizer.zero_grad()
        ((net(x) - y) ** 2).mean().backward()
        optimizer.step()
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x) - y) ** 2)
    weights = net.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)


def generator_of(seed):
    return np.random.Generator(np.random.PCG64(seed))


class RunByHand:
    """The training run, with NumPy in double precision."""

    def __init__(self, given, framework):
        self.given, self.keras, self.steps = given, framework == "tensorflow", 0
        arrays = [given.first.kernel, given.first.bias, given.second.kernel, given.second.bias]
        self.values = [array.astype(np.float64) for array in arrays]
        self.moments = [(np.zeros_like(v), np.zeros_like(v)) for v in self.values]
        self.mean, self.rng = np.zeros(given.x.shape[1]), generator_of(given.seed)

    def step(self, rows):
        """One step of Adam on the mean squared error."""
        x, y = self.given.x[rows].astype(np.float64), self.given.y[rows].astype(np.float64)
        self.mean = self.mean + METER * (x.mean(0) - self.mean)
        kernel, bias, second, last = self.values
        x = x - self.mean
        hidden = np.tanh(x @ kernel + bias)
        back = 2 * (hidden @ second + last - y) / y.size
        behind = back @ second.T * (1 - hidden**2)
        gradients = [x.T @ behind, behind.sum(0), hidden.T @ back, back.sum(0)]
        self.steps += 1
        for n, gradient in enumerate(gradients):
            first, square = self.moments[n]
            first = 0.9 * first + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            self.moments[n] = first, square
            start = np.sqrt(1 - 0.999**self.steps)  # Keras adds its epsilon before dividing by it
            size = np.sqrt(square)
            size = (size + 1e-7) / start if self.keras else size / start + 1e-8
            self.values[n] -= self.given.rate * first / (1 - 0.9**self.steps) / size

    def parameters(self):
        """The layers' values, as they are now."""
        kernel, bias, second, last = (value.copy() for value in self.values)
        return {
            "first": {"kernel": kernel, "bias": bias},
            "second": {"kernel": second, "bias": last},
        }


class Resumed(Aspect):
    what = "After load()"
    tolerance = 1e-3

    def run(answer, given, f):
        def train(net, optimizer, rng, steps):
            for _ in range(steps):
                rows = rng.integers(len(given.x), size=given.batch)
                adam_step(net, optimizer, given.x[rows], given.y[rows], f)

        before, until, after = given.steps
        width = given.x.shape[1]
        with new_folder() as folder:
            (written := folder / "written").mkdir()
            net, optimizer = begin(given, given.rate, width, f)
            rng = generator_of(given.seed)
            checkpoint = answer(written, net, optimizer, rng)
            train(net, optimizer, rng, before)
            checkpoint.save(1)
            train(net, optimizer, rng, until)
            checkpoint.save(given.label)  # the one that counts
            train(net, optimizer, rng, after)  # of this nothing is left

            os.replace(written, found := folder / "found")
            net, optimizer = begin(given.other, 1.0, width, f)
            net(f.tensor(np.ones((1, width))))
            rng = generator_of(0)
            label = answer(found, net, optimizer, rng).load()

        def layers():
            return [f.dense_values(net.first), f.dense_values(net.second)]

        def one_more():
            adam_step(net, optimizer, given.x[given.rows], given.y[given.rows], f)
            return layers()

        return {
            "step that load() returns": whole(label),
            "parameters": layers(),
            "running mean": f.array(net.meter.mean),
            "next draws": rng.integers(10**9, size=9).tolist(),
            "parameters after one step more": attempt(one_more),
        }

    def expect(given, framework):
        run = RunByHand(given, framework)
        for _ in range(sum(given.steps[:2])):
            run.step(run.rng.integers(len(given.x), size=given.batch))
        now = {
            "step that load() returns": given.label,
            "parameters": run.parameters(),
            "running mean": run.mean,
            "next draws": run.rng.integers(10**9, size=9).tolist(),
        }
        run.step(given.rows)
        return now | {"parameters after one step more": run.parameters()}

    def shown(given):
        before, until, after = given.steps
        return (
            f"{before} steps, save(1), {until} steps, save({given.label}), {after} steps; then "
            "load() into a new net, optimizer and generator"
        )


PARAMETERS = "the parameters"


@RESUME.aspect(PARAMETERS, 2, part="parameters")
class Parameters(Resumed):
    """What was saved last is what comes back, as it was at that moment, and it is written into the
    net that was given."""


@RESUME.aspect("what the net keeps without training it", 1, part="running mean", after=PARAMETERS)
class RunningMean(Resumed):
    hint = {
        "pytorch": "Buffers are in state_dict() and not among parameters().",
        "tensorflow": "net.trainable_variables leaves out the running mean; net.variables does "
        "not.",
    }
    tolerance = 1e-4


@RESUME.aspect("the optimizer", 2, part="parameters after one step more", after=PARAMETERS)
class Optimizer(Resumed):
    hint = {
        "pytorch": "optimizer.state_dict() holds Adam's two means, its step count and the learning "
        "rate.",
        "tensorflow": "optimizer.variables holds Adam's means, its step count and the learning "
        "rate. A new optimizer has nearly none: build it for net.trainable_variables before you "
        "assign.",
    }


@RESUME.aspect("the random numbers", 1, part="next draws", after=PARAMETERS)
class RandomNumbers(Resumed):
    """rng.bit_generator.state is a dictionary, and can be assigned to. The generator has to be the
    one that was given: whoever draws from it holds it already."""


@RESUME.aspect("the number of the step", 1, part="step that load() returns", after=PARAMETERS)
class StepNumber(Resumed):
    "save() is told the step; load() returns it."


# -- file-io.keeper -----------------------------------------------------------------------------

KEEPER = question("file-io.keeper", "What belongs together", takes=any_class)


@KEEPER.inputs
def draw_keeper(draw):
    small = draw.integer(5, 9)
    steps = [small, small + draw.integer(5, 40), 90 + draw.integer(0, 9), 100 + draw.integer(0, 99)]
    high = draw.integer(500, 999)
    low = high - draw.integer(50, 200)
    return {
        "files": [f"{draw.word()}.{end}" for end in ("model", "optimizer")],
        "keep": draw.integer(2, 3),
        "steps": steps,
        "texts": [draw.word() * 20 for _ in range(12)],
        "back": [high, low, high, high],  # gone back to an earlier step, and on from there
    }


# A checkpoint is known by the first word of the text that is written into its files.


def newest(answer, root, given, keep):
    """The word of the newest checkpoint, as a new object finds it; None if it finds none."""
    folder = answer(root, keep).latest()
    if folder is None:
        return None
    if not isinstance(folder, str | os.PathLike):
        return {"kind": kind_of(folder)}
    folder = Path(folder)
    if root.resolve() not in folder.resolve().parents:
        return {"kind": "a folder that is not in the one that was given"}
    files = [folder / name for name in given.files]
    found = [file.read_text() if file.is_file() else None for file in files]
    for text in given.texts:
        if found == [f"{name} {text}" for name in given.files]:
            return text[:6]
    return {"kind": "files that are missing, cut off or of different saves"}


def writers(given, number, during=lambda: None, fails=""):
    """What writes the files of save `number`, calling `during` before and half-way through each."""
    text = given.texts[number]

    def write(path, name):
        path = Path(path)
        during()
        path.write_text(f"{name} {text}"[: len(text) // 2])
        during()
        if name == fails:
            raise OSError("no space left on device")
        path.write_text(f"{name} {text}")

    return {name: lambda path, name=name: write(path, name) for name in given.files}


def words_of(given, *numbers):
    return [None if n is None else given.texts[n][:6] for n in numbers]


def saves_in_words(given, steps):
    words = words_of(given, *range(len(steps)))
    saves = [f"step {step}, files with {word}" for step, word in zip(steps, words, strict=True)]
    return f"keep = {given.keep}; saved: {'; '.join(saves)}"


def save_in_turn(answer, given, steps):
    """What the newest checkpoint is before the first save, and after each."""
    with new_folder() as root:
        found = [newest(answer, root, given, given.keep)]
        for number, step in enumerate(steps):
            answer(root, given.keep).save(step, writers(given, number))
            found.append(newest(answer, root, given, given.keep))
        return found


NEWEST = "the newest checkpoint"


@KEEPER.aspect(NEWEST, 2)
class Newest(Aspect):
    """latest() has to be right for a new object too, so what it needs has to be on the disk. As
    words, "9" comes after "10". Before the first save it returns None."""

    what = "latest() before the first save and after each"

    def run(answer, given, f):
        return save_in_turn(answer, given, given.steps)

    def expect(given):
        return words_of(given, None, 0, 1, 2, 3)

    def shown(given):
        return saves_in_words(given, given.steps)


@KEEPER.aspect("a power cut while writing", 2, after=NEWEST)
class PowerCut(Aspect):
    """Write into a folder that no latest() looks at, a new one for each save; when all files are
    there, replace a small file that names it; delete old ones after that. Keep names in it, not
    whole paths: the folder may be moved."""

    what = "Newest checkpoint during save"

    def run(answer, given, f):
        one, two = given.steps[:2]
        with new_folder() as folder:
            (root := folder / "root").mkdir()
            found = []
            for number, step in enumerate([one, two, two]):
                copies = []

                def photograph(number=number, copies=copies):
                    copies.append(folder / f"{number}-{len(copies)}")
                    shutil.copytree(root, copies[-1])

                answer(root, 1).save(step, writers(given, number, photograph))
                found.append([attempt(lambda c=c: newest(answer, c, given, 1)) for c in copies])
            return found

    def expect(given):
        when = ("before", "half-way through")
        cuts = [f"power cut {at} {name}" for name in given.files for at in when]
        return [dict.fromkeys(cuts, word) for word in words_of(given, None, 0, 1)]

    def shown(given):
        one, two = given.steps[:2]
        return f"{saves_in_words(given, [one, two, two])}; but keep = 1"


@KEEPER.aspect("an error while writing", 1, after=NEWEST)
class WriterFails(Aspect):
    """Let the error pass on to the caller. What is left of a failed attempt must not stand in the
    way of the next, for the same step."""

    what = "Save"

    def run(answer, given, f):
        with new_folder() as root:
            keeper, found = answer(root, given.keep), []
            first, second = given.files
            steps = [given.steps[n] for n in (0, 0, 1, 1)]
            for number, (step, fails) in enumerate(
                zip(steps, (first, "", second, ""), strict=True)
            ):
                raised = False
                try:
                    keeper.save(step, writers(given, number, fails=fails))
                except OSError:
                    raised = True
                found.append([raised, newest(answer, root, given, given.keep)])
            return found

    def expect(given):
        words = zip((True, False) * 2, words_of(given, None, 1, 1, 3), strict=True)
        return [{"the writer's error": raised, "latest()": word} for raised, word in words]

    def shown(given):
        one, two = given.steps[:2]
        return f"{saves_in_words(given, [one, one, two, two])}; writing fails in save 0 and save 2"


@KEEPER.aspect("back to an earlier step", 1, after=NEWEST)
class EarlierStep(Newest):
    "The newest is the one that was saved last, whatever its number."

    def run(answer, given, f):
        return save_in_turn(answer, given, given.back)

    def shown(given):
        return saves_in_words(given, given.back)


@KEEPER.aspect("no more than keep", 1, after=NEWEST)
class NoMoreThanKeep(Aspect):
    """After a save, delete what is older than the last `keep`, and what failed attempts have
    left."""

    what = "Files of each kind on the disk after each save"

    def run(answer, given, f):
        with new_folder() as root:
            keeper, counts = answer(root, given.keep), []
            for number, step in enumerate([*given.steps, *given.back[:2]]):
                fails = given.files[1] if number == 2 else ""
                try:
                    keeper.save(step, writers(given, number, fails=fails))
                except OSError:
                    continue
                counts.append([sum(1 for _ in root.rglob(name)) for name in given.files])
            return counts

    def expect(given):
        return [[min(n, given.keep)] * 2 for n in range(1, len(given.steps) + 2)]

    def shown(given):
        return f"keep = {given.keep}; the third of the attempts failed"


# -- file-io.transfer ----------------------------------------------------------------------------

TRANSFER = question("file-io.transfer", "Load what fits, and say what does not", takes=function)


@TRANSFER.inputs
def draw_transfer(draw):
    width, hidden, out = draw.integer(3, 5), draw.integer(3, 6), draw.integer(3, 5)
    return {
        "names": draw.words(4),  # of the meter, two layers and the head
        "layers": [draw.dense(width, hidden), draw.dense(hidden, hidden), draw.dense(hidden, out)],
        "saved": [draw.dense(width, hidden), draw.dense(hidden, hidden)],
        "mean": draw.data(width),
        "more": draw.integer(1, 4),  # columns by which the saved head is wider
        "head": draw.data(hidden, out + 4),
        "head_bias": draw.data(1),
        "prefix": draw.word(),
        "strange": draw.words(2),
        "missing": draw.integer(0, 1),  # the layer whose bias is not in the file
        "order": draw.shuffled(range(9)),
    }


def separator(framework):
    return "/" if framework == "tensorflow" else "."


def as_stored(layer, part, framework):
    """The arrays of a dense layer, by the framework's names."""
    kernel = "kernel" if framework == "tensorflow" else "weight"
    name = layer + separator(framework)
    return {f"{name}{kernel}": stored(part["kernel"], framework), f"{name}bias": part["bias"]}


def saved_arrays(given, framework):
    """The arrays of the file, in some order."""
    end = separator(framework)
    meter, *layers = given.names
    columns = len(given.layers[2].bias) + given.more
    head = {"kernel": given.head[:, :columns], "bias": given.head_bias}  # would broadcast
    own = {f"{meter}{end}mean": given.mean}
    for name, part in zip(layers, [*given.saved, head], strict=True):
        own |= as_stored(name, part, framework)
    alone = f"{layers[given.missing]}{end}bias"
    bias = own.pop(alone)
    prefix, (strange, other) = given.prefix + end, given.strange
    kinds = (np.float64, np.float32)  # of vectors, of matrices
    found = {prefix + name: array.astype(kinds[array.ndim - 1]) for name, array in own.items()}
    found[alone] = np.zeros_like(bias)  # no prefix: not this net's
    found[f"{prefix}{strange}"] = found[f"{other}{end}mean"] = given.mean.astype(np.float64)
    names = list(found)
    return {names[n]: found[names[n]] for n in given.order}


def net_to_load(given, f):
    meter, *layers = given.names
    parts = {meter: make_meter(len(given.mean), meter, f)}
    for name, part in zip(layers, given.layers, strict=True):
        parts[name] = f.dense(**part, name=name)
    return routed(parts, list(parts), f)


def tensors_of(net, f):
    """All tensors of the net, those that are not trained last."""
    if f.key == "pytorch":
        return [*net.parameters(), *net.buffers()]
    return [*net.trainable_variables, *net.non_trainable_variables]


def net_by_hand(given, framework):
    """The net's arrays by name, as they are at first, in the order of `tensors_of`."""
    meter, *layers = given.names
    own = {}
    for name, part in zip(layers, given.layers, strict=True):
        own |= as_stored(name, part, framework)
    return own | {f"{meter}{separator(framework)}mean": np.zeros_like(given.mean)}


def report_of(found):
    """The lists of a report, sorted; in words what came instead."""
    if not isinstance(found, dict):
        return {"kind": kind_of(found)}
    lists = {key: found.get(key) for key in ("loaded", "misfit", "missing", "unexpected")}
    return {
        key: sorted(map(str, names))
        if isinstance(names, list | tuple | set | frozenset)
        else {"kind": kind_of(names)}
        for key, names in lists.items()
    }


def exactly(arrays):
    """Arrays by name, as a net of 32 bits holds them."""
    return {name: Exact(array.astype(np.float32)) for name, array in arrays.items()}


class Transferred(Aspect):
    def run(answer, given, f):
        net, saved = net_to_load(given, f), saved_arrays(given, f.key)
        held = tensors_of(net, f)
        report = answer(net, saved, given.prefix + separator(f.key))
        values = f.arrays(tensors_of(net, f))
        for tensor in held:  # training goes on
            f.assign(tensor, np.full(tuple(tensor.shape), 7.0))
        return {
            "the net": values,
            "the report": report_of(report),
            "the net afterwards": tensors_of(net, f),
            "the dictionary afterwards": {name: saved[name] for name in sorted(saved)},
        }

    def expect(given, framework):
        saved, own = saved_arrays(given, framework), net_by_hand(given, framework)
        prefix = given.prefix + separator(framework)
        named = {name: saved[prefix + name] for name in own if prefix + name in saved}
        fitting = {name: one for name, one in named.items() if one.shape == own[name].shape}
        sevens = {name: np.full_like(array, 7) for name, array in own.items()}
        return {
            "the net": exactly({**own, **fitting}),
            "the report": {
                "loaded": sorted(fitting),
                "misfit": sorted(named.keys() - fitting),
                "missing": sorted(own.keys() - named),
                "unexpected": sorted(saved.keys() - {prefix + name for name in named}),
            },
            "the net afterwards": exactly(sevens),
            "the dictionary afterwards": {name: Exact(saved[name]) for name in sorted(saved)},
        }

    def shown(given, framework):
        saved = saved_arrays(given, framework).items()
        listed = ", ".join(f"{name} {array.shape}" for name, array in saved)
        return f'prefix "{given.prefix}{separator(framework)}", arrays {listed}'


ARRIVED = "what fits has arrived"


@TRANSFER.aspect(ARRIVED, 2, part="the net")
class Arrived(Transferred):
    hint = {
        "pytorch": "Parameters and buffers: all of state_dict(). Compare shapes yourself; copy_ "
        "spreads a (1,) over any bias without a word.",
        "tensorflow": "All of net.weights, by path, the running mean too. Compare shapes before "
        "you assign.",
    }


@TRANSFER.aspect("the report", 2, part="the report", after=ARRIVED)
class Report(Transferred):
    """loaded, misfit and missing are names of the net, without the prefix; unexpected are names in
    the dictionary, as they stand there. Each name in exactly one list."""


@TRANSFER.aspect("nothing is not enough", 1, after=ARRIVED)
class NothingArrived(Aspect):
    "If no array has arrived, raise a ValueError: it is the case that nobody notices."

    what = "Where nothing fits"

    def run(answer, given, f):
        net, refused = net_to_load(given, f), False
        try:
            answer(net, saved_arrays(given, f.key), given.strange[1] + separator(f.key))
        except ValueError:
            refused = True
        return {"a ValueError": refused, "the net": tensors_of(net, f)}

    def expect(given, framework):
        return {"a ValueError": True, "the net": exactly(net_by_hand(given, framework))}

    def shown(given, framework):
        prefix = given.strange[1] + separator(framework)
        return f'prefix "{prefix}", with which no array of the net begins'


AFTERWARDS = ("the net afterwards", "the dictionary afterwards")


@TRANSFER.aspect("copies, into the net's own arrays", 1, part=AFTERWARDS, after=ARRIVED)
class Copies(Transferred):
    """Copy values into the parameters that are there. New ones in their place leave an optimizer
    with the old; memory that is shared follows training."""

    def shown(given):
        return "what was held as the net's parameters before was overwritten with 7 after it"
