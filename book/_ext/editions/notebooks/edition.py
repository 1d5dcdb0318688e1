"""An edition: a chapter in one framework, on one kind of device; and which editions a book has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from editions.base.errors import EditionsError
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.notebooks import notebook, staleness
from editions.notebooks.answer_keys import answer_keys
from editions.source.chapter import Cell, Chapter, cell_ids, read_chapter
from editions.source.claims import claim_problems
from editions.source.predictions import predictions


@dataclass(frozen=True)
class Edition:
    """One framework's edition of a chapter, on one kind of device."""

    project: Project
    chapter: Chapter
    framework: Framework
    device: str = "cpu"

    @property
    def path(self) -> Path:
        """Where its executed notebook is stored."""
        return self.project.recorded_path(self.chapter.name, self.framework.key, self.device)

    @property
    def learners_path(self) -> Path:
        """Where the copy for learners is stored."""
        return self.project.notebook_path(self.chapter.name, self.framework.key, self.device)

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return f"{self.chapter.path} ({self.framework.title} edition, {self.device})"

    @property
    def cells(self) -> list[Cell]:
        """Its cells in the chapter's source."""
        return self.chapter.edition(self.framework.key)

    def source_cell(self, identifier: str) -> Cell | None:
        """Return the cell whose id in the notebook is `identifier`; None for the set-up cell."""
        return dict(zip(cell_ids(self.cells), self.cells, strict=True)).get(identifier)

    def build(self) -> NotebookNode:
        """Return its notebook before it is run.

        Raises:
            SourceError: the chapter's Markdown holds something that notebooks cannot show.
        """
        return notebook.build(self.chapter, self.framework, self.project)

    def fingerprint(self) -> dict[str, object]:
        """Return what its outputs depend on.

        Raises:
            EditionsError: the helper package or `requirements.txt` cannot be read.
        """
        return staleness.fingerprint(self.chapter, self.framework, self.project)

    def staleness(self) -> str | None:
        """Return why its stored notebook must be run again; None if it is up to date.

        Raises:
            EditionsError: as `fingerprint`.
        """
        return staleness.staleness(self.path, self.chapter, self.framework, self.project)

    def answer_keys(self, notebook: NotebookNode) -> dict[str, str]:
        """Return the right answers to its predictions, as its executed notebook gives them.

        Raises:
            EditionsError: the run gives no answer, or a comment gives one away.
        """
        return answer_keys(self.chapter, self.framework.key, notebook)

    def check_source(self) -> None:
        """Check its predictions, and that every claim asserts what cells above it computed.

        Raises:
            EditionsError: a prediction is incomplete; or lists the claims that prove nothing.
        """
        predictions(self.chapter)
        problems = [
            f"{self.chapter.path}:{cell.line}: the claim "
            f"{cell.claim_title!r} proves nothing: {problem}"
            for cell, problem in claim_problems(self.cells)
        ]
        if problems:
            raise EditionsError("\n".join(problems))


def editions(
    project: Project,
    names: list[str] | None = None,
    device: str = "cpu",
    framework: str | None = None,
) -> list[Edition]:
    """Return the editions of a book.

    Args:
        project: the book.
        names: the chapters to take; None or empty for all.
        device: the device on which the editions are run.
        framework: the framework to take; None for all that the book has.

    Raises:
        EditionsError: there is no such chapter, or the book does not have the framework.
    """
    paths = project.chapters
    keys = [one.key for one in project.frameworks]
    if framework and framework not in keys:
        raise EditionsError(
            f"there is no {framework} edition; this book has {', '.join(keys)} "
            "(_config.yml: editions_frameworks)"
        )
    names = [name.removesuffix(".md") for name in names or []]
    known = [path.stem for path in paths]
    if unknown := [name for name in names if name not in known]:
        raise EditionsError(
            f"_toc.yml lists no chapter called {', '.join(unknown)}; it lists {', '.join(known)}"
        )
    chapters = [
        read_chapter(path, project.relative(path))
        for path in paths
        if not names or path.stem in names
    ]
    return [
        Edition(project, chapter, one, device)
        for chapter in chapters
        for one in project.frameworks
        if framework in (None, one.key)
    ]
