"""The command `editions`: the words that a person types, checked once, and handed to the wings."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from editions.base.errors import EditionsError
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import DEVICES, Project
from editions.exercises.exercise_files import (
    PRIVATE,
    check_private_folder,
    question_frameworks,
)
from editions.exercises.judged_seeds import FEW_SEEDS

if TYPE_CHECKING:
    from editions.notebooks.edition import Edition

_ABOUT = """\
Make the book from its sources.

A chapter is one Markdown file, book/CHAPTER.md. From it come a notebook for each framework, which
is run and stored, and one page. The usual order:

  editions new-chapter graph-networks --title "Graph networks"
  editions notebooks graph-networks      run what is stale
  editions verify graph-networks         run it again and compare
  editions book                          build the site
"""
_NOTEBOOKS = """\
Run the notebooks that are stale, and refresh the prose of the others without running them.

A notebook is stale when its code, the code of the helper package that it uses, or the pinned
version of its framework has changed. Ctrl-C loses nothing that is done.
"""
_VERIFY = """\
Run the notebooks again in fresh kernels, compare every repeatable output with the stored one, and
write a record for each notebook: pages and the status page read it.

On a GPU a notebook that has no stored run is recorded, and reported as "recorded, not compared".
What differs is written to _build/differences.
"""
_EXERCISES = """\
Write the student notebooks to exercises/notebooks, and an archive for each framework, to be handed
out, to _build/exercises. With private questions, or a date from which solutions open, everything
goes to _build/exercises. Hidden aspects are left out, but for their names and points.

Chapters that _toc.yml does not list hand out no exercises. The name of a private file may be that
of a listed chapter, whose exercises it extends, or one that no page of the book has.
"""
_NEW_QUESTION = """\
Write a question: a section in text.md, the question in question.py, and answers to try it with in
right.py and wrong.py. They pass as they are: change them part by part, and type
make check-questions after each step. The page "Writing a question" explains the words.
"""
_CHECK_QUESTIONS = f"""\
Try questions as the tests of the book try ours, and print what is wrong, a line each: solutions and
other right answers must earn full marks, starters nothing, guesses and stubs at most a hundredth;
each wrong answer must fail on the aspects that are meant, and on no others.

Each framework has a process of its own. An answer that ends it is reported, and the others are
tried all the same. By default the inputs are the public ones and those of {FEW_SEEDS} more seeds.
"""
_SOLUTIONS = """\
Run the worked solutions and write them to _build/solutions. Fails where a solution does not earn
full marks.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 (it failed), 2 (mistyped), 130 (interrupted)."""
    options = _parser().parse_args(arguments)
    try:
        project = Project.find(options.project)
        project.check()
        if private := getattr(options, "private", None):
            check_private_folder(private)
        return options.run(project, options)
    except EditionsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # no permission, no space left
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; finished work is kept, run the same command again", file=sys.stderr)
        return 130


# -- commands --------------------------------------------------------------------------------------
# Each imports what it needs: a short command does not wait for Sphinx and the kernels.


def _notebooks(project: Project, options: argparse.Namespace) -> int:
    from editions.notebooks import upkeep
    from editions.site.figure_pictures import begin_pictures, draw_pictures

    chosen = _chosen(project, options)
    begin_pictures(project, options.chapters)
    status = upkeep.bring_up_to_date(chosen, options.jobs, options.force)
    if status == 0 and options.framework is None:
        for picture in draw_pictures(project, options.chapters):
            print(f"{project.relative(picture)}: drawn")
    return status


def _check(project: Project, options: argparse.Namespace) -> int:
    from editions.notebooks import upkeep
    from editions.site.figure_pictures import figure_problems

    status = upkeep.check(_chosen(project, options))
    problems = figure_problems(project) if status == 0 else []
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else status


def _verify(project: Project, options: argparse.Namespace) -> int:
    from editions.notebooks.verification import verify

    return verify(_chosen(project, options), options.jobs, options.lax)


def _chosen(project: Project, options: argparse.Namespace) -> list[Edition]:
    from editions.notebooks.edition import editions

    return editions(project, options.chapters, options.device, options.framework)


def _book(project: Project, options: argparse.Namespace) -> int:
    from editions.site.build import build
    from editions.site.status_page import require_verified

    if options.verified:
        require_verified(project)
    print(build(project))
    return 0


def _serve(project: Project, options: argparse.Namespace) -> int:
    from editions.site.preview import serve

    return serve(project, options.port)


def _live(project: Project, options: argparse.Namespace) -> int:
    from editions.site.live_site import serve_with_cells

    return serve_with_cells(project, options.port, not options.no_browser)


def _links(project: Project, options: argparse.Namespace) -> int:
    from editions.site.link_check import check_links

    print(check_links(project))
    return 0


def _pdf(project: Project, options: argparse.Namespace) -> int:
    from editions.site.pdf import print_book

    for path in print_book(project):
        print(f"wrote {project.relative(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def _new_chapter(project: Project, options: argparse.Namespace) -> int:
    from editions.source.new_chapter import new_chapter

    page = project.relative(new_chapter(project, options.name, options.title))
    print(f"wrote {page} and listed it in _toc.yml. Next: make notebooks book")
    return 0


def _new_question(project: Project, options: argparse.Namespace) -> int:
    from editions.exercises.new_question import new_question, note_on_page

    files = new_question(project, options.name, options.title, options.private, text=options.text)
    for path in files:
        print(f"wrote {project.relative(path)}")
    chapter = options.name.partition(".")[0]
    if note := note_on_page(project, chapter):
        print(note)
    private = f" PRIVATE={options.private}" if options.private else ""
    print(f"Next: make check-questions CHAPTER={chapter}{private}")
    return 0


def _check_questions(project: Project, options: argparse.Namespace) -> int:
    from editions.exercises.check_questions import Wanted, check_questions

    keys = [key for key in question_frameworks(project) if options.framework in (None, key)]
    seeds = tuple(options.seed) or (None, *range(1, options.seeds + 1))
    private = options.private.resolve() if options.private else None
    return check_questions(Wanted(project, options.chapters, private, keys, seeds))


def _exercises(project: Project, options: argparse.Namespace) -> int:
    from editions.exercises.handouts import write_student_notebooks
    from editions.exercises.question_faults import require_sound

    require_sound(project, options.chapters, options.private)
    write = partial(write_student_notebooks, solutions_from=options.solutions_from)
    return _say(project, write, options)


def _solutions(project: Project, options: argparse.Namespace) -> int:
    from editions.exercises.worked_solutions import write_solutions

    return _say(project, write_solutions, options)


def _say(project: Project, write: Callable[..., list[Path]], options: argparse.Namespace) -> int:
    changed = write(project, options.chapters, options.private)
    for path in changed:
        print(f"wrote {project.relative(path)}")
    if not changed:
        print("nothing changed")
    return 0


def _frameworks(project: Project, options: argparse.Namespace) -> int:
    chosen = [one for one in project.frameworks if options.framework in (None, one.key)]
    if options.extras:
        print(",".join(extra for one in chosen for extra in one.extras_on(options.device)))
    else:
        print("\n".join(one.key for one in chosen))
    return 0


# -- their words -----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser("editions", description=_ABOUT, formatter_class=raw)
    _add_project(parser, None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], text: str, more: str = "") -> _Parser:
        one = commands.add_parser(name, help=text, description=more or text, formatter_class=raw)
        one.set_defaults(run=run)
        _add_project(one, argparse.SUPPRESS)
        return one

    run = command("notebooks", _notebooks, "run what is stale, refresh the others", _NOTEBOOKS)
    run.add_argument("--force", action="store_true", help="run again also what is not stale")
    check = command("check", _check, "fail if a notebook is not what its source says")
    again = command("verify", _verify, "run the notebooks again and compare", _VERIFY)
    again.add_argument("--lax", action="store_true", help="claims must hold; compare no outputs")
    for one in (run, again):
        one.add_argument("--jobs", type=_count, metavar="N", help="notebooks at a time")
    for one in (run, check, again):
        _add_edition(one)

    book = command("book", _book, "build the site into _build/html")
    book.add_argument("--verified", action="store_true", help="fail if a notebook is not verified")
    show = command("serve", _serve, "build the site and serve it on this machine")
    show.add_argument("--port", type=_port, default=8000, help="default: %(default)s")
    live = command("live", _live, "build the site and serve it so that its cells run")
    live.add_argument(
        "--port", type=_port, default=8888, help="default: %(default)s, or a free one"
    )
    live.add_argument("--no-browser", action="store_true", help="only print the address")
    command("links", _links, "ask every address outside the book whether it answers")
    command("pdf", _pdf, "print the book: one PDF for each framework, in _build/pdf")

    new = command("new-chapter", _new_chapter, "write a chapter's skeleton and list it")
    new.add_argument("name", help="the name of its file, such as graph-networks")
    new.add_argument("--title", help="default: made from the name")

    give = command("exercises", _exercises, "write the student notebooks", _EXERCISES)
    solve = command("solutions", _solutions, "run the worked solutions", _SOLUTIONS)
    write = command("new-question", _new_question, "write a question that passes", _NEW_QUESTION)
    write.add_argument("name", help="chapter, dot, question, such as blocks.two-steps")
    write.add_argument("--title", help="the heading of its section; default: made from the name")
    write.add_argument(
        "--text", action="store_true", help="its answer is a text, which a person marks"
    )
    test = command("check-questions", _check_questions, "try questions", _CHECK_QUESTIONS)
    test.add_argument("--framework", choices=list(FRAMEWORKS), help="default: all that it has")
    further = "further seeds to try each answer on (default: %(default)s)"
    test.add_argument("--seeds", type=_count, default=FEW_SEEDS, metavar="N", help=further)
    alone = "try each answer on this seed alone; may be repeated"
    test.add_argument("--seed", type=int, action="append", default=[], help=alone)
    for one in (give, solve, write, test):
        one.add_argument(
            "--private", type=Path, metavar="FOLDER", default=_private_folder(),
            help=f"your own questions, added or replacing (default: {PRIVATE})",
        )  # fmt: skip
    give.add_argument(
        "--solutions-from", type=_day, metavar="DATE",
        help="open every solution from this day on, such as 2026-12-24 (default: each opens when "
        "its check has passed)",
    )  # fmt: skip
    for one in (run, check, again, give, solve, test):
        one.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all")

    names = command("frameworks", _frameworks, "list the frameworks that this book has")
    names.add_argument("--extras", action="store_true", help="what pip installs for them instead")
    _add_edition(names)
    return parser


def _add_project(parser: argparse.ArgumentParser, default: Any) -> None:
    text = "the book's root folder (default: the one that holds the current folder)"
    parser.add_argument("--project", type=Path, metavar="FOLDER", default=default, help=text)


def _add_edition(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="default: %(default)s")
    parser.add_argument("--framework", choices=list(FRAMEWORKS), help="default: all that it has")


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and says where to read more."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} ({self.prog} --help says more)\n")


def _count(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and int(given) > 0):
        raise argparse.ArgumentTypeError(f"must be at least 1, got {given or 'nothing'}")
    return int(given)


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must look like 2026-12-24, got {given}") from None


def _port(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and 0 < int(given) < 65536):
        raise argparse.ArgumentTypeError(f"must be from 1 to 65535, got {given or 'nothing'}")
    return int(given)


def _private_folder() -> Path | None:
    folder = os.environ.get(PRIVATE)
    return Path(folder).expanduser() if folder else None
