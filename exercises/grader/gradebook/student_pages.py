"""The page that a student may see: their marks and their own code, and nothing of the inputs.

The judge's messages show inputs, and the text of a student's own exception can contain them, so
both stay with the instructor, in the records. Aspects, points and hints are the same for every
student. The check in the notebook shows what was expected and what came, with public inputs.
"""

from __future__ import annotations

from html import escape

from grader.gradebook.database import StudentMarks
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


def student_page(assignment: str, marks: StudentMarks, record: Record | None) -> str:
    """Return the page as HTML that needs no other file and runs no script."""
    parts = [f"<h1>{escape(assignment)}</h1>", f"<p>{escape(marks.student.name)}</p>"]
    total = "still open" if marks.points is None else _points(marks.points)
    parts.append(f"<p><strong>{total} of {_points(marks.out_of)} points</strong></p>")
    for applies, text in (
        (marks.late, "Handed in late."),
        (marks.unsafe, "Graded without a sandbox: the code was not confined."),
        (bool(marks.problem), f"The file could not be graded: {marks.problem}"),
    ):
        if applies:
            parts.append(f'<p class="note">{escape(text)}</p>')
    parts += _questions(marks, record)
    if record is not None:
        parts.append("<h2>Your code, as it was graded</h2>")
        for number, cell in enumerate(record.cells, 1):
            parts.append(f"<p>Code cell {number}</p><pre><code>{escape(cell)}</code></pre>")
    title = escape(f"{assignment}: {marks.student.name}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _questions(marks: StudentMarks, record: Record | None) -> list[str]:
    parts = []
    for name, counted in marks.marks.items():
        mark = record.marks.get(name) if record else None
        title = mark.title if mark else name
        points = "open" if counted.points is None else _points(counted.points)
        parts.append(f"<h2>{escape(title)}</h2>")
        parts.append(f"<p>{escape(name)}: {points} of {_points(counted.out_of)}</p>")
        if counted.reason:
            parts.append(f'<p class="note">{escape(f"Set by hand: {counted.reason}")}</p>')
        if counted.text:
            parts.append(f"<pre>{escape(counted.text)}</pre>")
        if counted.comment:
            parts.append(f'<p class="note">{escape(counted.comment)}</p>')
        if mark is None:
            continue
        if mark.said:
            parts.append(f"<p>{escape(mark.said)}</p>")
        if mark.findings:
            parts.append("<table><tr><th>Aspect</th><th>Points</th></tr>")
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
                "<p>The inputs are not shown. The check in your notebook uses other inputs, and "
                "shows what was expected and what came.</p>"
            )
    return parts


def _points(points: float) -> str:
    return f"{round(points, 2):g}"
