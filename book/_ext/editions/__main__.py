"""`python -m editions`: run, check, verify the notebooks; build, check, print the book."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import NoReturn

from editions import exercises
from editions.building import build, check_links
from editions.comparing import verify
from editions.errors import EditionsError
from editions.printing import print_book
from editions.project import DEVICES, Project
from editions.running import (
    Edition,
    editions,
    jobs_on,
    prose_is_current,
    refresh_prose,
    run_all,
)
from editions.serving import serve
from editions.starting import new_chapter
from editions.status import standings


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = _Parser(prog="python -m editions", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    make = commands.add_parser("notebooks", help="run what is stale, refresh the prose of the rest")
    make.add_argument("--force", action="store_true", help="run again also what is not stale")
    make.add_argument(
        "--jobs", type=_jobs, default=None, help="notebooks at a time (default: by cores)"
    )
    check = commands.add_parser("check", help="fail if a notebook is not what its source says")
    again = commands.add_parser("verify", help="run the notebooks again and compare their outputs")
    again.add_argument("--jobs", type=_jobs, default=None, help="notebooks at a time (default: 2)")
    again.add_argument("--lax", action="store_true", help="compare no outputs: claims must hold")
    book = commands.add_parser("book", help="build the site")
    book.add_argument(
        "--verified", action="store_true", help="fail where a notebook has not been verified"
    )
    links = commands.add_parser("links", help="ask every address outside the book")
    pdf = commands.add_parser("pdf", help="print the whole book, one PDF for each framework")
    show = commands.add_parser("serve", help="build the site and serve it on this machine")
    show.add_argument("--port", default="8000", help="where (default: 8000)")
    for command in (book, links, pdf, show):
        command.add_argument("--project", type=Path, default=None, help=argparse.SUPPRESS)
    start = commands.add_parser("new-chapter", help="write a chapter's skeleton and list it")
    start.add_argument("name", help="name of its file, such as graph-networks")
    start.add_argument("--title", help="its title (default: made from the name)")
    start.add_argument("--project", type=Path, default=None, help=argparse.SUPPRESS)
    give = commands.add_parser("exercises", help="write the student notebooks and their archives")
    solve = commands.add_parser("solutions", help="run the worked solutions into _build/solutions")
    for command in (give, solve):
        secret = os.environ.get(exercises.PRIVATE) or None
        command.add_argument(
            "--private",
            type=Path,
            default=secret and Path(secret).expanduser(),
            metavar="DIR",
            help=f"folder of further or changed questions (default: {exercises.PRIVATE})",
        )
    for command in (make, check, again, give, solve):
        command.add_argument("chapters", nargs="*", help="chapters by name; default: all")
        command.add_argument("--project", type=Path, default=None, help=argparse.SUPPRESS)
    for command in (make, check, again):
        command.add_argument("--device", choices=DEVICES, default="cpu")
        command.add_argument("--framework", default=None, help="this one alone")
    try:
        return _run(parser.parse_args(arguments))
    except EditionsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # no right to write, no room on the disk
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        said = "interrupted; what was done is whole, and the same command goes on with the rest"
        print(f"\n{said}", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in a line, and where to read more."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} ({self.prog} --help says more)\n")


def _run(options: argparse.Namespace) -> int:
    project = Project.find(options.project)
    project.check()
    if options.command == "book":
        if options.verified:
            _require_verified(project)
        print(build(project))
        return 0
    if options.command == "serve":
        return serve(project, options.port)
    if options.command == "links":
        print(check_links(project))
        return 0
    if options.command == "pdf":
        for path in print_book(project):
            print(f"wrote {project.relative(path)} ({path.stat().st_size / 1e6:.1f} MB)")
        return 0
    if options.command == "new-chapter":
        page = project.relative(new_chapter(project, options.name, options.title))
        print(f"wrote {page} and listed it in _toc.yml. Next: make notebooks book")
        return 0
    if options.command in ("exercises", "solutions"):
        return _exercises(project, options)
    chosen = editions(project, options.chapters, options.device, options.framework)
    if options.command == "verify":
        return verify(chosen, options.jobs, options.lax)
    return _make(chosen, options) if options.command == "notebooks" else _check(chosen)


def _exercises(project: Project, options: argparse.Namespace) -> int:
    if options.command == "exercises":
        changed = exercises.write_student_notebooks(project, options.chapters, options.private)
    else:
        if options.private:  # the kernels look their questions up there, too
            os.environ[exercises.PRIVATE] = str(options.private.resolve())
        changed = exercises.write_solutions(project, options.chapters, options.private)
    for path in changed:
        print(f"wrote {project.relative(path)}")
    if not changed:
        print("nothing changed")
    return 0


def _require_verified(project: Project) -> None:
    """Raise an `EditionsError` that lists the notebooks which no run has verified."""
    found = [one for one in standings(project) if one.device == "cpu"]
    listed = [
        f"  {one.chapter.path} ({one.framework.title} edition)"
        for one in found
        if one.record is None
    ]
    if listed or not found:
        what = "\n".join(listed) or "  there is no notebook"
        raise EditionsError(f"not verified:\n{what}\nType: make verify")


def _jobs(given: str) -> int:
    """The number that was given as JOBS; `jobs_on` says what it may be."""
    try:
        return int(given)
    except ValueError:
        raise EditionsError(f"JOBS is {given}; allowed are 1 and more") from None


def _make(chosen: list[Edition], options: argparse.Namespace) -> int:
    if not chosen:
        raise EditionsError("there is no chapter to run: _toc.yml lists none")
    reasons = {edition: edition.staleness() for edition in chosen}
    stale = [edition for edition, reason in reasons.items() if reason or options.force]
    for edition in stale:
        print(f"{edition.shown}: {reasons[edition] or 'run again, as asked'}")
    jobs = jobs_on(options.device, options.jobs, max(1, min(len(stale), os.cpu_count() or 1)))
    errors = run_all(stale, jobs)
    fresh = [edition for edition in chosen if edition not in stale]
    changed = [edition for edition in fresh + _elsewhere(chosen) if refresh_prose(edition)]
    for edition in changed:
        print(f"{edition.shown}: prose refreshed")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(
        f"{len(chosen)} notebooks: {len(stale) - len(errors)} run, {len(changed)} refreshed, "
        f"{len(set(fresh) - set(changed))} unchanged, {len(errors)} failed"
    )
    return 1 if errors else 0


def _elsewhere(chosen: list[Edition]) -> list[Edition]:
    """The same editions on the other devices on which they have been run, if not stale."""
    others = (
        dataclasses.replace(edition, device=device)
        for edition in chosen
        for device in DEVICES
        if device != edition.device
    )
    return [edition for edition in others if edition.staleness() is None]


def _check(chosen: list[Edition]) -> int:
    if not chosen:
        raise EditionsError("there is no chapter to check: _toc.yml lists none")
    problems = []
    for edition in chosen:
        edition.check_claims()
        if reason := edition.staleness():
            problems.append(f"{edition.shown}: stale: {reason}")
    for edition in [*chosen, *_elsewhere(chosen)]:
        if edition.staleness() is None and not prose_is_current(edition):
            problems.append(f"{edition.shown}: the notebook does not hold the source's prose")
    for problem in problems:
        print(f"error: {problem}. Type: make notebooks", file=sys.stderr)
    if not problems:
        print(f"{len(chosen)} notebooks hold what their sources say")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
