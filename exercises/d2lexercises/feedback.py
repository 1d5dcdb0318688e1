"""Check one answer in this process, and show what came out: HTML in a notebook, text elsewhere."""

from __future__ import annotations

import signal
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol

from d2lcompute._frameworks import FRAMEWORKS
from d2lcompute._terminal import printable
from d2lexercises import frameworks, handing_out
from d2lexercises.comparer import brief
from d2lexercises.faults import error_in
from d2lexercises.given import Given
from d2lexercises.kinds import kind_of
from d2lexercises.library import HANDED_OUT, find_question, private_folder
from d2lexercises.notebook_files import ANSWER_SECONDS
from d2lexercises.question import Finding, Question, Verdict, give_verdict, run_probe

TIME_LIMIT = ANSWER_SECONDS  # after which an answer is taken to hang

earned: dict[str, Verdict] = {}  # the last verdict on each question, in this session
passed: set[str] = set()  # the questions of which a check has passed in this session
_last: dict[str, Session] = {}  # the last answer to each question, and the hints shown since

_SIGNS = {True: "✓", False: "✗"}
_WORDS = {True: "right", False: "not yet"}


class Showable(Protocol):
    """What `show` takes: it has a text, and in a notebook a form of its own."""

    def __str__(self) -> str: ...


@dataclass
class Session:
    """An answer that was checked: what it was given, what it gave, and the hints shown since."""

    question: Question
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    framework: str
    shown: set[str] = field(default_factory=set)  # the aspects whose code was shown


@dataclass(frozen=True)
class Case:
    """A case that an answer fails: the inputs, what is expected, what the answer gave, and why."""

    aspect: str
    given: Given
    expected: Any  # None where the aspect judges a property
    found: Any
    wrong: str  # how `found` differs from what is expected, or which property it lacks

    def __repr__(self) -> str:
        given = "".join(f"\n    {name} = {brief(self.given[name])}" for name in self.given)
        expected = "" if self.expected is None else f"\n  expected: {_outlined(self.expected)}"
        return (
            f"{self.aspect}\n  given:{given}{expected}\n  found: {_outlined(self.found)}\n"
            f"  wrong: {textwrap.indent(self.wrong, ' ' * 4).strip()}"
        )


@dataclass(frozen=True, repr=False)
class Report:
    """What `check` shows of one question."""

    title: str
    verdict: Verdict | None  # None: nothing could be judged
    problem: str = ""  # then, why
    kind: str = "not checked"  # and what is shown instead

    def _common(self) -> str:
        """The message of all findings, where they have one in common: said once, above them."""
        messages = {finding.message for finding in self.verdict.findings} if self.verdict else set()
        return messages.pop() if len(messages) == 1 else ""

    def _rows(self) -> list[tuple[Finding, str, str]]:
        """Each finding with the message and the hint to show; those that failed come first.

        What was said is not said again, and a message that all have in common brings the hint of
        the first. A finding that waits for another says so.
        """
        common = self._common()
        said: dict[str, str] = {common: ""} if common else {}
        rows = []
        findings = self.verdict.findings if self.verdict else ()
        for finding in sorted(findings, key=lambda finding: finding.passed):
            message = finding.message
            if finding.after:
                rows.append((finding, finding.shown, ""))
                continue
            if message and message in said:
                above = said[message]
                hint = "" if rows else finding.hint  # of the first, where all have one message
                rows.append((finding, f"The same as “{above}”." if above else "", hint))
            else:
                rows.append((finding, message, finding.hint))
            said.setdefault(message, finding.aspect)
        return rows

    def _head(self, verdict: Verdict) -> str:
        """What it earned here, and what is still to come."""
        later = sum(points for _, points in verdict.hidden)
        if verdict.to_mark:
            return f"kept, {verdict.words} words"
        if later and not verdict.findings:
            return f"{_points(later)} points, judged when graded"
        more = f", and {_points(later)} more when graded" if later else ""
        return f"{_points(verdict.points)} of {_points(verdict.out_of)} points{more}"

    def _note(self, verdict: Verdict) -> str:
        """What a check in a notebook cannot tell, or where to go on."""
        if verdict.to_mark:
            return f"Its {_points(verdict.to_mark)} points are given by hand, when it is graded."
        if verdict.hidden and not verdict.findings:
            return (
                "Here only the kind of your answer was checked, and it is accepted. Whether it is "
                "right is judged when graded."
            )
        if verdict.hidden:
            return "What is judged when graded is not among what was handed out."
        if not verdict.passed:
            return f'Go on with hint("{verdict.question}") or case("{verdict.question}").'
        return ""

    def __str__(self) -> str:
        if self.verdict is None:
            return f"{self.title}: {self.kind}\n{textwrap.indent(self.problem, '  ')}"
        verdict = self.verdict
        lines = [f"{self.title}: {self._head(verdict)}"]
        lines += [textwrap.indent(self._common(), "  ")] if self._common() else []
        for finding, message, hint in self._rows():
            sign, word = _SIGNS[finding.passed], _WORDS[finding.passed]
            share = f"{_points(finding.points)}/{_points(finding.out_of)}"
            lines.append(f"  {sign} {word:7}  {share:>4}  {finding.aspect}")
            if message:
                lines.append(textwrap.indent(message, " " * 6))
            if hint:
                lines.append(textwrap.indent(f"Hint: {hint}", " " * 6))
        for aspect, points in verdict.hidden:
            lines.append(f"  · later    {_points(points):>4}  {aspect} (judged when graded)")
        lines += [f"  {self._note(verdict)}"] if self._note(verdict) else []
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if self.verdict is None:
            body = f"<div>{_html(self.problem)}</div>"
            return _frame(f"<strong>{escape(self.title)}</strong>: {self.kind}", body, False)
        verdict = self.verdict
        head = f"<strong>{escape(self.title)}</strong>: {escape(self._head(verdict))}"
        rows = []
        common = f"<div>{_html(self._common())}</div>" if self._common() else ""
        for finding, message, hint in self._rows():
            sign, word = _SIGNS[finding.passed], _WORDS[finding.passed]
            details = f"<div>{_html(message)}</div>" if message else ""
            details += f"<div><em>Hint:</em> {_html(hint)}</div>" if hint else ""
            rows.append(
                f'<tr><td style="{_CELL}white-space:nowrap">{sign} {word}</td>'
                f'<td style="{_CELL}white-space:nowrap;text-align:right">'
                f"{_points(finding.points)}/{_points(finding.out_of)}</td>"
                f'<td style="{_CELL}"><div>{escape(finding.aspect)}</div>{details}</td></tr>'
            )
        for aspect, points in verdict.hidden:
            rows.append(
                f'<tr><td style="{_CELL}white-space:nowrap">· later</td>'
                f'<td style="{_CELL}text-align:right">{_points(points)}</td>'
                f'<td style="{_CELL}">{escape(aspect)} (judged when graded)</td></tr>'
            )
        table = f'{common}<table style="border-collapse:collapse">{"".join(rows)}</table>'
        note = f"<div>{_html(self._note(verdict))}</div>" if self._note(verdict) else ""
        return _frame(head, table + note, all(finding.passed for finding in verdict.findings))


# Colours only where words and signs say the same; text keeps the colour of its surroundings.
_CELL = "text-align:left;vertical-align:top;padding:0.2em 0.8em 0.2em 0;"


def _frame(head: str, body: str, passed: bool) -> str:
    colour = "#1a8754" if passed else "#c2570c"
    return (
        f'<div style="border-left:4px solid {colour};padding:0.2em 0 0.2em 0.8em;'
        f'background:transparent;color:inherit"><div role="status">{head}</div>{body}</div>'
    )


def _html(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _points(number: float) -> str:
    return f"{number:g}"


def evaluate(name: str, answer: Any, framework: str | None = None) -> Report:
    """Check an answer on the question's public inputs. Nothing of the student's is raised."""
    if name in handing_out.private and private_folder() is None:
        return Report(name, None, _NOT_HERE)
    try:
        question = find_question(name)
    except KeyError as error:
        return Report(str(name), None, f"{error.args[0]}\n{_ELSEWHERE}")
    missing = _not_an_answer(answer)
    if missing:
        return Report(question.name, None, missing)
    key = framework or frameworks.detect(answer)
    if key is None:
        return Report(
            question.name,
            None,
            "Which framework is this for? Run the notebook's first cells, which import it; or say "
            'framework="pytorch" or framework="tensorflow".',
        )
    if key not in frameworks.KEYS:
        listed = " or ".join(f'"{one}"' for one in frameworks.KEYS)
        return Report(question.name, None, f"framework is {listed}, got {key!r}.")
    try:
        frameworks.load(key)
    except ImportError as error:
        one = FRAMEWORKS[key]
        if error.name not in one.roots:  # something that the framework itself needs
            raise
        install = f"{one.title} is not installed in this Python; install it with: pip install "
        return Report(question.name, None, install + one.roots[0])
    verdict = judge_here(question, answer, key)
    earned[question.name] = verdict
    if verdict.passed:
        passed.add(question.name)
    refused = error_in(_last[question.name].outputs)
    if refused is not None and not verdict.findings:  # all of it is judged when graded
        return Report(question.name, None, refused, "not accepted")
    return Report(question.name, verdict)


def judge_here(question: Question, answer: Any, key: str) -> Verdict:
    """Inputs, probe and judge in this process, with the public seed."""
    inputs = question.draw(question.public_seed)
    try:
        with _time_limit(TIME_LIMIT):
            outputs = run_probe(question, answer, inputs, frameworks.load(key))
    except _TimeIsUp:
        outputs = {
            "error": {
                "type": "TimeoutError",
                "message": f"your answer did not end within {TIME_LIMIT:.0f} seconds",
                "line": "",
            }
        }
    inputs = question.draw(question.public_seed)  # whatever the answer did to its own
    if question.inspections:
        from d2lexercises.inspecting import with_inspections

        outputs = with_inspections(question, inputs, outputs, key)
    _last[question.name] = Session(question, inputs, outputs, key)
    return give_verdict(question, inputs, outputs, key, graded=False)


_NOT_HERE = (
    "This question is your instructor's own, and its checks are not here: they are in the folder "
    f"{HANDED_OUT} of the archive that was handed out, beside its notebook. So nothing is said "
    "about your answer, right or wrong. It is graded all the same: keep the line that checks it."
)
_ELSEWHERE = (
    "If it is your instructor's own question, its checks are in the folder "
    f"{HANDED_OUT} of the archive that was handed out; here nothing can be said about your answer."
)


_CHECK_FIRST = 'Check your answer first: check("{}", ...).'
_NOTHING_WRONG = "The last check found nothing wrong"


def framework_of(name: str) -> str | None:
    """The framework of the last answer to a question that was checked; None if there is none."""
    return _last[name].framework if name in _last else None


def next_hint(name: str) -> Report:
    """How the first thing that is wrong is written, for which this was not shown yet."""
    session, verdict = _last.get(name), earned.get(name)
    if session is None or verdict is None:
        return Report(name, None, _CHECK_FIRST.format(name))
    failed = [finding for finding in verdict.findings if not finding.passed and not finding.after]
    told = [finding for finding in failed if finding.code]
    if not failed or not told:
        said = "There is no further hint." if failed else f"{_NOTHING_WRONG}."
        return Report(name, None, said, "hint")
    finding = next((one for one in told if one.aspect not in session.shown), told[0])
    session.shown.add(finding.aspect)
    return Report(name, None, f"{finding.aspect}: {finding.code}", "hint")


def failed_case(name: str) -> Case | Report:
    """The first case that the last check of a question found wrong; else why there is none."""
    session, verdict = _last.get(name), earned.get(name)
    if session is None or verdict is None:
        return Report(name, None, _CHECK_FIRST.format(name))
    failed = next((finding for finding in verdict.findings if not finding.passed), None)
    if failed is None:
        return Report(name, None, f"{_NOTHING_WRONG}, so there is no failing case.", "no case")
    if session.question.is_text:
        return Report(name, None, failed.message, "no case")
    inputs, outputs = session.inputs, session.outputs
    parts = session.question.failed_case(failed.aspect, inputs, outputs, session.framework)
    return Case(failed.aspect, *parts)


def _outlined(value: Any) -> str:
    """Plain data, whose parts by name are shown one by one."""
    if isinstance(value, Given):
        value = {name: value[name] for name in value}
    if isinstance(value, dict) and "error" not in value and "kind" not in value:
        return "".join(f"\n    {name}: {brief(part)}" for name, part in value.items())
    return brief(value)


def _not_an_answer(answer: Any) -> str:
    if answer is None or answer is Ellipsis:
        return f"An answer is expected; what came is {kind_of(answer)}."
    return ""


class _TimeIsUp(BaseException):
    """Not an `Exception`, so that an answer's `except Exception` does not swallow it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeIsUp` in the block after `seconds`, where the system has such an alarm."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def show(report: Showable) -> None:
    """Display in a notebook or an IPython shell; print elsewhere, in signs that the console has."""
    import sys

    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            display(report)
            return
    print(printable(str(report)))
