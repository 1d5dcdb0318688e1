"""Names and ids of students, compared without regard to how systems and people write them."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Signs without which a name is the same name: accents, the points of Hebrew, the vowels and hamzas
# of Arabic and its long stroke, and what chooses between forms of a sign. The vowels of Indic and
# Thai scripts and the voicing of kana belong to the name.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)


def composed(text: str) -> str:
    """Return text with each letter and its accents as one sign, as most systems write it."""
    return unicodedata.normalize("NFC", text)


def letters(name: str) -> str:
    """Return the letters and digits of a name, without accents, as Canvas writes file names."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", name).casefold())
    return "".join(
        sign
        for sign in composed(plain)
        if sign.isalnum() or unicodedata.category(sign) in ("Mn", "Mc")
    )


def spellings(name: str) -> set[str]:
    """Return the letters of a name in each order of its parts: "Doe, Jane", "Jane Doe"."""
    parts = name.replace(",", " ").split()
    orders = [parts[n:] + parts[:n] for n in range(len(parts))]
    last, comma, first = name.partition(",")
    if comma:
        orders.append([*first.split(), *last.split()])
    return {letters("".join(order)) for order in orders} - {""}


def is_number(text: str) -> bool:
    """Return whether an id is a number, as the course systems count their users."""
    return text.isascii() and text.isdecimal()


def printable(text: str, length: int = 120) -> str:
    """Return `text` without characters that control a terminal, cut to `length` characters.

    Letters and their accents are one sign each, whatever system wrote the text.
    """
    text = composed(storable(text))
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def storable(text: str) -> str:
    """Return `text` without half surrogate pairs, which cannot be stored or printed."""
    return text.encode("utf-8", "replace").decode("utf-8")


def identity(text: str) -> str:
    """Return a printable id of a student, different for different texts."""
    text = composed(text)
    shown = printable(text)
    if shown == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{printable(text, 100)}~{digest[:10]}"
