"""The frame of the pages that the grader writes: they need no other file, and run no script."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def html_page(title: str, style: str, policy: str, parts: Iterable[str]) -> str:
    """Return a page as HTML.

    Args:
        title: as text.
        style: the style sheet.
        policy: what the page may load, in the words of a Content-Security-Policy.
        parts: what is on the page, as HTML.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
