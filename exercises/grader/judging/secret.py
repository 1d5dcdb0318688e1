"""The instructor's secret, from which every student's inputs are drawn.

It lies outside the repository, readable by its owner only, and never enters a sandbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path

_LENGTH = 32  # bytes


class SecretError(RuntimeError):
    """The secret cannot be used; says why and what to do."""


class Secret:
    """The secret, of which only what is derived from it is ever shown."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint})"

    def seed(self, student: str, assignment: str, question: str) -> int:
        """The seed of one student's inputs to one question."""
        text = json.dumps([student, assignment, question])
        return int.from_bytes(self._digest(f"inputs {text}"), "big")

    @property
    def fingerprint(self) -> str:
        """Tells one secret from another and says nothing else about it."""
        return self._digest("fingerprint").hex()[:16]

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._value, text.encode(), hashlib.sha256).digest()


def data_folder() -> Path:
    """Where the grader keeps what is the instructor's: ``D2L_GRADER_DATA``, or the user's own."""
    if named := os.environ.get("D2L_GRADER_DATA"):
        return Path(named).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "d2l-grader"


def load_secret(file: Path) -> Secret:
    """The secret in `file`; made if there is none.

    Raises:
        SecretError: others can read the file, it belongs to someone else, or it is damaged.
    """
    with contextlib.suppress(FileExistsError):
        _make(file)
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            raise SecretError(f"{file}: not a file of yours")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise SecretError(
                f"{file}: others can read it (mode {stat.S_IMODE(status.st_mode):04o}). If nobody "
                f"has, `chmod 600 {file}`; otherwise remove it, and a new one is made."
            )
        text = stream.read(200).strip()
    try:
        value = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != _LENGTH:
        raise SecretError(f"{file}: damaged; it should hold {2 * _LENGTH} hexadecimal digits")
    return Secret(value)


def _make(file: Path) -> None:
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written aside and linked into place: never there half written, never replaced.
    new = file.with_name(f".{file.name}-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"{secrets.token_hex(_LENGTH)}\n")
        os.link(new, file)
    finally:
        new.unlink()
