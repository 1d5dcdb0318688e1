"""The files in a folder or a zip archive. Nothing is unpacked, and no link is followed.

A file that cannot be accepted is refused with a reason; the others are read all the same. A zip
archive that a student handed in is read like a folder of that name.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from grader.intake import zip_names
from grader.intake.names import printable
from grader.intake.notebooks import MOST_BYTES, NotebookError, kind_of_archive, read_notebook
from grader.units import MIB

MOST_FILES = 20_000  # of one student
MOST_ARCHIVE = 64 * MIB  # of an archive that a student handed in
_MOST_DEPTH = 8  # folders inside folders
_MOST_RATIO = 200  # unpacked to packed, for a file of more than a megabyte
_MOST_NESTED = 2  # archives inside archives
_MOST_LOOKED_INTO = 40  # files of a folder whose content tells whether they are notebooks
_IGNORED = {
    *("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__"),
    *(".github", ".vscode", ".idea", ".venv", "node_modules"),
}
_CHECKPOINTS = ".ipynb_checkpoints"
_NOTHING_IN_IT = "a zip archive without a notebook: ask for it again"
_NOT_REGULAR = "not a regular file"
_TOO_DEEP = f"more than {_MOST_DEPTH} folders deep: put it into fewer folders"
_LINK = "a link; links are not followed: put the file itself in its place"
_NOT_ZIP = "a damaged zip archive, or none: ask for it again"
_UNPACK = "unpack it, and put the notebook in its place"
_NESTED = f"an archive in an archive in an archive: {_UNPACK}"
_NOTEBOOK = re.compile(r".+\.ipynb(?:\.txt|\.json)?", re.IGNORECASE | re.DOTALL)
_MAY_BE_NOTEBOOKS = {"", ".json", ".txt", ".download"}  # what browsers and editors make of .ipynb
_JSON = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*\{")
ZIP = b"PK\x03\x04"  # how every zip archive with files begins
PACKED = {".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zst"}  # archives of other kinds
# Of compression in zip archives, which are read here; Zstandard since Python 3.14.
_METHODS = {0, 8, 12, 14, *([93] if hasattr(zipfile, "ZIP_ZSTANDARD") else [])}
_METHOD_NAMES = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_UNKNOWN_DATE = 1980  # zip archives write this year where they know no time


_Opened = Callable[[], AbstractContextManager[zipfile.ZipFile]]


class DamagedError(NotebookError):
    """An archive member could not be read; this may not be the student's fault."""


class IntakeError(ValueError):
    """The source is not a folder or archive that can be read; the message gives the reason."""


@dataclass(frozen=True)
class Refused:
    """A file that is not graded, and why."""

    label: str
    reason: str
    path: PurePosixPath | None = None  # in the export
    # Whose file it is, for a student who handed in nothing that can be graded. Of
    # `submissions.Submission`, which is above this module.
    submission: Any = None


@dataclass(frozen=True)
class File:
    """A file that was handed in."""

    path: PurePosixPath
    modified: float  # seconds since 1970, or 0 if unknown
    load: Callable[[int], bytes]  # of at most so many bytes
    inner: float = 0.0  # the time that a student's own archive has for it
    is_json: bool = False  # may be a notebook by its content, whatever its name

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, by its name or by its content."""
        return self.is_json or is_notebook_name(self.path)

    def read(self, most: int = MOST_BYTES) -> bytes:
        """Return the content.

        Raises:
            OSError, NotebookError: it cannot be read, or has more than `most` bytes.
        """
        return self.load(most)


@dataclass
class Found:
    """What a folder or an archive holds."""

    files: list[File] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repositories: set[PurePosixPath] = field(default_factory=set)  # folders with a .git
    folder: Path | None = None  # on the disk; None for an archive
    looked_into: Counter[str] = field(default_factory=Counter)  # files, by archive or folder
    checkpoints: list[File] = field(default_factory=list)  # copies that Jupyter keeps
    knows: Callable[[str], bool] = lambda name: False  # tells the names of students of the roster

    def add(self, file: File, outer: File | None = None) -> None:
        """Add a file. If its name may be that of a notebook, its content decides.

        Of the files in one folder or in one archive that a student handed in, a few are read.
        """
        if _CHECKPOINTS in file.path.parts:
            if is_notebook_name(file.path):
                self.checkpoints.append(file)
            return
        name = file.path.name.casefold()
        alone = len(file.path.parts) == 1
        where = str(outer.path if outer else file.path if alone else file.path.parent)
        odd = file.path.suffix.casefold() in _MAY_BE_NOTEBOOKS or ".ipynb" in name
        if odd and not file.is_notebook and self.looked_into[where] < _MOST_LOOKED_INTO:
            self.looked_into[where] += 1
            file = replace(file, is_json=_is_notebook_content(file))
        self.files.append(file)

    @property
    def size(self) -> int:
        """How many files there are, taken or refused."""
        return len(self.files) + len(self.refused) + len(self.checkpoints)

    def take_checkpoints(self) -> None:
        """Take the copies that Jupyter keeps where there is no notebook of which they are one."""
        folders = {
            folder for file in self.files if file.is_notebook for folder in file.path.parents
        }
        for file in self.checkpoints:
            place = file.path.parts.index(_CHECKPOINTS)
            if PurePosixPath(*file.path.parts[:place]) not in folders:
                self.files.append(file)

    def refuse(self, path: object, reason: str) -> None:
        """Note that a file is not taken."""
        self.refused.append(Refused(printable(str(path)), reason, PurePosixPath(str(path))))

    def without_folders(self, folders: Collection[str]) -> Found:
        """Return the same without folders that more than one student is in.

        What lies beside them keeps its place.
        """

        def inner(path: PurePosixPath) -> PurePosixPath:
            inside = len(path.parts) > 1 and path.parts[0] in folders
            return PurePosixPath(*path.parts[1:]) if inside else path

        return replace(
            self,
            files=[replace(file, path=inner(file.path)) for file in self.files],
            refused=[
                replace(one, path=inner(one.path)) if one.path else one for one in self.refused
            ],
            repositories={inner(path) for path in self.repositories},
            folder=self.folder / next(iter(folders)) if self.folder else None,
        )


def is_notebook_name(path: PurePosixPath) -> bool:
    """Return whether a name is a notebook's, also if a browser has added to it."""
    return bool(_NOTEBOOK.fullmatch(path.name))


def _is_notebook_content(file: File) -> bool:
    try:
        data = file.read()
        if _JSON.match(data):
            read_notebook(data)
            return True
    except (NotebookError, OSError):
        pass
    return False


def find_files(source: Path, knows: Callable[[str], bool] = lambda name: False) -> Found:
    """Return the files of a folder or a zip archive.

    `knows` tells whether a name is that of a student of the roster.

    Raises:
        IntakeError: `source` cannot be read at all.
    """
    found = Found(knows=knows)
    if source.is_dir():
        found.folder = source
        _walk(source, found)
    elif source.is_file():
        try:
            archive = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            if is_notebook_name(PurePosixPath(source)):
                raise IntakeError(
                    f"{source}: one notebook; give the folder that it is in"
                ) from None
            raise IntakeError(f"{source}: {_why_no_archive(source, error)}") from None
        _members(archive, lambda: nullcontext(archive), found)
    else:
        raise IntakeError(f"{source}: there is no such folder or zip archive")
    found.take_checkpoints()
    return found


def _why_no_archive(source: Path, error: Exception) -> str:
    """Return why a file is not read as the archive of a class, and what to do."""
    try:
        with source.open("rb") as stream:
            data = stream.read(512)
    except OSError:
        data = b" "
    if kind := kind_of_archive(data):
        return f"{kind}; unpack it, and give the folder, or make a zip archive of it"
    if not data:
        return "an empty file; download it again"
    return (
        f"not a readable zip archive ({error}); download it again, or give a folder with what is "
        "in it"
    )


def without_crowds(found: Found) -> Found:
    """Refuse the students who handed in too many files."""
    counts = Counter(file.path.parts[0] for file in found.files)
    crowds = {name for name, count in counts.items() if count > MOST_FILES}
    for name in sorted(crowds):
        found.refuse(
            name,
            f"{counts[name]:,} files; at most {MOST_FILES:,} of one student are taken: "
            "leave only the notebook",
        )
    return replace(found, files=[one for one in found.files if one.path.parts[0] not in crowds])


# -- folders -----------------------------------------------------------------------------------


def _walk(root: Path, found: Found) -> None:
    waiting: list[tuple[Path, int]] = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.refuse(folder, str(error.strerror))
            continue
        for entry in entries:
            path = PurePosixPath(os.path.relpath(entry.path, root))
            if entry.name == ".git":  # never walked: it may hold more files than everything else
                found.repositories.add(path.parent)
            elif _is_ignored(entry.name):
                pass
            elif entry.is_symlink():
                found.refuse(path, _LINK)
            elif entry.is_dir(follow_symlinks=False):
                if depth < _MOST_DEPTH:
                    waiting.append((Path(entry.path), depth + 1))
                else:
                    found.refuse(path, _TOO_DEEP)
            elif not entry.is_file(follow_symlinks=False):
                found.refuse(path, _NOT_REGULAR)
            else:
                try:
                    modified = entry.stat(follow_symlinks=False).st_mtime
                except OSError as error:  # deleted since the folder was listed
                    found.refuse(path, str(error.strerror))
                    continue
                file = File(path, modified, _file_reader(entry.path))
                if not _open_archive(file, found, 0):
                    found.add(file)


def _file_reader(path: str) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotebookError(_NOT_REGULAR)
            _check_size(status.st_size, most)
            return stream.read(most + 1)

    return read


# -- archives ----------------------------------------------------------------------------------


def _open_archive(file: File, found: Found, nested: int) -> bool:
    """Add the members of an archive that was handed in; return whether it is one."""
    suffix = file.path.suffix.lower()
    if suffix != ".zip" and not (suffix in PACKED and _begins(file).startswith(ZIP)):
        return False
    if nested >= _MOST_NESTED:
        found.refuse(file.path, _NESTED)
        return True

    def opened() -> zipfile.ZipFile:  # again for each member, so that no archive stays in memory
        return zipfile.ZipFile(io.BytesIO(file.read(MOST_ARCHIVE)))

    try:
        with opened() as archive:
            if len(archive.infolist()) > MOST_FILES:
                found.refuse(file.path, f"more than {MOST_FILES:,} files: leave only the notebook")
            else:
                before = found.size
                _members(archive, opened, found, file, nested + 1)
                if found.size == before:
                    found.refuse(file.path, _NOTHING_IN_IT)
    except (NotebookError, OSError) as error:
        found.refuse(file.path, str(error))
    except Exception as error:  # whatever a damaged archive makes `zipfile` raise
        if _is_notebook_content(file):
            found.files.append(replace(file, is_json=True))
        elif kind := kind_of_archive(_begins(file)):
            found.refuse(file.path, f"{kind} that is named .zip: {_UNPACK}")
        elif "not a zip file" in str(error) and not _begins(file):
            found.refuse(file.path, "an empty file: ask for it again")
        else:
            found.refuse(file.path, f"{_NOT_ZIP} ({printable(str(error))})")
    return True


def _begins(file: File) -> bytes:
    """Return how a file begins; nothing if it cannot be read."""
    try:
        return file.read(MOST_ARCHIVE)[:512]
    except (NotebookError, OSError):
        return b""


def inside(file: File) -> Found:
    """Return what an archive holds that is named like a notebook; nothing if it is damaged."""
    found = Found()
    zipped = replace(file, path=PurePosixPath("x.zip"))
    _open_archive(zipped, found, 1)
    return found


def _members(
    archive: zipfile.ZipFile,
    opened: _Opened,
    found: Found,
    outer: File | None = None,
    nested: int = 0,
) -> None:
    """Add the members of an archive. Those of a student's archive have the time of that file.

    Args:
        archive: the archive, open.
        opened: opens it again, to read a member later.
        found: where the members are added.
        outer: the file that the archive is, if a student handed it in.
        nested: how many archives the members are in, the one of the class not counted.
    """
    within = outer.path if outer else PurePosixPath()
    members = archive.infolist()
    names = zip_names.names_of(members, found.knows)
    reasons = list(map(_reason_to_refuse, members, names))
    last = {name: at for at, name in enumerate(names) if not reasons[at]}
    for at, (member, name, reason) in enumerate(zip(members, names, reasons, strict=True)):
        path = PurePosixPath(name)
        if not path.parts or name.endswith("/"):
            continue
        if ".git" in path.parts:
            place = path.parts.index(".git")
            found.repositories.add(within / PurePosixPath(*path.parts[:place]))
            continue
        if any(map(_is_ignored, path.parts)):
            continue
        if not reason and last[name] != at:  # whoever unpacks the archive has the last one
            reason = "occurs twice in the archive; the one that was added last counts"
        if reason:
            found.refuse(within / path if within.parts else name, reason)
            continue
        inner = _modified(member)
        modified, own = (outer.modified, inner) if outer else (inner, 0.0)
        file = File(within / path, modified, _member_reader(opened, member), own)
        if not _open_archive(file, found, nested):
            found.add(file, outer)


def _modified(member: zipfile.ZipInfo) -> float:
    try:
        time = datetime(*member.date_time)
        return time.timestamp() if time.year > _UNKNOWN_DATE else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _reason_to_refuse(member: zipfile.ZipInfo, name: str) -> str:
    """Return why an archive member is refused, or "" if it is accepted."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    parts = name.split("/")
    if stat.S_ISLNK(kind):
        return _LINK
    if kind not in (0, stat.S_IFREG):
        return _NOT_REGULAR
    if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
        return "its path leads out of the archive"
    if len(parts) > _MOST_DEPTH + 1:
        return _TOO_DEEP
    if member.flag_bits & 1:
        return "encrypted: ask for it without a password"
    if member.compress_type not in _METHODS:
        method = _METHOD_NAMES.get(member.compress_type, f"method {member.compress_type}")
        return f"packed with {method}, which cannot be read here: {_UNPACK}"
    if member.file_size > MIB and member.file_size > _MOST_RATIO * max(member.compress_size, 1):
        size = f"{member.file_size // MIB} MB"
        return f"unpacks to {size}, which looks like a zip bomb: ask for it again"
    return ""


def _member_reader(opened: _Opened, member: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        _check_size(member.file_size, most)
        try:
            with opened() as archive, archive.open(member) as stream:
                return stream.read(most + 1)  # the declared size may be false
        except Exception as error:  # each compression method raises exceptions of its own
            reason = printable(f"{type(error).__name__}: {error}")
            raise DamagedError(f"damaged in the archive: {reason}") from None

    return read


def _is_ignored(name: str) -> bool:
    return name in _IGNORED or name.startswith("._")


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise NotebookError(
            f"the file has {size / MIB:.0f} MB; at most {most // MIB} MB are read: clear the "
            "outputs of the notebook and save it"
        )
