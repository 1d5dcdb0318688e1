"""Which tests run in the same worker of pytest-xdist.

The tests of a file stay together, since they share what their file prepares. Tests that visit
pages form one group: they share the built site and the browser.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

EXPENSIVE = {"site", "browser"}  # fixtures that one worker makes for all


def group_of(file: str, fixtures: Iterable[str]) -> str:
    """The name of a test's group.

    Args:
        file: the test's file, below the root of the project.
        fixtures: the names of the fixtures that the test uses, directly or not.
    """
    return "pages" if EXPENSIVE.intersection(fixtures) else file


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, before xdist reads it."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        group = group_of(file, getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group(group))
