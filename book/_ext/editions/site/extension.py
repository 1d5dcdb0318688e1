"""The Sphinx extension: replaces a chapter's text by its woven notebook, and dresses the page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util.osutil import relative_uri

from editions.base.errors import EditionsError
from editions.base.frameworks import FRAMEWORKS, Framework
from editions.base.project import Project, is_chapter
from editions.base.strings import Strings
from editions.notebooks.edition import editions
from editions.notebooks.notebook import KEY
from editions.notebooks.staleness import devices_of
from editions.site import formulas, quiz_directive, status_page, theme
from editions.site.chapter_header import header_html, launches
from editions.site.tabs import EditionDirective, EditionTabs
from editions.site.weaving import weave
from editions.source.chapter import Chapter, read_chapter
from editions.source.dropped_pages import chosen, without_left_out


def setup(app: Sphinx) -> dict[str, Any]:
    """Register events, directives and transforms."""
    formulas.register(app)
    quiz_directive.register(app)
    status_page.register(app)
    theme.register(app)
    app.add_config_value("editions_frameworks", list(FRAMEWORKS), "env", [list])
    app.add_directive("edition", EditionDirective)
    app.add_transform(EditionTabs)
    app.connect("config-inited", _set_address)
    app.connect("builder-inited", _refuse_stale)
    app.connect("source-read", _weave_source)
    app.connect("doctree-read", _add_header)
    app.connect("build-finished", _copy_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def read_page(text: str) -> NotebookNode:
    """Read a page for MyST-NB: a woven chapter is JSON, any other page is Markdown."""
    if text.startswith("{"):
        return nbformat.v4.reads(text)
    return read_myst_markdown_notebook(text, add_source_map=True)


def _set_address(app: Sphinx, config: Config) -> None:
    """Where the pages will be, for their canonical addresses."""
    config.html_baseurl = config.html_baseurl or Project.of(app).site


def _refuse_stale(app: Sphinx) -> None:
    """Stop the build where a page would show outputs that its code does not give."""
    try:
        stale = [
            f"{edition.shown}: {reason}"
            for edition in editions(Project.of(app))
            if (reason := edition.staleness())
        ]
    except EditionsError as error:
        raise ExtensionError(str(error)) from error
    if stale:
        listed = "\n".join(f"  {line}" for line in stale)
        raise ExtensionError(f"stale notebooks:\n{listed}\nType: make notebooks")


def _weave_source(app: Sphinx, docname: str, source: list[str]) -> None:
    project = Project.of(app)
    path = Path(app.env.doc2path(docname))
    if not is_chapter(source[0]):
        source[0] = source[0].replace("{{ repository }}", project.repository)
        source[0] = source[0].replace("{{ branch }}", project.branch)
        source[0] = without_left_out(project, path, source[0])
        return
    try:
        chapter = chosen(project, read_chapter(path, project.relative(path)))
        runs = {framework.key: _runs(app, chapter, framework) for framework in project.frameworks}
        source[0] = weave(chapter, project.frameworks, runs, Strings(project.language))
    except EditionsError as error:
        raise ExtensionError(str(error)) from error
    app.env.metadata[docname]["editions"] = {
        "chapter": chapter,
        "versions": {
            key: {device: dict(run.metadata[KEY]["versions"]) for device, run in found.items()}
            for key, found in runs.items()
        },
    }


def _runs(app: Sphinx, chapter: Chapter, framework: Framework) -> dict[str, NotebookNode]:
    """An edition's executed notebooks by device; the page is made anew when one changes."""
    project = Project.of(app)
    found = {}
    for device in devices_of(chapter, framework, project):
        notebook = project.notebook_path(chapter.name, framework.key, device)
        app.env.note_dependency(str(notebook))
        app.env.note_dependency(str(project.record_path(chapter.name, framework.key, device)))
        found[device] = nbformat.v4.reads(notebook.read_text("utf8"))
    return found


def _add_header(app: Sphinx, doctree: nodes.document) -> None:
    about = app.env.metadata[app.env.docname].get("editions")
    if about is None:
        return
    project = Project.of(app)
    docname = app.env.docname
    up = (
        relative_uri(app.builder.get_target_uri(docname), "")
        if app.builder.format == "html"
        else ""
    )
    found = launches(project, about["chapter"], about["versions"], up)
    known = status_page.PAGE in app.env.found_docs and app.builder.format == "html"
    page = app.builder.get_relative_uri(docname, status_page.PAGE) if known else ""
    html = header_html(project, about["chapter"], found, docname, page)
    title = next(doctree.findall(nodes.title), None)
    if title is None:
        raise ExtensionError(f"{docname}: a chapter needs a title")
    section = title.parent
    section.insert(section.index(title) + 1, nodes.raw("", html, format="html"))


def _copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Put the notebooks beside the pages, for the download buttons."""
    if exception is not None or app.builder.format != "html":
        return
    project = Project.of(app)
    for edition in editions(project):
        chapter, framework = edition.chapter.name, edition.framework.key
        for device in devices_of(edition.chapter, edition.framework, project):
            path = project.notebook_path(chapter, framework, device)
            target = Path(app.outdir, "notebooks", device, framework)
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.name)
