"""`make links`: an address that does not answer is named; asking none is no success."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from editions.command_line import main
from small_book import Book

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_builds")]


class Handler(BaseHTTPRequestHandler):
    """Knows one page."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


@pytest.fixture
def linked(run_book: Book, server: str) -> Book:
    """The small book, whose one reference is on that server."""
    run_book.edit("https://example.org/sums", f"{server}/there", "book/references.bib")
    return run_book


def links(book: Book) -> int:
    return main(["links", "--project", str(book.root)])


def test_links_that_answer(linked: Book, server: str, capsys: pytest.CaptureFixture) -> None:
    linked.edit("Text.", f"[A]({server}/there).", "book/other.md")
    assert links(linked) == 0
    assert capsys.readouterr().out == "1 links answer\n"
    assert not (linked.root / "_build" / "html").exists()  # nothing of it gets among the pages


@pytest.mark.parametrize(
    ("path", "old"), [("book/other.md", "Text."), ("book/references.bib", "there")]
)
def test_a_dead_link_is_named(
    linked: Book, server: str, capsys: pytest.CaptureFixture, path: str, old: str
) -> None:
    new = "gone" if path.endswith("bib") else f"Text.\n\n[A]({server}/gone)"
    linked.edit(old, new, path)
    assert links(linked) == 1
    said = capsys.readouterr().err
    assert "these links lead nowhere" in said
    page = "book/references.md" if path.endswith("bib") else "book/other.md:"
    assert page in said
    assert f"{server}/gone: 404" in said
    assert "/there" not in said


def test_a_book_that_does_not_build(linked: Book, capsys: pytest.CaptureFixture) -> None:
    linked.edit("Text.", "[A](gone.md)", "book/other.md")
    assert links(linked) == 1
    assert "the book was not built" in capsys.readouterr().err


def test_asking_nothing_is_no_success(run_book: Book, capsys: pytest.CaptureFixture) -> None:
    run_book.edit(", url={https://example.org/sums}", "", "book/references.bib")
    assert links(run_book) == 1
    assert "no link was requested" in capsys.readouterr().err
