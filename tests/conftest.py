"""What all tests need before they import a framework, and the browser that they share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from editions.base.processes import share_of_processors

# PyTorch's build for GPUs loads Triton when it first makes an optimizer. After TensorFlow (2.20 and
# 2.21) that ends the process: https://github.com/tensorflow/tensorflow/issues/124205
if find_spec("triton"):
    import triton  # noqa: F401

# Also for the processes that tests start.
os.environ.update(share_of_processors(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))))

pytest_plugins = ["left_out", "expected_skips", "shared_workers"]


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One Chromium for all tests of a process: Playwright starts once in a process."""
    from editions.site.browser import FLAGS, browser_path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        yield chromium
        chromium.close()
