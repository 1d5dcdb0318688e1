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
    write(root / "exercises" / "chapters" / "small" / "text.md", SMALL)
    return Project(root)


def write(path: Path, text: str) -> None:
    """Write a text below the metadata of an exercise file."""
    path.write_text(HEAD + textwrap.dedent(text), "utf8")
