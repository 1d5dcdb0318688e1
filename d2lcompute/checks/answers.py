"""The first edition's name for `d2lexercises.answers`."""

from d2lexercises.answers import (
    Check,
    checks_in,
    python_of,
    questions_named_in,
)

__all__ = ["Check", "checks_in", "python_of", "questions_named_in"]
