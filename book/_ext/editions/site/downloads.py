"""Copies of the notebooks beside the pages, for the download buttons.

What is downloaded is opened in JupyterLab, which shows the first line of a folded cell as it is. So
these copies do without the mark that makes such a line a title in Colab.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx

from editions.notebooks.edition import editions
from editions.notebooks.staleness import devices_of
from editions.site.sphinx_project import current_project

FOLDER = "notebooks"
COLAB_TITLE = re.compile(r'("source": \[\n\s*"# )@title ')


def register(app: Sphinx) -> None:
    """Copy the notebooks at the end of a build."""
    app.connect("build-finished", _copy_notebooks)


def download_path(chapter: str, framework: str, device: str) -> PurePosixPath:
    """Where the notebook is, relative to the site's root."""
    return PurePosixPath(FOLDER, device, framework, f"{chapter}.ipynb")


def _copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Replace the folder as a whole: it holds no notebook of an earlier build."""
    if exception is not None or app.builder.format != "html":
        return
    site, project = Path(app.outdir), current_project(app)
    shutil.rmtree(site / FOLDER, ignore_errors=True)
    for edition in editions(project):
        chapter, framework = edition.chapter.name, edition.framework.key
        for device in devices_of(edition.chapter, edition.framework, project):
            target = site / download_path(chapter, framework, device)
            write_download(project.notebook_path(chapter, framework, device), target)


def write_download(notebook: Path, target: Path) -> None:
    """Write the copy of a notebook that the site serves."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(COLAB_TITLE.sub(r"\1", notebook.read_text("utf8")), "utf8")
