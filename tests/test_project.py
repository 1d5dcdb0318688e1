"""What every file of the project has to keep to, and what the versions say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PINS = (ROOT / "requirements.txt").read_text("utf8").splitlines()
FLOORS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]

MADE = {".git", ".venv", "_build", "build", "dist"}
BINARY = {".woff2", ".png", ".pyc", ".ico"}
FORBIDDEN = (
    r"file:///(?:tmp|home|root|work)",
    r"(?<![\w.])/(?:work|root)/",
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org",
)


def unpinned(lines: list[str]) -> list[str]:
    """Lines that are not a name and one public version: the same on every machine."""
    return [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][\w.]*", line)]


def test_the_pins_hold_on_any_machine() -> None:
    assert unpinned(PINS) == []
    assert unpinned(["a @ file:///home/me/a.whl", "torch==2.13.0+cpu", "b>=1"]) != []
    assert len(unpinned(["a @ file:///home/me/a.whl", "torch==2.13.0+cpu", "b>=1"])) == 3


@pytest.mark.parametrize("extra", ["", *FLOORS["optional-dependencies"]])
def test_every_requirement_has_a_floor_that_its_pin_meets(extra: str) -> None:
    pins = {line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in PINS}
    listed = FLOORS["optional-dependencies"][extra] if extra else FLOORS["dependencies"]
    for requirement in map(Requirement, listed):
        operators = {one.operator for one in requirement.specifier}
        assert ">=" in operators and "==" not in operators, requirement
        assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement


def our_files() -> Iterator[Path]:
    """Every text file that is ours, and not made by a tool."""
    for top in sorted(ROOT.iterdir()):
        if top.name not in MADE:
            yield from (path for path in [top, *top.rglob("*")] if _is_ours(path))


def _is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    made = any("cache" in part or part.endswith(".egg-info") for part in parts)
    return path.is_file() and not made and path.suffix not in BINARY


def test_no_file_names_a_machine_or_a_registry() -> None:
    forbidden = re.compile("|".join(FORBIDDEN))
    found = {
        str(path.relative_to(ROOT)): match[0]
        for path in our_files()
        if path != Path(__file__)
        and (match := forbidden.search(path.read_text("utf8", errors="replace")))
    }
    assert found == {}
    assert forbidden.search("a @ file:///home/me/a.whl")
