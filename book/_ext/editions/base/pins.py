"""The versions that `requirements.txt` pins."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from editions.base.errors import SourceError


def read_pins(text: str, shown: str) -> dict[str, str]:
    """Read the pinned version of each package, by its normalized name.

    Options, addresses, paths and requirements without an exact version are ignored, and so are
    extras and environment markers: notebooks must not depend on the machine that reads them.

    Args:
        text: the requirements file.
        shown: its name in messages.

    Raises:
        SourceError: a line is not a requirement; names the line.
    """
    pins: dict[str, str] = {}
    for line, entry in _entries(text):
        if re.match(r"-|[^\s@;]*/", entry):  # an option, an address or a path
            continue
        try:
            requirement = Requirement(entry)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            raise SourceError(shown, line, f"{entry!r} is not a requirement: {reason}") from error
        for specifier in requirement.specifier:
            exact = specifier.operator == "==" and not specifier.version.endswith(".*")
            if exact or specifier.operator == "===":
                pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def _entries(text: str) -> list[tuple[int, str]]:
    """The entries of a requirements file, each with its first line, as pip reads them."""
    entries: list[tuple[int, str]] = []
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        uncommented = re.sub(r"(^|\s)#.*$", "", line)
        parts.append(uncommented.removesuffix("\\"))
        if uncommented.endswith("\\"):
            continue
        entry = re.sub(r"\s--?[a-zA-Z].*$", "", "".join(parts).strip())  # options, as --hash
        if entry:
            entries.append((number - len(parts) + 1, entry))
        parts = []
    return entries
