"""The names in zip archives, as Finder, Windows' Explorer and PowerShell write them."""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import PurePosixPath

_UTF_8 = 0x800  # the flag of names that are UTF-8
_UNICODE_PATH = 0x7075  # the extra field in which Info-ZIP keeps the name as UTF-8
# Of Windows: western Europe, America, China, Japan, Korea, Taiwan, central Europe, Cyrillic; then
# those that take almost any bytes for names.
_WINDOWS = (
    *("cp850", "cp437", "gb2312", "cp932", "cp949", "big5", "cp852", "cp866", "cp1252", "gbk"),
    # Turkish, Greek, Hebrew, Thai, Baltic, Cyrillic, Vietnamese, Arabic; then of other systems.
    *("cp857", "cp737", "cp862", "cp874", "cp775", "cp864", "cp720", "cp1250", "cp1251", "cp1253"),
    *("cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8_r", "koi8_u", "euc_kr", "euc_jp"),
    *("mac_roman", "mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish"),
)
_MOST_ASKED = 100  # names that the roster is asked for


def names_of(
    members: Iterable[zipfile.ZipInfo], knows: Callable[[str], bool] = lambda name: False
) -> list[str]:
    """Return the names of an archive's members, with slashes between folders.

    Names without the flag for UTF-8 are UTF-8 nevertheless (Finder), or in the encoding of a
    Windows: the one in which most of them are those of students, which `knows` tells, or else in
    which all of them together look most like names.
    """
    members = list(members)
    raw = [None if _is_known(member) else _raw(member) for member in members]
    encoding = _encoding([name for name in raw if name is not None], knows)
    names = []
    for member, data in zip(members, raw, strict=True):
        name = _from_extra(member) or (
            member.filename if data is None else data.decode(encoding, "replace")
        )
        names.append(unicodedata.normalize("NFC", name.replace("\\", "/")))
    return names


def _is_known(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & _UTF_8) or member.filename.isascii()


def _raw(member: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a name, which Python has read as cp437."""
    try:
        return member.orig_filename.partition("\0")[0].encode("cp437")
    except UnicodeEncodeError:
        return None


def _from_extra(member: zipfile.ZipInfo) -> str:
    """Return the name in Info-ZIP's own field, if it belongs to the name in the archive."""
    data, raw = member.extra, _raw(member)
    while len(data) >= 4:
        kind, size = struct.unpack("<HH", data[:4])
        content, data = data[4 : 4 + size], data[4 + size :]
        if kind == _UNICODE_PATH and raw is not None and content[:1] == b"\1":
            (checksum,) = struct.unpack("<L", content[1:5].ljust(4, b"\0"))
            if checksum == zlib.crc32(raw):
                return content[5:].decode("utf-8", "replace")
    return ""


def _encoding(names: list[bytes], knows: Callable[[str], bool]) -> str:
    try:
        for name in names:
            name.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return min(
            _WINDOWS,
            key=lambda encoding: (-_known(names, encoding, knows), _oddness(names, encoding)),
        )


def _known(names: list[bytes], encoding: str, knows: Callable[[str], bool]) -> int:
    """Return how many names are those of students in an encoding."""
    parts = dict.fromkeys(
        part for name in names for part in re.split(r"[/\\]", name.decode(encoding, "replace"))
    )
    foreign = [part for part in parts if not part.isascii() and "\ufffd" not in part]
    return sum(  # the names of files, or what systems write before a number
        any(map(knows, {part, PurePosixPath(part).stem, re.split(r"_(?:LATE_)?\d", part)[0]}))
        for part in foreign[:_MOST_ASKED]
    )


def _oddness(names: list[bytes], encoding: str) -> int:
    """Return how little names look like names in an encoding: the number of odd characters."""
    odd = 0
    for data in names:
        try:
            name = data.decode(encoding)
        except UnicodeDecodeError:
            odd += 100
            continue
        scripts = {_script(letter) for letter in name if letter.isalpha() and ord(letter) > 127}
        odd += sum(not letter.isalnum() and ord(letter) > 127 for letter in name)
        odd += 2 * (len(scripts) - 1) if scripts else 0
        pairs = pairwise(name)  # a capital within a word
        odd += sum(a.islower() and b.isupper() and ord(b) > 127 for a, b in pairs)
    return odd


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
