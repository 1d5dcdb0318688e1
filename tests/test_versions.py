"""Other versions than the pinned: what is left free, what is held, and what the floors are."""

from __future__ import annotations

import pytest
from versions import brought_along, constraints, floors, too_new

NEEDS = {
    "torch": ["sympy>=1", "numpy; extra == 'all'"],
    "sympy": ["mpmath", "torch"],
    "mpmath": [],
    "keras": ["Opt_Einsum", "tensorflow>=2; python_version < '3'"],
    "opt-einsum": [],
}


def test_what_comes_along_is_left_free() -> None:
    found = brought_along(["torch", "keras"], NEEDS.__getitem__)
    assert found == {"torch", "sympy", "mpmath", "keras", "opt-einsum"}
    pins = ["torch==1", "opt_einsum==3", "Sphinx==7", "numpy==2"]
    assert constraints(pins, found, []) == ["Sphinx==7", "numpy==2"]


def test_floors_are_the_oldest_that_are_allowed() -> None:
    extras = {"torch": ["torch>=2.6,<4"], "tensorflow": ["keras>=3.8"], "book": ["tqdm>=4"]}
    project = {"dependencies": ["numpy>=1.26"], "optional-dependencies": extras}
    assert floors(project) == ["numpy==1.26", "torch==2.6", "keras==3.8"]


def test_a_tool_that_needs_more_than_a_floor_is_left_free() -> None:
    needs = {
        "pandas": ["numpy>=2.0.2; python_version < '9'", "numpy>=1.26; python_version >= '9'"],
        "SciPy": ["numpy>=1.25", "numpy>=3; extra == 'all'"],
        "otter": ["pandas>=3"],
    }
    pins = ["pandas==3.1", "SciPy==1.11", "otter==7", "numpy==2.1"]
    needs |= {"scipy": needs["SciPy"], "numpy": []}
    assert too_new(pins, ["numpy==1.26"], needs.__getitem__) == {"pandas"}
    assert too_new(pins, [], needs.__getitem__) == set()


def test_leaving_nothing_free_is_an_error() -> None:
    with pytest.raises(SystemExit, match="no pin is left free"):
        constraints(["Sphinx==7"], {"torch"}, [])
