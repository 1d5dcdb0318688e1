"""Show an error as it is, and go on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from d2lcompute._terminal import without_colours

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")  # of an object in memory: another one in each run
MARKER = re.compile(r"\bgoo\.gle/debug\w+ *")  # Protocol Buffers put one of several there
# Stack frames one below the other: where files lie differs from machine to machine.
FRAMES = re.compile(r'(?m)^([ #]*)(File "[^"\n]+", line \d+.*\n\s*)*File "[^"\n]+"(, line \d+.*)$')


@contextmanager
def shown_error(
    kind: type[Exception] | tuple[type[Exception], ...] = Exception, *, lines: int | None = None
) -> Iterator[None]:
    r"""Print the type and the message of the error that the block raises, and go on after it.

    The message is the whole message, but for what differs from run to run: addresses in memory are
    printed as ``0x...``, files of stack frames as ``File "..."``, of several frames in a row only
    the last, and the random marker before a printed protocol buffer is left out. Colours for
    terminals are left out too.

    Args:
        kind: the type of the error to expect, or several. Errors of other types pass through.
        lines: how many lines to print. Below them a line says how many are left out.

    Raises:
        RuntimeError: the block raised no error.

    >>> with shown_error():
    ...     int("seven")
    ValueError: invalid literal for int() with base 10: 'seven'
    >>> with shown_error(lines=1):
    ...     raise ValueError("too long\nA hint.\nA link.")
    ValueError: too long
    [lines left out: 2]
    """
    try:
        yield
    except kind as error:
        notes = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        message = MARKER.sub("", without_colours("\n".join(notes)))
        message = FRAMES.sub(r'\1File "..."\3', ADDRESS.sub("0x...", message)).strip()
        shown = message.split("\n")
        rest = len(shown[lines:]) if lines else 0
        print(*shown[:lines], *[f"[lines left out: {rest}]"] * (rest > 0), sep="\n")
    else:
        raise RuntimeError("the block raised no error, and shown_error was to show one")
