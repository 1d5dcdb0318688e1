"""The status page: the verification records of all notebooks, in tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from editions.base.errors import EditionsError
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.base.strings import Strings
from editions.notebooks.notebook import KEY
from editions.notebooks.staleness import devices_of
from editions.notebooks.verification_record import Record, verified
from editions.site.chapter_header import versions_in_words
from editions.site.sphinx_project import current_project
from editions.source.chapter import Chapter, read_chapter

PAGE = "book/status"  # the page that stamps link to


def register(app: Sphinx) -> None:
    """Add the directive."""
    app.add_directive("status", StatusDirective)


@dataclass(frozen=True)
class NotebookStatus:
    """One executed notebook, and the run that verified it."""

    chapter: Chapter
    framework: Framework
    device: str
    versions: dict[str, str]  # of the packages that it was last run with
    record: Record | None  # None: not verified since it was recorded


def notebook_statuses(project: Project) -> Iterator[NotebookStatus]:
    """The status of all executed notebooks, by framework, in the order of the table of contents."""
    for framework in project.frameworks:
        for page in project.chapters:
            chapter = read_chapter(page, project.relative(page))
            for device in devices_of(chapter, framework, project):
                path = project.recorded_path(chapter.name, framework.key, device)
                recorded = nbformat.v4.reads(path.read_text("utf8")).metadata[KEY]["versions"]
                record = verified(project.record_path(chapter.name, framework.key, device), path)
                versions = record.versions if record else dict(recorded)
                yield NotebookStatus(chapter, framework, device, versions, record)


def require_verified(project: Project) -> None:
    """Check that a run on a CPU has verified every notebook.

    Raises:
        EditionsError: lists the notebooks that are not verified.
    """
    on_cpu = [one for one in notebook_statuses(project) if one.device == "cpu"]
    listed = [
        f"  {one.chapter.path} ({one.framework.title} edition)"
        for one in on_cpu
        if one.record is None
    ]
    if listed or not on_cpu:
        what = "\n".join(listed) or "  there is no notebook"
        raise EditionsError(f"not verified:\n{what}\nType: make verify")


def page_text(project: Project, statuses: list[NotebookStatus]) -> str:
    """The page's tables, as MyST Markdown."""
    strings = Strings(project.language)
    records = [one.record for one in statuses if one.record]
    outputs, compared = sum(r.outputs for r in records), sum(r.compared for r in records)
    lines = [
        strings(
            "status_all",
            verified=len(records),
            notebooks=len(statuses),
            outputs=outputs,
            compared=compared,
            share=_share(compared, outputs),
            claims=sum(record.claims for record in records),
        )
    ]
    columns = strings("status_columns")
    for framework in project.frameworks:
        lines += ["", f"```{{table}} {framework.title}"]
        lines += [f"| {columns} |", "|:--|:--|--:|--:|--:|--:|"]
        lines += [_row(one, strings) for one in statuses if one.framework == framework]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def _row(one: NotebookStatus, strings: Strings) -> str:
    record = one.record
    title = one.chapter.title.replace("|", "\\|")
    chapter = f"{{doc}}`{title} </{one.chapter.path.removesuffix('.md')}>`"
    versions = versions_in_words(one.framework, one.versions)
    device = strings(f"devices_{one.device}")
    if record and record.device != one.device:
        device = f"{device} ({record.device})"  # the name of the accelerator
    where = f"{device}, {versions}"
    if record is None:
        cells = [chapter, f"{where}: {strings('status_recorded')}", *["–"] * 4]
    else:
        compared = f"{record.compared} ({_share(record.compared, record.outputs)})"
        ran = f"{where}, Python {record.python}, {record.date[:10]}"
        cells = [chapter, ran, f"{record.seconds:.1f}", f"{record.outputs}", compared]
        cells.append(str(record.claims))
    return f"| {' | '.join(cells)} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


class StatusDirective(SphinxDirective):
    """`{status}`: the tables of the status page."""

    def run(self) -> list[nodes.Node]:
        """Make the tables from the records; note that the page depends on them."""
        project = current_project(self.env.app)
        statuses = list(notebook_statuses(project))
        for one in statuses:
            for path in (project.record_path, project.recorded_path):
                self.env.note_dependency(str(path(one.chapter.name, one.framework.key, one.device)))
        return self.parse_text_to_nodes(page_text(project, statuses))
