"""Weave a chapter's editions into the one notebook from which its page is made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
from nbformat import NotebookNode

from editions.base.frameworks import FRAMEWORKS, Framework
from editions.base.strings import Strings
from editions.notebooks.figure_numbers import gives_numbers, without_numbers
from editions.source.asides import Aside
from editions.source.chapter import Cell, Chapter
from editions.source.predictions import Prediction, predictions

# A cell that prints an error or a warning as it is, in lines of any length.
SHOWS_ERROR = re.compile(r"shown_error\(|print\(.*\{(error|warning)\}")

Editions = Mapping[str, Mapping[str, NotebookNode]]
"""Executed notebooks: by framework, then by device."""

DRAWING, PIXELS = "image/svg+xml", "image/png"


def weave(
    chapter: Chapter, frameworks: tuple[Framework, ...], runs: Editions, strings: Strings
) -> str:
    """The page's notebook, as JSON: shared prose once, framework cells with their own outputs.

    Each cell that belongs to a framework carries its tag; `tabs` turns runs of them into tab sets.
    A cell shared by all frameworks appears once if its outputs are the same in all, and otherwise
    once for each.
    """
    keys = [framework.key for framework in frameworks]
    outputs = {key: _code_cells(chapter, key, runs[key], strings) for key in keys}
    cells: list[NotebookNode] = []
    lines: list[int] = []
    aside: Aside | None = None
    asked = {one.cell: one for one in predictions(chapter)}
    answering: set[Cell] = set()  # they are on the page already
    for cell in chapter.cells:
        if cell.framework not in (None, *keys) or cell in answering:
            continue
        if cell in asked:
            woven = _prediction(asked[cell], outputs, keys, strings)
            answering.update(*(asked[cell].cells(key) for key in asked[cell].answers))
        else:
            woven = ((node, cell.line) for node in _woven(cell, outputs, keys, strings))
        if cell.aside != aside:
            marks = _marks(aside, cell.aside)
            cells += marks
            lines += [cell.line - 1] * len(marks)
            aside = cell.aside
        for node, line in woven:
            cells.append(node)
            lines.append(line - 1)
    if aside:
        cells += _marks(aside, None)
        lines.append(aside.last - 1)
    return as_json(cells, lines)


def weave_borrowed(
    texts: tuple[str, str],
    chapter: Chapter,
    name: str,
    frameworks: tuple[Framework, ...],
    runs: Editions,
    strings: Strings,
) -> str:
    """The notebook of a page that asks a chapter's question between two texts, as JSON.

    Raises:
        StopIteration: the chapter asks no question of this name.
    """
    keys = [framework.key for framework in frameworks]
    outputs = {key: _code_cells(chapter, key, runs[key], strings) for key in keys}
    asked = next(one for one in predictions(chapter) if one.name == name)
    before, after = (_markdown(text, None) for text in texts)
    cells = [before, *(node for node, _ in _prediction(asked, outputs, keys, strings)), after]
    return as_json(cells, [0] * len(cells))


def as_json(cells: list[NotebookNode], lines: list[int]) -> str:
    """A notebook of these cells, with the line of the source from which each one comes."""
    return json.dumps(
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python", "pygments_lexer": "ipython3"},
                "source_map": lines,
            },
            "nbformat": 4,
            "nbformat_minor": 4,  # woven cells have no ids
        }
    )


def _code_cells(
    chapter: Chapter, framework: str, runs: Mapping[str, NotebookNode], strings: Strings
) -> dict[Cell, NotebookNode]:
    """The executed cell for each code cell of the source.

    Where a cell's outputs on a GPU differ, they follow those on the CPU.
    """
    cells = [cell for cell in chapter.edition(framework) if cell.kind == "code"]
    by_device = {}
    for device, notebook in runs.items():
        executed = [
            cell
            for cell in notebook.cells
            if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", [])
        ]
        # Equal cells may occur twice in a chapter; their lines tell them apart.
        by_device[device] = dict(zip(cells, executed, strict=True))
    first, *others = by_device
    return {
        cell: _merged(
            first, by_device[first][cell], {d: by_device[d][cell] for d in others}, strings
        )
        for cell in cells
    }


def _merged(
    device: str, run: NotebookNode, others: Mapping[str, NotebookNode], strings: Strings
) -> NotebookNode:
    """`run` with the outputs of other devices that differ from its own, each under a caption."""
    outputs = list(run.outputs)
    shown = [_comparable(run.outputs)]
    for other, executed in others.items():
        if (comparable := _comparable(executed.outputs)) not in shown:
            shown.append(comparable)
            outputs += [_caption(other, strings), *executed.outputs]
    if len(shown) > 1:
        outputs.insert(0, _caption(device, strings))
    return NotebookNode({**run, "outputs": outputs})


def _caption(device: str, strings: Strings) -> NotebookNode:
    words = strings(f"shown_{device}")
    data = {"text/markdown": f"**{words}**", "text/plain": words}
    return nbformat.v4.new_output("display_data", data=data)


def _marks(before: Aside | None, after: Aside | None) -> list[NotebookNode]:
    """The marks between two cells of which one is in an aside; `cell_folds` makes folds of them."""
    marks = []
    if before:
        marks.append(_markdown(f":::{{aside-end}} {before.name}\n:::", None))
    if after:
        mark = f":::{{aside-begin}} {after.name}\n{after.title}\n:::"
        marks.append(_markdown(mark, None))
    return marks


def _prediction(
    prediction: Prediction,
    outputs: dict[str, dict[Cell, NotebookNode]],
    keys: list[str],
    strings: Strings,
) -> Iterator[tuple[NotebookNode, int]]:
    """The question, the code, and in one fold the outputs, the claims and the explanation.

    Each comes with its line. `cell_folds` makes the fold of what is between two marks.
    """
    home, name, line = prediction.framework, prediction.name, prediction.cell.line
    yield _markdown(_with_id(prediction.cell.source, name), home), line
    for cell in _of_all(prediction, keys, "predict"):
        framework = home or cell.framework
        run = outputs[framework or keys[0]][cell]
        tags = [framework] if framework else []
        yield (
            _code(cell, NotebookNode({**run, "outputs": []}), tags, strings),
            cell.line,
        )
    yield _markdown(f":::{{reveal-begin}} {name} {home or ''}\n:::", None), line
    for part in ("predict", "claims", "why"):
        for cell in _of_all(prediction, keys, part):
            for node in _woven(cell, outputs, keys, strings, home):
                if part == "predict":
                    node.metadata.tags.append("remove-input")
                yield node, cell.line
    yield _markdown(f":::{{reveal-end}} {name}\n:::", None), line


def _of_all(prediction: Prediction, keys: list[str], part: str) -> list[Cell]:
    """The cells of a part of the answer in all editions, in the order of the source."""
    cells = {
        cell
        for key, answer in prediction.answers.items()
        if key in keys
        for cell in getattr(answer, part)
    }
    return sorted(cells, key=lambda cell: cell.line)


def _with_id(question: str, name: str) -> str:
    """A question's directive with its name as the only option."""
    first, _, rest = question.partition("\n")
    body = re.sub(r"\A(?::[\w-]+:.*\n)*\n*", "", rest)
    return f"{first}\n:id: {name}\n\n{body}"


def _woven(
    cell: Cell,
    outputs: dict[str, dict[Cell, NotebookNode]],
    keys: list[str],
    strings: Strings,
    home: str | None = None,
) -> Iterator[NotebookNode]:
    """A cell as the page shows it.

    `home` is the framework of the fold that the cell is in, where it needs no tabs.
    """
    if cell.kind == "markdown":
        yield _markdown(cell.source, None if home else cell.framework)
    elif home:
        yield _code(cell, outputs[home][cell], [], strings)
    elif cell.framework:
        yield _code(cell, outputs[cell.framework][cell], [cell.framework], strings)
    else:
        runs = {key: outputs[key][cell] for key in keys}
        shown = [_comparable(node.outputs) for node in runs.values()]
        if all(one == shown[0] for one in shown):
            yield _code(cell, runs[keys[0]], [], strings)
        else:
            for key, node in runs.items():
                yield _code(cell, node, [key], strings)


def _markdown(text: str, framework: str | None) -> NotebookNode:
    if framework:
        fence = ":" * (_longest_fence(text) + 1)
        text = f"{fence}{{edition}} {framework}\n{text}\n{fence}"
    return NotebookNode(cell_type="markdown", metadata=NotebookNode(), source=text)


def _code(cell: Cell, run: NotebookNode, frameworks: list[str], strings: Strings) -> NotebookNode:
    tags = [*frameworks, *(tag for tag in cell.tags if tag not in FRAMEWORKS)]
    metadata: dict[str, Any] = {}
    source = cell.source
    if cell.is_claim:
        tags.append("hide-cell")
        _, _, source = source.partition("\n")
        title = strings("show_claim", claim=cell.claim_title)
        metadata["mystnb"] = {"code_prompt_show": title, "code_prompt_hide": title}
    elif gives_numbers(run):
        tags.append("hide-cell")
        title = strings("show_numbers")
        metadata["mystnb"] = {"code_prompt_show": title, "code_prompt_hide": title}
    if SHOWS_ERROR.search(source):
        tags.append("shows-error")
    if cell.alt:
        metadata.setdefault("mystnb", {})["image"] = {"alt": cell.alt}
    return NotebookNode(
        cell_type="code",
        metadata=nbformat.from_dict({**metadata, "tags": tags}),
        source=source,
        outputs=[without_numbers(output) for output in run.outputs],
        execution_count=run.execution_count,
    )


def _comparable(outputs: list[NotebookNode]) -> list[tuple[Any, ...]]:
    """The parts of outputs that a reader can see."""
    return [
        (
            out.get("name"), out.get("text"), out.get("ename"), out.get("evalue"),
            {
                mime: _visible(mime, data)
                for mime, data in out.get("data", {}).items()
                if mime != PIXELS or DRAWING not in out.data  # the page shows the drawing
            },
        )
        for out in outputs
    ]  # fmt: skip


def _visible(mime: str, data: Any) -> Any:
    """An output as a reader sees it: of a drawing, the strokes, rounded to whole points."""
    if mime != DRAWING:
        return data
    strokes = re.findall(r'\b(?:d|x|y|transform)="([^"]*)"', "".join(data))
    return [[round(float(n)) for n in re.findall(r"-?\d+\.?\d*", stroke)] for stroke in strokes]


def _longest_fence(text: str) -> int:
    runs = [len(line) - len(line.lstrip(":")) for line in map(str.strip, text.splitlines())]
    return max([3, *runs])
