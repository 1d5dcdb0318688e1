"""What exercises of the second edition hold to, and the calculations by hand that they rest on.

They are those of the chapters in which a question states its minutes.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from d2lexercises import find_question, frameworks, library, questions
from d2lexercises.given import Given
from editions.exercises.exercise_files import Section, sections
from exercise_answers import CHAPTERS, FOLDER, FRAMEWORKS, exercise_file

SECOND = [
    chapter
    for chapter in CHAPTERS
    if any(find_question(name).minutes for name in questions(chapter))
]
each_chapter = pytest.mark.parametrize("chapter", SECOND)
WORDS = 120  # of prose before the signature
MARKED = re.compile(r"\*(\d+) minutes, difficulty ([123]) of 3\.\*")
BESIDE = re.compile(r"(?ms)^```.*?^```$|^\([\w-]+\)=$|^#+ .*?$|^\$\$.*?\$\$|\]\([^)]*\)|\$[^$]*\$")
WORD = re.compile(r"\w[\w'’-]*")


def asked(chapter: str) -> dict[str, Section]:
    """The sections of an exercise file that ask a question."""
    return {one.question: one for one in sections(exercise_file(chapter)) if one.question}


def before_the_signature(section: Section, framework: str) -> str:
    """The prose of a section, in one edition, that comes before the starter."""
    prose = []
    for cell in section.cells:
        if "starter" in cell.tags:
            return "\n".join(prose)
        if framework in cell.tags or not set(FRAMEWORKS) & set(cell.tags):
            prose.append(cell.source)
    raise AssertionError(f"{section.question}: there is no starter")


@each_chapter
def test_each_text_states_the_minutes_and_the_difficulty_of_its_question(chapter):
    found = asked(chapter)
    assert list(found) == list(questions(chapter)) and 5 <= len(found) <= 7
    for name, section in found.items():
        question = find_question(name)
        (stated,) = MARKED.findall(section.cells[0].source)
        assert stated == (str(question.minutes), str(question.difficulty)), name


@each_chapter
def test_the_first_takes_five_minutes_and_the_last_an_evening(chapter):
    minutes = [find_question(name).minutes for name in questions(chapter)]
    levels = [find_question(name).difficulty for name in questions(chapter)]
    assert minutes[0] == 5 and minutes[-1] == max(minutes) >= 120
    assert levels == sorted(levels) and set(levels) == {1, 2, 3}


@each_chapter
def test_a_text_is_short_and_works_an_example(chapter, framework):
    for name, section in asked(chapter).items():
        prose = before_the_signature(section, framework)
        assert len(WORD.findall(BESIDE.sub(" ", prose))) <= WORDS, name
        assert prose.count("**Example:**") == 1, name


@pytest.mark.chapters("blocks")
def test_the_transformer_by_hand_is_that_of_the_built_in_layers(framework):
    by_hand = library.load(FOLDER / "blocks" / "question.py")
    case = Given(find_question("blocks.transformer").draw(3)).several
    weights, f = by_hand.weights_of(case, framework), frameworks.load(framework)
    width, hidden, x = case.x.shape[-1], case.hidden, f.tensor(case.x)
    if framework == "pytorch":
        import torch
        from torch import nn

        net = nn.TransformerEncoderLayer(
            width, case.heads, hidden, dropout=0.0, norm_first=True, batch_first=True
        )
        net.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        plain, causal = net(x), net(x, src_mask=mask, is_causal=True)
    else:
        from keras import layers

        parts = {
            "attention": layers.MultiHeadAttention(case.heads, width // case.heads),
            "norm1": layers.LayerNormalization(),
            "norm2": layers.LayerNormalization(),
            "up": layers.Dense(hidden, activation="relu"),
            "down": layers.Dense(width),
        }

        def block(X, causal):
            Z = parts["norm1"](X)
            X = X + parts["attention"](Z, Z, use_causal_mask=causal)
            return X + parts["down"](parts["up"](parts["norm2"](X)))

        block(x, False)  # makes the weights
        for name, part in parts.items():
            part.set_weights([array for key, array in weights.items() if key.startswith(name)])
        plain, causal = block(x, False), block(x, True)
    for found, masked in ((plain, False), (causal, True)):
        expected = by_hand.transformer_by_hand(case, framework, causal=masked)
        np.testing.assert_allclose(f.array(found), expected, atol=2e-5)
    assert np.abs(f.array(plain) - f.array(causal)).max() > 0.01
