"""Launch buttons: the address that each setting gives, and settings that are refused."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from editions.base.errors import EditionsError
from editions.base.launchers import SERVICES, LiveServers
from editions.command_line import main
from editions.site.live_site import serve_with_cells
from small_book import Book
from test_page import build

URL = "https://github.com/d2lcompute/d2lcompute"
PATH = "book/notebooks/cpu/pytorch/small.ipynb"
BLOB = f"{URL}/blob/main/{PATH}"


def set_up(book: Book, *lines: str, repository: str = URL, branch: str = "main") -> None:
    """Write a section `launch_buttons` with the lines into the settings."""
    book.edit(URL, repository, "_config.yml")
    book.edit("branch: main", f"branch: {branch}", "_config.yml")
    config = book.root / "_config.yml"
    section = "\n".join(["launch_buttons:", *(f"  {line}" for line in lines)])
    config.write_text(f"{config.read_text('utf8')}\n{section}\n", "utf8")


def buttons(book: Book, path: str = PATH) -> list[tuple[str, str]]:
    found = book.project.launch_buttons(book.root / path)
    return [(button.service, button.address) for button in found]


def test_without_settings_there_is_colab(book: Book) -> None:
    host = "https://colab.research.google.com/github/d2lcompute/d2lcompute"
    assert buttons(book) == [("Colab", f"{host}/blob/main/{PATH}")]


def test_without_settings_another_host_has_no_button(book: Book) -> None:
    book.edit(URL, "https://gitlab.com/a/b", "_config.yml")
    book.edit("html:\n", "html:\n  baseurl: https://b.example.org\n", "_config.yml")
    assert buttons(book) == []
    assert main(["check", "--project", str(book.root)]) == 1  # never run; the settings pass


@pytest.mark.parametrize(
    ("line", "service", "address"),
    [
        ("colab_url: https://colab.research.google.com", "Colab",
         f"https://colab.research.google.com/github/d2lcompute/d2lcompute/blob/main/{PATH}"),
        ("kaggle_url: https://www.kaggle.com", "Kaggle",
         "https://www.kaggle.com/kernels/welcome?src=https%3A%2F%2Fgithub.com%2Fd2lcompute%2F"
         "d2lcompute%2Fblob%2Fmain%2Fbook%2Fnotebooks%2Fcpu%2Fpytorch%2Fsmall.ipynb"),
        ("deepnote_url: https://deepnote.com/", "Deepnote",
         "https://deepnote.com/launch?url=https%3A%2F%2Fgithub.com%2Fd2lcompute%2F"
         "d2lcompute%2Fblob%2Fmain%2Fbook%2Fnotebooks%2Fcpu%2Fpytorch%2Fsmall.ipynb"),
        ("binderhub_url: https://mybinder.org", "Binder",
         "https://mybinder.org/v2/gh/d2lcompute/d2lcompute/main?urlpath="
         "tree%2Fbook%2Fnotebooks%2Fcpu%2Fpytorch%2Fsmall.ipynb"),
        ("jupyterhub_url: http://hub.example.edu:8000/jupyter", "JupyterHub",
         "http://hub.example.edu:8000/jupyter/hub/user-redirect/git-pull?"
         "repo=https%3A%2F%2Fgithub.com%2Fd2lcompute%2Fd2lcompute&branch=main&urlpath="
         "tree%2Fd2lcompute%2Fbook%2Fnotebooks%2Fcpu%2Fpytorch%2Fsmall.ipynb"),
    ],
)  # fmt: skip
def test_each_setting_gives_an_address(book: Book, line: str, service: str, address: str) -> None:
    set_up(book, line)
    assert buttons(book) == [(service, address)]


def test_every_service_is_tested() -> None:
    mark = test_each_setting_gives_an_address.pytestmark[0]  # type: ignore[attr-defined]
    assert {line.partition(":")[0] for line, *_ in mark.args[1]} == set(SERVICES)


def test_several_services_have_an_order(book: Book) -> None:
    set_up(book, *(f"{key}: {one.example}" for key, one in reversed(SERVICES.items())))
    names = ["Colab", "Kaggle", "Deepnote", "Binder", "JupyterHub"]
    assert [service for service, _ in buttons(book)] == names


@pytest.mark.parametrize("lines", [(), ('colab_url: ""', "thebe: false"), ("binderhub_url:",)])
def test_empty_settings_switch_services_off(book: Book, lines: tuple[str, ...]) -> None:
    set_up(book, *lines)
    assert buttons(book) == []


def test_jupyter_opens_the_interface_that_is_set(book: Book) -> None:
    set_up(book, "notebook_interface: jupyterlab", "binderhub_url: https://mybinder.org",
           "jupyterhub_url: https://hub.example.edu")  # fmt: skip
    (_, binder), (_, hub) = buttons(book)
    assert parse_qs(urlsplit(binder).query) == {"urlpath": [f"lab/tree/{PATH}"]}
    assert parse_qs(urlsplit(hub).query)["urlpath"] == [f"lab/tree/d2lcompute/{PATH}"]


@pytest.mark.parametrize(
    ("repository", "source"),
    [
        ("https://gitlab.com/group/team/b", "gl/group%2Fteam%2Fb"),
        ("https://git.example.org/a/b", "git/https%3A%2F%2Fgit.example.org%2Fa%2Fb"),
        (URL, "gh/d2lcompute/d2lcompute"),
    ],
)
def test_binder_opens_any_repository(book: Book, repository: str, source: str) -> None:
    set_up(book, "binderhub_url: https://mybinder.org", repository=repository, branch="fall/26")
    ((_, address),) = buttons(book)
    assert address.startswith(f"https://mybinder.org/v2/{source}/fall%2F26?urlpath=")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("collab_url: https://colab.research.google.com",
         "launch_buttons has no setting collab_url; allowed are colab_url, kaggle_url, "
         "deepnote_url, binderhub_url, jupyterhub_url, notebook_interface, thebe"),
        ("colab_url: true", "launch_buttons.colab_url is True; expected the address of the "
         "service alone, such as https://colab.research.google.com"),
        ("binderhub_url: mybinder.org", "launch_buttons.binderhub_url is 'mybinder.org'; expected"),
        ("kaggle_url: https://www.kaggle.com/?x=1", "launch_buttons.kaggle_url is"),
        ("jupyterhub_url: ['https://a.org']", "launch_buttons.jupyterhub_url is ['https://a.org']"),
        ("notebook_interface: retro", "launch_buttons.notebook_interface is 'retro'; allowed are "
         "classic and jupyterlab"),
        ("thebe: mybinder", "launch_buttons.thebe is 'mybinder'; allowed are true (cells run on "
         "the BinderHub or JupyterHub that is set, too) and false"),
        ("thebe: [true]", "launch_buttons.thebe is [True]; allowed are"),
        ("thebe: 0", "launch_buttons.thebe is 0; allowed are"),
        ("thebe: 1", "launch_buttons.thebe is 1; allowed are"),
        ("thebe: true", "launch_buttons.thebe is true, and there is no server to run cells on; "
         "set binderhub_url or jupyterhub_url too, or remove it"),
        ("colab_url: https://colab.research.google.com/github", "launch_buttons.colab_url is"),
        ("deepnote_url: https://deepnote.com/launch?url=x", "launch_buttons.deepnote_url is"),
        ("binderhub_url: https://mybinder.org/v2/gh/a/b/main", "launch_buttons.binderhub_url is"),
        ("binderhub_url: https://mybinder.org/build", "launch_buttons.binderhub_url is"),
        ("jupyterhub_url: https://hub.example.edu/hub", "launch_buttons.jupyterhub_url is"),
        ("jupyterhub_url: https://a.edu/x/hub/user-redirect", "launch_buttons.jupyterhub_url is"),
        ("binderhub_url: https://-", "launch_buttons.binderhub_url is 'https://-'; expected"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused(
    book: Book, capsys: pytest.CaptureFixture, line: str, message: str
) -> None:
    set_up(book, line)
    for command in ("check", "book"):  # before anything is built
        assert main([command, "--project", str(book.root)]) == 1
        assert f"error: _config.yml: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("launch_button:\n  colab_url: x\n", "launch_button is read by nothing; launch_buttons "),
        ("html:\n  launch_buttons: {}\n", "html.launch_buttons is read by nothing; "),
        ("html_theme_options:\n  launch_buttons: {}\n", "html_theme_options.launch_buttons is "),
        ("sphinx:\n  config:\n    html_theme_options:\n      launch_buttons: {}\n",
         "sphinx.config.html_theme_options.launch_buttons is read by nothing; "),
    ],
)  # fmt: skip
def test_launch_buttons_in_another_place_are_refused(
    book: Book, capsys: pytest.CaptureFixture, section: str, message: str
) -> None:
    path = book.root / "_config.yml"
    name = section.partition(":")[0]
    rest = re.sub(rf"(?m)^{name}:.*\n(?:[ #].*\n|\n)*", "", path.read_text("utf8"))
    path.write_text(f"{rest}\n{section}", "utf8")
    assert main(["check", "--project", str(book.root)]) == 1
    assert f"error: _config.yml: {message}" in capsys.readouterr().err


def test_a_book_in_a_folder_of_its_repository_is_refused(
    book: Book, capsys: pytest.CaptureFixture
) -> None:
    path = book.root / "_config.yml"
    text = re.sub(r"(?m)^ *path_to_book:.*\n", "", path.read_text("utf8"))
    path.write_text(text.replace("repository:\n", "repository:\n  path_to_book: docs\n"), "utf8")
    assert main(["check", "--project", str(book.root)]) == 1
    assert "repository.path_to_book is 'docs'; the book is at the root" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "binderhub_url: https://hub.example.edu/services/binder/",
        "jupyterhub_url: https://example.edu:8000/jupyter",
    ],
)
def test_a_hub_may_be_below_a_path(book: Book, line: str) -> None:
    set_up(book, line, "thebe: true")
    assert len(buttons(book)) == 1


@pytest.mark.parametrize("key", [key for key, one in SERVICES.items() if one.only_github])
def test_what_opens_only_github_is_refused_for_others(book: Book, key: str) -> None:
    set_up(book, f"{key}: https://a.example.org", repository="https://gitlab.com/a/b")
    with pytest.raises(EditionsError, match=f"{key} is set, and .* only notebooks on GitHub"):
        buttons(book)


def test_a_section_that_is_a_word_is_refused(book: Book) -> None:
    config = book.root / "_config.yml"
    config.write_text(f"{config.read_text('utf8')}\nlaunch_buttons: colab\n", "utf8")
    with pytest.raises(EditionsError, match="launch_buttons is 'colab'; expected settings"):
        buttons(book)


@pytest.mark.parametrize(
    ("lines", "binder", "jupyterhub"),
    [
        ((), "", ""),
        (("binderhub_url: https://mybinder.org",), "", ""),
        (("thebe: true", "binderhub_url: https://mybinder.org", "jupyterhub_url: https://h.edu/"),
         "https://mybinder.org/build/gh/d2lcompute/d2lcompute/fall%2F26", "https://h.edu"),
    ],
)  # fmt: skip
def test_where_cells_run(book: Book, lines: tuple[str, ...], binder: str, jupyterhub: str) -> None:
    set_up(book, *lines, branch="fall/26")
    assert book.project.live_servers == LiveServers(binder, jupyterhub)


def test_cells_can_run_nowhere(book: Book) -> None:
    set_up(book, "thebe: false")
    assert book.project.live_servers is None
    with pytest.raises(EditionsError, match=r"launch_buttons\.thebe is false"):
        serve_with_cells(book.project, 8888)


def test_the_settings_reach_the_pages(run_book: Book) -> None:
    set_up(run_book, "thebe: true", "jupyterhub_url: https://hub.example.edu")
    status, printed = build(run_book)
    assert status == 0, printed
    site = run_book.root / "_build" / "html"
    assert 'jupyterhub:"https://hub.example.edu"' in (
        site / "_static" / "live" / "book.js"
    ).read_text("utf8")
    page = BeautifulSoup((site / "book" / "small.html").read_text("utf8"), "html.parser")
    for framework in ("pytorch", "tensorflow"):
        (button,) = page.select(f"[data-framework={framework}] button.live-start")
        notebook = site / "book" / button["data-notebook"]
        assert notebook.resolve() == (site / f"notebooks/cpu/{framework}/small.ipynb").resolve()
        assert '"setup"' in notebook.read_text("utf8") and button.has_attr("hidden")
    run_book.edit("thebe: true", "thebe: false", "_config.yml")
    assert build(run_book)[0] == 0
    assert "live-start" not in (site / "book" / "small.html").read_text("utf8")


def test_a_page_has_the_buttons_of_each_edition(run_book: Book) -> None:
    set_up(run_book, "kaggle_url: https://www.kaggle.com", "binderhub_url: https://mybinder.org")
    folder = run_book.root / "exercises" / "notebooks" / "pytorch"
    folder.mkdir(parents=True)
    Path(folder, "small.ipynb").write_text("{}", "utf8")
    status, printed = build(run_book)
    assert status == 0, printed
    html = (run_book.root / "_build" / "html" / "book" / "small.html").read_text("utf8")
    page = BeautifulSoup(html, "html.parser")
    for framework in ("pytorch", "tensorflow"):
        links = page.select(f".chapter-edition[data-framework={framework}] .chapter-launch a")
        words = [link.get_text(strip=True) for link in links]
        assert words[:2] == ["Open in Kaggle", "Open in Binder"]
        assert "Open in Colab" not in words
        for link in links[:2]:
            ((_, (place,)),) = parse_qs(urlsplit(link["href"]).query).items()
            assert place.endswith(f"/{framework}/small.ipynb")
    (exercises,) = [link for link in page.select(".chapter-launch a") if "Exerc" in link.text]
    assert exercises["href"].startswith("https://www.kaggle.com/kernels/welcome?src=")
