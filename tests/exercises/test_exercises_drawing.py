"""The words with which inputs are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from d2lexercises.drawing import TRIES, Draw


@pytest.fixture
def draw():
    return Draw(np.random.default_rng(0))


def test_until_returns_the_first_that_fits_and_draws_no_further(draw):
    numbers = iter([3, 7, 8, 9])
    assert draw.until(lambda number: number > 7, lambda: next(numbers)) == 8
    assert list(numbers) == [9]


def test_until_draws_from_the_seed(draw):
    def above_7(source):
        return source.until(lambda number: number > 7, lambda: source.integer(1, 9))

    first = [above_7(draw) for _ in range(50)]
    other = Draw(np.random.default_rng(0))
    assert [above_7(other) for _ in range(50)] == first
    assert set(first) == {8, 9}


def test_distinct_integers_lie_within_their_limits(draw):
    for count in (0, 3, 5):
        found = draw.distinct(2, 6, count)
        assert len(found) == len(set(found)) == count and set(found) <= set(range(2, 7))


def test_until_gives_up_where_nothing_fits(draw):
    drawn = []
    with pytest.raises(RuntimeError, match=f"None of {TRIES} draws fits"):
        draw.until(lambda number: number > 9, lambda: drawn.append(1) or draw.integer(1, 9))
    assert len(drawn) == TRIES
