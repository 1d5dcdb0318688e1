"""What dresses the site: the page's head, folds, the page for lost readers, the map for engines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx

from editions.base.strings import Strings
from editions.site.sphinx_project import current_project
from editions.site.unused_styles import slim_styles

# What extensions load on every page and no page of this book uses; `editions.js` does the tabs.
UNUSED = ("thebe", "togglebutton", "toggleHint", "toggleOpenOnPrint", "design-tabs")
DESCRIPTION = 200  # characters
EMPTY_HEAD = re.compile(r'<th class="head[^"]*">\s*<p></p>\s*</th>')
# What Sphinx drops from a page before it quotes from it in search results, and what it should drop:
# the buttons under the title, and what screen readers hear of a formula.
QUOTED = ('".headerlink", "script"', '".headerlink", ".chapter-header", ".katex-mathml", "script"')
CITATION = re.compile(r"\s*\[[^]]*\d{4}[a-z]?\]")


def register(app: Sphinx) -> None:
    """Connect to the build."""
    app.add_node(HideCodeCellNode, override=True, html=(_open_fold, _close_fold))
    app.connect("html-page-context", _page_context, priority=990)
    app.connect("build-finished", _write_site_files)


# -- pages -------------------------------------------------------------------------------------


def _page_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    project = current_project(app)
    context["editions"] = {
        "words": Strings(project.language),
        "frameworks": project.frameworks,
        "site": project.site,
        "description": _description(doctree) if doctree else "",
    }
    if "body" in context:  # mends what axe finds in docutils' tables and lists of references
        body = EMPTY_HEAD.sub("<td></td>", context["body"])
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    # With scripts off the page is light; with scripts on, the head's script follows the system.
    context["default_mode"] = "light"
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not _is_unused(file)]
    if page != "search":  # whose own scripts need the others at once
        context["script_files"] = [_deferred(file) for file in context["script_files"]]


def _is_unused(file: Any) -> bool:
    attributes = getattr(file, "attributes", {})
    what = f"{getattr(file, 'filename', file)} {attributes.get('body', '')}"
    return any(name in what for name in UNUSED)


def _deferred(file: Any) -> Any:
    """The script, run once the page is there; inline scripts need the options at once."""
    name = str(file.filename or "")
    if not name or name.endswith("documentation_options.js"):
        return file
    attributes = {**file.attributes, "defer": "defer"}
    return type(file)(file.filename, priority=file.priority, **attributes)


def _description(doctree: nodes.document) -> str:
    """The first paragraph of the page, cut between words."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            text = CITATION.sub("", " ".join(paragraph.astext().split()))
            if len(text) > DESCRIPTION:
                text = text[: DESCRIPTION - 1].rsplit(" ", 1)[0] + "…"
            return text
    return ""


# -- folds -------------------------------------------------------------------------------------


def _open_fold(self: Any, node: HideCodeCellNode) -> None:
    """A fold whose line says what is in it; MyST-NB's own says the same of all of them."""
    shown, hidden = (_with_code(node[prompt]) for prompt in ("prompt_show", "prompt_hide"))
    line = shown
    if shown != hidden:
        line = f'<span class="collapsed">{shown}</span><span class="expanded">{hidden}</span>'
    kind = "fold-claim" if "above-input" in node["classes"] else "fold-output"
    self.body.append(f'<details class="fold {kind}">\n<summary>{line}</summary>\n')


def _close_fold(self: Any, node: HideCodeCellNode) -> None:
    self.body.append("</details>\n")


def _with_code(text: str) -> str:
    """`text` as HTML, with what stands between backticks as code."""
    parts = escape(text, quote=False).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


# -- beside the pages --------------------------------------------------------------------------


def _write_site_files(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html" or app.builder.name != "html":
        return
    project = current_project(app)
    pages = [
        {"address": f"{quote(name)}.html", "title": app.env.titles[name].astext()}
        for name in _reading_order(app, app.config.root_doc)
    ]
    # Served in place of any missing page, at any depth: so it is whole in itself.
    lost = app.builder.templates.render(
        "404.html",
        {
            "language": project.language,
            "project": app.config.html_title,
            "site": project.site,
            "words": Strings(project.language),
            "pages": pages,
        },
    )
    Path(app.outdir, "404.html").write_text(lost, "utf8")
    addresses = "".join(
        f"  <url><loc>{escape(project.page_address(name))}</loc></url>\n"
        for name in sorted(app.env.found_docs)
    )
    Path(app.outdir, "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{addresses}</urlset>\n",
        "utf8",
    )
    search = Path(app.outdir, "_static", "searchtools.js")
    search.write_text(search.read_text("utf8").replace(*QUOTED), "utf8")
    slim_styles(project, Path(app.outdir))


def _reading_order(app: Sphinx, page: str) -> Iterator[str]:
    """`page` and the pages below it, as the table of contents has them."""
    yield page
    for below in app.env.toctree_includes.get(page, []):
        yield from _reading_order(app, below)
