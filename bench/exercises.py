"""How long `check` takes to answer, question by question, in a process of each framework.

    python bench/exercises.py

Each question is checked with its worked solution: the first time, as a student meets it, when the
framework sets up what it has not used before, and then again, the best of three. The first check of
a session, in a fresh process, also loads what checks.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRAMEWORKS = ("pytorch", "tensorflow")
MEASURE = """
import sys, time
sys.path[:0] = [{root!r}, {root!r} + "/exercises", {root!r} + "/tests/exercises"]
from exercise_answers import CHAPTERS, namespace
from d2lexercises.feedback import evaluate

def once(name, answer):
    began = time.perf_counter()
    evaluate(name, answer, {framework!r})
    return time.perf_counter() - began

for chapter in CHAPTERS:
    answers = namespace(chapter, {framework!r}, "solution")["answers"]
    for name, answer in answers.items():
        print(name, once(name, answer), min(once(name, answer) for _ in range(3)), flush=True)
"""
SESSION = """
import sys, time
sys.path[:0] = [{root!r}, {root!r} + "/exercises"]
{answer}
began = time.perf_counter()
from d2lexercises import check
check("blocks.sequential", Answer)
print("seconds", time.perf_counter() - began)
"""
ANSWERS = {
    "pytorch": """
from d2lcompute import torch as d2l
import torch
class Answer(torch.nn.Module):
    def __init__(self, *blocks):
        super().__init__()
        self.blocks = torch.nn.ModuleList(blocks)
    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x
""",
    "tensorflow": """
from d2lcompute import tensorflow as d2l
import keras
class Answer(keras.Model):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = list(blocks)
    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x
""",
}


def first_of_a_session(framework: str) -> float:
    """Seconds of the first check after a notebook's imports."""
    code = SESSION.format(root=str(ROOT), answer=ANSWERS[framework])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def measure(framework: str) -> list[tuple[str, float, float]]:
    """Each question with the seconds of its first check, and of the best of three more."""
    code = MEASURE.format(root=str(ROOT), framework=framework)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: the checks in {framework} failed:\n{done.stderr[-2000:]}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(name, float(first), float(again)) for name, first, again in lines if "." in name]


def main() -> None:
    """Print the slowest and the typical check beside what is allowed."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for framework in FRAMEWORKS:
        found = measure(framework)
        slowest = max(found, key=lambda row: row[1])
        typical = sorted(again for _, _, again in found)[len(found) // 2]
        what = f"check, {framework}, {len(found)} questions"
        measured = f"slowest first {slowest[1]:.2f} s ({slowest[0]}), median {typical:.2f} s"
        print(f"{what:<40}{measured:<64}<= 1 s")
        session = f"{first_of_a_session(framework):.2f} s"
        print(f"{f'first check of a session, {framework}':<40}{session:<64}<= 1 s")


if __name__ == "__main__":
    main()
