"""What kind of thing an answer is, and what a question may take as one."""

from __future__ import annotations

import builtins
import math
import operator
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from d2lexercises.faults import WrongKind


def kind_of(answer: Any) -> str:
    """What an answer is, in words for its author."""
    if answer is None:
        return "None"
    if answer is Ellipsis:
        return "`...`, which stands for an answer that is still to be written"
    if isinstance(answer, type):
        return f"the class {answer.__name__}"
    if callable(answer) and hasattr(answer, "__code__"):
        return f"the function {answer.__name__}"
    for kind, word in _MANY.items():
        if isinstance(answer, kind):
            return f"a {word} of {kind.__len__(answer)}"
    return f"an object of type {type(answer).__name__}"


_MANY = {list: "list", tuple: "tuple", set: "set", frozenset: "set", dict: "dictionary"}


def came_instead(found: Any) -> str:
    """What came where something else was expected, in words for its author."""
    return f"what came is {kind_of(found)}"


def parts_in(found: Any, expected: str, count: int | None = None, names: str = "") -> list[Any]:
    """The parts of a list, a tuple, or a tensor or array with an axis.

    Raises:
        WrongKind: it is none of these, or has not `count` parts; the message begins with what is
            expected: "Two numbers", and then their `names`.
    """
    if isinstance(found, list | tuple) or bool(getattr(found, "ndim", 0)):
        parts = list(found)
        if count in (None, len(parts)):
            return parts
    raise WrongKind(f"{expected} are expected{names}; {came_instead(found)}.")


def one_number(found: Any) -> Any:
    """The number that a tensor or an array holds, if it holds one, whatever its axes; else `found`.

    A float that comes as a tensor of shape ``(1,)`` is as good as one of shape ``()``.
    """
    try:
        if math.prod(found.shape) != 1 or isinstance(found, type):
            return found
        from d2lcompute._arrays import to_numpy

        array = np.asarray(to_numpy(found))
    except Exception:  # it has no shape; or whatever a student's object, or a framework's, raises
        return found
    return array.reshape(()).item() if array.dtype.kind in "fiub" else found


def whole(found: Any) -> Any:
    """A whole number, or a tensor or an array that holds one, as an int; else what it is, in words.

    The words are ``{"kind": ...}``. So is a number of more than 64 bits, which cannot be sent. A
    float stays one, for the judge to say that an integer is expected.
    """
    found = one_number(found)
    if isinstance(found, bool):
        return {"kind": f"the truth value {found}"}
    if isinstance(found, float | np.floating):
        return float(found)
    try:
        number = operator.index(found)
    except Exception:  # whatever a student's object, or a framework's, raises
        return {"kind": kind_of(found)}
    return number if -(2**63) <= number < 2**63 else {"kind": "an integer of more than 64 bits"}


_WRITTEN_AS_CLASS = 1 << 9  # the flag of a type that a class statement made; str has it not


def need_class(answer: Any, base: type, base_name: str) -> None:
    """Raise `WrongKind` unless the answer is a class derived from `base`."""
    if isinstance(answer, type):
        if issubclass(answer, base):
            return
        raise WrongKind(f"A class derived from {base_name} is expected; {answer.__name__} is not.")
    note = ""
    if isinstance(answer, base) and type(answer).__flags__ & _WRITTEN_AS_CLASS:
        note = f" Give the class itself: {type(answer).__name__}, without parentheses."
    raise WrongKind(f"A class is expected; what came is {kind_of(answer)}.{note}")


def is_another_name(answer: type, known: type) -> bool:
    """Whether a class is a known one, derives from it, or is made of its functions.

    What it is called does not matter: names can be changed.
    """
    if known in answer.__mro__:
        return True
    theirs = {id(one) for one in vars(known).values() if isinstance(one, FunctionType)}
    own = [one for one in answer.__mro__ if one not in known.__mro__]
    return any(id(part) in theirs for one in own for part in vars(one).values())


def need_function(answer: Any) -> None:
    """Raise `WrongKind` unless the answer can be called, and is neither a class nor Python's own.

    A function may be cached, partial, traced, scripted or compiled: what a library makes of it is
    a new object, often written in C.
    """
    if not callable(answer) or isinstance(answer, type):
        raise WrongKind(f"A function is expected; what came is {kind_of(answer)}.")
    if isinstance(answer, BuiltinFunctionType) and answer.__self__ is builtins:
        raise WrongKind(
            f"A function of yours is expected; what came is Python's own {answer.__name__}."
        )


# -- what a question takes -----------------------------------------------------------------------


def layer(answer: Any, f: Any) -> None:
    """A class of layers: derived from `nn.Module`, or from `keras.Layer`."""
    need_class(answer, f.layer, f.layer_name)


def anything(answer: Any, f: Any) -> None:
    """Whatever the answer is: a class of any kind, a string, a number."""


LONGEST_TEXT = 20_000  # characters


def text(answer: Any, f: Any) -> None:
    """A text, of at most `LONGEST_TEXT` characters."""
    if not isinstance(answer, str):
        raise WrongKind(f"A text is expected, in quotes; what came is {kind_of(answer)}.")
    if len(answer) > LONGEST_TEXT:
        raise WrongKind(
            f"A text of at most {LONGEST_TEXT:,} characters is expected; this one has "
            f"{len(answer):,}."
        )


def written(answer: Any, given: Any, f: Any) -> Any:
    """The text itself, as what comes of an answer that a person marks."""
    return answer


def any_class(answer: Any, f: Any) -> None:
    """A class of any kind."""
    need_class(answer, object, "object")


def function(answer: Any, f: Any) -> None:
    """A function, be it cached, partial, traced or scripted, or an object that is called like one.

    No layer is one, although it is called like a function as well.
    """
    if f and isinstance(answer, f.layer):
        raise WrongKind(f"A function is expected; what came is {kind_of(answer)}.")
    need_function(answer)


def function_of_functions(answer: Any, f: Any) -> None:
    """A function that returns a function; or a class, since its objects can be called like one."""
    is_class = isinstance(answer, type) and not (f and issubclass(answer, f.layer))
    if not (is_class and any("__call__" in vars(one) for one in answer.__mro__)):
        function(answer, f)
