"""Addresses of the first edition lead to what they named, wherever it is today."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from site_tools import Site, Visit

Open = Callable[..., Visit]
# Pages, each with the ids of its sections, figures and questions; two questions are gone for good.
KEPT = Path(__file__).with_name("first_edition_ids.txt")


def missing(site: Site, page: str, ids: list[str]) -> list[str]:
    """The ids that a page does not have."""
    return sorted(set(ids) - set(re.findall(r' id="([^"]+)"', site.text(page))))


@pytest.mark.frameworks("pytorch", "tensorflow")
def test_every_id_of_the_first_edition_is_there(site: Site) -> None:
    pages = [line.split() for line in KEPT.read_text("utf8").splitlines()]
    there = [(page, ids) for page, *ids in pages if (site.folder / page).is_file()]
    assert [(page, lost) for page, ids in there if (lost := missing(site, page, ids))] == []
    page, ids = there[0]
    assert missing(site, page, [*ids, "never-there"]) == ["never-there"]


MOVED = [  # old, and today's
    ("performance.html#timing-without-being-fooled", "profiling.html#early-clock"),
    ("performance-exercises.html#exercise-performance-timer",
     "profiling-exercises.html#exercise-profiling-timer"),
]  # fmt: skip


@pytest.mark.chapters("performance", "profiling")
@pytest.mark.frameworks("pytorch", "tensorflow")
@pytest.mark.parametrize(("old", "new"), MOVED)
@pytest.mark.parametrize("local", [False, True])
def test_scripts_follow_an_old_address(visit: Open, old: str, new: str, local: bool) -> None:
    reader = visit("book/index.html", local=local)
    page, _, anchor = old.partition("#")
    reader.go(f"book/{page}?framework=tensorflow#{anchor}")
    page, _, anchor = new.partition("#")
    reader.page.wait_for_url(f"**/book/{page}?framework=tensorflow#{anchor}")
    assert reader.page.locator(f"#{anchor}").bounding_box()["y"] < 200
    reader.page.go_back()  # and not into the same loop
    reader.page.wait_for_url("**/book/index.html*")


@pytest.mark.chapters("performance", "profiling")
@pytest.mark.parametrize(("old", "new"), MOVED)
def test_without_scripts_a_line_leads_on(visit: Open, old: str, new: str) -> None:
    reader = visit(f"book/{old}", scripts=False)
    shown = [line for line in reader.page.locator(".moved").all() if line.is_visible()]
    assert [line.get_attribute("id") for line in shown] == [old.partition("#")[2]]
    shown[0].get_by_role("link").click()
    reader.page.wait_for_url(f"**/book/{new}")
    assert reader.page.locator(f"#{new.partition('#')[2]}").count() == 1
