"""An adopter's fork passes its own tests: other settings, fewer chapters, one framework."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from copies import copy_of_the_project, leave_out_chapters
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from left_out import CHAPTERS, CHOSEN, config_with

ADDRESS = "https://github.com/Some-One/course"
TAG = "v1.0"
# Left out of `_toc.yml`: what other tests try things out on, a part of the book, a single chapter.
LEFT_OUT = ("autograd", "blocks", "gpus", "performance", "multi-gpu", "graphs")
DROPPED = tuple(name for name in LEFT_OUT if name in CHAPTERS)[: len(CHAPTERS) - 1]  # not all

# Makes packages of a framework seem not installed, in every process that Python starts.
ABSENT = """
import importlib.metadata
import sysconfig
from importlib.machinery import PathFinder

NAMES = {names!r}
find_spec = PathFinder.find_spec
discover = importlib.metadata.Distribution.discover


def find_other(cls, name, path=None, target=None):
    return None if name in NAMES else find_spec(name, path, target)


def discover_others(cls, **named):
    for found in discover(**named):
        name = found.metadata["Name"].lower()
        if name not in NAMES or str(found._path.parent) != sysconfig.get_path("purelib"):
            yield found


PathFinder.find_spec = classmethod(find_other)
importlib.metadata.Distribution.discover = classmethod(discover_others)
"""


@dataclass(frozen=True)
class Settings:
    """What a fork sets."""

    address: str = ""
    frameworks: tuple[str, ...] = ()  # none: those of this book
    dropped: tuple[str, ...] = ()
    tag: str = ""


class Fork:
    """A copy of this checkout with other settings, in which their author types commands."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = copy_of_the_project(root)
        self.frameworks = settings.frameworks or tuple(CHOSEN)
        config = {"url": settings.address, "branch": settings.tag}
        if settings.frameworks:
            config["editions_frameworks"] = f"[{', '.join(settings.frameworks)}]"
        chosen = {name: value for name, value in config.items() if value}
        (root / "_config.yml").write_text(config_with(**chosen), "utf8")
        leave_out_chapters(root, settings.dropped)
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        """The tools of the fork, and no framework that it does not have."""
        gone = [FRAMEWORKS[key] for key in FRAMEWORKS if key not in self.frameworks]
        names = {name for one in gone for name in (*one.roots, *one.products)}
        blocker = self.root.parent / "absent"
        blocker.mkdir()
        (blocker / "sitecustomize.py").write_text(ABSENT.format(names=names), "utf8")
        tools = (self.root / folder for folder in ("book/_ext", "exercises", ""))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        return inherited | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(map(str, (blocker, *tools))),
        }

    def run(self, module: str, *arguments: str, status: int = 0) -> str:
        """Run a module's command line, which must end with `status`; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{module} {arguments}\n{done.stdout[-6000:]}"
        return done.stdout

    def test(self, *options: str) -> str:
        """Run the fork's own tests, but for these."""
        return self.run("pytest", "tests", "--ignore=tests/test_forks.py", "-p", "no:cacheprovider",
                        "-n0", *options)  # fmt: skip

    def page(self, name: str) -> str:
        """The HTML of a page of the site."""
        return (self.root / "_build" / "html" / "book" / f"{name}.html").read_text("utf8")


def kept(settings: Settings) -> list[str]:
    return [name for name in CHAPTERS if name not in settings.dropped]


def refresh(fork: Fork, settings: Settings) -> None:
    """What the page for teachers says to type; nothing is run again."""
    said = fork.run("editions", "notebooks")
    notebooks = len(kept(settings)) * len(fork.frameworks)
    assert re.search(rf"(?m)^{notebooks} notebooks: 0 run, ", said), said
    fork.run("editions", "exercises")
    fork.run("editions", "check")


EVERYTHING = Settings(ADDRESS, tuple(CHOSEN[:1]), DROPPED, TAG)
# The same, with two chapters.
FEW = replace(EVERYTHING, dropped=(*DROPPED, *kept(EVERYTHING)[2:]))
ALONE = {
    "another address": Settings(address=ADDRESS),
    "chapters left out": Settings(dropped=DROPPED),
    "a tag": Settings(tag=TAG),
    **{f"{key} alone": Settings(frameworks=(key,)) for key in CHOSEN if len(CHOSEN) > 1},
}


@pytest.mark.slow
def test_a_fork_with_all_settings_changed(tmp_path: Path) -> None:
    fork = Fork(tmp_path / "fork", FEW)
    assert "notebook does not hold" in fork.run("editions", "check", status=1)
    refresh(fork, FEW)
    (framework,) = (FRAMEWORKS[key] for key in fork.frameworks)
    said = fork.run("editions", "frameworks", "--extras")
    assert said == ",".join(framework.extras) + "\n"  # what `make test` installs

    with zipfile.ZipFile(fork.root / f"_build/exercises/exercises-{framework.key}.zip") as archive:
        handed_out = {Path(name).stem for name in archive.namelist()}
        texts = [archive.read(name).decode() for name in archive.namelist()]
    assert handed_out and handed_out <= set(kept(FEW))
    assert all(f".github.io/course/wheels/{TAG}/d2lcompute-" in text for text in texts)

    # Every module of the tests is read; those run that judge the book and its settings.
    said = fork.test("-m", "not slow and not full", "-k", f"({QUICK})")
    named = re.search(r"(?m)because the book leaves it out: (.*)$", said)
    gone = {*FRAMEWORKS, *CHAPTERS} - {*fork.frameworks, *kept(FEW)}
    assert named and gone <= set(named[1].split(", "))

    fork.run("editions", "book")
    for name in (*kept(FEW), "index", "setup", "teaching"):
        page = fork.page(name)
        assert Project(fork.root).repository in page
        assert "github.com/d2lcompute/" not in page and "/blob/main/" not in page
    for name in ("index", "setup"):
        for key in (key for key in FRAMEWORKS if key not in fork.frameworks):
            assert FRAMEWORKS[key].title not in fork.page(name)
    pages = {path.stem for path in (fork.root / "_build" / "html" / "book").glob("*.html")}
    assert pages.isdisjoint(FEW.dropped)


QUICK = " or ".join(
    f"test_{name}.py"
    for name in ("chapters", "coverage", "teaching", "workflows", "settings", "exercises_files")
)


@pytest.mark.full
def test_all_tests_pass_in_a_fork_with_all_settings_changed(tmp_path: Path) -> None:
    fork = Fork(tmp_path / "fork", EVERYTHING)
    refresh(fork, EVERYTHING)
    fork.run("editions", "book")
    fork.test("-m", "not full")


@pytest.mark.full
@pytest.mark.parametrize("settings", ALONE.values(), ids=ALONE)
def test_a_fork_with_one_setting_changed(settings: Settings, tmp_path: Path) -> None:
    fork = Fork(tmp_path / "fork", settings)
    refresh(fork, settings)
    fork.run("editions", "book")
    fork.test("-m", "not slow and not full")
