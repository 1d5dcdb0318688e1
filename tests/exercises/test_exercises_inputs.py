"""Inputs for which no right answer can be right would cost a student the question."""

from __future__ import annotations

from d2lexercises import find_question


def test_no_picture_is_too_small_for_its_convolutions():
    question = find_question("deferred-initialization.picture")
    for seed in range(500):
        for case in question.draw(seed)["cases"]:
            for side in case["sides"]:
                for _, window, stride in case["convolutions"]:
                    side = (side - window) // stride + 1
                    assert side >= 1, (seed, case)
