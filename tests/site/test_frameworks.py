"""The choice of framework: it holds, shows at once, and is made by tab, keyboard or address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from left_out import EXAMPLE, PROJECT
from site_tools import Site, Visit

Open = Callable[..., Visit]
NAMES = {framework.key: framework.title for framework in PROJECT.frameworks}
both = pytest.mark.frameworks("pytorch", "tensorflow")


@pytest.fixture
def chapter() -> str:
    return f"book/{EXAMPLE}.html"


def chosen(visit: Visit) -> str:
    return visit.evaluate("document.querySelector('input[name=framework]:checked').value")


def choose(visit: Visit, framework: str) -> None:
    visit.page.get_by_role("radio", name=NAMES[framework]).first.check(force=True)


@both
def test_a_tab_changes_the_page_and_the_choice_stays(visit: Open, chapter: str) -> None:
    reader = visit(chapter)
    reader.page.locator(".editions label[data-sync-id=tensorflow]:visible").nth(2).click()
    assert reader.shown() == {"tensorflow"}
    assert chosen(reader) == "tensorflow"
    assert "framework=tensorflow" in reader.page.url
    reader.page.reload()
    assert reader.shown() == {"tensorflow"}
    reader.go("book/index.html")
    assert chosen(reader) == "tensorflow"
    reader.go(chapter)
    assert reader.shown() == {"tensorflow"}


@both
def test_the_switch_in_the_header_changes_the_page(visit: Open, chapter: str) -> None:
    reader = visit(chapter, width=360)
    choose(reader, "tensorflow")
    assert reader.shown() == {"tensorflow"}
    choose(reader, "pytorch")
    assert reader.shown() == {"pytorch"}
    assert "framework=pytorch" in reader.page.url


@both
def test_a_link_opens_the_framework_it_names(visit: Open, chapter: str) -> None:
    assert visit(f"{chapter}?framework=tensorflow").shown() == {"tensorflow"}
    assert visit(f"{chapter}?framework=nonsense").shown() == {"pytorch"}
    assert visit(f"{chapter}?framework=tensorflow#100%").shown() == {"tensorflow"}


@both
def test_the_address_keeps_its_anchor(visit: Open, chapter: str) -> None:
    reader = visit(f"{chapter}#summary")
    choose(reader, "tensorflow")
    assert reader.page.url.endswith(f"{chapter}?framework=tensorflow#summary")


@both
def test_going_back_keeps_the_newer_choice(visit: Open, chapter: str) -> None:
    reader = visit(f"{chapter}?framework=pytorch")
    reader.go("book/index.html")
    choose(reader, "tensorflow")
    reader.page.go_back()
    reader.page.wait_for_load_state()
    assert reader.shown() == {"tensorflow"}


@both
def test_coming_back_after_the_choice_was_forgotten(visit: Open, chapter: str) -> None:
    for forgotten in ("localStorage.clear()", "localStorage[key] = 'another'"):
        reader = visit(f"{chapter}?framework=tensorflow")
        reader.evaluate(
            f"""() => {{
              const key = 'sphinx-design-tab-id-framework';
              {forgotten};
              dispatchEvent(new PageTransitionEvent('pageshow', {{ persisted: true }}));
            }}"""
        )
        assert reader.shown() == {"tensorflow"}


@both
def test_by_keyboard(visit: Open, chapter: str) -> None:
    reader = visit(chapter)
    keyboard = reader.page.keyboard
    for selector in ("input[name=framework]:checked", ".editions > input:checked"):
        reader.page.locator(selector).first.focus()
        keyboard.press("ArrowRight")
        assert reader.shown() == {"tensorflow"}, selector
        outline = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
        assert reader.evaluate(outline) == "solid", selector
        keyboard.press("ArrowLeft")
        assert reader.shown() == {"pytorch"}, selector
    fold = reader.page.locator("details.fold-output:visible > summary").first
    fold.focus()
    keyboard.press("Enter")
    assert fold.evaluate("summary => summary.parentElement.open")


@both
@pytest.mark.parametrize("blocked", [True, False])
def test_no_flash_of_the_other_tab(visit: Open, chapter: str, blocked: bool) -> None:
    """With every script file withheld, the head and the styles alone show the right panels."""
    reader = visit()
    if blocked:
        reader.withhold_scripts()
    reader.page.goto(reader.base + chapter + "?framework=tensorflow", wait_until="domcontentloaded")
    assert reader.shown() == {"tensorflow"}
    selected = """() => {
      const [one, two] = document.querySelectorAll('.editions:not(.alone) > label');
      return [one, two].map((label) => getComputedStyle(label).borderBottomColor);
    }"""
    one, two = reader.evaluate(selected)
    assert one == "rgba(0, 0, 0, 0)" and two != one


@both
def test_without_scripts(visit: Open, chapter: str) -> None:
    reader = visit(chapter, scripts=False)
    assert not reader.page.locator(".framework-switch").is_visible()
    assert reader.page.locator(".stamp:visible").count() == 2
    tabs = reader.page.locator(".editions:not(.alone)").first
    assert tabs.locator("> .for-pytorch").is_visible()
    assert not tabs.locator("> .for-tensorflow").is_visible()
    tabs.locator("> label").nth(1).click()
    assert tabs.locator("> .for-tensorflow").is_visible()
    assert not tabs.locator("> .for-pytorch").is_visible()


@both
@pytest.mark.chapters("blocks")
def test_from_files(visit: Open, chapter: str) -> None:
    reader = visit(chapter, local=True)
    choose(reader, "tensorflow")
    assert reader.shown() == {"tensorflow"}
    reader.page.locator("nav a", has_text="References").first.click()
    reader.page.wait_for_url("**/references.html*")
    assert chosen(reader) == "tensorflow"
    reader.page.locator("nav a", has_text="Layers").first.click()
    reader.page.wait_for_url("**/blocks.html*")
    assert reader.shown() == {"tensorflow"}


@both
@pytest.mark.parametrize("local", [False, True])
def test_where_the_browser_keeps_nothing_the_links_carry_the_choice(
    visit: Open, chapter: str, local: bool
) -> None:
    reader = visit(local=local)
    reader.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('kept out'); } })"
    )
    reader.go(chapter)
    choose(reader, "tensorflow")
    reader.page.locator("nav a", has_text="References").first.click()
    reader.page.wait_for_url("**/references.html*")
    assert chosen(reader) == "tensorflow"
    dark = "document.documentElement.dataset.theme === 'dark'"
    assert not reader.evaluate(dark)
    reader.page.locator(".theme-switch-button").click()
    assert reader.evaluate(dark)
    reader.page.keyboard.press("Control+k")
    reader.page.locator("#pst-search-dialog input").fill("gradient")
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/search.html*")
    reader.page.locator("#search-results li a").first.wait_for()
    assert all("kept out" in complaint for complaint in reader.complaints)  # the theme's head
    reader.complaints.clear()


@both
def test_what_one_reads_stays_in_place(visit: Open, chapter: str) -> None:
    reader = visit(chapter)
    labels = ".editions:not(.alone) > label[data-sync-id=tensorflow]:visible"  # not in a fold
    label = reader.page.locator(labels).nth(9)
    label.scroll_into_view_if_needed()
    before = label.bounding_box()["y"]
    label.click()
    assert abs(label.bounding_box()["y"] - before) < 2


@both
def test_side_by_side(visit: Open, chapter: str) -> None:
    reader = visit(chapter, width=1600)
    switch = reader.page.locator(".side-switch")
    switch.click()
    assert switch.get_attribute("aria-pressed") == "true"
    reader.page.reload()  # remembered
    assert switch.get_attribute("aria-pressed") == "true"
    assert reader.shown() == {"pytorch", "tensorflow"}
    pairs = reader.evaluate(
        """() => [...document.querySelectorAll('.editions:not(.alone)')].flatMap((set) => {
          const [left, right] = ['pytorch', 'tensorflow'].map((name) =>
            [...set.querySelector('.for-' + name).children].map((e) => e.getBoundingClientRect()));
          return left.map((box, i) => [box, right[i]].filter((b) => b?.height)
            .map((b) => [b.left, b.top]));
        }).filter((pair) => pair.length === 2)"""
    )
    assert len(pairs) > 5
    for (left, top), (right, other) in pairs:
        assert left + 300 < right and abs(top - other) < 1
    claims = reader.evaluate(
        """() => [...document.querySelectorAll('.editions:not(.alone)')].map((set) =>
        ['pytorch', 'tensorflow'].map((name) => [...set.querySelector('.for-' + name).children]
          .map((e) => (e.matches('.gap') ? '' : e.matches('.tag_claim') ? 'claim' : 'cell'))))"""
    )
    assert any("" in left + right for left, right in claims)
    for left, right in claims:  # a claim faces a claim, or a gap
        assert len(left) == len(right)
        assert all(
            one == other or not one or not other for one, other in zip(left, right, strict=True)
        )
    assert reader.page.locator(".stamp:visible").count() == 2
    reader.page.set_viewport_size({"width": 1100, "height": 800})
    assert reader.shown() == {"pytorch"}


def test_a_search_quotes_what_a_page_says(visit: Open, site: Site) -> None:
    """And neither its buttons nor what screen readers hear of its formulas."""
    reader = visit("search.html?q=gradient")
    quotes = reader.page.locator("#search-results .context")
    some = min(9, len(site.chapters()) - 2)
    reader.page.wait_for_function(
        f"document.querySelectorAll('#search-results .context').length > {some}"
    )
    quoted = " ".join(quotes.all_inner_texts())
    assert "View source" not in quoted and "\\" not in quoted


@both
@pytest.mark.chapters("blocks")
def test_a_search_opens_the_tab_that_holds_the_word(visit: Open, site: Site) -> None:
    """`GradientTape` stands in TensorFlow's cells alone."""
    assert "GradientTape" in site.text("book/blocks.html")
    for word, shown in (("GradientTape", "tensorflow"), ("Sequential", "pytorch")):
        reader = visit(f"search.html?q={word}")
        reader.page.locator("#search-results li a[href*='/blocks.html']").first.click()
        reader.page.wait_for_url("**/book/blocks.html*")
        reader.page.locator("article .highlighted").first.wait_for(state="attached")
        reader.page.wait_for_timeout(100)
        assert reader.shown() == {shown}, word


@both
@pytest.mark.chapters("blocks")
def test_what_one_framework_has_is_for_its_readers(visit: Open, site: Site) -> None:
    """Side by side, everything is shown."""
    page = "book/blocks.html"
    assert "not-for-pytorch" in site.text(page) and "not-for-tensorflow" in site.text(page)
    seen = """(name) => [...document.querySelectorAll('.not-for-' + name)]
        .filter((set) => set.offsetHeight).length"""
    unfold = "document.querySelectorAll('details').forEach((one) => (one.open = true))"
    for shown, hidden in (("pytorch", "tensorflow"), ("tensorflow", "pytorch")):
        reader = visit(f"{page}?framework={shown}")
        reader.evaluate(unfold)
        # What is not for its readers is hidden, and what is not for the others' is not.
        assert reader.page.evaluate(seen, shown) == 0 < reader.page.evaluate(seen, hidden)
    reader = visit(page, width=1600)
    reader.page.locator(".side-switch").click()
    reader.evaluate(unfold)
    assert reader.page.evaluate(seen, "pytorch") and reader.page.evaluate(seen, "tensorflow")
