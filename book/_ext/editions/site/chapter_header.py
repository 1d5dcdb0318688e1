"""The header under a chapter's title: buttons that run it, and how far its outputs are verified."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from editions.base.frameworks import Framework
from editions.base.launchers import LaunchButton
from editions.base.project import Project
from editions.base.strings import Strings
from editions.notebooks.verification_record import Record, verified
from editions.site.downloads import download_path
from editions.site.live_cells import live_button
from editions.source.chapter import Chapter


@dataclass(frozen=True)
class Run:
    """One executed notebook of an edition."""

    device: str
    launch: tuple[LaunchButton, ...]
    download: str  # address of the notebook, relative to the page
    versions: dict[str, str]  # of the packages that it was recorded with
    record: Record | None


@dataclass(frozen=True)
class EditionLinks:
    """The part of the header that belongs to one edition."""

    framework: Framework
    runs: tuple[Run, ...]  # the first is the one whose outputs the page shows
    exercises: str  # address of their page, or of the first launch button; or an empty string
    live: bool = True  # whether the page's cells can run


def header_html(
    project: Project, chapter: Chapter, editions: list[EditionLinks], docname: str, status: str
) -> str:
    """The header as HTML; each edition's part carries `data-framework`.

    Args:
        project: the book.
        chapter: the chapter.
        editions: its editions, in the order of the tabs.
        docname: the name of the page.
        status: the address of the status page, or an empty string.
    """
    strings = Strings(project.language)
    parts = [_edition(edition, status, strings) for edition in editions]
    links = [
        _link(project.blob_address(project.root / chapter.path), "view_source", "code", strings),
        _link(report_address(project, chapter, docname, strings), "report", "bug", strings),
    ]
    if chapter.draft:
        parts.insert(0, f'<p class="stamp">{escape(strings("draft"))}</p>')
    return (
        f'<div class="chapter-header" role="group" aria-label="{escape(strings("launch"))}">'
        f"{''.join(parts)}"
        f'<p class="chapter-links">{"".join(links)}</p></div>'
    )


def _edition(edition: EditionLinks, status: str, strings: Strings) -> str:
    links = []
    first, *others = edition.runs
    for button in first.launch:
        words = strings("open_in", service=button.service)
        links.append(link_html(button.address, words, "rocket"))
    if edition.live:
        links.append(live_button(first.download, strings))
    links.append(_link(first.download, "download", "download", strings, download=True))
    for run in others:
        links.append(_link(run.download, f"download_{run.device}", "download", strings, True))
    if edition.exercises:
        links.append(_link(edition.exercises, "exercises", "pencil", strings))
    return (
        f'<div class="chapter-edition" data-framework="{edition.framework.key}">'
        f'<p class="chapter-launch"><span class="chapter-framework">'
        f"{escape(edition.framework.title)}</span>{''.join(links)}</p>"
        f"{''.join(_stamp(edition.framework, run, status, strings) for run in edition.runs)}</div>"
    )


def _stamp(framework: Framework, run: Run, status: str, strings: Strings) -> str:
    state, icon = ("verified", "circle-check") if run.record else ("recorded", "circle-info")
    words = escape(stamp(framework, run, strings))
    if status:
        words = f'<a class="chapter-link" href="{escape(status)}">{words}</a>'
    return (
        f'<p class="stamp {state}"><i class="fa-solid fa-{icon}" aria-hidden="true"></i> '
        f"<span>{words}</span></p>"
    )


def stamp(framework: Framework, run: Run, strings: Strings) -> str:
    """One line that says how far the outputs of a run have been verified, and by what."""
    record = run.record
    versions = versions_in_words(framework, record.versions if record else run.versions)
    device = strings(f"devices_{run.device}")
    if record is None:
        return strings("stamp_recorded", versions=versions, device=device)
    return strings(
        "stamp_verified",
        versions=versions,
        device=device,
        date=record.date[:10],
        compared=record.compared,
        claims=record.claims,
    )


def edition_links(
    project: Project,
    chapter: Chapter,
    versions: dict[str, dict[str, dict[str, str]]],
    up: str,
    exercises_page: str = "",
) -> list[EditionLinks]:
    """The links of each edition.

    Args:
        project: the book.
        chapter: the chapter.
        versions: by framework and by device, the packages that the notebook was recorded with.
        up: the relative address of the site's root on this page.
        exercises_page: the relative address of the page of the chapter's exercises, if it has one.
    """
    result = []
    for framework in project.frameworks:
        runs = []
        for device, recorded_with in versions[framework.key].items():
            notebook = project.notebook_path(chapter.name, framework.key, device)
            recorded = project.recorded_path(chapter.name, framework.key, device)
            record = project.record_path(chapter.name, framework.key, device)
            runs.append(
                Run(
                    device=device,
                    launch=tuple(project.launch_buttons(notebook)),
                    download=f"{up}{download_path(chapter.name, framework.key, device)}",
                    versions=recorded_with,
                    record=verified(record, recorded),
                )
            )
        exercises = (
            project.root / "exercises" / "notebooks" / framework.key / f"{chapter.name}.ipynb"
        )
        buttons = project.launch_buttons(exercises) if exercises.is_file() else []
        address = exercises_page or (buttons[0].address if buttons else "")
        live = project.live_servers is not None
        result.append(EditionLinks(framework, tuple(runs), address, live))
    return result


def versions_in_words(framework: Framework, versions: dict[str, str]) -> str:
    """The versions of a framework's packages, under their names for readers."""
    return ", ".join(
        f"{title} {versions[name]}"
        for name, title in framework.products.items()
        if name in versions
    )


def report_address(project: Project, chapter: Chapter, docname: str, strings: Strings) -> str:
    """The address of the form for reporting a mistake on this page, filled in."""
    query = urlencode(
        {
            "template": "mistake.yml",
            "title": strings("report_title", title=chapter.title),
            "page": project.page_address(docname),  # the form's field
        }
    )
    return f"{project.repository}/issues/new?{query}"


def _link(address: str, key: str, icon: str, strings: Strings, download: bool = False) -> str:
    return link_html(address, strings(key), icon, download)


def link_html(address: str, words: str, icon: str, download: bool = False) -> str:
    """A link with an icon before its words."""
    extra = f' download="{_file_name(address)}"' if download else ""
    return (
        f'<a class="chapter-link" href="{escape(address)}"{extra}>'
        f'<i class="fa-solid fa-{icon}" aria-hidden="true"></i> {escape(words)}</a>'
    )


def _file_name(address: str) -> str:
    """The name under which a notebook is saved: it names the framework."""
    *_, folder, name = address.split("/")
    return f"{name.removesuffix('.ipynb')}-{folder}.ipynb"
