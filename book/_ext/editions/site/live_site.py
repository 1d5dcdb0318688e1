"""Build the site, and serve it from a Jupyter server that runs the cells of its pages."""

from __future__ import annotations

from pathlib import Path

from d2lcompute._live import LiveError
from d2lcompute._live import serve as serve_live
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.site.build import build


def serve_with_cells(project: Project, port: int, browser: bool = True) -> int:
    """Build the site, serve it from a Jupyter server, and open it; until Ctrl-C.

    Raises:
        EditionsError: the site was not built, its cells run nowhere, or the server cannot start.
    """
    if project.live_servers is None:
        raise EditionsError(
            "_config.yml: launch_buttons.thebe is false, so that no page runs its cells; remove it"
        )
    print(build(project))
    page = Path(project.relative(project.chapters[0])).with_suffix(".html").as_posix()
    try:
        serve_live(page, port, project.root / "_build" / "html", browser)
    except LiveError as error:
        raise EditionsError(str(error)) from error
    return 0
