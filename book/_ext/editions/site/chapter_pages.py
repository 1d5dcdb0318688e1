"""How Sphinx reads a chapter: as its editions, woven, with the chapter's header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from editions.site import exercise_pages, status_page
from editions.site.chapter_header import edition_links, header_html
from editions.site.sphinx_project import current_project
from editions.site.weaving import weave, weave_borrowed
from editions.source.chapter import Chapter, read_chapter
from editions.source.dropped_pages import chapter_without_left_out, without_left_out
from editions.source.page_template import fill_in
from editions.source.predictions import predictions

# In a page that is not a chapter: `:::{prediction-of} blocks plain-list`, and a line `:::`.
BORROWED = re.compile(r"(?m)^:::\{prediction-of\} (\S+) (\S+)\n:::$")


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
        if name := exercise_pages.exercises_on(project, path):
            source[0] = exercise_pages.woven_page(app, docname, name)
            return
        if not is_chapter(source[0]):
            text = without_left_out(project, path, fill_in(project, source[0], path))
            source[0] = _with_borrowed_question(app, docname, text)
            return
        chapter = read_chapter(path, project.relative(path))
        chapter = chapter_without_left_out(project, chapter)
        runs = _all_runs(app, chapter)
        source[0] = weave(chapter, project.frameworks, runs, Strings(project.language))
    except EditionsError as error:
        raise ExtensionError(str(error)) from error
    app.env.metadata[docname]["predictions"] = _questions(chapter, runs)
    app.env.metadata[docname]["moved"] = chapter.moved
    app.env.metadata[docname]["editions"] = {
        "chapter": chapter,
        "versions": {
            key: {device: dict(run.metadata[KEY]["versions"]) for device, run in found.items()}
            for key, found in runs.items()
        },
    }


def _with_borrowed_question(app: Sphinx, docname: str, text: str) -> str:
    """The page with the question of a chapter in place of `{prediction-of}`, if it has one.

    Raises:
        EditionsError: the chapter or the question does not exist.
    """
    match = BORROWED.search(text)
    if match is None:
        return text
    project, (name, wanted) = current_project(app), match.groups()
    path = next((page for page in project.chapters if page.stem == name), None)
    if path is None:
        raise EditionsError(f"{docname}: _toc.yml lists no chapter {name}")
    chapter = chapter_without_left_out(project, read_chapter(path, project.relative(path)))
    app.env.note_dependency(str(path))
    runs = _all_runs(app, chapter)
    questions = _questions(chapter, runs)
    if wanted not in questions:
        listed = ", ".join(questions) or "none"
        raise EditionsError(f"{docname}: {name} asks no question {wanted}; there are: {listed}")
    app.env.metadata[docname]["predictions"] = questions
    app.env.metadata[docname]["borrowed_from"] = chapter.name, chapter.title
    texts = text[: match.start()], text[match.end() :]
    strings = Strings(project.language)
    return weave_borrowed(texts, chapter, wanted, project.frameworks, runs, strings)


def _all_runs(app: Sphinx, chapter: Chapter) -> dict[str, dict[str, NotebookNode]]:
    frameworks = current_project(app).frameworks
    return {framework.key: _runs(app, chapter, framework) for framework in frameworks}


def _questions(chapter: Chapter, runs: Mapping[str, Mapping[str, NotebookNode]]) -> dict[str, Any]:
    """What the pages need to know of each question, and the right answer in each edition."""
    keys = {
        key: answer_keys(chapter, key, next(iter(found.values()))) for key, found in runs.items()
    }
    return {
        one.name: (
            one.question,
            {key: keys[key][one.name] for key in keys if key in one.answers},
        )
        for one in predictions(chapter)
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
    """Insert the header under the title of a chapter or of a page of exercises."""
    docname = app.env.docname
    metadata = app.env.metadata[docname]
    if "editions" not in metadata and "exercises" not in metadata:
        return
    title = next(doctree.findall(nodes.title), None)
    if title is None:
        raise ExtensionError(f"{docname}: a chapter needs a title")
    section = title.parent
    if name := metadata.get("exercises"):
        html = _exercises_header(app, name)
    else:
        html, next_step = _chapter_header(app, metadata["editions"])
        if next_step:
            section.append(nodes.raw("", next_step, format="html"))
    section.insert(section.index(title) + 1, nodes.raw("", html, format="html"))


def _chapter_header(app: Sphinx, about: dict[str, Any]) -> tuple[str, str]:
    """The header of a chapter, and the link to its exercises at its end, if they have a page."""
    project, chapter, docname = current_project(app), about["chapter"], app.env.docname
    up = status = exercises = ""
    if app.builder.format == "html":
        up = relative_uri(app.builder.get_target_uri(docname), "")
        if status_page.PAGE in app.env.found_docs:
            status = app.builder.get_relative_uri(docname, status_page.PAGE)
    page = exercise_pages.page_of(chapter.name)
    if page in app.env.found_docs:
        exercises = app.builder.get_relative_uri(docname, page)
    links = edition_links(project, chapter, about["versions"], up, exercises)
    html = header_html(project, chapter, links, docname, status)
    if not exercises:
        return html, ""
    return html, exercise_pages.next_step_html(app, chapter.name, exercises)


def _exercises_header(app: Sphinx, name: str) -> str:
    project, docname = current_project(app), app.env.docname
    page = exercise_pages.docname_of(project, exercise_pages.chapter_of(project, name))
    chapter = app.builder.get_relative_uri(docname, page)
    up = relative_uri(app.builder.get_target_uri(docname), "")
    return exercise_pages.header_html(project, name, docname, chapter, up)
