"""The source format: what is read, and what is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from editions.base.errors import EditionsError, SourceError
from editions.base.files import read_text
from editions.source.chapter import cell_ids, parse_chapter
from editions.source.claims import claim_problems
from small_book import HEAD


def parse(body: str):
    return parse_chapter(HEAD + body, "small", "book/small.md")


def code(body: str, *options: str) -> str:
    return "\n".join(["```{code-cell} ipython3", *options, body, "```", ""])


def test_cells_know_their_framework_and_line() -> None:
    chapter = parse("# Title\n\n" + code("x = 1", ":tags: [pytorch]") + "\n" + code("y = 2"))
    title, first, second = chapter.cells
    assert chapter.title == "Title"
    assert (title.line, first.line, second.line) == (11, 15, 19)
    assert (first.framework, second.framework) == ("pytorch", None)
    assert [cell.source for cell in chapter.edition("tensorflow")] == ["# Title", "y = 2"]


def test_ids_are_names_or_digests_and_stay_when_other_cells_change() -> None:
    before = parse("# A\n\n" + code("x = 1", ":name: one") + code("y = 2") + code("y = 2"))
    after = parse("# B\n\nmore\n\n" + code("x = 5", ":name: one") + code("y = 2") + code("y = 2"))
    old, new = cell_ids(list(before.cells)), cell_ids(list(after.cells))
    assert old[1:] == new[1:]
    assert old[1] == "one"
    assert len(set(old)) == len(old)


def test_jupytext_opens_a_chapter_as_a_notebook() -> None:
    jupytext = pytest.importorskip("jupytext")
    notebook = jupytext.reads(HEAD + "# A\n\n" + code("x = 1", ":tags: [pytorch]"), fmt="md:myst")
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code"]
    assert notebook.cells[1].metadata["tags"] == ["pytorch"]


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        (code("x", ":tags: [torch]"), 13, "unknown tag"),
        (code("x", ":tags: [pytorch, tensorflow]"), 13, "one framework or to all"),
        (code("x", ":tag: [pytorch]"), 13, "unknown cell option"),
        (code("x", ":name: Bad name"), 13, "lower-case letters"),
        (code("x", ":name: a") + code("y", ":name: a"), 17, "used already, on line 13"),
        (code("assert x", ":tags: [claim]"), 13, "begins with the comment"),
        (code(""), 12, "empty"),
        (code("# NBVAL_SKIP\nx"), 12, "nbval's comments"),
        (code("x", ":tags: [nbval-ignore-output]"), 13, "no claim follows"),
        ('+++ {"tags": ["pytorch"]}\n\n## Heading\n', 13, "a heading cannot belong"),
        ('+++ {"tags": ["claim"]}\n\nText\n', 13, "Markdown takes a framework's tag only"),
        ("```{raw-cell}\nx\n```\n", 11, "raw cells"),
        ("```{code-cell} ipython3\nx = 1\n\nText\n", 11, "not ended: a line ``` is missing"),
        ("```{code-cell} ipython3\nx = 1\n\n" + code("y"), 11, "not ended: a line ``` is missing"),
        ("Text\n\n\t```{code-cell} ipython3\n\tx\n\t```\n", 13, "at the start of its line"),
        (code("x", ":tags: [claim"), 11, "Invalid options format .bad YAML.$"),
    ],
)
def test_broken_rules_name_file_and_line(body: str, line: int, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        parse(body)
    assert str(caught.value).startswith(f"book/small.md:{line}:")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "# A\n\nGrüße\n".encode("latin1"),
            "a.md:3: byte 0xfc is not UTF-8: save the file as UTF-8",
        ),
        (b"# A\n\0\n", "a.md:2: unexpected zero byte: save the file as UTF-8"),
        (None, "a.md: there is no such file"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "a.md").write_bytes(data)
    with pytest.raises(EditionsError, match=message):
        read_text(tmp_path / "a.md", "a.md")


def test_any_editor_will_do(tmp_path: Path) -> None:
    """A byte order mark and other ends of lines are not part of the text."""
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf# A\r\n\r\nB\rC\n")
    assert read_text(tmp_path / "a.md", "a.md") == "# A\n\nB\nC\n"


def test_same_name_in_two_editions_is_allowed() -> None:
    parse(code("x", ":name: a", ":tags: [pytorch]") + code("y", ":name: a", ":tags: [tensorflow]"))
    with pytest.raises(SourceError, match="used already"):
        parse(code("x", ":name: a") + code("y", ":name: a", ":tags: [tensorflow]"))


def test_an_uncompared_output_needs_a_claim_in_its_own_edition() -> None:
    noisy = code("x = 1", ":tags: [pytorch, nbval-ignore-output]")
    claim = code("# Checked: so\nassert x", ":tags: [%s, claim]")
    parse(noisy + claim % "pytorch")
    with pytest.raises(SourceError, match="no claim follows in the pytorch edition"):
        parse(noisy + claim % "tensorflow")


@pytest.mark.parametrize(
    "claim",
    [
        "assert total == 3",
        "twice = 2 * total\nassert twice == 6",
        "for one in numbers:\n    assert one > 0",
        "with open(path) as file:\n    assert file.read()",
        "try:\n    f(total)\nexcept ValueError:\n    pass\nassert total",
        "assert all(n > 0 for n in numbers)",
        "def half(x):\n    return total / 2\nassert half(1)",
        "assert Model().size == 3",
        "(a, b), c = numbers, 1\nassert a < b",
    ],
)
def test_claims_that_look_at_the_page(claim: str) -> None:
    assert problems(claim) == []


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("total", "no assert"),
        ("print(total == 3)", "no assert"),
        ("assert True", "depends on nothing"),
        ("assert 1 + 1 == 2", "depends on nothing"),
        ("x = 3\nassert x == 3", "depends on nothing"),
        ("total = 3\nassert total == 3", "depends on nothing"),
        ("assert math.pi > 3", "depends on nothing"),
        ("import math\nassert math.pi > 3", "depends on nothing"),
        ("assert later == 3", "depends on nothing"),
        ("if False:\n    assert total == 3", "no assert"),
        ("def f():\n    assert total == 3", "no assert"),
        ("assert total == total", "can never fail"),
        ("assert total == 5 or True", "can never fail"),
        ("assert (total == 5, 'message')", "can never fail"),
        ("assert total == 3\nassert 2 > 1", "depends on nothing"),
    ],
)
def test_claims_that_prove_nothing(claim: str, why: str) -> None:
    found = problems(claim)
    assert len(found) == 1
    assert why in found[0]


def problems(claim: str) -> list[str]:
    above = "import math\n\nclass Model: pass\n\ndef f(x): pass\n\npath = 'x'\n"
    chapter = parse(
        code(above + "numbers = [1, 2]\ntotal = sum(numbers)")
        + code("# Checked: so\n" + claim, ":tags: [claim]")
        + code("later = 3")
    )
    return [message for _, message in claim_problems(chapter.cells)]
