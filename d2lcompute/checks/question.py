"""What a question is: inputs, probe, judge; and what comes out of judging one answer.

- `Question.inputs` draws plain data from a random generator.
- `Question.probe` runs the student's answer on it and returns plain data.
- `Question.judge` compares, without running anything of the student's.

Most judges are made by `judge_by` from a few `Aspect`s, each of which looks at one entry of what
the probe returned.
"""

from __future__ import annotations

import functools
import linecache
import operator
import sysconfig
import traceback
import zlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from d2lcompute._terminal import without_colours

if TYPE_CHECKING:
    from d2lcompute.checks.frameworks import Framework
    from d2lcompute.checks.wire import Plain

MESSAGE_LENGTH = 600  # characters of an exception's message that are kept
_PACKAGE = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple(
    {str(Path(path).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
     if (path := sysconfig.get_path(name))}
)  # fmt: skip


class Unfit(Exception):
    """What the probe returned is not what a right answer gives; the message says how it differs."""


class WrongKind(Exception):
    """The answer is of a kind that the question did not ask for."""


@dataclass(frozen=True)
class Finding:
    """One aspect that was judged."""

    aspect: str  # a short name: "order of the blocks"
    points: float  # earned
    out_of: float
    message: str  # what was expected, what came, with the input that showed it; "" when passed
    hint: str = ""  # on the commonest mistake

    @property
    def passed(self) -> bool:
        """Whether the aspect earned all of its points."""
        return self.points >= self.out_of


@dataclass(frozen=True)
class Verdict:
    """What judging one answer to one question gave."""

    question: str
    findings: tuple[Finding, ...]

    @property
    def points(self) -> float:
        """The points earned."""
        return sum(finding.points for finding in self.findings)

    @property
    def out_of(self) -> float:
        """The points to be had."""
        return sum(finding.out_of for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Whether every aspect is right."""
        return all(finding.passed for finding in self.findings)


@dataclass(frozen=True)
class Question:
    """One exercise of a chapter."""

    name: str  # "blocks.sequential": chapter, dot, question
    title: str
    points: int
    inputs: Callable[[np.random.Generator], dict[str, Plain]]
    probe: Callable[[Any, dict[str, Plain], Any], dict[str, Plain]]  # runs student code
    judge: Callable[[dict[str, Plain], dict[str, Plain], str], list[Finding]]  # runs none
    version: str  # changed when the judge changes, so that only this question is judged again

    @property
    def chapter(self) -> str:
        """The chapter it belongs to."""
        return self.name.partition(".")[0]

    @property
    def public_seed(self) -> int:
        """The seed of the inputs that `check` uses in a notebook."""
        return zlib.crc32(self.name.encode())

    def draw(self, seed: int) -> dict[str, Plain]:
        """The inputs that belong to a seed: the same on every machine."""
        return self.inputs(np.random.Generator(np.random.PCG64(seed)))


def run_probe(
    question: Question, answer: Any, inputs: dict[str, Plain], framework: Framework | None
) -> dict[str, Plain]:
    """Run the question's probe on an answer; what stops it is returned as ``{"error": ...}``.

    `framework` is None for a question that needs none.
    """
    with framework.on_cpu() if framework is not None else nullcontext():
        result = attempt(lambda: question.probe(answer, inputs, framework))
    return result if isinstance(result, dict) else {"error": describe(TypeError("no outputs"))}


def give_verdict(
    question: Question, inputs: dict[str, Plain], outputs: Plain, framework: str
) -> Verdict:
    """Judge what a probe returned. `outputs` may be any plain data at all."""
    outputs = outputs if isinstance(outputs, dict) else {}
    return Verdict(question.name, tuple(question.judge(inputs, outputs, framework)))


# -- exceptions of the student's code ------------------------------------------------------------


def attempt(action: Callable[[], Any]) -> Any:
    """The result of `action`, or ``{"error": {"type", "message", "line"}}`` if it raises.

    For one aspect in a probe. An exit counts as an exception; Ctrl-C and a time limit do not.
    """
    try:
        return action()
    except (Exception, SystemExit) as error:
        return {"error": describe(error)}


def describe(error: BaseException) -> dict[str, Plain]:
    """An exception as plain data: its type, its message, the student's line that led to it."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    message = without_colours(message)  # Keras writes for terminals
    if len(message) > MESSAGE_LENGTH:
        message = f"{message[:MESSAGE_LENGTH]} ..."
    message = message.encode("utf-8", "replace").decode("utf-8")
    return {"type": str(type(error).__name__), "message": message, "line": _line_of(error)}


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


def _is_students(filename: str) -> bool:
    if filename.startswith(("<frozen", "<eval_with_key")) or filename == "<string>":
        return False  # the second is what PyTorch makes of a graph
    path = str(Path(filename).resolve()) if not filename.startswith("<") else filename
    if path.startswith(str(_PACKAGE)) or "__autograph_generated_file" in path:
        return False
    return not path.startswith(_LIBRARIES) and "site-packages" not in path


# -- what kind of thing an answer is -----------------------------------------------------------


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
    return f"an object of type {type(answer).__name__}"


def came_instead(found: Any) -> str:
    """What came where two things were expected, in words for its author."""
    if isinstance(found, list | tuple):
        return f"what came is a {type(found).__name__} of {len(found)}"
    return f"what came is {kind_of(found)}"


def whole(found: Any) -> Any:
    """A whole number, or a tensor or an array that holds one, as an int; else what it is, in words.

    The words are ``{"kind": ...}``. So is a number of more than 64 bits, which cannot be sent.
    """
    if isinstance(found, bool):
        return {"kind": f"the truth value {found}"}
    try:
        number = operator.index(found)
    except Exception:  # whatever a student's object, or a framework's, raises
        return {"kind": kind_of(found)}
    return number if -(2**63) <= number < 2**63 else {"kind": "an integer of more than 64 bits"}


def got_text(found: Any) -> str:
    """Plain data for a message, cut; ``{"kind": ...}`` is in words already."""
    if isinstance(found, dict) and isinstance(found.get("kind"), str):
        return found["kind"][:200]
    return brief(found)


def brief(found: Any) -> str:
    """Plain data as Python writes it, an array by its shape, cut to 200 characters.

    The rest is never written out: a reply may hold thousands of arrays, which takes minutes.
    """
    if isinstance(found, np.ndarray):
        return f"an array of shape {found.shape}"
    text = repr(_beginning(found, [200]))
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _beginning(found: Any, left: list[int]) -> Any:
    """What of plain data can show in so many characters."""
    left[0] -= 20 if isinstance(found, np.ndarray) else 1
    if isinstance(found, str):
        return found[:201]
    if isinstance(found, np.ndarray):
        return found.ravel()[:201] if found.size > 201 else found
    if isinstance(found, list | tuple):
        return type(found)([_beginning(part, left) for part in found if left[0] > 0])
    if isinstance(found, dict):
        return {key[:201]: _beginning(part, left) for key, part in found.items() if left[0] > 0}
    return found


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


def need_function(answer: Any) -> None:
    """Raise `WrongKind` unless the answer is a function, be it cached, partial or traced."""
    wrapped = isinstance(answer, functools.partial) or hasattr(answer, "__wrapped__")
    is_function = callable(answer) and not isinstance(answer, type)
    if is_function and (wrapped or hasattr(answer, "__code__")):
        return
    raise WrongKind(f"A function is expected; what came is {kind_of(answer)}.")


# -- judging -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aspect:
    """One thing that is judged.

    `compare(inputs, output, framework)` looks at the entry `key` of what the probe returned. It
    raises `Unfit` if that is not what a right answer gives.
    """

    name: str
    points: float
    key: str
    compare: Callable[[Mapping[str, Any], Any, str], None]
    hint: str = ""
    hints: Mapping[str, str] | None = None  # by framework, where they differ
    needs: tuple[str, ...] = ()  # aspects that must be right for this one to count

    def judge(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], framework: str) -> str:
        """What is wrong, in words; "" if nothing is."""
        found = outputs.get(self.key)
        if (error := error_in(found)) is not None:
            return error
        if self.key not in outputs:
            return "Nothing came."
        try:
            self.compare(inputs, found, framework)
        except Unfit as problem:
            return str(problem)
        return ""


def judge_by(
    *aspects: Aspect,
) -> Callable[[dict[str, Plain], dict[str, Plain], str], list[Finding]]:
    """A judge that gives each aspect its points or none."""

    def judge(inputs: dict[str, Plain], outputs: dict[str, Plain], framework: str) -> list[Finding]:
        if (error := error_in(outputs)) is not None:  # nothing could be tried
            return [Finding(aspect.name, 0.0, aspect.points, error) for aspect in aspects]
        findings: dict[str, Finding] = {}
        for aspect in aspects:
            message = aspect.judge(inputs, outputs, framework)
            missing = [name for name in aspect.needs if not findings[name].passed]
            if not message and missing:
                message = f"This counts once “{missing[0]}” is right."
            hint = (aspect.hints or {}).get(framework, aspect.hint) if message else ""
            points = 0.0 if message else aspect.points
            findings[aspect.name] = Finding(aspect.name, points, aspect.points, message, hint)
        return list(findings.values())

    return judge


def error_in(output: Any) -> str | None:
    """What an ``{"error": ...}`` says, in words; None if the output is no such thing."""
    if not isinstance(output, dict) or not isinstance(output.get("error"), dict):
        return None
    parts = output["error"]
    error = {key: _harmless(parts.get(key, "")) for key in ("type", "message", "line")}
    if error["type"] == WrongKind.__name__:
        return error["message"]
    said = f"Your code raised {error['type']}: {error['message']}".rstrip(": ")
    return f"{said}\n(in your code: {error['line']})" if error["line"] else said


def _harmless(text: Any) -> str:
    """Text from a student's process for a message: cut, and without control characters."""
    text = text if isinstance(text, str) else ""
    text = f"{text[:MESSAGE_LENGTH]} ..." if len(text) > MESSAGE_LENGTH + 4 else text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text
    )


def same_array(
    found: Any, expected: np.ndarray, what: str, shown_for: str = "", tolerance: float = 1e-4
) -> None:
    """Raise `Unfit` unless `found` is an array of `expected`'s shape and values.

    `what` names it in the message; `shown_for` is the input that shows the difference.
    """
    tail = f"\nInput: {shown_for}" if shown_for else ""
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise Unfit(
            f"{what}: an array of shape {shape_text(expected)} is expected; none came.{tail}"
        )
    if found.shape != expected.shape:
        raise Unfit(
            f"{what}: expected shape {shape_text(expected)}, got {shape_text(found)}.{tail}"
        )
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    if found.size == 0:
        return
    if not np.all(np.isfinite(found)):
        raise Unfit(f"{what}: it holds values that are not finite numbers.{tail}")
    scale = max(1.0, float(np.abs(expected).max()))
    wrong = np.abs(found - expected) > tolerance * scale
    if wrong.any():
        at = tuple(int(n) for n in np.argwhere(wrong)[0])
        raise Unfit(
            f"{what}: {int(wrong.sum())} of {wrong.size} values differ; at {list(at)} "
            f"expected {expected[at]:.4f}, got {found[at]:.4f}.{tail}"
        )


def same_plain(found: Any, expected: Any) -> bool:
    """Whether plain data is the same: `expected` holds no arrays, `found` may hold anything."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            same_plain(found[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same_plain, found, expected))
    return found == expected


def shape_text(array: np.ndarray) -> str:
    """An array's shape as people write it: (2, 3)."""
    return str(tuple(int(size) for size in array.shape))


def shapes_of(found: Any) -> list[tuple[int, ...]]:
    """A list of lists of integers as shapes; raises `Unfit` if it is something else."""
    if (error := error_in(found)) is not None:
        raise Unfit(error)
    ok = isinstance(found, list) and all(
        isinstance(shape, list) and all(type(size) is int for size in shape) for shape in found
    )
    if not ok:
        raise Unfit("A list of shapes is expected.")
    return [tuple(shape) for shape in found]
