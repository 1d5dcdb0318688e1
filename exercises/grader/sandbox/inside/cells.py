"""Run a submission's code cells in IPython's shell, as Jupyter does.

A call of `check` gives an answer, wherever it is: at the top of a cell, in a loop, in a function.
An exception stops its cell, and the next cell runs. What differs from Jupyter is what the grader's
machine lacks:

- A statement that fails because of the machine, such as the import of a module that is not
  installed, does not stop its cell. The names that it did not bind are *lost*, and what fails for
  the lack of them does not stop the cell either. A statement that calls something, or imports all
  of a module, may bind any name, and may change the objects that it names.
- A statement that fails because the machine gave nothing where it was asked, as for a list of
  files, does not stop its cell either; see `asking`.
- A statement that hung, or ended its process, is left out when the submission is run again.
- The event loop runs only while a cell waits, and for a moment after a cell that leaves tasks.
- Nothing is displayed or installed, nothing waits for a person, and Colab's modules do nothing.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from d2lexercises import answers, environment, newer_python
from inside import asking, colab, using
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import line_cell_magic, magics_class, needs_local_scope, no_var_expand
from IPython.core.magics.execution import ExecutionMagics
from IPython.utils.text import SList
from traitlets import Type
from traitlets.config import Application, Config

_SHELL_SECONDS = 10.0  # for a command such as !ls
_INSTALLERS = re.compile(
    r"\s*(?:sudo\s+)?(?:\S*python[\d.]*\s+-m\s+)?"
    r"(?:pip[\d.]*|uv|conda|mamba|micromamba|apt|apt-get|brew|yum|dnf|npm|poetry)\b"
)
_REPEATS = re.compile(r"(?:^|(?<=\s))-[nr]\s*\d+(?=\s|$)")
_KEEP_OUTPUT = ("capture", "bash", "sh", "script", "!", "sx", "system")  # in a name
_RETURNS = re.compile(r"^(?:\s*-\S+)*\s*-[a-zA-Z]*r")
_WITHOUT_EFFECT = ("pip", "conda", "mamba", "micromamba", "uv", "matplotlib", "debug", "pdb",
                   "tensorboard", "tensorflow_version", "edit", "ed", "notebook")  # fmt: skip
_TASKS_CELL, _TASKS_NOTEBOOK = 1.0, 5.0  # seconds that tasks get after a cell, and after all
_MOST_NAMES = 12  # that are listed
_MOST_LOOKED_AT = 100  # failures of one statement, as in a loop
_PASSES, _DIFFERS = "_d2l_passes_", "_d2l_differs_"  # built-in functions in guarded statements
# Conditions that may differ from machine to machine.
_ABOUT_MACHINE = re.compile(
    r"exists|is_?file|is_?dir|listdir|glob|find_spec|sys\.modules|environ|getenv|is_available"
    r"|device_count|list_(?:physical|logical)_devices|which\(|platform|hostname|getuser"
)
_SIMPLE = (
    *(ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Import, ast.ImportFrom),
    *(ast.Assert, ast.Delete),
)


# What a cell binds at its top level: functions and classes, variables, modules.
_BINDS = re.compile(
    r"^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*=(?!=)"
    r"|^(?:from[ \t]+\S+[ \t]+)?import[ \t]+(.+)",
    re.MULTILINE,
)


# -- the shell -----------------------------------------------------------------------------------


class _Compiler(CachingCompiler):
    """Names code after its cell, as tracebacks, `inspect` and AutoGraph show it."""

    cell = 0
    parts = 0  # of the cell: the cells of cell magics count too

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        self.parts += 1
        part = f", part {self.parts}" if self.parts > 1 else ""
        return f"<cell {self.cell + 1}{part}>"


class _NoDisplay(DisplayHook):
    """Binds `_`, and shows nothing: how a value would look is not calculated."""

    def compute_format_data(self, result: Any) -> Any:
        return {}, {}

    def write_format_data(self, *arguments: Any, **named: Any) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass


class _NoPublisher(DisplayPublisher):
    def publish(self, *arguments: Any, **named: Any) -> None:
        pass

    def clear_output(self, wait: bool = False) -> None:
        pass


class _NoFormatter(DisplayFormatter):
    def format(self, *arguments: Any, **named: Any) -> Any:
        return {}, {}


class ZMQInteractiveShell(InteractiveShell):
    """IPython's shell, without a terminal and without a person.

    It has the name of that in Jupyter's kernel, since code may ask for it.
    """

    kernel = colab.Anything("kernel")

    compiler_class = Type(_Compiler)
    displayhook_class = Type(_NoDisplay)
    display_pub_class = Type(_NoPublisher)

    steps: Steps  # of the cell that runs
    compile: Any
    loop_runner: Any

    def init_display_formatter(self) -> None:
        """See `InteractiveShell.init_display_formatter`."""
        self.display_formatter = _NoFormatter(parent=self)

    def init_magics(self) -> None:
        """See `InteractiveShell.init_magics`."""
        super().init_magics()
        self.register_magics(_Execution)
        register: Any = self.register_magic_function
        register(lambda line, cell: self.run_body(cell), "cell", "time")
        for name in _WITHOUT_EFFECT:
            register(_nothing, "line", name)

    def showtraceback(self, *arguments: Any, **named: Any) -> None:
        """Do nothing."""

    showsyntaxerror = showindentationerror = showtraceback

    def _format_exception_for_storage(self, *arguments: Any, **named: Any) -> Any:
        return {}

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: there are no windows."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str, str]:
        """Do nothing: figures are drawn, and not shown."""
        return "agg", "agg"

    def get_parent(self) -> dict[str, Any]:
        """Return the message that runs the cell: there is none."""
        return {}

    parent_header = property(get_parent)

    def ask_exit(self) -> None:
        """Do nothing: `exit` ends no kernel."""

    def system(self, cmd: str) -> None:
        """Run a command of `!`; what it prints is discarded."""
        self.user_ns["_exit_code"] = _command(self.var_expand(cmd, depth=1))[0]

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Run a command of `!`, and return what it prints."""
        text = _command(self.var_expand(cmd, depth=depth + 1))[1]
        return SList(text.splitlines()) if split else text

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """See `InteractiveShell.run_line_magic`. What a magic needs of a session may be missing."""
        try:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)
        except Exception as error:
            magic = getattr(self.find_line_magic(magic_name), "__module__", "")
            runs_code = magic_name == "run" or answers.is_python_line(magic_name)
            if runs_code or magic == "__main__" or environment.reason_of_statement(error):
                raise
            raise UsageError(f"%{magic_name}: {error}") from error

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """See `InteractiveShell.run_cell_magic`. The cell of an unknown magic runs if it can."""
        if self.find_cell_magic(magic_name) is None and answers.is_python_magic(magic_name, cell):
            reason = f"in cell {self.steps.index + 1}, the magic %%{magic_name} is not installed"
            named = set(re.findall(r"[^\W\d]\w*", line)) & set(self.user_ns)
            environment.change(named, f"{reason} here")  # as %%add_to does with a class
            return self.run_body(cell)
        result = super().run_cell_magic(magic_name, line, cell)
        if magic_name in _KEEP_OUTPUT:
            named = set(re.findall(r"[^\W\d]\w*", line))
            reason = f"in cell {self.steps.index + 1}, the output of %%{magic_name} may differ here"
            asking.doubt(named, reason, self.user_ns)
        return result

    def run_body(self, code: str) -> Any:
        """Run the cell of a cell magic, statement by statement; return the value of its end."""
        result = self.run_cell(code)
        if error := result.error_before_exec or result.error_in_exec:
            raise error
        return result.result

    async def run_ast_nodes(
        self,
        nodelist: list[ast.stmt],
        cell_name: str,
        interactivity: str = "last_expr",
        compiler: Any = compile,
        result: Any = None,
    ) -> bool:
        """See `InteractiveShell.run_ast_nodes`. Returns whether a statement stopped the cell."""
        nodes = list(_apart(nodelist))
        for number, node in enumerate(nodes, 1):
            if not self.steps.begin(node):
                continue
            how = interactivity if number == len(nodes) or interactivity == "all" else "none"
            stops = await super().run_ast_nodes([_guarded(node)], cell_name, how, compiler, result)
            if not stops:
                self.steps.ends(node)
            elif not self.steps.passes(result.error_in_exec or result.error_before_exec, node):
                return True
            result.error_in_exec = result.error_before_exec = None
        return False


@magics_class
class _Execution(ExecutionMagics):
    """The magics that run code: their cells run statement by statement, and once."""

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def timeit(self, line: str = "", cell: str | None = None, local_ns: Any = None) -> Any:
        return super().timeit(f"-n1 -r1 {_REPEATS.sub('', line)}", cell, local_ns)

    @no_var_expand
    @line_cell_magic
    def prun(self, parameter_s: str = "", cell: str | None = None) -> Any:
        code = answers.without_options("prun", parameter_s) if cell is None else cell
        shell().run_body(code)
        # With -r it returns statistics, which do not exist here.
        return colab.Anything("stats") if _RETURNS.search(parameter_s) else None


def _nothing(*arguments: Any, **named: Any) -> None:
    """Do nothing; a magic."""


def _command(command: str) -> tuple[int, str]:
    """Run a command in the system's shell; return its status and what it prints."""
    if _INSTALLERS.match(command):
        return 0, ""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SHELL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 124, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


@functools.cache
def shell() -> ZMQInteractiveShell:
    """Return the shell; its names are those of a new `__main__`, so that pickling works."""
    config = Config()
    config.HistoryManager.enabled = False
    folder = os.path.join(os.environ.get("HOME") or os.getcwd(), ".ipython")
    made = ZMQInteractiveShell.instance(
        user_module=ModuleType("__main__"), ipython_dir=folder, config=config
    )
    made.user_module.__dict__["__builtins__"] = builtins
    from IPython.display import display

    kernels_application: Any = Application
    kernels_application.kernel = made.kernel
    vars(builtins).update(get_ipython=made.get_ipython, display=display)
    os.environ.update(PIP_RETRIES="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    sys.meta_path.insert(0, _FolderFinder())
    colab.install()
    return made


class _FolderFinder(importlib.abc.MetaPathFinder):
    """Finds the modules that a submission has written into its folder."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        if path is not None:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [os.getcwd()], target)


# -- the event loop ------------------------------------------------------------------------------


class Loop:
    """The event loop of a notebook. For the code of a cell it runs, as in Jupyter's kernel.

    Only while a cell waits, and between cells, it truly runs. Otherwise it is just set as the one
    that runs, so that cells without `await` are called as they would be without any loop.
    """

    def __init__(self) -> None:
        self.loop: Any = asyncio.new_event_loop()
        self.run_to_end = self.loop.run_until_complete
        self.left = _TASKS_NOTEBOOK
        self.waits = False  # whether it truly runs

    def __enter__(self) -> Loop:
        asyncio.set_event_loop(self.loop)
        shell().loop_runner = self.complete
        if importlib.util.find_spec("nest_asyncio") is None:
            nesting: Any = ModuleType("nest_asyncio")
            nesting.apply = self.nest
            sys.modules["nest_asyncio"] = nesting
        self._set_running(True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._set_running(False)

    def _set_running(self, running: bool) -> None:
        asyncio._set_running_loop(self.loop if running else None)
        self.loop._thread_id = threading.get_ident() if running else None

    def complete(self, awaited: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> Any:
        """Run what can be awaited to its end; a runner of IPython's.

        Raises:
            RuntimeError: the loop truly runs, so that this is called by what it runs.
        """
        if self.waits:
            return self.run_to_end(awaited)
        self._set_running(False)
        self.waits = True
        future = asyncio.ensure_future(awaited, loop=self.loop)
        try:
            return self.run_to_end(future)
        finally:
            future.cancel()  # if an interrupt ended the loop
            self.waits = False
            self._set_running(True)

    def nest(self, loop: object = None) -> None:
        """Let a cell run what can be awaited to its end, as `nest_asyncio.apply` does."""
        self.loop.run_until_complete = self.complete
        asyncio.run = lambda main, **options: self.complete(main)

    def settle(self) -> None:
        """Let tasks go on, as they do between the cells of a notebook that a person runs."""
        tasks = asyncio.all_tasks(self.loop)
        if not tasks:
            return
        began = time.monotonic()
        seconds = min(_TASKS_CELL, max(self.left, 0.0))
        with contextlib.suppress(BaseException):
            self.complete(_wait(tasks, seconds))
        self.left -= time.monotonic() - began


async def _wait(tasks: Collection[asyncio.Task[Any]], seconds: float) -> None:
    await asyncio.wait(tasks, timeout=seconds)


# -- statements ----------------------------------------------------------------------------------


@dataclass
class Cell:
    """What became of a cell."""

    asked: set[str] = field(default_factory=set)  # the questions that it names in calls of `check`
    inside: set[str] = field(default_factory=set)  # those that it names inside of functions
    # Statements that the machine prevented, or that were left out: their questions, why, the step.
    prevented: list[tuple[set[str], str, str]] = field(default_factory=list)
    error: BaseException | None = None  # that stopped it
    own_check: int = 0  # the number of the cell that last gave the name `check` to something else


class Steps:
    """The statements of one cell, each with its number: "3.0" is the first of the cell of index 3.

    Before it there is the step "parse 3".
    """

    def __init__(
        self, index: int, cell: Cell, skip: Collection[str], announce: Callable[[str], None]
    ) -> None:
        self.index, self.cell, self.skip, self.announce = index, cell, skip, announce
        self.numbers = itertools.count()
        self.doubts: list[tuple[set[str], str]] = []  # names that this statement did not bind, why
        self.looked: Counter[int] = Counter()  # how many failures of a statement were looked at
        self.step = f"parse {index}"

    def begin(self, node: ast.stmt) -> bool:
        """Announce a statement; return whether it is to be run."""
        self.step = f"{self.index}.{next(self.numbers)}"
        if self.step in self.skip:
            self.prevent(node, f"a statement of cell {self.index + 1} does not end here", self.step)
            return False
        self.announce(self.step)
        self.doubts.clear()
        _keep_check()
        return True

    def passes(self, error: BaseException | None, node: ast.AST) -> bool:
        """Return whether a statement failed because of the machine; note what it lacks then."""
        reason = environment.reason_of_statement(error) if error is not None else ""
        if isinstance(error, Exception) and not reason:  # what lacks a change raises anything
            reason = environment.reason_of_use(_used(node))
        where = f"in cell {self.index + 1}, "
        if error is not None and reason:
            if environment.is_inherited(error) or environment.reason_of_use(_used(node)):
                where = ""
            self.prevent(node, where + reason, inherited=not where)
        elif error is not None and self.looked[id(node)] < _MOST_LOOKED_AT:
            self.looked[id(node)] += 1
            if reason := asking.reason_of_statement(error, where):
                self.prevent(node, reason, others=_may_bind_others(node))
        return bool(reason)

    def ends(self, node: ast.stmt) -> None:
        """Note that a statement ran to its end, and what it asked of the machine."""
        where = f"in cell {self.index + 1}, "
        tree = answers.python_of_statement(node)
        known = shell().user_ns
        with contextlib.suppress(Exception):  # whatever the notebook's objects raise
            for name, reason in asking.note(tree, known, where).items():
                if name not in environment.lost:
                    environment.lose([name], reason)
            for names, reason in self.doubts:
                asking.doubt(names, reason, known)

    def leave_out(self, tree: ast.AST, condition: str) -> None:
        """Note what follows for names if a branch does not run whose condition may differ here."""
        reason = f"in cell {self.index + 1}, the condition {condition} may differ here"
        names = answers.bound_names(tree)
        environment.lose({name for name in names if name not in shell().user_ns} - {"*"}, reason)
        if "*" in names or answers.BINDS_ANYTHING.search(ast.unparse(tree)):
            environment.lose_any(reason)

    def prevent(
        self,
        node: ast.AST,
        reason: str,
        step: str = "",
        inherited: bool = False,
        others: bool = True,
    ) -> None:
        """Note that a statement did not run here, and what follows for names and questions.

        `others`: its calls may bind any name.
        """
        tree = answers.python_of_statement(node) if isinstance(node, ast.stmt) else node
        known = shell().user_ns
        bound = answers.bound_names(tree)
        environment.lose({name for name in bound if name not in known} - {"*"}, reason)
        asking.doubt(bound, reason, known)
        if (bound, reason) not in self.doubts:
            self.doubts.append((bound, reason))
        if answers.may_bind_any(tree):
            environment.change(
                (name for name in _used(tree) if _can_change(known.get(name))), reason
            )
            if others and not (inherited and environment.unknown) and not _only_checks(tree):
                environment.lose_any(reason)
        entry = questions_of(tree), reason, step
        if entry not in self.cell.prevented:
            self.cell.prevented.append(entry)


_FIXED = (type(None), bool, int, float, complex, str, bytes, tuple, os.PathLike, type, ModuleType,
          FunctionType, BuiltinFunctionType, colab.Anything)  # fmt: skip


def _used(tree: ast.AST) -> set[str]:
    """Return the names whose values code uses."""
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def _only_checks(tree: ast.AST) -> bool:
    """Return whether a statement is a call of `check`, and calls nothing else."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return isinstance(tree, ast.Expr) and len(calls) == 1 and bool(questions_of(tree))


def _may_bind_others(tree: ast.AST) -> bool:
    """Return whether code may bind names that it does not show: by a function of the notebook."""
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    values = (shell().user_ns.get(one.id) for one in called if isinstance(one, ast.Name))
    if any(isinstance(one, FunctionType) and one.__module__ == "__main__" for one in values):
        return True
    try:
        return bool(answers.BINDS_ANYTHING.search(ast.unparse(tree)))
    except RecursionError:  # of an expression that is too deep
        return True


def _can_change(value: object) -> bool:
    """Return whether a value is an object that a call may change."""
    return not isinstance(value, _FIXED) and not _is_check(value)


def _apart(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements; those that import several things become one for each."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom) and len(node.names) > 1:
            for alias in node.names:
                part = (
                    ast.Import([alias])
                    if isinstance(node, ast.Import)
                    else ast.ImportFrom(node.module, [alias], node.level)
                )
                yield ast.copy_location(part, node)
        else:
            yield node


def _guarded(node: ast.stmt) -> ast.stmt:
    """Return an `if` or a `with` in which a statement that the machine prevents does not stop it.

    Loops stay as they are, since one may wait for an exception to end it; so do functions and
    classes. A `try` handles its exceptions itself, and each handler notes what the machine lacks.
    """
    for attempt in _attempts(node):
        for handler in attempt.handlers:
            number = len(_guarded_statements)
            _guarded_statements.append(attempt)
            handler.body[:0] = _placed(f"{_PASSES}({number})", handler)
    return _guarded_block(node)


def _attempts(node: ast.AST) -> Iterator[ast.Try]:
    """Yield each `try` of a statement, but for those in functions and classes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.Try):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _attempts(child)


def _placed(code: str, at: ast.stmt | ast.excepthandler) -> list[ast.stmt]:
    """Return code as statements that stand at the place of another one."""
    made = ast.parse(code).body
    for statement in made:
        for part in ast.walk(statement):
            if isinstance(part, ast.stmt | ast.expr | ast.excepthandler):
                ast.copy_location(part, at)
    return made


def _guarded_block(node: ast.stmt) -> ast.stmt:
    if isinstance(node, ast.If):
        body, other = node.body, node.orelse
        node.body, node.orelse = _all_guarded(body), _all_guarded(other)
        try:
            condition = ast.unparse(node.test)
        except RecursionError:  # of an expression that is too deep
            condition = ""
        if _ABOUT_MACHINE.search(condition) or asking.is_asking(node.test, shell().user_ns):
            # Each branch notes first that the other one does not run here.
            for branch, not_run in ((node.body, other), (node.orelse, body)):
                number = len(_guarded_statements)
                _guarded_statements.append(ast.Module(not_run, []))
                branch[:0] = _placed(f"{_DIFFERS}({number}, {condition[:100]!r})", node)
    elif isinstance(node, ast.With | ast.AsyncWith):
        node.body = _all_guarded(node.body)
    return node


def _all_guarded(nodes: list[ast.stmt]) -> list[ast.stmt]:
    guarded: list[ast.stmt] = []
    for node in _apart(nodes):
        if not isinstance(node, _SIMPLE):
            guarded.append(_guarded_block(node))
            continue
        number = len(_guarded_statements)
        _guarded_statements.append(node)
        [attempt] = _placed(
            f"try: pass\nexcept BaseException:\n if not {_PASSES}({number}): raise", node
        )
        assert isinstance(attempt, ast.Try)
        attempt.body = [node]
        guarded.append(attempt)
    return guarded


_guarded_statements: list[ast.stmt | ast.Module] = []


def _passes(number: int) -> bool:
    """Return whether the exception that is handled comes from the machine."""
    return shell().steps.passes(sys.exception(), _guarded_statements[number])


def _differs(number: int, condition: str) -> None:
    """Note that a branch does not run here, as a condition about the machine may differ."""
    shell().steps.leave_out(_guarded_statements[number], condition)


vars(builtins).update({_PASSES: _passes, _DIFFERS: _differs})
environment.in_answers.append(asking.reason_in_answer)


# -- the cells of a submission -------------------------------------------------------------------

_names_of_check = {"check"}  # what the submission calls it


def _is_check(value: object) -> bool:
    """Return whether what the name `check` means is the grader's, or what the grader replaced."""
    if value is None or value is vars(builtins).get("check"):
        return True
    package = str(getattr(value, "__module__", "")).partition(".")[0]
    is_named_so = isinstance(value, FunctionType) and value.__name__ == "check"
    return is_named_so and package in ("d2lexercises", "d2lcompute")


def _keep_check() -> None:
    """Put the grader's `check` back after a cell has loaded the module of `check` again."""
    names = shell().user_ns
    if isinstance(names.get("check"), FunctionType) and _is_check(names["check"]):
        names["check"] = vars(builtins)["check"]


def questions_of(tree: ast.AST) -> set[str]:
    """Return the questions that calls of `check` in code name, functions included."""
    return {one.question for one in answers.checks_in(tree, names=_names_of_check)}


def _binding_cells(sources: list[str]) -> dict[str, list[int]]:
    """Return for each name the numbers of the cells that bind it. No code is parsed."""
    found: dict[str, list[int]] = {}
    for number, source in enumerate(sources, 1):
        if answers.is_other_cell(source):
            continue
        for defined, variable, imported in _BINDS.findall(answers.with_plain_line_ends(source)):
            parts = [part.split() for part in imported.split(",")]
            modules = [words[-1].partition(".")[0] for words in parts if words]
            for name in filter(None, (defined, variable, *modules)):
                found.setdefault(name, []).append(number)
    return found


class Run:
    """The cells of a submission, run in order.

    Args:
        sources: the code of each cell.
        skip: the steps that are left out.
        announce: is called with each step before it begins.
        stopped: is called with the index of a cell that an exception stopped, and the exception.

    The grader's `check` is the built-in function of this name when the cells are run.
    """

    def __init__(
        self,
        sources: list[str],
        skip: Collection[str],
        announce: Callable[[str], None],
        stopped: Callable[[int, BaseException], None],
    ) -> None:
        self.sources, self.skip = sources, skip
        self.announce, self.stopped = announce, stopped
        self.cells: list[Cell] = []

    def run(self, is_done: Callable[[], bool]) -> None:
        """Run the cells, until `is_done` says that every question is answered.

        Cells that mention `check` run in any case: of several answers to a question, the last one
        counts.
        """
        mentions = [n for n, text in enumerate(self.sources) if re.search(r"\bcheck\b", text)]
        last = max(mentions, default=-1)
        # What fails for the lack of a name from further down was run in another order.
        environment.binding.update(_binding_cells(self.sources))
        using.read(self.sources)
        # As a kernel of Jupyter does; a process that is started in the background ignores it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with Loop() as loop:
            for index, source in enumerate(self.sources):
                if index > last and is_done():
                    break
                self.cells.append(Cell())
                self._run_cell(index, source, self.cells[-1])
                loop.settle()

    def _run_cell(self, index: int, source: str, cell: Cell) -> None:
        environment.running = index + 1
        steps = Steps(index, cell, self.skip, self.announce)
        if steps.step in self.skip:
            reason = f"cell {index + 1} cannot be read here"
            cell.asked = answers.questions_named_in(source)
            cell.prevented.append((cell.asked, reason, steps.step))
            return
        self.announce(steps.step)
        one = shell()
        one.steps, one.compile.cell, one.compile.parts = steps, index, 0
        importlib.invalidate_caches()  # a cell may write a module and the next one import it
        binds = self._look(source, cell)
        result = one.run_cell(source, store_history=True)
        environment.bind(binds)
        self._look_at_check(cell, index)
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, SyntaxError) and self._is_too_new(source, steps):
            return
        if error is not None:
            cell.error = error
            self.stopped(index, error)

    def _look(self, source: str, cell: Cell) -> set[str]:
        """Note which questions a cell asks, as far as it can be read; return what it binds."""
        cell.asked = answers.questions_named_in(source)
        try:
            tree = ast.parse(answers.python_of(source))
            _names_of_check.update(answers.names_of_check(tree))
            checks = answers.checks_in(tree, names=_names_of_check)
            cell.asked |= {one.question for one in checks}
            cell.inside = {one.question for one in checks if one.scope}
            return answers.bound_names(tree, declared=False)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()

    def _look_at_check(self, cell: Cell, index: int) -> None:
        """Note whether calls of `check` reach something else now."""
        if not _is_check(shell().user_ns.get("check")):
            before = self.cells[-2].own_check if len(self.cells) > 1 else 0
            cell.own_check = before or index + 1

    def _is_too_new(self, source: str, steps: Steps) -> bool:
        """Return whether a cell needs a newer Python; note what it lacks then."""
        python = answers.python_of(source)
        needed = newer_python.needed_python(python)
        if needed is None:
            return False
        reason = newer_python.advice(needed)
        tree = ast.parse(newer_python.without_newer_syntax(python)[0])
        steps.prevent(tree, f"cell {steps.index + 1} {reason}")
        return True

    def prevented(self, wanted: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return, for questions without an answer, what kept their calls of `check` from running.

        It is the reason of the last such call: {"reason": why the machine prevents it}, {"step":
        the step that was left out}, {"error": the exception that stopped the cell before it}, or
        {"said": a sentence}.
        """
        found: dict[str, dict[str, Any]] = {}
        inside: set[str] = set()  # in functions so far, which a later cell may call
        for cell in self.cells:
            inside |= answers.present_names(cell.inside, wanted)
            for _, reason, step in cell.prevented:
                found |= {question: {"reason": reason} for question in inside if not step}
            for question in answers.present_names(cell.asked, wanted):
                if cell.error is not None:
                    found[question] = {"error": cell.error}
                if cell.own_check:
                    said = f"Cell {cell.own_check} gives the name check to something else, so"
                    found[question] = {"said": f"{said} the check of this question did not run."}
                for questions, reason, step in cell.prevented:
                    if question in answers.present_names(questions, wanted):
                        found[question] = {"step": step} if step else {"reason": reason}
        return found

    def defined(self) -> list[str]:
        """Return names that the cells bind: classes and functions first, no modules."""
        bound = [
            (not isinstance(value, type | FunctionType), name)
            for name, value in list(shell().user_ns.items())
            if name in environment.bound and not isinstance(value, ModuleType)
        ]
        return [name for _, name in sorted(bound, key=lambda one: one[0])][:_MOST_NAMES]

    def last_cells(self, wanted: Collection[str]) -> dict[str, int]:
        """Return the index of the last cell that names each question, before anything runs."""
        return {
            question: index
            for index, source in enumerate(self.sources)
            for question in answers.present_names(answers.questions_named_in(source), wanted)
        }
