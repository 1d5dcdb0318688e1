"""Figures that move: a JavaScript module beside the figure's picture draws it on the page.

A figure moves if a module lies beside its picture: `figures/NAME.js` and `figures/NAME.svg`. The
page's source is that of any figure. A module whose name begins with `_` holds what modules share.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from editions.base.files import read_text
from editions.base.project import Project
from editions.source.chapter import Chapter
from editions.source.link_targets import file_on
from editions.source.myst_syntax import directive_of, parse

LIMIT = 15 * 1024  # bytes of a module with what it imports, compressed by gzip
FOLDER = Path("book", "figures")
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""")
# What turns a drawing's numbers into others; `Math.hypot` and the like place things.
FORMULA = re.compile(r"\bMath\.(?:sqrt|cbrt|exp|expm1|log\w*|pow|sinh|cosh|tanh|random)\b")


@dataclass(frozen=True)
class MovingFigure:
    """A figure of a page whose picture has a module beside it."""

    name: str
    module: Path
    picture: Path
    line: int  # of the page's source, on which the figure begins


def moving_figures(project: Project, chapter: Chapter) -> list[MovingFigure]:
    """The figures of a chapter that move, in the order of the page."""
    page = project.root / chapter.path
    return [
        figure
        for cell in chapter.cells
        if cell.kind == "markdown" and "{figure}" in cell.source  # most are not worth parsing
        for figure in _figures(project, page, cell.source, cell.line)
    ]


def _figures(project: Project, page: Path, text: str, line: int) -> Iterator[MovingFigure]:
    for block in parse(text).blocks:
        directive = directive_of(block.token)
        if directive is None:
            continue
        here = line + block.start
        if directive.name == "figure":
            picture = file_on(project, page, directive.argument)
            if picture.with_suffix(".js").is_file():
                yield MovingFigure(picture.stem, picture.with_suffix(".js"), picture, here)
        elif directive.holds_markdown:
            yield from _figures(project, page, directive.body, here + directive.body_line)


def modules(project: Project) -> list[Path]:
    """The modules of the figures, and those that they share, in alphabetical order."""
    return sorted((project.root / FOLDER).glob("*.js"))


def module_problems(project: Project) -> Iterator[str]:
    """Find the modules that have no picture, calculate, import what is not there, or are heavy."""
    for module in modules(project):
        shown = project.relative(module)
        if module.name.startswith("_"):
            continue
        picture = module.with_suffix(".svg")
        if not picture.is_file():
            yield (
                f"{shown}: there is no {picture.name} beside it, which notebooks, print and "
                "readers without scripts see. Draw one, or rename the module to _NAME.js if "
                "it only holds what others import"
            )
        for formula in dict.fromkeys(FORMULA.findall(read_text(module, shown))):
            yield (
                f"{shown}: it calculates with {formula}, and no run compares the result; let the "
                "cell calculate it and pass it to FigureNumbers, and a claim assert it"
            )
        needed = {module}
        pending = [module]
        while pending:
            importer = pending.pop()
            for address in IMPORT.findall(read_text(importer, project.relative(importer))):
                part = importer.parent / address
                if not address.startswith("./") or part not in modules(project):
                    yield (
                        f"{project.relative(importer)}: it imports {address!r}; allowed are "
                        f"modules in {FOLDER.as_posix()}, such as './_drawing.js'"
                    )
                elif part not in needed:
                    needed.add(part)
                    pending.append(part)
        weight = sum(len(gzip.compress(part.read_bytes(), mtime=0)) for part in needed)
        if weight > LIMIT:
            yield (
                f"{shown}: with what it imports it weighs {weight / 1024:.1f} KiB compressed; "
                f"allowed are {LIMIT / 1024:.0f} KiB"
            )
