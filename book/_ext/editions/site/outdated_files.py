"""Remove from `_build` what earlier builds and runs made for pages that the book no longer has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

from editions.base.project import DEVICES, Project


def register(app: Sphinx) -> None:
    """Clean the site up at the end of a build, before other handlers add files to it."""
    app.connect("build-finished", _remove_outdated_files, priority=100)


def remove_outdated_records(project: Project) -> None:
    """Remove verification records and differences of editions that the book does not have."""
    editions = [
        (page.stem, framework.key, device)
        for page in project.chapters
        for framework in project.frameworks
        for device in DEVICES
    ]
    for path_of in (project.record_path, project.differences_path):
        current = {path_of(*edition) for edition in editions}
        folder = path_of("any", "any").parents[2]
        for path in _files(folder):
            if path not in current:
                path.unlink()


def _remove_outdated_files(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    current = set(_sources(app)) | set(_copied(app)) | set(_extra_files(app))
    copies = (site / "_sources", site / "_images", site / "_downloads")
    outdated = {path for folder in copies for path in _files(folder)} - current
    # Pages that Sphinx makes without a source, such as search, have no copy of one and stay.
    pages = {_page_of(path, app) for path in outdated if path.is_relative_to(copies[0])}
    outdated |= pages - {site / f"{name}.html" for name in app.env.found_docs}
    for path in outdated:
        path.unlink(missing_ok=True)
        _remove_empty_folders(path.parent, site)


def _page_of(source: Path, app: Sphinx) -> Path:
    """The page that was made from a source, of which this is the copy."""
    name = source.relative_to(Path(app.outdir, "_sources")).as_posix()
    for suffix in (app.config.html_sourcelink_suffix, *app.config.source_suffix):
        name = name.removesuffix(suffix)
    return Path(app.outdir, f"{name}.html")


def _sources(app: Sphinx) -> Iterator[Path]:
    """The copies of the pages' sources."""
    suffix = app.config.html_sourcelink_suffix
    for name in app.env.found_docs:
        source = app.env.doc2path(name, base=False)
        yield Path(app.outdir, "_sources", source)
        yield Path(app.outdir, "_sources", f"{source}{suffix}")


def _copied(app: Sphinx) -> Iterator[Path]:
    """The copies of pictures, and of files that pages offer for download."""
    for folder, files in (("_images", app.env.images), ("_downloads", app.env.dlfiles)):
        for _, name in files.values():
            yield Path(app.outdir, folder, name)


def _extra_files(app: Sphinx) -> Iterator[Path]:
    """The copies of files that the setting `html_extra_path` names."""
    for entry in app.config.html_extra_path:
        source = Path(app.confdir, entry)
        for path in [source] if source.is_file() else _files(source):
            yield Path(app.outdir, path.name if path == source else path.relative_to(source))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _remove_empty_folders(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
