"""All frameworks in one process."""

from __future__ import annotations

import os

import pytest
from editions.base.frameworks import FRAMEWORKS

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@pytest.fixture(params=list(FRAMEWORKS))
def framework(request: pytest.FixtureRequest) -> str:
    """Each framework in turn; those that the book leaves out are deselected."""
    return request.param
