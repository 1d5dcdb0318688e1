"""Cells that run on a page: Chromium, a Jupyter server and kernels, as a reader has them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from left_out import CHOSEN
from playwright.sync_api import Locator, expect
from site_tools import SLOW, Site, Visit
from test_pages import too_wide, violations

ROOT = Path(__file__).parents[2]
CHAPTER = "book/autograd.html"
BUTTON = "Run on this page"
pytestmark = pytest.mark.chapters("autograd")

START = """
import sys
from pathlib import Path
from d2lcompute import _live
page, port, *folder = sys.argv[1:]
_live.serve(page, int(port), *map(Path, folder), browser=False)
"""


@dataclass
class Jupyter:
    """A Jupyter server that also serves the site."""

    page: str  # the address that it prints
    address: str  # its own, with a slash at its end
    token: str

    @property
    def own(self) -> str:
        return f"{self.address}?token={self.token}"

    def kernels(self) -> list[dict[str, Any]]:
        with urlopen(f"{self.address}api/kernels?token={self.token}") as reply:
            return json.load(reply)


@contextmanager
def serving(page: str, *folder: Path) -> Iterator[Jupyter]:
    """A server that runs the cells of a page, of another site or of a built one in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", START, page, str(port), *map(str, folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            opened = next(line.strip() for line in process.stdout or () if "#live=" in line)
            match = re.fullmatch(r".*#live=(http://127\.0\.0\.1:\d+/)\?token=(.+)", opened)
            assert match
            yield Jupyter(opened, match[1], match[2])
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def jupyter(site: Site) -> Iterator[Jupyter]:
    """What `make live` starts, without building the site again."""
    with serving(CHAPTER, site.folder) as started:
        yield started


@pytest.fixture
def abroad(site: Site) -> Iterator[Jupyter]:
    """What `python -m d2lcompute live` starts for the pages of another site."""
    with serving(site.address + CHAPTER) as started:
        yield started


def named(words: str) -> re.Pattern[str]:
    """The name of a control: a cell that belongs to a framework also names it."""
    return re.compile(rf"^{words}( \(\w+\))?$")


class Reader(Visit):
    """A reader whose pages may also ask a Jupyter server."""

    def __init__(self, browser: object, site: Site, jupyter: Jupyter, **options: Any) -> None:
        super().__init__(browser, site, **options)
        self.jupyter = jupyter
        self.page.set_default_timeout(SLOW)
        self.recorded = ""  # what the second cell printed at first

    def start(self, framework: str = CHOSEN[0], page: str = CHAPTER) -> None:
        """Open a page from the Jupyter server, and press the button."""
        address = self.jupyter.page.replace(CHAPTER, page)
        self.page.goto(address.replace("#", f"?framework={framework}#"))
        self.press()
        expect(self.status).to_contain_text("Ready: cells run on http://127.0.0.1:")

    def press(self) -> None:
        self.page.get_by_role("button", name=BUTTON).first.click()

    @property
    def status(self) -> Locator:
        return self.page.locator(".live-status")

    def cell(self, number: int) -> Locator:
        """The cell whose button says this number, of those that can be seen."""
        button = self.page.get_by_role("button", name=named(f"(Run|Stop) cell {number}"))
        return self.page.locator(".cell").filter(has=button).filter(visible=True)

    def write(self, number: int, code: str) -> None:
        """Replace the code of a cell."""
        editor = self.page.get_by_role("textbox", name=named(f"Code of cell {number}"))
        editor.filter(visible=True).fill(textwrap.dedent(code).strip())

    def run(self, number: int, code: str = "") -> Locator:
        """Run a cell, with other code if that is given; its outputs."""
        if code:
            self.write(number, code)
        cell = self.cell(number)
        cell.get_by_role("button", name="Run").click()
        expect(cell).not_to_have_attribute("data-live", "running", timeout=SLOW)
        return cell.locator(".cell_output").first

    def state(self, number: int) -> str:
        return self.cell(number).locator(".live-cell > span").inner_text()

    def undo(self, number: int) -> None:
        self.cell(number).get_by_role("button", name="Undo").click()

    def forget(self, pattern: str) -> None:
        """Drop the complaints that a test has asked for."""
        self.complaints = [one for one in self.complaints if not re.search(pattern, one)]

    def unexpected(self) -> list[str]:
        """What the pages complained of, but for questions to the Jupyter server."""
        asked = f"asks another host: {self.jupyter.address}"
        return [one for one in self.complaints if not one.startswith(asked)]


Open = Callable[..., Reader]


@pytest.fixture
def reader(browser: object, site: Site, jupyter: Jupyter) -> Iterator[Open]:
    readers: list[Reader] = []

    def open_reader(**options: Any) -> Reader:
        readers.append(Reader(browser, site, jupyter, **options))
        return readers[-1]

    yield open_reader
    complaints = [complaint for one in readers for complaint in one.unexpected()]
    for one in readers:
        one.close()
    assert complaints == []


# -- with a framework ------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=CHOSEN)
def running(
    request: pytest.FixtureRequest, browser: object, site: Site, jupyter: Jupyter
) -> Iterator[Reader]:
    """A reader who has run the first two cells of the chapter; the tests share the kernel."""
    one = Reader(browser, site, jupyter)
    one.start(request.param)
    one.recorded = one.run(2).inner_text()
    yield one
    assert one.unexpected() == []
    one.close()


def test_a_cell_runs_with_what_stands_above_it(running: Reader) -> None:
    assert [running.state(number) for number in (1, 2)] == ["[1] as recorded", "[2] as recorded"]
    assert re.search(r": cell 2 ran: as recorded$", running.status.inner_text())
    assert running.cell(2).locator(".live-recorded").count() == 0


def test_what_differs_from_the_recorded_output_is_marked(running: Reader) -> None:
    assert running.recorded.startswith("c = ")
    output = running.run(2, "print(x.shape, type(d2l).__name__)")
    assert output.inner_text().strip() == "(3, 4) module"  # what the first cell made
    assert running.state(2).endswith("differs from the recorded output")
    before = running.cell(2).locator(".live-recorded")
    before.locator("summary").click()
    assert before.locator(".cell_output").inner_text() == running.recorded
    running.undo(2)
    assert "x.shape" not in running.cell(2).locator("pre").first.inner_text()


def test_an_error_shows_its_traceback_and_stops_what_stands_below(running: Reader) -> None:
    running.run(1, "first = 1\nundefined + 1")
    running.run(2)
    output = running.cell(1).locator(".cell_output").first
    assert "NameError: name 'undefined' is not defined" in output.inner_text()
    assert output.locator(".live-colour-1, .live-colour-2").count() > 0
    assert "\x1b" not in output.inner_text()
    assert re.fullmatch(r"\[\d+\] failed: NameError", running.state(1))
    assert running.state(2) == ""
    assert running.status.inner_text().endswith("cell 1 failed: NameError")
    running.undo(1)
    running.run(2)
    assert running.state(2).endswith("as recorded")


def test_stop_and_restart(running: Reader) -> None:
    running.write(2, "kept = 5\nprint('begun', flush=True)\nwhile True: pass")
    running.cell(2).get_by_role("button", name="Run").click()
    expect(running.cell(2).locator(".cell_output").first).to_contain_text("begun")
    running.cell(2).get_by_role("button", name="Stop").click()
    expect(running.cell(2)).not_to_have_attribute("data-live", "running", timeout=SLOW)
    assert running.state(2).endswith("failed: KeyboardInterrupt")
    assert running.run(2, "print(kept)").inner_text().strip() == "5"  # the state is kept
    running.page.get_by_role("button", name="Restart").click()
    expect(running.status).to_contain_text("restarted; no cell has run")
    assert running.state(1) == ""
    assert "NameError: name 'kept'" in running.run(2).inner_text()
    assert running.state(1) == "[1] as recorded"  # run again by itself
    running.undo(2)


def test_run_all_begins_at_the_top(running: Reader) -> None:
    running.write(1, "import time\nprint('top')")
    running.write(2, "print('second', flush=True)\ntime.sleep(600)")
    running.page.get_by_role("button", name="Run all").click()
    expect(running.cell(2).locator(".cell_output").first).to_contain_text("second")
    assert running.cell(1).locator(".cell_output").first.inner_text().strip() == "top"
    running.page.get_by_role("button", name="Stop", exact=True).click()
    expect(running.page.locator("[data-live=running]")).to_have_count(0)  # nor what waited below
    for number in (1, 2):
        running.undo(number)
    running.run(1)


def test_a_prediction_is_not_given_away(running: Reader) -> None:
    page = running.page
    asked = page.locator("#predict-broadcast + .cell")
    button = asked.locator(".live-cell button").first
    number = int(re.search(r"\d+", button.get_attribute("aria-label"))[0])
    answer = page.locator("#answer-broadcast")
    running.run(number)
    assert running.state(number).endswith("its output is with the answer to the question")
    assert asked.locator(".cell_output").count() == 0
    assert not answer.locator(".cell_output").first.is_visible()
    answer.get_by_label("Your prediction").fill("3")
    answer.get_by_role("button", name="This is my answer").click()
    assert answer.locator(".cell_output").first.inner_text().strip() == "array([3., 3., 3., 3.])"
    running.run(number, "grad_row.shape")
    assert answer.locator(".cell_output").first.inner_text().strip() == "(4,)"
    assert running.state(number).endswith("differs from the recorded output")
    running.undo(number)


ANSWER = """
def parameters(inputs, width, hidden, blocks, outputs):
    dense = lambda m, n: m * n + n
    block = dense(width, hidden) + dense(hidden, width)
    return dense(inputs, width) + blocks * block + dense(width, outputs)
"""


@pytest.mark.chapters("blocks")
@pytest.mark.parametrize("framework", CHOSEN)
def test_an_exercise_is_answered_and_checked_on_its_page(reader: Open, framework: str) -> None:
    one = reader()
    one.start(framework, "book/blocks-exercises.html")
    codes = one.page.locator(".cell .cell_input pre:visible").all_inner_texts()
    starter, checked = (
        next(at for at, code in enumerate(codes, 1) if code.startswith(begun))
        for begun in ("def parameters(", 'check("blocks.count"')
    )
    output = one.run(checked)  # with all cells above: no answer yet
    expect(output).to_contain_text("blocks.count: 0 of ")
    assert "recorded" not in one.state(checked)
    one.run(starter, ANSWER.replace("blocks * block", "block"))
    output = one.run(checked)
    expect(output).to_contain_text("expected")
    assert output.locator("table, strong").count() > 0  # HTML, not its text
    one.run(starter, ANSWER)
    output = one.run(checked)
    (points,) = re.findall(r"blocks\.count: ([\d.]+) of ([\d.]+)", output.inner_text())
    assert points[0] == points[1]
    assert "recorded" not in one.state(checked)


# -- outputs, without a framework ------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(browser: object, site: Site, jupyter: Jupyter) -> Iterator[Reader]:
    """A reader whose first cell runs whatever a test writes; the tests share the kernel."""
    one = Reader(browser, site, jupyter)
    one.start()
    yield one
    assert one.unexpected() == []
    one.close()


def test_html_is_shown_without_what_could_run_or_leave_the_page(plain: Reader) -> None:
    output = plain.run(
        1,
        r"""
        from IPython.display import HTML
        HTML('''<script>window.hurt = 1</script><style>body { display: none }</style>
        <table class="site-header" id="main" onclick="window.hurt = 2">
        <tr><th scope="row" style="text-align: right; position: fixed; background: url(x)">
        n</th><td colspan="2">1 <b>bold</b></td></tr></table>
        <img src="http://127.0.0.1:1/x.png" onerror="window.hurt = 3"><svg onload="window.hurt = 4">
        <a href="javascript:window.hurt = 5">a</a><iframe srcdoc="x"></iframe></svg>
        <a href="javascript:window.hurt = 6">bad</a> <a href="https://example.org/">good</a>
        <form action="/api"><input name="a"></form><math><mtext><img src=x onerror="hurt=7">''')
        """,
    )
    assert output.locator("td").inner_text() == "1 bold"
    assert output.locator("th").get_attribute("style") == "text-align: right;"
    assert output.locator("table").evaluate("(table) => table.attributes.length") == 0
    assert output.locator("script, style, svg, iframe, form, input, math").count() == 0
    assert [one.get_attribute("href") for one in output.locator("a").all()] == [
        None,
        "https://example.org/",
    ]
    assert output.locator("img[src]").count() == 0
    assert plain.evaluate("window.hurt") is None


def test_drawings_are_pictures_and_their_scripts_do_not_run(plain: Reader) -> None:
    output = plain.run(
        1,
        """
        from IPython.display import SVG, Javascript, display
        display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
                    '<script>window.hurt = 1</script><circle r="9"/></svg>'))
        display(Javascript("window.hurt = 2"))
        """,
    )
    assert output.locator("img").evaluate("async (img) => (await img.decode(), img.width)") == 40
    assert "<IPython.core.display.Javascript object>" in output.inner_text()
    assert plain.evaluate("window.hurt") is None


def test_progress_updates_and_cleared_outputs(plain: Reader) -> None:
    output = plain.run(
        1,
        r"""
        import sys
        from IPython.display import clear_output, display
        print("gone"); clear_output(wait=True); print("kept")
        for i in range(300): print(f"\r{i} of 300", end="")
        print("\r\x1b[1mdone\x1b[0m      \n<b>&amp;</b>")
        handle = display("first", display_id=True)
        print("warning", file=sys.stderr)
        handle.update("second")
        """,
    )
    lines = [line.strip() for line in output.inner_text().splitlines() if line.strip()]
    assert lines == ["kept", "done", "<b>&amp;</b>", "'second'", "warning"]
    assert output.locator(".live-bold").inner_text() == "done"
    assert output.locator(".stderr").inner_text().strip() == "warning"


def test_input_is_asked_for_and_answered(plain: Reader) -> None:
    plain.write(1, "name = input('Your name? ')\nprint(f'Hello {name}')")
    plain.cell(1).get_by_role("button", name="Run").click()
    field = plain.page.get_by_label("Your name?")
    expect(field).to_be_focused()
    plain.page.keyboard.type("Ada")
    plain.page.keyboard.press("Enter")
    expect(plain.cell(1).locator(".cell_output").first).to_contain_text("Hello Ada")
    assert plain.page.locator(".live-input").count() == 0
    secret = "from getpass import getpass\nx = getpass('Key? ')\nprint(len(x))"
    plain.write(1, secret)
    plain.cell(1).get_by_role("button", name="Run").click()
    plain.page.get_by_label("Key?").fill("abc")
    plain.page.get_by_role("button", name="Send").click()
    output = plain.cell(1).locator(".cell_output").first
    expect(output).to_contain_text("3")
    assert "abc" not in output.inner_text()


def test_by_keyboard(plain: Reader) -> None:
    plain.write(1, "for i in range(2):")
    page = plain.page
    editor = page.get_by_role("textbox", name=named("Code of cell 1")).filter(visible=True)
    editor.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("print(i)")
    page.keyboard.press("Control+Enter")
    expect(plain.cell(1).locator(".cell_output").first).to_have_text(re.compile(r"^\s*0\s+1\s*$"))
    for _ in range(2):  # out of the code, and past the button that copies it
        page.keyboard.press("Tab")
    expect(plain.cell(1).get_by_role("button", name="Run cell 1")).to_be_focused()


def test_a_kernel_that_dies_says_so_and_starts_again(plain: Reader) -> None:
    plain.run(1, "import os\nos.kill(os.getpid(), 9)")
    expect(plain.status).to_contain_text("The kernel died, perhaps because memory was short.")
    assert plain.state(1) == "not finished"
    assert plain.run(1, "print('here again')").inner_text().strip() == "here again"


def test_a_restart_loses_no_message(reader: Open) -> None:
    """With a set-up that ends at once: the new process answers before its listeners are there."""
    one = reader()
    quick = {"cell_type": "code", "metadata": {"tags": ["setup"]}, "source": "pass"}
    one.page.route("**/*.ipynb", lambda route: route.fulfill(json={"cells": [quick]}))
    one.start()
    for _ in range(8):
        one.run(1, "print(1)")
        one.page.get_by_role("button", name="Restart").click()
        expect(one.status).to_contain_text("restarted; no cell has run", timeout=20_000)
    one.run(1, "import os\nos.kill(os.getpid(), 9)")
    expect(one.status).to_contain_text("The kernel died")
    assert one.run(1, "print('again')").inner_text().strip() == "again"


# -- where cells run -------------------------------------------------------------------------------


def loaded(reader: Visit) -> list[str]:
    return [url for url in reader.requests if "/live/" in url]


def test_nothing_is_loaded_before_the_button_is_pressed(reader: Open, site: Site) -> None:
    one = reader()
    one.page.goto(one.jupyter.page)
    one.page.wait_for_load_state("networkidle")
    assert loaded(one) == [] and "token" not in one.page.url
    assert one.page.get_by_role("button", name=BUTTON).count() == 1  # one is hidden
    one.press()
    expect(one.status).to_contain_text("Ready")
    names = {url.rpartition("/")[2] for url in loaded(one)}
    assert names == {"live.js", "book.js", "cells.js", "kernel.js", "outputs.js", "live.css"}
    assert all(url.startswith(one.jupyter.address) for url in one.requests)
    one.page.goto(f"{one.jupyter.address}static/book/blocks.html")  # the tab keeps the token
    one.press()
    expect(one.status).to_contain_text("Ready")


def test_a_page_of_another_site_keeps_the_token_in_memory(reader: Open, abroad: Jupyter) -> None:
    one = reader()
    one.jupyter = abroad
    one.page.goto(abroad.page)
    expect(one.status).to_contain_text("Ready")  # the address asked for it
    assert "token" not in one.page.url
    assert (
        one.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])").find(
            one.jupyter.token
        )
        == -1
    )
    one.run(1, "print(6 * 7)")
    assert one.cell(1).locator(".cell_output").first.inner_text().strip() == "42"
    ids = {kernel["id"] for kernel in one.jupyter.kernels()}
    one.page.locator(".bd-sidebar-primary a", has_text="Initialization").first.click()
    expect(one.status).to_contain_text("Ready")  # the next page knows the server, too
    assert one.page.url.split("?")[0].endswith("/initialization.html")
    assert one.jupyter.token not in one.page.url
    ended = {kernel["id"] for kernel in one.jupyter.kernels()}
    assert len(ids - ended) == 1  # the page that was left took its kernel with it


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{own}x", "refused the token"),
        ("http://127.0.0.1:1/?token=a", "http://127.0.0.1:1/ does not answer. Is the server"),
        ("https://evil.example/?token=a", "https://evil.example is no server that this book"),
        ("{address}", "The address has no token"),
        ("nonsense", "This is no address"),
    ],
)
def test_an_address_that_does_not_work_is_explained(
    reader: Open, address: str, message: str
) -> None:
    one = reader()
    one.go(f"{CHAPTER}#live={address.format(own=one.jupyter.own, address=one.jupyter.address)}")
    expect(one.status).to_contain_text(message)
    assert not any("evil.example" in url for url in one.requests)
    assert one.page.locator(".live-bar").count() == 0
    one.forget(r"127\.0\.0\.1|ERR_|403|CORS")
    one.page.get_by_label("Or the address").fill(one.jupyter.own)  # the panel is still there
    one.page.get_by_role("button", name="Connect").click()
    expect(one.status).to_contain_text("Ready")


def test_the_button_asks_where_and_can_be_left(reader: Open) -> None:
    one = reader()
    one.go(CHAPTER)
    one.press()
    panel = one.page.get_by_role("group", name="Where the cells run")
    command = f"python -m d2lcompute live {one.page.url}"
    assert panel.locator("code").inner_text() == command
    expect(panel.get_by_label("Or the address")).to_be_focused()
    one.page.keyboard.press("Escape")
    assert panel.count() == 0
    expect(one.page.get_by_role("button", name=BUTTON)).to_be_focused()


def test_a_server_that_is_gone_is_said(reader: Open) -> None:
    one = reader()
    one.start()
    one.page.evaluate(
        """() => { const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (one) { send.call(this, one); this.close(); } }"""
    )
    one.run(1, "1")
    expect(one.status).to_contain_text("is lost, and with it all variables")
    assert one.state(1) == "not finished"


def with_servers(reader: Reader, **servers: str) -> None:
    """Let the pages find other servers in the settings of the book."""

    def changed(route: Any) -> None:
        text = route.fetch().text()
        for key, address in servers.items():
            text = re.sub(rf'"?\b{key}\b"?: ?""', f'"{key}":"{address}"', text)
        assert all(address in text for address in servers.values())
        route.fulfill(body=text, content_type="text/javascript")

    reader.page.route("**/live/book.js", changed)


def test_a_jupyterhub_gets_the_token_in_a_header(reader: Open) -> None:
    """Against a Jupyter server at the address of a user's server."""
    one = reader()
    hub = "http://hub.example.edu"
    with_servers(one, jupyterhub=hub)
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append(route.request)
        path = route.request.url.partition("/user/ada/")[2]
        token = {"Authorization": route.request.headers.get("authorization", "")}
        reply = route.fetch(url=one.jupyter.address + path, headers=token)
        route.fulfill(response=reply, headers={"Access-Control-Allow-Origin": "*"})

    one.page.route(f"{hub}/user/ada/**", answer)
    one.go(CHAPTER)
    one.press()
    one.page.get_by_label("User name").fill("ada")
    one.page.get_by_label("Token", exact=True).fill(one.jupyter.token)
    one.page.get_by_role("button", name="Connect").last.click()
    expect(one.status).to_contain_text(f"Ready: cells run on {hub}/user/ada/")
    (request,) = (each for each in asked if each.method == "GET")
    assert "token" not in request.url
    assert request.headers["authorization"] == f"token {one.jupyter.token}"
    one.forget(re.escape(hub))


# Two more answers of the hub of binder_exchange.txt: to a branch that is not there, and the last
# event of a build that failed.
REFUSED = (
    'data: {"phase": "failed", "message": "Could not resolve ref for '
    "git:git%3A%2F%2F127.0.0.1%3A19418%2Fbook/nobranch. Double check your URL and that your repo "
    'is public.\\n"}\n\n'
)
NO_WORDS = 'data: {"phase": "failed"}\n\n'

# Keeps the texts of the line that says how far the hub is.
TOLD = """() => {
  const line = document.querySelector(".live-status");
  window.told = [];
  new MutationObserver(() => told.push(line.textContent)).observe(line, { childList: true });
}"""


def test_a_binderhub_by_its_exchange(reader: Open) -> None:
    """Against what a BinderHub answered, with a server of ours in place of the one it started."""
    one = reader()
    build = "https://binder.example.org/build/gh/d2lcompute/d2lcompute/main"
    with_servers(one, binder=build)
    told = Path(__file__).with_name("binder_exchange.txt").read_text("utf8")
    events = re.findall(r"(?m)^data: (.*)$", told)
    ready = json.loads(events[-1])
    assert ready["url"].endswith("/") and len(ready["token"]) > 20
    begun = told.replace(ready["url"], one.jupyter.address)
    answers = [REFUSED, NO_WORDS, begun.replace(ready["token"], one.jupyter.token)]
    accepted: list[str] = []

    def answer(route: Any) -> None:
        accepted.append(route.request.headers["accept"])
        headers = dict(re.findall(r"(?m)^:(Access-[\w-]+|Cache-Control): (.*)$", told))
        assert headers["Access-Control-Allow-Origin"] == "*"
        route.fulfill(body=answers.pop(0), content_type="text/event-stream", headers=headers)

    one.page.route(build, answer)
    one.go(CHAPTER)
    one.press()
    begin = one.page.get_by_role("button", name="Start")
    expect(begin).to_be_visible()
    one.evaluate(TOLD)
    begin.click()
    expect(one.status).to_contain_text("No machine was started: Could not resolve ref for git:")
    begin.click()
    expect(one.status).to_have_text("No machine was started: the hub gives no reason")
    begin.click()
    expect(one.status).to_contain_text(f"Ready: cells run on {one.jupyter.address}")
    assert accepted == 3 * ["text/event-stream"]
    steps = one.evaluate("told")
    assert "waiting: Waiting for build to start..." in steps
    assert "Picked Git content provider." in steps  # repo2docker names no phase
    assert "launching: Launching server..." in steps and len(steps) == 4 + len(events)
    assert not [step for step in steps if "undefined" in step]
    one.forget(re.escape(build))


def test_files_and_readers_without_scripts_see_no_button(visit: Callable[..., Visit]) -> None:
    assert visit(CHAPTER, scripts=False).page.locator(".live-start:visible").count() == 0
    assert visit(CHAPTER, local=True).page.locator(".live-start:visible").count() == 0


def test_side_by_side_every_control_has_a_name_of_its_own(reader: Open) -> None:
    one = reader()
    one.start()
    if len(CHOSEN) > 1:
        one.page.locator(".side-switch").click()
    names = one.evaluate(
        "[...document.querySelectorAll('.cell :is(button, [role=textbox])[aria-label]')]"
        ".filter((one) => one.checkVisibility()).map((one) => one.ariaLabel)"
    )
    ours = [name for name in names if re.match("(Run|Code of) cell", name)]
    assert len(ours) > 4 and len(set(ours)) == len(ours)


# -- how it looks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_axe_finds_nothing(reader: Open, width: int, scheme: str) -> None:
    one = reader(width=width, scheme=scheme)
    with_servers(one, jupyterhub="https://hub.example.edu", binder="https://b.example.org/build/x")
    one.go(CHAPTER)
    one.press()
    expect(one.page.locator(".live-panel")).to_be_visible()
    if width == 360:
        assert violations(one) == []
        assert too_wide(one) <= 0
    one.page.get_by_label("Or the address").fill(one.jupyter.own)
    one.page.get_by_role("button", name="Connect").first.click()
    expect(one.status).to_contain_text("Ready")
    one.run(1, "import sys\nprint('x' * 300)\nprint('y', file=sys.stderr)\nnone")
    one.page.evaluate("scrollTo(0, 2000)")
    assert violations(one) == []
    assert too_wide(one) <= 0
