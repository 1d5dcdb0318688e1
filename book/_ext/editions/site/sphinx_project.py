"""The project that a Sphinx application builds."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from editions.base.project import Project


def current_project(app: Sphinx) -> Project:
    """The project that `app` builds, read once a build.

    Raises:
        EditionsError: the folder that `app` builds is not part of a project.
    """
    project: Project | None = getattr(app, "editions_project", None)
    if project is None:
        project = Project.find(Path(app.srcdir))
        app.editions_project = project  # type: ignore[attr-defined]
    return project
