"""The skips that a run may have. Any other skip is a failure.

A test that is skipped shows nothing. So each skip is listed here, with its reason and with the
machines on which it is expected.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from grader.sandbox.cgroups import find_cgroups


def anywhere() -> bool:
    """On every machine."""
    return True


def without_control_groups() -> bool:
    """Where the grader cannot make control groups of its own."""
    return find_cgroups()[0] is None


def without_vsock() -> bool:
    """Where the kernel makes no VSOCK sockets."""
    try:
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError:
        return True
    return False


def on_one_processor() -> bool:
    """Where there is a single processor to use."""
    return len(os.sched_getaffinity(0)) == 1


def as_ordinary_user() -> bool:
    """Where the tests do not run as root."""
    return os.getuid() != 0


@dataclass(frozen=True)
class Expected:
    """A skip that is expected."""

    test: str  # file::test, below tests/
    reason: str  # a regular expression for the whole reason
    where: Callable[[], bool]  # whether it is expected on this machine


EXPECTED = (
    Expected(
        "distribution/test_distribution_colab.py::test_wheel_set_up_cell_and_import",
        r"no Python 3\.\d+ on the path or in pyenv: install one to test it",
        anywhere,
    ),
    Expected(
        "grader/test_grader_attacks.py::test_memory_of_all_processes_together",
        r"this machine has no control groups",
        without_control_groups,
    ),
    Expected(
        "grader/test_grader_boundary.py::test_each_submission_has_a_share_of_its_own",
        r"control groups do not share the processors on this machine",
        anywhere,
    ),
    Expected(
        "grader/test_grader_boundary.py::test_memory_that_no_process_holds",
        r"this kernel has no such call",
        anywhere,
    ),
    Expected(
        "grader/test_grader_machine.py::test_a_group_limits_and_goes",
        r"this machine has no control groups",
        without_control_groups,
    ),
    Expected(
        "grader/test_grader_attacks.py::test_the_zygote_cannot_be_read",
        r"a sandbox of its own has no zygote",
        anywhere,
    ),
    Expected(
        "grader/test_grader_frameworks.py::test_nothing_can_be_read_where_tensorflow_needs_proc",
        r"a sandbox of its own has no zygote",
        anywhere,
    ),
    Expected(
        "grader/test_grader_attacks.py::test_sockets_that_lead_out_of_the_namespace",
        r"this kernel has no VSOCK sockets",
        without_vsock,
    ),
    Expected(
        "grader/test_grader_attacks.py::test_leaving_its_processors",
        r"this machine has one processor",
        on_one_processor,
    ),
    Expected(
        "grader/test_grader_attacks.py::test_files_of_root_cannot_be_changed",
        r"only root can take this defence down",
        as_ordinary_user,
    ),
    Expected(
        "grader/test_grader_attacks.py::test_files_of_root_cannot_be_changed",
        r"a forked worker sees no /proc",
        anywhere,
    ),
)


def unexpected(node: str, reason: str, expected: Iterable[Expected] = EXPECTED) -> str | None:
    """Why a skip is a failure: a message; None if it is expected on this machine.

    Args:
        node: the id of the test, or of the module, that pytest reports.
        reason: what pytest reports as the reason.
        expected: the list to look it up in.
    """
    test = re.sub(r"[\[@].*", "", node, flags=re.DOTALL).removeprefix("tests/")
    words = reason.removeprefix("Skipped: ")
    for one in expected:
        if one.test == test and re.fullmatch(one.reason, words):
            if one.where():
                return None
            return f"{test} was skipped on a machine where it should run: {words}"
    return f"{test} was skipped, which is not listed in tests/{Path(__file__).name}: {words}"


def _fail_if_unexpected(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, unless it is expected on this machine."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if message := unexpected(report.nodeid, str(reason)):
            report.outcome, report.longrepr = "failed", message


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Check the skip of a test."""
    report = yield
    _fail_if_unexpected(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check the skip of a whole module."""
    report = yield
    _fail_if_unexpected(report)
    return report
