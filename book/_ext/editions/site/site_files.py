"""Files beside the pages: the page for missing addresses, the site map; files made small."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

import minify
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

from editions.base.strings import Strings
from editions.site.sphinx_project import current_project

OURS = (
    *("editions", "reading", "questions", "predictions", "search", "figures", "stage"),
    *("live/*", "figures/*"),
)
TYPES = {".js": "application/javascript", ".css": "text/css"}
# Of Sphinx's own search, which `search_index` replaces; an earlier build may have left the index.
REPLACED = ("_static/searchtools.js", "_static/language_data.js", "searchindex.js")


def register(app: Sphinx) -> None:
    """Write the files at the end of a build."""
    app.connect("builder-inited", _leave_out_search)
    app.connect("build-finished", _write_site_files)


def _leave_out_search(app: Sphinx) -> None:
    """Let Sphinx write the search page, and no index of its own."""
    if isinstance(app.builder, StandaloneHTMLBuilder):
        app.builder.search = False
        app.config.html_additional_pages["search"] = "search.html"


def _write_site_files(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        site = Path(app.outdir)
        (site / "404.html").write_text(_missing_page(app), "utf8")
        (site / "sitemap.xml").write_text(_site_map(app), "utf8")
        for suffix, kind in TYPES.items():
            for path in [one for name in OURS for one in (site / "_static").glob(name + suffix)]:
                path.write_text(minify.string(kind, path.read_text("utf8")), "utf8")
        for name in REPLACED:
            (site / name).unlink(missing_ok=True)


def _missing_page(app: Sphinx) -> str:
    """The page that hosts serve for any missing address; it needs no other file."""
    project = current_project(app)
    pages = [
        {"address": f"{quote(name)}.html", "title": app.env.titles[name].astext()}
        for name in reading_order(app, app.config.root_doc)
    ]
    return app.builder.templates.render(
        "404.html",
        {
            "language": project.language,
            "project": app.config.html_title,
            "site": project.site,
            "words": Strings(project.language),
            "pages": pages,
        },
    )


def reading_order(app: Sphinx, page: str) -> Iterator[str]:
    """`page` and the pages below it, in the order of the table of contents."""
    yield page
    for below in app.env.toctree_includes.get(page, []):
        yield from reading_order(app, below)


def _site_map(app: Sphinx) -> str:
    """The addresses of all pages, for search engines."""
    project = current_project(app)
    addresses = "".join(
        f"  <url><loc>{escape(project.page_address(name))}</loc></url>\n"
        for name in sorted(app.env.found_docs)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{addresses}</urlset>\n"
    )
