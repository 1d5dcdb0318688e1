"""Notebooks are made by running them: each is replaced as a whole, and only when it is stale."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from editions.base.errors import EditionsError
from editions.command_line import main
from editions.notebooks.edition import editions
from editions.site.preview import open_server, serve
from small_book import Book

BOTH = ["PyTorch", "TensorFlow"]


def files(book: Book) -> dict[str, bytes]:
    """All stored notebooks: as recorded, and the copies for learners."""
    return {str(path): path.read_bytes() for path in (book.root / "book").rglob("*.ipynb")}


def make(book: Book, *more: str) -> int:
    return main(["notebooks", "--project", str(book.root), *more])


def check(book: Book) -> int:
    return main(["check", "--project", str(book.root)])


def test_an_edition_is_an_ordinary_notebook(run_book: Book) -> None:
    for key, kind in (("pytorch", "'list'"), ("tensorflow", "'tuple'")):
        notebook = nbformat.read(run_book.notebook(key), as_version=4)
        nbformat.validate(notebook)
        title, setup, *_ = notebook.cells
        assert title.source == "# Small things"
        assert "pip install" in setup.source
        assert "setup" in setup.metadata.tags
        assert notebook.metadata.accelerator == "GPU"
        assert notebook.metadata.colab.gpuType == "T4"
        assert notebook.metadata.kernelspec.name == "python3"
        cells = {cell.id: cell for cell in notebook.cells}
        assert cells["kind"].outputs[0].data["text/plain"] == kind
        assert cells["total-checked"].metadata.jupyter.source_hidden
        assert "jupyter" not in cells["kind"].metadata  # its output shows once it is run
        assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")


def test_twice_changes_no_byte(run_book: Book, capsys: pytest.CaptureFixture) -> None:
    before = files(run_book)
    assert make(run_book) == 0
    assert "0 run, 0 refreshed, 2 unchanged" in capsys.readouterr().out
    assert make(run_book, "--force") == 0
    assert files(run_book) == before
    assert check(run_book) == 0


def test_prose_is_refreshed_without_running(
    run_book: Book, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_book.edit("See [the other page]", "Look at [the other page]")
    assert check(run_book) == 1
    assert "does not hold the source's prose. Type: make notebooks" in capsys.readouterr().err
    monkeypatch.setattr("editions.notebooks.kernels.NotebookClient", None)  # a run would fail
    assert make(run_book) == 0
    assert "0 run, 2 refreshed" in capsys.readouterr().out
    assert check(run_book) == 0


def test_how_a_stream_was_cut_up_leaves_no_trace(run_book: Book) -> None:
    run_book.edit(
        "total = sum(numbers)\n",
        "import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)\n"
        "total = sum(numbers)\n",
    )
    assert make(run_book) == 0
    notebook = nbformat.read(run_book.notebook("pytorch"), as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "total"]
    assert [output.output_type for output in cell.outputs] == ["stream", "execute_result"]
    assert cell.outputs[0].text == "0\n1\n2\n"


@pytest.mark.parametrize(
    ("path", "old", "new", "stale", "why"),
    [
        ("book/small.md", "numbers = [1, 2]", "numbers = [2, 1]", ["PyTorch"], "its code cells"),
        ("book/small.md", "total = sum(", "total = 0 + sum(", BOTH, "its code"),
        ("d2lcompute/__init__.py", "__version__ =", "NEW = __version__ =", BOTH, "helper package"),
        ("d2lcompute/__init__.py", '"""', '"""Changed. ', [], ""),
        ("d2lcompute/_probe.py", "import json", "import json  # a comment", [], ""),
        ("d2lcompute/_probe.py", "import json", "import json as json", [], ""),
        ("requirements.txt", "torch==", "torch==99.", ["PyTorch"], "pinned versions"),
        ("requirements.txt", "keras==", "keras==9", ["TensorFlow"], "pinned versions"),
    ],
)
def test_what_makes_a_notebook_stale(
    run_book: Book, path: str, old: str, new: str, stale: list[str], why: str
) -> None:
    text = (run_book.root / path).read_text("utf8")
    assert old in text
    (run_book.root / path).write_text(text.replace(old, new, 1), "utf8")
    reasons = {one.framework.title: one.staleness() for one in editions(run_book.project)}
    assert [title for title, reason in reasons.items() if reason] == stale
    assert all(why in reason for reason in reasons.values() if reason)


def test_a_missing_or_broken_notebook_is_stale(run_book: Book) -> None:
    run_book.notebook("pytorch").unlink()
    run_book.notebook("tensorflow").write_text("{", "utf8")
    reasons = [edition.staleness() for edition in editions(run_book.project)]
    assert reasons[0] == "it has never been run"
    assert reasons[1].startswith("it cannot be read")


def change(book: Book, part: str) -> None:
    """Change a stored notebook by hand."""
    path = book.notebook("pytorch")
    notebook = json.loads(path.read_text("utf8"))
    about, code = (
        notebook["metadata"]["d2lcompute"],
        [c for c in notebook["cells"] if "outputs" in c],
    )
    if part == "a cell edited":
        code[2]["source"] = "total = 4\ntotal"
    elif part == "a cell deleted":
        notebook["cells"].remove(code[-1])
    elif part == "no versions":
        del about["versions"]
    else:
        notebook["metadata"]["d2lcompute"] = "x"
    path.write_text(json.dumps(notebook), "utf8")


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("a cell edited", "its code was edited in the notebook"),
        ("a cell deleted", "its code was edited in the notebook"),
        ("no versions", "it does not say what it was run with"),
        ("other metadata", "it does not say what it was run with"),
    ],
)
def test_a_notebook_changed_by_hand_is_stale(
    run_book: Book, part: str, why: str, capsys: pytest.CaptureFixture
) -> None:
    change(run_book, part)
    assert check(run_book) == 1
    assert why in capsys.readouterr().err


def test_what_cannot_be_written_is_named(
    run_book: Book, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: the stored notebooks are kept, and the message names the file."""
    before = files(run_book)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("editions.base.files.replace_file", full)
    run_book.edit("numbers = [1, 2]", "numbers = [2, 1]")
    assert make(run_book) == 1
    said = capsys.readouterr().err
    assert "error: " in said and "small.ipynb cannot be written: No space left on device" in said
    assert "Traceback" not in said
    assert files(run_book) == before
    assert main(["new-chapter", "mine", "--project", str(run_book.root)]) == 1
    assert not (run_book.root / "book" / "mine.md").exists()


def test_ctrl_c_ends_all_at_once(run_book: Book) -> None:
    """What runs and what waits: the kernels are ended, nothing is written, a line says so."""
    before = files(run_book)
    slow = "import time, pathlib\npathlib.Path({!r}).touch()\ntime.sleep(300)\nnumbers = "
    flag = run_book.root / "running"
    run_book.edit("numbers = [1, 2]", slow.format(str(flag)) + "[1, 2]")
    run_book.edit("numbers = (1, 2)", "numbers = 1, 2")
    command = [sys.executable, "-m", "editions", "notebooks", "--jobs", "1", "--project"]
    with subprocess.Popen(
        [*command, str(run_book.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while not flag.exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=100)  # the cell itself would take longer
    assert process.returncode == 130, said
    assert "interrupted" in said and "Traceback" not in said
    assert files(run_book) == before


def test_an_unexecuted_cell_is_stale(run_book: Book) -> None:
    path = run_book.notebook("pytorch")
    notebook = json.loads(path.read_text("utf8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == "total"]
    cell["execution_count"] = None
    path.write_text(json.dumps(notebook), "utf8")
    assert editions(run_book.project)[0].staleness() == "some of its cells have not been run"


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("total = sum(numbers)\n", "total = sum(numbers)\n1 / 0\n", "1 / 0", "ZeroDivisionError"),
        ("total = sum(numbers)\n", "total = sum(numbers\n", "total\n", "SyntaxError"),
        ("assert total == 3", "assert total == 4", "assert total == 4", "AssertionError"),
        ("numbers = [1, 2]", "import os\nos._exit(1)", "import os", "the kernel died"),
    ],
)
def test_a_failing_cell_is_named_and_nothing_is_written(
    run_book: Book, capsys: pytest.CaptureFixture, old: str, new: str, place: str, message: str
) -> None:
    before = files(run_book)
    run_book.edit(old, new)
    assert make(run_book) == 1
    errors = capsys.readouterr().err
    line = run_book.line(place) + ("never closed" in errors)  # Python sees that at the line's end
    assert re.search(rf"error: book/small.md:{line}: PyTorch edition: .*{message}", errors)
    after = files(run_book)
    assert after[str(run_book.notebook("pytorch"))] == before[str(run_book.notebook("pytorch"))]
    assert set(after) == set(before)  # no half-written file is left


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nprint('oh', file=sys.stderr)", "wrote to stderr"),
        ("object()", "shows a memory address"),
        ("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()", "has no ':alt:'"),
    ],
)
def test_outputs_that_cannot_be_stored(
    run_book: Book, capsys: pytest.CaptureFixture, code: str, message: str
) -> None:
    run_book.edit("total = sum(numbers)\ntotal", f"total = sum(numbers)\n{code}")
    assert make(run_book) == 1
    assert message in capsys.readouterr().err


def test_a_persons_settings_change_no_output(
    run_book: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = files(run_book)
    startup = tmp_path / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("print('hello from start-up')\n", "utf8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("D2L_UNATTENDED", "0")
    assert make(run_book, "--force") == 0
    assert files(run_book) == before
    run_book.edit("total\n", "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\n")
    assert make(run_book) == 1  # the figure is there, and has no words


def test_a_claim_that_proves_nothing_stops_the_run(
    run_book: Book, capsys: pytest.CaptureFixture
) -> None:
    run_book.edit("assert total == 3", "assert 1 + 2 == 3")
    assert make(run_book) == 1
    assert "the claim 'one and two are three' proves nothing" in capsys.readouterr().err
    assert check(run_book) == 1


def test_an_unknown_chapter_is_refused(book: Book, capsys: pytest.CaptureFixture) -> None:
    assert make(book, "smal") == 1
    assert "_toc.yml lists no chapter called smal; it lists small" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["notebooks", "--jobs", "many"], "argument --jobs: must be at least 1, got many"),
        (["verify", "--jobs", "0"], "argument --jobs: must be at least 1, got 0"),
        (["check", "--device", "tpu"], "invalid choice: 'tpu' (choose from"),
        (["check", "--framework", "jax"], "invalid choice: 'jax' (choose from"),
        (["exercises", "smal"], "error: there are no exercises called smal; there are:"),
        (["exercises", "--private", "gone"], "error: gone: there is no such folder of private"),
        (["exercises", "--private", "."], "it holds no private exercises, such as blocks/text.md"),
        (["serve", "--port", "abc"], "argument --port: must be from 1 to 65535, got abc"),
        (["serve", "--port", "65536"], "argument --port: must be from 1 to 65535, got 65536"),
        (["bok"], "invalid choice: 'bok' (choose from"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_a_slip_of_the_finger_costs_one_line(
    run_book: Book,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(run_book.root)
    try:
        status = main(given)
    except SystemExit as end:
        status = end.code
    (line,) = capsys.readouterr().err.splitlines()
    assert status in (1, 2)
    assert line.startswith("error: ") and said in line


def test_a_framework_that_the_book_does_not_have_is_named(
    book: Book, capsys: pytest.CaptureFixture
) -> None:
    book.edit("[pytorch, tensorflow]", "[pytorch]", "_config.yml")
    assert make(book, "--framework", "tensorflow") == 1
    assert "there is no tensorflow edition; this book has pytorch" in capsys.readouterr().err


def test_a_port_in_use_is_named_before_the_build(book: Book) -> None:
    with open_server(book.project, free_port()) as taken:
        port = taken.server_address[1]
        with pytest.raises(EditionsError, match=rf"port {port} cannot be used: Address"):
            serve(book.project, port)
    assert not (book.root / "_build").exists()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_other_versions_than_the_pinned_are_refused(
    book: Book, capsys: pytest.CaptureFixture
) -> None:
    book.edit("torch==", "torch==99.", "requirements.txt")
    assert make(book) == 1
    found = book.project.pins["torch"].removeprefix("99.")
    assert f"torch 99.{found} is needed, found: {found}" in capsys.readouterr().err
    assert not book.notebook("pytorch").exists()
    assert book.notebook("tensorflow").exists()
