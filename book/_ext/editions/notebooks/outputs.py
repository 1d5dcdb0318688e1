"""Which outputs may be stored, and which are compared: those that repeat on another machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
FIGURES = ("image/svg+xml", "image/png", "image/jpeg")


def text_of(output: NotebookNode) -> str:
    """Return the text of an output."""
    if output.output_type == "stream":
        return _joined(output.text)
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return _joined(output.get("data", {}).get("text/plain", ""))


def merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: where a kernel splits its text varies."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text = _joined(last.text) + _joined(output.text)
        else:
            merged.append(output)
    return merged


def has_figure(cell: NotebookNode) -> bool:
    """Whether a code cell shows a figure."""
    return any(
        mime in output.get("data", {}) for output in cell.get("outputs", []) for mime in FIGURES
    )


def is_compared(cell: NotebookNode) -> bool:
    """Whether a verifying run compares the outputs of this cell, character by character."""
    ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
    return bool(cell.outputs) and not ignored and not has_figure(cell)


def output_problems(cell: NotebookNode) -> Iterator[str]:
    """Yield the reasons why the outputs of a cell cannot be stored."""
    ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
    for output in cell.outputs:
        text = text_of(output)
        if output.get("name") == "stderr":
            yield (
                f"it wrote to stderr: {text.strip()[:200]!r}; where a warning is the lesson, "
                "record it and print its message"
            )
        elif ADDRESS.search(text) and not ignored:
            yield f"it shows a memory address: {ADDRESS.search(text)[0]!r}"  # type: ignore[index]
        if output.output_type in ("update_display_data", "clear_output"):
            yield "it updates a display, and such an output cannot be compared with a second run"


def _joined(text: object) -> str:
    return "".join(text) if isinstance(text, list) else str(text)
