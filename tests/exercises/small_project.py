"""A project in a folder of its own, with one exercise file."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

from editions.base.project import Project
from exercise_answers import ROOT
from left_out import unforked_config

HEAD = (ROOT / "exercises" / "chapters" / "blocks" / "text.md").read_text("utf8").split("\n# ")[0]

CHAPTER = """
# Small

```{code-cell} ipython3
1
```
"""

SMALL = """
# Exercises: small

One question.

```{code-cell} ipython3
:name: start
from d2lexercises import check
```

## 1. A question

[The chapter](../../../book/blocks.md#one-idea) tells.

```{code-cell} ipython3
:name: one
:tags: [starter]
class One: ...
```

```{code-cell} ipython3
:name: one-solution
:tags: [solution]
class One:
    secret_of_one = 1
```

+++ {"tags": ["solution"]}

Worked words.

```{code-cell} ipython3
:name: one-check
check("small.one", One)
```

## The end

```{code-cell} ipython3
:name: end
print("end")
```
"""


QUESTIONS = """
import numpy as np
from d2lcompute.checks.question import Aspect, Question, judge_by, need_class, same_array

def compare(inputs, found, framework):
    same_array(found, np.array(inputs["x"], float), "value")

def make(name):
    return Question(
        name=name, title="Mine", points=2, version="1",
        inputs=lambda rng: {"x": float(rng.normal())},
        probe=lambda answer, inputs, framework: {
            "value": np.array(inputs["x"] * bool([n for n in vars(answer) if "secret" in n]))
        },
        judge=judge_by(Aspect("value", 2, "value", compare)),
    )

QUESTIONS = (make("small.one"), make("small.two"))
"""


def make_project(tmp_path: Path) -> Project:
    """A project in a folder of its own, with one exercise file."""
    root = tmp_path / "project"
    (root / "book").mkdir(parents=True)
    (root / "exercises" / "chapters" / "small").mkdir(parents=True)
    (root / "_config.yml").write_text(unforked_config(), "utf8")
    for name in ("requirements.txt", "book/blocks.md"):
        shutil.copyfile(ROOT / name, root / name)
    write(root / "book" / "small.md", CHAPTER)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/blocks\nchapters:\n- file: book/small\n", "utf8"
    )
    small = root / "exercises" / "chapters" / "small"
    write(small / "text.md", SMALL)
    (small / "question.py").write_text(QUESTIONS.replace(', make("small.two")', ","), "utf8")
    return Project(root)


def write(path: Path, text: str) -> None:
    """Write a text below the metadata of an exercise file."""
    path.write_text(HEAD + textwrap.dedent(text), "utf8")
