"""The submissions in a folder or a zip archive, and which of a student's submissions counts.

A student may hand in several notebooks. They are all kept with the submission that counts, since
what they are about decides which one is graded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

from grader.intake.commit_times import commit_reader
from grader.intake.exports import (
    Origin,
    Origins,
    Person,
    order_of_names,
    without_class_folders,
)
from grader.intake.files import (
    PACKED,
    DamagedError,
    File,
    Found,
    IntakeError,
    Refused,
    find_files,
    without_crowds,
)
from grader.intake.names import composed, identity, printable

__all__ = [
    "LATER",
    "DamagedError",
    "IntakeError",
    "Refused",
    "Submission",
    "collect",
    "printable",
    "reasons",
]
_MOST_OTHERS = 40  # notebooks of a student that are looked into, besides the last one
_MOST_LINES = 5  # about the files of one folder that are not graded for the same reason
LATER = "a later submission counts"  # what is said of every file of a student but the last
_NOBODYS = {"submission_metadata.yml", "index.html"}  # what systems add to an export
# What people keep beside the work of a class: rosters, notes, pictures, data.
_NO_WORK = {
    *(".csv", ".tsv", ".xls", ".xlsx", ".ods", ".yml", ".yaml", ".txt", ".md", ".log"),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".npy", ".npz", ".pt", ".pth", ".h5", ".keras"),
}


@dataclass(frozen=True)
class Submission:
    """One submitted file."""

    system: str  # "canvas", "moodle" and so on, or "plain"
    user: str  # the system's id of the student; for a plain file, its name
    name: str  # the student's name as the system writes it
    late: bool
    order: tuple[Any, ...]  # of a student's submissions, the largest counts
    label: str  # the path, for people
    read: Callable[[], bytes]  # raises OSError, or NotebookError (DamagedError is one)
    path: str = ""  # the path as it is in the export
    time: datetime | None = None  # when it was handed in, if something says so for certain
    not_after: datetime | None = None  # it was handed in before this, the time of the download
    marked_late: bool = False  # by the course system
    aliases: tuple[str, ...] = ()  # further texts by which a roster may know the student
    partners: tuple[Person, ...] = ()  # who handed it in together with the student
    others: tuple[Submission, ...] = ()  # the student's other notebooks, the latest first
    is_beside: bool = False  # a refused file that is probably nobody's work, such as a roster
    # What tells when it was handed in: the system's order, its time, that in the student's archive.
    moments: tuple[int, int, int] = (0, 0, 0)  # 0: unknown
    outdone: str = ""  # why another file of the student goes before it, whichever is later

    def is_told_from(self, other: Submission) -> bool:
        """Return whether something tells which of two files of a student is the later one."""
        both = zip(self.moments, other.moments, strict=True)
        return any(one and two and one != two for one, two in both)


def collect(
    source: Path,
    deadline: datetime | None = None,
    knows: Callable[[str], bool] = lambda name: False,
) -> tuple[list[Submission], list[Refused]]:
    """Return each student's last submission, ordered by name, and the files that do not count.

    `knows` tells whether a name is that of a student of the roster.

    Raises:
        IntakeError: `source` cannot be read at all.
    """
    found = find_files(source, knows)
    found = without_crowds(without_class_folders(found, knows))
    origins = Origins(found)
    notebooks: dict[tuple[str, str], list[Submission]] = {}
    with commit_reader() if found.repositories and found.folder else nullcontext() as committed:
        for file in found.files:
            if not file.is_notebook:
                if str(file.path) not in _NOBODYS:
                    found.refuse(file.path, _why_not(file.path))
                continue
            origin, clone = origins.of(file), _clone_of(file, found)
            if origin.time is None and clone is not None and committed and found.folder:
                inner = str(file.path.relative_to(clone))
                origin = replace(origin, time=committed(found.folder / clone, inner))
            dated = not (clone or origins.is_export)
            submission = _submission(file, origin, deadline, dated)
            notebooks.setdefault((submission.system, submission.user), []).append(submission)
    last = []
    for files in notebooks.values():
        *earlier, counts = sorted(files, key=attrgetter("order"))
        for one in earlier:
            found.refused.append(Refused(one.label, LATER))
        last.append(replace(counts, others=tuple(reversed(earlier[-_MOST_OTHERS:]))))
    refused = [
        replace(one, submission=_ungradable(one, origins)) if one.path else one
        for one in found.refused
    ]
    return sorted(last, key=lambda item: (item.name.casefold(), item.user)), refused


def _why_not(path: PurePosixPath) -> str:
    if path.suffix.lower() in PACKED:
        return "an archive that is not zip: unpack it, and put the notebook in its place"
    return "not a notebook (.ipynb)"


def _beside(path: PurePosixPath) -> bool:
    """Return whether a file is nobody's work, but lies beside the work of a class."""
    return len(path.parts) == 1 and path.suffix.casefold() in _NO_WORK


def _ungradable(refused: Refused, origins: Origins) -> Submission | None:
    """Return a submission that cannot be read, for a file that is refused."""
    parts = [part for part in refused.path.parts if part not in ("/", "..")] if refused.path else []
    path = PurePosixPath(*parts)
    if not parts or str(path) in _NOBODYS:
        return None

    def load(most: int) -> bytes:
        raise DamagedError(f"no notebook was handed in, but {refused.label}: {refused.reason}")

    file = File(path, 0.0, load)
    return replace(_submission(file, origins.of(file), None, False), is_beside=_beside(path))


def _clone_of(file: File, found: Found) -> PurePosixPath | None:
    """Return the folder of the clone that a file is in."""
    return next(
        (path for path in file.path.parents if path in found.repositories and path.parts), None
    )


def _submission(file: File, origin: Origin, deadline: datetime | None, dated: bool) -> Submission:
    """Return the submission of a file.

    What a course system exports has the time of the download, and a clone that of the cloning, so
    those times only say that the work came in before them. Other files are `dated`.
    """
    moment = _moment(file.modified)
    time, not_after = origin.time, None
    if origin.system == "plain" and dated:
        time = time or moment
    else:
        not_after = moment
    late = origin.late or bool(deadline and time and time > deadline)
    moments = (origin.order, int(time.timestamp()) if time else 0, int(file.inner))
    person = origin.person
    return Submission(
        origin.system,
        identity(person.user),
        printable(person.name),
        late,
        (*moments, order_of_names(file.path)),
        printable(str(file.path)),
        file.read,
        str(file.path),
        time,
        not_after,
        origin.late,
        tuple(map(composed, person.aliases)),
        origin.partners,
        moments=moments,
    )


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds).astimezone() if seconds > 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def reasons(refused: Iterable[Refused]) -> Iterator[str]:
    """Yield a line for each file that is not graded, or for many of one folder together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in refused:
        top = item.label.partition("/")[0]
        groups.setdefault((top, item.reason), []).append(item.label)
    for (top, reason), labels in groups.items():
        if len(labels) > _MOST_LINES:
            yield f"{top}: {len(labels):,} files: {reason}"
        else:
            yield from (f"{label}: {reason}" for label in labels)
