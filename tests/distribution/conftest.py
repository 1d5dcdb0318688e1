"""The wheel and the sdist, built once; a site that serves the wheel, and a repository."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
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
from editions.site.wheels import write_wheels

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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site on this machine that serves the wheels of this checkout."""
    folder = tmp_path_factory.mktemp("site")
    write_wheels(Project(ROOT), folder / "wheels")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings under which git takes this checkout for the repository that `_config.yml` names."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("served") / "repository")
    project = Project(ROOT)
    return serve_instead_of(project.repository, project.branch, folder)


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with what Colab has of what a notebook needs, and nothing of ours."""
    folder = tmp_path_factory.mktemp("looked-at") / "colab"
    environment = Environment(folder, sys.executable, COLAB_HAS)
    run(environment.python, "-m", "ipykernel", "install", "--sys-prefix")
    return environment


@pytest.fixture
def like_colab(looked_at: Environment) -> Iterator[Environment]:
    """The same, for tests that install the helper package: it is taken out again."""
    yield looked_at
    looked_at.pip("uninstall", "--quiet", "--yes", "d2lcompute")
