"""The wheel and the sdist, built once; a git repository that stands for GitHub's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from copies import copy_of_the_project
from distribution_tools import (
    COLAB_HAS,
    Environment,
    run,
    serve_instead_of,
)
from editions.base.project import Project

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these build or install something, for which pip needs its index: they are slow."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("distributions")
    project = copy_of_the_project(folder / "project")
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", project)
    return sorted((folder / "dist").iterdir())


@pytest.fixture(scope="session")
def wheel(distributions: list[Path]) -> Path:
    """The wheel."""
    (found,) = (path for path in distributions if path.suffix == ".whl")
    return found


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings under which git takes this checkout for the repository that `_config.yml` names."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("served") / "repository")
    project = Project(ROOT)
    return serve_instead_of(project.repository, project.branch, folder)


@pytest.fixture
def like_colab(tmp_path: Path) -> Environment:
    """An environment with what Colab has of what a notebook needs, and nothing of ours."""
    return _like_colab(tmp_path / "colab")


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The same, for tests that install nothing."""
    return _like_colab(tmp_path_factory.mktemp("looked-at") / "colab")


def _like_colab(folder: Path) -> Environment:
    environment = Environment(folder, sys.executable, COLAB_HAS)
    run(environment.python, "-m", "ipykernel", "install", "--sys-prefix")
    return environment
