"""What was handed in: a folder or a zip archive, as Canvas and Moodle export it, or a plain one.

Nothing is unpacked, and no link is followed. What cannot be taken is refused with a line that says
why; it never stops the others.

- Canvas: ``lastnamefirst_LATE_12345_678910_file.ipynb`` (user id, submission id)
- Moodle: ``Last First_123456_assignsubmission_file_/file.ipynb`` (participant id)
- plain: ``student.ipynb``, or a folder for each student
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from grader.intake.notebooks import MOST_BYTES, NotebookError
from grader.sandbox.limits import GIB, MIB

MOST_FILES = 20_000
MOST_UNPACKED = 16 * GIB  # of an archive, as it declares
_MOST_RATIO = 200  # unpacked to packed, of what is larger than a megabyte
# The first id counts: what follows it is a name that the student chose.
_CANVAS = re.compile(r"(?P<name>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<order>\d+)_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_file_?(?P<file>.*)")
_SKIPPED = ("__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "desktop.ini")


class DamagedError(NotebookError):
    """A file of an archive cannot be read here, which need not be the student's doing."""


class IntakeError(ValueError):
    """What was given is no folder and no archive that can be read; says why."""


@dataclass(frozen=True)
class Refused:
    """Something that was not taken."""

    label: str
    reason: str


@dataclass(frozen=True)
class Submission:
    """One file that was handed in."""

    system: str  # "canvas", "moodle" or "plain"
    user: str  # the system's id of the student; of a plain file its name
    name: str  # the student's name as the system writes it
    late: bool
    order: tuple[int, float, str]  # of a student's submissions the largest counts
    label: str  # for people
    read: Callable[[], bytes]  # raises NotebookError, DamagedError among them, OSError


@dataclass(frozen=True)
class _Entry:
    path: PurePosixPath
    when: float  # seconds since 1970, or 0
    read: Callable[[], bytes]


def collect(
    source: Path, deadline: datetime | None = None
) -> tuple[list[Submission], list[Refused]]:
    """Every student's last submission, by name, and what was refused or is superseded.

    Raises:
        IntakeError: `source` cannot be read at all.
    """
    refused: list[Refused] = []
    if source.is_dir():
        entries = _from_folder(source, refused)
    elif source.is_file():
        entries = _from_archive(source, refused)
    else:
        raise IntakeError(f"{source}: there is no such folder or zip archive")
    last: dict[tuple[str, str], Submission] = {}
    for entry in _without_wrapper(list(entries)):
        if entry.path.suffix.lower() != ".ipynb":
            refused.append(Refused(printable(str(entry.path)), "not a notebook (.ipynb)"))
            continue
        one = _identify(entry, deadline)
        key = (one.system, one.user)
        older = min((one, last.get(key, one)), key=lambda found: found.order)
        if key in last:
            refused.append(Refused(older.label, "a later submission counts"))
        last[key] = max((one, last.get(key, one)), key=lambda found: found.order)
    found = sorted(last.values(), key=lambda one: (one.name.casefold(), one.user))
    return found, refused


def _without_wrapper(entries: list[_Entry]) -> list[_Entry]:
    """Paths below a folder that holds everything, as when the folder of a class was zipped."""
    while len(entries) > 1:
        tops = {entry.path.parts[0] for entry in entries}
        if len(tops) > 1 or any(len(entry.path.parts) == 1 for entry in entries):
            break
        if _MOODLE.fullmatch(tops.pop()):
            break
        entries = [
            dataclasses.replace(entry, path=PurePosixPath(*entry.path.parts[1:]))
            for entry in entries
        ]
    return entries


def printable(text: str, length: int = 120) -> str:
    """`text` without characters that steer a terminal, and not longer than `length`."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _identity(text: str) -> str:
    """`text` as a student is called in tables; different for different texts."""
    shown = printable(text)
    if shown == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{printable(text, 100)}~{digest[:10]}"


def _identify(entry: _Entry, deadline: datetime | None) -> Submission:
    path = entry.path
    after = bool(deadline and entry.when and entry.when > deadline.timestamp())
    system, user, name, late, order = "plain", path.parts[0], path.parts[0], False, 0
    if len(path.parts) == 1:
        user = name = path.stem
    if found := _MOODLE.fullmatch(path.parts[0]):
        system, user, name = "moodle", found["user"], found["name"]
    elif len(path.parts) == 1 and (found := _CANVAS.fullmatch(path.name)):
        system, user, name = "canvas", found["user"], found["name"]
        late, order = bool(found["late"]), int(found["order"][:18])
    return Submission(
        system,
        _identity(user),
        printable(name),
        late or after,
        (order, entry.when, str(path)),
        printable(str(path)),
        entry.read,
    )


# -- folders -----------------------------------------------------------------------------------


def _from_folder(root: Path, refused: list[Refused]) -> Iterator[_Entry]:
    waiting, count = [(root, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        try:
            found = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as error:
            refused.append(Refused(printable(str(folder)), str(error.strerror)))
            continue
        for one in found:
            if one.name in _SKIPPED or one.name.startswith("._"):
                continue
            path = PurePosixPath(os.path.relpath(one.path, root))
            count += 1
            if count > MOST_FILES:
                raise IntakeError(f"{root}: more than {MOST_FILES:,} files")
            if one.is_symlink():
                refused.append(Refused(printable(str(path)), "a link; links are not followed"))
            elif one.is_dir(follow_symlinks=False):
                if depth < 4:
                    waiting.append((Path(one.path), depth + 1))
                else:
                    refused.append(Refused(printable(str(path)), "too many folders deep"))
            elif not one.is_file(follow_symlinks=False):
                refused.append(Refused(printable(str(path)), "no ordinary file"))
            else:
                try:
                    when = one.stat(follow_symlinks=False).st_mtime
                except OSError as error:  # gone in the meantime
                    refused.append(Refused(printable(str(path)), str(error.strerror)))
                    continue
                yield _Entry(path, when, _file_reader(one.path))


def _file_reader(path: str) -> Callable[[], bytes]:
    def read() -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotebookError("no ordinary file")
            _check_size(status.st_size)
            return stream.read(MOST_BYTES + 1)

    return read


# -- archives ----------------------------------------------------------------------------------


def _from_archive(file: Path, refused: list[Refused]) -> Iterator[_Entry]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise IntakeError(f"{file}: no zip archive that can be read ({error})") from None
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise IntakeError(f"{file}: more than {MOST_FILES:,} files")
    if sum(member.file_size for member in members) > MOST_UNPACKED:
        raise IntakeError(f"{file}: unpacks to more than {MOST_UNPACKED // GIB} GB")
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        if not path.parts or member.is_dir():
            continue
        if set(path.parts) & set(_SKIPPED) or path.name.startswith("._"):
            continue
        reason = _objection(member)
        if not reason and member.filename in seen:
            reason = "occurs twice in the archive"
        seen.add(member.filename)
        if reason:
            refused.append(Refused(printable(member.filename), reason))
            continue
        try:
            when = datetime(*member.date_time).timestamp()
        except (ValueError, OverflowError):
            when = 0.0
        yield _Entry(path, when, _member_reader(archive, member))


def _objection(member: zipfile.ZipInfo) -> str:
    """Why a member is not taken; "" if it is."""
    name, kind = member.filename, stat.S_IFMT(member.external_attr >> 16)
    parts = name.split("/")
    if stat.S_ISLNK(kind):
        return "a link; links are not followed"
    if kind not in (0, stat.S_IFREG):
        return "no ordinary file"
    if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or re.match("[A-Za-z]:", name):
        return "its path leads out of the archive"
    if len(parts) > 6:
        return "too many folders deep"
    if member.flag_bits & 1:
        return "encrypted"
    if member.file_size > MIB and member.file_size > _MOST_RATIO * max(member.compress_size, 1):
        return f"unpacks to {member.file_size // MIB} MB, which looks like a zip bomb"
    return ""


def _member_reader(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        _check_size(member.file_size)
        try:
            with archive.open(member) as stream:
                return stream.read(MOST_BYTES + 1)  # whatever size it declares
        except Exception as error:  # what the many kinds of compression raise is not one family
            said = printable(f"{type(error).__name__}: {error}")
            raise DamagedError(f"damaged in the archive: {said}") from None

    return read


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        said = f"{size / MIB:.0f} MB; at most {MOST_BYTES // MIB} MB are read"
        raise NotebookError(f"the file has {said}")


def reasons(refused: Iterable[Refused]) -> Iterator[str]:
    """What was refused, a line each."""
    for one in refused:
        yield f"{one.label}: {one.reason}"
