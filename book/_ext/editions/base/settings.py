"""The settings of `_config.yml`, each checked when it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from editions.base.errors import EditionsError
from editions.base.files import read_text
from editions.base.frameworks import FRAMEWORKS, Framework
from editions.base.yaml_text import parse_yaml

NAME = "_config.yml"
GITHUB = r"https://github\.com/([^/]+)/([^/]+)"
SSH = re.compile(r"(?:ssh://)?git@([\w.-]+)(?::|/)(.+)")
ALWAYS_EXCLUDED = ("_build", "Thumbs.db", ".DS_Store", "**.ipynb_checkpoints")  # by Jupyter Book


@dataclass(frozen=True)
class Settings:
    """The settings of the project whose root folder is `root`."""

    root: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """All of `_config.yml`.

        Raises:
            EditionsError: the file is missing, is not YAML, or does not hold settings.
        """
        config = parse_yaml(read_text(self.root / NAME, NAME), NAME) or {}
        if not isinstance(config, dict):
            raise EditionsError(f"{NAME}: expected settings such as title: ..., got {config!r}")
        return config

    def section(self, *names: str) -> dict[str, Any]:
        """A section of `_config.yml`; empty if it is missing.

        Raises:
            EditionsError: the section holds a single value.
        """
        section = self.config
        for depth, name in enumerate(names, start=1):
            section = section.get(name) or {}
            if not isinstance(section, dict):
                raise EditionsError(
                    f"{NAME}: {'.'.join(names[:depth])} is {section!r}; expected settings, "
                    "indented below it"
                )
        return section

    @property
    def sphinx_config(self) -> dict[str, Any]:
        """The settings that are passed on to Sphinx."""
        return self.section("sphinx", "config")

    @cached_property
    def repository(self) -> str:
        """Address of the public repository as a browser opens it, without a slash at its end.

        Raises:
            EditionsError: the setting is missing or is not such an address.
        """
        url = str(self.section("repository").get("url") or "").strip()
        if not url:
            raise EditionsError(f"{NAME}: repository.url is missing: give the repository's address")
        if match := SSH.fullmatch(url):
            address = f"https://{match[1]}/{match[2]}"
        else:
            address = re.sub(r"^(?i:https?)://", "https://", url)
        address = address.rstrip("/").removesuffix(".git")
        address = re.sub(r"^https://(?i:(?:www\.)?github\.com)/", "https://github.com/", address)
        allowed = GITHUB if address.startswith("https://github.com") else r"https://[\w.:-]+/[^?#]+"
        if not re.fullmatch(allowed, address) or re.search(r"\s", address):
            raise EditionsError(
                f"{NAME}: repository.url is {url}; expected the address at which a browser "
                "shows the repository, such as https://github.com/NAME/REPOSITORY"
            )
        return address

    @property
    def branch(self) -> str:
        """Branch or tag that buttons, set-up cells and pictures point to."""
        return str(self.section("repository").get("branch") or "main")

    @property
    def site(self) -> str:
        """Address of the published site, with a slash at its end; by default GitHub Pages.

        Raises:
            EditionsError: the setting is not an address, or is missing for a repository that is
                not on GitHub.
        """
        address = str(self.section("html").get("baseurl") or "").strip()
        match = re.fullmatch(GITHUB, self.repository)
        if not address and match:
            host = f"{match[1].lower()}.github.io"
            address = f"https://{host}" + ("" if match[2].lower() == host else f"/{match[2]}")
        if not re.fullmatch(r"https?://[^\s?#]+", address):
            raise EditionsError(
                f"{NAME}: html.baseurl is {address or 'missing'}; expected the address of the "
                "published site, such as https://books.example.org/course/ (optional only for "
                "a repository on GitHub)"
            )
        return address.rstrip("/") + "/"

    @property
    def language(self) -> str:
        """Language of the pages, such as `en`."""
        return str(self.sphinx_config.get("language", "en"))

    @property
    def frameworks(self) -> tuple[Framework, ...]:
        """The frameworks that are built, in the order of the tabs.

        Raises:
            EditionsError: the setting is not a list of known frameworks.
        """
        names = self.sphinx_config.get("editions_frameworks", list(FRAMEWORKS))
        listed = names if isinstance(names, list) else []
        if not listed or any(listed.count(n) > 1 or n not in FRAMEWORKS for n in listed):
            raise EditionsError(
                f"{NAME}: editions_frameworks is {names}; allowed are one or more of "
                f"{', '.join(FRAMEWORKS)}, in brackets: [{next(iter(FRAMEWORKS))}]"
            )
        return tuple(FRAMEWORKS[name] for name in names)

    @property
    def only_listed_pages(self) -> bool:
        """Whether the site holds only the pages that `_toc.yml` lists."""
        default = self.config.get("only_build_toc_files", False)
        return bool(self.sphinx_config.get("external_toc_exclude_missing", default))

    @property
    def excluded(self) -> list[str]:
        """Patterns of files that are not pages.

        Raises:
            EditionsError: the setting is not a list.
        """
        patterns = self.config.get("exclude_patterns") or []
        if not isinstance(patterns, list):
            raise EditionsError(
                f"{NAME}: exclude_patterns is {patterns!r}; expected a list, in brackets"
            )
        ours = self.sphinx_config
        patterns = ours.get("exclude_patterns", [*ALWAYS_EXCLUDED, *patterns])
        folders = ("templates_path", "html_static_path", "html_extra_path")
        return [str(one) for one in (*patterns, *(f for key in folders for f in ours.get(key, ())))]
