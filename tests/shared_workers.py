"""Which tests run in the same worker of pytest-xdist.

The tests of a file stay together, since they share what their file prepares. The tests that visit
pages form one group: they share the built site and the browser.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

VISITING = ("tests/site/*.py", "tests/editions/test_third_edition.py")


def group_of(test: str) -> str:
    """The name of the group of a test, whose id begins with its file."""
    file = test.partition("::")[0]
    return "pages" if any(PurePosixPath(file).match(one) for one in VISITING) else file


class Groups(LoadScopeScheduling):
    """Sends each group to one worker, large groups first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    """Take these groups, whatever --dist says."""
    return Groups(config, log)
