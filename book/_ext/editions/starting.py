"""Start a chapter: a skeleton that runs and builds, listed in the table of contents."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from editions.errors import EditionsError
from editions.files import write_atomically
from editions.project import Project

SKELETON = Path(__file__).with_name("skeleton.md")
REFERENCE = re.compile(r"(?m)^  - caption: Reference$")


def new_chapter(project: Project, name: str, title: str | None = None) -> Path:
    """Write `book/NAME.md` and list it last among the chapters; return where it is.

    Raises:
        EditionsError: the name is no name for a chapter, or there is such a page already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise EditionsError(
            f"NAME is {name!r}; it may hold lower-case letters, digits and single hyphens, "
            "and begins with a letter: make new-chapter NAME=graph-networks"
        )
    page = project.root / "book" / f"{name}.md"
    if page.exists():
        raise EditionsError(f"{project.relative(page)} is there already; nothing was changed")
    title = title or name.replace("-", " ").capitalize()
    text = SKELETON.read_text("utf8").replace("NAME", name).replace("TITLE", title)
    write_atomically(page, text.encode("utf8"))
    _list(project.root / "_toc.yml", f"book/{name}")
    return page


def _list(toc: Path, page: str) -> None:
    """Add a page after the last chapter: before the part called Reference, else at the end."""
    text = toc.read_text("utf8")
    entry = f"      - file: {page}\n"
    match = REFERENCE.search(text)
    at = match.start() if match else len(text)
    if "\nparts:" not in text:
        entry = f"- file: {page}\n"
    text = f"{text[:at].rstrip()}\n{entry}{text[at:]}"
    yaml.safe_load(text)
    write_atomically(toc, text.encode("utf8"))
