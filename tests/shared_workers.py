"""Which tests run in the same worker of pytest-xdist, and which of them first.

The tests of a file stay together, since they share what their file prepares, and so do those of
`distribution`, which share environments and the wheel. Those that take longest begin, so that the
workers end at about the same time. The built site is shared by all workers; the first file builds
it while the second, which needs none, runs beside it.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# The others follow, those with many tests first. `--durations 0` shows what takes long.
LONGEST = (
    "site/test_pages.py",
    "exercises/test_exercises_answers.py",
    "site/test_live.py",
    "test_forks.py",
    "test_pretended_gpus.py",
    "test_teaching.py",
    "grader/test_grader_otter.py",
    "site/test_figures_move.py",
    "site/test_frameworks.py",
    "distribution",
)


def group_of(test: str) -> str:
    """The group of a test, by the test's id: its file, or its folder, below tests/."""
    file = test.partition("::")[0].removeprefix("tests/")
    return "distribution" if file.startswith("distribution/") else file


def place_in_line(group: str) -> int:
    """Which group begins before another: the one whose place is lower."""
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


class Groups(LoadScopeScheduling):
    """Sends each group to one worker, those that take longest first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=place_in_line), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    """Take these groups, whatever --dist says."""
    return Groups(config, log)
