"""What the book costs to build and to verify.

    python bench/book.py [--repeat 3]

The build is timed cold, in turns with a stock `jupyter-book build` of the same pages: the same
text, cells and outputs, without our extension and theme, execution off. The pages are copied to a
folder of their own, so nothing here touches the site that was built before.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import nbformat  # noqa: E402
from editions.plain import Plain  # noqa: E402
from editions.project import Project  # noqa: E402
from editions.source import read_chapter  # noqa: E402
from editions.strings import Strings  # noqa: E402
from editions.weaving import weave  # noqa: E402

BIN = Path(sys.executable).parent
STOCK = {
    "title": "Deep Learning Computation",
    "only_build_toc_files": True,
    "execute": {"execute_notebooks": "off"},
    "bibtex_bibfiles": ["book/references.bib"],
}


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
    (target / "_config.yml").write_text(json.dumps(STOCK), "utf8")
    shutil.copyfile(ROOT / "_toc.yml", target / "_toc.yml")
    shutil.copytree(ROOT / "book" / "img", target / "book" / "img")
    shutil.copyfile(ROOT / "book" / "references.bib", target / "book" / "references.bib")
    chapters = project.chapters
    for page in (ROOT / "book").glob("*.md"):
        if page not in chapters:
            shutil.copyfile(page, target / "book" / page.name)
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
    """Build cold; return the seconds."""
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


def verify() -> float:
    """Run all notebooks under nbval, as `make verify` does; return the seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-p", "editions.verifying", "--nbval", "-q"]
    command += ["--nbval-current-env", "-n", "2", "--dist", "loadfile", "book/notebooks/cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "book" / "_ext")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    if done.returncode:
        sys.exit("error: the notebooks fail: make verify")
    return time.perf_counter() - began


def alternately(repeat: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each measure, taken in turns."""
    rounds = [[measure() for measure in measures] for _ in range(repeat)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def main() -> None:
    """Measure, and print what came out beside what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="builds of each kind (3)")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as scratch:
        ours, stock = Path(scratch, "ours"), Path(scratch, "stock")
        ours.mkdir()
        (stock / "book").mkdir(parents=True)
        copy_book(ours)
        stock_book(stock)
        mine, theirs = alternately(repeat, lambda: build(ours), lambda: build(stock))
    print(f"{'what':<36}{'measured':<42}target")
    measured = f"{mine / theirs:.2f} x stock ({mine:.1f} s : {theirs:.1f} s)"
    print(f"{'build of the book, cold':<36}{measured:<42}<= 1.3 x")
    print(f"{'all notebooks under nbval':<36}{f'{verify():.1f} s':<42}<= 90 s")


if __name__ == "__main__":
    main()
