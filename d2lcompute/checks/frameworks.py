"""The first edition's name for `d2lexercises.frameworks`."""

from d2lexercises.frameworks import (
    ACTIVATIONS,
    KEYS,
    Framework,
    Layer,
    Tensor,
    detect,
    load,
)

__all__ = ["ACTIVATIONS", "KEYS", "Framework", "Layer", "Tensor", "detect", "load"]
