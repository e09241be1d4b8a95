"""Means over seeds and differences between arms, with 95 % t intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
MOST_SEEDS = 10_000  # beyond it, we say that seeds do not help


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, which is NaN where one run leaves none.

    Attributes:
        value: the mean, or the difference.
        low: lower end of the interval.
        high: its upper end.
        deviation: standard deviation over the seeds, pooled over the arms.
        freedom: degrees of freedom of the deviation.

    """

    value: float
    low: float
    high: float
    deviation: float
    freedom: int

    def text(self, digits: int) -> str:
        """Return the value with its interval, as in tables."""
        if math.isnan(self.value):
            return "not reached by every run"
        text = f"{self.value:+.{digits}f}"
        if math.isnan(self.low):
            return text
        return f"{text} ({self.low:+.{digits}f} to {self.high:+.{digits}f})"


def t_quantile(freedom: int) -> float:
    """Return t(0.975), the factor of a two-sided 95 % interval, for some degrees of freedom."""
    from scipy.stats import t  # takes half a second to import

    return float(t.ppf((1 + LEVEL) / 2, freedom)) if freedom else math.nan


def contrast(
    arms: Mapping[str, Sequence[float] | np.ndarray],
    weights: Mapping[str, float],
    pool: Sequence[str] | None = None,
) -> Estimate:
    """Estimate a weighted sum of the means of arms.

        value      = sum_i w_i mean_i
        half-width = t(0.975; sum_j (n_j - 1)) s sqrt(sum_i w_i^2 / n_i)

    Args:
        arms: values of each arm, one per seed.
        weights: of the arms, such as {"b": 1, "a": -1} for b - a.
        pool: the arms j over which the standard deviation s is pooled; those of `weights` unless
            given.

    """
    values = {name: np.asarray(arms[name], np.float64) for name in {*weights, *(pool or ())}}
    value = sum(weight * float(values[name].mean()) for name, weight in weights.items())
    pooled = [values[name] for name in (weights if pool is None else pool)]
    freedom = sum(len(arm) - 1 for arm in pooled)
    squares = sum(float(((arm - arm.mean()) ** 2).sum()) for arm in pooled)
    deviation = math.sqrt(squares / freedom) if freedom else math.nan
    scale = math.sqrt(sum(weight**2 / len(values[name]) for name, weight in weights.items()))
    half = t_quantile(freedom) * deviation * scale
    return Estimate(value, value - half, value + half, deviation, freedom)


def mean(values: Sequence[float]) -> Estimate:
    """Estimate the mean of one arm."""
    return contrast({"": values}, {"": 1.0})


def seeds_needed(
    estimate: Estimate, weights: Mapping[str, float], arms: int, threshold: float
) -> int | None:
    """Return how many seeds of each arm would exclude the threshold, were the value as seen.

    Args:
        estimate: of a contrast.
        weights: its weights.
        arms: number of arms over which the deviation is pooled.
        threshold: the value to exclude.

    Returns:
        The smallest sufficient number, or None if even ten thousand would not do.

    """
    distance = abs(estimate.value - threshold)
    scale = estimate.deviation * math.sqrt(sum(weight**2 for weight in weights.values()))

    def excludes(seeds: int) -> bool:
        return t_quantile(arms * (seeds - 1)) * scale / math.sqrt(seeds) < distance

    low, high = 1, MOST_SEEDS  # low does not exclude it, high does
    if not excludes(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if excludes(middle) else (middle, high)
    return high
