"""Which of the notebooks that a student handed in is graded.

It is the latest one that asks the questions of the assignment. A notebook in which every answer is
still the text that was handed out, as beside the worked one in an archive, comes after all others.
Where nothing tells which of several is the latest, the one counts in which most is filled in; then
the one whose name comes last, after those whose names say that they are copies or old.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import PurePosixPath

from grader.intake import notebooks
from grader.intake.exports import order_of_names
from grader.intake.files import ZIP, File, inside
from grader.intake.names import printable
from grader.intake.notebooks import TO_FILL_IN, Notebook, NotebookError, read_notebook
from grader.intake.submissions import LATER, DamagedError, Refused, Submission

_NO_NOTEBOOK = "a zip archive that is named like a notebook, and holds none that can be read"


@dataclass(frozen=True)
class Candidate:
    """One notebook of a student."""

    submission: Submission
    notebook: Notebook | None = None
    problem: str = ""  # why it could not be read

    def chapters(self, known: Collection[str]) -> set[str]:
        """Return the chapters that it is about, of those that are known."""
        if self.notebook is None:
            return set()
        return (self.notebook.chapters or {self.notebook.exercises}) & set(known)


@dataclass(frozen=True)
class Choice:
    """The notebook that counts."""

    candidate: Candidate
    problem: str = ""  # why it cannot be graded; usually ""
    unasked: str = ""  # why questions that it does not ask need a person; usually ""


def candidates_of(submission: Submission) -> list[Candidate]:
    """Read all notebooks that a student handed in, the latest first."""
    return [found for one in (submission, *submission.others) for found in _read(one)]


def choose(
    candidates: list[Candidate],
    questions: Collection[str],
    chapter: str,
    known: Collection[str],
    refused: list[Refused],
) -> Choice:
    """Return the notebook to grade. Those that are not graded get a line in `refused`.

    Args:
        candidates: the student's notebooks, the latest first.
        questions: the names of the questions.
        chapter: the chapter whose questions they are.
        known: the chapters that have questions.
        refused: the lines about files that are not graded.
    """
    asking = [one for one in candidates if one.notebook and one.notebook.asks(questions)]
    present = [one for one in asking if not _asks_by_old_names(one, questions)]
    read = [one for one in candidates if one.notebook]
    chosen = next(iter([*asking, *read, *candidates]))
    reasons: dict[int, str] = {}  # why those that ask do not count
    if len(asking) > 1:
        chosen, reasons = _best(asking, present, questions, chapter)
    old = {(one.submission.label, one.submission.outdone or LATER) for one in candidates}
    refused[:] = [one for one in refused if (one.label, one.reason) not in old]
    for one in candidates:
        if one is not chosen:
            outdone = "" if chosen.submission.outdone else one.submission.outdone
            why = reasons.get(id(one)) or outdone or _why_not(one, questions, chapter, known)
            refused.append(Refused(one.submission.label, why))
    if chosen.notebook is None:
        return Choice(chosen, chosen.problem)
    others = chosen.chapters(known) - {chapter}
    if chosen not in asking and others:
        return Choice(
            chosen, f"it is a notebook of {_listed(others)}, and asks nothing of {chapter}"
        )
    if chosen in asking and chosen not in present:
        about = _listed(others) or "another chapter"
        said = f"The notebook is of {about}: of {chapter} it asks only what was moved from there."
        return Choice(chosen, unasked=said)
    return Choice(chosen)


def _best(
    asking: list[Candidate], present: list[Candidate], questions: Collection[str], chapter: str
) -> tuple[Candidate, dict[int, str]]:
    """Return the one that counts, and why each of the others does not.

    `present` are those that ask questions by the names that these have now.
    """
    editions = [read_notebook(data) for data in notebooks.handed_out(chapter)]
    worth = [(_filled_in(one, questions, editions), one in present) for one in asking]
    best = [one for one, of_it in zip(asking, worth, strict=True) if of_it == max(worth)]
    peers = [one for one in best if _is_peer(one.submission, best[0].submission)]
    answered = [_answered(one, questions) for one in peers]
    place = answered.index(max(answered))  # of several alike, the first
    chosen, label = peers[place], peers[place].submission.label
    reasons: dict[int, str] = {}
    for one, more in zip(peers, answered, strict=True):
        why = "has more filled in" if more < answered[place] else "counts by its name"
        reasons[id(one)] = f"nothing tells which is later; {label} {why}"
    for one, (filled, _) in zip(asking, worth, strict=True):
        if one in best:
            continue
        earlier = asking.index(one) > asking.index(chosen)
        if earlier and not _is_peer(one.submission, chosen.submission):
            continue  # a later one counts, or a surer one
        blank = filled < max(worth)[0]
        what = "nothing is filled in" if blank else "it asks only what has moved from its chapter"
        reasons[id(one)] = f"{what}; {label} counts"
    return chosen, reasons


def _is_peer(one: Submission, other: Submission) -> bool:
    """Return whether nothing tells which of two files goes before the other."""
    return one.outdone == other.outdone and not one.is_told_from(other)


def _answered(one: Candidate, questions: Collection[str]) -> int:
    """Return how many questions a notebook asks, less the places that are to be filled in."""
    assert one.notebook is not None
    return len(one.notebook.asks(questions)) - _places(one.notebook.cells)


def _read(submission: Submission, packed: bool = False) -> list[Candidate]:
    """Read a file: a notebook, or an archive that is named like one and is in none."""
    try:
        data = submission.read()
        if packed or not data.startswith(ZIP):
            return [Candidate(submission, read_notebook(data))]
    except (DamagedError, OSError, NotebookError) as error:
        return [Candidate(submission, problem=str(error))]
    held = inside(File(PurePosixPath(submission.path), 0.0, lambda most: data))
    members = [_member(submission, file) for file in held.files if file.is_notebook]
    members.sort(key=attrgetter("order"), reverse=True)
    found = [one for member in members for one in _read(member, packed=True)]
    return found or [Candidate(submission, problem=_NO_NOTEBOOK)]


def _member(submission: Submission, file: File) -> Submission:
    """Return the submission of a file in an archive that is named like a notebook."""
    inner = file.path.relative_to(file.path.parts[0])
    label, path = f"{submission.label}/{printable(str(inner))}", f"{submission.path}/{inner}"
    moments = (*submission.moments[:2], int(file.inner))
    order = (*moments, order_of_names(file.path))
    return replace(
        submission, label=label, path=path, read=file.read, others=(), moments=moments, order=order
    )


def _filled_in(one: Candidate, questions: Collection[str], editions: list[Notebook]) -> int:
    """Return 2 if a place of the notebook is filled in, 1 if its code was changed otherwise, or 0.

    `editions` are the notebooks that were handed out; perhaps in another version than this one.
    """
    assert one.notebook is not None
    cells = one.notebook.cells
    own = [each for each in editions if each.framework == one.notebook.framework]
    blank = [_places(each.cells) for each in own] or [max(len(one.notebook.asks(questions)), 1)]
    if _places(cells) < min(blank):
        return 2
    known = {cell.strip() for each in own for cell in each.cells}
    # The first cells install what is missing, and name where from.
    return int(any(cell.strip() not in known for cell in cells if "install" not in cell))


def _places(cells: Collection[str]) -> int:
    return sum(len(TO_FILL_IN.findall(cell)) for cell in cells)


def _asks_by_old_names(one: Candidate, questions: Collection[str]) -> bool:
    return one.notebook is not None and one.notebook.asks_by_old_names(questions)


def _why_not(
    one: Candidate,
    questions: Collection[str],
    chapter: str,
    known: Collection[str],
) -> str:
    if one.notebook is None:
        return one.problem
    if not one.notebook.asks(questions):
        others = one.chapters(known) - {chapter}
        about = f"a notebook of {_listed(others)}" if others else "no notebook of exercises"
        return f"{about}; it asks nothing of {chapter}"
    return LATER


def _listed(chapters: Collection[str]) -> str:
    return " and ".join(sorted(chapters))
