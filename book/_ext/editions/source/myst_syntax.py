"""The syntax of MyST Markdown: its blocks and inline elements, and where each is in the text.

The parser is the one that reads the pages of the site. It is extended here in two ways: it notes
the positions of inline elements, and it notes syntax that the site shows as raw text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from editions.source import unrendered_syntax

BLOCKS = frozenset(
    {
        *("fence", "colon_fence", "code_block", "math_block_label", "html_block"),
        *("myst_target", "myst_line_comment", "myst_block_break"),
        *("definition", "footnote_reference_open"),
    }
)
INLINES = frozenset(
    {
        *("link", "image", "autolink", "html_inline"),
        *("backticks", "math_inline", "myst_role", "footnote_ref"),
    }
)
LITERAL_BODIES = frozenset(
    {"code", "code-block", "code-cell", "eval-rst", "literalinclude", "math", "raw", "sourcecode"}
)
Environment = dict[str, Any]
"""The parser's definitions: of links (``references``) and of ``footnotes``."""
Rule = Callable[[StateInline, bool], bool]


@dataclass(frozen=True)
class Block:
    """A block that is not plain prose: a directive, a target, a definition, ..."""

    token: Token
    start: int  # its first line, counted from 0
    end: int  # the line after it


@dataclass(frozen=True)
class Inline:
    """An inline element: a link, a formula, a role, ... Positions are offsets in the text."""

    kind: str  # one of `INLINES`, or the name of a kind of unrendered syntax
    start: int
    end: int
    tokens: tuple[Token, ...] = ()
    words: tuple[int, int] = (0, 0)  # what a link or a picture has in its brackets
    address: tuple[int, int] | None = None  # of a link or a picture; None if it is in a definition

    @property
    def token(self) -> Token:
        """The token that describes the element."""
        return next(token for token in self.tokens if token.type != "text")

    def moved(self, origins: Sequence[int]) -> Inline:
        """The same element in another text, where each character is at its origin."""

        def span(start: int, end: int) -> tuple[int, int]:
            return origins[start], origins[end - 1] + 1 if end > start else origins[start]

        return Inline(
            self.kind,
            *span(self.start, self.end),
            self.tokens,
            span(*self.words),
            span(*self.address) if self.address else None,
        )


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
    tokens = _parser().parse(f"{text}\n", environment)  # some plugins look beyond the last line
    blocks: list[Block] = []
    inlines: list[Inline] = []
    origins = _Origins(text)
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


def parse_inline(text: str, environment: Environment | None = None) -> list[Inline]:
    """The inline elements of a text without blocks, such as a title, in their order."""
    state = _RecordingState(text, _parser(), {} if environment is None else environment, [])
    state.md.inline.tokenize(state)
    return sorted(state.recorded, key=lambda one: (one.start, -one.end))


def parse_inline_everywhere(text: str, environment: Environment | None = None) -> list[Inline]:
    """The inline elements of a text, those in the titles and bodies of directives included."""
    environment = {} if environment is None else environment
    parsed = parse(text, environment)
    origins = _Origins(text)
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


def inline_tokens(text: str, environment: Environment | None = None) -> list[Token]:
    """The parser's tokens of a text without blocks."""
    return _parser().inline.parse(text, _parser(), environment or {}, [])


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


# -- where the parser's texts come from ------------------------------------------------------


class _Origins:
    """Finds where the characters of a block's content are in the text of all blocks.

    The parser strips indentation and markers such as ``>`` from each line, and the backslash from
    ``\\|`` in tables.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def of_text(self, text: str, first: int) -> list[int]:
        """The origin of each character of lines that begin on line `first`.

        They may begin later: the parser drops a line of blanks that are not ASCII.
        """
        places: list[int] = []
        begin = text.partition("\n")[0].strip()
        while begin not in self._lines[first]:
            first += 1
        for number, content in enumerate(text.split("\n"), start=first):
            stripped = content.strip()
            indent = len(content) - len(content.lstrip())
            at = self._lines[number].rindex(stripped) - indent
            start = self._starts[number]
            places += [start + max(0, at + i) for i in range(len(content))]
            places.append(self._starts[number + 1] - 1)
        return places

    def of_cells(self, row: list[Token]) -> list[list[int]]:
        """The origins of the characters of each cell in a row of a table."""
        number = row[0].map[0] if row and row[0].map else 0
        cells = [_stripped(cell) for cell in _split_cells(self._lines[number])]
        contents = [token.content for token in row]
        begin = next(n for n in range(len(cells)) if _begins_with(_texts(cells[n:]), contents))
        cells = cells[begin : begin + len(row)] + [[]] * len(row)  # a row may lack cells
        cells[0] = cells[0][len(cells[0]) - len(contents[0]) :]
        start = self._starts[number]
        places = [[start + at for at, _ in cell] for cell in cells[: len(row)]]
        return [[*one, one[-1] + 1 if one else start] for one in places]


def _split_cells(line: str) -> list[list[tuple[int, str]]]:
    """The characters of each cell, with their places in the line."""
    cells: list[list[tuple[int, str]]] = [[]]
    for at, char in enumerate(line):
        if char != "|":
            cells[-1].append((at, char))
        elif line[at - 1 : at] == "\\":
            cells[-1][-1] = (at, char)
        else:
            cells.append([])
    return cells


def _stripped(cell: list[tuple[int, str]]) -> list[tuple[int, str]]:
    (text,) = _texts([cell])
    return cell[len(text) - len(text.lstrip()) : len(text.rstrip())] if text.strip() else []


def _texts(cells: list[list[tuple[int, str]]]) -> list[str]:
    return ["".join(char for _, char in cell) for cell in cells]


def _begins_with(texts: list[str], contents: list[str]) -> bool:
    """Whether a line's cells are those of a row, which is padded with empty cells or cut.

    The first cell may be behind the marker of a list or a quotation.
    """
    padded = [*texts, *[""] * len(contents)]
    return texts[0].endswith(contents[0]) and padded[1 : len(contents)] == contents[1:]


# -- the parser --------------------------------------------------------------------------------


class _RecordingState(StateInline):
    """Records inline elements with their positions while a text is tokenized."""

    def __init__(self, text: str, parser: MarkdownIt, env: Environment, out: list[Token]) -> None:
        super().__init__(text, parser, env, out)
        self.recorded: list[Inline] = []

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        token = super().push(ttype, tag, nesting)
        if ttype == "link_close":
            token.meta["position"] = self.pos
        return token


@cache
def _parser() -> MarkdownIt:
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    config = MdParserConfig(
        enable_extensions={"colon_fence", "dollarmath"}, disable_syntax=["inline", "front_matter"]
    )
    parser = create_md_parser(config, RendererHTML)
    parser.options["inline_definitions"] = True
    ruler = parser.inline.ruler
    for kind in unrendered_syntax.KINDS:
        rule = _unrendered(re.compile(kind.pattern, re.DOTALL))
        if kind.pattern.startswith(r"\\") or kind.pattern.startswith(r"\$"):
            ruler.before("math_inline", kind.name, rule)
        else:
            ruler.push(kind.name, rule)
    ruler.push(unrendered_syntax.REFERENCE.name, _undefined_reference)
    for known in list(ruler.__rules__):
        if known.name in INLINES or known.name in unrendered_syntax.BY_NAME:
            ruler.at(known.name, _recording(known.name, known.fn))
    return parser


def _recording(name: str, rule: Rule) -> Rule:
    """The rule, which also records the element that it has made."""

    def run(state: StateInline, silent: bool) -> bool:
        start, before = state.pos, len(state.tokens)
        matched = rule(state, silent)
        if matched and not silent and isinstance(state, _RecordingState):
            tokens = tuple(state.tokens[before:])
            state.recorded.append(_element(name, state, start, tokens))
        return matched

    return run


def _element(name: str, state: StateInline, start: int, tokens: tuple[Token, ...]) -> Inline:
    if name == "link":
        words = start + 1, tokens[-1].meta["position"]
    elif name == "image":
        content = next(token.content for token in tokens if token.type == "image")
        words = start + 2, start + 2 + len(content)
    else:
        return Inline(name, start, state.pos, tokens)
    address = None
    if state.src[words[1] + 1 : words[1] + 2] == "(" and state.pos > words[1] + 1:
        at = words[1] + 2
        while state.src[at] in " \t\n":
            at += 1
        destination = state.md.helpers.parseLinkDestination(state.src, at, state.posMax)
        address = at, destination.pos if destination.ok else at
    return Inline(name, start, state.pos, tokens, words, address)


def _unrendered(pattern: re.Pattern[str]) -> Rule:
    """A rule that matches syntax which would be shown as raw text."""

    def rule(state: StateInline, silent: bool) -> bool:
        match = pattern.match(state.src, state.pos, state.posMax)
        if silent or not match:
            return False
        state.pos = match.end()
        return True

    return rule


def _undefined_reference(state: StateInline, silent: bool) -> bool:
    """A rule that matches ``[words][label]`` without a definition of the label."""
    if silent or state.src[state.pos] != "[":
        return False
    first = state.md.helpers.parseLinkLabel(state, state.pos, False)
    if first <= state.pos + 1 or state.src[first + 1 : first + 2] != "[":
        return False
    second = state.md.helpers.parseLinkLabel(state, first + 1, False)
    if second < 0:
        return False
    state.pos = second + 1
    return True
