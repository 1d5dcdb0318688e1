"""The names in zip archives, as Finder, Windows' Explorer and PowerShell write them."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from itertools import pairwise

_UTF_8 = 0x800  # the flag of names that are UTF-8
_UNICODE_PATH = 0x7075  # the extra field in which Info-ZIP keeps the name as UTF-8
# Of Windows: western Europe, America, China, Japan, Korea, Taiwan, central Europe, Cyrillic; then
# those that take almost any bytes for names.
_WINDOWS = (
    *("cp850", "cp437", "gb2312", "cp932", "cp949", "big5", "cp852", "cp866", "cp1252", "gbk"),
)


def names_of(members: Iterable[zipfile.ZipInfo]) -> list[str]:
    """Return the names of an archive's members, with slashes between folders.

    Names without the flag for UTF-8 are UTF-8 nevertheless (Finder), or in the encoding of a
    Windows: the one in which all of them together look most like names.
    """
    members = list(members)
    raw = [None if _is_known(member) else _raw(member) for member in members]
    encoding = _encoding([name for name in raw if name is not None])
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


def _encoding(names: list[bytes]) -> str:
    try:
        for name in names:
            name.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return min(_WINDOWS, key=lambda encoding: _oddness(names, encoding))


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
