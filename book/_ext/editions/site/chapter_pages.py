"""How Sphinx reads a chapter: as its editions, woven, with the chapter's header."""

from __future__ import annotations

from pathlib import Path

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.osutil import relative_uri

from editions.base.contents import is_chapter
from editions.base.errors import EditionsError
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.base.strings import Strings
from editions.notebooks.answer_keys import answer_keys
from editions.notebooks.edition import Edition, editions
from editions.notebooks.notebook import KEY
from editions.notebooks.staleness import devices_of
from editions.site import status_page
from editions.site.chapter_header import edition_links, header_html
from editions.site.sphinx_project import current_project
from editions.site.weaving import weave
from editions.source.chapter import Chapter, read_chapter
from editions.source.dropped_pages import chapter_without_left_out, without_left_out
from editions.source.page_template import fill_in
from editions.source.predictions import predictions


def register(app: Sphinx) -> None:
    """Refuse stale notebooks, replace the sources of chapters, and add their headers."""
    app.connect("builder-inited", _refuse_stale)
    app.connect("source-read", _weave_source)
    app.connect("doctree-read", _add_header)


def _refuse_stale(app: Sphinx) -> None:
    """Stop the build where a page would show outputs that its code does not give."""
    project = current_project(app)
    try:
        stale = [
            f"{edition.shown}: {reason}"
            for edition in editions(project)
            if (reason := edition.staleness() or _missing_copy(project, edition))
        ]
    except EditionsError as error:
        raise ExtensionError(str(error)) from error
    if stale:
        listed = "\n".join(f"  {line}" for line in stale)
        raise ExtensionError(f"stale notebooks:\n{listed}\nType: make notebooks")


def _missing_copy(project: Project, edition: Edition) -> str | None:
    """Which copy for learners is missing that the page offers for download."""
    chapter, framework = edition.chapter, edition.framework
    for device in devices_of(chapter, framework, project):
        path = project.notebook_path(chapter.name, framework.key, device)
        if not path.is_file():
            return f"the copy for learners, {project.relative(path)}, is missing"
    return None


def _weave_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace a chapter's text by its woven notebook; fill in the settings on other pages."""
    project = current_project(app)
    path = Path(app.env.doc2path(docname))
    try:
        if not is_chapter(source[0]):
            source[0] = without_left_out(project, path, fill_in(project, source[0], path))
            return
        chapter = read_chapter(path, project.relative(path))
        chapter = chapter_without_left_out(project, chapter)
        runs = {framework.key: _runs(app, chapter, framework) for framework in project.frameworks}
        keys = {
            key: answer_keys(chapter, key, next(iter(found.values())))
            for key, found in runs.items()
        }
        source[0] = weave(chapter, project.frameworks, runs, Strings(project.language))
    except EditionsError as error:
        raise ExtensionError(str(error)) from error
    app.env.metadata[docname]["editions"] = {
        "chapter": chapter,
        "predictions": {
            one.name: (
                one.question,
                {key: keys[key][one.name] for key in keys if key in one.answers},
            )
            for one in predictions(chapter)
        },
        "versions": {
            key: {device: dict(run.metadata[KEY]["versions"]) for device, run in found.items()}
            for key, found in runs.items()
        },
    }


def _runs(app: Sphinx, chapter: Chapter, framework: Framework) -> dict[str, NotebookNode]:
    """An edition's executed notebooks by device; the page is made anew when one changes."""
    project = current_project(app)
    runs = {}
    for device in devices_of(chapter, framework, project):
        notebook = project.recorded_path(chapter.name, framework.key, device)
        app.env.note_dependency(str(notebook))
        app.env.note_dependency(str(project.record_path(chapter.name, framework.key, device)))
        runs[device] = nbformat.v4.reads(notebook.read_text("utf8"))
    return runs


def _add_header(app: Sphinx, doctree: nodes.document) -> None:
    """Insert the chapter's header under the title."""
    docname = app.env.docname
    about = app.env.metadata[docname].get("editions")
    if about is None:
        return
    title = next(doctree.findall(nodes.title), None)
    if title is None:
        raise ExtensionError(f"{docname}: a chapter needs a title")
    project, chapter = current_project(app), about["chapter"]
    up = status = ""
    if app.builder.format == "html":
        up = relative_uri(app.builder.get_target_uri(docname), "")
        if status_page.PAGE in app.env.found_docs:
            status = app.builder.get_relative_uri(docname, status_page.PAGE)
    links = edition_links(project, chapter, about["versions"], up)
    html = header_html(project, chapter, links, docname, status)
    section = title.parent
    section.insert(section.index(title) + 1, nodes.raw("", html, format="html"))
