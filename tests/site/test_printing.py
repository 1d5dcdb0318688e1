"""`make pdf`: the whole book as one PDF for each framework, with an outline and working links."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from pypdf import PdfReader

sys.path.insert(0, str(Path(__file__).parents[1] / "editions"))
from small_book import Book, make_book

ROOT = Path(__file__).parents[2]
ASIDE = '+++ {"deeper": "How it *adds*"}\n\nFrom left to right.\n\n+++ {"deeper": "end"}'
MODULE = """\
export const controls = () => [{ kind: "steps", name: "step", count: 3, start: 1 }];
export const draw = ({ sizes }, { step }) => ({
  size: [340, 40], title: "A dot", says: `Size ${sizes[step]}.`,
  body: `<text x="9" y="20" fill="var(--ink, #123456)">drawn ${sizes[step]}</text>`,
});
"""
NUMBERS = """\
from d2lcompute.figures import FigureNumbers
total = sum(numbers)
FigureNumbers("dot", {"sizes": [701, 702, 703]}, "three sizes")
"""
OWN = {"pytorch": "'list'", "tensorflow": "'tuple'"}  # what the small book's editions put out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A small book with an aside and a figure that moves, run."""
    from editions.command_line import main

    book = make_book(tmp_path_factory.mktemp("printed") / "project")
    book.edit("The mean is", f"{ASIDE}\n\nThe mean is")
    (book.root / "book" / "figures" / "dot.js").write_text(MODULE, "utf8")
    book.edit("total = sum(numbers)\ntotal\n", NUMBERS)
    assert main(["notebooks", "--project", str(book.root)]) == 0
    return book


@pytest.fixture(scope="module")
def printed(made: Book) -> dict[str, PdfReader]:
    """The book, printed."""
    book = made
    # In a process of its own, as a person prints: Playwright may run here already.
    done = subprocess.run(
        [sys.executable, "-m", "editions", "pdf", "--project", str(book.root)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "book" / "_ext")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = sorted((book.root / "_build" / "pdf").iterdir())
    assert [path.name for path in made] == [
        "deep-learning-computation-pytorch.pdf",
        "deep-learning-computation-tensorflow.pdf",
    ]
    return {path.stem.rsplit("-", 1)[1]: PdfReader(path) for path in made}


def titles(outline: list[Any]) -> Iterator[str]:
    for item in outline:
        if isinstance(item, list):
            yield from titles(item)
        else:
            yield item.title


def links(reader: PdfReader) -> Iterator[str]:
    """Where links lead: an address, or `#name` of a place in the file."""
    for page in reader.pages:
        for annotation in page.get("/Annots") or []:
            found = annotation.get_object()
            if "/Dest" in found:
                yield f"#{str(found['/Dest']).lstrip('/')}"
            elif "/URI" in found.get("/A", {}):
                yield str(found["/A"]["/URI"])


@pytest.mark.parametrize("framework", list(OWN))
def test_it_holds_one_framework_and_every_page(
    printed: dict[str, PdfReader], framework: str
) -> None:
    reader = printed[framework]
    text = "\n".join(page.extract_text() for page in reader.pages)
    other = next(kind for key, kind in OWN.items() if key != framework)
    assert OWN[framework] in text and other not in text
    assert "By counting." in " ".join(text.split())  # folds are open
    assert "assert total == 3" in text
    assert "Open in Colab" not in text
    found = list(titles(reader.outline))
    for title in ("A small book", "Small things", "Another page", "References"):
        assert title in found


@pytest.mark.parametrize("framework", list(OWN))
def test_folds_are_open_and_a_moving_figure_is_still(
    printed: dict[str, PdfReader], framework: str
) -> None:
    text = " ".join(" ".join(p.extract_text() for p in printed[framework].pages).split())
    assert "Brackets make a list, parentheses a tuple." in text  # why
    assert "How it adds" in text and "From left to right." in text  # an aside
    assert "drawn 702" in text  # the picture, of the first state
    assert "A dot." in text  # its caption


@pytest.mark.parametrize("framework", list(OWN))
def test_a_notebook_shows_the_picture_of_a_moving_figure(made: Book, framework: str) -> None:
    cells = nbformat.read(made.notebook(framework), as_version=4).cells
    (figure,) = [one for one in cells if one.cell_type == "markdown" and "dot.svg" in one.source]
    assert "A dot" in figure.source and ".js" not in figure.source
    numbers = next(one for one in cells if "FigureNumbers" in one.source)
    assert "three sizes" in str(numbers.outputs)


@pytest.mark.parametrize("framework", list(OWN))
def test_its_links_lead_somewhere(printed: dict[str, PdfReader], framework: str) -> None:
    reader = printed[framework]
    places = {f"#{name.lstrip('/')}" for name in reader.named_destinations}
    found = list(links(reader))
    inside = [link for link in found if link.startswith("#")]
    assert len(inside) >= 4  # a chapter, another page, a place, a citation
    assert set(inside) <= places
    assert all(link.startswith(("#", "https://")) for link in found)
    assert not [link for link in found if "github.io" in link and "notebooks" in link]


def test_without_a_browser_it_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from editions.command_line import main

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("D2L_CHROMIUM", raising=False)
    assert main(["pdf", "--project", str(ROOT)]) == 1
    assert "there is no Chromium: type make browser" in capsys.readouterr().err
