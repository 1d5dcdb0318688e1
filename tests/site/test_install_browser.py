"""The script that sees to Chromium and bubblewrap, with commands that only say what they do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install-browser.sh"
NEEDED = ("sh", "cat", "env", "mktemp", "rm", "tail")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder of commands: a user without rights on Linux, nothing installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        (folder / name).symlink_to(shutil.which(name))
    add(folder, "uname", "echo Linux")
    add(folder, "id", "echo 1000")
    return folder


def add(folder: Path, name: str, does: str = "") -> None:
    path = folder / name
    path.write_text(f"#!{shutil.which('sh')}\n{does}\n")
    path.chmod(0o755)


def run(folder: Path) -> subprocess.CompletedProcess:
    shell = str(folder / "sh")
    return subprocess.run(
        [shell, str(SCRIPT)],
        env={"PATH": str(folder), "LOG": str(folder / "log")},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=20,
    )


def log(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome"])
def test_nothing_to_do(commands: Path, browser: str) -> None:
    for name in (browser, "bwrap"):
        add(commands, name)
    add(commands, "apt-get", 'echo "$@" >> "$LOG"')
    done = run(commands)
    assert (done.returncode, done.stdout, done.stderr, log(commands)) == (0, "", "", [])


def test_root_on_debian(commands: Path) -> None:
    add(commands, "id", "echo 0")
    add(commands, "bwrap")
    add(commands, "apt-get", 'echo "$@" >> "$LOG"')
    done = run(commands)
    assert done.returncode == 0
    assert done.stdout == "Installing chromium with apt-get\n"
    assert log(commands) == ["install -y -q --no-install-recommends chromium"]


def test_the_list_of_packages_is_fetched_when_it_is_needed(commands: Path) -> None:
    add(commands, "sudo", 'shift; if [ "$1" = true ]; then exit 0; fi; exec "$@"')
    add(commands, "apt-get", 'echo "$1" >> "$LOG"; [ "$1" = update ] || [ -e "$LOG.2" ] || '
        '{ : > "$LOG.2"; exit 100; }')  # fmt: skip
    done = run(commands)
    assert done.returncode == 0
    assert log(commands) == ["install", "update", "install"]


@pytest.mark.parametrize("sudo", ["exit 1", None])
def test_without_rights_it_says_what_to_type(commands: Path, sudo: str | None) -> None:
    add(commands, "apt-get", 'echo "$@" >> "$LOG"')
    if sudo:
        add(commands, "sudo", sudo)
    done = run(commands)
    assert done.returncode == 1 and log(commands) == []
    assert done.stderr.count("\n") == 1
    assert "Type: sudo apt-get update && sudo apt-get install chromium bubblewrap" in done.stderr


def test_a_failing_installation_fails(commands: Path) -> None:
    add(commands, "id", "echo 0")
    add(commands, "apt-get", "echo 'E: no such package'; exit 100")
    done = run(commands)
    assert done.returncode == 1
    assert "E: no such package" in done.stderr and "Type: sudo apt-get" in done.stderr


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_elsewhere_it_says_what_to_do(commands: Path, system: str) -> None:
    add(commands, "uname", f"echo {system}")
    done = run(commands)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the tests need chromium bubblewrap. Type: ")
    assert done.stderr.count("\n") == 1
