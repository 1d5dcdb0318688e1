"""The files of the sandbox: the helper package, and of each question only what runs an answer.

What is there is a positive list: the functions called `run` and `inspect`, what kind of thing an
answer is, and the code that they use. The right answers, the judges and what draws the inputs are
not on it, since nothing that runs there uses them.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import d2lexercises
from d2lexercises import library, reach
from d2lexercises.vocabulary import WrittenQuestion

import d2lcompute

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
_REMOVED = {"inputs": 3, "judge": 5}  # of the first edition's questions: arguments, with position
_OUTSIDE = {"expect", "judge", "mistakes", "shown"}  # an aspect's functions that stay outside
_INSIDE = Path(__file__).parent / "inside"


def make_stage(folder: Path, private: Path | None = None, pruned: bool = True) -> None:
    """Copy into `folder` everything that a worker imports.

    `private` is the instructor's folder of private questions. Only tests set `pruned` to False,
    which keeps the judges in.
    """
    helpers = Path(d2lcompute.__file__).parent
    package = Path(d2lexercises.__file__).parent
    files = {f"d2lcompute/{path.name}": path.read_text("utf-8") for path in helpers.glob("*.py")}
    files |= {f"inside/{path.name}": path.read_text("utf-8") for path in _INSIDE.glob("*.py")}
    files["start.py"] = files.pop("inside/start.py")
    questions = question_files(private)
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
    for path in (folder, *folder.rglob("*")):  # the worker may run as another user
        path.chmod(0o755 if path.is_dir() else 0o644)


def question_files(private: Path | None = None) -> dict[str, Path]:
    """Return the files of questions, by their place in the sandbox."""
    found = {}
    for place, folder in (("chapters", library.CHAPTERS), ("private", private)):
        if folder is None:
            continue
        for path in library.question_files(folder).values():
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
    ends = {}
    written = {}
    for place, path in questions.items():
        found = [one for one in library.questions_in(path) if isinstance(one, WrittenQuestion)]
        text = path.read_text("utf-8")
        if found:
            written[place] = found
            texts[library.load(path).__name__] = text
        else:  # of the first edition
            texts[place] = ast.unparse(_WithoutJudges().visit(ast.parse(text)))
    modules = reach.Modules(texts)
    for text in programs:
        modules.add_imports(ast.parse(text))
    names = {}
    for place, path in questions.items():
        if place not in written:
            names[place] = place
            modules.add(place, "QUESTIONS")
            continue
        names[library.load(path).__name__] = place
        ends[place] = _end(written[place], library.load(path).__name__, modules)
    modules.add("d2lexercises.running", "Running")
    staged = {}
    for name, code in modules.code().items():
        place = names.get(name) or f"{name.replace('.', '/')}.py"
        if place in written:
            _refuse_classes_of_aspects(code, questions[place])
        staged[place] = code + ends.get(place, "")
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


def _end(questions: list[WrittenQuestion], module: str, modules: reach.Modules) -> str:
    """Return the end of a file: its questions, of which only what they run is left."""
    lines = []
    used = {"d2lexercises.running"}

    def reached(function: Any) -> str:
        where, name = reach.name_of(function)
        modules.add(where.__name__, name)
        if where.__name__ == module:
            return name
        used.add(where.__name__)
        return f"{where.__name__}.{name}"

    for question in questions:
        runs, fresh = [
            [f"{key!r}: ({reached(one)}, {about!r})" for key, (one, about) in words.items()]
            for words in (question.runs, question.inspections)
        ]
        takes = reached(question.takes)
        lines.append(f"d2lexercises.running.Running({question.name!r}, {takes}, ")
        lines[-1] += f"{{{', '.join(runs)}}}, {{{', '.join(fresh)}}})"
    imports = "".join(f"import {name}\n" for name in sorted(used))
    return f"{imports}QUESTIONS = ({', '.join(lines)},)\n"


class _WithoutJudges(ast.NodeTransformer):
    """Replaces the inputs and the judge of each question of the first edition by None."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if _last_name(node.func) == "Question":
            for keyword in node.keywords:
                if keyword.arg in _REMOVED:
                    keyword.value = ast.Constant(None)
            for position in _REMOVED.values():
                if position < len(node.args):
                    node.args[position] = ast.Constant(None)
        return node


def _last_name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
