"""The project: its settings, pages and addresses, and where its files are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from editions.base.addresses import Addresses
from editions.base.contents import Contents
from editions.base.errors import EditionsError
from editions.base.files import read_text
from editions.base.frameworks import Framework
from editions.base.helper_package import install_source, requirement
from editions.base.launchers import LaunchButton, LiveServers, launch_buttons, live_servers
from editions.base.pins import read_pins
from editions.base.settings import Settings

DEVICES = ("cpu", "gpu")
EXERCISES_PAGE = "book/exercises"  # the page with the table of all questions
EXERCISES_ENDING = "-exercises"  # a page is beside its chapter: book/blocks, book/blocks-exercises


@dataclass(frozen=True)
class Project:
    """The project whose root folder holds `_config.yml`."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Find the project that contains the folder `start` (default: the current folder).

        Raises:
            EditionsError: neither the folder nor one above it is a project's root.
        """
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "_config.yml").is_file() and (folder / "_toc.yml").is_file():
                return cls(folder)
        raise EditionsError(
            f"{start}: neither it nor a folder above it holds _config.yml and _toc.yml"
        )

    def check(self) -> None:
        """Raise an `EditionsError` if a setting or the table of contents is wrong."""
        _ = self.site, self.frameworks, self.launch_buttons(self.root), self.chapters
        install_source(self.settings)

    # -- settings ----------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        """The settings of `_config.yml`."""
        return Settings(self.root)

    @property
    def config(self) -> dict[str, Any]:
        """All of `_config.yml`."""
        return self.settings.config

    @property
    def repository(self) -> str:
        """Address of the public repository as a browser opens it, without a slash at its end."""
        return self.settings.repository

    @property
    def branch(self) -> str:
        """Branch or tag that buttons, set-up cells and pictures point to."""
        return self.settings.branch

    @property
    def site(self) -> str:
        """Address of the published site, with a slash at its end."""
        return self.settings.site

    @property
    def language(self) -> str:
        """Language of the pages, such as `en`."""
        return self.settings.language

    @property
    def frameworks(self) -> tuple[Framework, ...]:
        """The frameworks that are built, in the order of the tabs."""
        return self.settings.frameworks

    def requirement(self, extras: Iterable[str] = (), state: str = "") -> str:
        """What `pip install` is given to install the helper package."""
        return requirement(self.settings, extras, state)

    # -- pages and files -----------------------------------------------------------

    @cached_property
    def contents(self) -> Contents:
        """The table of contents."""
        return Contents(self.root, self.settings)

    @property
    def chapters(self) -> list[Path]:
        """The chapters: the pages of `_toc.yml` that hold code cells."""
        return self.contents.chapters

    @property
    def pages(self) -> set[Path]:
        """The pages of `_toc.yml`."""
        return self.contents.pages

    @property
    def has_exercise_pages(self) -> bool:
        """Whether the book has the page with the table of questions, and so a page a chapter."""
        return EXERCISES_PAGE in self.contents.documents

    def exercise_text(self, chapter: str) -> Path:
        """Path of the text of the exercises of `chapter`."""
        return self.root / "exercises" / "chapters" / chapter / "text.md"

    def recorded_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Path of the executed edition of `chapter`, with all outputs."""
        return self.root / "book" / "recorded" / device / framework / f"{chapter}.ipynb"

    def notebook_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Path of the copy for learners: the outputs that they are to predict are left out."""
        return self.root / "book" / "notebooks" / device / framework / f"{chapter}.ipynb"

    def record_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Path of the record of that edition's last test run."""
        return self.root / "_build" / "verification" / device / framework / f"{chapter}.json"

    def differences_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Path of the outputs of that edition's last test run that differed."""
        return self.root / "_build" / "differences" / device / framework / f"{chapter}.txt"

    def relative(self, path: Path) -> str:
        """The name of `path` in messages: relative to the root, with slashes."""
        try:
            return path.resolve().relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()

    # -- addresses on the web --------------------------------------------------------

    @property
    def _addresses(self) -> Addresses:
        return Addresses(self.settings)

    def page_address(self, docname: str) -> str:
        """Where the page `docname` is published."""
        return self._addresses.page(docname)

    def blob_address(self, path: Path) -> str:
        """Where the repository shows the file `path`."""
        return self._addresses.blob(self.relative(path))

    def raw_address(self, path: Path) -> str:
        """Where the bytes of the file `path` are served, for pictures in notebooks."""
        return self._addresses.raw(self.relative(path))

    def launch_buttons(self, notebook: Path) -> list[LaunchButton]:
        """The buttons that open the notebook, in the order of a page."""
        return launch_buttons(self.settings, self.relative(notebook))

    @property
    def live_servers(self) -> LiveServers | None:
        """Where the cells of pages run; None if they run nowhere."""
        return live_servers(self.settings)

    # -- what outputs depend on --------------------------------------------------------

    @cached_property
    def pins(self) -> dict[str, str]:
        """The versions that `requirements.txt` pins, by normalized package name."""
        return read_pins(
            read_text(self.root / "requirements.txt", "requirements.txt"), "requirements.txt"
        )
