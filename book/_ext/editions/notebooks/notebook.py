"""How an edition looks as a notebook: its cells, its metadata, the bytes of its file."""

from __future__ import annotations

from typing import Any

import nbformat
from nbformat import NotebookNode

from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.base.strings import Strings
from editions.notebooks.outputs import has_figure
from editions.source.asides import Aside
from editions.source.chapter import Cell, Chapter, cell_ids
from editions.source.portable_markdown import Plain
from editions.source.predictions import predictions

KEY = "d2lcompute"  # the entry of a notebook's metadata that this package writes
SETUP_ID = "setup"


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
    notebook.cells.append(_setup_cell(project, strings))
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
    return notebook


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
    elif aside and not cell.source.startswith("#"):
        heading = nbformat.v4.new_markdown_cell(f"###### {strings('deeper_end')}")
        heading.id = f"{aside.name}-end"
        headings.append(heading)
    return headings


def _setup_cell(project: Project, strings: Strings) -> NotebookNode:
    source = (
        f"# @title {strings('setup_title')}\n"
        "try:\n"
        "    import d2lcompute  # noqa: F401\n"
        "except ModuleNotFoundError:\n"
        f'    %pip install --quiet "d2lcompute @ git+{project.repository}@{project.branch}"'
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
