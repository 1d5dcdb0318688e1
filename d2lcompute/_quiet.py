"""Keep the start-up log of a library out of notebooks."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Lines of Google's logging library: 'I0000 00:00:1795190398.856381    5524 stub.cc:31] ...'
_LOG_LINE = re.compile(rb"[IWE]\d{4} [\d:.]+ +\d+ \S+:\d+\] |WARNING: All log messages before absl")


@contextmanager
def without_log_lines() -> Iterator[None]:
    """Drop the log lines that native code writes to standard error in the block.

    Everything else that it writes appears when the block ends. Python's `sys.stderr` is
    affected only where it writes to the same file descriptor.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            rest = b"".join(line for line in held if not _LOG_LINE.match(line))
            if rest:
                os.write(2, rest)
