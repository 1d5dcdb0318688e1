"""A small book in a folder of its own, on which every check is shown to pass and to fail."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import textwrap
from functools import cache
from importlib import metadata
from pathlib import Path

from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from left_out import unforked_config

ROOT = Path(__file__).parents[2]

HEAD = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""

CHAPTER = """
(top)=
# Small things

:::{admonition} After this chapter you can
:class: outcomes

- add, as in {cite:t}`adder1900`.
:::

See [the other page](other.md), [this place](#top) and `{not-a-role}`.

:::{figure} figures/dot.svg
:alt: A dot.
:name: fig-dot

A **dot**.
:::

```{code-cell} ipython3
:name: start
:tags: [pytorch]
numbers = [1, 2]
```

```{code-cell} ipython3
:name: start
:tags: [tensorflow]
numbers = (1, 2)
```

```{code-cell} ipython3
:name: total
total = sum(numbers)
total
```

+++ {"tags": ["pytorch"]}

Only PyTorch readers see *this*.

+++

:::{predict} words
What is the type of `numbers`?
:::

```{code-cell} ipython3
:name: kind
:tags: [predict]
type(numbers).__name__
```

:::{why}
Brackets make a list, parentheses a *tuple*.
:::

```{code-cell} ipython3
:name: total-checked
:tags: [claim]
# Checked: one and two are three
assert total == 3
```

The mean is $\\bar{x} = 3/2$.

::::{quiz} What is `1 + 1`?
- [x] Two.

  By **counting**.
- [ ] Three.

  That is one more.
::::

:::{dropdown} More
Folded text.
:::
"""


class Book:
    """A project in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def project(self) -> Project:
        return Project(self.root)  # read anew each time: files change under it

    @property
    def source(self) -> Path:
        return self.root / "book" / "small.md"

    def write(self, text: str) -> None:
        self.source.write_text(HEAD + textwrap.dedent(text), "utf8")

    def edit(self, old: str, new: str, path: str = "book/small.md") -> None:
        file = self.root / path
        text = file.read_text("utf8")
        assert old in text
        file.write_text(text.replace(old, new), "utf8")

    def line(self, text: str) -> int:
        """The line of the source that holds `text`."""
        return self.source.read_text("utf8").split(text)[0].count("\n") + 1

    def notebook(self, framework: str) -> Path:
        """The executed notebook."""
        return self.project.recorded_path("small", framework)


@cache
def announce_frameworks() -> None:
    """Announce frameworks that a fork has not installed as installed, in the pinned versions.

    The cells of the small book import none of them.
    """
    names = {name for framework in FRAMEWORKS.values() for name in framework.products}
    missing = [name for name in sorted(names) if not any(metadata.Distribution.discover(name=name))]
    if not missing:
        return
    folder = Path(tempfile.mkdtemp(prefix="d2lcompute-announced-"))
    atexit.register(shutil.rmtree, folder)
    for name in missing:
        version = Project(ROOT).pins[name]
        about = folder / f"{name}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", "utf8")
    sys.path.append(str(folder))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [inherited, str(folder)]))


def pins_of_this_environment() -> str:
    """The pins, with the frameworks' versions that are installed here: there may be newer ones."""
    announce_frameworks()
    text = (ROOT / "requirements.txt").read_text("utf8")
    for name in {name for framework in FRAMEWORKS.values() for name in framework.packages}:
        version = metadata.version(name).split("+")[0]
        text = re.sub(rf"(?m)^{name}==.*$", f"{name}=={version}", text)
    return text


def make_book(root: Path) -> Book:
    pages = root / "book"
    (pages / "figures").mkdir(parents=True)
    (root / "requirements.txt").write_text(pins_of_this_environment(), "utf8")
    shutil.copytree(ROOT / "book" / "theme", pages / "theme")
    shutil.copytree(
        ROOT / "d2lcompute", root / "d2lcompute", ignore=shutil.ignore_patterns("__pycache__")
    )
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n"
        "- file: book/small\n- file: book/other\n- file: book/references\n",
        "utf8",
    )
    (pages / "index.md").write_text("# A small book\n\n[A chapter](small.md)\n", "utf8")
    (pages / "other.md").write_text("(far-away)=\n# Another page\n\nText.\n", "utf8")
    (pages / "references.md").write_text("# References\n\n```{bibliography}\n```\n", "utf8")
    (pages / "references.bib").write_text(
        "@book{adder1900, author={Adder, Ann and Bee, Bob}, title={Sums}, year={1900},"
        " publisher={Sum}, url={https://example.org/sums}}\n",
        "utf8",
    )
    (pages / "figures" / "dot.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
        '<circle cx="4" cy="4" r="3"/></svg>',
        "utf8",
    )
    # The extension lies beside the book that is tested, not in it.
    config = root / "_config.yml"
    text = unforked_config().replace("editions: book/_ext", f"editions: {ROOT}/book/_ext")
    config.write_text(text, "utf8")
    made = Book(root)
    made.write(CHAPTER)
    return made
