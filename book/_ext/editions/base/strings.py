"""The words that the tooling itself puts on pages and into notebooks, by language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from editions.base.errors import EditionsError

CATALOGUE = Path(__file__).with_name("strings.yml")


@cache
def _catalogue() -> dict[str, dict[str, str]]:
    return yaml.safe_load(CATALOGUE.read_text("utf8"))


class Strings:
    """The catalogue in one language: `strings("verified", versions="torch 2.13.0")`."""

    def __init__(self, language: str) -> None:
        catalogue = _catalogue()
        if language not in catalogue:
            raise EditionsError(
                f"strings.yml: no language {language!r}; it holds {sorted(catalogue)}"
            )
        self._words = catalogue[language]

    def __call__(self, key: str, **values: object) -> str:
        """The words called `key`, with `values` filled in."""
        if key not in self._words:
            raise EditionsError(f"strings.yml: no entry {key!r}")
        return self._words[key].format(**values)
