"""The skips that a run may have. Any other skip is a failure (see `conftest.py`).

A test that is skipped shows nothing. So each skip is listed here, with its reason and with the
machines on which it is expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


def anywhere() -> bool:
    """On every machine."""
    return True


@dataclass(frozen=True)
class Expected:
    """A skip that is expected."""

    test: str  # file::test, below tests/
    reason: str  # a regular expression for the whole reason
    where: Callable[[], bool]  # whether it is expected on this machine


EXPECTED = (
    Expected(
        "distribution/test_distribution_colab.py::test_wheel_set_up_cell_and_import",
        r"no Python 3\.\d+ on the path or in pyenv: install one to test it",
        anywhere,
    ),
)


def unexpected(node: str, reason: str, expected: Iterable[Expected] = EXPECTED) -> str | None:
    """Why a skip is a failure: a message; None if it is expected on this machine.

    Args:
        node: the id of the test, or of the module, that pytest reports.
        reason: what pytest reports as the reason.
        expected: the list to look it up in.
    """
    test = re.sub(r"[\[@].*", "", node, flags=re.DOTALL).removeprefix("tests/")
    words = reason.removeprefix("Skipped: ")
    for one in expected:
        if one.test == test and re.fullmatch(one.reason, words):
            if one.where():
                return None
            return f"{test} was skipped on a machine where it should run: {words}"
    return f"{test} was skipped, which is not listed in tests/{Path(__file__).name}: {words}"
