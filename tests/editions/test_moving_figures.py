"""Figures that move: their numbers are a cell's, their modules light, their pictures current."""

from __future__ import annotations

import json
import random
from pathlib import Path

import nbformat
import pytest
from editions.base.errors import EditionsError
from editions.command_line import main
from editions.notebooks.edition import editions
from editions.notebooks.figure_numbers import MIME, figure_numbers
from editions.site.figure_pictures import draw_pictures, figure_problems
from small_book import ROOT, Book
from test_page import build
from test_verifying import verify

MODULE = """\
import { text } from "./_words.js";
export const controls = ({ sizes }) => [
  { kind: "steps", name: "step", count: sizes.length, start: 1 },
];
export const draw = ({ sizes }, { step }) => ({
  size: [40, 20], title: "A <size>", body: text(sizes[step]), says: `Size ${sizes[step]}.`,
});
"""
WORDS = 'export const text = (x) => `<text fill="var(--ink, #123456)">${x}</text>`;\n'


def show(book: Book, data: dict[str, object], cell: str = "total") -> None:
    """Let a cell of both stored notebooks show a figure's numbers."""
    for key in ("pytorch", "tensorflow"):
        notebook = nbformat.read(book.notebook(key), as_version=4)
        (one,) = [node for node in notebook.cells if node.id == cell]
        one.outputs[0].data[MIME] = data
        nbformat.write(notebook, book.notebook(key))


@pytest.fixture
def silent(run_book: Book) -> Book:
    """The executed book; its figure `dot` moves, and no cell gives its numbers."""
    (run_book.root / "book" / "figures" / "dot.js").write_text(MODULE, "utf8")
    (run_book.root / "book" / "figures" / "_words.js").write_text(WORDS, "utf8")
    return run_book


@pytest.fixture
def moving(silent: Book) -> Book:
    """The same with numbers and a current picture."""
    show(silent, {"figure": "dot", "numbers": {"sizes": [1, 2, 4]}})
    draw_pictures(silent.project)
    assert figure_problems(silent.project) == []
    return silent


def picture(book: Book) -> Path:
    return book.root / "book" / "figures" / "dot.svg"


def problem(book: Book) -> str:
    (found,) = figure_problems(book.project)
    return found


# -- numbers -------------------------------------------------------------------------------------


def test_a_figure_whose_numbers_no_cell_gives_is_refused(
    silent: Book, capsys: pytest.CaptureFixture
) -> None:
    line = silent.line(":::{figure} figures/dot.svg")
    first, second = figure_problems(silent.project)
    assert first == (
        f"book/small.md:{line}: no cell of the PyTorch edition gives the numbers of the figure "
        "'dot': end a cell with FigureNumbers('dot', ...)"
    )
    assert "TensorFlow edition" in second
    assert main(["check", "--project", str(silent.root)]) == 1
    assert first in capsys.readouterr().err
    status, printed = build(silent)
    assert status and first in printed


def test_numbers_that_no_figure_draws_are_refused(run_book: Book) -> None:
    show(run_book, {"figure": "dot", "numbers": {}})
    with pytest.raises(EditionsError, match=r"small.md:\d+: .* no figure dot.svg with dot.js"):
        figure_numbers(editions(run_book.project)[0])


def test_two_cells_cannot_give_the_same_numbers(moving: Book) -> None:
    show(moving, {"figure": "dot", "numbers": {"sizes": [1, 2, 4]}}, cell="kind")
    with pytest.raises(EditionsError, match="another cell gives numbers for the figure 'dot'"):
        figure_numbers(editions(moving.project)[0])


def test_numbers_that_no_run_compares_are_refused(moving: Book) -> None:
    notebook = nbformat.read(moving.notebook("pytorch"), as_version=4)
    (cell,) = [node for node in notebook.cells if node.id == "total"]
    cell.metadata["tags"] = ["nbval-ignore-output"]
    nbformat.write(notebook, moving.notebook("pytorch"))
    with pytest.raises(EditionsError, match="a verifying run does not compare its output"):
        figure_numbers(editions(moving.project)[0])


@pytest.mark.slow
def test_an_altered_number_fails_the_verification(run_book: Book) -> None:
    (run_book.root / "book" / "figures" / "dot.js").write_text(MODULE, "utf8")
    (run_book.root / "book" / "figures" / "_words.js").write_text(WORDS, "utf8")
    numbers = 'FigureNumbers("dot", {"sizes": [1, 2, total]}, f"up to {total}")'
    run_book.edit(
        "total = sum(numbers)\ntotal\n",
        f"from d2lcompute.figures import FigureNumbers\n\ntotal = sum(numbers)\n{numbers}\n",
    )
    assert main(["notebooks", "--project", str(run_book.root)]) == 0
    assert figure_problems(run_book.project) == []
    status, printed = verify(run_book)
    assert status == 0, printed
    path = run_book.notebook("pytorch")
    notebook = json.loads(path.read_text("utf8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == "total"]
    cell["outputs"][0]["data"][MIME]["numbers"]["sizes"][1] = 2.5
    path.write_text(json.dumps(notebook), "utf8")
    status, printed = verify(run_book)
    assert status and "total" in printed and MIME in printed


# -- modules -------------------------------------------------------------------------------------


def test_a_module_without_its_picture_is_refused(moving: Book) -> None:
    picture(moving).rename(picture(moving).with_name("other.svg"))
    assert "figures/dot.js: there is no dot.svg beside it" in figure_problems(moving.project)[0]


def test_a_module_that_is_too_heavy_is_refused(moving: Book) -> None:
    words = picture(moving).with_name("_words.js")
    noise = random.Random(0).randbytes(8 * 1024).hex()
    words.write_text(f"{WORDS}// {noise}\n", "utf8")
    assert figure_problems(moving.project) == []
    words.write_text(f"{WORDS}// {noise}{random.Random(1).randbytes(8 * 1024).hex()}\n", "utf8")
    found = problem(moving)
    assert "figures/dot.js: with what it imports it weighs 1" in found
    assert "allowed are 15 KiB" in found


def test_a_module_that_calculates_its_own_numbers_is_refused(moving: Book) -> None:
    module = picture(moving).with_suffix(".js")
    module.write_text(MODULE.replace("text(sizes[step])", "text(Math.sqrt(step))"), "utf8")
    assert "figures/dot.js: it calculates with Math.sqrt" in figure_problems(moving.project)[0]


@pytest.mark.parametrize("address", ["https://cdn.example.org/d3.js", "./none.js", "d3"])
def test_a_module_imports_only_its_neighbours(moving: Book, address: str) -> None:
    module = picture(moving).with_suffix(".js")
    module.write_text(f'import * as other from "{address}";\n{MODULE}', "utf8")
    assert f"it imports '{address}'; allowed are modules in book/figures" in problem(moving)


def test_a_module_that_fails_is_reported(moving: Book) -> None:
    picture(moving).with_suffix(".js").write_text(f"{MODULE}\nundefined.oh;\n", "utf8")
    with pytest.raises(EditionsError, match=r"dot\.js cannot draw its numbers: TypeError"):
        draw_pictures(moving.project)


# -- pictures ------------------------------------------------------------------------------------


def test_the_picture_shows_the_first_state(moving: Book) -> None:
    drawn = picture(moving).read_text("utf8")
    assert '<text fill="#123456">2</text>' in drawn
    assert '<title id="dot-title">A &lt;size&gt;</title>' in drawn
    assert '<desc id="dot-desc">Size 2.</desc>' in drawn
    assert draw_pictures(moving.project) == []


def test_an_outdated_picture_is_refused_and_drawn_anew(
    moving: Book, capsys: pytest.CaptureFixture
) -> None:
    before = picture(moving).read_bytes()
    show(moving, {"figure": "dot", "numbers": {"sizes": [1, 3, 4]}})
    assert "figures/dot.svg: the picture does not show the first state" in problem(moving)
    assert main(["notebooks", "--project", str(moving.root)]) == 0
    assert "book/figures/dot.svg: drawn" in capsys.readouterr().out
    assert figure_problems(moving.project) == []
    assert picture(moving).read_bytes() != before


def test_a_new_module_gets_its_picture(moving: Book) -> None:
    picture(moving).unlink()
    assert main(["notebooks", "--project", str(moving.root)]) == 0
    assert ">2</text>" in picture(moving).read_text("utf8")


def test_a_book_without_the_first_framework_keeps_the_picture(moving: Book) -> None:
    moving.edit("[pytorch, tensorflow]", "[tensorflow]", "_config.yml")
    assert figure_problems(moving.project) == []


# -- the site ------------------------------------------------------------------------------------


def test_the_site_serves_modules_and_numbers(moving: Book) -> None:
    (moving.root / "_build" / "html" / "_static" / "figures").mkdir(parents=True)
    (moving.root / "_build" / "html" / "_static" / "figures" / "old.js").touch()
    status, printed = build(moving)
    assert status == 0, printed
    site = moving.root / "_build" / "html"
    served = {path.name for path in (site / "_static" / "figures").iterdir()}
    assert served == {"dot.js", "_words.js", "dot-pytorch.json", "dot-tensorflow.json"}
    page = (site / "book" / "small.html").read_text("utf8")
    assert 'data-figure="dot"' in page and "figures.js" in page
    assert MIME not in page
    assert "figures.js" not in (site / "book" / "other.html").read_text("utf8")


def test_the_figures_of_this_book_are_right() -> None:
    from editions.base.project import Project

    assert figure_problems(Project(ROOT)) == []
