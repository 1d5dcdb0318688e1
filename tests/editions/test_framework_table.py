"""Files that cannot read the table of frameworks say what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from editions.base.frameworks import FRAMEWORKS

GITHUB = Path(__file__).parents[2] / ".github"


def load(name: str) -> Any:
    return yaml.safe_load((GITHUB / name).read_text("utf8"))


def test_the_form_for_mistakes_offers_the_frameworks() -> None:
    (choice,) = (part for part in load("ISSUE_TEMPLATE/mistake.yml")["body"] if "Both" in str(part))
    titles = [framework.title for framework in FRAMEWORKS.values()]
    assert choice["attributes"]["options"] == ["Both", *titles]


def test_a_new_version_of_a_framework_gets_a_pull_request_of_its_own() -> None:
    packages = {name for framework in FRAMEWORKS.values() for name in framework.packages}
    groups = load("dependabot.yml")["updates"][0]["groups"]
    assert set(groups["frameworks"]["patterns"]) == packages
    assert set(groups["tools"]["exclude-patterns"]) == packages
