"""Figures that move, in the browser: by mouse and keyboard, and as pictures where they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from left_out import CHOSEN
from playwright.sync_api import Locator, expect
from site_tools import Site, Visit
from test_pages import LOOKS, too_wide

Open = Callable[..., Visit]
pytestmark = pytest.mark.chapters(
    "autograd",
    "blocks",
    "control-flow",
    "deferred-initialization",
    "file-io",
    "initialization",
    "multi-gpu",
    "performance",
    "sharding",
)
STATIC = "figure:has([data-figure]) > img"


def figures(site: Site) -> dict[str, str]:
    """The pages of the figures that move, by the figures' names."""
    return {
        name: page
        for page in site.chapters()
        for name in re.findall(r'data-figure="([^"]+)"', site.text(page))
    }


def moved(reader: Visit, name: str) -> Locator:
    """The figure called `name`, once it is there."""
    figure = reader.page.locator(f'figure:has([data-figure="{name}"])')
    figure.scroll_into_view_if_needed()
    figure.locator("svg").wait_for()
    return figure


@pytest.fixture(scope="module")
def places(site: Site) -> Iterator[dict[str, str]]:
    found = figures(site)
    assert set(found) == {
        "autograd-backward",
        "blocks-plus-sign",
        "control-flow-finished",
        "deferred-initialization-first-call",
        "file-io-interval",
        "initialization-depth",
        "multi-gpu-ring-steps",
        "performance-ceilings",
        "sharding-pipeline",
    }
    yield found


def test_a_figure_is_loaded_when_it_comes_near(
    visit: Open, site: Site, places: dict[str, str]
) -> None:
    for name, page in places.items():
        reader = visit(page)
        reader.page.wait_for_load_state("networkidle")
        assert not [url for url in reader.requests if "/_static/figures/" in url], name
        site.sent.clear()
        figure = moved(reader, name)
        loaded = {url.rpartition("/")[2].partition("?")[0] for url in reader.requests}
        assert {"stage.js", f"{name}.js", f"{name}-{CHOSEN[0]}.json"} <= loaded
        assert 0 < sum(size for path, size in site.sent.items() if ".js" in path) <= 15 * 1024
        # It takes the place of its picture, which shows the same.
        assert not reader.page.locator(f'img[src$="/{name}.svg"]').is_visible()
        picture = (site.folder / "_images" / f"{name}.svg").read_text("utf8")
        assert f'-desc">{figure.get_by_role("status").inner_text()}</desc>' in picture
        assert f'-title">{figure.locator("svg").get_attribute("aria-label")}</title>' in picture


@pytest.mark.parametrize("how", [{"scripts": False}, {"local": True}])
def test_without_scripts_and_in_a_file_the_picture_stays(
    visit: Open, places: dict[str, str], how: dict[str, bool]
) -> None:
    for page in set(places.values()):
        reader = visit(page, **how)
        for picture in reader.page.locator(STATIC).all():
            picture.scroll_into_view_if_needed()
            assert picture.is_visible() and len(picture.get_attribute("alt") or "") > 40
            expect(picture).to_have_js_property("complete", True)
        assert reader.page.locator("figure svg").count() == 0


def test_every_slider_moves_by_keyboard_and_says_its_value(
    visit: Open, places: dict[str, str]
) -> None:
    for name, page in places.items():
        reader = visit(page)
        figure = moved(reader, name)
        for slider in figure.get_by_role("slider").all():
            assert slider.evaluate("(one) => one.labels[0].textContent.trim()")
            last = int(slider.get_attribute("max") or 0)
            slider.focus()
            reader.page.keyboard.press("Home")
            heard = [slider.get_attribute("aria-valuetext")]
            drawn = [figure.locator("svg").inner_html()]
            for _ in range(last):
                reader.page.keyboard.press("ArrowRight")
                heard.append(slider.get_attribute("aria-valuetext"))
                drawn.append(figure.locator("svg").inner_html())
            assert all(heard) and len(set(heard)) == last + 1, name
            assert len(set(drawn)) == last + 1, name
            assert figure.get_by_role("status").inner_text().strip()


@pytest.mark.parametrize(("width", "scheme", "framework"), LOOKS[1:3])
def test_figures_fit_and_axe_finds_nothing(
    visit: Open, places: dict[str, str], width: int, scheme: str, framework: str
) -> None:
    reader = visit(width=width, scheme=scheme)
    for name, page in places.items():
        reader.go(f"{page}?framework={framework}")
        figure = moved(reader, name)
        reader.evaluate(AXE_SCRIPT)
        found = reader.evaluate(
            "axe.run('figure.moving', { preload: false }).then((all) => all.violations)"
        )
        assert found == []
        assert too_wide(reader) <= 0
        hanging = figure.evaluate(
            """(figure) => {
              const box = figure.getBoundingClientRect();
              const parts = figure.querySelectorAll("svg text, button, input, span, p");
              return [...parts].filter((one) => {
                const { left, right, width } = one.getBoundingClientRect();
                return width && (left < box.left - 1 || right > box.right + 1);
              }).map((one) => one.outerHTML);
            }"""
        )
        assert hanging == []
        small = figure.locator("button, input[type=range]").evaluate_all(
            "(all) => all.filter((one) => one.getBoundingClientRect().height < 24).length"
        )
        assert small == 0


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_the_numbers_are_those_of_the_chosen_framework(visit: Open) -> None:
    reader = visit("book/initialization.html")
    figure = moved(reader, "initialization-depth")
    before = figure.locator("svg").inner_html()
    with reader.page.expect_response(re.compile(r"initialization-depth-tensorflow\.json")):
        reader.page.locator("[name=framework][value=tensorflow]").check(force=True)
    expect(figure.locator("svg")).not_to_have_js_property("innerHTML", before)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_nothing_moves_by_itself_where_motion_is_reduced(visit: Open, motion: str) -> None:
    reader = visit("book/multi-gpu.html", motion=motion)
    figure = moved(reader, "multi-gpu-ring-steps")
    figure.get_by_role("button", name="Next").click()
    running = figure.evaluate("(one) => one.getAnimations({ subtree: true }).length")
    assert running == (4 if motion == "no-preference" else 0)


# -- one figure by hand --------------------------------------------------------------------------


def test_the_rule_of_he_keeps_a_relu_network_steady(visit: Open) -> None:
    reader = visit("book/initialization.html")
    figure = moved(reader, "initialization-depth")
    says = figure.get_by_role("status")
    expect(says).to_contain_text("ReLU, n = 256, σ = 0.053")
    expect(says).to_contain_text("about 10⁻¹¹")
    figure.get_by_role("button", name="σ by He").click()
    expect(says).to_contain_text("σ = 0.088. Each layer multiplies the signal by 1.0")
    slider = figure.get_by_role("slider", name="Width n")
    slider.focus()
    reader.page.keyboard.press("ArrowLeft")
    reader.page.keyboard.press("ArrowLeft")
    expect(says).to_contain_text("n = 64, σ = 0.088. Each layer multiplies the signal by 0.5")
    figure.get_by_role("radio", name="tanh").focus()
    reader.page.keyboard.press("Space")
    expect(says).to_contain_text("tanh, n = 64")


def test_a_backward_pass_is_stepped_through(visit: Open) -> None:
    reader = visit("book/autograd.html")
    figure = moved(reader, "autograd-backward")
    says, back, forth = (
        figure.get_by_role("status"),
        figure.get_by_role("button", name="Back"),
        figure.get_by_role("button", name="Next"),
    )
    for _ in range(4):
        back.click()
    expect(says).to_have_text("The forward pass has computed every value, up to c = 64.")
    expect(back).to_have_attribute("aria-disabled", "true")
    back.click(force=True)  # does nothing, and keeps the focus
    expect(back).to_be_focused()
    expect(figure.get_by_role("slider", name="Step")).to_have_attribute("aria-valuetext", "0 of 6")
    forth.focus()
    for _ in range(5):
        reader.page.keyboard.press("Enter")
    expect(says).to_contain_text("from a back to x, 16 × 3 = 48")
    expect(says).to_contain_text("added to the 16 that is there, gives 64")
    reader.page.keyboard.press("Space")
    expect(says).to_contain_text("from a back to y, 16 × 2 = 32")
    expect(forth).to_have_attribute("aria-disabled", "true")


def test_a_ring_is_stepped_through(visit: Open) -> None:
    reader = visit("book/multi-gpu.html")
    figure = moved(reader, "multi-gpu-ring-steps")
    says, slider = figure.get_by_role("status"), figure.get_by_role("slider", name="Step")
    shown = "(svg) => [...svg.querySelectorAll('text')].map((one) => one.textContent)"
    expect(says).to_contain_text("Step 1, reduce-scatter")
    assert "4004" in figure.locator("svg").evaluate(shown)
    slider.press("End")
    expect(says).to_contain_text("Step 6, all-gather")
    expect(says).to_contain_text("each has sent 6 numbers")
    numbers = [one for one in figure.locator("svg").evaluate(shown) if one.isdigit()]
    assert sorted(numbers) == sorted(["1111", "2222", "3333", "4444"] * 4)


def test_more_micro_batches_shrink_the_bubble(visit: Open) -> None:
    reader = visit("book/sharding.html")
    figure = moved(reader, "sharding-pipeline")
    says, slider = figure.get_by_role("status"), figure.get_by_role("slider", name="Micro-batches")
    expect(says).to_have_text(
        "3 stages, 4 micro-batches: the step takes 12 slots, and 33% of them are idle."
    )
    assert figure.locator("svg rect").count() == 3 * 12
    slider.press("End")
    expect(says).to_contain_text("8 micro-batches: the step takes 20 slots, and 20% of them")
    slider.press("Home")
    expect(says).to_contain_text("1 micro-batch: the step takes 6 slots, and 67% of them are idle")
