"""What numbers that an answer drew at random have to look like."""

from __future__ import annotations

import numpy as np

from d2lexercises.faults import Unfit


def need_normal(
    z: np.ndarray, size: float, *, mean: float, deviation: float, beyond: tuple[float, float]
) -> None:
    """Raise `Unfit` unless `z` looks drawn from the standard normal distribution, each by itself.

    Args:
        z: noise, divided by `size`; any shape.
        size: the standard deviation that the noise should have, for the message.
        mean: how far that of `z` may be from 0.
        deviation: how far the standard deviation of `z` may be from 1.
        beyond: the lowest and the highest share of `z` beyond two standard deviations.
    """
    if not np.all(np.isfinite(z)):
        raise Unfit("Noise: it holds values that are not finite numbers.")
    different = len(np.unique(np.round(z, 5))) / z.size
    if different < 0.95 and z.std() > 0.05:  # first: a few numbers have any mean
        raise Unfit(
            f"Noise: {z.size} numbers were added, and {different:.0%} of them are different; all "
            "should be."
        )
    if abs(z.mean()) > mean or abs(z.std() - 1) > deviation:
        raise Unfit(
            f"Noise: mean 0 and standard deviation {size:.3f} are expected, got mean "
            f"{z.mean() * size:.3f} and standard deviation {z.std() * size:.3f}."
        )
    tails = (np.abs(z) > 2).mean()
    if not beyond[0] < tails < beyond[1]:
        raise Unfit(
            "Noise: of normally distributed numbers about 5 % lie beyond two standard deviations; "
            f"of yours {tails:.1%}."
        )
