"""What a verifying run compares, what it records instead, and what it reports."""

from __future__ import annotations

import os
import sys

from editions.base.errors import EditionsError
from editions.base.processes import run_child, share_of_processors
from editions.notebooks.edition import Edition
from editions.notebooks.execution import find_cards, jobs_on, run_all
from editions.notebooks.verification_record import load


def verify(chosen: list[Edition], jobs: int | None = None, lax: bool = False) -> int:
    """Run notebooks again, compare their outputs with the stored ones, and print the result.

    On the CPU every notebook must be stored. On a GPU a notebook that is missing or stale is
    recorded, and reported as recorded, because there is no earlier run to compare it with.

    Args:
        chosen: the editions, all on one device.
        jobs: notebooks to run at a time; by default two, on a GPU one.
        lax: do not compare outputs and write no verification record; claims must hold.

    Returns:
        0 if everything compared is as stored and everything else could be recorded; otherwise 1.

    Raises:
        EditionsError: there is nothing to run, a notebook for the CPU is missing, or the framework
            finds no GPU.
    """
    if not chosen:
        raise EditionsError("there is no chapter to verify: _toc.yml lists none")
    device = chosen[0].device
    jobs = jobs_on(device, jobs, default=2)
    cards = [name for names in find_cards(chosen).values() for name in names]
    obstacles = {edition: _obstacle(edition) for edition in chosen}
    compared = [edition for edition, obstacle in obstacles.items() if obstacle is None]
    recorded = [edition for edition, obstacle in obstacles.items() if obstacle is not None]
    if device == "cpu" and recorded:
        listed = "\n".join(f"  {edition.shown}: {obstacles[edition]}" for edition in recorded)
        raise EditionsError(f"nothing to compare with:\n{listed}\nType: make notebooks")
    status = _run_nbval(compared, jobs, lax) if compared else 0
    errors = run_all(recorded, jobs)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    where = f"On {', '.join(dict.fromkeys(cards))}: " if cards else ""
    if compared:
        what = "run, outputs not compared" if lax else "compared"
        print(f"{where}{len(compared)} notebooks {what}: {_verdict(status, lax)}")
    for edition in recorded:
        if edition.staleness() is None:
            print(f"{where}{edition.shown}: recorded, not compared ({obstacles[edition]})")
    return int(status != 0 or bool(errors))


def _verdict(status: int, lax: bool) -> str:
    if status == 0:
        return "claims hold" if lax else "all as stored"
    return "they differ" if status == 1 else "the run was stopped before its end"


def _obstacle(edition: Edition) -> str | None:
    """Return why a run cannot be compared with the stored notebook; None if it can."""
    if edition.device == "cpu":  # whether it is stale is reported by `editions check`
        return None if edition.path.is_file() else "it has never been run"
    return edition.staleness()


def _run_nbval(chosen: list[Edition], jobs: int, lax: bool) -> int:
    command = [sys.executable, "-m", "pytest", "-p", "editions.notebooks.nbval_plugin", "-q"]
    command += ["--nbval-lax" if lax else "--nbval", "--nbval-current-env"]
    command += ["-p", "no:cacheprovider"]
    if jobs > 1:
        command += ["-n", str(jobs), "--dist", "loadfile", "--no-loadscope-reorder"]
    # The longest begin, so that the jobs end at about the same time.
    paths = [str(edition.path) for edition in sorted(chosen, key=_duration, reverse=True)]
    environment = os.environ | share_of_processors(jobs)
    done = run_child([*command, *paths], cwd=chosen[0].project.root, env=environment)
    return done.returncode


def _duration(edition: Edition) -> float:
    """How many seconds a notebook took last time; where nobody knows, how many cells it has."""
    project, chapter = edition.project, edition.chapter.name
    record = load(project.record_path(chapter, edition.framework.key, edition.device))
    return float(len(edition.cells)) if record is None else record.seconds
