"""The page that a student may see: marks, what was expected, their own words and code.

It shows nothing of the secret inputs. The judge's messages show inputs, and the text of a student's
own exception can contain them, so both stay with the instructor, in the records. Aspects, points,
hints and what was expected are the same for every student.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from grader.gradebook.database import CountedMark, StudentMarks
from grader.gradebook.html_pages import html_page
from grader.gradebook.records import Record
from grader.judging.session import ANSWERED, RAISED

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; }
td:last-child, th:last-child { text-align: right; white-space: nowrap; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; border-radius: 4px; }
pre.words { white-space: pre-wrap; overflow-wrap: anywhere; }
.note { padding: .4rem .8rem; border-left: 4px solid #b60; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def student_page(
    assignment: str,
    marks: StudentMarks,
    record: Record | None,
    expected: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """Return the page as HTML that needs no other file and runs no script.

    `expected` has what each question and aspect expects, in public words.
    """
    parts = [f"<h1>{escape(assignment)}</h1>", f"<p>{escape(marks.student.name)}</p>"]
    total = "still open" if marks.points is None else _points(marks.points)
    parts.append(f"<p><strong>{total} of {_points(marks.out_of)} points</strong></p>")
    for applies, text in (
        (marks.late, "Handed in late."),
        (marks.unsafe, "Graded without a sandbox: the code was not confined."),
        (bool(marks.problem), f"The file could not be graded: {marks.problem}"),
        (bool(marks.handed_in.shared_by), "The mark of your group."),
        (marks.absent, "Nothing was handed in."),
    ):
        if applies:
            parts.append(f'<p class="note">{escape(text)}</p>')
    parts += _questions(marks, record, expected or {})
    if record is not None and record.looks:
        places = "".join(f"<li>{escape(line)}</li>" for line in record.looks)
        parts.append(f"<h2>A person will look at</h2><ul>{places}</ul>")
    if marks.handed_in.written:
        parts.append("<h2>Your words, as you wrote them</h2>")
        parts.append(f'<pre class="words">{escape(marks.handed_in.written)}</pre>')
    if record is not None:
        parts.append("<h2>Your code, as it was graded</h2>")
        for number, cell in enumerate(record.cells, 1):
            parts.append(f"<p>Code cell {number}</p><pre><code>{escape(cell)}</code></pre>")
    title = f"{assignment}: {marks.student.name}"
    return html_page(title, _STYLE, _POLICY, parts)


def _questions(
    marks: StudentMarks, record: Record | None, expected: Mapping[tuple[str, str], str]
) -> list[str]:
    parts = []
    for name, counted in marks.marks.items():
        mark = record.marks.get(name) if record else None
        title = mark.title if mark else name
        points = "open" if counted.points is None else _points(counted.points)
        parts.append(f"<h2>{escape(title)}</h2>")
        parts.append(f"<p>{escape(name)}: {points} of {_points(counted.out_of)}</p>")
        if counted.reason:
            parts.append(
                f'<p class="note">{escape(f"Set by hand: {counted.reason}")}{_by(counted)}</p>'
            )
        if counted.needs_person:
            said = counted.said or "Grading failed."
            parts.append(f'<p class="note">{escape(f"A person will look at it: {said}")}</p>')
        if counted.text:
            parts.append(f'<pre class="words">{escape(counted.text)}</pre>')
        if counted.comment:
            parts.append(f'<p class="note">{escape(counted.comment)}{_by(counted)}</p>')
        if mark is None:
            continue
        if mark.said and not counted.needs_person:
            parts.append(f"<p>{escape(mark.said)}</p>")
        if mark.findings:
            parts.append("<table><tr><th>Aspect</th><th>Points</th></tr>")
            for finding in mark.findings:
                passed = finding["points"] >= finding["out_of"]
                cell = escape(("✓ " if passed else "✗ ") + finding["aspect"])
                if finding["hint"] and not passed:
                    cell += f"<br><small>{escape(finding['hint'])}</small>"
                wanted = expected.get((name, finding["aspect"]), "")
                if wanted and not passed:
                    wanted = f"Expected, with the inputs of the check: {wanted}"
                    cell += f"<br><small>{escape(wanted)}</small>"
                earned = f"{_points(finding['points'])} of {_points(finding['out_of'])}"
                parts.append(f"<tr><td>{cell}</td><td>{earned}</td></tr>")
            parts.append("</table>")
        if mark.status in (ANSWERED, RAISED) and (mark.points or 0) < mark.out_of:
            parts.append(
                "<p>The inputs are not shown. The check in your notebook uses other inputs, and "
                "shows what was expected and what came.</p>"
            )
    return parts


def _by(mark: CountedMark) -> str:
    return f" <small>({escape(mark.given)})</small>" if mark.given else ""


def _points(points: float) -> str:
    return f"{round(points, 2):g}"
