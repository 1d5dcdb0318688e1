"""What a question is written with: inputs, and aspects of which each says all about itself.

    SQUARE = question("demo.square", "A square", takes=function, minutes=5)

    @SQUARE.inputs
    def draw_square(draw):
        return {"x": draw.data(3)}

    @SQUARE.aspect("every number", 2)
    class EveryNumber(Aspect):
        "Each number is multiplied by itself."  # the hint

        code = "X * X"  # its second stage

        def run(answer, given, f):  # in the sandbox
            return answer(f.tensor(given.x))

        def expect(given):  # outside of it
            return given.x**2

        def shown(given):
            return f"x = {given.x}"

`run` calls the student's answer and returns whatever came; it is made plain, and what it raises is
kept. What `expect` returns is compared with that, part by part. Where there is no one right value,
`judge(given, found)` takes its place. An aspect's class is a record that nobody makes an object of:
its functions have no `self`, and another aspect that derives from it shares what it does not say
anew. Only the functions called `run` and `inspect`, and what they use, are taken into the sandbox.

For what an answer saved, exported or captured there is a third function, ``inspect(given, found,
f)``. `run` then returns files, bytes or other plain data, and `inspect` looks at them in a fresh
process, in which nothing can have been replaced by the answer:

    class Loads(Aspect):
        "Save the state of the network, and nothing else."

        def run(answer, given, f):  # in the student's process
            with scratch() as folder:
                answer(make_layers(given.chain, f), folder / "net.pt")
                return contents(folder / "net.pt")

        def inspect(given, found, f):  # in a process that never ran the answer
            return list(torch.load(io.BytesIO(found), weights_only=True).values())

        def expect(given): ...  # is compared with what `inspect` returns

Two more functions keep an answer from what it should find out or store. ``referee(given)`` makes an
object that stays in another process: it holds what `kept_inputs` draws, is asked by `run` through
``given.ask``, and notes what it is asked; see `d2lexercises.refereeing`. ``again(answer, came, f)``
runs the answer in a second process, which ran the notebook anew, and has nothing but what `run`
gave: what an answer kept in a variable and in no file is not there.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from d2lexercises.comparer import (
    TOLERANCE,
    AnyOrder,
    Between,
    Exact,
    Keyed,
    Number,
    Ordered,
    Stepped,
    compare,
    got_text,
    need_form,
)
from d2lexercises.drawing import Draw
from d2lexercises.faults import Unfit, WrongKind, error_in, hint_in, is_of_another_kind
from d2lexercises.files import contents, laid_out, scratch
from d2lexercises.given import Given
from d2lexercises.kinds import (
    any_class,
    anything,
    function,
    function_of_functions,
    layer,
    text,
    written,
)
from d2lexercises.question import Finding, Question, generator
from d2lexercises.refereeing import Referees, case_counts, handed_over, said_by, seats_of
from d2lexercises.running import plain, probe_runs, repeat_runs

__all__ = [
    "AnyOrder",
    "Aspect",
    "Between",
    "Draw",
    "Exact",
    "Given",
    "Keyed",
    "Number",
    "Ordered",
    "Stepped",
    "Unfit",
    "WrongKind",
    "any_class",
    "anything",
    "compare",
    "contents",
    "free_text",
    "function",
    "function_of_functions",
    "laid_out",
    "layer",
    "question",
    "scratch",
]

Takes = Callable[[Any, Any], None]
Hint = str | Mapping[str, str]  # in words, or for each framework in its own


class Aspect:
    """One thing that is judged: the words for it. The class's text is its hint.

    - ``run(answer, given, f)`` runs the student's code, in the sandbox, on one case, and returns
      what it gave. `f` is the framework (`d2lexercises.frameworks.Framework`).
    - ``inspect(given, found, f)`` gets what `run` gave, in a fresh process that never ran the
      answer, and returns what is judged in its place. What it gets may have been made by anyone:
      it loads state with ``weights_only=True``, models with Keras's safe mode, and never unpickles.
    - ``referee(given)`` returns an object that stays outside of the student's process, and which
      `run` asks: see `d2lexercises.refereeing`. Its method `noted`, if it has one, gets what came
      and returns what is judged.
    - ``again(answer, came, f)`` gets what `run` gave in a second process, where `run` has not run,
      and returns what is judged in its place. If there is a referee with a method `hands_over`, it
      gets what that returns for what `run` gave.
    - ``expect(given)`` returns what a right answer gives; see `d2lexercises.comparer`.
    - ``judge(given, found)`` says in words what is wrong with `found`, and nothing if it is right.
      It may also raise what `compare` raises, or ``Unfit(message, hint)`` for a mistake it knows.
    - ``shown(given)`` puts the input into words, for the message.
    - ``mistakes(given)`` gives, by its hint, what a well-known mistake leads to.

    All but `run`, `inspect`, `referee` and `again` may take the framework's key, "pytorch" or
    "tensorflow", as a last argument.

    Attributes:
        hint: which property is asked for, or the commonest mistake; by default the class's text.
        code: how it is written, the second stage of the hint.
        what: what `found` is called in messages; by default the aspect's name.
        tolerance: of arrays, relative to their largest value.
        missing: what is said where None came in the place of an array.
        form: the form of `found`, which `judge` may then rely on; see `comparer.need_form`.
    """

    hint: ClassVar[Hint] = ""
    code: ClassVar[Hint] = ""
    what: ClassVar[Hint] = ""
    tolerance: ClassVar[float] = TOLERANCE
    missing: ClassVar[str] = ""
    form: ClassVar[Any] = Any

    run: ClassVar[Callable[..., Any] | None] = None
    inspect: ClassVar[Callable[..., Any] | None] = None
    referee: ClassVar[Callable[..., Any] | None] = None
    again: ClassVar[Callable[..., Any] | None] = None
    expect: ClassVar[Callable[..., Any] | None] = None
    judge: ClassVar[Callable[..., str | None] | None] = None
    shown: ClassVar[Callable[..., str] | None] = None
    mistakes: ClassVar[Callable[..., Mapping[str, Any]] | None] = None


class WrittenQuestion(Question):
    """A question in the vocabulary; made by `question`."""

    def __init__(
        self,
        name: str,
        title: str,
        takes: Takes,
        minutes: int,
        difficulty: int,
        hidden: bool = False,
    ) -> None:
        self.name, self.title, self.takes = name, title, takes
        self.minutes, self.difficulty = minutes, difficulty
        self.all_hidden = hidden
        self.draws: Callable[[Draw], dict[str, Any]] = no_inputs
        self.hidden_draws: Callable[[Draw], dict[str, Any]] = no_inputs
        self.kept_draws: Callable[[Draw], dict[str, Any]] = no_inputs
        self.promised: dict[str, float] = {}  # hidden aspects whose judge is not here
        self.shows: Callable[..., str] | None = None
        self.aspects: dict[str, Judged] = {}
        self.runs: dict[str, tuple[Callable[..., Any], str | tuple[str, ...]]] = {}
        self.inspections: dict[str, tuple[Callable[..., Any], str]] = {}
        self.referees: dict[str, Callable[..., Any]] = {}
        self.repeats: dict[str, tuple[Callable[..., Any], str]] = {}

    def inputs(self, draw: Callable[[Draw], dict[str, Any]]) -> Callable[[Draw], dict[str, Any]]:
        """Decorate the function that draws the inputs, a dict of plain data."""
        self.draws = draw
        return draw

    def hidden_inputs(
        self, draw: Callable[[Draw], dict[str, Any]]
    ) -> Callable[[Draw], dict[str, Any]]:
        """Decorate the function that draws further inputs, for hidden aspects alone.

        They are drawn after the others, and are not handed out.
        """
        self.hidden_draws = draw
        return draw

    def kept_inputs(
        self, draw: Callable[[Draw], dict[str, Any]]
    ) -> Callable[[Draw], dict[str, Any]]:
        """Decorate the function that draws what stays outside of the student's process.

        A `referee`, `expect` and `judge` get it, and `run` does not.
        """
        self.kept_draws = draw
        return draw

    @functools.cached_property
    def kept(self) -> frozenset[str]:
        """The names of the inputs that stay outside of the student's process."""
        return frozenset(self.kept_draws(Draw(generator(0))))

    def hidden_aspect(self, name: str, points: float) -> None:
        """State an aspect that is judged when graded; `make exercises` writes this in its place.

        Raises:
            ValueError: there is an aspect of this name already.
        """
        if name in self.aspects or name in self.promised:
            raise ValueError(f"{self.name}, aspect {name!r}: there is one of this name already")
        self.promised[name] = points

    def shown(self, shown: Callable[..., str]) -> Callable[..., str]:
        """Decorate the function that puts the inputs into words, for aspects that do not say."""
        self.shows = shown
        return shown

    def aspect(
        self,
        name: str,
        points: float,
        *,
        over: str | tuple[str, ...] = "",
        part: str | tuple[str, ...] = "",
        after: str | tuple[str, ...] = "",
        hidden: bool = False,
    ) -> Callable[[type[Aspect]], type[Aspect]]:
        """Decorate the class of an aspect.

        Args:
            name: a few words, shown to the student: "order of the blocks".
            points: earned if it is right, else none.
            over: the input that it is about, instead of all of them: a case or a list of cases. A
                tuple names several, which add up. Each case is run, and judged, for itself.
            part: the part, or parts, of what is expected that it looks at, by name.
            after: the aspect, or the aspects, without which it does not count, by name.
            hidden: it is judged only when a class is graded, and not handed out: neither its class
                nor what this class alone uses.

        Raises:
            ValueError: it lacks `run`, or has not one of `expect` and `judge`; the name is used; or
                it waits for a hidden aspect without being hidden.
        """

        def add(words: type[Aspect]) -> type[Aspect]:
            where = f"{self.name}, aspect {name!r}"
            if not isinstance(words, type) or not issubclass(words, Aspect):
                raise ValueError(f"{where}: its class derives from Aspect")
            _need_texts(where, name=name)
            _need_points(where, points)
            _need_signatures(where, words)
            if words.run is None:
                raise ValueError(f"{where}: it has no run(answer, given, f)")
            if (words.expect is None) == (words.judge is None):
                raise ValueError(f"{where}: it needs either expect(given) or judge(given, found)")
            if name in self.aspects or name in self.promised:
                raise ValueError(f"{where}: there is one of this name already")
            needed = (after,) if isinstance(after, str) and after else tuple(after)
            if unknown := [one for one in needed if one not in self.aspects]:
                raise ValueError(f"{where}: after={unknown[0]!r} is no aspect above it")
            unseen = hidden or self.all_hidden
            if not unseen and (waits := [one for one in needed if self.aspects[one].hidden]):
                raise ValueError(f"{where}: after={waits[0]!r} is hidden, so this has to be too")
            key = self._key_of(words.run, over)
            if (
                words.referee is not None
                and self.referees.setdefault(key, words.referee) is not words.referee
            ):
                raise ValueError(f"{where}: its run has another referee already")
            if words.inspect is not None and (words.referee or words.again):
                raise ValueError(f"{where}: inspect goes with neither referee nor again")
            key = self._key_of_inspection(words.inspect, key) if words.inspect else key
            key = self._key_of_repetition(words.again, key) if words.again else key
            parts = (part,) if isinstance(part, str) and part else tuple(part)
            self.aspects[name] = Judged(self, name, points, words, key, over, parts, needed, unseen)
            return words

        return add

    def _key_of(self, run: Callable[..., Any], over: str | tuple[str, ...]) -> str:
        """The entry of the reply that holds what `run` gives; aspects that share it run it once."""
        key = f"{run.__qualname__} {over if isinstance(over, str) else '+'.join(over)}".strip()
        if self.runs.setdefault(key, (run, over))[0] is not run:
            raise ValueError(f"{self.name}: two functions are called {run.__qualname__}")
        return key

    def _key_of_inspection(self, inspect: Callable[..., Any], run: str) -> str:
        """The entry of the reply that holds what `inspect` gives for the result of a run."""
        key = f"{inspect.__qualname__} of {run}"
        if self.inspections.setdefault(key, (inspect, run))[0] is not inspect:
            raise ValueError(f"{self.name}: two functions are called {inspect.__qualname__}")
        return key

    def _key_of_repetition(self, again: Callable[..., Any], run: str) -> str:
        """The entry of the reply that holds what `again` gives for the result of a run."""
        key = f"{again.__qualname__} of {run}"
        if self.repeats.setdefault(key, (again, run))[0] is not again:
            raise ValueError(f"{self.name}: two functions are called {again.__qualname__}")
        return key

    @property
    def points(self) -> int:  # type: ignore[override]
        """The points of all of its aspects together."""
        return int(
            sum(aspect.points for aspect in self.aspects.values()) + sum(self.promised.values())
        )

    @functools.cached_property
    def version(self) -> str:  # type: ignore[override]
        """A digest of the code that the question reaches."""
        from d2lexercises.reach import digest_of

        draws = [self.draws, self.hidden_draws, self.kept_draws]
        functions: list[Callable[..., Any]] = [*draws, self.takes]
        said: list[Any] = [self.name, self.title, self.points]
        for one in self.aspects.values():
            words = one.words
            said += [one.name, one.points, one.over, one.parts, one.after, one.hint, words.code]
            said += [words.what, words.tolerance, words.missing, repr(words.form)]
            named = [words.run, words.inspect, words.referee, words.again]
            named += [words.expect, words.judge, words.shown, words.mistakes]
            functions += [one for one in (*named, self.shows) if one is not None]
        return digest_of(functions, said)

    @property
    def hidden(self) -> dict[str, float]:
        """The aspects that are judged only when a class is graded, with their points."""
        return {one.name: one.points for one in self.aspects.values() if one.hidden} | self.promised

    @property
    def left_out(self) -> bool:
        """Whether a judge of a hidden aspect is missing, as in what is handed out."""
        return bool(self.promised)

    def draw(self, seed: int) -> dict[str, Any]:
        """The inputs that belong to a seed.

        Raises:
            ValueError: an input is drawn twice, as one for all, one for hidden aspects, or one
                that is kept.
        """
        draw = Draw(generator(seed))
        inputs = dict(self.draws(draw))
        for further in (self.hidden_draws(draw), self.kept_draws(draw)):
            if both := inputs.keys() & further.keys():
                raise ValueError(f"{self.name}: the input {min(both)!r} is drawn twice")
            inputs |= further
        return inputs

    def probe(self, answer: Any, inputs: dict[str, Any], framework: Any) -> dict[str, Any]:
        """Run the answer on the inputs, in a notebook: for each run, what it gave."""
        made = Referees(self, inputs, lambda value: plain(value, framework))
        sent = {name: one for name, one in inputs.items() if name not in self.kept}

        def ask(key: str, number: int, word: str, given: list[Any]) -> Any:
            return said_by(made.ask(key, number, word, plain(given, framework)))

        overs = {key: over for key, (_, over) in self.runs.items()}
        counts = case_counts(self.runs, inputs)
        seats = seats_of(made.made, overs, sent, counts, ask)
        reply = probe_runs(self.takes, self.runs, answer, sent, framework, seats)
        handed = {
            key: handed_over(counts[of], made.hands_over(of, reply[of]))
            for key, (_, of) in self.repeats.items()
        }
        repeated = {of for _, of in self.repeats.values()}
        of_run = {key: key for key in reply if key not in repeated}
        if handed:
            reply |= repeat_runs(self, answer, handed, framework)
            of_run |= {key: of for key, (_, of) in self.repeats.items()}
        return reply | {key: made.noted(of, reply[key]) for key, of in of_run.items()}

    def failed_case(
        self, aspect: str, inputs: dict[str, Any], outputs: dict[str, Any], framework: str
    ) -> tuple[Given, Any, Any, str]:
        """The first case that an aspect finds wrong: inputs, what is expected, what came, why."""
        return self.aspects[aspect].failed_case(inputs, outputs, framework)

    def findings(
        self, inputs: dict[str, Any], outputs: dict[str, Any], framework: str
    ) -> list[Finding]:
        """Judge every aspect."""
        if (error := error_in(outputs)) is not None:  # nothing could be tried
            return [Finding(one.name, 0.0, one.points, error) for one in self.aspects.values()]
        findings: dict[str, Finding] = {}
        for one in self.aspects.values():
            finding = one.finding(inputs, outputs, framework)
            failed = next((name for name in one.after if not findings[name].passed), "")
            if failed:
                hint = finding.hint
                if not finding.of_kind:
                    hint = hint or _in_framework(one.hint, framework)
                finding = replace(finding, points=0.0, hint=hint, after=failed)
                finding = replace(finding, message=finding.message or finding.shown)
            findings[one.name] = finding
        return list(findings.values())


_SIGNATURES = {  # an aspect's functions; all but the first three may take the framework's key
    "run": "answer, given, f",
    "inspect": "given, found, f",
    "again": "answer, came, f",
    "expect": "given",
    "judge": "given, found",
    "shown": "given",
    "mistakes": "given",
}


def _need_signatures(where: str, words: type[Aspect]) -> None:
    """Raise `ValueError` if a function of an aspect takes other arguments than it is given."""
    for word, takes in _SIGNATURES.items():
        if (function := getattr(words, word)) is None:
            continue
        names = list(inspect.signature(function).parameters)
        wanted = takes.count(",") + 1
        most = wanted if word in ("run", "inspect", "again") else wanted + 1
        if names[:1] != ["self"] and wanted <= len(names) <= most:
            continue
        said = ", without self" if names[:1] == ["self"] else ""
        key = "" if most == wanted else f" or {word}({takes}, framework)"
        got = f"{word}({', '.join(names)})"
        raise ValueError(f"{where}: write {word}({takes}){key}{said}; got {got}")


def _need_points(where: str, points: Any) -> None:
    if isinstance(points, bool) or not isinstance(points, int | float) or not points > 0:
        raise ValueError(f"{where}: points must be a number above 0, got {points!r}")


def _need_texts(where: str, **texts: Any) -> None:
    for name, given in texts.items():
        if not isinstance(given, str):
            raise ValueError(f"{where}: the {name} must be a text in quotes, got {given!r}")


def no_inputs(draw: Draw) -> dict[str, Any]:
    """Draw nothing."""
    return {}


class FreeText(WrittenQuestion):
    """A question that is answered in words and marked by hand; made by `free_text`."""

    is_text = True

    def __init__(self, name: str, title: str, points: float, minutes: int, difficulty: int) -> None:
        super().__init__(name, title, text, minutes, difficulty)
        self.runs = {"text": (written, "")}
        self._points = points

    @property
    def points(self) -> int:  # type: ignore[override]
        """The points that a person can give."""
        return int(self._points)

    def findings(
        self, inputs: dict[str, Any], outputs: dict[str, Any], framework: str
    ) -> list[Finding]:
        """Say whether a text came; nothing of it is judged."""
        error = error_in(outputs) or error_in(outputs.get("text"))
        if error is None and not str(outputs.get("text") or "").strip():
            error = "Nothing is written yet."
        return [Finding("a text", 0.0, self.points, error)] if error else []


def free_text(
    name: str, title: str, points: float, *, minutes: int = 0, difficulty: int = 0
) -> FreeText:
    """A question that is answered in words, kept with the submission, and marked by hand.

        WHY = free_text("blocks.why", "Why blocks?", 4)

    Students write ``check("blocks.why", "Because ...")``. It has no inputs and no aspects.

    Args:
        name: chapter, dot, question: "blocks.why".
        title: the heading of its section.
        points: the most that a person can give.
        minutes: about how long it takes.
        difficulty: from 1, a first step, to 3, a challenge.
    """
    _need_texts("free_text", name=name, title=title)
    _need_points(name, points)
    return FreeText(name, title, points, minutes, difficulty)


def question(
    name: str,
    title: str,
    *,
    takes: Takes,
    minutes: int = 0,
    difficulty: int = 0,
    hidden: bool = False,
) -> WrittenQuestion:
    """Begin a question.

    Args:
        name: chapter, dot, question: "blocks.sequential".
        title: the heading of its section.
        takes: what kind of thing an answer is: `layer`, `function`, `function_of_functions`,
            `any_class`, `anything`, or a function ``takes(answer, f)`` that raises `WrongKind` for
            what is not.
        minutes: about how long it takes.
        difficulty: from 1, a first step, to 3, a challenge.
        hidden: all of its aspects are judged only when a class is graded.
    """
    _need_texts("question", name=name, title=title)
    if not callable(takes):
        kinds = "layer, function, any_class or anything"
        raise ValueError(f"{name}: takes must be {kinds}; got {takes!r}")
    return WrittenQuestion(name, title, takes, minutes, difficulty, hidden)


class _OfAnotherKind(Unfit):
    """What a `WrongKind` in the place of a result says. The aspect's hint would not help."""


class Judged:
    """An aspect of a question, as it is judged."""

    def __init__(
        self,
        question: WrittenQuestion,
        name: str,
        points: float,
        words: type[Aspect],
        key: str,
        over: str | tuple[str, ...],
        parts: tuple[str, ...],
        after: tuple[str, ...],
        hidden: bool,
    ) -> None:
        self.question, self.name, self.points = question, name, points
        self.words, self.key = words, key
        self.over, self.parts, self.after, self.hidden = over, parts, after, hidden
        docs = [vars(one).get("__doc__") for one in words.__mro__ if issubclass(one, Aspect)]
        own = next(filter(None, docs[:-1]), "")
        self.hint: Hint = words.hint or " ".join((own or "").split())

    def _what(self, framework: str) -> str:
        """What is found, for the beginning of a message."""
        named = _in_framework(self.words.what, framework)
        return named or self.name[:1].upper() + self.name[1:]

    def finding(
        self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], framework: str
    ) -> Finding:
        """What comes out of judging it."""
        try:
            self._judge(inputs, outputs, framework)
        except _OfAnotherKind as problem:
            return Finding(self.name, 0.0, self.points, str(problem), problem.hint, of_kind=True)
        except Unfit as problem:
            hint = problem.hint or _in_framework(self.hint, framework)
            code = _in_framework(self.words.code, framework)
            return Finding(self.name, 0.0, self.points, str(problem), hint, code)
        return Finding(self.name, self.points, self.points, "")

    def failed_case(
        self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], framework: str
    ) -> tuple[Given, Any, Any, str]:
        """The first case that is wrong: its inputs, what is expected, what came, and why.

        What is expected is None where a property is judged, which the last part puts into words.
        """
        found = outputs.get(self.key, outputs)
        try:
            for case, found in self._cases(inputs, outputs):
                try:
                    self._judge_case(case, found, framework)
                except Unfit as problem:
                    expected = self._expected(case, framework)
                    return self._by_name(case), expected, found, str(problem)
        except Unfit as problem:  # it cannot be told apart which case
            return Given(inputs), None, found, str(problem)
        return Given(inputs), None, found, error_in(outputs) or ""

    def _by_name(self, case: Any) -> Given:
        """A case by the names of its parts; one array or number has the name of its input."""
        if isinstance(case, Given):
            return case
        return Given({self.over if isinstance(self.over, str) else "case": case})

    def _expected(self, case: Any, framework: str) -> Any:
        if self.words.expect is None:
            return None
        expected = _called(self.words.expect, framework, case)
        if not self.parts:
            return expected
        return {name: expected[name] for name in self.parts}

    def _judge(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], framework: str) -> None:
        for case, found in self._cases(inputs, outputs):
            self._judge_case(case, found, framework)

    def _cases(
        self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> list[tuple[Any, Any]]:
        """Each case, a `Given` or one array or number, with what it gave."""
        if self.key not in outputs:
            raise Unfit("Nothing came.")
        found = outputs[self.key]
        cases = Given(inputs).cases(self.over)
        if not isinstance(cases, list):
            return [(cases, found)]
        if (error := error_in(found)) is not None:
            raise Unfit(error)
        if not isinstance(found, list) or len(found) != len(cases):
            raise Unfit(f"{len(cases)} results are expected, got {got_text(found)}.")
        return list(zip(cases, found, strict=True))

    def _judge_case(self, case: Given, found: Any, framework: str) -> None:
        words = self.words
        shows = words.shown or self.question.shows
        shown = _called(shows, framework, case) if shows else ""
        tail = f"\nInput: {shown}" if shown else ""
        if (error := error_in(found)) is not None:
            problem = _OfAnotherKind if is_of_another_kind(found) else Unfit
            raise problem(error + tail, hint_in(found))
        try:
            if words.judge is not None:
                need_form(found, words.form, self._what(framework))
                if said := _called(words.judge, framework, case, found):
                    raise Unfit(said)
                return
            if words.expect is not None:
                self._compare(found, _called(words.expect, framework, case), framework)
        except Unfit as problem:
            hint = problem.hint or self._mistake(case, found, framework)
            said = str(problem)
            raise Unfit(said if "\nInput: " in said else said + tail, hint) from None

    def _compare(self, found: Any, expected: Any, framework: str) -> None:
        words, what = self.words, self._what(framework)
        with_words = functools.partial(
            compare, framework=framework, tolerance=words.tolerance, missing=words.missing
        )
        if not self.parts:
            return with_words(found, expected, what)
        names = list(expected)
        if isinstance(found, np.ndarray) and found.ndim == 1 and found.size == len(names):
            found = found.tolist()
        for name in self.parts:
            if isinstance(found, list) and len(found) == len(names):
                with_words(found[names.index(name)], expected[name], name)
            elif isinstance(found, dict) and "kind" not in found and name in found:
                with_words(found[name], expected[name], name)
            else:
                with_words(found, expected, what)
                raise Unfit(f"{what}: there is no {name}.")

    def _mistake(self, case: Given, found: Any, framework: str) -> str:
        """The hint on the mistake that leads to what was found; "" where none is known to."""
        if self.words.mistakes is None:
            return ""
        for hint, value in _called(self.words.mistakes, framework, case).items():
            try:
                self._compare(found, value, framework)
            except Unfit:
                continue
            return str(hint)
        return ""


def _in_framework(hint: Hint, framework: str) -> str:
    return hint if isinstance(hint, str) else hint.get(framework, "")


def _called(words: Callable[..., Any], framework: str, *arguments: Any) -> Any:
    """Call one of an aspect's functions, with the framework's key if it takes one more."""
    wants = _count(words)
    return words(*arguments, *([framework] if wants > len(arguments) else []))


@functools.cache
def _count(words: Callable[..., Any]) -> int:
    return len(inspect.signature(words).parameters)
