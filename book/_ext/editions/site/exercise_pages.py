"""The pages of exercises: one for each chapter that has some, and the table of all questions.

A page is woven from `exercises/chapters/<chapter>/text.md`, without the solutions, if `_toc.yml`
lists the page with the table. Readers come to it from the chapter and from the table, so it is in
no table of contents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from d2lexercises.question import Question
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.project import Project as SphinxProject
from sphinx.util.docutils import SphinxDirective

from editions.base.project import EXERCISES_ENDING as ENDING
from editions.base.project import EXERCISES_PAGE as INDEX
from editions.base.project import Project
from editions.base.strings import Strings
from editions.exercises.chapter_files import files_in
from editions.exercises.exercise_files import Exercises, Section, find_exercises, sections
from editions.site.chapter_header import link_html, report_address
from editions.site.downloads import write_download
from editions.site.live_cells import live_button
from editions.site.sphinx_project import current_project
from editions.site.weaving import weave
from editions.source.chapter import Cell, Chapter, read_chapter
from editions.source.dropped_pages import chapter_without_left_out
from editions.source.link_targets import LinkTargets

FOLDER = Path("exercises", "chapters")
IGNORED = "nbval-ignore-output"  # the tag of a cell whose output is not compared
LABELLED = re.compile(r"\]\([\w./-]+\.md#([\w-]+)\)")
DOWNLOADS = Path("notebooks", "exercises")  # in the site


def register(app: Sphinx) -> None:
    """Add the directive; give Sphinx the pages, and copy their notebooks."""
    app.add_directive("exercises", ExercisesDirective)
    app.connect("builder-inited", _add_pages)
    app.connect("build-finished", _finish)
    app.connect("html-page-context", _lead_on, priority=980)


def page_of(chapter: str) -> str:
    """The name of the page of a chapter's exercises."""
    return f"book/{chapter}{ENDING}"


def chapter_of(project: Project, name: str) -> Path:
    """The source of a chapter."""
    return next(path for path in project.chapters if path.stem == name)


def _chapter(project: Project, name: str) -> Chapter:
    source = chapter_of(project, name)
    return read_chapter(source, project.relative(source))


def docname_of(project: Project, path: Path) -> str:
    """The name of the page that is made from a source."""
    return project.relative(path).removesuffix(".md")


def are_shown(project: Project) -> bool:
    """Whether the book has the page with the table, and so the pages of exercises."""
    return project.has_exercise_pages


class SourcesWithExercises(SphinxProject):
    """Sphinx's list of sources, with those of the pages of exercises."""

    further: Mapping[str, str] = {}

    def discover(
        self, exclude_paths: Iterable[str] = (), include_paths: Iterable[str] = ("**",)
    ) -> set[str]:
        """Find all sources."""
        super().discover(exclude_paths, include_paths)
        for docname, path in self.further.items():
            self.docnames.add(docname)
            self._docname_to_path[docname] = path
            self._path_to_docname[path] = docname
        return self.docnames


def _add_pages(app: Sphinx) -> None:
    """Give Sphinx the sources of the pages, if the book has the page with the table."""
    project = current_project(app)
    if app.builder.name == "singlehtml" or not are_shown(project):
        return
    sources = SourcesWithExercises(app.project.srcdir, app.project.source_suffix)
    sources.restore(app.project)
    sources.further = {
        page_of(exercises.name): (FOLDER / exercises.name / "text.md").as_posix()
        for exercises in public_exercises(project)
    }
    app.project = app.env.project = sources


def public_exercises(project: Project) -> list[Exercises]:
    """The exercises of the chapters, in the order of the table of contents."""
    texts = files_in(project.root / FOLDER)
    order = [page.stem for page in project.chapters]
    names = [name for name in order if name in texts and texts[name].text]
    by_name = {one.name: one for one in find_exercises(project, names)} if names else {}
    return [by_name[name] for name in names]


def exercises_on(project: Project, path: Path) -> str | None:
    """The chapter whose exercises are in the file `path`; None for any other file."""
    in_folder = path.parent.parent == project.root / FOLDER
    return path.parent.name if in_folder and path.name == "text.md" else None


def questions_of(project: Project, chapter: str) -> dict[str, Question]:
    """The public questions of a chapter by name.

    Raises:
        ExtensionError: the file of questions cannot be loaded.
    """
    files = files_in(project.root / FOLDER).get(chapter)
    try:
        return files.questions() if files else {}
    except Exception as error:
        raise ExtensionError(f"{FOLDER / chapter}/question.py: {error!r}") from error


# -- a page --------------------------------------------------------------------------------------


def woven_page(app: Sphinx, docname: str, name: str) -> str:
    """The notebook from which the page of a chapter's exercises is made, as JSON."""
    project = current_project(app)
    app.env.note_dependency(str(project.root / FOLDER / name / "question.py"))
    (exercises,) = find_exercises(project, [name])
    questions = questions_of(project, name)
    strings = Strings(project.language)
    source = chapter_without_left_out(project, with_facts(exercises, questions, strings))
    source = _with_labels(project, source)
    runs = {
        framework.key: {"cpu": not_run(source, framework.key)} for framework in project.frameworks
    }
    app.env.metadata[docname].update(orphan=True, exercises=name, moved=source.moved)
    return weave(source, project.frameworks, runs, strings)


def with_facts(
    exercises: Exercises, questions: Mapping[str, Question], strings: Strings
) -> Chapter:
    """The text without solutions; below each question's heading, its points and what it takes.

    No output of its cells is recorded, so what they give when they run is compared with nothing.
    """
    source = exercises.without("solution")
    cells: list[Cell] = []
    for section in sections(source):
        question = questions.get(section.question or "")
        first, *others = section.cells
        if question and first.kind == "markdown":
            heading, _, text = first.source.partition("\n")
            facts = f":::{{container}} question-facts\n{facts_of(question, strings)}\n:::"
            name = label(question.name)
            first = replace(first, source=f"({name})=\n{heading}\n\n{facts}\n{text}")
        cells += [first, *others]
    cells = [
        replace(cell, tags=(*cell.tags, IGNORED)) if cell.kind == "code" else cell for cell in cells
    ]
    return replace(source, cells=tuple(cells))


def _with_labels(project: Project, source: Chapter) -> Chapter:
    """The text with links to labels in the form in which MyST finds them from any page."""
    labels = LinkTargets(project).labels

    def shortened(match: re.Match[str]) -> str:
        return f"](#{match[1]})" if match[1] in labels else match[0]

    cells = tuple(
        replace(cell, source=LABELLED.sub(shortened, cell.source))
        if cell.kind == "markdown"
        else cell
        for cell in source.cells
    )
    return replace(source, cells=cells)


def label(question: str) -> str:
    """The label of a question's section."""
    return f"exercise-{question.replace('.', '-')}"


def facts_of(question: Question, strings: Strings) -> str:
    """The points of a question, its difficulty and its minutes, as far as they are stated."""
    facts = [strings("exercise_points", points=f"{question.points:g}")]
    if question.difficulty:
        facts.append(strings(f"exercise_difficulty_{question.difficulty}"))
    if question.minutes:
        facts.append(strings("exercise_minutes", minutes=question.minutes))
    return " · ".join(facts)


def not_run(source: Chapter, framework: str) -> nbformat.NotebookNode:
    """The code cells of an edition, without outputs."""
    cells = [cell.source for cell in source.edition(framework) if cell.kind == "code"]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])


def header_html(project: Project, name: str, docname: str, chapter: str, up: str) -> str:
    """The header of a page: buttons that open its notebooks.

    Args:
        project: the book.
        name: the chapter's name.
        docname: the name of the page.
        chapter: the relative address of the chapter's page, which the header links to.
        up: the relative address of the site's root.
    """
    strings = Strings(project.language)
    page = _chapter(project, name)
    parts = []
    for framework in project.frameworks:
        notebook = notebook_of(project, name, framework.key)
        links = [
            link_html(button.address, strings("open_in", service=button.service), "rocket")
            for button in (project.launch_buttons(notebook) if notebook.is_file() else [])
        ]
        if notebook.is_file():
            address = f"{up}{download_path(name, framework.key).as_posix()}"
            if project.live_servers is not None:
                links.append(live_button(address, strings))
            links.append(link_html(address, strings("download"), "download", download=True))
        parts.append(
            f'<div class="chapter-edition" data-framework="{framework.key}">'
            f'<p class="chapter-launch"><span class="chapter-framework">'
            f"{escape(framework.title)}</span>{''.join(links)}</p></div>"
        )
    links = [
        link_html(chapter, strings("exercises_chapter"), "angle-left"),
        link_html(report_address(project, page, docname, strings), strings("report"), "bug"),
    ]
    return (
        '<div class="chapter-header exercises-header" role="group" '
        f'aria-label="{escape(strings("launch"))}">{"".join(parts)}'
        f'<p class="chapter-links">{"".join(links)}</p></div>'
    )


def notebook_of(project: Project, name: str, framework: str) -> Path:
    """The students' notebook of a chapter's exercises, which the repository keeps."""
    return project.root / "exercises" / "notebooks" / framework / f"{name}.ipynb"


def download_path(name: str, framework: str) -> Path:
    """Where the site has the notebook, relative to its root."""
    return DOWNLOADS / framework / f"{name}{ENDING}.ipynb"


def _finish(app: Sphinx, exception: Exception | None) -> None:
    """Copy the notebooks, and remove the pages of chapters that the book no longer has."""
    if exception is not None or app.builder.name != "html":
        return
    project, site = current_project(app), Path(app.outdir)
    for page in (site / "book").glob(f"*{ENDING}.html"):
        if f"book/{page.stem}" not in app.env.found_docs:
            page.unlink()
    for name in _names(app):
        for framework in project.frameworks:
            notebook = notebook_of(project, name, framework.key)
            if notebook.is_file():
                write_download(notebook, site / download_path(name, framework.key))


def _names(app: Sphinx) -> Iterator[str]:
    """The chapters that have a page of exercises."""
    for path in current_project(app).chapters:
        if page_of(path.stem) in app.env.found_docs:
            yield path.stem


def _lead_on(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give a page links to its chapter and to the next one; offer no copy of its source.

    The source holds the solutions.
    """
    name = app.env.metadata.get(page, {}).get("exercises")
    if name is None:
        return
    project = current_project(app)
    chapters = [docname_of(project, path) for path in project.chapters]
    own = docname_of(project, chapter_of(project, name))
    following = [*chapters[chapters.index(own) + 1 :], INDEX]
    context["sourcename"] = ""
    context["prev"] = _neighbour(app, page, own)
    context["next"] = _neighbour(app, page, following[0])


def _neighbour(app: Sphinx, page: str, other: str) -> dict[str, str]:
    title = escape(app.env.titles[other].astext())
    return {"link": app.builder.get_relative_uri(page, other), "title": title}


# -- from a chapter to its exercises -------------------------------------------------------------


def next_step_html(app: Sphinx, name: str, address: str) -> str:
    """The link at the end of a chapter: for how many points there are exercises."""
    project = current_project(app)
    for file in ("text.md", "question.py"):
        app.env.note_dependency(str(project.root / FOLDER / name / file))
    found = questions_of(project, name)
    asked = {one.question or "" for one in asked_sections(project, name)}
    points = sum(question.points for key, question in found.items() if key in asked)
    words = Strings(project.language)("exercises_next", points=f"{points:g}")
    return f'<p class="next-step">{link_html(address, words, "pencil")}</p>'


def asked_sections(project: Project, name: str) -> list[Section]:
    """The sections of a chapter's exercises that ask a question."""
    (exercises,) = find_exercises(project, [name])
    return [one for one in sections(exercises.chapter) if one.question]


# -- the table of all questions ------------------------------------------------------------------


class ExercisesDirective(SphinxDirective):
    """`{exercises}`: a table of all questions, chapter by chapter."""

    def run(self) -> list[nodes.Node]:
        """Make the table; note that the page depends on all texts and questions."""
        project = current_project(self.env.app)
        for exercises in public_exercises(project):
            for file in ("text.md", "question.py"):
                self.env.note_dependency(str(project.root / FOLDER / exercises.name / file))
        return self.parse_text_to_nodes(table_text(project))


def table_text(project: Project) -> str:
    """The table, as MyST Markdown; columns that no question fills are left out."""
    strings = Strings(project.language)
    rows: list[list[str]] = []
    for exercises in public_exercises(project):
        questions = questions_of(project, exercises.name)
        title = _chapter(project, exercises.name).title
        chapter = f"{{doc}}`{_cell(title)} </{page_of(exercises.name)}>`"
        for section in sections(exercises.chapter):
            question = questions.get(section.question or "")
            if question is None:
                continue
            link = f"{{ref}}`{_cell(question.title)} <{label(question.name)}>`"
            points, difficulty, minutes = f"{question.points:g}", "", ""
            if question.difficulty:
                difficulty = strings(f"exercise_difficulty_{question.difficulty}")
            if question.minutes:
                minutes = str(question.minutes)
            rows.append([chapter, link, points, difficulty, minutes])
            chapter = ""
    names = strings("exercises_columns").split(" | ")
    used = [at for at in range(len(names)) if any(row[at] for row in rows)]
    marks = [":--", ":--", "--:", ":--", "--:"]
    lines = [names, marks, *rows]
    return "\n".join(f"| {' | '.join(line[at] for at in used)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
