"""What stands under a chapter's title: where to run it, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from editions.frameworks import Framework
from editions.project import Project
from editions.record import Record, verified
from editions.source import Chapter
from editions.strings import Strings


@dataclass(frozen=True)
class Launch:
    """What the header says of one edition."""

    framework: Framework
    colab: str  # address, or an empty string
    download: str  # address of the notebook, relative to the page
    exercises: str  # address of the exercises in Colab, or an empty string
    versions: dict[str, str]
    record: Record | None


def header_html(project: Project, chapter: Chapter, launches: list[Launch], docname: str) -> str:
    """The header as HTML; each edition's part carries `data-framework`."""
    strings = Strings(project.language)
    parts = [_edition(launch, strings) for launch in launches]
    links = [
        _link(project.blob_address(project.root / chapter.path), "view_source", "code", strings),
        _link(_report_address(project, chapter, docname, strings), "report", "bug", strings),
    ]
    return (
        f'<div class="chapter-header" role="group" aria-label="{escape(strings("launch"))}">'
        f"{''.join(parts)}"
        f'<p class="chapter-links">{"".join(links)}</p></div>'
    )


def _edition(launch: Launch, strings: Strings) -> str:
    links = []
    if launch.colab:
        links.append(_link(launch.colab, "open_in_colab", "rocket", strings))
    links.append(_link(launch.download, "download", "download", strings, download=True))
    if launch.exercises:
        links.append(_link(launch.exercises, "exercises", "pencil", strings))
    state, icon = ("verified", "circle-check") if launch.record else ("recorded", "circle-info")
    return (
        f'<div class="chapter-edition" data-framework="{launch.framework.key}">'
        f'<p class="chapter-launch"><span class="chapter-framework">'
        f"{escape(launch.framework.title)}</span>{''.join(links)}</p>"
        f'<p class="stamp {state}"><i class="fa-solid fa-{icon}" aria-hidden="true"></i> '
        f"<span>{escape(stamp(launch, strings))}</span></p></div>"
    )


def stamp(launch: Launch, strings: Strings) -> str:
    """One line that says how far the outputs of an edition have been verified, and by what."""
    record = launch.record
    versions = _versions(launch.framework, record.versions if record else launch.versions)
    if record is None:
        return strings("stamp_recorded", versions=versions)
    device = (
        strings(f"devices_{record.device}") if record.device in ("cpu", "gpu") else record.device
    )
    return strings(
        "stamp_verified",
        versions=versions,
        device=device,
        date=record.date[:10],
        compared=record.compared,
        claims=record.claims,
    )


def launches(
    project: Project, chapter: Chapter, versions: dict[str, dict[str, str]], up: str
) -> list[Launch]:
    """What there is to launch; `up` leads from the page's folder to the site's root."""
    result = []
    for framework in project.frameworks:
        notebook = project.notebook_path(chapter.name, framework.key)
        exercises = project.root / "exercises" / "notebooks" / framework.key / notebook.name
        result.append(
            Launch(
                framework=framework,
                colab=project.colab_address(notebook),
                download=f"{up}notebooks/cpu/{framework.key}/{notebook.name}",
                exercises=project.colab_address(exercises) if exercises.is_file() else "",
                versions=versions[framework.key],
                record=verified(project.record_path(chapter.name, framework.key), notebook),
            )
        )
    return result


def _versions(framework: Framework, versions: dict[str, str]) -> str:
    titles = {"torch": "PyTorch", "tensorflow": "TensorFlow", "keras": "Keras"}
    return ", ".join(
        f"{titles[name]} {versions[name]}"
        for name in framework.packages
        if name in titles and name in versions
    )


def _report_address(project: Project, chapter: Chapter, docname: str, strings: Strings) -> str:
    query = urlencode(
        {
            "title": strings("report_title", title=chapter.title),
            "body": strings("report_body", page=project.page_address(docname)),
        }
    )
    return f"{project.repository}/issues/new?{query}"


def _link(address: str, key: str, icon: str, strings: Strings, download: bool = False) -> str:
    extra = " download" if download else ""
    words = escape(strings(key))
    return (
        f'<a class="chapter-link" href="{escape(address)}"{extra}>'
        f'<i class="fa-solid fa-{icon}" aria-hidden="true"></i> {words}</a>'
    )
