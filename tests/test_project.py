"""What every file of the project has to keep to, and what the versions say."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PINS = (ROOT / "requirements.txt").read_text("utf8").splitlines()
FLOORS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]

MADE = {".git", "_build", "build", "dist"}
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


def without_floor(listed: list[str], pins: list[str]) -> list[str]:
    """Requirements that have no floor, that are pinned, or whose pin here is below the floor."""
    versions = {pin.split("==")[0].lower().replace("_", "-"): pin.split("==")[1] for pin in pins}
    return [
        str(one)
        for one in map(Requirement, listed)
        if not any(part.operator == ">=" for part in one.specifier)
        or any(part.operator == "==" for part in one.specifier)
        or not one.specifier.contains(versions.get(one.name.lower(), "0"))
    ]


@pytest.mark.parametrize("extra", ["", *FLOORS["optional-dependencies"]])
def test_every_requirement_has_a_floor_that_its_pin_meets(extra: str) -> None:
    listed = FLOORS["optional-dependencies"][extra] if extra else FLOORS["dependencies"]
    assert without_floor(listed, PINS) == []


def test_a_requirement_without_a_floor_is_found() -> None:
    bad = ["numpy", "numpy==2.0", "numpy>=99", "not-pinned>=1"]
    assert without_floor([*bad, "numpy>=1.26"], PINS) == bad


RUFF = [sys.executable, "-m", "ruff"]


@pytest.mark.parametrize(
    ("command", "text", "status"),
    [
        ("check", "import os\n", 1),
        ("check", "x = 1\n", 0),
        ("format --check", "x=1\n", 1),
        ("format --check", "x = 1\n", 0),
    ],
)
def test_style_is_checked(command: str, text: str, status: int) -> None:
    """What `make lint` runs finds bad style, under this project's settings."""
    done = subprocess.run(
        [*RUFF, *command.split(), "--quiet", "--stdin-filename", "book/_ext/editions/new.py", "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status


def test_style_is_checked_everywhere() -> None:
    """`make lint` reads every module that is ours, the hidden folders' too."""
    command = [*RUFF, "check", "--show-files", "."]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    read = {Path(line) for line in listed.splitlines()}
    assert {path for path in our_files() if path.suffix == ".py"} <= read


def our_files() -> Iterator[Path]:
    """Every text file that is ours, and not made by a tool."""
    for top in sorted(ROOT.iterdir()):
        if top.name not in MADE and not top.name.startswith(".venv"):
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


def is_long(makefile: str) -> bool:
    """Whether it has more than 130 lines, or one of more than 100 columns."""
    lines = makefile.splitlines()
    return len(lines) > 130 or max(map(len, lines)) > 100


def test_the_makefile_is_short() -> None:
    text = (ROOT / "Makefile").read_text("utf8")
    assert not is_long(text)
    assert is_long(f"{text}\n") and is_long(text.replace("\n", " # more, again and again" * 3, 1))


@pytest.mark.parametrize("name", ["seed", "parameter_table", "try_gpu"])
def test_the_set_up_page_names_the_helpers_of_the_first_cells(name: str) -> None:
    page = (ROOT / "book" / "setup.md").read_text("utf8")
    rows = [line for line in page.splitlines() if line.startswith(f"| `d2l.{name}(")]
    assert len(rows) == 1 and len(rows[0]) > 60
    for module in ("torch", "tensorflow"):
        assert f'"{name}"' in (ROOT / "d2lcompute" / f"{module}.py").read_text("utf8")


def misplaced(glossary: str) -> list[str]:
    """The terms of a glossary that come before the one above them in the alphabet."""
    terms = re.findall(r"(?m)^(\S.*)\n  \S", glossary)
    letters = {term: re.sub(r"[^a-z0-9]+", " ", term.casefold()) for term in terms}
    return [term for above, term in pairwise(terms) if letters[term] < letters[above]]


def test_the_terms_are_in_alphabetical_order() -> None:
    glossary = (ROOT / "book" / "terms.md").read_text("utf8")
    assert misplaced(glossary) == []
    assert misplaced(glossary.replace("\nactivation\n", "\nbackpropagation\n")) == [
        "activation checkpointing"
    ]


BENCHES = sorted(path.name for path in (ROOT / "bench").glob("*.py") if path.name != "stock.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
def test_every_measurement_can_be_started(name: str) -> None:
    command = [sys.executable, ROOT / "bench" / name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0 and "usage" in done.stdout, done.stderr
