"""Raw HTML in Markdown: the tags that refer to files and labels of the book."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

ADDRESSES = frozenset(
    {"action", "background", "cite", "data", "href", "poster", "src", "srcset", "xlink:href"}
)
ABSOLUTE = re.compile(r"\s*(?:[a-zA-Z][a-zA-Z0-9+.-]*:|//)")


@dataclass(frozen=True)
class Reference:
    """An address in a tag."""

    tag: str  # the tag's name
    address: str
    line: int  # of the HTML, counted from 0


def relative_references(html: str) -> list[Reference]:
    """The addresses in tags that are not absolute."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return finder.relative


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.relative: list[Reference] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            addresses = [value or ""] if name in ADDRESSES else []
            if name == "style":
                addresses = re.findall(r"url\(\s*['\"]?([^'\")]*)", value or "")
            line = self.getpos()[0] - 1
            self.relative += [Reference(tag, a, line) for a in addresses if not ABSOLUTE.match(a)]

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Skip to the end of what begins with ``<![``, which the base class may raise for."""
        end = self.rawdata.find(">", i)
        return end + 1 if end >= 0 else -1
