"""What a page defines for all of its cells: the addresses of reference links, and footnotes.

On the site a definition holds for the whole page. A viewer of notebooks renders each cell alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from editions.base.errors import SourceError
from editions.source.chapter import Chapter
from editions.source.inline_elements import Environment, Inline, parse_inline
from editions.source.myst_syntax import Block, Parsed, directive_of, parse


@dataclass(frozen=True)
class Footnote:
    """A footnote of a page."""

    text: str  # Markdown
    line: int  # of the file, on which the text begins
    number: str = ""  # as the site numbers it; empty if nothing refers to it


@dataclass(frozen=True)
class Definitions:
    """The definitions of a page."""

    links: Mapping[str, Mapping[str, object]]
    footnotes: Mapping[str, Footnote]

    def environment(self) -> Environment:
        """The definitions as the parser takes them."""
        refs = {f":{label}": -1 for label in self.footnotes}
        return {"references": dict(self.links), "footnotes": {"refs": refs, "list": {}}}


def definitions_of_chapter(chapter: Chapter) -> Definitions:
    """Read the definitions of a chapter.

    Raises:
        SourceError: a footnote is defined inside a list or a quotation, or refers to another.
    """
    cells = [(cell.source, cell.line) for cell in chapter.cells if cell.kind == "markdown"]
    return read_definitions(cells, chapter.path)


def read_definitions(cells: Iterable[tuple[str, int]], shown: str) -> Definitions:
    """Read the definitions of a page.

    Args:
        cells: the Markdown cells of the page, each with its first line in the file.
        shown: the name of the file in messages.

    Raises:
        SourceError: a footnote is defined inside a list or a quotation, or refers to another.
    """
    cells = list(cells)
    environment: Environment = {}
    footnotes: dict[str, Footnote] = {}
    for text, line in cells:
        for label, footnote in _footnotes(text, line, environment, shown):
            footnotes.setdefault(label, footnote)
    for label, footnote in footnotes.items():
        if inner := next(_referred_to(footnote.text, environment), None):
            message = f"the footnote [^{label}] refers to another footnote, [^{inner}]"
            raise SourceError(shown, footnote.line, message)
    labels = [label for text, _ in cells for label in _referred_to(text, environment)]
    return Definitions(
        environment.get("references", {}), _numbered(footnotes, list(dict.fromkeys(labels)))
    )


def _footnotes(
    text: str, line: int, environment: Environment, shown: str
) -> Iterator[tuple[str, Footnote]]:
    """The footnotes that a text defines; its definitions are added to the environment."""
    lines = text.split("\n")
    for block in parse(text, environment).blocks:
        here = line + block.start
        if block.token.type == "footnote_reference_open":
            label = block.token.meta["label"]
            first, *others = lines[block.start : block.end]
            begin = re.match(r"\s*\[\^[^\]]+\]:[ \t]*", first)
            if not begin:
                raise SourceError(
                    shown, here, f"the footnote [^{label}] is defined inside a list or a "
                    "quotation: define it at the start of a line"
                )  # fmt: skip
            others = [re.sub(r"^(?: {1,4}|\t)", "", other) for other in others]
            yield label, Footnote("\n".join([first[begin.end() :], *others]).rstrip(), here)
        elif (directive := directive_of(block.token)) and directive.holds_markdown:
            inner = here + directive.body_line
            yield from _footnotes(directive.body, inner, environment, shown)


def _referred_to(text: str, environment: Environment) -> Iterator[str]:
    """The labels of footnotes that a text refers to, in the order of a page."""
    for element in _in_order(text, parse(text, environment)):
        if isinstance(element, Inline):
            if element.kind == "footnote_ref":
                yield element.token.meta["label"]
        elif (directive := directive_of(element.token)) and directive.holds_markdown:
            for inline in parse_inline(directive.argument, environment):
                if inline.kind == "footnote_ref":
                    yield inline.token.meta["label"]
            yield from _referred_to(directive.body, environment)


def _in_order(text: str, parsed: Parsed) -> list[Block | Inline]:
    elements: list[tuple[int, Block | Inline]] = [
        (text.count("\n", 0, inline.start), inline) for inline in parsed.inlines
    ]
    elements += [(block.start, block) for block in parsed.blocks]
    return [element for _, element in sorted(elements, key=lambda item: item[0])]


def _numbered(footnotes: dict[str, Footnote], labels: list[str]) -> dict[str, Footnote]:
    """The footnotes with their numbers: a number as label, or else the next one that is free."""
    taken = {label for label in labels if label.isdigit()}
    free = (str(n) for n in range(1, len(labels) + len(taken) + 1) if str(n) not in taken)
    numbers = {label: label if label in taken else next(free) for label in labels}
    return {
        label: Footnote(footnote.text, footnote.line, numbers.get(label, ""))
        for label, footnote in footnotes.items()
    }
