"""Files beside the pages: the page for missing addresses, the site map, the search script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

from sphinx.application import Sphinx

from editions.base.strings import Strings
from editions.site.sphinx_project import current_project

# Before Sphinx quotes a page in search results, it drops these parts. It should also drop the
# buttons under the title, and what screen readers hear of a formula.
DROPPED = '".headerlink", "script"'
SCRIPTS = ("editions.js", "reading.js", "questions.js", "predictions.js", "live/*.js")
SUPERFLUOUS = re.compile(r"(?m)^[ \t]*//.*\n|^[ \t]+|[ \t]+// .*$")  # comments, indentation
ALSO_DROPPED = '".headerlink", ".chapter-header", ".katex-mathml", "script"'


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
        search = site / "_static" / "searchtools.js"
        search.write_text(search.read_text("utf8").replace(DROPPED, ALSO_DROPPED), "utf8")


def _missing_page(app: Sphinx) -> str:
    """The page that hosts serve for any missing address; it needs no other file."""
    project = current_project(app)
    pages = [
        {"address": f"{quote(name)}.html", "title": app.env.titles[name].astext()}
        for name in _reading_order(app, app.config.root_doc)
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


def _reading_order(app: Sphinx, page: str) -> Iterator[str]:
    """`page` and the pages below it, in the order of the table of contents."""
    yield page
    for below in app.env.toctree_includes.get(page, []):
        yield from _reading_order(app, below)


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
