"""The files of the sandbox: the helper package, and of each question only what runs an answer.

What is there is a positive list: the functions called `run` and `inspect`, what kind of thing an
answer is, and the code that they use; of a question of the first edition its probe. The right
answers, the judges and what draws the inputs are not on it, since nothing that runs there uses
them, and no other file of the instructor's folder is. What is there is then imported in a process
of its own and searched; see `leaks`.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import d2lexercises
from d2lexercises import library, reach
from d2lexercises.question import Question
from d2lexercises.vocabulary import WrittenQuestion

import d2lcompute
from grader.sandbox import leaks

_STUB = '''"""Takes the place of the exercises' checks while a submission is graded."""


class _Quiet:
    def __repr__(self):
        return ""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, name):
        return self


def check(*arguments, **named):
    return _Quiet()


def score(*arguments, **named):
    return _Quiet()


def hint(*arguments, **named):
    return _Quiet()


def case(*arguments, **named):
    return _Quiet()


def solution(*arguments, **named):
    return _Quiet()


def handed_out(*arguments, **named):
    return _Quiet()
'''
_OUTSIDE = {"expect", "judge", "mistakes", "shown"}  # an aspect's functions that stay outside
_INSIDE = Path(__file__).parent / "inside"


def make_stage(
    folder: Path,
    private: Path | None = None,
    pruned: bool = True,
    chapters: Collection[str] | None = None,
    user: int | None = None,
) -> None:
    """Copy into `folder` everything that a worker imports.

    `private` is the instructor's folder of private questions, of `chapters` alone if they are
    given. `user` is the one that student code runs as; nobody else can read the files. Only tests
    set `pruned` to False, which keeps the judges in.

    Raises:
        ImportError: a file of questions cannot be loaded.
        ValueError: a question's function cannot be found by its name, or what a student may not see
            would come with what runs an answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    helpers = Path(d2lcompute.__file__).parent
    package = Path(d2lexercises.__file__).parent
    files = {f"d2lcompute/{path.name}": path.read_text("utf-8") for path in helpers.glob("*.py")}
    files |= {f"inside/{path.name}": path.read_text("utf-8") for path in _INSIDE.glob("*.py")}
    files["start.py"] = files.pop("inside/start.py")
    questions = question_files(private, chapters)
    if pruned:
        programs = [text for name, text in files.items() if name.startswith("inside/")]
        files |= runs_of(questions, programs)
    else:
        files |= {f"d2lexercises/{path.name}": path.read_text() for path in package.glob("*.py")}
        shim = (helpers / "checks").glob("*.py")
        files |= {f"d2lcompute/checks/{path.name}": path.read_text("utf-8") for path in shim}
        files |= {name: path.read_text("utf-8") for name, path in questions.items()}
    files["d2lexercises/__init__.py"] = files["d2lcompute/checks/__init__.py"] = _STUB
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    if pruned:
        own = {name: path for name, path in questions.items() if name.startswith("private/")}
        leaks.refuse_leaks(folder, {name: library.questions_in(path) for name, path in own.items()})
    give_to(folder, user)


def give_to(folder: Path, user: int | None) -> None:
    """Let `user`, or this one if it is None, read a folder, and nobody else but root."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(
            0o500 if path.is_dir() and user is not None else 0o700 if path.is_dir() else 0o400
        )
        if user is not None:
            os.chown(path, user, user)


def question_files(
    private: Path | None = None, chapters: Collection[str] | None = None
) -> dict[str, Path]:
    """Return the files of questions, by their place in the sandbox."""
    found = {}
    for place, folder in (("chapters", library.CHAPTERS), ("private", private)):
        if folder is None:
            continue
        for chapter, path in library.question_files(folder).items():
            if (chapters is None or chapter in chapters) and library.questions_in(path):
                found[f"{place}/{path.relative_to(folder).as_posix()}"] = path
    return found


def runs_of(questions: dict[str, Path], programs: list[str]) -> dict[str, str]:
    """Return the code that runs answers, and what it and `programs` use, by place.

    Raises:
        ImportError: a file of questions cannot be loaded.
        ValueError: a question's function cannot be found by its name, or what runs an answer uses
            an aspect's class, with all that it says.
    """
    texts = reach.package_texts()
    names = {}
    for place, path in questions.items():
        names[library.load(path).__name__] = place
        texts[library.load(path).__name__] = path.read_text("utf-8")
    modules = reach.Modules(texts)
    for text in programs:
        modules.add_imports(ast.parse(text))
    ends = {}
    for name, place in names.items():
        ends[place] = _end(library.questions_in(questions[place]), name, modules)
    modules.add("d2lexercises.running", "Running")
    modules.add("d2lexercises.running", "Probing")
    staged = {}
    for name, code in modules.code().items():
        place = names.get(name) or f"{name.replace('.', '/')}.py"
        if place in ends:
            _refuse_classes_of_aspects(code, questions[place])
        staged[place] = code + ends.get(place, "")
    for place in ends.keys() - staged.keys():  # all that they use stands elsewhere
        staged[place] = ends[place]
    return staged


def _refuse_classes_of_aspects(code: str, path: Path) -> None:
    for node in ast.parse(code).body:
        inner = node.body if isinstance(node, ast.ClassDef) else []
        held = {part.name for part in inner if isinstance(part, ast.FunctionDef)} & _OUTSIDE
        if isinstance(node, ast.ClassDef) and held:
            raise ValueError(
                f"{path}: what runs an answer uses the class {node.name}, of which "
                f"{', '.join(sorted(held))} must not reach the sandbox; let it use a function at "
                "the top of the file"
            )


def _end(questions: Collection[Question], module: str, modules: reach.Modules) -> str:
    """Return the end of a file: its questions, of which only what they run is left."""
    lines = []
    used = {"d2lexercises.running"}

    def reached(function: Any, question: str) -> str:
        try:
            where, name = reach.name_of(function)
        except (ValueError, AttributeError) as error:
            problem = str(error) if isinstance(error, ValueError) else f"it is no function: {error}"
            raise ValueError(f"{question}, what runs an answer: {problem}") from None
        if where.__name__ not in modules.trees:
            raise ValueError(
                f"{question}: {name} stands in {where.__name__}; what runs an answer stands in the "
                "file of the question"
            )
        modules.add(where.__name__, name)
        if where.__name__ == module:
            return name
        used.add(where.__name__)
        return f"{where.__name__}.{name}"

    for question in questions:
        if not isinstance(question, WrittenQuestion):  # of the first edition
            probe = reached(question.probe, question.name)
            lines.append(f"d2lexercises.running.Probing({question.name!r}, {probe})")
            continue
        runs, fresh, again = [
            [
                f"{key!r}: ({reached(one, question.name)}, {about!r})"
                for key, (one, about) in words.items()
            ]
            for words in (question.runs, question.inspections, question.repeats)
        ]
        judges = [f"{k!r}: {reached(one, question.name)}" for k, one in question.referees.items()]
        takes = reached(question.takes, question.name)
        lines.append(f"d2lexercises.running.Running({question.name!r}, {takes}, ")
        parts = [f"{{{', '.join(words)}}}" for words in (runs, fresh, judges, again)]
        lines[-1] += f"{', '.join(parts)})"
    imports = "".join(f"import {name}\n" for name in sorted(used))
    return f"{imports}QUESTIONS = ({', '.join(lines)},)\n"
