"""The instructor's secret, from which every student's inputs are derived.

It is stored outside the repository, readable by its owner only, and never enters a sandbox.
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
    """The secret cannot be used; the message says why and what to do."""


class Secret:
    """The secret. Only values derived from it are ever shown."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint})"

    def seed(self, student: str, assignment: str, question: str, draw: int = 0) -> int:
        """Return the seed of one student's inputs to one question, each draw another one."""
        text = json.dumps([student, assignment, question, *([draw] if draw else [])])
        return int.from_bytes(self._digest(f"inputs {text}"), "big")

    @property
    def fingerprint(self) -> str:
        """An id of the secret, which reveals nothing else about it."""
        return self._digest("fingerprint").hex()[:16]

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._value, text.encode(), hashlib.sha256).digest()


def load_secret(file: Path) -> Secret:
    """Read the secret from `file`; if there is no such file, create it with a new secret.

    Raises:
        SecretError: other users can read the file, another user owns it, or it is damaged.
    """
    with contextlib.suppress(FileExistsError):
        _create(file)
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            raise SecretError(f"{file}: not a regular file, or owned by another user")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise SecretError(
                f"{file}: others can read it (mode {stat.S_IMODE(status.st_mode):04o}). If nobody "
                f"has read it, `chmod 600 {file}`; otherwise delete it, and a new one is created."
            )
        text = stream.read(200).strip()
    try:
        value = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != _LENGTH:
        raise SecretError(f"{file}: damaged; it should contain {2 * _LENGTH} hexadecimal digits")
    return Secret(value)


def _create(file: Path) -> None:
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written under another name and then linked: never half written, never replaced.
    new = file.with_name(f".{file.name}-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"{secrets.token_hex(_LENGTH)}\n")
        os.link(new, file)
    finally:
        new.unlink()
