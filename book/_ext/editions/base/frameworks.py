"""The frameworks, as the book's tools see them: `d2lcompute._frameworks` has their table."""

from d2lcompute._frameworks import FRAMEWORKS, Framework

__all__ = ["FRAMEWORKS", "Framework"]
