"""Means, differences and their intervals, against least squares and SciPy's t tests."""

import math

import numpy as np
import pytest
from scipy import stats

from bnstudy.report.estimates import contrast, mean, seeds_needed, t_quantile

RANDOM = np.random.default_rng(3)
ARMS = {
    name: RANDOM.normal(i, 0.3, size=n)
    for i, (name, n) in enumerate(zip("abcd", (3, 5, 4, 2), strict=True))
}
WEIGHTS = {"a": 1.0, "b": -0.5, "c": -0.75, "d": 0.25}


def by_least_squares(arms, weights):
    """The same interval from a regression on dummy variables."""
    names = sorted(arms)
    x = np.concatenate([[np.eye(len(names))[i]] * len(arms[n]) for i, n in enumerate(names)])
    y = np.concatenate([arms[name] for name in names])
    w = np.array([weights.get(name, 0.0) for name in names])
    beta, *_ = np.linalg.lstsq(x, y)
    freedom = len(y) - len(names)
    variance = ((y - x @ beta) ** 2).sum() / freedom
    error = math.sqrt(variance * w @ np.linalg.inv(x.T @ x) @ w)
    half = stats.t.ppf(0.975, freedom) * error
    return w @ beta, w @ beta - half, w @ beta + half, math.sqrt(variance), freedom


@pytest.mark.parametrize("weights", [WEIGHTS, {"b": 1.0, "a": -1.0}])
def test_a_contrast_pooled_over_all_arms_equals_least_squares(weights):
    found = contrast(ARMS, weights, "abcd")
    expected = by_least_squares(ARMS, weights)
    assert tuple(vars(found).values()) == pytest.approx(expected, rel=1e-12)


def test_a_difference_of_two_arms_equals_students_test():
    found = contrast(ARMS, {"b": 1.0, "a": -1.0})
    interval = stats.ttest_ind(ARMS["b"], ARMS["a"]).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_a_mean_equals_students_test_of_one_sample():
    found = mean(ARMS["b"])
    interval = stats.ttest_1samp(ARMS["b"], 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-12)
    assert found.deviation == pytest.approx(ARMS["b"].std(ddof=1), rel=1e-12)


def test_one_seed_has_a_mean_and_no_interval():
    found = mean([0.8])
    assert found.value == 0.8
    assert all(map(math.isnan, (found.low, found.high, found.deviation)))
    assert math.isnan(t_quantile(0))


def test_a_single_seed_borrows_the_deviation_of_the_other_arms():
    found = contrast({**ARMS, "e": [7.0]}, {"e": 1.0, "a": -1.0}, "abcde")
    assert found.freedom == 10
    assert found.low < found.value < found.high


def test_the_number_of_seeds_is_the_smallest_that_excludes_the_threshold():
    weights = {"b": 1.0, "a": -1.0}
    arms = {"a": [0.0, 1.0, 2.0], "b": [0.5, 1.5, 2.5], "c": [0, 1, 2], "d": [0, 1, 2]}
    estimate = contrast(arms, weights, "abcd")
    needed = seeds_needed(estimate, weights, 4, threshold=0.0)

    def half(seeds):
        return stats.t.ppf(0.975, 4 * (seeds - 1)) * estimate.deviation * math.sqrt(2 / seeds)

    assert half(needed) < 0.5 <= half(needed - 1)
    assert seeds_needed(estimate, weights, 4, threshold=0.5) is None
