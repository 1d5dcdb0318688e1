"""A file that cannot read the table of frameworks agrees with it."""

from __future__ import annotations

from pathlib import Path

import yaml
from editions.base.frameworks import FRAMEWORKS

ROOT = Path(__file__).parents[2]


def test_a_new_version_of_a_framework_gets_a_pull_request_of_its_own() -> None:
    packages = {name for framework in FRAMEWORKS.values() for name in framework.packages}
    settings = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf8"))
    groups = settings["updates"][0]["groups"]
    assert set(groups["frameworks"]["patterns"]) == packages
    assert set(groups["tools"]["exclude-patterns"]) == packages
