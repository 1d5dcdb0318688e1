"""A downloaded notebook as it looks before it is run: as a file, and in JupyterLab."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from editions.base.project import Project
from left_out import CHAPTERS, CHOSEN, EXAMPLE
from site_tools import Site

PROJECT = Project(Path(__file__).parents[2])
WINDOW = {"width": 1280, "height": 20_000}  # JupyterLab renders only the cells near the window


def downloaded(site: Site, chapter: str, framework: str) -> Path:
    return site.folder / "notebooks" / "cpu" / framework / f"{chapter}.ipynb"


@pytest.mark.parametrize("framework", CHOSEN)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_is_downloaded_can_be_read_in_jupyterlab(
    site: Site, chapter: str, framework: str
) -> None:
    notebook = nbformat.read(downloaded(site, chapter, framework), as_version=4)
    title, setup, *others = notebook.cells
    assert re.fullmatch(r"# .+", title.source)  # and nothing else is in that cell
    assert "setup" in setup.metadata.tags
    for cell in others:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "image/png" in data or "image/svg+xml" not in data, cell.id
        assert not cell.source.startswith("# @title"), cell.id
        if "claim" in cell.metadata.get("tags", []):
            assert re.match(r"# Checked: \w", cell.source), cell.source[:80]
        if is_predicted(cell):
            assert cell.outputs == [], cell.id
    copy = downloaded(site, chapter, framework).read_text("utf8")
    kept = PROJECT.notebook_path(chapter, framework).read_text("utf8")
    assert copy == kept.replace('"# @title ', '"# ')  # nothing else differs


@pytest.fixture(scope="module")
def lab(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that shows the downloaded notebooks of a chapter."""
    folder = tmp_path_factory.mktemp("lab")
    for framework in CHOSEN:
        shutil.copyfile(downloaded(site, EXAMPLE, framework), folder / f"{framework}.ipynb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = (f"--port={port}", "--IdentityProvider.token=t", f"--ServerApp.root_dir={folder}")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *settings]
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    with subprocess.Popen(
        [*command, "--ip=127.0.0.1"],
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            while process.poll() is None:
                try:
                    urlopen(f"{address}/api?token=t").close()
                    break
                except URLError:
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()


@pytest.mark.full
@pytest.mark.parametrize("framework", CHOSEN)
def test_jupyterlab_shows_the_title_first_and_gives_no_prediction_away(
    site: Site, lab: str, browser: Any, framework: str
) -> None:
    notebook = nbformat.read(downloaded(site, EXAMPLE, framework), as_version=4)
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{lab}/lab/workspaces/{framework}/tree/{framework}.ipynb?token=t")
    cells = page.locator(".jp-Notebook .jp-Cell")
    cells.nth(3).wait_for()
    assert cells.first.locator("h1").inner_text().strip("¶") == notebook.cells[0].source[2:]
    # Nothing has run: a figure is there all the same, as the picture that was stored.
    figures = page.locator(".jp-OutputArea-output img")
    figures.first.wait_for()
    assert figures.first.get_attribute("src").startswith("data:image/png")
    assert figures.first.evaluate("(image) => image.naturalWidth") > 200
    asked = [at for at, cell in enumerate(notebook.cells) if is_predicted(cell)]
    shown = [at for at in asked if at < cells.count()]
    assert len(shown) > 1
    for at in shown:
        assert cells.nth(at).locator(".jp-OutputArea-output").count() == 0
        answer = next(n for n in range(at, at + 9) if cells.nth(n).locator("details").count())
        assert cells.nth(answer).locator("details[open]").count() == 0
        for claim in range(at + 1, answer):  # folded; its one line gives nothing away
            if "claim" in notebook.cells[claim].metadata.get("tags", []):
                folded = cells.nth(claim).inner_text().strip()
                assert folded == "# Checked: the answer to the question above"
    context.close()


def is_predicted(cell: nbformat.NotebookNode) -> bool:
    return "predict" in cell.metadata.get("tags", [])
