"""Build the site and serve it on this machine."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.site.build import build

HOST = "127.0.0.1"


def serve(project: Project, port: int) -> int:
    """Open the port, build the site, and serve it until Ctrl-C.

    Raises:
        EditionsError: the port cannot be opened, or the site was not built.
    """
    with open_server(project, port) as server:
        print(build(project))
        print(f"Serving http://{HOST}:{port}/ - stop with Ctrl-C", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def open_server(project: Project, port: int) -> ThreadingHTTPServer:
    """A server of the site at an open port, not yet serving.

    Raises:
        EditionsError: the port cannot be opened.
    """
    site = project.root / "_build" / "html"
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(site))
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise EditionsError(
            f"port {port} cannot be used: {error.strerror}. Name another, such as "
            f"{port % 60000 + 1025}"
        ) from error
