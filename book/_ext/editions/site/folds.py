"""Folds, in which a page hides claims and the numbers of figures."""

from __future__ import annotations

from html import escape
from typing import Any

from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx


def register(app: Sphinx) -> None:
    """Replace MyST-NB's folds, whose summaries all say the same."""
    app.add_node(HideCodeCellNode, override=True, html=(_open_fold, _close_fold))


def _open_fold(self: Any, node: HideCodeCellNode) -> None:
    summary = _with_code(node["prompt_show"])
    self.body.append(f'<details class="fold fold-claim">\n<summary>{summary}</summary>\n')


def _close_fold(self: Any, node: HideCodeCellNode) -> None:
    self.body.append("</details>\n")


def _with_code(text: str) -> str:
    """`text` as HTML, with the parts between backticks as code."""
    parts = escape(text, quote=False).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
