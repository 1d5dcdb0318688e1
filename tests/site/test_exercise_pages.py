"""The pages of exercises: everything of a question but its solution, and ways to and from them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from editions.base.project import Project
from editions.exercises.exercise_files import Exercises
from editions.site.downloads import COLAB_TITLE
from editions.site.exercise_pages import asked_sections, public_exercises, questions_of
from site_tools import Site

ROOT = Path(__file__).parents[2]
PROJECT = Project(ROOT)
ALL = public_exercises(PROJECT)
each = pytest.mark.parametrize("exercises", ALL, ids=[one.name for one in ALL])


@cache
def parsed(path: Path) -> BeautifulSoup:
    """A page, parsed once for all tests."""
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


@cache
def searched(path: Path) -> Any:
    """What the search looks through."""
    return json.loads(path.read_text("utf8").partition("=")[2].rstrip(";\n"))


def page(site: Site, exercises: Exercises) -> BeautifulSoup:
    return parsed(site.folder / "book" / f"{exercises.name}-exercises.html")


def squeezed(text: str) -> str:
    return " ".join(text.split())


def revealed(exercises: Exercises, text: str) -> list[str]:
    """The lines of solutions, found nowhere else in the source, that a text holds."""
    cells = exercises.chapter.cells
    public = squeezed("\n".join(one.source for one in cells if "solution" not in one.tags))
    secret = {
        squeezed(line)
        for cell in cells
        if "solution" in cell.tags
        for line in cell.source.splitlines()
        if len(line.strip()) >= 20 and squeezed(line) not in public
    }
    assert len(secret) > 5, exercises.name
    text = squeezed(text)
    return [line for line in sorted(secret) if line in text]


@each
def test_nothing_reveals_a_solution(site: Site, exercises: Exercises) -> None:
    assert revealed(exercises, page(site, exercises).text) == []
    found = searched(site.folder / "_static" / "search-sections.js")
    address = f"book/{exercises.name}-exercises.html"
    (number,) = (at for at, one in enumerate(found["pages"]) if one[0] == address)
    sections = [one for one in found["sections"] if one["page"] == number]
    texts = [text for one in sections for text in one.values() if isinstance(text, str)]
    assert revealed(exercises, "\n".join(texts)) == []
    copies = [path.as_posix() for path in (site.folder / "_sources").rglob("*exercises*")]
    assert all(path.endswith("book/exercises.md") for path in copies if "." in Path(path).name)
    for link in page(site, exercises).select("article a[href]"):
        assert not link["href"].endswith("/text.md"), "the source holds the solutions"


def test_a_solution_is_noticed() -> None:
    exercises = ALL[0]
    solution = next(one for one in exercises.chapter.cells if "solution" in one.tags)
    assert revealed(exercises, solution.source)


@each
def test_a_page_has_all_of_its_questions(site: Site, exercises: Exercises) -> None:
    found = page(site, exercises)
    questions = questions_of(PROJECT, exercises.name)
    asked = asked_sections(PROJECT, exercises.name)
    assert len(asked) == len(found.select(".question-facts"))
    for section in asked:
        question = questions[section.question]
        place = found.find(id=f"exercise-{question.name.replace('.', '-')}")
        text = place.find_parent("section").text if place.name != "section" else place.text
        assert question.title in squeezed(text)
        assert f"{question.points:g} points" in text
        assert f'check("{question.name}"' in text
        for cell in section.cells:
            if "starter" in cell.tags and cell.framework in (None, *_keys()):
                assert squeezed(cell.source) in squeezed(text)


def _keys() -> list[str]:
    return [framework.key for framework in PROJECT.frameworks]


@each
def test_chapter_and_page_lead_to_each_other(site: Site, exercises: Exercises) -> None:
    chapter = parsed(site.folder / "book" / f"{exercises.name}.html")
    address = f"{exercises.name}-exercises.html"
    for place in (".chapter-edition", ".next-step"):
        links = chapter.select(f'{place} a[href="{address}"]')
        assert len(links) == (1 if place == ".next-step" else len(_keys())), place
    found = page(site, exercises)
    assert found.select(f'.chapter-links a[href="{exercises.name}.html"]')
    assert found.select(f'.left-prev[href="{exercises.name}.html"]')
    assert found.select(".right-next")


@each
def test_its_notebooks_are_there_to_download(site: Site, exercises: Exercises) -> None:
    for key in _keys():
        header = page(site, exercises).select_one(f'.chapter-edition[data-framework="{key}"]')
        (link,) = header.select("a[download]")
        assert link["download"] == f"{exercises.name}-exercises-{key}.ipynb"
        served = (site.folder / "book" / link["href"]).resolve().read_bytes()
        kept = ROOT / "exercises" / "notebooks" / key / f"{exercises.name}.ipynb"
        assert served == COLAB_TITLE.sub(r"\1", kept.read_text("utf8")).encode()
        path = f"exercises/notebooks/{key}/{exercises.name}.ipynb"
        opened = [one["href"] for one in header.select("a:not([download])")]
        assert all(path in re.sub("%2F", "/", address) for address in opened)
        assert len(opened) == len(PROJECT.launch_buttons(kept))


def test_the_table_lists_every_question(site: Site) -> None:
    found = parsed(site.folder / "book" / "exercises.html")
    rows = [[cell.text.strip() for cell in row.select("td")] for row in found.select("tbody tr")]
    wanted = [
        (questions_of(PROJECT, one.name)[section.question].title, one.name)
        for one in ALL
        for section in asked_sections(PROJECT, one.name)
    ]
    assert [row[1] for row in rows] == [title for title, _ in wanted]
    links = [row.select("td")[1].a["href"] for row in found.select("tbody tr")]
    assert [link.partition("-exercises.html#")[0] for link in links] == [one for _, one in wanted]
