"""From where the helper package is installed, and the wheels that the site serves."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.notebooks.notebook import build
from editions.site.wheels import pinned_tags, write_wheels
from editions.source.chapter import read_chapter
from small_book import Book

from d2lcompute import __version__

ABOUT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "d2lcompute"
dynamic = ["version"]

[tool.setuptools]
packages = ["d2lcompute"]

[tool.setuptools.dynamic]
version = { attr = "d2lcompute.__version__" }
"""
SETTINGS = """
repository:
  url: https://github.com/you/course
  branch: main
"""


@pytest.fixture
def course(tmp_path: Path) -> Project:
    """A repository with a package of one module."""
    root = tmp_path / "course"
    (root / "d2lcompute").mkdir(parents=True)
    (root / "pyproject.toml").write_text(ABOUT, "utf8")
    (root / "_config.yml").write_text(SETTINGS, "utf8")
    write(root, "first")
    git(root, "init", "-q", "-b", "main")
    return Project(root)


def write(root: Path, state: str, version: str = "1.0") -> None:
    """Let the package say in which state it is."""
    text = f'__version__ = "{version}"\nSTATE = "{state}"\n'
    (root / "d2lcompute" / "__init__.py").write_text(text, "utf8")


def git(root: Path, *arguments: str) -> None:
    name = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", root, *name, *arguments], check=True)


def commit(root: Path, branch: str, tag: str = "") -> Project:
    """Commit everything with another `branch` in the settings, and tag it."""
    (root / "_config.yml").write_text(SETTINGS.replace("main", branch), "utf8")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "A state")
    if tag:
        git(root, "tag", tag)
    return Project(root)


def served(project: Project, folder: Path) -> dict[str, str]:
    """The state of the package in each wheel, by the wheel's address."""
    write_wheels(project, folder)
    found = {}
    for path in sorted(folder.rglob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            state = wheel.read("d2lcompute/__init__.py").decode().split('"')[3]
        found[path.relative_to(folder).as_posix()] = state
    return found


WHEEL = "d2lcompute-1.0-py3-none-any.whl"


def test_the_wheel_of_a_pinned_tag_stays_as_it_was(course: Project, tmp_path: Path) -> None:
    root = course.root
    commit(root, "main", tag="v1")  # does not name itself: nobody is pinned to it
    course = commit(root, "spring", tag="spring")
    write(root, "mended on main")
    assert pinned_tags(root) == ["spring"]
    # The settings name the tag, and the checkout is ahead of it.
    assert served(course, tmp_path / "a") == {f"spring/{WHEEL}": "first"}
    write(root, "second", "1.1")
    course = commit(root, "main")
    expected = {
        "main/d2lcompute-1.1-py3-none-any.whl": "second",
        f"spring/{WHEEL}": "first",
    }
    assert served(course, tmp_path / "b") == expected
    before, after = (tmp_path / name / "spring" / WHEEL for name in "ab")
    assert before.read_bytes() == after.read_bytes()
    requirement = course.requirement(["torch"], "spring")
    assert requirement.startswith("d2lcompute[torch] @ https://you.github.io/course/wheels/spring/")
    address = course.requirement().partition(" @ ")[2]
    assert address.removeprefix("https://you.github.io/course/wheels/") in expected


def test_equal_files_give_equal_wheels(course: Project, tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        write_wheels(course, tmp_path / name)
        (wheel,) = (tmp_path / name).rglob("*.whl")
        made.append(wheel.read_bytes())
        for kept in (course.root / "_build").rglob("*.whl"):
            kept.unlink()  # so that it is built again
    assert made[0] == made[1]
    assert sorted(path.name for path in course.root.iterdir() if path.name[0] not in "._") == [
        "d2lcompute",
        "pyproject.toml",
    ]  # nothing is left beside the package


def test_a_package_that_cannot_be_built_is_said(course: Project, tmp_path: Path) -> None:
    (course.root / "pyproject.toml").write_text(ABOUT.replace('["d2lcompute"]', '["x"]'), "utf8")
    with pytest.raises(EditionsError, match="was not built from this checkout"):
        write_wheels(course, tmp_path / "a")
    (course.root / "pyproject.toml").unlink()
    with pytest.raises(EditionsError, match=r"set editions_install_from in _config\.yml to git"):
        write_wheels(course, tmp_path / "a")


def installed_from(book: Book, source: str) -> str:
    """The line of a set-up cell that installs the package."""
    book.edit("editions_install_from: git", f"editions_install_from: {source}", "_config.yml")
    project = book.project
    chapter = read_chapter(book.source, "book/small.md")
    notebook = build(chapter, project.frameworks[0], project)
    (setup,) = [cell for cell in notebook.cells if cell.id == "setup"]
    return setup.source.splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("source", "requirement"),
    [
        ("git", "d2lcompute @ git+https://github.com/d2lcompute/d2lcompute@main"),
        ("pypi", "d2lcompute=={version}"),
        (
            "site",
            "d2lcompute @ https://d2lcompute.github.io/d2lcompute/wheels/main/"
            "d2lcompute-{version}-py3-none-any.whl",
        ),
    ],
)
def test_one_setting_says_what_set_up_cells_install(
    book: Book, source: str, requirement: str
) -> None:
    requirement = requirement.format(version=__version__)
    assert installed_from(book, source) == f'%pip install --quiet "{requirement}"'


def test_another_source_is_refused(book: Book) -> None:
    book.edit("editions_install_from: git", "editions_install_from: conda", "_config.yml")
    with pytest.raises(EditionsError, match="'conda'; allowed are site, pypi, git"):
        book.project.check()


def test_a_package_without_a_version_is_refused(book: Book) -> None:
    (book.root / "d2lcompute" / "__init__.py").write_text("", "utf8")
    with pytest.raises(EditionsError, match=r"d2lcompute/__init__\.py: a line such as"):
        installed_from(book, "site")
