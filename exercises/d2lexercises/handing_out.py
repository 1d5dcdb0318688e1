"""What the instructor said when handing a notebook out, in its first cells: `handed_out`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

private: set[str] = set()  # the names of questions whose checks come from the instructor's folder
solutions_from: list[date] = []  # the date from which solutions open, if there is one


def note(questions: Iterable[str], opening: str | date) -> None:
    """Note which questions are the instructor's own, and when solutions open.

    Raises:
        ValueError: the date is not written as 2026-12-24.
    """
    if opening:
        try:
            day = opening if isinstance(opening, date) else date.fromisoformat(opening)
        except ValueError:
            raise ValueError(
                f"solutions_from is a date such as 2026-12-24, got {opening!r}"
            ) from None
        solutions_from[:] = [day]
    private.update(questions)
