"""The same book twice, each in a folder: ours, and as a stock Jupyter Book.

The stock book has the same text, cells and outputs, without our extension and theme; execution is
off. It also has the settings that the reference of the helper package needs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from editions.base.project import Project
from editions.base.strings import Strings
from editions.site.exercise_pages import not_run, public_exercises, questions_of, with_facts
from editions.site.status_page import notebook_statuses, page_text
from editions.site.weaving import weave
from editions.source.chapter import Chapter, read_chapter
from editions.source.page_template import fill_in
from editions.source.portable_markdown import Plain

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PACKAGES = ("d2lcompute", "exercises/d2lexercises")
STOCK = {
    "title": "Deep Learning Computation",
    "only_build_toc_files": False,  # pages of exercises are in no table of contents
    "execute": {"execute_notebooks": "off"},
    "bibtex_bibfiles": ["book/references.bib"],
}
# The marks and directives of a woven page that stock does not know.
MARK = re.compile(r":::\{(?:aside|reveal)-(?:begin|end)\}.*\n(?:.*\n)?:::")
EDITION = re.compile(r"(?s)(:+)\{edition\} \w+\n(.*)\n\1")
ANSWERED = re.compile(r"(?ms)^(:{3,})\{(?:quiz|predict|why)\}.*?^\1[ \t]*$")
# Directives of ours on pages that are not chapters, whose contents come from elsewhere.
FILLED = re.compile(r"(?ms)^(```|:::)\{(?:status|exercises|prediction-of)\}.*?^\1$")


def stock_settings(project: Project) -> dict:
    """The settings of a stock book, with ours for the reference of the helper package."""
    ours = project.config["sphinx"]
    extensions = [name for name in ours["extra_extensions"] if "katex" not in name]
    kept = {key: value for key, value in ours["config"].items() if key.startswith("autoapi")}
    kept["suppress_warnings"] = ours["config"]["suppress_warnings"]
    return {**STOCK, "sphinx": {"extra_extensions": extensions, "config": kept}}


def copy_book(target: Path) -> None:
    """Copy the files that the build reads."""
    for name in ("_config.yml", "_toc.yml", "pyproject.toml", "requirements.txt"):
        shutil.copyfile(ROOT / name, target / name)
    for name in ("README.md", "LICENSE"):  # which the wheel of the set-up cells holds
        shutil.copyfile(ROOT / name, target / name)
    for name in ("book", *PACKAGES, "exercises/chapters", "exercises/notebooks"):
        _copy(name, target)


def stock_book(target: Path) -> None:
    """Write the same pages for a stock build."""
    project = Project(ROOT)
    (target / "_config.yml").write_text(json.dumps(stock_settings(project)), "utf8")
    shutil.copyfile(ROOT / "_toc.yml", target / "_toc.yml")
    for name in ("book/figures", *PACKAGES):
        _copy(name, target)
    shutil.copyfile(ROOT / "book" / "references.bib", target / "book" / "references.bib")
    for page in sorted((ROOT / "book").glob("*.md")):
        if page not in project.chapters:
            text = FILLED.sub(
                lambda found: _contents(project, found[0]),
                fill_in(project, page.read_text("utf8"), page),
            )
            (target / "book" / page.name).write_text(text, "utf8")
    strings = Strings(project.language)
    for path in project.chapters:
        chapter = read_chapter(path, project.relative(path))
        _write(
            target,
            project,
            path.stem,
            weave(chapter, project.frameworks, _runs(project, chapter), strings),
        )
    for exercises in public_exercises(project):
        questions = questions_of(project, exercises.name)
        source = with_facts(exercises, questions, strings)
        runs = {one.key: {"cpu": not_run(source, one.key)} for one in project.frameworks}
        name = f"{exercises.name}-exercises"
        _write(target, project, name, weave(source, project.frameworks, runs, strings))


def _copy(name: str, target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / name, target / name, ignore=ignore)


def _contents(project: Project, directive: str) -> str:
    """What stock shows in place of a directive of ours."""
    shown = "{status}" in directive
    return page_text(project, list(notebook_statuses(project))) if shown else ""


def _runs(project: Project, chapter: Chapter) -> dict[str, dict[str, nbformat.NotebookNode]]:
    paths = {one.key: project.recorded_path(chapter.name, one.key) for one in project.frameworks}
    return {key: {"cpu": nbformat.read(path, as_version=4)} for key, path in paths.items()}


def _write(target: Path, project: Project, name: str, woven: str) -> None:
    """Write a woven page as a notebook that stock can read."""
    notebook = nbformat.from_dict(json.loads(woven))
    plain = Plain(project, ROOT / "book" / f"{name}.md")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = stock_markdown(cell.source, plain)
    notebook.metadata = {**notebook.metadata, "orphan": True}
    notebook.metadata.pop("source_map")
    nbformat.write(notebook, target / "book" / f"{name}.ipynb")


def stock_markdown(text: str, plain: Plain) -> str:
    """Markdown without our own directives: what they say, as notebooks say it."""
    if MARK.fullmatch(text):
        return ""
    if match := EDITION.fullmatch(text):
        text = match[2]
    text = re.sub(r"(?m)^(:::+\{predict\} .*)\n:id: .*$", r"\1", text)
    return ANSWERED.sub(lambda found: plain.convert(found[0]), text)


def build(folder: Path) -> float:
    """Build a book cold into its `_build/html`; return the seconds."""
    shutil.rmtree(folder / "_build", ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": "", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    began = time.perf_counter()
    done = subprocess.run(
        [str(BIN / "jupyter-book"), "build", ".", "-q"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"error: the build in {folder.name} failed:\n{done.stderr}")
    return time.perf_counter() - began
