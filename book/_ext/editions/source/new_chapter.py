"""Start a chapter: a skeleton that runs and builds, listed in the table of contents."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import shorten

from editions.base.errors import EditionsError
from editions.base.files import write_atomically
from editions.base.project import Project
from editions.source.link_targets import LinkTargets
from editions.source.page_template import fill_in
from editions.source.table_of_contents import with_chapter

LONGEST = 60  # letters of a name, which names files and labels
SKELETON = Path(__file__).with_name("skeleton.md")


def new_chapter(project: Project, name: str, title: str | None = None) -> Path:
    """Write `book/NAME.md` and list it last among the chapters; return where it is.

    It has cells for each framework of the book.

    Raises:
        EditionsError: the name is no name for a chapter, there is such a page already, or
            `_toc.yml` has a form in which the page cannot be listed. Nothing is changed then.
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
    text = fill_in(project, SKELETON.read_text("utf8"), SKELETON, name=name, title=title)
    toc = with_chapter(project, f"book/{name}")
    write_atomically(page, re.sub(r"\n{3,}", "\n\n", text).encode("utf8"))
    try:
        write_atomically(project.root / "_toc.yml", toc.encode("utf8"))
    except BaseException:
        page.unlink()
        raise
    return page
