"""CSV files that people save with a spreadsheet: separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from grader.units import MIB

MOST_BYTES = 16 * MIB


class CsvError(ValueError):
    """The file cannot be read; the message names it and the reason."""


def read_rows(file: Path) -> list[list[str]]:
    """Return the rows of a file, the headings first.

    Raises:
        CsvError: there is no such file, or it is too large, not UTF-8, or not CSV.
    """
    if not file.is_file():
        raise CsvError(f"{file}: there is no such file")
    data = file.read_bytes()
    if len(data) > MOST_BYTES:
        raise CsvError(f"{file}: {len(data) // MIB} MB; at most {MOST_BYTES // MIB} MB are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CsvError(f"{file}: not UTF-8 text; save it as CSV in UTF-8") from None
    first_line = text.splitlines()[0] if text else ""
    delimiter = max(",;\t", key=first_line.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise CsvError(f"{file}: not readable as CSV ({error})") from None
