"""How editions are executed: in real kernels, several at a time, each stored whole or not."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from editions.base.errors import EditionsError
from editions.base.files import write_atomically
from editions.base.frameworks import Framework
from editions.base.project import Project
from editions.notebooks import notebook as notebooks
from editions.notebooks.accelerators import accelerators
from editions.notebooks.outputs import has_figure, merged_streams, output_problems
from editions.source.chapter import Cell, Chapter, cell_ids, read_chapter
from editions.source.claims import claim_problems

CELL_TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Edition:
    """One framework's edition of a chapter, on one kind of device."""

    project: Project
    chapter: Chapter
    framework: Framework
    device: str = "cpu"

    @property
    def path(self) -> Path:
        """Where its notebook is stored."""
        return self.project.notebook_path(self.chapter.name, self.framework.key, self.device)

    @property
    def shown(self) -> str:
        """How messages name it."""
        return f"{self.chapter.path} ({self.framework.title} edition, {self.device})"

    def staleness(self) -> str | None:
        """Why it must be run again; None if it need not be."""
        return notebooks.staleness(self.path, self.chapter, self.framework, self.project)

    def check_claims(self) -> None:
        """Raise an `EditionsError` that lists the claims which prove nothing."""
        cells = self.chapter.edition(self.framework.key)
        problems = [
            f"{self.chapter.path}:{cell.line}: the claim "
            f"{cell.claim_title!r} proves nothing: {problem}"
            for cell, problem in claim_problems(cells)
        ]
        if problems:
            raise EditionsError("\n".join(problems))


def editions(
    project: Project,
    names: list[str] | None = None,
    device: str = "cpu",
    framework: str | None = None,
) -> list[Edition]:
    """The editions of the chapters called `names`, or of all; of `framework` alone, if given.

    Raises:
        EditionsError: there is no such chapter, or the book has no such framework.
    """
    paths = project.chapters
    keys = [one.key for one in project.frameworks]
    if framework and framework not in keys:
        raise EditionsError(
            f"there is no {framework} edition; this book has {', '.join(keys)} "
            "(_config.yml: editions_frameworks)"
        )
    names = [name.removesuffix(".md") for name in names or []]
    known = [path.stem for path in paths]
    if unknown := [name for name in names if name not in known]:
        raise EditionsError(
            f"_toc.yml lists no chapter called {', '.join(unknown)}; it lists {', '.join(known)}"
        )
    chapters = [
        read_chapter(path, project.relative(path))
        for path in paths
        if not names or path.stem in names
    ]
    return [
        Edition(project, chapter, one, device)
        for chapter in chapters
        for one in project.frameworks
        if framework in (None, one.key)
    ]


def refresh_prose(edition: Edition) -> bool:
    """Bring an up-to-date notebook's prose up to date; return whether the file changed."""
    fresh = notebooks.build(edition.chapter, edition.framework, edition.project)
    stored = nbformat.read(edition.path, as_version=4)
    return write_atomically(edition.path, notebooks.dumps(notebooks.refresh(fresh, stored)))


def prose_is_current(edition: Edition) -> bool:
    """Whether the stored notebook is, to the byte, what `refresh_prose` would write."""
    fresh = notebooks.build(edition.chapter, edition.framework, edition.project)
    stored = nbformat.read(edition.path, as_version=4)
    return edition.path.read_bytes() == notebooks.dumps(notebooks.refresh(fresh, stored))


def run(edition: Edition, on_cell: Callable[[], None] = lambda: None) -> None:
    """Execute an edition in a fresh kernel and store its notebook.

    Raises:
        EditionsError: a cell raised, a kernel died, or an output cannot be stored; names the
            chapter, the edition and the line of the source. Nothing is written then.
    """
    edition.check_claims()
    about: dict[str, Any] = {"versions": _installed(edition)}
    if edition.device != "cpu":
        environment = kernel_environment(edition.project, edition.device)
        about["cards"] = accelerators(edition.framework, environment)
    node = notebooks.build(edition.chapter, edition.framework, edition.project)
    with tempfile.TemporaryDirectory(prefix="d2lcompute-run-") as scratch:
        _execute(edition, node, scratch, on_cell)
    _check_outputs(edition, node)
    for cell in node.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = merged_streams(cell.outputs)
            notebooks.describe_figures(cell)
    node.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
    node.metadata[notebooks.KEY] = {
        "chapter": edition.chapter.name,
        "framework": edition.framework.key,
        "device": edition.device,
        "fingerprint": notebooks.fingerprint(edition.chapter, edition.framework, edition.project),
        **about,
    }
    write_atomically(edition.path, notebooks.dumps(node))


def run_all(stale: list[Edition], jobs: int, progress: bool = True) -> list[EditionsError]:
    """Run editions, `jobs` at a time, under one progress bar; return what went wrong.

    Whatever stops it, Ctrl-C too, ends the kernels at once; what was run by then is stored.
    """
    from tqdm import tqdm

    total = sum(_code_cells(edition) for edition in stale)
    errors: list[EditionsError] = []
    bar = tqdm(
        total=total, unit="cell", desc="Running", disable=None if progress and stale else True
    )
    with bar, ThreadPoolExecutor(max_workers=jobs) as pool:
        running = {pool.submit(run, edition, lambda: bar.update()): edition for edition in stale}
        try:
            for future in as_completed(running):
                try:
                    future.result()
                    bar.write(f"ran {running[future].shown}")
                except EditionsError as error:
                    errors.append(error)
                    bar.write(f"failed {running[future].shown}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in running):
                for client in list(_clients):  # once more: one may just have been started
                    _kill_kernel(client)
                time.sleep(0.1)
            raise
    return errors


_clients: set[NotebookClient] = set()  # of the kernels that run now


def _kill_kernel(client: NotebookClient) -> None:
    process = getattr(getattr(client.km, "provisioner", None), "process", None)
    if process is not None:
        with contextlib.suppress(OSError):
            process.kill()


def kernel_environment(project: Project, device: str) -> dict[str, str]:
    """Environment variables under which notebooks run, here and under nbval."""
    environment = {
        "D2L_UNATTENDED": "1",  # an Animator draws once, at the end
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # whatever a person has set
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore:Guards may run slower on Python 3.13.0",  # PyTorch, on it alone
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(project.root), os.environ.get("PYTHONPATH", "")])
        ),
    }
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    else:  # what would give other digits from run to run, or from card to card
        environment["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        environment["NVIDIA_TF32_OVERRIDE"] = "0"
    return environment


def jobs_on(device: str, wanted: int | None, default: int) -> int:
    """How many notebooks to run at a time: on a GPU one, or their kernels would share its memory.

    Raises:
        EditionsError: more than one is wanted on a GPU.
    """
    if device == "cpu":
        return wanted or default
    if wanted not in (None, 1):
        raise EditionsError(f"{wanted} jobs are not possible: a GPU takes one notebook at a time")
    return 1


def _code_cells(edition: Edition) -> int:
    return 1 + sum(cell.kind == "code" for cell in edition.chapter.edition(edition.framework.key))


def _installed(edition: Edition) -> dict[str, str]:
    """Versions of what the outputs depend on; in the CPU's notebooks they are the pinned ones."""
    versions, wrong = {}, []
    kept = edition.device == "cpu" and edition.path.is_relative_to(edition.project.root / "book")
    for name in edition.framework.packages:
        try:
            found = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            found = "not installed"
        versions[name] = found
        pinned = edition.project.pins.get(name)
        if found == "not installed" or (kept and pinned and found != pinned):
            wrong.append(f"{name} {pinned or ''} is needed, found: {found}")
    if wrong:
        raise EditionsError(
            f"{edition.shown}: {'; '.join(wrong)}. Install what requirements.txt pins: "
            "make notebooks does it"
        )
    return versions


def _execute(
    edition: Edition, node: NotebookNode, scratch: str, on_cell: Callable[[], None]
) -> None:
    environment = {
        **os.environ,
        **kernel_environment(edition.project, edition.device),
        "IPYTHONDIR": str(Path(scratch, "ipython")),  # a person's start-up files stay out
    }
    work = Path(scratch, "work")
    work.mkdir()
    running = [0]  # the cell that was started last

    def started(cell: NotebookNode, cell_index: int) -> None:
        running[0] = cell_index

    client = NotebookClient(
        node,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        iopub_timeout=60,  # on a busy machine an output may come late; it must not be lost
        raise_on_iopub_timeout=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # no notes on the transport
        resources={"metadata": {"path": str(work)}},
        on_cell_execute=started,
        on_cell_executed=lambda **_: on_cell(),
    )
    _clients.add(client)
    try:
        client.execute(env=environment)
    except (CellExecutionError, TimeoutError, DeadKernelError) as error:
        raise _located(edition, node.cells[running[0]], error) from error
    finally:
        _clients.discard(client)


def _located(edition: Edition, node: NotebookNode, error: Exception) -> EditionsError:
    """The error, with the line of the source on which it happened."""
    if isinstance(error, CellExecutionError):
        what = f"{error.ename}: {error.evalue}"
    elif isinstance(error, TimeoutError):
        what = f"the cell did not end within {CELL_TIMEOUT} seconds"
    else:
        what = "the kernel died while it ran this cell"
    cell = _source_cell(edition, node.id)
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(getattr(error, "traceback", "")))
    inside = re.search(r"Cell In\[\d+\], line (\d+)", text)
    line = (cell.line if cell else 1) + (int(inside[1]) - 1 if inside else 0)
    return EditionsError(
        f"{edition.chapter.path}:{line}: {edition.framework.title} edition: {what}\n"
        f"{_indented(node.source)}"
    )


def _check_outputs(edition: Edition, node: NotebookNode) -> None:
    problems = []
    for cell in node.cells:
        if cell.cell_type != "code":
            continue
        source = _source_cell(edition, cell.id)
        place = f"{edition.chapter.path}:{source.line if source else 1}"
        found = list(output_problems(cell))
        if has_figure(cell) and not cell.metadata.get("alt"):
            found.append("it draws a figure and has no ':alt:' that says what the figure shows")
        if source and source.is_claim and cell.outputs:
            found.append("a claim prints nothing, and this one does")
        problems += [f"{place}: {edition.framework.title} edition: {text}" for text in found]
    if problems:
        raise EditionsError("\n".join(problems))


def _source_cell(edition: Edition, identifier: str) -> Cell | None:
    cells = edition.chapter.edition(edition.framework.key)
    return dict(zip(cell_ids(cells), cells, strict=True)).get(identifier)


def _indented(source: str) -> str:
    return "\n".join(f"    {line}" for line in source.splitlines())
