"""Check that every address outside the book answers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from textwrap import shorten

from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.site.build import run_build


def check_links(project: Project) -> str:
    """Request every address outside the book; return a line that says how many answered.

    Raises:
        EditionsError: an address does not answer, or there is no address to request; names the
            addresses and the pages that have them.
    """
    failure = None
    with tempfile.TemporaryDirectory(prefix="d2lcompute-links-") as scratch:
        # A folder of its own: this builder reads the pages with other results.
        output = ("--path-output", scratch)
        try:
            run_build(project, *output, "--builder", "custom", "--custom-builder", "linkcheck")
        except EditionsError as error:
            failure = error
        results = Path(scratch, "_build", "linkcheck", "output.json")
        lines = results.read_text("utf8").splitlines() if results.is_file() else []
    links = [json.loads(line) for line in lines]
    requested = [one for one in links if one["status"] not in ("local", "unchecked", "ignored")]
    dead = [
        f"  {one['filename']}:{one['lineno']}: {one['uri']}: {shorten(one['info'], 120)}"
        for one in requested
        if one["status"] in ("broken", "timeout")
    ]
    if dead:
        raise EditionsError("these links lead nowhere:\n" + "\n".join(dead))
    if failure:
        raise failure
    if not requested:
        raise EditionsError("no link was requested: the book has no link that leads outside")
    return f"{len(requested)} links answer"
