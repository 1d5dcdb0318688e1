"""Files beside the pages: the page for missing addresses, the site map; scripts made small."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

from sphinx.application import Sphinx

from editions.base.strings import Strings
from editions.site.sphinx_project import current_project

SCRIPTS = (
    *("editions.js", "reading.js", "questions.js", "predictions.js", "search.js"),
    "live/*.js",
)
# Of Sphinx's own search, which `search_index` replaces.
REPLACED = ("searchtools.js", "language_data.js")
SUPERFLUOUS = re.compile(r"(?m)^[ \t]*//.*\n|^[ \t]+|[ \t]+// .*$")  # comments, indentation


def register(app: Sphinx) -> None:
    """Write the files at the end of a build."""
    app.connect("build-finished", _write_site_files)


def _write_site_files(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        site = Path(app.outdir)
        (site / "404.html").write_text(_missing_page(app), "utf8")
        (site / "sitemap.xml").write_text(_site_map(app), "utf8")
        for script in [one for name in SCRIPTS for one in (site / "_static").glob(name)]:
            script.write_text(SUPERFLUOUS.sub("", script.read_text("utf8")), "utf8")
        for name in REPLACED:
            (site / "_static" / name).unlink(missing_ok=True)


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
