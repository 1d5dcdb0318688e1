"""The Markdown of notebooks: Colab, JupyterLab and GitHub render it, or it is refused."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from bs4 import BeautifulSoup
from editions.base.errors import SourceError
from editions.notebooks.notebook import build
from editions.source import unrendered_syntax
from editions.source.chapter import read_chapter
from editions.source.portable_markdown import Plain
from small_book import Book, make_book
from test_page import build as build_site

SITE = "https://d2lcompute.github.io/d2lcompute/book"
RAW = "https://raw.githubusercontent.com/d2lcompute/d2lcompute/main/book"
BLOB = "https://github.com/d2lcompute/d2lcompute/blob/main/book"
OTHER = """\
(far-away)=
# Another page

Text.

## The `Net` class: $x^2$ & *more*

(set_up)=
### Set *it* up

:::{figure} figures/dot.svg
:alt: A dot.
:name: fig-other

A dot in `code`, [linked](small.md).

A second paragraph.
:::

:::{admonition} Mind the step
:name: step
Text.
:::

$$
a = b
$$ (my-eq)

(nowhere)=
Text.

(outer)=
::::{note}
:::{figure} figures/dot.svg
:alt: A dot.
:name: fig-inner

Inner.
:::
::::
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """The converter of the small book's chapter, with more on the other page."""
    book = make_book(tmp_path_factory.mktemp("plain") / "project")
    pages = book.root / "book"
    (pages / "other.md").write_text(OTHER, "utf8")
    (pages / "a b.md").write_text("# A b\n", "utf8")
    book.edit("- file: book/other\n", "- file: book/other\n- file: book/a b\n", "_toc.yml")
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
def test_unknown_syntax_is_refused(plain: Plain, myst: str, line: int, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        plain.convert(myst)
    assert re.match(rf"book/small.md:({line}|{line + 1}):", str(caught.value))


# -- links and pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("myst", "expected"),
    [
        # without words: the title of the target
        ("See [](#top).", "See [Small things]({SITE}/small.html#top)."),
        ("[](other.md)", "[Another page]({SITE}/other.html)"),
        ("[](#far-away)", "[Another page]({SITE}/other.html#far-away)"),
        ("[](#set_up)", "[Set it up]({SITE}/other.html#set-up)"),
        ("[](#fig-dot)", "[A dot.]({SITE}/small.html#fig-dot)"),
        ("[](#fig-other)", "[A dot in `code`, linked.]({SITE}/other.html#fig-other)"),
        ("[](#fig-inner)", "[Inner.]({SITE}/other.html#fig-inner)"),
        ("[](#step)", "[Mind the step]({SITE}/other.html#step)"),
        ("[ ](other.md)", "[Another page]({SITE}/other.html)"),
        ("[](other.md 'T')", "[Another page]({SITE}/other.html 'T')"),
        (
            "[](other.md#the-net-class---more)",
            "[The `Net` class: $x^2$ & more]({SITE}/other.html#the-net-class-x-2-more)",
        ),
        ("[](figures/dot.svg)", "[`figures/dot.svg`]({BLOB}/figures/dot.svg)"),
        # MyST's own addresses
        ("<project:other.md>", "[Another page]({SITE}/other.html)"),
        ("<project:#set_up>", "[Set it up]({SITE}/other.html#set-up)"),
        ("[x](project:other.md)", "[x]({SITE}/other.html)"),
        ("<path:figures/dot.svg>", "[`figures/dot.svg`]({BLOB}/figures/dot.svg)"),
        ("[x](path:other.md)", "[x]({BLOB}/other.md)"),
        # references
        ("See [x][a].\n\n[a]: other.md", "See [x]({SITE}/other.html)."),
        ("[a]: other.md 'A \"T\"'\n\n[A][]", '[A]({SITE}/other.html "A \\"T\\"")'),
        ("[a]\n\n[a]: #top", "[a]({SITE}/small.html#top)"),
        ("[a](not an address)\n\n[a]: #top", "[a]({SITE}/small.html#top)(not an address)"),
        ("![x][a]\n\n[a]: figures/dot.svg", "![x]({RAW}/figures/dot.svg)"),
        ("[x][a]\n\n[a]: <https://example.org/a b>", "[x](https://example.org/a%20b)"),
        # the forms of a link
        ("[a [nested] b](other.md)", "[a [nested] b]({SITE}/other.html)"),
        ("[[a]](other.md)", "[[a]]({SITE}/other.html)"),
        ("[a `]` b](other.md)", "[a `]` b]({SITE}/other.html)"),
        ("[*a* **b**](other.md)", "[*a* **b**]({SITE}/other.html)"),
        ("[a\nb](other.md)", "[a\nb]({SITE}/other.html)"),
        ("[x](other.md 'T')", "[x]({SITE}/other.html 'T')"),
        ("[x](other.md (T))", "[x]({SITE}/other.html (T))"),
        ("[x](<other.md>)", "[x]({SITE}/other.html)"),
        ('[x]( <other.md#far-away>\n"T" )', '[x]( {SITE}/other.html#far-away\n"T" )'),
        ("[x](./other.md)", "[x]({SITE}/other.html)"),
        ("[x](/book/other.md)", "[x]({SITE}/other.html)"),
        ("[x](a%20b.md)", "[x]({SITE}/a%20b.html)"),
        ("[x](<a b.md>)", "[x]({SITE}/a%20b.html)"),
        ("[w](https://example.org/S_(x))", "[w](https://example.org/S_(x))"),
        ("[m](mailto:me@example.org)", "[m](mailto:me@example.org)"),
        ("<https://example.org/[a](b)>", "<https://example.org/[a](b)>"),
        ("<me@example.org>", "<me@example.org>"),
        ("![x](<figures/dot.svg> 'T')", "![x]({RAW}/figures/dot.svg 'T')"),
        ("![x](/book/figures/dot.svg)", "![x]({RAW}/figures/dot.svg)"),
        ("![x](https://example.org/a.png)", "![x](https://example.org/a.png)"),
        ("[![x](figures/dot.svg)](other.md)", "[![x]({RAW}/figures/dot.svg)]({SITE}/other.html)"),
        ("[x](#my-eq)", "[x]({SITE}/other.html#equation-my-eq)"),
        ("[x](#no-such-label)", "[x]({SITE}/small.html#no-such-label)"),
        # their surroundings
        ("> a\n> [x](other.md)", "> a\n> [x]({SITE}/other.html)"),
        ("- > 1. [x](other.md)", "- > 1. [x]({SITE}/other.html)"),
        ("- [ ] [x](other.md)", "- [ ] [x]({SITE}/other.html)"),
        ("- a\n\t[x](other.md)", "- a\n\t[x]({SITE}/other.html)"),
        ("## [x](other.md) ##", "## [x]({SITE}/other.html) ##"),
        ("[x](other.md)\n===", "[x]({SITE}/other.html)\n==="),
        ("a  \n[x](other.md)\\\nb", "a  \n[x]({SITE}/other.html)\\\nb"),
        ("ü 😀 [x](other.md) é", "ü 😀 [x]({SITE}/other.html) é"),
        (
            "| a | b |\n|--|--|\n| `x \\| y` \\| z | [l](other.md) |\n| [](other.md) |",
            "| a | b |\n|--|--|\n| `x \\| y` \\| z | [l]({SITE}/other.html) |\n"
            "| [Another page]({SITE}/other.html) |",
        ),
        ("> a | b\n> --|--\n> x | [l](other.md)", "> a | b\n> --|--\n> x | [l]({SITE}/other.html)"),
        (
            ":::{dropdown} [l](other.md)\nB\n:::",
            '<details><summary><a href="{SITE}/other.html">l</a></summary>\n\nB\n\n</details>',
        ),
    ],
)  # fmt: skip
def test_links_lead_to_the_site(plain: Plain, myst: str, expected: str) -> None:
    for name, address in (("SITE", SITE), ("RAW", RAW), ("BLOB", BLOB)):
        expected = expected.replace(f"{{{name}}}", address)
    assert plain.convert(myst) == expected


@pytest.mark.parametrize(
    "text",
    [
        r"The mean is $\mathbb{E}[X](\omega)$.",
        "$$\nf[x](y) = [](z)\n$$",
        "$a\n[b](c)$",
        "> $$\n> [a](b)\n> $$",
        "```{math}\n[a](b)\n```",
        r"\[a\](gone.md)",
        r"[a\](gone.md)",
        "`[a](gone.md)`",
        "``` `[a](gone.md)` ```",
        "`a\n[a](gone.md)`",
        "```\n[a](gone.md)\n```",
        "    [a](gone.md)\n\n\n    [^1] {{ x }}",
        "<!-- [a](gone.md) <img src='x'> -->",
        "a <!-- [a](gone.md) {{ x }} --> b",
        "`$HOME` and `$PATH`",
        r"It costs \$5 and \$6, [no link].",
        "It costs $5.",
        "list[int] and [a, b] and a[0]",
        "`{{ x }}` and `{.a}` and `[^1]` and `<other.md>` and `~a~` and `x^2^`",
        r"\{{ x }} and {a, b} and \~a\~",
        "$\\frac{{a}}{{b}}$ and $x^{2}y^{2}$ and $a~b~c$",
        "$$\n\\begin{aligned}\na\n\\end{aligned}\n$$",
        "about ~5 to 6 and ~7 units",
        "a ~~struck out~~ word",
        '<img src="https://example.org/a.png"> <kbd>x</kbd> <a href="//example.org">x</a>',
    ],
)
def test_what_is_no_link_stays(plain: Plain, text: str) -> None:
    """Brackets in formulas and code are not links, and a single dollar sign is not a formula."""
    expected = (
        text.replace("```{math}", "$$").replace("\n```", "\n$$") if "{math}" in text else text
    )
    assert plain.convert(text) == expected.strip("\n")


@pytest.mark.parametrize(
    ("myst", "line", "message"),
    [
        ("a\n\n[](#nowhere)", 3, "the link to '#nowhere' has no words, and its target"),
        ("[](#my-eq)", 1, "the link to '#my-eq' has no words"),
        ("[](#no-such-label)", 1, "the link to '#no-such-label' has no words"),
        ("[](https://example.org)", 1, "the link to 'https://example.org' has no words"),
        ("[](gone.md)", 1, "the link to 'gone.md' has no words"),
        ("a\n[x]()", 2, "the link '[x]()' has no address"),
        ("[x][a]\n\n[a]: gone.md", 1, "the link points to 'gone.md', which does not exist"),
        ("a\nb [x](<gone it.md>)", 2, "the link points to 'gone it.md', which does not exist"),
        ("<project:gone.md>", 1, "the link points to 'project:gone.md', which does not exist"),
        ("<inv:python#x>", 1, "'inv:python#x' is in another project: write its full address"),
        ("[x](inv:python#x)", 1, "'inv:python#x' is in another project"),
        ("![x](<figures/my dot.svg>)", 1, "the picture 'figures/my dot.svg' does not exist"),
        ("![a {sub}`2`](figures/dot.svg)", 1, "the words of a picture are plain text"),
        ("a\n\n<img src='figures/dot.svg'>", 3, "the tag <img> refers to 'figures/dot.svg'"),
        ("<div>\n\n<p>\n<IMG\nSRC=figures/dot.svg></p>", 4, "the tag <img> refers to"),
        ("a <a href='other.md'>x</a>", 1, "the tag <a> refers to 'other.md', which"),
        ("a <a href='#top'>x</a>", 1, "the tag <a> refers to '#top'"),
        ("<video poster=a.png></video>", 1, "the tag <video> refers to 'a.png'"),
        ("<p style='background: url(\"a.png\")'>", 1, "the tag <p> refers to 'a.png'"),
        ("It costs $5 and $6.", 1, "not every viewer takes '$5 and $' for a formula: write \\$"),
        ("a\n$x$5", 2, "not every viewer takes '$x$' for a formula"),
        ("$5, `$x`", 1, "not every viewer takes '$5, `$' for a formula"),
    ],
)  # fmt: skip
def test_links_that_lead_nowhere_are_refused(
    plain: Plain, myst: str, line: int, message: str
) -> None:
    with pytest.raises(SourceError, match=re.escape(f"book/small.md:{line}: {message}")):
        plain.convert(myst)


# -- syntax that would appear as raw text ---------------------------------------------------------

RAW_TEXT = [
    ("a\n\n{{ name }}", 3, "the substitution '{{ name }}' would appear as raw text: write out"),
    ("a {{ name }} b", 1, "the substitution '{{ name }}'"),
    ("a\n\n{#id .class}\nb", 3, "the attribute list '{#id .class}' would appear as raw text"),
    ("![x](figures/dot.svg){width=50%}", 1, "the attribute list '{width=50%}'"),
    ("[a]{.b}", 1, "the attribute list '{.b}'"),
    ("`a`{.python}", 1, "the attribute list '{.python}'"),
    ("## A {#a}", 1, "the attribute list '{#a}'"),
    ("{a.b}`c`", 1, "the role '{a.b}'"),
    (
        "a[^1]",
        1,
        "the footnote '[^1]' would appear as raw text: define it in a line [^label]: text",
    ),
    ("a^[b]", 1, "the inline footnote '^[b]'"),
    ("see <other.md>", 1, "the address '<other.md>' would appear as raw text: write [](address)"),
    ("see <../a/b.md#c>", 1, "the address '<../a/b.md#c>'"),
    ("see <#top>", 1, "the address '<#top>'"),
    ("see [a][b]", 1, "the reference '[a][b]' would appear as raw text: define its label"),
    ("see [a][]", 1, "the reference '[a][]'"),
    ("\\begin{align*}\na\n\\end{align*}", 1, r"the LaTeX environment '\begin{align*}'"),
    ("a $$b$$ c", 1, "the displayed formula '$$b$$'"),
    ("H~2~O", 1, "the subscript '~2~' would appear as raw text: use the role {sub}"),
    ("x^2^", 1, "the superscript '^2^' would appear as raw text: use the role {sup}"),
    ("Term\n: Text", 2, "the definition ': Text'"),
    ("a\n\n:field: text", 3, "the field ':field:'"),
]


@pytest.mark.parametrize(("myst", "line", "message"), RAW_TEXT)
@pytest.mark.parametrize(
    "inside", ["{}", "> {}", "::::{{note}}\n{}\n::::", "::::{{tip}} T\n{}\n::::"]
)
def test_raw_text_is_refused(plain: Plain, myst: str, line: int, message: str, inside: str) -> None:
    before = inside.partition("{}")[0]
    text = (
        inside.replace("{{", "{")
        .replace("}}", "}")
        .replace("{}", myst.replace("\n", "\n> ") if before == "> " else myst)
    )
    line += before.count("\n")
    with pytest.raises(SourceError, match=re.escape(f"book/small.md:{line}: {message}")):
        plain.convert(text)


def test_each_kind_of_raw_text_is_shown() -> None:
    for name in unrendered_syntax.BY_NAME:
        assert any(message.startswith(name) for _, _, message in RAW_TEXT), name


# -- footnotes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("myst", "expected"),
    [
        (
            "Adam[^1] adapts.\n\n[^1]: By *Kingma* and Ba.\n\nAfter.",
            "Adam<sup>1</sup> adapts.\n\nAfter.\n\n<sup>1</sup> By *Kingma* and Ba.",
        ),
        (
            "a[^b] c[^a] d[^b] e[^1]\n\n[^a]: A\n[^b]: B [](other.md)\n[^1]: One",
            "a<sup>2</sup> c<sup>3</sup> d<sup>2</sup> e<sup>1</sup>\n\n"
            "<sup>2</sup> B [Another page]({SITE}/other.html)\n\n"
            "<sup>3</sup> A\n\n<sup>1</sup> One",
        ),
        (
            "a[^x]\n\n[^x]: One\n    two.\n\n    ```\n    code\n    ```\n",
            "a<sup>1</sup>\n\n<sup>1</sup> One\ntwo.\n\n```\ncode\n```",
        ),
        ("a[^x]\n\n[^x]:\n    - b", "a<sup>1</sup>\n\n<sup>1</sup>\n\n- b"),
        (
            ":::{note}\nIn[^1].\n:::\n\nOut.\n\n[^1]: N",
            "> **Note**\n>\n> In<sup>1</sup>.\n\nOut.\n\n<sup>1</sup> N",
        ),
        (
            ":::{dropdown} T[^b]\nIn[^a].\n\n[^a]: A\n:::\n\n[^b]: B",
            "<details><summary>T<sup>1</sup></summary>\n\nIn<sup>2</sup>.\n\n</details>\n\n"
            "<sup>1</sup> B\n\n<sup>2</sup> A",
        ),
        ("| a[^1] |\n|--|\n\n[^1]: N", "| a<sup>1</sup> |\n|--|\n\n<sup>1</sup> N"),
    ],
)
def test_footnotes_follow_the_cell(plain: Plain, myst: str, expected: str) -> None:
    assert plain.convert(myst) == expected.replace("{SITE}", SITE)


@pytest.mark.parametrize(
    ("myst", "line", "message"),
    [
        ("a\n\n[^1]: b", 3, "the footnote [^1] is defined and nothing refers to it"),
        (
            "a[^1]\n\n[^1]: b[^2]\n\n[^2]: c",
            3,
            "the footnote [^1] refers to another footnote, [^2]",
        ),
        ("> a[^1]\n>\n> [^1]: c", 3, "the footnote [^1] is defined inside a list or a quotation"),
        ("- a[^1]\n- [^1]: c", 2, "the footnote [^1] is defined inside a list or a quotation"),
    ],
)
def test_footnotes_that_cannot_be_shown_are_refused(
    plain: Plain, myst: str, line: int, message: str
) -> None:
    with pytest.raises(SourceError, match=re.escape(f"book/small.md:{line}: {message}")):
        plain.convert(myst)


CELLS = """
# Cells

One[^a] and [a page][page].

```{code-cell} ipython3
x = 1
```

Two[^b], again[^a].

[^a]: A
[^b]: B

[page]: other.md
"""


def test_definitions_hold_for_all_cells(book: Book) -> None:
    """On the site they hold for the page; a viewer of notebooks renders each cell alone."""
    book.write(CELLS)
    notebook = build(
        read_chapter(book.source, "book/small.md"), book.project.frameworks[0], book.project
    )
    title, first, second, _ = (
        cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    )
    assert title == "# Cells"
    assert first == (f"One<sup>1</sup> and [a page]({SITE}/other.html).\n\n<sup>1</sup> A")
    assert second == ("Two<sup>2</sup>, again<sup>1</sup>.\n\n<sup>2</sup> B\n\n<sup>1</sup> A")


# -- the site -------------------------------------------------------------------------------------

SHOWN = """
# Shown

[](#top), [](other.md), [](#far-away), [](#set_up), [](#fig-dot), [](#fig-other),
<project:other.md>, [](#here), [](#shown-twice), [one][r], [](figures/dot.svg),
[](other.md#the-net-class---more).

One[^b], two[^2], three[^a], four[^b].

(here)=
## Here `code` and *more*

### Shown twice

Text.

[r]: other.md
[^a]: A
[^b]: B
[^2]: C
"""


@pytest.mark.slow
def test_the_notebook_says_what_the_site_says(run_book: Book) -> None:
    """The words of links without words, and the numbers of footnotes."""
    pages = run_book.root / "book"
    (pages / "other.md").write_text(OTHER.replace("\n\n(my-eq)", ""), "utf8")
    (pages / "shown.md").write_text(SHOWN, "utf8")
    run_book.edit("- file: book/other\n", "- file: book/other\n- file: book/shown\n", "_toc.yml")
    status, printed = build_site(run_book)
    assert status == 0, printed
    html = (run_book.root / "_build" / "html" / "book" / "shown.html").read_text("utf8")
    page = BeautifulSoup(html, "html.parser").select_one("article section")
    text = Plain(run_book.project, pages / "shown.md").convert(SHOWN)

    links = page.select("p > a.reference")
    words = [re.sub("[`$]", "", link) for link in re.findall(r"\[([^]]+)\]\(", text)]
    assert words == [link.get_text() for link in links] and len(words) == 12
    addresses = re.findall(r"\]\(([^)]+)\)", text)
    for address, link in zip(addresses, links, strict=True):
        if "download" not in link["class"]:
            assert address == urljoin(f"{SITE}/shown.html", link["href"])

    numbers = [note.get_text().strip("[]") for note in page.select("a.footnote-reference")]
    listed = [note.get_text().strip("[]") for note in page.select("aside.footnote > .label")]
    assert re.findall(r"<sup>(\d)</sup>", text) == numbers + listed
    assert numbers == ["1", "2", "3", "1"]


# -- whole notebooks ------------------------------------------------------------------------------


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
