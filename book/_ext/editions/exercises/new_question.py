"""Start a question: a section, the question, and answers to try it with, which pass as they are.

A new folder of a chapter gets its four files. Where a chapter has them, the question is added to
each: its section behind the last one that asks a question, its answers at the end of the functions
that give them.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from editions.base.errors import EditionsError
from editions.base.files import read_text, write_atomically
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import Project
from editions.exercises.chapter_files import ChapterFiles, files_in
from editions.exercises.exercise_files import (
    TAGS,
    check_rules,
    dropped_chapters,
    question_frameworks,
    read_exercise_text,
    sections,
)
from editions.source.chapter import parse_chapter, read_chapter
from editions.source.page_template import fill_in

LONGEST = 60  # letters of a name, which names cells
_NAME = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\.([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
_SKELETON = Path(__file__).with_name("skeleton")
_WORDS = ("Aspect", "function", "question")  # of the vocabulary, that the skeleton uses
_WORDS_OF_TEXT = ("free_text",)
_VOCABULARY = "d2lexercises.vocabulary"


def new_question(
    project: Project,
    name: str,
    title: str | None = None,
    private: Path | None = None,
    *,
    text: bool = False,
) -> list[Path]:
    """Write a question called `name`, such as "blocks.two-steps"; return the files it is in.

    Args:
        project: the book.
        name: chapter, dot, question.
        title: the heading of its section; by default made from the name.
        private: the folder of private questions; by default it is a public one.
        text: the answer is a text, which a person marks.

    Raises:
        EditionsError: the name is no name for a question, its chapter hands out no exercises, there
            is such a question already, or a file of the chapter has a form to which nothing can be
            added. Nothing is changed then.
    """
    if not name:
        raise EditionsError(
            "give the name of the question: make new-question NAME=blocks.two-steps, or "
            "editions new-question blocks.two-steps"
        )
    match = _NAME.fullmatch(name)
    if not match or len(match[2]) > LONGEST:
        raise EditionsError(
            f"the name of a question is {name[:80]!r}; it is a chapter, a dot, and up to "
            f"{LONGEST} lower-case letters, digits and single hyphens, each part beginning with a "
            "letter, such as blocks.two-steps"
        )
    chapter = match[1]
    _check_chapter(project, chapter, private)
    folder = private or project.root / "exercises" / "chapters"
    files = files_in(folder).get(chapter) if folder.is_dir() else None
    if files is None:
        files = ChapterFiles(chapter)
    elif not files.in_folder or _is_first_edition(files):
        raise EditionsError(
            f"{project.relative(files.folder)}: the questions of {chapter} are in the form of the "
            "first edition; move them first, as exercises/MIGRATING.md says"
        )
    question = _NewQuestion(project, name, title, files, folder / chapter, text)
    written = question.texts()
    for path, code in written.items():
        write_atomically(path, code.encode("utf8"))
    return list(written)


def _check_chapter(project: Project, chapter: str, private: Path | None) -> None:
    listed = {path.stem for path in project.chapters}
    if private is None and chapter not in listed:
        raise EditionsError(
            f"_toc.yml lists no chapter called {chapter}; it lists {', '.join(sorted(listed))}"
        )
    if chapter in dropped_chapters(project):
        raise EditionsError(f"_toc.yml does not list the page {chapter}: it hands out no exercises")


def note_on_page(project: Project, chapter: str) -> str:
    """What to say of a chapter that is no page of the book, which a private one need not be."""
    pages = sorted(path.stem for path in project.chapters)
    if chapter in pages:
        return ""
    near = difflib.get_close_matches(chapter, pages, n=1)
    meant = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(pages)}"
    return f"note: no page of the book is called {chapter}{meant}"


def _is_first_edition(files: ChapterFiles) -> bool:
    if files.question is None:
        return False
    return "d2lcompute.checks" in read_text(files.question, files.question.as_posix())


@dataclass(frozen=True)
class _NewQuestion:
    """A question that is about to be written, and the files of its chapter so far."""

    project: Project
    name: str
    title: str | None
    files: ChapterFiles
    folder: Path
    is_text: bool = False

    def texts(self) -> dict[Path, str]:
        """The files with the question in them.

        Raises:
            EditionsError: one of them cannot take it.
        """
        texts = {
            self.folder / "text.md": self._text(),
            self.folder / "question.py": self._question(),
        }
        for kind in ("right", "wrong") if not self.is_text else ():
            texts[self.folder / f"{kind}.py"] = self._answers(kind)
        shown = self.project.relative(self.folder / "text.md")
        chapter = parse_chapter(texts[self.folder / "text.md"], self.files.name, shown, TAGS)
        for framework in self.project.frameworks:
            check_rules(replace(chapter, path=shown), framework)
        return texts

    # -- words -------------------------------------------------------------------------------------

    @property
    def own(self) -> str:
        """The name behind the dot."""
        return self.name.partition(".")[2]

    @property
    def _section(self) -> str:
        return "text-section.md" if self.is_text else "section.md"

    def _values(self) -> dict[str, Any]:
        snake = self.own.replace("-", "_")
        title = " ".join((self.title or "").split()).lstrip("# ")
        title = title or self.own.replace("-", " ").capitalize()
        return {
            "name": self.name,
            "own": self.own,
            "snake": snake,
            "function": f"{snake}_" if keyword.iskeyword(snake) else snake,
            "constant": snake.upper(),
            "camel": "".join(word.capitalize() for word in snake.split("_")),
            "title": title,
            "title_literal": '"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"',
            "chapter": self.files.name,
        }

    def _filled(self, file: str, **further: Any) -> str:
        path = _SKELETON / file
        text = fill_in(self.project, path.read_text("utf8"), path, **self._values(), **further)
        return re.sub(r"\n{4,}", "\n\n\n", text)

    # -- text.md -----------------------------------------------------------------------------------

    def _text(self) -> str:
        path = self.files.text
        if path is None:
            page = self.project.root / "book" / f"{self.files.name}.md"
            title = read_chapter(page).title if page.is_file() else ""
            return re.sub(r"\n{3,}", "\n\n", self._filled(
                "text.md", section=self._filled(self._section, number="1. ").rstrip(),
                on_page=page.is_file(),
                chapter_title=title or self.files.name.replace("-", " ").capitalize(),
            ))  # fmt: skip
        shown = self.project.relative(path)
        text = read_text(path, shown)
        found = sections(read_exercise_text(self.project, self.files.name, path))
        if self.name in [section.question for section in found]:
            raise EditionsError(f"{shown} asks {self.name} already; nothing was changed")
        last = max((n for n, one in enumerate(found) if one.question), default=-1)
        number = re.match(r"## (\d+)\. ", found[last].cells[0].source) if last >= 0 else None
        section = self._filled(self._section, number=f"{int(number[1]) + 1}. " if number else "")
        lines = text.splitlines()
        following = found[last + 1 :] if last >= 0 else []
        at = following[0].cells[0].line - 1 if following else len(lines)
        return "\n".join([*_trimmed(lines[:at]), "", *section.splitlines(), "", *lines[at:]]) + (
            "\n" if following else ""
        )

    # -- question.py -------------------------------------------------------------------------------

    def _question(self) -> str:
        kind = "text-question" if self.is_text else "question"
        path, code = self.files.question, self._filled(f"{kind}.py.jinja")
        wanted = _WORDS_OF_TEXT if self.is_text else _WORDS
        if path is None:
            title = self.files.name.replace("-", " ").capitalize()
            words = ", ".join(wanted)
            return (
                f'"""Questions of the chapter *{title}*."""\n\nfrom __future__ import annotations\n'
                f"\nfrom {_VOCABULARY} import {words}\n\n{code}"
            )
        shown = self.project.relative(path)
        text = read_text(path, shown)
        tree = _parsed(text, shown)
        if clash := sorted(_defined(tree) & _defined(ast.parse(code))):
            raise EditionsError(f"{shown} defines {', '.join(clash)} already; choose another name")
        return f"{_with_words(text, tree, wanted)}\n\n{code}"

    # -- right.py and wrong.py ---------------------------------------------------------------------

    def _answers(self, kind: str) -> str:
        keys = question_frameworks(self.project)
        codes = {key: self._filled(f"{kind}.py.jinja", framework=key).rstrip() for key in keys}
        path = self.folder / f"{kind}.py"
        if not path.is_file():
            return _new_answers(kind, codes)
        shown = self.project.relative(path)
        text = read_text(path, shown)
        ends = _ends_of_functions(_parsed(text, shown), kind.upper())
        if len({ends[key] for key in keys if key in ends}) < len(keys) and ends:
            text = _with_own_functions(text, _parsed(text, shown), kind)
            ends = _ends_of_functions(_parsed(text, shown), kind.upper())
        if missing := [key for key in keys if key not in ends]:
            raise EditionsError(
                f"{shown}: {kind.upper()} has no function of this file for {', '.join(missing)}, "
                "to which answers could be added"
            )
        lines = text.splitlines()
        for key in sorted(keys, key=lambda key: ends[key], reverse=True):
            lines[ends[key] : ends[key]] = ["", *codes[key].splitlines()]
        return "\n".join(lines) + "\n"


# -- Python files ----------------------------------------------------------------------------------


def _parsed(text: str, shown: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise EditionsError(f"{shown}:{error.lineno}: syntax error: {error.msg}") from None


def _defined(tree: ast.Module) -> set[str]:
    """The names that a module defines at its top."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return found


def _with_words(text: str, tree: ast.Module, wanted: tuple[str, ...]) -> str:
    """The text of a file of questions that imports what the skeleton uses of the vocabulary."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    there = [
        node for node in imports if isinstance(node, ast.ImportFrom) and node.module == _VOCABULARY
    ]
    names = {alias.name for node in there for alias in node.names}
    if names >= set(wanted):
        return text
    lines = text.splitlines()
    new = _import_of(sorted({*names, *wanted}, key=_order_of_imports)).splitlines()
    if there:
        lines[there[0].lineno - 1 : there[0].end_lineno] = new
    else:
        at = max((node.end_lineno or 0 for node in imports), default=0)
        lines[at:at] = new
    return "\n".join(lines) + "\n"


def _import_of(names: list[str]) -> str:
    line = f"from {_VOCABULARY} import {', '.join(names)}"
    if len(line) <= 100:
        return line
    return "\n".join([f"from {_VOCABULARY} import (", *(f"    {name}," for name in names), ")"])


def _order_of_imports(name: str) -> tuple[int, str]:
    """Constants, classes, then functions, each in alphabetical order."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _ends_of_functions(tree: ast.Module, table: str) -> dict[str, int]:
    """The last line of the function that a table names for each framework."""
    ends = {
        node.name: node.end_lineno or 0 for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    _, functions = _table(tree, table)
    return {key: ends[name] for key, name in functions.items() if name in ends}


def _table(tree: ast.Module, table: str) -> tuple[ast.Assign | None, dict[str, str]]:
    """The statement of a table of answers, and the function that it names for each framework."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys, values)):
                if name == table:
                    return node, {
                        key.value: value.id
                        for key, value in zip(keys, values, strict=True)
                        if isinstance(key, ast.Constant) and isinstance(key.value, str)
                        if isinstance(value, ast.Name)
                    }
    return None, {}


def _with_own_functions(text: str, tree: ast.Module, kind: str) -> str:
    """A file of answers in which each framework has a function that calls the one they shared."""
    statement, functions = _table(tree, kind.upper())
    assert statement is not None
    takes = "" if kind == "right" else "solution"
    own = {key: f"{kind}_{key}" for key in functions}
    while _defined(tree) & set(own.values()):
        own = {key: f"{name}_answers" for key, name in own.items()}
    parts = [
        f"def {own[key]}({takes}):\n    yield from {shared}({takes})\n\n"
        for key, shared in functions.items()
    ]
    table = ", ".join(f'"{key}": {name}' for key, name in own.items())
    lines = text.splitlines()
    lines[statement.lineno - 1 : statement.end_lineno] = [
        *"\n".join(parts).splitlines(), "", f"{kind.upper()} = {{{table}}}"
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _new_answers(kind: str, codes: Mapping[str, str]) -> str:
    """A file of answers, with a function for each framework."""
    solution = "" if kind == "right" else "solution: dict[str, Any]"
    about = {
        "right": "Right answers that differ from the worked solutions.",
        "wrong": "Plausible wrong answers, each with the aspects on which it fails, and no others.",
    }[kind]
    parts = [
        f'"""{about}"""\n\nfrom __future__ import annotations\n\n'
        "from collections.abc import Iterator\nfrom typing import Any\n\n"
        + (
            "Right = tuple[str, str, Any]"
            if kind == "right"
            else "Wrong = tuple[str, str, Any, set[str]]"
        )
    ]
    for key, code in codes.items():
        parts.append(
            f"def {key}({solution}) -> Iterator[{kind.capitalize()}]:\n"
            f'    """{kind.capitalize()} answers in {FRAMEWORKS[key].title}."""\n\n{code}'
        )
    table = ", ".join(f'"{key}": {key}' for key in codes)
    return "\n\n\n".join(parts) + f"\n\n\n{kind.upper()} = {{{table}}}\n"


def _trimmed(lines: list[str]) -> list[str]:
    """The lines without empty ones at the end."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines
