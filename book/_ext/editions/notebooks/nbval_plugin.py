"""A pytest plugin that adds this book's rules to nbval and writes the verification record.

Use: `pytest -p editions.notebooks.nbval_plugin --nbval --nbval-current-env book/recorded/cpu`.

nbval runs every cell of a notebook again, in a fresh kernel, and compares the outputs with the
stored ones. This plugin adds:

- Figures are not compared; a claim asserts their arrays.
- A cell fails as soon as its kernel dies, not at the end of the time limit.
- A cell that has never been run, or that is marked to be skipped, fails.
- A claim that names the answer to a prediction must name the stored one.
- Cells are named by their ids.
- A complete run of a notebook writes a verification record, and a file in `_build/differences`
  if an output differs.
- A notebook runs on the kind of device on which it was recorded. A notebook from a GPU fails if
  the framework finds no GPU, or if another notebook runs at the same time. The rules of
  `card_differences` are applied to its outputs.
"""

from __future__ import annotations

import datetime
import os
import platform
import tempfile
import time
from importlib import metadata
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from editions.base.errors import EditionsError
from editions.base.files import digest, write_atomically
from editions.base.frameworks import FRAMEWORKS
from editions.base.project import DEVICES, Project
from editions.base.terminal import without_colours
from editions.notebooks.accelerators import accelerators
from editions.notebooks.answer_keys import ENTRY, EXPRESSION, label_of
from editions.notebooks.card_differences import rules
from editions.notebooks.kernels import (
    OUTPUT_TIMEOUT,
    evaluated,
    evaluation,
    kernel_environment,
)
from editions.notebooks.notebook import KEY
from editions.notebooks.outputs import is_compared
from editions.notebooks.verification_record import Record

POLL = 1.0  # seconds between two checks that the kernel is alive
_runs: dict[str, _Run] = {}
_cards: dict[str, list[str]] = {}  # the accelerators of this machine, by framework
_inherited: dict[str, str | None] = {}  # environment variables to restore for the next notebook


class _Run:
    """The results so far of one notebook's cells."""

    def __init__(self, file: Any) -> None:
        self.path = Path(file.path)
        self.about = dict(file.nb.metadata.get(KEY, {}))
        self.digest = digest(self.path.read_bytes())
        self.cells = [cell for cell in file.nb.cells if cell.cell_type == "code"]
        self.passed: dict[int, bool] = {}
        self.differences: list[str] = []
        self.cards: list[str] = []
        self.started = time.monotonic()
        self.ended = self.started

    def note(self, number: int, passed: bool) -> None:
        self.passed[number] = passed
        self.ended = time.monotonic()

    @property
    def complete(self) -> bool:
        return len(self.passed) == len(self.cells)

    def record(self) -> Record:
        passed = [cell for n, cell in enumerate(self.cells) if self.passed.get(n)]
        names = FRAMEWORKS[self.about["framework"]].packages
        return Record(
            notebook=self.digest,
            device=", ".join(dict.fromkeys(self.cards)) or self.about.get("device", "cpu"),
            versions={name: metadata.version(name).split("+")[0] for name in names},
            python=platform.python_version(),
            date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            seconds=round(self.ended - self.started, 1),
            cells=len(self.passed),
            outputs=sum(bool(cell.outputs) for cell in passed),
            compared=sum(is_compared(cell) for cell in passed),
            claims=sum("claim" in cell.metadata.get("tags", []) for cell in passed),
            passed=self.complete and all(self.passed.values()),
        )


def pytest_configure(config: pytest.Config) -> None:
    """Ignore the user's IPython start-up files; note the environment before kernels change it."""
    settings = tempfile.TemporaryDirectory(prefix="d2lcompute-ipython-")
    config.add_cleanup(settings.cleanup)
    os.environ["IPYTHONDIR"] = settings.name
    project = Project.find(Path(__file__).parent)
    names = {name for device in DEVICES for name in kernel_environment(project, device)}
    _inherited.update({name: os.environ.get(name) for name in names})


def pytest_collectstart(collector: Any) -> None:
    """Exclude figures from the comparison."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml",)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Name each cell by its id, and let its outputs be late."""
    for item in items:
        if hasattr(item, "cell_num"):
            item.output_timeout = OUTPUT_TIMEOUT
            item.name = str(item.cell.get("id", item.cell_num))
            item._nodeid = f"{item.parent.nodeid}::{item.name}"
            item.reportinfo = lambda item=item: (item.path, 0, item._nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: Any) -> Any:
    """Fail cells that nbval would pass without running them; watch the kernel."""
    is_cell = hasattr(item, "cell_num")
    if is_cell:
        file = item.parent
        if not hasattr(file, "refusal"):  # the first cell; the kernel has not been started yet
            file.refusal = _prepare(file)
        if file.refusal:
            pytest.fail(file.refusal, pytrace=False)
    yield
    if not is_cell:
        return
    if item.options["skip"]:
        pytest.fail("this cell is marked to be skipped: every cell must run", pytrace=False)
    if item.cell.execution_count is None:
        pytest.fail(
            "this cell was never run, so there is nothing to compare with: make notebooks",
            pytrace=False,
        )
    kernel = item.parent.kernel
    if not hasattr(kernel, "await_reply_unwatched"):
        kernel.await_reply_unwatched = kernel.await_reply
        kernel.await_reply = lambda msg_id, timeout=None: _await_reply(kernel, msg_id, timeout)


def _prepare(file: Any) -> str | None:
    """Set the environment of the stored run; return why the notebook must not run, or None."""
    project, about = Project.find(file.path.parent), file.nb.metadata.get(KEY, {})
    device = about.get("device", "cpu")
    folder = project.relative(file.path).split("/")
    if folder[:2] == ["book", "notebooks"]:
        return (
            "this is the copy for learners, without the outputs that they are to predict; compare "
            "with the one below book/recorded"
        )
    if folder[:2] == ["book", "recorded"] and folder[2] != device:
        return f"this notebook was recorded on {device}, but it is stored under {folder[2]}"
    for name, value in _inherited.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.environ.update(kernel_environment(project, device))
    if device == "cpu":
        return None
    if getattr(file.config, "workerinput", {}).get("workercount", 1) > 1:
        return "a GPU takes one notebook at a time: leave -n out"
    framework = FRAMEWORKS[about["framework"]]
    try:
        if framework.key not in _cards:
            _cards[framework.key] = accelerators(framework, os.environ)
    except EditionsError as error:
        return str(error)
    for rule in rules([*_cards[framework.key], *about.get("cards", [])]):
        file.sanitize_patterns[rule.pattern] = rule.replacement
    return None


def _await_reply(kernel: Any, msg_id: str, timeout: float | None) -> None:
    """Wait for the kernel's reply, and fail if the kernel dies meanwhile."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        pause = POLL if deadline is None else min(POLL, max(0.01, deadline - time.monotonic()))
        try:
            kernel.await_reply_unwatched(msg_id, timeout=pause)
            return
        except Empty:
            if not kernel.is_alive():
                pytest.fail("the kernel died while it ran this cell", pytrace=False)
            if deadline is not None and time.monotonic() >= deadline:
                raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Any:
    """Fail a claim that names another answer to its prediction than the stored one."""
    result = yield
    if hasattr(item, "cell_num"):
        answers = item.parent.nb.metadata.get(KEY, {}).get(ENTRY, {})
        if (stored := answers.get(item.cell.get("id"))) is not None:
            named = _named_answer(item.parent.kernel)
            if named != stored:
                pytest.fail(
                    f"the claim names the answer {named!r}, and the stored one is {stored!r}",
                    pytrace=False,
                )
    return result


def _named_answer(kernel: Any) -> str | None:
    """The label that the claim which has just run gives as the right choice."""
    request = kernel.kc.execute(**evaluation(EXPRESSION))
    while True:
        reply = kernel.kc.get_shell_msg(timeout=OUTPUT_TIMEOUT)
        if reply["parent_header"].get("msg_id") == request:
            value = evaluated(reply)
            return None if value is None else label_of(value)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: pytest.CallInfo[None]) -> Any:
    """Note the result of a cell."""
    report = yield
    if hasattr(item, "cell_num") and KEY in item.parent.nb.metadata:
        run = _runs.setdefault(str(item.parent.path), _Run(item.parent))
        if report.when == "call" or report.failed:
            run.note(item.cell_num, report.passed)
        if report.failed:
            message = without_colours(report.longreprtext).strip()
            run.differences.append(f"== {item.name}\n{message}\n")
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the differences, and a record for each notebook of which every cell was run."""
    compared = not session.config.option.nbval_lax
    for run in _runs.values():
        project = Project.find(run.path.parent)
        about = (run.about["chapter"], run.about["framework"], run.about["device"])
        if run.about["device"] != "cpu":
            run.cards = _cards.get(run.about["framework"], [])
        if run.complete and compared:
            try:
                run.record().save(project.record_path(*about))
            except EditionsError as error:
                pytest.exit(f"error: {error}", returncode=3)
        path = project.differences_path(*about)
        if run.differences:
            write_atomically(path, "\n".join(run.differences).encode("utf8"))
        elif run.complete:
            path.unlink(missing_ok=True)
    _runs.clear()
