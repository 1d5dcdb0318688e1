"""The words that the tools put on pages and into notebooks, by language."""

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
    """The words in one language: `strings("verified", versions="torch 2.13.0")`.

    Raises:
        EditionsError: the catalogue does not have the language.
    """

    def __init__(self, language: str) -> None:
        catalogue = _catalogue()
        if language not in catalogue:
            raise EditionsError(
                f"strings.yml: no language {language!r}; it has {sorted(catalogue)}"
            )
        self._words = catalogue[language]

    def group(self, prefix: str) -> dict[str, str]:
        """Return the words whose keys begin with `prefix`, under the rest of their keys."""
        return {
            key.removeprefix(prefix): text
            for key, text in self._words.items()
            if key.startswith(prefix)
        }

    def __call__(self, key: str, **values: object) -> str:
        """Return the words called `key` with `values` filled in.

        Raises:
            EditionsError: the catalogue has no such key.
        """
        if key not in self._words:
            raise EditionsError(f"strings.yml: no entry {key!r}")
        return self._words[key].format(**values)
