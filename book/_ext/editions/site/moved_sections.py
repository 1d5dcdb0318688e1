"""Old addresses of sections and questions that moved to another page.

The metadata of a page's source, `editions: {moved: {name: [ids]}}`, says which ids the page had,
and the label, or the question, that they lead to. Questions that `answers.MOVED` lists need no
such line. The page has a line with a link, which only who comes by the old address sees, and a
script follows it.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from d2lexercises.answers import MOVED
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from editions.base.project import Project
from editions.base.strings import Strings
from editions.site.exercise_pages import docname_of, label, page_of, questions_of
from editions.site.sphinx_project import current_project
from editions.source.link_targets import LinkTargets
from editions.source.summary_html import summary_html

Place = tuple[str, str, str]  # its page, its id and its title


def register(app: Sphinx) -> None:
    """Keep the addresses once a page's ids are known."""
    app.connect("doctree-read", _keep_addresses)


def _keep_addresses(app: Sphinx, doctree: nodes.document) -> None:
    metadata, project = app.env.metadata[app.env.docname], current_project(app)
    moved = list(metadata.get("moved", ()))
    if name := metadata.get("exercises"):
        moved += [(new, (label(old),)) for old, new in MOVED.items() if _chapter(old) == name]
    if not moved or app.builder.name != "html":
        return
    source = Path(app.env.doc2path(app.env.docname))
    ids = {one for node in doctree.findall(nodes.Element) for one in node.get("ids", [])}
    lines = []
    for new, old_ids in moved:
        if kept := ids.intersection(old_ids):
            raise ExtensionError(f"{source.name}: moved: the page still has {min(kept)}")
        place = (_question if "." in new else _section)(app, project, source, new)
        lines += [_line(app, old, *place) for old in old_ids if place]
    html = "".join(lines)
    next(doctree.findall(nodes.section)).append(nodes.raw("", html, format="html"))


def _chapter(question: str) -> str:
    return question.partition(".")[0]


def _question(app: Sphinx, project: Project, source: Path, name: str) -> Place | None:
    """The place of a question; None if a fork leaves its page out."""
    page = page_of(_chapter(name))
    if page not in app.env.found_docs:
        return None
    found = questions_of(project, _chapter(name)).get(name)
    if found is None:
        raise ExtensionError(f"{source.name}: moved: there is no question {name}")
    return page, label(name), found.title


def _section(app: Sphinx, project: Project, source: Path, name: str) -> Place | None:
    """The place of a section; None if a fork leaves its page out."""
    targets = LinkTargets(project)
    page = targets.labels.get(name)
    if page in (None, source):
        where = "no other page has" if page is None else "this page itself has"
        raise ExtensionError(f"{source.name}: moved: {where} the label ({name})=")
    assert page
    if page not in project.pages:
        return None
    address = f"/{project.relative(page)}"
    found, whole = (targets.find(source, address + anchor) for anchor in (f"#{name}", ""))
    assert found and whole
    app.env.note_dependency(str(page))
    titles = [whole.title] if found.title == whole.title else [whole.title, found.title]
    return docname_of(project, page), found.anchor, ": ".join(titles)


def _line(app: Sphinx, old: str, page: str, anchor: str, title: str) -> str:
    """The line at the end of the page."""
    address = app.builder.get_relative_uri(app.env.docname, page)
    words = Strings(current_project(app).language)("moved_section")
    return (
        f'<p class="moved" id="{escape(old)}">{escape(words)} '
        f'<a href="{escape(address)}#{escape(anchor)}">{summary_html(title)}</a></p>'
    )
