"""Start a chapter: a skeleton that runs and builds, listed in the table of contents."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import shorten

import yaml
from sphinx_external_toc.parsing import MalformedError, parse_toc_data

from editions.base.errors import EditionsError
from editions.base.files import read_text, write_atomically
from editions.base.project import Project
from editions.source.link_targets import LinkTargets

LONGEST = 60  # letters of a name, which names files and labels
SKELETON = Path(__file__).with_name("skeleton.md")
REFERENCE = re.compile(r"(?m)^  - caption: Reference$")


def new_chapter(project: Project, name: str, title: str | None = None) -> Path:
    """Write `book/NAME.md` and list it last among the chapters; return where it is.

    Raises:
        EditionsError: the name is no name for a chapter, or there is such a page already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise EditionsError(
            f"the name of a chapter is {shorten(repr(name), 80)}; it may hold up to {LONGEST} "
            "lower-case letters, digits and single hyphens, and begins with a letter, such as "
            "graph-networks"
        )
    page = project.root / "book" / f"{name}.md"
    if page.exists():
        raise EditionsError(f"{project.relative(page)} is there already; nothing was changed")
    if other := LinkTargets(project).labels.get(name):
        raise EditionsError(
            f"the name is {name}, which {project.relative(other)} has as a label, ({name})=; "
            "choose another name"
        )
    title = " ".join((title or "").split()).lstrip("# ") or name.replace("-", " ").capitalize()
    text = SKELETON.read_text("utf8").replace("NAME", name).replace("TITLE", title)
    toc = _listed(read_text(project.root / "_toc.yml", "_toc.yml"), f"book/{name}")
    write_atomically(page, text.encode("utf8"))
    try:
        write_atomically(project.root / "_toc.yml", toc.encode("utf8"))
    except BaseException:
        page.unlink()
        raise
    return page


def _listed(text: str, page: str) -> str:
    """A table with a page more after the last chapter: before the part Reference, or at the end."""
    entry = f"      - file: {page}\n"
    match = REFERENCE.search(text)
    at = match.start() if match else len(text)
    if "\nparts:" not in text:
        entry = f"- file: {page}\n"
    text = f"{text[:at].rstrip()}\n{entry}{text[at:]}"
    try:
        parse_toc_data(yaml.safe_load(text))
    except (yaml.YAMLError, MalformedError) as error:
        raise EditionsError(
            f"_toc.yml has a form of its own, in which the place for {page} was not found; "
            "nothing was changed. Form it as `format: jb-book` with `parts:`, or `chapters:`"
        ) from error
    return text
