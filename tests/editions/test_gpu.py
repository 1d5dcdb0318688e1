"""Runs on a GPU, shown with pretended ones: what is compared, what is only recorded, what refused.

The small book's helper package is replaced by one whose GPUs are those named in FAKE_CARDS.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
from editions.base.errors import EditionsError
from editions.base.frameworks import FRAMEWORKS
from editions.command_line import main
from editions.notebooks.accelerators import accelerators
from editions.notebooks.edition import editions
from editions.notebooks.kernels import kernel_environment
from editions.notebooks.verification import verify as verify_all
from editions.notebooks.verification_record import load
from small_book import ROOT, Book

pytestmark = pytest.mark.slow

FAKE = """
import os
import sys

CARDS = [name for name in os.environ.get("FAKE_CARDS", "").split(";") if name]
if "FAKE_BREAKS" in os.environ:
    raise ImportError("a library is missing")


def num_gpus():
    return len(CARDS)


def try_all_gpus():
    return list(range(len(CARDS))) or ["cpu"]


def device_name(device):
    return CARDS[device]
"""
SHOWS_ITS_CARD = """
```{{code-cell}} ipython3
:name: card
from d2lcompute import {module} as d2l
print(d2l.device_name(0), "reads", 100 * len(d2l.device_name(0)), "GB/s, of 7 numbers")
```
"""


@pytest.fixture
def gpu_book(book: Book, monkeypatch: pytest.MonkeyPatch) -> Book:
    """The small book on a machine with one card; nothing has been run."""
    for module in ("torch", "tensorflow"):
        (book.root / "d2lcompute" / f"{module}.py").write_text(FAKE, "utf8")
    book.write(
        book.source.read_text("utf8").split("---\n", 2)[2] + SHOWS_ITS_CARD.format(module="torch")
    )
    monkeypatch.setenv("FAKE_CARDS", "Fake One")
    return book


def verify(book: Book, *more: str) -> int:
    return main(["verify", "--project", str(book.root), "--device", "gpu", *more])


def nbval(book: Book, *more: str) -> subprocess.CompletedProcess:
    """The plugin alone, as on a command line."""
    command = [sys.executable, "-m", "pytest", "-p", "editions.notebooks.nbval_plugin", "-q"]
    command += ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    command += ["book/recorded/gpu/pytorch"]
    return subprocess.run(
        [*command, *more],
        cwd=book.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def gpu_notebook(book: Book, framework: str = "pytorch") -> Path:
    return book.project.recorded_path("small", framework, "gpu")


def edit_output(path: Path, old: str, new: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "card"]
    assert old in cell.outputs[0].text
    cell.outputs[0].text = cell.outputs[0].text.replace(old, new)
    nbformat.write(notebook, path)


def test_first_recorded_then_compared(
    gpu_book: Book, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(gpu_book) == 0
    said = capfd.readouterr().out
    for title in ("PyTorch", "TensorFlow"):
        shown = f"On Fake One: book/small.md ({title} edition, gpu): recorded, not compared"
        assert f"{shown} (it has never been run)" in said
    assert "passed" not in said and "compared: " not in said
    path = gpu_book.project.record_path("small", "pytorch", "gpu")
    assert load(path) is None  # nothing was verified
    metadata = nbformat.read(gpu_notebook(gpu_book), as_version=4).metadata["d2lcompute"]
    assert (metadata["device"], metadata["cards"]) == ("gpu", ["Fake One"])

    # on another card: its name and its bandwidth are other ones
    monkeypatch.setenv("FAKE_CARDS", "The Other Fake 2")
    assert verify(gpu_book) == 0
    said = capfd.readouterr().out
    assert "On The Other Fake 2: 2 notebooks compared: all as stored" in said
    assert "recorded" not in said
    found = load(path)
    assert (found.device, found.passed, found.compared) == ("The Other Fake 2", True, 3)

    # any other number is compared
    edit_output(gpu_notebook(gpu_book), "of 7 numbers", "of 8 numbers")
    assert verify(gpu_book) == 1
    said = capfd.readouterr().out
    assert "2 notebooks compared: they differ" in said
    differences = gpu_book.project.differences_path("small", "pytorch", "gpu")
    told = differences.read_text("utf8")
    assert "== card" in told and "of 8 numbers" in told and "of 7 numbers" in told
    assert "\x1b" not in told
    assert not load(path).passed
    edit_output(gpu_notebook(gpu_book), "of 8 numbers", "of 7 numbers")
    assert verify(gpu_book, "--framework", "pytorch") == 0
    assert "1 notebooks compared" in capfd.readouterr().out
    assert not differences.exists()

    # a changed source has no reference
    gpu_book.edit("total = sum(", "total = 0 + sum(")
    assert verify(gpu_book, "--framework", "pytorch") == 0
    said = capfd.readouterr().out
    assert "recorded, not compared (its code cells changed)" in said
    assert "as stored" not in said


def test_cards_are_levelled_on_a_gpu_only(
    gpu_book: Book, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["notebooks", "--project", str(gpu_book.root)]) == 0
    command = ["verify", "--project", str(gpu_book.root), "--framework", "pytorch"]
    assert main(command) == 0
    capfd.readouterr()
    monkeypatch.setenv("FAKE_CARDS", "The Other Fake 2")
    assert main(command) == 1
    assert "The Other Fake 2" in capfd.readouterr().out


@pytest.mark.parametrize("recorded", [False, True])
def test_without_a_gpu_nothing_passes(
    gpu_book: Book, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    if recorded:
        assert verify(gpu_book, "--framework", "pytorch") == 0
    before = gpu_notebook(gpu_book).read_bytes() if recorded else None
    monkeypatch.setenv("FAKE_CARDS", "")
    assert verify(gpu_book, "--framework", "pytorch") == 1
    assert "error: PyTorch sees no GPU on this machine" in capfd.readouterr().err
    if recorded:
        assert gpu_notebook(gpu_book).read_bytes() == before
        done = nbval(gpu_book)  # nor by hand
        assert done.returncode == 1
        assert "PyTorch sees no GPU" in done.stdout and " passed" not in done.stdout
    else:
        assert main(["notebooks", "--project", str(gpu_book.root), "--device", "gpu"]) == 1
        assert capfd.readouterr().err.count("sees no GPU") == 1
        assert not gpu_notebook(gpu_book).exists()


def test_a_framework_that_cannot_be_asked(
    gpu_book: Book, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BREAKS", "1")
    assert verify(gpu_book) == 1
    assert "could not be asked for its GPUs: ImportError: a library" in capfd.readouterr().err


def test_one_kernel_at_a_time(gpu_book: Book, capfd: pytest.CaptureFixture) -> None:
    assert verify(gpu_book, "--framework", "pytorch") == 0
    for command in ("verify", "notebooks"):
        options = ["--project", str(gpu_book.root), "--device", "gpu", "--jobs", "2"]
        assert main([command, *options]) == 1
        assert "a GPU takes one notebook at a time" in capfd.readouterr().err
    done = nbval(gpu_book, "-n", "2")
    assert done.returncode == 1
    assert "a GPU takes one notebook at a time: leave -n out" in done.stdout
    assert " passed" not in done.stdout


def test_kernels_on_a_gpu_do_not_overlap(gpu_book: Book, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    gpu_book.edit(
        "total = sum(",
        "import os, pathlib\n"
        f"log = pathlib.Path({str(log)!r})\n"
        "others = [int(line.split()[0]) for line in log.read_text().splitlines()]\n"
        "alive = [one for one in others if pathlib.Path('/proc', str(one)).exists()]\n"
        "log.write_text(log.read_text() + f'{os.getpid()} {len(alive)}\\n')\n"
        "total = sum(",
    )
    assert verify(gpu_book) == 0  # recorded
    assert verify(gpu_book) == 0  # compared
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["0"] * 4


def test_a_run_on_the_cpu_is_not_one_on_a_gpu(gpu_book: Book) -> None:
    assert main(["notebooks", "--project", str(gpu_book.root)]) == 0
    path = gpu_notebook(gpu_book)
    path.parent.mkdir(parents=True)
    path.write_bytes(gpu_book.notebook("pytorch").read_bytes())
    done = nbval(gpu_book)
    assert done.returncode == 1
    assert "this notebook was recorded on cpu, but it is stored under gpu" in done.stdout


def test_one_framework_suffices(gpu_book: Book, capfd: pytest.CaptureFixture) -> None:
    """As on GPU machines: where only PyTorch is installed, nothing asks for TensorFlow."""
    (gpu_book.root / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata, sys\n"
        "sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "known = metadata.version\n"
        "def version(name):\n"
        "    if name in ('tensorflow', 'keras'):\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return known(name)\n"
        "metadata.version = version\n",
        "utf8",
    )

    def run(framework: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "editions", "verify", "--device", "gpu"]
        return subprocess.run(
            [*command, "--framework", framework],
            cwd=gpu_book.root,
            env={**os.environ, "PYTHONPATH": str(gpu_book.root)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert "recorded, not compared" in run("pytorch").stdout
    assert "1 notebooks compared: all as stored" in run("pytorch").stdout
    done = run("tensorflow")
    assert done.returncode == 1
    assert "is needed, found: not installed" in done.stderr


@pytest.mark.usefixtures("quick_builds")
def test_a_stale_gpu_notebook_is_not_shown(
    gpu_book: Book, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(gpu_book.root)
    assert main(["notebooks", "--project", root]) == 0
    edit = gpu_book.edit
    assert verify(gpu_book) == 0
    assert main(["book", "--project", root]) == 0
    copy = gpu_book.root / "_build/html/notebooks/gpu/pytorch/small.ipynb"
    assert copy.is_file()
    # new prose reaches it without a GPU
    monkeypatch.setenv("FAKE_CARDS", "")
    edit("See [the other page]", "Look at [the other page]")
    assert main(["check", "--project", root]) == 1
    assert "(PyTorch edition, gpu): the notebook does not hold" in capfd.readouterr().err
    assert main(["notebooks", "--project", root]) == 0
    assert "Look at" in gpu_notebook(gpu_book).read_text("utf8")
    assert main(["check", "--project", root]) == 0
    # new code does not: it stands in nobody's way, and on no page
    copy.unlink()
    edit("total = sum(", "total = 0 + sum(")
    monkeypatch.setenv("FAKE_CARDS", "Fake One")
    assert main(["notebooks", "--project", root]) == 0
    assert main(["check", "--project", root]) == 0
    assert main(["book", "--project", root]) == 0
    assert not copy.exists()
    page = (gpu_book.root / "_build/html/book/small.html").read_text("utf8")
    assert "GPU notebook" not in page


def test_only_what_this_machine_sees_counts(gpu_book: Book) -> None:
    environment = kernel_environment(gpu_book.project, "gpu")
    assert accelerators(FRAMEWORKS["pytorch"], {**environment, "FAKE_CARDS": "A;B"}) == ["A", "B"]
    assert "CUDA_VISIBLE_DEVICES" not in environment
    assert kernel_environment(gpu_book.project, "cpu")["CUDA_VISIBLE_DEVICES"] == "-1"


def test_nothing_to_verify(book: Book, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(EditionsError, match="no chapter to verify"):
        verify_all([])
    assert main(["verify", "--project", str(book.root)]) == 1
    assert "nothing to compare with" in capfd.readouterr().err
    (book.root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", "utf8")
    for command in ("check", "verify"):
        assert main([command, "--project", str(book.root)]) == 1
        assert "_toc.yml lists none" in capfd.readouterr().err


def test_where_outputs_are_not_compared_nothing_is_verified(
    run_book: Book, capfd: pytest.CaptureFixture
) -> None:
    path = run_book.notebook("pytorch")
    notebook = json.loads(path.read_text("utf8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == "total"]
    cell["outputs"][0]["data"]["text/plain"] = ["4"]
    path.write_text(json.dumps(notebook), "utf8")
    command = ["verify", "--project", str(run_book.root), "--framework", "pytorch", "--lax"]
    assert main(command) == 0
    assert "1 notebooks run, outputs not compared: claims hold" in capfd.readouterr().out
    assert load(run_book.project.record_path("small", "pytorch")) is None
    (claim,) = [cell for cell in notebook["cells"] if cell["id"] == "total-checked"]
    claim["source"] = ["assert total == 4"]
    path.write_text(json.dumps(notebook), "utf8")
    assert main(command) == 1


def test_every_chapter_runs_in_each_framework(gpu_book: Book) -> None:
    chosen = editions(gpu_book.project, device="gpu", framework="tensorflow")
    assert [edition.framework.key for edition in chosen] == ["tensorflow"]
    assert len(editions(gpu_book.project)) == 2


# -- an environment that is there, without a network -----------------------------------------------


@pytest.fixture
def made_book(gpu_book: Book) -> Book:
    """The small book with what make needs."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(ROOT / name, gpu_book.root / name)
    shutil.copytree(ROOT / ".ci", gpu_book.root / ".ci")
    (gpu_book.root / "book" / "_ext").symlink_to(ROOT / "book" / "_ext")
    return gpu_book


def make_test_gpu(book: Book, *typed: str, cards: str = "Fake One") -> tuple[int, str]:
    """Type it where no package index answers; exit status and what was printed."""
    environment = {"PATH": os.environ["PATH"], "FAKE_CARDS": cards}
    done = subprocess.run(
        ["make", "test-gpu", *typed],
        cwd=book.root,
        env=environment | {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def python_without(folder: Path, *names: str) -> Path:
    """A Python that has the packages of this one, but for some."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (there,) = folder.glob("lib/python*/site-packages")
    hidden = {file.parts[0] for name in names for file in metadata.files(name)}
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if one.name not in hidden:
            (there / one.name).symlink_to(one)
    return folder / "bin" / "python"


def write_wheel(name: str, folder: Path) -> None:
    """A wheel of a package that is installed here."""
    about = metadata.distribution(name)
    with ZipFile(folder / f"{name}-{about.version}-py3-none-any.whl", "w") as wheel:
        for file in about.files:
            if ".." not in file.parts and file.suffix != ".pyc":
                wheel.write(about.locate_file(file), str(file))


RECORDED = "On Fake One: book/small.md (PyTorch edition, gpu): recorded, not compared"


@pytest.mark.frameworks("pytorch")
def test_an_environment_that_is_there_suffices(made_book: Book, tmp_path: Path) -> None:
    python = python_without(tmp_path / "there")
    there = set((tmp_path / "there").rglob("*"))
    typed = ("FRAMEWORK=pytorch", f"PYTHON={python}")
    status, said = make_test_gpu(made_book, *typed)
    assert status == 0 and RECORDED in said, said
    about = nbformat.read(gpu_notebook(made_book), as_version=4).metadata["d2lcompute"]
    assert about["versions"]["torch"] == metadata.version("torch").split("+")[0]
    status, said = make_test_gpu(made_book, *typed, "CHAPTER=small")
    assert status == 0 and "1 notebooks compared: all as stored" in said, said
    assert "Creating" not in said
    assert set((tmp_path / "there").rglob("*")) == there
    status, said = make_test_gpu(made_book, *typed, cards="")
    assert status == 2 and "PyTorch sees no GPU" in said
    status, said = make_test_gpu(made_book, "FRAMEWORK=pytorch", "PYTHON=gone")
    assert status == 2 and "PYTHON is gone, which is no Python that runs" in said


@pytest.mark.frameworks("pytorch")
def test_what_it_lacks_comes_from_a_folder(made_book: Book, tmp_path: Path) -> None:
    python = python_without(tmp_path / "there", "nbval", "tqdm")
    there = set((tmp_path / "there").rglob("*"))
    typed = ("FRAMEWORK=pytorch", f"PYTHON={python}", "VENV=mine")
    status, said = make_test_gpu(made_book, *typed)
    assert status == 2 and f"error: {python} lacks: tqdm>=4.66, nbval>=0.11. Where " in said
    assert f"{python} -m pip download --dest wheels 'tqdm>=4.66' 'nbval>=0.11'\n" in said
    wheels = tmp_path / "some wheels"
    wheels.mkdir()
    write_wheel("nbval", wheels)
    status, said = make_test_gpu(made_book, *typed, f"WHEELS={wheels}")
    assert status == 2 and f"error: {wheels} has no wheels of: tqdm>=4.66. Where " in said
    assert not list(made_book.root.glob("mine*"))
    write_wheel("tqdm", wheels)
    status, said = make_test_gpu(made_book, *typed, f"WHEELS={wheels}")
    assert status == 0 and RECORDED in said, said
    assert set((tmp_path / "there").rglob("*")) == there


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["FRAMEWORK=pytorch", "PYTHON=bare/bin/python"], "bin/python, which has no torch>=2.10. "),
        (["FRAMEWORK=tensorflow", "PYTHON=bare/bin/python"], "which has no tensorflow>=2.20. "),
        (["FRAMEWORK=jax", "PYTHON=bare/bin/python"], "FRAMEWORK is jax; allowed are: pytorch"),
        (["PYTHON=bare/bin/python"], "for one framework: add FRAMEWORK="),
        (["FRAMEWORK=pytorch", "WHEELS=gone"], "WHEELS is gone, which is no folder that has wh"),
        (["FRAMEWORK=pytorch", "WHEELS=tests"], "WHEELS is tests, which is no folder that has wh"),
    ],
)
def test_what_does_not_suffice_is_told(made_book: Book, typed: list[str], said: str) -> None:
    (made_book.root / "tests").mkdir()
    bare = [sys.executable, "-m", "venv", "--without-pip", made_book.root / "bare"]
    subprocess.run(bare, check=True)
    status, printed = make_test_gpu(made_book, *typed)
    assert status == 2 and said in printed and "Traceback" not in printed, printed
    assert not list(made_book.root.glob(".venv*"))
