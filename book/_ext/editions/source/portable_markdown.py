"""MyST Markdown made portable: what Colab, JupyterLab and GitHub render alike.

Directives, roles, links and footnotes are turned into Markdown and a little HTML (`<details>`).
Syntax without a conversion is an error: a notebook never shows MyST syntax as raw text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it.token import Token

from editions.base.project import Project
from editions.base.strings import Strings
from editions.source.chapter import Chapter
from editions.source.link_targets import LinkTargets
from editions.source.myst_syntax import Directive, directive_of, parse
from editions.source.page_definitions import Definitions, definitions_of_chapter, read_definitions
from editions.source.portable_inline import InlineConverter
from editions.source.predictions import read_question
from editions.source.quiz_choices import LETTERS, parse_choices
from editions.source.summary_html import summary_html
from editions.source.text_edits import edited

NAMED_ADMONITIONS = ("note", "tip", "warning", "important")


@dataclass(frozen=True)
class Plain:
    """Converts the Markdown of one page, a cell at a time."""

    project: Project
    page: Path  # the source: links and pictures are relative to it
    definitions: Definitions | None = None  # of the page; by default those of the converted text

    @classmethod
    def of_chapter(cls, project: Project, chapter: Chapter) -> Plain:
        """The converter for the cells of a chapter.

        Raises:
            SourceError: a footnote is defined inside a list or a quotation, or refers to another.
        """
        return cls(project, project.root / chapter.path, definitions_of_chapter(chapter))

    @cached_property
    def _targets(self) -> LinkTargets:
        return LinkTargets(self.project)

    def convert(self, text: str, line: int = 1) -> str:
        """Convert a cell.

        Args:
            text: the cell's MyST Markdown.
            line: its first line in the file.

        Raises:
            SourceError: the text holds syntax without a conversion, or refers to something that
                does not exist; names the file and the line.
        """
        shown = self.project.relative(self.page)
        definitions = self.definitions or read_definitions([(text, line)], shown)
        inlines = InlineConverter(self.project, self.page, definitions, self._targets)
        return _Cell(inlines, Strings(self.project.language)).with_footnotes(text, line)


@dataclass
class _Cell:
    """The conversion of one cell."""

    inlines: InlineConverter
    strings: Strings

    def with_footnotes(self, text: str, line: int) -> str:
        """Convert the whole cell, and put the footnotes that it refers to at its end."""
        parts = [self.blocks(text, line)]
        for label in dict.fromkeys(self.inlines.footnotes):
            note = self.inlines.definitions.footnotes[label]
            tokens = parse(note.text).tokens
            gap = " " if tokens and tokens[0].type == "paragraph_open" else "\n\n"
            parts.append(f"<sup>{note.number}</sup>{gap}{self.blocks(note.text, note.line)}")
        return "\n\n".join(part for part in parts if part)

    # -- blocks -------------------------------------------------------------------------

    def blocks(self, text: str, line: int) -> str:
        """Convert a text with blocks, which begins on line `line`."""
        parsed = parse(text, self.inlines.definitions.environment())
        edits = self.inlines.edits(parsed.inlines, text, line)
        lines = text.split("\n")
        starts = [0]
        for one in lines:
            starts.append(starts[-1] + len(one) + 1)
        kept: list[str] = []  # what the search for superfluous empty lines must not change
        for block in parsed.blocks:
            source = lines[block.start : block.end]
            converted = self._block(block.token, source, line + block.start)
            if converted is None:
                edits.append((starts[block.start], min(starts[block.end], len(text)), ""))
                continue
            before, result, after = converted
            kept.append(result)
            new = f"{before}\0{len(kept) - 1}\0{after}"
            edits.append((starts[block.start], starts[block.end] - 1, new))
        result = re.sub(r"\n{3,}", "\n\n", edited(text, edits)).strip("\n")
        return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], result)

    def _block(self, token: Token, lines: list[str], line: int) -> tuple[str, str, str] | None:
        """What takes the place of a block: the text, with what separates it; None for nothing."""
        if token.type == "footnote_reference_open":
            label = token.meta["label"]
            if not self.inlines.definitions.footnotes[label].number:
                self.inlines.fail(
                    line, f"the footnote [^{label}] is defined and nothing refers to it"
                )
        if token.type == "math_block_label":
            return "", re.sub(r"\s*\([^()]*\)\s*$", "", "\n".join(lines)), ""
        if token.type == "html_block":
            self.inlines.check_html(token.content, line)
        if token.type in ("html_block", "code_block"):
            return "", "\n".join(lines), ""
        if token.type not in ("fence", "colon_fence"):
            return None  # a target, a comment, a definition, ...: a reader does not see it
        last = lines[-1].strip(" \t>")
        if len(lines) < 2 or not last.startswith(token.markup) or last.strip(token.markup[0]):
            self.inlines.fail(
                line, f"a line {token.markup} is missing that ends what begins here, or above"
            )
        directive = directive_of(token)
        if directive is None:
            return "", "\n".join(lines), ""
        return _embedded(self._directive(directive, line), lines[0].partition(token.markup)[0])

    def _directive(self, directive: Directive, line: int) -> str:
        name, argument = directive.name, directive.argument
        inner = line + directive.body_line
        if name == "math":
            return f"$$\n{directive.body.strip()}\n$$"
        if name == "figure":
            alt = directive.options.get("alt")
            if not alt:
                self.inlines.fail(
                    line, "a figure needs ':alt:', what it shows for those who cannot see it"
                )
            caption = self.blocks(directive.body, inner).strip()
            picture = f"![{alt}]({self.inlines.picture(argument, line)})"
            return f"{picture}\n\n*{caption}*" if caption else picture
        if name == "dropdown":
            return _details(
                self.inlines.convert(argument, line), self.blocks(directive.body, inner)
            )
        if name == "quiz":
            return self._quiz(directive, line)
        if name == "predict":
            return self._question(directive, line)
        if name == "why":
            return _details(self.strings("why"), self.blocks(directive.body, inner))
        if name in NAMED_ADMONITIONS:
            body, begin = directive.body, inner
            if argument:
                body, begin = f"{argument}\n{body}", inner - 1
            return self._quotation(self.strings(name), body, begin)
        if name == "admonition":
            heading = self.inlines.convert(argument, line) or self.strings(name)
            return self._quotation(heading, directive.body, inner)
        known = ["admonition", "dropdown", "figure", "math", "predict", "quiz", "why"]
        known += NAMED_ADMONITIONS
        self.inlines.fail(line, f"directive {{{name}}} cannot go into a notebook; known: {known}")

    def _quotation(self, heading: str, body: str, line: int) -> str:
        quoted = f"**{heading}**\n\n{self.blocks(body, line)}"
        return "\n".join(f"> {row}".rstrip() for row in quoted.split("\n"))

    def _question(self, directive: Directive, line: int) -> str:
        try:
            question = read_question(directive)
        except ValueError as error:
            self.inlines.fail(line, str(error))
        begin = line + directive.body_line
        text = self.blocks(question.text, begin)
        choices = [
            f"- {self.inlines.convert(choice.text, begin + choice.offset)}"
            for choice in question.choices
        ]
        parts = [text, "\n".join(choices), self.strings("predict_first")]
        quoted = "\n\n".join([f"**{self.strings('predict')}**", *filter(None, parts)])
        return "\n".join(f"> {row}".rstrip() for row in quoted.split("\n"))

    def _quiz(self, directive: Directive, line: int) -> str:
        try:
            choices = parse_choices(directive.body.split("\n"))
        except ValueError as error:
            self.inlines.fail(line, str(error))
        parts = [f"**{self.inlines.convert(directive.argument, line)}**"]
        for letter, choice in zip(LETTERS, choices, strict=False):
            here = line + directive.body_line + choice.offset
            verdict = self.strings("right" if choice.right else "wrong")
            explanation = self.blocks(choice.explanation, here)
            text = self.inlines.convert(choice.text, here)
            parts.append(_details(f"{letter}. {text}", f"**{verdict}** {explanation}"))
        return "\n\n".join(parts)


def _embedded(text: str, prefix: str) -> tuple[str, str, str]:
    """A block behind what its first line begins with: blanks, ``>`` or the marker of a list.

    Returns:
        The block, between what separates it from the text before and after it.
    """
    others = re.sub(r"[^\s>]", " ", prefix)  # what the block's other lines begin with
    rows = [others + row if row.strip() else others.rstrip() for row in text.split("\n")]
    if prefix != others:
        return "", "\n".join([prefix + rows[0].removeprefix(others), *rows[1:]]), "\n"
    blank = prefix.rstrip()
    return f"{blank}\n", "\n".join(rows), f"\n{blank}"


def _details(summary: str, body: str) -> str:
    """A fold. Viewers render Markdown inside it only after a blank line."""
    return f"<details><summary>{summary_html(summary)}</summary>\n\n{body}\n\n</details>"
