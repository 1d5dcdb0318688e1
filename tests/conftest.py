"""What all tests need before they import a framework; skips that are not expected are failures."""

from __future__ import annotations

from collections.abc import Generator
from importlib.util import find_spec

import pytest
from expected_skips import unexpected
from workers import group_of

# PyTorch's build for GPUs loads Triton when it first makes an optimizer. After TensorFlow (2.20 and
# 2.21) that ends the process: https://github.com/tensorflow/tensorflow/issues/124205
if find_spec("triton"):
    import triton  # noqa: F401

pytest_plugins = ["left_out"]


def _fail_if_unexpected(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, unless it is expected on this machine."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if message := unexpected(report.nodeid, str(reason)):
            report.outcome, report.longrepr = "failed", message


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Check the skips of tests."""
    report = yield
    _fail_if_unexpected(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check the skips of whole modules."""
    report = yield
    _fail_if_unexpected(report)
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give tests that share something expensive to the same worker."""
    if config.getoption("dist", "no") == "loadgroup":
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))
