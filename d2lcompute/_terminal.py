"""Text for terminals: without colours, and with signs that the terminal's encoding has."""

import re
import sys

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLAIN = {
    "✓": "+",
    "✗": "x",
    "×": "x",
    "µ": "u",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "²": "^2",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}


def without_colours(text: str) -> str:
    r"""Return `text` without the escape sequences that colour it.

    >>> without_colours("\x1b[31mred\x1b[0m")
    'red'
    """
    return _COLOUR.sub("", text)


def printable(text: str) -> str:
    """Return `text` with each character that standard output cannot encode replaced.

    Signs such as a tick have a replacement in ASCII; any other character becomes "?". Where
    standard output takes UTF-8, as in notebooks, nothing changes.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return "".join(_in_encoding(character, encoding) for character in text)


def _in_encoding(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return _PLAIN.get(character, "?")
    return character
