"""Means and variances of a layer's input, batch by batch, combined as if it were one batch."""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Of every channel: how many values, their mean, and their (biased) variance."""

    number: float
    mean: np.ndarray  # [C], float64
    variance: np.ndarray  # [C], float64


@np.errstate(invalid="ignore")  # of infinite values
def combine(a: Moments | None, b: Moments) -> Moments:
    """Return the moments of two batches together.

    The variance is the mean of the variances within the batches plus the variance of their means,
    both weighted by size: what one large batch would have, and not the mean of the variances alone.
    """
    if a is None:
        return b
    number = a.number + b.number
    share = b.number / number
    step = b.mean - a.mean
    within = a.variance + share * (b.variance - a.variance)
    return Moments(number, a.mean + share * step, within + share * (1 - share) * step**2)


class Seen(NamedTuple):
    """What one layer has seen of all images."""

    values: Moments  # of all values of a channel
    images: Moments  # of the means of the single images: their variance is what batches add


def add(a: Seen | None, b: Seen) -> Seen:
    """Return what was seen in both."""
    if a is None:
        return b
    return Seen(combine(a.values, b.values), combine(a.images, b.images))
