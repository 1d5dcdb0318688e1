"""What the search page searches: one record for each section, read from the built documents.

A record keeps apart what all readers see, what belongs to one framework, and what is the answer to
a question. The page finds answers and does not quote them. The headings above a section, the terms
that it introduces, in italics, and the names of code in its prose say what it is about. Everything
is one script, so that search works in pages that are opened as files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from editions.base.frameworks import FRAMEWORKS
from editions.site.cell_folds import reveal
from editions.site.site_files import reading_order
from editions.site.tabs import class_of

FILE = "search-sections.js"
# The kinds of text, to which those of each framework come: "pytorch", "answer_pytorch".
SHARED, ANSWER = "text", "answer"
# What prose has in italics, and its names of code: also by framework, "term_pytorch".
MARKED = {"term": nodes.emphasis, "code": nodes.literal}
UNREAD = (nodes.raw, nodes.comment, nodes.image, nodes.system_message, nodes.math_block)
UNREAD_CLASSES = {"sd-tab-label", "outcomes-title", "toctree-wrapper"}
ANSWER_CLASSES = {"quiz-answer"}


@dataclass
class Record:
    """A section, a described object or a page's beginning."""

    page: str
    title: str
    anchor: str = ""
    above: str = ""  # the headings between that of the page and its own
    texts: dict[str, list[str]] = field(default_factory=dict)  # by kind

    def add(self, kind: str, text: str) -> None:
        """Add a piece of text."""
        if text := " ".join(text.split()):
            self.texts.setdefault(kind, []).append(text)


def register(app: Sphinx) -> None:
    """Write the records at the end of a build."""
    app.connect("build-finished", _write, priority=700)


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    pages: list[list[str]] = []
    sections: list[dict[str, Any]] = []
    for name in _pages(app):
        pages.append([app.builder.get_target_uri(name), app.env.titles[name].astext()])
        for one in records(app.env.get_doctree(name), name):
            texts = {kind: " ".join(found) for kind, found in one.texts.items()}
            about = {"page": len(pages) - 1, "title": one.title, "anchor": one.anchor}
            above = {"above": one.above} if one.above else {}
            sections.append({**about, **above, **texts})
    data = json.dumps({"pages": pages, "sections": sections}, ensure_ascii=False)
    path = Path(app.outdir, "_static", FILE)
    path.write_text(f"window.searched = {data};\n", "utf8")


def _pages(app: Sphinx) -> Iterator[str]:
    """All pages: those of the table of contents in its order, then the others."""
    ordered = list(dict.fromkeys(reading_order(app, app.config.root_doc)))
    yield from ordered
    yield from sorted(app.env.found_docs - set(ordered))


def records(document: nodes.document, page: str) -> list[Record]:
    """The records of a page, in their order."""
    found: list[Record] = []
    for section in document.findall(nodes.section):
        if section.parent is document:
            _read_section(section, page, found)
    return [one for one in found if one.texts or one.title]


def _read_section(
    section: nodes.Element, page: str, found: list[Record], above: tuple[str, ...] = ()
) -> None:
    title = next(section.findall(nodes.title), None)
    anchor = section["ids"][0] if found and section["ids"] else ""
    record = Record(page, title.astext() if title else "", anchor, " ".join(above[1:]))
    found.append(record)
    for child in section.children:
        if isinstance(child, nodes.section):
            _read_section(child, page, found, (*above, record.title))
        elif child is not title:
            _read(child, SHARED, record, found)


def _read(node: nodes.Node, kind: str, record: Record, found: list[Record]) -> None:
    """Add what a node says to its record; sections and described objects get their own."""
    if isinstance(node, nodes.section):
        _read_section(node, record.page, found)
    elif isinstance(node, addnodes.desc):
        _read_described(node, record.page, found)
    elif isinstance(node, UNREAD) or UNREAD_CLASSES & set(_classes(node)):
        return
    elif isinstance(node, nodes.TextElement):
        record.add(kind, _words(node))
        if not kind.startswith(ANSWER):
            for field, type_of_node in MARKED.items():
                for marked in node.findall(type_of_node):
                    record.add(f"{field}_{kind}" if kind in FRAMEWORKS else field, marked.astext())
    elif isinstance(node, nodes.Element):
        kind = _kind(node, kind)
        for child in _shown(node):
            _read(child, kind, record, found)


def _words(node: nodes.TextElement) -> str:
    """The text, without keys of cited works, and without formulas that only LaTeX reads."""
    return "".join(_text_of(text) for text in node.findall(nodes.Text))


def _text_of(text: nodes.Text) -> str:
    parent = text.parent
    if parent.parent is not None and parent.parent.get("refdomain") == "cite":
        return ""
    return "…" if isinstance(parent, nodes.math) and "\\" in text else str(text)


def _read_described(node: addnodes.desc, page: str, found: list[Record]) -> None:
    """A function or class of the package's reference."""
    signature = next(node.findall(addnodes.desc_signature))
    name = signature.get("fullname") or signature.astext()
    record = Record(page, str(name), signature["ids"][0] if signature["ids"] else "")
    found.append(record)
    for child in node.children:
        _read(child, SHARED, record, found)


def _kind(node: nodes.Element, kind: str) -> str:
    """What kind of text a node holds, in text of `kind`: "answer_pytorch", for one."""
    classes = set(_classes(node))
    owned = (key for key in FRAMEWORKS if {f"for-{key}", class_of(key)} & classes)
    known = next((key for key in FRAMEWORKS if kind.endswith(key)), "")
    framework = next(owned, known)
    if kind.startswith(ANSWER) or isinstance(node, reveal) or ANSWER_CLASSES & classes:
        return f"{ANSWER}_{framework}" if framework else ANSWER
    return framework or kind


def _classes(node: nodes.Node) -> list[str]:
    return node.get("classes", []) if isinstance(node, nodes.Element) else []


def _shown(node: nodes.Element) -> list[nodes.Node]:
    """The children that can be read: of an output in several forms, its text, if that is shown."""
    if node.get("nb_element") != "mime_bundle":
        return list(node.children)
    forms = {child.get("mime_type"): child for child in node.children}
    if any(str(form).startswith("image/") for form in forms):
        return []
    return [forms[form] for form in ("text/markdown", "text/plain") if form in forms][:1]
