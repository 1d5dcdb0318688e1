"""Judges in the submission's own process, as other graders have them: attacks on them succeed."""

import json
import subprocess
import sys

_RUN = """
import json, sys
sys.path.insert(0, {stage!r})
import builtins
from inside import cells, worker
import numpy as np
from d2lexercises import library, question
demo = library.load(library.CHAPTERS.parent / "private" / "demo.py")
asked = [one for one in demo.QUESTIONS if one.name == {name!r}][0]
builtins.check = lambda *arguments, **named: None
nothing = lambda *arguments: None
cells.Run(json.loads({sources!r}), (), nothing, nothing).run(lambda: False)
names = cells.shell().user_ns
inputs = asked.draw(1)
"""
_POINTS = """
outputs = question.run_probe(asked, names["scaled"], inputs, worker.NumPy())
print(question.give_verdict(asked, inputs, outputs, "numpy").points)
"""
_EQUAL = """
print(names["scaled"](**inputs) == demo.SECRET_FORMULA(inputs))
"""


def points(stage, cells, name):
    """The points that a judge in the submission's own process gives."""
    return float(_run(stage, cells, name, _POINTS))


def equal(stage, cells, name):
    """Whether ``==`` in the submission's own process says that the answer is right."""
    return _run(stage, cells, name, _EQUAL) == "True"


def _run(stage, cells, name, end):
    code = _RUN.format(stage=str(stage), name=name, sources=json.dumps(cells)) + end
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
