"""Which changes of the helper package make a notebook stale: code that it reaches, no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from editions.base.errors import EditionsError
from editions.base.project import Project
from editions.notebooks.dependencies import package_digest, reached_modules
from editions.notebooks.edition import editions
from small_book import ROOT

HELPERS = ("torch", "tensorflow")
QUESTION = "../exercises/chapters/blocks/question"  # from the package's folder
FEEDBACK = "../exercises/d2lexercises/feedback"
OTHER = {"torch": "tensorflow", "tensorflow": "torch"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the helper package, to be changed."""
    folder = tmp_path / "d2lcompute"
    ignore = shutil.ignore_patterns("__pycache__", "notebooks")
    shutil.copytree(ROOT / "d2lcompute", folder, ignore=ignore)
    shutil.copytree(ROOT / "exercises", tmp_path / "exercises", ignore=ignore)
    return folder


def cells(helpers: str, *more: str) -> list[str]:
    return [f"from d2lcompute import {helpers} as d2l", *more]


def append(package: Path, module: str, text: str) -> None:
    with (package / f"{module}.py").open("a", encoding="utf8") as file:
        file.write(f"\n\n{text}\n")


def replace(package: Path, module: str, old: str, new: str) -> None:
    path = package / f"{module}.py"
    text = path.read_text("utf8")
    assert old in text
    path.write_text(text.replace(old, new), "utf8")


def changes(package: Path, code: list[str], change: Callable[[], None]) -> bool:
    """Whether a change of the package changes the digest for these cells."""
    before = package_digest(package, code)
    change()
    return package_digest(package, code) != before


@pytest.mark.parametrize("helpers", HELPERS)
@pytest.mark.parametrize(
    "module", ["__init__", "HELPERS", "plotting", "timing", "tables", "_arguments", "_arrays"]
)
def test_code_in_a_reached_module_counts(package: Path, helpers: str, module: str) -> None:
    module = module.replace("HELPERS", helpers)
    assert changes(package, cells(helpers), lambda: append(package, module, "ADDED = 1"))


@pytest.mark.parametrize("helpers", HELPERS)
def test_comments_docstrings_and_formatting_do_not_count(package: Path, helpers: str) -> None:
    def edit() -> None:
        append(package, helpers, "# a comment")
        append(package, "plotting", '"""A string that nothing uses."""')
        replace(package, helpers, '"""Return the CPU.', '"""Return the processor.')
        replace(package, "timing", '"""A stopwatch', '"""A watch')
        replace(
            package, "_arrays", "    return array\n", "\n    return (\n        array  # so\n    )\n"
        )
        replace(package, "tables", '"not built yet"', "'not ' 'built yet'")

    assert not changes(package, cells(helpers), edit)


@pytest.mark.parametrize("helpers", HELPERS)
@pytest.mark.parametrize(
    "module",
    ["_probe", "__main__", "_frameworks", "OTHER", "checks/__init__", QUESTION, FEEDBACK],
)
def test_code_in_other_modules_does_not_count(package: Path, helpers: str, module: str) -> None:
    module = module.replace("OTHER", OTHER[helpers])
    code = cells(helpers, "d2l.seed(0)  # check", "def check(x):\n    return score(x)")
    assert not changes(package, code, lambda: append(package, module, "ADDED = 1"))


@pytest.mark.parametrize("helpers", HELPERS)
@pytest.mark.parametrize(
    "use",
    [
        'd2l.check("blocks.count", Net)',
        "d2l.score()",
        "from d2lcompute.checks import check",
        "from d2lcompute.torch import *",
        "import d2lcompute.checks",
        "from d2lexercises import check",
        "import d2lexercises.feedback as feedback",
        "__import__('d2lexercises')",
        'getattr(d2l, "score")()',
    ],
)
def test_checks_count_where_a_cell_uses_them(package: Path, helpers: str, use: str) -> None:
    code = cells(helpers, use)
    for module in (QUESTION, FEEDBACK):
        assert changes(package, code, lambda: append(package, module, "ADDED = 1"))  # noqa: B023
    assert "d2lcompute._frameworks" in reached_modules(package, code)


@pytest.mark.parametrize(
    "statement",
    [
        "from d2lcompute import _extra",
        "from d2lcompute._extra import VALUE",
        "from . import _extra",
        "from ._extra import VALUE",
        "import d2lcompute._extra as extra",
        "import importlib; importlib.import_module('d2lcompute._extra')",
        "__import__('d2lcompute._extra')",
        "from importlib import import_module; import_module('._extra', __package__)",
        "import importlib; importlib.import_module('d2lcompute.' + name)",
        "import importlib; importlib.import_module(f'd2lcompute.{name}')",
        "import importlib; importlib.import_module(f'd2lcompute._ex{name}')",
        "import importlib; importlib.import_module(f'{__package__}.{name}')",
        "import importlib; importlib.import_module(name)",
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'd2lcompute._extra'])",
    ],
)
@pytest.mark.parametrize("place", ["{}", "def f(name):\n    {}", "def __getattr__(name):\n    {}"])
def test_every_way_to_import_is_followed(package: Path, statement: str, place: str) -> None:
    append(package, "_extra", "VALUE = 1")
    append(package, "_arguments", place.format(statement))
    assert changes(package, cells("torch"), lambda: append(package, "_extra", "VALUE = 2"))


@pytest.mark.parametrize(
    "use",
    [
        "from d2lcompute.checks import check\ncheck('blocks.count', 1)",
        "def f():\n    from d2lcompute.checks import check as grade\n    return grade",
        "from d2lcompute import checks",
        "import d2lexercises",
    ],
)
def test_checks_count_where_a_helper_uses_them_itself(package: Path, use: str) -> None:
    append(package, "timing", use)
    assert "d2lexercises.chapters.blocks" in reached_modules(package, cells("torch"))


@pytest.mark.parametrize(
    "statement", ["import_module('keras.layers')", "import_module(f'keras.{name}')", "import keras"]
)
def test_imports_of_other_packages_are_not_followed(package: Path, statement: str) -> None:
    before = reached_modules(package, cells("torch"))
    append(package, "_arguments", f"def f(name):\n    {statement}")
    assert reached_modules(package, cells("torch")) == before


@pytest.mark.parametrize(
    "cell",
    [
        "!python -m d2lcompute",
        "files = !python -m d2lcompute",
        "%%bash\npython -m d2lcompute",
        'import subprocess\nsubprocess.run("python -m d2lcompute", shell=True)',
        'name = "_probe"\nexec(f"from d2lcompute import {name}")',
        'SCRIPT = """\n    from d2lcompute import _probe\n"""',
        "%%writefile probe.py\nfrom d2lcompute import _probe",
        "%load_ext autoreload\nfrom d2lcompute import _probe",
        "from d2lcompute import *",
    ],
)
def test_magics_and_programs_in_strings_are_followed(package: Path, cell: str) -> None:
    assert "d2lcompute._probe" in reached_modules(package, [cell])


def test_a_program_in_a_string_reaches_only_what_it_imports(package: Path) -> None:
    cell = 'SCRIPT = """\nfrom d2lcompute import torch as d2l\nd2l.seed(0)\n"""'
    assert reached_modules(package, [cell]) == reached_modules(package, cells("torch"))


def test_a_cell_that_imports_nothing_reaches_the_package_alone(package: Path) -> None:
    assert reached_modules(package, ["1 + 1", "x = (", "%matplotlib inline"]) == ["d2lcompute"]


FEATURES = '''
"""A docstring."""
from __future__ import annotations

def f(x: int, /, *a: str, y=b"\\x00", **k) -> "f":
    """Another."""
    width = 3
    print(f"{x!r:>{width}} {y=} {{}} {'a' 'b'}", 1e22, 0x10, 1_000j, u"\\u00e9\\U0001fae8", None)
    match a:
        case [1, *rest] if (n := len(rest)) > 2:
            return [*a, *rest][::2], {**k, "n": n}
        case _:
            async def g():
                async with x as y, y:
                    yield await x
    try:
        x[a, 1:2] @= lambda *_: ...
    except* (ValueError, TypeError) as error:
        raise error from None
    finally:
        del x
'''


def test_the_digest_is_the_same_under_every_python(tmp_path: Path) -> None:
    """The expected value was computed under 3.11, 3.12 and 3.13."""
    (tmp_path / "__init__.py").write_text(FEATURES, "utf8")
    assert package_digest(tmp_path, []) == (
        "7930421a3488281821770c90d68b4686ba9e0f146a0ef51813b48b9e3640eeec"
    )


def test_a_package_that_cannot_be_read_is_named(package: Path, tmp_path: Path) -> None:
    with pytest.raises(EditionsError, match="gone/: the helper package is missing"):
        package_digest(tmp_path / "gone", [])
    (package / "timing.py").write_text("x = 1\nx = = 2\n", "utf8")
    with pytest.raises(EditionsError, match=r"d2lcompute/timing.py:2: invalid Python"):
        package_digest(package, cells("torch"))
    package_digest(package, [])  # not reached


def test_the_chapters_reach_their_helpers_and_no_question() -> None:
    for edition in editions(Project(ROOT)):
        code = [cell.source for cell in edition.cells if cell.kind == "code"]
        reached = reached_modules(ROOT / "d2lcompute", code)
        assert f"d2lcompute.{edition.framework.helpers}" in reached, edition.shown
        assert not [one for one in reached if "check" in one or "exercises" in one]
        assert not [one for one in reached if one.endswith(("_probe", "main__"))]
        assert f"d2lcompute.{OTHER[edition.framework.helpers]}" not in reached, edition.shown
