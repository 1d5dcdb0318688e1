"""What each aspect of a question expects, in words that are public.

They come from the judge, which is given the public inputs of the check in the notebook and nothing
that a student wrote. So a report can show them: they say nothing of the secret inputs.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from d2lexercises.question import Question, give_verdict

log = logging.getLogger(__name__)

_NOTHING = "nothing at all"  # what the judge is given in the place of each result
_GOT = re.compile(rf"[,;] got {_NOTHING}\.?")
_SAYS_NOTHING = re.compile(r"Nothing came\.|\d+ results are expected\.?|[^(]*: \d+ expected\.?")
_MOST = 400  # characters


def expectations_of(question: Question, framework: str) -> dict[str, str]:
    """Return what is expected, by aspect. Hidden aspects, and those that say nothing, lack one."""
    seed = getattr(question, "public_seed", None)
    if seed is None or question.is_text:
        return {}
    outputs: dict[str, Any] = {key: {"kind": _NOTHING} for key in question.runs}
    try:
        verdict = give_verdict(question, question.draw(seed), outputs, framework, graded=False)
    except Exception as error:  # a judge that cannot do without an answer: nothing is shown
        log.info("no expectations of %s: %s: %s", question.name, type(error).__name__, error)
        return {}
    found = {}
    for finding in verdict.findings:
        said = finding.message.partition("\nInput:")[0].strip()
        said, counted = _GOT.subn(".", said)
        if counted and not finding.passed and not _SAYS_NOTHING.fullmatch(said):
            found[finding.aspect] = said[:_MOST]
    return found
