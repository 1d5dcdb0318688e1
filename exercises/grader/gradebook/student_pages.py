"""A student's report: their marks and their own code, and nothing of the secret inputs.

Messages of the judge show inputs, and a student's own exception can carry them out in its text, so
both stay with the instructor (in the records). Aspects, points and hints are the same for everyone.
The check in the notebook shows with public inputs what was expected and what came.
"""

from __future__ import annotations

from html import escape

from grader.gradebook.database import Row
from grader.gradebook.records import Record
from grader.judging.session import ANSWERED, RAISED

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; }
td:last-child, th:last-child { text-align: right; white-space: nowrap; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; border-radius: 4px; }
.note { padding: .4rem .8rem; border-left: 4px solid #b60; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def student_report(assignment: str, row: Row, record: Record | None) -> str:
    """The report as a page of HTML that stands alone and runs nothing."""
    parts = [f"<h1>{escape(assignment)}</h1>", f"<p>{escape(row.student.name)}</p>"]
    total = "still open" if row.points is None else _points(row.points)
    parts.append(f"<p><strong>{total} of {_points(row.out_of)} points</strong></p>")
    for shown, text in (
        (row.late, "Handed in late."),
        (row.unsafe, "Graded without a sandbox: what the code did was not confined."),
        (bool(row.problem), f"The file could not be graded: {row.problem}"),
    ):
        if shown:
            parts.append(f'<p class="note">{escape(text)}</p>')
    parts += _questions(row, record)
    if record is not None:
        parts.append("<h2>What was graded</h2>")
        for number, cell in enumerate(record.cells, 1):
            parts.append(f"<p>Code cell {number}</p><pre><code>{escape(cell)}</code></pre>")
    title = escape(f"{assignment}: {row.student.name}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _questions(row: Row, record: Record | None) -> list[str]:
    parts = []
    for name, standing in row.questions.items():
        mark = record.marks.get(name) if record else None
        title = mark.title if mark else name
        points = "open" if standing.points is None else _points(standing.points)
        parts.append(f"<h2>{escape(title)}</h2>")
        parts.append(f"<p>{escape(name)}: {points} of {_points(standing.out_of)}</p>")
        if standing.reason:
            said = f"Set by hand: {standing.reason}"
            parts.append(f'<p class="note">{escape(said)}</p>')
        if mark is None:
            continue
        if mark.said:
            parts.append(f"<p>{escape(mark.said)}</p>")
        if mark.findings:
            parts.append("<table><tr><th>What was looked at</th><th>Points</th></tr>")
            for finding in mark.findings:
                passed = finding["points"] >= finding["out_of"]
                cell = escape(("✓ " if passed else "✗ ") + finding["aspect"])
                if finding["hint"] and not passed:
                    cell += f"<br><small>{escape(finding['hint'])}</small>"
                earned = f"{_points(finding['points'])} of {_points(finding['out_of'])}"
                parts.append(f"<tr><td>{cell}</td><td>{earned}</td></tr>")
            parts.append("</table>")
        if mark.status in (ANSWERED, RAISED) and (mark.points or 0) < mark.out_of:
            parts.append(
                "<p>Which inputs were used is not shown. The check in the notebook shows what was "
                "expected and what came, with inputs of its own.</p>"
            )
    return parts


def _points(points: float) -> str:
    return f"{round(points, 2):g}"
