"""The table of contents `_toc.yml`: which files are pages, and which pages are chapters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from editions.base.errors import EditionsError, SourceError
from editions.base.files import read_text
from editions.base.settings import Settings
from editions.base.yaml_text import parse_yaml

if TYPE_CHECKING:
    from sphinx_external_toc.api import Document, SiteMap

NAME = "_toc.yml"
SUFFIXES = (".md", ".ipynb", ".rst")


@dataclass(frozen=True)
class Contents:
    """The table of contents of the project whose root folder is `root`."""

    root: Path
    settings: Settings

    @cached_property
    def documents(self) -> list[str]:
        """The pages in the order of the table, by their path without an ending.

        Patterns (`glob:`) are expanded as Sphinx does it; addresses (`url:`) are left out.

        Raises:
            EditionsError: the table is malformed, a pattern matches no page, or a page is missing
                or excluded.
        """
        from sphinx_external_toc.parsing import MalformedError, parse_toc_data

        table = parse_yaml(read_text(self.root / NAME, NAME), NAME)
        try:
            site_map = parse_toc_data(table)
        except MalformedError as error:
            raise EditionsError(f"{NAME}: {error}") from error
        return list(dict.fromkeys(self._below(site_map.root, site_map)))

    @cached_property
    def pages(self) -> set[Path]:
        """The Markdown pages of the table."""
        return {(self.root / f"{name}.md").resolve() for name in self.documents}

    @property
    def chapters(self) -> list[Path]:
        """The chapters of the table: its Markdown pages that hold code cells.

        Raises:
            EditionsError: a page is empty, or holds code cells and is not a chapter; or the site
                would hold a chapter that the table does not list.
        """
        chapters = []
        for name in self.documents:
            path = self.root / f"{name}.md"
            if not path.is_file():
                continue
            text = read_text(path, f"{name}.md")
            if is_chapter(text):
                chapters.append(path)
            else:
                _refuse_code_cells(f"{name}.md", text)
        if not self.settings.only_listed_pages:
            self._refuse_unlisted_chapters()
        return chapters

    def _below(self, document: Document, site_map: SiteMap) -> Iterator[str]:
        """A document of the table and those below it."""
        from sphinx_external_toc.api import FileItem, GlobItem

        name = _without_suffix(document.docname)
        self._check(name)
        yield name
        for tree in document.subtrees:
            entries: list[list[str]] = []
            for item in tree.items:
                if isinstance(item, FileItem):
                    entries.append(list(self._below(site_map[item], site_map)))
                elif isinstance(item, GlobItem):
                    entries += [[match] for match in self._matches(str(item)) if match != name]
            for entry in reversed(entries) if tree.reversed else entries:
                yield from entry

    def _check(self, name: str) -> None:
        """Raise an `EditionsError` if a listed page is missing or excluded."""
        from sphinx.util.matching import Matcher

        files = [f"{name}{suffix}" for suffix in SUFFIXES]
        existing = [file for file in files if (self.root / file).is_file()]
        if not existing:
            raise EditionsError(f"{NAME} lists {name}, and there is no file {name}.md")
        parts = existing[0].split("/")
        matches = Matcher(self._excluded)
        if any(matches("/".join(parts[:depth])) for depth in range(1, len(parts) + 1)):
            raise EditionsError(
                f"{NAME} lists {name}, and exclude_patterns in _config.yml excludes {existing[0]}"
            )

    def _matches(self, pattern: str) -> list[str]:
        from sphinx.util.matching import patfilter

        names = {_without_suffix(file) for file in self._unexcluded_files}
        matches = sorted(patfilter(names, pattern))
        if not matches:
            raise EditionsError(
                f"{NAME}: glob: {pattern} matches no page; a pattern names pages without their "
                "ending, such as book/part-*"
            )
        return matches

    @property
    def _excluded(self) -> list[str]:
        from sphinx.project import EXCLUDE_PATHS

        return [*self.settings.excluded, *EXCLUDE_PATHS]

    @cached_property
    def _unexcluded_files(self) -> set[str]:
        """All files that Sphinx would take for a page if the table listed them."""
        from sphinx.util.matching import get_matching_files

        patterns = [f"**{suffix}" for suffix in SUFFIXES]
        return set(get_matching_files(self.root, patterns, self._excluded))

    def _refuse_unlisted_chapters(self) -> None:
        unlisted = (
            file
            for file in sorted(self._unexcluded_files)
            if file.endswith(".md") and _without_suffix(file) not in self.documents
        )
        for file in unlisted:
            if is_chapter(read_text(self.root / file, file)):
                raise EditionsError(
                    f"{file}: the site would hold this chapter, which {NAME} does not list: "
                    "list it, or set only_build_toc_files: true in _config.yml"
                )


@lru_cache(maxsize=256)  # asked for each page whenever the chapters are listed
def is_chapter(text: str) -> bool:
    """Whether a page's text is a chapter: a MyST notebook, by its front matter."""
    from myst_nb.core.read import is_myst_markdown_notebook

    return bool(is_myst_markdown_notebook(text))


def _without_suffix(file: str) -> str:
    for suffix in SUFFIXES:
        file = file.removesuffix(suffix)
    return file


def _refuse_code_cells(shown: str, text: str) -> None:
    """Raise an `EditionsError` if a page is empty or is a chapter with a wrong front matter."""
    if not text.strip():
        raise EditionsError(f"{shown}: the page is empty: write it, or take it out of {NAME}")
    head, end, _ = text.partition("\n---\n")
    if text.startswith("---\n"):
        if not end:
            raise SourceError(shown, 1, "the front matter is not ended: a line --- is missing")
        parse_yaml(head, shown, "the front matter")
    quoted = re.sub(r"(?ms)^(`{4,}).*?^\1$", lambda block: "\n" * block[0].count("\n"), text)
    if cell := re.search(r"(?m)^```\{code-cell\}", quoted):
        raise SourceError(
            shown,
            quoted[: cell.start()].count("\n") + 1,
            "a code cell on a page that does not begin with the front matter of a chapter: copy "
            "it from another chapter",
        )
