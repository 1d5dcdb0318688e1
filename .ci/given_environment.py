"""Complete a bare environment by what is there, without a network: `.ci/test-gpu.sh` runs it.

The environment sees the packages of the Python D2L_PYTHON, which stay as they are. What else a run
of the notebooks needs comes from the folder D2L_WHEELS, and goes into the environment alone.
"""

from __future__ import annotations

import os
import shlex
import site
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from d2lcompute._frameworks import FRAMEWORKS  # noqa: E402

FOLDERS = """
import site
print(*site.getsitepackages(), sep="\\n")
if site.ENABLE_USER_SITE:
    print(site.getusersitepackages())
"""


def needed(framework: str) -> list[Requirement]:
    """What a run of the notebooks of a framework needs, the framework first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    extras = [*FRAMEWORKS[framework].extras, "run"]
    listed = [one for extra in extras for one in project["optional-dependencies"][extra]]
    return [Requirement(one) for one in [*listed, *project["dependencies"]]]


def show(python: str) -> None:
    """Let this environment see the project's own packages, and those of another Python."""
    lines = [str(ROOT / folder) for folder in ("", "book/_ext", "exercises")]
    if python:
        listed = subprocess.run([python, "-c", FOLDERS], stdout=subprocess.PIPE, text=True)
        for folder in listed.stdout.splitlines():
            lines.append(f"import site; site.addsitedir({folder!r})")
            site.addsitedir(folder)
    Path(sysconfig.get_path("purelib"), "given.pth").write_text("\n".join(lines) + "\n", "utf8")


def is_here(requirement: Requirement) -> bool:
    """Whether this environment sees a package, in a version that will do."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


def stop(python: str, what: str, missing: list[Requirement]) -> NoReturn:
    """Exit, with the names of what is missing and a way to get it."""
    names = [str(one) for one in missing]
    get = shlex.join([python or "python3", "-m", "pip", "download", "--dest", "wheels", *names])
    sys.exit(
        f"error: {what}: {', '.join(names)}. Where there is a network, the same Python fetches "
        f"them; then type WHEELS=wheels:\n  {get}"
    )


def install(missing: list[Requirement], wheels: Path, python: str) -> None:
    """Install packages from a folder; exit where it does not have them."""
    found = {canonicalize_name(one.name.split("-")[0]) for one in wheels.glob("*.whl")}
    if not found:
        sys.exit(f"error: WHEELS is {wheels}, which is no folder that has wheels (*.whl)")
    if gone := [one for one in missing if canonicalize_name(one.name) not in found]:
        stop(python, f"{wheels} has no wheels of", gone)
    print(f"Installing from {wheels}: {', '.join(map(str, missing))}", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-index", "--find-links", str(wheels), *map(str, missing)]
    if subprocess.run(command).returncode:
        sys.exit(f"error: what {wheels} has does not suffice")


def main(framework: str, python: str, wheels: str) -> None:
    """Complete the environment whose Python runs this."""
    show(python)
    requirements = needed(framework)
    missing = [one for one in requirements if not is_here(one)]
    if missing and wheels:
        install(missing, Path(wheels), python)
    elif requirements[0] in missing:
        sys.exit(
            f"error: PYTHON is {python}, which has no {requirements[0]}. Without PYTHON= it is "
            "installed from a package index, with WHEELS=folder from a folder"
        )
    elif missing:
        stop(python, f"{python} lacks", missing)
    # Before any kernel that the user has registered.
    kernel = [sys.executable, "-m", "ipykernel", "install", "--sys-prefix"]
    subprocess.run(kernel, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    program = Path(sysconfig.get_path("scripts"), "editions")
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m editions "$@"\n', "utf8")
    program.chmod(0o755)


if __name__ == "__main__":
    main(*(os.environ.get(f"D2L_{name}", "") for name in ("FRAMEWORK", "PYTHON", "WHEELS")))
