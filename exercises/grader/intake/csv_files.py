"""CSV files that people save with a spreadsheet: whatever their separator and their encoding."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from grader.units import MIB

MOST_BYTES = 16 * MIB
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of Excel and LibreOffice, new and old
_HOW = "in Excel: Save As, CSV UTF-8 (comma delimited); in LibreOffice: Save As, Text CSV, UTF-8"
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_RARE = frozenset("þðýœøŸÿšžìèùõãâêîôûåæÞÐÝŒØŠŽÌÈÙ")
# The letters that western languages add to the plain ones.
_ALPHABETS = tuple(
    map(
        frozenset,
        (
            *(
                "áéíóúüñ",
                "áâãàçéêíóôõúü",
                "àâæçéèêëîïôœùûüÿ",
                "äöüßé",
                "àèéìíîòóù",
                "æøåéèêóòâôäöü",
            ),
            *("åäöéüáàšžõ", "áéíóúýþðæö", "àçèéíïòóúü", "ëïéèöüáíóúêôû", "âêîôûáéíóúàèìòùäëïöü"),
        ),
    )
)
_SEPARATORS = (",", ";", "\t", "|")


class CsvError(ValueError):
    """The file cannot be read; the message names it, the reason, and how to save it."""


def read_rows(
    file: Path, count_headings: Callable[[list[str]], int] = lambda row: 0
) -> list[list[str]]:
    """Return the rows of a file, the headings first.

    Text is UTF-8, UTF-16, or what Excel for Windows writes in western Europe. The separator is
    the one with which the row of headings has most that `count_headings` knows. Rows above the
    headings are left out.

    Raises:
        CsvError: there is no such file, or it is too large, not text, or not CSV.
    """
    return read_table(file, count_headings)[0]


def read_table(
    file: Path, count_headings: Callable[[list[str]], int] = lambda row: 0
) -> tuple[list[list[str]], list[str]]:
    """Return the rows of a file as `read_rows` does, and what a person should know about them.

    Raises:
        CsvError: as for `read_rows`.
    """
    if not file.is_file():
        raise CsvError(f"{file}: there is no such file")
    data = file.read_bytes()
    if len(data) > MOST_BYTES:
        raise CsvError(f"{file}: {len(data) // MIB} MB; at most {MOST_BYTES // MIB} MB are read")
    text, remarks = _decode(file, data)
    lines = text.split("\n", 1)
    separators: tuple[str, ...] = _SEPARATORS
    if lines[0].strip().strip('"').casefold().startswith("sep="):  # Excel's own first line
        given = lines[0].strip().strip('"')[4:]
        separators, text = (given[:1] or ",",), lines[1] if len(lines) > 1 else ""
    best, chosen = _best_table(file, text, separators, count_headings)
    if bare := _without_outer_quotes(best):
        inner, separator = _best_table(file, bare, separators, count_headings)
        if len(inner[0]) > 1:
            text, best, chosen = bare, inner, separator
            remarks.append(
                "each line of the file is in quotation marks as a whole, and was read without "
                f"them: the columns are {', '.join(inner[0])[:200]}"
            )
    _check_quotes(file, text, chosen)
    return best, remarks


def _best_table(
    file: Path,
    text: str,
    separators: tuple[str, ...],
    count_headings: Callable[[list[str]], int],
) -> tuple[list[list[str]], str]:
    """Return the rows, and the separator with which the headings make most sense.

    If a separator leaves a quotation mark without its partner, it is a part of quoted text.
    """
    best: list[list[str]] = []
    best_score, chosen = (-1, -1, -1), ","
    for separator in separators:
        rows = _rows(file, text, separator)
        counts = [count_headings(row) for row in rows[:10]] or [0]
        start = counts.index(max(counts))
        headings = rows[start] if rows else []
        whole = not any(cell.count('"') % 2 for cell in headings)
        score = (counts[start] if whole else 0, int(whole), len(headings))
        if score > best_score:
            best, best_score, chosen = rows[start:], score, separator
    return best, chosen


def _without_outer_quotes(rows: list[list[str]]) -> str:
    """Return the text of rows that are a cell each, as of a file in which each line is quoted."""
    if not rows or any(len(row) > 1 for row in rows):
        return ""
    return "\n".join("".join(row) for row in rows)


def _check_quotes(file: Path, text: str, separator: str) -> None:
    """Check that the last quotation mark is closed, since rows after it would be in one cell.

    Raises:
        CsvError: it is not.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = 0
    try:
        for _ in rows:
            before = rows.line_num
    except csv.Error as error:
        if "end of data" in str(error):
            raise CsvError(
                f"{file}: row {before + 1}: a quotation mark is not closed, so the rows after it "
                'cannot be read; write two of them ("") for one in a text'
            ) from None


def _rows(file: Path, text: str, separator: str) -> list[list[str]]:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise CsvError(f"{file}: not readable as CSV ({error}); {_HOW}") from None
    filled = (number for number, row in enumerate(rows) if any(cell.strip() for cell in row))
    return rows[next(filled, len(rows)) :]


def _decode(file: Path, data: bytes) -> tuple[str, list[str]]:
    """Return the text of a file, with Unix line ends, and what to check in it.

    Raises:
        CsvError: it is not text, or in an encoding that cannot be told.
    """
    if data.startswith(_WORKBOOKS):
        raise CsvError(f"{file}: a spreadsheet's own format; save it as CSV ({_HOW})")
    try:
        if data.startswith(_UTF_16):
            text = data.decode("utf-16")
        elif data[1:2] == b"\0" or data[:1] == b"\0":
            text = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be")
        else:
            text = data.decode("utf-8-sig")
        text, remarks = _saved_once(text)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        if not _is_western(text):
            raise CsvError(
                f"{file}: its encoding cannot be told; save it as UTF-8 ({_HOW})"
            ) from None
        remarks = [
            f"{file.name} is not UTF-8, and was read as Western European: check "
            f"{', '.join(_unusual_words(text))}. If a name is wrong, save the file as UTF-8"
        ]
    if "\0" in text:
        raise CsvError(f"{file}: not text; save it as CSV ({_HOW})")
    return text.replace("\r\n", "\n").replace("\r", "\n"), remarks


def _saved_once(text: str) -> tuple[str, list[str]]:
    """Return text that was saved as UTF-8 twice as it was before, and a line that says so."""
    found = sorted(set(_FOREIGN.findall(text)))
    read = {word: _decoded_again(word) for word in found}
    wrong = [word for word in found if read[word] != word]
    if not wrong:
        return text, []
    if len(wrong) == len(found):
        text = _FOREIGN.sub(lambda match: read[match[0]], text)
        words = ", ".join(_unusual_words(text))
        return text, [f"the file was saved as UTF-8 twice, and read as if it was once: {words}"]
    words = ", ".join(word for word in re.findall(r"\w*[^\s,;]+\w*", text) if wrong[0] in word)
    return text, [f"some names look as if they were saved as UTF-8 twice: check {words[:200]}"]


def _decoded_again(text: str) -> str:
    """Return what text was before it was saved as UTF-8 twice; the text itself if it was not."""
    try:
        data = b"".join(
            bytes([ord(letter)]) if 0x80 <= ord(letter) < 0xA0 else letter.encode("cp1252")
            for letter in text
        )
        return data.decode("utf-8")
    except UnicodeError:
        return text


def _unusual_words(text: str) -> list[str]:
    """Return a few words with letters that are not ASCII, those with the rarest letters first."""
    words = list(dict.fromkeys(re.findall(r"\w*[^\x00-\x7f]\w*", text)))
    return sorted(words, key=lambda word: -sum(letter in _RARE for letter in word))[:5]


def _is_western(text: str) -> bool:
    """Return whether text makes sense as Windows' western European encoding.

    In words of another encoding, such as Chinese or Polish, read wrongly, there are signs that
    are no letters, more foreign letters than plain ones, capitals after other letters, or letters
    that no language has together.
    """
    for word in text.replace(",", " ").replace(";", " ").split():
        strange = [letter for letter in word if ord(letter) > 127 and letter not in "’‘“”–—€\u00a0"]
        plain = sum(letter.isascii() and letter.isalpha() for letter in word)
        if any(not letter.isalpha() for letter in strange) or len(strange) > max(plain, 1):
            return False
        capitals = word.replace("ß", "").isupper()
        inner = any(a.isalpha() and b in strange and b.isupper() for a, b in pairwise(word))
        if inner and not capitals:
            return False
        if any(a.isalpha() and b in "–—" for a, b in pairwise(word)):
            return False
        if not any(set("".join(strange).lower()) <= alphabet for alphabet in _ALPHABETS):
            return False
    return True
