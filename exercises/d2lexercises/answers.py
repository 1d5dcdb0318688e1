"""How an answer is found in a notebook: by the call of `check` that names it.

    check("blocks.sequential", MySequential)

The first argument is the question's name, written as a string; the second is any expression.
Cell tags and ids do not matter, because editors drop them. `score`, the grader and the book's
tools all read notebooks with this module, so that they find the same answers. The grader runs
cells in IPython's shell, where a call of `check` gives the answer; with this module it tells which
calls were not reached. The module is copied into the grader's sandbox; it imports nothing but the
standard library, and IPython where a cell needs it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

# Questions that moved to another chapter, by the names that they had.
MOVED = {
    "performance.ahead": "profiling.ahead",
    "performance.timer": "profiling.timer",
}

# Cell magics whose cell is no code of this kernel. The cell of any other is read as Python if it
# is: extensions have magics that time, trace or store what a cell does.
OTHER_CELLS = frozenset(
    ("!", "sx", "sc", "system", "bash", "sh", "script", "cmd", "html", "HTML", "svg", "SVG")
    + ("markdown", "latex", "javascript", "js", "perl", "ruby", "R", "sql", "cython", "bigquery")
    + ("writefile", "file", "python", "python2", "python3", "pypy", "skip")
)
_CELL_MAGIC = re.compile(r"\s*%%(\S+)")
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun"})
# Line magics whose line, behind options, is Python; their options, as `getopt` has them.
_PYTHON_LINES = {
    "time": "",
    "timeit": "n:r:tcp:qov:",
    "prun": "D:l:rs:T:q",
    "memit": "r:t:i:coq",
    "lprun": "rsf:m:D:T:u:z",
    "mprun": "rf:T:c",
}
_OPTION = re.compile(r"\s*-(-[\w-]*|[^\W\d_]\S*)(?=\s|\Z)")
_WORD = re.compile(r"\s*(?:\"[^\"]*\"|'[^']*'|\S+)")
# The methods of `get_ipython()` that IPython turns its own syntax into calls of.
_IPYTHON_METHODS = {"run_line_magic", "run_cell_magic", "system", "getoutput", "set_next_input"}

# What may define any name.
BINDS_ANYTHING = re.compile(
    r"\bexec\b|\beval\b|\bglobals\b|\bsetattr\b|\brun_(?:cell|line)|\buser_ns\b|%\s*(?:run|load|store|pylab)"
    r"|%%(?!time|capture|prun|writefile|file|bash|sh\b|html)|\binput\b"
)
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_NAME = r"[\"']([a-z][\w-]*\.[\w-]+)[\"']"
_QUESTION = re.compile(rf"\bcheck\(\s*\*?\(?\s*(?:[^()\n]*\bquestion\s*=\s*)?{_NAME}")
_PROMPT = re.compile(r"\A\s*In \[\d+\]: ")
_MOST_ALIASES = 3  # text may be hostile
_ALIAS = re.compile(r"\bcheck\s+as\s+(\w+)")


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


def checks_in(
    code: str | ast.AST,
    questions: Collection[str] | None = None,
    names: Collection[str] = ("check",),
) -> list[Check]:
    """Return the calls of `check` in a cell, or in a part of its syntax tree, in source order.

    Only calls whose question is a string literal are found. If `questions` is given, calls for
    other questions are ignored. The answer of a call that was found is not searched for more calls.
    `names` are the names under which `check` is called; see `names_of_check`.

    Raises:
        SyntaxError: the cell is not valid Python, nor IPython's extension of it.
    """
    checks = []
    tree = ast.parse(python_of(code)) if isinstance(code, str) else code
    waiting: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while waiting:
        node, scope = waiting.pop()
        check = _as_check(node, scope, names)
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
    found = set(_QUESTION.findall(text))
    for alias in sorted(set(_ALIAS.findall(text)))[:_MOST_ALIASES]:
        found |= set(re.findall(rf"\b{alias}\(\s*(?:[^()\n]*\bquestion\s*=\s*)?{_NAME}", text))
    return found


def present_names(names: Iterable[str], among: Collection[str]) -> set[str]:
    """Return which of the questions `among` are meant by these names, or had one of them before."""
    return {name if name in among else MOVED.get(name, name) for name in names} & set(among)


def names_in_quotes(text: str) -> set[str]:
    """Return every text in quotes that looks like a question's name, and may be that of a file."""
    return set(re.findall(_NAME, text))


def names_of_check(tree: ast.AST) -> set[str]:
    """Return further names that code gives to `check`, by an import or an assignment."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=aliases):
                found |= {one.asname for one in aliases if one.name == "check" and one.asname}
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name("check")):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute(attr="check")):
                found.add(name)
    return found


def binds_own_check(tree: ast.AST) -> bool:
    """Return whether code binds the name `check` to something else than the check of exercises."""
    ours = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Assign))
    imported = [node for node in ours if _is_ours(node)]
    kept = {id(part) for node in imported for part in ast.walk(node)}
    return "check" in bound_names(tree, False, kept)


def _is_ours(node: ast.ImportFrom | ast.Assign) -> bool:
    match node:
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] in ("d2lexercises", "d2lcompute")
        case ast.Assign(value=ast.Attribute(attr="check")):
            return True
    return False


def has_unnamed_check(tree: ast.AST, names: Collection[str] = ("check",)) -> bool:
    """Return whether code calls `check` for a question that only running it tells."""
    return any(
        isinstance(node, ast.Call)
        and _called(node) in names
        and (node.args or node.keywords)
        and _as_check(node, (), names) is None
        for node in ast.walk(tree)
    )


def python_of(cell: str) -> str:
    """Translate an IPython cell into Python, to read it.

    A cell that is valid Python is returned unchanged, but for line ends and a mark of its encoding.
    In others, IPython's own parser finds the
    magics, shell commands, help requests and prompts. `%time` and cell magics such as `%%time` are
    replaced by the code that they run; everything else becomes `pass`, or `None` where its result
    is assigned. A cell magic whose cell is not Python, such as `%%bash`, gives an empty text.

    The result may still be invalid Python: parsing it raises the `SyntaxError` to report.

    Raises:
        ImportError: the cell is not plain Python, and IPython is not installed.
    """
    cell = with_plain_line_ends(cell)
    if _PROMPT.search(cell):  # "In [1]: x = 2" is valid Python, and means something else
        return _translate(cell)
    try:
        ast.parse(cell)
    except SyntaxError:
        return _translate(cell)
    except (ValueError, RecursionError, MemoryError):
        pass  # null characters or too deep: the caller meets the same error
    return cell


def with_plain_line_ends(text: str) -> str:
    """Return text with the line ends of Python, and without a mark of its encoding before it."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def is_other_cell(source: str) -> bool:
    """Return whether a cell's magic says that its code is not run in the notebook's kernel."""
    magic = _CELL_MAGIC.match(source)
    return magic is not None and magic[1] in OTHER_CELLS


def is_python_magic(magic: str, body: str) -> bool:
    """Return whether the cell below a cell magic is code of this kernel."""
    if magic in OTHER_CELLS:
        return False
    if magic in _PYTHON_CELLS:
        return True
    try:
        ast.parse(python_of(body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def is_python_line(magic: str) -> bool:
    """Return whether the line of a line magic is code, behind options."""
    return magic in _PYTHON_LINES


def without_options(magic: str, line: str) -> str:
    """Return the code in the line of a magic, which options may precede: "-n1 -s time f()"."""
    known = _PYTHON_LINES.get(magic, "")
    while option := _OPTION.match(line):
        letters = option[1]
        if letters.startswith("-"):  # a word, such as --no-raise-error; none of them has a value
            line = line[option.end() :]
            continue
        place = next((n for n, one in enumerate(letters) if f"{one}:" in known), len(letters))
        if any(one not in known for one in letters[:place]):
            break  # -x is code
        line = line[option.end() :]
        if place == len(letters) - 1 and (value := _WORD.match(line)):
            line = line[value.end() :]
    return line.lstrip()


def python_of_statement(statement: ast.stmt) -> ast.AST:
    """Return a statement of IPython's translation of a cell as what it runs, to read it."""
    call = _ipython_call(statement)
    if call is None:
        return statement
    method, texts = call
    code = ""
    if method == "run_cell_magic" and len(texts) == 3 and is_python_magic(texts[0], texts[2]):
        code = python_of(texts[2])
    elif method == "run_line_magic" and len(texts) == 2:
        code = _code_of_line(method, texts, assigned=False)
    try:
        return ast.Module([statement, *ast.parse(code).body], [])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return statement


def may_bind_any(tree: ast.AST) -> bool:
    """Return whether code may bind names that it does not show: by a call, or an import of all."""
    return any(
        isinstance(node, ast.Call) or (isinstance(node, ast.alias) and node.name == "*")
        for node in ast.walk(tree)
    )


def bound_names(tree: ast.AST, declared: bool = True, without: Collection[int] = ()) -> set[str]:
    """Return the names that code binds outside of its functions and classes.

    `declared`: also those that its functions declare as global. `without`: the `id` of each node
    that is left out. An import of all gives "*".
    """
    names: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if id(node) in without:
            continue
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                if not declared:
                    continue
                inner = [one.names for one in ast.walk(node) if isinstance(one, ast.Global)]
                names |= {name for listed in inner for name in listed}
                continue
            case ast.Lambda():
                continue
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.alias():
                names.add((node.asname or node.name).partition(".")[0])
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                names.add(node.name)
            case ast.MatchMapping() if node.rest:
                names.add(node.rest)
        waiting += ast.iter_child_nodes(node)
    return names


def _called(node: ast.Call) -> str | None:
    called = node.func
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)


def _as_check(
    node: ast.AST, scope: tuple[str, ...], names: Collection[str] = ("check",)
) -> Check | None:
    if not isinstance(node, ast.Call) or _called(node) not in names:
        return None
    given: list[ast.expr] = []
    for value in node.args:
        inner = value.value if isinstance(value, ast.Starred) else None
        given += inner.elts if isinstance(inner, ast.Tuple | ast.List) else [value]
    arguments = dict(zip(("question", "answer"), given, strict=False))
    for keyword in node.keywords:
        if keyword.arg:
            arguments[keyword.arg] = keyword.value
        elif isinstance(keyword.value, ast.Dict):
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    arguments[key.value] = value
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
    if not is_python_magic(magic, body):
        return ""
    above = (cell if cell.endswith("\n") else f"{cell}\n").count("\n") - body.count("\n")
    return "\n" * above + python_of(body if cell.endswith("\n") else body.removesuffix("\n"))


def _code_of_line(method: str, texts: list[str], assigned: bool) -> str:
    """Return the Python that stands for one line of IPython's syntax, or for what it assigns."""
    nothing = "None" if assigned else "pass"
    if method != "run_line_magic" or texts[0] not in _PYTHON_LINES or not texts[1].strip():
        return nothing
    if assigned and texts[0] != "time":
        return nothing
    code = python_of(without_options(*texts))
    try:
        ast.parse(code, mode="eval" if assigned else "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return nothing
    return code


def _empty_lines_at_the_top(cell: str) -> int:
    lines = cell.split("\n")
    return next((number for number, line in enumerate(lines) if line.strip()), 0)
