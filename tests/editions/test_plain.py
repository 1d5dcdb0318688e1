"""MyST made plain: what goes into notebooks renders in Colab, JupyterLab and on GitHub."""

from __future__ import annotations

import re

import pytest
from editions.base.errors import SourceError
from editions.notebooks.notebook import build
from editions.source.chapter import read_chapter
from editions.source.portable_markdown import Plain
from small_book import Book


@pytest.fixture
def plain(book: Book) -> Plain:
    return Plain(book.project, book.source)


@pytest.mark.parametrize(
    ("myst", "expected"),
    [
        ("(a-label)=\n## Heading", "## Heading"),
        ("% a comment\nText", "Text"),
        ("A [link](other.md#x).", "A [link]({site}book/other.html#x)."),
        ("A [link](#top).", "A [link]({site}book/small.html#top)."),
        ("A [link](#a-heading).", "A [link]({site}book/small.html#a-heading)."),
        ("Out [there](#far-away).", "Out [there]({site}book/other.html#far-away)."),
        ("[`code`](#top)", "[`code`]({site}book/small.html#top)"),
        ("<https://example.org>", "<https://example.org>"),
        ("`{ref}` and ``{cite:p}`x` ``", "`{ref}` and ``{cite:p}`x` ``"),
        ("H{sub}`2`O", "H<sub>2</sub>O"),
        ("{cite:p}`adder1900`", "([Adder and Bee, 1900](https://example.org/sums))"),
        (":::{note}\nText\n:::", "> **Note**\n>\n> Text"),
        (":::{admonition} My `x`\n:class: tip\n\n- a\n:::", "> **My `x`**\n>\n> - a"),
        ("```{math}\nx^2\n```", "$$\nx^2\n$$"),
        ("```python\n{ref}`x`\n(a)=\n```", "```python\n{ref}`x`\n(a)=\n```"),
        (
            ":::{dropdown} `a < b`\nBody\n:::",
            "<details><summary><code>a &lt; b</code></summary>\n\nBody\n\n</details>",
        ),
        ("- item\n\n  :::{note}\n  Inside\n  :::", "- item\n\n  > **Note**\n  >\n  > Inside"),
        ("::::{note}\n:::{tip}\nIn\n:::\n::::", "> **Note**\n>\n> > **Tip**\n> >\n> > In"),
    ],
)
def test_conversion(plain: Plain, myst: str, expected: str) -> None:
    assert plain.convert(myst) == expected.replace("{site}", plain.project.site)


@pytest.mark.parametrize(
    ("myst", "line", "message"),
    [
        ("Text\n\n```{tableofcontents}\n```", 3, "directive {tableofcontents}"),
        ("Text {ref}`x`", 1, "role {ref}"),
        ("One\n\n[gone](gone.md)", 3, "'gone.md', which does not exist"),
        ("![x](figures/gone.svg)", 1, "does not exist beside the page"),
        (":::{figure} figures/dot.svg\n:::", 1, "needs ':alt:'"),
        ("a\n\n![](figures/dot.svg)", 3, "a picture needs words"),
        ("a\n\n:::{note}\nb\n\nc", 3, "a line ::: is missing that ends what begins here"),
        ("a\n\n```python\nb", 3, "a line ``` is missing that ends what begins here"),
        ("- a\n\n  ```python\n  b\n\nc", 3, "a line ``` is missing that ends what begins here"),
        ("a\n{cite:t}`nobody`", 1, "citation 'nobody'"),
        (":::{quiz} Q?\n- [x] One.\n\n  Yes.\n:::", 1, "two or more choices"),
        (":::{quiz} Q?\n- [x] One.\n- [ ] Two.\n\n  No.\n:::", 1, "has no explanation"),
        (":::{quiz} Q?\n- [ ] A\n\n  a\n- [ ] B\n\n  b\n:::", 1, "no choice is marked right"),
    ],
)
def test_what_is_unknown_is_refused(plain: Plain, myst: str, line: int, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        plain.convert(myst)
    assert re.match(rf"book/small.md:({line}|{line + 1}):", str(caught.value))


def test_a_notebook_holds_no_myst(book: Book) -> None:
    project = book.project
    chapter = read_chapter(book.source, "book/small.md")
    for framework in project.frameworks:
        notebook = build(chapter, framework, project)
        text = "\n\n".join(
            re.sub(r"`+[^`]*`+", "", cell.source)
            for cell in notebook.cells
            if cell.cell_type == "markdown"
        )
        assert not re.search(r":::|```\{|\{[\w:]+\}`|^\([\w-]+\)=|^\+\+\+", text, re.MULTILINE)
        assert ("Only PyTorch readers" in text) == (framework.key == "pytorch")
        address = (
            "https://raw.githubusercontent.com/d2lcompute/d2lcompute/main/book/figures/dot.svg"
        )
        assert address in text


def test_the_address_stands_in_one_place(book: Book) -> None:
    """A fork changes one line, and every address follows."""
    book.edit(
        "https://github.com/d2lcompute/d2lcompute", "https://github.com/me/mine", "_config.yml"
    )
    project = book.project
    notebook = build(read_chapter(book.source, "book/small.md"), project.frameworks[0], project)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "git+https://github.com/me/mine@main" in text
    assert "raw.githubusercontent.com/me/mine/main" in text
    assert "github.com/d2lcompute" not in text
