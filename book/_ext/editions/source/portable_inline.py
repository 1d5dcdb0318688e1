"""Inline elements made portable: links, pictures, footnotes, roles, formulas and raw HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from editions.base.errors import SourceError
from editions.base.project import Project
from editions.source import unrendered_syntax
from editions.source.citations import bibliography, bibliography_files
from editions.source.inline_elements import Inline, parse_inline
from editions.source.link_targets import BOOK_SCHEMES, LinkTargets, file_on
from editions.source.page_definitions import Definitions
from editions.source.raw_html import relative_references
from editions.source.text_edits import Edit, edited

PLAIN_ROLES = ("sub", "sup", "kbd")
CITATIONS = ("cite:p", "cite:t", "cite")


@dataclass
class InlineConverter:
    """Converts the inline elements of one cell.

    Its methods raise a `SourceError` for an element without a conversion, or one that refers to
    something that does not exist.
    """

    project: Project
    page: Path  # the source: links and pictures are relative to it
    definitions: Definitions  # of the page
    targets: LinkTargets
    footnotes: list[str] = field(default_factory=list)  # labels of those met, in their order

    def convert(self, text: str, line: int) -> str:
        """Convert a text without blocks, such as a title, which is on line `line`."""
        elements = parse_inline(text, self.definitions.environment())
        return edited(text, self.edits(elements, text, line))

    def edits(self, elements: list[Inline], text: str, line: int) -> list[Edit]:
        """The edits that convert elements of a text, which begins on line `line`."""
        return [
            edit
            for element in elements
            for edit in self._edits_of(element, text, line + text.count("\n", 0, element.start))
        ]

    def picture(self, address: str, line: int) -> str:
        """The absolute address of a picture."""
        if re.match(r"https?:", address):
            return address
        path = file_on(self.project, self.page, address)
        if not path.is_file():
            self.fail(line, f"the picture {address!r} does not exist beside the page")
        return self.project.raw_address(path)

    def check_html(self, html: str, line: int) -> None:
        """Refuse a tag that refers to the book by a relative address."""
        for reference in relative_references(html):
            self.fail(
                line + reference.line,
                f"the tag <{reference.tag}> refers to {reference.address!r}, which is found "
                "neither from the page nor from a notebook: write [words](address), "
                "![words](address) or a figure",
            )

    def fail(self, line: int, message: str) -> NoReturn:
        """Raise a `SourceError` that names the page and the line."""
        raise SourceError(self.project.relative(self.page), line, message)

    def _edits_of(self, element: Inline, text: str, line: int) -> Iterator[Edit]:
        source = " ".join(text[element.start : element.end].split())
        if kind := unrendered_syntax.BY_NAME.get(element.kind):
            self.fail(line, f"{kind.name} '{source}' would appear as raw text: {kind.advice}")
        if element.kind == "link":
            yield from self._link(element, text, line)
        elif element.kind == "image":
            yield from self._image(element, text, line)
        elif element.kind == "autolink":
            yield from self._autolink(element, line)
        elif element.kind == "html_inline":
            self.check_html(text[element.start : element.end], line)
        elif element.kind == "math_inline":
            self._check_formula(element, text, line)
        elif element.kind == "myst_role":
            name, content = element.token.meta["name"], element.token.content.strip()
            yield element.start, element.end, self._role(name, content, line)
        elif element.kind == "footnote_ref":
            yield element.start, element.end, self._footnote(element.token.meta["label"], line)

    def _link(self, element: Inline, text: str, line: int) -> Iterator[Edit]:
        address = str(element.token.attrs["href"])
        if not address:
            self.fail(line, f"the link {text[element.start : element.end]!r} has no address")
        opening, closing = element.words
        words = text[opening:closing]
        if not words.strip():
            yield opening, closing, self._title(address, line)
        if self.targets.leaves_out(self.page, address):
            yield element.start, opening, ""
            yield closing, element.end, ""
        elif element.address is None:
            yield closing, element.end, f"]({self._target(address, line)}{_title_part(element)})"
        elif (target := self._target(address, line)) != address:
            yield *element.address, target

    def _autolink(self, element: Inline, line: int) -> Iterator[Edit]:
        address = str(element.token.attrs["href"])
        if address.startswith((*BOOK_SCHEMES, "inv:")):
            target, title = self._target(address, line), self._title(address, line)
            left_out = self.targets.leaves_out(self.page, address)
            yield element.start, element.end, title if left_out else f"[{title}]({target})"

    def _image(self, element: Inline, text: str, line: int) -> Iterator[Edit]:
        if not text[slice(*element.words)].strip():
            self.fail(line, "a picture needs words for those who cannot see it: ![words](...)")
        if any(
            child.type in ("myst_role", "footnote_ref") for child in element.token.children or ()
        ):
            self.fail(line, "the words of a picture are plain text, without roles or footnotes")
        address = str(element.token.attrs["src"])
        picture = self.picture(unquote(address), line)
        if element.address is None:
            yield element.words[1], element.end, f"]({picture}{_title_part(element)})"
        elif picture != unquote(address):
            yield *element.address, picture

    def _title(self, address: str, line: int) -> str:
        """The words of a link that has none, as the site shows them."""
        destination = self.targets.find(self.page, address)
        if destination and destination.title:
            return destination.title
        if destination and destination.path.is_file() and not destination.is_page:
            return f"`{unquote(address).removeprefix('path:')}`"
        self.fail(
            line,
            f"the link to {unquote(address)!r} has no words, and its target has no title: "
            "write [words](address)",
        )

    def _target(self, address: str, line: int) -> str:
        """The absolute address of a link."""
        destination = self.targets.find(self.page, address)
        if destination is None:
            if address.startswith("inv:"):
                self.fail(line, f"{address!r} is in another project: write its full address")
            return address
        path = destination.path
        if not path.is_file():
            self.fail(line, f"the link points to {unquote(address)!r}, which does not exist")
        if not destination.is_page:
            return self.project.blob_address(path)
        docname = self.project.relative(path).removesuffix(".md")
        anchor = f"#{destination.anchor}" if destination.anchor else ""
        return self.project.page_address(docname) + anchor

    def _footnote(self, label: str, line: int) -> str:
        self.footnotes.append(label)
        return f"<sup>{self.definitions.footnotes[label].number}</sup>"

    def _role(self, name: str, content: str, line: int) -> str:
        if name in CITATIONS:
            entries = bibliography(self.project)
            cited = []
            for key in (key.strip() for key in content.split(",")):
                if key not in entries:
                    files = bibliography_files(self.project)
                    self.fail(line, f"citation {key!r} is not in {files}")
                cited.append(entries[key].markdown(textual=name == "cite:t"))
            return ", ".join(cited) if name == "cite:t" else f"({'; '.join(cited)})"
        if name in PLAIN_ROLES:
            return f"<{name}>{content}</{name}>"
        known = ", ".join((*CITATIONS[:2], *PLAIN_ROLES))
        self.fail(line, f"role {{{name}}} cannot go into a notebook; known: {known}")

    def _check_formula(self, element: Inline, text: str, line: int) -> None:
        """Refuse a formula that some viewers take for text, such as the one in $5 and $6."""
        formula = text[element.start : element.end]
        inside = formula.strip("$")
        if inside != inside.strip() or "`" in inside or text[element.end :][:1].isdigit():
            self.fail(
                line,
                f"not every viewer takes '{formula}' for a formula: write \\$ for the "
                "currency; a formula has no blanks inside its dollar signs, no backticks, and no "
                "digit after it",
            )


def _title_part(element: Inline) -> str:
    """The title of a link or a picture behind its address; empty if it has none."""
    title = str(element.token.attrs.get("title", "")).replace('"', '\\"')
    return f' "{title}"' if title else ""
