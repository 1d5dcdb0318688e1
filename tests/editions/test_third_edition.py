"""A third framework, plain NumPy: one entry in the table of frameworks makes a third edition.

The installed commands run with a copy of the helper package whose table has one more entry.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from small_book import CHAPTER, Book, make_book

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
from site_tools import Visit, serve

pytestmark = pytest.mark.slow

ENTRY = """
FRAMEWORKS["numpy"] = Framework(
    key="numpy", title="NumPy", products={"numpy": "NumPy"}, roots=("numpy",)
)
"""
TITLES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "numpy": "NumPy"}
KINDS = {"pytorch": "'list'", "tensorflow": "'tuple'", "numpy": "'ndarray'"}
NUMPY_CELL = """\
```{code-cell} ipython3
:name: start
:tags: [numpy]
import numpy as np
numbers = np.array([1, 2])
```

"""
TWO_OF_THREE = """\
+++ {"tags": ["pytorch"]}

What PyTorch has is *changed* in place.

+++ {"tags": ["tensorflow"]}

What TensorFlow has is *replaced*.

+++

"""


def run(book: Book, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command on the book, with the book's helper package."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "editions"), *arguments],
        cwd=book.root,
        env={**os.environ, "PYTHONPATH": str(book.root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The small book in three editions: run, checked, verified and built."""
    book = make_book(tmp_path_factory.mktemp("third") / "project")
    table = book.root / "d2lcompute" / "_frameworks.py"
    table.write_text(table.read_text("utf8") + ENTRY, "utf8")
    book.edit("[pytorch, tensorflow]", f"[{', '.join(TITLES)}]", "_config.yml")
    book.edit("- file: book/other\n", "- file: book/other\n- file: book/status\n", "_toc.yml")
    (book.root / "book" / "status.md").write_text("# Status\n\n```{status}\n```\n", "utf8")
    total = "```{code-cell} ipython3\n:name: total\n"
    quiz = "::::{quiz}"
    assert total in CHAPTER and quiz in CHAPTER
    text = CHAPTER.replace(total, NUMPY_CELL + total).replace(quiz, TWO_OF_THREE + quiz)
    book.write(text)
    for command, last in (
        (["notebooks", "--jobs", "2"], "3 notebooks: 3 run, 0 refreshed, 0 unchanged, 0 failed"),
        (["check"], "3 notebooks hold what their sources say"),
        (["verify", "--jobs", "2"], "3 notebooks compared: all as stored"),
        (["book", "--verified"], "index.html"),
    ):
        done = run(book, *command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.strip().endswith(last)
    return book


@pytest.fixture(scope="module")
def site(book: Book) -> Path:
    return book.root / "_build" / "html"


@pytest.fixture(scope="module")
def page(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "book" / "small.html").read_text("utf8"), "html.parser")


def test_there_are_three_notebooks(book: Book) -> None:
    for key, kind in KINDS.items():
        cells = nbformat.read(book.notebook(key), as_version=4).cells
        assert [cell.source for cell in cells if cell.id == "start"] == {
            "pytorch": ["numbers = [1, 2]"],
            "tensorflow": ["numbers = (1, 2)"],
            "numpy": ["import numpy as np\nnumbers = np.array([1, 2])"],
        }[key]
        (output,) = next(cell for cell in cells if cell.id == "kind").outputs
        assert output.data["text/plain"] == kind
    assert "pip install" in cells[1].source


def test_a_tab_set_has_three_tabs_in_order(page: BeautifulSoup) -> None:
    whole, predicted, partial = page.select(".editions")
    labels = whole.select(".sd-tab-label")
    assert [label["data-sync-id"] for label in labels] == list(TITLES)
    assert [label.text.strip() for label in labels] == list(TITLES.values())
    panels = whole.select(":scope > .sd-tab-content")
    assert [panel["class"][-2] for panel in panels] == [f"for-{key}" for key in TITLES]
    cells = [[kind(cell) for cell in panel.find_all(recursive=False)] for panel in panels]
    assert cells[0] == ["numbers", "total", "text"]
    assert cells[1] == cells[2] == ["numbers", "total", "gap"]
    panels = predicted.select(":scope > .sd-tab-content")
    for panel, kind_of_numbers in zip(panels, KINDS.values(), strict=True):
        assert kind_of_numbers in panel.text
    labels = partial.select(".sd-tab-label")
    assert [label.text.strip() for label in labels] == ["PyTorch", "TensorFlow"]


def kind(cell: Tag) -> str:
    """What a child of a panel is."""
    if "gap" in cell["class"]:
        return "gap"
    source = cell.select_one(".cell_input pre")
    if source is None:
        return "text"
    return source.text.strip().splitlines()[-1].split(" = ")[0]


def test_each_edition_can_be_launched(page: BeautifulSoup, book: Book, site: Path) -> None:
    editions = page.select(".chapter-edition")
    assert [edition["data-framework"] for edition in editions] == list(TITLES)
    for edition, (key, title) in zip(editions, TITLES.items(), strict=True):
        assert edition.select_one(".chapter-framework").text == title
        links = {" ".join(link.text.split()): link["href"] for link in edition.select("a")}
        assert links["Open in Colab"] == (
            "https://colab.research.google.com/github/d2lcompute/d2lcompute/blob/main/"
            f"book/notebooks/cpu/{key}/small.ipynb"
        )
        download = site / "book" / links["Download notebook"]
        learners = book.project.notebook_path("small", key).read_text("utf8")
        assert learners.count('"# @title ') == 2  # of the set-up cell and of the claim, for Colab
        assert download.read_text("utf8") == learners.replace('"# @title ', '"# ')
    version = metadata.version("numpy")
    assert f"Verified on NumPy {version}, CPU, " in " ".join(editions[-1].text.split())


def test_the_header_offers_three(page: BeautifulSoup) -> None:
    choices = page.select(".framework-switch label")
    assert {choice.input["value"]: choice.text.strip() for choice in choices} == TITLES
    known = re.search(r"const known = (\[.*?\]);", str(page))
    assert known and known[1] == '["pytorch", "tensorflow", "numpy"]'


def test_the_styles_are_made_for_three(site: Path) -> None:
    styles = (site / "_static" / "editions.css").read_text("utf8")
    assert not re.search(r"\{[{%#]", styles)  # nothing of the template is left
    rules = {key: styles.replace("\n", " ").count(key) for key in TITLES}
    assert len(set(rules.values())) == 1 and rules["numpy"] > 5, rules
    assert "grid-template-columns:repeat(3," in styles


def test_the_status_page_has_a_table_for_each(site: Path) -> None:
    html = (site / "book" / "status.html").read_text("utf8")
    status = BeautifulSoup(html, "html.parser").article
    assert "3 of 3 notebooks verified" in status.text
    tables = status.select("table")
    assert [one.select_one(".caption-text").text for one in tables] == list(TITLES.values())
    for table, title in zip(tables, TITLES.values(), strict=True):
        (row,) = table.select("tbody tr")
        assert "Small things" in row.text and f"CPU, {title} " in row.text


def test_a_framework_without_helpers_has_no_gpu(book: Book) -> None:
    done = run(book, "verify", "--device", "gpu", "--framework", "numpy")
    assert done.returncode == 1
    assert "NumPy has no helpers in d2lcompute that find a GPU" in done.stderr


@pytest.fixture
def reader(site: Path, browser: object) -> Iterator[Visit]:
    """A reader on a screen that is wide enough for three columns."""
    with serve(site) as served:
        visit = Visit(browser, served, "book/small.html", width=2000)
        yield visit
        visit.close()
        assert visit.complaints == []


def test_a_reader_chooses_the_third(reader: Visit) -> None:
    assert reader.shown() == {"pytorch"}
    reader.page.locator(".editions label[data-sync-id=numpy]").first.click()
    assert reader.shown() == {"numpy"}
    assert reader.page.locator("input[name=framework]:checked").get_attribute("value") == "numpy"
    assert reader.page.locator(".stamp:visible").all_inner_texts()[0].count("NumPy") == 1
    # A chapter hides a passage that NumPy lacks; exercises show another framework's, under a tab
    # that looks open.
    partial = reader.page.locator(".editions.without-numpy")
    assert not partial.is_visible()
    partial.evaluate("(set) => set.classList.remove('not-for-numpy')")
    shown = partial.locator("> div:visible").all_inner_texts()
    assert shown == ["What PyTorch has is changed in place."]
    colour = "(label) => getComputedStyle(label).borderBottomColor"
    one, two = partial.locator("> label").evaluate_all(f"(all) => all.map({colour})")
    assert one == reader.page.locator("label[data-sync-id=numpy]").first.evaluate(colour) != two
    reader.page.reload()
    reader.withhold_scripts()
    assert reader.shown() == {"numpy"}


def test_three_stand_side_by_side(reader: Visit) -> None:
    reader.page.locator(".side-switch").click()
    assert reader.shown() == set(TITLES)
    rows = reader.evaluate(
        """(keys) => [...document.querySelector('.editions .for-pytorch').children].map((_, row) =>
        keys.map((key) => document.querySelector(`.editions .for-${key}`).children[row])
          .map((cell) => cell.getBoundingClientRect()).filter((box) => box.height)
          .map((box) => [box.left, box.top]))""",
        list(TITLES),
    )
    assert [len(row) for row in rows] == [3, 3, 1]  # the text for PyTorch alone
    for (first, top), (second, other), (third, last) in [row for row in rows if len(row) == 3]:
        assert first + 300 < second and second + 300 < third
        assert abs(top - other) < 1 and abs(top - last) < 1
    reader.page.set_viewport_size({"width": 1600, "height": 800})
    assert reader.shown() == {"pytorch"}
