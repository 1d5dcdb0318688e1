"""Both framework modules offer the same; importing them loads no more than it must."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import d2lexercises
import pytest
from left_out import CHOSEN, HELPERS, framework_of, imported

import d2lcompute

ROOT = Path(__file__).parents[2]
torch_side, tensorflow_side = imported("d2lcompute.torch"), imported("d2lcompute.tensorflow")
SIDE = imported(f"d2lcompute.{HELPERS[0]}")
both = pytest.mark.frameworks("pytorch", "tensorflow")


def _parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@both
def test_both_modules_offer_the_same_names():
    assert torch_side.__all__ == tensorflow_side.__all__ == sorted(torch_side.__all__)


@both
@pytest.mark.parametrize("name", SIDE.__all__)
def test_both_modules_offer_the_same_signatures(name):
    mine, theirs = getattr(torch_side, name), getattr(tensorflow_side, name)
    assert _parameters(mine) == _parameters(theirs)
    assert mine.__doc__ and theirs.__doc__
    if inspect.isclass(mine):
        assert {n for n in dir(mine) if n[0] != "_"} == {n for n in dir(theirs) if n[0] != "_"}


def test_a_name_that_is_absent_says_what_there_is(d2l):
    with pytest.raises(AttributeError, match=f"'{d2l.__name__}' has no attribute 'plt'; it has A"):
        _ = d2l.plt
    for name in d2l.__all__:
        with pytest.raises(AttributeError, match=rf"\b{name}\b"):
            _ = d2l.load_data


def test_helpers_looked_for_in_the_package_itself_say_where_they_are():
    for line in ("from d2lcompute import torch as d2l", "from d2lcompute import tensorflow as d2l"):
        with pytest.raises(AttributeError, match=f"no attribute 'plot'; .*{line}"):
            _ = d2lcompute.plot


def documented(page):
    """The names for which a page's source asks for their docstrings."""
    return set(re.findall(r"(?m)^\.\. autoapi(?:function|class):: [\w.]+\.(\w+)$", page))


def test_every_public_name_stands_on_the_reference_page():
    page = (ROOT / "book" / "package.md").read_text("utf8")
    assert set(SIDE.__all__) - documented(page) == set()
    without = page.replace(".. autoapifunction:: d2lexercises.score\n", "")
    assert set(SIDE.__all__) - documented(without) == {"score"}


def test_every_word_of_an_exercise_stands_on_the_reference_page():
    page = (ROOT / "book" / "package.md").read_text("utf8")
    texts = [path.read_text("utf8") for path in ROOT.glob("exercises/chapters/*/text.md")]
    texts.append((ROOT / "book" / "teaching.md").read_text("utf8"))
    called = set(re.findall(r"\b(\w+)\(\"[a-z-]+\.[a-z-]+\"", "\n".join(texts)))
    words = called & set(d2lexercises.__all__)
    assert {"check", "solution"} <= words <= documented(page)


@pytest.mark.frameworks("pytorch")  # from whose module the page takes its docstrings
def test_the_reference_page_shows_the_signatures_that_readers_call():
    page = (ROOT / "book" / "package.md").read_text("utf8").partition("(package-tensorflow)=")[0]
    for module, name in re.findall(r"(?m)^\.\. autoapi\w+:: ([\w.]+)\.(\w+)$", page):
        if name in torch_side.__all__:
            shown = getattr(importlib.import_module(module), name)
            assert _parameters(shown) == _parameters(getattr(torch_side, name)), name


def test_no_docstring_names_two_attributes_in_a_line():
    # Napoleon would take the first for the type of the second.
    for name in SIDE.__all__:
        attributes = (getattr(SIDE, name).__doc__ or "").partition("Attributes:")[2]
        assert not re.search(r"(?m)^ {8}\w+, \w+:", attributes.partition("Raises:")[0]), name


MODULES = [
    module.name
    for module in pkgutil.iter_modules(d2lcompute.__path__, "d2lcompute.")
    if not module.ispkg and not module.name.endswith("__main__")
    if framework_of(module.name) in (None, *CHOSEN)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


LOADED = """
import sys
{}
print(sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize("module", ["d2lcompute", "d2lcompute.timing", "d2lcompute.tables"])
def test_the_neutral_modules_load_no_library(python, module):
    loaded = set(ast.literal_eval(python(LOADED.format(f"import {module}"))[0]))
    assert loaded.isdisjoint({"torch", "tensorflow", "keras", "numpy", "matplotlib", "IPython"})


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_framework_module_loads_no_library_but_its_framework(python, framework):
    # TensorFlow itself loads Keras, and that loads Matplotlib.
    alone, ours = (
        set(ast.literal_eval(python(LOADED.format(f"import {module}"))[0]))
        for module in (framework, f"d2lcompute.{framework}")
    )
    assert ours - alone - sys.stdlib_module_names == {"d2lcompute", "d2lexercises"}


MISSING = """
import sys
sys.modules[{0!r}] = None  # as if it were not installed
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {0!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
del sys.modules[{0!r}]
sys.meta_path.insert(0, Finder())
try:
    from d2lcompute import {0} as d2l
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_missing_framework_says_what_to_install(python, framework):
    printed, _ = python(MISSING.format(framework))
    assert f"is not installed in this Python; install it with: pip install {framework}" in printed


FOLDER = """
import importlib.machinery, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {0!r}:  # what Python finds where only a folder has the name
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = ["/folder"]
            return spec
sys.meta_path.insert(0, Finder())
try:
    from d2lcompute import {0} as d2l
except ImportError as error:
    print(error)
from d2lcompute.__main__ import main
main([])
"""


@both
@pytest.mark.parametrize("order", [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_triton_is_never_loaded_after_tensorflow(python, tmp_path, order):
    made_up = "import os, sys\nif 'tensorflow' in sys.modules: os._exit(9)  # as if it crashed\n"
    (tmp_path / "triton.py").write_text(made_up, "utf8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "".join(f"from d2lcompute import {module}\n" for module in order)
    code += """
try:
    import triton  # as PyTorch does, before it makes an optimizer
except ImportError:
    print("without")
"""
    assert python(code)[0] == ("" if order[0] == "torch" else "without\n")


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_folder_with_the_name_of_a_framework_is_not_it(python, framework):
    lines = python(FOLDER.format(framework))[0].splitlines()
    install = f"pip install {framework}"
    assert "is not installed" in lines[0] and install in lines[0]
    assert [line for line in lines[1:] if f": not installed in this Python; {install}" in line]


@pytest.mark.frameworks("tensorflow")
def test_tensorflow_log_is_quiet_but_nothing_else_is(python):
    code = """
import os, sys
class Loud:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            os.write(2, b"I0000 00:00:1795190398.856381    5524 a.cc:31] log\\nkeep this\\n")
sys.meta_path.insert(0, Loud())
from d2lcompute import tensorflow as d2l
import tensorflow as tf
tf.ones(2)
print(os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["TF_ENABLE_ONEDNN_OPTS"])
"""
    assert python(code, TF_ENABLE_ONEDNN_OPTS="1") == ("3 1\n", "keep this\n")
