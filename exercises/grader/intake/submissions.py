"""The submissions in a folder or a zip archive, and which of a student's submissions counts.

Files are named as Canvas and Moodle export them, or plainly:

- Canvas: ``lastnamefirst_LATE_12345_678910_file.ipynb`` (user id, submission id)
- Moodle: ``Last First_123456_assignsubmission_file_/file.ipynb`` (participant id)
- plain: ``student.ipynb``, or a folder for each student

Nothing is unpacked, and no link is followed. A file that cannot be accepted is refused with a
reason, and the others are read all the same.
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
from operator import attrgetter
from pathlib import Path, PurePosixPath

from grader.intake.notebooks import MOST_BYTES, NotebookError
from grader.units import GIB, MIB

MOST_FILES = 20_000
MOST_UNPACKED = 16 * GIB  # of an archive, by the sizes that it declares
_MOST_DEPTH = 4  # folders inside folders
_MOST_PARTS = 6  # of a path in an archive, the file name included
_MOST_RATIO = 200  # unpacked to packed, for a file of more than a megabyte
# The first id in a name is the system's; the text after it is chosen by the student.
_CANVAS = re.compile(r"(?P<name>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<order>\d+)_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_file_?(?P<file>.*)")
_IGNORED = {"__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "desktop.ini"}
_NOT_REGULAR = "not a regular file"
_TOO_DEEP = "too many folders deep"
_LINK = "a link; links are not followed"


class DamagedError(NotebookError):
    """An archive member could not be read; this may not be the student's fault."""


class IntakeError(ValueError):
    """The source is not a folder or archive that can be read; the message gives the reason."""


@dataclass(frozen=True)
class Refused:
    """A file that is not graded, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Submission:
    """One submitted file."""

    system: str  # "canvas", "moodle" or "plain"
    user: str  # the system's id of the student; for a plain file, its name
    name: str  # the student's name as the system writes it
    late: bool
    order: tuple[int, float, str]  # of a student's submissions, the largest counts
    label: str  # the path, for people
    read: Callable[[], bytes]  # raises OSError, or NotebookError (DamagedError is one)


@dataclass(frozen=True)
class _File:
    path: PurePosixPath
    modified: float  # seconds since 1970, or 0 if unknown
    read: Callable[[], bytes]


def collect(
    source: Path, deadline: datetime | None = None
) -> tuple[list[Submission], list[Refused]]:
    """Return each student's last submission, ordered by name, and the files that do not count.

    Raises:
        IntakeError: `source` cannot be read at all.
    """
    refused: list[Refused] = []
    if source.is_dir():
        files = _from_folder(source, refused)
    elif source.is_file():
        files = _from_archive(source, refused)
    else:
        raise IntakeError(f"{source}: there is no such folder or zip archive")
    last: dict[tuple[str, str], Submission] = {}
    for file in _without_common_folder(list(files)):
        if file.path.suffix.lower() != ".ipynb":
            refused.append(Refused(printable(str(file.path)), "not a notebook (.ipynb)"))
            continue
        submission = _identify(file, deadline)
        student = (submission.system, submission.user)
        if student in last:
            earlier, submission = sorted((last[student], submission), key=attrgetter("order"))
            refused.append(Refused(earlier.label, "a later submission counts"))
        last[student] = submission
    return sorted(last.values(), key=lambda item: (item.name.casefold(), item.user)), refused


def _without_common_folder(files: list[_File]) -> list[_File]:
    """Drop a folder that contains all files, as when the folder of a class was zipped."""
    while len(files) > 1:
        tops = {file.path.parts[0] for file in files}
        if len(tops) > 1 or any(len(file.path.parts) == 1 for file in files):
            break
        if _MOODLE.fullmatch(tops.pop()):
            break
        files = [
            dataclasses.replace(file, path=PurePosixPath(*file.path.parts[1:])) for file in files
        ]
    return files


def printable(text: str, length: int = 120) -> str:
    """Return `text` without characters that control a terminal, cut to `length` characters."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _identity(text: str) -> str:
    """Return a printable id of a student, different for different texts."""
    shown = printable(text)
    if shown == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{printable(text, 100)}~{digest[:10]}"


def _identify(file: _File, deadline: datetime | None) -> Submission:
    path = file.path
    late = bool(deadline and file.modified and file.modified > deadline.timestamp())
    system, user, name, order = "plain", path.parts[0], path.parts[0], 0
    if len(path.parts) == 1:
        user = name = path.stem
    if match := _MOODLE.fullmatch(path.parts[0]):
        system, user, name = "moodle", match["user"], match["name"]
    elif len(path.parts) == 1 and (match := _CANVAS.fullmatch(path.name)):
        system, user, name = "canvas", match["user"], match["name"]
        late, order = late or bool(match["late"]), int(match["order"][:18])
    return Submission(
        system,
        _identity(user),
        printable(name),
        late,
        (order, file.modified, str(path)),
        printable(str(path)),
        file.read,
    )


# -- folders -----------------------------------------------------------------------------------


def _from_folder(root: Path, refused: list[Refused]) -> Iterator[_File]:
    waiting, count = [(root, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            refused.append(Refused(printable(str(folder)), str(error.strerror)))
            continue
        for entry in entries:
            if _is_ignored(entry.name):
                continue
            path = PurePosixPath(os.path.relpath(entry.path, root))
            count += 1
            if count > MOST_FILES:
                raise IntakeError(f"{root}: more than {MOST_FILES:,} files")
            if entry.is_symlink():
                refused.append(Refused(printable(str(path)), _LINK))
            elif entry.is_dir(follow_symlinks=False):
                if depth < _MOST_DEPTH:
                    waiting.append((Path(entry.path), depth + 1))
                else:
                    refused.append(Refused(printable(str(path)), _TOO_DEEP))
            elif not entry.is_file(follow_symlinks=False):
                refused.append(Refused(printable(str(path)), _NOT_REGULAR))
            else:
                try:
                    modified = entry.stat(follow_symlinks=False).st_mtime
                except OSError as error:  # deleted since the folder was listed
                    refused.append(Refused(printable(str(path)), str(error.strerror)))
                    continue
                yield _File(path, modified, _file_reader(entry.path))


def _file_reader(path: str) -> Callable[[], bytes]:
    def read() -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotebookError(_NOT_REGULAR)
            _check_size(status.st_size)
            return stream.read(MOST_BYTES + 1)

    return read


# -- archives ----------------------------------------------------------------------------------


def _from_archive(file: Path, refused: list[Refused]) -> Iterator[_File]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise IntakeError(f"{file}: not a readable zip archive ({error})") from None
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise IntakeError(f"{file}: more than {MOST_FILES:,} files")
    if sum(member.file_size for member in members) > MOST_UNPACKED:
        raise IntakeError(f"{file}: unpacks to more than {MOST_UNPACKED // GIB} GB")
    names: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        if not path.parts or member.is_dir():
            continue
        if set(path.parts) & _IGNORED or _is_ignored(path.name):
            continue
        reason = _reason_to_refuse(member)
        if not reason and member.filename in names:
            reason = "occurs twice in the archive"
        names.add(member.filename)
        if reason:
            refused.append(Refused(printable(member.filename), reason))
            continue
        try:
            modified = datetime(*member.date_time).timestamp()
        except (ValueError, OverflowError):
            modified = 0.0
        yield _File(path, modified, _member_reader(archive, member))


def _reason_to_refuse(member: zipfile.ZipInfo) -> str:
    """Return why an archive member is refused, or "" if it is accepted."""
    name, kind = member.filename, stat.S_IFMT(member.external_attr >> 16)
    parts = name.split("/")
    if stat.S_ISLNK(kind):
        return _LINK
    if kind not in (0, stat.S_IFREG):
        return _NOT_REGULAR
    if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or re.match("[A-Za-z]:", name):
        return "its path leads out of the archive"
    if len(parts) > _MOST_PARTS:
        return _TOO_DEEP
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
                return stream.read(MOST_BYTES + 1)  # the declared size may be false
        except Exception as error:  # each compression method raises exceptions of its own
            reason = printable(f"{type(error).__name__}: {error}")
            raise DamagedError(f"damaged in the archive: {reason}") from None

    return read


def _is_ignored(name: str) -> bool:
    return name in _IGNORED or name.startswith("._")


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise NotebookError(
            f"the file has {size / MIB:.0f} MB; at most {MOST_BYTES // MIB} MB are read"
        )


def reasons(refused: Iterable[Refused]) -> Iterator[str]:
    """Yield a line for each file that is not graded."""
    for item in refused:
        yield f"{item.label}: {item.reason}"
