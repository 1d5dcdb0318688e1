"""A fork leaves out a framework or chapters: the tests of these are deselected, and counted.

A test needs what its marks name, `@pytest.mark.frameworks("pytorch", "tensorflow")` and
`@pytest.mark.chapters("blocks")`; the framework that its argument `framework` or `d2l` names; and
the frameworks whose modules, from `imported`, its other arguments were made with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from editions.base.contents import is_chapter
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project

PROJECT = Project(Path(__file__).parents[1])
CHOSEN = [framework.key for framework in PROJECT.frameworks]
CHAPTERS = [page.stem for page in PROJECT.chapters]
EXAMPLE = "blocks" if "blocks" in CHAPTERS else CHAPTERS[0]  # a chapter to try things out on
HELPERS = [framework.helpers for framework in PROJECT.frameworks if framework.helpers]
ARGUMENTS = ("framework", "d2l")  # that hold the key, or the helper module, of a framework


class Absent:
    """Takes the place of a module of a framework that the book does not have, and of its objects.

    Cases of tests can be written down with it; they are deselected.
    """

    def __init__(self, framework: str) -> None:
        self.framework = framework

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: object, **named: object) -> Absent:
        return self


def imported(module: str) -> Any:
    """A framework's module or the helper package's for it; absent if the book leaves it out."""
    framework = framework_of(module)
    return Absent(framework) if framework not in (None, *CHOSEN) else import_module(module)


def framework_of(module: str) -> str | None:
    """The key of the framework without which a module cannot be imported."""
    for key, framework in FRAMEWORKS.items():
        if module.partition(".")[0] in framework.roots:
            return key
        if framework.helpers and module == f"d2lcompute.{framework.helpers}":
            return key
    return None


def needs(item: pytest.Item) -> Iterator[str]:
    """The frameworks and chapters that a test needs."""
    for mark in (*item.iter_markers("frameworks"), *item.iter_markers("chapters")):
        yield from mark.args
    keys = {one.helpers: key for key, one in FRAMEWORKS.items()} | {key: key for key in FRAMEWORKS}
    for name, value in (getattr(item, "callspec", None) and item.callspec.params.items()) or ():
        if name in ARGUMENTS and value in keys:
            yield keys[value]
        yield from _absent(value)


def _absent(value: object) -> Iterator[str]:
    if isinstance(value, Absent):
        yield value.framework
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _absent(part)
    elif isinstance(value, dict):
        yield from _absent([*value, *value.values()])


def unforked_config() -> str:
    """`_config.yml` with the address, branch and frameworks of the whole book, whatever a fork set.

    Small books that tests make begin with it.
    """
    text = config_with(
        title="Deep Learning Computation",
        url="https://github.com/d2lcompute/d2lcompute",
        branch="main",
        editions_install_from="git",  # a small book has no package to make a wheel of
        editions_frameworks=f"[{', '.join(FRAMEWORKS)}] # one name drops the other",
    )
    return re.sub(r"(?m)^  baseurl: .*\n", "", text)


def config_with(**settings: str) -> str:
    """The text of `_config.yml` with the values of some settings changed."""
    text = (PROJECT.root / "_config.yml").read_text("utf8")
    for name, value in settings.items():
        text, found = re.subn(rf"(?m)^( *){name}: .*$", rf"\g<1>{name}: {value}", text)
        assert found == 1, f"_config.yml has {found} lines that set {name}; one is needed"
    return text


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", "frameworks(*keys): the book must have these frameworks")
    config.addinivalue_line("markers", "chapters(*names): the book must have these chapters")


def pytest_report_header() -> list[str]:
    """Say whose tests are deselected."""
    gone = [key for key in FRAMEWORKS if key not in CHOSEN]
    gone += [name for name in _written() if name not in CHAPTERS]
    return [f"tests deselected, because the book leaves it out: {', '.join(gone)}"] if gone else []


@cache
def _written() -> list[str]:
    """The names of all pages of the book's folder that are chapters, listed or not."""
    pages = sorted((PROJECT.root / "book").glob("*.md"))
    return [page.stem for page in pages if is_chapter(page.read_text("utf8"))]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that need what the book does not have.

    Raises:
        pytest.UsageError: a test needs a framework or chapter that no book can have.
    """
    known, here = {*FRAMEWORKS, *_written()}, {*CHOSEN, *CHAPTERS}
    kept, gone = [], []
    for item in items:
        needed = set(needs(item))
        if unknown := needed - known:
            raise pytest.UsageError(f"{item.nodeid} needs {sorted(unknown)}: no book has it")
        (kept if needed <= here else gone).append(item)
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = kept
