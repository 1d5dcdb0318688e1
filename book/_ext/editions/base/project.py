"""Where things are, and what `_config.yml` and `_toc.yml` say of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from editions.base.errors import EditionsError, SourceError
from editions.base.files import read_text
from editions.base.frameworks import FRAMEWORKS, Framework

DEVICES = ("cpu", "gpu")
GITHUB = r"https://github\.com/([^/]+)/([^/]+)"
SSH = re.compile(r"(?:ssh://)?git@([\w.-]+)(?::|/)(.+)")


@dataclass(frozen=True)
class Project:
    """The project whose root folder holds `_config.yml`."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project that `start` (default: the current folder) lies in."""
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "_config.yml").is_file() and (folder / "_toc.yml").is_file():
                return cls(folder)
        raise EditionsError(
            f"{start}: neither it nor a folder above it holds _config.yml and _toc.yml"
        )

    @classmethod
    def of(cls, app: Any) -> Project:
        """The project that a Sphinx application builds; read once for each build."""
        if not hasattr(app, "editions_project"):
            app.editions_project = cls.find(Path(app.srcdir))
        return app.editions_project

    def check(self) -> None:
        """Raise an `EditionsError` if a setting or the table of contents cannot be followed."""
        _ = self.site, self.frameworks, self.chapters

    # -- settings ----------------------------------------------------------------

    @cached_property
    def config(self) -> dict[str, Any]:
        """`_config.yml`, as it stands."""
        found = self._yaml("_config.yml") or {}
        if not isinstance(found, dict):
            raise EditionsError(f"_config.yml: it holds {found!r}; settings are wanted: title: ...")
        return found

    def _yaml(self, name: str) -> Any:
        """What a file of the root holds."""
        try:
            return yaml.safe_load(read_text(self.root / name, name))
        except yaml.MarkedYAMLError as error:
            raise _not_yaml(name, "this", error) from error
        except yaml.YAMLError as error:
            raise EditionsError(f"{name}: this is not YAML: {error}") from error

    def _section(self, *names: str) -> dict[str, Any]:
        """A section of `_config.yml`; empty if it is not there."""
        found = self.config
        for at, name in enumerate(names):
            found = found.get(name) or {}
            if not isinstance(found, dict):
                raise EditionsError(
                    f"_config.yml: {'.'.join(names[: at + 1])} is {found!r}; settings are wanted, "
                    "indented below it"
                )
        return found

    @cached_property
    def repository(self) -> str:
        """Address of the public repository as a browser opens it, without a slash at its end.

        Raises:
            EditionsError: there is none, or it is no such address.
        """
        url = str(self._section("repository").get("url") or "").strip()
        if not url:
            raise EditionsError(
                "_config.yml: repository.url is missing: give the repository's address"
            )
        if match := SSH.fullmatch(url):
            address = f"https://{match[1]}/{match[2]}"
        else:
            address = re.sub(r"^(?i:https?)://", "https://", url)
        address = address.rstrip("/").removesuffix(".git")
        address = re.sub(r"^https://(?i:(?:www\.)?github\.com)/", "https://github.com/", address)
        wanted = GITHUB if address.startswith("https://github.com") else r"https://[\w.:-]+/[^?#]+"
        if not re.fullmatch(wanted, address) or re.search(r"\s", address):
            raise EditionsError(
                f"_config.yml: repository.url is {url}; wanted is the address at which a browser "
                "shows the repository, such as https://github.com/NAME/REPOSITORY"
            )
        return address

    @property
    def branch(self) -> str:
        """Branch or tag that buttons, set-up cells and pictures point to."""
        return str(self._section("repository").get("branch") or "main")

    @property
    def site(self) -> str:
        """Address of the published site, with a slash at its end: GitHub Pages, if none is set.

        Raises:
            EditionsError: none is set and the repository is not on GitHub, or it is no address.
        """
        address = str(self._section("html").get("baseurl") or "").strip()
        match = re.fullmatch(GITHUB, self.repository)
        if not address and match:
            host = f"{match[1].lower()}.github.io"
            address = f"https://{host}" + ("" if match[2].lower() == host else f"/{match[2]}")
        if not re.fullmatch(r"https?://[^\s?#]+", address):
            raise EditionsError(
                f"_config.yml: html.baseurl is {address or 'missing'}; say at which address the "
                "site will be, such as https://books.example.org/course/ (only for a repository "
                "on GitHub can it be left out)"
            )
        return address.rstrip("/") + "/"

    @property
    def language(self) -> str:
        """Language of the pages, as `en`."""
        return str(self._sphinx_config.get("language", "en"))

    @property
    def frameworks(self) -> tuple[Framework, ...]:
        """The frameworks that are built, in the order of the tabs."""
        names = self._sphinx_config.get("editions_frameworks", list(FRAMEWORKS))
        listed = names if isinstance(names, list) else []
        if not listed or any(listed.count(n) > 1 or n not in FRAMEWORKS for n in listed):
            raise EditionsError(
                f"_config.yml: editions_frameworks is {names}; allowed are one or more of "
                f"{', '.join(FRAMEWORKS)}, in brackets: [{next(iter(FRAMEWORKS))}]"
            )
        return tuple(FRAMEWORKS[name] for name in names)

    @property
    def _sphinx_config(self) -> dict[str, Any]:
        return self._section("sphinx", "config")

    # -- chapters and their notebooks ------------------------------------------------

    @property
    def chapters(self) -> list[Path]:
        """The chapters of `_toc.yml`: pages of `book/` that hold code cells.

        Raises:
            EditionsError: a page is missing, or one with code cells is no chapter; says why.
        """
        found = []
        for name in self._toc_files():
            page = self.root / f"{name}.md"
            if page.is_file():
                text = read_text(page, self.relative(page))
                if is_chapter(text):
                    found.append(page)
                else:
                    _no_chapter(self.relative(page), text)
            elif not any(page.with_suffix(other).is_file() for other in (".ipynb", ".rst")):
                raise EditionsError(f"_toc.yml lists {name}, and there is no file {name}.md")
        return found

    @cached_property
    def labels(self) -> dict[str, Path]:
        """The page of `book/` on which each label, `(like-this)=`, stands."""
        return {
            label: page
            for page in sorted((self.root / "book").glob("*.md"))
            for label in re.findall(r"(?m)^\(([\w-]+)\)=\s*$", read_text(page, self.relative(page)))
        }

    @cached_property
    def pages(self) -> set[Path]:
        """The pages of `_toc.yml`."""
        return {(self.root / f"{name}.md").resolve() for name in self._toc_files()}

    def leaves_out(self, page: Path, target: str) -> bool:
        """Whether a link on `page` leads to a page of the book that `_toc.yml` does not list."""
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return False
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else self.labels.get(anchor, page)
        return found.suffix == ".md" and found.is_file() and found.resolve() not in self.pages

    def _toc_files(self) -> Iterator[str]:
        from sphinx_external_toc.parsing import MalformedError, parse_toc_data

        listed = self._yaml("_toc.yml")
        try:
            parse_toc_data(copy.deepcopy(listed))
        except MalformedError as error:
            raise EditionsError(f"_toc.yml: {error}") from error

        def walk(node: object) -> Iterator[str]:
            if isinstance(node, dict):
                for key, value in node.items():
                    if key in ("file", "root"):
                        yield str(value).removesuffix(".md")
                    else:
                        yield from walk(value)
            elif isinstance(node, list):
                for item in node:
                    yield from walk(item)

        return walk(listed)

    def notebook_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Where the executed edition of `chapter` is kept."""
        return self.root / "book" / "notebooks" / device / framework / f"{chapter}.ipynb"

    def record_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Where the last test run of that edition is recorded."""
        return self.root / "_build" / "verification" / device / framework / f"{chapter}.json"

    def differences_path(self, chapter: str, framework: str, device: str = "cpu") -> Path:
        """Where it is written what the last test run of that edition gave instead."""
        return self.root / "_build" / "differences" / device / framework / f"{chapter}.txt"

    def relative(self, path: Path) -> str:
        """`path` as it is named in messages: relative to the root, with slashes."""
        try:
            return path.resolve().relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()

    # -- addresses ---------------------------------------------------------------------

    def page_address(self, docname: str) -> str:
        """Where the page `docname` is published."""
        return f"{self.site}{quote(docname)}.html"

    def blob_address(self, path: Path) -> str:
        """Where the repository shows the file `path`."""
        return f"{self.repository}/blob/{self.branch}/{quote(self.relative(path))}"

    def raw_address(self, path: Path) -> str:
        """Where the bytes of the file `path` are served, for pictures in notebooks."""
        relative = quote(self.relative(path))
        if match := re.fullmatch(GITHUB, self.repository):
            return (
                f"https://raw.githubusercontent.com/{match[1]}/{match[2]}/{self.branch}/{relative}"
            )
        return f"{self.repository}/raw/{self.branch}/{relative}"

    def colab_address(self, notebook: Path) -> str:
        """Where Colab opens the notebook; an empty string if it cannot."""
        if match := re.fullmatch(GITHUB, self.repository):
            path = quote(self.relative(notebook))
            return f"https://colab.research.google.com/github/{match[1]}/{match[2]}/blob/{self.branch}/{path}"
        return ""

    # -- what outputs depend on -----------------------------------------------------------

    @cached_property
    def pins(self) -> dict[str, str]:
        """The versions that `requirements.txt` pins, by lower-case package name."""
        pins = {}
        for line in read_text(self.root / "requirements.txt", "requirements.txt").splitlines():
            if match := re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*==\s*([^\s;#]+)", line):
                pins[match[1].lower().replace("_", "-")] = match[2]
        return pins


def _not_yaml(shown: str, what: str, error: yaml.MarkedYAMLError) -> SourceError:
    """The error for what is to be YAML and is not, with the line where that shows."""
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return SourceError(shown, line, f"{what} is not YAML: {error.problem}")


def _no_chapter(shown: str, text: str) -> None:
    """Raise an `EditionsError` if a page that is no chapter was meant to be one, or is empty."""
    if not text.strip():
        raise EditionsError(f"{shown}: the page is empty: write it, or take it out of _toc.yml")
    head, after, _ = text.partition("\n---\n")
    if text.startswith("---\n"):
        if not after:
            raise SourceError(shown, 1, "the front matter is not ended: a line --- is missing")
        try:
            yaml.safe_load(head)
        except yaml.MarkedYAMLError as error:
            raise _not_yaml(shown, "the front matter", error) from error
    if cell := re.search(r"(?m)^```\{code-cell\}", text):
        raise SourceError(
            shown,
            text[: cell.start()].count("\n") + 1,
            "a code cell on a page that does not begin with the front matter of a chapter: copy "
            "it from another chapter",
        )


def is_chapter(text: str) -> bool:
    """Whether a page's text is a chapter: a MyST notebook, by its front matter."""
    from myst_nb.core.read import is_myst_markdown_notebook

    return bool(is_myst_markdown_notebook(text))
