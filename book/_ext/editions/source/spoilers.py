"""What gives the answer to a prediction away before the reader has answered.

Between a question and its explanation there is only code: `predictions` refuses prose. This module
reads the comments of that code, the prose before and after it in the same section, and the comments
of the next code cell. In prose it finds a number or words as they are printed. It does not find an
answer in other words, or the right one of several choices: a person has to read for that.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from editions.source.chapter import Cell
from editions.source.predictions import ITEM, Prediction

NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\w)"
)
SHAPE = re.compile(r"#\s*(?:\w+:? *)?\([\d, ]*\)\s*$")  # `# (3, 4)`: says no result
HEADING = re.compile(r"#{1,6} ")
FEWEST = 2  # significant digits: a number with fewer stands in prose by chance
SHORTEST = 3  # characters: a shorter word is found by chance


def number_in(text: str) -> float:
    """Convert a number as it is printed, with thousands separators or a typographic minus."""
    return float(text.replace(",", "").replace("\u2212", "-"))


def given_away(
    prediction: Prediction, framework: str, key: str, cells: Sequence[Cell]
) -> Iterator[tuple[int, str]]:
    """Find the comments and lines of prose that give away the answer `key`, each with its line.

    Args:
        prediction: the prediction.
        framework: the edition that is searched.
        key: the right answer: the label of a choice, or what is printed.
        cells: the cells of that edition, in order.
    """
    for cell in prediction.answers[framework].predict:
        for line, comment in _comments(cell):
            if _says(prediction, comment, key):
                yield line, comment
    if prediction.question.kind == "choices" or not _is_telling(prediction, key):
        return
    for line, text in _around(prediction, framework, cells):
        if _says(prediction, text, key):
            yield line, text


def _is_telling(prediction: Prediction, key: str) -> bool:
    """Whether prose that holds the key says the answer, and does not hold it by chance."""
    if prediction.question.kind == "number":
        return len(re.sub(r"[eE].*|\D", "", key).strip("0")) >= FEWEST
    return bool(key)


def _around(
    prediction: Prediction, framework: str, cells: Sequence[Cell]
) -> Iterator[tuple[int, str]]:
    """The prose of a question's section that is not folded, and the next cell's comments."""
    asked = cells.index(prediction.cell)
    answered = cells.index(prediction.answers[framework].why[-1])
    for cell in reversed(cells[:asked]):
        lines = _lines(cell)
        heads = [at for at, (_, text) in enumerate(lines) if HEADING.match(text)]
        if _is_prose(cell):
            yield from lines[heads[-1] if heads else 0 :]
        if heads:
            break
    code_follows = True  # the next code cell has not been read
    for cell in cells[answered + 1 :]:
        if cell.kind == "code":
            if code_follows and not cell.is_claim:
                yield from _comments(cell)
                code_follows = False
            continue
        lines = _lines(cell)
        heads = [at for at, (_, text) in enumerate(lines) if HEADING.match(text)]
        if _is_prose(cell):
            yield from lines[: heads[0] if heads else None]
        if heads:
            break


def _is_prose(cell: Cell) -> bool:
    """Whether a reader can see the text before the answer; an aside can be opened at any time."""
    return cell.kind == "markdown" and cell.part != "why"


def _lines(cell: Cell) -> list[tuple[int, str]]:
    """The lines of Markdown with their numbers; of another question without its choices."""
    if cell.kind != "markdown":
        return []
    lines = enumerate(cell.source.split("\n"), cell.line)
    return [(at, text) for at, text in lines if not (cell.part and ITEM.match(text))]


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


def _comments(cell: Cell) -> Iterator[tuple[int, str]]:
    """The comments of a code cell, with their lines."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
            if token.type == tokenize.COMMENT:
                yield cell.line + token.start[0] - 1, token.string
    except (tokenize.TokenError, IndentationError, SyntaxError):  # a magic: read by its lines
        for line, text in enumerate(cell.source.split("\n"), cell.line):
            yield from ((line, found) for found in re.findall(r"#.*", text))
