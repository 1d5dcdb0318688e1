"""How an edition looks as a notebook: its cells, its metadata, the bytes of its file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from editions.base.frameworks import Framework
from editions.base.project import EXERCISES_ENDING, Project
from editions.base.strings import Strings
from editions.notebooks.outputs import has_figure
from editions.source.asides import Aside
from editions.source.chapter import Cell, Chapter, cell_ids
from editions.source.portable_markdown import Plain
from editions.source.predictions import predictions

KEY = "d2lcompute"  # the entry of a notebook's metadata that this package writes
SETUP_ID = "setup"
TITLE_ID = "title"
NEXT_ID = "next-step"
HEADING = re.compile(r"(?:\([^()\n]+\)=\s*\n\s*)*#{1,6} ")  # with the labels above it


def build(chapter: Chapter, framework: Framework, project: Project) -> NotebookNode:
    """Return the edition's notebook before it is run.

    Raises:
        SourceError: the chapter's Markdown holds something that notebooks cannot show, or a
            prediction is incomplete.
    """
    plain = Plain.of_chapter(project, chapter)
    strings = Strings(project.language)
    cells = chapter.edition(framework.key)
    answering = {
        cell
        for one in predictions(chapter)
        if framework.key in one.answers
        for cell in one.cells(framework.key)
    }
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python", "file_extension": ".py"},
            "accelerator": "GPU",
            "colab": {"gpuType": "T4", "provenance": []},
        }
    )
    aside: Aside | None = None
    for cell, identifier in zip(cells, cell_ids(cells), strict=True):
        if cell.kind == "markdown":
            text = plain.convert(cell.source, cell.line)
            if not text:
                continue
            node = nbformat.v4.new_markdown_cell(text)
        else:
            node = _code_cell(cell, strings, cell in answering)
        node.id = identifier
        if cell.aside != aside:
            notebook.cells += _turn(aside, cell, plain, strings)
            aside = cell.aside
        notebook.cells.append(node)
    _put_setup_behind_title(notebook, _setup_cell(project, strings))
    if page := _page_of(project, chapter):
        notebook.cells.append(_next_step(project, page, strings))
    return notebook


def _put_setup_behind_title(notebook: NotebookNode, setup: NotebookNode) -> None:
    """The title is a cell of its own, so that the set-up cell is below it and easy to find."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or not first.source.startswith("# ") or first.cell_type != "markdown":
        notebook.cells.insert(0, setup)
        return
    title, _, rest = first.source.partition("\n")
    heading = nbformat.v4.new_markdown_cell(title)
    heading.id = TITLE_ID
    first.source = rest.strip("\n")
    notebook.cells[:1] = [heading, setup, *([first] if first.source else [])]


def _page_of(project: Project, chapter: Chapter) -> Path | None:
    """The source of the page that an edition belongs to; None for exercises."""
    pages = {project.relative(path): path for path in project.chapters}
    return pages.get(chapter.path)


def _next_step(project: Project, page: Path, strings: Strings) -> NotebookNode:
    """What to open next: the page of the chapter, which leads on, and its exercises."""
    name = project.relative(page).removesuffix(".md")
    links = [strings("on_the_site", address=project.page_address(name))]
    if project.has_exercise_pages and (project.exercise_text(page.stem)).is_file():
        address = project.page_address(f"{name}{EXERCISES_ENDING}")
        links.append(strings("next_exercises", address=address))
    node = nbformat.v4.new_markdown_cell(" · ".join(links))
    node.id = NEXT_ID
    return node


def _turn(aside: Aside | None, cell: Cell, plain: Plain, strings: Strings) -> list[NotebookNode]:
    """The headings between two cells of which one is in an aside.

    JupyterLab folds what follows a heading, up to the next one.
    """
    headings = []
    if cell.aside:
        title = strings("deeper", title=plain.convert(cell.aside.title, cell.aside.first))
        heading = nbformat.v4.new_markdown_cell(f"###### {title}")
        heading.metadata["jp-MarkdownHeadingCollapsed"] = True
        heading.id = cell.aside.name
        headings.append(heading)
    elif aside and not HEADING.match(cell.source):
        heading = nbformat.v4.new_markdown_cell(f"###### {strings('deeper_end')}")
        heading.id = f"{aside.name}-end"
        headings.append(heading)
    return headings


def _setup_cell(project: Project, strings: Strings) -> NotebookNode:
    source = (
        f"# @title {strings('setup_title')}\n"
        "try:\n"
        "    import d2lcompute\n"
        "except ModuleNotFoundError:\n"
        f'    %pip install --quiet "{project.requirement()}"'
    )
    node = nbformat.v4.new_code_cell(source)
    node.id = SETUP_ID
    node.metadata = nbformat.from_dict({"tags": ["setup"], "cellView": "form"})
    return node


def _code_cell(cell: Cell, strings: Strings, answers: bool) -> NotebookNode:
    """A code cell; `answers` says whether it belongs to the answer of a prediction."""
    metadata: dict[str, Any] = {}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    source = cell.source
    if cell.is_claim:
        # JupyterLab folds the cell by `source_hidden`, Colab by the form that `@title` makes.
        _, _, body = source.partition("\n")
        title = (
            strings("checked_prediction")  # the claim's own would give the answer away
            if answers
            else strings("checked", claim=cell.claim_title)
        )
        source = f"# @title {title}\n{body}"
        metadata["jupyter"] = {"source_hidden": True}
        metadata["cellView"] = "form"
    if cell.alt:
        metadata["alt"] = cell.alt
    node = nbformat.v4.new_code_cell(source)
    node.metadata = nbformat.from_dict(metadata)
    return node


def refresh(fresh: NotebookNode, stored: NotebookNode) -> NotebookNode:
    """Return `fresh` with the outputs, counts and metadata of `stored`, which has the same code."""
    code = [[cell for cell in one.cells if cell.cell_type == "code"] for one in (fresh, stored)]
    for cell, executed in zip(*code, strict=True):
        cell.outputs = executed.outputs
        cell.execution_count = executed.execution_count
        describe_figures(cell)
    fresh.metadata[KEY] = stored.metadata[KEY]
    return fresh


def describe_figures(cell: NotebookNode) -> None:
    """Write the cell's alternative text into the metadata of each figure that it shows."""
    alt = cell.metadata.get("alt")
    for output in cell.outputs if alt else []:
        if "data" in output and has_figure(cell):
            for mime in [mime for mime in output.data if mime.startswith("image/")]:
                output.metadata.setdefault(mime, {})["alt"] = alt


def dumps(notebook: NotebookNode) -> bytes:
    """Return the bytes of a notebook's file; equal notebooks have equal bytes on every machine."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    return (text.rstrip("\n") + "\n").encode("utf8")
