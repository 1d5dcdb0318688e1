"""What the theme's templates get to know of a page, and which scripts and styles it loads."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from editions.base.strings import Strings
from editions.site.sphinx_project import current_project

# Extensions load these on every page, and no page of this book uses them: `editions.js` does the
# tabs.
UNUSED = ("thebe", "togglebutton", "toggleHint", "toggleOpenOnPrint", "design-tabs")
DESCRIPTION = 200  # characters
NEEDED = {  # files of the theme, by what a page that needs them holds
    re.compile(r'class="[^"]*\b(?:predict|quiz)\b'): ("questions.js",),
    re.compile(r'id="predictions"'): ("predictions.js",),
    re.compile(r"data-figure="): ("figures.js",),  # which loads the styles
}
EMPTY_HEAD = re.compile(r'<th class="head[^"]*">\s*<p></p>\s*</th>')
CITATION = re.compile(r"\s*\[[^]]*\d{4}[a-z]?\]")


def register(app: Sphinx) -> None:
    """Extend the context of every page, after the theme has."""
    app.connect("html-page-context", _load_what_it_needs)
    app.connect("html-page-context", _extend_context, priority=990)


def _load_what_it_needs(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    for held, files in NEEDED.items():
        if held.search(context.get("body", "")):
            for file in files:
                app.add_js_file(file, priority=900)  # after the scripts of every page


def _extend_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    project = current_project(app)
    context["editions"] = {
        "words": Strings(project.language),
        "frameworks": project.frameworks,
        "site": project.site,
        "description": _description(doctree) if doctree else "",
    }
    if "body" in context:  # corrects what axe reports in docutils' tables and bibliographies
        body = EMPTY_HEAD.sub("<td></td>", context["body"])
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    # With scripts off the page is light; with scripts on, the head's script follows the system.
    context["default_mode"] = "light"
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not _is_unused(file)]
    context["script_files"] = [_deferred(file) for file in context["script_files"]]


def _is_unused(file: Any) -> bool:
    attributes = getattr(file, "attributes", {})
    text = f"{getattr(file, 'filename', file)} {attributes.get('body', '')}"
    return any(name in text for name in UNUSED)


def _deferred(file: Any) -> Any:
    """The script, to be run once the page is parsed; inline scripts need the options at once."""
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
