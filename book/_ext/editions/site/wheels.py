"""The wheels of the helper package that the site serves, for set-up cells.

There is one for the branch of the settings, built from the checkout. A tag is *pinned* if its own
`_config.yml` names it as its branch, as the page for teachers says. The wheel of a pinned tag is
built from the tag, whatever the checkout holds, so that it stays the same each time that the site
is published.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from editions.base.errors import EditionsError
from editions.base.files import digest, digest_of_files
from editions.base.helper_package import (
    FOLDER,
    PACKAGE,
    SETTING,
    install_source,
    package_version,
    wheel_name,
)
from editions.base.processes import run_child
from editions.base.project import Project
from editions.base.settings import NAME, Settings
from editions.site.sphinx_project import current_project

FILES = ("pyproject.toml", "README.md", "LICENSE", PACKAGE, "exercises")  # what a wheel is made of
NOT_USED = shutil.ignore_patterns("__pycache__", "notebooks", "grader", "build", "*.egg-info")
# Equal files give equal wheels: the date of everything in them.
DATE = {"SOURCE_DATE_EPOCH": "315532800"}  # 1980, the first year that a zip archive can hold


def register(app: Sphinx) -> None:
    """Write the wheels at the end of a build."""
    app.connect("build-finished", _write_wheels)


def _write_wheels(app: Sphinx, exception: Exception | None) -> None:
    """Replace the folder as a whole: it holds no wheel of an earlier build."""
    if exception is not None or app.builder.name != "html":
        return
    project, folder = current_project(app), Path(app.outdir) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    try:
        if install_source(project.settings) == "site":
            write_wheels(project, folder)
    except EditionsError as error:
        raise ExtensionError(str(error)) from error


def write_wheels(project: Project, folder: Path) -> None:
    """Write the wheel of each pinned tag, and of the branch of the settings, into `folder`.

    Raises:
        EditionsError: a wheel cannot be built.
    """
    tags = pinned_tags(project.root)
    for tag in tags:
        with _tagged(project.root, tag) as source:
            _copy(_built(project, source, f"the tag {tag}"), folder / tag)
    if project.branch not in tags:
        with _checkout(project.root) as source:
            _copy(_built(project, source, "this checkout"), folder / project.branch)


def _copy(wheel: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(wheel, folder / wheel.name)


def pinned_tags(root: Path) -> list[str]:
    """The tags whose own settings name them as their branch."""
    return [tag for tag in _git(root, "tag", "--list").decode().split() if _is_pinned(root, tag)]


def _is_pinned(root: Path, tag: str) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / NAME).write_bytes(_git(root, "show", f"{tag}:./{NAME}"))
        try:
            return Settings(Path(scratch)).branch == tag
        except EditionsError:  # no settings of a book
            return False


def _git(root: Path, *arguments: str) -> bytes:
    """What git prints; nothing outside a repository, or where there is no git."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout if done.returncode == 0 else b""


@contextmanager
def _checkout(root: Path) -> Iterator[Path]:
    """A copy of the package's files: a build writes beside them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in FILES:
            path = root / name
            if path.is_dir():
                shutil.copytree(path, folder / name, ignore=NOT_USED)
            elif path.is_file():
                shutil.copyfile(path, folder / name)
            elif name == "pyproject.toml":
                raise EditionsError(
                    f"{name}: there is no such file, and the site is to serve the helper package; "
                    f"set {SETTING} in {NAME} to git or pypi"
                )
        yield folder


@contextmanager
def _tagged(root: Path, tag: str) -> Iterator[Path]:
    """The package's files as they are at a tag."""
    with tempfile.TemporaryDirectory() as scratch:
        kept = [name for name in FILES if _git(root, "ls-tree", tag, f"./{name}")]
        archive = _git(root, "archive", "--format=tar", tag, "--", *kept)
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(scratch, filter="data")
        for unused in ("notebooks", "grader"):
            shutil.rmtree(Path(scratch, "exercises", unused), ignore_errors=True)
        yield Path(scratch)


def _built(project: Project, source: Path, shown: str) -> Path:
    """The wheel of the files in `source`: the one of an earlier build if the files are the same."""
    files = [path for path in source.rglob("*") if path.is_file()]
    key = digest(f"{digest_of_files(source, files)} {sys.version_info[:2]}".encode())[:16]
    wheel = project.root / "_build" / FOLDER / key / wheel_name(package_version(source))
    if not wheel.is_file():
        done = run_child(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
            + ["--no-build-isolation", "--disable-pip-version-check"]
            + ["--wheel-dir", str(wheel.parent), str(source)],
            env={**os.environ, **DATE},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode or not wheel.is_file():
            raise EditionsError(
                f"the wheel of the helper package was not built from {shown}:\n{done.stdout}"
            )
    return wheel
