"""Build the site and hand it out on this machine, for a look at it."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from editions.building import build
from editions.errors import EditionsError
from editions.project import Project

HOST = "127.0.0.1"


def serve(project: Project, port: str) -> int:
    """Build the site and serve it until Ctrl-C; the port is taken before anything is built.

    Raises:
        EditionsError: the port is none, or cannot be taken; or the site was not built.
    """
    with open_server(project, port) as server:
        print(build(project))
        print(f"Serving http://{HOST}:{port}/ - stop with Ctrl-C", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def open_server(project: Project, port: str) -> ThreadingHTTPServer:
    """A server of the site, not yet serving."""
    if not (port.isdecimal() and port.isascii() and 0 < int(port) < 65536):
        raise EditionsError(f"PORT is {port or 'empty'}; allowed are the numbers from 1 to 65535")
    site = project.root / "_build" / "html"
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(site))
    try:
        return ThreadingHTTPServer((HOST, int(port)), handler)
    except OSError as error:
        raise EditionsError(
            f"PORT is {port}, which cannot be used: {error.strerror}. Name another: "
            f"make serve PORT={int(port) % 60000 + 1025}"
        ) from error
