"""The package as it is published: what is in it, and that an index would take it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from distribution_tools import ROOT, run, with_metadata

import d2lcompute


def twine_check(*paths: Path) -> subprocess.CompletedProcess:
    return run(sys.executable, "-m", "twine", "check", "--strict", *paths, check=False)


def test_there_are_an_sdist_and_a_wheel_for_any_machine(distributions: list[Path]) -> None:
    version = d2lcompute.__version__
    assert [path.name for path in distributions] == [
        f"d2lcompute-{version}-py3-none-any.whl",
        f"d2lcompute-{version}.tar.gz",
    ]


def test_twine_takes_both(distributions: list[Path]) -> None:
    done = twine_check(*distributions)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_twine_refuses_a_wheel_without_a_description(wheel: Path, tmp_path: Path) -> None:
    broken = with_metadata(wheel, tmp_path, r"(?s)\n\n.*", "\n\n")
    assert twine_check(broken).returncode != 0


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("d2lcompute/**/*.py")}
    assert names == modules | {"d2lcompute/py.typed"}
    assert len(about) == 1


def test_the_sdist_holds_what_the_wheel_was_built_from(distributions: list[Path]) -> None:
    (sdist,) = (path for path in distributions if path.name.endswith(".tar.gz"))
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "d2lcompute/py.typed"} <= names
    assert not any(name.startswith(("book", "exercises", ".venv")) for name in names)
