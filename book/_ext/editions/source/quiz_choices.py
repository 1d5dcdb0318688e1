"""The choices of a self-check question, each with its explanation.

In the source::

    ::::{quiz} Which of these registers a sub-layer in PyTorch?
    - [x] Assigning it to an attribute.

      Right: `__setattr__` notices modules.
    - [ ] Appending it to a Python list.

      A list is just a list: nothing is registered.
    ::::
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

LETTERS = "ABCDEFGHIJ"
ITEM = re.compile(r"- \[([ xX])\] +(.*)$")


@dataclass(frozen=True)
class Choice:
    """One choice of a question."""

    right: bool
    text: str
    explanation: str
    offset: int  # the line of the body on which it begins, counted from 0


def parse_choices(body: list[str]) -> list[Choice]:
    """Return the choices in the body of a quiz directive.

    Raises:
        ValueError: the body is not a list of at least two choices, no choice is marked right, or
            a choice has no explanation.
    """
    starts = [number for number, line in enumerate(body) if ITEM.match(line)]
    if len(starts) < 2 or any(line.strip() for line in body[: starts[0]]):
        raise ValueError("a quiz is a list of two or more choices, '- [x] right' or '- [ ] wrong'")
    choices: list[Choice] = []
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        match = ITEM.match(body[start])
        assert match is not None
        rest = textwrap.dedent("\n".join(body[start + 1 : end])).split("\n")
        blank = next((n for n, line in enumerate(rest) if not line.strip()), len(rest))
        text = " ".join([match[2], *(line.strip() for line in rest[:blank])]).strip()
        explanation = "\n".join(rest[blank:]).strip()
        if not explanation:
            raise ValueError(
                f"choice {len(choices) + 1} ({text!r}) has no explanation: "
                "add one below it, after a blank line, indented by two spaces"
            )
        choices.append(Choice(match[1] in "xX", text, explanation, start))
    if not any(choice.right for choice in choices):
        raise ValueError("no choice is marked right: mark one with '- [x]'")
    return choices
