"""Inline elements of MyST Markdown: links, formulas, roles, ..., and where each is in its text.

The parser is the one that reads the pages of the site. It is extended here in two ways: it records
the positions of elements, and it recognizes syntax that the site shows as raw text.
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

INLINES = frozenset(
    {
        *("link", "image", "autolink", "html_inline"),
        *("backticks", "math_inline", "myst_role", "footnote_ref"),
    }
)

Environment = dict[str, Any]
"""The parser's definitions: of links (``references``) and of ``footnotes``."""
Rule = Callable[[StateInline, bool], bool]


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


def parse_inline(text: str, environment: Environment | None = None) -> list[Inline]:
    """The inline elements of a text without blocks, such as a title, in their order."""
    state = _RecordingState(text, myst_parser(), {} if environment is None else environment, [])
    state.md.inline.tokenize(state)
    return sorted(state.recorded, key=lambda one: (one.start, -one.end))


def inline_tokens(text: str, environment: Environment | None = None) -> list[Token]:
    """The parser's tokens of a text without blocks."""
    return myst_parser().inline.parse(text, myst_parser(), environment or {}, [])


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
def myst_parser() -> MarkdownIt:
    """The parser, which leaves the contents of blocks unparsed."""
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
