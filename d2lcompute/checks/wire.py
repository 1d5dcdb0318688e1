"""The first edition's name for `d2lexercises.wire`."""

from d2lexercises.wire import (
    DEFAULT_LIMITS,
    DIMENSIONS,
    DTYPES,
    Limits,
    Plain,
    WireError,
    decode,
    encode,
)

__all__ = [
    "DEFAULT_LIMITS",
    "DIMENSIONS",
    "DTYPES",
    "Limits",
    "Plain",
    "WireError",
    "decode",
    "encode",
]
