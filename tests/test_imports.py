"""The contracts of imports in pyproject.toml can be broken: each is, in a copy of the packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["tool"][
        "importlinter"
    ]["contracts"]
]
PACKAGES = {
    "d2lcompute": ".",
    "d2lexercises": "exercises",
    "editions": "book/_ext",
    "grader": "exercises",
}

# For each contract, imports that break it and no other contract: a module, and the line.
FORBIDDEN = {
    "The wings of editions import only wings below them": [
        ("editions/base/files.py", "import editions.source.chapter"),
        ("editions/exercises/handouts.py", "from editions.site import pdf"),
        ("editions/notebooks/notebook.py", "def late():\n    from editions import command_line"),
    ],
    "The wings of the grader import only wings below them": [
        ("grader/gradebook/export.py", "import grader.class_grading"),
        ("grader/judging/marking.py", "from grader.gradebook import records"),
        ("grader/sandbox/stage.py", "from grader.judging.secret import load_secret"),
        ("grader/intake/roster.py", "from grader.sandbox.limits import Limits"),
        ("grader/units.py", "import grader.intake.notebooks"),
    ],
    "The modules of the grader's sandbox import only modules below them": [
        ("grader/sandbox/limits.py", "import grader.sandbox.cgroups"),
        ("grader/sandbox/machine.py", "import grader.sandbox.stage"),
        ("grader/sandbox/inside/cells.py", "from grader.sandbox.limits import Limits"),
    ],
    "The code inside the sandbox imports only what is copied there": [
        ("grader/sandbox/inside/worker.py", "from grader import units"),
        ("grader/sandbox/inside/cells.py", "def late():\n    import d2lexercises.saved"),
    ],
    "The modules of the exercises import only modules below them": [
        ("d2lexercises/kinds.py", "from d2lexercises.comparer import compare"),
        ("d2lexercises/running.py", "import d2lexercises.vocabulary"),
        ("d2lexercises/feedback.py", "def late():\n    from d2lexercises import saved"),
    ],
    "The book's tools and the grader do not import each other": [
        ("grader/intake/notebooks.py", "import editions.base.files"),
        ("editions/base/project.py", "from grader.units import MIB"),
    ],
    "What students import knows neither the book's tools nor the grader": [
        ("d2lcompute/timing.py", "import editions.base.errors"),
        ("d2lcompute/timing.py", "import grader.units"),
        ("d2lexercises/saved.py", "import grader.units"),
    ],
}


def broken(folder: Path) -> list[str]:
    """The contracts that lint-imports finds broken for the packages in `folder`."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    names = re.findall(r"(?m)^(.+?) BROKEN", done.stdout)
    assert re.search(rf"{len(CONTRACTS) - len(names)} kept, {len(names)} broken", done.stdout)
    assert (done.returncode != 0) == bool(names)
    return names


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A copy of the packages and of their contracts."""
    for package, folder in PACKAGES.items():
        shutil.copytree(
            ROOT / folder / package, tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )  # fmt: skip
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_the_packages_keep_every_contract(packages: Path) -> None:
    assert broken(packages) == []


@pytest.mark.parametrize(
    ("contract", "module", "line"),
    [(contract, *case) for contract, cases in FORBIDDEN.items() for case in cases],
)
def test_a_forbidden_import_is_found(packages: Path, contract: str, module: str, line: str) -> None:
    file = packages / module
    file.write_text(f"{file.read_text('utf8')}\n{line}\n", "utf8")
    assert broken(packages) == [contract]


def test_a_new_module_needs_its_layer(packages: Path) -> None:
    for module in ("editions/new.py", "grader/new.py", "grader/sandbox/new.py"):
        (packages / module).write_text("", "utf8")
    assert set(broken(packages)) == {
        "The wings of editions import only wings below them",
        "The wings of the grader import only wings below them",
        "The modules of the grader's sandbox import only modules below them",
    }


def test_every_contract_has_been_seen_to_fail() -> None:
    assert list(FORBIDDEN) == CONTRACTS
