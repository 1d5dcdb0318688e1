"""MyST Markdown made plain: what Colab, JupyterLab and GitHub render alike.

Directives, roles and anchors are turned into Markdown and a little HTML (`<details>`). What is not
known here is an error, so that no raw directive ever reaches a notebook.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from editions.base.errors import SourceError
from editions.base.project import Project
from editions.base.strings import Strings
from editions.source.quiz_choices import LETTERS, parse_choices

NAMED_ADMONITIONS = ("note", "tip", "warning", "important")
ROLE = re.compile(r"\{([a-zA-Z][\w:+.-]*)\}$")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(<?([^)\s>]+)>?((?:\s+\"[^\"]*\")?)\)")


@dataclass(frozen=True)
class Plain:
    """Converts the Markdown of one page."""

    project: Project
    page: Path  # the source: links and pictures are relative to it

    @property
    def _shown(self) -> str:
        return self.project.relative(self.page)

    @property
    def _strings(self) -> Strings:
        return Strings(self.project.language)

    def convert(self, text: str, line: int = 1) -> str:
        """`text`, which begins on line `line` of the page, as plain Markdown."""
        lines = text.split("\n")
        result: list[str] = []
        prose: list[str] = []
        prose_line = line

        def flush() -> None:
            nonlocal prose
            if prose:
                result.extend(self._inline("\n".join(prose), prose_line).split("\n"))
                prose = []

        at = 0
        for start, end, token in _special_blocks(text):
            if start < at:
                continue
            prose, prose_line = lines[at:start], line + at
            flush()
            result.extend(self._block(token, lines[start:end], line + start))
            at = end
        prose, prose_line = lines[at:], line + at
        flush()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(result)).strip("\n")

    # -- blocks -------------------------------------------------------------------------

    def _block(self, token: Any, lines: list[str], line: int) -> list[str]:
        if token.type not in ("fence", "colon_fence"):
            return []  # a target, a comment or a block break: nothing of it is shown
        last = lines[-1].strip(" \t>")
        if len(lines) < 2 or not last.startswith(token.markup) or last.strip(token.markup[0]):
            self._fail(
                line, f"a line {token.markup} is missing that ends what begins here, or above"
            )
        match = re.match(r"\{([^}]+)\}\s*(.*)$", token.info.strip())
        if not match:
            return lines  # ordinary fenced code
        indent = re.match(r"\s*", lines[0])[0]  # type: ignore[index]
        options, body, offset = _options(token.content.split("\n"))
        text = self._directive(match[1], match[2].strip(), options, body, line, offset)
        return ["", *textwrap.indent(text, indent).split("\n"), ""]

    def _directive(
        self, name: str, title: str, options: dict[str, str], body: str, line: int, offset: int
    ) -> str:
        inner = line + 1 + offset
        if name == "math":
            return f"$$\n{body.strip()}\n$$"
        if name == "figure":
            alt = options.get("alt")
            if not alt:
                self._fail(
                    line, "a figure needs ':alt:', what it shows for those who cannot see it"
                )
            caption = self.convert(body, inner).strip()
            picture = f"![{alt}]({self._picture(title, line)})"
            return f"{picture}\n\n*{caption}*" if caption else picture
        if name == "dropdown":
            return _details(self._inline(title, line), self.convert(body, inner))
        if name == "quiz":
            return self._quiz(title, body, line, inner)
        if name == "admonition" or name in NAMED_ADMONITIONS:
            if name != "admonition" and title:
                body, title = f"{title}\n{body}", ""
            heading = self._inline(title, line) if title else self._strings(name)
            quoted = f"**{heading}**\n\n{self.convert(body, inner)}"
            return "\n".join(f"> {row}".rstrip() for row in quoted.split("\n"))
        known = ["admonition", "dropdown", "figure", "math", "quiz", *NAMED_ADMONITIONS]
        self._fail(line, f"directive {{{name}}} cannot go into a notebook; known: {known}")

    def _quiz(self, question: str, body: str, line: int, inner: int) -> str:
        try:
            choices = parse_choices(body.split("\n"))
        except ValueError as error:
            self._fail(line, str(error))
        parts = [f"**{self._inline(question, line)}**"]
        for letter, choice in zip(LETTERS, choices, strict=False):
            verdict = self._strings("right" if choice.right else "wrong")
            explanation = self.convert(choice.explanation, inner + choice.offset)
            text = self._inline(choice.text, inner + choice.offset)
            parts.append(_details(f"{letter}. {text}", f"**{verdict}** {explanation}"))
        return "\n\n".join(parts)

    # -- inline -------------------------------------------------------------------------

    def _inline(self, text: str, line: int) -> str:
        """Convert roles and links of `text`, leaving code spans as they are."""
        kept: list[str] = []  # what links must not look into: code, and roles already converted
        pieces: list[str] = []
        at = 0
        for match in re.finditer(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", text, re.DOTALL):
            before = text[at : match.start()]
            at = match.end()
            if role := ROLE.search(before):
                before = before[: role.start()]
                here = line + text[: match.start()].count("\n")
                kept.append(self._role(role[1], match[2].strip(), here))
            else:
                kept.append(match[0])
            pieces += [before, f"\0{len(kept) - 1}\0"]
        pieces.append(text[at:])
        linked = self._links("".join(pieces), line)
        return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], linked)

    def _links(self, text: str, line: int) -> str:
        def replace(match: re.Match[str]) -> str:
            return self._link(match, line + text.count("\n", 0, match.start()))

        return LINK.sub(replace, text)

    def _link(self, match: re.Match[str], line: int) -> str:
        picture, words, target, title = match.groups()
        if picture:
            if not words.strip():
                self._fail(line, "a picture needs words for those who cannot see it: ![words](...)")
            return f"![{words}]({self._picture(target, line)}{title})"
        if self.project.leaves_out(self.page, target):
            return words
        return f"[{words}]({self._target(target, line)}{title})"

    def _target(self, target: str, line: int) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return target
        path, _, anchor = target.partition("#")
        page = self.page.parent / path if path else self.project.labels.get(anchor, self.page)
        if not page.is_file():
            self._fail(line, f"the link points to {target!r}, which does not exist")
        if page.suffix != ".md":
            return self.project.blob_address(page)
        docname = self.project.relative(page).removesuffix(".md")
        return self.project.page_address(docname) + (f"#{anchor}" if anchor else "")

    def _picture(self, target: str, line: int) -> str:
        if re.match(r"https?:", target):
            return target
        path = self.page.parent / target
        if not path.is_file():
            self._fail(line, f"the picture {target!r} does not exist beside the page")
        return self.project.raw_address(path)

    def _role(self, name: str, content: str, line: int) -> str:
        if name in ("cite:p", "cite:t", "cite"):
            keys = [key.strip() for key in content.split(",")]
            cited = [self._citation(key, name == "cite:t", line) for key in keys]
            return ", ".join(cited) if name == "cite:t" else f"({'; '.join(cited)})"
        if name in ("sub", "sup", "kbd"):
            return f"<{name}>{content}</{name}>"
        self._fail(
            line,
            f"role {{{name}}} cannot go into a notebook; known: cite:p, cite:t, sub, sup, kbd",
        )

    def _citation(self, key: str, textual: bool, line: int) -> str:
        files = self.project.config.get("bibtex_bibfiles", [])
        entries = _bibliography(tuple(self.project.root / name for name in files))
        if key not in entries:
            self._fail(line, f"citation {key!r} is not in {files}")
        names, year, address = entries[key]
        words = f"{names} ({year})" if textual else f"{names}, {year}"
        return f"[{words}]({address})" if address else words

    def _fail(self, line: int, message: str) -> NoReturn:
        raise SourceError(self._shown, line, message)


def _details(summary: str, body: str) -> str:
    """A fold. Viewers render Markdown inside it only after a blank line."""
    return f"<details><summary>{_html(summary)}</summary>\n\n{body}\n\n</details>"


def _html(text: str) -> str:
    """Inline Markdown of a `<summary>` as HTML, since viewers leave it alone there."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    escaped = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub(r"(?<![*\w])\*([^*\s][^*]*)\*(?!\w)", r"<em>\1</em>", escaped)


def _options(lines: list[str]) -> tuple[dict[str, str], str, int]:
    """A directive's options, its body, and the number of lines before the body."""
    options: dict[str, str] = {}
    at = 0
    while at < len(lines) and (match := re.match(r":([\w-]+):\s*(.*)$", lines[at])):
        options[match[1]] = match[2].strip()
        at += 1
    while at < len(lines) and not lines[at].strip():
        at += 1
    return options, "\n".join(lines[at:]).rstrip(), at


def _special_blocks(text: str) -> list[tuple[int, int, Any]]:
    """Fences, targets, comments and block breaks of `text`: (first line, line after, token)."""
    kinds = ("fence", "colon_fence", "myst_target", "myst_line_comment", "myst_block_break")
    tokens = _parser()(text)
    found = [(*token.map, token) for token in tokens if token.type in kinds and token.map]
    return sorted(found, key=lambda item: item[:2])


@cache
def _parser() -> Callable[[str], list[Any]]:
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    config = MdParserConfig(
        enable_extensions={"colon_fence", "dollarmath"}, disable_syntax=["inline"]
    )
    parser = create_md_parser(config, RendererHTML)
    return parser.parse


@cache
def _bibliography(files: tuple[Path, ...]) -> dict[str, tuple[str, str, str]]:
    """For each key: names ("Paszke et al."), year and address."""
    from pybtex.database import parse_file

    entries = {}
    for path in files:
        if not path.is_file():
            continue
        for key, entry in parse_file(path, bib_format="bibtex").entries.items():
            people = [
                " ".join(str(name) for name in person.rich_last_names)
                for person in entry.persons.get("author", [])
            ] or [key]
            if len(people) > 2 or people[-1] == "others":
                names = f"{people[0]} et al."
            else:
                names = " and ".join(people)
            doi, url = entry.fields.get("doi"), entry.fields.get("url")
            address = f"https://doi.org/{doi}" if doi else url or ""
            entries[key] = (names, entry.fields.get("year", "n.d."), address)
    return entries
