"""The first file that runs in a sandbox: ``python start.py SETTINGS``, with settings as JSON."""

import json
import os
import socket
import sys


def main() -> None:
    """Become a worker, or a zygote that starts workers."""
    settings = json.loads(sys.argv[1])
    connection = socket.socket(fileno=settings["descriptor"])
    if settings["mode"] == "zygote":
        from inside import zygote

        zygote.serve(connection, settings)
    else:
        from inside import worker

        if settings["scratch"]:
            os.chdir(settings["scratch"])
        worker.serve(connection, settings)


if __name__ == "__main__":
    main()
