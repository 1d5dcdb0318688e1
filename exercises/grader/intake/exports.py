"""Whose file it is: the names that course systems give to files, and what they write beside them.

=========== ==================================================================================
system      a file of the student 101, Jane Doe
=========== ==================================================================================
Canvas      ``doejane_LATE_101_9001_blocks-1.ipynb``, ``anon_Ab3xZ_9001_blocks.ipynb``
Moodle      ``Jane Doe_101_assignsubmission_file/blocks.ipynb``, or with a ``_`` for the slash
Gradescope  ``submission_7/blocks.ipynb``, and the student in ``submission_metadata.yml``
Blackboard  ``Blocks_101_attempt_2026-01-02-03-04-05_blocks.ipynb``
Brightspace ``101-9001 - Jane Doe - Jan 2, 2026 304 PM - blocks.ipynb``, or a folder
GitHub      ``blocks-janedoe/blocks.ipynb`` in a clone
plain       ``jane.ipynb``, ``jane/blocks.ipynb``
=========== ==================================================================================

Only what the system chose tells the student; the name that the student gave to a file does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from os.path import commonprefix
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from grader.intake.files import File, Found
from grader.intake.names import composed
from grader.intake.notebooks import NotebookError
from grader.intake.times import blackboard_time, time_in_words

_CANVAS = re.compile(
    r"(?P<name>.*?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<order>\d+)_(?P<file>.+)", re.DOTALL
)
_CANVAS_TEXT = re.compile(r"(?P<name>.*?)_(?P<late>LATE_)?(?P<user>\d+)_(?:text|link)\.html")
_CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?anon_(?P<user>[0-9A-Za-z]{5})_(?P<order>\d+)_(?P<file>.+)", re.DOTALL
)
_MOODLE = re.compile(
    r"(?P<name>.*?)_(?P<user>\d+)_(?:assignsubmission|assignfeedback)_[a-z]+(?:_(?P<file>.*))?",
    re.DOTALL,
)
_BLACKBOARD = re.compile(
    r"(?P<before>.+)_attempt_(?P<time>\d{4}(?:-\d{2}){5})(?:_(?P<file>.+)|\.txt)?", re.DOTALL
)
_BLACKBOARD_NAME = re.compile(
    r"[^\n:]{1,40}:[ \t]*(?P<name>[^\n]+?) \((?P<user>[^\s()]+)\)[ \t]*\r?\n"
)
_BRIGHTSPACE = re.compile(
    r"(?P<user>\d+)-(?P<order>\d+) ?- (?P<name>.+?) ?- "
    r"(?P<time>[^\W_]+\.? [^\W_]+\.?,? \d{4},? \d{1,2}[:.h-]?\d{2}(?: ?[AaPp]\.?[Mm]\.?)?)"
    r"(?: ?- (?P<file>.+))?",
    re.DOTALL,
)
_GRADESCOPE = re.compile(r"submission_\d+")
_METADATA = "submission_metadata.yml"
# What browsers and file managers add to the name of a second copy.
_COPY = re.compile(
    r"(?: ?\(\d+\)| ?- (?:copy|kopie|copie|copia|kopia|cópia)(?: ?\(\d+\))?| copy(?: \d+)?"
    r"| \d+(?= copy))+",
    re.IGNORECASE,
)
# Words for copies and earlier versions in the name of a file or of its folder.
_EARLIER = {
    *("copy", "copies", "kopie", "copie", "copia", "kopia", "cópia", "kopi", "копия", "コピー"),
    *("backup", "backups", "bak", "sicherung", "sauvegarde", "respaldo", "draft", "entwurf"),
    *("old", "older", "orig", "original", "previous", "alt", "alte", "ancien", "ancienne"),
    *("viejo", "antiguo", "antigo", "velho", "vecchio", "oud", "gammal", "gammel", "старый"),
    *("副本", "备份", "旧"),
}
_HANDED_OUT = re.compile(r"exercises-[a-z]+.*")  # the folder in the archives for students
_CHAPTERS = {path.name for path in (Path(__file__).parents[2] / "chapters").glob("*")}
# What is no part of a student's name at the end of a file's: "jdoe.ipynb.txt", "jdoe.ipynb (1)".
_ENDINGS = re.compile(
    r"(?:\.(?:ipynb|zip|txt|json|download|tar|gz|tgz|bz2|xz|zst|7z|rar)(?: ?\(\d+\))?)+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Person:
    """A student as a system names them."""

    user: str  # the system's id; for a plain file, its name
    name: str
    aliases: tuple[str, ...] = ()  # further texts by which a roster may know them


@dataclass(frozen=True)
class Origin:
    """Where a file comes from."""

    system: str  # "canvas", "moodle" and so on, or "plain"
    person: Person
    late: bool = False  # by the system's own mark
    order: int = 0  # the larger, the later it was handed in
    time: datetime | None = None  # if the system writes it
    partners: tuple[Person, ...] = ()  # who handed in with them


class Origins:
    """Tells the origin of each file of an export."""

    def __init__(self, found: Found) -> None:
        tops = {_top(file) for file in found.files}
        named = [top for top in tops if _is_exported(top) or _GRADESCOPE.fullmatch(top)]
        # Times of files in what a course system exports are those of the download.
        self.is_export = 2 * len(named) >= len(tops) > 0
        self._is_canvas = 2 * sum(_canvas(top) is not None for top in tops) >= len(tops)
        self._metadata = _read_metadata(found)
        self._clones = sorted(
            composed(path.parts[0]) for path in found.repositories if len(path.parts) == 1
        )
        self._clone_prefix = _clone_prefix([name for name in self._clones if name in tops])
        self._blackboard = _blackboard_people(found)
        self._plain = {_user(name).casefold() for name in tops}

    def of(self, file: File) -> Origin:
        """Return the origin of a file."""
        top = _top(file)
        if known := self._metadata.get(top):
            return known
        if match := _MOODLE.fullmatch(top):
            return Origin("moodle", Person(match["user"], match["name"]))
        if match := _BRIGHTSPACE.fullmatch(top):
            parts = tuple(match["name"].split(" - "))
            time = time_in_words(match["time"])
            person = Person(match["user"], parts[-1].strip(), parts)
            return Origin("brightspace", person, order=_seconds(time), time=time)
        if match := _BLACKBOARD.fullmatch(top):
            time = blackboard_time(match["time"])
            person = self._blackboard[match["before"]]
            return Origin("blackboard", person, order=_seconds(time), time=time)
        if origin := _canvas(top, self._is_canvas):
            return origin
        return self._plain_origin(file)

    def _plain_origin(self, file: File) -> Origin:
        top = _top(file)
        alone = len(file.path.parts) == 1
        user = _user(top) if alone or top.lower().endswith(".zip") else top
        accounts = tuple(
            f"github:{text.removesuffix(ending)}"
            for text in _suffixes(user)
            for ending in ("", "-main", "-master")
            if text.endswith(ending)
        )
        if top in self._clones:
            account = user.removeprefix(self._clone_prefix)
            return Origin("github", Person(account, account, accounts))
        original = _COPY.sub("", user).rstrip() if _COPY.search(user) else ""
        if original and user.casefold().startswith(original.casefold()):
            if original.casefold() in self._plain:
                user = original
            else:
                accounts = (original, *accounts)
        if (bare := user.strip(" .")) != user:  # Windows drops these at the end of a name
            accounts = (bare, *accounts)
        return Origin("plain", Person(user, user, accounts))


def _top(file: File) -> str:
    """Return the first part of a file's path, whatever system wrote it: it tells the student."""
    return composed(file.path.parts[0])


def _user(name: str) -> str:
    """Return the name of a student's file without its endings."""
    match = re.fullmatch(rf"(?P<user>.+?)(?:{_ENDINGS.pattern})", name, re.I | re.S)
    return match["user"] if match else PurePosixPath(name).stem or name


def name_in_moodle(folder: str) -> str:
    """Return the student's name in what Moodle calls a folder; "" if Moodle did not name it."""
    match = _MOODLE.fullmatch(folder)
    return match["name"] if match else ""


def order_of_names(path: PurePosixPath) -> tuple[Any, ...]:
    """Return what orders a student's files where nothing tells when they were handed in.

    Copies and earlier versions by their name come first, and files in folders of folders; numbers
    count as such: "v9" comes before "v10".
    """
    inner = composed("/".join(path.parts[1:]) or path.name).casefold()
    earlier = not _EARLIER.isdisjoint(re.findall(r"[^\W\d_]+", inner))
    plain = inner.removesuffix(path.suffix.casefold())
    pieces = re.split(r"(\d+)", plain)  # texts and numbers in turn
    natural = tuple(int(one[:18]) if n % 2 else one for n, one in enumerate(pieces))
    return not earlier, -len(path.parts), natural, str(path)


def without_class_folders(found: Found, knows: Callable[[str], bool]) -> Found:
    """Drop the folders around a class: the one that was zipped, those of several exports.

    `knows` tells whether a name is that of a student of the roster.
    """
    while folders := _class_folders(found, knows):
        found = found.without_folders(folders)
    return found


def _class_folders(found: Found, knows: Callable[[str], bool]) -> set[str]:
    """Return the folders that hold a class, if all notebooks are in such folders.

    That is a single folder which is no student's, or several which hold nothing but what course
    systems export, or the work of students of the roster. What lies beside them, such as a roster,
    does not matter. A single notebook in a folder is a class only if a course system has named what
    is in the folder, or if it is named as a student is.
    """
    notebooks = [file.path for file in found.files if file.is_notebook]
    tops = {path.parts[0] for path in notebooks}
    if not notebooks or any(len(path.parts) == 1 for path in notebooks):
        return set()
    if any(_is_students(top, found) or _names_somebody(top, knows) for top in tops):
        return set()
    packed = len(tops) > 1 and any(top.lower().endswith(".zip") for top in tops)
    if not found.repositories and not packed and _are_sections(notebooks, knows):
        return tops
    if len(notebooks) == 1:
        _, inner = notebooks[0].parts[:2]
        return tops if _is_exported(inner) or _GRADESCOPE.fullmatch(inner) else set()
    if len(tops) == 1:
        direct = [path for path in notebooks if len(path.parts) == 2]
        ours = bool(direct) and all(_COPY.sub("", path.stem) in _CHAPTERS for path in direct)
        return set() if ours or PurePosixPath(*tops).suffix.lower() == ".zip" else tops
    exported = all(_is_exported(path.parts[1]) for path in notebooks)
    return tops if exported else set()


def _are_sections(notebooks: list[PurePosixPath], knows: Callable[[str], bool]) -> bool:
    """Return whether most of what is in the folders is named as students of the roster are.

    Each of these names is in one folder only, and in each folder there is one.
    """
    inner = {path.parts[:2] for path in notebooks}
    known = {(top, name) for top, name in inner if _names_somebody(name, knows)}
    apart = len({_user(composed(name)).casefold() for _, name in known}) == len(known)
    everywhere = {top for top, _ in known} == {top for top, _ in inner}
    return apart and everywhere and 2 * len(known) >= len(inner)


def _names_somebody(name: str, knows: Callable[[str], bool]) -> bool:
    """Return whether a file or a folder is named as a student of the roster is."""
    name = composed(name)
    return knows(name) or knows(_user(name))


def _is_students(top: str, found: Found) -> bool:
    """Return whether a folder is one student's, by its name or because it is a clone."""
    patterns = (_GRADESCOPE, _HANDED_OUT)
    clone = PurePosixPath(top) in found.repositories
    return clone or _is_exported(top) or any(pattern.fullmatch(top) for pattern in patterns)


def _is_exported(name: str) -> bool:
    """Return whether a name is one that a course system gives to a student's file or folder."""
    patterns = (_MOODLE, _BRIGHTSPACE, _BLACKBOARD, _CANVAS, _CANVAS_ANONYMOUS)
    return any(pattern.fullmatch(name) for pattern in patterns)


def _canvas(top: str, among_canvas: bool = False) -> Origin | None:
    """Return the origin that the name of a file from Canvas tells.

    A student whose name has no letters has no name in it, and sometimes no hyphen before the
    number either. That is taken for a name of Canvas only among others.
    """
    if among_canvas and re.match(r"(?:LATE_)?\d+_\d+_", top):
        top = f"_{top}"
    if match := _CANVAS_ANONYMOUS.fullmatch(top):
        user = f"anon_{match['user']}"
        order = int(match["order"][:18])
        return Origin("canvas", Person(user, user), bool(match["late"]), order)
    if match := _CANVAS.fullmatch(top) or _CANVAS_TEXT.fullmatch(top):
        order = int(match.groupdict().get("order", "0")[:18])
        person = Person(match["user"], match["name"] or match["user"])
        return Origin("canvas", person, bool(match["late"]), order)
    return None


def _seconds(time: datetime | None) -> int:
    return int(time.timestamp()) if time else 0


def _suffixes(name: str) -> list[str]:
    """Return a name, and what follows each of its hyphens, the longest first."""
    parts = name.split("-")
    return ["-".join(parts[place:]) for place in range(len(parts))]


def _common_beginning(texts: list[str]) -> str:
    """Return the letters with which all texts begin."""
    return commonprefix(texts)  # noqa: RUF071  these are no paths


def _clone_prefix(names: list[str]) -> str:
    """Return what the names of clones begin with: the name of the assignment, and a hyphen."""
    if len(names) < 2:
        return ""
    prefix = _common_beginning(names)
    return prefix[: prefix.rfind("-") + 1]


def _blackboard_people(found: Found) -> dict[str, Person]:
    """Return the students by what their files' names say before the attempt.

    That is the assignment and the user, with an underscore between them; both may have more. A
    text file beside the work names the user.
    """
    texts: dict[str, File] = {}
    befores: set[str] = set()
    for file in found.files:
        if match := _BLACKBOARD.fullmatch(_top(file)):
            befores.add(match["before"])
            if match["file"] is None and file.path.suffix == ".txt":
                texts[match["before"]] = file
    prefix = _common_beginning([before.rpartition("_")[0] + "_" for before in befores])
    prefix = prefix[: prefix.rfind("_") + 1]
    people = {}
    for before in befores:
        parts = before.split("_")
        user = before.removeprefix(prefix) if len(befores) > 1 else parts[-1]
        name = user
        if before in texts and (written := _blackboard_text(texts[before])):
            name, user = written
        endings = tuple("_".join(parts[place:]) for place in range(len(parts)))
        people[before] = Person(user, name, endings)
    return people


def _blackboard_text(file: File) -> tuple[str, str] | None:
    """Return the name and the user in the text file that Blackboard writes for an attempt."""
    try:
        text = file.read().decode("utf-8-sig", "replace")
    except (OSError, NotebookError):
        return None
    match = _BLACKBOARD_NAME.match(text)
    return (match["name"], match["user"]) if match else None


# -- Gradescope --------------------------------------------------------------------------------


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads plain data, and Ruby's objects as if they were plain."""


def _plain_object(loader: Any, _: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _plain_object)


def _read_metadata(found: Found) -> dict[str, Origin]:
    """Return the origins by folder that Gradescope's own file gives."""
    file = next((one for one in found.files if str(one.path) == _METADATA), None)
    if file is None:
        return {}
    try:
        content = yaml.load(file.read().decode("utf-8-sig"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, NotebookError, ValueError) as error:
        found.refuse(file.path, f"not readable, so nobody is found by it ({type(error).__name__})")
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {
        composed(str(name)): origin for name, entry in entries if (origin := _submission(entry))
    }


def _submission(entry: Any) -> Origin | None:
    if not isinstance(entry, dict):
        return None
    given = _get(entry, "submitters")
    given = given if isinstance(given, list) else []
    people = [_person(one) for one in given if isinstance(one, dict)]
    if not people:
        return None
    time = _get(entry, "created_at")
    if isinstance(time, dict):
        time = time.get("utc") or time.get("time")
    moment = time if isinstance(time, datetime) else time_in_words(str(time or ""))
    if moment is not None:
        moment = moment.astimezone()
    return Origin("gradescope", people[0], False, _seconds(moment), moment, tuple(people[1:]))


def _person(one: dict[Any, Any]) -> Person:
    keys = ("name", "sid", "email")
    name, sid, email = (composed(str(_get(one, key) or "")).strip() for key in keys)
    user = sid or email or name
    return Person(user, name or user, tuple(filter(None, (sid, email))))


def _get(entry: dict[Any, Any], key: str) -> Any:
    return entry.get(f":{key}", entry.get(key))
