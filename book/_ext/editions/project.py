"""Where things are, and what `_config.yml` and `_toc.yml` say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from editions.errors import EditionsError
from editions.files import digest
from editions.frameworks import FRAMEWORKS, Framework

DEVICES = ("cpu", "gpu")
GITHUB = r"https?://github\.com/([^/]+)/([^/]+)"


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

    # -- settings ----------------------------------------------------------------

    @cached_property
    def config(self) -> dict[str, Any]:
        """`_config.yml`, as it stands."""
        return yaml.safe_load((self.root / "_config.yml").read_text("utf8")) or {}

    @property
    def repository(self) -> str:
        """Address of the public repository, without a slash at its end."""
        url = (self.config.get("repository") or {}).get("url")
        if not url:
            raise EditionsError(
                "_config.yml: repository.url is missing: give the repository's address"
            )
        return str(url).rstrip("/").removesuffix(".git")

    @property
    def branch(self) -> str:
        """Branch or tag that buttons, set-up cells and pictures point to."""
        return str((self.config.get("repository") or {}).get("branch", "main"))

    @property
    def site(self) -> str:
        """Address of the published site, with a slash at its end: GitHub Pages, if none is set."""
        address = str((self.config.get("html") or {}).get("baseurl", ""))
        if not address and (match := re.fullmatch(GITHUB, self.repository)):
            address = f"https://{match[1].lower()}.github.io/{match[2]}"
        return address.rstrip("/") + "/"

    @property
    def language(self) -> str:
        """Language of the pages, as `en`."""
        return str(self._sphinx_config.get("language", "en"))

    @property
    def frameworks(self) -> tuple[Framework, ...]:
        """The frameworks that are built, in the order of the tabs."""
        names = self._sphinx_config.get("editions_frameworks", list(FRAMEWORKS))
        unknown = [name for name in names if name not in FRAMEWORKS]
        if unknown or not names:
            raise EditionsError(
                f"_config.yml: editions_frameworks is {names}; "
                f"allowed are one or more of {list(FRAMEWORKS)}"
            )
        return tuple(FRAMEWORKS[name] for name in names)

    @property
    def _sphinx_config(self) -> dict[str, Any]:
        return (self.config.get("sphinx") or {}).get("config") or {}

    # -- chapters and their notebooks ------------------------------------------------

    @property
    def chapters(self) -> list[Path]:
        """The chapters of `_toc.yml`: pages of `book/` that hold code cells."""
        pages = (self.root / f"{name}.md" for name in self._toc_files())
        return [page for page in pages if page.is_file() and is_chapter(page.read_text("utf8"))]

    @cached_property
    def labels(self) -> dict[str, Path]:
        """The page of `book/` on which each label, `(like-this)=`, stands."""
        return {
            label: page
            for page in sorted((self.root / "book").glob("*.md"))
            for label in re.findall(r"(?m)^\(([\w-]+)\)=\s*$", page.read_text("utf8"))
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

        return walk(yaml.safe_load((self.root / "_toc.yml").read_text("utf8")))

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
        for line in (self.root / "requirements.txt").read_text("utf8").splitlines():
            if match := re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*==\s*([^\s;#]+)", line):
                pins[match[1].lower().replace("_", "-")] = match[2]
        return pins

    @cached_property
    def package_digest(self) -> str:
        """Digest of the helper package's modules that notebooks run with."""
        package = self.root / "d2lcompute"
        parts = []
        for path in sorted(package.glob("*.py")):
            if path.name != "__main__.py":
                text = path.read_text("utf8").replace("\r\n", "\n")
                parts.append(f"{path.name}\0{text}\0")
        if not parts:
            raise EditionsError("d2lcompute/: the helper package is missing")
        return digest("".join(parts).encode())


def is_chapter(text: str) -> bool:
    """Whether a page's text is a chapter: a MyST notebook, by its front matter."""
    from myst_nb.core.read import is_myst_markdown_notebook

    return bool(is_myst_markdown_notebook(text))
