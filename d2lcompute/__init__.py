"""Helpers for the book *Deep Learning Computation*.

Import the module of the framework you work with; both offer the same names:

    from d2lcompute import torch as d2l
    from d2lcompute import tensorflow as d2l

Importing ``d2lcompute`` alone loads no framework. ``python -m d2lcompute`` prints what
is installed and whether it works.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if not TYPE_CHECKING:  # a type checker would take every name as defined

    def __getattr__(name: str) -> object:
        raise AttributeError(
            f"module 'd2lcompute' has no attribute {name!r}; its helpers are in one module for "
            "each framework: from d2lcompute import torch as d2l, "
            "or from d2lcompute import tensorflow as d2l"
        )
