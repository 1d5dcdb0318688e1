"""`make verify` and `make test-gpu`: run the executed notebooks again, and compare."""

from __future__ import annotations

import sys

from editions.base.errors import EditionsError
from editions.base.processes import run_child
from editions.notebooks.accelerators import accelerators
from editions.notebooks.execution import Edition, jobs_on, kernel_environment, run_all


def verify(chosen: list[Edition], jobs: int | None = None, lax: bool = False) -> int:
    """Run notebooks again, compare their outputs with the stored ones, and say what was compared.

    On the CPU every notebook must be there. On a GPU those that are missing, or older than their
    source, are recorded, and reported as recorded: a first run has nothing to be compared with.
    With `lax`, outputs are not compared, and no verification record is written: claims must hold.

    Returns:
        0 if all that was compared is as stored and all else could be recorded; else 1.

    Raises:
        EditionsError: there is nothing to run, a notebook for the CPU is missing, or the framework
            sees no GPU.
    """
    if not chosen:
        raise EditionsError("there is no chapter to verify: _toc.yml lists none")
    device = chosen[0].device
    jobs = jobs_on(device, jobs, default=2)
    names = _cards(chosen) if device != "cpu" else []
    reasons = {edition: _not_comparable(edition) for edition in chosen}
    compared = [edition for edition, reason in reasons.items() if reason is None]
    unknown = [edition for edition, reason in reasons.items() if reason is not None]
    if device == "cpu" and unknown:
        listed = "\n".join(f"  {edition.shown}: {reasons[edition]}" for edition in unknown)
        raise EditionsError(f"nothing to compare with:\n{listed}\nType: make notebooks")
    status = _nbval(compared, jobs, lax) if compared else 0
    failed = status != 0
    errors = run_all(unknown, jobs)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    on = f"On {', '.join(dict.fromkeys(names))}: " if names else ""
    if compared:
        wrong = "they differ" if status == 1 else "the run did not come to its end"
        verdict = wrong if failed else "claims hold" if lax else "all as stored"
        what = "run, outputs not compared" if lax else "compared"
        print(f"{on}{len(compared)} notebooks {what}: {verdict}")
    for edition in unknown:
        if edition.staleness() is None:
            print(f"{on}{edition.shown}: recorded, not compared ({reasons[edition]})")
    return int(failed or bool(errors))


def _cards(chosen: list[Edition]) -> list[str]:
    """The names of the accelerators that each framework sees."""
    environment = kernel_environment(chosen[0].project, chosen[0].device)
    frameworks = dict.fromkeys(edition.framework for edition in chosen)
    return [name for one in frameworks for name in accelerators(one, environment)]


def _not_comparable(edition: Edition) -> str | None:
    """Why a run cannot be compared with what is stored; None if it can."""
    if edition.device == "cpu":  # `make check-notebooks` says which are stale
        return None if edition.path.is_file() else "it has never been run"
    return edition.staleness()


def _nbval(chosen: list[Edition], jobs: int, lax: bool) -> int:
    project = chosen[0].project
    command = [sys.executable, "-m", "pytest", "-p", "editions.notebooks.nbval_plugin", "-q"]
    command += ["--nbval-lax" if lax else "--nbval", "--nbval-current-env"]
    command += ["-p", "no:cacheprovider"]
    if jobs > 1:
        command += ["-n", str(jobs), "--dist", "loadfile"]
    paths = [str(edition.path) for edition in chosen]
    return run_child([*command, *paths], cwd=project.root).returncode
