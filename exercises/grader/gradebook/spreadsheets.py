"""Cells of CSV files, written so that no spreadsheet runs them as formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from grader.intake.names import storable

# What begins a formula, in full width too. A spreadsheet that takes another character for the
# separator begins a cell after it, so what follows a separator or a line break counts as well.
_FORMULA = re.compile(r"(^|[,;|\t\r\n])([ \u00a0\u200b\ufeff\"']*)(?=[=+\-@＝＋－＠﹣−])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
BYTE_ORDER_MARK = "\ufeff"


def exported(text: str) -> str:
    """Return text as it is exported: so that a spreadsheet does not run it as a formula."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    text = storable(text)
    if text[:1] in ("\t", "\r", "\n"):  # some spreadsheets drop these, and look at what follows
        text = f"'{text}"
    return _FORMULA.sub(r"\1'\2", text)


def csv_text(table: Iterable[Iterable[str]]) -> str:
    """Return a table as CSV, with the line ends of the format."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(table)
    return stream.getvalue()


def number(points: float | None) -> str:
    """Return points as they are exported; "" where they are not known."""
    return "" if points is None else f"{round(points, 4):g}"


def for_excel(text: str) -> str:
    """Return a CSV file's text with the mark without which Excel misreads letters like é."""
    return text if text.isascii() else BYTE_ORDER_MARK + text
