"""`make check-questions`: try a folder of questions as the tests try ours, and say what is wrong.

What shows in the files is told first. A chapter whose files are in order is then tried in each
framework, in a process of its own: every right, wrong and made-up answer, on a number of seeds.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.exercises import trial_process
from editions.exercises.chapter_files import files_in
from editions.exercises.exercise_files import dropped_chapters
from editions.exercises.judged_inside import judging_notes
from editions.exercises.judged_seeds import FEW_SEEDS
from editions.exercises.migration import migration_notes
from editions.exercises.question_faults import Fault, private_faults, public_faults
from editions.exercises.trial_process import TrialFault, Work


@dataclass(frozen=True)
class Wanted:
    """What is to be tried."""

    project: Project
    chapters: Sequence[str] = ()  # none: all
    private: Path | None = None  # None: our own
    frameworks: Sequence[str] = ()
    seeds: Sequence[int | None] = (None, *range(1, FEW_SEEDS + 1))  # None: the public one

    @property
    def folder(self) -> Path:
        """The folder of chapters that is tried."""
        return self.private or self.project.root / "exercises" / "chapters"


def check_questions(wanted: Wanted) -> int:
    """Print what is wrong, a line each, and how much was tried; return the exit status.

    Raises:
        EditionsError: there are no such questions, or a framework is not installed.
    """
    chapters = _chapters(wanted)
    of_these = wanted.project, wanted.folder, chapters
    for note in (*migration_notes(*of_these), *judging_notes(*of_these)):
        print(f"note: {note}")
    faults = _faults_in_files(wanted, chapters)
    _print_faults(map(str, faults))
    untried = {name for name in chapters if _concern(wanted, faults, name)}
    sound = [name for name in chapters if name not in untried]
    number = len(faults)
    for framework in wanted.frameworks if sound else ():
        lines = list(in_lines(_try(wanted, sound, framework), len(wanted.seeds)))
        _print_faults(lines)
        number += len(lines)
    if untried:
        print(f"not tried, because of their files: {', '.join(sorted(untried))}")
    if number:
        print(f"{number} fault{'s' if number > 1 else ''}")
        return 1
    seeds = f"{len(wanted.seeds)} seed{'s' if len(wanted.seeds) > 1 else ''}"
    print(f"in order, on {seeds}: {', '.join(sound)}")
    return 0


def _chapters(wanted: Wanted) -> list[str]:
    """The names of the chapters to be tried.

    Raises:
        EditionsError: there is no such folder, or no such chapter in it.
    """
    if not wanted.folder.is_dir():
        raise EditionsError(f"{wanted.folder}: there is no such folder of exercises")
    listed = {path.stem for path in wanted.project.chapters}
    known = list(files_in(wanted.folder))
    if wanted.private:
        left_out = dropped_chapters(wanted.project)
        known = [name for name in known if name not in left_out]
    else:
        known = [name for name in known if name in listed]
    folder = wanted.project.relative(wanted.folder)
    if not known:
        raise EditionsError(f"{folder}: it holds no exercises, such as blocks/question.py")
    if unknown := [name for name in wanted.chapters if name not in known]:
        raise EditionsError(
            f"{folder}: there are no exercises called {', '.join(unknown)}; there are: "
            f"{', '.join(known)}"
        )
    return [name for name in known if name in (wanted.chapters or known)]


def _faults_in_files(wanted: Wanted, chapters: Sequence[str]) -> list[Fault]:
    if wanted.private:
        return private_faults(wanted.project, chapters, wanted.private, answers=True)
    return public_faults(wanted.project, chapters, answers=True)


def _concern(wanted: Wanted, faults: Iterable[Fault], chapter: str) -> bool:
    """Whether one of the faults lies in a file of the chapter."""
    files = files_in(wanted.folder)[chapter]
    paths = {files.text, files.question, files.right, files.wrong} - {None}
    shown = {wanted.project.relative(path) for path in paths if path}
    return any(fault.path in shown for fault in faults)


def _try(wanted: Wanted, chapters: Sequence[str], framework: str) -> list[TrialFault]:
    """Make the trials in one framework, with a progress bar on a terminal."""
    from tqdm import tqdm

    work = Work(wanted.project, chapters, wanted.private, framework, wanted.seeds)
    with tqdm(total=0, unit="trial", desc=framework, disable=None, file=sys.stderr) as bar:

        def progress(done: int, more: int) -> None:
            bar.total += more
            bar.update(done)
            bar.refresh()

        def say(text: str) -> None:
            bar.write(f"note: {text}", file=sys.stderr)

        return trial_process.make_trials(work, progress, on_quiet=say)


def in_lines(faults: Iterable[TrialFault], seeds: int) -> Iterator[str]:
    """The faults in a line each: what is wrong on several seeds is told once."""
    groups: defaultdict[tuple[str, str, str, str], list[TrialFault]] = defaultdict(list)
    for fault in faults:
        beginning = fault.message.partition(": ")[0]  # what follows depends on the inputs
        groups[fault.place, fault.subject, fault.framework, beginning].append(fault)
    for (place, subject, framework, _), group in groups.items():
        on = sorted({fault.seed for fault in group if fault.seed is not None})
        where = f" (seed {', '.join(map(str, on[:5]))}{_further(on)}; {len(on)} of {seeds})"
        text = f"{place}: {subject}, in {framework}: {group[0].message}"
        yield text + (where if on else "")


def _further(seeds: Sequence[int]) -> str:
    return " ..." if len(seeds) > 5 else ""


def _print_faults(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"error: {line}", file=sys.stderr)
