"""Errors that the command prints as one message, without a traceback."""

from __future__ import annotations


class EditionsError(Exception):
    """A problem in the project; the message says what is wrong, where, and what to do."""


class SourceError(EditionsError):
    """A problem at one line of a source file; the message begins with `path:line:`."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message
