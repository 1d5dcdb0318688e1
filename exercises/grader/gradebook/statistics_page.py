"""The page about what a class did: plots and tables, in one file without scripts."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from grader.gradebook.html_pages import html_page
from grader.gradebook.statistics import ClassNumbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8886;
  vertical-align: top; }
td.number, th.number { text-align: right; }
img { max-width: 100%; background: white; }
.note { padding: .4rem .8rem; border-left: 4px solid #b60; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_COLOUR, _OTHER = "#0072b2", "#d55e00"


def statistics_page(numbers: ClassNumbers) -> str:
    """Return the page as HTML."""
    title = f"{numbers.assignment}: what the class did"
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{_in_short(numbers)}</p>"]
    parts += ["<h2>Points</h2>"]
    if numbers.totals:
        parts.append(_picture(_totals(numbers), "How many students have how many points"))
    waiting = numbers.submissions - len(numbers.totals)
    if waiting:
        parts.append(f"<p>Not yet known, since a person has to give marks: {waiting}.</p>")
    parts += ["<h2>Questions</h2>"]
    parts.append(_picture(_shares(numbers), "The share of the points by question"))
    parts.append(
        _table(
            ["Question", "", "Submissions", "All points", "Mean", "To look at"],
            [
                [one.name, one.title, one.marked]
                + ([f"{one.share_full:.0%}", f"{one.mean:.0%}"] if one.marked else ["", ""])
                + [one.waiting or ""]
                for one in numbers.questions
            ],
        )
    )
    parts += ["<h2>Aspects</h2>"]
    parts.append(
        _table(
            ["Question", "Aspect", "Judged", "Passed", "Share"],
            [
                [one.name, aspect, judged, passed, f"{passed / judged:.0%}"]
                for one in numbers.questions
                for aspect, (passed, judged) in one.aspects.items()
            ],
        )
    )
    parts += ["<h2>The commonest messages</h2>", "<p>Numbers are left out.</p>"]
    parts.append(
        _table(
            ["Submissions", "Question", "Aspect", "Message"],
            [[count, *texts] for count, *texts in numbers.messages],
        )
    )
    parts += ["<h2>When work came in</h2>"]
    if numbers.times:
        parts.append(_picture(_when(numbers), "How many submissions came in when"))
    unknown = numbers.submissions - len(numbers.times)
    if unknown:
        parts.append(
            f"<p>Of {unknown} submissions the time is not known: exports of a course system have "
            "the time of the download.</p>"
        )
    parts += ["<h2>Alike</h2>", _alike(numbers)]
    return html_page(title, _STYLE, _POLICY, parts)


def _in_short(numbers: ClassNumbers) -> str:
    said = [f"{numbers.submissions} submissions"]
    if numbers.absent:
        said.append(f"{numbers.absent} of the roster handed in nothing")
    if numbers.late:
        said.append(f"{numbers.late} were late")
    if numbers.deadline:
        said.append(f"the deadline was {numbers.deadline:%Y-%m-%d %H:%M}")
    if numbers.totals:
        mean = sum(numbers.totals) / len(numbers.totals)
        said.append(f"the mean is {mean:.1f} of {numbers.out_of:g} points")
    return escape("; ".join(said) + ".")


def _alike(numbers: ClassNumbers) -> str:
    if not numbers.alike:
        return "<p>No two submissions are the same but for names and layout.</p>"
    note = (
        "These submissions are the same, or nearly, but for names, comments and layout, after what "
        "was handed out and what most of the class has in common is left out. That is a reason to "
        "talk with the students, and no verdict: people learn together, and short answers are "
        "often alike."
    )
    rows = [
        [numbers.names[pair.one], pair.one, numbers.names[pair.other], pair.other, pair.percent]
        for pair in numbers.alike
    ]
    table = _table(["Student", "id", "Student", "id", "The same"], rows)
    return f'<p class="note">{escape(note)}</p>{table}'


def _table(headings: list[str], rows: Iterable[list[Any]]) -> str:
    def cell(tag: str, value: Any, number: bool) -> str:
        kind = ' class="number"' if number else ""
        return f"<{tag}{kind}>{escape(str(value))}</{tag}>"

    lines = []
    kinds = [False] * len(headings)
    for row in rows:
        kinds = [isinstance(value, int) or str(value).endswith("%") for value in row]
        lines.append("".join(cell("td", *pair) for pair in zip(row, kinds, strict=True)))
    if not lines:
        return "<p>None.</p>"
    top = "".join(cell("th", *pair) for pair in zip(headings, kinds, strict=True))
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


# -- plots -------------------------------------------------------------------------------------


def _figure(height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _totals(numbers: ClassNumbers) -> Figure:
    figure, axes = _figure(2.5)
    most = max(numbers.out_of, 1.0)
    bins = min(20, max(5, int(most)))
    axes.hist(numbers.totals, bins=bins, range=(0, most), color=_COLOUR)
    axes.set_xlabel("points")
    axes.set_ylabel("students")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return figure


def _shares(numbers: ClassNumbers) -> Figure:
    figure, axes = _figure(1 + 0.4 * len(numbers.questions))
    names = [one.name.partition(".")[2] or one.name for one in numbers.questions]
    places = range(len(names))
    axes.barh(places, [100 * one.mean for one in numbers.questions], 0.7, color="#9ecae1")
    axes.barh(places, [100 * one.share_full for one in numbers.questions], 0.35, color=_COLOUR)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the points (pale), % of the students with all points (dark)")
    return figure


def _when(numbers: ClassNumbers) -> Figure:
    figure, axes = _figure(2.5)
    times = [time.replace(tzinfo=None) for time, _, _ in numbers.times]
    axes.hist(times, bins=min(40, max(5, len(times))), color=_COLOUR)
    if numbers.deadline:
        axes.axvline(numbers.deadline.replace(tzinfo=None), color=_OTHER, label="deadline")
        axes.legend(frameon=False)
    axes.set_ylabel("submissions")
    axes.yaxis.get_major_locator().set_params(integer=True)
    figure.autofmt_xdate()
    return figure


def _picture(figure: Figure, alternative: str) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<p><img alt="{escape(alternative)}" src="data:image/svg+xml;base64,{data}"></p>'
