"""A question's inputs as `run`, `expect` and the others get them: ``given.x`` is the input "x"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np


class Given:
    """Inputs, or a case among them, whose parts are attributes, at whatever depth.

    Every look at a list or an array gives a copy of its own, so that nothing that an answer does to
    what it was given is seen by another aspect, or by the judge. ``**given.layer`` passes the parts
    of a dict on as arguments.
    """

    of_checks = True  # an attribute that it lacks is no mistake of an answer

    def __init__(self, parts: Mapping[str, Any], ask: Any = None) -> None:
        """`ask` is what a `run` asks its referee with; see `d2lexercises.refereeing`."""
        self._parts, self.ask = parts, ask

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return _given(self._parts[name])
        except KeyError:
            known = ", ".join(self._parts)
            raise AttributeError(
                f"there is no input {name!r}; there are: {known}", name=name, obj=self
            ) from None

    def __getitem__(self, name: str) -> Any:
        return _given(self._parts[name])

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __repr__(self) -> str:
        return f"Given({', '.join(self._parts)})"

    def __len__(self) -> int:
        return len(self._parts)

    def keys(self) -> list[str]:
        """The names of the parts."""
        return list(self._parts)

    def cases(self, over: str | Sequence[str] = "") -> Any:
        """What `over` names: everything, one case, or a list of cases.

        Several names give one list, to which each adds its case, or its cases.
        """
        if not isinstance(over, str):
            named = [self[name] for name in over]
            return [case for one in named for case in (one if isinstance(one, list) else [one])]
        return self[over] if over else self


def _given(value: Any) -> Any:
    if isinstance(value, list):
        return [_given(part) for part in value]
    if isinstance(value, np.ndarray):
        return value.copy()
    return Given(value) if isinstance(value, dict) else value
