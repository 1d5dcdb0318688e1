"""How stored notebooks are kept up to date: the stale ones are run, the others get new prose."""

from __future__ import annotations

import dataclasses
import os
import sys

import nbformat
from nbformat import NotebookNode

from editions.base.errors import EditionsError
from editions.base.project import DEVICES
from editions.notebooks.edition import Edition
from editions.notebooks.execution import jobs_on, run_all
from editions.notebooks.notebook import refresh
from editions.notebooks.storage import files, store


def bring_up_to_date(chosen: list[Edition], jobs: int | None = None, force: bool = False) -> int:
    """Run the stale notebooks and refresh the prose of the others; print what was done to each.

    Args:
        chosen: the editions to look at, all on one device.
        jobs: notebooks to run at a time; by default one for each processor.
        force: also run notebooks that are up to date.

    Returns:
        0, or 1 if a notebook could not be run.

    Raises:
        EditionsError: there is nothing to run, or `jobs` is not possible on this device.
    """
    if not chosen:
        raise EditionsError("there is no chapter to run: _toc.yml lists none")
    reasons = {edition: edition.staleness() for edition in chosen}
    stale = [edition for edition, reason in reasons.items() if reason or force]
    for edition in stale:
        print(f"{edition.shown}: {reasons[edition] or 'run again, as asked'}")
    jobs = jobs_on(chosen[0].device, jobs, max(1, min(len(stale), os.cpu_count() or 1)))
    errors = run_all(stale, jobs)
    current = [edition for edition in chosen if edition not in stale]
    changed = [edition for edition in current + _on_other_devices(chosen) if refresh_prose(edition)]
    for edition in changed:
        print(f"{edition.shown}: prose refreshed")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(
        f"{len(chosen)} notebooks: {len(stale) - len(errors)} run, {len(changed)} refreshed, "
        f"{len(set(current) - set(changed))} unchanged, {len(errors)} failed"
    )
    return 1 if errors else 0


def check(chosen: list[Edition]) -> int:
    """Print an error for each notebook that differs from its source.

    Returns:
        0, or 1 if a notebook has to be run or refreshed, or a prediction has no answer.

    Raises:
        EditionsError: there is no chapter, a claim proves nothing, or a prediction is incomplete.
    """
    if not chosen:
        raise EditionsError("there is no chapter to check: _toc.yml lists none")
    problems, outdated = [], []
    for edition in chosen:
        edition.check_source()
        if reason := edition.staleness():
            outdated.append(f"{edition.shown}: stale: {reason}")
    for edition in [*chosen, *_on_other_devices(chosen)]:
        if edition.staleness() is not None:
            continue
        try:
            edition.answer_keys(_stored(edition))
        except EditionsError as error:
            problems.append(str(error))
        differing = [
            path
            for path, data in files(edition, _with_new_prose(edition)).items()
            if not path.is_file() or path.read_bytes() != data
        ]
        if edition.path in differing:
            outdated.append(f"{edition.shown}: the notebook does not hold the source's prose")
        elif differing:
            copy = edition.project.relative(edition.learners_path)
            outdated.append(f"{edition.shown}: {copy} is not a copy of what was recorded")
    problems += [f"{one}. Type: make notebooks" for one in outdated]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print(f"{len(chosen)} notebooks hold what their sources say")
    return 1 if problems else 0


def refresh_prose(edition: Edition) -> bool:
    """Replace the prose of a notebook whose code is up to date; return whether a file changed.

    Raises:
        EditionsError: the source cannot be converted, or the file cannot be written.
    """
    return store(edition, _with_new_prose(edition))


def _with_new_prose(edition: Edition) -> NotebookNode:
    return refresh(edition.build(), _stored(edition))


def _stored(edition: Edition) -> NotebookNode:
    return nbformat.read(edition.path, as_version=4)


def _on_other_devices(chosen: list[Edition]) -> list[Edition]:
    """Return the stored and current runs of the same editions on the other devices."""
    others = (
        dataclasses.replace(edition, device=device)
        for edition in chosen
        for device in DEVICES
        if device != edition.device
    )
    return [edition for edition in others if edition.staleness() is None]
