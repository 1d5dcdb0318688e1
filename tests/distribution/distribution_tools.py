"""Environments that have the frameworks but not the book, and a stand-in for the site.

An environment is a fresh venv. What it is to see of the environment that runs the tests lies, as
links, in one folder that a `.pth` file names: the distributions asked for and what they depend on,
frameworks of gigabytes included, and nothing else. So `import d2lcompute`, `jupyter_book` and
`sphinx` fail there although the tests' own environment has them, and pip, which looks through the
same folder, takes for installed what Colab has installed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SUPPORTED = ("3.11", "3.12", "3.13")
COLAB_HAS = ("torch", "tensorflow", "keras", "numpy", "matplotlib", "ipykernel", "nbclient")
TIMEOUT = 900  # seconds, for one command

# Inside an environment: run a notebook as a person would who chooses "Run all".
RUN_ALL = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
for cell in notebook.cells:
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
client = NotebookClient(notebook, timeout=600, kernel_name="python3")
try:
    client.execute()
finally:
    nbformat.write(notebook, sys.argv[2])
"""


def run(*command: str | Path, check: bool = True, **settings: str) -> subprocess.CompletedProcess:
    """Run a command without the project on its path; `settings` are environment variables."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "PIP_CONSTRAINT", "MPLBACKEND", "D2L_UNATTENDED"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        env=environment | settings,
        cwd=settings.get("PWD"),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def interpreter(version: str) -> str | None:
    """A Python of that version, such as "3.12": ours, one on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *map(str, sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)),
    ]
    return next((one for one in candidates if one and _version(one) == version), None)


def _version(executable: str) -> str | None:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = run(executable, "-c", code, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


class Environment:
    """A fresh virtual environment, which sees of ours the distributions `reused` and no other."""

    def __init__(self, folder: Path, python: str, reused: Iterable[str] = ()) -> None:
        self.folder = folder
        run(python, "-m", "venv", folder)
        self.python = folder / "bin" / "python"
        if names := closure(reused):
            links = folder / "reused"
            links.mkdir()
            link(names, links)
            # venv may bring a setuptools older than PyTorch wants; Colab's is not.
            run(self.python, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools")
            code = "import sysconfig; print(sysconfig.get_path('purelib'))"
            site = Path(run(self.python, "-c", code).stdout.strip())
            (site / "reused.pth").write_text(f"{links}\n", "utf8")

    def pip(self, *arguments: str | Path, **settings: str) -> str:
        """Run pip; it must succeed. Returns what it printed."""
        return run(self.python, "-m", "pip", *arguments, **settings).stdout

    def versions(self) -> dict[str, str]:
        """Every distribution that pip sees here, with its version."""
        listed = json.loads(self.pip("list", "--format", "json"))
        return {canonicalize_name(one["name"]): one["version"] for one in listed}

    def can_import(self, module: str) -> bool:
        """Whether a fresh Python here imports `module`, from a folder with nothing in it."""
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        return (
            run(self.python, "-c", f"import {module}", check=False, PWD=str(empty)).returncode == 0
        )

    def would_install(self, *requirements: str | Path) -> dict[str, str]:
        """What installing them would put here, by name; nothing is installed."""
        report = self.folder / "report.json"
        self.pip("install", "--quiet", "--dry-run", "--report", report, *requirements)
        installs = json.loads(report.read_text("utf8"))["install"]
        return {
            canonicalize_name(one["metadata"]["name"]): one["metadata"]["version"]
            for one in installs
        }


def closure(names: Iterable[str]) -> set[str]:
    """The distributions called `names`, and all that they depend on and that is installed.

    With the extras that they ask for: PyTorch's build for GPUs gets CUDA as extras of one package.
    """
    found: set[tuple[str, str]] = set()  # a name, and one of the extras asked of it or ""
    todo = [(canonicalize_name(name), "") for name in names]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        name, extra = one
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(one)
        for wanted in map(Requirement, requires):
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(wanted.name), more) for more in ("", *wanted.extras)]
    return {name for name, _ in found}


def link(names: Iterable[str], folder: Path) -> None:
    """Link what the distributions put at the top of their `site-packages` into `folder`."""
    for name in names:
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            if not top.endswith(".pth") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))


def serve_instead_of(address: str, branch: str, folder: Path) -> dict[str, str]:
    """Make `folder` a git repository; return the settings under which git takes it for `address`.

    Nothing that asks for `address` need know: it is git that looks elsewhere.
    """
    git = ("git", "-C", folder, "-c", "user.name=Test", "-c", "user.email=test@localhost")
    run(*git, "init", "--quiet", "--initial-branch", branch)
    run(*git, "add", "--all")
    run(*git, "commit", "--quiet", "--allow-empty", "--message", "As it stands", "--no-verify")
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }


def with_metadata(wheel: Path, folder: Path, pattern: str, replacement: str) -> Path:
    """A copy of `wheel` in whose metadata `pattern` is replaced: what the checks must refuse."""
    changed = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith(".dist-info/METADATA"):
                text, number = re.subn(pattern, replacement, data.decode())
                assert number, f"{pattern!r} is not in the metadata of {wheel.name}"
                data = text.encode()
            new.writestr(item, data)
    return changed
