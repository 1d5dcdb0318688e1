"""The program of a sandbox: ``python start.py SETTINGS``, where SETTINGS is JSON."""

import json
import os
import socket
import sys


def main() -> None:
    """Run as a worker, or as a zygote that forks workers."""
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
