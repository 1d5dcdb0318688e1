"""Write the constraints under which `make test-versions` installs.

    python tests/versions.py newest _build/newest.txt
    python tests/versions.py floors _build/floors.txt

Both leave free what the frameworks and NumPy bring along, and keep the tools pinned. `newest` asks
for nothing further: pip takes the newest. `floors` asks for the oldest that pyproject.toml allows,
and leaves free the tools whose pinned version needs newer ones.
Run it in the environment of the pinned versions: there it reads what depends on what.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
MOVING = ("torch", "tensorflow", "keras", "numpy", "matplotlib")


def requirements_of(name: str) -> list[str]:
    """What an installed package needs."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def brought_along(
    names: Iterable[str], requires: Callable[[str], list[str]] = requirements_of
) -> set[str]:
    """These packages and all that they need, without extras."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = _canonical(todo.pop())
        if name in found:
            continue
        found.add(name)
        for requirement in map(Requirement, requires(name)):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def floors(project: dict) -> list[str]:
    """The oldest versions of what moves that a project's table allows, as constraints."""
    extras = project["optional-dependencies"]
    found = []
    for text in [*project["dependencies"], *extras["torch"], *extras["tensorflow"]]:
        requirement = Requirement(text)
        (floor,) = [one.version for one in requirement.specifier if one.operator == ">="]
        found.append(f"{requirement.name}=={floor}")
    return found


def too_new(
    pins: list[str], oldest: list[str], requires: Callable[[str], list[str]] = requirements_of
) -> set[str]:
    """The pinned packages that need something newer than the oldest versions of what moves."""
    floor = {_canonical(name): version for name, version in (pin.split("==") for pin in oldest)}
    return {
        name
        for name in (_canonical(pin.split("==")[0]) for pin in pins)
        for needed in map(Requirement, requires(name))
        if needed.marker is None or needed.marker.evaluate({"extra": ""})
        if _canonical(needed.name) in floor
        if not needed.specifier.contains(floor[_canonical(needed.name)], prereleases=True)
    }


def constraints(pins: list[str], free: set[str], extra: list[str]) -> list[str]:
    """The pins without what is free, and `extra`."""
    kept = [pin for pin in pins if _canonical(pin.split("==")[0]) not in free]
    if len(kept) == len(pins):
        sys.exit("error: no pin is left free: run this where the frameworks are installed")
    return kept + extra


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", choices=("newest", "floors"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    pins = (ROOT / "requirements.txt").read_text("utf8").split()
    extra = floors(project) if options.versions == "floors" else []
    free = brought_along(MOVING) | too_new(pins, extra)
    text = "\n".join(constraints(pins, free, extra)) + "\n"
    options.file.parent.mkdir(parents=True, exist_ok=True)
    if not options.file.is_file() or options.file.read_text("utf8") != text:
        options.file.write_text(text, "utf8")


if __name__ == "__main__":
    main()
