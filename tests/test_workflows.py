"""The workflows are valid, and do what a person types."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text("utf8")))


def is_valid(path: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.github-workflows", str(path)], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid(path: Path) -> None:
    assert is_valid(path)


def test_an_invalid_workflow_is_found(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf8")
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("runs-on:", "run-on:"), "utf8")
    assert not is_valid(broken)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_it_calls_the_targets_that_a_person_types(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text("utf8"))["jobs"]
    called = [
        target
        for job in jobs.values()
        for step in job.get("steps", [])
        for target in re.findall(r"(?m)\bmake ([a-z-]+)", step.get("run", ""))
    ]
    assert called
    assert set(called) <= TARGETS
