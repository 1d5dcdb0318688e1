"""Stand-ins for Colab's modules: everything in them can be called, and nothing happens."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NAMES = ("google.colab", "kaggle_secrets", "kaggle_web_client")
_EMPTY = {"upload": dict, "upload_file": str, "get": str, "get_secret": str}


class Anything:
    """A value of which any attribute, and what any call gives, is another such value."""

    def __init__(self, name: str = "", empty: Any = None) -> None:
        self._name, self._gives = name, empty

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, _EMPTY.get(name))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._gives() if self._gives else Anything()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return ""


class _Finder(MetaPathFinder, Loader):
    """Finds the modules that Colab and Kaggle have and this machine lacks."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "google" or any(name == one or name.startswith(f"{one}.") for one in _NAMES):
            return importlib.util.spec_from_loader(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        def attribute(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return Anything(name, _EMPTY.get(name))

        if module.__name__ != "google":
            module.__dict__["__getattr__"] = attribute


def is_stand_in(value: object) -> bool:
    """Return whether a value is one of Colab's modules, or comes from one."""
    return isinstance(value, Anything) or (
        isinstance(value, ModuleType)
        and isinstance(getattr(getattr(value, "__spec__", None), "loader", None), _Finder)
        and value.__name__ != "google"
    )


def install() -> None:
    """Let notebooks import Colab's modules from now on, where they are not installed."""
    sys.meta_path.append(_Finder())
