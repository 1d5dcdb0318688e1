"""What gives the answer to a prediction away before the reader has answered: comments in its code.

Prose cannot: `predictions` allows none between a question and its explanation.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from editions.source.chapter import Cell
from editions.source.predictions import Prediction

NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\w)"
)
SHAPE = re.compile(r"#\s*(?:\w+:? *)?\([\d, ]*\)\s*$")  # `# (3, 4)`: says no result
SHORTEST = 3  # characters: a shorter word is found by chance


def number_in(text: str) -> float:
    """Convert a number as it is printed, with thousands separators or a typographic minus."""
    return float(text.replace(",", "").replace("\u2212", "-"))


def given_away(prediction: Prediction, framework: str, key: str) -> Iterator[tuple[Cell, str]]:
    """Find the comments that give away the answer `key`, each with its cell.

    Args:
        prediction: the prediction.
        framework: the edition whose cells are searched.
        key: the right answer: the label of a choice, or what is printed.
    """
    for cell in prediction.answers[framework].predict:
        for comment in _comments(cell.source):
            if _says(prediction, comment, key):
                yield cell, comment


def _says(prediction: Prediction, comment: str, key: str) -> bool:
    question = prediction.question
    if question.kind == "number":
        if SHAPE.match(comment):
            return False
        found = [number_in(one) for one in NUMBER.findall(comment)]
        return any(abs(one - number_in(key)) <= question.tolerance for one in found)
    if question.kind == "words":
        return _holds(comment, key)
    choice = next(one for one in question.choices if one.label == key)
    others = [one.label for one in question.choices if one.label != key]
    if _holds(comment, choice.text):
        return True
    return _holds(comment, key) and not any(_holds(comment, other) for other in others)


def _holds(comment: str, words: str) -> bool:
    words = _plain(words)
    return len(words) >= SHORTEST and f" {words} " in f" {_plain(comment)} "


def _plain(text: str) -> str:
    """The words of a text, in lower case, without punctuation."""
    return " ".join(re.findall(r"[\w.]*\w", text.lower()))


def _comments(source: str) -> Iterator[str]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.string
    except (tokenize.TokenError, IndentationError, SyntaxError):  # a magic: read by its lines
        yield from re.findall(r"#[^\n]*", source)
