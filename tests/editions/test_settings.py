"""`_config.yml`, `_toc.yml` and the pages they name: mistakes are named, with what is allowed."""

from __future__ import annotations

import pytest
from editions.base.errors import EditionsError
from editions.command_line import main
from small_book import HEAD, Book

CONFIG, TOC, PAGE = "_config.yml", "_toc.yml", "book/small.md"
URL = "https://github.com/d2lcompute/d2lcompute"
ONE = "- file: book/small\n"
FRAMEWORKS = "[pytorch, tensorflow] #"


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (CONFIG, "title: Deep", "title: [Deep", "_config.yml:5: this is not YAML"),
        (CONFIG, f"  url: {URL}\n", "", "repository.url is missing"),
        (CONFIG, "sphinx:\n", "sphinx: x\nother:\n", "sphinx is 'x'; expected settings"),
        (CONFIG, FRAMEWORKS, "pytorch #", "editions_frameworks is pytorch; allowed are one or"),
        (CONFIG, FRAMEWORKS, "#", "editions_frameworks is None; allowed are one or more of"),
        (CONFIG, FRAMEWORKS, "[pytorch, pytorch] #", "is ['pytorch', 'pytorch']; allowed are"),
        (CONFIG, URL, "https://gitlab.com/a/b", "html.baseurl is missing; expected the address"),
        (CONFIG, "html:\n", "html:\n  baseurl: me.org\n", "html.baseurl is me.org; expected the"),
        (CONFIG, "exclude_patterns: [", "exclude_patterns: x\nx: [", "exclude_patterns is 'x'; "),
        (TOC, "chapters:", "chapters: [", "_toc.yml:4: this is not YAML"),
        (TOC, "chapters:", "chapterz:", "_toc.yml: Unknown keys found: {'chapterz'}, allowed"),
        (TOC, "root: book/index\n", "", "_toc.yml: 'root' key not found"),
        (TOC, ONE, ONE + ONE, "_toc.yml: document file used multiple times: 'book/small'"),
        (TOC, "book/small", "book/smal", "_toc.yml lists book/smal, and there is no file"),
        (TOC, "file: book/small", "glob: book/smal", "_toc.yml: glob: book/smal matches no page"),
        (TOC, "file: book/small", "glob: book/*.md", "_toc.yml: glob: book/*.md matches no page"),
        (CONFIG, '"tests",', '"tests", "book/sm*",', "_toc.yml lists book/small, and exclude_patt"),
        (PAGE, HEAD, "", f"{PAGE}:20: a code cell on a page that does not begin with the front"),
        (PAGE, "jupytext:", "jupytext: [", f"{PAGE}:4: the front matter is not YAML"),
        (PAGE, "name: python3\n---", "name: python3", f"{PAGE}:1: the front matter is not ended"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(
    book: Book, capsys: pytest.CaptureFixture[str], path: str, old: str, new: str, message: str
) -> None:
    book.edit(old, new, path)
    for command in ("check", "book"):  # before anything is built
        assert main([command, "--project", str(book.root)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ") and message in said
        assert "the book was not built" not in said


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (CONFIG, "hello", "_config.yml: expected settings such as title: ..., got 'hello'"),
        (TOC, "", "_toc.yml: toc is not a mapping"),
        (PAGE, "", "book/small.md: the page is empty"),
        (TOC, "format: jb-book\nroot: book/other\n", "no chapter to run: _toc.yml lists none"),
    ],
)
def test_a_file_without_usable_contents_is_named(
    book: Book, capsys: pytest.CaptureFixture[str], path: str, text: str, message: str
) -> None:
    (book.root / path).write_text(text, "utf8")
    assert main(["notebooks", "--project", str(book.root)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "repository", "site"),
    [
        ("https://github.com/A/B/", "https://github.com/A/B", "https://a.github.io/B/"),
        ("https://github.com/a/b.git", "https://github.com/a/b", "https://a.github.io/b/"),
        ("http://www.GitHub.com/a/b", "https://github.com/a/b", "https://a.github.io/b/"),
        ("git@github.com:a/b.git", "https://github.com/a/b", "https://a.github.io/b/"),
        ("ssh://git@github.com/a/b", "https://github.com/a/b", "https://a.github.io/b/"),
        ("https://github.com/A/a.github.io", "https://github.com/A/a.github.io",
         "https://a.github.io/"),
    ],
)  # fmt: skip
def test_an_address_may_be_written_in_many_ways(
    book: Book, given: str, repository: str, site: str
) -> None:
    book.edit(URL, given, CONFIG)
    project = book.project
    assert (project.repository, project.site) == (repository, site)
    (colab,) = project.launch_buttons(book.source)
    assert colab.address.startswith("https://colab.research.google.com/")
    book.edit("html:\n", "html:\n  baseurl:\n", CONFIG)  # empty: as if it were not there
    assert book.project.site == site


@pytest.mark.parametrize(
    "given",
    ["github.com/a/b", "a book", "https://github.com/a", f"{URL}/tree/main", "ftp://a.org/b",
     "https://me:secret@github.com/a/b"],
)  # fmt: skip
def test_another_form_of_address_is_refused(book: Book, given: str) -> None:
    book.edit(URL, given, CONFIG)
    with pytest.raises(EditionsError, match="expected the address at which a browser shows the"):
        _ = book.project.site
