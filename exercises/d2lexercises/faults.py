"""What may be wrong with an answer, and what is said of an exception.

`attempt` runs a part of a check in the sandbox and keeps what stops it as plain data. `error_in`
puts it into words outside of it, where nothing that came can be trusted.
"""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from d2lcompute import _terminal
from d2lexercises import environment

# What Python raises where a check uses what came and no line of the student's runs, in words.
_USED = [
    (re.compile(".*NoneType.*", re.DOTALL),
     "None came where a result is expected. A function without return returns None."),
    (re.compile(r"'(?:[\w.]+\.)?(\w+)' object has no attribute '(\w+)'.*", re.DOTALL),
     r"An object of type \1 came, which has no attribute \2."),
    (re.compile(r"too many values to unpack \(expected (\d+).*"),
     r"\1 values are expected; more came."),
    (re.compile(r"not enough values to unpack \(expected (.*), got (\d+)\)"),
     r"\1 values are expected; \2 came."),
    (re.compile(r"cannot unpack non-iterable ([\w.]+) object|'([\w.]+)' object is not iterable"),
     r"Several values are expected; what came is an object of type \1\2."),
    (re.compile(r"float\(\) argument must be .*, not '([\w.]+)'"),
     r"A number is expected; what came is an object of type \1."),
    (re.compile(r"(\S+)\(\) got an unexpected keyword argument '(\w+)'.*", re.DOTALL),
     r"\1 is called with \2=..., and has no argument of this name."),
    (re.compile(r"(\S+)\(\) missing \d+ required [\w-]+ arguments?: (.*)", re.DOTALL),
     r"\1 is called without \2. Take the arguments that the text names, with their defaults."),
    (re.compile(r"(\S+)\(\) takes (.*) but (\d+) (?:was|were) given.*", re.DOTALL),
     r"\1 takes \2, and is called with \3. Take the arguments that the text names."),
]  # fmt: skip
_MOST_REASONS, _MOST_PARTS = 10, 1000
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")
# What Keras writes around the message of an exception that a layer's call raised.
_IN_KERAS = re.compile(
    r"\AException encountered when calling .*?\n\n(.*?)\s+Arguments received by .*", re.DOTALL
)
# What TensorFlow writes about itself before and after the message of an operation.
_OF_TENSORFLOW = re.compile(r"\{\{(?:function_)?node [^}]*\}\} ?|\s*\[Op:\w+\](?: name:?.*)?\Z")
MESSAGE_LENGTH = 600  # characters of an exception's message that are kept
_OURS = {str(Path(__file__).resolve().parent)}  # folders and files of code that is no student's
_HELPERS = str(Path(_terminal.__file__).resolve().parent)
_LIBRARIES = tuple(
    {str(Path(path).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
     if (path := sysconfig.get_path(name))}
)  # fmt: skip


def is_ours(file: str | Path) -> None:
    """Note that the code in a file is that of a check, and not a student's."""
    _OURS.add(str(Path(file).resolve()))


class Unfit(Exception):
    """What an answer gave is not what a right one gives; the message says how it differs.

    `hint` takes the place of the aspect's own hint, where the mistake is known. A `run` raises it
    where the answer lacks the property that the aspect is about, so that the aspect's hint fits.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class OwnError(Exception):
    """A question's own code raised `error`, which no answer can have caused."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


class WrongKind(Exception):
    """The answer, or a part of it, is of a kind that the question did not ask for.

    The message says it all: the aspect's own hint, which is about something else, is not shown with
    it. `hint` is shown in its place.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def attempt(action: Callable[[], Any]) -> Any:
    """The result of `action`, or ``{"error": {"type", "message", "line", "hint"}}`` if it raises.

    For one aspect in a probe. An exit counts as an exception; Ctrl-C and a time limit do not.
    """
    try:
        return action()
    except (Exception, SystemExit) as error:
        return {"error": describe(error)}


def stopped(message: str) -> dict[str, Any]:
    """What stands in the place of a result that did not come, and is said as it is."""
    return {"error": {"type": Unfit.__name__, "message": message, "line": ""}}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as plain data: its type, its message, the student's line, and a hint."""
    if isinstance(error, OwnError):
        return describe(error.error) | {"line": "", "own": True}
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    message = _terminal.without_colours(message)  # Keras writes for terminals
    message = _OF_TENSORFLOW.sub("", _IN_KERAS.sub(r"\1", message))
    if len(message) > MESSAGE_LENGTH:
        message = f"{message[:MESSAGE_LENGTH]} ..."
    message = message.encode("utf-8", "replace").decode("utf-8")
    said = {"type": str(type(error).__name__), "message": message, "line": _line_of(error)}
    if not said["line"]:
        said |= _place_in_question(error)
    if reason := environment.reason_in_answer(error):
        said["environment"] = reason
    hint = error.hint if isinstance(error, WrongKind | Unfit) else ""
    return said | ({"hint": hint} if hint else {})


def _line_of(error: BaseException) -> str:
    """The innermost line of the student's own code: "line 7, in forward: return blok(X)"."""
    for frame in reversed(traceback.extract_tb(error.__traceback__, limit=-200)):
        if _is_students(frame.filename):
            text = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            where = f"line {frame.lineno}, in {frame.name}" if frame.name != "<module>" else (
                f"line {frame.lineno}"
            )  # fmt: skip
            return f"{where}: {text}" if text else where
    return ""


def _place_in_question(error: BaseException) -> dict[str, Any]:
    """The innermost line of a file of questions; and whether no answer can have caused the error.

    No answer can where a question's own code names something that does not exist: a variable, an
    input, or a word of the framework.
    """
    frames = traceback.extract_tb(error.__traceback__, limit=-200)
    for frame in reversed(frames):
        if str(Path(frame.filename).resolve()) in _OURS:
            named = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
            words = getattr(type(named), "of_checks", False)
            own = words or (isinstance(error, NameError) and frame is frames[-1])
            place = {"place": f"{frame.filename}:{frame.lineno}"}
            return place | ({"own": True} if own else {})
    return {}


def _is_students(filename: str) -> bool:
    if filename.startswith(("<frozen", "<eval_with_key")) or filename == "<string>":
        return False  # the second is what PyTorch makes of a graph
    path = str(Path(filename).resolve()) if not filename.startswith("<") else filename
    if path.startswith((*_OURS, _HELPERS)) or "__autograph_generated_file" in path:
        return False
    return not path.startswith(_LIBRARIES) and "site-packages" not in path


def error_in(output: Any) -> str | None:
    """What an ``{"error": ...}`` says, in words; None if the output is no such thing."""
    if not isinstance(output, dict) or not isinstance(output.get("error"), dict):
        return None
    parts = output["error"]
    error = {key: _harmless(parts.get(key, "")) for key in ("type", "message", "line")}
    if error["type"] in (WrongKind.__name__, Unfit.__name__):
        return error["message"]
    raised = f"{error['type']}: {error['message']}".rstrip(": ")
    if parts.get("own") is True:
        return f"The check of this question raised {raised}\nYour answer did not cause this error."
    if not error["line"]:  # no line of the student's code was being run
        builtin = error["type"] in ("AttributeError", "TypeError", "ValueError")
        for pattern, words in _USED if builtin else []:
            if match := pattern.fullmatch(error["message"]):
                return match.expand(words)
        return f"Using your answer raised {raised}"
    return f"Your code raised {raised}\n(in your code: {error['line']})"


def other_causes_in(output: Any) -> list[str]:
    """Sentences on the errors in a reply that the answer did not cause; nothing of it is trusted.

    Something is missing on this machine, the question's own code is wrong, or the notebook may have
    been run in another order.
    """
    found: list[str] = []
    for part in _errors_in(output):
        error = part["error"]
        if isinstance(error.get("environment"), str):
            missing = _harmless(error["environment"])
            found.append(f"The answer cannot run here: {missing}.")
        elif isinstance(error.get("doubt"), str):
            found.append(f"{_harmless(error['doubt'])}.")
        elif error.get("own") is True:
            found.append((error_in(part) or "").partition("\n")[0])
    return found[:_MOST_REASONS]


def undefined_in(output: Any) -> set[str]:
    """The names for the lack of which an answer failed; nothing of the reply is trusted."""
    messages = [
        str(part["error"].get("message", ""))[:MESSAGE_LENGTH]
        for part in _errors_in(output)
        if part["error"].get("type") == NameError.__name__
    ]
    return {name for text in messages for name in _UNDEFINED.findall(text)}


def _errors_in(output: Any) -> Iterator[dict[str, Any]]:
    """Each part of a reply that is an error."""
    waiting = [output]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list) and len(part) <= _MOST_PARTS:
            waiting += part
        elif isinstance(part, dict) and len(part) <= _MOST_PARTS:
            if isinstance(part.get("error"), dict):
                yield part
            waiting += part.values()


def hint_in(output: Any) -> str:
    """The hint that an ``{"error": ...}`` brings along; "" if there is none."""
    if error_in(output) is None:
        return ""
    return _harmless(output["error"].get("hint", ""))


def is_of_another_kind(output: Any) -> bool:
    """Whether an ``{"error": ...}`` says that something of another kind came."""
    return error_in(output) is not None and output["error"].get("type") == WrongKind.__name__


def _harmless(text: Any) -> str:
    """Text from a student's process for a message: cut, and without control characters."""
    text = text.expandtabs(4) if isinstance(text, str) else ""
    text = f"{text[:MESSAGE_LENGTH]} ..." if len(text) > MESSAGE_LENGTH + 4 else text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text
    )
