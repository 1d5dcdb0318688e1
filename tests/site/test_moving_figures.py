"""Figures that move, in the browser: by mouse and keyboard, and as pictures where they cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from left_out import CHOSEN
from playwright.sync_api import Locator, expect
from site_tools import Site, Visit
from test_pages import LOOKS, too_wide, violations

Open = Callable[..., Visit]
pytestmark = pytest.mark.chapters("initialization")  # has such a figure
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
    assert found
    yield found


def test_a_figure_is_loaded_when_it_comes_near(visit: Open, places: dict[str, str]) -> None:
    for name, page in places.items():
        reader = visit(page)
        reader.page.wait_for_load_state("networkidle")
        assert not [url for url in reader.requests if "/_static/figures/" in url], name
        moved(reader, name)
        loaded = {url.rpartition("/")[2].partition("?")[0] for url in reader.requests}
        assert {"stage.js", f"{name}.js", f"{name}-{CHOSEN[0]}.json"} <= loaded
        assert not reader.page.locator(f'img[src$="/{name}.svg"]').is_visible()


def test_what_a_figure_loads_is_light(visit: Open, site: Site, places: dict[str, str]) -> None:
    for name, page in places.items():
        reader = visit(page)
        reader.page.wait_for_load_state("networkidle")
        site.sent.clear()
        moved(reader, name)
        modules = sum(size for path, size in site.sent.items() if path.endswith(".js"))
        print(name, site.sent)
        assert 0 < modules <= 15 * 1024


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


def test_the_first_state_is_the_picture(visit: Open, site: Site, places: dict[str, str]) -> None:
    for name, page in places.items():
        reader = visit(page)
        figure = moved(reader, name)
        picture = (site.folder / "_images" / f"{name}.svg").read_text("utf8")
        said = figure.get_by_role("status").inner_text()
        title = figure.locator("svg").get_attribute("aria-label")
        assert f'-desc">{said.replace("&", "&amp;")}</desc>' in picture
        assert f'-title">{title}</title>' in picture


@pytest.mark.parametrize(("width", "scheme", "framework"), LOOKS)
def test_figures_fit_and_are_reachable(
    visit: Open, places: dict[str, str], width: int, scheme: str, framework: str
) -> None:
    reader = visit(width=width, scheme=scheme)
    for name, page in places.items():
        reader.go(f"{page}?framework={framework}")
        figure = moved(reader, name)
        assert violations(reader) == []
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
def test_the_numbers_are_those_of_the_chosen_framework(
    visit: Open, site: Site, places: dict[str, str]
) -> None:
    for name, page in places.items():
        mine, theirs = (
            json.loads((site.folder / "_static" / "figures" / f"{name}-{key}.json").read_text())
            for key in ("pytorch", "tensorflow")
        )
        reader = visit(page)
        figure = moved(reader, name)
        before = figure.locator("svg").inner_html()
        with reader.page.expect_response(re.compile(rf"{name}-tensorflow\.json")):
            reader.page.locator("[name=framework][value=tensorflow]").check(force=True)
        if mine != theirs:
            expect(figure.locator("svg")).not_to_have_js_property("innerHTML", before)


def test_nothing_moves_by_itself_where_motion_is_reduced(
    visit: Open, places: dict[str, str]
) -> None:
    for name, page in places.items():
        reader = visit(page, motion="reduce")
        figure = moved(reader, name)
        for control in figure.locator("button, input[type=range]").all():
            control.focus()
            reader.page.keyboard.press("ArrowRight")
            reader.page.keyboard.press("Enter")
            running = figure.evaluate("(one) => one.getAnimations({ subtree: true }).length")
            assert running == 0, name


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
