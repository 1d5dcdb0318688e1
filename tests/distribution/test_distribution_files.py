"""The package as it is published: what is in it, and that an index would take it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from d2lexercises import chapters, questions
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


def test_the_wheel_holds_two_packages_and_the_questions(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("d2lcompute/**/*.py")}
    exercises = ROOT / "exercises"
    for found in ("d2lexercises/*.py", "chapters/*/question.py"):
        paths = [path.relative_to(exercises).as_posix() for path in exercises.glob(found)]
        modules |= {f"d2lexercises/{one.removeprefix('d2lexercises/')}" for one in paths}
    assert "d2lexercises/chapters/control-flow/question.py" in modules
    solutions = {f"d2lexercises/chapters/{name}/solutions.txt" for name in chapters()}
    assert names == modules | solutions | {"d2lcompute/py.typed", "d2lexercises/py.typed"}
    assert len(about) == 1


def test_questions_are_found_in_an_unpacked_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from d2lexercises import chapters, library, questions
print(library.CHAPTERS)
print(*[f"{{one.name}}={{one.version}}" for name in chapters() for one in questions(name).values()])
"""
    folder, found = run(sys.executable, "-c", code, PWD=str(tmp_path)).stdout.splitlines()
    assert Path(folder) == tmp_path.resolve() / "d2lexercises" / "chapters"
    ours = [one for name in chapters() for one in questions(name).values()]
    assert found.split() == [f"{one.name}={one.version}" for one in ours]


def test_the_sdist_holds_what_the_wheel_was_built_from(distributions: list[Path]) -> None:
    (sdist,) = (path for path in distributions if path.name.endswith(".tar.gz"))
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "d2lcompute/py.typed"} <= names
    assert "exercises/chapters/blocks/question.py" in names
    kept = ("exercises/d2lexercises/", "exercises/chapters/")
    exercises = {one for one in names if one.startswith("exercises/") and one.endswith(".py")}
    assert all(one.startswith(kept) for one in exercises)
    assert {Path(one).name for one in exercises if "/chapters/" in one} == {"question.py"}
    assert not any(name.startswith(("book", ".venv")) or name.endswith(".ipynb") for name in names)
