"""Say in one issue what moved: links that died, outputs that newer versions give.

    python3 .ci/weekly_issue.py moved

`moved` holds a folder for each check that failed: its `weekly.log`, and for other versions the list
of what was `installed.txt` and the `differences` of the notebooks. While an issue with the label is
open, it is brought up to date. Needs GitHub's command `gh`, and nothing that must be installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LABEL = "weekly"
TITLE = "Something moved: links, or versions of what the book is built on"
LIMIT = 60_000  # characters; GitHub takes 65,536
TAIL = 80  # lines of a log
SHARE = 20_000  # characters of one check's differences


def versions(text: str) -> dict[str, str]:
    """The versions in a list as `pip freeze` writes it."""
    found = re.findall(r"(?m)^([\w.-]+)==([^\s+;]+)", text)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def section(folder: Path, pins: dict[str, str]) -> str:
    """What one check has to say."""
    parts = [f"## {folder.name.removeprefix('moved-')}"]
    installed = folder / "installed.txt"
    if installed.is_file():
        now = versions(installed.read_text("utf8"))
        other = {name: new for name, new in now.items() if pins.get(name, new) != new}
        rows = [f"| {name} | {pins[name]} | {new} |" for name, new in sorted(other.items())]
        parts.append("\n".join(["| | pinned | here |", "|:--|:--|:--|", *rows]))
    given = sorted((folder / "differences").rglob("*.txt"))
    text = "\n".join(
        f"# {path.relative_to(folder / 'differences').with_suffix('')}\n{path.read_text('utf8')}"
        for path in given
    )
    if text:
        parts.append(f"Notebooks that differ: {len(given)}\n\n{fenced(text[:SHARE])}")
        if len(text) > SHARE:
            parts.append("The rest is in the run's artefacts.")
    log = folder / "weekly.log"
    if log.is_file():
        lines = log.read_text("utf8", errors="replace").splitlines()[-TAIL:]
        plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
        parts.append(f"The end of what was printed:\n\n{fenced(plain[-10_000:])}")
    return "\n\n".join(parts)


def fenced(text: str) -> str:
    """`text` as it stands, whatever fences it holds."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"


def body(moved: Path, run: str) -> str:
    """The issue's text.

    Raises:
        SystemExit: nothing moved, or it was not kept.
    """
    folders = sorted(path for path in moved.glob("*") if path.is_dir()) if moved.is_dir() else []
    if not folders:
        sys.exit(
            f"error: {moved} holds no folder of a check that failed: there is nothing to report"
        )
    pins = versions((ROOT / "requirements.txt").read_text("utf8"))
    head = f"Found by [the weekly run]({run})." if run else "Found by the weekly run."
    text = "\n\n".join([head, *(section(folder, pins) for folder in folders)])
    return text if len(text) <= LIMIT else f"{text[:LIMIT]}\n\n(cut here; see the run)"


def gh(*arguments: str, given: str | None = None) -> str:
    """What GitHub's command prints."""
    done = subprocess.run(
        ["gh", *arguments], input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> None:
    """Open the issue, or bring the open one up to date."""
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("error: name the folder of what failed: make report MOVED=folder")
    run = os.environ.get("WEEKLY_RUN", "")
    text = body(Path(sys.argv[1]), run)
    gh("label", "create", LABEL, "--force", "--description", "What the weekly run found")
    found = gh("issue", "list", "--state", "open", "--label", LABEL, "--json", "number")
    numbers = sorted(issue["number"] for issue in json.loads(found))
    if numbers:
        number = str(numbers[0])
        gh("issue", "edit", number, "--body-file", "-", given=text)
        gh("issue", "comment", number, "--body", f"Brought up to date: {run}")
    else:
        gh("issue", "create", "--title", TITLE, "--label", LABEL, "--body-file", "-", given=text)


if __name__ == "__main__":
    main()
