"""How editions are run and stored: several at a time, each notebook replaced as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import metadata
from typing import Any

from nbformat import NotebookNode

from editions.base.errors import EditionsError
from editions.base.processes import share_of_processors
from editions.notebooks.accelerators import accelerators
from editions.notebooks.answer_keys import ENTRY, expressions, label_of
from editions.notebooks.edition import Edition
from editions.notebooks.kernels import CellError, kernel_environment, kill_kernels, run_cells
from editions.notebooks.notebook import KEY, describe_figures
from editions.notebooks.outputs import has_figure, merged_streams, output_problems
from editions.notebooks.storage import store


def find_cards(chosen: list[Edition]) -> dict[str, list[str]]:
    """Return the names of the accelerators that each framework finds; empty on the CPU.

    Raises:
        EditionsError: a framework finds none, or cannot be asked.
    """
    if not chosen or chosen[0].device == "cpu":
        return {}
    environment = kernel_environment(chosen[0].project, chosen[0].device)
    frameworks = dict.fromkeys(edition.framework for edition in chosen)
    return {one.key: accelerators(one, environment) for one in frameworks}


def run(
    edition: Edition,
    cards: list[str] | None = None,
    on_cell: Callable[[], None] = lambda: None,
    jobs: int = 1,
) -> None:
    """Run an edition in a fresh kernel and store its notebook.

    Args:
        edition: the edition.
        cards: the names of the accelerators that it runs on; None on the CPU.
        on_cell: called after each cell.
        jobs: how many notebooks run at a time; they share the processors.

    Raises:
        EditionsError: a package is missing or has another version than the pinned one, a cell
            failed, an output cannot be stored, or a prediction gets no answer; names the chapter,
            the edition and the line of the source. The stored notebook is left as it was.
    """
    edition.check_source()
    environment = kernel_environment(edition.project, edition.device) | share_of_processors(jobs)
    about: dict[str, Any] = {"versions": _installed_versions(edition)}
    if cards is not None:
        about["cards"] = cards
    notebook = edition.build()
    try:
        values = run_cells(
            notebook, environment, on_cell, expressions(edition.chapter, edition.framework.key)
        )
    except CellError as error:
        raise _located(error, edition) from error
    _check_outputs(edition, notebook)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = merged_streams(cell.outputs)
            describe_figures(cell)
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
    notebook.metadata[KEY] = {
        "chapter": edition.chapter.name,
        "framework": edition.framework.key,
        "device": edition.device,
        "fingerprint": edition.fingerprint(),
        ENTRY: {identifier: label_of(value) for identifier, value in values.items()},
        **about,
    }
    edition.answer_keys(notebook)
    store(edition, notebook)


def run_all(chosen: list[Edition], jobs: int, progress: bool = True) -> list[EditionsError]:
    """Run editions and return the errors of those that failed.

    On Ctrl-C, or any other exception, all kernels are ended at once; notebooks that were finished
    by then are stored.

    Args:
        chosen: the editions.
        jobs: how many to run at a time.
        progress: show a progress bar on a terminal.

    Raises:
        EditionsError: the editions are for a GPU, and there is none.
    """
    from tqdm import tqdm

    cards = find_cards(chosen)
    total = sum(_number_of_cells(edition) for edition in chosen)
    errors: list[EditionsError] = []
    hidden = None if progress and chosen else True  # None: hidden where there is no terminal
    bar = tqdm(total=total, unit="cell", desc="Running", disable=hidden)
    with bar, ThreadPoolExecutor(max_workers=jobs) as pool:
        running = {
            pool.submit(run, one, cards.get(one.framework.key), lambda: bar.update(), jobs): one
            for one in chosen
        }
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
                kill_kernels()  # repeatedly: a kernel may be about to start
                time.sleep(0.1)
            raise
    return errors


def jobs_on(device: str, wanted: int | None, default: int) -> int:
    """Return how many notebooks to run at a time; on a GPU one, because kernels share its memory.

    Raises:
        EditionsError: more than one is wanted on a GPU.
    """
    if device == "cpu":
        return wanted or default
    if wanted not in (None, 1):
        raise EditionsError(f"{wanted} jobs are not possible: a GPU takes one notebook at a time")
    return 1


def _number_of_cells(edition: Edition) -> int:
    return 1 + sum(cell.kind == "code" for cell in edition.cells)  # 1: the set-up cell


def _installed_versions(edition: Edition) -> dict[str, str]:
    """Return the versions of the packages that decide outputs.

    The notebooks that the repository keeps for the CPU need the pinned versions.
    """
    needs_pins = edition.device == "cpu" and edition.path.is_relative_to(
        edition.project.root / "book"
    )
    versions, problems = {}, []
    for name in edition.framework.packages:
        try:
            version = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            version = "not installed"
        versions[name] = version
        pinned = edition.project.pins.get(name)
        if version == "not installed" or (needs_pins and pinned and version != pinned):
            problems.append(f"{name} {pinned or ''} is needed, found: {version}")
    if problems:
        raise EditionsError(
            f"{edition.shown}: {'; '.join(problems)}. Install what requirements.txt pins: "
            "make notebooks does it"
        )
    return versions


def _located(error: CellError, edition: Edition) -> EditionsError:
    """Return the error with the line of the source on which the cell failed, and the cell."""
    source = edition.source_cell(error.cell.id)
    line = (source.line if source else 1) + error.line - 1
    code = "\n".join(f"    {line}" for line in error.cell.source.splitlines())
    return EditionsError(
        f"{edition.chapter.path}:{line}: {edition.framework.title} edition: {error}\n{code}"
    )


def _check_outputs(edition: Edition, notebook: NotebookNode) -> None:
    """Raise an `EditionsError` that lists the outputs which cannot be stored."""
    problems = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        source = edition.source_cell(cell.id)
        where = f"{edition.chapter.path}:{source.line if source else 1}"
        reasons = list(output_problems(cell))
        if has_figure(cell) and not cell.metadata.get("alt"):
            reasons.append("it draws a figure and has no ':alt:' that says what the figure shows")
        if source and source.is_claim and cell.outputs:
            reasons.append("it is a claim and shows an output; a claim must show none")
        problems += [f"{where}: {edition.framework.title} edition: {text}" for text in reasons]
    if problems:
        raise EditionsError("\n".join(problems))
