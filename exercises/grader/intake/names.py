"""Names and ids of students, compared without regard to how systems and people write them."""

from __future__ import annotations

import hashlib
import unicodedata


def letters(name: str) -> str:
    """Return the letters and digits of a name, without accents, as Canvas writes file names."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def spellings(name: str) -> set[str]:
    """Return the letters of a name in each order of its parts: "Doe, Jane", "Jane Doe"."""
    parts = name.replace(",", " ").split()
    orders = [parts[n:] + parts[:n] for n in range(len(parts))]
    last, comma, first = name.partition(",")
    if comma:
        orders.append([*first.split(), *last.split()])
    return {letters("".join(order)) for order in orders} - {""}


def printable(text: str, length: int = 120) -> str:
    """Return `text` without characters that control a terminal, cut to `length` characters."""
    text = storable(text)
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def storable(text: str) -> str:
    """Return `text` without half surrogate pairs, which cannot be stored or printed."""
    return text.encode("utf-8", "replace").decode("utf-8")


def identity(text: str) -> str:
    """Return a printable id of a student, different for different texts."""
    shown = printable(text)
    if shown == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{printable(text, 100)}~{digest[:10]}"
