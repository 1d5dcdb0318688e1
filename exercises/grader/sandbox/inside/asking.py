"""What a notebook asks of the machine, and which failures follow where it gave nothing.

A list of files, the output of a command, a variable of the environment or the GPUs that there are
may be empty here, and a later statement fails: `files[0]`. Names whose values come from such
questions are *asked*. An exception follows from them if the expression that raised it uses such a
question, or such a name whose value is nothing; one that code raises on purpose, if a condition
about the machine decides on it. What a student's own lines raise otherwise does not.
"""

from __future__ import annotations

import ast
import collections
import functools
import linecache
import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

from d2lexercises import answers
from inside import colab
from IPython.utils.capture import CapturedIO

# Functions and attributes that ask, by their last name.
_DEVICES = frozenset(
    ("is_available", "device_count", "current_accelerator", "list_physical_devices")
    + ("list_logical_devices", "list_local_devices", "get_visible_devices", "gpu_device_name")
    + ("is_gpu_available", "try_all_gpus", "num_gpus", "getGPUs", "getAvailable")
)
_ASKS = _DEVICES | frozenset(
    ("exists", "lexists", "isfile", "is_file", "isdir", "is_dir", "listdir", "scandir", "iterdir")
    + ("glob", "iglob", "rglob", "getcwd", "cwd", "expanduser", "find_spec", "which")
    + ("environ", "getenv", "getoutput", "getstatusoutput", "check_output", "popen", "Popen")
    + ("upload", "eval_js", "gethostname", "getuser", "getlogin", "uname", "cpu_count")
    + ("getwindowsversion", "sensors_battery", "sensors_temperatures", "sensors_fans")
)
# Those that ask as parts of these modules only, since other objects have such methods too.
_PARTS = frozenset(
    ("os.walk", "os.system", "os.name", "sys.platform", "sys.modules", "sys.version")
    + ("subprocess.run", "subprocess.call", "subprocess.check_call", "sys.version_info")
    + ("platform.system", "platform.node", "platform.machine", "platform.platform")
    + ("platform.release", "platform.version", "platform.python_version")
)
_MAGICS = {"sx", "system", "sc", "env", "!"}  # whose result a statement may keep
_RAISED = (LookupError, StopIteration, ValueError, ZeroDivisionError)
_NOT_OF_VALUES = (NameError, SyntaxError, ImportError, MemoryError, RecursionError)
_PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, frozenset, os.PathLike, Iterator)
_OF_PROCESSES = (subprocess.CompletedProcess, subprocess.Popen, CapturedIO)
_OF_LIBRARIES = ("numpy", "pandas", "torch", "tensorflow")
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = _FUNCTIONS | ast.ClassDef
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_MOST_FRAMES, _MOST_ROUNDS = 50, 4

asked: dict[str, str] = {}  # names of the notebook whose values come of asking, and what asked
_askers: set[str] = set()  # functions of the notebook that return such values


def note(tree: ast.AST, values: Mapping[str, Any], where: str) -> dict[str, str]:
    """Note which names a statement that ran binds to what it asked; forget those it binds anew.

    Returns the names that it did not bind, though it could have, and why.
    """
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        asked.pop(tree.name, None)
        _askers.discard(tree.name)
        local = _names_in(tree, _asked(), values)
        returned = (node.value for node in ast.walk(tree) if isinstance(node, ast.Return))
        if any(one is not None and _part(one, local, values) for one in returned):
            _askers.add(tree.name)
        return {}
    part = _part(tree, _asked(), values)
    if part is None and not asked and not _askers:
        return {}
    names = _bound(tree)
    _askers.difference_update(names)
    if part is None:
        for name in names:
            asked.pop(name, None)
        return {}
    reason = _reason(part, where)
    doubt(names, reason, values)
    return {name: reason for name in names if name not in values}


def doubt(names: Iterable[str], reason: str, values: Mapping[str, Any]) -> None:
    """Note that the values of names, where they are plain data, may differ here."""
    for name in names:
        if name in values and _is_plain(values[name]):
            asked[name] = reason


def is_asking(tree: ast.AST, values: Mapping[str, Any]) -> bool:
    """Return whether code, such as a condition, asks something of the machine."""
    return _part(tree, _asked(), values) is not None


def reason_of_statement(error: BaseException, where: str) -> str:
    """Return what was asked of the machine if a failure follows from it, in words; else ""."""
    return _reason_of(error, where, _ASKS)


def reason_in_answer(error: BaseException) -> str:
    """Return the same for an answer. The files that it looks for are its own business."""
    return _reason_of(error, "", _DEVICES)


def _reason_of(error: BaseException, where: str, words: Collection[str]) -> str:
    if isinstance(error, _NOT_OF_VALUES) or not isinstance(error, Exception | SystemExit):
        return ""
    try:
        return _of_frames(error, where, words)
    except Exception:  # whatever the notebook's objects raise when they are looked at
        return ""


def _of_frames(error: BaseException, where: str, words: Collection[str]) -> str:
    given: dict[str, ast.AST] = {}  # asked names of the frame's own: what it was called with
    path: list[ast.AST] = []
    known: dict[str, ast.AST] = {}  # asked names, and what asked
    last: dict[str, Any] | None = None  # the values of the frame before
    governed: ast.AST | None = None  # a condition about the machine, of any frame
    for frame, code_path in _frames(error):
        values = {**frame.f_globals, **frame.f_locals}
        inner = frame.f_code.co_name.startswith("<")  # a comprehension, or the cell itself
        if last is not None and not inner:
            given = _given(path[-1], frame, known, last, words)
        function = next((one for one in code_path[::-1] if isinstance(one, _FUNCTIONS)), None)
        code, own = frame.f_code, set[str]()
        if function is not None:
            own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
        scope = function or code_path[min(1, len(code_path) - 1)]
        outside = {name: part for name, part in _asked().items() if name not in own}
        known = _names_in(scope, outside | given, values, words)
        path, last = code_path, values
        tests = (one.test for one in path if isinstance(one, ast.If | ast.While | ast.IfExp))
        # What an answer raises is its own, unless the condition is right there.
        governed = (governed if words is _ASKS else None) or next(
            filter(None, (_part(t, known, values, words) for t in tests)), None
        )
    if last is None:
        return ""
    statement = next((one for one in path[::-1] if isinstance(one, ast.stmt)), None)
    if isinstance(statement, ast.Raise) or isinstance(error, SystemExit):
        return _reason(governed, where) if governed else ""
    if isinstance(statement, ast.Assert) and isinstance(error, AssertionError):
        part = _part(statement.test, known, last, words) or governed
        return _reason(part, where) if part else ""
    return _of_expression(error, path[-1], known, last, where, words)


def _asked() -> dict[str, ast.AST]:
    """Return the names of the notebook that are asked, each as it is in code."""
    return {name: ast.Name(name, ast.Load()) for name in asked}


def _of_expression(
    error: BaseException,
    node: ast.AST,
    known: Mapping[str, ast.AST],
    values: Mapping[str, Any],
    where: str,
    words: Collection[str],
) -> str:
    if isinstance(error, AttributeError) and (error.name is None or not is_nothing(error.obj)):
        return ""
    if isinstance(error, TypeError) and not any(
        word in str(error) for word in ("NoneType", colab.Anything.__name__)
    ):
        return ""
    if part := _part(node, {}, values, words):
        return _reason(part, where)
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id in known:
            raised = _RAISED if words is _ASKS else LookupError
            if isinstance(error, raised) or is_nothing(values.get(one.id)):
                return _reason(known[one.id], where)
    return ""


def _reason(part: ast.AST, where: str) -> str:
    if isinstance(part, ast.Name) and part.id in asked:
        return asked[part.id]
    try:
        text = " ".join(ast.unparse(part).split())
    except RecursionError:
        text = "an expression"
    text = text.replace("get_ipython().getoutput", "!").replace("get_ipython().system", "!")
    return f"{where}{text if len(text) <= 60 else f'{text[:59]}…'} may give something else here"


# -- what asks -----------------------------------------------------------------------------------


def _part(
    tree: ast.AST,
    known: Mapping[str, ast.AST],
    values: Mapping[str, Any],
    words: Collection[str] = _ASKS,
) -> ast.AST | None:
    """Return the first part of code that asks the machine.

    Where it uses a name that is asked, it is what asked.
    """
    for node in _walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in known:
                return known[node.id]
            if words is _ASKS and colab.is_stand_in(values.get(node.id)):
                return node
        elif isinstance(node, ast.Call):
            called = node.func
            last = called.attr if isinstance(called, ast.Attribute) else ""
            last = called.id if isinstance(called, ast.Name) else last
            if last in words or (isinstance(called, ast.Name) and last in _askers):
                return node
            if words is _ASKS and _asks_ipython(node):
                return node
        elif isinstance(node, ast.Attribute) and words is _ASKS:
            root = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr == "environ" or f"{root}.{node.attr}" in _PARTS:
                return node
    return None


def _asks_ipython(call: ast.Call) -> bool:
    """Return whether a call is what IPython makes of `!ls`, or of a magic that gives the same."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name("get_ipython")), attr=method),
            args=[ast.Constant(value), *_],
        ):
            return method == "system" or (method == "run_line_magic" and value in _MAGICS)
    return False


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of code, the outer ones first, but for functions and classes in it."""
    waiting = collections.deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]


def _names_in(
    scope: ast.AST,
    known: Mapping[str, ast.AST],
    values: Mapping[str, Any],
    words: Collection[str] = _ASKS,
) -> dict[str, ast.AST]:
    """Return the names that are asked in a function or a statement, with those known outside.

    Each is given with what asked.
    """
    found = dict(known)
    body = scope.body if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef) else [scope]
    parts = [node for one in body for node in _walk(one)]
    for _ in range(_MOST_ROUNDS):
        before = len(found)
        for node in parts:
            value, targets = _assigned(node)
            part = None if value is None else _part(value, found, values, words)
            if part is not None:
                for name in {name for one in targets for name in _bound(one)}:
                    found.setdefault(name, part)
        if len(found) == before:
            break
    return found


def _assigned(node: ast.AST) -> tuple[ast.expr | None, Sequence[ast.AST]]:
    """Return on what values depend that a part of code binds, and the code that binds them."""
    match node:
        case ast.Assign():
            return node.value, node.targets
        case ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr():
            return node.value, [node.target]
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return node.iter, [node.target]
        case ast.withitem(optional_vars=ast.expr() as target):
            return node.context_expr, [target]
        case ast.If():
            return node.test, [*node.body, *node.orelse]
    return None, []


def _bound(tree: ast.AST) -> set[str]:
    """Return the names that code binds, but for those inside of comprehensions."""
    inside = {
        id(clause.target)
        for node in ast.walk(tree)
        if isinstance(node, _COMPREHENSIONS)
        for clause in node.generators
    }
    return answers.bound_names(tree, False, inside) - {"*"}


def is_nothing(value: object) -> bool:
    """Return whether a value is what comes where there is nothing: None, zero, an empty list."""
    if value is None or isinstance(value, (colab.Anything, Iterator, *_OF_PROCESSES)):
        return True
    if isinstance(value, bool | int | float):
        return not value
    of_library = str(type(value).__module__).partition(".")[0] in _OF_LIBRARIES
    if isinstance(value, str | bytes | list | tuple | dict | set | frozenset) or of_library:
        try:
            return len(value) == 0  # type: ignore[arg-type]
        except Exception:
            return False
    return False


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN) or is_nothing(value)


# -- where an exception was raised ---------------------------------------------------------------


def _frames(error: BaseException) -> Iterator[tuple[FrameType, list[ast.AST]]]:
    """Yield the frames of the notebook's code, the outermost first, and where each one is.

    That is the path from the cell's tree to the innermost part that was being calculated.
    """
    found = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith("<cell "):
            found.append((trace.tb_frame, trace.tb_lasti))
        trace = trace.tb_next
    for frame, instruction in [
        *found[: _MOST_FRAMES // 2],
        *found[_MOST_FRAMES // 2 :][-_MOST_FRAMES // 2 :],
    ]:
        source = "".join(linecache.getlines(frame.f_code.co_filename))
        line, end, column, end_column = list(frame.f_code.co_positions())[instruction // 2]
        if source and None not in (line, end, column, end_column):
            yield frame, _path(_tree(source), (line, column), (end, end_column))


@functools.lru_cache(maxsize=8)
def _tree(source: str) -> ast.AST:
    return ast.parse(source)


def _path(tree: ast.AST, begin: Any, end: Any) -> list[ast.AST]:
    path = [tree]
    while True:
        waiting, inner = [*ast.iter_child_nodes(path[-1])], None
        while waiting:
            node: Any = waiting.pop()
            if not hasattr(node, "lineno"):  # a clause of a comprehension, an item of a `with`
                waiting += ast.iter_child_nodes(node)
            elif (node.lineno, node.col_offset) <= begin and end <= (
                node.end_lineno,
                node.end_col_offset,
            ):
                inner = node
        if inner is None:
            return path
        path.append(inner)


def _given(
    node: ast.AST,
    frame: FrameType,
    known: Mapping[str, ast.AST],
    values: Mapping[str, Any],
    words: Collection[str],
) -> dict[str, ast.AST]:
    """Return the arguments of a frame that are asked, as the call that began it shows."""
    if not isinstance(node, ast.Call):
        return {}
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount]
    names = names[1:] if names[:1] in (("self",), ("cls",)) else names
    pairs = [*zip(names, node.args, strict=False)]
    pairs += [(one.arg, one.value) for one in node.keywords if one.arg]
    found = ((name, _part(value, known, values, words)) for name, value in pairs)
    return {name: part for name, part in found if part is not None}
