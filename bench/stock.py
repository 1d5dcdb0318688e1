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
from editions.site.status_page import notebook_statuses, page_text
from editions.site.weaving import weave
from editions.source.chapter import read_chapter
from editions.source.portable_markdown import Plain

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
STOCK = {
    "title": "Deep Learning Computation",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "off"},
    "bibtex_bibfiles": ["book/references.bib"],
}
STATUS = "```{status}\n```"


def stock_settings(project: Project) -> dict:
    """The settings of a stock book, with ours for the reference of the helper package."""
    ours = project.config["sphinx"]
    extensions = [name for name in ours["extra_extensions"] if "katex" not in name]
    kept = {key: value for key, value in ours["config"].items() if key.startswith("autoapi")}
    kept["suppress_warnings"] = ours["config"]["suppress_warnings"]
    return {**STOCK, "sphinx": {"extra_extensions": extensions, "config": kept}}


def copy_book(target: Path) -> None:
    """Copy the files that the build reads."""
    for name in ("_config.yml", "_toc.yml", "requirements.txt"):
        shutil.copyfile(ROOT / name, target / name)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("book", "d2lcompute"):
        shutil.copytree(ROOT / name, target / name, ignore=ignore)


def stock_book(target: Path) -> None:
    """Write the same pages for a stock build."""
    project = Project(ROOT)
    (target / "_config.yml").write_text(json.dumps(stock_settings(project)), "utf8")
    shutil.copyfile(ROOT / "_toc.yml", target / "_toc.yml")
    shutil.copytree(ROOT / "book" / "figures", target / "book" / "figures")
    shutil.copyfile(ROOT / "book" / "references.bib", target / "book" / "references.bib")
    chapters = project.chapters
    statuses = list(notebook_statuses(project))
    shutil.copytree(
        ROOT / "d2lcompute", target / "d2lcompute", ignore=shutil.ignore_patterns("__pycache__")
    )
    for page in (ROOT / "book").glob("*.md"):
        if page not in chapters:
            text = page.read_text("utf8").replace(STATUS, page_text(project, statuses))
            (target / "book" / page.name).write_text(text, "utf8")
    for path in chapters:
        chapter = read_chapter(path, project.relative(path))
        runs = {
            framework.key: {
                "cpu": nbformat.read(
                    project.recorded_path(chapter.name, framework.key), as_version=4
                )
            }
            for framework in project.frameworks
        }
        notebook = nbformat.from_dict(
            json.loads(weave(chapter, project.frameworks, runs, Strings(project.language)))
        )
        plain = Plain(project, path)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = stock_markdown(cell.source, plain)
        notebook.metadata.pop("source_map")
        nbformat.write(notebook, target / "book" / f"{chapter.name}.ipynb")


def stock_markdown(text: str, plain: Plain) -> str:
    """Markdown without our two directives, which stock does not know."""
    if match := re.fullmatch(r"(?s)(:+)\{edition\} \w+\n(.*)\n\1", text):
        text = match[2]
    quiz = r"(?ms)^(:{3,})\{quiz\}.*?^\1[ \t]*$"
    return re.sub(quiz, lambda found: plain.convert(found[0]), text)


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
