"""Helpers for the book *Deep Learning Computation*.

Import the module of the framework you work with; both offer the same names:

    from d2lcompute import torch as d2l
    from d2lcompute import tensorflow as d2l

Importing ``d2lcompute`` alone loads no framework. ``python -m d2lcompute`` prints what
is installed and whether it works.
"""

__version__ = "0.1.0"
