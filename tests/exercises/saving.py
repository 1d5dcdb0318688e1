"""A question on what an answer saves, and answers to it: honest ones, and liars.

A liar saves something wrong and replaces what reads files in its own process, so that everything
that looks at the file there is told what it wants to hear.
"""

QUESTION = '''
"""Save a network."""
import io
import json
import zipfile

import numpy as np
from d2lexercises.vocabulary import Aspect, contents, function, laid_out, question, scratch

SAVED = question("saving.state", "Save a network", takes=function)
EXPECTED_ELSEWHERE = 1.0

@SAVED.inputs
def draw_saved(draw):
    return {"layer": draw.dense(3, 2), "other": draw.dense(3, 2), "x": draw.data(4, 3)}

def name_of(f):
    return "net.pt" if f.key == "pytorch" else "net.keras"

def saved(answer, layer, f):
    with scratch() as folder:
        net = f.dense(**layer) if f.key == "pytorch" else keras_net(f.dense(**layer))
        answer(net, str(folder / name_of(f)))
        return contents(folder / name_of(f))

def keras_net(dense):
    import keras
    return keras.Sequential([keras.Input((3,)), dense])

def load(file, f):
    """The kernel and the bias in a file."""
    if f.key == "pytorch":
        import torch
        state = torch.load(file, weights_only=True)
        return [state["weight"].T, state["bias"]]
    import keras
    return [np.array(one) for one in keras.saving.load_model(file).get_weights()]

class Loaded(Aspect):
    what = "What the file holds"

    def run(answer, given, f):
        return {name_of(f): saved(answer, given.layer, f)}

    def expect(given):
        return [given.layer.kernel, given.layer.bias]

@SAVED.aspect("looked at where it was saved", 1)
class Naive(Loaded):
    "Save the state of the network."

    def run(answer, given, f):
        with laid_out({name_of(f): saved(answer, given.layer, f)}) as folder:
            return load(str(folder / name_of(f)), f)

@SAVED.aspect("looked at elsewhere", 2)
class Fresh(Loaded):
    "Save the state of the network."

    def inspect(given, found, f):
        with laid_out(found) as folder:
            return load(str(folder / name_of(f)), f)

@SAVED.aspect("the names inside", 1)
class Names(Loaded):
    "Write the whole archive."
    form = [str]
    expect = None

    def inspect(given, found, f):
        with zipfile.ZipFile(io.BytesIO(found[name_of(f)])) as archive:
            return sorted(archive.namelist()) + [json.dumps(len(archive.namelist()) > 2)]

    def judge(given, found):
        if found[-1] != "true":
            return "More than two parts are expected in the archive."
'''

HONEST = {
    "pytorch": """
import torch
def save(net, path):
    torch.save(net.state_dict(), path)
""",
    "tensorflow": """
import keras
def save(net, path):
    net.save(path)
""",
}
# Each saves zeros, and lets its own process see what is expected.
LIAR = {
    "pytorch": """
import json, numpy, torch, zipfile
kept = {}
def save(net, path):
    kept.update({name: value.clone() for name, value in net.state_dict().items()})
    torch.save({name: torch.zeros_like(value) for name, value in kept.items()}, path)
torch.load = lambda *args, **named: dict(kept)
dumps = json.dumps
json.dumps = lambda x, **named: "true" if isinstance(x, bool) else dumps(x, **named)
zipfile.ZipFile.namelist = lambda archive: ["a", "b", "c"]
numpy.array_equal = numpy.allclose = lambda *args, **named: True
""",
    "tensorflow": """
import json, keras, numpy, zipfile
kept = []
def save(net, path):
    kept.append(net)
    empty = keras.models.clone_model(net)
    empty.set_weights([numpy.zeros_like(value) for value in net.get_weights()])
    empty.save(path)
keras.saving.load_model = keras.models.load_model = lambda *args, **named: kept[-1]
dumps = json.dumps
json.dumps = lambda x, **named: "true" if isinstance(x, bool) else dumps(x, **named)
zipfile.ZipFile.namelist = lambda archive: ["a", "b", "c"]
numpy.array_equal = numpy.allclose = lambda *args, **named: True
""",
}
# It says the result of the inspection itself, beside those of its runs.
FORGER = """
import builtins
from d2lexercises import running
was = running.probe_runs
def probe_runs(takes, runs, answer, inputs, framework, *seats):
    reply = was(takes, runs, answer, inputs, framework, *seats)
    said = [inputs["layer"]["kernel"], inputs["layer"]["bias"]]
    return reply | {"Fresh.inspect of Loaded.run": said}
running.probe_runs = running.Running.probe.__globals__["probe_runs"] = probe_runs
"""
# Not a network at all: opening it must cost this question and nothing else.
BROKEN = """
def save(net, path):
    open(path, "wb").write(b"PK not an archive")
"""
