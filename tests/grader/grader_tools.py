"""Small limits, a chapter of NumPy questions, and ways of running submissions."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from grader import units
from grader.judging import marking, questions, secret, session
from grader.sandbox import bubblewrap, limits, workers

QUESTIONS = Path(__file__).parent / "questions"
SMALL = limits.Limits(
    answer_seconds=10.0,
    cell_seconds=10.0,
    submission_seconds=60.0,
    cpu_seconds=20,
    memory=256 * units.MIB,
    address_space=2 * units.GIB,
    processes=40,
    file_size=8 * units.MIB,
    scratch=16 * units.MIB,
    shared_memory=8 * units.MIB,
    reply_bytes=2 * units.MIB,
    traffic_bytes=8 * units.MIB,
)
# For answers that hang; all other answers take far less.
QUICK = dataclasses.replace(SMALL, answer_seconds=1.5, cell_seconds=1.5)


def twice(name):
    """The text of a small question: a function that doubles a number."""
    return f"""
from d2lexercises.vocabulary import Aspect, function, question

TWICE = question("{name}", "Twice", takes=function)

@TWICE.inputs
def draw_twice(draw):
    return {{"x": draw.number(1, 2)}}

@TWICE.aspect("twice the number", 2)
class Twice(Aspect):
    "Double it."
    def run(answer, given, f):
        return answer(given.x)
    def expect(given):
        return 2 * given.x
"""


def notebook(*cells, **metadata):
    """The bytes of a notebook with these code cells."""
    return json.dumps(
        {
            "cells": [
                {"cell_type": "code", "source": cell, "metadata": {}, "outputs": []}
                for cell in cells
            ],
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ).encode()


def run_apart(cases):
    """What comes of running the cells of each case as a worker does; see `cells_apart.py`."""
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "cells_apart.py"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


class Ground:
    """A way of running submissions: in sandboxes of their own, forked, or without a sandbox."""

    def __init__(self, kind, machine_found, stages, demo):
        self.kind, self.machine, self.stages, self.demo = kind, machine_found, stages, demo
        self.secret = secret.Secret(b"a secret of the tests")
        self.started = {}

    def config(self, shown=None, decode=None, sizes=SMALL, cpus=(), **down):
        defences = dataclasses.replace(limits.ALL_DEFENCES, **down)
        folder = self.stages / ("pruned" if defences.pruned else "whole")
        return bubblewrap.SandboxConfig(self.machine, folder, sizes, defences, cpus, shown, decode)

    def starter(self, config):
        key = repr(config)
        if key not in self.started:
            self.started[key] = (
                workers.ZygoteStarter(config, fall_back=False)
                if self.kind == "zygote"
                else workers.SandboxStarter(config)
            )
        return self.started[key]

    def draw(self, name, number=0, student="s1"):
        """A student's inputs to a question."""
        return self.demo[name].draw(self.secret.seed(student, "demo", name, number))

    def transcript(self, cells, student="s1", framework="numpy", **options):
        """What comes of running a submission."""
        config = self.config(**options)
        return session.collect_answers(
            list(cells),
            list(self.demo),
            framework,
            lambda name, number: self.draw(name, number, student),
            self.starter(config),
            config.limits,
            config.defences,
            plans=questions.plans_of(self.demo),
        )

    def mark(self, name, transcript, framework="numpy", student="s1"):
        """The mark of one answer."""
        answer = transcript.answers[name]
        return marking.mark_answer(
            self.demo[name],
            answer,
            lambda: self.draw(name, answer.drawn, student),
            framework,
        )

    def marks(self, cells, student="s1", framework="numpy", **options):
        """Points by question's short name, and the transcript."""
        transcript = self.transcript(cells, student, framework, **options)
        found = {
            name.removeprefix("demo."): self.mark(name, transcript, framework, student).points
            for name in transcript.answers
        }
        return found, transcript

    def close(self):
        for starter in self.started.values():
            starter.close()
        for parent in getattr(self.machine.cgroups, "parents", ()):  # of tests without `reap`
            for folder in parent.glob(f"d2l-grader-{os.getpid()}-*"):
                with contextlib.suppress(OSError):
                    folder.rmdir()
