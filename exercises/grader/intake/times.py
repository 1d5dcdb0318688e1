"""Times as course systems write them: in names of files, in words, in metadata."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

# The first letters of months, without accents, in the languages of the headings of rosters.
_MONTHS = (
    ("jan", "ene", "gen", "янв", "sty", "oca"),
    ("feb", "fev", "fevr", "фев", "lut", "sub", "helm"),
    ("mar", "maar", "maal", "mrt", "mrz", "мар"),
    ("apr", "abr", "avr", "апр", "kwi", "nis"),
    ("may", "mai", "mei", "mag", "maj", "мая", "маи"),
    ("jun", "juin", "giu", "июн", "cze", "haz", "kesa"),
    ("jul", "juil", "lug", "июл", "lip", "tem", "hein"),
    ("aug", "ago", "aou", "авг", "sie", "elok"),
    ("sep", "set", "сен", "wrz", "eyl"),
    ("oct", "okt", "ott", "out", "окт", "paz", "eki"),
    ("nov", "ноя", "lis", "kas", "marr"),
    ("dec", "dez", "dic", "des", "дек", "gru", "ara"),
)
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})")
_DAY_FIRST = re.compile(r"\b(?P<day>\d{1,2})\. ?(?P<month>\d{1,2})\. ?(?P<year>\d{4})")
_SLASHES = re.compile(r"\b(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})")
_MONTH_OF = {word: number for number, words in enumerate(_MONTHS, 1) for word in words}
_CLOCK = re.compile(r"(\d{1,2})[:.h](\d{2})(?:[:.](\d{2}))?\s*([ap])?\.?\s*m?\b", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"\b(\d{1,2})(\d{2})\s*(AM|PM)?\s*$", re.IGNORECASE)


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Return whether 3/1/2027 is in January, by the other times of a file; None if unknown."""
    found = [match for text in texts if (match := _SLASHES.search(text))]
    if any(int(match["first"]) > 12 for match in found):
        return True
    return False if any(int(match["second"]) > 12 for match in found) else None


def time_in_words(text: str, day_first: bool | None = None) -> datetime | None:
    """Return a time such as "Monday, 1 March 2027, 9:00 PM" or "Jan 2, 2026 304 PM".

    Languages of the month's name are those of rosters. A time without a zone is this machine's.
    None if the text is no such time, or one such as 3/1/2027 of which it is not known whether the
    day comes first.
    """
    text = " ".join(text.split())
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        pass
    numbers = _YEAR_FIRST.search(text) or _DAY_FIRST.search(text) or _SLASHES.search(text)
    start = numbers.end() if numbers else 0  # a date has dots too
    clock = _CLOCK.search(text, start) or _RUN_TOGETHER.search(text, start)
    if clock is None:
        return None
    written = _in_numbers(numbers, day_first) if numbers else _in_words(text[: clock.start()])
    return _moment(written, clock) if written else None


def _moment(date: tuple[int, int, int], clock: re.Match[str]) -> datetime | None:
    numbers = [part or "" for part in clock.groups()]
    hour, minute = int(numbers[0]), int(numbers[1])
    second = int(numbers[2]) if len(numbers) == 4 and numbers[2] else 0
    half = numbers[-1][:1].lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return datetime(*date, hour, minute, second).astimezone()
    except ValueError:
        return None


def _in_numbers(match: re.Match[str], day_first: bool | None) -> tuple[int, int, int] | None:
    year = int(match["year"])
    if match.re is not _SLASHES:
        return year, int(match["month"]), int(match["day"])
    first, second = int(match["first"]), int(match["second"])
    if first > 12 or first == second:
        day_first = True
    elif second > 12:
        day_first = False
    if day_first is None:
        return None
    return (year, second, first) if day_first else (year, first, second)


def _in_words(text: str) -> tuple[int, int, int] | None:
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    numbers = [int(number) for number in re.findall(r"\d+", plain)]
    years = [number for number in numbers if 2000 <= number < 2200]
    days = [number for number in numbers if 1 <= number <= 31]
    months = [
        month
        for word in re.findall(r"[^\W\d]+", plain)
        if (month := _MONTH_OF.get(word[:4]) or _MONTH_OF.get(word[:3]))
        and not re.match(r"mar(?:di|tes|tedi|di)$|mart(?:es|edi)", word)  # Tuesdays
    ]
    if years and days and months:
        return years[0], months[0], days[0]
    return None


def blackboard_time(text: str) -> datetime | None:
    """Return the time 2026-01-02-03-04-05 in the name of a file from Blackboard."""
    try:
        return datetime.strptime(text, "%Y-%m-%d-%H-%M-%S").astimezone()
    except ValueError:
        return None
