"""How far moving statistics are from those of the data, and what explains the distance."""

from typing import NamedTuple

import numpy as np

from bnstudy.doctor.moments import Seen

Statistics = tuple[np.ndarray, np.ndarray]  # mean and variance, [C], float64


class Distance(NamedTuple):
    """Root mean squares over the channels."""

    shift: float  # of the means, in standard deviations of the data
    scale: float  # of the standard deviations, as a power of two

    @property
    def larger(self) -> float:
        """The larger of the two."""
        return max(self.shift, self.scale)


@np.errstate(invalid="ignore")  # statistics that are no numbers are judged elsewhere
def distance(moving: Statistics, data: Statistics, epsilon: float) -> Distance:
    """Compare statistics as batch norm uses them: with epsilon, so a constant channel counts 0."""
    (mean, variance), (right, spread) = moving, data
    shift = (mean - right) / np.sqrt(spread + epsilon)
    scale = 0.5 * np.log2((variance + epsilon) / (spread + epsilon))
    return Distance(_root_mean_square(shift), _root_mean_square(scale))


class Fit(NamedTuple):
    """A number, and the share of the squared distance that it explains."""

    value: float
    explained: float


@np.errstate(invalid="ignore")
def start_left(moving: Statistics, data: Statistics, start: Statistics, epsilon: float) -> Fit:
    """Fit the weight r that the start values still have: moving = r start + (1 - r) data."""
    scales = np.sqrt(data[1] + epsilon), data[1] + start[1]
    full = np.concatenate([(a - b) / s for a, b, s in zip(start, data, scales, strict=True)])
    seen = np.concatenate([(a - b) / s for a, b, s in zip(moving, data, scales, strict=True)])
    return _fit(full, seen)


@np.errstate(invalid="ignore")
def inverse_batch_size(moving: Statistics, data: Seen, epsilon: float) -> Fit:
    """Fit 1/B, where B is the number of images in a batch of the training.

    The moving variance averages variances within batches. They lack the variance of the batches'
    means, which is that of the images' means divided by B.
    """
    spread = data.values.variance
    lacking = data.images.variance / (spread + epsilon)
    return _fit(lacking, (spread - moving[1]) / (spread + epsilon))


@np.errstate(invalid="ignore")
def _fit(x: np.ndarray, y: np.ndarray) -> Fit:
    """Fit y = value x by least squares."""
    if not x.any() or not y.any():
        return Fit(0.0, 0.0)
    value = float(x @ y / (x @ x))
    return Fit(value, float(1 - np.sum((y - value * x) ** 2) / (y @ y)))


def _root_mean_square(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))
