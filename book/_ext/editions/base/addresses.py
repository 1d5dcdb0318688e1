"""Addresses on the web: of pages, files and notebooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from editions.base.settings import GITHUB, Settings


@dataclass(frozen=True)
class Addresses:
    """The addresses that follow from the settings; paths are relative to the root."""

    settings: Settings

    def page(self, docname: str) -> str:
        """Where the page `docname` is published."""
        return f"{self.settings.site}{quote(docname)}.html"

    def blob(self, path: str) -> str:
        """Where the repository shows a file."""
        return f"{self.settings.repository}/blob/{self.settings.branch}/{quote(path)}"

    def raw(self, path: str) -> str:
        """Where the repository serves the bytes of a file."""
        branch = self.settings.branch
        if match := re.fullmatch(GITHUB, self.settings.repository):
            host = f"https://raw.githubusercontent.com/{match[1]}/{match[2]}"
            return f"{host}/{branch}/{quote(path)}"
        return f"{self.settings.repository}/raw/{branch}/{quote(path)}"
