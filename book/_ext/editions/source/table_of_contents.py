"""List a new page in `_toc.yml`. The file is edited as text, so that its comments and form stay."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from sphinx.util.matching import patfilter
from sphinx_external_toc.parsing import MalformedError, parse_toc_data
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from editions.base.errors import EditionsError
from editions.base.files import read_text
from editions.base.project import Project


@dataclass(frozen=True)
class _Entry:
    """An item of a list in `_toc.yml`: a part, or a page with the pages below it."""

    listed_in: SequenceNode
    at: tuple[str | int, ...]  # keys and indices that lead to it from the top of the file
    node: MappingNode
    above: _Entry | None

    @property
    def pattern(self) -> str:
        """The page that it lists, such as "book/blocks", or pattern of pages; empty for a part."""
        found = [value.value for key, value in self.node.value if key.value in ("file", "glob")]
        return str(found[0]).removesuffix(".md") if found else ""

    def lists_any(self, pages: Iterable[str]) -> bool:
        """Whether it lists one of these pages."""
        return bool(self.pattern) and any(patfilter(pages, self.pattern))


def with_chapter(project: Project, page: str) -> str:
    """Return the text of `_toc.yml` with `page`, such as "book/mine", listed as the last chapter.

    It follows the last chapter that is listed. Where there is none, it ends the first list. A page
    that a pattern of the file lists is not listed again.

    Raises:
        EditionsError: the file has a form in which the page cannot be listed.
    """
    text = read_text(project.root / "_toc.yml", "_toc.yml")
    chapters = {project.relative(path).removesuffix(".md") for path in project.chapters}
    entries = [entry for entry in _entries(yaml.compose(text), (), None) if entry.pattern]
    if any(entry.lists_any([page]) for entry in entries):
        return text
    entry = _last_chapter(entries, chapters)
    if entry is None or entry.listed_in.flow_style:
        raise _not_found(page)
    lines = text.splitlines(keepends=True)
    number = _lines_up_to_end(entry.node)
    indent = " " * entry.listed_in.start_mark.column
    lines[number - 1] = lines[number - 1].rstrip("\n") + "\n"
    changed = "".join([*lines[:number], f"{indent}- file: {page}\n", *lines[number:]])
    _check(text, changed, entry, page)
    return changed


def _last_chapter(entries: list[_Entry], chapters: set[str]) -> _Entry | None:
    """The entry after which a new chapter goes: not below another chapter, but beside it."""
    found = [entry for entry in entries if entry.lists_any(chapters)]
    if not found:
        beside = [entry for entry in entries if entry.listed_in is entries[0].listed_in]
        return beside[-1] if beside else None
    entry = found[-1]
    while entry.above and entry.above.lists_any(chapters):
        entry = entry.above
    return entry


def _entries(
    node: Node | None, at: tuple[str | int, ...], above: _Entry | None
) -> Iterator[_Entry]:
    """All entries below `node`, from top to bottom."""
    if not isinstance(node, MappingNode):
        return
    for key, value in node.value:
        for number, item in enumerate(value.value if isinstance(value, SequenceNode) else ()):
            if isinstance(item, MappingNode):
                entry = _Entry(value, (*at, str(key.value), number), item, above)
                yield entry
                yield from _entries(item, entry.at, entry)


def _lines_up_to_end(node: Node) -> int:
    """How many lines of the file there are up to the end of `node`, comments after it left out."""
    if isinstance(node, ScalarNode) or node.flow_style or not node.value:
        return node.end_mark.line + (node.end_mark.column > 0)
    last = node.value[-1]
    return _lines_up_to_end(last[1] if isinstance(node, MappingNode) else last)


def _check(before: str, after: str, entry: _Entry, page: str) -> None:
    """Raise an `EditionsError` unless `after` differs from `before` by the new page alone."""
    wanted: Any = yaml.safe_load(before)
    listed = wanted
    for part in entry.at[:-1]:
        listed = listed[part]
    listed.insert(int(entry.at[-1]) + 1, {"file": page})
    try:
        found = yaml.safe_load(after)
        parse_toc_data(copy.deepcopy(found))
    except (yaml.YAMLError, MalformedError) as error:
        raise _not_found(page) from error
    if found != wanted:
        raise _not_found(page)


def _not_found(page: str) -> EditionsError:
    return EditionsError(
        f"_toc.yml: the place for {page} was not found; nothing was changed. A page can be listed "
        "where each entry has lines of its own, such as `- file: book/blocks`"
    )
