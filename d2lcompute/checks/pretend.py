"""The first edition's name for `d2lexercises.pretend`."""

from d2lexercises.pretend import (
    pretend_devices,
)

__all__ = ["pretend_devices"]
