"""The format of a chapter's source: cells, their tags and names, and the rules for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from editions.base.errors import SourceError
from editions.base.files import digest, read_text
from editions.base.frameworks import FRAMEWORKS
from editions.source.asides import Aside, leaking_names, read_asides
from editions.source.myst_syntax import directive_of, parse

TAGS = {
    *FRAMEWORKS,
    "claim",  # assertions that prove a statement of the text
    "predict",  # the output is folded until the reader has predicted it
    "nbval-ignore-output",  # the output differs from run to run; a claim must follow
    "raises-exception",  # the cell stops with an exception on purpose
}
OPTIONS = {"tags", "name", "alt"}
# Directives of Markdown that the tools must find between code cells: each is a cell by itself.
PARTS = ("predict", "why")
ANY_PART = re.compile(r"(?m)^[ \t>]*(?::{3,}|`{3,}|~{3,})\{(predict|why)\}")
INDENTED_CELL = re.compile(r"[ \t]+(?:`{3,}|~{3,})\{code-cell\}")
CLAIM_TITLE = re.compile(r"# Checked: *(\S.*?)\.?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """One cell of a chapter."""

    kind: str  # "markdown" or "code"
    source: str
    line: int  # the line of the file on which `source` begins, counted from 1
    tags: tuple[str, ...] = ()
    name: str | None = None
    alt: str | None = None  # alternative text of its figure
    part: str | None = None  # of `PARTS`, if the cell is such a directive
    aside: Aside | None = None  # the aside that it is in

    @property
    def framework(self) -> str | None:
        """Key of the framework that the cell belongs to; None if it belongs to all."""
        return next((tag for tag in self.tags if tag in FRAMEWORKS), None)

    @property
    def is_claim(self) -> bool:
        """Whether the cell proves a statement of the text."""
        return "claim" in self.tags

    @property
    def claim_title(self) -> str:
        """The statement that a claim proves."""
        match = CLAIM_TITLE.match(self.source)
        return match[1] if match else ""


@dataclass(frozen=True)
class Chapter:
    """A chapter, for all frameworks."""

    name: str  # file name without its ending
    path: str  # its name in messages
    cells: tuple[Cell, ...]
    draft: bool = False  # unfinished: rules for finished chapters do not apply
    moved: tuple[tuple[str, tuple[str, ...]], ...] = ()  # labels elsewhere, and ids that it had

    @property
    def title(self) -> str:
        """The chapter's first heading."""
        for cell in self.cells:
            if cell.kind == "markdown" and (match := re.search(r"(?m)^# +(.+?)\s*$", cell.source)):
                return match[1]
        return self.name

    def edition(self, framework: str) -> list[Cell]:
        """The cells of one framework's edition, in order."""
        return [cell for cell in self.cells if cell.framework in (None, framework)]


def read_chapter(
    path: Path, shown_as: str | None = None, more_tags: frozenset[str] = frozenset()
) -> Chapter:
    """Read a chapter.

    Args:
        path: the file.
        shown_as: its name in messages; by default its path.
        more_tags: tags that its cells may have besides `TAGS`.

    Raises:
        SourceError: the file breaks a rule of the format; names the line.
    """
    shown = shown_as or path.as_posix()
    return parse_chapter(read_text(path, shown), path.stem, shown, more_tags)


@lru_cache(maxsize=64)  # a build asks for each chapter three times
def parse_chapter(
    text: str, name: str, path: str, more_tags: frozenset[str] = frozenset()
) -> Chapter:
    """Split a chapter's text into cells and check the rules of the format.

    Raises:
        SourceError: the text breaks a rule; names `path` and the line.
    """
    from myst_nb.core.read import MystMetadataParsingError, read_myst_markdown_notebook

    try:
        notebook = read_myst_markdown_notebook(text, add_source_map=True, path=path)
    except MystMetadataParsingError as error:
        number = re.search(r"line (\d+)", str(error))
        line = int(number[1]) if number else 1
        raise SourceError(path, line, _without_objects(str(error))) from error
    lines = text.splitlines()
    try:
        asides = read_asides(text)
    except ValueError as error:
        line, message = error.args
        raise SourceError(path, line, message) from error
    cells = []
    for node, start in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        metadata = dict(node.metadata)
        if node.cell_type == "raw":
            raise SourceError(path, start, "raw cells are not part of the format")
        if node.cell_type == "code":
            line = _first_body_line(lines, start, node.source)
            unknown = set(metadata) - OPTIONS
            _check_closed(path, lines, start, node.source)
        else:
            line = _first_text_line(lines, start)
            for offset, row in enumerate(node.source.splitlines()):
                if INDENTED_CELL.match(row):
                    message = "a code cell begins at the start of its line, without blanks or tabs"
                    raise SourceError(path, line + offset, message)
            unknown = set(metadata) - {"tags", "deeper"}
        if unknown:
            raise SourceError(
                path, line, f"unknown cell option {sorted(unknown)}; allowed: {sorted(OPTIONS)}"
            )
        cell = Cell(
            kind=node.cell_type,
            source=node.source.rstrip(),
            line=line,
            tags=_tags(metadata.get("tags", [])),
            name=metadata.get("name"),
            alt=metadata.get("alt"),
            aside=next((aside for aside in asides if aside.holds(line)), None),
        )
        cells += [cell] if cell.kind == "code" else _parts(path, cell)
    own = notebook.metadata.get("editions") or {}
    for aside in asides:
        if not any(cell.aside == aside and cell.source for cell in cells):
            raise SourceError(path, aside.first, "the aside is empty")
    moved = _moved(path, own.get("moved") or {})
    chapter = Chapter(name, path, tuple(cells), bool(own.get("draft")), moved)
    _check(chapter, TAGS | more_tags)
    return chapter


def _moved(path: str, value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The labels and questions that have moved to other pages, with the ids that they had here."""
    if not isinstance(value, dict) or not all(isinstance(ids, list) for ids in value.values()):
        raise SourceError(path, 1, "editions: moved: needs the form {label: [id, id]}")
    return tuple((str(new), tuple(map(str, ids))) for new, ids in value.items())


def _parts(path: str, cell: Cell) -> list[Cell]:
    """A Markdown cell, with each directive of `PARTS` in a cell of its own.

    Raises:
        SourceError: such a directive is inside another block.
    """
    if not ANY_PART.search(cell.source):
        return [cell]
    lines = cell.source.split("\n")
    cuts: list[tuple[int, int, str | None]] = []  # first line, the line after the last, part
    at = 0
    for block in parse(cell.source).blocks:
        directive = directive_of(block.token)
        if directive and directive.name in PARTS and not block.token.level:
            cuts += [(at, block.start, None), (block.start, block.end, directive.name)]
            at = block.end
    cuts.append((at, len(lines), None))
    cells = []
    for start, end, part in cuts:
        while start < end and not lines[start].strip():
            start += 1
        text = "\n".join(lines[start:end]).rstrip()
        if part is None and (inside := ANY_PART.search(text)):
            line = cell.line + start + text[: inside.start()].count("\n")
            message = f"{{{inside[1]}}} begins at the start of a line, outside of any other block"
            raise SourceError(path, line, message)
        if text:
            cells.append(replace(cell, source=text, line=cell.line + start, part=part))
    return cells


def _without_objects(message: str) -> str:
    """The message of MyST-NB about a cell, without the names of its Python objects."""
    inner = re.search(r"msg='([^']*)'", message)
    return f"{message.partition(': ')[0]}: {inner[1]}" if inner else message


def _check_closed(path: str, lines: list[str], fence: int, body: str) -> None:
    """Raise a `SourceError` if a code cell runs on to the next one, or to the end of the file."""
    opened = re.match(r"(`{3,}|~{3,}|:{3,})", lines[fence - 1])
    if not opened:
        return
    mark = opened[1]
    after = lines[fence : fence + len(body.splitlines()) + 20]  # 20 for options and blank lines
    ended = any(line.startswith(mark) and not line.strip(mark[0] + " \t") for line in after)
    if not ended or re.search(r"(?m)^(`{3,}|~{3,}|:{3,})\{[\w-]+\}", body):
        message = f"the code cell that begins here is not ended: a line {mark} is missing"
        raise SourceError(path, fence, message)


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.strip("[]").split(",")]
    return tuple(str(tag) for tag in value if str(tag)) if isinstance(value, list) else ()


def _first_body_line(lines: list[str], fence: int, body: str) -> int:
    """The first line of the body of the code cell whose fence is on line `fence`, both from 1."""
    wanted = body.splitlines()
    for start in range(fence, len(lines)):
        if lines[start : start + len(wanted)] == wanted:
            return start + 1
    return fence


def _first_text_line(lines: list[str], start: int) -> int:
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start + 1


def _check(chapter: Chapter, allowed: set[str]) -> None:
    """Raise a `SourceError` if a cell breaks a rule."""
    named: dict[tuple[str, str], int] = {}
    for cell in chapter.cells:

        def fail(message: str, line: int = cell.line) -> None:
            raise SourceError(chapter.path, line, message)

        if unknown := [tag for tag in cell.tags if tag not in allowed]:
            fail(f"unknown tag {unknown}; allowed: {sorted(allowed)}")
        if len(frameworks := [tag for tag in cell.tags if tag in FRAMEWORKS]) > 1:
            fail(f"a cell belongs to one framework or to all; this one is tagged {frameworks}")
        if cell.kind == "markdown":
            if set(cell.tags) & (TAGS - set(FRAMEWORKS)):
                fail(f"Markdown takes a framework's tag only; this is tagged {list(cell.tags)}")
            if cell.framework and re.search(r"(?m)^#{1,6} ", cell.source):
                fail("a heading cannot belong to one framework: move it out of the tagged Markdown")
            if cell.aside and re.search(r"(?m)^#{1,6} ", cell.source):
                fail("an aside has its title; it holds no other heading")
            continue
        if not cell.source:
            fail("the code cell is empty")
        if re.search(r"(?m)^\s*#\s*(NBVAL_|PYTEST_VALIDATE_)", cell.source):
            fail("nbval's comments are not allowed: use a tag")
        if cell.is_claim and not CLAIM_TITLE.match(cell.source):
            fail("a claim begins with the comment '# Checked: <what it proves>'")
        if cell.is_claim and "predict" in cell.tags:
            fail("a claim shows no output, so there is nothing to predict")
        if cell.name is not None:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", str(cell.name)):
                fail(f"cell name {cell.name!r}: use up to 64 lower-case letters, digits, hyphens")
            for framework in [cell.framework] if cell.framework else list(FRAMEWORKS):
                if first := named.get((framework, cell.name)):
                    fail(f"cell name {cell.name!r} is used already, on line {first}")
                named[framework, cell.name] = cell.line
    for framework in FRAMEWORKS:
        _check_unrepeatable(chapter, framework)
        _check_names(chapter, framework)


def _check_names(chapter: Chapter, framework: str) -> None:
    """Raise a `SourceError` if the main path uses a name that an aside defines."""
    code = [cell for cell in chapter.edition(framework) if cell.kind == "code"]
    for index, name, aside in leaking_names((cell.source, cell.aside) for cell in code):
        raise SourceError(
            chapter.path,
            code[index].line,
            f"{name!r} is defined in the aside {aside.title!r} (line {aside.first}), which readers "
            f"may skip, and is used outside of it (in the {framework} edition)",
        )


def _check_unrepeatable(chapter: Chapter, framework: str) -> None:
    """Raise a `SourceError` if no claim follows an uncompared output before the next one."""
    code = [cell for cell in chapter.edition(framework) if cell.kind == "code"]
    pending: Cell | None = None
    for cell in [*code, None]:
        if cell is None or "nbval-ignore-output" in cell.tags:
            if pending is not None:
                raise SourceError(
                    chapter.path,
                    pending.line,
                    f"the output is not compared and no claim follows in the {framework} edition: "
                    "add a cell tagged claim that checks what matters about it",
                )
            pending = cell
        elif cell.is_claim:
            pending = None


def cell_ids(cells: list[Cell]) -> list[str]:
    """Return an id for each cell: its name, or else a digest of its text."""
    ids: list[str] = []
    taken = {cell.name for cell in cells if cell.name}
    for cell in cells:
        base = cell.name or f"{cell.kind}-{digest(cell.source.encode())[:8]}"
        identifier, number = base, 1
        while not cell.name and identifier in taken:
            number += 1
            identifier = f"{base}-{number}"
        taken.add(identifier)
        ids.append(identifier)
    return ids
