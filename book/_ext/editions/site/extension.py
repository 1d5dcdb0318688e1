"""The Sphinx extension: registers what the other modules do at which event of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config

from editions.base.files import digest_of_files
from editions.base.frameworks import FRAMEWORKS
from editions.base.helper_package import SETTING, SOURCES
from editions.base.strings import Strings
from editions.site import (
    api_reference,
    cell_folds,
    chapter_pages,
    downloads,
    drawings,
    exercise_pages,
    folds,
    formulas,
    live_cells,
    moved_sections,
    moving_figures,
    outdated_files,
    page_head,
    prediction_nodes,
    quiz_directive,
    search_index,
    site_files,
    status_page,
    tabs,
    unused_styles,
    wheels,
)
from editions.site.sphinx_project import current_project


def setup(app: Sphinx) -> dict[str, Any]:
    """Register settings, events, directives and transforms."""
    app.add_config_value("editions_frameworks", list(FRAMEWORKS), "env", [list])
    app.add_config_value(SETTING, SOURCES[0], "env", [str])
    # A setting that changes with the tools makes Sphinx build all pages anew.
    app.add_config_value("editions_tools", "", "env", [str])
    app.connect("config-inited", _complete_settings)
    for module in (
        api_reference,
        cell_folds,
        chapter_pages,
        downloads,
        drawings,
        exercise_pages,
        folds,
        formulas,
        live_cells,
        moved_sections,
        moving_figures,
        outdated_files,
        page_head,
        prediction_nodes,
        quiz_directive,
        search_index,
        site_files,
        status_page,
        tabs,
        unused_styles,
        wheels,
    ):
        module.register(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def read_page(text: str) -> NotebookNode:
    """Read a page for MyST-NB: a woven chapter is JSON, any other page is Markdown."""
    if text.startswith("{"):
        return nbformat.v4.reads(text)
    return read_myst_markdown_notebook(text, add_source_map=True)


def _complete_settings(app: Sphinx, config: Config) -> None:
    """Tell Sphinx the site's address, and the theme's files the frameworks and words."""
    project = current_project(app)
    shown = exercise_pages.are_shown(project)  # which changes the chapters' headers too
    config.editions_tools = f"{_digest_of_tools(project.root)} {shown}"
    config.html_baseurl = config.html_baseurl or project.site
    words = Strings(project.language)
    config.html_context["question_words"] = words.group("ask_")
    config.html_context["prediction_words"] = words.group("list_")
    config.html_context["reading_words"] = words.group("read_")
    config.html_context["search_words"] = words.group("search_")
    config.html_context["titles"] = {one.key: one.title for one in project.frameworks}
    config.html_context["frameworks"] = [framework.key for framework in project.frameworks]


def _digest_of_tools(root: Path) -> str:
    """A digest of all that makes pages of sources: this package and the theme."""
    folders = (Path(__file__).parents[1], root / "book" / "theme")
    return " ".join(digest_of_files(folder, _files_of(folder)) for folder in folders)


def _files_of(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]
