"""Citations: what the bibliography says of each key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from editions.base.project import Project


@dataclass(frozen=True)
class Entry:
    """An entry of the bibliography."""

    names: str  # "Paszke et al."
    year: str
    address: str  # empty if the entry has none

    def markdown(self, textual: bool) -> str:
        """The citation: "Paszke et al. (2019)" if it is part of a sentence."""
        words = f"{self.names} ({self.year})" if textual else f"{self.names}, {self.year}"
        return f"[{words}]({self.address})" if self.address else words


def bibliography_files(project: Project) -> list[str]:
    """The names of the files that hold the bibliography."""
    return list(project.config.get("bibtex_bibfiles", []))


def bibliography(project: Project) -> dict[str, Entry]:
    """The entries of the bibliography, by key."""
    return _read(tuple(project.root / name for name in bibliography_files(project)))


@cache
def _read(files: tuple[Path, ...]) -> dict[str, Entry]:
    from pybtex.database import parse_file

    entries = {}
    for path in files:
        if not path.is_file():
            continue
        for key, entry in parse_file(path, bib_format="bibtex").entries.items():
            people = [
                " ".join(str(name) for name in person.rich_last_names)
                for person in entry.persons.get("author", [])
            ] or [key]
            if len(people) > 2 or people[-1] == "others":
                names = f"{people[0]} et al."
            else:
                names = " and ".join(people)
            doi, url = entry.fields.get("doi"), entry.fields.get("url")
            address = f"https://doi.org/{doi}" if doi else url or ""
            entries[key] = Entry(names, entry.fields.get("year", "n.d."), address)
    return entries
