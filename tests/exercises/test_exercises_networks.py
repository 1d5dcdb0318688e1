"""Helpers for small networks, in each framework."""

from __future__ import annotations

import numpy as np
import pytest
from d2lexercises.frameworks import load
from d2lexercises.networks import double_tensor, load_state, saved_state

THIRD = np.array([[1 / 3]])  # has other digits in 32 bits


@pytest.fixture
def f(framework):
    return load(framework)


def test_a_double_tensor_keeps_every_digit(f):
    found = f.array(double_tensor(THIRD, f))
    assert found.dtype == np.float64
    assert found == THIRD


def test_what_one_model_saves_another_loads(f):
    first = f.dense(np.array([[2.0, 3.0]]), np.array([5.0, 7.0]))
    second = f.dense(np.zeros((1, 2)), np.zeros(2))
    x = f.tensor(np.array([[10.0]]))
    load_state(second, x, saved_state(first, x, f), f)
    assert f.array(second(x)).tolist() == [[25.0, 37.0]]


def test_a_model_of_another_width_is_not_loaded(f):
    first = f.dense(np.ones((1, 2)), np.ones(2))
    second = f.dense(np.ones((1, 3)), np.ones(3))
    x = f.tensor(np.ones((1, 1)))
    saved = saved_state(first, x, f)
    with pytest.raises((RuntimeError, ValueError)):
        load_state(second, x, saved, f)
