"""Figures that move, on the site: where they appear, their modules and their numbers."""

from __future__ import annotations

import json
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from editions.base.errors import EditionsError
from editions.base.files import digest
from editions.base.strings import Strings
from editions.notebooks.edition import Edition, editions
from editions.notebooks.figure_numbers import figure_numbers
from editions.site.figure_pictures import figure_problems
from editions.site.sphinx_project import current_project
from editions.source.moving_figures import modules, moving_figures

FOLDER = Path("_static", "figures")
WORDS = ("back", "next", "step", "step_of")


def register(app: Sphinx) -> None:
    """Refuse figures that cannot move; mark the others on pages, and copy what they load."""
    app.connect("builder-inited", _refuse_wrong_figures, priority=600)  # after stale notebooks
    app.connect("doctree-read", _mark_figures)
    app.connect("build-finished", _copy_modules_and_numbers)


def _refuse_wrong_figures(app: Sphinx) -> None:
    if problems := figure_problems(current_project(app)):
        raise ExtensionError("\n".join(problems))


def _mark_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Put a place for the moving figure behind each picture that has a module."""
    about = app.env.metadata[app.env.docname].get("editions")
    if about is None or app.builder.format != "html":
        return
    project = current_project(app)
    figures = {figure.picture.name: figure for figure in moving_figures(project, about["chapter"])}
    words = Strings(project.language)
    # The words have blanks that the page's script fills in.
    said = json.dumps({key: words(key, step="{step}", steps="{steps}") for key in WORDS})
    for image in doctree.findall(nodes.image):
        figure = figures.get(Path(image["uri"]).name)
        if figure is None or not isinstance(image.parent, nodes.figure):
            continue
        chosen = [Edition(project, about["chapter"], framework) for framework in project.frameworks]
        for edition in chosen:
            app.env.note_dependency(str(edition.path))
        app.env.note_dependency(str(figure.module))
        numbers = [figure_numbers(edition)[figure.name] for edition in chosen]
        parts = [part.read_bytes() for part in modules(project)]
        version = digest(json.dumps(numbers).encode() + b"".join(parts))[:8]
        frameworks = " ".join(framework.key for framework in project.frameworks)
        place = (
            f'<div data-figure="{figure.name}" data-version="{version}" '
            f'data-frameworks="{frameworks}" data-words="{escape(said)}" hidden></div>'
        )
        image.parent.insert(image.parent.index(image) + 1, nodes.raw("", place, format="html"))


def _copy_modules_and_numbers(app: Sphinx, exception: Exception | None) -> None:
    """Replace the folder as a whole: it holds nothing of an earlier build."""
    if exception is not None or app.builder.name != "html":
        return
    project, folder = current_project(app), Path(app.outdir) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for module in modules(project):
        shutil.copyfile(module, folder / module.name)
    try:
        for edition in editions(project):
            for name, numbers in figure_numbers(edition).items():
                text = json.dumps(numbers, ensure_ascii=False, separators=(",", ":"))
                (folder / f"{name}-{edition.framework.key}.json").write_text(text, "utf8")
    except EditionsError as error:
        raise ExtensionError(str(error)) from error
