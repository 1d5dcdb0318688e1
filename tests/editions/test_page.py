"""The page: woven from the source and the editions, built by the stock command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from editions.base.frameworks import FRAMEWORKS
from editions.base.strings import Strings
from editions.site.weaving import weave
from editions.source.chapter import read_chapter
from forked_build import COMMAND, environment, forked_builds
from small_book import Book

FRAMEWORK_LIST = tuple(FRAMEWORKS.values())


def build(book: Book, *more: str) -> tuple[int, str]:
    """Build a book; exit status and what was printed."""
    done = forked_builds().run([*COMMAND, *more], book.root, environment())
    return done.returncode, done.stdout


def build_with_the_stock_command(book: Book) -> tuple[int, str]:
    """The same in a process that begins with nothing."""
    program = Path(sys.executable).with_name(COMMAND[0])
    done = subprocess.run(
        [str(program), *COMMAND[1:]],
        cwd=book.root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(executed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, built by the stock command."""
    root = tmp_path_factory.mktemp("site") / "project"
    shutil.copytree(executed, root)
    status, printed = build_with_the_stock_command(Book(root))
    assert status == 0, printed
    return root / "_build" / "html"


@pytest.fixture(scope="module")
def page(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "book" / "small.html").read_text("utf8"), "html.parser")


def woven(book: Book) -> list[nbformat.NotebookNode]:
    chapter = read_chapter(book.source, "book/small.md")
    runs = {key: {"cpu": nbformat.read(book.notebook(key), as_version=4)} for key in FRAMEWORKS}
    text = weave(chapter, FRAMEWORK_LIST, runs, Strings("en"))
    return nbformat.from_dict(json.loads(text)).cells


def test_shared_cells_stand_once_if_their_outputs_agree(run_book: Book) -> None:
    cells = woven(run_book)
    by_source: dict[str, list] = {}
    for cell in cells:
        by_source.setdefault(cell.source.splitlines()[-1], []).append(cell)
    assert len(by_source["total"]) == 1  # 3 in both
    # A list here, a tuple there: the code is shown once, the outputs below.
    code, *kinds = by_source["type(numbers).__name__"]
    assert (code.metadata.tags, code.outputs) == (["predict"], [])
    assert [cell.metadata.tags[0] for cell in kinds] == ["pytorch", "tensorflow"]
    assert [cell.outputs[0].data["text/plain"] for cell in kinds] == ["'list'", "'tuple'"]


def test_one_framework_alone(run_book: Book) -> None:
    chapter = read_chapter(run_book.source, "book/small.md")
    runs = {"tensorflow": {"cpu": nbformat.read(run_book.notebook("tensorflow"), as_version=4)}}
    text = weave(chapter, (FRAMEWORKS["tensorflow"],), runs, Strings("en"))
    assert "numbers = (1, 2)" in text
    assert "numbers = [1, 2]" not in text
    assert "Only PyTorch readers" not in text


def test_what_a_gpu_shows_stands_below_where_it_differs(run_book: Book) -> None:
    for key in FRAMEWORKS:  # as recorded on a GPU on which the sum is another
        notebook = nbformat.read(run_book.notebook(key), as_version=4)
        for cell in notebook.cells:
            if cell.id == "total":
                cell.outputs[0].data["text/plain"] = "4"
        for place in (run_book.project.recorded_path, run_book.project.notebook_path):
            path = place("small", key, "gpu")
            path.parent.mkdir(parents=True)
            nbformat.write(notebook, path)
    status, printed = build(run_book)
    assert status == 0, printed
    site = run_book.root / "_build" / "html"
    page = BeautifulSoup((site / "book" / "small.html").read_text("utf8"), "html.parser")
    outputs = [" ".join(one.text.split()) for one in page.select(".cell_output")]
    assert "On the CPU 3 On a GPU 4" in outputs
    assert sum("On a GPU" in one for one in outputs) == 1  # nothing else differs
    for key in FRAMEWORKS:
        links = page.select(f'.chapter-edition[data-framework="{key}"] a')
        (download,) = [link for link in links if link.text.strip() == "GPU notebook"]
        assert (site / "book" / download["href"]).is_file()
        assert len(page.select(f'.chapter-edition[data-framework="{key}"] .stamp')) == 2


def test_framework_cells_are_synced_tabs(page: BeautifulSoup) -> None:
    sets = page.select(".sd-tab-set.editions")
    assert len(sets) >= 2
    for tabs in sets:
        for label in tabs.select(".sd-tab-label"):
            assert label["data-sync-group"] == "framework"
            assert label["data-sync-id"] in FRAMEWORKS
    panels = page.select(".sd-tab-content")
    assert any("'list'" in panel.text for panel in panels)
    assert any("'tuple'" in panel.text for panel in panels)
    prose = next(panel for panel in panels if "Only PyTorch readers" in panel.text)
    assert "numbers" in sets[0].text
    assert "tensorflow" not in prose.text.lower()


def test_no_cell_is_lost(page: BeautifulSoup, executed: Path) -> None:
    """Each code cell of each edition is on the page, but for the set-up cells."""
    shown = [" ".join(block.text.split()) for block in page.select(".cell_input pre")]
    for cell in read_chapter(Book(executed).source).cells:
        if cell.kind == "code":
            source = "\n".join(r for r in cell.source.splitlines() if "# Checked" not in r)
            assert " ".join(source.split()) in shown


def test_folds(page: BeautifulSoup) -> None:
    folds = {" ".join(fold.summary.text.split()): fold for fold in page.select("details.fold")}
    claim = next(fold for words, fold in folds.items() if "Checked: one and two are three" in words)
    assert "assert total == 3" in claim.text
    answer = next(fold for words, fold in folds.items() if "Show what happens, and why" in words)
    assert "'list'" in answer.text and "'tuple'" in answer.text
    assert "Brackets make a list" in answer.text
    assert not any(fold.has_attr("open") for fold in folds.values())
    assert "pip install" not in page.text  # the set-up cell is hidden


def test_choices_of_a_quiz_unfold(page: BeautifulSoup) -> None:
    (group,) = page.select(".quiz")
    assert page.find(id=group["aria-labelledby"]).text == "What is 1 + 1?"
    choices = page.select(".quiz details.quiz-choice")
    assert [choice.summary.text.strip() for choice in choices] == ["A. Two.", "B. Three."]
    assert "Right." in choices[0].text
    assert "Not this one." in choices[1].text


def test_launch_buttons(page: BeautifulSoup, site: Path) -> None:
    for key in FRAMEWORKS:
        (edition,) = page.select(f'.chapter-edition[data-framework="{key}"]')
        links = {" ".join(link.text.split()): link["href"] for link in edition.select("a")}
        assert links["Open in Colab"] == (
            "https://colab.research.google.com/github/d2lcompute/d2lcompute/blob/main/"
            f"book/notebooks/cpu/{key}/small.ipynb"
        )
        download = (site / "book" / links["Download notebook"]).resolve()
        assert nbformat.read(download, as_version=4).metadata.d2lcompute.framework == key
        assert "Exercises" not in links  # there are none yet
        assert "not verified by this build" in edition.text
    (report,) = [a for a in page.select("a") if "Report a mistake" in a.text]
    address = urlsplit(report["href"])
    assert address.path == "/d2lcompute/d2lcompute/issues/new"
    assert parse_qs(address.query) == {
        "template": ["mistake.yml"],
        "title": ["Mistake in: Small things"],
        "page": ["https://d2lcompute.github.io/d2lcompute/book/small.html"],
    }


def test_a_forked_build_makes_the_same_site(site: Path, run_book: Book) -> None:
    """To the byte, so that what the other tests find in one holds for the other."""
    status, printed = build(run_book)
    assert status == 0, printed
    made = run_book.root / "_build" / "html"
    files = [path.relative_to(site) for path in sorted(site.rglob("*")) if path.is_file()]
    assert [
        path for path in files if (made / path).read_bytes() != (site / path).read_bytes()
    ] == []
    assert len(files) == sum(path.is_file() for path in made.rglob("*"))


def test_exercises_are_linked_once_they_exist(run_book: Book) -> None:
    folder = run_book.root / "exercises" / "notebooks" / "pytorch"
    folder.mkdir(parents=True)
    (folder / "small.ipynb").write_text("{}", "utf8")
    status, printed = build(run_book)
    assert status == 0, printed
    html = (run_book.root / "_build" / "html" / "book" / "small.html").read_text("utf8")
    found = re.findall(r'href="([^"]*exercises/notebooks/[^"]*)"', html)
    assert found == [
        "https://colab.research.google.com/github/d2lcompute/d2lcompute/blob/main/"
        "exercises/notebooks/pytorch/small.ipynb"
    ]


def test_mathematics_needs_no_script(page: BeautifulSoup) -> None:
    assert page.select(".math .katex-html")
    assert page.select(".math math")  # MathML, for those who listen


def test_it_builds_without_any_framework(run_book: Book) -> None:
    """Only what the notebooks hold goes into a page."""
    for name in ("torch", "tensorflow", "keras"):
        (run_book.root / f"{name}.py").write_text("raise ImportError('not installed')\n", "utf8")
    (run_book.root / "sitecustomize.py").write_text(
        "import sys\nfor name in ('torch', 'tensorflow', 'keras', 'matplotlib'):\n"
        "    sys.modules[name] = None\n",
        "utf8",
    )
    environment = {**os.environ, "PYTHONPATH": str(run_book.root)}
    folder = Path(sys.executable).parent
    done = subprocess.run(
        [str(folder / "jupyter-book"), "build", ".", "-W", "-n", "-q"],
        cwd=run_book.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("book/small.md", "numbers = [1, 2]", "numbers = [2, 1]", "Type: make notebooks"),
        ("book/small.md", "[the other page](other.md)", "[that](gone.md)", "gone.md"),
        ("book/small.md", "[this place](#top)", "[this place](#gone)", "gone"),
        ("book/other.md", "Text.", "[A](small.md#nowhere)", "nowhere"),
        ("book/other.md", "Text.", "[A](gone.md)", "gone"),
        ("book/other.md", "Text.", "![A](figures/gone.svg)", "gone.svg"),
        ("book/small.md", "$\\bar{x} = 3/2$", "$\\barr{x} = 3/2$", "barr"),
        ("book/small.md", "{cite:t}`adder1900`", "{cite:t}`nobody`", "nobody"),
        ("book/other.md", "Text.", "{cite:t}`nobody`", "nobody"),
        ("book/small.md", ":tags: [predict]", ":tags: [foretell]", "unknown tag"),
    ],
    ids=[
        "a stale notebook",
        "a link to no page",
        "a link to no place",
        "a link to no place on another page",
        "a link to no page, from a page",
        "a missing picture",
        "a bad formula",
        "an unknown citation",
        "an unknown citation on a page",
        "an unknown tag",
    ],
)
def test_what_fails_the_build(run_book: Book, path: str, old: str, new: str, message: str) -> None:
    run_book.edit(old, new, path)
    status, printed = build(run_book)
    assert status != 0, printed
    assert message in printed
