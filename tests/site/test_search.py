"""Search leads to sections, and to what is in folds; it is loaded where it is used."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from left_out import EXAMPLE
from site_tools import Site, Visit

Open = Callable[..., Visit]
RESULTS = "#search-results li"


def search(reader: Visit, query: str, framework: str = "pytorch") -> list[dict[str, str]]:
    """The hits: title, page, framework label, quotation and address."""
    address = f"search.html?framework={framework}&q="
    reader.go(address + reader.evaluate("encodeURIComponent", query))
    reader.page.wait_for_function("document.querySelector('#search-progress').textContent")
    return reader.evaluate(
        """() => [...document.querySelectorAll('#search-results li')].map((one) => ({
          title: one.querySelector('a').textContent,
          page: one.querySelector('.search-page')?.textContent ?? '',
          framework: one.querySelector('.search-framework')?.textContent ?? '',
          quote: one.querySelector('.context').textContent,
          marked: one.querySelector('.context mark')?.textContent.toLowerCase() ?? '',
          address: one.querySelector('a').href }))"""
    )


@pytest.fixture
def reader(visit: Open) -> Visit:
    reader = visit("search.html?q=gradient")
    reader.page.locator(RESULTS).first.wait_for()
    return reader


def test_nothing_of_it_is_loaded_before(visit: Open) -> None:
    opened = visit(f"book/{EXAMPLE}.html")
    opened.page.wait_for_load_state("networkidle")
    assert not [one for one in opened.requests if "search" in one]
    opened.go("search.html")  # nothing is searched for
    opened.page.wait_for_load_state("networkidle")
    assert not [one for one in opened.requests if "sections" in one or "minisearch" in one]


@pytest.mark.chapters("initialization")
def test_both_spellings_are_found(reader: Visit) -> None:
    american = search(reader, "initialization")
    british = search(reader, "initialisation")
    assert american[0]["title"] == british[0]["title"] == "Initialization"
    assert len(american) == len(british)
    optimizers = [one["marked"] for one in search(reader, "optimiser")]
    assert any(one.startswith("optimizer") for one in optimizers)


@pytest.mark.frameworks("pytorch")
@pytest.mark.chapters("parameters", "graphs")
@pytest.mark.parametrize("name", ["named_parameters", "torch.compile"])
def test_names_of_code_are_found_whole(reader: Visit, name: str) -> None:
    found = search(reader, name)
    assert len(found) > 2
    quoted = [one for one in found if one["marked"]]
    assert quoted and all(one["marked"].startswith(name) for one in quoted)
    assert all("#" in one["address"] for one in found[:3])  # sections


@pytest.mark.chapters("parameters")
def test_a_section_that_is_about_it_comes_first(reader: Visit) -> None:
    title = reader.evaluate("searched.sections.filter((s) => s.anchor && s.text).at(20).title")
    found = search(reader, title)
    assert found[0]["title"] == title


def test_a_phrase_is_found_as_it_is(reader: Visit) -> None:
    text = reader.evaluate(
        "searched.sections.filter((one) => one.anchor && one.text?.length > 400).at(9).text"
    )
    phrase = " ".join(text.split()[4:9]).replace('"', "")
    found = search(reader, f'"{phrase}"')
    assert found and all(phrase.lower() in one["quote"].lower() for one in found)
    backwards = " ".join(reversed(phrase.split()))
    assert search(reader, f'"{backwards}"') == []


def test_what_nobody_wrote_is_not_found(reader: Visit) -> None:
    assert search(reader, "zzyzx") == []


ABOUT = {  # the section that a query should find, and its chapter
    "freeze a layer": ("Train a part", "parameters"),
    "how do i freeze a layer": ("Train a part", "parameters"),
    "train only a part": ("Train a part", "parameters"),
    "nn.ModuleList": ("Sequential from scratch", "blocks"),
    "skip connection": ("A block that Sequential cannot express", "blocks"),
    "save a checkpoint": ("Stopping and resuming", "file-io"),
}


@pytest.mark.frameworks("pytorch", "tensorflow")
@pytest.mark.chapters(*sorted({chapter for _, chapter in ABOUT.values()}))
@pytest.mark.parametrize("query", ABOUT)
@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_the_section_that_is_about_it_is_among_the_first_two(
    reader: Visit, query: str, framework: str
) -> None:
    title, chapter = ABOUT[query]
    first = search(reader, query, framework)[:2]
    found = [(one["title"], f"/{chapter}.html" in one["address"]) for one in first]
    assert (title, True) in found


@pytest.mark.chapters("parameters")
def test_the_example_in_the_box_finds_its_section_first(reader: Visit) -> None:
    example = reader.page.locator(".bd-search-container input").get_attribute("placeholder")
    query = example.partition("\u201c")[2].partition("\u201d")[0]
    assert query and search(reader, query)[0]["title"] == "Train a part"


@pytest.mark.frameworks("pytorch", "tensorflow")
@pytest.mark.chapters("autograd")
def test_the_other_framework_is_labelled(reader: Visit) -> None:
    for framework, label in (("pytorch", "TensorFlow"), ("tensorflow", "")):
        found = search(reader, "GradientTape", framework)
        assert found and {one["framework"] for one in found[:3]} == {label}
    reader.go(search(reader, "GradientTape")[0]["address"].removeprefix(reader.base))
    assert reader.evaluate("document.documentElement.dataset.framework") == "tensorflow"


def test_a_fold_opens_around_what_was_found(visit: Open, site: Site) -> None:
    """A claim, of which no other text of its section has the name."""
    reader = visit(f"book/{EXAMPLE}.html")
    section, word = reader.evaluate(
        """() => {
          for (const fold of document.querySelectorAll('details.fold-claim')) {
            const section = fold.closest('section');
            const hidden = (one) => one.closest('[data-answers], .quiz');
            if (hidden(fold) || !fold.offsetHeight) continue;
            const rest = section.textContent.replace(fold.textContent, '');
            const word = fold.textContent.match(/[a-z_]{6,}/gi).find((one) => !rest.includes(one));
            if (word) return [section.id, word];
          }
        }"""
    )
    reader.go(f"book/{EXAMPLE}.html?highlight={word}#{section}")
    reader.page.locator(f"details.fold-claim[open] .highlighted >> text={word}").first.wait_for()
    assert reader.page.locator(".fold-output[open]").count() == 0


@pytest.mark.chapters("blocks")
def test_an_aside_opens_around_what_was_found(reader: Visit, site: Site) -> None:
    """A word of an aside's prose, of which no other text of its section has the beginning."""
    reader.go("book/blocks.html")
    assert reader.page.locator("details.aside[open]").count() == 0
    words = reader.evaluate(
        """() => [...document.querySelectorAll('details.aside')].flatMap((aside) => {
          const section = aside.closest('section');
          const others = section.textContent.replace(aside.textContent, '').toLowerCase();
          const title = section.querySelector('h1, h2, h3').firstChild.textContent;
          return [...aside.querySelectorAll(':scope > p')]
            .flatMap((one) => one.textContent.toLowerCase().match(/\\b[a-z]{7,}\\b/g) ?? [])
            .filter((word) => !others.includes(word.slice(0, 5)))
            .map((word) => [title, word]);
        })"""
    )
    search(reader, "aside")
    title, word = reader.evaluate(  # the rarest word
        """(words) => {
          const texts = searched.sections.map((one) => JSON.stringify(one).toLowerCase());
          const count = ([, word]) => texts.filter((text) => text.includes(word)).length;
          return words.sort((one, other) => count(one) - count(other))[0];
        }""",
        words,
    )
    (first, *_) = (one for one in search(reader, word) if one["title"] == title)
    reader.go(first["address"].removeprefix(reader.base))
    marked = reader.page.locator("details.aside[open] .highlighted").first
    marked.wait_for()
    assert marked.inner_text().lower().startswith(word[:5])


def test_answers_to_questions_are_found_and_not_quoted(reader: Visit) -> None:
    word = reader.evaluate(
        """() => {
          const all = searched.sections;
          const rest = (one) => JSON.stringify({ ...one, answer: '', answer_pytorch: '' });
          const visible = all.map(rest).join(' ').toLowerCase();
          const answers = all.map((one) => one.answer ?? '').join(' ').toLowerCase();
          return answers.match(/[a-z]{8,}/g).find((one) => !visible.includes(one.slice(0, 5)));
        }"""
    )
    found = search(reader, word)
    assert found and all("answer to a question" in one["quote"] for one in found)


def test_search_works_in_files(visit: Open) -> None:
    reader = visit("book/index.html", local=True)
    assert search(reader, "gradient")


def test_typing_in_a_page_leads_to_the_results(visit: Open) -> None:
    reader = visit(f"book/{EXAMPLE}.html", width=360)
    reader.page.keyboard.press("Control+k")
    reader.page.locator("#pst-search-dialog input").fill("gradient")
    reader.page.keyboard.press("Enter")
    reader.page.locator(RESULTS).first.wait_for()
    reader.page.locator(f"{RESULTS} a").nth(3).click()
    reader.page.wait_for_url("**/book/**")
