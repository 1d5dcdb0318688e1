"""Files: sources read as text, and results replaced as a whole, never by a half."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from editions.base.errors import EditionsError, SourceError


def read_text(path: Path, shown: str) -> str:
    """The text of a source, its lines ended alike, whatever editor wrote it.

    Raises:
        EditionsError: there is no such file, or it is not text in UTF-8; says where it is not.
    """
    if not path.is_file():
        raise EditionsError(f"{shown}: there is no such file")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
        at, found = data.index(b"\0"), "a zero byte"
    except UnicodeDecodeError as error:
        at, found = error.start, f"the byte 0x{data[error.start]:02x}, which is not UTF-8"
    raise SourceError(
        shown, data[:at].count(b"\n") + 1, f"here stands {found}: save the file as UTF-8"
    )


def write_atomically(path: Path, data: bytes) -> bool:
    """Make `path` hold `data`; return whether that changed anything.

    Raises:
        EditionsError: it cannot be written; what was there is there still.
    """
    try:
        if path.exists() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise EditionsError(f"{path} cannot be written: {error.strerror}") from error
    return True


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def digest(data: bytes) -> str:
    """The SHA-256 of `data`, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
