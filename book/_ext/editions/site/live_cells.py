"""Cells that run on the page: the button, and what its scripts get to know.

The scripts, in `book/theme/live`, are loaded when the button is pressed. They run every code cell
of the page, whatever kind of page it is, in a kernel for each framework. A page needs nothing but a
button for each edition, inside of an element with `data-framework`.
"""

from __future__ import annotations

from dataclasses import asdict
from html import escape

from sphinx.application import Sphinx
from sphinx.config import Config

from editions.base.launchers import LiveServers
from editions.base.strings import Strings
from editions.site.sphinx_project import current_project


def register(app: Sphinx) -> None:
    """Tell the scripts the words, the frameworks and the servers of the book."""
    app.connect("config-inited", _complete_context)


def live_button(notebook: str, strings: Strings) -> str:
    """The button that makes a page's cells run, hidden until a script finds that it can.

    Args:
        notebook: the address, relative to the page, of the notebook with the set-up cell.
        strings: the words of the page's language.
    """
    words, missing = escape(strings("run_here")), escape(strings("run_missing"))
    return (
        f'<button type="button" class="chapter-link live-start" '
        f'data-notebook="{escape(notebook)}" data-missing="{missing}" hidden>'
        f'<i class="fa-solid fa-play" aria-hidden="true"></i> {words}</button>'
    )


def _complete_context(app: Sphinx, config: Config) -> None:
    project = current_project(app)
    strings = Strings(project.language)
    config.html_context["live"] = {
        "words": strings.group("live_"),
        "captions": list(strings.group("shown_").values()),
        "frameworks": {framework.key: framework.title for framework in project.frameworks},
        "servers": asdict(project.live_servers or LiveServers()),
    }
