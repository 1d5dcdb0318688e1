"""Asides: folded on the page and in notebooks, and nothing outside of them depends on them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from editions.base.errors import SourceError
from editions.base.project import Project
from editions.notebooks.edition import editions
from editions.notebooks.execution import run_all
from editions.notebooks.notebook import HEADING
from editions.source.chapter import parse_chapter
from forked_build import COMMAND, environment, forked_builds
from small_book import HEAD, make_book

BEGIN = '\n+++ {"deeper": "How `sum` *works*"}\n'
END = '\n+++ {"deeper": "end"}\n'


def code(body: str, *options: str) -> str:
    return "\n".join(["\n```{code-cell} ipython3", *options, body, "```\n"])


def parsed(body: str):
    return parse_chapter(HEAD + "# Title\n\nx\n" + code("a = 1") + body, "small", "book/small.md")


@pytest.mark.parametrize(
    "body",
    [
        BEGIN + "\nProse.\n" + code("b = a") + END + "\nAfter.\n",
        BEGIN + code("b = a") + END + code("a"),  # MyST-NB drops the empty cells at both marks
        BEGIN + code("b = a") + END,
        BEGIN + '\nShared.\n\n+++ {"tags": ["pytorch"]}\n\nOwn.\n' + code("b") + END,
        BEGIN + "\nAs in:\n\n```\n" + '+++ {"deeper": "end"}' + "\n```\n" + code("b = a") + END,
    ],
)
def test_an_aside_holds_what_is_between_its_marks(body: str) -> None:
    chapter = parsed(body)
    inside = [cell.source for cell in chapter.cells if cell.aside]
    assert inside and inside[-1].startswith("b")
    assert {cell.aside.title for cell in chapter.cells if cell.aside} == {"How `sum` *works*"}
    assert "After." not in inside and "a" not in inside


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BEGIN + "\nProse.\n", "the aside is not ended"),
        (END + "\nProse.\n", "nothing is to be ended"),
        (BEGIN + "\nx\n" + BEGIN + "\ny\n" + END, "asides hold no others"),
        (BEGIN + END + "\nProse.\n", "the aside is empty"),
        (2 * (BEGIN + "\nx\n" + END + "\ny\n"), "another aside has the title"),
        ('\n+++ {"deeper": " "}\n\nx\n' + END, "the title of an aside is text"),
        (BEGIN + "\n## More\n" + END, "it holds no other heading"),
        (
            "\n:::{predict} words\nWhat?\n:::\n"
            + code("a", ":name: a", ":tags: [predict]")
            + BEGIN
            + "\n:::{why}\nSo.\n:::\n"
            + END,
            "an aside begins or ends between",
        ),
    ],
)
def test_what_is_wrong_with_an_aside(body: str, message: str) -> None:
    from editions.source.predictions import predictions

    with pytest.raises(SourceError, match=message) as caught:
        predictions(parsed(body))
    assert str(caught.value).startswith("book/small.md:")


@pytest.mark.parametrize(
    ("inside", "outside", "name"),
    [
        ("b = 2", "print(b)", "b"),
        ("import math", "math.pi", "math"),
        ("def f():\n    return 1", "def g():\n    return f()", "f"),
        ("class C: pass", "C()", "C"),
        ("a = 2", "print(a)", "a"),  # the main path's name, with another value
        ("for i in range(3): pass", "i", "i"),
        ("b, c = 1, 2", "[c for _ in range(2)]", "c"),
        ("%time b = 2", "b", "b"),
        ("b = 2", "b += 1", "b"),
        ("def f():\n    global b\n    b = 1", "b", "b"),
    ],
)
def test_names_that_leak(inside: str, outside: str, name: str) -> None:
    with pytest.raises(SourceError, match=f"'{name}' is defined in the aside 'How `sum`"):
        parsed(BEGIN + code(inside) + END + code(outside))


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("b = 2", "b = 3\nprint(b)"),
        ("b = a", "print(a)"),
        ("b = 2", "def f(b):\n    return b"),
        ("b = 2", "[b for b in range(3)]"),
        ("b = 2", "(lambda b: b)(1)"),
        ("b = 2\nprint(b)", "a.b"),
        ("[b for b in range(3)]", "print(a)"),
    ],
)
def test_names_that_do_not(inside: str, outside: str) -> None:
    parsed(BEGIN + code(inside) + END + code(outside))


def test_an_aside_may_use_what_another_one_defines_not() -> None:
    two = BEGIN + code("b = 2") + END + "\nx\n" + BEGIN.replace("works", "ends") + code("b") + END
    with pytest.raises(SourceError, match="'b' is defined in the aside"):
        parsed(two)


def test_editions_leak_apart() -> None:
    leak = BEGIN + code("b = 2", ":tags: [pytorch]") + END + code("b", ":tags: [pytorch]")
    with pytest.raises(SourceError, match="in the pytorch edition"):
        parsed(leak)
    parsed(leak.replace("b\n```", "c = 1\n```"))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_book(tmp_path_factory.mktemp("aside") / "project")
    aside = (
        BEGIN
        + "\nIt adds, $a + b$.\n"
        + code("kind = type(numbers)\nkind.__name__", ":name: own")
        + '\n+++ {"tags": ["tensorflow"]}\n\nA *pair*.\n'
        + END
    )
    made.edit("The mean is", aside + "\nThe mean is")
    assert run_all(editions(made.project), jobs=2, progress=False) == []
    return made.root


def test_in_a_notebook_it_is_a_section_that_is_collapsed(book: Path) -> None:
    notebook = nbformat.read(Project(book).notebook_path("small", "tensorflow"), as_version=4)
    sources = [cell.source for cell in notebook.cells]
    first = sources.index("###### Deeper: How `sum` *works*")
    last = sources.index("###### Back to the main path")
    assert sources[first + 1 : last] == [
        "It adds, $a + b$.",
        "kind = type(numbers)\nkind.__name__",
        "A *pair*.",
    ]
    assert notebook.cells[first].metadata["jp-MarkdownHeadingCollapsed"] is True
    assert "jp-MarkdownHeadingCollapsed" not in notebook.cells[last].metadata
    assert sources[last + 1].startswith("The mean is")
    nbformat.validate(notebook)


@pytest.mark.parametrize("label", ["", "(place)=\n", "(place)=\n\n(other-place)=\n"])
def test_no_line_leads_back_where_a_heading_follows(label: str) -> None:
    text = HEAD + f"# Title\n\n{BEGIN}\nIt adds.\n{END}\n{label}## Next\n\nMore.\n"
    chapter = parse_chapter(text, "small", "book/small.md")
    after = chapter.cells[-1].source
    assert after.startswith(label or "##") and HEADING.match(after)
    assert not HEADING.match("(place)=\nText.") and not HEADING.match("#no heading")


def test_on_the_page_it_is_a_fold(book: Path) -> None:
    done = forked_builds().run(COMMAND, book, environment())
    assert done.returncode == 0, done.stdout
    text = (book / "_build" / "html" / "book" / "small.html").read_text("utf8")
    page = BeautifulSoup(text, "html.parser")
    (aside,) = page.select("details.aside")
    assert aside.summary.text.strip() == "Deeper: How sum works"
    assert not aside.has_attr("open")
    assert "It adds" in aside.text and "A pair." in aside.text
    assert "'list'" in aside.text and "'tuple'" in aside.text
    assert len(aside.select(".sd-tab-set")) == 1  # its cells are grouped like all others
    assert "The mean is" not in aside.text
    searched = (book / "_build" / "html" / "_static" / "search-sections.js").read_text("utf8")
    assert "It adds" in searched  # it is found by search
