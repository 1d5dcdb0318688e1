"""The same book twice, in folders of their own: ours, and as a stock Jupyter Book would have it.

Stock has the same text, cells and outputs, without our extension and theme, execution off. What it
needs for the reference of the helper package it has too.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import nbformat  # noqa: E402
from editions.base.project import Project  # noqa: E402
from editions.base.strings import Strings  # noqa: E402
from editions.site.status_page import page_text, standings  # noqa: E402
from editions.site.weaving import weave  # noqa: E402
from editions.source.chapter import read_chapter  # noqa: E402
from editions.source.portable_markdown import Plain  # noqa: E402

BIN = Path(sys.executable).parent
STOCK = {
    "title": "Deep Learning Computation",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "off"},
    "bibtex_bibfiles": ["book/references.bib"],
}


STATUS = "```{status}\n```"


def stock_settings(project: Project) -> dict:
    """A stock configuration: of ours, what the reference of the helper package needs."""
    ours = project.config["sphinx"]
    extensions = [name for name in ours["extra_extensions"] if "katex" not in name]
    kept = {key: value for key, value in ours["config"].items() if key.startswith("autoapi")}
    kept["suppress_warnings"] = ours["config"]["suppress_warnings"]
    return {**STOCK, "sphinx": {"extra_extensions": extensions, "config": kept}}


def copy_book(target: Path) -> None:
    """Copy what the build reads."""
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
    shutil.copytree(ROOT / "book" / "figures", target / "book" / "img")
    shutil.copyfile(ROOT / "book" / "references.bib", target / "book" / "references.bib")
    chapters = project.chapters
    found = list(standings(project))
    shutil.copytree(
        ROOT / "d2lcompute", target / "d2lcompute", ignore=shutil.ignore_patterns("__pycache__")
    )
    for page in (ROOT / "book").glob("*.md"):
        if page not in chapters:
            text = page.read_text("utf8").replace(STATUS, page_text(project, found))
            (target / "book" / page.name).write_text(text, "utf8")
    for path in chapters:
        chapter = read_chapter(path, project.relative(path))
        runs = {
            framework.key: {
                "cpu": nbformat.read(
                    project.notebook_path(chapter.name, framework.key), as_version=4
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
    """Markdown without what stock does not know: our two directives. Links and citations stay."""
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
