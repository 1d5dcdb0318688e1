"""From where readers install the helper package: the requirement that pip is given.

The setting `editions_install_from` says it:

======== ===========================================================================
``site`` from a wheel that the site serves, so that neither git nor GitHub is needed
``pypi`` from the Python Package Index, in the version of this checkout
``git``  from the repository, which pip clones and builds
======== ===========================================================================

The site has a wheel for its branch, and for each tag to which a course is pinned, at an address
that names the branch or tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from editions.base.errors import EditionsError
from editions.base.files import read_text
from editions.base.settings import NAME, Settings

PACKAGE = "d2lcompute"
SETTING = "editions_install_from"
SOURCES = ("site", "pypi", "git")
FOLDER = "wheels"  # of the site


def install_source(settings: Settings) -> str:
    """From where the package is installed.

    Raises:
        EditionsError: the setting names no such source.
    """
    source = settings.sphinx_config.get(SETTING, SOURCES[0])
    if source not in SOURCES:
        raise EditionsError(f"{NAME}: {SETTING} is {source!r}; allowed are {', '.join(SOURCES)}")
    return str(source)


def package_version(root: Path) -> str:
    """The version of the package in a checkout.

    Raises:
        EditionsError: the package does not state it.
    """
    name = f"{PACKAGE}/__init__.py"
    found = re.search(r'(?m)^__version__ = "([^"]+)"', read_text(root / name, name))
    if not found:
        raise EditionsError(f'{name}: a line such as __version__ = "1.0.0" is missing')
    return found[1]


def wheel_name(version: str) -> str:
    """The name of the file."""
    return f"{PACKAGE}-{version}-py3-none-any.whl"


def requirement(settings: Settings, extras: Iterable[str] = (), state: str = "") -> str:
    """What `pip install` is given.

    Args:
        settings: the book's settings.
        extras: the package's extras, such as a framework.
        state: a branch or tag; by default the one of the settings.

    Raises:
        EditionsError: the setting is wrong, or the package does not state its version.
    """
    listed = ",".join(extras)
    name = f"{PACKAGE}[{listed}]" if listed else PACKAGE
    source, state = install_source(settings), state or settings.branch
    if source == "git":
        return f"{name} @ git+{settings.repository}@{state}"
    version = package_version(settings.root)
    if source == "pypi":
        return f"{name}=={version}"
    return f"{name} @ {settings.site}{FOLDER}/{quote(state)}/{wheel_name(version)}"
