"""The syntax of MyST Markdown: its blocks, its directives, and the elements in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it.token import Token

from editions.source.inline_elements import Environment, Inline, myst_parser, parse_inline
from editions.source.text_origins import Origins

BLOCKS = frozenset(
    {
        *("fence", "colon_fence", "code_block", "math_block_label", "html_block"),
        *("myst_target", "myst_line_comment", "myst_block_break"),
        *("definition", "footnote_reference_open"),
    }
)
LITERAL_BODIES = frozenset(
    {"code", "code-block", "code-cell", "eval-rst", "literalinclude", "math", "raw", "sourcecode"}
)


@dataclass(frozen=True)
class Block:
    """A block that is not plain prose: a directive, a target, a definition, ..."""

    token: Token
    start: int  # its first line, counted from 0
    end: int  # the line after it


@dataclass(frozen=True)
class Parsed:
    """A text in MyST Markdown, parsed."""

    blocks: list[Block]
    inlines: list[Inline]
    tokens: list[Token]


@dataclass(frozen=True)
class Directive:
    """A directive, such as a figure or an admonition."""

    name: str
    argument: str
    options: dict[str, str]
    body: str
    body_line: int  # lines from the directive's first line to the body's

    @property
    def holds_markdown(self) -> bool:
        """Whether its body is Markdown."""
        return self.name not in LITERAL_BODIES


def parse(text: str, environment: Environment | None = None) -> Parsed:
    """Parse a text; its definitions are added to `environment`.

    What the definition of a footnote holds is left out.
    """
    environment = {} if environment is None else environment
    tokens = myst_parser().parse(f"{text}\n", environment)  # some plugins look beyond the last line
    blocks: list[Block] = []
    inlines: list[Inline] = []
    origins = Origins(text)
    in_footnote = False
    row: list[Token] | None = None  # the cells of the table row that is being read
    for token in tokens:
        if token.type == "footnote_reference_close":
            in_footnote = False
        elif in_footnote:
            continue
        elif token.type in BLOCKS and token.map:
            blocks.append(Block(token, *token.map))
            in_footnote = token.type == "footnote_reference_open"
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            for cell, places in zip(row or (), origins.of_cells(row or []), strict=True):
                inlines += [one.moved(places) for one in parse_inline(cell.content, environment)]
            row = None
        elif token.type == "inline" and row is not None:
            row.append(token)
        elif token.type == "inline":
            places = origins.of_text(token.content, token.map[0] if token.map else 0)
            inlines += [one.moved(places) for one in parse_inline(token.content, environment)]
    return Parsed(blocks, inlines, tokens)


def parse_inline_everywhere(text: str, environment: Environment | None = None) -> list[Inline]:
    """The inline elements of a text, those in the titles and bodies of directives included."""
    environment = {} if environment is None else environment
    parsed = parse(text, environment)
    origins = Origins(text)
    elements = list(parsed.inlines)
    for block in parsed.blocks:
        if not (directive := directive_of(block.token)) or not directive.holds_markdown:
            continue
        places = origins.of_text(directive.argument, block.start)
        elements += [one.moved(places) for one in parse_inline(directive.argument, environment)]
        if directive.body:
            places = origins.of_text(directive.body, block.start + directive.body_line)
            inner = parse_inline_everywhere(directive.body, environment)
            elements += [one.moved(places) for one in inner]
    return sorted(elements, key=lambda one: (one.start, -one.end))


def directive_of(token: Token) -> Directive | None:
    """The directive that a fence is; None for plain code."""
    match = re.match(r"\{([^}]+)\}\s*(.*)$", token.info.strip())
    if token.type not in ("fence", "colon_fence") or not match:
        return None
    options: dict[str, str] = {}
    lines = token.content.split("\n")
    at = 0
    while at < len(lines) and (option := re.match(r":([\w-]+):\s*(.*)$", lines[at])):
        options[option[1]] = option[2].strip()
        at += 1
    while at < len(lines) and not lines[at].strip():
        at += 1
    body = "\n".join(lines[at:]).rstrip()
    return Directive(match[1], match[2].strip(), options, body, at + 1)
