"""The right answers to predictions, as a run of the notebook gives them.

The label of the right choice is the value of a variable after the claim that assigns it; the run
stores it in the notebook's metadata. Numbers and words are read from the stored outputs.
"""

from __future__ import annotations

import ast

from nbformat import NotebookNode

from editions.base.errors import EditionsError
from editions.notebooks.notebook import KEY
from editions.notebooks.outputs import FIGURES, text_of
from editions.source.chapter import Cell, Chapter, cell_ids
from editions.source.predictions import ANSWER, Prediction, naming_claim, predictions
from editions.source.spoilers import NUMBER, given_away

ENTRY = "answers"  # of the metadata under `KEY`: labels by the ids of the claims that name them
LONGEST = 40  # characters of an answer in words
EXPRESSION = f"str({ANSWER})"  # evaluated after a claim that names the right choice


def expressions(chapter: Chapter, framework: str) -> dict[str, str]:
    """Return `EXPRESSION` by the id of each cell after which it gives the label of a choice."""
    ids = _ids(chapter, framework)
    claims = [
        naming_claim(one.answers[framework])
        for one in predictions(chapter)
        if framework in one.answers and one.question.kind == "choices"
    ]
    return {ids[claim]: EXPRESSION for claim in claims if claim}


def answer_keys(chapter: Chapter, framework: str, notebook: NotebookNode) -> dict[str, str]:
    """Return the right answer to each prediction of an edition, by the prediction's name.

    Args:
        chapter: the chapter.
        framework: the edition.
        notebook: its executed notebook.

    Raises:
        EditionsError: lists the predictions to which the run gives no answer, and the comments
            and lines of prose that give an answer away.
    """
    ids = _ids(chapter, framework)
    cells = {cell.id: cell for cell in notebook.cells}
    labels = notebook.metadata.get(KEY, {}).get(ENTRY, {})
    keys, problems = {}, []
    for one in predictions(chapter):
        if framework not in one.answers:
            continue
        executed = [cells[ids[cell]] for cell in one.answers[framework].predict]
        try:
            if one.question.kind == "choices":
                claim = naming_claim(one.answers[framework])
                keys[one.name] = _label(one, labels.get(ids[claim]) if claim else None)
            else:
                keys[one.name] = _printed(one, executed)
        except ValueError as error:
            problems.append(f"{chapter.path}:{one.cell.line}: {framework} edition: {error}")
            continue
        problems += [
            f"{chapter.path}:{line}: {framework} edition: this gives the answer to the prediction "
            f"of line {one.cell.line} away: {text!r} (the answer is {keys[one.name]!r})"
            for line, text in given_away(one, framework, keys[one.name], chapter.edition(framework))
        ]
    if problems:
        raise EditionsError("\n".join(problems))
    return keys


def label_of(value: str) -> str:
    """Return the label that `EXPRESSION` gave, from its value as a kernel prints it."""
    return str(ast.literal_eval(value))


def _ids(chapter: Chapter, framework: str) -> dict[Cell, str]:
    cells = chapter.edition(framework)
    return dict(zip(cells, cell_ids(cells), strict=True))


def _label(prediction: Prediction, label: str | None) -> str:
    labels = [choice.label for choice in prediction.question.choices]
    if label is None:
        raise ValueError("the stored run names no right choice. Type: editions notebooks --force")
    if label not in labels:
        raise ValueError(f"the claim names {label!r} as the right choice; allowed: {labels}")
    return label


def _printed(prediction: Prediction, cells: list[NotebookNode]) -> str:
    """The number or the words that cells print; empty if readers have to compare a figure."""
    question = prediction.question
    if any("nbval-ignore-output" in cell.metadata.get("tags", []) for cell in cells):
        if question.kind == "words":
            return ""
        raise ValueError(
            "the output to be predicted is not compared, so it gives no answer: ask with choices"
        )
    texts = [
        text_of(output).strip()
        for cell in cells
        for output in cell.outputs
        if not any(mime in output.get("data", {}) for mime in FIGURES)
    ]
    text = "\n".join(filter(None, texts))
    if question.kind == "number":
        found, what = NUMBER.findall(text), "number"
    else:
        found, what = [line.strip() for line in text.splitlines() if line.strip()], "line"
    if not found and question.kind == "words" and any(cell.outputs for cell in cells):
        return ""
    if not found:
        raise ValueError(f"the cells tagged predict print no {what}: ask with choices")
    which = question.which
    if which is None:
        return found[-1].rstrip(".") if what == "number" else _few_words(text)
    if not -len(found) <= which <= len(found):
        raise ValueError(f":which: is {which}, but the cells print {len(found)} {what}(s)")
    chosen = found[which - 1 if which > 0 else which]
    return chosen.rstrip(".") if what == "number" else _few_words(chosen)


def _few_words(text: str) -> str:
    """Return what is printed as the key of a question for words.

    Raises:
        ValueError: no reader would write it like this, so it cannot be compared.
    """
    key = _unquoted(text)
    if "\n" in key or len(key) > LONGEST or key.startswith(("(", "[", "{")):
        raise ValueError(
            f"the answer in words, {key!r}, cannot be compared with what a reader writes: it needs "
            f"one line, at most {LONGEST} characters and no bracket at its start; ask for a number "
            "or choices, or set :which:"
        )
    return key


def _unquoted(text: str) -> str:
    """The text of a string's representation; other text as it is."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
    return value if isinstance(value, str) else text
