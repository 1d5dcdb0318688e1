"""A notebook alone, in an environment as Colab's, run by its own set-up cell.

Not Colab itself, but all that a notebook meets there: the frameworks are installed, the helper
package is not, and nothing but the notebook has arrived. The set-up cell is run as it is written,
with the address of a site on this machine; no other program, such as git, can be found.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from distribution_tools import ROOT, RUN_ALL, SUPPORTED, Environment, interpreter, run
from editions.base.project import Project
from nbformat import NotebookNode

import d2lcompute

PROJECT = Project(ROOT)
FRAMEWORKS = [framework.key for framework in PROJECT.frameworks]
NAMES = [path.stem for path in PROJECT.chapters]
CHAPTER = "blocks" if "blocks" in NAMES else NAMES[0]


def of_the_site(address: str) -> str:
    """What set-up cells install if the site at this address serves the package."""
    name = f"d2lcompute-{d2lcompute.__version__}-py3-none-any.whl"
    return f"d2lcompute @ {address}wheels/{PROJECT.branch}/{name}"


def opened(framework: str, requirement: str) -> NotebookNode:
    """The notebook that the Colab button opens; its set-up cell, the second one, installs this."""
    notebook = nbformat.read(PROJECT.notebook_path(CHAPTER, framework, "cpu"), as_version=4)
    assert "setup" in notebook.cells[1].metadata.tags
    assert notebook.cells[1].source.count(f'"{PROJECT.requirement()}"') == 1
    notebook.cells[1].source = setup_cell(requirement)
    return notebook


def setup_cell(requirement: str) -> str:
    path = PROJECT.notebook_path(CHAPTER, FRAMEWORKS[0], "cpu")
    cell = nbformat.read(path, as_version=4).cells[1]
    return cell.source.replace(PROJECT.requirement(), requirement)


def alone(environment: Environment) -> dict[str, str]:
    """Settings with which only the environment's own programs are found.

    IPython runs `%pip` with `SHELL`, which some machines leave unset, or with the `sh` in `PATH`.
    """
    return {"PATH": str(environment.folder / "bin"), "SHELL": "/bin/sh"}


def run_all(
    environment: Environment, notebook: NotebookNode, folder: Path, **settings: str
) -> tuple[NotebookNode, str]:
    """Run a notebook from top to bottom; returns it with its outputs, and what went wrong."""
    work = folder / "content"
    work.mkdir()
    nbformat.write(notebook, work / "opened.ipynb")
    done = run(
        *(environment.python, "-c", RUN_ALL, "opened.ipynb", "ran.ipynb"),
        check=False,
        PWD=str(work),
        **alone(environment),
        IPYTHONDIR=str(folder / "ipython"),
        JUPYTER_DATA_DIR=str(folder / "jupyter"),
        **settings,
    )
    return nbformat.read(work / "ran.ipynb", as_version=4), done.stderr if done.returncode else ""


def claims(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if "claim" in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_notebook_alone_runs_and_its_claims_hold(
    framework: str,
    like_colab: Environment,
    site: str,
    tmp_path: Path,
) -> None:
    for module in ("d2lcompute", "jupyter_book", "sphinx", "editions"):
        assert not like_colab.can_import(module), module
    before = like_colab.versions()
    notebook = opened(framework, of_the_site(site))
    ran, wrong = run_all(like_colab, notebook, tmp_path)
    assert wrong == ""
    assert all(cell.execution_count for cell in ran.cells if cell.cell_type == "code")
    assert len(claims(ran)) == len(claims(notebook)) > 0
    assert like_colab.versions() == before | {"d2lcompute": d2lcompute.__version__}


def test_a_claim_that_does_not_hold_stops_the_run(
    like_colab: Environment, site: str, tmp_path: Path
) -> None:
    notebook = opened(FRAMEWORKS[0], of_the_site(site))
    notebook.cells = notebook.cells[: notebook.cells.index(claims(notebook)[0]) + 1]
    notebook.cells[-1].source += "\nassert False, 'not so'"
    _, wrong = run_all(like_colab, notebook, tmp_path)
    assert "not so" in wrong


def test_without_the_set_up_cell_it_does_not_run(
    like_colab: Environment, site: str, tmp_path: Path
) -> None:
    notebook = opened(FRAMEWORKS[0], of_the_site(site))
    del notebook.cells[1]
    _, wrong = run_all(like_colab, notebook, tmp_path)
    assert "No module named 'd2lcompute'" in wrong


@pytest.mark.parametrize(
    "version",
    [SUPPORTED[0], *(pytest.param(one, marks=pytest.mark.full) for one in SUPPORTED[1:])],
)
def test_wheel_set_up_cell_and_import(
    version: str, wheel: Path, site: str, served: dict[str, str], tmp_path: Path
) -> None:
    """On each Python at hand: an environment with pip and IPython, and no framework."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on the path or in pyenv: install one to test it")
    environment = Environment(tmp_path / "environment", python)
    work = str(tmp_path)
    show = "import d2lcompute, d2lcompute.plotting; print(d2lcompute.__version__)"
    environment.pip("install", "--quiet", wheel, "ipython")
    assert run(environment.python, "-c", show, PWD=work).stdout.strip() == d2lcompute.__version__

    cell = tmp_path / "cell.ipy"
    from_git = f"d2lcompute @ git+{PROJECT.repository}@{PROJECT.branch}"
    for requirement, settings in ((from_git, served), (of_the_site(site), alone(environment))):
        environment.pip("uninstall", "--quiet", "--yes", "d2lcompute")
        assert not environment.can_import("d2lcompute")
        cell.write_text(setup_cell(requirement), "utf8")
        ipython = {"PWD": work, "IPYTHONDIR": str(tmp_path / "ipython"), **settings}
        run(environment.python, "-m", "IPython", cell, **ipython)
        found = run(environment.python, "-c", show, PWD=work)
        assert found.stdout.strip() == d2lcompute.__version__
    framework = run(
        *(environment.python, "-c", "from d2lcompute import torch"), check=False, PWD=work
    )
    assert "PyTorch is not installed in this Python" in framework.stderr


def test_a_python_that_is_not_there_is_not_found() -> None:
    assert interpreter("2.0") is None
