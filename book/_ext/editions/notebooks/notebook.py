"""How an edition looks as a notebook, and when a stored one is stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from editions.base.files import digest
from editions.base.frameworks import Framework
from editions.base.project import DEVICES, Project
from editions.base.strings import Strings
from editions.notebooks.outputs import has_figure
from editions.source.chapter import Cell, Chapter, cell_ids
from editions.source.portable_markdown import Plain

KEY = "d2lcompute"  # our part of a notebook's metadata
SETUP_ID = "setup"


def fingerprint(chapter: Chapter, framework: Framework, project: Project) -> dict[str, Any]:
    """What the outputs of an edition depend on: its code, the helper package, the pins."""
    code = [
        [cell.source, sorted(cell.tags)]
        for cell in chapter.edition(framework.key)
        if cell.kind == "code"
    ]
    return {
        "code": digest(json.dumps(code).encode()),
        "package": project.package_digest,
        "pins": {name: project.pins.get(name, "not pinned") for name in framework.packages},
    }


def staleness(path: Path, chapter: Chapter, framework: Framework, project: Project) -> str | None:
    """Why the stored notebook is not what a run would give now; None if it is."""
    if not path.is_file():
        return "it has never been run"
    try:
        stored = nbformat.v4.reads(path.read_text("utf8"))
        code = [cell for cell in stored.cells if cell.cell_type == "code"]
    except Exception as error:  # many kinds, for a file that is no notebook
        return f"it cannot be read ({type(error).__name__})"
    about = stored.metadata.get(KEY)
    if not isinstance(about, dict) or not all(
        isinstance(about.get(part), dict) for part in ("fingerprint", "versions")
    ):
        return "it does not say what it was run with"
    found, wanted = about["fingerprint"], fingerprint(chapter, framework, project)
    reasons = {
        "code": "its code cells changed",
        "package": "the helper package d2lcompute changed",
        "pins": "the pinned versions changed",
    }
    for part, reason in reasons.items():
        if found.get(part) != wanted[part]:
            return reason
    if any(cell.execution_count is None for cell in code):
        return "some of its cells have not been run"
    written = [cell for cell in chapter.edition(framework.key) if cell.kind == "code"]
    kept = [cell.source for cell in code if "setup" not in cell.metadata.get("tags", [])]
    if [_without_title(cell.source, cell) for cell in written] != [
        _without_title(source, cell) for source, cell in zip(kept, written, strict=False)
    ] or len(code) != len(written) + 1:
        return "its code was edited in the notebook; what should stay belongs into the source"
    return None


def _without_title(source: str, cell: Cell) -> str:
    """Code without the line that says what it proves, which is worded otherwise in a notebook."""
    return source.partition("\n")[2] if cell.is_claim else source


def devices_of(chapter: Chapter, framework: Framework, project: Project) -> list[str]:
    """The kinds of devices whose executed notebooks a page shows, the CPU always first.

    One from a GPU that is older than its source is not shown: few who edit a chapter have a GPU.
    """

    def current(device: str) -> bool:
        path = project.notebook_path(chapter.name, framework.key, device)
        return staleness(path, chapter, framework, project) is None

    return [device for device in DEVICES if device == "cpu" or current(device)]


def build(chapter: Chapter, framework: Framework, project: Project) -> NotebookNode:
    """The edition's notebook, not yet run."""
    plain = Plain.of_chapter(project, chapter)
    strings = Strings(project.language)
    cells = chapter.edition(framework.key)
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
    for cell, identifier in zip(cells, cell_ids(cells), strict=True):
        if cell.kind == "markdown":
            text = plain.convert(cell.source, cell.line)
            if not text:
                continue
            node = nbformat.v4.new_markdown_cell(text)
        else:
            node = _code_cell(cell, strings)
        node.id = identifier
        notebook.cells.append(node)
    return notebook


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


def _code_cell(cell: Cell, strings: Strings) -> NotebookNode:
    metadata: dict[str, Any] = {}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    source = cell.source
    if cell.is_claim:
        # Folded in JupyterLab by `source_hidden`, in Colab by the form that `@title` makes.
        _, _, body = source.partition("\n")
        source = f"# @title {strings('checked', claim=cell.claim_title)}\n{body}"
        metadata["jupyter"] = {"source_hidden": True}
        metadata["cellView"] = "form"
    if "predict" in cell.tags:
        metadata["jupyter"] = {"outputs_hidden": True}
        metadata["collapsed"] = True
    if cell.alt:
        metadata["alt"] = cell.alt
    node = nbformat.v4.new_code_cell(source)
    node.metadata = nbformat.from_dict(metadata)
    return node


def refresh(fresh: NotebookNode, stored: NotebookNode) -> NotebookNode:
    """`fresh`, with the outputs, counts and run data of `stored`, whose code is the same."""
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    mine = [cell for cell in fresh.cells if cell.cell_type == "code"]
    for cell, old in zip(mine, code, strict=True):
        cell.outputs = old.outputs
        cell.execution_count = old.execution_count
        describe_figures(cell)
    fresh.metadata[KEY] = stored.metadata[KEY]
    return fresh


def describe_figures(cell: NotebookNode) -> None:
    """Note the alternative text beside each figure that the cell put out."""
    alt = cell.metadata.get("alt")
    for output in cell.outputs if alt else []:
        if "data" in output and has_figure(cell):
            for mime in [mime for mime in output.data if mime.startswith("image/")]:
                output.metadata.setdefault(mime, {})["alt"] = alt


def dumps(notebook: NotebookNode) -> bytes:
    """The bytes of a notebook's file: the same for the same notebook, on every machine."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    return (text.rstrip("\n") + "\n").encode("utf8")
