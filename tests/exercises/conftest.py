"""All frameworks in one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project

sys.path.append(str(Path(__file__).parents[1] / "grader"))  # its tools

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@pytest.fixture(params=list(FRAMEWORKS))
def framework(request: pytest.FixtureRequest) -> str:
    """Each framework in turn; those that the book leaves out are deselected."""
    return request.param


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in a folder of its own, with one exercise file."""
    from small_project import make_project

    return make_project(tmp_path)
