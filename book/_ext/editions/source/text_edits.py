"""Edits of a text: parts of it that are replaced."""

from __future__ import annotations

from collections.abc import Iterable

Edit = tuple[int, int, str]
"""A part of a text, by its start and its end, and what takes its place."""


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits, which do not overlap."""
    pieces, at = [], 0
    for start, end, new in sorted(edits):
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])
