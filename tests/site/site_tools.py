"""Build the site, serve it as a host would, and open its pages."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SLOW = 90_000  # ms: a framework imported, or a page opened, beside attacks that spin
COMPRESSED = {".html", ".css", ".js", ".svg", ".xml", ".json", ".txt"}


def build(root: Path, target: Path) -> Path:
    """Build the site of the project at `root` below `target`; returns the folder of its pages."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    extensions = str(root / "book" / "_ext")
    inherited = os.environ.get("PYTHONPATH")
    done = subprocess.run(
        [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
        + ["build", str(root), "--path-output", str(target)]
        + ["--warningiserror", "--nitpick", "--keep-going", "--quiet", "--all"],
        env={
            **os.environ,
            "PATH": path,
            "PYTHONPATH": f"{extensions}{os.pathsep}{inherited}" if inherited else extensions,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"the site does not build:\n{done.stdout}\n{done.stderr}"
    return target / "_build" / "html"


@dataclass
class Site:
    """A built site and where it is served."""

    folder: Path
    address: str
    sent: dict[str, int] = field(default_factory=dict)  # path → bytes on the wire

    def pages(self) -> list[str]:
        """Every page, but the redirection at the root."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.html"))
        return sorted(page for page in found if page != "index.html" and page[0] != "_")

    def chapters(self) -> list[str]:
        """The pages of chapters."""
        return [page for page in self.pages() if 'class="chapter-header"' in self.text(page)]

    def text(self, page: str) -> str:
        """The HTML of a page."""
        return (self.folder / page).read_text("utf8")


@cache
def compressed(path: Path, changed: int) -> bytes:
    """A file of text as it is sent; `changed` is its time of change, in nanoseconds."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)


@contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Serve `folder` at a free port of this machine; what is text goes compressed."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = Path(self.translate_path(self.path))
            path = path / "index.html" if path.is_dir() else path
            status = 200
            if not path.is_file():
                path, status = folder / "404.html", 404
            self.send_response(status)
            if path.suffix in COMPRESSED:
                body = compressed(path, path.stat().st_mtime_ns)
                self.send_header("Content-Encoding", "gzip")
            else:
                body = path.read_bytes()
            self.send_header("Content-Type", self.guess_type(str(path)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            site.sent[self.path.partition("?")[0].lstrip("/")] = len(body)

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass  # the browser left before the end

    server = Server(("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(folder)))
    site = Site(folder, f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Visit:
    """A reader new to the site, in a window of their own, and what the pages complain of."""

    def __init__(
        self,
        browser: Any,
        site: Site,
        address: str = "",
        *,
        width: int = 1280,
        scheme: str = "light",
        scripts: bool = True,
        local: bool = False,
        motion: str = "no-preference",
        forced: str = "none",
    ) -> None:
        self.site = site
        self.base = site.folder.as_uri() + "/" if local else site.address
        self.scripts = scripts
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=scripts,
            reduced_motion=motion,
            forced_colors=forced,
        )
        self.context.set_default_timeout(SLOW)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", lambda request: self._failed(request))
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        if address:
            self.go(address)

    def go(self, address: str) -> None:
        """Open another page of the site in the same window."""
        self.page.goto(self.base + address)

    def withhold_scripts(self) -> None:
        """From now on no script file arrives, but for the options that the page's head reads."""
        scripts = re.compile(r"/(?!documentation_options)[^/]+\.js(\?|$)")
        self.page.route(scripts, lambda route: route.fulfill(body=""))

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """What a script returns in the page."""
        return self.page.evaluate(script, argument)

    def shown(self) -> set[str]:
        """The frameworks whose panels can be seen, on a page that has both."""
        return set(
            self.evaluate(
                """() => [...document.querySelectorAll('.editions:not(.alone) > div > .cell')]
                .filter((cell) => cell.offsetHeight).map((cell) => cell.parentElement.className
                .match(/for-(\\w+)/)[1])"""
            )
        )

    def close(self) -> None:
        """Close the window."""
        self.context.close()

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, request: Any) -> None:
        left = "ERR_ABORTED" in (request.failure or "")  # the reader went on to another page
        off = request.resource_type == "script" and not self.scripts
        if not left and not off:
            self.complaints.append(f"failed: {request.url}")

    def _request(self, request: Any) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.complaints.append(f"asks another host: {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")
