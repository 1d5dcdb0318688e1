"""Every page that the build made: reachable for everyone, in both modes, on phone and desktop."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from editions.base.frameworks import FRAMEWORKS
from left_out import CHOSEN, EXAMPLE
from site_tools import Site, Visit

Open = Callable[..., Visit]
ROOT = Path(__file__).parents[2]
CHAPTER = f"book/{EXAMPLE}.html"
FIRST, LAST = CHOSEN[0], CHOSEN[-1]
Look = tuple[int, str, str]  # width, colours, framework
Tours = Callable[[Look], dict[str, dict[str, Any]]]
PHONE, DESK = (360, "light", LAST), (1280, "dark", LAST)
LOOKS = [PHONE, (360, "dark", FIRST), (1280, "light", FIRST), DESK]
WHITE = "rgb(255, 255, 255)"


# -- every page, once in each look -----------------------------------------------------------------


def pages_to_look_at(site: Site, look: Look) -> dict[str, bool]:
    """The pages to visit in a look, and whether axe examines them.

    Two looks, which have both widths and both modes, have every page, but that the pages of
    exercises, which are of one kind, are examined once; the other looks have one page of a kind.
    The pages of a kind have the same theme.
    """
    if look in (PHONE, DESK):
        return {one: not one.endswith("-exercises.html") or EXAMPLE in one for one in site.pages()}
    kinds = ("index", "setup", "package", "status", "predictions", "exercises")
    further = (f"book/{EXAMPLE}-exercises.html", "search.html?q=gradient")
    return dict.fromkeys([CHAPTER, *further, *(f"book/{name}.html" for name in kinds)], True)


# Of a chapter: the links of its head that can be seen, and its stamps.
HEADER = """() => {
  const seen = (selector) => [...document.querySelectorAll(selector)]
    .filter((one) => one.offsetHeight);
  return [seen('.chapter-launch a').map((link) => link.getAttribute('href')),
    seen('.stamp').map((one) => one.innerText)];
}"""


def seen_at_the_desk(visit: Visit, site: Site) -> dict[str, Any]:
    """What several tests want to know of a page, which is visited once for all of them."""
    seen: dict[str, Any] = {"shown": [visit.shown()], "header": {}}
    seen["wordless"], seen["names"], seen["links"], seen["downloads"] = visit.evaluate(
        """() => {
          const all = (selector) => [...document.querySelectorAll(selector)];
          return [all('article img').filter((one) => !one.alt.trim()).length,
            all('[id]').map((one) => one.id), [...document.links].map((one) => one.href),
            all('a[download]').map((one) => one.href)];
        }"""
    )
    seen["blank"] = blank_icons(visit, site.folder)
    for framework in CHOSEN:
        if len(CHOSEN) > 1:
            switch = f"input[name=framework][value={framework}]"
            visit.evaluate(f"document.querySelector('{switch}')?.click()")
            seen["shown"].append(visit.shown())
        seen["header"][framework] = visit.evaluate(HEADER)
    return seen


def faults_of_narrow(visit: Visit, page: str) -> list[str]:
    """What is wrong with a page on the smallest phone, folds open."""
    visit.page.set_viewport_size({"width": 320, "height": 800})
    visit.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    found = [f"{page}: {one}" for one in cut_off(visit)]
    if (extra := too_wide(visit)) > 0:
        found.append(f"{page}: {extra} pixels too wide")
    broken = "(all) => all.filter((one) => one.getClientRects().length > 1).length"
    if visit.page.locator("td code .pre").evaluate_all(broken):
        found.append(f"{page}: a word of code is broken in a table, which could scroll")
    return found


def tour(browser: object, site: Site, look: Look) -> dict[str, dict[str, Any]]:
    """What there is to see on the pages in a look, page by page."""
    width, scheme, framework = look
    reader = Visit(browser, site, width=width, scheme=scheme)
    found = {}
    for page, examined in pages_to_look_at(site, look).items():
        reader.page.set_viewport_size({"width": width, "height": 800})
        reader.go(f"{page}{'&' if '?' in page else '?'}framework={framework}")
        seen = seen_at_the_desk(reader, site) if look == DESK else {}
        faults = violations(reader) if examined else []
        seen |= {"violations": [f"{page}: {one}" for one in faults], "extra": too_wide(reader)}
        if look == PHONE:
            seen["narrow"] = faults_of_narrow(reader, page)
        seen["complaints"] = [f"{page}: {one}" for one in reader.complaints]
        reader.complaints.clear()
        found[page] = seen
    reader.close()
    return found


@pytest.fixture(scope="module")
def tours(browser: object, site: Site) -> Tours:
    """Gives what there is to see in a look; each tour is made once."""
    return cache(lambda look: tour(browser, site, look))


# -- everyone ------------------------------------------------------------------------------------


# Of all text, one element for each way in which it and what it stands in are coloured is marked for
# axe, which would spend most of its time on thousands of equal ones.
COLOURED = """() => {
  const ways = new Map();
  const way = (element) => {
    if (!element) return '';
    if (!ways.has(element)) {
      const style = getComputedStyle(element);
      ways.set(element, [way(element.parentElement), style.color, style.backgroundColor,
        style.backgroundImage, style.opacity, style.fontSize, style.fontWeight, style.position,
        style.textShadow].join());
    }
    return ways.get(element);
  };
  const known = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (own && element.getClientRects().length && !known.has(way(element))) {
      known.add(way(element));
      element.dataset.coloured = '';
    }
  }
}"""


def violations(visit: Visit) -> list[str]:
    """What axe finds in the page as it is, folds open."""
    visit.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    visit.evaluate(AXE_SCRIPT)
    visit.evaluate(COLOURED)
    found = visit.evaluate(
        """async () => {
        axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-coloured]' }] });
        const results = await axe.run({ resultTypes: ['violations'], preload: false });
        return results.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]); }"""
    )
    return [f"{rule}: {html[:200]}" for rule, nodes in found for html in nodes[:3]]


def too_wide(visit: Visit) -> int:
    """By how many pixels the page can be scrolled sideways."""
    return visit.evaluate("document.documentElement.scrollWidth - innerWidth")


def cut_off(visit: Visit) -> list[str]:
    """What hangs over the window, or is wider than a box that does not scroll."""
    return visit.evaluate(
        """() => [...document.querySelectorAll('main *')].filter((element) => {
          if (element.matches('dialog, dialog *, .katex *, .headerlink')) return false;
          const box = element.getBoundingClientRect();
          const flow = (one) => getComputedStyle(one).overflowX;
          if (flow(element) === 'hidden') return element.scrollWidth > element.clientWidth + 1;
          if (!box.height || getComputedStyle(element).visibility === 'hidden') return false;
          let at = element.parentElement;
          while (at && !['auto', 'scroll'].includes(flow(at))) at = at.parentElement;
          return !at && box.right > innerWidth + 1;
        }).map((element) => element.outerHTML.slice(0, 90))"""
    )


def test_nothing_is_cut_off_on_the_smallest_phone(tours: Tours, visit: Open) -> None:
    found = [one for seen in tours(PHONE).values() for one in seen["narrow"]]
    long = {"pytorch": "named_parameters", "tensorflow": "trainable_variables"}[LAST]
    reader = visit(f"search.html?q={long}&framework={LAST}", width=320)
    reader.page.locator("#search-results .context").first.wait_for()
    assert found + faults_of_narrow(reader, "search.html") == []


def test_letters_twice_as_large_leave_room_to_read(visit: Open) -> None:
    for width in (360, 1280):
        reader = visit(CHAPTER, width=width)
        reader.page.add_style_tag(content="html { font-size: 200% !important; }")
        assert too_wide(reader) <= 0
        assert reader.page.locator("article").bounding_box()["width"] > width / 3
        boxes = reader.evaluate(
            """() => [...document.querySelectorAll('.framework-switch span, .site-header .tool')]
            .map((one) => one.getBoundingClientRect()).filter((box) => box.width)
            .map((box) => [box.left, box.top, box.right, box.bottom])"""
        )
        for i, (left, top, right, bottom) in enumerate(boxes):
            for other in boxes[i + 1 :]:
                apart = other[0] >= right or other[2] <= left or other[1] >= bottom
                assert apart or other[3] <= top, (width, boxes)


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_high_contrast_shows_which_tab_is_open(visit: Open) -> None:
    reader = visit(f"{CHAPTER}?framework={LAST}", forced="active")
    one, two = reader.evaluate(
        """() => [...document.querySelectorAll('.editions:not(.alone) > label')].slice(0, 2)
        .map((label) => getComputedStyle(label).borderBottomColor)"""
    )
    assert one == WHITE and two != WHITE


def test_links_have_one_colour(visit: Open, site: Site) -> None:
    reader = visit("book/teaching.html")
    colours = "(links) => [...new Set(links.map((link) => getComputedStyle(link).color))]"
    assert len(reader.page.locator("article :is(p, td) > a").evaluate_all(colours)) == 1


def test_the_reference_says_what_the_docstrings_say(site: Site) -> None:
    page = site.text("book/package.html")
    assert "r--" in page  # a format, and no dash
    assert "Initialize self" not in page  # what Python says of a class that says nothing


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_hangs_over(tours: Tours, look: Look) -> None:
    seen = tours(look)
    assert [one for page in seen.values() for one in page["violations"]] == []
    assert {page: one["extra"] for page, one in seen.items() if one["extra"] > 0} == {}


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_complains(tours: Tours, look: Look) -> None:
    assert [one for page in tours(look).values() for one in page["complaints"]] == []


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_axe_finds_nothing_side_by_side(visit: Open) -> None:
    reader = visit(CHAPTER, width=1600)
    reader.page.locator(".side-switch").click()
    assert violations(reader) == []
    assert too_wide(reader) <= 0


def test_faults_are_found(visit: Open) -> None:
    reader = visit("book/index.html", width=360)
    reader.evaluate(
        """() => {
          document.querySelector('article').insertAdjacentHTML('beforeend',
            '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">' +
            '<p style="color:#bbb">faint</p>' +
            '<pre>clear <i>clear</i> <i style="color:#bbb">faint code</i></pre>' +
            '<pre style="overflow: visible"><b style="display:block;width:999px">wide</b></pre>');
        }"""
    )
    found = violations(reader)
    assert any("image-alt" in one for one in found)
    for text in ("faint</p>", "faint code</i>"):
        assert any("color-contrast" in one and text in one for one in found)
    assert too_wide(reader) > 0


def test_images_have_words_of_their_own(tours: Tours) -> None:
    assert {page: one["wordless"] for page, one in tours(DESK).items() if one["wordless"]} == {}


def test_dark_pages_are_dark(visit: Open, site: Site) -> None:
    """Page, code, tables and what pictures let through; from the first paint on."""
    reader = visit(scheme="dark")
    reader.withhold_scripts()
    light = """() => [...document.querySelectorAll('body, article *')].filter((element) => {
      const colour = getComputedStyle(element).backgroundColor;
      const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
      return a > 0.5 && r + g + b > 500;
    }).map((element) => element.outerHTML.slice(0, 100))"""
    for page, examined in pages_to_look_at(site, DESK).items():
        if page == "404.html" or not examined:  # the first has no styles but the browser's
            continue
        reader.go(page)
        assert reader.evaluate(light) == [], page
        filters = (
            "[...document.querySelectorAll('article img')].map((i) => getComputedStyle(i).filter)"
        )
        assert all("invert" in one for one in reader.evaluate(filters)), page
        padding = filters.replace(".filter", ".padding")
        assert set(reader.evaluate(padding)) <= {"0px"}, page  # as large as on light pages


def test_colours_are_remembered(visit: Open) -> None:
    reader = visit("book/index.html", scheme="light")
    reader.page.locator(".theme-switch-button").click()
    mode, theme = "document.documentElement.dataset.mode", "document.documentElement.dataset.theme"
    assert reader.evaluate(theme) == "dark"
    reader.page.reload()
    assert reader.evaluate(theme) == "dark" and reader.evaluate(mode) == "dark"


def test_still_for_those_who_want_it_still(visit: Open) -> None:
    reader = visit(CHAPTER, motion="reduce")
    moving = """() => [...document.querySelectorAll('*')].filter((element) => {
      const style = getComputedStyle(element);
      return style.animationName !== 'none' || (style.transitionDuration !== '0s'
        && style.transitionProperty !== 'none');
    }).length"""
    assert reader.evaluate(moving) == 0


def test_an_output_is_as_high_as_its_lines(visit: Open) -> None:
    reader = visit(CHAPTER)
    heights = reader.evaluate(
        """() => [...document.querySelectorAll('.output:has(pre)')]
        .filter((one) => one.offsetHeight)
        .map((one) => [one.offsetHeight, one.querySelector('pre').offsetHeight])"""
    )
    assert len(heights) > 5
    assert all(box == lines for box, lines in heights)


def test_code_of_eighty_columns_fits(visit: Open) -> None:
    reader = visit(CHAPTER)
    columns = reader.evaluate(
        """() => {
          const pre = [...document.querySelectorAll('.cell_input pre')].find((e) => e.offsetWidth);
          const probe = pre.appendChild(document.createElement('span'));
          probe.textContent = 'x'.repeat(80);
          const style = getComputedStyle(pre);
          return 80 * (pre.clientWidth - parseFloat(style.paddingLeft) * 2)
            / probe.getBoundingClientRect().width;
        }"""
    )
    assert columns >= 80


@pytest.mark.parametrize("width", [320, 360])
def test_the_header_of_a_phone_hides_no_heading(visit: Open, width: int) -> None:
    """It is one row, and a link within the page leads to a heading below it."""
    reader = visit(CHAPTER, width=width)
    header = reader.page.locator(".site-header").bounding_box()["height"]
    assert header <= 56
    anchor = reader.evaluate("[...document.querySelectorAll('article section[id]')].at(4).id")
    reader.go(f"{CHAPTER}#{anchor}")
    reader.page.wait_for_timeout(200)
    top = reader.page.locator(f"#{anchor} > :is(h2, h3)").first.bounding_box()["y"]
    assert header <= top < 300


def test_code_and_tables_of_the_text_fit_on_a_phone(visit: Open, site: Site) -> None:
    """Long lines go on below, indented; rows of wide tables become lists. Outputs may scroll."""
    wide = """() => [...document.querySelectorAll('article :is(.cell_input pre, table)')]
      .filter((one) => one.clientWidth && !one.closest('.cell_output'))
      .filter((one) => one.matches('pre') ? one.scrollWidth > one.clientWidth
        : one.parentElement.scrollWidth > one.parentElement.clientWidth)
      .map((one) => one.textContent.trim().slice(0, 60))"""
    reader = visit(width=360)
    for chapter in site.chapters():
        reader.go(chapter)
        reader.page.wait_for_load_state("load")
        assert reader.evaluate(wide) == [], chapter
    reader.go(CHAPTER)
    indent = "getComputedStyle(document.querySelector('.cell_input pre')).textIndent"
    assert "hanging each-line" in reader.evaluate(indent)
    row = reader.page.locator("table.stacked tbody tr").first
    labels = row.locator("td").evaluate_all("(cells) => cells.map((cell) => cell.dataset.label)")
    cells = "thead :is(th, td)"  # a cell of the head without words is a td
    head = reader.page.locator("table.stacked").first.locator(cells).all_text_contents()
    assert labels[1:] == [name.strip() for name in head[1:]] and len(labels) > 2
    reader.page.set_viewport_size({"width": 1280, "height": 800})
    reader.page.wait_for_timeout(100)
    assert reader.page.locator("table.stacked").count() == 0


# The font sizes in pixels, smallest first, of each drawing that is shown, by its name.
LETTERS = """async () => {
  const scale = ({ a, b }) => Math.hypot(a, b);  // of words that are turned, too
  const sizes = (drawing) => [...drawing.querySelectorAll('text, tspan')]
    .map((one) => parseFloat(getComputedStyle(one).fontSize) * scale(one.getScreenCTM()))
    .sort((a, b) => a - b);
  const found = {};
  for (const image of document.querySelectorAll('article figure img')) {
    await image.decode();
    if (!image.clientWidth || !image.src.endsWith('.svg')) continue;
    const text = await (await fetch(image.src)).text();
    const copy = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    copy.style = `display: block; width: ${image.clientWidth}px; height: auto`;
    document.body.append(copy);
    found[image.src.split('/').at(-1)] = sizes(copy);
    copy.remove();
  }
  for (const moving of document.querySelectorAll('.moving svg')) {
    const name = moving.closest('figure').querySelector('img').src.split('/').at(-1);
    found[name] = sizes(moving);
  }
  return found;
}"""


def test_letters_of_drawings_can_be_read_on_a_phone(visit: Open, site: Site) -> None:
    """A drawing that is too wide for them scrolls in a box of its own."""
    reader, seen = visit(width=360), {}
    drawings = {path.name for path in (ROOT / "book" / "figures").glob("*.svg")}
    for page in site.pages():
        drawn = drawings & set(re.findall(r"_images/([\w-]+\.svg)", site.text(page)))
        for framework in CHOSEN if drawn else ():
            reader.go(f"{page}?framework={framework}")
            reader.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
            for figure in reader.page.locator("figure:has([data-figure]):visible").all():
                figure.scroll_into_view_if_needed()
                figure.locator("svg").wait_for()
            found = reader.evaluate(LETTERS)
            assert too_wide(reader) <= 0, page
            seen |= found
        assert drawn <= set(seen), page
    assert len(seen) > 3
    assert {name: sizes[0] for name, sizes in seen.items() if sizes and sizes[0] < 9.95} == {}


def test_error_messages_go_on_below(visit: Open, site: Site) -> None:
    """A message is prose: its lines are as long as the window is wide. Other outputs scroll."""
    boxes = """() => [...document.querySelectorAll('.tag_shows-error :is(.output, pre)')]
      .filter((one) => one.clientWidth)
      .map((one) => [one.scrollWidth - one.clientWidth, one.textContent.slice(0, 60)])"""
    reader, shown = visit(width=360), 0
    for chapter in site.chapters():
        reader.go(chapter)
        found = reader.evaluate(boxes)
        assert [words for hidden, words in found if hidden > 1] == [], chapter
        shown += len(found)
    assert shown > 20


def test_menus_open_and_close_by_keyboard_on_a_phone(visit: Open) -> None:
    reader = visit(CHAPTER, width=360)
    for button, menu in (("primary", "primary"), ("secondary", "secondary")):
        reader.page.locator(f".{button}-toggle").focus()
        reader.page.keyboard.press("Enter")
        dialog = reader.page.locator(f"#pst-{menu}-sidebar-modal")
        dialog.locator("a").first.wait_for(state="visible")
        assert reader.evaluate("document.activeElement.closest('dialog') !== null")
        reader.page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        reader.page.locator(f".{button}-toggle").click()  # and with a button that says so
        dialog.get_by_role("button", name="Close").click()
        dialog.wait_for(state="hidden")


def test_search_opens_by_keyboard(visit: Open) -> None:
    reader = visit("book/index.html")
    reader.page.keyboard.press("Control+k")
    assert reader.page.locator("#pst-search-dialog input").is_visible()


def test_every_scrolling_box_can_be_focused(visit: Open) -> None:
    reader = visit(CHAPTER, width=360)
    reader.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    reader.page.wait_for_timeout(100)
    unreachable = """() => [...document.querySelectorAll('article *')].filter((box) =>
      ['auto', 'scroll'].includes(getComputedStyle(box).overflowX) && box.clientWidth
      && box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0
      && !box.querySelector('[tabindex="0"]')).map((box) => box.outerHTML.slice(0, 90))"""
    assert reader.evaluate(unreachable) == []


# -- icons ---------------------------------------------------------------------------------------


@cache
def glyphs(path: Path) -> frozenset[int]:
    """The code points that a font has."""
    from fontTools.ttLib import TTFont

    return frozenset(TTFont(path).getBestCmap())


def blank_icons(visit: Visit, folder: Path) -> list[str]:
    """The icons of the page for which the site's fonts have no glyph."""
    drawn = visit.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap((element) =>
        ['::before', '::after'].map((pseudo) => {
          const style = getComputedStyle(element, pseudo);
          const text = style.content.replace(/^"|"$/g, '');
          const family = style.fontFamily.match(/Font Awesome[\\w ]*(Free|Brands)/)?.[1];
          const icon = element.matches('.fa-solid, .fa-regular, .fa-brands');
          const named = pseudo === '::before' && icon;
          if (named && text === 'none') return ['no rule', '', '?', element.outerHTML.slice(0, 90)];
          return family && text && text !== 'none' ? [family, style.fontWeight, text,
            element.outerHTML.slice(0, 90)] : null;
        }).filter(Boolean))"""
    )
    fonts = folder / "_static" / "vendor" / "fontawesome" / "webfonts"
    blank = []
    for family, weight, text, html in drawn:
        if family == "no rule":
            blank.append(f"no such icon: {html}")
            continue
        name = "fa-solid-900" if weight == "900" else "fa-regular-400"
        name = "fa-brands-400" if family == "Brands" else name
        missing = [
            f"U+{ord(char):04X}"
            for char in text
            if ord(char) not in glyphs(fonts / f"{name}.woff2")
        ]
        blank += [f"{name} has no {code}: {html}" for code in missing]
    return blank


def test_no_icon_is_blank(tours: Tours) -> None:
    assert {page: one["blank"] for page, one in tours(DESK).items() if one["blank"]} == {}


def test_a_blank_icon_is_found(visit: Open, site: Site) -> None:
    reader = visit("book/index.html")
    reader.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<i class=\"fa-solid fa-anchor\"></i>')"
    )
    assert len(blank_icons(reader, site.folder)) == 1


def test_the_fonts_are_subsets(site: Site) -> None:
    fonts = list((site.folder / "_static" / "vendor" / "fontawesome" / "webfonts").glob("*.woff2"))
    assert len(fonts) == 3
    assert sum(font.stat().st_size for font in fonts) < 8_000


# -- print ---------------------------------------------------------------------------------------


def test_print_opens_folds_and_shows_one_framework(visit: Open) -> None:
    reader = visit(f"{CHAPTER}?framework={LAST}", scheme="dark")
    closed = "document.querySelectorAll('article details:not([open])').length"
    before = reader.evaluate(closed)
    reader.page.emulate_media(media="print")
    reader.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert before > 0 and reader.evaluate(closed) == 0
    assert reader.shown() == ({LAST} if len(CHOSEN) > 1 else set())  # of tabs
    chrome_of_the_page = (
        ".site-header",
        ".bd-sidebar-primary",
        ".chapter-links",
        ".editions > label",
    )
    for chrome in (*chrome_of_the_page, ".fold-output > summary", ".prev-next-area"):
        assert not reader.page.locator(chrome).first.is_visible(), chrome
    assert reader.page.locator("article h1").is_visible()
    faint = [one for one in violations(reader) if one.startswith("color-contrast")]
    assert faint == []  # ink on paper, in the dark too
    assert reader.evaluate("getComputedStyle(document.body).backgroundColor") == WHITE
    reader.evaluate("dispatchEvent(new Event('afterprint'))")
    assert reader.evaluate(closed) == before
    assert reader.evaluate("document.documentElement.dataset.theme") == "dark"


# -- for engines and lost readers ----------------------------------------------------------------


def test_the_map_names_every_page(site: Site) -> None:
    tree = ElementTree.parse(site.folder / "sitemap.xml")
    named = {
        element.text for element in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")
    }
    canonical = set()
    for page in site.pages():
        if page.startswith("book/"):
            found = re.search(r'<link rel="canonical" href="([^"]+)"', site.text(page))
            assert found, page
            canonical.add(found[1])
    assert named == canonical


def test_pages_introduce_themselves(site: Site) -> None:
    for page in site.pages():
        if page.startswith("book/"):
            for name in ("og:title", "og:url", "og:image", "og:site_name"):
                assert f'property="{name}"' in site.text(page), (page, name)
    assert 'name="description"' in site.text("book/index.html")
    assert (site.folder / "_static" / "card.png").stat().st_size < 60_000


def test_a_lost_reader_finds_the_pages(visit: Open, site: Site) -> None:
    reader = visit()
    reader.page.goto(site.address + "no/such/page.html")
    reader.page.wait_for_timeout(200)
    assert len(reader.complaints) == 2  # ours, and the browser's own word for it
    assert all("404" in complaint for complaint in reader.complaints)
    reader.complaints.clear()
    links = reader.evaluate("[...document.querySelectorAll('a')].map((link) => link.href)")
    for link in links:
        assert (site.folder / "book" / link.rpartition("/")[2]).is_file(), link
    listed = [page for page in site.pages() if not page.endswith("-exercises.html")]
    assert len(links) == len([page for page in listed if page.startswith("book/")])


def test_links_within_the_site_lead_somewhere(tours: Tours, site: Site) -> None:
    seen = tours(DESK)
    links = [(page, link) for page, one in seen.items() for link in one["links"]]
    broken = []
    for page, link in links:
        if link.startswith(site.address):
            path, _, anchor = link.removeprefix(site.address).partition("#")
            path = path.partition("?")[0]
            names = seen[path]["names"] if path in seen else [anchor]
            if not (site.folder / path).is_file() or (anchor and anchor not in names):
                broken.append(f"{page}: {link}")
    assert broken == []
    assert len(links) > 20


# -- the framework of every chapter ----------------------------------------------------------------


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_both_are_there_and_one_is_shown(tours: Tours, site: Site) -> None:
    assert site.chapters()
    for chapter in site.chapters():
        assert tours(DESK)[chapter]["shown"] == [{LAST}, *({one} for one in CHOSEN)], chapter


def test_the_chapter_header_follows(tours: Tours, site: Site) -> None:
    for chapter in site.chapters():
        header = tours(DESK)[chapter]["header"]
        assert list(header) == CHOSEN
        for framework, (links, stamps) in header.items():
            opened = [link for link in links if not link.endswith("-exercises.html")]
            assert opened and all(f"/{framework}/" in link for link in opened)
            assert len(stamps) == 1 and FRAMEWORKS[framework].title in stamps[0]


def test_downloads_are_there(tours: Tours, site: Site) -> None:
    for chapter in site.chapters():
        targets = tours(DESK)[chapter]["downloads"]
        assert len(targets) == len(CHOSEN)
        for target in targets:
            assert (site.folder / target.removeprefix(site.address)).is_file()


# -- our own part --------------------------------------------------------------------------------


def test_styles_and_script_are_small_enough_to_read() -> None:
    theme = ROOT / "book" / "theme"
    ours = [theme / "editions.css.jinja", theme / "editions.js", theme / "templates" / "head.html"]
    assert sum(path.stat().st_size for path in ours) <= 24 * 1024
    for_questions = [theme / name for name in ("questions.css", "questions.js.jinja")]
    for_questions += [theme / name for name in ("reading.js.jinja", "predictions.js.jinja")]
    assert sum(path.stat().st_size for path in for_questions) <= 26 * 1024
