"""How an answer is found in a notebook: by the call of `check` that names it.

    check("blocks.sequential", MySequential)

The first argument is the question's name, written as a string; the second is any expression.
Cell tags and ids do not matter, because editors drop them. `score`, the grader and the book's
tools all read notebooks with this module, so that they find the same answers. The grader copies
it into its sandbox; it imports nothing but the standard library, and IPython where a cell needs it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

# Cell magics whose cell is read as Python, and line magics whose line is.
_PYTHON_CELLS = {"time", "timeit", "capture", "prun", "python", "python3", "py", "pypy"}
_PYTHON_LINES = {"time"}
# The methods of `get_ipython()` that IPython turns its own syntax into calls of.
_IPYTHON_METHODS = {"run_line_magic", "run_cell_magic", "system", "getoutput", "set_next_input"}

_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_QUESTION = re.compile(r"\bcheck\(\s*(?:question\s*=\s*)?[\"']([a-z][\w-]*\.[\w-]+)[\"']")


@dataclass(frozen=True)
class Check:
    """One call of `check` in the source of a cell.

    Attributes:
        question: the name of the question.
        answer: the expression that gives the answer.
        call: the call itself, with its line and column.
        scope: the functions and classes that the call is inside of, the outermost first. Empty if
            it runs when the cell runs.
    """

    question: str
    answer: ast.expr
    call: ast.Call
    scope: tuple[str, ...] = ()

    @property
    def answer_text(self) -> str:
        """The answer's expression as text."""
        return ast.unparse(self.answer)


def checks_in(code: str | ast.AST, questions: Collection[str] | None = None) -> list[Check]:
    """Return the calls of `check` in a cell, or in a part of its syntax tree, in source order.

    Only calls whose question is a string literal are found. If `questions` is given, calls for
    other questions are ignored. The answer of a call that was found is not searched for more calls.

    Raises:
        SyntaxError: the cell is not valid Python, nor IPython's extension of it.
    """
    checks = []
    tree = ast.parse(python_of(code)) if isinstance(code, str) else code
    waiting: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while waiting:
        node, scope = waiting.pop()
        check = _as_check(node, scope)
        if check is not None and (questions is None or check.question in questions):
            checks.append(check)
            continue
        if isinstance(node, _SCOPES):
            scope = (*scope, getattr(node, "name", "<lambda>"))
        children = list(ast.iter_child_nodes(node))
        waiting += [(child, scope) for child in reversed(children)]
    return checks


def questions_named_in(text: str) -> set[str]:
    """Return the questions that calls of `check` name, searching the text without parsing it.

    For source that may crash Python's parser, such as a submission in the grader's own process.
    """
    return set(_QUESTION.findall(text))


def python_of(cell: str) -> str:
    """Translate an IPython cell into Python.

    A cell that is valid Python is returned unchanged. In others, IPython's own parser finds the
    magics, shell commands, help requests and prompts. `%time` and cell magics such as `%%time` are
    replaced by the code that they run; everything else becomes `pass`, or `None` where its result
    is assigned. A cell magic whose cell is not Python, such as `%%bash`, gives an empty text.

    The result may still be invalid Python: parsing it raises the `SyntaxError` to report.

    Raises:
        ImportError: the cell is not plain Python, and IPython is not installed.
    """
    try:
        ast.parse(cell)
    except SyntaxError:
        return _translate(cell)
    except (ValueError, RecursionError, MemoryError):
        pass  # null characters or too deep: the caller meets the same error
    return cell


def _as_check(node: ast.AST, scope: tuple[str, ...]) -> Check | None:
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    if name != "check":
        return None
    arguments = dict(zip(("question", "answer"), node.args, strict=False))
    arguments |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    question, answer = arguments.get("question"), arguments.get("answer")
    if answer is None or not isinstance(question, ast.Constant):
        return None
    return Check(question.value, answer, node, scope) if isinstance(question.value, str) else None


def _translate(cell: str) -> str:
    """Translate a cell that is not valid Python.

    Raises:
        ImportError: IPython is not installed.
    """
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        raise ImportError(
            "A cell uses IPython's syntax, and reading it needs IPython: pip install ipython"
        ) from None
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    try:
        python = TransformerManager().transform_cell(cell)
    except (SyntaxError, ValueError, RuntimeError, MemoryError):  # RuntimeError: over 500 magics
        return cell
    if not cell.endswith("\n"):
        python = python.removesuffix("\n")
    python = "\n" * _empty_lines_at_the_top(cell) + python  # IPython drops them
    try:
        statements = [node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.stmt)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return python
    match [_ipython_call(statement) for statement in statements]:
        case [("run_cell_magic", [magic, _, body])]:
            return _cell_of_magic(cell, magic, body)
    lines = python.split("\n")
    # From the end of the cell, so that a replacement moves no position that is still to be used.
    for statement in sorted(statements, key=lambda node: (node.lineno, node.col_offset))[::-1]:
        if (call := _ipython_call(statement)) is not None:
            node = statement.value if isinstance(statement, ast.Assign) else statement
            line = lines[node.lineno - 1].encode()
            code = _code_of_line(*call, assigned=isinstance(statement, ast.Assign)).encode()
            line = line[: node.col_offset] + code + line[node.end_col_offset :]
            lines[node.lineno - 1] = line.decode()
    return "\n".join(lines)


def _ipython_call(statement: ast.stmt) -> tuple[str, list[str]] | None:
    """Return the method and the texts of a call that IPython put there; None for anything else."""
    if not isinstance(statement, ast.Expr | ast.Assign) or statement.lineno != statement.end_lineno:
        return None
    match statement.value:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name("get_ipython"), args=[]), attr=method),
            args=arguments,
        ) if method in _IPYTHON_METHODS:
            values = [node.value for node in arguments if isinstance(node, ast.Constant)]
            texts = [value for value in values if isinstance(value, str)]
            if len(texts) == len(arguments):
                return method, texts
    return None


def _cell_of_magic(cell: str, magic: str, body: str) -> str:
    if magic not in _PYTHON_CELLS:
        return ""
    above = (cell if cell.endswith("\n") else f"{cell}\n").count("\n") - body.count("\n")
    return "\n" * above + python_of(body if cell.endswith("\n") else body.removesuffix("\n"))


def _code_of_line(method: str, texts: list[str], assigned: bool) -> str:
    """Return the Python that stands for one line of IPython's syntax, or for what it assigns."""
    nothing = "None" if assigned else "pass"
    if method != "run_line_magic" or texts[0] not in _PYTHON_LINES or not texts[1].strip():
        return nothing
    code = python_of(texts[1])
    try:
        ast.parse(code, mode="eval" if assigned else "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return nothing
    return code


def _empty_lines_at_the_top(cell: str) -> int:
    lines = cell.split("\n")
    return next((number for number, line in enumerate(lines) if line.strip()), 0)
