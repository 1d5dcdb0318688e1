"""The limits that every chapter holds to, and that each lapse is found."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from chapter_size import Size, size, words
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.notebooks.answer_keys import answer_keys
from editions.source.chapter import read_chapter
from editions.source.predictions import predictions

PROJECT = Project(Path(__file__).parents[1])
FRAMEWORKS = [framework.key for framework in PROJECT.frameworks]
FINISHED = [path for path in PROJECT.chapters if not read_chapter(path).draft]
each_chapter = pytest.mark.parametrize("path", FINISHED, ids=[path.stem for path in FINISHED])


def keeps_to_its_length(path: Path) -> None:
    """In each edition, 1,300 to 1,900 words and at most 22 cells on the main path."""
    for framework in FRAMEWORKS:
        found = size(path, framework)
        assert 1300 <= found.words <= 1900, (framework, found)
        assert found.cells <= 22, (framework, found)


def keeps_its_asides_short(path: Path) -> None:
    """Asides hold at most half as many words as the main path."""
    for framework in FRAMEWORKS:
        found = size(path, framework)
        assert 2 * found.aside_words <= found.words, (framework, found)


def asks_three_to_six_times(path: Path) -> None:
    for framework in FRAMEWORKS:
        assert 3 <= size(path, framework).predictions <= 6, framework


def has_the_keys_of_its_predictions(path: Path) -> None:
    """Each question has an answer in the recorded run, in each edition that asks it."""
    chapter = read_chapter(path)
    for framework in FRAMEWORKS:
        run = nbformat.read(PROJECT.recorded_path(path.stem, framework), as_version=4)
        keys = answer_keys(chapter, framework, run)
        asked = [one for one in predictions(chapter) if framework in one.answers]
        assert set(keys) == {one.name for one in asked}
        assert all(keys.values())


def has_pictures(path: Path) -> None:
    """Two drawings or more, and one that the page computes; each with words for the blind."""
    text = path.read_text("utf8")
    figures = re.findall(r"(?m)^:{3,}\{figure\} (figures/\S+)\n:alt: \S.{40,}$", text)
    assert len(figures) == len(re.findall(r"(?m)^:{3,}\{figure\}", text)) >= 2
    for name in figures:
        assert name.startswith(f"figures/{path.stem}-") and name.endswith(".svg")
        assert "<title" in (path.parent / name).read_text("utf8")
    for framework in FRAMEWORKS:
        assert any(cell.alt for cell in read_chapter(path).edition(framework)), framework


def compares_in_one_short_table(path: Path) -> None:
    """One table, at most seven rows, of what bites when one moves to the other framework."""
    text = path.read_text("utf8")
    tables = re.findall(r"(?m)^\|[ :|-]+\|$", text)
    rows = re.findall(r"(?m)^\|.*\|$", text.split("\n## In the other framework\n")[1])
    assert len(tables) == 1
    assert 1 <= len(rows) - 2 <= 7


def says_how_long_it_takes(path: Path) -> None:
    """The time that it states is the estimate for its longest edition, an hour at most."""
    minutes = max(size(path, framework).minutes for framework in FRAMEWORKS)
    assert minutes <= 60
    assert f"**Time:** about {minutes} minutes" in path.read_text("utf8")


CHECKS = (
    keeps_to_its_length,
    keeps_its_asides_short,
    asks_three_to_six_times,
    has_the_keys_of_its_predictions,
    has_pictures,
    compares_in_one_short_table,
    says_how_long_it_takes,
)


@each_chapter
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_chapter(path: Path, check: Callable[[Path], None]) -> None:
    check(path)


MORE = "One more word. " * 400
CELL = "\n```{code-cell} ipython3\nprint(1)\n```\n"
ASKED = r"(?ms)^:::\{predict\}.*?^:::$"
ASIDE = r"(?ms)^\+\+\+ \{\"deeper\": \"(?!end).*?\"end\"\}$"
# What becomes of a chapter that lacks it: pattern, replacement, how often (0: everywhere).
BROKEN = [
    (keeps_to_its_length, r"(?m)^## Summary$", f"{MORE}\n\n## Summary", 1),
    (keeps_to_its_length, r"(?m)^[A-Z][^\n]*$", "Gone.", 0),
    (keeps_to_its_length, r"(?m)^## Summary$", f"Three more.\n{CELL * 3}\n## Summary", 1),
    (keeps_its_asides_short, r'(?m)^(\+\+\+ \{"deeper": "end"\})$', rf"{MORE}\n\n\1", 1),
    (asks_three_to_six_times, ASKED, "", 0),
    (asks_three_to_six_times, r"(?m)^## Summary$", ":::{predict}\n:::\n\n## Summary", 1),
    (has_the_keys_of_its_predictions, r"(?m)^answer = .*$", "", 1),
    (has_pictures, r"(?m)^:alt: .*\n(?=:|\n*[a-z#])", "", 0),
    (has_pictures, r"(?ms)^:{3,}\{figure\}.*?^:{3,}$", "", 0),
    (has_pictures, r"\{figure\} figures/[\w-]+\.svg", "{figure} figures/autograd-graph.svg", 1),
    (compares_in_one_short_table, r"(?m)^(\|[ :|-]+\|)$", r"\1\n" + "| a | b | c | d |\n" * 7, 1),
    (compares_in_one_short_table, r"(?m)^## Summary$", "| a |\n|---|\n| b |\n\n## Summary", 1),
    (says_how_long_it_takes, r"\*\*Time:\*\* about \d+", "**Time:** about 10", 1),
]


@pytest.mark.chapters("blocks")
@pytest.mark.parametrize(("check", "pattern", "new", "count"), BROKEN)
def test_a_lapse_is_found(
    tmp_path: Path, check: Callable[[Path], None], pattern: str, new: str, count: int
) -> None:
    whole = PROJECT.root / "book" / "blocks.md"
    shutil.copytree(whole.parent / "figures", tmp_path / "figures")
    broken = tmp_path / whole.name
    text, found = re.subn(pattern, new, whole.read_text("utf8"), count=count)
    assert found
    broken.write_text(text, "utf8")
    with pytest.raises((AssertionError, EditionsError)):
        check(broken)


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, *_ in BROKEN} == set(CHECKS)


def test_only_prose_counts() -> None:
    assert words("Three words, don't\n") == 3
    assert words("One\n:::{figure} figures/a.svg\n:alt: x\n\nCaption\n:::\n| a | b |\n") == 1
    assert words("::::{quiz} Why?\n- [x] So.\n\n  Yes.\n::::\n") == 0
    assert words(":::{admonition} You can\n:class: outcomes\n- read;\n:::\n(here)=\n## Head\n") == 0
    assert words(":::{predict} number\n:tolerance: 0.1\nHow many?\n:::\n") == 2


SMALL = """---
kernelspec: {name: python3, display_name: Python 3}
---
One two three.

:::{predict} number
Four five?
:::

```{code-cell}
:tags: [pytorch, predict]
1
```

```{code-cell}
:tags: [claim]
assert 1
```

+++ {"tags": ["tensorflow"]}

Six.

+++ {"deeper": "More"}

Seven eight.

```{code-cell}
2
```

+++ {"deeper": "end"}

Nine.
"""


def test_a_chapter_is_measured_in_each_edition(tmp_path: Path) -> None:
    small = tmp_path / "small.md"
    small.write_text(SMALL)
    torch, tensorflow = (size(small, framework) for framework in ("pytorch", "tensorflow"))
    assert (torch.words, torch.cells, torch.predictions) == (6, 1, 1)
    assert (tensorflow.words, tensorflow.cells, tensorflow.predictions) == (7, 0, 1)
    assert (torch.aside_words, torch.aside_cells) == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace('+++ {"deeper": "end"}\n', ""),
        SMALL.replace('{"deeper": "More"}', '{"deeper": "end"}'),
        SMALL.replace('{"deeper": "end"}', '{"deeper": "Again"}'),
    ],
)
def test_an_aside_out_of_order_is_an_error(tmp_path: Path, text: str) -> None:
    small = tmp_path / "small.md"
    small.write_text(text)
    with pytest.raises(ValueError, match="aside"):
        size(small, "pytorch")


@pytest.mark.parametrize(
    ("found", "minutes"),
    [
        ((0, 0, 0), 0),
        ((1, 0, 0), 5),
        ((1200, 0, 0), 10),
        ((1200, 10, 0), 25),
        ((1200, 10, 10), 40),
        ((1201, 10, 10), 45),
        ((1900, 22, 6), 60),  # the longest that a chapter may be
    ],
)
def test_minutes_of_a_chapter(found: tuple[int, int, int], minutes: int) -> None:
    assert Size(*found, aside_words=1000, aside_cells=10).minutes == minutes
