"""Drawings on phones: each keeps a width at which its letters can be read, and scrolls."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

LETTERS = 10  # pixels: the smallest font size that a reader should meet
PHONE = 312  # pixels: the column of text on a phone that is 360 wide
SIZE = re.compile(r'font-size="([\d.]+)"')
WIDTH = re.compile(r'<svg\b[^>]* viewBox="0 0 ([\d.]+) ')


def register(app: Sphinx) -> None:
    """Put the drawings of a page that need it into boxes that scroll."""
    app.connect("doctree-read", _put_into_boxes)


def least_width(drawing: str) -> int:
    """The width in pixels, of an SVG, below which its smallest letters are too small; or 0."""
    width, sizes = WIDTH.search(drawing), [float(size) for size in SIZE.findall(drawing)]
    return round(float(width[1]) * LETTERS / min(sizes)) if width and sizes else 0


def _put_into_boxes(app: Sphinx, doctree: nodes.document) -> None:
    if app.builder.format != "html":
        return
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        figure = image.parent
        if path.suffix != ".svg" or not path.is_file() or not isinstance(figure, nodes.figure):
            continue
        app.env.note_dependency(str(path))
        least = least_width(path.read_text("utf8"))
        if least > PHONE:
            begin = f'<div class="drawing" style="--least: {least}px">'
            at = figure.index(image)
            figure.insert(at + 1, nodes.raw("", "</div>", format="html"))
            figure.insert(at, nodes.raw("", begin, format="html"))
