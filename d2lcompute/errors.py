"""Show an error as it is, and go on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from d2lcompute._terminal import without_colours

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")  # of an object in memory: another one in each run
MARKER = re.compile(r"\bgoo\.gle/debug\w+ *")  # Protocol Buffers put one of several there


@contextmanager
def shown_error(kind: type[Exception] | tuple[type[Exception], ...] = Exception) -> Iterator[None]:
    """Print the type and the message of the error that the block raises, and go on after it.

    The message is the whole message, but for what differs from run to run: addresses in memory are
    printed as ``0x...``, and the random marker before a printed protocol buffer is left out.
    Colours for terminals are left out too.

    Args:
        kind: the type of the error to expect, or several. Errors of other types pass through.

    Raises:
        RuntimeError: the block raised no error.

    >>> with shown_error():
    ...     int("seven")
    ValueError: invalid literal for int() with base 10: 'seven'
    """
    try:
        yield
    except kind as error:
        lines = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        message = MARKER.sub("", without_colours("\n".join(lines)))
        print(ADDRESS.sub("0x...", message).strip())
    else:
        raise RuntimeError("the block raised no error, and shown_error was to show one")
