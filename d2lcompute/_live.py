"""A Jupyter server on this machine that runs the cells of the book's pages.

What protects the reader:

- The server listens on 127.0.0.1, and answers only with a token, which is new each time.
- The token is in the fragment of the address that is opened, which browsers send to no server. A
  page that the server itself serves keeps it for the tab; any other page keeps it in memory.
- Of other sites, only the one that was named may ask the server, and only with the token.
- Notebooks and files are kept in an empty folder that is deleted at the end.

Whoever has the token can run any program as this user. So pages show outputs without scripts:
`book/theme/live/outputs.js`.
"""

import secrets
import tempfile
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from d2lcompute._terminal import printable

HOST = "127.0.0.1"
PORT = 8888
IDLE = 3600  # seconds after which a kernel that nobody uses ends
NEEDED = {"jupyter_server": "jupyter-server", "ipykernel": "ipykernel"}


class LiveError(Exception):
    """The server cannot start; the message says what to do."""


def serve(page: str, port: int = PORT, folder: Path | None = None, browser: bool = True) -> None:
    """Start a server, open a page that runs its cells there, and serve until Ctrl-C.

    Args:
        page: the page to open: with `folder` its path in the folder, otherwise its address, or an
            empty string to open none.
        port: the port to listen on; if it is taken, another one.
        folder: a built site for the server to serve itself.
        browser: whether to open the page; its address is printed in any case.

    Raises:
        LiveError: Jupyter is not installed, the address is none, or no port is free.
    """
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        raise LiveError(f"not installed: {' and '.join(missing)}. pip install {' '.join(missing)}")
    token = secrets.token_urlsafe(24)
    origin = "" if folder or not page else origin_of(page)
    with tempfile.TemporaryDirectory(prefix="d2lcompute-live-") as work:
        server = _server(options(port, work, origin, folder), token)
        address = f"http://{HOST}:{server.port}{server.base_url}"
        own = f"{address}?token={token}"
        if folder:
            page = f"{address}static/{page}"
        opened = f"{page}#live={own}" if page else ""
        print(printable(_words(opened, own)), flush=True)
        if browser and opened:
            webbrowser.open(opened)
        server.start()


def origin_of(address: str) -> str:
    """Return the part of a page's address that names its site, as a browser does.

    Raises:
        LiveError: it is no address of a page.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise LiveError(
            f"{address} is no address of a page; expected one such as "
            "https://books.example.org/book/blocks.html"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def options(port: int, work: str, origin: str = "", folder: Path | None = None) -> list[str]:
    """Return the options of the server; they overrule the user's own configuration.

    Args:
        port: the port to listen on; if it is taken, another one.
        work: the folder in which kernels run.
        origin: the site whose pages may ask the server; empty for the server's own pages.
        folder: a built site for the server to serve under `/static`.
    """
    settings = {
        "ServerApp.ip": HOST,
        "ServerApp.port": str(port),
        "ServerApp.allow_remote_access": "False",
        "ServerApp.allow_root": "True",  # in containers one often is root
        "ServerApp.open_browser": "False",
        "ServerApp.terminals_enabled": "False",
        "ServerApp.root_dir": work,
        "ServerApp.allow_origin": origin,
        "ServerApp.log_level": "ERROR",
        "MappingKernelManager.cull_idle_timeout": str(IDLE),
        "MappingKernelManager.cull_interval": "300",
    }
    if folder:
        settings["ServerApp.extra_static_paths"] = str(folder)
    return [f"--{name}={value}" for name, value in settings.items()]


def _server(arguments: list[str], token: str) -> Any:
    """Return a Jupyter server that listens, and does not answer yet.

    Raises:
        LiveError: no port is free.
    """
    from jupyter_server.serverapp import ServerApp

    server = ServerApp()
    try:
        server.initialize([*arguments, f"--IdentityProvider.token={token}"], find_extensions=False)
    except SystemExit as error:
        raise LiveError("the Jupyter server does not start; its messages are above") from error
    return server


def _words(opened: str, own: str) -> str:
    lines = [f"The cells of a page run on {own}"]
    if opened:
        lines = [
            "Cells run on this machine. Open this address; keep it to yourself:",
            f"  {opened}",
        ]
    return "\n".join([*lines, "Stop with Ctrl-C."])
