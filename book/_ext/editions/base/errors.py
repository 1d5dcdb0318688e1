"""Errors that are shown to a person as one message, without a traceback."""

from __future__ import annotations


class EditionsError(Exception):
    """Something in the project is wrong; the message says what, where and what to do."""


class SourceError(EditionsError):
    """A chapter's source breaks a rule of the format."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
