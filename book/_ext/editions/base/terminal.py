"""Text as terminals show it: `d2lcompute._terminal` has the one implementation."""

from d2lcompute._terminal import without_colours

__all__ = ["without_colours"]
