"""The installed browser, which prints the book and runs the tests of its pages."""

from __future__ import annotations

import os
import shutil

from editions.base.errors import EditionsError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def browser_path() -> str:
    """The path of the installed Chromium; none is ever downloaded.

    Raises:
        EditionsError: no Chromium is installed.
    """
    for path in (os.environ.get("D2L_CHROMIUM"), *map(shutil.which, NAMES)):
        if path:
            return path
    raise EditionsError("there is no Chromium: type make browser, or set D2L_CHROMIUM to its path")
