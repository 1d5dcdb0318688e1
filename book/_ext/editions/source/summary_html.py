"""The summary of a fold as HTML, since viewers do not render Markdown inside `<summary>`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin


def summary_html(markdown: str) -> str:
    """Render a line of portable Markdown; formulas stay as they are."""
    return _renderer().renderInline(markdown)


class _SummaryRenderer(RendererHTML):
    """Renders as little HTML as possible: quotation marks stay, and `\\$` keeps its backslash."""

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return escape(tokens[idx].content, quote=False)

    def text_special(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        return "\\$" if token.markup == "\\$" else escape(token.content, quote=False)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<code>{escape(tokens[idx].content, quote=False)}</code>"


@cache
def _renderer() -> MarkdownIt:
    parser = MarkdownIt("commonmark", renderer_cls=_SummaryRenderer).use(dollarmath_plugin)
    parser.disable("text_join")  # it would hide which characters had a backslash
    parser.add_render_rule(
        "math_inline",
        lambda self, tokens, idx, options, env: f"${escape(tokens[idx].content, quote=False)}$",
    )
    return parser
