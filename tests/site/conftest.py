"""The site in a real browser: built once, and served from this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editions.base.project import Project
from editions.site.build import run_build
from filelock import FileLock
from playwright.sync_api import expect
from site_tools import SLOW, Site, Visit, serve

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these build the site: they are slow."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """The site as `make book` leaves it: built once for all workers, and served compressed."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    folder = shared / "site"
    with FileLock(shared / "site.lock"):
        if not folder.is_dir():
            run_build(Project(ROOT))
            # What is built while the tests run changes nothing under their eyes.
            shutil.copytree(ROOT / "_build" / "html", shared / "copied")
            (shared / "copied").rename(folder)
    with serve(folder) as served:
        yield served


@pytest.fixture
def visit(browser: object, site: Site) -> Iterator[Callable[..., Visit]]:
    """Opens pages for a new reader: `visit("book/index.html", width=360, scheme="dark")`.

    Whatever a page complains of, or asks of another host, fails the test.
    """
    visits: list[Visit] = []

    def open_page(address: str = "", **options: object) -> Visit:
        visits.append(Visit(browser, site, address, **options))
        return visits[-1]

    yield open_page
    complaints = [complaint for one in visits for complaint in one.complaints]
    for one in visits:
        one.close()
    assert complaints == []


@pytest.fixture
def copy(site: Site, tmp_path: Path) -> Iterator[Site]:
    """A copy of the site, to be broken."""
    folder = tmp_path / "copy"
    shutil.copytree(site.folder, folder)
    with serve(folder) as served:
        yield served
