"""How source files are read, and how results are written: each file is replaced as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from d2lcompute._files import replace_file
from editions.base.errors import EditionsError, SourceError


def read_text(path: Path, shown: str) -> str:
    """Return the text of a source file, with each line ending as a newline.

    Args:
        path: the file.
        shown: its name in messages.

    Raises:
        EditionsError: there is no such file, or it is not UTF-8; names the line.
    """
    if not path.is_file():
        raise EditionsError(f"{shown}: there is no such file")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
        position, problem = data.index(b"\0"), "unexpected zero byte"
    except UnicodeDecodeError as error:
        position, problem = error.start, f"byte 0x{data[error.start]:02x} is not UTF-8"
    line = data[:position].count(b"\n") + 1
    raise SourceError(shown, line, f"{problem}: save the file as UTF-8")


def write_atomically(path: Path, data: bytes) -> bool:
    """Replace a file, and create its folder where needed; return whether its content changed.

    Raises:
        EditionsError: the file cannot be written; its old content is kept.
    """
    try:
        if path.exists() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise EditionsError(f"{path} cannot be written: {error.strerror}") from error
    return True


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of_files(folder: Path, paths: Iterable[Path]) -> str:
    """Return the SHA-256 of files' names below `folder` and of what they hold, in any order."""
    digests = [
        f"{path.relative_to(folder).as_posix()} {digest(path.read_bytes())}" for path in paths
    ]
    return digest("\n".join(sorted(digests)).encode())
