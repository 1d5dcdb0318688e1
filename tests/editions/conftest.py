"""Fixtures: the small book, as it is written and as it is executed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from forked_build import forked_builds
from small_book import Book, make_book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book of one chapter and one other page; nothing has been run."""
    return make_book(tmp_path / "project")


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same book, its notebooks executed; copy it before changing it."""
    from editions.notebooks.edition import editions
    from editions.notebooks.execution import run_all

    made = make_book(tmp_path_factory.mktemp("executed") / "project")
    assert run_all(editions(made.project), jobs=2, progress=False) == []
    return made.root


@pytest.fixture
def run_book(executed: Path, tmp_path: Path) -> Book:
    """A copy of the executed book, to be changed."""
    shutil.copytree(executed, tmp_path / "project")
    return Book(tmp_path / "project")


@pytest.fixture
def quick_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that build do so in a fork of a process that has everything imported."""
    monkeypatch.setattr("editions.site.build.run_child", forked_builds().run)
