"""A file of questions as it is handed out: without what is judged only when graded.

What is in it is a positive list: the questions, what draws their inputs, the aspects that a
notebook judges, and the code that these use. A hidden aspect leaves its name and its points.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from d2lexercises import library, reach, wire
from d2lexercises.drawing import Draw
from d2lexercises.question import generator
from d2lexercises.vocabulary import Judged, WrittenQuestion

from editions.base.errors import EditionsError

_DECLARING = ("aspect", "inputs", "hidden_inputs", "kept_inputs", "shown")  # methods of a question


def public_part(path: Path) -> str:
    """The text of a file of questions as it may be handed out; unchanged if nothing is hidden.

    Raises:
        EditionsError: the file cannot be loaded; or a part that is handed out uses a hidden one, or
            cannot be told from it.
    """
    try:
        questions = library.questions_in(path)
    except Exception as error:
        raise EditionsError(f"{path}: {type(error).__name__}: {error}") from None
    text = path.read_text("utf-8")
    if not any(question.hidden for question in questions):
        return text
    written = [one for one in questions if isinstance(one, WrittenQuestion)]
    if len(written) < len(questions):
        raise EditionsError(
            f"{path}: a question of the first edition, which cannot be handed out in a file with "
            "hidden aspects: move it into a file of its own"
        )
    found = _PublicPart(path, text, written).text()
    _check(path, found, written)
    return found


class _PublicPart:
    """What of a file is handed out."""

    def __init__(self, path: Path, text: str, questions: list[WrittenQuestion]) -> None:
        self.path = path
        self.questions = questions
        self.module = library.load(path)
        self.name = self.module.__name__
        self.tree = ast.parse(text)
        self.reached = reach.Modules({self.name: text})
        self.variables = {question.name: self._variable(question) for question in questions}

    def text(self) -> str:
        """Return the code, and at its end what is said of hidden aspects."""
        hidden = {one.words.__qualname__: one.name for one in self._aspects(hidden=True)}
        kept = self._kept()
        lines = []
        for number, statement in enumerate(self.tree.body):
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not future and number not in kept:
                continue
            name = getattr(statement, "name", "")
            if name in hidden and isinstance(statement, ast.ClassDef):
                raise EditionsError(
                    f"{self.path}: what is handed out uses the class {name} of the hidden aspect "
                    f"{hidden[name]!r}: move what they share to the top of the file, or into a "
                    "class of its own"
                )
            self._refuse_declarations_in(statement)
            lines.append(self.reached.handed_out(self.name, number, self._decorators(statement)))
        for question in self.questions:
            for name, points in question.hidden.items():
                lines.append(f"{self.variables[question.name]}.hidden_aspect({name!r}, {points!r})")
        return "\n".join(lines) + "\n"

    def _kept(self) -> frozenset[int]:
        """The numbers of the statements that are handed out."""
        names = list(self.variables.values())
        names += [one.words.__qualname__ for one in self._aspects(hidden=False)]
        for question in self.questions:
            functions: list[Callable[..., object]] = [question.takes]
            if set(question.aspects) - set(question.hidden):
                functions += [question.draws, *filter(None, [question.shows])]
            names += [one.__name__ for one in functions if one.__module__ == self.name]
        if hasattr(self.module, "QUESTIONS"):
            names.append("QUESTIONS")
        for name in names:
            try:
                self.reached.add(self.name, name)
            except LookupError:
                raise EditionsError(
                    f"{self.path}: {name} does not stand at the top of the file, so what is "
                    "handed out cannot be told from what is hidden"
                ) from None
        for statement in self.tree.body:
            if getattr(statement, "name", "") in names:
                for decorator in self._decorators(statement):
                    self.reached.add_used(self.name, decorator)
        return self.reached.kept(self.name)

    def _aspects(self, hidden: bool) -> Iterator[Judged]:
        for question in self.questions:
            yield from (one for one in question.aspects.values() if one.hidden is hidden)

    def _variable(self, question: WrittenQuestion) -> str:
        for name, value in vars(self.module).items():
            if value is question:
                return name
        raise EditionsError(f"{self.path}: {question.name} has no name at the top of the file")

    def _decorators(self, statement: ast.stmt) -> list[ast.expr]:
        """The decorators of a public aspect, and those of inputs and of what shows them."""
        if not isinstance(statement, ast.ClassDef | ast.FunctionDef):
            return []
        return [one for one in statement.decorator_list if _declares(one)]

    def _refuse_declarations_in(self, statement: ast.stmt) -> None:
        own = set(self._decorators(statement))
        nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        if any(_declares(node) and node not in own for node in nodes):
            raise EditionsError(
                f"{self.path}, line {statement.lineno}: in a file with hidden aspects, aspects and "
                "inputs are declared by decorators at the top of the file"
            )


def _declares(node: ast.expr) -> bool:
    word = node.func if isinstance(node, ast.Call) else node
    return isinstance(word, ast.Attribute) and word.attr in _DECLARING


def _check(path: Path, text: str, questions: list[WrittenQuestion]) -> None:
    """Load what is handed out: it says of each question what the whole file says.

    Raises:
        EditionsError: it does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.parent.name, "question.py")
        copy.parent.mkdir()
        copy.write_text(text, "utf-8")
        try:
            found = [one for one in library.questions_in(copy) if isinstance(one, WrittenQuestion)]
            same = {one.name: _said(one) for one in questions} == {
                one.name: _said(one) for one in found
            }
        except Exception as error:
            raise EditionsError(
                f"{path}: without its hidden aspects it fails: {type(error).__name__}: {error}"
            ) from None
    if not same:
        raise EditionsError(f"{path}: without its hidden aspects its questions are others")


def _said(question: WrittenQuestion) -> object:
    """What of a question is the same in the whole file and in what is handed out."""
    public = {one.name: one.points for one in question.aspects.values() if not one.hidden}
    inputs = question.draws(Draw(generator(question.public_seed))) if public else {}
    return question.title, question.points, question.hidden, public, wire.encode(inputs)
